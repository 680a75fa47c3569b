/**
 * The blocklist: a table of 1M entries (load, memory, look-up), and how long a block takes to every gateway over a real Redis.
 *
 *     node --import ./scripts/typescript.mjs bench/blocks.bench.ts [--entries 1000000]
 *
 * Targets: load ≤ 3 s, ≤ 64 bytes an entry, look-up p99 ≤ 2 µs, propagation p99 ≤ 100 ms.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type AllowEntry, type Block, BlockCompiler, Blocklist, BlockTable, compileFeeds, normalScope } from '../attackers/index.js';
import { packageRoot } from '../exchange/index.js';
import { startRedis } from '../test/support/redis.js';
import { createSharedState } from '../traffic/index.js';

const { values: flags } = parseArgs({ options: { entries: { type: 'string', default: '1000000' } } });
const entries = Number(flags.entries);
const PROPAGATIONS = 200;
const LOOKUPS = 400_000;

/** Mulberry32: the same list in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** 60 % IPv4 addresses, 20 % IPv4 networks (/16–/31), 20 % IPv6 networks (/32–/128). */
function makeEntries(count: number): string[] {
  const next = generator(7);
  return Array.from({ length: count }, (_, index) => {
    const kind = index % 5;
    const address = next();
    const v4 = `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
    if (kind < 3) return v4;
    if (kind === 3) return `${v4}/${16 + (next() % 16)}`;
    return `2001:${(next() & 0xffff).toString(16)}:${(next() & 0xffff).toString(16)}:${(address >>> 16).toString(16)}::${(address & 0xffff).toString(16)}/${32 + (next() % 97)}`;
  });
}

function percentile(sorted: readonly number[] | Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** A quarter are entries of the list, a quarter other IPv6 addresses, the rest other IPv4 addresses. */
function makeQuery(n: number, next: () => number, list: readonly string[]): string {
  if (n % 4 === 0) return list[next() % list.length].split('/')[0];
  const random = next();
  if (n % 4 === 1) return `2001:${(random & 0xffff).toString(16)}::${(random >>> 16).toString(16)}`;
  return `${random >>> 24}.${(random >>> 16) & 255}.${(random >>> 8) & 255}.${random & 255}`;
}

async function table() {
  const list = makeEntries(entries);
  const nowMs = Date.now();
  const blocks = list.map(
    (value): Block => ({
      id: '',
      scope: { kind: value.includes('/') ? 'cidr' : 'address', value },
      service: null,
      reason: 'bench',
      origin: 'feed',
      createdBy: 'bench',
      createdAtMs: nowMs,
      expiresAtMs: null,
    }),
  );
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const compiler = new BlockCompiler();
  for (const block of blocks) compiler.add(block);
  const compiled = compiler.compile();
  const loadMs = performance.now() - startMs;
  const loadCpu = process.cpuUsage(cpuBefore);
  const { v4, v6, createdAtMs, expiresAtMs } = compiled;
  const totalBytes = [v4.cells, v4.index, v6.cells, v6.index, createdAtMs, expiresAtMs].reduce((sum, array) => sum + array.byteLength, 0);

  const threadStartMs = performance.now();
  const threaded = await compileFeeds([{ name: 'bench', service: null, fetchedAtMs: nowMs, lines: list.join('\n') }]);
  const feedLoadMs = performance.now() - threadStartMs;
  const blockTable = new BlockTable();
  blockTable.loadFeeds(threaded);
  for (let n = 0; n < 1000; n++) blockTable.set({ ...blocks[n], origin: 'person', scope: normalScope(list[n]), id: `b${n}` });

  const next = generator(11);
  // A request's address is a string of its own, just read: not a part of one that lies somewhere in the list.
  const queries = Array.from({ length: LOOKUPS }, (_, n) => Buffer.from(makeQuery(n, next, list)).toString('latin1'));
  let hits = 0;
  const warmup = () => {
    for (const ip of queries) if (blockTable.check(ip, null, 'shop', nowMs) !== null) hits++;
  };
  warmup();
  hits = 0;
  const lookupBefore = process.cpuUsage();
  warmup();
  const meanNs = (process.cpuUsage(lookupBefore).user * 1000) / queries.length;
  // The clock itself costs some 40 ns a reading: single look-ups are timed with it, and its cost is reported beside them.
  const times = new Float64Array(queries.length);
  const clock = new Float64Array(queries.length);
  for (let n = 0; n < queries.length; n++) {
    const before = process.hrtime.bigint();
    blockTable.check(queries[n], null, 'shop', nowMs);
    const after = process.hrtime.bigint();
    times[n] = Number(after - before);
    clock[n] = Number(process.hrtime.bigint() - after);
  }
  times.sort();
  clock.sort();
  return {
    entries,
    loadMs: round(loadMs),
    loadCpuMs: round((loadCpu.user + loadCpu.system) / 1000),
    feedLoadOnThreadMs: round(feedLoadMs),
    bytesPerEntry: round(totalBytes / entries),
    lookupMeanCpuNs: round(meanNs),
    lookupP50Ns: percentile(times, 0.5),
    lookupP99Ns: percentile(times, 0.99),
    lookupP999Ns: percentile(times, 0.999),
    clockP50Ns: percentile(clock, 0.5),
    hits,
    lookups: queries.length,
  };
}

/** Each replica is a thread of its own with its own Redis connections; it says when it sees a block. The gateway's 403 follows within the next request. */
async function propagation() {
  const redis = await startRedis();
  const dir = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  const replicas = [0, 1].map(
    (n) =>
      new Worker(fileURLToPath(import.meta.url), {
        workerData: { url: redis.url, dir: join(dir, `g${n}`) },
      }),
  );
  await Promise.all(replicas.map((replica) => once(replica, 'message')));
  const shared = createSharedState({ dir: join(dir, 'admin'), redis: { url: redis.url } });
  const list = await Blocklist.open(shared);
  const seen = new Map<string, { count: number; done: (lastMs: number) => void }>();
  for (const replica of replicas) {
    replica.on('message', ({ value, atMs }: { value: string; atMs: number }) => {
      const waiting = seen.get(value);
      if (waiting !== undefined && ++waiting.count === replicas.length) waiting.done(atMs);
    });
  }
  const times: number[] = [];
  for (let n = 0; n < PROPAGATIONS; n++) {
    const value = `203.0.${n >> 8}.${n & 255}`;
    const arrived = new Promise<number>((done) => seen.set(value, { count: 0, done }));
    const startMs = performance.timeOrigin + performance.now();
    await list.add({ value, reason: 'bench', origin: 'person', createdBy: 'bench', durationMs: 3_600_000 });
    times.push((await arrived) - startMs);
  }
  times.sort((a, b) => a - b);
  await Promise.all(replicas.map((replica) => replica.terminate()));
  await shared.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
  return {
    blocks: PROPAGATIONS,
    replicas: replicas.length,
    p50Ms: round(percentile(times, 0.5), 2),
    p99Ms: round(percentile(times, 0.99), 2),
    maxMs: round(times[times.length - 1], 2),
  };
}

async function replica({ url, dir }: { url: string; dir: string }, report: (message: unknown) => void) {
  const shared = createSharedState({ dir, redis: { url } });
  const [blocks, allowlist] = await Promise.all([shared.open<Block>('blocks'), shared.open<AllowEntry>('allowlist')]);
  const blockTable = new BlockTable();
  blockTable.follow(blocks, allowlist);
  blocks.subscribe((change) => {
    if (change.kind !== 'set') return;
    const { value } = change.entry.value.scope;
    if (blockTable.check(value, null, 'shop', Date.now()) !== null) report({ value, atMs: performance.timeOrigin + performance.now() });
  });
  report('ready');
}

const { isMainThread, parentPort, workerData } = await import('node:worker_threads');
if (isMainThread) {
  const result = {
    date: new Date().toISOString(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length, load: round(loadavg()[0]) },
    table: await table(),
    propagation: await propagation(),
  };
  const dir = join(packageRoot(), 'bench', 'results');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'blocks.json'), `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result, null, 2));
} else {
  await replica(workerData, (message) => parentPort?.postMessage(message));
}
