import { type TokenAnswer, TokenBuckets, type TokenLimit } from '../policies/index.js';
import type { SharedCounters } from '../traffic/index.js';

/** What one key took here, and what is known of the others in the same window. */
interface Ledger {
  readonly limit: TokenLimit;
  /** Windows since the epoch: counts of another window are over. */
  window: number;
  /** Taken here and not yet told to the others. */
  unsent: number;
  /** Total of all gateways in this window when last heard; null before the first time. */
  heard: number | null;
  lastTakenMs: number;
}

/** Keys told in one round; the rest waits for the next. */
const MOST_A_SYNC = 2_000;

/**
 * Token buckets a key (actor and endpoint), in memory bounded by `maxKeys`.
 *
 * `take` decides locally and at once. With shared counters, `sync` (call it every 100 ms or so) tells the others what was taken here and takes what they
 * took out of the local buckets, so several gateways together let through about one limit; while Redis is away each enforces it alone.
 */
export class Throttle {
  /** Syncs that failed: the counts are sent with the next one. */
  syncFailures = 0;
  private readonly buckets: TokenBuckets;
  private readonly ledgers = new Map<string, Ledger>();
  private syncing = false;

  constructor(
    private readonly shared: SharedCounters | null = null,
    private readonly maxKeys = 100_000,
  ) {
    this.buckets = new TokenBuckets(maxKeys);
  }

  take(key: string, limit: TokenLimit, nowMs: number): TokenAnswer {
    const answer = this.buckets.take(key, limit, nowMs);
    if (answer.allowed && this.shared !== null) this.note(key, limit, nowMs);
    return answer;
  }

  /** Never rejects. */
  async sync(nowMs: number): Promise<void> {
    if (this.shared === null || this.syncing) return;
    const asked = this.due(nowMs);
    if (asked.length === 0) return;
    const sent = asked.map(([key, ledger]) => ({ key: `throttle:${key}:${ledger.window}`, count: ledger.unsent }));
    const longestMs = Math.max(...asked.map(([, { limit }]) => limit.windowMs));
    this.syncing = true;
    try {
      const totals = await this.shared.add(sent, longestMs * 2);
      for (const [index, [key, ledger]] of asked.entries()) {
        ledger.unsent -= sent[index].count;
        this.hear(key, ledger, totals[index], sent[index].count, nowMs);
      }
    } catch {
      this.syncFailures++;
    } finally {
      this.syncing = false;
    }
  }

  private note(key: string, limit: TokenLimit, nowMs: number): void {
    const known = this.ledgers.get(key);
    if (known !== undefined && known.limit.windowMs === limit.windowMs) {
      known.unsent++;
      known.lastTakenMs = nowMs;
      return;
    }
    this.ledgers.set(key, { limit, window: windowOf(limit, nowMs), unsent: 1, heard: null, lastTakenMs: nowMs });
    if (this.ledgers.size > this.maxKeys) this.ledgers.delete(this.ledgers.keys().next().value!);
  }

  /** Keys to ask about: also those that took nothing here lately, or they would not learn what the others took until they do. Idle ones are forgotten. */
  private due(nowMs: number): [string, Ledger][] {
    const due: [string, Ledger][] = [];
    for (const [key, ledger] of this.ledgers) {
      if (ledger.unsent === 0 && nowMs - ledger.lastTakenMs >= ledger.limit.windowMs) {
        this.ledgers.delete(key);
        continue;
      }
      const window = windowOf(ledger.limit, nowMs);
      if (window !== ledger.window) {
        ledger.window = window;
        ledger.heard = 0;
      }
      due.push([key, ledger]);
      if (due.length === MOST_A_SYNC) break;
    }
    if (due.length === MOST_A_SYNC) for (const [key, ledger] of due) this.moveToEnd(key, ledger);
    return due;
  }

  private moveToEnd(key: string, ledger: Ledger): void {
    this.ledgers.delete(key);
    this.ledgers.set(key, ledger);
  }

  private hear(key: string, ledger: Ledger, total: number, sent: number, nowMs: number): void {
    let elsewhere = total - (ledger.heard ?? 0) - sent;
    // Of what others took before this gateway saw the key, a part has flown back by now.
    if (ledger.heard === null) elsewhere -= (ledger.limit.tokens * (nowMs % ledger.limit.windowMs)) / ledger.limit.windowMs;
    ledger.heard = total;
    if (elsewhere > 0) this.buckets.spend(key, elsewhere);
  }
}

const windowOf = (limit: TokenLimit, nowMs: number): number => Math.floor(nowMs / limit.windowMs);
