import { OwnershipError } from './errors.js';
import type { Table } from './table.js';

/** One piece of learned state; `value` null: gone. */
export interface SavedEntry {
  readonly key: string;
  readonly value: string | null;
}

/** Largest number of table segments and of other pieces written by one checkpoint; the rest stays dirty for the next. */
const MAX_SEGMENTS = 64;
export const MAX_PIECES = 2000;

/**
 * Which pieces changed since the last checkpoint. Pieces are small (a table segment, a person, a rule, a place), so a checkpoint writes what
 * changed and not all that is known.
 */
export class Dirty {
  readonly segments = new Set<number>();
  readonly pieces = new Set<string>();

  *take<T>(set: Set<T>, most: number): Generator<T> {
    let taken = 0;
    for (const one of set) {
      if (taken++ >= most) return;
      set.delete(one);
      yield one;
    }
  }

  table(table: Table): SavedEntry[] {
    return [...this.take(this.segments, MAX_SEGMENTS)].map((index) => ({
      key: `x|${index}`,
      value: Buffer.from(table.packed(index, true).buffer).toString('base64'),
    }));
  }
}

/** Puts a saved segment back. */
export function loadSegment(table: Table, key: string, value: string): void {
  const index = Number(key.slice(2));
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length % 16 !== 0) throw new OwnershipError('WEIR_OWNERSHIP_SAVED', 'a saved piece of the ownership table is cut');
  for (let at = 0; at < bytes.length; at += 16)
    table.restore(index, bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12));
}
