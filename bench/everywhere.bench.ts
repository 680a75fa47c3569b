/**
 * How long a block takes from the call of the admin API to the 403 on both of two gateways, over a real Redis: four processes (two gateways, engine, admin),
 * 200 blocks one after the other, a client at each gateway that asks again 2 ms after each answer.
 *
 *     node --import tsx bench/everywhere.bench.ts [--blocks 200]
 *
 * Target: p99 ≤ 100 ms. The program must be built (node scripts/build.mjs).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { packageRoot } from '../exchange/index.js';
import { startRedis } from '../test/support/redis.js';

const { values: flags } = parseArgs({ options: { blocks: { type: 'string', default: '200' } } });
const BLOCKS = Number(flags.blocks);
const WARM_UP = 20;
/** Between two requests of a client: a 403 is seen so much later at most. */
const PAUSE_MS = 2;

const folder = mkdtempSync(path.join(tmpdir(), 'weir-bench-'));
const redis = await startRedis();
const upstream = createServer((_request, response) => response.end('{"ok":true}'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const processes: ChildProcess[] = [];

/** A role in a process of its own; resolves with what it says of itself when it is ready. */
function start(role: string, name: string, ...more: string[]): Promise<Record<string, string>> {
  const shared = ['--redis', redis.url, '--mode', 'enforce', '--trusted-proxies', '127.0.0.0/8', '--data', path.join(folder, name)];
  const child = spawn(
    process.execPath,
    [
      path.join(packageRoot(), 'bin', 'weir'),
      role,
      '--json',
      '--upstream',
      `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
      ...shared,
      ...more,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '', WEIR_SKIP_BUILD: '1', WEIR_SECRET: 'the same for all processes' },
    },
  );
  processes.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`${role} ended with ${code}`)));
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const line = text.split('\n').find((one) => one.startsWith('{"ready"'));
      if (line !== undefined) resolve(JSON.parse(line) as Record<string, string>);
    });
  });
}

const listening = ['--host', '127.0.0.1', '--port', '0'];
const [one, two, , admin] = await Promise.all([
  start('gateway', 'g1', ...listening),
  start('gateway', 'g2', ...listening),
  start('engine', 'store'),
  start('admin', 'store', '--admin-port', '0'),
]);
const gateways = [one, two].map(({ gateway }) => new Pool(gateway, { connections: 1 }));
const api = new Pool(admin.admin, { connections: 1 });
const authorization = `Bearer ${readFileSync(path.join(folder, 'store', 'admin-token'), 'utf8').trim()}`;

async function call(value: string): Promise<void> {
  const { statusCode, body } = await api.request({
    path: '/api/v1/blocks',
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ value, reason: 'bench', forMs: 3_600_000 }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${statusCode} ${text}`);
}

/** Asks until it is refused; the moment of the first 403. */
async function refusedAt(gateway: Pool, ip: string): Promise<number> {
  for (;;) {
    const { statusCode, body } = await gateway.request({ path: '/health', method: 'GET', headers: { 'x-forwarded-for': ip } });
    await body.dump();
    if (statusCode === 403) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

const times: number[] = [];
const calls: number[] = [];
for (let index = 0; index < BLOCKS + WARM_UP; index++) {
  const ip = `203.0.${113 + (index >> 8)}.${index & 255}`;
  const asking = gateways.map((gateway) => refusedAt(gateway, ip));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const startedMs = performance.now();
  const called = call(ip).then(() => performance.now() - startedMs);
  const last = Math.max(...(await Promise.all(asking))) - startedMs;
  if (index < WARM_UP) continue;
  times.push(last);
  calls.push(await called);
}

const at = (values: number[], part: number): number =>
  Number(values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))].toFixed(1));
console.log(
  JSON.stringify(
    {
      date: new Date().toISOString(),
      machine: { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length, load: loadavg()[0] },
      blocks: times.length,
      gateways: gateways.length,
      callTo403OnBothMs: { p50: at(times, 0.5), p95: at(times, 0.95), p99: at(times, 0.99), most: at(times, 1) },
      callAnsweredMs: { p50: at(calls, 0.5), p99: at(calls, 0.99) },
    },
    null,
    2,
  ),
);

await Promise.all([...gateways, api].map((pool) => pool.close()));
for (const child of processes) {
  child.removeAllListeners('exit');
  child.kill();
}
await Promise.all(processes.map((child) => child.exitCode ?? new Promise((resolve) => child.once('exit', resolve))));
upstream.close();
await redis.stop();
rmSync(folder, { recursive: true, force: true });
