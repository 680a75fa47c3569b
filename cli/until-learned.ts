import { setTimeout as delay } from 'node:timers/promises';

/** What is needed of a process's report; see `Source` of the admin API. */
export interface Progress {
  readonly kind: string;
  readonly state: string;
  readonly seenAtMs: number;
  readonly lagMs: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** Processes report once a second; a step of the engine takes a fraction of one. */
const LONGEST_MS = 10_000;
const LOOK_EVERY_MS = 100;

/**
 * Waits until what passed before the call is learned and stored, so that a list which is asked for right after a request has it. An engine that is far behind is
 * waited for no longer than ten seconds.
 */
export async function untilLearned(reports: () => Promise<readonly Progress[]>, askedAtMs = Date.now()): Promise<void> {
  const untilMs = performance.now() + LONGEST_MS;
  while (!isLearned(await reports(), askedAtMs) && performance.now() < untilMs) await delay(LOOK_EVERY_MS);
}

/**
 * Do the processes say that all from before `askedAtMs` is stored? Gateways and sensors that it was taken from them, and engines, after that, that nothing so old waits.
 * Processes that report nothing any more are not waited for.
 */
export function isLearned(sources: readonly Progress[], askedAtMs: number): boolean {
  const heard = sources.filter(({ state }) => state !== 'silent');
  const feeding = heard.filter(({ kind }) => kind === 'gateway' || kind === 'sensor');
  if (feeding.some(({ seenAtMs, lagMs }) => seenAtMs - lagMs <= askedAtMs)) return false;
  const takenAtMs = Math.max(askedAtMs, ...feeding.map(({ seenAtMs }) => seenAtMs));
  return heard
    .filter(({ kind }) => kind === 'engine')
    .every(({ seenAtMs, lagMs, counters }) => seenAtMs >= takenAtMs && seenAtMs - Math.max(lagMs, counters.uncommittedMs ?? 0) > askedAtMs);
}
