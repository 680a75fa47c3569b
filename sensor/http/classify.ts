import { latin1 } from './bytes.js';
import { certainRequestLine, requestLine } from './head.js';

/** What the first bytes of a direction are. `more`: too few to tell. */
export type Beginning = 'request' | 'response' | 'http2' | 'tls' | 'proxy' | 'more' | 'other';

export const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const PROXY_V2 = '\r\n\r\n\0\r\nQUIT\n';
/** Longest first line that is waited for. */
const LINE_LIMIT = 65_536;

/** Tells what a direction carries from its first bytes. `certain`: they may be the middle of something, so only well-known methods count. */
export function classify(bytes: Uint8Array, from: number, end: number, certain: boolean): Beginning {
  const text = latin1(bytes, from, Math.min(end, from + 24));
  if (text.startsWith(PROXY_V2)) return 'proxy';
  if (text.length < PROXY_V2.length && PROXY_V2.startsWith(text)) return 'more';
  let start = from;
  // Empty lines, and blanks that some clients put in front of the method.
  while (start < end && (bytes[start] === 13 || bytes[start] === 10 || bytes[start] === 32 || bytes[start] === 9)) start++;
  if (start === end) return end - from > 64 ? 'other' : 'more';
  const first = bytes[start];
  if (first === 0x16) return end - start < 2 ? 'more' : bytes[start + 1] === 3 ? 'tls' : 'other';
  if (first < 33 || first > 126) return 'other';
  const begin = latin1(bytes, start, Math.min(end, start + 24));
  if (HTTP2_PREFACE.startsWith(begin)) return begin.length === HTTP2_PREFACE.length ? 'http2' : 'more';
  if (begin.startsWith(HTTP2_PREFACE)) return 'http2';
  const upper = begin.slice(0, 5).toUpperCase();
  if (upper === 'HTTP/') return 'response';
  if ('HTTP/'.startsWith(upper) && begin.length < 5) return 'more';
  if (begin.startsWith('PROXY ')) return 'proxy';
  return classifyRequest(bytes, start, end, certain);
}

function classifyRequest(bytes: Uint8Array, start: number, end: number, certain: boolean): Beginning {
  let lineEnd = start;
  while (lineEnd < end && bytes[lineEnd] !== 10) lineEnd++;
  const text = latin1(bytes, start, Math.min(lineEnd, start + LINE_LIMIT));
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  if (lineEnd < end) return (certain ? certainRequestLine(line) : requestLine(line) !== null) ? 'request' : 'other';
  const blank = text.search(/[ \t]/);
  const method = blank < 0 ? text : text.slice(0, blank);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}$/.test(method)) return 'other';
  return text.length < LINE_LIMIT ? 'more' : 'other';
}

/** Length of a PROXY protocol header (v1 text or v2 binary) at the start, -1 when it is not whole, 0 when it is none. */
export function proxyHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly length: number; readonly client: { ip: string; port: number } | null } {
  if (bytes[start] === 13) {
    if (end - start < 16) return { length: -1, client: null };
    const length = 16 + ((bytes[start + 14] << 8) | bytes[start + 15]);
    if (end - start < length) return { length: -1, client: null };
    const isIp4 = bytes[start + 13] >> 4 === 1 && length >= 28;
    const at = start + 16;
    return {
      length,
      client: isIp4
        ? { ip: `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`, port: (bytes[at + 8] << 8) | bytes[at + 9] }
        : null,
    };
  }
  let lineEnd = start;
  while (lineEnd < end && bytes[lineEnd] !== 10 && lineEnd - start < 108) lineEnd++;
  if (lineEnd === end) return { length: -1, client: null };
  if (bytes[lineEnd] !== 10) return { length: 0, client: null };
  const match = /^PROXY TCP[46] (\S+) \S+ (\d+) \d+\r?$/.exec(latin1(bytes, start, lineEnd));
  return { length: lineEnd + 1 - start, client: match === null ? null : { ip: match[1], port: Number(match[2]) } };
}
