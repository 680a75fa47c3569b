import type { Stage } from '../kit.js';
import { base62, type Resource, type User, type World } from '../world.js';
import { bearer, body, opaque } from './shared.js';

/** Somebody is taken into one of the caller's channels, reads there for a while, and leaves or is put out. */
function* comeAndGo(stage: Stage, user: User): Generator<void> {
  const channels = stage.resource('channels');
  const messages = stage.resource('messages');
  const [channel] = stage.dice.sample(stage.of(channels, user), 1);
  const friend = stage.dice.pick(stage.users);
  if (channel === undefined || friend === user) return;
  const members = { method: 'POST', template: '/channels/{id}/members', answers: 'ack' as const };
  stage.sendForm(user, { ...members, body: () => ({ user_id: friend.id }) }, channel, 'membership', null);
  channel.grants.add(friend);
  yield;
  stage.sendList(friend, channels.list ?? '', stage.mine(channels, friend), 'membership');
  yield;
  for (let visits = stage.dice.range(1, 3); visits > 0; visits--) {
    const said = (stage.things.get('messages') ?? []).filter((one) => one.parent === channel);
    if (said.length === 0 || !stage.mayRead(friend, channels, channel)) return;
    stage.sendList(friend, messages.listBelow ?? '', said, 'membership');
    yield;
    for (const one of stage.dice.sample(said, 2)) {
      if (stage.mayRead(friend, messages, one)) stage.sendForm(friend, stage.dice.pick(messages.open), one, 'membership', null);
      yield;
    }
    for (let wait = 0; wait < 10; wait++) yield;
  }
  if (stage.dice.chance(0.5) || !channel.grants.has(friend)) return;
  const byItself = stage.dice.chance(0.5);
  stage.send(
    byItself ? friend : user,
    'DELETE',
    '/channels/{id}/members/{user}',
    `/channels/${channel.id}/members/${byItself ? '@me' : friend.id}`,
    { label: null, cls: 'membership' },
    204,
    undefined,
  );
  channel.grants.delete(friend);
}

/** Chat: whoever is in a channel reads what others wrote there, members come and go; two devices each, opaque tokens that are renewed often, new people all the time. */
export const chat: World = {
  name: 'chat',
  users: 90,
  groups: 1,
  staff: 1,
  userId: (n) => String(7_100_000_000_000 + n * 7919),
  groupId: () => 'all',
  token: opaque('t_'),
  credential: bearer,
  signIn: {
    template: '/auth/login',
    share: 0.3,
    body: (u) => ({ login: u.email, password: 'x' }),
    answer: (u, token) => ({ body: { token, user_id: u.id, settings: { theme: 'dark' } } }),
  },
  refresh: { template: '/auth/refresh', answer: (token) => ({ token }) },
  me: { template: '/users/@me', answer: (u) => ({ id: u.id, username: u.name, email: u.email }) },
  signUps: { share: 0.03, handsOut: true, template: '/auth/register', answer: (u, token) => ({ token, user_id: u.id }) },
  devices: 0.3,
  errands: { share: 0.08, run: comeAndGo },
  one: (_, one) => one,
  many: (_, all) => all,
  resources: [
    {
      name: 'channels',
      id: (n) => String(8_200_000_000_000 + n * 104_729),
      per: [1, 2],
      reads: 'owner',
      view: (t) => ({ id: t.id, type: 1, name: 'general', owner_id: t.owner.id, last_message_id: null }),
      list: '/users/@me/channels',
      listsShared: true,
      open: [{ method: 'GET', template: '/channels/{id}' }],
      write: [{ method: 'PATCH', template: '/channels/{id}', body: body('topic') }],
      create: { method: 'POST', template: '/users/@me/channels' },
      share: {
        method: 'POST',
        template: '/channels/{id}/members',
        body: (thing) => ({ user_id: thing?.owner.id ?? '' }),
        answers: 'ack',
      },
    },
    {
      name: 'messages',
      id: (n) => String(9_300_000_000_000 + n * 15_485_863),
      per: [2, 4],
      reads: 'parent',
      below: 'channels',
      view: (t) => ({
        id: t.id,
        channel_id: t.parent?.id ?? '',
        content: 'hi',
        author: { id: t.owner.id, username: t.owner.name },
        mentions: [],
      }),
      listBelow: '/channels/{parent}/messages',
      open: [{ method: 'GET', template: '/channels/{parent}/messages/{id}' }],
      write: [
        { method: 'PATCH', template: '/channels/{parent}/messages/{id}', body: body('content') },
        { method: 'DELETE', template: '/channels/{parent}/messages/{id}', answers: 'nothing' },
      ],
      create: { method: 'POST', template: '/channels/{parent}/messages' },
    },
    {
      name: 'drafts',
      id: (n, _, s) => base62(`${s}draft${n}`, 16),
      per: [1, 3],
      reads: 'owner',
      view: (t) => ({ id: t.id, text: 'd', updated_at: 1_700_000_000 }),
      list: '/users/@me/drafts',
      open: [{ method: 'GET', template: '/drafts/{id}' }],
      write: [{ method: 'PUT', template: '/drafts/{id}', body: body('text') }],
      create: { method: 'POST', template: '/users/@me/drafts' },
    },
  ] satisfies Resource[],
};
