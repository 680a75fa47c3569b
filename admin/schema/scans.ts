import { z } from 'zod';
import { ms, severity } from './common.js';

export const scanTest = z
  .object({
    id: z.string(),
    name: z.string(),
    category: z.string(),
    subCategory: z.string(),
    severity,
    owasp: z.string(),
    cwe: z.string(),
    description: z.string(),
    remediation: z.string(),
    references: z.array(z.string()),
    tags: z.array(z.string()),
    intrusive: z.boolean(),
    origin: z.enum(['library', 'folder', 'ui']),
    file: z.string(),
    enabled: z.boolean(),
    problem: z.string().nullable(),
  })
  .meta({ id: 'ScanTest' });

export const authContext = z
  .object({
    id: z.string(),
    name: z.string(),
    service: z.string(),
    role: z.string().describe('Order of roles decides function-level tests'),
    kind: z.enum(['none', 'header', 'login', 'form', 'oauth2', 'cookies', 'basic', 'mtls', 'learned']),
    config: z.record(z.string(), z.unknown()).describe('Secrets read as "•••"; sent back unchanged they stay as they are'),
    state: z.enum(['ok', 'failing', 'unknown']),
    checkedAtMs: ms.nullable(),
    problem: z.string().nullable(),
    version: z.number(),
  })
  .meta({ id: 'AuthContext' });

export const newAuthContext = z
  .strictObject({
    name: z.string().min(1).max(100),
    service: z.string().min(1),
    role: z.string().max(100).default(''),
    kind: authContext.shape.kind,
    config: z.record(z.string(), z.unknown()).default({}),
  })
  .meta({ id: 'NewAuthContext' });

export const scanDefinition = z
  .object({
    targetUrl: z.string().nullable().default(null).describe('null: the upstream of the service'),
    allowHosts: z.array(z.string()).default([]).describe('Hosts that may be called besides the target'),
    endpoints: z
      .object({
        ids: z.array(z.string()).optional(),
        tag: z.string().optional(),
        search: z.string().optional(),
        changedOnly: z.boolean().optional(),
      })
      .default({})
      .describe('Empty: every endpoint of the service'),
    authContexts: z.array(z.string()).default([]).describe('Ids'),
    categories: z.array(z.string()).default([]).describe('Empty: all that are enabled'),
    tests: z.array(z.string()).default([]).describe('Ids; in addition to the categories'),
    intrusive: z.boolean().default(false),
    requestsPerSecond: z.number().positive().max(10_000).default(20),
    concurrency: z.number().int().positive().max(256).default(4),
    maxMinutes: z.number().positive().default(60),
    maxRequests: z.number().positive().default(100_000),
  })
  .meta({ id: 'ScanDefinition' });

export const scan = z
  .object({
    id: z.string(),
    name: z.string(),
    service: z.string(),
    definition: scanDefinition,
    cron: z.string().describe('Empty: started by hand'),
    zone: z.string(),
    enabled: z.boolean(),
    nextRunMs: ms.nullable(),
    createdMs: ms,
    createdBy: z.string(),
    updatedMs: ms,
    version: z.number(),
  })
  .meta({ id: 'Scan' });

export const newScan = z
  .strictObject({
    name: z.string().min(1).max(200),
    service: z.string().min(1),
    definition: scanDefinition,
    cron: z.string().max(200).default(''),
    zone: z.string().max(100).default('UTC'),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'NewScan' });

export const scanProgress = z
  .object({ done: z.number(), total: z.number(), requests: z.number(), current: z.string() })
  .partial()
  .meta({ id: 'ScanProgress' });
export const scanSummary = z
  .object({ vulnerable: z.number(), safe: z.number(), skipped: z.number(), errors: z.number(), problem: z.string() })
  .partial()
  .meta({ id: 'ScanSummary' });

export const scanRun = z
  .object({
    id: z.string(),
    scanId: z.string(),
    service: z.string(),
    state: z.enum(['queued', 'running', 'paused', 'finished', 'stopped', 'failed']),
    trigger: z.enum(['schedule', 'person', 'deploy', 'retest']),
    startedMs: ms,
    finishedMs: ms.nullable(),
    stopRequested: z.boolean(),
    progress: scanProgress,
    summary: scanSummary,
  })
  .meta({ id: 'ScanRun' });

export const scanResult = z
  .object({
    id: z.string(),
    runId: z.string(),
    testId: z.string(),
    testName: z.string().describe('The id again where the test is not there any more'),
    endpointId: z.string(),
    method: z.string(),
    template: z.string(),
    verdict: z.string().describe('vulnerable, safe, skipped, error'),
    severity,
    atMs: ms,
    issueId: z.string().nullable(),
    body: z.unknown().describe('Proof: { explanation, exchanges: [{ request, response, note }] }'),
  })
  .meta({ id: 'ScanResult' });

export const scanComparison = z
  .object({ run: z.string(), with: z.string(), added: z.array(scanResult), gone: z.array(scanResult), same: z.number() })
  .meta({ id: 'ScanComparison' });
