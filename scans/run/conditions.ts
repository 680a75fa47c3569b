import { CidrSet } from '../../exchange/index.js';
import { compilePattern } from '../language/pattern.js';
import type { Condition, Term, Value } from '../language/types.js';
import { fieldsOf, parseBody, percentageMatch, schemaMatch } from './fields.js';
import type { Scope } from './scope.js';
import type { Sample, ScanExchange, TestContext } from './types.js';
import { isAddress } from './wording.js';

/** What a condition looks at. `original` is the sample that the exchange came from. */
export interface Sight {
  readonly exchange: ScanExchange;
  readonly original: Sample;
  readonly scope: Scope;
  readonly context: TestContext;
  /** Was the callback of this run called? */
  readonly callbackHit: boolean;
}

/** The part of the exchange that operators read. */
interface Operand {
  readonly text: string;
  readonly raw: unknown;
  readonly pairs: readonly { readonly key: string; readonly value: unknown }[];
  readonly term: Term | null;
}

const plain = (raw: unknown, term: Term | null = null): Operand => ({
  text: typeof raw === 'string' ? raw : raw === undefined ? '' : typeof raw === 'object' ? JSON.stringify(raw) : String(raw),
  raw,
  pairs: [],
  term,
});
const ofBody = (body: string, term: Term): Operand => {
  let pairs: Operand['pairs'] | null = null;
  return {
    text: body,
    raw: body,
    term,
    get pairs() {
      pairs ??= fieldsOf(parseBody(body)).map((field) => ({ key: field.name, value: field.value }));
      return pairs;
    },
  };
};
const ofHeaders = (headers: { readonly [name: string]: string }, term: Term): Operand => ({
  ...plain(headers, term),
  pairs: Object.entries(headers).map(([key, value]) => ({ key, value })),
});

function operandOf(term: Term, { exchange: { request, response } }: Sight): Operand {
  switch (term) {
    case 'url':
      return plain(request.url, term);
    case 'method':
      return plain(request.method, term);
    case 'query_param': {
      const pairs = [...new URL(request.url).searchParams].map(([key, value]) => ({ key, value }));
      return { ...plain(new URL(request.url).search.slice(1), term), pairs };
    }
    case 'request_headers':
      return ofHeaders(request.headers, term);
    case 'request_payload':
      return ofBody(request.body, term);
    case 'response_headers':
      return ofHeaders(response.headers, term);
    case 'response_payload':
      return ofBody(response.body, term);
    case 'response_code':
      return plain(response.status, term);
    default:
      return plain(undefined, term);
  }
}

/** Evaluates; binding steps write to the scope on the way. */
export function holds(condition: Condition, sight: Sight, operand: Operand | null = null): boolean {
  switch (condition.kind) {
    case 'all':
      return inOrder(condition.of).every((one) => holds(one, sight, operand));
    case 'any':
      return condition.of.some((one) => holds(one, sight, operand));
    case 'term':
      return holds(condition.where, sight, operandOf(condition.term, sight));
    case 'each':
      return holdsForEach(condition, sight, operand);
    case 'measure':
      return holds(condition.where, sight, plain(measure(condition.measure, sight, operand)));
    case 'bind':
      if (operand === null || operand.raw === undefined) return false;
      sight.scope.set(condition.variable, operand.raw as Value);
      return true;
    case 'compare':
      if (condition.operator === 'ssrf_url_hit') return sight.callbackHit;
      if (condition.operator === 'same_answer' || condition.operator === 'other_answer') {
        const before = sight.scope.get(`${String(condition.value)}.response.told`);
        return before !== undefined && (before === toldBy(sight.exchange)) === (condition.operator === 'same_answer');
      }
      return compareGreater(condition.value, sight);
    case 'context':
      return holdsInContext(condition.context, condition.where, sight);
    case 'test':
      if (condition.operator === 'endpoint_in_traffic_context') {
        const path = (url: string) => new URL(url).pathname;
        const known = sight.context.samples.some((one) => path(one.request.url) === path(sight.exchange.request.url));
        return known === (condition.value === true || condition.value === 'true');
      }
      return operand !== null && matches(condition.operator, condition.value, operand, sight);
  }
}

/** Keys bind before what refers to them. */
const inOrder = (conditions: readonly Condition[]): readonly Condition[] => {
  const rank = (one: Condition) => (one.kind === 'bind' ? 1 : 0);
  return [...conditions].sort((a, b) => rank(a) - rank(b));
};

function holdsForEach(condition: Extract<Condition, { kind: 'each' }>, sight: Sight, operand: Operand | null): boolean {
  const pairs = operand?.pairs ?? [];
  const bound: { variables: Set<string>; values: Map<string, Value[]> } = { variables: new Set(), values: new Map() };
  const { key, value, where } = condition;
  const fits = (pair: (typeof pairs)[number]) => {
    const collected: [string, Value, boolean][] = [];
    const check = (part: Condition | null, raw: unknown) => part === null || holdsCollecting(part, sight, plain(raw), collected);
    const fit = check(key, pair.key) && check(value, pair.value) && check(where, pair.value);
    if (fit)
      for (const [name, one, many] of collected) {
        const list = bound.values.get(name) ?? [];
        if (!list.includes(one)) list.push(one);
        bound.values.set(name, list);
        if (many) bound.variables.add(name);
      }
    return fit;
  };
  const fitting = pairs.filter(fits);
  const result = condition.every ? fitting.length === pairs.length : fitting.length > 0;
  if (result) for (const [name, values] of bound.values) sight.scope.set(name, bound.variables.has(name) ? values : values[0]!);
  return result;
}

/** As `holds`, with bindings collected instead of written: only a pair that fits as a whole may bind. */
function holdsCollecting(condition: Condition, sight: Sight, operand: Operand, collected: [string, Value, boolean][]): boolean {
  if (condition.kind === 'bind') {
    collected.push([condition.variable, operand.raw as Value, condition.many]);
    return true;
  }
  if (condition.kind === 'all') return inOrder(condition.of).every((one) => holdsCollecting(one, sight, operand, collected));
  if (condition.kind === 'any') return condition.of.some((one) => holdsCollecting(one, sight, operand, collected));
  return holds(condition, sight, operand);
}

function measure(name: string, sight: Sight, operand: Operand | null): number {
  const original = sight.original.response.body;
  const text = operand?.text ?? sight.exchange.response.body;
  if (name === 'length') return text.length;
  const before = operand?.term === 'request_payload' ? sight.original.request.body : original;
  return name === 'percentage_match' ? percentageMatch(before, text) : schemaMatch(before, text);
}

/**
 * What an answer tells beside what the request itself said: status and text, without values of the request, instants and ids of the moment. So two answers
 * that differ only in the name that was asked for tell the same.
 */
export function toldBy({ request, response }: ScanExchange): string {
  const given = [...fieldsOf(parseBody(request.body)).map(({ value }) => String(value)), ...new URL(request.url).searchParams.values()];
  const told = [...new Set(given)]
    .filter((value) => value.length >= 3)
    .sort((a, b) => b.length - a.length)
    .reduce((text, value) => text.replaceAll(value, '…'), response.body);
  return `${response.status} ${told.replace(MOMENTARY, '…')}`;
}

const MOMENTARY =
  /\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\b1[6-9]\d{8}(?:\d{3})?\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{16,64}\b/gi;

function compareGreater(value: Value, { scope }: Sight): boolean {
  const [left, right] = value as readonly [Value, Value];
  return scope.number(left) > scope.number(right);
}

function holdsInContext(context: string, where: Condition, sight: Sight): boolean {
  const { original, scope, context: known } = sight;
  switch (context) {
    case 'private_variable_context': {
      const pairs = original.ownValues.map((value) => ({ key: value, value }));
      const variable = bindings(where)[0];
      if (variable !== undefined && pairs[0] !== undefined) {
        const { value } = pairs[0];
        scope.set(variable, { key: inAddress(value), value, other: nothingLike(value) });
      }
      return holds(withoutBindings(where), sight, { ...plain(original.ownValues.length), pairs });
    }
    case 'param_context': {
      const parameter = scope.name(String(operandValue(where, 'param') ?? ''));
      const pattern = compilePattern(`(?i)${parameter}`);
      // What somebody else would put there is worth more than what one puts there oneself.
      const all = known.identities.flatMap((one) =>
        Object.entries(one.values).map(([key, value]) => ({ key, value, isOther: one.name !== original.identity })),
      );
      const fits = all.filter(({ key }) => key === parameter || (!key.includes('/') && typeof pattern !== 'string' && pattern.test(key)));
      const { key, value } = fits.find((one) => one.isOther) ?? fits[0] ?? {};
      const variable = bindings(where)[0];
      if (key === undefined || value === undefined) return false;
      if (variable !== undefined) scope.set(variable, { key, value });
      return true;
    }
    case 'include_roles_access':
    case 'exclude_roles_access': {
      const role = scope.name(String(operandValue(where, 'param') ?? '')).toLowerCase();
      const isKnown = known.identities.some((one) => one.role.toLowerCase() === role);
      // What a role may do is what its samples show: the sample's own role is what made it work.
      const own = known.identities.find((one) => one.name === original.identity)?.role.toLowerCase() === role;
      return context === 'include_roles_access' ? isKnown && own : !own;
    }
    case 'api_access_type':
      return holds(where, sight, plain(original.isSecured === null ? 'unknown' : original.isSecured ? 'private' : 'public'));
    default:
      return false;
  }
}

/** A value of the same form that nothing has, so that a refusal is one of the object, not of the form. */
function nothingLike(value: string): string {
  // Of an address the last part says which one.
  const address = isAddress(value) ? /^(.*\/)([^/?#]+)(\/?)$/.exec(value) : null;
  if (address !== null) return `${address[1]}${nothingLike(address[2]!)}${address[3]}`;
  if (/^\d+$/.test(value)) return value.length > 8 ? '9'.repeat(value.length) : '99999999';
  if (/^[^@\s]+@[^@\s]+$/.test(value)) return 'weir-nobody-7319@example.com';
  if (/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value)) return `${value.slice(0, -12)}7319beef7319`;
  // Digits stay digits and letters letters; what is a hex digit stays one.
  const isHex = /^[0-9a-f-]{12,}$/i.test(value);
  return value.replace(/[a-z0-9]/gi, (character, at: number) => {
    if (/[_-]/.test(value.slice(at)) && !isHex) return character;
    if (/\d/.test(character)) return String((Number(character) + 3 + at) % 10);
    const [first, count] = isHex ? ['a', 6] : ['a', 26];
    const next = String.fromCharCode(first.charCodeAt(0) + ((character.toLowerCase().charCodeAt(0) - 97 + 2 + at) % count));
    return character === character.toUpperCase() ? next.toUpperCase() : next;
  });
}

/** A pattern that finds a value where it stands in an address. */
const inAddress = (value: string): string =>
  encodeURIComponent(value)
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%40', '(?:%40|@)')
    .replaceAll('%20', '(?:%20|\\+)')
    .replaceAll('%3A', '(?:%3A|:)');

const bindings = (condition: Condition): readonly string[] =>
  condition.kind === 'bind' ? [condition.variable] : condition.kind === 'all' ? condition.of.flatMap(bindings) : [];
const withoutBindings = (condition: Condition): Condition =>
  condition.kind === 'bind'
    ? { kind: 'all', of: [] }
    : condition.kind === 'all'
      ? { kind: 'all', of: condition.of.map(withoutBindings) }
      : condition;
const operandValue = (condition: Condition, operator: string): Value | undefined =>
  condition.kind === 'test' && condition.operator === operator
    ? condition.value
    : condition.kind === 'all'
      ? condition.of.map((one) => operandValue(one, operator)).find((one) => one !== undefined)
      : undefined;

const JWT = /(?:^|[\s"=])eyJ[\w-]+\.[\w-]+\.[\w-]*/;

function matches(operator: string, value: Value, operand: Operand, { scope, context }: Sight): boolean {
  const values = scope.resolveAll(value);
  if (values.includes(null) && typeof value === 'string') return false;
  const text = operand.text.toLowerCase();
  const words = values.map((one) => String(one).toLowerCase());
  const number = (one: Value) => scope.number(one);
  const equal = () =>
    values.some(
      (one, index) => text === words[index] || (text !== '' && Number(operand.text) === Number(one) && String(one).trim() !== ''),
    );
  const sameValue = () => values.some((one) => operand.text === String(one) || percentageMatch(String(one), operand.text) === 100);
  switch (operator) {
    case 'eq':
      return equal();
    case 'neq':
      return !equal();
    case 'gt':
      return Number(operand.text) > number(value);
    case 'gte':
      return Number(operand.text) >= number(value);
    case 'lt':
      return Number(operand.text) < number(value);
    case 'lte':
      return Number(operand.text) <= number(value);
    case 'eq_obj':
      return sameValue();
    case 'neq_obj':
      return !sameValue();
    case 'contains_either':
    case 'param':
    case 'category':
      return words.some((word) => text.includes(word));
    case 'contains_all':
      return words.every((word) => text.includes(word));
    case 'not_contains':
    case 'not_contains_either':
      return words.every((word) => !text.includes(word));
    case 'regex':
    case 'regex_extract':
    case 'pattern':
      return values.some((one) => {
        const pattern = compilePattern(String(one));
        return typeof pattern !== 'string' && pattern.test(operand.text);
      });
    case 'contains_jwt':
      return JWT.test(` ${operand.text}`) === (String(values[0]) === 'true');
    case 'cookie_expire_filter':
      return cookieLivesLong(operand.text, context.nowMs()) === (String(values[0]) === 'true');
    case 'datatype':
    case 'valuetype':
    case 'valueType':
    case 'type':
      return words.some((word) => hasType(operand.raw, word));
    case 'contains_either_cidr':
      return new CidrSet(values.map(String)).has(operand.text);
    case 'not_contains_cidr':
      return !new CidrSet(values.map(String)).has(operand.text);
    default:
      // Vendor services (magic_validate, confidence, collections) cannot be asked: never a finding.
      return false;
  }
}

const DAY_S = 86_400;
function cookieLivesLong(cookie: string, nowMs: number): boolean {
  const age = /max-age=(\d+)/i.exec(cookie)?.[1];
  // RFC 6265 section 4.1.2.2: Max-Age goes before Expires.
  if (age !== undefined) return Number(age) > 30 * DAY_S;
  const until = Date.parse(/expires=([^;]+)/i.exec(cookie)?.[1] ?? '');
  return until > nowMs + 30 * DAY_S * 1000;
}

function hasType(raw: unknown, word: string): boolean {
  switch (word) {
    case 'number':
    case 'integer':
      return typeof raw === 'number' || (typeof raw === 'string' && /^-?\d+(\.\d+)?$/.test(raw));
    case 'boolean':
      return typeof raw === 'boolean' || raw === 'true' || raw === 'false';
    case 'array':
      return Array.isArray(raw);
    case 'object':
      return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
    case 'string':
    case 'text':
      return typeof raw === 'string';
    default:
      return false;
  }
}
