import { isDeepStrictEqual } from 'node:util';
import {
  bodyOf,
  emptyBody,
  type HeaderList,
  header,
  headersOf,
  type Location,
  type Principal,
  PrincipalReader,
  splitTarget,
} from '../../exchange/index.js';
import type { PolicyCase } from '../language/schema.js';
import type { ParsedPolicy } from '../language/source.js';
import { durationMs } from '../language/units.js';
import type { Decision, RequestView, ResponseView } from '../types.js';
import { STRENGTH } from './actions.js';
import { TokenBuckets } from './buckets.js';
import { contextOf, LocalRates } from './context.js';
import { compilePolicies, type FullPolicySet } from './set.js';
import { asList } from './values.js';

/** How one case of a policy went. */
export interface CaseResult {
  readonly policy: string;
  readonly case: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly passed: boolean;
  /** Why it failed, one sentence each. */
  readonly failures: readonly string[];
}

const START_MS = Date.parse('2026-06-01T12:00:00Z');
const reader = new PrincipalReader('cases');

/**
 * Runs the cases of every policy in the set, each policy by itself, in a service that enforces. A policy that is off or observes is tested as if it
 * enforced: cases show what it would do.
 */
export function runCases(set: FullPolicySet): CaseResult[] {
  return set.documents.flatMap((parsed) => {
    const { cases } = parsed.document;
    if (cases === undefined) return [];
    const overrides = new Map(
      [parsed.document.policy, ...parsed.document.rules.map(({ rule }) => `${parsed.document.policy}/${rule}`)].map((name) => [
        name,
        { mode: 'enforce', rollout: 100 } as const,
      ]),
    );
    const alone = compilePolicies([onlyDocument(parsed)], { ...set.options, overrides });
    return cases.map((one, index) => runCase(alone, parsed, one, index));
  });
}

/** A file may hold several policies: the others are switched off by leaving them out. */
function onlyDocument(parsed: ParsedPolicy): ParsedPolicy['source'] {
  return { ...parsed.source, text: JSON.stringify(parsed.document) };
}

function runCase(set: FullPolicySet, parsed: ParsedPolicy, one: PolicyCase, index: number): CaseResult {
  const failures: string[] = [];
  const counters = { rates: new LocalRates(), buckets: new TokenBuckets() };
  const times = one.times ?? 1;
  const everyMs = one.every === undefined ? 1000 : durationMs(one.every);
  let decisions: Outcome | null = null;
  for (let time = 0; time < times; time++)
    decisions = play(set, one, counters, (one.context?.at === undefined ? START_MS : Date.parse(one.context.at)) + time * everyMs);
  if (decisions === null) return place(parsed, one, index, ['the case was never played']);
  const { first, second } = decisions;
  const fired = [...new Set([...first.acts, ...(second?.acts ?? [])].map((act) => act.rule))].sort();
  const expected = [...new Set(one.fires)].sort();
  if (!isDeepStrictEqual(fired, expected)) failures.push(`fired [${fired.join(', ')}], expected [${expected.join(', ')}]`);
  const action = second !== null && STRENGTH[second.action] > STRENGTH[first.action] ? second.action : first.action;
  if (one.action !== undefined && action !== one.action) failures.push(`the action is ${action}, expected ${one.action}`);
  if (one.after !== undefined) failures.push(...compareAfter(one, decisions));
  return place(parsed, one, index, failures);
}

function place(parsed: ParsedPolicy, one: PolicyCase, index: number, failures: readonly string[]): CaseResult {
  const { line, column, file } = parsed.problem('POLICY_VALUE', ['cases', index], '');
  return { policy: parsed.document.policy, case: one.case, file, line, column, passed: failures.length === 0, failures };
}

interface Counters {
  readonly rates: LocalRates;
  readonly buckets: TokenBuckets;
}

interface Outcome {
  readonly first: Decision;
  readonly second: Decision | null;
  readonly request: RequestView;
  readonly response: ResponseView | null;
}

function play(set: FullPolicySet, one: PolicyCase, { rates, buckets }: Counters, nowMs: number): Outcome {
  const given = one.context ?? {};
  const request = requestOf(one);
  const template = given.template === undefined ? splitTarget(request.target).path : given.template;
  const location: Location = { phase: 'request', in: 'path', path: '0' };
  const { access } = given;
  const context = contextOf(set, {
    nowMs,
    route: { service: given.service ?? 'service', host: request.host, method: request.method, template, tags: given.tags ?? [] },
    mode: 'enforce',
    client: { ip: given.client ?? '198.51.100.7', port: 40_000 },
    principal: given.principal === undefined ? reader.read(request.headers, request.target) : principalOf(given.principal),
    exchangeId: 'case',
    country: given.country,
    asn: given.asn,
    actorScore: given.actorScore,
    access: () => (access === undefined ? null : { ...access, location, resource: 'object', explanation: 'Given by the case.' }),
    schemaViolations: () => given.schemaViolations ?? [],
    anomalies: () => given.anomalies ?? [],
    rate: (key, windowMs) => rates.hit(key, windowMs, nowMs),
    take: (key, limit) => buckets.take(key, limit, nowMs),
  });
  const first = set.evaluate('all', request, null, context);
  const response = one.response === undefined ? null : { status: one.response.status ?? 200, ...messageOf(one.response) };
  const ends = STRENGTH[first.action] >= STRENGTH.throttle;
  return { first, second: ends || response === null ? null : set.evaluate('all', request, response, context), request, response };
}

function requestOf(one: PolicyCase): RequestView {
  const given = one.request ?? {};
  const { headers, body } = messageOf(given);
  return {
    method: given.method ?? 'GET',
    scheme: 'https',
    host: given.host ?? 'api.example.com',
    target: given.target ?? '/',
    headers,
    body,
  };
}

type Given = NonNullable<PolicyCase['request'] | PolicyCase['response']>;

function messageOf(given: Given): { headers: HeaderList; body: RequestView['body'] } {
  const headers = [...headersOf(given.headers ?? {})];
  const typed = (type: string, content: string | Buffer): { headers: HeaderList; body: RequestView['body'] } => {
    if (header(headers, 'content-type') === null) headers.push('content-type', type);
    return { headers, body: bodyOf(typeof content === 'string' ? Buffer.from(content, 'utf8') : content) };
  };
  if (given.json !== undefined) return typed('application/json', JSON.stringify(given.json));
  if (given.form !== undefined) return typed('application/x-www-form-urlencoded', new URLSearchParams(given.form).toString());
  if (given.text !== undefined) return typed('text/plain', given.text);
  if (given.base64 !== undefined) return typed('application/octet-stream', Buffer.from(given.base64, 'base64'));
  return { headers, body: emptyBody };
}

function principalOf(given: NonNullable<NonNullable<PolicyCase['context']>['principal']> | null): Principal | null {
  if (given === null) return null;
  return {
    key: given.key,
    kind: (given.kind ?? 'jwt') as Principal['kind'],
    carrier: 'header:authorization',
    label: given.key,
    claims: given.claims,
  };
}

function compareAfter(one: PolicyCase, { first, second, request, response }: Outcome): string[] {
  const failures: string[] = [];
  const decision = second ?? first;
  const message = second === null ? request : response!;
  const body = decision.mutation?.body ?? message.body?.bytes ?? new Uint8Array(0);
  const text = Buffer.from(body).toString('utf8');
  const removed = new Set(decision.mutation?.removeHeaders ?? []);
  const headers = [
    ...message.headers.filter((_, index) => !removed.has(message.headers[index & ~1].toLowerCase())),
    ...(decision.mutation?.setHeaders ?? []).flat(),
  ];
  const { json, contains, lacks, lacksHeader } = one.after ?? {};
  if (json !== undefined) {
    try {
      if (!isDeepStrictEqual(JSON.parse(text), json)) failures.push(`the body is ${text.slice(0, 500)}`);
    } catch {
      failures.push(`the body is no JSON: ${text.slice(0, 500)}`);
    }
  }
  for (const piece of contains === undefined ? [] : asList(contains))
    if (!text.includes(piece)) failures.push(`the body does not hold "${piece}": ${text.slice(0, 500)}`);
  for (const piece of lacks === undefined ? [] : asList(lacks)) if (text.includes(piece)) failures.push(`the body still holds "${piece}"`);
  for (const name of lacksHeader === undefined ? [] : asList(lacksHeader))
    if (header(headers, name.toLowerCase()) !== null) failures.push(`the header ${name} is still there`);
  return failures;
}
