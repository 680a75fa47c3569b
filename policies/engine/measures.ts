import { header } from '../../exchange/index.js';
import type { Condition } from '../language/conditions.js';
import { sizeBytes } from '../language/units.js';
import type { Check } from './checks.js';
import type { Facts } from './facts.js';
import { NO, type Verdict, YES } from './scope.js';
import { undecided, undecidedBytes } from './selectors.js';
import { asList, compileBounds, compileGlobs, dottedGlob, type Predicate } from './values.js';

/** Facts of a GraphQL request. */
export function compileGraphql(wanted: NonNullable<Condition['graphql']>): Check {
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

/** Sizes in bytes. */
export function compileSize(source: NonNullable<Condition['size']>, phase: 'request' | 'response'): Check {
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

/** Numbers of things. */
export function compileNumber(source: NonNullable<Condition['number']>): Check {
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
  const least = Math.max(bounds.atLeast ?? 0, bounds.above ?? 0);
  const separator = of === 'records' ? COMMA : COLON;
  return (facts, hit) => {
    if (ofBody && least > 0 && holdsFewer(facts, least, separator)) return undecidedBytes(facts) ?? NO;
    const counted = count[of](facts);
    if (test(counted)) {
      hit.reasons.push(`There are ${counted} ${of.replace('-', ' ')}.`);
      return YES;
    }
    return (ofBody ? undecided(facts) : null) ?? NO;
  };
}

const COMMA = 44;
const COLON = 58;

/**
 * Certain without parsing that there are fewer: items of an array are parted by commas, and every field has a colon. Only of bytes that are read as
 * they stand.
 */
function holdsFewer(facts: Facts, least: number, separator: number): boolean {
  const { content } = facts;
  const format = content.format();
  if ((format !== 'json' && format !== 'ndjson') || !content.isAscii) return false;
  const { bytes } = content.decoded();
  if (bytes.length < least) return true;
  // Lines of NDJSON are records, too.
  if (format === 'ndjson') return false;
  let most = separator === COMMA ? 1 : 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === separator && ++most >= least) return false;
    // From one to the next there are two bytes at least.
    if ((at & 63) === 0 && most + ((bytes.length - at) >> 1) < least) return true;
  }
  return true;
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
