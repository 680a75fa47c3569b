import t from 'tap';
import type { Exchange, Finding } from '../../exchange/index.js';
import { bearer, exchange, HOUR, hit, kindsOf, now, type Sketch, START } from '../../test/support/inventory.js';
import { readApiDocument } from '../import/index.js';
import { Inventory } from './index.js';

/** Each finding shows what was and what is. */
const hasBothSides = ({ evidence }: Finding): boolean =>
  ['before', 'after'].every((side) => evidence.some(({ type, excerpt }) => type === side && excerpt !== ''));

t.test('changes after the warm-up, and what is none', async (t) => {
  const inventory = new Inventory({ warmUpCalls: 100, warmUpMs: HOUR });
  const calm = (n: number, atMs: number): Exchange =>
    exchange({ target: `/users/${n % 7}?view=full`, headers: bearer(`user${n % 4}`), answer: { id: n, name: 'x' }, atMs });
  for (let n = 0; n < 150; n++) inventory.observe(calm(n, START + n));
  t.same(kindsOf(inventory.drain()), [], 'everything is new while warming up');
  const later = START + 2 * HOUR;
  for (let n = 0; n < 50; n++) inventory.observe(calm(n, later + n));
  t.same(kindsOf(inventory.drain()), [], 'the usual is no finding');

  inventory.observe(exchange({ target: '/export', headers: bearer('user1'), answer: {}, atMs: later + 100 }));
  t.match(inventory.drain().findings, [
    { kind: 'inventory.new-endpoint', endpoint: { template: '/export' }, explanation: /after 200 exchanges on 1 other/ },
  ]);

  inventory.observe(exchange({ target: '/users/3?view=full&debug=1', headers: bearer('user1'), answer: { id: 1 }, atMs: later + 110 }));
  t.match(inventory.drain().findings, [
    {
      kind: 'inventory.new-parameter',
      evidence: [
        { location: { in: 'query', path: 'debug' }, type: 'before', excerpt: /^not sent in \d+ requests since 2023-11-14$/ },
        { location: { in: 'query', path: 'debug' }, type: 'after', excerpt: 'sent, and answered 200' },
      ],
    },
  ]);
  inventory.observe(exchange({ target: '/users/3?view=full&debug=1', headers: bearer('user1'), answer: { id: 1 }, atMs: later + 111 }));
  inventory.observe(exchange({ target: '/users/3?view=full&odd=1', headers: bearer('user1'), status: 400, atMs: later + 112 }));
  t.same(kindsOf(inventory.drain()), [], 'known by now; and what was refused is not learned');

  inventory.observe(exchange({ target: '/users/3', headers: bearer('user1'), answer: { id: 1, ssn: 'x' }, atMs: later + 120 }), [
    hit('us-ssn', 'ssn'),
  ]);
  const leak = inventory.drain();
  t.match(leak.findings, [
    { kind: 'data.new-in-response', explanation: /now hold us-ssn at ssn; \d+ earlier answers since 2023-11-14 held no sensitive data/ },
  ]);
  t.ok(leak.findings.every(hasBothSides));
  t.match(leak.dataSightings, [{ type: 'us-ssn', path: 'ssn', place: 'body', phase: 'response', count: 1 }]);
  t.match(leak.history, [{ kind: 'new-data', text: 'answers hold us-ssn at ssn' }]);
  t.match(leak.endpoints[0], { dataTypes: ['us-ssn'] });

  inventory.observe(exchange({ target: '/users/3', status: 401, atMs: later + 130 }));
  t.same(kindsOf(inventory.drain()), []);
  inventory.observe(exchange({ target: '/users/3', answer: { id: 1 }, atMs: later + 140 }));
  const weaker = inventory.drain();
  t.match(weaker.history, [{ kind: 'auth-weakened', text: /^authentication became optional/ }]);
  t.match(weaker.findings, [
    {
      kind: 'auth.weakened',
      confidence: 0.95,
      succeeded: true,
      explanation: /answered 200; before, \d+ answers went to 4 callers with bearer and 1 requests without were refused/,
    },
  ]);

  t.ok(weaker.findings.every(hasBothSides));

  inventory.review(later + 40 * 24 * HOUR);
  const silent = inventory.drain(later + 40 * 24 * HOUR);
  t.match(silent.findings, [
    {
      kind: 'inventory.zombie',
      evidence: [
        { type: 'before', excerpt: /^2\d\d requests until 2023-11-15$/ },
        { type: 'after', excerpt: 'none for 40 days' },
      ],
    },
  ]);
  t.ok(silent.endpoints[0].tags.includes('zombie'));
  inventory.observe(calm(1, later + 41 * 24 * HOUR));
  const awake = inventory.drain(later + 41 * 24 * HOUR);
  t.notOk(awake.endpoints[0].tags.includes('zombie'), 'called again, it is dead no more');
  t.match(awake.history, [{ kind: 'active-again' }]);
});

t.test('a public endpoint and a login are not weakened', async (t) => {
  const inventory = new Inventory({ warmUpCalls: 10, warmUpMs: 0 });
  for (let n = 0; n < 100; n++) {
    inventory.observe(exchange({ target: '/products', headers: n % 3 === 0 ? {} : bearer(`user${n % 9}`) }));
    inventory.observe(exchange({ method: 'POST', target: '/login', body: { user: 'a', password: 'b' } }));
  }
  t.same(
    kindsOf(inventory.drain()).filter((kind) => kind.startsWith('auth')),
    [],
  );
});

t.test('an old version beside a new one', async (t) => {
  const table: readonly [string, old: number, newer: number, string[]][] = [
    ['while the new one carries more', 80, 200, ['v2 of it answered']],
    ['while the new one is tried by a few', 200, 20, []],
    ['and none newer', 200, 0, []],
  ];
  for (const [name, old, newer, expected] of table) {
    const inventory = new Inventory({ warmUpCalls: 10, warmUpMs: 0 });
    for (let n = 0; n < Math.max(old, newer); n++) {
      if (n < newer) inventory.observe(exchange({ target: `/v2/orders/${n}` }));
      if (n < old) inventory.observe(exchange({ target: `/v1/orders/${n}` }));
    }
    const deprecated = inventory.drain().findings.filter(({ kind }) => kind === 'inventory.deprecated');
    t.ok(deprecated.every(hasBothSides) && deprecated.every(({ endpoint }) => endpoint?.template === '/v1/orders/{orderId}'), name);
    t.equal(deprecated.length, expected.length, name);
    for (const [index, text] of expected.entries()) t.ok(deprecated[index].explanation.includes(text), deprecated[index].explanation);
  }
  const inventory = new Inventory({ warmUpCalls: 2, warmUpMs: 0 });
  for (let n = 0; n < 5; n++)
    inventory.observe(exchange({ target: '/prices', answerHeaders: { sunset: 'Sat, 31 Dec 2033 23:59:59 GMT' } }));
  t.same(
    inventory
      .drain()
      .findings.filter(({ kind }) => kind === 'inventory.deprecated')
      .map(({ endpoint }) => endpoint?.template),
    ['/prices'],
    'it says so itself',
  );
});

t.test('against an imported description: shadow, drift, orphan, deprecated', async (t) => {
  const text = JSON.stringify({
    openapi: '3.0.3',
    info: { title: 'Shop', version: '1' },
    servers: [{ url: 'https://shop.test/api' }],
    paths: {
      '/orders/{orderRef}': {
        get: {
          parameters: [
            { name: 'orderRef', in: 'path', required: true, schema: { type: 'string' } },
            { name: 'expand', in: 'query', schema: { type: 'string' } },
          ],
          responses: { 200: { description: 'ok', content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } } },
        },
      },
      '/never': { get: { responses: { 200: { description: 'ok' } } } },
      '/old': { get: { deprecated: true, responses: { 200: { description: 'ok' } } } },
    },
    components: {
      schemas: {
        Order: { type: 'object', required: ['id'], properties: { id: { type: 'integer' }, total: { type: 'number', nullable: true } } },
      },
    },
  });
  const inventory = new Inventory({ warmUpCalls: 2, warmUpMs: 0 });
  inventory.edits.useDocument('shop', await readApiDocument(text, 'shop.json'), START);
  const order = (more: Partial<Sketch>): void => {
    inventory.observe(exchange({ target: '/api/orders/summer-sale', answer: { id: 1, total: null }, ...more }));
  };
  order({});
  t.equal(inventory.endpoints()[0].ref.template, '/api/orders/{orderRef}', 'its names, from the first call');
  t.same(kindsOf(inventory.drain()), []);
  order({ target: '/api/orders/x?expand=all&debug=1' });
  order({ answer: { id: 'one' } });
  order({ answer: { total: 1 } });
  order({ status: 206 });
  const drift = inventory.drain().findings;
  t.ok(drift.every(hasBothSides));
  t.same(
    drift.map((finding) => finding.explanation),
    [
      'The query parameter "debug" is in use, unlike openapi:shop.json says.',
      'The response body at id is a string instead of an integer, unlike openapi:shop.json says.',
      'An answer had status 206, unlike openapi:shop.json says.',
    ],
    'each place once a day',
  );
  inventory.observe(exchange({ target: '/api/debug/vars' }));
  inventory.observe(exchange({ target: '/api/old' }));
  const more = inventory.drain();
  t.ok(more.findings.every(hasBothSides));
  t.same(
    kindsOf(more).filter((kind) => kind !== 'inventory.new-endpoint'),
    ['inventory.deprecated', 'inventory.shadow'],
  );
  inventory.review(now());
  t.match(
    inventory.drain().findings.map((finding) => [finding.kind, finding.endpoint?.template]),
    [['inventory.orphan', '/api/never']],
  );
});
