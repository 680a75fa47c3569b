/** The second look at an exchange, after what it taught has gone out: detectors, and the rules that did not run inline. */
import type { GeoReader } from '../../attackers/index.js';
import { type AccessVerdict, actorOf, type Exchange, type Finding, type Observation } from '../../exchange/index.js';
import type { DetectorWatch } from '../../learning/index.js';
import {
  contextOf,
  type Decision,
  type ExchangeReading,
  type ExchangeVerdict,
  evaluateExchange,
  exchangeFacts,
  type FullPolicySet,
  LocalRates,
  TokenBuckets,
} from '../../policies/index.js';
import { findingsOfActs, onePerCause } from './act-findings.js';

/** How often what is true of every request of a service is told: a weakness of its credentials, headers of all its answers. */
const CREDENTIAL_FLAW_EVERY_MS = 3_600_000;
const HEADER_FLAW_EVERY_MS = 60_000;

export interface AssessorParts {
  readonly detectors: DetectorWatch;
  readonly policies: () => FullPolicySet;
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
  private readonly rates = new LocalRates();
  private readonly buckets = new TokenBuckets();
  /** Rule and service → when a weakness of its credentials was last told. */
  private readonly flawsToldAtMs = new Map<string, number>();

  constructor(private readonly parts: AssessorParts) {}

  /** `reading`: what was read of the exchange when it was learned. */
  assess(observation: Observation, access: AccessVerdict | null, known: Finding | null, reading: ExchangeReading): Assessment {
    const { exchange, endpoint } = observation;
    const raised = known === null ? [] : [known];
    raised.push(...this.parts.detectors.observe(observation, access));
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
    const { endpoint } = observation;
    const { ip } = exchange.client;
    const actor = actorOf(exchange.principal, ip);
    const anomalies = raised.map(({ kind, confidence, explanation }) => ({ kind, confidence, explanation }));
    const { geo, violations } = this.parts;
    const context = contextOf(
      set,
      exchangeFacts(exchange, {
        template: endpoint.template,
        tags: this.parts.tagsOf(endpoint.id),
        actorScore: this.parts.actorScore(`${actor.kind}:${actor.value}`),
        country: geo?.country(ip) ?? null,
        asn: geo?.asn(ip) ?? null,
        access: () => access,
        schemaViolations: (phase) => (phase === 'request' ? violations(exchange, endpoint.template) : []),
        anomalies: () => anomalies,
        rate: (key, windowMs) => this.rates.hit(key, windowMs, exchange.startedAtMs),
        take: (key, limit) => this.buckets.take(key, limit, exchange.startedAtMs),
      }),
    );
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
