/** The second look at an exchange, after what it taught has gone out: the rules that did not run inline, and what is made of it all. */
import type { GeoReader } from '../../attackers/index.js';
import {
  type AccessVerdict,
  actorOf,
  type Exchange,
  type Finding,
  type Mode,
  type Observation,
  type Peer,
  type Phase,
  type Principal,
} from '../../exchange/index.js';
import {
  type Anomaly,
  type Decision,
  type EvaluationContext,
  type ExchangeReading,
  type ExchangeVerdict,
  evaluateExchange,
  type FullPolicySet,
  LocalRates,
  type Plan,
  type RouteFacts,
  type TokenAnswer,
  TokenBuckets,
  type TokenLimit,
} from '../../policies/index.js';
import { findingsOfActs, onePerCause } from './act-findings.js';

/** How often what is true of every request of a service is told: a weakness of its credentials, headers of all its answers. */
const CREDENTIAL_FLAW_EVERY_MS = 3_600_000;
const HEADER_FLAW_EVERY_MS = 60_000;

export interface AssessorParts {
  /** Null until they are loaded; nothing is assessed before. */
  readonly policies: () => FullPolicySet | null;
  readonly actorScore: (id: string) => number;
  readonly tagsOf: (endpointId: string) => readonly string[];
  /** Where a request breaks the schema of its endpoint, as policies name it. */
  readonly violations: (exchange: Exchange, template: string | null) => readonly string[];
  /** Where clients are, where the operator has a database. */
  readonly geo: GeoReader | null;
}

export interface Assessment {
  readonly findings: readonly Finding[];
  readonly blockActor: Decision['blockActor'];
  /** A rule that ran here would have blocked it, had it stood in the way. */
  readonly wouldBlock: boolean;
}

export class Assessor {
  private readonly counters: LocalCounters = { rates: new LocalRates(), buckets: new TokenBuckets() };
  /** Rule and service → when a weakness of its credentials was last told. */
  private readonly flawsToldAtMs = new Map<string, number>();

  constructor(private readonly parts: AssessorParts) {}

  /** `known`: what ownership and detectors said; `reading`: what was read of the exchange when it was learned. */
  assess(observation: Observation, access: AccessVerdict | null, known: readonly Finding[], reading: ExchangeReading): Assessment {
    const { exchange, endpoint } = observation;
    const raised = [...known];
    const { acts, blockActor } = this.evaluate(exchange, observation, access, raised, reading);
    raised.push(...findingsOfActs([...exchange.outcome.acts, ...acts], exchange, endpoint));
    return {
      findings: onePerCause(raised).filter((finding) => this.isNews(finding, exchange)),
      blockActor,
      wouldBlock: acts.some((act) => !act.acted && act.action === 'block'),
    };
  }

  /**
   * How an issuer makes its tokens (they never expire, say), and the headers that a server sets on whatever it answers, are true of every request: told
   * now and then, not each time.
   */
  private isNews(finding: Finding, { principal, service, startedAtMs }: Exchange): boolean {
    const everyMs = pauseAfter(finding, principal?.carrier ?? null);
    if (everyMs === 0) return true;
    const flaw = `${finding.source.id} ${service}`;
    if (startedAtMs - (this.flawsToldAtMs.get(flaw) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    this.flawsToldAtMs.set(flaw, startedAtMs);
    return true;
  }

  /** `raised`: what detectors say of this exchange, which rules may ask for as anomalies. */
  private evaluate(
    exchange: Exchange,
    observation: Observation,
    access: AccessVerdict | null,
    raised: readonly Finding[],
    reading: ExchangeReading,
  ): ExchangeVerdict {
    const set = this.parts.policies();
    if (set === null) throw new Error('the engine evaluates before its policies are loaded');
    const context = new SecondLook(this.parts, this.counters, set, observation, access, raised);
    return evaluateExchange(set, exchange, context, undefined, reading);
  }
}

/** How long the same finding of a service is no news; 0 where it is about this one request. `carrier`: where the caller's credential stands. */
function pauseAfter(finding: Finding, carrier: string | null): number {
  const { kind, effect, severity, evidence } = finding;
  if (effect === 'acted' || severity !== 'low' || evidence.length === 0) return 0;
  if (
    kind === 'policy.violation' &&
    effect === 'none' &&
    evidence.every(({ location }) => `${location.in}:${location.path}`.toLowerCase() === carrier)
  )
    return CREDENTIAL_FLAW_EVERY_MS;
  return kind === 'policy.response' && evidence.every(({ location }) => location.in === 'header') ? HEADER_FLAW_EVERY_MS : 0;
}

interface LocalCounters {
  readonly rates: LocalRates;
  readonly buckets: TokenBuckets;
}

const NO_VIOLATIONS: readonly string[] = [];

/** What rules may ask of an exchange that has passed; looked up when they do. */
class SecondLook implements EvaluationContext {
  readonly nowMs: number;
  readonly route: RouteFacts;
  readonly mode: Mode;
  readonly client: Peer;
  readonly principal: Principal | null;
  readonly exchangeId: string;
  private planned: Plan | null = null;

  constructor(
    private readonly parts: AssessorParts,
    private readonly counters: LocalCounters,
    private readonly set: FullPolicySet,
    private readonly observation: Observation,
    private readonly verdict: AccessVerdict | null,
    private readonly raised: readonly Finding[],
  ) {
    const { endpoint, exchange } = observation;
    const { client, id, outcome, principal, request, service, startedAtMs } = exchange;
    this.nowMs = startedAtMs;
    this.route = { service, host: request.host, method: request.method, template: endpoint.template, tags: parts.tagsOf(endpoint.id) };
    this.mode = outcome.mode;
    this.client = client;
    this.principal = principal;
    this.exchangeId = id;
  }

  get plan(): Plan {
    this.planned ??= this.set.plan(this.route);
    return this.planned;
  }

  country(): string | null {
    return this.parts.geo?.country(this.client.ip) ?? null;
  }

  asn(): number | null {
    return this.parts.geo?.asn(this.client.ip) ?? null;
  }

  actorScore(): number {
    const { kind, value } = actorOf(this.principal, this.client.ip);
    return this.parts.actorScore(`${kind}:${value}`);
  }

  access(): AccessVerdict | null {
    return this.verdict;
  }

  schemaViolations(phase: Phase): readonly string[] {
    return phase === 'request' ? this.parts.violations(this.observation.exchange, this.route.template) : NO_VIOLATIONS;
  }

  anomalies(): readonly Anomaly[] {
    return this.raised;
  }

  rate(key: string, windowMs: number): number {
    return this.counters.rates.hit(key, windowMs, this.nowMs);
  }

  distinct(key: string, value: string, windowMs: number): number | null {
    return this.rate(`${key}=${value}`, windowMs) > 1 ? null : this.rate(`${key}#`, windowMs);
  }

  take(key: string, limit: TokenLimit): TokenAnswer {
    return this.counters.buckets.take(key, limit, this.nowMs);
  }
}
