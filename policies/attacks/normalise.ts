/** Text of one value that is looked at: this much of its beginning and of its end. */
const HEAD_CHARS = 4096;
const TAIL_CHARS = 3072;
const MAX_ROUNDS = 3;

export interface Normal {
  /** As a backend that decodes everything would read it; the case is kept. */
  readonly text: string;
  /** Some layer of encoding was taken off. */
  readonly decoded: boolean;
  /** Nothing was left to decode within the rounds allowed. */
  readonly settled: boolean;
}

/** Beginning and end of a long value; what lies between is not looked at. */
export function capped(value: string): string {
  return value.length <= HEAD_CHARS + TAIL_CHARS ? value : `${value.slice(0, HEAD_CHARS)}\n${value.slice(-TAIL_CHARS)}`;
}

/**
 * Takes off the encodings that a backend might: percent (also `%u`, overlong UTF-8), HTML entities, `\u` and `\x` escapes, fullwidth forms and
 * code points that become CR or LF when cut to a byte. Up to three rounds; every step only shrinks the text.
 */
export function normalise(value: string): Normal {
  let text = value;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = decodeOnce(text);
    if (next === text) return { text, decoded: round > 0, settled: true };
    text = next;
  }
  return { text, decoded: true, settled: decodeOnce(text) === text };
}

function decodeOnce(value: string): string {
  let text = value;
  if (text.includes('%')) text = text.replace(PERCENT_RUN, decodeRun);
  if (text.includes('&')) text = text.replace(ENTITY, decodeEntity);
  if (text.includes('\\')) text = text.replace(ESCAPE, decodeEscape);
  if (NON_ASCII.test(text)) text = text.replace(OVERLONG, shorten).replace(LOOKALIKE, plain);
  return text;
}

const PERCENT_RUN = /(?:%[0-9a-f]{2}|%u[0-9a-f]{4})+/gi;
const ENTITY = /&(?:#x([0-9a-f]{1,7})|#([0-9]{1,8})|([a-z]{2,8}));?/gi;
const ESCAPE = /\\(?:u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}|x([0-9a-f]{2}))/gi;
const NON_ASCII = /[^\u0000-\u007f]/;
/** Two bytes for what one would do, read as Latin-1 (RFC 3629 §3 forbids it, lenient decoders take it). */
const OVERLONG = /[\u00c0\u00c1][\u0080-\u00bf]|\u00e0[\u0080-\u009f][\u0080-\u00bf]/g;
const LOOKALIKE = /[\uff01-\uff5e\u02b9\u02bc\u560a\u560d\u200b\u200c\ufeff\u2028\u2029]/g;

const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
  lpar: '(',
  rpar: ')',
  colon: ':',
  semi: ';',
  tab: '\t',
  newline: '\n',
  equals: '=',
  sol: '/',
  bsol: '\\',
  nbsp: ' ',
  excl: '!',
  num: '#',
  dollar: '$',
  grave: '`',
  lbrace: '{',
  lcub: '{',
  rbrace: '}',
  rcub: '}',
  lsqb: '[',
  lbrack: '[',
  rsqb: ']',
  rbrack: ']',
  period: '.',
  comma: ',',
  plus: '+',
  ast: '*',
  lowbar: '_',
  verbar: '|',
  vert: '|',
};

function decodeRun(run: string): string {
  const units: number[] = [];
  let text = '';
  const flush = (): void => {
    if (units.length > 0) text += utf8OrLatin1(units);
    units.length = 0;
  };
  for (let at = 0; at < run.length; ) {
    if (run[at + 1] === 'u' || run[at + 1] === 'U') {
      flush();
      text += String.fromCharCode(Number.parseInt(run.slice(at + 2, at + 6), 16));
      at += 6;
    } else {
      units.push(Number.parseInt(run.slice(at + 1, at + 3), 16));
      at += 3;
    }
  }
  flush();
  return text;
}

function utf8OrLatin1(bytes: readonly number[]): string {
  const buffer = Buffer.from(bytes);
  const text = buffer.toString('utf8');
  return text.includes('\ufffd') ? buffer.toString('latin1') : text;
}

function decodeEntity(whole: string, hex: string | undefined, decimal: string | undefined, name: string | undefined): string {
  if (name !== undefined) return whole.endsWith(';') || name.length === 2 ? (NAMED[name.toLowerCase()] ?? whole) : whole;
  const code = hex === undefined ? Number.parseInt(decimal!, 10) : Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

function decodeEscape(whole: string, four: string | undefined, braced: string | undefined, two: string | undefined): string {
  const code = Number.parseInt((four ?? braced ?? two)!, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}

function shorten(bytes: string): string {
  const last = bytes.charCodeAt(bytes.length - 1) & 0x3f;
  const before = bytes.charCodeAt(bytes.length - 2) & (bytes.length === 2 ? 0x1f : 0x3f);
  return String.fromCharCode((before << 6) | last);
}

function plain(char: string): string {
  const code = char.charCodeAt(0);
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  if (code === 0x560a) return '\n';
  if (code === 0x560d) return '\r';
  return code === 0x02b9 || code === 0x02bc ? "'" : '';
}

const BASE64 = /^[A-Za-z0-9+/_ -]{12,}={0,2}$/;
const SERIALISED_MAGIC = /^(?:\u00ac\u00ed\u0000\u0005|\u0080[\u0002-\u0005]|\u0004\u0008)/;

/**
 * The text that a value wraps in base64 (with or without padding, `+` lost to blanks), or null: only when it begins with printable characters or
 * with the mark of a serialisation format.
 */
export function unwrapped(value: string): string | null {
  if (!BASE64.test(value) || !/[A-Z]/.test(value) || !/[a-z0-9]/.test(value)) return null;
  const bare = value.replace(/[ -]/g, '+').replace(/_/g, '/').replace(/=+$/, '');
  if (bare.length % 4 === 1) return null;
  // Four characters make three bytes: the first nine tell text from chance.
  const start = Buffer.from(bare.slice(0, 12), 'base64').toString('latin1');
  if (SERIALISED_MAGIC.test(start)) return Buffer.from(bare, 'base64').toString('latin1');
  if (!/^[\t\n\r\x20-\x7e\u00c2-\u00f4][\t\n\r\x20-\x7e\u0080-\u00f4]{8}/.test(start)) return null;
  const text = Buffer.from(bare, 'base64').toString('utf8');
  return /[^\t\n\r\x20-\x7e\u00a0-\ufffc]/.test(text) ? null : text;
}
