/** What is learned goes on while second looks wait, and each step holds exactly its own batches: a crash between two of them loses and repeats nothing. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { bodyOf, type Exchange, emptyBody, PrincipalReader } from '../../exchange/index.js';
import { openStore, type Store } from '../../store/index.js';
import { type Batch, createSharedState, type TakeBatches, type Taken } from '../../traffic/index.js';
import { loadConfig } from '../config.js';
import { runEngine } from './run.js';

const NOTHING = { published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0, filled: 0 };

interface Fed {
  give(batch: Batch): Promise<Taken>;
  close(): Promise<void>;
}

/** The engine of `weir up` over a folder, fed by hand. */
async function start(data: string): Promise<Fed> {
  const shared = createSharedState({ dir: data });
  let taken: (take: TakeBatches<Batch>) => void = () => undefined;
  const ready = new Promise<TakeBatches<Batch>>((resolve) => {
    taken = resolve;
  });
  const engine = await runEngine({
    id: 'engine',
    version: 'test',
    config: loadConfig({ data, upstream: 'http://127.0.0.1:9' }, {}, data),
    secret: 'test',
    shared,
    consumer: {
      consume: async (_group, take) => taken(take),
      stats: () => NOTHING,
      close: async () => undefined,
    },
    feed: () => ({ append: () => undefined, close: async () => undefined }),
    log: () => undefined,
  });
  const take = await ready;
  return {
    give: async (batch) => (await take([batch])) as Taken,
    async close() {
      await engine.close();
      await shared.close();
    },
  };
}

/** Requests whose tokens say that they need no signature, from one address: each is a finding, and all of them are of one issue. */
function batch(name: string, count: number, startedAtMs: number): Batch {
  const token = ['{"alg":"none"}', '{"sub":"ann"}', ''].map((part) => Buffer.from(part).toString('base64url')).join('.');
  const exchanges = Array.from(
    { length: count },
    (_, index): Exchange => ({
      id: `${name}-${index}`,
      requestId: `${name}-${index}`,
      kind: 'http',
      observer: { kind: 'gateway', id: 'g' },
      service: 'shop',
      client: { ip: '203.0.113.7', port: 40_000 },
      server: { ip: '10.0.0.2', port: 80 },
      startedAtMs: startedAtMs + index,
      durationMs: 1,
      upstreamMs: 1,
      request: {
        method: 'GET',
        scheme: 'http',
        host: 'shop',
        target: `/orders/${index}`,
        httpVersion: '1.1',
        headers: ['Authorization', `Bearer ${token}`],
        body: emptyBody,
        trailers: [],
      },
      response: {
        status: 200,
        httpVersion: '1.1',
        headers: ['Content-Type', 'application/json'],
        body: bodyOf(Buffer.from(`{"id":${index}}`)),
        trailers: [],
      },
      principal: null,
      outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
      tags: [],
    }),
  );
  return { id: name, exchanges };
}

/** Requests, findings and the timeline of the only actor, as people are shown them. */
async function counted(data: string): Promise<object> {
  const store: Store = await openStore({ sqlite: path.join(data, 'weir.db') });
  const [actor] = (await store.actors.list({}, {})).items;
  const [issue] = (await store.issues.list({}, {})).items;
  const { items: moments } = await store.actors.timeline(actor.id, { limit: 100 });
  await store.close();
  const findings = moments.filter(({ kind }) => kind === 'finding').length;
  return { requests: actor.requests, found: actor.findings, score: actor.score > 0, occurrences: issue.occurrences, findings };
}

t.test('evidence shows what its actor had sent before', async (t: Test) => {
  const nowMs = Date.now();
  const data = t.testdir();
  const engine = await start(data);
  const { id, exchanges } = batch('led', 6, nowMs);
  const unsigned = (index: number): Exchange => exchanges[index];
  // A request that nothing is wrong with, by the same address.
  const plain = (index: number): Exchange => ({ ...unsigned(index), request: { ...unsigned(index).request, headers: [] } });
  await (await engine.give({ id, exchanges: [plain(0), plain(1), plain(2), plain(3), plain(4), unsigned(5)] })).safe;
  await (await engine.give({ id: 'more', exchanges: batch('more', 40, nowMs + 1000).exchanges })).safe;
  await engine.close();
  const store: Store = await openStore({ sqlite: path.join(data, 'weir.db') });
  const [{ id: issueId }] = (await store.issues.list({}, {})).items;
  const issue = await store.issues.get(issueId);
  t.same(
    issue?.evidence.map(({ requestIds, beforeIds }) => [requestIds.length, beforeIds]),
    [[1, ['led-1', 'led-2', 'led-3', 'led-4']], ...Array.from({ length: 4 }, () => [1, []])],
    'the last four, once for each actor, and they count as no request of the finding',
  );
  t.match(issue?.evidence[0].requestIds, ['led-5']);
  const kept = await Promise.all(['led-0', 'led-1', 'led-4'].map((one) => store.samples.get(one)));
  t.same(
    kept.map((one) => one?.evidence),
    [false, true, true],
    'they are kept as long as evidence is',
  );
  t.equal(await store.samples.sealed('led-4'), null);
  const { items: findings } = await store.issues.findings({}, { limit: 100 });
  t.equal(new Set(findings.flatMap(({ requestIds }) => requestIds)).size, 41);
  await store.close();
});

t.test('learning goes on while second looks wait; a crash between two steps', async (t: Test) => {
  const nowMs = Date.now();
  const data = t.testdir();
  const crashed = `${t.testdirName}-crashed`;
  const first = await start(data);
  const one = await first.give(batch('one', 120, nowMs));
  let isOneSafe = false;
  const safe = one.safe.then(() => {
    isOneSafe = true;
    // The store rests for a while after a step: this is what a crash would leave now.
    cpSync(data, crashed, { recursive: true });
  });
  const two = await first.give(batch('two', 60, nowMs + 10_000));
  t.notOk(isOneSafe, 'the second batch was learned before all was looked at in the first');
  await safe;
  await two.safe;
  await first.close();
  const straight = await counted(data);
  t.match(straight, { requests: 180, score: true });
  const again = await start(crashed);
  await (await again.give(batch('one', 120, nowMs))).safe;
  await (await again.give(batch('two', 60, nowMs + 10_000))).safe;
  await again.close();
  t.same(await counted(crashed), straight, 'as without it');
});

t.test('an endpoint tells who reaches whose objects there', async (t: Test) => {
  const data = t.testdir();
  const engine = await start(data);
  const reader = new PrincipalReader('test');
  const [sample] = batch('own', 1, Date.now()).exchanges;
  const own = (user: number, order: number): Exchange => {
    const token = ['{"alg":"HS256"}', `{"sub":"u-${user}"}`, 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');
    const headers = ['Authorization', `Bearer ${token}`];
    const target = `/orders/${order}`;
    return {
      ...sample,
      id: `own-${order}`,
      request: { ...sample.request, target, headers },
      response: { ...sample.response!, body: bodyOf(Buffer.from(JSON.stringify({ id: order, userId: `u-${user}` }))) },
      principal: reader.read(headers, target),
    };
  };
  for (let round = 0; round < 4; round++)
    await (
      await engine.give({ id: `own-${round}`, exchanges: Array.from({ length: 20 }, (_, user) => own(user, 1000 + round * 20 + user)) })
    ).safe;
  await engine.close();
  const store: Store = await openStore({ sqlite: path.join(data, 'weir.db') });
  const [{ id }] = (await store.inventory.list({}, {})).items;
  const { detail } = (await store.inventory.get(id))!;
  await store.close();
  t.match(detail.sharing, { regime: 'owner-private', explanation: /^private to their owners: of \d+ accesses by \d+ callers hardly any/ });
});

t.test('more endpoints than one step writes are all there when the engine ends', async (t: Test) => {
  const data = t.testdir();
  const engine = await start(data);
  const nowMs = Date.now();
  const exchanges = batch('wide', 4_500, nowMs).exchanges.map((one, at) => ({
    ...one,
    service: `service-${at}`,
    request: { ...one.request, headers: [] },
  }));
  await (await engine.give({ id: 'wide', exchanges })).safe;
  await engine.close();
  const store = await openStore({ sqlite: path.join(data, 'weir.db') });
  const services = new Set<string>();
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await store.inventory.list({}, { limit: 100, cursor });
    for (const { service } of items) services.add(service);
    cursor = nextCursor ?? undefined;
  } while (cursor !== undefined);
  await store.close();
  t.equal(services.size, 4_500);
});
