import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t from 'tap';
import { roleOf } from './oidc.js';
import { call, createWorld, type World } from './testing/world.js';

/** A browser: keeps its cookie and the session's csrf value. */
function browser(world: World) {
  const state = { cookie: '', csrf: '' };
  const send = async (method: string, url: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await call(world.admin, {
      method: method as 'GET',
      url: `/api/v1${url}`,
      headers: { cookie: state.cookie, ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const set = [answer.headers['set-cookie'] ?? []].flat().find((one) => one.startsWith('weir_session='));
    if (set !== undefined) state.cookie = set.split(';')[0]!;
    if (answer.json?.csrf) state.csrf = answer.json.csrf;
    return Object.assign(answer, { set });
  };
  return { state, send, write: (method: string, url: string, body?: unknown) => send(method, url, body, { 'x-csrf-token': state.csrf }) };
}

t.test('the first sign-in: a link that opens once, then a password', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const ui = browser(world);
  t.match((await ui.send('GET', '/session/methods')).json, { password: false, singleSignOn: null });
  const link = await world.admin.signInLink('http://127.0.0.1:9090');
  t.match(link, /^http:\/\/127\.0\.0\.1:9090\/welcome#[\w-]{43}$/);
  const secret = link.split('#')[1]!;
  const first = await ui.send('POST', '/session/link', { secret });
  t.match(first.json, { name: 'admin', role: 'admin', kind: 'user', passwordSet: false });
  t.match(first.set, /HttpOnly; SameSite=Strict/);
  t.match(await browser(world).send('POST', '/session/link', { secret }), { status: 401, json: { code: 'ADMIN_LINK_USED' } });
  t.match(await ui.write('PUT', '/session/password', { password: 'short' }), { status: 400 });
  t.match(await ui.write('PUT', '/session/password', { password: 'correct horse battery' }), { status: 200, json: { passwordSet: true } });
  t.match((await world.store.accounts.users())[0]?.passwordHash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  t.match(await ui.write('PUT', '/session/password', { password: 'another long one', present: 'wrong' }), { status: 401 });
  t.equal((await ui.send('GET', '/session')).status, 200, 'the new session goes on');
  const other = browser(world);
  t.match(await other.send('POST', '/session', { name: 'admin', password: 'correct horse battery' }), {
    status: 200,
    json: { role: 'admin' },
  });
  t.equal((await other.write('DELETE', '/session')).status, 204);
  t.equal((await other.send('GET', '/session')).status, 401);
  const late = await world.admin.signInLink('');
  world.nowMs += 25 * 3_600_000;
  t.equal((await browser(world).send('POST', '/session/link', { secret: late.split('#')[1] })).status, 401, 'links get old');
  t.equal((await ui.send('GET', '/session')).status, 401, 'sessions too');
});

t.test('other sites cannot write with a browser’s cookie', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const ui = browser(world);
  await ui.send('POST', '/session/link', { secret: (await world.admin.signInLink('')).split('#')[1] });
  const block = { value: '203.0.113.7' };
  const cases: readonly [string, Record<string, string>, number, string?][] = [
    ['no token', {}, 403, 'ADMIN_CSRF'],
    ['wrong token', { 'x-csrf-token': 'x' }, 403, 'ADMIN_CSRF'],
    ['foreign origin', { 'x-csrf-token': ui.state.csrf, origin: 'https://evil.test' }, 403, 'ADMIN_ORIGIN'],
    ['opaque origin', { 'x-csrf-token': ui.state.csrf, origin: 'null' }, 403, 'ADMIN_ORIGIN'],
    ['cross-site', { 'x-csrf-token': ui.state.csrf, 'sec-fetch-site': 'cross-site' }, 403, 'ADMIN_ORIGIN'],
    ['own origin', { 'x-csrf-token': ui.state.csrf, origin: 'http://localhost:80', host: 'localhost' }, 200],
    ['right', { 'x-csrf-token': ui.state.csrf }, 200],
  ];
  for (const [name, headers, status, code] of cases)
    t.match(await ui.send('POST', '/blocks', block, headers), { status, ...(code ? { json: { code } } : {}) }, name);
  t.equal((await browser(world).send('POST', '/session', block, { origin: 'https://evil.test' })).status, 403, 'signing in from elsewhere');
});

t.test('guessing passwords ends in a lock, and in a limit per address', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const admin = world.as('admin');
  const { id } = (await admin('POST', '/users', { name: 'ann', role: 'analyst', password: 'correct horse battery' })).json;
  const guess = (password: string, name = 'ann') => browser(world).send('POST', '/session', { name, password });
  for (let n = 0; n < 8; n += 1) t.equal((await guess(`wrong ${n}`)).status, 401);
  t.match(await guess('correct horse battery'), { status: 429, json: { code: 'ADMIN_LOCKED' } });
  await admin('PATCH', `/users/${id}`, { unlock: true });
  t.equal((await guess('correct horse battery')).status, 200, 'unlocked by an admin');
  t.match(await guess('x', 'nobody'), { status: 401, json: { code: 'ADMIN_SIGN_IN_FAILED' } }, 'an unknown name gets the same answer');
  let status = 0;
  for (let n = 0; n < 20 && status !== 429; n += 1) status = (await guess('x', `user-${n}`)).status;
  t.equal(status, 429, 'then the address has to wait');
});

t.test('roles are the server’s: changes end sessions, the last admin stays', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const ui = browser(world);
  await ui.send('POST', '/session/link', { secret: (await world.admin.signInLink('')).split('#')[1] });
  const { id } = (await ui.write('POST', '/users', { name: 'ann', role: 'analyst', password: 'correct horse battery' })).json;
  t.match(await ui.write('POST', '/users', { name: 'ann', role: 'viewer' }), { status: 409, json: { code: 'STORE_DUPLICATE' } });
  const ann = browser(world);
  await ann.send('POST', '/session', { name: 'ann', password: 'correct horse battery' });
  t.equal((await ann.write('POST', '/blocks', { value: '203.0.113.7' })).status, 200);
  const token = (await ann.write('POST', '/tokens', { name: 'mine' })).json.secret;
  await ui.write('PATCH', `/users/${id}`, { role: 'viewer' });
  t.equal((await ann.send('GET', '/session')).status, 401);
  await ann.send('POST', '/session', { name: 'ann', password: 'correct horse battery' });
  t.equal((await ann.write('POST', '/blocks', { value: '203.0.113.8' })).status, 403);
  await ui.write('PATCH', `/users/${id}`, { disabled: true });
  t.equal(
    (await world.as(null)('GET', '/issues', undefined, { authorization: `Bearer ${token}` })).status,
    401,
    'tokens of a disabled user end too',
  );
  const me = (await ui.send('GET', '/users')).json.items.find((one: { name: string }) => one.name === 'admin');
  t.match(await ui.write('DELETE', `/users/${me.id}`), { status: 409, json: { code: 'ADMIN_LAST_ADMIN' } });
  const { path: link } = (await ui.write('POST', `/users/${me.id}/sign-in-link`)).json;
  t.match(await browser(world).send('POST', '/session/link', { secret: link.split('#')[1] }), { json: { name: 'admin' } });
});

t.test('the local token lets the same user of the machine in', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const file = path.join(world.folder, 'admin-token');
  t.equal(statSync(file).mode & 0o777, 0o600);
  const headers = { authorization: `Bearer ${readFileSync(file, 'utf8').trim()}` };
  t.match((await world.as(null)('GET', '/session', undefined, headers)).json, { name: 'local', role: 'admin' });
});

t.test('binding beyond loopback without TLS is said loudly', async (t) => {
  for (const [options, warned] of [
    [{ host: '0.0.0.0' }, true],
    [{ host: '0.0.0.0', behindTls: true }, false],
    [{ host: '127.0.0.1' }, false],
  ] as const) {
    const world = await createWorld(options);
    t.match(await world.admin.listen(), /^http:\/\/(localhost|127\.0\.0\.1):\d+$/);
    t.equal(
      world.warnings.some((line) => line.includes('WITHOUT TLS')),
      warned,
      JSON.stringify(options),
    );
    await world.close();
  }
});

t.test('single sign-on: code flow with PKCE against a provider', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const provider = createServer();
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  t.teardown(() => provider.close());
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const seen = { nonce: '', groups: ['staff', 'security'] };
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', kid: '1' }] };
  provider.on('request', async (request, response) => {
    const reply = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (request.url === '/.well-known/openid-configuration')
      return reply({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
      });
    if (request.url === '/jwks') return reply(jwks);
    const claims = new SignJWT({ nonce: seen.nonce, groups: seen.groups, preferred_username: 'carol', email: 'carol@example.com' });
    const nowS = Math.floor(Date.now() / 1000);
    const idToken = await claims
      .setProtectedHeader({ alg: 'RS256', kid: '1' })
      .setIssuer(issuer)
      .setAudience('weir')
      .setSubject('c-1')
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + 60)
      .sign(privateKey);
    reply({ access_token: 'a', token_type: 'Bearer', id_token: idToken });
  });
  const world = await createWorld({
    publicUrl: 'http://weir.test',
    oidc: { name: 'Example', issuer, clientId: 'weir', clientSecret: 's', roles: { security: 'analyst' }, otherwise: null },
  });
  t.teardown(() => world.close());
  const flow = async (change: (callback: URL) => void = () => undefined, cookieOf?: string) => {
    const begin = await call(world.admin, { method: 'GET', url: '/api/v1/session/oidc' });
    const to = new URL(String(begin.headers.location));
    seen.nonce = to.searchParams.get('nonce')!;
    const callback = new URL(to.searchParams.get('redirect_uri')!);
    callback.searchParams.set('code', 'c');
    callback.searchParams.set('state', to.searchParams.get('state')!);
    change(callback);
    return call(world.admin, {
      method: 'GET',
      url: callback.pathname + callback.search,
      headers: { cookie: cookieOf ?? String(begin.headers['set-cookie']).split(';')[0]! },
    });
  };
  const done = await flow();
  t.equal(done.status, 200);
  const cookie = [done.headers['set-cookie'] ?? []]
    .flat()
    .find((one) => one.startsWith('weir_session='))!
    .split(';')[0]!;
  t.match((await call(world.admin, { method: 'GET', url: '/api/v1/session', headers: { cookie } })).json, {
    name: 'carol',
    role: 'analyst',
  });
  t.match(await flow((callback) => callback.searchParams.set('state', 'other')), { status: 401, json: { code: 'ADMIN_SIGN_IN_FAILED' } });
  t.match(await flow(undefined, 'weir_sso=forged.forged'), { status: 401 });
  seen.groups = ['staff'];
  t.match(await flow(), { status: 401, json: { detail: /groups/ } });
  t.equal((await world.store.accounts.users()).length, 1);
});

t.test('the highest role of the claim wins', async (t) => {
  const oidc = { name: '', issuer: '', clientId: '', roles: { a: 'viewer', b: 'admin' } as const, otherwise: 'viewer' as const };
  for (const [groups, role] of [
    [['a', 'b'], 'admin'],
    [['a'], 'viewer'],
    ['b', 'admin'],
    [['constructor'], 'viewer'],
    [undefined, 'viewer'],
  ] as const)
    t.equal(roleOf(oidc, { groups }), role, String(groups));
});
