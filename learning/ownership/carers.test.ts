/** Who looks after whom: where callers reach what belongs to those whom a list shows them, that is what the list is for; contacts are only known. */
import t from 'tap';
import { BOTH, buyers, NEVER, shop } from './shop.fixture.js';

type Ask = ReturnType<typeof shop>;
const openOrder = (ask: Ask, by: number, of: number, n = 0) =>
  ask(by, `/orders/o-${of}-${n}`, '/orders/{id}', { id: `o-${of}-${n}`, userId: of });
const guardians = buyers.slice(0, 6);
const wardOf = (guardian: number): number => guardian + 15;

/** Everybody opens their own; guardians look at their page, and open what belongs to whom it names. */
function everyday(ask: Ask, page: (guardian: number) => readonly [path: string, shown: object]): void {
  for (let round = 0; round < 3; round++)
    for (const user of buyers) {
      openOrder(ask, user, user, round);
      if (!guardians.includes(user)) continue;
      const [path, shown] = page(user);
      ask(user, path, path, shown);
      if (user !== guardians[5]) openOrder(ask, user, wardOf(user), round);
    }
}

const PAGES: Readonly<Record<string, (guardian: number) => readonly [path: string, shown: object]>> = {
  'a list of people': (one) => ['/me/dependants', { items: [{ id: wardOf(one), name: 'y' }] }],
  'a list of names': (one) => ['/me/dependants', { items: [{ personId: wardOf(one), name: 'y' }] }],
  'ids on their own page': (one) => ['/me', { id: one, name: 'x', actsFor: [wardOf(one)] }],
};
for (const [called, page] of Object.entries(PAGES))
  t.test(`whoever looks after somebody may open what is theirs: ${called}`, async (t) => {
    const ask = shop();
    everyday(ask, page);
    t.same(openOrder(ask, guardians[5], wardOf(guardians[5]), 0), NEVER, 'who had not done so yet');
    t.same(openOrder(ask, guardians[0], wardOf(guardians[0]), 7), NEVER);
    t.same(openOrder(ask, guardians[0], buyers[28], 0), BOTH, 'somebody else remains a stranger');
    t.same(openOrder(ask, buyers[29], wardOf(guardians[0]), 0), BOTH, 'and so does everybody else to them');
  });

t.test('contacts are shown, and nobody reaches what is theirs', async (t) => {
  const ask = shop();
  for (let round = 0; round < 3; round++)
    for (const [index, user] of buyers.entries()) {
      openOrder(ask, user, user, round);
      const contacts = [1, 2].map((n) => ({ id: buyers[(index + n) % buyers.length], name: 'y' }));
      ask(user, '/contacts', '/contacts', { contacts });
    }
  t.same(openOrder(ask, buyers[4], buyers[5]), BOTH);
});
