/** What the package gives: weir inside anyone's Fastify app. `weir/gateway` has the reverse proxy as a library. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { AllowEntry, Block } from '../attackers/index.js';
import type { Exchange, Mode } from '../exchange/index.js';
import { AccessLogFile, Counters, countersText, type RouteGuardOptions, routeGuard } from '../proxy/index.js';
import { createSharedState, redisFeedReader, redisPublisher, type TrafficPublisher } from '../traffic/index.js';
import { type Config, configSchema, needPolicyFolder } from './config.js';
import { openDataDir } from './data-dir.js';
import { startThreads, type Threads } from './roles/up.js';
import { openSharedMaps, type ProcessStatus, type SharedMaps, STATUS_TTL_MS } from './shared-maps.js';
import { packageVersion } from './version.js';
import { openPorts } from './wiring/gateway-ports.js';
import { openPolicyBook } from './wiring/policies.js';
import { teeCounters } from './wiring/tee-counters.js';

export type { Block } from '../attackers/index.js';
export type { Exchange, Finding, Mode, Outcome } from '../exchange/index.js';
export type { GatewayPorts, WeirRequest } from '../proxy/index.js';

/** Options of the plugin; all have defaults. */
export interface WeirOptions extends Pick<RouteGuardOptions, 'trustedProxies' | 'blockPage' | 'captureBytes' | 'learningWaitMs'> {
  /** Name of this app in inventory, policies and blocks; default `app`. */
  readonly service?: string;
  /** Default `observe`: what would have been blocked is recorded. The UI and `app.weir.setMode` switch it while it runs. */
  readonly mode?: Mode;
  /** Folder of policy files, read again on change. The built-in policies are always there. */
  readonly policies?: string;
  /** Folder in which blocks and the last good state are kept; without it they end with the process. `admin` needs one; default there: `./data`. */
  readonly data?: string;
  /** Shares stream, blocks, modes and what was learned with the other processes of one weir. They all need the same `secret`. */
  readonly redis?: string;
  /** Key of all hashes; default: made once and kept in `data`. */
  readonly secret?: string;
  /** Learns from the traffic and serves API and UI, on threads of their own: all of `weir up` but its gateway. */
  readonly admin?: boolean | { readonly host?: string; readonly port?: number };
  /** File of the access log, or `-` for standard output; default: none. */
  readonly accessLog?: string;
  /** Gets every recorded exchange, after its answer; bodies are only borrowed for the call. */
  readonly onExchange?: (exchange: Exchange) => void;
  /** Gets one line when something is wrong; default: the app's own log. */
  readonly log?: (message: string) => void;
}

/** What the app can do with it: `app.weir`. */
export interface WeirHandle {
  /** Blocks an address, a CIDR or the key of a principal, here and in every process that shares the state. */
  block(value: string, about: { readonly reason: string; readonly forMs?: number }): Promise<Block>;
  /** By id, or by what was blocked. Rejects with WeirError BLOCK_UNKNOWN. */
  unblock(idOrValue: string): Promise<Block>;
  /** Never blocked, whatever else is said. */
  allow(value: string, reason: string): Promise<AllowEntry>;
  blocks(): readonly Block[];
  setMode(mode: Mode): Promise<void>;
  readonly mode: Mode;
  /** Prometheus text, with the time spent in each rule. */
  metrics(): string;
  /** Where the UI is, and a link that signs in once; null without `admin`. */
  readonly admin: { readonly url: string; readonly signIn: string | null } | null;
}

declare module 'fastify' {
  interface FastifyInstance {
    weir: WeirHandle;
  }
}

const HEARTBEAT_MS = 1_000;

async function embed(app: FastifyInstance, options: WeirOptions): Promise<void> {
  const service = options.service ?? 'app';
  const log = options.log ?? ((message: string) => app.log.warn(message));
  const config = configOf(options);
  needPolicyFolder(config.policies);
  const wantsAdmin = options.admin !== undefined && options.admin !== false;
  const data = options.data !== undefined || wantsAdmin ? openDataDir(config.data, 'plugin', config.secret) : null;
  const secret = data?.secret ?? config.secret ?? randomBytes(32).toString('hex');
  const shared = createSharedState({ dir: data?.path ?? null, ...(options.redis === undefined ? {} : { redis: { url: options.redis } }) });
  const closing: (() => unknown)[] = [() => data?.release(), () => shared.close()];
  app.addHook('onClose', async () => {
    for (const step of closing.reverse()) await step();
  });

  const maps = await openSharedMaps(shared);
  const threads = data === null || !wantsAdmin ? null : await startThreads(config, data, packageVersion(), shared, log);
  if (threads !== null) closing.push(...threads.closing);
  const policies = await openPolicyBook({ config, secret, maps, log });
  closing.push(() => policies.close());
  const publisher = publisherOf(options, threads);
  closing.push(() => publisher.close(2_000));
  const accessLog = options.accessLog === undefined ? null : new AccessLogFile(options.accessLog === '-' ? 1 : options.accessLog);
  closing.push(() => accessLog?.close());
  const opened = await openPorts({
    id: `plugin-${process.pid}`,
    secret,
    redis: options.redis,
    shared,
    maps,
    publisher,
    policies,
    followOwnership: (view) => {
      if (options.redis !== undefined) return redisFeedReader({ url: options.redis, name: 'ownership' }, (bytes) => view.apply(bytes));
      if (threads !== null) return threads.followOwnership((bytes) => view.apply(bytes));
      return { connected: false, close: async () => undefined };
    },
    geo: null,
    protect: (options.trustedProxies ?? []).map((cidr) => ({ cidr, what: 'a trusted proxy' })),
    accessLog,
    log,
  });
  closing.push(() => opened.close());

  const counters = new Counters();
  const mode = (): Mode => maps.modes.get(service)?.request ?? options.mode ?? 'observe';
  const ports = { ...opened.ports, observer: { kind: 'plugin' as const, id: `plugin-${process.pid}` } };
  app.decorate('weir', {
    block: (value, { reason, forMs }) =>
      opened.blocklist.add({ value, reason, origin: 'person', createdBy: service, ...(forMs === undefined ? {} : { durationMs: forMs }) }),
    unblock: (idOrValue) => opened.blocklist.remove(idOrValue),
    allow: (value, reason) => opened.blocklist.allow({ value, reason, createdBy: service }),
    blocks: () => [...opened.blocklist.blocks.entries()].map((entry) => entry.value),
    setMode: (next) => maps.modes.set(service, { request: next, response: next, by: 'app', atMs: Date.now() }),
    get mode() {
      return mode();
    },
    metrics: () => countersText({ counters, ports, services: [] }),
    get admin() {
      return threads === null ? null : threads.admin.ready;
    },
  } satisfies WeirHandle);
  closing.push(heartbeat(app, service, maps, { mode, counters, publisher, policies, threads }));
  await app.register(routeGuard, { ...guardOptions(options), service, mode, ports, counters });
}

/** What engine and admin need to know; the rest has defaults. */
function configOf(options: WeirOptions): Config {
  return configSchema.parse({
    data: path.resolve(options.data ?? './data'),
    mode: options.mode ?? 'observe',
    admin: typeof options.admin === 'object' ? options.admin : {},
    trustedProxies: options.trustedProxies ?? [],
    ...(options.policies === undefined ? {} : { policies: path.resolve(options.policies) }),
    ...(options.redis === undefined ? {} : { stream: { redis: options.redis } }),
    ...(options.secret === undefined ? {} : { secret: options.secret }),
  });
}

function guardOptions({ trustedProxies, blockPage, captureBytes, learningWaitMs }: WeirOptions): RouteGuardOptions {
  return {
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
    ...(blockPage === undefined ? {} : { blockPage }),
    ...(captureBytes === undefined ? {} : { captureBytes }),
    ...(learningWaitMs === undefined ? {} : { learningWaitMs }),
  };
}

/** Where exchanges go: Redis, the engine's thread, the app's own function, or nowhere. */
function publisherOf(options: WeirOptions, threads: Threads | null): TrafficPublisher {
  const inner = options.redis !== undefined ? redisPublisher({ url: options.redis }) : (threads?.publisher ?? null);
  const { onExchange } = options;
  let published = 0;
  const nothing = { published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0, filled: 0 };
  return {
    publish(exchange) {
      onExchange?.(exchange);
      published++;
      return inner === null ? true : inner.publish(exchange);
    },
    stats: () => inner?.stats() ?? { ...nothing, published },
    close: async (timeoutMs) => inner?.close(timeoutMs),
  };
}

interface Beating {
  readonly mode: () => Mode;
  readonly counters: Counters;
  readonly publisher: TrafficPublisher;
  readonly policies: { status(): NonNullable<ProcessStatus['policies']> };
  readonly threads: Threads | null;
}

/** Tells the UI that this app is there, as gateways do. Call the result to stop. */
function heartbeat(app: FastifyInstance, service: string, maps: SharedMaps, beating: Beating): () => void {
  const startedAtMs = Date.now();
  const beat = () => {
    const nowMs = Date.now();
    const stream = beating.publisher.stats();
    const mode = beating.mode();
    const counted = Object.entries(beating.counters).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
    void maps.status
      .set(
        `plugin-${process.pid}`,
        {
          role: 'gateway',
          version: packageVersion(),
          startedAtMs,
          atMs: nowMs,
          addresses: addressesOf(app),
          counters: {
            ...Object.fromEntries(counted),
            ...teeCounters(stream),
            streamLagMs: stream.lagMs,
            ...beating.threads?.counters(),
          },
          services: [{ name: service, hosts: [], pathPrefix: '/', mode: { request: mode, response: mode }, upstreams: [] }],
          policies: beating.policies.status(),
        },
        { expiresAtMs: nowMs + STATUS_TTL_MS },
      )
      .catch(() => undefined);
  };
  const timer = setInterval(beat, HEARTBEAT_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function addressesOf(app: FastifyInstance): string[] {
  return app
    .addresses()
    .map((one) => (typeof one === 'string' ? one : `http://${one.address.includes(':') ? `[${one.address}]` : one.address}:${one.port}`));
}

/**
 * weir inside a Fastify 5 app: the same policies, blocks and stream as the gateway, for the app's own routes, without proxying.
 *
 * ```ts
 * await app.register(weir, { service: 'orders', mode: 'enforce', policies: './policies' });
 * ```
 *
 * Register it before the routes. Rejects with WeirError for a folder or option that cannot be used.
 */
export const weir: FastifyPluginAsync<WeirOptions> = Object.assign(embed, {
  // Fastify's own mark for plugins that are not encapsulated: the hooks must hold for the whole app, not for a child of it.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'weir',
  [Symbol.for('plugin-meta')]: { fastify: '5.x', name: 'weir' },
});
export default weir;
