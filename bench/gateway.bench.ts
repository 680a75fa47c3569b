/**
 * How much does the gateway cost? Every peer of gateway-peers.ts in front of one nginx with a static JSON file, loaded by wrk: gateway on core 0,
 * load and upstream on core 1, rounds interleaved so that other load on the machine hits all alike. Only ratios within one run mean anything.
 *
 * `node --import tsx bench/gateway.bench.ts [--seconds 5] [--rounds 3] [--connections 64] [--bytes 2048] [--only text,…] [--latency] [--profile]`
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { PEERS, run, startNginx } from './gateway-peers.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '2048' },
    only: { type: 'string', default: '' },
    latency: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const connections = Number(values.connections);
const upstreamPort = 18_080;
const firstPort = 18_100;
const dir = mkdtempSync(join(tmpdir(), 'weir-bench-'));

interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  readonly errors: number;
}

/** CPU nanoseconds of all threads of a process, from the scheduler's own accounts. */
function cpuNs(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return total;
}

const WRK_REPORT = join(dir, 'report.lua');
writeFileSync(
  WRK_REPORT,
  `wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "wrk"
wrk.headers["Authorization"] = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LTEwNDIiLCJpc3MiOiJiZW5jaCJ9.c2lnbmF0dXJl"
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end`,
);

async function wrk(port: number, pid: number | undefined, forSeconds: number): Promise<Round> {
  const before = pid === undefined ? 0 : cpuNs(pid);
  const { stdout } = await promisify(execFile)('taskset', [
    '-c',
    '1',
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${forSeconds}s`,
    '-s',
    WRK_REPORT,
    `http://127.0.0.1:${port}/body.json`,
  ]);
  const used = pid === undefined ? 0 : cpuNs(pid) - before;
  const [requests, micros, p50, p99, errors] = /RESULT (.*)/.exec(stdout)![1].split(' ').map(Number);
  return { requestsPerSecond: requests / (micros / 1e6), p50Ms: p50 / 1000, p99Ms: p99 / 1000, cpuMicros: used / requests / 1000, errors };
}

/** p99 in ms under a steady rate, by autocannon on the load generator's core. */
async function p99At(rate: number, port: number): Promise<number> {
  const autocannon = new URL('../node_modules/.bin/autocannon', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(
    'taskset',
    [
      '-c',
      '1',
      process.execPath,
      autocannon,
      '-j',
      '-c',
      String(connections),
      '-R',
      String(rate),
      '-d',
      String(seconds),
      `http://127.0.0.1:${port}/body.json`,
    ],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  return (JSON.parse(stdout) as { latency: { p99: number } }).latency.p99;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A JSON body of roughly the given size, with the fields an API would have. */
function jsonBody(bytes: number): string {
  const items: object[] = [];
  for (let id = 1; JSON.stringify({ items }).length < bytes; id++) {
    items.push({
      id,
      name: `item ${id}`,
      price: id * 1.25,
      currency: 'EUR',
      stock: { warehouse: 'north', units: id * 3 },
      tags: ['new', 'sale'],
    });
  }
  return JSON.stringify({ items });
}

const peers = PEERS.filter(
  (peer) => peer.command !== null && (values.only === '' || values.only.split(',').some((one) => peer.name.includes(one))),
);
const results = new Map<string, Round[]>();
const stopUpstream = await startNginx(dir, upstreamPort, 1, { 'body.json': jsonBody(Number(values.bytes)), 'index.html': '{}' });
const running: { name: string; port: number; pid: number | undefined; stop: () => Promise<void> }[] = [
  { name: 'direct', port: upstreamPort, pid: undefined, stop: async () => undefined },
];
const latency = new Map<string, number>();
try {
  for (const [index, peer] of peers.entries()) {
    const port = firstPort + index;
    const stop = await run(['taskset', '-c', '0', ...peer.command!({ port, upstreamPort, dir })], port, peer.env);
    running.push({ name: peer.name, port, pid: stop.pid, stop });
  }
  for (const one of running) await wrk(one.port, one.pid, 2);
  for (let round = 0; round < rounds; round++) {
    for (const one of running) {
      const result = await wrk(one.port, one.pid, seconds);
      results.set(one.name, [...(results.get(one.name) ?? []), result]);
    }
  }
  if (values.profile) {
    for (const one of running) {
      if (one.pid === undefined || one.name.includes('nginx')) continue;
      process.kill(one.pid, 'SIGUSR2');
      await wrk(one.port, one.pid, 6);
    }
  }
  if (values.latency) {
    // Half of what the slowest weir can do, the same for all: what a request costs when nothing queues.
    const rate = Math.round(
      Math.min(
        ...running
          .filter((one) => one.name.startsWith('weir'))
          .map((one) => median(results.get(one.name)!.map((result) => result.requestsPerSecond))),
      ) / 2,
    );
    for (const one of running) {
      latency.set(one.name, await p99At(rate, one.port));
    }
  }
} finally {
  for (const one of running) await one.stop();
  await stopUpstream();
}

const rows = [...results].map(([name, list]) => ({
  name,
  requestsPerSecond: Math.round(median(list.map((one) => one.requestsPerSecond))),
  p50Ms: median(list.map((one) => one.p50Ms)),
  p99Ms: median(list.map((one) => one.p99Ms)),
  cpuMicros: Math.round(median(list.map((one) => one.cpuMicros)) * 10) / 10,
  errors: list.reduce((sum, one) => sum + one.errors, 0),
  p99AtHalfRateMs: latency.get(name) ?? null,
}));
const rateOf = (name: string) => rows.find((row) => row.name === name)?.requestsPerSecond ?? Number.NaN;
const table = rows.map((row) => ({
  peer: row.name,
  'req/s': row.requestsPerSecond,
  'p50 ms': row.p50Ms,
  'p99 ms': row.p99Ms,
  'CPU µs/req': row.cpuMicros,
  'x @fastify/http-proxy': Math.round((row.requestsPerSecond / rateOf('@fastify/http-proxy')) * 100) / 100,
  'x node:http+undici': Math.round((row.requestsPerSecond / rateOf('node:http + undici')) * 100) / 100,
  errors: row.errors,
  ...(row.p99AtHalfRateMs === null ? {} : { 'p99 at half rate': row.p99AtHalfRateMs }),
}));
console.table(table);

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const file = new URL(`./results/gateway-${new Date().toISOString().slice(0, 10)}-${commit}-${values.bytes}b.json`, import.meta.url)
  .pathname;
mkdirSync(new URL('./results', import.meta.url).pathname, { recursive: true });
writeFileSync(
  file,
  `${JSON.stringify({ commit, node: process.version, cpu: cpus()[0].model, cores: cpus().length, load: readFileSync('/proc/loadavg', 'utf8').trim(), seconds, rounds, connections, bytes: Number(values.bytes), rows }, null, 2)}\n`,
);
console.log(`written to ${file}`);
rmSync(dir, { recursive: true, force: true });
