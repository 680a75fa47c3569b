import type { Act, Phase } from '../../exchange/index.js';
import type { ContentLimits } from '../body/content.js';
import type { Decision, EvaluationContext, RequestView, ResponseView } from '../types.js';
import { type CompiledThrottle, STRENGTH } from './actions.js';
import type { CompiledRule } from './compile.js';
import { Facts, RequestFacts } from './facts.js';
import { Hit } from './hit.js';
import { mutationOf, type RedactionOrder } from './mutate.js';
import type { PlannedPhase, PlannedRule } from './plan.js';
import { inRollout } from './rollout.js';
import { NO, type Tools, UNSURE, YES } from './scope.js';
import type { Counters } from './stats.js';

/** The decision when nothing fired. */
export const PASS: Decision = Object.freeze({
  action: 'pass',
  wouldAction: 'pass',
  acts: [],
  tags: [],
  mutation: null,
  status: 0,
  template: null,
  retryAfterS: 0,
  delayMs: 0,
  blockActor: null,
} satisfies Decision);

/** What stays the same for all messages of a set. */
export interface Engine {
  readonly tools: Tools;
  readonly limits: ContentLimits;
  readonly counters: Counters;
  /** Of the rule that is looked at: there is one at a time. */
  readonly hit: Hit;
}

/** What is known of a request; the same for both of its phases. */
export function requestFacts(request: RequestView, limits: ContentLimits): RequestFacts {
  const known = request.memo;
  if (known instanceof RequestFacts) return known;
  const facts = new RequestFacts(request, limits);
  // Not in a WeakMap: what one holds for a request outlives collections of the young generation, and with it all that the request led to.
  request.memo = facts;
  return facts;
}

const NO_ACTS: readonly Act[] = [];

interface Fired {
  readonly rule: CompiledRule;
  readonly act: Act;
  readonly decision: Decision['action'];
  /** In the roll-out: it acts, or would. */
  readonly counts: boolean;
  /** It acts: mode and roll-out agree. */
  readonly acts: boolean;
  /** It may put the actor on the blocklist: where weir only listens, that is what is left to do. */
  readonly bans: boolean;
  readonly redaction: RedactionOrder | null;
  readonly retryAfterS: number;
}

/**
 * Runs the rules of one phase. Every rule that applies is looked at, in order, whatever others decided: so modes change what is done, and never
 * what is found. A rule that asks for what the message does not have cannot hold, and is passed over. Never throws.
 *
 * `mutates`: false where the message has gone already, so that nobody would take a changed one.
 */
export function evaluate(
  engine: Engine,
  phase: Phase,
  planned: PlannedPhase,
  request: RequestFacts,
  response: ResponseView | null,
  context: EvaluationContext,
  mutates = true,
): Decision {
  if (planned.rules.length === 0) return PASS;
  const facts = new Facts(phase, request, response, context, engine.tools, engine.limits);
  const rules = planned.asks ? planned.fittingTo(facts.presence()) : planned.rules;
  let lifted: Lifted | null = null;
  let fired: Fired[] | null = null;
  const timeWeight = engine.counters.timeWeight();
  for (let index = 0; index < rules.length; index++) {
    const one = rules[index];
    if (one.exceptions.length > 0) lifted ??= new Lifted(engine, facts);
    const result = run(engine, one, facts, engine.hit, lifted, timeWeight);
    if (result === null) continue;
    fired ??= [];
    fired.push(result);
  }
  const exceptions = lifted === null ? NO_ACTS : lifted.acts;
  return fired === null && exceptions.length === 0 ? PASS : decide(engine, phase, fired ?? [], exceptions, facts, mutates);
}

/** One rule. null: it did not fire, or an exception lifted it. */
function run(engine: Engine, planned: PlannedRule, facts: Facts, hit: Hit, lifted: Lifted | null, timeWeight: number): Fired | null {
  const { rule, tests } = planned;
  for (let index = 0; index < tests.length; index++) if (!tests[index](facts)) return null;
  const { counters } = engine;
  counters.evaluations[rule.index]++;
  const startMs = timeWeight === 0 ? 0 : performance.now();
  hit.reset();
  facts.settle();
  facts.isStrict = rule.onError === 'closed';
  let failed = false;
  let verdict: number = YES;
  try {
    if (
      rule.onOverflow === 'pass' &&
      facts.content.truncated &&
      (rule.phase === 'request' ? rule.needs.requestBody : rule.needs.responseBody)
    )
      verdict = NO;
    else if (rule.actions.requireHeader !== null && headerThere(facts, rule.actions.requireHeader.name)) verdict = NO;
    else if (rule.check !== null) verdict = rule.check(facts, hit);
    if (verdict === YES && lifted?.lifts(planned) === true) verdict = NO;
  } catch {
    counters.errors[rule.index]++;
    failed = true;
    verdict = UNSURE;
    facts.doubt = 'unreadable';
  }
  let doubt: Facts['doubt'] = 'none';
  if (verdict === UNSURE) {
    doubt = facts.doubt;
    if (!failed && doubt === 'unreadable') counters.errors[rule.index]++;
    const fires = doubt === 'overflow' ? rule.onOverflow === 'block' : rule.onError === 'closed';
    verdict = fires && lifted?.lifts(planned) !== true ? YES : NO;
  }
  let retryAfterS = rule.actions.retryAfterS;
  if (verdict === YES && rule.actions.throttle !== null) {
    // Taken last, so that only what fulfils the conditions, and no exception lifts, uses tokens.
    const waitMs = shortage(rule.actions.throttle, facts);
    if (waitMs === 0) verdict = NO;
    else retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  }
  const result = verdict === YES ? fire(rule, facts, hit, doubt, failed, retryAfterS) : null;
  if (timeWeight > 0) counters.totalNs[rule.index] += (performance.now() - startMs) * 1e6 * timeWeight;
  if (result !== null) {
    counters.hits[rule.index]++;
    if (result.act.acted) counters.acted[rule.index]++;
    else if (result.counts && (result.decision !== 'pass' || rule.actions.blockActor !== null)) counters.wouldAct[rule.index]++;
  }
  return result;
}

/** How long until there is a token, in ms; 0 when one was taken or there is nothing to count by. */
function shortage({ keyOf, limit }: CompiledThrottle, facts: Facts): number {
  const key = keyOf(facts);
  if (key === '') return 0;
  const answer = facts.context.take?.(key, limit);
  return answer === undefined || answer.allowed ? 0 : Math.max(1, answer.retryAfterMs);
}

function headerThere(facts: Facts, name: string): boolean {
  for (let index = 0; index < facts.headers.length; index += 2) if (facts.headers[index].toLowerCase() === name) return true;
  return false;
}

function fire(rule: CompiledRule, facts: Facts, hit: Hit, doubt: Facts['doubt'], failed: boolean, retryAfterS: number): Fired {
  const { context, phase } = facts;
  const counts = inRollout(rule, context);
  const { actions } = rule;
  let decision = actions.decision;
  let note = failed
    ? ' The rule failed; its policy fails closed.'
    : doubt === 'unreadable'
      ? ' The body cannot be read.'
      : doubt === 'overflow'
        ? ' The body is longer than what is inspected.'
        : '';
  let redaction: RedactionOrder | null = null;
  if (decision === 'redact' && actions.redact !== null) {
    const cannot = doubt !== 'none' || facts.content.truncated;
    const headersOnly = actions.redact.fields !== null && actions.redact.fields.length === 0;
    if (cannot && !headersOnly) {
      // What was not read cannot be redacted: the policy decides between letting it pass and holding it back.
      const closed = doubt === 'unreadable' ? rule.onError === 'closed' : rule.onOverflow === 'block';
      decision = closed ? 'block' : 'pass';
      if (note === '') note = ' The body is longer than what is held back, so it cannot be redacted.';
    } else redaction = { order: actions.redact, spans: hit.spans, fields: hit.fields, headers: hit.headers };
  }
  const acts = counts && context.mode === 'enforce' && rule.mode === 'enforce';
  const bans = counts && context.mode !== 'observe' && rule.mode === 'enforce' && actions.blockActor !== null;
  const act: Act = {
    policy: rule.policy,
    rule: rule.rule,
    phase,
    action: !counts ? 'alert' : decision === 'block' && actions.decision === 'redact' ? 'block' : actions.kind,
    acted: decision === 'pass' ? bans : acts,
    severity: rule.severity,
    confidence: doubt === 'none' ? (hit.confidence ?? rule.confidence) : Math.min(0.5, rule.confidence),
    message: `${rule.message}${hit.reasons.length === 0 ? '' : ` ${hit.reasons.join(' ')}`}${note}`,
    evidence: hit.evidence(phase, facts.tools.redactor),
    ...(rule.owasp === undefined ? {} : { owasp: rule.owasp }),
    ...(rule.cwe === undefined ? {} : { cwe: rule.cwe }),
  };
  return { rule, act, decision, counts, acts, bans, redaction, retryAfterS };
}

/** Exceptions of one evaluation: each is decided at most once, and only when a rule that it may lift has fired. */
class Lifted {
  readonly acts: Act[] = [];
  private readonly known = new Map<PlannedRule, boolean>();
  private requestSide: Facts | null = null;

  constructor(
    private readonly engine: Engine,
    private readonly facts: Facts,
  ) {}

  /** An exception that fails lifts nothing. */
  lifts(planned: PlannedRule): boolean {
    return planned.exceptions.some((exception) => {
      try {
        return this.holds(exception);
      } catch {
        this.engine.counters.errors[exception.rule.index]++;
        return false;
      }
    });
  }

  private holds(exception: PlannedRule): boolean {
    let held = this.known.get(exception);
    if (held === undefined) {
      held = this.decide(exception);
      this.known.set(exception, held);
    }
    return held;
  }

  private decide({ rule, tests }: PlannedRule): boolean {
    const { allow } = rule.actions;
    const { counters } = this.engine;
    const facts = this.factsFor(rule.phase);
    counters.evaluations[rule.index]++;
    if (allow === null || facts.context.nowMs > allow.untilMs || !inRollout(rule, facts.context)) return false;
    const hit = new Hit();
    if (!tests.every((test) => test(facts)) || (rule.check !== null && rule.check(facts, hit) !== YES)) return false;
    counters.hits[rule.index]++;
    const acted = rule.mode === 'enforce';
    this.acts.push({
      policy: rule.policy,
      rule: rule.rule,
      phase: this.facts.phase,
      action: 'allow',
      acted: acted && facts.context.mode === 'enforce',
      severity: 'info',
      confidence: 1,
      message: allow.reason,
      evidence: [],
    });
    return acted;
  }

  /** An exception of the request phase holds for the answer too, and is read from the request. */
  private factsFor(phase: Phase): Facts {
    if (phase === this.facts.phase) return this.facts;
    this.requestSide ??= new Facts('request', this.facts.request, null, this.facts.context, this.facts.tools, this.engine.limits);
    return this.requestSide;
  }
}

function decide(
  engine: Engine,
  phase: Phase,
  fired: readonly Fired[],
  exceptions: readonly Act[],
  facts: Facts,
  mutates: boolean,
): Decision {
  let winner: Fired | null = null;
  let would: Decision['action'] = 'pass';
  let blockActor: Decision['blockActor'] = null;
  const tags: string[] = [];
  for (const one of fired) {
    if (one.counts && STRENGTH[one.decision] > STRENGTH[would]) would = one.decision;
    if (one.acts && (winner === null || STRENGTH[one.decision] > STRENGTH[winner.decision])) winner = one;
    for (const tag of one.rule.actions.tags) if (!tags.includes(tag)) tags.push(tag);
    const wanted = one.rule.actions.blockActor;
    if (wanted === null || !one.counts) continue;
    // One that acts goes before one that would; among equals the longer one.
    const stronger =
      blockActor === null ||
      (one.bans && !blockActor.acted) ||
      (one.bans === blockActor.acted && wanted.durationMs > blockActor.durationMs);
    if (stronger)
      blockActor = {
        durationMs: wanted.durationMs,
        escalate: wanted.escalate,
        reason: wanted.reason ?? one.rule.message,
        policy: one.rule.policy,
        acted: one.bans,
      };
  }
  const action = winner?.decision ?? 'pass';
  const goesOn = STRENGTH[action] < STRENGTH.throttle;
  const acting = fired.filter((one) => one.acts);
  return {
    action,
    wouldAction: would,
    acts: [...exceptions, ...fired.map((one) => one.act)],
    tags,
    mutation:
      mutates && goesOn && acting.length > 0
        ? mutationOf(
            phase,
            acting.map(({ rule, redaction }) => ({ actions: rule.actions, redaction })),
            facts,
            engine.limits.maxDepth,
          )
        : null,
    status: action === 'block' || action === 'throttle' ? winner!.rule.actions.status || 403 : 0,
    template: action === 'block' ? winner!.rule.actions.template : null,
    retryAfterS: action === 'throttle' ? winner!.retryAfterS : 0,
    delayMs: action === 'tarpit' ? winner!.rule.actions.delayMs : 0,
    blockActor,
  };
}
