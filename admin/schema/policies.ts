import { z } from 'zod';
import { ms, phase } from './common.js';

export const policyMode = z.enum(['enforce', 'observe', 'off', 'inherit']).meta({ id: 'PolicyMode' });

export const ruleStats = z
  .object({
    rule: z.string(),
    evaluations: z.number(),
    hits: z.number(),
    acted: z.number(),
    wouldAct: z.number(),
    errors: z.number(),
    meanNs: z.number().describe('Mean time of one evaluation'),
  })
  .meta({ id: 'RuleStats' });

export const policySummary = z
  .object({
    name: z.string(),
    title: z.string(),
    description: z.string(),
    origin: z.enum(['library', 'folder', 'ui']),
    file: z.string().describe('Path of a policy that comes from a file; empty for those of the UI'),
    readOnly: z.boolean(),
    mode: policyMode,
    percentage: z.number().nullable().describe('Roll-out of enforce in percent'),
    severity: z.string(),
    rules: z.array(ruleStats),
    hits: z.number(),
    acted: z.number(),
    wouldAct: z.number(),
    version: z.number(),
    changedAtMs: ms.nullable(),
    changedBy: z.string(),
    problem: z.string().nullable().describe('Why the present text is not in force (the last good one is)'),
  })
  .meta({ id: 'PolicySummary' });

export const policy = policySummary.extend({ text: z.string().describe('YAML') }).meta({ id: 'Policy' });

export const sourceProblem = z
  .object({
    severity: z.enum(['error', 'warning']),
    code: z.string(),
    message: z.string(),
    line: z.number().describe('From 1'),
    column: z.number().describe('From 1'),
    endLine: z.number().optional(),
    endColumn: z.number().optional(),
    hint: z.string().optional(),
  })
  .meta({ id: 'SourceProblem' });

export const caseResult = z
  .object({ name: z.string(), ok: z.boolean(), expected: z.string(), actual: z.string(), line: z.number().optional() })
  .meta({ id: 'PolicyCaseResult' });

export const checkedPolicy = z
  .object({ ok: z.boolean(), name: z.string().nullable(), problems: z.array(sourceProblem), cases: z.array(caseResult) })
  .meta({ id: 'CheckedPolicy' });

export const replayHit = z
  .object({
    exchangeId: z.string(),
    atMs: ms,
    service: z.string(),
    method: z.string(),
    target: z.string(),
    status: z.number(),
    rule: z.string(),
    phase,
    action: z.string(),
    message: z.string(),
  })
  .meta({ id: 'ReplayHit' });

export const replayResult = z
  .object({
    examined: z.number(),
    wouldAct: z.number(),
    alerts: z.number(),
    fromMs: ms,
    toMs: ms,
    complete: z.boolean().describe('false: more traffic was kept than the replay may look at'),
    rules: z.array(z.object({ policy: z.string(), rule: z.string(), hits: z.number() })).describe('Rules that fired, most hits first'),
    hits: z.array(replayHit),
  })
  .meta({ id: 'ReplayResult', description: '"would have blocked 3 of 18,204"' });

export const policyVersion = z
  .object({ name: z.string(), version: z.number(), text: z.string(), author: z.string(), atMs: ms, note: z.string(), deleted: z.boolean() })
  .meta({ id: 'PolicyVersion' });
