import t from 'tap';
import { TemplateMatcher } from '../../exchange/index.js';
import { bearer, exchange, jwt, named, type Sketch, START } from '../../test/support/inventory.js';
import { pack, unpack } from '../pack.js';
import type { EndpointState } from './endpoint.js';
import { Inventory, type InventoryDelta } from './index.js';
import { authRequired } from './row.js';

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
    [
      'jwt in a cookie',
      { cookie: `access_token=${jwt({ sub: 'ada' }).authorization.slice(7)}` },
      '/a',
      'session-cookie cookie:access_token',
    ],
    ['digest', { authorization: 'Digest username="ada", response="00"' }, '/a', 'digest header:authorization'],
    ['nothing', {}, '/a', 'none'],
    ['signed', { authorization: 'AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=00' }, '/a', 'hmac header:authorization'],
  ];
  for (const [name, headers, target, key] of table) {
    const inventory = new Inventory();
    inventory.observe(exchange({ target, headers }));
    t.same([...inventory.endpoints()[0].auth.keys()], [key], name);
    t.equal(authRequired(inventory.endpoints()[0]), name === 'nothing' ? false : null, `${name}: nobody tried without`);
  }
  const certificate = new Inventory();
  certificate.observe({
    ...exchange({ target: '/a' }),
    principal: { key: 'p_1', kind: 'mtls', carrier: 'tls', label: 'CN=batch' },
  });
  t.same([...certificate.endpoints()[0].auth.keys()], ['mtls tls']);
  const both = new Inventory();
  both.observe(exchange({ target: '/a', headers: { ...bearer('ada'), 'x-api-key': 'k-1234567890' } }));
  both.observe(exchange({ target: '/a', status: 401 }));
  t.equal(both.endpoints()[0].auth.size, 2);
  t.equal(authRequired(both.endpoints()[0]), true);
  both.observe(exchange({ target: '/a', headers: { cookie: 'csrftoken=abcdef0123456789' } }));
  t.equal(authRequired(both.endpoints()[0]), false);
});

t.test('since when and until when', async (t) => {
  const inventory = new Inventory({ rowEveryMs: 0 });
  const call = (atMs: number, sketch: Partial<Sketch>): void => {
    inventory.observe(exchange({ target: '/a', method: 'POST', body: { a: 1 }, answer: { b: 1 }, ...sketch, atMs: START + atMs }));
  };
  call(1, { headers: jwt({ sub: 'ada', role: 'buyer' }) });
  call(2, {
    headers: { ...jwt({ sub: 'ada', role: 'buyer', 'https://x.test/plan': 'pro' }), 'content-type': 'application/merge-patch+json' },
  });
  call(3, { status: 201, answer: 'a,b', answerHeaders: { 'content-type': 'text/csv' } });
  call(4, { status: 401 });
  const [row] = inventory.drain(START + 5).endpoints;
  t.strictSame(
    row.detail.seen?.map((one) => `${one.what} ${one.name} ${one.firstSeenMs - START}-${one.lastSeenMs - START}`),
    [
      'auth jwt header:authorization 1-2',
      'auth none 3-3',
      'claim sub 1-2',
      'claim role 1-2',
      'claim https://x.test/plan 2-2',
      'role buyer 1-2',
      'request-type application/json 1-3',
      'request-type application/merge-patch+json 2-2',
      'status 200 1-2',
      'status 201 3-3',
      'status 401 4-4',
      'response-type 200 application/json 1-2',
      'response-type 201 text/csv 3-3',
      'response-type 401 application/json 4-4',
    ],
  );
  t.match(row, {
    auth: ['jwt', 'none'],
    authRequired: false,
    detail: { parameters: [{ name: 'a', firstSeenMs: START + 1, lastSeenMs: START + 3 }] },
  });
  const kept = inventory.checkpoint();
  const again = new Inventory({ rowEveryMs: 0 });
  again.restore(kept);
  again.observe(exchange({ target: '/a', method: 'POST', atMs: START + 9 }));
  t.match(again.drain(START + 10).endpoints[0].detail.seen, row.detail.seen?.slice(0, 1), 'also after a restart');
  const earlier = new Inventory({ rowEveryMs: 0 });
  earlier.restore(
    kept.map(({ key, value }) => {
      if (!key.startsWith('e|') || value === null) return { key, value };
      const { claims, requestTypes, ...state } = unpack(value) as EndpointState;
      return { key, value: pack({ ...state, requestTypes: new Map([...requestTypes].map(([type, { count }]) => [type, count])) }) };
    }),
  );
  earlier.observe(exchange({ target: '/a', method: 'POST', atMs: START + 9 }));
  t.match(
    earlier.drain(START + 10).endpoints[0].detail.seen?.filter(({ what }) => what === 'request-type'),
    [{ name: 'application/json', firstSeenMs: START + 1 }, { name: 'application/merge-patch+json' }],
    'and from what earlier builds kept',
  );
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
    {
      kind: 'abuse.scanner',
      client: '198.51.100.9',
      explanation: /asked for about \d+ different paths that do not exist, in \d+ requests/,
    },
  ]);
  t.equal(
    counters.filter((one) => one.endpointId === null).reduce((sum, one) => sum + (one.requests ?? 0), 0),
    801,
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
  t.equal(inventory.rowsWaiting, 0, 'nothing is left for a drain that may never come');
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

t.test('when nothing arrives, every row is written: also what was seen again just after its row was', (t) => {
  const inventory = new Inventory();
  const rowsOf = (drained: InventoryDelta): (readonly [string, number])[] =>
    drained.endpoints.map(({ ref, lastSeenMs }) => [ref.template, lastSeenMs]);
  const see = (target: string, startedAtMs: number) => inventory.observe({ ...exchange({ target }), startedAtMs });
  see('/orders', 1_000);
  t.same(rowsOf(inventory.drain(1_000)), [['/orders', 1_000]]);
  see('/orders', 1_500);
  t.same(rowsOf(inventory.drain(1_500)), [], 'while there is traffic, a row that only counts on is not written again at once');
  t.equal(inventory.rowsWaiting, 1);
  inventory.settle();
  t.same(rowsOf(inventory.drain(2_500)), [['/orders', 1_500]]);
  t.equal(inventory.rowsWaiting, 0);
  t.end();
});
