import { createHash, randomBytes } from 'node:crypto';
import { type Answer, type Application, type Ask, claimsOf, HARDENED, issueJwt, Refused, serve } from './server.js';

interface User {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly secret: string;
  image: string;
  admin: boolean;
  points: number;
}

const hex = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * A press with a shop, in the habits of RealWorld and of shops on Express and Sequelize: tokens go as `Authorization: Token`, nobody without one gets 403, bodies are wrapped
 * (`{"user": {…}}`), every table counts from one, notes have ObjectIds, articles are for all, and a page stands for every address that is none of the API's. `secure` is the
 * same without its flaws.
 */
export async function startPress({ secure }: { readonly secure: boolean }): Promise<Application> {
  const secret = randomBytes(32).toString('hex');
  const users: User[] = ['mona', 'nils', 'chief'].map((username, index) => ({
    id: index + 1,
    username,
    email: `${username}@press.test`,
    password: `${username}-Press!4`,
    secret: hex(`phrase ${username}`).slice(0, 18),
    image: '',
    admin: username === 'chief',
    points: 10,
  }));
  const products = [1, 2, 3, 4].map((id) => ({ id, title: `Book ${id}`, price: 5 + id }));
  const carts = users.map(({ id }) => ({ id: 4 - id, userId: id, lines: [{ id: 10 + id, productId: id, quantity: id }] }));
  const notes = users.flatMap(({ username }) =>
    [0, 1].map((round) => ({ _id: `6740f${hex(username + round).slice(0, 19)}`, user: username, name: `${username} ${round}`, text: '…' })),
  );
  const articles = users.map((author, index) => ({
    slug: `how-${author.username}-writes-${index + 3}`,
    title: `How ${author.username} writes`,
    body: 'A text.',
    author,
  }));
  const comments = articles.map(({ slug }, index) => ({ id: index + 1, slug, body: `nice ${index}`, author: users[(index + 1) % 3]! }));
  const attempts = new Map<string, number>();

  const fail = (status: number, ...errors: readonly string[]): never => {
    throw new Refused({ status, body: { errors } });
  };
  const caller = (ask: Ask): User => {
    const token = /^Token (.+)$/.exec(String(ask.headers.authorization ?? ''))?.[1] ?? fail(403, 'Authentication required');
    const claims = claimsOf(token, secret) ?? fail(403, 'Could not validate credentials');
    return users.find(({ username }) => username === claims.username) ?? fail(403, 'Could not validate credentials');
  };
  const inside = (ask: Ask, name: string) => (ask.body[name] ?? fail(422, `${name} is required`)) as { readonly [name: string]: unknown };
  const found = <T>(one: T | undefined): T => one ?? fail(404, 'not found');
  const own = <T>(one: T | undefined, isOwn: (one: T) => boolean): T => found(one !== undefined && secure && !isOwn(one) ? undefined : one);
  const told = ({ id, username, email, image, admin, points }: User): Answer => ({
    body: { user: { id, username, email, image, admin, points, token: issueJwt({ username, exp: Date.now() / 1000 + 3600 }, secret) } },
  });
  const articleOf = ({ author, ...article }: (typeof articles)[number]) => ({ ...article, author: { username: author.username } });
  const commentOf = ({ id, body, author }: (typeof comments)[number]) => ({ id, body, author: { username: author.username } });
  const noteOf = (ask: Ask) => {
    const { username } = caller(ask);
    return own(
      notes.find((one) => one._id === ask.at[0]),
      (one) => one.user === username,
    );
  };
  const cartOf = (ask: Ask) => {
    const { id } = caller(ask);
    return own(
      carts.find((one) => String(one.id) === ask.at[0]),
      (one) => one.userId === id,
    );
  };

  return serve({
    always: () => HARDENED,
    broken: (error) => ({ status: error instanceof SyntaxError ? 400 : 500, body: { errors: ['something went wrong'] } }),
    missing: ({ path }) =>
      path.startsWith('/api')
        ? { status: 404, body: { errors: ['not found'] } }
        : path === '/uploads/' && !secure
          ? { body: '<html><title>Index of /uploads</title><a href="2026-draft.docx">2026-draft.docx</a></html>' }
          : { body: '<!doctype html><title>Press</title><div id="app"></div>' },
    routes: [
      [
        'POST /api/users/login',
        (ask) => {
          const { email, password } = inside(ask, 'user');
          const key = String(email);
          attempts.set(key, (attempts.get(key) ?? 0) + 1);
          if (attempts.get(key)! > 5) fail(429, 'too many attempts');
          const user = users.find((one) => one.email === email && one.password === password) ?? fail(401, 'wrong email or password');
          attempts.delete(key);
          return told(user);
        },
      ],
      [
        'POST /api/users',
        (ask) => {
          const { username, email, password, admin, points } = inside(ask, 'user');
          if (typeof username !== 'string' || typeof email !== 'string' || typeof password !== 'string') return fail(422, 'user');
          if (users.some((one) => one.username === username || one.email === email)) fail(400, 'this name is taken');
          const extra = secure ? { admin: false, points: 0 } : { admin: admin === true, points: Number(points ?? 0) };
          const user: User = { id: users.length + 1, username, email, password, secret: '', image: '', ...extra };
          users.push(user);
          return { ...told(user), status: 201 };
        },
      ],
      ['GET /api/user', (ask) => told(caller(ask))],
      [
        'PUT /api/user',
        async (ask) => {
          const user = caller(ask);
          const { image, admin } = inside(ask, 'user');
          if (typeof image === 'string') {
            if (secure && !image.startsWith('https://cdn.press.test/')) fail(422, 'image');
            if (!secure && URL.canParse(image)) await fetch(image, { signal: AbortSignal.timeout(1_500) }).catch(() => null);
            user.image = image;
          }
          if (!secure && typeof admin === 'boolean') user.admin = admin;
          return told(user);
        },
      ],
      [
        'GET /api/user/password',
        (ask) => {
          const user = caller(ask);
          const [current, next, repeat] = ['current', 'new', 'repeat'].map((name) => ask.query.get(name));
          if (!next || next !== repeat) fail(400, 'the passwords do not match');
          // Without its flaws it compares what is sent, and asks for it.
          if (secure ? current !== user.password : current && current !== user.password) fail(401, 'the current password is not correct');
          return { body: { user: { username: user.username } } };
        },
      ],
      ['GET /api/articles', (ask) => ({ body: { articles: articles.filter((one) => ofAuthor(ask, one.author)).map(articleOf) } })],
      [
        'POST /api/articles',
        (ask) => {
          const author = caller(ask);
          const { title, body } = inside(ask, 'article');
          const article = { slug: `a-${randomBytes(5).toString('hex')}`, title: String(title), body: String(body), author };
          articles.push(article);
          return { status: 201, body: { article: articleOf(article) } };
        },
      ],
      ['GET /api/articles/:', (ask) => ({ body: { article: articleOf(found(articles.find(({ slug }) => slug === ask.at[0]))) } })],
      [
        'PUT /api/articles/:',
        (ask) => {
          const user = caller(ask);
          const article = found(articles.find(({ slug }) => slug === ask.at[0]));
          if (secure && article.author !== user) fail(403, 'you are not the author');
          article.body = String(inside(ask, 'article').body);
          return { body: { article: articleOf(article) } };
        },
      ],
      [
        'GET /api/articles/:/comments',
        (ask) => {
          const { slug } = found(articles.find((one) => one.slug === ask.at[0]));
          return { body: { comments: comments.filter((one) => one.slug === slug).map(commentOf) } };
        },
      ],
      [
        'POST /api/articles/:/comments',
        (ask) => {
          const author = caller(ask);
          const { slug } = found(articles.find((one) => one.slug === ask.at[0]));
          const comment = { id: comments.length + 1, slug, body: String(inside(ask, 'comment').body), author };
          comments.push(comment);
          return { status: 201, body: { comment: commentOf(comment) } };
        },
      ],
      [
        'GET /api/notes',
        (ask) => {
          const { username } = caller(ask);
          return { body: notes.filter(({ user }) => user === username) };
        },
      ],
      ['GET /api/notes/:', (ask) => ({ body: noteOf(ask) })],
      [
        'POST /api/notes/search',
        (ask) => {
          const { username } = caller(ask);
          const { name } = ask.body;
          if (typeof name === 'string') return { body: notes.filter((one) => one.user === username && one.name === name) };
          const isNot = (name as { $ne?: unknown } | null)?.$ne;
          if (secure || isNot === undefined) return fail(400, 'name');
          return { body: notes.filter((one) => one.name !== isNot) };
        },
      ],
      [
        'GET /api/passphrases/:',
        (ask) => {
          const { username } = caller(ask);
          const user = own(
            users.find((one) => one.username === ask.at[0]),
            (one) => one.username === username,
          );
          return { body: [{ username: user.username, passphrase: user.secret, reminder: `at ${user.username}'s desk` }] };
        },
      ],
      ['GET /api/products', () => ({ body: { status: 'success', data: products } })],
      ['GET /api/products/:', (ask) => ({ body: { status: 'success', data: found(products.find(({ id }) => String(id) === ask.at[0])) } })],
      [
        'GET /api/carts',
        (ask) => {
          const { id } = caller(ask);
          return { body: { status: 'success', data: carts.filter(({ userId }) => userId === id) } };
        },
      ],
      ['GET /api/carts/:', (ask) => ({ body: { status: 'success', data: cartOf(ask) } })],
      [
        'POST /api/carts/:/checkout',
        (ask) => {
          cartOf(ask);
          return { body: { confirmation: randomBytes(8).toString('hex') } };
        },
      ],
      [
        'POST /api/feedback',
        (ask) => {
          const { id } = caller(ask);
          const { userId, text } = ask.body;
          if (!Number.isInteger(userId) || !users.some((one) => one.id === userId)) fail(422, 'userId');
          return { status: 201, body: { id: Number(randomBytes(2).readUInt16BE()), userId: secure ? id : userId, text: String(text) } };
        },
      ],
      [
        'POST /api/uptime',
        (ask) => {
          caller(ask);
          const command = String(inside(ask, 'run').command);
          if (secure ? command !== 'uptime' : !command.startsWith('uptime')) fail(400, 'this command is not allowed');
          return { body: { output: `up 3 days\n${shell(command)}` } };
        },
      ],
      [
        'GET /api/go',
        (ask) => {
          const to = ask.query.get('to') ?? '';
          if (secure ? to !== GOOD : !to.includes(GOOD)) fail(406, 'this address is not known');
          return { status: 302, headers: { location: to } };
        },
      ],
    ],
  });
}

const GOOD = 'https://partners.press.test/books';
const ofAuthor = (ask: Ask, { username }: User) => (ask.query.get('author') ?? username) === username;
/** What a shell makes of `; echo word$((a*b))`. */
const shell = (command: string) =>
  command.replace(/^.*?(?:;\s*echo (\w*)\$\(\((\d+)\*(\d+)\)\))?$/, (_, word = '', a = '', b = '') =>
    a === '' ? '' : `${word}${Number(a) * Number(b)}`,
  );

const text = { type: 'string' };
const inObject = (properties: object) => ({ type: 'object', properties });
const body = (properties: object) => ({ requestBody: { content: { 'application/json': { schema: inObject(properties) } } } });
const at = (place: string, name: string, schema: object = text) => [{ name, in: place, required: place === 'path', schema }];
const signedIn = { security: [{ token: [] }] };

export const PRESS_DOCUMENT = {
  openapi: '3.0.2',
  info: { title: 'press', version: '1' },
  components: { securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'Authorization' } } },
  paths: {
    '/api/users/login': { post: body({ user: inObject({ email: text, password: text }) }) },
    '/api/users': { post: body({ user: inObject({ username: text, email: text, password: text }) }) },
    '/api/user': {
      get: signedIn,
      put: { ...signedIn, ...body({ user: inObject({ image: { ...text, example: 'https://cdn.press.test/a.png' } }) }) },
    },
    '/api/user/password': {
      get: {
        ...signedIn,
        parameters: ['current', 'new', 'repeat'].flatMap((name) => at('query', name, { ...text, example: 'mona-Press!4' })),
      },
    },
    '/api/articles': {
      get: { parameters: at('query', 'author') },
      post: { ...signedIn, ...body({ article: inObject({ title: text, body: text }) }) },
    },
    '/api/articles/{slug}': {
      parameters: at('path', 'slug'),
      get: {},
      put: { ...signedIn, ...body({ article: inObject({ body: text }) }) },
    },
    '/api/articles/{slug}/comments': {
      parameters: at('path', 'slug'),
      get: {},
      post: { ...signedIn, ...body({ comment: inObject({ body: text }) }) },
    },
    '/api/notes': { get: signedIn },
    '/api/notes/{noteId}': { get: { ...signedIn, parameters: at('path', 'noteId') } },
    '/api/notes/search': { post: { ...signedIn, ...body({ name: { ...text, example: 'mona 0' } }) } },
    '/api/passphrases/{username}': { get: { ...signedIn, parameters: at('path', 'username') } },
    '/api/products': { get: {} },
    '/api/products/{id}': { get: { parameters: at('path', 'id', { type: 'integer' }) } },
    '/api/carts': { get: signedIn },
    '/api/carts/{id}': { get: { ...signedIn, parameters: at('path', 'id', { type: 'integer' }) } },
    '/api/carts/{id}/checkout': { post: { ...signedIn, parameters: at('path', 'id', { type: 'integer' }), ...body({ coupon: text }) } },
    '/api/feedback': { post: { ...signedIn, ...body({ userId: { type: 'integer' }, text }) } },
    '/api/uptime': { post: { ...signedIn, ...body({ run: inObject({ command: { ...text, example: 'uptime' } }) }) } },
    '/api/go': { get: { parameters: at('query', 'to', { ...text, example: GOOD }) } },
  },
};

export const PRESS_PEOPLE = ['mona', 'nils'].map((name) => ({
  name,
  role: 'user',
  kind: 'login' as const,
  config: { path: '/api/users/login', body: { user: { email: `${name}@press.test`, password: `${name}-Press!4` } } },
}));
