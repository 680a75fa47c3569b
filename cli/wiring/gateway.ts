/** A gateway of this process, joined with everything it asks: policies, blocklist, learned templates and ownership, modes, scores. */
import path from 'node:path';
import { Blocklist, BlockTable, type GeoReader, Throttle } from '../../attackers/index.js';
import { actorOf, type Phase, PrincipalReader, TemplateMatcher } from '../../exchange/index.js';
import { OwnershipView } from '../../learning/index.js';
import { LocalRates } from '../../policies/index.js';
import {
  AccessLogFile,
  type AccessQuestion,
  createGateway,
  type Gateway,
  type GatewayOptions,
  type GatewayPorts,
  type RouteMatch,
} from '../../proxy/index.js';
import { type FeedReader, redisCounters, type SharedState, type TrafficPublisher } from '../../traffic/index.js';
import { type Config, gatewayService } from '../config.js';
import { scanMarks } from '../scan-keys.js';
import { type ProcessStatus, type SharedMaps, STATUS_TTL_MS } from '../shared-maps.js';
import type { PolicyBook } from './policies.js';

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
  readonly log: (message: string) => void;
}

export interface RunningGateway {
  readonly gateway: Gateway;
  readonly ownership: OwnershipView;
  status(): ProcessStatus;
  close(): Promise<void>;
}

const METRICS_EVERY_MS = 5_000;
const THROTTLE_SYNC_MS = 100;

/** Builds the gateway, listens, and keeps its status in the shared map. */
export async function runGateway(parts: GatewayParts): Promise<RunningGateway> {
  const { config, maps, policies } = parts;
  const startedAtMs = Date.now();
  const ownership = new OwnershipView();
  const feed = parts.followOwnership(ownership);
  const templates = followTemplates(maps);
  const blocks = await followBlocks(parts);
  const accessLog = openAccessLog(config);
  const throttling = openThrottle(config);
  const ports = gatewayPorts(parts, {
    throttle: throttling.throttle,
    ownership,
    templates,
    table: blocks.table,
    blocklist: blocks.blocklist,
    accessLog,
  });
  const gateway = await createGateway(gatewayOptions(config, maps), ports);
  const stopModes = maps.modes.subscribe(() => applyModes(gateway, config, maps));
  const addresses = await gateway.listen();
  const status = (): ProcessStatus => ({
    role: 'gateway',
    version: parts.version,
    startedAtMs,
    atMs: Date.now(),
    addresses: addresses.map((address) => address.url),
    counters: { ...gatewayCounters(gateway, parts.publisher, accessLog), throttleSyncFailures: throttling.throttle.syncFailures },
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
    ownership,
    status,
    async close() {
      clearInterval(heartbeat);
      clearInterval(metricsBeat);
      stopModes();
      templates.stop();
      await gateway.close(config.gateway.drainMs);
      await throttling.close();
      await feed.close();
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

/** What must not be blocked by mistake: trusted proxies and our own upstreams. */
export function protectedAddresses(config: Config): { cidr: string; what: string }[] {
  const upstreams = config.services.flatMap((service) => service.upstreams.map((one) => new URL(one).hostname.replace(/^\[|\]$/g, '')));
  return [
    ...config.trustedProxies.map((cidr) => ({ cidr, what: 'a trusted proxy' })),
    ...upstreams.filter((host) => /^[\d.]+$|:/.test(host)).map((cidr) => ({ cidr, what: 'an upstream' })),
  ];
}

function openAccessLog(config: Config): AccessLogFile | null {
  if (config.accessLog === false) return null;
  return new AccessLogFile(config.accessLog === '-' ? 1 : (config.accessLog ?? path.join(config.data, 'access.log')));
}

function gatewayCounters(gateway: Gateway, publisher: TrafficPublisher, accessLog: AccessLogFile | null): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const [name, value] of Object.entries(gateway.stats())) if (typeof value === 'number') counters[name] = value;
  const stream = publisher.stats();
  counters.teePublished = stream.published;
  counters.teeDropped = stream.dropped;
  for (const [reason, value] of Object.entries(stream.droppedBy)) counters[`teeDropped.${reason}`] = value;
  counters.streamBacklog = stream.backlog;
  counters.streamLagMs = stream.lagMs;
  const log = accessLog?.stats();
  if (log !== undefined) counters.accessLogDropped = log.dropped;
  return counters;
}
