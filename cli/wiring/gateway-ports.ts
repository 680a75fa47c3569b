/** What a gateway, or the plugin in an app, asks: joined from policies, attackers, learning and traffic. */
import {
  type Block,
  Blocklist,
  BlockTable,
  followFeeds,
  type GeoReader,
  nameOfBlock,
  SharedRates,
  THROTTLE_PER_MINUTE,
  Throttle,
} from '../../attackers/index.js';
import { type AccessVerdict, actorOf, type Body, type HeaderList, type Phase, TemplateMatcher } from '../../exchange/index.js';
import { type AccessRequest, OwnershipView } from '../../learning/index.js';
import type { AccessLogSink, AccessQuestion, BlockVerdict, GatewayPorts, RouteMatch } from '../../proxy/index.js';
import { type FeedReader, redisCounters, type SharedState, type TrafficPublisher } from '../../traffic/index.js';
import { violationsOf } from '../conformance.js';
import { scanMarks } from '../scan-keys.js';
import type { SharedMaps } from '../shared-maps.js';
import { Callers } from './callers.js';
import { EngineLag } from './engine-lag.js';
import type { PolicyBook } from './policies.js';
import { type RepeatCount, RepeatCounts } from './repeat-counts.js';

/** What ports are joined from. */
export interface PortParts {
  readonly id: string;
  readonly secret: string;
  readonly redis: string | undefined;
  readonly shared: SharedState;
  readonly maps: SharedMaps;
  readonly publisher: TrafficPublisher;
  readonly policies: PolicyBook;
  /** Connects the view to the engine's model. */
  readonly followOwnership: (view: OwnershipView) => FeedReader;
  readonly geo: GeoReader | null;
  readonly protect: { cidr: string; what: string }[];
  readonly accessLog: AccessLogSink | null;
  readonly log: (message: string) => void;
}

export interface OpenPorts {
  readonly ports: GatewayPorts;
  readonly ownership: OwnershipView;
  readonly blocklist: Blocklist;
  readonly throttle: Throttle;
  close(): Promise<void>;
}

const SYNC_MS = 100;

/** Starts to follow blocks, templates and ownership, and joins them with the rest. Nothing it gives waits for anything. */
export async function openPorts(parts: PortParts): Promise<OpenPorts> {
  const ownership = new OwnershipView();
  const feed = parts.followOwnership(ownership);
  const templates = followTemplates(parts.maps);
  const { table, blocklist, stop: stopBlocks } = await followBlocks(parts);
  const repeats = new RepeatCounts(await parts.shared.open<RepeatCount>('block-repeats'), parts.id);
  const counting = openCounters(parts.redis);
  const { throttle, rates } = counting;
  const engines = parts.redis === undefined ? null : new EngineLag(parts.maps.status);
  // How long ago what passed now and is learned now was published.
  const lagMs = () => Math.max(parts.publisher.stats().lagMs, engines?.lagMs(Date.now()) ?? 0);
  const principals = new Callers(parts.secret, ownership, parts.maps.sessionCookies);
  return {
    ports: gatewayPorts(parts, { throttle, rates, ownership, principals, templates, table, blocklist, repeats, lagMs }),
    ownership,
    blocklist,
    throttle,
    async close() {
      engines?.close();
      principals.close();
      templates.stop();
      repeats.close();
      stopBlocks();
      await counting.close();
      await feed.close();
    },
  };
}

interface Followed {
  readonly throttle: Throttle;
  readonly rates: SharedRates;
  readonly ownership: OwnershipView;
  readonly principals: Callers;
  readonly templates: Templates;
  readonly table: BlockTable;
  readonly blocklist: Blocklist;
  readonly repeats: RepeatCounts;
  readonly lagMs: () => number;
}

function gatewayPorts(parts: PortParts, followed: Followed): GatewayPorts {
  const { maps, policies, geo } = parts;
  const { ownership, principals, table, templates } = followed;
  const nowMs = () => Date.now();
  const marks = scanMarks(maps, nowMs);
  return {
    observer: { kind: 'gateway', id: parts.id },
    policies: () => policies.current(),
    blocklist: {
      get version() {
        return table.version;
      },
      check: (ip, principalKey, service) => {
        const block = table.check(ip, principalKey, service, nowMs());
        return block === null ? null : verdictOf(block);
      },
      stoppedAgain: (id) => followed.repeats.count(id, nowMs()),
    },
    tee: {
      publish(exchange, question) {
        const asked = question?.memoOfAccess;
        if (exchange.response !== null) principals.noteAnswer(exchange.response.headers);
        // What weir itself refused says nothing about what exists.
        const status = exchange.outcome.action === 'blocked' ? 0 : (exchange.response?.status ?? 0);
        if (asked instanceof Asked) ownership.ended(asked, status, nowMs());
        return parts.publisher.publish(exchange);
      },
    },
    match: (service, method, requestPath) => templates.match(service, method, requestPath),
    access: (phase, question) => judgeAccess(ownership, phase, question, followed.lagMs),
    isStillLearning: (question) => ownership.isStillLearning(askedBy(question, followed.lagMs)),
    schemaViolations: (phase, { service, match, request }) =>
      phase === 'response'
        ? []
        : violationsOf(maps.schemas, {
            service,
            method: request.method,
            template: match?.endpoint.template ?? null,
            target: request.target,
            headers: request.headers,
            body: request.body,
          }),
    principals,
    rate: (key, windowMs, atMs) => followed.rates.hit(key, windowMs, atMs),
    distinct: (key, value, windowMs, atMs) => followed.rates.distinct(key, value, windowMs, atMs),
    take: (key, limit, atMs) => followed.throttle.take(key, limit, atMs),
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
          value: actor.value,
          kind: actor.kind === 'address' ? undefined : 'principal',
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
    accessLog: parts.accessLog,
    nowMs,
  };
}

/** What a gateway does by an entry of the blocklist. */
function verdictOf(block: Block): BlockVerdict {
  const { action, reason } = block;
  const id = nameOfBlock(block);
  if (action === undefined) return { id, reason };
  if (action === 'throttle') return { id, reason, action, limit: { tokens: block.perMinute ?? THROTTLE_PER_MINUTE, windowMs: 60_000 } };
  return { id, reason, action };
}

/** A question of the gateway as the view takes it. A class: it is made for each request, and an object with a getter of its own costs ten times as much. */
class Asked implements AccessRequest {
  readonly service: string;
  readonly method: string;
  readonly template: string | null;
  readonly path: string;
  readonly target: string;
  readonly headers: HeaderList;
  readonly parameters: readonly string[];
  readonly body: Body | null;
  readonly principalKey: string | null;
  readonly besideKeys?: readonly string[];
  readonly carrier?: string;
  readonly exchangeId: string;
  readonly nowMs: number;
  memo: AccessRequest['memo'] = undefined;
  private readonly lagMs: () => number;

  constructor({ beside, exchangeId, match, nowMs, principal, request, service }: AccessQuestion, lagMs: () => number) {
    this.service = service;
    this.method = request.method;
    this.template = match?.endpoint.template ?? null;
    this.path = request.target;
    this.target = request.target;
    this.headers = request.headers;
    this.parameters = match?.parameters ?? NO_PARAMETERS;
    this.body = request.body;
    this.principalKey = principal?.key ?? null;
    if (principal !== null) this.carrier = principal.carrier;
    if (beside.length > 0) this.besideKeys = beside.map(({ key }) => key);
    this.exchangeId = exchangeId;
    this.nowMs = nowMs;
    this.lagMs = lagMs;
  }

  /** What was published before that moment has reached the engine, and its consequences the view. Asked only where it decides. */
  get learnedUpToMs(): number {
    return Date.now() - this.lagMs();
  }
}

const NO_PARAMETERS: readonly string[] = [];

function askedBy(question: AccessQuestion, lagMs: () => number): Asked {
  const known = question.memoOfAccess;
  const asked = known instanceof Asked ? known : new Asked(question, lagMs);
  question.memoOfAccess = asked;
  return asked;
}

function judgeAccess(view: OwnershipView, phase: Phase, question: AccessQuestion, lagMs: () => number): AccessVerdict | null {
  const asked = askedBy(question, lagMs);
  return phase === 'request' || question.response === null ? view.judgeRequest(asked) : view.judgeResponse(asked, question.response);
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
  // Rules of a description must not be asked about paths whose templates came with them and are not in use yet.
  const unsubscribeRules = maps.schemas.subscribe(() => {
    if (timer === null) return;
    clearTimeout(timer);
    rebuild();
  });
  return {
    match(service, method, requestPath) {
      const found = matcher.match(service, method, requestPath);
      return found === null ? null : { endpoint: found.endpoint, parameters: found.parameters, tags: tags.get(found.endpoint.id) ?? [] };
    },
    stop() {
      unsubscribe();
      unsubscribeRules();
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** People's blocks, and the feeds that the admin polls: without following both, a feed would be a list that nobody enforces. */
async function followBlocks(parts: PortParts): Promise<{ table: BlockTable; blocklist: Blocklist; stop(): void }> {
  const blocklist = await Blocklist.open(parts.shared, { protect: parts.protect, geo: parts.geo });
  const table = new BlockTable(parts.geo);
  const stopBlocks = table.follow(blocklist.blocks, blocklist.allowlist);
  const feeds = await followFeeds(parts.shared, table, (error) =>
    parts.log(`feeds: ${error instanceof Error ? error.message : String(error)}`),
  );
  return {
    table,
    blocklist,
    stop() {
      stopBlocks();
      feeds.stop();
    },
  };
}

/** Token buckets and rates of this gateway; with Redis they follow what the other gateways counted. */
function openCounters(redis: string | undefined): { readonly throttle: Throttle; readonly rates: SharedRates; close(): Promise<void> } {
  const counters = redis === undefined ? null : redisCounters({ url: redis });
  const throttle = new Throttle(counters);
  const rates = new SharedRates(counters);
  const sync = (): void => {
    void throttle.sync(Date.now());
    void rates.sync(Date.now());
  };
  const timer = counters === null ? null : setInterval(sync, SYNC_MS);
  return {
    throttle,
    rates,
    async close() {
      if (timer !== null) clearInterval(timer);
      await counters?.close();
    },
  };
}
