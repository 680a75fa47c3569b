/**
 * Memory of the whole engine with its SQLite file: `node --expose-gc --import tsx bench/memory.bench.ts [exchanges] [endpoints] [principals]`, by default
 * 20,000 endpoints, 1,000,000 callers and 10,000,000 objects (half the answers are lists of twelve, half hold twelve as well; no object comes twice).
 * One JSON line each tenth of the way, MiB, after a collection. It takes half an hour. Nothing says who the callers are: objects have no entries in the ownership table.
 */
import { driveEngine, encoded } from './engine-drive.js';
import { exchanges } from './learning-traffic.js';

const PORTION = 2_000;
const OBJECTS_AN_EXCHANGE = 12;
const RATE = 10_000;
const MIB = 1_048_576;

const [total = 1_000_000, endpoints = 20_000, principals = 1_000_000] = process.argv.slice(2).map(Number);
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) {
  process.stderr.write('memory.bench: start it with node --expose-gc, so that only what is held is counted\n');
  process.exit(2);
}

function say(done: number): void {
  collect?.();
  const { rss, heapUsed, arrayBuffers, external } = process.memoryUsage();
  const [rssMiB, heapMiB, buffersMiB, externalMiB] = [rss, heapUsed, arrayBuffers, external].map((bytes) => Math.round(bytes / MIB));
  process.stdout.write(
    `${JSON.stringify({ exchanges: done, endpoints, principals, objects: done * OBJECTS_AN_EXCHANGE, rssMiB, heapMiB, buffersMiB, externalMiB })}\n`,
  );
}

await driveEngine(async (give) => {
  const firstMs = Date.now() - (total / RATE) * 1_000;
  for (let done = 0; done < total; ) {
    const portion = encoded(
      exchanges(endpoints, principals, PORTION, done).map((one, index) => ({
        ...one,
        startedAtMs: firstMs + ((done + index) / RATE) * 1_000,
      })),
    );
    for (let at = 0; at < portion.length; at += 100) await give(portion.slice(at, at + 100));
    done += PORTION;
    if (done % (total / 10) < PORTION) say(done);
  }
});
