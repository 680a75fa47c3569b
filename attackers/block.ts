import { attackersError } from './errors.js';
import { contains, readPrefix, writePrefix } from './network.js';

export type ScopeKind = 'address' | 'cidr' | 'principal' | 'asn' | 'country';

/** Who is meant. Values are canonical: `203.0.113.7`, `2001:db8::/32`, a principal key, `64500`, `DE`. */
export interface Scope {
  readonly kind: ScopeKind;
  readonly value: string;
}

export type BlockOrigin = 'person' | 'policy' | 'detector' | 'feed';

/** What happens to who is meant: refused; let through a little of the time (429 beyond); held back, then refused; or the connection is closed. */
export type BlockAction = 'block' | 'throttle' | 'tarpit' | 'close';

/** Requests a minute that a throttled actor has on each endpoint, unless the entry says otherwise. */
export const THROTTLE_PER_MINUTE = 10;

/** One entry of the blocklist. Immutable: a change writes a new one under the same id. */
export interface Block {
  /** From scope and service: blocking the same again updates the entry. */
  readonly id: string;
  readonly scope: Scope;
  /** Null: every service. */
  readonly service: string | null;
  readonly reason: string;
  readonly origin: BlockOrigin;
  /** User name, policy, detector or feed. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** Null: until somebody removes it. */
  readonly expiresAtMs: number | null;
  /** Only requests without a principal: the other users behind a shared address stay. */
  readonly unauthenticatedOnly?: boolean;
  /** How often this scope was blocked, this time included. */
  readonly count?: number;
  /** Absent: `block`. */
  readonly action?: Exclude<BlockAction, 'block'>;
  /** For `throttle`: default `THROTTLE_PER_MINUTE`. */
  readonly perMinute?: number;
}

/** An entry of the allowlist. It wins over every block, or over one feed. */
export interface AllowEntry {
  readonly scope: Scope;
  readonly reason: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** A false positive of this feed only; null: nothing blocks it. */
  readonly feed: string | null;
  /** Absent: until somebody removes it. */
  readonly expiresAtMs?: number;
}

/** As PrincipalReader writes them. */
const PRINCIPAL_KEY = /^p_[\w-]{22}$/;

/** Key of a block in the shared map; says whom it means, so a deletion needs no look-up. */
export function blockKey(scope: Scope, service: string | null): string {
  return `${scope.kind}|${scope.value}|${service ?? ''}`;
}

/** The reverse of `blockKey`; null for a text that is none. */
export function readBlockKey(key: string): { readonly scope: Scope; readonly service: string | null } | null {
  const match = /^(address|cidr|principal|asn|country)\|(.*)\|([^|]*)$/s.exec(key);
  if (match === null) return null;
  return { scope: { kind: match[1] as ScopeKind, value: match[2] }, service: match[3] === '' ? null : match[3] };
}

/**
 * 13 or 14 hex digits from scope and service (53 bits of two FNV-1a passes): the same entry has the same id everywhere. Not cryptographic, because compiled entries are named
 * when they hit, in the request path.
 */
export function blockId(scope: Scope, service: string | null): string {
  const key = blockKey(scope.kind === 'address' ? { kind: 'cidr', value: scope.value } : scope, service);
  let low = 0x811c9dc5;
  let high = 0x050c5d1f;
  for (let index = 0; index < key.length; index++) {
    const code = key.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code ^ (low >>> 15), 0x01000193);
  }
  return ((high >>> 11) * 0x100000000 + (low >>> 0)).toString(16).padStart(13, '0');
}

/** What a record of a stopped request calls the entry that stopped it: its id, and for a feed's entry the feed before it. */
export function nameOfBlock(block: Block): string {
  return block.origin === 'feed' ? `feed:${block.createdBy}/${block.id}` : block.id;
}

/** The reverse of `nameOfBlock`; who made an entry of the blocklist itself is not in its name. */
export function readBlockName(name: string): Pick<Block, 'id' | 'origin' | 'createdBy'> {
  const match = /^feed:([^/]+)\/(.+)$/.exec(name);
  return match === null ? { id: name, origin: 'person', createdBy: '' } : { id: match[2], origin: 'feed', createdBy: match[1] };
}

/**
 * Canonical form of a scope. The kind may be left out: then an address, a CIDR, `AS64500`, a country code and the key of a principal are recognised.
 * Throws WeirError BLOCK_INVALID with what is wrong.
 */
export function normalScope(value: string, given?: ScopeKind): Scope {
  const text = value.trim();
  const kind = given ?? (PRINCIPAL_KEY.test(text) ? 'principal' : /^[A-Za-z]{2}$/.test(text) ? 'country' : undefined);
  if (kind === undefined || kind === 'address' || kind === 'cidr') {
    const prefix = readPrefix(text);
    if (prefix !== null) {
      const canonical = writePrefix(prefix);
      const isNetwork = canonical.includes('/');
      if (kind === 'address' && isNetwork) throw attackersError('BLOCK_INVALID', `"${text}" is a network, not an address`);
      return { kind: isNetwork ? 'cidr' : 'address', value: canonical };
    }
    if (kind !== undefined || !/^AS\d/i.test(text))
      throw attackersError(
        'BLOCK_INVALID',
        `"${text}" is not an IP address or CIDR${kind === undefined ? ', AS number, country code or key of a principal' : ''}`,
      );
  }
  if (kind === 'principal') {
    if (text === '' || text.length > 512) throw attackersError('BLOCK_INVALID', 'A principal key has 1–512 characters');
    return { kind, value: text };
  }
  if (kind === 'country') {
    if (!/^[A-Za-z]{2}$/.test(text)) throw attackersError('BLOCK_INVALID', `"${text}" is not a two-letter country code (ISO 3166-1)`);
    return { kind, value: text.toUpperCase() };
  }
  const asn = /^(?:AS)?(\d{1,10})$/i.exec(text)?.[1];
  if (asn === undefined || Number(asn) > 0xffffffff) throw attackersError('BLOCK_INVALID', `"${text}" is not an AS number`);
  return { kind: 'asn', value: String(Number(asn)) };
}

/** The scope as people write it. */
export function scopeText({ kind, value }: Scope): string {
  return kind === 'asn' ? `AS${value}` : value;
}

/** Who or what made a block, for a sentence. */
export function makerOf({ origin, createdBy }: Pick<Block, 'origin' | 'createdBy'>): string {
  return origin === 'feed' ? `feed ${createdBy}` : createdBy;
}

/** Does it take in so much that it must be meant twice: wider than /8 (IPv4) or /16 (IPv6)? */
export function isTooWide(scope: Scope): boolean {
  if (scope.kind !== 'cidr') return false;
  const prefix = readPrefix(scope.value);
  return prefix !== null && prefix.length < (prefix.family === 4 ? 8 : 16);
}

/** Does network or address `outer` contain `inner`? False when either cannot be read. */
export function covers(outer: string, inner: string): boolean {
  const [a, b] = [readPrefix(outer), readPrefix(inner)];
  return a !== null && b !== null && contains(a, b);
}

/** Do two networks have an address in common? */
export function overlap(one: string, other: string): boolean {
  return covers(one, other) || covers(other, one);
}
