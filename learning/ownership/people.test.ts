/** Each way in which a caller becomes known as a person, all of them behind one address; and each form and place of what they ask for. */

import { createHash } from 'node:crypto';
import t from 'tap';
import { bodyOf, headersOf, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { OwnershipModel } from './index.js';

const PEOPLE = 30;
const reader = new PrincipalReader('people');
const tokenOf = (claims: object): string =>
  `${[{ alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.sig`;
const bytes = (value: unknown) => bodyOf(Buffer.from(value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)));

interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly certificate?: string;
  /** JSON, or the text of a form. */
  readonly send?: unknown;
  /** Default 200. */
  readonly status?: number;
  readonly answer: unknown;
  readonly answerHeaders?: Record<string, string>;
}

/** A service that is asked one thing after the other; says how the last answer relates to who asked. */
function service() {
  const model = new OwnershipModel({ secret: 'people', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  let nowMs = 1.7e12;
  return (target: string, template: string, call: Call): string | undefined => {
    nowMs += 1000;
    const method = call.method ?? 'GET';
    const headers = headersOf({
      host: 'shop',
      ...(call.send === undefined
        ? {}
        : { 'content-type': typeof call.send === 'string' ? 'application/x-www-form-urlencoded' : 'application/json' }),
      ...call.headers,
    });
    const { verdict } = model.judge({
      exchange: exchangeOf({
        id: String(nowMs),
        requestId: String(nowMs),
        service: 'shop',
        client: { ip: '198.51.100.7', port: 1 },
        startedAtMs: nowMs,
        request: { method, target, headers, body: bytes(call.send) },
        response: {
          status: call.status ?? 200,
          headers: headersOf({ 'content-type': 'application/json', ...call.answerHeaders }),
          body: bytes(call.answer),
        },
        principal: reader.read(headers, target, call.certificate ?? null),
      }),
      endpoint: { id: template, service: 'shop', method, template },
      pathParameters: [],
      dataHits: [],
    });
    return verdict?.relation;
  };
}

type Ask = ReturnType<typeof service>;
type Credential = Pick<Call, 'headers' | 'certificate'>;
const bearer = (token: string): Credential => ({ headers: { authorization: `Bearer ${token}` } });
const opaque = (user: number, session: number): string => `opaque-${session}-of-${user}-0123456789`;
/** Looks at the own page, which names who asks. */
const me = (ask: Ask, user: number, credential: Credential): Credential => {
  ask('/me', '/me', { ...credential, answer: { id: user, plan: 'free' } });
  return credential;
};

/** How a person comes in for the first and for the second time. `owner`: what orders call them. */
const WAYS: {
  readonly name: string;
  readonly enter: (ask: Ask, user: number, session: number) => Credential;
  readonly owner?: (user: number) => unknown;
}[] = [
  ...['sub', 'user_id', 'uid', 'oid', 'client_id'].map((claim) => ({
    name: `tokens with the claim ${claim}, renewed`,
    enter: (_: Ask, user: number, session: number) => bearer(tokenOf({ [claim]: String(user), iat: session })),
  })),
  {
    name: 'tokens that name an address of mail',
    enter: (_, user, session) => bearer(tokenOf({ email: `p${user}@x.test`, iat: session })),
    owner: (user) => `p${user}@x.test`,
  },
  {
    name: 'opaque tokens, each from a sign-in',
    enter: (ask, user, session) => {
      const token = opaque(user, session);
      ask('/login', '/login', { method: 'POST', send: { name: `n${user}` }, answer: { token, user: { id: user } } });
      return bearer(token);
    },
  },
  {
    name: 'opaque tokens, the second from a refresh',
    enter: (ask, user, session) => {
      if (session === 0) return me(ask, user, bearer(opaque(user, 0)));
      const token = opaque(user, session);
      ask('/token/refresh', '/token/refresh', {
        method: 'POST',
        ...bearer(opaque(user, 0)),
        send: { grant: 'refresh' },
        answer: { accessToken: token },
      });
      return bearer(token);
    },
  },
  { name: 'opaque tokens of whoever looks at the own page', enter: (ask, user, session) => me(ask, user, bearer(opaque(user, session))) },
  {
    name: 'cookies that a sign-in sets',
    enter: (ask, user, session) => {
      const value = opaque(user, session);
      ask('/login', '/login', {
        method: 'POST',
        send: { name: `n${user}` },
        answer: { user: { id: user } },
        answerHeaders: { 'set-cookie': `sid=${value}; HttpOnly` },
      });
      return { headers: { cookie: `theme=dark; sid=${value}` } };
    },
  },
  {
    name: 'own pages that name the organisation as well',
    enter: (ask, user, session) => {
      const credential = bearer(opaque(user, session));
      ask('/me', '/me', { ...credential, answer: { org: { id: 900 + (user % 6) }, id: user } });
      ask('/organisation', '/organisation', { ...credential, answer: { id: 900 + (user % 6), plan: 'pro' } });
      return credential;
    },
  },
  {
    name: 'own pages that link to the account (HAL)',
    enter: (ask, user, session) => {
      const credential = bearer(opaque(user, session));
      ask('/', '/', { ...credential, answer: { _links: { self: { href: '/' }, account: { href: `/people/${user}` } } } });
      return credential;
    },
  },
  { name: 'API keys', enter: (ask, user, session) => me(ask, user, { headers: { 'x-api-key': opaque(user, session) } }) },
  {
    name: 'names and passwords',
    enter: (_, user) => ({ headers: { authorization: `Basic ${Buffer.from(`person${user}:pw`).toString('base64')}` } }),
    owner: (user) => `person${user}`,
  },
  { name: 'client certificates', enter: (ask, user) => me(ask, user, { certificate: `CN=device-${user}` }) },
];

for (const { name, enter, owner = (user: number) => user } of WAYS) {
  t.test(name, async (t) => {
    const ask = service();
    const open = (order: number, credential: Credential): string | undefined =>
      ask(`/orders/${order}`, '/orders/{id}', { ...credential, answer: { id: order, userId: owner(order % PEOPLE), total: 12 } });
    for (let user = 0; user < PEOPLE; user++) {
      const credential = enter(ask, user, 0);
      for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + user, credential);
    }
    const again = enter(ask, 5, 1);
    t.equal(open(4 * PEOPLE + 5, again), 'own', 'the same person with another session');
    t.equal(open(4 * PEOPLE + 6, again), 'foreign', 'what is somebody else’s');
  });
}

const hash = (n: number): string => createHash('sha256').update(`object ${n}`).digest('hex');
/** How the n-th object is called. */
const FORMS: readonly [form: string, id: (n: number) => string | number][] = [
  ['integer', (n) => 7000 + n],
  ['UUID', (n) => hash(n).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5')],
  ['ULID', (n) => `01HV${hash(n).toUpperCase().slice(0, 22)}`],
  [
    'slug',
    (n) =>
      `${['amber', 'birch', 'cedar', 'delta', 'ember'][n % 5]}-${['stone', 'field', 'river', 'cliff'][n % 4]}-${['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'][n % 9]}`,
  ],
  ['composite', (n) => `acct-${String(n).padStart(4, '0')}-${n % 10}`],
  ['prefixed', (n) => `ord_${1000 + n}`],
  ['base64', (n) => Buffer.from(`order:${1000 + n}`).toString('base64')],
  ['hash', (n) => hash(n)],
];
type Asked = (id: string) => Pick<Call, 'method' | 'headers' | 'send'> & { readonly target: string; readonly template: string };
const PLACES: readonly [place: string, asked: Asked][] = [
  ['path', (id) => ({ target: `/orders/${encodeURIComponent(id)}`, template: '/orders/{id}' })],
  ['part of a segment', (id) => ({ target: `/orders/order-${encodeURIComponent(id)}.pdf`, template: '/orders/order-{id}.pdf' })],
  ['entity of OData', (id) => ({ target: `/Orders('${encodeURIComponent(id)}')`, template: "/Orders('{id}')" })],
  ['query', (id) => ({ target: `/order?orderId=${encodeURIComponent(id)}`, template: '/order' })],
  ['header', (id) => ({ target: '/order', template: '/order', headers: { 'x-order-id': id } })],
  ['cookie', (id) => ({ target: '/order', template: '/order', headers: { cookie: `orderId=${encodeURIComponent(id)}` } })],
  ['JSON body', (id) => ({ target: '/order', template: '/order', method: 'POST', send: { filter: { orderId: id } } })],
  ['form', (id) => ({ target: '/order', template: '/order', method: 'POST', send: `orderId=${encodeURIComponent(id)}` })],
];

/** Thirty people list their own objects and open them; then one opens an own one and somebody else's that was only listed. */
function opened(id: (n: number) => string | number, asked: Asked): (string | undefined)[] {
  const ask = service();
  const credential = (user: number): Record<string, string> => bearer(tokenOf({ sub: String(user) })).headers ?? {};
  const order = (n: number) => ({ id: id(n), userId: n % PEOPLE, total: 12 });
  const open = (n: number, user: number): string | undefined => {
    const { target, template, headers, ...call } = asked(String(id(n)));
    return ask(target, template, { ...call, headers: { ...credential(user), ...headers }, answer: { ok: true } });
  };
  for (let user = 0; user < PEOPLE; user++) {
    const own = [1, 2, 3, 4].map((turn) => turn * PEOPLE + user);
    ask('/orders', '/orders', { headers: credential(user), answer: own.map(order) });
    for (const n of own.slice(0, 3)) open(n, user);
  }
  return [open(4 * PEOPLE + 5, 5), open(4 * PEOPLE + 6, 5)];
}

for (const [form, id] of FORMS)
  t.test(`objects named by ${form}`, async (t) => {
    for (const [place, asked] of form === 'base64' ? PLACES : PLACES.slice(0, 1)) t.same(opened(id, asked), ['own', 'foreign'], place);
  });

t.test('the same number on two resources is two objects', async (t) => {
  const ask = service();
  const of = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
  const open = (name: string, n: number, owner: number, user: number): string | undefined =>
    ask(`/${name}/${n}`, `/${name}/{id}`, { ...of(user), answer: { id: n, userId: owner } });
  for (let user = 0; user < PEOPLE; user++)
    for (let turn = 1; turn <= 3; turn++) {
      open('orders', turn * PEOPLE + user, user, user);
      open('invoices', turn * PEOPLE + ((user + 1) % PEOPLE), user, user);
    }
  t.equal(open('invoices', PEOPLE + 6, 5, 5), 'own', 'their invoice has the number of another’s order');
  t.equal(open('orders', PEOPLE + 6, 6, 5), 'foreign');
});

t.test('an object inside another: both are looked at', async (t) => {
  const ask = service();
  const of = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
  const open = (user: number, n: number, by: number): string | undefined =>
    ask(`/users/${900 + user}/orders/${n}`, '/users/{id}/orders/{id2}', { ...of(900 + by), answer: { id: n, userId: 900 + (n % PEOPLE) } });
  for (let user = 0; user < PEOPLE; user++) {
    ask('/me', '/me', { ...of(900 + user), answer: { id: 900 + user } });
    for (let turn = 1; turn <= 3; turn++) open(user, turn * PEOPLE + user, user);
  }
  t.equal(open(5, PEOPLE + 5, 5), 'own');
  t.equal(open(5, PEOPLE + 6, 5), 'foreign', 'the own page, another’s order');
  t.equal(open(6, PEOPLE + 6, 5), 'foreign');
});

t.test('what is shared with a name is for whoever has it for certain, whoever seems to have it before', async (t) => {
  const ask = service();
  const open = (order: number, credential: Credential): string | undefined =>
    ask(`/orders/${order}`, '/orders/{id}', { ...credential, answer: { id: order, userId: order % PEOPLE, total: 12 } });
  const share = (order: number, by: Credential, who: number): unknown =>
    ask(`/orders/${order}/share`, '/orders/{id}/share', { method: 'POST', ...by, send: { userId: who }, answer: { ok: true } });
  const of = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
  for (let user = 0; user < PEOPLE; user++) {
    if (user === 7) continue;
    for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + user, of(user));
    share(PEOPLE + user, of(user), user === 6 ? 8 : (user + 1) % PEOPLE);
  }
  const visitor = bearer(opaque(7, 0));
  for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + 7, visitor);
  share(2 * PEOPLE + 8, of(8), 7);
  open(2 * PEOPLE + 8, visitor);
  open(2 * PEOPLE + 7, visitor);
  open(3 * PEOPLE + 9, visitor);
  t.not(open(2 * PEOPLE + 8, visitor), 'granted', 'who opens what is 9’s is somebody else');
  open(PEOPLE + 7, of(7));
  t.equal(open(2 * PEOPLE + 8, of(7)), 'granted', 'for 7 it was meant');
});

/** Where a caller may say for whom they ask, and what a server answers that believes it. */
const CHOSEN: readonly {
  readonly name: string;
  readonly asked: (user: number, n: number) => [target: string, template: string, call: Call];
}[] = [
  {
    name: 'an own page by a header',
    asked: (user) => ['/settings', '/settings', { headers: { 'x-user-id': String(user) }, answer: { userId: user, locale: 'de' } }],
  },
  {
    name: 'an own page by a cookie',
    asked: (user) => ['/settings', '/settings', { headers: { cookie: `userId=${user}` }, answer: { userId: user, locale: 'de' } }],
  },
  {
    name: 'a list by a parameter',
    asked: (user, n) => [
      `/orders?userId=${user}`,
      '/orders',
      { answer: { orders: [1, 2, 3].map((turn) => ({ id: (n + turn) * PEOPLE + user, userId: user, total: 12 })) } },
    ],
  },
  {
    name: 'something made in the name of somebody',
    asked: (user, n) => [
      '/orders',
      '/orders',
      { method: 'POST', send: { userId: user, total: 12 }, answer: { id: (n + 4) * PEOPLE + user, userId: user, total: 12 } },
    ],
  },
];

for (const { name, asked } of CHOSEN)
  t.test(`nobody is who they once chose to be: ${name}`, async (t) => {
    const ask = service();
    const of = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
    const open = (order: number, by: Credential): string | undefined =>
      ask(`/orders/${order}`, '/orders/{id}', { ...by, answer: { id: order, userId: order % PEOPLE, total: 12 } });
    const choose = (user: number, by: Credential, turn: number): void => {
      const [target, template, call] = asked(user, 10 * turn);
      ask(target, template, { ...call, headers: { ...by.headers, ...call.headers } });
    };
    for (let user = 0; user < PEOPLE; user++)
      for (let turn = 1; turn <= 3; turn++) {
        choose(user, of(user), turn);
        open(turn * PEOPLE + user, of(user));
      }
    const visitor = bearer(opaque(900, 0));
    choose(7, visitor, 5);
    t.not(open(2 * PEOPLE + 7, visitor), 'own', 'once is no name');
    const regular = bearer(opaque(901, 0));
    for (let turn = 6; turn <= 9; turn++) choose(7, regular, turn);
    t.equal(open(2 * PEOPLE + 7, regular), 'own', 'what they always say');
    t.equal(open(2 * PEOPLE + 8, regular), 'foreign');
  });

t.test('a token counts for what it says once a server took it', async (t) => {
  const ask = service();
  const tokenFor = (user: number, more: object = {}): Credential =>
    bearer(tokenOf({ email: `p${user}@x.test`, sub: String(user), ...more }));
  const open = (order: number, by: Credential, status = 200): string | undefined =>
    ask(`/orders/${order}`, '/orders/{id}', {
      ...by,
      status,
      answer: status === 200 ? { id: order, email: `p${order % PEOPLE}@x.test` } : {},
    });
  const catalogue = (by: Credential): unknown => ask('/products', '/products', { ...by, answer: { products: [{ sku: 'a-1' }] } });
  for (let visitor = 0; visitor < 3; visitor++) catalogue({});
  // Some servers refuse with 200: that opens nothing, and takes no token.
  const refused = (by: Credential): unknown => ask(`/orders/${PEOPLE}`, '/orders/{id}', { ...by, answer: { error: 'sign in' } });
  refused({});
  for (let user = 0; user < PEOPLE; user++) for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + user, tokenFor(user));
  // Staff, by a role that none of the others has.
  for (const who of [800, 801, 802])
    for (let turn = 1; turn <= 3; turn++)
      for (let user = 0; user < 12; user++) open(turn * PEOPLE + user, tokenFor(who, { role: 'support' }));
  t.equal(open(PEOPLE + 3, tokenFor(800, { role: 'support' })), 'privileged');
  open(PEOPLE + 7, tokenFor(900, { email: 'p7@x.test', role: 'support' }), 401);
  refused(tokenFor(900, { email: 'p7@x.test', role: 'support' }));
  catalogue(tokenFor(900, { email: 'p7@x.test', role: 'support' }));
  open(1, tokenFor(900), 404);
  for (let times = 0; times < 2; times++)
    t.notOk(
      ['own', 'privileged'].includes(open(2 * PEOPLE + 7, tokenFor(900)) ?? ''),
      'neither the one whose address they wrote, nor staff',
    );
  t.equal(open(PEOPLE + 5, tokenFor(5)), 'own');
});

t.test('what a server repeats of a request it handed to nobody', async (t) => {
  const ask = service();
  const of = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
  const open = (order: number, by: Credential): string | undefined =>
    ask(`/orders/${order}`, '/orders/{id}', { ...by, answer: { id: order, userId: order % PEOPLE, total: 12 } });
  for (let user = 0; user < PEOPLE; user++) if (user !== 7) for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + user, of(user));
  const text = tokenOf({ sub: '7' });
  ask('/notes', '/notes', { method: 'POST', ...of(5), send: { text }, status: 201, answer: { id: 4711, text } });
  for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + 7, of(7));
  t.equal(open(2 * PEOPLE + 7, of(5)), 'foreign', 'who wrote the token of somebody who had not come yet');
  t.equal(open(2 * PEOPLE + 7, of(7)), 'own');
});

t.test('however somebody writes an id, it is the same object, and no page of their own', async (t) => {
  const ask = service();
  const of = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
  const open = (path: string, order: number, by: number): string | undefined =>
    ask(path, '/orders/{id}', { ...of(by), answer: { id: order, userId: order % PEOPLE, total: 12 } });
  for (let user = 0; user < PEOPLE; user++)
    for (let turn = 1; turn <= 3; turn++) open(`/orders/${turn * PEOPLE + user}`, turn * PEOPLE + user, user);
  const theirs = 2 * PEOPLE + 6;
  const spelled = [
    '%20ID',
    'ID%20',
    '0ID',
    '%2BID',
    'ID.0',
    'ID.json',
    'IDabc',
    './ID',
    'x/../ID',
    '%2e/ID',
    'ID/',
    'ID;x=1',
    'ID%09',
    '%7BID%7D',
    '%20%22ID',
    '+',
  ];
  for (const form of spelled) {
    const path = `/orders/${form.replace('ID', String(theirs))}`;
    if (/ID/.test(form) && !form.includes('%22')) t.equal(open(path, theirs, 5), 'foreign', path);
    else open(path, theirs, 5);
    t.equal(open(`/orders/${theirs}`, theirs, 5), 'foreign', `after ${path}`);
  }
  t.equal(open(`/orders/0${2 * PEOPLE + 5}`, 2 * PEOPLE + 5, 5), 'own');
  t.equal(open(`/orders/${theirs}`, theirs, 6), 'own');
});

t.test('a sign-in makes nobody of whom it only mentions', async (t) => {
  const ask = service();
  const open = (order: number, by: Credential): string | undefined =>
    ask(`/orders/${order}`, '/orders/{id}', { ...by, answer: { id: order, userId: order % PEOPLE, total: 12 } });
  const signIn = (user: number, send: object, answer: object = {}): Credential => {
    const token = opaque(user, 0);
    ask('/login', '/login', { method: 'POST', send: { userName: user, password: 'pw', ...send }, answer: { token, ...answer } });
    return bearer(token);
  };
  for (let user = 0; user < PEOPLE; user++) {
    const credential = signIn(user, {});
    for (let turn = 1; turn <= 3; turn++) open(turn * PEOPLE + user, credential);
  }
  t.equal(open(4 * PEOPLE + 9, signIn(9, {})), 'own', 'what all of them name is who they are');
  t.not(open(2 * PEOPLE + 7, signIn(900, { userId: 7 })), 'own', 'what only one names is not');
  t.not(open(2 * PEOPLE + 7, signIn(901, { userId: 7 }, { user: { id: 901 } })), 'own');
});

/** Thirty members of six tenants have listed and opened orders, which name no person. */
function tenants() {
  const ask = service();
  const tenantOf = (n: number): string => `tenant-${n % 6}`;
  const member = (user: number): Credential => bearer(tokenOf({ sub: String(user), tenant: tenantOf(user) }));
  const order = (n: number) => ({ id: `ord-${n}-x`, tenant: tenantOf(n), total: 12 });
  const open = (n: number, by: Credential): string | undefined => ask(`/orders/ord-${n}-x`, '/orders/{id}', { ...by, answer: order(n) });
  const list = (path: string, by: Credential, of: readonly number[]): unknown =>
    ask(path, path, { ...by, answer: { orders: of.map(order) } });
  for (let user = 0; user < PEOPLE; user++) {
    const own = [1, 2, 3].map((turn) => turn * PEOPLE + user);
    list('/orders', member(user), own);
    for (const n of [...own, ...own]) open(n, member(user));
  }
  return { member, open, list };
}
const ALL = Array.from({ length: 12 }, (_, n) => PEOPLE + n);
const newcomer = bearer(tokenOf({ sub: '900' }));

t.test('staff of all tenants: who is handed lists of many of them sees them all', async (t) => {
  const { member, open, list } = tenants();
  list('/backoffice', newcomer, ALL);
  t.not(open(PEOPLE + 3, newcomer), 'privileged', 'one list may be an accident');
  list('/backoffice', newcomer, ALL);
  t.equal(open(PEOPLE + 3, newcomer), 'privileged');
  t.equal(open(PEOPLE + 3, member(4)), 'foreign', 'a member of another tenant');
});

t.test('nobody becomes staff by what the list that everybody gets shows of others', async (t) => {
  const { open, list } = tenants();
  list('/orders', newcomer, [PEOPLE + 3]);
  open(PEOPLE + 3, newcomer);
  for (let times = 0; times < 3; times++) list('/orders', newcomer, ALL);
  t.not(open(PEOPLE + 4, newcomer), 'privileged');
});

/** People have opened orders, which name them. */
function buyersOf(ask: Ask, people: number) {
  const order = (n: number) => ({ id: `ord-${n}-x`, userId: n % people, total: 12 });
  const by = (user: number): Credential => bearer(tokenOf({ sub: String(user) }));
  const open = (n: number, user: number): string | undefined =>
    ask(`/orders/ord-${n}-x`, '/orders/{id}', { ...by(user), answer: order(n) });
  const list = (user: number, path: string, of: readonly number[]): unknown =>
    ask(path, path.replace(/\?.*/, ''), { ...by(user), answer: { orders: of.map(order) } });
  for (let user = 0; user < people; user++) for (const turn of [1, 2, 3, 2, 3]) open(turn * people + user, user);
  return { open, list };
}

t.test('nobody becomes staff by asking for the lists of others', async (t) => {
  const { open, list } = buyersOf(service(), PEOPLE);
  for (const times of [1, 2, 3])
    for (let victim = 1; victim < 9; victim++) list(900, `/orders?user=${victim}`, [times * PEOPLE + victim, 4 * PEOPLE + victim]);
  t.equal(open(2 * PEOPLE + 12, 900), 'foreign');
});

const MANY = 60;

t.test('who is shown what some others own manages these, which does not make everything theirs', async (t) => {
  const { open, list } = buyersOf(service(), MANY);
  const shownTo = (manager: number, times = 3): number[] => [0, 1, 2, 3, 4].map((n) => times * MANY + 5 * (manager - 900) + n);
  for (const times of [2, 3, 4, 5]) for (let manager = 900; manager < 906; manager++) list(manager, '/managed', shownTo(manager, times));
  t.equal(open(shownTo(901)[1], 901), 'granted');
  t.equal(open(3 * MANY + 20, 901), 'foreign', 'what was not shown to them');
  for (const times of [6, 7, 8, 9])
    for (let staff = 950; staff < 954; staff++) {
      const all = Array.from({ length: 12 }, (_, n) => times * MANY + n);
      list(staff, '/all', all);
    }
  t.equal(open(3 * MANY + 28, 952), 'privileged', 'those who are shown the same as each other');
});

t.test('what was shared by mail with somebody who has not come under that name is no stranger’s to whoever has no mail', async (t) => {
  const ask = service();
  const mailOf = (user: number): string => `u${user}@mail.test`;
  const by = (user: number): Credential => bearer(tokenOf({ sub: String(user), ...(user < 10 ? { email: mailOf(user) } : {}) }));
  const open = (n: number, user: number): string | undefined =>
    ask(`/plans/p-${n}-x`, '/plans/{id}', { ...by(user), answer: { id: `p-${n}-x`, userId: n % PEOPLE } });
  const share = (n: number, owner: number, body: object): unknown =>
    ask(`/plans/p-${n}-x/shares`, '/plans/{id}/shares', { method: 'POST', ...by(owner), send: body, answer: { ok: true } });
  for (let user = 0; user < PEOPLE; user++) for (const turn of [1, 2, 3, 2]) open(turn * PEOPLE + user, user);
  share(PEOPLE + 4, 4, { email: mailOf(21), role: 'reader' });
  t.equal(open(PEOPLE + 4, 21), 'unknown', 'it may be for them');
  t.equal(open(PEOPLE + 4, 9), 'foreign', 'whose mail is known, and another');
  t.equal(open(PEOPLE + 5, 21), 'foreign', 'what was shared with nobody');
  t.equal(open(PEOPLE + 4, 22), 'unknown');
  ask('/me', '/me', { ...bearer(tokenOf({ sub: '21', email: mailOf(21) })), answer: { id: 21, email: mailOf(21) } });
  share(PEOPLE + 6, 6, { planRef: `p-${PEOPLE + 7}-x` });
  t.equal(open(PEOPLE + 6, 22), 'foreign', 'a thing that is named beside it is nobody');
});

t.test('who asks for a list by POST, whatever that is called, was handed what it shows', async (t) => {
  const ask = service();
  buyersOf(ask, PEOPLE);
  const key = { headers: { 'x-api-key': 'batch-key-0123456789abcdef' } };
  const order = (n: number) => ({ id: `ord-${n}-x`, userId: n % PEOPLE, total: 12 });
  const open = (n: number): string | undefined => ask(`/orders/ord-${n}-x`, '/orders/{id}', { ...key, answer: order(n) });
  const scan = (of: readonly number[]): unknown =>
    ask('/ops/scan', '/ops/scan', { method: 'POST', ...key, send: { limit: 50 }, answer: { orders: of.map(order) } });
  scan([31, 32]);
  t.equal(open(31), 'unknown', 'two may be what a write made');
  scan([41, 42, 43, 44, 45, 46]);
  t.equal(open(43), 'listed');
});
