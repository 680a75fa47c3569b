import type { Write } from './objects.js';
import { AGES_PER_TABLE, type Table } from './table.js';

/**
 * The one way in which the model writes its table: keeps it within its size by forgetting the longest unused and least useful entries, and notes which
 * entries changed, so that gateways and checkpoints follow.
 */
export class EntryLog {
  /** Entries given up because the table was full. */
  forgotten = 0;
  /** Keys that changed since the last {@link take}, as pairs; a key may stand here more than once. */
  #keys = new Uint32Array(2048);
  #length = 0;
  #added = 0;
  #age = 0;
  readonly #perAge: number;

  constructor(
    private readonly table: Table,
    private readonly maxEntries: number,
    /** Takes the numbers of segments that changed. */
    private readonly dirty: Set<number>,
  ) {
    this.#perAge = Math.max(1, Math.floor(maxEntries / AGES_PER_TABLE));
    table.age = 0;
  }

  readonly write: Write = (hi, lo, a, b, worth) => {
    const before = this.table.size;
    if (!this.table.set(hi, lo, a, b, worth)) return;
    this.#note(hi, lo);
    if (this.table.size === before) return;
    if (++this.#added >= this.#perAge) {
      this.#added = 0;
      this.table.age = ++this.#age;
    }
    if (this.table.size > this.maxEntries) this.#giveUp(hi, lo);
  };

  readonly forget = (hi: number, lo: number): void => {
    if (this.table.delete(hi, lo)) this.#note(hi, lo);
  };

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** What changed, as chunks for views hold it: key, key, payload, payload, 1 set or 0 gone. */
  take(): Uint32Array {
    const entries = new Uint32Array((this.#length / 2) * 5);
    for (let from = 0, to = 0; from < this.#length; from += 2, to += 5) {
      const hi = this.#keys[from];
      const lo = this.#keys[from + 1];
      entries[to] = hi;
      entries[to + 1] = lo;
      if (!this.table.peek(hi, lo)) continue;
      entries[to + 2] = this.table.a;
      entries[to + 3] = this.table.b;
      entries[to + 4] = 1;
    }
    this.#length = 0;
    return entries;
  }

  #giveUp(hi: number, lo: number): void {
    if (!this.table.evict(hi, lo)) return;
    this.forgotten++;
    this.#note(this.table.goneHi, this.table.goneLo);
  }

  #note(hi: number, lo: number): void {
    this.dirty.add(hi >>> 22);
    if (this.#length === this.#keys.length) this.#makeRoom();
    this.#keys[this.#length++] = hi;
    this.#keys[this.#length++] = lo;
  }

  /** Nobody takes what changes (an import, a test): each key needs to stand here only once. */
  #makeRoom(): void {
    const seen = new Set<bigint>();
    const keys = this.#keys;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#length = 0;
    for (let i = 0; i < keys.length; i += 2) {
      const key = (BigInt(keys[i]) << 32n) | BigInt(keys[i + 1]);
      if (seen.has(key)) continue;
      seen.add(key);
      this.#keys[this.#length++] = keys[i];
      this.#keys[this.#length++] = keys[i + 1];
    }
  }
}
