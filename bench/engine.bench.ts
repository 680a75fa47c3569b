/**
 * Throughput of the whole engine (classification, inventory, ownership, detectors, rules that did not run inline, actors, and every commit to SQLite) on
 * one core, by CPU time of this process: `node --import tsx bench/engine.bench.ts [exchanges] [endpoints] [principals] [exchanges a batch]`.
 *
 * Every exchange passes the codec of the stream, as it does in `weir up`. Prints one JSON line a scenario; without arguments all scenarios.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../cli/config.js';
import { runEngine } from '../cli/engine/run.js';
import { decodeBatch, encodeExchange, newId } from '../exchange/index.js';
import { type Batch, createSharedState, type TrafficConsumer, type TrafficStats } from '../traffic/index.js';
import { exchanges } from './learning-traffic.js';

const PORTION = 5_000;
const STATS: TrafficStats = { published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0 };
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function scenario(total: number, endpoints: number, principals: number, perBatch: number): Promise<void> {
  const data = mkdtempSync(path.join(tmpdir(), 'weir-bench-engine-'));
  const shared = createSharedState({ dir: data });
  const warm = Math.min(total / 2, Math.max(10_000, endpoints * 12));
  let done = 0;
  let spentMs = 0;
  let steady = 0;
  let steadyMs = 0;
  let finished: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    finished = resolve;
  });
  const consumer: TrafficConsumer = {
    async consume(_group, take) {
      while (done < total) {
        const startMs = 1.7e12 + done * 10;
        const portion = exchanges(endpoints, principals, PORTION, done).map((one, index) =>
          encodeExchange({ ...one, startedAtMs: startMs + index * 10 }),
        );
        const before = cpuMs();
        for (let at = 0; at < portion.length; at += perBatch) {
          const batch: Batch = { id: newId(), exchanges: portion.slice(at, at + perBatch).flatMap((bytes) => decodeBatch(bytes)) };
          await take([batch]);
          // As batches arrive between turns of the event loop, so does the engine's own timer.
          await new Promise(setImmediate);
        }
        const took = cpuMs() - before;
        spentMs += took;
        if (done >= warm) {
          steady += PORTION;
          steadyMs += took;
        }
        done += PORTION;
      }
      finished();
    },
    stats: () => STATS,
    close: async () => undefined,
  };
  const engine = await runEngine({
    id: 'engine',
    version: 'bench',
    config: loadConfig({ data, upstream: 'http://127.0.0.1:9' }, {}, data),
    secret: 'bench',
    shared,
    consumer,
    feed: () => ({ append: () => undefined, close: async () => undefined }),
    log: (message) => process.stderr.write(`${message}\n`),
  });
  await all;
  await engine.close();
  await shared.close();
  rmSync(data, { recursive: true, force: true });
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
