import { type ExpressionBuilder, type SelectQueryBuilder, sql } from 'kysely';
import { StoreError } from './errors.js';
import type { Engine, Tables } from './tables.js';

/** How to ask for one page of a list. `sort` is a column name, `-` in front of it for descending. `limit` is 1–1000. */
export interface PageRequest {
  readonly limit?: number;
  readonly cursor?: string | null;
  readonly sort?: string;
}

/** One page. `nextCursor` is null on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** What a list can be sorted by: the name callers use → column. Each has an index that ends in the unique `id` column. */
export interface Sorting {
  readonly columns: Readonly<Record<string, string>>;
  readonly initial: string;
  /** Unique column that breaks ties. */
  readonly id: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;

/**
 * Adds keyset pagination to a query, runs it and maps the rows: a page costs the same at row 1 and at row 1,000,000, and rows that
 * arrive meanwhile shift nothing.
 *
 * @throws StoreError `STORE_BAD_SORT` for a column that is not in `sorting`, `STORE_BAD_CURSOR` for a cursor of another sort order.
 */
export async function page<T extends keyof Tables, O, R>(
  query: SelectQueryBuilder<Tables, T, O>,
  sorting: Sorting,
  request: PageRequest,
  map: (row: O) => R,
): Promise<Page<R>> {
  const sort = request.sort || sorting.initial;
  const descending = sort.startsWith('-');
  const column = sorting.columns[descending ? sort.slice(1) : sort];
  if (column === undefined) {
    throw new StoreError('STORE_BAD_SORT', `cannot sort by "${sort}"; the columns are ${Object.keys(sorting.columns).join(', ')}`);
  }
  const limit = Math.min(Math.max(1, Math.trunc(request.limit ?? DEFAULT_LIMIT)), MAX_LIMIT);
  let paged = query;
  if (request.cursor) {
    const [value, id] = decodeCursor(request.cursor, sort);
    // A row-value comparison is one index range in both engines; `a < x or (a = x and b < y)` is not.
    paged = paged.where((_: ExpressionBuilder<Tables, T>) =>
      descending
        ? sql<boolean>`(${sql.ref(column)}, ${sql.ref(sorting.id)}) < (${value}, ${id})`
        : sql<boolean>`(${sql.ref(column)}, ${sql.ref(sorting.id)}) > (${value}, ${id})`,
    );
  }
  const direction = descending ? 'desc' : 'asc';
  const rows = (await paged
    .orderBy(sql.ref(column), direction)
    .orderBy(sql.ref(sorting.id), direction)
    .limit(limit + 1)
    .execute()) as O[];
  const last = rows.length > limit ? (rows[limit - 1] as Record<string, unknown>) : null;
  return {
    items: rows.slice(0, limit).map(map),
    nextCursor: last && encodeCursor(sort, last[bare(column)], last[bare(sorting.id)]),
  };
}

/**
 * As `page`, in two steps: `ids` finds the page and looks at columns of the sort order's index only, `rows` then reads these rows. A table has
 * wide rows, and a walk that passes over most of them must not read each.
 */
export async function pageByIds<T extends keyof Tables, R extends { readonly id: string }, V>(
  ids: SelectQueryBuilder<Tables, T, object>,
  sorting: Sorting,
  request: PageRequest,
  rows: (ids: readonly string[]) => Promise<readonly R[]>,
  map: (row: R) => V,
): Promise<Page<V>> {
  const sort = request.sort || sorting.initial;
  const column = sorting.columns[sort.replace(/^-/, '')] ?? sorting.id;
  const narrow = ids.select(sql<string>`${sql.ref(sorting.id)}`.as('id')).select(sql<unknown>`${sql.ref(column)}`.as(bare(column)));
  const found = await page(narrow, sorting, request, (row) => (row as { readonly id: string }).id);
  if (found.items.length === 0) return { items: [], nextCursor: null };
  const byId = new Map((await rows(found.items)).map((row) => [row.id, row]));
  return {
    items: found.items.flatMap((id) => {
      const row = byId.get(id);
      return row === undefined ? [] : [map(row)];
    }),
    nextCursor: found.nextCursor,
  };
}

/** A condition that the planner does not start from: it stays with the index of the sort order, and looks at the column there. */
export const walked = (column: string, values: readonly (string | number)[]) =>
  values.length === 1
    ? sql<boolean>`coalesce(${sql.ref(column)}, null) = ${values[0]}`
    : sql<boolean>`coalesce(${sql.ref(column)}, null) in (${sql.join(values)})`;

/** Few rows by their ids, in one parameter: the text of a question with thousands of them would be compiled anew for each. */
export const among = (engine: Engine, column: string, values: readonly (string | number)[]) =>
  engine === 'sqlite'
    ? sql<boolean>`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`
    : sql<boolean>`${sql.ref(column)} = any(${values})`;

const bare = (column: string) => column.slice(column.lastIndexOf('.') + 1);

function encodeCursor(sort: string, value: unknown, id: unknown): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString('base64url');
}

function decodeCursor(cursor: string, sort: string): readonly [string | number, string | number] {
  try {
    const [madeFor, value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const plain = (part: unknown): part is string | number => typeof part === 'string' || typeof part === 'number';
    if (madeFor === sort && plain(value) && plain(id)) return [value, id];
  } catch (cause) {
    throw new StoreError('STORE_BAD_CURSOR', 'the cursor cannot be read', cause);
  }
  throw new StoreError('STORE_BAD_CURSOR', `the cursor does not belong to the sort order "${sort}"`);
}

/** Escapes a search word for `like … escape '\'` and makes it match anywhere; the columns it is compared with are kept in lower case. */
export function containing(word: string): string {
  return `%${word.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;
}
