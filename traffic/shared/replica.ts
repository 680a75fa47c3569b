import { trafficError } from '../errors.js';
import type { SharedChange, SharedEntry, SharedMap } from '../types.js';
import type { VersionClock } from './clock.js';
import { versionMs } from './clock.js';
import { type Delta, TOMBSTONE_MS } from './delta.js';
import { ExpiryQueue } from './expiry.js';

export interface ReplicaOptions {
  readonly clock: VersionClock;
  readonly now: () => number;
  /** Hands a local write on; resolves when it is shared or safe. */
  readonly share: (delta: Delta) => Promise<void>;
}

/**
 * One process's or thread's copy of a shared map: last writer wins by version, deletions and expired entries leave a tombstone.
 * Applying deltas in any order, any number of times, gives the same content everywhere.
 */
export class Replica<V> implements SharedMap<V> {
  state: 'live' | 'stale' = 'live';
  private readonly live = new Map<string, SharedEntry<V>>();
  private readonly tombstones = new Map<string, string>();
  private readonly listeners = new Set<(change: SharedChange<V>) => void>();
  private readonly expiry: ExpiryQueue;

  constructor(
    readonly name: string,
    private readonly options: ReplicaOptions,
  ) {
    this.expiry = new ExpiryQueue(options.now, (key, version) => this.expire(key, version));
  }

  get(key: string): V | undefined {
    const entry = this.live.get(key);
    if (entry === undefined) return undefined;
    return entry.expiresAtMs !== null && entry.expiresAtMs <= this.options.now() ? undefined : entry.value;
  }

  entries(): IterableIterator<SharedEntry<V>> {
    return this.live.values();
  }

  get size(): number {
    return this.live.size;
  }

  async set(key: string, value: V, options: { readonly expiresAtMs?: number | null } = {}): Promise<void> {
    if (key.length === 0 || key.length > 1024)
      throw trafficError('TRAFFIC_STATE_KEY', `"${key.slice(0, 40)}" is no key for "${this.name}"`);
    await this.write({ k: key, v: value, x: options.expiresAtMs ?? null, n: this.nextVersion() });
  }

  async delete(key: string): Promise<boolean> {
    const existed = this.live.has(key);
    if (existed) await this.write({ k: key, x: null, n: this.nextVersion(), d: 1 });
    return existed;
  }

  subscribe(listener: (change: SharedChange<V>) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Takes a delta from elsewhere; false when something at least as new is here. */
  apply(delta: Delta, silent = false): boolean {
    if (delta.n <= this.versionOf(delta.k)) return false;
    this.options.clock.saw(delta.n);
    const existed = this.live.has(delta.k);
    const isGone = delta.d === 1 || (delta.x !== null && delta.x <= this.options.now());
    if (isGone) {
      this.live.delete(delta.k);
      this.tombstones.set(delta.k, delta.n);
      if (existed && !silent) this.tell({ kind: 'delete', key: delta.k, reason: delta.d === 1 ? 'deleted' : 'expired' });
      return true;
    }
    // The writer guarantees the type: a map's name stands for one V over all processes.
    const entry: SharedEntry<V> = { key: delta.k, value: delta.v as V, expiresAtMs: delta.x, version: delta.n };
    this.tombstones.delete(delta.k);
    this.live.set(delta.k, entry);
    if (delta.x !== null) this.schedule(delta.x, delta.k, delta.n);
    if (!silent) this.tell({ kind: 'set', entry });
    return true;
  }

  /** Takes many at once and tells listeners once. Returns how many were new. */
  applyAll(deltas: Iterable<Delta>): number {
    let taken = 0;
    for (const delta of deltas) if (this.apply(delta, true)) taken++;
    if (taken > 0) this.tell({ kind: 'snapshot' });
    return taken;
  }

  versionOf(key: string): string {
    return this.live.get(key)?.version ?? this.tombstones.get(key) ?? '';
  }

  /** Everything, as deltas; deletions that are old enough to forget are left out and forgotten. */
  *snapshot(): IterableIterator<Delta> {
    for (const { key, value, expiresAtMs, version } of this.live.values()) yield { k: key, v: value, x: expiresAtMs, n: version };
    const oldestMs = this.options.now() - TOMBSTONE_MS;
    for (const [key, version] of this.tombstones) {
      if (versionMs(version) < oldestMs) this.tombstones.delete(key);
      else yield { k: key, x: null, n: version, d: 1 };
    }
  }

  close(): void {
    this.expiry.clear();
    this.listeners.clear();
  }

  private nextVersion(): string {
    return this.options.clock.next(this.options.now());
  }

  private async write(delta: Delta): Promise<void> {
    this.apply(delta);
    await this.options.share(delta);
  }

  private tell(change: SharedChange<V>): void {
    for (const listener of this.listeners) listener(change);
  }

  private schedule(atMs: number, key: string, version: string): void {
    // Entries that are rewritten leave their old dates in the heap.
    if (this.expiry.length > 1024 && this.expiry.length > 4 * this.live.size) {
      this.expiry.clear();
      for (const entry of this.live.values()) if (entry.expiresAtMs !== null) this.expiry.add(entry.expiresAtMs, entry.key, entry.version);
    } else {
      this.expiry.add(atMs, key, version);
    }
  }

  private expire(key: string, version: string): void {
    if (this.live.get(key)?.version !== version) return;
    this.live.delete(key);
    this.tombstones.set(key, version);
    this.tell({ kind: 'delete', key, reason: 'expired' });
  }
}
