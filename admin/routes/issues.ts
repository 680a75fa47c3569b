import { z } from 'zod';
import { WeirError } from '../../exchange/index.js';
import { port } from '../context.js';
import { notFound } from '../errors.js';
import { type Route, route } from '../route.js';
import { idParams, listOf, listParam, listQuery, ms, numberParam, pageOf, pageQuery, severitiesParam } from '../schema/common.js';
import { bulkResult, finding, issue, issueCount, issueEvent, issueStatus, issueSummary, policyDraft } from '../schema/issues.js';
import { shortList } from './arrays.js';
import { exceptionDraft, virtualPatch } from './policy-drafts.js';

const decision = z
  .strictObject({
    status: issueStatus.exclude(['reopened']),
    reason: z.string().max(2000).default(''),
    untilMs: ms.nullable().default(null).describe('For accepted: reopens when it is seen after this moment; null accepts for good'),
  })
  .refine((value) => value.status !== 'accepted' || value.reason.trim() !== '', {
    message: 'accepting a risk needs a reason',
    path: ['reason'],
  })
  .meta({ id: 'IssueDecision' });

export const issueRoutes: readonly Route[] = [
  route({
    id: 'issues.list',
    method: 'GET',
    path: '/issues',
    summary: 'Issues: findings deduplicated by what a person would fix',
    role: 'viewer',
    query: pageQuery(['lastSeen', 'firstSeen', 'priority', 'severity', 'occurrences'], {
      status: listParam(['open', 'accepted', 'fixed', 'reopened']).optional(),
      severity: severitiesParam.optional(),
      service: z.string().optional(),
      kind: z.string().optional().describe('bola.foreign-object, or a family: bola'),
      endpointId: z.string().optional(),
      actorId: z.string().optional(),
      assignee: z.string().optional(),
      owasp: z.string().optional(),
      search: z.string().max(200).optional(),
      firstSeenAfterMs: numberParam.optional(),
    }),
    answer: pageOf(issueSummary),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      return context.store.issues.list(filter, { limit, cursor, sort });
    },
  }),
  route({
    id: 'issues.counts',
    method: 'GET',
    path: '/issue-counts',
    summary: 'How many issues there are, by service, status and severity',
    role: 'viewer',
    query: listQuery(['service', 'status', 'severity', 'count'], { service: z.string().optional() }),
    answer: listOf(issueCount),
    handle: async ({ query }, _call, context) =>
      shortList(await context.store.issues.counts(query.service), query, (one) => `${one.service} ${one.status} ${one.severity}`),
  }),
  route({
    id: 'issues.get',
    method: 'GET',
    path: '/issues/:id',
    summary: 'One issue with its evidence',
    role: 'viewer',
    params: idParams,
    answer: issue,
    async handle({ params }, _call, context) {
      const found = await context.store.issues.get(params.id);
      if (found === null) throw notFound('issue', params.id);
      return found;
    },
  }),
  route({
    id: 'issues.events',
    method: 'GET',
    path: '/issues/:id/events',
    summary: 'The life of an issue: status changes, assignment, comments',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['at'], { kind: z.string().optional() }),
    answer: pageOf(issueEvent),
    handle: ({ params, query }, _call, context) => context.store.issues.events(params.id, query),
  }),
  route({
    id: 'issues.setStatus',
    method: 'POST',
    path: '/issues/:id/status',
    summary: 'Accept with a reason, mark as fixed, or open again',
    role: 'analyst',
    params: idParams,
    body: decision,
    answer: issue,
    async handle({ params, body }, call, context) {
      const changed = await context.store.issues.decide(params.id, { ...body, by: call.caller.name, atMs: call.nowMs }, call.ifMatch);
      context.live.tell('issues', body.status, params.id);
      return changed;
    },
  }),
  route({
    id: 'issues.assign',
    method: 'PUT',
    path: '/issues/:id/assignee',
    summary: 'Give an issue to somebody; an empty name takes it back',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({ assignee: z.string().max(200) }),
    answer: issue,
    async handle({ params, body }, call, context) {
      const changed = await context.store.issues.assign(params.id, body.assignee, call.caller.name, call.nowMs, call.ifMatch);
      context.live.tell('issues', 'assigned', params.id);
      return changed;
    },
  }),
  route({
    id: 'issues.comment',
    method: 'POST',
    path: '/issues/:id/comments',
    summary: 'Comment on an issue',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({ text: z.string().trim().min(1).max(10_000) }),
    answer: issueEvent,
    async handle({ params, body }, call, context) {
      const event = await context.store.issues.comment(params.id, call.caller.name, body.text, call.nowMs);
      context.live.tell('issues', 'comment', params.id);
      return event;
    },
  }),
  route({
    id: 'issues.bulk',
    method: 'POST',
    path: '/issues/bulk',
    summary: 'Change status or assignee of up to 1,000 issues',
    role: 'analyst',
    body: z
      .strictObject({ ids: z.array(z.string()).min(1).max(1000), decision: decision.optional(), assignee: z.string().max(200).optional() })
      .refine((value) => value.decision !== undefined || value.assignee !== undefined, { message: 'give a decision or an assignee' }),
    answer: bulkResult,
    async handle({ body }, call, context) {
      const failed: { id: string; code: string; detail: string }[] = [];
      for (const id of body.ids) {
        try {
          if (body.decision) await context.store.issues.decide(id, { ...body.decision, by: call.caller.name, atMs: call.nowMs });
          if (body.assignee !== undefined) await context.store.issues.assign(id, body.assignee, call.caller.name, call.nowMs);
          context.live.tell('issues', body.decision?.status ?? 'assigned', id);
        } catch (error) {
          if (!(error instanceof WeirError)) throw error;
          failed.push({ id, code: error.code, detail: error.message });
        }
      }
      call.target(`${body.ids.length} issues`);
      return { changed: body.ids.length - failed.length, failed };
    },
  }),
  route({
    id: 'issues.policyDraft',
    method: 'GET',
    path: '/issues/:id/policy-draft',
    summary: 'A policy that would stop this: a virtual patch, in observe, to be replayed and saved',
    role: 'analyst',
    params: idParams,
    answer: policyDraft,
    async handle({ params }, _call, context) {
      const found = await context.store.issues.get(params.id);
      if (found === null) throw notFound('issue', params.id);
      return virtualPatch(found);
    },
  }),
  route({
    id: 'issues.exceptionDraft',
    method: 'GET',
    path: '/issues/:id/exception-draft',
    summary: 'A policy that lets this pass without an alert, as narrow as the evidence allows',
    role: 'analyst',
    params: idParams,
    answer: policyDraft,
    async handle({ params }, _call, context) {
      const found = await context.store.issues.get(params.id);
      if (found === null) throw notFound('issue', params.id);
      return exceptionDraft(found);
    },
  }),
  route({
    id: 'issues.send',
    method: 'POST',
    path: '/issues/:id/send',
    summary: 'Send an issue to an integration now',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({ integrationId: z.string() }),
    answer: issueEvent,
    async handle({ params, body }, call, context) {
      const found = await context.store.issues.get(params.id);
      if (found === null) throw notFound('issue', params.id);
      const integration = await context.store.objects.get('integration', body.integrationId);
      if (integration === null) throw notFound('integration', body.integrationId);
      const notice = {
        kind: 'issue',
        change: 'sent',
        issueId: found.id,
        title: found.title,
        severity: found.severity,
        service: found.service,
        by: call.caller.name,
      };
      await context.store.outbox.add([{ integrationId: body.integrationId, notice }], call.nowMs);
      return context.store.issues.link(
        params.id,
        call.caller.name,
        `sent to ${body.integrationId}`,
        { integrationId: body.integrationId },
        call.nowMs,
      );
    },
  }),
  route({
    id: 'issues.verify',
    method: 'POST',
    path: '/issues/:id/verify',
    summary: 'Run the test that found this issue again; the issue is fixed when it passes',
    role: 'analyst',
    params: idParams,
    answer: z.object({ runId: z.string() }),
    async handle({ params }, call, context) {
      const found = await context.store.issues.get(params.id);
      if (found === null) throw notFound('issue', params.id);
      const [sourceKind, ...testId] = found.source.split(':');
      if (sourceKind !== 'scan' || found.endpointId === null) throw notFound('scan test behind issue', params.id);
      const scans = port(context, 'scans');
      const run = await context.store.scans.startRun({ scanId: '', service: found.service, trigger: 'retest', startedMs: call.nowMs });
      await context.store.scans.saveRun(run.id, {
        progress: { only: { testId: testId.join(':'), endpointId: found.endpointId, issueId: found.id } },
      });
      scans.wake();
      return { runId: run.id };
    },
  }),
];

export const findingRoutes: readonly Route[] = [
  route({
    id: 'findings.list',
    method: 'GET',
    path: '/findings',
    summary: 'Single reports with the ids of the requests they are about',
    role: 'viewer',
    query: pageQuery(['at'], {
      service: z.string().optional(),
      kind: z.string().optional(),
      issueId: z.string().optional(),
      endpointId: z.string().optional(),
      actorId: z.string().optional(),
      incidentId: z.string().optional(),
      severity: severitiesParam.optional(),
      sinceMs: numberParam.optional(),
    }),
    answer: pageOf(finding),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      return context.store.issues.findings(filter, { limit, cursor, sort });
    },
  }),
  route({
    id: 'findings.get',
    method: 'GET',
    path: '/findings/:id',
    summary: 'One finding',
    role: 'viewer',
    params: idParams,
    answer: finding,
    async handle({ params }, _call, context) {
      const found = await context.store.issues.finding(params.id);
      if (found === null) throw notFound('finding', params.id);
      return found;
    },
  }),
];
