/** What a field name, or the words around a value, say about it. */
import { AT, CLASS, DIGIT, joinWords, LOWER, UPPER, WORD, wordStep } from './bytes.js';
import type { Hint, Tables } from './tables.js';

const QUANTITY: Hint = { types: [], against: true, generic: false };
const MAX_WORDS = 8;
/** Longest run of words that is looked up as one: `social security number` is three. */
const MAX_GRAM = 4;
const MAX_KEY_BYTES = 96;
const CACHE_SLOTS = 2048;
/** Names that follow a name are remembered by the depth at which they stand, modulo this. */
const DEPTHS = 4;

/** Few words around a value are often the same (`Person 7`); longer text hardly ever is. */
const MAX_WORDS_BYTES = 24;
const WORD_SLOTS = 1024;

interface KnownWords {
  readonly bytes: Uint8Array;
  readonly hint: Hint | null;
}

/** A field name that was seen before, and what it says. */
export interface KnownKey {
  readonly bytes: Uint8Array;
  readonly hint: Hint | null;
  /** The name itself may hold a value: it has digits or an `@`. */
  readonly telling: boolean;
  /** The names that came next, by depth: records of one kind repeat their names in one order. */
  readonly next: (KnownKey | null)[];
}

/**
 * Reads names and surroundings. One instance belongs to one classifier and is not re-entrant; the cache is bounded and compares whole names, so
 * a hostile body can slow a look-up down to the uncached cost and no further.
 */
export class HintReader {
  readonly #tables: Tables;
  readonly #cache: (KnownKey | undefined)[] = new Array(CACHE_SLOTS).fill(undefined);
  readonly #words: (KnownWords | undefined)[] = new Array(WORD_SLOTS).fill(undefined);
  readonly #hashes = new Int32Array(MAX_WORDS);
  readonly #lengths = new Int32Array(MAX_WORDS);

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The hint of a field name; null when it says nothing. */
  ofKey(bytes: Uint8Array, start: number, end: number): Hint | null {
    return this.known(bytes, start, end)?.hint ?? null;
  }

  /** A field name as it is remembered; null when it is empty or too long for a name. */
  known(bytes: Uint8Array, start: number, end: number): KnownKey | null {
    if (end - start > MAX_KEY_BYTES || end <= start) return null;
    const slot = slotOf(bytes, start, end, CACHE_SLOTS);
    const cached = this.#cache[slot];
    if (cached !== undefined && cached.bytes.length === end - start && standsAt(cached.bytes, bytes, start)) return cached;
    let mask = 0;
    for (let i = start; i < end; i++) mask |= CLASS[bytes[i]];
    const key: KnownKey = {
      bytes: bytes.slice(start, end),
      hint: this.#lookUp(bytes, start, end, true),
      telling: end - start >= 7 && (mask & (DIGIT | AT)) !== 0,
      next: new Array<KnownKey | null>(DEPTHS).fill(null),
    };
    this.#cache[slot] = key;
    return key;
  }

  /** The name that came after `key` at this depth, if it stands at `start` again, with its closing quote and a colon behind it. */
  follows(key: KnownKey, depth: number, bytes: Uint8Array, start: number, end: number): KnownKey | null {
    const guess = key.next[depth & (DEPTHS - 1)];
    if (guess === null) return null;
    const to = start + guess.bytes.length;
    return to + 1 < end && bytes[to] === 0x22 && bytes[to + 1] === 0x3a && standsAt(guess.bytes, bytes, start) ? guess : null;
  }

  /** Remembers what came after `key`. */
  chain(key: KnownKey, depth: number, next: KnownKey): void {
    key.next[depth & (DEPTHS - 1)] = next;
  }

  /** The hint of running text. `before` bounds are bytes that end at the value, so the nearest words are kept. */
  ofWords(bytes: Uint8Array, start: number, end: number): Hint | null {
    if (end - start > MAX_WORDS_BYTES) return this.#lookUp(bytes, start, end, false);
    if (end <= start) return null;
    const slot = slotOf(bytes, start, end, WORD_SLOTS);
    const cached = this.#words[slot];
    if (cached !== undefined && cached.bytes.length === end - start && standsAt(cached.bytes, bytes, start)) return cached.hint;
    const hint = this.#lookUp(bytes, start, end, false);
    this.#words[slot] = { bytes: bytes.slice(start, end), hint };
    return hint;
  }

  #lookUp(bytes: Uint8Array, start: number, end: number, isKey: boolean): Hint | null {
    const count = this.#split(bytes, start, end);
    if (count === 0) return null;
    if (isKey && this.#tables.hints.get(this.#hashes[count - 1])?.quantity === true) return QUANTITY;
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

/** `slots`: a power of two. */
function slotOf(bytes: Uint8Array, start: number, end: number, slots: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 0x01000193) ^ bytes[i]) | 0;
  return (hash ^ (hash >>> 13)) & (slots - 1);
}

function standsAt(kept: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < kept.length; i++) if (kept[i] !== bytes[start + i]) return false;
  return true;
}
