import { latin1 } from './bytes.js';
import { huffmanDecode } from './huffman.js';

/** RFC 7541 appendix A, index 1 to 61. */
const STATIC: readonly (readonly [string, string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

const MAX_TABLE_BYTES = 65_536;
const MAX_FIELDS = 1_000;

export interface Fields {
  /** Flat list. */
  readonly headers: string[];
  /** Fields whose table entry was lost. */
  readonly unknown: number;
  /** False when the block broke off: the table is not to be trusted any more. */
  readonly good: boolean;
}

/**
 * HPACK decoder of one direction (RFC 7541).
 *
 * After a loss (a hole, a start in midstream) the dynamic table is emptied. Indices count from the newest entry, so what is added later is
 * found again, and what was there before is an unknown field, not an error.
 */
export class HpackDecoder {
  /** Newest last. */
  #entries: [string, string][] = [];
  #bytes = 0;
  #limit = 4_096;

  lose(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  decode(bytes: Uint8Array, start: number, end: number): Fields {
    const headers: string[] = [];
    let unknown = 0;
    const cursor: Cursor = { bytes, at: start, end, good: true };
    while (cursor.at < end && cursor.good) {
      const first = bytes[cursor.at];
      if ((first & 0x80) !== 0) {
        const entry = this.#entry(integer(cursor, 7));
        if (entry === null) unknown++;
        else if (entry !== undefined) headers.push(entry[0], entry[1]);
        else cursor.good = false;
        continue;
      }
      if ((first & 0xe0) === 0x20) {
        this.#limit = Math.min(integer(cursor, 5), MAX_TABLE_BYTES);
        this.#evict(0);
        continue;
      }
      const indexed = (first & 0x40) !== 0;
      const index = integer(cursor, indexed ? 6 : 4);
      const named = index === 0 ? undefined : this.#entry(index);
      const name = index === 0 ? string(cursor) : named === undefined ? undefined : (named?.[0] ?? null);
      const value = string(cursor);
      if (!cursor.good || name === undefined || value === undefined) {
        cursor.good = false;
        break;
      }
      // An entry without a name keeps its place, so that later indices stay right.
      if (indexed) this.#add(name ?? '', value);
      if (name === null || name === '') unknown++;
      else headers.push(name, value);
      if (headers.length > MAX_FIELDS * 2) cursor.good = false;
    }
    if (!cursor.good) this.lose();
    return { headers, unknown, good: cursor.good };
  }

  /** null: the entry was lost; undefined: there is no such index. */
  #entry(index: number): readonly [string, string] | null | undefined {
    if (index <= 0) return undefined;
    if (index <= STATIC.length) return STATIC[index - 1];
    const entry = this.#entries[this.#entries.length - (index - STATIC.length)];
    return entry === undefined || entry[0] === '' ? null : entry;
  }

  #add(name: string, value: string): void {
    const size = name.length + value.length + 32;
    this.#evict(size);
    if (size > this.#limit) return;
    this.#entries.push([name, value]);
    this.#bytes += size;
  }

  #evict(room: number): void {
    let drop = 0;
    while (drop < this.#entries.length && this.#bytes + room > this.#limit) {
      const [name, value] = this.#entries[drop++];
      this.#bytes -= name.length + value.length + 32;
    }
    if (drop > 0) this.#entries.splice(0, drop);
  }
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  good: boolean;
}

/** RFC 7541 §5.1: a prefix of `bits` bits, continued in groups of seven. */
function integer(cursor: Cursor, bits: number): number {
  const mask = (1 << bits) - 1;
  let value = cursor.bytes[cursor.at++] & mask;
  if (value < mask) return value;
  for (let shift = 0; ; shift += 7) {
    if (cursor.at >= cursor.end || shift > 28) {
      cursor.good = false;
      return 0;
    }
    const byte = cursor.bytes[cursor.at++];
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return value;
  }
}

/** RFC 7541 §5.2: a length, and whether the octets are Huffman coded. */
function string(cursor: Cursor): string | undefined {
  if (!cursor.good || cursor.at >= cursor.end) {
    cursor.good = false;
    return undefined;
  }
  const coded = (cursor.bytes[cursor.at] & 0x80) !== 0;
  const length = integer(cursor, 7);
  const start = cursor.at;
  if (!cursor.good || start + length > cursor.end) {
    cursor.good = false;
    return undefined;
  }
  cursor.at += length;
  if (!coded) return latin1(cursor.bytes, start, cursor.at);
  const text = huffmanDecode(cursor.bytes, start, cursor.at);
  if (text === null) cursor.good = false;
  return text ?? undefined;
}
