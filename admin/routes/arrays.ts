import type { Page, PageRequest } from '../../store/index.js';
import { StoreError } from '../../store/index.js';

type SortValue = string | number;

/** One page of rows that lie in memory, with the same cursors as the store's lists: by value and id, so that changes in between shift nothing. */
export function pageOfArray<T>(
  rows: readonly T[],
  columns: Readonly<Record<string, (row: T) => SortValue>>,
  initial: string,
  id: (row: T) => string,
  request: PageRequest,
): Page<T> {
  const sort = request.sort ?? initial;
  const descending = sort.startsWith('-');
  const column = columns[descending ? sort.slice(1) : sort];
  if (column === undefined)
    throw new StoreError('STORE_BAD_SORT', `cannot sort by "${sort}"; the columns are ${Object.keys(columns).join(', ')}`);
  const key = (row: T): readonly [SortValue, string] => [column(row), id(row)];
  const compare = (a: readonly [SortValue, string], b: readonly [SortValue, string]) => {
    const [one, other] = descending ? [b, a] : [a, b];
    if (one[0] !== other[0]) return one[0] < other[0] ? -1 : 1;
    return one[1] < other[1] ? -1 : one[1] > other[1] ? 1 : 0;
  };
  const after = request.cursor ? readCursor(request.cursor, sort) : null;
  const keyed = rows.map((row) => ({ row, key: key(row) })).filter((one) => after === null || compare(one.key, after) > 0);
  keyed.sort((a, b) => compare(a.key, b.key));
  const limit = request.limit ?? 50;
  const items = keyed.slice(0, limit);
  return {
    items: items.map((one) => one.row),
    nextCursor: keyed.length > limit ? Buffer.from(JSON.stringify([sort, ...items.at(-1)!.key])).toString('base64url') : null,
  };
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
