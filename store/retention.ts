import { type Kysely, sql } from 'kysely';
import { bulkWrite } from './bulk.js';
import { DAY_MS, ENDPOINT_COUNTERS, HOUR_MS, MINUTE_MS, SERVICE_COUNTERS } from './shapes.js';
import { type Engine, type Tables, TRAFFIC_COUNTS } from './tables.js';

/** How long and how much is kept. Days unless the name says otherwise. */
export interface Retention {
  /** Minute buckets become hour buckets after this. */
  readonly minuteCounterHours: number;
  readonly counterDays: number;
  readonly findingDays: number;
  readonly sampleDays: number;
  readonly evidenceDays: number;
  /** Sealed real values of evidence, where they are kept. */
  readonly realValueDays: number;
  readonly actorEventDays: number;
  readonly actorDays: number;
  readonly auditDays: number;
  readonly scanRunDays: number;
  readonly samplesPerEndpoint: number;
  /** All samples that are no evidence; oldest go first. */
  readonly samplesInAll: number;
  readonly findingsInAll: number;
  readonly actorEventsInAll: number;
  /** Bytes the database may take; past it the least useful goes first. */
  readonly diskCapBytes: number;
}

export const DEFAULT_RETENTION: Retention = {
  minuteCounterHours: 6,
  counterDays: 90,
  findingDays: 90,
  sampleDays: 14,
  evidenceDays: 90,
  realValueDays: 7,
  actorEventDays: 30,
  actorDays: 90,
  auditDays: 400,
  scanRunDays: 90,
  samplesPerEndpoint: 20,
  samplesInAll: 20_000,
  findingsInAll: 500_000,
  actorEventsInAll: 500_000,
  diskCapBytes: 2 * 1024 ** 3,
};

/** Rows removed, by what they were; also kept as running totals in the store's tallies. */
export type Swept = Readonly<Record<string, number>>;

/** Transactions stay short so that the engine's commits never wait long. */
const ROWS_AT_ONCE = 5_000;
const BATCH_ID_DAYS = 7;

/** Forgets what is old or too much, oldest first, and gives space back. Every removed row is counted. */
export async function sweep(db: Kysely<Tables>, engine: Engine, limits: Retention, nowMs: number): Promise<Swept> {
  const swept: Record<string, number> = {};
  const count = (name: string, rows: number) => {
    if (rows > 0) swept[name] = (swept[name] ?? 0) + rows;
  };
  const before = (days: number) => nowMs - days * DAY_MS;

  count('minute-buckets', await rollUp(db, engine, Math.floor((nowMs - limits.minuteCounterHours * HOUR_MS) / HOUR_MS) * HOUR_MS));
  count('hour-buckets', await remove(db, 'endpoint_counters', sql`"widthMs" = ${HOUR_MS} and "bucketMs" < ${before(limits.counterDays)}`));
  count('hour-buckets', await remove(db, 'service_counters', sql`"widthMs" = ${HOUR_MS} and "bucketMs" < ${before(limits.counterDays)}`));
  count('data-days', await remove(db, 'data_counters', sql`"dayMs" < ${before(limits.counterDays)}`));
  count('findings', await remove(db, 'findings', sql`"atMs" < ${before(limits.findingDays)}`));
  count('findings', await keepNewest(db, 'findings', limits.findingsInAll, sql`1 = 1`));
  count('samples', await remove(db, 'samples', sql`"evidence" = 0 and "atMs" < ${before(limits.sampleDays)}`));
  count('samples', await remove(db, 'samples', sql`"evidence" = 1 and "atMs" < ${before(limits.evidenceDays)}`));
  const real =
    await sql`update samples set "sealed" = null where "sealed" is not null and "atMs" < ${before(limits.realValueDays)}`.execute(db);
  count('real-values', Number(real.numAffectedRows ?? 0n));
  count('samples', await keepNewestPerEndpoint(db, limits.samplesPerEndpoint));
  count('samples', await keepNewest(db, 'samples', limits.samplesInAll, sql`"evidence" = 0`));
  count('actor-events', await remove(db, 'actor_events', sql`"atMs" < ${before(limits.actorEventDays)}`));
  count('actor-events', await keepNewest(db, 'actor_events', limits.actorEventsInAll, sql`1 = 1`));
  count('actors', await remove(db, 'actors', sql`"lastSeenMs" < ${before(limits.actorDays)} and "state" in ('active', 'watched')`));
  count('actor-links', await remove(db, 'actor_links', sql`"lastSeenMs" < ${before(limits.actorDays)}`));
  count('audit', await remove(db, 'audit', sql`"atMs" < ${before(limits.auditDays)}`));
  count('scan-runs', await removeRuns(db, before(limits.scanRunDays)));
  count('sessions', await remove(db, 'sessions', sql`"expiresMs" < ${nowMs}`));
  count('sign-in-links', await remove(db, 'sign_in_links', sql`"expiresMs" < ${before(1)}`));
  count('answers', await remove(db, 'idempotency', sql`"atMs" < ${before(1)}`));
  count('batch-ids', await remove(db, 'processed_batches', sql`"atMs" < ${before(BATCH_ID_DAYS)}`));
  count('deliveries', await remove(db, 'outbox', sql`"state" <> 'waiting' and "createdMs" < ${before(30)}`));
  await holdDiskCap(db, engine, limits.diskCapBytes, count);
  await keepTallies(db, engine, swept);
  if (engine === 'sqlite') await sql`pragma optimize`.execute(db);
  return swept;
}

/** Bytes in use: live pages of SQLite (free pages are reused before the file grows), all relations of PostgreSQL's present schema. */
export async function usedBytes(db: Kysely<Tables>, engine: Engine): Promise<number> {
  if (engine === 'postgres') {
    const result = await sql<{ bytes: number }>`select coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes from pg_class c
      join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname = current_schema()`.execute(db);
    return Number(result.rows[0]!.bytes);
  }
  const pragma = async (name: string) => Object.values((await sql.raw<Record<string, number>>(`pragma ${name}`).execute(db)).rows[0]!)[0]!;
  return ((await pragma('page_count')) - (await pragma('freelist_count'))) * (await pragma('page_size'));
}

type Swept1 =
  | 'endpoint_counters'
  | 'service_counters'
  | 'data_counters'
  | 'findings'
  | 'samples'
  | 'actor_events'
  | 'actors'
  | 'actor_links'
  | 'audit'
  | 'sessions'
  | 'sign_in_links'
  | 'idempotency'
  | 'processed_batches'
  | 'outbox'
  | 'scan_runs'
  | 'scan_results'
  | 'endpoint_history';

async function remove(db: Kysely<Tables>, table: Swept1, where: ReturnType<typeof sql>): Promise<number> {
  const result = await sql`delete from ${sql.table(table)} where ${where}`.execute(db);
  return Number(result.numAffectedRows ?? 0n);
}

async function keepNewest(
  db: Kysely<Tables>,
  table: 'findings' | 'samples' | 'actor_events',
  keep: number,
  where: ReturnType<typeof sql>,
): Promise<number> {
  const edge = await sql<{
    atMs: number;
  }>`select "atMs" from ${sql.table(table)} where ${where} order by "atMs" desc, "id" desc limit 1 offset ${keep}`.execute(db);
  const atMs = edge.rows[0]?.atMs;
  return atMs === undefined ? 0 : remove(db, table, sql`${where} and "atMs" <= ${atMs}`);
}

async function keepNewestPerEndpoint(db: Kysely<Tables>, keep: number): Promise<number> {
  return remove(
    db,
    'samples',
    sql`"id" in (select "id" from (select "id", row_number() over (partition by "endpointId" order by "atMs" desc, "id" desc) as "place"
      from samples where "evidence" = 0 and "endpointId" is not null) ranked where "place" > ${keep})`,
  );
}

async function removeRuns(db: Kysely<Tables>, beforeMs: number): Promise<number> {
  await sql`delete from scan_results where "runId" in (select "id" from scan_runs where "startedMs" < ${beforeMs})`.execute(db);
  return remove(db, 'scan_runs', sql`"startedMs" < ${beforeMs} and "state" in ('finished', 'stopped', 'failed')`);
}

/** Minute buckets that end before `edgeMs` (a full hour) become hour buckets. */
async function rollUp(db: Kysely<Tables>, engine: Engine, edgeMs: number): Promise<number> {
  let rolled = 0;
  for (const [table, owner, shape] of [
    ['endpoint_counters', 'endpointId', ENDPOINT_COUNTERS],
    ['service_counters', 'service', SERVICE_COUNTERS],
  ] as const) {
    const oldest = await sql<{
      at: number | null;
    }>`select min("bucketMs") as "at" from ${sql.table(table)} where "widthMs" = ${MINUTE_MS}`.execute(db);
    const startMs = oldest.rows[0]?.at;
    if (startMs === null || startMs === undefined) continue;
    for (let hourMs = Math.floor(startMs / HOUR_MS) * HOUR_MS; hourMs < edgeMs; hourMs += HOUR_MS) {
      rolled += await db.transaction().execute(async (trx) => {
        const inHour = sql`"widthMs" = ${MINUTE_MS} and "bucketMs" >= ${hourMs} and "bucketMs" < ${hourMs + HOUR_MS}`;
        const sums = TRAFFIC_COUNTS.map((name) =>
          name === 'latencyMaxMs' ? sql`max(${sql.id(name)}) as ${sql.id(name)}` : sql`sum(${sql.id(name)}) as ${sql.id(name)}`,
        );
        const rows = await sql<
          Record<string, unknown>
        >`select ${sql.id(owner)}, ${sql.join(sums)} from ${sql.table(table)} where ${inHour} group by ${sql.id(owner)}`.execute(trx);
        if (rows.rows.length === 0) return 0;
        const hours = rows.rows.map((row) => ({ ...row, widthMs: HOUR_MS, bucketMs: hourMs }));
        if (shape.table === 'endpoint_counters') await bulkWrite(trx, engine, shape, hours);
        else await bulkWrite(trx, engine, shape, hours);
        const gone = await sql`delete from ${sql.table(table)} where ${inHour}`.execute(trx);
        return Number(gone.numAffectedRows ?? 0n);
      });
    }
  }
  return rolled;
}

/** What goes when the disk cap is reached, least useful first: spare samples, timelines, findings (their issues stay), old history, evidence. */
const EXPENDABLE = [
  ['samples', 'samples', sql`"evidence" = 0`],
  ['actor-events', 'actor_events', sql`1 = 1`],
  ['findings', 'findings', sql`1 = 1`],
  ['samples', 'samples', sql`1 = 1`],
] as const;

async function holdDiskCap(
  db: Kysely<Tables>,
  engine: Engine,
  capBytes: number,
  count: (name: string, rows: number) => void,
): Promise<void> {
  for (const [name, table, where] of EXPENDABLE) {
    while ((await usedBytes(db, engine)) > capBytes) {
      const removed = await remove(
        db,
        table,
        sql`"id" in (select "id" from ${sql.table(table)} where ${where} order by "atMs", "id" limit ${ROWS_AT_ONCE})`,
      );
      if (removed === 0) break;
      count(`${name}-over-disk-cap`, removed);
      // PostgreSQL shows the space as free only after a vacuum.
      if (engine === 'postgres') await sql`vacuum ${sql.table(table)}`.execute(db);
    }
  }
  if (engine === 'sqlite') await sql`pragma incremental_vacuum`.execute(db);
}

async function keepTallies(db: Kysely<Tables>, engine: Engine, swept: Swept): Promise<void> {
  const rows = Object.entries(swept).map(([name, value]) => ({ name: `swept-${name}`, value }));
  await bulkWrite(
    db,
    engine,
    {
      table: 'tallies',
      columns: ['name', 'value'],
      key: ['name'],
      onConflict: 'do update set "value" = "tallies"."value" + excluded."value"',
    },
    rows,
  );
}
