import type { Exchange } from '../exchange/index.js';

/** Counters of a stream; each also appears in `/metrics`. */
export interface TrafficStats {
  readonly published: number;
  readonly dropped: number;
  /** Drops by reason: `full`, `common`, `too-large`, `disconnected`, `encode`. */
  readonly droppedBy: Readonly<Record<string, number>>;
  readonly consumed: number;
  /** Batches that were delivered again after a consumer died. */
  readonly redelivered: number;
  /** Published but not yet taken by a consumer, in exchanges where known. */
  readonly backlog: number;
  /** Age of the oldest exchange not yet taken by a consumer, ms. */
  readonly lagMs: number;
  /** Share of the room for what waits that is in use, 0 to 1; 0 where it is not known. At 1 exchanges are dropped. */
  readonly filled: number;
}

/** One delivered batch. `id` is stable over redelivery: a consumer that records it in the same transaction as its effects processes each batch once. */
export interface Batch {
  readonly id: string;
  readonly exchanges: readonly Exchange[];
}

/**
 * The tee. The publisher's side never waits and never throws; the consumer's side is at least once.
 *
 * Bytes handed to `publish` are copied or encoded before it returns; the caller may reuse its buffers.
 */
export interface TrafficPublisher {
  /** False: dropped, and counted under a reason. */
  publish(exchange: Exchange): boolean;
  stats(): TrafficStats;
  /** Sends what is pending, waits at most `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** A publisher for those who have other threads encode what they find. */
export interface RecordPublisher extends TrafficPublisher {
  /** As `publish`, for records of the exchange codec, one behind the other. Returns how many were taken. */
  publishRecords(records: Uint8Array): number;
}

/** Batches whose effects are not safe yet, though the next ones may come. */
export interface Taken {
  /** Resolves when they are safe. A rejection leaves the batches unacknowledged. */
  readonly safe: Promise<void>;
}

/** Resolves when the next batches may come. What it got is acknowledged then, or, where it says {@link Taken}, when that is safe. */
export type TakeBatches<B> = (batches: readonly B[]) => Promise<Taken | undefined> | Promise<void>;

export interface TrafficConsumer {
  /**
   * Delivers batches in order until `signal` aborts; each call of `take` gets at most `maxBatches`.
   * A rejection leaves them unacknowledged: they are delivered again, to this or another consumer of `group`.
   */
  consume(group: string, take: TakeBatches<Batch>, signal: AbortSignal): Promise<void>;
  stats(): TrafficStats;
  close(): Promise<void>;
}

/** A value of a shared map, as seen by one replica. */
export interface SharedEntry<V> {
  readonly key: string;
  readonly value: V;
  /** Unix epoch ms; the entry is gone at that moment on every replica. */
  readonly expiresAtMs: number | null;
  /** Orders writes of one key over all nodes: last writer wins. */
  readonly version: string;
}

export type SharedChange<V> =
  | { readonly kind: 'set'; readonly entry: SharedEntry<V> }
  | { readonly kind: 'delete'; readonly key: string; readonly reason: 'deleted' | 'expired' }
  /** The whole content was replaced (first snapshot, or after a reconnect): read `entries()` again. */
  | { readonly kind: 'snapshot' };

/**
 * A small map that every process of one weir sees: blocklist, policies, modes, pins, heartbeats. Full snapshot at start, then deltas; the last
 * good content is kept on disk and stays in force while the network is away; edits made meanwhile are kept and converge afterwards
 * (last writer wins per key, deletes included).
 */
export interface SharedMap<V> {
  readonly name: string;
  get(key: string): V | undefined;
  entries(): IterableIterator<SharedEntry<V>>;
  readonly size: number;
  /** Applies locally at once; resolves when shared (or queued to disk while the network is away). */
  set(key: string, value: V, options?: { readonly expiresAtMs?: number | null }): Promise<void>;
  delete(key: string): Promise<boolean>;
  subscribe(listener: (change: SharedChange<V>) => void): () => void;
  /** `live`: connected and current. `stale`: serving the last good content. */
  readonly state: 'live' | 'stale';
}

/** Makes and closes the shared maps of one process. One implementation a transport: in-process (threads of one `weir up`), Redis. */
export interface SharedState {
  /** `V` is JSON. Opening twice gives the same map. Resolves after the first snapshot (from the network, or from disk when it is away). */
  open<V>(name: string): Promise<SharedMap<V>>;
  close(): Promise<void>;
}

/**
 * One way for bytes that make a replica: a snapshot, then every change in order; a new snapshot whenever the order was lost. Used where a shared map
 * would be too slow or too large, for the learned ownership above all.
 */
export interface FeedWriter {
  /** Never waits. What cannot be sent is replaced by a snapshot later, so a reader never misses a change for good. */
  append(bytes: Uint8Array): void;
  close(): Promise<void>;
}

export interface FeedReader {
  readonly connected: boolean;
  close(): Promise<void>;
}
