/**
 * Which capture driver? A tcpdump child process whose pcap stream is read from a pipe, and the `cap` addon, both on loopback while a sender of our own sends a
 * known number of UDP packets. `cap` is built from source and is not among weir's dependencies: it is installed into a temporary folder, and where that
 * does not work (no compiler, no libpcap-dev, no network) the bench says so and measures tcpdump alone. Needs root, or the right to capture.
 *
 * `npm run bench:choices -- capture [--packets 100000] [--rate 20000] [--rounds 3] [--bytes 512]`
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { median, report, round } from './report.js';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    bytes: { type: 'string', default: '512' },
    part: { type: 'string' },
    addon: { type: 'string' },
  },
});
const packets = Number(values.packets);
const PORT = 47_891;
const FILTER = `udp dst port ${PORT}`;
/** After the last packet: what is in buffers must have time to arrive. */
const SETTLE_MS = 1500;

/** What a reader's process tells at its end. */
interface Seen {
  readonly packets: number;
  /** Given up on by kernel or driver, where the driver can tell; `cap` cannot. */
  readonly dropped: number | null;
  readonly cpuMicros: number;
  /** Longest time the event loop was held up, ms. */
  readonly stallMs: number;
}

async function readTcpdump(): Promise<Seen> {
  const tcpdump = spawn('tcpdump', ['-i', 'lo', '-n', '-U', '-B', '16384', '-w', '-', FILTER], { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  tcpdump.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  while (!told.includes('listening on')) {
    if (tcpdump.exitCode !== null) throw new Error(`tcpdump: ${told}`);
    await delay(20);
  }
  let count = 0;
  let rest: Buffer = Buffer.alloc(0);
  let isPastHeader = false;
  tcpdump.stdout.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    if (!isPastHeader && bytes.length >= 24) {
      isPastHeader = true;
      at = 24;
    }
    while (isPastHeader && at + 16 <= bytes.length) {
      const end = at + 16 + bytes.readUInt32LE(at + 8);
      if (end > bytes.length) break;
      count++;
      at = end;
    }
    rest = bytes.subarray(at);
  });
  return untilTold(
    () => count,
    async () => {
      tcpdump.kill('SIGINT');
      await once(tcpdump, 'close');
      return Number(/(\d+) packets? dropped by kernel/.exec(told)?.[1] ?? Number.NaN);
    },
  );
}

/** What is used of the addon, which has no types. */
interface CapAddon {
  Cap: new () => {
    open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
    setMinBytes?(bytes: number): void;
    on(event: 'packet', listener: (bytes: number, isTruncated: boolean) => void): void;
    close(): void;
  };
}

/** The addon keeps a pointer to it and no reference: left to the garbage collector, it brings the process down within seconds (SIGABRT in two rounds of three). */
const held = Buffer.alloc(65_535);

async function readCap(folder: string): Promise<Seen> {
  const { Cap } = createRequire(join(folder, 'package.json'))('cap') as CapAddon;
  const cap = new Cap();
  cap.open('lo', FILTER, 16 * 1024 * 1024, held);
  cap.setMinBytes?.(0);
  let count = 0;
  cap.on('packet', () => {
    count++;
  });
  return untilTold(
    () => count,
    async () => {
      cap.close();
      return null;
    },
  );
}

/** Says that it is ready, and counts until its standard input ends. */
async function untilTold(count: () => number, close: () => Promise<number | null>): Promise<Seen> {
  let stallMs = 0;
  let beatMs = performance.now();
  const beat = setInterval(() => {
    stallMs = Math.max(stallMs, performance.now() - beatMs - 10);
    beatMs = performance.now();
  }, 10);
  const cpu = process.cpuUsage();
  process.stdout.write('ready\n');
  process.stdin.resume();
  await once(process.stdin, 'end');
  const used = process.cpuUsage(cpu);
  clearInterval(beat);
  const seen = count();
  return { packets: seen, dropped: await close(), cpuMicros: used.user + used.system, stallMs };
}

/** Sends in bursts of a millisecond's worth, so that the rate holds on the mean. */
async function send(): Promise<void> {
  const socket = createSocket('udp4');
  // Somebody listens, so that no ICMP answers are made.
  const sink = createSocket('udp4').bind(PORT, '127.0.0.1');
  sink.on('message', () => undefined);
  await once(sink, 'listening');
  const payload = Buffer.alloc(Number(values.bytes), 'x');
  const startedMs = performance.now();
  for (let sent = 0; sent < packets; ) {
    const due = Math.min(packets, Math.ceil(((performance.now() - startedMs) * Number(values.rate)) / 1000));
    const burst: Promise<void>[] = [];
    for (; sent < due; sent++) burst.push(new Promise((resolve) => socket.send(payload, PORT, '127.0.0.1', () => resolve())));
    await Promise.all(burst);
    await delay(1);
  }
  socket.close();
  sink.close();
}

async function oneRound(driver: string, addon: string | null): Promise<Seen> {
  const part = ['--import', 'tsx', import.meta.filename, ...process.argv.slice(2)];
  const reader = spawn(process.execPath, [...part, '--part', driver, ...(addon === null ? [] : ['--addon', addon])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let told = '';
  reader.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  const ended = once(reader, 'close');
  while (!told.includes('ready')) {
    if (reader.exitCode !== null || reader.signalCode !== null) throw new Error(`the reader with ${driver} ended (${endOf(reader)})`);
    await delay(20);
  }
  execFileSync(process.execPath, [...part, '--part', 'send'], { stdio: ['ignore', 'inherit', 'inherit'] });
  await delay(SETTLE_MS);
  reader.stdin.end();
  await ended;
  if (reader.exitCode !== 0) throw new Error(`the reader with ${driver} ended (${endOf(reader)})`);
  return JSON.parse(told.split('\n')[1]) as Seen;
}

const endOf = (child: ChildProcess): string => child.signalCode ?? `code ${child.exitCode}`;

/** The folder that `cap` was installed to; null, after saying why, where it cannot be. */
function installCap(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-cap-'));
  const made = spawnSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', 'cap@0.2.1'], { encoding: 'utf8' });
  if (made.status === 0) return folder;
  rmSync(folder, { recursive: true, force: true });
  const why = /fatal error.*/.exec(made.stderr) ?? /gyp ERR! stack.*/.exec(made.stderr) ?? [`npm ended with ${made.status}`];
  console.error(`\n!! cap could not be installed, so it is NOT measured: ${why[0]}\n!! It needs a compiler, Python and libpcap-dev.\n`);
  return null;
}

async function compare(): Promise<void> {
  const folder = installCap();
  const drivers = folder === null ? ['tcpdump'] : ['tcpdump', 'cap'];
  const results = new Map<string, Seen[]>(drivers.map((driver) => [driver, []]));
  const failures: string[] = [];
  try {
    for (let count = 0; count < Number(values.rounds); count++) {
      for (const driver of drivers) {
        // An addon may take its process down: that is a result too.
        await oneRound(driver, driver === 'cap' ? folder : null).then(
          (seen) => results.get(driver)?.push(seen),
          (error: unknown) => failures.push(error instanceof Error ? error.message : String(error)),
        );
      }
    }
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
  for (const failure of failures) console.error(`!! ${failure}`);
  const rows = [...results]
    .filter(([, list]) => list.length > 0)
    .map(([driver, list]) => ({
      driver,
      sent: packets,
      'captured, median': median(list.map((one) => one.packets)),
      'captured, worst': Math.min(...list.map((one) => one.packets)),
      'drops it tells of': list.some((one) => one.dropped === null) ? 'cannot tell' : Math.max(...list.map((one) => one.dropped ?? 0)),
      'CPU µs a packet': round(median(list.map((one) => one.cpuMicros / Math.max(1, one.packets))), 2),
      'longest stall ms': Math.round(Math.max(...list.map((one) => one.stallMs))),
    }));
  report('capture', { packets, rate: Number(values.rate), bytes: Number(values.bytes), rounds: Number(values.rounds), failures }, rows);
  process.exitCode = rows.length > 0 ? 0 : 1;
}

if (values.part === 'send') await send();
else if (values.part === 'tcpdump') console.log(JSON.stringify(await readTcpdump()));
else if (values.part === 'cap') {
  console.log(JSON.stringify(await readCap(values.addon ?? '')));
  process.exit(0);
} else await compare();
