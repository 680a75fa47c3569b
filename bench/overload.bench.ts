/**
 * What is still found when more arrives than the engine can read: `node --import tsx bench/overload.bench.ts [seconds] [offered a second …]`.
 *
 * Time is CPU time of this process: at an offered rate r, r exchanges arrive in each second of it, and the stream says how old the oldest waiting one is.
 * What does not fit into the stream (as many as 64 MiB hold) is dropped, as a gateway does. One exchange in 200 is an injection attempt: half of them
 * on an endpoint and by a caller that are hardly ever seen, half on the busiest ones. Prints one JSON line a rate.
 */
import path from 'node:path';
import { type Exchange, newId } from '../exchange/index.js';
import { openStore } from '../store/index.js';
import { cpuMs, driveEngine, encoded } from './engine-drive.js';
import { exchanges } from './learning-traffic.js';

const ENDPOINTS = 100;
const PRINCIPALS = 1_000;
const PER_BATCH = 100;
const ATTACK_EVERY = 200;
const RARE = 50;
const STREAM_HOLDS = 25_000;
const KINDS = ['rare', 'common'] as const;

/** One more attempt to inject, on what is rare or what is common. */
function attack(kind: (typeof KINDS)[number], number: number, like: Exchange): Exchange {
  const caller = kind === 'rare' ? `rare-${number % RARE}` : 'common';
  const route = kind === 'rare' ? `/api/v1/rare-${'abcdefghij'[number % 10]}${'klmno'[number % 5]}` : like.request.target.split('?')[0];
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
  const taken = { rare: 0, common: 0 };
  let arrived = 0;
  let dropped = 0;
  let done = 0;
  let clockMs = 0;
  const traffic = (count: number): Exchange[] =>
    exchanges(ENDPOINTS, PRINCIPALS, count, arrived).map((one, index) => {
      const number = arrived + index;
      if (number % ATTACK_EVERY !== 0) return one;
      const kind = KINDS[(number / ATTACK_EVERY) % 2];
      sent[kind]++;
      return attack(kind, number, one);
    });
  const found = { rare: 0, common: 0 };
  await driveEngine(
    async (give) => {
      while (arrived < total) {
        const behind = Math.floor((clockMs / 1000) * offered) - arrived;
        if (behind > STREAM_HOLDS) {
          // The stream is full: what comes now is lost.
          const lost = behind - STREAM_HOLDS;
          traffic(lost);
          arrived += lost;
          dropped += lost;
          continue;
        }
        const batch = traffic(PER_BATCH);
        arrived += batch.length;
        for (const { requestId } of batch) {
          if (requestId.startsWith('rare-')) taken.rare++;
          else if (requestId.startsWith('common-')) taken.common++;
        }
        const records = encoded(batch);
        const before = cpuMs();
        await give(records);
        // Whoever keeps up waits for the next to arrive.
        clockMs = Math.max(clockMs + cpuMs() - before, (arrived / offered) * 1000);
        done += batch.length;
      }
    },
    {
      lagMs: () => Math.max(0, clockMs - (arrived / offered) * 1000),
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
    droppedShare: share(dropped, total),
    recallRare: share(found.rare, sent.rare),
    recallCommon: share(found.common, sent.common),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [seconds = 20, ...rates] = process.argv.slice(2).map(Number);
for (const rate of rates.length > 0 ? rates : [500, 1_000, 2_000, 5_000, 10_000]) await scenario(rate, seconds);
