/** Bodies shorter than this are read faster than looked up; longer ones would take too much room. */
const LEAST_BYTES = 256;
const MOST_BYTES = 8_192;
const PLACES = 128;
const SAMPLES = 16;

/**
 * What was made of bodies that come again byte for byte: answers to who polls, lists that seldom change. Such a body is compared, 0.1 µs for 2 KB,
 * instead of read. Remembered is what comes a second time, so that bodies which differ each time cost a few steps and no copy; at most 1 MiB of bytes.
 *
 * Values are shared by all who ask: nobody may change them.
 */
export class Repeated<Value> {
  readonly #prints = new Int32Array(PLACES);
  readonly #entries = new Array<Entry<Value> | null>(PLACES).fill(null);

  /** What was put for the same bytes and sort. */
  get(bytes: Uint8Array, sort: string): Value | undefined {
    if (bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES) return undefined;
    const print = printOf(bytes);
    const place = print & (PLACES - 1);
    const entry = this.#entries[place];
    if (entry === null || this.#prints[place] !== print || entry.sort !== sort) return undefined;
    return Buffer.compare(entry.bytes, bytes) === 0 ? entry.value : undefined;
  }

  /** `sort`: all besides the bytes that the value depends on. */
  put(bytes: Uint8Array, sort: string, value: Value): void {
    if (bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES) return;
    const print = printOf(bytes);
    const place = print & (PLACES - 1);
    const isSecond = this.#prints[place] === print;
    this.#prints[place] = print;
    this.#entries[place] = isSecond ? { bytes: Uint8Array.from(bytes), sort, value } : null;
  }
}

interface Entry<Value> {
  readonly bytes: Uint8Array;
  readonly sort: string;
  readonly value: Value;
}

/** Tells most bodies apart by their length and a few of their bytes. */
function printOf(bytes: Uint8Array): number {
  const { length } = bytes;
  let print = Math.imul(length, 0x9e3779b1);
  for (let sample = 0; sample < SAMPLES; sample++) print = Math.imul(print ^ bytes[(length * sample) >> 4], 0x01000193);
  print = Math.imul(print ^ bytes[length - 1] ^ (bytes[length - 3] << 8) ^ (bytes[length - 7] << 16), 0x01000193);
  return print ^ (print >>> 15);
}
