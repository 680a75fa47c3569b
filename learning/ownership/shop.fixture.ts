/** Test support: a shop of thirty people and a few sellers, with the engine that learns of it and a gateway that hears of everything at once. */
import { bodyOf, emptyBody, headersOf, newId, PrincipalReader } from '../../exchange/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import type { SavedEntry } from './checkpoint.js';
import { OwnershipModel, OwnershipView } from './index.js';

export const BUYERS = 30;
const reader = new PrincipalReader('shop');
const tokenOf = (user: number, claims: object = {}): string =>
  `${[{ alg: 'HS256' }, { sub: String(user), ...claims }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.sig`;

/** What a gateway refused, before it was forwarded and by its answer. */
export interface Refused {
  readonly request: boolean;
  readonly response: boolean;
}
export const NEVER: Refused = { request: false, response: false };
export const BOTH: Refused = { request: true, response: true };

/** An engine and a gateway that hears of everything at once; asks as one user after another. */
export function shop(claimsOf: (user: number) => object = () => ({}), saved: readonly SavedEntry[] = []) {
  const model = new OwnershipModel({ secret: 'shop', seed: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  model.restore(saved);
  const view = new OwnershipView();
  for (const chunk of model.snapshot()) view.apply(chunk);
  let nowMs = 1.7e12;
  const ask = (
    user: number,
    target: string,
    template: string,
    shown: object,
    body: object | null = null,
    method = body === null ? 'GET' : 'POST',
    more: Readonly<Record<string, string>> = {},
  ): Refused => {
    const headers = headersOf({
      host: 'shop',
      ...more,
      authorization: `Bearer ${tokenOf(user, claimsOf(user))}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    });
    const principal = reader.read(headers, target);
    const sent = body === null ? emptyBody : bodyOf(Buffer.from(JSON.stringify(body)));
    const asked = { service: 'shop', method, template, path: target, target, headers, parameters: [], body: sent };
    const before = view.judgeRequest({ ...asked, principalKey: principal?.key ?? null });
    nowMs += 1000;
    const { verdict } = model.judge({
      exchange: exchangeOf({
        id: newId(nowMs),
        requestId: String(nowMs),
        service: 'shop',
        startedAtMs: nowMs,
        request: { method, host: 'shop', target, headers, body: sent },
        response: { headers: headersOf({ 'content-type': 'application/json' }), body: bodyOf(Buffer.from(JSON.stringify(shown))) },
        principal,
      }),
      endpoint: { id: template, service: 'shop', method, template },
      pathParameters: [],
      dataHits: [],
    });
    const delta = model.deltas();
    if (delta !== null) view.apply(delta);
    return { request: before?.enforceable ?? false, response: verdict?.enforceable ?? false };
  };
  /** All that an engine saves, for another one to go on from. */
  const save = (): SavedEntry[] => {
    const pieces: SavedEntry[] = [];
    for (let some = model.checkpoint(); some.length > 0; some = model.checkpoint()) pieces.push(...some);
    return pieces;
  };
  return Object.assign(ask, { save });
}

export const SELLERS = [2000, 2001, 2002, 2003, 2004, 2005, 2006];
export const STRANGER = 3000;
export const buyers = Array.from({ length: BUYERS }, (_, index) => 1000 + index);

/** Everybody looks at their own page, and at an address of theirs: whoever owns nothing is not refused anything. */
export function arrive(ask: ReturnType<typeof shop>): void {
  for (const user of [...buyers, ...SELLERS, STRANGER]) {
    ask(user, '/me', '/me', { id: user });
    ask(user, `/addresses/${user}`, '/addresses/{id}', { id: user, userId: user });
  }
}
