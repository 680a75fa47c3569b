import { z } from 'zod';
import type { Store } from '../../store/index.js';
import { type Context, port } from '../context.js';
import { notFound } from '../errors.js';
import { BLOCK_EXPORTS, type BlockEntry, type BlockView } from '../ports.js';
import { Reply, type Route, route } from '../route.js';
import { allowEntry, allowForMs, block, explanation, feed, newBlock, newFeed, scope } from '../schema/attackers.js';
import { idParams, listOf, listQuery, pageOf, pageQuery } from '../schema/common.js';
import { pageOfArray, shortList } from './arrays.js';
import { findIncident } from './incidents.js';

/** The timeline of the actor that is meant, where it was seen, has what was decided about it. */
async function noteOnActor({ store, ports }: Context, { scope }: BlockView, event: Parameters<Store['actors']['note']>[1]): Promise<void> {
  const kind = scope.kind === 'principal' ? 'principal' : 'address';
  if (scope.kind === 'asn' || scope.kind === 'country') return;
  const id = `${kind}:${scope.value}`;
  if ((await store.actors.get(id)) === null) return;
  await store.actors.setState(id, ports.blocks?.stateOf({ kind, value: scope.value }) ?? 'active');
  await store.actors.note(id, event);
}

const INCIDENT = /^W-/i;

export const blockRoutes: readonly Route[] = [
  route({
    id: 'blocks.list',
    method: 'GET',
    path: '/blocks',
    summary: 'The blocklist',
    role: 'viewer',
    query: pageQuery(['createdAt', 'hits', 'value'], {
      origin: z.enum(['person', 'policy', 'detector', 'feed']).optional(),
      kind: scope.shape.kind.optional(),
      service: z.string().optional(),
      search: z.string().max(200).optional().describe('Part of the value or the reason'),
    }),
    answer: pageOf(block),
    async handle({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) {
      const word = filter.search?.toLowerCase() ?? '';
      const blocks = port(context, 'blocks');
      const fits = (one: BlockEntry) =>
        (!filter.origin || one.origin === filter.origin) &&
        (!filter.kind || one.scope.kind === filter.kind) &&
        (!filter.service || one.service === filter.service) &&
        (word === '' || one.scope.value.toLowerCase().includes(word) || one.reason.toLowerCase().includes(word));
      const page = pageOfArray(
        blocks.list(),
        { createdAt: (one) => one.createdAtMs, hits: (one) => blocks.hits(one.id), value: (one) => one.scope.value },
        '-createdAt',
        (one) => one.id,
        { limit, cursor, sort },
        fits,
      );
      return { ...page, items: page.items.map(blocks.view) };
    },
  }),
  route({
    id: 'blocks.get',
    method: 'GET',
    path: '/blocks/:id',
    summary: 'One entry of the blocklist',
    role: 'viewer',
    params: idParams,
    answer: block,
    async handle({ params }, _call, context) {
      const found = port(context, 'blocks').get(params.id);
      if (found === null) throw notFound('block', params.id);
      return found;
    },
  }),
  route({
    id: 'blocks.add',
    method: 'POST',
    path: '/blocks',
    summary: 'Block an address, network, principal, AS number or country',
    role: 'analyst',
    body: newBlock,
    answer: block,
    async handle({ body }, call, context) {
      const made = await port(context, 'blocks').add(body, { name: call.caller.name, callerAddress: call.address, nowMs: call.nowMs });
      call.target(`${made.scope.kind} ${made.scope.value}`);
      await noteOnActor(context, made, {
        atMs: call.nowMs,
        kind: 'blocked',
        body: {
          text: `${made.action === 'block' ? 'Blocked' : `Put under ${made.action}`} by ${call.caller.name}: ${made.reason || 'no reason given'}`,
        },
      });
      context.live.tell('blocks', 'added', made.id, { value: made.scope.value });
      return made;
    },
  }),
  route({
    id: 'blocks.remove',
    method: 'DELETE',
    path: '/blocks/:id',
    summary: 'Unblock',
    role: 'analyst',
    params: idParams,
    async handle({ params }, call, context) {
      const blocks = port(context, 'blocks');
      const entry = blocks.get(params.id);
      if (entry === null || !(await blocks.remove(params.id, call.caller.name))) throw notFound('block', params.id);
      call.target(`${entry.scope.kind} ${entry.scope.value}`);
      await noteOnActor(context, entry, { atMs: call.nowMs, kind: 'unblocked', body: { text: `Unblocked by ${call.caller.name}` } });
      context.live.tell('blocks', 'removed', params.id, { value: entry.scope.value });
      return new Reply(null, { status: 204 });
    },
  }),
  route({
    id: 'blocks.explain',
    method: 'GET',
    path: '/blocks-explain',
    summary: 'Why is this address, principal, block or incident blocked, or why not?',
    role: 'viewer',
    query: z.strictObject({ subject: z.string().min(1).max(600).describe('Address, CIDR, principal key, block id or incident id') }),
    answer: explanation,
    async handle({ query }, _call, context) {
      const incident = await findIncident(context, INCIDENT.test(query.subject) ? query.subject.trim().toUpperCase() : query.subject);
      if (incident === null && INCIDENT.test(query.subject)) throw notFound('incident', query.subject);
      if (incident === null) return port(context, 'blocks').explain(query.subject);
      const answer = port(context, 'blocks').explain(
        incident.blockId ?? incident.actorId?.replace(/^(?:address|principal):/, '') ?? query.subject,
      );
      return {
        ...answer,
        subject: query.subject,
        verdict: 'blocked' as const,
        text: incident.text,
        incident: {
          incidentId: incident.incidentId,
          atMs: incident.atMs ?? 0,
          policy: incident.policy,
          rule: incident.rule,
          blockId: incident.blockId,
          issueId: incident.issueId,
          message: incident.text,
        },
      };
    },
  }),
  route({
    id: 'blocks.export',
    method: 'GET',
    path: '/blocks-export/:format',
    summary: 'The blocklist for a firewall or edge: plain, nftables, nginx, haproxy, aws-waf, json',
    role: 'viewer',
    params: z.object({ format: z.enum(BLOCK_EXPORTS) }),
    query: z.strictObject({ feeds: z.enum(['true', 'false']).default('false').describe('The entries of feeds, too') }),
    produces: 'text/plain',
    async handle({ params, query }, _call, context) {
      const { text, mediaType } = port(context, 'blocks').export(params.format, query.feeds === 'true');
      return new Reply(text, { type: mediaType });
    },
  }),
  route({
    id: 'allowlist.list',
    method: 'GET',
    path: '/allowlist',
    summary: 'Who is never blocked',
    role: 'viewer',
    query: listQuery(['id', 'reason', 'createdBy', 'createdAt', 'expiresAt', 'feed'], {}),
    answer: listOf(allowEntry),
    handle: async ({ query }, _call, context) => shortList(port(context, 'blocks').allowlist(), query, (one) => one.id),
  }),
  route({
    id: 'allowlist.add',
    method: 'POST',
    path: '/allowlist',
    summary: 'Never block this address, network or principal; with a feed: it is a false positive of that feed',
    role: 'analyst',
    body: z.strictObject({
      value: z.string().min(1).max(600),
      kind: scope.shape.kind.optional(),
      reason: z.string().trim().min(1).max(1000),
      feed: z.string().nullable().default(null),
      forMs: allowForMs,
    }),
    answer: allowEntry,
    async handle({ body }, call, context) {
      const entry = await port(context, 'blocks').allow(body, { name: call.caller.name, nowMs: call.nowMs });
      call.target(`${entry.scope.kind} ${entry.scope.value}`);
      context.live.tell('blocks', 'allowed', entry.id);
      return entry;
    },
  }),
  route({
    id: 'allowlist.remove',
    method: 'DELETE',
    path: '/allowlist/:id',
    summary: 'Take an entry off the allowlist',
    role: 'analyst',
    params: idParams,
    async handle({ params }, call, context) {
      if (!(await port(context, 'blocks').disallow(params.id, call.caller.name))) throw notFound('allowlist entry', params.id);
      context.live.tell('blocks', 'disallowed', params.id);
      return new Reply(null, { status: 204 });
    },
  }),
  route({
    id: 'feeds.list',
    method: 'GET',
    path: '/feeds',
    summary: 'Lists of bad addresses that are polled',
    role: 'viewer',
    query: listQuery(['name', 'url', 'entries', 'refused', 'hits', 'loadedAt', 'checkedAt'], {}),
    answer: listOf(feed),
    handle: async ({ query }, _call, context) => shortList(port(context, 'blocks').feeds(), query, (one) => one.id),
  }),
  route({
    id: 'feeds.add',
    method: 'POST',
    path: '/feeds',
    summary: 'Poll a list',
    role: 'admin',
    body: newFeed,
    answer: feed,
    async handle({ body }, call, context) {
      const made = await port(context, 'blocks').addFeed(body, call.caller.name);
      call.target(made.name);
      return made;
    },
  }),
  route({
    id: 'feeds.refresh',
    method: 'POST',
    path: '/feeds/:id/refresh',
    summary: 'Read a feed now',
    role: 'analyst',
    params: idParams,
    answer: feed,
    async handle({ params }, _call, context) {
      const blocks = port(context, 'blocks');
      if (!blocks.feeds().some((one) => one.id === params.id)) throw notFound('feed', params.id);
      return blocks.refreshFeed(params.id);
    },
  }),
  route({
    id: 'feeds.remove',
    method: 'DELETE',
    path: '/feeds/:id',
    summary: 'Forget a feed and its entries',
    role: 'admin',
    params: idParams,
    async handle({ params }, _call, context) {
      if (!(await port(context, 'blocks').removeFeed(params.id))) throw notFound('feed', params.id);
      return new Reply(null, { status: 204 });
    },
  }),
];
