import { Carers } from './carers.js';
import type { Habits } from './habits.js';
import { GRANT, isSpecial, type Knowledge, objectNumber, PERSON, PERSON_KIND, type Resource } from './knowledge.js';
import type { Objects } from './objects.js';
import { isGuess, type People } from './people.js';
import { isMostlyStranger, MOST_OWNERS, type Person } from './person.js';
import type { Places } from './places.js';
import { isCreation, isNamed, type Reading as Read } from './reading.js';
import { asksForAll, type Reference, type RouteReading } from './references.js';

/** Objects of which a list remembers who was shown them first. */
const MAX_FIRST = 20_000;
const MAX_LISTS = 5_000;
/** Of all lists together. */
const MAX_HELD = 400_000;
/** People that must be shown other objects each until a list counts as one's own, and how often objects must be shown. */
const ENOUGH = 4;
const ENOUGH_VIEWS = 12;
/** The share of what a list shows that somebody else was shown before, up to which it shows everybody only their own; and up to which each of its objects is shown to few. */
const OWN_OVERLAP = 0.15;
const FEW_OVERLAP = 0.75;
/** From here on it shows those who get it the same. */
const SAME_OVERLAP = 0.6;
/** From so many views on old ones count for less. */
const MAX_VIEWS = 4_000;
/** So many objects of a list must be known from elsewhere, and half of all, to tell whose it is. */
const MANY_TOLD = 3;
interface OwnList {
  /** Object → who was shown it first. */
  readonly first: Map<number, number>;
  /** How often objects of nobody in particular were shown to somebody else than the first. */
  conflicts: number;
  readonly people: Set<number>;
  /** How often it showed objects, and how often to somebody else than the first. */
  views: number;
  overlaps: number;
}

interface BroadList {
  readonly signature: string;
  /** People whom it showed objects of others. */
  readonly seenBy: Set<number>;
}

/** One answer that hands objects to a caller. */
export interface Handing {
  readonly read: Read;
  readonly person: Person;
  readonly isCreation: boolean;
  readonly isRead: boolean;
  /** Nothing was searched for. */
  readonly isWhole: boolean;
  /** It is a list below an object: it shows what hangs on that, and not who asked. */
  readonly isBelow: boolean;
  /** The list shows everybody everything: being on it means nothing. */
  readonly isPublic: boolean;
  /** It shows everybody other objects: who is shown one has a part in it. */
  readonly isOwn: boolean;
  broad: BroadList | null;
  /** Null where the request chose whose objects it wants to see. */
  readonly list: OwnList | null;
  /** Others whose objects it shows. */
  readonly owners: Set<number>;
}

/** Objects of so many others in one answer nobody asked for: the server shows them to whoever it is for. */
const MIXED = 5;

/** Does the request say of whom, or which, it wants to see? Words of it only choose the list. */
function choosesAnything({ references }: RouteReading): boolean {
  return references.some(({ place, value }) => (place === 'query' || place === 'body') && !/^[a-z][a-z_-]*$/i.test(value));
}

/** A `POST` that is answered with several objects which it did not name asked for them, whatever it is called (`ops/scan`). */
function answersList({ objects, reading, status }: Read): boolean {
  if (status !== 200) return false;
  let listed = 0;
  for (const object of objects)
    if (object.inList && object.id !== null && !object.isMentioned && !isNamed(reading, object)) if (++listed >= MIXED) return true;
  return false;
}

/** How much of what a list shows somebody else was shown before; all of it where too little was seen. */
const overlapOf = (list: OwnList | null): number => (list === null || isYoung(list) ? 1 : list.overlaps / list.views);

const isYoung = ({ people, views }: OwnList): boolean => people.size < ENOUGH || views < ENOUGH_VIEWS;

/** Does it show, as far as it was seen, each object to few? */
const isForFew = (list: OwnList | null): boolean => list !== null && (isYoung(list) || overlapOf(list) <= FEW_OVERLAP);

/** What it means that a route without ids handed objects out: they are the caller's own, or shown to the caller, or the caller's job is to see all. */
export class Lists {
  readonly #lists = new Map<string, OwnList>();
  readonly #broadLists = new Map<string, BroadList>();
  /** Objects that all lists remember. */
  #held = 0;
  readonly #known: Knowledge;
  readonly #people: People;
  readonly #objects: Objects;
  readonly #places: Places;
  readonly #habits: Habits;
  readonly carers: Carers;

  constructor(known: Knowledge, people: People, objects: Objects, places: Places, habits: Habits) {
    this.#known = known;
    this.#people = people;
    this.#objects = objects;
    this.#places = places;
    this.#habits = habits;
    this.carers = new Carers(known, people);
  }

  /** A route without ids answered: what all objects of the answer have in common when they are handed out. */
  handing(read: Read, person: Person): Handing {
    const { service, reading } = read;
    const context = this.#places.get(service, reading.route, reading.answerSlot);
    const list = this.#ownList(read);
    const overlap = overlapOf(list);
    return {
      read,
      person,
      isCreation: isCreation(read),
      isRead: !reading.mutates || answersList(read),
      isWhole: asksForAll(read.observation.exchange.request.target),
      isBelow: reading.pathRoute.includes('{}'),
      isPublic: context?.rule?.stances.foreign.is === 'allow' && overlap > FEW_OVERLAP,
      isOwn: overlap <= OWN_OVERLAP,
      broad: null,
      list,
      owners: new Set(),
    };
  }

  /** The caller was shown this object: it may be their own, or somebody showed it to them. */
  handOut(handing: Handing, resource: Resource, id: string, hi: number, lo: number): void {
    const { person } = handing;
    const { rule } = resource;
    if (handing.isRead && !handing.isPublic) this.carers.entrust(handing, resource, id);
    const isFirst = this.#view(handing, objectNumber(hi, lo));
    const relation = this.#known.relation(person.id, hi, lo, this.#known.selfValue(rule, id), rule);
    if (relation === 'own') {
      this.#places.stems.note(resource, id, person);
      if (!this.reached(person, resource, hi, lo)) this.broad(handing, hi, lo);
      return;
    }
    const isShownAgain = relation === 'listed' && this.#known.wasShown(person.id, hi, lo);
    if (isShownAgain || relation === 'foreign' || relation === 'ungrouped' || relation === 'unidentified') this.broad(handing, hi, lo);
    if (!handing.isRead) {
      if (handing.isCreation && relation === 'unknown') this.#people.addGrant(person, hi, lo, GRANT.creator);
      return;
    }
    if (handing.isBelow) {
      if (relation !== 'unknown' && !handing.isPublic) this.#people.addGrant(person, hi, lo, GRANT.below);
    } else if (relation === 'unknown') {
      if (!this.#listed(handing, isFirst, hi, lo, resource) && isForFew(handing.list)) this.#people.addGrant(person, hi, lo, GRANT.below);
    } else if (!handing.isPublic) this.#people.addGrant(person, hi, lo, handing.isOwn ? GRANT.granted : GRANT.listed);
  }

  /** Somebody without a name gets a list that shows everybody only their own, or creates something: then the owner named there is this person. */
  voteByList(read: Read, person: Person): void {
    const { service, reading } = read;
    const created = isCreation(read);
    if (!created && reading.mutates) return;
    const context = this.#places.get(service, reading.route, created ? 'answer!' : reading.answerSlot);
    const stance = context?.rule?.stances.foreign.is;
    // Where those who are known are shown what others own, so is whoever comes next.
    if (context === undefined || stance === 'allow' || (stance !== 'deny' && overlapOf(this.#ownList(read)) > OWN_OVERLAP)) return;
    const rule = this.#known.sheet.resource(service, context.resource);
    if (rule === undefined) return;
    for (const field of rule.owners) if (this.#known.hasKind(person.id, field.kind) && person.guessed.length === 0) return;
    const named = new Map<number, [kind: number, times: number]>();
    let objects = 0;
    let fromTable = 0;
    let untold = 0;
    for (const object of read.objects) {
      if (object.id === null || object.resource !== context.resource || isNamed(reading, object)) continue;
      const seen = new Set<number>();
      for (const field of rule.owners) {
        for (let i = object.from; i < object.to; i++) {
          if (object.all.paths[i] !== field.number) continue;
          // A list of whom the caller chose says nothing of the caller.
          if (this.#habits.isChosen(person.id, reading.references, object.all.values[i])) continue;
          const value = object.valueAt(i, this.#known);
          if (seen.has(value)) continue;
          seen.add(value);
          named.set(value, [field.kind, (named.get(value)?.[1] ?? 0) + 1]);
        }
      }
      // A list may leave out whose its objects are, and other answers have told.
      if (seen.size === 0) {
        object.key(this.#known, this.#known.resource(service, object.resource));
        const owner = this.#known.ownerOf(object.hi, object.lo);
        if (owner === null || owner.value === 0 || owner.kind === PERSON_KIND) untold++;
        else if (!this.#choseOwner(person, reading.references, owner.value)) {
          fromTable++;
          seen.add(owner.value);
          named.set(owner.value, [owner.kind, (named.get(owner.value)?.[1] ?? 0) + 1]);
        }
      }
      if (seen.size > 0) objects++;
    }
    // Of the few that somebody else opened before nothing follows for the rest.
    if (fromTable > 0 && (objects < MANY_TOLD || untold > objects)) return;
    const everywhere = [...named].filter(([, [, times]]) => times === objects).flatMap(([value, [kind]]) => [value, kind]);
    if (everywhere.length > 0) this.#people.voteByList(person, everywhere, objects > 1 || created ? 3 : 2);
  }

  /** Did the caller name whose objects they wanted to see? `owner`: hash of that name. */
  #choseOwner(person: Person, references: readonly Reference[], owner: number): boolean {
    const named = references.find((one) => this.#known.valueHash(one.value) === owner);
    return named !== undefined && this.#habits.isChosen(person.id, references, named.value);
  }

  /**
   * The person reached something of their own, or what counts as that because it was listed for them while nothing says whose it is: no field is known
   * to name an owner, or the group that one names may be theirs or not. Staff are shown what is not theirs. True when it is theirs.
   */
  reached(person: Person, resource: Resource, hi: number, lo: number): boolean {
    const groupKind = resource.rule?.groupKind ?? -1;
    const saysOwner = (resource.rule?.fields.length ?? 0) > 0 || (resource.rule?.hangsOn != null && this.#known.findParent(hi, lo));
    const grant = this.#known.grant(hi, lo, person.id);
    // A field names the owners of such objects, but nobody has seen that of this one.
    const isUntold = grant === GRANT.listed && !this.#isTold(resource, hi, lo);
    const isTold = saysOwner && !isUntold && (groupKind < 0 || this.#known.hasKind(person.id, groupKind));
    if (isTold || (saysOwner ? grant !== GRANT.listed : grant === GRANT.creator)) {
      this.owns(person, resource);
      return true;
    }
    person.hasPresumed = true;
    return false;
  }

  /** Did an answer say lately whose this object is? */
  #isTold({ rule }: Resource, hi: number, lo: number): boolean {
    if (rule?.hangsOn != null && this.#known.findParent(hi, lo)) return true;
    const fields = this.#objects.details.of(hi, lo) ?? [];
    for (let i = 0; i < fields.length; i += 2)
      if (rule?.owners.some(({ number }) => number === fields[i]) || rule?.groups.some(({ number }) => number === fields[i])) return true;
    return false;
  }

  /** The person has something of their own. */
  owns(person: Person, resource: Resource): void {
    const { rule } = resource;
    this.#people.settle(person, resource);
    if (rule !== undefined && rule.selfKinds.length > 0) return;
    person.owned++;
    if (person.guessed.length > 0) this.#people.followNames(person);
    // Whoever has a name by what they opened only must have opened more of it before they may be blocked.
    if (person.owned >= (person.guessed.length === 0 ? 1 : 4)) this.#people.setFlags(person, PERSON.established);
    if (person.owned === 3 && !isMostlyStranger(person)) this.#people.clearFlags(person, PERSON.privileged | PERSON.manages);
  }

  /** Who owns nothing and is handed lists of many owners' objects by the server itself sees them as its job. */
  broad(handing: Handing, hi: number, lo: number): void {
    const known = this.#known.ownerOf(hi, lo);
    if (known === null) return;
    // Where objects name no person, the group is the owner.
    const owner = known.value || known.group;
    const { read, person } = handing;
    handing.broad ??= this.#broadList(read);
    const { signature, seenBy } = handing.broad;
    if (!read.reading.mutates && handing.list === null) return;
    if (seenBy.size < 1000) seenBy.add(person.id);
    const common = Math.max(3, this.#people.size * 0.1);
    if (seenBy.size > common) {
      // A list of many owners' objects that many people get is a feature, not a role.
      if (seenBy.size <= common + 3) for (const id of seenBy) this.#unprivilege(id, signature);
      return;
    }
    handing.owners.add(owner);
    const isMixed = handing.owners.size >= MIXED && !choosesAnything(read.reading);
    if (person.owned > 0 && !isMixed) return;
    // What a list that everybody gets showed them before was rather theirs.
    const visitors = this.#places.get(read.service, read.reading.route, read.reading.answerSlot)?.people.size ?? 0;
    if (person.hasPresumed && visitors > common) return;
    for (const one of isMixed ? handing.owners : [owner]) if (person.foreignOwners.size < MOST_OWNERS) person.foreignOwners.add(one);
    if (person.foreignOwners.size < 4 || !isMostlyStranger(person) || (person.flags & PERSON.privileged) !== 0) return;
    if (person.lastBroad !== read.observation.exchange.id) {
      person.lastBroad = read.observation.exchange.id;
      person.broadLists++;
    }
    if (person.broadLists < 2) return;
    const isStaff = overlapOf(handing.list) > SAME_OVERLAP;
    if (!isStaff && (person.flags & PERSON.manages) !== 0) return;
    person.privilegedBy = signature;
    // Staff are shown the same as each other, all there is; others what they manage.
    this.#people.setFlags(person, isStaff ? PERSON.privileged : PERSON.manages);
  }

  #broadList({ service, reading }: Read): BroadList {
    const signature = `${service} ${reading.route} ${reading.answerSlot}`;
    let list = this.#broadLists.get(signature);
    if (list === undefined) {
      list = { signature, seenBy: new Set() };
      if (this.#broadLists.size < MAX_LISTS) this.#broadLists.set(signature, list);
    }
    return list;
  }

  #unprivilege(id: number, signature: string): void {
    const person = this.#people.get(id);
    if (person !== undefined && person.privilegedBy === signature) this.#people.clearFlags(person, PERSON.privileged | PERSON.manages);
  }

  /** Lists that give every person other objects are lists of one's own: what they show belongs to the caller. True where it does now. */
  #listed({ person, list }: Handing, isFirst: boolean, hi: number, lo: number, resource: Resource): boolean {
    if (list === null) return false;
    if (!isFirst) list.conflicts++;
    const mine = list.people.size >= ENOUGH && list.first.size >= 6 && list.conflicts <= list.first.size * 0.05;
    if (!mine) return false;
    // A name on trial may be taken back; what it was given would stay somebody else's.
    const names = [...person.identities].filter(([value]) => !isGuess(person, value));
    if (names.length === 0) return false;
    const [value, kind] = names.find(([, one]) => resource.rule?.owners.some((owner) => owner.kind === one)) ?? names[0];
    this.#objects.setListedOwner(hi, lo, value, kind);
    this.#people.settle(person, resource);
    person.hasPresumed = true;
    return true;
  }

  /** Counts who is shown what; false where somebody else was shown it before. */
  #view({ person, list }: Handing, object: number): boolean {
    if (list === null || isSpecial(person.flags)) return true;
    const before = list.first.get(object);
    // What is not remembered would look as if nobody else were ever shown it.
    if (before === undefined && (list.first.size >= MAX_FIRST || this.#held >= MAX_HELD)) return true;
    const isFirst = before === undefined || before === person.id || this.#people.canon(before) === person.id;
    if (before === undefined) {
      list.first.set(object, person.id);
      this.#held++;
    }
    if (list.people.size < ENOUGH) list.people.add(person.id);
    if (++list.views >= MAX_VIEWS) {
      list.views /= 2;
      list.overlaps /= 2;
    }
    if (!isFirst) list.overlaps++;
    return isFirst;
  }

  /** Null where the request chose whose objects it wants to see. */
  #ownList(read: Read): OwnList | null {
    return read.reading.mutates || this.#places.choosesObjects(read.service, read.reading) ? null : this.#listOf(read);
  }

  #listOf({ service, reading }: Read): OwnList {
    const key = `${service} ${reading.route} ${reading.answerSlot}`;
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = { first: new Map(), conflicts: 0, people: new Set(), views: 0, overlaps: 0 };
      if (this.#lists.size < MAX_LISTS) this.#lists.set(key, list);
    }
    return list;
  }
}
