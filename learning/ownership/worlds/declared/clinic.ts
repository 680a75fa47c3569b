import { hex, jwt, uuid, type World } from '../world.js';
import { body } from './shared.js';

/** Clinic: staff roles, patients under practices, HAL links as the only owner, kebab case, JWT in a custom header, tenant reads. */
export const clinic: World = {
  name: 'clinic',
  users: 100,
  groups: 8,
  staff: 6,
  userId: (n, seed) => uuid(`${seed}patient${n}`),
  groupId: (n) => `practice-${10 + n}`,
  token: (user) => jwt({ sub: user.id, practice: user.group, role: user.role === 'staff' ? 'clinician' : 'patient' }),
  credential: (token) => ({ 'x-access-token': token }),
  signIn: { template: '/sessions', share: 0.1, body: (user) => ({ login: user.email }), answer: (_, token) => ({ body: { token } }) },
  me: { template: '/patients/current', answer: (user) => ({ 'patient-id': user.id, practice: user.group }) },
  one: (_, one) => one,
  many: (name, all) => ({ _embedded: { [name]: all }, total: all.length }),
  resources: [
    {
      name: 'appointments',
      id: (n, _, seed) => `APT-${hex(`${seed}${n}`, 8).toUpperCase()}`,
      per: [2, 4],
      reads: 'owner',
      view: (t) => ({
        'appointment-id': t.id,
        slot: 'am',
        _links: { self: { href: `/appointments/${t.id}` }, patient: { href: `/patients/${t.owner.id}` } },
      }),
      list: '/appointments',
      listAll: '/appointments?scope=practice',
      open: [{ method: 'GET', template: '/appointments/{id}' }],
      write: [
        { method: 'PUT', template: '/appointments/{id}', body: body('slot') },
        { method: 'DELETE', template: '/appointments/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/appointments' },
    },
    {
      name: 'results',
      id: (n, owner) => `${owner.serial}-${n}`,
      per: [2, 5],
      reads: 'owner',
      view: (t) => ({ ref: t.id, value: 4, practice: t.group }),
      list: '/patients/{owner}/results',
      open: [{ method: 'GET', template: '/patients/{owner}/results/{id}' }],
      write: [],
      share: { method: 'POST', template: '/patients/{owner}/results/{id}/share', answers: 'ack' },
    },
    {
      name: 'notices',
      id: (n) => String(n),
      per: [1, 2],
      reads: 'group',
      view: (t) => ({ id: Number(t.id), practice: t.group, text: 'n' }),
      listGroup: '/practices/{group}/notices',
      open: [{ method: 'GET', template: '/notices', in: 'query', name: 'notice-id' }],
      write: [],
    },
  ],
};
