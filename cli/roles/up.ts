/**
 * `weir up`: everything in one process. The gateway on this thread; engine, admin and sensor each on one of their own.
 *
 *     gateway ──tee──▶ engine ──▶ store ◀── admin ──▶ UI
 *        ▲               │                    │
 *        └── templates, ownership, scores     │
 *        └── policies, blocks, modes ◀────────┘
 */
import { MessageChannel } from 'node:worker_threads';
import {
  createSharedState,
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
import { putHelpersBehind } from '../wiring/priority.js';
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
  /** Services, limits and trusted proxies of the gateway, while traffic goes on. Throws, and changes nothing, when they cannot be used. */
  reload(config: Config): void;
  close(): Promise<void>;
}

export interface AdminReady {
  readonly url: string;
  readonly signIn: string | null;
}

const entry = (file: string): URL => new URL(`../${file}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);

export async function runUp(config: Config, data: DataDir, version: string, log: (message: string) => void): Promise<RunningUp> {
  putHelpersBehind();
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
  closing.push(async () => {
    for (const stop of (await startingThreads.catch(() => null))?.closing ?? []) await stop();
  });
  try {
    const { openGeo, openPolicyBook, runGateway } = await import('../wiring/gateway-role.js');
    const maps = await openSharedMaps(shared);
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
          ? memoryFeedReader(threads.ownershipPort, (bytes) => view.apply(bytes))
          : redisFeedReader({ url: redis, name: 'ownership' }, (bytes) => view.apply(bytes)),
      geo: config.geo === undefined ? null : await openGeo(config.geo),
      log,
    });
    closing.push(() => running.close());
    const sensor = superviseSensor({ config, maps, start: threads.startSensor, log });
    closing.push(() => sensor.close());
    const gateways = running.gateway.addresses.map((address) => address.url);
    data.publish({ gateways, admin: threads.admin.ready.url });
    return { gateways, admin: threads.admin.ready.url, signIn: threads.admin.ready.signIn, reload: (next) => running.reload(next), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Engine and admin on threads of their own, and the ends that a gateway, or the plugin in an app, holds. */
export interface Threads {
  readonly admin: RunningThread<AdminReady>;
  readonly publisher: TrafficPublisher;
  readonly ownershipPort: import('node:worker_threads').MessagePort;
  readonly startSensor: () => Promise<RunningThread<object>>;
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
  const gatewayStream = new MessageChannel();
  const importStream = new MessageChannel();
  const sensorStream = new MessageChannel();
  const ownership = new MessageChannel();
  const base = (): ThreadData => ({ config, secret: data.secret, version, sharedPort: shared.port() });
  const lost = (name: string) => ({
    log,
    onLost: (error: Error) =>
      log(`the ${name} thread was lost: ${error.message}; the gateway goes on with what it has. Restart weir to get it back.`),
  });
  const engineData: EngineThreadData = {
    ...base(),
    trafficPorts: [gatewayStream.port2, importStream.port2, sensorStream.port2],
    ownershipPort: ownership.port1,
  };
  const adminData: AdminThreadData = { ...base(), importPort: importStream.port1 };
  const starting = [
    startThread<object>(
      entry('engine/thread'),
      engineData,
      [engineData.sharedPort, ...engineData.trafficPorts, ownership.port1],
      lost('engine'),
    ),
    startThread<AdminReady>(entry('admin/thread'), adminData, [adminData.sharedPort, importStream.port1], lost('admin')),
  ] as const;
  const [engine, admin] = await Promise.all(starting).catch(async (error: unknown) => {
    for (const one of await Promise.allSettled(starting)) if (one.status === 'fulfilled') await one.value.stop(2_000);
    throw error;
  });
  return {
    admin,
    publisher: memoryPublisher(gatewayStream.port1),
    ownershipPort: ownership.port2,
    startSensor: () => {
      const sensorData: SensorThreadData = { ...base(), trafficPort: sensorStream.port1 };
      return startThread<object>(entry('sensor/thread'), sensorData, [sensorData.sharedPort, sensorStream.port1], lost('sensor'));
    },
    closing: [() => engine.stop(10_000), () => admin.stop(5_000)],
  };
}
