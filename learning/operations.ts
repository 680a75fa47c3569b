import { type HeaderList, header, mediaType, queryPairs } from '../exchange/index.js';
import { operationIn, readDocument } from './graphql.js';

const GRAPHQL = /graphql|\/gql(?:\/|$)/i;

/** What of a request tells its operation. */
export interface OperationFacts {
  readonly method: string;
  readonly headers: HeaderList;
  readonly path: string;
  /** Raw, without `?`. */
  readonly query: string;
  /** The first 4 KiB of the body as text; empty without one. */
  readonly bodyStart: () => string;
  /** The parsed body; undefined when it is not JSON. */
  readonly json: () => unknown;
}

/**
 * Protocols that put many operations behind one path: the operation becomes part of the template, after `#`. `/graphql#query GetUser`,
 * `/rpc#eth_call`, `/soap#GetQuote`. Templates of gateways match the path alone; who needs the operation asks here.
 */
export function operationOf({ method, headers, path, query, bodyStart, json }: OperationFacts): string | null {
  if (method !== 'POST' && method !== 'GET') return null;
  const action = method === 'POST' ? header(headers, 'soapaction') : null;
  if (action !== null) return soapName(action);
  if (GRAPHQL.test(path)) {
    if (method === 'GET') {
      const pairs = new Map(queryPairs(query));
      return graphqlName(pairs.get('query') ?? '', pairs.get('operationName') ?? '');
    }
    if (mediaType(headers) === 'application/graphql') return graphqlName(bodyStart(), '');
    const call = callOf(json());
    if (call === null || (typeof call.query !== 'string' && typeof call.operationName !== 'string')) return null;
    return graphqlName(textOf(call.query), textOf(call.operationName));
  }
  if (method !== 'POST') return null;
  const start = bodyStart();
  if (start === '') return null;
  const type = header(headers, 'content-type') ?? '';
  if (type.includes('soap+xml')) return soapName(/action\s*=\s*"?([^";]+)/i.exec(type)?.[1] ?? '');
  // Only bodies that begin like a JSON-RPC call are parsed for it.
  if (!start.includes('"jsonrpc"')) return null;
  const call = callOf(json());
  return call !== null && call.jsonrpc === '2.0' && typeof call.method === 'string' ? safeName(call.method) : null;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The call, or the first of several. */
function callOf(body: unknown): Readonly<Record<string, unknown>> | null {
  const one: unknown = Array.isArray(body) ? body[0] : body;
  return typeof one === 'object' && one !== null && !Array.isArray(one) ? (one as Readonly<Record<string, unknown>>) : null;
}

/** Operation kind and name; an unnamed operation is called by its first field, and one that is known to the server by name alone has no kind. */
function graphqlName(document: string, operationName: string): string | null {
  if (document === '') return operationName === '' ? null : safeName(operationName);
  const operation = operationIn(readDocument(document), operationName);
  const name = operationName !== '' ? operationName : operation === undefined ? '' : operation.name || operation.field;
  return name === '' ? null : safeName(`${operation?.kind ?? 'query'} ${name}`);
}

function soapName(action: string): string | null {
  const text = action.replace(/^"|"$/g, '');
  const last = text
    .split(/[/#:]/)
    .filter((part) => part !== '')
    .pop();
  return last === undefined ? null : safeName(last);
}

const safeName = (name: string): string | null => (/^[\w .$/-]{1,96}$/.test(name) ? name : null);

/** Template without the operation, and the operation. */
export function splitOperation(template: string): [base: string, operation: string | null] {
  const mark = template.indexOf('#');
  return mark < 0 ? [template, null] : [template.slice(0, mark), template.slice(mark + 1)];
}
