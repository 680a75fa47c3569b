import type { SharedMap } from '../../traffic/index.js';

/** Requests of blocked clients of which a gateway made no record, by gateway and entry: hits that the engine never sees. */
export interface RepeatCount {
  /** As records name the entry: its id, and for a feed's entry the feed before it. */
  readonly block: string;
  readonly count: number;
  readonly lastMs: number;
}

const FLUSH_MS = 1_000;
/** Entries told in one round; the rest waits for the next. */
const MOST_A_FLUSH = 200;
const KEPT_MS = 90 * 24 * 3_600_000;

/** Counts on a gateway, told once a second: a flood of one client is one write. */
export class RepeatCounts {
  private readonly due = new Map<string, { count: number; lastMs: number }>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly map: SharedMap<RepeatCount>,
    private readonly gateway: string,
  ) {
    this.timer = setInterval(() => this.flush(), FLUSH_MS);
  }

  count(block: string, nowMs: number): void {
    const known = this.due.get(block);
    if (known === undefined) this.due.set(block, { count: 1, lastMs: nowMs });
    else {
      known.count++;
      known.lastMs = nowMs;
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.flush();
  }

  private flush(): void {
    let left = MOST_A_FLUSH;
    for (const [block, { count, lastMs }] of this.due) {
      if (left-- === 0) return;
      this.due.delete(block);
      const key = `${this.gateway}|${block}`;
      const total = (this.map.get(key)?.count ?? 0) + count;
      this.map.set(key, { block, count: total, lastMs }, { expiresAtMs: lastMs + KEPT_MS }).catch(() => undefined);
    }
  }
}

/** The sums of all gateways. */
export class RepeatSums {
  private readonly sums = new Map<string, { count: number; lastMs: number }>();
  private isStale = true;

  constructor(private readonly map: SharedMap<RepeatCount>) {
    map.subscribe(() => {
      this.isStale = true;
    });
  }

  /** Of one entry by its name, or of a feed: `feed:NAME`. */
  of(name: string): { readonly count: number; readonly lastMs: number } | undefined {
    if (this.isStale) this.add();
    return this.sums.get(name);
  }

  private add(): void {
    this.isStale = false;
    this.sums.clear();
    for (const { value } of this.map.entries()) {
      this.put(value.block, value);
      if (value.block.startsWith('feed:')) this.put(value.block.split('/', 1)[0], value);
    }
  }

  private put(name: string, { count, lastMs }: RepeatCount): void {
    const sum = this.sums.get(name);
    if (sum === undefined) this.sums.set(name, { count, lastMs });
    else {
      sum.count += count;
      sum.lastMs = Math.max(sum.lastMs, lastMs);
    }
  }
}
