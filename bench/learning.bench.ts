/**
 * Throughput and memory of the inventory on one core, by CPU time: `node --import tsx bench/learning.bench.ts [exchanges]`. 2 KB JSON answers, 100 to 20,000 endpoints,
 * 1,000 to 1,000,000 principals; every answer is different. Prints one JSON line a scenario.
 */
import { Inventory } from '../learning/index.js';
import { exchanges } from './learning-traffic.js';

/** CPU time of this process: other load on the machine does not count. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const total = Number(process.argv[2] ?? 60_000);

for (const [endpoints, principals] of [
  [100, 1_000],
  [100, 1_000_000],
  [2_000, 1_000],
  [20_000, 1_000],
] as const) {
  const inventory = new Inventory();
  const warm = endpoints * 12;
  let learned = 0;
  let elapsedMs = 0;
  let steadyMs = 0;
  let steady = 0;
  const goal = Math.max(total, warm + 60_000);
  // Made in portions outside the clock: holding all of them would measure the garbage collector.
  while (learned < goal) {
    const portion = exchanges(endpoints, principals, 20_000).map((one, index) => ({
      ...one,
      startedAtMs: one.startedAtMs + learned + index,
    }));
    const before = cpuMs();
    for (const exchange of portion) inventory.observe(exchange);
    inventory.drain();
    const tookMs = cpuMs() - before;
    learned += portion.length;
    elapsedMs += tookMs;
    if (learned > warm) {
      steady += portion.length;
      steadyMs += tookMs;
    }
  }
  const checkpointBefore = performance.now();
  const entries = inventory.checkpoint();
  const checkpointMs = performance.now() - checkpointBefore;
  const line = {
    endpoints,
    principals,
    learned,
    perCpuSecond: Math.round((learned / elapsedMs) * 1000),
    steadyPerCpuSecond: Math.round((steady / steadyMs) * 1000),
    known: inventory.stats().endpoints,
    sampledOut: inventory.stats().sampledOut,
    checkpointMs: Math.round(checkpointMs),
    checkpointBytes: entries.reduce((sum, entry) => sum + entry.key.length + (entry.value?.length ?? 0), 0),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
