import { nearest } from '../../exchange/index.js';
import type { Condition } from '../language/conditions.js';
import { durationMs } from '../language/units.js';
import type { Check } from './checks.js';
import { type Facts, looksLikeJwt, type Token } from './facts.js';
import { claimValues } from './match.js';
import { NO, type Scope, YES } from './scope.js';
import { asList, compileGlobs, compileTests } from './values.js';

const CLOCK_SKEW_MS = 60_000;

type Jwt = NonNullable<Token['jwt']>;

/** Compiles a condition on JSON Web Tokens (RFC 7519). */
export function compileJwt(source: NonNullable<Condition['jwt']>, scope: Scope): Check {
  const tests: ((jwt: Jwt, token: Token, facts: Facts) => boolean)[] = [];
  /** What a token says for as long as it lives. */
  const lasting: ((jwt: Jwt) => boolean)[] = [];
  if (source.algorithm !== undefined) {
    const test = compileGlobs(source.algorithm, true);
    lasting.push((jwt) => test(String(jwt.header.alg ?? '')));
  }
  if (source.notAlgorithm !== undefined) {
    const test = compileGlobs(source.notAlgorithm, true);
    lasting.push((jwt) => !test(String(jwt.header.alg ?? '')));
  }
  const { expired, notYetValid } = source;
  if (expired !== undefined)
    tests.push(
      (jwt, _token, facts) =>
        (seconds(jwt.claims.exp) !== null && facts.context.nowMs > seconds(jwt.claims.exp)! * 1000 + CLOCK_SKEW_MS) === expired,
    );
  if (notYetValid !== undefined) {
    tests.push((jwt, _token, facts) => {
      const starts = Math.max(seconds(jwt.claims.nbf) ?? 0, seconds(jwt.claims.iat) ?? 0) * 1000;
      return starts > facts.context.nowMs + CLOCK_SKEW_MS === notYetValid;
    });
  }
  if (source.lifetime !== undefined) {
    const above = durationMs(source.lifetime.above);
    lasting.push((jwt) => {
      const exp = seconds(jwt.claims.exp);
      const from = seconds(jwt.claims.iat) ?? seconds(jwt.claims.nbf);
      return exp !== null && from !== null && (exp - from) * 1000 > above;
    });
  }
  if (source.missingClaim !== undefined) {
    const claims = asList(source.missingClaim);
    lasting.push((jwt) => claims.some((claim) => claimValues(jwt.claims, claim).length === 0));
  }
  for (const part of ['claim', 'header'] as const) {
    const wanted = source[part];
    if (wanted === undefined) continue;
    const { name, ...rest } = wanted;
    const compiled = compileTests(rest, scope.at(part));
    lasting.push((jwt) => {
      const values = claimValues(part === 'claim' ? jwt.claims : jwt.header, name);
      return compiled.exists === false ? values.length === 0 : values.some(compiled.one);
    });
  }
  if (source.invalidSignature !== undefined) {
    const name = source.invalidSignature;
    const { keys } = scope.tools;
    if (!keys.has(name))
      scope.at('invalidSignature').fail('POLICY_VALUE', `there is no key set "${name}"`, {
        expected: keys.names().length === 0 ? 'a key set of the configuration (keySets)' : `one of ${keys.names().join(', ')}`,
        nearest: nearest(name, keys.names()) ?? undefined,
      });
    tests.push((_jwt, token) => keys.verifies(name, token.text) === false);
  }
  // Few tokens make most of the requests, and each is one object for as long as it is in use.
  const verdicts = new WeakMap<Jwt, boolean>();
  const lasts = (jwt: Jwt): boolean => {
    let verdict = verdicts.get(jwt);
    if (verdict === undefined) {
      verdict = lasting.every((test) => test(jwt));
      verdicts.set(jwt, verdict);
    }
    return verdict;
  };
  if (lasting.length > 0) tests.unshift(lasts);
  const { from, present, malformed } = source;
  const place =
    from?.cookie !== undefined
      ? ({ in: 'cookie', path: from.cookie } as const)
      : from?.query !== undefined
        ? ({ in: 'query', path: from.query } as const)
        : ({ in: 'header', path: from?.header?.toLowerCase() ?? 'authorization' } as const);
  return (facts, hit) => {
    const token = facts.token(from);
    const isJwt = token !== null && looksLikeJwt(token);
    if (present !== undefined && isJwt !== present) return NO;
    if (malformed !== undefined && (isJwt && token.jwt === null) !== malformed) return NO;
    if (tests.length > 0 && (token === null || token.jwt === null || !tests.every((test) => test(token.jwt!, token, facts)))) return NO;
    if (token !== null) hit.add({ ...place, value: token.text, phase: 'request' });
    return YES;
  };
}

const seconds = (claim: unknown): number | null => (typeof claim === 'number' && Number.isFinite(claim) ? claim : null);
