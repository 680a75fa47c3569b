import { createHash } from 'node:crypto';
import type { SharedCounters } from '../traffic/index.js';

/** Hits on one key, in this window and the one before. */
interface Tally {
  readonly windowMs: number;
  /** Windows since the epoch. */
  window: number;
  /** Hits here in this window. */
  here: number;
  /** Hits of all other gateways in this window, when last heard. */
  elsewhere: number;
  /** Hits of all gateways in the window before. */
  before: number;
  /** Part of `here` that the others do not know of. */
  unsent: number;
  /** Values first seen here that another gateway may have seen before; each is in `here`, and not yet in `unsent`. */
  unconfirmed: string[];
}

/** Keys told in one round; the rest waits for the next. */
const MOST_A_SYNC = 2_000;
const NO_VALUES: string[] = [];

/**
 * Hits a key in a sliding window: two fixed windows, the older one weighed by its overlap. Bounded by `maxKeys`; those made first go first.
 *
 * `hit` and `distinct` decide locally and at once. With shared counters, `sync` (call it every 100 ms or so) tells the others what was counted here and
 * hears what they counted, so several gateways together count about as one; while Redis is away each counts alone.
 */
export class SharedRates {
  /** Syncs that failed: the counts are sent with the next one. */
  syncFailures = 0;
  private readonly tallies = new Map<string, Tally>();
  private readonly seen = new Map<string, { window: number; windowMs: number }>();
  /** Keys with something to tell. */
  private readonly due = new Set<string>();
  private syncing = false;

  constructor(
    private readonly shared: SharedCounters | null = null,
    private readonly maxKeys = 100_000,
  ) {}

  /** Counts one hit and says how many there were in the window, rounded up. */
  hit(key: string, windowMs: number, nowMs: number): number {
    const tally = this.tally(key, windowMs, nowMs);
    tally.here++;
    if (this.shared !== null) {
      tally.unsent++;
      this.due.add(key);
    }
    return countOf(tally, nowMs);
  }

  /** Counts a value that was not seen under this key in this window or the one before, and says how many different ones there were; null: it was seen. */
  distinct(key: string, value: string, windowMs: number, nowMs: number): number | null {
    if (!this.isNew(`${key}=${value}`, windowMs, nowMs)) return null;
    const tally = this.tally(key, windowMs, nowMs);
    tally.here++;
    if (this.shared !== null) {
      if (tally.unconfirmed === NO_VALUES) tally.unconfirmed = [];
      tally.unconfirmed.push(value);
      this.due.add(key);
    }
    return countOf(tally, nowMs);
  }

  /** Never rejects. */
  async sync(nowMs: number): Promise<void> {
    if (this.shared === null || this.syncing || this.due.size === 0) return;
    this.syncing = true;
    const keys = this.takeDue();
    try {
      await this.confirm(this.shared, keys);
      await this.tell(this.shared, keys, nowMs);
    } catch {
      this.syncFailures++;
      for (const key of keys) this.due.add(key);
    } finally {
      this.syncing = false;
    }
  }

  /** What another gateway has seen before counts there. */
  private async confirm(shared: SharedCounters, keys: readonly string[]): Promise<void> {
    const asked: { key: string; tally: Tally; window: number; values: string[] }[] = [];
    for (const key of keys) {
      const tally = this.tallies.get(key);
      if (tally === undefined || tally.unconfirmed.length === 0) continue;
      asked.push({ key, tally, window: tally.window, values: tally.unconfirmed });
      tally.unconfirmed = NO_VALUES;
    }
    if (asked.length === 0) return;
    const longestMs = Math.max(...asked.map(({ tally }) => tally.windowMs));
    const entries = asked.flatMap(({ key, window, values }) =>
      values.map((value) => ({ key: shortened(`seen:${key}=${value}:${window}`), count: 1 })),
    );
    let totals: readonly number[];
    try {
      totals = await shared.add(entries, longestMs * 2);
    } catch (error) {
      for (const { tally, window, values } of asked) if (tally.window === window) tally.unconfirmed = [...values, ...tally.unconfirmed];
      throw error;
    }
    let at = 0;
    for (const { tally, window, values } of asked) {
      for (const _value of values) {
        const isFirst = totals[at++] <= 1;
        if (tally.window !== window) continue;
        if (isFirst) tally.unsent++;
        else tally.here--;
      }
    }
  }

  private async tell(shared: SharedCounters, keys: readonly string[], nowMs: number): Promise<void> {
    const told = keys.flatMap((key) => {
      const tally = this.tallies.get(key);
      if (tally === undefined) return [];
      roll(tally, nowMs);
      return [{ key, tally, window: tally.window, count: tally.unsent }];
    });
    if (told.length === 0) return;
    const longestMs = Math.max(...told.map(({ tally }) => tally.windowMs));
    const totals = await shared.add(
      told.map(({ key, window, count }) => ({ key: shortened(`rate:${key}:${window}`), count })),
      longestMs * 2,
    );
    for (const [index, { tally, window, count }] of told.entries()) {
      if (tally.window !== window) continue;
      tally.unsent -= count;
      tally.elsewhere = Math.max(0, totals[index] - (tally.here - tally.unsent - tally.unconfirmed.length));
    }
  }

  private takeDue(): string[] {
    const keys: string[] = [];
    for (const key of this.due) {
      keys.push(key);
      if (keys.length === MOST_A_SYNC) break;
    }
    for (const key of keys) this.due.delete(key);
    return keys;
  }

  private isNew(entry: string, windowMs: number, nowMs: number): boolean {
    const window = windowAt(windowMs, nowMs);
    const known = this.seen.get(entry);
    if (known !== undefined && known.windowMs === windowMs && window - known.window <= 1) {
      known.window = window;
      return false;
    }
    this.seen.delete(entry);
    if (this.seen.size >= this.maxKeys) this.seen.delete(this.seen.keys().next().value!);
    this.seen.set(entry, { window, windowMs });
    return true;
  }

  private tally(key: string, windowMs: number, nowMs: number): Tally {
    let tally = this.tallies.get(key);
    if (tally === undefined || tally.windowMs !== windowMs) {
      if (this.tallies.size >= this.maxKeys) this.tallies.delete(this.tallies.keys().next().value!);
      tally = { windowMs, window: windowAt(windowMs, nowMs), here: 0, elsewhere: 0, before: 0, unsent: 0, unconfirmed: NO_VALUES };
      this.tallies.set(key, tally);
    } else roll(tally, nowMs);
    return tally;
  }
}

const windowAt = (windowMs: number, nowMs: number): number => Math.floor(nowMs / windowMs);

/** A key with what clients write in it: the counters of all gateways must not carry credentials. */
const shortened = (key: string): string => createHash('sha256').update(key).digest('base64url').slice(0, 24);

const countOf = (tally: Tally, nowMs: number): number =>
  tally.here + tally.elsewhere + Math.ceil(tally.before * (1 - (nowMs - tally.window * tally.windowMs) / tally.windowMs));

function roll(tally: Tally, nowMs: number): void {
  const window = windowAt(tally.windowMs, nowMs);
  if (window <= tally.window) return;
  tally.before = window === tally.window + 1 ? tally.here + tally.elsewhere : 0;
  tally.window = window;
  tally.here = 0;
  tally.elsewhere = 0;
  tally.unsent = 0;
  tally.unconfirmed = NO_VALUES;
}
