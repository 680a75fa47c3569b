import Database from 'libsql';
import { type Application, type Ask, claimsOf, HARDENED, issueJwt, Refused, serve } from './server.js';

interface Reader {
  username: string;
  email: string;
  password: string;
  admin: boolean;
}

/**
 * A library of secrets in the habits of small Flask services: names as ids, `auth_token` from a JSON login, tokens that live a few seconds, snake_case,
 * errors as HTML pages of the debugger, SQLite behind text. `secure` is the same without its flaws.
 */
export async function startBooks({
  secure,
  tokenSeconds = 60,
}: {
  readonly secure: boolean;
  readonly tokenSeconds?: number;
}): Promise<Application> {
  const secret = secure ? 'c0b3e9bb5c3a4b6f9f0dd2c8d9f4f7aa' : 'random';
  const database = new Database(':memory:');
  database.exec('CREATE TABLE users (username TEXT PRIMARY KEY, email TEXT, password TEXT, admin INTEGER)');
  const add = database.prepare('INSERT INTO users VALUES (?, ?, ?, ?)');
  const books = new Map<string, { secret: string; owner: string }>();
  for (const [index, name] of ['name1', 'name2', 'name3'].entries()) {
    add.run(name, `mail${index + 1}@mail.com`, `pass${index + 1}`, 0);
    books.set(`bookTitle${17 + index * 31}`, { secret: `secret for bookTitle${17 + index * 31}`, owner: name });
  }
  add.run('admin', 'admin@mail.com', 'pass-of-admin', 1);
  const view = (row: { username: string; email: string; password: string; admin: number }): Reader => ({ ...row, admin: row.admin === 1 });
  const all = () =>
    (database.prepare('SELECT * FROM users').all() as { username: string; email: string; password: string; admin: number }[]).map(view);
  const failures = new Map<string, number>();

  const fail = (status: number, message: string): never => {
    throw new Refused({ status, body: { status: 'fail', message } });
  };
  const caller = (ask: Ask): Reader => {
    const token = /^Bearer (.+)$/.exec(ask.headers.authorization ?? '')?.[1];
    const claims = token === undefined ? null : claimsOf(token, secret);
    return (
      (claims === null ? undefined : all().find((one) => one.username === claims.sub)) ?? fail(401, 'Invalid token. Please log in again.')
    );
  };
  const lookup = (name: string): Reader | undefined => {
    if (secure) return all().find((one) => one.username === name);
    const row = database.prepare(`SELECT * FROM users WHERE username = '${name}'`).get() as Parameters<typeof view>[0] | undefined;
    return row === undefined ? undefined : view(row);
  };
  const text = (value: unknown) => (typeof value === 'string' ? value : fail(400, 'a text is missing'));

  return serve({
    always: () => (secure ? HARDENED : { server: 'Werkzeug/2.2.3 Python/3.11.9' }),
    broken: (error, ask) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { status: 'fail', message: 'Internal error' } }
        : {
            status: 500,
            body: `<!doctype html><title>${error.message} // Werkzeug Debugger</title><pre>Traceback (most recent call last):\n  File "/vampi/api_views/users.py", line 42, in ${ask.method}\nsqlalchemy.exc.OperationalError: (sqlite3.OperationalError) ${error.message}</pre>`,
          },
    routes: [
      ['GET /', () => ({ body: { message: 'Library', help: 'see the documentation' } })],
      [
        'GET /me',
        (ask) => {
          const { username, email, admin } = caller(ask);
          return { body: { status: 'success', data: { username, email, admin } } };
        },
      ],
      ['GET /users/v1', () => ({ body: { users: all().map(({ username, email }) => ({ username, email })) } })],
      ['GET /users/v1/_debug', () => (secure ? fail(404, 'User not found') : { body: { users: all() } })],
      [
        'POST /users/v1/register',
        (ask) => {
          const [username, password, email] = [text(ask.body.username), text(ask.body.password), text(ask.body.email)];
          if (all().some((one) => one.username === username)) fail(400, 'User already exists. Please Log in.');
          add.run(username, email, password, !secure && ask.body.admin === true ? 1 : 0);
          return { body: { status: 'success', message: 'Successfully registered. Login to receive an auth token.' } };
        },
      ],
      [
        'POST /users/v1/login',
        (ask) => {
          const [username, password] = [text(ask.body.username), text(ask.body.password)];
          if (secure && (failures.get(username) ?? 0) >= 5)
            throw new Refused({ status: 429, body: { status: 'fail', message: 'Too many attempts.' } });
          const user = all().find((one) => one.username === username);
          if (user === undefined || user.password !== password) {
            failures.set(username, (failures.get(username) ?? 0) + 1);
            return fail(
              secure ? 401 : 200,
              secure
                ? 'Username or Password Incorrect!'
                : user === undefined
                  ? 'Username does not exist'
                  : 'Password is not correct for the given username.',
            );
          }
          const nowS = Math.floor(Date.now() / 1000);
          return {
            body: {
              status: 'success',
              message: 'Successfully logged in.',
              auth_token: issueJwt({ sub: username, iat: nowS, exp: nowS + tokenSeconds }, secret),
            },
          };
        },
      ],
      [
        'GET /users/v1/:',
        (ask) => {
          const found = lookup(ask.at[0]!);
          return found === undefined ? fail(404, 'User not found') : { body: { username: found.username, email: found.email } };
        },
      ],
      [
        'DELETE /users/v1/:',
        (ask) => {
          if (!caller(ask).admin) fail(401, 'Only Admins may delete users!');
          database.prepare('DELETE FROM users WHERE username = ?').run(ask.at[0]!);
          return { body: { status: 'success', message: 'User deleted.' } };
        },
      ],
      [
        'PUT /users/v1/:/email',
        (ask) => {
          const user = caller(ask);
          if (secure && ask.at[0] !== user.username) fail(403, 'Not yours.');
          const email = text(ask.body.email);
          const pattern = secure
            ? /^[\w.-]{1,64}@[\w-]{1,64}(\.[\w-]{1,64}){1,4}$/
            : /^([0-9a-zA-Z]([-.\w]*[0-9a-zA-Z])*@[0-9a-zA-Z][-\w]*[0-9a-zA-Z]\.)+[a-zA-Z]{2,9}$/;
          if (!pattern.test(email)) fail(400, 'Please Provide a valid email address.');
          database.prepare('UPDATE users SET email = ? WHERE username = ?').run(email, user.username);
          return { status: 204 };
        },
      ],
      [
        'PUT /users/v1/:/password',
        (ask) => {
          const user = caller(ask);
          if (secure && ask.at[0] !== user.username) fail(403, 'Not yours.');
          if (!all().some((one) => one.username === ask.at[0])) fail(400, 'User Not Found');
          database.prepare('UPDATE users SET password = ? WHERE username = ?').run(text(ask.body.password), ask.at[0]!);
          return { status: 204 };
        },
      ],
      ['GET /books/v1', () => ({ body: { Books: [...books].map(([book_title, { owner }]) => ({ book_title, user: owner })) } })],
      [
        'POST /books/v1',
        (ask) => {
          const { username } = caller(ask);
          const [title, hidden] = [text(ask.body.book_title), text(ask.body.secret)];
          if (books.has(title)) fail(400, 'Book Already exists!');
          books.set(title, { secret: hidden, owner: username });
          return { body: { status: 'success', message: 'Book has been added.' } };
        },
      ],
      [
        'GET /books/v1/:',
        (ask) => {
          const { username } = caller(ask);
          const book = books.get(ask.at[0]!);
          if (book === undefined || (secure && book.owner !== username)) return fail(404, 'Book not found!');
          return { body: { book_title: ask.at[0], secret: book.secret, owner: book.owner } };
        },
      ],
    ],
  });
}

const object = (properties: object) => ({ content: { 'application/json': { schema: { type: 'object', properties } } } });
const example = (value: string) => ({ type: 'string', example: value });
const inPath = (name: string, value: string) => [{ name, in: 'path', required: true, schema: { type: 'string' }, example: value }];
const bearer = [{ bearerAuth: [] }];

/** Its API description, as such services ship it. */
export const BOOKS_DOCUMENT = {
  openapi: '3.0.1',
  info: { title: 'Books', version: '0.1' },
  components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/me': { get: { security: bearer } },
    '/users/v1': { get: {} },
    '/users/v1/_debug': { get: {} },
    '/users/v1/register': {
      post: { requestBody: object({ username: example('name1'), password: example('pass1'), email: example('user@tempmail.com') }) },
    },
    '/users/v1/login': { post: { requestBody: object({ username: example('name1'), password: example('pass1') }) } },
    '/users/v1/{username}': {
      get: { parameters: inPath('username', 'name1') },
      delete: { parameters: inPath('username', 'name1'), security: bearer },
    },
    '/users/v1/{username}/email': {
      put: { parameters: inPath('username', 'name1'), requestBody: object({ email: example('mail3@mail.com') }), security: bearer },
    },
    '/users/v1/{username}/password': {
      put: { parameters: inPath('username', 'name1'), requestBody: object({ password: example('pass4') }), security: bearer },
    },
    '/books/v1': {
      get: {},
      post: { requestBody: object({ book_title: example('book99'), secret: example('pass1secret') }), security: bearer },
    },
    '/books/v1/{book_title}': { get: { parameters: inPath('book_title', 'bookTitle77'), security: bearer } },
  },
};
