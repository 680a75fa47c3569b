import type { SharedCounters } from '../traffic/index.js';

/** `tokens` a `windowMs`, of which `burst` may be used at once (default: all of them). */
export interface RateLimit {
  readonly tokens: number;
  readonly windowMs: number;
  readonly burst?: number;
}

export interface ThrottleAnswer {
  readonly allowed: boolean;
  /** How long until the next token; 0 when allowed. */
  readonly retryAfterMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
  readonly limit: RateLimit;
  /** Taken here and not yet told to the others. */
  unsent: number;
  /** Total of all gateways when last heard. */
  heard: number;
}

const ALLOWED: ThrottleAnswer = { allowed: true, retryAfterMs: 0 };

/**
 * Token buckets a key (actor and endpoint), in memory bounded by `maxKeys`.
 *
 * `take` decides locally and at once. With shared counters, `sync` (call it every 100 ms or so) tells the others what was taken here and takes what they
 * took out of the local buckets, so several gateways together let through about one limit; while Redis is away each enforces it alone.
 */
export class Throttle {
  /** Syncs that failed: the counts are sent with the next one. */
  syncFailures = 0;
  private readonly buckets = new Map<string, Bucket>();
  private syncing = false;

  constructor(
    private readonly shared: SharedCounters | null = null,
    private readonly maxKeys = 100_000,
  ) {}

  take(key: string, limit: RateLimit, nowMs: number): ThrottleAnswer {
    const bucket = this.bucket(key, limit, nowMs);
    refill(bucket, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      bucket.unsent++;
      return ALLOWED;
    }
    return { allowed: false, retryAfterMs: Math.ceil(((1 - bucket.tokens) * limit.windowMs) / limit.tokens) };
  }

  /** Never rejects. */
  async sync(nowMs: number): Promise<void> {
    if (this.shared === null || this.syncing) return;
    // A bucket that took nothing here is asked for as well, or it would not learn what the others took until it does.
    const asked = [...this.buckets].filter(([, bucket]) => bucket.unsent > 0 || nowMs - bucket.atMs < bucket.limit.windowMs);
    if (asked.length === 0) return;
    const sent = asked.map(([key, bucket]) => ({ key, count: bucket.unsent }));
    const longestMs = Math.max(...asked.map(([, { limit }]) => limit.windowMs));
    this.syncing = true;
    try {
      const totals = await this.shared.add(sent, longestMs * 2);
      for (const [index, [, bucket]] of asked.entries()) {
        const { count } = sent[index];
        const elsewhere = totals[index] - bucket.heard - count;
        bucket.unsent -= count;
        bucket.heard = totals[index];
        if (elsewhere > 0) bucket.tokens = Math.max(bucket.tokens - elsewhere, -burstOf(bucket.limit));
      }
    } catch {
      this.syncFailures++;
    } finally {
      this.syncing = false;
    }
  }

  private bucket(key: string, limit: RateLimit, nowMs: number): Bucket {
    const known = this.buckets.get(key);
    if (known !== undefined && sameLimit(known.limit, limit)) return known;
    const bucket = { tokens: burstOf(limit), atMs: nowMs, limit, unsent: 0, heard: 0 };
    this.buckets.set(key, bucket);
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= this.maxKeys) break;
      this.buckets.delete(oldest);
    }
    return bucket;
  }
}

function refill(bucket: Bucket, nowMs: number): void {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  bucket.tokens = Math.min(burstOf(bucket.limit), bucket.tokens + (elapsedMs * bucket.limit.tokens) / bucket.limit.windowMs);
  bucket.atMs = nowMs;
}

function burstOf(limit: RateLimit): number {
  return limit.burst ?? limit.tokens;
}

function sameLimit(one: RateLimit, other: RateLimit): boolean {
  return one === other || (one.tokens === other.tokens && one.windowMs === other.windowMs && burstOf(one) === burstOf(other));
}
