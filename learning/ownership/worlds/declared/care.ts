import { base62, hex, type Resource, type World } from '../world.js';
import { body } from './shared.js';

/** Care: few carers look after many people; objects name both; some name the carer only by e-mail; api key in the query. */
export const care: World = {
  name: 'care',
  users: 110,
  groups: 7,
  staff: 3,
  userId: (n, s) => hex(`${s}person${n}`, 24),
  groupId: (n) => `station-${n}`,
  token: (user, i, s) => base62(`${s}${user.id}k${i}`, 26),
  credential: (token) => ({ 'x-session': token }),
  signIn: {
    template: '/api/login',
    share: 0.25,
    body: (u) => ({ email: u.email, password: 'p' }),
    answer: (u, token) => ({ body: { session: token, person: { id: u.id, email: u.email } } }),
  },
  one: (_, one) => ({ result: one, ok: true }),
  many: (_, all) => ({ result: all, ok: true }),
  resources: [
    {
      name: 'plans',
      id: (n, _, s) => hex(`${s}plan${n}`, 24),
      per: [1, 3],
      reads: 'owner',
      hasOther: true,
      fewOthers: 9,
      view: (t) => ({ _id: t.id, client: t.owner.id, carer: t.other?.id ?? null, station: t.group }),
      list: '/api/plans',
      listAll: '/api/admin/plans',
      open: [
        { method: 'GET', template: '/api/plans/{id}' },
        { method: 'POST', template: '/api/plans/print', in: 'body', name: 'plan', answers: 'ack' },
      ],
      write: [{ method: 'PATCH', template: '/api/plans/{id}', body: body('goal') }],
      create: { method: 'POST', template: '/api/plans' },
    },
    {
      name: 'visits',
      id: (n) => String(100 + n),
      per: [2, 5],
      reads: 'owner',
      hasOther: true,
      fewOthers: 9,
      view: (t) => ({ _id: Number(t.id), clientEmail: t.owner.email, assignedTo: t.other?.email ?? '', at: '2024-01-01' }),
      list: '/api/visits',
      open: [
        { method: 'GET', template: '/api/visits/{id}' },
        { method: 'GET', template: '/api/visit', in: 'query', name: 'visit' },
      ],
      write: [{ method: 'POST', template: '/api/visits/{id}/confirm', answers: 'ack' }],
    },
    {
      name: 'documents',
      id: (n, _, s) => base62(`${s}doc${n}`, 20),
      per: [1, 4],
      reads: 'owner',
      view: (t) => ({ docId: t.id, belongsTo: t.owner.id, pages: 2 }),
      list: '/api/people/{owner}/documents',
      listShared: '/api/documents/shared',
      open: [{ method: 'GET', template: '/api/people/{owner}/documents/{id}' }],
      write: [{ method: 'DELETE', template: '/api/documents/{id}', answers: 'nothing' }],
      share: { method: 'POST', template: '/api/documents/{id}/shares', answers: 'ack' },
    },
  ] satisfies Resource[],
};
