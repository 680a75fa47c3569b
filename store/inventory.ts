import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { Phase } from '../exchange/index.js';
import { changeOf, endpointOf, pointOf, summaryOf } from './endpoint-rows.js';
import { among, containing, type Page, type PageRequest, page, pageByIds, type Sorting, walked } from './page.js';
import { HOUR_MS, MINUTE_MS } from './shapes.js';
import type { Engine, Tables } from './tables.js';
import type { CounterPoint, DataSighting, Endpoint, EndpointChange, EndpointSummary, Json, Service } from './types.js';

export interface EndpointFilter {
  readonly service?: string;
  readonly method?: string;
  /** Part of method, template or service. */
  readonly search?: string;
  readonly access?: string;
  readonly tag?: string;
  readonly dataType?: string;
  readonly auth?: string;
  /** Name of a parameter or body field. */
  readonly field?: string;
  readonly firstSeenAfterMs?: number;
  readonly minRisk?: number;
}

export interface SightingFilter {
  readonly service?: string;
  readonly endpointId?: string;
  readonly type?: string;
  readonly phase?: Phase;
  /** First seen, or seen again after a week of silence, since then: "what does it leak that it did not leak last week". */
  readonly newSinceMs?: number;
}

export interface Inventory {
  services(): Promise<readonly Service[]>;
  /** Sorts: lastSeen, firstSeen, risk, requests, template. */
  list(filter: EndpointFilter, request: PageRequest): Promise<Page<EndpointSummary>>;
  get(id: string): Promise<Endpoint | null>;
  /** Endpoints of one service with their detail, for exports; in pages by template. */
  full(service: string, request: PageRequest): Promise<Page<Endpoint>>;
  /** Method and template of endpoints, for lists that know only their ids. */
  names(ids: readonly string[]): Promise<ReadonlyMap<string, { readonly method: string; readonly template: string }>>;
  count(filter: { readonly service?: string; readonly firstSeenAfterMs?: number }): Promise<number>;
  /** Sorts: at. */
  history(
    filter: { readonly endpointId?: string; readonly service?: string; readonly kind?: string },
    request: PageRequest,
  ): Promise<Page<EndpointChange>>;
  /** Sorts: firstSeen, lastSeen, resumed. */
  sightings(filter: SightingFilter, request: PageRequest): Promise<Page<DataSighting>>;
  /** Counts by data type and phase, of the days from `fromMs` on. */
  dataTotals(filter: {
    readonly service?: string;
    readonly fromMs: number;
  }): Promise<readonly { readonly type: string; readonly phase: Phase; readonly count: number }[]>;
  /** Minute points where they still exist, hour points before; summed to `stepMs` (a multiple of one minute). */
  endpointTraffic(endpointId: string, fromMs: number, toMs: number, stepMs: number): Promise<readonly CounterPoint[]>;
  serviceTraffic(service: string | null, fromMs: number, toMs: number, stepMs: number): Promise<readonly CounterPoint[]>;
  /** Hourly requests of many endpoints, for sparklines. */
  sparklines(
    endpointIds: readonly string[],
    fromMs: number,
  ): Promise<ReadonlyMap<string, readonly { readonly bucketMs: number; readonly requests: number }[]>>;
}

const ENDPOINT_SORTING: Sorting = {
  columns: { lastSeen: 'lastSeenMs', firstSeen: 'firstSeenMs', risk: 'risk', requests: 'requests', template: 'template' },
  initial: '-lastSeen',
  id: 'id',
};
/** Fewer have a rare mark or word than a walk would pass over. */
const FEW_ENDPOINTS = 5_000;
const HISTORY_SORTING: Sorting = { columns: { at: 'atMs' }, initial: '-at', id: 'id' };
const SIGHTING_SORTING: Sorting = {
  columns: { firstSeen: 'firstSeenMs', lastSeen: 'lastSeenMs', resumed: 'resumedMs' },
  initial: '-lastSeen',
  id: 'id',
};

export function inventoryOf(db: Kysely<Tables>, engine: Engine): Inventory {
  /** Endpoints with a mark where they are few, else null: then the list is walked, and each endpoint asked for the mark. */
  const fewWith = async (kind: string, value: string): Promise<readonly string[] | null> => {
    const rows = await db
      .selectFrom('endpoint_marks')
      .select('endpointId')
      .where('kind', '=', kind)
      .where('value', '=', value)
      .limit(FEW_ENDPOINTS + 1)
      .execute();
    return rows.length > FEW_ENDPOINTS ? null : rows.map((row) => row.endpointId);
  };

  /** The same for words of the search, which stand in an index of their own. */
  const fewWithWords = async (words: readonly string[]): Promise<readonly string[] | null> => {
    const rows = await withWords(db.selectFrom('endpoints'), words)
      .select('id')
      .limit(FEW_ENDPOINTS + 1)
      .execute();
    return rows.length > FEW_ENDPOINTS ? null : rows.map((row) => row.id);
  };

  const filtered = async (filter: EndpointFilter): Promise<SelectQueryBuilder<Tables, 'endpoints', object>> => {
    let query: SelectQueryBuilder<Tables, 'endpoints', object> = db.selectFrom('endpoints');
    if (filter.service) query = query.where(walked('service', [filter.service]));
    if (filter.method) query = query.where(walked('method', [filter.method.toUpperCase()]));
    if (filter.access) query = query.where(walked('access', [filter.access]));
    for (const [column, least] of [['risk', filter.minRisk] as const, ['firstSeenMs', filter.firstSeenAfterMs] as const])
      if (least !== undefined) query = query.where(sql<boolean>`coalesce(${sql.ref(column)}, null) >= ${least}`);
    const words = (filter.search ?? '').split(/\s+/).filter(Boolean);
    if (words.length > 0) {
      const few = await fewWithWords(words);
      query = few === null ? withWords(query, words) : query.where(among(engine, 'id', few));
    }
    const marks = { tag: filter.tag, data: filter.dataType, auth: filter.auth, field: filter.field };
    for (const [kind, given] of Object.entries(marks)) {
      if (!given) continue;
      const value = given.toLowerCase();
      const few = await fewWith(kind, value);
      if (few !== null) {
        query = query.where(among(engine, 'id', few));
        continue;
      }
      query = query.where(({ exists, selectFrom }) =>
        exists(
          selectFrom('endpoint_marks')
            .select('endpoint_marks.value')
            .where('endpoint_marks.kind', '=', kind)
            .where('endpoint_marks.value', '=', value)
            .whereRef('endpoint_marks.endpointId', '=', 'endpoints.id'),
        ),
      );
    }
    return query;
  };

  return {
    async services() {
      const rows = await db.selectFrom('services').selectAll().orderBy('name').execute();
      return rows.map(({ aboutJson, ...row }) => ({ ...row, about: JSON.parse(aboutJson) as { [key: string]: Json } }));
    },
    async list(filter, request) {
      const rows = (ids: readonly string[]) =>
        db
          .selectFrom('endpoints')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute();
      return pageByIds(await filtered(filter), ENDPOINT_SORTING, request, rows, summaryOf);
    },
    async get(id) {
      const row = await db.selectFrom('endpoints').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : endpointOf(row);
    },
    full: (service, request) =>
      page(
        db.selectFrom('endpoints').selectAll().where('service', '=', service),
        ENDPOINT_SORTING,
        { sort: 'template', ...request },
        endpointOf,
      ),
    async names(ids) {
      if (ids.length === 0) return new Map();
      const rows = await db
        .selectFrom('endpoints')
        .select(['id', 'method', 'template'])
        .where('id', 'in', [...new Set(ids)])
        .execute();
      return new Map(rows.map(({ id, method, template }) => [id, { method, template }]));
    },
    async count(filter) {
      let query = db.selectFrom('endpoints');
      if (filter.service) query = query.where('service', '=', filter.service);
      if (filter.firstSeenAfterMs !== undefined) query = query.where('firstSeenMs', '>=', filter.firstSeenAfterMs);
      const row = await query.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
      return Number(row.count);
    },
    history(filter, request) {
      let query = db.selectFrom('endpoint_history').selectAll();
      if (filter.endpointId) query = query.where('endpointId', '=', filter.endpointId);
      if (filter.service) query = query.where('service', '=', filter.service);
      if (filter.kind) query = query.where('kind', '=', filter.kind);
      return page(query, HISTORY_SORTING, request, changeOf);
    },
    sightings(filter, request) {
      let query = db.selectFrom('data_sightings').selectAll();
      if (filter.service) query = query.where('service', '=', filter.service);
      if (filter.endpointId) query = query.where('endpointId', '=', filter.endpointId);
      if (filter.type) query = query.where('type', '=', filter.type);
      if (filter.phase) query = query.where('phase', '=', filter.phase);
      if (filter.newSinceMs !== undefined) query = query.where('resumedMs', '>=', filter.newSinceMs);
      return page(query, SIGHTING_SORTING, request, (row) => ({ ...row, phase: row.phase as Phase }));
    },
    async dataTotals(filter) {
      let query = db.selectFrom('data_counters').where('dayMs', '>', filter.fromMs - 24 * HOUR_MS);
      if (filter.service) query = query.where('service', '=', filter.service);
      const rows = await query
        .select(['type', 'phase', ({ fn }) => fn.sum<number>('count').as('count')])
        .groupBy(['type', 'phase'])
        .orderBy('count', 'desc')
        .execute();
      return rows.map((row) => ({ type: row.type, phase: row.phase as Phase, count: Number(row.count) }));
    },
    async endpointTraffic(endpointId, fromMs, toMs, stepMs) {
      const rows = await db
        .selectFrom('endpoint_counters')
        .selectAll()
        .where('endpointId', '=', endpointId)
        .where('widthMs', 'in', [MINUTE_MS, HOUR_MS])
        .where('bucketMs', '>=', fromMs)
        .where('bucketMs', '<', toMs)
        .execute();
      return stepped(rows.map(pointOf), stepMs);
    },
    async serviceTraffic(service, fromMs, toMs, stepMs) {
      let query = db
        .selectFrom('service_counters')
        .selectAll()
        .where('widthMs', 'in', [MINUTE_MS, HOUR_MS])
        .where('bucketMs', '>=', fromMs)
        .where('bucketMs', '<', toMs);
      if (service !== null) query = query.where('service', '=', service);
      return stepped((await query.execute()).map(pointOf), stepMs);
    },
    async sparklines(endpointIds, fromMs) {
      const lines = new Map<string, { bucketMs: number; requests: number }[]>(endpointIds.map((id) => [id, []]));
      if (endpointIds.length === 0) return lines;
      const rows = await db
        .selectFrom('endpoint_counters')
        .select(['endpointId', 'bucketMs', 'requests'])
        .where('endpointId', 'in', [...endpointIds])
        .where('widthMs', 'in', [MINUTE_MS, HOUR_MS])
        .where('bucketMs', '>=', fromMs)
        .orderBy('bucketMs')
        .execute();
      for (const row of rows) {
        const line = lines.get(row.endpointId)!;
        const bucketMs = Math.floor(row.bucketMs / HOUR_MS) * HOUR_MS;
        const last = line.at(-1);
        if (last?.bucketMs === bucketMs) last.requests += row.requests;
        else line.push({ bucketMs, requests: row.requests });
      }
      return lines;
    },
  };
}

const withWords = <O>(query: SelectQueryBuilder<Tables, 'endpoints', O>, words: readonly string[]) =>
  words.reduce((narrower, word) => narrower.where(sql<boolean>`${sql.ref('search')} like ${containing(word)} escape '\\'`), query);

/** Sums points to buckets of `stepMs`, in order of time. Empty buckets are left out. */
function stepped(points: readonly CounterPoint[], stepMs: number): readonly CounterPoint[] {
  const buckets = new Map<number, CounterPoint>();
  for (const point of points) {
    const bucketMs = Math.floor(point.bucketMs / stepMs) * stepMs;
    const sum = buckets.get(bucketMs);
    buckets.set(bucketMs, sum === undefined ? { ...point, bucketMs } : added(sum, point));
  }
  return [...buckets.values()].sort((a, b) => a.bucketMs - b.bucketMs);
}

function added(a: CounterPoint, b: CounterPoint): CounterPoint {
  return {
    bucketMs: a.bucketMs,
    requests: a.requests + b.requests,
    status2xx: a.status2xx + b.status2xx,
    status3xx: a.status3xx + b.status3xx,
    status4xx: a.status4xx + b.status4xx,
    status5xx: a.status5xx + b.status5xx,
    failed: a.failed + b.failed,
    blocked: a.blocked + b.blocked,
    wouldBlock: a.wouldBlock + b.wouldBlock,
    unmatched: a.unmatched + b.unmatched,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    latencySumMs: a.latencySumMs + b.latencySumMs,
    latencyMaxMs: Math.max(a.latencyMaxMs, b.latencyMaxMs),
  };
}
