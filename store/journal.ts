import type { LearnedEntry } from './types.js';

interface Page {
  readonly key: string;
  readonly ids: readonly string[];
}

/** So many lines may stand in the journal for each that is still true. */
const WASTE = 3;
const LEAST_LINES = 256;

/**
 * A few exact numbers for each of many things, kept as learned state: all that changed since the last write is one page, which says the numbers as they are
 * now. A later page overrules earlier ones; the oldest page is dropped once too much of the journal is overruled, and what was still true of it goes into the
 * new page. So a commit writes one entry however many things changed, and the journal stays within three times what it says.
 *
 * Keys are `prefix` and a number of twelve digits: as texts they sort in the order of the pages.
 */
export class NumberJournal {
  /** Oldest first. */
  private readonly pages: Page[] = [];
  /** Thing → key of the page that has its numbers. */
  private readonly pageOf = new Map<string, string>();
  private lines = 0;
  private serial = 0;

  constructor(private readonly prefix: string) {}

  /** The entries that make the journal true again: `changed` since the last call, `gone` for good. `numbersOf` is asked for those and for what moves along. */
  write(changed: readonly string[], gone: Iterable<string>, numbersOf: (id: string) => readonly number[]): LearnedEntry[] {
    for (const id of gone) this.pageOf.delete(id);
    if (changed.length === 0) return [];
    const ids = [...changed];
    const entries: LearnedEntry[] = [];
    const key = `${this.prefix}${String(++this.serial).padStart(12, '0')}`;
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
    entries.push({ key, value: `[${ids.map((id) => `[${[JSON.stringify(id), ...numbersOf(id)].join(',')}]`).join(',')}]` });
    return entries;
  }

  /** What the pages say that were kept, in the order of their keys. Call it once, before the first `write`. Throws SyntaxError. */
  read(kept: readonly { readonly key: string; readonly value: string }[]): Map<string, number[]> {
    const numbers = new Map<string, number[]>();
    for (const { key, value } of kept) {
      const lines = JSON.parse(value) as [string, ...number[]][];
      for (const [id, ...own] of lines) {
        numbers.set(id, own);
        this.pageOf.set(id, key);
      }
      this.pages.push({ key, ids: lines.map(([id]) => id) });
      this.lines += lines.length;
      this.serial = Math.max(this.serial, Number(key.slice(this.prefix.length)));
    }
    return numbers;
  }
}
