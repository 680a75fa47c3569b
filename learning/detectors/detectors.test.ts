import { readdirSync } from 'node:fs';
import t from 'tap';
import { type AccessVerdict, bodyOf, type Exchange, emptyBody, headersOf, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { DETECTORS, watchAll } from './index.js';

const reader = new PrincipalReader('test');
let serial = 0;
/** The first moment of a minute. */
const START = 1_000_000_020_000;
const MINUTE = 60_000;
/** Rates in tests are small, so that there need not be thousands of requests. */
const SETTINGS = { 'rate-anomaly': { atLeast: 40 } };

interface Shot {
  readonly method?: string;
  readonly template?: string;
  readonly ids?: string[];
  readonly user?: string | null;
  /** An API key instead of a token. */
  readonly key?: string;
  readonly claims?: Record<string, unknown>;
  /** Of the token with those claims. */
  readonly alg?: string;
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
      : `${[{ alg: shot.alg ?? 'HS256' }, shot.claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.x`;
  const headers = headersOf({
    'user-agent': shot.agent ?? 'app',
    ...(shot.user === null ? {} : shot.key === undefined ? { authorization: `Bearer ${token}` } : { 'x-api-key': shot.key }),
    ...(shot.send === undefined ? {} : { 'content-type': 'application/json' }),
  });
  const json = (value: unknown) => (value === undefined ? emptyBody : bodyOf(new TextEncoder().encode(JSON.stringify(value))));
  const answer = json(shot.answer);
  return exchangeOf({
    id: `e${serial}`,
    requestId: `r${serial}`,
    client: { ip: shot.ip ?? '192.0.2.1', port: 1 },
    startedAtMs: START + (shot.atMs ?? serial * 100),
    request: { method: shot.method ?? 'GET', target: '/x', headers, body: json(shot.send) },
    response: { status: shot.status ?? 200, body: shot.padding === undefined ? answer : { ...answer, totalLength: shot.padding } },
    principal: shot.user === null ? null : reader.read(headers, '/x'),
  });
}

/** One sentence with the numbers. */
const isSentence = (text: string): boolean => /\d/.test(text) && text.split(' ').length >= 6 && !/[.!?] [A-Z]/.test(text);

/** What fires. `restartEvery`: after so many shots a new watch goes on with what the old one kept. */
function shots(list: readonly Shot[], restartEvery = Number.POSITIVE_INFINITY): string[] {
  let watch = watchAll(SETTINGS);
  const kept = new Map<string, string>();
  const kinds: string[] = [];
  for (const [index, shot] of list.entries()) {
    if (index > 0 && index % restartEvery === 0) {
      for (const { key, value } of watch.checkpoint()) {
        if (value === null) kept.delete(key);
        else kept.set(key, value);
      }
      watch = watchAll(SETTINGS);
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
    t.ok(found.every((finding) => finding.requestIds.includes(`r${serial}`) && isSentence(finding.explanation)));
  }
  return [...new Set(kinds)].sort();
}

const many = (n: number, make: (i: number) => Shot): Shot[] => Array.from({ length: n }, (_, i) => make(i));

/** So many people of one role use an operation once each. */
const role = (name: string, people: number, method: string, template: string): Shot[] =>
  many(people, (i) => ({ method, template, claims: { sub: `${name}${i}`, role: name } }));
const page = (records: number): Shot => ({ template: '/items', answer: { items: Array.from({ length: records }, (_, id) => ({ id })) } });
/** People who each read one page, and another ten minutes later. */
const readers = (people: number, records: number): Shot[] =>
  [0, 600_000].flatMap((from) => many(people, (i) => ({ ...page(records), user: `reader${i}`, atMs: from + i * 1000 })));
/** People who each send so many requests in each of two minutes. */
const calls = (people: number, each: number): Shot[] =>
  [0, 60_000].flatMap((from) =>
    many(people * each, (i) => ({ user: `u${i % people}`, atMs: from + Math.floor((i * 59_000) / (people * each)) })),
  );

const TABLE: readonly [name: string, shots: Shot[], fires: string[]][] = [
  ['enumeration of foreign ids', many(10, (i) => ({ user: 'eve', ids: [`${100 + i}`], access: foreign })), ['enumeration']],
  [
    'enumeration of one id in four minutes',
    many(14, (i) => ({ user: 'eve', ids: [`${100 + i}`], atMs: i * 240_000, status: 404 })),
    ['enumeration'],
  ],
  [
    'enumeration in no order, by an address alone',
    many(10, (i) => ({ user: null, ids: [`${(i * 7919) % 1000}`], status: 404 })),
    ['enumeration'],
  ],
  ['seven stale links in a morning of work', many(60, (i) => ({ user: 'ann', ids: [`${100 + i}`], status: i % 9 === 0 ? 404 : 200 })), []],
  [
    'support staff at anybody’s',
    many(40, (i) => ({ user: 'support', ids: [`${100 + i}`], access: { ...foreign, relation: 'privileged' } })),
    [],
  ],
  ['own ids by the dozen are no enumeration', many(60, (i) => ({ user: 'ann', ids: [`${100 + i}`] })), []],
  ['two mistyped ids are no enumeration', many(12, (i) => ({ user: 'ann', ids: [`${i}`], status: i < 2 ? 404 : 200 })), []],
  [
    'a walk shared by many',
    many(24, (i) => ({ user: `eve${i % 8}`, ids: [`${100 + i * 2}`], access: foreign })),
    ['distributed-enumeration'],
  ],
  ['many who each mistype an id somewhere', many(24, (i) => ({ user: `u${i}`, ids: [`${(i * 7919) % 100_000}`], status: 404 })), []],
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
  [
    'an office behind one address, where most sign in at once',
    many(40, (i) => ({
      method: 'POST',
      template: '/login',
      user: null,
      status: i % 3 === 0 ? 401 : 200,
      send: { email: `u${i}@x.test`, password: 'p' },
    })),
    [],
  ],
  ['guessed tokens', many(10, (i) => ({ user: `guess-${i}`, status: 401 })), ['token-guessing']],
  ['one expired token', many(10, () => ({ user: 'ann', status: 401 })), []],
  [
    'answered without a credential',
    [...many(25, (i) => ({ user: `u${i}` })), { user: null, status: 401 }, { user: null, status: 200 }],
    ['unauthenticated-success'],
  ],
  [
    'a place that never answers without one',
    [...many(25, (i) => ({ user: `u${i}` })), ...many(5, () => ({ user: null, status: 401 }))],
    [],
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
    'a field that clients begin to send and that is theirs to send',
    many(60, (i) => ({
      method: 'PATCH',
      user: `u${i % 6}`,
      send: i < 5 ? { name: 'n', color: 'red' } : { name: 'n' },
      answer: { name: 'n', color: 'red' },
    })),
    [],
  ],
  [
    'an operation of admins in the hands of a customer',
    [
      ...role('customer', 20, 'GET', '/orders'),
      ...role('admin', 14, 'DELETE', '/users/{id}'),
      ...role('customer', 1, 'DELETE', '/users/{id}'),
    ],
    ['unusual-function'],
  ],
  [
    'an operation of admins that refuses a customer',
    [
      ...role('customer', 20, 'GET', '/orders'),
      ...role('admin', 14, 'DELETE', '/users/{id}'),
      ...role('customer', 1, 'DELETE', '/users/{id}').map((shot) => ({ ...shot, status: 403 })),
    ],
    [],
  ],
  [
    'a new role at its first work',
    [
      ...role('customer', 20, 'GET', '/orders'),
      ...role('admin', 14, 'DELETE', '/users/{id}'),
      ...role('auditor', 3, 'DELETE', '/users/{id}'),
    ],
    [],
  ],
  [
    'what every role does',
    [...role('admin', 14, 'GET', '/orders'), ...role('customer', 20, 'GET', '/orders'), ...role('admin', 14, 'GET', '/orders')],
    [],
  ],
  [
    'records by the thousand',
    [...readers(12, 20), ...many(60, (i) => ({ ...page(60), user: 'eve', atMs: 900_000 + i * 500 }))],
    ['scraping'],
  ],
  [
    'a page of records now and then',
    [...readers(12, 20), ...many(60, (i) => ({ ...page(60), user: 'ann', atMs: 900_000 + i * 60_000 }))],
    [],
  ],
  [
    'many records where everybody takes as many',
    [...readers(12, 400), ...many(5, (i) => ({ ...page(400), user: 'ann', atMs: 900_000 + i * 500 }))],
    [],
  ],
  ['sixty requests in a minute', [...calls(25, 4), ...many(60, (i) => ({ user: 'eve', atMs: 5 * MINUTE + i * 900 }))], ['rate-anomaly']],
  ['sixty requests in a quarter of an hour', [...calls(25, 4), ...many(60, (i) => ({ user: 'ann', atMs: 5 * MINUTE + i * 15_000 }))], []],
  [
    'a batch job that always sends nearly as many',
    [
      ...calls(25, 4),
      ...many(5 * 39, (i) => ({ user: 'job', atMs: (5 + Math.floor(i / 39)) * MINUTE + (i % 39) * 900 })),
      ...many(60, (i) => ({ user: 'job', atMs: 10 * MINUTE + i * 900 })),
    ],
    [],
  ],
  ['a busy minute of everybody', [...calls(25, 10), ...many(60, (i) => ({ user: 'ann', atMs: 5 * MINUTE + i * 900 }))], []],
  [
    'a large answer where answers are large',
    [...many(60, (i) => ({ user: `u${i}`, answer: { a: 1 }, padding: 90_000 })), { user: 'u1', answer: { a: 1 }, padding: 900_000 }],
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
  [
    'one token of a person in two places',
    many(8, (i) => ({
      claims: { sub: 'ann', jti: 1 },
      ip: i % 2 === 0 ? '192.0.2.1' : '198.51.100.1',
      agent: i % 2 === 0 ? 'phone' : 'curl',
    })),
    ['token-misuse'],
  ],
  [
    'a person with a telephone and a computer, each with its own token',
    many(8, (i) => ({
      claims: { sub: 'ann', jti: i % 2 },
      ip: i % 2 === 0 ? '192.0.2.1' : '198.51.100.1',
      agent: i % 2 === 0 ? 'phone' : 'pc',
    })),
    [],
  ],
  [
    'a key that two machines share',
    many(8, (i) => ({ key: 'k-1', ip: i % 2 === 0 ? '192.0.2.1' : '198.51.100.1', agent: i % 2 === 0 ? 'batch' : 'cron' })),
    [],
  ],
  ['a token without a signature', [{ claims: { sub: 'ann' }, alg: 'none' }], ['token-misuse']],
  ['a token without a signature that is refused', [{ claims: { sub: 'ann' }, alg: 'none', status: 401 }], []],
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
  [
    'a step that some skip',
    [
      ...Array.from({ length: 80 }, (_, i): Shot[] => [
        { template: '/a', user: `u${i % 20}` },
        ...(i % 5 === 0 ? [] : [{ method: 'POST', template: '/basket', user: `u${i % 20}` }]),
        ...many(13, () => ({ template: '/b', user: `u${i % 20}` })).slice(0, i % 5 === 0 ? 13 : 2),
        { method: 'POST', template: '/pay', user: `u${i % 20}` },
      ]).flat(),
      ...many(8, (i) => ({ template: i < 6 ? '/a' : '/b', user: 'eve' })),
      { method: 'POST', template: '/pay', user: 'eve' },
    ] as Shot[],
    [],
  ],
];

for (const [name, list, fires] of TABLE)
  t.test(name, async (t) => {
    t.same(shots(list), fires);
    // What follows from the last seconds or minutes alone is not worth keeping.
    if (['token-misuse', 'call-order', 'scraping', 'rate-anomaly'].includes(fires[0]) || list.length > 250) return;
    t.same(shots(list, Math.max(3, list.length >> 3)), fires, 'also when it restarts all the time');
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

t.test('sentences name the step that was skipped, and the role', async (t) => {
  const told = (list: readonly Shot[]): string[] => {
    const watch = watchAll(SETTINGS);
    return list.flatMap((shot) => {
      const exchange = exchangeOfShot(shot);
      const { method } = exchange.request;
      const template = shot.template ?? '/x';
      const endpoint = { id: `id of ${method} ${template}`, service: 's', method, template };
      return watch.observe({ exchange, endpoint, pathParameters: [], dataHits: [] }, null).map(({ explanation }) => explanation);
    });
  };
  const shop = many(450, (i): Shot => {
    const template = ['/a', '/b', '/basket', '/c', '/pay'][i % 5];
    return { template, method: i % 5 === 2 || i % 5 === 4 ? 'POST' : 'GET', user: `u${Math.floor(i / 5) % 18}` };
  });
  t.same(told([...shop, ...many(8, () => ({ template: '/a', user: 'eve' })), { method: 'POST', template: '/pay', user: 'eve' }]), [
    'Done without POST /basket, which came before it in 90 of 90 cases by 18 callers',
  ]);
  const roles = [
    ...role('customer', 20, 'GET', '/orders'),
    ...role('admin', 14, 'DELETE', '/users/{id}'),
    ...role('customer', 1, 'DELETE', '/users/{id}'),
  ];
  t.same(told(roles), ['None of 20 callers with role="customer" had used this operation before; its 14 earlier uses were by 1 other role']);
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
