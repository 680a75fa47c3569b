/** Who goes first when there are more threads than cores: the gateway's, because a client waits for it. Linux only; elsewhere nothing happens. */
import { readdirSync, readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** Added to the nice(2) value of the gateway's thread: about a third of its share where both want one core, all of it where nobody else wants it. */
const BEHIND = 5;
const LAST = 19;
/** The main thread, which is the gateway's, has the id of the process. */
const behindGateway = (): number => Math.min(LAST, getPriority(process.pid) + BEHIND);

/** Puts the calling thread behind the gateway's: engine, admin and sensor may be late, an answer may not. */
export function yieldToGateway(): void {
  // A link that names the calling thread: proc(5).
  quietly(() => setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), behindGateway()));
}

/**
 * To be called before other threads are started; what it gives is to be called when all is ready, since a start needs every thread. V8's helper threads, which
 * compile and collect for all threads of the process, then come behind the gateway's; and nobody waits for them in a collection of the young generation,
 * which would hold up the gateway until the last of them had been given a core.
 */
export function helperThreads(): { yield(): void } {
  let tasks: number[] = [];
  quietly(() => {
    tasks = readdirSync('/proc/self/task').map(Number);
  });
  return {
    yield() {
      setFlagsFromString('--no-parallel-scavenge');
      for (const task of tasks) if (task !== process.pid) quietly(() => setPriority(task, behindGateway()));
    },
  };
}

/** Priorities are a help, not a need: a system that has none of this or forbids it goes on without. */
function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // Nothing to be done about it, and nothing is wrong.
  }
}
