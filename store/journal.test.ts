import fc from 'fast-check';
import t from 'tap';
import { NumberJournal } from './journal.js';

t.test('whatever is counted, dropped and restarted: the journal says the exact numbers, and does not grow beyond them', async (t) => {
  const step = fc.record({
    used: fc.array(fc.tuple(fc.nat(60), fc.nat(9)), { maxLength: 40 }),
    gone: fc.array(fc.nat(60), { maxLength: 2 }),
    restart: fc.boolean(),
  });
  const text = (map: ReadonlyMap<string, number[]>): string => JSON.stringify([...map].sort());
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const truth = new Map<string, number[]>();
        const kept = new Map<string, string>();
        let journal = new NumberJournal('j|');
        for (const { used, gone, restart } of steps) {
          const changed = new Set<string>();
          for (const [thing, more] of used) {
            const [uses, sum] = truth.get(`e${thing}`) ?? [0, 0];
            truth.set(`e${thing}`, [uses + 1, sum + more]);
            changed.add(`e${thing}`);
          }
          const removed = gone.map((thing) => `e${thing}`);
          for (const id of removed) {
            truth.delete(id);
            changed.delete(id);
          }
          for (const { key, value } of journal.write([...changed], removed, (id) => truth.get(id) ?? [])) {
            if (value === null) kept.delete(key);
            else kept.set(key, value);
          }
          if (!restart) continue;
          journal = new NumberJournal('j|');
          const read = journal.read([...kept].sort().map(([key, value]) => ({ key, value })));
          // What is gone leaves the journal with its page; whoever restores knows by then that it is gone.
          for (const id of read.keys()) if (!truth.has(id)) read.delete(id);
          if (text(read) !== text(truth)) return false;
        }
        const lines = [...kept.values()].reduce((sum, value) => sum + (JSON.parse(value) as unknown[]).length, 0);
        return lines <= Math.max(256, truth.size * 3) + 61;
      }),
      { numRuns: 300 },
    ),
  );
});
