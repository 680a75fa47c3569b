/**
 * The latest entries by key, at least half of `most` and never more, in two generations: when the young ones are as many as half of `most`, the old ones are forgotten.
 *
 * For what changes with every request. A `Map` that drops one entry for each that it takes makes itself anew every few requests, and V8 keeps each of its
 * former tables, with all that was in it, until the next collection of everything (the old table points to the new one): measured, a gateway spent a quarter of its time
 * on collecting that.
 */
export class LatestMap<Value, Key = string> {
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  readonly #half: number;

  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  get(key: Key): Value | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: Key, value: Value): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
