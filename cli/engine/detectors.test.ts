import path from 'node:path';
import t from 'tap';
import { bodyOf, decodeBatch, type Exchange, encodeExchange, headersOf, newId, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { createSharedState, type TrafficStats } from '../../traffic/index.js';
import { loadConfig } from '../config.js';
import { openConfiguredStore, runEngine } from './run.js';

const START = 1_700_000_000_000;
const MINUTE = 60_000;
const STATS: TrafficStats = { published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0, filled: 0 };
const reader = new PrincipalReader('test');

interface Call {
  readonly at: number;
  readonly target: string;
  readonly method?: string;
  readonly user?: string | null;
  readonly ip?: string;
  readonly agent?: string;
  readonly status?: number;
  readonly send?: unknown;
  readonly answer?: unknown;
}

function exchange(call: Call): Exchange {
  const json = (value: unknown) => bodyOf(Buffer.from(value === undefined ? '' : JSON.stringify(value)));
  const headers = headersOf({
    'user-agent': call.agent ?? 'app',
    'content-type': call.send === undefined ? undefined : 'application/json',
    authorization: call.user == null ? undefined : `Bearer opaque-token-of-${call.user}`,
  });
  const id = newId(START + call.at);
  return exchangeOf({
    id,
    requestId: id,
    observer: { kind: 'sensor', id: 's' },
    client: { ip: call.ip ?? '192.0.2.7', port: 1 },
    startedAtMs: START + call.at,
    principal: reader.read(headers, call.target),
    request: { method: call.method ?? 'GET', target: call.target, headers, body: json(call.send) },
    response: { status: call.status ?? 200, headers: ['Content-Type', 'application/json'], body: json(call.answer ?? { ok: true }) },
  });
}

const times = (count: number, make: (n: number) => Call | readonly Call[]): Call[] =>
  Array.from({ length: count }, (_, n) => make(n)).flat();
const records = (count: number): object => ({ items: Array.from({ length: count }, (_, n) => ({ id: n, name: 'n' })) });

/** Twenty-five people use a shop for half an hour: lists, orders, basket and payment. */
const usual = times(30, (minute) =>
  times(25, (user): Call[] => {
    const who = { user: `u${user}`, ip: `198.51.100.${user}` };
    const at = minute * MINUTE + user * 1000;
    return [
      { ...who, at, target: '/items?page=1', answer: records(20) },
      { ...who, at: at + 100, target: '/profile', answer: { name: 'n', city: 'c' } },
      { ...who, at: at + 200, target: '/news', answer: records(2) },
      ...(minute % 6 === 0
        ? [
            { ...who, at: at + 300, target: '/basket', method: 'POST', send: { sku: 'a' } },
            { ...who, at: at + 400, target: '/payments', method: 'POST', send: { amount: 1 }, status: 201 },
          ]
        : []),
      { ...who, at: at + 500, target: '/profile', method: 'PATCH', send: { city: 'c' }, answer: { name: 'n', city: 'c' } },
    ];
  }),
);
const then = 31 * MINUTE;

/** What each detector must notice, in the half an hour after. */
const ATTACKS: readonly [kind: string, calls: readonly Call[]][] = [
  [
    'abuse.scraping',
    times(60, (n) => ({ at: then + n * 500, user: 'u3', ip: '198.51.100.3', target: `/items?page=${n}`, answer: records(60) })),
  ],
  ['abuse.size', [{ at: then + 1, user: 'u4', ip: '198.51.100.4', target: '/profile', answer: { name: 'x'.repeat(100_000) } }]],
  [
    'abuse.rate',
    times(330, (n) => ({ at: then + 2 * MINUTE + n * 100, user: 'u5', ip: '198.51.100.5', target: '/news', answer: records(0) })),
  ],
  [
    'abuse.call-order',
    [
      ...times(8, (n) => ({ at: then + 3 * MINUTE + n, user: 'eve', ip: '203.0.113.1', target: '/news' })),
      {
        at: then + 3 * MINUTE + 100,
        user: 'eve',
        ip: '203.0.113.1',
        target: '/payments',
        method: 'POST',
        send: { amount: 1 },
        status: 201,
      },
    ],
  ],
  [
    'auth.credential-stuffing',
    times(14, (n) => ({
      at: then + n * 1000,
      target: '/login',
      method: 'POST',
      ip: '203.0.113.2',
      send: { email: `p${n}@x.test`, password: 'p' },
      status: 401,
    })),
  ],
  [
    'auth.token-guessing',
    times(10, (n) => ({ at: then + n * 1000, user: `guess${n}`, ip: '203.0.113.3', target: '/profile', status: 401 })),
  ],
  [
    'auth.token-misuse',
    times(8, (n) => ({
      at: then + n * 2000,
      user: 'u6',
      ip: n % 2 === 0 ? '198.51.100.6' : '203.0.113.4',
      agent: n % 2 === 0 ? 'app' : 'curl',
      target: '/profile',
    })),
  ],
  // `auth.missing` is found too; it is the same flaw, which has one issue.
  [
    'auth.weakened',
    [
      { at: then + 1000, target: '/news', status: 401, ip: '203.0.113.5' },
      { at: then + 2000, target: '/news', ip: '203.0.113.5' },
    ],
  ],
  [
    'bola.enumeration',
    times(12, (n) => ({
      at: then + n * 1000,
      user: 'mallory',
      ip: '203.0.113.6',
      target: `/orders/${5000 + n}`,
      status: n === 0 ? 200 : 404,
    })),
  ],
  [
    'bopla.mass-assignment',
    [
      {
        at: then + 5000,
        user: 'u7',
        ip: '198.51.100.7',
        target: '/profile',
        method: 'PATCH',
        send: { role: 'admin' },
        answer: { name: 'n', city: 'c', role: 'admin' },
      },
    ],
  ],
];

t.test('each detector notices what is done in traffic, also when the engine restarts in the middle; the usual is nothing', async (t) => {
  const data = t.testdir();
  const config = loadConfig({ data, upstream: 'http://127.0.0.1:9' }, {}, data);
  const run = async (calls: readonly Call[]): Promise<void> => {
    const shared = createSharedState({ dir: path.join(data, 'shared') });
    let finished: () => void = () => undefined;
    const all = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const engine = await runEngine({
      id: 'engine',
      version: 'test',
      config,
      secret: 'test',
      shared,
      consumer: {
        async consume(_group, take) {
          const sorted = [...calls].sort((a, b) => a.at - b.at);
          for (let at = 0; at < sorted.length; at += 50) {
            const bytes = sorted.slice(at, at + 50).map((call) => encodeExchange(exchange(call)));
            await take([{ id: newId(), exchanges: bytes.flatMap((one) => decodeBatch(one)) }]);
            await new Promise(setImmediate);
          }
          finished();
        },
        stats: () => STATS,
        close: async () => undefined,
      },
      feed: () => ({ append: () => undefined, close: async () => undefined }),
      log: (message) => t.comment(message),
    });
    await all;
    await engine.close();
    await shared.close();
  };
  const kinds = async (): Promise<string[]> => {
    const store = await openConfiguredStore(config);
    const { items } = await store.issues.list({}, { limit: 200 });
    await store.close();
    return items.map(({ kind }) => kind);
  };
  await run(usual);
  const before = (await kinds()).filter((kind) => ATTACKS.some(([one]) => one === kind));
  t.same(before, [], 'nothing is wrong with the usual');
  const attacks = ATTACKS.flatMap(([, calls]) => calls);
  const middle = then + 6_500;
  await run(attacks.filter(({ at }) => at < middle));
  await run(attacks.filter(({ at }) => at >= middle));
  const found = await kinds();
  for (const [kind] of ATTACKS) t.ok(found.includes(kind), kind);
  t.notOk(found.includes('auth.missing'));
});
