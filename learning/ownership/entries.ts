import type { Write } from './objects.js';
import { AGES_PER_TABLE, type Table } from './table.js';

/** Words of one entry in a chunk for views, and room for so many entries at first. */
const ENTRY_WORDS = 5;
const LOG_WORDS = 1024 * ENTRY_WORDS;

/**
 * The one way in which the model writes its table: keeps it within its size by forgetting the longest unused and least useful entries, and notes which
 * entries changed, so that gateways and checkpoints follow.
 */
export class EntryLog {
  /** Entries given up because the table was full. */
  forgotten = 0;
  /** What changed since the last {@link take}, in the words of {@link take}; a key may stand here more than once, what holds for it last. */
  #log = new Uint32Array(LOG_WORDS);
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
    this.#note(hi, lo, a, b, 1);
    if (this.table.size === before) return;
    if (++this.#added >= this.#perAge) {
      this.#added = 0;
      this.table.age = ++this.#age;
    }
    if (this.table.size > this.maxEntries) this.#giveUp(hi, lo);
  };

  readonly forget = (hi: number, lo: number): void => {
    if (this.table.delete(hi, lo)) this.#note(hi, lo, 0, 0, 0);
  };

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** What changed, as chunks for views hold it: key, key, payload, payload, 1 set or 0 gone. */
  take(): Uint32Array {
    const entries = this.#log.slice(0, this.#length);
    this.#length = 0;
    return entries;
  }

  #giveUp(hi: number, lo: number): void {
    if (!this.table.evict(hi, lo)) return;
    this.forgotten++;
    this.#note(this.table.goneHi, this.table.goneLo, 0, 0, 0);
  }

  #note(hi: number, lo: number, a: number, b: number, isSet: number): void {
    this.dirty.add(hi >>> 22);
    if (this.#length === this.#log.length) this.#makeRoom();
    const log = this.#log;
    const at = this.#length;
    log[at] = hi;
    log[at + 1] = lo;
    log[at + 2] = a;
    log[at + 3] = b;
    log[at + 4] = isSet;
    this.#length = at + ENTRY_WORDS;
  }

  /** Nobody takes what changes (an import, a test): each key needs to stand here only once, with what it holds now. */
  #makeRoom(): void {
    const seen = new Set<bigint>();
    const log = this.#log;
    this.#log = new Uint32Array(log.length * 2);
    this.#length = 0;
    for (let i = 0; i < log.length; i += ENTRY_WORDS) {
      const key = (BigInt(log[i]) << 32n) | BigInt(log[i + 1]);
      if (seen.has(key)) continue;
      seen.add(key);
      const isSet = this.table.peek(log[i], log[i + 1]);
      this.#log.set([log[i], log[i + 1], isSet ? this.table.a : 0, isSet ? this.table.b : 0, Number(isSet)], this.#length);
      this.#length += ENTRY_WORDS;
    }
  }
}
