/** Requests of which the next moment decides, over real sockets: what waits, for how long, and what is said of it then, in the gateway and in the plugin. */
import http from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import type { AccessVerdict, Principal } from '../exchange/index.js';
import type { PolicySet } from '../policies/index.js';
import { decide, NEEDS_ALL } from '../test/support/policies.js';
import { listening } from '../test/support/servers.js';
import { Counters } from './counters.js';
import { createGateway, type GatewayPorts, noPolicies, routeGuard, type ServiceOptions, trivialPorts } from './index.js';
import { LearningWaits } from './learning-waits.js';

const FOREIGN: AccessVerdict = {
  relation: 'foreign',
  confidence: 0.9,
  enforceable: true,
  location: { phase: 'request', in: 'path', path: '' },
  resource: 'order',
  explanation: 'this order belongs to somebody else',
};
const CALLER: Principal = { key: 'p_1', kind: 'bearer', carrier: 'header:authorization', label: '' };

/** Blocks what `access` says may be blocked. `asksOwnership` false: no rule of the route asks. */
const policies = (asksOwnership: boolean): PolicySet => ({
  ...noPolicies,
  plan: () => ({ ...NEEDS_ALL, response: false, ownership: asksOwnership }),
  onRequest: (request, context) =>
    context.access('request')?.enforceable === true ? decide('block', context.mode) : noPolicies.onRequest(request, context),
});

interface Learning {
  readonly ports: Partial<GatewayPorts>;
  readonly asked: () => number;
}

/** Who learns says for the first `times` that it is not over; what is learned then is that the object is somebody else's, or `isOwn`. */
function learning(times: number, { isOwn = false, asksOwnership = true, principal = CALLER as Principal | null } = {}): Learning {
  let asked = 0;
  return {
    asked: () => asked,
    ports: {
      policies: () => policies(asksOwnership),
      principals: { read: () => principal },
      isStillLearning: () => ++asked <= times,
      access: () => (isOwn || asked <= times ? null : FOREIGN),
    },
  };
}

async function upstreamOf(t: Test): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      seen.push(`${req.method} ${body}`);
      res.end('ok');
    });
  });
  return { url: await listening(t, server), seen };
}

async function gatewayOf(t: Test, ports: Partial<GatewayPorts>, learningWaitMs: number, mode: ServiceOptions['mode'] = 'enforce') {
  const upstream = await upstreamOf(t);
  const gateway = await createGateway(
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [{ name: 'api', upstreams: [upstream.url], mode }],
      limits: { learningWaitMs },
    },
    trivialPorts(ports),
  );
  const [{ url }] = await gateway.listen();
  t.teardown(() => gateway.close(20));
  const counted = (name: string) => Number(new RegExp(`^weir_gateway_learning_${name}_total (.*)$`, 'm').exec(gateway.metrics())?.[1]);
  return { url, seen: upstream.seen, counted };
}

const FOREVER = Number.POSITIVE_INFINITY;
interface Case {
  readonly what: string;
  readonly learning: Learning;
  readonly longestMs: number;
  readonly mode?: ServiceOptions['mode'];
  readonly status: number;
  readonly waits: number;
  readonly late: number;
  /** How often the port was asked, at least and at most. */
  readonly asked: readonly [number, number];
}
const cases = (): readonly Case[] => [
  { what: 'what is known already', learning: learning(0), longestMs: 1_000, status: 403, waits: 0, late: 0, asked: [1, 1] },
  {
    what: 'learned while it waits: somebody else’s',
    learning: learning(3),
    longestMs: 1_000,
    status: 403,
    waits: 1,
    late: 0,
    asked: [4, 4],
  },
  {
    what: 'learned while it waits: its own',
    learning: learning(3, { isOwn: true }),
    longestMs: 1_000,
    status: 200,
    waits: 1,
    late: 0,
    asked: [4, 4],
  },
  { what: 'never learned', learning: learning(FOREVER), longestMs: 30, status: 200, waits: 1, late: 1, asked: [2, 20] },
  { what: 'switched off', learning: learning(FOREVER), longestMs: 0, status: 200, waits: 0, late: 0, asked: [0, 0] },
  { what: 'observed only', learning: learning(FOREVER), longestMs: 1_000, mode: 'observe', status: 200, waits: 0, late: 0, asked: [0, 0] },
  {
    what: 'no rule asks whose it is',
    learning: learning(FOREVER, { asksOwnership: false }),
    longestMs: 1_000,
    status: 200,
    waits: 0,
    late: 0,
    asked: [0, 0],
  },
  {
    what: 'nobody is signed in',
    learning: learning(FOREVER, { principal: null }),
    longestMs: 1_000,
    status: 200,
    waits: 0,
    late: 0,
    asked: [0, 0],
  },
];
for (const method of ['GET', 'POST'])
  for (const { asked, late, learning, longestMs, mode, status, waits, what } of cases())
    t.test(`${method}: ${what}`, async (t) => {
      const { counted, seen, url } = await gatewayOf(t, learning.ports, longestMs, mode);
      const sinceMs = performance.now();
      const answer = await fetch(`${url}/orders/10`, { method, ...(method === 'POST' ? { body: 'all of it' } : {}) });
      await answer.text();
      const tookMs = performance.now() - sinceMs;
      t.equal(answer.status, status);
      t.strictSame(seen, status === 200 ? [`${method} ${method === 'POST' ? 'all of it' : ''}`] : [], 'what the upstream saw');
      t.ok(learning.asked() >= asked[0] && learning.asked() <= asked[1], `asked ${learning.asked()} times`);
      t.equal(counted('waits'), waits);
      t.equal(counted('waits_late'), late);
      t.equal(counted('wait_seconds') > 0, waits > 0, 'how long is told');
      if (late > 0) t.ok(tookMs >= longestMs, 'not before the time is over');
    });

t.test('a client that leaves while it waits', async (t) => {
  const { asked, ports } = learning(FOREVER);
  const { counted, seen, url } = await gatewayOf(t, ports, 1_000);
  const request = http.get(`${url}/orders/10`);
  request.on('error', () => undefined);
  const closed = new Promise((resolve) => request.once('close', resolve));
  while (asked() < 2) await wait(2);
  request.destroy();
  await closed;
  let before = -1;
  while (before !== asked()) {
    before = asked();
    await wait(20);
  }
  t.strictSame(seen, [], 'the upstream never hears of it');
  t.equal(counted('waits'), 1);
});

t.test('the plugin waits as the gateway does', async (t) => {
  for (const method of ['GET', 'POST'] as const) {
    const { asked, ports } = learning(3);
    const reached: unknown[] = [];
    const app = Fastify();
    await app.register(routeGuard, { service: 'app', mode: 'enforce', ports });
    app.route({ method: ['GET', 'POST'], url: '/orders/10', handler: async (request) => reached.push(request.body) });
    t.teardown(() => app.close());
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const ask = () => fetch(`${url}/orders/10`, { method, ...(method === 'POST' ? { body: 'all of it' } : {}) });
    t.equal((await ask()).status, 403, method);
    t.equal(asked(), 4);
    t.strictSame(reached, [], 'no route of the app runs');
  }
  const { ports } = learning(3, { isOwn: true });
  const app = Fastify();
  await app.register(routeGuard, { service: 'app', mode: 'enforce', ports });
  app.post('/orders/10', async (request) => ({ got: request.body }));
  t.teardown(() => app.close());
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = await fetch(`${url}/orders/10`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' });
  t.strictSame(await answer.json(), { got: { a: 1 } }, 'the body is whole');
});

t.test("how long it waits at most is the app's to say", async (t) => {
  for (const [learningWaitMs, status, most] of [
    [0, 200, 0],
    [20, 200, Number.POSITIVE_INFINITY],
  ] as const) {
    const { asked, ports } = learning(FOREVER);
    const app = Fastify();
    await app.register(routeGuard, { service: 'app', mode: 'enforce', ports, learningWaitMs });
    app.get('/orders/10', async () => 'ok');
    t.teardown(() => app.close());
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    t.equal((await fetch(`${url}/orders/10`)).status, status, `${learningWaitMs} ms`);
    t.ok(asked() <= most, `asked ${asked()} times`);
    t.ok(learningWaitMs === 0 || asked() > 1, 'it did wait');
  }
  await t.rejects(async () => Fastify().register(routeGuard, { learningWaitMs: 2_000 }).ready(), /learningWaitMs/, 'a second at most');
});

t.test('only so many wait at once', async (t) => {
  const counters = new Counters();
  const waits = new LearningWaits(counters);
  let isLearning = true;
  let ended = 0;
  const begin = () =>
    waits.begin({
      isStillLearning: () => isLearning,
      longestMs: 10_000,
      goOn: () => {
        ended++;
      },
      failed: () => t.fail('nothing throws'),
    });
  t.strictSame(
    Array.from({ length: 502 }, begin).filter((began) => !began),
    [false, false],
  );
  t.equal(counters.learningWaitsFull, 2);
  isLearning = false;
  while (ended < 500) await wait(2);
  t.ok(begin(), 'there is room again');
  while (ended < 501) await wait(2);
  t.equal(counters.learningWaits, 501);
  t.equal(counters.learningWaitsLate, 0);
});

t.test('what throws when it goes on is told, counted, and harms nobody who waits beside it', async (t) => {
  const counters = new Counters();
  const waits = new LearningWaits(counters);
  const said: string[] = [];
  const begin = (name: string, throws: boolean) =>
    waits.begin({
      isStillLearning: () => false,
      longestMs: 1_000,
      goOn: () => {
        if (throws) throw new Error(name);
        said.push(name);
      },
      failed: (error) => said.push(`failed: ${(error as Error).message}`),
    });
  begin('first', true);
  begin('second', false);
  while (said.length < 2) await wait(2);
  t.strictSame(said, ['failed: first', 'second']);
  t.equal(counters.portFailures.request, 1);
});
