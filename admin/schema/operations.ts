import { z } from 'zod';
import { actor } from './attackers.js';
import { mode, ms, role, severity, trafficCounts, trafficPoint } from './common.js';
import { serviceMode } from './inventory.js';

export const sourceReport = z
  .object({
    id: z.string(),
    kind: z.enum(['gateway', 'sensor', 'import', 'engine', 'admin']),
    host: z.string(),
    version: z.string(),
    state: z.enum(['ok', 'degraded', 'silent']),
    startedAtMs: ms,
    seenAtMs: ms,
    requestsPerSecond: z.number(),
    lagMs: z.number(),
    dropped: z.number(),
    droppedBy: z.record(z.string(), z.number()).describe('By reason'),
    counters: z.record(z.string(), z.number()),
    problem: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Source', description: 'A process or capture that feeds weir, and how it is' });

export const sensorSetting = z
  .object({
    sources: z.array(
      z.discriminatedUnion('kind', [
        z.strictObject({
          kind: z.literal('live'),
          interface: z.string().min(1).max(64),
          filter: z.string().max(1000).optional().describe('BPF, e.g. tcp port 9000'),
          driver: z.enum(['tcpdump', 'cap']).optional().describe('tcpdump when absent'),
          bufferKib: z.number().int().min(64).max(4_194_304).optional().describe('Ring in the kernel; 131,072 when absent'),
        }),
        z.strictObject({ kind: z.literal('vxlan'), port: z.number().int().min(1).max(65_535).default(4789) }),
        z.strictObject({ kind: z.literal('geneve'), port: z.number().int().min(1).max(65_535).default(6081) }),
      ]),
    ),
  })
  .meta({ id: 'SensorSetting', description: 'What the sensor listens to, beside the sources of its configuration' });

export const selfTest = z
  .object({
    id: z.string(),
    startedAtMs: ms,
    state: z.enum(['running', 'passed', 'failed']),
    steps: z.array(
      z.object({ name: z.string(), state: z.enum(['waiting', 'ok', 'failed']), tookMs: z.number().nullable(), text: z.string() }),
    ),
  })
  .meta({ id: 'SelfTest', description: 'A marked request, followed from the gateway to this API' });

export const overview = z
  .object({
    fromMs: ms,
    toMs: ms,
    stepMs: z.number(),
    traffic: z.array(trafficPoint),
    totals: trafficCounts,
    services: z.array(
      z.object({
        name: z.string(),
        mode: serviceMode,
        requests: z.number(),
        blocked: z.number(),
        wouldBlock: z.number(),
        openIssues: z.number(),
      }),
    ),
    endpoints: z.object({ total: z.number(), added: z.number().describe('First seen in the span') }),
    newEndpoints: z.array(
      z.object({ id: z.string(), service: z.string(), method: z.string(), template: z.string(), firstSeenMs: ms, risk: z.number() }),
    ),
    openIssues: z.array(z.object({ severity, count: z.number() })),
    topActors: z.array(actor),
    sensitiveData: z.array(z.object({ type: z.string(), phase: z.string(), count: z.number() })),
    coverage: z
      .object({ matched: z.number(), unmatched: z.number(), percent: z.number().nullable() })
      .describe('Traffic that matched a known endpoint'),
    health: z.object({
      state: z.enum(['ok', 'degraded']),
      dropped: z.number(),
      lagMs: z.number(),
      sources: z.number(),
      silentSources: z.number(),
      text: z.string(),
      reasons: z.array(z.string()).describe('Why it is degraded'),
    }),
  })
  .meta({ id: 'Overview' });

export const retention = z
  .object({
    minuteCounterHours: z.number().min(1),
    counterDays: z.number().min(1),
    findingDays: z.number().min(1),
    sampleDays: z.number().min(0),
    evidenceDays: z.number().min(0),
    realValueDays: z.number().min(0).max(90).describe('Sealed real values of evidence, where they are kept'),
    actorEventDays: z.number().min(1),
    actorDays: z.number().min(1),
    auditDays: z.number().min(30),
    scanRunDays: z.number().min(1),
    samplesPerEndpoint: z.number().min(0),
    samplesInAll: z.number().min(0),
    findingsInAll: z.number().min(1000),
    actorEventsInAll: z.number().min(1000),
    diskCapBytes: z.number().min(16 * 1024 * 1024),
  })
  .meta({ id: 'Retention' });

export const redaction = z
  .object({
    keepReal: z
      .boolean()
      .describe('Evidence keeps its real values too, sealed with the key of the data folder; an admin may see them, with a reason'),
    secretNames: z
      .array(z.string().trim().min(1).max(200))
      .max(500)
      .describe('Names of headers, query parameters and fields that are masked beside the well-known ones'),
  })
  .meta({ id: 'Redaction' });

export const dataType = z
  .object({
    id: z.string(),
    title: z.string(),
    sensitivity: z.string(),
    builtIn: z.boolean(),
    enabled: z.boolean(),
    fieldNames: z.array(z.string()),
    pattern: z.string().nullable().describe('Regular expression of an own type'),
    keywords: z.array(z.string()),
    requireKeywords: z.boolean(),
    validator: z.string().nullable(),
    caseSensitive: z.boolean(),
    examples: z.object({ match: z.array(z.string()), ignore: z.array(z.string()) }),
    version: z.number(),
  })
  .meta({ id: 'DataType' });

export const newDataType = z
  .strictObject({
    title: z.string().min(1).max(100),
    sensitivity: z.enum(['low', 'medium', 'high']).default('high'),
    enabled: z.boolean().default(true),
    fieldNames: z
      .array(z.string().max(200))
      .max(200)
      .default([])
      .describe('Names under which a matching value is certain; without a pattern, every value under one of them is meant'),
    pattern: z.string().max(1000).nullable().default(null).describe('RE2; null: the field names alone tell'),
    keywords: z.array(z.string().max(200)).max(200).default([]).describe('Words nearby that speak for a match of the pattern'),
    requireKeywords: z.boolean().default(false).describe('Only next to a keyword or under a field name'),
    validator: z.string().max(40).nullable().default(null).describe('Check that a value must pass: luhn, mod97, verhoeff, iban, card'),
    caseSensitive: z.boolean().default(true),
    examples: z
      .object({ match: z.array(z.string().max(500)).max(50), ignore: z.array(z.string().max(500)).max(50) })
      .default({ match: [], ignore: [] }),
  })
  .meta({ id: 'NewDataType' });

export const dataHit = z
  .object({ type: z.string(), path: z.string(), confidence: z.number(), excerpt: z.string(), count: z.number() })
  .meta({ id: 'DataHit' });

export const integrationKind = z
  .object({
    kind: z.string(),
    title: z.string(),
    description: z.string(),
    schema: z.unknown().describe('JSON Schema of the config; the form is drawn from it'),
  })
  .meta({ id: 'IntegrationKind' });

export const integration = z
  .object({
    id: z.string(),
    kind: z.string(),
    name: z.string(),
    enabled: z.boolean(),
    minSeverity: severity,
    services: z.array(z.string()).describe('Empty: all'),
    config: z.record(z.string(), z.unknown()).describe('Secrets read as "•••"; sent back unchanged they stay as they are'),
    version: z.number(),
    updatedMs: ms,
    updatedBy: z.string(),
  })
  .meta({ id: 'Integration' });

export const newIntegration = z
  .strictObject({
    kind: z.string().min(1),
    name: z.string().min(1).max(100),
    enabled: z.boolean().default(true),
    minSeverity: severity.default('medium'),
    services: z.array(z.string()).default([]),
    config: z.record(z.string(), z.unknown()).default({}),
  })
  .meta({ id: 'NewIntegration' });

export const delivery = z
  .object({
    id: z.string(),
    integrationId: z.string(),
    createdMs: ms,
    nextTryMs: ms,
    attempts: z.number(),
    state: z.enum(['waiting', 'delivered', 'given-up']),
    lastError: z.string(),
    notice: z.unknown(),
  })
  .meta({ id: 'Delivery' });

export const user = z
  .object({
    id: z.string(),
    name: z.string(),
    email: z.string(),
    role,
    disabled: z.boolean(),
    hasPassword: z.boolean(),
    singleSignOn: z.boolean(),
    createdMs: ms,
    lastLoginMs: ms,
    lockedUntilMs: ms,
    version: z.number(),
  })
  .meta({ id: 'User' });

export const token = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    scopes: z.array(z.string()),
    createdMs: ms,
    expiresMs: ms.nullable(),
    lastUsedMs: ms,
    owner: z.string().nullable(),
  })
  .meta({ id: 'Token' });

export const session = z
  .object({
    name: z.string(),
    role,
    kind: z.enum(['user', 'token', 'local']),
    csrf: z.string().nullable().describe('Send it in X-CSRF-Token with every write'),
    scopes: z.array(z.string()),
    passwordSet: z.boolean(),
    version: z.string(),
  })
  .meta({ id: 'Session' });

export const auditEntry = z
  .object({
    id: z.string(),
    atMs: ms,
    actor: z.string(),
    action: z.string(),
    target: z.string(),
    outcome: z.enum(['ok', 'refused', 'failed']),
    address: z.string(),
    detail: z.unknown(),
  })
  .meta({ id: 'AuditEntry' });

export const savedView = z
  .object({
    id: z.string(),
    page: z.string(),
    name: z.string(),
    query: z.string(),
    shared: z.boolean(),
    owner: z.string(),
    version: z.number(),
  })
  .meta({ id: 'SavedView' });

export const incident = z
  .object({
    incidentId: z.string(),
    atMs: ms.nullable(),
    text: z.string().describe('What acted and why, for the person who looks it up'),
    policy: z.string().nullable(),
    rule: z.string().nullable(),
    blockId: z.string().nullable(),
    issueId: z.string().nullable(),
    findingIds: z.array(z.string()),
    exchangeId: z.string().nullable(),
    actorId: z.string().nullable(),
    mode: mode.nullable(),
  })
  .meta({ id: 'Incident' });
