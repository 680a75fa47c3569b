import { FewMap, FewSet } from '../../exchange/index.js';

/** Counters of fixed size: distributions and distinct counts that never grow with the traffic. */

const BASE = Math.log(1.2);
const BUCKETS = 128;

/**
 * A distribution of non-negative numbers in 128 buckets that grow by a fifth each (as in DDSketch, Masson et al. 2019): quantiles within 10 %, from 0 to
 * 1.2^127 (about 10^10). Values below 1 share the first bucket.
 */
export interface Distribution {
  count: number;
  max: number;
  sum: number;
  /** Bucket number to count, sparse. */
  readonly buckets: Map<number, number>;
}

export const newDistribution = (): Distribution => ({ count: 0, max: 0, sum: 0, buckets: new FewMap() });

export function record(to: Distribution, value: number): void {
  const safe = value > 0 && Number.isFinite(value) ? value : 0;
  const bucket = safe < 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(safe) / BASE));
  to.count++;
  to.sum += safe;
  if (safe > to.max) to.max = safe;
  to.buckets.set(bucket, (to.buckets.get(bucket) ?? 0) + 1);
}

export function mergeDistribution(to: Distribution, from: Distribution): void {
  to.count += from.count;
  to.sum += from.sum;
  to.max = Math.max(to.max, from.max);
  for (const [bucket, count] of from.buckets) to.buckets.set(bucket, (to.buckets.get(bucket) ?? 0) + count);
}

/** The value below which `share` of the recorded ones lie, rounded; 0 when nothing was recorded. */
export function quantile(of: Distribution, share: number): number {
  let rest = of.count * share;
  for (const bucket of [...of.buckets.keys()].sort((a, b) => a - b)) {
    rest -= of.buckets.get(bucket)!;
    if (rest <= 0) return bucket === 0 ? 0 : Math.min(of.max, Math.round(Math.exp((bucket - 0.5) * BASE)));
  }
  return of.max;
}

const EXACT = 24;
const REGISTERS = 256;

/** How many different texts were seen: exact up to 24, then HyperLogLog (Flajolet et al. 2007) with 256 registers, within about 7 %. */
export interface Distinct {
  few: Set<number> | null;
  /** An array where an earlier build saved it. */
  registers: Uint8Array | number[] | null;
}

export const newDistinct = (): Distinct => ({ few: new FewSet(), registers: null });

export function addDistinct(to: Distinct, text: string): boolean {
  return addHash(to, hash32(text));
}

function addHash(to: Distinct, hash: number): boolean {
  if (to.few !== null) {
    if (to.few.has(hash)) return false;
    to.few.add(hash);
    if (to.few.size <= EXACT) return true;
    estimate(to);
    return true;
  }
  return register(to.registers!, hash);
}

/** From now on it is not exact. */
function estimate(of: Distinct): void {
  of.registers = new Uint8Array(REGISTERS);
  for (const hash of of.few ?? []) register(of.registers, hash);
  of.few = null;
}

function register(registers: Uint8Array | number[], hash: number): boolean {
  const index = hash & (REGISTERS - 1);
  const rank = Math.clz32((hash >>> 8) | 0) - 8 + 1;
  if (registers[index] >= rank) return false;
  registers[index] = rank;
  return true;
}

export function countDistinct(of: Distinct): number {
  if (of.few !== null) return of.few.size;
  let sum = 0;
  let zero = 0;
  for (const rank of of.registers!) {
    sum += 2 ** -rank;
    if (rank === 0) zero++;
  }
  const guess = (0.7213 / (1 + 1.079 / REGISTERS)) * (REGISTERS ** 2 / sum);
  return Math.round(guess < 2.5 * REGISTERS && zero > 0 ? REGISTERS * Math.log(REGISTERS / zero) : guess);
}

export function mergeDistinct(to: Distinct, from: Distinct): void {
  if (from.few !== null) for (const hash of from.few) addHash(to, hash);
  else {
    if (to.registers === null) estimate(to);
    from.registers!.forEach((rank, index) => {
      if (rank > to.registers![index]) to.registers![index] = rank;
    });
  }
}

/** FNV-1a with a final mix; not a secret. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
