import type { AccessVerdict, DataHit, Exchange, Mode, Peer, Phase, Principal } from '../../exchange/index.js';
import type { Anomaly, EvaluationContext, Plan, PolicySet, RouteFacts } from '../types.js';
import type { TokenAnswer, TokenLimit } from './buckets.js';

/** What is known about an exchange outside of its messages; everything absent is unknown. */
export interface ContextFacts {
  readonly nowMs: number;
  readonly route: RouteFacts;
  readonly mode: Mode;
  readonly client: Peer;
  readonly principal: Principal | null;
  readonly exchangeId: string;
  readonly country?: string | null;
  readonly asn?: number | null;
  readonly actorScore?: number;
  access?(phase: Phase): AccessVerdict | null;
  schemaViolations?(phase: Phase): readonly string[];
  anomalies?(phase: Phase): readonly Anomaly[];
  dataHits?(phase: Phase): readonly DataHit[] | null;
  /** Counts one hit on a key; every hit is the first where there is no counter. */
  rate?(key: string, windowMs: number): number;
  /** Counts a new value; absent: each value is a key of its own. */
  distinct?(key: string, value: string, windowMs: number): number | null;
  /** Takes a token; buckets are never empty where there are none. */
  take?(key: string, limit: TokenLimit): TokenAnswer;
}

/** A whole evaluation context from what is known. */
export function contextOf(set: Pick<PolicySet, 'plan'>, facts: ContextFacts): EvaluationContext {
  return new KnownFacts(set, facts);
}

const NONE: readonly never[] = [];
const TAKEN: TokenAnswer = { allowed: true, retryAfterMs: 0 };

class KnownFacts implements EvaluationContext {
  readonly nowMs: number;
  readonly route: RouteFacts;
  readonly mode: Mode;
  readonly client: Peer;
  readonly principal: Principal | null;
  readonly exchangeId: string;
  private planned: Plan | null = null;

  constructor(
    private readonly set: Pick<PolicySet, 'plan'>,
    private readonly facts: ContextFacts,
  ) {
    this.nowMs = facts.nowMs;
    this.route = facts.route;
    this.mode = facts.mode;
    this.client = facts.client;
    this.principal = facts.principal;
    this.exchangeId = facts.exchangeId;
  }

  get plan(): Plan {
    this.planned ??= this.set.plan(this.route);
    return this.planned;
  }

  country(): string | null {
    return this.facts.country ?? null;
  }

  asn(): number | null {
    return this.facts.asn ?? null;
  }

  actorScore(): number {
    return this.facts.actorScore ?? 0;
  }

  access(phase: Phase): AccessVerdict | null {
    return this.facts.access?.(phase) ?? null;
  }

  schemaViolations(phase: Phase): readonly string[] {
    return this.facts.schemaViolations?.(phase) ?? NONE;
  }

  anomalies(phase: Phase): readonly Anomaly[] {
    return this.facts.anomalies?.(phase) ?? NONE;
  }

  dataHits(phase: Phase): readonly DataHit[] | null {
    return this.facts.dataHits?.(phase) ?? null;
  }

  rate(key: string, windowMs: number): number {
    return this.facts.rate?.(key, windowMs) ?? 1;
  }

  distinct(key: string, value: string, windowMs: number): number | null {
    if (this.facts.distinct !== undefined) return this.facts.distinct(key, value, windowMs);
    return this.rate(`${key}=${value}`, windowMs) > 1 ? null : this.rate(`${key}#`, windowMs);
  }

  take(key: string, limit: TokenLimit): TokenAnswer {
    return this.facts.take?.(key, limit) ?? TAKEN;
  }
}

/** What an exchange record itself says; learned facts are added by the caller. */
export function exchangeFacts(
  exchange: Exchange,
  learned: Partial<ContextFacts> & { readonly template: string | null; readonly tags: readonly string[] },
): ContextFacts {
  const { template, tags, ...rest } = learned;
  return {
    nowMs: exchange.startedAtMs,
    route: { service: exchange.service, host: exchange.request.host, method: exchange.request.method, template, tags },
    mode: exchange.outcome.mode,
    client: exchange.client,
    principal: exchange.principal,
    exchangeId: exchange.id,
    ...rest,
  };
}

/** Sliding-window counters in this process: two fixed windows, the older one weighed by its overlap. Bounded; the least recently started go first. */
export class LocalRates {
  private readonly windows = new Map<string, { start: number; count: number; before: number }>();

  constructor(private readonly maxKeys = 100_000) {}

  /** Counts one hit and says how many there were in the window, rounded up. */
  hit(key: string, windowMs: number, nowMs: number): number {
    const start = Math.floor(nowMs / windowMs) * windowMs;
    let window = this.windows.get(key);
    if (window === undefined || window.start < start) {
      const before = window !== undefined && window.start === start - windowMs ? window.count : 0;
      window = { start, count: 0, before };
      this.windows.delete(key);
      if (this.windows.size >= this.maxKeys) this.windows.delete(this.windows.keys().next().value!);
      this.windows.set(key, window);
    }
    window.count++;
    return window.count + Math.ceil(window.before * (1 - (nowMs - start) / windowMs));
  }
}
