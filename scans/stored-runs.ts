import { z } from 'zod';
import type { Scan, ScanRun, Store } from '../store/index.js';
import { selectTests } from './command.js';
import { endpointsOfStore } from './endpoints-of-store.js';
import { ScanError } from './errors.js';
import { findingOfResult } from './finding.js';
import type { LibraryEntry } from './library.js';
import { nameOf, proofOf } from './report.js';
import type { CallbackOptions } from './run/callback.js';
import { AUTH_KINDS, type AuthContext } from './run/identities.js';
import type { TestResult } from './run/runner.js';
import { DEFAULT_LIMITS, performScan } from './run/scan.js';

const WATCH_MS = 500;
const ROWS_AT_ONCE = 1_000;
const CALLBACK = { host: '127.0.0.1', port: 0, publicHost: '127.0.0.1' };

export interface ScannerPorts {
  readonly store: Pick<Store, 'scans' | 'objects' | 'inventory' | 'issues' | 'commit'>;
  /** First upstream of a service. */
  upstreamOf(service: string): string | null;
  /** Where a gateway of this weir takes requests for a service: a test that is run again must meet the policies. null: there is no gateway. */
  gatewayOf?(service: string): ScanTarget | null;
  /** Secrets of an auth context, opened. */
  openConfig(config: { readonly [name: string]: unknown }): { readonly [name: string]: unknown };
  /** Value of the header by which gateways of this weir know a request as ours. */
  mark?(runId: string, method: string, target: string): string;
  log(message: string): void;
  /** A run changed; the UI may want to look again. */
  changed?(runId: string): void;
}

/** `host` goes into the Host header where the address alone does not say which service is meant. */
export interface ScanTarget {
  readonly url: string;
  readonly host: string | null;
}

const definitionSchema = z.object({
  targetUrl: z.string().nullable().default(null),
  allowHosts: z.array(z.string()).default([]),
  endpoints: z
    .object({
      ids: z.array(z.string()).optional(),
      tag: z.string().optional(),
      search: z.string().optional(),
      changedOnly: z.boolean().optional(),
    })
    .default({}),
  authContexts: z.array(z.string()).default([]),
  categories: z.array(z.string()).default([]),
  tests: z.array(z.string()).default([]),
  intrusive: z.boolean().default(false),
  requestsPerSecond: z.number().positive().default(20),
  concurrency: z.number().int().positive().default(4),
  maxMinutes: z.number().positive().default(60),
  maxRequests: z.number().positive().default(100_000),
});

/** What a retest is about, kept in the progress of its run. */
const onlySchema = z.object({ only: z.object({ testId: z.string(), endpointId: z.string(), issueId: z.string() }) });
type Only = z.output<typeof onlySchema>['only'];
const liveKey = ({ test, sample }: TestResult): string => (test.runOnce ? test.id : `${test.id} ${sample.endpointId}`);

type ResultWrite = Parameters<Store['scans']['addResults']>[0][number];
const summaryName = (verdict: string) =>
  verdict === 'vulnerable' || verdict === 'safe' || verdict === 'skipped' ? verdict : ('errors' as const);

const authSchema = z.object({
  name: z.string(),
  service: z.string(),
  role: z.string().default(''),
  kind: z.enum(AUTH_KINDS),
  config: z.record(z.string(), z.unknown()).default({}),
});

/** Performs runs that lie in the store: what to test is read from there, results and issues are written there. */
export interface StoredRuns {
  /** Does what is left of a run. @throws WeirError when it cannot be made */
  perform(run: ScanRun, abort: AbortController): Promise<void>;
  /** False where a scan is about new and changed endpoints alone and there are none. */
  hasWork(scan: Scan): Promise<boolean>;
  /** An identity with its secrets opened. @throws ScanError */
  authContext(id: string): Promise<AuthContext & { readonly service: string }>;
}

/** `entries`: the tests as they are now. `callback`: how targets reach our listener; default: on loopback. */
export function storedRuns(ports: ScannerPorts, entries: () => readonly LibraryEntry[], callback: CallbackOptions = CALLBACK): StoredRuns {
  const { store, log } = ports;

  const authContext = async (id: string): Promise<AuthContext & { readonly service: string }> => {
    const object = await store.objects.get('auth-context', id);
    if (object === null) throw new ScanError('SCAN_OPTIONS', `there is no auth context ${id}`);
    const kept = authSchema.parse(object.body);
    return { ...kept, config: ports.openConfig(kept.config) };
  };

  /** The chosen identities; where none is chosen, those that were learned of the service. */
  const contextsOf = async (chosen: readonly string[], service: string) => {
    if (chosen.length > 0) return Promise.all(chosen.map(authContext));
    const { items } = await store.objects.list('auth-context');
    const learned = items.filter(({ body }) => {
      const kept = authSchema.safeParse(body).data;
      return kept?.kind === 'learned' && kept.service === service;
    });
    return Promise.all(learned.map(({ id }) => authContext(id)));
  };

  /** The scan whose identities and limits a single test is run again with: the latest of the service that has identities. */
  const scanBehind = async (service: string, only: Only): Promise<Scan | null> => {
    const { items } = await store.scans.list({ service }, { limit: 50, sort: '-updated' });
    const found = items.find((one) => definitionSchema.parse(one.definition).authContexts.length > 0) ?? items[0];
    if (found === undefined) return null;
    const definition = { ...definitionSchema.parse(found.definition), tests: [only.testId], categories: [] };
    const isIntrusive = entries().find((one) => one.id === only.testId)?.definition?.intrusive === true;
    return { ...found, definition: { ...definition, intrusive: definition.intrusive || isIntrusive } };
  };

  /** The endpoints of a scan; those that are new or changed since its last run, where it is about these. */
  const endpointsOf = async (scan: Scan, { endpoints: { changedOnly, ...choice } }: z.output<typeof definitionSchema>) => {
    const before = changedOnly ? (await store.scans.runs({ scanId: scan.id, state: 'finished' }, { limit: 1 })).items[0] : undefined;
    return endpointsOfStore(store, scan.service, { ...choice, ...(before === undefined ? {} : { sinceMs: before.startedMs }) });
  };

  const perform = async (scan: Scan, run: ScanRun, abort: AbortController, only: Only | null) => {
    const definition = definitionSchema.parse(scan.definition);
    const gateway = only === null ? null : (ports.gatewayOf?.(scan.service) ?? null);
    const targetUrl = gateway?.url ?? definition.targetUrl ?? ports.upstreamOf(scan.service);
    if (targetUrl === null)
      throw new ScanError('SCAN_OPTIONS', `the service "${scan.service}" has no upstream here: give the scan a target URL`);
    const { endpoints, chosen } = await endpointsOf(scan, definition);
    const tests = selectTests(entries(), definition.categories, definition.tests);
    const { done, summary } = await doneBefore(run.id);
    const pending: ResultWrite[] = [];
    const live = await liveIssues(scan.service, only);
    let progress = {
      ...(only === null ? {} : { only }),
      done: done.size,
      total: tests.length * (only === null ? (chosen?.size ?? endpoints.length) : 1),
      requests: 0,
      current: '',
    };
    let state: 'finished' | 'stopped' | 'paused' | 'handed-over' = 'finished';
    const save = async () => {
      while (pending.length > 0) await store.scans.addResults(pending.splice(0, ROWS_AT_ONCE));
      await store.scans.saveRun(run.id, { progress, summary });
    };
    const watch = setInterval(() => {
      void Promise.all([store.scans.run(run.id), save()])
        .then(([now]) => {
          if (now?.stopRequested) state = 'stopped';
          else if (now?.state === 'paused') state = 'paused';
          else return;
          abort.abort();
        })
        .catch((cause: unknown) => log(`scan ${run.id}: ${cause instanceof Error ? cause.message : String(cause)}`));
    }, WATCH_MS);
    abort.signal.addEventListener('abort', () => {
      if (state === 'finished') state = 'handed-over';
    });
    try {
      const outcome = await performScan({
        targetUrl,
        hostHeader: gateway?.host ?? null,
        service: scan.service,
        allowHosts: definition.allowHosts,
        endpoints,
        authContexts: await contextsOf(definition.authContexts, scan.service),
        tests,
        onlyEndpoints: only === null ? chosen : new Set([only.endpointId]),
        intrusive: definition.intrusive,
        limits: {
          ...DEFAULT_LIMITS,
          requestsPerSecond: definition.requestsPerSecond,
          concurrency: definition.concurrency,
          maxMinutes: definition.maxMinutes,
          maxRequests: definition.maxRequests,
        },
        callback,
        runId: run.id,
        ...(ports.mark === undefined ? {} : { mark: ports.mark }),
        done,
        signal: abort.signal,
        onProgress: (now) => {
          progress = { ...progress, ...now, done: done.size };
        },
        async onResult(result, key) {
          pending.push(await rowOf(result, run.id));
          const issueId = live.get(liveKey(result));
          if (result.verdict === 'safe' && issueId !== undefined) await settle(issueId, result, run.id, gateway !== null);
          done.add(key);
          summary[summaryName(result.verdict)]++;
        },
      }).catch((cause: unknown) => {
        // Stopped while it was logging in or reading lists.
        if (abort.signal.aborted) return null;
        throw cause;
      });
      const problem = outcome === null ? '' : outcome.problems.slice(0, 5).join('; ');
      if (outcome !== null) progress = { ...progress, requests: outcome.requests };
      if (state === 'finished') progress = { ...progress, done: done.size, total: done.size, current: '' };
      await save();
      if (state === 'finished' || state === 'stopped')
        await store.scans.saveRun(run.id, {
          state,
          finishedMs: Date.now(),
          summary: { ...summary, ...(problem === '' ? {} : { problem }) },
        });
    } finally {
      clearInterval(watch);
    }
  };

  /** Issues of scans that still want attention, by what would prove them fixed. */
  const liveIssues = async (service: string, only: Only | null): Promise<ReadonlyMap<string, string>> => {
    const found = new Map<string, string>();
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Store['issues']['list']>> = await store.issues.list(
        { service, kind: 'scan.vulnerability', status: ['open', 'reopened'] },
        { limit: 500, cursor },
      );
      for (const issue of page.items) {
        const testId = issue.source.replace(/^scan:/, '');
        if (only !== null && issue.id !== only.issueId) continue;
        const runsOnce = entries().find((one) => one.id === testId)?.definition?.runOnce === true;
        found.set(runsOnce ? testId : `${testId} ${issue.endpointId}`, issue.id);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found;
  };

  /** A later run proved it: the issue is fixed. It is reopened by the store when a test finds it again. */
  const settle = async (issueId: string, result: TestResult, runId: string, isThroughGateway: boolean) => {
    const where = isThroughGateway ? ' through the gateway, with its policies acting' : '';
    await store.issues.decide(issueId, {
      status: 'fixed',
      by: 'scan',
      reason: `${nameOf(result)} was run again${where} (run ${runId}) and gave no proof any more.`,
      atMs: Date.now(),
      untilMs: null,
    });
  };

  /** Files what was found at once; the row of the result is for the caller to store. */
  const rowOf = async (result: TestResult, runId: string): Promise<ResultWrite> => {
    const nowMs = Date.now();
    const { test, sample, verdict, severity } = result;
    if (verdict !== 'vulnerable')
      return {
        runId,
        testId: test.id,
        endpointId: sample.endpointId,
        verdict,
        severity,
        atMs: nowMs,
        issueId: null,
        body: proofOf(result),
      };
    const finding = findingOfResult(result, runId, nowMs);
    const { issues } = await store.commit({ batchIds: [`scan ${runId} ${test.id} ${sample.endpointId}`], nowMs, findings: [finding] });
    return {
      runId,
      testId: test.id,
      endpointId: sample.endpointId,
      verdict,
      severity,
      atMs: nowMs,
      issueId: issues[0]?.id ?? null,
      body: proofOf(result),
    };
  };

  /** What a run has done already: it goes on from there when it was paused, or when the process that ran it is gone. */
  const doneBefore = async (runId: string) => {
    const done = new Set<string>();
    const summary = { vulnerable: 0, safe: 0, skipped: 0, errors: 0 };
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Store['scans']['results']>> = await store.scans.results(runId, {}, { limit: 500, cursor });
      for (const { testId, endpointId, verdict } of page.items) {
        const runsOnce = entries().find((one) => one.id === testId)?.definition?.runOnce === true;
        done.add(runsOnce ? `${testId} /` : `${testId} ${endpointId}`);
        summary[summaryName(verdict)]++;
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    return { done, summary };
  };

  return {
    authContext,
    async hasWork(scan) {
      const definition = definitionSchema.safeParse(scan.definition).data;
      if (definition?.endpoints.changedOnly !== true) return true;
      return (await endpointsOf(scan, definition)).chosen?.size !== 0;
    },
    async perform(run, abort) {
      const only = onlySchema.safeParse(run.progress).data?.only ?? null;
      const scan = only === null ? await store.scans.get(run.scanId) : await scanBehind(run.service, only);
      if (scan === null) throw new ScanError('SCAN_OPTIONS', 'the scan was removed');
      await perform(scan, run, abort, only);
    },
  };
}
