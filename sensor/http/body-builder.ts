import { type Body, emptyBody, type Gap } from '../../exchange/index.js';

/** Bytes that unfinished messages hold, over all connections of a shard. */
export interface Held {
  bytes: number;
}

/** Below half of Node's buffer pool, so that small bodies share slabs. */
const FIRST_BYTES = 3_968;

/**
 * Collects a body: keeps bytes up to a cap, counts the rest, remembers holes. What it keeps is copied, so no packet buffer is pinned, and counted
 * in `held` until `finish` or `drop`.
 */
export class BodyBuilder {
  readonly #cap: number;
  readonly #held: Held;
  #expected: number;
  #bytes: Buffer | null = null;
  #kept = 0;
  #missing: Gap[] | null = null;
  /** Length so far on the wire, with holes. */
  totalLength = 0;

  /** `expected` is the announced length, or 0: what is announced is not believed, only used to avoid growing in steps. */
  constructor(cap: number, expected: number, held: Held) {
    this.#cap = cap;
    this.#expected = Math.min(expected, cap, 65_536);
    this.#held = held;
  }

  get capped(): boolean {
    return this.totalLength > this.#kept;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const take = Math.min(end - start, this.#cap - this.#kept);
    if (take > 0) {
      const room = this.#reserve(this.#kept + take);
      if (Buffer.isBuffer(bytes)) bytes.copy(room, this.#kept, start, start + take);
      else room.set(bytes.subarray(start, start + take), this.#kept);
      this.#kept += take;
    }
    if (take < end - start) this.#miss(this.totalLength + take, end - start - take);
    this.totalLength += end - start;
  }

  /** `length` bytes are lost here. */
  gap(length: number): void {
    if (length <= 0) return;
    this.#miss(this.totalLength, length);
    this.totalLength += length;
  }

  /** The message ended `length` bytes before it should have. */
  finish(): Body {
    const bytes = this.#bytes;
    this.drop();
    if (bytes === null)
      return this.#missing === null ? emptyBody : { bytes: emptyBody.bytes, totalLength: this.totalLength, missing: this.#missing };
    // A buffer that is mostly air would outlive the message in memory.
    const kept = bytes.length > this.#kept * 2 ? Buffer.from(bytes.subarray(0, this.#kept)) : bytes.subarray(0, this.#kept);
    return { bytes: kept, totalLength: this.totalLength, missing: this.#missing ?? [] };
  }

  drop(): void {
    if (this.#bytes !== null) this.#held.bytes -= this.#bytes.length;
    this.#bytes = null;
  }

  #miss(offset: number, length: number): void {
    this.#missing ??= [];
    const last = this.#missing.at(-1);
    if (last !== undefined && last.offset + last.length === offset)
      this.#missing[this.#missing.length - 1] = { offset: last.offset, length: last.length + length };
    else this.#missing.push({ offset, length });
  }

  #reserve(needed: number): Buffer {
    const bytes = this.#bytes;
    if (bytes !== null && bytes.length >= needed) return bytes;
    const size = bytes === null ? Math.max(needed, this.#expected || FIRST_BYTES) : Math.min(this.#cap, Math.max(needed, bytes.length * 2));
    const grown = Buffer.allocUnsafe(Math.max(size, needed));
    if (bytes !== null) {
      bytes.copy(grown, 0, 0, this.#kept);
      this.#held.bytes -= bytes.length;
    }
    this.#held.bytes += grown.length;
    this.#bytes = grown;
    return grown;
  }
}
