import { hex, jwt, type World } from '../world.js';
import { bearer, body } from './shared.js';

/** Marketplace: JWTs with an unlike subject, sellers and buyers on one object, JSON:API, public listings, transfers, integers everywhere. */
export const market: World = {
  name: 'market',
  users: 120,
  groups: 1,
  staff: 2,
  userId: (n) => String(300 + n),
  groupId: (n) => `r${n}`,
  token: (user) =>
    jwt({ iss: 'idp', sub: `auth0|${hex(user.id, 12)}`, uid: Number(user.id), scope: user.role === 'staff' ? 'ops' : 'shop' }),
  credential: bearer,
  signIn: {
    template: '/api/login',
    share: 0.15,
    body: (user) => ({ email: user.email, password: 'x' }),
    answer: (user, token) => ({
      body: {
        data: {
          type: 'sessions',
          id: hex(token, 10),
          attributes: { token },
          relationships: { user: { data: { type: 'users', id: user.id } } },
        },
      },
    }),
  },
  one: (_, one) => ({ data: one }),
  many: (_, all) => ({ data: all, links: { next: null } }),
  resources: [
    {
      name: 'orders',
      id: (n) => String(n),
      per: [3, 6],
      reads: 'owner',
      hasOther: true,
      view: (t) => ({
        type: 'orders',
        id: t.id,
        attributes: { state: t.status, total: 12 },
        relationships: { buyer: { data: { type: 'users', id: t.owner.id } }, seller: { data: { type: 'users', id: String(t.other?.id) } } },
      }),
      list: '/api/orders',
      listAll: '/api/ops/orders',
      open: [{ method: 'GET', template: '/api/orders/{id}' }],
      write: [{ method: 'PATCH', template: '/api/orders/{id}', body: body('note') }],
      create: { method: 'POST', template: '/api/orders' },
    },
    {
      name: 'listings',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'public',
      view: (t) => ({
        type: 'listings',
        id: t.id,
        attributes: { price: 3 },
        relationships: { seller: { data: { type: 'users', id: t.owner.id } } },
      }),
      listPublic: '/api/listings',
      open: [{ method: 'GET', template: '/api/listings/{id}' }],
      write: [
        { method: 'PATCH', template: '/api/listings/{id}', body: body('price') },
        { method: 'DELETE', template: '/api/listings/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/api/listings' },
      transfer: { method: 'POST', template: '/api/listings/{id}/transfer' },
    },
    {
      name: 'addresses',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ type: 'addresses', id: t.id, attributes: { street: 's', userId: Number(t.owner.id) } }),
      list: '/api/users/{owner}/addresses',
      open: [{ method: 'GET', template: '/api/users/{owner}/addresses/{id}' }],
      write: [{ method: 'PATCH', template: '/api/users/{owner}/addresses/{id}', body: body('street') }],
    },
  ],
};
