import type { Collector, DataMatch } from './collect.js';
import { unescapeJson } from './json.js';

/** Bytes kept from one chunk to the next: no value that is found by shape is longer. */
const CARRY_BYTES = 512;
/** A PEM block may be longer than the carry; its start alone is enough to report it. */
const WINDOW_BYTES = 64 * 1024;

/**
 * A scan over a body in chunks. Each byte is scanned once or twice; memory is one chunk and the carry. Spans are byte offsets in the whole
 * stream.
 */
export class StreamScan {
  readonly #begin: (bytes: Uint8Array) => Collector;
  #carry: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #reportedTo = 0;

  constructor(begin: (bytes: Uint8Array) => Collector) {
    this.#begin = begin;
  }

  /** Matches that end before the carried tail; the rest comes with a later call. The chunk may be reused afterwards. */
  push(chunk: Uint8Array): DataMatch[] {
    const out: DataMatch[] = [];
    for (let at = 0; at < chunk.length; at += WINDOW_BYTES) out.push(...this.#scan(chunk.subarray(at, at + WINDOW_BYTES), false));
    return out;
  }

  /** What is still in the carry. */
  end(): DataMatch[] {
    return this.#scan(new Uint8Array(0), true);
  }

  #scan(chunk: Uint8Array, last: boolean): DataMatch[] {
    const carried = this.#carry.length;
    const bytes = new Uint8Array(carried + chunk.length);
    bytes.set(this.#carry);
    bytes.set(chunk, carried);
    const base = this.#offset;
    const copy = bytes.includes(0x5c) ? unescapeJson(bytes, 0, bytes.length) : { bytes, map: null };
    const collector = this.#begin(copy.bytes);
    collector.value(0, copy.bytes.length, null, false, () => '', copy.map);
    // What touches the cut may go on in the next chunk, and what stands near it may have its context cut off in front: leave it to the carry.
    const safe = last ? bytes.length : Math.max(0, bytes.length - CARRY_BYTES / 2);
    const out = collector.out
      .filter((match) => match.end <= safe && base + match.start >= this.#reportedTo)
      .map((match) => ({ ...match, start: base + match.start, end: base + match.end }));
    this.#reportedTo = Math.max(this.#reportedTo, base + safe);
    for (const match of out) this.#reportedTo = Math.max(this.#reportedTo, match.end);
    // Values that begin before the safe point and end behind it must be seen whole next time.
    const keep = last ? 0 : Math.min(bytes.length, CARRY_BYTES);
    const late = collector.out.filter((match) => match.end > safe).map((match) => match.start);
    const from = Math.min(bytes.length - keep, ...late.map((start) => Math.max(0, start - 80)));
    if (late.length > 0) this.#reportedTo = Math.min(this.#reportedTo, base + Math.min(...late));
    this.#carry = last ? new Uint8Array(0) : bytes.slice(Math.max(from, bytes.length - WINDOW_BYTES));
    this.#offset = base + bytes.length - this.#carry.length;
    return out;
  }
}
