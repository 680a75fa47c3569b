/** A session, and what its owner may add to it to be taken for somebody else: through the real program, before an application that reads the session only. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { eventually, startWeir, weir } from './support/processes.js';

t.setTimeout(120_000);

const PEOPLE = 24;
const ORDERS = 4;
const orderOf = (user: number, turn: number): number => 1_000 + turn * PEOPLE + user;

/** Anybody who is signed in opens anybody's orders. */
async function startShop(t: Test): Promise<{ readonly url: string; readonly opened: string[] }> {
  const users = new Map<string, number>();
  const opened: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://shop');
    const answer = (status: number, body: object, headers: Record<string, string> = {}): void => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    const signsIn = /^\/login\/(\d+)$/.exec(pathname);
    if (signsIn !== null) {
      const session = `s${signsIn[1]}-${'0123456789abcdef'.repeat(2)}`;
      users.set(session, Number(signsIn[1]));
      answer(200, { user: { id: Number(signsIn[1]) } }, { 'set-cookie': `session=${session}; HttpOnly` });
      return;
    }
    const user = users.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '');
    const order = (id: number) => ({ id, userId: (id - 1_000) % PEOPLE, total: 12 });
    if (user === undefined) answer(401, { error: 'sign in' });
    else if (pathname === '/orders') answer(200, { orders: Array.from({ length: ORDERS }, (_, turn) => order(orderOf(user, turn))) });
    else {
      opened.push(`${user} ${pathname}`);
      answer(200, order(Number(pathname.split('/')[2])));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, opened };
}

let made = 0;
const madeUp = (): string => `made-up-${++made}-${Math.random().toString(36).slice(2)}`;
const unsigned = (claims: object): string =>
  `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.x`;

/** What may come with `cookie`, the session of user 5 who opens what belongs to user 6. */
const ADDED: Readonly<Record<string, (cookie: string) => Record<string, string>>> = {
  nothing: (cookie) => ({ cookie }),
  'a made-up token': (cookie) => ({ cookie, authorization: `Bearer ${madeUp()}` }),
  'a token that names the owner': (cookie) => ({ cookie, authorization: `Bearer ${unsigned({ sub: '6' })}` }),
  'a made-up API key': (cookie) => ({ cookie, 'x-api-key': madeUp() }),
  'a made-up name and password': (cookie) => ({ cookie, authorization: `Basic ${Buffer.from(`${madeUp()}:x`).toString('base64')}` }),
  'a made-up session before it': (cookie) => ({ cookie: `a_session=${madeUp()}; ${cookie}` }),
};

t.test('nothing that is added to a session makes somebody else of who has it', async (t) => {
  const shop = await startShop(t);
  const running = await startWeir(t, ['--upstream', shop.url, '--mode', 'enforce']);
  const get = async (path: string, headers: Record<string, string>): Promise<number> => {
    const answer = await fetch(running.gateway + path, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  const sessions: string[] = [];
  for (let user = 0; user < PEOPLE; user++) {
    const answer = await fetch(`${running.gateway}/login/${user}`, { method: 'POST' });
    await answer.arrayBuffer();
    sessions.push(answer.headers.get('set-cookie')?.split(';')[0] ?? '');
  }
  const browse = async (): Promise<void> => {
    for (const [user, cookie] of sessions.entries()) {
      t.equal(await get('/orders', { cookie }), 200);
      for (let turn = 0; turn < ORDERS; turn++) t.equal(await get(`/orders/${orderOf(user, turn)}`, { cookie }), 200);
    }
  };
  await browse();
  await eventually(
    'it is learned whose orders are',
    async () => {
      await browse();
      return (await get(`/orders/${orderOf(6, 0)}`, { cookie: sessions[5] })) === 403;
    },
    30_000,
  );
  shop.opened.length = 0;
  for (const [what, added] of Object.entries(ADDED))
    for (let turn = 1; turn < ORDERS; turn++)
      t.equal(await get(`/orders/${orderOf(6, turn)}`, added(sessions[5])), 403, `${what}, ${turn}`);
  t.same(shop.opened, [], 'none of it reached the application');
  t.equal(await get(`/orders/${orderOf(5, 1)}`, ADDED['a made-up token'](sessions[5])), 200, 'what is their own they may open with it');
  t.equal(await get(`/orders/${orderOf(6, 1)}`, { cookie: sessions[6] }), 200, 'and whoever was named by it is not held back');

  const actors = await weir(t, ['actors', '--json', '--data', running.data]);
  const actor = (JSON.parse(actors.stdout) as { value: string; kind: string; score: number }[])
    .filter(({ kind }) => kind === 'principal')
    .sort((one, other) => other.score - one.score)[0];
  t.equal((await weir(t, ['block', 'add', actor.value, '--for', '5m', '--data', running.data])).code, 0);
  for (const [what, added] of Object.entries(ADDED))
    t.equal(await get(`/orders/${orderOf(5, 1)}`, added(sessions[5])), 403, `blocked, with ${what}`);
  t.equal(await get(`/orders/${orderOf(6, 1)}`, { cookie: sessions[6] }), 200);
});
