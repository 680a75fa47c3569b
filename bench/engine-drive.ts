import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../cli/config.js';
import { runEngine } from '../cli/engine/run.js';
import { decodeBatch, type Exchange, encodeExchange, newId } from '../exchange/index.js';
import { createSharedState, type TrafficStats } from '../traffic/index.js';

const STATS: TrafficStats = { published: 0, dropped: 0, droppedBy: {}, consumed: 0, redelivered: 0, backlog: 0, lagMs: 0, filled: 0 };

/** CPU time of this process, ms. */
export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Exchanges as the stream carries them. */
export const encoded = (exchanges: readonly Exchange[]): Uint8Array[] => exchanges.map((one) => encodeExchange(one));

/** Decodes records as a stream's consumer does, and has the engine take them. */
export type Give = (records: readonly Uint8Array[]) => Promise<void>;

/**
 * The engine of `weir up` with its SQLite file, fed by `drive` instead of a stream; `lagMs`, `filled`: what the stream says of what waits. `after` may look into the
 * data folder before it is gone.
 */
export async function driveEngine(
  drive: (give: Give) => Promise<void>,
  {
    lagMs = () => 0,
    filled = () => 0,
    after = async () => undefined,
  }: { readonly lagMs?: () => number; readonly filled?: () => number; readonly after?: (data: string) => Promise<void> } = {},
): Promise<void> {
  const data = mkdtempSync(path.join(tmpdir(), 'weir-bench-engine-'));
  const shared = createSharedState({ dir: data });
  let finished: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    finished = resolve;
  });
  const engine = await runEngine({
    id: 'engine',
    version: 'bench',
    config: loadConfig({ data, upstream: 'http://127.0.0.1:9' }, {}, data),
    secret: 'bench',
    shared,
    consumer: {
      async consume(_group, take) {
        await drive(async (records) => {
          await take([{ id: newId(), exchanges: records.flatMap((bytes) => decodeBatch(bytes)) }]);
          // As batches arrive between turns of the event loop, so does the engine's own timer.
          await new Promise(setImmediate);
        });
        finished();
      },
      stats: () => ({ ...STATS, lagMs: lagMs(), filled: filled() }),
      close: async () => undefined,
    },
    feed: () => ({ append: () => undefined, close: async () => undefined }),
    log: (message) => process.stderr.write(`${message}\n`),
  });
  await all;
  await engine.close();
  await shared.close();
  await after(data);
  rmSync(data, { recursive: true, force: true });
}
