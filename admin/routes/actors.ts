import { z } from 'zod';
import type { Actor } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { notFound } from '../errors.js';
import type { NewBlock } from '../ports.js';
import { type Call, type Route, route } from '../route.js';
import { actor, actorEvent, actorLink, actorState, allowEntry, allowForMs, block } from '../schema/attackers.js';
import { idParams, numberParam, pageOf, pageQuery, severitiesParam } from '../schema/common.js';
import { finding } from '../schema/issues.js';

async function actorById(context: Context, id: string): Promise<Actor> {
  const found = await context.store.actors.get(id);
  if (found === null) throw notFound('actor', id);
  return asListed(context, found);
}

/** The state that was written when the actor last came may be over: blocks end by themselves, and lists change meanwhile. */
function asListed({ ports: { blocks } }: Context, who: Actor): Actor {
  if (blocks === undefined) return who;
  return { ...who, state: blocks.stateOf(who) ?? (who.state === 'watched' ? 'watched' : 'active') };
}

/** Actors by address are /64 networks for IPv6: their value is an address or a CIDR. */
const scopeOf = (who: Actor): Pick<NewBlock, 'value' | 'kind'> =>
  who.kind === 'principal' ? { value: who.value, kind: 'principal' } : { value: who.value };

const blockBody = z.strictObject({
  reason: z.string().max(1000).default(''),
  forMs: z.number().positive().nullable().optional().describe('null: until somebody removes it; absent: 4 hours'),
  service: z.string().nullable().optional(),
  unauthenticatedOnly: z.boolean().optional(),
  perMinute: z.number().int().min(1).max(100_000).optional().describe('For a throttle: requests a minute on each endpoint that pass'),
  force: z.boolean().optional(),
});

async function blockActor(context: Context, call: Call, id: string, body: z.output<typeof blockBody>, action: 'block' | 'throttle') {
  const who = await actorById(context, id);
  const made = await port(context, 'blocks').add(
    { ...scopeOf(who), ...body, action },
    { name: call.caller.name, callerAddress: call.address, nowMs: call.nowMs },
  );
  if (action === 'block') await context.store.actors.setState(id, 'blocked');
  await context.store.actors.note(id, {
    atMs: call.nowMs,
    kind: action === 'block' ? 'blocked' : 'throttled',
    body: {
      text: `${action === 'block' ? 'Blocked' : 'Throttled'} by ${call.caller.name}: ${body.reason || 'no reason given'}`,
      by: call.caller.name,
      reason: body.reason,
      blockId: made.id,
    },
  });
  context.live.tell('blocks', 'added', made.id, { value: made.scope.value });
  context.live.tell('actors', action === 'block' ? 'blocked' : 'throttled', id);
  return made;
}

export const actorRoutes: readonly Route[] = [
  route({
    id: 'actors.list',
    method: 'GET',
    path: '/actors',
    summary: 'Who calls the APIs and behaves suspiciously: principals, else addresses',
    role: 'viewer',
    query: pageQuery(['score', 'lastSeen', 'firstSeen', 'requests', 'findings'], {
      kind: z.enum(['principal', 'address']).optional(),
      state: actorState.optional(),
      minScore: numberParam.optional(),
      search: z.string().max(200).optional(),
      seenAfterMs: numberParam.optional(),
    }),
    answer: pageOf(actor),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const page = await context.store.actors.list(filter, { limit, cursor, sort });
      const items = page.items.map((one) => asListed(context, one));
      return { ...page, items: filter.state === undefined ? items : items.filter(({ state }) => state === filter.state) };
    },
  }),
  route({
    id: 'actors.get',
    method: 'GET',
    path: '/actors/:id',
    summary: 'One actor: score with its reasons, endpoints touched, records obtained, blocks that hold',
    role: 'viewer',
    params: idParams,
    answer: z.object({ actor, links: z.array(actorLink), blocks: z.array(block), allows: z.array(allowEntry) }),
    async handle({ params }, _call, context) {
      const found = await actorById(context, params.id);
      const links = await context.store.actors.links(found.value);
      const why = context.ports.blocks?.explain(found.value);
      return { actor: found, links, blocks: why?.blocks ?? [], allows: why?.allows ?? [] };
    },
  }),
  route({
    id: 'actors.timeline',
    method: 'GET',
    path: '/actors/:id/timeline',
    summary: 'What an actor did, newest first',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['at'], { kind: z.string().optional() }),
    answer: pageOf(actorEvent),
    handle: ({ params, query }, _call, context) => context.store.actors.timeline(params.id, query),
  }),
  route({
    id: 'actors.findings',
    method: 'GET',
    path: '/actors/:id/findings',
    summary: 'Findings about an actor',
    role: 'viewer',
    params: idParams,
    query: pageQuery(['at'], { kind: z.string().optional(), severity: severitiesParam.optional(), sinceMs: numberParam.optional() }),
    answer: pageOf(finding),
    handle: ({ params, query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) =>
      context.store.issues.findings({ ...filter, actorId: params.id }, { limit, cursor, sort }),
  }),
  route({
    id: 'actors.block',
    method: 'POST',
    path: '/actors/:id/block',
    summary: 'Block an actor on every gateway',
    role: 'analyst',
    params: idParams,
    body: blockBody,
    answer: block,
    handle: ({ params, body }, call, context) => blockActor(context, call, params.id, body, 'block'),
  }),
  route({
    id: 'actors.throttle',
    method: 'POST',
    path: '/actors/:id/throttle',
    summary: 'Slow an actor down',
    role: 'analyst',
    params: idParams,
    body: blockBody,
    answer: block,
    handle: ({ params, body }, call, context) => blockActor(context, call, params.id, body, 'throttle'),
  }),
  route({
    id: 'actors.unblock',
    method: 'POST',
    path: '/actors/:id/unblock',
    summary: 'Take back every block and throttle of exactly this actor',
    role: 'analyst',
    params: idParams,
    answer: z.object({ removed: z.array(z.string()) }),
    async handle({ params }, call, context) {
      const who = await actorById(context, params.id);
      const blocks = port(context, 'blocks');
      const removed: string[] = [];
      for (const entry of blocks.list()) {
        if (entry.scope.value !== who.value) continue;
        if (await blocks.remove(entry.id, call.caller.name)) removed.push(entry.id);
        context.live.tell('blocks', 'removed', entry.id);
      }
      await context.store.actors.setState(params.id, blocks.stateOf(who) ?? 'active');
      await context.store.actors.note(params.id, {
        atMs: call.nowMs,
        kind: 'unblocked',
        body: { text: `Unblocked by ${call.caller.name}` },
      });
      context.live.tell('actors', 'unblocked', params.id);
      return { removed };
    },
  }),
  route({
    id: 'actors.watch',
    method: 'POST',
    path: '/actors/:id/watch',
    summary: 'Keep an eye on an actor: it is found by its state, and its timeline says who looks and why',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({ watched: z.boolean().default(true), reason: z.string().trim().max(1000).default('') }),
    answer: actor,
    async handle({ params, body }, call, context) {
      const who = await actorById(context, params.id);
      if (who.state === 'active' || who.state === 'watched')
        await context.store.actors.setState(params.id, body.watched ? 'watched' : 'active');
      const text = `${body.watched ? 'Watched' : 'No longer watched'} by ${call.caller.name}${body.reason === '' ? '' : `: ${body.reason}`}`;
      await context.store.actors.note(params.id, { atMs: call.nowMs, kind: 'state', body: { text } });
      context.live.tell('actors', 'watched', params.id);
      return actorById(context, params.id);
    },
  }),
  route({
    id: 'actors.allow',
    method: 'POST',
    path: '/actors/:id/allow',
    summary: 'Put an actor on the allowlist, which wins over every block',
    role: 'analyst',
    params: idParams,
    body: z.strictObject({ reason: z.string().trim().min(1).max(1000), forMs: allowForMs }),
    answer: allowEntry,
    async handle({ params, body }, call, context) {
      const who = await actorById(context, params.id);
      const entry = await port(context, 'blocks').allow(
        { ...scopeOf(who), ...body, feed: null },
        { name: call.caller.name, nowMs: call.nowMs },
      );
      await context.store.actors.setState(params.id, 'allowed');
      await context.store.actors.note(params.id, {
        atMs: call.nowMs,
        kind: 'allowed',
        body: { text: `Put on the allowlist by ${call.caller.name}: ${body.reason}` },
      });
      context.live.tell('actors', 'allowed', params.id);
      return entry;
    },
  }),
];
