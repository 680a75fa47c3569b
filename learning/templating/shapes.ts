import { decodeSegment } from '../../exchange/index.js';

/**
 * What one path segment looks like by itself. A shape says "this is a value, whatever stands beside it"; a word, slug, SKU or user name has none
 * and is judged by how its siblings behave.
 */
export type Shape =
  | 'int'
  | 'float'
  | 'uuid'
  | 'ulid'
  | 'hex'
  | 'date'
  | 'datetime'
  | 'ip'
  | 'email'
  | 'phone'
  | 'prefixed'
  | 'token'
  | 'long'
  | 'escaped'
  | 'binary';

/** What handles begin with: `@ada`, `~ada`. */
export const SIGILS = '@~!';

const UUID = /^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$/i;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const DATE = /^(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?$/;
const DATETIME = /^(?:19|20)\d\d-\d\d-\d\dT\d\d:?\d\d/;
const IPV4 = /^(?:\d{1,3}\.){3}\d{1,3}$/;
const IPV6 = /^[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}$/i;
const EMAIL = /^[^@\s/]+@[^@\s/]+\.[a-z]{2,}$/i;
const PHONE = /^\+\d{7,15}$/;
const HEX = /^(?:0x)?[0-9a-f]{16,}$/i;
const PREFIXED = /^[a-z]{1,8}_([A-Za-z0-9]{8,})$/;
const TOKEN = /^[A-Za-z0-9_-]{8,}={0,2}$/;
/** Names such as `getUserByIdV2` or `HTTPProxyList` change case as often as tokens do. */
const CAMEL = /^[a-z]*(?:[A-Z][a-z]{1,}|[A-Z]{1,4}(?=[A-Z][a-z]|\d|$)|\d{1,2}(?=[A-Z]|$))+$/;
/** What no route is named with, so that clients must escape it: `Europe%2FBerlin`, `%23news`, an emoji. */
const UNROUTABLE = /[/\\?#%\p{So}]/u;
const LONGEST = 200;

/** The shape of a decoded segment; null for words and whatever else needs its siblings to be judged. */
export function shapeOf(text: string): Shape | null {
  const first = text.charCodeAt(0);
  const digitFirst = first >= 48 && first <= 57;
  if (digitFirst || first === 45) {
    if (/^-?\d+$/.test(text)) return 'int';
    if (/^-?\d+\.\d+$/.test(text)) return 'float';
    if (DATE.test(text)) return 'date';
    if (DATETIME.test(text)) return 'datetime';
    if (IPV4.test(text)) return 'ip';
  }
  if (text.length < 8) return null;
  if (text.length > LONGEST) return 'long';
  if (text.length >= 36 && UUID.test(text)) return 'uuid';
  if (text.length === 26 && ULID.test(text)) return 'ulid';
  if (HEX.test(text) && digitCount(text) >= 2) return 'hex';
  if (first === 43 && PHONE.test(text)) return 'phone';
  if (EMAIL.test(text)) return 'email';
  if (text.includes(':') && IPV6.test(text)) return 'ip';
  if (hasControl(text)) return 'binary';
  const prefixed = PREFIXED.exec(text);
  if (prefixed !== null && (digitCount(prefixed[1]) >= 1 ? classChanges(prefixed[1]) >= 2 : classChanges(prefixed[1]) >= 4))
    return 'prefixed';
  if (TOKEN.test(text)) {
    const changes = classChanges(text);
    if (changes >= 4 && changes / text.length >= 0.3 && !CAMEL.test(text)) return 'token';
  }
  return null;
}

/** A segment split into a shaped stem and what follows it: `12.json` is an int with `.json`, `8f…:cancel` a uuid with `:cancel`. */
export interface SegmentKey {
  /** Key of the tree child: the literal text, or `<shape>`, or `<shape>|tail`. */
  readonly key: string;
  readonly shape: Shape | null;
  /** Text after the stem, with its separator; empty for most. */
  readonly tail: string;
}

const bare = <S extends Shape>(shape: S): SegmentKey => ({ key: `<${shape}>`, shape, tail: '' });
/** Keys of whole values: the same few, so that looking them up costs no new text. */
const BARE: Readonly<Record<Shape, SegmentKey>> = {
  int: bare('int'),
  float: bare('float'),
  uuid: bare('uuid'),
  ulid: bare('ulid'),
  hex: bare('hex'),
  date: bare('date'),
  datetime: bare('datetime'),
  ip: bare('ip'),
  email: bare('email'),
  phone: bare('phone'),
  prefixed: bare('prefixed'),
  token: bare('token'),
  long: bare('long'),
  escaped: bare('escaped'),
  binary: bare('binary'),
};
const TAIL = /^(.+?)(\.[A-Za-z][A-Za-z0-9]{1,7}|:[A-Za-z][A-Za-z]*)$/;
const QUOTED = /^('|%27).+\1$/;
const CALL = /^([A-Za-z_][\w.]*)\((.+)\)$/;
const NAMED_KEYS = /^[A-Za-z_]\w*=(?:'[^']*'|[^',=]+)(?:,[A-Za-z_]\w*=(?:'[^']*'|[^',=]+))*$/;
const NAMED_KEY = /([A-Za-z_]\w*)=(?:('|%27).*?\2|[^',=]+)(?=,|$)/g;

/** The tree key of a raw segment: shapes are looked for in the decoded text, words stay as they stand on the wire. OData calls `Name('x')` become `Name('{}')`, those with named keys `Name(a=1,b=2)` become `Name(a={},b={})`, matrix parameters (RFC 3986 §3.3) become `name;key={}`. */
export function segmentKey(raw: string): SegmentKey {
  const text = decodeSegment(raw);
  const shape = shapeOf(text) ?? (text !== raw && UNROUTABLE.test(text) ? 'escaped' : null);
  if (shape !== null) return BARE[shape];
  if (raw.includes(';') && raw.includes('=')) {
    const key = matrixKey(raw);
    if (key.includes('{}')) return { key, shape: null, tail: '' };
  }
  if (raw.endsWith(')')) {
    const call = CALL.exec(raw);
    if (call !== null) return { key: `${call[1]}(${keysOf(call[2])})`, shape: null, tail: '' };
  }
  const split = TAIL.exec(raw);
  if (split !== null) {
    const stem = shapeOf(decodeSegment(split[1]));
    if (stem !== null && stem !== 'email' && stem !== 'float') return { key: `<${stem}>|${split[2]}`, shape: stem, tail: split[2] };
  }
  return { key: raw, shape: null, tail: '' };
}

/** What stands between the brackets of an OData entity (OData 4.01 URL conventions §4.3.1): one key, or several by name. */
function keysOf(inner: string): string {
  if (NAMED_KEYS.test(inner))
    return inner.replace(NAMED_KEY, (_, name: string, quote: string | undefined) => `${name}=${quote ?? ''}{}${quote ?? ''}`);
  const quote = QUOTED.exec(inner)?.[1] ?? '';
  return `${quote}{}${quote}`;
}

function matrixKey(raw: string): string {
  return raw
    .split(';')
    .map((part, index) => {
      if (index === 0) return part !== '' && shapeOf(decodeSegment(part)) !== null ? '{}' : part;
      const equals = part.indexOf('=');
      return equals < 1 || equals === part.length - 1 ? part : `${part.slice(0, equals)}={}`;
    })
    .join(';');
}

export function digitCount(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 48 && code <= 57) count++;
  }
  return count;
}

/** How often the character class (lower, upper, digit, other) changes along the text; `-` and `_` are looked through. */
export function classChanges(text: string): number {
  let changes = 0;
  let before = -1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 45 || code === 95) continue;
    const kind = code >= 97 && code <= 122 ? 0 : code >= 65 && code <= 90 ? 1 : code >= 48 && code <= 57 ? 2 : 3;
    // A capital that starts a camel-case word is not a change of its own.
    if (before >= 0 && kind !== before && !(before === 1 && kind === 0)) changes++;
    before = kind;
  }
  return changes;
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 32 || code === 127 || code === 0xfffd) return true;
  }
  return false;
}
