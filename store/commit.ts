import type { Kysely } from 'kysely';
import { newId, shortHash } from '../exchange/index.js';
import { bulkWrite, type Db } from './bulk.js';
import { endpointRow, markRows } from './endpoint-rows.js';
import { fileFindings } from './filing.js';
import { foldEndpoint } from './fold.js';
import {
  ACTOR_EVENTS,
  ACTOR_LINKS,
  ACTORS,
  DATA_COUNTERS,
  DAY_MS,
  ENDPOINT_COUNTERS,
  ENDPOINTS,
  HISTORY,
  LEARNED,
  MARKS,
  MINUTE_MS,
  SAMPLES,
  SERVICE_COUNTERS,
  SERVICES,
  SIGHTINGS,
} from './shapes.js';
import { type Engine, NO_TRAFFIC, type Tables, TRAFFIC_COUNTS, type TrafficCounts } from './tables.js';
import { type ActorWrite, actorId, type Commit, type CommitResult, type CounterWrite, type SightingWrite } from './types.js';

/** Applies one step of the engine, or nothing of it when one of its batches was already processed. See `Commit`. */
export async function commit(db: Kysely<Tables>, engine: Engine, step: Commit): Promise<CommitResult> {
  return retrying(() =>
    db.transaction().execute(async (trx) => {
      const alreadyProcessed = await claimBatches(trx, step.batchIds, step.nowMs);
      if (alreadyProcessed.length > 0) throw new AlreadyProcessed(alreadyProcessed);
      await bulkWrite(
        trx,
        engine,
        SERVICES,
        (step.services ?? []).map((service) => ({ ...service, aboutJson: JSON.stringify(service.about) })),
      );
      await writeEndpoints(trx, engine, step);
      for (const fold of step.folds ?? []) await foldEndpoint(trx, engine, fold);
      await writeCounters(trx, engine, step.counters ?? []);
      await writeSightings(trx, engine, step.dataSightings ?? []);
      const issues = await fileFindings(trx, engine, step.findings ?? [], step.nowMs);
      await writeActors(trx, engine, step.actors ?? []);
      await bulkWrite(
        trx,
        engine,
        SAMPLES,
        (step.samples ?? []).map((sample) => ({ ...sample, evidence: Number(sample.evidence), bytes: sample.content.length })),
      );
      await writeLearned(trx, engine, step);
      return { applied: true, alreadyProcessed: [], issues };
    }),
  );
}

/** Thrown inside the transaction so that nothing of the step stays. */
class AlreadyProcessed extends Error {
  readonly batchIds: readonly string[];
  constructor(batchIds: readonly string[]) {
    super('already processed');
    this.batchIds = batchIds;
  }
}

const MAX_ATTEMPTS = 4;
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';

/** PostgreSQL ends one of two transactions that wait for each other; the loser wrote nothing and may simply start again. */
async function retrying(attempt: () => Promise<CommitResult>): Promise<CommitResult> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof AlreadyProcessed) return { applied: false, alreadyProcessed: error.batchIds, issues: [] };
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if ((code !== SERIALIZATION_FAILURE && code !== DEADLOCK_DETECTED) || attempts === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Inserting is the check: a second engine with the same batch waits here for the first one's commit, then sees the id. */
async function claimBatches(db: Db, batchIds: readonly string[], nowMs: number): Promise<readonly string[]> {
  const already: string[] = [];
  for (const id of [...batchIds].sort()) {
    const claimed = await db
      .insertInto('processed_batches')
      .values({ id, atMs: nowMs })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .executeTakeFirst();
    if (claimed === undefined) already.push(id);
  }
  return already;
}

async function writeEndpoints(db: Db, engine: Engine, step: Commit): Promise<void> {
  const writes = step.endpoints ?? [];
  await bulkWrite(
    db,
    engine,
    ENDPOINTS,
    writes.map((write) => endpointRow(write, step.nowMs)),
  );
  if (writes.length > 0) {
    const ids = writes.map((write) => write.ref.id);
    const wanted = new Map(writes.flatMap(markRows).map((mark) => [`${mark.endpointId} ${mark.kind} ${mark.value}`, mark]));
    for (let start = 0; start < ids.length; start += 1000) {
      const present = await db
        .selectFrom('endpoint_marks')
        .selectAll()
        .where('endpointId', 'in', ids.slice(start, start + 1000))
        .execute();
      for (const mark of present) {
        const key = `${mark.endpointId} ${mark.kind} ${mark.value}`;
        if (wanted.delete(key)) continue;
        await db
          .deleteFrom('endpoint_marks')
          .where('kind', '=', mark.kind)
          .where('value', '=', mark.value)
          .where('endpointId', '=', mark.endpointId)
          .execute();
      }
    }
    await bulkWrite(db, engine, MARKS, [...wanted.values()]);
  }
  const history = (step.history ?? []).map((change) => ({
    ...change,
    id: newId(change.atMs),
    beforeJson: JSON.stringify(change.before),
    afterJson: JSON.stringify(change.after),
  }));
  await bulkWrite(db, engine, HISTORY, history);
}

async function writeCounters(db: Db, engine: Engine, writes: readonly CounterWrite[]): Promise<void> {
  const endpoints = new Map<string, TrafficCounts & { endpointId: string; widthMs: number; bucketMs: number }>();
  const services = new Map<string, TrafficCounts & { service: string; widthMs: number; bucketMs: number }>();
  const totals = new Map<string, TrafficCounts & { id: string }>();
  for (const given of writes) {
    const write = given.endpointId === null ? { ...given, unmatched: given.requests ?? 0 } : { ...given, unmatched: 0 };
    const bucketMs = Math.floor(write.atMs / MINUTE_MS) * MINUTE_MS;
    const widthMs = MINUTE_MS;
    merge(services, `${write.service} ${bucketMs}`, () => ({ ...NO_TRAFFIC, service: write.service, widthMs, bucketMs }), write);
    const endpointId = write.endpointId;
    if (endpointId === null) continue;
    merge(endpoints, `${endpointId} ${bucketMs}`, () => ({ ...NO_TRAFFIC, endpointId, widthMs, bucketMs }), write);
    merge(totals, endpointId, () => ({ ...NO_TRAFFIC, id: endpointId }), write);
  }
  await bulkWrite(db, engine, ENDPOINT_COUNTERS, [...endpoints.values()]);
  await bulkWrite(db, engine, SERVICE_COUNTERS, [...services.values()]);
  for (const id of [...totals.keys()].sort()) {
    const total = totals.get(id)!;
    await db
      .updateTable('endpoints')
      .set((update) => ({
        requests: update('requests', '+', total.requests),
        status2xx: update('status2xx', '+', total.status2xx),
        status3xx: update('status3xx', '+', total.status3xx),
        status4xx: update('status4xx', '+', total.status4xx),
        status5xx: update('status5xx', '+', total.status5xx),
        failed: update('failed', '+', total.failed),
        blocked: update('blocked', '+', total.blocked),
        wouldBlock: update('wouldBlock', '+', total.wouldBlock),
        bytesIn: update('bytesIn', '+', total.bytesIn),
        bytesOut: update('bytesOut', '+', total.bytesOut),
        latencySumMs: update('latencySumMs', '+', total.latencySumMs),
        latencyMaxMs: update
          .case()
          .when('latencyMaxMs', '<', total.latencyMaxMs)
          .then(total.latencyMaxMs)
          .else(update.ref('latencyMaxMs'))
          .end(),
      }))
      .where('id', '=', id)
      .execute();
  }
}

function merge<R extends TrafficCounts>(rows: Map<string, R>, key: string, start: () => R, write: Partial<TrafficCounts>): void {
  let row = rows.get(key);
  if (row === undefined) {
    row = start();
    rows.set(key, row);
  }
  const counts: TrafficCounts = row;
  for (const name of TRAFFIC_COUNTS) {
    const value = write[name] ?? 0;
    counts[name] = name === 'latencyMaxMs' ? Math.max(counts[name], value) : counts[name] + value;
  }
}

/** Names a sighting for cursors: its key has five columns. */
const sightingId = (write: SightingWrite) => shortHash(write.endpointId, write.phase, write.place, write.path, write.type);

async function writeSightings(db: Db, engine: Engine, writes: readonly SightingWrite[]): Promise<void> {
  await bulkWrite(
    db,
    engine,
    SIGHTINGS,
    writes.map((write) => ({ ...write, resumedMs: write.firstSeenMs, id: sightingId(write) })),
  );
  const days = new Map<string, Tables['data_counters']>();
  for (const write of writes) {
    const dayMs = Math.floor(write.lastSeenMs / DAY_MS) * DAY_MS;
    const key = `${write.service} ${write.type} ${write.phase} ${dayMs}`;
    const day = days.get(key);
    if (day) day.count += write.count;
    else days.set(key, { service: write.service, type: write.type, phase: write.phase, dayMs, count: write.count });
  }
  await bulkWrite(db, engine, DATA_COUNTERS, [...days.values()]);
}

function eventId(actor: string, event: NonNullable<ActorWrite['events']>[number]): string {
  const words = JSON.stringify([actor, event.kind, event.body]);
  return `${Math.floor(event.atMs).toString(36).padStart(9, '0')}${shortHash(words)}`;
}

async function writeActors(db: Db, engine: Engine, writes: readonly ActorWrite[]): Promise<void> {
  const rows = writes.map(({ ref, firstSeenMs, lastSeenMs, score, state, requests, errors, blocked, findings, detail }) => ({
    id: actorId(ref),
    kind: ref.kind,
    value: ref.value,
    label: ref.label,
    firstSeenMs,
    lastSeenMs,
    score: Math.round(score),
    state,
    requests,
    errors,
    blocked,
    findings,
    detailJson: JSON.stringify(detail),
    search: `${ref.value} ${ref.label}`.toLowerCase(),
  }));
  await bulkWrite(db, engine, ACTORS, rows);
  const events = writes.flatMap((write) =>
    (write.events ?? []).map((event) => ({
      // Of an actor, a moment and its words there is one: what is told again after a restart is not there twice.
      id: eventId(actorId(write.ref), event),
      actorId: actorId(write.ref),
      atMs: event.atMs,
      kind: event.kind,
      endpointId: event.endpointId ?? null,
      bodyJson: JSON.stringify(event.body),
    })),
  );
  await bulkWrite(db, engine, ACTOR_EVENTS, events);
  await bulkWrite(
    db,
    engine,
    ACTOR_LINKS,
    writes.flatMap((write) => write.links ?? []).map((link) => ({ ...link })),
  );
}

/** Parameters of one statement are limited. */
const KEYS_AT_ONCE = 500;

async function writeLearned(db: Db, engine: Engine, step: Commit): Promise<void> {
  const kept = [];
  const gone = new Map<string, string[]>();
  for (const { scope, key, value } of step.learned ?? []) {
    if (value !== null)
      kept.push({ scope, key, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength), updatedMs: step.nowMs });
    else if (gone.has(scope)) gone.get(scope)!.push(key);
    else gone.set(scope, [key]);
  }
  for (const [scope, keys] of gone)
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE)
      await db
        .deleteFrom('learned_state')
        .where('scope', '=', scope)
        .where('key', 'in', keys.slice(from, from + KEYS_AT_ONCE))
        .execute();
  await bulkWrite(db, engine, LEARNED, kept);
}
