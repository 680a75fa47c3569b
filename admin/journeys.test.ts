import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { encodeExchange } from '../exchange/index.js';
import { createSeal } from './index.js';
import { createWorld, exchange, finding, NOW, SECRET, sampleOf, seed } from './testing/world.js';

t.test('the day’s overview', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const viewer = world.as('viewer');
  t.match(
    (await viewer('GET', '/overview')).json,
    { totals: { requests: 0 }, coverage: { percent: null }, services: [{ name: 'shop' }] },
    'empty, but an answer',
  );
  await seed(world.store);
  t.match((await viewer('GET', '/overview')).json, {
    traffic: [{ requests: 100, blocked: 6 }],
    totals: { requests: 100, unmatched: 13, blocked: 6 },
    newEndpoints: [{ id: 'e1', template: '/orders/{id}' }],
    coverage: { matched: 87, unmatched: 13, percent: 87 },
    endpoints: { total: 1, added: 1 },
    openIssues: [
      { severity: 'info', count: 0 },
      { severity: 'low', count: 1 },
      { severity: 'medium', count: 0 },
      { severity: 'high', count: 1 },
      { severity: 'critical', count: 1 },
    ],
    services: [{ name: 'shop', requests: 100, blocked: 6, openIssues: 3, mode: { request: 'observe' } }],
    topActors: [{ id: 'principal:mallory', score: 80 }],
    sensitiveData: [{ type: 'us-ssn', phase: 'response', count: 4 }],
    health: { state: 'ok', dropped: 3, text: '3 dropped, stream lag 0.2 s' },
  });
});

t.test('switching the mode of a service', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const admin = world.as('admin');
  const cases: readonly [unknown, unknown][] = [
    [{ mode: 'enforce' }, { request: 'enforce', response: 'enforce' }],
    [
      { request: 'enforce', response: 'observe' },
      { request: 'enforce', response: 'observe' },
    ],
    [
      { request: 'enforce', response: 'mirror' },
      { request: 'mirror', response: 'mirror' },
    ],
  ];
  for (const [body, mode] of cases) t.same((await admin('PUT', '/services/shop/mode', body)).json, mode);
  t.match((await admin('GET', '/services')).json.items, [{ name: 'shop', mode: { request: 'mirror' } }]);
  t.equal((await admin('PUT', '/services/shoppe/mode', { mode: 'enforce' })).status, 404);
  t.equal((await admin('PUT', '/services/shop/mode', { mode: 'enfroce' })).status, 400);
  t.match((await admin('PUT', '/mode', { mode: 'observe' })).json, { services: ['shop'] });
});

t.test('the inventory: search, detail, what changed, templates by hand', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const analyst = world.as('analyst');
  for (const [query, found] of [
    ['dataType=us-ssn', 1],
    ['dataType=iban', 0],
    ['field=ssn', 1],
    ['field=iban', 0],
    ['search=orders', 1],
    ['search=invoices', 0],
    ['auth=jwt', 1],
    ['auth=mtls', 0],
    ['access=private', 1],
    ['access=public', 0],
    ['tag=shadow', 0],
    ['minRisk=72', 0],
  ] as const)
    t.equal((await analyst('GET', `/endpoints?${query}`)).json.items.length, found, query);
  t.match((await analyst('GET', '/endpoints?sparkline=true')).json.items[0].sparkline, [{ requests: 87 }]);
  t.match((await analyst('GET', '/endpoints/e1')).json, { risk: 71, detail: { why: ['9 values of the shape integer'] } });
  t.match((await analyst('GET', '/endpoints/e1/traffic')).json.points, [{ requests: 87 }]);
  t.match((await analyst('GET', '/changes?service=shop')).json.items, [{ text: 'us-ssn first seen in user.ssn' }]);
  t.match((await analyst('GET', '/sightings?newSince=week')).json.items, [{ type: 'us-ssn', method: 'GET', template: '/orders/{id}' }]);
  t.equal((await analyst('GET', '/endpoints/e1/exchanges')).json.items.length, 2);
  t.match((await analyst('GET', '/exchanges/r-x1')).json, {
    masked: true,
    request: { target: '/orders/7' },
    response: { status: 200, body: '{"ssn":"•••-••-6789"}' },
  });
  t.match((await analyst('GET', '/endpoints/e1/callers')).json.items, [
    { actorId: 'principal:mallory', exchanges: 2, dataTypes: { 'us-ssn': 3 } },
  ]);

  await analyst('POST', '/endpoints/e1/pin');
  const split = (await analyst('POST', '/endpoints/e1/split', { parameter: 0, value: 'mine' })).json;
  await analyst('POST', '/endpoints/merge', { service: 'shop', method: 'GET', template: '/orders/{id}' });
  t.match((await analyst('POST', `/inventory-edits/${split.id}/undo`)).json, { kind: 'split', undoneMs: NOW });
  t.same(
    world.ports.templateCalls.map((one) => one.split(' ')[0]),
    ['pin', 'split', 'pin', 'unsplit'],
  );
  t.equal((await analyst('GET', '/inventory-edits')).json.items.length, 3);

  const exported = await analyst('GET', '/services/shop/openapi');
  const valid = await new Validator().validate(exported.text);
  t.same(valid.errors ?? [], []);
  t.match(JSON.parse(exported.text), { paths: { '/orders/{id}': { get: { security: [{ jwt: [] }], responses: { 200: {} } } } } });
  t.match((await analyst('POST', '/services/shop/openapi', exported.text, { 'content-type': 'application/json' })).json, { imported: 1 });
  await world.store.commit({ batchIds: ['acted'], nowMs: NOW, findings: [finding(7, { effect: 'acted', title: 'SQL injection' })] });
  const report = (await analyst('GET', '/reports/services/shop')).text;
  t.match(report, /us-ssn first seen in user\.ssn/);
  t.match(report, /Blocked attacks.*SQL injection<\/td><td>mal…<\/td><td>1</s, 'who was stopped at what, how often');
  t.match(
    (await analyst('GET', `/reports/services/shop?toMs=${NOW - 86_400_000}&fromMs=${NOW - 2 * 86_400_000}`)).text,
    /Blocked attacks<\/h2><p>None/,
  );
});

t.test('real values: kept only where an admin wants it, shown to an admin with a reason, noted, and forgotten', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const admin = world.as('admin');
  const unmask = (id: string) => admin('POST', `/exchanges/${id}/unmask`, { reason: 'ticket 7' });
  t.match((await admin('GET', '/settings/redaction')).json, { keepReal: false, secretNames: [] }, 'off until somebody turns it on');
  t.match(await unmask('x1'), { status: 404, json: { code: 'ADMIN_NO_REAL_VALUES', hint: /Settings, Redaction/ } });
  const real = exchange('x3', { response: null, tags: ['real'] });
  await world.store.commit({
    batchIds: ['sealed'],
    nowMs: NOW,
    samples: [sampleOf(exchange('x3'), { sealed: createSeal(SECRET).closeBytes(encodeExchange(real)) })],
  });
  t.match((await world.as('viewer')('GET', '/exchanges/x3')).json, { masked: true, unmaskable: true, response: { status: 200 } });
  t.equal((await world.as('analyst')('POST', '/exchanges/x3/unmask', { reason: 'ticket 7' })).status, 403);
  t.equal((await admin('POST', '/exchanges/x3/unmask', { reason: '' })).status, 400, 'not without a reason');
  t.match((await unmask('x3')).json, { masked: false, response: null });
  t.match(
    (await admin('GET', '/audit?action=exchanges.unmask')).json.items.find(
      (one: { outcome: string; actor: string }) => one.outcome === 'ok',
    ),
    {
      actor: 'token:admin',
      target: 'x3',
      detail: { reason: 'ticket 7' },
    },
  );
  t.match((await admin('PUT', '/settings/redaction', { secretNames: ['x-tenant-pin'] })).json, { keepReal: false });
  t.equal((await unmask('x3')).status, 404, 'switched off: forgotten');
  for (const [text, kept, gone] of [
    ['{"password":"hunter2","name":"Ada"}', '"name": "Ada"', /hunter2/],
    ['authorization: Bearer abc.def\nx-tenant-pin: 4711\naccept: */*\n\n{"a":1}', 'accept: */*', /4711|abc\.def/],
    ['{"x-tenant-pin":"4711"}', '[redacted:', /4711/],
  ] as const) {
    const shown = (await world.as('viewer')('POST', '/settings/redaction/preview', { text })).json.text;
    t.match(shown, kept);
    t.notMatch(shown, gone);
  }
});

t.test('issues: work through them', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const analyst = world.as('analyst');
  const all = (await analyst('GET', '/issues?status=open,reopened&sort=-priority')).json.items;
  t.same(
    all.map((one: { severity: string }) => one.severity),
    ['critical', 'high', 'low'],
  );
  for (const [query, found] of [
    ['kind=bola&severity=high,critical', 2],
    ['severity=low', 1],
    ['status=fixed', 0],
    ['owasp=API1:2023', 3],
    ['owasp=API9:2023', 0],
    ['service=shop', 3],
    ['service=bank', 0],
    ['actorId=principal:mallory', 2],
    ['assignee=ann', 0],
  ] as const)
    t.equal((await analyst('GET', `/issues?${query}`)).json.items.length, found, query);
  const id = all[0].id;
  t.match((await analyst('GET', `/issues/${id}`)).json, {
    evidence: [{ findingId: 'f2', exchangeIds: ['x2'], requestIds: ['r2'], beforeIds: ['x0', 'x1'] }],
    remediation: 'Check who owns it.',
  });
  t.match((await analyst('POST', `/issues/${id}/status`, { status: 'accepted', reason: 'test user', untilMs: NOW + 1000 })).json, {
    status: 'accepted',
  });
  t.match((await analyst('PUT', `/issues/${id}/assignee`, { assignee: 'ann' })).json, { assignee: 'ann' });
  t.equal((await analyst('GET', '/issues?assignee=ann')).json.items.length, 1);
  await world.store.commit({ batchIds: ['again'], nowMs: NOW, findings: [finding(20, { fingerprint: 'fp-2', atMs: NOW + 2000 })] });
  t.match((await analyst('GET', `/issues/${id}`)).json, { status: 'reopened' }, 'seen after the day until which it was accepted');
  t.match((await analyst('POST', '/issues/bulk', { ids: [all[1].id, 'nothing'], decision: { status: 'fixed' } })).json, {
    changed: 1,
    failed: [{ id: 'nothing', code: 'STORE_NOT_FOUND' }],
  });
  t.match((await analyst('GET', '/issue-counts')).json.items.length, 3);
  t.match((await analyst('GET', `/issues/${id}/policy-draft`)).json, {
    name: /^patch-bola-foreign-object-orders-id-/,
    text: /mode: observe[\s\S]*path: \/orders\/\{id\}/,
  });
  t.match((await analyst('GET', `/issues/${id}/exception-draft`)).json, { text: /allow:[\s\S]*until: "?2027-02-18/ });
  t.match((await analyst('GET', '/findings?kind=bola.foreign-object&sort=at')).json.items, [
    { requestIds: ['r1'] },
    { requestIds: ['r2'] },
  ]);
  // Noticed in the same exchange; it stopped nobody.
  const noticed = { incidentId: 'W-7K3M-9QXD-2F', kind: 'data.exposed', atMs: NOW + 5000 };
  await world.store.commit({ batchIds: ['noticed'], nowMs: NOW, findings: [finding(0, noticed)] });
  t.match((await analyst('GET', '/incidents/w-7k3m-9qxd-2f')).json, {
    policy: 'object-access',
    rule: 'foreign-object',
    exchangeId: 'x2',
    issueId: id,
    mode: 'enforce',
  });
  t.match((await analyst('GET', '/blocks-explain?subject=W-7K3M-9QXD-2F')).json, {
    verdict: 'blocked',
    text: /object-access/,
    incident: { rule: 'foreign-object', issueId: id },
  });
});

t.test('an attacker is blocked from their page, and let in again', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const analyst = world.as('analyst');
  t.match((await analyst('GET', '/actors?minScore=50')).json.items, [{ id: 'principal:mallory', detail: { reasons: [{ points: 60 }] } }]);
  t.match((await analyst('POST', '/actors/principal:mallory/block', { reason: 'BOLA' })).json, {
    scope: { kind: 'principal', value: 'mallory' },
    expiresAtMs: NOW + 4 * 3_600_000,
  });
  t.match((await analyst('GET', '/actors/principal:mallory')).json, {
    actor: { state: 'blocked' },
    blocks: [{ reason: 'BOLA' }],
    links: [{ address: '203.0.113.9' }],
  });
  t.same((await analyst('GET', '/actors/principal:mallory/timeline')).json.items.map((one: { kind: string }) => one.kind).sort(), [
    'blocked',
    'finding',
  ]);
  t.equal((await analyst('POST', '/actors/principal:mallory/unblock')).json.removed.length, 1);
  t.match((await analyst('POST', '/actors/principal:mallory/watch', { reason: 'odd hours' })).json, { state: 'watched' });
  t.match((await analyst('GET', '/actors?state=watched')).json.items, [{ id: 'principal:mallory', state: 'watched' }]);
  t.match((await analyst('POST', '/actors/principal:mallory/watch', { watched: false })).json, { state: 'active' });
  const again = (await analyst('POST', '/blocks', { value: 'mallory', kind: 'principal', reason: 'again' })).json;
  t.equal((await analyst('GET', '/actors/principal:mallory')).json.actor.state, 'blocked', 'however the block was made');
  const { items: events } = (await analyst('GET', '/actors/principal:mallory/timeline')).json;
  t.ok(
    events.some(({ body }: { body: { text?: string } }) => /^Blocked by .*: again$/.test(body.text ?? '')),
    'and it is in the timeline',
  );
  await analyst('DELETE', `/blocks/${again.id}`);
  t.equal((await analyst('GET', '/actors/principal:mallory')).json.actor.state, 'active', 'and undone');
  t.match((await analyst('POST', '/actors/principal:mallory/throttle', { reason: 'slower', forMs: 60_000, perMinute: 3 })).json, {
    action: 'throttle',
    expiresAtMs: NOW + 60_000,
  });
  await analyst('POST', '/actors/principal:mallory/unblock');
  t.match((await analyst('POST', '/actors/principal:mallory/allow', { reason: 'our tester', forMs: 60_000 })).json, {
    scope: { value: 'mallory' },
    expiresAtMs: NOW + 60_000,
  });
  t.match((await analyst('GET', '/actors?state=allowed')).json.items, [{ id: 'principal:mallory' }]);
  for (const value of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) await analyst('POST', '/blocks', { value });
  const first = (await analyst('GET', '/blocks?sort=value&limit=2')).json;
  t.same(
    first.items.map((one: { scope: { value: string } }) => one.scope.value),
    ['203.0.113.1', '203.0.113.2'],
  );
  t.match((await analyst('GET', `/blocks?sort=value&limit=2&cursor=${first.nextCursor}`)).json, {
    items: [{ scope: { value: '203.0.113.3' } }],
    nextCursor: null,
  });
  t.match((await analyst('GET', '/blocks-export/nftables')).text, /^# nftables\n203/);
  t.equal((await analyst('DELETE', `/blocks/${first.items[0].id}`)).status, 204);
  const feed = (await world.as('admin')('POST', '/feeds', { name: 'bad', url: 'https://feeds.test/bad.txt' })).json;
  t.match((await analyst('POST', `/feeds/${feed.id}/refresh`)).json, { name: 'bad' });
});

t.test('a policy is written, refused, corrected, switched, reverted', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const admin = world.as('admin');
  t.match((await admin('POST', '/policy-check', { text: 'policy: p\nruls: []' })).json, { ok: false, problems: [{ line: 2, column: 1 }] });
  t.equal((await admin('PUT', '/policies/p', { text: 'policy: q\n' })).status, 400, 'another name');
  t.match(await admin('PUT', '/policies/p', { text: 'policy: p\n# case one fails\n' }), {
    status: 400,
    json: { detail: /own cases fail/ },
  });
  t.match(await admin('PUT', '/policies/p', { text: 'policy: p\nmode: observe\n' }), {
    status: 200,
    json: { version: 1, changedBy: 'token:admin' },
  });
  t.match((await admin('PUT', '/policies/p/mode', { mode: 'enforce' })).json, { version: 2, text: 'policy: p\nmode: enforce\n' });
  t.same(world.ports.published.get('policies'), [{ name: 'p', text: 'policy: p\nmode: enforce\n' }]);
  t.match(await admin('PUT', '/policies/p', { text: 'policy: p\n' }, { 'if-match': '"v1.abc"' }), { status: 409 });
  t.match((await admin('POST', '/policies/p/revert', { version: 1 })).json, { version: 3, text: 'policy: p\nmode: observe\n' });
  t.equal((await admin('GET', '/policies/p/versions')).json.items.length, 3);
  t.match((await admin('POST', '/policy-replay', { text: 'policy: p\n' })).json, { examined: 2, complete: true });
  t.equal((await admin('DELETE', '/policies/p')).status, 204);
  t.same(world.ports.published.get('policies'), []);
  t.match((await admin('PUT', '/policies/forbidden-data/mode', { mode: 'enforce', percentage: 10 })).json, {
    mode: 'enforce',
    percentage: 10,
    readOnly: true,
  });
  t.match((await admin('PUT', '/policies/forbidden-data/mode', { mode: 'inherit' })).json, { mode: 'inherit' });
  t.match(await admin('DELETE', '/policies/forbidden-data'), { status: 409, json: { code: 'ADMIN_READ_ONLY' } });
});

t.test('a scan is scheduled, run, stopped and compared', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  await seed(world.store);
  const analyst = world.as('analyst');
  const context = (
    await analyst('POST', '/auth-contexts', {
      name: 'user A',
      service: 'shop',
      kind: 'header',
      config: { name: 'authorization', value: 'Bearer secret-a' },
    })
  ).json;
  t.same(context.config, { name: 'authorization', value: '•••' });
  t.notMatch(JSON.stringify((await world.store.objects.list('auth-context')).items), /secret-a/);
  t.match((await analyst('POST', `/auth-contexts/${context.id}/check`)).json, { state: 'ok' });
  t.same((await analyst('GET', '/schedule-preview?cron=0%203%20*%20*%20*&zone=Europe/Berlin')).json.times.slice(0, 1), [
    Date.UTC(2026, 10, 21, 2),
  ]);
  const scan = (
    await analyst('POST', '/scans', {
      name: 'nightly',
      service: 'shop',
      definition: { authContexts: [context.id], categories: ['BOLA'] },
      cron: '0 3 * * *',
      zone: 'Europe/Berlin',
    })
  ).json;
  t.match(scan, { nextRunMs: Date.UTC(2026, 10, 21, 2), definition: { requestsPerSecond: 20, intrusive: false } });
  t.equal((await analyst('POST', '/scans', { name: 'x', service: 'shop', definition: {}, cron: 'sometimes' })).status, 400);
  const runs = [];
  for (let n = 0; n < 2; n += 1) runs.push((await analyst('POST', `/scans/${scan.id}/runs`, {})).json.id);
  t.ok(world.ports.woken >= 2);
  const result = (runId: string, testId: string) => ({
    runId,
    testId,
    endpointId: 'e1',
    verdict: 'vulnerable',
    severity: 'high' as const,
    atMs: NOW,
    issueId: null,
    body: { explanation: 'because' },
  });
  await world.store.scans.addResults([result(runs[0], 'a'), result(runs[0], 'b'), result(runs[1], 'b'), result(runs[1], 'c')]);
  const swapped = { ...result(runs[1], 'bola-swap'), verdict: 'safe' };
  await world.store.scans.addResults([swapped]);
  t.match((await analyst('GET', `/scan-runs/${runs[1]}/results?verdict=safe`)).json.items, [
    { testId: 'bola-swap', testName: 'BOLA by swapped id', template: '/orders/{id}' },
  ]);
  t.match((await analyst('GET', `/scan-runs/${runs[1]}/compare?with=${runs[0]}`)).json, {
    added: [{ testId: 'c', testName: 'c', template: '/orders/{id}' }],
    gone: [{ testId: 'a' }],
    same: 1,
  });
  t.match((await analyst('POST', `/scan-runs/${runs[0]}/stop`)).json, { state: 'stopped', stopRequested: true });
  t.equal((await analyst('POST', `/scan-runs/${runs[0]}/stop`)).status, 400);
  t.match((await analyst('POST', `/scan-runs/${runs[1]}/pause`)).json, { state: 'paused' });
  t.match((await analyst('GET', '/scan-tests?search=swapped&severity=high')).json.items, [{ id: 'bola-swap' }]);
  await world.as('admin')('PUT', '/scan-tests/bola-swap', { enabled: false });
  t.same(world.ports.published.get('scan-tests'), [{ id: 'bola-swap', text: null, enabled: false }]);
  await world.store.commit({
    batchIds: ['scan'],
    nowMs: NOW,
    findings: [finding(9, { source: { kind: 'scan', id: 'bola-swap' }, fingerprint: 'scan-9' })],
  });
  t.same((await analyst('GET', '/endpoints/e1/tests')).json.items.map((one: { testId: string }) => one.testId).sort(), [
    'a',
    'b',
    'b',
    'bola-swap',
    'c',
  ]);
  const [issue] = (await analyst('GET', '/issues?search=scan:bola-swap')).json.items;
  t.match((await analyst('GET', `/scan-runs/${(await analyst('POST', `/issues/${issue.id}/verify`)).json.runId}`)).json, {
    trigger: 'retest',
    state: 'queued',
  });
});

t.test('settings: retention, data types, integrations, views, sources', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const admin = world.as('admin');
  t.match((await admin('PUT', '/settings/retention', { sampleDays: 3 })).json, { sampleDays: 3, findingDays: 90 });
  t.equal((await admin('PUT', '/settings/retention', { sampleDays: -1 })).status, 400);
  t.match((await admin('GET', '/settings/retention')).json.retention, { sampleDays: 3 });
  const type = { title: 'Order number', pattern: 'ORD-\\d{6}', examples: { match: ['ORD-123456'], ignore: ['ORD-1'] } };
  t.match((await admin('PUT', '/data-types/order-number', type)).json, { id: 'order-number', builtIn: false });
  t.match(await admin('PUT', '/data-types/order-number', { ...type, examples: { match: ['nothing'], ignore: [] } }), {
    status: 400,
    json: { errors: [{ at: 'body.examples.match' }] },
  });
  t.match((await admin('POST', '/data-types/test', { text: 'see ORD-123456' })).json.hits, [{ type: 'order-number' }]);
  t.match((await admin('POST', '/data-types/email/switch', { enabled: false })).json, { enabled: false });
  t.match(world.ports.published.get('data-types'), { own: [{ id: 'order-number' }], disabled: ['email'] });
  t.match((await admin('POST', '/data-types/order-number/switch', { enabled: false })).json, { enabled: false });
  t.match((await admin('GET', '/data-types')).json.items[0], { id: 'order-number', enabled: false, pattern: 'ORD-\\d{6}', keywords: [] });
  t.equal((await admin('POST', '/data-types/nothing/switch', { enabled: false })).status, 404);

  const made = (
    await admin('POST', '/integrations', { kind: 'webhook', name: 'soc', config: { url: 'https://soc.test', secret: 'hunter2' } })
  ).json;
  t.same(made.config, { url: 'https://soc.test', secret: '•••' });
  t.match(await admin('POST', '/integrations', { kind: 'webhook', name: 'bad', config: {} }), {
    status: 400,
    json: { code: 'INTEGRATION_CONFIG' },
  });
  await admin('PUT', `/integrations/${made.id}`, { kind: 'webhook', name: 'soc', config: { url: 'https://soc2.test', secret: '•••' } });
  t.same(
    (await admin('POST', `/integrations/${made.id}/test`)).json,
    { ok: true, text: 'https://soc2.test' },
    'the masked secret stayed what it was',
  );
  await seed(world.store);
  const [issue] = (await admin('GET', '/issues')).json.items;
  t.match((await admin('POST', `/issues/${issue.id}/send`, { integrationId: made.id })).json, { kind: 'linked' });
  t.match((await admin('GET', `/integrations/${made.id}/deliveries`)).json.items, [{ state: 'waiting', notice: { issueId: issue.id } }]);

  const view = (await world.as('viewer')('POST', '/saved-views', { page: 'issues', name: 'mine', query: 'severity=high' })).json;
  t.equal((await world.as('analyst')('GET', '/saved-views')).json.items.length, 0);
  t.equal((await world.as('analyst')('DELETE', `/saved-views/${view.id}`)).status, 403);
  t.equal((await world.as('viewer')('DELETE', `/saved-views/${view.id}`)).status, 204);

  t.match((await admin('GET', '/sources')).json.items, [{ id: 'gateway-1', droppedBy: { full: 3 } }]);
  t.match((await admin('PUT', '/sensor', { sources: [{ kind: 'vxlan' }] })).json, { sources: [{ kind: 'vxlan', port: 4789 }] });
  t.match((await admin('GET', '/sensor')).json, { sources: [{ kind: 'vxlan' }] });
  t.match((await admin('POST', '/self-test', {})).json, { state: 'running' });
  t.match((await admin('POST', '/imports?service=shop', '{}\n{}\n', { 'content-type': 'application/x-ndjson' })).json, { exchanges: 2 });
});

t.test('what takes long ends when nobody waits for it any more', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const leaving = new AbortController();
  const upload = fetch(`${await world.admin.listen()}/api/v1/imports`, {
    method: 'POST',
    headers: { authorization: 'Bearer token-analyst', 'content-type': 'application/x-ndjson' },
    body: 'endless\n',
    signal: leaving.signal,
  });
  setTimeout(() => leaving.abort(), 100);
  await t.rejects(upload);
  while (world.ports.importsCancelled === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(world.ports.importsCancelled, 1);
});

t.test('live: what changes reaches an open page, and is not lost in a break', async (t) => {
  const world = await createWorld();
  t.teardown(() => world.close());
  const base = await world.admin.listen();
  const open = async (headers: Record<string, string>) => {
    const answer = await fetch(`${base}/api/v1/live?topics=blocks,issues,endpoints`, {
      headers: { authorization: 'Bearer token-viewer', ...headers },
    });
    t.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    return {
      async until(pattern: RegExp) {
        for (;;) {
          if (pattern.test(text)) return text;
          const { value, done } = await reader.read();
          if (done) return `${text}<end>`;
          text += value;
        }
      },
      cancel: () => reader.cancel(),
    };
  };
  t.equal((await fetch(`${base}/api/v1/live`)).status, 401);
  const first = await open({});
  await first.until(/retry/);
  await world.as('analyst')('POST', '/blocks', { value: '203.0.113.7' });
  t.match(await first.until(/event: blocks[\s\S]*\n\n/), /"change":"added"/);
  await first.cancel();
  await world.as('analyst')('POST', '/blocks', { value: '203.0.113.8' });
  const second = await open({ 'last-event-id': '1' });
  t.match(await second.until(/event: blocks[\s\S]*\n\n/), /203\.0\.113\.8/);
  world.nowMs += 1;
  await world.store.commit({ batchIds: ['later'], nowMs: NOW, findings: [finding(1, { atMs: NOW + 50 })] });
  t.match(await second.until(/event: issues[\s\S]*\n\n/), /"change":"opened"/, 'written by an engine elsewhere, found by looking');
  await second.cancel();
});
