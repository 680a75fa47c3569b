/**
 * What is still found when more arrives than the engine can read: `node --import tsx bench/overload.bench.ts [seconds] [offered a second …]`.
 *
 * Time is CPU time of this process: at an offered rate r, r exchanges arrive in each second of it, and the stream says how old the oldest waiting one is.
 * A gateway puts into the stream what the stream takes: all of it, what is rare (`passedShare` says how much was not) once it is three quarters full, and nothing
 * (`droppedShare`) when it is full. One exchange in 200 is an injection attempt: half of them on one of fifty endpoints and by one of fifty callers that
 * are hardly ever seen, half by one caller on the busiest endpoints. Prints one JSON line a rate.
 */
import path from 'node:path';
import { type Exchange, newId } from '../exchange/index.js';
import { openStore } from '../store/index.js';
import { Spare } from '../traffic/memory/spare.js';
import { cpuMs, driveEngine, encoded } from './engine-drive.js';
import { exchanges } from './learning-traffic.js';

const ENDPOINTS = 100;
const PRINCIPALS = 1_000;
const PER_BATCH = 100;
const ATTACK_EVERY = 200;
const RARE = 50;
const STREAM_HOLDS = 25_000;
const KINDS = ['rare', 'common'] as const;

/** One more attempt to inject, on what is rare or what is common: fifty endpoints and callers that nobody else uses, or the busiest ones. */
function attack(kind: (typeof KINDS)[number], number: number, like: Exchange): Exchange {
  const nth = Math.floor(number / ATTACK_EVERY / KINDS.length);
  const caller = kind === 'rare' ? `rare-${nth % RARE}` : 'common';
  const word = `${'abcdefghij'[nth % 10]}${'klmno'[Math.floor(nth / 10) % 5]}`;
  const route = kind === 'rare' ? `/api/v1/rare-${word}` : like.request.target.split('?')[0];
  return {
    ...like,
    id: newId(like.startedAtMs),
    requestId: `${kind}-${number}`,
    principal: { key: `p_${caller}`, kind: 'bearer', carrier: 'header:authorization', label: '' },
    request: { ...like.request, target: `${route}?q=${encodeURIComponent(`${number}' UNION SELECT password FROM users--`)}` },
  };
}

async function scenario(offered: number, seconds: number): Promise<void> {
  const total = offered * seconds;
  const sent = { rare: 0, common: 0 };
  let arrived = 0;
  let full = 0;
  let common = 0;
  let done = 0;
  let clockMs = 0;
  const spare = new Spare();
  /** What waits, oldest first, from `next` on, with the moment at which it came. */
  let waiting: { readonly exchange: Exchange; readonly atMs: number }[] = [];
  let next = 0;
  const filled = (): number => (waiting.length - next) / STREAM_HOLDS;
  const arrive = (count: number): void => {
    for (const one of exchanges(ENDPOINTS, PRINCIPALS, count, arrived)) {
      const number = arrived++;
      const atMs = (number / offered) * 1000;
      let exchange = one;
      if (number % ATTACK_EVERY === 0) {
        const kind = KINDS[(number / ATTACK_EVERY) % 2];
        sent[kind]++;
        exchange = attack(kind, number, one);
      }
      if (filled() >= 1) full++;
      else if (!spare.takes(exchange, filled(), atMs)) common++;
      else waiting.push({ exchange, atMs });
    }
  };
  const found = { rare: 0, common: 0 };
  await driveEngine(
    async (give) => {
      while (arrived < total || next < waiting.length) {
        // Whoever keeps up waits for the next to arrive.
        const missing = PER_BATCH - (waiting.length - next);
        if (missing > 0) clockMs = Math.max(clockMs, ((Math.min(total, arrived + missing) + 0.5) / offered) * 1000);
        arrive(Math.max(0, Math.min(total, Math.floor((clockMs / 1000) * offered)) - arrived));
        const batch = waiting.slice(next, next + PER_BATCH);
        next += batch.length;
        if (next > STREAM_HOLDS) {
          waiting = waiting.slice(next);
          next = 0;
        }
        const records = encoded(batch.map(({ exchange }) => exchange));
        const before = cpuMs();
        await give(records);
        clockMs += cpuMs() - before;
        done += batch.length;
      }
    },
    {
      lagMs: () => Math.max(0, clockMs - (waiting[next]?.atMs ?? clockMs)),
      filled,
      async after(data) {
        const store = await openStore({ sqlite: path.join(data, 'weir.db') });
        const ids = new Set<string>();
        let cursor: string | null | undefined;
        do {
          const page = await store.issues.findings({}, { limit: 500, cursor: cursor ?? undefined });
          for (const { requestIds } of page.items) for (const id of requestIds) ids.add(id);
          cursor = page.nextCursor;
        } while (cursor !== null && cursor !== undefined);
        for (const kind of KINDS) found[kind] = [...ids].filter((id) => id.startsWith(`${kind}-`)).length;
        await store.close();
      },
    },
  );
  const share = (part: number, whole: number): number => Math.round((part / Math.max(1, whole)) * 1000) / 1000;
  const line = {
    offeredPerSecond: offered,
    handledPerCpuSecond: Math.round((done / clockMs) * 1000),
    passedShare: share(common, total),
    droppedShare: share(full, total),
    recallRare: share(found.rare, sent.rare),
    recallCommon: share(found.common, sent.common),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [seconds = 20, ...rates] = process.argv.slice(2).map(Number);
for (const rate of rates.length > 0 ? rates : [500, 1_000, 2_000, 5_000, 10_000]) await scenario(rate, seconds);
