/**
 * How much does the gateway cost? Every peer of gateway-peers.ts in front of one nginx with a static JSON file, loaded by wrk: gateway on core 0,
 * load and upstream on core 1, rounds interleaved so that other load on the machine hits all alike. Only ratios within one run mean anything.
 *
 * Where wrk is not installed, autocannon makes the load: a Node program, which costs its core more, so figures of the two are not comparable.
 *
 * `npm run bench -- [--seconds 5] [--rounds 3] [--connections 64] [--bytes 2048] [--only text,…] [--latency] [--profile] [--name gateway]`
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { PEERS, run, startNginx, weirAdminPort, weirData } from './gateway-peers.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '2048' },
    only: { type: 'string', default: '' },
    latency: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    name: { type: 'string', default: 'gateway' },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const connections = Number(values.connections);
const upstreamPort = 18_080;
const firstPort = 18_100;
/** Of the machine before the run: above some tenths, others used it too. */
const loadBefore = readFileSync('/proc/loadavg', 'utf8').trim();
const dir = mkdtempSync(join(tmpdir(), 'weir-bench-'));

interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  /** Of those, on the gateway's core. */
  readonly gatewayMicros: number;
  readonly errors: number;
}

interface CpuNs {
  readonly all: number;
  readonly onGatewayCore: number;
}

const tasksOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((one, other) => one - other);

/** CPU nanoseconds of the threads of a process, from the scheduler's own accounts. */
function cpuNs(pid: number | undefined): CpuNs {
  let all = 0;
  let onGatewayCore = 0;
  for (const task of pid === undefined ? [] : tasksOf(pid)) {
    const ns = Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    all += ns;
    if (!moved.has(task)) onGatewayCore += ns;
  }
  return { all, onGatewayCore };
}

const moved = new Set<number>();

/**
 * Leaves a weir's gateway thread and the threads every Node program starts with (V8's) on the gateway's core, and moves what came later, its workers and the
 * file threads, to the other.
 */
function keepOnlyGateway(pid: number): void {
  const count = "console.log(require('node:fs').readdirSync('/proc/self/task').length)";
  // Counting reads a folder synchronously, so no file thread is among them.
  const runtime = Number(execFileSync(process.execPath, ['-e', count], { encoding: 'utf8' }));
  for (const task of tasksOf(pid).slice(runtime)) {
    execFileSync('taskset', ['-p', '-c', '1', String(task)], { stdio: 'ignore' });
    moved.add(task);
  }
}

/** What a whole weir says of its tee: a figure with drops is one with less work done. */
async function teeOf(port: number): Promise<{ published: number; dropped: number; learned: number }> {
  const token = readFileSync(join(weirData({ port, dir }), 'admin-token'), 'utf8').trim();
  const answer = await fetch(`http://127.0.0.1:${weirAdminPort(port)}/api/v1/sources`, { headers: { authorization: `Bearer ${token}` } });
  const { items } = (await answer.json()) as { items: { kind: string; dropped: number; counters: Record<string, number> }[] };
  const of = (kind: string) => items.find((one) => one.kind === kind);
  return {
    published: of('gateway')?.counters.teePublished ?? 0,
    dropped: of('gateway')?.dropped ?? 0,
    learned: of('engine')?.counters.exchanges ?? 0,
  };
}

/** An unsigned sample token, so that principals are read. */
const AUTHORIZATION = 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LTEwNDIiLCJpc3MiOiJiZW5jaCJ9.c2lnbmF0dXJl';
const WRK_REPORT = join(dir, 'report.lua');
writeFileSync(
  WRK_REPORT,
  `wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "wrk"
wrk.headers["Authorization"] = "${AUTHORIZATION}"
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end`,
);

const hasWrk = spawnSync('wrk', ['-v']).error === undefined;

async function load(port: number, pid: number | undefined, forSeconds: number): Promise<Round> {
  const before = cpuNs(pid);
  const { requests, seconds: took, ...rest } = await (hasWrk ? wrk : cannon)(port, forSeconds);
  const after = cpuNs(pid);
  return {
    requestsPerSecond: requests / took,
    ...rest,
    cpuMicros: (after.all - before.all) / requests / 1000,
    gatewayMicros: (after.onGatewayCore - before.onGatewayCore) / requests / 1000,
  };
}

interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

async function cannon(port: number, forSeconds: number): Promise<LoadReport> {
  const report = await autocannon(port, forSeconds, ['-H', `authorization=${AUTHORIZATION}`, '-H', 'accept=application/json']);
  return {
    requests: report.requests.total,
    seconds: report.duration,
    p50Ms: report.latency.p50,
    p99Ms: report.latency.p99,
    errors: report.errors + report.timeouts + report.non2xx,
  };
}

async function wrk(port: number, forSeconds: number): Promise<LoadReport> {
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
  const [requests, micros, p50, p99, errors] = /RESULT (.*)/.exec(stdout)![1].split(' ').map(Number);
  return { requests, seconds: micros / 1e6, p50Ms: p50 / 1000, p99Ms: p99 / 1000, errors };
}

interface CannonReport {
  readonly duration: number;
  readonly requests: { readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
}

async function autocannon(port: number, forSeconds: number, more: readonly string[]): Promise<CannonReport> {
  const program = new URL('../node_modules/.bin/autocannon', import.meta.url).pathname;
  const url = `http://127.0.0.1:${port}/body.json`;
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', '1', process.execPath, program, '-j', '-c', String(connections), '-d', String(forSeconds), ...more, url],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as CannonReport;
}

/** p99 in ms under a steady rate, by autocannon on the load generator's core. */
async function p99At(rate: number, port: number): Promise<number> {
  return (await autocannon(port, seconds, ['-R', String(rate)])).latency.p99;
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
const running: { name: string; port: number; pid: number | undefined; isWholeWeir?: boolean; stop: () => Promise<void> }[] = [
  { name: 'direct', port: upstreamPort, pid: undefined, stop: async () => undefined },
];
const latency = new Map<string, number>();
const tees = new Map<string, Awaited<ReturnType<typeof teeOf>>>();
try {
  for (const [index, peer] of peers.entries()) {
    const port = firstPort + index;
    const stop = await run(['taskset', '-c', '0', ...peer.command!({ port, upstreamPort, dir })], port, peer.env);
    running.push({ name: peer.name, port, pid: stop.pid, isWholeWeir: peer.isWholeWeir, stop });
  }
  for (const one of running) await load(one.port, one.pid, 2);
  for (const one of running) if (one.isWholeWeir && one.pid !== undefined) keepOnlyGateway(one.pid);
  for (let round = 0; round < rounds; round++) {
    for (const one of running) {
      const result = await load(one.port, one.pid, seconds);
      results.set(one.name, [...(results.get(one.name) ?? []), result]);
    }
  }
  if (values.profile) {
    for (const one of running) {
      if (one.pid === undefined || one.name.includes('nginx') || one.isWholeWeir) continue;
      process.kill(one.pid, 'SIGUSR2');
      await load(one.port, one.pid, 6);
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
  for (const one of running) if (one.isWholeWeir) tees.set(one.name, await teeOf(one.port));
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
  gatewayMicros: Math.round(median(list.map((one) => one.gatewayMicros)) * 10) / 10,
  tee: tees.get(name) ?? null,
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
  'of it on the gateway core': row.gatewayMicros,
  'x @fastify/http-proxy': Math.round((row.requestsPerSecond / rateOf('@fastify/http-proxy')) * 100) / 100,
  'x node:http+undici': Math.round((row.requestsPerSecond / rateOf('node:http + undici')) * 100) / 100,
  errors: row.errors,
  ...(row.p99AtHalfRateMs === null ? {} : { 'p99 at half rate': row.p99AtHalfRateMs }),
}));
console.table(table);
console.log(
  `load by ${hasWrk ? 'wrk' : 'autocannon (wrk is not installed)'}, ${connections} connections, ${seconds} s × ${rounds} interleaved rounds, medians`,
);
for (const [name, tee] of tees)
  console.log(
    `${name}: ${tee.published} exchanges recorded, ${tee.learned} learned so far, ${tee.dropped} dropped because the engine was behind`,
  );

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const file = new URL(`./results/${values.name}-${new Date().toISOString().slice(0, 10)}-${commit}-${values.bytes}b.json`, import.meta.url)
  .pathname;
mkdirSync(new URL('./results', import.meta.url).pathname, { recursive: true });
writeFileSync(
  file,
  `${JSON.stringify({ commit, node: process.version, cpu: cpus()[0].model, cores: cpus().length, load: loadBefore, loadGenerator: hasWrk ? 'wrk' : 'autocannon', seconds, rounds, connections, bytes: Number(values.bytes), rows }, null, 2)}\n`,
);
console.log(`written to ${file}`);
rmSync(dir, { recursive: true, force: true });
