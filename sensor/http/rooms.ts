const SMALLEST_BITS = 12;
/** Larger ones are made for the occasion. */
const LARGEST_BITS = 20;
const SPARE_BYTES = 16 * 1024 * 1024;

/**
 * Memory that unfinished messages hold, over all connections of a shard. Rooms are powers of two and used again: a body in a new buffer each costs more than
 * reading it does.
 */
export class Rooms {
  /** Bytes in use. */
  bytes = 0;
  #spareBytes = 0;
  readonly #spare: readonly Buffer[][] = Array.from({ length: LARGEST_BITS + 1 }, () => []);

  /** A room of at least `bytes`, with anything in it. */
  take(bytes: number): Buffer {
    const bits = Math.max(SMALLEST_BITS, 32 - Math.clz32(bytes - 1));
    const spare = bits > LARGEST_BITS ? undefined : this.#spare[bits].pop();
    const room = spare ?? Buffer.allocUnsafeSlow(bits > LARGEST_BITS ? bytes : 1 << bits);
    if (spare !== undefined) this.#spareBytes -= room.length;
    this.bytes += room.length;
    return room;
  }

  /** Nobody looks at the room's bytes any more. */
  giveBack(room: Buffer): void {
    this.bytes -= room.length;
    const bits = 31 - Math.clz32(room.length);
    if (bits > LARGEST_BITS || this.#spareBytes + room.length > SPARE_BYTES) return;
    this.#spareBytes += room.length;
    this.#spare[bits].push(room);
  }
}
