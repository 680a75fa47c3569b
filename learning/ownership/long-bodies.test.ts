/** Ids behind more of a body than is read, from what was learned to what a gateway says of them. */
import t from 'tap';
import { type AccessVerdict, type Body, bodyOf } from '../../exchange/index.js';
import { bearer, exchange } from '../../test/support/inventory.js';
import { OwnershipModel, OwnershipView } from './index.js';

const SEED = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const PEOPLE = 30;
const CAPTURED = 65_536;
const account = (user: number): number => 7_000 + user * 13;

/** A service where people move money between accounts that they name in the body. */
function bank() {
  const model = new OwnershipModel({ secret: 'long', seed: SEED });
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  const see = (method: string, target: string, user: number, body: Body | null, answer: unknown): AccessVerdict | null => {
    const headers = { ...bearer(`person-${user}`), 'content-type': 'application/json' };
    const made = exchange({ method, target, headers, answer });
    const request = { ...made.request, ...(body === null ? {} : { body }) };
    const asked = {
      ...request,
      service: 'bank',
      template: target,
      path: target,
      parameters: [],
      principalKey: made.principal!.key,
      carrier: 'header:authorization',
    };
    const verdict = view.judgeRequest(asked);
    const outcome = { ...made.outcome, action: verdict?.enforceable === true ? ('blocked' as const) : ('passed' as const) };
    model.judge({
      exchange: { ...made, service: 'bank', request, outcome },
      endpoint: { id: target, service: 'bank', method, template: target },
      pathParameters: [],
      dataHits: [],
    });
    const delta = model.deltas();
    if (delta !== null) view.apply(delta);
    return verdict;
  };
  const transfer = (user: number, from: number, padding = 0): AccessVerdict | null => {
    const text = Buffer.from(JSON.stringify({ note: 'x'.repeat(padding), accountId: from, amount: 5 }));
    return see('POST', '/transfers', user, bodyOf(text.subarray(0, CAPTURED), text.length), { ok: true });
  };
  for (let round = 0; round < 6; round++)
    for (let user = 0; user < PEOPLE; user++) {
      see('GET', '/me', user, null, { id: `u-${user}`, email: `${user}@x.test` });
      see('GET', '/accounts', user, null, [{ id: account(user), ownerId: `u-${user}`, balance: 10 }]);
      transfer(user, account(user));
    }
  return { transfer };
}

t.test('an id behind 64 KiB of padding is no way around: nobody sends such bodies', async (t) => {
  const { transfer } = bank();
  t.match(transfer(3, account(9)), { relation: 'foreign', enforceable: true }, 'a short body, and it is known whose account it is');
  const padded = transfer(4, account(9), 70_000);
  t.match(padded, { relation: 'foreign', form: 'long', enforceable: true, location: { in: 'body' } });
  t.match(padded?.explanation, /^the body is longer than what is read of it, .* hardly any of \d+ requests by \d+ callers here is$/);
  t.not(transfer(5, account(5))?.enforceable, true, 'and what is short goes on');
});

t.test('where several people send long bodies, nobody is held up for it', async (t) => {
  const { transfer } = bank();
  for (let user = 0; user < 4; user++) transfer(user, account(user), 70_000);
  t.not(transfer(20, account(20), 70_000)?.form, 'long');
});
