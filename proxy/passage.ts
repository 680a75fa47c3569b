/**
 * One request on its way through the gateway: who asks, what it is, what the rules say of it and of its answer, and the record of it. One room, because each of these
 * steps reads what the ones before it found, and no other file needs to know in which order they come.
 */
import {
  type AccessVerdict,
  type Act,
  actorOf,
  type Body,
  climbsByEscapes,
  type Exchange,
  emptyBody,
  type HeaderList,
  type HttpVersion,
  incidentId,
  isPlainPath,
  lenientPath,
  type Mode,
  newId,
  type Outcome,
  type Peer,
  type Phase,
  type Principal,
  plainPath,
} from '../exchange/index.js';
import type {
  Decision,
  EvaluationContext,
  Plan,
  RequestView,
  ResponseView,
  RouteFacts,
  TokenAnswer,
  TokenLimit,
} from '../policies/index.js';
import type { Counters } from './counters.js';
import type { FaultCode } from './errors.js';
import type { AccessQuestion, BlockVerdict, GatewayPorts, RouteMatch } from './ports.js';
import type { PlanCache } from './services.js';

const NO_ACTS: readonly Act[] = [];
const NOBODY: readonly Principal[] = [];
const NO_TAGS: readonly string[] = [];
/** What the engine knows weir's own scans by. */
const SCAN_TAGS: readonly string[] = ['scan'];
const MOST_ACTS = 100;
const LET_THROUGH: TokenAnswer = { allowed: true, retryAfterMs: 0 };
const NO_TRAILERS: HeaderList = [];

/** What the record says when an action was carried out; every other is `blocked`. */
const OUTCOMES: Readonly<Record<string, Outcome['action']>> = {
  redact: 'redacted',
  throttle: 'throttled',
  tarpit: 'tarpitted',
  challenge: 'challenged',
  close: 'closed',
};

/** A message as it entered: everything a passage starts from. */
export interface Entry {
  readonly service: string;
  readonly requestMode: Mode;
  readonly responseMode: Mode;
  readonly client: Peer;
  readonly server: Peer;
  readonly clientCertificate: string | undefined;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Authority, lower case, without a default port. */
  readonly host: string;
  readonly target: string;
  readonly httpVersion: HttpVersion;
  readonly headers: HeaderList;
  /** As sent by the client, if sane; else empty. */
  readonly requestId: string;
  /** What claims to be a request of weir's own scans; empty when nothing does. */
  readonly scanMark: string;
  /** A message over an upgraded connection; absent: an HTTP exchange. */
  readonly webSocket?: 'text' | 'binary';
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** What the gateway must do to the traffic. Null stands for: nothing. */
export type Verdict = Decision | null;

/** What the client got, for the record. */
export interface Answer {
  readonly status: number;
  readonly httpVersion: HttpVersion;
  readonly headers: HeaderList;
  readonly body: Body;
  readonly trailers: HeaderList;
}

/**
 * One exchange on its way over the weir: it asks blocklist and policies in order, remembers what they said, and makes the record. It moves no
 * bytes: `forward.ts` does that for a proxy, `plugin.ts` for the routes of an app.
 *
 * It is itself the request view, the evaluation context and the access question, so that a request costs one object.
 */
export class Passage implements RequestView, EvaluationContext, AccessQuestion {
  readonly exchangeId: string;
  readonly requestId: string;
  readonly nowMs: number;
  readonly startedMs: number;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly target: string;
  readonly headers: HeaderList;
  readonly client: Peer;
  readonly service: string;
  readonly match: RouteMatch | null;
  readonly principal: Principal | null;
  readonly beside: readonly Principal[];
  readonly route: RouteFacts;
  readonly plan: Plan;
  /** Request body as rules see it. */
  body: Body | null = null;
  response: ResponseView | null = null;
  mode: Mode;
  memo?: object = undefined;
  memoOfAccess?: object = undefined;

  /** Request body for the record; may be cut. */
  requestBody: Body = emptyBody;
  requestTrailers: HeaderList = NO_TRAILERS;
  upstreamMs: number | null = null;
  failure: FaultCode | null = null;
  incident: string | undefined;
  private action: Outcome['action'] = 'passed';
  private actedIn: Outcome['phase'] = null;
  private blockId: string | undefined;
  private acts: readonly Act[] = NO_ACTS;
  private tags: readonly string[] = NO_TAGS;
  private finished = false;
  /** A proven request of weir's own scan: policies act on it, but it makes nobody an attacker. */
  readonly isScan: boolean;

  private readonly entry: Entry;
  private readonly plans: PlanCache;
  private readonly ports: GatewayPorts;
  private readonly counters: Counters;

  constructor(entry: Entry, plans: PlanCache, ports: GatewayPorts, counters: Counters) {
    this.entry = entry;
    this.plans = plans;
    this.ports = ports;
    this.counters = counters;
    this.nowMs = ports.nowMs();
    this.startedMs = performance.now();
    this.exchangeId = newId(this.nowMs);
    this.requestId = entry.requestId === '' ? this.exchangeId : entry.requestId;
    this.method = entry.method;
    this.scheme = entry.scheme;
    this.host = entry.host;
    this.target = entry.target;
    this.headers = entry.headers;
    this.client = entry.client;
    this.service = entry.service;
    this.mode = entry.requestMode;
    this.isScan =
      entry.scanMark !== '' && this.ask('scan-mark', null, () => ports.scanRun(entry.scanMark, entry.method, entry.target)) !== null;
    if (this.isScan) this.tags = SCAN_TAGS;
    if (this.silent) {
      this.match = null;
      this.principal = null;
      this.beside = NOBODY;
    } else {
      this.match = this.matchOf();
      this.principal = this.principalOf();
      this.beside = this.principal === null ? NOBODY : (ports.principals.beside?.(entry.headers) ?? NOBODY);
    }
    const planned = plans.get(ports.policies(), entry.host, entry.method, this.match);
    this.route = planned.facts;
    this.plan = planned.plan;
  }

  // The ports of every request are called without a closure: `ask` is for those that only some rules call.
  private matchOf(): RouteMatch | null {
    const { method, service, target } = this.entry;
    const question = target.indexOf('?');
    const path = question < 0 ? target : target.slice(0, question);
    try {
      if (isPlainPath(path)) return this.ports.match(service, method, path);
      // What most servers take it for is the endpoint that is meant; where there is none, or it climbs by escaped slashes, what the most lenient ones do.
      const match = climbsByEscapes(path) ? null : this.ports.match(service, method, plainPath(path));
      return match ?? this.ports.match(service, method, lenientPath(path));
    } catch (error) {
      this.counters.portFailed('match', error);
      return null;
    }
  }

  private principalOf(): Principal | null {
    try {
      const { headers, target, clientCertificate, service } = this.entry;
      return this.ports.principals.read(headers, target, clientCertificate, service);
    } catch (error) {
      this.counters.portFailed('principal', error);
      return null;
    }
  }

  private published(answer: Answer | null, durationMs: number): boolean {
    try {
      return this.ports.tee.publish(this.record(answer, durationMs), this);
    } catch (error) {
      this.counters.portFailed('tee', error);
      return false;
    }
  }

  /** Mirror in both phases: the sensor sees this traffic, so it is neither judged nor recorded here. */
  get silent(): boolean {
    return this.entry.requestMode === 'mirror' && this.entry.responseMode === 'mirror';
  }

  /** How much of the request body must be held back until it is decided; 0: none. */
  get requestHoldBytes(): number {
    return this.entry.requestMode !== 'mirror' && this.plan.request ? this.plan.requestBodyBytes : 0;
  }

  /** Enforced rules look at bodies in a phase of this route. */
  get holdsBodies(): boolean {
    const { requestMode, responseMode } = this.entry;
    return (requestMode === 'enforce' && this.requestHoldBytes > 0) || (responseMode === 'enforce' && this.responseHoldBytes > 0);
  }

  get responseHoldBytes(): number {
    return this.entry.responseMode !== 'mirror' && this.plan.response ? this.plan.responseBodyBytes : 0;
  }

  /** What the blocklist says of the client's address alone. */
  blockOfAddress(): BlockVerdict | null {
    return this.ask('blocklist', null, () => this.ports.blocklist.check(this.client.ip, null, this.service));
  }

  /** Changes with every change of the blocklist. */
  get blocklistVersion(): number {
    return this.ports.blocklist.version;
  }

  /** What the blocklist says of the client, known as it is by now. */
  blockOfClient(): BlockVerdict | null {
    return this.ask('blocklist', null, () => {
      const { blocklist } = this.ports;
      const verdict = blocklist.check(this.client.ip, this.principal?.key ?? null, this.service);
      if (verdict !== null || this.beside.length === 0) return verdict;
      // A blocked user is no other for a credential that was added. What holds for their address alone does not hold for who is allowed in spite of it.
      const atAddress = blocklist.check(this.client.ip, null, this.service)?.id;
      for (const { key } of this.beside) {
        const other = blocklist.check(this.client.ip, key, this.service);
        if (other !== null && other.id !== atAddress) return other;
      }
      return null;
    });
  }

  /** The part of it that a route of an app may see. */
  asRequest(): { exchangeId: string; requestId: string; clientIp: string; principalKey: string | null } {
    return { exchangeId: this.exchangeId, requestId: this.requestId, clientIp: this.client.ip, principalKey: this.principal?.key ?? null };
  }

  /** A message over the WebSocket that this request opened is a passage of its own, under the target and with the identity of the handshake. */
  message(kind: 'text' | 'binary', sender: 'client' | 'server', modes: Pick<Entry, 'requestMode' | 'responseMode'>): Passage {
    const { requestMode, responseMode } = modes;
    const one = new Passage({ ...this.entry, requestMode, responseMode, webSocket: kind }, this.plans, this.ports, this.counters);
    one.tags = [...one.tags, `websocket:${kind}`, `from:${sender}`];
    return one;
  }

  /** Does the blocklist stop this client? In observe it is recorded only. `atAddress` is what was found before the principal was known. */
  stopped(atAddress: BlockVerdict | null): BlockVerdict | null {
    if (this.entry.requestMode === 'mirror' || this.isScan) return null;
    let verdict = atAddress;
    // A known user may be blocked where the address is not, and let through where it is: on the allowlist, or behind a block of unknown users only.
    if (this.principal !== null) verdict = this.blockOfClient();
    if (verdict?.action === 'throttle') verdict = this.throttled(verdict);
    if (verdict === null) return null;
    this.blockId = verdict.id;
    const acted = this.entry.requestMode === 'enforce';
    if (acted) this.counters.blocklistActed++;
    else this.counters.blocklistWouldAct++;
    this.acts = [
      ...this.acts,
      {
        policy: 'blocklist',
        rule: verdict.id,
        phase: 'request',
        action: verdict.action === 'throttle' || verdict.action === 'tarpit' || verdict.action === 'close' ? verdict.action : 'block',
        acted,
        severity: 'medium',
        confidence: 1,
        message: acted ? 'The client is on the blocklist.' : 'The client is on the blocklist and would have been stopped.',
        evidence: [],
      },
    ];
    if (!acted) return null;
    this.acted(OUTCOMES[verdict.action ?? 'block'] ?? 'blocked', 'connection');
    return verdict;
  }

  /** Null while the entry's bucket for this actor and endpoint has a token. */
  private throttled(verdict: BlockVerdict): BlockVerdict | null {
    if (verdict.limit === undefined) return verdict;
    const { value } = actorOf(this.principal, this.client.ip);
    const endpoint = this.match?.endpoint.id ?? `${this.service} ${this.entry.method}`;
    const { allowed, retryAfterMs } = this.take(`blocklist ${verdict.id} ${value} ${endpoint}`, verdict.limit);
    return allowed ? null : { ...verdict, retryAfterS: Math.ceil(retryAfterMs / 1000) };
  }

  /** Whether a moment decides if this request is let through: what passed before it is being learned. `body` as for {@link decideRequest}, which comes after it. */
  isStillLearning(body: Body | null): boolean {
    if (this.entry.requestMode !== 'enforce' || !this.plan.ownership || !this.plan.request || this.principal === null) return false;
    this.body = body;
    return this.ask('access', false, () => this.ports.isStillLearning(this));
  }

  /** Request phase. `body` is null when the plan did not ask for one. */
  decideRequest(body: Body | null): Verdict {
    if (!this.plan.request || this.entry.requestMode === 'mirror') return null;
    this.body = body;
    this.mode = this.entry.requestMode;
    return this.settle(
      'request',
      this.ask('policies', null, () => this.ports.policies().onRequest(this, this)),
    );
  }

  /** Response phase. `body` is null when the plan did not ask for one. */
  decideResponse(status: number, headers: HeaderList, body: Body | null): Verdict {
    if (!this.plan.response || this.entry.responseMode === 'mirror') return null;
    this.mode = this.entry.responseMode;
    const view: ResponseView = { status, headers, body };
    this.response = view;
    return this.settle(
      'response',
      this.ask('policies', null, () => this.ports.policies().onResponse(this, view, this)),
    );
  }

  private settle(phase: Phase, decision: Decision | null): Verdict {
    if (decision === null) return null;
    // An event stream is decided once an event: its record must not grow with its length.
    if (decision.acts.length > 0 && this.acts.length < MOST_ACTS)
      this.acts = this.acts.length === 0 ? decision.acts : [...this.acts, ...decision.acts];
    if (decision.tags.length > 0 && this.tags.length < MOST_ACTS) this.tags = [...this.tags, ...decision.tags];
    if (decision.wouldAction !== 'pass') this.counters.decided(decision.wouldAction, this.mode === 'enforce' && decision.action !== 'pass');
    if (this.mode === 'enforce' && decision.action !== 'pass') this.acted(OUTCOMES[decision.action] ?? 'blocked', phase);
    if (decision.blockActor !== null && !this.isScan) {
      const order = decision.blockActor;
      const actor = actorOf(this.principal, this.client.ip);
      this.ask('block-actor', undefined, () =>
        this.ports.blockActor({
          actor,
          clientIp: this.client.ip,
          service: this.service,
          exchangeId: this.exchangeId,
          incidentId: this.incident,
          order,
        }),
      );
    }
    // Observing never touches the traffic, whatever a policy says of itself.
    if (this.mode !== 'enforce' || (decision.action === 'pass' && decision.mutation === null)) return null;
    return decision;
  }

  /** A body outgrew what a rule wanted to see, and the rule says that such a message must not pass. True: act on it. */
  overflowed(phase: Phase): boolean {
    const enforced = (phase === 'request' ? this.entry.requestMode : this.entry.responseMode) === 'enforce';
    this.counters.overflows++;
    this.acts = [
      ...this.acts,
      {
        policy: 'gateway',
        rule: 'body-overflow',
        phase,
        action: 'block',
        acted: enforced,
        severity: 'medium',
        confidence: 1,
        message: `The ${phase} body is larger than the policies of this route inspect.`,
        evidence: [],
      },
    ];
    if (enforced) this.acted('blocked', phase);
    return enforced;
  }

  private acted(action: Outcome['action'], phase: Outcome['phase']): void {
    this.action = action;
    this.actedIn = phase;
    if (action !== 'redacted') this.incident ??= incidentId();
  }

  /** Id for the block page. */
  incidentOf(): string {
    this.incident ??= incidentId();
    return this.incident;
  }

  failed(code: FaultCode): void {
    this.failure ??= code;
    if (this.action === 'passed' || this.action === 'redacted') this.action = 'failed';
  }

  /** Records the exchange. Only the first call counts. Returns its duration in ms. */
  finish(answer: Answer | null): number {
    const durationMs = performance.now() - this.startedMs;
    if (this.finished) return durationMs;
    this.finished = true;
    if (this.silent) return durationMs;
    if (!this.published(answer, durationMs)) this.counters.teeDrops++;
    return durationMs;
  }

  get outcome(): Outcome['action'] {
    return this.action;
  }

  get firedRules(): readonly Act[] {
    return this.acts;
  }

  private record(answer: Answer | null, durationMs: number): Exchange {
    const { entry } = this;
    // What is seldom there is added afterwards: to spread it into each record costs more than all else here.
    const outcome: Writable<Outcome> = {
      action: this.action,
      mode: this.actedIn === 'response' ? entry.responseMode : entry.requestMode,
      phase: this.actedIn,
      acts: this.acts,
    };
    if (this.incident !== undefined) outcome.incidentId = this.incident;
    if (this.blockId !== undefined) outcome.blockId = this.blockId;
    const exchange: Writable<Exchange> = {
      id: this.exchangeId,
      requestId: this.requestId,
      kind: entry.webSocket === undefined ? 'http' : 'websocket',
      observer: this.ports.observer,
      service: this.service,
      client: this.client,
      server: entry.server,
      startedAtMs: this.nowMs,
      durationMs,
      upstreamMs: this.upstreamMs,
      request: {
        method: this.method,
        scheme: this.scheme,
        host: this.host,
        target: this.target,
        httpVersion: entry.httpVersion,
        headers: this.headers,
        body: this.requestBody,
        trailers: this.requestTrailers,
      },
      response: answer,
      principal: this.principal,
      outcome,
      tags: this.tags,
    };
    if (this.failure !== null) exchange.failure = this.failure;
    return exchange;
  }

  get request(): RequestView {
    return this;
  }

  get clientIp(): string {
    return this.client.ip;
  }

  country(): string | null {
    return this.ask('country', null, () => this.ports.country(this.client.ip));
  }

  asn(): number | null {
    return this.ask('asn', null, () => this.ports.asn(this.client.ip));
  }

  actorScore(): number {
    return this.ask('score', 0, () => this.ports.actorScore(this.client.ip, this.principal));
  }

  access(phase: Phase): AccessVerdict | null {
    return this.ask('access', null, () => this.ports.access(phase, this));
  }

  schemaViolations(phase: Phase): readonly string[] {
    return this.ask('schema', NO_TAGS, () => this.ports.schemaViolations(phase, this));
  }

  rate(key: string, windowMs: number): number {
    // A message is no request: the limits are on those.
    if (this.entry.webSocket !== undefined) return 0;
    // A scan must not use up what the user has left whose token it carries.
    const counted = this.isScan ? `scan ${key}` : key;
    return this.ask('rate', 0, () => this.ports.rate(counted, windowMs, this.nowMs));
  }

  distinct(key: string, value: string, windowMs: number): number | null {
    if (this.entry.webSocket !== undefined) return null;
    const counted = this.isScan ? `scan ${key}` : key;
    return this.ask('rate', null, () => this.ports.distinct(counted, value, windowMs, this.nowMs));
  }

  take(key: string, limit: TokenLimit): TokenAnswer {
    if (this.entry.webSocket !== undefined) return LET_THROUGH;
    const counted = this.isScan ? `scan ${key}` : key;
    return this.ask('throttle', LET_THROUGH, () => this.ports.take(counted, limit, this.nowMs));
  }

  /** A port that throws is counted and has no answer; the request goes on. */
  private ask<T>(port: string, otherwise: T, question: () => T): T {
    try {
      return question();
    } catch (error) {
      this.counters.portFailed(port, error);
      return otherwise;
    }
  }
}
