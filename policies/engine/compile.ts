import { createHash } from 'node:crypto';
import type { ActionKind, Severity } from '../../exchange/index.js';
import { PolicyError, type PolicyProblem } from '../errors.js';
import type { PolicyDocument, Rule } from '../language/schema.js';
import { type ParsedPolicy, type PolicySource, parseSource } from '../language/source.js';
import { sizeBytes } from '../language/units.js';
import type { Overflow, PolicyInfo } from '../types.js';
import { type CompiledActions, compileActions } from './actions.js';
import { type Check, compileCondition, type Needs } from './checks.js';
import { type CompiledMatch, compileMatch } from './match.js';
import { ASKS_NOTHING, type Asks } from './presence.js';
import { Scope, type Tools } from './scope.js';

/** A rule ready to run. */
export interface CompiledRule {
  /** Position in the set, for counters. */
  readonly index: number;
  readonly policy: string;
  readonly rule: string;
  readonly phase: 'request' | 'response';
  /** `observe` never acts; `enforce` acts where the service's mode lets it. */
  readonly mode: 'enforce' | 'observe';
  /** 0–100, and what the hash is taken of. */
  readonly rollout: { readonly percent: number; readonly by: 'request' | 'client' | 'principal' };
  readonly severity: Severity;
  readonly owasp: string | undefined;
  readonly cwe: string | undefined;
  readonly message: string;
  readonly confidence: number;
  readonly matches: readonly CompiledMatch[];
  readonly check: Check | null;
  /** What a message must have for the check to hold. */
  readonly asks: Asks;
  readonly needs: Needs;
  readonly maxBodyBytes: number;
  readonly onError: 'open' | 'closed';
  readonly onOverflow: Overflow;
  readonly actions: CompiledActions;
  /** It can change what happens to the exchange, so it runs in the gateway; all others run in the engine. */
  readonly inline: boolean;
}

/** How a running weir changes what the files say, by policy name or `policy/rule`. */
export interface ModeOverride {
  readonly mode?: 'enforce' | 'observe' | 'off' | 'inherit';
  readonly rollout?: number;
}

export interface CompiledPolicies {
  readonly version: string;
  readonly rules: readonly CompiledRule[];
  readonly policies: readonly PolicyInfo[];
  readonly documents: readonly ParsedPolicy[];
}

const DEFAULT_MAX_BODY = 262_144;
const LARGEST_MAX_BODY = 10_485_760;
const MAX_POLICIES = 5000;
const MAX_RULES = 20_000;
/** Regular expressions in one set. */
const MAX_REGEXES = 5000;
const INLINE_KINDS: ReadonlySet<ActionKind> = new Set<ActionKind>([
  'redact',
  'block',
  'throttle',
  'tarpit',
  'challenge',
  'close',
  'require-header',
  'allow',
]);

const parsedBefore = new WeakMap<PolicySource, readonly ParsedPolicy[]>();

/** Reading a text costs the thread of the gateway more than all else; a source that is the same object is not read again. */
function parsedOf(source: PolicySource, problems: PolicyProblem[]): readonly ParsedPolicy[] {
  const known = parsedBefore.get(source);
  if (known !== undefined) return known;
  const before = problems.length;
  const parsed = parseSource(source, problems);
  if (problems.length === before) parsedBefore.set(source, parsed);
  return parsed;
}

/** One policy as it was last compiled, and what with. */
interface CompiledPolicy {
  readonly tools: Tools;
  readonly overrides: string;
  readonly rules: readonly (CompiledRule | null)[];
  readonly regexes: number;
}

const compiledBefore = new WeakMap<ParsedPolicy, CompiledPolicy>();

/** A policy whose text, tools and overrides are what they were is not compiled again: of a folder that changes, most files stay as they are. */
function compiledOf(
  parsed: ParsedPolicy,
  tools: Tools,
  problems: PolicyProblem[],
  budget: { regexes: number },
  overrides: ReadonlyMap<string, ModeOverride>,
): readonly (CompiledRule | null)[] {
  const { policy, rules } = parsed.document;
  const asked = JSON.stringify([policy, ...rules.map(({ rule }) => `${policy}/${rule}`)].map((name) => overrides.get(name) ?? 0));
  const known = compiledBefore.get(parsed);
  if (known !== undefined && known.tools === tools && known.overrides === asked) {
    budget.regexes += known.regexes;
    return known.rules;
  }
  const before = { problems: problems.length, regexes: budget.regexes };
  const compiled = compilePolicy(parsed, new Scope(tools, parsed, [], problems, budget), overrides);
  if (problems.length === before.problems)
    compiledBefore.set(parsed, { tools, overrides: asked, rules: compiled, regexes: budget.regexes - before.regexes });
  return compiled;
}

/**
 * Parses, validates and compiles all files. Throws PolicyError with everything that is wrong, in the order of files and lines. Yields after each
 * file and each policy, so that a thread with more to do can do it in between; nothing is in force before the end.
 */
export function* compileSteps(
  files: readonly PolicySource[],
  tools: Tools,
  overrides: ReadonlyMap<string, ModeOverride>,
): Generator<void, CompiledPolicies, void> {
  const problems: PolicyProblem[] = [];
  const documents: ParsedPolicy[] = [];
  for (const file of files) {
    documents.push(...parsedOf(file, problems));
    yield;
  }
  refuseDuplicates(documents, problems);
  const ordered = [...documents].sort(
    (a, b) => (a.document.order ?? 500) - (b.document.order ?? 500) || compareText(a.document.policy, b.document.policy),
  );
  const rules: CompiledRule[] = [];
  const budget = { regexes: 0 };
  for (const parsed of ordered) {
    const policyMode = overrides.get(parsed.document.policy)?.mode ?? parsed.document.mode ?? 'inherit';
    // Rules that are off are compiled too: a mistake must not hide until somebody switches them on.
    const compiled = compiledOf(parsed, tools, problems, budget, overrides);
    if (policyMode !== 'off') for (const rule of compiled) if (rule !== null) rules.push({ ...rule, index: rules.length });
    yield;
  }
  if (documents.length > MAX_POLICIES || rules.length > MAX_RULES) {
    const last = documents[documents.length - 1];
    problems.push(
      last.problem('POLICY_LIMIT', [], `the set holds ${documents.length} policies and ${rules.length} rules`, {
        expected: `at most ${MAX_POLICIES} policies and ${MAX_RULES} rules`,
      }),
    );
  }
  if (budget.regexes > MAX_REGEXES)
    problems.push(
      documents[documents.length - 1].problem('POLICY_LIMIT', [], `the set holds ${budget.regexes} regular expressions`, {
        expected: `at most ${MAX_REGEXES}`,
      }),
    );
  if (problems.length > 0) throw new PolicyError(inOrder(problems, files));
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file.origin}\0${file.file}\0${file.text}\0`);
  hash.update(JSON.stringify([...overrides]));
  return {
    version: hash.digest('hex').slice(0, 16),
    rules,
    policies: ordered.map((parsed) => infoOf(parsed, overrides)),
    documents: ordered,
  };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function inOrder(problems: readonly PolicyProblem[], files: readonly PolicySource[]): PolicyProblem[] {
  const rank = new Map(files.map((file, index) => [file.file, index]));
  return [...problems].sort((a, b) => (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) || a.line - b.line || a.column - b.column);
}

function refuseDuplicates(documents: readonly ParsedPolicy[], problems: PolicyProblem[]): void {
  const seen = new Map<string, ParsedPolicy>();
  for (const parsed of documents) {
    const { policy, rules } = parsed.document;
    const first = seen.get(policy);
    if (first === undefined) seen.set(policy, parsed);
    else
      problems.push(
        parsed.problem('POLICY_DUPLICATE', ['policy'], `there is already a policy "${policy}" in ${first.source.file}`, {
          expected: 'a name of its own',
        }),
      );
    const names = new Set<string>();
    for (const [index, { rule }] of rules.entries()) {
      if (names.has(rule))
        problems.push(
          parsed.problem('POLICY_DUPLICATE', ['rules', index, 'rule'], `there is already a rule "${rule}" in this policy`, {
            expected: 'a name of its own',
          }),
        );
      names.add(rule);
    }
    for (const [index, one] of (parsed.document.cases ?? []).entries()) {
      for (const [at, name] of one.fires.entries()) {
        if (!names.has(name))
          problems.push(
            parsed.problem('POLICY_VALUE', ['cases', index, 'fires', at], `"${name}" is not a rule of this policy`, {
              expected: `one of ${[...names].join(', ')}`,
            }),
          );
      }
    }
  }
}

function compilePolicy(parsed: ParsedPolicy, scope: Scope, overrides: ReadonlyMap<string, ModeOverride>): (CompiledRule | null)[] {
  const { document } = parsed;
  const policyMatch = compileMatch(document.match, scope.at('match'));
  const maxBodyBytes = sizeBytes(document.maxBody ?? DEFAULT_MAX_BODY);
  if (maxBodyBytes > LARGEST_MAX_BODY)
    scope.at('maxBody').fail('POLICY_VALUE', `${document.maxBody} is too large`, { expected: 'at most 10MiB' });
  return document.rules.map((rule, index) => {
    const inner = scope.at('rules', index);
    const phase = rule.phase ?? 'request';
    if (phase === 'request' && document.match?.status !== undefined)
      scope
        .at('match', 'status')
        .fail('POLICY_VALUE', `rule "${rule.rule}" runs before there is a status`, { expected: 'phase: response in every rule' });
    if (phase === 'request' && usesStatus(rule))
      inner.fail('POLICY_VALUE', `rule "${rule.rule}" asks for the status, which a request does not have`, { expected: 'phase: response' });
    const needs: Needs = { requestBody: false, responseBody: false, ownership: false };
    const actions = compileActions(rule, document.policy, phase, inner.at('action'));
    const isException = actions.allow !== null;
    const own = compileMatch(rule.match, inner.at('match'), isException);
    const condition = rule.when === undefined ? null : compileCondition(rule.when, phase, inner.at('when'), needs, isException);
    if (actions.redact !== null && (actions.redact.fields === null || actions.redact.fields.length > 0)) {
      // Without a condition on the body there may be headers to redact only; a named field always needs it.
      const named = actions.redact.fields !== null;
      if (named && phase === 'request') needs.requestBody = true;
      if (named && phase === 'response') needs.responseBody = true;
    }
    const mode = effectiveMode(document, rule, overrides);
    if (mode === 'off') return null;
    return {
      index: 0,
      policy: document.policy,
      rule: rule.rule,
      phase,
      mode: mode === 'observe' ? 'observe' : 'enforce',
      rollout: rolloutOf(document, rule, overrides),
      severity: (rule.severity ?? document.severity ?? 'medium') as Severity,
      owasp: rule.owasp ?? document.owasp,
      cwe: rule.cwe ?? document.cwe,
      message: rule.message ?? rule.description ?? document.title ?? document.policy,
      confidence: rule.confidence ?? 1,
      matches: [policyMatch, own],
      check: condition?.check ?? null,
      asks: condition?.asks ?? ASKS_NOTHING,
      needs,
      maxBodyBytes,
      onError: rule.onError ?? document.onError ?? 'open',
      onOverflow: rule.onOverflow ?? document.onOverflow ?? 'inspect-prefix',
      actions,
      inline: mode !== 'observe' && INLINE_KINDS.has(actions.kind),
    };
  });
}

const usesStatus = (rule: Rule): boolean => rule.match?.status !== undefined || /"status":/.test(JSON.stringify(rule.when ?? null));

function effectiveMode(
  document: PolicyDocument,
  rule: Rule,
  overrides: ReadonlyMap<string, ModeOverride>,
): 'enforce' | 'observe' | 'off' | 'inherit' {
  const given = overrides.get(`${document.policy}/${rule.rule}`)?.mode ?? rule.mode;
  if (given !== undefined && given !== 'inherit') return given;
  return overrides.get(document.policy)?.mode ?? document.mode ?? 'inherit';
}

function rolloutOf(document: PolicyDocument, rule: Rule, overrides: ReadonlyMap<string, ModeOverride>): CompiledRule['rollout'] {
  const given = rule.rollout ?? document.rollout ?? 100;
  const stated =
    typeof given === 'number'
      ? { percent: given, by: 'request' as const }
      : { percent: given.percent, by: given.by ?? ('request' as const) };
  const percent = overrides.get(`${document.policy}/${rule.rule}`)?.rollout ?? overrides.get(document.policy)?.rollout;
  return percent === undefined ? stated : { ...stated, percent };
}

function infoOf(parsed: ParsedPolicy, overrides: ReadonlyMap<string, ModeOverride>): PolicyInfo {
  const { document, source } = parsed;
  return {
    name: document.policy,
    title: document.title ?? document.policy,
    file: source.file,
    origin: source.origin,
    mode: overrides.get(document.policy)?.mode ?? document.mode ?? 'inherit',
    rules: document.rules.map((rule) => rule.rule),
    severity: document.severity ?? 'medium',
    description: document.description ?? '',
  };
}
