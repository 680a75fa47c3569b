import type { Exchange, Finding, Json } from '../../exchange/index.js';
import { queryPairs, splitTarget } from '../../exchange/index.js';
import { type ApiDocument, bareTemplate, type DocumentedOperation } from '../import/index.js';
import type { ExchangeBodies } from './bodies.js';
import { driftFinding, shadowFinding } from './changes.js';
import type { EndpointState } from './endpoint.js';
import { compileSchema, firstMismatch } from './mini-schema.js';

/** Traffic held against an imported description. */

const HOUR_MS = 3_600_000;
const indexes = new WeakMap<ApiDocument, Map<string, DocumentedOperation>>();
const compiled = new WeakMap<DocumentedOperation, Map<string, ReturnType<typeof compileSchema>>>();

/** The operation of a method and template, whatever its parameters are called. */
export function documentedOperation(document: ApiDocument, method: string, template: string): DocumentedOperation | null {
  let index = indexes.get(document);
  if (index === undefined) {
    index = new Map(document.operations.map((operation) => [`${operation.method} ${bareTemplate(operation.template)}`, operation]));
    indexes.set(document, index);
  }
  return index.get(`${method} ${bareTemplate(template)}`) ?? null;
}

/** Marks endpoints that the document has; returns those that changed. */
export function documentedEndpoints(document: ApiDocument, states: Iterable<EndpointState>): EndpointState[] {
  const changed: EndpointState[] = [];
  for (const state of states) {
    const operation = documentedOperation(document, state.ref.method, state.ref.template.split('#')[0]);
    const deprecated = operation?.deprecated === true || (state.deprecated && operation === null);
    if (state.documented === (operation !== null) && state.deprecated === deprecated) continue;
    state.documented = operation !== null;
    state.deprecated = deprecated;
    if (operation !== null) {
      state.origin = document.name;
      state.raised.delete('shadow');
    }
    state.revision++;
    changed.push(state);
  }
  return changed;
}

/** Shadow and drift findings of one well answered exchange; `raised(kind, everyMs)` is true when that was said lately. */
export function documentFindings(
  document: ApiDocument,
  state: EndpointState,
  exchange: Exchange,
  bodies: ExchangeBodies,
  raised: (kind: string, everyMs: number) => boolean,
): Finding[] {
  const operation = documentedOperation(document, state.ref.method, state.ref.template.split('#')[0]);
  if (operation === null) {
    if (!document.complete || exchange.request.method === 'OPTIONS' || exchange.request.method === 'HEAD' || raised('shadow', 24 * HOUR_MS))
      return [];
    return [shadowFinding(exchange, state, document.name)];
  }
  if (!document.complete) return [];
  const findings: Finding[] = [];
  const report = (at: Parameters<typeof driftFinding>[2], text: string): void => {
    if (findings.length < 5 && !raised(`drift:${at.in}:${at.path}`, 24 * HOUR_MS))
      findings.push(driftFinding(exchange, state, at, text, document.name));
  };
  const { query } = splitTarget(exchange.request.target);
  const sent = new Set(queryPairs(query, 100).map(([name]) => name));
  const known = operation.parameters.filter((parameter) => parameter.in === 'query');
  for (const name of sent) {
    if (!known.some((parameter) => parameter.name === name || parameter.name.replace(/\[\]$/, '') === name.replace(/\[.*\]$/, '')))
      report({ phase: 'request', in: 'query', path: name }, `The query parameter "${name}" is in use`);
  }
  for (const parameter of known)
    if (parameter.required && !sent.has(parameter.name))
      report(
        { phase: 'request', in: 'query', path: parameter.name },
        `A request without the required parameter "${parameter.name}" was answered`,
      );
  const status = exchange.response?.status ?? 0;
  const key = [String(status), `${Math.floor(status / 100)}XX`, 'DEFAULT'].find((one) => one in operation.responses);
  if (key === undefined && Object.keys(operation.responses).length > 0)
    report({ phase: 'response', in: 'status', path: String(status) }, `An answer had status ${status}`);
  // Whole answers are compared for a sample: every one of the first fifty, then one in sixteen.
  if (state.counts.requests > 50 && state.counts.requests % 16 !== 0) return findings;
  if (key !== undefined) compare(operation, `response ${key}`, operation.responses[key], bodies.response(), 'response', report);
  compare(operation, 'request', operation.body, bodies.request(), 'request', report);
  return findings;
}

function compare(
  operation: DocumentedOperation,
  name: string,
  schema: unknown,
  value: Json | undefined,
  phase: 'request' | 'response',
  report: (at: Parameters<typeof driftFinding>[2], text: string) => void,
): void {
  if (schema === null || value === undefined) return;
  let byName = compiled.get(operation);
  if (byName === undefined) {
    byName = new Map();
    compiled.set(operation, byName);
  }
  let mini = byName.get(name);
  if (mini === undefined) {
    mini = compileSchema(schema as Json);
    byName.set(name, mini);
  }
  const mismatch = firstMismatch(mini, value, '');
  if (mismatch !== null)
    report(
      { phase, in: 'body', path: mismatch.path },
      `The ${phase} body ${mismatch.path === '' ? '' : `at ${mismatch.path} `}${mismatch.text}`,
    );
}
