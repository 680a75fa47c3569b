import { type Exchange, type Observer, WeirError } from '../exchange/index.js';
import { addCounters, type Counters, newCounters } from './counters.js';
import { sensorError } from './errors.js';
import { exchangeOf, type Seen } from './exchange-of.js';
import type { Pair } from './http/message.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { Shards } from './shards.js';
import { openSource, type SourceOptions } from './sources/index.js';
import type { CaptureSource, OnPacket, SensorPorts, SourceStats } from './types.js';

export interface SensorOptions extends PipelineOptions {
  /** Stable id of this sensor, for `Exchange.observer`. */
  readonly id: string;
  /** What to listen to first. */
  readonly sources: readonly SourceOptions[];
  /** First pause before a source that failed is run again; doubles up to `maxRestartMs`. */
  readonly restartMs?: number;
  readonly maxRestartMs?: number;
  /** Threads, this one included; up to 1 (the default) everything is done on this thread. */
  readonly workers?: number;
}

export type SourceState = 'starting' | 'running' | 'waiting' | 'ended' | 'stopped';

export interface SourceStatus extends SourceStats {
  readonly kind: SourceOptions['kind'];
  readonly name: string;
  /** `starting`: the driver does not listen yet. `waiting`: it failed and is run again after a pause. `ended`: a file was read to its end. */
  readonly state: SourceState;
  /** Why it failed last, and what to do; null when it did not. */
  readonly problem: { readonly code: string; readonly message: string; readonly hint: string } | null;
  readonly restarts: number;
  /** Over the last full second. */
  readonly packetsPerSecond: number;
}

export interface SensorStatus {
  readonly running: boolean;
  readonly sources: readonly SourceStatus[];
  readonly counters: Counters;
  /** Lost by the kernel over all sources that can tell. */
  readonly droppedByKernel: number;
  readonly openFlows: number;
  readonly bufferedBytes: number;
  readonly exchangesPerSecond: number;
  /** Share of payload bytes that are TLS, 0–1: what a mirror cannot see. */
  readonly encryptedShare: number;
}

export interface Sensor {
  /** Starts all sources. Resolves when every one runs or has failed once; failures are in `status`, not thrown. */
  start(): Promise<void>;
  /** Listens to these sources from now on. Those that stay are not interrupted: nothing that they carry is lost. */
  listenTo(sources: readonly SourceOptions[]): Promise<void>;
  /** Stops the sources and hands over what is open. Safe to call twice. */
  stop(): Promise<void>;
  status(): SensorStatus;
}

interface Running {
  readonly options: SourceOptions;
  readonly source: CaptureSource;
  /** Ends this one alone. */
  readonly ending: AbortController;
  state: SourceState;
  problem: WeirError | null;
  restarts: number;
  packetsBefore: number;
  packetsPerSecond: number;
  done: Promise<void>;
}

const TICK_MS = 250;

/**
 * Packets of all sources in, exchanges out through `ports.emit`. Sources are supervised: one that fails is run again after a pause that doubles.
 *
 * @throws WeirError SENSOR_BAD_OPTIONS when there is no source
 */
export function createSensor(options: SensorOptions, ports: SensorPorts): Sensor {
  if (options.sources.length === 0) throw sensorError('SENSOR_BAD_OPTIONS', 'the sensor has no source to listen to');
  const observer: Observer = { kind: 'sensor', id: options.id };
  /** Of pipelines that are over, and what no pipeline counts. */
  const finished = newCounters();
  const give = (exchange: Exchange): void => {
    finished.exchanges++;
    ports.emit(exchange);
  };
  const onPair = (pair: Pair, seen: Seen): void => {
    const exchange = exchangeOf(pair, seen, observer, ports);
    if (exchange !== null) give(exchange);
  };
  const open = (): Pipeline | Shards => {
    const threads = options.workers ?? 1;
    if (threads <= 1) return new Pipeline(options, onPair);
    const emitted = (exchanges: number): void => {
      finished.exchanges += exchanges;
    };
    return new Shards(threads, options, onPair, { observer, ports, records: ports.records ?? null, emit: give, emitted });
  };
  let live: Pipeline | Shards | null = null;
  const files = new Map<SourceOptions, Pipeline | Shards>();
  let running: Running[] = [];
  let isStarted = false;
  /** Lost by the kernel in sources that are over. */
  let droppedBefore = 0;
  let ticking: NodeJS.Timeout | null = null;
  let exchangesBefore = 0;
  let exchangesPerSecond = 0;
  let ratedAtMs = 0;

  const supervise = async (one: Running): Promise<void> => {
    const { signal } = one.ending;
    let pauseMs = options.restartMs ?? 500;
    while (!signal.aborted) {
      const before = one.source.stats().packets;
      // Files have their own clock, so each has its own pipeline; what is live shares one, so a packet seen on two interfaces counts once.
      const isFile = one.options.kind === 'pcap';
      const pipeline = isFile || live === null ? open() : live;
      if (isFile) files.set(one.options, pipeline);
      else live = pipeline;
      const onPacket: OnPacket = (packet) => pipeline.packet(packet);
      try {
        one.state = 'running';
        await one.source.run(onPacket, signal);
        one.problem = null;
        one.state = signal.aborted ? 'stopped' : 'ended';
        return;
      } catch (error) {
        one.problem = error instanceof WeirError ? error : sensorError('SENSOR_DRIVER_ENDED', String(error), error);
        one.state = isFile ? 'ended' : 'waiting';
        if (isFile) return;
      } finally {
        if (isFile) {
          try {
            await pipeline.end();
          } catch (error) {
            one.problem ??= error as WeirError;
          }
          addCounters(finished, pipeline.counters);
          files.delete(one.options);
        }
      }
      if (one.source.stats().packets > before) pauseMs = options.restartMs ?? 500;
      await pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, options.maxRestartMs ?? 30_000);
      one.restarts++;
    }
    one.state = 'stopped';
  };

  const counters = (): Counters => {
    const sum = addCounters(newCounters(), finished);
    if (live !== null) addCounters(sum, live.counters);
    for (const pipeline of files.values()) addCounters(sum, pipeline.counters);
    return sum;
  };

  const tick = (): void => {
    const nowMs = ports.now();
    live?.tick(nowMs);
    if (nowMs - ratedAtMs < 1_000) return;
    const seconds = (nowMs - ratedAtMs) / 1_000;
    ratedAtMs = nowMs;
    const exchanges = counters().exchanges;
    exchangesPerSecond = (exchanges - exchangesBefore) / seconds;
    exchangesBefore = exchanges;
    for (const one of running) {
      const { packets } = one.source.stats();
      one.packetsPerSecond = (packets - one.packetsBefore) / seconds;
      one.packetsBefore = packets;
    }
  };

  const begin = (one: SourceOptions): Running => {
    const entry: Running = {
      options: one,
      source: openSource(one, ports.now, () => readyFor(files.get(one))),
      ending: new AbortController(),
      state: 'running',
      problem: null,
      restarts: 0,
      packetsBefore: 0,
      packetsPerSecond: 0,
      done: Promise.resolve(),
    };
    entry.done = supervise(entry);
    return entry;
  };

  const end = async (ended: readonly Running[]): Promise<void> => {
    for (const { ending } of ended) ending.abort();
    await Promise.all(ended.map((one) => one.done));
  };

  return {
    async start() {
      if (isStarted) return;
      isStarted = true;
      ratedAtMs = ports.now();
      running = options.sources.map(begin);
      ticking = setInterval(tick, TICK_MS).unref();
      await new Promise((resolve) => setImmediate(resolve));
    },

    async listenTo(sources) {
      const leaving = [...running];
      const staying = sources.map((one) => {
        const at = leaving.findIndex(({ options: known }) => JSON.stringify(known) === JSON.stringify(one));
        return at < 0 ? one : leaving.splice(at, 1)[0];
      });
      await end(leaving);
      for (const { source } of leaving) droppedBefore += source.stats().droppedByKernel ?? 0;
      running = staying.map((one) => ('done' in one ? one : begin(one)));
      await new Promise((resolve) => setImmediate(resolve));
    },

    async stop() {
      if (!isStarted) return;
      if (ticking !== null) clearInterval(ticking);
      await end(running);
      isStarted = false;
      const last = live;
      live = null;
      await last?.end();
      if (last !== null) addCounters(finished, last.counters);
    },

    status() {
      const sum = counters();
      const seen = sum.deliveredBytes;
      const sources = running.map((one): SourceStatus => {
        const { problem } = one;
        const stats = one.source.stats();
        return {
          ...stats,
          kind: one.options.kind,
          name: one.source.name,
          state: one.state === 'running' && !stats.listening ? 'starting' : one.state,
          problem: problem === null ? null : { code: problem.code, message: problem.message, hint: problem.hint ?? '' },
          restarts: one.restarts,
          packetsPerSecond: one.packetsPerSecond,
        };
      });
      return {
        running: isStarted,
        sources,
        counters: sum,
        droppedByKernel: sources.reduce((total, one) => total + (one.droppedByKernel ?? 0), droppedBefore),
        openFlows: live?.openFlows ?? 0,
        bufferedBytes: live === null ? 0 : live.bufferedBytes.queued + live.bufferedBytes.held,
        exchangesPerSecond,
        encryptedShare: seen === 0 ? 0 : sum.encryptedBytes / seen,
      };
    },
  };
}

/** A file must not be read faster than threads keep up with. */
function readyFor(pipeline: Pipeline | Shards | undefined): Promise<void> | undefined {
  return pipeline instanceof Shards ? pipeline.ready() : undefined;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
