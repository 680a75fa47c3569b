import { z } from 'zod';
import { actorRef, endpointRef, evidence, ms, severity } from './common.js';

export const issueStatus = z.enum(['open', 'accepted', 'fixed', 'reopened']).meta({ id: 'IssueStatus' });

const summaryShape = {
  id: z.string(),
  fingerprint: z.string(),
  kind: z.string().describe('Dotted, e.g. bola.foreign-object'),
  title: z.string(),
  severity,
  confidence: z.number().describe('0–1'),
  priority: z.number().describe('Severity × confidence, 0–100'),
  service: z.string(),
  endpointId: z.string().nullable(),
  method: z.string(),
  template: z.string(),
  actorId: z.string().nullable(),
  source: z.string().describe('detector:ID, policy:NAME, scan:TEST, inventory:ID'),
  owasp: z.string().describe('OWASP API 2023 id, may be empty'),
  status: issueStatus,
  statusAtMs: ms,
  statusBy: z.string(),
  statusReason: z.string(),
  acceptedUntilMs: ms.nullable(),
  assignee: z.string(),
  firstSeenMs: ms,
  lastSeenMs: ms,
  occurrences: z.number(),
  acted: z.number().describe('How often weir acted on it'),
  succeeded: z.number().describe('How often the attempt got through'),
  version: z.number(),
};

export const issueSummary = z.object(summaryShape).meta({ id: 'IssueSummary' });

export const issueEvidence = z
  .object({
    findingId: z.string(),
    atMs: ms,
    explanation: z.string(),
    actor: actorRef.nullable(),
    exchangeIds: z.array(z.string()).describe('GET /exchanges/{id} shows them, while they are kept'),
    requestIds: z.array(z.string()),
    beforeIds: z.array(z.string()).describe('Exchanges that the same actor sent before, oldest first; no part of what is accused'),
    evidence: z.array(evidence),
  })
  .meta({ id: 'IssueEvidence' });

export const issue = z
  .object({
    ...summaryShape,
    explanation: z.string().describe('What happened, with the numbers'),
    remediation: z.string(),
    cwe: z.string(),
    evidence: z.array(issueEvidence).describe('The first proof and the latest four'),
  })
  .meta({ id: 'Issue' });

export const issueEvent = z
  .object({
    id: z.string(),
    issueId: z.string(),
    atMs: ms,
    kind: z.enum(['opened', 'reopened', 'status', 'assigned', 'comment', 'linked']),
    by: z.string(),
    text: z.string(),
    detail: z.unknown(),
  })
  .meta({ id: 'IssueEvent' });

export const issueCount = z.object({ service: z.string(), status: issueStatus, severity, count: z.number() }).meta({ id: 'IssueCount' });

export const finding = z
  .object({
    id: z.string(),
    kind: z.string(),
    atMs: ms,
    service: z.string(),
    endpoint: endpointRef.nullable(),
    actor: actorRef.nullable(),
    client: z.string().nullable(),
    severity,
    confidence: z.number(),
    title: z.string(),
    explanation: z.string(),
    owasp: z.string().optional(),
    cwe: z.string().optional(),
    source: z.object({ kind: z.enum(['policy', 'detector', 'scan', 'inventory']), id: z.string() }),
    effect: z.enum(['none', 'would-act', 'acted']),
    succeeded: z.boolean().nullable(),
    exchangeIds: z.array(z.string()),
    requestIds: z.array(z.string()),
    beforeIds: z
      .array(z.string())
      .optional()
      .describe('Exchanges that the same actor sent before, oldest first; no part of what is accused'),
    incidentId: z.string().optional(),
    evidence: z.array(evidence),
    remediation: z.string(),
    fingerprint: z.string(),
    issueId: z.string(),
  })
  .meta({ id: 'Finding', description: 'One immutable report; findings of one fingerprint are one issue' });

export const policyDraft = z
  .object({ name: z.string(), text: z.string().describe('YAML'), explanation: z.string() })
  .meta({ id: 'PolicyDraft', description: 'A policy made from an issue, to be looked at, replayed and saved' });

export const bulkResult = z
  .object({ changed: z.number(), failed: z.array(z.object({ id: z.string(), code: z.string(), detail: z.string() })) })
  .meta({ id: 'BulkResult' });
