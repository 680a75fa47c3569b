import { Cron } from 'croner';
import { z } from 'zod';
import { newId, SourceError, WeirError } from '../exchange/index.js';
import type { Scan, ScanRun, Store } from '../store/index.js';
import { selectTests } from './command.js';
import { endpointsOfStore } from './endpoints-of-store.js';
import { ScanError } from './errors.js';
import { findingOfResult } from './finding.js';
import { compileTest } from './language/compile.js';
import { entryOf, type LibraryEntry, readLibrary } from './library.js';
import { proofOf } from './report.js';
import { guardFor } from './run/guard.js';
import { AUTH_KINDS, type AuthContext, logIn } from './run/identities.js';
import type { TestResult } from './run/runner.js';
import { certificatesOf, DEFAULT_LIMITS, performScan } from './run/scan.js';
import { createWire } from './run/wire.js';

const LEASE = 'scans';
const LEASE_MS = 10_000;
const TURN_MS = 1_000;
const WATCH_MS = 500;
const ROWS_AT_ONCE = 1_000;
const CALLBACK = { host: '127.0.0.1', port: 0, publicHost: '127.0.0.1' };

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

export interface ScannerOptions {
  /** Names this process in the lease. */
  readonly holder: string;
  /** How long a holder may be silent before another takes its runs; default 10 s. */
  readonly leaseMs?: number;
  /** Folders of further tests. */
  readonly folders?: readonly string[];
  /** How the target reaches our callback listener; default: on loopback. */
  readonly callback?: { readonly host: string; readonly port: number; readonly publicHost: string };
}

export interface TestView {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly subCategory: string;
  readonly severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
  readonly owasp: string;
  readonly cwe: string;
  readonly description: string;
  readonly remediation: string;
  readonly references: readonly string[];
  readonly tags: readonly string[];
  readonly intrusive: boolean;
  readonly origin: 'library' | 'folder' | 'ui';
  readonly file: string;
  readonly enabled: boolean;
  readonly problem: string | null;
}

/** The scanner of an admin process: what ScansPort of the admin asks, and the schedule. */
export interface Scanner {
  tests(): readonly TestView[];
  testText(id: string): string | null;
  checkTest(text: string): {
    readonly ok: boolean;
    readonly problems: readonly {
      readonly severity: 'error';
      readonly code: string;
      readonly message: string;
      readonly line: number;
      readonly column: number;
    }[];
  };
  publishTests(tests: readonly { readonly id: string; readonly text: string | null; readonly enabled: boolean }[]): Promise<void>;
  wake(): void;
  checkAuthContext(id: string): Promise<{ readonly ok: boolean; readonly text: string }>;
  /** Stops taking runs and leaves what runs where it is: another admin, or the next start, goes on with it. */
  close(): Promise<void>;
}

/** Next time of a cron expression after `afterMs`; null when there is none. Times that daylight saving skips move to the next one that exists. */
export const nextRun = (cron: string, zone: string, afterMs: number): number | null =>
  new Cron(cron, { timezone: zone, paused: true }).nextRun(new Date(afterMs))?.getTime() ?? null;

/** Reads the library and starts the schedule. Of several admins on one store exactly one, the holder of the lease, runs scans. */
export async function createScanner(options: ScannerOptions, ports: ScannerPorts): Promise<Scanner> {
  const { store, log } = ports;
  const files = await readLibrary(options.folders);
  let entries: readonly LibraryEntry[] = files;
  const active = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  let closed = false;
  let turning: Promise<void> | null = null;
  let again = false;

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

  const turn = async () => {
    const nowMs = Date.now();
    if ((await store.scans.lease(LEASE, options.holder, options.leaseMs ?? LEASE_MS, nowMs)) === null) {
      for (const { abort } of active.values()) abort.abort();
      return;
    }
    for (const scan of await store.scans.due(nowMs)) {
      // One run for all times that were missed; none while the last is still going.
      const going = await unfinished(scan.id);
      if (!going) await store.scans.startRun({ scanId: scan.id, service: scan.service, trigger: 'schedule', startedMs: nowMs });
      const nextRunMs = scan.cron === '' ? null : nextRun(scan.cron, scan.zone, nowMs);
      await store.scans.change(scan.id, { nextRunMs, updatedMs: nowMs });
    }
    // `running` here and not ours: its holder is gone, and we go on where it was.
    for (const state of ['queued', 'running'] as const)
      for (const run of (await store.scans.runs({ state }, { limit: 50 })).items) if (!active.has(run.id) && !closed) start(run);
  };
  const unfinished = async (scanId: string) => {
    const { items } = await store.scans.runs({ scanId }, { limit: 20 });
    return items.some((run) => run.state === 'queued' || run.state === 'running' || run.state === 'paused');
  };
  const start = (run: ScanRun) => {
    const abort = new AbortController();
    const done = execute(run, abort).finally(() => active.delete(run.id));
    active.set(run.id, { abort, done });
  };
  const execute = async (run: ScanRun, abort: AbortController) => {
    try {
      await store.scans.saveRun(run.id, { state: 'running' });
      const only = onlySchema.safeParse(run.progress).data?.only ?? null;
      const scan = only === null ? await store.scans.get(run.scanId) : await scanBehind(run.service, only);
      if (scan === null) throw new ScanError('SCAN_OPTIONS', 'the scan was removed');
      await perform(scan, run, abort, only);
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      if (!(cause instanceof WeirError)) log(`scan ${run.id}: ${problem}`);
      await store.scans.saveRun(run.id, { state: 'failed', finishedMs: Date.now(), summary: { problem } }).catch(() => undefined);
    }
    ports.changed?.(run.id);
  };

  /** The scan whose identities and limits a single test is run again with: the latest of the service that has identities. */
  const scanBehind = async (service: string, only: Only): Promise<Scan | null> => {
    const { items } = await store.scans.list({ service }, { limit: 50, sort: '-updated' });
    const found = items.find((one) => definitionSchema.parse(one.definition).authContexts.length > 0) ?? items[0];
    if (found === undefined) return null;
    const definition = { ...definitionSchema.parse(found.definition), tests: [only.testId], categories: [] };
    const isIntrusive = entries.find((one) => one.id === only.testId)?.definition?.intrusive === true;
    return { ...found, definition: { ...definition, intrusive: definition.intrusive || isIntrusive } };
  };

  const perform = async (scan: Scan, run: ScanRun, abort: AbortController, only: Only | null) => {
    const definition = definitionSchema.parse(scan.definition);
    const gateway = only === null ? null : (ports.gatewayOf?.(scan.service) ?? null);
    const targetUrl = gateway?.url ?? definition.targetUrl ?? ports.upstreamOf(scan.service);
    if (targetUrl === null)
      throw new ScanError('SCAN_OPTIONS', `the service "${scan.service}" has no upstream here: give the scan a target URL`);
    const { changedOnly, ...choice } = definition.endpoints;
    const before = (await store.scans.runs({ scanId: scan.id, state: 'finished' }, { limit: 1 })).items[0];
    const endpoints = await endpointsOfStore(store, scan.service, {
      ...choice,
      ...(changedOnly && before !== undefined ? { sinceMs: before.startedMs } : {}),
    });
    const tests = selectTests(entries, definition.categories, definition.tests);
    const { done, summary } = await doneBefore(run.id);
    const pending: ResultWrite[] = [];
    const live = await liveIssues(scan.service, only);
    let progress = {
      ...(only === null ? {} : { only }),
      done: done.size,
      total: tests.length * endpoints.length,
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
        ...(only === null ? {} : { onlyEndpoint: only.endpointId }),
        intrusive: definition.intrusive,
        limits: {
          ...DEFAULT_LIMITS,
          requestsPerSecond: definition.requestsPerSecond,
          concurrency: definition.concurrency,
          maxMinutes: definition.maxMinutes,
          maxRequests: definition.maxRequests,
        },
        callback: options.callback ?? CALLBACK,
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
        const runsOnce = entries.find((one) => one.id === testId)?.definition?.runOnce === true;
        found.set(runsOnce ? testId : `${testId} ${issue.endpointId}`, issue.id);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found;
  };

  /** A later run proved it: the issue is fixed. It is reopened by the store when a test finds it again. */
  const settle = async (issueId: string, { test }: TestResult, runId: string, isThroughGateway: boolean) => {
    const where = isThroughGateway ? ' through the gateway, with its policies acting' : '';
    await store.issues.decide(issueId, {
      status: 'fixed',
      by: 'scan',
      reason: `${test.id} was run again${where} (run ${runId}) and gave no proof any more.`,
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
        const runsOnce = entries.find((one) => one.id === testId)?.definition?.runOnce === true;
        done.add(runsOnce ? `${testId} /` : `${testId} ${endpointId}`);
        summary[summaryName(verdict)]++;
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    return { done, summary };
  };

  const wake = () => {
    if (closed) return;
    if (turning !== null) {
      again = true;
      return;
    }
    turning = turn()
      .catch((cause: unknown) => log(`scan schedule: ${cause instanceof Error ? cause.message : String(cause)}`))
      .finally(() => {
        turning = null;
        if (!again) return;
        again = false;
        wake();
      });
  };
  const timer = setInterval(wake, Math.min(TURN_MS, (options.leaseMs ?? LEASE_MS) / 3));
  wake();

  return {
    tests: () => entries.map(viewOf),
    testText: (id) => entries.find((one) => one.id === id)?.text ?? null,
    checkTest(text) {
      try {
        compileTest(text, 'test.yaml');
        return { ok: true, problems: [] };
      } catch (cause) {
        if (!(cause instanceof SourceError)) throw cause;
        const { code, message, line, column } = cause;
        return { ok: false, problems: [{ severity: 'error', code, message, line, column }] };
      }
    },
    async publishTests(tests) {
      const next = new Map(files.map((entry) => [entry.id, entry]));
      for (const { id, text, enabled } of tests) {
        const present = next.get(id);
        if (text !== null) next.set(id, { ...entryOf(text, id, 'ui', enabled), id });
        else if (present !== undefined) next.set(id, { ...present, enabled: enabled && present.definition !== null });
      }
      entries = [...next.values()];
    },
    wake,
    async checkAuthContext(id) {
      const context = await authContext(id);
      const targetUrl = ports.upstreamOf(context.service);
      if (targetUrl === null) return { ok: false, text: `the service "${context.service}" has no upstream here` };
      const guard = guardFor(targetUrl, [], {
        connections: 1,
        timeoutMs: DEFAULT_LIMITS.timeoutMs,
        certificates: certificatesOf([context]),
      });
      const wire = createWire({
        guard,
        mark: (method, target) => ports.mark?.(newId(), method, target) ?? 'check',
        signal: AbortSignal.timeout(DEFAULT_LIMITS.timeoutMs),
        ...DEFAULT_LIMITS,
      });
      try {
        await logIn(context, targetUrl, (request) => wire.send(request));
        return {
          ok: true,
          text:
            context.kind === 'login' || context.kind === 'oauth2' ? 'logged in' : 'nothing to log in: the credentials are sent as they are',
        };
      } catch (cause) {
        return { ok: false, text: cause instanceof Error ? cause.message : String(cause) };
      } finally {
        await guard.close();
      }
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await turning;
      for (const { abort } of active.values()) abort.abort();
      await Promise.all([...active.values()].map(({ done }) => done));
      await store.scans.release(LEASE, options.holder);
    },
  };
}

const viewOf = ({ id, origin, file, enabled, definition, problem }: LibraryEntry): TestView => ({
  id,
  name: definition?.name ?? id,
  category: definition?.category ?? '',
  subCategory: definition?.subCategory ?? '',
  severity: definition?.severity ?? 'info',
  owasp: definition?.owasp ?? '',
  cwe: definition?.cwe[0] ?? '',
  description: definition?.description ?? '',
  remediation: definition?.remediation ?? '',
  references: definition?.references ?? [],
  tags: definition?.tags ?? [],
  intrusive: definition?.intrusive ?? false,
  origin,
  file,
  enabled,
  problem,
});
