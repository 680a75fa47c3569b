import { createHash, randomBytes } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const POOL_LETTERS = 4_096;
let pool = '';
let poolAt = 0;
let prefixMs = -1;
let prefix = '';

/** Random letters of the alphabet, 5 bits each. They are made many at a time: one by one they would cost more than all else of an id. */
function randomLetters(count: number): string {
  if (poolAt + count > pool.length) {
    const bytes = randomBytes(POOL_LETTERS);
    for (let index = 0; index < bytes.length; index++) bytes[index] = CROCKFORD.charCodeAt(bytes[index] & 31);
    pool = bytes.toString('latin1');
    poolAt = 0;
  }
  poolAt += count;
  return pool.slice(poolAt - count, poolAt);
}

/** A ULID (26 characters, Crockford base 32): 48 bits of milliseconds, 80 random bits. Sorts by time. */
export function newId(nowMs: number = Date.now()): string {
  const ms = Math.floor(nowMs);
  if (ms !== prefixMs) {
    let rest = ms;
    let text = '';
    for (let index = 0; index < 10; index++) {
      text = CROCKFORD[rest % 32] + text;
      rest = Math.floor(rest / 32);
    }
    prefix = text;
    prefixMs = ms;
  }
  return prefix + randomLetters(16);
}

/** A short id for block pages, easy to read aloud: `W-7K3M-9QXD-2F`. 50 random bits. */
export function incidentId(): string {
  return `W-${randomLetters(4)}-${randomLetters(4)}-${randomLetters(2)}`;
}

/** First 16 hex digits of SHA-256 over the parts, NUL-separated: a stable name for things that are made of parts. Not a secret. */
export function shortHash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
}
