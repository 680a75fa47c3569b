import { z } from 'zod';
import {
  actorOf,
  bodyText,
  decodeExchange,
  type Exchange,
  type HeaderList,
  hitsOfTags,
  isTruncated,
  type RequestMessage,
  type ResponseMessage,
  sentLength,
} from '../../exchange/index.js';
import type { Sample } from '../../store/index.js';
import type { Context } from '../context.js';
import { AdminError, notFound } from '../errors.js';
import { type Route, route } from '../route.js';
import { idParams, listOf, listQuery, numberParam, pageOf, pageQuery } from '../schema/common.js';
import { caller, exchange, exchangeSummary } from '../schema/inventory.js';
import { shortList } from './arrays.js';

const MAX_BODY_CHARACTERS = 256 * 1024;
const MAX_BODY_BYTES = 1024 * 1024;

async function sampleById(context: Context, id: string): Promise<Sample> {
  const sample = (await context.store.samples.get(id)) ?? (await context.store.samples.byIncident(id));
  if (sample === null) throw notFound('kept exchange', id);
  return sample;
}

function pairs(headers: HeaderList): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) list.push([headers[at]!, headers[at + 1]!]);
  return list;
}

/** `bytes`: how long the body was on the wire. */
function messageView(message: RequestMessage | ResponseMessage, bytes: number | null) {
  const text = bodyText(message.headers, message.body, MAX_BODY_BYTES);
  // A replacement or control character early on means that this is no text.
  const binary = /[\u0000-\u0008\u000e-\u001f]/.test(text.slice(0, 4096));
  const shown = binary
    ? Buffer.from(message.body.bytes.subarray(0, MAX_BODY_CHARACTERS)).toString('base64')
    : text.slice(0, MAX_BODY_CHARACTERS);
  return {
    headers: pairs(message.headers),
    body: shown,
    bodyEncoding: binary ? ('base64' as const) : ('text' as const),
    bodyTruncated: isTruncated(message.body) || text.length > MAX_BODY_CHARACTERS,
    bodyBytes: bytes ?? message.body.totalLength,
  };
}

function view(sample: Sample, decoded: Exchange, masked: boolean, unmaskable = true) {
  return {
    id: sample.id,
    requestId: sample.requestId,
    incidentId: sample.incidentId,
    service: sample.service,
    endpointId: sample.endpointId,
    atMs: decoded.startedAtMs,
    durationMs: decoded.durationMs,
    client: decoded.client.ip,
    actorId: sample.actorId,
    principal: decoded.principal === null ? null : decoded.principal.label || decoded.principal.key,
    masked,
    unmaskable,
    request: {
      ...messageView(decoded.request, sentLength(decoded.tags, 'request')),
      method: decoded.request.method,
      target: decoded.request.target,
      host: decoded.request.host,
    },
    response:
      decoded.response === null
        ? null
        : { ...messageView(decoded.response, sentLength(decoded.tags, 'response')), status: decoded.response.status },
    outcome: {
      action: decoded.outcome.action,
      mode: decoded.outcome.mode,
      acts: decoded.outcome.acts.map(({ policy, rule, phase, action, acted, message }) => ({
        policy,
        rule,
        phase,
        action,
        acted,
        message,
      })),
    },
  };
}

/** Kept exchanges that the question who obtained what is answered from. */
const LOOKED_AT = 300;

export const exchangeRoutes: readonly Route[] = [
  route({
    id: 'endpoints.callers',
    method: 'GET',
    path: '/endpoints/:id/callers',
    summary: 'Who called an endpoint and which data types the answers held, by the latest 300 exchanges that are kept of it',
    role: 'viewer',
    params: idParams,
    query: listQuery(['actorId', 'label', 'exchanges', 'lastSeen'], {}),
    answer: listOf(caller),
    async handle({ params, query }, _call, context) {
      const { items } = await context.store.samples.read({ endpointId: params.id }, { limit: LOOKED_AT });
      const callers = new Map<string, { label: string; exchanges: number; dataTypes: Map<string, number>; lastSeenMs: number }>();
      for (const sample of items) {
        if (sample.actorId === null) continue;
        const kept = decodeExchange(sample.content);
        const { label } = actorOf(kept.principal, kept.client.ip);
        const seen = callers.get(sample.actorId) ?? { label, exchanges: 0, dataTypes: new Map(), lastSeenMs: sample.atMs };
        seen.exchanges += 1;
        for (const hit of hitsOfTags(kept.tags))
          if (hit.location.phase === 'response') seen.dataTypes.set(hit.type, (seen.dataTypes.get(hit.type) ?? 0) + (hit.count ?? 1));
        callers.set(sample.actorId, seen);
      }
      const rows = [...callers]
        .map(([actorId, { dataTypes, ...one }]) => ({ actorId, ...one, dataTypes: Object.fromEntries(dataTypes) }))
        .sort((a, b) => b.exchanges - a.exchanges);
      return shortList(rows, query, (one) => one.actorId);
    },
  }),
  route({
    id: 'exchanges.list',
    method: 'GET',
    path: '/exchanges',
    summary: 'Kept exchanges: a bounded sample of the traffic, and all evidence',
    role: 'viewer',
    query: pageQuery(['at'], {
      service: z.string().optional(),
      endpointId: z.string().optional(),
      actorId: z.string().optional(),
      sinceMs: numberParam.optional(),
      untilMs: numberParam.optional(),
    }),
    answer: pageOf(exchangeSummary),
    handle: ({ query: { limit, cursor, sort, format: _format, ...filter } }, _call, context) =>
      context.store.samples.list(filter, { limit, cursor, sort }),
  }),
  route({
    id: 'exchanges.get',
    method: 'GET',
    path: '/exchanges/:id',
    summary: 'One kept exchange by exchange id, request id or incident id; sensitive values are masked',
    role: 'viewer',
    params: idParams,
    answer: exchange,
    async handle({ params }, _call, context) {
      const sample = await sampleById(context, params.id);
      return view(sample, decodeExchange(sample.content), true, (await context.store.samples.sealed(sample.id)) !== null);
    },
  }),
  route({
    id: 'exchanges.unmask',
    method: 'POST',
    path: '/exchanges/:id/unmask',
    summary: 'The real values, where the operator keeps raw evidence; recorded in the audit log with the reason',
    role: 'admin',
    params: idParams,
    body: z.strictObject({ reason: z.string().trim().min(3).max(500) }),
    answer: exchange,
    async handle({ params }, _call, context) {
      const sample = await sampleById(context, params.id);
      const sealed = await context.store.samples.sealed(sample.id);
      if (sealed === null) throw new AdminError('ADMIN_NO_REAL_VALUES', `the real values of exchange ${sample.id} are not kept`);
      return view(sample, decodeExchange(context.seal.openBytes(sealed)), false);
    },
  }),
];
