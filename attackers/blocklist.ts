import type { ActorRef } from '../exchange/index.js';
import type { SharedMap, SharedState } from '../traffic/index.js';
import {
  type AllowEntry,
  type Block,
  type BlockAction,
  type BlockOrigin,
  blockId,
  blockKey,
  covers,
  isTooWide,
  normalScope,
  overlap,
  readBlockKey,
  type Scope,
  type ScopeKind,
  scopeText,
  THROTTLE_PER_MINUTE,
} from './block.js';
import { BlockTable } from './block-table.js';
import { attackersError } from './errors.js';
import { type Explanation, explainSubject, type Subject } from './explain.js';
import type { GeoReader } from './geo.js';

const HOUR_MS = 3_600_000;
const ESCALATION_CAP_MS = 30 * 24 * HOUR_MS;
const HISTORY_MS = 90 * 24 * HOUR_MS;

export interface BlockInput {
  /** Address, CIDR, principal key, AS number or country code. */
  readonly value: string;
  /** May be left out for addresses, CIDRs and `AS…`. */
  readonly kind?: ScopeKind;
  readonly service?: string | null;
  readonly reason: string;
  readonly origin: BlockOrigin;
  readonly createdBy: string;
  /** One of the two, or neither: for ever. */
  readonly durationMs?: number;
  readonly expiresAtMs?: number | null;
  /** Multiplies the duration by how often this scope was blocked before, at most 30 days. */
  readonly escalate?: boolean;
  readonly unauthenticatedOnly?: boolean;
  /** Default `block`. */
  readonly action?: BlockAction;
  /** Of a throttle. */
  readonly perMinute?: number;
  /** Address of the person who asks; it is not blocked by mistake. */
  readonly requestedFrom?: string;
  /** Blocks what is protected or very wide all the same. The allowlist still wins. */
  readonly force?: boolean;
}

export interface BlocklistOptions {
  /** Addresses and CIDRs that are blocked only with force: trusted proxies, and addresses of the upstreams. */
  readonly protect?: readonly { readonly cidr: string; readonly what: string }[];
  /** Without it, blocks by country and AS number are refused: they would never hold. */
  readonly geo?: GeoReader | null;
  readonly now?: () => number;
}

/**
 * The blocklist of a weir: where blocks are made and undone, by people, policies, detectors. Every gateway follows the same shared maps.
 *
 * A refused block throws a WeirError of `errors.ts` that says what to do.
 */
export class Blocklist {
  private readonly table: BlockTable;
  private readonly now: () => number;
  /** What is blocked → its blocks by key: asked for every actor that was seen. */
  private readonly byScope = new Map<string, Map<string, Block>>();

  private constructor(
    readonly blocks: SharedMap<Block>,
    readonly allowlist: SharedMap<AllowEntry>,
    private readonly history: SharedMap<number>,
    private readonly options: BlocklistOptions,
  ) {
    this.now = options.now ?? Date.now;
    this.table = new BlockTable(options.geo ?? null);
    this.table.follow(blocks, allowlist);
    this.index();
    blocks.subscribe((change) => {
      if (change.kind === 'snapshot') this.index();
      else if (change.kind === 'set') this.enter(change.entry.key, change.entry.value);
      else this.leave(change.key);
    });
  }

  static async open(shared: SharedState, options: BlocklistOptions = {}): Promise<Blocklist> {
    const [blocks, allowlist, history] = await Promise.all([
      shared.open<Block>('blocks'),
      shared.open<AllowEntry>('allowlist'),
      shared.open<number>('block-history'),
    ]);
    return new Blocklist(blocks, allowlist, history, options);
  }

  /** Resolves when the block is shared; it is in force in this process before that. */
  async add(input: BlockInput): Promise<Block> {
    const nowMs = this.now();
    const scope = normalScope(input.value, input.kind);
    const service = input.service ?? null;
    this.refuse(scope, input);
    const key = blockKey(scope, service);
    const count = (this.history.get(key) ?? 0) + 1;
    const expiresAtMs = this.expiry(input, count, nowMs);
    const block: Block = {
      id: blockId(scope, service),
      scope,
      service,
      reason: input.reason,
      origin: input.origin,
      createdBy: input.createdBy,
      createdAtMs: nowMs,
      expiresAtMs,
      count,
      ...(input.unauthenticatedOnly ? { unauthenticatedOnly: true } : {}),
      ...(input.action === undefined || input.action === 'block' ? {} : { action: input.action }),
      ...(input.action === 'throttle' ? { perMinute: input.perMinute ?? THROTTLE_PER_MINUTE } : {}),
    };
    await Promise.all([
      this.blocks.set(key, block, { expiresAtMs }),
      this.history.set(key, count, { expiresAtMs: (expiresAtMs ?? nowMs) + HISTORY_MS }),
    ]);
    return block;
  }

  /** By id, or by what was blocked. Throws BLOCK_UNKNOWN. */
  async remove(idOrValue: string, service: string | null = null): Promise<Block> {
    const block = this.get(idOrValue) ?? this.byValue(idOrValue, service);
    if (block === null) throw attackersError('BLOCK_UNKNOWN', `"${idOrValue}" is not blocked`);
    await this.blocks.delete(blockKey(block.scope, block.service));
    return block;
  }

  /** Is this actor (an address, a network or the key of a principal) refused on any service? Entries that only slow down do not count, nor do feeds. */
  holds({ kind, value }: Pick<ActorRef, 'kind' | 'value'>): boolean {
    const nowMs = this.now();
    for (const { action, expiresAtMs } of this.byScope.get(value)?.values() ?? [])
      if (action !== 'throttle' && (expiresAtMs === null || expiresAtMs > nowMs)) return true;
    const found = kind === 'principal' ? this.table.check('', value, '', nowMs) : this.table.check(value.split('/')[0], null, '', nowMs);
    return found !== null && found.action !== 'throttle';
  }

  /** Does the allowlist let this actor through whatever blocks it? */
  isAllowed({ kind, value }: Pick<ActorRef, 'kind' | 'value'>): boolean {
    return (kind === 'principal' ? this.table.allowedBy('', value) : this.table.allowedBy(value.split('/')[0], null)) !== null;
  }

  get(id: string): Block | null {
    for (const { value } of this.blocks.entries()) if (value.id === id) return value;
    return null;
  }

  /** Newest first. */
  list(): Block[] {
    return [...this.blocks.entries()].map(({ value }) => value).sort((a, b) => b.createdAtMs - a.createdAtMs);
  }

  async allow(input: {
    readonly value: string;
    readonly kind?: ScopeKind;
    readonly reason: string;
    readonly createdBy: string;
    readonly feed?: string | null;
    /** Absent: until somebody removes it. */
    readonly durationMs?: number;
  }): Promise<AllowEntry> {
    const scope = normalScope(input.value, input.kind);
    if (scope.kind === 'asn' || scope.kind === 'country')
      throw attackersError('BLOCK_INVALID', 'The allowlist holds addresses, CIDRs and principals');
    const { reason, createdBy, feed = null, durationMs } = input;
    if (durationMs !== undefined && !(durationMs > 0))
      throw attackersError('BLOCK_EXPIRY', `A duration of ${durationMs} ms is over before it begins`);
    const nowMs = this.now();
    const expiresAtMs = durationMs === undefined ? undefined : nowMs + durationMs;
    const entry: AllowEntry = { scope, reason, createdBy, createdAtMs: nowMs, feed, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
    await this.allowlist.set(allowKey(scope, feed), entry, { expiresAtMs: expiresAtMs ?? null });
    return entry;
  }

  /** Throws BLOCK_UNKNOWN when there is no such entry. */
  async disallow(value: string, kind?: ScopeKind, feed: string | null = null): Promise<void> {
    const scope = normalScope(value, kind);
    if (!(await this.allowlist.delete(allowKey(scope, feed)))) throw attackersError('BLOCK_UNKNOWN', `"${value}" is not on the allowlist`);
  }

  listAllowed(): AllowEntry[] {
    return [...this.allowlist.entries()].map(({ value }) => value).sort((a, b) => b.createdAtMs - a.createdAtMs);
  }

  /** What happens to a client now, and which entry decides it. Feeds count when `table` (a gateway's) is given. */
  explain(subject: Subject, table: BlockTable = this.table): Explanation {
    return explainSubject(subject, this.list(), this.listAllowed(), table, this.now());
  }

  private index(): void {
    this.byScope.clear();
    for (const { key, value } of this.blocks.entries()) this.enter(key, value);
  }

  private enter(key: string, block: Block): void {
    const { value } = block.scope;
    const known = this.byScope.get(value);
    if (known === undefined) this.byScope.set(value, new Map([[key, block]]));
    else known.set(key, block);
  }

  private leave(key: string): void {
    const value = readBlockKey(key)?.scope.value ?? '';
    const known = this.byScope.get(value);
    known?.delete(key);
    if (known?.size === 0) this.byScope.delete(value);
  }

  private expiry(input: BlockInput, count: number, nowMs: number): number | null {
    const { durationMs, expiresAtMs } = input;
    if (durationMs !== undefined) {
      if (!(durationMs > 0)) throw attackersError('BLOCK_EXPIRY', `A duration of ${durationMs} ms is over before it begins`);
      return nowMs + (input.escalate ? Math.max(durationMs, Math.min(durationMs * count, ESCALATION_CAP_MS)) : durationMs);
    }
    if (expiresAtMs === undefined || expiresAtMs === null) return null;
    if (!(expiresAtMs > nowMs)) throw attackersError('BLOCK_EXPIRY', `The expiry ${new Date(expiresAtMs).toISOString()} is in the past`);
    return expiresAtMs;
  }

  private refuse(scope: Scope, input: BlockInput): void {
    const isNetwork = scope.kind === 'address' || scope.kind === 'cidr';
    for (const { value } of this.allowlist.entries()) {
      if (value.feed !== null) continue;
      const isAllowed = isNetwork
        ? value.scope.kind !== 'principal' && covers(value.scope.value, scope.value)
        : value.scope.kind === scope.kind && value.scope.value === scope.value;
      if (isAllowed) throw attackersError('BLOCK_ALLOWED', `${scope.value} is on the allowlist (${value.scope.value}: ${value.reason})`);
    }
    if ((scope.kind === 'country' || scope.kind === 'asn') && this.options.geo?.knows[scope.kind] !== true)
      throw attackersError(
        'GEO_MISSING',
        `${scopeText(scope)} would block nobody: there is no database of ${scope.kind === 'asn' ? 'AS numbers' : 'countries'}`,
      );
    if (scope.kind === 'principal' || input.force) return;
    if (isTooWide(scope)) throw attackersError('BLOCK_TOO_WIDE', `${scope.value} is wider than /8 (IPv6: /16)`);
    const protectedOnes = [
      ...(this.options.protect ?? []),
      ...(input.requestedFrom === undefined ? [] : [{ cidr: input.requestedFrom, what: 'your own address' }]),
    ];
    for (const { cidr, what } of protectedOnes) {
      if (isNetwork ? overlap(cidr, scope.value) : this.isIn(cidr.split('/')[0], scope))
        throw attackersError('BLOCK_PROTECTED', `${scopeText(scope)} takes in ${cidr}, ${what}`);
    }
  }

  private isIn(ip: string, { kind, value }: Scope): boolean {
    const { geo } = this.options;
    return kind === 'asn' ? String(geo?.asn(ip)) === value : geo?.country(ip) === value;
  }

  private byValue(value: string, service: string | null): Block | null {
    const candidates: Scope[] = [{ kind: 'principal', value: value.trim() }];
    for (const kind of [undefined, 'country', 'asn'] as const) {
      try {
        candidates.push(normalScope(value, kind));
      } catch {
        // Not of this kind; one of the others may fit.
      }
    }
    for (const scope of candidates) {
      const block = this.blocks.get(blockKey(scope, service));
      if (block !== undefined) return block;
    }
    return null;
  }
}

function allowKey(scope: Scope, feed: string | null): string {
  return blockKey(scope, feed);
}
