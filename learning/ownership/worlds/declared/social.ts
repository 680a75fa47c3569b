import { base62, type World } from '../world.js';
import { bearer, body, opaque } from './shared.js';

/** Messaging: bearer tokens that rotate, conversations with members, posts public to read, camel case, owner as @handle or member arrays. */
export const social: World = {
  name: 'social',
  users: 110,
  groups: 1,
  staff: 2,
  userId: (n) => String(7_000 + n * 3),
  groupId: (n) => `g${n}`,
  token: opaque('tk.', 36),
  credential: bearer,
  signIn: {
    template: '/v2/login',
    share: 0.35,
    body: (user) => ({ handle: user.name, secret: 'x' }),
    answer: (user, token) => ({ body: { accessToken: token, expiresIn: 900, profile: { userId: Number(user.id), handle: user.name } } }),
  },
  refresh: { template: '/v2/token/refresh', answer: (token) => ({ accessToken: token, expiresIn: 900 }) },
  one: (name, one) => ({ [name.replace(/s$/, '')]: one }),
  many: (name, all) => ({ [name]: all, cursor: null }),
  resources: [
    {
      name: 'conversations',
      id: (n, _, seed) => base62(`${seed}c${n}`, 16),
      per: [2, 4],
      reads: 'owner',
      hasOther: true,
      view: (t) => ({ id: t.id, participants: [{ userId: Number(t.owner.id) }, { userId: Number(t.other?.id) }], lastText: 'hi' }),
      list: '/v2/conversations',
      open: [
        { method: 'GET', template: '/v2/conversations/{id}' },
        { method: 'POST', template: '/v2/messages/search', in: 'body', name: 'conversationId' },
      ],
      write: [{ method: 'POST', template: '/v2/conversations/{id}/messages', body: body('text'), answers: 'ack' }],
    },
    {
      name: 'posts',
      id: (n) => String(880_000 + n),
      per: [2, 5],
      reads: 'public',
      view: (t) => ({ postId: Number(t.id), text: 't', author: { userId: Number(t.owner.id), handle: t.owner.name } }),
      listPublic: '/v2/feed',
      open: [{ method: 'GET', template: '/v2/posts/{id}' }],
      write: [
        { method: 'PATCH', template: '/v2/posts/{id}', body: body('text') },
        { method: 'DELETE', template: '/v2/posts/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/v2/posts' },
    },
    {
      name: 'albums',
      id: (n, _, seed) => base62(`${seed}al${n}`, 11),
      per: [2, 4],
      reads: 'owner',
      view: (t) => ({ id: t.id, ownerHandle: t.owner.name, ownerId: Number(t.owner.id), count: 4 }),
      list: '/v2/me/albums',
      listShared: '/v2/me/albums/shared',
      listAll: '/v2/moderation/albums',
      open: [{ method: 'GET', template: '/v2/albums/{id}' }],
      write: [{ method: 'PUT', template: '/v2/albums/{id}', body: body('title') }],
      share: { method: 'POST', template: '/v2/albums/{id}/viewers', answers: 'ack' },
      create: { method: 'POST', template: '/v2/albums' },
    },
  ],
};
