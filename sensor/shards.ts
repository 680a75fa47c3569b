import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { decodeBatch, type Exchange, type Observer, type WeirError } from '../exchange/index.js';
import { addCounters, type Counters, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import type { Segment } from './decode/segment.js';
import { sensorError } from './errors.js';
import { assigned, type ExchangePorts } from './exchange-of.js';
import { type OnSeenPair, Pipeline, type PipelineOptions } from './pipeline.js';
import { hashOf } from './reassembly/flows.js';
import { PLACES, plainPlace } from './shard-place.js';
import { type RecordViews, recordBytes, viewsOf, writeSegment } from './shard-record.js';
import { DEFAULT_LIMITS, type Packet, type RecordsPort } from './types.js';

/** What a worker begins with. */
export interface ShardSettings {
  readonly pipeline: PipelineOptions;
  readonly observer: Observer;
  /** What it takes to finish exchanges; null: they come without service and identity. */
  readonly finish: Omit<RecordsPort, 'take'> | null;
  /** A capture that the worker reads itself, for the connections whose place is in [from, to). */
  readonly file: { readonly path: string; readonly from: number; readonly to: number } | null;
}

/** To a worker: segments as records; memory that its own records may use again; time; or the end, behind so many packets of a file. */
export type ShardOrder =
  | { readonly kind: 'segments'; readonly bytes: ArrayBuffer; readonly length: number }
  | { readonly kind: 'spare'; readonly bytes: ArrayBuffer }
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'end'; readonly packets: number };

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
      readonly openFlows: number;
      /** The memory of the segments, read. */
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

/** Memory of a batch of records on its way back. */
export const RECORDS_BYTES = 1 << 18;
const BATCH_BYTES = 1 << 18;
/** Batches under way to one worker before a reader should pause. */
const AHEAD = 64;
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

/** Part of the connections that this thread keeps for itself, by the number of threads: it also reads and decodes the headers of all. */
const OWN_SHARE: Readonly<Record<number, number>> = { 2: 0.4, 3: 0.2, 4: 0.08 };

/** What a thread could read in the time that it takes to start and to become fast. */
const START_BYTES = 60_000_000;
/** What a packed file is taken to unfold to. */
const UNPACKED = 5;
const LARGEST_OWN_SHARE = 0.75;

/** Part of a file's connections for the thread that is running already, so that all end together: the others begin late. */
function ownShareOfFile(path: string, threads: number): number {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
  const bytes = Math.max(1, path.endsWith('.gz') ? size * UNPACKED : size);
  return Math.min(LARGEST_OWN_SHARE, (bytes + (threads - 1) * START_BYTES) / (threads * bytes));
}

/**
 * The same as a Pipeline, over several threads, this one included: each connection belongs to one thread by the symmetric hash of its innermost addresses and
 * ports (and network id, where the key has it). Exchanges of one connection keep their order, those of different threads mix.
 *
 * What is live is heard here, and the segments of others are handed over to them. A file is read by every thread for itself: finding the packets in it costs
 * less than handing them over.
 */
export class Shards {
  readonly #own: Pipeline;
  readonly #ownPlaces: number;
  readonly #shards: Shard[];
  readonly #decoder: Decoder;
  readonly #counters = newCounters();
  readonly #keyByVni: boolean;
  readonly #outlet: ShardOutlet;
  readonly #free: ArrayBuffer[] = [];
  #waiting: (() => void)[] = [];
  #running: number;
  #packets = 0;
  #flushing = false;
  readonly #isFile: boolean;
  #failure: WeirError | null = null;

  /** `threads` is at least 2. Pairs are of this thread; what the others find goes to `outlet`. `file` names the capture whose packets come, if it is one. */
  constructor(threads: number, options: PipelineOptions, onPair: OnSeenPair, outlet: ShardOutlet, file: string | null) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#keyByVni = options.keyByVni ?? false;
    this.#outlet = outlet;
    this.#decoder = new Decoder(this.#counters, { tunnelDepth: limits.tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
    this.#isFile = file !== null;
    this.#ownPlaces = Math.floor((file === null ? (OWN_SHARE[threads] ?? 0) : ownShareOfFile(file, threads)) * PLACES);
    this.#running = threads - 1;
    const share: PipelineOptions = {
      keyByVni: this.#keyByVni,
      verifyChecksums: options.verifyChecksums ?? false,
      limits: { ...limits, flows: Math.ceil(limits.flows / threads), totalBytes: Math.ceil(limits.totalBytes / threads) },
    };
    this.#own = new Pipeline(share, onPair);
    const { records } = outlet;
    const finish = records === null ? null : { services: records.services, secret: records.secret, apart: records.apart };
    const width = (PLACES - this.#ownPlaces) / (threads - 1);
    const program = new URL(import.meta.url.endsWith('.ts') ? './shard-worker.ts' : './shard-worker.js', import.meta.url);
    this.#shards = Array.from({ length: threads - 1 }, (_, index) => {
      const from = this.#ownPlaces + index * width;
      const settings: ShardSettings = {
        pipeline: share,
        observer: outlet.observer,
        finish,
        file: file === null ? null : { path: file, from, to: from + width },
      };
      const worker = new Worker(program, { workerData: settings });
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
      worker.on('message', (report: ShardReport) => this.#onReport(shard, report));
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
    this.#packets++;
    // A plain packet of a file is counted by the thread that it belongs to, others by this one.
    if (this.#isFile && plainPlace(packet, this.#keyByVni) >= this.#ownPlaces) return;
    const segment = this.#decoder.decode(packet);
    if (segment === null) return;
    const hash = hashOf(segment, this.#keyByVni);
    const place = (hash >>> 0) - this.#ownPlaces;
    if (place < 0) this.#own.segment(segment, hash);
    else if (!this.#isFile)
      this.#write(this.#shards[Math.floor((place / (PLACES - this.#ownPlaces)) * this.#shards.length)], segment, hash);
  }

  #write(shard: Shard, segment: Segment, hash: number): void {
    const needed = recordBytes(segment);
    if (shard.length + needed > shard.buffer.byteLength) {
      // Live sources cannot wait; whoever can asks ready() and never comes here.
      if (shard.underWay >= TOO_FAR) {
        this.#counters.overloaded++;
        return;
      }
      this.#send(shard, needed);
    }
    shard.length = writeSegment(shard.view, shard.length, segment, hash);
    if (this.#flushing) return;
    // On a quiet link a segment must not wait for company: what was read at once goes at once.
    this.#flushing = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    for (const shard of this.#shards) if (shard.length > 0 && shard.underWay === 0) this.#send(shard, 0);
  };

  #send(shard: Shard, room: number): void {
    if (shard.length > 0) {
      shard.underWay++;
      post(shard, { kind: 'segments', bytes: shard.buffer, length: shard.length }, shard.buffer);
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
      if (shard.length > 0) this.#send(shard, 0);
      post(shard, { kind: 'tick', nowMs });
    }
  }

  /** Hands over everything that is open, and ends the workers. @throws the failure of a worker */
  async end(): Promise<void> {
    this.#own.end();
    for (const shard of this.#shards) {
      if (shard.length > 0) this.#send(shard, 0);
      post(shard, { kind: 'end', packets: this.#packets });
    }
    while (this.#failure === null && this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await Promise.all(this.#shards.map((shard) => shard.worker.terminate()));
    if (this.#failure !== null) throw this.#failure;
  }

  #onReport(shard: Shard, report: ShardReport): void {
    if (report.kind === 'records') {
      this.#handOn(report);
      post(shard, { kind: 'spare', bytes: report.bytes }, report.bytes);
      return;
    }
    if (report.counters !== null) shard.counters = report.counters;
    shard.buffered = report.buffered;
    shard.openFlows = report.openFlows;
    if (report.returned !== null) {
      shard.underWay--;
      if (report.returned.byteLength === BATCH_BYTES && this.#free.length < AHEAD) this.#free.push(report.returned);
      if (shard.length > 0 && shard.underWay === 0) this.#send(shard, 0);
    }
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

function post({ worker }: Shard, order: ShardOrder, memory?: ArrayBuffer): void {
  worker.postMessage(order, memory === undefined ? [] : [memory]);
}
