/** The deliverer on a real store: what is tried when, and what waits for whom. */
import t, { type Test } from 'tap';
import { openStore, type Store } from '../store/index.js';
import {
  Deliverer,
  type Destination,
  IntegrationError,
  type IntegrationErrorCode,
  readNotice,
  retryDelayMs,
  systemIo,
  testNotice,
} from './index.js';

const START = Date.UTC(2026, 10, 21);

type Behaviour = (noticeId: string) => Promise<string> | string;

async function world(t: Test, behaviours: Record<string, Behaviour>) {
  const store: Store = await openStore({ sqlite: ':memory:' });
  t.teardown(() => store.close());
  let nowMs = START;
  const tries: string[] = [];
  const deliverer = new Deliverer({
    outbox: store.outbox,
    io: { ...systemIo(), nowMs: () => nowMs },
    open: ({ id }) => ({
      async deliver(notice) {
        tries.push(`${id} ${notice.title}`);
        return behaviours[id](notice.title);
      },
    }),
    noticeOf: (delivery) => readNotice(delivery.notice),
    random: () => 0.5,
    log: () => undefined,
  });
  const destination = (id: string, version = 1): Destination => ({ id, kind: 'webhook', config: {}, version });
  return {
    store,
    deliverer,
    tries,
    destination,
    after: (ms: number) => {
      nowMs += ms;
    },
    add: async (integrationId: string, ...titles: string[]) => {
      for (const title of titles) {
        await store.outbox.add([{ integrationId, notice: { ...testNotice({ publicUrl: null, nowMs }), title } }], nowMs);
        nowMs += 1;
      }
    },
    round: async (...ids: string[]) => {
      deliverer.start(ids.map((id) => destination(id)));
      await deliverer.idle();
    },
    states: async (integrationId: string) =>
      (await store.outbox.list({ integrationId }, { sort: 'created' })).items.map(({ state, attempts, lastError }) => ({
        state,
        attempts,
        lastError,
      })),
  };
}

const failing =
  (code: IntegrationErrorCode, retryAfterMs: number | null = null): Behaviour =>
  () => {
    throw new IntegrationError(code, code, { retryAfterMs });
  };

t.test('when to try again', async (t) => {
  const cases: [failures: number, retryAfterMs: number | null, random: number, expectedMs: number][] = [
    [1, null, 0.5, 5_000],
    [2, null, 0.5, 10_000],
    [3, null, 0, 16_000],
    [3, null, 1, 24_000],
    [50, null, 0.5, 900_000],
    [1, 60_000, 0.5, 60_000],
    [8, 1_000, 0.5, 640_000],
  ];
  for (const [failures, retryAfterMs, random, expected] of cases) t.equal(retryDelayMs(failures, retryAfterMs, random), expected);
});

t.test('in order, each once', async (t) => {
  const { add, round, tries, states, deliverer } = await world(t, { a: () => 'ok' });
  await add('a', '1', '2', '3');
  await round('a');
  await round('a');
  t.same(tries, ['a 1', 'a 2', 'a 3']);
  t.match(await states('a'), [{ state: 'delivered', attempts: 1, lastError: '' }, { state: 'delivered' }, { state: 'delivered' }]);
  t.match(deliverer.counters, { delivered: 3, retried: 0, givenUp: 0, paused: 0 });
});

t.test('a slow receiver holds up no other', async (t) => {
  let release: () => void = () => undefined;
  const slow = new Promise<string>((resolve) => {
    release = () => resolve('late');
  });
  const { add, deliverer, destination, tries, states } = await world(t, { slow: () => slow, quick: () => 'ok' });
  await add('slow', ...Array.from({ length: 30 }, (_, index) => `s${index}`));
  await add('quick', 'q0', 'q1');
  deliverer.start([destination('slow'), destination('quick')]);
  while (deliverer.counters.delivered < 2) await new Promise((resolve) => setImmediate(resolve));
  t.same(
    tries.filter((one) => one.startsWith('quick')),
    ['quick q0', 'quick q1'],
  );
  t.same(
    tries.filter((one) => one.startsWith('slow')),
    ['slow s0'],
    'one at a time',
  );
  deliverer.start([destination('slow'), destination('quick')]);
  release();
  await deliverer.idle();
  t.ok((await states('slow')).every((one) => one.state === 'delivered'));
});

t.test('a receiver that is down is left alone, with all that waits for it', async (t) => {
  let isUp = false;
  const { add, round, after, tries, states, deliverer } = await world(t, {
    a: () => {
      if (!isUp) throw new IntegrationError('INTEGRATION_UNREACHABLE', 'away');
      return 'ok';
    },
  });
  await add('a', '1', '2');
  await round('a');
  await round('a');
  t.same(tries, ['a 1'], 'the second notice does not knock too');
  t.equal(deliverer.counters.paused, 1);
  after(5_000);
  await round('a');
  t.equal(tries.length, 2);
  after(5_000);
  await round('a');
  t.equal(tries.length, 2, 'ten seconds the second time');
  isUp = true;
  after(5_001);
  await round('a');
  await round('a');
  after(5_000);
  await round('a');
  t.match(await states('a'), [{ state: 'delivered' }, { state: 'delivered' }]);
  t.match(deliverer.counters, { delivered: 2, retried: 2, paused: 0 });
});

t.test('Retry-After is kept to; a change of the settings ends the pause', async (t) => {
  const { add, round, after, tries, destination, deliverer } = await world(t, { a: failing('INTEGRATION_BUSY', 60_000) });
  await add('a', '1');
  await round('a');
  after(59_999);
  await round('a');
  t.equal(tries.length, 1);
  after(2);
  await round('a');
  t.equal(tries.length, 2);
  await add('a', '2');
  deliverer.start([destination('a', 2)]);
  await deliverer.idle();
  t.same(tries.at(-1), 'a 2');
});

t.test('given up: refused, unreadable, or a day old', async (t) => {
  const { add, round, after, states, store, deliverer } = await world(t, {
    refusing: failing('INTEGRATION_REFUSED'),
    broken: () => {
      throw new TypeError('a fault of ours');
    },
  });
  await add('refusing', '1', '2');
  await store.outbox.add([{ integrationId: 'refusing', notice: { odd: true } }], START + 10);
  after(20);
  await round('refusing');
  t.match(await states('refusing'), [
    { state: 'given-up', attempts: 1, lastError: 'INTEGRATION_REFUSED' },
    { state: 'given-up' },
    { state: 'given-up', lastError: /cannot be read/ },
  ]);
  await add('broken', '1');
  await round('broken');
  t.match(await states('broken'), [{ state: 'waiting', lastError: 'a fault of ours' }]);
  after(24 * 3_600_000);
  await round('broken');
  t.match(await states('broken'), [{ state: 'given-up' }]);
  t.match(deliverer.counters, { givenUp: 4, retried: 1 });
});

t.test('what was taken by a process that died is taken again', async (t) => {
  const { add, round, after, tries, store } = await world(t, { a: () => 'ok' });
  await add('a', '1');
  t.equal((await store.outbox.take(1, START + 1, 120_000, 'a')).length, 1);
  t.same(await store.outbox.take(1, START + 1, 120_000, 'b'), []);
  await round('a');
  t.same(tries, []);
  after(120_001);
  await round('a');
  t.same(tries, ['a 1']);
});

t.test('closed: what is under way ends, nothing more is taken', async (t) => {
  const opened = await world(t, { a: () => 'ok' });
  await opened.add('a', '1');
  await opened.deliverer.close();
  await opened.round('a');
  t.same(opened.tries, []);
});
