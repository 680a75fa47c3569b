import { z } from 'zod';
import { endpointRef, mode, ms, phase, sparkPoint, trafficCounts } from './common.js';

export const serviceMode = z
  .object({ request: mode, response: mode })
  .meta({ id: 'ServiceMode', description: 'The two phases may differ; mirror is always both' });

export const service = z
  .object({
    name: z.string(),
    mode: serviceMode,
    upstreams: z.array(z.string()),
    hosts: z.array(z.string()),
    firstSeenMs: ms.nullable(),
    lastSeenMs: ms.nullable(),
    endpoints: z.number(),
    openIssues: z.number(),
    requestsLastHour: z.number(),
    blockedLastHour: z.number(),
    wouldBlockLastHour: z.number(),
    sparkline: z.array(sparkPoint),
    about: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Service' });

export const access = z.enum(['public', 'partner', 'private', 'unknown']);

const endpointSummaryShape = {
  ...endpointRef.shape,
  firstSeenMs: ms,
  lastSeenMs: ms,
  access,
  authRequired: z.boolean().nullable().describe('false: a request without credentials was answered with 2xx; null: unknown'),
  auth: z.array(z.string()).describe('Kinds of credentials seen: jwt, bearer, api-key, session-cookie, basic, mtls, hmac, …'),
  tags: z.array(z.string()).describe('shadow, zombie, unauthenticated, sensitive, deprecated, documented, …'),
  dataTypes: z.array(z.string()),
  risk: z.number().describe('0–100'),
  riskReasons: z.array(z.string()),
  counts: trafficCounts,
  version: z.number(),
};

export const endpointSummary = z
  .object({ ...endpointSummaryShape, sparkline: z.array(sparkPoint).optional() })
  .meta({ id: 'EndpointSummary' });

const quantiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number() });

export const parameterFacts = z
  .object({
    in: z.enum(['path', 'query', 'header', 'cookie', 'body']),
    name: z.string(),
    types: z.array(z.string()),
    format: z.string().optional(),
    required: z.boolean(),
    isId: z.boolean(),
    dataTypes: z.array(z.string()).optional(),
    examples: z.array(z.string()).optional(),
    values: z.array(z.string()).optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    seen: z.number(),
    firstSeenMs: ms,
    lastSeenMs: ms,
  })
  .meta({ id: 'ParameterFacts' });

export const endpointDetail = z
  .object({
    parameters: z.array(parameterFacts).optional(),
    request: z.object({ contentTypes: z.array(z.string()), schema: z.unknown() }).optional(),
    responses: z
      .array(z.object({ status: z.string(), count: z.number(), contentTypes: z.array(z.string()), schema: z.unknown() }))
      .optional(),
    latencyMs: quantiles.optional(),
    requestBytes: quantiles.optional(),
    responseBytes: quantiles.optional(),
    principals: z.number().optional().describe('Distinct principals seen'),
    roles: z.array(z.string()).optional(),
    seen: z
      .array(
        z.object({
          what: z.enum(['auth', 'claim', 'role', 'request-type', 'status', 'response-type']),
          name: z.string(),
          firstSeenMs: ms,
          lastSeenMs: ms,
        }),
      )
      .optional()
      .describe('When credentials, claims, roles, content types and statuses were first and last seen'),
    sharing: z
      .object({
        regime: z.enum(['owner-private', 'tenant-shared', 'role-visible', 'public', 'undecided']),
        confidence: z.number().describe('0–1; 0 while nothing is decided'),
        explanation: z.string(),
      })
      .optional()
      .describe('Who reaches whose objects here'),
    why: z.array(z.string()).optional().describe('Why this template exists, in sentences'),
    pinned: z.boolean().optional(),
    origin: z.string().optional(),
  })
  .meta({ id: 'EndpointDetail' });

export const endpoint = z.object({ ...endpointSummaryShape, detail: endpointDetail }).meta({ id: 'Endpoint' });

export const endpointChange = z
  .object({
    id: z.string(),
    endpointId: z.string(),
    service: z.string(),
    atMs: ms,
    kind: z.string(),
    text: z.string().describe('For people: "ssn first seen in response body user.ssn"'),
    before: z.unknown(),
    after: z.unknown(),
  })
  .meta({ id: 'EndpointChange' });

export const sighting = z
  .object({
    id: z.string(),
    endpointId: z.string(),
    method: z.string(),
    template: z.string(),
    service: z.string(),
    phase,
    place: z.string().describe('body, header, query, …'),
    path: z.string(),
    type: z.string(),
    firstSeenMs: ms,
    lastSeenMs: ms,
    resumedMs: ms.describe('When it came back after a week or more of silence, else firstSeenMs'),
    count: z.number(),
  })
  .meta({ id: 'DataSighting', description: 'A data type at a place of an endpoint' });

export const inventoryEdit = z
  .object({
    id: z.string(),
    kind: z.enum(['pin', 'split', 'merge', 'import']),
    service: z.string(),
    text: z.string(),
    by: z.string(),
    atMs: ms,
    undoneMs: ms.nullable(),
  })
  .meta({ id: 'InventoryEdit', description: 'What a person decided about templates; can be undone' });

export const message = z.object({
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string().describe('Text; base64 when bodyEncoding says so'),
  bodyEncoding: z.enum(['text', 'base64']),
  bodyTruncated: z.boolean(),
  bodyBytes: z.number().describe('On the wire, whatever is kept of it'),
});

export const exchange = z
  .object({
    id: z.string(),
    requestId: z.string(),
    incidentId: z.string().nullable(),
    service: z.string(),
    endpointId: z.string().nullable(),
    atMs: ms,
    durationMs: z.number(),
    client: z.string(),
    actorId: z.string().nullable(),
    principal: z.string().nullable(),
    masked: z.boolean(),
    unmaskable: z.boolean().describe('The real values are kept, sealed, and an admin may see them'),
    request: message.extend({ method: z.string(), target: z.string(), host: z.string() }),
    response: message.extend({ status: z.number() }).nullable(),
    outcome: z.object({
      action: z.string(),
      mode,
      acts: z.array(z.object({ policy: z.string(), rule: z.string(), phase, action: z.string(), acted: z.boolean(), message: z.string() })),
    }),
  })
  .meta({ id: 'ExchangeView', description: 'A kept request and its answer; sensitive values are masked' });

export const caller = z
  .object({
    actorId: z.string(),
    label: z.string(),
    exchanges: z.number().describe('Of those that are kept'),
    dataTypes: z.record(z.string(), z.number()).describe('Values by data type in the answers to this actor'),
    lastSeenMs: ms,
  })
  .meta({ id: 'EndpointCaller' });

export const exchangeSummary = z
  .object({
    id: z.string(),
    requestId: z.string(),
    incidentId: z.string().nullable(),
    endpointId: z.string().nullable(),
    service: z.string(),
    method: z.string(),
    target: z.string(),
    status: z.number(),
    atMs: ms,
    actorId: z.string().nullable(),
    client: z.string(),
    action: z.string(),
    evidence: z.boolean(),
  })
  .meta({ id: 'ExchangeSummary' });
