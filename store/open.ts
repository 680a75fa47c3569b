import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Dialect, Kysely, sql } from 'kysely';
import { systemReason } from '../exchange/index.js';
import { type Accounts, accountsOf } from './accounts.js';
import { type Actors, actorsOf } from './actors.js';
import { commit } from './commit.js';
import { type Documents, documentsOf, type Objects, objectsOf } from './documents.js';
import { StoreError } from './errors.js';
import { type Inventory, inventoryOf } from './inventory.js';
import { type Issues, issuesOf } from './issues.js';
import { FORMAT_VERSION, migrate } from './migrations.js';
import { type Outbox, outboxOf } from './outbox.js';
import { type Retention, type Swept, sweep, usedBytes } from './retention.js';
import { type Samples, samplesOf } from './samples.js';
import { type Scans, scansOf } from './scans.js';
import { LibsqlDialect } from './sqlite.js';
import type { Engine, Tables } from './tables.js';
import type { Commit, CommitResult } from './types.js';

/** Where the data lies: one SQLite file, or a PostgreSQL database. */
export type StoreLocation =
  /**
   * `mappedBytes`: so much of the file is mapped into memory, 256 MiB by default; whoever writes more than they read needs none. `betweenStatements` is called before each
   * one, which runs on the thread that asks.
   */
  | { readonly sqlite: string; readonly busyTimeoutMs?: number; readonly mappedBytes?: number; readonly betweenStatements?: () => void }
  | { readonly postgres: string; readonly maxConnections?: number; readonly onError?: (error: Error) => void };

export interface LearnedState {
  get(scope: string, key: string): Promise<Uint8Array | null>;
  /** Everything of a scope, in key order, read in pieces: a scope may be larger than memory allows at once. */
  scan(scope: string): AsyncGenerator<{ readonly key: string; readonly value: Uint8Array }>;
}

/**
 * Everything weir keeps. One instance a thread; several threads and processes may open the same data at once.
 *
 * The engine writes through `commit` only, which is atomic and counts each batch once; people's changes go through the parts.
 */
export interface Store {
  readonly engine: Engine;
  readonly formatVersion: number;
  readonly inventory: Inventory;
  readonly issues: Issues;
  readonly actors: Actors;
  readonly samples: Samples;
  readonly documents: Documents;
  readonly objects: Objects;
  readonly accounts: Accounts;
  readonly scans: Scans;
  readonly outbox: Outbox;
  readonly learned: LearnedState;
  /** Applies a step of the engine exactly once; see `Commit`. */
  commit(step: Commit): Promise<CommitResult>;
  /** Those of the ids that no commit has used yet, in order: ask before the work is done, `commit` checks again. */
  unprocessed(batchIds: readonly string[]): Promise<readonly string[]>;
  /** Forgets what is old or too much; run it every few minutes. */
  sweep(limits: Retention, nowMs: number): Promise<Swept>;
  /** Tells the planner what the tables hold; `sweep` does so too. Worth it after a large import. */
  analyze(): Promise<void>;
  usage(): Promise<{ readonly bytes: number; readonly tallies: Readonly<Record<string, number>> }>;
  /** Answers when the database does. @throws when it does not */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const DEFAULT_BUSY_TIMEOUT_MS = 10_000;
const DEFAULT_CONNECTIONS = 8;
const DEFAULT_MAPPED_BYTES = 256 * 1024 * 1024;
const LEARNED_KEYS_AT_ONCE = 500;

/**
 * Opens the data and brings it to the present format.
 *
 * @throws StoreError STORE_NEWER_FORMAT when a newer weir wrote it, STORE_DAMAGED, STORE_UNWRITABLE or STORE_UNREACHABLE when it cannot be opened
 */
export async function openStore(location: StoreLocation): Promise<Store> {
  const engine: Engine = 'sqlite' in location ? 'sqlite' : 'postgres';
  const db = new Kysely<Tables>({ dialect: await dialectOf(location) });
  try {
    await migrate(db, engine);
  } catch (cause) {
    await db.destroy().catch(() => undefined);
    throw cause instanceof StoreError ? cause : openingFailed(location, cause);
  }
  // Asked for every batch before anything is learned of it: it waits neither until a commit has ended nor for a turn of the event loop.
  const reads =
    'sqlite' in location && location.sqlite !== ':memory:'
      ? new Kysely<Tables>({ dialect: await dialectOf({ ...location, mappedBytes: 0 }, Number.POSITIVE_INFINITY) })
      : db;
  return {
    engine,
    formatVersion: FORMAT_VERSION,
    inventory: inventoryOf(db, engine),
    issues: issuesOf(db, engine),
    actors: actorsOf(db, engine),
    samples: samplesOf(db),
    documents: documentsOf(db),
    objects: objectsOf(db),
    accounts: accountsOf(db),
    scans: scansOf(db),
    outbox: outboxOf(db),
    learned: learnedOf(db),
    commit: (step) => commit(db, engine, step),
    async unprocessed(batchIds) {
      if (batchIds.length === 0) return [];
      const known = await reads
        .selectFrom('processed_batches')
        .select('id')
        .where('id', 'in', [...batchIds])
        .execute();
      const processed = new Set(known.map((row) => row.id));
      return batchIds.filter((id) => !processed.has(id));
    },
    sweep: (limits, nowMs) => sweep(db, engine, limits, nowMs),
    async analyze() {
      await sql`analyze`.execute(db);
    },
    async usage() {
      const tallies = await db.selectFrom('tallies').selectAll().execute();
      return { bytes: await usedBytes(db, engine), tallies: Object.fromEntries(tallies.map((row) => [row.name, row.value])) };
    },
    async ping() {
      await sql`select 1`.execute(db);
    },
    async close() {
      if (reads !== db) await reads.destroy();
      await db.destroy();
    },
  };
}

async function dialectOf(location: StoreLocation, turnMs?: number): Promise<Dialect> {
  if ('postgres' in location) {
    const { postgresDialect } = await import('./postgres.js');
    return postgresDialect(location.postgres, location.maxConnections ?? DEFAULT_CONNECTIONS, location.onError ?? (() => undefined));
  }
  try {
    mkdirSync(path.dirname(location.sqlite), { recursive: true });
  } catch (cause) {
    throw openingFailed(location, cause);
  }
  const { sqlite, busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS, mappedBytes = DEFAULT_MAPPED_BYTES, betweenStatements } = location;
  return new LibsqlDialect(sqlite, { busyTimeoutMs, mappedBytes, turnMs, betweenStatements });
}

function openingFailed(location: StoreLocation, cause: unknown): StoreError {
  const why = systemReason(cause);
  if ('sqlite' in location && /not a database|malformed/i.test(why))
    return new StoreError('STORE_DAMAGED', `${location.sqlite} is not a database of weir, or is damaged (${why})`, cause);
  if ('sqlite' in location) return new StoreError('STORE_UNWRITABLE', `cannot open ${location.sqlite}: ${why}`, cause);
  const { host, pathname } = new URL(location.postgres);
  return new StoreError('STORE_UNREACHABLE', `cannot open PostgreSQL at ${host}${pathname}: ${why}`, cause);
}

function learnedOf(db: Kysely<Tables>): LearnedState {
  return {
    async get(scope, key) {
      const row = await db.selectFrom('learned_state').select('value').where('scope', '=', scope).where('key', '=', key).executeTakeFirst();
      return row?.value ?? null;
    },
    async *scan(scope) {
      let after: string | null = null;
      for (;;) {
        let query = db.selectFrom('learned_state').select(['key', 'value']).where('scope', '=', scope);
        if (after !== null) query = query.where('key', '>', after);
        const rows = await query.orderBy('key').limit(LEARNED_KEYS_AT_ONCE).execute();
        yield* rows;
        if (rows.length < LEARNED_KEYS_AT_ONCE) return;
        after = rows.at(-1)!.key;
      }
    },
  };
}
