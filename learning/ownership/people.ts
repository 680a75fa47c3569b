/**
 * One room: the credentials, names, groups and grants of a person change together. Whoever is joined, guessed or doubted gains or loses all of them at once.
 */
import { GRANT, GROUP_BITS, type Knowledge, NOBODY_YET, PERSON, PERSON_KIND, type Resource, roleOf, SPACE, withRole } from './knowledge.js';
import type { Write } from './objects.js';
import {
  cast,
  FIRST_OWN_KIND,
  isMadeUp,
  leader,
  loadPerson,
  namedKind,
  newPerson,
  OWN_KINDS,
  type Person,
  rank,
  type Scatter,
  savePerson,
  worth,
} from './person.js';
import { canonicalId, isGloballyUnique } from './shape.js';
import { WORTH } from './table.js';

/** What a collection of people is called, as the whole of a name. */
const IS_GROUP =
  /(?:^|\.)(?:tenant|org|organi[sz]ation|company|team|workspace|clinic|group|department|branch|realm|practice|household|family|school|business|merchant)$/;
/** The last word of the route of a `/me`-like answer. */
const ME_ROUTE = /^me:.*\/([a-z]+?)s?:[^:/]*$/;

/** Which kind of evidence a source is; decides how much it needs before it may join credentials. */
type Prior = 'identity' | 'group' | 'none';

interface AsGroup {
  /** People whose objects agreed with it, and whose did not: each counts once, by what they reached first. */
  readonly people: number[];
  readonly against: number[];
  /** Groups of those that agreed. */
  readonly values: number[];
  isProven: boolean;
}
const newAsGroup = (): AsGroup => ({ people: [], against: [], values: [], isProven: false });

interface Source {
  readonly key: string;
  /** Kind of values that neither shape nor name make identities; 0 until it is needed: most sources never name anybody. */
  kind: number;
  /** Kind of group values: that of an earlier source that agreed with this one, else its own. 0: not decided. */
  groupKind: number;
  readonly unique: Map<number, number>;
  readonly prior: Prior;
  readonly values: Map<number, number>;
  readonly distinct: Map<number, number>;
  inconsistent: number;
  role: 'identity' | 'group' | 'off';
  nextCheck: number;
  /** What objects said of it as a place where groups are told. */
  readonly asGroup: AsGroup;
}

/** People kept in detail; the least recently seen are forgotten beyond it, their table entries stay. */
const MAX_PEOPLE = 120_000;
const MAX_SOURCE_PEOPLE = 4000;
const MAX_SOURCES = 4000;
/** Objects that a person without a name opened: so many are told apart, and so few are no reason for a name, since one may have been shared with them. */
const MAX_OPENED = 32;
const MIN_OPENED = 2;
/** The same, and the times, where nobody knows yet how private a place is. */
const ENOUGH_OPENED = 5;
/** Whoever saw objects of so many others is not known by whose they open. */
const MANY_OWNERS = 4;
/** People who may have the name of somebody on trial, and hashes of grants that one of them may have with it. */
const MAX_FOLLOWERS = 16;
const MAX_BORROWED = 1_800;
/** People of whom a source without a telling name must say different things before that may be their names. */
const ENOUGH_NAMES = 8;
/** The same of pages that seem to be about who asks, whatever their fields are called. */
const FEW_TOLD = 3;
const MAX_GROUPS = 64;
/** People by whom a source may prove to tell groups. */
const MAX_ASKED = 100;
/** Sources that are asked whether they tell groups. */
const MAX_LOOKED = 300;
/** Marks a guessed value as a group, above the bits of a kind. */
const GUESSED_GROUP = 256;
const IDENTITY_NAME =
  /(?:^|[.^])(?:sub|id|uid|uuid|username|login|email|mail|handle|phone|phonenumber|mobile|msisdn|preferredusername|oid|(?:user|person|member|customer|patient|employee|student|subscriber)(?:id|uuid|no|number|ref)?)$/;
const GROUP_NAME =
  /tenant|org|company|team|workspace|clinic|group|department|branch|realm|practice|household|school|business|merchant|store|agency|fleet|role|scope|plan|region|country|locale|currency|status|type|lang|site|aud|iss|azp|clientid/;

/**
 * Who is who: joins credentials to people, and learns which values name a person and which a group, from claims, sign-in and refresh answers,
 * `/me`-like answers and creations. A value names a person when it is steady for one person and different between people.
 */
export class People {
  readonly all = new Map<number, Person>();
  readonly #canon = new Map<number, number>();
  readonly #sources = new Map<string, Source>();
  readonly #kinds = new Map<string, number>();
  #nextPerson = 1;
  /** Raised when roles of sources changed: everything derived may be read again. */
  epoch = 0;
  joins = 0;
  forgotten = 0;
  /** Called when a person turns out to have an identity value. */
  onIdentity: ((person: Person, value: number, kind: number) => void) | null = null;

  constructor(
    private readonly known: Knowledge,
    private readonly write: Write,
    private readonly forget: (hi: number, lo: number) => void,
    /** A person (`p|number`) or source (`s|key`) has something new to be saved. */
    private readonly touched: (piece: string) => void,
  ) {}

  get size(): number {
    return this.all.size;
  }

  /** The person behind a credential; undefined for one that is new, or that was forgotten. */
  find(key: string): Person | undefined {
    this.known.hash.text(SPACE.principal, key);
    return this.known.table.get(this.known.hash.hi, this.known.hash.lo) ? this.get(this.known.table.a) : undefined;
  }

  /** Somebody new. */
  add(key: string, nowMs: number): Person {
    const person = newPerson(this.#nextPerson++, key, nowMs);
    this.all.set(person.id, person);
    this.#writeKey(key, person);
    if (this.all.size > MAX_PEOPLE) this.#forgetIdle();
    return person;
  }

  canon(id: number): number {
    let at = id;
    for (let next = this.#canon.get(at); next !== undefined; next = this.#canon.get(at)) at = next;
    return at;
  }

  get(id: number): Person | undefined {
    return this.all.get(this.canon(id));
  }

  setFlags(person: Person, flags: number): void {
    if ((person.flags & flags) === flags) return;
    person.flags |= flags;
    for (const key of person.keys) this.#writeKey(key, person);
  }

  clearFlags(person: Person, flags: number): void {
    if ((person.flags & flags) === 0) return;
    person.flags &= ~flags;
    for (const key of person.keys) this.#writeKey(key, person);
  }

  /** The person's token names this role. */
  setRole(person: Person, name: string): void {
    person.role = name;
    person.flags = withRole(person.flags, this.known.roleNumber(name));
    for (const key of person.keys) this.#writeKey(key, person);
  }

  /** `key` is another credential of `person` (its sign-in answer or a refresh said so). */
  bind(key: string, person: Person): void {
    const other = this.find(key);
    if (other !== undefined) {
      if (other !== person) this.join(other, person);
      return;
    }
    this.#keep(key, person);
  }

  /** The person came with this credential: of many, those that are used are kept longest. */
  used(key: string, person: Person): void {
    const { keys } = person;
    if (keys[keys.length - 1] === key) return;
    const at = keys.indexOf(key);
    if (at < 0) this.#keep(key, person);
    else keys.push(...keys.splice(at, 1));
  }

  #keep(key: string, person: Person): void {
    person.keys.push(key);
    if (person.keys.length > 64) person.keys.shift();
    this.#writeKey(key, person);
  }

  /**
   * `spelled` stood at a source (a claim, a field of a `/me`-like answer, …), at `path` in it, for `person`. `mayJoin`: whoever has that name already may be the same person.
   * Returns the person, who may turn out to be one already known.
   */
  tell(sourceKey: string, path: string, person: Person, spelled: string, mayJoin: boolean): Person {
    const text = canonicalId(spelled);
    const value = this.known.valueHash(text);
    let source = this.#sources.get(sourceKey);
    // Any answer may look like one's own page to whoever finds a way to ask for another's: only what says something else to each of several people is one.
    const isAnswer = sourceKey.startsWith('me:');
    if (source === undefined) {
      if (this.#sources.size >= MAX_SOURCES) return person;
      const prior = priorOf(sourceKey, path);
      source = {
        key: sourceKey,
        kind: 0,
        groupKind: 0,
        unique: new Map(),
        prior,
        values: new Map(),
        distinct: new Map(),
        inconsistent: 0,
        role: 'off',
        nextCheck: isAnswer && prior === 'identity' ? FEW_TOLD : 2,
        asGroup: newAsGroup(),
      };
      this.#sources.set(sourceKey, source);
      if (prior === 'identity' && !isAnswer) source.role = 'identity';
    }
    const kind = namedKind(text, path);
    const isNamed = source.prior === 'identity' || isGloballyUnique(text) || isMadeUp(kind);
    if (source.role === 'identity' && mayJoin && (source.prior === 'identity' || this.#mayJoin(source))) {
      const holder = this.holder(value, isNamed ? kind : this.#ownKind(source));
      const isOne = holder !== undefined && holder !== person && !isGuess(holder, value);
      if (isOne && holder.keys.length < 64 && (source.prior === 'identity' || !this.#areTwo(person, holder))) {
        this.join(person, holder);
        person = holder;
      }
    }
    if (isNamed && source.unique.size < MAX_SOURCE_PEOPLE * 2) source.unique.set(value, kind);
    const before = source.values.get(person.id);
    if (before === undefined) {
      if (source.values.size >= MAX_SOURCE_PEOPLE) {
        if (source.role !== 'off') this.#assign(person, value, source);
        return person;
      }
      source.values.set(person.id, value);
      source.distinct.set(value, (source.distinct.get(value) ?? 0) + 1);
    } else if (before !== value) source.inconsistent++;
    if (source.values.size >= source.nextCheck) {
      source.nextCheck = Math.ceil(source.values.size * 1.3) + 1;
      this.#check(source);
      this.touched(`s|${sourceKey}`);
    }
    if (source.role !== 'off' && (before === undefined || before === value)) this.#assign(person, value, source);
    return person;
  }

  /** A kind for small values of one source or field. */
  kindOf(sourceKey: string): number {
    let kind = this.#kinds.get(sourceKey);
    if (kind === undefined) {
      kind = FIRST_OWN_KIND + (this.#kinds.size % OWN_KINDS);
      this.#kinds.set(sourceKey, kind);
    }
    return kind;
  }

  #ownKind(source: Source): number {
    if (source.kind === 0) source.kind = this.kindOf(source.key);
    return source.kind;
  }

  addIdentity(person: Person, value: number, kind: number): void {
    if (person.identities.get(value) === kind || person.identities.size >= 48) return;
    person.identities.set(value, kind);
    this.#writeIdentity(person, value, kind);
    this.setFlags(person, PERSON.identified);
    this.#writeIdentity(person, person.id, PERSON_KIND);
    this.onIdentity?.(person, value, kind);
    const holder = this.holder(value, kind);
    if (holder !== undefined && holder !== person && !isGuess(person, value) && !isGuess(holder, value)) this.#follow(person, holder);
  }

  /** Returns the kind under which the person holds the group: that of an earlier source where there was one. */
  addGroup(person: Person, value: number, kind: number): number {
    const short = value & GROUP_BITS;
    const held = person.groups.get(short);
    if (held !== undefined || person.groups.size >= MAX_GROUPS) return held ?? kind;
    person.groups.set(short, kind);
    this.#writeIdentity(person, short, kind);
    return kind;
  }

  /** What the ids of the person's objects of that sort begin with, 0 where that is not always the same. */
  setStem(person: Person, resource: Resource, stem: number): void {
    if (this.known.stemOf(person.id, resource) === stem) return;
    this.write(this.known.hash.hi, this.known.hash.lo, stem, 0, WORTH.person);
  }

  /** Whose ids of that sort begin so, 0 for several people. */
  setHolderOfStem(resource: Resource, stem: number, holder: number): void {
    if (this.known.holderOfStem(resource, stem) === holder) return;
    this.write(this.known.hash.hi, this.known.hash.lo, holder, 0, WORTH.person);
  }

  /** The person has objects of that sort. */
  settle(person: Person, resource: Resource): void {
    if (this.known.isAtHome(person.id, resource)) return;
    this.write(this.known.hash.hi, this.known.hash.lo, 1, 0, WORTH.person);
  }

  addGrant(person: Person, hi: number, lo: number, grant: number): void {
    if (!this.#writeGrant(person, hi, lo, grant)) return;
    person.grants.push(hi, lo, grant);
    if (person.grants.length > 900) person.grants.splice(0, 300);
    for (const id of person.followers) {
      const follower = this.get(id);
      if (follower !== undefined && follower !== person) this.#lend(follower, hi, lo, grant);
    }
  }

  /** An object was shared with somebody of a name of this kind, whom nobody knows yet. */
  awaits(hi: number, lo: number, kind: number): void {
    this.known.hash.words(SPACE.grant, hi, lo, NOBODY_YET);
    this.write(this.known.hash.hi, this.known.hash.lo, GRANT.weak, kind, WORTH.said);
  }

  /** They have come. */
  awaitsNobody(hi: number, lo: number): void {
    this.known.hash.words(SPACE.grant, hi, lo, NOBODY_YET);
    this.forget(this.known.hash.hi, this.known.hash.lo);
  }

  /** Takes back what was given by {@link addGrant}. */
  dropGrant(person: Person, hi: number, lo: number): void {
    for (let i = person.grants.length - 3; i >= 0; i -= 3)
      if (person.grants[i] === hi && person.grants[i + 1] === lo) person.grants.splice(i, 3);
    this.known.hash.words(SPACE.grant, hi, lo, person.id);
    this.forget(this.known.hash.hi, this.known.hash.lo);
  }

  /** Gives what was given to somebody of that name; for as long as the name is on trial, if it is. */
  give(holder: Person, value: number, hi: number, lo: number, grant: number): void {
    if (isGuess(holder, value)) this.#lend(holder, hi, lo, grant);
    else this.addGrant(holder, hi, lo, grant);
  }

  /** False where the person has a grant on the object that says as much. Leaves its key in the hash. */
  #writeGrant(person: Person, hi: number, lo: number, grant: number): boolean {
    this.known.hash.words(SPACE.grant, hi, lo, person.id);
    const high = this.known.hash.hi;
    const low = this.known.hash.lo;
    if (this.known.table.get(high, low) && rank(this.known.table.a) >= rank(grant)) return false;
    this.write(high, low, grant, 0, grant === GRANT.listed || grant === GRANT.weak || grant === GRANT.below ? WORTH.listed : WORTH.said);
    return true;
  }

  #lend(follower: Person, hi: number, lo: number, grant: number): void {
    if (follower.borrowed.length >= MAX_BORROWED || !this.#writeGrant(follower, hi, lo, grant)) return;
    this.known.hash.words(SPACE.grant, hi, lo, follower.id);
    follower.borrowed.push(this.known.hash.hi, this.known.hash.lo);
    this.touched(`p|${follower.id}`);
  }

  /**
   * Somebody reached an object that names `owners` (value, kind, value, kind, …) while nothing said who they are. `areGroups`:
   * objects there name no person, only the group they belong to. `object`: its number. `isPrivate`: people are known to reach their own there.
   */
  voteByOpening(person: Person, object: number, owners: readonly number[], areGroups: boolean, isPrivate: boolean): Scatter | null {
    if (owners.length === 0) return null;
    // Names of different kinds say nothing about each other: one person has a number, an address and a company.
    const kind = owners[1];
    const opens = (person.opens.get(kind) ?? 0) + 1;
    person.opens.set(kind, opens);
    if (!person.openedObjects.includes(object)) person.openedObjects = [...person.openedObjects.slice(1 - MAX_OPENED), object];
    for (let i = 0; i < owners.length; i += 2) if (owners[i + 1] === kind) cast(person.opened, owners[i], kind, 1);
    let isUsual = false;
    let [count, usual, most] = [0, 0, 0];
    for (const [value, [itsKind, weight]] of person.opened) {
      if (itsKind !== kind) continue;
      count++;
      if (weight > most) [usual, most] = [value, weight];
    }
    for (let i = 0; i < owners.length; i += 2) if (owners[i] === usual) isUsual = true;
    const scatter = { owners: count, top: most / opens, isUsual };
    // Who was shown what many own opens what comes next: three of one owner in a row say nothing.
    if (person.foreignOwners.size >= MANY_OWNERS) return scatter;
    const best = leader(person.opened, opens, isPrivate ? 3 : ENOUGH_OPENED, kind);
    if (best === null || (!areGroups && person.openedObjects.length < (isPrivate ? MIN_OPENED : ENOUGH_OPENED))) return scatter;
    if (areGroups) this.#guessGroup(person, best[0], best[1]);
    else if (person.identities.get(best[0]) !== best[1]) {
      person.guessed.push(best[0], best[1]);
      this.addIdentity(person, best[0], best[1]);
    }
    this.followNames(person);
    return scatter;
  }

  #guessGroup(person: Person, value: number, kind: number): void {
    if (person.groups.has(value)) return;
    person.guessed.push(value, kind | GUESSED_GROUP);
    this.addGroup(person, value, kind);
  }

  /** Who has a name on trial counts as established if whoever has it for certain does, and has their groups and grants, for as long. */
  followNames(person: Person): void {
    for (let i = 0; i < person.guessed.length; i += 2) {
      const [value, kind] = [person.guessed[i], person.guessed[i + 1]];
      if ((kind & GUESSED_GROUP) !== 0) continue;
      const holder = this.holder(value, kind);
      if (holder === undefined || holder === person || isGuess(holder, value)) continue;
      for (const [group, groupKind] of holder.groups) this.#guessGroup(person, group, groupKind);
      this.#follow(person, holder);
      if ((person.flags & PERSON.established) !== 0 || (holder.flags & PERSON.established) === 0) continue;
      person.isOnTrial = true;
      this.setFlags(person, PERSON.established);
    }
  }

  /** The person has the name of the holder: what that was given, and will be, is for both. */
  #follow(person: Person, holder: Person): void {
    if (holder.followers.includes(person.id) || holder.followers.length >= MAX_FOLLOWERS) return;
    holder.followers.push(person.id);
    for (let at = 0; at < holder.grants.length; at += 3)
      this.#lend(person, holder.grants[at], holder.grants[at + 1], holder.grants[at + 2]);
    this.touched(`p|${holder.id}`);
  }

  /** What was concluded from openings only does not hold: the person opened something of somebody else. */
  doubt(person: Person): void {
    if (person.guessed.length > 0 && ((person.flags & PERSON.established) === 0 || person.isOnTrial)) this.#unguess(person);
  }

  /** Only the owner sees this list, or somebody created an object: `owners` stood in every object of it. */
  voteByList(person: Person, owners: readonly number[], weight: number): Person {
    person.lists += weight;
    for (let i = 0; i < owners.length; i += 2) cast(person.listed, owners[i], owners[i + 1], weight);
    const best = leader(person.listed, person.lists, 3);
    if (best === null || person.identities.get(best[0]) === best[1]) return person;
    this.#unguess(person);
    const holder = this.holder(best[0], best[1]);
    this.addIdentity(person, best[0], best[1]);
    if (holder === undefined || holder === person || holder.keys.length >= 64 || isGuess(holder, best[0])) return person;
    this.join(person, holder);
    return holder;
  }

  holder(value: number, kind: number): Person | undefined {
    this.known.hash.words(SPACE.holder, value, kind, 0);
    return this.known.table.get(this.known.hash.hi, this.known.hash.lo) ? this.get(this.known.table.a) : undefined;
  }

  /** Whoever holds the value under the first of these kinds. */
  holderOfAny(value: number, kinds: readonly number[]): Person | undefined {
    for (const kind of kinds) {
      const holder = this.holder(value, kind);
      if (holder !== undefined) return holder;
    }
    return undefined;
  }

  /** Makes `from` part of `into`. */
  join(from: Person, into: Person): void {
    if (from === into) return;
    this.joins++;
    this.#canon.set(from.id, into.id);
    this.all.delete(from.id);
    this.touched(`p|${from.id}`);
    into.keys.push(...from.keys);
    // Objects that belong to the person itself name it by number: the old numbers stay good.
    for (const alias of [from.id, ...from.aliases]) {
      into.aliases.push(alias);
      this.known.hash.words(SPACE.identity, alias, PERSON_KIND, into.id);
      this.write(this.known.hash.hi, this.known.hash.lo, 1, 0, WORTH.person);
    }
    const role = roleOf(into.flags) || roleOf(from.flags);
    into.flags = withRole(into.flags | (from.flags & ~PERSON.privileged), role);
    into.role ||= from.role;
    for (const [value, kind] of from.identities) this.addIdentity(into, value, kind);
    for (const [value, kind] of from.groups) this.addGroup(into, value, kind);
    for (let i = 0; i < from.grants.length; i += 3) this.addGrant(into, from.grants[i], from.grants[i + 1], from.grants[i + 2]);
    into.requests += from.requests;
    into.owned += from.owned;
    into.hasPresumed ||= from.hasPresumed;
    into.hasClaims ||= from.hasClaims;
    into.firstSeenMs = Math.min(into.firstSeenMs, from.firstSeenMs);
    for (const key of into.keys) this.#writeKey(key, into);
    for (const source of this.#sources.values()) {
      const value = source.values.get(from.id);
      if (value === undefined) continue;
      source.values.delete(from.id);
      const held = source.values.get(into.id);
      const left = (source.distinct.get(value) ?? 1) - 1;
      if (held === undefined) source.values.set(into.id, value);
      else if (left <= 0) source.distinct.delete(value);
      else source.distinct.set(value, left);
    }
  }

  #unguess(person: Person): void {
    for (let i = 0; i < person.guessed.length; i += 2) {
      const holder = this.holder(person.guessed[i], person.guessed[i + 1]);
      if (holder !== undefined) holder.followers = holder.followers.filter((id) => id !== person.id);
      this.#retract(person, person.guessed[i], person.guessed[i + 1]);
    }
    person.guessed = [];
    for (let i = 0; i < person.borrowed.length; i += 2) this.forget(person.borrowed[i], person.borrowed[i + 1]);
    person.borrowed = [];
    if (!person.isOnTrial) return;
    person.isOnTrial = false;
    this.clearFlags(person, PERSON.established);
  }

  /** Forgets a twentieth of the people: nameless ones that own nothing first, then by last sighting. */
  #forgetIdle(): void {
    const order = [...this.all.values()].sort((a, b) => worth(a) - worth(b));
    for (const person of order.slice(0, MAX_PEOPLE / 20)) {
      this.all.delete(person.id);
      this.touched(`p|${person.id}`);
      this.forgotten++;
    }
  }

  /** What is saved of a person or source; null when it is gone. */
  save(piece: string): string | null {
    if (piece.startsWith('s|')) {
      const source = this.#sources.get(piece.slice(2));
      return source === undefined
        ? null
        : JSON.stringify({
            ...source,
            values: [...source.values].slice(-1000),
            distinct: [...source.distinct].slice(-1000),
            unique: [...source.unique].slice(-1000),
          });
    }
    const person = this.all.get(Number(piece.slice(2)));
    if (person === undefined) return null;
    return savePerson(person);
  }

  load(piece: string, value: string): void {
    if (piece.startsWith('s|')) {
      const saved = JSON.parse(value) as Source & { values: [number, number][]; distinct: [number, number][]; unique: [number, number][] };
      this.#sources.set(piece.slice(2), {
        ...saved,
        asGroup: saved.asGroup ?? newAsGroup(),
        values: new Map(saved.values),
        distinct: new Map(saved.distinct),
        unique: new Map(saved.unique),
      });
      if (saved.kind > 0) this.#kinds.set(saved.key, saved.kind);
      return;
    }
    const saved = loadPerson(value);
    this.all.set(saved.id, saved);
    for (const alias of saved.aliases) this.#canon.set(alias, saved.id);
    this.#nextPerson = Math.max(this.#nextPerson, saved.id + 1, ...saved.aliases.map((alias) => alias + 1));
  }

  #retract(person: Person, value: number, kind: number): void {
    const isGroup = (kind & GUESSED_GROUP) !== 0;
    const plain = kind & ~GUESSED_GROUP;
    const held = isGroup ? person.groups : person.identities;
    if (held.get(value) !== plain) return;
    held.delete(value);
    this.#forgetIdentity(person, value, plain);
    // Without another name of that kind, nothing is known of it again.
    if (![...person.identities.values(), ...person.groups.values()].includes(plain)) this.#forgetIdentity(person, 0, plain);
    if (isGroup || this.holder(value, plain) !== person) return;
    this.known.hash.words(SPACE.holder, value, plain, 0);
    this.forget(this.known.hash.hi, this.known.hash.lo);
  }

  #forgetIdentity(person: Person, value: number, kind: number): void {
    this.known.hash.words(SPACE.identity, value, kind, person.id);
    this.forget(this.known.hash.hi, this.known.hash.lo);
  }

  /** Do sources that name people by what they are called give them different names? */
  #areTwo(one: Person, other: Person): boolean {
    for (const { prior, role, values } of this.#sources.values()) {
      if (prior !== 'identity' || role !== 'identity') continue;
      const name = values.get(one.id);
      const another = values.get(other.id);
      if (name !== undefined && another !== undefined && name !== another) return true;
    }
    return false;
  }

  /**
   * The person reached an object of this group (24 bits) while nothing says which group is theirs. A claim that says the same of two people and two groups (a field of
   * their own page of four people), and hardly ever something else, tells groups, however few have it.
   */
  reachedGroup(person: Person, group: number, kind: number): void {
    let looked = 0;
    for (const source of this.#sources.values()) {
      if (source.role !== 'off' || source.prior === 'identity' || ++looked > MAX_LOOKED) continue;
      const value = source.values.get(person.id);
      const { people, against, values } = source.asGroup;
      if (value === undefined || people.includes(person.id) || against.includes(person.id)) continue;
      if (people.length + against.length >= MAX_ASKED) continue;
      if ((value & GROUP_BITS) !== group) against.push(person.id);
      else {
        people.push(person.id);
        if (!values.includes(group)) values.push(group);
      }
      // What stands on their own page people may have written themselves.
      const needed = source.key.startsWith('claim:') ? 2 : 4;
      if (values.length < 2 || people.length < Math.max(needed, 2 * against.length)) continue;
      source.asGroup.isProven = true;
      source.role = 'group';
      source.groupKind = kind;
      this.epoch++;
      for (const [id, told] of source.values) {
        const member = this.get(id);
        if (member !== undefined) this.#assign(member, told, source);
      }
      this.touched(`s|${source.key}`);
    }
  }

  #mayJoin(source: Source): boolean {
    return source.values.size >= 10 && source.distinct.size >= source.values.size * 0.95;
  }

  #check(source: Source): void {
    if (source.asGroup.isProven) return;
    const people = source.values.size;
    const share = source.distinct.size / people;
    const steady = source.inconsistent <= people * 0.5;
    let role: Source['role'] = 'off';
    if (!steady) role = 'off';
    // The first few are often of as many groups.
    else if (share >= 0.9 && (people >= ENOUGH_NAMES || source.prior === 'identity'))
      role = source.prior === 'group' && people < 20 ? 'off' : 'identity';
    else if (source.prior === 'identity' && (people < 8 || share >= 0.5)) role = 'identity';
    else if (people >= 4 && share < 0.75 && source.distinct.size >= 2) role = 'group';
    if (role === source.role) return;
    const before = source.role;
    const kindBefore = source.groupKind;
    source.role = role;
    if (role === 'group') source.groupKind = this.#groupKindOf(source);
    this.epoch++;
    for (const [id, value] of source.values) {
      const person = this.get(id);
      if (person === undefined) continue;
      if (before === 'identity') this.#retract(person, value, source.unique.get(value) ?? this.#ownKind(source));
      if (before === 'group') this.#retract(person, value & GROUP_BITS, kindBefore | GUESSED_GROUP);
      if (role !== 'off') this.#assign(person, value, source);
    }
  }

  #assign(person: Person, value: number, source: Source): void {
    if (source.role === 'identity') {
      const kind = source.unique.get(value) ?? this.#ownKind(source);
      if (isGuess(person, value)) {
        person.guessed = [];
        person.borrowed = [];
        person.isOnTrial = false;
        this.#claim(person, value, kind);
        this.onIdentity?.(person, value, kind);
      }
      this.addIdentity(person, value, kind);
    } else if (source.role === 'group') this.#tellGroup(person, value & GROUP_BITS, source.groupKind);
  }

  /** The kind under which most of its people hold what it says of them already, from another source or from their objects; else one of its own. */
  #groupKindOf(source: Source): number {
    const held = [...source.values].map(([id, value]) => this.get(id)?.groups.get(value & GROUP_BITS));
    return mostOf(held) ?? this.kindOf(`group:${source.key}`);
  }

  /** What is said of a person counts for more than what their objects led to: all of a source hold its groups under one kind. */
  #tellGroup(person: Person, group: number, kind: number): void {
    const held = person.groups.get(group);
    if (held === kind || (held === undefined && person.groups.size >= MAX_GROUPS)) return;
    person.groups.set(group, kind);
    this.#writeIdentity(person, group, kind);
  }

  #writeKey(key: string, person: Person): void {
    this.touched(`p|${person.id}`);
    this.known.hash.text(SPACE.principal, key);
    this.write(this.known.hash.hi, this.known.hash.lo, person.id, person.flags, WORTH.person);
  }

  #writeIdentity(person: Person, value: number, kind: number): void {
    this.touched(`p|${person.id}`);
    this.known.hash.words(SPACE.identity, value, kind, person.id);
    this.write(this.known.hash.hi, this.known.hash.lo, 1, 0, WORTH.person);
    this.known.hash.words(SPACE.identity, 0, kind, person.id);
    this.write(this.known.hash.hi, this.known.hash.lo, 1, 0, WORTH.person);
    this.#claim(person, value, kind);
  }

  /** Makes the person the one that a name stands for, unless there is another who has it for a better reason. */
  #claim(person: Person, value: number, kind: number): void {
    const holder = this.holder(value, kind);
    if (holder !== undefined && (!isGuess(holder, value) || isGuess(person, value))) return;
    this.known.hash.words(SPACE.holder, value, kind, 0);
    this.write(this.known.hash.hi, this.known.hash.lo, person.id, 0, WORTH.person);
  }
}

/** Was this name only concluded from what the person opened? Whoever was shown to have it is somebody else, until more is known. */
export function isGuess({ guessed }: Person, value: number): boolean {
  for (let i = 0; i < guessed.length; i += 2) if (guessed[i] === value) return true;
  return false;
}

/** `id` names whoever it is the id of: `org.id`, or the id that `/organisation` answers with, is no name of a person. */
function priorOf(sourceKey: string, path: string): Prior {
  const above = path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : ME_ROUTE.exec(sourceKey)?.[1];
  if (!IDENTITY_NAME.test(path)) return GROUP_NAME.test(path) ? 'group' : 'none';
  return above !== undefined && IS_GROUP.test(above) ? 'group' : 'identity';
}

/** The number that occurs most often, if any does. */
export function mostOf(numbers: readonly (number | undefined)[]): number | undefined {
  const times = new Map<number, number>();
  for (const one of numbers) if (one !== undefined) times.set(one, (times.get(one) ?? 0) + 1);
  let best: number | undefined;
  for (const [one, count] of times) if (best === undefined || count > (times.get(best) ?? 0)) best = one;
  return best;
}

/** Those that surely name a person first: they tell whether two people of whom the others say the same are one. */
export function namesFirst<T>(told: readonly T[], pathOf: (one: T) => string): T[] {
  const isName = (one: T): boolean => IDENTITY_NAME.test(pathOf(one));
  return [...told.filter(isName), ...told.filter((one) => !isName(one))];
}
