import { maskWord } from './network.js';

/**
 * An immutable table of networks in one typed array: 16 bytes an IPv4 network, 32 an IPv6 network, so that all that is known of one lies in one line of
 * the processor's cache.
 *
 * Entries are sorted by base, then length, then order of arrival. Networks nest or are disjoint, so every network that contains an address is the last entry whose
 * base is not above the address, or one of its ancestors: one binary search, then `parentOf`, from the longest prefix to the shortest.
 * Equal networks chain through the parent too. An index that stays in the cache leaves few steps to search.
 */
export interface PrefixTable {
  readonly family: 4 | 6;
  /** An entry is its base (one word, or four), then its parent + 1, its row, and its tag with the prefix length in the lowest byte; IPv6 has a word to spare. */
  readonly cells: Uint32Array;
  /** IPv4: first entry at or after each /16; 65,537 of them. IPv6: the first two words of every 32nd entry. */
  readonly index: Uint32Array;
}

/** Networks in the order of their arrival. `bases` has one word (IPv4) or four (IPv6) a network. */
export interface Networks {
  readonly bases: Uint32Array;
  readonly lengths: Uint8Array;
  /** Row of the caller's own columns. */
  readonly rows: Uint32Array;
  /** What the caller wants to know of an entry without looking into another array; below 2^24. */
  readonly tags: Uint32Array;
}

/** Entries between two samples of the IPv6 index. */
const STRIDE = 32;
const IPV4_WORDS = 4;
const IPV6_WORDS = 8;

/** Sorts and links. */
export function buildPrefixes(family: 4 | 6, { bases, lengths, rows, tags }: Networks): PrefixTable {
  const order = family === 4 ? orderIpv4(bases, lengths) : orderIpv6(bases, lengths);
  const count = lengths.length;
  const width = family === 4 ? 1 : 4;
  const table: PrefixTable = {
    family,
    cells: new Uint32Array(count * (family === 4 ? IPV4_WORDS : IPV6_WORDS)),
    index: new Uint32Array(family === 4 ? 65_537 : 2 * Math.ceil(count / STRIDE)),
  };
  const base = new Uint32Array(width);
  for (let entry = 0; entry < count; entry++) {
    const from = order[entry];
    for (let word = 0; word < width; word++) base[word] = bases[from * width + word];
    let parent = entry - 1;
    while (parent >= 0 && !contains(table, parent, base, 0)) parent = parentOf(table, parent);
    const cell = cellOf(table, entry);
    for (let word = 0; word < width; word++) table.cells[cell + word] = base[word];
    const details = detailsOf(table, entry);
    table.cells[details] = parent + 1;
    table.cells[details + 1] = rows[from];
    table.cells[details + 2] = (tags[from] << 8) | lengths[from];
  }
  if (family === 4) fillIndex(table);
  else fillSamples(table);
  return table;
}

/** The longest prefix that contains the address (`words[at…]`), or -1. */
export function longestPrefix(table: PrefixTable, words: Uint32Array, at: number): number {
  let entry = table.family === 4 ? lastNotAboveIpv4(table, words[at]) : lastNotAboveIpv6(table, words, at);
  while (entry >= 0 && !contains(table, entry, words, at)) entry = parentOf(table, entry);
  return entry;
}

/** The next wider entry that contains this one; -1 when there is none. */
export function parentOf(table: PrefixTable, entry: number): number {
  return table.cells[detailsOf(table, entry)] - 1;
}

export function rowOf(table: PrefixTable, entry: number): number {
  return table.cells[detailsOf(table, entry) + 1];
}

export function tagOf(table: PrefixTable, entry: number): number {
  return table.cells[detailsOf(table, entry) + 2] >>> 8;
}

export function lengthOf(table: PrefixTable, entry: number): number {
  return table.cells[detailsOf(table, entry) + 2] & 255;
}

/** One word of the base, counted from the first. */
export function baseOf(table: PrefixTable, entry: number, word: number): number {
  return table.cells[cellOf(table, entry) + word];
}

function cellOf(table: PrefixTable, entry: number): number {
  return entry * (table.family === 4 ? IPV4_WORDS : IPV6_WORDS);
}

function detailsOf(table: PrefixTable, entry: number): number {
  return table.family === 4 ? entry * IPV4_WORDS + 1 : entry * IPV6_WORDS + 4;
}

function contains(table: PrefixTable, entry: number, words: Uint32Array, at: number): boolean {
  const { cells } = table;
  const length = lengthOf(table, entry);
  const cell = cellOf(table, entry);
  if (table.family === 4) return (words[at] & maskWord(length)) >>> 0 === cells[cell];
  for (let word = 0, bits = length; bits > 0; word++, bits -= 32) {
    if ((words[at + word] & maskWord(bits)) >>> 0 !== cells[cell + word]) return false;
  }
  return true;
}

function lastNotAboveIpv4({ cells, index }: PrefixTable, address: number): number {
  const slot = address >>> 16;
  let low = index[slot];
  let high = index[slot + 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cells[middle * IPV4_WORDS] <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lastNotAboveIpv6({ cells, index }: PrefixTable, words: Uint32Array, at: number): number {
  const [w0, w1, w2, w3] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  let low = 0;
  let high = index.length >> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    let order = index[2 * middle] - w0;
    if (order === 0) order = index[2 * middle + 1] - w1;
    // The sample is the start of an entry, which has the other two words.
    if (order === 0) order = cells[middle * STRIDE * IPV6_WORDS + 2] - w2;
    if (order === 0) order = cells[middle * STRIDE * IPV6_WORDS + 3] - w3;
    if (order <= 0) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return -1;
  high = Math.min(cells.length / IPV6_WORDS, low * STRIDE);
  low = (low - 1) * STRIDE + 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const cell = middle * IPV6_WORDS;
    let order = cells[cell] - w0;
    if (order === 0) order = cells[cell + 1] - w1;
    if (order === 0) order = cells[cell + 2] - w2;
    if (order === 0) order = cells[cell + 3] - w3;
    if (order <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function fillSamples({ index, cells }: PrefixTable): void {
  for (let sample = 0; 2 * sample < index.length; sample++) {
    index[2 * sample] = cells[sample * STRIDE * IPV6_WORDS];
    index[2 * sample + 1] = cells[sample * STRIDE * IPV6_WORDS + 1];
  }
}

function fillIndex({ index, cells }: PrefixTable): void {
  const count = cells.length / IPV4_WORDS;
  let slot = 0;
  for (let entry = 0; entry < count; entry++) {
    const last = cells[entry * IPV4_WORDS] >>> 16;
    while (slot <= last) index[slot++] = entry;
  }
  while (slot < index.length) index[slot++] = count;
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
