import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ChunkedBody } from './chunked-upload.js';
import type { WireHandler } from './upstream-wire.js';
import type { Upstream } from './upstreams.js';

/** A request as it goes to an upstream. */
export interface OnwardRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: string[];
  /** A stream has the length that `headers` tell. */
  readonly body: Uint8Array | Readable | ChunkedBody | null;
  /** Protocol asked for; null: none. */
  readonly upgrade: string | null;
  /** Names and values are known to be valid (`WireRequest.isFieldText`). */
  readonly isFieldText: boolean;
}

const WITH_CONTENT = new Set(['POST', 'PUT', 'PATCH']);

/** undici ends an HTTP/2 request of these methods with its head, whatever follows. */
export function hasNoBodyOverHttp2(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/**
 * A body as undici's HTTP/2 client can send it. One that is empty would never end there; a whole one of a method that usually has none fails an assertion of
 * its own, after which the connection sends nothing any more.
 */
function overHttp2(method: string, body: Uint8Array | Readable | null): Uint8Array | Readable | null {
  if (!(body instanceof Uint8Array)) return body;
  if (body.byteLength === 0) return null;
  return WITH_CONTENT.has(method) ? body : Readable.from([body], { objectMode: false });
}

/** Sends it: over the gateway's own connections when it is whole in memory or goes in chunks and wants no upgrade, else by undici, which sends no trailers. */
export function dispatch(upstream: Upstream, request: OnwardRequest, handler: Dispatcher.DispatchHandler & WireHandler): void {
  const { path, method, headers, body, upgrade, isFieldText } = request;
  if (upstream.wire !== null && upgrade === null && (body === null || body instanceof Uint8Array || 'trailers' in body)) {
    upstream.wire.dispatch({ method, path, headers, body, isFieldText }, handler);
    return;
  }
  const plain = body !== null && 'trailers' in body ? body.stream : body;
  // Without `servername` undici would take the name for TLS from the Host header: the client's choice, and a new connection with each change of it.
  const options: Dispatcher.DispatchOptions & { readonly servername: string } = {
    origin: upstream.origin,
    path,
    method: method as Dispatcher.HttpMethod,
    headers,
    body: upstream.wire === null ? overHttp2(method, plain) : plain,
    servername: upstream.hostname,
    upgrade,
  };
  upstream.dispatcher.dispatch(options, handler);
}
