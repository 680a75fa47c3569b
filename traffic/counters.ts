import type { TrafficStats } from './types.js';

/** The mutable side of TrafficStats. */
export class Counters {
  published = 0;
  consumed = 0;
  redelivered = 0;
  private dropped = 0;
  private readonly droppedBy = new Map<string, number>();

  drop(reason: string, count = 1): void {
    this.dropped += count;
    this.droppedBy.set(reason, (this.droppedBy.get(reason) ?? 0) + count);
  }

  read(backlog: number, lagMs: number, filled = 0): TrafficStats {
    return {
      published: this.published,
      dropped: this.dropped,
      droppedBy: Object.fromEntries(this.droppedBy),
      consumed: this.consumed,
      redelivered: this.redelivered,
      backlog,
      lagMs: Math.max(0, lagMs),
      filled,
    };
  }
}
