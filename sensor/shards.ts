import { Worker } from 'node:worker_threads';
import { decodeBatch, type Exchange, type Observer, type WeirError } from '../exchange/index.js';
import { addCounters, type Counters, newCounters } from './counters.js';
import { sensorError } from './errors.js';
import { assigned, type ExchangePorts } from './exchange-of.js';
import { type OnSeenPair, Pipeline, type PipelineOptions } from './pipeline.js';
import type { FlowEnds } from './reassembly/flows.js';
import { DistantStream, type RecordRoom, type RecordViews, viewsOf } from './stream-records.js';
import { DEFAULT_LIMITS, type Limits, type Packet, type RecordsPort } from './types.js';

/** What a worker begins with. */
export interface ShardSettings {
  readonly limits: Limits;
  readonly observer: Observer;
  /** What it takes to finish exchanges; null: they come without service and identity. */
  readonly finish: Omit<RecordsPort, 'take'> | null;
}

/** To a worker: what happened to its connections, as records; memory that its own records may use again; a question how it is; or the end. */
export type ShardOrder =
  | { readonly kind: 'streams'; readonly bytes: ArrayBuffer; readonly length: number }
  | { readonly kind: 'spare'; readonly bytes: ArrayBuffer }
  | { readonly kind: 'report' }
  | { readonly kind: 'end' };

export type ShardReport =
  | {
      readonly kind: 'records';
      readonly bytes: ArrayBuffer;
      readonly length: number;
      readonly exchanges: number;
      /** It is one that somebody has to look at. */
      readonly apart: boolean;
      /** Network ids of the exchanges where they are not finished, in order; -1 for none. */
      readonly vnis: readonly number[];
    }
  | {
      readonly kind: 'state';
      /** As they are now; null: not told this time. */
      readonly counters: Counters | null;
      readonly buffered: number;
      /** The memory of the records, read. */
      readonly returned: ArrayBuffer | null;
      readonly ended: boolean;
    };

/** Where exchanges of the workers go, and what they are finished with. */
export interface ShardOutlet {
  readonly observer: Observer;
  readonly ports: ExchangePorts;
  readonly records: RecordsPort | null;
  emit(exchange: Exchange): void;
  /** Records were handed on to `records`. */
  emitted(exchanges: number): void;
}

/** Memory of a batch, on its way there or back: handing one over costs as much as copying a fifth of it. */
export const BATCH_BYTES = 1 << 20;

/** Bounds of what is under way to one worker, in batches. */
export interface Ahead {
  /** A reader should pause. */
  readonly pause: number;
  /** Bytes are dropped and counted. */
  readonly drop: number;
  /** This thread looks after new connections itself … */
  readonly share: number;
  /** … once so many batches were sent to the worker. Before, its own compiler would cost it more than it helps. */
  readonly shareAfter: number;
}

const AHEAD: Ahead = { pause: 16, drop: 64, share: 8, shareAfter: 512 };

/** One worker, and the records on their way to it. */
class Shard implements RecordRoom {
  readonly worker: Worker;
  readonly #ahead: Ahead;
  readonly #free: ArrayBuffer[] = [];
  readonly #onWritten: () => void;
  readonly #onLost: (length: number) => void;
  #buffer = new ArrayBuffer(BATCH_BYTES);
  #length = 0;
  views: RecordViews = viewsOf(this.#buffer);
  underWay = 0;
  #sent = 0;
  connections = 0;
  counters: Counters = newCounters();
  buffered = 0;

  constructor(worker: Worker, ahead: Ahead, onWritten: () => void, onLost: (length: number) => void) {
    this.worker = worker;
    this.#ahead = ahead;
    this.#onWritten = onWritten;
    this.#onLost = onLost;
  }

  get isOpen(): boolean {
    return this.underWay < this.#ahead.drop;
  }

  get isBehind(): boolean {
    return this.underWay > this.#ahead.share && this.#sent >= this.#ahead.shareAfter;
  }

  reserve(bytes: number): number {
    if (this.#length + bytes > this.#buffer.byteLength) this.send(bytes);
    const at = this.#length;
    this.#length += bytes;
    this.#onWritten();
    return at;
  }

  onLost(length: number): void {
    this.#onLost(length);
  }

  /** Sends what was written, if anything, and makes room for `bytes`. */
  send(bytes: number): void {
    if (this.#length > 0) {
      this.underWay++;
      this.#sent++;
      this.post({ kind: 'streams', bytes: this.#buffer, length: this.#length }, this.#buffer);
    } else if (bytes <= this.#buffer.byteLength) return;
    this.#buffer = bytes <= BATCH_BYTES ? (this.#free.pop() ?? new ArrayBuffer(BATCH_BYTES)) : new ArrayBuffer(bytes);
    this.views = viewsOf(this.#buffer);
    this.#length = 0;
  }

  /** A batch was read: its memory came back. */
  onReturned(memory: ArrayBuffer): void {
    this.underWay--;
    if (memory.byteLength === BATCH_BYTES && this.#free.length < this.#ahead.pause) this.#free.push(memory);
    if (this.underWay === 0) this.send(0);
  }

  post(order: ShardOrder, memory?: ArrayBuffer): void {
    this.worker.postMessage(order, memory === undefined ? [] : [memory]);
  }
}

/**
 * The same as a Pipeline, over several threads, this one included. Packets are decoded and streams put together here; what the streams say is read by the worker
 * to which the symmetric hash of the innermost addresses and ports (and network id, where the key has it) leads, or by this thread while that worker stays behind.
 * Exchanges of one connection keep their order, those of different threads mix.
 */
export class Shards {
  readonly #own: Pipeline;
  readonly #shards: Shard[];
  readonly #counters = newCounters();
  readonly #outlet: ShardOutlet;
  readonly #ahead: Ahead;
  #waiting: (() => void)[] = [];
  #running: number;
  #flushing = false;
  #failure: WeirError | null = null;

  /** `threads` is at least 2. Pairs are of this thread; what the others find goes to `outlet`. */
  constructor(threads: number, options: PipelineOptions, onPair: OnSeenPair, outlet: ShardOutlet, ahead: Ahead = AHEAD) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#outlet = outlet;
    this.#ahead = ahead;
    this.#running = threads - 1;
    const share: Limits = { ...limits, totalBytes: Math.ceil(limits.totalBytes / threads) };
    this.#own = new Pipeline({ ...options, limits: share }, onPair, (ends) => this.#elsewhere(ends));
    const { records } = outlet;
    const finish = records === null ? null : { services: records.services, secret: records.secret, apart: records.apart };
    const settings: ShardSettings = { limits: share, observer: outlet.observer, finish };
    const program = new URL(import.meta.url.endsWith('.ts') ? './shard-worker.ts' : './shard-worker.js', import.meta.url);
    const onLost = (length: number): void => {
      this.#counters.overloaded++;
      this.#counters.skippedBytes += length;
    };
    this.#shards = Array.from({ length: threads - 1 }, () => {
      const shard = new Shard(new Worker(program, { workerData: settings }), ahead, this.#soon, onLost);
      shard.worker.on('message', (report: ShardReport) => this.#onReport(shard, report));
      shard.worker.on('error', (error) => this.#fail(error));
      return shard;
    });
  }

  get counters(): Counters {
    const sum = addCounters(addCounters(newCounters(), this.#counters), this.#own.counters);
    for (const shard of this.#shards) addCounters(sum, shard.counters);
    return sum;
  }

  get bufferedBytes(): number {
    const { queued, held } = this.#own.bufferedBytes;
    return this.#shards.reduce((sum, shard) => sum + shard.buffered, queued + held);
  }

  get openFlows(): number {
    return this.#own.openFlows;
  }

  packet(packet: Packet): void {
    this.#own.packet(packet);
  }

  #elsewhere(ends: FlowEnds): DistantStream | null {
    const shard = this.#shards[Math.floor(((ends.hash >>> 0) / 2 ** 32) * this.#shards.length)];
    return shard.isBehind ? null : new DistantStream(shard, shard.connections++, ends);
  }

  /** On a quiet link records must not wait for company: what was read at once goes at once. */
  readonly #soon = (): void => {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flush);
  };

  readonly #flush = (): void => {
    this.#flushing = false;
    for (const shard of this.#shards) if (shard.underWay === 0) shard.send(0);
  };

  /** Resolves when the workers have caught up so far that more may be read. @throws the failure of a worker */
  async ready(): Promise<void> {
    while (this.#failure === null && this.#shards.some((shard) => shard.underWay > this.#ahead.pause))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== null) throw this.#failure;
  }

  tick(nowMs: number): void {
    this.#own.tick(nowMs);
    for (const shard of this.#shards) {
      shard.send(0);
      shard.post({ kind: 'report' });
    }
  }

  /** Hands over everything that is open, and ends the workers. @throws the failure of a worker */
  async end(): Promise<void> {
    this.#own.end();
    for (const shard of this.#shards) {
      shard.send(0);
      shard.post({ kind: 'end' });
    }
    while (this.#failure === null && this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await Promise.all(this.#shards.map((shard) => shard.worker.terminate()));
    if (this.#failure !== null) throw this.#failure;
  }

  #onReport(shard: Shard, report: ShardReport): void {
    if (report.kind === 'records') {
      this.#handOn(report);
      shard.post({ kind: 'spare', bytes: report.bytes }, report.bytes);
      return;
    }
    if (report.counters !== null) shard.counters = report.counters;
    shard.buffered = report.buffered;
    if (report.returned !== null) shard.onReturned(report.returned);
    if (report.ended) this.#running--;
    this.#wake();
  }

  #handOn({ bytes, length, exchanges, apart, vnis }: Extract<ShardReport, { kind: 'records' }>): void {
    const { records, observer, ports } = this.#outlet;
    const encoded = new Uint8Array(bytes, 0, length);
    if (records !== null && !apart) {
      records.take(encoded, exchanges);
      this.#outlet.emitted(exchanges);
      return;
    }
    for (const [index, exchange] of decodeBatch(encoded).entries())
      this.#outlet.emit(records === null ? assigned(exchange, vnis[index], observer, ports) : exchange);
  }

  #fail(error: Error): void {
    this.#failure ??= sensorError('SENSOR_DRIVER_ENDED', `a sensor worker failed: ${error.message}`, error);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
