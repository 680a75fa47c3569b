import { type Exchange, encodeExchange, encodeInto } from '../exchange/index.js';

/** Encoded exchanges one behind the other, ready to be handed to another thread or to a stream. */
export class RecordBatch {
  readonly #buffers: () => ArrayBuffer;
  #memory: Buffer | null = null;
  length = 0;
  exchanges = 0;

  /** `buffers` gives memory for a batch. */
  constructor(buffers: () => ArrayBuffer) {
    this.#buffers = buffers;
  }

  /** False: there is no room, `take` the batch first. Then it always fits. */
  append(exchange: Exchange): boolean {
    this.#memory ??= Buffer.from(this.#buffers());
    const written = encodeInto(exchange, this.#memory, this.length);
    if (written < 0) {
      if (this.exchanges > 0) return false;
      const record = encodeExchange(exchange);
      this.#memory = Buffer.from(new ArrayBuffer(record.length));
      this.#memory.set(record);
      this.length = record.length;
    } else this.length += written;
    this.exchanges++;
    return true;
  }

  /** What was appended so far, whose memory is the caller's from now on; null when nothing was. */
  take(): { readonly bytes: ArrayBuffer; readonly length: number; readonly exchanges: number } | null {
    if (this.#memory === null || this.exchanges === 0) return null;
    const taken = { bytes: this.#memory.buffer as ArrayBuffer, length: this.length, exchanges: this.exchanges };
    this.#memory = null;
    this.length = 0;
    this.exchanges = 0;
    return taken;
  }
}
