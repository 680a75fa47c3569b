/**
 * What policies cost: 200 policies with 1,000 rules, 2 KB of JSON both ways, one core.
 * Run: node --import tsx bench/policies.bench.ts
 */
import { bodyOf, headersOf } from '../exchange/index.js';
import {
  compileInTurns,
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
/** CPU time of what is done once, and the longest time for which it kept the thread from other work. */
async function once(what: string, run: () => Promise<FullPolicySet>): Promise<FullPolicySet> {
  let longestMs = 0;
  let lastMs = performance.now();
  let isDone = false;
  const turn = (): void => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    if (!isDone) setImmediate(turn);
  };
  turn();
  const start = process.cpuUsage();
  const set = await run();
  const { user, system } = process.cpuUsage(start);
  longestMs = Math.max(longestMs, performance.now() - lastMs);
  isDone = true;
  console.log(
    `${what.padEnd(64)} ${((user + system) / 1000).toFixed(1).padStart(7)} ms, longest turn ${longestMs.toFixed(1)} ms by the clock`,
  );
  return set;
}

const files = [...loadLibrary(), ...policies(200, (index) => `/service${index}/{id}`)];
const options = { redactor: library.options.redactor, keys: library.options.keys };
let inForce = await once('compile the library and 200 policies with 1,000 rules', () => compileInTurns(files, options, null));
for (let round = 0; round < 3; round++) {
  const changed = files.map((file, index) => (index === 100 ? { ...file, text: `${file.text} # ${round}` } : file));
  inForce = await once('reload, one file of them changed', () => compileInTurns(changed, options, inForce));
}
print('JSON.parse of the 2 KB body, for scale', parse);
print('1,000 rules, none on the endpoint, both phases', microseconds(spread, '/orders', false), '(must: 60)');
print('1,000 rules, ten on the endpoint, nothing fires, both phases', microseconds(twoHere, '/orders', false), '(must: 200)');
print('1,000 rules, ten on the endpoint, four fire and redact', microseconds(twoHere, '/orders', true));
print(`built-in library (${library.policies.length} policies), clean, both phases`, microseconds(library, '/orders', false));
print(`built-in library (${library.policies.length} policies), an SSN to redact`, microseconds(library, '/orders', true));
