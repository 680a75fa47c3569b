/**
 * One room: the rule of a place rests on the other places of its resource, on the lists that show its objects, and on guests and roles; a change of any is one of all.
 */
import { FewMap, FewSet } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import {
  addSamples,
  addTally,
  type Context,
  loadContext,
  newContext,
  type Others,
  type RegimeSettings,
  type Sample,
  saveContext,
  stancesOf,
  type Tally,
  tallyOf,
} from './contexts.js';
import { typeFields } from './fields.js';
import { Hanging } from './hanging.js';
import { GRANT, GROUP_BITS, isSpecial, type Knowledge, pathValues, type Relation, type Resource, roleOf } from './knowledge.js';
import type { Objects } from './objects.js';
import { openingsOf } from './openings.js';
import { pathName, pathNumber } from './paths.js';
import type { People } from './people.js';
import { kindsByShape, type Person } from './person.js';
import type { Reference, RouteReading } from './references.js';
import { prefixOf, Scopes } from './scopes.js';
import { isGloballyUnique, referentOf } from './shape.js';
import { CLASSES, FIELD_SLOT, type ResourceRule, type RouteRule, type SheetChange, type SlotRule, type Stance, scoped } from './sheet.js';
import { Shown } from './shown.js';
import { Stems } from './stems.js';

const MAX_CONTEXTS = 60_000;
/** Of one route: names of fields are up to the client. */
const MAX_SLOTS = 300;
/** So many of the oldest are looked at for the one that is used least. */
const OLDEST = 16;
/** Too few people to be sure of this place, but the others of the service are private: worth an alert, and no more. */
const PRIVATE_BY_CUSTOM: Stance = { is: 'grey', confidence: 0.55, proven: false };
/** Names of parameters that may point at anything. */
const PLAIN_NAME = /^(?:|from|to|src|source|target|dest|destination|parent|subject|item|of|in|debtor|creditor)$/;
/** From so many people on a place speaks for itself. */
const ENOUGH_PEOPLE = 6;
/** So many people who have no such objects are guests, and no mistake, if they are this share of all. */
const FEW_GUESTS = 3;
const GUESTS = 0.1;
/** A list that shows so many people objects of so many others each shows them around; few share with the same one. */
const FEW_SHOWN = 3;
const MANY_OWNERS = 4;
/** So many members of a role do what the role is for. */
const FEW_IN_ROLE = 3;
const STRANGER: ReadonlySet<Relation> = new Set(['foreign', 'group', 'ungrouped']);
/** People who send long bodies that are told apart at a place. */
const MAX_LONG = 50;

/** What was found already of the places of one resource, for one state of knowledge. */
interface Review {
  readonly tallies: Map<Context, Tally>;
  /** Roles whose members reach objects of others by reading (false) and by writing. */
  readonly roles: Map<boolean, readonly number[]>;
}
const newReview = (): Review => ({ tallies: new Map(), roles: new Map() });

/** What places tell the model: a rule that changed, a piece that must be saved again. */
export interface PlacePorts {
  change(change: SheetChange): void;
  touched(piece: string): void;
}

/**
 * Every place where objects are reached (a slot of a route, a list, a creation): which resource it is about, by what answers show, and what its rule
 * is, by who reached whose objects there.
 */
export class Places {
  readonly #contexts = new Map<string, Context>();
  readonly #ofResource = new Map<string, Set<Context>>();
  /** The same by service, route and slot. */
  readonly #slots = new Map<string, Map<string, Map<string, Context>>>();
  readonly #shown = new Shown();
  readonly #scopes = new Scopes();
  /** Places that were forgotten because there were too many. */
  forgotten = 0;
  /** Names of the resources that answers have shown, by number. */
  readonly #shownNames: string[] = [];
  /** Those of which answers have shown some that the request did not name. */
  readonly #listed = new Set<number>();
  readonly #typedAt = new Map<string, number>();
  readonly #known: Knowledge;
  readonly #people: People;
  readonly #objects: Objects;
  readonly #regime: RegimeSettings;
  readonly #ports: PlacePorts;
  readonly stems: Stems;
  readonly hanging: Hanging;

  constructor(known: Knowledge, people: People, objects: Objects, regime: RegimeSettings, ports: PlacePorts) {
    this.#known = known;
    this.#people = people;
    this.#objects = objects;
    this.#regime = regime;
    this.#ports = ports;
    this.stems = new Stems(known, people);
    this.hanging = new Hanging(
      known,
      objects,
      (path, text, value) => this.idOf(path, text, value),
      (value, text) => this.#people.holderOfAny(value, kindsByShape(text)) !== undefined,
      (service, resource) => this.#rehang(service, resource),
    );
  }

  get size(): number {
    return this.#contexts.size;
  }

  get provenSlots(): number {
    let proven = 0;
    for (const context of this.#contexts.values()) if (context.rule?.stances.foreign.proven === true) proven++;
    return proven;
  }

  /** Accesses seen at all places. */
  get uses(): number {
    let uses = 0;
    for (const context of this.#contexts.values()) uses += context.uses;
    return uses;
  }

  /** Keeps what was accessed at a place, as {@link addSamples} does. */
  add(context: Context, samples: readonly Sample[]): void {
    addSamples(context, samples, this.#contexts.size);
  }

  get(service: string, route: string, slot: string): Context | undefined {
    return this.#slots.get(service)?.get(route)?.get(slot);
  }

  /** A route goes on under another template: its samples count for the new one. */
  rename(service: string, before: string, after: string): void {
    for (const [key, context] of [...this.#contexts]) {
      if (context.service !== service || context.route !== before) continue;
      this.#contexts.delete(key);
      this.#slots.get(service)?.get(before)?.delete(context.slot);
      this.#leaveResource(context);
      const target = this.make(service, after, context.slot, context.resource, context.mutates);
      for (const sample of context.samples) this.add(target, [sample]);
      target.uses += context.uses;
      this.refresh(target);
    }
  }

  save(key: string): string | null {
    const context = this.#contexts.get(key);
    return context === undefined ? null : JSON.stringify(saveContext(context, pathName));
  }

  load(value: string): void {
    const context = loadContext(JSON.parse(value) as ReturnType<typeof saveContext>, pathNumber);
    this.#keep(context);
    this.#joinResource(context);
    if (context.above > 0) this.#scopes.restore(context.service, prefixOf(context.route, indexOf(context.slot)), context.above);
  }

  /** An answer showed the object that a parameter of the path names. Below another parent the same id may be another object. */
  noteScope(service: string, reading: RouteReading, reference: Reference, object: AnswerObject, person: number): void {
    const index = indexOf(reference.slot);
    if (index === 0 || isGloballyUnique(reference.value)) return;
    const parent = reading.references.find((one) => one.slot === `path:${index - 1}`);
    if (parent === undefined) return;
    const prefix = prefixOf(reading.pathRoute, index);
    const value = this.#known.valueHash(reference.value);
    // A parent that is no id by itself either is told from others of its name by what stands before it.
    const above = this.#scopes.above(service, prefixOf(reading.pathRoute, index - 1));
    const parents =
      above === 0
        ? parent.value
        : pathValues(reading.references)
            .slice(index - 1 - above, index)
            .join('/');
    if (!this.#scopes.note(service, prefix, value, this.#known.valueHash(parents), object, person)) return;
    for (const context of this.#contexts.values()) {
      const above = context.service === service ? this.#aboveOf(context) : context.above;
      if (above === context.above) continue;
      // What was learned of it so far was learned of several objects as if they were one.
      context.above = above;
      context.samples.length = 0;
      context.denied.length = 0;
      this.refresh(context);
      this.#ports.touched(`place|${context.key}`);
    }
  }

  #aboveOf({ service, route, slot }: Context): number {
    return slot.startsWith('path:') ? this.#scopes.above(service, prefixOf(route, indexOf(slot))) : 0;
  }

  /** The same of what stands below the last parameter of a path that ends with a collection. */
  aboveBelow(service: string, { pathRoute }: RouteReading): number {
    return this.#scopes.above(service, `${pathRoute.slice(pathRoute.indexOf('/'))}/{}`);
  }

  /** After a restart: every place has the rule that the sheet holds for it. */
  readRules(): void {
    for (const context of this.#contexts.values())
      context.rule = this.#known.sheet.route(context.service, context.route)?.slots[context.slot] ?? null;
  }

  /** An answer showed this id (its value hash) as this resource; `isNamed`: it is what the request had asked for by that id, and called after its path. */
  noteId(value: number, resource: Resource, isNamed: boolean): void {
    this.#shown.note(value, resource.number);
    this.#shownNames[resource.number] ??= resource.name;
    if (!isNamed) this.#listed.add(resource.number);
  }

  /** The answer spoke of what this reference names: its values are ids, though no answer shows them as the id of anything. */
  noteNamed(service: string, reading: RouteReading, reference: Reference): void {
    if (reference.hint === '' || this.get(service, reading.route, reference.slot) !== undefined) return;
    this.noteId(this.#known.valueHash(reference.value), this.#known.resource(service, reference.hint), true);
  }

  /** These numbers are no longer those of the resources that they were. */
  forgetResources(numbers: ReadonlySet<number>): void {
    this.#shown.forget(numbers);
    for (const number of numbers) {
      delete this.#shownNames[number];
      this.#listed.delete(number);
    }
  }

  /** The place of a reference; null where values are no references, as far as is known. */
  at(service: string, reading: RouteReading, reference: Reference, mutates: boolean): Context | null {
    const value = this.#known.valueHash(reference.value);
    const route = reference.slot.startsWith(FIELD_SLOT) ? reading.fieldRoute : reading.route;
    let context = this.get(service, route, reference.slot);
    const seenAs = this.#shown.of(value);
    if (context === undefined) {
      // Outside the path nearly everything is no reference: a place counts once its values are ids that answers have shown.
      const isReference =
        reference.place === 'path' ||
        this.#pointsAt(reference, seenAs) ||
        this.#people.holderOfAny(value, kindsByShape(reference.value)) !== undefined;
      if (!isReference) return null;
      context = this.make(service, route, reference.slot, reference.hint, mutates);
    }
    if (seenAs.length > 0 && context.votes.size < 6) {
      const hinted = reference.hint === '' ? 0 : this.#known.resource(service, reference.hint).number;
      // What is listed as `tickets` may be asked for at `/maintenance-tickets/{id}`, after which nothing is listed.
      const isAlike = (name: string): boolean =>
        isGloballyUnique(reference.value) || reference.hint.endsWith(name) || name.endsWith(reference.hint);
      const listed = seenAs.find((number) => this.#listed.has(number) && isAlike(this.#shownNames[number]));
      const isOfHint = hinted > 0 && this.#shownNames[hinted] !== undefined && (listed === undefined || this.#listed.has(hinted));
      const resource = isOfHint ? reference.hint : this.#shownNames[listed ?? seenAs[0]];
      const isSure = isGloballyUnique(reference.value) || (!isOfHint && listed !== undefined);
      context.votes.set(resource, (context.votes.get(resource) ?? 0) + (isSure ? 1 : 0.1));
    }
    return context;
  }

  /** Is a value outside the path an id that answers have shown? Small numbers and words are ids of many things: with these the name must agree. */
  #pointsAt(reference: Reference, seenAs: readonly number[]): boolean {
    if (seenAs.length === 0) return false;
    const named = referentOf(reference.name.replace(/^x-/, ''));
    return PLAIN_NAME.test(named) || isGloballyUnique(reference.value) || seenAs.some((number) => named.endsWith(this.#shownNames[number]));
  }

  /** What the id in a field of an answer is an id of, by what answers have shown; small numbers and words are ids of many things: with these the name must agree. */
  idOf(path: string, text: string, value: number): string | null {
    const seenAs = this.#shown.of(value);
    if (seenAs.length === 0) return null;
    if (isGloballyUnique(text)) return this.#shownNames[seenAs[0]];
    const named = nameIn(path);
    for (const number of seenAs) if (named.endsWith(this.#shownNames[number])) return this.#shownNames[number];
    return null;
  }

  /** Does a request say of whom, or which objects, it wants to see, besides by its path? */
  choosesObjects(service: string, reading: RouteReading): boolean {
    return reading.references.some((reference) => {
      if (reference.place === 'path' || reference.place === 'cookie') return false;
      if (this.#known.sheet.slot(service, reading, reference.slot) !== undefined) return true;
      if (this.#pointsAt(reference, this.#shown.of(this.#known.valueHash(reference.value)))) return true;
      return this.#people.holderOfAny(this.#known.valueHash(reference.value), kindsByShape(reference.value)) !== undefined;
    });
  }

  /** The place of that name, made when new. */
  make(service: string, route: string, slot: string, resource: string, mutates: boolean): Context {
    let context = this.get(service, route, slot);
    if (context === undefined) {
      const ofRoute = this.#slots.get(service)?.get(route);
      if (ofRoute !== undefined && ofRoute.size >= MAX_SLOTS) this.#forgetOneOf(ofRoute);
      if (this.#contexts.size >= MAX_CONTEXTS) this.#forgetOneOf(this.#contexts);
      context = newContext(contextKey(service, route, slot), service, route, slot, resource, mutates);
      context.above = this.#aboveOf(context);
      this.#keep(context);
      this.#joinResource(context);
    }
    return context;
  }

  /** Forgets one that is old and hardly used; those that were spared are looked at last the next time. */
  #forgetOneOf(contexts: Map<string, Context>): void {
    const oldest: [string, Context][] = [];
    for (const entry of contexts) if (oldest.push(entry) >= OLDEST) break;
    const least = oldest.reduce((one, other) => (other[1].uses < one[1].uses ? other : one))[1];
    for (const [name, context] of oldest) {
      if (context === least) continue;
      contexts.delete(name);
      contexts.set(name, context);
    }
    this.forgotten++;
    const { key, service, route, slot } = least;
    this.#contexts.delete(key);
    this.#leaveResource(least);
    const routes = this.#slots.get(service);
    const slots = routes?.get(route);
    slots?.delete(slot);
    if (slots?.size === 0) routes?.delete(route);
    this.#ports.touched(`place|${key}`);
    if (least.rule === null) return;
    const { [slot]: _, ...rest } = this.#known.sheet.route(service, route)?.slots ?? {};
    this.#ports.change({ route: scoped(service, route), rule: Object.keys(rest).length === 0 ? null : { slots: rest } });
  }

  #keep(context: Context): void {
    this.#contexts.set(context.key, context);
    const routes = nested(this.#slots, context.service, () => new Map<string, Map<string, Context>>());
    nested(routes, context.route, () => new FewMap<string, Context>()).set(context.slot, context);
  }

  #joinResource(context: Context): void {
    const name = scoped(context.service, context.resource);
    let members = this.#ofResource.get(name);
    if (members === undefined) {
      members = new FewSet();
      this.#ofResource.set(name, members);
    }
    members.add(context);
  }

  /** A resource without a place is looked up by nobody: nothing is kept of it. */
  #leaveResource(context: Context): void {
    const name = scoped(context.service, context.resource);
    const members = this.#ofResource.get(name);
    members?.delete(context);
    if (members === undefined || members.size > 0) return;
    this.#ofResource.delete(name);
    this.#typedAt.delete(name);
    if (this.#known.sheet.resources.has(name)) this.#ports.change({ resource: name, rule: null });
  }

  /** Looks anew at a place whose number of uses has grown. */
  reviewIfDue(context: Context): void {
    if (context.uses < context.nextCheck) return;
    this.#ports.touched(`place|${context.key}`);
    context.nextCheck = Math.min(context.uses + 500, Math.ceil(context.uses * 1.35) + 2);
    this.#vote(context);
    const isRetyped = this.#typeResource(context.service, context.resource);
    const review = newReview();
    this.refresh(context, review);
    // Places with too few people of their own lean on the others of the resource, so they follow these.
    for (const other of this.#ofResource.get(scoped(context.service, context.resource)) ?? [])
      if (other !== context && (isRetyped || (other.rule?.principals ?? 0) < ENOUGH_PEOPLE)) this.refresh(other, review);
  }

  /** The body of a request was too long to be read whole: what it names at these places nobody knows. */
  noteLongBody(service: string, { route, fieldRoute }: RouteReading, person: number): void {
    for (const name of route === fieldRoute ? [route] : [route, fieldRoute])
      for (const context of this.#slots.get(service)?.get(name)?.values() ?? []) {
        if (!isInBody(context.slot) || context.longBy.has(person) || context.longBy.size >= MAX_LONG) continue;
        context.longBy.add(person);
        this.refresh(context);
        this.#ports.touched(`place|${context.key}`);
      }
  }

  #vote(context: Context): void {
    let best = '';
    let most = 0;
    let total = 0;
    for (const [resource, weight] of context.votes) {
      total += weight;
      if (weight > most) [best, most] = [resource, weight];
    }
    if (total < 3 || most < total * 0.6 || best === context.resource) return;
    this.#leaveResource(context);
    context.resource = best;
    this.#joinResource(context);
  }

  /** Looks anew at which fields of a resource name an owner; true when that changed. */
  #typeResource(service: string, resource: string): boolean {
    const name = scoped(service, resource);
    const contexts = [...(this.#ofResource.get(name) ?? [])];
    const uses = contexts.reduce((sum, one) => sum + one.uses, 0);
    if (uses < (this.#typedAt.get(name) ?? 0)) return false;
    this.#typedAt.set(name, Math.min(uses + 1000, Math.ceil(uses * 1.2) + 3));
    const fields = typeFields(contexts, this.#people);
    const before = this.#known.sheet.resources.get(name);
    const openings = openingsOf(
      contexts,
      this.#people,
      fields,
      before?.openings ?? [],
      (value) => this.#known.valueHash(value),
      this.#asStranger,
      this.#wasHanded,
    );
    const parent = this.hanging.of(service, resource) ?? before?.parent;
    const stems = this.stems.tellPeople(service, resource) ?? before?.stems;
    const rule: ResourceRule = {
      fields,
      ...(openings.length > 0 ? { openings } : {}),
      ...(parent === undefined ? {} : { parent }),
      ...(stems === true ? { stems } : {}),
    };
    if (JSON.stringify(before ?? { fields: [] }) === JSON.stringify(rule)) return false;
    this.#ports.change({ resource: name, rule: fields.length + openings.length === 0 && parent === undefined ? null : rule });
    this.#objects.reread(this.#known.resource(service, resource));
    return true;
  }

  /** What the objects of a resource hang on has turned out, or turned out to be wrong. */
  #rehang(service: string, resource: string): void {
    const name = scoped(service, resource);
    const { fields = [], openings, stems } = this.#known.sheet.resources.get(name) ?? {};
    const parent = this.hanging.of(service, resource);
    const rule: ResourceRule = {
      fields,
      ...(openings === undefined ? {} : { openings }),
      ...(parent === undefined ? {} : { parent }),
      ...(stems === undefined ? {} : { stems }),
    };
    this.#ports.change({ resource: name, rule: fields.length === 0 && openings === undefined && parent === undefined ? null : rule });
    const review = newReview();
    for (const context of this.#ofResource.get(name) ?? []) this.refresh(context, review);
  }

  /** Decides the rule of a place from its samples. */
  refresh(context: Context, review: Review = newReview()): void {
    const counted = (one: Context): Tally => {
      let tally = review.tallies.get(one);
      if (tally === undefined) {
        tally = tallyOf(one, this.#people, this.relate, this.#wasBelow, this.#othersAt(one, review));
        review.tallies.set(one, tally);
      }
      return tally;
    };
    const own = counted(context);
    context.usual = own.usual;
    if (context.slot === 'answer') context.showsOthers = this.#showsOthers(context);
    const tally = { ...own, share: { ...own.share }, anybody: { ...own.anybody } };
    for (const other of this.#ofResource.get(scoped(context.service, context.resource)) ?? []) {
      if (context.slot.startsWith('answer')) break;
      if (
        other === context ||
        other.mutates !== context.mutates ||
        other.slot.startsWith('answer') ||
        kindOfPlace(other) !== kindOfPlace(context)
      )
        continue;
      if (tally.people >= ENOUGH_PEOPLE) break;
      addTally(tally, counted(other), 0.5);
    }
    const stances = stancesOf(tally, context.people.size, context.mutates, this.#regime, context.rule?.stances);
    // A place where hardly anybody who came has reached anything of their own is proven by no other place.
    if (tally.leans && own.own <= (own.people + own.denied) * 0.4)
      for (const name of CLASSES) if (stances[name].proven) stances[name] = { ...stances[name], proven: false };
    if (stances.foreign.is === 'open' && isForStaff(context))
      stances.foreign = { is: 'deny', confidence: 0.75, proven: context.staffUses >= 12 && context.staff.size >= 3 };
    if (stances.foreign.is === 'grey' && context.mutates && this.#writesArePrivate(context.service)) stances.foreign = PRIVATE_BY_CUSTOM;
    const rule: SlotRule = {
      resource: context.resource,
      ...(own.hasGuests ? { hasGuests: true } : {}),
      ...(own.roles.length > 0 ? { roles: own.roles } : {}),
      ...(context.above > 0 ? { above: context.above } : {}),
      stances,
      principals: Math.round(tally.people),
      accesses: Math.round(tally.accesses),
      wrappings: [...context.wrappings].filter(([, times]) => times >= 2).map(([wrapping]) => wrapping),
      repeats: context.uses === 0 ? 0 : Math.round((context.repeated / context.uses) * 1000) / 1000,
      ...(isInBody(context.slot) ? { longBodies: longShareOf(context) } : {}),
    };
    if (JSON.stringify(rule) === JSON.stringify(context.rule)) return;
    context.rule = rule;
    const name = scoped(context.service, context.route);
    const route: RouteRule = { slots: { ...(this.#known.sheet.route(context.service, context.route)?.slots ?? {}), [context.slot]: rule } };
    this.#ports.change({ route: name, rule: route });
  }

  /** How many objects of others each person reached at a place, refused or not. */
  #reachedAt(context: Context): Map<Person, number> {
    const reached = new Map<Person, number>();
    for (const ring of [context.samples, context.denied])
      for (const sample of ring) {
        const person = this.#people.get(sample.person);
        if (person === undefined || isSpecial(person.flags)) continue;
        const isStrange = STRANGER.has(this.relate(context, sample, person.id, true));
        reached.set(person, (reached.get(person) ?? 0) + (isStrange ? 1 : 0));
      }
    return reached;
  }

  /**
   * Who says nothing of how private a place is. Guests: people who have none of these objects and reach some all the same. And those whose role reaches
   * objects of others, there or at the like places of the resource. Several such rather are what they are here for.
   */
  #othersAt(context: Context, review: Review): Others {
    const resource = this.#known.resource(context.service, context.resource);
    const reached = this.#reachedAt(context);
    const guests = new Set<number>();
    for (const [{ id }, times] of reached) if (times >= 2 && !this.#known.isAtHome(id, resource)) guests.add(id);
    const hasGuests = guests.size >= FEW_GUESTS && guests.size >= reached.size * GUESTS;
    const people = hasGuests ? guests : new Set<number>();
    const roles = this.#rolesAt(context, review);
    if (roles.length > 0) for (const { id, flags } of reached.keys()) if (roles.includes(roleOf(flags))) people.add(id);
    return { people, hasGuests, roles, areShown: this.#areShown(context) };
  }

  #showsOthers(context: Context): boolean {
    const owners = new Map<number, Set<number>>();
    for (const sample of context.samples) {
      const person = this.#people.get(sample.person);
      if (person === undefined || isSpecial(person.flags) || this.relate(context, sample, person.id, true) !== 'foreign') continue;
      nested(owners, person.id, () => new Set<number>()).add(this.ownersIn(context, sample)[0] ?? 0);
    }
    let people = 0;
    for (const { size } of owners.values()) if (size >= MANY_OWNERS) people++;
    return people >= FEW_SHOWN;
  }

  #areShown({ service, resource }: Context): boolean {
    for (const { slot, showsOthers, rule } of this.#ofResource.get(scoped(service, resource)) ?? [])
      if (slot.startsWith('answer') && (showsOthers || rule?.stances.foreign.is === 'allow')) return true;
    return false;
  }

  #rolesAt({ service, resource, mutates }: Context, { roles }: Review): readonly number[] {
    const known = roles.get(mutates);
    if (known !== undefined) return known;
    const all = new Map<Person, number>();
    for (const one of this.#ofResource.get(scoped(service, resource)) ?? [])
      if (one.mutates === mutates) for (const [person, times] of this.#reachedAt(one)) all.set(person, (all.get(person) ?? 0) + times);
    const found = rolesThatReach(all);
    roles.set(mutates, found);
    return found;
  }

  /** Where people write to what is theirs at nearly every other place of the service, they should here, too. */
  #writesArePrivate(service: string): boolean {
    let places = 0;
    let denied = 0;
    for (const { mutates, slot, rule, service: its } of this.#contexts.values()) {
      if (!mutates || its !== service || rule === null || !slot.startsWith('path') || rule.principals < ENOUGH_PEOPLE) continue;
      if (rule.stances.foreign.is === 'open') continue;
      places++;
      if (rule.stances.foreign.is === 'deny') denied++;
    }
    return denied >= 3 && denied >= places * 0.6;
  }

  /** Every owner value that an object named (value, kind, …): by its fields where they were seen, else by its table entry. */
  ownersIn(context: Context, sample: Sample): number[] {
    const out: number[] = [];
    const { fields } = sample;
    for (const field of this.#known.sheet.resource(context.service, context.resource)?.owners ?? []) {
      if (fields === null) break;
      for (let i = 0; i < fields.length; i += 2)
        if (fields[i] === field.number && !out.includes(fields[i + 1])) out.push(fields[i + 1], field.kind);
    }
    if (out.length > 0) return out;
    const owner = this.#known.ownerOf(sample.hi, sample.lo);
    return owner === null || owner.value === 0 ? [] : [owner.value, owner.kind];
  }

  /** The same of groups, for resources whose objects name no person. */
  groupsIn(context: Context, sample: Sample): number[] {
    const rule = this.#known.sheet.resource(context.service, context.resource);
    if (rule === undefined || rule.hasOwner) return [];
    const { fields } = sample;
    for (const field of rule.groups)
      for (let i = 0; fields !== null && i < fields.length; i += 2)
        if (fields[i] === field.number) return [fields[i + 1] & GROUP_BITS, rule.groupKind];
    const group = this.#known.table.get(sample.hi, sample.lo) ? this.#known.table.b >>> 8 : 0;
    return group === 0 ? [] : [group, rule.groupKind];
  }

  /** The group that an object named (24 bits, 0: none), whoever owns it. */
  groupOf(context: Context, { hi, lo, fields }: Sample): number {
    for (const field of this.#known.sheet.resource(context.service, context.resource)?.groups ?? [])
      for (let i = 0; fields !== null && i < fields.length; i += 2) if (fields[i] === field.number) return fields[i + 1] & GROUP_BITS;
    return this.#known.table.get(hi, lo) ? this.#known.table.b >>> 8 : 0;
  }

  /** The person whom an id is the name of, where ids of that sort are names of people (value, kind). */
  selfIn(context: Context, { value }: Sample): number[] {
    const kinds = this.#known.sheet.resource(context.service, context.resource)?.selfKinds ?? [];
    const kind = kinds.find((one) => this.#people.holder(value, one) !== undefined) ?? kinds[0];
    return kind === undefined ? [] : [value, kind];
  }

  readonly #wasBelow = ({ hi, lo }: Sample, person: number): boolean => this.#known.grant(hi, lo, person) === GRANT.below;

  readonly #wasHanded = (context: Context, sample: Sample, person: number): boolean => {
    const told = this.relate(context, sample, person);
    return told === 'listed' || told === 'granted' || told === 'entrusted';
  };

  /** Relation of a past access, had nobody shared or listed the object and did it not say for whom it is. */
  readonly #asStranger = (context: Context, sample: Sample, person: number): Relation => {
    const told = this.relate(context, sample, person, true);
    if (told !== 'public') return told;
    const rule = this.#known.sheet.resource(context.service, context.resource);
    return this.#known.relation(person, sample.hi, sample.lo, sample.value, rule === undefined ? rule : { ...rule, opens: [] }, true);
  };

  #byStem(context: Context, { hi, lo }: Sample, stem: number, person: number): Relation {
    if (this.#known.wasShown(person, hi, lo)) return 'unknown';
    return this.#known.byStem(person, this.#known.resource(context.service, context.resource), stem);
  }

  /** Relation of a past access, by what the object said then and by the grants known now. */
  readonly relate = (context: Context, sample: Sample, person: number, withoutGrants = false): Relation => {
    const rule = this.#known.sheet.resource(context.service, context.resource);
    const told = this.#known.relation(person, sample.hi, sample.lo, sample.value, rule, withoutGrants);
    const held = told === 'unknown' && sample.stem !== undefined ? this.#byStem(context, sample, sample.stem, person) : told;
    const { fields } = sample;
    if (rule === undefined || fields === null || held === 'granted' || (held === 'own' && !context.mutates)) return held;
    let namesOwner = false;
    let cared: Relation = held;
    for (const field of rule.owners)
      for (let i = 0; i < fields.length; i += 2) {
        if (fields[i] !== field.number) continue;
        if (this.#known.holds(person, fields[i + 1], field.kind)) return 'own';
        if (!withoutGrants) cared = this.#known.entrusted(cared, person, fields[i + 1], field.kind);
        namesOwner = true;
      }
    // A write is judged by what the object was before it: whoever takes something on becomes a party to it by that.
    if (held === 'own') return namesOwner && rule.selfKinds.length === 0 ? 'foreign' : 'own';
    for (const field of rule.parties)
      for (let i = 0; i < fields.length; i += 2)
        if (fields[i] === field.number && this.#known.holds(person, fields[i + 1], field.kind)) return 'granted';
    return cared;
  };
}

/** `reached`: how many objects of others each person reached at a place. Roles most of whose members did so, and which most who have a role have not. */
function rolesThatReach(reached: ReadonlyMap<Person, number>): number[] {
  const roles = new Map<number, { members: number; reaching: number }>();
  let named = 0;
  for (const [{ flags }, times] of reached) {
    const role = roleOf(flags);
    if (role === 0) continue;
    named++;
    const counted = nested(roles, role, () => ({ members: 0, reaching: 0 }));
    counted.members++;
    if (times >= 2) counted.reaching++;
  }
  return [...roles]
    .filter(([, { members, reaching }]) => reaching >= FEW_IN_ROLE && reaching * 2 >= members && members * 2 <= named)
    .map(([role]) => role)
    .sort((a, b) => a - b);
}

const indexOf = (slot: string): number => Number(slot.slice('path:'.length));

/** What a field is called after: `order` for `orderNo`, `order.id` and `^/order`. */
function nameIn(path: string): string {
  const steps = path
    .replace(/^\^\/?/, '')
    .replaceAll('[]', '')
    .split('.');
  const last = steps.at(-1) ?? '';
  return /^(?:id|uuid|guid|no|nr|number|ref|reference|code|key|href)$/.test(last) && steps.length > 1
    ? (steps.at(-2) ?? '')
    : referentOf(last);
}

const isInBody = (slot: string): boolean => slot.startsWith('body:');

/** One or two who do what nobody else does are no custom. */
const longShareOf = ({ longBy, people }: Context): number =>
  longBy.size <= 2 ? 0 : Math.round((longBy.size / Math.max(longBy.size, people.size)) * 1000) / 1000;

/** An id in a body is often only mentioned, one elsewhere is opened; what a GraphQL field is given, its operation's own place has mostly counted already. */
function kindOfPlace({ slot }: Context): 'field' | 'body' | 'open' {
  return slot.startsWith(FIELD_SLOT) ? 'field' : isInBody(slot) ? 'body' : 'open';
}

/** Only those who see everything come here: ordinary people hardly ever do. */
function isForStaff(context: Context): boolean {
  return context.staff.size >= 2 && context.staffUses >= 8 && context.people.size <= Math.max(1, context.staff.size * 0.5);
}

const contextKey = (service: string, route: string, slot: string): string => `${service}\u001f${route}\u001f${slot}`;

function nested<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
