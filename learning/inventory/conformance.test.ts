import t from 'tap';
import { exchange } from '../../test/support/inventory.js';
import { readApiDocument } from '../import/index.js';
import { Inventory, rulesOfDocument, rulesOfTraffic, schemaViolations } from './index.js';

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

  for (let n = 0; n < 40; n++)
    inventory.observe(exchange({ method: 'PUT', target: '/stock', body: { depot: 'a', left: { [`sku-${n}`]: n }, [`x-${n}`]: 1 } }));
  const withMaps = rulesOfTraffic('shop', inventory.endpoints(), 10);
  const stock = { ...facts, method: 'PUT', template: '/stock', query: '', body: { depot: 'b', left: { 'sku-900': 1 }, 'x-900': 1 } };
  t.same(schemaViolations(withMaps, stock, true), [], 'where names are values, any may be sent');
});
