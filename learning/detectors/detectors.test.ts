import { readdirSync } from 'node:fs';
import t from 'tap';
import { type AccessVerdict, bodyOf, type Exchange, emptyBody, headersOf, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { DETECTORS, watchAll } from './index.js';

const reader = new PrincipalReader('test');
let serial = 0;

interface Shot {
  readonly method?: string;
  readonly template?: string;
  readonly ids?: string[];
  readonly user?: string | null;
  readonly claims?: Record<string, unknown>;
  readonly ip?: string;
  readonly agent?: string;
  readonly status?: number;
  readonly send?: unknown;
  readonly answer?: unknown;
  readonly padding?: number;
  readonly atMs?: number;
  readonly access?: AccessVerdict | null;
}

const foreign: AccessVerdict = {
  relation: 'foreign',
  confidence: 0.9,
  enforceable: true,
  location: { phase: 'request', in: 'path', path: '0' },
  resource: 'order',
  explanation: '',
};

function exchangeOfShot(shot: Shot): Exchange {
  serial++;
  const token =
    shot.claims === undefined
      ? `token-of-${shot.user}`
      : `eyJhbGciOiJub25lIn0.${Buffer.from(JSON.stringify(shot.claims)).toString('base64url')}.x`;
  const headers = headersOf({
    'user-agent': shot.agent ?? 'app',
    ...(shot.user === null ? {} : { authorization: `Bearer ${token}` }),
    ...(shot.send === undefined ? {} : { 'content-type': 'application/json' }),
  });
  const json = (value: unknown) => (value === undefined ? emptyBody : bodyOf(new TextEncoder().encode(JSON.stringify(value))));
  const answer = json(shot.answer);
  return exchangeOf({
    id: `e${serial}`,
    requestId: `r${serial}`,
    client: { ip: shot.ip ?? '192.0.2.1', port: 1 },
    startedAtMs: 1e12 + (shot.atMs ?? serial * 100),
    request: { method: shot.method ?? 'GET', target: '/x', headers, body: json(shot.send) },
    response: { status: shot.status ?? 200, body: shot.padding === undefined ? answer : { ...answer, totalLength: shot.padding } },
    principal: shot.user === null ? null : reader.read(headers, '/x'),
  });
}

/** What fires. `restartEvery`: after so many shots a new watch goes on with what the old one kept. */
function shots(list: readonly Shot[], restartEvery = Number.POSITIVE_INFINITY): string[] {
  let watch = watchAll();
  const kept = new Map<string, string>();
  const kinds: string[] = [];
  for (const [index, shot] of list.entries()) {
    if (index > 0 && index % restartEvery === 0) {
      for (const { key, value } of watch.checkpoint()) {
        if (value === null) kept.delete(key);
        else kept.set(key, value);
      }
      watch = watchAll();
      watch.restore([...kept].map(([key, value]) => ({ key, value })));
      t.same(watch.checkpoint(), []);
    }
    const exchange = exchangeOfShot(shot);
    const template = shot.template ?? '/orders/{id}';
    const found = watch.observe(
      {
        exchange,
        endpoint: { id: `${exchange.request.method} ${template}`, service: 's', method: exchange.request.method, template },
        pathParameters: shot.ids ?? [],
        dataHits: [],
      },
      shot.access ?? null,
    );
    for (const finding of found) kinds.push(finding.source.id);
    t.ok(found.every((finding) => finding.requestIds.includes(`r${serial}`) && finding.explanation.length > 10));
  }
  return [...new Set(kinds)].sort();
}

const many = (n: number, make: (i: number) => Shot): Shot[] => Array.from({ length: n }, (_, i) => make(i));

const TABLE: readonly [name: string, shots: Shot[], fires: string[]][] = [
  ['enumeration of foreign ids', many(10, (i) => ({ user: 'eve', ids: [`${100 + i}`], access: foreign })), ['enumeration']],
  ['own ids by the dozen are no enumeration', many(60, (i) => ({ user: 'ann', ids: [`${100 + i}`] })), []],
  ['two mistyped ids are no enumeration', many(12, (i) => ({ user: 'ann', ids: [`${i}`], status: i < 2 ? 404 : 200 })), []],
  [
    'a walk shared by many',
    many(24, (i) => ({ user: `eve${i % 8}`, ids: [`${100 + i * 2}`], access: foreign })),
    ['distributed-enumeration'],
  ],
  [
    'credential stuffing',
    many(14, (i) => ({ method: 'POST', template: '/login', user: null, status: 401, send: { email: `u${i}@x.test`, password: 'p' } })),
    ['credential-stuffing'],
  ],
  [
    'one person who forgot the password',
    many(14, () => ({ method: 'POST', template: '/login', user: null, status: 401, send: { email: 'u@x.test', password: 'p' } })),
    [],
  ],
  ['guessed tokens', many(10, (i) => ({ user: `guess-${i}`, status: 401 })), ['token-guessing']],
  ['one expired token', many(10, () => ({ user: 'ann', status: 401 })), []],
  [
    'answered without a credential',
    [...many(25, (i) => ({ user: `u${i}` })), { user: null, status: 401 }, { user: null, status: 200 }],
    ['unauthenticated-success'],
  ],
  ['a public endpoint', [...many(25, (i) => ({ user: `u${i}` })), ...many(5, () => ({ user: null }))], []],
  [
    'mass assignment',
    [
      ...many(24, (i) => ({ method: 'PATCH', user: `u${i % 6}`, send: { name: 'n' }, answer: { name: 'n' } })),
      { method: 'PATCH', user: 'u1', send: { role: 'admin' }, answer: { name: 'n', role: 'admin' } },
    ],
    ['mass-assignment'],
  ],
  [
    'an unknown field that is ignored',
    [
      ...many(24, (i) => ({ method: 'PATCH', user: `u${i % 6}`, send: { name: 'n' }, answer: { name: 'n' } })),
      { method: 'PATCH', user: 'u1', send: { role: 'admin' }, answer: { name: 'n', role: 'user' } },
    ],
    [],
  ],
  [
    'a huge answer',
    [...many(60, (i) => ({ user: `u${i}`, answer: { a: 1 }, padding: 900 })), { user: 'u1', answer: { a: 1 }, padding: 900_000 }],
    ['size-anomaly'],
  ],
  [
    'one session in two places',
    many(8, (i) => ({ user: 'ann', ip: i % 2 === 0 ? '192.0.2.1' : '198.51.100.1', agent: i % 2 === 0 ? 'phone' : 'curl' })),
    ['token-misuse'],
  ],
  ['a phone that changes networks', many(8, (i) => ({ user: 'ann', ip: i % 2 === 0 ? '192.0.2.1' : '198.51.100.1' })), []],
  ['a token without a signature', [{ user: 'x', claims: { sub: 'ann' } }], ['token-misuse']],
  [
    'a skipped step',
    [
      ...Array.from({ length: 80 }, (_, i): Shot[] => [
        { template: '/a', user: `u${i % 20}` },
        { template: '/b', user: `u${i % 20}` },
        { template: '/c', user: `u${i % 20}` },
        { method: 'POST', template: '/basket', user: `u${i % 20}` },
        { method: 'POST', template: '/pay', user: `u${i % 20}` },
      ]).flat(),
      ...many(8, () => ({ template: '/a', user: 'eve' })),
      { method: 'POST', template: '/pay', user: 'eve' },
    ] as Shot[],
    ['call-order'],
  ],
];

for (const [name, list, fires] of TABLE)
  t.test(name, async (t) => {
    t.same(shots(list), fires);
    // What follows from the last seconds alone is not worth keeping.
    if (fires[0] === 'token-misuse' || fires[0] === 'call-order') return;
    t.same(shots(list, 3), fires, 'also when it restarts all the time');
  });

t.test('a walk shared by many, while others mistype: what is no step of it is not told of', async (t) => {
  const watch = watchAll();
  const endpoint = { id: 'GET /orders/{id}', service: 's', method: 'GET', template: '/orders/{id}' };
  const told = { walk: 0, mistyped: 0 };
  for (let n = 0; n < 90; n++) {
    const isMistyped = n % 3 === 2;
    const exchange = exchangeOfShot(isMistyped ? { user: `ann${n}`, status: 404 } : { user: `eve${n % 8}` });
    const id = isMistyped ? 90_000 - n * 40 : 100 + n * 2;
    const found = watch.observe({ exchange, endpoint, pathParameters: [`${id}`], dataHits: [] }, isMistyped ? null : foreign);
    if (found.some((one) => one.source.id === 'distributed-enumeration')) told[isMistyped ? 'mistyped' : 'walk']++;
  }
  t.equal(told.mistyped, 0);
  t.ok(told.walk >= 40, `${told.walk} of 60 steps`);
});

t.test('a new path template takes what is remembered of the endpoint along', async (t) => {
  const watch = watchAll();
  const endpoint = (template: string) => ({ id: `GET ${template}`, service: 's', method: 'GET', template });
  const look = (template: string, user: string | null, status: number) =>
    watch.observe({ exchange: exchangeOfShot({ user, status }), endpoint: endpoint(template), pathParameters: [], dataHits: [] }, null);
  for (let n = 0; n < 25; n++) look('/people/ada', `u${n}`, 200);
  look('/people/ada', null, 401);
  watch.rename(endpoint('/people/ada'), endpoint('/people/{name}'));
  t.same(
    look('/people/{name}', null, 200).map((one) => one.kind),
    ['auth.missing'],
  );
  const kept = new Map(watch.checkpoint().map(({ key, value }) => [key, value]));
  t.type(kept.get('s|unauthenticated-success|GET /people/{name}'), 'string');
  t.equal(kept.get('s|unauthenticated-success|GET /people/ada'), null);
});

t.test('memory is bounded whoever comes: the least recently used is forgotten, counted, and leaves the checkpoint', async (t) => {
  const watch = watchAll({}, 200);
  const kept = new Set<string>();
  for (let n = 0; n < 3000; n++) {
    const exchange = exchangeOfShot({ user: `u${n}`, status: 404, ip: `10.0.${n >> 8}.${n & 255}` });
    watch.observe(
      {
        exchange,
        endpoint: { id: `e${n % 900}`, service: 's', method: 'GET', template: '/x/{id}' },
        pathParameters: [`${n}`],
        dataHits: [],
      },
      null,
    );
    if (n % 50 !== 0) continue;
    for (const { key, value } of watch.checkpoint()) {
      if (value === null) kept.delete(key);
      else kept.add(key);
    }
  }
  const stats = watch.stats();
  for (const of of ['actor', 'endpoint', 'actor-at-endpoint', 'address']) t.ok(stats[of] <= 200, `${stats[of]} of ${of}`);
  t.ok(stats.forgotten > 5000);
  t.ok(kept.size <= 3 * 200 + 10, `${kept.size} entries are kept`);
});

t.test('every detector file is on the list', async (t) => {
  const files = readdirSync(new URL('.', import.meta.url)).filter(
    (file) => /^[a-z-]+\.ts$/.test(file) && !['index.ts', 'types.ts', 'window.ts', 'watch.ts', 'subjects.ts', 'records.ts'].includes(file),
  );
  t.same(files.map((file) => file.replace('.ts', '')).sort(), DETECTORS.map((one) => one.id).sort());
});
