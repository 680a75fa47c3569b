/**
 * Keyed 64-bit hash of short texts: HalfSipHash-1-3 with a 64-bit tag (Aumasson & Bernstein, "SipHash: a fast short-input PRF", 2012;
 * reference halfsiphash.c; 1-3 rounds as hash tables of Rust and Python use them), over UTF-16 code units.
 *
 * Keyed, because clients choose ids: without the key nobody can search for two ids that fall on one entry of the ownership table.
 */
export class KeyedHash {
  /** First 32 bits of the last {@link text} or {@link words}. Read them before the next call. */
  hi = 0;
  /** Second 32 bits. */
  lo = 0;
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  /** `seed`: 8 bytes, secret, the same on every process that shares a table. */
  constructor(readonly seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, 8);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
  }

  /** Hashes `value` in the name space `space` (a small integer, so that equal texts of different meaning differ). */
  text(space: number, value: string): void {
    this.#begin(space);
    this.#finish(value, 0, value.length);
  }

  /** What the hash of every text that begins with `prefix` has in common, to be handed to {@link after}. */
  prefix(space: number, prefix: string): HashPrefix {
    this.#begin(space);
    const paired = prefix.length & ~1;
    this.#pairs(prefix, paired);
    return { v0: this.#v0, v1: this.#v1, v2: this.#v2, v3: this.#v3, length: prefix.length, rest: prefix.slice(paired) };
  }

  /** The same as {@link text} of prefix and value together, without going over the prefix again. */
  after(prefix: HashPrefix, value: string): void {
    this.#v0 = prefix.v0;
    this.#v1 = prefix.v1;
    this.#v2 = prefix.v2;
    this.#v3 = prefix.v3;
    this.#finish(prefix.rest === '' ? value : prefix.rest + value, prefix.length - prefix.rest.length, prefix.length + value.length);
  }

  /** Hashes up to three 32-bit words in the name space `space`. */
  words(space: number, a: number, b: number, c: number): void {
    this.#begin(space);
    this.#block(a);
    this.#block(b);
    this.#block(c);
    this.#block((16 << 24) | 1);
    this.#tag();
  }

  /** Both halves of a text as one integer of 53 bits, for use as a Map key. */
  number(space: number, value: string): number {
    this.text(space, value);
    return (this.hi >>> 11) * 4294967296 + (this.lo >>> 0);
  }

  /** 32 bits of a text, never 0 (0 means "none" in the tables). */
  short(space: number, value: string): number {
    this.text(space, value);
    return (this.hi ^ this.lo) >>> 0 || 1;
  }

  #begin(space: number): void {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1 ^ 0xee;
    this.#v2 = this.#k0 ^ 0x6c796765;
    this.#v3 = this.#k1 ^ 0x74656462;
    this.#block(space);
  }

  /** `value` without the code units that were hashed before it; `length` of all of them together ends the message. */
  #finish(value: string, before: number, length: number): void {
    this.#pairs(value, (length - before) & ~1);
    this.#block(((length & 0xff) << 24) | (length & 1 ? value.charCodeAt(length - before - 1) : 0));
    this.#tag();
  }

  /** The first `length` code units of a text, two a block. */
  #pairs(value: string, length: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let i = 0; i < length; i += 2) {
      const m = value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16);
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }

  #block(m: number): void {
    this.#v3 ^= m;
    this.#round();
    this.#v0 ^= m;
  }

  #round(): void {
    let v0 = (this.#v0 + this.#v1) | 0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }

  #tag(): void {
    this.#v2 ^= 0xee;
    this.#round();
    this.#round();
    this.#round();
    this.hi = this.#v1 ^ this.#v3;
    this.#v1 ^= 0xdd;
    this.#round();
    this.#round();
    this.#round();
    this.lo = this.#v1 ^ this.#v3;
  }
}

/** State of a hash behind a prefix; the odd code unit that is not hashed yet is kept as text. */
export interface HashPrefix {
  readonly v0: number;
  readonly v1: number;
  readonly v2: number;
  readonly v3: number;
  readonly length: number;
  readonly rest: string;
}
