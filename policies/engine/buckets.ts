/** `tokens` a `windowMs`, of which `burst` may be used at once (default: all of them). */
export interface TokenLimit {
  readonly tokens: number;
  readonly windowMs: number;
  readonly burst?: number;
}

export interface TokenAnswer {
  readonly allowed: boolean;
  /** How long until the next token; 0 when allowed. */
  readonly retryAfterMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
  readonly limit: TokenLimit;
}

const ALLOWED: TokenAnswer = { allowed: true, retryAfterMs: 0 };

/** Token buckets by key, in this process, at most `maxKeys`; those made first go first. */
export class TokenBuckets {
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly maxKeys = 100_000) {}

  /** Takes one token if there is one. */
  take(key: string, limit: TokenLimit, nowMs: number): TokenAnswer {
    const bucket = this.bucket(key, limit, nowMs);
    refill(bucket, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return ALLOWED;
    }
    return { allowed: false, retryAfterMs: Math.ceil(((1 - bucket.tokens) * limit.windowMs) / limit.tokens) };
  }

  /** Tokens that were taken elsewhere: the bucket may go into debt, by one burst at most. A key that was never taken from here is left alone. */
  spend(key: string, tokens: number): void {
    const bucket = this.buckets.get(key);
    if (bucket !== undefined) bucket.tokens = Math.max(bucket.tokens - tokens, -burstOf(bucket.limit));
  }

  private bucket(key: string, limit: TokenLimit, nowMs: number): Bucket {
    const known = this.buckets.get(key);
    if (known !== undefined && isSame(known.limit, limit)) return known;
    const made: Bucket = { tokens: burstOf(limit), atMs: nowMs, limit };
    this.buckets.set(key, made);
    if (this.buckets.size > this.maxKeys) this.buckets.delete(this.buckets.keys().next().value!);
    return made;
  }
}

function refill(bucket: Bucket, nowMs: number): void {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  bucket.tokens = Math.min(burstOf(bucket.limit), bucket.tokens + (elapsedMs * bucket.limit.tokens) / bucket.limit.windowMs);
  bucket.atMs = Math.max(bucket.atMs, nowMs);
}

const burstOf = (limit: TokenLimit): number => limit.burst ?? limit.tokens;

const isSame = (one: TokenLimit, other: TokenLimit): boolean =>
  one === other || (one.tokens === other.tokens && one.windowMs === other.windowMs && burstOf(one) === burstOf(other));
