/** A tolerant walk over JSON text: knows strings, names and nesting, never fails, and keeps no values. */
import { ALNUM, AT, CLASS, DIGIT, GLUE, TRIGGER } from './bytes.js';
import type { Collector, OffsetMap } from './collect.js';
import type { KnownKey } from './hints.js';
import type { Hint } from './tables.js';

const MAX_PATH_PARTS = 64;
/** Text without any of these holds nothing that is found by its form. */
const TELLING = DIGIT | AT | GLUE | TRIGGER;

/**
 * Scans every string and number of the JSON text in `[start, end)` of the collector's bytes. Broken or cut-off text is read as far as it goes;
 * several documents after one another (NDJSON) are all read, with `root` in front of their paths.
 */
export function walkJson(collector: Collector, start: number, end: number, root: string): void {
  const { scan } = collector;
  const { bytes } = scan;
  // Per level: is it an array, where its current name stands, and what that name says.
  const levels: Levels = { arrays: [], nameStarts: [], nameEnds: [] };
  const { arrays, nameStarts, nameEnds } = levels;
  const hints: (Hint | null)[] = [];
  let depth = -1;
  let nameStart = -1;
  let nameEnd = -1;
  let hint: Hint | null = null;
  let lastKey: KnownKey | null = null;

  let i = start;
  while (i < end) {
    const byte = bytes[i];
    if (byte === 0x22) {
      const from = ++i;
      const expected: KnownKey | null = lastKey !== null && !arrays[depth] ? scan.hints.follows(lastKey, depth, bytes, from, end) : null;
      if (expected !== null) {
        nameStart = from;
        nameEnd = from + expected.bytes.length;
        i = nameEnd + 2;
        lastKey = expected;
        hint = expected.hint;
        if (hint?.generic && depth > 0) hint = inherited(arrays, hints, depth) ?? hint;
        if (expected.telling || collector.isLocating)
          collector.value(from, nameEnd, null, false, placeOf(scan, bytes, root, levels, depth, nameStart, nameEnd));
        continue;
      }
      let escaped = false;
      let mask = 0;
      for (; i < end; i++) {
        const character = bytes[i];
        // Both stops stand before the lower-case letters.
        if (character <= 0x5c) {
          if (character === 0x22) break;
          if (character === 0x5c) {
            escaped = true;
            i++;
          }
        }
        mask |= CLASS[character];
      }
      const to = Math.min(i, end);
      i++;
      let after = i;
      while (after < end && bytes[after] <= 32) after++;
      if (after < end && bytes[after] === 0x3a && depth >= 0 && !arrays[depth]) {
        nameStart = from;
        nameEnd = to;
        const key = scan.hints.known(bytes, from, to);
        hint = key?.hint ?? null;
        if (lastKey !== null && key !== null) scan.hints.chain(lastKey, depth, key);
        lastKey = key;
        if (hint?.generic && depth > 0) hint = inherited(arrays, hints, depth) ?? hint;
        if ((to - from >= 7 && (mask & (DIGIT | AT)) !== 0) || collector.isLocating)
          collector.value(from, to, null, false, placeOf(scan, bytes, root, levels, depth, nameStart, nameEnd));
        i = after + 1;
      } else if (to - from >= 2) {
        const key = depth >= 0 && arrays[depth] ? inherited(arrays, hints, depth) : hint;
        if (escaped) {
          const copy = unescapeJson(bytes, from, to);
          collector.decoded(copy.bytes, key, placeOf(scan, bytes, root, levels, depth, nameStart, nameEnd), copy.map);
        } else if ((mask & TELLING) !== 0 || (key !== null && key.types.length > 0) || scan.mayBeIssued(from, to) || collector.isLocating)
          collector.value(from, to, key, true, placeOf(scan, bytes, root, levels, depth, nameStart, nameEnd));
        if (collector.full) return;
      }
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) {
      if (depth >= 0) {
        nameStarts[depth] = nameStart;
        nameEnds[depth] = nameEnd;
        hints[depth] = arrays[depth] ? inherited(arrays, hints, depth) : hint;
      }
      depth++;
      arrays[depth] = byte === 0x5b;
      hints[depth] = null;
      nameStart = -1;
      hint = null;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (depth >= 0) depth--;
      nameStart = depth >= 0 ? nameStarts[depth] : -1;
      nameEnd = depth >= 0 ? nameEnds[depth] : -1;
      hint = depth >= 0 ? hints[depth] : null;
    } else if ((CLASS[byte] & ALNUM) !== 0 || byte === 0x2d) {
      const from = i;
      while (i < end && ((CLASS[bytes[i]] & ALNUM) !== 0 || bytes[i] === 0x2e || bytes[i] === 0x2d || bytes[i] === 0x2b)) i++;
      const key = depth >= 0 && arrays[depth] ? inherited(arrays, hints, depth) : hint;
      if (i - from >= 7 || (key !== null && key.types.length > 0 && i - from >= 2) || collector.isLocating) {
        collector.value(from, i, key, true, placeOf(scan, bytes, root, levels, depth, nameStart, nameEnd));
        if (collector.full) return;
      }
      continue;
    }
    i++;
  }
}

/** Per level above the current one: is it an array, and where its current name stands. */
interface Levels {
  readonly arrays: boolean[];
  readonly nameStarts: number[];
  readonly nameEnds: number[];
}

/** Where a value stands, told when somebody asks. Made here: what a function inside the walk would see of its variables could not stay in registers. */
function placeOf(
  scan: Collector['scan'],
  bytes: Uint8Array,
  root: string,
  { arrays, nameStarts, nameEnds }: Levels,
  depth: number,
  nameStart: number,
  nameEnd: number,
): () => string {
  return () => {
    const source = scan.bytes === bytes ? scan.buffer : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let text = root;
    for (let level = 0; level <= Math.min(depth, MAX_PATH_PARTS); level++) {
      const last = level === depth;
      if (arrays[level]) text += '[*]';
      else {
        const from = last ? nameStart : nameStarts[level];
        if (from < 0) continue;
        const name = source.toString('utf8', from, last ? nameEnd : nameEnds[level]);
        text += text === '' ? name : `.${name}`;
      }
    }
    return depth > MAX_PATH_PARTS ? `${text}…` : text;
  };
}

/** What the name of the nearest enclosing field says: `{"phones": ["…"]}`, `{"card": {"number": "…"}}`. */
function inherited(arrays: readonly boolean[], hints: readonly (Hint | null)[], depth: number): Hint | null {
  for (let level = depth - 1; level >= 0 && level >= depth - 3; level--) if (!arrays[level]) return hints[level] ?? null;
  return null;
}

/** Resolves the escapes of a JSON string (RFC 8259 §7) into UTF-8; `map` leads back to the source. */
function unescapeJson(bytes: Uint8Array, start: number, end: number): { bytes: Uint8Array; map: OffsetMap } {
  const out = new Uint8Array(end - start);
  const origin = new Uint32Array(end - start + 1);
  let length = 0;
  const put = (byte: number, from: number) => {
    origin[length] = from;
    out[length++] = byte;
  };
  for (let i = start; i < end; ) {
    const from = i;
    if (bytes[i] !== 0x5c || i + 1 >= end) {
      put(bytes[i++], from);
      continue;
    }
    const letter = bytes[i + 1];
    if (letter === 0x75 && i + 6 <= end) {
      let code = Number.parseInt(String.fromCharCode(...bytes.subarray(i + 2, i + 6)), 16);
      i += 6;
      if (Number.isNaN(code)) code = 0xfffd;
      if (code >= 0xd800 && code < 0xdc00 && i + 6 <= end && bytes[i] === 0x5c && bytes[i + 1] === 0x75) {
        const low = Number.parseInt(String.fromCharCode(...bytes.subarray(i + 2, i + 6)), 16);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          i += 6;
        }
      }
      for (const byte of utf8(code)) put(byte, from);
    } else {
      put(ESCAPES[letter] ?? letter, from);
      i += 2;
    }
  }
  origin[length] = end;
  return { bytes: out.subarray(0, length), map: (offset) => origin[offset] };
}

const ESCAPES: Readonly<Record<number, number>> = { 110: 10, 114: 13, 116: 9, 98: 8, 102: 12 };

/** UTF-8 bytes of a code point; never more than the six bytes of the escape it came from. */
export function utf8(code: number): number[] {
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), 0x80 | (code & 63)];
  if (code < 0x10000) return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
}
