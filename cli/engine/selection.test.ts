import t from 'tap';
import { type ExchangeSketch, exchangeOf } from '../../test/support/exchange.js';
import { latenessMs, Selection } from './selection.js';

const LIMITS = { behindMs: 1_000, ofOne: 4 };
interface Arrival {
  readonly actor: string;
  readonly target: string;
  readonly atMs?: number;
  readonly sketch?: ExchangeSketch;
}
const times = (count: number, arrival: (index: number) => Arrival): Arrival[] =>
  Array.from({ length: count }, (_, index) => arrival(index));
const order = (index: number): Arrival => ({ actor: 'a', target: `/orders/${index}` });

/** What arrives, how far behind the engine is meanwhile, and how many of it are looked at closely. */
const CASES: { readonly name: string; readonly lagMs: number; readonly arrivals: readonly Arrival[]; readonly close: number }[] = [
  { name: 'not behind: all', lagMs: 999, arrivals: times(50, order), close: 50 },
  { name: 'behind: the first of one endpoint and actor', lagMs: 1_000, arrivals: times(50, order), close: 4 },
  { name: 'in each second', lagMs: 1_000, arrivals: times(50, (index) => ({ ...order(index), atMs: index < 25 ? 0 : 1_000 })), close: 8 },
  { name: 'the further behind, the fewer', lagMs: 2_000, arrivals: times(50, order), close: 2 },
  { name: 'but never none', lagMs: 60_000, arrivals: times(50, order), close: 1 },
  { name: 'each endpoint', lagMs: 1_000, arrivals: times(50, (index) => ({ actor: 'a', target: `/${'abcde'[index % 5]}/x` })), close: 20 },
  { name: 'each actor', lagMs: 1_000, arrivals: times(50, (index) => ({ ...order(index), actor: `${index % 10}` })), close: 40 },
  {
    name: 'far behind, actors are no reason',
    lagMs: 4_000,
    arrivals: times(50, (index) => ({ ...order(index), actor: `${index}` })),
    close: 1,
  },
  {
    name: 'each kind of answer',
    lagMs: 4_000,
    arrivals: times(50, (index) => ({ ...order(index), sketch: { response: { status: index % 2 === 0 ? 200 : 403 } } })),
    close: 2,
  },
  {
    name: 'a query does not make an endpoint',
    lagMs: 4_000,
    arrivals: times(50, (index) => ({ actor: 'a', target: `/search?q=${'x'.repeat(index)}` })),
    close: 1,
  },
  {
    name: 'what a gateway acted on: all',
    lagMs: 60_000,
    arrivals: times(50, (index) => ({
      ...order(index),
      sketch: { outcome: { action: 'blocked', mode: 'enforce', phase: 'request', acts: [], incidentId: 'W-1' } },
    })),
    close: 50,
  },
  {
    name: 'what people import: all',
    lagMs: 60_000,
    arrivals: times(50, (index) => ({ ...order(index), sketch: { observer: { kind: 'import', id: 'f' } } })),
    close: 50,
  },
];

t.test('which exchanges are looked at closely', async (t) => {
  for (const { name, lagMs, arrivals, close } of CASES) {
    const selection = new Selection(LIMITS);
    const chosen = arrivals.filter(({ actor, target, atMs = 0, sketch }) =>
      selection.isClose(exchangeOf({ ...sketch, request: { target } }), actor, lagMs, atMs),
    );
    t.equal(chosen.length, close, name);
    t.equal(selection.passedOver, arrivals.length - close, name);
  }
});

t.test('room that fills up counts as being late, before exchanges are dropped', async (t) => {
  const cases: [lagMs: number, filled: number, lateMs: number][] = [
    [200, 0, 200],
    [200, 0.49, 200],
    [200, 0.5, 3_000],
    [200, 0.75, 6_000],
    [200, 1, 9_000],
    [20_000, 0.75, 20_000],
  ];
  for (const [lagMs, filled, lateMs] of cases) t.equal(latenessMs({ lagMs, filled }), lateMs, `${lagMs} ms, ${filled}`);
});
