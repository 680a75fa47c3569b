/**
 * What policies cost: 200 policies with 1,000 rules, 2 KB of JSON both ways, one core.
 * Run: node --import tsx bench/policies.bench.ts
 */
import { bodyOf, headersOf } from '../exchange/index.js';
import {
  compilePolicies,
  contextOf,
  type FullPolicySet,
  loadLibrary,
  type PolicySource,
  type RequestView,
  type ResponseView,
} from '../policies/index.js';

const RULES: readonly object[] = [
  { when: { header: { name: 'x-debug', equals: 'on' } }, action: 'block' },
  { when: { query: { name: 'limit', above: 1000 } }, action: 'block' },
  { when: { body: { path: '$.user.role', equals: 'root' } }, action: 'block' },
  { phase: 'response', when: { data: { types: ['us_ssn', 'credit_card'] } }, action: 'redact' },
  { phase: 'response', when: { body: { field: 'password', exists: true } }, action: { redact: { style: 'drop' } } },
];

function policies(count: number, path: (index: number) => string): PolicySource[] {
  return Array.from({ length: count }, (_, index) => ({
    file: `p${index}.yaml`,
    origin: 'folder' as const,
    text: JSON.stringify({
      policy: `p${index}-${path(index).length}`,
      match: { path: path(index) },
      rules: RULES.map((rule, at) => ({ rule: `r${at}`, ...rule })),
    }),
  }));
}

function record(sensitive: boolean, index: number): object {
  return {
    id: index,
    name: `Customer ${index}`,
    city: 'Rotterdam',
    status: 'active',
    balance: 1200 + index,
    note: 'delivered at the back door',
    ...(sensitive ? { ssn: '536-22-8714', password: 'x' } : {}),
  };
}

function body(sensitive: boolean): Buffer {
  const items: object[] = [];
  for (let index = 0; Buffer.byteLength(JSON.stringify({ user: { role: 'user' }, items })) < 2000; index++)
    items.push(record(sensitive && index === 0, index));
  return Buffer.from(JSON.stringify({ user: { role: 'user' }, items }));
}

const headers = headersOf({
  host: 'api.example.com',
  accept: 'application/json',
  'content-type': 'application/json',
  'user-agent': 'bench',
  'x-request-id': '7',
});

function microseconds(set: FullPolicySet, template: string, sensitive: boolean): number {
  const payload = body(sensitive);
  const route = { service: 's', host: 'api.example.com', method: 'POST', template, tags: [] };
  const plan = set.plan(route);
  const once = (): void => {
    // New views each time: nothing that was decoded may be found again.
    const request: RequestView = {
      method: 'POST',
      scheme: 'https',
      host: 'api.example.com',
      target: `${template}?limit=10`,
      headers,
      body: bodyOf(payload),
    };
    const response: ResponseView = { status: 200, headers, body: bodyOf(payload) };
    const context = contextOf(
      { plan: () => plan },
      { nowMs: 0, route, mode: 'enforce', client: { ip: '198.51.100.7', port: 1 }, principal: null, exchangeId: 'x' },
    );
    set.onRequest(request, context);
    set.onResponse(request, response, context);
  };
  const rounds: number[] = [];
  for (let round = 0; round < 15; round++) {
    const start = process.cpuUsage();
    for (let index = 0; index < 2000; index++) once();
    const { user, system } = process.cpuUsage(start);
    rounds.push((user + system) / 2000);
  }
  return rounds.slice(5).sort((a, b) => a - b)[5];
}

const spread = compilePolicies(policies(200, (index) => `/service${index}/{id}`));
const twoHere = compilePolicies([...policies(198, (index) => `/service${index}/{id}`), ...policies(2, () => '/orders')]);
const parse = (() => {
  const text = body(false).toString();
  const start = process.cpuUsage();
  for (let index = 0; index < 20_000; index++) JSON.parse(text);
  return process.cpuUsage(start).user / 20_000;
})();
const library = compilePolicies(loadLibrary());
const print = (what: string, us: number, must = ''): void => console.log(`${what.padEnd(64)} ${us.toFixed(1).padStart(7)} µs ${must}`);
const compileStart = performance.now();
compilePolicies(policies(200, (index) => `/service${index}/{id}`));
print('compile 200 policies, 1,000 rules', (performance.now() - compileStart) * 1000);
print('JSON.parse of the 2 KB body, for scale', parse);
print('1,000 rules, none on the endpoint, both phases', microseconds(spread, '/orders', false), '(must: 60)');
print('1,000 rules, ten on the endpoint, nothing fires, both phases', microseconds(twoHere, '/orders', false), '(must: 200)');
print('1,000 rules, ten on the endpoint, four fire and redact', microseconds(twoHere, '/orders', true));
print(`built-in library (${library.policies.length} policies), clean, both phases`, microseconds(library, '/orders', false));
print(`built-in library (${library.policies.length} policies), an SSN to redact`, microseconds(library, '/orders', true));
