import { Worker } from 'node:worker_threads';
import { decodeBatch, type Exchange, type WeirError } from '../exchange/index.js';
import { addCounters, type Counters, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import type { Segment } from './decode/segment.js';
import { sensorError } from './errors.js';
import { type OnSeenPair, Pipeline, type PipelineOptions } from './pipeline.js';
import { hashOf } from './reassembly/flows.js';
import { type RecordViews, recordBytes, viewsOf, writeSegment } from './shard-record.js';
import { DEFAULT_LIMITS, type Packet } from './types.js';

/** To a worker: segments as records, or time, or the end. */
export type ShardOrder =
  | { readonly kind: 'segments'; readonly bytes: ArrayBuffer; readonly length: number }
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'end' };

/** From a worker: exchanges as encoded records (without service and principal), counters, and the buffer back. */
export interface ShardReport {
  readonly exchanges: ArrayBuffer | null;
  /** Network ids of the exchanges, in order; -1 for none. */
  readonly vnis: readonly number[];
  readonly counters: Counters;
  readonly buffered: number;
  readonly openFlows: number;
  readonly returned: ArrayBuffer | null;
  readonly ended: boolean;
}

const BATCH_BYTES = 1 << 18;
/** Batches under way to one worker before a reader should pause. */
const AHEAD = 16;
/** Batches under way beyond which segments are dropped and counted. */
const TOO_FAR = 256;

interface Shard {
  readonly worker: Worker;
  buffer: ArrayBuffer;
  view: RecordViews;
  length: number;
  underWay: number;
  counters: Counters;
  buffered: number;
  openFlows: number;
}

/** Part of the connections that this thread keeps for itself, by the number of threads: it also reads, decodes headers and takes in what workers found. */
const OWN_SHARE: Readonly<Record<number, number>> = { 2: 0.33, 3: 0.12 };
const HASHES = 2 ** 32;

/**
 * The same as a Pipeline, over several threads, this one included: headers are decoded here, and each connection belongs to one thread by the symmetric
 * hash of its innermost addresses and ports (and network id, where the key has it). Exchanges of one connection keep their order, those of different
 * threads mix.
 */
export class Shards {
  readonly #own: Pipeline;
  readonly #ownHashes: number;
  readonly #shards: Shard[];
  readonly #decoder: Decoder;
  readonly #counters = newCounters();
  readonly #keyByVni: boolean;
  readonly #free: ArrayBuffer[] = [];
  #waiting: (() => void)[] = [];
  #running: number;
  #failure: WeirError | null = null;

  /** `threads` is at least 2. Pairs are of this thread, exchanges of the others. */
  constructor(threads: number, options: PipelineOptions, onPair: OnSeenPair, onExchange: (exchange: Exchange, vni: number) => void) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#keyByVni = options.keyByVni ?? false;
    this.#decoder = new Decoder(this.#counters, { tunnelDepth: limits.tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
    this.#ownHashes = Math.floor((OWN_SHARE[threads] ?? 0) * HASHES);
    this.#running = threads - 1;
    const share: PipelineOptions = {
      keyByVni: this.#keyByVni,
      verifyChecksums: options.verifyChecksums ?? false,
      limits: { ...limits, flows: Math.ceil(limits.flows / threads), totalBytes: Math.ceil(limits.totalBytes / threads) },
    };
    this.#own = new Pipeline(share, onPair);
    const program = new URL(import.meta.url.endsWith('.ts') ? './shard-worker.ts' : './shard-worker.js', import.meta.url);
    this.#shards = Array.from({ length: threads - 1 }, () => {
      const worker = new Worker(program, { workerData: share });
      const buffer = new ArrayBuffer(BATCH_BYTES);
      const shard: Shard = {
        worker,
        buffer,
        view: viewsOf(buffer),
        length: 0,
        underWay: 0,
        counters: newCounters(),
        buffered: 0,
        openFlows: 0,
      };
      worker.on('message', (report: ShardReport) => this.#onReport(shard, report, onExchange));
      worker.on('error', (error) => this.#fail(error));
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
    return this.#shards.reduce((sum, shard) => sum + shard.openFlows, this.#own.openFlows);
  }

  packet(packet: Packet): void {
    const segment = this.#decoder.decode(packet);
    if (segment === null) return;
    const hash = (hashOf(segment, this.#keyByVni) >>> 0) - this.#ownHashes;
    if (hash < 0) this.#own.segment(segment);
    else this.#write(this.#shards[Math.floor((hash / (HASHES - this.#ownHashes)) * this.#shards.length)], segment);
  }

  #write(shard: Shard, segment: Segment): void {
    const needed = recordBytes(segment);
    if (shard.length + needed > shard.buffer.byteLength) {
      // Live sources cannot wait; whoever can asks ready() and never comes here.
      if (shard.underWay >= TOO_FAR) {
        this.#counters.overloaded++;
        return;
      }
      this.#send(shard, needed);
    }
    shard.length = writeSegment(shard.view, shard.length, segment);
  }

  #send(shard: Shard, room: number): void {
    if (shard.length > 0) {
      shard.underWay++;
      const order: ShardOrder = { kind: 'segments', bytes: shard.buffer, length: shard.length };
      shard.worker.postMessage(order, [shard.buffer]);
    }
    shard.buffer = room <= BATCH_BYTES ? (this.#free.pop() ?? new ArrayBuffer(BATCH_BYTES)) : new ArrayBuffer(room);
    shard.view = viewsOf(shard.buffer);
    shard.length = 0;
  }

  /** Resolves when the workers have caught up so far that more may be read. @throws the failure of a worker */
  async ready(): Promise<void> {
    while (this.#failure === null && this.#shards.some((shard) => shard.underWay > AHEAD))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== null) throw this.#failure;
  }

  tick(nowMs: number): void {
    this.#own.tick(nowMs);
    for (const shard of this.#shards) {
      this.#send(shard, 0);
      shard.worker.postMessage({ kind: 'tick', nowMs } satisfies ShardOrder);
    }
  }

  /** Hands over everything that is open, and ends the workers. @throws the failure of a worker */
  async end(): Promise<void> {
    this.#own.end();
    for (const shard of this.#shards) {
      this.#send(shard, 0);
      shard.worker.postMessage({ kind: 'end' } satisfies ShardOrder);
    }
    while (this.#failure === null && this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await Promise.all(this.#shards.map((shard) => shard.worker.terminate()));
    if (this.#failure !== null) throw this.#failure;
  }

  #onReport(shard: Shard, report: ShardReport, onExchange: (exchange: Exchange, vni: number) => void): void {
    shard.counters = report.counters;
    shard.buffered = report.buffered;
    shard.openFlows = report.openFlows;
    if (report.returned !== null) {
      shard.underWay--;
      if (report.returned.byteLength === BATCH_BYTES && this.#free.length < AHEAD) this.#free.push(report.returned);
    }
    const exchanges = report.exchanges === null ? [] : decodeBatch(new Uint8Array(report.exchanges));
    for (const [index, exchange] of exchanges.entries()) onExchange(exchange, report.vnis[index]);
    if (report.ended) this.#running--;
    this.#wake();
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
