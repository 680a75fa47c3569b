/** What is remembered of one subject: a state for each detector that asked for one, by the detector's number. */
export interface Remembered {
  readonly key: string;
  readonly states: unknown[];
  /** What `keepAt` said of each state when it was last kept; null, undefined: never kept. */
  kept: (number | undefined)[] | null;
  /** Of actors: endpoints used with success lately, oldest first. */
  trail: string[] | null;
}

/**
 * Subjects by key, bounded, without moving anything at each look: there is a young and an old generation, and what is asked for in the old one becomes
 * young again. When the young one is full it becomes the old one, and what was in the old one is forgotten.
 */
export class Subjects {
  private young = new Map<string, Remembered>();
  private old = new Map<string, Remembered>();

  /** `forget` hears of each that goes. */
  constructor(
    private readonly most: number,
    private readonly forget: (one: Remembered) => void,
  ) {}

  get size(): number {
    return this.young.size + this.old.size;
  }

  find(key: string): Remembered | null {
    const young = this.young.get(key);
    if (young !== undefined) return young;
    const old = this.old.get(key);
    if (old === undefined) return null;
    this.old.delete(key);
    this.insert(old);
    return old;
  }

  /** The one of this key, made when there is none. */
  of(key: string): Remembered {
    return this.find(key) ?? this.make(key);
  }

  /** Gives it another key, unless that is taken: then it is gone. */
  rename(from: string, to: string): Remembered | null {
    const one = this.find(from);
    if (one === null) return null;
    this.young.delete(from);
    if (this.find(to) !== null) return null;
    const renamed = { ...one, key: to, kept: null };
    this.insert(renamed);
    return renamed;
  }

  *all(): Generator<Remembered> {
    yield* this.young.values();
    yield* this.old.values();
  }

  private make(key: string): Remembered {
    const one: Remembered = { key, states: [], kept: null, trail: null };
    this.insert(one);
    return one;
  }

  private insert(one: Remembered): void {
    this.young.set(one.key, one);
    if (this.young.size < this.most / 2) return;
    for (const gone of this.old.values()) this.forget(gone);
    this.old = this.young;
    this.young = new Map();
  }
}
