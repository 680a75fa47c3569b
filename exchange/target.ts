/** Splits an origin-form request target at the first `?`. The path keeps its encoding. */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  const fragment = target.indexOf('#');
  const end = fragment < 0 ? target.length : fragment;
  if (mark < 0 || mark > end) return { path: target.slice(0, end), query: '' };
  return { path: target.slice(0, mark), query: target.slice(mark + 1, end) };
}

/** Raw segments of a path without the leading slash; a trailing slash gives no empty segment. */
export function pathSegments(path: string): string[] {
  if (path === '' || path === '/') return [];
  const start = path.charCodeAt(0) === 47 ? 1 : 0;
  const end = path.length > 1 && path.charCodeAt(path.length - 1) === 47 ? path.length - 1 : path.length;
  return path.slice(start, end).split('/');
}

/** Percent-decodes one segment; what is not valid stays as it is. */
export function decodeSegment(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** Decoded name/value pairs of a query or form body, in order; repeated names stay repeated. At most `limit` pairs. */
export function queryPairs(query: string, limit = 1000): [string, string][] {
  const pairs: [string, string][] = [];
  if (query === '') return pairs;
  for (const part of query.split('&')) {
    if (part === '') continue;
    if (pairs.length >= limit) break;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? '' : part.slice(equals + 1);
    pairs.push([decodeFormText(name), decodeFormText(value)]);
  }
  return pairs;
}

function decodeFormText(text: string): string {
  return decodeSegment(text.includes('+') ? text.replaceAll('+', ' ') : text);
}

const ODD_PATH = /[%;\\]|\/[./]/;
/** Escapes of characters that need none (RFC 3986 §2.3): the path is the same with and without (§6.2.2.2). */
const NEEDLESS_ESCAPE = /%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi;
const ESCAPED_TWICE = /%25(?=[\da-f]{2})/gi;
const ESCAPED_SLASH = /%2f|%5c|\\/gi;

/** A dot segment beside a slash that only some servers take for one. */
const ESCAPED_CLIMB = /(?:%2f|%5c|\\)(?:\.|%2e|%252e)|(?:\.|%2e|%252e)(?:%2f|%5c|\\)/i;

/** Does a raw path climb by escaped slashes? Only for servers that heed these it is a path at all. */
export function climbsByEscapes(path: string): boolean {
  return ESCAPED_CLIMB.test(path);
}

/** Is there only one way to read a raw path? So it is with nearly every one. */
export function isPlainPath(path: string): boolean {
  return !ODD_PATH.test(path);
}

/** What servers may take a raw path for, each reading once: as it is written, as most of them resolve it, and as the most lenient ones do. */
export function pathReadings(path: string): readonly string[] {
  return isPlainPath(path) ? [path] : [...new Set([path, plainPath(path), lenientPath(path)])];
}

/** A path as the most lenient servers read it: escaped slashes, backslashes and double escapes count too. */
export function lenientPath(path: string): string {
  return plainPath(path.replace(ESCAPED_TWICE, '%').replace(ESCAPED_SLASH, '/'));
}

/** A path as most servers resolve it: without needless escapes, path parameters (`;x=y`), empty and dot segments (RFC 3986 §6.2.2). */
export function plainPath(path: string): string {
  const segments = path.replace(NEEDLESS_ESCAPE, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16))).split('/');
  const out: string[] = [];
  let isFolder = false;
  for (const segment of segments) {
    const mark = segment.indexOf(';');
    const name = mark < 0 ? segment : segment.slice(0, mark);
    isFolder = name === '' || name === '.' || name === '..';
    if (name === '..') out.pop();
    else if (!isFolder) out.push(name);
  }
  return out.length === 0 ? '/' : `/${out.join('/')}${isFolder ? '/' : ''}`;
}
