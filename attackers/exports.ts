import { createHash } from 'node:crypto';
import type { AllowEntry, Block } from './block.js';
import { contains, type Prefix, readPrefix, writePrefix } from './network.js';

export type ExportFormat = 'list' | 'nftables' | 'nginx' | 'haproxy' | 'aws-waf';
export const EXPORT_FORMATS: readonly ExportFormat[] = ['list', 'nftables', 'nginx', 'haproxy', 'aws-waf'];

export interface Export {
  readonly body: string;
  readonly contentType: string;
  /** Quoted, of the body: unchanged content is answered with 304. */
  readonly etag: string;
  readonly entries: number;
  /** Blocks that a firewall cannot apply: principals, AS numbers, countries, one service only, unauthenticated only, throttled. */
  readonly leftOut: number;
}

/** AWS WAF takes at most this many addresses a set. */
const AWS_SET_SIZE = 10_000;

interface Item {
  readonly family: 4 | 6;
  readonly text: string;
  readonly expiresAtMs: number | null;
}

/**
 * The blocklist (and what feeds list, where those are among `blocks`) for a firewall or edge. The allowlist is cut out of the networks themselves, since most of these formats cannot say "except".
 * What is contained in another entry is dropped (nftables refuses overlaps), so poll more often than blocks expire. Expired blocks are not exported.
 */
export function exportBlocks(format: ExportFormat, blocks: Iterable<Block>, allowlist: readonly AllowEntry[], nowMs: number): Export {
  const always = holesOf(allowlist, null);
  const byFeed = new Map<string, readonly Prefix[]>();
  const holesIn = ({ origin, createdBy }: Block): readonly Prefix[] => {
    if (origin !== 'feed') return always;
    const holes = byFeed.get(createdBy) ?? [...always, ...holesOf(allowlist, createdBy)];
    byFeed.set(createdBy, holes);
    return holes;
  };
  const items: Item[] = [];
  let leftOut = 0;
  for (const block of blocks) {
    const { scope, service, unauthenticatedOnly, expiresAtMs, action } = block;
    if (expiresAtMs !== null && expiresAtMs <= nowMs) continue;
    const prefix = scope.kind === 'address' || scope.kind === 'cidr' ? readPrefix(scope.value) : null;
    if (prefix === null || service !== null || unauthenticatedOnly || action === 'throttle') {
      leftOut++;
      continue;
    }
    for (const piece of without(prefix, holesIn(block))) items.push({ family: piece.family, text: writePrefix(piece), expiresAtMs });
  }
  const kept = dropContained(items);
  const { body, contentType } = WRITERS[format](kept, nowMs);
  return {
    body,
    contentType,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    entries: kept.length,
    leftOut,
  };
}

function holesOf(allowlist: readonly AllowEntry[], feed: string | null): Prefix[] {
  const entries = allowlist.filter((entry) => entry.feed === feed && entry.scope.kind !== 'principal');
  return entries.flatMap(({ scope }) => readPrefix(scope.value) ?? []);
}

type Writer = (items: readonly Item[], nowMs: number) => { readonly body: string; readonly contentType: string };

const TEXT = 'text/plain; charset=utf-8';

const WRITERS: Record<ExportFormat, Writer> = {
  list: (items) => ({ body: lines(items.map(({ text }) => text)), contentType: TEXT }),
  nginx: (items) => ({
    body: lines(['# include this in an http, server or location block', ...items.map(({ text }) => `deny ${text};`)]),
    contentType: TEXT,
  }),
  haproxy: (items) => ({
    body: lines(['# http-request deny if { src,map_ip(weir.map) -m found }', ...items.map(({ text }) => `${text} block`)]),
    contentType: TEXT,
  }),
  nftables: (items, nowMs) => ({ body: nftables(items, nowMs), contentType: TEXT }),
  'aws-waf': (items) => ({ body: `${JSON.stringify(awsSets(items), null, 2)}\n`, contentType: 'application/json' }),
};

function lines(all: readonly string[]): string {
  return all.length === 0 ? '' : `${all.join('\n')}\n`;
}

/** For `nft -f`: declares the table, empties both sets and fills them again, in one transaction; elements time out by themselves. */
function nftables(items: readonly Item[], nowMs: number): string {
  const out = ['#!/usr/sbin/nft -f', 'table inet weir {'];
  for (const family of [4, 6]) out.push(`  set blocked${family} {`, `    type ipv${family}_addr`, '    flags interval, timeout', '  }');
  out.push('}');
  for (const family of [4, 6]) {
    out.push(`flush set inet weir blocked${family}`);
    const elements = items
      .filter((item) => item.family === family)
      .map(({ text, expiresAtMs }) => (expiresAtMs === null ? text : `${text} timeout ${Math.ceil((expiresAtMs - nowMs) / 1000)}s`));
    if (elements.length > 0) out.push(`add element inet weir blocked${family} { ${elements.join(', ')} }`);
  }
  return lines(out);
}

function awsSets(items: readonly Item[]): object[] {
  const sets: object[] = [];
  for (const family of [4, 6] as const) {
    const texts = items.filter((item) => item.family === family).flatMap(({ text }) => awsRanges(text, family));
    for (let start = 0; start === 0 || start < texts.length; start += AWS_SET_SIZE) {
      const Name = `weir-blocked-v${family}${start === 0 ? '' : `-${start / AWS_SET_SIZE + 1}`}`;
      sets.push({ Name, Scope: 'REGIONAL', IPAddressVersion: `IPV${family}`, Addresses: texts.slice(start, start + AWS_SET_SIZE) });
    }
  }
  return sets;
}

/** A set takes ranges with a length from 1 on: everybody is two halves. */
function awsRanges(text: string, family: 4 | 6): string[] {
  if (text.endsWith('/0')) return family === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
  return [text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`];
}

/** The parts of a network outside of the holes. */
function without(prefix: Prefix, holes: readonly Prefix[]): Prefix[] {
  const touching = holes.filter((hole) => contains(prefix, hole) || contains(hole, prefix));
  if (touching.length === 0) return [prefix];
  if (touching.some((hole) => contains(hole, prefix))) return [];
  return halves(prefix).flatMap((half) => without(half, touching));
}

function halves({ family, words, length }: Prefix): [Prefix, Prefix] {
  const bit = (family === 4 ? 96 : 0) + length;
  const upper = Uint32Array.from(words);
  upper[bit >> 5] = (upper[bit >> 5] | (1 << (31 - (bit & 31)))) >>> 0;
  return [
    { family, words, length: length + 1 },
    { family, words: upper, length: length + 1 },
  ];
}

/** Sorted by address; nftables refuses overlapping elements. */
function dropContained(items: readonly Item[]): Item[] {
  const sorted = items
    .map((item) => ({ item, prefix: readPrefix(item.text) }))
    .flatMap(({ item, prefix }) => (prefix === null ? [] : [{ item, prefix }]))
    .sort((a, b) => a.prefix.family - b.prefix.family || compareWords(a.prefix.words, b.prefix.words) || a.prefix.length - b.prefix.length);
  const kept: { item: Item; prefix: Prefix }[] = [];
  for (const next of sorted) {
    const last = kept.at(-1);
    if (last !== undefined && contains(last.prefix, next.prefix)) {
      const longer =
        last.item.expiresAtMs === null || next.item.expiresAtMs === null ? null : Math.max(last.item.expiresAtMs, next.item.expiresAtMs);
      if (last.prefix.length === next.prefix.length) kept[kept.length - 1] = { ...last, item: { ...last.item, expiresAtMs: longer } };
      continue;
    }
    kept.push(next);
  }
  return kept.map(({ item }) => item);
}

function compareWords(a: Uint32Array, b: Uint32Array): number {
  for (let word = 0; word < 4; word++) if (a[word] !== b[word]) return a[word] - b[word];
  return 0;
}
