import { sql } from 'kysely';
import { bulkWrite, type Db } from './bulk.js';
import { ENDPOINT_COUNTERS, SIGHTINGS } from './shapes.js';
import { type Engine, TRAFFIC_COUNTS } from './tables.js';
import type { EndpointFold } from './types.js';

/** Folds an endpoint into another that stands for it: traffic, sightings, samples, findings, issues and history move; the old row goes. */
export async function foldEndpoint(db: Db, engine: Engine, { from, into }: EndpointFold): Promise<void> {
  const old = await db.selectFrom('endpoints').selectAll().where('id', '=', from).executeTakeFirst();
  const counters = await db.selectFrom('endpoint_counters').selectAll().where('endpointId', '=', from).execute();
  await bulkWrite(
    db,
    engine,
    ENDPOINT_COUNTERS,
    counters.map((row) => ({ ...row, endpointId: into })),
  );
  const sightings = await db.selectFrom('data_sightings').selectAll().where('endpointId', '=', from).execute();
  // The id names the row for cursors; a moved row takes a fresh one unless it melts into an existing row.
  await bulkWrite(
    db,
    engine,
    SIGHTINGS,
    sightings.map((row) => ({ ...row, endpointId: into, id: `${into}-${row.id}` })),
  );
  for (const table of ['endpoint_counters', 'data_sightings', 'endpoint_marks'] as const)
    await db.deleteFrom(table).where('endpointId', '=', from).execute();
  for (const table of ['samples', 'findings', 'issues', 'endpoint_history', 'actor_events'] as const) {
    await db.updateTable(table).set({ endpointId: into }).where('endpointId', '=', from).execute();
  }
  if (old === undefined) return;
  await db.deleteFrom('endpoints').where('id', '=', from).execute();
  const sums = TRAFFIC_COUNTS.filter((name) => name !== 'latencyMaxMs').map(
    (name) => sql`${sql.id(name)} = ${sql.id(name)} + ${old[name]}`,
  );
  await sql`update endpoints set ${sql.join(sums)},
    "firstSeenMs" = case when "firstSeenMs" < ${old.firstSeenMs} then "firstSeenMs" else ${old.firstSeenMs} end,
    "latencyMaxMs" = case when "latencyMaxMs" > ${old.latencyMaxMs} then "latencyMaxMs" else ${old.latencyMaxMs} end
    where "id" = ${into}`.execute(db);
}
