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
import { collectAlone, yieldToEngine } from '../wiring/priority.js';
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
      counters: () => ({ engineLost: threads.engine.lost, engineRunning: threads.engine.running ? 1 : 0 }),
      log,
    });
    closing.push(() => running.close());
    const sensor = superviseSensor({ config, maps, start: threads.startSensor, log });
    closing.push(() => sensor.close());
    const gateways = running.gateway.addresses.map((address) => address.url);
    data.publish({ gateways, admin: threads.admin.ready.url });
    collectAlone();
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
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Engine and admin on threads of their own, and the ends that a gateway, or the plugin in an app, holds. */
export interface Threads {
  readonly admin: RunningThread<AdminReady>;
  /** Started again when it is lost. */
  readonly engine: KeptThread;
  readonly publisher: TrafficPublisher;
  /** Gives what the engine's model says, of this engine and of each that comes after it. */
  followOwnership(onBytes: (bytes: Uint8Array) => void): FeedReader;
  readonly startSensor: () => Promise<RunningThread<object>>;
  /** The configuration was read again: threads take what can change while they run, and those that start later all of it. */
  reload(config: Config): void;
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
  const publishing: { admin: RunningThread<AdminReady> | null; sensor: RunningThread<object> | null } = { admin: null, sensor: null };
  const waiting: { imports: MessagePort | null; sensor: MessagePort | null } = { imports: null, sensor: null };

  const beginEngine = (onLost: (error: Error) => void): Promise<RunningThread<object>> => {
    const [gateway, imports, sensor, owners] = [new MessageChannel(), new MessageChannel(), new MessageChannel(), new MessageChannel()];
    publisher.attach(gateway.port1);
    ownership.attach(owners.port2);
    waiting.imports = imports.port1;
    waiting.sensor = sensor.port1;
    publishing.admin?.reconnect(imports.port1);
    publishing.sensor?.reconnect(sensor.port1);
    const engineData: EngineThreadData = {
      ...base(),
      trafficPorts: [gateway.port2, imports.port2, sensor.port2],
      ownershipPort: owners.port1,
    };
    const transfer = [engineData.sharedPort, ...engineData.trafficPorts, owners.port1];
    return startThread<object>(entry('engine/thread'), engineData, transfer, { log, onLost });
  };
  const lost = (name: string) => ({
    log,
    onLost: (error: Error) =>
      log(`the ${name} thread was lost: ${error.message}; the gateway goes on with what it has. Restart weir to get it back.`),
  });
  const keeping = keepThread<object>({ name: 'engine', begin: beginEngine, log });
  const adminData: AdminThreadData = { ...base(), importPort: waiting.imports! };
  const starting = [
    keeping,
    startThread<AdminReady>(entry('admin/thread'), adminData, [adminData.sharedPort, adminData.importPort], lost('admin')),
  ] as const;
  const [engine, admin] = await Promise.all(starting).catch(async (error: unknown) => {
    for (const one of await Promise.allSettled(starting)) if (one.status === 'fulfilled') await one.value.stop(2_000);
    throw error;
  });
  publishing.admin = admin;
  return {
    admin,
    engine,
    publisher,
    followOwnership: (onBytes) => ownership.follow(onBytes),
    startSensor: async () => {
      const sensorData: SensorThreadData = { ...base(), trafficPort: waiting.sensor! };
      const transfer = [sensorData.sharedPort, sensorData.trafficPort];
      publishing.sensor = await startThread<object>(entry('sensor/thread'), sensorData, transfer, lost('sensor'));
      return publishing.sensor;
    },
    reload(next) {
      latest = next;
      engine.reload(next);
    },
    closing: [() => engine.stop(10_000), () => admin.stop(5_000)],
  };
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
