import {
  type Body,
  type Exchange,
  emptyBody,
  header,
  newId,
  type Observer,
  type Outcome,
  type RequestMessage,
  type ResponseMessage,
} from '../exchange/index.js';
import type { Message, Pair } from './http/message.js';
import type { FlowEnds } from './reassembly/flows.js';
import type { Side } from './reassembly/handler.js';
import type { SensorPorts } from './types.js';

/** Where a pair was seen. */
export interface Seen {
  readonly ends: FlowEnds;
  readonly client: Side;
  /** Address that a PROXY protocol header named. */
  readonly proxied: { readonly ip: string; readonly port: number } | null;
}

export type ExchangePorts = Pick<SensorPorts, 'serviceOf' | 'principals'>;

/** An exchange of a pair that has a request; null for an answer alone, which says nothing about what was asked. */
export function exchangeOf(pair: Pair, seen: Seen, observer: Observer, ports: ExchangePorts): Exchange | null {
  const { request, response } = pair;
  // In HTTP/2 the path may be in a part of the table that was lost.
  if (request === null || (request.head.version === '2' && request.head.target === '')) return null;
  const { ends, client } = seen;
  const other = client === 0 ? 1 : 0;
  const server = { ip: ends.ip[other], port: ends.port[other] };
  const from = seen.proxied ?? { ip: ends.ip[client], port: ends.port[client] };
  const vni = ends.vni < 0 ? null : ends.vni;
  const message = requestOf(request);
  const id = newId(request.startedMs);
  const endedMs = Math.max(request.endedMs, response?.endedMs ?? 0);
  const exchange: Exchange = {
    id,
    requestId: nameOf(request) ?? (response === null ? null : nameOf(response)) ?? id,
    kind: pair.kind ?? 'http',
    observer,
    service: ports.serviceOf(message.host, vni, server),
    client: from,
    server,
    startedAtMs: request.startedMs,
    durationMs: Math.max(0, endedMs - request.startedMs),
    upstreamMs: response === null ? null : Math.max(0, response.startedMs - request.startedMs),
    request: message,
    response: response === null ? null : responseOf(response),
    principal: ports.principals?.read(message.headers, message.target) ?? null,
    outcome: PASSED,
    tags: tagsOf(pair, message, vni),
  };
  return pair.failure === '' ? exchange : { ...exchange, failure: pair.failure };
}

const PASSED: Outcome = Object.freeze({ action: 'passed', mode: 'mirror', phase: null, acts: Object.freeze([]) });
const NO_TAGS: readonly string[] = Object.freeze([]);

function tagsOf(pair: Pair, message: RequestMessage, vni: number | null): readonly string[] {
  const operation = operationTags(message);
  if (pair.tags === undefined && vni === null) return operation;
  return [...(pair.tags ?? NO_TAGS), ...operation, ...(vni === null ? NO_TAGS : [`vni:${vni}`])];
}

/** The exchange with bytes of its own, for whoever keeps it longer than the call that handed it over. */
export function owned(exchange: Exchange): Exchange {
  const { request, response } = exchange;
  return {
    ...exchange,
    request: { ...request, body: ownedBody(request.body) },
    response: response === null ? null : { ...response, body: ownedBody(response.body) },
  };
}

function ownedBody(body: Body): Body {
  return body.bytes.length === 0 ? body : { ...body, bytes: Buffer.from(body.bytes) };
}

/** As a gateway would take it over or hand it on; in front of a gateway that named the request only the answer has the name. */
function nameOf(message: Message): string | null {
  const name = header(message.head.headers, 'x-request-id');
  return name !== null && /^[\w.:/+=-]{8,128}$/.test(name) ? name : null;
}

/** An exchange that a worker made, with what only the thread with the ports knows. */
export function assigned(exchange: Exchange, vni: number, observer: Observer, ports: ExchangePorts): Exchange {
  const { request, server } = exchange;
  return {
    ...exchange,
    observer,
    service: ports.serviceOf(request.host, vni < 0 ? null : vni, server),
    principal: ports.principals?.read(request.headers, request.target) ?? null,
  };
}

function requestOf(request: Message): RequestMessage {
  const { head } = request;
  return {
    method: head.method,
    scheme: 'http',
    host: hostOf(request),
    target: originForm(head.method, head.target),
    httpVersion: head.version === '0.9' ? '1.0' : head.version,
    headers: head.headers,
    body: request.body ?? emptyBody,
    trailers: request.trailers,
  };
}

function responseOf(response: Message): ResponseMessage {
  const { head } = response;
  return {
    status: head.status,
    httpVersion: head.version === '0.9' ? '1.0' : head.version,
    headers: head.headers,
    body: response.body,
    trailers: response.trailers,
  };
}

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i;

/** Authority of a request (RFC 9112 §3.2): of an absolute target, of CONNECT, else of Host; lower case, without the default port. */
export function hostOf(request: Message): string {
  const { head } = request;
  let host = '';
  if (head.method === 'CONNECT') host = /^\S*/.exec(head.target)?.[0] ?? '';
  else if (!head.target.startsWith('/')) host = ABSOLUTE.exec(head.target)?.[2] ?? '';
  if (host === '') host = header(head.headers, 'host') ?? header(head.headers, ':authority') ?? '';
  if (host !== lastAuthority) {
    lastHost = hostOfAuthority(host);
    lastAuthority = host;
  }
  return lastHost;
}

/** The same few hosts are asked for all the time, often one many times in a row. */
let lastAuthority = '';
let lastHost = '';

function hostOfAuthority(authority: string): string {
  let host = authority;
  const at = host.lastIndexOf('@');
  host = (at < 0 ? host : host.slice(at + 1)).trim().toLowerCase();
  return host.endsWith(':80') ? host.slice(0, -3) : host;
}

/** Target without scheme and authority. CONNECT and `*` stay as they are. */
function originForm(method: string, target: string): string {
  if (target === '') return '/';
  if (method === 'CONNECT' || target.startsWith('/') || target === '*') return target;
  const match = ABSOLUTE.exec(target);
  if (match === null) return target;
  const rest = target.slice(match[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Names the operation where the path does not: `grpc`, `soap:Action`, `graphql:Operation`. */
function operationTags(request: RequestMessage): readonly string[] {
  const type = header(request.headers, 'content-type') ?? '';
  if (type.startsWith('application/grpc')) return ['grpc'];
  const action =
    header(request.headers, 'soapaction') ??
    (type.startsWith('application/soap+xml') ? (/action="?([^";]+)/i.exec(type)?.[1] ?? null) : null);
  if (action !== null && action !== '') return [`soap:${action.replaceAll('"', '').slice(0, 128)}`];
  if (!/graphql/i.test(request.target)) return NO_TAGS;
  const text = Buffer.from(request.body.bytes.subarray(0, 8_192)).toString('latin1');
  const operation =
    /"operationName"\s*:\s*"([_A-Za-z]\w{0,127})"/.exec(text) ?? /\b(?:query|mutation|subscription)\s+([_A-Za-z]\w{0,127})/.exec(text);
  return operation === null ? ['graphql'] : [`graphql:${operation[1]}`];
}
