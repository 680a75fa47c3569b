import type { SharedMap } from '../traffic/index.js';
import { type AllowEntry, type Block, readBlockKey, type Scope } from './block.js';
import { BlockCompiler, blockAt, type CompiledBlocks, isExpired, kindAt } from './compiled.js';
import type { GeoReader } from './geo.js';
import { isMapped, type Prefix, readIpv4, readIpv6, readPrefix } from './network.js';
import { PrefixMap } from './prefix-map.js';
import { baseOf, lengthOf, longestPrefix, type PrefixTable, parentOf, rowOf } from './prefix-table.js';

/** A power of two. */
const REMEMBERED_BLOCKS = 1024;

/**
 * What a gateway asks for every request: is this client blocked? Synchronous, no allocation for clients that are not.
 *
 * Three places hold address blocks: `base` (a large snapshot, compiled), `feeds` (compiled on another thread) and `recent` (one by one, in force at
 * once). The longest prefix of all wins; the allowlist is asked first.
 */
export class BlockTable {
  /** Rises with every change: a socket may keep its verdict while this stays the same and the block has not expired. */
  version = 1;
  private readonly recent = new PrefixMap<Block>((one, other) => one.id === other.id);
  private readonly others = new Map<string, Block[]>();
  private readonly allowed = new PrefixMap<AllowEntry>((one, other) => one.feed === other.feed);
  private readonly allowedPrincipals = new Set<string>();
  private base: CompiledBlocks | null = null;
  private feeds: CompiledBlocks | null = null;
  /** The block that was found last at each place, and the entry it stands for: twice its row, plus one for feeds, plus one. */
  private readonly remembered: (Block | null)[] = new Array(REMEMBERED_BLOCKS).fill(null);
  private readonly rememberedEntries = new Uint32Array(REMEMBERED_BLOCKS);
  private readonly words = new Uint32Array(4);
  private nowMs = 0;
  private service = '';
  private principal: string | null | undefined = null;

  /**
   * `geo` decides about AS numbers and countries; without it such blocks never match. Snapshots of `compileFrom` entries or more are compiled; smaller ones
   * are cheap enough one by one.
   */
  constructor(
    private readonly geo: GeoReader | null = null,
    private readonly compileFrom = 20_000,
  ) {}

  /** Follows the shared maps: first their content, then every change. Returns what ends it. */
  follow(blocks: SharedMap<Block>, allowlist: SharedMap<AllowEntry>): () => void {
    const load = () => this.load([...blocks.entries()].map(({ value }) => value));
    const loadAllowed = () => this.loadAllowed([...allowlist.entries()].map(({ value }) => value));
    load();
    loadAllowed();
    const stopBlocks = blocks.subscribe((change) => {
      if (change.kind === 'set') this.set(change.entry.value);
      else if (change.kind === 'delete') this.delete(change.key);
      else load();
    });
    const stopAllowed = allowlist.subscribe(loadAllowed);
    return () => {
      stopBlocks();
      stopAllowed();
    };
  }

  /** Replaces everything but feeds and allowlist. */
  load(blocks: readonly Block[]): void {
    this.recent.clear();
    this.others.clear();
    this.base = null;
    this.forget();
    const compiler = blocks.length >= this.compileFrom ? new BlockCompiler() : null;
    for (const block of blocks) if (compiler === null || !compiler.add(block)) this.put(block);
    if (compiler !== null) this.base = compiler.compile();
    this.version++;
  }

  /** Replaces the allowlist. */
  loadAllowed(entries: readonly AllowEntry[]): void {
    this.allowed.clear();
    this.allowedPrincipals.clear();
    for (const entry of entries) {
      const prefix = readPrefix(entry.scope.value);
      if (entry.scope.kind === 'principal') this.allowedPrincipals.add(entry.scope.value);
      else if (prefix !== null) this.allowed.set(prefix, entry);
    }
    this.version++;
  }

  /** Replaces all feeds (see `compileFeeds`). */
  loadFeeds(feeds: CompiledBlocks | null): void {
    this.feeds = feeds;
    this.forget();
    this.version++;
  }

  set(block: Block): void {
    this.takeOut(block.scope, block.service);
    this.put(block);
    this.version++;
  }

  /** `key` as in the shared map. */
  delete(key: string): void {
    const target = readBlockKey(key);
    if (target === null) return;
    this.takeOut(target.scope, target.service);
    const prefix = readPrefix(target.scope.value);
    if (target.scope.kind === 'address' || target.scope.kind === 'cidr') {
      if (prefix !== null) this.recent.delete(prefix, (block) => block.service === target.service);
    } else {
      const held = this.others.get(otherKey(target.scope)) ?? [];
      const rest = held.filter((block) => block.service !== target.service);
      if (rest.length > 0) this.others.set(otherKey(target.scope), rest);
      else this.others.delete(otherKey(target.scope));
    }
    this.version++;
  }

  /** Entries of this table, without feeds. */
  get size(): number {
    const base = this.base === null ? 0 : this.base.createdAtMs.length;
    return this.recent.size + this.others.size + base;
  }

  get feedSize(): number {
    return this.feeds === null ? 0 : this.feeds.createdAtMs.length;
  }

  /**
   * The block that is in force for a client, or null. `principalKey` undefined: not read yet, so blocks for unauthenticated requests do not count;
   * null: there is none. An address that cannot be read is only matched by principal.
   */
  check(ip: string, principalKey: string | null | undefined, service: string, nowMs: number): Block | null {
    if (this.isEmpty()) return null;
    const isPrincipal = principalKey !== null && principalKey !== undefined;
    if (isPrincipal && this.allowedPrincipals.has(principalKey)) return null;
    this.nowMs = nowMs;
    this.service = service;
    this.principal = principalKey;
    const family = this.read(ip);
    if (family !== 0 && this.allowed.size > 0 && this.allowed.find(family, this.words, allowsAlways) !== null) return null;
    if (isPrincipal) {
      const block = this.others.get(`principal|${principalKey}`)?.find(this.applies);
      if (block !== undefined) return block;
    }
    if (family === 0) return null;
    return this.byAddress(family) ?? this.byPlace(ip);
  }

  /** The allowlist entry that covers a client, if any. */
  allowedBy(ip: string, principalKey: string | null): AllowEntry | { readonly scope: Scope } | null {
    if (principalKey !== null && this.allowedPrincipals.has(principalKey)) return { scope: { kind: 'principal', value: principalKey } };
    const family = this.read(ip);
    return family === 0 ? null : this.allowed.find(family, this.words, allowsAlways);
  }

  private isEmpty(): boolean {
    return this.recent.size === 0 && this.others.size === 0 && this.base === null && this.feeds === null;
  }

  private byAddress(family: 4 | 6): Block | null {
    let best = this.recent.size === 0 ? null : this.recent.find(family, this.words, this.applies);
    let length = best === null ? -1 : this.recent.foundLength;
    for (const table of [this.base, this.feeds]) {
      if (table === null) continue;
      const prefixes = family === 4 ? table.v4 : table.v6;
      const entry = this.firstApplying(table, prefixes);
      if (entry < 0 || lengthOf(prefixes, entry) <= length) continue;
      best = this.remember(table, prefixes, entry);
      length = lengthOf(prefixes, entry);
    }
    return best;
  }

  private firstApplying(table: CompiledBlocks, prefixes: PrefixTable): number {
    let entry = longestPrefix(prefixes, this.words, prefixes.family === 4 ? 3 : 0);
    for (; entry >= 0; entry = parentOf(prefixes, entry)) {
      if (isExpired(table, prefixes, entry, this.nowMs)) continue;
      const kind = kindAt(table, prefixes, entry);
      if (kind.service !== null && kind.service !== this.service) continue;
      if (kind.unauthenticatedOnly && this.principal !== null) continue;
      if (kind.origin === 'feed' && this.isFalsePositive(prefixes.family, kind.createdBy)) continue;
      return entry;
    }
    return -1;
  }

  private byPlace(ip: string): Block | null {
    if (this.geo === null || this.others.size === 0) return null;
    const asn = this.geo.asn(ip);
    const country = this.geo.country(ip);
    const byAsn = asn === null ? undefined : this.others.get(`asn|${asn}`)?.find(this.applies);
    return byAsn ?? (country === null ? undefined : this.others.get(`country|${country}`)?.find(this.applies)) ?? null;
  }

  private readonly applies = (block: Block): boolean =>
    (block.expiresAtMs === null || block.expiresAtMs > this.nowMs) &&
    (block.service === null || block.service === this.service) &&
    !(block.unauthenticatedOnly === true && this.principal !== null);

  private isFalsePositive(family: 4 | 6, feed: string): boolean {
    return this.allowed.size > 0 && this.allowed.find(family, this.words, (entry) => entry.feed === feed) !== null;
  }

  /** 0: not an address. The words of a mapped address are those of its IPv4 part. */
  private read(ip: string): 4 | 6 | 0 {
    const v4 = readIpv4(ip);
    if (v4 >= 0) {
      this.words[3] = v4;
      return 4;
    }
    if (!readIpv6(ip, this.words)) return 0;
    return isMapped(this.words) ? 4 : 6;
  }

  private put(block: Block): void {
    if (block.scope.kind === 'address' || block.scope.kind === 'cidr') {
      const prefix = readPrefix(block.scope.value);
      if (prefix !== null) this.recent.set(prefix, block);
      return;
    }
    const key = otherKey(block.scope);
    this.others.set(key, [...(this.others.get(key) ?? []).filter(({ id }) => id !== block.id), block]);
  }

  /** Puts the compiled entry of this scope and service out of force, if there is one. */
  private takeOut(scope: Scope, service: string | null): void {
    const prefix = this.base === null || scope.kind === 'principal' ? null : readPrefix(scope.value);
    if (this.base === null || prefix === null) return;
    const prefixes = prefix.family === 4 ? this.base.v4 : this.base.v6;
    let entry = longestPrefix(prefixes, prefix.words, prefix.family === 4 ? 3 : 0);
    for (; entry >= 0; entry = parentOf(prefixes, entry)) {
      const isIts = isEntry(prefixes, entry, prefix) && kindAt(this.base, prefixes, entry).service === service;
      if (isIts) this.base.expiresAtMs[rowOf(prefixes, entry)] = 0;
    }
    this.forget();
  }

  /** Blocks that hit are few and hit often. */
  private remember(table: CompiledBlocks, prefixes: PrefixTable, entry: number): Block {
    const key = rowOf(prefixes, entry) * 2 + (table === this.base ? 1 : 2);
    const place = key & (REMEMBERED_BLOCKS - 1);
    const known = this.remembered[place];
    if (known !== null && this.rememberedEntries[place] === key) return known;
    const block = blockAt(table, prefixes, entry);
    this.remembered[place] = block;
    this.rememberedEntries[place] = key;
    return block;
  }

  private forget(): void {
    this.remembered.fill(null);
  }
}

function allowsAlways(entry: AllowEntry): boolean {
  return entry.feed === null;
}

function otherKey(scope: Scope): string {
  return `${scope.kind}|${scope.value}`;
}

function isEntry(prefixes: PrefixTable, entry: number, prefix: Prefix): boolean {
  if (lengthOf(prefixes, entry) !== prefix.length) return false;
  if (prefix.family === 4) return baseOf(prefixes, entry, 0) === prefix.words[3];
  return prefix.words.every((word, index) => baseOf(prefixes, entry, index) === word);
}
