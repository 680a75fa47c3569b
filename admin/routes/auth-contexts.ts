import { z } from 'zod';
import { newId } from '../../exchange/index.js';
import type { Json, StoredObject } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { notFound } from '../errors.js';
import { Reply, type Route, route } from '../route.js';
import { idParams, listOf, listQuery } from '../schema/common.js';
import { authContext, newAuthContext } from '../schema/scans.js';
import { maskedConfig, sealedConfig } from '../seal.js';
import { shortList } from './arrays.js';

const KIND = 'auth-context';
/** Members of a config that are kept sealed and read as •••, whatever the kind. */
const SECRETS = ['token', 'value', 'password', 'clientSecret', 'refreshToken', 'cookie', 'key', 'body'];

interface Kept extends z.output<typeof newAuthContext> {
  readonly checked?: { readonly ok: boolean; readonly text: string; readonly atMs: number };
}

function view(object: StoredObject) {
  const { checked, ...kept } = object.body as Kept;
  return {
    ...kept,
    id: object.id,
    config: maskedConfig(kept.config),
    state: checked === undefined ? ('unknown' as const) : checked.ok ? ('ok' as const) : ('failing' as const),
    checkedAtMs: checked?.atMs ?? null,
    problem: checked === undefined || checked.ok ? null : checked.text,
    version: object.version,
  };
}

async function byId(context: Context, id: string): Promise<StoredObject> {
  const object = await context.store.objects.get(KIND, id);
  if (object === null) throw notFound('auth context', id);
  return object;
}

export const authContextRoutes: readonly Route[] = [
  route({
    id: 'authContexts.list',
    method: 'GET',
    path: '/auth-contexts',
    summary: 'Identities that scans use, in order of their role',
    role: 'viewer',
    query: listQuery(['name', 'service', 'role', 'kind'], { service: z.string().optional() }),
    answer: listOf(authContext),
    async handle({ query }, _call, context) {
      const { items } = await context.store.objects.list(KIND);
      const wanted = items.map(view).filter((one) => !query.service || one.service === query.service);
      return shortList(wanted, query, (one) => one.id);
    },
  }),
  route({
    id: 'authContexts.add',
    method: 'POST',
    path: '/auth-contexts',
    summary: 'A new identity for scans; secrets are kept encrypted',
    role: 'analyst',
    body: newAuthContext,
    answer: authContext,
    async handle({ body }, call, context) {
      const kept = { ...body, config: sealedConfig(body.config, SECRETS, {}, context.seal) };
      call.target(body.name);
      return view(await context.store.objects.put(KIND, newId(call.nowMs), kept, { author: call.caller.name, atMs: call.nowMs }, 0));
    },
  }),
  route({
    id: 'authContexts.change',
    method: 'PUT',
    path: '/auth-contexts/:id',
    summary: 'Change an identity',
    role: 'analyst',
    params: idParams,
    body: newAuthContext,
    answer: authContext,
    async handle({ params, body }, call, context) {
      const before = await byId(context, params.id);
      const config = sealedConfig(body.config, SECRETS, (before.body as Kept).config, context.seal);
      return view(
        await context.store.objects.put(
          KIND,
          params.id,
          { ...body, config },
          { author: call.caller.name, atMs: call.nowMs },
          call.ifMatch ?? before.version,
        ),
      );
    },
  }),
  route({
    id: 'authContexts.check',
    method: 'POST',
    path: '/auth-contexts/:id/check',
    summary: 'Does this identity still log in?',
    role: 'analyst',
    params: idParams,
    answer: authContext,
    async handle({ params }, call, context) {
      const before = await byId(context, params.id);
      const result = await port(context, 'scans').checkAuthContext(params.id);
      const body = { ...(before.body as { [key: string]: Json }), checked: { ...result, atMs: call.nowMs } };
      return view(await context.store.objects.put(KIND, params.id, body, { author: call.caller.name, atMs: call.nowMs }, before.version));
    },
  }),
  route({
    id: 'authContexts.remove',
    method: 'DELETE',
    path: '/auth-contexts/:id',
    summary: 'Forget an identity',
    role: 'analyst',
    params: idParams,
    async handle({ params }, _call, context) {
      if (!(await context.store.objects.remove(KIND, params.id))) throw notFound('auth context', params.id);
      return new Reply(null, { status: 204 });
    },
  }),
];
