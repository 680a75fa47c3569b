import { base62, type Resource, type User, type World } from '../world.js';
import { body } from './shared.js';

const orgOf = (user: User): string => user.group;

/** B2B: the organisation stands in a header, keys belong to people of it; answers name neither the person nor the organisation; ids are plain numbers. */
export const b2b: World = {
  name: 'b2b',
  users: 100,
  groups: 22,
  staff: 0,
  userId: (n) => `op${n}`,
  groupId: (n) => `org_${base62(`org${n}`, 12)}`,
  token: (u, _, s) => `sk_live_${base62(`${s}${u.id}`, 24)}`,
  credential: (token) => ({ 'x-api-key': token }),
  about: (user, thing) => ({ 'x-org-id': orgOf(thing !== null && thing.serial % 2 === 0 ? thing.owner : user) }),
  signIn: { template: '/v2/ping', share: 0.02, body: () => ({ ok: true }), answer: () => ({ body: { pong: true } }) },
  me: { template: '/v2/organisation', answer: (u) => ({ id: u.group, plan: 'pro', seats: 5 }) },
  one: (_, one) => ({ data: one }),
  many: (_, all) => ({ data: all, has_more: false }),
  resources: [
    {
      name: 'invoices',
      id: (n) => String(n),
      per: [2, 4],
      reads: 'group',
      view: (t) => ({ id: Number(t.id), number: `R-${t.id}`, total: 12 }),
      listGroup: '/v2/invoices',
      open: [{ method: 'GET', template: '/v2/invoices/{id}' }],
      write: [{ method: 'POST', template: '/v2/invoices/{id}/void', answers: 'ack' }],
      create: { method: 'POST', template: '/v2/invoices' },
    },
    {
      name: 'customers',
      id: (n, _, s) => `cus_${base62(`${s}cus${n}`, 14)}`,
      per: [2, 5],
      reads: 'group',
      view: (t) => ({ id: t.id, name: 'Ada', vat: 'x' }),
      listGroup: '/v2/customers',
      open: [
        { method: 'GET', template: '/v2/customers/{id}' },
        { method: 'GET', template: '/v2/search', in: 'query', name: 'customer' },
        { method: 'POST', template: '/v2/statements', in: 'body', name: 'customer', answers: 'ack' },
      ],
      write: [{ method: 'PATCH', template: '/v2/customers/{id}', body: body('name') }],
      create: { method: 'POST', template: '/v2/customers' },
    },
    {
      name: 'settings',
      id: (_, owner) => owner.group,
      per: [1, 1],
      reads: 'group',
      view: (t) => ({ org: t.group, locale: 'de', webhook: 'x' }),
      open: [{ method: 'GET', template: '/v2/settings', in: 'header', name: 'x-org-id' }],
      write: [{ method: 'PATCH', template: '/v2/settings', in: 'header', name: 'x-org-id', body: body('webhook') }],
    },
  ] satisfies Resource[],
};
