import { hex, type Resource, uuid, type World } from '../world.js';
import { body } from './shared.js';

/** Households: objects name an account only, people belong to small accounts; basic auth; events under devices name no owner at all. */
export const iot: World = {
  name: 'iot',
  users: 100,
  groups: 40,
  staff: 2,
  userId: (n) => `user${n}`,
  groupId: (n) => String(5_000_000 + n * 11),
  token: (user) => Buffer.from(`${user.id}:secret`).toString('base64'),
  credential: (token) => ({ authorization: `Basic ${token}` }),
  signIn: { template: '/v1/sessions', share: 0.02, body: (u) => ({ user: u.id }), answer: () => ({ body: { ok: true } }) },
  me: { template: '/v1/profile', answer: (u) => ({ login: u.id, accountId: Number(u.group), locale: 'de' }) },
  one: (_, one) => one,
  many: (_, all) => all,
  resources: [
    {
      name: 'devices',
      id: (n, _, s) => `DEV${hex(`${s}d${n}`, 12).toUpperCase()}`,
      per: [1, 4],
      reads: 'group',
      view: (t) => ({ deviceId: t.id, accountId: Number(t.group), model: 'X1', online: true }),
      list: '/v1/devices?mine=1',
      listGroup: '/v1/devices',
      listAll: '/v1/fleet',
      open: [
        { method: 'GET', template: '/v1/devices/{id}' },
        { method: 'GET', template: '/v1/telemetry', in: 'query', name: 'deviceId', answers: 'ack' },
      ],
      write: [{ method: 'POST', template: '/v1/devices/{id}/commands', body: body('command'), answers: 'ack' }],
      create: { method: 'POST', template: '/v1/devices' },
    },
    {
      name: 'scenes',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'group',
      view: (t) => ({ id: Number(t.id), account: { id: Number(t.group) }, name: 's' }),
      listGroup: '/v1/scenes',
      open: [{ method: 'GET', template: '/v1/scenes/{id}' }],
      write: [
        { method: 'PUT', template: '/v1/scenes/{id}', body: body('name') },
        { method: 'DELETE', template: '/v1/scenes/{id}', answers: 'nothing' },
      ],
    },
    {
      name: 'recordings',
      id: (n, _, s) => uuid(`${s}r${n}`),
      per: [2, 6],
      reads: 'group',
      view: (t) => ({ recording: t.id, id: t.id, seconds: 12 }),
      listGroup: '/v1/accounts/{group}/recordings',
      open: [
        { method: 'GET', template: '/v1/recordings/{id}' },
        { method: 'GET', template: '/v1/accounts/{group}/recordings/{id}' },
      ],
      write: [{ method: 'DELETE', template: '/v1/recordings/{id}', answers: 'nothing' }],
    },
  ] satisfies Resource[],
};
