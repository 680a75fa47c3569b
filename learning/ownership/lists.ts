import type { AnswerObject } from './answer.js';
import { GRANT, type Knowledge, PERSON } from './knowledge.js';
import type { Objects } from './objects.js';
import type { People, Person } from './people.js';
import type { Places } from './places.js';
import { isCreation, isNamed, type Reading, SAFE } from './reading.js';
import { type ResourceRule, scoped } from './sheet.js';

/** What it means that a route without ids handed objects out: they are the caller's own, or shown to the caller, or the caller's job is to see all. */
export class Lists {
  readonly #lists = new Map<string, { first: Map<number, number>; conflicts: number; mine: boolean; people: Set<number> }>();
  readonly #broadLists = new Map<string, Set<number>>();
  readonly #known: Knowledge;
  readonly #people: People;
  readonly #objects: Objects;
  readonly #places: Places;

  constructor(known: Knowledge, people: People, objects: Objects, places: Places) {
    this.#known = known;
    this.#people = people;
    this.#objects = objects;
    this.#places = places;
  }

  /** An id-free route answered with this object: it may be the caller's own list, or somebody showed it to them. */
  handOut(read: Reading, person: Person, object: AnswerObject, hi: number, lo: number): void {
    const service = read.observation.exchange.service;
    const rule = this.#known.resource(service, object.resource);
    const relation = this.#known.relation(person.id, hi, lo, this.#known.valueHash(object.id as string), rule);
    if (relation === 'own') {
      this.owns(person, rule);
      return;
    }
    if (relation === 'foreign' || relation === 'unidentified') this.broad(read, person, hi, lo);
    if (!SAFE.has(read.reading.method)) {
      if (isCreation(read) && relation === 'unknown') this.#people.addGrant(person, hi, lo, GRANT.creator);
      return;
    }
    if (relation === 'unknown') {
      this.#listed(service, `${read.reading.route} ${read.reading.answerSlot}`, person, hi, lo);
      return;
    }
    const context = this.#places.get(service, read.reading.route, read.reading.answerSlot);
    if (context?.rule?.stances.foreign.is === 'allow') return;
    this.#people.addGrant(person, hi, lo, GRANT.listed);
  }

  /** Somebody without a name gets a list that shows everybody only their own, or creates something: then the owner named there is this person. */
  voteByList(read: Reading, person: Person): void {
    const service = read.observation.exchange.service;
    const created = isCreation(read);
    if (!created && !SAFE.has(read.reading.method)) return;
    const context = this.#places.get(service, read.reading.route, created ? 'answer!' : read.reading.answerSlot);
    if (context?.rule?.stances.foreign.is !== 'deny') return;
    const rule = this.#known.resource(service, context.resource);
    const named = new Map<number, [kind: number, times: number]>();
    let objects = 0;
    for (const object of read.objects) {
      if (object.id === null || object.resource !== context.resource || rule === undefined || isNamed(read.reading, object)) continue;
      const seen = new Set<number>();
      for (const field of rule.fields) {
        if (field.role !== 'owner' || field.path === '@') continue;
        if (this.#known.hasKind(person.id, field.kind) && person.guessed.length === 0) return;
        for (const one of object.fields) {
          const value = one.path === field.path ? this.#known.valueHash(one.value) : 0;
          if (value === 0 || seen.has(value)) continue;
          seen.add(value);
          named.set(value, [field.kind, (named.get(value)?.[1] ?? 0) + 1]);
        }
      }
      if (seen.size > 0) objects++;
    }
    const everywhere = [...named].filter(([, [, times]]) => times === objects).flatMap(([value, [kind]]) => [value, kind]);
    if (everywhere.length > 0) this.#people.voteByList(person, everywhere, objects > 1 || created ? 3 : 2);
  }

  owns(person: Person, rule: ResourceRule | undefined): void {
    if (rule?.fields.some((field) => field.path === '@') === true) return;
    person.owned++;
    if (person.owned === 1) this.#people.setFlags(person, PERSON.established);
    if (person.owned === 3) this.#people.clearFlags(person, PERSON.privileged);
  }

  /** Who owns nothing and is handed lists of many owners' objects by the server itself sees them as its job. */
  broad(read: Reading, person: Person, hi: number, lo: number): void {
    if (!this.#known.table.get(hi, lo)) return;
    const owner = this.#known.table.a;
    const signature = `${read.observation.exchange.service} ${read.reading.route} ${read.reading.answerSlot}`;
    let seenBy = this.#broadLists.get(signature);
    if (seenBy === undefined) {
      seenBy = new Set();
      this.#broadLists.set(signature, seenBy);
    }
    if (seenBy.size < 1000) seenBy.add(person.id);
    const common = Math.max(3, this.#people.size * 0.1);
    if (seenBy.size > common) {
      // A list of many owners' objects that many people get is a feature, not a role.
      if (seenBy.size <= common + 3) for (const id of seenBy) this.#unprivilege(id, signature);
      return;
    }
    if (person.owned > 0) return;
    if (person.foreignOwners.size < 33) person.foreignOwners.add(owner);
    if (person.foreignOwners.size < 4 || (person.flags & PERSON.privileged) !== 0) return;
    if (person.lastBroad !== read.observation.exchange.id) {
      person.lastBroad = read.observation.exchange.id;
      person.broadLists++;
    }
    if (person.broadLists < 2) return;
    person.privilegedBy = signature;
    this.#people.setFlags(person, PERSON.privileged);
  }

  #unprivilege(id: number, signature: string): void {
    const person = this.#people.get(id);
    if (person !== undefined && person.privilegedBy === signature) this.#people.clearFlags(person, PERSON.privileged);
  }

  /** Lists that give every person other objects are lists of one's own: what they show belongs to the caller. */
  #listed(service: string, route: string, person: Person, hi: number, lo: number): void {
    const key = scoped(service, route);
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = { first: new Map(), conflicts: 0, mine: false, people: new Set() };
      this.#lists.set(key, list);
    }
    const object = (hi >>> 11) * 4294967296 + (lo >>> 0);
    const before = list.first.get(object);
    if (before === undefined) {
      if (list.first.size < 20_000) list.first.set(object, person.id);
    } else if (this.#people.canon(before) !== person.id) list.conflicts++;
    list.people.add(person.id);
    const mine = list.people.size >= 4 && list.first.size >= 6 && list.conflicts <= list.first.size * 0.05;
    list.mine = mine;
    const name = mine ? [...person.identities][0] : undefined;
    if (name !== undefined) this.#objects.setListedOwner(hi, lo, name[0], name[1]);
  }
}
