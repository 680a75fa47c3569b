/** Start line and fields of one HTTP/1 message, as they stood on the wire. */
export interface Head {
  /** Request method; empty in a response. */
  method: string;
  /** Request target as it stood on the wire; empty in a response, and in a request that has none. */
  target: string;
  /** `0.9` for a request without a version and for its answer. */
  version: '0.9' | '1.0' | '1.1';
  /** Status code; 0 in a request and in the answer of an HTTP/0.9 server. */
  status: number;
  /** Flat field list. */
  headers: string[];
}

const PLUS = 43;
const VERSION = /[ \t]+HTTP\/(\d)(?:\.(\d)\d*)?[ \t\r]*$/i;
/** Something stands behind the version. */
const VERSION_BEFORE_MORE = /[ \t]+HTTP\/(\d)\.(\d)\d*[ \t].*$/i;
const STATUS = /^HTTP\/(\d)(?:\.(\d+))?[ \t]+(\d{3})(?!\d)/i;
/** Where a version should stand, and none that is known does: not part of the target all the same. */
const ODD_VERSION = /[ \t]+HTTP\/[\w.]*[ \t\r]*$/i;
/** The version of a protocol that nobody knows. */
const FOREIGN_VERSION = /^((?:\/|https?:\/\/)[^ \t]*)[ \t]+[A-Z]{2,}\/\d[\w.]*$/i;
/** RFC 9110 §5.6.2 token, bounded: a method that is longer is none. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}$/;
/** Methods that are believed without a version behind the target. */
const PLAIN = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|CONNECT)$/;

const USUAL = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'];

/** Methods that are believed where it is not certain that a message starts at all: behind a hole, in midstream. */
const KNOWN =
  /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|CONNECT|QUERY|SEARCH|REPORT|PURGE|PROPFIND|PROPPATCH|MKCOL|COPY|MOVE|LOCK|UNLOCK|LINK|UNLINK|SUBSCRIBE|UNSUBSCRIBE|NOTIFY)$/;

/** A request line that can be told from the middle of something else. */
export function certainRequestLine(line: string): boolean {
  const head = requestLine(line);
  return head !== null && head.version !== '0.9' && head.target !== '' && KNOWN.test(head.method);
}

/**
 * Reads a request line tolerantly (RFC 9112 §3): any method token, several blanks, a target with blanks in it, HTTP/0.9 without a version.
 * null when the line is no request line.
 */
export function requestLine(line: string): Head | null {
  // What nearly every line looks like, without the searches that others need.
  const usual = line.endsWith(' HTTP/1.1') ? usualMethod(line) : '';
  if (usual !== '') return { method: usual, target: trimmed(line, usual.length, line.length - 9), version: '1.1', status: 0, headers: [] };
  const blank = line.search(/[ \t]/);
  if (blank <= 0) return null;
  const method = line.slice(0, blank);
  if (!METHOD.test(method)) return null;
  const match = VERSION.exec(line) ?? VERSION_BEFORE_MORE.exec(line) ?? (PLAIN.test(method) ? ODD_VERSION.exec(line) : null);
  if (match === null) {
    if (!PLAIN.test(method)) return null;
    const target = line.slice(blank).trim();
    const foreign = FOREIGN_VERSION.exec(target);
    if (foreign !== null) return { method, target: foreign[1], version: '1.0', status: 0, headers: [] };
    if (!/^(?:\/|https?:\/\/|\*$)/i.test(target)) return null;
    return { method, target, version: '0.9', status: 0, headers: [] };
  }
  if (method === 'PRI') return null;
  // `GET HTTP/1.1`: the blank before the version is the one behind the method, and there is no target.
  const target = match.index <= blank ? '' : line.slice(blank, match.index).trim();
  return { method, target, version: match[1] === '1' && match[2] !== '0' ? '1.1' : '1.0', status: 0, headers: [] };
}

function usualMethod(line: string): string {
  for (const method of USUAL) if (line.startsWith(method) && line.charCodeAt(method.length) === 32) return method;
  return '';
}

/** Reads a status line (RFC 9112 §4); null when the line is none. */
export function statusLine(line: string): Head | null {
  if (line.startsWith('HTTP/1.1 ')) {
    const status = digit(line, 9) * 100 + digit(line, 10) * 10 + digit(line, 11);
    if (status >= 0 && Number.isNaN(digit(line, 12))) return { method: '', target: '', version: '1.1', status, headers: [] };
  }
  const match = STATUS.exec(line);
  if (match === null) return null;
  return { method: '', target: '', version: match[1] === '1' && match[2] !== '0' ? '1.1' : '1.0', status: Number(match[3]), headers: [] };
}

/**
 * Reads field lines (RFC 9112 §5) from `from` to the end of `text`: bare LF ends a line too, continuation lines are joined with a blank, lines
 * without a colon are passed over.
 */
export function fieldLines(text: string, from: number, into: string[]): void {
  let at = from;
  while (at < text.length) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    let stop = end;
    if (stop > at && text.charCodeAt(stop - 1) === 13) stop--;
    const first = text.charCodeAt(at);
    if ((first === 32 || first === 9) && into.length > 0) {
      into[into.length - 1] = `${into[into.length - 1]} ${text.slice(at, stop).trim()}`.trim();
    } else {
      const colon = text.indexOf(':', at);
      if (colon > at && colon < stop) into.push(trimEnd(text, at, colon), trimmed(text, colon + 1, stop));
    }
    at = end + 1;
  }
}

/** NaN for what is no digit. */
function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : Number.NaN;
}

function trimEnd(text: string, start: number, end: number): string {
  let stop = end;
  while (stop > start && isBlank(text.charCodeAt(stop - 1))) stop--;
  return text.slice(start, stop);
}

function trimmed(text: string, start: number, end: number): string {
  let from = start;
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  return trimEnd(text, from, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** What the body of a message looks like. `close`: until the sender closes. */
export type Framing = { readonly kind: 'none' | 'chunked' | 'close' } | { readonly kind: 'length'; readonly length: number };

export const NO_BODY: Framing = { kind: 'none' };
export const CHUNKED: Framing = { kind: 'chunked' };
export const UNTIL_CLOSE: Framing = { kind: 'close' };

export interface FramingFound {
  readonly framing: Framing | null;
  /** CL beside TE, CLs that differ, a CL that is no number. */
  readonly contradictory: boolean;
}

/** Transfer-Encoding and Content-Length as RFC 9112 §6.3 orders them: chunked wins. `framing` is null when neither is there. */
export function announcedFraming(headers: readonly string[]): FramingFound {
  let length = -1;
  let chunked = false;
  let contradictory = false;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index];
    if (name.length === 14 && (name === 'Content-Length' || name.toLowerCase() === 'content-length')) {
      const field = headers[index + 1];
      const text = field.charCodeAt(0) === PLUS ? field.slice(1) : field;
      const digits = leadingDigits(text);
      const value = digits === 0 ? -1 : Number(text.slice(0, digits));
      if (digits === 0 || digits !== text.length || (length >= 0 && value !== length)) contradictory = true;
      if (length < 0 && value >= 0) length = value;
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (/(?:^|[\s,;])chunked(?:$|[\s,;])/i.test(headers[index + 1])) chunked = true;
    }
  }
  if (chunked) return { framing: CHUNKED, contradictory: contradictory || length >= 0 };
  if (length > 0) return { framing: { kind: 'length', length }, contradictory };
  return { framing: length === 0 ? NO_BODY : null, contradictory };
}

function leadingDigits(text: string): number {
  const limit = Math.min(text.length, 15);
  let count = 0;
  while (count < limit && text.charCodeAt(count) >= 48 && text.charCodeAt(count) <= 57) count++;
  return count;
}
