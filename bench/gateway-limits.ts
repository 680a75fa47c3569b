import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const GIB = 1024 ** 3;
const SETTLE_MS = 1_500;
const SAMPLE_MS = 20;
const ENDS = new URL('./gateway-transfer.ts', import.meta.url).pathname;

/** What a transfer or many idle connections take of a gateway's memory. */
export interface MemoryUse {
  readonly what: string;
  readonly idleMiB: number;
  readonly peakMiB: number;
  /** Of the process, all threads: the most above what it was before. */
  readonly addedMiB: number;
  readonly perConnectionKiB: number | null;
}

interface FarEnd {
  /** What it printed first. */
  readonly said: Promise<string>;
  stop(): Promise<void>;
}

/** A process of gateway-transfer.ts on the load generator's core. */
function farEnd(args: readonly string[]): FarEnd {
  const child = spawn('taskset', ['-c', '1', process.execPath, '--import', 'tsx', ENDS, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const said = new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', (code) => reject(new Error(`gateway-transfer.ts ${args.join(' ')} ended with ${code}`)));
  });
  said.catch(() => undefined);
  return {
    said,
    stop: async () => {
      child.stdin.end();
      child.kill();
      await gone;
    },
  };
}

const statusMiB = (pid: number, field: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${field}:\\s*(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** Resets the kernel's high-water mark, where that is allowed; else memory is sampled. */
function watchPeak(pid: number): () => number {
  let peak = 0;
  const sample = setInterval(() => {
    peak = Math.max(peak, statusMiB(pid, 'VmRSS'));
  }, SAMPLE_MS);
  let resettable = true;
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    resettable = false;
  }
  return () => {
    clearInterval(sample);
    return Math.max(peak, resettable ? statusMiB(pid, 'VmHWM') : 0);
  };
}

async function during(pid: number, what: string, run: () => Promise<number | null>): Promise<MemoryUse> {
  await wait(SETTLE_MS);
  const idle = statusMiB(pid, 'VmRSS');
  const peakOf = watchPeak(pid);
  const connections = await run();
  const peak = peakOf();
  const tenth = (value: number) => Math.round(value * 10) / 10;
  return {
    what,
    idleMiB: tenth(idle),
    peakMiB: tenth(peak),
    addedMiB: tenth(peak - idle),
    perConnectionKiB: connections === null ? null : tenth(((statusMiB(pid, 'VmRSS') - idle) * 1024) / connections),
  };
}

/**
 * Memory of a gateway whose upstream is `startSink`: 1 GiB down, 1 GiB up, and `connections` idle keep-alive connections. `pid`: the process that is
 * measured as a whole.
 */
export async function memoryOf(pid: number, port: number, connections: number): Promise<MemoryUse[]> {
  const moved = async (args: readonly string[]) => {
    const end = farEnd(args);
    const bytes = Number(await end.said);
    await end.stop();
    if (bytes !== GIB) throw new Error(`${args[0]}: ${bytes} bytes arrived`);
    return null;
  };
  const url = `http://127.0.0.1:${port}`;
  // Everything that grows once, such as compiled code and connection pools, is there before it is measured.
  for (let round = 0; round < 100; round++) await (await fetch(`${url}/big?bytes=100000`)).arrayBuffer();
  const uses = [
    await during(pid, '1 GiB download', () => moved(['download', `${url}/big?bytes=${GIB}`])),
    await during(pid, '1 GiB upload', () => moved(['upload', `${url}/upload`, String(GIB)])),
  ];
  let idle: FarEnd | null = null;
  uses.push(
    await during(pid, `${connections} idle connections`, async () => {
      idle = farEnd(['idle', String(port), String(connections)]);
      await idle.said;
      await wait(SETTLE_MS);
      return connections;
    }),
  );
  await (idle as FarEnd | null)?.stop();
  return uses;
}

/** An upstream for transfers. Resolves when it answers. */
export async function startSink(port: number): Promise<() => Promise<void>> {
  const end = farEnd(['sink', String(port)]);
  for (let attempt = 0; attempt < 300; attempt++) {
    const up = await fetch(`http://127.0.0.1:${port}/`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) return () => end.stop();
    await wait(50);
  }
  throw new Error('the upstream for transfers did not start');
}
