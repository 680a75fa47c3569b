/** Limits of {@link Waiting}; tests set their own. */
export interface WaitingLimits {
  /** From so many on it is full enough to choose. */
  readonly chooseFrom: number;
  /** Of one subject so many may wait while it chooses. */
  readonly ofOne: number;
}

/** A few hundred second looks take a few tenths of a second: a commit has to wait for them. */
const LIMITS: WaitingLimits = { chooseFrom: 200, ofOne: 10 };

/** Something that waits: what it is about (an endpoint, an actor), and whether it must not be left out. */
export interface Waits {
  readonly subjects: readonly string[];
  readonly mustRun: boolean;
}

/**
 * First in, first out. When more comes than is taken out, it chooses fairly: an entry is left out, and counted, only while many of each of its subjects
 * are waiting already. So every endpoint and every actor goes on being looked at, and what is rare is never left out.
 */
export class Waiting<T extends Waits> {
  private entries: T[] = [];
  private next = 0;
  /** Subject → how many of it wait. */
  private readonly waiting = new Map<string, number>();
  /** Entries that were left out. */
  leftOut = 0;

  constructor(private readonly limits: WaitingLimits = LIMITS) {}

  get size(): number {
    return this.entries.length - this.next;
  }

  /** False: left out. */
  add(entry: T): boolean {
    const { chooseFrom, ofOne } = this.limits;
    if (this.size >= chooseFrom && !entry.mustRun && entry.subjects.every((subject) => (this.waiting.get(subject) ?? 0) >= ofOne)) {
      this.leftOut++;
      return false;
    }
    this.entries.push(entry);
    for (const subject of entry.subjects) this.waiting.set(subject, (this.waiting.get(subject) ?? 0) + 1);
    return true;
  }

  take(): T | null {
    if (this.next >= this.entries.length) return null;
    const entry = this.entries[this.next++];
    for (const subject of entry.subjects) {
      const count = (this.waiting.get(subject) ?? 0) - 1;
      if (count > 0) this.waiting.set(subject, count);
      else this.waiting.delete(subject);
    }
    if (this.next === this.entries.length || this.next > 4_096) {
      this.entries = this.entries.slice(this.next);
      this.next = 0;
    }
    return entry;
  }
}
