import { base62, type Resource, type World } from '../world.js';
import { body } from './shared.js';

const NAMES = ['app', 'docs', 'api', 'site', 'tools', 'infra'];

/** Forge: composite ids. Names of repositories are unique for their owner only, numbers of issues for their repository only; public and private ones at one place. */
export const forge: World = {
  name: 'forge',
  users: 100,
  groups: 1,
  staff: 2,
  userId: (n) => `dev${n.toString(36)}x`,
  groupId: () => 'g',
  token: (u, n, s) => `pat_${base62(`${s}${u.id}${n}`, 36)}`,
  credential: (token) => ({ authorization: `token ${token}` }),
  signIn: {
    template: '/user/tokens',
    share: 0.03,
    body: (u) => ({ login: u.id, password: 'x' }),
    answer: (_, token) => ({ body: { token, scopes: ['repo'] } }),
  },
  me: { template: '/user', answer: (u) => ({ login: u.id, id: 40_000 + u.serial, email: u.email }) },
  signUps: { share: 0.02, handsOut: true, template: '/users', answer: (u, token) => ({ login: u.id, id: 40_000 + u.serial, token }) },
  crawlers: 0.05,
  also: (user, thing, write) =>
    write && (thing.grants.has(user) || thing.parent?.owner === user || thing.parent?.grants.has(user) === true),
  one: (_, one) => one,
  many: (_, all) => all,
  resources: [
    {
      name: 'repos',
      id: (_, owner) => {
        const n = owner.made - 1;
        return `${NAMES[n % NAMES.length]}${n < NAMES.length ? '' : Math.floor(n / NAMES.length)}`;
      },
      per: [2, 4],
      reads: 'owner',
      publicShare: 0.4,
      view: (t) => ({
        id: 600_000 + t.serial,
        name: t.id,
        full_name: `${t.owner.id}/${t.id}`,
        private: !t.isPublic,
        owner: { login: t.owner.id, id: 40_000 + t.owner.serial, type: 'User' },
      }),
      list: '/user/repos',
      listsShared: true,
      listPublic: '/explore',
      listAll: '/admin/repos',
      open: [
        { method: 'GET', template: '/repos/{root}/{id}' },
        { method: 'GET', template: '/repos/{root}/{id}/readme', answers: 'ack' },
      ],
      write: [{ method: 'PATCH', template: '/repos/{root}/{id}', body: body('description') }],
      create: { method: 'POST', template: '/user/repos', body: (t) => ({ name: t?.id ?? '', private: true }) },
      share: {
        method: 'POST',
        template: '/repos/{root}/{id}/collaborators',
        body: (t) => ({ username: t?.owner.id ?? '', permission: 'push' }),
        answers: 'nothing',
      },
    },
    {
      name: 'issues',
      id: (_, __, ___, parent) => String(parent?.children ?? 1),
      per: [2, 4],
      reads: 'parent',
      below: 'repos',
      view: (t) => ({
        id: 900_000 + t.serial,
        number: Number(t.id),
        title: 'bug',
        user: { login: t.owner.id, id: 40_000 + t.owner.serial },
      }),
      listBelow: '/repos/{root}/{parent}/issues',
      open: [{ method: 'GET', template: '/repos/{root}/{parent}/issues/{id}' }],
      write: [{ method: 'PATCH', template: '/repos/{root}/{parent}/issues/{id}', body: body('state') }],
      create: { method: 'POST', template: '/repos/{root}/{parent}/issues' },
    },
    {
      name: 'keys',
      id: (n) => String(n),
      per: [1, 2],
      reads: 'owner',
      view: (t) => ({ id: Number(t.id), key: 'ssh-rsa', title: 'laptop' }),
      list: '/user/keys',
      open: [{ method: 'GET', template: '/user/keys/{id}' }],
      write: [{ method: 'DELETE', template: '/user/keys/{id}', answers: 'nothing' }],
      create: { method: 'POST', template: '/user/keys' },
    },
  ] satisfies Resource[],
};
