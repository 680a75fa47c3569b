import t from 'tap';
import {
  bodyOf,
  type DataHit,
  type Exchange,
  emptyBody,
  headersOf,
  newId,
  PrincipalReader,
  TemplateMatcher,
} from '../../exchange/index.js';
import { readApiDocument } from '../import/index.js';
import { type EndpointState, Inventory, type InventoryDelta, rulesOfDocument, rulesOfTraffic, schemaViolations } from './index.js';
import { authRequired } from './row.js';
import { toJsonSchema } from './schema.js';

const START = 1_700_000_000_000;
const HOUR = 3_600_000;
const reader = new PrincipalReader('test');

interface Sketch {
  readonly method?: string;
  readonly target: string;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly answer?: unknown;
  readonly answerHeaders?: Record<string, string>;
  readonly ip?: string;
  readonly atMs?: number;
  readonly service?: string;
  readonly blocked?: boolean;
  readonly kind?: Exchange['kind'];
}

let clock = START;

function exchange(sketch: Sketch): Exchange {
  const atMs = sketch.atMs ?? clock++;
  const typed = (headers: Record<string, string> | undefined, body: unknown): string[] => [
    ...headersOf(headers ?? {}),
    ...(body === undefined || headers?.['content-type'] !== undefined ? [] : ['Content-Type', 'application/json']),
  ];
  const bytes = (body: unknown): Exchange['request']['body'] =>
    body === undefined
      ? emptyBody
      : bodyOf(body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
  const headers = typed(sketch.headers, sketch.body);
  const id = newId(atMs);
  return {
    id,
    requestId: id,
    kind: sketch.kind ?? 'http',
    observer: { kind: 'gateway', id: 'test' },
    service: sketch.service ?? 'shop',
    client: { ip: sketch.ip ?? '192.0.2.7', port: 1 },
    server: { ip: '192.0.2.1', port: 80 },
    startedAtMs: atMs,
    durationMs: 12,
    upstreamMs: 10,
    request: {
      method: sketch.method ?? 'GET',
      scheme: 'https',
      host: 'shop.test',
      target: sketch.target,
      httpVersion: '1.1',
      headers,
      body: bytes(sketch.body),
      trailers: [],
    },
    response: {
      status: sketch.status ?? 200,
      httpVersion: '1.1',
      headers: typed(sketch.answerHeaders, sketch.answer),
      body: bytes(sketch.answer),
      trailers: [],
    },
    principal: reader.read(headers, sketch.target),
    outcome: { action: sketch.blocked === true ? 'blocked' : 'passed', mode: 'enforce', phase: null, acts: [] },
    tags: [],
  };
}

const bearer = (name: string): Record<string, string> => ({ authorization: `Bearer ${name}-0123456789` });
const jwt = (claims: object): Record<string, string> => ({
  authorization: `Bearer ${[{ alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.sig`,
});
const hit = (type: string, path: string): DataHit => ({
  type,
  confidence: 0.9,
  count: 1,
  location: { phase: 'response', in: 'body', path },
});
const named = (inventory: Inventory, name: string): EndpointState => {
  const found = inventory.endpoints().find((state) => `${state.ref.method} ${state.ref.template}` === name);
  if (found === undefined)
    throw new Error(
      `no ${name} in ${inventory
        .endpoints()
        .map((state) => `${state.ref.method} ${state.ref.template}`)
        .join(', ')}`,
    );
  return found;
};
const kindsOf = (delta: InventoryDelta): string[] => delta.findings.map((finding) => finding.kind).sort();

t.test('an endpoint with its parameters, schemas and callers', async (t) => {
  const inventory = new Inventory();
  for (let n = 1; n <= 40; n++) {
    inventory.observe(
      exchange({
        method: 'POST',
        target: `/users/${n * 13}/orders?dryRun=${n % 2 === 0}&page=${n}&kind=${['new', 'old'][n % 2]}`,
        headers: { ...jwt({ sub: `u${n % 5}`, role: 'buyer' }), 'x-tenant': `t${n % 3}` },
        body: {
          items: [{ sku: `A-${n}`, count: n }],
          note: n % 4 === 0 ? null : 'x',
          address: { zip: '10115', email: `u${n}@example.org` },
        },
        answer: { id: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', total: n * 1.5, state: ['open', 'paid'][n % 2] },
        status: 201,
      }),
    );
  }
  inventory.settle();
  const { endpoints, counters, services } = inventory.drain();
  t.equal(endpoints.length, 1);
  const [row] = endpoints;
  t.match(row, {
    ref: { service: 'shop', method: 'POST', template: '/users/{userId}/orders' },
    access: 'private',
    authRequired: null,
    auth: ['jwt'],
  });
  const parameters = new Map(row.detail.parameters?.map((parameter) => [`${parameter.in}:${parameter.name}`, parameter]));
  t.match(parameters.get('path:userId'), { types: ['integer'], required: true, isId: true, min: 13, seen: 40 });
  t.match(parameters.get('query:dryRun'), { types: ['boolean'], required: true, isId: false });
  t.match(parameters.get('query:kind'), { values: ['new', 'old'] });
  t.match(parameters.get('query:page'), { min: 1, max: 40 });
  t.match(parameters.get('header:x-tenant'), { seen: 21 }, 'headers are sampled after the first twenty');
  t.match(parameters.get('body:items[*].count'), { types: ['integer'], min: 1, max: 40 });
  t.match(parameters.get('body:address.email'), { format: 'email' });
  t.same(row.detail.roles, ['buyer']);
  t.equal(row.detail.principals, 5);
  t.match(row.detail.responses, [
    {
      status: '201',
      count: 40,
      schema: {
        type: 'object',
        properties: { id: { format: 'uuid' }, state: { enum: ['open', 'paid'] }, total: { type: 'number' } },
        required: ['id', 'total', 'state'],
      },
    },
  ]);
  t.match(row.detail.request?.schema, { properties: { note: { type: ['string', 'null'] }, items: { type: 'array' } } });
  t.ok(row.fields.includes('sku') && row.fields.includes('state'));
  t.equal(
    counters.reduce((sum, one) => sum + (one.requests ?? 0), 0),
    40,
  );
  t.match(services, [{ name: 'shop', about: { hosts: ['shop.test'] } }]);
  t.notMatch(JSON.stringify(row), /u7@example|10115|A-7\b/, 'no value of anybody is in the row');
  t.same(inventory.drain().endpoints, [], 'nothing new, nothing written');
});

t.test('ways to authenticate', async (t) => {
  const table: [string, Record<string, string>, string, string][] = [
    ['basic', { authorization: 'Basic YWRhOnNlY3JldA==' }, '/a', 'basic header:authorization'],
    ['opaque bearer', bearer('ada'), '/a', 'bearer header:authorization'],
    ['jwt', jwt({ sub: 'ada' }), '/a', 'jwt header:authorization'],
    ['oauth2', jwt({ sub: 'ada', scope: 'read' }), '/a', 'oauth2 header:authorization'],
    ['key header', { 'x-api-key': 'k-1234567890' }, '/a', 'api-key header:x-api-key'],
    ['key in the query', {}, '/a?api_key=k-1234567890', 'api-key query:api_key'],
    ['session cookie', { cookie: 'theme=dark; sessionid=abcdef0123456789' }, '/a', 'session-cookie cookie:sessionid'],
    ['signed', { authorization: 'AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=00' }, '/a', 'hmac header:authorization'],
  ];
  for (const [name, headers, target, key] of table) {
    const inventory = new Inventory();
    inventory.observe(exchange({ target, headers }));
    t.same([...inventory.endpoints()[0].auth.keys()], [key], name);
    t.equal(authRequired(inventory.endpoints()[0]), null, `${name}: nobody tried without`);
  }
  const both = new Inventory();
  both.observe(exchange({ target: '/a', headers: { ...bearer('ada'), 'x-api-key': 'k-1234567890' } }));
  both.observe(exchange({ target: '/a', status: 401 }));
  t.equal(both.endpoints()[0].auth.size, 2);
  t.equal(authRequired(both.endpoints()[0]), true);
  both.observe(exchange({ target: '/a', headers: { cookie: 'csrftoken=abcdef0123456789' } }));
  t.equal(authRequired(both.endpoints()[0]), false);
});

t.test('operations behind one path', async (t) => {
  const inventory = new Inventory();
  const table: Sketch[] = [
    { method: 'POST', target: '/graphql', body: { query: 'query GetUser($id: ID!) { user(id: $id) { name } }', variables: { id: 1 } } },
    { method: 'POST', target: '/graphql', body: { query: 'mutation { deleteUser(id: 1) { ok } }' } },
    { method: 'POST', target: '/rpc', body: { jsonrpc: '2.0', method: 'eth_getBalance', params: [], id: 1 } },
    { method: 'POST', target: '/soap', headers: { soapaction: '"http://x.test/GetQuote"', 'content-type': 'text/xml' }, body: '<x/>' },
    { target: '/live/feed', status: 101, kind: 'websocket' },
    { method: 'POST', target: '/plain', body: { method: 'x' } },
  ];
  for (const sketch of table) inventory.observe(exchange(sketch));
  t.same(
    inventory
      .endpoints()
      .map((state) => state.ref.template)
      .sort(),
    ['/graphql#mutation deleteUser', '/graphql#query GetUser', '/live/feed', '/plain', '/rpc#eth_getBalance', '/soap#GetQuote'],
  );
  const matcher = TemplateMatcher.of(inventory.templates());
  t.equal(matcher.match('shop', 'POST', '/graphql')?.endpoint.template, '/graphql', 'gateways match the path');
});

t.test('refused and unknown paths make no endpoints, many of them are a finding', async (t) => {
  const inventory = new Inventory();
  inventory.observe(exchange({ target: '/users/1' }));
  for (let n = 0; n < 500; n++) inventory.observe(exchange({ target: `/${n.toString(36)}x/admin.php`, status: 404, ip: '198.51.100.9' }));
  for (let n = 0; n < 300; n++) inventory.observe(exchange({ target: '/favicon.ico', status: 404, ip: '203.0.113.5' }));
  inventory.observe(exchange({ target: '/users/2', status: 403 }));
  const observation = inventory.observe(exchange({ target: '/nowhere/77', status: 404 }));
  t.equal(observation.endpoint.template, '/nowhere/{id}');
  t.same(
    inventory.endpoints().map((state) => [state.ref.template, state.counts.requests]),
    [['/users/{userId}', 2]],
  );
  const { findings, counters } = inventory.drain();
  t.match(findings, [
    { kind: 'abuse.scanner', client: '198.51.100.9', explanation: /paths that do not exist under about \d+ different names/ },
  ]);
  t.equal(
    counters.filter((one) => one.endpointId === null).reduce((sum, one) => sum + (one.requests ?? 0), 0),
    801,
  );
});

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
  t.match(inventory.drain().findings, [{ kind: 'inventory.new-parameter', evidence: [{ location: { in: 'query', path: 'debug' } }] }]);
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
  t.match(leak.dataSightings, [{ type: 'us-ssn', path: 'ssn', place: 'body', phase: 'response', count: 1 }]);
  t.match(leak.history, [{ kind: 'new-data', text: 'answers hold us-ssn at ssn' }]);
  t.match(leak.endpoints[0], { dataTypes: ['us-ssn'] });

  inventory.observe(exchange({ target: '/users/3', status: 401, atMs: later + 130 }));
  t.same(kindsOf(inventory.drain()), []);
  inventory.observe(exchange({ target: '/users/3', answer: { id: 1 }, atMs: later + 140 }));
  t.match(inventory.drain().findings, [
    {
      kind: 'auth.weakened',
      confidence: 0.95,
      succeeded: true,
      explanation: /answered 200; before, \d+ answers went to 4 callers with bearer and 1 requests without were refused/,
    },
  ]);

  inventory.review(later + 40 * 24 * HOUR);
  t.same(kindsOf(inventory.drain(later + 40 * 24 * HOUR)), ['inventory.zombie']);
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
  t.same(
    kindsOf(more).filter((kind) => kind !== 'inventory.new-endpoint'),
    ['inventory.deprecated', 'inventory.shadow'],
  );
  inventory.review(clock);
  t.match(
    inventory.drain().findings.map((finding) => [finding.kind, finding.endpoint?.template]),
    [['inventory.orphan', '/api/never']],
  );
});

t.test('a later insight moves what was counted', async (t) => {
  const inventory = new Inventory();
  const names =
    'ada bob.smith carla dmitri_k e.lopez frank77 gina hkim ines.p jdoe42 kofi lars mei-lin noah omar99 priya quinn_r rosa stefan tariq'.split(
      ' ',
    );
  const ids = new Map<string, number>();
  const apply = (delta: InventoryDelta): void => {
    for (const counter of delta.counters)
      ids.set(counter.endpointId ?? '', (ids.get(counter.endpointId ?? '') ?? 0) + (counter.requests ?? 0));
    for (const fold of delta.folds) {
      ids.set(fold.into, (ids.get(fold.into) ?? 0) + (ids.get(fold.from) ?? 0));
      ids.delete(fold.from);
    }
  };
  let calls = 0;
  for (let round = 0; round < 3; round++) {
    for (const name of names) {
      inventory.observe(exchange({ target: `/people/${name}/posts`, headers: bearer(name), answer: { posts: [] } }));
      calls++;
      if (calls % 5 === 0) apply(inventory.drain());
    }
  }
  inventory.settle();
  const last = inventory.drain();
  apply(last);
  const state = named(inventory, 'GET /people/{personId}/posts'.replace('personId', 'peopleId'));
  t.equal(inventory.endpoints().length, 1);
  t.equal(state.counts.requests, calls);
  t.same([...ids], [[state.ref.id, calls]], 'the store ends with one endpoint and every call');
  const matcher = TemplateMatcher.of(inventory.templates());
  t.equal(matcher.match('shop', 'GET', '/people/zoe/posts')?.endpoint.id, state.ref.id);
  t.match(inventory.edits.explain(state.ref.id)[1].text, /20 distinct values in 60 calls/);

  const pinned = inventory.endpoints().length;
  inventory.edits.split('shop', '/people/{peopleId}/posts', 1, 'ada', 'user:root');
  inventory.observe(exchange({ target: '/people/ada/posts' }));
  t.equal(named(inventory, 'GET /people/ada/posts').counts.requests, 1);
  t.equal(inventory.edits.undo('shop').source, 'user:root');
  inventory.settle();
  t.equal(inventory.endpoints().length, pinned, 'undone: the split endpoint is folded back');
  t.equal(named(inventory, 'GET /people/{peopleId}/posts').counts.requests, calls + 1);
  t.throws(() => inventory.edits.undo('shop'), { code: 'INVENTORY_NOTHING_TO_UNDO' });
  t.throws(() => inventory.edits.pin('shop', '/a/{x}/{x}', 'user:root'), { code: 'INVENTORY_BAD_TEMPLATE' });
  t.throws(() => inventory.edits.explain('nope'), { code: 'INVENTORY_NO_ENDPOINT' });

  inventory.observe(exchange({ target: '/reports/daily' }));
  inventory.observe(exchange({ target: '/reports/weekly' }));
  t.equal(inventory.edits.merge('shop', ['/reports/daily', '/reports/weekly'], 'user:root'), '/reports/{id}');
  t.equal(named(inventory, 'GET /reports/{id}').counts.requests, 2);
});

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

t.test('traffic made to hurt the learner', async (t) => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const wide = `[${'{"a":1,"b":"xxxxxxxxxxxx"},'.repeat(400_000)}1]`;
  const inventory = new Inventory({ maxEndpoints: 500 });
  for (let n = 0; n < 200; n++) inventory.observe(exchange({ target: '/search?q=a', headers: bearer('ada'), answer: { hits: [] } }));
  const table: [string, Sketch][] = [
    ['10k-deep nesting', { method: 'POST', target: '/in', body: deep }],
    ['10 MB JSON', { method: 'POST', target: '/in', body: wide }],
    ['invalid UTF-8', { method: 'POST', target: '/in', body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]) }],
    ['JSON under another name', { method: 'POST', target: '/in', headers: { 'content-type': 'image/png' }, body: '{"a":1}' }],
    ['no JSON under its name', { method: 'POST', target: '/in', body: '<html>' }],
    ['broken path', { target: '/%ff%fe/%00/..%2f..%2f' }],
    ['a path of 4,000 segments', { target: `/${'a/'.repeat(4000)}` }],
    ['prototype names', { method: 'POST', target: '/in?__proto__=1&constructor=2', body: '{"__proto__":{"a":1},"constructor":1}' }],
    ['header flood', { target: '/search?q=a', headers: Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`x-h${n}`, 'v'])) }],
    ['no answer keys', { target: '/search?q=a', answer: [[[]]] }],
  ];
  for (const [name, sketch] of table) {
    t.doesNotThrow(() => inventory.observe(exchange(sketch)), name);
  }
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

t.test('requests against the rules of a document and of traffic', async (t) => {
  const schema = {
    type: 'object',
    required: ['qty'],
    properties: {
      qty: { type: 'integer' },
      kind: { enum: ['a', 'b'] },
      lines: { type: 'array', items: { type: 'object', properties: { sku: { type: 'string' } } } },
    },
  };
  const document = await readApiDocument(
    JSON.stringify({
      openapi: '3.0.0',
      info: { title: 'x', version: '1' },
      paths: {
        '/orders/{id}': {
          post: {
            parameters: [
              { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
              { name: 'page', in: 'query', required: true, schema: { type: 'integer' } },
              { name: 'tags', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
            ],
            requestBody: { required: true, content: { 'application/json': { schema } } },
            responses: { 200: { description: 'ok' } },
          },
        },
      },
    }),
    'o.json',
  );
  const rules = rulesOfDocument('shop', document);
  const table: [string, Partial<Parameters<typeof schemaViolations>[1]>, string[]][] = [
    ['fits', { body: { qty: 1, kind: 'a', more: true } }, []],
    ['unknown path', { template: null }, ['unknown-endpoint ']],
    ['unknown method', { method: 'DELETE' }, ['unknown-endpoint ']],
    ['unknown parameter', { query: 'page=1&debug=1' }, ['unknown-parameter debug']],
    ['missing parameter', { query: '' }, ['missing-parameter page']],
    ['wrong type in the query', { query: 'page=x' }, ['wrong-type page']],
    ['lists by brackets', { query: 'page=1&tags[]=a&tags[]=b' }, []],
    ['wrong type in the body', { body: { qty: '1' } }, ['wrong-type qty']],
    ['missing member', { body: {} }, ['missing-member qty']],
    ['not in the list', { body: { qty: 1, kind: 'c' } }, ['not-in-list kind']],
    ['deep inside', { body: { qty: 1, lines: [{ sku: 'a' }, { sku: 7 }] } }, ['wrong-type lines[*].sku']],
    ['no body', { body: undefined, hasBody: false }, ['missing-body ']],
  ];
  for (const [name, change, expected] of table) {
    const facts = { method: 'POST', template: '/orders/{orderRef}', query: 'page=1', body: { qty: 1 }, hasBody: true, ...change };
    t.same(
      schemaViolations(rules, facts).map((one) => `${one.code} ${one.path}`),
      expected,
      name,
    );
  }
  t.match(
    schemaViolations(
      rules,
      { method: 'POST', template: '/orders/{x}', query: 'page=1', body: { qty: 1, admin: true }, hasBody: true },
      true,
    ),
    [{ code: 'unknown-member', path: 'admin' }],
  );
  t.same(JSON.parse(JSON.stringify(rules)), rules, 'the rules travel as JSON');

  const inventory = new Inventory();
  for (let n = 0; n < 20; n++)
    inventory.observe(exchange({ method: 'POST', target: `/orders/${n}?page=${n}`, body: { qty: n, kind: 'a' } }));
  const learned = rulesOfTraffic('shop', inventory.endpoints(), 10);
  const facts = { method: 'POST', template: '/orders/{orderId}', query: 'page=7', body: { qty: 500, kind: 'never seen' }, hasBody: true };
  t.same(schemaViolations(learned, facts, true), []);
  t.match(schemaViolations(learned, { ...facts, query: 'page=x', body: { qty: 1, admin: true } }, true), [
    { code: 'wrong-type' },
    { code: 'unknown-member' },
  ]);
});
