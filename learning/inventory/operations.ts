import { type Exchange, header, type Json, queryPairs, splitTarget } from '../../exchange/index.js';

const GRAPHQL = /graphql|\/gql(?:\/|$)/i;

/**
 * Protocols that put many operations behind one path: the operation becomes part of the template, after `#`. `/graphql#query GetUser`,
 * `/rpc#eth_call`, `/soap#GetQuote`. Gateways match the path alone.
 */
export function operationOf(exchange: Exchange, path: string, requestJson: () => Json | undefined): string | null {
  if (exchange.kind === 'websocket') return null;
  const { method, headers } = exchange.request;
  const action = header(headers, 'soapaction');
  if (action !== null) return soapName(action);
  if (method !== 'POST' && method !== 'GET') return null;
  if (GRAPHQL.test(path)) {
    if (method === 'GET') {
      const pairs = new Map(queryPairs(splitTarget(exchange.request.target).query));
      return graphqlName(pairs.get('query') ?? '', pairs.get('operationName') ?? '');
    }
    const body = requestJson();
    const one = Array.isArray(body) ? body[0] : body;
    if (typeof one === 'object' && one !== null && !Array.isArray(one)) {
      if (typeof one.query === 'string' || typeof one.operationName === 'string')
        return graphqlName(typeof one.query === 'string' ? one.query : '', typeof one.operationName === 'string' ? one.operationName : '');
    }
    return null;
  }
  if (method !== 'POST' || exchange.request.body.bytes.length === 0) return null;
  const type = header(headers, 'content-type') ?? '';
  if (type.includes('soap+xml')) return soapName(/action\s*=\s*"?([^";]+)/i.exec(type)?.[1] ?? '');
  // Only bodies that begin like a JSON-RPC call are parsed for it.
  if (!startsLikeRpc(exchange.request.body.bytes)) return null;
  const body = requestJson();
  const one = Array.isArray(body) ? body[0] : body;
  if (typeof one !== 'object' || one === null || Array.isArray(one) || one.jsonrpc !== '2.0' || typeof one.method !== 'string') return null;
  return safeName(one.method);
}

function startsLikeRpc(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096)).toString('latin1');
  return text.includes('"jsonrpc"');
}

const OPERATION = /^\s*(?:#[^\n]*\n\s*)*(query|mutation|subscription)?\s*([A-Za-z_]\w*)?[^{]*\{\s*(?:\w+\s*:\s*)?([A-Za-z_]\w*)?/;

/** Operation kind and name; an unnamed operation is called by its first field. */
function graphqlName(document: string, operationName: string): string | null {
  const read = OPERATION.exec(document.slice(0, 4096));
  const kind = read?.[1] ?? 'query';
  const name = operationName !== '' ? operationName : (read?.[2] ?? read?.[3] ?? '');
  return name === '' ? null : safeName(`${kind} ${name}`);
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
