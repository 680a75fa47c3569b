import t from 'tap';
import { isLearned, type Progress, untilLearned } from './until-learned.js';

const at = (kind: string, seenAtMs: number, more: Partial<Progress> & { uncommittedMs?: number } = {}): Progress => ({
  kind,
  state: more.state ?? 'ok',
  seenAtMs,
  lagMs: more.lagMs ?? 0,
  counters: more.uncommittedMs === undefined ? {} : { uncommittedMs: more.uncommittedMs },
});

/** Asked at 1000. */
const CASES: { readonly name: string; readonly sources: readonly Progress[]; readonly is: boolean }[] = [
  { name: 'nothing runs', sources: [], is: true },
  { name: 'no report since', sources: [at('gateway', 900), at('engine', 900)], is: false },
  { name: 'the gateway has not reported since', sources: [at('gateway', 900), at('engine', 1_100)], is: false },
  { name: 'the engine has not reported since', sources: [at('gateway', 1_100), at('engine', 900)], is: false },
  { name: 'the engine reported before the gateway', sources: [at('gateway', 1_100), at('engine', 1_050)], is: false },
  { name: 'all taken, all stored', sources: [at('gateway', 1_100), at('engine', 1_200)], is: true },
  { name: 'some waits at the gateway', sources: [at('gateway', 1_100, { lagMs: 150 }), at('engine', 1_200)], is: false },
  { name: 'only what came later waits at the gateway', sources: [at('gateway', 1_100, { lagMs: 50 }), at('engine', 1_200)], is: true },
  { name: 'some waits at the engine', sources: [at('gateway', 1_100), at('engine', 1_200, { lagMs: 300 })], is: false },
  { name: 'some is not stored', sources: [at('gateway', 1_100), at('engine', 1_200, { uncommittedMs: 300 })], is: false },
  { name: 'only what came later is not stored', sources: [at('gateway', 1_100), at('engine', 1_200, { uncommittedMs: 100 })], is: true },
  { name: 'a sensor is behind', sources: [at('gateway', 1_100), at('sensor', 1_100, { lagMs: 200 }), at('engine', 1_200)], is: false },
  { name: 'one of two engines is behind', sources: [at('engine', 1_200), at('engine', 1_200, { uncommittedMs: 500 })], is: false },
  { name: 'who is gone is not waited for', sources: [at('gateway', 10, { state: 'silent' }), at('engine', 1_200)], is: true },
];

t.test('what passed before a question is learned', async (t) => {
  for (const { name, sources, is } of CASES) t.equal(isLearned(sources, 1_000), is, name);
});

t.test('it is asked again until it is', async (t) => {
  const reports = [[at('gateway', 900)], [at('gateway', 1_100), at('engine', 900)], [at('gateway', 1_100), at('engine', 1_200)]];
  let asked = 0;
  await untilLearned(async () => reports[asked++], 1_000);
  t.equal(asked, 3);
});
