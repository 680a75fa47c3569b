import { type Json, queryPairs } from '../../exchange/index.js';
import type { ApiDocument, DocumentedOperation } from '../import/index.js';
import { bareTemplate } from '../import/index.js';
import type { EndpointState } from './endpoint.js';
import { compileSchema, firstMismatch, type MiniSchema } from './mini-schema.js';
import { toJsonSchema } from './schema.js';

/** What a request to one endpoint may hold, small enough to share with every gateway. */
export interface EndpointRules {
  /** Query parameters: schema of the value as text allows it. */
  readonly query: Readonly<Record<string, MiniSchema>>;
  readonly required: readonly string[];
  readonly body: MiniSchema | null;
  readonly bodyRequired: boolean;
}

/** The rules of one service, JSON-able. Keys are `METHOD template` with empty braces. */
export interface ServiceRules {
  readonly service: string;
  /** Name of the document, or `learned`. */
  readonly origin: string;
  readonly endpoints: Readonly<Record<string, EndpointRules>>;
}

export interface SchemaViolation {
  readonly code:
    | 'unknown-endpoint'
    | 'unknown-parameter'
    | 'missing-parameter'
    | 'wrong-type'
    | 'unknown-member'
    | 'missing-member'
    | 'not-in-list'
    | 'missing-body';
  readonly in: 'path' | 'query' | 'body';
  readonly path: string;
  readonly text: string;
}

/** A request as the checker needs it. `template` null: no template took the path. `body` undefined: not JSON or not captured. */
export interface RequestFacts {
  readonly method: string;
  readonly template: string | null;
  /** Raw query without `?`. */
  readonly query: string;
  readonly body?: Json;
  /** The request had a body of any kind. */
  readonly hasBody: boolean;
}

const SEVERAL = 16;

/** Rules from an imported description. */
export function rulesOfDocument(service: string, document: ApiDocument): ServiceRules {
  const rulesOf = (operation: DocumentedOperation): EndpointRules => {
    const query = operation.parameters.filter((parameter) => parameter.in === 'query');
    return {
      query: Object.fromEntries(query.map((parameter) => [parameter.name, compileSchema(parameter.schema)])),
      required: query.filter((parameter) => parameter.required).map((parameter) => parameter.name),
      body: operation.body === null ? null : compileSchema(operation.body),
      bodyRequired: operation.bodyRequired,
    };
  };
  return {
    service,
    origin: document.name,
    endpoints: Object.fromEntries(
      document.operations.map((operation) => [`${operation.method} ${bareTemplate(operation.template)}`, rulesOf(operation)]),
    ),
  };
}

/** Rules from what was learned: endpoints with at least `leastCalls` requests. Types and names only; ranges and lists of values are habits, not rules. */
export function rulesOfTraffic(service: string, endpoints: Iterable<EndpointState>, leastCalls = 200): ServiceRules {
  const rules: Record<string, EndpointRules> = {};
  for (const state of endpoints) {
    if (state.ref.service !== service || state.counts.requests < leastCalls || state.ref.template.includes('#')) continue;
    const query = [...state.parameters.values()].filter((parameter) => parameter.in === 'query');
    const body = state.request === null ? null : withoutLists(compileSchema(toJsonSchema(state.request.root)));
    rules[`${state.ref.method} ${bareTemplate(state.ref.template)}`] = {
      query: Object.fromEntries(query.map((parameter) => [parameter.name, compileSchema({ type: [...parameter.values.types.keys()] })])),
      required: [],
      body,
      bodyRequired: false,
    };
  }
  return { service, origin: 'learned', endpoints: rules };
}

function withoutLists(schema: MiniSchema): MiniSchema {
  return {
    t: schema.t,
    ...(schema.p === undefined ? {} : { p: Object.fromEntries(Object.entries(schema.p).map(([name, one]) => [name, withoutLists(one)])) }),
    ...(schema.x === undefined ? {} : { x: schema.x }),
    ...(schema.i === undefined ? {} : { i: withoutLists(schema.i) }),
  };
}

/** Where a request breaks the rules, at most 16 places; empty when it keeps them. Pure and synchronous. `strict` refuses body members that are not listed. */
export function schemaViolations(rules: ServiceRules, request: RequestFacts, strict = false): SchemaViolation[] {
  const own = request.template === null ? undefined : rules.endpoints[`${request.method} ${bareTemplate(request.template)}`];
  if (own === undefined) return [{ code: 'unknown-endpoint', in: 'path', path: '', text: `${request.method} is not in ${rules.origin}` }];
  const found: SchemaViolation[] = [];
  const seen = new Set<string>();
  for (const [name, text] of queryPairs(request.query, 200)) {
    if (found.length >= SEVERAL) return found;
    const bare = Object.hasOwn(own.query, name) ? name : name.replace(/\[[^\]]*\]$/, '');
    seen.add(bare);
    const schema = Object.hasOwn(own.query, bare) ? own.query[bare] : undefined;
    if (schema === undefined)
      found.push({
        code: 'unknown-parameter',
        in: 'query',
        path: name.slice(0, 100),
        text: `the query parameter is not in ${rules.origin}`,
      });
    else if (!textFits(schema, text)) found.push({ code: 'wrong-type', in: 'query', path: name, text: 'the value has another type' });
  }
  for (const name of own.required)
    if (!seen.has(name)) found.push({ code: 'missing-parameter', in: 'query', path: name, text: 'the query parameter is required' });
  if (own.bodyRequired && !request.hasBody) found.push({ code: 'missing-body', in: 'body', path: '', text: 'a body is required' });
  if (own.body !== null && request.body !== undefined) {
    const mismatch = firstMismatch(own.body, request.body, '', strict);
    if (mismatch !== null) found.push({ code: mismatch.code, in: 'body', path: mismatch.path, text: mismatch.text });
  }
  return found.slice(0, SEVERAL);
}

/** Text of a query fits when it can be read as one of the types; lists and objects travel in many ways and are let through. */
function textFits(schema: MiniSchema, text: string): boolean {
  if (schema.e !== undefined && !schema.e.some((one) => String(one) === text)) return schema.t.includes('a');
  if (schema.t === '' || /[saoz]/.test(schema.t)) return true;
  if (schema.t.includes('i') && /^-?\d+$/.test(text)) return true;
  if (schema.t.includes('n') && text !== '' && Number.isFinite(Number(text))) return true;
  return schema.t.includes('b') && (text === 'true' || text === 'false');
}
