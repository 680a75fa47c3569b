/** The package as others get it: packed, unpacked into an app that is not ours, used there by its published names only. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import ts from 'typescript';
import { packageRoot } from '../exchange/index.js';
import { eventually, type Running, start, temporaryFolder } from './support/processes.js';

t.setTimeout(300_000);
const root = packageRoot();
/** For a thread that starts again: a second, or many beside other work. */
const STARTED_MS = 60_000;

const APP = `
import Fastify from 'fastify';
import weir from 'weir';

const threads = [];
process.on('worker', (thread) => threads.push(thread));
// A machine that does much else is slow, not broken.
const app = Fastify({ logger: false, pluginTimeout: 60000 });
await app.register(weir, JSON.parse(process.argv[2]));
const orders = new Map([['1', { id: 1, note: 'first' }]]);
app.get('/orders/:id', async (request, reply) => orders.get(request.params.id) ?? reply.code(404).send({ error: 'no such order' }));
app.post('/orders', async (request) => ({ got: request.body, seen: request.weir.clientIp }));
app.get('/leak', async () => ({ card: '4111 1111 1111 1111' }));
app.get('/kill', async () => { await app.weir.block('203.0.113.7', { reason: 'test', forMs: 60000 }); return app.weir.blocks().map((one) => one.scope); });
app.get('/lose/:thread', async (request) => threads[request.params.thread].terminate());
app.get('/metrics', async () => app.weir.metrics());
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(JSON.stringify({ url: 'http://127.0.0.1:' + app.server.address().port, admin: app.weir.admin }));
process.on('SIGTERM', () => app.close().then(() => process.exit(0)));
`;

const POLICY = `policy: no-drafts
title: Drafts stay inside
mode: enforce
severity: medium
rules:
  - rule: drafts
    match: {path: /orders, method: POST}
    when: {body: {contains: draft}}
    action: block
`;

/** An app of somebody else: its own folder, its own package.json, the packed weir in node_modules. What weir depends on is linked: no network. */
function foreignApp(t: Test): string {
  const folder = temporaryFolder(t);
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' })) as [{ filename: string }];
  const installed = path.join(folder, 'node_modules', 'weir');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', path.join(folder, filename), '-C', installed, '--strip-components=1']);
  symlinkSync(path.join(root, 'node_modules'), path.join(installed, 'node_modules'));
  symlinkSync(path.join(root, 'node_modules', 'fastify'), path.join(folder, 'node_modules', 'fastify'));
  writeFileSync(path.join(folder, 'package.json'), '{"name":"shop","type":"module","private":true}');
  writeFileSync(path.join(folder, 'app.mjs'), APP);
  return folder;
}

interface App extends Running {
  readonly url: string;
  readonly admin: { readonly url: string; readonly signIn: string | null } | null;
}

/** Runs it in its own folder, as its user would. */
async function run(t: Test, folder: string, options: object): Promise<App> {
  const running = start(t, 'env', ['-C', folder, process.execPath, path.join(folder, 'app.mjs'), JSON.stringify(options)]);
  const line = await eventually('the app to listen', () => running.output().split('\n')[0] || running.process.exitCode !== null, 60_000);
  if (typeof line !== 'string') throw new Error(`the app ended: ${running.errors()}`);
  const ready = JSON.parse(line) as { url: string; admin: App['admin'] };
  return { ...running, ...ready };
}

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

t.test('the plugin in an app that is not ours', async (t) => {
  const folder = foreignApp(t);
  const data = temporaryFolder(t);

  await t.test('without any option it observes', async (t) => {
    const app = await run(t, folder, {});
    t.same(await (await fetch(`${app.url}/orders/1`)).json(), { id: 1, note: 'first' });
    t.equal((await fetch(`${app.url}/orders/1%20union%20select%201,2,3%20from%20users--`)).status, 404, 'the attack reaches the app');
    t.match(
      await (await fetch(`${app.url}/metrics`)).text(),
      /weir_gateway_decisions_total\{action="block",acted="false"\} [1-9]/,
      'and is counted',
    );
    t.equal(app.admin, null);
    t.equal(await app.stop(), 0, 'the app can close');
  });

  await t.test('in enforce: policies of a folder and built-in ones, blocks that last', async (t) => {
    const policies = temporaryFolder(t);
    writeFileSync(path.join(policies, 'no-drafts.yaml'), POLICY);
    const options = { service: 'shop', mode: 'enforce', policies, data, trustedProxies: ['127.0.0.1'] };
    const app = await run(t, folder, options);
    const good = await post(`${app.url}/orders`, { note: 'fine' }, { 'x-forwarded-for': '198.51.100.1' });
    t.same(await good.json(), { got: { note: 'fine' }, seen: '198.51.100.1' }, 'a body that was inspected arrives whole');
    const bad = await post(`${app.url}/orders`, { note: 'a draft' });
    t.equal(bad.status, 403);
    t.match(await bad.json(), { title: 'Access denied', incident: /^W-/ });
    t.equal((await post(`${app.url}/orders`, { note: "' union select password from users --" })).status, 403, 'a built-in policy');
    const leak = await (await fetch(`${app.url}/leak`)).text();
    t.notMatch(leak, /4111 1111 1111 1111/, 'card numbers do not leave');
    t.equal((await fetch(`${app.url}/orders/1`, { headers: { 'x-forwarded-for': '203.0.113.7' } })).status, 200);
    await fetch(`${app.url}/kill`);
    t.equal(
      (await fetch(`${app.url}/orders/1`, { headers: { 'x-forwarded-for': '203.0.113.7' } })).status,
      403,
      'blocked by the app itself',
    );
    t.match(await (await fetch(`${app.url}/metrics`)).text(), /weir_rule_seconds_total\{policy="no-drafts",rule="drafts"\} 0\.\d/);
    t.equal(await app.stop(), 0);
    const again = await run(t, folder, options);
    t.equal((await fetch(`${again.url}/orders/1`, { headers: { 'x-forwarded-for': '203.0.113.7' } })).status, 403, 'also after a restart');
    await again.stop();
  });

  await t.test('with admin: it learns, and its API knows the app', async (t) => {
    const data = temporaryFolder(t);
    const app = await run(t, folder, { service: 'shop', data, admin: { port: 0 } });
    for (let id = 1; id < 30; id++) await fetch(`${app.url}/orders/${id}`);
    // Another admin has another token.
    const login = () => `Bearer ${readFileSync(path.join(data, 'admin-token'), 'utf8').trim()}`;
    const api = async <T>(where: string) =>
      (await (await fetch(`${app.admin?.url}/api/v1${where}`, { headers: { authorization: login() } })).json()) as T;
    const endpoint = await eventually('the endpoint', async () => {
      const { items } = await api<{ items: { service: string; template: string }[] }>('/endpoints');
      return items.find((one) => one.template.startsWith('/orders/{'));
    });
    t.equal(endpoint.service, 'shop');

    // The engine's thread is begun first, then the admin's.
    const learns = async (name: string) => {
      const request = { method: 'GET', url: `http://shop.example/${name}`, httpVersion: 'HTTP/1.1', headers: [] };
      const response = { status: 200, httpVersion: 'HTTP/1.1', headers: [], content: { size: 2, mimeType: 'text/plain', text: 'ok' } };
      const har = { log: { entries: [{ startedDateTime: '2026-01-02T03:04:05Z', time: 1, request, response }] } };
      const imports = `${app.admin?.url}/api/v1/imports`;
      await eventually(
        `the import of ${name}`,
        async () => {
          const taken = await post(imports, har, { authorization: login(), 'content-type': 'application/har+json' });
          return taken.ok;
        },
        STARTED_MS,
      );
      const isLearned = async () =>
        (await api<{ items: { template: string }[] }>('/endpoints')).items.some((one) => one.template === `/${name}`);
      await eventually(`${name} to be learned`, isLearned, STARTED_MS);
    };
    await learns('before');
    await fetch(`${app.url}/lose/1`);
    await learns('by-another-admin');
    await fetch(`${app.url}/lose/0`);
    await learns('by-another-engine');
    await eventually('both losses to be told', async () => {
      const { items } = await api<{ items: { counters: { adminLost?: number; engineLost?: number } }[] }>('/sources');
      return items.some(({ counters }) => counters.adminLost === 1 && counters.engineLost === 1);
    });
    t.equal(await app.stop(), 0);
  });

  await t.test('a mistake in the options stops the start with a reason', async (t) => {
    await t.rejects(run(t, folder, { policies: '/nowhere/at/all' }), /POLICY_FOLDER_MISSING|no policy folder/i);
  });
});

/** The app of README.md, as written there. */
function readmeApp(): string {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const code = /^## In your own Fastify app\n+```ts\n(.*?)^```/ms.exec(readme)?.[1];
  if (code === undefined) throw new Error('README.md has no example of an app');
  return code;
}

t.test('the example of the README runs as written', async (t) => {
  const folder = foreignApp(t);
  mkdirSync(path.join(folder, 'policies'));
  writeFileSync(
    path.join(folder, 'policies', 'no-drafts.yaml'),
    POLICY.replace('path: /orders, method: POST', 'path: /orders/*').replace(
      '{body: {contains: draft}}',
      '{query: {name: draft, exists: true}}',
    ),
  );
  // Other ports, since those may be taken, and where it listens; all else is the reader's.
  const code = `${readmeApp().replace('port: 9090', 'port: 0').replace('port: 3000', 'port: 0')}
console.log(JSON.stringify({ url: 'http://127.0.0.1:' + (app.server.address() as any).port, admin: app.weir.admin }));
process.on('SIGTERM', () => app.close().then(() => process.exit(0)));
`;
  t.equal(code.match(/port: 0/g)?.length, 2);
  writeFileSync(
    path.join(folder, 'app.mjs'),
    ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } }).outputText,
  );
  const app = await run(t, folder, {});
  t.same(await (await fetch(`${app.url}/orders/7`)).json(), { id: '7' });
  t.equal((await fetch(`${app.url}/orders/7?draft=1`)).status, 403, 'its policies hold');
  t.equal((await fetch(`${app.admin?.url}/healthz`)).status, 200, 'its admin answers');
  t.ok(existsSync(path.join(folder, 'data')), 'its data lies where it says');
  t.equal(await app.stop(), 0);
});

t.test('types of the package', async (t) => {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  // A build for running leaves the types out: packing makes them, and so does this.
  if (!existsSync(path.join(root, 'dist/cli/embedded.d.ts')))
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'pipe' });
  const folder = foreignApp(t);
  writeFileSync(
    path.join(folder, 'app.ts'),
    `import Fastify from 'fastify';
import weir, { type Exchange, type WeirOptions } from 'weir';
import { createGateway, trivialPorts } from 'weir/gateway';
const options: WeirOptions = { service: 'shop', mode: 'enforce', onExchange: (exchange: Exchange) => console.log(exchange.request.target) };
const app = Fastify();
await app.register(weir, options);
await app.weir.block('203.0.113.7', { reason: 'test' });
app.get('/', async (request) => request.weir?.clientIp ?? '');
await createGateway({ services: [{ name: 'a', upstreams: ['http://127.0.0.1:1'] }] }, trivialPorts());
`,
  );
  const flags = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    'node',
    '--typeRoots',
    path.join(root, 'node_modules', '@types'),
  ];
  writeFileSync(path.join(folder, 'readme.ts'), readmeApp());
  for (const file of ['app.ts', 'readme.ts'])
    t.doesNotThrow(() => execFileSync(process.execPath, [tsc, ...flags, file], { cwd: folder, stdio: 'pipe' }), file);
});
