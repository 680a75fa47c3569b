import type { Act, Exchange } from '../../exchange/index.js';
import type { Decision, EvaluationContext, RuleStats } from '../types.js';
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

/** An evaluation context for a recorded exchange, in its own time. */
export function replayContext(set: FullPolicySet, exchange: Exchange, learned: Learned, rates: LocalRates): EvaluationContext {
  const facts = exchangeFacts(exchange, learned(exchange));
  return contextOf(set, { ...facts, mode: 'observe', rate: facts.rate ?? ((key, windowMs) => rates.hit(key, windowMs, facts.nowMs)) });
}

/** Runs the whole set over recorded exchanges, in the order given (oldest first, for rates), as if every policy enforced. Changes nothing. */
export function replay(set: FullPolicySet, exchanges: Iterable<Exchange>, options: ReplayOptions = {}): ReplayReport {
  const { learned = nothingLearned, samples = 5 } = options;
  const rates = new LocalRates();
  const would: Record<Decision['action'], number> = { pass: 0, redact: 0, challenge: 0, tarpit: 0, throttle: 0, block: 0, close: 0 };
  const rules = new Map<string, { policy: string; rule: string; hits: number; samples: ReplaySample[] }>();
  const before = errorsOf(set.stats());
  let count = 0;
  let truncated = 0;
  for (const exchange of exchanges) {
    count++;
    const verdict = evaluateExchange(set, exchange, replayContext(set, exchange, learned, rates), 'all');
    if (verdict.truncated) truncated++;
    would[verdict.wouldAction]++;
    for (const act of verdict.acts) {
      const key = `${act.policy}\0${act.rule}`;
      const rule = rules.get(key) ?? { policy: act.policy, rule: act.rule, hits: 0, samples: [] };
      rules.set(key, rule);
      rule.hits++;
      if (rule.samples.length < samples) rule.samples.push(sampleOf(exchange, act));
    }
  }
  return {
    exchanges: count,
    would,
    rules: [...rules.values()].sort((a, b) => b.hits - a.hits),
    truncated,
    errors: errorsOf(set.stats()) - before,
  };
}

const errorsOf = (stats: readonly RuleStats[]): number => stats.reduce((sum, rule) => sum + rule.errors, 0);

function sampleOf(exchange: Exchange, act: Act): ReplaySample {
  const { id, service, startedAtMs, request } = exchange;
  return { exchangeId: id, service, method: request.method, path: request.target.split('?')[0], startedAtMs, act };
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
  const rates = new LocalRates();
  for (let round = 0; round < rounds; round++)
    for (const exchange of exchanges) evaluateExchange(set, exchange, replayContext(set, exchange, learned, rates), 'all');
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
