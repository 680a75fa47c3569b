import type { Counters } from './counters.js';

/** Each costs a socket. */
const MOST_WAITING = 500;
const LOOK_EVERY_MS = 2;

export interface Wait {
  readonly isStillLearning: () => boolean;
  readonly longestMs: number;
  /** Runs once: when it is learned, or the time is over. */
  readonly goOn: () => void;
  /** `goOn` threw: nobody else would answer, and nobody else who waits may suffer from it. */
  readonly failed: (error: unknown) => void;
}

interface Waiting extends Wait {
  readonly sinceMs: number;
}

/**
 * Requests of which the next milliseconds decide: what their callers did just before is on its way to the engine. They wait together, on one timer.
 */
export class LearningWaits {
  private waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly counters: Counters) {}

  /** False: too many wait already, and nothing was started. */
  begin(wait: Wait): boolean {
    if (this.waiting.length >= MOST_WAITING) {
      this.counters.learningWaitsFull++;
      return false;
    }
    this.counters.learningWaits++;
    this.waiting.push({ ...wait, sinceMs: performance.now() });
    this.timer ??= setTimeout(this.look, LOOK_EVERY_MS);
    return true;
  }

  private readonly look = (): void => {
    const nowMs = performance.now();
    const over: Waiting[] = [];
    this.waiting = this.waiting.filter((one) => {
      const waitedMs = nowMs - one.sinceMs;
      const isLate = waitedMs >= one.longestMs;
      if (!isLate && one.isStillLearning()) return true;
      if (isLate) this.counters.learningWaitsLate++;
      this.counters.learningWaitedMs += waitedMs;
      over.push(one);
      return false;
    });
    this.timer = this.waiting.length === 0 ? null : setTimeout(this.look, LOOK_EVERY_MS);
    for (const one of over) this.goOn(one);
  };

  private goOn({ failed, goOn }: Wait): void {
    try {
      goOn();
    } catch (error) {
      this.counters.portFailed('request', error);
      failed(error);
    }
  }
}
