import type { Kysely } from 'kysely';
import { type Page, type PageRequest, page, type Sorting } from './page.js';
import type { Tables } from './tables.js';
import type { Sample, SampleSummary } from './types.js';

export interface SampleFilter {
  readonly service?: string;
  readonly endpointId?: string;
  readonly actorId?: string;
  readonly sinceMs?: number;
  /** Up to and with this moment. */
  readonly untilMs?: number;
}

/** Kept exchanges: redacted, bounded per endpoint and in all (see `Retention`). */
export interface Samples {
  /** Sorts: at. */
  list(filter: SampleFilter, request: PageRequest): Promise<Page<SampleSummary>>;
  /** With content, newest first; for replays. */
  read(filter: SampleFilter, request: PageRequest): Promise<Page<Sample>>;
  /** By exchange id or request id. */
  get(id: string): Promise<Sample | null>;
  byIncident(incidentId: string): Promise<Sample | null>;
  /** Its sealed real values, where they were kept and are not forgotten yet. */
  sealed(id: string): Promise<Uint8Array | null>;
  /** Forgets all sealed real values; the redacted exchanges stay. Resolves with how many there were. */
  forgetSealed(): Promise<number>;
}

const SORTING: Sorting = { columns: { at: 'atMs' }, initial: '-at', id: 'id' };
const SUMMARY = [
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
] as const;

export function samplesOf(db: Kysely<Tables>): Samples {
  const filtered = (filter: SampleFilter) => {
    let query = db.selectFrom('samples');
    if (filter.service) query = query.where('service', '=', filter.service);
    if (filter.endpointId) query = query.where('endpointId', '=', filter.endpointId);
    if (filter.actorId) query = query.where('actorId', '=', filter.actorId);
    if (filter.sinceMs !== undefined) query = query.where('atMs', '>=', filter.sinceMs);
    if (filter.untilMs !== undefined) query = query.where('atMs', '<=', filter.untilMs);
    return query;
  };
  const one = async (column: 'id' | 'requestId' | 'incidentId', value: string): Promise<Sample | null> => {
    const row = await db
      .selectFrom('samples')
      .select([...SUMMARY, 'content'])
      .where(column, '=', value)
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? null : { ...row, evidence: row.evidence === 1 };
  };
  return {
    list: (filter, request) =>
      page(filtered(filter).select(SUMMARY), SORTING, request, (row) => ({ ...row, evidence: row.evidence === 1 })),
    read: (filter, request) =>
      page(filtered(filter).select([...SUMMARY, 'content']), SORTING, request, (row) => ({ ...row, evidence: row.evidence === 1 })),
    get: async (id) => (await one('id', id)) ?? (await one('requestId', id)),
    byIncident: (incidentId) => one('incidentId', incidentId),
    async sealed(id) {
      const row = await db.selectFrom('samples').select('sealed').where('id', '=', id).executeTakeFirst();
      return row?.sealed ?? null;
    },
    async forgetSealed() {
      const { numUpdatedRows } = await db
        .updateTable('samples')
        .set({ sealed: null })
        .where('sealed', 'is not', null)
        .executeTakeFirstOrThrow();
      return Number(numUpdatedRows);
    },
  };
}
