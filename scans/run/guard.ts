import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { CidrSet } from '../../exchange/index.js';
import { ScanError } from '../errors.js';

/** Cloud metadata services and link-local addresses: no scan has business there, whoever's name resolves to them. */
const NEVER = new CidrSet(['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128', '100.100.100.200/32', '0.0.0.0/8']);

/** Which hosts a scan may call. Enforced on every request, on every redirect and on the address that a name resolves to. */
export interface TargetGuard {
  /** @throws ScanError SCAN_TARGET_REFUSED */
  check(url: string): void;
  readonly agent: Agent;
}

/** `hosts` are names with or without a port; without one every port of the host is allowed. */
export function guardFor(
  targetUrl: string,
  hosts: readonly string[],
  limits: { readonly connections: number; readonly timeoutMs: number },
): TargetGuard {
  const target = new URL(targetUrl);
  const allowed = new Set([target.host, ...hosts].map((host) => host.toLowerCase()));
  const refuse = (what: string): never => {
    throw new ScanError('SCAN_TARGET_REFUSED', what);
  };
  const connect = buildConnector({
    timeout: limits.timeoutMs,
    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, []);
        const bad = addresses.find(({ address }) => NEVER.has(address));
        if (bad !== undefined)
          return callback(new ScanError('SCAN_TARGET_REFUSED', `${hostname} resolves to ${bad.address}, which no scan may call`), []);
        return callback(null, addresses);
      });
    },
  });
  return {
    agent: new Agent({ connect, connections: limits.connections, headersTimeout: limits.timeoutMs, bodyTimeout: limits.timeoutMs }),
    check(url) {
      const { protocol, host, hostname } = new URL(url);
      if (protocol !== 'http:' && protocol !== 'https:') refuse(`${protocol} is no protocol that a scan may use`);
      const address = hostname.replace(/^\[|\]$/g, '');
      if (isIP(address) !== 0 && NEVER.has(address)) refuse(`${address} is an address that no scan may call`);
      if (!allowed.has(host.toLowerCase()) && !allowed.has(hostname.toLowerCase())) refuse(`${host} is not an allowed host of this scan`);
    },
  };
}
