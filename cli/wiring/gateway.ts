/** A gateway of this process, joined with everything it asks: policies, blocklist, learned templates and ownership, modes, scores. */
import { lookup } from 'node:dns/promises';
import path from 'node:path';
import type { GeoReader } from '../../attackers/index.js';
import { tellIpv6ActorsBy } from '../../exchange/index.js';
import type { OwnershipView } from '../../learning/index.js';
import { AccessLogFile, createGateway, type Gateway, type GatewayOptions } from '../../proxy/index.js';
import type { FeedReader, SharedState, TrafficPublisher } from '../../traffic/index.js';
import { type Config, gatewayService } from '../config.js';
import { type ProcessStatus, type SharedMaps, STATUS_TTL_MS } from '../shared-maps.js';
import { ConfigState } from './config-watch.js';
import { openPorts } from './gateway-ports.js';
import type { PolicyBook } from './policies.js';
import { type StatusServer, startStatusServer } from './status-server.js';
import { teeCounters } from './tee-counters.js';

export interface GatewayParts {
  readonly id: string;
  readonly version: string;
  readonly config: Config;
  readonly secret: string;
  readonly shared: SharedState;
  readonly maps: SharedMaps;
  readonly publisher: TrafficPublisher;
  readonly policies: PolicyBook;
  /** Connects the view to the engine's model. */
  readonly followOwnership: (view: OwnershipView) => FeedReader;
  readonly geo: GeoReader | null;
  /** What else this process counts. */
  readonly counters?: () => Record<string, number>;
  readonly log: (message: string) => void;
}

export interface RunningGateway {
  readonly gateway: Gateway;
  readonly ownership: OwnershipView;
  /** Where /healthz, /readyz and /metrics of this gateway are served; null: nowhere. */
  readonly statusUrl: string | null;
  status(): ProcessStatus;
  /**
   * Swaps services, limits and trusted proxies while traffic goes on; everything else needs a new start. Throws, and changes nothing, when the new
   * configuration cannot be used.
   */
  reload(config: Config): void;
  /** The configuration was read again and cannot be used: said in its status until the next one that can. */
  refuse(problem: string): void;
  close(): Promise<void>;
}

const METRICS_EVERY_MS = 5_000;

/** Builds the gateway, listens, and keeps its status in the shared map. */
export async function runGateway(parts: GatewayParts): Promise<RunningGateway> {
  const { maps, policies } = parts;
  let { config } = parts;
  const startedAtMs = Date.now();
  const state = new ConfigState();
  tellIpv6ActorsBy(config.actors.ipv6Prefix);
  const accessLog = openAccessLog(config);
  const opened = await openPorts({ ...parts, redis: config.stream.redis, protect: protectedAddresses(config), accessLog });
  const gateway = await createGateway(gatewayOptions(config, maps), opened.ports);
  const stopModes = maps.modes.subscribe(() => applyModes(gateway, config, maps));
  const addresses = await gateway.listen();
  const statusServer = await openStatus(gateway, config);
  const status = (): ProcessStatus => ({
    role: 'gateway',
    version: parts.version,
    startedAtMs,
    atMs: Date.now(),
    addresses: addresses.map((address) => address.url),
    counters: {
      ...gatewayCounters(gateway, parts.publisher, accessLog),
      throttleSyncFailures: opened.throttle.syncFailures,
      verdictsHeldBack: opened.ownership.heldBack,
      bodiesNotJudged: opened.ownership.bodiesNotJudged,
      ...parts.counters?.(),
      ...state.status().counters,
    },
    configProblem: state.status().configProblem,
    services: serviceStatuses(gateway, config, maps),
    policies: policies.status(),
  });
  const publish = () => void maps.status.set(parts.id, status(), { expiresAtMs: Date.now() + STATUS_TTL_MS }).catch(() => undefined);
  publish();
  const heartbeat = setInterval(publish, 1000);
  const publishMetrics = () =>
    void maps.metrics.set(parts.id, { text: gateway.metrics() }, { expiresAtMs: Date.now() + 3 * METRICS_EVERY_MS }).catch(() => undefined);
  const metricsBeat = setInterval(publishMetrics, METRICS_EVERY_MS);
  return {
    gateway,
    ownership: opened.ownership,
    statusUrl: statusServer?.url ?? null,
    status,
    reload(next) {
      gateway.apply(gatewayOptions(next, maps));
      config = next;
      state.inForce();
      publish();
    },
    refuse(problem) {
      state.refuse(problem);
      publish();
    },
    async close() {
      clearInterval(heartbeat);
      clearInterval(metricsBeat);
      stopModes();
      await gateway.close(config.gateway.drainMs, config.gateway.readinessMs);
      await statusServer?.close();
      await opened.close();
      await accessLog?.close();
    },
  };
}

function gatewayOptions(config: Config, maps: SharedMaps): GatewayOptions {
  const services = config.services.map((service) => {
    const set = maps.modes.get(service.name);
    return { ...gatewayService(service, config), ...(set === undefined ? {} : { mode: { request: set.request, response: set.response } }) };
  });
  return { listeners: config.listeners, services, trustedProxies: config.trustedProxies, limits: config.limits };
}

function applyModes(gateway: Gateway, config: Config, maps: SharedMaps): void {
  for (const service of config.services) {
    const set = maps.modes.get(service.name);
    gateway.setMode(
      service.name,
      set === undefined ? gatewayService(service, config).mode : { request: set.request, response: set.response },
    );
  }
}

function serviceStatuses(gateway: Gateway, config: Config, maps: SharedMaps): NonNullable<ProcessStatus['services']> {
  const upstreams = gateway.health().upstreams;
  return config.services.map((service) => {
    const configured = gatewayService(service, config).mode;
    const plain = typeof configured === 'string' ? { request: configured, response: configured } : configured;
    const set = maps.modes.get(service.name);
    return {
      name: service.name,
      hosts: service.hosts,
      pathPrefix: service.pathPrefix,
      mode: set === undefined ? plain : { request: set.request, response: set.response },
      upstreams: upstreams.filter((one) => one.service === service.name).map((one) => ({ url: one.url, up: one.up })),
    };
  });
}

/** What must not be blocked by mistake: trusted proxies and our own upstreams. Upstreams that have names join once those are resolved. */
export function protectedAddresses(config: Config): { cidr: string; what: string }[] {
  const hosts = config.services.flatMap((service) => service.upstreams.map((one) => new URL(one).hostname.replace(/^\[|\]$/g, '')));
  const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host);
  const list = [
    ...config.trustedProxies.map((cidr) => ({ cidr, what: 'a trusted proxy' })),
    ...hosts.filter(isAddress).map((cidr) => ({ cidr, what: 'an upstream' })),
  ];
  for (const host of new Set(hosts.filter((one) => !isAddress(one)))) {
    lookup(host, { all: true }).then(
      (found) => list.push(...found.map(({ address }) => ({ cidr: address, what: `the upstream ${host}` }))),
      () => undefined,
    );
  }
  return list;
}

async function openStatus(gateway: Gateway, config: Config): Promise<StatusServer | null> {
  const { status } = config.gateway;
  if (status === undefined) return null;
  const worker = Number(process.env.WEIR_WORKER ?? 1);
  return startStatusServer(gateway, status.host, status.port === 0 ? 0 : status.port + worker - 1);
}

function openAccessLog(config: Config): AccessLogFile | null {
  if (config.accessLog === false) return null;
  return new AccessLogFile(config.accessLog === '-' ? 1 : (config.accessLog ?? path.join(config.data, 'access.log')));
}

function gatewayCounters(gateway: Gateway, publisher: TrafficPublisher, accessLog: AccessLogFile | null): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const [name, value] of Object.entries(gateway.stats())) if (typeof value === 'number') counters[name] = value;
  const stream = publisher.stats();
  Object.assign(counters, teeCounters(stream));
  counters.streamBacklog = stream.backlog;
  counters.streamLagMs = stream.lagMs;
  const log = accessLog?.stats();
  if (log !== undefined) counters.accessLogDropped = log.dropped;
  return counters;
}
