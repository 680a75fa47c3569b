/** Load for gateway.bench.ts, from core 1, and the CPU time of who is loaded. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface LoadShape {
  readonly path: string;
  /** Asks for so many different answers in turn, by `?n=`; for wrk only. */
  readonly answers?: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface Round {
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
export function keepOnlyGateway(pid: number): void {
  const count = "console.log(require('node:fs').readdirSync('/proc/self/task').length)";
  // Counting reads a folder synchronously, so no file thread is among them.
  const runtime = Number(execFileSync(process.execPath, ['-e', count], { encoding: 'utf8' }));
  for (const task of tasksOf(pid).slice(runtime)) {
    execFileSync('taskset', ['-p', '-c', '1', String(task)], { stdio: 'ignore' });
    moved.add(task);
  }
}

/** A token as applications issue them, signed with nothing: principals are read, and there is nothing about it to complain of. */
const claims = {
  iss: 'https://login.bench',
  aud: 'shop',
  sub: 'u-1042',
  iat: Math.floor(Date.now() / 1000),
  exp: Math.floor(Date.now() / 1000) + 3_600,
};
const encoded = [{ alg: 'RS256', typ: 'JWT', kid: 'bench' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
const AUTHORIZATION = `Bearer ${encoded.join('.')}.${Buffer.alloc(256, 7).toString('base64url')}`;
const WRK_SCRIPT = `wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "wrk"
wrk.headers["Authorization"] = "${AUTHORIZATION}"
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end`;

const scripts = new Map<string, string>();
async function wrkScript({ path, answers }: LoadShape): Promise<string> {
  const asks = `local n = 0
request = function() n = (n + 1) % ${answers}; return wrk.format("GET", "${path}?n=" .. n) end`;
  const text = answers === undefined ? WRK_SCRIPT : `${WRK_SCRIPT}\n${asks}`;
  let file = scripts.get(text);
  if (file === undefined) {
    file = join(await mkdtemp(join(tmpdir(), 'weir-wrk-')), 'load.lua');
    scripts.set(text, file);
    await writeFile(file, text);
  }
  return file;
}

/** Else autocannon makes the load: a Node program, which costs its core more, so figures of the two are not comparable. */
export const hasWrk = spawnSync('wrk', ['-v']).error === undefined;

/** One round of as many requests as the peer answers; `pid`: whose CPU time is accounted. */
export async function load(port: number, pid: number | undefined, shape: LoadShape): Promise<Round> {
  const before = cpuNs(pid);
  const { requests, seconds: took, ...rest } = await (hasWrk ? wrk : cannon)(port, shape);
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

async function cannon(port: number, shape: LoadShape): Promise<LoadReport> {
  const report = await autocannon(port, shape, ['-H', `authorization=${AUTHORIZATION}`, '-H', 'accept=application/json']);
  return {
    requests: report.requests.total,
    seconds: report.duration,
    p50Ms: report.latency.p50,
    p99Ms: report.latency.p99,
    errors: report.errors + report.timeouts + report.non2xx,
  };
}

async function wrk(port: number, shape: LoadShape): Promise<LoadReport> {
  const { stdout } = await promisify(execFile)('taskset', [
    '-c',
    '1',
    'wrk',
    '-t1',
    `-c${shape.connections}`,
    `-d${shape.seconds}s`,
    '-s',
    await wrkScript(shape),
    `http://127.0.0.1:${port}${shape.path}`,
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

async function autocannon(port: number, shape: LoadShape, more: readonly string[]): Promise<CannonReport> {
  const program = new URL('../node_modules/.bin/autocannon', import.meta.url).pathname;
  const url = `http://127.0.0.1:${port}${shape.path}`;
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', '1', process.execPath, program, '-j', '-c', String(shape.connections), '-d', String(shape.seconds), ...more, url],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as CannonReport;
}

/** Sends at a steady rate, with its connections spread over the time between two requests of one; a program in C, so that its own pauses are not measured. */
export const hasH2load = spawnSync('h2load', ['--version']).error === undefined;

/** p99 in ms under a steady rate, from the load generator's core; by autocannon where h2load is not installed, whose own pauses are of milliseconds. */
export async function p99At(rate: number, port: number, shape: LoadShape): Promise<number> {
  if (!hasH2load) return (await autocannon(port, shape, ['-R', String(rate), '-H', `authorization=${AUTHORIZATION}`])).latency.p99;
  const folder = await mkdtemp(join(tmpdir(), 'weir-h2load-'));
  const log = join(folder, 'requests.tsv');
  try {
    await promisify(execFile)('taskset', [
      ...['-c', '1', 'h2load', '--h1', '--threads=1', `--clients=${shape.connections}`, `--requests=${rate * shape.seconds}`],
      ...[`--rps=${rate / shape.connections}`, `--rate=${Math.max(1, Math.round(rate / 1000))}`, '--rate-period=1ms', `--log-file=${log}`],
      ...['-H', 'accept: application/json', '-H', `authorization: ${AUTHORIZATION}`, `http://127.0.0.1:${port}${shape.path}`],
    ]);
    return p99Of(await readFile(log, 'utf8'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What came in the first second still found connections being made. */
const FIRST_MICROS = 1_000_000;

/** Lines of h2load's log: start in µs, status, µs until the end of the answer. Throws when a request failed. */
function p99Of(log: string): number {
  const rows = log
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number));
  const failed = rows.filter(([, status]) => status !== 200).length;
  if (failed > 0) throw new Error(`${failed} of ${rows.length} requests failed under a steady rate`);
  const from = rows.reduce((first, [at]) => Math.min(first, at), Number.POSITIVE_INFINITY) + FIRST_MICROS;
  const took = rows
    .filter(([at]) => at >= from)
    .map(([, , micros]) => micros)
    .sort((one, other) => one - other);
  return took[Math.floor(took.length * 0.99)] / 1000;
}

/** A weir whose engine is behind would take time from whoever is measured next: waits until it does nothing more, for half a minute at most. */
export async function untilIdle(pid: number): Promise<void> {
  for (let waited = 0; waited < 300; waited++) {
    const before = cpuNs(pid).all;
    await sleep(100);
    if (cpuNs(pid).all - before < 5e6) return;
  }
}
