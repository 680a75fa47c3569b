/** Who goes first when there are more threads than cores: engine, gateway, all others. Linux only; elsewhere nothing happens. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** Added to nice(2) values: about a third of its share where two threads want one core, all of it where nobody else wants it. */
const GATEWAY_BEHIND_ENGINE = 5;
const OTHERS_BEHIND = 10;
const LAST = 19;

/** The main thread, which is the gateway's, has the id of the process. */
const behindMain = (by: number): number => Math.min(LAST, getPriority(process.pid) + by);

/**
 * Puts the gateway's thread behind the engine's, once for the process and only where both are in it: what the engine has not learned yet, the gateway cannot
 * stop, and an engine that is behind leaves more to collect to V8's helper threads, which take it from the gateway: p99 at half of the highest rate is 7 ms instead of 16.
 * Where a core is free nothing changes.
 */
export function yieldToEngine(): void {
  quietly(() => setPriority(process.pid, behindMain(GATEWAY_BEHIND_ENGINE)));
}

/** Puts the calling thread behind engine and gateway: admin and sensor may be late, an answer may not. */
export function yieldToGateway(): void {
  // A link that names the calling thread: proc(5).
  quietly(() => setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), behindMain(OTHERS_BEHIND)));
}

/**
 * Puts V8's helper threads, which compile and collect for all threads of the process, behind engine and gateway, once all is ready: what they do for the engine took the
 * gateway's core from it, 4 ms at a stretch. No further behind: a collection waits for what they have begun.
 */
export function helpersLast(): void {
  for (const task of v8Helpers()) quietly(() => setPriority(task, behindMain(OTHERS_BEHIND)));
}

const V8_WORKER = 'V8Worker';
/** Node 20 gives threads no names; V8's workers are started right after the main thread and one that waits for timers. */
const UNNAMED_FROM = 2;
const UNNAMED_COUNT = 4;

function v8Helpers(): number[] {
  try {
    const tasks = readdirSync('/proc/self/task')
      .map(Number)
      .sort((one, other) => one - other);
    const named = tasks.filter((task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim() === V8_WORKER);
    return named.length > 0 ? named : tasks.slice(UNNAMED_FROM, UNNAMED_FROM + UNNAMED_COUNT);
  } catch {
    return [];
  }
}

/** For when all is ready: a start needs every thread. Nobody waits then for V8's helper threads, which may have no core, to collect the young generation. */
export function collectAlone(): void {
  setFlagsFromString('--no-parallel-scavenge');
}

/** Priorities are a help, not a need: a system that has none of this or forbids it goes on without. */
function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // Nothing to be done about it, and nothing is wrong.
  }
}
