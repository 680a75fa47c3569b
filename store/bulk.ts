import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import type { Engine, Tables } from './tables.js';

export type Db = Kysely<Tables> | Transaction<Tables>;

/** One kind of bulk write: the column order, the columns that make a row unique, and what a collision does (SQL after `on conflict (…)`). */
export interface BulkShape<T extends keyof Tables> {
  readonly table: T;
  readonly columns: readonly (keyof Tables[T] & string)[];
  readonly key: readonly (keyof Tables[T] & string)[];
  /** `do nothing`, or `do update set …`; columns are quoted, the stored row is the table's name, the new one is `excluded`. */
  readonly onConflict: string;
}

/**
 * PostgreSQL takes 65,535 parameters a statement, and each is a round trip. SQLite has no such trip, but half of what one row costs is the way to the
 * statement; from sixteen rows on there is nothing left to save. Row counts are powers of two so that few distinct texts are prepared.
 */
const ROWS_PER_STATEMENT: Readonly<Record<Engine, number>> = { sqlite: 16, postgres: 256 };

/** Inserts many rows, several a statement. Rows are written in key order so that two writers lock in the same order. */
export async function bulkWrite<T extends keyof Tables>(
  db: Db,
  engine: Engine,
  shape: BulkShape<T>,
  rows: readonly object[],
): Promise<void> {
  if (rows.length === 0) return;
  const keyed = (rows as readonly Readonly<Record<string, unknown>>[]).map((row) => ({
    row,
    key: shape.key.map((column) => String(row[column])).join('\u0000'),
  }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  let start = 0;
  while (start < keyed.length) {
    const count = runLength(keyed, start, ROWS_PER_STATEMENT[engine]);
    const parameters: unknown[] = [];
    for (const { row } of keyed.slice(start, start + count))
      for (const column of shape.columns) parameters.push(stored(column, row[column]));
    await db.executeQuery(CompiledQuery.raw(statement(engine, shape, count), parameters));
    start += count;
  }
}

/** Inserts one row unless its key is taken. Resolves to whether it was inserted. The text is made once: building it anew would cost more than running it. */
export async function insertOnce<T extends keyof Tables>(db: Db, engine: Engine, shape: BulkShape<T>, row: object): Promise<boolean> {
  const record = row as Readonly<Record<string, unknown>>;
  const parameters = shape.columns.map((column) => stored(column, record[column]));
  const text = `${statement(engine, shape, 1)} returning "${shape.key[0]}"`;
  return (await db.executeQuery(CompiledQuery.raw(text, parameters))).rows.length > 0;
}

/** Capture clocks give fractions of a millisecond; time columns are whole. */
function stored(column: string, value: unknown): unknown {
  if (typeof value === 'number' && column.endsWith('Ms') && !column.startsWith('latency')) return Math.floor(value);
  return value ?? null;
}

/** How many rows from `start` fit in one statement: no key twice (PostgreSQL refuses to update one row twice), a power of two. */
function runLength(keyed: readonly { readonly key: string }[], start: number, most: number): number {
  let distinct = 1;
  while (distinct < most && start + distinct < keyed.length && keyed[start + distinct]!.key !== keyed[start + distinct - 1]!.key) {
    distinct += 1;
  }
  return 2 ** Math.floor(Math.log2(distinct));
}

const texts = new Map<string, string>();

function statement<T extends keyof Tables>(engine: Engine, shape: BulkShape<T>, count: number): string {
  const cacheKey = `${engine} ${count} ${shape.table} ${shape.onConflict}`;
  let text = texts.get(cacheKey);
  if (text === undefined) {
    let parameter = 0;
    const placeholder = () => (engine === 'sqlite' ? '?' : `$${++parameter}`);
    const row = () => `(${shape.columns.map(placeholder).join(', ')})`;
    const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');
    text = `insert into "${shape.table}" (${quoted(shape.columns)}) values ${Array.from({ length: count }, row).join(', ')} on conflict (${quoted(shape.key)}) ${shape.onConflict}`;
    texts.set(cacheKey, text);
  }
  return text;
}

/** `do update` clauses for the usual merges of a counter, a first and a last time. */
export const add = (table: string, column: string) => `"${column}" = "${table}"."${column}" + excluded."${column}"`;
export const larger = (table: string, column: string) =>
  `"${column}" = case when excluded."${column}" > "${table}"."${column}" then excluded."${column}" else "${table}"."${column}" end`;
export const smaller = (table: string, column: string) =>
  `"${column}" = case when excluded."${column}" < "${table}"."${column}" then excluded."${column}" else "${table}"."${column}" end`;
export const replace = (column: string) => `"${column}" = excluded."${column}"`;
