import type { RedisLink, Reply } from './link.js';

/** How far a consumer group is behind. Counts are in exchanges, estimated from the size of the newest batch. */
export interface Backlog {
  readonly exchanges: number;
  /** When the oldest undelivered batch was added (at the latest); null when the group is up to date. */
  readonly oldestAtMs: number | null;
  /** Trimmed from the stream before the group got to see them. */
  readonly trimmedBatches: number;
  readonly perBatch: number;
}

/** Reads XINFO (Redis ≥ 7: `lag`, `entries-read`, `entries-added`). */
export async function readBacklog(link: RedisLink, key: string, group: string): Promise<Backlog> {
  const stream = record(await link.command(['XINFO', 'STREAM', key]));
  const groups = (await link.command(['XINFO', 'GROUPS', key])) as readonly Reply[];
  const mine = groups.map(record).find((one) => one.get('name') === group);
  const perBatch = newestBatchSize(stream.get('last-entry'));
  if (mine === undefined) return { exchanges: 0, oldestAtMs: null, trimmedBatches: 0, perBatch };
  const entries = Number(mine.get('lag') ?? 0) + Number(mine.get('pending') ?? 0);
  const gone = Number(stream.get('entries-added') ?? 0) - Number(stream.get('length') ?? 0);
  const read = mine.get('entries-read');
  const trimmedBatches = typeof read === 'number' && gone > read ? gone - read : 0;
  const deliveredAtMs = Number(String(mine.get('last-delivered-id')).split('-')[0]);
  return { exchanges: entries * perBatch, oldestAtMs: entries > 0 && deliveredAtMs > 0 ? deliveredAtMs : null, trimmedBatches, perBatch };
}

function newestBatchSize(entry: Reply | undefined): number {
  const fields = Array.isArray(entry) ? entry[1] : null;
  return Array.isArray(fields) ? Math.max(1, Number(fields[3])) : 1;
}

function record(reply: Reply): Map<string, Reply> {
  const pairs = new Map<string, Reply>();
  if (!Array.isArray(reply)) return pairs;
  for (let index = 0; index + 1 < reply.length; index += 2) pairs.set(String(reply[index]), reply[index + 1]);
  return pairs;
}
