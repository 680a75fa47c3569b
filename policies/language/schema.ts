import { z } from 'zod';
import { SEVERITIES } from '../../exchange/index.js';
import { condition, match, RELATIONS, rateKey } from './conditions.js';
import { duration, oneOrMany, size, text, texts } from './value-tests.js';

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const name = z.string().regex(NAME, 'not a name: lower-case letters, digits, ".", "_" and "-", at most 100');
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a header name');
export const SIMPLE_ACTIONS = ['alert', 'block', 'redact', 'challenge', 'close'] as const;

/** What to do when a rule fires; several keys are done together. */
export const actions = z
  .strictObject({
    alert: z.literal(true).optional().describe('Record only.'),
    tag: texts.optional().describe('Put these tags on the exchange.'),
    allow: z
      .strictObject({
        reason: z.string().min(3).describe('Why; shown wherever the exception acts.'),
        until: z
          .union([
            z.literal('never'),
            z.string().regex(/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z)?$/, 'not a date such as 2027-03-31, or "never"'),
          ])
          .describe('Last moment of the exception (end of the day, UTC), or never.'),
        policies: texts.optional().describe('Policies that are excepted, names or globs; this one by default, "*" for all.'),
        rules: texts.optional().describe('Rules that are excepted, names or globs; all by default.'),
      })
      .optional()
      .describe('An exception: where this rule fires, the named rules do not act.'),
    redact: z
      .strictObject({
        fields: texts.optional().describe('Body fields: JSONPath, or a name at any depth.'),
        headers: texts.optional().describe('Headers, names or globs.'),
        style: z
          .enum(['shape', 'mask', 'hash', 'drop'])
          .optional()
          .describe(
            'shape (default): digits become 0, letters x, length and type stay. mask: every letter and digit becomes *. hash: a keyed hash. drop: the field is removed.',
          ),
        keep: z.number().int().min(0).max(8).optional().describe('Last letters and digits that stay, with shape and mask.'),
      })
      .optional()
      .describe('Change the message. Without fields and headers: what the conditions of the rule matched.'),
    block: z
      .strictObject({
        status: z.number().int().min(400).max(599).optional().describe('403 by default.'),
        template: z.string().optional().describe('Name of a block page of the service.'),
      })
      .optional()
      .describe('Answer instead of the upstream.'),
    throttle: z
      .strictObject({
        status: z.number().int().min(400).max(599).optional().describe('429 by default.'),
        retryAfter: duration
          .optional()
          .describe('Without limit: 30s by default. With limit, the client is told when the next token is there.'),
        limit: z
          .number()
          .int()
          .positive()
          .max(1_000_000)
          .optional()
          .describe('Tokens a window: every hit takes one, and the rule fires only when none is left. Without it every hit is refused.'),
        window: duration.optional().describe('Time in which so many tokens flow back; 1m by default.'),
        burst: z
          .number()
          .int()
          .positive()
          .max(1_000_000)
          .optional()
          .describe('Tokens that can be used at once; as many as limit by default.'),
        by: oneOrMany(rateKey).optional().describe('One bucket for each value of these; actor and endpoint by default.'),
      })
      .optional()
      .describe('Refuse for now, with Retry-After; with limit, by a token bucket that all gateways share.'),
    tarpit: z.strictObject({ delay: duration }).optional().describe('Hold the exchange back for this long, at most 30s.'),
    challenge: z
      .strictObject({
        header: headerName.optional().describe('x-weir-challenge by default.'),
        value: z.string().optional().describe('policy/rule by default.'),
      })
      .optional()
      .describe('Tell the application, by a header of the request, to ask for more proof.'),
    close: z.literal(true).optional().describe('Close the connection without an answer.'),
    'block-actor': z
      .strictObject({
        for: duration,
        escalate: z.boolean().optional().describe('Longer each time; true by default.'),
        reason: text.optional(),
      })
      .optional()
      .describe('Block the actor on every gateway.'),
    'require-header': z
      .strictObject({ name: headerName, value: text.optional().describe('Response phase: the value to add where the header is missing.') })
      .optional()
      .describe('Request phase: block with 400 (or the status of block) where the header is missing. Response phase: add it.'),
  })
  .meta({ id: 'Actions', description: 'What to do when the rule fires; several keys are done together.' });
export type Actions = z.infer<typeof actions>;

const mode = z.enum(['enforce', 'observe', 'off', 'inherit']);
const percent = z.number().min(0).max(100);
const rollout = z.union([percent, z.strictObject({ percent, by: z.enum(['request', 'client', 'principal']).optional() })]);

/** Keys that a policy sets for all of its rules, and a rule for itself. */
const shared = {
  mode: mode
    .optional()
    .describe(
      'enforce, observe, off, inherit (default). A rule takes its policy’s, a policy its service’s. A service in observe keeps every policy from acting.',
    ),
  rollout: rollout
    .optional()
    .describe('Percentage of exchanges on which rules act, by a stable hash; on the others they alert. 100 by default.'),
  severity: z
    .enum(SEVERITIES as [string, ...string[]])
    .optional()
    .describe('info, low, medium (default), high, critical.'),
  owasp: z.string().optional().describe('OWASP API Security Top 10 entry: API1:2023.'),
  cwe: z
    .string()
    .regex(/^CWE-\d+$/, 'not of the form CWE-89')
    .optional(),
  match: match.optional().describe('Where it applies.'),
  onError: z
    .enum(['open', 'closed'])
    .optional()
    .describe(
      'What a body that cannot be read, or not in one way only, (or a failing rule) means: open (default) the rule does not fire, closed it fires.',
    ),
  onOverflow: z
    .enum(['pass', 'block', 'inspect-prefix'])
    .optional()
    .describe('What a body longer than maxBody means: inspect-prefix (default), pass, or block: the rule fires.'),
};

export const rule = z
  .strictObject({
    rule: name.describe('Name of the rule, unique in its policy.'),
    description: z.string().optional(),
    phase: z.enum(['request', 'response']).optional().describe('request by default.'),
    ...shared,
    when: condition.optional().describe('Conditions; none: wherever it applies.'),
    action: z.union([z.enum(SIMPLE_ACTIONS), actions]).describe('A word, or a mapping of actions.'),
    message: text.optional().describe('One sentence for the person who reads the alert; it never holds the matched value.'),
    confidence: z.number().min(0).max(1).optional().describe('Confidence where the conditions give none; 1 by default.'),
  })
  .meta({ id: 'Rule' });
export type Rule = z.infer<typeof rule>;

const message = {
  headers: z.record(z.string(), oneOrMany(z.string())).optional(),
  json: z.unknown().optional().describe('Body as JSON; sets content-type unless given.'),
  form: z.record(z.string(), z.string()).optional().describe('Body as a form.'),
  text: z.string().optional().describe('Body as text.'),
  base64: z.string().optional().describe('Body as bytes.'),
};

/** What is known about the exchange of a case. */
const caseContext = z.strictObject({
  service: z.string().optional(),
  template: z.string().nullable().optional().describe('Template of the endpoint; the path by default, null for an unknown one.'),
  tags: z.array(z.string()).optional(),
  client: z.string().optional().describe('Address; 198.51.100.7 by default.'),
  principal: z
    .strictObject({ key: z.string(), kind: z.string().optional(), claims: z.record(z.string(), z.unknown()).optional() })
    .nullable()
    .optional()
    .describe('Read from the headers by default.'),
  country: z.string().optional(),
  asn: z.number().optional(),
  actorScore: z.number().optional(),
  access: z
    .strictObject({ relation: z.enum(RELATIONS), confidence: z.number().min(0).max(1), enforceable: z.boolean() })
    .optional()
    .describe('Verdict of learned ownership.'),
  schemaViolations: z.array(z.string()).optional(),
  anomalies: z.array(z.strictObject({ kind: z.string(), confidence: z.number() })).optional(),
  at: z.string().optional().describe('ISO time; 2026-06-01T12:00:00Z by default.'),
});

export const policyCase = z
  .strictObject({
    case: z.string().describe('What this shows, one sentence.'),
    request: z
      .strictObject({
        method: z.string().optional().describe('GET by default.'),
        target: z.string().optional().describe('/ by default.'),
        host: z.string().optional(),
        ...message,
      })
      .optional(),
    response: z.strictObject({ status: z.number().int().optional().describe('200 by default.'), ...message }).optional(),
    context: caseContext.optional(),
    times: z
      .number()
      .int()
      .positive()
      .max(10_000)
      .optional()
      .describe('Send it so often, one second apart unless every says otherwise; the last time counts.'),
    every: duration.optional(),
    fires: z.array(name).describe('The rules that fire, exactly; [] for none.'),
    action: z.enum(['pass', 'redact', 'block', 'throttle', 'tarpit', 'challenge', 'close']).optional().describe('What enforce does.'),
    after: z
      .strictObject({ json: z.unknown().optional(), contains: texts.optional(), lacks: texts.optional(), lacksHeader: texts.optional() })
      .optional()
      .describe('The message after redaction.'),
  })
  .meta({ id: 'Case' });
export type PolicyCase = z.infer<typeof policyCase>;

/** The whole document. */
export const policy = z
  .strictObject({
    policy: name.describe('Name, unique in the set.'),
    title: z.string().optional().describe('What it does, in a few words.'),
    description: z.string().optional(),
    remediation: z.string().optional().describe('What the owner of the API should do.'),
    references: z.array(z.string()).optional(),
    order: z
      .number()
      .int()
      .min(0)
      .max(1000)
      .optional()
      .describe('Lower first; 500 by default. Decides ties only, see "Order and precedence".'),
    maxBody: size.optional().describe('Longest body that its rules look at; 256KiB by default, at most 10MiB.'),
    ...shared,
    rules: z.array(rule).min(1).max(500),
    cases: z.array(policyCase).max(500).optional().describe('What must fire and what must not: weir policies test.'),
  })
  .meta({ id: 'Policy', title: 'weir policy', description: 'One policy: rules that share where they apply and how they act.' });
export type PolicyDocument = z.infer<typeof policy>;

/** JSON Schema (draft 2020-12) of a policy document, for editors. The same schema validates and makes docs/policy-reference.md. */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(policy, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
}
