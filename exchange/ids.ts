import { createHash, randomBytes } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
let pool = Buffer.alloc(0);
let poolAt = 0;
let prefixMs = -1;
let prefix = '';

function randomByte(): number {
  if (poolAt >= pool.length) {
    pool = randomBytes(4096);
    poolAt = 0;
  }
  return pool[poolAt++];
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
  let text = prefix;
  for (let index = 0; index < 16; index++) text += CROCKFORD[randomByte() & 31];
  return text;
}

/** A short id for block pages, easy to read aloud: `W-7K3M-9QXD-2F`. 50 random bits. */
export function incidentId(): string {
  let text = 'W-';
  for (let index = 0; index < 10; index++) {
    if (index === 4 || index === 8) text += '-';
    text += CROCKFORD[randomByte() & 31];
  }
  return text;
}

/** First 16 hex digits of SHA-256 over the parts, NUL-separated: a stable name for things that are made of parts. Not a secret. */
export function shortHash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
}
