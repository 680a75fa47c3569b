import { z } from 'zod';
import { ms } from './common.js';

export const actorState = z.enum(['active', 'watched', 'allowed', 'blocked']).meta({ id: 'ActorState' });

export const actor = z
  .object({
    id: z.string().describe('principal:KEY or address:TEXT'),
    kind: z.enum(['principal', 'address']),
    value: z.string(),
    label: z.string(),
    firstSeenMs: ms,
    lastSeenMs: ms,
    score: z.number().describe('0–100'),
    state: actorState,
    requests: z.number(),
    errors: z.number(),
    blocked: z.number(),
    findings: z.number(),
    detail: z.object({
      reasons: z
        .array(z.object({ text: z.string(), points: z.number(), kind: z.string().optional() }))
        .optional()
        .describe('What the score is made of'),
      endpoints: z.array(z.object({ endpointId: z.string(), method: z.string(), template: z.string(), count: z.number() })).optional(),
      records: z.record(z.string(), z.number()).optional().describe('Records obtained, by data type'),
      statuses: z.record(z.string(), z.number()).optional(),
    }),
  })
  .meta({ id: 'Actor' });

export const actorEvent = z
  .object({ id: z.string(), actorId: z.string(), atMs: ms, kind: z.string(), endpointId: z.string().nullable(), body: z.unknown() })
  .meta({ id: 'ActorEvent' });

export const actorLink = z
  .object({ principal: z.string(), address: z.string(), firstSeenMs: ms, lastSeenMs: ms, count: z.number() })
  .meta({ id: 'ActorLink', description: 'An address and a principal that were seen together' });

export const scope = z
  .object({ kind: z.enum(['address', 'cidr', 'principal', 'asn', 'country']), value: z.string() })
  .meta({ id: 'BlockScope' });

const blockAction = z
  .enum(['block', 'throttle', 'tarpit', 'close'])
  .describe('block: 403; throttle: 429 beyond perMinute; tarpit: held back, then 403; close: no answer');
const perMinute = z.number().int().min(1).max(100_000);

export const block = z
  .object({
    id: z.string(),
    scope,
    service: z.string().nullable().describe('null: every service'),
    action: blockAction,
    perMinute: perMinute.optional().describe('Of a throttle: requests a minute on each endpoint that pass'),
    reason: z.string(),
    origin: z.enum(['person', 'policy', 'detector', 'feed']),
    createdBy: z.string(),
    createdAtMs: ms,
    expiresAtMs: ms.nullable(),
    unauthenticatedOnly: z.boolean().optional(),
    count: z.number().optional().describe('How often this scope was blocked, this time included'),
    hits: z.number(),
    lastHitMs: ms.nullable(),
    tried: z.array(z.object({ endpoint: z.string(), count: z.number() })).describe('What it was refused, most often first; at most 20'),
    notes: z.array(z.string()).optional().describe('Answer to a new entry: what it replaces, what covers it already, what lies in it'),
  })
  .meta({ id: 'Block' });

export const newBlock = z
  .strictObject({
    value: z.string().min(1).max(600).describe('Address, CIDR, AS64500, country code or principal key'),
    kind: scope.shape.kind.optional().describe('Recognised from the value where it is left out'),
    service: z.string().nullable().optional(),
    action: blockAction.optional(),
    perMinute: perMinute.optional().describe('For throttle; default 10'),
    reason: z.string().trim().max(1000).default(''),
    forMs: z.number().positive().nullable().optional().describe('Duration; null: until somebody removes it; absent: 4 hours'),
    expiresAtMs: ms.optional().describe('Instead of forMs'),
    unauthenticatedOnly: z.boolean().optional(),
    force: z.boolean().optional().describe('Also when it would block everybody, a trusted proxy, an upstream or yourself'),
  })
  .meta({ id: 'NewBlock' });

export const allowEntry = z
  .object({
    id: z.string(),
    scope,
    reason: z.string(),
    createdBy: z.string(),
    createdAtMs: ms,
    expiresAtMs: ms.nullable(),
    feed: z.string().nullable(),
  })
  .meta({ id: 'AllowEntry' });
export const allowForMs = z.number().positive().nullable().default(null).describe('Duration; null: until somebody removes it');

export const explanation = z
  .object({
    subject: z.string(),
    verdict: z.enum(['blocked', 'allowed', 'not-blocked', 'unknown']),
    text: z.string(),
    blocks: z.array(block),
    allows: z.array(allowEntry),
    incident: z
      .object({
        incidentId: z.string(),
        atMs: ms,
        policy: z.string().nullable(),
        rule: z.string().nullable(),
        blockId: z.string().nullable(),
        issueId: z.string().nullable(),
        message: z.string(),
      })
      .nullable(),
  })
  .meta({ id: 'BlockExplanation' });

export const feed = z
  .object({
    id: z.string(),
    name: z.string(),
    url: z.string(),
    format: z.enum(['text', 'csv', 'json', 'auto']),
    everyMs: z.number(),
    enabled: z.boolean(),
    entries: z.number(),
    refused: z.number().describe('Lines that are no entries'),
    duplicates: z.number().describe('Entries that were there before, in another spelling perhaps'),
    checkedAtMs: ms.nullable(),
    overridden: z.number().describe('Entries that the allowlist overrides'),
    hits: z.number(),
    loadedAtMs: ms.nullable(),
    error: z.string().nullable(),
    errors: z.array(z.object({ line: z.number(), text: z.string(), why: z.string().optional() })).describe('The first hundred'),
  })
  .meta({ id: 'Feed' });

export const newFeed = z
  .strictObject({
    name: z.string().min(1).max(100),
    url: z.string().min(1).max(2000).describe('http(s) URL or file path'),
    format: z.enum(['text', 'csv', 'json', 'auto']).default('auto'),
    everyMs: z.number().min(60_000).default(3_600_000),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'NewFeed' });
