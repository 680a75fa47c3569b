import type { AnswerObject } from './answer.js';
import type { Knowledge } from './knowledge.js';
import type { ResourceRule } from './sheet.js';

interface Detail {
  readonly hi: number;
  readonly lo: number;
  readonly resource: string;
  fields: Uint32Array;
}

/** Details kept; of those beyond, the ones that were not seen for longest go. */
const MAX_DETAILS = 60_000;
const MAX_PATHS = 20_000;

/** Half of what is kept. Whole halves are forgotten: a Map that loses its oldest key at every insertion walks over the graves of all before it. */
interface Generation {
  readonly byKey: Map<number, Detail>;
  readonly byResource: Map<string, Detail[]>;
}

const newGeneration = (): Generation => ({ byKey: new Map(), byResource: new Map() });

/**
 * Objects as answers showed them: writes owner and group of each into the table by the resource's rule, and keeps the raw fields of recent ones,
 * so that a rule that is found later also covers objects seen before it.
 */
export class Objects {
  #young = newGeneration();
  #old = newGeneration();
  readonly #paths: string[] = ['@'];
  readonly #pathIds = new Map<string, number>([['@', 0]]);

  constructor(
    private readonly known: Knowledge,
    private readonly write: (hi: number, lo: number, a: number, b: number) => void,
    /** Called for every further party that an object names besides the owner in its table entry. */
    private readonly party: (hi: number, lo: number, value: number, kind: number) => void,
  ) {}

  get size(): number {
    return this.#young.byKey.size + this.#old.byKey.size;
  }

  readonly pathOf = (id: number): string => this.#paths[id];

  #pathId(path: string): number {
    const known = this.#pathIds.get(path);
    if (known !== undefined) return known;
    if (this.#paths.length >= MAX_PATHS) return -1;
    this.#pathIds.set(path, this.#paths.length);
    return this.#paths.push(path) - 1;
  }

  /** Names behind path numbers, from the number `from` on. */
  paths(from = 0): readonly string[] {
    return this.#paths.slice(from);
  }

  /** The number of a path, made when new; -1 when there are too many. */
  pathId(path: string): number {
    return this.#pathId(path);
  }

  /** The fields of an object as pairs of path number and value hash. */
  snapshot(object: AnswerObject): Uint32Array {
    const out: number[] = [];
    for (const field of object.fields) {
      const id = this.#pathId(field.path);
      if (id >= 0) out.push(id, this.known.valueHash(field.value));
    }
    return Uint32Array.from(out);
  }

  /** Notes what an answer said about the object with this key. */
  learn(hi: number, lo: number, resource: string, fields: Uint32Array, rule: ResourceRule | undefined): void {
    const held = this.#find(hi, lo);
    if (held !== null) held.fields = fields.length >= held.fields.length ? fields : merged(held.fields, fields);
    else this.#keep({ hi, lo, resource, fields });
    if (rule !== undefined) this.#writeOwner(hi, lo, fields, rule);
  }

  fieldsOf(hi: number, lo: number): Uint32Array | null {
    return this.#find(hi, lo)?.fields ?? null;
  }

  /** Applies a new rule to the recent objects of a resource. */
  reread(resource: string, rule: ResourceRule): void {
    for (const generation of [this.#old, this.#young])
      for (const { hi, lo, fields } of generation.byResource.get(resource) ?? []) this.#writeOwner(hi, lo, fields, rule);
  }

  /** No field says whose the object is, but it was listed as the caller's own: the latest such list says whose it is. */
  setListedOwner(hi: number, lo: number, owner: number, kind: number): void {
    const known = this.known.table.get(hi, lo);
    this.write(hi, lo, owner, (((known ? this.known.table.b : 0) & 0xffffff00) | kind) >>> 0);
  }

  #writeOwner(hi: number, lo: number, fields: Uint32Array, rule: ResourceRule): void {
    let owner = 0;
    let kind = 0;
    let group = 0;
    for (const field of rule.fields) {
      const id = this.#pathIds.get(field.path);
      for (let i = 0; i < fields.length; i += 2) {
        if (fields[i] !== id) continue;
        if (field.role === 'group') {
          if (group === 0) group = fields[i + 1] & 0xffffff;
        } else if (owner === 0) {
          owner = fields[i + 1];
          kind = field.kind;
        } else if (fields[i + 1] !== owner) this.party(hi, lo, fields[i + 1], field.kind);
      }
    }
    if (owner === 0 && group === 0) return;
    if (this.known.table.get(hi, lo)) {
      if (owner === 0) [owner, kind] = [this.known.table.a, this.known.table.b & 0xff];
      if (group === 0) group = this.known.table.b >>> 8;
    }
    this.write(hi, lo, owner, ((group << 8) | kind) >>> 0);
  }

  #find(hi: number, lo: number): Detail | null {
    const key = keyOf(hi, lo);
    const young = this.#young.byKey.get(key);
    if (young !== undefined) return young;
    const old = this.#old.byKey.get(key);
    if (old === undefined) return null;
    this.#old.byKey.delete(key);
    this.#keep(old);
    return old;
  }

  #keep(detail: Detail): void {
    if (this.#young.byKey.size >= MAX_DETAILS / 2) {
      this.#old = this.#young;
      this.#young = newGeneration();
    }
    this.#young.byKey.set(keyOf(detail.hi, detail.lo), detail);
    const members = this.#young.byResource.get(detail.resource);
    if (members === undefined) this.#young.byResource.set(detail.resource, [detail]);
    else members.push(detail);
  }
}

const keyOf = (hi: number, lo: number): number => (hi >>> 11) * 4294967296 + (lo >>> 0);

/** New values replace old ones of the same path; paths that the new answer leaves out keep their value. */
function merged(before: Uint32Array, after: Uint32Array): Uint32Array {
  const fresh = new Set<number>();
  for (let i = 0; i < after.length; i += 2) fresh.add(after[i]);
  const out = [...after];
  for (let i = 0; i < before.length; i += 2) if (!fresh.has(before[i])) out.push(before[i], before[i + 1]);
  return Uint32Array.from(out);
}
