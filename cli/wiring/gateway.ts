/** A gateway of this process, joined with everything it asks: policies, blocklist, learned templates and ownership, modes, scores. */
import path from 'node:path';
import { Blocklist, BlockTable, type GeoReader } from '../../attackers/index.js';
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
import type { FeedReader, SharedState, TrafficPublisher } from '../../traffic/index.js';
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

/** Builds the gateway, listens, and keeps its status in the shared map. */
export async function runGateway(parts: GatewayParts): Promise<RunningGateway> {
  const { config, maps, policies } = parts;
  const startedAtMs = Date.now();
  const ownership = new OwnershipView();
  const feed = parts.followOwnership(ownership);
  const templates = followTemplates(maps);
  const blocks = await followBlocks(parts);
  const accessLog = openAccessLog(config);
  const ports = gatewayPorts(parts, { ownership, templates, table: blocks.table, blocklist: blocks.blocklist, accessLog });
  const gateway = await createGateway(gatewayOptions(config, maps), ports);
  const stopModes = maps.modes.subscribe(() => applyModes(gateway, config, maps));
  const addresses = await gateway.listen();
  const status = (): ProcessStatus => ({
    role: 'gateway',
    version: parts.version,
    startedAtMs,
    atMs: Date.now(),
    addresses: addresses.map((address) => address.url),
    counters: gatewayCounters(gateway, parts.publisher, accessLog),
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

interface Followed {
  readonly ownership: OwnershipView;
  readonly templates: Templates;
  readonly table: BlockTable;
  readonly blocklist: Blocklist;
  readonly accessLog: AccessLogFile | null;
}

function gatewayPorts(parts: GatewayParts, followed: Followed): GatewayPorts {
  const { maps, policies, geo } = parts;
  const { ownership, table, templates } = followed;
  const rates = new LocalRates();
  const principals = new PrincipalReader(parts.secret);
  const nowMs = () => Date.now();
  const marks = scanMarks(maps, nowMs);
  return {
    observer: { kind: 'gateway', id: parts.id },
    policies: () => policies.current(),
    blocklist: {
      get version() {
        return table.version;
      },
      check: (ip, principalKey, service) => table.check(ip, principalKey, service, nowMs()),
    },
    tee: parts.publisher,
    match: (service, method, requestPath) => templates.match(service, method, requestPath),
    access: (phase, question) => judgeAccess(ownership, phase, question, nowMs() - parts.publisher.stats().lagMs),
    schemaViolations: () => [],
    principals: { read: (headers, target, certificate) => principals.read(headers, target, certificate ?? null) },
    rate: (key, windowMs, atMs) => rates.hit(key, windowMs, atMs),
    actorScore: (clientIp, principal) => {
      const actor = actorOf(principal, clientIp);
      return maps.scores.get(`${actor.kind}:${actor.value}`)?.score ?? 0;
    },
    country: (ip) => geo?.country(ip) ?? null,
    asn: (ip) => geo?.asn(ip) ?? null,
    blockActor: (request) => {
      if (!request.order.acted) return;
      const { order, actor } = request;
      followed.blocklist
        .add({
          value: actor.kind === 'address' ? request.clientIp : actor.value,
          kind: actor.kind === 'address' ? 'address' : 'principal',
          reason: order.reason,
          origin: 'policy',
          createdBy: `policy ${order.policy}`,
          durationMs: order.durationMs,
          escalate: order.escalate,
        })
        .catch((error: unknown) =>
          parts.log(`policy ${order.policy} could not block ${actor.label}: ${error instanceof Error ? error.message : String(error)}`),
        );
    },
    scanRun: (mark, method, target) => marks.read(mark, { method, target }),
    accessLog: followed.accessLog,
    nowMs,
  };
}

/** `learnedUpToMs`: what was published before that moment has reached the engine, and its consequences the view. */
function judgeAccess(view: OwnershipView, phase: Phase, question: AccessQuestion, learnedUpToMs: number) {
  const { match, principal, request, response } = question;
  const asked = {
    service: question.service,
    method: request.method,
    template: match?.endpoint.template ?? null,
    path: request.target,
    target: request.target,
    headers: request.headers,
    parameters: match?.parameters ?? [],
    body: request.body,
    principalKey: principal?.key ?? null,
    carrier: principal?.carrier,
    nowMs: question.nowMs,
    learnedUpToMs,
  };
  return phase === 'request' || response === null ? view.judgeRequest(asked) : view.judgeResponse(asked, response);
}

interface Templates {
  match(service: string, method: string, requestPath: string): RouteMatch | null;
  stop(): void;
}

/** The learned templates as a matcher. Rebuilding is debounced: a burst of new endpoints is one swap. */
function followTemplates(maps: SharedMaps): Templates {
  let matcher = TemplateMatcher.of([]);
  let tags = new Map<string, readonly string[]>();
  let timer: NodeJS.Timeout | null = null;
  const rebuild = () => {
    timer = null;
    const entries = [...maps.templates.entries()];
    matcher = TemplateMatcher.of(entries.map((entry) => entry.value));
    tags = new Map(entries.map((entry) => [entry.key, entry.value.tags]));
  };
  rebuild();
  const unsubscribe = maps.templates.subscribe(() => {
    timer ??= setTimeout(rebuild, maps.templates.size > 5_000 ? 1_000 : 20);
  });
  return {
    match(service, method, requestPath) {
      const found = matcher.match(service, method, requestPath);
      return found === null ? null : { endpoint: found.endpoint, parameters: found.parameters, tags: tags.get(found.endpoint.id) ?? [] };
    },
    stop() {
      unsubscribe();
      if (timer !== null) clearTimeout(timer);
    },
  };
}

async function followBlocks(parts: GatewayParts): Promise<{ table: BlockTable; blocklist: Blocklist }> {
  const blocklist = await Blocklist.open(parts.shared, { protect: protectedAddresses(parts.config), geo: parts.geo });
  const table = new BlockTable(parts.geo);
  table.follow(blocklist.blocks, blocklist.allowlist);
  return { table, blocklist };
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
