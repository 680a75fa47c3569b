import { randomBytes } from 'node:crypto';
import { Redactor } from '../../exchange/index.js';
import type { AttackDetector } from '../attack-port.js';
import { attackDetector } from '../attacks/index.js';
import { Classifier } from '../classify/index.js';
import type { DataClassifier } from '../data-port.js';
import { dataTypes } from '../data-types/index.js';
import type { ParsedPolicy, PolicySource } from '../language/source.js';
import type { Decision, EvaluationContext, PolicySet, RequestView, ResponseView, RouteFacts, RuleStats } from '../types.js';
import { type CompiledPolicies, type CompiledRule, compileSteps, type ModeOverride } from './compile.js';
import { type Engine, evaluate, PASS, requestFacts } from './evaluate.js';
import { RequestFacts } from './facts.js';
import { Hit } from './hit.js';
import { KeyRing } from './keys.js';
import { type Part, PlanCache, RoutePlan } from './plan.js';
import { HeaderNames } from './presence.js';
import type { ExchangeReading } from './reading.js';
import type { Tools } from './scope.js';
import { Counters } from './stats.js';

export interface CompileOptions {
  /** Recognises data types; the built-in types by default. */
  readonly classifier?: DataClassifier;
  /** Finds injection attacks; the built-in detector by default. null: `attack` conditions never hold. */
  readonly attacks?: AttackDetector | null;
  /** Makes evidence; give the one of the installation, so that value hashes agree between processes. */
  readonly redactor?: Redactor;
  /** Key sets for JWT signatures; may be filled later. */
  readonly keys?: KeyRing;
  /** Modes and roll-outs set at run time, by policy name or `policy/rule`. */
  readonly overrides?: ReadonlyMap<string, ModeOverride>;
  /** Decoded bytes of a body that rules look at; 4 MiB by default. */
  readonly maxDecodedBytes?: number;
  /** Nesting of JSON and XML that rules look at; 200 by default. */
  readonly maxDepth?: number;
}

/** A compiled set that can also run the rules which the gateway leaves to the engine. */
export interface FullPolicySet extends PolicySet {
  /** Runs one part of the rules of a phase on a message. Never throws. */
  evaluate(part: Part, request: RequestView, response: ResponseView | null, context: EvaluationContext): Decision;
  /** As `evaluate`, both phases of what has passed already: nothing is redacted any more, and what was `read` is not read again. */
  look(
    part: Part,
    request: RequestView,
    response: ResponseView | null,
    context: EvaluationContext,
    read: ExchangeReading | null,
  ): readonly Decision[];
  /** Rules of one part that apply to a route, by phase. */
  planned(part: Part, route: RouteFacts): { readonly request: readonly CompiledRule[]; readonly response: readonly CompiledRule[] };
  readonly documents: readonly ParsedPolicy[];
  readonly options: Required<CompileOptions>;
}

const NOTHING_DECIDED: readonly Decision[] = [];

let builtIn: Classifier | null = null;
let attacksBuiltIn: AttackDetector | null = null;

/** The classifier of the built-in data types; tables are made once a thread. */
function builtInClassifier(): Classifier {
  builtIn ??= Classifier.of(dataTypes);
  return builtIn;
}

/**
 * Compiles policy files into one immutable set. Throws PolicyError with every problem of every file: file, line, column, what was expected, and
 * the nearest known name.
 */
export function compilePolicies(files: readonly PolicySource[], options: CompileOptions = {}): FullPolicySet {
  const complete = completeOf(options, null);
  const tools = toolsOf(complete, null);
  const steps = compileSteps(files, tools, complete.overrides);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return setOf(step.value, complete, tools);
  }
}

/** Longest time for which compiling in turns keeps the thread, unless one file or policy alone takes longer. */
const TURN_MS = 4;

/**
 * As `compilePolicies`, but lets the thread do other work in between: for a thread that carries traffic. `files` and `options` are those of the
 * call, whatever changes meanwhile. What `previous` compiled from the same sources with the same options is taken over.
 */
export async function compileInTurns(
  files: readonly PolicySource[],
  options: CompileOptions,
  previous: FullPolicySet | null,
): Promise<FullPolicySet> {
  const complete = completeOf(options, previous);
  const tools = toolsOf(complete, previous);
  const steps = compileSteps(files, tools, complete.overrides);
  for (let turnEndsAt = performance.now() + TURN_MS; ; ) {
    const step = steps.next();
    if (step.done === true) return setOf(step.value, complete, tools);
    if (performance.now() < turnEndsAt) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turnEndsAt = performance.now() + TURN_MS;
  }
}

function completeOf(options: CompileOptions, previous: FullPolicySet | null): Required<CompileOptions> {
  attacksBuiltIn ??= attackDetector();
  return {
    classifier: options.classifier ?? builtInClassifier(),
    attacks: options.attacks === undefined ? attacksBuiltIn : options.attacks,
    redactor: options.redactor ?? previous?.options.redactor ?? new Redactor(randomBytes(16).toString('hex')),
    keys: options.keys ?? previous?.options.keys ?? new KeyRing(),
    overrides: options.overrides ?? new Map(),
    maxDecodedBytes: options.maxDecodedBytes ?? 4_194_304,
    maxDepth: options.maxDepth ?? 200,
  };
}

const toolsBefore = new WeakMap<FullPolicySet, Tools>();

function toolsOf(options: Required<CompileOptions>, previous: FullPolicySet | null): Tools {
  const { classifier, attacks, redactor, keys } = options;
  const before = previous === null ? undefined : toolsBefore.get(previous);
  const isSame =
    before !== undefined &&
    before.classifier === classifier &&
    before.attacks === attacks &&
    before.redactor === redactor &&
    before.keys === keys &&
    !before.names.isCrowded;
  return isSame ? before : { classifier, attacks, redactor, keys, names: new HeaderNames() };
}

function setOf(compiled: CompiledPolicies, complete: Required<CompileOptions>, tools: Tools): FullPolicySet {
  const plans = new PlanCache(compiled.rules);
  const counters = new Counters(compiled.rules);
  const engine: Engine = {
    tools,
    counters,
    limits: { maxBytes: complete.maxDecodedBytes, maxDepth: complete.maxDepth },
    hit: new Hit(),
  };
  const factsOf = (request: RequestView): RequestFacts => requestFacts(request, engine.limits);
  // The gateway hands the plan back with each request; one made by another set (before a reload) does not count.
  const own = new WeakSet<RoutePlan>();
  const planOf = (context: EvaluationContext): RoutePlan =>
    context.plan instanceof RoutePlan && own.has(context.plan) ? context.plan : plan(context.route);
  const plan = (route: RouteFacts): RoutePlan => {
    const made = plans.get(route);
    own.add(made);
    return made;
  };
  const set: FullPolicySet = {
    version: compiled.version,
    policies: compiled.policies,
    documents: compiled.documents,
    options: complete,
    plan,
    onRequest: (request, context) => {
      const planned = planOf(context);
      return planned.request ? evaluate(engine, 'request', planned.phase('inline', 'request'), factsOf(request), null, context) : PASS;
    },
    onResponse: (request, response, context) => {
      const planned = planOf(context);
      return planned.response
        ? evaluate(engine, 'response', planned.phase('inline', 'response'), factsOf(request), response, context)
        : PASS;
    },
    evaluate: (part, request, response, context) => {
      const phase = response === null ? 'request' : 'response';
      return evaluate(engine, phase, planOf(context).phase(part, phase), factsOf(request), response, context);
    },
    look: (part, request, response, context, read) => {
      const planned = planOf(context);
      const facts = new RequestFacts(request, engine.limits, read);
      const first = evaluate(engine, 'request', planned.phase(part, 'request'), facts, null, context, false);
      if (response === null) return first === PASS ? NOTHING_DECIDED : [first];
      const second = evaluate(engine, 'response', planned.phase(part, 'response'), facts, response, context, false);
      return first === PASS && second === PASS ? NOTHING_DECIDED : [first, second];
    },
    planned: (part, route) => {
      const made = plan(route);
      const rules = (phase: 'request' | 'response'): CompiledRule[] => made.phase(part, phase).rules.map((one) => one.rule);
      return { request: rules('request'), response: rules('response') };
    },
    stats: (): readonly RuleStats[] => counters.read(),
  };
  toolsBefore.set(set, tools);
  return set;
}
