import { header, headerAll, isTruncated, type Location, nearest } from '../../exchange/index.js';
import { fieldSelector, parseSelector, type Selector, SelectorSyntax, select, shownPath } from '../body/select.js';
import type { Condition } from '../language/conditions.js';
import { sizeBytes } from '../language/units.js';
import type { ValueTests } from '../language/value-tests.js';
import { compileData } from './data.js';
import type { Facts } from './facts.js';
import type { Hit } from './hit.js';
import { compileJwt } from './jwt.js';
import { compileAccess, compileAnomaly, compileAttack, compileRate, compileSchema } from './learned.js';
import { compileFacts } from './match.js';
import { NO, type Scope, UNSURE, type Verdict, YES } from './scope.js';
import {
  asList,
  type CompiledTests,
  compileBounds,
  compileGlobs,
  compileTests,
  dottedGlob,
  type Predicate,
  textOfValue,
} from './values.js';

/** One compiled condition. Writes to the hit only what a "yes" rests on. */
export type Check = (facts: Facts, hit: Hit) => Verdict;

/** What a rule's conditions look at: the plan of a route is made of it. */
export interface Needs {
  requestBody: boolean;
  responseBody: boolean;
  ownership: boolean;
  /** Data types looked for; null: all. */
  types: Set<string> | null;
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

/** Compiles conditions; what they look at is added to `needs`, problems go to the scope. */
export function compileCondition(condition: Condition, phase: 'request' | 'response', scope: Scope, needs: Needs): Check {
  const checks: { cost: number; check: Check }[] = [];
  const add = (key: string, check: Check): number => checks.push({ cost: costOf(key, condition), check });
  const facts = compileFacts(condition, scope);
  if (facts.length > 0) add('facts', (view) => (facts.every((test) => test(view)) ? YES : NO));
  const needBody = (): void => {
    if (phase === 'request') needs.requestBody = true;
    else needs.responseBody = true;
  };
  for (const key of Object.keys(condition) as (keyof Condition)[]) {
    const inner = scope.at(key);
    switch (key) {
      case 'all':
        add(
          key,
          conjunction(
            condition.all!.map((one, index) => compileCondition(one, phase, inner.at(index), needs)),
            condition.all!,
          ),
        );
        break;
      case 'any':
        add(key, disjunction(condition.any!.map((one, index) => compileCondition(one, phase, inner.at(index), needs))));
        break;
      case 'not':
        add(key, negation(compileCondition(condition.not!, phase, inner, needs)));
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
  return sequence(checks.map((one) => one.check));
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

type Named = string | ({ name: string | string[] } & ValueTests);

function namedOf(named: Named): { names: readonly string[]; tests: ValueTests } {
  if (typeof named === 'string') return { names: [named], tests: { exists: true } };
  const { name, ...tests } = named;
  return { names: asList(name), tests };
}

/** Settles `exists` and `count`; null: look at the values. */
function settle(tests: CompiledTests, values: number): Verdict | null {
  if (tests.exists === false) return values === 0 ? YES : NO;
  if (values === 0) return tests.count?.(0) === true ? YES : NO;
  return tests.count !== null && !tests.count(values) ? NO : null;
}

function compileHeader(named: Named, scope: Scope, ofRequest: boolean): Check {
  const { names, tests: source } = namedOf(named);
  const tests = compileTests(source, scope);
  const single = names.length === 1 && !names[0].includes('*') ? names[0].toLowerCase() : null;
  const isWanted = compileGlobs(names, true);
  return (facts, hit) => {
    const list = ofRequest ? facts.request.view.headers : facts.headers;
    if (single !== null && tests.count === null) {
      const first = header(list, single);
      if (first === null) return tests.exists === false ? YES : NO;
      if (tests.exists === false) return NO;
    }
    const pairs: [string, string][] = [];
    if (single !== null) for (const value of headerAll(list, single)) pairs.push([single, value]);
    else
      for (let index = 0; index < list.length; index += 2)
        if (isWanted(list[index])) pairs.push([list[index].toLowerCase(), list[index + 1]]);
    const settled = settle(tests, pairs.length);
    if (settled !== null) return settled;
    const passing = pairs.filter(([, value]) => tests.one(value));
    for (const [name, value] of passing) {
      hit.add({ in: 'header', path: name, value, ...(ofRequest ? { phase: 'request' as const } : {}) });
      if (!ofRequest) hit.headers.push(name);
    }
    return passing.length > 0 ? YES : NO;
  };
}

function compilePairs(
  place: Location['in'],
  named: Named,
  scope: Scope,
  read: (facts: Facts) => Iterable<readonly [string, string]>,
): Check {
  const { names, tests: source } = namedOf(named);
  const tests = compileTests(source, scope);
  const isWanted = compileGlobs(names, false);
  return (facts, hit) => {
    const wanted: (readonly [string, string])[] = [];
    for (const pair of read(facts)) if (isWanted(pair[0])) wanted.push(pair);
    const settled = settle(tests, wanted.length);
    if (settled !== null) return settled;
    let verdict: Verdict = NO;
    for (const [name, value] of wanted) {
      if (!tests.one(value)) continue;
      verdict = YES;
      hit.add({ in: place, path: name, value, ...(place === 'cookie' ? {} : { phase: 'request' as const }) });
    }
    return verdict;
  };
}

function selectorsOf(body: { path?: string; field?: string | string[] }, scope: Scope): Selector[] {
  const selectors = body.field === undefined ? [] : asList(body.field).map(fieldSelector);
  if (body.path === undefined) return selectors;
  const selector = selectorOf(body.path, scope.at('path'));
  return selector === null ? selectors : [...selectors, selector];
}

/** A JSONPath; null and a problem when it is malformed. */
export function selectorOf(path: string, scope: Scope): Selector | null {
  try {
    return parseSelector(path);
  } catch (error) {
    if (!(error instanceof SelectorSyntax)) throw error;
    scope.fail('POLICY_VALUE', `"${path}" is not a JSONPath: ${error.message} (character ${error.offset + 1})`, {
      expected: 'a path such as $.user.roles[*] or $..password',
    });
    return null;
  }
}

function compileBody(source: NonNullable<Condition['body']>, scope: Scope): Check {
  const body = typeof source === 'string' ? { field: source, exists: true } : source;
  const { path: _path, field: _field, format, ...testSource } = body;
  const tests = compileTests(testSource, scope);
  const selectors = selectorsOf(body, scope);
  const formats = format === undefined ? null : new Set<string>(asList(format));
  return (facts, hit) => {
    const { content } = facts;
    if (content.isEmpty) return undecided(facts) ?? (tests.exists === false && formats === null ? YES : NO);
    if (formats !== null && !formats.has(content.format())) return NO;
    if (selectors.length === 0) {
      if (!tests.one(content.text())) return undecided(facts) ?? NO;
      hit.add({ in: 'body', path: '', value: '' });
      return YES;
    }
    const { value: root, partial } = facts.values();
    let values = 0;
    let passing = 0;
    let complete = true;
    for (const selector of selectors) {
      const before = passing;
      const done = select(root, selector, (value, at) => {
        values++;
        if (!tests.one(value)) return false;
        passing++;
        if (passing <= 100) hit.add({ in: 'body', path: shownPath(at), value: textOfValue(value) ?? '' });
        return tests.count === null && passing >= 1000;
      });
      if (done === null) complete = false;
      if (passing > before) hit.fields.push({ selector, test: tests.one });
    }
    const settled = settle(tests, values);
    const verdict = settled ?? (passing > 0 ? YES : NO);
    // What was found in a part of a body is there; what was not found, or counted, may still come.
    const firm = verdict === YES && tests.exists !== false && tests.count === null;
    if (firm || (complete && !partial)) return verdict;
    if (!complete) facts.doubt = 'unreadable';
    return undecided(facts) ?? (complete ? verdict : UNSURE);
  };
}

/** UNSURE and the reason, when the body is not all there; null when it is. */
export function undecided(facts: Facts): Verdict | null {
  const { content } = facts;
  const { body } = content;
  if (body === null) return null;
  if (content.isEmpty && body.totalLength === 0) return null;
  const { problem } = content.decoded();
  if (problem === 'truncated' || (problem === null && isTruncated(body))) {
    if (facts.doubt === 'none') facts.doubt = 'overflow';
    return UNSURE;
  }
  if (problem !== null || content.parsed().partial) {
    facts.doubt = 'unreadable';
    return UNSURE;
  }
  return null;
}

function compileBodyProblem(wanted: readonly string[]): Check {
  return (facts, hit) => {
    if (facts.content.body === null || facts.content.isEmpty) return NO;
    for (const problem of facts.content.problems()) {
      if (!wanted.includes(problem)) continue;
      hit.reasons.push(`The body is ${problem}.`);
      return YES;
    }
    return NO;
  };
}

function compileGraphql(wanted: NonNullable<Condition['graphql']>): Check {
  const tests: Predicate<NonNullable<Facts['request']['graphql']>>[] = [];
  if (wanted.operation !== undefined) {
    const kinds = new Set<string>(asList(wanted.operation));
    tests.push((graph) => graph.operations.some((operation) => kinds.has(operation.kind)));
  }
  if (wanted.name !== undefined) {
    const test = compileGlobs(wanted.name, false);
    tests.push((graph) => graph.operations.some((operation) => test(operation.name)));
  }
  if (wanted.field !== undefined) {
    const patterns = asList(wanted.field).map(dottedGlob);
    tests.push((graph) => graph.fields.some((field) => patterns.some((pattern) => pattern.test(field))));
  }
  const { introspection, malformed } = wanted;
  if (introspection !== undefined) tests.push((graph) => graph.introspection === introspection);
  if (malformed !== undefined) tests.push((graph) => graph.malformed === malformed);
  const counts = [
    ['depth', 'depth'],
    ['aliases', 'aliases'],
    ['fields', 'fieldCount'],
    ['directives', 'directives'],
    ['cost', 'cost'],
    ['batch', 'batch'],
  ] as const; // prettier-ignore
  for (const [key, fact] of counts) {
    const bounds = wanted[key];
    if (bounds === undefined) continue;
    const test = compileBounds(bounds);
    tests.push((graph) => test(graph[fact]));
  }
  return (facts, hit) => {
    const { graphql } = facts.request;
    if (graphql === null) return undecidedRequest(facts);
    if (!tests.every((test) => test(graphql))) return NO;
    hit.add({
      in: 'body',
      path: 'query',
      value: graphql.operations.map((operation) => operation.name || operation.kind).join(' '),
      phase: 'request',
    });
    return YES;
  };
}

/** A request body that could not be read may have been GraphQL; only JSON is worth the doubt. */
function undecidedRequest(facts: Facts): Verdict {
  if (facts.phase !== 'request' || facts.content.isEmpty || facts.content.format() !== 'json') return NO;
  return undecided(facts) ?? NO;
}

function compileSize(source: NonNullable<Condition['size']>, phase: 'request' | 'response'): Check {
  const { of = 'body', ...bounds } = source;
  const test = compileBounds(Object.fromEntries(Object.entries(bounds).map(([key, value]) => [key, sizeBytes(value)])));
  const read: Readonly<Record<typeof of, Predicate<Facts>>> = {
    body: (facts) => test(bodyLength(facts)),
    'decoded-body': (facts) => test(facts.content.decoded().bytes.length),
    headers: (facts) => test(facts.headers.reduce((sum, text) => sum + text.length + 2, 0)),
    target: (facts) => test(facts.request.view.target.length),
  };
  return (facts, hit) => {
    if (!read[of](facts)) return NO;
    if (of === 'body' || of === 'decoded-body') hit.add({ in: 'body', path: '', value: '' });
    else hit.add({ in: of === 'headers' ? 'header' : 'path', path: '', value: '', phase });
    return YES;
  };
}

/** Length on the wire; by Content-Length where the body was not asked for. */
function bodyLength(facts: Facts): number {
  if (facts.content.body !== null) return facts.content.wireBytes;
  const declared = Number(header(facts.headers, 'content-length') ?? 0);
  return Number.isFinite(declared) ? declared : 0;
}

function compileNumber(source: NonNullable<Condition['number']>): Check {
  const { of, ...bounds } = source;
  const test = compileBounds(bounds);
  const count: Readonly<Record<typeof of, (facts: Facts) => number>> = {
    headers: (facts) => facts.headers.length / 2,
    'query-parameters': (facts) => facts.request.query.length,
    cookies: (facts) => facts.cookies().size,
    'body-fields': (facts) => countFields(facts.values().value),
    records: (facts) => longestArray(facts.values().value),
  };
  const ofBody = of === 'body-fields' || of === 'records';
  return (facts, hit) => {
    const counted = count[of](facts);
    if (test(counted)) {
      hit.reasons.push(`There are ${counted} ${of.replace('-', ' ')}.`);
      return YES;
    }
    return (ofBody ? undecided(facts) : null) ?? NO;
  };
}

function countFields(root: unknown): number {
  let fields = 0;
  const rest: unknown[] = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value !== 'object' || value === null) continue;
    for (const inner of Object.values(value)) {
      if (!Array.isArray(value)) fields++;
      if (typeof inner === 'object' && inner !== null) rest.push(inner);
    }
  }
  return fields;
}

function longestArray(root: unknown): number {
  let longest = 0;
  const rest: unknown[] = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value)) longest = Math.max(longest, value.length);
    for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) rest.push(inner);
  }
  return longest;
}

/** Reports names that are not known, with the nearest that is. */
export function checkNames(written: string | readonly string[], known: readonly string[], what: string, scope: Scope): void {
  for (const [index, name] of asList(written).entries()) {
    if (name.includes('*') ? known.some(compileGlobs(name, false)) : known.includes(name)) continue;
    const near = nearest(name, known) ?? undefined;
    const expected = near === undefined && known.length <= 20 ? `one of ${known.join(', ')}` : undefined;
    const place = typeof written === 'string' ? scope : scope.at(index);
    place.fail('POLICY_UNKNOWN_TYPE', `"${name}" is not a ${what}`, { expected, nearest: near });
  }
}
