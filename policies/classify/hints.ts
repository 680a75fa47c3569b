/** What a field name, or the words around a value, say about it. */
import { CLASS, DIGIT, joinWords, LOWER, UPPER, WORD, wordStep } from './bytes.js';
import type { Hint, Tables } from './tables.js';

const MAX_WORDS = 8;
/** Longest run of words that is looked up as one: `social security number` is three. */
const MAX_GRAM = 4;
const MAX_KEY_BYTES = 96;
const CACHE_SLOTS = 2048;

interface CachedKey {
  readonly bytes: Uint8Array;
  readonly hint: Hint | null;
}

/**
 * Reads names and surroundings. One instance belongs to one classifier and is not re-entrant; the cache is bounded and compares whole names, so
 * a hostile body can slow a look-up down to the uncached cost and no further.
 */
export class HintReader {
  readonly #tables: Tables;
  readonly #cache: (CachedKey | undefined)[] = new Array(CACHE_SLOTS).fill(undefined);
  readonly #hashes = new Int32Array(MAX_WORDS);
  readonly #lengths = new Int32Array(MAX_WORDS);

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The hint of a field name; null when it says nothing. */
  ofKey(bytes: Uint8Array, start: number, end: number): Hint | null {
    if (end - start > MAX_KEY_BYTES || end <= start) return null;
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 0x01000193) ^ bytes[i]) | 0;
    const slot = (hash ^ (hash >>> 13)) & (CACHE_SLOTS - 1);
    const cached = this.#cache[slot];
    if (cached !== undefined && same(cached.bytes, bytes, start, end)) return cached.hint;
    const hint = this.#lookUp(bytes, start, end, true);
    this.#cache[slot] = { bytes: bytes.slice(start, end), hint };
    return hint;
  }

  /** The hint of running text. `before` bounds are bytes that end at the value, so the nearest words are kept. */
  ofWords(bytes: Uint8Array, start: number, end: number): Hint | null {
    return this.#lookUp(bytes, start, end, false);
  }

  #lookUp(bytes: Uint8Array, start: number, end: number, isKey: boolean): Hint | null {
    const count = this.#split(bytes, start, end);
    if (count === 0) return null;
    let types: number[] | null = null;
    let against = false;
    let generic = count > 0;
    for (let first = 0; first < count; first++) {
      let hash = this.#hashes[first];
      for (let last = first; last < count && last < first + MAX_GRAM; last++) {
        if (last > first) hash = joinWords(hash, this.#hashes[last], this.#lengths[last]);
        const hint = this.#tables.hints.get(hash);
        if (last === first && hint?.generic !== true) generic = false;
        if (hint === undefined) continue;
        if (hint.against) against = true;
        for (const type of hint.types) {
          // A field that is recognised by its name alone must end in that name: `user_password`, not `password_hint`.
          if (this.#tables.fieldOnly[type] && (!isKey || last !== count - 1)) continue;
          types ??= [];
          if (!types.includes(type)) types.push(type);
        }
      }
    }
    if (types === null && !against && !generic) return null;
    return { types: types ?? [], against: against && types === null, generic: generic && types === null };
  }

  /** Splits into words at anything that is no letter and at changes of case; keeps the last {@link MAX_WORDS}. */
  #split(bytes: Uint8Array, start: number, end: number): number {
    let count = 0;
    let hash = 0;
    let length = 0;
    let previous = 0;
    for (let i = start; i <= end; i++) {
      const byte = i < end ? bytes[i] : 0;
      const letter = WORD[byte];
      const kind = CLASS[byte];
      const boundary =
        letter === 0 ||
        (kind === UPPER && previous === LOWER) ||
        (kind === UPPER && previous === UPPER && i + 1 < end && CLASS[bytes[i + 1]] === LOWER);
      if (boundary && length > 0) {
        if (count === MAX_WORDS) {
          this.#hashes.copyWithin(0, 1);
          this.#lengths.copyWithin(0, 1);
          count--;
        }
        this.#hashes[count] = hash;
        this.#lengths[count++] = length;
        hash = 0;
        length = 0;
      }
      if (letter !== 0) {
        hash = wordStep(hash, letter);
        length++;
      }
      previous = kind === DIGIT ? 0 : kind;
    }
    return count;
  }
}

function same(kept: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (kept.length !== end - start) return false;
  for (let i = 0; i < kept.length; i++) if (kept[i] !== bytes[start + i]) return false;
  return true;
}
