import { z } from 'zod';
import { newId, shortHash } from '../../exchange/index.js';
import { DEFAULT_RETENTION, type Retention, type Store, type StoredObject } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { AdminError, notFound } from '../errors.js';
import { Reply, type Route, route } from '../route.js';
import { flagParam, idParams, listOf, listQuery, pageOf, pageQuery } from '../schema/common.js';
import {
  auditEntry,
  dataHit,
  dataType,
  delivery,
  integration,
  integrationKind,
  newDataType,
  newIntegration,
  retention,
  savedView,
} from '../schema/operations.js';
import { maskedConfig, openedConfig, sealedConfig } from '../seal.js';
import { shortList } from './arrays.js';

/** The retention in force: what the admin set, else the defaults. */
export async function retentionOf({ store, options }: Context): Promise<Retention> {
  const object = await store.objects.get('setting', 'retention');
  return { ...DEFAULT_RETENTION, ...options.retention, ...(object?.body as Partial<Retention> | undefined) };
}

const DATA_TYPE_KIND = 'data-type';
const DATA_TYPE_OFF = 'data-type-off';

async function ownDataTypes(
  store: Store,
): Promise<readonly (z.output<typeof newDataType> & { readonly id: string; readonly version: number })[]> {
  const { items } = await store.objects.list(DATA_TYPE_KIND);
  // Read through the schema: what was written before a key came to be has its default.
  return items.map((object) => ({ ...newDataType.parse(object.body), id: object.id, version: object.version }));
}

/** Brings own and switched-off data types to the classifier. Also called at the start of the process. */
export async function publishDataTypes(context: Context): Promise<void> {
  const [own, off] = await Promise.all([ownDataTypes(context.store), context.store.objects.list(DATA_TYPE_OFF)]);
  await context.ports.dataTypes?.publish(
    own,
    off.items.map((object) => object.id),
  );
}

async function dataTypeViews(context: Context) {
  const off = new Set((await context.store.objects.list(DATA_TYPE_OFF)).items.map((object) => object.id));
  const builtIn = (context.ports.dataTypes?.builtIn() ?? []).map((type) => ({
    ...type,
    builtIn: true,
    enabled: !off.has(type.id),
    pattern: null,
    keywords: [],
    requireKeywords: false,
    validator: null,
    caseSensitive: true,
    version: 0,
  }));
  const own = (await ownDataTypes(context.store)).map((type) => ({ ...type, builtIn: false }));
  return [...own, ...builtIn];
}

interface KeptIntegration extends z.output<typeof newIntegration> {}

function integrationView(object: StoredObject) {
  const kept = object.body as KeptIntegration;
  return {
    ...kept,
    id: object.id,
    config: maskedConfig(kept.config),
    version: object.version,
    updatedMs: object.updatedMs,
    updatedBy: object.updatedBy,
  };
}

async function integrationById(context: Context, id: string): Promise<StoredObject> {
  const object = await context.store.objects.get('integration', id);
  if (object === null) throw notFound('integration', id);
  return object;
}

const viewBody = z.strictObject({
  page: z.string().min(1).max(50),
  name: z.string().trim().min(1).max(100),
  query: z.string().max(4000).describe('Search part of the page address'),
  shared: z.boolean().default(false),
});
const savedViewOf = (object: StoredObject) => ({
  ...(object.body as z.output<typeof viewBody> & { owner: string }),
  id: object.id,
  version: object.version,
});

export const settingRoutes: readonly Route[] = [
  route({
    id: 'retention.get',
    method: 'GET',
    path: '/settings/retention',
    summary: 'How long and how much is kept',
    role: 'viewer',
    answer: z.object({
      retention,
      usedBytes: z.number(),
      swept: z.record(z.string(), z.number()).describe('Rows removed so far, by kind'),
    }),
    async handle(_input, _call, context) {
      const [limits, usage] = await Promise.all([retentionOf(context), context.store.usage()]);
      return { retention: limits, usedBytes: usage.bytes, swept: usage.tallies };
    },
  }),
  route({
    id: 'retention.set',
    method: 'PUT',
    path: '/settings/retention',
    summary: 'Change how long and how much is kept; absent values stay',
    role: 'admin',
    body: retention.partial().strict(),
    answer: retention,
    async handle({ body }, call, context) {
      const next = { ...(await retentionOf(context)), ...body };
      await context.store.objects.put('setting', 'retention', next, { author: call.caller.name, atMs: call.nowMs });
      context.live.tell('settings', 'retention', 'retention');
      return next;
    },
  }),

  route({
    id: 'dataTypes.list',
    method: 'GET',
    path: '/data-types',
    summary: 'Kinds of sensitive data: built-in and own',
    role: 'viewer',
    query: listQuery(['id', 'title', 'sensitivity', 'builtIn', 'enabled'], {}),
    answer: listOf(dataType),
    handle: async ({ query }, _call, context) => shortList(await dataTypeViews(context), query, (one) => one.id),
  }),
  route({
    id: 'dataTypes.test',
    method: 'POST',
    path: '/data-types/test',
    summary: 'What is recognised in a text; with a type that is not saved yet, too',
    role: 'viewer',
    reads: true,
    body: z.strictObject({ text: z.string().max(200_000), type: newDataType.optional() }),
    answer: z.object({ hits: z.array(dataHit) }),
    async handle({ body }, _call, context) {
      const own = [...(await ownDataTypes(context.store)), ...(body.type ? [{ ...body.type, id: 'new' }] : [])];
      return { hits: port(context, 'dataTypes').test(body.text, own) };
    },
  }),
  route({
    id: 'dataTypes.put',
    method: 'PUT',
    path: '/data-types/:id',
    summary: 'Write a data type of your own; its examples must hold',
    role: 'admin',
    params: z.object({ id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,60}$/) }),
    body: newDataType,
    answer: dataType,
    async handle({ params, body }, call, context) {
      const types = port(context, 'dataTypes');
      if (types.builtIn().some((type) => type.id === params.id))
        throw new AdminError('ADMIN_READ_ONLY', `"${params.id}" is a built-in data type`);
      // Also without examples: a type that cannot be used must not keep those that can from the gateways.
      const others = (await ownDataTypes(context.store)).filter((type) => type.id !== params.id);
      types.test('', [...others, { ...body, id: params.id, enabled: true }]);
      const hits = (text: string) => types.test(text, [{ ...body, id: params.id, enabled: true }]).some((hit) => hit.type === params.id);
      const problems = [
        ...body.examples.match
          .filter((text) => !hits(text))
          .map((text) => ({ at: 'body.examples.match', message: `not recognised: ${text}` })),
        ...body.examples.ignore.filter(hits).map((text) => ({ at: 'body.examples.ignore', message: `recognised: ${text}` })),
      ];
      if (problems.length > 0) throw new AdminError('ADMIN_BAD_REQUEST', 'the examples do not hold', { problems });
      const object = await context.store.objects.put(
        DATA_TYPE_KIND,
        params.id,
        body,
        { author: call.caller.name, atMs: call.nowMs },
        call.ifMatch,
      );
      await publishDataTypes(context);
      return { ...body, id: params.id, builtIn: false, version: object.version };
    },
  }),
  route({
    id: 'dataTypes.switch',
    method: 'POST',
    path: '/data-types/:id/switch',
    summary: 'Switch a data type on or off',
    role: 'admin',
    params: idParams,
    body: z.strictObject({ enabled: z.boolean() }),
    answer: z.object({ id: z.string(), enabled: z.boolean() }),
    async handle({ params, body }, call, context) {
      const isBuiltIn = port(context, 'dataTypes')
        .builtIn()
        .some((type) => type.id === params.id);
      const own = isBuiltIn ? undefined : (await ownDataTypes(context.store)).find((type) => type.id === params.id);
      if (!isBuiltIn && own === undefined) throw notFound('data type', params.id);
      if (own !== undefined) {
        const { id, version, ...kept } = own;
        await context.store.objects.put(
          DATA_TYPE_KIND,
          id,
          { ...kept, enabled: body.enabled },
          { author: call.caller.name, atMs: call.nowMs },
          version,
        );
      } else if (body.enabled) await context.store.objects.remove(DATA_TYPE_OFF, params.id);
      else await context.store.objects.put(DATA_TYPE_OFF, params.id, true, { author: call.caller.name, atMs: call.nowMs });
      await publishDataTypes(context);
      return { id: params.id, enabled: body.enabled };
    },
  }),
  route({
    id: 'dataTypes.remove',
    method: 'DELETE',
    path: '/data-types/:id',
    summary: 'Remove a data type of your own',
    role: 'admin',
    params: idParams,
    async handle({ params }, _call, context) {
      if (!(await context.store.objects.remove(DATA_TYPE_KIND, params.id))) throw notFound('own data type', params.id);
      await publishDataTypes(context);
      return new Reply(null, { status: 204 });
    },
  }),

  route({
    id: 'integrations.kinds',
    method: 'GET',
    path: '/integration-kinds',
    summary: 'What can be told, and the form of each',
    role: 'viewer',
    query: listQuery(['kind', 'title'], {}),
    answer: listOf(integrationKind),
    handle: async ({ query }, _call, context) => shortList(context.ports.integrations?.kinds() ?? [], query, (one) => one.kind),
  }),
  route({
    id: 'integrations.list',
    method: 'GET',
    path: '/integrations',
    summary: 'Who is told about issues',
    role: 'viewer',
    query: listQuery(['name', 'kind', 'enabled', 'updated'], {}),
    answer: listOf(integration),
    handle: async ({ query }, _call, context) =>
      shortList((await context.store.objects.list('integration')).items.map(integrationView), query, (one) => one.id),
  }),
  route({
    id: 'integrations.add',
    method: 'POST',
    path: '/integrations',
    summary: 'A new integration; secrets are kept encrypted',
    role: 'admin',
    body: newIntegration,
    answer: integration,
    async handle({ body }, call, context) {
      const integrations = port(context, 'integrations');
      integrations.validate(body.kind, body.config);
      call.target(body.name);
      const kept = { ...body, config: sealedConfig(body.config, integrations.secrets(body.kind), {}, context.seal) };
      return integrationView(
        await context.store.objects.put('integration', newId(call.nowMs), kept, { author: call.caller.name, atMs: call.nowMs }, 0),
      );
    },
  }),
  route({
    id: 'integrations.change',
    method: 'PUT',
    path: '/integrations/:id',
    summary: 'Change an integration',
    role: 'admin',
    params: idParams,
    body: newIntegration,
    answer: integration,
    async handle({ params, body }, call, context) {
      const integrations = port(context, 'integrations');
      const before = await integrationById(context, params.id);
      const config = sealedConfig(body.config, integrations.secrets(body.kind), (before.body as KeptIntegration).config, context.seal);
      integrations.validate(body.kind, openedConfig(config, context.seal));
      return integrationView(
        await context.store.objects.put(
          'integration',
          params.id,
          { ...body, config },
          { author: call.caller.name, atMs: call.nowMs },
          call.ifMatch ?? before.version,
        ),
      );
    },
  }),
  route({
    id: 'integrations.test',
    method: 'POST',
    path: '/integrations/:id/test',
    summary: 'Send a test notice now',
    role: 'admin',
    params: idParams,
    answer: z.object({ ok: z.boolean(), text: z.string() }),
    async handle({ params }, _call, context) {
      const kept = (await integrationById(context, params.id)).body as KeptIntegration;
      return port(context, 'integrations').test(kept.kind, openedConfig(kept.config, context.seal));
    },
  }),
  route({
    id: 'integrations.deliveries',
    method: 'GET',
    path: '/integrations/:id/deliveries',
    summary: 'What was sent, what waits, what failed and why',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['created'], { state: delivery.shape.state.optional() }),
    answer: pageOf(delivery),
    handle: ({ params, query: { state, ...request } }, _call, context) =>
      context.store.outbox.list({ integrationId: params.id, state }, request),
  }),
  route({
    id: 'integrations.remove',
    method: 'DELETE',
    path: '/integrations/:id',
    summary: 'Remove an integration',
    role: 'admin',
    params: idParams,
    async handle({ params }, _call, context) {
      if (!(await context.store.objects.remove('integration', params.id))) throw notFound('integration', params.id);
      return new Reply(null, { status: 204 });
    },
  }),

  route({
    id: 'views.list',
    method: 'GET',
    path: '/saved-views',
    summary: 'Saved filters of lists: your own and shared ones',
    role: 'viewer',
    query: listQuery(['name', 'page', 'owner', 'shared'], { page: z.string().optional(), mine: flagParam.optional() }),
    answer: listOf(savedView),
    async handle({ query }, call, context) {
      const views = (await context.store.objects.list('view')).items.map(savedViewOf);
      const wanted = views.filter(
        (view) => (!query.page || view.page === query.page) && (view.owner === call.caller.name || (view.shared && !query.mine)),
      );
      return shortList(wanted, query, (one) => one.id);
    },
  }),
  route({
    id: 'views.put',
    method: 'POST',
    path: '/saved-views',
    summary: 'Save a filter; the same name on the same page replaces it',
    role: 'viewer',
    body: viewBody,
    answer: savedView,
    async handle({ body }, call, context) {
      call.target(body.name);
      const id = shortHash(call.caller.name, body.page, body.name);
      return savedViewOf(
        await context.store.objects.put('view', id, { ...body, owner: call.caller.name }, { author: call.caller.name, atMs: call.nowMs }),
      );
    },
  }),
  route({
    id: 'views.remove',
    method: 'DELETE',
    path: '/saved-views/:id',
    summary: 'Forget a saved filter',
    role: 'viewer',
    params: idParams,
    async handle({ params }, call, context) {
      const object = await context.store.objects.get('view', params.id);
      if (object === null) throw notFound('saved view', params.id);
      if (savedViewOf(object).owner !== call.caller.name && call.caller.role !== 'admin')
        throw new AdminError('ADMIN_FORBIDDEN', 'the view belongs to somebody else');
      await context.store.objects.remove('view', params.id);
      return new Reply(null, { status: 204 });
    },
  }),

  route({
    id: 'audit.list',
    method: 'GET',
    path: '/audit',
    summary: 'Who changed what, when and from where',
    role: 'admin',
    query: pageQuery(['at'], { actor: z.string().optional(), action: z.string().optional(), target: z.string().optional() }),
    answer: pageOf(auditEntry),
    handle: ({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) =>
      context.store.accounts.audit(filter, { limit, cursor, sort }),
  }),
];
