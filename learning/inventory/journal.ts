import { type Counts, newCounts } from './endpoint.js';
import type { CheckpointEntry } from './types.js';

/** Counts of one endpoint as they are written: id, requests, last seen, the three sums of access, then status and count in turn. */
type Line = (string | number)[];

interface Page {
  readonly key: string;
  readonly ids: readonly string[];
}

/** So many lines may stand in the journal for each that is still true. */
const WASTE = 3;
const LEAST_LINES = 256;

/**
 * The exact counts of endpoints, for checkpoints: all that changed since the last one is one page. A later page overrules earlier ones; the oldest page is
 * dropped once too much of the journal is overruled, and what was still true of it goes into the new page. So a commit writes one entry however many
 * endpoints were used, and the journal stays within three times what it says.
 */
export class CountJournal {
  /** Oldest first. */
  private pages: Page[] = [];
  /** Endpoint → key of the page that has its counts. */
  private readonly pageOf = new Map<string, string>();
  private lines = 0;
  private serial = 0;

  /** The entries that make the journal true again: `changed` since the last call, `gone` for good. */
  write(changed: readonly string[], gone: Iterable<string>, countsOf: (id: string) => Counts | undefined): CheckpointEntry[] {
    for (const id of gone) this.pageOf.delete(id);
    if (changed.length === 0) return [];
    const ids = [...changed];
    const entries: CheckpointEntry[] = [];
    const key = pageKey(++this.serial);
    for (const id of changed) this.pageOf.set(id, key);
    const most = Math.max(LEAST_LINES, this.pageOf.size * WASTE);
    while (this.pages.length > 0 && this.lines + ids.length > most) {
      const [oldest] = this.pages.splice(0, 1);
      this.lines -= oldest.ids.length;
      entries.push({ key: oldest.key, value: null });
      for (const id of oldest.ids) {
        if (this.pageOf.get(id) !== oldest.key) continue;
        this.pageOf.set(id, key);
        ids.push(id);
      }
    }
    this.pages.push({ key, ids });
    this.lines += ids.length;
    entries.push({ key, value: JSON.stringify(ids.flatMap((id) => lineOf(id, countsOf(id)))) });
    return entries;
  }

  /** What the pages say that were kept, given in the order of their keys. Throws SyntaxError. */
  read(kept: readonly { readonly key: string; readonly value: string }[]): Map<string, Counts> {
    const counts = new Map<string, Counts>();
    for (const { key, value } of kept) {
      const lines = JSON.parse(value) as Line[];
      for (const line of lines) {
        const [id, own] = countsIn(line);
        counts.set(id, own);
        this.pageOf.set(id, key);
      }
      this.pages.push({ key, ids: lines.map(([id]) => String(id)) });
      this.lines += lines.length;
      this.serial = Math.max(this.serial, Number(key.slice(2)));
    }
    return counts;
  }
}

/** Sorts as text in the order of the numbers. */
const pageKey = (serial: number): string => `j|${String(serial).padStart(12, '0')}`;

function lineOf(id: string, counts: Counts | undefined): [Line] | [] {
  if (counts === undefined) return [];
  const line: Line = [id, counts.requests, counts.lastSeenMs, counts.authenticatedOk, counts.anonymousOk, counts.anonymousRefused];
  for (const [status, count] of counts.statuses) line.push(status, count);
  return [line];
}

function countsIn([id, ...numbers]: Line): [string, Counts] {
  const [requests, lastSeenMs, authenticatedOk, anonymousOk, anonymousRefused, ...rest] = numbers.map(Number);
  const counts: Counts = { ...newCounts(lastSeenMs), requests, authenticatedOk, anonymousOk, anonymousRefused };
  for (let index = 0; index < rest.length; index += 2) counts.statuses.set(rest[index], rest[index + 1]);
  return [String(id), counts];
}
