import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';
import type { Role } from '../store/index.js';
import { openApiDocument } from './index.js';
import { ROLE_RANK } from './roles.js';
import { ROUTES } from './routes/index.js';
import { call, createWorld, seed } from './testing/world.js';

t.test('the document', async (t) => {
  const document = JSON.stringify(openApiDocument(), null, 2);
  const golden = readFileSync(path.join(packageRoot(), 'admin', 'openapi.json'), 'utf8').trimEnd();
  t.ok(document === golden, 'openapi.json is what the routes say; write it again with: node --import tsx admin/write-openapi.ts');
  const result = await new Validator().validate(document);
  t.same(result.errors ?? [], []);
  t.equal(result.valid, true);
  t.equal(new Set(ROUTES.map((route) => route.id)).size, ROUTES.length, 'operation ids are unique');
});

t.test('every route × every role', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const callers: readonly (Role | null)[] = [null, 'viewer', 'analyst', 'admin'];
  for (const route of ROUTES) {
    // A live view does not end; it has its own test.
    if (route.id === 'live.subscribe') continue;
    const url = route.path.replaceAll(/:\w+/g, 'nothing');
    for (const caller of callers) {
      // Without a body a write stops at validation, after the role was checked: nothing is changed.
      const answer = await world.as(caller)(route.method, url);
      const expected = route.role === 'anyone' ? 'in' : caller === null ? 401 : ROLE_RANK[caller] < ROLE_RANK[route.role] ? 403 : 'in';
      const seen = answer.status === 401 && route.role !== 'anyone' ? 401 : answer.status === 403 ? 403 : 'in';
      t.equal(seen, expected, `${route.method} ${route.path} as ${caller ?? 'nobody'}`);
      t.not(answer.status, 500, `${route.method} ${route.path} as ${caller ?? 'nobody'}: ${answer.text}`);
    }
  }
});

t.test('scopes narrow a token', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const made = await world.as('analyst')('POST', '/tokens', { name: 'ci', scopes: ['read', 'write:blocks'] });
  t.equal(made.status, 200);
  const headers = { authorization: `Bearer ${made.json.secret}` };
  const as = world.as(null);
  t.equal((await as('GET', '/issues', undefined, headers)).status, 200);
  t.equal((await as('POST', '/blocks', { value: '203.0.113.7' }, headers)).status, 200);
  t.equal((await as('POST', '/issues/x/comments', { text: 'hm' }, headers)).status, 403);
  t.equal((await as('POST', '/tokens', { name: 'more' }, headers)).status, 403, 'it cannot make a stronger token');
  t.equal((await world.as('viewer')('POST', '/tokens', { name: 'up', role: 'admin' })).status, 403);
  world.nowMs += 91 * 86_400_000;
  t.equal((await as('GET', '/issues', undefined, headers)).status, 401, 'expired');
});

t.test('errors are problems with a code', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const admin = world.as('admin');
  const cases: readonly [string, string, unknown, number, string, string?][] = [
    ['GET', '/nothing', undefined, 404, 'ADMIN_NOT_FOUND'],
    ['GET', '/issues/nothing', undefined, 404, 'ADMIN_NOT_FOUND'],
    ['GET', '/issues?limit=0', undefined, 400, 'ADMIN_BAD_REQUEST', 'query.limit'],
    ['GET', '/issues?unknown=1', undefined, 400, 'ADMIN_BAD_REQUEST', 'query'],
    ['GET', '/issues?cursor=rubbish', undefined, 400, 'STORE_BAD_CURSOR'],
    ['POST', '/blocks', { value: '' }, 400, 'ADMIN_BAD_REQUEST', 'body.value'],
    ['POST', '/blocks', { value: '127.0.0.1' }, 409, 'BLOCK_PROTECTED'],
    ['POST', '/blocks', '{"value": ', 400, 'ADMIN_BAD_REQUEST'],
    ['PUT', '/policies/p', { text: 'policy: p\nruls: []\n' }, 400, 'ADMIN_BAD_REQUEST', 'line 2, column 1'],
    ['PUT', '/policies/forbidden-data', { text: 'policy: forbidden-data\n' }, 409, 'ADMIN_READ_ONLY'],
    ['GET', '/schedule-preview?cron=every%20day', undefined, 400, 'ADMIN_BAD_REQUEST', 'body.cron'],
    ['POST', '/issues/x/status', { status: 'accepted' }, 400, 'ADMIN_BAD_REQUEST', 'body.reason'],
    ['DELETE', '/users/nobody', undefined, 404, 'ADMIN_NOT_FOUND'],
  ];
  for (const [method, url, body, status, code, at] of cases) {
    const answer = await admin(method, url, body, typeof body === 'string' ? { 'content-type': 'application/json' } : {});
    t.match(answer, { status, json: { status, code } }, `${method} ${url}`);
    t.match(answer.headers['content-type'], /^application\/problem\+json/);
    if (at !== undefined) t.match(answer.json.errors, [{ at }], `${method} ${url} names ${at}`);
  }
  const unhandled = await call(world.admin, { method: 'GET', url: '/api/v1/issues', headers: { authorization: 'Bearer wrong' } });
  t.equal(unhandled.status, 401);
});

t.test('ETags, versions and idempotency', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const analyst = world.as('analyst');
  const [issue] = (await analyst('GET', '/issues?sort=-priority')).json.items;
  const read = await analyst('GET', `/issues/${issue.id}`);
  const etag = String(read.headers.etag);
  t.equal((await analyst('GET', `/issues/${issue.id}`, undefined, { 'if-none-match': etag })).status, 304);
  const comment = (key: string, text: string) => analyst('POST', `/issues/${issue.id}/comments`, { text }, { 'idempotency-key': key });
  const first = await comment('one', 'on it');
  const again = await comment('one', 'on it');
  t.equal(first.status, 200);
  t.same(again.json, first.json);
  t.equal(again.headers['idempotency-replayed'], 'true');
  t.match(await comment('one', 'something else'), { status: 422, json: { code: 'ADMIN_KEY_REUSED' } });
  t.equal((await analyst('GET', `/issues/${issue.id}/events`)).json.items.length, 2, 'opened, one comment');
  t.match(await analyst('POST', `/issues/${issue.id}/status`, { status: 'fixed' }, { 'if-match': etag }), {
    status: 200,
    json: { status: 'fixed', version: 2 },
  });
  t.match(await analyst('POST', `/issues/${issue.id}/status`, { status: 'open' }, { 'if-match': etag }), {
    status: 409,
    json: { code: 'STORE_CONFLICT' },
  });
  const bad = await analyst('POST', `/issues/nothing/comments`, { text: 'x' }, { 'idempotency-key': 'two' });
  t.equal(bad.status, 404);
  t.equal(
    (await analyst('POST', `/issues/${issue.id}/comments`, { text: 'x' }, { 'idempotency-key': 'two' })).status,
    200,
    'a refused write does not use its key up',
  );
});

t.test('every list is a file too', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const csv = await world.as('viewer')('GET', '/endpoints?format=csv&service=shop');
  const [head, row] = csv.text.split('\r\n');
  t.match(head, /^id,service,method,template,.*counts\.requests/);
  t.match(row, /^e1,shop,GET,\/orders\/\{id\},/);
  t.equal((await world.as('viewer')('GET', '/findings?format=ndjson')).text.trim().split('\n').length, 3);
  t.equal((await world.as('viewer')('GET', '/issues?format=csv&sort=nothing')).status, 400);
  for (const route of ROUTES.filter((one) => one.list !== null)) {
    const url = route.path.replaceAll(/:\w+/g, 'e1');
    const file = await world.as('admin')('GET', `${url}?format=csv`);
    if (file.status === 404) continue;
    t.match(
      file,
      { status: 200, headers: { 'content-type': /^text\/csv/, 'content-disposition': /attachment/ } },
      `${route.path} is a file too`,
    );
  }
  const { csvLine } = await import('./csv.js');
  t.equal(csvLine(['=1+1', '-5', 'a,b', 'say "x"', '@x']), `'=1+1,-5,"a,b","say ""x""",'@x\r\n`);
});

t.test('the audit log has every write, whatever came of it, and no secret', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const admin = async (...call: Parameters<ReturnType<typeof world.as>>) => {
    world.nowMs += 1;
    return world.as('admin')(...call);
  };
  await admin('POST', '/blocks', { value: '203.0.113.7', reason: 'probing' });
  await admin('POST', '/users', { name: 'ann', role: 'viewer', password: 'correct horse battery' });
  await admin('POST', '/blocks', { value: '' });
  world.nowMs += 1;
  await world.as('viewer')('POST', '/blocks', { value: '203.0.113.8' });
  await admin('GET', '/issues');
  await admin('POST', '/policy-check', { text: 'policy: p' });
  const { items } = (await admin('GET', '/audit?sort=at')).json;
  t.same(
    items.map((one: { actor: string; action: string; outcome: string; target: string }) => [
      one.actor,
      one.action,
      one.outcome,
      one.target,
    ]),
    [
      ['token:admin', 'blocks.add', 'ok', 'address 203.0.113.7'],
      ['token:admin', 'users.add', 'ok', 'ann'],
      ['token:admin', 'blocks.add', 'refused', ''],
      ['token:viewer', 'blocks.add', 'refused', ''],
    ],
    'reads and checks are not writes',
  );
  t.notMatch(JSON.stringify(items), /correct horse/);
  t.match(items[0].detail, { reason: 'probing', value: '203.0.113.7' });
});

t.test('headers and pages', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const page = await call(world.admin, { method: 'GET', url: '/issues/abc' });
  t.match(page.text, /not built/);
  for (const url of ['/issues/abc', '/api/v1/issues', '/healthz', '/api/v1/openapi.json', '/assets/missing.js']) {
    const { headers } = await call(world.admin, { method: 'GET', url });
    const policy = String(headers['content-security-policy']);
    t.match(policy, /default-src 'self'/, url);
    t.notMatch(policy, /unsafe/, url);
    t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
  }
  t.equal((await call(world.admin, { method: 'GET', url: '/assets/missing.js' })).status, 404);
  t.notMatch(
    (await call(world.admin, { method: 'GET', url: '/..%2f..%2fadmin-token' })).text,
    /^[\w-]{43}/,
    'nothing outside the folder is served',
  );
  t.equal((await call(world.admin, { method: 'GET', url: '/readyz' })).text, 'ready\n');
  t.match(
    (await call(world.admin, { method: 'GET', url: '/metrics' })).text,
    /weir_source_dropped_total\{source="gateway-1",reason="full"\} 3/,
  );
});
