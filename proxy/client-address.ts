import { type CidrSet, canonicalIp } from '../exchange/index.js';

/** A client address found in forwarding headers: the address, and the trusted hops after it, nearest last. */
export interface ForwardedChain {
  readonly ip: string;
  readonly hops: readonly string[];
}

/**
 * The client behind trusted proxies: the rightmost address that is not itself trusted. Entries that are no address end the walk, since nothing
 * to their left can be believed. `Forwarded` (RFC 7239) counts only when there is no X-Forwarded-For: a proxy that writes one and passes the
 * other through would otherwise let a client choose.
 */
export function clientBehind(peerIp: string, forwardedFor: string, forwarded: string, trusted: CidrSet): ForwardedChain {
  const claimed =
    forwardedFor !== '' ? forwardedFor.split(',').map((one) => one.trim()) : forwarded !== '' ? forwardedNodes(forwarded) : [];
  const hops = [peerIp];
  let ip = peerIp;
  for (let index = claimed.length - 1; index >= 0 && trusted.has(ip); index--) {
    const address = addressOf(claimed[index]);
    if (address === null) break;
    hops.unshift(address);
    ip = address;
  }
  return { ip, hops: hops.slice(1) };
}

/** `for=` parameters of a Forwarded header in order, quotes removed. */
function forwardedNodes(forwarded: string): string[] {
  const nodes: string[] = [];
  for (const element of forwarded.split(',')) {
    const found = /(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^;,\s]*))/i.exec(element);
    nodes.push((found?.[1] ?? found?.[2] ?? '').trim());
  }
  return nodes;
}

/** An address with or without brackets and port. */
function addressOf(text: string): string | null {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text);
  if (bracketed !== null) return canonicalIp(bracketed[1]);
  const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d+$/.exec(text);
  return canonicalIp(withPort?.[1] ?? text);
}

/** `for=` value of RFC 7239 §6: IPv6 in brackets and quotes. */
export function forwardedNode(ip: string): string {
  return ip.includes(':') ? `"[${ip}]"` : ip;
}
