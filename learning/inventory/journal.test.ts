import fc from 'fast-check';
import t from 'tap';
import { type Counts, newCounts } from './endpoint.js';
import { CountJournal } from './journal.js';

const plain = ([id, { statuses, ...sums }]: [string, Counts]): unknown => [id, sums, [...statuses].sort()];

t.test('whatever is counted, dropped and restarted: the journal says the exact counts, and does not grow beyond them', async (t) => {
  const step = fc.record({
    used: fc.array(fc.tuple(fc.nat(60), fc.constantFrom(200, 404, 500)), { maxLength: 40 }),
    gone: fc.array(fc.nat(60), { maxLength: 2 }),
    restart: fc.boolean(),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const truth = new Map<string, Counts>();
        const kept = new Map<string, string>();
        let journal = new CountJournal();
        for (const [index, { used, gone, restart }] of steps.entries()) {
          const changed = new Set<string>();
          for (const [endpoint, status] of used) {
            const id = `e${endpoint}`;
            const counts = truth.get(id) ?? newCounts(0);
            truth.set(id, counts);
            counts.requests++;
            counts.lastSeenMs = index;
            counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1);
            changed.add(id);
          }
          const removed = gone.map((endpoint) => `e${endpoint}`);
          for (const id of removed) {
            truth.delete(id);
            changed.delete(id);
          }
          for (const { key, value } of journal.write([...changed], removed, (id) => truth.get(id))) {
            if (value === null) kept.delete(key);
            else kept.set(key, value);
          }
          if (!restart) continue;
          journal = new CountJournal();
          const read = journal.read([...kept].sort().map(([key, value]) => ({ key, value })));
          // Endpoints that are gone leave the journal with their page; the checkpoint has no other entry for them by then.
          for (const id of [...read.keys()]) if (!truth.has(id)) read.delete(id);
          if (JSON.stringify([...read].sort().map(plain)) !== JSON.stringify([...truth].sort().map(plain))) return false;
        }
        const lines = [...kept.values()].reduce((sum, value) => sum + (JSON.parse(value) as unknown[]).length, 0);
        return lines <= Math.max(256, truth.size * 3) + 61;
      }),
      { numRuns: 300 },
    ),
  );
});
