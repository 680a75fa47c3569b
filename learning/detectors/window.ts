import { hash32 } from '../inventory/sketch.js';

/** Distinct values seen within a time, newest last: hash of the value → moment of its last sighting. */
export type Recent = Map<number, number>;

/** Notes a value and forgets what is older than `windowMs`, or beyond `most`. */
export function see(recent: Recent, value: string, nowMs: number, windowMs: number, most = 512): void {
  const hash = hash32(value) | 0;
  recent.delete(hash);
  recent.set(hash, nowMs);
  for (const [oldest, atMs] of recent) {
    if (atMs >= nowMs - windowMs && recent.size <= most) break;
    recent.delete(oldest);
  }
}

/** Time since the oldest value that still counts, ms. */
export function spanMs(recent: Recent, nowMs: number): number {
  const first = recent.values().next();
  return first.done === true ? 0 : nowMs - first.value;
}

/**
 * About how many different values came within a time, in a few numbers whatever comes: a value counts when it is none of the last 32 that did. Going round
 * among fewer than that adds nothing.
 */
export interface Variety {
  readonly last: number[];
  /** Counted since `sinceMs`, and in the window before. */
  count: number;
  former: number;
  sinceMs: number;
}

const LAST = 32;

export const newVariety = (): Variety => ({ last: [], count: 0, former: 0, sinceMs: 0 });

export function vary(variety: Variety, value: string, nowMs: number, windowMs: number): void {
  if (nowMs - variety.sinceMs > windowMs) {
    variety.former = nowMs - variety.sinceMs > 2 * windowMs ? 0 : variety.count;
    if (variety.former === 0) variety.last.length = 0;
    variety.count = 0;
    variety.sinceMs = nowMs;
  }
  const hash = hash32(value) | 0;
  if (variety.last.includes(hash)) return;
  variety.count++;
  variety.last.push(hash);
  if (variety.last.length > LAST) variety.last.shift();
}

/** The window slides: of the one before counts the part that it still covers. */
export function varietyOf({ count, former, sinceMs }: Variety, nowMs: number, windowMs: number): number {
  return count + Math.round(former * Math.max(0, 1 - (nowMs - sinceMs) / windowMs));
}

/** A sample of what peers do: the newest 400 values. */
export interface Peers {
  readonly values: number[];
  /** All that were ever added. */
  added: number;
  /** The 99th percentile when `added` was `cutAt`. */
  cut: number;
  cutAt: number;
}

const SAMPLE = 400;
const FRESH_ENOUGH = 16;

export const newPeers = (): Peers => ({ values: [], added: 0, cut: 0, cutAt: -1 });

export function addPeer(peers: Peers, value: number): void {
  if (peers.values.length < SAMPLE) peers.values.push(value);
  else peers.values[peers.added % SAMPLE] = value;
  peers.added++;
}

/** What 99 % of peers stay below, as of the last few values; 0 when nothing was seen. */
export function mostDo(peers: Peers): number {
  if (peers.cutAt < 0 || peers.added - peers.cutAt >= Math.min(FRESH_ENOUGH, peers.cutAt)) {
    const sorted = [...peers.values].sort((a, b) => a - b);
    peers.cut = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
    peers.cutAt = peers.added;
  }
  return peers.cut;
}

/** Peers are kept with every hundred of them. */
export const peersKeepAt = (peers: Peers): number => Math.ceil(peers.added / 100);
