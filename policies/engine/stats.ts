import type { RuleStats } from '../types.js';
import type { CompiledRule } from './compile.js';

/** Looking at the clock costs as much as a cheap rule: of so many messages one is timed, and stands for all. */
const TIMED_EVERY = 8;

/** Counters of all rules of a set, by index. */
export class Counters {
  private messages = 0;
  readonly evaluations: Float64Array;
  readonly hits: Float64Array;
  readonly acted: Float64Array;
  readonly wouldAct: Float64Array;
  readonly errors: Float64Array;
  readonly totalNs: Float64Array;

  constructor(private readonly rules: readonly CompiledRule[]) {
    const size = rules.length;
    this.evaluations = new Float64Array(size);
    this.hits = new Float64Array(size);
    this.acted = new Float64Array(size);
    this.wouldAct = new Float64Array(size);
    this.errors = new Float64Array(size);
    this.totalNs = new Float64Array(size);
  }

  /** For one message: what its times count, 0: they are not taken. */
  timeWeight(): number {
    return this.messages++ % TIMED_EVERY === 0 ? TIMED_EVERY : 0;
  }

  read(): RuleStats[] {
    return this.rules.map((rule, index) => ({
      policy: rule.policy,
      rule: rule.rule,
      evaluations: this.evaluations[index],
      hits: this.hits[index],
      acted: this.acted[index],
      wouldAct: this.wouldAct[index],
      errors: this.errors[index],
      totalNs: Math.round(this.totalNs[index]),
    }));
  }
}

/** Sums counters of several sets (gateway and engine, before and after a reload) by policy and rule. */
export function mergeStats(...lists: readonly (readonly RuleStats[])[]): RuleStats[] {
  const sums = new Map<string, RuleStats>();
  for (const one of lists.flat()) {
    const key = `${one.policy}\0${one.rule}`;
    const sum = sums.get(key);
    sums.set(
      key,
      sum === undefined
        ? one
        : {
            policy: one.policy,
            rule: one.rule,
            evaluations: sum.evaluations + one.evaluations,
            hits: sum.hits + one.hits,
            acted: sum.acted + one.acted,
            wouldAct: sum.wouldAct + one.wouldAct,
            errors: sum.errors + one.errors,
            totalNs: sum.totalNs + one.totalNs,
          },
    );
  }
  return [...sums.values()];
}
