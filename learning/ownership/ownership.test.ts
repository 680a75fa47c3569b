import t from 'tap';
import { OwnershipModel, OwnershipView } from './index.js';
import { TUNING } from './worlds/declared.js';
import { play } from './worlds/kit.js';
import { replay } from './worlds/replay.js';

const seed = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const worlds = TUNING.filter((one) => ['saas', 'market', 'graph', 'iot'].includes(one.name));

for (const world of worlds) {
  t.test(`${world.name}: blocks most attacks, hardly any user`, async (t) => {
    const { entries, from } = play(world, { seed: 'test', benign: 2600, attackStart: 1200 });
    const { enforce, alert } = replay(entries, { from });
    t.ok(enforce.macro >= 0.6, `macro ${enforce.macro}`);
    t.ok(enforce.k10 >= 0.75, `k10 ${enforce.k10}`);
    t.ok(enforce.fpr <= 0.01, `false positives ${enforce.fpr}`);
    t.ok(alert.macro >= enforce.macro - 1e-9);
    t.ok((alert.kinds.poison?.[0] ?? 0) > 0, 'who touched foreign objects from the first day is still reported');
  });
}

t.test('bank: whoever was alerted of twice is stopped where nothing is proven yet', async (t) => {
  const bank = TUNING.filter((one) => one.name === 'bank')[0];
  const { entries, from } = play(bank, { seed: 'test', benign: 2600, attackStart: 1200 });
  const { enforce } = replay(entries, { from });
  t.ok(enforce.macro >= 0.64, `macro ${enforce.macro}; without, 0.61`);
  t.equal(enforce.fpr, 0);
});

t.test('a full table forgets what was unused for longest, counts it, and its views forget the same', async (t) => {
  const { entries } = play(worlds[0], { seed: 'full', benign: 600, attackStart: -1 });
  const model = new OwnershipModel({ secret: 'worlds', seed, maxEntries: 400 });
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  for (const { exchange, template } of entries) {
    model.judge({
      exchange,
      endpoint: { id: 'e', service: worlds[0].name, method: exchange.request.method, template },
      pathParameters: [],
      dataHits: [],
    });
    const delta = model.deltas();
    if (delta !== null) view.apply(delta);
  }
  t.equal(model.stats().entries, 400);
  t.ok(model.stats().forgottenEntries > 0);
  t.equal(view.entries, 400);
  const fresh = new OwnershipView();
  for (const chunk of model.snapshot()) fresh.apply(chunk);
  t.equal(fresh.entries, view.entries, 'deltas and snapshot agree');
});

t.test('a restart and a new view go on where they were', async (t) => {
  const { entries } = play(worlds[0], { seed: 'restart', benign: 1200, attackStart: -1 });
  const model = new OwnershipModel({ secret: 'worlds', seed });
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  const observation = (index: number) => ({
    exchange: entries[index].exchange,
    endpoint: { id: 'e', service: worlds[0].name, method: entries[index].exchange.request.method, template: entries[index].template },
    pathParameters: [],
    dataHits: [],
  });
  const saved = new Map<string, string>();
  for (let i = 0; i < 1100; i++) {
    model.observe(observation(i));
    const delta = model.deltas();
    if (delta !== null) view.apply(delta);
    if (i % 200 === 199) for (const { key, value } of model.checkpoint()) value === null ? saved.delete(key) : saved.set(key, value);
  }
  for (let rest = model.checkpoint(); rest.length > 0; rest = model.checkpoint())
    for (const { key, value } of rest) value === null ? saved.delete(key) : saved.set(key, value);
  const again = new OwnershipModel({ secret: 'worlds', seed });
  again.restore([...saved].map(([key, value]) => ({ key, value })));
  t.equal(again.stats().entries, model.stats().entries);
  t.equal(again.stats().people, model.stats().people);
  const fresh = new OwnershipView();
  for (const chunk of again.snapshot()) fresh.apply(chunk);
  t.equal(fresh.entries, view.entries, 'a snapshot equals all deltas');
  for (let i = 1100; i < 1200; i++) {
    const { exchange, template } = entries[i];
    const asked = {
      service: exchange.service,
      method: exchange.request.method,
      template,
      path: '',
      target: exchange.request.target,
      headers: exchange.request.headers,
      parameters: [],
      body: exchange.request.body,
      principalKey: exchange.principal?.key ?? null,
    };
    t.same(fresh.judgeRequest(asked), view.judgeRequest(asked), exchange.request.target);
  }
  t.throws(() => again.restore([{ key: 'p|1', value: '{' }]), { code: 'WEIR_OWNERSHIP_SAVED' });
});

t.test('a better template keeps what was learned under the old one', async (t) => {
  const { entries } = play(worlds[1], { seed: 'rename', benign: 900, attackStart: -1 });
  const model = new OwnershipModel({ secret: 'worlds', seed });
  for (const entry of entries) {
    const template = entry.template.replace('/api/orders/{id}', '/api/orders/item/{id}');
    model.observe({
      exchange: entry.exchange,
      endpoint: { id: 'e', service: 'market', method: entry.exchange.request.method, template },
      pathParameters: [],
      dataHits: [],
    });
  }
  const before = model.stats().provenSlots;
  model.rename('market', 'GET', '/api/orders/{id}', '/api/v2/orders/{order}');
  t.equal(model.stats().provenSlots, before);
});
