import type { AnswerObject } from './answer.js';
import { Details } from './details.js';
import { ANYBODY, GRANT, type Knowledge, type Resource, SPACE } from './knowledge.js';
import { canonicalId } from './shape.js';
import type { KnownParent, KnownRule } from './sheet.js';
import { WORTH } from './table.js';

/** Writes an entry of the table. `worth`: one of {@link WORTH}. */
export type Write = (hi: number, lo: number, a: number, b: number, worth: number) => void;

/** Objects as answers showed them: writes owner and group of each into the table by the resource's rule, and remembers the raw fields of recent ones. */
export class Objects {
  readonly details = new Details();

  constructor(
    private readonly known: Knowledge,
    private readonly write: Write,
    /** Called for every further party that an object names besides the owner in its table entry. `grant`: what that gives it. */
    private readonly party: (hi: number, lo: number, value: number, kind: number, grant: number) => void,
  ) {}

  /** Notes what an answer said about the object with this key; its fields must be hashed. False when the same answer said the same before. */
  learn(hi: number, lo: number, resource: Resource, object: AnswerObject): boolean {
    const fields = object.all.hashed;
    if (fields === null) return false;
    const from = 2 * object.from;
    const length = 2 * (object.to - object.from);
    if (this.details.note(hi, lo, resource.number, fields, from, length)) return false;
    const { rule } = resource;
    if (rule === undefined) return true;
    this.#writeOwner(hi, lo, fields, from, length, rule);
    if (rule.hangsOn !== null) this.#writeParent(hi, lo, object, rule.hangsOn);
    return true;
  }

  #writeParent(hi: number, lo: number, { all, from, to }: AnswerObject, { number, service, resource }: KnownParent): void {
    for (let i = from; i < to; i++) {
      if (all.paths[i] !== number) continue;
      this.known.objectKey(this.known.resource(service, resource), canonicalId(all.values[i]));
      this.hang(hi, lo, this.known.hash.hi, this.known.hash.lo);
      return;
    }
  }

  /** An object hangs on another one. */
  hang(hi: number, lo: number, aboveHi: number, aboveLo: number): void {
    const { table, hash } = this.known;
    if (this.known.findParent(hi, lo) && table.a === aboveHi >>> 0 && table.b === aboveLo >>> 0) return;
    this.write(hash.hi, hash.lo, aboveHi, aboveLo, WORTH.object);
  }

  /** Applies a new rule to the recent objects of a resource. */
  reread(resource: Resource): void {
    const { rule } = resource;
    if (rule !== undefined)
      this.details.forEach(resource.number, (hi, lo, words, from, length) => this.#writeOwner(hi, lo, words, from, length, rule));
  }

  /** No field says whose the object is, but it was listed as the caller's own: the latest such list says whose it is. */
  setListedOwner(hi: number, lo: number, owner: number, kind: number): void {
    const known = this.known.table.get(hi, lo);
    this.write(hi, lo, owner, (((known ? this.known.table.b : 0) & 0xffffff00) | kind) >>> 0, WORTH.object);
  }

  #writeOwner(hi: number, lo: number, fields: Uint32Array, from: number, length: number, rule: KnownRule): void {
    let owner = 0;
    let kind = 0;
    let group = 0;
    const end = from + length;
    if (rule.opens.length > 0) this.#writeOpening(hi, lo, fields, from, end, rule);
    for (const field of rule.owners) {
      for (let i = from; i < end; i += 2) {
        if (fields[i] !== field.number) continue;
        if (owner === 0) {
          owner = fields[i + 1];
          kind = field.kind;
        } else if (fields[i + 1] !== owner) this.party(hi, lo, fields[i + 1], field.kind, GRANT.party);
      }
    }
    for (const field of rule.groups)
      for (let i = from; i < end; i += 2) if (group === 0 && fields[i] === field.number) group = fields[i + 1] & 0xffffff;
    for (const field of rule.parties)
      for (let i = from; i < end; i += 2)
        if (fields[i] === field.number && fields[i + 1] !== owner) this.party(hi, lo, fields[i + 1], field.kind, GRANT.weak);
    if (owner === 0 && group === 0) return;
    if ((owner === 0 || group === 0) && this.known.table.get(hi, lo)) {
      if (owner === 0) {
        owner = this.known.table.a;
        kind = this.known.table.b & 0xff;
      }
      if (group === 0) group = this.known.table.b >>> 8;
    }
    this.write(hi, lo, owner, ((group << 8) | kind) >>> 0, WORTH.object);
  }

  #writeOpening(hi: number, lo: number, fields: Uint32Array, from: number, end: number, rule: KnownRule): void {
    let grant = 0;
    let isTold = false;
    for (const { number, value, to } of rule.opens)
      for (let i = from; i < end; i += 2) {
        if (fields[i] !== number) continue;
        isTold = true;
        if (fields[i + 1] === value && grant !== GRANT.everybody) grant = GRANT[to];
      }
    if (!isTold || this.known.grant(hi, lo, ANYBODY) === grant) return;
    const { hash } = this.known;
    hash.words(SPACE.grant, hi, lo, ANYBODY);
    this.write(hash.hi, hash.lo, grant, 0, WORTH.object);
  }
}
