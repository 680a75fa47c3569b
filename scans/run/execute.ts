import { compilePattern } from '../language/pattern.js';
import type { Condition, Mutation, Step, TestDefinition, Value, WordList } from '../language/types.js';
import { holds, type Sight, toldBy } from './conditions.js';
import { cookiesIn } from './cookies.js';
import { fieldsOf, parseBody } from './fields.js';
import { attackerOf, credentialNames, mutate } from './mutate.js';
import { Scope } from './scope.js';
import type { Probe, ProbeResult, Sample, ScanExchange, ScanRequest, ScanResponse, ScanTest, TestContext, Verdict } from './types.js';

/** Requests that one test may send for one sample. */
const REQUEST_LIMIT = 250;
const STEP_LIMIT = 60;
const SAMPLED_LIMIT = 10;
/** Repetitions of a request whose response time decides. */
const TIMED_REPEATS = 3;
const CALLBACK_WAIT_MS = 600;
/** Host in vendor templates that stands for the runner's own callback listener. */
const VENDOR_CALLBACK = /^https?:\/\/[^/]*akto\.io[^\s"']*/;

/** Does the time of answers decide? */
export const isTimed = ({ validate, steps }: TestDefinition): boolean => JSON.stringify([validate, steps]).includes('.response.stats.');

/** A compiled definition as something to run. */
export function scanTest(definition: TestDefinition): ScanTest {
  return {
    id: definition.id,
    applies: (sample, context) => applies(definition, sample, newScope(definition, sample, context), context),
    *run(sample, context) {
      const scope = newScope(definition, sample, context);
      if (!applies(definition, sample, scope, context))
        return verdict(definition, 'skipped', 'the test does not apply to this endpoint', []);
      return yield* new Run(definition, sample, context, scope).go();
    },
  };
}

function applies(definition: TestDefinition, sample: Sample, scope: Scope, context: TestContext): boolean {
  if (definition.kind !== 'scan' || definition.inactive) return false;
  const credentials = credentialNames({ context });
  const carries = Object.keys(sample.request.headers).some((name) => credentials.includes(name));
  if (definition.authenticated !== null && definition.authenticated !== carries) return false;
  const sight: Sight = { exchange: sample, original: sample, scope, context, callbackHit: false };
  if (!holds(definition.filter, sight)) return false;
  bindWordLists(definition.wordLists, sample, scope, context);
  return true;
}

function newScope(definition: TestDefinition, sample: Sample, context: TestContext): Scope {
  const scope = new Scope((name) => dynamicValue(name, sample, context));
  for (const list of definition.wordLists) if (list.values.length > 0) scope.set(list.name, list.values);
  return scope;
}

function dynamicValue(name: string, sample: Sample, context: TestContext): Value | undefined {
  switch (name) {
    case 'random_uuid':
      return crypto.randomUUID();
    case 'current_epoch_seconds':
      return Math.floor(context.nowMs() / 1000);
    case 'current_epoch_millis':
      return context.nowMs();
    case 'random_id':
      return crypto.randomUUID().slice(0, 8);
    case 'self':
      return sample.request.url;
    case 'url_webhook':
      return context.callbackUrl('webhook') ?? undefined;
    case 'self_host':
      return new URL(sample.request.url).host;
    default:
  }
  // What the other identity would put into a parameter.
  const parameter = /^other_context\.(.+)$/.exec(name)?.[1];
  if (parameter !== undefined) return attackerOf({ sample, context })?.values[parameter];
  const cookie = /^sample_cookie\.(.+)$/.exec(name)?.[1];
  if (cookie !== undefined) return cookiesIn(sample.request.headers.cookie ?? '').find(([one]) => one === cookie)?.[1];
  const part = /^(?:sample|test)_(request|response)_(payload|headers)(?:\.(.+))?$/.exec(name);
  if (part !== null) {
    const [, side, place, field] = part;
    const message = side === 'request' ? sample.request : sample.response;
    if (place === 'headers') return field === undefined ? JSON.stringify(message.headers) : message.headers[field.toLowerCase()];
    if (field === undefined) return message.body;
    return fieldsOf(parseBody(message.body)).find((one) => one.path === field || one.name === field)?.value as Value | undefined;
  }
  return undefined;
}

/** Lists taken from samples and from other lists. */
function bindWordLists(lists: readonly WordList[], sample: Sample, scope: Scope, context: TestContext): void {
  for (const { name, values: given, sampled, forAll } of lists) {
    if (sampled !== null) {
      const key =
        sampled.key !== null && typeof sampled.key === 'object' && !Array.isArray(sampled.key)
          ? String((sampled.key as { regex?: Value }).regex ?? '.*')
          : `^${scope.name(String(sampled.key ?? '.*')).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
      const pattern = compilePattern(`(?i)${key}`);
      const from = sampled.allApis ? context.samples : [sample];
      const found = new Set<Value>();
      for (const one of from)
        for (const [field, value] of fieldsAt(one, sampled.location))
          if (typeof pattern !== 'string' && pattern.test(field) && (found.size < SAMPLED_LIMIT || sampled.location === 'terminal_keys'))
            found.add(sampled.location === 'terminal_keys' ? field : value);
      scope.set(name, [...found, ...given]);
    }
    if (forAll !== null) {
      const values =
        typeof forAll === 'object' && !Array.isArray(forAll) ? Object.entries(forAll as { [key: string]: Value }) : [['', forAll] as const];
      scope.set(
        name,
        values.flatMap(([source, templates]) => {
          const keys = source === '' ? [null] : scope.resolveAll(source);
          return keys.flatMap((key) => (key === null ? scope : scope.with([['iteratorKey', key]])).resolveAll(templates));
        }),
      );
    }
  }
}

const NOT_BODIES: ReadonlySet<string> = new Set(['header', 'query_param', 'url', 'endpoint', 'cookie_names']);

function* fieldsAt(sample: Sample, location: string): Iterable<readonly [string, Value]> {
  const { request, response } = sample;
  if (location === '' || location === 'header') for (const headers of [request.headers, response.headers]) yield* Object.entries(headers);
  if (location === 'endpoint') yield [`${request.method} ${new URL(request.url).pathname}`, request.url];
  if (location === 'cookie_names') for (const [name] of cookiesIn(request.headers.cookie ?? '')) yield [name, name];
  if (location === 'url') for (const { name, value } of sample.pathValues) yield [name, value];
  if (location === '' || location === 'query_param') yield* new URL(request.url).searchParams;
  if (!NOT_BODIES.has(location))
    for (const body of [request.body, response.body])
      for (const field of fieldsOf(parseBody(body))) if (typeof field.value !== 'object') yield [field.name, field.value as Value];
}

const verdict = (
  { severity }: TestDefinition,
  word: Verdict['verdict'],
  explanation: string,
  exchanges: Verdict['exchanges'],
): Verdict => ({ verdict: word, severity, explanation, exchanges });

type Asking<T> = Generator<Probe, T, ProbeResult>;

/** One test on one sample. */
class Run {
  #sent = 0;
  readonly #callbacks: string[] = [];
  readonly #exchanges: (ScanExchange & { readonly note: string })[] = [];
  readonly #timed: boolean;
  #problem = '';

  constructor(
    readonly definition: TestDefinition,
    readonly sample: Sample,
    readonly context: TestContext,
    readonly scope: Scope,
  ) {
    this.#timed = isTimed(definition);
  }

  *go(): Asking<Verdict> {
    const { definition } = this;
    if (definition.type === 'passive' || definition.steps.length === 0) {
      const hit = definition.validate !== null && holds(definition.validate, this.#sight(this.sample, this.scope, false));
      return hit ? this.#found(this.sample, this.scope) : verdict(definition, 'safe', 'nothing found in the usual answer', []);
    }
    for (const scope of this.#combinations()) {
      if (this.#sent >= REQUEST_LIMIT) break;
      const found = definition.type === 'single' ? yield* this.#single(scope) : yield* this.#states(scope);
      if (found !== null) return found;
    }
    if (this.#sent === 0)
      return verdict(definition, this.#problem === '' ? 'skipped' : 'error', this.#problem || 'nothing to change in this request', []);
    // Nothing answered: that proves nothing, and must not close an issue.
    if (this.#exchanges.length === 0) return verdict(definition, 'error', this.#problem || 'no answer', []);
    const times = this.#timed
      ? ` (${this.#exchanges.map(({ note, response }) => `${note} ${Math.round(response.durationMs)} ms`).join(', ')})`
      : '';
    return verdict(definition, 'safe', `${this.#sent} requests, none gave proof${times}`, []);
  }

  /** Each combination of the values of the lists that the steps use. */
  *#combinations(): Iterable<Scope> {
    const used = this.scope.lists(this.definition.steps.flatMap((step) => step.mutations.map(asValue)) as readonly Value[]);
    const lists = used.filter(
      (name) => !this.definition.steps.some((step) => step.mutations.some((one) => one.operation === `\${${name}}`)),
    );
    const values = lists.map((name) => this.scope.get(name) as readonly Value[]);
    if (values.some((list) => list.length === 0)) return;
    const total = Math.min(
      REQUEST_LIMIT,
      values.reduce((product, list) => product * list.length, 1),
    );
    for (let number = 0; number < total; number++) {
      let rest = number;
      const chosen = values.map((list, index) => {
        const written = list[rest % list.length]!;
        // `${random_id}` is drawn once: each request of a combination sees the same.
        const value = typeof written === 'string' ? (this.scope.resolve(written) ?? written) : written;
        rest = Math.floor(rest / list.length);
        return [lists[index]!, value] as const;
      });
      // Bindings of one combination must not be seen by the next.
      yield this.scope.with(chosen);
    }
  }

  #sight(exchange: ScanExchange, scope: Scope, callbackHit: boolean): Sight {
    return { exchange, original: this.sample, scope, context: this.context, callbackHit };
  }

  *#single(scope: Scope): Asking<Verdict | null> {
    for (const step of this.definition.steps) {
      const exchange = yield* this.#send(step, scope, 1);
      if (exchange === null) continue;
      const condition = step.validate ?? this.definition.validate;
      if (condition !== null && (yield* this.#check(condition, exchange, scope))) return this.#found(exchange, scope);
    }
    return null;
  }

  *#states(scope: Scope): Asking<Verdict | null> {
    const { steps, validate } = this.definition;
    let at = 0;
    let last: ScanExchange | null = null;
    for (let turn = 0; turn < STEP_LIMIT && at < steps.length; turn++) {
      const step = steps[at]!;
      last = yield* this.#send(step, scope, at + 1);
      if (last === null) return null;
      const good = step.validate === null || (yield* this.#check(step.validate, last, scope));
      const next = good ? step.success : step.failure;
      if (next === 'vulnerable') return this.#found(last, scope);
      if (next === 'exit' || (next === null && !good)) return null;
      at = next === null ? at + 1 : Number(next.slice(1)) - 1;
    }
    return last !== null && validate !== null && (yield* this.#check(validate, last, scope)) ? this.#found(last, scope) : null;
  }

  *#send(step: Step, scope: Scope, number: number): Asking<ScanExchange | null> {
    if (this.#sent >= REQUEST_LIMIT) return null;
    const request = this.#request(step, scope);
    if (request === null) return null;
    if (step.waitMs > 0) yield { kind: 'wait', durationMs: step.waitMs };
    const times = this.#timed ? TIMED_REPEATS : 1;
    this.#sent += times;
    const result = yield { kind: 'send', request, times };
    if (result.kind !== 'responses' || result.responses.length === 0) {
      this.#problem = result.kind === 'failed' ? result.reason : 'no answer';
      return null;
    }
    const response = result.responses.at(-1)!;
    const exchange = { request, response };
    this.#exchanges.push({ ...exchange, note: `x${number}` });
    bindResponses(scope, number, result.responses);
    scope.set(`x${number}.response.told`, toldBy(exchange));
    return exchange;
  }

  #request(step: Step, scope: Scope): ScanRequest | null {
    const run = { sample: this.sample, scope, context: this.context, callbacks: this.#callbacks };
    let changed = step.mutations.length === 0;
    let request: ScanRequest = this.sample.request;
    for (const mutation of step.mutations) {
      if (mutation.operation === 'send_ssrf_req') {
        this.#bindCallback(mutation, scope);
        continue;
      }
      const next = mutate(request, this.#ownCallback(mutation), run);
      // A name that occurs in the query but not in the body is tried in both: one of them must fit.
      if (next === null) continue;
      changed = true;
      request = next;
    }
    return changed ? request : null;
  }

  /** Addresses of a vendor's callback host become the runner's own. */
  #ownCallback(mutation: Mutation): Mutation {
    const text = JSON.stringify(mutation.argument);
    if (!text?.includes('akto.io')) return mutation;
    const id = this.context.newId();
    const url = this.context.callbackUrl(id);
    if (url === null) return mutation;
    this.#callbacks.push(id);
    const replace = (value: Value): Value =>
      typeof value === 'string'
        ? value.replace(VENDOR_CALLBACK, url)
        : Array.isArray(value)
          ? value.map(replace)
          : value !== null && typeof value === 'object'
            ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replace(item as Value)]))
            : value;
    return { ...mutation, argument: replace(mutation.argument) };
  }

  #bindCallback(mutation: Mutation, scope: Scope): void {
    const id = this.context.newId();
    const url = this.context.callbackUrl(id);
    if (url === null) return;
    this.#callbacks.push(id);
    const { url: name, redirect_url } = mutation.argument as { url?: Value; redirect_url?: Value };
    for (const variable of [name, redirect_url]) if (typeof variable === 'string') scope.set(variable.replace(/^\$\{(.*)\}$/, '$1'), url);
    scope.set('callback_url', url);
  }

  *#check(condition: Condition, exchange: ScanExchange, scope: Scope): Asking<boolean> {
    let hit = false;
    if (JSON.stringify(condition).includes('ssrf_url_hit')) {
      if (this.#callbacks.length === 0) return false;
      yield { kind: 'wait', durationMs: CALLBACK_WAIT_MS };
      for (const correlation of this.#callbacks) {
        const result = yield { kind: 'callback', correlation };
        hit ||= result.kind === 'callback' && result.hit;
      }
    }
    return holds(condition, this.#sight(exchange, scope, hit));
  }

  /** Whose credentials a request carried, where they are somebody else's than usual. */
  #senderOf({ headers }: ScanRequest): string {
    const carried = (names: readonly string[]) => names.length > 0 && names.every((name) => headers[name] !== undefined);
    const who = this.context.identities.find(
      (one) => carried(Object.keys(one.headers)) && Object.entries(one.headers).every(([name, value]) => headers[name] === value),
    );
    if (who !== undefined) return who.name === this.sample.identity ? '' : ` as ${who.name}`;
    return this.sample.identity !== null && !credentialNames({ context: this.context }).some((name) => name in headers)
      ? ' without credentials'
      : '';
  }

  #found(exchange: ScanExchange, scope: Scope): Verdict {
    const { definition, sample } = this;
    const severity =
      definition.dynamicSeverity.find(({ check }) => holds(check, this.#sight(exchange, scope, false)))?.severity ?? definition.severity;
    const { request } = exchange;
    const asWhom = sample.identity === null ? 'without credentials' : `as ${sample.identity}`;
    const explanation =
      definition.type === 'passive'
        ? `${definition.name}: the usual answer to ${where(request)} (${asWhom}) shows it.`
        : `${definition.name}. ${definition.description} ${where(sample.request)}: as usual (${asWhom}) ${told(sample.response, this.#timed)}; ${this.#exchanges
            .slice(-PROOFS_TOLD)
            .map(({ note, request: sent, response }) => {
              const place = where(sent) === where(sample.request) ? '' : ` ${where(sent)}`;
              return `${note}${place}${this.#senderOf(sent)} ${told(response, this.#timed)}`;
            })
            .join(', ')}.`;
    const proof = this.#exchanges.slice(-4);
    return { verdict: 'vulnerable', severity, explanation, exchanges: [{ ...exchangeOf(sample), note: 'as usual' }, ...proof] };
  }
}

const PROOFS_TOLD = 4;
const where = ({ method, url }: ScanRequest): string => `${method} ${new URL(url).pathname}`;
const told = ({ status, body, durationMs }: ScanResponse, isTimed: boolean): string =>
  `${status} with ${body.length} characters${isTimed ? ` in ${Math.round(durationMs)} ms` : ''}`;
const exchangeOf = ({ request, response }: ScanExchange): ScanExchange => ({ request, response });
const asValue = ({ operation, argument, inner }: Mutation): Value => [operation, argument, ...(inner ?? []).map(asValue)];

function bindResponses(scope: Scope, number: number, responses: readonly ScanResponse[]): void {
  const last = responses.at(-1)!;
  const times = responses.map((one) => one.durationMs).sort((a, b) => a - b);
  const put = (name: string, value: Value) => scope.set(`x${number}.response.${name}`, value);
  put('body', last.body);
  put('status_code', last.status);
  for (const [name, value] of Object.entries(last.headers)) put(`headers.${name}`, value);
  put('stats.median_response_time', times[Math.floor(times.length / 2)]!);
  put('stats.min_response_time', times[0]!);
  put('stats.max_response_time', times.at(-1)!);
  put('stats.average_response_time', times.reduce((sum, one) => sum + one, 0) / times.length);
  put('stats.last_response_time', last.durationMs);
}
