import { type Exchange, encodeExchange, encodeInto, newId } from '../../exchange/index.js';

/** Encoded exchanges, ready to hand over: `memory[offset, offset + byteLength)` holds length-prefixed records of the exchange codec. */
export interface SealedBatch {
  readonly seq: number;
  /** Unique over processes and time: `<outbox id>-<seq>`. */
  readonly id: string;
  readonly memory: SharedArrayBuffer;
  readonly offset: number;
  readonly byteLength: number;
  readonly exchanges: number;
  readonly firstAtMs: number;
  /** Share of the memory for what waits that was in use when it was sealed. */
  readonly filled: number;
}

export type AppendProblem = 'full' | 'too-large' | 'encode';

/** A piece of memory that batches are written into one after the other; free again when all of them are acknowledged. */
interface Arena {
  readonly memory: SharedArrayBuffer;
  readonly buffer: Buffer;
  /** Batches in it that are not acknowledged. */
  live: number;
  /** Nothing more is written into it. */
  full: boolean;
}

interface OpenBatch {
  readonly arena: Arena;
  readonly start: number;
  offset: number;
  exchanges: number;
  firstAtMs: number;
}

interface Sent {
  readonly batch: SealedBatch;
  readonly arena: Arena;
}

/** What is left of an arena below this share is not worth another batch. */
const WORTH_USING = 1 / 4;

/**
 * Where the gateway's thread encodes exchanges, and where a batch stays until it is acknowledged.
 *
 * Buffers are shared memory rather than transferred: a transferred buffer is lost with the thread that holds it, these can be sent again.
 * The bound counts every buffer that exists, so `limitBytes` is also the most memory this can ever take. Short batches share a buffer: a consumer
 * that acknowledges late costs what they hold, not a buffer each.
 */
export class Outbox {
  private readonly id = newId();
  private readonly unacknowledged = new Map<number, Sent>();
  /** Those of them that the consumer has not read, oldest first: asked for the oldest at every judged request. */
  private readonly untaken = new Map<number, SealedBatch>();
  private readonly free: Arena[] = [];
  private open: OpenBatch | null = null;
  private allocatedBytes = 0;
  private nextSeq = 1;
  private waiting = 0;

  constructor(
    private readonly limitBytes: number,
    private readonly bufferBytes: number,
  ) {}

  /** Null: taken. The bytes of the exchange, or of its record, are copied. */
  append(exchange: Exchange | Uint8Array, nowMs: number, sealed: (batch: SealedBatch) => void): AppendProblem | null {
    try {
      if (this.open !== null && write(this.open, exchange, nowMs)) return null;
      const batch = this.seal();
      if (batch !== null) sealed(batch);
      this.retire();
      this.open = this.fresh();
      if (this.open === null) return 'full';
      if (write(this.open, exchange, nowMs)) return null;
      return this.appendLarge(exchange, nowMs, sealed);
    } catch {
      return 'encode';
    }
  }

  /** Closes the open batch; null when it is empty. */
  seal(): SealedBatch | null {
    const open = this.open;
    if (open === null || open.exchanges === 0) return null;
    const batch = this.register(open.arena, open.start, open.offset - open.start, open.exchanges, open.firstAtMs);
    this.open = { arena: open.arena, start: open.offset, offset: open.offset, exchanges: 0, firstAtMs: 0 };
    if (this.bufferBytes - open.offset < this.bufferBytes * WORTH_USING) this.retire();
    return batch;
  }

  /** Read by the consumer, which is no longer behind with it. */
  take(seq: number): void {
    const batch = this.untaken.get(seq);
    if (batch === undefined) return;
    this.untaken.delete(seq);
    this.waiting -= batch.exchanges;
  }

  acknowledge(seq: number): number {
    this.take(seq);
    const sent = this.unacknowledged.get(seq);
    if (sent === undefined) return 0;
    this.unacknowledged.delete(seq);
    sent.arena.live--;
    this.release(sent.arena);
    return sent.batch.exchanges;
  }

  /** Not yet acknowledged, oldest first, for a new consumer: the old one is gone, so none of them counts as taken. */
  again(): readonly SealedBatch[] {
    const batches = [...this.unacknowledged.values()].map(({ batch }) => batch);
    this.untaken.clear();
    this.waiting = 0;
    for (const batch of batches) this.wait(batch);
    return batches;
  }

  get unacknowledgedBatches(): number {
    return this.unacknowledged.size;
  }

  get untakenBatches(): number {
    return this.untaken.size;
  }

  /** Exchanges not yet taken by the consumer. */
  get backlog(): number {
    return this.waiting + (this.open?.exchanges ?? 0);
  }

  /** Share of the limit that is in use. Free buffers are kept, and are not. */
  get filled(): number {
    return (this.allocatedBytes - this.free.length * this.bufferBytes) / this.limitBytes;
  }

  /** When the oldest exchange that the consumer has not taken was published; null when there is none. */
  get oldestAtMs(): number | null {
    for (const { firstAtMs } of this.untaken.values()) return firstAtMs;
    return this.open !== null && this.open.exchanges > 0 ? this.open.firstAtMs : null;
  }

  /** The arena of the open batch gets no further one. */
  private retire(): void {
    if (this.open === null) return;
    const { arena } = this.open;
    this.open = null;
    arena.full = true;
    this.release(arena);
  }

  private release(arena: Arena): void {
    if (!arena.full || arena.live > 0) return;
    if (arena.memory.byteLength === this.bufferBytes) this.free.push(arena);
    else this.allocatedBytes -= arena.memory.byteLength;
  }

  private fresh(): OpenBatch | null {
    let arena = this.free.pop();
    if (arena === undefined) {
      if (this.allocatedBytes + this.bufferBytes > this.limitBytes) return null;
      arena = this.allocate(this.bufferBytes);
    }
    arena.full = false;
    return { arena, start: 0, offset: 0, exchanges: 0, firstAtMs: 0 };
  }

  private allocate(bytes: number): Arena {
    const memory = new SharedArrayBuffer(bytes);
    this.allocatedBytes += bytes;
    return { memory, buffer: Buffer.from(memory), live: 0, full: false };
  }

  /** An exchange larger than a buffer travels alone, in memory of its own. */
  private appendLarge(exchange: Exchange | Uint8Array, nowMs: number, sealed: (batch: SealedBatch) => void): AppendProblem | null {
    const bytes = exchange instanceof Uint8Array ? exchange : encodeExchange(exchange);
    if (bytes.length > this.limitBytes / 4) return 'too-large';
    if (this.allocatedBytes + bytes.length > this.limitBytes) return 'full';
    const arena = this.allocate(bytes.length);
    arena.buffer.set(bytes);
    arena.full = true;
    sealed(this.register(arena, 0, bytes.length, 1, nowMs));
    return null;
  }

  private register(arena: Arena, offset: number, byteLength: number, exchanges: number, firstAtMs: number): SealedBatch {
    const seq = this.nextSeq++;
    const batch = { seq, id: `${this.id}-${seq}`, memory: arena.memory, offset, byteLength, exchanges, firstAtMs, filled: this.filled };
    this.unacknowledged.set(seq, { batch, arena });
    arena.live++;
    this.wait(batch);
    return batch;
  }

  private wait(batch: SealedBatch): void {
    this.untaken.set(batch.seq, batch);
    this.waiting += batch.exchanges;
  }
}

function write(open: OpenBatch, exchange: Exchange | Uint8Array, nowMs: number): boolean {
  const { buffer } = open.arena;
  const written = exchange instanceof Uint8Array ? copyInto(exchange, buffer, open.offset) : encodeInto(exchange, buffer, open.offset);
  if (written < 0) return false;
  if (open.exchanges === 0) open.firstAtMs = nowMs;
  open.offset += written;
  open.exchanges++;
  return true;
}

/** As `encodeInto`, of a record that is there. */
function copyInto(record: Uint8Array, buffer: Buffer, offset: number): number {
  if (record.length > buffer.length - offset) return -1;
  buffer.set(record, offset);
  return record.length;
}
