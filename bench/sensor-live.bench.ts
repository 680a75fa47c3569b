/**
 * Does live capture keep up? Packets of the generated capture are replayed over a veth pair, out of a private network namespace, at a fixed rate; the sensor
 * listens on the other end with everything behind it (reassembly, HTTP, exchanges). What tcpreplay sent, what the kernel dropped and what the sensor
 * took must agree. Then, on the quiet loopback interface, how long after an answer is its exchange there? Needs root, tcpdump, tcpreplay, ip.
 *
 * `npm run bench:sensor-live -- [--rate 150000] [--seconds 10] [--threads 1]`
 */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { createSensor, type Sensor, type SourceOptions } from '../sensor/index.js';
import { writeCapture } from './sensor-capture.js';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '150000' },
    seconds: { type: 'string', default: '10' },
    threads: { type: 'string', default: '1' },
  },
});
const rate = Number(values.rate);
const wanted = rate * Number(values.seconds);
const SPACE = 'weir-bench';
const HERE = 'weirb0';
const THERE = 'weirb1';
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-live-'));
const capture = join(folder, 'capture.pcap');

function listen(source: SourceOptions, emit: (exchanges: number) => void): Sensor {
  // As weir runs it: other threads encode what they find, and the first hands it on.
  const records = {
    take: (_: Uint8Array, exchanges: number) => emit(exchanges),
    services: { vnis: {}, hosts: {}, servers: {}, others: 'bench' },
    secret: null,
    apart: null,
  };
  return createSensor(
    { id: 'bench', sources: [source], workers: Number(values.threads) },
    { emit: () => emit(1), serviceOf: () => 'bench', principals: null, records, now: Date.now },
  );
}

async function whileItIsReady(sensor: Sensor, poke: () => Promise<void> | void): Promise<void> {
  for (let round = 0; round < 100 && sensor.status().counters.captured === 0; round++) {
    await poke();
    await delay(100);
  }
}

async function throughput(): Promise<void> {
  const truth = await writeCapture(capture, 20_000);
  execFileSync('ip', ['netns', 'add', SPACE]);
  execFileSync('ip', ['link', 'add', HERE, 'type', 'veth', 'peer', 'name', THERE, 'netns', SPACE]);
  execFileSync('ip', ['link', 'set', HERE, 'up']);
  execFileSync('ip', ['netns', 'exec', SPACE, 'ip', 'link', 'set', THERE, 'up']);
  let exchanges = 0;
  const sensor = listen({ kind: 'live', interface: HERE, filter: 'tcp', bufferKib: 262_144 }, (found) => {
    exchanges += found;
  });
  await sensor.start();
  const replay = (...words: string[]) => run('ip', ['netns', 'exec', SPACE, 'tcpreplay', '-q', '-i', THERE, ...words, capture]);
  await whileItIsReady(sensor, async () => void (await replay('--limit=10', '--pps=1000')));
  // The kernel hands packets on up to a second late, those of the warm-up too.
  await delay(1_500);
  const before = sensor.status().counters.captured;
  const cpu = process.cpuUsage();
  // Each loop has addresses of its own, so its connections are new ones.
  const loops = Math.max(1, Math.round(wanted / truth.packets));
  const { stdout } = await replay('--preload-pcap', `--pps=${rate}`, `--loop=${loops}`, '--unique-ip');
  const sent = Number(/Actual: (\d+) packets/.exec(stdout)?.[1] ?? 0);
  // What the kernel still holds comes later on a busy machine; what it dropped is told every two seconds.
  const seen = () => sensor.status().counters.captured - before + sensor.status().droppedByKernel;
  for (let last = -1, idle = 0; seen() < sent && idle < 5; last = seen()) {
    await delay(1_000);
    idle = seen() === last ? idle + 1 : 0;
  }
  await delay(1_000);
  const used = process.cpuUsage(cpu);
  const status = sensor.status();
  await sensor.stop();
  console.table([
    {
      sent,
      'packets/s': Number(/([\d.]+) pps/.exec(stdout)?.[1] ?? 0),
      taken: status.counters.captured - before,
      'dropped by kernel': status.droppedByKernel,
      unaccounted: sent - (status.counters.captured - before) - status.droppedByKernel,
      overloaded: status.counters.overloaded,
      exchanges,
      expected: loops * truth.transactions,
      'CPU µs/packet': Math.round(((used.user + used.system) / sent) * 100) / 100,
    },
  ]);
}

async function latency(): Promise<void> {
  const server = createServer((_, response) => response.end('x')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const get = (): Promise<void> =>
    new Promise((resolve) => request({ port, agent: false }, (response) => response.resume().on('end', resolve)).end());
  let tell = (): void => {};
  const sensor = listen({ kind: 'live', interface: 'lo', filter: `tcp port ${port}` }, () => tell());
  await sensor.start();
  await whileItIsReady(sensor, get);
  await delay(2_000);
  const took: number[] = [];
  for (let round = 0; round < 10; round++) {
    const heard = new Promise<void>((resolve) => {
      tell = resolve;
    });
    await get();
    const answeredAt = performance.now();
    await heard;
    took.push(Math.round(performance.now() - answeredAt));
    await delay(300);
  }
  await sensor.stop();
  server.close();
  took.sort((a, b) => a - b);
  console.log(`quiet link, from the answer to its exchange: median ${took[5]} ms, longest ${took[9]} ms`);
}

try {
  await latency();
  await throughput();
} finally {
  rmSync(folder, { recursive: true, force: true });
  try {
    execFileSync('ip', ['netns', 'delete', SPACE], { stdio: 'ignore' });
  } catch {
    // It was not made.
  }
}
