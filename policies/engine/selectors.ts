import { header, headerAll, isTruncated, type Location, nearest } from '../../exchange/index.js';
import { fieldSelector, parseSelector, type Selector, SelectorSyntax, select, shownPath } from '../body/select.js';
import type { Condition } from '../language/conditions.js';
import type { ValueTests } from '../language/value-tests.js';
import type { Check } from './checks.js';
import type { Facts } from './facts.js';
import type { Hit } from './hit.js';
import { NO, type Scope, UNSURE, type Verdict, YES } from './scope.js';
import { asList, type CompiledTests, compileGlobs, compileTests, remembering, textOfValue } from './values.js';

/** A name alone, or names with tests. */
export type Named = string | ({ name: string | string[] } & ValueTests);

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

/** Headers of the message, or of the request in either phase. */
export function compileHeader(named: Named, scope: Scope, ofRequest: boolean): Check {
  const { names, tests: source } = namedOf(named);
  const tests = compileTests(source, scope);
  const single = names.length === 1 && !names[0].includes('*') ? names[0].toLowerCase() : null;
  const isWanted = compileGlobs(names, true);
  const passes = source.matches === undefined && source.notMatches === undefined ? tests.one : remembering(tests.one);
  const found = (hit: Hit, name: string, value: string): void => {
    hit.add({ in: 'header', path: name, value, ...(ofRequest ? { phase: 'request' as const } : {}) });
    if (!ofRequest) hit.headers.push(name);
  };
  return (facts, hit) => {
    const list = ofRequest ? facts.request.view.headers : facts.headers;
    if (single !== null && tests.count === null) {
      const first = header(list, single);
      if (first === null) return tests.exists === false ? YES : NO;
      if (tests.exists === false) return NO;
      let verdict: Verdict = NO;
      for (const value of headerAll(list, single)) {
        if (!passes(value)) continue;
        found(hit, single, value);
        verdict = YES;
      }
      return verdict;
    }
    const pairs: [string, string][] = [];
    if (single !== null) for (const value of headerAll(list, single)) pairs.push([single, value]);
    else
      for (let index = 0; index < list.length; index += 2)
        if (isWanted(list[index])) pairs.push([list[index].toLowerCase(), list[index + 1]]);
    const settled = settle(tests, pairs.length);
    if (settled !== null) return settled;
    const passing = pairs.filter(([, value]) => passes(value));
    for (const [name, value] of passing) found(hit, name, value);
    return passing.length > 0 ? YES : NO;
  };
}

/** Cookies, query and path parameters. */
export function compilePairs(
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

/** Values in the body, by path or field name, or the whole text. */
export function compileBody(source: NonNullable<Condition['body']>, scope: Scope): Check {
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
    if (firm || (complete && !partial)) return verdict === NO ? (ambiguous(facts) ?? NO) : verdict;
    if (!complete) facts.doubt = 'unreadable';
    return undecided(facts) ?? (complete ? verdict : UNSURE);
  };
}

/** UNSURE and the reason, when the body is not all there; null when it is. */
export function undecided(facts: Facts): Verdict | null {
  const verdict = undecidedBytes(facts);
  if (verdict !== null || facts.content.isEmpty || !facts.content.parsed().partial) return verdict;
  facts.doubt = 'unreadable';
  return UNSURE;
}

/** As {@link undecided}, for those who look at the bytes: a body that does not parse is all there. */
export function undecidedBytes(facts: Facts): Verdict | null {
  const { content } = facts;
  const { body } = content;
  if (body === null || (content.isEmpty && body.totalLength === 0)) return null;
  const { problem } = content.decoded();
  if (problem === 'truncated' || (problem === null && isTruncated(body))) {
    if (facts.doubt === 'none') facts.doubt = 'overflow';
    return UNSURE;
  }
  if (problem === null) return ambiguous(facts);
  facts.doubt = 'unreadable';
  return UNSURE;
}

/** For rules that fail closed: what another reader may find in this body is not known. */
function ambiguous(facts: Facts): Verdict | null {
  if (!facts.isStrict || facts.content.isEmpty || !facts.content.isAmbiguous(facts.phase === 'request')) return null;
  facts.doubt = 'unreadable';
  return UNSURE;
}

/** What keeps a body from being read. */
export function compileBodyProblem(wanted: readonly string[]): Check {
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
