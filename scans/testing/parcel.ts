import { randomBytes, randomUUID } from 'node:crypto';
import Database from 'libsql';
import { type Answer, type Application, type Ask, HARDENED, Refused, serve } from './server.js';

interface Customer {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  readonly phone: string;
  readonly organization: string;
  readonly password: string;
  first_name: string;
  is_staff: boolean;
}

interface Parcel {
  readonly uuid: string;
  readonly owner: Customer;
  readonly number: string;
  readonly depot: string;
  readonly recipient: { readonly name: string; readonly street: string };
  contents: string;
  status: string;
}

/**
 * A carrier in the habits of Django REST: every address ends in a slash, a form with `csrfmiddlewaretoken` logs in, `X-CSRFToken` repeats a cookie, lists have
 * `count`, `next` and `results`, objects refer to each other by address, depots have slugs, and an error is a page of the debugger. `secure` is the same
 * without its flaws.
 */
export async function startParcel({ secure }: { readonly secure: boolean }): Promise<Application> {
  const customers: Customer[] = ['ines', 'jonas', 'kaja'].map((username, index) => ({
    id: 31 + index,
    username,
    email: `${username}@parcel.test`,
    phone: `+4917000200${index}`,
    organization: `${username}-and-sons`,
    password: `${username}-Parcel?7`,
    first_name: username,
    is_staff: username === 'kaja',
  }));
  const depots = ['north-gate', 'old-harbour', 'hill-road'].map((slug, index) => ({
    slug,
    name: slug.replace('-', ' '),
    doors: index + 2,
  }));
  let made = 4100;
  const next = (step: number) => {
    made += step;
    return made;
  };
  const make = (owner: Customer, contents: string): Parcel => {
    const recipient = { name: `aunt of ${owner.username}`, street: `${made} Elm Street` };
    return { uuid: randomUUID(), owner, number: `PX-${next(7)}`, depot: 'north-gate', recipient, contents, status: 'accepted' };
  };
  const parcels = customers.flatMap((owner) => ['books', 'a lamp'].map((contents) => make(owner, contents)));
  const addresses = customers.flatMap((owner) =>
    [0, 1].map((round) => ({ id: next(3), owner, street: `${round + 5} Mill Lane`, city: 'Ulm' })),
  );
  const database = new Database(':memory:');
  database.exec('CREATE TABLE rates (id INTEGER PRIMARY KEY, zone TEXT, price INTEGER)');
  const insert = database.prepare('INSERT INTO rates VALUES (?, ?, ?)');
  for (let id = 1; id <= 1_500; id++) insert.run(id, `zone ${id % 90}`, 30 + (id % 7));
  const sessions = new Map<string, Customer>();
  const failures = new Map<string, number>();
  let base = '';

  const fail = (status: number, detail: string): never => {
    throw new Refused({ status, body: { detail } });
  };
  const caller = (ask: Ask): Customer =>
    sessions.get(ask.cookies.get('sessionid') ?? '') ?? fail(403, 'Authentication credentials were not provided.');
  const guarded = (ask: Ask): Customer => {
    const customer = caller(ask);
    const token = ask.cookies.get('csrftoken');
    if (token === undefined || ask.headers['x-csrftoken'] !== token) fail(403, 'CSRF Failed: CSRF token missing.');
    return customer;
  };
  const staff = (ask: Ask): Customer => {
    const customer = caller(ask);
    return customer.is_staff || !secure ? customer : fail(403, 'You do not have permission to perform this action.');
  };
  const found = <T>(one: T | undefined): T => one ?? fail(404, 'Not found.');
  const own = <T extends { readonly owner: Customer }>(one: T | undefined, customer: Customer): T =>
    found(one === undefined || (secure && one.owner !== customer) ? undefined : one);
  const linkOf = ({ id }: Customer) => `${base}/api/v1/customers/${id}/`;
  const parcelOf = ({ uuid, owner, ...parcel }: Parcel) => ({
    url: `${base}/api/v1/parcels/${uuid}/`,
    uuid,
    owner: linkOf(owner),
    ...parcel,
  });
  const customerOf = ({ id, username, email, phone, first_name, is_staff, organization }: Customer) => ({
    url: `${base}/api/v1/customers/${id}/`,
    id,
    username,
    email,
    phone,
    first_name,
    is_staff,
    organization,
  });
  const page = (ask: Ask, all: readonly object[]): Answer => {
    const asked = Number(ask.query.get('page_size') ?? 20);
    const size = Math.max(1, Math.min(secure ? 100 : 1e9, asked || 20));
    // A page has as many rows as there are; without its flaws a size that nobody needs is refused.
    if (secure && asked > 100) fail(400, 'page_size must not be more than 100.');
    return { body: { count: all.length, next: null, previous: null, results: all.slice(0, size), page_size: size } };
  };
  const invalid = (field: string, message: string): never => {
    throw new Refused({ status: 400, body: { [field]: [message] } });
  };
  const loginPage = (message: string): Answer => {
    const token = randomBytes(16).toString('hex');
    return {
      headers: { 'set-cookie': [`csrftoken=${token}; Path=/; SameSite=Lax${secure ? '; Secure; HttpOnly' : ''}`] },
      body: `<!doctype html><title>Log in</title><p>${message}</p><form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="${token}"><input type="text" name="username"><input type="password" name="password"><input type="hidden" name="next" value="/"><input type="hidden" name="remember" value="1"><button>Log in</button></form>`,
    };
  };
  const mine = (all: readonly Parcel[], owner: Customer) => all.filter((one) => one.owner === owner);

  const application = await serve({
    always: () => ({ ...HARDENED, ...(secure ? {} : { server: 'WSGIServer/0.2 CPython/3.11.4' }) }),
    broken: (error, { path }) =>
      secure
        ? { status: error instanceof SyntaxError ? 400 : 500, body: { detail: 'Something went wrong.' } }
        : {
            status: 500,
            body: `<!doctype html><title>${error.name} at ${path}</title><h2>Traceback (most recent call last):</h2><pre>File "/srv/parcel/views.py", line 88, in dispatch\n  return handler(request)\n${error.name}: ${error.message}</pre><p>You're seeing this error because you have <code>DEBUG = True</code> in your Django settings file.</p>`,
          },
    missing: () => ({ status: 404, body: '<!doctype html><title>Not Found</title><h1>Not Found</h1>' }),
    routes: [
      ['GET /accounts/login', () => loginPage('')],
      [
        'POST /accounts/login',
        (ask) => {
          const { username, password, csrfmiddlewaretoken } = ask.body;
          if (csrfmiddlewaretoken === undefined || csrfmiddlewaretoken !== ask.cookies.get('csrftoken'))
            return fail(403, 'CSRF verification failed.');
          const key = String(username);
          failures.set(key, (failures.get(key) ?? 0) + 1);
          if (secure && failures.get(key)! > 5) return { ...loginPage('Too many attempts.'), status: 429 };
          const customer = customers.find((one) => one.username === username && one.password === password);
          if (customer === undefined) return loginPage('Please enter a correct username and password.');
          failures.delete(key);
          const id = randomBytes(16).toString('hex');
          sessions.set(id, customer);
          const rest = `Path=/; SameSite=Lax${secure ? '; HttpOnly; Secure' : ''}`;
          return {
            status: 302,
            headers: { location: '/', 'set-cookie': [`sessionid=${id}; ${rest}`, `csrftoken=${randomBytes(16).toString('hex')}; ${rest}`] },
          };
        },
      ],
      ['GET /', (ask) => ({ body: `<!doctype html><title>Parcels</title><p>Hello ${caller(ask).username}.</p>` })],
      ['GET /api/v1/customers/me', (ask) => ({ body: customerOf(caller(ask)) })],
      [
        'PATCH /api/v1/customers/me',
        (ask) => {
          const customer = guarded(ask);
          if (typeof ask.body.first_name === 'string') customer.first_name = ask.body.first_name;
          if (!secure && typeof ask.body.is_staff === 'boolean') customer.is_staff = ask.body.is_staff;
          return { body: customerOf(customer) };
        },
      ],
      [
        'GET /api/v1/customers',
        (ask) => {
          const customer = caller(ask);
          return secure && !customer.is_staff ? fail(403, 'You do not have permission.') : page(ask, customers.map(customerOf));
        },
      ],
      [
        'GET /api/v1/customers/:',
        (ask) => {
          const customer = caller(ask);
          const one = found(customers.find(({ id }) => String(id) === ask.at[0]));
          return { body: customerOf(secure && one !== customer ? fail(404, 'Not found.') : one) };
        },
      ],
      [
        'POST /api/v1/customers/me/password',
        (ask) => {
          const customer = guarded(ask);
          const { old_password, new_password } = ask.body;
          if (secure && old_password !== customer.password) invalid('old_password', 'This is not the present password.');
          if (typeof new_password !== 'string' || new_password.length < 8) invalid('new_password', 'Too short.');
          return { body: { detail: 'Password updated.' } };
        },
      ],
      ['GET /api/v1/depots', (ask) => page(ask, caller(ask) && depots)],
      ['GET /api/v1/depots/:', (ask) => ({ body: caller(ask) && found(depots.find(({ slug }) => slug === ask.at[0])) })],
      ['GET /api/v1/parcels', (ask) => page(ask, mine(parcels, caller(ask)).map(parcelOf))],
      [
        'POST /api/v1/parcels',
        (ask) => {
          const owner = guarded(ask);
          const { contents, depot, pieces, declared_value } = ask.body;
          if (!depots.some(({ slug }) => slug === depot)) invalid('depot', `Object with slug=${String(depot)} does not exist.`);
          if (typeof contents !== 'string') return invalid('contents', 'This field is required.');
          if (typeof pieces !== 'number' || !Number.isInteger(pieces)) return invalid('pieces', 'A valid integer is required.');
          if (secure && (pieces < 1 || Number(declared_value ?? 0) < 0))
            invalid('pieces', 'Ensure this value is greater than or equal to 1.');
          const parcel = make(owner, contents);
          parcels.push(parcel);
          return { status: 201, body: { ...parcelOf(parcel), pieces, fee: pieces * 4 } };
        },
      ],
      [
        'GET /api/v1/parcels/:',
        (ask) => ({
          body: parcelOf(
            own(
              parcels.find(({ uuid }) => uuid === ask.at[0]),
              caller(ask),
            ),
          ),
        }),
      ],
      [
        'PATCH /api/v1/parcels/:',
        (ask) => {
          const parcel = own(
            parcels.find(({ uuid }) => uuid === ask.at[0]),
            guarded(ask),
          );
          if (typeof ask.body.contents === 'string') parcel.contents = ask.body.contents;
          if (!secure && typeof ask.body.status === 'string') parcel.status = ask.body.status;
          return { body: parcelOf(parcel) };
        },
      ],
      [
        'POST /api/v1/parcels/:/handover',
        (ask) => {
          const parcel = own(
            parcels.find(({ uuid }) => uuid === ask.at[0]),
            guarded(ask),
          );
          return { body: { parcel: parcelOf(parcel), handed_over: true, note: String(ask.body.note) } };
        },
      ],
      [
        'GET /api/v1/tracking',
        (ask) => {
          const parcel = own(
            parcels.find(({ number }) => number === ask.query.get('number')),
            caller(ask),
          );
          return { body: { number: parcel.number, recipient: parcel.recipient, contents: parcel.contents } };
        },
      ],
      [
        'POST /api/v1/claims',
        (ask) => {
          const customer = guarded(ask);
          const uuid = /\/api\/v1\/parcels\/([^/]+)\/$/.exec(String(ask.body.parcel))?.[1];
          if (uuid === undefined) return invalid('parcel', 'Invalid hyperlink - No URL match.');
          const parcel = parcels.find((one) => one.uuid === uuid);
          if (parcel === undefined || (secure && parcel.owner !== customer))
            return invalid('parcel', 'Invalid hyperlink - Object does not exist.');
          return {
            status: 201,
            body: { id: next(1), parcel: ask.body.parcel, contents: parcel.contents, recipient: parcel.recipient },
          };
        },
      ],
      [
        'GET /api/v1/addresses',
        (ask) =>
          page(
            ask,
            addresses.filter(({ owner }) => owner === caller(ask)).map(({ owner, ...one }) => ({ ...one, owner: linkOf(owner) })),
          ),
      ],
      [
        'POST /api/v1/addresses',
        (ask) => {
          const owner = guarded(ask);
          const address = { id: next(3), owner, street: String(ask.body.street), city: String(ask.body.city) };
          addresses.push(address);
          return { status: 201, body: { ...address, owner: linkOf(owner) } };
        },
      ],
      [
        'DELETE /api/v1/addresses/:',
        (ask) => {
          const address = own(
            addresses.find(({ id }) => String(id) === ask.at[0]),
            guarded(ask),
          );
          addresses.splice(addresses.indexOf(address), 1);
          return { status: 204 };
        },
      ],
      [
        'GET /api/v1/billing',
        (ask) => {
          const customer = caller(ask);
          const slug = String(ask.headers['x-organization'] ?? '');
          const payer = found(customers.find(({ organization }) => organization === slug));
          if (secure && payer !== customer) fail(404, 'Not found.');
          return { body: { organization: slug, iban: `DE0212030000000${payer.id}2051`, balance: payer.id * 11 } };
        },
      ],
      [
        'GET /api/v1/rates',
        (ask) => {
          caller(ask);
          const ordering = ask.query.get('ordering') ?? 'zone';
          if (secure && !/^-?(zone|price|id)$/.test(ordering)) return page(ask, database.prepare('SELECT * FROM rates').all() as object[]);
          const order = ordering.startsWith('-') ? `${ordering.slice(1)} DESC` : ordering;
          return page(ask, database.prepare(`SELECT * FROM rates ORDER BY ${order}`).all() as object[]);
        },
      ],
      [
        'POST /api/v1/labels/preview',
        (ask) => {
          guarded(ask);
          const text = String(ask.body.text ?? '');
          return {
            body: {
              preview: secure ? text : text.replace(/\{\{\s*(\d+)\s*\*\s*(\d+)\s*\}\}/g, (_, a, b) => String(Number(a) * Number(b))),
            },
          };
        },
      ],
      [
        'POST /api/v1/webhooks',
        async (ask) => {
          guarded(ask);
          const target = String(ask.body.target_url);
          if (!URL.canParse(target)) return invalid('target_url', 'Enter a valid URL.');
          if (secure && !target.startsWith('https://hooks.parcel.test/')) return invalid('target_url', 'This host is not known.');
          if (!secure) await fetch(target, { method: 'POST', signal: AbortSignal.timeout(1_500) }).catch(() => null);
          return { status: 201, body: { id: next(1), target_url: target } };
        },
      ],
      [
        'GET /api/v1/staff/audit',
        (ask) => {
          staff(ask);
          return page(
            ask,
            customers.map(({ username }, index) => ({ at: `2026-05-0${index + 1}`, who: username, what: 'logged in' })),
          );
        },
      ],
    ],
  });
  base = application.url;
  return application;
}

const text = { type: 'string' };
const inObject = (properties: object) => ({ type: 'object', properties });
const body = (properties: object) => ({ requestBody: { content: { 'application/json': { schema: inObject(properties) } } } });
const at = (place: string, name: string, schema: object = text) => [{ name, in: place, required: place === 'path', schema }];
const uuid = { ...text, format: 'uuid' };
const paged = at('query', 'page_size', { type: 'integer', example: 20 });

export const PARCEL_DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'parcel', version: '1' },
  components: { securitySchemes: { cookieAuth: { type: 'apiKey', in: 'cookie', name: 'sessionid' } } },
  security: [{ cookieAuth: [] }],
  paths: {
    '/accounts/login/': {
      post: {
        security: [],
        requestBody: { content: { 'application/x-www-form-urlencoded': { schema: inObject({ username: text, password: text }) } } },
      },
    },
    '/api/v1/customers/': { get: { parameters: paged } },
    '/api/v1/customers/me/': { get: {}, patch: body({ first_name: text }) },
    '/api/v1/customers/me/password/': { post: body({ old_password: text, new_password: text }) },
    '/api/v1/customers/{id}/': { get: { parameters: at('path', 'id', { type: 'integer' }) } },
    '/api/v1/depots/': { get: { parameters: paged } },
    '/api/v1/depots/{slug}/': { get: { parameters: at('path', 'slug') } },
    '/api/v1/parcels/': {
      get: { parameters: paged },
      post: body({ contents: text, depot: text, pieces: { type: 'integer' }, declared_value: { type: 'number' } }),
    },
    '/api/v1/parcels/{uuid}/': { parameters: at('path', 'uuid', uuid), get: {}, patch: body({ contents: text }) },
    '/api/v1/parcels/{uuid}/handover/': { post: { parameters: at('path', 'uuid', uuid), ...body({ note: text }) } },
    '/api/v1/tracking/': { get: { parameters: at('query', 'number') } },
    '/api/v1/claims/': { post: body({ parcel: { ...text, format: 'uri' }, reason: text }) },
    '/api/v1/addresses/': { get: { parameters: paged }, post: body({ street: text, city: text }) },
    '/api/v1/addresses/{id}/': { delete: { parameters: at('path', 'id', { type: 'integer' }) } },
    '/api/v1/billing/': { get: { parameters: at('header', 'X-Organization') } },
    '/api/v1/rates/': { get: { parameters: [...paged, ...at('query', 'ordering', { ...text, example: 'zone' })] } },
    '/api/v1/labels/preview/': { post: body({ text }) },
    '/api/v1/webhooks/': { post: body({ target_url: { ...text, format: 'uri', example: 'https://hooks.parcel.test/in' } }) },
    '/api/v1/staff/audit/': { get: { parameters: paged } },
  },
};

export const PARCEL_PEOPLE = ['ines', 'jonas'].map((name) => ({
  name,
  role: 'user',
  kind: 'form' as const,
  config: { path: '/accounts/login/', username: name, password: `${name}-Parcel?7` },
}));
