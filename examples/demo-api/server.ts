/**
 * A small multi-user shop with real login, and flaws on purpose: FLAWS.md lists them. `secure: true` is the same shop without the flaws.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { packageRoot } from '../../exchange/index.js';
import { type Order, openShop, type Shop, type User } from './shop.js';
import { acceptToken, issueToken } from './tokens.js';

const INVOICES = path.join(packageRoot(), 'examples', 'demo-api', 'invoices');

type Query = Record<string, string | undefined>;

interface Caller {
  readonly id: number;
  readonly role: string;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function buildDemoApi({ secure = false }: { readonly secure?: boolean } = {}): FastifyInstance {
  const shop = openShop();
  const revoked = new Set<string>();
  const app = Fastify({ logger: false });
  const failures = new Map<string, number>();

  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error instanceof Refused ? error.status : (error.statusCode ?? 500);
    if (secure || error instanceof Refused) return reply.code(status).send({ error: status === 500 ? 'internal error' : error.message });
    return reply.code(status).send({ error: error.message, stack: error.stack });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));

  app.addHook('onSend', async (request, reply) => {
    const origin = request.headers.origin;
    if (secure) {
      reply.headers({
        'x-content-type-options': 'nosniff',
        'strict-transport-security': 'max-age=31536000',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'",
        'x-frame-options': 'DENY',
      });
    } else {
      reply.header('x-powered-by', 'DemoShop/1.3.2');
      if (origin !== undefined) reply.headers({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' });
    }
  });

  const bearer = (request: FastifyRequest) => /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null;
  const callerOf = (request: FastifyRequest): Caller => {
    const token = bearer(request);
    const claims = token === null ? null : acceptToken(token, Date.now(), secure);
    if (claims === null || token === null || (secure && revoked.has(token))) throw new Refused(401, 'sign in first');
    const user = shop.users.get(Number(claims.sub));
    if (user === undefined) throw new Refused(401, 'sign in first');
    return { id: user.id, role: secure ? user.role : claims.role };
  };
  const must = (allowed: boolean) => {
    if (!allowed) throw new Refused(403, 'not yours');
  };
  const found = <T>(one: T | undefined): T => {
    if (one === undefined) throw new Refused(404, 'not found');
    return one;
  };
  const idOf = (request: FastifyRequest) => Number((request.params as { id: string }).id);
  const isStaff = (caller: Caller) => caller.role !== 'customer';
  const ownOrder = (request: FastifyRequest): Order => {
    const caller = callerOf(request);
    const order = found(shop.orders.get(idOf(request)));
    if (secure) must(order.userId === caller.id || isStaff(caller));
    return order;
  };

  app.get('/health', async () => ({ ok: true }));

  app.post('/api/login', async (request, reply) => {
    const { username, password } = (request.body ?? {}) as Partial<Record<'username' | 'password', string>>;
    if (secure && (failures.get(username ?? '') ?? 0) >= 5)
      return reply.code(429).header('retry-after', '60').send({ error: 'too many attempts' });
    const user = [...shop.users.values()].find((one) => one.username === username && one.password === password);
    if (user === undefined) {
      failures.set(username ?? '', (failures.get(username ?? '') ?? 0) + 1);
      throw new Refused(401, 'wrong name or password');
    }
    failures.delete(user.username);
    return { token: issueToken(user, Date.now()), user: { id: user.id, username: user.username, role: user.role } };
  });
  app.post('/api/logout', async (request) => {
    callerOf(request);
    revoked.add(bearer(request) ?? '');
    return { ok: true };
  });
  app.post('/api/register', async (request, reply) => {
    const { username, password } = (request.body ?? {}) as Partial<Record<'username' | 'password', string>>;
    if (!username || !password || [...shop.users.values()].some((one) => one.username === username))
      throw new Refused(400, 'choose another name');
    const id = shop.nextId();
    const user: User = {
      id,
      username,
      password,
      fullName: username,
      email: `${username}@example.com`,
      phone: '',
      role: 'customer',
      ssn: '',
      credit: 0,
      apiKey: randomBytes(16).toString('hex'),
    };
    shop.users.set(id, user);
    return reply.code(201).send({ token: issueToken(user, Date.now()), user: { id, username, role: user.role } });
  });

  registerProfile(app, shop, secure, callerOf);
  registerCatalogue(app, shop, secure);

  app.get('/api/orders', async (request) => {
    const caller = callerOf(request);
    return { orders: [...shop.orders.values()].filter((order) => order.userId === caller.id) };
  });
  app.post('/api/orders', async (request, reply) => {
    const caller = callerOf(request);
    const { productId = 1, quantity = 1 } = (request.body ?? {}) as { productId?: number; quantity?: number };
    if (secure && (!Number.isInteger(quantity) || quantity < 1 || quantity > 100)) throw new Refused(400, 'quantity must be 1 to 100');
    const product = shop.products.prepare('SELECT price_cents FROM products WHERE id = ? AND hidden = 0').get(productId) as
      | { price_cents: number }
      | undefined;
    const priceCents = found(product).price_cents;
    const order: Order = {
      id: shop.nextId(),
      userId: caller.id,
      items: [{ productId, quantity, priceCents }],
      status: 'open',
      address: '',
      totalCents: priceCents * quantity,
    };
    shop.orders.set(order.id, order);
    return reply.code(201).send(order);
  });
  app.get('/api/orders/:id', async (request) => ownOrder(request));
  app.put('/api/orders/:id/address', async (request) => {
    const order = ownOrder(request);
    order.address = String((request.body as { address?: string } | null)?.address ?? '').slice(0, 200);
    return order;
  });
  app.delete('/api/orders/:id', async (request, reply) => {
    const order = ownOrder(request);
    order.status = 'cancelled';
    return reply.code(204).send();
  });
  app.get('/api/users/:id/addresses', async (request) => {
    const caller = callerOf(request);
    if (secure) must(caller.id === idOf(request) || isStaff(caller));
    return { addresses: [...shop.addresses.values()].filter((address) => address.userId === idOf(request)) };
  });
  // The version before authentication was invented; it should be gone.
  if (!secure) app.get('/api/v0/orders/:id', async (request) => found(shop.orders.get(idOf(request))));

  app.get('/api/admin/users', async (request) => {
    if (secure) must(callerOf(request).role === 'admin');
    return {
      users: [...shop.users.values()].map((user) => ({ id: user.id, username: user.username, email: user.email, role: user.role })),
    };
  });
  app.get('/api/admin/coupons', async (request) => {
    must(callerOf(request).role === 'admin' || !secure);
    return { coupons: [...shop.coupons.values()] };
  });
  app.delete('/api/admin/coupons/:id', async (request, reply) => {
    const caller = callerOf(request);
    if (secure) must(caller.role === 'admin');
    shop.coupons.delete(idOf(request));
    return reply.code(204).send();
  });
  app.post('/api/webhooks/test', async (request, reply) => fetchForCaller(request, reply, secure, callerOf));
  app.get('/api/invoices', async (request, reply) => {
    callerOf(request);
    const name = String((request.query as Query).file ?? 'invoice-1001.txt');
    if (secure && !/^invoice-\d+\.txt$/.test(name)) throw new Refused(400, 'no such invoice');
    const text = await readFile(path.join(INVOICES, name), 'utf8').catch(() => null);
    if (text === null) throw new Refused(404, 'no such invoice');
    return reply.type('text/plain').send(text);
  });
  if (!secure)
    app.get('/debug/config', async () => ({
      environment: 'production',
      database: 'postgres://shop:hunter2-demo@db.internal:5432/shop',
      build: '1.3.2',
    }));
  return app;
}

function registerProfile(app: FastifyInstance, shop: Shop, secure: boolean, callerOf: (request: FastifyRequest) => Caller): void {
  const view = (user: User) => {
    const { password: _password, apiKey, ssn, ...open } = user;
    return secure ? open : { ...open, ssn, apiKey };
  };
  const me = (request: FastifyRequest) => shop.users.get(callerOf(request).id) as User;
  app.get('/api/profile', async (request) => view(me(request)));
  app.patch('/api/profile', async (request) => {
    const user = me(request);
    const body = (request.body ?? {}) as Partial<User>;
    const allowed: (keyof User)[] = secure ? ['fullName', 'email', 'phone'] : ['fullName', 'email', 'phone', 'role', 'credit'];
    for (const name of allowed) if (body[name] !== undefined) Object.assign(user, { [name]: body[name] });
    return view(user);
  });
}

function registerCatalogue(app: FastifyInstance, shop: Shop, secure: boolean): void {
  app.get('/api/products', async (request) => {
    const asked = Number((request.query as Query).limit ?? 10);
    const limit = secure ? Math.min(50, Math.max(1, asked || 10)) : asked;
    const rows = shop.products.prepare('SELECT id, name, price_cents AS priceCents FROM products WHERE hidden = 0').all() as object[];
    const repeated = secure ? rows : Array.from({ length: Math.min(limit, 20_000) }, (_, index) => rows[index % rows.length]);
    return { products: repeated.slice(0, limit) };
  });
  app.get('/api/products/search', async (request) => {
    const words = String((request.query as Query).q ?? '');
    if (secure)
      return { products: shop.products.prepare("SELECT id, name FROM products WHERE hidden = 0 AND name LIKE '%' || ? || '%'").all(words) };
    return { products: shop.products.prepare(`SELECT id, name FROM products WHERE hidden = 0 AND name LIKE '%${words}%'`).all() };
  });
  app.get('/api/products/:id', async (request, reply) => {
    const row = shop.products
      .prepare('SELECT id, name, price_cents AS priceCents FROM products WHERE id = ? AND hidden = 0')
      .get(Number((request.params as { id: string }).id));
    return row ?? reply.code(404).send({ error: 'not found' });
  });
}

async function fetchForCaller(
  request: FastifyRequest,
  reply: FastifyReply,
  secure: boolean,
  callerOf: (request: FastifyRequest) => Caller,
): Promise<unknown> {
  callerOf(request);
  const { url } = (request.body ?? {}) as { url?: string };
  if (typeof url !== 'string' || !URL.canParse(url)) throw new Refused(400, 'url is missing');
  if (secure) throw new Refused(400, 'only registered hosts');
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000), redirect: 'follow' });
    return await reply.send({ status: answer.status, body: (await answer.text()).slice(0, 2000) });
  } catch (error) {
    return reply.code(502).send({ error: `could not fetch: ${error instanceof Error ? error.message : 'unknown'}` });
  }
}
