/** Resources that one id was shown as, at most. */
const MOST = 4;
/** Ids in one half. */
const MAX_IDS = 100_000;

class Half {
  count = 0;
  #keys = new Uint32Array(512);
  #resources = new Uint16Array(512 * MOST);

  /** Where the resources of a value stand; -1 when it is not here. */
  find(value: number): number {
    const place = this.#placeOf(value);
    return this.#keys[place] === 0 ? -1 : place * MOST;
  }

  at(index: number): number {
    return this.#resources[index];
  }

  add(value: number, resource: number): void {
    let place = this.#placeOf(value);
    if (this.#keys[place] === 0) {
      if (++this.count * 2 > this.#keys.length) {
        this.#grow();
        place = this.#placeOf(value);
      }
      this.#keys[place] = value;
    }
    for (let i = place * MOST; i < (place + 1) * MOST; i++) {
      if (this.#resources[i] === resource) return;
      if (this.#resources[i] !== 0) continue;
      this.#resources[i] = resource;
      return;
    }
  }

  /** Takes these resources from every id. */
  forget(resources: ReadonlySet<number>): void {
    const held = this.#resources;
    for (let from = 0; from < held.length; from += MOST) {
      let to = from;
      for (let i = from; i < from + MOST; i++) if (held[i] !== 0 && !resources.has(held[i])) held[to++] = held[i];
      held.fill(0, to, from + MOST);
    }
  }

  clear(): void {
    this.count = 0;
    this.#keys.fill(0);
    this.#resources.fill(0);
  }

  #placeOf(value: number): number {
    const mask = this.#keys.length - 1;
    let place = value & mask;
    while (this.#keys[place] !== 0 && this.#keys[place] !== value) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const keys = this.#keys;
    const resources = this.#resources;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#resources = new Uint16Array(resources.length * 2);
    keys.forEach((value, place) => {
      if (value === 0) return;
      const to = this.#placeOf(value);
      this.#keys[to] = value;
      for (let i = 0; i < MOST; i++) this.#resources[to * MOST + i] = resources[place * MOST + i];
    });
  }
}

/** Which resources answers have shown an id as: value hash → up to four resource numbers. Whole halves are forgotten. */
export class Shown {
  #young = new Half();
  #old = new Half();

  note(value: number, resource: number): void {
    if (resource === 0) return;
    if (this.#young.count >= MAX_IDS) this.#turn();
    this.#young.add(value, resource);
  }

  /** Numbers of the resources; empty for a value that no answer showed as an id. */
  of(value: number): number[] {
    const out: number[] = [];
    for (const half of [this.#young, this.#old]) {
      const at = half.find(value);
      if (at < 0) continue;
      for (let i = at; i < at + MOST && half.at(i) !== 0; i++) if (!out.includes(half.at(i))) out.push(half.at(i));
    }
    return out;
  }

  /** These numbers are no longer those of the resources that they were. */
  forget(resources: ReadonlySet<number>): void {
    this.#young.forget(resources);
    this.#old.forget(resources);
  }

  #turn(): void {
    const emptied = this.#old;
    this.#old = this.#young;
    this.#young = emptied;
    emptied.clear();
  }
}
