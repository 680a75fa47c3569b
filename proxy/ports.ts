import type { AccessVerdict, ActorRef, EndpointRef, Exchange, HeaderList, Observer, Phase, Principal } from '../exchange/index.js';
import type { Decision, Plan, PolicySet, RequestView, ResponseView, TokenAnswer, TokenLimit } from '../policies/index.js';

/** An entry of the blocklist that applies to a client. */
export interface BlockVerdict {
  readonly id: string;
  /** For the access log and the record; never sent to the client. */
  readonly reason: string;
  /** `block` answers 403, `throttle` 429 once `limit` is used up, `tarpit` waits `delayMs` and then answers 403, `close` resets the connection. */
  readonly action?: 'block' | 'throttle' | 'tarpit' | 'close';
  /** Of a throttle, for each actor and endpoint; absent: nothing passes. */
  readonly limit?: TokenLimit;
  readonly delayMs?: number;
  readonly retryAfterS?: number;
}

/**
 * The blocklist as a gateway asks it: synchronous, on every request. `version` changes with every change of the list (and of an expiry), so that
 * "this client is not blocked" can be remembered per connection.
 */
export interface BlocklistPort {
  readonly version: number;
  check(ip: string, principalKey: string | null, service: string): BlockVerdict | null;
  /** A request that this entry stopped and of which no record is made: only its number counts. */
  stoppedAgain?(id: string): void;
}

/** What learning knows about the path of a request. The same object may be given again and again. */
export interface RouteMatch {
  readonly endpoint: EndpointRef;
  /** Decoded parameter values in order. */
  readonly parameters: readonly string[];
  readonly tags: readonly string[];
}

/** A request (and, in the response phase, its answer) whose object access is in question. */
export interface AccessQuestion {
  readonly exchangeId: string;
  readonly service: string;
  readonly match: RouteMatch | null;
  readonly principal: Principal | null;
  /** Others of whom something is known, and whose credentials came with the request as well. */
  readonly beside: readonly Principal[];
  readonly clientIp: string;
  readonly request: RequestView;
  readonly response: ResponseView | null;
  readonly nowMs: number;
  /** What `access` has read of the request: it is asked before and after the answer. Only that port touches it. */
  memoOfAccess?: object;
}

/** A rule asks to block whoever sent this request. */
export interface BlockActorRequest {
  readonly actor: ActorRef;
  readonly clientIp: string;
  readonly service: string;
  readonly exchangeId: string;
  readonly incidentId: string | undefined;
  readonly order: NonNullable<Decision['blockActor']>;
}

/** Takes finished lines; never waits, never throws. */
export interface AccessLogSink {
  /** One JSON document with its newline. */
  write(line: string): void;
  stats(): { readonly written: number; readonly dropped: number };
}

/**
 * What a gateway needs from the rest of weir. cli/ joins these with policies, attackers, learning and traffic; every one may be trivial
 * (`trivialPorts`). All calls are synchronous and on the request path: none may wait, and one that throws is counted and treated as "no answer".
 */
export interface GatewayPorts {
  readonly observer: Observer;
  policies(): PolicySet;
  readonly blocklist: BlocklistPort;
  /** False: dropped, and counted by the stream. Bytes may be reused after the call. */
  readonly tee: { publish(exchange: Exchange, question?: AccessQuestion): boolean };
  /** `path` is raw and without a query. */
  match(service: string, method: string, path: string): RouteMatch | null;
  access(phase: Phase, question: AccessQuestion): AccessVerdict | null;
  /** What `access` would say of a request may change in a moment, and matters: something that passed before it is on its way to who learns. May be asked again. */
  isStillLearning(question: AccessQuestion): boolean;
  schemaViolations(phase: Phase, question: AccessQuestion): readonly string[];
  /** Whose the request is; and who else it says to be: the same list of headers is asked about right after. */
  readonly principals: {
    read(headers: HeaderList, target: string, clientCertificate: string | undefined, service: string): Principal | null;
    beside?(headers: HeaderList): readonly Principal[];
  };
  /** Counts one hit on `key` and says how many there were in the window. */
  rate(key: string, windowMs: number, nowMs: number): number;
  distinct(key: string, value: string, windowMs: number, nowMs: number): number | null;
  /** Takes a token out of the bucket of `key`, if there is one. */
  take(key: string, limit: TokenLimit, nowMs: number): TokenAnswer;
  /** 0–100. */
  actorScore(clientIp: string, principal: Principal | null): number;
  country(clientIp: string): string | null;
  asn(clientIp: string): number | null;
  blockActor(request: BlockActorRequest): void;
  /** The run of an active scan that a mark proves; null when it is forged, expired or for another request. Asked only when there is one. */
  scanRun(mark: string, method: string, target: string): string | null;
  readonly accessLog: AccessLogSink | null;
  /** Wall clock, Unix epoch ms. */
  nowMs(): number;
}

const NO_PLAN: Plan = {
  request: false,
  response: false,
  requestBodyBytes: 0,
  responseBodyBytes: 0,
  requestOverflow: 'pass',
  responseOverflow: 'pass',
  ownership: false,
};

const PASS: Decision = {
  action: 'pass',
  wouldAction: 'pass',
  acts: [],
  tags: [],
  mutation: null,
  status: 200,
  template: null,
  retryAfterS: 0,
  delayMs: 0,
  blockActor: null,
};

/** A policy set without policies. */
export const noPolicies: PolicySet = {
  version: 'none',
  policies: [],
  plan: () => NO_PLAN,
  onRequest: () => PASS,
  onResponse: () => PASS,
  stats: () => [],
};

/** Ports that know nothing: a plain reverse proxy. Give the ones you have. */
export function trivialPorts(given: Partial<GatewayPorts> = {}): GatewayPorts {
  return {
    observer: { kind: 'gateway', id: `gateway-${process.pid}` },
    policies: () => noPolicies,
    blocklist: { version: 0, check: () => null },
    tee: { publish: () => true },
    match: () => null,
    access: () => null,
    isStillLearning: () => false,
    schemaViolations: () => [],
    principals: { read: () => null },
    rate: () => 1,
    distinct: () => 1,
    take: () => ({ allowed: true, retryAfterMs: 0 }),
    actorScore: () => 0,
    country: () => null,
    asn: () => null,
    blockActor: () => undefined,
    scanRun: () => null,
    accessLog: null,
    nowMs: () => Date.now(),
    ...given,
  };
}
