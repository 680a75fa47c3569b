import { LatestMap, type Phase } from '../../exchange/index.js';
import type { Overflow, Plan, RouteFacts } from '../types.js';
import type { CompiledRule } from './compile.js';
import type { Facts } from './facts.js';
import { mayHold } from './presence.js';
import type { Predicate } from './values.js';

/** Which rules of a plan are run. `inline`: those that can act on the traffic. `rest`: all others. */
export type Part = 'inline' | 'rest' | 'all';

/** A rule on one route, with what its match still has to ask. */
export interface PlannedRule {
  readonly rule: CompiledRule;
  readonly tests: readonly Predicate<Facts>[];
  /** Exceptions that may lift it. */
  readonly exceptions: readonly PlannedRule[];
}

/** Combinations of what messages have that one phase remembers; more are a client's game with header names. */
const MAX_COMBINATIONS = 64;

export class PlannedPhase {
  /** Some rule asks for something that a message may lack. */
  readonly asks: boolean;
  /** What a message has → the rules that it may fulfil. */
  private readonly fitting = new Map<number, readonly PlannedRule[]>();

  constructor(readonly rules: readonly PlannedRule[]) {
    this.asks = rules.some(({ rule }) => rule.asks.length > 0);
  }

  /** The rules, in order, that a message may fulfil which has this (see `presence.ts`). */
  fittingTo(has: number): readonly PlannedRule[] {
    let rules = this.fitting.get(has);
    if (rules === undefined) {
      rules = this.rules.filter(({ rule }) => mayHold(rule.asks, has));
      if (this.fitting.size < MAX_COMBINATIONS) this.fitting.set(has, rules);
    }
    return rules;
  }
}

const STRICTNESS: Readonly<Record<Overflow, number>> = { pass: 0, 'inspect-prefix': 1, block: 2 };

/** The rules that apply to a route, and to all others of which their matches say the same. */
export class RoutePlan implements Plan {
  readonly request: boolean;
  readonly response: boolean;
  readonly requestBodyBytes: number;
  readonly responseBodyBytes: number;
  readonly requestOverflow: Overflow;
  readonly responseOverflow: Overflow;
  readonly ownership: boolean;
  private readonly phases: Readonly<Record<Part, Readonly<Record<Phase, PlannedPhase>>>>;

  constructor(rules: readonly CompiledRule[], route: RouteFacts) {
    const planned = planRules(rules, route);
    const pick = (part: Part, phase: Phase): PlannedPhase =>
      new PlannedPhase(planned.filter(({ rule }) => rule.phase === phase && (part === 'all' || (part === 'inline') === rule.inline)));
    const both = (part: Part): Record<Phase, PlannedPhase> => ({ request: pick(part, 'request'), response: pick(part, 'response') });
    this.phases = { inline: both('inline'), rest: both('rest'), all: both('all') };
    const inline = [...this.phases.inline.request.rules, ...this.phases.inline.response.rules].flatMap((one) => [
      one.rule,
      ...one.exceptions.map((exception) => exception.rule),
    ]);
    this.request = this.phases.inline.request.rules.length > 0;
    this.response = this.phases.inline.response.rules.length > 0;
    this.ownership = inline.some((rule) => rule.needs.ownership);
    [this.requestBodyBytes, this.requestOverflow] = bodyNeed(inline.filter((rule) => rule.needs.requestBody));
    [this.responseBodyBytes, this.responseOverflow] = bodyNeed(inline.filter((rule) => rule.needs.responseBody));
  }

  phase(part: Part, phase: Phase): PlannedPhase {
    return this.phases[part][phase];
  }
}

function bodyNeed(rules: readonly CompiledRule[]): [number, Overflow] {
  let bytes = 0;
  let overflow: Overflow = 'pass';
  for (const rule of rules) {
    bytes = Math.max(bytes, rule.maxBodyBytes);
    if (STRICTNESS[rule.onOverflow] > STRICTNESS[overflow]) overflow = rule.onOverflow;
  }
  return [bytes, overflow];
}

function planRules(rules: readonly CompiledRule[], route: RouteFacts): PlannedRule[] {
  const on = rules.flatMap((rule): PlannedRule[] => {
    const tests: Predicate<Facts>[] = [];
    for (const match of rule.matches) {
      const verdict = match.route(route);
      if (verdict === 'no') return [];
      if (match.request !== null) tests.push(match.request);
      if (verdict === 'maybe' && match.whenMaybe !== null) tests.push(match.whenMaybe);
    }
    return [{ rule, tests, exceptions: [] }];
  });
  const exceptions = on.filter(({ rule }) => rule.actions.allow !== null);
  return on
    .filter(({ rule }) => rule.actions.allow === null)
    .map((one) => ({
      ...one,
      exceptions: exceptions.filter(
        ({ rule }) =>
          rule.actions.allow?.excepts(one.rule.policy, one.rule.rule) === true &&
          (rule.phase === 'request' || one.rule.phase === 'response'),
      ),
    }));
}

/** Routes whose plan is remembered, at least half of them: more than a gateway has endpoints. */
const MOST_ROUTES = 60_000;
/** Different plans. Routes differ, and what applies to them hardly does. */
const MAX_PLANS = 1_000;

/**
 * Plans by route; routes to which the same applies share one. Hosts and methods come from clients, so both numbers are bounded, and the routes in use stay
 * when there are too many: making a plan costs several times what running it does.
 */
export class PlanCache {
  private readonly routes = new LatestMap<RoutePlan>(MOST_ROUTES);
  /** By what the match of each rule says of the route. */
  private readonly plans = new Map<string, RoutePlan>();

  constructor(private readonly rules: readonly CompiledRule[]) {}

  get(route: RouteFacts): RoutePlan {
    const key = `${route.service}\0${route.host}\0${route.method}\0${route.template ?? '\0'}\0${route.tags.join(',')}`;
    let plan = this.routes.get(key);
    if (plan === undefined) {
      plan = this.planOf(route);
      this.routes.set(key, plan);
    }
    return plan;
  }

  private planOf(route: RouteFacts): RoutePlan {
    const verdicts = this.rules.map(({ matches }) => matches.map((match) => match.route(route)[0]).join('')).join();
    let plan = this.plans.get(verdicts);
    if (plan === undefined) {
      plan = new RoutePlan(this.rules, route);
      if (this.plans.size >= MAX_PLANS) this.plans.clear();
      this.plans.set(verdicts, plan);
    }
    return plan;
  }
}
