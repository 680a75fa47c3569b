/** `weir gateway` as operators run it: configuration changed under load, workers killed, drained, asked for its health. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';
import { startLoad } from './support/load.js';
import { eventually, start, startDemoApi, startRole, temporaryFolder } from './support/processes.js';

t.setTimeout(300_000);
const WEIR = path.join(packageRoot(), 'bin', 'weir');
const RELOADS = 50;

/** Replaces a file as editors do: never half written. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const configuration = (upstream: string, changes: { mode?: string; header?: string; more?: string } = {}) => `
listeners: [{host: 127.0.0.1, port: 0}]
gateway: {status: {port: 0}, drainMs: 5000, readinessMs: 700}
services:
  - name: shop
    upstreams: ['${upstream}']
    mode: ${changes.mode ?? 'observe'}
    responseHeaders: {set: {x-configuration: '${changes.header ?? 'first'}'}}
${changes.more ?? ''}`;

const policy = (number: number) => `policy: changing
title: Changes all the time
mode: enforce
severity: low
rules:
  - rule: number-${number}
    match: {path: /nothing/here/${number}}
    action: block
`;

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => null);
  await answer?.arrayBuffer();
  return answer?.status ?? 0;
}

t.test('fifty reloads of configuration and policies under load: no request fails', async (t) => {
  const upstream = await startDemoApi(t);
  const folder = temporaryFolder(t);
  const file = path.join(folder, 'weir.yaml');
  const policies = temporaryFolder(t);
  writeFileSync(path.join(policies, 'changing.yaml'), policy(0));
  writeFileSync(file, configuration(upstream));
  const gateway = await startRole(t, 'gateway', ['--config', file, '--policies', policies, '--data', temporaryFolder(t)]);
  const load = startLoad(t, gateway.ready.gateway, ['/api/products', '/api/products/1', '/health']);
  const seen = async () => (await fetch(`${gateway.ready.gateway}/health`)).headers.get('x-configuration');
  const reloads = () => gateway.errors().match(/was read again/g)?.length ?? 0;
  for (let index = 1; index <= RELOADS; index++) {
    replace(file, configuration(upstream, { mode: index % 2 === 0 ? 'enforce' : 'observe', header: `number ${index}` }));
    replace(path.join(policies, 'changing.yaml'), policy(index));
    gateway.process.kill('SIGHUP');
    await eventually(`reload ${index}`, async () => (await seen()) === `number ${index}`);
  }
  t.ok(reloads() >= RELOADS, `${reloads()} reloads`);

  replace(file, configuration(upstream, { more: 'nonsense: 1\n' }));
  await eventually('the mistake in the log', () => /cannot be used.*nonsense/s.test(gateway.errors()));
  t.equal(await seen(), `number ${RELOADS}`, 'the last good configuration stays in force');
  replace(file, configuration(upstream, { more: '  - {name: shop, upstreams: ["http://127.0.0.1:1"]}\n' }));
  await eventually('the second mistake', () => /two services are named/.test(gateway.errors()));
  t.equal(await statusOf(`${gateway.ready.gateway}/health`), 200);

  await load.stop();
  t.same(load.failures, [], `none of ${load.answered} requests failed`);
  t.ok(load.answered > RELOADS);
});

t.test('SIGTERM: readiness fails first, requests in progress finish', async (t) => {
  const upstream = await startDemoApi(t);
  const file = path.join(temporaryFolder(t), 'weir.yaml');
  writeFileSync(file, configuration(upstream));
  const gateway = await startRole(t, 'gateway', ['--config', file, '--data', temporaryFolder(t)]);
  const { status } = gateway.ready;
  t.same([await statusOf(`${status}/healthz`), await statusOf(`${status}/readyz`), await statusOf(`${status}/else`)], [200, 200, 404]);
  t.match(await (await fetch(`${status}/metrics`)).text(), /# TYPE weir_gateway_requests_total counter/);
  const load = startLoad(t, gateway.ready.gateway, ['/api/products', '/health']);
  await eventually('load', () => load.answered > 10);
  const exit = gateway.stop('SIGTERM');
  await eventually('readiness to fail', async () => (await statusOf(`${status}/readyz`)) === 503);
  t.equal(await statusOf(`${status}/healthz`), 200, 'it is alive');
  const before = load.answered;
  await eventually('traffic to go on meanwhile', () => load.answered > before);
  await load.stop();
  t.same(load.failures, [], 'what came before the listeners closed was answered');
  t.equal(await exit, 0);
});

t.test('workers: one that is killed is replaced, the others go on; they are one weir', async (t) => {
  const upstream = await startDemoApi(t);
  const folder = temporaryFolder(t);
  const data = temporaryFolder(t);
  const file = path.join(folder, 'weir.yaml');
  const port = 20_000 + (process.pid % 20_000);
  const text = (header: string) => configuration(upstream, { header }).replace('port: 0}]', `port: ${port}}]`);
  writeFileSync(file, text('first'));
  const gateway = start(t, process.execPath, [WEIR, 'gateway', '--config', file, '--data', data, '--workers', '2']);
  const url = `http://127.0.0.1:${port}`;
  const pids = () =>
    readdirSync(data)
      .filter((name) => name.startsWith('worker-'))
      .flatMap((name) => pidIn(path.join(data, name)));
  await eventually('two workers', async () => pids().length === 2 && (await statusOf(`${url}/health`)) === 200, 60_000);
  await eventually('both to listen', () => (gateway.output().match(/listens on/g)?.length ?? 0) === 2, 60_000);
  const [victim, survivor] = pids();
  process.kill(victim, 'SIGKILL');
  let answered = 0;
  for (let tries = 0; tries < 50; tries++) {
    if ((await statusOf(`${url}/health`)) === 200) answered++;
    await delay(10);
  }
  t.ok(answered >= 49, `${answered} of 50 requests were answered right after the kill`);
  await eventually('a new worker', () => pids().length === 2 && !pids().includes(victim), 60_000);
  t.ok(pids().includes(survivor), 'the other one never stopped');
  t.match(gateway.errors(), /worker \d ended \(SIGKILL\)/);
  await eventually('it to listen', () => (gateway.output().match(/listens on/g)?.length ?? 0) === 3, 60_000);

  replace(file, text('second'));
  gateway.process.kill('SIGHUP');
  await eventually('both workers to have read the configuration', async () => {
    const seen = await Promise.all(
      Array.from({ length: 12 }, async () =>
        (await fetch(`${url}/health`, { headers: { connection: 'close' } })).headers.get('x-configuration'),
      ),
    );
    return seen.every((one) => one === 'second');
  });
  t.equal(await gateway.stop('SIGTERM'), 0);
  t.same(pids().filter(isAlive), [], 'no worker is left behind');
});

function pidIn(folder: string): number[] {
  try {
    return [Number(readFileSync(path.join(folder, 'gateway.pid'), 'utf8'))];
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
