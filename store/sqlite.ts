import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import Database from 'libsql';

const MAX_CACHED_STATEMENTS = 400;
/** How long SQLite itself waits for a lock. It blocks the thread meanwhile, so it is short; the rest of the wait is asynchronous. */
const BLOCKING_WAIT_MS = 20;
const MAX_PAUSE_MS = 25;
/** Statements run on the thread that asks; after so long in one turn of its event loop others get theirs, also within a transaction. */
const TURN_MS = 5;
/**
 * A transaction that is open for so long may take this share of the turns of others: an engine that has much to learn would need half a minute for a large one,
 * and hold all of it in memory.
 */
const PATIENCE_MS = 2_000;
const TURN_SHARE = 0.4;
const MOST_TURN_MS = 50;

const BEGIN = 'begin immediate';
const ENDS: ReadonlySet<string> = new Set(['commit', 'rollback']);

export interface LibsqlSettings {
  readonly busyTimeoutMs: number;
  /** Time of one turn of the event loop that statements may take. */
  readonly turnMs?: number;
  /** So much of the file is mapped into memory, which makes long reads faster and counts as memory of the process. */
  readonly mappedBytes: number;
  readonly betweenStatements?: () => void;
}

/**
 * SQLite through libsql, one connection, WAL, `synchronous = normal` (a power cut may lose the last commits, never the file).
 *
 * Several threads and processes may open the same file; a writer waits up to `busyTimeoutMs` for another, without blocking its event loop.
 */
export class LibsqlDialect implements Dialect {
  readonly #file: string;
  readonly #settings: LibsqlSettings;

  constructor(file: string, settings: LibsqlSettings) {
    this.#file = file;
    this.#settings = settings;
  }

  createDriver() {
    return new LibsqlDriver(this.#file, this.#settings);
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

/** One connection, handed to one user at a time: a transaction has it until its end. */
class LibsqlDriver implements Driver {
  readonly #file: string;
  readonly #settings: LibsqlSettings;
  #connection: LibsqlConnection | null = null;
  #inUse: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;

  constructor(file: string, settings: LibsqlSettings) {
    this.#file = file;
    this.#settings = settings;
  }

  async init(): Promise<void> {
    this.#connection = new LibsqlConnection(openDatabase(this.#file, this.#settings), this.#settings);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#inUse;
    let release: () => void = () => undefined;
    this.#inUse = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    this.#release = release;
    return this.#connection!;
  }

  async releaseConnection(): Promise<void> {
    this.#release();
  }

  /** A deferred transaction that reads first and writes later fails at once when another writer came between; an immediate one waits. */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(BEGIN));
  }
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    await this.#inUse;
    this.#connection?.close();
    this.#connection = null;
  }
}

class LibsqlConnection implements DatabaseConnection {
  /** Compiled once: the store issues a few hundred distinct texts, thousands of times. Least recently used goes first. */
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();
  readonly #database: Database.Database;
  readonly #busyTimeoutMs: number;
  readonly #turnMs: number;
  readonly #between: () => void;
  #turnBeganMs = performance.now();
  #turnTakesMs: number;
  /** When the open transaction began. */
  #beganMs = Number.POSITIVE_INFINITY;

  constructor(database: Database.Database, { busyTimeoutMs, turnMs = TURN_MS, betweenStatements }: LibsqlSettings) {
    this.#database = database;
    this.#between = betweenStatements ?? (() => undefined);
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#turnMs = turnMs;
    this.#turnTakesMs = turnMs;
  }

  /** A statement that met a lock has done nothing and may be repeated. */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.#between();
    const nowMs = performance.now();
    if (query.sql === BEGIN) this.#beganMs = nowMs;
    else if (ENDS.has(query.sql)) this.#beganMs = Number.POSITIVE_INFINITY;
    if (nowMs - this.#turnBeganMs > this.#turnTakesMs) {
      await nextTurn();
      this.#turnBeganMs = performance.now();
      const isLate = this.#turnBeganMs - this.#beganMs > PATIENCE_MS;
      this.#turnTakesMs = isLate ? Math.min(MOST_TURN_MS, Math.max(this.#turnMs, (this.#turnBeganMs - nowMs) * TURN_SHARE)) : this.#turnMs;
    }
    for (let waitedMs = 0, pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        return this.#execute<R>(query);
      } catch (error) {
        if (!isBusy(error) || waitedMs >= this.#busyTimeoutMs) throw error;
        waitedMs += BLOCKING_WAIT_MS + pauseMs;
        await delay(pauseMs);
      }
    }
  }

  #execute<R>({ sql, parameters }: CompiledQuery): QueryResult<R> {
    const statement = this.#statement(sql);
    // libsql aborts the process on a boolean parameter.
    const bound = parameters.map((value) => (typeof value === 'boolean' ? Number(value) : value));
    if (statement.reader) return { rows: statement.all(bound).map((row) => withBytes(row)) as R[] };
    if (sql.startsWith('pragma')) {
      // `run` takes one step only; incremental_vacuum needs one a page and would stay open.
      this.#database.exec(sql);
      return { rows: [] };
    }
    return { rows: [], numAffectedRows: BigInt(statement.run(bound).changes) };
  }

  #statement(sql: string): Database.Statement<unknown[]> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      if (this.#statements.size >= MAX_CACHED_STATEMENTS) this.#statements.delete(this.#statements.keys().next().value!);
    } else {
      this.#statements.delete(sql);
    }
    this.#statements.set(sql, statement);
    return statement;
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/** libsql returns blobs as ArrayBuffer. */
function withBytes(row: unknown): unknown {
  if (row === null || typeof row !== 'object') return row;
  const record = row as Record<string, unknown>;
  for (const key in record) if (record[key] instanceof ArrayBuffer) record[key] = new Uint8Array(record[key]);
  return record;
}

/** Pauses between attempts to open what another thread or process is just making. */
const OPEN_AGAIN_MS = 20;

const isBusy = (error: unknown): boolean => error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');

/** SQLite does not wait while another connection makes a file a WAL file: it is busy at once. */
function openDatabase(file: string, settings: LibsqlSettings): Database.Database {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; ; waitedMs += OPEN_AGAIN_MS) {
    try {
      return openOnce(file, settings);
    } catch (error) {
      if (!isBusy(error) || waitedMs >= settings.busyTimeoutMs) throw error;
      Atomics.wait(pause, 0, 0, OPEN_AGAIN_MS);
    }
  }
}

function openOnce(file: string, { busyTimeoutMs, mappedBytes }: LibsqlSettings): Database.Database {
  const database = new Database(file, { timeout: busyTimeoutMs });
  // auto_vacuum must be set before the first table: the disk cap gives pages back in small steps with it.
  const pragmas = [
    `busy_timeout = ${busyTimeoutMs}`,
    'auto_vacuum = incremental',
    'journal_mode = WAL',
    'synchronous = normal',
    'foreign_keys = on',
    'temp_store = memory',
    'cache_size = -65536',
    `mmap_size = ${mappedBytes}`,
    `busy_timeout = ${BLOCKING_WAIT_MS}`,
  ];
  try {
    for (const pragma of pragmas) database.pragma(pragma);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}
