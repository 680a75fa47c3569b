/** Finds the values in forms, XML and HTML, multipart, and text, and hands each to the collector with its name. */
import { CLASS, DIGIT } from './bytes.js';
import type { Collector, OffsetMap } from './collect.js';
import { utf8, walkJson } from './json.js';
import type { Hint } from './tables.js';

const MAX_ELEMENTS = 256;

/** Plain text: JSON documents at the start of lines (NDJSON, server-sent events) are read as such, the rest as prose. */
export function walkText(collector: Collector, start: number, end: number, root: string): void {
  const { bytes } = collector.scan;
  let prose = start;
  let line = start;
  while (line < end) {
    let at = line;
    if (startsWith(bytes, at, end, 'data:')) at += 5;
    while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
    const lineEnd = indexOf(bytes, 0x0a, line, end);
    if (at < lineEnd && looksLikeJson(bytes, at, lineEnd)) {
      if (line > prose) collector.value(prose, line, null, false, () => root);
      walkJson(collector, at, lineEnd, root);
      prose = lineEnd;
    }
    line = lineEnd + 1;
  }
  if (end > prose) collector.value(prose, end, null, false, () => root);
}

/** `{"` or `[` and something that can begin a JSON value. */
export function looksLikeJson(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end && bytes[i] <= 32) i++;
  if (bytes[i] !== 0x7b && bytes[i] !== 0x5b) return false;
  const array = bytes[i++] === 0x5b;
  while (i < end && bytes[i] <= 32) i++;
  if (i >= end) return false;
  return (
    bytes[i] === 0x22 ||
    (array ? bytes[i] === 0x7b || bytes[i] === 0x5b || ((CLASS[bytes[i]] & DIGIT) !== 0 && bytes.indexOf(0x5d, i) > i) : bytes[i] === 0x7d)
  );
}

/** `application/x-www-form-urlencoded`. */
export function walkForm(collector: Collector, start: number, end: number, root: string): void {
  const { scan } = collector;
  const { bytes } = scan;
  let from = start;
  while (from < end && !collector.full) {
    const to = indexOf(bytes, 0x26, from, end);
    let equals = from;
    while (equals < to && bytes[equals] !== 0x3d) equals++;
    const name = unescapePercent(bytes, from, equals);
    const valueStart = Math.min(equals + 1, to);
    const label = Buffer.from(name.bytes).toString('utf8');
    const key = scan.hints.ofKey(name.bytes, 0, name.bytes.length);
    const path = () => root + label;
    if (to > valueStart) {
      const value = unescapePercent(bytes, valueStart, to);
      if (value.map === null) collector.value(valueStart, to, key, true, path);
      else collector.decoded(value.bytes, key, path, value.map);
    }
    from = to + 1;
  }
}

/** Elements, attributes and text; entities and CDATA are resolved. Names stand for field names. */
export function walkXml(collector: Collector, start: number, end: number, root: string): void {
  const { scan } = collector;
  const { bytes } = scan;
  const names: [number, number][] = [];
  const hints: (Hint | null)[] = [];
  const text = (from: number, to: number) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', from, to);
  const pathTo = (attribute: string) => () => root + names.map(([a, b]) => text(a, b)).join('.') + attribute;
  const value = (from: number, to: number, key: Hint | null, attribute: string, raw = false) => {
    if (to - from < 2) return;
    const copy = raw ? null : unescapeEntities(bytes, from, to);
    if (copy === null) collector.value(from, to, key, true, pathTo(attribute));
    else collector.decoded(copy.bytes, key, pathTo(attribute), copy.map);
  };
  let i = start;
  while (i < end && !collector.full) {
    const open = indexOf(bytes, 0x3c, i, end);
    if (open > i) value(i, open, hints[hints.length - 1] ?? null, '');
    if (open >= end) return;
    if (startsWith(bytes, open, end, '<![CDATA[')) {
      const close = find(bytes, ']]>', open, end);
      value(open + 9, close, hints[hints.length - 1] ?? null, '', true);
      i = Math.min(end, close + 3);
      continue;
    }
    if (startsWith(bytes, open, end, '<!--')) {
      const close = find(bytes, '-->', open, end);
      value(open + 4, close, null, '', true);
      i = Math.min(end, close + 3);
      continue;
    }
    let at = open + 1;
    const closing = bytes[at] === 0x2f;
    if (closing) at++;
    const nameFrom = at;
    while (at < end && bytes[at] > 32 && bytes[at] !== 0x3e && bytes[at] !== 0x2f) at++;
    const nameTo = at;
    const opening = !closing && bytes[nameFrom] !== 0x21 && bytes[nameFrom] !== 0x3f && names.length < MAX_ELEMENTS;
    if (opening) {
      let local = nameFrom;
      for (let j = nameFrom; j < nameTo; j++) if (bytes[j] === 0x3a) local = j + 1;
      names.push([local, nameTo]);
      hints.push(scan.hints.ofKey(bytes, local, nameTo));
    }
    let selfClosing = false;
    while (at < end && bytes[at] !== 0x3e) {
      const byte = bytes[at];
      if (byte === 0x3d && (bytes[at + 1] === 0x22 || bytes[at + 1] === 0x27)) {
        let attributeFrom = at;
        while (attributeFrom > nameTo && bytes[attributeFrom - 1] > 32) attributeFrom--;
        const close = indexOf(bytes, bytes[at + 1], at + 2, end);
        value(at + 2, close, scan.hints.ofKey(bytes, attributeFrom, at), `@${text(attributeFrom, at)}`);
        at = close;
      }
      selfClosing = byte === 0x2f;
      at++;
    }
    if (closing || (opening && selfClosing)) {
      names.pop();
      hints.pop();
    }
    i = at + 1;
  }
}

/** Parts of a multipart body (RFC 2046 §5.1), each by its own type; a missing end boundary ends the last part with the body. */
export function walkMultipart(
  collector: Collector,
  start: number,
  end: number,
  boundary: string,
  part: (from: number, to: number, type: string, name: string) => void,
): void {
  const { bytes } = collector.scan;
  const marker = `--${boundary}`;
  let at = find(bytes, marker, start, end);
  while (at < end && !collector.full) {
    at += marker.length;
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return;
    const headEnd = find(bytes, '\r\n\r\n', at, Math.min(end, at + 8192));
    if (headEnd >= end) return;
    const next = find(bytes, marker, headEnd, end);
    const head = Buffer.from(bytes.buffer, bytes.byteOffset + at, headEnd - at).toString('latin1');
    const name = /(?:^|[;\s])name="([^"\r\n]{0,200})"/i.exec(head)?.[1] ?? '';
    const type = /^content-type:\s*([^;\r\n]{1,100})/im.exec(head)?.[1].trim().toLowerCase() ?? '';
    part(headEnd + 4, next >= end ? end : next - 2, type, name);
    at = next;
  }
}

/** Resolves `%XX` and `+`; `map` is null when there was nothing to resolve. */
export function unescapePercent(bytes: Uint8Array, start: number, end: number): { bytes: Uint8Array; map: OffsetMap } {
  let any = false;
  for (let i = start; i < end && !any; i++) any = bytes[i] === 0x25 || bytes[i] === 0x2b;
  if (!any) return { bytes: bytes.subarray(start, end), map: null };
  return rewrite(bytes, start, end, (i) => {
    if (bytes[i] === 0x2b) return [[0x20], 1];
    if (bytes[i] !== 0x25 || i + 2 >= end + 0) return null;
    const code = Number.parseInt(String.fromCharCode(bytes[i + 1], bytes[i + 2]), 16);
    return Number.isNaN(code) ? null : [[code], 3];
  });
}

const ENTITIES: Readonly<Record<string, number>> = { amp: 38, lt: 60, gt: 62, quot: 34, apos: 39, nbsp: 32, commat: 64 };

function unescapeEntities(bytes: Uint8Array, start: number, end: number): { bytes: Uint8Array; map: OffsetMap } | null {
  if (indexOf(bytes, 0x26, start, end) >= end) return null;
  return rewrite(bytes, start, end, (i) => {
    if (bytes[i] !== 0x26) return null;
    const semicolon = indexOf(bytes, 0x3b, i, Math.min(end, i + 10));
    if (bytes[semicolon] !== 0x3b) return null;
    const name = String.fromCharCode(...bytes.subarray(i + 1, semicolon));
    const code =
      name.startsWith('#x') || name.startsWith('#X')
        ? Number.parseInt(name.slice(2), 16)
        : name.startsWith('#')
          ? Number.parseInt(name.slice(1), 10)
          : ENTITIES[name];
    return code === undefined || Number.isNaN(code) || code > 0x10ffff ? null : [utf8(code), semicolon + 1 - i];
  });
}

/** Copies bytes, replacing where `at` says so with no more bytes than were taken. */
function rewrite(
  bytes: Uint8Array,
  start: number,
  end: number,
  at: (i: number) => [number[], number] | null,
): { bytes: Uint8Array; map: OffsetMap } {
  const out = new Uint8Array(end - start);
  const origin = new Uint32Array(end - start + 1);
  let length = 0;
  for (let i = start; i < end; ) {
    const step = at(i);
    for (const byte of step === null ? [bytes[i]] : step[0]) {
      origin[length] = i;
      out[length++] = byte;
    }
    i += step === null ? 1 : step[1];
  }
  origin[length] = end;
  return { bytes: out.subarray(0, length), map: (offset) => origin[offset] };
}

/** First such byte in `[start, end)`, else `end`; never looks further. */
function indexOf(bytes: Uint8Array, byte: number, start: number, end: number): number {
  const at = bytes.subarray(start, end).indexOf(byte);
  return at < 0 ? end : start + at;
}

function find(bytes: Uint8Array, text: string, start: number, end: number): number {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start)).indexOf(text, 0, 'latin1');
  return at < 0 ? end : start + at;
}

function startsWith(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (at + text.length > end) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
