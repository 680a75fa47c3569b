/**
 * Throughput of the whole engine (classification, inventory, ownership, detectors, rules that did not run inline, actors, and every commit to SQLite) on
 * one core, by CPU time of this process: `node --import tsx bench/engine.bench.ts [exchanges] [endpoints] [principals] [exchanges a batch] [traffic a second]`.
 *
 * Every exchange passes the codec of the stream, as it does in `weir up`. Prints one JSON line a scenario; without arguments all scenarios. The last
 * argument is the rate by the traffic's own clock, 10,000 a second as it is wanted: some of the work is done so many times a second (samples, rows), so at
 * 100 a second each exchange costs a sixth more.
 */
import { cpuMs, driveEngine, encoded } from './engine-drive.js';
import { exchanges } from './learning-traffic.js';

const PORTION = 5_000;
const WANTED_A_SECOND = 10_000;

async function scenario(total: number, endpoints: number, principals: number, perBatch: number, rate: number): Promise<void> {
  const warm = Math.min(total / 2, Math.max(10_000, endpoints * 12));
  // Traffic of today: what is old would be swept away while it is learned.
  const stepMs = 1_000 / rate;
  const firstMs = Date.now() - total * stepMs;
  let done = 0;
  let spentMs = 0;
  let steady = 0;
  let steadyMs = 0;
  await driveEngine(async (give) => {
    while (done < total) {
      const startMs = firstMs + done * stepMs;
      const portion = encoded(
        exchanges(endpoints, principals, PORTION, done).map((one, index) => ({ ...one, startedAtMs: startMs + index * stepMs })),
      );
      const before = cpuMs();
      for (let at = 0; at < portion.length; at += perBatch) await give(portion.slice(at, at + perBatch));
      const took = cpuMs() - before;
      spentMs += took;
      if (done >= warm) {
        steady += PORTION;
        steadyMs += took;
      }
      done += PORTION;
    }
  });
  const line = {
    endpoints,
    principals,
    perBatch,
    rate,
    exchanges: done,
    perCpuSecond: Math.round((done / spentMs) * 1000),
    steadyPerCpuSecond: Math.round((steady / steadyMs) * 1000),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [total, endpoints, principals, perBatch, rate] = process.argv.slice(2).map(Number);
if (endpoints !== undefined) await scenario(total, endpoints, principals ?? 1_000, perBatch ?? 100, rate ?? WANTED_A_SECOND);
else
  for (const [endpoints, principals] of [
    [100, 1_000],
    [100, 1_000_000],
    [20_000, 1_000],
  ])
    await scenario(total ?? 100_000, endpoints, principals, 100, WANTED_A_SECOND);
