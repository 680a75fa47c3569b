import t from 'tap';
import type { Commit, CommitResult } from '../../store/index.js';
import { Waiting, type Waits } from './waiting.js';
import { Writer } from './writer.js';

const entry = (mustRun: boolean, ...subjects: string[]): Waits => ({ mustRun, subjects });

t.test('what waits for a second look', async (t) => {
  t.test('comes out as it went in', async (t) => {
    const waiting = new Waiting<Waits & { readonly n: number }>();
    const out: number[] = [];
    for (let n = 0; n < 10_000; n++) {
      waiting.add({ n, ...entry(true, `a${n % 7}`) });
      if (n % 2 === 1) out.push(waiting.take()?.n ?? -1);
    }
    for (let rest = waiting.take(); rest !== null; rest = waiting.take()) out.push(rest.n);
    t.same(
      out,
      Array.from({ length: 10_000 }, (_, n) => n),
    );
    t.equal(waiting.size, 0);
  });

  const limits = { chooseFrom: 4, ofOne: 2 };
  const cases: { readonly name: string; readonly before: readonly Waits[]; readonly added: Waits; readonly kept: boolean }[] = [
    {
      name: 'there is room',
      before: [entry(false, 'e', 'a'), entry(false, 'e', 'a'), entry(false, 'e', 'a')],
      added: entry(false, 'e', 'a'),
      kept: true,
    },
    { name: 'full, and many of both wait', before: Array(4).fill(entry(false, 'e', 'a')), added: entry(false, 'e', 'a'), kept: false },
    { name: 'full, but a rare endpoint', before: Array(4).fill(entry(false, 'e', 'a')), added: entry(false, 'rare', 'a'), kept: true },
    { name: 'full, but a rare actor', before: Array(4).fill(entry(false, 'e', 'a')), added: entry(false, 'e', 'rare'), kept: true },
    {
      name: 'full, but something was found already',
      before: Array(4).fill(entry(false, 'e', 'a')),
      added: entry(true, 'e', 'a'),
      kept: true,
    },
  ];
  for (const { name, before, added, kept } of cases) {
    const waiting = new Waiting(limits);
    for (const one of before) waiting.add(one);
    t.equal(waiting.add(added), kept, name);
    t.equal(waiting.leftOut, kept ? 0 : 1);
    t.equal(waiting.size, before.length + (kept ? 1 : 0));
  }

  t.test('what was taken out no longer counts', async (t) => {
    const waiting = new Waiting(limits);
    for (let n = 0; n < 4; n++) waiting.add(entry(false, 'e', 'a'));
    waiting.take();
    t.ok(waiting.add(entry(false, 'e', 'a')));
    t.notOk(waiting.add(entry(false, 'e', 'a')));
  });
});

t.test('when steps are written', async (t) => {
  const result: CommitResult = { applied: true, alreadyProcessed: [], issues: [] };
  const stepOf = async (batchIds: readonly string[]): Promise<Commit> => ({ batchIds, nowMs: 0 });

  t.test('a store that fails gets the same step until it takes it; batches that come meanwhile are in the next one', async (t) => {
    const steps: (readonly string[])[] = [];
    let failures = 2;
    const said: string[] = [];
    const writer = new Writer(
      {
        async commit(step) {
          steps.push(step.batchIds);
          if (failures-- > 0) throw new Error('database is locked');
          return result;
        },
      },
      stepOf,
      () => undefined,
      (line) => said.push(line),
    );
    const first = writer.add('one', 1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = writer.add('two', 1_500);
    t.equal(writer.safeAt('one') === null, false);
    t.equal(writer.uncommittedMs(2_000), 1_000, 'the oldest is being written');
    await first;
    t.equal(writer.uncommittedMs(2_000), 500, 'the next waits');
    t.same(steps, [['one'], ['one'], ['one']]);
    t.equal(writer.safeAt('one'), null);
    await second;
    t.same(steps.at(-1), ['two']);
    t.equal(writer.uncommittedMs(2_000), 0, 'all is stored');
    t.match(writer.counters, { commits: 2, failedCommits: 2 });
    t.match(said[0], /database is locked/);
  });

  t.test('while a step waits for its second looks, batches go on being taken; they are in the next one', async (t) => {
    const steps: (readonly string[])[] = [];
    let looked: () => void = () => undefined;
    const all = new Promise<void>((resolve) => {
      looked = resolve;
    });
    const writer = new Writer(
      {
        async commit(step) {
          steps.push(step.batchIds);
          return result;
        },
      },
      async (batchIds) => {
        await all;
        return stepOf(batchIds);
      },
      () => undefined,
      () => undefined,
    );
    const first = writer.add('one', 1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = writer.add('two', 1_000);
    await writer.room();
    t.same(steps, []);
    looked();
    await Promise.all([first, second]);
    t.same(steps, [['one'], ['two']]);
  });

  t.test('what the store never took is not safe', async (t) => {
    const writer = new Writer(
      {
        async commit(): Promise<CommitResult> {
          throw new Error('away');
        },
      },
      stepOf,
      () => t.fail('nothing was committed'),
      () => undefined,
    );
    const safe = writer.add('one', 1_000);
    const outcome = safe.then(
      () => 'safe',
      () => 'not safe',
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    writer.stop();
    await writer.flush();
    t.equal(await outcome, 'not safe');
  });
});
