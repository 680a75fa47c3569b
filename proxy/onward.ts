import { randomFillSync } from 'node:crypto';
import { forwardedNode } from './client-address.js';
import type { RequestHead } from './request-head.js';
import type { Service } from './services.js';

/** What the headers for the upstream are made of, beside the client's own. */
export interface Onward {
  readonly head: RequestHead;
  readonly service: Service;
  readonly upstreamHost: string;
  readonly clientIp: string;
  /** Trusted proxies between the client and this gateway, nearest last. */
  readonly hops: readonly string[];
  readonly scheme: 'http' | 'https';
  readonly via: string;
  readonly requestId: string;
  readonly traceparent: string;
}

/** Headers for the upstream: what the client sent, and what only the gateway may say (RFC 7239, RFC 9110 §7.6.3, W3C Trace Context). A new list. */
export function onwardHeaders({ head, service, upstreamHost, clientIp, hops, scheme, via, requestId, traceparent }: Onward): string[] {
  const { hostHeader } = service.config;
  const host = hostHeader === 'preserve' ? head.host : hostHeader === 'upstream' ? upstreamHost : hostHeader.value;
  let path = clientIp;
  let forwarded = `for=${forwardedNode(clientIp)};host=${quotedHost(head.host)};proto=${scheme}`;
  for (const hop of hops) {
    path += `, ${hop}`;
    forwarded += `, for=${forwardedNode(hop)}`;
  }
  const list = head.onward.slice();
  list.push(
    'host',
    host === '' ? upstreamHost : host,
    'x-forwarded-for',
    path,
    'x-forwarded-proto',
    scheme,
    'x-forwarded-host',
    head.host,
    'forwarded',
    forwarded,
    'via',
    head.via === '' ? `1.1 ${via}` : `${head.via}, 1.1 ${via}`,
    'x-request-id',
    requestId,
    'traceparent',
    traceparent,
  );
  if (head.acceptsTrailers) list.push('te', 'trailers');
  return list;
}

function quotedHost(host: string): string {
  return /^[\w.-]+$/.test(host) ? host : `"${host}"`;
}

const random = Buffer.alloc(6144);
let randomAt = random.length;

/** A new W3C trace context: random trace and span ids, sampled. */
export function newTraceparent(): string {
  if (randomAt + 24 > random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  const hex = random.toString('hex', randomAt, randomAt + 24);
  randomAt += 24;
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}
