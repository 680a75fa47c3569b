/** How a thread with more work than time lets others have its core. Linux only; elsewhere nothing happens. */
import { readFileSync } from 'node:fs';

/** Between two moments of standing aside, ms. A time slice of the kernel is up to 4 ms, which is what others wait for otherwise. */
const EVERY_MS = 0.25;
/** How long, ms: the shortest there is, which with the kernel's timers is about 0.06. Whoever waits has the core then, for as long as it needs. */
const ASIDE_MS = 0.01;
/** How often it looks whether anybody waits, ms. */
const LOOK_EVERY_MS = 50;
/** A share of the time that it waited for its core itself says that others want it. */
const WANTED_SHARE = 0.05;
/** How long it goes on after that, ms: who finds the core free when it is needed keeps nobody waiting. */
const WANTED_FOR_MS = 500;

const NEVER = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const standAside = (): void => void Atomics.wait(NEVER, 0, 0, ASIDE_MS);

/** What `giveWay` goes by: the time in ms, how long the calling thread waited for a core so far in ns (null: not known), and how it stands aside. */
export interface WayOut {
  nowMs(): number;
  waitedNs(): number | null;
  standAside(): void;
}

/** To be called between two pieces of work, often: stands aside for a moment four times a millisecond while other threads want the core of this one. */
export function giveWay({ nowMs, waitedNs, standAside: aside }: WayOut = SYSTEM): () => void {
  let lookedAtMs = nowMs();
  let waitedBeforeNs = waitedNs();
  let untilMs = Number.NEGATIVE_INFINITY;
  let lastMs = lookedAtMs;
  if (waitedBeforeNs === null) return () => undefined;
  return () => {
    const atMs = nowMs();
    if (atMs - lookedAtMs >= LOOK_EVERY_MS) {
      const waited = waitedNs();
      if (waited !== null && waitedBeforeNs !== null && waited - waitedBeforeNs > (atMs - lookedAtMs) * WANTED_SHARE * 1e6)
        untilMs = atMs + WANTED_FOR_MS;
      waitedBeforeNs = waited;
      lookedAtMs = atMs;
    }
    if (atMs < untilMs && atMs - lastMs >= EVERY_MS) {
      aside();
      lastMs = nowMs();
    }
  };
}

/** The second figure of a thread's `schedstat`, see proc(5). */
function waitedForCoreNs(): number | null {
  try {
    const waited = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]);
    return Number.isFinite(waited) ? waited : null;
  } catch {
    return null;
  }
}

const SYSTEM: WayOut = { nowMs: () => performance.now(), waitedNs: waitedForCoreNs, standAside };
