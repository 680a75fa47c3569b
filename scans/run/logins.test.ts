import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { readLibrary } from '../library.js';
import { agreeOnCarriage } from './carriage.js';
import { guardFor } from './guard.js';
import type { AuthContext } from './identities.js';
import { logIn } from './logins.js';
import { DEFAULT_LIMITS, performScan } from './scan.js';
import { SignedIn } from './signed-in.js';
import type { ScanRequest } from './types.js';
import { createWire } from './wire.js';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object) => `${part({ alg: 'HS256' })}.${part(claims)}.c2lnbmF0dXJl`;

interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: unknown;
}

async function target(t: Test, answer: (request: IncomingMessage, body: string) => Reply) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${body}`.trim());
      const { status = 200, headers = {}, body: told = {} } = answer(request, body);
      response.writeHead(status, { 'content-type': typeof told === 'string' ? 'text/html' : 'application/json', ...headers });
      response.end(typeof told === 'string' ? told : JSON.stringify(told));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const guard = guardFor(url, [], { connections: 2, timeoutMs: 2_000 });
  t.teardown(async () => {
    await guard.close();
    server.closeAllConnections();
    server.close();
  });
  const wire = createWire({ ...DEFAULT_LIMITS, guard, mark: () => 'test', requestsPerSecond: 1_000, signal: new AbortController().signal });
  return { url, seen, send: (request: ScanRequest) => wire.send(request) };
}

const context = (kind: AuthContext['kind'], config: AuthContext['config']): AuthContext => ({ name: 'alice', role: 'user', kind, config });
const PAGE =
  '<form action="/in" method=post><input type=hidden name=csrf value="t1"><input name="mail"><input type="password" name="pw"></form>';

t.test('each kind of login gives its headers', async (t) => {
  const { url, seen, send } = await target(t, (request, body): Reply => {
    switch (request.url) {
      case '/token-login':
        return { body: { data: { user: { id: 7, email: 'a@x.example' }, accessToken: 'tok-1' } } };
      case '/cookie-login':
        return { headers: { 'set-cookie': ['sid=s1; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT', 'XSRF-TOKEN=x%3D1; Path=/'] } };
      case '/header-login':
        return { headers: { 'x-token': 'h1' } };
      case '/form':
        return { headers: { 'set-cookie': 'sid=before' }, body: PAGE };
      case '/in':
        return body === 'csrf=t1&mail=a%40x.example&pw=secret'
          ? { status: 302, headers: { location: '/home', 'set-cookie': 'sid=after' } }
          : { status: 302, headers: { location: '/form' } };
      case '/home':
        return { body: '<meta name="csrf-token" content="t2">' };
      case '/oauth':
        return { body: { access_token: 'o1', refresh_token: 'r1' } };
      default:
        return { status: 404 };
    }
  });
  const table: [what: string, kind: AuthContext['kind'], config: AuthContext['config'], headers: object][] = [
    ['nobody', 'none', {}, {}],
    ['a header', 'header', { name: 'X-Api-Key', value: 'k' }, { 'x-api-key': 'k' }],
    ['cookies', 'cookies', { cookie: 'sid=1' }, { cookie: 'sid=1' }],
    ['basic', 'basic', { username: 'a', password: 'b' }, { authorization: 'Basic YTpi' }],
    [
      'a login whose token is found by its name',
      'login',
      { path: '/token-login', body: { email: 'a@x.example', password: 'p' } },
      { authorization: 'Bearer tok-1' },
    ],
    ['into another header', 'login', { path: '/token-login', body: {}, header: 'X-Access-Token' }, { 'x-access-token': 'tok-1' }],
    [
      'by its path',
      'login',
      { path: '/token-login', body: {}, extract: '$.data.accessToken', prefix: 'Token ' },
      { authorization: 'Token tok-1' },
    ],
    ['a prefix that is a word', 'login', { path: '/token-login', body: {}, prefix: 'JWT' }, { authorization: 'JWT tok-1' }],
    ['from a header', 'login', { path: '/header-login', body: {}, extract: 'header:X-Token' }, { authorization: 'Bearer h1' }],
    [
      'cookies of a login',
      'login',
      { path: '/cookie-login', body: 'u=a&p=b' },
      { cookie: 'sid=s1; XSRF-TOKEN=x%3D1', 'x-xsrf-token': 'x=1' },
    ],
    [
      'a form with a CSRF field',
      'form',
      { path: '/form', username: 'a@x.example', password: 'secret' },
      { cookie: 'sid=after', 'x-csrf-token': 't2' },
    ],
    [
      'OAuth 2',
      'oauth2',
      { tokenUrl: '/oauth', grantType: 'password', clientId: 'c', username: 'a', password: 'p' },
      { authorization: 'Bearer o1' },
    ],
  ];
  for (const [what, kind, config, headers] of table) t.strictSame((await logIn(context(kind, config), url, send)).headers, headers, what);
  t.ok(seen.includes('POST /cookie-login u=a&p=b'));
  t.ok(seen.includes('POST /oauth grant_type=password&client_id=c&username=a&password=p'));
  const bad: [config: AuthContext['config'], kind: AuthContext['kind'], message: RegExp][] = [
    [{ path: '/nowhere', body: {} }, 'login', /"alice" cannot log in: POST \/nowhere answers 404/],
    [{ path: '/home', body: {} }, 'login', /got no cookie and no token/],
    [{ path: '/token-login', body: {}, extract: '$.jwt' }, 'login', /has no \$\.jwt/],
    [{ path: '/form', username: 'a@x.example', password: 'wrong' }, 'form', /cannot log in: the form at \/form/],
    [{ path: '/home' }, 'form', /no form with a password field/],
  ];
  for (const [config, kind, message] of bad) await t.rejects(logIn(context(kind, config), url, send), { message });
});

t.test('tokens that end are renewed: by their expiry, by a refresh token, and after a refusal that is the session’s', async (t) => {
  let issued = 0;
  let valid = '';
  const token = (seconds: number) => {
    valid = jwt({ sub: 'alice', n: ++issued, exp: Math.floor(Date.now() / 1000) + seconds });
    return valid;
  };
  const { url, seen, send } = await target(t, (request, body) => {
    if (request.url === '/login') return { body: { token: token(3) } };
    if (request.url === '/opaque') {
      valid = `opaque-${++issued}`;
      return { body: { token: valid } };
    }
    if (request.url === '/oauth') {
      const isGood = !body.includes('refresh_token=r1') || issued < 50;
      return isGood ? { body: { access_token: token(3), refresh_token: 'r1' } } : { status: 400 };
    }
    return request.headers.authorization === `Bearer ${valid}` ? { body: { id: 1 } } : { status: 401 };
  });
  const get = (headers: ScanRequest['headers']): ScanRequest => ({
    method: 'GET',
    url: `${url}/orders`,
    headers,
    body: '',
    followRedirects: false,
  });
  const sampleOf = (headers: ScanRequest['headers']) => ({
    request: get(headers),
    response: { status: 200, headers: {}, body: '{"id":1}', durationMs: 1 },
    endpointId: 'e',
    service: 's',
    template: '/orders',
    identity: 'alice',
    ownValues: [],
    pathValues: [],
    isSecured: null,
    setsLogin: false,
  });

  const short = await logIn(context('login', { path: '/login', body: {} }), url, send);
  const signedIn = new SignedIn([short], send, Date.now);
  const before = short.headers;
  t.equal((await signedIn.send(get(before))).status, 200, 'three seconds are too few: renewed before it was sent');
  t.not(short.headers.authorization, before.authorization);
  t.strictSame((await signedIn.fresh(sampleOf(before))).request.headers, short.headers, 'samples carry what is good now');

  const oauth = await logIn(context('oauth2', { tokenUrl: '/oauth' }), url, send);
  await new SignedIn([oauth], send, Date.now).send(get(oauth.headers));
  t.ok(
    seen.some((line) => line.includes('grant_type=refresh_token')),
    'with the refresh token',
  );

  const opaque = await logIn(context('login', { path: '/opaque', body: {} }), url, send);
  const other = new SignedIn([opaque], send, Date.now);
  await other.prove([sampleOf(opaque.headers)]);
  const old = opaque.headers;
  valid = 'somebody logged out';
  t.equal((await other.send(get(old))).status, 200, 'logged in again');
  const count = seen.length;
  t.equal((await other.send({ ...get({ authorization: 'Bearer forged' }) })).status, 401, 'a forged token is not ours to renew');
  t.equal(seen.length, count + 1);

  const dead = await logIn(context('header', { value: 'Bearer dead' }), url, send);
  await t.rejects(new SignedIn([dead], send, Date.now).prove([sampleOf(dead.headers)]), { message: /credentials of "alice" are refused/ });
});

/** A key and a certificate for a name, PEM, signed by `authority` or by itself. */
function certified(dir: string, name: string, authority: string | null): { readonly certificate: string; readonly key: string } {
  const at = (end: string) => join(dir, `${name}.${end}`);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('key'));
  const subject = ['-subj', `/CN=${name}`];
  if (authority === null)
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      at('key'),
      '-out',
      at('pem'),
      '-days',
      '2',
      ...subject,
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    );
  else {
    const signer = join(dir, authority);
    openssl('req', '-new', '-key', at('key'), '-out', at('csr'), ...subject);
    openssl(
      'x509',
      '-req',
      '-in',
      at('csr'),
      '-CA',
      `${signer}.pem`,
      '-CAkey',
      `${signer}.key`,
      '-CAcreateserial',
      '-days',
      '2',
      '-out',
      at('pem'),
    );
  }
  return { certificate: readFileSync(at('pem'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
}

t.test('identities with client certificates: the target knows them by these, and one opens what is the other’s', async (t) => {
  const dir = t.testdir();
  const authority = certified(dir, '127.0.0.1', null);
  const holders = ['ann', 'bert'].map((name) => ({ name, ...certified(dir, name, '127.0.0.1') }));
  const orders: Record<string, string> = { 4101: 'ann', 4202: 'bert' };
  for (const isSecure of [false, true]) {
    const server = createSecureServer(
      { key: authority.key, cert: authority.certificate, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject;
        const id = /^\/orders\/(\d+)$/.exec(request.url ?? '')?.[1];
        const owner = id === undefined ? undefined : orders[id];
        const told =
          request.url === '/orders'
            ? Object.keys(orders)
                .filter((one) => orders[one] === CN)
                .map((one) => ({ id: Number(one) }))
            : owner === undefined || (isSecure && owner !== CN)
              ? null
              : { id: Number(id), owner, address: `street of ${owner}` };
        response.writeHead(told === null ? 404 : 200, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
        response.end(JSON.stringify(told ?? { error: 'not found' }));
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    const endpoint = (template: string) => ({ id: template, method: 'GET', template, query: [], path: {}, body: null, contentType: '' });
    const outcome = await performScan({
      targetUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      service: 'shop',
      allowHosts: [],
      endpoints: [endpoint('/orders'), endpoint('/orders/{id}')],
      authContexts: holders.map(({ name, certificate, key }) => ({
        name,
        role: 'user',
        kind: 'mtls',
        config: { certificate, key, authority: authority.certificate },
      })),
      tests: (await readLibrary()).flatMap(({ definition }) => (definition?.category === 'BOLA' ? [definition] : [])),
      intrusive: false,
      limits: { ...DEFAULT_LIMITS, requestsPerSecond: 1_000 },
      callback: null,
    });
    const found = outcome.results
      .filter(({ verdict }) => verdict === 'vulnerable')
      .map(({ test, sample }) => `${test.id} ${sample.template}`);
    t.strictSame(found, isSecure ? [] : ['bola-read-object /orders/{id}'], isSecure ? 'each sees its own' : 'one opens the other’s');
  }
});

t.test('how a target takes tokens is found where nobody said it', async (t) => {
  const table: [what: string, wanted: [header: string, value: string], config: object, given: object][] = [
    ['Bearer', ['authorization', 'Bearer tok-1'], {}, { authorization: 'Bearer tok-1' }],
    ['another word', ['authorization', 'Token tok-1'], {}, { authorization: 'Token tok-1' }],
    ['a header of its own', ['x-access-token', 'tok-1'], {}, { 'x-access-token': 'tok-1' }],
    ['a cookie', ['cookie', 'jwt=tok-1'], {}, { cookie: 'jwt=tok-1' }],
    ['what the document names', ['x-press', 'tok-1'], {}, { 'x-press': 'tok-1' }],
    ['said by the context: it stays', ['x-press', 'tok-1'], { prefix: 'Odd' }, { authorization: 'Odd tok-1' }],
    ['nothing is let in: it stays', ['x-nobody-knows', '?'], {}, { authorization: 'Bearer tok-1' }],
  ];
  const carriage = { header: 'x-press', prefix: '' };
  const endpoint = { id: 'e', method: 'GET', template: '/me', query: [], path: {}, body: null, contentType: '', carriage };
  for (const [what, [header, value], config, given] of table) {
    const { url, send } = await target(t, (request) =>
      request.url === '/login' ? { body: { token: 'tok-1' } } : { status: request.headers[header] === value ? 200 : 403 },
    );
    const alice = await logIn(context('login', { path: '/login', ...config }), url, send);
    await agreeOnCarriage([alice], [endpoint], url, send);
    t.strictSame(alice.headers, given, what);
    t.ok(await alice.renew(Date.now()));
    t.strictSame(alice.headers, given, `${what}, after a renewal`);
  }
});

t.test('credentials that make no difference end a scan before its tests, also where nobody is told so with 401', async (t) => {
  for (const [what, status, mine, expected] of [
    ['the same 403 as nobody gets', 403, 'sign in', 'SCAN_AUTH_FAILED'],
    ['a 403 of its own: known, but not allowed', 403, 'not for you', null],
    ['a 401', 401, 'who?', 'SCAN_AUTH_FAILED'],
  ] as const) {
    const { url, send } = await target(t, ({ headers }) => ({ status, body: headers.authorization === undefined ? 'sign in' : mine }));
    const alice = await logIn(context('header', { value: 'Bearer x' }), url, send);
    const request = { method: 'GET', url: `${url}/orders`, headers: alice.headers, body: '', followRedirects: false };
    const response = { status, headers: {}, body: '', durationMs: 1 };
    const sample = { request, response, endpointId: 'e', service: 's', template: '/orders', identity: 'alice', ownValues: [] };
    const proven = new SignedIn([alice], send, Date.now).prove([{ ...sample, pathValues: [], isSecured: null, setsLogin: false }]);
    if (expected === null) await t.resolves(proven, what);
    else await t.rejects(proven, { code: expected }, what);
  }
});
