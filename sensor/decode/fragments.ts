import { copyOf } from '../copy-of.js';
import type { Counters } from '../counters.js';

interface Datagram {
  readonly firstSeenMs: number;
  readonly parts: { at: number; bytes: Uint8Array }[];
  heldBytes: number;
  /** Known once the last fragment was seen. */
  totalLength: number;
}

const MAX_DATAGRAM_BYTES = 65_535;
const MAX_HELD_BYTES = 32 * 1024 * 1024;
const MAX_PARTS = 1024;
/** Datagrams under way: of tiny fragments the bytes alone would not bound the memory. */
const MAX_DATAGRAMS = 16_384;
const TIMEOUT_MS = 60_000;

/**
 * Puts IP fragments together (RFC 791 §3.2, RFC 8200 §4.5). Bytes that were there first win over overlapping ones. A datagram that is
 * not complete after 60 s is dropped, the oldest ones go first when more than 32 MiB or 16,384 datagrams are held.
 */
export class Defragmenter {
  readonly #counters: Counters;
  readonly #datagrams = new Map<string, Datagram>();
  #heldBytes = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Returns the payload of the whole datagram when this fragment completes it. `at` is the byte offset of the fragment; bytes are copied. */
  add(key: string, at: number, more: boolean, bytes: Uint8Array, tsMs: number): Uint8Array | null {
    this.#expire(tsMs);
    if (at + bytes.length > MAX_DATAGRAM_BYTES || (more && bytes.length === 0)) {
      this.#counters.fragmentsDropped++;
      return null;
    }
    let datagram = this.#datagrams.get(key);
    if (datagram === undefined) {
      datagram = { firstSeenMs: tsMs, parts: [], heldBytes: 0, totalLength: -1 };
      this.#datagrams.set(key, datagram);
    }
    if (datagram.parts.length >= MAX_PARTS) {
      this.#counters.fragmentsDropped++;
      return null;
    }
    if (!more && datagram.totalLength < 0) datagram.totalLength = at + bytes.length;
    this.#insert(datagram, at, bytes);
    if (datagram.totalLength < 0 || datagram.heldBytes < datagram.totalLength) return null;
    const whole = assemble(datagram);
    if (whole !== null) this.#remove(key, datagram);
    return whole;
  }

  /** Keeps of `bytes` what no earlier fragment covers. */
  #insert(datagram: Datagram, at: number, bytes: Uint8Array): void {
    let from = at;
    const end = at + bytes.length;
    let index = 0;
    while (from < end) {
      const part = datagram.parts[index];
      if (part === undefined || part.at >= end) {
        this.#keep(datagram, index, from, copyOf(bytes, from - at));
        return;
      }
      if (part.at > from) {
        this.#keep(datagram, index, from, copyOf(bytes, from - at, part.at - at));
        index++;
      }
      from = Math.max(from, part.at + part.bytes.length);
      index++;
    }
  }

  #keep(datagram: Datagram, index: number, at: number, bytes: Uint8Array): void {
    datagram.parts.splice(index, 0, { at, bytes });
    datagram.heldBytes += bytes.length;
    this.#heldBytes += bytes.length;
  }

  #remove(key: string, datagram: Datagram): void {
    this.#datagrams.delete(key);
    this.#heldBytes -= datagram.heldBytes;
  }

  #expire(nowMs: number): void {
    for (const [key, datagram] of this.#datagrams) {
      const isWithin = this.#heldBytes < MAX_HELD_BYTES && this.#datagrams.size < MAX_DATAGRAMS;
      if (nowMs - datagram.firstSeenMs < TIMEOUT_MS && isWithin) return;
      this.#counters.fragmentsDropped += datagram.parts.length;
      this.#remove(key, datagram);
    }
  }
}

function assemble(datagram: Datagram): Uint8Array | null {
  const whole = new Uint8Array(datagram.totalLength);
  let at = 0;
  for (const part of datagram.parts) {
    if (part.at > at) return null;
    const end = Math.min(part.at + part.bytes.length, datagram.totalLength);
    if (end > at) whole.set(part.bytes.subarray(0, end - part.at), part.at);
    at = Math.max(at, end);
  }
  return at === datagram.totalLength ? whole : null;
}
