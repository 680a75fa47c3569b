/**
 * The inline port of the policy engine: what the gateway calls. Pure and synchronous: no Promise, no I/O, no clock of its own.
 */

import type { AccessVerdict, Act, Body, DataHit, HeaderList, Mode, Peer, Phase, Principal } from '../exchange/index.js';
import type { TokenAnswer, TokenLimit } from './engine/buckets.js';

/** What is known about the route of a request before its body is read. Plans are cached per distinct route. */
export interface RouteFacts {
  readonly service: string;
  readonly host: string;
  readonly method: string;
  /** Learned or pinned template; null for an unknown endpoint. */
  readonly template: string | null;
  /** Endpoint tags from learning: `unauthenticated`, `shadow`, `sensitive`, … */
  readonly tags: readonly string[];
}

/** What the policies that match a route need. The gateway streams everything that no phase needs. */
export interface Plan {
  /** False: no rule can fire on this route in this phase; the call may be skipped. */
  readonly request: boolean;
  readonly response: boolean;
  /** Largest body prefix a rule wants to see before the phase is decided; 0: stream it through. */
  readonly requestBodyBytes: number;
  readonly responseBodyBytes: number;
  /** What a body larger than that means, strictest of the rules involved. */
  readonly requestOverflow: Overflow;
  readonly responseOverflow: Overflow;
  /** True when a rule in this plan asks for the ownership verdict. */
  readonly ownership: boolean;
}
export type Overflow = 'pass' | 'block' | 'inspect-prefix';

/** The request as rules see it. Implementations may compute lazily; a rule asks only for what it needs. */
export interface RequestView {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  /** Raw target with query. */
  readonly target: string;
  readonly headers: HeaderList;
  /** Captured so far, content coding still applied; null when the plan did not ask for it. */
  readonly body: Body | null;
  /** What rules have read of it: the response phase reads on where the request phase stopped. Only they touch it. */
  memo?: object;
}
export interface ResponseView {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Body | null;
}

/** Everything a rule may know besides the message itself. Supplied by the caller; getters are lazy. */
export interface EvaluationContext {
  readonly nowMs: number;
  readonly route: RouteFacts;
  readonly plan: Plan;
  /** Mode of the service for this phase; policies that say `inherit` take it. */
  readonly mode: Mode;
  readonly client: Peer;
  readonly principal: Principal | null;
  /** Stable per request: percentage roll-outs hash it. */
  readonly exchangeId: string;
  /** ISO country when the operator supplied a database. */
  country(): string | null;
  asn(): number | null;
  /** 0–100. */
  actorScore(): number;
  /** Learned ownership for this request, or for its answer in the response phase. */
  access(phase: Phase): AccessVerdict | null;
  /** Learned or imported schema conformance problems of this phase, e.g. `unknown-parameter:query.debug`. */
  schemaViolations(phase: Phase): readonly string[];
  /** Anomalies that learning reports for this exchange, e.g. `drift.new-field`, `volume.records`. Absent: none. */
  anomalies?(phase: Phase): readonly Anomaly[];
  /**
   * What was classified when a recording was made. Recordings are redacted, so data conditions replay on this instead of on the bodies.
   * Absent or null: classify.
   */
  dataHits?(phase: Phase): readonly DataHit[] | null;
  /** Counts one hit on a key and says how many there were in the window. */
  rate(key: string, windowMs: number): number;
  /** Counts a value that is new under a key, and says how many different ones there were in the window; null: it was seen before. */
  distinct(key: string, value: string, windowMs: number): number | null;
  /** Takes a token out of the bucket of a key. Absent: buckets are never empty. */
  take?(key: string, limit: TokenLimit): TokenAnswer;
}

export interface Anomaly {
  readonly kind: string;
  /** 0–1. */
  readonly confidence: number;
  /** One sentence with the numbers. */
  readonly explanation?: string;
}

/** Changes to make to the message that goes on. */
export interface Mutation {
  /** Each name replaces all fields of that name; a name that stands twice here stays twice. Applied after `removeHeaders`. */
  readonly setHeaders?: readonly (readonly [string, string])[];
  readonly removeHeaders?: readonly string[];
  /** Replacement body, identity coding; null keeps the original. */
  readonly body?: Uint8Array | null;
}

/**
 * What evaluation returns. `action` is what the gateway must do now; in observe mode it is always `pass` and `wouldAction` says what enforce
 * would have done with the same input.
 */
export interface Decision {
  readonly action: 'pass' | 'redact' | 'block' | 'throttle' | 'tarpit' | 'challenge' | 'close';
  readonly wouldAction: Decision['action'];
  readonly acts: readonly Act[];
  readonly tags: readonly string[];
  readonly mutation: Mutation | null;
  /** For block and throttle: status and optional body template name; `retryAfterS` for throttle; `delayMs` for tarpit. */
  readonly status: number;
  readonly template: string | null;
  readonly retryAfterS: number;
  readonly delayMs: number;
  /** Set when a rule asks to block the actor. */
  readonly blockActor: {
    readonly durationMs: number;
    readonly escalate: boolean;
    readonly reason: string;
    readonly policy: string;
    readonly acted: boolean;
  } | null;
}

/** A compiled, immutable set of policies. Swapped as a whole. */
export interface PolicySet {
  /** Hash of the sources. */
  readonly version: string;
  readonly policies: readonly PolicyInfo[];
  plan(route: RouteFacts): Plan;
  onRequest(request: RequestView, context: EvaluationContext): Decision;
  onResponse(request: RequestView, response: ResponseView, context: EvaluationContext): Decision;
  /** Per rule: evaluations, hits, would-block, errors, nanoseconds. Read by /metrics and the UI. */
  stats(): readonly RuleStats[];
}

export interface PolicyInfo {
  readonly name: string;
  readonly title: string;
  readonly file: string;
  readonly origin: 'library' | 'folder' | 'ui';
  readonly mode: 'enforce' | 'observe' | 'off' | 'inherit';
  readonly rules: readonly string[];
  readonly severity: string;
  readonly description: string;
}

export interface RuleStats {
  readonly policy: string;
  readonly rule: string;
  readonly evaluations: number;
  readonly hits: number;
  readonly acted: number;
  readonly wouldAct: number;
  readonly errors: number;
  readonly totalNs: number;
}
