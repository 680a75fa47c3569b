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
