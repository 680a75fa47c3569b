/**
 * What does the gateway cost? Every peer of gateway-peers.ts in front of one nginx with static JSON files: gateway on core 0, load, upstream and
 * weir's other threads on core 1, rounds interleaved so that other load on the machine hits all alike. Only ratios within one run mean anything.
 *
 * 1. throughput: req/s, p50, p99, CPU µs a request, ratios to the bare forwarders; of one answer, and of answers that differ
 * 2. 100 KB JSON: CPU of a response that is inspected
 * 3. p99 at half of weir's highest rate
 * 4. memory: 1 GiB down and up, 10,000 idle connections
 *
 * `npm run bench -- [--seconds 4] [--rounds 3] [--connections 64] [--bytes 2048] [--only text,…] [--parts throughput,varied,large,latency,memory] [--profile]
 * [--name gateway]`
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type MemoryUse, memoryOf, startSink } from './gateway-limits.js';
import { hasH2load, hasWrk, keepOnlyGateway, type LoadShape, load, p99At, type Round, untilIdle } from './gateway-load.js';
import { adminApi, type BenchPeer, PEERS, run, startNginx } from './gateway-peers.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '2048' },
    only: { type: 'string', default: '' },
    parts: { type: 'string', default: 'throughput,varied,large,latency,memory' },
    profile: { type: 'boolean', default: false },
    name: { type: 'string', default: 'gateway' },
  },
});
const parts = new Set(values.parts.split(','));
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const small: LoadShape = { path: '/body.json', connections: Number(values.connections), seconds };
/** The same size, but hardly ever the same answer twice: what weir remembers of bodies that come again is of no use here. */
const varied: LoadShape = { ...small, path: '/varied.json', answers: 1000 };
const large: LoadShape = { ...small, path: '/large.json', connections: 16 };
const LARGE_BYTES = 100_000;
const IDLE_CONNECTIONS = 10_000;
/**
 * Code that was never run is slow, and V8 compiles it on the gateway's core: every peer answers this many requests first, or as many as it can in a while. An engine reads a
 * part of them only; a weir is still compiling after 30,000.
 */
const WARM_UP = { requests: 200_000, roundSeconds: 2, mostRounds: 8 };
const upstreamPort = 18_080;
const sinkPort = 18_081;
const firstPort = 18_100;
const BARE = '@fastify/http-proxy';
const FLOOR = 'node:http + undici';
const RELEASE = 'weir up, enforce';

interface RunningPeer extends BenchPeer {
  readonly port: number;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** Of the machine before the run: above some tenths, others used it too. */
const loadBefore = readFileSync('/proc/loadavg', 'utf8').trim();
const dir = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const problems: string[] = [];

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

const rounded = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** A JSON body of roughly the given size, with the fields an API would have. */
function jsonBody(bytes: number, first = 1): string {
  const items: object[] = [];
  for (let id = first, length = 0; length < bytes; id++) {
    const item = {
      id,
      name: `item ${id}`,
      price: id * 1.25,
      currency: 'EUR',
      stock: { warehouse: 'north', units: id * 3 },
      tags: ['new', 'sale'],
    };
    items.push(item);
    length += JSON.stringify(item).length + 1;
  }
  return JSON.stringify({ items });
}

/** Starts a peer in front of `upstream`; one that cannot is told of and left out. */
async function startPeer(peer: BenchPeer, port: number, upstream: number): Promise<RunningPeer | null> {
  if (peer.command === null) {
    problems.push(`${peer.name}: ${peer.about}`);
    return null;
  }
  const place = { port, upstreamPort: upstream, dir };
  try {
    const stop = await run(['taskset', '-c', '0', ...peer.command(place)], port, peer.env);
    const running: RunningPeer = { ...peer, port, pid: stop.pid, stop };
    await peer.prepare?.(place).catch((error: unknown) => problems.push(`${peer.name}: ${String(error)}`));
    return running;
  } catch (error) {
    problems.push(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

async function warmUp(peer: RunningPeer): Promise<void> {
  let answered = 0;
  for (let round = 0; round < WARM_UP.mostRounds && answered < WARM_UP.requests; round++) {
    const { requestsPerSecond } = await load(peer.port, peer.pid, { ...small, seconds: WARM_UP.roundSeconds });
    answered += requestsPerSecond * WARM_UP.roundSeconds;
    // Compiled by others long ago.
    if (peer.name.startsWith('nginx')) return;
  }
}

/** What an engine has yet to learn of a round is no load of the next peer. */
async function settle(peer: RunningPeer): Promise<void> {
  if (peer.isWholeWeir && peer.pid !== undefined) await untilIdle(peer.pid);
}

/** Each peer in turn, `rounds` times over. */
async function interleaved(peers: readonly RunningPeer[], shape: LoadShape): Promise<Map<string, Round[]>> {
  const results = new Map<string, Round[]>();
  for (let round = 0; round < rounds; round++)
    for (const peer of peers) {
      const one = await load(peer.port, peer.pid, shape);
      if (one.errors > 0) throw new Error(`${one.errors} requests of ${peer.name} failed: such a round measures something else`);
      results.set(peer.name, [...(results.get(peer.name) ?? []), one]);
      await settle(peer);
    }
  return results;
}

function rowsOf(results: ReadonlyMap<string, readonly Round[]>) {
  const rate = (name: string) => median((results.get(name) ?? []).map((one) => one.requestsPerSecond));
  return [...results].map(([name, list]) => ({
    peer: name,
    'req/s': Math.round(rate(name)),
    'p50 ms': median(list.map((one) => one.p50Ms)),
    'p99 ms': median(list.map((one) => one.p99Ms)),
    'CPU µs/req': rounded(median(list.map((one) => one.cpuMicros))),
    'on the gateway core': rounded(median(list.map((one) => one.gatewayMicros))),
    [`× ${BARE}`]: rounded(rate(name) / rate(BARE), 2),
    [`× ${FLOOR}`]: rounded(rate(name) / rate(FLOOR), 2),
  }));
}

/** What a whole weir says of its tee: a figure with drops is one with less work done. */
async function teeOf(peer: RunningPeer) {
  const { items } = await adminApi<{ items: { kind: string; dropped: number; counters: Record<string, number> }[] }>(
    { port: peer.port, dir },
    'GET',
    '/sources',
  );
  const of = (kind: string) => items.find((one) => one.kind === kind);
  return {
    peer: peer.name,
    recorded: of('gateway')?.counters.teePublished ?? 0,
    'learned so far': of('engine')?.counters.exchanges ?? 0,
    'dropped, engine behind': of('gateway')?.dropped ?? 0,
  };
}

/** p99 under a steady rate, half of what weir can do at most, the same for all: what a request costs when nothing queues. */
async function latency(peers: readonly RunningPeer[], maximum: number) {
  const rate = Math.round(maximum / 2);
  const found = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++)
    for (const peer of peers) {
      found.set(peer.name, [...(found.get(peer.name) ?? []), await p99At(rate, peer.port, small)]);
      await settle(peer);
    }
  const bare = median(found.get(BARE) ?? []);
  return [...found].map(([peer, list]) => ({ peer, rate, 'p99 ms': median(list), 'added ms': rounded(median(list) - bare, 2) }));
}

async function memory(): Promise<(MemoryUse & { readonly peer: string })[]> {
  const stopSink = await startSink(sinkPort);
  const found: (MemoryUse & { readonly peer: string })[] = [];
  try {
    for (const [index, name] of ['weir trivial', 'weir up, observe'].entries()) {
      const peer = PEERS.find((one) => one.name === name)!;
      const running = await startPeer({ ...peer, prepare: undefined }, firstPort + 50 + index, sinkPort);
      if (running?.pid === undefined) continue;
      try {
        if (running.isWholeWeir) keepOnlyGateway(running.pid);
        for (const use of await memoryOf(running.pid, running.port, IDLE_CONNECTIONS)) found.push({ peer: name, ...use });
      } catch (error) {
        problems.push(`memory of ${name}: ${String(error)}`);
      } finally {
        await running.stop();
      }
    }
  } finally {
    await stopSink();
  }
  return found;
}

const report: Record<string, unknown> = {};
const show = (title: string, rows: readonly object[]) => {
  console.log(`\n${title}`);
  console.table(rows);
  report[title] = rows;
};
const files: Record<string, string> = {
  'body.json': jsonBody(Number(values.bytes)),
  'large.json': jsonBody(LARGE_BYTES),
  'index.html': '{}',
};
for (let n = 0; n < varied.answers!; n++) files[`varied/${n}.json`] = jsonBody(Number(values.bytes), 10_000 + n * 100);
const stopUpstream = await startNginx(dir, upstreamPort, 1, files);
const running: RunningPeer[] = [];
try {
  const chosen = PEERS.filter((peer) =>
    values.only === '' ? !peer.onlyWhenNamed : values.only.split(',').some((one) => peer.name.includes(one)),
  );
  if (['throughput', 'varied', 'large', 'latency'].some((part) => parts.has(part))) {
    for (const [index, peer] of chosen.entries()) {
      const started = await startPeer(peer, firstPort + index, upstreamPort);
      if (started !== null) running.push(started);
    }
    for (const peer of running) await warmUp(peer);
    for (const peer of running) if (peer.isWholeWeir && peer.pid !== undefined) keepOnlyGateway(peer.pid);
    for (const peer of running) await settle(peer);
  }
  const named = (...names: string[]) => running.filter((peer) => names.some((name) => peer.name.startsWith(name)));
  let maximum = 0;
  if (parts.has('throughput') || parts.has('latency')) {
    const direct: RunningPeer = {
      name: 'direct',
      about: '',
      command: null,
      port: upstreamPort,
      pid: undefined,
      stop: async () => undefined,
    };
    const results = await interleaved([direct, ...running], small);
    maximum = median((results.get(RELEASE) ?? results.get('weir trivial') ?? []).map((one) => one.requestsPerSecond));
    show(`throughput: ${values.bytes} bytes of JSON, ${values.connections} connections`, rowsOf(results));
  }
  if (parts.has('varied') && hasWrk)
    show(`throughput: the same, but ${varied.answers} different answers`, rowsOf(await interleaved(named(BARE, FLOOR, 'weir up'), varied)));
  if (parts.has('large'))
    show(
      '100 KB of JSON, inspected: CPU of a response',
      rowsOf(await interleaved(named(BARE, RELEASE, 'weir up, observe'), { ...large, seconds: 3 })),
    );
  if (parts.has('latency') && maximum > 0)
    show('p99 at half of the highest rate of weir', await latency(named(BARE, FLOOR, 'weir up'), maximum));
  if (values.profile) {
    for (const peer of running) {
      if (peer.pid === undefined || peer.name.includes('nginx') || peer.isWholeWeir) continue;
      process.kill(peer.pid, 'SIGUSR2');
      await load(peer.port, peer.pid, { ...small, seconds: 6 });
    }
  }
  const whole = running.filter((peer) => peer.isWholeWeir);
  if (whole.length > 0) show('tee', await Promise.all(whole.map(teeOf)));
} finally {
  for (const peer of running) await peer.stop();
  await stopUpstream();
}
if (parts.has('memory')) show(`memory above idle: 1 GiB transfers, ${IDLE_CONNECTIONS} connections`, await memory());

console.log(
  `load by ${hasWrk ? 'wrk' : 'autocannon (wrk is not installed)'}, at a steady rate by ${hasH2load ? 'h2load' : 'autocannon (h2load is not installed)'}, ${seconds} s × ${rounds} interleaved rounds, medians`,
);
for (const problem of problems) console.log(`left out: ${problem}`);
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const name = `${values.name}-${new Date().toISOString().slice(0, 10)}-${commit}.json`;
const file = new URL(`./results/${name}`, import.meta.url).pathname;
mkdirSync(new URL('./results', import.meta.url).pathname, { recursive: true });
const machine = {
  node: process.version,
  cpu: cpus()[0].model,
  cores: cpus().length,
  loadBefore,
  loadGenerator: hasWrk ? 'wrk' : 'autocannon',
  steadyLoadGenerator: hasH2load ? 'h2load' : 'autocannon',
};
writeFileSync(file, `${JSON.stringify({ commit, ...machine, seconds, rounds, problems, ...report }, null, 2)}\n`);
console.log(`written to ${file}`);
rmSync(dir, { recursive: true, force: true });
