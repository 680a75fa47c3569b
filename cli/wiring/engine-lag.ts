import type { SharedMap } from '../../traffic/index.js';
import type { ProcessStatus } from '../shared-maps.js';

/** An engine that said nothing for this long is behind by that long at least; heartbeats come once a second. */
const SILENT_MS = 2_500;

interface Heard {
  readonly lagMs: number;
  /** By the clock of this process: those of other hosts may differ. */
  readonly heardAtMs: number;
}

/**
 * How far engines behind Redis are with what gateways publish, as their heartbeats tell it. In one process the stream itself knows; over Redis a gateway only
 * knows that Redis has taken an exchange, and what was not learned yet must not be judged as if it had been.
 */
export class EngineLag {
  private readonly engines = new Map<string, Heard>();
  private readonly unsubscribe: () => void;

  constructor(
    private readonly status: SharedMap<ProcessStatus>,
    private readonly now: () => number = Date.now,
  ) {
    for (const { key, value } of status.entries()) this.hear(key, value);
    this.unsubscribe = status.subscribe((change) => {
      if (change.kind === 'set') this.hear(change.entry.key, change.entry.value);
      else if (change.kind === 'delete') this.engines.delete(change.key);
      else this.again();
    });
  }

  /** Of the engine that is furthest behind, ms; infinite when there is none. */
  lagMs(nowMs: number): number {
    let most = this.engines.size === 0 ? Number.POSITIVE_INFINITY : 0;
    for (const { lagMs, heardAtMs } of this.engines.values()) {
      const silentMs = nowMs - heardAtMs;
      most = Math.max(most, silentMs > SILENT_MS ? lagMs + silentMs : lagMs);
    }
    return most;
  }

  close(): void {
    this.unsubscribe();
  }

  private hear(id: string, { role, counters }: ProcessStatus): void {
    if (role === 'engine') this.engines.set(id, { lagMs: counters['stream.lagMs'] ?? 0, heardAtMs: this.now() });
  }

  private again(): void {
    this.engines.clear();
    for (const { key, value } of this.status.entries()) this.hear(key, value);
  }
}
