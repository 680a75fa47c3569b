import { z } from 'zod';
import { isLive } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { notFound } from '../errors.js';
import type { ServiceMode } from '../ports.js';
import { Reply, type Route, route } from '../route.js';
import { listOf, listQuery, mode, nameParams } from '../schema/common.js';
import { service, serviceMode } from '../schema/inventory.js';
import { shortList } from './arrays.js';
import { exportOpenApi } from './openapi-export.js';
import { serviceNames } from './overview.js';
import { sumOf } from './span.js';

const HOUR_MS = 3_600_000;

async function views(context: Context, nowMs: number, only?: string) {
  const { names, seen } = await serviceNames(context);
  const counts = (await context.store.issues.counts()).filter((count) => isLive(count.status));
  return Promise.all(
    names
      .filter((name) => only === undefined || name === only)
      .map(async (name) => {
        const configured = context.ports.services.list().find((one) => one.name === name);
        const day = await context.store.inventory.serviceTraffic(name, nowMs - 24 * HOUR_MS, nowMs + HOUR_MS, HOUR_MS);
        const hour = sumOf(await context.store.inventory.serviceTraffic(name, nowMs - HOUR_MS, nowMs + HOUR_MS, HOUR_MS));
        return {
          name,
          mode: context.ports.services.mode(name),
          upstreams: configured?.upstreams ?? [],
          hosts: configured?.hosts ?? [],
          firstSeenMs: seen.get(name)?.firstSeenMs ?? null,
          lastSeenMs: seen.get(name)?.lastSeenMs ?? null,
          endpoints: await context.store.inventory.count({ service: name }),
          openIssues: counts.filter((count) => count.service === name).reduce((sum, count) => sum + count.count, 0),
          requestsLastHour: hour.requests,
          blockedLastHour: hour.blocked,
          wouldBlockLastHour: hour.wouldBlock,
          sparkline: day.map(({ bucketMs, requests }) => ({ bucketMs, requests })),
          about: seen.get(name)?.about ?? {},
        };
      }),
  );
}

const modeChange = z
  .union([z.strictObject({ mode }), serviceMode.strict()])
  .describe('One mode for both phases, or one each')
  .meta({ id: 'ModeChange' });

/** Mirror takes weir out of the path, so it cannot hold for one phase alone. */
function modeOf(change: z.output<typeof modeChange>): ServiceMode {
  if ('mode' in change) return { request: change.mode, response: change.mode };
  return change.request === 'mirror' || change.response === 'mirror' ? { request: 'mirror', response: 'mirror' } : change;
}

export const serviceRoutes: readonly Route[] = [
  route({
    id: 'services.list',
    method: 'GET',
    path: '/services',
    summary: 'All services with their mode and traffic',
    role: 'viewer',
    query: listQuery(['name', 'firstSeen', 'lastSeen', 'endpoints', 'openIssues', 'requestsLastHour', 'blockedLastHour'], {}),
    answer: listOf(service),
    handle: async ({ query }, call, context) => shortList(await views(context, call.nowMs), query, (one) => one.name),
  }),
  route({
    id: 'services.get',
    method: 'GET',
    path: '/services/:name',
    summary: 'One service',
    role: 'viewer',
    params: nameParams,
    answer: service,
    async handle({ params }, call, context) {
      const [found] = await views(context, call.nowMs, params.name);
      if (found === undefined) throw notFound('service', params.name);
      return found;
    },
  }),
  route({
    id: 'services.setMode',
    method: 'PUT',
    path: '/services/:name/mode',
    summary: 'Switch a service between enforce, observe and mirror; every gateway follows at once',
    role: 'admin',
    params: nameParams,
    body: modeChange,
    answer: serviceMode,
    async handle({ params, body }, call, context) {
      const { names } = await serviceNames(context);
      if (!names.includes(params.name)) throw notFound('service', params.name);
      const next = modeOf(body);
      await context.ports.services.setMode(params.name, next, call.caller.name);
      context.live.tell('services', 'mode', params.name, next);
      return next;
    },
  }),
  route({
    id: 'services.setAllModes',
    method: 'PUT',
    path: '/mode',
    summary: 'Switch every service at once',
    role: 'admin',
    body: modeChange,
    answer: z.object({ services: z.array(z.string()), mode: serviceMode }),
    async handle({ body }, call, context) {
      const { names } = await serviceNames(context);
      const next = modeOf(body);
      for (const name of names) {
        await context.ports.services.setMode(name, next, call.caller.name);
        context.live.tell('services', 'mode', name, next);
      }
      return { services: names, mode: next };
    },
  }),
  route({
    id: 'services.exportOpenApi',
    method: 'GET',
    path: '/services/:name/openapi',
    summary: 'The learned inventory as an OpenAPI 3.1 document',
    role: 'viewer',
    params: nameParams,
    produces: 'application/vnd.oai.openapi+json;version=3.1',
    async handle({ params }, call, context) {
      const document = await exportOpenApi(context.store, params.name, call.nowMs);
      return new Reply(JSON.stringify(document, null, 2), {
        type: 'application/vnd.oai.openapi+json;version=3.1',
        headers: { 'content-disposition': `attachment; filename="${params.name.replace(/[^\w.-]/g, '_')}.openapi.json"` },
      });
    },
  }),
  route({
    id: 'services.importOpenApi',
    method: 'POST',
    path: '/services/:name/openapi',
    summary: 'Pin templates from an OpenAPI 3 or Swagger 2 document, a Postman collection or a HAR file (JSON or YAML text)',
    role: 'analyst',
    params: nameParams,
    textBody: ['application/json', 'application/yaml', 'text/plain'],
    body: z.string().min(1),
    answer: z.object({ imported: z.number(), format: z.string(), warnings: z.array(z.string()) }),
    async handle({ params, body }, call, context) {
      const result = await port(context, 'templates').importDocument(params.name, body, call.caller.name);
      context.live.tell('endpoints', 'imported', params.name, { imported: result.imported });
      return result;
    },
  }),
];
