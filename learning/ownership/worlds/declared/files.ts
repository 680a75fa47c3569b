import { base62, hex, type World } from '../world.js';
import { body } from './shared.js';

/** Files: GraphQL-ish bodies, base64 ids, several ids at once, owners by e-mail, opaque keys in a query parameter, no sign-in seen, no me. */
export const files: World = {
  name: 'files',
  users: 90,
  groups: 10,
  staff: 2,
  userId: (n) => `person${n}@corp.test`,
  groupId: (n) => `dept${n}`,
  token: (user, _, seed) => base62(`${seed}${user.id}pat`, 30),
  credential: (token) => ({ 'x-auth-token': token }),
  signIn: {
    template: '/oauth/token',
    share: 0.02,
    body: (user) => ({ code: hex(user.id, 20) }),
    answer: (_, token) => ({ body: { access_token: token, token_type: 'x' } }),
  },
  one: (name, one) => ({ response: { [name]: one }, status: 'success' }),
  many: (name, all) => ({ response: { [name]: all }, status: 'success' }),
  resources: [
    {
      name: 'files',
      id: (n) => Buffer.from(`file:${n}`).toString('base64url'),
      per: [4, 8],
      reads: 'owner',
      view: (t) => ({ fid: t.id, id: t.id, owner: t.owner.id, bytes: 99 }),
      list: '/rpc/files.list',
      listShared: '/rpc/files.shared',
      listAll: '/rpc/audit.files',
      open: [
        { method: 'POST', template: '/rpc/files.get', in: 'body', name: 'fid' },
        { method: 'GET', template: '/download/{id}', answers: 'ack' },
      ],
      write: [
        { method: 'POST', template: '/rpc/files.rename', in: 'body', name: 'fid', body: body('name'), answers: 'one' },
        { method: 'POST', template: '/rpc/files.trash', in: 'body', name: 'fid', answers: 'ack' },
      ],
      share: { method: 'POST', template: '/rpc/files.share', in: 'body', name: 'fid', answers: 'ack' },
    },
    {
      name: 'folders',
      id: (n) => `f${n}x`,
      per: [1, 2],
      reads: 'group',
      view: (t) => ({ id: t.id, department: t.group, made_by: t.owner.id }),
      listGroup: '/rpc/folders.list',
      open: [{ method: 'GET', template: '/rpc/folders.get', in: 'query', name: 'folder' }],
      write: [{ method: 'POST', template: '/rpc/folders.rename', in: 'body', name: 'folder', body: body('name') }],
    },
  ],
};
