import { Cron } from 'croner';
import { z } from 'zod';
import type { Scan, ScanResult, ScanRun } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { AdminError, notFound } from '../errors.js';
import { Reply, type Route, route } from '../route.js';
import { flagParam, idParams, ms, pageOf, pageQuery, severitiesParam } from '../schema/common.js';
import { sourceProblem } from '../schema/policies.js';
import {
  newScan,
  scan,
  scanComparison,
  scanDefinition,
  scanProgress,
  scanResult,
  scanRun,
  scanSummary,
  scanTest,
} from '../schema/scans.js';
import { pageOfArray } from './arrays.js';

const TEST_KIND = 'scan-test';
const TEST_SWITCH_KIND = 'scan-test-switch';

/** Next times of a cron expression. @throws AdminError that says what is wrong with expression or zone */
export function nextTimes(cron: string, zone: string, afterMs: number, count: number): readonly number[] {
  try {
    return new Cron(cron, { timezone: zone, paused: true }).nextRuns(count, new Date(afterMs)).map((date) => date.getTime());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AdminError('ADMIN_BAD_REQUEST', `the schedule cannot be read: ${why}`, {
      problems: [{ at: 'body.cron', message: why }],
      cause,
    });
  }
}

const scanView = (one: Scan) => ({ ...one, definition: scanDefinition.parse(one.definition) });
const runView = (run: ScanRun) => ({
  ...run,
  progress: scanProgress.parse(run.progress ?? {}),
  summary: scanSummary.parse(run.summary ?? {}),
});

async function scanById(context: Context, id: string) {
  const found = await context.store.scans.get(id);
  if (found === null) throw notFound('scan', id);
  return found;
}

async function runById(context: Context, id: string) {
  const found = await context.store.scans.run(id);
  if (found === null) throw notFound('scan run', id);
  return found;
}

async function named(context: Context, results: readonly ScanResult[]) {
  const endpoints = await context.store.inventory.names(results.map((result) => result.endpointId));
  const tests = new Map(((await context.ports.scans?.tests()) ?? []).map(({ id, name }) => [id, name]));
  return results.map((result) => ({
    ...result,
    testName: tests.get(result.testId) ?? result.testId,
    ...(endpoints.get(result.endpointId) ?? { method: '', template: '' }),
  }));
}

/** Everything that is in the library or was written or switched in the UI, as the runner must have it. */
export async function publishScanTests(context: Context): Promise<void> {
  const [texts, switches] = await Promise.all([context.store.documents.list(TEST_KIND), context.store.objects.list(TEST_SWITCH_KIND)]);
  const enabled = new Map(switches.items.map((object) => [object.id, object.body === true]));
  const ids = new Set([...texts.map((document) => document.name), ...enabled.keys()]);
  const byName = new Map(texts.map((document) => [document.name, document.text]));
  await context.ports.scans?.publishTests([...ids].map((id) => ({ id, text: byName.get(id) ?? null, enabled: enabled.get(id) ?? true })));
}

const runState = (id: string, summary: string, change: 'stopped' | 'paused' | 'queued') =>
  route({
    id: `scanRuns.${id}`,
    method: 'POST',
    path: `/scan-runs/:id/${id}`,
    summary,
    role: 'analyst',
    params: idParams,
    answer: scanRun,
    async handle({ params }, call, context) {
      const run = await runById(context, params.id);
      const over = run.state === 'finished' || run.state === 'stopped' || run.state === 'failed';
      if (over) throw new AdminError('ADMIN_BAD_REQUEST', `the run is ${run.state} already`);
      if (change === 'stopped') {
        // A run that nobody has taken yet ends here; a running one is ended by its runner.
        await context.store.scans.saveRun(run.id, {
          stopRequested: true,
          ...(run.state === 'queued' || run.state === 'paused' ? { state: 'stopped', finishedMs: call.nowMs } : {}),
        });
      } else await context.store.scans.saveRun(run.id, { state: change });
      context.ports.scans?.wake();
      context.live.tell('scans', id, run.id);
      return runView(await runById(context, run.id));
    },
  });

export const scanRoutes: readonly Route[] = [
  route({
    id: 'scanTests.list',
    method: 'GET',
    path: '/scan-tests',
    summary: 'The library of scan tests',
    role: 'viewer',
    query: pageQuery(['name', 'category', 'severity'], {
      category: z.string().optional(),
      severity: severitiesParam.optional(),
      origin: scanTest.shape.origin.optional(),
      enabled: flagParam.optional(),
      intrusive: flagParam.optional(),
      search: z.string().max(200).optional(),
    }),
    answer: pageOf(scanTest),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const word = filter.search?.toLowerCase() ?? '';
      const rows = (await port(context, 'scans').tests())
        .filter((one) => (!filter.category || one.category === filter.category) && (!filter.origin || one.origin === filter.origin))
        .filter(
          (one) =>
            (filter.enabled === undefined || one.enabled === filter.enabled) &&
            (filter.intrusive === undefined || one.intrusive === filter.intrusive),
        )
        .filter((one) => !filter.severity || filter.severity.includes(one.severity))
        .filter(
          (one) =>
            word === '' || `${one.id} ${one.name} ${one.description} ${one.category} ${one.tags.join(' ')}`.toLowerCase().includes(word),
        );
      const rank = { info: 0, low: 1, medium: 2, high: 3, critical: 4 };
      return pageOfArray(
        rows,
        { name: (one) => one.name, category: (one) => one.category, severity: (one) => rank[one.severity] },
        'name',
        (one) => one.id,
        { limit, cursor, sort },
      );
    },
  }),
  route({
    id: 'scanTests.get',
    method: 'GET',
    path: '/scan-tests/:id',
    summary: 'One scan test with its YAML',
    role: 'viewer',
    params: idParams,
    answer: scanTest.extend({ text: z.string() }),
    async handle({ params }, _call, context) {
      const scans = port(context, 'scans');
      const found = (await scans.tests()).find((one) => one.id === params.id);
      if (found === undefined) throw notFound('scan test', params.id);
      return { ...found, text: (await scans.testText(params.id)) ?? '' };
    },
  }),
  route({
    id: 'scanTests.check',
    method: 'POST',
    path: '/scan-test-check',
    summary: 'Validate the text of a scan test; errors with line and column',
    role: 'viewer',
    reads: true,
    body: z.strictObject({ text: z.string().max(1_000_000) }),
    answer: z.object({ ok: z.boolean(), problems: z.array(sourceProblem) }),
    handle: async ({ body }, _call, context) => port(context, 'scans').checkTest(body.text),
  }),
  route({
    id: 'scanTests.put',
    method: 'PUT',
    path: '/scan-tests/:id',
    summary: 'Write a scan test of your own, or switch one on or off',
    role: 'admin',
    params: idParams,
    body: z.strictObject({ text: z.string().max(1_000_000).optional(), enabled: z.boolean().optional() }),
    answer: z.object({ id: z.string(), enabled: z.boolean() }),
    async handle({ params, body }, call, context) {
      const scans = port(context, 'scans');
      const by = { author: call.caller.name, atMs: call.nowMs };
      if (body.text !== undefined) {
        const errors = (await scans.checkTest(body.text)).problems.filter((problem) => problem.severity === 'error');
        if (errors.length > 0) {
          throw new AdminError('ADMIN_BAD_REQUEST', 'the test has errors', {
            problems: errors.map((one) => ({ at: `line ${one.line}, column ${one.column}`, message: one.message })),
          });
        }
        if ((await scans.tests()).some((one) => one.id === params.id && one.origin !== 'ui'))
          throw new AdminError('ADMIN_READ_ONLY', `the test "${params.id}" comes from a file`);
        await context.store.documents.put(TEST_KIND, params.id, body.text, { ...by, note: '' }, call.ifMatch);
      }
      if (body.enabled !== undefined) await context.store.objects.put(TEST_SWITCH_KIND, params.id, body.enabled, by);
      await publishScanTests(context);
      context.live.tell('scans', 'test', params.id);
      return { id: params.id, enabled: body.enabled ?? true };
    },
  }),
  route({
    id: 'schedule.preview',
    method: 'GET',
    path: '/schedule-preview',
    summary: 'The next times of a cron expression',
    role: 'viewer',
    query: z.strictObject({ cron: z.string().min(1).max(200), zone: z.string().max(100).default('UTC') }),
    answer: z.object({ times: z.array(ms) }),
    handle: async ({ query }, call) => ({ times: nextTimes(query.cron, query.zone, call.nowMs, 5) }),
  }),
  route({
    id: 'scans.list',
    method: 'GET',
    path: '/scans',
    summary: 'Scans and their schedules',
    role: 'viewer',
    query: pageQuery(['name', 'updated'], { service: z.string().optional() }),
    answer: pageOf(scan),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const page = await context.store.scans.list(filter, { limit, cursor, sort });
      return { ...page, items: page.items.map(scanView) };
    },
  }),
  route({
    id: 'scans.get',
    method: 'GET',
    path: '/scans/:id',
    summary: 'One scan',
    role: 'viewer',
    params: idParams,
    answer: scan,
    handle: async ({ params }, _call, context) => scanView(await scanById(context, params.id)),
  }),
  route({
    id: 'scans.add',
    method: 'POST',
    path: '/scans',
    summary: 'A new scan; with a cron expression it runs on schedule',
    role: 'analyst',
    body: newScan,
    answer: scan,
    async handle({ body }, call, context) {
      const nextRunMs = body.cron === '' || !body.enabled ? null : (nextTimes(body.cron, body.zone, call.nowMs, 1)[0] ?? null);
      const made = await context.store.scans.add({
        ...body,
        definition: body.definition,
        nextRunMs,
        createdMs: call.nowMs,
        createdBy: call.caller.name,
      });
      call.target(made.name);
      context.ports.scans?.wake();
      context.live.tell('scans', 'added', made.id);
      return scanView(made);
    },
  }),
  route({
    id: 'scans.change',
    method: 'PUT',
    path: '/scans/:id',
    summary: 'Change a scan',
    role: 'analyst',
    params: idParams,
    body: newScan,
    answer: scan,
    async handle({ params, body }, call, context) {
      const nextRunMs = body.cron === '' || !body.enabled ? null : (nextTimes(body.cron, body.zone, call.nowMs, 1)[0] ?? null);
      const changed = await context.store.scans.change(
        params.id,
        { ...body, definition: body.definition, nextRunMs, updatedMs: call.nowMs },
        call.ifMatch,
      );
      context.ports.scans?.wake();
      context.live.tell('scans', 'changed', params.id);
      return scanView(changed);
    },
  }),
  route({
    id: 'scans.remove',
    method: 'DELETE',
    path: '/scans/:id',
    summary: 'Remove a scan; its runs stay',
    role: 'analyst',
    params: idParams,
    async handle({ params }, _call, context) {
      if (!(await context.store.scans.remove(params.id))) throw notFound('scan', params.id);
      context.live.tell('scans', 'removed', params.id);
      return new Reply(null, { status: 204 });
    },
  }),
  route({
    id: 'scans.start',
    method: 'POST',
    path: '/scans/:id/runs',
    summary: 'Run a scan now',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({ trigger: z.enum(['person', 'deploy']).default('person') }),
    answer: scanRun,
    async handle({ params, body }, call, context) {
      const found = await scanById(context, params.id);
      const scans = port(context, 'scans');
      const run = await context.store.scans.startRun({
        scanId: found.id,
        service: found.service,
        trigger: body.trigger,
        startedMs: call.nowMs,
      });
      scans.wake();
      context.live.tell('scans', 'queued', run.id);
      return runView(run);
    },
  }),
  route({
    id: 'scanRuns.list',
    method: 'GET',
    path: '/scan-runs',
    summary: 'Runs, newest first',
    role: 'viewer',
    query: pageQuery(['started'], { scanId: z.string().optional(), service: z.string().optional(), state: scanRun.shape.state.optional() }),
    answer: pageOf(scanRun),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const page = await context.store.scans.runs(filter, { limit, cursor, sort });
      return { ...page, items: page.items.map(runView) };
    },
  }),
  route({
    id: 'scanRuns.get',
    method: 'GET',
    path: '/scan-runs/:id',
    summary: 'One run with its progress',
    role: 'viewer',
    params: idParams,
    answer: scanRun,
    handle: async ({ params }, _call, context) => runView(await runById(context, params.id)),
  }),
  route({
    id: 'scanRuns.results',
    method: 'GET',
    path: '/scan-runs/:id/results',
    summary: 'Results per endpoint and test, with the proof',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['severity', 'at'], {
      verdict: z.string().optional(),
      testId: z.string().optional(),
      endpointId: z.string().optional(),
    }),
    answer: pageOf(scanResult),
    async handle({ params, query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const page = await context.store.scans.results(params.id, filter, { limit, cursor, sort });
      return { ...page, items: await named(context, page.items) };
    },
  }),
  route({
    id: 'endpoints.tests',
    method: 'GET',
    path: '/endpoints/:id/tests',
    summary: 'What scans found out about one endpoint, latest first',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['at'], { verdict: z.string().optional() }),
    answer: pageOf(scanResult),
    async handle({ params, query: { limit, cursor, sort, verdict } }, _call, context) {
      const page = await context.store.scans.resultsOf(params.id, { limit, cursor, sort, verdict });
      return { ...page, items: await named(context, page.items) };
    },
  }),
  route({
    id: 'scanRuns.compare',
    method: 'GET',
    path: '/scan-runs/:id/compare',
    summary: 'What this run found that another did not, and the other way round',
    role: 'viewer',
    params: idParams,
    query: z.strictObject({ with: z.string() }),
    answer: scanComparison,
    async handle({ params, query }, _call, context) {
      const vulnerable = async (runId: string) => {
        await runById(context, runId);
        const found = new Map<string, ScanResult>();
        let cursor: string | null = null;
        do {
          const page: Awaited<ReturnType<typeof context.store.scans.results>> = await context.store.scans.results(
            runId,
            { verdict: 'vulnerable' },
            { cursor, limit: 500 },
          );
          for (const result of page.items) found.set(`${result.testId} ${result.endpointId}`, result);
          cursor = page.nextCursor;
        } while (cursor !== null);
        return found;
      };
      const [now, before] = [await vulnerable(params.id), await vulnerable(query.with)];
      const added = [...now].filter(([key]) => !before.has(key)).map(([, result]) => result);
      const gone = [...before].filter(([key]) => !now.has(key)).map(([, result]) => result);
      return {
        run: params.id,
        with: query.with,
        added: await named(context, added),
        gone: await named(context, gone),
        same: now.size - added.length,
      };
    },
  }),
  runState('stop', 'Stop a run; it ends within two seconds', 'stopped'),
  runState('pause', 'Pause a run', 'paused'),
  runState('resume', 'Go on with a paused run', 'queued'),
];
