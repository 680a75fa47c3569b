import type { MessagePort } from 'node:worker_threads';
import { type Exchange, recordLength } from '../../exchange/index.js';
import { Counters } from '../counters.js';
import type { RecordPublisher, TrafficStats } from '../types.js';
import { Outbox, type SealedBatch } from './outbox.js';
import { Spare } from './spare.js';
import type { ToConsumer, ToPublisher } from './wire.js';

export interface MemoryPublisherOptions {
  /** Most memory for exchanges that are not yet acknowledged. Default 24 MiB. */
  readonly limitBytes?: number;
  /** Size of one batch. Default 256 KiB. */
  readonly bufferBytes?: number;
  /** Longest that an exchange waits for company. Default 20 ms: at a few hundred requests a second a message for each would cost the gateway more than the record. */
  readonly flushMs?: number;
  /** The same while the consumer has taken all it was sent, and so would learn at once. Default 2 ms. */
  readonly eagerFlushMs?: number;
  readonly now?: () => number;
}

/** The publishing side of the in-memory stream; lives on the thread that makes the exchanges. */
export interface MemoryPublisher extends RecordPublisher {
  /** Gives the stream a new consumer (the old one's thread died) and sends it everything that was not acknowledged. */
  attach(port: MessagePort): void;
}

/** Batches that may wait to be taken before short ones wait to be filled: a slow consumer gets few large batches, not many small ones. */
const EAGER_BATCHES = 4;

/**
 * Publishes over `port` (null: nobody consumes yet; exchanges wait up to the limit).
 *
 * Drops are counted as `full`, `disconnected` (no room, and the consumer says its Redis is away), `too-large` (over a quarter of the limit), `encode`,
 * `common` (nearly full, and much of its endpoint and actor was taken in that second).
 */
export function memoryPublisher(port: MessagePort | null, options: MemoryPublisherOptions = {}): MemoryPublisher {
  return new Publisher(port, options);
}

class Publisher implements MemoryPublisher {
  private readonly counters = new Counters();
  private readonly spare = new Spare();
  private readonly outbox: Outbox;
  private readonly flushMs: number;
  private readonly eagerFlushMs: number;
  private readonly now: () => number;
  private port: MessagePort | null = null;
  private timer: NodeJS.Timeout | null = null;
  /** When `timer` was set. */
  private waitsSinceMs = 0;
  private linked = true;
  private closed = false;
  private drained: (() => void) | null = null;

  constructor(port: MessagePort | null, options: MemoryPublisherOptions) {
    this.outbox = new Outbox(options.limitBytes ?? 24 * 1024 * 1024, options.bufferBytes ?? 256 * 1024);
    this.flushMs = options.flushMs ?? 20;
    this.eagerFlushMs = Math.min(this.flushMs, options.eagerFlushMs ?? 2);
    this.now = options.now ?? Date.now;
    if (port !== null) this.attach(port);
  }

  publish(exchange: Exchange | Uint8Array): boolean {
    if (this.isWanted(exchange)) return this.accept(exchange);
    this.counters.drop(this.linked ? 'common' : 'disconnected');
    return false;
  }

  private isWanted(exchange: Exchange | Uint8Array): boolean {
    try {
      return this.spare.takes(exchange, this.outbox.filled, this.now());
    } catch {
      // What cannot be read is counted where it cannot be encoded, or decoded.
      return true;
    }
  }

  private accept(exchange: Exchange | Uint8Array): boolean {
    const problem = this.closed ? 'closed' : this.outbox.append(exchange, this.now(), this.send);
    if (problem !== null) {
      this.counters.drop(problem === 'full' && !this.linked ? 'disconnected' : problem);
      return false;
    }
    this.counters.published++;
    if (this.timer === null) this.arm(this.outbox.untakenBatches === 0 ? this.eagerFlushMs : this.flushMs);
    return true;
  }

  publishRecords(records: Uint8Array): number {
    let taken = 0;
    for (let at = 0, length = 0; at < records.length; at += length) {
      length = recordLength(records, at);
      if (length === 0) {
        this.counters.drop('encode');
        break;
      }
      if (this.publish(records.subarray(at, at + length))) taken++;
    }
    return taken;
  }

  attach(port: MessagePort): void {
    this.port?.removeAllListeners('message');
    this.port = port;
    this.linked = true;
    port.on('message', this.onMessage);
    port.unref();
    for (const batch of this.outbox.again()) {
      this.counters.redelivered++;
      this.send(batch);
    }
  }

  stats(): TrafficStats {
    const oldest = this.outbox.oldestAtMs;
    return this.counters.read(this.outbox.backlog, oldest === null ? 0 : this.now() - oldest, this.outbox.filled);
  }

  async close(timeoutMs: number): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.flush();
    if (this.outbox.unacknowledgedBatches > 0 && this.port !== null) {
      this.port.ref();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.port?.close();
    this.port = null;
  }

  private arm(afterMs: number): void {
    this.waitsSinceMs = this.now();
    this.timer = setTimeout(this.onTimer, afterMs);
  }

  private readonly onTimer = (): void => {
    this.timer = null;
    if (this.outbox.untakenBatches < EAGER_BATCHES) this.flush();
  };

  private readonly onMessage = (message: ToPublisher): void => {
    if (message.kind === 'link') {
      this.linked = message.connected;
      return;
    }
    if (message.kind === 'taken') for (const seq of message.seqs) this.outbox.take(seq);
    else for (const seq of message.seqs) this.counters.consumed += this.outbox.acknowledge(seq);
    if (this.outbox.untakenBatches === 0) this.hurry();
    else if (this.timer === null && this.outbox.untakenBatches < EAGER_BATCHES) this.flush();
    if (this.outbox.unacknowledgedBatches === 0) this.drained?.();
  };

  /** The consumer has nothing left to do: what waits for company waits no longer than for an idle one. */
  private hurry(): void {
    if (this.timer === null) {
      this.flush();
      return;
    }
    clearTimeout(this.timer);
    this.timer = null;
    const waitedMs = this.now() - this.waitsSinceMs;
    if (waitedMs >= this.eagerFlushMs) this.flush();
    else this.timer = setTimeout(this.onTimer, this.eagerFlushMs - waitedMs);
  }

  private flush(): void {
    const batch = this.outbox.seal();
    if (batch !== null) this.send(batch);
  }

  private readonly send = (batch: SealedBatch): void => {
    const message: ToConsumer = { kind: 'batch', ...batch };
    this.port?.postMessage(message);
  };
}
