import type { Condition } from '../language/conditions.js';
import { asksOf } from './asks.js';
import { compileData } from './data.js';
import type { Facts } from './facts.js';
import type { Hit } from './hit.js';
import { compileJwt } from './jwt.js';
import { compileAccess, compileAnomaly, compileAttack, compileRate, compileSchema } from './learned.js';
import { compileFacts } from './match.js';
import { compileGraphql, compileNumber, compileSize } from './measures.js';
import { type Asks, anyOf } from './presence.js';
import { NO, type Scope, UNSURE, type Verdict, YES } from './scope.js';
import { compileBody, compileBodyProblem, compileHeader, compilePairs } from './selectors.js';
import { asList, compileTests } from './values.js';

/** One compiled condition. Writes to the hit only what a "yes" rests on. */
export type Check = (facts: Facts, hit: Hit) => Verdict;

/** What a rule's conditions look at: the plan of a route is made of it. */
export interface Needs {
  requestBody: boolean;
  responseBody: boolean;
  ownership: boolean;
}

/** A check, and what a message must have for it to hold. */
export interface CompiledCondition {
  readonly check: Check;
  readonly asks: Asks;
}

/** Relative cost of conditions: cheap ones are looked at first, and rates last, so that they count only what fulfils the rest. */
const COST: Readonly<Record<string, number>> = {
  header: 1,
  cookie: 2,
  query: 2,
  pathParameter: 2,
  target: 1,
  requestHeader: 1,
  size: 1,
  access: 3,
  schema: 3,
  anomaly: 3,
  number: 4,
  jwt: 4,
  body: 5,
  graphql: 6,
  bodyProblem: 6,
  data: 7,
  attack: 8,
  not: 5,
  any: 5,
  all: 5,
  rate: 100,
}; // prettier-ignore

/** Compiles conditions; what they look at is added to `needs`, problems go to the scope. `isException`: as `compileFacts`. */
export function compileCondition(
  condition: Condition,
  phase: 'request' | 'response',
  scope: Scope,
  needs: Needs,
  isException = false,
): CompiledCondition {
  const checks: { cost: number; check: Check }[] = [];
  const asked: number[] = [];
  const add = (key: string, check: Check): number => checks.push({ cost: costOf(key, condition), check });
  const inside = (conditions: readonly Condition[], at: Scope): CompiledCondition[] =>
    conditions.map((one, index) => compileCondition(one, phase, at.at(index), needs, isException));
  const facts = compileFacts(condition, scope, isException);
  if (facts.length > 0) add('facts', (view) => (facts.every((test) => test(view)) ? YES : NO));
  const needBody = (): void => {
    if (phase === 'request') needs.requestBody = true;
    else needs.responseBody = true;
  };
  for (const key of Object.keys(condition) as (keyof Condition)[]) {
    const inner = scope.at(key);
    asked.push(...asksOf(key, condition, phase, scope.tools.names));
    switch (key) {
      case 'all': {
        const parts = inside(condition.all!, inner);
        asked.push(...parts.flatMap((part) => part.asks));
        add(
          key,
          conjunction(
            parts.map((part) => part.check),
            condition.all!,
          ),
        );
        break;
      }
      case 'any': {
        const parts = inside(condition.any!, inner);
        asked.push(...anyOf(parts.map((part) => part.asks)));
        add(key, disjunction(parts.map((part) => part.check)));
        break;
      }
      case 'not':
        add(key, negation(compileCondition(condition.not!, phase, inner, needs, !isException).check));
        break;
      case 'header':
        add(key, compileHeader(condition.header!, inner, false));
        break;
      case 'requestHeader':
        add(key, compileHeader(condition.requestHeader!, inner, true));
        break;
      case 'cookie':
        add(
          key,
          compilePairs('cookie', condition.cookie!, inner, (view) => view.cookies()),
        );
        break;
      case 'query':
        add(
          key,
          compilePairs('query', condition.query!, inner, (view) => view.request.query),
        );
        break;
      case 'pathParameter':
        add(
          key,
          compilePairs('path', condition.pathParameter!, inner, (view) => view.pathParameters()),
        );
        break;
      case 'target': {
        const tests = compileTests(condition.target!, inner);
        add(key, (view, hit) => {
          if (!tests.one(view.request.view.target)) return NO;
          hit.add({ in: 'path', path: '', value: view.request.path, phase: 'request' });
          return YES;
        });
        break;
      }
      case 'body':
        needBody();
        add(key, compileBody(condition.body!, inner));
        break;
      case 'bodyProblem':
        needBody();
        add(key, compileBodyProblem(asList(condition.bodyProblem!)));
        break;
      case 'graphql':
        needs.requestBody = true;
        add(key, compileGraphql(condition.graphql!));
        break;
      case 'data':
        add(key, compileData(condition.data!, phase, inner, needs));
        break;
      case 'size':
        if (condition.size!.of === 'decoded-body') needBody();
        add(key, compileSize(condition.size!, phase));
        break;
      case 'number':
        if (condition.number!.of === 'body-fields' || condition.number!.of === 'records') needBody();
        add(key, compileNumber(condition.number!));
        break;
      case 'schema':
        add(key, compileSchema(condition.schema!));
        break;
      case 'jwt':
        add(key, compileJwt(condition.jwt!, inner));
        break;
      case 'access':
        needs.ownership = true;
        add(key, compileAccess(condition.access!));
        break;
      case 'anomaly':
        add(key, compileAnomaly(condition.anomaly!));
        break;
      case 'attack':
        needs.requestBody ||= condition.attack!.in === undefined || asList(condition.attack!.in).includes('body');
        add(key, compileAttack(condition.attack!));
        break;
      case 'rate':
        if (asList(condition.rate!.by).some((by) => by.startsWith('body:'))) needs.requestBody = true;
        add(key, compileRate(condition.rate!, `${scope.name}:${phase}:${scope.place.join('.')}`, inner));
        break;
      default:
        break;
    }
  }
  checks.sort((a, b) => a.cost - b.cost);
  return { check: sequence(checks.map((one) => one.check)), asks: [...new Set(asked)] };
}

function costOf(key: string, condition: Condition): number {
  if (key === 'facts') return 0;
  if ((key === 'all' || key === 'any' || key === 'not') && holdsRate(condition[key])) return 100;
  return COST[key] ?? 5;
}

function holdsRate(conditions: Condition | readonly Condition[] | undefined): boolean {
  return JSON.stringify(conditions ?? null).includes('"rate":');
}

/** All of them, in order; a "no" ends it, an undecided one is remembered. */
function sequence(checks: readonly Check[]): Check {
  if (checks.length === 1) return checks[0];
  return (facts, hit) => {
    let verdict: Verdict = YES;
    for (const check of checks) {
      const one = check(facts, hit);
      if (one === NO) return NO;
      if (one === UNSURE) verdict = UNSURE;
    }
    return verdict;
  };
}

function conjunction(checks: readonly Check[], sources: readonly Condition[]): Check {
  const ordered = checks.map((check, index) => ({
    check,
    cost: Math.max(0, ...Object.keys(sources[index]).map((key) => costOf(key, sources[index]))),
  }));
  ordered.sort((a, b) => a.cost - b.cost);
  return sequence(ordered.map((one) => one.check));
}

function disjunction(checks: readonly Check[]): Check {
  return (facts, hit) => {
    let verdict: Verdict = NO;
    for (const check of checks) {
      const one = check(facts, hit);
      if (one === YES) return YES;
      if (one === UNSURE) verdict = UNSURE;
    }
    return verdict;
  };
}

/** Shows nothing as evidence: what is not there has no place. */
function negation(check: Check): Check {
  return (facts, hit) => {
    const { found, spans, fields, headers, confidence, reasons } = hit;
    hit.found = [];
    hit.spans = [];
    hit.fields = [];
    hit.headers = [];
    hit.reasons = [];
    const verdict = check(facts, hit);
    Object.assign(hit, { found, spans, fields, headers, confidence, reasons });
    return verdict === UNSURE ? UNSURE : verdict === YES ? NO : YES;
  };
}
