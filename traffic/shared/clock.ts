/**
 * A hybrid logical clock: versions that order writes of all nodes, follow wall time, and never run backwards on one node.
 *
 * A version is fixed-width text, `<ms base 36, 9>.<counter base 36, 4>.<node, 8>`, so that comparing texts compares versions, here and in Redis.
 * Source: Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots" (2014).
 */
export class VersionClock {
  private ms = 0;
  private counter = 0;

  /** `node` is 8 characters of [0-9a-z], unique per process. */
  constructor(private readonly node: string) {}

  /** A version later than every version made or seen here. */
  next(nowMs: number): string {
    if (nowMs > this.ms) {
      this.ms = nowMs;
      this.counter = 0;
    } else if (++this.counter >= 36 ** 4) {
      this.ms++;
      this.counter = 0;
    }
    return `${this.ms.toString(36).padStart(9, '0')}.${this.counter.toString(36).padStart(4, '0')}.${this.node}`;
  }

  /** Takes note of another node's version. */
  saw(version: string): void {
    const ms = versionMs(version);
    const counter = Number.parseInt(version.slice(10, 14), 36);
    if (ms > this.ms) {
      this.ms = ms;
      this.counter = counter;
    } else if (ms === this.ms && counter > this.counter) {
      this.counter = counter;
    }
  }
}

/** When a version was written, by its writer's clock. */
export function versionMs(version: string): number {
  return Number.parseInt(version.slice(0, 9), 36);
}
