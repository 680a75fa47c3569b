import type { MessagePort } from 'node:worker_threads';
import { Counters } from '../counters.js';
import { decodeRecords } from '../decode.js';
import { trafficError } from '../errors.js';
import { pause } from '../pause.js';
import type { Batch, TakeBatches, TrafficConsumer, TrafficStats } from '../types.js';
import type { ToConsumer, ToPublisher } from './wire.js';

export interface MemoryConsumerOptions {
  /** Most batches a call of `handle` gets. Default 16. */
  readonly maxBatches?: number;
  /** First pause after a rejection; doubles up to 5 s. Default 100 ms. */
  readonly retryMs?: number;
  readonly now?: () => number;
}

/** A batch that was not decoded: `bytes` is the consumer's own copy. */
export interface RawBatch {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly exchanges: number;
}

export interface MemoryConsumer extends TrafficConsumer {
  /** `consume` without decoding, for a consumer that passes the bytes on. */
  consumeRaw(take: TakeBatches<RawBatch>, signal: AbortSignal): Promise<void>;
  /** Takes one more publisher: an earlier one's thread died and its successor has a stream of its own. */
  attach(port: MessagePort): void;
  /** Tells the publishers whether what stands behind this consumer can be reached. */
  setLink(connected: boolean): void;
}

interface Arrived {
  readonly batch: ToConsumer;
  readonly port: MessagePort;
}

/** The consuming side of one or more in-memory streams (one port a publisher); usually in a worker thread. */
export function memoryConsumer(ports: readonly MessagePort[], options: MemoryConsumerOptions = {}): MemoryConsumer {
  return new Consumer(ports, options);
}

class Consumer implements MemoryConsumer {
  private readonly counters = new Counters();
  private readonly inbox: Arrived[] = [];
  private readonly maxBatches: number;
  private readonly retryMs: number;
  private readonly now: () => number;
  private wake: (() => void) | null = null;
  private group: string | null = null;
  private isListening = false;
  private readonly ports = new Set<MessagePort>();

  constructor(ports: readonly MessagePort[], options: MemoryConsumerOptions) {
    this.maxBatches = options.maxBatches ?? 16;
    this.retryMs = options.retryMs ?? 100;
    this.now = options.now ?? Date.now;
    for (const port of ports) this.attach(port);
  }

  attach(port: MessagePort): void {
    this.ports.add(port);
    // What it sent before it died is taken like any other.
    port.once('close', () => this.ports.delete(port));
    if (this.isListening) this.listen(port);
  }

  async consume(group: string, take: TakeBatches<Batch>, signal: AbortSignal): Promise<void> {
    if (this.group !== null && this.group !== group) {
      throw trafficError('TRAFFIC_ONE_GROUP', `group "${group}" cannot consume: "${this.group}" already does`);
    }
    this.group = group;
    await this.consumeRaw(
      (raw) => take(raw.map((batch) => ({ id: batch.id, exchanges: decodeRecords(batch.bytes, this.counters) }))),
      signal,
    );
  }

  async consumeRaw(take: TakeBatches<RawBatch>, signal: AbortSignal): Promise<void> {
    this.isListening = true;
    for (const port of this.ports) this.listen(port);
    let delayMs = this.retryMs;
    while (!signal.aborted) {
      if (this.inbox.length === 0) {
        await this.arrival(signal);
        continue;
      }
      const given = this.inbox.slice(0, this.maxBatches);
      try {
        const taken = await take(given.map(copyOut));
        this.inbox.splice(0, given.length);
        if (taken === undefined) this.acknowledge(given);
        else this.acknowledgeWhen(taken.safe, given);
      } catch {
        this.counters.redelivered += given.length;
        await pause(delayMs, signal);
        delayMs = Math.min(delayMs * 2, 5000);
        continue;
      }
      delayMs = this.retryMs;
    }
    this.isListening = false;
    for (const port of this.ports) port.removeAllListeners('message');
  }

  setLink(connected: boolean): void {
    const message: ToPublisher = { kind: 'link', connected };
    for (const port of this.ports) port.postMessage(message);
  }

  stats(): TrafficStats {
    const oldest = this.inbox[0]?.batch.firstAtMs;
    const backlog = this.inbox.reduce((sum, { batch }) => sum + batch.exchanges, 0);
    return this.counters.read(backlog, oldest === undefined ? 0 : this.now() - oldest, this.inbox.at(-1)?.batch.filled ?? 0);
  }

  async close(): Promise<void> {
    for (const port of this.ports) port.close();
  }

  private listen(port: MessagePort): void {
    port.on('message', (batch: ToConsumer) => this.arrive(batch, port));
  }

  private arrive(batch: ToConsumer, port: MessagePort): void {
    this.inbox.push({ batch, port });
    this.wake?.();
  }

  private arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        this.wake = null;
        resolve();
      };
      this.wake = done;
      signal.addEventListener('abort', done);
    });
  }

  private acknowledgeWhen(safe: Promise<void>, given: readonly Arrived[]): void {
    this.tell('taken', given);
    safe.then(
      () => this.acknowledge(given),
      () => {
        this.counters.redelivered += given.length;
        this.inbox.unshift(...given);
        this.wake?.();
      },
    );
  }

  private acknowledge(given: readonly Arrived[]): void {
    this.tell('ack', given);
    for (const { batch } of given) this.counters.consumed += batch.exchanges;
  }

  private tell(kind: 'ack' | 'taken', given: readonly Arrived[]): void {
    for (const port of this.ports) {
      const seqs = given.filter((arrived) => arrived.port === port).map(({ batch }) => batch.seq);
      const message: ToPublisher = { kind, seqs };
      if (seqs.length > 0) port.postMessage(message);
    }
  }
}

/** The publisher reuses its memory after the acknowledgement; exchanges may live longer. 256 KiB cost some 20 µs on this thread. */
function copyOut({ batch }: Arrived): RawBatch {
  const bytes = new Uint8Array(batch.byteLength);
  bytes.set(new Uint8Array(batch.memory, batch.offset, batch.byteLength));
  return { id: batch.id, bytes, exchanges: batch.exchanges };
}
