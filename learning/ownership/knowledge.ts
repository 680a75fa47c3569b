import type { AnswerObject } from './answer.js';
import type { KeyedHash } from './hash.js';
import { isGloballyUnique } from './shape.js';
import { type ResourceRule, Sheet } from './sheet.js';
import { Table } from './table.js';

/** Name spaces of the table's keys. */
export const SPACE = { value: 1, object: 2, principal: 3, identity: 4, grant: 5, holder: 6 } as const;

/** Flags of a principal's entry. */
export const PERSON = {
  /** Owns something, or its registration was seen: may be blocked. */
  established: 1,
  /** Sees other people's objects as its job. */
  privileged: 2,
  /** Has identity values of some kind. */
  identified: 4,
  /** Is guessing ids right now: unknown objects are refused. */
  guessing: 8,
} as const;

/** Why a principal may act on an object that is not its own. */
export const GRANT = { party: 1, granted: 2, listed: 3, weak: 4, creator: 5 } as const;

export type Relation =
  | 'own'
  | 'granted'
  | 'listed'
  | 'group'
  | 'unlisted'
  | 'foreign'
  | 'ungrouped'
  | 'unidentified'
  | 'unknown'
  | 'privileged';

/** Kind 0: the owner is a principal itself (learned from lists and creations), not a value of a field. */
export const PERSON_KIND = 0;
const GROUP_BITS = 0xffffff;

/**
 * Table and sheet together, and the questions that are asked of them. The model writes one; each gateway's view holds a replica.
 *
 * Table entries: object → owner value (32 bits), group value (24) and kind (8); principal key → person number, flags; (identity value, kind, person)
 * → 1; (object, person) → grant; (identity value, kind) → person.
 */
export class Knowledge {
  readonly table = new Table();
  readonly sheet = new Sheet();
  /** Set by {@link findPerson}. */
  person = 0;
  flags = 0;

  constructor(readonly hash: KeyedHash) {}

  findPerson(principalKey: string): boolean {
    this.hash.text(SPACE.principal, principalKey);
    const found = this.table.get(this.hash.hi, this.hash.lo);
    this.person = found ? this.table.a : 0;
    this.flags = found ? this.table.b : 0;
    return found;
  }

  /** Leaves the key of an object in `hash.hi` and `hash.lo`. Values that are unique by shape need no resource. */
  objectKey(service: string, resource: string, value: string): void {
    this.hash.text(SPACE.object, isGloballyUnique(value) ? `${service}\u001f${value}` : `${service}\u001f${resource}\u001f${value}`);
  }

  valueHash(value: string): number {
    return this.hash.short(SPACE.value, value);
  }

  /** Is the value one of the person's own (identity or group) of this kind? */
  holds(person: number, value: number, kind: number): boolean {
    if (kind === PERSON_KIND && value === person) return true;
    this.hash.words(SPACE.identity, value, kind, person);
    return this.table.get(this.hash.hi, this.hash.lo);
  }

  /** Group values are kept with 24 bits in object entries, so they are compared with 24. */
  holdsGroup(person: number, value: number, kind: number): boolean {
    return this.holds(person, value & GROUP_BITS, kind);
  }

  hasKind(person: number, kind: number): boolean {
    this.hash.words(SPACE.identity, 0, kind, person);
    return this.table.get(this.hash.hi, this.hash.lo);
  }

  grant(hi: number, lo: number, person: number): number {
    this.hash.words(SPACE.grant, hi, lo, person);
    return this.table.get(this.hash.hi, this.hash.lo) ? this.table.a : 0;
  }

  resource(service: string, resource: string): ResourceRule | undefined {
    return this.sheet.resource(service, resource);
  }

  /** How a person stands to an object of the table, named by its key, its value, and the resource whose rule says what its group is. `withoutGrants`: had nobody shared or listed it. */
  relation(person: number, hi: number, lo: number, value: number, rule: ResourceRule | undefined, withoutGrants = false): Relation {
    if (this.ownsByName(person, value, rule)) return 'own';
    const known = this.table.get(hi, lo);
    const owner = known ? this.table.a : 0;
    const packed = known ? this.table.b : 0;
    const kind = packed & 0xff;
    const group = packed >>> 8;
    if (owner !== 0 && this.holds(person, owner, kind)) return 'own';
    const grant = withoutGrants ? 0 : this.grant(hi, lo, person);
    if (grant === GRANT.party || (grant === GRANT.creator && owner === 0)) return 'own';
    if (grant === GRANT.granted || grant === GRANT.weak) return 'granted';
    // Where no field names an owner, being listed is what makes an object one's own.
    if (grant === GRANT.listed)
      return owner === 0 || rule === undefined || !rule.fields.some((field) => field.role === 'owner') ? 'own' : 'listed';
    return this.stranger(person, owner, kind, group, rule);
  }

  /** The same, from what an answer itself says. `null` when it names nobody. */
  relationOfAnswer(person: number, object: AnswerObject, rule: ResourceRule): Relation | null {
    let owner = 0;
    let kind = 0;
    let group = 0;
    for (const field of rule.fields) {
      for (const seen of object.fields) {
        if (seen.path !== field.path) continue;
        const value = this.valueHash(seen.value);
        if (field.role === 'group') group = value & GROUP_BITS;
        else if (this.holds(person, value, field.kind)) return 'own';
        else if (owner === 0) {
          owner = value;
          kind = field.kind;
        }
      }
    }
    if (owner === 0 && group === 0) return null;
    return this.stranger(person, owner, kind, group, rule);
  }

  /** The id is itself an identity value: `/users/{me}`. */
  private ownsByName(person: number, value: number, rule: ResourceRule | undefined): boolean {
    if (rule === undefined) return false;
    for (const field of rule.fields) if (field.path === '@' && this.holds(person, value, field.kind)) return true;
    return false;
  }

  private stranger(person: number, owner: number, kind: number, group: number, rule: ResourceRule | undefined): Relation {
    let ungrouped = false;
    if (group !== 0) {
      const groupKind = rule?.fields.find((field) => field.role === 'group')?.kind ?? -1;
      ungrouped = groupKind >= 0 && !this.hasKind(person, groupKind);
      if (groupKind >= 0 && !ungrouped) {
        if (!this.holdsGroup(person, group, groupKind)) return 'foreign';
        // Its own member, but which one is not known: it may well be the caller.
        if (owner !== 0 && !this.hasKind(person, kind)) return 'unidentified';
        // Where objects name no person at all, the group is the owner.
        return owner === 0 && rule?.fields.some((field) => field.role === 'owner') !== true ? 'own' : 'group';
      }
    }
    if (owner === 0) return 'unknown';
    if (!this.hasKind(person, kind)) return 'unidentified';
    // Somebody else's, but perhaps of the caller's group, which is not known.
    return ungrouped ? 'ungrouped' : 'foreign';
  }
}
