import type { Stage } from '../kit.js';
import { base62, type Resource, type User, type World } from '../world.js';
import { body } from './shared.js';

/** A link is made to a file and opened by somebody who has it, signed in or not. */
function* link(stage: Stage, user: User): Generator<void> {
  const [file] = stage.dice.sample(stage.of(stage.resource('documents'), user), 1);
  if (file === undefined) return;
  const token = base62(`${file.id}link`, 22);
  stage.send(user, 'POST', '/api/documents/{id}/links', `/api/documents/${file.id}/links`, { label: null, cls: 'links' }, 201, {
    url: `https://api.test/s/${token}`,
    token,
  });
  yield;
  for (let n = stage.dice.range(1, 3); n > 0; n--) {
    const friend = stage.dice.chance(0.4) ? null : stage.dice.pick(stage.users);
    stage.send(
      friend,
      'GET',
      '/s/{token}',
      `/s/${token}`,
      { label: null, cls: 'links' },
      200,
      stage.world.one('documents', stage.view(file)),
    );
    yield;
  }
}

/** Files with links: answers never name an owner, some files are public, links open private ones for whoever has them; crawlers, transfers, new people. */
export const drive: World = {
  name: 'drive',
  users: 100,
  groups: 1,
  staff: 2,
  userId: (n, s) => base62(`${s}usr${n}`, 20),
  groupId: () => 'g',
  token: (u, n, s) => base62(`${s}${u.id}ck${n}`, 32),
  credential: (token) => ({ cookie: `sid=${token}` }),
  signIn: {
    template: '/api/login',
    share: 0.2,
    body: (u) => ({ email: u.email, password: 'x' }),
    answer: (u, token) => ({ body: { uid: u.id, email: u.email }, headers: { 'set-cookie': `sid=${token}; HttpOnly` } }),
  },
  me: { template: '/api/account', answer: (u) => ({ uid: u.id, email: u.email, quota: 15 }) },
  signUps: { share: 0.03, handsOut: true, template: '/api/signup', answer: (u, token) => ({ uid: u.id, session: token }) },
  crawlers: 0.05,
  devices: 0.2,
  errands: { share: 0.1, run: link },
  one: (_, one) => one,
  many: (_, all) => ({ items: all, next: null }),
  resources: [
    {
      name: 'documents',
      id: (n, _, s) => base62(`${s}doc${n}`, 24),
      per: [3, 6],
      reads: 'owner',
      publicShare: 0.25,
      view: (t) => ({ id: t.id, name: 'report.pdf', visibility: t.isPublic ? 'public' : 'private', size: 12 }),
      list: '/api/documents',
      listShared: '/api/shared-with-me',
      listPublic: '/api/public',
      listAll: '/api/admin/documents',
      open: [
        { method: 'GET', template: '/api/documents/{id}' },
        { method: 'GET', template: '/api/documents/{id}/content', answers: 'ack' },
      ],
      write: [
        { method: 'PATCH', template: '/api/documents/{id}', body: body('name') },
        { method: 'DELETE', template: '/api/documents/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/api/documents' },
      share: {
        method: 'POST',
        template: '/api/documents/{id}/permissions',
        body: (t) => ({ email: t?.owner.email ?? '', role: 'reader' }),
        answers: 'ack',
      },
      transfer: { method: 'POST', template: '/api/documents/{id}/owner' },
    },
    {
      name: 'comments',
      id: (n) => String(n),
      per: [1, 3],
      reads: 'parent',
      below: 'documents',
      view: (t) => ({ id: Number(t.id), text: 'c', by: { email: t.owner.email } }),
      listBelow: '/api/documents/{parent}/comments',
      open: [{ method: 'GET', template: '/api/documents/{parent}/comments/{id}' }],
      write: [{ method: 'PUT', template: '/api/documents/{parent}/comments/{id}', body: body('text') }],
      create: { method: 'POST', template: '/api/documents/{parent}/comments' },
    },
  ] satisfies Resource[],
};
