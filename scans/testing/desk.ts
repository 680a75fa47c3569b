import { exec } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Application, type Ask, claimsOf, HARDENED, issueJwt, Refused, serve } from './server.js';

interface Clerk {
  readonly uid: number;
  readonly login: string;
  readonly pwd: string;
  displayName: string;
  isAdmin: boolean;
  wallet: number;
}

/**
 * A desk for orders in the habits of Express without resources: one POST for each function (`order.get`), `{ ok, result }` around everything, a JWT in a
 * cookie that scripts cannot read, camelCase, a document database behind a search. `secure` is the same without its flaws.
 */
export async function startDesk({ secure }: { readonly secure: boolean }): Promise<Application> {
  const secret = secure ? 'k9dF7s0aQw3eR5tY7uI9oP1aS3dF5gH7' : 'secret';
  const folder = mkdtempSync(join(tmpdir(), 'desk-'));
  writeFileSync(join(folder, 'quarter.txt'), 'Quarter one: 12 orders\n');
  const clerks: Clerk[] = ['kim', 'lee', 'boss'].map((login, index) => ({
    uid: 900 + index * 11,
    login,
    pwd: `${login}Pw-77`,
    displayName: login,
    isAdmin: login === 'boss',
    wallet: 100,
  }));
  let nextOrder = 70_001;
  const orders = clerks.flatMap(({ uid, login }) =>
    [0, 1].map((round) => ({ orderId: nextOrder++, by: uid, sum: 12 + round, shipTo: `${login} lane`, isCancelled: false })),
  );
  const products = [1, 2, 3].map((productId) => ({ productId, label: `Chair ${productId}`, price: productId * 3 }));
  const notes = clerks.map(({ uid, login }, index) => ({ noteId: `n${40 + index}`, by: uid, text: `note of ${login}` }));
  const failures = new Map<string, number>();

  const fail = (status: number, message: string): never => {
    throw new Refused({ status, body: { ok: false, error: { message } } });
  };
  const done = (result: unknown) => ({ body: { ok: true, result } });
  const caller = (ask: Ask): Clerk => {
    const uid = claimsOf(ask.cookies.get('token') ?? '', secret)?.uid;
    return clerks.find((one) => one.uid === uid) ?? fail(401, 'login required');
  };
  const orderOf = (ask: Ask) => {
    const { uid } = caller(ask);
    const order = orders.find(({ orderId }) => orderId === ask.body.orderId);
    return order === undefined || (secure && order.by !== uid) ? fail(404, 'no such order') : order;
  };
  /** As a document database reads a filter: a value, or an operator. */
  const meets = (value: number, filter: unknown): boolean => {
    if (filter === null || typeof filter !== 'object') return String(value) === String(filter);
    return '$ne' in filter ? String(value) !== String(filter.$ne) : fail(500, 'unknown operator');
  };

  return serve({
    always: () => (secure ? HARDENED : { 'x-powered-by': 'Express' }),
    broken: (error) => ({ status: 500, body: secure ? { ok: false } : { ok: false, stack: error.stack } }),
    routes: [
      [
        'POST /rpc/login',
        (ask) => {
          const login = String(ask.body.login);
          failures.set(login, (failures.get(login) ?? 0) + 1);
          if (secure && failures.get(login)! > 5) fail(429, 'too many attempts');
          const clerk = clerks.find((one) => one.login === login && one.pwd === ask.body.pwd) ?? fail(403, 'bad login');
          failures.delete(login);
          const token = issueJwt({ uid: clerk.uid, exp: Math.floor(Date.now() / 1000) + 3600 }, secret);
          return { headers: { 'set-cookie': [`token=${token}; Path=/; HttpOnly; Secure; SameSite=Strict`] }, body: { ok: true } };
        },
      ],
      [
        'GET /rpc/session',
        (ask) => {
          const { uid, login } = caller(ask);
          return done({ uid, login });
        },
      ],
      [
        'POST /rpc/order.list',
        (ask) => {
          const { uid } = caller(ask);
          return done(orders.filter(({ by }) => by === uid).map(({ orderId, sum }) => ({ orderId, sum })));
        },
      ],
      ['POST /rpc/order.get', (ask) => done(orderOf(ask))],
      [
        'POST /rpc/order.cancel',
        (ask) => {
          const order = orderOf(ask);
          order.isCancelled = true;
          return done({ orderId: order.orderId, isCancelled: true });
        },
      ],
      [
        'POST /rpc/order.create',
        (ask) => {
          const { uid } = caller(ask);
          const count = Number(ask.body.count);
          if (secure && !(Number.isInteger(count) && count > 0)) fail(400, 'count');
          const order = { orderId: nextOrder++, by: uid, sum: count * 3, shipTo: '', isCancelled: false };
          orders.push(order);
          return done({ orderId: order.orderId, sum: order.sum });
        },
      ],
      [
        'POST /rpc/product.list',
        (ask) => {
          caller(ask);
          return done(products);
        },
      ],
      [
        'POST /rpc/product.get',
        (ask) => {
          caller(ask);
          return done(products.find(({ productId }) => productId === ask.body.productId) ?? fail(404, 'no such product'));
        },
      ],
      [
        'GET /rpc/user.get',
        (ask) => {
          const { uid } = caller(ask);
          const wanted = clerks.find((one) => String(one.uid) === ask.query.get('userId'));
          if (wanted === undefined || (secure && wanted.uid !== uid)) return fail(404, 'no such user');
          return done({ uid: wanted.uid, email: `${wanted.login}@desk.test`, phone: `555-${wanted.uid}` });
        },
      ],
      [
        'POST /rpc/profile.update',
        (ask) => {
          const clerk = caller(ask);
          const { displayName, isAdmin, wallet } = ask.body;
          if (typeof displayName === 'string') clerk.displayName = displayName;
          if (!secure && typeof isAdmin === 'boolean') clerk.isAdmin = isAdmin;
          if (!secure && typeof wallet === 'number') clerk.wallet = wallet;
          return done({ user: { uid: clerk.uid, displayName: clerk.displayName, isAdmin: clerk.isAdmin, wallet: clerk.wallet } });
        },
      ],
      [
        'POST /rpc/note.search',
        (ask) => {
          const { uid } = caller(ask);
          return done(notes.filter(({ by }) => (secure ? by === uid : meets(by, ask.body.owner ?? uid))));
        },
      ],
      [
        'GET /rpc/report.download',
        (ask) => {
          caller(ask);
          const file = ask.query.get('file') ?? '';
          if (secure && !/^[\w.-]+$/.test(file)) fail(400, 'file');
          try {
            return { headers: { 'content-type': 'text/plain' }, body: readFileSync(join(folder, file), 'utf8') };
          } catch {
            return fail(404, 'no such file');
          }
        },
      ],
      [
        'POST /rpc/ping',
        async (ask) => {
          caller(ask);
          const host = String(ask.body.host);
          if (secure && !/^[\w.-]+$/.test(host)) fail(400, 'host');
          const output = await new Promise<string>((resolve) =>
            exec(secure ? 'echo pong' : `echo pong ${host}`, { timeout: 12_000 }, (_error, out) => resolve(out)),
          );
          return done({ output });
        },
      ],
      [
        'PUT /rpc/avatar',
        async (ask) => {
          caller(ask);
          const url = String(ask.body.avatarUrl);
          if (!URL.canParse(url) || (secure && new URL(url).hostname !== 'images.desk.test')) fail(400, 'avatarUrl');
          const image = secure
            ? ''
            : await fetch(url, { signal: AbortSignal.timeout(1_500) })
                .then((answer) => answer.text())
                .catch(() => '');
          return done({ size: image.length });
        },
      ],
    ],
  });
}

const of = (properties: { readonly [name: string]: string } = {}) => ({
  requestBody: {
    content: {
      'application/json': {
        schema: { type: 'object', properties: Object.fromEntries(Object.entries(properties).map(([name, type]) => [name, { type }])) },
      },
    },
  },
});
const asked = (name: string, schema: object) => ({ get: { parameters: [{ name, in: 'query', required: true, schema }] } });

export const DESK_DOCUMENT = {
  openapi: '3.0.0',
  info: { title: 'Desk', version: '1' },
  components: { securitySchemes: { cookie: { type: 'apiKey', in: 'cookie', name: 'token' } } },
  security: [{ cookie: [] }],
  paths: {
    '/rpc/login': { post: { security: [], ...of({ login: 'string', pwd: 'string' }) } },
    '/rpc/session': { get: {} },
    '/rpc/order.list': { post: of() },
    '/rpc/order.get': { post: of({ orderId: 'integer' }) },
    '/rpc/order.cancel': { post: of({ orderId: 'integer' }) },
    '/rpc/order.create': { post: of({ count: 'integer' }) },
    '/rpc/product.list': { post: of() },
    '/rpc/product.get': { post: of({ productId: 'integer' }) },
    '/rpc/user.get': asked('userId', { type: 'integer' }),
    '/rpc/profile.update': { post: of({ displayName: 'string' }) },
    '/rpc/note.search': { post: of({ owner: 'string' }) },
    '/rpc/report.download': asked('file', { type: 'string', example: 'quarter.txt' }),
    '/rpc/ping': { post: of({ host: 'string' }) },
    '/rpc/avatar': { put: of({ avatarUrl: 'string' }) },
  },
};

export const DESK_PEOPLE = ['kim', 'lee'].map((login) => ({
  name: login,
  role: 'user',
  kind: 'login' as const,
  config: { path: '/rpc/login', body: { login, pwd: `${login}Pw-77` } },
}));
