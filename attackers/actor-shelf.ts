import type { ActorRecord } from './actor.js';

/**
 * Records by value, bounded. Who has done something stays; of them the longest unseen tenth goes when they fill half of the shelf.
 * The others are in two generations: who comes again becomes young again, and when the young ones fill their half, the old ones are forgotten.
 */
export class ActorShelf {
  private readonly grave = new Map<string, ActorRecord>();
  private young = new Map<string, ActorRecord>();
  private old = new Map<string, ActorRecord>();

  /** `forget` hears of each that goes. */
  constructor(
    private readonly most: number,
    private readonly forget: (record: ActorRecord) => void,
  ) {}

  get size(): number {
    return this.grave.size + this.young.size + this.old.size;
  }

  get(value: string): ActorRecord | undefined {
    return this.young.get(value) ?? this.grave.get(value) ?? this.old.get(value);
  }

  /** As `get`, for somebody who is here now. */
  find(value: string): ActorRecord | undefined {
    const known = this.young.get(value) ?? this.grave.get(value);
    if (known !== undefined) return known;
    const old = this.old.get(value);
    if (old !== undefined) {
      this.old.delete(value);
      this.put(old);
    }
    return old;
  }

  /** Adds a record, or notices that it became grave or ceased to be. */
  put(record: ActorRecord): void {
    const { value } = record;
    if (isGrave(record)) {
      this.young.delete(value);
      this.old.delete(value);
      this.grave.set(value, record);
      if (this.grave.size > this.most / 2) this.dropLongestUnseen();
      return;
    }
    this.grave.delete(value);
    this.young.set(value, record);
    if (this.young.size <= this.most / 4) return;
    for (const gone of this.old.values()) this.forget(gone);
    this.old = this.young;
    this.young = new Map();
  }

  graveOnes(): Iterable<ActorRecord> {
    return this.grave.values();
  }

  *all(): Generator<ActorRecord> {
    yield* this.grave.values();
    yield* this.young.values();
    yield* this.old.values();
  }

  private dropLongestUnseen(): void {
    const oldest = [...this.grave.values()].sort((a, b) => a.lastMs - b.lastMs).slice(0, Math.ceil(this.grave.size / 10));
    for (const record of oldest) {
      this.grave.delete(record.value);
      this.forget(record);
    }
  }
}

const isGrave = ({ findings }: ActorRecord): boolean => findings.length > 0;
