import { setTimeout as delay } from 'node:timers/promises';
import type { Commit, CommitResult, Store } from '../../store/index.js';

/** Shortest and longest pause between the end of a commit and the next one. */
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2_000;
/** Batches that may wait for a commit before no more are taken. */
const MAX_OPEN_BATCHES = 4_000;

export interface WriterCounters {
  commits: number;
  failedCommits: number;
  commitMs: number;
}

interface Safe {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * When to commit: soon after the first batch, then often enough that people see what happens, and seldom enough that writing takes at most a fifth
 * of the time. A store that fails gets the same step again until it takes it, since what was learned cannot be unlearned.
 */
export class Writer {
  readonly counters: WriterCounters = { commits: 0, failedCommits: 0, commitMs: 0 };
  /** Batches that were taken and are not committed → when they are safe. */
  private readonly underway = new Map<string, Promise<void>>();
  private batchIds: string[] = [];
  /** When the oldest exchange was published of what waits for a commit, and of what is being written; infinity where nothing is. */
  private waitsSinceMs = Number.POSITIVE_INFINITY;
  private writingSinceMs = Number.POSITIVE_INFINITY;
  private safe = newSafe();
  private committing: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private committedAtMs = Number.NEGATIVE_INFINITY;
  private lastCommitMs = 0;
  private readonly stopping = new AbortController();

  /**
   * `stepOf` collects at once what these batches taught, and resolves when all that is to be written with it is there; `committed` hears what the store
   * made of it.
   */
  constructor(
    private readonly store: Pick<Store, 'commit'>,
    private readonly stepOf: (batchIds: readonly string[]) => Promise<Commit>,
    private readonly committed: (result: CommitResult) => void,
    private readonly log: (message: string) => void,
  ) {}

  /** When this batch is safe; null when it is not under way. */
  safeAt(batchId: string): Promise<void> | null {
    return this.underway.get(batchId) ?? null;
  }

  /** Age of the oldest exchange that was taken and is not in the store, ms; 0 when all is. */
  uncommittedMs(nowMs: number): number {
    const sinceMs = Math.min(this.waitsSinceMs, this.writingSinceMs);
    return Number.isFinite(sinceMs) ? Math.max(0, nowMs - sinceMs) : 0;
  }

  /** Adds a batch to the next commit. `publishedAtMs`: when its oldest exchange was published. */
  add(batchId: string, publishedAtMs: number): Promise<void> {
    this.waitsSinceMs = Math.min(this.waitsSinceMs, publishedAtMs);
    this.batchIds.push(batchId);
    this.underway.set(batchId, this.safe.promise);
    if (this.timer === null && this.committing === null) this.commitLater();
    return this.safe.promise;
  }

  /** Resolves when another batch may be added: a store that is slow or away must not let what is not written grow without end. */
  async room(): Promise<void> {
    if (this.batchIds.length >= MAX_OPEN_BATCHES) await this.commit();
  }

  /** Writes everything there is. Resolves when it is written, or when `stop` gave up on it. */
  async flush(): Promise<void> {
    await this.committing;
    await this.commit();
  }

  /** No further attempts for a store that fails; what it did not take stays unacknowledged. */
  stop(): void {
    this.stopping.abort();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private commitLater(): void {
    const pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, 4 * this.lastCommitMs));
    this.timer = setTimeout(() => void this.commit(), Math.max(0, this.committedAtMs + pauseMs - performance.now()));
  }

  private commit(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.committing ??= this.write().finally(() => {
      this.committing = null;
      if (this.batchIds.length > 0 && !this.stopping.signal.aborted) this.commitLater();
    });
    return this.committing;
  }

  private async write(): Promise<void> {
    const { batchIds, safe } = this;
    this.batchIds = [];
    this.writingSinceMs = this.waitsSinceMs;
    this.waitsSinceMs = Number.POSITIVE_INFINITY;
    this.safe = newSafe();
    const step = await this.stepOf(batchIds);
    const startedMs = performance.now();
    const result = await this.attempt(step);
    this.writingSinceMs = Number.POSITIVE_INFINITY;
    this.committedAtMs = performance.now();
    this.lastCommitMs = this.committedAtMs - startedMs;
    this.counters.commitMs += this.lastCommitMs;
    this.counters.commits++;
    for (const id of batchIds) this.underway.delete(id);
    if (result === null) return safe.reject(new Error('the engine ended before the store took it'));
    this.committed(result);
    safe.resolve();
  }

  private async attempt(step: Commit): Promise<CommitResult | null> {
    for (let pauseMs = 100; ; pauseMs = Math.min(5_000, pauseMs * 2)) {
      try {
        return await this.store.commit(step);
      } catch (error) {
        this.counters.failedCommits++;
        this.log(`engine: the store did not take a step: ${error instanceof Error ? error.message : String(error)}`);
        if (this.stopping.signal.aborted) return null;
        await delay(pauseMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }
}

function newSafe(): Safe {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  // Nobody may be waiting for it.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
