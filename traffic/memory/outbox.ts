import { type Exchange, encodeExchange, encodeInto, newId } from '../../exchange/index.js';

/** Encoded exchanges, ready to hand over. `memory[0, byteLength)` holds length-prefixed records of the exchange codec. */
export interface SealedBatch {
  readonly seq: number;
  /** Unique over processes and time: `<outbox id>-<seq>`. */
  readonly id: string;
  readonly memory: SharedArrayBuffer;
  readonly byteLength: number;
  readonly exchanges: number;
  readonly firstAtMs: number;
}

export type AppendProblem = 'full' | 'too-large' | 'encode';

interface OpenBatch {
  readonly buffer: Buffer;
  readonly memory: SharedArrayBuffer;
  offset: number;
  exchanges: number;
  firstAtMs: number;
}

/**
 * Where the gateway's thread encodes exchanges, and where a batch stays until it is acknowledged.
 *
 * Buffers are shared memory rather than transferred: a transferred buffer is lost with the thread that holds it, these can be sent again.
 * The bound counts every buffer that exists, so `limitBytes` is also the most memory this can ever take.
 */
export class Outbox {
  private readonly id = newId();
  private readonly unacknowledged = new Map<number, SealedBatch>();
  private readonly free: SharedArrayBuffer[] = [];
  private open: OpenBatch | null = null;
  private allocatedBytes = 0;
  private nextSeq = 1;
  private waiting = 0;

  constructor(
    private readonly limitBytes: number,
    private readonly bufferBytes: number,
  ) {}

  /** Null: taken. The exchange's bytes are copied. */
  append(exchange: Exchange, nowMs: number, sealed: (batch: SealedBatch) => void): AppendProblem | null {
    try {
      const current = this.open;
      if (current !== null && write(current, exchange, nowMs)) return null;
      const full = this.seal();
      if (full !== null) sealed(full);
      const fresh = this.take();
      if (fresh === null) return 'full';
      this.open = fresh;
      if (write(fresh, exchange, nowMs)) return null;
      return this.appendLarge(exchange, nowMs, sealed);
    } catch {
      return 'encode';
    }
  }

  /** Closes the open batch; null when it is empty. */
  seal(): SealedBatch | null {
    const open = this.open;
    if (open === null || open.exchanges === 0) return null;
    this.open = null;
    return this.register(open.memory, open.offset, open.exchanges, open.firstAtMs);
  }

  acknowledge(seq: number): number {
    const batch = this.unacknowledged.get(seq);
    if (batch === undefined) return 0;
    this.unacknowledged.delete(seq);
    this.waiting -= batch.exchanges;
    if (batch.memory.byteLength === this.bufferBytes) this.free.push(batch.memory);
    else this.allocatedBytes -= batch.memory.byteLength;
    return batch.exchanges;
  }

  /** Not yet acknowledged, oldest first. */
  outstanding(): IterableIterator<SealedBatch> {
    return this.unacknowledged.values();
  }

  get outstandingBatches(): number {
    return this.unacknowledged.size;
  }

  /** Exchanges taken and not yet acknowledged. */
  get backlog(): number {
    return this.waiting + (this.open?.exchanges ?? 0);
  }

  /** When the oldest exchange still here was taken; null when there is none. */
  get oldestAtMs(): number | null {
    for (const batch of this.unacknowledged.values()) return batch.firstAtMs;
    return this.open !== null && this.open.exchanges > 0 ? this.open.firstAtMs : null;
  }

  private take(): OpenBatch | null {
    if (this.open !== null) return this.open;
    let memory = this.free.pop();
    if (memory === undefined) {
      if (this.allocatedBytes + this.bufferBytes > this.limitBytes) return null;
      memory = new SharedArrayBuffer(this.bufferBytes);
      this.allocatedBytes += this.bufferBytes;
    }
    return { buffer: Buffer.from(memory), memory, offset: 0, exchanges: 0, firstAtMs: 0 };
  }

  /** An exchange larger than a buffer travels alone, in memory of its own. */
  private appendLarge(exchange: Exchange, nowMs: number, sealed: (batch: SealedBatch) => void): AppendProblem | null {
    const bytes = encodeExchange(exchange);
    if (bytes.length > this.limitBytes / 4) return 'too-large';
    if (this.allocatedBytes + bytes.length > this.limitBytes) return 'full';
    const memory = new SharedArrayBuffer(bytes.length);
    Buffer.from(memory).set(bytes);
    this.allocatedBytes += bytes.length;
    sealed(this.register(memory, bytes.length, 1, nowMs));
    return null;
  }

  private register(memory: SharedArrayBuffer, byteLength: number, exchanges: number, firstAtMs: number): SealedBatch {
    const seq = this.nextSeq++;
    const batch = { seq, id: `${this.id}-${seq}`, memory, byteLength, exchanges, firstAtMs };
    this.unacknowledged.set(seq, batch);
    this.waiting += exchanges;
    return batch;
  }
}

function write(open: OpenBatch, exchange: Exchange, nowMs: number): boolean {
  const written = encodeInto(exchange, open.buffer, open.offset);
  if (written < 0) return false;
  if (open.exchanges === 0) open.firstAtMs = nowMs;
  open.offset += written;
  open.exchanges++;
  return true;
}
