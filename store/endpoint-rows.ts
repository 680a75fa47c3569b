import type { EndpointRow, Tables } from './tables.js';
import { NO_TRAFFIC, TRAFFIC_COUNTS, type TrafficCounts } from './tables.js';
import type { AccessType, CounterPoint, Endpoint, EndpointChange, EndpointDetail, EndpointSummary, EndpointWrite, Json } from './types.js';

/** Columns that learning writes; the traffic counts are added up apart. */
export const ENDPOINT_COLUMNS = [
  'id',
  'service',
  'method',
  'template',
  'firstSeenMs',
  'lastSeenMs',
  'access',
  'authRequired',
  'risk',
  'authJson',
  'tagsJson',
  'dataTypesJson',
  'fieldsJson',
  'riskReasonsJson',
  'detailJson',
  'search',
  'updatedMs',
  'version',
] as const satisfies readonly (keyof EndpointRow)[];

export function endpointRow(write: EndpointWrite, nowMs: number): Omit<EndpointRow, keyof TrafficCounts> {
  const { ref } = write;
  return {
    id: ref.id,
    service: ref.service,
    method: ref.method,
    template: ref.template,
    firstSeenMs: write.firstSeenMs,
    lastSeenMs: write.lastSeenMs,
    access: write.access,
    authRequired: write.authRequired === null ? null : Number(write.authRequired),
    risk: Math.round(write.risk),
    authJson: JSON.stringify(write.auth),
    tagsJson: JSON.stringify(write.tags),
    dataTypesJson: JSON.stringify(write.dataTypes),
    fieldsJson: JSON.stringify(write.fields),
    riskReasonsJson: JSON.stringify(write.riskReasons),
    detailJson: JSON.stringify(write.detail),
    search: [ref.method, ref.template, ref.service].join(' ').toLowerCase(),
    updatedMs: nowMs,
    version: 1,
  };
}

/** What endpoints can be found by, beside their columns: one row a value, so that a filter is an index look-up. */
export function markRows(write: EndpointWrite): readonly Tables['endpoint_marks'][] {
  const rows = (kind: string, values: readonly string[]) =>
    [...new Set(values)].map((value) => ({ kind, value: value.toLowerCase(), endpointId: write.ref.id }));
  return [...rows('tag', write.tags), ...rows('data', write.dataTypes), ...rows('auth', write.auth), ...rows('field', write.fields)];
}

export function countsOf(row: TrafficCounts): TrafficCounts {
  const counts = { ...NO_TRAFFIC };
  for (const name of TRAFFIC_COUNTS) counts[name] = row[name];
  return counts;
}

export const pointOf = (row: TrafficCounts & { bucketMs: number }): CounterPoint => ({ bucketMs: row.bucketMs, ...countsOf(row) });

export function summaryOf(row: Omit<EndpointRow, 'detailJson' | 'fieldsJson' | 'search' | 'updatedMs'>): EndpointSummary {
  return {
    id: row.id,
    service: row.service,
    method: row.method,
    template: row.template,
    firstSeenMs: row.firstSeenMs,
    lastSeenMs: row.lastSeenMs,
    access: row.access as AccessType,
    authRequired: row.authRequired === null ? null : row.authRequired === 1,
    auth: JSON.parse(row.authJson) as string[],
    tags: JSON.parse(row.tagsJson) as string[],
    dataTypes: JSON.parse(row.dataTypesJson) as string[],
    risk: row.risk,
    riskReasons: JSON.parse(row.riskReasonsJson) as string[],
    counts: countsOf(row),
    version: row.version,
  };
}

export const endpointOf = (row: EndpointRow): Endpoint => ({ ...summaryOf(row), detail: JSON.parse(row.detailJson) as EndpointDetail });

export function changeOf(row: Tables['endpoint_history']): EndpointChange {
  const { beforeJson, afterJson, ...rest } = row;
  return { ...rest, before: parsed(beforeJson), after: parsed(afterJson) };
}

export const parsed = (text: string | null): Json => (text === null ? null : (JSON.parse(text) as Json));
