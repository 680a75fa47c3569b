import type { Block } from './block.js';

/** What a block has done so far. */
export interface BlockHits {
  readonly blockId: string;
  readonly hits: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** What the blocked client asked for, most often first; at most 20. */
  readonly endpoints: readonly { readonly endpoint: string; readonly count: number }[];
}

interface Tally {
  hits: number;
  firstMs: number;
  lastMs: number;
  readonly endpoints: Map<string, number>;
}

const ENDPOINTS_KEPT = 20;

/** Counts hits a block, in memory bounded by `maxBlocks` (the longest unhit go first). Kept over restarts through `dirty` and `restore`. */
export class HitBook {
  private readonly tallies = new Map<string, Tally>();
  private readonly changed = new Set<string>();

  constructor(private readonly maxBlocks = 50_000) {}

  /** Counts one request that `block` stopped; a feed's entries also count for the feed, under `feed:<name>`. */
  record(block: Pick<Block, 'id' | 'origin' | 'createdBy'>, endpoint: string, nowMs: number): void {
    this.count(block.id, endpoint, nowMs);
    if (block.origin === 'feed') this.count(`feed:${block.createdBy}`, endpoint, nowMs);
  }

  private count(blockId: string, endpoint: string, nowMs: number): void {
    const tally = this.tallies.get(blockId) ?? { hits: 0, firstMs: nowMs, lastMs: nowMs, endpoints: new Map() };
    this.tallies.delete(blockId);
    this.tallies.set(blockId, tally);
    tally.hits++;
    tally.lastMs = nowMs;
    const count = tally.endpoints.get(endpoint);
    if (count !== undefined || tally.endpoints.size < ENDPOINTS_KEPT) tally.endpoints.set(endpoint, (count ?? 0) + 1);
    this.changed.add(blockId);
    for (const oldest of this.tallies.keys()) {
      if (this.tallies.size <= this.maxBlocks) break;
      this.tallies.delete(oldest);
      this.changed.add(oldest);
    }
  }

  read(blockId: string): BlockHits | null {
    const tally = this.tallies.get(blockId);
    if (tally === undefined) return null;
    const endpoints = [...tally.endpoints].map(([endpoint, count]) => ({ endpoint, count })).sort((a, b) => b.count - a.count);
    return { blockId, hits: tally.hits, firstMs: tally.firstMs, lastMs: tally.lastMs, endpoints };
  }

  /** What changed since the last call, to be stored; null: forget the key. */
  dirty(): { readonly key: string; readonly value: string | null }[] {
    const entries = [...this.changed].map((id) => {
      const hits = this.read(id);
      return { key: `hits:${id}`, value: hits === null ? null : JSON.stringify(hits) };
    });
    this.changed.clear();
    return entries;
  }

  restore(entries: Iterable<{ readonly key: string; readonly value: string }>): void {
    for (const { key, value } of entries) {
      if (!key.startsWith('hits:')) continue;
      const { blockId, hits, firstMs, lastMs, endpoints } = JSON.parse(value) as BlockHits;
      this.tallies.set(blockId, { hits, firstMs, lastMs, endpoints: new Map(endpoints.map(({ endpoint, count }) => [endpoint, count])) });
    }
  }
}
