/**
 * What inline detection of attacks costs a request, one core, in µs of CPU: median and best of 15 rounds.
 * Run: node --import tsx bench/attacks.bench.ts
 */
import { cookies, headersOf, mediaType, queryPairs, splitTarget } from '../exchange/index.js';
import { attackDetector } from '../policies/attacks/index.js';
import type { AttackInput } from '../policies/index.js';

const ROUNDS = 15;
const detector = attackDetector();
const headers = (type: string | null): readonly string[] =>
  headersOf({
    host: 'api.example.com',
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    accept: 'application/json',
    'accept-encoding': 'gzip, br',
    'x-request-id': '550e8400-e29b-41d4-a716-446655440000',
    ...(type === null ? {} : { 'content-type': type }),
  });

/** The engine parses target and body once for all rules, so that is not part of what is measured. */
function request(target: string, type: string | null = null, text = '', value: unknown = undefined): AttackInput {
  const { path, query } = splitTarget(target);
  const list = headers(type);
  return {
    method: type === null ? 'GET' : 'POST',
    path,
    query: queryPairs(query),
    headers: list,
    cookies: cookies(list),
    mediaType: mediaType(list),
    text: () => text,
    body: () => value,
    principal: null,
  };
}

const json = (value: unknown): AttackInput => request('/api/orders', 'application/json', JSON.stringify(value), value);
const prose = 'You can order until noon, and we will bring it to your door the same day; it is free of charge if you live in the city. '
  .repeat(9)
  .slice(0, 1024);
const record = {
  id: '550e8400-e29b-41d4-a716-446655440000',
  customer: { name: "Mary O'Brien", email: 'mary@example.org', phone: '+49 30 901820', city: 'Rotterdam', street: 'Coolsingel 40' },
  createdAt: '2026-03-04T05:06:07Z',
  items: Array.from({ length: 8 }, (_, index) => ({
    sku: `SKU-${1000 + index}`,
    title: `Garden chair, oak, size ${index}`,
    quantity: index,
    price: 19.99,
    tags: ['garden', 'wood'],
  })),
}; // prettier-ignore
const cases: readonly (readonly [string, AttackInput])[] = [
  ['GET with 3 parameters', request('/api/orders/81723?status=open&sort=-created&q=garden%20chair')],
  [`JSON record, ${JSON.stringify(record).length} bytes`, json(record)],
  ['JSON, one prose field of 1 KiB', json({ comment: prose })],
  [
    'JSON, markdown with code',
    json({
      body: `# How to\n\n${prose.slice(0, 500)}\n\n\`\`\`sh\ncat /etc/hosts | grep local && npm test\n\`\`\`\n\n${prose.slice(0, 400)}`,
    }),
  ],
  ['attack in a parameter', request("/api/orders?q=x'%20or%20'a'='a")],
]; // prettier-ignore

for (const [name, input] of cases) {
  const runs = 2000;
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let run = 0; run < runs; run++) detector.detect(input, { paranoia: 1 });
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / runs);
  }
  costs.sort((a, b) => a - b);
  process.stdout.write(`${name}: ${costs[ROUNDS >> 1].toFixed(1)} µs (best ${costs[0].toFixed(1)})\n`);
}
