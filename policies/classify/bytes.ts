/** Byte classes and rolling hashes on which the scan is built. */

export const UPPER = 1;
export const LOWER = 2;
export const LETTER = 3;
export const DIGIT = 4;
export const ALNUM = 7;
export const DOT = 8;
export const DASH = 16;
export const AT = 32;
/** `_ + ~`: inside tokens, never at their start. */
export const GLUE = 64;
/** Bytes that set off a scanner of their own. */
export const TRIGGER = 128;
/** What a chain is made of: letters and digits with joiners between them. */
export const CHAIN = ALNUM | DOT | DASH | AT | GLUE;

/** Class of each byte. A four-byte UTF-8 sequence (an emoji) sticks to what it touches; other non-ASCII text parts tokens. */
export const CLASS = new Uint8Array(256);
/** Outline of each byte: `A` for letters, `9` for digits, else the byte. */
export const OUTLINE = new Uint8Array(256);
/** Outline that does not tell letters from digits. */
export const COARSE = new Uint8Array(256);
/** Lower-cased ASCII letters and all bytes from 0x80; 0 for anything else. */
export const WORD = new Uint8Array(256);

for (let b = 0; b < 256; b++) {
  OUTLINE[b] = b;
  if (b >= 48 && b <= 57) {
    CLASS[b] = DIGIT;
    OUTLINE[b] = 57;
  } else if (b >= 65 && b <= 90) {
    CLASS[b] = UPPER;
    OUTLINE[b] = 65;
    WORD[b] = b + 32;
  } else if (b >= 97 && b <= 122) {
    CLASS[b] = LOWER;
    OUTLINE[b] = 65;
    WORD[b] = b;
  } else if (b >= 0xf0) {
    CLASS[b] = GLUE;
    WORD[b] = b;
  } else if (b >= 0x80) {
    WORD[b] = b;
  }
}
for (let b = 0; b < 256; b++) COARSE[b] = (CLASS[b] & ALNUM) !== 0 ? 35 : b;
CLASS[0x2e] = DOT;
CLASS[0x2d] = DASH | TRIGGER;
CLASS[0x40] = AT;
CLASS[0x5f] = CLASS[0x7e] = GLUE;
CLASS[0x2b] = GLUE | TRIGGER;
for (const b of '$(:=') CLASS[b.charCodeAt(0)] = TRIGGER;

/** Rolling hash of outlines: `h' = step(h, outline)`. */
export const step = (hash: number, byte: number): number => (Math.imul(hash, 0x01000193) ^ byte) | 0;
export const START = 0x5bd1e995;

const encoder = new TextEncoder();
/** Hash of an outline as {@link step} builds it from bytes. */
export function outlineHash(outline: string): number {
  let hash = START;
  for (const byte of encoder.encode(outline)) hash = step(hash, byte);
  return hash;
}

/** Letters-only word hash; concatenations can be hashed from their parts with {@link joinWords}. */
export const wordStep = (hash: number, letter: number): number => (Math.imul(hash, 31) + letter) | 0;

const POWERS = new Int32Array(256);
POWERS[0] = 1;
for (let i = 1; i < 256; i++) POWERS[i] = Math.imul(POWERS[i - 1], 31);
/** Hash of the word `left + right`. */
export const joinWords = (left: number, right: number, rightLength: number): number =>
  (Math.imul(left, POWERS[rightLength & 255]) + right) | 0;

export function wordHash(word: string): number {
  let hash = 0;
  for (const byte of encoder.encode(word)) if (WORD[byte] !== 0) hash = wordStep(hash, WORD[byte]);
  return hash;
}

/** Alphabets of vendor tokens, see `Find`. */
export const ALPHABETS: Readonly<Record<'base62' | 'token' | 'dotted' | 'base64' | 'hex', Uint8Array>> = {
  base62: alphabet(''),
  token: alphabet('_-'),
  dotted: alphabet('_-.'),
  base64: alphabet('_-+/='),
  hex: new Uint8Array(256),
};
for (const b of '0123456789abcdefABCDEF') ALPHABETS.hex[b.charCodeAt(0)] = 1;

function alphabet(extra: string): Uint8Array {
  const set = new Uint8Array(256);
  for (let b = 0; b < 256; b++) if ((CLASS[b] & ALNUM) !== 0) set[b] = 1;
  for (const b of extra) set[b.charCodeAt(0)] = 1;
  return set;
}
