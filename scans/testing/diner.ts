import { exec } from 'node:child_process';
import { createHmac, createPublicKey, createSign, createVerify, generateKeyPairSync, timingSafeEqual } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import Database from 'libsql';
import { type Application, type Ask, HARDENED, Refused, serve } from './server.js';

interface Guest {
  readonly username: string;
  readonly password: string;
  first_name: string;
  last_name: string;
  phone_number: string;
  role: string;
  resetCode: string | null;
}

interface Order {
  readonly id: number;
  readonly username: string;
  readonly delivery_address: string;
  readonly phone_number: string;
  readonly final_price: number;
  readonly items: readonly object[];
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * A restaurant in the habits of FastAPI: a token from a form (`/token`), RS256 with a published key, `detail` for errors, plain "Internal Server Error"
 * without a word why, files by name, XML beside JSON. `secure` is the same without its flaws.
 */
export async function startDiner({ secure }: { readonly secure: boolean }): Promise<Application> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const folder = mkdtempSync(join(tmpdir(), 'diner-'));
  writeFileSync(join(folder, 'menu-spring.txt'), 'Soup of the day, 4.50\n');
  const database = new Database(':memory:');
  database.exec('CREATE TABLE dishes (id INTEGER PRIMARY KEY, name TEXT, price REAL, secret INTEGER)');
  for (const [index, name] of ['Soup', 'Bread', 'Fish', 'Staff meal'].entries())
    database.prepare('INSERT INTO dishes VALUES (?, ?, ?, ?)').run(index + 1, name, 4.5 + index, Number(name === 'Staff meal'));
  const guests: Guest[] = ['maya', 'noel', 'chef'].map((username, index) => ({
    username,
    password: `${username}-Kitchen9`,
    first_name: username,
    last_name: `Last${index}`,
    phone_number: `(505) 146-019${index}`,
    role: username === 'chef' ? 'Chef' : 'Customer',
    resetCode: null,
  }));
  let nextOrder = 41;
  const orders: Order[] = guests.flatMap(({ username, phone_number }, index) =>
    [0, 1].map(() => ({
      id: nextOrder++,
      username,
      delivery_address: `${index + 1} ${username} street`,
      phone_number,
      final_price: 10 + index,
      items: [{ menu_item_id: 1, quantity: 1 }],
    })),
  );
  const failures = new Map<string, number>();

  const fail = (status: number, detail: string): never => {
    throw new Refused({ status, body: { detail } });
  };
  const limited = (key: string): void => {
    failures.set(key, (failures.get(key) ?? 0) + 1);
    if (secure && failures.get(key)! > 5) fail(429, 'Too many attempts');
  };
  const issue = (username: string): string => {
    const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'diner-1' })}.${encode({ sub: username, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
  };
  const subjectOf = (token: string): string | null => {
    const [head = '', body = '', signature = ''] = token.split('.');
    try {
      const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: string };
      const given = Buffer.from(signature, 'base64url');
      // The old mistake: whatever algorithm the token names is used with the one key there is.
      const byHmac = createHmac('sha256', pem).update(`${head}.${body}`).digest();
      const isGood =
        alg === 'RS256'
          ? createVerify('RSA-SHA256').update(`${head}.${body}`).verify(publicKey, given)
          : !secure && alg === 'HS256' && given.length === byHmac.length && timingSafeEqual(given, byHmac);
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { sub: string; exp: number };
      return isGood && claims.exp * 1000 > Date.now() ? claims.sub : null;
    } catch {
      return null;
    }
  };
  const caller = (ask: Ask): Guest => {
    const subject = subjectOf(/^Bearer (.+)$/.exec(ask.headers.authorization ?? '')?.[1] ?? '');
    return guests.find(({ username }) => username === subject) ?? fail(401, 'Could not validate credentials');
  };
  const staff = (ask: Ask): Guest => {
    const guest = caller(ask);
    return secure && guest.role === 'Customer' ? fail(403, 'Not enough permissions') : guest;
  };
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : fail(422, 'field required'));
  const shown = ({ username, first_name, last_name, phone_number, role }: Guest) => ({
    username,
    first_name,
    last_name,
    phone_number,
    role,
  });
  const dish = (row: object | undefined) => row ?? fail(404, 'Menu item not found');

  return serve({
    always: () => (secure ? HARDENED : { 'x-powered-by': 'Python 3.10, FastAPI ^0.103.0' }),
    broken: () => ({ status: 500, headers: { 'content-type': 'text/plain' }, body: 'Internal Server Error' }),
    routes: [
      ['GET /healthcheck', () => ({ body: { ok: true } })],
      [
        'GET /.well-known/jwks.json',
        () => ({ body: { keys: [{ ...createPublicKey(pem).export({ format: 'jwk' }), kid: 'diner-1', use: 'sig', alg: 'RS256' }] } }),
      ],
      [
        'POST /token',
        (ask) => {
          const username = text(ask.body.username);
          limited(`token ${username}`);
          const guest = guests.find((one) => one.username === username);
          if (guest === undefined && !secure) fail(401, `No guest is called ${username}`);
          if (guest === undefined || guest.password !== ask.body.password) return fail(401, 'Incorrect username or password');
          failures.delete(`token ${username}`);
          return { body: { access_token: issue(username), token_type: 'bearer' } };
        },
      ],
      ['GET /profile', (ask) => ({ body: shown(caller(ask)) })],
      [
        'PATCH /profile',
        (ask) => {
          const guest = caller(ask);
          const { first_name, last_name, phone_number, role } = ask.body;
          Object.assign(
            guest,
            secure
              ? { first_name, last_name, phone_number }
              : { first_name, last_name, phone_number, ...(role === undefined ? {} : { role }) },
          );
          return { body: shown(guest) };
        },
      ],
      [
        'GET /whoami',
        (ask) => {
          const answer = shown(caller(ask));
          const callback = ask.query.get('callback');
          return !secure && callback !== null
            ? { headers: { 'content-type': 'application/javascript' }, body: `/**/ ${callback}(${JSON.stringify(answer)});` }
            : { body: answer };
        },
      ],
      ['GET /menu', () => ({ body: database.prepare('SELECT id, name, price FROM dishes WHERE secret = 0').all() })],
      [
        'GET /search',
        (ask) => {
          const name = ask.query.get('name') ?? '';
          return {
            body: secure
              ? database.prepare('SELECT id, name, price FROM dishes WHERE secret = 0 AND name LIKE ?').all(`%${name}%`)
              : database.prepare(`SELECT id, name, price FROM dishes WHERE secret = 0 AND name LIKE '%${name}%'`).all(),
          };
        },
      ],
      [
        'PUT /menu',
        async (ask) => {
          staff(ask);
          const url = text(ask.body.image_url);
          if (secure && new URL(url).hostname !== 'images.diner.test') fail(400, 'images come from images.diner.test');
          const image = secure
            ? ''
            : await fetch(url, { signal: AbortSignal.timeout(1500) })
                .then((answer) => answer.text())
                .catch(() => '');
          const { lastInsertRowid } = database
            .prepare('INSERT INTO dishes (name, price, secret) VALUES (?, ?, 0)')
            .run(text(ask.body.name), Number(ask.body.price));
          return {
            status: 201,
            body: { id: Number(lastInsertRowid), name: ask.body.name, image_base64: Buffer.from(image).toString('base64') },
          };
        },
      ],
      [
        'DELETE /menu/:',
        (ask) => {
          if (secure) staff(ask);
          const id = Number(ask.at[0]);
          dish(database.prepare('SELECT id FROM dishes WHERE id = ?').get(id) as object | undefined);
          database.prepare('DELETE FROM dishes WHERE id = ?').run(id);
          return { status: 204 };
        },
      ],
      ['GET /orders', (ask) => ({ body: orders.filter(({ username }) => username === caller(ask).username) })],
      [
        'POST /orders',
        (ask) => {
          const { username, phone_number } = caller(ask);
          const items = Array.isArray(ask.body.order_items) ? (ask.body.order_items as { quantity?: unknown }[]) : fail(422, 'order_items');
          if (secure && items.some(({ quantity }) => !Number.isInteger(quantity) || Number(quantity) < 1))
            fail(422, 'quantity must be positive');
          const final_price = items.reduce((sum, { quantity }) => sum + 4.5 * Number(quantity), 0);
          const order = { id: nextOrder++, username, delivery_address: text(ask.body.delivery_address), phone_number, final_price, items };
          orders.push(order);
          return { status: 201, body: order };
        },
      ],
      [
        'GET /orders/:',
        (ask) => {
          const guest = caller(ask);
          const order = orders.find(({ id }) => String(id) === ask.at[0]) ?? fail(404, 'Order not found');
          if (secure && order.username !== guest.username) fail(404, 'Order not found');
          return { body: order };
        },
      ],
      [
        'PUT /users/update_role',
        (ask) => {
          staff(ask);
          const guest = guests.find(({ username }) => username === ask.body.username) ?? fail(404, 'User not found');
          guest.role = text(ask.body.role);
          return { body: { username: guest.username, role: guest.role } };
        },
      ],
      [
        'POST /reset-password',
        (ask) => {
          const guest = guests.find(({ username }) => username === ask.body.username);
          if (secure) return { body: { detail: 'If the user exists, a code was sent' } };
          if (guest === undefined) return fail(404, 'Invalid username');
          guest.resetCode = '4711';
          return { body: { detail: 'PIN code sent to your phone number' } };
        },
      ],
      [
        'POST /reset-password/new-password',
        (ask) => {
          limited(`reset ${String(ask.body.username)}`);
          const guest = guests.find(({ username }) => username === ask.body.username);
          if (guest?.resetCode == null || guest.resetCode !== ask.body.reset_password_code) fail(400, 'Invalid reset password code');
          return { body: { detail: 'changed' } };
        },
      ],
      [
        'GET /admin/stats/disk',
        async (ask) => {
          staff(ask);
          const parameters = ask.query.get('parameters') ?? '';
          if (secure && !/^[\w/ -]*$/.test(parameters)) fail(400, 'parameters');
          const output = await new Promise<string>((resolve) =>
            exec(secure ? 'echo disk' : `echo disk ${parameters}`, { timeout: 12_000 }, (_error, out) => resolve(out)),
          );
          return { body: { output } };
        },
      ],
      [
        'GET /files/:',
        (ask) => {
          caller(ask);
          const name = secure ? basename(ask.at[0]!) : ask.at[0]!;
          try {
            return { headers: { 'content-type': 'text/plain' }, body: readFileSync(join(folder, name), 'utf8') };
          } catch {
            return fail(404, 'File not found');
          }
        },
      ],
      [
        'POST /import',
        (ask) => {
          caller(ask);
          if (!(ask.headers['content-type'] ?? '').includes('xml')) fail(415, 'XML only');
          const entity = /<!ENTITY\s+(\w+)\s+SYSTEM\s+"file:\/\/([^"]+)"/.exec(ask.text);
          if (secure && entity !== null) fail(400, 'no DOCTYPE');
          const plain = entity === null ? ask.text : ask.text.replaceAll(`&${entity[1]};`, readFileSync(entity[2]!, 'utf8'));
          const name = /<(\w+)>([^<]*)<\/\1>/.exec(plain)?.[2];
          return name === undefined ? fail(400, 'no dish') : { body: { imported: name } };
        },
      ],
    ],
  });
}

const json = (properties: object) => ({ content: { 'application/json': { schema: { type: 'object', properties } } } });
const text = (example: string) => ({ type: 'string', example });
const at = (place: 'path' | 'query', name: string, schema: object) => [{ name, in: place, required: true, schema }];
const open: readonly object[] = [];

export const DINER_DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Diner', version: '1' },
  components: {
    securitySchemes: { OAuth2PasswordBearer: { type: 'oauth2', flows: { password: { tokenUrl: '/token', scopes: {} } } } },
    schemas: {
      Item: {
        type: 'object',
        properties: { menu_item_id: { type: 'integer' }, quantity: { type: 'integer' } },
        required: ['menu_item_id'],
      },
    },
  },
  security: [{ OAuth2PasswordBearer: [] }],
  paths: {
    '/healthcheck': { get: { security: open } },
    '/token': {
      post: {
        security: open,
        requestBody: {
          content: {
            'application/x-www-form-urlencoded': {
              schema: { type: 'object', properties: { username: { type: 'string' }, password: { type: 'string' } } },
            },
          },
        },
      },
    },
    '/profile': { get: {}, patch: { requestBody: json({ first_name: text('A'), last_name: text('B'), phone_number: text('123') }) } },
    '/whoami': { get: {} },
    '/menu': {
      get: { security: open },
      put: {
        requestBody: json({
          name: { type: 'string' },
          price: { type: 'number' },
          image_url: { anyOf: [{ type: 'string', format: 'uri' }, { type: 'null' }] },
        }),
      },
    },
    '/menu/{item_id}': { delete: { parameters: at('path', 'item_id', { type: 'integer' }) } },
    '/search': { get: { security: open, parameters: at('query', 'name', { type: 'string' }) } },
    '/orders': {
      get: {},
      post: {
        requestBody: json({
          delivery_address: { type: 'string' },
          order_items: { type: 'array', items: { $ref: '#/components/schemas/Item' } },
        }),
      },
    },
    '/orders/{order_id}': { get: { parameters: at('path', 'order_id', { type: 'integer' }) } },
    '/users/update_role': { put: { requestBody: json({ username: { type: 'string' }, role: text('Customer') }) } },
    '/reset-password': { post: { security: open, requestBody: json({ username: { type: 'string' } }) } },
    '/reset-password/new-password': {
      post: {
        security: open,
        requestBody: json({ username: { type: 'string' }, reset_password_code: { type: 'string' }, new_password: { type: 'string' } }),
      },
    },
    '/admin/stats/disk': { get: { parameters: at('query', 'parameters', { type: 'string' }) } },
    '/files/{file_name}': { get: { parameters: at('path', 'file_name', text('menu-spring.txt')) } },
    '/import': {
      post: { requestBody: { content: { 'application/xml': { schema: { type: 'object', properties: { dish: { type: 'string' } } } } } } },
    },
  },
};

export const DINER_PEOPLE = ['maya', 'noel'].map((username) => ({
  name: username,
  role: 'user',
  kind: 'oauth2' as const,
  config: { tokenUrl: '/token', grantType: 'password', username, password: `${username}-Kitchen9` },
}));
