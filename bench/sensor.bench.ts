/**
 * How much does reading a capture cost? weir with decoded bodies kept, beside what else is installed (suricata, tshark, tcpflow; `tcpdump -r` is the
 * bound: it only copies). The capture is generated: 60,000 transactions, about 300 MB, MTU 1500. Rounds are interleaved, so other load on the
 * machine hits all alike; only ratios within one run mean anything.
 *
 * `npm run bench:sensor -- [--transactions 60000] [--rounds 3] [--only weir,tshark,…]`
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import typescript from 'typescript';
import { writeCapture } from './sensor-capture.js';

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '60000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
const { ModuleKind, ScriptTarget, transpileModule } = typescript;
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

/** Compiles what the child needs, as the build does, inside of node_modules so that its imports are found. Returns the child's path. */
function compiledChild(): string {
  const root = new URL('..', import.meta.url).pathname;
  const out = join(root, 'node_modules', '.cache', 'weir-bench-sensor');
  rmSync(out, { recursive: true, force: true });
  const sources = ['exchange', 'sensor'].flatMap((name) =>
    readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => join(name, file)),
  );
  for (const file of [...sources, 'bench/sensor-read.ts']) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const { outputText } = transpileModule(readFileSync(join(root, file), 'utf8'), {
      compilerOptions: { target: ScriptTarget.ES2023, module: ModuleKind.ESNext },
    });
    mkdirSync(dirname(join(out, file)), { recursive: true });
    writeFileSync(join(out, file.replace(/\.ts$/, '.js')), outputText);
  }
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  return join(out, 'bench', 'sensor-read.js');
}

function weir(workers: number): Round {
  const printed = JSON.parse(execFileSync(process.execPath, [child, capture, String(workers)], { encoding: 'utf8' }));
  return { wallMs: printed.wallMs, cpuMs: printed.cpuMs, peakMib: printed.peakMib, found: printed.exchanges };
}

const SUBJECTS: readonly { readonly name: string; readonly program: string | null; run(): Round }[] = [
  { name: 'weir', program: null, run: () => weir(1) },
  { name: 'weir-2-threads', program: null, run: () => weir(2) },
  { name: 'suricata', program: 'suricata', run: () => measured(['suricata', '--runmode', 'single', '-r', capture, '-l', folder]) },
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

const child = compiledChild();
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
      rounds.get(subject.name)?.push(subject.run());
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
const wrong = results.find((one) => one.name.startsWith('weir') && one.found !== truth.transactions);
if (wrong !== undefined) throw new Error(`${wrong.name} found ${wrong.found} of ${truth.transactions} transactions`);
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const path = new URL(`./results/sensor-${new Date().toISOString().slice(0, 10)}-${commit}.json`, import.meta.url).pathname;
mkdirSync(new URL('./results', import.meta.url).pathname, { recursive: true });
writeFileSync(
  path,
  `${JSON.stringify({ commit, node: process.version, cpu: cpus()[0].model, cores: cpus().length, rounds: Number(values.rounds), truth, results }, null, 2)}\n`,
);
console.log(path);
