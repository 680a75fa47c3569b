import { maskWord } from './network.js';

/**
 * An immutable table of networks in typed arrays: 4 (IPv4) or 16 (IPv6) bytes of base, 1 of length, 4 of parent a network, nothing else.
 *
 * Entries are sorted by base, then length, then order of arrival. Networks nest or are disjoint, so every network that contains an address is the last entry whose
 * base is not above the address, or one of its ancestors: one binary search, then `parent`, from the longest prefix to the shortest.
 * Equal networks chain through `parent` too. An index that stays in the processor's cache leaves few steps to search.
 */
export interface PrefixColumns {
  readonly family: 4 | 6;
  /** One word (IPv4) or four words (IPv6) an entry. */
  readonly bases: Uint32Array;
  readonly lengths: Uint8Array;
  /** The next wider entry that contains this one; -1 when there is none. */
  readonly parents: Int32Array;
  /** Row of the caller's own columns. */
  readonly rows: Uint32Array;
  /** IPv4: first entry at or after each /16; 65,537 of them. IPv6: the first two words of every 32nd entry. */
  readonly index: Uint32Array;
}

/** Entries between two samples of the IPv6 index. */
const STRIDE = 32;

/** Sorts and links. `bases` and `lengths` are in the order of the caller's rows. */
export function buildPrefixes(family: 4 | 6, bases: Uint32Array, lengths: Uint8Array, rows: Uint32Array): PrefixColumns {
  const order = family === 4 ? orderIpv4(bases, lengths) : orderIpv6(bases, lengths);
  const count = lengths.length;
  const width = family === 4 ? 1 : 4;
  const sorted: PrefixColumns = {
    family,
    bases: new Uint32Array(count * width),
    lengths: new Uint8Array(count),
    parents: new Int32Array(count),
    rows: new Uint32Array(count),
    index: new Uint32Array(family === 4 ? 65_537 : 2 * Math.ceil(count / STRIDE)),
  };
  for (let at = 0; at < count; at++) {
    const from = order[at];
    for (let word = 0; word < width; word++) sorted.bases[at * width + word] = bases[from * width + word];
    sorted.lengths[at] = lengths[from];
    sorted.rows[at] = rows[from];
    let parent = at - 1;
    while (parent >= 0 && !contains(sorted, parent, sorted.bases, at * width)) parent = sorted.parents[parent];
    sorted.parents[at] = parent;
  }
  if (family === 4) fillIndex(sorted);
  else fillSamples(sorted);
  return sorted;
}

/** The longest prefix that contains the address (`words[at…]`), or -1. */
export function longestPrefix(table: PrefixColumns, words: Uint32Array, at: number): number {
  let entry = table.family === 4 ? lastNotAboveIpv4(table, words[at]) : lastNotAboveIpv6(table, words, at);
  while (entry >= 0 && !contains(table, entry, words, at)) entry = table.parents[entry];
  return entry;
}

function contains(table: PrefixColumns, entry: number, words: Uint32Array, at: number): boolean {
  const length = table.lengths[entry];
  if (table.family === 4) return (words[at] & maskWord(length)) >>> 0 === table.bases[entry];
  for (let word = 0, bits = length; bits > 0; word++, bits -= 32) {
    if ((words[at + word] & maskWord(bits)) >>> 0 !== table.bases[entry * 4 + word]) return false;
  }
  return true;
}

function lastNotAboveIpv4(table: PrefixColumns, address: number): number {
  const slot = address >>> 16;
  let low = table.index[slot];
  let high = table.index[slot + 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.bases[middle] <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lastNotAboveIpv6({ bases, index, lengths }: PrefixColumns, words: Uint32Array, at: number): number {
  const [w0, w1, w2, w3] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  // Entries that agree in both words may fill several samples.
  const first = samplesBelow(index, w0, w1);
  const behind = w1 === 0xffffffff ? samplesBelow(index, w0 + 1, 0) : samplesBelow(index, w0, w1 + 1);
  let low = first === 0 ? 0 : (first - 1) * STRIDE;
  let high = Math.min(lengths.length, behind * STRIDE);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = middle * 4;
    let order = bases[entry] - w0;
    if (order === 0) order = bases[entry + 1] - w1;
    if (order === 0) order = bases[entry + 2] - w2;
    if (order === 0) order = bases[entry + 3] - w3;
    if (order <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** How many samples lie below the two words. */
function samplesBelow(index: Uint32Array, w0: number, w1: number): number {
  let low = 0;
  let high = index.length >> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const word = index[2 * middle];
    if (word < w0 || (word === w0 && index[2 * middle + 1] < w1)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fillSamples({ index, bases }: PrefixColumns): void {
  for (let sample = 0; 2 * sample < index.length; sample++) {
    index[2 * sample] = bases[sample * STRIDE * 4];
    index[2 * sample + 1] = bases[sample * STRIDE * 4 + 1];
  }
}

function fillIndex({ index, bases }: PrefixColumns): void {
  let slot = 0;
  for (let entry = 0; entry < bases.length; entry++) {
    const last = bases[entry] >>> 16;
    while (slot <= last) index[slot++] = entry;
  }
  while (slot < index.length) index[slot++] = bases.length;
}

/** Base, length and position packed into 64 bits: the native numeric sort then does all of it. */
function orderIpv4(bases: Uint32Array, lengths: Uint8Array): Uint32Array {
  const keys = new BigUint64Array(bases.length);
  const halves = new Uint32Array(keys.buffer);
  for (let index = 0; index < bases.length; index++) {
    halves[2 * index] = ((lengths[index] << 26) | index) >>> 0;
    halves[2 * index + 1] = bases[index];
  }
  keys.sort();
  const order = new Uint32Array(bases.length);
  for (let index = 0; index < order.length; index++) order[index] = halves[2 * index] & 0x3ffffff;
  return order;
}

function orderIpv6(bases: Uint32Array, lengths: Uint8Array): Uint32Array {
  const order = Uint32Array.from({ length: lengths.length }, (_, index) => index);
  return order.sort((a, b) => {
    for (let word = 0; word < 4; word++) {
      const difference = bases[a * 4 + word] - bases[b * 4 + word];
      if (difference !== 0) return difference;
    }
    return lengths[a] - lengths[b] || a - b;
  });
}
