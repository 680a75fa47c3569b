import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { CidrSet, canonicalIp } from '../../exchange/index.js';
import { ScanError } from '../errors.js';

/** Cloud metadata services and link-local addresses: no scan has business there, whoever's name resolves to them. */
const NEVER = new CidrSet([
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '0.0.0.0/8',
  '::/128',
]);
const isNever = (address: string): boolean => NEVER.has(canonicalIp(address) ?? address);

/** Key and certificate of an identity, PEM. `authority` is empty where the target's own certificate is of a public one. */
export interface ClientCertificate {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

/** Which hosts a scan may call. Enforced on every request, on every redirect and on the address that a name resolves to. */
export interface TargetGuard {
  /** @throws ScanError SCAN_TARGET_REFUSED */
  check(url: string): void;
  /** Connections with the client certificate of that name; null: with none. */
  agentFor(certificate: string | null): Agent;
  close(): Promise<void>;
}

/** Asks for all addresses of a name, as `dns.lookup` with `all`. */
export type Resolve = (hostname: string, answer: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void;

const systemResolve: Resolve = (hostname, answer) => lookup(hostname, { all: true }, answer);

/** `hosts` are names with or without a port; without one every port of the host is allowed. A name is resolved once and keeps that address for the run. */
export function guardFor(
  targetUrl: string,
  hosts: readonly string[],
  limits: {
    readonly connections: number;
    readonly timeoutMs: number;
    readonly certificates?: readonly ClientCertificate[];
    readonly resolve?: Resolve;
  },
): TargetGuard {
  const target = new URL(targetUrl);
  const allowed = new Set([target.host, ...hosts].map((host) => host.toLowerCase()));
  const refuse = (what: string): never => {
    throw new ScanError('SCAN_TARGET_REFUSED', what);
  };
  const pinned = new Map<string, readonly LookupAddress[]>();
  const resolve = limits.resolve ?? systemResolve;
  const agentWith = (tls: { readonly cert?: string; readonly key?: string; readonly ca?: string[] }) => {
    const connect = buildConnector({
      timeout: limits.timeoutMs,
      ...tls,
      lookup(hostname, options, callback) {
        const give = (addresses: readonly LookupAddress[]) =>
          options.all ? callback(null, [...addresses]) : callback(null, addresses[0]!.address, addresses[0]!.family);
        const known = pinned.get(hostname);
        if (known !== undefined) return give(known);
        resolve(hostname, (error, addresses) => {
          if (error !== null) return callback(error, []);
          const bad = addresses.find(({ address }) => isNever(address));
          if (bad !== undefined)
            return callback(new ScanError('SCAN_TARGET_REFUSED', `${hostname} resolves to ${bad.address}, which no scan may call`), []);
          if (addresses.length === 0) return callback(new Error(`${hostname} has no address`), []);
          // A name that resolves anew to another place (DNS rebinding) would lead the scan there.
          const kept = pinned.get(hostname) ?? addresses;
          pinned.set(hostname, kept);
          return give(kept);
        });
      },
    });
    return new Agent({ connect, connections: limits.connections, headersTimeout: limits.timeoutMs, bodyTimeout: limits.timeoutMs });
  };
  // Who signed the target's own certificate is known from whoever has a client certificate for it.
  const authorities = (limits.certificates ?? []).map(({ authority }) => authority).filter((one) => one !== '');
  const plain = agentWith(authorities.length === 0 ? {} : { ca: authorities });
  const agents = new Map(
    (limits.certificates ?? []).map(({ name, certificate, key, authority }) => [
      name,
      agentWith({ cert: certificate, key, ...(authority === '' ? {} : { ca: [authority] }) }),
    ]),
  );
  return {
    agentFor: (certificate) => (certificate === null ? plain : (agents.get(certificate) ?? plain)),
    close: async () => {
      await Promise.all([plain, ...agents.values()].map((agent) => agent.destroy()));
    },
    check(url) {
      const { protocol, host, hostname } = new URL(url);
      if (protocol !== 'http:' && protocol !== 'https:') refuse(`${protocol} is no protocol that a scan may use`);
      const address = hostname.replace(/^\[|\]$/g, '');
      if (isIP(address) !== 0 && isNever(address)) refuse(`${address} is an address that no scan may call`);
      if (!allowed.has(host.toLowerCase()) && !allowed.has(hostname.toLowerCase())) refuse(`${host} is not an allowed host of this scan`);
    },
  };
}
