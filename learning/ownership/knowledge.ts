/**
 * One room: how somebody stands to an object rests on its entry, on grants, on what it hangs on and on what it says itself; each of these may overrule the others.
 */
import { LatestMap } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import type { Standing } from './credentials.js';
import type { HashPrefix, KeyedHash } from './hash.js';
import type { Reference } from './references.js';
import { canonicalId, isGloballyUnique } from './shape.js';
import { type KnownParent, type KnownRule, Sheet } from './sheet.js';
import { Table } from './table.js';

/** Name spaces of the table's keys. */
export const SPACE = { value: 1, object: 2, principal: 3, identity: 4, grant: 5, holder: 6, parent: 7 } as const;

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
  /** Was just alerted of with several objects: what would only alert is refused, too. */
  suspect: 16,
  /** Is shown what many others own, other objects than the next who is: may see those, and nobody knows what else. */
  manages: 32,
} as const;

/** The flags of a principal's entry hold from this bit on what role it has: 16 bits of a hash of its name, 0 without one. */
const ROLE_SHIFT = 8;
const ROLE_BITS = 0xffff;

/** People who say nothing of how private a place is. */
export const isSpecial = (flags: number): boolean => (flags & (PERSON.privileged | PERSON.manages)) !== 0;

/** The role that flags tell of. */
export const roleOf = (flags: number): number => (flags >>> ROLE_SHIFT) & ROLE_BITS;

/** Flags with that role instead of the one that they told of. */
export const withRole = (flags: number, role: number): number => (flags & ~(ROLE_BITS << ROLE_SHIFT)) | (role << ROLE_SHIFT);

/** Why a principal may act on an object that is not its own. */
export const GRANT = {
  party: 1,
  granted: 2,
  listed: 3,
  weak: 4,
  creator: 5,
  /** Shown by a list below an object, or by a list before anybody could tell whose it is: it may be read, whosever it is. */
  below: 6,
  everybody: 7,
  group: 8,
  entrusts: 9,
  cares: 10,
} as const;

/** In place of a person: what an object says of for whom it is. */
export const ANYBODY = 0;
/** In place of a person: somebody whose name nobody who came so far has. The entry's second word is of which kind that name is. */
export const NOBODY_YET = 0xffff_ffff;

export type Relation =
  | 'own'
  | 'granted'
  | 'listed'
  | 'group'
  | 'public'
  /** Somebody's whom a list showed to the caller and to few others. */
  | 'entrusted'
  | 'foreign'
  | 'ungrouped'
  | 'unidentified'
  | 'unknown'
  | 'privileged';

/** Kind 0: the owner is a principal itself (learned from lists and creations), not a value of a field. */
export const PERSON_KIND = 0;
/** The kind under which people hold the sorts of objects of which they have some. */
const HOME_KIND = 512;
/** The kind under which people hold what the ids of their objects begin with. */
const STEM_KIND = 513;
export const GROUP_BITS = 0xffffff;
const MAX_RESOURCES = 20_000;
/** Objects that answers showed and the table does not hold yet; so many are answered in the time that the engine takes at most. */
const MAX_SHOWN = 8_192;
/** An object hangs on one that hangs on another: so far it is looked up. */
const MAX_ABOVE = 3;
/** Names of things are short; longer ones are made to fill memory. */
const LONGEST_NAME = 200;
/** Share of the resources that gives way at once when there are too many: what is known under their numbers is looked through each time. */
const GIVEN_UP = 1 / 8;

/** A resource of a service: its rule, and what the keys of its objects begin with. */
export interface Resource {
  readonly service: string;
  readonly name: string;
  /** From 1 on; 0 for names that are too long to be kept. Numbers of resources that were forgotten are given again. */
  readonly number: number;
  readonly rule: KnownRule | undefined;
}

interface HashedResource extends Resource {
  rule: KnownRule | undefined;
  version: number;
  /** How many resources had been new when it was asked for last. */
  usedAt: number;
  /** Hash of service and name. */
  readonly home: number;
  readonly inService: HashPrefix;
  readonly prefix: HashPrefix;
}

/**
 * Table and sheet together, and the questions that are asked of them. The model writes one; each gateway's view holds a replica.
 *
 * Table entries: object → owner value (32 bits), group value (24) and kind (8); principal key → person number, flags; (identity value, kind, person)
 * → 1; (object, person) → grant; (identity value, kind) → person; (object, what it hangs on) → the key of that.
 */
export class Knowledge {
  readonly table = new Table();
  readonly sheet = new Sheet();
  /** Set by {@link findPerson}. */
  person = 0;
  flags = 0;
  readonly #resources = new Map<string, Map<string, HashedResource>>();
  /** Null in an engine. */
  #shown: LatestMap<{ readonly owner: number; readonly packed: number }, number> | null = null;
  #held = 0;
  #made = 0;
  #free: number[] = [];
  /** Resources that were forgotten because there were too many. */
  forgottenResources = 0;
  /** Called with the numbers of resources that were forgotten, before they are given again: what is kept under them is about others. */
  onForgotten: ((numbers: ReadonlySet<number>) => void) | null = null;

  constructor(readonly hash: KeyedHash) {}

  findPerson(principalKey: string): boolean {
    this.hash.text(SPACE.principal, principalKey);
    const found = this.table.get(this.hash.hi, this.hash.lo);
    this.person = found ? this.table.a : 0;
    this.flags = found ? this.table.b : 0;
    return found;
  }

  /** How much is known of whoever has a credential. */
  standingOf(principalKey: string): Standing {
    this.findPerson(principalKey);
    if (this.person === 0) return 'unknown';
    if ((this.flags & PERSON.established) !== 0) return 'established';
    return (this.flags & PERSON.identified) !== 0 ? 'named' : 'seen';
  }

  /** The resource of that name, with the rule it has now. */
  resource(service: string, name: string): Resource {
    const resources = this.#resources.get(service);
    let resource = resources?.get(name);
    if (resource === undefined) {
      resource = this.#newResource(service, name);
      if (resource.number === 0) return resource;
      if (this.#resources.get(service) === undefined) this.#resources.set(service, new Map());
      this.#resources.get(service)!.set(name, resource);
    } else if (resource.version !== this.sheet.version) {
      resource.rule = this.sheet.resource(service, name);
      resource.version = this.sheet.version;
    }
    resource.usedAt = this.#made;
    return resource;
  }

  #newResource(service: string, name: string): HashedResource {
    let number = 0;
    if (name.length <= LONGEST_NAME) {
      if (this.#held >= MAX_RESOURCES) this.#giveUp();
      number = this.#free.pop() ?? this.#held + 1;
      this.#held++;
      this.#made++;
    }
    return {
      service,
      name,
      number,
      usedAt: this.#made,
      rule: this.sheet.resource(service, name),
      version: this.sheet.version,
      home: this.valueHash(`${service}\u001f${name}`),
      inService: this.hash.prefix(SPACE.object, `${service}\u001f`),
      prefix: this.hash.prefix(SPACE.object, `${service}\u001f${name}\u001f`),
    };
  }

  /** Forgets the resources that were not asked for longest; those with a rule after all others. */
  #giveUp(): void {
    const all = [...this.#resources.values()].flatMap((of) => [...of.values()]);
    const worth = (one: HashedResource): number => (this.sheet.resource(one.service, one.name) === undefined ? 0 : 1);
    all.sort((a, b) => worth(a) - worth(b) || a.usedAt - b.usedAt);
    const gone = all.slice(0, Math.ceil(MAX_RESOURCES * GIVEN_UP));
    for (const { service, name, number } of gone) {
      this.#resources.get(service)?.delete(name);
      this.#free.push(number);
    }
    this.#held -= gone.length;
    this.forgottenResources += gone.length;
    this.onForgotten?.(new Set(gone.map(({ number }) => number)));
  }

  /** Resources that are held. */
  get resources(): number {
    return this.#held;
  }

  /** Leaves the key of an object in `hash.hi` and `hash.lo`. Values that are unique by shape need no resource. */
  objectKey(resource: Resource, value: string): void {
    const { inService, prefix } = resource as HashedResource;
    this.hash.after(isGloballyUnique(value) ? inService : prefix, value);
  }

  /** Leaves the key of what a request names in `hash.hi` and `hash.lo`. `above`: so many parameters of the path before it belong to its id. */
  referenceKey(resource: Resource, reference: Reference, references: readonly Reference[], above = 0): void {
    if (above === 0) this.objectKey(resource, reference.value);
    else this.hash.after((resource as HashedResource).prefix, withParents(reference, references, above));
  }

  /** The same of an object that an answer shows below what the path names. */
  keyBelow(resource: Resource, id: string, references: readonly Reference[], above: number): void {
    this.hash.after((resource as HashedResource).prefix, `${pathValues(references).slice(-above).join('/')}/${id}`);
  }

  /** 32 bits of a value, in whatever spelling. */
  valueHash(value: string): number {
    return this.hash.short(SPACE.value, canonicalId(value));
  }

  /** The number of a role, by its name. */
  roleNumber(name: string): number {
    return this.valueHash(name) & ROLE_BITS || 1;
  }

  /** The value of an id where the rule may take it for one of the caller's names, else 0. */
  selfValue(rule: KnownRule | undefined, id: string): number {
    return rule === undefined || rule.selfKinds.length === 0 ? 0 : this.valueHash(id);
  }

  /** Is the value one of the person's own (identity or group) of this kind? */
  holds(person: number, value: number, kind: number): boolean {
    if (kind === PERSON_KIND && value === person) return true;
    this.hash.words(SPACE.identity, value, kind, person);
    return this.table.get(this.hash.hi, this.hash.lo);
  }

  /** Has the person objects of that sort? Leaves the key of the answer in the hash. */
  isAtHome(person: number, resource: Resource): boolean {
    this.hash.words(SPACE.identity, (resource as HashedResource).home, HOME_KIND, person);
    return this.table.get(this.hash.hi, this.hash.lo);
  }

  /** What the ids of the person's objects of that sort begin with (a hash), 0 where that is not known. Leaves the key of the answer in the hash. */
  stemOf(person: number, resource: Resource): number {
    this.hash.words(SPACE.identity, (resource as HashedResource).home, STEM_KIND, person);
    return this.table.get(this.hash.hi, this.hash.lo) ? this.table.a : 0;
  }

  /** How somebody stands to an object of which only the id is known, where ids of that sort say whose they are ({@link Stems}). `stem`: its hash, 0 without one. */
  byStem(person: number, resource: Resource, stem: number): 'foreign' | 'ungrouped' | 'unknown' {
    const { rule } = resource;
    if (stem === 0 || rule?.stems !== true) return 'unknown';
    const own = this.stemOf(person, resource);
    // Whoever looks after others names what is theirs, too.
    if (own === stem || this.looksAfter(person)) return 'unknown';
    if (own === 0) {
      const holder = this.holderOfStem(resource, stem);
      // Somebody of whom nothing is known may be the same in another session.
      if (holder === 0 || holder === person || !rule.owners.some(({ kind }) => this.hasKind(person, kind))) return 'unknown';
    }
    return rule.groupKind < 0 ? 'foreign' : 'ungrouped';
  }

  /** Whose ids begin so; 0: nobody's, or several people's. Leaves the key of the answer in the hash. */
  holderOfStem(resource: Resource, stem: number): number {
    this.hash.words(SPACE.holder, stem, STEM_KIND, (resource as HashedResource).home);
    return this.table.get(this.hash.hi, this.hash.lo) ? this.table.a : 0;
  }

  /** What it means to the caller that somebody is the owner whom lists show to them: `granted` where that is what these lists are for. */
  entrusted(told: Relation, person: number, value: number, kind: number): Relation {
    if (value === 0 || (!isSomebodys(told) && told !== 'unidentified' && told !== 'entrusted')) return told;
    const grant = this.grant(value, kind, person);
    if (grant === GRANT.cares) return 'granted';
    return grant === GRANT.entrusts ? 'entrusted' : told;
  }

  /** Did the person reach objects of somebody whom a list had shown to them, where others do so as well? */
  looksAfter(person: number): boolean {
    return this.grant(0, 0, person) === GRANT.entrusts;
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

  /** Did a list show it to this person, whosever it is ({@link GRANT.below})? */
  wasShown(person: number, hi: number, lo: number): boolean {
    return this.grant(hi, lo, person) === GRANT.below;
  }

  /** Was it shared with somebody of a name that nobody is known to have, and no name of that kind is known of this person? */
  mayBeAwaited(person: number, hi: number, lo: number): boolean {
    return this.grant(hi, lo, NOBODY_YET) !== 0 && !this.hasKind(person, this.table.b);
  }

  /**
   * How a person stands to an object of the table, named by its key, its value ({@link selfValue}), and the rule of its resource, which says what its
   * group is. `withoutGrants`: had nobody shared or listed it.
   */
  relation(
    person: number,
    hi: number,
    lo: number,
    value: number,
    rule: KnownRule | undefined,
    withoutGrants = false,
    left = MAX_ABOVE,
  ): Relation {
    const told = this.#relationItself(person, hi, lo, value, rule, withoutGrants);
    if (told === 'own' || told === 'granted' || rule === undefined || rule.hangsOn === null || left === 0)
      return told === 'handed' ? 'own' : told;
    const above = this.findParent(hi, lo)
      ? this.#relationAbove(person, this.table.a, this.table.b, rule.hangsOn, withoutGrants, left)
      : 'unknown';
    return told === 'handed' ? (isStranger(above) ? 'listed' : 'own') : byParent(told, above);
  }

  /** Leaves the key of what an object hangs on in `table.a` and `table.b`. */
  findParent(hi: number, lo: number): boolean {
    this.hash.words(SPACE.parent, hi, lo, 0);
    return this.table.get(this.hash.hi, this.hash.lo);
  }

  /** Whose an object is, by itself or by what it hangs on: value and kind of its owner, 0 for none, and its group. Null where nothing is known. */
  ownerOf(hi: number, lo: number, left = MAX_ABOVE): { readonly value: number; readonly kind: number; readonly group: number } | null {
    const held = this.table.get(hi, lo) ? { value: this.table.a, kind: this.table.b & 0xff, group: this.table.b >>> 8 } : null;
    if ((held !== null && held.value !== 0) || left === 0 || !this.findParent(hi, lo)) return held;
    return this.ownerOf(this.table.a, this.table.b, left - 1) ?? held;
  }

  #relationAbove(
    person: number,
    hi: number,
    lo: number,
    { service, resource }: KnownParent,
    withoutGrants: boolean,
    left: number,
  ): Relation {
    return this.relation(person, hi, lo, 0, this.sheet.resource(service, resource), withoutGrants, left - 1);
  }

  /** `handed`: it was listed, and it says itself nothing of whose it is. */
  #relationItself(
    person: number,
    hi: number,
    lo: number,
    value: number,
    rule: KnownRule | undefined,
    withoutGrants: boolean,
  ): Relation | 'handed' {
    if (value !== 0 && this.#ownsByName(person, value, rule)) return 'own';
    const known = this.table.get(hi, lo);
    let owner = known ? this.table.a : 0;
    let packed = known ? this.table.b : 0;
    if (!known && this.#shown !== null) {
      const shown = this.#shown.get(objectNumber(hi, lo));
      if (shown !== undefined) ({ owner, packed } = shown);
    }
    const kind = packed & 0xff;
    const group = packed >>> 8;
    if (owner !== 0 && this.holds(person, owner, kind)) return 'own';
    const grant = withoutGrants ? 0 : this.grant(hi, lo, person);
    if (grant === GRANT.party || (grant === GRANT.creator && owner === 0)) return 'own';
    if (grant === GRANT.granted || grant === GRANT.weak) return 'granted';
    // Where no field names an owner, being listed is what makes an object one's own.
    if (grant === GRANT.listed) {
      if (owner !== 0 && rule?.hasOwner === true) return 'listed';
      if (owner === 0 && group === 0) return 'handed';
      const groupKind = group === 0 ? -1 : (rule?.groupKind ?? -1);
      return groupKind < 0 || !this.hasKind(person, groupKind) || this.holdsGroup(person, group, groupKind) ? 'own' : 'listed';
    }
    let told = this.#stranger(person, owner, kind, group, rule);
    if (told === 'unknown' && owner === 0 && value !== 0) told = this.#strangerByName(person, value, rule, withoutGrants);
    if (grant === GRANT.below && (told === 'foreign' || told === 'ungrouped')) return 'listed';
    if (!withoutGrants && isSomebodys(told) && this.mayBeAwaited(person, hi, lo)) return 'unidentified';
    const is = rule === undefined || rule.opens.length === 0 ? told : opened(told, this.grant(hi, lo, ANYBODY));
    return withoutGrants ? is : this.entrusted(is, person, owner, kind);
  }

  /** The same, from what an answer itself says. `null` when it names nobody. */
  relationOfAnswer(person: number, object: AnswerObject, rule: KnownRule): Relation | null {
    const told = this.#relationOfFields(person, object, rule);
    if (rule.hangsOn === null || told === 'own' || told === 'granted') return told;
    const { paths, values } = object.all;
    const { number, service, resource } = rule.hangsOn;
    for (let i = object.from; i < object.to; i++) {
      if (paths[i] !== number) continue;
      this.objectKey(this.resource(service, resource), canonicalId(values[i]));
      const above = this.#relationAbove(person, this.hash.hi, this.hash.lo, rule.hangsOn, false, MAX_ABOVE);
      const is = byParent(told ?? 'unknown', above);
      return is === 'unknown' ? null : is;
    }
    return told;
  }

  #relationOfFields(person: number, object: AnswerObject, rule: KnownRule): Relation | null {
    const { paths } = object.all;
    let owner = 0;
    let kind = 0;
    let group = 0;
    let cared: Relation = 'foreign';
    for (const field of rule.owners) {
      for (let i = object.from; i < object.to; i++) {
        if (paths[i] !== field.number) continue;
        const value = object.valueAt(i, this);
        if (this.holds(person, value, field.kind)) return 'own';
        if (cared !== 'granted') cared = this.entrusted(cared, person, value, field.kind);
        if (owner === 0) {
          owner = value;
          kind = field.kind;
        }
      }
    }
    for (const field of rule.groups)
      for (let i = object.from; i < object.to; i++) if (paths[i] === field.number) group = object.valueAt(i, this) & GROUP_BITS;
    if (owner === 0 && group === 0) return null;
    for (const field of rule.parties)
      for (let i = object.from; i < object.to; i++)
        if (paths[i] === field.number && this.holds(person, object.valueAt(i, this), field.kind)) return 'granted';
    const told = this.#stranger(person, owner, kind, group, rule);
    const is = opened(told, openingOf(rule, object, this));
    if (is === 'unknown') return null;
    return cared !== 'foreign' && (isSomebodys(is) || is === 'unidentified') ? cared : is;
  }

  /**
   * Remembers for a while whose an answer says that an object is of which the table knows nothing, as the table will have it. Not where it names several
   * people: only the engine knows what each of them is to it.
   */
  show(hi: number, lo: number, object: AnswerObject, rule: KnownRule): void {
    const { paths } = object.all;
    let owner = 0;
    let kind = 0;
    let group = 0;
    for (let i = object.from; i < object.to; i++) {
      const path = paths[i];
      for (const field of rule.owners) {
        if (field.number !== path) continue;
        const value = object.valueAt(i, this);
        if (owner !== 0 && owner !== value) return;
        owner = value;
        kind = field.kind;
      }
      if (rule.parties.some((field) => field.number === path)) return;
      if (group === 0 && rule.groups.some((field) => field.number === path)) group = object.valueAt(i, this) & GROUP_BITS;
    }
    if (owner === 0 || openingOf(rule, object, this) !== 0) return;
    this.#shown ??= new LatestMap(MAX_SHOWN);
    this.#shown.set(objectNumber(hi, lo), { owner, packed: ((group << 8) | kind) >>> 0 });
  }

  /** The id is itself an identity value: `/users/{me}`. */
  #ownsByName(person: number, value: number, rule: KnownRule | undefined): boolean {
    if (rule !== undefined) for (const kind of rule.selfKinds) if (this.holds(person, value, kind)) return true;
    return false;
  }

  /** The id may be the name of somebody else. */
  #strangerByName(person: number, value: number, rule: KnownRule | undefined, withoutGrants: boolean): Relation {
    if (rule !== undefined)
      for (const kind of rule.selfKinds) {
        const is = withoutGrants ? 'foreign' : this.entrusted('foreign', person, value, kind);
        if (is !== 'foreign') return is;
        this.hash.words(SPACE.holder, value, kind, 0);
        if (this.table.get(this.hash.hi, this.hash.lo)) return this.hasKind(person, kind) ? 'foreign' : 'unidentified';
      }
    return 'unknown';
  }

  #stranger(person: number, owner: number, kind: number, group: number, rule: KnownRule | undefined): Relation {
    let ungrouped = false;
    if (group !== 0) {
      const groupKind = rule?.groupKind ?? -1;
      ungrouped = groupKind >= 0 && !this.hasKind(person, groupKind);
      if (groupKind >= 0 && !ungrouped) {
        if (!this.holdsGroup(person, group, groupKind)) return 'foreign';
        // Its own member, but which one is not known: it may well be the caller.
        if (owner !== 0 && !this.hasKind(person, kind)) return 'unidentified';
        if (owner !== 0) return 'group';
        // Where objects name no person at all, the group is the owner; else it belongs to some member, perhaps the caller.
        return rule?.hasOwner === true ? 'unknown' : 'own';
      }
    }
    // Of some group, and nothing says which is the caller's.
    if (owner === 0) return ungrouped && rule?.hasOwner !== true ? 'unidentified' : 'unknown';
    if (!this.hasKind(person, kind)) return 'unidentified';
    // Somebody else's, but perhaps of the caller's group, which is not known.
    return ungrouped ? 'ungrouped' : 'foreign';
  }
}

/** What an object hangs on says whose it is, where it does not say so itself; and whoever may see that is no stranger to it. */
function byParent(told: Relation, above: Relation): Relation {
  if (told === 'unknown') return above === 'public' ? 'unknown' : above;
  return above === 'own' || above === 'granted' ? 'granted' : told;
}

const isStranger = (told: Relation): boolean => told === 'foreign' || told === 'group' || told === 'ungrouped' || told === 'unidentified';

const isSomebodys = (told: Relation): boolean => told === 'foreign' || told === 'group' || told === 'ungrouped';

/** How a stranger stands to an object that says for whom it is. */
function opened(told: Relation, grant: number): Relation {
  if (grant === GRANT.everybody && (told === 'foreign' || told === 'group' || told === 'ungrouped' || told === 'unidentified'))
    return 'public';
  // Open to its group, and nothing says which is the caller's.
  if (grant === GRANT.group && told === 'ungrouped') return 'unidentified';
  return grant === GRANT.group && told === 'group' ? 'public' : told;
}

/** What an answer says of for whom the object is: a grant, 0 for nothing. */
function openingOf({ opens }: KnownRule, object: AnswerObject, known: Knowledge): number {
  const { paths } = object.all;
  for (const { number, value, to } of opens)
    for (let i = object.from; i < object.to; i++) if (paths[i] === number && object.valueAt(i, known) === value) return GRANT[to];
  return 0;
}

/** Values of the parameters of a path; of several in one segment the first. */
export function pathValues(references: readonly Reference[]): string[] {
  const values: string[] = [];
  for (const { place, slot, value } of references) if (place === 'path' && slot === `path:${values.length}`) values.push(value);
  return values;
}

function withParents({ slot, value }: Reference, references: readonly Reference[], above: number): string {
  const index = Number(slot.slice('path:'.length));
  return [...pathValues(references).slice(Math.max(0, index - above), index), value].join('/');
}

/** One number for the key of an object, good enough to tell some ten thousand apart. */
export const objectNumber = (hi: number, lo: number): number => (hi >>> 11) * 4294967296 + (lo >>> 0);
