/** Who has which other names, and who gets a name by what they open: where answers name people in several ways, or hardly at all. */
import t from 'tap';
import { BOTH, buyers, NEVER, shop } from './shop.fixture.js';

const handleOf = (user: number): string => `person.${String.fromCharCode(97 + (user % 26))}${user}`;
const walletOf = (user: number) => ({ id: `W-${user}`, holderHandle: handleOf(user), balance: 12 });
const openWallet = (ask: ReturnType<typeof shop>, user: number, of: number) =>
  ask(user, `/wallets/W-${of}`, '/wallets/{walletId}', walletOf(of));
/** Everybody opens an order of theirs, which names them by their id, and their wallet, which says what they are called. */
function everyday(ask: ReturnType<typeof shop>): void {
  for (const user of buyers) {
    ask(user, `/orders/${user}`, '/orders/{id}', { id: user, userId: user });
    openWallet(ask, user, user);
  }
}

t.test('what an answer shows of a person joins what they are called to their id', async (t) => {
  const ask = shop();
  const show = (of: number): unknown =>
    ask(buyers[0], `/people/card?of=${of}`, '/people/card', { person: { id: of, handle: handleOf(of), since: 2019 } });
  for (const user of buyers) show(user);
  for (let round = 0; round < 3; round++) everyday(ask);
  t.same(openWallet(ask, buyers[4], buyers[4]), NEVER);
  t.same(openWallet(ask, buyers[4], buyers[5]), BOTH);
});

t.test('without that nobody is refused for having a name of another sort', async (t) => {
  const ask = shop();
  for (let round = 0; round < 3; round++) everyday(ask);
  t.same(openWallet(ask, buyers[4], buyers[4]), NEVER);
});

t.test('whoever writes what somebody else is called does not get their name', async (t) => {
  const ask = shop();
  const show = (of: number): unknown =>
    ask(buyers[0], `/people/card?of=${of}`, '/people/card', { person: { id: of, handle: handleOf(of), since: 2019 } });
  const [thief, victim] = [buyers[4], buyers[5]];
  for (const user of buyers) if (user !== victim && user !== thief) show(user);
  const body = { handle: handleOf(victim) };
  ask(thief, '/people/rename', '/people/rename', { person: { id: thief, handle: handleOf(victim), since: 2019 } }, body);
  for (const user of [thief, victim]) show(user);
  for (let round = 0; round < 3; round++) for (const user of buyers) if (user !== thief) openWallet(ask, user, user);
  everyday(ask);
  t.same(openWallet(ask, thief, victim), BOTH);
  t.same(openWallet(ask, victim, victim), NEVER);
});

t.test('a page about the caller may list others besides', async (t) => {
  const ask = shop((user) => ({ sub: `idp-${user * 7919}` }));
  for (const user of buyers) ask(user, '/me', '/me', { id: user, name: 'x', wards: [{ id: user + 500, name: 'y' }] });
  const open = (user: number, of: number) => ask(user, `/orders/${of}`, '/orders/{id}', { id: of, userId: of });
  for (let round = 0; round < 3; round++) for (const user of buyers) open(user, user);
  t.same(open(buyers[4], buyers[4]), NEVER);
  t.same(open(buyers[4], buyers[5]), BOTH);
});

t.test('a shop is no group of those who order from it, though most order once', async (t) => {
  const ask = shop();
  const order = (user: number, n: number) => ({ id: `o-${user}-${n}`, userId: user, merchantId: `shop-${(user * 7 + n) % 9}` });
  const open = (user: number, of: number, n: number) => ask(user, `/orders/o-${of}-${n}`, '/orders/{id}', order(of, n));
  for (const [index, user] of buyers.entries()) for (let n = 0; n < (index % 6 === 0 ? 6 : 1); n++) open(user, user, n);
  // The shops' own list, which leaves out who ordered.
  const seldom = buyers[1];
  const orders = [1, 2, 3, 4].map((n) => ({ id: `o-${seldom}-${n}`, merchantId: order(seldom, n).merchantId }));
  ask(4000, '/shop-orders', '/shop-orders', { orders });
  for (let n = 1; n < 5; n++) t.same(open(seldom, seldom, n), NEVER, `their order at another shop: ${n}`);
  t.same(open(seldom, buyers[2], 0), BOTH);
});

t.test('staff do not own what their queue shows, though it leaves out whose it is', async (t) => {
  const staff = [5000, 5001, 5002];
  const ask = shop((user) => ({ role: staff.includes(user) ? 'support' : 'user' }));
  const claim = (user: number, n: number) => ({ id: `c-${user}-${n}`, openedBy: { id: user }, text: 'late' });
  const openClaim = (user: number, of: number, n: number) => ask(user, `/claims/c-${of}-${n}`, '/claims/{id}', claim(of, n));
  const openOrder = (user: number, of: number) => ask(user, `/orders/o-${of}`, '/orders/{id}', { id: `o-${of}`, userId: of });
  const refused: boolean[] = [];
  for (let round = 0; round < 4; round++) {
    for (const user of buyers) {
      openClaim(user, user, round);
      openOrder(user, user);
    }
    for (const [index, one] of staff.entries()) {
      const queue = [1, 2, 3, 4].map((n) => buyers[(7 * round + 11 * index + n) % buyers.length]);
      ask(one, '/claims?queue=open', '/claims', { claims: queue.map((of) => ({ id: `c-${of}-${round + 4}`, text: 'late' })) });
      for (const of of queue) {
        refused.push(openClaim(one, of, round + 4).request);
        if (round > 1) refused.push(openOrder(one, of).request);
      }
    }
  }
  t.notOk(refused.includes(true));
  t.same(openOrder(buyers[4], buyers[5]), BOTH, 'what is theirs alone stays private');
});
