/**
 * A growing hash table of 16-byte entries (64-bit key, two 32-bit payload words) in typed arrays, made to be replicated.
 *
 * Open addressing with linear probing, split into 1,024 segments by the first key bits: a segment grows by a quarter when it is 85 % full, so no
 * single write ever moves more than a thousandth of the table, and 10M entries take 16/0.68 = 23.5 bytes each at the worst moment.
 * A key whose second word is 0 is stored as 1; an all-zero second word marks an empty place.
 */
const SEGMENTS = 1024;
const WORDS = 4;
const MAX_LOAD = 0.85;
const GROWTH = 1.25;

export class Table {
  /** First payload word of the last entry that {@link get} found. */
  a = 0;
  /** Second payload word of it. */
  b = 0;
  size = 0;
  readonly #segments: (Uint32Array | undefined)[] = new Array(SEGMENTS);
  readonly #counts = new Uint32Array(SEGMENTS);

  /** Finds a key; true leaves its payload in {@link a} and {@link b}. */
  get(hi: number, lo: number): boolean {
    const index = hi >>> 22;
    const segment = this.#segments[index];
    if (segment === undefined) return false;
    const places = segment.length / WORDS;
    const low = lo >>> 0 || 1;
    const high = hi >>> 0;
    let place = startOf(low, places);
    for (;;) {
      const at = place * WORDS;
      const seen = segment[at + 1];
      if (seen === 0) return false;
      if (seen === low && segment[at] === high) {
        this.a = segment[at + 2];
        this.b = segment[at + 3];
        return true;
      }
      if (++place === places) place = 0;
    }
  }

  /** Adds or replaces. False when the entry already held exactly this. */
  set(hi: number, lo: number, a: number, b: number): boolean {
    const index = hi >>> 22;
    let segment = this.#segments[index];
    if (segment === undefined) {
      segment = new Uint32Array(8 * WORDS);
      this.#segments[index] = segment;
    } else if (this.#counts[index] + 1 > (segment.length / WORDS) * MAX_LOAD) segment = this.#grow(index, segment);
    const places = segment.length / WORDS;
    const low = lo >>> 0 || 1;
    const high = hi >>> 0;
    let place = startOf(low, places);
    for (;;) {
      const at = place * WORDS;
      const seen = segment[at + 1];
      if (seen === 0) {
        segment[at] = high;
        segment[at + 2] = a;
        segment[at + 3] = b;
        segment[at + 1] = low;
        this.#counts[index]++;
        this.size++;
        return true;
      }
      if (seen === low && segment[at] === high) {
        if (segment[at + 2] === a >>> 0 && segment[at + 3] === b >>> 0) return false;
        segment[at + 2] = a;
        segment[at + 3] = b;
        return true;
      }
      if (++place === places) place = 0;
    }
  }

  /** Removes a key, closing the gap behind it (no tombstones). False when it was not there. */
  delete(hi: number, lo: number): boolean {
    const index = hi >>> 22;
    const segment = this.#segments[index];
    if (segment === undefined) return false;
    const places = segment.length / WORDS;
    const low = lo >>> 0 || 1;
    const high = hi >>> 0;
    let place = startOf(low, places);
    for (;;) {
      const seen = segment[place * WORDS + 1];
      if (seen === 0) return false;
      if (seen === low && segment[place * WORDS] === high) break;
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

  /** Bytes held by the entries. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment?.byteLength ?? 0;
    return bytes;
  }

  static readonly segments = SEGMENTS;

  /** Entries of one segment, packed as four words each (key, key, payload, payload). */
  packed(index: number): Uint32Array {
    const out = new Uint32Array(this.#counts[index] * WORDS);
    const segment = this.#segments[index];
    if (segment === undefined) return out;
    let to = 0;
    for (let at = 0; at < segment.length; at += WORDS) {
      if (segment[at + 1] === 0) continue;
      out.set(segment.subarray(at, at + WORDS), to);
      to += WORDS;
    }
    return out;
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
      grown.set(old.subarray(at, at + WORDS), place * WORDS);
    }
    this.#segments[index] = grown;
    return grown;
  }
}

/** Maps 32 uniform bits to a place without division (Lemire's fast range, in doubles). */
function startOf(low: number, places: number): number {
  return Math.floor((low * places) / 4294967296);
}
