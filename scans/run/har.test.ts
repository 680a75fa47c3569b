import t from 'tap';
import { endpointsOfOpenApi, exampleOf } from './endpoints.js';
import { endpointsOfHar } from './har.js';

const SHOP = 'https://api.shop.example';
const entry = (method: string, url: string, answer: unknown = {}, body?: unknown) => ({
  request: {
    method,
    url,
    headers: [
      { name: 'X-Tenant-Id', value: 't-1' },
      { name: 'X-Csrf-Token', value: 'c' },
    ],
    ...(body === undefined ? {} : { postData: { mimeType: 'application/json', text: JSON.stringify(body) } }),
  },
  response: { headers: [{ name: 'Content-Type', value: 'application/json' }], content: { text: JSON.stringify(answer) } },
});
const har = (...entries: readonly object[]) => JSON.stringify({ log: { entries } });
const templates = (text: string) => endpointsOfHar(text, 'shop').map(({ method, template }) => `${method} ${template}`);

t.test('what was an id in an answer is a parameter of the path', (t) => {
  const table: [what: string, entries: readonly object[], expected: readonly string[]][] = [
    [
      'numbers and UUIDs by their form',
      [entry('GET', `${SHOP}/orders/17/lines/0b1c3d6e-1f7a-4c59-9a54-7c1f4f6a9d10`)],
      ['GET /orders/{id}/lines/{id_2}'],
    ],
    [
      'a short hash by the list that gave it',
      [entry('GET', `${SHOP}/accounts`, { content: [{ ref: 'kX9vB2Qa' }] }), entry('GET', `${SHOP}/accounts/kX9vB2Qa/statements`)],
      ['GET /accounts', 'GET /accounts/{ref}/statements'],
    ],
    [
      'an address of mail',
      [entry('GET', `${SHOP}/users`, [{ email: 'ann@x.example' }]), entry('GET', `${SHOP}/users/ann%40x.example`)],
      ['GET /users', 'GET /users/{email}'],
    ],
    [
      'a plain word where its collection was read',
      [entry('GET', `${SHOP}/books`, [{ title: 'emma' }]), entry('GET', `${SHOP}/books/emma`)],
      ['GET /books', 'GET /books/{title}'],
    ],
    [
      'not a word of the path that is a value somewhere else',
      [entry('GET', `${SHOP}/kinds`, [{ name: 'orders' }]), entry('GET', `${SHOP}/api/orders/recent`)],
      ['GET /kinds', 'GET /api/orders/recent'],
    ],
    ['not a version', [entry('GET', `${SHOP}/v2/me`, { code: 'v2' })], ['GET /v2/me']],
    [
      'files of pages and other hosts are left out',
      [
        entry('GET', `${SHOP}/orders`, [{ id: 1 }]),
        entry('GET', `${SHOP}/app.js`),
        entry('GET', 'https://count.example/pixel'),
        entry('OPTIONS', `${SHOP}/orders`),
      ],
      ['GET /orders'],
    ],
  ];
  for (const [what, entries, expected] of table) t.strictSame(templates(har(...entries)), expected, what);
  t.end();
});

t.test('parameters that name objects, and headers of the application', (t) => {
  const text = har(
    entry('GET', `${SHOP}/papers`, [{ token: 'cGFwZXI6MzE' }]),
    entry('GET', `${SHOP}/papers/view?token=cGFwZXI6MzE&format=pdf`),
    entry('POST', `${SHOP}/print`, {}, { paper: 'cGFwZXI6MzE', copies: 2 }),
  );
  const [, view, print] = endpointsOfHar(text, 'shop');
  t.strictSame(view!.references, ['token']);
  t.strictSame(print!.references, ['paper']);
  t.strictSame(view!.headers, [{ name: 'x-tenant-id', example: 't-1' }]);
  t.throws(() => endpointsOfHar('{}', 'shop'), { code: 'SCAN_OPTIONS' });
  t.end();
});

t.test('values for what a document describes', (t) => {
  const schema = {
    type: 'object',
    properties: {
      id: { type: 'integer', readOnly: true },
      email: { type: 'string' },
      homeUrl: { type: 'string' },
      startDate: { type: 'string' },
      nick: { type: 'string', minLength: 6, maxLength: 8 },
      kind: { enum: ['a', 'b'] },
      count: { type: 'integer', minimum: 3 },
    },
  };
  t.strictSame(exampleOf(schema), {
    email: 'weir@example.com',
    homeUrl: 'https://example.com/',
    startDate: '2026-01-01',
    nick: 'weirwe',
    kind: 'a',
    count: 3,
  });
  const document = {
    openapi: '3.0.0',
    servers: [{ url: 'https://{host}/{base}', variables: { host: { default: 'x.example' }, base: { default: 'v3' } } }],
    paths: { '/cats/{name}': { get: { parameters: [{ name: 'name', in: 'path', schema: { enum: ['tom'] } }] } } },
  };
  t.match(endpointsOfOpenApi(JSON.stringify(document), 'x'), [{ template: '/v3/cats/{name}', path: { name: 'tom' } }]);
  t.end();
});
