import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Exchange } from '../../exchange/index.js';
import { bearer, exchange, hit, named, type Sketch, START } from '../../test/support/inventory.js';
import { watchAll } from '../detectors/index.js';
import { OwnershipModel } from '../ownership/index.js';
import { Inventory } from './index.js';
import { toJsonSchema } from './schema.js';

t.test('a restart continues where it was', async (t) => {
  const traffic = (from: number, to: number): Exchange[] =>
    Array.from({ length: to - from }, (_, index) => {
      const n = from + index;
      return exchange({
        target: `/v1/items/${n * 3}/parts?size=${n % 9}`,
        headers: bearer(`u${n % 40}`),
        answer: { id: n, tags: ['a'], at: '2024-01-01' },
        atMs: START + n,
        body: { q: n },
        method: 'POST',
      });
    });
  const straight = new Inventory();
  for (const one of traffic(0, 400)) straight.observe(one, [hit('email', 'mail')]);
  let inventory = new Inventory();
  const kept = new Map<string, string>();
  const save = (): void => {
    for (const { key, value } of inventory.checkpoint()) {
      if (value === null) kept.delete(key);
      else kept.set(key, value);
    }
  };
  for (let part = 0; part < 8; part++) {
    for (const one of traffic(part * 50, part * 50 + 50)) inventory.observe(one, [hit('email', 'mail')]);
    save();
    inventory.observe(exchange({ target: '/lost/after/the/checkpoint' }));
    inventory = new Inventory();
    inventory.restore([...kept].map(([key, value]) => ({ key, value })));
  }
  const [a] = straight.endpoints();
  const [b] = inventory.endpoints();
  t.equal(inventory.endpoints().length, 1);
  t.equal(b.ref.template, '/v1/items/{itemId}/parts');
  t.same(b.counts, a.counts);
  t.equal(b.parameters.get('query:size')?.values.max, 8);
  t.same(Object.keys(toJsonSchema(b.request!.root)), Object.keys(toJsonSchema(a.request!.root)));
  t.same(inventory.templates(), straight.templates());
  t.same(inventory.checkpoint(), [], 'nothing changed since');
  t.throws(() => new Inventory().restore([{ key: 'e|x', value: '{' }]), { code: 'INVENTORY_BAD_CHECKPOINT' });
});

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const BOMB = gzipSync(Buffer.alloc(100_000_000, 0x20));

t.test('traffic made to hurt the learners', async (t) => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const wide = `[${'{"a":1,"b":"xxxxxxxxxxxx"},'.repeat(400_000)}1]`;
  const inventory = new Inventory({ maxEndpoints: 500 });
  const ownership = new OwnershipModel({ secret: 'bounds', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const detectors = watchAll();
  for (let n = 0; n < 200; n++) inventory.observe(exchange({ target: '/search?q=a', headers: bearer('ada'), answer: { hits: [] } }));
  const table: [string, Sketch][] = [
    ['10k-deep nesting', { method: 'POST', target: '/in', body: deep }],
    ['10 MB JSON', { method: 'POST', target: '/in', body: wide }],
    ['invalid UTF-8', { method: 'POST', target: '/in', body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]) }],
    ['JSON under another name', { method: 'POST', target: '/in', headers: { 'content-type': 'image/png' }, body: '{"a":1}' }],
    ['no JSON under its name', { method: 'POST', target: '/in', body: '<html>' }],
    ['an answer that is no JSON under its name', { target: '/search?q=a', answer: Buffer.from([0, 1, 2, 0xff]) }],
    ['a form that is JSON', { method: 'POST', target: '/in', headers: { 'content-type': FORM }, body: '{"a":{"b":[1,2]}}' }],
    ['XML that is JSON', { method: 'POST', target: '/in', headers: { 'content-type': 'application/soap+xml' }, body: '{"a":1}' }],
    [
      'no gzip under its name',
      { method: 'POST', target: '/in', headers: { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' }, body: '{"a":1}' },
    ],
    [
      '100 MB in 100 KB of gzip',
      { method: 'POST', target: '/in', headers: { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' }, body: BOMB },
    ],
    [
      'UTF-16 that is not',
      { method: 'POST', target: '/in', headers: { 'content-type': `${JSON_TYPE}; charset=utf-16le` }, body: '{"a":1}' },
    ],
    ['a content type of 60 KB', { method: 'POST', target: '/in', headers: { 'content-type': 'a/'.repeat(30_000) }, body: '{"a":1}' }],
    ['lone surrogates', { method: 'POST', target: '/in', body: '{"\\ud800":"\\udfff"}' }],
    ['GraphQL nested 100k deep', { method: 'POST', target: '/graphql', body: { query: '{a'.repeat(100_000) } }],
    [
      'GraphQL of 20,000 aliases',
      {
        method: 'POST',
        target: '/graphql',
        body: { query: `{${Array.from({ length: 20_000 }, (_, n) => `a${n}:o(id:${n})`).join(' ')}}` },
      },
    ],
    ['broken path', { target: '/%ff%fe/%00/..%2f..%2f' }],
    ['a path of 30,000 segments', { target: `/${'a/'.repeat(30_000)}` }],
    ['a segment of 60 KB', { target: `/files;${'a=1;'.repeat(15_000)}` }],
    ['a query of 5,000 names', { target: `/search?${Array.from({ length: 5000 }, (_, n) => `q${n}=${n}`).join('&')}` }],
    ['2,000 cookies', { target: '/search?q=a', headers: { cookie: Array.from({ length: 2000 }, (_, n) => `k${n}=1`).join('; ') } }],
    ['an answer nested 10k deep', { target: '/search?q=a', answer: deep }],
    ['a form of 250,000 names', { method: 'POST', target: '/in', headers: { 'content-type': FORM }, body: 'a=1&'.repeat(250_000) }],
    ['a GraphQL document of nothing but brackets', { method: 'POST', target: '/graphql', body: { query: 'a('.repeat(200_000) } }],
    ['prototype names', { method: 'POST', target: '/in?__proto__=1&constructor=2', body: '{"__proto__":{"a":1},"constructor":1}' }],
    ['header flood', { target: '/search?q=a', headers: Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`x-h${n}`, 'v'])) }],
    ['no answer keys', { target: '/search?q=a', answer: [[[]]] }],
  ];
  for (const [name, sketch] of table) {
    t.doesNotThrow(() => {
      const observation = inventory.observe(exchange({ ip: '198.51.100.66', ...sketch }));
      detectors.observe(observation, ownership.judge(observation).verdict);
    }, name);
  }
  t.equal(detectors.failures, 0);
  t.ok(ownership.stats().entries < 1_000, `${ownership.stats().entries} entries of whom things belong to`);
  const { unreadable } = inventory.stats();
  t.ok(unreadable['request-too-deep'] >= 1);
  t.ok(unreadable['request-too-big'] >= 1);
  t.ok(unreadable['request-invalid'] >= 1);
  t.ok(unreadable['request-mislabelled'] >= 1);

  for (let n = 0; n < 1200; n++)
    inventory.observe(exchange({ target: `/search?q=a&p${n}=1`, headers: { cookie: `c${n}=1`, ...bearer('eve') }, ip: '198.51.100.66' }));
  for (let n = 0; n < 8_000; n++)
    inventory.observe(exchange({ target: `/spa/${n.toString(36)}q/${(n * 7919).toString(36)}z`, ip: '198.51.100.77' }));
  inventory.settle();
  const search = named(inventory, 'GET /search');
  t.ok(search.parameters.size <= 200);
  t.ok(search.droppedParameters > 800, 'what is not kept is counted');
  t.ok(inventory.endpoints().length <= 500, `${inventory.endpoints().length} endpoints`);
  const findings = inventory.drain().findings.filter((finding) => finding.kind === 'abuse.learner');
  t.ok(findings.length >= 1 && findings.every((finding) => finding.client === '198.51.100.66'), 'the flood of names is reported');
  const size = inventory.checkpoint().reduce((sum, entry) => sum + entry.key.length + (entry.value?.length ?? 0), 0);
  t.ok(size < 4_000_000, `${size} bytes of state`);
});

t.test('a client that makes up names without end fills nothing, and is reported', async (t) => {
  const floods: [what: string, sketch: (n: number) => Sketch, endpoints: number, reported: boolean][] = [
    // Answered whatever they are, they are calls of one place with parameters, and so is whatever comes after them.
    ['paths', (n) => ({ target: `/${n.toString(36)}x/${(n * 7919).toString(36)}y` }), 300, true],
    ['paths that do not exist', (n) => ({ target: `/${n.toString(36)}x`, status: 404 }), 2, true],
    ['query keys', (n) => ({ target: `/search?k${n}=1` }), 2, true],
    ['cookies', (n) => ({ target: '/search', headers: { cookie: `c${n}=1`, ...bearer('eve') } }), 2, true],
    ['headers', (n) => ({ target: '/search', headers: { [`x-h${n}`]: '1', ...bearer('eve') } }), 2, true],
    ['keys of bodies', (n) => ({ method: 'POST', target: '/in', body: { [`k${n}`]: '17' }, answer: { [`k${n}`]: '17' } }), 3, true],
    [
      'GraphQL operations',
      (n) => ({ method: 'POST', target: '/graphql', body: { query: `query Q${n} { a(id: ${n}) }` }, answer: { data: {} } }),
      1_003,
      true,
    ],
    [
      'stored GraphQL operations',
      (n) => ({ method: 'POST', target: '/graphql', body: { operationName: `Q${n}` }, answer: { data: {} } }),
      1_003,
      true,
    ],
    [
      'methods of JSON-RPC',
      (n) => ({ method: 'POST', target: '/rpc', body: { jsonrpc: '2.0', method: `m${n}` }, answer: { result: 1 } }),
      1_003,
      true,
    ],
    [
      'actions of SOAP',
      (n) => ({ method: 'POST', target: '/soap', headers: { soapaction: `a${n}` }, body: '<a/>', answer: '<b/>' }),
      1_003,
      true,
    ],
    ['tokens', (n) => ({ target: '/search', headers: bearer(`made-up-${n}`) }), 2, false],
  ];
  for (const [what, sketch, endpoints, reported] of floods) {
    const inventory = new Inventory({ maxEndpoints: 5_000 });
    const ownership = new OwnershipModel({ secret: 'bounds', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    const detectors = watchAll();
    const see = (one: Sketch): void => {
      const observation = inventory.observe(exchange(one));
      detectors.observe(observation, ownership.judge(observation).verdict);
    };
    const usual = (): void => see({ target: '/search', headers: bearer('ada'), answer: { hits: [] }, ip: '192.0.2.1' });
    for (let n = 0; n < 60; n++) usual();
    for (let n = 0; n < 60; n++)
      see({ method: 'POST', target: '/in', headers: bearer('ada'), body: { a: 1 }, answer: { id: n }, ip: '192.0.2.1' });
    for (let n = 0; n < 6_000; n++) see({ ...sketch(n), ip: '198.51.100.66' });
    inventory.settle();
    t.ok(inventory.endpoints().length <= endpoints, `${what}: ${inventory.endpoints().length} endpoints`);
    const clients = new Set(
      inventory
        .drain()
        .findings.filter(({ kind }) => kind === 'abuse.learner' || kind === 'abuse.scanner')
        .map(({ client }) => client),
    );
    t.same([...clients], reported ? ['198.51.100.66'] : [], `${what}: who is reported`);
    const { contexts, entries } = ownership.stats();
    t.ok(contexts <= 3_000 && entries <= 7_000, `${what}: ${contexts} places, ${entries} entries`);
    const state = [...inventory.checkpoint(), ...ownership.checkpoint()].reduce(
      (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
      0,
    );
    t.ok(state < 6_000_000, `${what}: ${state} bytes of state`);
    for (let n = 0; n < 20; n++) see({ target: `/new-thing/${n}`, headers: bearer('ada'), answer: { id: n }, ip: '192.0.2.1' });
    inventory.settle();
    t.ok(
      what === 'paths' || inventory.endpoints().some(({ ref }) => ref.template.startsWith('/new-thing')),
      `${what}: what is new is learned all the same`,
    );
    t.equal(detectors.failures, 0);
  }
});
