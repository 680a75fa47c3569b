/**
 * How well ownership is learned, on the worlds of learning/ownership/worlds, and what it costs.
 *
 *     node --import tsx bench/bola.bench.ts [--seeds 1,2,3] [--worlds saas,bank] [--ready] [--cost] [--lag 8]
 *
 * Per world: macro TPR, campaigns caught within ten requests, FPR after the attack start; for blocks before the upstream, blocks with withheld
 * answers, and alerts. A gateway knows what the engine had learned `lag` exchanges before; nothing waits for it here. `kept` worlds were not looked at while thresholds were chosen.
 */
import { bodyOf } from '../exchange/index.js';
import { OwnershipView } from '../learning/index.js';
import { KeyedHash } from '../learning/ownership/hash.js';
import { Knowledge } from '../learning/ownership/knowledge.js';
import { sameForAll } from '../learning/ownership/sheet.js';
import { encodeDelta } from '../learning/ownership/wire.js';
import { KEPT_BACK, TUNING, UNLIKE } from '../learning/ownership/worlds/declared.js';
import { play } from '../learning/ownership/worlds/kit.js';
import { type ReplayResult, replay, type Score } from '../learning/ownership/worlds/replay.js';

const flag = (name: string): boolean => process.argv.includes(`--${name}`);
const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : fallback;
};

function quality(attackStart: number, benign: number): void {
  const seeds = option('seeds', '1,2').split(',');
  const only = option('worlds', '') === '' ? null : option('worlds', '').split(',');
  console.log(`\nattacks from ${attackStart} benign requests on, seeds ${seeds.join(',')} (macro TPR / k10 / FPR, per cent)`);
  console.log('world            at request          incl. withheld      alerts');
  for (const [sort, worlds] of [
    ['tuned', TUNING],
    ['kept', KEPT_BACK],
    ['unlike', UNLIKE],
  ] as const) {
    for (const world of worlds) {
      if (only !== null && !only.includes(world.name)) continue;
      const results = seeds.map((seed) => {
        const { entries, from } = play(world, { seed, benign, attackStart });
        return replay(entries, { from, lag: Number(option('lag', '8')) });
      });
      const cell = (pick: (result: ReplayResult) => Score): string => {
        const mean = (of: (score: Score) => number): number => results.reduce((sum, one) => sum + of(pick(one)), 0) / results.length;
        return `${(100 * mean((one) => one.macro)).toFixed(1)} / ${(100 * mean((one) => one.k10)).toFixed(1)} / ${(100 * mean((one) => one.fpr)).toFixed(2)}`.padEnd(
          20,
        );
      };
      console.log(
        `${`${world.name} (${sort})`.padEnd(16)} ${cell((one) => one.request)}${cell((one) => one.enforce)}${cell((one) => one.alert)}`,
      );
    }
  }
}

/** Look-up cost of a view with ten million objects, and bytes an object. */
function cost(): void {
  const objects = Number(option('objects', '10000000'));
  const seed = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);
  const view = new OwnershipView();
  const known = new Knowledge(new KeyedHash(seed));
  const order = known.resource('s', 'order');
  const stance = (is: 'deny' | 'open') => ({ is, confidence: is === 'deny' ? 0.98 : 0, proven: is === 'deny' });
  const stances = { ...sameForAll(stance('deny')), granted: stance('open'), listed: stance('open') };
  const rule = { resource: 'order', stances, principals: 50, accesses: 300, wrappings: [''], repeats: 0 };
  view.apply(
    encodeDelta({
      snapshot: true,
      seed,
      entries: new Uint32Array(0),
      changes: [
        { route: 's\u001fGET /orders/{}', rule: { slots: { 'path:0': rule } } },
        { resource: 's\u001forder', rule: { fields: [{ path: 'userid', role: 'owner', kind: 2 }] } },
      ],
    }),
  );
  const startedAt = performance.now();
  for (let done = 0; done < objects; ) {
    const batch = new Uint32Array(Math.min(200_000, objects - done) * 5);
    for (let at = 0; at < batch.length; at += 5, done++) {
      known.objectKey(order, String(done));
      batch.set([known.hash.hi >>> 0, known.hash.lo >>> 0, (done % 1_000_000) + 1, 2, 1], at);
    }
    view.apply(encodeDelta({ snapshot: false, seed, entries: batch, changes: [] }));
  }
  console.log(
    `\n${objects} objects applied in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${(view.bytes / view.entries).toFixed(1)} bytes each`,
  );
  const times = new Float64Array(200_000);
  let cpuBefore = process.cpuUsage();
  // A gateway that serves has compiled what it runs.
  for (let i = -50_000; i < times.length; i++) {
    if (i === 0) cpuBefore = process.cpuUsage();
    const id = String(Math.floor(Math.random() * objects));
    const asked = {
      service: 's',
      method: 'GET',
      template: '/orders/{id}',
      path: `/orders/${id}`,
      target: `/orders/${id}`,
      headers: ['host', 'h', 'accept', '*/*', 'user-agent', 'bench'],
      parameters: [id],
      body: bodyOf(new Uint8Array(0)),
      principalKey: 'p_bench',
      exchangeId: `e${i}`,
      nowMs: i,
      learnedUpToMs: i,
    };
    const before = process.hrtime.bigint();
    // As a gateway asks.
    view.isStillLearning(asked, i);
    view.judgeRequest(asked);
    const took = Number(process.hrtime.bigint() - before);
    if (i >= 0) times[i] = took;
  }
  const cpu = process.cpuUsage(cpuBefore);
  times.sort();
  console.log(
    `a request judged: p50 ${(times[100_000] / 1000).toFixed(2)} µs, p99 ${(times[198_000] / 1000).toFixed(2)} µs, CPU ${((cpu.user + cpu.system) / times.length).toFixed(2)} µs each with the timer`,
  );
}

if (flag('cost')) cost();
else if (flag('ready')) for (const at of [200, 1000]) quality(at, at + 1200);
else quality(2000, 5000);
