/** Who goes first when there are more threads than cores: the gateway's, because a client waits for it. Linux only; elsewhere nothing happens. */
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** Added to the nice(2) value of the gateway's thread: about a third of its share where both want one core, all of it where nobody else wants it. */
const BEHIND = 5;
const LAST = 19;
/** The main thread, which is the gateway's, has the id of the process. */
const behindGateway = (): number => Math.min(LAST, getPriority(process.pid) + BEHIND);

/**
 * Puts the calling thread behind the gateway's: admin and sensor may be late, an answer may not. Not the engine: what it has not learned yet, the gateway cannot
 * stop. Behind the gateway on two full cores it learned so late that 3–7 % of the attacks on other people's objects were stopped; beside it 48–63 %.
 */
export function yieldToGateway(): void {
  // A link that names the calling thread: proc(5).
  quietly(() => setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), behindGateway()));
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
