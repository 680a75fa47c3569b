import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { WeirError } from './errors.js';

/** Canonical text of an address (RFC 5952; IPv4-mapped IPv6 becomes IPv4; zone ids and ports are refused); null when it is not an address. */
export function canonicalIp(text: string): string | null {
  const family = isIP(text);
  if (family === 4) return text;
  if (family === 0 || text.includes('%')) return null;
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String();
}

/** A parsed network: `bytes` holds 4 or 16 octets with host bits cleared. */
export interface Cidr {
  readonly bytes: Uint8Array;
  readonly prefix: number;
  /** Canonical text, always with the prefix: `10.0.0.0/8`, `2001:db8::/32`. */
  readonly text: string;
}

/** Parses `a.b.c.d`, `a.b.c.d/n` and their IPv6 forms; host bits are cleared. Throws WeirError ADDRESS_INVALID. */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/');
  const ip = canonicalIp(slash < 0 ? text : text.slice(0, slash));
  const mapped = ip !== null && isIP(ip) === 4 && text.includes(':');
  if (ip === null) throw invalid(text, 'is not an IP address or CIDR');
  const bytes = Uint8Array.from(ipaddr.parse(ip).toByteArray());
  const bits = bytes.length * 8;
  let prefix = bits;
  if (slash >= 0) {
    const digits = text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(digits)) throw invalid(text, `has no valid prefix length after "/"`);
    prefix = Number(digits) - (mapped ? 96 : 0);
    if (prefix < 0 || prefix > bits) throw invalid(text, `has a prefix length outside 0–${bits}`);
  }
  for (let index = 0; index < bytes.length; index++) {
    const keep = Math.min(8, Math.max(0, prefix - index * 8));
    bytes[index] &= 0xff << (8 - keep);
  }
  return { bytes, prefix, text: `${ipaddr.fromByteArray([...bytes]).toString()}/${prefix}` };
}

function invalid(text: string, why: string): WeirError {
  return new WeirError('ADDRESS_INVALID', `"${text}" ${why}`, {
    status: 400,
    hint: 'Write 203.0.113.7, 203.0.113.0/24, 2001:db8::1 or 2001:db8::/32.',
  });
}

/**
 * A small immutable set of networks (trusted proxies, allowlists of policies): a linear scan over a few dozen entries.
 * Large sets belong to `attackers`' block table.
 */
export class CidrSet {
  readonly cidrs: readonly Cidr[];
  private readonly cache = new Map<string, boolean>();

  /** Throws WeirError ADDRESS_INVALID for a malformed entry. */
  constructor(texts: Iterable<string>) {
    this.cidrs = [...texts].map(parseCidr);
  }

  has(ip: string): boolean {
    if (this.cidrs.length === 0) return false;
    const known = this.cache.get(ip);
    if (known !== undefined) return known;
    const result = this.scan(ip);
    if (this.cache.size >= 4096) this.cache.clear();
    this.cache.set(ip, result);
    return result;
  }

  private scan(ip: string): boolean {
    const canonical = canonicalIp(ip);
    if (canonical === null) return false;
    const bytes = ipaddr.parse(canonical).toByteArray();
    return this.cidrs.some((cidr) => cidr.bytes.length === bytes.length && matches(bytes, cidr));
  }
}

function matches(bytes: readonly number[], cidr: Cidr): boolean {
  for (let index = 0, bits = cidr.prefix; bits > 0; index++, bits -= 8) {
    const mask = bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
    if ((bytes[index] & mask) !== cidr.bytes[index]) return false;
  }
  return true;
}

let actorPrefix = 64;

/** How IPv6 clients are told apart in this thread: by networks of this length, 32–128. Set once, where a role starts; every role of a weir takes the same. */
export function tellIpv6ActorsBy(length: number): void {
  actorPrefix = length;
}

/** The address an unauthenticated actor is known by: IPv4 as it is, IPv6 by its network (`/64` unless set), since one host owns that many addresses. */
export function actorAddress(ip: string, ipv6Prefix = actorPrefix): string {
  if (!ip.includes(':')) return ip;
  return parseCidr(`${ip}/${ipv6Prefix}`).text;
}
