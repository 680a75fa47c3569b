import { copyOf } from '../copy-of.js';
import type { Counters } from '../counters.js';
import type { Limits } from '../types.js';

/** A queued part of a stream. `bytes` is null for a part that the capture cut off: it is known to be lost. */
export interface Piece {
  at: number;
  end: number;
  bytes: Uint8Array | null;
  tsMs: number;
  /** Peer bytes that the segment acknowledges, as a stream offset; -1 for none. */
  readonly acknowledges: number;
}

/**
 * One direction of a TCP connection: what was delivered, what waits out of order.
 *
 * Sequence numbers are unwrapped to stream offsets (first payload byte = 0), so nothing here knows about 2^32. Bytes that are queued or
 * delivered win over later ones.
 */
export class Half {
  /** Sequence number of offset 0; valid once synced. */
  base = 0;
  synced = false;
  /** Offset of the next byte to deliver. */
  next = 0;
  /** Offset behind the last byte before FIN; -1 while unknown. */
  finAt = -1;
  finished = false;
  /** Payload of this side was seen. */
  used = false;
  /** Highest offset that the peer acknowledged. */
  acknowledged = -1;
  /** Last acknowledgement number of the peer, for a start in midstream. */
  peerAck = 0;
  peerAckSeen = false;
  readonly queue: Piece[] = [];
  queuedBytes = 0;

  sync(sequence: number): void {
    this.base = sequence | 0;
    this.synced = true;
    this.next = 0;
    this.finAt = -1;
    this.finished = false;
    this.acknowledged = -1;
  }

  /** Stream offset of a sequence number, nearest to what was delivered last. */
  offsetOf(sequence: number): number {
    return this.next + ((sequence - ((this.base + this.next) | 0)) | 0);
  }

  /** Offset behind the last byte that was seen. */
  get seenEnd(): number {
    return this.queue.length === 0 ? this.next : this.queue[this.queue.length - 1].end;
  }

  /** The peer acknowledged bytes that were not seen. One number beyond what was seen may be a FIN that was lost. */
  get tailUnseen(): boolean {
    return this.acknowledged > this.next + 1 && !this.finished;
  }

  /** Offset up to which the peer has everything; valid while `tailUnseen`. */
  get tailEnd(): number {
    return this.finAt >= 0 ? Math.min(this.finAt, this.acknowledged) : this.acknowledged;
  }

  /** Queues the parts of [at, end) that are neither delivered nor queued. Bytes are copied. Returns how many bytes were taken. */
  insert(at: number, end: number, bytes: Uint8Array | null, tsMs: number, acknowledges: number, counters: Counters): number {
    const queue = this.queue;
    let from = Math.max(at, this.next);
    let index = queue.length;
    while (index > 0 && queue[index - 1].end > from) index--;
    let taken = 0;
    while (from < end) {
      const piece = queue[index];
      const free = piece === undefined ? end : Math.min(piece.at, end);
      if (free > from) {
        const part = bytes === null ? null : copyOf(bytes, from - at, free - at);
        queue.splice(index++, 0, { at: from, end: free, bytes: part, tsMs, acknowledges });
        if (part !== null) taken += part.length;
        from = free;
        continue;
      }
      const until = Math.min(piece.end, end);
      if (bytes !== null && piece.bytes === null) {
        index += this.#fill(piece, index, from, copyOf(bytes, from - at, until - at), acknowledges);
        taken += until - from;
      } else {
        if (bytes !== null) counters.conflictingBytes += differences(piece, from, until, bytes, at);
        index += acknowledges >= 0 && acknowledges < piece.acknowledges ? this.#earlier(piece, index, from, until, acknowledges) : 1;
      }
      from = until;
    }
    this.queuedBytes += taken;
    return taken;
  }

  /** [from, until) of a piece was sent before what the piece acknowledges: it was a retransmission. Returns how many pieces now stand for it. */
  #earlier(piece: Piece, index: number, from: number, until: number, acknowledges: number): number {
    const part = (at: number, end: number, acknowledged: number): Piece => ({
      ...piece,
      at,
      end,
      bytes: piece.bytes === null ? null : piece.bytes.subarray(at - piece.at, end - piece.at),
      acknowledges: acknowledged,
    });
    const parts = [part(from, until, acknowledges)];
    if (piece.at < from) parts.unshift(part(piece.at, from, piece.acknowledges));
    if (piece.end > until) parts.push(part(until, piece.end, piece.acknowledges));
    this.queue.splice(index, 1, ...parts);
    return parts.length;
  }

  /** Puts bytes into a part that was known to be cut off. Returns how many pieces now stand for it. */
  #fill(cut: Piece, index: number, from: number, bytes: Uint8Array, acknowledges: number): number {
    const until = from + bytes.length;
    const parts: Piece[] = [{ ...cut, at: from, end: until, bytes, acknowledges: Math.min(cut.acknowledges, acknowledges) }];
    if (cut.at < from) parts.unshift({ ...cut, end: from });
    if (cut.end > until) parts.push({ ...cut, at: until });
    this.queue.splice(index, 1, ...parts);
    return parts.length;
  }

  overLimit(limits: Limits): boolean {
    return this.queue.length > limits.outOfOrderSegments || this.queuedBytes > limits.outOfOrderBytes;
  }
}

function differences(piece: Piece, from: number, until: number, bytes: Uint8Array, at: number): number {
  if (piece.bytes === null) return 0;
  let count = 0;
  for (let offset = from; offset < until; offset++) if (piece.bytes[offset - piece.at] !== bytes[offset - at]) count++;
  return count;
}
