import { type Principal, pathSegments } from '../../exchange/index.js';
import type { Match } from '../language/conditions.js';
import type { RouteFacts } from '../types.js';
import type { Facts } from './facts.js';
import type { Scope } from './scope.js';
import { asList, compileBounds, compileGlobs, compileNetworks, compileTests, type Predicate } from './values.js';

/** What is known before the request is: `maybe` is decided at each request. */
export type RouteVerdict = 'no' | 'maybe' | 'yes';

/** A compiled `match`: one part for the route, one for what only a request tells. */
export interface CompiledMatch {
  route(route: RouteFacts): RouteVerdict;
  /** null: the route decides alone. */
  readonly request: Predicate<Facts> | null;
  /** Settles a `maybe` of the route; null: it counts as yes. */
  readonly whenMaybe: Predicate<Facts> | null;
  /** Needs the status or another fact of the answer. */
  readonly needsResponse: boolean;
}

type RouteTest = (route: RouteFacts) => RouteVerdict;

export const MATCH_ALL: CompiledMatch = { route: () => 'yes', request: null, whenMaybe: null, needsResponse: false };

/**
 * Facts that a request (or its answer) is tested for; shared by `match` and `when`. Each key is one predicate. Of a path that servers read in several ways
 * one reading is enough, but for an exception, which has to hold in all.
 */
export function compileFacts(match: Match, scope: Scope, isException = false): Predicate<Facts>[] {
  const tests: Predicate<Facts>[] = [];
  const globs = (key: 'service' | 'host' | 'method' | 'country', read: (facts: Facts) => string | null, ignoreCase: boolean): void => {
    const wanted = match[key];
    if (wanted === undefined) return;
    const test = compileGlobs(wanted, ignoreCase);
    tests.push((facts) => {
      const value = read(facts);
      return value !== null && test(value);
    });
  };
  globs('service', (facts) => facts.context.route.service, false);
  globs('host', (facts) => facts.request.view.host, true);
  globs('method', (facts) => facts.request.view.method, true);
  globs('country', (facts) => facts.context.country(), true);
  if (match.path !== undefined) {
    const patterns = asList(match.path).map((pattern) => compilePath(pattern, scope.at('path')));
    tests.push((facts) => {
      const fits = (segments: readonly string[]): boolean => patterns.some((pattern) => pattern.path(segments));
      const readings = facts.pathReadings();
      return readings.length === 1 ? fits(readings[0]) : isException ? readings.every(fits) : readings.some(fits);
    });
  }
  if (match.contentType !== undefined) {
    const test = compileGlobs(match.contentType, true);
    tests.push((facts) => test(facts.content.mediaType));
  }
  if (match.status !== undefined) {
    const ranges = asList(match.status).map(statusRange);
    tests.push((facts) => {
      const status = facts.response?.status;
      return status !== undefined && ranges.some(([low, high]) => status >= low && status <= high);
    });
  }
  if (match.principal !== undefined) tests.push(compilePrincipal(match.principal, scope.at('principal')));
  if (match.client !== undefined) {
    const test = compileNetworks(match.client, scope.at('client'));
    tests.push((facts) => test(facts.context.client.ip));
  }
  if (match.asn !== undefined) {
    const wanted = new Set(asList(match.asn));
    tests.push((facts) => wanted.has(facts.context.asn() ?? Number.NaN));
  }
  if (match.actorScore !== undefined) {
    const bounds = compileBounds(match.actorScore);
    tests.push((facts) => bounds(facts.context.actorScore()));
  }
  if (match.tags !== undefined) {
    const test = compileGlobs(match.tags, false);
    tests.push((facts) => facts.context.route.tags.some(test));
  }
  if (match.time !== undefined) {
    const test = compileTime(match.time, scope.at('time'));
    tests.push((facts) => test(facts.context.nowMs));
  }
  return tests;
}

/** Compiles a whole `match`. */
export function compileMatch(match: Match | undefined, scope: Scope, isException = false): CompiledMatch {
  if (match === undefined) return MATCH_ALL;
  const routeTests: RouteTest[] = [];
  const all = (test: Predicate<RouteFacts>): number => routeTests.push((route) => (test(route) ? 'yes' : 'no'));
  if (match.service !== undefined) {
    const test = compileGlobs(match.service, false);
    all((route) => test(route.service));
  }
  if (match.host !== undefined) {
    const test = compileGlobs(match.host, true);
    all((route) => test(route.host));
  }
  if (match.method !== undefined) {
    const test = compileGlobs(match.method, true);
    all((route) => test(route.method));
  }
  if (match.tags !== undefined) {
    const test = compileGlobs(match.tags, false);
    all((route) => route.tags.some(test));
  }
  if (match.path !== undefined) {
    const patterns = asList(match.path).map((pattern) => compilePath(pattern, scope.at('path')));
    routeTests.push((route) => {
      const { template } = route;
      if (template === null) return 'maybe';
      const segments = pathSegments(template);
      return patterns.reduce<RouteVerdict>((best, pattern) => (best === 'yes' ? best : stronger(best, pattern.template(segments))), 'no');
    });
  }
  const except = match.except === undefined ? null : compileMatch(match.except, scope.at('except'), !isException);
  if (except !== null) {
    routeTests.push((route) => {
      const excepted = except.route(route);
      return excepted === 'no' ? 'yes' : excepted === 'maybe' || except.request !== null ? 'maybe' : 'no';
    });
  }
  const { service: _service, host: _host, method: _method, tags: _tags, except: _except, path, ...rest } = match;
  const whenUnsure = path === undefined ? [] : compileFacts({ path }, scope, isException);
  if (except !== null) whenUnsure.push((facts) => !applies(except, facts));
  return {
    route: (route) => {
      let verdict: RouteVerdict = 'yes';
      for (const test of routeTests) {
        const one = test(route);
        if (one === 'no') return 'no';
        if (one === 'maybe') verdict = 'maybe';
      }
      return verdict;
    },
    request: every(compileFacts(rest, scope, isException)),
    whenMaybe: every(whenUnsure),
    needsResponse: match.status !== undefined,
  };
}

function every(tests: readonly Predicate<Facts>[]): Predicate<Facts> | null {
  return tests.length === 0 ? null : tests.length === 1 ? tests[0] : (facts) => tests.every((test) => test(facts));
}

/** Does a compiled match hold for these facts, route included? */
function applies(match: CompiledMatch, facts: Facts): boolean {
  const route = match.route(facts.context.route);
  if (route === 'no' || (match.request !== null && !match.request(facts))) return false;
  return route === 'yes' || match.whenMaybe === null || match.whenMaybe(facts);
}

const stronger = (a: RouteVerdict, b: RouteVerdict): RouteVerdict =>
  a === 'yes' || b === 'yes' ? 'yes' : a === 'maybe' || b === 'maybe' ? 'maybe' : 'no';

interface PathPattern {
  /** Against raw segments of a real path. */
  path(segments: readonly string[]): boolean;
  /** Against the segments of a template, whose parameters may hold anything. */
  template(segments: readonly string[]): RouteVerdict;
}

type Segment =
  | { readonly kind: 'any' | 'rest' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'glob'; readonly test: Predicate<string> };

/** A path template or glob: `{x}` and `*` are one segment, `**` any number, text and `*` or `{x}` may be mixed inside a segment. */
export function compilePath(pattern: string, scope: Scope): PathPattern {
  if (!pattern.startsWith('/') && !pattern.startsWith('**'))
    scope.fail('POLICY_VALUE', `"${pattern}" is not a path`, { expected: 'a path that begins with / or **' });
  const segments = pathSegments(pattern).map((segment): Segment => {
    if (segment === '**' || /^\{[^{}]*\*\}$/.test(segment)) return { kind: 'rest' };
    if (segment === '*' || /^\{[^{}]*\}$/.test(segment)) return { kind: 'any' };
    const glob = segment.replace(/\{[^{}]*\}/g, '*');
    return glob.includes('*') ? { kind: 'glob', test: compileGlobs(glob, false) } : { kind: 'text', text: segment };
  });
  const compare = (parts: readonly string[], one: (segment: Segment, part: string) => RouteVerdict): RouteVerdict => {
    // Row by row over the pattern: verdict of "this much of the pattern takes that much of the path".
    let row: RouteVerdict[] = new Array<RouteVerdict>(parts.length + 1).fill('no');
    row[0] = 'yes';
    for (const segment of segments) {
      const next: RouteVerdict[] = new Array<RouteVerdict>(parts.length + 1).fill('no');
      if (segment.kind === 'rest') {
        let best: RouteVerdict = 'no';
        for (let at = 0; at <= parts.length; at++) {
          best = stronger(best, row[at]);
          next[at] = best;
        }
      } else for (let at = 0; at < parts.length; at++) if (row[at] !== 'no') next[at + 1] = weaker(row[at], one(segment, parts[at]));
      row = next;
    }
    return row[parts.length];
  };
  const [first] = segments;
  const last = segments.at(-1);
  const words = segments.flatMap((segment) => (segment.kind === 'text' ? [segment.text] : []));
  /** The ends alone, and the words that must stand somewhere, refuse most paths. */
  const mayFit = (parts: readonly string[]): boolean => {
    if (first?.kind === 'text' && parts[0] !== first.text) return false;
    if (last?.kind === 'text' && parts[parts.length - 1] !== last.text) return false;
    for (const word of words) if (!parts.includes(word)) return false;
    return true;
  };
  return {
    path: (parts) => mayFit(parts) && compare(parts, (segment, part) => (segmentTakes(segment, part) ? 'yes' : 'no')) === 'yes',
    template: (parts) =>
      compare(parts, (segment, part) => {
        if (segment.kind === 'any') return 'yes';
        if (!part.includes('{')) return segmentTakes(segment, part) ? 'yes' : 'no';
        return 'maybe';
      }),
  };
}

const weaker = (a: RouteVerdict, b: RouteVerdict): RouteVerdict =>
  a === 'no' || b === 'no' ? 'no' : a === 'maybe' || b === 'maybe' ? 'maybe' : 'yes';

function segmentTakes(segment: Segment, part: string): boolean {
  if (segment.kind === 'text') return segment.text === part;
  if (segment.kind === 'glob') return segment.test(part);
  return true;
}

function statusRange(status: number | string): readonly [number, number] {
  const text = String(status);
  if (text.endsWith('xx')) return [Number(text[0]) * 100, Number(text[0]) * 100 + 99];
  const [low, high = low] = text.split('-').map(Number);
  return [low, high];
}

function compilePrincipal(wanted: NonNullable<Match['principal']>, scope: Scope): Predicate<Facts> {
  if (wanted === 'present') return (facts) => facts.context.principal !== null;
  if (wanted === 'absent') return (facts) => facts.context.principal === null;
  const tests: Predicate<Principal>[] = [];
  if (wanted.kind !== undefined) {
    const test = compileGlobs(wanted.kind, true);
    tests.push((principal) => test(principal.kind));
  }
  if (wanted.key !== undefined) {
    const test = compileGlobs(wanted.key, false);
    tests.push((principal) => test(principal.key));
  }
  if (wanted.role !== undefined) {
    const test = compileGlobs(wanted.role, true);
    tests.push((principal) => rolesOf(principal).some(test));
  }
  if (wanted.notRole !== undefined) {
    const test = compileGlobs(wanted.notRole, true);
    tests.push((principal) => !rolesOf(principal).some(test));
  }
  if (wanted.claim !== undefined) {
    const { name, ...tests_ } = wanted.claim;
    const compiled = compileTests(tests_, scope.at('claim'));
    tests.push((principal) => {
      const values = claimValues(principal.claims ?? {}, name);
      return compiled.exists === false ? values.length === 0 : values.some(compiled.one);
    });
  }
  return (facts) => {
    const { principal } = facts.context;
    return principal !== null && tests.every((test) => test(principal));
  };
}

/** Values of a claim by dotted path; an array gives its items. */
export function claimValues(claims: Readonly<Record<string, unknown>>, name: string): unknown[] {
  let value: unknown = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (value === undefined) {
    value = claims;
    for (const part of name.split('.'))
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined;
  }
  return value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value];
}

const ROLE_CLAIMS = ['role', 'roles', 'groups', 'permissions', 'authorities', 'scope', 'scp', 'realm_access.roles'];

function rolesOf(principal: Principal): string[] {
  const claims = principal.claims ?? {};
  return ROLE_CLAIMS.flatMap((name) => claimValues(claims, name)).flatMap((value) =>
    typeof value === 'string' ? value.split(/[\s,]+/) : [],
  );
}

const DAY_NAMES: readonly string[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

function compileTime(time: NonNullable<Match['time']>, scope: Scope): Predicate<number> {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: time.zone ?? 'UTC',
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  } catch {
    scope.at('zone').fail('POLICY_VALUE', `"${time.zone}" is not a time zone`, { expected: 'an IANA name such as Europe/Berlin' });
    return () => false;
  }
  const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  const from = minutes(time.from ?? '00:00');
  const to = minutes(time.to ?? '24:00');
  const days = new Set(time.days ?? DAY_NAMES);
  // A weekday and minute hold for a whole minute; formatting costs microseconds.
  let minuteAt = Number.NaN;
  let result = false;
  return (nowMs) => {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== minuteAt) {
      minuteAt = minute;
      result = inside(nowMs);
    }
    return result;
  };

  function inside(nowMs: number): boolean {
    const parts = new Map(format.formatToParts(nowMs).map((part) => [part.type, part.value]));
    const now = Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
    const day = DAY_NAMES.indexOf((parts.get('weekday') ?? '').toLowerCase());
    if (from <= to) return days.has(DAY_NAMES[day]) && now >= from && now < to;
    // Over midnight: the early hours belong to the day before.
    return (days.has(DAY_NAMES[day]) && now >= from) || (days.has(DAY_NAMES[(day + 6) % 7]) && now < to);
  }
}
