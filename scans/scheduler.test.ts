import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openStore, type RunState, type Store } from '../store/index.js';
import { createScanner, nextRun, type Scanner } from './scheduler.js';
import type { ScannerPorts } from './stored-runs.js';

/** A shop in which anybody who is signed in opens anybody's order. */
async function shop(t: Test, delayMs = 0) {
  const seen: string[] = [];
  const state = { isFixed: false };
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['x-weir-scan'] ?? 'unmarked'}`);
    const user = /^Bearer (alice|bob)$/.exec(request.headers.authorization ?? '')?.[1];
    const id = /^\/orders\/(\d+)$/.exec(request.url ?? '')?.[1];
    const orders: { [id: string]: string } = { 101: 'alice', 202: 'bob' };
    const [status, body] =
      user === undefined
        ? [401, { error: 'sign in' }]
        : request.url === '/orders'
          ? [
              200,
              {
                orders: Object.keys(orders)
                  .filter((one) => orders[one] === user)
                  .map((one) => ({ id: Number(one) })),
              },
            ]
          : id !== undefined && orders[id] !== undefined
            ? state.isFixed && orders[id] !== user
              ? [403, { error: 'not yours' }]
              : [200, { id: Number(id), owner: orders[id], address: 'a street' }]
            : [404, { error: 'not found' }];
    const answer = () => response.writeHead(status as number, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    // One that is never waited for must not keep the process.
    setTimeout(answer, delayMs).unref();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, state };
}

async function world(t: Test, url: string, extraPorts: Partial<ScannerPorts> = {}) {
  const sqlite = `${t.testdir()}/weir.db`;
  const store = await openStore({ sqlite });
  t.teardown(() => store.close());
  const nowMs = Date.now();
  const endpoint = (id: string, template: string) => ({
    ref: { id, service: 'shop', method: 'GET', template },
    fields: [],
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    access: 'private' as const,
    authRequired: true,
    auth: ['bearer'],
    tags: [],
    dataTypes: [],
    risk: 0,
    riskReasons: [],
    detail: {},
  });
  await store.commit({ batchIds: ['b1'], nowMs, endpoints: [endpoint('e1', '/orders'), endpoint('e2', '/orders/{id}')] });
  for (const user of ['alice', 'bob'])
    await store.objects.put(
      'auth-context',
      user,
      { name: user, service: 'shop', role: 'user', kind: 'header', config: { name: 'authorization', value: `Bearer ${user}` } },
      { author: 'test', atMs: nowMs },
    );
  const scanner = async (holder: string, leaseMs?: number) => {
    const made = await createScanner(
      { holder, ...(leaseMs === undefined ? {} : { leaseMs }) },
      { store, upstreamOf: () => url, openConfig: (config) => config, log: (message) => t.comment(message), ...extraPorts },
    );
    t.teardown(() => made.close());
    return made;
  };
  const scan = (extra: object = {}, cron = '') =>
    store.scans.add({
      name: 'nightly',
      service: 'shop',
      cron,
      zone: 'UTC',
      enabled: true,
      nextRunMs: cron === '' ? null : nowMs - 1,
      createdMs: nowMs,
      createdBy: 'test',
      definition: { authContexts: ['alice', 'bob'], categories: ['BOLA'], requestsPerSecond: 1000, ...extra },
    });
  return { store, scanner, scan, sqlite };
}

async function until(store: Store, id: string, state: RunState, scanner: Scanner) {
  for (let turn = 0; turn < 200; turn++) {
    scanner.wake();
    const run = await store.scans.run(id);
    if (run?.state === state) return run;
    if (run?.state === 'failed') throw new Error(JSON.stringify(run.summary));
    await sleep(50);
  }
  throw new Error(`run ${id} never was ${state}`);
}

t.test('a due scan is run once, finds the other user reading an order, and files one issue', async (t) => {
  const { url, seen } = await shop(t);
  const { store, scanner, scan } = await world(t, url);
  const { id } = await scan({}, '0 3 * * *');
  const [first] = [await scanner('a'), await scanner('b')];
  for (let turn = 0; turn < 100 && (await store.scans.runs({ scanId: id }, {})).items.length === 0; turn++) await sleep(20);
  const { items } = await store.scans.runs({ scanId: id }, {});
  t.equal(items.length, 1);
  t.equal(items[0]!.trigger, 'schedule');
  const run = await until(store, items[0]!.id, 'finished', first!);
  const { items: results } = await store.scans.results(run.id, { verdict: 'vulnerable' }, {});
  t.strictSame(
    results.map((one) => [one.testId, one.endpointId]),
    [['bola-read-object', 'e2']],
  );
  t.match(JSON.stringify(results[0]!.body), /orders\/101/);
  t.notMatch(JSON.stringify(results[0]!.body), /Bearer (alice|bob)/, 'no credentials in the proof');
  const { items: issues } = await store.issues.list({}, {});
  t.equal(issues.length, 1);
  t.equal(issues[0]!.id, results[0]!.issueId);
  t.ok((await store.scans.get(id))!.nextRunMs! > Date.now());
  t.strictSame(
    seen.filter((line) => line.endsWith('unmarked')),
    [],
  );
});

t.test('stop, pause and resume', async (t) => {
  const { url } = await shop(t, 5);
  const { store, scanner, scan } = await world(t, url);
  const { id } = await scan({ categories: [], requestsPerSecond: 40, concurrency: 1 });
  const one = await scanner('a');
  const start = () => store.scans.startRun({ scanId: id, service: 'shop', trigger: 'person', startedMs: Date.now() });
  const run = await start();
  const results = async () => (await store.scans.results(run.id, {}, { limit: 500 })).items;
  const moreThan = async (count: number) => {
    for (let turn = 0; turn < 100 && (await results()).length <= count; turn++) await sleep(25);
  };
  await until(store, run.id, 'running', one);
  await moreThan(0);
  await store.scans.saveRun(run.id, { state: 'paused' });
  await sleep(900);
  const paused = (await results()).length;
  await sleep(300);
  t.equal((await results()).length, paused, 'nothing is tested while paused');
  t.equal((await store.scans.run(run.id))!.state, 'paused');
  await store.scans.saveRun(run.id, { state: 'queued' });
  await until(store, run.id, 'running', one);
  await moreThan(paused);
  await store.scans.saveRun(run.id, { stopRequested: true });
  const atMs = Date.now();
  await until(store, run.id, 'stopped', one);
  t.ok(Date.now() - atMs < 2_000, 'stopped within two seconds');
  const items = await results();
  t.ok(items.length > paused, 'it went on');
  t.equal(new Set(items.map((result) => `${result.testId} ${result.endpointId}`)).size, items.length, 'nothing is tested twice');
});

t.test(
  'an issue is one over all runs: fixed when a run proves it, reopened when it returns, settled by running its test again',
  async (t) => {
    const { url, state } = await shop(t);
    const patched = await shop(t);
    patched.state.isFixed = true;
    const { store, scanner, scan } = await world(t, url, { gatewayOf: () => ({ url: patched.url, host: 'shop.example' }) });
    const { id } = await scan();
    const one = await scanner('a');
    const issueAfterRun = async () => {
      const run = await store.scans.startRun({ scanId: id, service: 'shop', trigger: 'person', startedMs: Date.now() });
      await until(store, run.id, 'finished', one);
      const { items } = await store.issues.list({ kind: 'scan.vulnerability' }, {});
      t.equal(items.length, 1);
      return items[0]!;
    };
    t.equal((await issueAfterRun()).status, 'open');
    t.match(await issueAfterRun(), { status: 'open', occurrences: 2 });
    state.isFixed = true;
    t.equal((await issueAfterRun()).status, 'fixed');
    state.isFixed = false;
    const issue = await issueAfterRun();
    t.equal(issue.status, 'reopened');

    const retest = await store.scans.startRun({ scanId: '', service: 'shop', trigger: 'retest', startedMs: Date.now() });
    await store.scans.saveRun(retest.id, { progress: { only: { testId: 'bola-read-object', endpointId: 'e2', issueId: issue.id } } });
    await until(store, retest.id, 'finished', one);
    t.strictSame(
      (await store.scans.results(retest.id, {}, {})).items.map((result) => [result.testId, result.endpointId, result.verdict]),
      [['bola-read-object', 'e2', 'safe']],
      'the test that found it, on its endpoint, and nothing else',
    );
    const after = (await store.issues.get(issue.id))!;
    t.equal(after.status, 'fixed');
    t.match(after.statusReason, /through the gateway/);
    t.ok(patched.seen.length > 0, 'it went where the policies are');
  },
);

t.test('when the process that holds the lease is killed, another goes on where its run was', async (t) => {
  const { url } = await shop(t, 5);
  const { store, scanner, scan, sqlite } = await world(t, url);
  const { id } = await scan({ requestsPerSecond: 20, concurrency: 1 });
  const run = await store.scans.startRun({ scanId: id, service: 'shop', trigger: 'person', startedMs: Date.now() });
  const holder = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('./testing/holder.ts', import.meta.url)), sqlite, url], {
    stdio: 'inherit',
  });
  t.teardown(() => holder.kill('SIGKILL'));
  const resultsNow = async () => (await store.scans.results(run.id, {}, { limit: 500 })).items;
  for (let turn = 0; turn < 400 && (await resultsNow()).length < 3; turn++) await sleep(50);
  const before = await resultsNow();
  t.ok(before.length >= 3, 'it has begun');
  t.equal((await store.scans.run(run.id))!.state, 'running');
  holder.kill('SIGKILL');
  const next = await scanner('next', 1_000);
  await until(store, run.id, 'finished', next);
  const all = await resultsNow();
  t.ok(all.length > before.length);
  const twice = all.length - new Set(all.map((result) => `${result.testId} ${result.endpointId}`)).size;
  t.equal(twice, 0, 'nothing is done twice');
});

t.test('a target that does not answer does not hold up a stop', async (t) => {
  const { url } = await shop(t, 30_000);
  const { store, scanner, scan } = await world(t, url);
  const { id } = await scan({ categories: [] });
  const one = await scanner('a');
  const run = await store.scans.startRun({ scanId: id, service: 'shop', trigger: 'person', startedMs: Date.now() });
  await until(store, run.id, 'running', one);
  await store.scans.saveRun(run.id, { stopRequested: true });
  const atMs = Date.now();
  await until(store, run.id, 'stopped', one);
  t.ok(Date.now() - atMs < 2_000, 'stopped within two seconds');
});

t.test('a continuous scan tests what is new or changed, with ids from all that it may read', async (t) => {
  const { url } = await shop(t);
  const { store, scanner, scan } = await world(t, url);
  const { id } = await scan({ endpoints: { changedOnly: true } });
  const one = await scanner('a');
  const tested = async (runId: string) => {
    await until(store, runId, 'finished', one);
    return new Set((await store.scans.results(runId, {}, { limit: 500 })).items.map(({ endpointId }) => endpointId));
  };
  const start = () => store.scans.startRun({ scanId: id, service: 'shop', trigger: 'person', startedMs: Date.now() });
  t.ok((await tested((await start()).id)).has('e2'), 'the first run is about all');
  await sleep(20);
  t.equal((await tested((await start()).id)).size, 0, 'nothing changed');

  const due = async () => {
    await store.scans.change(id, { cron: '0 3 * * *', nextRunMs: Date.now() - 1, updatedMs: Date.now() });
    for (let turn = 0; turn < 100 && (await store.scans.get(id))!.nextRunMs! < Date.now(); turn++) {
      one.wake();
      await sleep(20);
    }
    return (await store.scans.runs({ scanId: id }, { limit: 1 })).items[0]!;
  };
  const last = (await store.scans.runs({ scanId: id }, { limit: 1 })).items[0]!;
  t.equal((await due()).id, last.id, 'a time that comes when there is nothing to do starts no run');

  const atMs = Date.now();
  const change = {
    endpointId: 'e2',
    service: 'shop',
    atMs,
    kind: 'auth',
    text: 'authentication became optional',
    before: null,
    after: null,
  };
  await store.commit({ batchIds: ['b2'], nowMs: atMs, history: [change] });
  const next = await due();
  t.not(next.id, last.id);
  t.equal(next.trigger, 'schedule');
  t.strictSame([...(await tested(next.id))], ['e2']);
  t.equal(
    (await store.scans.results(next.id, { verdict: 'vulnerable' }, {})).items[0]?.testId,
    'bola-read-object',
    'the ids came from the list',
  );
});

t.test('what stops a scan before its tests is told on the run', async (t) => {
  const { url } = await shop(t);
  const { store, scanner, scan } = await world(t, url);
  const one = await scanner('a');
  const cases: [object, RegExp][] = [
    [{ targetUrl: 'http://169.254.169.254/' }, /no scan may call/],
    [{ targetUrl: 'http://127.0.0.1:1/' }, /does not answer/],
    [{ authContexts: ['nobody'] }, /no auth context nobody/],
  ];
  for (const [extra, expected] of cases) {
    const { id } = await scan(extra);
    const run = await store.scans.startRun({ scanId: id, service: 'shop', trigger: 'person', startedMs: Date.now() });
    await t.rejects(until(store, run.id, 'finished', one), { message: expected });
  }
  t.match(await one.checkAuthContext('alice'), { ok: true });
  t.equal(one.checkTest('id: x\ninfo: {}\n').ok, false);
});

t.test('next times across daylight saving', async (t) => {
  const at = (text: string) => Date.parse(text);
  const table: [cron: string, zone: string, after: string, next: string][] = [
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T01:00:00Z'],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00Z'],
    // The half hour that comes twice was used the first time.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
    ['30 1 * * *', 'Europe/London', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
    ['30 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', '2026-03-08T07:00:00Z'],
    ['0 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', '2026-03-29T01:00:00Z'],
    ['0 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z'],
    ['*/15 * * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z', '2026-10-25T01:00:00Z'],
    ['0 0 29 2 *', 'UTC', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 3 * * 1', 'UTC', '2026-01-01T00:00:00Z', '2026-01-05T03:00:00Z'],
  ];
  for (const [cron, zone, after, next] of table)
    t.equal(new Date(nextRun(cron, zone, at(after))!).toISOString(), new Date(at(next)).toISOString(), `${cron} ${zone} after ${after}`);
  t.equal(nextRun('0 0 31 2 *', 'UTC', at('2026-03-01T00:00:00Z')), null, 'a day that never comes');
});
