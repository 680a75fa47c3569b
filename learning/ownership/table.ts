/**
 * A growing hash table of 16-byte entries (64-bit key, two 32-bit payload words) in typed arrays, made to be replicated.
 *
 * Open addressing with linear probing, split into 1,024 segments by the first key bits: a segment grows by a quarter when it is 85 % full, so no
 * single write ever moves more than a thousandth of the table, and 10M entries take 16/0.68 = 23.5 bytes each at the worst moment.
 * A key whose second word is 0 is stored as 1; an all-zero second word marks an empty place.
 *
 * The first ten key bits are the segment's number, so their place in the entry is free for its stamp: two bits of what it is worth, eight of when it
 * was last used. A full table gives up, of the next few entries behind a hand that goes round the segment, the one that was longest unused (Corbató's
 * clock with more than one bit, as Redis approximates LRU).
 */
const SEGMENTS = 1024;
const WORDS = 4;
const MAX_LOAD = 0.85;
const GROWTH = 1.25;
const KEY_BITS = 0x3fffff;
const STAMP_SHIFT = 22;
const AGES = 256;
/** Entries that one eviction looks at. */
const LOOKED_AT = 24;

/** What an entry is worth when the table is full: one that is worth more is given up as if it had been used that much later. */
export const WORTH = {
  /** The server can say it again at any time: it listed an object. */
  listed: 0,
  object: 1,
  /** Said once: somebody shared, created or took part in something. */
  said: 2,
  /** Credentials, names and holders. */
  person: 3,
} as const;
/** In ages; while a full table is replaced once, 64 go by. */
const GRACE = [0, 8, 48, 128];
export const AGES_PER_TABLE = 64;

export class Table {
  /** First payload word of the last entry that {@link get} found. */
  a = 0;
  /** Second payload word of it. */
  b = 0;
  size = 0;
  /** What {@link evict} removed last. */
  goneHi = 0;
  goneLo = 0;
  /** Age that used entries are stamped with, 0–255; -1: entries are not stamped (a replica, that gives nothing up). */
  #age = -1;
  readonly #segments: (Uint32Array | undefined)[] = new Array(SEGMENTS);
  readonly #counts = new Uint32Array(SEGMENTS);
  readonly #hands = new Uint32Array(SEGMENTS);

  /** From now on entries are stamped with this age. */
  set age(age: number) {
    this.#age = age & (AGES - 1);
  }

  /** Finds a key; true leaves its payload in {@link a} and {@link b}, and counts as a use. */
  get(hi: number, lo: number): boolean {
    const at = this.#find(hi, lo);
    if (at < 0) return false;
    const segment = this.#segments[hi >>> STAMP_SHIFT] as Uint32Array;
    if (this.#age >= 0 && ((segment[at] >>> STAMP_SHIFT) & (AGES - 1)) !== this.#age) this.#stamp(segment, at, segment[at] >>> 30);
    return true;
  }

  /** The same without counting as a use. */
  peek(hi: number, lo: number): boolean {
    return this.#find(hi, lo) >= 0;
  }

  #find(hi: number, lo: number): number {
    const segment = this.#segments[hi >>> STAMP_SHIFT];
    if (segment === undefined) return -1;
    const places = segment.length / WORDS;
    const low = lo >>> 0 || 1;
    const high = hi & KEY_BITS;
    let place = startOf(low, places);
    for (;;) {
      const at = place * WORDS;
      const seen = segment[at + 1];
      if (seen === 0) return -1;
      if (seen === low && (segment[at] & KEY_BITS) === high) {
        this.a = segment[at + 2];
        this.b = segment[at + 3];
        return at;
      }
      if (++place === places) place = 0;
    }
  }

  /** Adds or replaces. `worth`: one of {@link WORTH}. False when the entry already held exactly this. */
  set(hi: number, lo: number, a: number, b: number, worth: number = WORTH.object): boolean {
    const index = hi >>> STAMP_SHIFT;
    let segment = this.#segments[index];
    if (segment === undefined) {
      segment = new Uint32Array(8 * WORDS);
      this.#segments[index] = segment;
    } else if (this.#counts[index] + 1 > (segment.length / WORDS) * MAX_LOAD) segment = this.#grow(index, segment);
    const places = segment.length / WORDS;
    const low = lo >>> 0 || 1;
    const high = hi & KEY_BITS;
    let place = startOf(low, places);
    for (;;) {
      const at = place * WORDS;
      const seen = segment[at + 1];
      if (seen === 0) {
        segment[at] = high;
        segment[at + 1] = low;
        segment[at + 2] = a;
        segment[at + 3] = b;
        this.#stamp(segment, at, worth);
        this.#counts[index]++;
        this.size++;
        return true;
      }
      if (seen === low && (segment[at] & KEY_BITS) === high) {
        this.#stamp(segment, at, Math.max(worth, segment[at] >>> 30));
        if (segment[at + 2] === a >>> 0 && segment[at + 3] === b >>> 0) return false;
        segment[at + 2] = a;
        segment[at + 3] = b;
        return true;
      }
      if (++place === places) place = 0;
    }
  }

  /**
   * Makes room where this key belongs: removes what has been unused for longest among a few others; the key of that is left in {@link goneHi} and
   * {@link goneLo}.
   */
  evict(hi: number, lo: number): boolean {
    const own = hi >>> STAMP_SHIFT;
    for (let tried = 0; tried < SEGMENTS; tried++) {
      const index = (own + tried) % SEGMENTS;
      const at = this.#counts[index] === 0 ? -1 : this.#leastUseful(index, tried === 0 ? lo >>> 0 || 1 : 0);
      if (at < 0) continue;
      const segment = this.#segments[index] as Uint32Array;
      this.goneHi = ((index << STAMP_SHIFT) | (segment[at] & KEY_BITS)) >>> 0;
      this.goneLo = segment[at + 1];
      return this.delete(this.goneHi, this.goneLo);
    }
    return false;
  }

  /** Where the one among a few entries stands that was unused for longest; never the one with this second key word. -1: there is no other. */
  #leastUseful(index: number, but: number): number {
    const segment = this.#segments[index] as Uint32Array;
    const places = segment.length / WORDS;
    let place = this.#hands[index] % places;
    let worst = -1;
    let oldest = -Infinity;
    for (let seen = 0, step = 0; seen < LOOKED_AT && step < places; step++) {
      const at = place * WORDS;
      if (segment[at + 1] !== 0 && segment[at + 1] !== but) {
        seen++;
        const stamp = segment[at] >>> STAMP_SHIFT;
        const unused = ((this.#age - stamp) & (AGES - 1)) - GRACE[stamp >>> 8];
        if (unused > oldest) {
          oldest = unused;
          worst = at;
        }
      }
      if (++place === places) place = 0;
    }
    this.#hands[index] = place;
    return worst;
  }

  /** Removes a key, closing the gap behind it (no tombstones). False when it was not there. */
  delete(hi: number, lo: number): boolean {
    const index = hi >>> STAMP_SHIFT;
    const segment = this.#segments[index];
    if (segment === undefined) return false;
    const places = segment.length / WORDS;
    const low = lo >>> 0 || 1;
    const high = hi & KEY_BITS;
    let place = startOf(low, places);
    for (;;) {
      const seen = segment[place * WORDS + 1];
      if (seen === 0) return false;
      if (seen === low && (segment[place * WORDS] & KEY_BITS) === high) break;
      if (++place === places) place = 0;
    }
    let hole = place;
    for (let next = (place + 1) % places; segment[next * WORDS + 1] !== 0; next = (next + 1) % places) {
      const home = startOf(segment[next * WORDS + 1], places);
      const stays = hole <= next ? home > hole && home <= next : home > hole || home <= next;
      if (stays) continue;
      segment.copyWithin(hole * WORDS, next * WORDS, next * WORDS + WORDS);
      hole = next;
    }
    segment.fill(0, hole * WORDS, hole * WORDS + WORDS);
    this.#counts[index]--;
    this.size--;
    return true;
  }

  #stamp(segment: Uint32Array, at: number, worth: number): void {
    segment[at] = (segment[at] & KEY_BITS) | (Math.max(this.#age, 0) << STAMP_SHIFT) | (worth << 30);
  }

  /** Bytes held by the entries. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment?.byteLength ?? 0;
    return bytes;
  }

  static readonly segments = SEGMENTS;

  /** Entries of one segment, packed as four words each (key, key, payload, payload). `stamped`: with the stamp in place of the segment's number. */
  packed(index: number, stamped = false): Uint32Array {
    const out = new Uint32Array(this.#counts[index] * WORDS);
    const segment = this.#segments[index];
    if (segment === undefined) return out;
    let to = 0;
    for (let at = 0; at < segment.length; at += WORDS) {
      if (segment[at + 1] === 0) continue;
      out[to++] = stamped ? segment[at] : (index << STAMP_SHIFT) | (segment[at] & KEY_BITS);
      out[to++] = segment[at + 1];
      out[to++] = segment[at + 2];
      out[to++] = segment[at + 3];
    }
    return out;
  }

  /** Puts an entry back that {@link packed} gave with its stamp. */
  restore(index: number, stampedHi: number, lo: number, a: number, b: number): void {
    this.set(((index << STAMP_SHIFT) | (stampedHi & KEY_BITS)) >>> 0, lo, a, b, stampedHi >>> 30);
  }

  clear(): void {
    this.#segments.fill(undefined);
    this.#counts.fill(0);
    this.size = 0;
  }

  #grow(index: number, old: Uint32Array): Uint32Array {
    const places = Math.ceil((old.length / WORDS) * GROWTH) + 1;
    const grown = new Uint32Array(places * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 1] === 0) continue;
      let place = startOf(old[at + 1], places);
      while (grown[place * WORDS + 1] !== 0) if (++place === places) place = 0;
      const to = place * WORDS;
      grown[to] = old[at];
      grown[to + 1] = old[at + 1];
      grown[to + 2] = old[at + 2];
      grown[to + 3] = old[at + 3];
    }
    this.#segments[index] = grown;
    return grown;
  }
}

/** Maps 32 uniform bits to a place without division (Lemire's fast range, in doubles). */
function startOf(low: number, places: number): number {
  return Math.floor((low * places) / 4294967296);
}
