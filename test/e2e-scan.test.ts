/** A scan from traffic to the proof that a virtual patch holds, against the real processes. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { main } from '../cli/main.js';
import { packageRoot } from '../exchange/index.js';
import {
  type CommandResult,
  eventually,
  type RunningWeir,
  start,
  startDemoApi,
  startWeir,
  temporaryFolder,
  weir,
} from './support/processes.js';

interface Row {
  readonly [name: string]: unknown;
}

function adminOf(t: Test, running: RunningWeir) {
  const token = readFileSync(path.join(running.data, 'admin-token'), 'utf8').trim();
  return async <T = Row>(method: string, resource: string, body?: object): Promise<T> => {
    const answer = await fetch(`${running.admin}/api/v1${resource}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    t.ok(answer.ok, `${method} ${resource}: ${answer.status} ${answer.ok ? '' : text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  };
}

/** Customers read their lists and orders through the gateway, so that weir knows whose order is whose. */
async function useShop(gateway: string, names: readonly string[], rounds: number): Promise<void> {
  for (const name of names) {
    const login = await fetch(`${gateway}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: name, password: `${name}-pw` }),
    });
    const authorization = `Bearer ${((await login.json()) as { token: string }).token}`;
    for (let round = 0; round < rounds; round++) {
      const list = (await (await fetch(`${gateway}/api/orders`, { headers: { authorization } })).json()) as { orders: { id: number }[] };
      for (const { id } of list.orders) await (await fetch(`${gateway}/api/orders/${id}`, { headers: { authorization } })).text();
    }
  }
}

t.test('what a scan finds becomes an issue; a virtual patch made of it holds when the same test runs through the gateway', async (t) => {
  const running = await startWeir(t, ['--upstream', await startDemoApi(t)]);
  const api = adminOf(t, running);
  const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'];
  await useShop(running.gateway, names, 4);
  await eventually('the template', async () =>
    (await api<{ items: Row[] }>('GET', '/endpoints?service=api')).items.some(({ template }) => template === '/api/orders/{orderId}'),
  );
  const authContexts: string[] = [];
  for (const name of ['alice', 'bob']) {
    const config = { path: '/api/login', body: JSON.stringify({ username: name, password: `${name}-pw` }) };
    const made = await api<{ id: string }>('POST', '/auth-contexts', { name, service: 'api', role: 'user', kind: 'login', config });
    authContexts.push(made.id);
  }
  const scan = await api<{ id: string }>('POST', '/scans', {
    name: 'orders',
    service: 'api',
    definition: { authContexts, tests: ['bola-read-object'] },
    cron: '0 4 * * *',
    zone: 'Europe/Berlin',
  });
  const ended = async (id: string) => {
    const run = await eventually(
      'the run to end',
      async () => {
        const now = await api<{ state: string; summary: Row }>('GET', `/scan-runs/${id}`);
        return ['finished', 'failed', 'stopped'].includes(now.state) ? now : null;
      },
      90_000,
    );
    t.equal(run.state, 'finished', JSON.stringify(run.summary));
  };
  await ended((await api<{ id: string }>('POST', `/scans/${scan.id}/runs`, {})).id);
  const found = (await api<{ items: Row[] }>('GET', '/issues?kind=scan.vulnerability')).items.find(
    ({ template }) => template === '/api/orders/{orderId}',
  );
  t.ok(found, 'an issue');
  const issue = found as { id: string; status: string };
  t.equal(issue.status, 'open');

  const draft = await api<{ name: string; text: string }>('GET', `/issues/${issue.id}/policy-draft`);
  await api('PUT', `/policies/${draft.name}`, { text: draft.text.replace('mode: observe', 'mode: enforce'), note: 'patch' });
  await api('PUT', '/services/api/mode', { request: 'enforce', response: 'enforce' });
  const actorsBefore = (await api<{ items: Row[] }>('GET', '/actors')).items.map(({ id, score }) => `${String(id)} ${String(score)}`);
  const { runId } = await api<{ runId: string }>('POST', `/issues/${issue.id}/verify`, {});
  await ended(runId);
  const after = await api<{ status: string; statusReason: string }>('GET', `/issues/${issue.id}`);
  t.equal(after.status, 'fixed', JSON.stringify(await api('GET', `/scan-runs/${runId}/results`)));
  t.match(after.statusReason, /through the gateway/);
  const actorsAfter = (await api<{ items: Row[] }>('GET', '/actors')).items.map(({ id, score }) => `${String(id)} ${String(score)}`);
  t.strictSame(actorsAfter.sort(), actorsBefore.sort(), 'the scan made nobody an attacker');
  t.strictSame((await api<{ items: Row[] }>('GET', '/blocks')).items, [], 'and blocked nobody');
});

/** The command line without a process of its own. */
async function inProcess(args: readonly string[]): Promise<CommandResult> {
  const [out, errors]: [string[], string[]] = [[], []];
  const output = { write: (text: string) => out.push(text), error: (text: string) => errors.push(text), isTty: false, columns: 120 };
  const code = await main(args, output);
  return { code, stdout: out.join(''), stderr: errors.join('') };
}

const SHOP = path.join(packageRoot(), 'examples', 'ci', 'demo-shop.openapi.json');

/** `users.json` of the guide. */
function peopleFile(t: Test): string {
  const file = path.join(temporaryFolder(t), 'users.json');
  const people = ['alice', 'bob'].map((name) => ({
    name,
    role: 'user',
    kind: 'login',
    config: { path: '/api/login', body: { username: name, password: `${name}-pw` }, extract: '$.token' },
  }));
  writeFileSync(file, JSON.stringify(people));
  return file;
}

/** Every row of examples/demo-api/FLAWS.md: which test finds it, and where. */
const FLAWS: readonly (readonly [row: number, test: RegExp, place: RegExp])[] = [
  [1, /^bola-read-object$/, /^GET \/api\/orders\/\{id\}$/],
  [2, /^bola-change-object$/, /^PUT \/api\/orders\/\{id\}\/address$/],
  [3, /^bola-delete-object$/, /^DELETE \/api\/orders\/\{id\}$/],
  [4, /^bola-read-object$/, /^GET \/api\/users\/\{id\}\/addresses$/],
  [5, /^jwt-none-algo$/, /./],
  [6, /^jwt-expired$/, /./],
  [7, /^auth-token-after-logout$/, /./],
  [8, /^auth-guess-passwords$/, /^POST \/api\/login$/],
  [9, /^data-secrets-in-answer$/, /^GET \/api\/profile$/],
  [10, /^mass-assignment-role$/, /^PATCH \/api\/profile$/],
  [11, /^rate-page-size$/, /^GET \/api\/products$/],
  [12, /^auth-admin-without-credentials$/, /^GET \/api\/admin\/users$/],
  [13, /^bfla-/, /^(GET|DELETE) \/api\/admin\/coupons/],
  [14, /^ssrf-body$/, /^POST \/api\/webhooks\/test$/],
  [15, /^cors-any-origin$/, /./],
  [16, /^error-stack-/, /./],
  [17, /^files-debug$/, /./],
  [18, /^header-version-disclosed$/, /./],
  [19, /^inventory-old-v0$/, /^GET \/api\/orders\/\{id\}$/],
  [20, /^sql-/, /^GET \/api\/products\/search$/],
  [21, /^path-traversal-query$/, /^GET \/api\/invoices$/],
  [22, /^flow-negative-amount$/, /^POST \/api\/orders$/],
];

t.test('weir scan finds every flaw of the demo shop, and none in the same shop without them', async (t) => {
  const auth = peopleFile(t);
  const scan = (target: string, ...more: string[]) =>
    weir(t, ['scan', '--target', target, '--openapi', SHOP, '--auth', auth, '--intrusive', '--requests-per-second', '1000', ...more]);
  const listed = readFileSync(path.join(packageRoot(), 'examples', 'demo-api', 'FLAWS.md'), 'utf8').match(/^\| \d+ /gm) ?? [];
  t.equal(FLAWS.length, listed.length, 'every row of the list has a test');
  const [open, secure] = await Promise.all([startDemoApi(t), startDemoApi(t, ['--secure'])]);
  const [found, nothing] = await Promise.all([scan(open, '--format', 'json'), scan(secure, '--format', 'json', '--fail-on', 'INFO')]);
  t.equal(found.code, 1, found.stderr);
  const { findings } = JSON.parse(found.stdout) as { findings: { test: string; method: string; path: string }[] };
  for (const [row, test, place] of FLAWS)
    t.ok(
      findings.some((one) => test.test(one.test) && place.test(`${one.method} ${one.path}`)),
      `row ${row}`,
    );
  t.equal(nothing.code, 0, nothing.stderr);
  const secured = JSON.parse(nothing.stdout) as { errors: readonly unknown[] };
  t.match(secured, { findings: [], complete: true, tests: { vulnerable: 0, errors: 0 } }, JSON.stringify(secured.errors));
});

t.test('weir scan in CI: exit codes, what goes where, and a baseline', async (t) => {
  const demo = await startDemoApi(t);
  const folder = temporaryFolder(t);
  const file = (name: string, content: unknown) => {
    const place = path.join(folder, name);
    writeFileSync(place, typeof content === 'string' ? content : JSON.stringify(content));
    return place;
  };
  const auth = peopleFile(t);
  const baseline = path.join(folder, 'baseline.json');
  const target = ['--target', demo];
  const shop = [...target, '--openapi', SHOP];
  const cors = [...shop, '--categories', 'CORS', '--auth', auth];
  const made = await weir(t, ['scan', ...cors, '--format', 'json', '--output', baseline, '--fail-on', 'MEDIUM']);
  t.equal(made.code, 1, 'something at or above --fail-on');
  t.equal(made.stdout, '', 'the report is in the file');
  t.match(made.stderr, /^medium: \S.* \(cors-any-origin\) on GET \S+$/m, 'a line for each finding, without a terminal');
  t.notMatch(made.stderr, /(?!\n)\p{Cc}/u, 'and no line that is written over');
  const refused = { name: 'eve', kind: 'login', config: { path: '/api/login', body: { username: 'alice', password: 'no' } } };
  const table: [why: string, flags: readonly string[], code: number, stderr: RegExp, stdout?: RegExp][] = [
    ['only below --fail-on', cors, 0, /^medium: .*\(cors-any-origin\)/m, /3 vulnerable.*\n$/],
    ['all of it is in the baseline', [...cors, '--fail-on', 'INFO', '--baseline', baseline], 0, /^$/, /: 0 vulnerable/],
    [
      'other findings than the baseline has',
      [...cors, '--fail-on', 'medium', '--baseline', file('b.json', { findings: [] })],
      1,
      /^medium/,
      /cors/,
    ],
    ['no endpoints', target, 2, /--openapi FILE, --har FILE or --service NAME/],
    ['no target', ['--openapi', SHOP], 2, /--target <url>/],
    ['a target that is no URL', ['--target', 'ftp://x', '--openapi', SHOP], 2, /must be an http or https URL/],
    ['an unknown flag', [...shop, '--intrusiv'], 2, /no option --intrusiv; did you mean --intrusive\?/],
    ['an unknown format', [...shop, '--format', 'pdf'], 2, /table, json, sarif, junit, html/],
    ['an unknown severity', [...shop, '--fail-on', 'SEVERE'], 2, /info, low, medium, high, critical/],
    ['an unknown category', [...shop, '--categories', 'NOPE'], 2, /no test is of the categories NOPE/],
    ['a document that is not there', [...target, '--openapi', path.join(folder, 'none')], 2, /none cannot be read/],
    ['a document that is none', [...target, '--openapi', auth], 2, /it is no OpenAPI document/],
    ['a recording that is none', [...target, '--har', auth], 2, /it is no HAR file/],
    ['a folder of tests that is not there', [...shop, '--tests', path.join(folder, 'none')], 2, /no such file or folder/],
    ['contexts that are no list', [...shop, '--auth', file('a.json', {})], 2, /must hold a list/],
    [
      'a kind that is misspelt',
      [...shop, '--auth', file('k.json', [{ name: 'x', kind: 'lgin' }])],
      2,
      /k\.json\[0\]: unknown kind "lgin": did you mean "login"/,
    ],
    [
      'a context that lacks something',
      [...shop, '--auth', file('m.json', [{ name: 'x', kind: 'form', config: { path: '/' } }])],
      2,
      /needs config\.username/,
    ],
    ['a baseline that is no report', [...cors, '--baseline', auth], 2, /is no report of --format json: it has no "findings"/],
    ['a report that cannot be written', [...cors, '--output', path.join(folder, 'none', 'r.json')], 2, /^(?!medium).*cannot be written/],
    ['a metadata service', ['--target', 'http://169.254.169.254/', '--openapi', SHOP], 2, /no scan may call/],
    ['a target that is down', ['--target', 'http://127.0.0.1:1', '--openapi', SHOP], 3, /does not answer/],
    ['a login that is refused', [...shop, '--auth', file('r.json', [refused])], 3, /"eve" cannot log in: POST \/api\/login answers 401/],
    ['credentials that nothing takes', [...shop, '--auth-token', 'wrong'], 3, /"user 1" are refused/],
    ['a budget that is spent', [...cors, '--max-requests', '9'], 3, /^$/, /budget of 9 requests is spent.*\(not complete\)\n$/s],
  ];
  const wanted: readonly (readonly [format: string, what: RegExp])[] = [
    ['sarif', /"version": "2\.1\.0"/],
    ['junit', /^<\?xml .*<failure type="medium"/s],
    ['html', /^<!doctype html>/],
    ['json', /"key": "cors-any-origin \/"/],
  ];
  for (const [format, what] of wanted) table.push([`as ${format}`, [...cors, '--format', format], 0, /cors-any-origin/, what]);
  for (const [why, flags, code, stderr, stdout] of table) {
    const result = await inProcess(['scan', ...flags]);
    t.equal(result.code, code, `${why}: ${result.stderr}${result.stdout.slice(0, 200)}`);
    t.match(result.stderr, stderr, why);
    if (stdout !== undefined) t.match(result.stdout, stdout, why);
    t.notMatch(result.stderr, /\n\s+at /, `${why}: no stack`);
  }

  const stopped = start(t, process.execPath, [path.join(packageRoot(), 'bin', 'weir'), 'scan', ...cors, '--requests-per-second', '2']);
  await eventually('the first finding', () => stopped.errors().includes('cors') || stopped.output() !== '', 30_000);
  const beganMs = Date.now();
  t.equal(await stopped.stop('SIGINT'), 3, 'Ctrl-C');
  t.ok(Date.now() - beganMs < 5_000, 'soon');
  t.match(stopped.output(), /\(not complete\)\n$/, 'with a report of what is known');
});
