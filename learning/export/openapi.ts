import { type Json, templateParameters } from '../../exchange/index.js';
import type { EndpointState, Parameter } from '../inventory/index.js';
import { splitOperation, toJsonSchema } from '../inventory/index.js';
import { exampleOf } from './example.js';
import { parameterSchema } from './parameters.js';

type Plain = { [key: string]: Json };

export interface OpenApiSettings {
  readonly title: string;
  readonly version: string;
  /** Base URL of the service; `/` when it is not known. */
  readonly server?: string;
  /** Without examples. Default false. */
  readonly noExamples?: boolean;
}

const STATUS_TEXT: Readonly<Record<string, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No content',
  301: 'Moved',
  302: 'Found',
  304: 'Not modified',
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  410: 'Gone',
  422: 'Cannot be processed',
  429: 'Too many requests',
  500: 'Server error',
  502: 'Bad gateway',
  503: 'Unavailable',
};
const METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE']);

/**
 * An OpenAPI 3.1 document of learned endpoints: parameters, bodies and answers with their schemas, security as it was seen. Examples are made from the
 * schemas, never taken from traffic. Operations behind one path (GraphQL, JSON-RPC, SOAP) are one operation whose description names them.
 */
export function exportOpenApi(endpoints: Iterable<EndpointState>, settings: OpenApiSettings): Plain {
  const groups = new Map<string, EndpointState[]>();
  for (const state of endpoints) {
    if (!METHODS.has(state.ref.method)) continue;
    const key = `${state.ref.method} ${splitOperation(state.ref.template)[0]}`;
    groups.set(key, [...(groups.get(key) ?? []), state]);
  }
  const paths = new Map<string, Plain>();
  const schemes = new Map<string, Plain>();
  const operationIds = new Set<string>();
  // Two templates that differ only in parameter names are one path in OpenAPI: the first one's names stand for both.
  const spelling = new Map<string, string>();
  for (const key of [...groups.keys()].sort((a, b) => (a.slice(a.indexOf(' ')) < b.slice(b.indexOf(' ')) ? -1 : 1))) {
    const states = groups.get(key)!;
    const space = key.indexOf(' ');
    const own = key.slice(space + 1);
    const bare = own.replace(/\{[^{}]*\}/g, '{}');
    const template = spelling.get(bare) ?? own;
    spelling.set(bare, template);
    const item = paths.get(template) ?? {};
    item[key.slice(0, space).toLowerCase()] = operationOf(states, template, schemes, operationIds, settings);
    paths.set(template, item);
  }
  return {
    openapi: '3.1.0',
    info: { title: settings.title, version: settings.version, description: 'Learned from traffic by weir.' },
    servers: [{ url: settings.server ?? '/' }],
    paths: Object.fromEntries(paths),
    ...(schemes.size === 0 ? {} : { components: { securitySchemes: Object.fromEntries(schemes) } }),
  };
}

function operationOf(
  states: readonly EndpointState[],
  template: string,
  schemes: Map<string, Plain>,
  taken: Set<string>,
  settings: OpenApiSettings,
): Plain {
  const [first] = states;
  const operations = states.map((state) => splitOperation(state.ref.template)[1]).filter((name) => name !== null);
  const security = securityOf(states, schemes);
  const body = states.find((state) => state.request !== null);
  const responses = responsesOf(states, settings);
  return {
    operationId: operationId(first.ref.method, template, taken),
    ...(operations.length > 0 ? { description: `Operations: ${operations.join(', ')}` } : {}),
    ...(states.some((state) => state.deprecated) ? { deprecated: true } : {}),
    parameters: parametersOf(states, template),
    ...(body === undefined
      ? formBody(states)
      : {
          requestBody: {
            content: Object.fromEntries(
              mediaTypes(body.requestTypes).map((type) => [type, content(toJsonSchema(body.request!.root), settings)]),
            ),
          },
        }),
    responses: Object.keys(responses).length > 0 ? responses : { default: { description: 'No answer was seen' } },
    ...(security === null ? {} : { security }),
  };
}

function operationId(method: string, template: string, taken: Set<string>): string {
  const words = template.match(/[A-Za-z0-9]+/g) ?? ['root'];
  const base = method.toLowerCase() + words.map((word) => word[0].toUpperCase() + word.slice(1)).join('');
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}${number}`;
  taken.add(name);
  return name;
}

function parametersOf(states: readonly EndpointState[], template: string): Plain[] {
  const list: Plain[] = [];
  const learned = states[0];
  const names = templateParameters(learned.ref.template);
  templateParameters(template).forEach((name, index) => {
    const known = learned.parameters.get(`path:${names[index] ?? name}`);
    list.push({ name, in: 'path', required: true, schema: known === undefined ? { type: 'string' } : parameterSchema(known) });
  });
  const seen = new Map<string, Parameter>();
  for (const state of states) for (const [key, parameter] of state.parameters) if (!seen.has(key)) seen.set(key, parameter);
  const requests = states.reduce((sum, state) => sum + state.counts.requests, 0);
  for (const parameter of seen.values()) {
    if (parameter.in !== 'query' && parameter.in !== 'header' && parameter.in !== 'cookie') continue;
    if (
      states.some(
        (state) => state.auth.has(`api-key ${parameter.in}:${parameter.name}`) || state.auth.has(`session-cookie cookie:${parameter.name}`),
      )
    )
      continue;
    list.push({
      name: parameter.name,
      in: parameter.in,
      required: parameter.in === 'query' && requests >= 10 && parameter.count >= requests,
      schema: parameterSchema(parameter),
    });
  }
  return list;
}

function formBody(states: readonly EndpointState[]): Plain {
  const fields = states.flatMap((state) => [...state.parameters.values()].filter((parameter) => parameter.in === 'body'));
  if (fields.length === 0) return {};
  const properties = Object.fromEntries(fields.map((field) => [field.name, parameterSchema(field)]));
  return { requestBody: { content: { 'application/x-www-form-urlencoded': { schema: { type: 'object', properties } } } } };
}

function responsesOf(states: readonly EndpointState[], settings: OpenApiSettings): Plain {
  const responses: Plain = {};
  for (const state of states) {
    for (const [status, response] of [...state.responses].sort(([a], [b]) => a - b)) {
      if (status < 100 || status > 599 || responses[String(status)] !== undefined) continue;
      const types = mediaTypes(response.types);
      responses[String(status)] = {
        description: STATUS_TEXT[String(status)] ?? `Status ${status}`,
        ...(types.length === 0
          ? {}
          : {
              content: Object.fromEntries(
                types.map((type) => [type, response.schema === null ? {} : content(toJsonSchema(response.schema.root), settings)]),
              ),
            }),
      };
    }
  }
  return responses;
}

const mediaTypes = (types: ReadonlyMap<string, unknown>): string[] =>
  [...types.keys()].filter((type) => /^[\w.+-]+\/[\w.+*-]+$/.test(type));
const content = (schema: Plain, settings: OpenApiSettings): Plain =>
  settings.noExamples === true ? { schema } : { schema, example: exampleOf(schema) };

/** Null when nothing is known; an empty alternative where requests without credentials were answered. */
function securityOf(states: readonly EndpointState[], schemes: Map<string, Plain>): Plain[] | null {
  const alternatives = new Map<string, Plain>();
  for (const state of states) {
    for (const key of state.auth.keys()) {
      if (key === 'none') continue;
      const [kind, carrier] = key.split(' ');
      const scheme = schemeOf(kind, carrier);
      const name = key.replace(/[^A-Za-z0-9._-]+/g, '-');
      schemes.set(name, scheme);
      alternatives.set(name, { [name]: [] });
    }
  }
  if (states.some((state) => state.counts.anonymousOk > 0)) alternatives.set('', {});
  return alternatives.size === 0 ? null : [...alternatives.values()];
}

function schemeOf(kind: string, carrier: string): Plain {
  const [place, name] = [carrier.slice(0, carrier.indexOf(':')), carrier.slice(carrier.indexOf(':') + 1)];
  if (kind === 'mtls') return { type: 'mutualTLS' };
  if (name === 'authorization') {
    if (kind === 'basic' || kind === 'digest' || kind === 'negotiate') return { type: 'http', scheme: kind };
    if (kind === 'hmac') return { type: 'http', scheme: 'signature', description: 'The request is signed.' };
    return { type: 'http', scheme: 'bearer', ...(kind === 'bearer' ? {} : { bearerFormat: 'JWT' }) };
  }
  return { type: 'apiKey', in: place === 'query' || place === 'cookie' ? place : 'header', name };
}
