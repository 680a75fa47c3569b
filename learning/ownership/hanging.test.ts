/** Objects that say whose they are only by what they hang on: the receipt by its order, the claim by its statement, and that by its account. */
import t from 'tap';
import { BOTH, buyers, NEVER, shop } from './shop.fixture.js';

type Ask = ReturnType<typeof shop>;
const orderOf = (user: number, n: number) => ({ id: `o-${user}-${n}`, userId: user, cents: 12 });
const receiptOf = (user: number, n: number) => ({ receipt_no: `${user}${n}`, order_no: `o-${user}-${n}`, cents: 12 });
const openOrder = (ask: Ask, by: number, of: number, n = 0, owner = of) =>
  ask(by, `/orders/o-${of}-${n}`, '/orders/{id}', { ...orderOf(of, n), userId: owner });
const openReceipt = (ask: Ask, by: number, of: number, n = 0) => ask(by, `/receipts/${of}${n}`, '/receipts/{receiptNo}', receiptOf(of, n));

function everyday(ask: Ask): void {
  for (const n of [0, 1, 2])
    for (const user of buyers) {
      openOrder(ask, user, user, n);
      openReceipt(ask, user, user, n);
    }
}

t.test('what hangs on an order belongs to whom the order belongs', async (t) => {
  const ask = shop();
  everyday(ask);
  t.same(openReceipt(ask, buyers[4], buyers[4]), NEVER);
  t.same(openReceipt(ask, buyers[4], buyers[5]), BOTH);
  openOrder(ask, buyers[6], buyers[6], 7);
  t.same(openReceipt(ask, buyers[4], buyers[6], 7), { request: false, response: true }, 'one that nobody opened yet: its answer says so');
});

t.test('it goes with the order when that changes hands', async (t) => {
  const ask = shop();
  everyday(ask);
  const [giver, taker] = [buyers[4], buyers[5]];
  t.same(openReceipt(ask, taker, giver), BOTH);
  ask(giver, `/orders/o-${giver}-0/gift`, '/orders/{id}/gift', { ...orderOf(giver, 0), userId: taker }, { userId: taker });
  openOrder(ask, taker, giver, 0, taker);
  t.same(openReceipt(ask, taker, giver), NEVER);
  t.same(openReceipt(ask, giver, giver), BOTH);
});

t.test('an engine that starts again knows what hangs on what', async (t) => {
  const before = shop();
  everyday(before);
  const ask = shop(undefined, before.save());
  t.same(openReceipt(ask, buyers[4], buyers[4]), NEVER);
  t.same(openReceipt(ask, buyers[4], buyers[5]), BOTH);
  openOrder(ask, buyers[6], buyers[6], 7);
  openReceipt(ask, buyers[6], buyers[6], 7);
  t.same(openReceipt(ask, buyers[4], buyers[6], 7), BOTH, 'what it learns from then on as well');
});

t.test('over more than one step, whatever the way is called', async (t) => {
  const ask = shop();
  const open = (by: number, of: number) => {
    const account = ask(by, `/accounts/stm.${of}`, '/accounts/{id}', { id: `stm.${of}`, holderNo: of });
    const statement = ask(by, `/statements?no=${of}7`, '/statements', { no: Number(`${of}7`), account: `stm.${of}`, status: 'due' });
    const claim = ask(by, `/claims/CLM-${of}`, '/claims/{id}', { claim_id: `CLM-${of}`, statement_no: Number(`${of}7`), state: 'open' });
    return { account, statement, claim };
  };
  for (let round = 0; round < 4; round++) for (const user of buyers) open(user, user);
  t.same(open(buyers[4], buyers[4]), { account: NEVER, statement: NEVER, claim: NEVER });
  t.same(open(buyers[4], buyers[5]), { account: BOTH, statement: BOTH, claim: BOTH });
});

t.test('what everybody names is nothing to hang on', async (t) => {
  const ask = shop();
  const open = (by: number, n: number) => ask(by, `/offers/${n}`, '/offers/{id}', { id: n, order_no: `o-${buyers[n % 30]}-0` });
  everyday(ask);
  for (let round = 0; round < 4; round++) for (const [index, user] of buyers.entries()) open(user, 500 + ((index * 7 + round) % 30));
  t.same(open(buyers[4], 505), NEVER);
  const shown = (by: number, n: number) => ask(by, `/notices/${n}`, '/notices/{id}', { id: n, branch_no: `b-${n % 3}` });
  for (let n = 0; n < 3; n++) ask(buyers[0], `/branches/b-${n}`, '/branches/{id}', { id: `b-${n}`, userId: buyers[n] });
  for (let round = 0; round < 4; round++) for (const [index, user] of buyers.entries()) shown(user, 900 + index * 4 + round);
  t.same(shown(buyers[9], 905), NEVER);
});
