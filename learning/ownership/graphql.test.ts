/** GraphQL: what operations are called is up to the client, so what is known hangs on the fields that objects are asked for by. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { bodyOf, emptyBody, headersOf, newId, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { AMBIGUOUS, operationIn, readDocument } from '../graphql.js';
import { OwnershipModel, OwnershipView } from './index.js';
import { readRequest } from './references.js';

const PEOPLE = 24;
const people = Array.from({ length: PEOPLE }, (_, index) => 1000 + index);
const ownerOf = (order: number): number => 1000 + (order % PEOPLE);
const reader = new PrincipalReader('graphql');
const tokenOf = (user: number): string =>
  [{ alg: 'HS256' }, { sub: String(user) }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

interface Sent {
  readonly method?: string;
  readonly target?: string;
  readonly type?: string;
  readonly body?: unknown;
}

/** An engine and a gateway that hears of everything at once. */
function api() {
  const model = new OwnershipModel({ secret: 'graphql', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  let nowMs = 1.7e12;
  const requestOf = (user: number, { method = 'POST', target = '/graphql', type = 'application/json', body }: Sent) => {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const headers = headersOf({ host: 'api', authorization: `Bearer ${tokenOf(user)}`, ...(text === '' ? {} : { 'content-type': type }) });
    return { method, target, headers, body: text === '' ? emptyBody : bodyOf(Buffer.from(text)), principal: reader.read(headers, target) };
  };
  /** Would a gateway let it through? */
  const refuses = (user: number, sent: Sent): boolean => {
    const { principal, ...request } = requestOf(user, sent);
    const [path] = request.target.split('?');
    const asked = { service: 's', ...request, path, template: path, parameters: [], principalKey: principal?.key ?? null };
    return view.judgeRequest(asked)?.enforceable ?? false;
  };
  const passes = (user: number, sent: Sent, shown: unknown) => {
    const { principal, ...request } = requestOf(user, sent);
    nowMs += 1000;
    const [path] = request.target.split('?');
    const judgement = model.judge({
      exchange: exchangeOf({
        id: newId(nowMs),
        requestId: String(nowMs),
        service: 's',
        startedAtMs: nowMs,
        request: request,
        response: { headers: headersOf({ 'content-type': 'application/json' }), body: bodyOf(Buffer.from(JSON.stringify(shown))) },
        principal,
      }),
      endpoint: { id: path, service: 's', method: request.method, template: path },
      pathParameters: [],
      dataHits: [],
    });
    const delta = model.deltas();
    if (delta !== null) view.apply(delta);
    return judgement;
  };
  return { refuses, passes, model };
}

const order = (id: number) => ({ __typename: 'Order', id: String(id), total: 5, customer: { id: String(ownerOf(id)) } });
const product = (id: number) => ({ __typename: 'Product', id: String(id), name: 'p', maker: { id: String(ownerOf(id * 7 + 3)) } });
const ORDER = 'query Order($id: ID!) { order(id: $id) { id total customer { id } } }';
const PAY = 'mutation Pay($input: PayInput!) { pay(input: $input) { ok } }';
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const byHash = (hash: string, variables: object, operationName = 'x') => ({
  operationName,
  variables,
  extensions: { persistedQuery: { version: 1, sha256Hash: hash } },
});

/** Everybody opens and pays orders of their own, by the operations of the app; products belong to nobody who asks for them. */
function learned() {
  const server = api();
  for (const user of people) server.passes(user, { method: 'GET', target: '/me' }, { id: String(user) });
  // Numbers in bodies are ids once answers have shown them.
  for (let turn = 0; turn < 8; turn++) {
    const round = turn % 4;
    for (const user of people) {
      const id = user + round * PEOPLE - 1000 + 100 * PEOPLE;
      server.passes(
        user,
        { body: { operationName: 'Order', query: ORDER, variables: { id: String(id) } } },
        { data: { order: order(id) } },
      );
      server.passes(
        user,
        { body: { operationName: 'Pay', query: PAY, variables: { input: { orderId: String(id) } } } },
        { data: { pay: { ok: true } } },
      );
      server.passes(user, { body: byHash('f'.repeat(64), { orderId: String(id) }, 'Track') }, { data: { order: order(id) } });
      const shown = 900_000 + ((user * 13 + round * 31) % 40);
      server.passes(user, { body: { query: `query Product { product(id: "${shown}") { id } }` } }, { data: { product: product(shown) } });
    }
  }
  return server;
}

const [ME, OWN, THEIRS] = [1000, 100 * PEOPLE, 100 * PEOPLE + 1];
const literal = (id: number) => `order(id: "${id}") { id total }`;

/** Ways to ask for an order that nobody used so far. */
const ways: [what: string, sent: (id: number, own: number) => Sent][] = [
  [
    'another operation name',
    (id) => ({ body: { operationName: 'X1', query: ORDER.replace('Order', 'X1'), variables: { id: String(id) } } }),
  ],
  ['another variable', (id) => ({ body: { query: 'query X2($zz: ID!) { order(id: $zz) { id } }', variables: { zz: String(id) } } })],
  ['a number', (id) => ({ body: { query: 'query X3($zz: Int!) { order(id: $zz) { id } }', variables: { zz: id } } })],
  ['no name', (id) => ({ body: { query: `{ ${literal(id)} }` } })],
  ['a number in the document', (id) => ({ body: { query: `{ order(id: ${id}) { id } }` } })],
  ['escapes', (id) => ({ body: { query: `{ order(id: "${[...String(id)].map((digit) => `\\u003${digit}`).join('')}") { id } }` } })],
  ['a block string', (id) => ({ body: { query: `{ order(id: """${id}""") { id } }` } })],
  ['a default', (id) => ({ body: { query: `query X4($id: ID = "${id}") { order(id: $id) { id } }` } })],
  ['an alias', (id) => ({ body: { query: `query X5 { product: ${literal(id)} }` } })],
  [
    'after own ones',
    (id, own) => ({ body: { query: `query X6 { ${[0, 1, 2].map((n) => `a${n}: ${literal(own + n * PEOPLE)}`)} z: ${literal(id)} }` } }),
  ],
  [
    'after hundreds of others',
    (id) => ({ body: { query: `{ ${Array.from({ length: 900 }, (_, n) => `a${n}: ${literal(7e6 + n)}`)} ${literal(id)} }` } }),
  ],
  ['several root fields', (id) => ({ body: { query: `query X7 { product(id: "900001") { id } ${literal(id)} }` } })],
  ['a fragment', (id) => ({ body: { query: `fragment F on Query { ${literal(id)} } query X8 { ...F }` } })],
  ['an inline fragment', (id) => ({ body: { query: `query X9 { ... on Query @include(if: true) { ${literal(id)} } }` } })],
  ['below another field', (id) => ({ body: { query: `query X10 { viewer { shop { ${literal(id)} } } }` } })],
  [
    'behind a comment',
    (id, own) => ({ body: { query: `# {order(id: "${own}")}\nquery X11 { # "\n order # (\n (,,id # :\n: "${id}") { id } }` } }),
  ],
  ['the second of a batch', (id, own) => ({ body: [own, id].map((one) => ({ query: `query X12 { ${literal(one)} }` })) })],
  [
    'a batch with variables',
    (id, own) => ({ body: [own, id].map((one) => ({ query: ORDER, operationName: 'X13', variables: { id: one } })) }),
  ],
  [
    'the second operation',
    (id, own) => ({ body: { operationName: 'B', query: `query A { ${literal(own)} } query B { ${literal(id)} }` } }),
  ],
  ['a document as the body', (id) => ({ type: 'application/graphql', body: `query X14 { ${literal(id)} }` })],
  ['a form', (id) => ({ type: 'application/x-www-form-urlencoded', body: `query=${encodeURIComponent(`{ ${literal(id)} }`)}` })],
  ['a query of GET', (id) => ({ method: 'GET', target: `/graphql?query=${encodeURIComponent(`{ ${literal(id)} }`)}` })],
  [
    'a query of GET with variables',
    (id) => ({
      method: 'GET',
      target: `/graphql?query=${encodeURIComponent(ORDER)}&variables=${encodeURIComponent(JSON.stringify({ id }))}`,
    }),
  ],
  ['a mutation', (id) => ({ body: { query: `mutation X15 { x: pay(input: { orderId: "${id}" }) { ok } }` } })],
  [
    'a mutation with a part of its input',
    (id) => ({ body: { query: 'mutation X16($o: ID!) { pay(input: { orderId: $o }) { ok } }', variables: { o: id } } }),
  ],
  ['a stored document by another operation name', (id) => ({ body: byHash('f'.repeat(64), { orderId: String(id) }, 'X17') })],
  [
    'among other values',
    (id) => ({ body: { ...Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n])), query: `{ ${literal(id)} }` } }),
  ],
  ['a document that is cut off', (id) => ({ body: { query: `{ ${literal(id)} ` } })],
];

t.test("somebody else's object is refused whatever the request calls it, and one's own is not", async (t) => {
  const { refuses } = learned();
  t.ok(refuses(ME, { body: { operationName: 'Order', query: ORDER, variables: { id: String(THEIRS) } } }), 'as the app asks for it');
  for (const [what, sent] of ways) {
    t.ok(refuses(ME, sent(THEIRS, OWN)), `theirs: ${what}`);
    t.notOk(refuses(ME, sent(OWN, OWN)), `own: ${what}`);
    t.notOk(refuses(ownerOf(THEIRS), sent(THEIRS, THEIRS)), `its owner: ${what}`);
  }
});

t.test('what must not be refused under a new name', async (t) => {
  const { refuses, passes } = learned();
  const benign: [what: string, sent: Sent][] = [
    ['a public field', { body: { query: 'query Y1 { product(id: "900003") { id } }' } }],
    ['several of a public field', { body: { query: 'query Y2 { a: product(id: "900003") { id } b: product(id: "900004") { id } }' } }],
    ['a field that nobody asked for so far', { body: { query: `query Y3 { invoice(id: "${THEIRS}") { id } }` } }],
    ['another argument of the same field', { body: { query: `query Y4 { order(after: "${THEIRS}") { id } }` } }],
    ['an order that nobody knows', { body: { query: 'query Y5 { order(id: "77777777") { id } }' } }],
    ['the number in a directive', { body: { query: `query Y6 { order(id: "${OWN}") @tag(id: "${THEIRS}") { id } }` } }],
    ['the number in a comment', { body: { query: `query Y7 { order(id: "${OWN}") { id } } # order(id: "${THEIRS}")` } }],
    ['the number in a text', { body: { query: `query Y8 { search(text: "order(id: ${THEIRS})") { id } order(id: "${OWN}") { id } }` } }],
    ['a variable that is not used', { body: { query: `query Y9($x: ID) { order(id: "${OWN}") { id } }`, variables: { x: THEIRS } } }],
    ['the same text at a path that is not GraphQL', { target: '/notes', body: { query: `{ ${literal(THEIRS)} }` } }],
  ];
  for (const [what, sent] of benign) t.notOk(refuses(ME, sent), what);
  const share = (id: number, user: number) =>
    passes(
      ownerOf(id),
      { body: { query: `mutation S${id} { share(orderId: "${id}", userId: "${user}") { ok } }` } },
      { data: { share: { ok: true } } },
    );
  for (const user of people) share(user - 1000 + 101 * PEOPLE, 1000 + ((user + 5) % PEOPLE));
  share(THEIRS, ME);
  t.notOk(refuses(ME, { body: { query: `query Y10 { ${literal(THEIRS)} }` } }), 'what was shared');
});

t.test('a document that was registered under its hash is known by it, and a wrong one is not', async (t) => {
  const { refuses, passes } = learned();
  const text = `query Z { z: ${literal(OWN).replace(`"${OWN}"`, '$id')} }`;
  passes(ME, { body: { query: text, ...byHash(hashOf(text), { id: OWN }) } }, { data: { z: order(OWN) } });
  t.ok(refuses(ME, { body: byHash(hashOf(text), { id: THEIRS }) }), 'theirs by the hash');
  t.notOk(refuses(ME, { body: byHash(hashOf(text), { id: OWN }) }), 'own by the hash');
  const wrong = hashOf('another document');
  passes(ME, { body: { query: text, ...byHash(wrong, { id: OWN }) } }, { data: { z: order(OWN) } });
  t.notOk(refuses(ME, { body: byHash(wrong, { id: THEIRS }) }), 'nothing is known of a hash that was only claimed');
});

t.test('who asks under names of their own learns nobody anything', async (t) => {
  const { refuses, passes } = learned();
  const evil = 1005;
  for (let n = 0; n < 30; n++) {
    const id = 100 * PEOPLE + ((n * 5 + 1) % (4 * PEOPLE));
    if (ownerOf(id) === evil) continue;
    // `customer` is whom an order is of, unless the client calls something else so.
    const shown = { data: { [`o${n}`]: { __typename: 'Order', id: String(id), customer: { id: String(evil) } } } };
    passes(evil, { body: { query: `query V${n} { o${n}: order(id: "${id}") { id customer: viewer { id } } }` } }, shown);
    t.ok(refuses(evil, { body: { query: `query W${n} { ${literal(id)} }` } }), `order ${id} goes on being somebody else's`);
    t.notOk(refuses(ownerOf(id), { body: { query: `query W${n} { ${literal(id)} }` } }), `and order ${id} its owner's`);
  }
});

t.test('names that a client makes up displace nothing that is in use', async (t) => {
  const { refuses, passes, model } = learned();
  const before = model.stats().contexts;
  for (let n = 0; n < 3000; n++) {
    const body = { query: `{ x${n}(id: "${OWN}") { id } y: ${literal(OWN)} }`, [`k${n}`]: String(OWN) };
    passes(ME, { body }, { data: null, errors: [{ message: 'no such field' }] });
  }
  const { contexts, forgottenContexts } = model.stats();
  t.ok(contexts < before + 700, `${contexts} places`);
  t.ok(forgottenContexts > 2000, 'those that are forgotten are counted');
  t.ok(refuses(ME, { body: { query: `query A { ${literal(THEIRS)} }` } }));
  t.notOk(refuses(ME, { body: { query: `query A { ${literal(OWN)} }` } }));
  const saved = new Map<string, string | null>();
  for (let batch = model.checkpoint(); batch.length > 0; batch = model.checkpoint())
    for (const { key, value } of batch) saved.set(key, value);
  t.ok(
    [...saved].filter(([key, value]) => key.startsWith('place|') && value !== null).length <= contexts,
    'what is forgotten is not saved',
  );
});

t.test('documents', async (t) => {
  const found = (text: string) =>
    readDocument(text).arguments.map(({ field, argument, value }) => `${field}.${argument}=${JSON.stringify(value)}`);
  const table: [what: string, text: string, expected: string[]][] = [
    [
      'literals',
      '{ a(b: "x", c: 12, d: -3.5e2, e: RED, f: true, g: null) }',
      ['a.b="x"', 'a.c="12"', 'a.d="-3.5e2"', 'a.e=null', 'a.f=null', 'a.g=null'],
    ],
    ['lists and objects', '{ a(b: [1, [2]], c: { d: { e: "x" } f: $v }) }', ['a.b=["1",["2"]]', 'a.c={"d":{"e":"x"},"f":{"name":"v"}}']],
    ['aliases', '{ x: a(b: 1) y: a(b: 2) }', ['a.b="1"', 'a.b="2"']],
    ['any depth', '{ a { b(c: 1) { d { e(f: 2) } } } }', ['b.c="1"', 'e.f="2"']],
    [
      'fragments',
      'query { ...F } fragment F on Q { a(b: 1) ... { c(d: 2) } ... on X @s(u: 9) { e(f: 3) } }',
      ['a.b="1"', 'c.d="2"', 'e.f="3"'],
    ],
    ['variables and directives have no fields', 'query Q($a: [ID!]! = ["1"] @x(y: 2)) @z(w: 3) { b @skip(if: $c) }', []],
    ['descriptions', '"""text {a(b: 1)}""" { c(d: 1) }', ['c.d="1"']],
    ['nothing', '', []],
    ['no document', '{"match": {"id": 7}}', []],
    ['cut off in a value', '{ a(b: 1) c(d: [1, {', ['a.b="1"', 'c.d=["1",{}]']],
  ];
  for (const [what, text, expected] of table) t.same(found(text), expected, what);
  const kinds: [text: string, name: string, expected: string][] = [
    ['{ a }', '', 'query/a'],
    ['query Q { ...F }', '', 'query/Q/'],
    ['fragment F on X { y } mutation M { z: pay }', '', 'mutation/M/pay'],
    ['query A { a } mutation B { b }', 'B', 'mutation/B/b'],
    ['query A { a } mutation B { b }', 'C', 'query/A/a'],
    ['subscription { s }', '', 'subscription/s'],
  ];
  for (const [text, name, expected] of kinds) {
    const operation = operationIn(readDocument(text), name);
    t.equal([operation?.kind, operation?.name, operation?.field].filter((one, at) => at !== 1 || one !== '').join('/'), expected, text);
  }
  t.same(
    [...(readDocument('{ a: b { c: d } e { c: f, g: h } g }').aliases ?? [])],
    [
      ['a', 'b'],
      ['c', AMBIGUOUS],
      ['g', AMBIGUOUS],
    ],
  );
});

t.test('documents made to hurt give something, whatever they are, and no more than so much', async (t) => {
  const n = 100_000;
  const hostile: [what: string, text: string][] = [
    ['brackets', '('.repeat(n)],
    ['arguments in arguments', 'a('.repeat(n)],
    ['braces', '{a'.repeat(n)],
    ['lists in a value', `{a(b:${'['.repeat(n)}`],
    ['objects in a value', `{a(b:${'{c:'.repeat(n)}`],
    ['quotes', `{a(b:${'"'.repeat(n)}`],
    ['escaped quotes', `{a(b:"${'\\"'.repeat(n)}`],
    ['block strings', `{a(b:"""${'\\"""'.repeat(n)}`],
    ['commas', ','.repeat(n)],
    ['comments', '#\n'.repeat(n)],
    ['directives', `{a${'@x(y:'.repeat(n)}`],
    ['variables', `query(${'$a=['.repeat(n)}`],
    ['spreads', `{${'...'.repeat(n)}`],
    ['operations', 'query A{a}'.repeat(n)],
    ['a million characters', `{${'a(b:1)'.repeat(170_000)}}`],
    ['aliases', `{${Array.from({ length: 20_000 }, (_, at) => `a${at}:o(id:${at})`).join(' ')}}`],
    ['names of prototypes', '{__proto__: constructor(__proto__: {__proto__: 1, toString: 2}) {id}}'],
    ['no text', '\ud800\u0000\ufffe'.repeat(1000)],
  ];
  for (const [what, text] of hostile) {
    const document = readDocument(text);
    t.ok(document.arguments.length <= 1000 && document.operations.length <= 50 && (document.aliases?.size ?? 0) <= 1000, what);
    const bodyText = JSON.stringify({ query: text, variables: { a: 1 } });
    const reading = readRequest(
      { method: 'POST', template: '/graphql', target: '/graphql', headers: ['content-type', 'application/json'], bodyText },
      '',
    );
    t.ok(reading.references.length <= 3000, `${what}, as a request`);
  }
  const many = Array.from({ length: 5000 }, () => ({ query: '{ order(id: 1) { id } }' }));
  const reading = readRequest(
    { method: 'POST', template: '/graphql', target: '/graphql', headers: [], bodyText: JSON.stringify(many) },
    '',
  );
  t.equal(reading.references.length, 1, 'what is asked for a thousand times counts once');
});
