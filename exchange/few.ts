/** Maps and sets that are small in most of their thousands of places. */

const FEW = 8;
const NONE: readonly never[] = Object.freeze([]);

/**
 * A `Map` that is small most of the time: an empty one of V8 takes some 180 bytes, this one 32, and up to eight entries lie in an array as long as they need.
 * Insertion order, and `===` for keys. Who goes over it meanwhile sees it as it was when they began.
 */
export class FewMap<Key, Value> implements Map<Key, Value> {
  /** Keys and values in turn while they are few. */
  #held: readonly unknown[] | Map<Key, Value>;

  constructor(entries: Iterable<readonly [Key, Value]> = NONE) {
    const all = Array.isArray(entries) ? (entries as readonly (readonly [Key, Value])[]) : [...entries];
    if (all.length > FEW) this.#held = new Map(all);
    else {
      this.#held = NONE;
      for (const [key, value] of all) this.set(key, value);
    }
  }

  get size(): number {
    return this.#held instanceof Map ? this.#held.size : this.#held.length / 2;
  }

  get(key: Key): Value | undefined {
    const held = this.#held;
    if (held instanceof Map) return held.get(key);
    for (let at = 0; at < held.length; at += 2) if (held[at] === key) return held[at + 1] as Value;
    return undefined;
  }

  has(key: Key): boolean {
    const held = this.#held;
    if (held instanceof Map) return held.has(key);
    for (let at = 0; at < held.length; at += 2) if (held[at] === key) return true;
    return false;
  }

  set(key: Key, value: Value): this {
    const held = this.#held;
    if (held instanceof Map) {
      held.set(key, value);
      return this;
    }
    for (let at = 0; at < held.length; at += 2)
      if (held[at] === key) {
        (held as unknown[])[at + 1] = value;
        return this;
      }
    if (held.length < 2 * FEW) this.#held = held.concat([key, value]);
    else this.#held = new Map([...this]).set(key, value);
    return this;
  }

  delete(key: Key): boolean {
    const held = this.#held;
    if (held instanceof Map) return held.delete(key);
    for (let at = 0; at < held.length; at += 2)
      if (held[at] === key) {
        this.#held = held.length === 2 ? NONE : [...held.slice(0, at), ...held.slice(at + 2)];
        return true;
      }
    return false;
  }

  clear(): void {
    this.#held = NONE;
  }

  forEach(callback: (value: Value, key: Key, map: Map<Key, Value>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  entries(): MapIterator<[Key, Value]> {
    const held = this.#held;
    if (held instanceof Map) return held.entries();
    const all: [Key, Value][] = [];
    for (let at = 0; at < held.length; at += 2) all.push([held[at] as Key, held[at + 1] as Value]);
    return all.values();
  }

  keys(): MapIterator<Key> {
    const held = this.#held;
    return held instanceof Map ? held.keys() : (held.filter((_, at) => at % 2 === 0) as Key[]).values();
  }

  values(): MapIterator<Value> {
    const held = this.#held;
    return held instanceof Map ? held.values() : (held.filter((_, at) => at % 2 === 1) as Value[]).values();
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'FewMap';
  }
}

/** A `Set` of the same kind as {@link FewMap}. */
export class FewSet<Value> implements Set<Value> {
  #held: readonly Value[] | Set<Value>;

  constructor(values: Iterable<Value> = NONE) {
    this.#held = NONE;
    for (const value of values) this.add(value);
  }

  get size(): number {
    return this.#held instanceof Set ? this.#held.size : this.#held.length;
  }

  has(value: Value): boolean {
    return this.#held instanceof Set ? this.#held.has(value) : this.#held.includes(value);
  }

  add(value: Value): this {
    const held = this.#held;
    if (held instanceof Set) held.add(value);
    else if (!held.includes(value)) this.#held = held.length < FEW ? held.concat([value]) : new Set(held).add(value);
    return this;
  }

  delete(value: Value): boolean {
    const held = this.#held;
    if (held instanceof Set) return held.delete(value);
    const left = held.filter((one) => one !== value);
    if (left.length === held.length) return false;
    this.#held = left;
    return true;
  }

  clear(): void {
    this.#held = NONE;
  }

  forEach(callback: (value: Value, again: Value, set: Set<Value>) => void): void {
    for (const value of this) callback(value, value, this);
  }

  entries(): SetIterator<[Value, Value]> {
    const held = this.#held;
    return held instanceof Set ? held.entries() : held.map((value): [Value, Value] => [value, value]).values();
  }

  keys(): SetIterator<Value> {
    return this.values();
  }

  values(): SetIterator<Value> {
    return this.#held.values();
  }

  [Symbol.iterator](): SetIterator<Value> {
    return this.values();
  }

  get [Symbol.toStringTag](): string {
    return 'FewSet';
  }
}
