import { actorOf, header } from '../../exchange/index.js';
import type { AttackFinding } from '../attack-port.js';
import { fieldSelector, select } from '../body/select.js';
import type { Condition } from '../language/conditions.js';
import { durationMs } from '../language/units.js';
import type { Check } from './checks.js';
import type { Facts } from './facts.js';
import { NO, type Scope, YES } from './scope.js';
import { selectorOf, undecided } from './selectors.js';
import { asList, compileGlobs, textOfValue } from './values.js';

/** Verdict of learned ownership. */
export function compileAccess(source: NonNullable<Condition['access']>): Check {
  const relations = source.relation === undefined ? null : new Set<string>(asList(source.relation));
  const { enforceable, confidence = 0 } = source;
  return (facts, hit) => {
    const verdict = facts.context.access(facts.phase);
    if (verdict === null || verdict.confidence < confidence) return NO;
    if (relations !== null && !relations.has(verdict.relation)) return NO;
    if (enforceable !== undefined && verdict.enforceable !== enforceable) return NO;
    hit.add({ in: verdict.location.in, path: verdict.location.path, value: '', type: verdict.resource, phase: verdict.location.phase });
    hit.trust(verdict.confidence);
    hit.reasons.push(`${verdict.explanation.charAt(0).toUpperCase()}${verdict.explanation.slice(1)}.`);
    return YES;
  };
}

/** Anomalies that learning reports. */
export function compileAnomaly(source: NonNullable<Condition['anomaly']>): Check {
  const test = compileGlobs(source.kind, false);
  const { confidence = 0 } = source;
  return (facts, hit) => {
    const found = facts.context.anomalies?.(facts.phase).find((anomaly) => anomaly.confidence >= confidence && test(anomaly.kind));
    if (found === undefined) return NO;
    hit.trust(found.confidence);
    if (found.explanation !== undefined) hit.reasons.push(found.explanation);
    return YES;
  };
}

/** Conformance problems of the learned or imported schema, written `what:place.name`. */
export function compileSchema(globs: string | readonly string[]): Check {
  const test = compileGlobs(globs, false);
  return (facts, hit) => {
    const found = facts.context.schemaViolations(facts.phase).filter(test);
    for (const violation of found) {
      const [, place = '', path = ''] = /^[^:]*:?(path|query|header|cookie|body)?\.?(.*)$/.exec(violation) ?? [];
      hit.add({
        in: place === '' ? 'path' : (place as 'path' | 'query' | 'header' | 'cookie' | 'body'),
        path,
        value: '',
        type: violation.split(':')[0],
      });
    }
    return found.length > 0 ? YES : NO;
  };
}

const DEFAULT_SCORE = 5;

/** Injection attacks; the scores of one place and class add up. */
export function compileAttack(source: NonNullable<Condition['attack']>): Check {
  const classes = source.classes === undefined ? null : new Set<string>(asList(source.classes));
  const places = source.in === undefined ? null : new Set<string>(asList(source.in));
  const { score = DEFAULT_SCORE, paranoia = 1 } = source;
  const ofBody = places === null || places.has('body');
  return (facts, hit) => {
    const found = facts.request.attacks(facts.tools, facts.context, paranoia);
    // A body that cannot be decoded was not searched; one that does not parse was, as text.
    const unread = ofBody && facts.phase === 'request' && facts.content.decoded().problem !== null;
    if (found.length === 0) return unread ? (undecided(facts) ?? NO) : NO;
    const sums = new Map<string, { score: number; findings: AttackFinding[] }>();
    for (const finding of found) {
      if (classes !== null && !classes.has(finding.class)) continue;
      if (places !== null && !places.has(finding.location.in)) continue;
      const key = `${finding.class}\0${finding.location.in}\0${finding.location.path}`;
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { score: finding.score, findings: [finding] });
      else {
        sum.score += finding.score;
        sum.findings.push(finding);
      }
    }
    let verdict: typeof YES | typeof NO = NO;
    for (const sum of sums.values()) {
      if (sum.score < score) continue;
      verdict = YES;
      for (const finding of sum.findings) {
        hit.add({ in: finding.location.in, path: finding.location.path, value: finding.excerpt, type: finding.class, phase: 'request' });
        hit.trust(finding.confidence);
      }
    }
    return verdict === NO && unread ? (undecided(facts) ?? NO) : verdict;
  };
}

type RateKey = (facts: Facts) => string;

/** Hits per key; with `distinct`, different values per key: each new value is one hit, and the rule fires on the value that passes the limit. */
export function compileRate(source: NonNullable<Condition['rate']>, id: string, scope: Scope): Check {
  const keys = asList(source.by).map((by) => rateKey(by, scope.at('by')));
  const distinct = source.distinct === undefined ? null : rateKey(source.distinct, scope.at('distinct'));
  const windowMs = durationMs(source.window);
  const { above } = source;
  return (facts, hit) => {
    let key = id;
    for (const one of keys) {
      const value = one(facts);
      // Without a principal, a header or a field to count by there is nothing to count.
      if (value === '') return NO;
      key += `|${value}`;
    }
    let count: number;
    if (distinct === null) count = facts.context.rate(key, windowMs);
    else {
      const value = distinct(facts);
      const different = value === '' ? null : facts.context.distinct(key, value, windowMs);
      if (different === null) return NO;
      count = different;
    }
    if (count <= above) return NO;
    hit.reasons.push(
      `${count} ${distinct === null ? 'hits' : `different values of ${source.distinct}`} within ${source.window}, above ${above}.`,
    );
    return YES;
  };
}

const SHORT_PATH = 128;

/** Values that a client writes are hashed: keys are shared between gateways and must not carry credentials. */
export function rateKey(name: string, scope: Scope): RateKey {
  const colon = name.indexOf(':');
  const argument = name.slice(colon + 1);
  const hashed =
    (read: (facts: Facts) => string | null | undefined): RateKey =>
    (facts) => {
      const value = read(facts);
      return value === null || value === undefined || value === '' ? '' : facts.tools.redactor.hash(value);
    };
  switch (colon < 0 ? name : name.slice(0, colon)) {
    case 'client':
      return (facts) => actorOf(null, facts.context.client.ip).value;
    case 'principal':
      return (facts) => facts.context.principal?.key ?? '';
    case 'actor':
      return (facts) => actorOf(facts.context.principal, facts.context.client.ip).value;
    case 'service':
      return (facts) => facts.context.route.service;
    case 'endpoint':
      return (facts) => `${facts.context.route.service} ${facts.context.route.method} ${facts.context.route.template ?? '?'}`;
    case 'host':
      return (facts) => facts.context.route.host;
    case 'method':
      return (facts) => facts.context.route.method;
    case 'status':
      return (facts) => String(facts.response?.status ?? '');
    case 'path': {
      const hash = hashed((facts) => facts.request.path);
      // A short path is in every log already, and a hash of it costs more than the rest of the rule.
      return (facts) => (facts.request.path.length <= SHORT_PATH ? facts.request.path : hash(facts));
    }
    case 'header':
      return hashed((facts) => header(facts.request.view.headers, argument.toLowerCase()));
    case 'cookie':
      return hashed((facts) => facts.request.cookies.get(argument));
    case 'query':
      return hashed((facts) => facts.request.query.find(([one]) => one === argument)?.[1]);
    case 'parameter':
      return hashed((facts) => facts.pathParameters().get(argument));
    default: {
      const selector = argument.startsWith('$') ? selectorOf(argument, scope) : fieldSelector(argument);
      if (selector === null) return () => '';
      return hashed((facts) => {
        let value = '';
        select(facts.request.content.parsed().value, selector, (one) => {
          value = textOfValue(one) ?? '';
          return true;
        });
        return value;
      });
    }
  }
}
