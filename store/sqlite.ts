import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely';
import Database from 'libsql';

const MAX_CACHED_STATEMENTS = 400;

/** Statements are compiled once: the store issues a few hundred distinct texts, thousands of times. Least recently used goes first. */
class StatementCache {
  readonly #statements = new Map<string, SqliteStatement>();
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    this.#database = database;
  }

  get(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = adapted(this.#database, sql);
      if (this.#statements.size >= MAX_CACHED_STATEMENTS) this.#statements.delete(this.#statements.keys().next().value!);
    } else {
      this.#statements.delete(sql);
    }
    this.#statements.set(sql, statement);
    return statement;
  }

  clear(): void {
    this.#statements.clear();
  }
}

/** libsql aborts the process on a boolean parameter and returns blobs as ArrayBuffer; both are mended here. */
function adapted(database: Database.Database, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  const bind = (parameters: readonly unknown[]) => parameters.map((value) => (typeof value === 'boolean' ? Number(value) : value));
  return {
    reader: statement.reader,
    all: (parameters) => statement.all(bind(parameters)).map(bytesInRow),
    run: (parameters) => statement.run(bind(parameters)),
    iterate: (parameters) => statement.iterate(bind(parameters)),
  };
}

function bytesInRow(row: unknown): unknown {
  if (row === null || typeof row !== 'object') return row;
  const record = row as Record<string, unknown>;
  for (const key in record) if (record[key] instanceof ArrayBuffer) record[key] = new Uint8Array(record[key]);
  return record;
}

/**
 * SQLite through libsql, one connection, WAL, `synchronous = normal` (a power cut may lose the last commits, never the file).
 *
 * Several threads and processes may open the same file; a writer waits up to `busyTimeoutMs` for another.
 */
export class LibsqlDialect implements Dialect {
  readonly #file: string;
  readonly #busyTimeoutMs: number;

  constructor(file: string, busyTimeoutMs: number) {
    this.#file = file;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  createDriver() {
    return new ImmediateDriver({ database: async () => openDatabase(this.#file, this.#busyTimeoutMs) });
  }
  createAdapter() {
    return new SqliteAdapter();
  }
  createQueryCompiler() {
    return new SqliteQueryCompiler();
  }
  createIntrospector(db: ConstructorParameters<typeof SqliteIntrospector>[0]) {
    return new SqliteIntrospector(db);
  }
}

/** A deferred transaction that reads first and writes later fails at once when another writer came between; an immediate one waits. */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

function openDatabase(file: string, busyTimeoutMs: number): SqliteDatabase {
  const database = new Database(file, { timeout: busyTimeoutMs });
  // auto_vacuum must be set before the first table: the disk cap gives pages back in small steps with it.
  for (const pragma of [
    'auto_vacuum = incremental',
    'journal_mode = WAL',
    'synchronous = normal',
    'foreign_keys = on',
    'temp_store = memory',
    'cache_size = -65536',
    'mmap_size = 268435456',
    `busy_timeout = ${busyTimeoutMs}`,
  ])
    database.pragma(pragma);
  const cache = new StatementCache(database);
  return {
    prepare: (sql) => cache.get(sql),
    close: () => {
      cache.clear();
      database.close();
    },
  };
}
