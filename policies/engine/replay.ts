import type { Act, Exchange } from '../../exchange/index.js';
import type { Decision, EvaluationContext, RuleStats } from '../types.js';
import { TokenBuckets } from './buckets.js';
import { type ContextFacts, contextOf, exchangeFacts, LocalRates } from './context.js';
import { evaluateExchange } from './exchange.js';
import type { FullPolicySet } from './set.js';

/** What is known about recorded exchanges besides their messages; asked once an exchange. */
export type Learned = (
  exchange: Exchange,
) => Partial<ContextFacts> & { readonly template: string | null; readonly tags: readonly string[] };

const nothingLearned: Learned = () => ({ template: null, tags: [] });

/** One recorded exchange on which a rule would have fired. */
export interface ReplaySample {
  readonly exchangeId: string;
  readonly service: string;
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** Of the answer; 0 without one. */
  readonly status: number;
  readonly startedAtMs: number;
  readonly act: Act;
}

export interface ReplayRule {
  readonly policy: string;
  readonly rule: string;
  readonly hits: number;
  readonly samples: readonly ReplaySample[];
}

/** What a set would have done on recorded traffic. */
export interface ReplayReport {
  readonly exchanges: number;
  /** Exchanges by the strongest action that enforce would have taken. */
  readonly would: Readonly<Record<Decision['action'], number>>;
  /** Exchanges that would have passed untouched, and on which a rule fired. */
  readonly alerts: number;
  /** Rules that fired, most hits first. */
  readonly rules: readonly ReplayRule[];
  /** Exchanges with a body that was not recorded whole. */
  readonly truncated: number;
  /** How often a rule could not decide or failed. */
  readonly errors: number;
}

export interface ReplayOptions {
  readonly learned?: Learned;
  /** Samples kept for each rule; 5 by default. */
  readonly samples?: number;
}

interface Counters {
  readonly rates: LocalRates;
  readonly buckets: TokenBuckets;
}

/** An evaluation context for a recorded exchange, in its own time. */
function replayContext(set: FullPolicySet, exchange: Exchange, learned: Learned, { rates, buckets }: Counters): EvaluationContext {
  const facts = exchangeFacts(exchange, learned(exchange));
  return contextOf(set, {
    ...facts,
    mode: 'observe',
    rate: facts.rate ?? ((key, windowMs) => rates.hit(key, windowMs, facts.nowMs)),
    take: facts.take ?? ((key, limit) => buckets.take(key, limit, facts.nowMs)),
  });
}

/** A replay that is fed exchange by exchange, so that its caller may pause between them. Changes nothing. */
export class Replay {
  private readonly counters: Counters = { rates: new LocalRates(), buckets: new TokenBuckets() };
  private readonly would: Record<Decision['action'], number> = {
    pass: 0,
    redact: 0,
    challenge: 0,
    tarpit: 0,
    throttle: 0,
    block: 0,
    close: 0,
  };
  private readonly rules = new Map<string, { policy: string; rule: string; hits: number; samples: ReplaySample[] }>();
  private readonly errorsBefore: number;
  private readonly learned: Learned;
  private readonly samples: number;
  private exchanges = 0;
  private truncated = 0;
  private alerts = 0;

  constructor(
    private readonly set: FullPolicySet,
    { learned = nothingLearned, samples = 5 }: ReplayOptions = {},
  ) {
    this.errorsBefore = errorsOf(set.stats());
    this.learned = learned;
    this.samples = samples;
  }

  /** Oldest first, for rates and buckets. */
  take(exchange: Exchange): void {
    this.exchanges++;
    const verdict = evaluateExchange(this.set, exchange, replayContext(this.set, exchange, this.learned, this.counters), 'all');
    if (verdict.truncated) this.truncated++;
    this.would[verdict.wouldAction]++;
    if (verdict.wouldAction === 'pass' && verdict.acts.length > 0) this.alerts++;
    for (const act of verdict.acts) {
      const key = `${act.policy}\0${act.rule}`;
      const rule = this.rules.get(key) ?? { policy: act.policy, rule: act.rule, hits: 0, samples: [] };
      this.rules.set(key, rule);
      rule.hits++;
      if (rule.samples.length < this.samples) rule.samples.push(sampleOf(exchange, act));
    }
  }

  report(): ReplayReport {
    const { exchanges, would, alerts, truncated } = this;
    return {
      exchanges,
      would,
      alerts,
      rules: [...this.rules.values()].sort((a, b) => b.hits - a.hits),
      truncated,
      errors: errorsOf(this.set.stats()) - this.errorsBefore,
    };
  }
}

/** Runs the whole set over recorded exchanges, in the order given (oldest first, for rates), as if every policy enforced. Changes nothing. */
export function replay(set: FullPolicySet, exchanges: Iterable<Exchange>, options: ReplayOptions = {}): ReplayReport {
  const run = new Replay(set, options);
  for (const exchange of exchanges) run.take(exchange);
  return run.report();
}

const errorsOf = (stats: readonly RuleStats[]): number => stats.reduce((sum, rule) => sum + rule.errors, 0);

function sampleOf(exchange: Exchange, act: Act): ReplaySample {
  const { id, service, startedAtMs, request, response } = exchange;
  const [path] = request.target.split('?');
  return { exchangeId: id, service, method: request.method, path, status: response?.status ?? 0, startedAtMs, act };
}

export interface RuleCost {
  readonly policy: string;
  readonly rule: string;
  readonly evaluations: number;
  readonly hits: number;
  /** Microseconds an evaluation; shared work (decoding, parsing, classifying) counts for the first rule that asks. */
  readonly usPerEvaluation: number;
}

/** Cost of each rule over recorded exchanges, dearest first. `set` should be fresh: its counters are read as they are. */
export function benchRules(
  set: FullPolicySet,
  exchanges: readonly Exchange[],
  rounds: number,
  learned: Learned = nothingLearned,
): RuleCost[] {
  const counters = { rates: new LocalRates(), buckets: new TokenBuckets() };
  for (let round = 0; round < rounds; round++)
    for (const exchange of exchanges) evaluateExchange(set, exchange, replayContext(set, exchange, learned, counters), 'all');
  return set
    .stats()
    .filter((rule) => rule.evaluations > 0)
    .map(({ policy, rule, evaluations, hits, totalNs }) => ({
      policy,
      rule,
      evaluations,
      hits,
      usPerEvaluation: totalNs / evaluations / 1000,
    }))
    .sort((a, b) => b.usPerEvaluation - a.usPerEvaluation);
}
