/** The bulk writes of a commit: what each table takes, what makes a row unique, and how a second write of it merges. */
import { add, type BulkShape, larger, replace, smaller } from './bulk.js';
import { ENDPOINT_COLUMNS } from './endpoint-rows.js';
import { TRAFFIC_COUNTS } from './tables.js';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** A data type that was silent this long counts as new when it comes back. */
const RESUME_AFTER_MS = 7 * DAY_MS;

const addCounts = (table: string) =>
  TRAFFIC_COUNTS.map((name) => (name === 'latencyMaxMs' ? larger(table, name) : add(table, name))).join(', ');

export const SERVICES: BulkShape<'services'> = {
  table: 'services',
  columns: ['name', 'firstSeenMs', 'lastSeenMs', 'aboutJson'],
  key: ['name'],
  onConflict: `do update set ${smaller('services', 'firstSeenMs')}, ${larger('services', 'lastSeenMs')}, ${replace('aboutJson')}`,
};
export const ENDPOINTS: BulkShape<'endpoints'> = {
  table: 'endpoints',
  columns: ENDPOINT_COLUMNS,
  key: ['id'],
  onConflict: `do update set ${smaller('endpoints', 'firstSeenMs')}, ${larger('endpoints', 'lastSeenMs')}, "version" = "endpoints"."version" + 1, ${ENDPOINT_COLUMNS.filter(
    (column) => !['id', 'service', 'method', 'template', 'firstSeenMs', 'lastSeenMs', 'version'].includes(column),
  )
    .map(replace)
    .join(', ')}`,
};
export const MARKS: BulkShape<'endpoint_marks'> = {
  table: 'endpoint_marks',
  columns: ['kind', 'value', 'endpointId'],
  key: ['kind', 'value', 'endpointId'],
  onConflict: 'do nothing',
};
export const HISTORY: BulkShape<'endpoint_history'> = {
  table: 'endpoint_history',
  columns: ['id', 'endpointId', 'service', 'atMs', 'kind', 'text', 'beforeJson', 'afterJson'],
  key: ['id'],
  onConflict: 'do nothing',
};
export const ENDPOINT_COUNTERS: BulkShape<'endpoint_counters'> = {
  table: 'endpoint_counters',
  columns: ['endpointId', 'widthMs', 'bucketMs', ...TRAFFIC_COUNTS],
  key: ['endpointId', 'widthMs', 'bucketMs'],
  onConflict: `do update set ${addCounts('endpoint_counters')}`,
};
export const SERVICE_COUNTERS: BulkShape<'service_counters'> = {
  table: 'service_counters',
  columns: ['service', 'widthMs', 'bucketMs', ...TRAFFIC_COUNTS],
  key: ['service', 'widthMs', 'bucketMs'],
  onConflict: `do update set ${addCounts('service_counters')}`,
};
export const SIGHTINGS: BulkShape<'data_sightings'> = {
  table: 'data_sightings',
  columns: ['endpointId', 'phase', 'place', 'path', 'type', 'service', 'firstSeenMs', 'lastSeenMs', 'resumedMs', 'count', 'id'],
  key: ['endpointId', 'phase', 'place', 'path', 'type'],
  onConflict: `do update set ${add('data_sightings', 'count')}, ${smaller('data_sightings', 'firstSeenMs')}, ${larger('data_sightings', 'lastSeenMs')},
    "resumedMs" = case when excluded."firstSeenMs" - "data_sightings"."lastSeenMs" > ${RESUME_AFTER_MS} then excluded."firstSeenMs" else "data_sightings"."resumedMs" end`,
};
export const DATA_COUNTERS: BulkShape<'data_counters'> = {
  table: 'data_counters',
  columns: ['service', 'type', 'phase', 'dayMs', 'count'],
  key: ['service', 'type', 'phase', 'dayMs'],
  onConflict: `do update set ${add('data_counters', 'count')}`,
};
/** Engines do not know whom people watch. */
const KEEP_WATCHED = `"state" = case when actors."state" = 'watched' and excluded."state" = 'active' then 'watched' else excluded."state" end`;

export const ACTORS: BulkShape<'actors'> = {
  table: 'actors',
  columns: [
    'id',
    'kind',
    'value',
    'label',
    'firstSeenMs',
    'lastSeenMs',
    'score',
    'state',
    'requests',
    'errors',
    'blocked',
    'findings',
    'detailJson',
    'search',
  ],
  key: ['id'],
  onConflict: `do update set ${smaller('actors', 'firstSeenMs')}, ${larger('actors', 'lastSeenMs')}, ${['label', 'score', 'detailJson', 'search'].map(replace).join(', ')},
    ${KEEP_WATCHED},
    ${['requests', 'errors', 'blocked', 'findings'].map((column) => add('actors', column)).join(', ')}`,
};
export const ACTOR_EVENTS: BulkShape<'actor_events'> = {
  table: 'actor_events',
  columns: ['id', 'actorId', 'atMs', 'kind', 'endpointId', 'bodyJson'],
  key: ['id'],
  onConflict: 'do nothing',
};
export const ACTOR_LINKS: BulkShape<'actor_links'> = {
  table: 'actor_links',
  columns: ['principal', 'address', 'firstSeenMs', 'lastSeenMs', 'count'],
  key: ['principal', 'address'],
  onConflict: `do update set ${smaller('actor_links', 'firstSeenMs')}, ${larger('actor_links', 'lastSeenMs')}, ${add('actor_links', 'count')}`,
};
export const SAMPLES: BulkShape<'samples'> = {
  table: 'samples',
  columns: [
    'id',
    'requestId',
    'incidentId',
    'endpointId',
    'service',
    'method',
    'target',
    'status',
    'atMs',
    'actorId',
    'client',
    'action',
    'evidence',
    'bytes',
    'content',
    'sealed',
  ],
  key: ['id'],
  // The same exchange may be kept first as one of the recent and later as evidence.
  onConflict: `do update set "evidence" = case when excluded."evidence" > "samples"."evidence" then excluded."evidence" else "samples"."evidence" end,
    "sealed" = coalesce("samples"."sealed", excluded."sealed")`,
};
export const LEARNED: BulkShape<'learned_state'> = {
  table: 'learned_state',
  columns: ['scope', 'key', 'value', 'updatedMs'],
  key: ['scope', 'key'],
  onConflict: `do update set ${replace('value')}, ${replace('updatedMs')}`,
};
