import type { ActionKind } from '../../exchange/index.js';
import type { RedactStyle } from '../body/redact.js';
import { fieldSelector, type Selector } from '../body/select.js';
import type { Actions, Rule } from '../language/schema.js';
import { durationMs } from '../language/units.js';
import type { Decision } from '../types.js';
import type { TokenLimit } from './buckets.js';
import type { Facts } from './facts.js';
import { rateKey } from './learned.js';
import type { Scope } from './scope.js';
import { selectorOf } from './selectors.js';
import { asList, compileGlobs, type Predicate } from './values.js';

/** Strength of what the client sees; the strongest of all rules that act is done. */
export const STRENGTH: Readonly<Record<Decision['action'], number>> = {
  pass: 0,
  redact: 1,
  challenge: 2,
  tarpit: 3,
  throttle: 4,
  block: 5,
  close: 6,
};

export interface CompiledRedaction {
  readonly style: RedactStyle;
  readonly keep: number;
  /** null: what the conditions matched. */
  readonly fields: readonly Selector[] | null;
  readonly headers: Predicate<string> | null;
}

export interface CompiledAllow {
  readonly reason: string;
  /** Last moment, Unix epoch ms. */
  readonly untilMs: number;
  excepts(policy: string, rule: string): boolean;
}

/** A throttle that lets through what its buckets hold. */
export interface CompiledThrottle {
  readonly limit: TokenLimit;
  /** The bucket of a message; empty where there is nothing to count by. */
  keyOf(facts: Facts): string;
}

export interface CompiledActions {
  /** What an act is called: the strongest of the actions. */
  readonly kind: ActionKind;
  readonly decision: Decision['action'];
  readonly status: number;
  readonly template: string | null;
  readonly retryAfterS: number;
  readonly throttle: CompiledThrottle | null;
  readonly delayMs: number;
  readonly tags: readonly string[];
  readonly redact: CompiledRedaction | null;
  readonly challenge: readonly [string, string] | null;
  readonly requireHeader: { readonly name: string; readonly value: string | null } | null;
  readonly blockActor: { readonly durationMs: number; readonly escalate: boolean; readonly reason: string | null } | null;
  readonly allow: CompiledAllow | null;
}

const MAX_DELAY_MS = 30_000;
const MAX_WINDOW_MS = 86_400_000;

/** Compiles the actions of a rule. */
export function compileActions(rule: Rule, policy: string, phase: 'request' | 'response', scope: Scope): CompiledActions {
  const given: Actions = typeof rule.action === 'string' ? simple(rule.action) : rule.action;
  if (Object.keys(given).length === 0) scope.fail('POLICY_VALUE', 'the rule has no action', { expected: 'at least one action' });
  if (given.allow !== undefined && Object.keys(given).length > 1)
    scope.fail('POLICY_VALUE', 'allow cannot stand beside other actions', { expected: 'a rule of its own' });
  if (given['require-header']?.value === undefined && given['require-header'] !== undefined && phase === 'response')
    scope
      .at('require-header')
      .fail('POLICY_VALUE', 'in the response phase there is nothing to add', { expected: 'value: the text of the header' });
  if (given.challenge !== undefined && phase === 'response')
    scope.at('challenge').fail('POLICY_VALUE', 'the application has answered already', { expected: 'phase: request' });
  const delayMs = given.tarpit === undefined ? 0 : durationMs(given.tarpit.delay);
  if (delayMs > MAX_DELAY_MS)
    scope.at('tarpit', 'delay').fail('POLICY_VALUE', `${given.tarpit!.delay} is too long`, { expected: 'at most 30s' });
  const required = given['require-header'];
  const decisions: Decision['action'][] = ['pass'];
  if (given.redact !== undefined || (required !== undefined && phase === 'response')) decisions.push('redact');
  if (given.challenge !== undefined) decisions.push('challenge');
  if (given.tarpit !== undefined) decisions.push('tarpit');
  if (given.throttle !== undefined) decisions.push('throttle');
  if (given.block !== undefined || (required !== undefined && phase === 'request')) decisions.push('block');
  if (given.close !== undefined) decisions.push('close');
  const decision = decisions.reduce((a, b) => (STRENGTH[b] > STRENGTH[a] ? b : a));
  const blocks = decision === 'block';
  return {
    kind: kindOf(given, decision),
    decision,
    status: blocks
      ? (given.block?.status ?? (required !== undefined ? 400 : 403))
      : decision === 'throttle'
        ? (given.throttle?.status ?? 429)
        : 0,
    template: given.block?.template ?? null,
    retryAfterS: given.throttle === undefined ? 0 : Math.ceil(durationMs(given.throttle.retryAfter ?? '30s') / 1000),
    throttle: given.throttle?.limit === undefined ? null : compileThrottle(given.throttle, `${policy}/${rule.rule}`, scope.at('throttle')),
    delayMs,
    tags: given.tag === undefined ? [] : asList(given.tag),
    redact: given.redact === undefined ? null : compileRedaction(given.redact, scope.at('redact')),
    challenge:
      given.challenge === undefined
        ? null
        : [given.challenge.header ?? 'x-weir-challenge', given.challenge.value ?? `${policy}/${rule.rule}`],
    requireHeader: required === undefined ? null : { name: required.name.toLowerCase(), value: required.value ?? null },
    blockActor:
      given['block-actor'] === undefined
        ? null
        : {
            durationMs: durationMs(given['block-actor'].for),
            escalate: given['block-actor'].escalate ?? true,
            reason: given['block-actor'].reason ?? null,
          },
    allow: given.allow === undefined ? null : compileAllow(given.allow, policy, scope.at('allow')),
  };
}

function simple(word: string): Actions {
  switch (word) {
    case 'block':
      return { block: {} };
    case 'redact':
      return { redact: {} };
    case 'challenge':
      return { challenge: {} };
    case 'close':
      return { close: true };
    default:
      return { alert: true };
  }
}

function kindOf(given: Actions, decision: Decision['action']): ActionKind {
  if (given.allow !== undefined) return 'allow';
  if (given['require-header'] !== undefined && given.block === undefined && given.close === undefined) return 'require-header';
  if (decision !== 'pass') return decision;
  if (given['block-actor'] !== undefined) return 'block-actor';
  return given.alert === undefined && given.tag !== undefined ? 'tag' : 'alert';
}

function compileThrottle(throttle: NonNullable<Actions['throttle']>, id: string, scope: Scope): CompiledThrottle {
  const { limit = 1, window = '1m', burst, by = ['actor', 'endpoint'] } = throttle;
  const windowMs = durationMs(window);
  if (windowMs > MAX_WINDOW_MS) scope.at('window').fail('POLICY_VALUE', `${window} is too long`, { expected: 'at most 24h' });
  if (throttle.retryAfter !== undefined)
    scope
      .at('retryAfter')
      .fail('POLICY_VALUE', 'with limit, the bucket says when to come back', { expected: 'limit or retryAfter, not both' });
  const keys = asList(by).map((one) => rateKey(one, scope.at('by')));
  return {
    limit: { tokens: limit, windowMs, ...(burst === undefined ? {} : { burst }) },
    keyOf: (facts) => {
      const values = keys.map((key) => key(facts));
      return values.includes('') ? '' : `${id}|${values.join('|')}`;
    },
  };
}

function compileRedaction(redact: NonNullable<Actions['redact']>, scope: Scope): CompiledRedaction {
  const fields =
    redact.fields === undefined
      ? null
      : asList(redact.fields).flatMap((field) =>
          field.startsWith('$') ? (selectorOf(field, scope.at('fields')) ?? []) : fieldSelector(field),
        );
  return {
    style: redact.style ?? 'shape',
    keep: redact.keep ?? 0,
    fields: fields === null && redact.headers !== undefined ? [] : fields,
    headers: redact.headers === undefined ? null : compileGlobs(redact.headers, true),
  };
}

function compileAllow(allow: NonNullable<Actions['allow']>, policy: string, scope: Scope): CompiledAllow {
  const policies = compileGlobs(allow.policies ?? policy, false);
  const rules = compileGlobs(allow.rules ?? '*', false);
  let untilMs = Number.POSITIVE_INFINITY;
  if (allow.until !== 'never') {
    untilMs = Date.parse(allow.until.length === 10 ? `${allow.until}T23:59:59.999Z` : allow.until);
    if (Number.isNaN(untilMs))
      scope.at('until').fail('POLICY_VALUE', `"${allow.until}" is not a date`, { expected: 'a date such as 2027-03-31, or never' });
  }
  return { reason: allow.reason, untilMs, excepts: (name, rule) => policies(name) && rules(rule) };
}
