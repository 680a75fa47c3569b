import { base62, type Form, hex, type Json, type Resource, type World } from '../world.js';
import { bearer } from './shared.js';

const call = (method: string, params: Json): Json => ({ jsonrpc: '2.0', id: 1, method, params });
const form = (method: string, name: string, answers: Form['answers'] = 'one', rest: Record<string, Json> = {}): Form => ({
  method: 'POST',
  template: `/rpc#${method}`,
  whole: (id) => ({ body: call(method, { [name]: /^\d+$/.test(id) ? Number(id) : id, ...rest }) }),
  in: 'body',
  name: `params.${name}`,
  body: () => call(method, { ...rest }),
  answers,
});
const wrapped = (one: Json): Json => ({ jsonrpc: '2.0', id: 1, result: one });

/** JSON-RPC: one path, ids in bodies only, tokens that last for a few requests, answers that never name an owner; what is whose is said by lists and creations alone. */
export const rpc: World = {
  name: 'rpc',
  users: 80,
  groups: 1,
  staff: 1,
  userId: (n, s) => hex(`${s}acct${n}`, 16),
  groupId: () => 'g',
  token: (u, n, s) => base62(`${s}${u.id}r${n}`, 40),
  credential: bearer,
  signIn: {
    template: '/rpc#auth.login',
    share: 0.6,
    body: (u) => call('auth.login', { email: u.email, secret: 'x' }),
    answer: (u, token) => ({ body: wrapped({ token, account: u.id }) }),
  },
  refresh: { template: '/rpc#auth.renew', answer: (token) => wrapped({ token }) },
  asks: (operation) => call(operation, {}),
  one: (name, one) => wrapped({ [name.replace(/s$/, '')]: one }),
  many: (name, all) => wrapped({ [name]: all }),
  resources: [
    {
      name: 'wallets',
      id: (n, _, s) => `w_${base62(`${s}wal${n}`, 14)}`,
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ id: t.id, currency: 'EUR', balance: 12 }),
      list: '/rpc#wallets.list',
      listAll: '/rpc#backoffice.wallets',
      open: [form('wallets.get', 'walletId'), form('wallets.statement', 'walletId', 'ack')],
      write: [form('wallets.rename', 'walletId', 'ack', { label: 'x' })],
      create: { method: 'POST', template: '/rpc#wallets.create', body: () => call('wallets.create', { currency: 'EUR' }) },
    },
    {
      name: 'payments',
      id: (n) => String(n),
      per: [3, 6],
      reads: 'owner',
      view: (t) => ({ id: Number(t.id), amount: 5, state: t.status }),
      list: '/rpc#payments.list',
      open: [form('payments.get', 'paymentId')],
      write: [form('payments.cancel', 'paymentId', 'ack')],
      create: { method: 'POST', template: '/rpc#payments.create', body: () => call('payments.create', { amount: 5 }) },
    },
  ] satisfies Resource[],
};
