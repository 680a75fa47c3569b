import type { Page, PageRequest } from '../../store/index.js';
import { StoreError } from '../../store/index.js';

type SortValue = string | number;

const order = (one: SortValue, other: SortValue) => (one < other ? -1 : one > other ? 1 : 0);

/**
 * One page of rows that lie in memory, with the same cursors as the store's lists: by value and id, so that changes in between shift nothing. Reads
 * the rows once and keeps no more of them than the page has: a blocklist has a hundred thousand, and sorting them all takes longer than a page may.
 */
export function pageOfArray<T>(
  rows: Iterable<T>,
  columns: Readonly<Record<string, (row: T) => SortValue>>,
  initial: string,
  id: (row: T) => string,
  request: PageRequest,
  fits: (row: T) => boolean = () => true,
): Page<T> {
  const sort = request.sort ?? initial;
  const descending = sort.startsWith('-');
  const column = columns[descending ? sort.slice(1) : sort];
  if (column === undefined)
    throw new StoreError('STORE_BAD_SORT', `cannot sort by "${sort}"; the columns are ${Object.keys(columns).join(', ')}`);
  const compare = (one: Keyed<unknown>, other: Keyed<unknown>) => {
    const ascending = one.value === other.value ? order(one.id, other.id) : order(one.value, other.value);
    return descending ? -ascending : ascending;
  };
  const after = request.cursor ? readCursor(request.cursor, sort) : null;
  const last: Keyed<null> | null = after === null ? null : { row: null, value: after[0], id: after[1] };
  const limit = request.limit ?? 50;
  const placeOf = (one: Keyed<T>) => {
    let from = 0;
    let to = kept.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare(kept[middle]!, one) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  // In order, one more than the page has: of the rows behind that one, none is wanted.
  const kept: Keyed<T>[] = [];
  for (const row of rows) {
    if (!fits(row)) continue;
    const one = { row, value: column(row), id: id(row) };
    if (last !== null && compare(one, last) <= 0) continue;
    if (kept.length > limit && compare(one, kept[limit]!) > 0) continue;
    kept.splice(placeOf(one), 0, one);
    if (kept.length > limit + 1) kept.pop();
  }
  const items = kept.slice(0, limit);
  const final = items.at(-1);
  return {
    items: items.map((one) => one.row),
    nextCursor:
      kept.length > limit && final !== undefined ? Buffer.from(JSON.stringify([sort, final.value, final.id])).toString('base64url') : null,
  };
}

interface Keyed<T> {
  readonly row: T;
  readonly value: SortValue;
  readonly id: string;
}

function readCursor(cursor: string, sort: string): readonly [SortValue, string] {
  try {
    const [madeFor, value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (madeFor === sort && (typeof value === 'string' || typeof value === 'number') && typeof id === 'string') return [value, id];
  } catch (cause) {
    throw new StoreError('STORE_BAD_CURSOR', 'the cursor cannot be read', cause);
  }
  throw new StoreError('STORE_BAD_CURSOR', `the cursor does not belong to the sort order "${sort}"`);
}
