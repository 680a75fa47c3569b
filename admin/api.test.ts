import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';
import type { Role } from '../store/index.js';
import { openApiDocument } from './index.js';
import { ROLE_RANK } from './roles.js';
import { ROUTES } from './routes/index.js';
import { call, createWorld, exchange, NOW, ref, sampleOf, seed, type World } from './testing/world.js';

/** Made once: it takes a while. */
const MADE = openApiDocument();

t.test('the document', async (t) => {
  const document = JSON.stringify(MADE, null, 2);
  const golden = readFileSync(path.join(packageRoot(), 'admin', 'openapi.json'), 'utf8').trimEnd();
  t.ok(document === golden, 'openapi.json is what the routes say; write it again with: node --import tsx admin/write-openapi.ts');
  const result = await new Validator().validate(document);
  t.same(result.errors ?? [], []);
  t.equal(result.valid, true);
  t.equal(new Set(ROUTES.map((route) => route.id)).size, ROUTES.length, 'operation ids are unique');
});

t.test('the client of the UI is generated from the document, and the UI uses nothing else', async (t) => {
  const source = path.join(packageRoot(), 'admin-ui', 'src');
  const generated = readFileSync(path.join(source, 'api.generated.ts'), 'utf8');
  const [client, document] = [generated.slice(0, generated.lastIndexOf('// document')), JSON.stringify(MADE, null, 2)];
  t.equal(
    generated.slice(client.length),
    `// document ${hashOf(document)}, client ${hashOf(client)}\n`,
    'api.generated.ts was made of this document, and not touched since; write it again with: npm run generate --workspace admin-ui',
  );
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /(?<!generated)\.tsx?$/.test(file));
  const texts = files.map((file) => [file, readFileSync(path.join(source, file), 'utf8')] as const);
  const reaches = /(?<![\w.])fetch\(|XMLHttpRequest|new EventSource|new WebSocket|sendBeacon/;
  t.same(
    texts.filter(([, text]) => reaches.test(text)).map(([file]) => file),
    ['api.ts', 'live.ts'],
    'what reaches the network: the generated client, and the live view',
  );
  const known = [...Object.keys(MADE.paths as object), '/api/v1/openapi.json'].map(
    (one) => new RegExp(`^${one.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  );
  // A link, or the list that is exported beside it; what is put in stands for one segment.
  const links = texts.flatMap(([, text]) => [
    ...[...text.matchAll(/["'`](\/api\/v1\/[^"'`?]*)/g)].map(([, link]) => link!),
    ...[...text.matchAll(/\bpath=(?:"|\{`)(\/[^"`]*)/g)].map(([, link]) => `/api/v1${link}`),
  ]);
  const addresses = links.map((link) => link.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, 'x').replace(/\$\{.*/, ''));
  t.ok(addresses.length > 100, `${addresses.length} addresses`);
  t.same(
    addresses.filter((one) => !known.some((path) => path.test(one))),
    [],
    'every address is one of the document',
  );
});

/** As admin-ui/generate.mjs makes it. */
const hashOf = (text: string) => createHash('sha256').update(text.trimEnd()).digest('hex').slice(0, 32);

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
  const noted = new Set((await world.as('admin')('GET', '/audit?format=ndjson')).text.match(/(?<="action":")[^"]+/g));
  t.same(
    ROUTES.filter((route) => !route.reads && !noted.has(route.id)).map((route) => route.id),
    [],
    'every write is in the audit log',
  );
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
    t.notMatch(answer.json.detail, /Invalid|Too (?:big|small)|Unrecognized|received/, `${method} ${url} speaks plainly`);
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
  const folder = path.join(packageRoot(), 'admin-ui', 'src');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.tsx'))
    .map((name) => readFileSync(path.join(folder, name), 'utf8'))
    .join('\n');
  // Choices of a form and of a menu, not lists.
  const forms = ['/integration-kinds', '/saved-views'];
  for (const { path: address } of ROUTES.filter((one) => one.list !== null && !forms.includes(one.path))) {
    if (!sources.includes(`api.GET('/api/v1${address.replaceAll(/:(\w+)/g, '{$1}')}'`)) continue;
    const link = new RegExp(`path=(?:"|{\`)${address.replaceAll(/:\w+/g, '\\$\\{[^}]+\\}')}["\`]`);
    t.match(sources, link, `the page that shows ${address} has its files too`);
  }
  const { csvLine } = await import('./csv.js');
  t.equal(csvLine(['=1+1', '-5', 'a,b', 'say "x"', '@x']), `'=1+1,-5,"a,b","say ""x""",'@x\r\n`);
});

/** At least two rows for each list. */
async function fill(world: World): Promise<Readonly<Record<string, string>>> {
  await seed(world.store);
  const admin = async (method: string, url: string, body?: unknown) => {
    world.nowMs += 1_000;
    const answer = await world.as('admin')(method, url, body);
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.text}`);
    return answer.json;
  };
  await world.store.commit({
    batchIds: ['more'],
    nowMs: NOW,
    services: [{ name: 'bank', firstSeenMs: NOW - 5000, lastSeenMs: NOW, about: {} }],
    endpoints: ['e2', 'e3'].map((id) => ({
      ref: { ...ref, id, template: `/${id}` },
      firstSeenMs: NOW - 4000,
      lastSeenMs: NOW - 10,
      access: 'private',
      authRequired: null,
      auth: [],
      tags: [],
      dataTypes: [],
      fields: [],
      risk: 3,
      riskReasons: [],
      detail: {},
    })),
    history: [
      { endpointId: 'e1', service: 'shop', atMs: NOW, kind: 'auth', text: 'authentication is optional now', before: null, after: null },
    ],
    dataSightings: [
      {
        endpointId: 'e1',
        service: 'shop',
        phase: 'request',
        place: 'query',
        path: 'mail',
        type: 'email',
        firstSeenMs: NOW,
        lastSeenMs: NOW,
        count: 1,
      },
    ],
    actors: [
      {
        ref: { kind: 'address', value: '203.0.113.9', label: '203.0.113.9' },
        firstSeenMs: NOW - 100,
        lastSeenMs: NOW,
        score: 0,
        state: 'active',
        requests: 4,
        errors: 0,
        blocked: 0,
        findings: 0,
        detail: {},
        events: [],
        links: [],
      },
    ],
    samples: [sampleOf(exchange('x4'), { actorId: 'address:203.0.113.9' })],
  });
  const [issue] = (await admin('GET', '/issues?sort=-priority')).items;
  await admin('POST', `/issues/${issue.id}/comments`, { text: 'on it' });
  await admin('POST', '/endpoints/e1/pin');
  await admin('POST', '/endpoints/merge', { service: 'shop', method: 'GET', template: '/{any}' });
  await admin('POST', '/actors/principal:mallory/watch', {});
  for (const n of [1, 2]) {
    await admin('POST', '/blocks', { value: `203.0.113.${n}` });
    await admin('POST', '/allowlist', { value: `198.51.100.${n}`, reason: 'ours', forMs: n * 1000 });
    await admin('POST', '/feeds', { name: `feed ${n}`, url: `https://feeds.test/${n}.txt` });
    await admin('PUT', '/policies/p', { text: `policy: p\n# ${n}\n` });
    await admin('POST', '/auth-contexts', { name: `user ${n}`, service: 'shop', kind: 'header', config: { name: 'a', value: 'b' } });
    await admin('POST', '/saved-views', { page: 'issues', name: `view ${n}`, query: '' });
    await admin('POST', '/users', { name: `user-${n}`, role: 'viewer' });
    await admin('PUT', `/data-types/type-${n}`, { title: 'Order', pattern: 'ORD', examples: { match: ['ORD'], ignore: [] } });
    await admin('POST', '/integrations', { kind: 'webhook', name: `soc ${n}`, config: { url: 'https://soc.test' } });
  }
  const [scan] = [1, 2].map((n) => admin('POST', '/scans', { name: `scan ${n}`, service: 'shop', definition: {} }));
  const { id: scanId } = await scan!;
  const run = (await admin('POST', `/scans/${scanId}/runs`, {})).id;
  await admin('POST', `/scans/${scanId}/runs`, {});
  await world.store.scans.addResults(
    ['a', 'b'].map((testId, n) => ({
      runId: run,
      testId,
      endpointId: 'e1',
      verdict: ['vulnerable', 'safe'][n]!,
      severity: 'high' as const,
      atMs: NOW + n,
      issueId: null,
      body: {},
    })),
  );
  const [integration] = (await admin('GET', '/integrations')).items;
  for (const _n of [1, 2]) await admin('POST', `/issues/${issue.id}/send`, { integrationId: integration.id });
  return { endpoints: 'e1', issues: issue.id, actors: 'principal:mallory', 'scan-runs': run, integrations: integration.id, policies: 'p' };
}

t.test('every list has pages, orders, filters and an ETag', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const whose = await fill(world);
  const admin = world.as('admin');
  const { paths } = MADE as { paths: Record<string, Record<string, { parameters: { name: string; schema: unknown }[] }>> };
  for (const route of ROUTES.filter((one) => one.list !== null)) {
    const url = route.path.replace(/:\w+/, encodeURIComponent(whose[route.path.split('/')[1]!] ?? ''));
    const read = async (query: string, headers = {}) => {
      const answer = await admin('GET', `${url}?${query}`, undefined, headers);
      if (answer.status !== 200 && answer.status !== 304) throw new Error(`${url}?${query}: ${answer.text}`);
      return answer;
    };
    const asked = paths[`/api/v1${route.path.replaceAll(/:(\w+)/g, '{$1}')}`]!.get!.parameters;
    const filters = asked.filter(({ name }) => !['id', 'name', 'limit', 'cursor', 'sort', 'format', 'sparkline'].includes(name));
    t.ok(filters.length > 0, `${route.path} can be filtered`);
    const first = await read('limit=1');
    t.equal((await read('limit=1', { 'if-none-match': String(first.headers.etag) })).status, 304, `${route.path} has an ETag`);
    if (filters.some(({ name }) => name === 'search'))
      t.same((await read('search=nothing-has-this')).json.items, [], `${route.path} is searched`);
    const { enum: sorts } = asked.find(({ name }) => name === 'sort')!.schema as { enum: readonly string[] };
    const wrong: string[] = [];
    for (const sort of sorts.filter((one) => !one.startsWith('-'))) {
      const { items: rows }: { items: readonly Row[] } = (await read(`sort=${sort}`)).json;
      if (rows.length < 2 && !ALONE.has(route.path)) wrong.push(`${sort}: too few rows to tell an order`);
      const values = rows.map((row) => row[sort] ?? row[`${sort}Ms`]).filter((value) => value != null);
      if (sort !== 'severity' && !isDeepStrictEqual(values, [...values].sort(ascending))) wrong.push(`${sort}: ${values.join(', ')}`);
      const { items: downwards } = (await read(`sort=-${sort}`)).json;
      if (!isDeepStrictEqual(downwards, [...rows].reverse())) wrong.push(`-${sort} is not ${sort} the other way round`);
      const paged: Row[] = [];
      let cursor: string | null = '';
      for (const limit = Math.ceil(rows.length / 2); cursor !== null; ) {
        const page: { items: Row[]; nextCursor: string | null } = (await read(`sort=${sort}&limit=${limit}&cursor=${cursor}`)).json;
        paged.push(...page.items);
        cursor = page.nextCursor;
      }
      if (!isDeepStrictEqual(paged, rows)) wrong.push(`${sort}: the pages are not the list`);
    }
    t.same(wrong, [], `${route.path} in ${sorts.length} orders`);
  }
  for (const [query, expected] of [
    ['/users?search=USER-2', ['user-2']],
    ['/users?sort=-name&limit=1', ['user-2']],
    ['/feeds?search=feeds.test%20feed&sort=-name', ['feed 2', 'feed 1']],
    ['/endpoints/e1/history?kind=auth', ['auth']],
    ['/changes?kind=auth', ['auth']],
    [`/issues/${whose.issues}/events?kind=comment`, ['comment']],
    ['/actors/principal:mallory/timeline?kind=state', ['state']],
    ['/actors/principal:mallory/findings?severity=critical', ['bola.foreign-object']],
    ['/inventory-edits?kind=merge', ['merge']],
    ['/endpoints/e1/exchanges?actorId=address:203.0.113.9', ['x4']],
    ['/endpoints/e1/tests?verdict=safe', ['b']],
  ] as const)
    t.same(
      (await admin('GET', query)).json.items.map((one: Row) => one.testId ?? one.kind ?? one.name ?? one.id),
      expected,
      query,
    );
});

type Row = Readonly<Record<string, unknown>>;
/** One row each, in the ports of tests. */
const ALONE = new Set(['/scan-tests', '/sources', '/integration-kinds']);
const ascending = (one: unknown, other: unknown) => ((one as string) < (other as string) ? -1 : one === other ? 0 : 1);

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
