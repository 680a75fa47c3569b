import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { SourceError } from '../../exchange/index.js';
import { exampleOf, exportOpenApi } from '../export/index.js';
import { Inventory } from '../inventory/index.js';
import { ExchangeRows, importExchanges, printedEndpoints, readApiDocument, readHar, readSource } from './index.js';

const yaml = (paths: string, head = 'openapi: 3.1.0'): string => `${head}\ninfo: { title: Shop, version: "2" }\n${paths}`;

t.test('OpenAPI in its versions', async (t) => {
  const three = await readApiDocument(
    yaml(`servers: [{ url: "https://{region}.shop.test/api/{v}/", variables: { region: { default: eu }, v: { default: v1 } } }]
security: [{ key: [] }]
paths:
  /orders/{id}:
    parameters: [{ $ref: "#/components/parameters/Id" }]
    get:
      deprecated: true
      parameters: [{ name: expand, in: query, required: true, schema: { type: string } }]
      responses: { "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/Order" } } } }, default: { description: error } }
    post:
      security: []
      requestBody: { required: true, content: { application/json: { schema: { type: object } } } }
      responses: { "2XX": { description: ok } }
components:
  parameters: { Id: { name: id, in: path, required: true, schema: { type: integer } } }
  schemas: { Order: { type: object, properties: { parent: { $ref: "#/components/schemas/Order" } } } }
  securitySchemes: { key: { type: apiKey, in: header, name: x-key } }
`),
    'dir/shop.yaml',
  );
  t.match(three, {
    name: 'openapi:shop.yaml',
    title: 'Shop',
    complete: true,
    operations: [
      {
        method: 'GET',
        template: '/api/v1/orders/{id}',
        deprecated: true,
        secured: true,
        body: null,
        parameters: [
          { in: 'path', name: 'id', schema: { type: 'integer' } },
          { in: 'query', name: 'expand', required: true },
        ],
      },
      {
        method: 'POST',
        template: '/api/v1/orders/{id}',
        secured: false,
        bodyRequired: true,
        body: { type: 'object' },
        responses: { '2XX': null },
      },
    ],
  });
  t.ok('200' in three.operations[0].responses && 'DEFAULT' in three.operations[0].responses, 'recursive schemas end');
  const two = await readApiDocument(
    JSON.stringify({
      swagger: '2.0',
      info: { title: 'x', version: '1' },
      basePath: '/v2/',
      paths: {
        '/pets': {
          post: {
            parameters: [
              { in: 'body', name: 'pet', required: true, schema: { type: 'object' } },
              { in: 'query', name: 'dry', type: 'boolean' },
            ],
            responses: { 200: { description: 'ok', schema: { type: 'array', items: { type: 'string' } } } },
          },
        },
      },
    }),
    'pets.json',
  );
  t.match(two.operations, [
    {
      method: 'POST',
      template: '/v2/pets',
      body: { type: 'object' },
      parameters: [{ name: 'dry', schema: { type: 'boolean' } }],
      responses: { 200: { type: 'array' } },
    },
  ]);
});

t.test('Postman collections', async (t) => {
  const document = await readApiDocument(
    JSON.stringify({
      info: { name: 'Shop', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
      item: [
        {
          name: 'orders',
          item: [
            {
              name: 'one',
              request: { method: 'GET', url: { raw: '{{base}}/orders/:orderId?x=1', path: ['orders', ':orderId'], query: [{ key: 'x' }] } },
            },
          ],
        },
        { name: 'raw', request: { method: 'post', url: 'https://shop.test/users/{{userId}}/lock' } },
      ],
    }),
    'c.json',
  );
  t.match(document, {
    name: 'postman:c.json',
    complete: false,
    operations: [
      { method: 'GET', template: '/orders/{orderId}', parameters: [{ name: 'x' }] },
      { method: 'POST', template: '/users/{userId}/lock' },
    ],
  });
});

t.test('what is wrong is said with its place', async (t) => {
  const table: [string, string, string, number, RegExp][] = [
    ['broken YAML', 'openapi: 3.0.0\ninfo: [', 'IMPORT_SYNTAX', 2, /./],
    ['broken JSON', '{\n "openapi": "3.0.0",\n "info": {"title": "x"\n', 'IMPORT_SYNTAX', 4, /./],
    ['something else', 'hello: world', 'IMPORT_UNKNOWN_FORMAT', 1, /neither an OpenAPI/],
    ['a version to come', 'openapi: 4.0.0\npaths: {}', 'IMPORT_UNSUPPORTED_VERSION', 1, /4\.0\.0/],
    [
      'an unknown member',
      yaml('paths:\n  /a:\n    get:\n      respones: {}\n      responses: { "200": { description: ok } }', 'openapi: 3.0.0'),
      'IMPORT_INVALID_DOCUMENT',
      6,
      /respones/,
    ],
    [
      'a dangling reference',
      yaml(
        'paths:\n  /a:\n    get:\n      responses:\n        "200":\n          description: ok\n          content:\n            application/json:\n              schema:\n                $ref: "#/components/schemas/Nope"',
      ),
      'IMPORT_BAD_REFERENCE',
      12,
      /leads nowhere/,
    ],
    [
      'a reference outside',
      yaml('paths:\n  /a:\n    get:\n      parameters:\n        - $ref: "other.yaml#/x"\n      responses: { "200": { description: ok } }'),
      'IMPORT_BAD_REFERENCE',
      7,
      /outside/,
    ],
    [
      'a bad template',
      yaml('paths:\n  "/a/{b":\n    get: { responses: { "200": { description: ok } } }'),
      'IMPORT_BAD_TEMPLATE',
      4,
      /path template/,
    ],
    ['an old collection', '{"info":{"schema":"https://x/v1.0.0/"},"item":[]}', 'IMPORT_UNSUPPORTED_VERSION', 1, /v1\.0\.0/],
    [
      'a collection with a hole',
      '{"info":{"schema":"v2.1.0"},\n"item":[\n{"name":"a","item":3}]}',
      'IMPORT_INVALID_DOCUMENT',
      3,
      /item\.0\.item must be a list/,
    ],
  ];
  for (const [name, text, code, line, message] of table) {
    const error = await readApiDocument(text, 'api.yaml').catch((caught: unknown) => caught);
    t.ok(error instanceof SourceError, name);
    if (error instanceof SourceError) {
      t.same([error.code, error.line, message.test(error.message)], [code, line, true], `${name}: ${error.toString()}`);
      t.ok(error.hint !== undefined);
    }
  }
});

t.test('HAR recordings become exchanges', async (t) => {
  const entry = {
    startedDateTime: '2024-01-02T03:04:05.000Z',
    time: 33,
    request: {
      method: 'post',
      url: 'https://Shop.test/orders?x=1',
      headers: [{ name: 'Content-Type', value: 'application/json' }],
      postData: { text: '{"a":1}' },
    },
    response: {
      status: 201,
      headers: [
        { name: 'content-encoding', value: 'gzip' },
        { name: 'content-type', value: 'application/json' },
      ],
      content: { text: Buffer.from('{"id":1}').toString('base64'), encoding: 'base64' },
    },
  };
  const settings = { file: 'x.har', nowMs: 0 };
  const [exchange] = readHar(readSource(JSON.stringify({ log: { version: '1.2', entries: [entry] } }), 'x.har'), settings);
  t.match(exchange, {
    service: 'shop.test',
    durationMs: 33,
    startedAtMs: Date.parse(entry.startedDateTime),
    request: { method: 'POST', target: '/orders?x=1' },
    response: { status: 201 },
  });
  t.equal(Buffer.from(exchange.response!.body.bytes).toString(), '{"id":1}');
  t.notOk(exchange.response!.headers.includes('content-encoding'));
  t.throws(
    () =>
      readHar(
        readSource(JSON.stringify({ log: { entries: [entry, { request: { url: 'nope' }, response: {} }] } }, null, 1), 'x.har'),
        settings,
      ),
    { code: 'IMPORT_INVALID_DOCUMENT', message: /log\.entries\.1: "nope" is not a URL/, line: 38 },
  );
});

t.test('rows of exchanges', async (t) => {
  const rows = new ExchangeRows({ file: 'in.ndjson', nowMs: 1000 });
  t.match(
    rows.read('{"method":"get","host":"A.test","path":"/x?y=1","requestHeaders":{"authorization":"Bearer abc"},"responseBody":{"a":1}}', 1),
    {
      service: 'a.test',
      startedAtMs: 1000,
      request: { method: 'GET', target: '/x?y=1' },
      response: { status: 200, headers: ['content-type', 'application/json'] },
      principal: { kind: 'bearer' },
    },
  );
  t.equal(rows.read('  ', 2), null);
  const table: [string, RegExp][] = [
    ['{', /not JSON/],
    ['[]', /not a JSON object/],
    ['{"host":"a","path":"/"}', /"method"/],
    ['{"method":"GET","path":"/"}', /"host"/],
    ['{"method":"GET","host":"a","path":"x"}', /"path"/],
    ['{"method":"GET","host":"a","path":"/","status":"200"}', /"status"/],
    ['{"method":"G T","host":"a","path":"/"}', /"method"/],
  ];
  for (const [text, message] of table)
    t.throws(() => rows.read(text, 7), { code: 'IMPORT_BAD_ROW', file: 'in.ndjson', line: 7, message }, text);
});

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

t.test('import of exchanges, whatever the chunks', async (t) => {
  const lines = Array.from({ length: 40 }, (_, n) =>
    JSON.stringify({
      method: 'GET',
      host: n % 2 === 0 ? 'a.test' : 'b.test',
      path: `/straße/${n}`,
      status: 200,
      responseKeys: ['id', 'name'],
    }),
  );
  lines.push('{"method":"GET","host":"a.test","path":"/missing","status":404}');
  for (const size of [1, 7, 100_000]) {
    const { rows, inventory } = await importExchanges(chunks(lines.join('\n'), size), { file: '-', nowMs: 0 });
    t.equal(rows, 41);
    t.same(
      printedEndpoints(inventory).map((one) => [one.method, one.host, one.template.replace(/\{.*\}/, '{}')]),
      [
        ['GET', 'a.test', '/straße/{}'],
        ['GET', 'b.test', '/straße/{}'],
      ],
      `${size} bytes a chunk`,
    );
  }
  await t.rejects(importExchanges(chunks(`${lines[0]}\noops\n`, 10), { file: 'x.ndjson', nowMs: 0 }), { code: 'IMPORT_BAD_ROW', line: 2 });
});

t.test('export: a valid OpenAPI 3.1 document without anybody’s values', async (t) => {
  const rows = new ExchangeRows({ file: '-', nowMs: 1000, service: 'shop' });
  const inventory = new Inventory();
  const send = (row: object): void => {
    inventory.observe(rows.read(JSON.stringify({ host: 'shop.test', ...row }), 1)!);
  };
  for (let n = 1; n <= 30; n++) {
    send({
      method: 'GET',
      path: `/users/${n}?view=full`,
      requestHeaders: { authorization: 'Bearer secret-token-1' },
      responseBody: {
        id: n,
        email: `person${n}@mail.test`,
        tags: ['x'],
        address: { zip: 'Z1', geo: null },
        'odd name': 1.5,
        __proto__x: true,
      },
    });
    send({
      method: 'POST',
      path: '/users',
      requestHeaders: { 'x-api-key': 'k-99887766' },
      requestBody: { name: `N${n}`, plan: ['free', 'pro'][n % 2] },
      status: 201,
      responseBody: { id: n },
    });
    send({ method: 'GET', path: `/files/${n}.json`, responseBody: [{ a: 1 }, { a: 'x' }] });
    send({ method: 'POST', path: '/graphql', requestBody: { query: `query Q${n % 3} { a }` }, responseBody: { data: {} } });
    send({
      method: 'POST',
      path: '/login',
      requestHeaders: { 'content-type': 'application/x-www-form-urlencoded' },
      requestBody: 'user=ada&password=hunter22',
    });
    send({ method: 'DELETE', path: `/users/${n}`, status: 204 });
  }
  send({ method: 'GET', path: '/weird/%7Bx%7D', status: 200 });
  inventory.settle();
  const document = exportOpenApi(inventory.endpoints(), { title: 'Shop', version: '1' });
  const result = await new Validator().validate(structuredClone(document));
  t.equal(result.valid, true, JSON.stringify(result.errors));
  t.match(document, {
    openapi: '3.1.0',
    paths: {
      '/users/{userId}': {
        get: {
          parameters: [
            { name: 'userId', in: 'path' },
            { name: 'view', in: 'query', required: true },
          ],
          responses: {
            200: { content: { 'application/json': { schema: { type: 'object', properties: { email: { format: 'email' } } } } } },
          },
        },
        delete: { responses: { 204: {} } },
      },
      '/users': {
        post: { requestBody: { content: { 'application/json': { schema: { properties: { plan: { enum: ['free', 'pro'] } } } } } } },
      },
      '/graphql': { post: { description: 'Operations: query Q1, query Q2, query Q0' } },
      '/login': { post: { requestBody: { content: { 'application/x-www-form-urlencoded': {} } } } },
    },
  });
  t.notMatch(JSON.stringify(document), /person\d|secret-token|k-9988|hunter|mail\.test/, 'nothing of the traffic but names');
  const again = await readApiDocument(JSON.stringify(document), 'round-trip.json');
  t.ok(again.operations.length >= 6, 'and it can be imported again');
  t.same(
    exampleOf({
      type: 'object',
      properties: {
        a: { type: 'array', items: { type: 'string', format: 'uuid' } },
        b: { type: ['null', 'integer'], minimum: 5, maximum: 9 },
      },
    }),
    { a: ['00000000-0000-4000-8000-000000000000'], b: 5 },
  );
});
