import { sqlTokens } from './sql-tokens.js';

/** One sign that a rule of the table stands for. */
export type Sign = (rule: string, at?: number) => void;

/** What may follow a quote that breaks out of a text literal, or the value in front of an unquoted break-out. */
const BEHIND_QUOTE =
  /^%?[\s)\]}]*(?:[;,+\-*/|&=<>!~^#(%]|and\b|or\b|xor\b|not\b|union|except|intersect|order\b|group\b|having|where|like|rlike|regexp|in\b|is\b|between|as\b|limit|procedure|into\b|waitfor|if\b|case\b|select|for\b|div\b|begin\b|exec|$|\/\*)/;
const BEHIND_VALUE =
  /[\s)\]}]*(?:[;,+\-*/|&=<>!~^#%]|\(\s*select\b|(?:and|or|xor|union|except|intersect|order|group|having|where|like|rlike|regexp|in|between|as|limit|procedure|into|waitfor|select|begin|exec|declare|call|for|div|rlike)\b)/y;
const SQL_WORD = /^[\s(+-]*(?:and|or|xor|union|order|group|having|where|rlike|like|between|in|procedure|limit|waitfor|into|select|case)\b/;

interface Form {
  readonly rule: string;
  readonly letters: RegExp;
}

/** Letters of `sql-tokens.ts`; closing brackets at the break-out point are gone before these are tried. */
const BREAK_OUT: readonly Form[] = [
  { rule: 'sql-union', letters: /^[^;]{0,40}?U[A]?[a(]*E(?:A)?[a(]*(?:[1svdfC]|a[,F]|n(?:[,.F)c(]|$)|!)/ },
  { rule: 'sql-stacked', letters: /^[^;]{0,30};+\(?(?:[SDd]|I!?[1s(]+o|E\(*[1svdfCa(]|E\(*n(?:[,F(;c]|$))/ },
  { rule: 'sql-stacked', letters: /^D|^S(?!$)/ },
  { rule: 'sql-logic', letters: /^(?:M\)*)?[&|]!?[!(a]*(?:E|C|d\(|I[^;]{0,12}d\()/ },
  { rule: 'sql-logic', letters: /^(?:M\)*)?&!?[!(a]*f\([^;]*\)[)]*(?:o|$|c|&)/ },
  {
    rule: 'sql-logic',
    letters: /^(?:M\)*)?&!?[!(a]*(?:1\)*[oa][!(a]*[1snvdfEC]|s\)*o[!(a]*[1svdfEC]|[1sv]\)*(?:c|;|\)|B|L|$)|[ns]\)*o[!(a]*[1sndfEC])/,
  },
  { rule: 'sql-logic', letters: /^\|!?[!(a]*(?:1\)*o[!(a]*1|s\)*o[!(a]*s|[1]\)*(?:c|$))/ },
  { rule: 'sql-operator', letters: /^!?(?:[oa&|!]\(*|\(+)(?:E(?!q)[^;]{0,12}[F1snvCd(]|C|d\()/ },
  { rule: 'sql-operator', letters: /^,\(*(?:E[^;]{0,12}[F1snvCd(]|C|d\(|1.*c$)/ },
  { rule: 'sql-order', letters: /^B[(a]*(?:1|n(?:\)|c|,|W|$)|d|f|C|E)/ },
  { rule: 'sql-order', letters: /^L/ },
  { rule: 'sql-where', letters: /^(?:K[ns])?\)*(?:F[n,]+)?W[!(a]*(?:[1snvdf][^;]{0,8}o|E|d\(|f\()/ },
  { rule: 'sql-list', letters: /^,(?:[1snv],?){1,20}\)+(?:;|c)/ },
];

/** A whole value that is SQL by itself. */
const WHOLE: readonly Form[] = [
  { rule: 'sql-function', letters: /^[(a]*d\([^;]*\)/ },
  { rule: 'sql-case', letters: /^\(*C[^;]{3,}/ },
  { rule: 'sql-subselect', letters: /^\(+E[^;]{1,20}[F1snvd(]/ },
  { rule: 'sql-statement', letters: /^(?:E[^;]{1,30}F[n(s]|D|E(?:d\(|v))/ },
  { rule: 'sql-statement', letters: /^S(?:[^;]*;|[ns(v1d].{2})/ },
];
const MAX_QUOTES = 3;
const MAX_TERMINATED_PREFIX = 200;

/** Looks for SQL in the contexts in which a value may be put: as it stands, and behind the quote that would close its literal. */
export function findSql(lower: string, sign: Sign): void {
  for (const quote of [39, 34]) {
    let at = -1;
    for (let seen = 0; seen < MAX_QUOTES; seen++) {
      at = lower.indexOf(quote === 39 ? "'" : '"', at + 1);
      if (at < 0) break;
      // Behind the second quote a literal has just ended, as in any program text: only what no program holds counts there.
      if (BEHIND_QUOTE.test(lower.slice(at + 1, at + 40))) breakOut(lower, at, seen === 1, sign);
    }
  }
  unquoted(lower, sign);
}

function breakOut(lower: string, quote: number, isBehindLiteral: boolean, sign: Sign): void {
  let start = quote + 1;
  if (lower[start] === '%') start++;
  const { letters, complete } = sqlTokens(lower, start);
  const open = letters.replace(/^\)+/, '').replace(/^M\)*/, '');
  for (const { rule, letters: form } of BREAK_OUT) {
    if (!form.test(open)) continue;
    if (isBehindLiteral && (rule === 'sql-list' || rule === 'sql-operator' || rule === 'sql-logic') && !/c$|^[&|][1s(]*o[1s]/.test(open))
      continue;
    sign(rule, quote);
  }
  const isShort = quote <= MAX_TERMINATED_PREFIX && !/\s.*\s/.test(lower.slice(0, quote));
  if (
    !isBehindLiteral &&
    complete &&
    isShort &&
    /^;?c$/.test(open) &&
    /^['"][\s)%;]*(?:--|#|\/\*)[\s+\-\w]{0,12}$/.test(lower.slice(quote))
  )
    sign('sql-comment', quote);
  if (quote === 0 && /^o(?:s|$)/.test(open) && lower.length <= 12) sign('sql-quotes', 0);
}

/** `1 or 2`, `2 and 3`: two numbers, of which the second says nothing that always or never holds. */
const ALTERNATIVE = /^\s*(\d{1,6})\s+(?:and|or)\s+(?!\1\b|[01]\b)\d{1,6}\s*$/;
/** A condition as a whole value, of which something is done that only a database does. */
const TIMED = /^[\s(+-]*if\s*\([^;{}]{1,120}\b(?:sleep|pg_sleep|benchmark|load_file|extractvalue|updatexml)\s*\(/;
const HEAD = /^[\s(+-]*(?:(?:-?\d[\w.]*|null|true|false|@\w+|[\w$.@-]{1,64})(?:\s*%)?(?=[\s)(;,|&+\-*/%<>=^~!]|$))?/;

function unquoted(lower: string, sign: Sign): void {
  for (const { rule, letters: form } of WHOLE) {
    if (!/^[\s(+-]*(?:select|case|waitfor|drop|delete|insert|update|exec|declare|create|alter|truncate|[a-z_.]{2,40}\s*\()/.test(lower))
      break;
    if (form.test(sqlTokens(lower, 0).letters)) {
      sign(rule, 0);
      break;
    }
  }
  if (TIMED.test(lower)) sign('sql-function', 0);
  if (lower.length > 300) unquotedTail(lower, sign);
  const head = SQL_WORD.test(lower) ? '' : (HEAD.exec(lower)?.[0] ?? '');
  BEHIND_VALUE.lastIndex = head.length;
  if (!BEHIND_VALUE.test(lower)) return;
  if (ALTERNATIVE.test(lower)) return;
  const isNumber = /^[\s(+-]*[\d'"]|null|@/.test(head);
  const { letters } = sqlTokens(lower, head.length);
  const open = letters.replace(/^\)+/, '').replace(/^M\)*/, '');
  const isClosed = open.length < letters.length;
  for (const { rule, letters: form } of BREAK_OUT) {
    if (rule === 'sql-list' || !form.test(open)) continue;
    // Words in front make plain sentences look alike: a comparison of constants or a known function has to follow.
    const strict = /^[&|]!?[!(a]*(?:1[oa]1|s\)*os|d\(|\(*E)|U|;|^[oa]\(*(?:E|d)|^B|^L/.test(open);
    if (
      isNumber || isClosed
        ? rule !== 'sql-operator' || !/^a\(?n/.test(open)
        : strict && (rule !== 'sql-order' || /^B1(?:c|$)|^L/.test(open))
    )
      sign(rule, head.length);
  }
  if (head !== '' && isNumber && /^;?c$/.test(open) && /^-?\d+[)\s]*(?:--|#|\/\*)[\s+-]{0,4}\w{0,8}$/.test(lower))
    sign('sql-comment', head.length);
}

/** A long run of padding in front of what follows. */
function unquotedTail(lower: string, sign: Sign): void {
  const tail = lower.slice(-300);
  const start = tail.search(/(?:\s|\))(?:union|and|or|order\s+by|having)\b/);
  if (start < 0) return;
  const open = sqlTokens(tail, start).letters.replace(/^\)+/, '').replace(/^M\)*/, '');
  if (/^&!?[!(a]*(?:1o1|s\)*os|d\()|^UA?[(]*E/.test(open)) sign('sql-logic', lower.length - 300 + start);
}
