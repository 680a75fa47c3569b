import { wordsOf } from './words.js';

/** What answers said of objects lately: half of the memory of {@link Details}, in typed arrays that grow by doubling. */
class Generation {
  count = 0;
  #used = 0;
  #places = new Int32Array(256).fill(-1);
  #hi = new Uint32Array(128);
  #lo = new Uint32Array(128);
  #at = new Uint32Array(128);
  #length = new Uint8Array(128);
  resource = new Uint16Array(128);
  /** Number of the answer that showed it last. */
  answer = new Uint32Array(128);
  words = new Uint32Array(2048);

  /** Index of an object; -1 when it is not here. */
  find(hi: number, lo: number): number {
    const mask = this.#places.length - 1;
    for (let place = (lo ^ (hi >>> 7)) & mask; ; place = (place + 1) & mask) {
      const index = this.#places[place];
      if (index < 0 || (this.#lo[index] === lo && this.#hi[index] === hi)) return index;
    }
  }

  /** Index of a new object without fields. */
  add(hi: number, lo: number, resource: number): number {
    const index = this.count++;
    if (index >= this.#hi.length) this.#grow();
    this.#hi[index] = hi;
    this.#lo[index] = lo;
    this.resource[index] = resource;
    this.#at[index] = 0;
    this.#length[index] = 0;
    this.answer[index] = 0;
    this.#enter(index);
    return index;
  }

  /** Where its fields begin in {@link words}, and how many words they are. */
  from(index: number): number {
    return this.#at[index];
  }

  lengthOf(index: number): number {
    return this.#length[index];
  }

  hi(index: number): number {
    return this.#hi[index];
  }

  lo(index: number): number {
    return this.#lo[index];
  }

  /** Replaces the fields; in their old place if there is room. */
  put(index: number, fields: Uint32Array, from: number, length: number): void {
    if (length > this.#length[index]) {
      this.#at[index] = this.#used;
      this.#used += length;
      if (this.#used > this.words.length) {
        const words = new Uint32Array(Math.max(this.words.length * 2, this.#used));
        words.set(this.words);
        this.words = words;
      }
    }
    this.#length[index] = length;
    const to = this.#at[index];
    for (let i = 0; i < length; i++) this.words[to + i] = fields[from + i];
  }

  get isFull(): boolean {
    return this.count >= MAX_OBJECTS || this.#used >= MAX_WORDS;
  }

  clear(): void {
    this.count = 0;
    this.#used = 0;
    this.#places.fill(-1);
  }

  #enter(index: number): void {
    const mask = this.#places.length - 1;
    let place = (this.#lo[index] ^ (this.#hi[index] >>> 7)) & mask;
    while (this.#places[place] >= 0) place = (place + 1) & mask;
    this.#places[place] = index;
  }

  #grow(): void {
    const size = this.#hi.length * 2;
    const grown = <T extends Uint32Array | Uint16Array | Uint8Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.#hi = grown(this.#hi, new Uint32Array(size));
    this.#lo = grown(this.#lo, new Uint32Array(size));
    this.#at = grown(this.#at, new Uint32Array(size));
    this.#length = grown(this.#length, new Uint8Array(size));
    this.resource = grown(this.resource, new Uint16Array(size));
    this.answer = grown(this.answer, new Uint32Array(size));
    this.#places = new Int32Array(size * 2).fill(-1);
    for (let index = 0; index < this.count - 1; index++) this.#enter(index);
  }
}

/** Of one half; 40 words an object are more than most have. */
const MAX_OBJECTS = 30_000;
const MAX_WORDS = 1_200_000;
const MAX_FIELDS = 254;

/**
 * The raw fields of the objects that answers showed lately, so that a rule that is found later also covers objects seen before it. At most
 * 60,000; whole halves are forgotten, those that were not seen for longest.
 */
export class Details {
  #young = new Generation();
  #old = new Generation();
  #answer = 0;

  get size(): number {
    return this.#young.count + this.#old.count;
  }

  /** Another answer begins. */
  nextAnswer(): void {
    this.#answer = (this.#answer + 1) >>> 0 || 1;
  }

  /** Notes the fields of an object. True when this answer said exactly the same of it before. */
  note(hi: number, lo: number, resource: number, fields: Uint32Array, from: number, length: number): boolean {
    const index = this.#young.find(hi >>> 0, lo >>> 0);
    if (index >= 0) {
      const isSame = this.#isSame(index, fields, from, length);
      if (isSame && this.#young.answer[index] === this.#answer) return true;
      this.#young.answer[index] = this.#answer;
      if (!isSame) this.#replace(index, fields, from, length);
      return false;
    }
    const kept = this.#recall(hi >>> 0, lo >>> 0, resource);
    this.#young.answer[kept] = this.#answer;
    this.#replace(kept, fields, from, length);
    return false;
  }

  /** A copy of the fields that are known of an object. */
  of(hi: number, lo: number): readonly number[] | null {
    for (const generation of [this.#young, this.#old]) {
      const index = generation.find(hi >>> 0, lo >>> 0);
      if (index >= 0) {
        const at = generation.from(index);
        return wordsOf(generation.words, at, at + generation.lengthOf(index));
      }
    }
    return null;
  }

  has(hi: number, lo: number): boolean {
    return this.#young.find(hi >>> 0, lo >>> 0) >= 0 || this.#old.find(hi >>> 0, lo >>> 0) >= 0;
  }

  /** Every object of a resource, with where its fields are in `words`. */
  forEach(resource: number, visit: (hi: number, lo: number, words: Uint32Array, from: number, length: number) => void): void {
    for (const generation of [this.#old, this.#young])
      for (let index = 0; index < generation.count; index++)
        if (generation.resource[index] === resource)
          visit(generation.hi(index), generation.lo(index), generation.words, generation.from(index), generation.lengthOf(index));
  }

  /** These numbers are no longer those of the resources that they were: objects of them are of none. */
  forget(resources: ReadonlySet<number>): void {
    for (const { resource, count } of [this.#old, this.#young])
      for (let index = 0; index < count; index++) if (resources.has(resource[index])) resource[index] = 0;
  }

  /** A new place in the young half, with what the old half knew. */
  #recall(hi: number, lo: number, resource: number): number {
    if (this.#young.isFull) {
      const emptied = this.#old;
      this.#old = this.#young;
      this.#young = emptied;
      emptied.clear();
    }
    const before = this.#old.find(hi, lo);
    const index = this.#young.add(hi, lo, before < 0 ? resource : this.#old.resource[before]);
    if (before >= 0) this.#young.put(index, this.#old.words, this.#old.from(before), this.#old.lengthOf(before));
    return index;
  }

  #isSame(index: number, fields: Uint32Array, from: number, length: number): boolean {
    const { words } = this.#young;
    const at = this.#young.from(index);
    if (this.#young.lengthOf(index) !== length) return false;
    for (let i = 0; i < length; i++) if (words[at + i] !== fields[from + i]) return false;
    return true;
  }

  /** New values replace old ones of the same path; paths that a shorter answer leaves out keep their value. */
  #replace(index: number, fields: Uint32Array, from: number, length: number): void {
    const held = this.#young.lengthOf(index);
    if (length >= held) {
      this.#young.put(index, fields, from, Math.min(length, MAX_FIELDS));
      return;
    }
    const { words } = this.#young;
    const at = this.#young.from(index);
    const merged = Array.from(fields.subarray(from, from + length));
    for (let i = at; i < at + held && merged.length < MAX_FIELDS; i += 2) {
      let isNew = true;
      for (let k = 0; k < length && isNew; k += 2) isNew = merged[k] !== words[i];
      if (isNew) merged.push(words[i], words[i + 1]);
    }
    this.#young.put(index, Uint32Array.from(merged), 0, merged.length);
  }
}
