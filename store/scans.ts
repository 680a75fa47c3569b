import type { Kysely } from 'kysely';
import { newId, SEVERITIES, type Severity, severityRank } from '../exchange/index.js';
import { parsed } from './endpoint-rows.js';
import { StoreError } from './errors.js';
import { type Page, type PageRequest, page, type Sorting } from './page.js';
import type { Tables } from './tables.js';

/** What to run and when. `definition` belongs to the scanner. `cron` is empty for scans that are started by hand. */
export interface Scan {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** JSON. */
  readonly definition: unknown;
  readonly cron: string;
  /** IANA zone of the cron expression. */
  readonly zone: string;
  readonly enabled: boolean;
  readonly nextRunMs: number | null;
  readonly createdMs: number;
  readonly createdBy: string;
  readonly updatedMs: number;
  readonly version: number;
}

export type RunState = 'queued' | 'running' | 'paused' | 'finished' | 'stopped' | 'failed';

export interface ScanRun {
  readonly id: string;
  readonly scanId: string;
  readonly service: string;
  readonly state: RunState;
  readonly trigger: 'schedule' | 'person' | 'deploy' | 'retest';
  readonly startedMs: number;
  readonly finishedMs: number | null;
  readonly stopRequested: boolean;
  /** JSON. */
  readonly progress: unknown;
  /** JSON. */
  readonly summary: unknown;
}

/** Outcome of one test on one endpoint. `body` holds the proof: exchanges and the sentence why. */
export interface ScanResult {
  readonly id: string;
  readonly runId: string;
  readonly testId: string;
  readonly endpointId: string;
  readonly verdict: string;
  readonly severity: Severity;
  readonly atMs: number;
  readonly issueId: string | null;
  /** JSON. */
  readonly body: unknown;
}

export interface Scans {
  /** Sorts: name, updated. */
  list(filter: { readonly service?: string }, request: PageRequest): Promise<Page<Scan>>;
  get(id: string): Promise<Scan | null>;
  add(scan: Omit<Scan, 'id' | 'version' | 'updatedMs'>): Promise<Scan>;
  /** @throws StoreError STORE_NOT_FOUND, STORE_CONFLICT */
  change(
    id: string,
    change: Partial<Omit<Scan, 'id' | 'version' | 'createdMs' | 'createdBy'>> & { readonly updatedMs: number },
    expectedVersion?: number,
  ): Promise<Scan>;
  remove(id: string): Promise<boolean>;
  /** Enabled scans whose next run is due. */
  due(nowMs: number): Promise<readonly Scan[]>;

  /** Sorts: started. */
  runs(
    filter: { readonly scanId?: string; readonly service?: string; readonly state?: RunState },
    request: PageRequest,
  ): Promise<Page<ScanRun>>;
  run(id: string): Promise<ScanRun | null>;
  startRun(run: Pick<ScanRun, 'scanId' | 'service' | 'trigger' | 'startedMs'>): Promise<ScanRun>;
  saveRun(
    id: string,
    change: Partial<Pick<ScanRun, 'state' | 'finishedMs' | 'stopRequested' | 'progress' | 'summary'>> & {
      readonly checkpoint?: Uint8Array | null;
    },
  ): Promise<void>;
  checkpoint(runId: string): Promise<Uint8Array | null>;

  addResults(results: readonly Omit<ScanResult, 'id'>[]): Promise<void>;
  /** Sorts: severity, at. */
  results(
    runId: string,
    filter: { readonly verdict?: string; readonly testId?: string; readonly endpointId?: string },
    request: PageRequest,
  ): Promise<Page<ScanResult>>;

  /** What scans found out about one endpoint, over all runs. Sorts: at. */
  resultsOf(endpointId: string, request: PageRequest & { readonly verdict?: string }): Promise<Page<ScanResult>>;

  /**
   * Takes or extends a lease: exactly one holder runs the schedule. The term rises with each new holder, so that one that lost its lease
   * without noticing can be told from the present one.
   *
   * @returns the term, or null while another holds it
   */
  lease(name: string, holder: string, ttlMs: number, nowMs: number): Promise<number | null>;
  release(name: string, holder: string): Promise<void>;
}

const SCAN_SORTING: Sorting = { columns: { name: 'name', updated: 'updatedMs' }, initial: '-updated', id: 'id' };
const RUN_SORTING: Sorting = { columns: { started: 'startedMs' }, initial: '-started', id: 'id' };
const RESULT_SORTING: Sorting = { columns: { severity: 'severity', at: 'atMs' }, initial: '-severity', id: 'id' };
const RUN_COLUMNS = [
  'id',
  'scanId',
  'service',
  'state',
  'trigger',
  'startedMs',
  'finishedMs',
  'stopRequested',
  'progressJson',
  'summaryJson',
] as const;

const scanOf = ({ definitionJson, ...row }: Tables['scans']): Scan => ({
  ...row,
  enabled: row.enabled === 1,
  definition: parsed(definitionJson),
});
const runOf = ({ progressJson, summaryJson, ...row }: Omit<Tables['scan_runs'], 'checkpoint'>): ScanRun => ({
  ...row,
  state: row.state as RunState,
  trigger: row.trigger as ScanRun['trigger'],
  stopRequested: row.stopRequested === 1,
  progress: parsed(progressJson),
  summary: parsed(summaryJson),
});
const resultOf = ({ bodyJson, ...row }: Tables['scan_results']): ScanResult => ({
  ...row,
  severity: SEVERITIES[row.severity]!,
  body: parsed(bodyJson),
});

export function scansOf(db: Kysely<Tables>): Scans {
  const get = async (id: string) => {
    const row = await db.selectFrom('scans').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : scanOf(row);
  };
  return {
    list(filter, request) {
      let query = db.selectFrom('scans').selectAll();
      if (filter.service) query = query.where('service', '=', filter.service);
      return page(query, SCAN_SORTING, request, scanOf);
    },
    get,
    async add({ definition, enabled, ...scan }) {
      const row = {
        id: newId(scan.createdMs),
        ...scan,
        definitionJson: JSON.stringify(definition),
        enabled: Number(enabled),
        updatedMs: scan.createdMs,
        version: 1,
      };
      await db.insertInto('scans').values(row).execute();
      return scanOf(row);
    },
    async change(id, { definition, enabled, ...change }, expectedVersion) {
      let query = db
        .updateTable('scans')
        .set((update) => ({
          ...change,
          ...(definition === undefined ? {} : { definitionJson: JSON.stringify(definition) }),
          ...(enabled === undefined ? {} : { enabled: Number(enabled) }),
          version: update('version', '+', 1),
        }))
        .where('id', '=', id);
      if (expectedVersion !== undefined) query = query.where('version', '=', expectedVersion);
      const row = await query.returningAll().executeTakeFirst();
      if (row !== undefined) return scanOf(row);
      const present = await get(id);
      if (present === null) throw new StoreError('STORE_NOT_FOUND', `there is no scan ${id}`);
      throw new StoreError(
        'STORE_CONFLICT',
        `scan ${id} is at version ${present.version}, the change was made for version ${expectedVersion}`,
      );
    },
    async remove(id) {
      return (await db.deleteFrom('scans').where('id', '=', id).executeTakeFirst()).numDeletedRows > 0n;
    },
    async due(nowMs) {
      return (
        await db.selectFrom('scans').selectAll().where('enabled', '=', 1).where('nextRunMs', '<=', nowMs).orderBy('nextRunMs').execute()
      ).map(scanOf);
    },

    runs(filter, request) {
      let query = db.selectFrom('scan_runs').select(RUN_COLUMNS);
      for (const column of ['scanId', 'service', 'state'] as const) {
        const value = filter[column];
        if (value) query = query.where(column, '=', value);
      }
      return page(query, RUN_SORTING, request, runOf);
    },
    async run(id) {
      const row = await db.selectFrom('scan_runs').select(RUN_COLUMNS).where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : runOf(row);
    },
    async startRun(run) {
      const row = {
        id: newId(run.startedMs),
        ...run,
        state: 'queued',
        finishedMs: null,
        stopRequested: 0,
        progressJson: '{}',
        summaryJson: '{}',
        checkpoint: null,
      };
      await db.insertInto('scan_runs').values(row).execute();
      const { checkpoint: _checkpoint, ...shown } = row;
      return runOf(shown);
    },
    async saveRun(id, { progress, summary, stopRequested, ...change }) {
      await db
        .updateTable('scan_runs')
        .set({
          ...change,
          ...(progress === undefined ? {} : { progressJson: JSON.stringify(progress) }),
          ...(summary === undefined ? {} : { summaryJson: JSON.stringify(summary) }),
          ...(stopRequested === undefined ? {} : { stopRequested: Number(stopRequested) }),
        })
        .where('id', '=', id)
        .execute();
    },
    async checkpoint(runId) {
      const row = await db.selectFrom('scan_runs').select('checkpoint').where('id', '=', runId).executeTakeFirst();
      return row?.checkpoint ?? null;
    },

    async addResults(results) {
      if (results.length === 0) return;
      await db
        .insertInto('scan_results')
        .values(
          results.map(({ body, severity, ...result }) => ({
            id: newId(result.atMs),
            ...result,
            severity: severityRank(severity),
            bodyJson: JSON.stringify(body),
          })),
        )
        .execute();
    },
    results(runId, filter, request) {
      let query = db.selectFrom('scan_results').selectAll().where('runId', '=', runId);
      for (const column of ['verdict', 'testId', 'endpointId'] as const) {
        const value = filter[column];
        if (value) query = query.where(column, '=', value);
      }
      return page(query, RESULT_SORTING, request, resultOf);
    },

    resultsOf: (endpointId, { verdict, ...request }) =>
      page(
        db
          .selectFrom('scan_results')
          .selectAll()
          .where('endpointId', '=', endpointId)
          .$if(verdict !== undefined, (query) => query.where('verdict', '=', verdict!)),
        { columns: { at: 'atMs' }, initial: '-at', id: 'id' },
        request,
        resultOf,
      ),

    async lease(name, holder, ttlMs, nowMs) {
      const row = await db
        .insertInto('leases')
        .values({ name, holder, expiresMs: nowMs + ttlMs, term: 1 })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet((update) => ({
              holder,
              expiresMs: nowMs + ttlMs,
              term: update
                .case()
                .when('leases.holder', '=', holder)
                .then(update.ref('leases.term'))
                .else(update('leases.term', '+', 1))
                .end(),
            }))
            .where((where) => where.or([where('leases.holder', '=', holder), where('leases.expiresMs', '<=', nowMs)])),
        )
        .returning('term')
        .executeTakeFirst();
      return row?.term ?? null;
    },
    async release(name, holder) {
      await db.updateTable('leases').set({ expiresMs: 0 }).where('name', '=', name).where('holder', '=', holder).execute();
    },
  };
}
