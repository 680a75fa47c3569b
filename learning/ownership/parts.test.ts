/** The parts of ownership one by one: requests, answers, tables, hashes, the judge. One room: each is a table of inputs beside what is expected, over the same few helpers. */
import fc from 'fast-check';
import t from 'tap';
import { readAnswer } from './answer.js';
import { KeyedHash } from './hash.js';
import { JUDGE, judge } from './judge.js';
import { Knowledge, PERSON, SPACE } from './knowledge.js';
import { pathName, pathNumber } from './paths.js';
import { subjectOutside } from './reading.js';
import { readRequest } from './references.js';
import { foldRoute } from './routes.js';
import { canonicalId, foldName, isGloballyUnique, lenientId, looksLikeValue, referentOf, unlink } from './shape.js';
import { type SlotRule, type Stance, sameForAll } from './sheet.js';
import { Table } from './table.js';
import { OwnershipView } from './view.js';
import { encodeDelta } from './wire.js';

t.test('the table holds what a Map holds', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('set', 'delete'), fc.nat(60), fc.nat(1000)), { maxLength: 400 }), (steps) => {
      const table = new Table();
      const map = new Map<number, number>();
      // Few keys in one segment, so that probing, growth and closing gaps are all exercised.
      for (const [what, key, value] of steps) {
        const lo = Math.imul(key + 1, 71_582_788) >>> 0;
        if (what === 'set') {
          table.set(7, lo, value, 1);
          map.set(lo, value);
        } else if (table.delete(7, lo) !== map.delete(lo)) return false;
      }
      for (const [lo, value] of map) if (!table.get(7, lo) || table.a !== value) return false;
      return table.size === map.size;
    }),
  );
});

t.test('a full table stays under 24 bytes an entry', async (t) => {
  const table = new Table();
  const hash = new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  for (let i = 0; i < 300_000; i++) {
    hash.words(2, i, 0, 0);
    table.set(hash.hi, hash.lo, i, 1);
  }
  t.equal(table.size, 300_000);
  t.ok(table.bytes / table.size <= 24, `${table.bytes / table.size} bytes`);
});

t.test('a hash behind a remembered prefix is the hash of both together', async () => {
  const hash = new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  fc.assert(
    fc.property(fc.string(), fc.string(), (prefix, value) => {
      hash.text(2, prefix + value);
      const [hi, lo] = [hash.hi, hash.lo];
      hash.after(hash.prefix(2, prefix), value);
      return hash.hi === hi && hash.lo === lo;
    }),
  );
});

t.test('the hash depends on key, space and every character', async (t) => {
  const one = new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const two = new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9));
  const seen = new Set<number>();
  for (const text of ['', 'a', 'b', 'ab', 'ba', 'abc', 'abd', 'a'.repeat(40), 'a'.repeat(41)]) {
    seen.add(one.number(1, text));
    seen.add(one.number(2, text));
    seen.add(two.number(1, text));
  }
  t.equal(seen.size, 27);
});

t.test('names and values', async (t) => {
  for (const [name, folded] of [
    ['order_ids', 'orderid'],
    ['orderIds', 'orderid'],
    ['Addresses', 'address'],
    ['categories', 'category'],
    ['status', 'status'],
  ])
    t.equal(foldName(name), folded, name);
  for (const [name, referent] of [
    ['orderId', 'order'],
    ['order_ref', 'order'],
    ['ids[]', ''],
    ['id', ''],
    ['accountNumber', 'account'],
  ])
    t.equal(referentOf(name), referent, name);
  for (const value of ['7d0f4a3e-93a0-4a38-9d21-0c1a2b3c4d5e', 'usr_1zpSjxEVPOAyhZ', 'INV-2024-00101', 'a@b.test', '1700000000000'])
    t.ok(isGloballyUnique(value), value);
  for (const value of ['17', 'open', 'amber-birch', '2024']) t.notOk(isGloballyUnique(value), value);
  for (const value of ['10001', '7d0f4a3e-93a0-4a38-9d21-0c1a2b3c4d5e', 'acct-0012-7']) t.ok(looksLikeValue(value), value);
  for (const value of ['orders', 'v1', 'oauth2', 'two-factor']) t.notOk(looksLikeValue(value), value);
  for (const [link, id] of [
    ['/users/42', '42'],
    ['https://h.test/users/42?x=1', '42'],
    ['urn:x:user:42', '42'],
    ['plain', 'plain'],
  ])
    t.equal(unlink(link), id);
});

t.test('ids in other spellings', async (t) => {
  const uuid = '7d0f4a3e-93a0-4a38-9d21-0c1a2b3c4d5e';
  for (const [id, spellings] of Object.entries({
    10: [
      '10',
      '010',
      '00010',
      '+10',
      ' 10',
      '10\t',
      '10\0',
      '10.',
      '10.0',
      '10.00',
      '0xA',
      '0X0a',
      '1e1',
      '1E1',
      '１０',
      '{10}',
      '{{010}}',
    ],
    0: ['0', '00', '0.0'],
    [uuid]: [
      uuid.toUpperCase(),
      `{${uuid}}`,
      `urn:uuid:${uuid}`,
      uuid.replaceAll('-', ''),
      uuid.toUpperCase().replaceAll('-', ''),
      ` ${uuid} `,
    ],
    'inv-2024-00101': ['INV-2024-00101', 'inv-2024-00101'],
    '01hv3z8q6n9r4t5w7x0y1z2a3b': ['01HV3Z8Q6N9R4T5W7X0Y1Z2A3B'],
    'ann@corp.test': ['Ann@Corp.Test', 'ann@corp.test'],
    // Of both cases: two of these may be two things.
    ZmlsZToxMDAw: ['ZmlsZToxMDAw'],
    usr_1zpSjxEVPOAyhZ: ['usr_1zpSjxEVPOAyhZ'],
    '10.5': ['10.5'],
    '1e400': ['1e400'],
    '-10': ['-10'],
    '+': ['+'],
  }))
    for (const spelling of spellings) t.equal(canonicalId(spelling), id, JSON.stringify(spelling));
  for (const [value, id] of [
    ['10.json', '10'],
    ['010.json', '10'],
    ['10abc', '10'],
    ['10;x', '10'],
    ['10-my-title', '10'],
    ['Amber-Stone', 'amber-stone'],
    ['amber-stone', null],
    ['10', null],
    [uuid, null],
    ['507f1f77bcf86cd799439011', null],
    ['20241101-00af', null],
  ] as const)
    t.equal(lenientId(value), id, value);
  const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[+{ ]?[0x]{0,3}[0-9a-fA-F.e-]{1,36}[} ]?$/));
  fc.assert(
    fc.property(texts, (text) => {
      const once = canonicalId(text);
      return canonicalId(once) === once && (once !== '' || text === '');
    }),
    { numRuns: 3000 },
  );
});

t.test('paths that can be read in more ways than one name what servers take them for', async (t) => {
  for (const path of [
    '/orders/10',
    '/orders/10/',
    '/orders//10',
    '/orders/./10',
    '/orders/x/../10',
    '/orders/x/%2e%2e/10',
    '/orders/%31%30',
    '/orders/10;v=1',
    '/orders;v=1/10',
    '/orders/%2010',
    '/ORDERS/010',
    '/orders/x%2f..%2f10',
    '/orders/%252e/10',
    `/orders/${'0'.repeat(300)}10`,
    `/orders/10.${'0'.repeat(300)}`,
    `/orders/10${'a'.repeat(300)}`,
    `/orders/10${'%20'.repeat(300)}x`,
    '/orders/10%20or%201=1',
    '/orders/10%22',
    '/orders/10%3Cx',
  ]) {
    const facts = { method: 'GET', template: '/orders/{id}', target: path, headers: [], bodyText: null };
    const { references, route } = readRequest(facts, '');
    t.same(
      references.map(({ slot, value }) => `${slot}=${value}`),
      ['path:0=10'],
      path,
    );
    t.equal(route, 'GET /orders/{}', path);
  }
});

t.test('routes fold parameters and literal ids', async (t) => {
  for (const [method, template, route] of [
    ['GET', '/orders/{orderId}', 'GET /orders/{}'],
    ['HEAD', '/orders/10001', 'GET /orders/{}'],
    ['get', '/api/v1/Users/{id}/orders/', 'GET /api/v1/users/{}/orders'],
  ])
    t.equal(foldRoute(method, template), route);
});

t.test('references of requests', async (t) => {
  const read = (method: string, template: string | null, target: string, headers: string[] = [], bodyText: string | null = null) =>
    readRequest({ method, template, target, headers, bodyText }, 'header:x-key');
  const table: [string, ReturnType<typeof read>, string[]][] = [
    ['path', read('GET', '/orders/{id}', '/orders/17'), ['path:0=17']],
    ['nested path without a template', read('GET', null, '/users/12/orders/17'), ['path:0=12', 'path:1=17']],
    ['in a segment', read('GET', '/report-{id}.pdf', '/report-17.pdf'), ['path:0=17']],
    ['encoded', read('GET', '/files/{id}', '/files/a%2Fb'), ['path:0=a/b']],
    ['query, several ids in one value', read('GET', '/x', '/x?ids=1,2'), ['query:id=1', 'query:id=2']],
    [
      'header, not the credential',
      read('GET', '/x', '/x', ['x-account-id', 'A1', 'x-key', 'secret', 'accept', '*/*']),
      ['header:x-account-id=a1'],
    ],
    [
      'JSON body',
      read('POST', '/t', '/t', ['content-type', 'application/json'], '{"from":"a1","lines":[{"sku":5}]}'),
      ['body:from=a1', 'body:line.sku=5'],
    ],
    ['form body', read('POST', '/t', '/t', ['content-type', 'application/x-www-form-urlencoded'], 'from=a1&password=x'), ['body:from=a1']],
    [
      'GraphQL arguments',
      read('POST', '/graphql', '/graphql', ['content-type', 'application/json'], '{"query":"{ order(id: \\"x9\\") { id } }"}'),
      ['body:gql:order.id=x9'],
    ],
    ['broken body', read('POST', '/t', '/t', ['content-type', 'application/json'], '{"from":'), []],
    [
      'wrapped id stays at its place',
      read('POST', '/t', '/t', ['content-type', 'application/json'], '{"messageId":{"id":{"id":"m1"}}}'),
      ['body:messageid=m1'],
    ],
  ];
  for (const [name, reading, expected] of table)
    t.same(
      reading.references.map((one) => `${one.slot}=${one.value}`),
      expected,
      name,
    );
  t.ok(
    read('GET', '/i', '/i?id=1&id=2').references.every((one) => one.repeated),
    'repeated with different values',
  );
  t.notOk(
    read('GET', '/i', '/i?id=1&id=1').references.some((one) => one.repeated),
    'the same value twice is no pollution',
  );
  t.equal(
    read('POST', '/o/{id}', '/o/1', ['x-http-method-override', 'DELETE']).route,
    'DELETE /o/{}',
    'the method that the upstream will see',
  );
  t.equal(read('GET', '/d', '/d?scope=team&page=2').answerSlot, 'answer?scope=team');
  t.same(
    read('GET', '/d', '/d?filter[tenant]=7&order_id=8').references.map((one) => `${one.slot} ${one.hint}`),
    ['query:filtertenant tenant', 'query:orderid order'],
    'the innermost name says what it names',
  );
  const call = (path: string) =>
    readRequest(
      {
        method: 'POST',
        template: path,
        target: path,
        headers: ['content-type', 'application/json'],
        bodyText: '{"role":"driver","limit":15}',
      },
      '',
    ).answerSlot;
  t.equal(call('/trips/list'), 'answer?role=driver', 'a call that only asks chooses in its body');
  t.equal(call('/trips'), 'answer', 'what a write says chooses no list');
});

t.test('the same fields in another type of body are at the same places', async (t) => {
  const boundary = '----x1';
  const part = (name: string, value: string, more = ''): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
  const bodies: Readonly<Record<string, readonly [type: string, text: string]>> = {
    JSON: ['application/json', '{"orderId":10,"to":{"accountId":"a-77"},"note":"a b"}'],
    'JSON, called something else': ['text/plain', '{"orderId":10,"to":{"accountId":"a-77"},"note":"a b"}'],
    form: ['application/x-www-form-urlencoded', 'orderId=010&to[accountId]=a-77&note=a+b'],
    'form with dots': ['application/x-www-form-urlencoded', 'orderId=10&to.accountId=a-77&note=a+b'],
    multipart: [
      `multipart/form-data; boundary=${boundary}`,
      `${part('orderId', '10')}${part('file', '99', '; filename="a.txt"')}${part('to[accountId]', 'A-77')}${part('note', 'a b')}--${boundary}--\r\n`,
    ],
    XML: [
      'application/xml',
      '<?xml version="1.0"?><transfer><orderId>10</orderId><to><accountId>a-77</accountId></to><note>a b</note></transfer>',
    ],
    SOAP: [
      'application/soap+xml; charset=utf-8',
      '<s:Envelope xmlns:s="x"><s:Header/><s:Body><Transfer><orderId>10</orderId><to><accountId>a-77</accountId></to></Transfer></s:Body></s:Envelope>',
    ],
  };
  for (const [what, [type, bodyText]] of Object.entries(bodies)) {
    const { references } = readRequest(
      { method: 'POST', template: '/transfers', target: '/transfers', headers: ['content-type', type], bodyText },
      '',
    );
    t.same(
      references.map(({ hint, slot, value }) => `${slot}=${value} of ${hint}`),
      ['body:orderid=10 of order', 'body:to.accountid=a-77 of account'],
      what,
    );
  }
  for (const [type, bodyText] of [
    ['multipart/form-data', part('orderId', '10')],
    [`multipart/form-data; boundary=${boundary}`, ''],
    ['application/xml', '<a><b></a>'],
    ['application/xml', 'orderId=10'],
    ['application/xml', '<a>'.repeat(100)],
  ])
    t.same(
      readRequest({ method: 'POST', template: '/t', target: '/t', headers: ['content-type', type], bodyText }, '').references,
      [],
      type,
    );
});

t.test('operations behind one path are routes of their own, and some calls only ask', async (t) => {
  const read = (template: string, body: object | null, method = 'POST') =>
    readRequest(
      { method, template, target: template.split('#')[0], headers: [], bodyText: body === null ? null : JSON.stringify(body) },
      '',
    );
  const query = { query: 'query Order($id: ID!) { order(id: $id) { id } }', variables: { id: 7 } };
  const cases: [what: string, template: string, body: object | null, route: string, mutates: boolean][] = [
    ['as the engine names it', '/graphql#query Order', query, 'POST /graphql#query Order', false],
    ['as a gateway does, by its path', '/graphql', query, 'POST /graphql#query Order', false],
    ['a mutation', '/graphql', { query: 'mutation Pay { pay(id: 7) { id } }' }, 'POST /graphql#mutation Pay', true],
    ['a document that the server knows by name', '/graphql', { operationName: 'Order' }, 'POST /graphql#Order', true],
    ['one whose name says that it asks', '/graphql', { operationName: 'GetOrder' }, 'POST /graphql#GetOrder', false],
    ['JSON-RPC', '/rpc', { jsonrpc: '2.0', method: 'order.get', params: { id: 7 } }, 'POST /rpc#order.get', false],
    ['JSON-RPC that changes', '/rpc', { jsonrpc: '2.0', method: 'order.drop', params: { id: 7 } }, 'POST /rpc#order.drop', true],
    ['an RPC path', '/rpc/files.get', { fid: 'x1' }, 'POST /rpc/files.get', false],
    ['a search by POST', '/messages/search', { conversationId: 'x1' }, 'POST /messages/search', false],
    ['any other POST', '/orders', { item: 3 }, 'POST /orders', true],
  ];
  for (const [what, template, body, route, mutates] of cases) {
    const reading = read(template, body);
    t.same([reading.route, reading.mutates], [route, mutates], what);
    t.equal(foldRoute('POST', reading.route.slice(5)), route, 'a template gives the same route');
  }
  t.notOk(read('/orders/{id}', null, 'HEAD').mutates);
  t.ok(read('/files/list', null, 'DELETE').mutates, 'a method that changes things does, whatever it is called on');
});

t.test('the object that a write is about', async (t) => {
  const slot = {} as SlotRule;
  const subject = (target: string, headers: string[], slots: Record<string, SlotRule>) =>
    subjectOutside(readRequest({ method: 'POST', template: null, target, headers, bodyText: null }, '').references, (name) => slots[name])
      ?.slot;
  const cookie = ['Cookie', 'theme=dark; acct=a1'];
  t.equal(subject('/orders/7/share', cookie, {}), 'path:0');
  t.equal(subject('/share?orderId=7', cookie, { 'query:orderid': slot }), 'query:orderid');
  t.equal(subject('/share', cookie, { 'cookie:acct': slot }), 'cookie:acct');
  t.equal(subject('/share', cookie, {}), undefined, 'a cookie of which nothing is known names no object');
});

t.test('objects of answers', async (t) => {
  const objects = (value: unknown, collection = 'order') =>
    readAnswer(value, collection).map((one) => `${one.resource}:${one.id}${one.isRoot ? ' root' : ''}${one.inList ? ' list' : ''}`);
  t.same(objects({ id: 1, userId: 2 }), ['order:1 root']);
  t.same(objects({ data: { id: 1 } }), ['order:1 root']);
  t.same(objects({ orders: [{ id: 1 }, { id: 2 }], page: 1 }), ['order:1 list', 'order:2 list']);
  t.same(objects({ data: [{ type: 'orders', id: '1', attributes: { a: 1 } }] }), ['order:1 list']);
  t.same(objects({ _embedded: { orders: [{ order_id: 7 }] } }, ''), ['order:7 list']);
  t.same(objects([{ deviceId: 'd1', accountId: 5 }], 'fleet'), ['device:d1 list'], 'a list that is not called after what it holds');
  t.same(objects({ caseNo: 7, replies: 4 }, 'reply'), ['reply:null root'], 'how many there are is no id');
  t.same(objects({ reply: 4, text: 'x' }, 'reply'), ['reply:4 root']);
  t.same(objects({ no: 412, amount: 5 }, 'statement'), ['statement:412 root']);
  t.same(objects({ tickets: [{ id: 1 }] }, 'maintenanceticket'), ['maintenanceticket:1 list'], 'called less than its path');
  t.same(objects({ comments: [{ id: 1 }], count: 1 }, 'maintenanceticket'), ['comment:1 list']);
  t.same(objects([{ userId: 1, role: 'x' }], 'seat'), ['seat:null list'], 'who sits there is not what it is');
  t.same(objects({ deviceId: 'd1', model: 'x' }, 'check'), ['check:null root'], 'one object is what was asked for');
  const self = (href: string) => ({ _links: { self: { href } } });
  t.same(objects({ ...self('/orders?page=2'), _embedded: { orders: [{ total: 1, ...self('/orders/7') }] } }), ['order:7 list'], 'HAL');
  t.same(objects({ ...self('/orders'), _embedded: { orders: [self('/orders/7')] } }, 'job'), ['order:7 list'], 'HAL, called otherwise');
  t.same(objects({ total: 1, ...self('/orders/7'), _embedded: { lines: [{ id: 'l1' }] } }), ['order:7 root', 'line:l1 list'], 'HAL, one');
  const page = { meta: { page: 1, perPage: 2, total: 9, has_more: true }, totalCount: 9, customerId: 5, orders: [{ id: 1 }] };
  const { all, from, to } = readAnswer(page, 'order').find(({ inList }) => inList)!;
  t.same(all.paths.slice(from, to).map(pathName), ['id', '^customerid'], 'how long a list is says nothing of what it holds');
  const api = readAnswer({ data: { type: 'orders', id: '1', relationships: { owner: { data: { type: 'users', id: '9' } } } } }, 'order')[0];
  t.ok(
    api.all.paths.some((path, index) => pathName(path).endsWith('owner.id') && api.all.values[index] === '9'),
    'JSON:API relationship',
  );
  const hal = readAnswer({ id: 1, _links: { patient: { href: '/patients/9' } } }, 'x')[0];
  t.ok(
    hal.all.paths.some((path, index) => pathName(path).includes('patient') && hal.all.values[index] === '9'),
    'HAL link',
  );
  t.same(objects('text'), []);
  t.same(objects({ order: { id: 1 }, took: 3 }), ['order:1 root'], 'called after what was asked for');
  t.same(objects({ wallet: { id: 'w1' } }, 'rpc'), ['wallet:w1 root'], 'the only thing that there is');
  t.same(objects({ total: 5, customer: { id: 9 } }), ['order:null root', 'customer:9'], 'a part of something without an id');
  t.same(
    objects({ jsonrpc: '2.0', id: 7, result: { order: { id: 1 } } }, 'rpc'),
    ['order:1 root'],
    'what a call is numbered with is no id',
  );

  const mentioned = (value: unknown) =>
    readAnswer(value, 'order')
      .filter((one) => one.isMentioned)
      .map((one) => `${one.resource}:${one.id}`);
  t.same(mentioned([{ id: 1, customer: { id: 9, address: { id: 4 } } }]), ['customer:9', 'address:4'], 'parts of a listed object');
  t.same(mentioned({ id: 1, items: [{ id: 5 }] }), [], 'what is listed in an object is handed out');
  t.same(mentioned({ data: { order: { id: 1 } }, total: 1 }), [], 'nor is what an envelope holds');

  const account = pathNumber('^/account');
  const below = (value: unknown) =>
    readAnswer(value, 'recording', { name: 'account', value: 'a1' }).map(
      ({ id, all, from, to }) =>
        `${id}:${all.values[all.paths.indexOf(account, from)] ?? ''}:${all.paths.slice(from, to).includes(account)}`,
    );
  t.same(below([{ id: 1 }, { id: 2 }]), ['1:a1:true', '2:a1:true'], 'what a list below an account shows hangs on the account');
  t.same(below({ id: 1 }), ['1::false'], 'a single answer says nothing of where it belongs');

  const part = (value: unknown) => readAnswer(value, 'note', { name: 'visit', value: 'v7' }).map(({ id }) => id);
  t.same(part({ visitNo: 'v7', note: 'allergy' }), [null], 'a visit is answered with its note, which is a word');
  t.same(part({ note: 'n12', text: 'allergy' }), ['n12']);
});

t.test('what a collection hangs on', async (t) => {
  const container = (template: string, target: string) =>
    readRequest({ method: 'GET', template, target, headers: [], bodyText: null }, '').container;
  t.same(container('/accounts/{id}/recordings', '/accounts/a1/recordings?page=2'), { name: 'account', value: 'a1' });
  t.equal(container('/accounts/{id}/recordings/{r}', '/accounts/a1/recordings/r1'), null, 'one object is not a collection');
  t.equal(container('/recordings', '/recordings'), null);
});

t.test('views refuse foreign bytes by name', async (t) => {
  const view = new OwnershipView();
  t.throws(() => view.apply(new Uint8Array(40)), { code: 'WEIR_OWNERSHIP_CHUNK' });
  const good = encodeDelta({ snapshot: true, seed: new Uint8Array(8), entries: Uint32Array.of(1, 2, 3, 4, 1), changes: [] });
  t.throws(() => view.apply(good.subarray(0, good.length - 1)), { code: 'WEIR_OWNERSHIP_CHUNK' });
  good[4] = 9;
  t.throws(() => view.apply(good), { code: 'WEIR_OWNERSHIP_VERSION' });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        view.apply(bytes);
      } catch (error) {
        return (error as { code?: string }).code?.startsWith('WEIR_OWNERSHIP') === true;
      }
      return true;
    }),
  );
});

t.test('what a place has not proven blocks only a caller who was just alerted of', async (t) => {
  const { established, identified, suspect, privileged } = PERSON;
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const resource = () => known.resource('s', 'order');
  known.sheet.apply({ resource: 's\u001forder', rule: { fields: [{ path: 'userid', role: 'owner', kind: 2 }] } });
  known.hash.words(SPACE.identity, 0, 2, 1);
  known.table.set(known.hash.hi, known.hash.lo, 1, 0);
  known.objectKey(resource(), '10');
  known.table.set(known.hash.hi, known.hash.lo, known.valueHash('77'), 2);
  const reading = readRequest(
    { method: 'GET', template: '/orders/{id}', target: '/orders/10', headers: [], bodyText: null },
    'header:authorization',
  );
  const cases: [what: string, flags: number, stance: Stance, blocks: boolean][] = [
    ['an ordinary caller', established | identified, { is: 'deny', confidence: 0.6, proven: false }, false],
    ['a suspect', established | identified | suspect, { is: 'deny', confidence: 0.6, proven: false }, true],
    ['a suspect where it would not even alert', established | identified | suspect, { is: 'deny', confidence: 0.4, proven: false }, false],
    ['a suspect at an open place', established | identified | suspect, { is: 'allow', confidence: 0.9, proven: true }, false],
    ['a suspect who owns nothing', identified | suspect, { is: 'deny', confidence: 0.6, proven: false }, false],
    ['staff', established | identified | suspect | privileged, { is: 'deny', confidence: 0.6, proven: false }, false],
    ['an ordinary caller where it is proven', established | identified, { is: 'deny', confidence: 0.9, proven: true }, true],
  ];
  for (const [what, flags, stance, blocks] of cases) {
    const stances = sameForAll(stance);
    const slot = { resource: 'order', stances, principals: 20, accesses: 80, wrappings: [''], repeats: 0 };
    known.sheet.apply({ route: 's\u001fGET /orders/{}', rule: { slots: { 'path:0': slot } } });
    t.equal(judge(known, 's', reading, { person: 1, flags }, null, JUDGE)?.enforceable ?? false, blocks, what);
  }
  const proven = {
    resource: 'order',
    stances: sameForAll({ is: 'deny', confidence: 0.9, proven: true } as const),
    principals: 20,
    accesses: 80,
  };
  known.sheet.apply({ route: 's\u001fGET /orders/{}', rule: { slots: { 'path:0': { ...proven, wrappings: [''], repeats: 0 } } } });
  const manager = judge(known, 's', reading, { person: 1, flags: established | identified | suspect | PERSON.manages }, null, JUDGE);
  t.match(manager, { relation: 'foreign', enforceable: false, confidence: 0.55 }, 'who manages what others own is reported, not refused');
  // Order 20 is somebody else's of the caller's own group.
  const fields = [
    { path: 'userid', role: 'owner', kind: 2 },
    { path: 'clinic', role: 'group', kind: 9 },
  ] as const;
  known.sheet.apply({ resource: 's\u001forder', rule: { fields } });
  for (const value of [0, 5]) {
    known.hash.words(SPACE.identity, value, 9, 1);
    known.table.set(known.hash.hi, known.hash.lo, 1, 0);
  }
  known.objectKey(resource(), '20');
  known.table.set(known.hash.hi, known.hash.lo, known.valueHash('77'), (5 << 8) | 2);
  const ofGroup = readRequest({ method: 'GET', template: '/orders/{id}', target: '/orders/20', headers: [], bodyText: null }, '');
  for (const [what, flags, proven, blocks] of [
    ['a suspect, within their group', established | identified | suspect, false, false],
    ['anybody, where it is proven that members open only their own', established | identified, true, true],
  ] as const) {
    const stances = sameForAll({ is: 'deny', confidence: 0.9, proven });
    const slot = { resource: 'order', stances, principals: 20, accesses: 80, wrappings: [''], repeats: 0 };
    known.sheet.apply({ route: 's\u001fGET /orders/{}', rule: { slots: { 'path:0': slot } } });
    const verdict = judge(known, 's', ofGroup, { person: 1, flags }, null, JUDGE);
    t.match(verdict, { relation: 'group', enforceable: blocks }, what);
  }
  const twice = readRequest(
    { method: 'GET', template: '/invoice', target: '/invoice?id=11&id=10', headers: [], bodyText: null },
    'header:authorization',
  );
  const stance: Stance = { is: 'deny', confidence: 0.6, proven: false };
  const stances = sameForAll(stance);
  const slot = { resource: 'order', stances, principals: 20, accesses: 80, wrappings: [''], repeats: 0 };
  known.sheet.apply({ route: 's\u001fGET /invoice', rule: { slots: { 'query:id': slot } } });
  for (const [what, flags, blocks] of [
    ['an id given twice by somebody who owns something', established, true],
    ['by somebody of whom nothing is known', 0, false],
    ['by somebody of whom nothing is known, for the third time', suspect, true],
    ['by staff', suspect | privileged, false],
  ] as const)
    t.equal(judge(known, 's', twice, { person: 1, flags }, null, JUDGE)?.enforceable ?? false, blocks, what);
});

t.test('a body too long to be read whole, where bodies name what is private', async (t) => {
  const { established, suspect, privileged } = PERSON;
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const request = { method: 'POST', template: '/transfer', target: '/transfer', headers: ['content-type', 'application/json'] };
  const long = readRequest({ ...request, bodyText: `{"x":"${'x'.repeat(100)}`, isBodyCut: true }, '');
  const short = readRequest({ ...request, bodyText: '{"x":"y"}', isBodyCut: false }, '');
  const stance: Stance = { is: 'deny', confidence: 0.9, proven: true };
  type Case = readonly [
    what: string,
    slot: string,
    stance: Stance,
    longBodies: number | undefined,
    people: number,
    flags: number,
    blocks: boolean | null,
  ];
  const cases: readonly Case[] = [
    ['never seen of twenty people', 'body:from', stance, 0, 20, established, true],
    ['never seen of few', 'body:from', stance, 0, 19, established, false],
    ['never seen of few, by a suspect', 'body:from', stance, 0, 19, established | suspect, true],
    ['by somebody who owns nothing', 'body:from', stance, 0, 20, 0, false],
    ['by staff', 'body:from', stance, 0, 20, privileged, false],
    ['of one in a hundred people', 'body:from', stance, 0.01, 20, established, false],
    ['of one in ten people', 'body:from', stance, 0.1, 20, established, null],
    ['of whom nobody knows, as learned by a version before', 'body:from', stance, undefined, 20, established, null],
    ['where nothing is proven', 'body:from', { ...stance, proven: false }, 0, 20, established, null],
    ['where objects of others are reached', 'body:from', { ...stance, is: 'allow' }, 0, 20, established, null],
    ['where ids stand in the query', 'query:from', stance, 0, 20, established, null],
    ['where hardly anybody was', 'body:from', stance, 0, 3, established, null],
  ];
  for (const [what, slot, is, longBodies, people, flags, blocks] of cases) {
    const stances = { granted: is, listed: is, group: is, public: is, foreign: is };
    const rule = {
      resource: 'account',
      stances,
      principals: people,
      accesses: people * 3,
      wrappings: [''],
      repeats: 0,
      ...(longBodies === undefined ? {} : { longBodies }),
    };
    known.sheet.apply({ route: 's\u001fPOST /transfer', rule: { slots: { [slot]: rule } } });
    const verdict = judge(known, 's', long, { person: 1, flags }, null, JUDGE);
    t.equal(verdict?.form === 'long' ? verdict.enforceable : flags === privileged ? false : null, blocks, what);
    t.equal(judge(known, 's', short, { person: 1, flags }, null, JUDGE)?.form, undefined, `${what}: a short one`);
  }
});

t.test('an operation that the client makes up is no way around what is known of the path, nor the other way round', async (t) => {
  const known = new Knowledge(new KeyedHash(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  known.sheet.apply({ resource: 's\u001forder', rule: { fields: [{ path: 'userid', role: 'owner', kind: 2 }] } });
  known.hash.words(SPACE.identity, 0, 2, 1);
  known.table.set(known.hash.hi, known.hash.lo, 1, 0);
  known.objectKey(known.resource('s', 'order'), '10');
  known.table.set(known.hash.hi, known.hash.lo, known.valueHash('77'), 2);
  const place = (route: string, slot: string, is: Stance['is']) => {
    const stance: Stance = { is, confidence: 0.9, proven: true };
    const stances = sameForAll(stance);
    const rule = { resource: 'order', stances, principals: 20, accesses: 80, wrappings: [''], repeats: 0 };
    known.sheet.apply({ route: `s\u001f${route}`, rule: { slots: { [slot]: rule } } });
  };
  place('GET /orders/{}', 'path:0', 'deny');
  place('POST /orders/{}/print', 'path:0', 'deny');
  place('GET /orders/{}#mine', 'path:0', 'allow');
  place('POST /graphql#query Order', 'body:variable.id', 'deny');
  place('POST /graphql', 'body:variable.id', 'allow');
  const call = JSON.stringify({ jsonrpc: '2.0', method: 'mine' });
  const query = JSON.stringify({ query: 'query Order($id: ID!) { order(id: $id) { id } }', variables: { id: 10 } });
  const cases: [what: string, method: string, template: string, target: string, headers: string[], body: string | null][] = [
    ['as others do', 'GET', '/orders/{id}', '/orders/10', [], null],
    ['an action of SOAP', 'GET', '/orders/{id}', '/orders/10', ['SOAPAction', 'mine'], null],
    ['an action of SOAP with a body', 'POST', '/orders/{id}/print', '/orders/10/print', ['SOAPAction', 'mine'], '{}'],
    ['a call of JSON-RPC', 'POST', '/orders/{id}/print', '/orders/10/print', [], call],
    ['an operation of GraphQL', 'GET', '/orders/{id}', '/orders/10;graphql?operationName=mine', [], null],
    ['the same as the engine has it, open where only the attacker went', 'GET', '/orders/{id}#mine', '/orders/10', [], null],
    ['an operation whose path is open', 'POST', '/graphql', '/graphql', ['Content-Type', 'application/json'], query],
  ];
  const caller = { person: 1, flags: PERSON.established | PERSON.identified };
  for (const [what, method, template, target, headers, bodyText] of cases) {
    const reading = readRequest({ method, template, target, headers, bodyText }, 'header:authorization');
    t.ok(judge(known, 's', reading, caller, null, JUDGE)?.enforceable, what);
  }
});
