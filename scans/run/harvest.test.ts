import t from 'tap';
import { formOf, type Json, parseBody } from './fields.js';
import { Harvest, linksIn, nobody, type Self, thingOf } from './harvest.js';
import { mayStandFor, registers } from './wording.js';

const self = (ids: readonly string[], names: readonly string[] = [], emails: readonly string[] = []): Self => ({
  ids: new Set(ids),
  names: new Set(names),
  emails: new Set(emails),
});
const alice = self(['1'], ['alice'], ['alice@shop.example']);
const bob = self(['2'], ['bob'], ['bob@shop.example']);

/** What alice and bob were answered at a path. */
function seen(answers: readonly (readonly [path: string, alice: unknown, bob: unknown])[], names: readonly string[] = []): Harvest {
  const harvest = new Harvest(names);
  for (const [path, hers, his] of answers) {
    harvest.gather('alice', alice, path, JSON.stringify(hers));
    harvest.gather('bob', bob, path, JSON.stringify(his));
  }
  return harvest;
}

t.test('whose a value is', (t) => {
  const posts = { posts: [{ id: 'p1', author: { username: 'alice', vehicleId: 'v-alice' } }] };
  const table: [what: string, harvest: Harvest, value: string, expected: string | null][] = [
    ['in her list alone', seen([['/orders', { orders: [{ id: 101 }] }, { orders: [{ id: 202 }] }]]), '101', 'exclusive'],
    ['in both lists', seen([['/products', [{ id: 3 }], [{ id: 3 }]]]), '3', null],
    [
      'a reference to what everybody lists',
      seen([
        ['/orders', [{ id: 9, product_id: 3, user: 'alice' }], []],
        ['/products', [{ id: 3 }], [{ id: 3 }]],
      ]),
      '3',
      null,
    ],
    [
      'hers by a field beside it, in a list for all',
      seen([['/books', [{ id: 'b1', owner: 'alice' }], [{ id: 'b1', owner: 'alice' }]]]),
      'b1',
      'claimed',
    ],
    ['his by a field beside it', seen([['/books', [{ id: 'b2', owner: 'bob' }], [{ id: 'b2', owner: 'bob' }]]]), 'b2', null],
    [
      'hers, though a post tells it to all',
      seen([
        ['/vehicles', [{ uuid: 'v-alice' }], []],
        ['/posts', posts, posts],
      ]),
      'v-alice',
      'exclusive',
    ],
    ['herself', seen([]), 'alice', 'claimed'],
    ['never seen', seen([]), '77', null],
  ];
  for (const [what, harvest, value, expected] of table) t.equal(harvest.ownership('alice', alice, value), expected, what);
  t.end();
});

t.test('a short number is judged by what it is a number of', (t) => {
  const harvest = seen([
    ['/products', [{ id: 1 }, { id: 3 }], [{ id: 1 }, { id: 3 }]],
    ['/carts', [{ id: 3, userId: 1, lines: [{ id: 7, productId: 3 }] }], [{ id: 4, userId: 2, lines: [] }]],
    ['/articles', [{ slug: 'a-1', author: { username: 'alice' } }], [{ slug: 'a-1', author: { username: 'alice' } }]],
  ]);
  const table: [what: string, name: string, resource: string, value: string, expected: string | null][] = [
    ['a product for all', 'id', 'product', '3', null],
    ['her cart', 'id', 'cart', '3', 'exclusive'],
    ['her line', 'lineId', 'line', '7', 'exclusive'],
    ['his cart', 'id', 'cart', '4', null],
    ['a product with the number of her cart', 'productId', 'product', '3', null],
    ['a product with her own number', 'id', 'product', '1', null],
    ['herself', 'userId', 'user', '1', 'claimed'],
    ['of a thing that no answer spoke of: any number will do', 'id', 'parcel', '7', 'exclusive'],
  ];
  for (const [what, name, resource, value, expected] of table)
    t.equal(harvest.ownership('alice', alice, value, { name, resources: [resource] }), expected, what);
  t.ok(harvest.othersList('alice', alice, '3', { name: 'id', resources: ['product'] }));
  t.notOk(harvest.othersList('alice', alice, '3', { name: 'id', resources: ['cart'] }));
  t.end();
});

t.test('what names and examples say', (t) => {
  const makes: [method: string, path: string, names: string[], expected: boolean][] = [
    ['POST', '/api/Users', ['email', 'password'], true],
    ['POST', '/vapi/user', ['username', 'password', 'name'], true],
    ['POST', '/register', [], true],
    ['POST', '/users', ['name'], false],
    ['PUT', '/users', ['email', 'password'], false],
    ['POST', '/users/login', ['email', 'password'], false],
  ];
  for (const [method, path, names, expected] of makes) t.equal(registers(method, path, names), expected, `${method} ${path}`);
  const stands: [value: string, example: string, expected: boolean][] = [
    ['6', '3f2c9a7be01d44a9c', false],
    ['6', '7c9e6679-7425-40de-944b-e07fc1f90ae7', false],
    ['6', 'a@x.test', false],
    ['6', '12', true],
    ['6', 'weir', true],
    ['6', 'asc', false],
    ['4b1d9a7be01d44a9d', '3f2c9a7be01d44a9c', true],
  ];
  for (const [value, example, expected] of stands) t.equal(mayStandFor(value, example), expected, `${value} for ${example}`);
  t.end();
});

t.test('which value goes into a parameter', (t) => {
  const orders: readonly [string, unknown, unknown] = ['/api/v1/orders', { data: [{ id: 101 }, { id: 102 }] }, { data: [{ id: 202 }] }];
  const table: [what: string, harvest: Harvest, name: string, before: string, expected: string | undefined][] = [
    ['{id} of the collection before it', seen([orders]), 'id', '/api/v1/orders/', '102'],
    ['{orderId} wherever it stands', seen([orders]), 'orderId', '/api/v1/invoices/of/', '102'],
    ['{order_id} in a query', seen([orders]), 'order_id', '', '102'],
    ['{video}, the name of the resource', seen([['/videos', [{ id: 5 }], [{ id: 6 }]]]), 'video', '/videos/', '5'],
    [
      'report_id from a list without ids',
      seen([['/my_reports', { reports: [{ report_id: 50 }] }, { reports: [{ report_id: 51 }] }]]),
      'report_id',
      '',
      '50',
    ],
    ['{username}', seen([]), 'username', '/users/v1/', 'alice'],
    ['{userId}', seen([]), 'userId', '/users/', '1'],
    ['{id} of users', seen([]), 'id', '/api/users/', '1'],
    ['{email}', seen([]), 'email', '/accounts/', 'alice@shop.example'],
    [
      '{book_title} of her own book',
      seen(
        [
          [
            '/books',
            [
              { book_title: 'x', user: 'bob' },
              { book_title: 'y', user: 'alice' },
            ],
            [],
          ],
        ],
        ['book_title'],
      ),
      'book_title',
      '/books/',
      'y',
    ],
    ['nothing is known', seen([]), 'id', '/things/', undefined],
  ];
  for (const [what, harvest, name, before, expected] of table) t.equal(harvest.candidates('alice', alice, name, before)[0], expected, what);
  const basket = new Harvest([]);
  basket.give('alice', 'b', '6');
  t.equal(basket.candidates('alice', alice, 'id', '/rest/basket/')[0], '6', 'an id that the login gave');
  t.equal(basket.ownership('alice', nobody(), '6'), 'exclusive');
  t.end();
});

t.test('what only repeats the request, or answers a question about oneself, proves less', (t) => {
  const harvest = new Harvest(['code', 'order_id']);
  harvest.gather('alice', alice, '/coupons/check', '{"code":"SAVE9"}', { under: [], values: ['SAVE9'] });
  t.equal(harvest.ownership('alice', alice, 'SAVE9'), null, 'an echo');
  harvest.gather('alice', alice, '/users/{id}/posts', '[{"id":"p7","title":"x"}]', { under: ['1'], values: ['1'] });
  t.equal(harvest.ownership('alice', alice, 'p7'), 'claimed', 'asked for by her own id: others might see it as well');
  harvest.gather('alice', alice, '/orders', '[{"id":"o8"}]');
  harvest.gather('alice', alice, '/orders/{id}', '{"id":"o8"}', { under: ['o8'], values: ['o8'] });
  t.equal(harvest.ownership('alice', alice, 'o8'), 'exclusive', 'her list gave it before she asked');
  t.ok(harvest.holdsOwn('alice', alice, '/orders', '{"data":[{"id":"o8"}]}'));
  t.notOk(harvest.holdsOwn('alice', alice, '/orders', '{"data":[{"id":"p7"}]}'));
  t.end();
});

t.test('ids in links, in JSON:API and below others', (t) => {
  const harvest = new Harvest([], ['/invoices/{invoice}', '/projects/{id}/tasks/{taskId}', '/exports/report-{number}.csv']);
  const links = linksIn(
    '{"_links":{"self":{"href":"/invoices/2026-0017"}},"file":"https://x.example/exports/report-51.csv"}',
    '/projects/31/tasks/8003',
  );
  harvest.gatherLinks('alice', alice, links);
  t.strictSame(harvest.candidates('alice', alice, 'invoice', '/invoices/'), ['2026-0017']);
  t.strictSame(harvest.candidates('alice', alice, 'number', '/exports/report-'), ['51']);
  t.strictSame(harvest.candidates('alice', alice, 'taskId', '/projects/{id}/tasks/'), ['8003']);
  t.strictSame(harvest.under('alice', '8003'), ['31']);
  t.strictSame(linksIn('<a href="/orders/7">x</a><form action=\'/orders/8\'>', undefined), ['/orders/7', '/orders/8']);

  harvest.gather(
    'alice',
    alice,
    '/search',
    '{"data":[{"type":"people","id":"p1","relationships":{"owner":{"data":{"type":"users","id":"1"}}}}]}',
  );
  t.strictSame(harvest.candidates('alice', alice, 'id', '/people/'), ['p1'], 'of the kind that it says');
  t.equal(harvest.ownership('alice', alice, 'p1'), 'exclusive');
  t.end();
});

t.test('the thing that a name speaks of', (t) => {
  const table: { readonly [name: string]: string | null } = {
    fromAccount: 'account',
    source_account_number: 'account',
    orderId: 'order',
    'x-tenant-id': 'xtenant',
    username: 'username',
    id: null,
    sort_by: 'sortby',
  };
  for (const [name, thing] of Object.entries(table)) t.equal(thingOf(name), thing, name);
  t.end();
});

t.test('forms with brackets are read and written as servers do', (t) => {
  const table: [form: string, value: Json, written?: string][] = [
    ['a=1&b=x+y', { a: '1', b: 'x y' }],
    ['user%5Bname%5D=x&user%5Baddress%5D%5Bcity%5D=y', { user: { name: 'x', address: { city: 'y' } } }],
    ['user[name]=x', { user: { name: 'x' } }, 'user%5Bname%5D=x'],
    ['a[]=1', { 'a[]': '1' }, 'a%5B%5D=1'],
    ['a=1&a[b]=2', { a: { b: '2' } }, 'a%5Bb%5D=2'],
    ['__proto__[admin]=1', JSON.parse('{"__proto__":{"admin":"1"}}') as Json, '__proto__%5Badmin%5D=1'],
  ];
  for (const [form, value, written = form] of table) {
    t.strictSame(parseBody(form), value, form);
    t.equal(formOf(parseBody(form)), written, form);
  }
  t.equal(formOf({ ids: [1, 2], on: true, none: null }), 'ids=1&ids=2&on=true&none=null');
  t.equal(({} as { admin?: unknown }).admin, undefined, 'and nothing else has changed');
  t.end();
});
