import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { giveWay } from './give-way.js';

/** Works in pieces of `pieceMs` for `forMs`, of which it waits `share` of the time for its core until `wantedUntilMs`; the times in ms at which it stood aside. */
function asides({
  pieceMs,
  share,
  wantedUntilMs,
  forMs,
}: {
  pieceMs: number;
  share: number;
  wantedUntilMs: number;
  forMs: number;
}): number[] {
  const stood: number[] = [];
  let atMs = 0;
  const between = giveWay({
    nowMs: () => atMs,
    waitedNs: () => Math.min(atMs, wantedUntilMs) * share * 1e6,
    standAside: () => void stood.push(atMs),
  });
  for (; atMs < forMs; atMs += pieceMs) between();
  return stood;
}

const CASES: readonly (readonly [what: string, of: Parameters<typeof asides>[0], times: number, lastMs: number | null])[] = [
  ['nobody wants its core', { pieceMs: 0.125, share: 0, wantedUntilMs: 0, forMs: 5_000 }, 0, null],
  ['hardly anybody does', { pieceMs: 0.125, share: 0.04, wantedUntilMs: 5_000, forMs: 5_000 }, 0, null],
  ['others do: four times a millisecond', { pieceMs: 0.125, share: 0.5, wantedUntilMs: 100, forMs: 100 }, 200, 99.75],
  ['until half a second after they last did', { pieceMs: 0.125, share: 0.5, wantedUntilMs: 100, forMs: 5_000 }, 2_200, 599.75],
  ['pieces that take longer: after each', { pieceMs: 2, share: 0.5, wantedUntilMs: 100, forMs: 100 }, 25, 98],
];

t.test('a thread stands aside where others want its core, and only there', async (t) => {
  for (const [what, of, times, lastMs] of CASES)
    await t.test(what, async (t) => {
      const stood = asides(of);
      t.equal(stood.length, times);
      t.equal(stood.at(-1) ?? null, lastMs);
    });
});

t.test('where the system does not say how long a thread waited, it never does', async (t) => {
  let atMs = 0;
  const between = giveWay({ nowMs: () => atMs, waitedNs: () => null, standAside: () => t.fail('stood aside') });
  for (; atMs < 1_000; atMs++) between();
  t.equal(atMs, 1_000);
});

const url = new URL(`./give-way.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href;

/** Works without end on the first core, giving way or not. */
const busy = (gives: boolean) => `
  import { giveWay } from ${JSON.stringify(url)};
  const between = ${gives} ? giveWay() : () => undefined;
  for (const from = performance.now(); performance.now() - from < 60_000; ) between();`;

/** Sleeps and works for a millisecond each, 400 times, and prints how often it got the core more than a millisecond late. */
const WAKING = `
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let late = 0;
  for (let turn = 0; turn < 400; turn++) {
    const from = performance.now();
    Atomics.wait(cell, 0, 0, 1);
    const woke = performance.now();
    if (woke - from > 2) late++;
    while (performance.now() - woke < 1);
  }
  console.log(late);`;

async function timesLate(t: Test, gives: boolean): Promise<number> {
  const worker = spawn('taskset', ['-c', '0', process.execPath, ...process.execArgv, '--input-type=module', '-e', busy(gives)], {
    stdio: 'ignore',
  });
  t.teardown(() => worker.kill('SIGKILL'));
  // It has to load first, and to notice that its core is wanted.
  await promisify(execFile)('taskset', ['-c', '0', process.execPath, '-e', WAKING]);
  const { stdout } = await promisify(execFile)('taskset', ['-c', '0', process.execPath, '-e', WAKING]);
  worker.kill('SIGKILL');
  return Number(stdout);
}

t.test(
  'two programs on one core: one that gives way lets the other have it when it wakes',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const seen: string[] = [];
    let isLess = false;
    // Others may want that core as well while this runs: one quiet moment of three shows it.
    for (let attempt = 0; attempt < 3 && !isLess; attempt++) {
      const without = await timesLate(t, false);
      const late = await timesLate(t, true);
      seen.push(`${late} times late instead of ${without}`);
      isLess = without > 20 && late < without / 3;
    }
    t.ok(isLess, seen.join(', '));
  },
);
