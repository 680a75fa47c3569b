import { maskWord, type Prefix } from './network.js';

interface Level<T> {
  readonly length: number;
  readonly entries: Map<number | string, T[]>;
}

/**
 * Networks that come and go one by one: a hash map a prefix length. Adding and removing cost a microsecond at any size; a look-up asks each
 * prefix length in use, longest first.
 */
export class PrefixMap<T> {
  size = 0;
  /** Prefix length of what `find` returned last. */
  foundLength = -1;
  private readonly levels: { readonly 4: Level<T>[]; readonly 6: Level<T>[] } = { 4: [], 6: [] };

  constructor(private readonly isSame: (one: T, other: T) => boolean) {}

  /** Adds, or replaces what is the same. */
  set(prefix: Prefix, value: T): void {
    const levels = this.levels[prefix.family];
    let level = levels.find(({ length }) => length === prefix.length);
    if (level === undefined) {
      level = { length: prefix.length, entries: new Map() };
      levels.push(level);
      levels.sort((a, b) => b.length - a.length);
    }
    const key = keyOf(prefix.family, prefix.words, prefix.length);
    const values = level.entries.get(key);
    if (values === undefined) {
      level.entries.set(key, [value]);
      this.size++;
      return;
    }
    const index = values.findIndex((held) => this.isSame(held, value));
    if (index >= 0) values[index] = value;
    else this.size += values.push(value) > 0 ? 1 : 0;
  }

  delete(prefix: Prefix, isIt: (value: T) => boolean): boolean {
    const levels = this.levels[prefix.family];
    const level = levels.find(({ length }) => length === prefix.length);
    const key = keyOf(prefix.family, prefix.words, prefix.length);
    const values = level?.entries.get(key);
    const index = values?.findIndex(isIt) ?? -1;
    if (level === undefined || values === undefined || index < 0) return false;
    values.splice(index, 1);
    if (values.length === 0) level.entries.delete(key);
    if (level.entries.size === 0) levels.splice(levels.indexOf(level), 1);
    this.size--;
    return true;
  }

  /** The value of the longest prefix that contains the address and is accepted. */
  find(family: 4 | 6, words: Uint32Array, accept: (value: T) => boolean): T | null {
    for (const { length, entries } of this.levels[family]) {
      const values = entries.get(keyOf(family, words, length));
      if (values === undefined) continue;
      for (const value of values) {
        if (!accept(value)) continue;
        this.foundLength = length;
        return value;
      }
    }
    return null;
  }

  clear(): void {
    this.levels[4].length = 0;
    this.levels[6].length = 0;
    this.size = 0;
  }
}

function keyOf(family: 4 | 6, words: Uint32Array, length: number): number | string {
  if (family === 4) return (words[3] & maskWord(length)) >>> 0;
  let key = '';
  for (let word = 0; word < 4; word++)
    key += String.fromCharCode((words[word] & maskWord(length - 32 * word)) >>> 16, words[word] & maskWord(length - 32 * word) & 0xffff);
  return key;
}
