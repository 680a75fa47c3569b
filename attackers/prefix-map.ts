import { mask, maskWord, type Prefix } from './network.js';

/** `bits` counts from the top of the 128: an IPv4 /24 has 96 + 24. A node without values only branches. */
interface Node<T> {
  readonly words: Uint32Array;
  readonly bits: number;
  values: readonly T[];
  zero: Node<T> | null;
  one: Node<T> | null;
}

/**
 * Networks that come and go one by one: a path-compressed binary trie (Morrison, "PATRICIA", 1968). A look-up visits at most as many nodes as networks
 * and branches contain the address, whatever prefix lengths are in use; most find no network at all in the first bits of theirs, and visit none.
 */
export class PrefixMap<T> {
  size = 0;
  /** Prefix length of what `find` returned last. */
  foundLength = -1;
  private readonly roots: { 4: Node<T> | null; 6: Node<T> | null } = { 4: null, 6: null };
  private readonly occupied = { 4: new Uint8Array(SLOTS), 6: new Uint8Array(SLOTS) };

  /** Of values that are the same at one network, the last one stays. */
  constructor(private readonly isSame: (one: T, other: T) => boolean) {}

  set(prefix: Prefix, value: T): void {
    const bits = bitsOf(prefix);
    this.roots[prefix.family] = this.insert(this.roots[prefix.family], prefix.words, bits, value);
    occupy(this.occupied[prefix.family], prefix);
  }

  delete(prefix: Prefix, isIt: (value: T) => boolean): boolean {
    const before = this.size;
    this.roots[prefix.family] = this.remove(this.roots[prefix.family], prefix.words, bitsOf(prefix), isIt);
    if (this.size === 0) this.clear();
    return this.size < before;
  }

  /** The value of the longest prefix that contains the address and is accepted. */
  find(family: 4 | 6, words: Uint32Array, accept: (value: T) => boolean): T | null {
    if (this.occupied[family][slotOf(family, words)] === 0) return null;
    const first = family === 4 ? 3 : 0;
    let found: T | null = null;
    for (let node = this.roots[family]; node !== null; node = bitAt(words, node.bits) === 0 ? node.zero : node.one) {
      // A branch need not be compared: where it differs from the address, so does every network below it.
      if (node.values.length === 0) continue;
      if (!agrees(node, words, first)) break;
      for (const value of node.values) {
        if (!accept(value)) continue;
        found = value;
        this.foundLength = family === 4 ? node.bits - 96 : node.bits;
        break;
      }
      if (node.bits === 128) break;
    }
    return found;
  }

  clear(): void {
    this.roots[4] = null;
    this.roots[6] = null;
    this.occupied[4].fill(0);
    this.occupied[6].fill(0);
    this.size = 0;
  }

  private insert(node: Node<T> | null, words: Uint32Array, bits: number, value: T): Node<T> {
    if (node === null) {
      this.size++;
      return { words: Uint32Array.from(words), bits, values: [value], zero: null, one: null };
    }
    const common = commonBits(node.words, words, Math.min(node.bits, bits));
    if (common < node.bits) {
      const branch: Node<T> = { words: Uint32Array.from(words), bits: common, values: [], zero: null, one: null };
      mask(branch.words, common);
      attach(branch, node);
      return this.insert(branch, words, bits, value);
    }
    if (bits === node.bits) {
      const others = node.values.filter((held) => !this.isSame(held, value));
      this.size += others.length === node.values.length ? 1 : 0;
      node.values = [...others, value];
    } else if (bitAt(words, node.bits) === 0) {
      node.zero = this.insert(node.zero, words, bits, value);
    } else {
      node.one = this.insert(node.one, words, bits, value);
    }
    return node;
  }

  private remove(node: Node<T> | null, words: Uint32Array, bits: number, isIt: (value: T) => boolean): Node<T> | null {
    if (node === null || node.bits > bits || !agrees(node, words, 0)) return node;
    if (node.bits === bits) {
      const rest = node.values.filter((value) => !isIt(value));
      this.size -= node.values.length - rest.length;
      node.values = rest;
    } else if (bitAt(words, node.bits) === 0) {
      node.zero = this.remove(node.zero, words, bits, isIt);
    } else {
      node.one = this.remove(node.one, words, bits, isIt);
    }
    if (node.values.length > 0 || (node.zero !== null && node.one !== null)) return node;
    return node.zero ?? node.one;
  }
}

/** One for each 16 bits an IPv4 address can begin with; for IPv6 the first 32 bits share them. A slot stays set until the map is empty. */
const SLOTS = 65_536;

function slotOf(family: 4 | 6, words: Uint32Array): number {
  return family === 4 ? words[3] >>> 16 : (words[0] >>> 16) ^ (words[0] & 0xffff);
}

function occupy(slots: Uint8Array, { family, words, length }: Prefix): void {
  const first = slotOf(family, words);
  if (family === 4) slots.fill(1, first, first + 2 ** Math.max(0, 16 - length));
  else if (length < 32) slots.fill(1);
  else slots[first] = 1;
}

function bitsOf({ family, length }: Prefix): number {
  return family === 4 ? 96 + length : length;
}

function attach<T>(branch: Node<T>, node: Node<T>): void {
  if (bitAt(node.words, branch.bits) === 0) branch.zero = node;
  else branch.one = node;
}

function bitAt(words: Uint32Array, bit: number): number {
  return bit > 127 ? 0 : (words[bit >> 5] >>> (31 - (bit & 31))) & 1;
}

/** Are the first `node.bits` bits of `words` those of the node? Words before `first` are known to be zero. */
function agrees<T>(node: Node<T>, words: Uint32Array, first: number): boolean {
  for (let word = first, bits = node.bits - 32 * first; bits > 0; word++, bits -= 32) {
    if ((words[word] & maskWord(bits)) >>> 0 !== node.words[word]) return false;
  }
  return true;
}

function commonBits(one: Uint32Array, other: Uint32Array, most: number): number {
  for (let word = 0; word * 32 < most; word++) {
    const differing = one[word] ^ other[word];
    if (differing !== 0) return Math.min(most, word * 32 + Math.clz32(differing));
  }
  return most;
}
