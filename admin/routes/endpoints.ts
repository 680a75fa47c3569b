import { z } from 'zod';
import { newId } from '../../exchange/index.js';
import type { Json, Page, StoredObject } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { notFound } from '../errors.js';
import { type Call, type Route, route } from '../route.js';
import { flagParam, idParams, ms, numberParam, pageOf, pageQuery, phase, spanQuery, trafficPoint } from '../schema/common.js';
import { access, endpoint, endpointChange, endpointSummary, exchangeSummary, inventoryEdit, sighting } from '../schema/inventory.js';
import { pageOfArray } from './arrays.js';
import { spanOf } from './span.js';

const WEEK_MS = 7 * 86_400_000;

async function endpointById(context: Context, id: string) {
  const found = await context.store.inventory.get(id);
  if (found === null) throw notFound('endpoint', id);
  return found;
}

/** What a person decided about templates, kept so that it can be shown and undone. */
type Edit =
  | { readonly kind: 'pin'; readonly service: string; readonly method: string; readonly template: string }
  | {
      readonly kind: 'split';
      readonly service: string;
      readonly method: string;
      readonly template: string;
      readonly parameter: number;
      readonly value: string;
    }
  | { readonly kind: 'merge'; readonly service: string; readonly method: string; readonly template: string };

async function keepEdit(context: Context, call: Call, edit: Edit, text: string) {
  const id = newId(call.nowMs);
  const body = { edit: { ...edit }, text, by: call.caller.name, atMs: call.nowMs, undoneMs: null };
  await context.store.objects.put('inventory-edit', id, body, { author: call.caller.name, atMs: call.nowMs }, 0);
  context.live.tell('endpoints', edit.kind, edit.template);
  return editView(id, body);
}

function editView(id: string, body: unknown) {
  const { edit, text, by, atMs, undoneMs } = body as {
    edit: Edit;
    text: string;
    by: string;
    atMs: number;
    undoneMs: number | null;
  };
  return { id, kind: edit.kind, service: edit.service, text, by, atMs, undoneMs };
}

export const endpointRoutes: readonly Route[] = [
  route({
    id: 'endpoints.list',
    method: 'GET',
    path: '/endpoints',
    summary: 'The inventory',
    role: 'viewer',
    query: pageQuery(['lastSeen', 'firstSeen', 'risk', 'requests', 'template'], {
      service: z.string().optional(),
      method: z.string().optional(),
      search: z.string().max(200).optional().describe('Words of method, template or service'),
      access: access.optional(),
      tag: z.string().optional().describe('shadow, zombie, unauthenticated, sensitive, …'),
      dataType: z.string().optional(),
      auth: z.string().optional(),
      field: z.string().optional().describe('Name of a parameter or body field'),
      firstSeenAfterMs: numberParam.optional(),
      minRisk: numberParam.optional(),
      sparkline: flagParam.optional().describe('Add the requests of the last 24 hours, by the hour'),
    }),
    answer: pageOf(endpointSummary),
    async handle({ query }, call, context) {
      const { limit, cursor, sort, format: _format, sparkline, ...filter } = query;
      const page = await context.store.inventory.list(filter, { limit, cursor, sort });
      if (!sparkline) return page;
      const ids = page.items.map((item) => item.id);
      const lines = await context.store.inventory.sparklines(ids, call.nowMs - 86_400_000);
      return { ...page, items: page.items.map((item) => ({ ...item, sparkline: lines.get(item.id) ?? [] })) };
    },
  }),
  route({
    id: 'endpoints.get',
    method: 'GET',
    path: '/endpoints/:id',
    summary: 'One endpoint with its parameters, schemas and why its template exists',
    role: 'viewer',
    params: idParams,
    answer: endpoint,
    handle: ({ params }, _call, context) => endpointById(context, params.id),
  }),
  route({
    id: 'endpoints.traffic',
    method: 'GET',
    path: '/endpoints/:id/traffic',
    summary: 'Requests over time of one endpoint',
    role: 'viewer',
    params: idParams,
    query: spanQuery.strict(),
    answer: z.object({ fromMs: ms, toMs: ms, stepMs: z.number(), points: z.array(trafficPoint) }),
    async handle({ params, query }, call, context) {
      const span = spanOf(query, call.nowMs);
      return { ...span, points: await context.store.inventory.endpointTraffic(params.id, span.fromMs, span.toMs, span.stepMs) };
    },
  }),
  route({
    id: 'endpoints.history',
    method: 'GET',
    path: '/endpoints/:id/history',
    summary: 'What changed at one endpoint',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['at'], { kind: z.string().optional() }),
    answer: pageOf(endpointChange),
    handle: ({ params, query: { kind, ...request } }, _call, context) =>
      context.store.inventory.history({ endpointId: params.id, kind }, request),
  }),
  route({
    id: 'endpoints.exchanges',
    method: 'GET',
    path: '/endpoints/:id/exchanges',
    summary: 'Kept exchanges of one endpoint',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['at'], { actorId: z.string().optional(), sinceMs: numberParam.optional(), untilMs: numberParam.optional() }),
    answer: pageOf(exchangeSummary),
    handle: ({ params, query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) =>
      context.store.samples.list({ ...filter, endpointId: params.id }, { limit, cursor, sort }),
  }),
  route({
    id: 'changes.list',
    method: 'GET',
    path: '/changes',
    summary: 'What changed in the inventory: new endpoints, parameters, data types, weaker authentication',
    role: 'viewer',
    query: pageQuery(['at'], { service: z.string().optional(), kind: z.string().optional() }),
    answer: pageOf(endpointChange),
    handle: ({ query: { service, kind, ...request } }, _call, context) => context.store.inventory.history({ service, kind }, request),
  }),
  route({
    id: 'sightings.list',
    method: 'GET',
    path: '/sightings',
    summary: 'Data types at their places. With newSince: what leaks now that did not leak before',
    role: 'viewer',
    query: pageQuery(['firstSeen', 'lastSeen', 'resumed'], {
      service: z.string().optional(),
      endpointId: z.string().optional(),
      type: z.string().optional(),
      phase: phase.optional(),
      newSince: z
        .union([z.literal('week'), numberParam])
        .optional()
        .describe('"week", or Unix epoch ms: first seen, or back after a week of silence, since then'),
    }),
    answer: pageOf(sighting),
    async handle({ query }, call, context) {
      const { newSince, limit, cursor, sort, format: _format, ...filter } = query;
      const newSinceMs = newSince === 'week' ? call.nowMs - WEEK_MS : newSince;
      const page = await context.store.inventory.sightings(
        { ...filter, newSinceMs },
        { limit, cursor, sort: sort ?? (newSinceMs === undefined ? undefined : '-resumed') },
      );
      const names = await context.store.inventory.names(page.items.map((item) => item.endpointId));
      return { ...page, items: page.items.map((item) => ({ ...item, ...(names.get(item.endpointId) ?? { method: '', template: '' }) })) };
    },
  }),
  route({
    id: 'endpoints.pin',
    method: 'POST',
    path: '/endpoints/:id/pin',
    summary: 'Keep this template, whatever the traffic suggests',
    role: 'analyst',
    params: idParams,
    answer: inventoryEdit,
    async handle({ params }, call, context) {
      const { service, method, template } = await endpointById(context, params.id);
      await port(context, 'templates').pin(service, method, template, call.caller.name);
      return keepEdit(context, call, { kind: 'pin', service, method, template }, `${method} ${template} pinned`);
    },
  }),
  route({
    id: 'endpoints.split',
    method: 'POST',
    path: '/endpoints/:id/split',
    summary: 'Make one value of a parameter an endpoint of its own, e.g. /users/me beside /users/{id}',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({
      parameter: z.number().int().min(0).describe('Which parameter of the template, from 0'),
      value: z.string().min(1).max(500),
    }),
    answer: inventoryEdit,
    async handle({ params, body }, call, context) {
      const { service, method, template } = await endpointById(context, params.id);
      await port(context, 'templates').split(service, method, template, body.parameter, body.value, call.caller.name);
      return keepEdit(
        context,
        call,
        { kind: 'split', service, method, template, ...body },
        `"${body.value}" split from ${method} ${template}`,
      );
    },
  }),
  route({
    id: 'endpoints.merge',
    method: 'POST',
    path: '/endpoints/merge',
    summary: 'Fold endpoints into one template',
    role: 'analyst',
    body: z.strictObject({
      service: z.string().min(1),
      method: z.string().min(1),
      template: z.string().startsWith('/').describe('With {names} where the endpoints differ'),
    }),
    answer: inventoryEdit,
    async handle({ body }, call, context) {
      await port(context, 'templates').pin(body.service, body.method, body.template, call.caller.name);
      call.target(`${body.method} ${body.template}`);
      return keepEdit(context, call, { kind: 'merge', ...body }, `merged into ${body.method} ${body.template}`);
    },
  }),
  route({
    id: 'edits.list',
    method: 'GET',
    path: '/inventory-edits',
    summary: 'Pins, splits and merges that people made',
    role: 'viewer',
    query: pageQuery(['id'], { service: z.string().optional(), kind: z.enum(['pin', 'split', 'merge']).optional() }),
    answer: pageOf(inventoryEdit),
    async handle({ query: { service, kind, ...request } }, _call, context) {
      const edits: ReturnType<typeof editView>[] = [];
      let cursor: string | null = null;
      do {
        const page: Page<StoredObject> = await context.store.objects.list('inventory-edit', { cursor });
        edits.push(...page.items.map((object) => editView(object.id, object.body)));
        cursor = page.nextCursor;
      } while (cursor !== null);
      const idOf = (edit: { readonly id: string }) => edit.id;
      return pageOfArray(
        edits,
        { id: idOf },
        '-id',
        idOf,
        request,
        (edit) => (service === undefined || edit.service === service) && (kind === undefined || edit.kind === kind),
      );
    },
  }),
  route({
    id: 'edits.undo',
    method: 'POST',
    path: '/inventory-edits/:id/undo',
    summary: 'Take a pin, split or merge back',
    role: 'analyst',
    params: idParams,
    answer: inventoryEdit,
    async handle({ params }, call, context) {
      const object = await context.store.objects.get('inventory-edit', params.id);
      if (object === null) throw notFound('edit', params.id);
      const body = object.body as { edit: Edit; undoneMs: number | null };
      const { edit } = body;
      const templates = port(context, 'templates');
      if (edit.kind === 'split')
        await templates.unsplit(edit.service, edit.method, edit.template, edit.parameter, edit.value, call.caller.name);
      else await templates.unpin(edit.service, edit.method, edit.template, call.caller.name);
      const undone = { ...(object.body as { [key: string]: Json }), undoneMs: call.nowMs };
      await context.store.objects.put('inventory-edit', params.id, undone, { author: call.caller.name, atMs: call.nowMs }, object.version);
      context.live.tell('endpoints', 'undone', params.id);
      return editView(params.id, undone);
    },
  }),
];
