import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import t from 'tap';
import { type RedisServer, startRedis } from '../test/support/redis.js';
import { createSharedState, type SharedChange, type SharedHub, type SharedMap, type SharedState, sharedStateFromPort } from './index.js';
import { VersionClock } from './shared/clock.js';
import type { Delta } from './shared/delta.js';
import { Replica } from './shared/replica.js';

async function until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function content(map: SharedMap<unknown>): Record<string, unknown> {
  return Object.fromEntries([...map.entries()].map(({ key, value }) => [key, value]).sort());
}

const same = (a: SharedMap<unknown>, b: SharedMap<unknown>) => JSON.stringify(content(a)) === JSON.stringify(content(b));

let redis: RedisServer;
let spaces = 0;
t.before(async () => {
  redis = await startRedis();
});
t.teardown(() => redis.stop());

async function folder(test: { teardown(run: () => Promise<void>): void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'weir-shared-'));
  test.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Two members of one weir, as different as the implementation allows. */
const pairs: Record<string, (dir: string) => { members: [SharedState, SharedState]; close(): Promise<void> }> = {
  'hub and thread'(dir) {
    const hub = createSharedState({ dir });
    const thread = sharedStateFromPort(hub.port());
    return { members: [hub, thread], close: () => thread.close().then(() => hub.close()) };
  },
  'two threads'(dir) {
    const hub = createSharedState({ dir });
    const members: [SharedState, SharedState] = [sharedStateFromPort(hub.port()), sharedStateFromPort(hub.port())];
    return { members, close: async () => void (await Promise.all([...members, hub].map((one) => one.close()))) };
  },
  'two processes on Redis'(dir) {
    const options = { url: redis.url, namespace: `s${spaces++}` };
    const members: [SharedHub, SharedHub] = [
      createSharedState({ dir: join(dir, 'a'), redis: options }),
      createSharedState({ dir: join(dir, 'b'), redis: options }),
    ];
    return { members, close: async () => void (await Promise.all(members.map((one) => one.close()))) };
  },
  'a process and a thread of another on Redis'(dir) {
    const options = { url: redis.url, namespace: `s${spaces++}` };
    const a = createSharedState({ dir: join(dir, 'a'), redis: options });
    const b = createSharedState({ dir: join(dir, 'b'), redis: options });
    const thread = sharedStateFromPort(b.port());
    return { members: [a, thread], close: async () => void (await Promise.all([thread.close(), a.close(), b.close()])) };
  },
};

for (const [name, make] of Object.entries(pairs)) {
  t.test(`shared state contract: ${name}`, async (t) => {
    const { members, close } = make(await folder(t));
    const [a, b] = await Promise.all(members.map((member) => member.open<unknown>('blocks')));
    t.equal(await members[0].open('blocks'), a, 'opening twice gives the same map');
    const changes: SharedChange<unknown>[] = [];
    const unsubscribe = b.subscribe((change) => changes.push(change));

    const writing = a.set('203.0.113.7', { reason: 'x' });
    t.strictSame(a.get('203.0.113.7'), { reason: 'x' }, 'applies locally at once');
    await writing;
    await until('seen on the other side', () => b.get('203.0.113.7') !== undefined);
    t.match(changes, [{ kind: 'set', entry: { key: '203.0.113.7', value: { reason: 'x' }, expiresAtMs: null } }]);
    t.equal(a.state, 'live');
    t.equal(b.state, 'live');

    await b.set('203.0.113.7', { reason: 'y' });
    await until('the later write wins', () => JSON.stringify(a.get('203.0.113.7')) === '{"reason":"y"}');
    t.equal(await b.delete('203.0.113.7'), true);
    t.equal(await b.delete('203.0.113.7'), false, 'deleting again changes nothing');
    await until('deleted everywhere', () => a.size === 0);
    t.strictSame(changes.at(-1), { kind: 'delete', key: '203.0.113.7', reason: 'deleted' });

    await a.set('soon', 1, { expiresAtMs: Date.now() + 120 });
    await a.set('later', 2, { expiresAtMs: Date.now() + 3_000_000_000 });
    await until('arrives', () => b.get('soon') === 1);
    await until('expires on both', () => a.size === 1 && b.size === 1);
    t.equal(a.get('soon'), undefined);
    t.strictSame(changes.at(-1), { kind: 'delete', key: 'soon', reason: 'expired' });
    await a.set('past', 1, { expiresAtMs: Date.now() - 1 });
    t.equal(a.get('past'), undefined, 'an expiry in the past is no entry');

    const large = 'x'.repeat(100_000);
    await a.set('large', large);
    await until('a large value arrives', () => b.get('large') === large);
    await Promise.all(Array.from({ length: 300 }, (_, n) => (n % 2 ? a : b).set(`k${n}`, n)));
    await until('300 writes from both sides', () => a.size === 302 && b.size === 302);
    t.ok(same(a, b));

    const other = await members[1].open<unknown>('modes');
    await other.set('shop', 'enforce');
    const late = await members[0].open<unknown>('modes');
    await until('a map opened later has what was written before', () => late.get('shop') === 'enforce');
    t.equal(a.get('shop'), undefined, 'maps do not mix');
    unsubscribe();
    const count = changes.length;
    await a.set('after', 1);
    await until('arrives', () => b.get('after') === 1);
    t.equal(changes.length, count, 'unsubscribed');
    await t.rejects(a.set('', 1), { code: 'TRAFFIC_STATE_KEY' });
    await t.rejects(members[0].open('../etc'), /no name for a shared map/);
    await close();
  });
}

t.test('content survives a restart; a line cut off by a crash costs that line only', async (t) => {
  const dir = await folder(t);
  const first = createSharedState({ dir });
  const blocks = await first.open<number>('blocks');
  for (let n = 0; n < 3000; n++) await Promise.all([blocks.set(`k${n % 10}`, n), blocks.set('gone', n)]);
  await blocks.delete('gone');
  await blocks.set('short', 1, { expiresAtMs: Date.now() + 5 });
  await first.close();
  const file = join(dir, 'shared', 'blocks.jsonl');
  t.ok((await readFile(file, 'utf8')).split('\n').length < 1200, 'rewritten when most of it was outdated');
  await appendFile(file, '{"k":"torn","v":');
  await new Promise((resolve) => setTimeout(resolve, 10));
  const second = createSharedState({ dir });
  const again = await second.open<number>('blocks');
  t.strictSame(content(again), Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`k${n}`, 2990 + n])));
  await again.set('new', 1);
  await second.close();
  const third = createSharedState({ dir });
  t.equal((await third.open<number>('blocks')).get('new'), 1, 'what follows the torn line is not lost');
  await third.close();
});

t.test('an unwritable directory is said, and what was set stays in force', async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, 'shared'), 'a file where a folder should be');
  await t.rejects(createSharedState({ dir }).open('blocks'), { code: 'TRAFFIC_STATE_DISK' });
  const dir2 = await folder(t);
  const state = createSharedState({ dir: dir2 });
  const map = await state.open<number>('blocks');
  await rm(dir2, { recursive: true });
  await t.rejects(map.set('a', 1), { code: 'TRAFFIC_STATE_DISK' });
  t.equal(map.get('a'), 1);
  await state.close();
});

t.test('a worker thread sees what the main thread writes', async (t) => {
  const state = createSharedState({ dir: null });
  const map = await state.open<number>('policies');
  await map.set('a', 41);
  const port = state.port();
  const code = `
    import { sharedStateFromPort } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    import { workerData } from 'node:worker_threads';
    const shared = sharedStateFromPort(workerData);
    const map = await shared.open('policies');
    await map.set('b', map.get('a') + 1);
    await shared.close();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: port, transferList: [port] });
  await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  t.equal(map.get('b'), 42);
  await state.close();
});

t.test('partition: both sides edit, one restarts meanwhile, and they converge', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const dir = await folder(t);
  const open = async (name: string) => {
    const state = createSharedState({ dir: join(dir, name), redis: { url: server.url, connectMs: 300, timeoutMs: 300 } });
    return { state, map: await state.open<string>('blocks') };
  };
  let a = await open('a');
  const b = await open('b');
  await Promise.all(['both', 'deleted-by-a', 'deleted-by-b', 'edited-killed', 'edited-frozen', 'kept'].map((key) => a.map.set(key, 'old')));
  await until('shared', () => b.map.size === 6);

  for (const away of ['killed', 'frozen'] as const) {
    if (away === 'killed') await server.kill();
    else server.freeze();
    await a.map.set('both', `a ${away}`);
    const setAtMs = Date.now();
    await until('the clock moves on', () => Date.now() > setAtMs + 1);
    await b.map.set('both', `b ${away}`);
    await a.map.delete('deleted-by-a');
    await b.map.delete('deleted-by-b');
    await b.map.set(`edited-${away}`, 'edited by b');
    const editedAtMs = Date.now();
    await until('the clock moves on', () => Date.now() > editedAtMs + 1);
    await a.map.delete(`edited-${away}`);
    await a.map.set(`a-${away}`, 'new');
    await b.map.set(`b-${away}`, 'new');
    await a.map.set(`short-${away}`, 'x', { expiresAtMs: Date.now() + 30 });
    await until('both know', () => a.map.state === 'stale' && b.map.state === 'stale');
    await a.state.close();
    a = await open('a');
    t.equal(a.map.state, 'stale', 'Redis is away');
    t.equal(a.map.get('both'), `a ${away}`, 'what was there is in force again after a restart');
    t.equal(a.map.get('deleted-by-a'), undefined);
    if (away === 'killed') await server.start();
    else server.thaw();
    await until('live again', () => a.map.state === 'live' && b.map.state === 'live', 20_000);
    await until('equal', () => same(a.map, b.map) && a.map.get(`b-${away}`) === 'new' && b.map.get(`a-${away}`) === 'new', 20_000);
    t.equal(a.map.get('both'), `b ${away}`, 'the later edit won');
    t.equal(a.map.get(`edited-${away}`), undefined, 'a later deletion wins over an edit');
    t.equal(a.map.get(`short-${away}`), undefined, 'expired on time all the same');
    t.equal(a.map.get('kept'), 'old', 'a Redis that lost its memory got it back');
  }
  const c = await open('c');
  await until('a newcomer has all of it', () => same(c.map, a.map));
  await server.run('FLUSHALL');
  await a.map.set('after-flush', '1');
  await until('healed', () => b.map.get('after-flush') === '1');
  const d = await open('d');
  await until('the flushed content is back', () => same(d.map, a.map));
  await Promise.all([a, b, c, d].map(({ state }) => state.close()));
});

t.test('replicas converge whatever the order and however often deltas arrive', async (t) => {
  const write = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    node: fc.nat(2),
    value: fc.nat(9),
    deleted: fc.boolean(),
    expires: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (writes, random) => {
      let nowMs = 1000;
      const clocks = ['00000000', '00000001', 'zzzzzzzz'].map((node) => new VersionClock(node));
      const deltas: Delta[] = writes.map(({ key, node, value, deleted, expires }) => {
        const n = clocks[node].next(nowMs++ >> 2);
        return deleted ? { k: key, x: null, n, d: 1 } : { k: key, v: value, x: expires ? 1 : null, n };
      });
      const replica = () =>
        new Replica<number>('x', { clock: new VersionClock('node0000'), now: () => nowMs, share: async () => undefined });
      const [one, two] = [replica(), replica()];
      for (const delta of deltas) one.apply(delta);
      const shuffled = [...deltas, ...deltas].map((delta) => ({ delta, at: random.next().value })).sort((x, y) => x.at - y.at);
      for (const { delta } of shuffled) two.apply(delta);
      return (
        JSON.stringify(content(one)) === JSON.stringify(content(two)) && ['a', 'b', 'c'].every((k) => one.versionOf(k) === two.versionOf(k))
      );
    }),
  );
  const clock = new VersionClock('node0000');
  let last = '';
  for (let n = 0; n < 100_000; n++) {
    const version = clock.next(n % 1000 === 0 ? 5000 - n / 1000 : 4000);
    if (version <= last) t.fail(`${version} is not after ${last}`);
    last = version;
  }
  t.pass('versions rise even when the wall clock runs back');
});
