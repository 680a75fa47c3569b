import { gzipSync } from 'node:zlib';
import t from 'tap';
import { type Body, bodyOf, type Observation } from '../../exchange/index.js';
import { bearer, exchange } from '../../test/support/inventory.js';
import { addSamples, newContext } from './contexts.js';
import { KeyedHash } from './hash.js';
import { type AccessRequest, OwnershipModel, OwnershipView } from './index.js';
import { Knowledge } from './knowledge.js';
import { pathNumber, pathStats } from './paths.js';
import { Shown } from './shown.js';

const SEED = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

t.test('a million resources: the longest unused are forgotten, and counted', async (t) => {
  const known = new Knowledge(new KeyedHash(SEED));
  const shown = new Shown();
  let told = 0;
  known.onForgotten = (numbers) => {
    told += numbers.size;
    shown.forget(numbers);
  };
  known.sheet.apply({ resource: 's\u001finvoice', rule: { fields: [] } });
  const ruled = known.resource('s', 'invoice').number;
  shown.note(7, ruled);
  const orders = known.resource('s', 'order').number;
  shown.note(8, known.resource('s', 'basket').number);
  const held = (): boolean => known.resource('s', 'order').number === orders;
  for (let n = 0; n < 1_000_000; n++) {
    const { number } = known.resource('s', `made-up-${n}`);
    if (number < 1 || number > 20_000) t.fail(`number ${number}`);
    if (n % 1_000 === 0 && !held()) t.fail('one in use was forgotten');
  }
  t.ok(known.resources <= 20_000, `${known.resources} held`);
  t.equal(known.forgottenResources, 1_000_003 - known.resources, 'what is not held is counted');
  t.equal(told, known.forgottenResources);
  t.equal(known.resource('s', 'invoice').number, ruled, 'one with a rule outlives those without');
  t.same(shown.of(7), [ruled]);
  t.same(shown.of(8), [], 'an id is not taken for what its old number stands for now');
  t.equal(known.resource('s', 'x'.repeat(10_000)).number, 0, 'names made to fill memory are not held');
});

t.test('a million paths of fields: numbers for those that come again, and room is kept for them', async (t) => {
  for (let n = 0; n < 1_000_000; n++) pathNumber(`made.up.${n}`);
  t.ok(pathStats().numbered <= 10_000, `${pathStats().numbered} numbers`);
  t.ok(pathStats().refused >= 990_000);
  t.equal(pathNumber('order.owner'), -1);
  const number = pathNumber('order.owner');
  t.ok(number > 0, 'what comes again gets one');
  t.equal(pathNumber('order.owner'), number);
  t.equal(pathNumber('x'.repeat(10_000)), -1);
});

t.test('answers full of made-up names take bounded room, and what comes after them is learned', async (t) => {
  const model = new OwnershipModel({ secret: 'bounds', seed: SEED, maxEntries: 5_000 });
  const see = (method: string, template: string, id: string, user: string, answer: unknown): ReturnType<OwnershipModel['judge']> => {
    const target = template.replace('{id}', id);
    const observation: Observation = {
      exchange: exchange({ method, target, headers: bearer(user), answer }),
      endpoint: { id: `${method} ${template}`, service: 'shop', method, template },
      pathParameters: [id],
      dataHits: [],
    };
    return model.judge(observation);
  };
  for (let n = 0; n < 24_000; n++) see('GET', `/made-up-${n}/{id}`, `${n}`, 'eve', { [`thing${n}`]: { id: n, [`name${n}`]: 'x' } });
  const { resources, forgottenResources, fieldPaths, forgottenFieldPaths, entries, contexts } = model.stats();
  t.ok(resources <= 20_000 && forgottenResources > 0, `${resources} resources, ${forgottenResources} forgotten`);
  t.ok(fieldPaths <= 20_001 && forgottenFieldPaths > 0, `${fieldPaths} paths`);
  t.ok(entries <= 5_000 && contexts <= 60_000, `${entries} entries, ${contexts} places`);
  for (let round = 0; round < 6; round++)
    for (let n = 0; n < 12; n++) {
      see('GET', '/me', '', `u${n}`, { id: `u${n}`, email: `u${n}@x.test` });
      see('GET', '/letters/{id}', `${n * 7 + round * 100}`, `u${n}`, { id: n * 7 + round * 100, userId: `u${n}`, text: 'x' });
    }
  const { verdict } = see('GET', '/letters/{id}', '7', 'u5', { id: 7, userId: 'u1', text: 'x' });
  t.match(verdict, { relation: 'foreign' });
});

t.test('what a body holds beyond what is read of it is not judged, and that is counted', async (t) => {
  const order = { id: 7, items: 'x'.repeat(300_000) };
  const whole = Buffer.from(JSON.stringify(order));
  const json = { ...bearer('ann'), 'content-type': 'application/json' };
  const table: readonly [what: string, headers: Record<string, string>, body: Body, counted: number][] = [
    ['a small body', json, bodyOf(Buffer.from('{"id":7}')), 0],
    ['of which only the beginning was captured', json, bodyOf(whole.subarray(0, 65_536), whole.length), 1],
    ['longer than what is read', json, bodyOf(whole), 1],
    ['longer once it is inflated', { ...json, 'content-encoding': 'gzip' }, bodyOf(gzipSync(whole)), 1],
    ['a form that was cut', { ...json, 'content-type': 'application/x-www-form-urlencoded' }, bodyOf(Buffer.from('id=7&a='), 70_000), 1],
    ['a picture that was cut', { ...json, 'content-type': 'image/png' }, bodyOf(Buffer.from('\x89PNG'), 70_000), 0],
  ];
  for (const [what, headers, body, counted] of table) {
    const model = new OwnershipModel({ secret: 'bounds', seed: SEED });
    const made = exchange({ method: 'POST', target: '/orders', headers });
    const request = { ...made.request, body };
    const response = { ...made.response!, headers: ['Content-Type', headers['content-type']], body };
    model.judge({
      exchange: { ...made, request, response },
      endpoint: { id: 'e', service: 'shop', method: 'POST', template: '/orders' },
      pathParameters: [],
      dataHits: [],
    });
    const { unjudgedRequestBodies, unjudgedAnswers } = model.stats();
    t.equal(unjudgedRequestBodies, counted, `${what}: by the engine`);
    t.equal(unjudgedAnswers, body.missing.length > 0 && headers['content-type'] === 'application/json' ? 1 : 0, `${what}: as an answer`);
    const view = new OwnershipView();
    const asked: AccessRequest = {
      ...request,
      service: 'shop',
      template: '/orders',
      path: '/orders',
      parameters: [],
      principalKey: made.principal!.key,
    };
    view.judgeRequest(asked);
    view.judgeResponse(asked, { status: 200, headers: [], body: null });
    t.equal(view.bodiesNotJudged, counted, `${what}: by a gateway, once a request`);
  }
});

t.test('what a place keeps becomes less where there are many', async (t) => {
  const table: [places: number, samples: number, people: number][] = [
    [1, 300, 400],
    [2_000, 300, 400],
    [4_000, 150, 400],
    [20_000, 30, 200],
    [60_000, 24, 100],
  ];
  for (const [places, samples, people] of table) {
    const context = newContext('', 'shop', '/orders/{}', 'path:0', 'order', false);
    for (let n = 1; n <= 400; n++)
      addSamples(context, [{ person: n, hi: n, lo: n, value: 0, fields: null, denied: false, was: null }], places);
    t.equal(context.samples.length, samples, `${places} places`);
    t.equal(context.people.size, people, `${places} places, people`);
    t.equal(context.samples.at(-1)?.person, 400, 'the latest');
  }
});
