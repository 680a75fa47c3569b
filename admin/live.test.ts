/** What open pages are told of, when engines of other processes write late and out of order. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Commit, openStore } from '../store/index.js';
import { LiveFeed, type LiveNotice } from './live.js';
import { finding, NOW, ref } from './testing/world.js';

const NEVER_MS = 2 ** 31 - 1;

/** A feed with one listener over a real store; engines write through a connection of their own. Looks are made by hand, at a time of the test's own. */
async function feedOver(t: Test) {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-live-'));
  const [engine, own] = [
    await openStore({ sqlite: path.join(folder, 'weir.db') }),
    await openStore({ sqlite: path.join(folder, 'weir.db') }),
  ];
  const clock = { nowMs: NOW };
  const feed = new LiveFeed(own, () => clock.nowMs, NEVER_MS);
  const told: LiveNotice[] = [];
  const stop = feed.subscribe((notice) => told.push(notice), null);
  t.teardown(async () => {
    stop();
    await own.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let step = 0;
  return {
    feed,
    clock,
    write: (what: Partial<Commit>) => engine.commit({ batchIds: [`b${step++}`], nowMs: clock.nowMs, ...what }),
    /** What one look tells of a topic. */
    async look(topic: LiveNotice['topic']) {
      told.length = 0;
      await feed.look();
      return told.filter((notice) => notice.topic === topic).map((notice) => `${notice.change} ${notice.id}`);
    },
  };
}

const endpoint = (id: string, firstSeenMs: number) => ({
  ref: { ...ref, id, template: `/${id}` },
  firstSeenMs,
  lastSeenMs: firstSeenMs,
  access: 'private' as const,
  authRequired: null,
  auth: [],
  tags: [],
  dataTypes: [],
  fields: [],
  risk: 0,
  riskReasons: [],
  detail: {},
});

t.test('endpoints are told once each, also those written later than others that were seen after them', async (t) => {
  const { clock, write, look } = await feedOver(t);
  await write({ endpoints: [endpoint('second', NOW + 2_000)] });
  clock.nowMs = NOW + 3_000;
  t.same(await look('endpoints'), ['added second']);
  t.same(await look('endpoints'), [], 'once');
  const rows: readonly [string, number, number, readonly string[]][] = [
    ['seen before what was told, written after', NOW + 1_000, NOW + 4_000, ['added e0']],
    ['seen ten seconds before, written late', NOW - 6_000, NOW + 4_500, ['added e1']],
    ['seen in the same millisecond as one that was told', NOW + 2_000, NOW + 5_000, ['added e2']],
    ['an import of last week is no news', NOW - 7 * 86_400_000, NOW + 5_500, []],
  ];
  for (const [index, [what, seenMs, nowMs, expected]] of rows.entries()) {
    clock.nowMs = nowMs;
    await write({ endpoints: [endpoint(`e${index}`, seenMs)] });
    t.same(await look('endpoints'), expected, what);
    t.same(await look('endpoints'), [], `${what}: once`);
  }
  await write({ endpoints: [{ ...endpoint('e0', NOW + 1_000), lastSeenMs: NOW + 6_000 }] });
  t.same(await look('endpoints'), [], 'seen again is not added again');
});

t.test(
  'what a person decided of templates is carried out by an engine later, and leaves no row that is new: pages are told a few times',
  async (t) => {
    const { clock, feed, look } = await feedOver(t);
    feed.tell('endpoints', 'merge', '/api/{apiId}');
    const told: number[] = [];
    for (let afterMs = 0; afterMs <= 60_000; afterMs += 500) {
      clock.nowMs = NOW + afterMs;
      if ((await look('endpoints')).includes('edited /api/{apiId}')) told.push(afterMs);
    }
    t.same(told, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
  },
);

t.test('issues are told when opened and when seen again, also from findings that arrive out of order', async (t) => {
  const { clock, write, look } = await feedOver(t);
  const at = (n: number, atMs: number, fingerprint = `fp-${n}`) => finding(n, { atMs, fingerprint });
  clock.nowMs = NOW + 3_000;
  await write({ findings: [at(1, NOW + 2_000)] });
  const [opened] = await look('issues');
  t.match(opened, /^opened /);
  t.same(await look('issues'), [], 'once');
  await write({ findings: [at(2, NOW + 1_000)] });
  const late = await look('issues');
  t.equal(late.length, 1, 'seen before the first, written after it');
  t.same(await look('issues'), [], 'once');
  await write({ findings: [at(3, NOW + 1_500, 'fp-1')] });
  t.same(await look('issues'), [], 'an older proof of a known issue moves nothing');
  clock.nowMs = NOW + 6_000;
  await write({ findings: [at(4, NOW + 5_000, 'fp-1')] });
  t.same(await look('issues'), [opened!.replace('opened', 'seen')]);
});

t.test('who comes back with the number of the last notice gets what was told meanwhile, and only that', async (t) => {
  const { feed } = await feedOver(t);
  for (const name of ['a', 'b', 'c']) feed.tell('blocks', 'added', name);
  const caughtUp: string[] = [];
  const stop = feed.subscribe((notice) => caughtUp.push(notice.id), 1);
  feed.tell('blocks', 'added', 'd');
  stop();
  feed.tell('blocks', 'added', 'e');
  t.same(caughtUp, ['b', 'c', 'd']);
});
