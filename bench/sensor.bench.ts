/**
 * How much does reading a capture cost? `weir` gives exchanges with decoded bodies; `weir-records` encodes them for the stream, as a sensor does, with one thread
 * on one core, and with two threads on two; `weir-records-twice` reads the capture twice at once, in two processes: more than that no two threads can gain on
 * this machine. Beside them what else is installed (suricata, tshark, tcpflow; `tcpdump -r` is the bound: it only copies). The capture is generated:
 * 60,000 transactions, about 300 MB, MTU 1500. Rounds are interleaved, so other load on the machine hits all alike; only ratios within one run mean anything.
 *
 * `npm run bench:sensor -- [--transactions 60000] [--rounds 3] [--only weir,tshark,…]`
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build } from 'esbuild';
import { writeCapture } from './sensor-capture.js';

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '60000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
const root = new URL('..', import.meta.url).pathname;
const only = values.only === '' ? null : values.only.split(',');
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-sensor-'));
const capture = join(folder, 'capture.pcap');

interface Round {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMib: number;
  /** What it found, in its own unit; -1 when it does not say. */
  readonly found: number;
}

const HTTP_FIELDS = [
  '-e',
  'http.request.method',
  '-e',
  'http.host',
  '-e',
  'http.request.uri',
  '-e',
  'http.response.code',
  '-e',
  'http.file_data',
];

/** Runs a program and reads what it cost from the shell's own account of its children. */
function measured(words: readonly string[]): Round {
  const startedAt = process.hrtime.bigint();
  const result = spawnSync('bash', ['-c', `"$@" 2>/dev/null | wc -l; times`, 'bash', ...words], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 20,
  });
  const wallMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
  const lines = result.stdout.trim().split('\n');
  const children = [...(lines.at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, one) => sum + Number(one[1]) * 60_000 + Number(one[2]) * 1_000,
    0,
  );
  return { wallMs, cpuMs: children, peakMib: -1, found: Number(lines[0]) };
}

/** Bundles the child and the worker that it starts, as the build does. Returns the child's path. */
async function bundledChild(): Promise<string> {
  await build({
    absWorkingDir: root,
    entryPoints: { 'sensor-read': 'bench/sensor-read.ts', 'shard-worker': 'sensor/shard-worker.ts' },
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return join(folder, 'sensor-read.js');
}

async function weir(cores: string, ...words: readonly string[]): Promise<Round> {
  const { stdout } = await promisify(execFile)('taskset', ['-c', cores, process.execPath, child, capture, ...words]);
  const printed = JSON.parse(stdout);
  return { wallMs: printed.wallMs, cpuMs: printed.cpuMs, peakMib: printed.peakMib, found: printed.exchanges };
}

/** Two programs that have nothing to do with each other, each on a core of its own: their time is that of the slower one. */
async function twice(): Promise<Round> {
  const [first, second] = await Promise.all(['0', '1'].map((core) => weir(core, 'records', '1')));
  return {
    wallMs: Math.max(first.wallMs, second.wallMs),
    cpuMs: first.cpuMs + second.cpuMs,
    peakMib: Math.max(first.peakMib, second.peakMib),
    found: first.found,
  };
}

/** What suricata is asked for: one line for each transaction with all header fields, and nothing else. */
const SURICATA = `%YAML 1.1
---
vars: {address-groups: {HOME_NET: any, EXTERNAL_NET: any}}
outputs:
  - eve-log: {enabled: yes, filetype: regular, filename: eve.json, types: [http: {extended: yes, dump-all-headers: both}]}
pcap-file: {checksum-checks: no}
app-layer: {protocols: {http: {enabled: yes, memcap: 512mb}}}
stream: {memcap: 256mb, checksum-validation: no, reassembly: {memcap: 512mb, depth: 0}}
flow: {memcap: 256mb}
`;

function suricata(): Round {
  writeFileSync(join(folder, 'suricata.yaml'), SURICATA);
  rmSync(join(folder, 'eve.json'), { force: true });
  const round = measured(['suricata', '-c', 'suricata.yaml', '--runmode', 'single', '-r', capture, '-l', folder]);
  const lines = readFileSync(join(folder, 'eve.json'), 'latin1').split('\n').length - 1;
  return { ...round, found: lines };
}

const SUBJECTS: readonly { readonly name: string; readonly program: string | null; run(): Round | Promise<Round> }[] = [
  { name: 'weir', program: null, run: () => weir('0,1', 'exchanges') },
  { name: 'weir-records', program: null, run: () => weir('0', 'records', '1') },
  { name: 'weir-records-2-threads', program: null, run: () => weir('0,1', 'records', '2') },
  { name: 'weir-records-twice', program: null, run: twice },
  { name: 'suricata', program: 'suricata', run: suricata },
  {
    name: 'tshark',
    program: 'tshark',
    run: () => measured(['tshark', '-r', capture, '-n', '-Y', 'http', '-d', 'tcp.port==8080,http', '-T', 'fields', ...HTTP_FIELDS]),
  },
  { name: 'tcpflow', program: 'tcpflow', run: () => measured(['tcpflow', '-a', '-r', capture, '-o', join(folder, 'flows')]) },
  { name: 'tcpdump', program: 'tcpdump', run: () => measured(['tcpdump', '-r', capture, '-w', '/dev/null']) },
];

const isInstalled = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

const child = await bundledChild();
const truth = await writeCapture(capture, Number(values.transactions));
console.log(`${truth.transactions} transactions, ${truth.packets} packets, ${(truth.bytes / 1e6).toFixed(0)} MB`);
const subjects = SUBJECTS.filter(
  ({ name, program }) => (only === null || only.includes(name)) && (program === null || isInstalled(program)),
);
for (const { name, program } of SUBJECTS) if (program !== null && !isInstalled(program)) console.log(`${name}: not installed, left out`);
const rounds = new Map<string, Round[]>(subjects.map(({ name }) => [name, []]));
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const subject of subjects) {
      rounds.get(subject.name)?.push(await subject.run());
      rmSync(join(folder, 'flows'), { recursive: true, force: true });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const results = [...rounds].map(([name, list]) => ({
  name,
  found: list[0].found,
  wallMs: Math.round(median(list.map((one) => one.wallMs))),
  cpuMs: Math.round(median(list.map((one) => one.cpuMs))),
  bestCpuMs: Math.round(Math.min(...list.map((one) => one.cpuMs))),
  transactionsPerCpuSecond: Math.round((truth.transactions / median(list.map((one) => one.cpuMs))) * 1_000),
  peakMib: Math.round(Math.max(...list.map((one) => one.peakMib))),
}));
console.table(results);
/** How much faster than `one` by the clock; with both doing the same work, and by the best rounds, which other load has disturbed least. */
function gain(of: string, work: number): number | null {
  const best = (name: string): number => Math.min(...(rounds.get(name) ?? []).map((one) => one.wallMs));
  const ratio = (work * best('weir-records')) / best(of);
  return Number.isFinite(ratio) ? Number(ratio.toFixed(2)) : null;
}
const gains = { twoThreads: gain('weir-records-2-threads', 1), machineAllows: gain('weir-records-twice', 2) };
if (gains.twoThreads !== null)
  console.log(
    `two threads on two cores: ${gains.twoThreads} × one core; two processes at once: ${gains.machineAllows ?? '?'} ×, the most there is to gain here`,
  );
const wrong = results.find((one) => one.name.startsWith('weir') && one.found !== truth.transactions);
if (wrong !== undefined) throw new Error(`${wrong.name} found ${wrong.found} of ${truth.transactions} transactions`);
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const path = new URL(`./results/sensor-${new Date().toISOString().slice(0, 10)}-${commit}.json`, import.meta.url).pathname;
mkdirSync(new URL('./results', import.meta.url).pathname, { recursive: true });
writeFileSync(
  path,
  `${JSON.stringify({ commit, node: process.version, cpu: cpus()[0].model, cores: cpus().length, rounds: Number(values.rounds), truth, gains, results }, null, 2)}\n`,
);
console.log(path);
