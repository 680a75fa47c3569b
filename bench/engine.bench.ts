/**
 * Throughput of the whole engine (classification, inventory, ownership, detectors, rules that did not run inline, actors, and every commit to SQLite) on
 * one core, by CPU time of this process: `node --import tsx bench/engine.bench.ts [exchanges] [endpoints] [principals] [exchanges a batch]`.
 *
 * Every exchange passes the codec of the stream, as it does in `weir up`. Prints one JSON line a scenario; without arguments all scenarios.
 */
import { cpuMs, driveEngine, encoded } from './engine-drive.js';
import { exchanges } from './learning-traffic.js';

const PORTION = 5_000;

async function scenario(total: number, endpoints: number, principals: number, perBatch: number): Promise<void> {
  const warm = Math.min(total / 2, Math.max(10_000, endpoints * 12));
  // Traffic of today: what is old would be swept away while it is learned.
  const firstMs = Date.now() - total * 10;
  let done = 0;
  let spentMs = 0;
  let steady = 0;
  let steadyMs = 0;
  await driveEngine(async (give) => {
    while (done < total) {
      const startMs = firstMs + done * 10;
      const portion = encoded(
        exchanges(endpoints, principals, PORTION, done).map((one, index) => ({ ...one, startedAtMs: startMs + index * 10 })),
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
    exchanges: done,
    perCpuSecond: Math.round((done / spentMs) * 1000),
    steadyPerCpuSecond: Math.round((steady / steadyMs) * 1000),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [total, endpoints, principals, perBatch] = process.argv.slice(2).map(Number);
if (endpoints !== undefined) await scenario(total, endpoints, principals ?? 1_000, perBatch ?? 100);
else
  for (const [endpoints, principals] of [
    [100, 1_000],
    [100, 1_000_000],
    [20_000, 1_000],
  ])
    await scenario(total ?? 100_000, endpoints, principals, 100);
