/**
 * Ways around ownership, through the real program, before an application that reads ids as leniently as applications do: what may be added to a session to be taken
 * for somebody else, and other spellings of an id.
 */
import { createServer, request as requestOf } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { eventually, startWeir, weir } from './support/processes.js';

t.setTimeout(120_000);

const PEOPLE = 24;
const ORDERS = 4;
const orderOf = (user: number, turn: number): number => 1_000 + turn * PEOPLE + user;

/** Escapes, dot segments, parameters, capitals and digits of other scripts: taken as some server or other takes them. */
function readLeniently(target: string): string {
  let path = new URL(target, 'http://shop').pathname;
  for (let times = 0; times < 2; times++) path = new URL(decodeURIComponent(path), 'http://shop').pathname;
  return decodeURIComponent(path)
    .normalize('NFKC')
    .toLowerCase()
    .replace(/;[^/]*/g, '')
    .replace(/\/+/g, '/')
    .replace(/\/$/, '');
}

/** Anybody who is signed in opens anybody's orders. */
async function startShop(t: Test): Promise<{ readonly url: string; readonly opened: string[] }> {
  const users = new Map<string, number>();
  const opened: string[] = [];
  const server = createServer((request, response) => {
    const pathname = readLeniently(request.url ?? '/');
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
      const spelled = pathname.split('/')[2];
      const id = Number.isNaN(Number(spelled)) ? Number.parseInt(spelled, 10) : Number(spelled);
      opened.push(`${request.method} ${request.url} by ${user}`);
      answer(200, request.method === 'PUT' ? { ok: true } : order(id));
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

/** ID: the number of an order. */
const SPELLED = [
  '/orders/ID',
  '/orders/0ID',
  '/orders/000ID',
  '/orders/+ID',
  '/orders/%2BID',
  '/orders/%20ID',
  '/orders/ID%20',
  '/orders/ID%09',
  '/orders/ID.0',
  '/orders/ID.json',
  '/orders/IDabc',
  '/orders/ID;x=1',
  '/orders/ID%3Bx',
  '/orders/ID/',
  '/orders/./ID',
  '/orders/x/../ID',
  '/orders/x/%2e%2e/ID',
  '/orders/x%2f..%2fID',
  '/orders/HEX',
  '/orders/FULL',
  '/orders/DIGITS',
  '/ORDERS/ID',
  '/orders//ID',
  '/%6frders/ID',
];
const spell = (form: string, id: number): string =>
  form
    .replace('ID', String(id))
    .replace('HEX', `0x${id.toString(16)}`)
    .replace('FULL', encodeURIComponent(String(id).replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)))))
    .replace(
      'DIGITS',
      String(id).replace(/\d/g, (digit) => `%3${digit}`),
    );

/** The shop, after everybody has opened what is theirs, and until others' orders are refused. */
async function learned(t: Test) {
  const shop = await startShop(t);
  const running = await startWeir(t, ['--upstream', shop.url, '--mode', 'enforce']);
  const { hostname, port } = new URL(running.gateway);
  /** The path goes as it is written. */
  const send = (method: string, path: string, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = requestOf({ hostname, port, method, path, headers }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject);
      sent.end();
    });
  const sessions: string[] = [];
  for (let user = 0; user < PEOPLE; user++) {
    const answer = await fetch(`${running.gateway}/login/${user}`, { method: 'POST' });
    await answer.arrayBuffer();
    sessions.push(answer.headers.get('set-cookie')?.split(';')[0] ?? '');
  }
  const browse = async (): Promise<void> => {
    for (const [user, cookie] of sessions.entries()) {
      t.equal(await send('GET', '/orders', { cookie }), 200);
      for (let turn = 0; turn < ORDERS; turn++)
        for (const method of ['GET', 'PUT']) t.equal(await send(method, `/orders/${orderOf(user, turn)}`, { cookie }), 200);
    }
  };
  await browse();
  await eventually(
    'it is learned whose orders are',
    async () => {
      await browse();
      const theirs = `/orders/${orderOf(9, 0)}`;
      return (await send('GET', theirs, { cookie: sessions[8] })) === 403 && (await send('PUT', theirs, { cookie: sessions[8] })) === 403;
    },
    30_000,
  );
  shop.opened.length = 0;
  return { shop, running, send, sessions };
}

t.test('nothing that is added to a session makes somebody else of who has it', async (t) => {
  const { shop, running, send, sessions } = await learned(t);
  const get = (path: string, headers: Record<string, string>): Promise<number> => send('GET', path, headers);
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

t.test('however an id is written, it is that of the same order', async (t) => {
  const { shop, send, sessions } = await learned(t);
  const theirs = orderOf(6, 2);
  for (const method of ['PUT', 'GET'])
    for (const form of SPELLED) {
      const path = spell(form, theirs);
      t.equal(await send(method, path, { cookie: sessions[5] }), 403, `${method} ${path}`);
    }
  t.same(
    shop.opened.filter((one) => one.startsWith('PUT')),
    [],
    'no write reached the application',
  );
  for (const method of ['PUT', 'GET']) {
    t.equal(await send(method, `/orders/${theirs}`, { cookie: sessions[6] }), 200, 'whose it is opens it');
    t.equal(await send(method, `/orders/0${orderOf(5, 2)}`, { cookie: sessions[5] }), 200, 'and others theirs, however they write it');
  }
});
