import { createHash, randomBytes, randomUUID } from 'node:crypto';
import Database from 'libsql';
import { type Answer, type Application, type Ask, HARDENED, Refused, serve } from './server.js';

interface User {
  readonly id: number;
  readonly email: string;
  readonly account: string;
  password: string;
  name: string;
  role_id: number;
  admin: boolean;
}

interface Ticket {
  readonly id: number;
  readonly user: User;
  subject: string;
  state: string;
  readonly comments: { readonly id: number; readonly body: string }[];
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * A help desk in the habits of Rails and Laravel: addresses end in `.json`, bodies are wrapped or forms with brackets (`user[name]`), errors are 422 with lists by
 * field, opaque tokens (`3|Xy…`) go in `X-User-Token`, files have UUIDs in the query, lists are in `data` beside `meta`. `secure` is the same without its flaws.
 */
export async function startKiosk({ secure }: { readonly secure: boolean }): Promise<Application> {
  const users: User[] = ['omar', 'pia', 'quinn'].map((name, index) => ({
    id: 7 + index,
    email: `${name}@kiosk.test`,
    account: `AC${digest(name).slice(0, 8)}`,
    password: `${name}-Kiosk!5`,
    name,
    role_id: name === 'quinn' ? 1 : 3,
    admin: name === 'quinn',
  }));
  let last = 300;
  const next = () => ++last;
  const tickets: Ticket[] = users.flatMap((user) =>
    ['printer', 'screen'].map((what) => {
      const comments = [{ id: next(), body: `my ${what} at desk ${user.id} is broken` }];
      return { id: next(), user, subject: `${what} of ${user.name}`, state: 'open', comments };
    }),
  );
  const documents = users.map((user) => ({
    uuid: randomUUID(),
    user,
    file_name: `contract-${user.name}.txt`,
    text: `salary of ${user.name}: ${user.id}000`,
  }));
  const articles = ['Reset a router', 'Order paper'].map((title, index) => ({ id: index + 1, title, body: 'First, …', views: 10 }));
  const database = new Database(':memory:');
  database.exec('CREATE TABLE solutions (id INTEGER PRIMARY KEY, title TEXT, internal INTEGER)');
  for (const [index, title] of ['Paper jam', 'Blue screen', 'Master password'].entries())
    database.prepare('INSERT INTO solutions VALUES (?, ?, ?)').run(index + 1, title, Number(index === 2));
  const tokens = new Map<string, User>();
  const attempts = new Map<string, number>();

  const fail = (status: number, error: string): never => {
    throw new Refused({ status, body: { error } });
  };
  const invalid = (errors: { readonly [field: string]: readonly string[] }): never => {
    throw new Refused({ status: 422, body: { message: 'The given data was invalid.', errors } });
  };
  const caller = (ask: Ask): User =>
    tokens.get(String(ask.headers['x-user-token'] ?? '')) ?? fail(401, 'You need to sign in or sign up before continuing.');
  const admin = (ask: Ask): User => {
    const user = caller(ask);
    return user.admin || !secure ? user : fail(403, 'You are not authorized to access this page.');
  };
  const inside = (ask: Ask, name: string) =>
    (ask.body[name] ?? fail(400, `param is missing or the value is empty: ${name}`)) as { readonly [name: string]: unknown };
  const found = <T>(one: T | undefined): T => one ?? fail(404, 'Record not found');
  const own = <T extends { readonly user: User }>(one: T | undefined, user: User): T =>
    found(one === undefined || (secure && one.user !== user && !user.admin) ? undefined : one);
  const number = (text: string | undefined) => Number(text?.replace(/\.json$/, ''));
  const ticketOf = ({ user, comments, ...ticket }: Ticket) => ({ ...ticket, user_id: user.id, comments_count: comments.length });
  const userOf = ({ id, email, name, role_id, account, admin: isAdmin }: User) => ({ id, email, name, role_id, account, admin: isAdmin });
  const ticket = (ask: Ask) =>
    own(
      tickets.find(({ id }) => id === number(ask.at[0])),
      caller(ask),
    );
  const list = (all: readonly object[]): Answer => ({ body: { data: all, meta: { total: all.length, current_page: 1 } } });

  return serve({
    always: (ask) =>
      secure || ask.headers.origin === undefined
        ? HARDENED
        : { ...HARDENED, 'access-control-allow-origin': ask.headers.origin, 'access-control-allow-credentials': 'true' },
    broken: (error) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { error: 'Internal Server Error' } }
        : {
            status: 500,
            body: {
              status: 500,
              exception: `#<${error.name}: ${error.message}>`,
              traces: { 'Application Trace': [{ id: 0, trace: "app/controllers/tickets_controller.rb:21:in `update'" }] },
            },
          },
    missing: () => ({ status: 404, body: "<!doctype html><title>The page you were looking for doesn't exist (404)</title>" }),
    routes: [
      [
        'POST /api/v2/users/sign_in.json',
        (ask) => {
          const { email, password } = inside(ask, 'user');
          const key = String(email);
          attempts.set(key, (attempts.get(key) ?? 0) + 1);
          if (secure && attempts.get(key)! > 6) fail(429, 'Too many attempts');
          const user = users.find((one) => one.email === email);
          if (user === undefined) return fail(401, secure ? 'Invalid email or password.' : 'Not found in database.');
          if (user.password !== password) return fail(401, 'Invalid email or password.');
          attempts.delete(key);
          const token = `${user.id}|${randomBytes(20).toString('base64url')}`;
          tokens.set(token, user);
          return { body: { data: userOf(user), token } };
        },
      ],
      [
        'DELETE /api/v2/users/sign_out.json',
        (ask) => {
          caller(ask);
          if (secure) tokens.delete(String(ask.headers['x-user-token']));
          return { status: 204 };
        },
      ],
      [
        'POST /api/v2/users.json',
        (ask) => {
          const { email, password, name, role_id } = inside(ask, 'user');
          if (typeof email !== 'string' || typeof password !== 'string') return invalid({ email: ["can't be blank"] });
          if (users.some((one) => one.email === email)) invalid({ email: ['has already been taken'] });
          const role = !secure && Number.isInteger(role_id) ? Number(role_id) : 3;
          const user = {
            id: next(),
            email,
            account: `AC${digest(email).slice(0, 8)}`,
            password,
            name: String(name),
            role_id: role,
            admin: role === 1,
          };
          users.push(user);
          return { status: 201, body: { data: userOf(user) } };
        },
      ],
      [
        'POST /api/v2/passwords.json',
        (ask) => {
          const { email } = inside(ask, 'user');
          const user = users.find((one) => one.email === email);
          if (secure) return { status: 202, body: { message: 'If we know you, a letter is on its way.' } };
          if (user === undefined) return invalid({ email: ['not found'] });
          return { body: { message: 'Instructions sent.', reset_password_token: digest(`${user.email}${user.password}`).slice(0, 20) } };
        },
      ],
      ['GET /api/v2/profile.json', (ask) => ({ body: { data: userOf(caller(ask)) } })],
      [
        'PUT /api/v2/profile.json',
        (ask) => {
          const user = caller(ask);
          const form = Object.fromEntries(new URLSearchParams(ask.text));
          if (form['user[name]'] === undefined) return invalid({ name: ["can't be blank"] });
          user.name = form['user[name]'];
          if (!secure && form['user[admin]'] !== undefined) user.admin = form['user[admin]'] === 'true' || form['user[admin]'] === '1';
          return { body: { data: userOf(user) } };
        },
      ],
      [
        'GET /api/v2/agents.json',
        (ask) => {
          caller(ask);
          return list(
            users.map(({ id, name, email, password }) =>
              secure ? { id, name } : { id, name, email, encrypted_password: `$2a$12$${digest(password).slice(0, 53)}` },
            ),
          );
        },
      ],
      ['GET /api/v2/articles.json', () => list(articles)],
      ['GET /api/v2/articles/:', (ask) => ({ body: { data: found(articles.find(({ id }) => id === number(ask.at[0]))) } })],
      ['GET /api/v2/tickets.json', (ask) => list(tickets.filter(({ user }) => user === caller(ask)).map(ticketOf))],
      [
        'POST /api/v2/tickets.json',
        (ask) => {
          const user = caller(ask);
          const { subject } = inside(ask, 'ticket');
          if (typeof subject !== 'string') return invalid({ subject: ["can't be blank"] });
          const one = { id: next(), user, subject, state: 'open', comments: [] };
          tickets.push(one);
          return { status: 201, body: { data: ticketOf(one) } };
        },
      ],
      [
        'POST /api/v2/tickets/bulk_show.json',
        (ask) => {
          const user = caller(ask);
          const { ticket_ids } = ask.body;
          if (!Array.isArray(ticket_ids)) return invalid({ ticket_ids: ['must be a list'] });
          return list(tickets.filter((one) => ticket_ids.map(Number).includes(one.id) && (!secure || one.user === user)).map(ticketOf));
        },
      ],
      ['GET /api/v2/tickets/:', (ask) => ({ body: { data: ticketOf(ticket(ask)) } })],
      [
        'PUT /api/v2/tickets/:',
        (ask) => {
          const one = ticket(ask);
          const { subject, state } = inside(ask, 'ticket');
          if (typeof subject === 'string') one.subject = subject;
          if (!secure && typeof state === 'string') one.state = state;
          return { body: { data: ticketOf(one) } };
        },
      ],
      [
        'DELETE /api/v2/tickets/:',
        (ask) => {
          tickets.splice(tickets.indexOf(ticket(ask)), 1);
          return { status: 204 };
        },
      ],
      ['GET /api/v2/tickets/:/comments.json', (ask) => list(ticket(ask).comments)],
      [
        'GET /api/v1/tickets/:',
        (ask) => {
          if (secure) return fail(410, 'This version is gone.');
          return { body: { data: ticketOf(found(tickets.find(({ id }) => id === number(ask.at[0])))) } };
        },
      ],
      [
        'GET /api/v2/documents.json',
        (ask) => list(documents.filter(({ user }) => user === caller(ask)).map(({ uuid, file_name }) => ({ uuid, file_name }))),
      ],
      [
        'GET /api/v2/documents/download',
        (ask) => {
          const one = own(
            documents.find(({ uuid }) => uuid === ask.query.get('uuid')),
            caller(ask),
          );
          return { headers: { 'content-type': 'text/plain' }, body: one.text };
        },
      ],
      [
        'GET /api/v2/usage.json',
        (ask) => {
          const user = caller(ask);
          const payer = found(users.find(({ account }) => account === ask.headers['x-account']));
          if (secure && payer !== user) fail(404, 'Record not found');
          return { body: { data: { account: payer.account, seats: 4, invoice_total: payer.id * 99, card_last4: `10${payer.id}0` } } };
        },
      ],
      [
        'GET /api/v2/solutions.json',
        (ask) => {
          caller(ask);
          const title = ask.query.get('q[title_cont]') ?? '';
          if (secure)
            return list(
              database.prepare('SELECT id, title FROM solutions WHERE internal = 0 AND title LIKE ?').all(`%${title}%`) as object[],
            );
          try {
            return list(
              database.prepare(`SELECT id, title FROM solutions WHERE internal = 0 AND title LIKE '%${title}%'`).all() as object[],
            );
          } catch {
            return list([]);
          }
        },
      ],
      [
        'GET /api/v2/attachments',
        (ask) => {
          caller(ask);
          const path = ask.query.get('path') ?? '';
          if (!secure && /(^|\/)\.\.\/.*etc\/passwd$/.test(path))
            return { headers: { 'content-type': 'text/plain' }, body: 'root:x:0:0:root:/root:/bin/bash\n' };
          return path === 'logo.png' ? { headers: { 'content-type': 'image/png' }, body: 'PNG' } : fail(404, 'Record not found');
        },
      ],
      [
        'POST /api/v2/thumbnails.json',
        (ask) => {
          caller(ask);
          const name = String(inside(ask, 'image').file_name);
          if (secure && !/^[\w.-]+$/.test(name)) return invalid({ file_name: ['is invalid'] });
          return { body: { data: { log: `convert ${name}\n${shell(name)}` } } };
        },
      ],
      ['GET /api/v2/admin/users.json', (ask) => list((secure ? [admin(ask)] : [null]).length > 0 ? users.map(userOf) : [])],
    ],
  });
}

/** What a shell makes of `; echo word$((a*b))` behind a name. */
const shell = (command: string) => {
  const [, word = '', a = '', b = ''] = /(?:;|\|\|?|&&?|\n)\s*echo (\w*)\$\(\((\d+)\*(\d+)\)\)/.exec(command) ?? [];
  return a === '' ? '' : `${word}${Number(a) * Number(b)}`;
};

const text = { type: 'string' };
const inObject = (properties: object) => ({ type: 'object', properties });
const body = (properties: object, type = 'application/json') => ({
  requestBody: { content: { [type]: { schema: inObject(properties) } } },
});
const at = (place: string, name: string, schema: object = text) => [{ name, in: place, required: place === 'path', schema }];
const integer = { type: 'integer' };
const open = { security: [] };

export const KIOSK_DOCUMENT = {
  openapi: '3.0.1',
  info: { title: 'kiosk', version: '2' },
  components: { securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-User-Token' } } },
  security: [{ token: [] }],
  servers: [{ url: '/api/v2' }],
  paths: {
    '/users/sign_in.json': { post: { ...open, ...body({ user: inObject({ email: text, password: text }) }) } },
    '/users/sign_out.json': { delete: {} },
    '/users.json': { post: { ...open, ...body({ user: inObject({ email: text, password: text, name: text }) }) } },
    '/passwords.json': { post: { ...open, ...body({ user: inObject({ email: text }) }) } },
    '/profile.json': { get: {}, put: body({ user: inObject({ name: text }) }, 'application/x-www-form-urlencoded') },
    '/agents.json': { get: {} },
    '/articles.json': { get: open },
    '/articles/{id}.json': { get: { ...open, parameters: at('path', 'id', integer) } },
    '/tickets.json': { get: {}, post: body({ ticket: inObject({ subject: text }) }) },
    '/tickets/bulk_show.json': { post: body({ ticket_ids: { type: 'array', items: integer } }) },
    '/tickets/{id}.json': {
      parameters: at('path', 'id', integer),
      get: {},
      put: body({ ticket: inObject({ subject: text }) }),
      delete: {},
    },
    '/tickets/{ticket_id}/comments.json': { get: { parameters: at('path', 'ticket_id', integer) } },
    '/documents.json': { get: {} },
    '/documents/download': { get: { parameters: at('query', 'uuid', { ...text, format: 'uuid' }) } },
    '/usage.json': { get: { parameters: at('header', 'X-Account') } },
    '/solutions.json': { get: { parameters: at('query', 'q[title_cont]', { ...text, example: 'jam' }) } },
    '/attachments': { get: { parameters: at('query', 'path', { ...text, example: 'logo.png' }) } },
    '/thumbnails.json': { post: body({ image: inObject({ file_name: { ...text, example: 'a.png' } }) }) },
    '/admin/users.json': { get: {} },
  },
};

export const KIOSK_PEOPLE = ['omar', 'pia'].map((name) => ({
  name,
  role: 'user',
  kind: 'login' as const,
  config: { path: '/api/v2/users/sign_in.json', body: { user: { email: `${name}@kiosk.test`, password: `${name}-Kiosk!5` } } },
}));
