/**
 * What a blocked client costs against a served one: CPU of the whole `weir up` (gateway, engine, admin) a request, interleaved.
 *
 *     node --import tsx bench/blocked.bench.ts [--requests 20000]
 *
 * Target: at least five times less.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { packageRoot } from '../exchange/index.js';

const { values: flags } = parseArgs({ options: { requests: { type: 'string', default: '20000' } } });
const REQUESTS = Number(flags.requests);
const ROUNDS = 5;
const CONNECTIONS = 32;
const SETTLE_MS = 1_500;
const IDLE_MS = 5_000;
const TICK_US = 10_000;
const BLOCKED = '203.0.113.66';
const SERVED = '203.0.113.7';

const payload = Buffer.from(
  JSON.stringify({ items: Array.from({ length: 24 }, (_, id) => ({ id, title: `Garden chair ${id}`, price: 19.99, city: 'Rotterdam' })) }),
); // prettier-ignore
const upstream = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(payload));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const data = mkdtempSync(path.join(tmpdir(), 'weir-bench-'));
const weir = spawn(
  process.execPath,
  [
    path.join(packageRoot(), 'bin', 'weir'),
    'up',
    '--json',
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    '--admin-port',
    '0',
    '--data',
    data,
    '--mode',
    'enforce',
    '--trusted-proxies',
    '127.0.0.0/8',
    '--upstream',
    `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
); // prettier-ignore
const ready = await new Promise<{ gateway: string; admin: string }>((resolve) => {
  let text = '';
  weir.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const line = text.split('\n').find((one) => one.startsWith('{"ready"'));
    if (line !== undefined) resolve(JSON.parse(line) as { gateway: string; admin: string });
  });
});
const authorization = `Bearer ${readFileSync(path.join(data, 'admin-token'), 'utf8').trim()}`;
const blocked = await fetch(`${ready.admin}/api/v1/blocks`, {
  method: 'POST',
  headers: { authorization, 'content-type': 'application/json' },
  body: JSON.stringify({ value: BLOCKED, reason: 'bench', forMs: 3_600_000 }),
});
if (!blocked.ok) throw new Error(await blocked.text());

const pool = new Pool(ready.gateway, { connections: CONNECTIONS });

/** CPU of the process so far, µs (proc(5): utime and stime in ticks). */
function cpuUs(): number {
  const fields = readFileSync(`/proc/${weir.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** µs of CPU in a second in which nobody asks: heartbeats, sweeps. Not what a request costs. */
async function idleCost(): Promise<number> {
  const before = cpuUs();
  await delay(IDLE_MS);
  return ((cpuUs() - before) / IDLE_MS) * 1000;
}

/** µs a request, with what the engine does afterwards. */
async function cost(ip: string, status: number): Promise<number> {
  const before = cpuUs();
  const startedMs = performance.now();
  let left = REQUESTS;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await pool.request({
        path: `/api/items/${left % 500}?page=2`,
        method: 'GET',
        headers: { 'x-forwarded-for': ip, accept: 'application/json' },
      }); // prettier-ignore
      await answer.body.dump();
      if (answer.statusCode !== status) throw new Error(`${ip} got ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  await delay(SETTLE_MS);
  const idleUs = ((performance.now() - startedMs) / 1000) * idleUsPerSecond;
  return (cpuUs() - before - idleUs) / REQUESTS;
}

const served: number[] = [];
const refused: number[] = [];
await delay(5_000);
const idleUsPerSecond = await idleCost();
for (let round = 0; round <= ROUNDS; round++) {
  const a = await cost(SERVED, 200);
  const b = await cost(BLOCKED, 403);
  if (round === 0) continue;
  served.push(a);
  refused.push(b);
}
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];
console.log(
  `idle ${(idleUsPerSecond / 1000).toFixed(1)} ms a second; served ${median(served).toFixed(1)} µs, blocked ${median(refused).toFixed(1)} µs of CPU a request: ${(median(served) / median(refused)).toFixed(1)} times less`,
);
await pool.close();
weir.kill();
await new Promise((resolve) => weir.once('exit', resolve));
upstream.close();
rmSync(data, { recursive: true, force: true });
