import { Worker } from 'node:worker_threads';
import { decodeBatch, type Exchange, type Observer, type WeirError } from '../exchange/index.js';
import { Connections, type OnSeenPair } from './connections.js';
import { addCounters, balance, type Counters, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import type { Segment } from './decode/segment.js';
import { sensorError } from './errors.js';
import { assigned, type ExchangePorts } from './exchange-of.js';
import type { PipelineOptions } from './pipeline.js';
import { hashOf, SWEEP_MS } from './reassembly/flows.js';
import { segmentBytes, TIME_BYTES, viewsOf, writeSegment, writeTime } from './segment-records.js';
import { DEFAULT_LIMITS, type Limits, type Packet, type RecordsPort } from './types.js';

/** What a worker begins with. */
export interface ShardSettings {
  readonly limits: Limits;
  readonly keyByVni: boolean;
  readonly observer: Observer;
  /** What it takes to finish exchanges; null: they come without service and identity. */
  readonly finish: Omit<RecordsPort, 'take'> | null;
}

/** To a worker: segments of its connections, as records, and memory that its own records may use again; a question how it is; or the end. */
export type ShardOrder =
  | { readonly kind: 'segments'; readonly bytes: ArrayBuffer; readonly length: number; readonly spares: readonly ArrayBuffer[] }
  | { readonly kind: 'report' }
  | { readonly kind: 'end' };

/** Encoded exchanges, one behind the other. */
export interface ShardRecords {
  readonly bytes: ArrayBuffer;
  readonly length: number;
  readonly exchanges: number;
  /** Somebody has to look at these. */
  readonly apart: boolean;
  /** Network ids of the exchanges where they are not finished, in order; -1 for none. */
  readonly vnis: readonly number[];
}

/** From a worker. Its counters and what it holds are those of one moment, behind the segments that it returned so far. */
export interface ShardReport {
  readonly records: ShardRecords | null;
  /** null: there are more records than one report takes, and nothing else is told yet. */
  readonly state: {
    /** null: not told this time. */
    readonly counters: Counters | null;
    readonly queued: number;
    readonly held: number;
    readonly openFlows: number;
    /** The memory of the segments, read. */
    readonly returned: ArrayBuffer | null;
    readonly ended: boolean;
  } | null;
}

/** Where exchanges of the workers go, and what they are finished with. */
export interface ShardOutlet {
  readonly observer: Observer;
  readonly ports: ExchangePorts;
  readonly records: RecordsPort | null;
  emit(exchange: Exchange): void;
  /** Records were handed on to `records`. */
  emitted(exchanges: number): void;
}

/** Memory of a batch, on its way there or back: what is under way should lie in the caches that the cores share. */
export const BATCH_BYTES = 1 << 18;

/** Bounds of what is under way to one worker, in batches. */
export interface Ahead {
  /** A reader should pause. */
  readonly pause: number;
  /** Segments are dropped and counted. */
  readonly drop: number;
}

const AHEAD: Ahead = { pause: 16, drop: 256 };

/** Connections that the reading thread looks after itself, for each that every other thread has: it also reads and decodes for them. */
const OWN_SHARE = 0.75;

/** Segments and their payload. */
interface Load {
  readonly segments: number;
  readonly bytes: number;
}

const NOTHING: Load = { segments: 0, bytes: 0 };

/** One worker, and the segments on their way to it. */
class Shard {
  readonly #start: () => Worker;
  readonly #ahead: Ahead;
  readonly #free: ArrayBuffer[] = [];
  readonly #spares: ArrayBuffer[] = [];
  #worker: Worker;
  #buffer = new ArrayBuffer(BATCH_BYTES);
  #views = viewsOf(this.#buffer);
  #length = 0;
  #segments = 0;
  #bytes = 0;
  /** All that was written until each batch that is under way, until the last one that came back, and until the last one in `#counters`. */
  readonly #sent: Load[] = [];
  #returned = NOTHING;
  #counted = NOTHING;
  #counters = newCounters();
  /** Of workers that were lost. */
  readonly #before = newCounters();
  queued = 0;
  held = 0;
  openFlows = 0;
  isRunning = true;

  constructor(start: () => Worker, ahead: Ahead) {
    this.#start = start;
    this.#ahead = ahead;
    this.#worker = start();
  }

  get underWay(): number {
    return this.#sent.length;
  }

  get counters(): Counters {
    return addCounters(addCounters(newCounters(), this.#before), this.#counters);
  }

  get #isOpen(): boolean {
    return this.isRunning && this.#sent.length < this.#ahead.drop;
  }

  segment(segment: Segment, hash: number): void {
    const length = segment.end - segment.start;
    if (!this.#isOpen) {
      this.#lose({ segments: 1, bytes: length });
      return;
    }
    const at = this.#reserve(segmentBytes(segment));
    writeSegment(this.#views, at, segment, hash);
    this.#segments++;
    this.#bytes += length;
  }

  time(nowMs: number): void {
    if (!this.#isOpen) return;
    const at = this.#reserve(TIME_BYTES);
    writeTime(this.#views, at, nowMs);
  }

  #reserve(bytes: number): number {
    if (this.#length + bytes > this.#buffer.byteLength) {
      this.send();
      if (bytes > this.#buffer.byteLength) this.#take(new ArrayBuffer(bytes));
    }
    const at = this.#length;
    this.#length += bytes;
    return at;
  }

  #take(buffer: ArrayBuffer): void {
    this.#buffer = buffer;
    this.#views = viewsOf(buffer);
    this.#length = 0;
  }

  /** Sends what was written, if anything. */
  send(): void {
    if (this.#length === 0) return;
    this.#sent.push({ segments: this.#segments, bytes: this.#bytes });
    const spares = this.#spares.splice(0);
    this.post({ kind: 'segments', bytes: this.#buffer, length: this.#length, spares }, [this.#buffer, ...spares]);
    this.#take(this.#free.pop() ?? new ArrayBuffer(BATCH_BYTES));
  }

  post(order: ShardOrder, memory: ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, memory);
  }

  onState({ counters, queued, held, openFlows, returned }: NonNullable<ShardReport['state']>): void {
    this.queued = queued;
    this.held = held;
    this.openFlows = openFlows;
    if (returned !== null) {
      this.#returned = this.#sent.shift() ?? NOTHING;
      if (returned.byteLength === BATCH_BYTES && this.#free.length < this.#ahead.pause) this.#free.push(returned);
    }
    if (counters === null) return;
    this.#counters = counters;
    this.#counted = this.#returned;
  }

  /** Memory that held records: the worker gets it with its next segments. */
  onRead(memory: ArrayBuffer): void {
    if (memory.byteLength === BATCH_BYTES && this.#spares.length < this.#ahead.pause) this.#spares.push(memory);
  }

  /** The worker is gone, and with it what it held and what it had not counted yet. */
  onLost(): void {
    this.isRunning = false;
    const { bytes, delivery } = balance(this.#counters, 0);
    addCounters(this.#before, this.#counters);
    this.#before.evictedBytes += bytes;
    this.#before.skippedBytes += delivery;
    this.#counters = newCounters();
    this.#lose({ segments: this.#segments - this.#counted.segments, bytes: this.#bytes - this.#counted.bytes });
    this.#segments = 0;
    this.#bytes = 0;
    this.#returned = NOTHING;
    this.#counted = NOTHING;
    this.#sent.length = 0;
    this.#length = 0;
    this.queued = 0;
    this.held = 0;
    this.openFlows = 0;
  }

  /** Another worker for the one that was lost. */
  restart(): void {
    this.#worker = this.#start();
    this.isRunning = true;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #lose({ segments, bytes }: Load): void {
    this.#before.overloaded += segments;
    this.#before.payloadBytes += bytes;
    this.#before.ignoredBytes += bytes;
  }
}

/**
 * The same as a Pipeline, over several threads, this one included. Packets are decoded here; the connection of a segment is looked after by the thread to which
 * the symmetric hash of its innermost addresses and ports (and network id, where the key has it) leads. All threads go by the time of all packets. Exchanges of
 * one connection keep their order, those of different threads mix.
 *
 * A worker that fails is started again by `tick`, and what it knew is lost and counted; whoever reads a capture to its end is told by `ready` and `end` instead.
 */
export class Shards {
  readonly #decoder: Decoder;
  readonly #own: Connections;
  readonly #ownBelow: number;
  readonly #keyByVni: boolean;
  readonly #shards: Shard[];
  readonly #counters = newCounters();
  readonly #outlet: ShardOutlet;
  readonly #ahead: Ahead;
  #sweptMs = 0;
  /** Time of the latest packet, or of the clock. */
  #nowMs = 0;
  #waiting: (() => void)[] = [];
  #flushing = false;
  #failure: WeirError | null = null;

  /** `threads` is at least 2. Pairs are of this thread; what the others find goes to `outlet`. */
  constructor(threads: number, options: PipelineOptions, onPair: OnSeenPair, outlet: ShardOutlet, ahead: Ahead = AHEAD) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const ownPart = OWN_SHARE / (OWN_SHARE + threads - 1);
    const part = (share: number): Limits => ({
      ...limits,
      flows: Math.ceil(limits.flows * share),
      totalBytes: Math.ceil(limits.totalBytes * share),
    });
    this.#outlet = outlet;
    this.#ahead = ahead;
    this.#keyByVni = options.keyByVni ?? false;
    this.#ownBelow = ownPart * 2 ** 32;
    this.#decoder = new Decoder(this.#counters, { tunnelDepth: limits.tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
    this.#own = new Connections(this.#counters, part(ownPart), this.#keyByVni, onPair);
    const { records } = outlet;
    const settings: ShardSettings = {
      limits: part((1 - ownPart) / (threads - 1)),
      keyByVni: this.#keyByVni,
      observer: outlet.observer,
      finish: records === null ? null : { services: records.services, secret: records.secret, apart: records.apart },
    };
    this.#shards = Array.from({ length: threads - 1 }, () => {
      const shard: Shard = new Shard(() => this.#worker(settings, () => shard), ahead);
      return shard;
    });
  }

  #worker(settings: ShardSettings, shard: () => Shard): Worker {
    const program = new URL(import.meta.url.endsWith('.ts') ? './shard-worker.ts' : './shard-worker.js', import.meta.url);
    const worker = new Worker(program, { workerData: settings });
    let reason: unknown = null;
    worker.on('message', (report: ShardReport) => this.#onReport(shard(), report));
    worker.on('error', (error) => {
      reason = error;
    });
    worker.on('exit', (code) => this.#onExit(shard(), reason ?? `it ended with code ${code}`));
    return worker;
  }

  get counters(): Counters {
    const sum = addCounters(newCounters(), this.#counters);
    for (const shard of this.#shards) addCounters(sum, shard.counters);
    return sum;
  }

  /** Bytes that wait out of order, and bytes of unfinished messages; those of the workers as last told. */
  get bufferedBytes(): { readonly queued: number; readonly held: number } {
    let { queued, held } = this.#own.bufferedBytes;
    for (const shard of this.#shards) {
      queued += shard.queued;
      held += shard.held;
    }
    return { queued, held };
  }

  get openFlows(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.openFlows, this.#own.openFlows);
  }

  packet(packet: Packet): void {
    const segment = this.#decoder.decode(packet);
    if (segment === null) return;
    if (segment.tsMs > this.#nowMs) this.#nowMs = segment.tsMs;
    if (segment.tsMs - this.#sweptMs >= SWEEP_MS) this.#time(segment.tsMs);
    const hash = hashOf(segment, this.#keyByVni);
    const place = (hash >>> 0) - this.#ownBelow;
    if (place < 0) {
      this.#own.accept(segment, hash);
      return;
    }
    this.#shards[Math.floor((place / (2 ** 32 - this.#ownBelow)) * this.#shards.length)].segment(segment, hash);
    this.#soon();
  }

  /** Whoever's packets tell the time: all threads judge holes and idle connections at the moments at which one thread alone would. */
  #time(nowMs: number): void {
    this.#sweptMs = nowMs;
    this.#own.tick(nowMs);
    for (const shard of this.#shards) shard.time(nowMs);
  }

  /** On a quiet link segments must not wait for company: what was read at once goes at once. */
  #soon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    for (const shard of this.#shards) if (shard.underWay === 0) shard.send();
  };

  /** Resolves when the workers have caught up so far that more may be read. @throws the failure of a worker */
  async ready(): Promise<void> {
    while (this.#failure === null && this.#shards.some((shard) => shard.underWay > this.#ahead.pause))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== null) throw this.#failure;
  }

  /** Time went on, and a live source is still there. */
  tick(nowMs: number): void {
    this.#failure = null;
    for (const shard of this.#shards) if (!shard.isRunning) shard.restart();
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
    if (nowMs - this.#sweptMs >= SWEEP_MS) this.#time(nowMs);
    for (const shard of this.#shards) {
      shard.send();
      shard.post({ kind: 'report' });
    }
  }

  /** Hands over everything that is open, and ends the workers. @throws the failure of a worker */
  async end(): Promise<void> {
    // What is open ends with the last packet of all, whosever it was.
    this.#time(this.#nowMs);
    this.#own.end();
    for (const shard of this.#shards) {
      shard.send();
      shard.post({ kind: 'end' });
    }
    while (this.#shards.some((shard) => shard.isRunning)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await Promise.all(this.#shards.map((shard) => shard.end()));
    if (this.#failure !== null) throw this.#failure;
  }

  #onReport(shard: Shard, { records, state }: ShardReport): void {
    if (records !== null) {
      this.#handOn(records);
      shard.onRead(records.bytes);
    }
    if (state === null) return;
    shard.onState(state);
    if (state.ended) shard.isRunning = false;
    else if (shard.underWay === 0) shard.send();
    this.#wake();
  }

  #handOn({ bytes, length, exchanges, apart, vnis }: ShardRecords): void {
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

  #onExit(shard: Shard, reason: unknown): void {
    if (!shard.isRunning) return;
    shard.onLost();
    const message = reason instanceof Error ? reason.message : String(reason);
    this.#failure ??= sensorError('SENSOR_DRIVER_ENDED', `a sensor worker failed: ${message}`, reason);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
