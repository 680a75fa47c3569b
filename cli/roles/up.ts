/**
 * `weir up`: everything in one process. The gateway on this thread; engine, admin and sensor each on one of their own.
 *
 *     gateway ──tee──▶ engine ──▶ store ◀── admin ──▶ UI
 *        ▲               │                    │
 *        └── templates, ownership, scores     │
 *        └── policies, blocks, modes ◀────────┘
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import {
  createSharedState,
  type FeedReader,
  memoryFeedReader,
  memoryPublisher,
  redisFeedReader,
  redisPublisher,
  type SharedHub,
  type TrafficPublisher,
} from '../../traffic/index.js';
import type { Config } from '../config.js';
import type { DataDir } from '../data-dir.js';
import { openSharedMaps } from '../shared-maps.js';
import { type KeptThread, keepThread } from '../wiring/kept-thread.js';
import { collectAlone, helpersLast, yieldToEngine } from '../wiring/priority.js';
import { watchRedis } from '../wiring/redis-watch.js';
import {
  type AdminThreadData,
  type EngineThreadData,
  type RunningThread,
  type SensorThreadData,
  startThread,
  type ThreadData,
} from '../wiring/threads.js';
import { superviseSensor } from './sensor-thread.js';

export interface RunningUp {
  readonly gateways: readonly string[];
  readonly admin: string;
  readonly signIn: string | null;
  /** What must be known at the start although weir runs: Redis is away. Null: nothing. */
  readonly problem: string | null;
  /** Services, limits and trusted proxies of the gateway and the automatic blocks of the engine, while traffic goes on. Throws, and changes nothing, when they cannot be used. */
  reload(config: Config): void;
  /** The configuration was read again and cannot be used: the gateway says so. */
  refuse(problem: string): void;
  close(): Promise<void>;
}

export interface AdminReady {
  readonly url: string;
  readonly signIn: string | null;
}

/** Engine and gateway share one machine here: an engine that falls behind begins to choose what it reads before this is full. */
const STREAM_LIMIT_BYTES = 64 * 1024 * 1024;

const entry = (file: string): URL => new URL(`../${file}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

export async function runUp(config: Config, data: DataDir, version: string, log: (message: string) => void): Promise<RunningUp> {
  const { redis } = config.stream;
  const shared = createSharedState({ dir: data.path, ...(redis === undefined ? {} : { redis: { url: redis } }) });
  const closing: (() => Promise<void>)[] = [() => shared.close()];
  const close = async () => {
    for (const step of closing.reverse())
      await step().catch((error: unknown) => log(`closing: ${error instanceof Error ? error.message : String(error)}`));
    data.release();
  };
  // The threads load their modules while this one compiles the policies; whatever fails here, they are ended.
  const startingThreads = startThreads(config, data, version, shared, log);
  // A thread may fail before anybody waits for it.
  startingThreads.catch(() => undefined);
  closing.push(async () => {
    for (const stop of (await startingThreads.catch(() => null))?.closing ?? []) await stop();
  });
  try {
    const { openGeo, openPolicyBook, runGateway } = await import('../wiring/gateway-role.js');
    const maps = await openSharedMaps(shared);
    const watch = redis === undefined ? null : watchRedis(redis, maps.status, log);
    closing.push(async () => watch?.close());
    const policies = await openPolicyBook({ config, secret: data.secret, maps, log });
    closing.push(async () => policies.close());
    const threads = await startingThreads;
    const publisher =
      redis === undefined ? threads.publisher : redisPublisher({ url: redis, maxStreamBytes: config.stream.maxMb * 1024 * 1024 });
    closing.push(() => publisher.close(2_000));
    const running = await runGateway({
      id: 'gateway',
      version,
      config,
      secret: data.secret,
      shared,
      maps,
      publisher,
      policies,
      followOwnership: (view) =>
        redis === undefined
          ? threads.followOwnership((bytes) => view.apply(bytes))
          : redisFeedReader({ url: redis, name: 'ownership' }, (bytes) => view.apply(bytes)),
      geo: config.geo === undefined ? null : await openGeo(config.geo),
      counters: threads.counters,
      log,
    });
    closing.push(() => running.close());
    const sensor = superviseSensor({ config, maps, start: threads.startSensor, log });
    closing.push(() => sensor.close());
    const gateways = running.gateway.addresses.map((address) => address.url);
    data.publish({ gateways, admin: threads.admin.ready.url });
    collectAlone();
    helpersLast();
    yieldToEngine();
    return {
      gateways,
      admin: threads.admin.ready.url,
      signIn: threads.admin.ready.signIn,
      problem: watch?.problem ?? null,
      reload(next) {
        running.reload(next);
        threads.reload(next);
      },
      refuse: (problem) => running.refuse(problem),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Engine and admin on threads of their own, each started again when it is lost, and the ends that a gateway, or the plugin in an app, holds. */
export interface Threads {
  readonly admin: KeptThread<AdminReady>;
  readonly engine: KeptThread<object>;
  readonly publisher: TrafficPublisher;
  /** Gives what the engine's model says, of this engine and of each that comes after it. */
  followOwnership(onBytes: (bytes: Uint8Array) => void): FeedReader;
  readonly startSensor: () => Promise<KeptThread<object>>;
  /** The configuration was read again: threads take what can change while they run, and those that start later all of it. */
  reload(config: Config): void;
  /** How often each was lost. */
  counters(): { readonly engineLost: number; readonly engineRunning: number; readonly adminLost: number; readonly sensorLost: number };
  readonly closing: readonly (() => Promise<void>)[];
}

/** Rejects with the first error of a thread; none is left behind. */
export async function startThreads(
  config: Config,
  data: DataDir,
  version: string,
  shared: SharedHub,
  log: (message: string) => void,
): Promise<Threads> {
  let latest = config;
  const base = (): ThreadData => ({ config: latest, secret: data.secret, version, sharedPort: shared.port() });
  const publisher = memoryPublisher(null, { limitBytes: STREAM_LIMIT_BYTES });
  const ownership = new OwnershipFeed();
  // What publishes to the engine; each engine gets streams of its own, and what the last one had not kept is sent again.
  const kept: { engine: KeptThread<object> | null; sensor: KeptThread<object> | null } = { engine: null, sensor: null };
  const imports = new EngineStream((port) => kept.engine?.reconnect(port));
  const heard = new EngineStream((port) => kept.engine?.reconnect(port));

  const beginEngine = (onLost: (error: Error) => void): Promise<RunningThread<object>> => {
    const [gateway, owners] = [new MessageChannel(), new MessageChannel()];
    publisher.attach(gateway.port1);
    ownership.attach(owners.port2);
    const engineData: EngineThreadData = {
      ...base(),
      trafficPorts: [gateway.port2, imports.consumerEnd(), heard.consumerEnd()],
      ownershipPort: owners.port1,
    };
    const transfer = [engineData.sharedPort, ...engineData.trafficPorts, owners.port1];
    return startThread<object>(entry('engine/thread'), engineData, transfer, { log, onLost });
  };
  let adminPort = config.admin.port;
  const beginAdmin = async (onLost: (error: Error) => void): Promise<RunningThread<AdminReady>> => {
    const data = base();
    const adminData: AdminThreadData = {
      ...data,
      config: { ...data.config, admin: { ...data.config.admin, port: adminPort } },
      importPort: imports.publisherEnd(),
    };
    const transfer = [adminData.sharedPort, adminData.importPort];
    const thread = await startThread<AdminReady>(entry('admin/thread'), adminData, transfer, { log, onLost });
    // Where any free port was asked for, people and browsers know this one by now.
    if (adminPort === 0) adminPort = Number(new URL(thread.ready.url).port);
    return thread;
  };
  const beginSensor = (onLost: (error: Error) => void): Promise<RunningThread<object>> => {
    const sensorData: SensorThreadData = { ...base(), trafficPort: heard.publisherEnd() };
    return startThread<object>(entry('sensor/thread'), sensorData, [sensorData.sharedPort, sensorData.trafficPort], { log, onLost });
  };
  const starting = [
    keepThread({ name: 'engine', begin: beginEngine, log }),
    keepThread({ name: 'admin', begin: beginAdmin, log }),
  ] as const;
  const [engine, admin] = await Promise.all(starting).catch(async (error: unknown) => {
    for (const one of await Promise.allSettled(starting)) if (one.status === 'fulfilled') await one.value.stop(2_000);
    throw error;
  });
  kept.engine = engine;
  imports.join(admin);
  return {
    admin,
    engine,
    publisher,
    followOwnership: (onBytes) => ownership.follow(onBytes),
    startSensor: async () => {
      kept.sensor = await keepThread({ name: 'sensor', begin: beginSensor, log });
      heard.join(kept.sensor);
      return kept.sensor;
    },
    reload(next) {
      latest = next;
      engine.reload(next);
    },
    counters: () => ({
      engineLost: engine.lost,
      engineRunning: engine.running ? 1 : 0,
      adminLost: admin.lost,
      sensorLost: kept.sensor?.lost ?? 0,
    }),
    closing: [() => engine.stop(10_000), () => admin.stop(5_000)],
  };
}

/** The stream from a thread that publishes to the engine's: whichever of the two starts anew gets one end of a new channel, and the other one the other. */
class EngineStream {
  private publisher: KeptThread<unknown> | null = null;
  /** Of an engine that started before its publisher. */
  private spare: MessagePort | null = null;

  /** `toEngine` joins the engine that runs to a publisher. */
  constructor(private readonly toEngine: (port: MessagePort) => void) {}

  /** The publisher runs; from now on it is told of each new engine. */
  join(publisher: KeptThread<unknown>): void {
    this.publisher = publisher;
    if (this.spare !== null) publisher.reconnect(this.spare);
    this.spare = null;
  }

  consumerEnd(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    if (this.publisher === null) this.spare = port1;
    else this.publisher.reconnect(port1);
    return port2;
  }

  publisherEnd(): MessagePort {
    const { spare } = this;
    this.spare = null;
    if (spare !== null) return spare;
    const { port1, port2 } = new MessageChannel();
    this.toEngine(port2);
    return port1;
  }
}

/** The ownership feed of whichever engine runs now. */
class OwnershipFeed {
  private port: MessagePort | null = null;
  private reader: FeedReader | null = null;
  private onBytes: ((bytes: Uint8Array) => void) | null = null;

  attach(port: MessagePort): void {
    void this.reader?.close();
    this.port = port;
    if (this.onBytes !== null) this.reader = memoryFeedReader(port, this.onBytes);
  }

  follow(onBytes: (bytes: Uint8Array) => void): FeedReader {
    this.onBytes = onBytes;
    if (this.port !== null) this.reader = memoryFeedReader(this.port, onBytes);
    return { connected: true, close: async () => this.reader?.close() };
  }
}
