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

  /** `seed`: 8 bytes, secret, the same on every process that shares a table. */
  constructor(readonly seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, 8);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
  }

  /** Hashes `value` in the name space `space` (a small integer, so that equal texts of different meaning differ). */
  text(space: number, value: string): void {
    this.#run(space, value, 0, 0, 0, false);
  }

  /** Hashes up to three 32-bit words in the name space `space`. */
  words(space: number, a: number, b: number, c: number): void {
    this.#run(space, '', a | 0, b | 0, c | 0, true);
  }

  /** Both halves of a text as one integer of 53 bits, for use as a Map key. */
  number(space: number, value: string): number {
    this.#run(space, value, 0, 0, 0, false);
    return (this.hi >>> 11) * 4294967296 + (this.lo >>> 0);
  }

  /** 32 bits of a text, never 0 (0 means "none" in the tables). */
  short(space: number, value: string): number {
    this.#run(space, value, 0, 0, 0, false);
    return (this.hi ^ this.lo) >>> 0 || 1;
  }

  #run(space: number, value: string, a: number, b: number, c: number, words: boolean): void {
    let v0 = this.#k0;
    let v1 = this.#k1 ^ 0xee;
    let v2 = this.#k0 ^ 0x6c796765;
    let v3 = this.#k1 ^ 0x74656462;
    const length = value.length;
    const blocks = words ? 4 : 1 + (length >> 1);
    for (let i = 0; i <= blocks; i++) {
      let m: number;
      if (i === 0) m = space;
      else if (i === blocks) m = words ? (16 << 24) | 1 : ((length & 0xff) << 24) | (length & 1 ? value.charCodeAt(length - 1) : 0);
      else if (words) m = i === 1 ? a : i === 2 ? b : c;
      else m = value.charCodeAt(2 * i - 2) | (value.charCodeAt(2 * i - 1) << 16);
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
    v2 ^= 0xee;
    for (let tag = 0; tag < 2; tag++) {
      for (let r = 0; r < 3; r++) {
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
      }
      if (tag === 0) {
        this.hi = v1 ^ v3;
        v1 ^= 0xdd;
      } else this.lo = v1 ^ v3;
    }
  }
}
