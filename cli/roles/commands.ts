/** What the role commands do around the roles: data folder, demo, what is printed, signals. A role's code is loaded when it runs. */

import { WeirError } from '../../exchange/index.js';
import {
  createSharedState,
  redisConsumer,
  redisFeedReader,
  redisFeedWriter,
  redisPublisher,
  type TrafficPublisher,
} from '../../traffic/index.js';
import type { RoleFlags } from '../commands/options.js';
import { type Config, configFile, loadConfig } from '../config.js';
import { type DataDir, openDataDir } from '../data-dir.js';
import type { Output } from '../output.js';
import { openSharedMaps } from '../shared-maps.js';
import { watchConfig } from '../wiring/config-watch.js';
import { withoutEchoes } from '../wiring/echoes.js';
import { watchRedis } from '../wiring/redis-watch.js';
import { withDemo } from './demo.js';
import { untilSignal } from './signals.js';
import { type RunningUp, runUp } from './up.js';

const MODE_SENTENCE: Readonly<Record<Config['mode'], string>> = {
  observe: 'observe: nothing is blocked, everything that would have been is counted and shown',
  enforce: 'enforce: policies, blocklist and confident object ownership act on the traffic',
  mirror: 'mirror: the gateway passes traffic through untouched; a sensor feeds the inventory',
};

export async function up(flags: RoleFlags, given: Config, version: string, output: Output): Promise<number> {
  const log = withoutEchoes(logTo(output));
  const demo = given.services.length === 0 || flags.demo === true ? await withDemo(given, flags, log) : null;
  const config = demo?.config ?? given;
  const data = openDataDir(config.data, 'up', config.secret);
  try {
    const running = await runUp(config, data, version, log);
    const [gateway] = running.gateways;
    const stopWatching = demo === null ? watchOf(flags, config, running, log) : () => undefined;
    const ended = untilSignal();
    if (flags.json)
      output.write(
        `${JSON.stringify({ ready: true, gateway, gateways: running.gateways, admin: running.admin, signIn: running.signIn, mode: config.mode, data: data.path, ...(running.problem === null ? {} : { problem: running.problem }) })}\n`,
      );
    else {
      const upstreams = config.services.map((service) => `${service.name} → ${service.upstreams.join(', ')}`).join('; ');
      output.write(`\n  weir ${version} is ready.\n\n`);
      output.write(
        `  gateway  ${running.gateways.join(', ')}\n           ${demo === null ? upstreams : `${upstreams} (the bundled demo shop)`}\n`,
      );
      output.write(`  admin    ${running.admin}\n`);
      if (running.signIn !== null) output.write(`  sign in  ${running.signIn}  (works once)\n`);
      if (running.problem !== null) output.write(`  note     ${running.problem}\n`);
      output.write(`  mode     ${MODE_SENTENCE[config.mode]}\n  data     ${data.path}\n\n  Ctrl-C stops it.\n\n`);
    }
    demo?.play(gateway);
    await ended;
    stopWatching();
    if (!flags.json) output.write('\n  draining …\n');
    await running.close();
    return 0;
  } finally {
    data.release();
    await demo?.close();
  }
}

export async function gateway(flags: RoleFlags, config: Config, version: string, output: Output): Promise<number> {
  if (config.services.length === 0)
    throw new WeirError('CONFIG_NO_UPSTREAM', 'A gateway needs an upstream.', { hint: 'Give --upstream URL, or services in weir.yaml.' });
  const { runGatewayWorkers } = await import('./gateway-workers.js');
  if (config.gateway.workers > 1) return runGatewayWorkers(flags, config, output);
  return withData(config, 'gateway', async (data) => {
    const { openGeo, openPolicyBook, runGateway } = await import('../wiring/gateway-role.js');
    const log = logTo(output);
    const { redis } = config.stream;
    const shared = createSharedState({ dir: data.path, ...(redis === undefined ? {} : { redis: { url: redis } }) });
    const maps = await openSharedMaps(shared);
    const watch = redis === undefined ? null : watchRedis(redis, maps.status, log);
    const policies = await openPolicyBook({ config, secret: data.secret, maps, log });
    const publisher = redis === undefined ? discardingPublisher() : redisPublisher(streamOf(config, redis));
    const running = await runGateway({
      id: `gateway-${process.pid}`,
      version,
      config,
      secret: data.secret,
      shared,
      maps,
      publisher,
      policies,
      followOwnership: (view) =>
        redis === undefined
          ? { connected: false, close: async () => undefined }
          : redisFeedReader({ url: redis, name: 'ownership' }, (bytes) => view.apply(bytes)),
      geo: config.geo === undefined ? null : await openGeo(config.geo),
      log,
    });
    const gateways = running.gateway.addresses.map((address) => address.url);
    const stopWatching = watchOf(flags, config, running, log);
    const ended = untilSignal();
    tell(
      flags,
      output,
      { gateway: gateways[0], ...(running.statusUrl === null ? {} : { status: running.statusUrl }) },
      `weir gateway listens on ${gateways.join(', ')}${redis === undefined ? '; without --redis it enforces its policies and blocklist, and records nothing' : ''}`,
    );
    await ended;
    stopWatching();
    watch?.close();
    await running.close();
    await publisher.close(2_000);
    policies.close();
    await shared.close();
  });
}

export async function engine(flags: RoleFlags, config: Config, version: string, output: Output): Promise<number> {
  const redis = needRedis(config, 'engine');
  const { runEngine } = await import('../engine/run.js');
  return withData(config, 'engine', async (data) => {
    const shared = createSharedState({ dir: data.path, redis: { url: redis } });
    const running = await runEngine({
      id: `engine-${process.pid}`,
      version,
      config,
      secret: data.secret,
      shared,
      consumer: redisConsumer({ url: redis, consumer: 'engine' }),
      feed: (snapshot) => redisFeedWriter({ url: redis, name: 'ownership' }, snapshot),
      log: logTo(output),
    });
    data.publish({ gateways: [], admin: null });
    const stopWatching = watchOf(flags, config, running, logTo(output));
    const ended = untilSignal();
    tell(flags, output, {}, 'weir engine learns');
    await ended;
    stopWatching();
    await running.close();
    await shared.close();
  });
}

export async function admin(flags: RoleFlags, config: Config, version: string, output: Output): Promise<number> {
  const redis = needRedis(config, 'admin');
  const { runAdmin } = await import('../admin/run.js');
  return withData(config, 'admin', async (data) => {
    const shared = createSharedState({ dir: data.path, redis: { url: redis } });
    const running = await runAdmin({
      id: `admin-${process.pid}`,
      version,
      config,
      secret: data.secret,
      shared,
      publisher: redisPublisher(streamOf(config, redis)),
      log: logTo(output),
    });
    data.publish({ gateways: [], admin: running.url });
    const ended = untilSignal();
    tell(
      flags,
      output,
      { admin: running.url, ...(running.signIn === null ? {} : { signIn: running.signIn }) },
      `weir admin listens on ${running.url}${running.signIn === null ? '' : `\n  sign in  ${running.signIn}  (works once)`}`,
    );
    await ended;
    await running.close();
    await shared.close();
  });
}

export async function sensor(
  flags: RoleFlags & { readonly listen?: readonly string[]; readonly filter?: string },
  given: Config,
  version: string,
  output: Output,
): Promise<number> {
  const redis = needRedis(given, 'sensor');
  const { runSensor } = await import('../sensor/run.js');
  const listened = (flags.listen ?? []).map((name) => ({
    kind: 'live' as const,
    interface: name,
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
  }));
  const config: Config = { ...given, sensor: { ...given.sensor, sources: [...given.sensor.sources, ...listened] } };
  if (config.sensor.sources.length === 0)
    throw new WeirError('SENSOR_NO_SOURCE', 'A sensor needs something to listen to.', {
      hint: 'Give --listen eth0, or sensor.sources in weir.yaml.',
    });
  return withData(config, 'sensor', async (data) => {
    const shared = createSharedState({ dir: data.path, redis: { url: redis } });
    const running = await runSensor({
      id: `sensor-${process.pid}`,
      version,
      config,
      secret: data.secret,
      maps: await openSharedMaps(shared),
      publisher: redisPublisher(streamOf(config, redis)),
      log: logTo(output),
    });
    const ended = untilSignal();
    tell(
      flags,
      output,
      {},
      `weir sensor listens to ${config.sensor.sources.map((source) => ('interface' in source ? source.interface : source.kind)).join(', ')}`,
    );
    await ended;
    await running.close();
    await shared.close();
  });
}

async function withData(config: Config, role: string, run: (data: DataDir) => Promise<void>): Promise<number> {
  const data = openDataDir(config.data, role, config.secret);
  try {
    await run(data);
    return 0;
  } finally {
    data.release();
  }
}

/** That a role is ready. It must hear signals by then: who waits for this may send one at once. */
function tell(flags: RoleFlags, output: Output, ready: Readonly<Record<string, string>>, sentence: string): void {
  output.write(flags.json ? `${JSON.stringify({ ready: true, ...ready })}\n` : `${sentence}\n`);
}

function needRedis(config: Config, role: string): string {
  const { redis } = config.stream;
  if (redis === undefined)
    throw new WeirError('CONFIG_NO_REDIS', `weir ${role} shares its work over Redis.`, {
      hint: 'Give --redis URL, or run everything in one process with weir up.',
    });
  return redis;
}

const streamOf = (config: Config, url: string) => ({ url, maxStreamBytes: config.stream.maxMb * 1024 * 1024 });

/** A file that weir was started with and that is gone is a mistake, and so is one without services where there were some. */
function watchOf(flags: RoleFlags, now: Config, running: Pick<RunningUp, 'reload' | 'refuse'>, log: (message: string) => void): () => void {
  const file = configFile(flags);
  const load = (): Config => {
    const config = loadConfig(file === null ? flags : { ...flags, config: file });
    if (now.services.length > 0 && config.services.length === 0)
      throw new WeirError('CONFIG_NO_UPSTREAM', 'The configuration has no services any more.', {
        hint: 'Stop weir to take the last one out.',
      });
    return config;
  };
  return watchConfig({ file, load, apply: (next) => running.reload(next), refuse: (problem) => running.refuse(problem), log });
}

const logTo =
  (output: Output) =>
  (message: string): void =>
    output.error(`weir: ${message}\n`);

/** A gateway by itself has nobody to record for. */
function discardingPublisher(): TrafficPublisher {
  const nothing = { published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0, filled: 0 };
  return { publish: () => true, stats: () => nothing, close: async () => undefined };
}
