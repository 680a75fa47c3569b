/** Objects with two sides: who is named in an object is not refused before it is known what the field means. */
import t from 'tap';
import { bodyOf, emptyBody, headersOf, newId, PrincipalReader } from '../../exchange/index.js';
import { OwnershipModel, OwnershipView } from './index.js';

const BUYERS = 30;
const reader = new PrincipalReader('parties');
const tokenOf = (user: number): string =>
  [{ alg: 'HS256' }, { sub: String(user) }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

type Answer = (order: number, caller: number) => object;
const buyerOf = (order: number): number => 1000 + (order % BUYERS);
const sellerOf = (order: number): number => 2000 + (order % 7);

/** Thirty people open three of their own orders each, after they looked at their own page; then `caller` opens order 5000. */
function asks(answer: Answer, caller: number) {
  const model = new OwnershipModel({ secret: 'parties', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  let nowMs = 1.7e12;
  const open = (user: number, target: string, template: string, shown: object) => {
    const headers = headersOf({ host: 'shop', authorization: `Bearer ${tokenOf(user)}` });
    const principal = reader.read(headers, target);
    const asked = { service: 'shop', method: 'GET', template, path: target, target, headers, parameters: [], body: null };
    const before = view.judgeRequest({ ...asked, principalKey: principal?.key ?? null });
    nowMs += 1000;
    const { verdict } = model.judge({
      exchange: {
        id: newId(nowMs),
        requestId: String(nowMs),
        kind: 'http',
        observer: { kind: 'gateway', id: 'g' },
        service: 'shop',
        client: { ip: '198.51.100.7', port: 1 },
        server: { ip: '127.0.0.1', port: 1 },
        startedAtMs: nowMs,
        durationMs: 3,
        upstreamMs: 2,
        request: { method: 'GET', scheme: 'http', host: 'shop', target, httpVersion: '1.1', headers, body: emptyBody, trailers: [] },
        response: {
          status: 200,
          httpVersion: '1.1',
          headers: headersOf({ 'content-type': 'application/json' }),
          body: bodyOf(Buffer.from(JSON.stringify(shown))),
          trailers: [],
        },
        principal,
        outcome: { action: 'passed', mode: 'enforce', phase: null, acts: [] },
        tags: [],
      },
      endpoint: { id: template, service: 'shop', method: 'GET', template },
      pathParameters: [],
      dataHits: [],
    });
    const delta = model.deltas();
    if (delta !== null) view.apply(delta);
    return { request: before?.enforceable ?? false, response: verdict?.enforceable ?? false };
  };
  for (const user of [...Array.from({ length: BUYERS }, (_, index) => 1000 + index), 2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000])
    open(user, '/me', '/me', { id: user });
  // Whoever owns nothing is not refused anything.
  for (const user of [2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000])
    open(user, `/addresses/${user}`, '/addresses/{id}', { id: user, userId: user });
  for (let order = 100; order < 100 + 3 * BUYERS; order++)
    open(buyerOf(order), `/orders/${order}`, '/orders/{id}', answer(order, buyerOf(order)));
  // Its buyer opened it first, so that a gateway knows whose it is.
  open(buyerOf(5000), '/orders/5000', '/orders/{id}', answer(5000, buyerOf(5000)));
  return open(caller, '/orders/5000', '/orders/{id}', answer(5000, caller));
}

const withSeller: Answer = (id) => ({ id, buyerId: buyerOf(id), sellerId: sellerOf(id), total: 12 });
const nested: Answer = (id) => ({ id, buyer: { id: buyerOf(id) }, seller: { id: sellerOf(id), name: 'n' } });
const echoing: Answer = (id, caller) => ({ id, buyerId: buyerOf(id), userId: caller, total: 12 });

const NEVER = { request: false, response: false };
const BOTH = { request: true, response: true };
const cases: [what: string, answer: Answer, caller: number, refused: typeof BOTH][] = [
  ['its seller, of whom no order was opened so far', withSeller, sellerOf(5000), NEVER],
  ['its seller, named in a part of it', nested, sellerOf(5000), NEVER],
  ['the seller of other orders', withSeller, sellerOf(5001), BOTH],
  ['a stranger', withSeller, 3000, BOTH],
  ['another buyer', nested, buyerOf(5001), BOTH],
  // While each object was asked for by one person only, the repeated name looks like the owner's: the answer says nothing then, the request does.
  ['a stranger, where answers repeat who asks', echoing, 3000, { request: true, response: false }],
];

t.test('a shop whose orders name a buyer and a seller; only buyers came so far', async (t) => {
  for (const [what, answer, caller, refused] of cases) t.same(asks(answer, caller), refused, what);
});
