/** What says who somebody is, and what only looks like it: answers that set a cookie, pages that a header chooses, what paths and lists are called. */
import t from 'tap';
import { bodyOf, headersOf, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { Habits } from './habits.js';
import { OwnershipModel } from './model.js';
import { readRequest } from './references.js';
import { BOTH, buyers, NEVER, STRANGER, shop } from './shop.fixture.js';
import { SignIns } from './signin.js';

t.test('answers that set a session cookie speak of whoever gets it where that is what they are for', async (t) => {
  const signIns = new SignIns('s');
  const rows: readonly [route: string, isSafe: boolean, sets: readonly boolean[], expected: readonly boolean[]][] = [
    ['s POST /login', false, [true, true, false, true], [true, true, false, true]],
    ['s POST /sessions/renew', false, [true], [true]],
    ['s POST /enter', false, [true, true, true, true], [false, false, true, true]],
    // A session that slides: now and then any answer sets a new cookie.
    ['s GET /orders/{}', true, [false, true, true, true], [false, false, false, false]],
    ['s POST /orders', false, [false, false, true, false, true], [false, false, false, false, false]],
    ['s GET /auth/callback', true, [true, true], [true, true]],
    ['s GET /', true, [true, true, true, true], [false, false, false, false]],
  ];
  for (const [route, isSafe, sets, expected] of rows)
    t.same(
      sets.map((one) => signIns.isSignIn(route, isSafe, one)),
      expected,
      route,
    );
});

t.test('whose a cookie is that was just handed out is known before it comes', async (t) => {
  const model = new OwnershipModel({ secret: 'shop', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const reader = new PrincipalReader('shop');
  const keyOf = (cookie: string): string => reader.read(['cookie', cookie], '/')?.key ?? '';
  const told = (cookie: string | null, target: string, set: string, shown: object): void => {
    const method = target === '/login' ? 'POST' : 'GET';
    const headers = headersOf({ host: 'shop', ...(cookie === null ? {} : { cookie }) });
    const principal = cookie === null ? null : reader.read(headers, target);
    model.judge({
      exchange: exchangeOf({
        service: 'shop',
        request: { method, host: 'shop', target, headers },
        response: {
          headers: headersOf({ 'content-type': 'application/json', 'set-cookie': `${set}; Path=/; HttpOnly` }),
          body: bodyOf(Buffer.from(JSON.stringify(shown))),
        },
        principal,
      }),
      endpoint: { id: target, service: 'shop', method, template: target },
      pathParameters: [],
      dataHits: [],
    });
  };
  told(null, '/login', 'session=6a1f0c5e9b7d4e2f8a3c', { id: 17, name: 'x' });
  t.equal(model.standingOf(keyOf('session=6a1f0c5e9b7d4e2f8a3c')), 'named', 'by what the sign-in said');
  told('session=6a1f0c5e9b7d4e2f8a3c', '/things', 'session=0b9e8d7c6a5f4e3d2c1b', { things: [] });
  t.equal(model.standingOf(keyOf('session=0b9e8d7c6a5f4e3d2c1b')), 'named', 'the same bearer under a new cookie');
  t.equal(model.standingOf(keyOf('session=ffffffffffffffffffff')), 'unknown');
  const kept = 'session=6a1f0c5e9b7d4e2f8a3c';
  for (let n = 0; n < 80; n++) told(kept, '/things', `session=0b9e8d7c6a5f4e3d${1000 + n}`, { things: [] });
  t.ok(model.people.find(keyOf(kept))?.keys.includes(keyOf(kept)), 'whoever goes on with the old one is still heard of by it');
});

t.test('a header that comes with every request chooses nothing', async (t) => {
  const habits = new Habits();
  const read = (headers: readonly string[]) =>
    readRequest({ method: 'GET', template: null, target: '/balance', headers: ['host', 'a', ...headers], bodyText: null }, '').references;
  const [tenant] = read(['x-tenant', 't1']);
  const [wallet] = read(['x-wallet-number', 'W-1001']);
  for (let n = 0; n < 20; n++)
    habits.note(n, 's', read(n % 5 === 0 ? ['x-tenant', 't1', 'x-wallet-number', `W-${n}`] : ['x-tenant', 't1']));
  t.ok(habits.isAlways('s', tenant));
  t.notOk(habits.isAlways('s', wallet));
  t.notOk(habits.isAlways('another', tenant));
});

t.test('what paths are about', async (t) => {
  const rows: readonly [path: string, collection: string][] = [
    ['/orders', 'order'],
    ['/orders/17', 'order'],
    ['/v3/trips/get', 'trip'],
    ['/v3/trips/list', 'trip'],
    ['/v3/trips/batch_get', 'trip'],
    ['/claims/detail', 'claim'],
    ['/orders/mine', 'order'],
    ['/v2/list', 'list'],
    ['/api/search', 'search'],
    ['/people/12/details', 'person'],
    ['/wallets/balance', 'balance'],
  ];
  for (const [target, collection] of rows)
    t.equal(readRequest({ method: 'GET', template: null, target, headers: [], bodyText: null }, '').collection, collection, target);
});

for (const [path, shownOf] of [
  ['/wallet-statement', (of: number) => ({ walletRef: `WL44-${of}`, holderId: of, lines: [{ cents: 12 }] })],
  ['/limits', (of: number) => ({ cents: 1200, walletRef: `WL44-${of}`, holderId: of })],
] as const)
  t.test(`what a header names and the answer repeats is what it was asked for, though no list shows it: ${path}`, async (t) => {
    const ask = shop();
    const open = (by: number, of: number) => ask(by, path, path, shownOf(of), null, 'GET', { 'x-wallet-ref': `WL44-${of}` });
    for (let round = 0; round < 3; round++) for (const user of buyers) open(user, user);
    t.same(open(buyers[4], buyers[4]), NEVER);
    t.same(open(buyers[4], buyers[5]), BOTH);
  });

t.test('what a header names and an answer repeats beside lines that have no names is what it was asked for', async (t) => {
  const ask = shop();
  const accountOf = (of: number): string => `acct-${of}-1`;
  const statement = (by: number, of: number) =>
    ask(by, '/statements', '/statements', { account: accountOf(of), lines: [{ cents: 12 }] }, null, 'GET', {
      'x-account-id': accountOf(of),
    });
  for (let round = 0; round < 2; round++) for (const user of buyers) statement(user, user);
  for (const user of buyers) ask(user, `/accounts/${accountOf(user)}`, '/accounts/{id}', { id: accountOf(user), holderId: user });
  for (const user of buyers.slice(0, 2)) statement(user, user);
  t.same(statement(buyers[4], buyers[4]), NEVER);
  t.ok(statement(buyers[4], buyers[5]).request);
});

t.test('a list may be called less than the path to what it lists', async (t) => {
  const ask = shop();
  const ticketOf = (user: number, n: number) => ({
    number: `2024-${user}${n}`,
    title: 'leak',
    _links: { reporter: { href: `/people/${user}` } },
  });
  const own = (user: number): void => {
    ask(user, '/maintenance-tickets', '/maintenance-tickets', { _embedded: { tickets: [0, 1, 2].map((n) => ticketOf(user, n)) } });
    for (const n of [0, 1, 2]) ask(user, `/maintenance-tickets/2024-${user}${n}`, '/maintenance-tickets/{ticketId}', ticketOf(user, n));
  };
  for (let round = 0; round < 2; round++) for (const user of buyers) own(user);
  const open = (user: number, of: number, n: number) =>
    ask(user, `/maintenance-tickets/2024-${of}${n}`, '/maintenance-tickets/{ticketId}', ticketOf(of, n));
  t.same(open(buyers[0], buyers[0], 1), NEVER);
  t.same(open(buyers[1], buyers[2], 0), BOTH, 'what was listed only is known by the same name');
  own(STRANGER);
  t.same(open(STRANGER, buyers[3], 2), BOTH);
});
