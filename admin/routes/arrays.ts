import type { Page, PageRequest } from '../../store/index.js';
import { StoreError } from '../../store/index.js';
import { flatRow } from '../csv.js';

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

/**
 * A list that is short by its nature, as its query (`listQuery`) wants it: whole and in the order of `rows`, unless it asks for pages, another order or
 * rows with some words. `key` tells rows apart.
 */
export function shortList<T extends object>(
  rows: readonly T[],
  query: PageRequest & { readonly search?: string },
  key: (row: T) => string,
): Page<T> {
  const words = (query.search ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row: T) => {
    const text = words.length === 0 ? '' : Object.values(flatRow(row)).join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  };
  if (query.limit === undefined && query.sort === undefined && !query.cursor) return { items: rows.filter(fits), nextCursor: null };
  const name = query.sort?.replace(/^-/, '') ?? '';
  const sorted = (row: T): unknown => {
    const members = row as Readonly<Record<string, unknown>>;
    return members[name] ?? members[`${name}Ms`] ?? null;
  };
  // What a row lacks comes before all that others have.
  const lacking = rows.some((row) => typeof sorted(row) === 'string') ? '' : Number.MIN_SAFE_INTEGER;
  const column = (row: T): SortValue => {
    const value = sorted(row);
    return typeof value === 'boolean' ? Number(value) : typeof value === 'string' || typeof value === 'number' ? value : lacking;
  };
  return pageOfArray(rows, { [name]: column }, name, key, { ...query, limit: query.limit ?? rows.length }, fits);
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
