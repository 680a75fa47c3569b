/**
 * A stretch of text as SQL would read it, one letter a token:
 * `1` number or constant, `s` text literal, `n` name, `v` variable, `f` name before a bracket, `d` function known from attacks, `&` and/or,
 * `|` the operators || and &&, `!` not, `o` comparison, `a` arithmetic, `U` union, `E` select, `S` other statement, `D` waitfor delay, `A` all/distinct,
 * `F` from, `W` where/having, `B` order or group by, `L` limit, outfile, procedure, `K` other keyword, `C` case when, `M` "in boolean mode", `I` if with its bracket,
 * `c` comment to the end of the line, or one that does not end, and `( ) , ; q` themselves (q: what SQL has no use for).
 */
export interface SqlTokens {
  readonly letters: string;
  /** The text was read to its end. */
  readonly complete: boolean;
}

const MAX_TOKENS = 48;

const WORDS: Readonly<Record<string, string>> = {
  ...letters('&', 'and or xor'),
  ...letters('!', 'not'),
  ...letters('o', 'like rlike regexp ilike in between is glob sounds div mod'),
  ...letters('U', 'union intersect except minus'),
  ...letters('E', 'select'),
  ...letters('A', 'all distinct'),
  ...letters('F', 'from'),
  ...letters('W', 'where having'),
  ...letters('K', 'as on then else end when values table database join inner outer left right cross natural using asc desc'),
  ...letters('1', 'null true false'),
};
const FUNCTIONS = new Set(
  (
    'sleep benchmark pg_sleep extractvalue updatexml load_file char chr concat concat_ws group_concat ascii substring substr mid hex unhex elt exp ' +
    'version database user current_user system_user session_user schema randomblob load_extension regexp_substring crypt_key dbms_pipe.receive_message ' +
    'dbms_utility.sqlid_to_sqlhash dbms_lock.sleep user_lock.sleep utl_inaddr.get_host_address utl_http.request ctxsys.drithsx.sn xmltype ' +
    'generate_series convert cast exists make_set rand floor count row iif ifnull json_depth json_extract waitfor md5 sha1 length len sqlite_version ' +
    'master..xp_cmdshell xp_cmdshell openrowset to_char upper lower repeat like ord bin'
  ).split(' '),
);

const TOKEN = new RegExp(
  [
    String.raw`(\s+|\/\*(?!!)[^*]{0,400}\*\/|\/\*!\d*|\*\/)`,
    String.raw`(0x[0-9a-f]+\b|0b[01]+\b|\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])|\.\d+)`,
    String.raw`(order\s+(?:siblings\s+)?by\b|group\s+by\b)`,
    String.raw`(limit\s+\d|offset\s+\d|procedure\s+analyse|into\s+(?:out|dump)file|for\s+xml\s+path)`,
    String.raw`(case\s+when|case\s+\d+\s+when)`,
    String.raw`(in\s+boolean\s+mode|with\s+query\s+expansion)`,
    String.raw`(waitfor\s+(?:delay|time)\b(?=\s*(?:['"@(\d]|$)))`,
    String.raw`((?:drop|truncate|alter|create)\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:table|database|schema|view|function|procedure|user|login|trigger|index|role|alias|assembly)\b|insert\s+into\b|delete\s+from\b|update\s+[\w.[\]"]+\s+set\b|replace\s+into\b|declare\s+@?\w+|exec(?:ute)?(?:\s+immediate|\s+[\w.[\]]+|\s*\()|call\s+[\w.]+\s*\(|begin\s+[\w.]+|shutdown\b|grant\s+\w+\s+(?:on|to)\b|set\s+@\w+|load\s+data\b|copy\s+\w+\s+(?:from|to)\b|perform\s+\w+\s*\(|handler\s+\w+\s+open|attach\s+database|vacuum\s+into)`,
    String.raw`(if\s*\()`,
    String.raw`([@:]{1,2}[a-z_][\w$.]*)`,
    String.raw`([a-z_\u0080-\uffff][\w$\u0080-\uffff]*(?:\.{1,2}[a-z_*][\w$]*){0,3}|\[[\w ]{1,60}\]|\d[\w$]*)`,
    String.raw`(<=>|<>|!=|<=|>=|==|=|<|>|!<|!>|~\*|!~)`,
    String.raw`(\|\||&&)`,
    String.raw`(--(?![\w(.])|--\s|#|\/\*(?!!)(?![\s\S]{0,8000}\*\/))`,
    String.raw`([+\-*/%^~|&])`,
    '([(),;!])',
    String.raw`(['"\u0060])`,
  ].join('|'),
  'iy',
);
const GROUPS = ' 1BLCMDSI';

/** Reads from `start`; `lower` is the text in lower case. At most 48 tokens and 4,000 characters. */
export function sqlTokens(lower: string, start: number): SqlTokens {
  const end = Math.min(lower.length, start + 4000);
  let tokens = '';
  let at = start;
  while (at < end && tokens.length < MAX_TOKENS) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(lower);
    if (match === null) {
      tokens += 'q';
      at++;
      continue;
    }
    at = TOKEN.lastIndex;
    const [whole] = match;
    if (match[1] !== undefined) continue;
    const simple = [2, 3, 4, 5, 6, 7, 8, 9].find((group) => match[group] !== undefined);
    if (simple !== undefined) tokens += GROUPS[simple - 1];
    else if (match[10] !== undefined) tokens += 'v';
    else if (match[11] !== undefined) tokens += word(whole, lower, at);
    else if (match[12] !== undefined) tokens += 'o';
    else if (match[13] !== undefined) tokens += '|';
    else if (match[14] !== undefined) {
      tokens += 'c';
      const line = whole === '/*' ? -1 : lower.indexOf('\n', at);
      at = line < 0 ? end : line + 1;
    } else if (match[15] !== undefined) tokens += 'a';
    else if (match[16] !== undefined) tokens += whole;
    else {
      const close = closing(lower, at, whole);
      tokens += whole === '\u0060' ? 'n' : 's';
      at = close < 0 ? end : close + 1;
    }
  }
  return { letters: tokens, complete: at >= end };
}

function word(text: string, lower: string, after: number): string {
  const known = Object.hasOwn(WORDS, text) ? WORDS[text] : undefined;
  if (known !== undefined && !(known === 'o' && FUNCTIONS.has(text) && lower[after] === '(')) return known;
  let next = after;
  while (lower[next] === ' ') next++;
  if (lower[next] !== '(') return text === 'current_user' || text === 'sysdate' ? '1' : 'n';
  return FUNCTIONS.has(text) ? 'd' : next === after ? 'f' : 'n';
}

function closing(lower: string, from: number, quote: string): number {
  for (let at = lower.indexOf(quote, from); at >= 0; at = lower.indexOf(quote, at + 1)) {
    if (lower[at + 1] === quote && at + 2 < lower.length) at++;
    else if (lower[at - 1] !== '\\') return at;
  }
  return -1;
}

function letters(letter: string, words: string): Record<string, string> {
  return Object.fromEntries(words.split(' ').map((one) => [one, letter]));
}
