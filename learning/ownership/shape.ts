/**
 * What a name or a value looks like: folding of names over spelling conventions, and shapes of identifiers. Pure functions, no state.
 */

const MAX_FOLDED = 4096;
/** Longer names are worked out each time: only those that are made to fill memory are. */
const LONGEST_KEPT = 200;
const folded = new Map<string, string>();

/** One spelling for `order_ids`, `orderIds`, `order-ids`, `Order`: lower case, letters and digits only, singular. */
export function foldName(name: string): string {
  const known = folded.get(name);
  if (known !== undefined) return known;
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  let single = plain === 'ids' ? 'id' : plain;
  if (plain.length > 3) {
    if (plain.endsWith('ies')) single = `${plain.slice(0, -3)}y`;
    else if (/(?:ss|x|ch|sh)es$/.test(plain)) single = plain.slice(0, -2);
    else if (plain === 'people' || plain === 'persons') single = 'person';
    else if (plain === 'children') single = 'child';
    else if (plain.endsWith('s') && !/(?:ss|us|is)$/.test(plain)) single = plain.slice(0, -1);
  }
  if (name.length > LONGEST_KEPT) return single;
  if (folded.size >= MAX_FOLDED) folded.clear();
  folded.set(name, single);
  return single;
}

const REFERENCE_SUFFIX = /(?:id|uuid|guid|ref|reference|no|number|num|key|code|slug|urn)$/;
const referents = new Map<string, string>();

/** The thing that a reference name points at: `orderId`, `order_ref`, `orders[]` → `order`; empty when the name is only `id`. */
export function referentOf(name: string): string {
  let referent = referents.get(name);
  if (referent === undefined) {
    referent = findReferent(name);
    if (name.length > LONGEST_KEPT) return referent;
    if (referents.size >= MAX_FOLDED) referents.clear();
    referents.set(name, referent);
  }
  return referent;
}

function findReferent(name: string): string {
  const plain = foldName(name.replace(/\[\d*\]$/, ''));
  const bare = plain.replace(REFERENCE_SUFFIX, '');
  return bare === '' || bare === 'object' || bare === 'resource' || bare === 'entity' ? '' : foldName(bare);
}

/** Names that say nothing about what is inside: envelopes of lists and single objects. */
const ENVELOPES = new Set(
  'data result item record row element entry content payload response body object resource value embedded list collection page node edge hit document0 attribute'.split(
    ' ',
  ),
);

export function isEnvelope(name: string): boolean {
  return ENVELOPES.has(foldName(name));
}

const LONGEST_ID = 200;

/** What {@link canonicalId} may have to change. */
const ODD_SPELLING = /^(?:[+{]|0[\dxX]|urn:uuid:)|^\d[\d.]*(?:\.\d*|[eE]\d{1,2})$|[^!-~]|[A-Z]|^[0-9a-f]{32}$/;
const ONE_CASE = /^[^a-z]*$|@/;
const UUID = /^([\da-f]{8})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{12})$/i;
/**
 * One spelling for what servers take for the same id: `010`, `+10`, ` 10 `, `10.0`, `0xA` and `1e1` → `10`; a UUID in capitals, braces or without dashes → with dashes, in small
 * letters; what is all in capitals, and addresses of mail, in small letters. Otherwise whoever writes somebody's id in another way would name an object that nobody knows.
 * Ids of both cases stay as they are: two of base64 may differ by case alone.
 */
export function canonicalId(value: string): string {
  if (value.length > LONGEST_ID) {
    const short = value
      .trim()
      .replace(/^\+?0+(?=\d)/, '')
      .replace(/\.0*$/, '');
    return short.length > LONGEST_ID ? value : canonicalId(short);
  }
  if (isPlainNumber(value) || !ODD_SPELLING.test(value)) return value;
  let id = /[^!-~]/.test(value) ? value.normalize('NFKC').replace(/^[\s\0]+|[\s\0]+$/g, '') : value;
  id = id.replace(/^\{+([^{}]+)\}+$/, '$1').replace(/^urn:uuid:/i, '');
  const number = /^\+?(\d+)(?:\.0*)?$/.exec(id);
  if (number !== null) return number[1].replace(/^0+(?=\d)/, '');
  if (/^(?:0x[\da-f]{1,13}|\d+(?:\.\d+)?e\d{1,2})$/i.test(id) && Number.isSafeInteger(Number(id))) return String(Number(id));
  const uuid = UUID.exec(id);
  if (uuid !== null) return uuid.slice(1).join('-').toLowerCase();
  return (ONE_CASE.test(id) ? id.toLowerCase() : id) || value;
}

/** Most ids are. */
function isPlainNumber(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return value.length === 1 || value.charCodeAt(0) !== 48;
}

/**
 * What lenient servers may take an id for that nobody knows, null if nothing else: the number that it begins with, where the rest is none of another id (`10.json`,
 * `10abc`, `10;x`), or the same in small letters.
 */
export function lenientId(value: string): string | null {
  const found = /^(\d{1,15})\D/.exec(value);
  if (found !== null) return value.length >= 8 && value.length <= LONGEST_ID && /^[\da-f-]+$/i.test(value) ? null : canonicalId(found[1]);
  return /[A-Z]/.test(value) ? value.toLowerCase() : null;
}

const LONGEST_TAIL = 3;
const SHORTEST_STEM = 4;

/**
 * What an id begins with where its last part only counts what belongs together: `acct-0042-1` → `acct-0042`; null for ids that are not of such parts. What tells things apart has
 * digits, at least two of them.
 */
export function stemOf(id: string): string | null {
  const found = /^(.*[^-_.:/])[-_.:/]([\da-z]+)$/i.exec(id);
  if (found === null || found[2].length > LONGEST_TAIL || found[1].length < SHORTEST_STEM) return null;
  return /\d.*\d/.test(found[1]) ? found[1] : null;
}

/** True for texts that can be an identifier: short, without blanks, not a date, an address of a page or a sentence. */
export function isIdentifier(value: string): boolean {
  const length = value.length;
  if (length === 0 || length > LONGEST_ID) return false;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 32) return false;
    if (code >= 48 && code <= 57) digits++;
    else if (code === 46) dots++;
    else if (code === 34 || code === 60 || code === 62 || code === 123 || code === 125) return false;
  }
  if (digits < 2) return true;
  const isDecimal = dots === 1 && digits === length - 1 && value.charCodeAt(0) !== 46 && value.charCodeAt(length - 1) !== 46;
  return !isDecimal && !isDate(value);
}

/** True for what is no identifier because of what stands behind one: a blank, a quotation mark, or too much. A server that reads a number stops there. */
export function hasTail(value: string): boolean {
  return value.length > LONGEST_ID || /[\0- "<>{}]/.test(value);
}

/** `2026-11-21`, with or without a time behind it. */
function isDate(value: string): boolean {
  if (value.length < 10 || value.charCodeAt(4) !== 45 || value.charCodeAt(7) !== 45) return false;
  for (let i = 0; i < 10; i++) {
    const code = value.charCodeAt(i);
    if (i !== 4 && i !== 7 && (code < 48 || code > 57)) return false;
  }
  return value.length === 10 || value.charCodeAt(10) === 84;
}

const INTEGER = /^-?\d+$/;
const WORD = /^[A-Za-z]+(?:[-_.][A-Za-z]+)*$/;

/**
 * True when the value is so particular that it names one thing in a whole service, whatever the resource: UUID, ULID, hex or base-n of 12 and
 * more characters, composites of letters and digits, long integers. Small integers and plain words are unique only within a resource.
 */
export function isGloballyUnique(value: string): boolean {
  const length = value.length;
  if (length < 6) return false;
  let digits = 0;
  let letters = 0;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code >= 48 && code <= 57) digits++;
    else if ((code | 32) >= 97 && (code | 32) <= 122) letters++;
    else if (code === 64) return true;
  }
  if (digits + (value.charCodeAt(0) === 45 ? 1 : 0) === length && digits > 0) return length >= 13;
  if (digits > 0) return letters > 0 && length >= 7;
  return WORD.test(value) && (length >= 22 || (length >= 12 && letters === length && /[a-z][A-Z]/.test(value)));
}

/** True when a literal path segment is surely a value: integers, UUIDs, long mixed texts. Words, `v1` and `2fa` stay static. */
export function looksLikeValue(segment: string): boolean {
  if (INTEGER.test(segment)) return true;
  if (segment.length < 6 || WORD.test(segment)) return segment.length >= 22 && !/[-_.]/.test(segment);
  return /\d/.test(segment) && (segment.match(/\d/g)?.length ?? 0) >= 2 && /^[\w.~:@%=+,-]+$/.test(segment);
}

/** Shape class of a value, to notice a new one at an id: `i` integer, `u` uuid, `h` hex, `w` word, `m` mixed. */
export function shapeOf(value: string): string {
  if (INTEGER.test(value)) return 'i';
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value)) return 'u';
  if (WORD.test(value)) return 'w';
  if (/^[0-9a-f]{16,}$/i.test(value)) return 'h';
  return 'm';
}

/** The id inside a reference that is written as a link or URN: `/users/42`, `https://h/users/42`, `urn:x:user:42` → `42`; others unchanged. */
export function unlink(value: string): string {
  const first = value.charCodeAt(0);
  // Links begin with `/`, `http`, `urn:` or `gid:`.
  if ((first !== 47 && first !== 104 && first !== 117 && first !== 103) || value.length > 300) return value;
  if (value.startsWith('/') || /^https?:\/\//.test(value)) {
    const path = value.split(/[?#]/, 1)[0].replace(/\/+$/, '');
    const last = path.slice(path.lastIndexOf('/') + 1);
    return last === '' ? value : last;
  }
  if (value.startsWith('urn:') || value.startsWith('gid://'))
    return value.slice(Math.max(value.lastIndexOf(':'), value.lastIndexOf('/')) + 1);
  return value;
}
