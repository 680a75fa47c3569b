import type { AccessVerdict } from '../../exchange/index.js';
import { Aliases } from './aliases.js';
import type { AnswerObject } from './answer.js';
import { type Context, type Sample, type Strange, strangeOf } from './contexts.js';
import { afterSuccess, GUESSES, isMiss } from './guesses.js';
import type { Identify } from './identify.js';
import { isForOthers, leadsToGift, relationAt, stemHash } from './judge.js';
import { GRANT, isSpecial, type Knowledge, objectNumber, PERSON, type Relation } from './knowledge.js';
import type { Handing, Lists } from './lists.js';
import type { Objects } from './objects.js';
import { isGuess, type People } from './people.js';
import { kindsBeside, kindsByShape, NAMES_PERSON, type Person } from './person.js';
import type { Places } from './places.js';
import { isAbout, isCreation, isEchoed, isNamed, type Reading, subjectOf, subjectOutside } from './reading.js';
import type { Reference } from './references.js';
import { type Revocation, revocationOf } from './revoking.js';
import type { Roles } from './roles.js';
import { canonicalId, isGloballyUnique } from './shape.js';
import { type AccessClass, CLASSES } from './sheet.js';

const MAX_WAITING_GRANTS = 20_000;
/** Samples that one answer may give of what a list shows. */
const MAX_OF_LIST = 8;

/** Objects of one request that are learned from: a request judged by all it names need not be an example of all of it. */
const MAX_LEARNED = 100;

/** People at a place from whom what is usual there is known. */
const ENOUGH_PEOPLE = 6;

/** Key of an object in the ownership table. */
interface ObjectKey {
  readonly hi: number;
  readonly lo: number;
}

export interface GuessLimits {
  /** Misses in a row (decaying) from which unknown ids are refused. */
  readonly guessesToBlock: number;
}

/** What one exchange teaches: of the caller, of the place it reached, of the objects that the answer shows, of what was given to whom. */
export class Learning {
  readonly #aliases: Aliases;
  readonly #waitingGrants = new Map<number, number[]>();
  /** Objects that were shared with somebody who is not known yet. */
  readonly #awaited = new Set<number>();
  #words = new Uint32Array(4096);
  /** Path → where in the present answer it stood last; what is left of earlier answers is told by its path. */
  readonly #lastAt: number[] = [];

  constructor(
    private readonly known: Knowledge,
    private readonly people: People,
    private readonly objects: Objects,
    private readonly places: Places,
    private readonly lists: Lists,
    private readonly roles: Roles,
    private readonly identify: Identify,
    private readonly limits: GuessLimits,
  ) {
    this.#aliases = new Aliases(known, people);
    people.onIdentity = (person, value, kind) => {
      this.#aliases.onIdentity(person, value, kind);
      const waiting = this.#waitingGrants.get(value) ?? [];
      // Whoever has the name for certain may yet come.
      if (!isGuess(person, value)) this.#waitingGrants.delete(value);
      for (let i = 0; i < waiting.length; i += 3) {
        people.give(person, value, waiting[i], waiting[i + 1], waiting[i + 2]);
        if (!isGuess(person, value)) people.awaitsNobody(waiting[i], waiting[i + 1]);
      }
    };
  }

  /** Hashes the fields of an answer's objects; they stay good until the next call. */
  hash(objects: readonly AnswerObject[]): void {
    if (objects.length === 0) return;
    const { all } = objects[0];
    const { paths, values } = all;
    if (2 * paths.length > this.#words.length) this.#words = new Uint32Array(4 * paths.length);
    const words = this.#words;
    for (let i = 0; i < paths.length; i++) {
      const path = paths[i];
      words[2 * i] = path;
      // Elements of a list repeat what they inherit, and mostly who owns them.
      const before = this.#lastAt[path];
      if (before !== undefined && before < i && paths[before] === path && values[before] === values[i])
        words[2 * i + 1] = words[2 * before + 1];
      else words[2 * i + 1] = this.known.valueHash(values[i]);
      this.#lastAt[path] = i;
    }
    all.hashed = words;
  }

  learn(judged: Reading, verdict: AccessVerdict | null): void {
    const read = withoutCallNumbers(judged);
    const { outcome } = read.observation.exchange;
    if (outcome.action === 'blocked' && outcome.phase === 'request') {
      if (read.person !== null && (read.person.flags & PERSON.privileged) === 0)
        this.#learnAccesses({ ...read, objects: [] }, read.person, true, null);
      return;
    }
    if (read.person !== null) this.#learnMisses(read, read.person);
    if (read.status < 200 || (read.status >= 300 && read.status !== 304)) return;
    const denied = verdict !== null && verdict.relation !== 'own' && verdict.confidence >= 0.5;
    if (!denied) this.identify.learn(read);
    const person = read.person === null ? null : (this.people.get(read.person.id) ?? read.person);
    const isRefused = verdict?.enforceable === true;
    const taken = person !== null && read.reading.mutates && !isRefused ? this.#takenOn(read, person) : null;
    if (person !== null && (person.flags & PERSON.privileged) !== 0) this.#learnStaff(read, person);
    // What a proven regime denies is no example of what is normal, or an attack would argue for itself.
    else if (person !== null) this.#learnAccesses(read, person, isRefused, taken);
    this.#learnObjects(read, person, denied);
    if (person === null) return;
    if (taken !== null) this.people.addGrant(person, taken.hi, taken.lo, GRANT.granted);
    if (!read.reading.mutates) return;
    const revoked = revocationOf(read.reading, (slot) => this.known.sheet.slot(read.service, read.reading, slot));
    if (revoked === null) this.#learnGrants(read, person, denied);
    else if (!denied) this.#learnRevoked(read, person, revoked);
  }

  /** Ids that do not exist: one by one a mistake, several in a row a search. Each success takes some of the suspicion back. */
  #learnMisses(read: Reading, person: Person): void {
    const { service, status, reading } = read;
    const missed = isMiss(status);
    if ((!missed && person.misses === 0) || !this.known.sheet.knows(service, reading)) return;
    if (!missed) person.misses = afterSuccess(person.misses, status);
    else {
      for (const reference of reading.references) {
        const rule = this.known.sheet.slot(service, reading, reference.slot);
        if (rule === undefined) continue;
        this.known.referenceKey(this.known.resource(service, rule.resource), reference, reading.references, rule.above);
        const { hi, lo } = this.known.hash;
        if (this.known.table.get(hi, lo) || this.objects.details.has(hi, lo)) continue;
        person.misses += 1;
        break;
      }
    }
    if (person.misses >= this.limits.guessesToBlock) this.people.setFlags(person, PERSON.guessing);
    else if (person.misses < GUESSES.toForgive) this.people.clearFlags(person, PERSON.guessing);
  }

  #learnAccesses(read: Reading, person: Person, denied: boolean, taken: ObjectKey | null): void {
    const mutates = read.reading.mutates;
    // Those who were refused count, too: several of them are a custom that nobody had seen yet.
    if (read.reading.isCut) this.places.noteLongBody(read.service, read.reading, person.id);
    let wasGiven = false;
    for (const reference of firstOf(read.reading.references)) {
      const relation = this.#learnAccess(read, reference, person, denied, taken);
      if (relation === 'granted' || relation === 'listed') wasGiven = true;
    }
    // Whoever was given the one object was not asked to know whose the others are that lead to it.
    if (wasGiven) read.signs.strange = null;
    this.#learnList(read, person, mutates, denied);
  }

  #learnAccess(read: Reading, reference: Reference, person: Person, denied: boolean, taken: ObjectKey | null): Relation | null {
    const { service } = read;
    const { mutates } = read.reading;
    if (isEchoed(read, reference)) this.places.noteNamed(service, read.reading, reference);
    const context = this.places.at(service, read.reading, reference, mutates);
    if (context === null) return null;
    context.uses++;
    if (reference.repeated) context.repeated++;
    if (context.wrappings.size < 8) context.wrappings.set(reference.wrapping, (context.wrappings.get(reference.wrapping) ?? 0) + 1);
    const resource = this.known.resource(service, context.resource);
    const about = subjectOf(read.objects, reference, read.reading);
    if (about !== null && reference.place === 'path' && !denied) this.places.noteScope(service, read.reading, reference, about, person.id);
    this.known.referenceKey(resource, reference, read.reading.references, context.above);
    const { hi, lo } = this.known.hash;
    const held = mutates || about === null ? this.objects.details.of(hi, lo) : null;
    const stem = context.above > 0 ? 0 : stemHash(this.known, reference.value, resource);
    const sample: Sample = {
      person: person.id,
      hi,
      lo,
      value: this.known.valueHash(reference.value),
      ...(stem === 0 ? {} : { stem }),
      fields: held ?? about?.hashedFields() ?? null,
      denied: false,
      was: null,
    };
    if (about !== null && !denied) this.places.hanging.note(resource, hi, lo, about, person);
    const relation = this.places.relate(context, sample, person.id);
    const groupKind = resource.rule?.groupKind ?? -1;
    if (groupKind >= 0 && relation !== 'own' && !denied && read.status < 300)
      if (this.places.relate(context, sample, person.id, true) === 'ungrouped')
        this.people.reachedGroup(person, this.places.groupOf(context, sample), groupKind);
    // It may turn out to be somebody else's once more names are known.
    if (relation !== 'own' && leadsToGift(this.known, service, read.reading, reference, person.id)) return relation;
    // Whose access it was may come out later: somebody without a name is held against the regime as a stranger would be.
    const stance = context.rule?.stances[relation === 'unidentified' || relation === 'ungrouped' ? 'foreign' : (relation as AccessClass)];
    const isDenied = denied || (stance?.is === 'deny' && stance.proven);
    const isStrange = relation === 'foreign' || (relation === 'unknown' && !this.known.wasShown(person.id, hi, lo));
    const was = isStrange ? relation : null;
    const isTaken = taken !== null && taken.hi === hi && taken.lo === lo && relation !== 'own';
    const took = isTaken ? { took: isAccessClass(relation) ? relation : 'foreign' } : null;
    this.places.add(context, [{ ...sample, denied: isDenied, was, ...took }]);
    if ((relation === 'foreign' || relation === 'ungrouped') && (read.status < 300 || denied))
      this.roles.reached(person, this.places.ownersIn(context, sample)[0] ?? this.places.groupsIn(context, sample)[0] ?? 0);
    if (relation === 'foreign' && read.status < 300) this.people.doubt(person);
    // Where others' objects are denied, a single one is told anyway.
    const told = !isStrange ? null : relation === 'unknown' ? 'deny' : 'grey';
    if (told !== null && context.rule?.stances.foreign.is === told && context.rule.principals >= ENOUGH_PEOPLE) {
      const sort = relation as Strange;
      read.signs.strange = {
        sort,
        named: strangeOf(context, person.id, sort),
        usual: context.usual[sort],
        people: context.rule.principals,
      };
    }
    if (relation === 'entrusted' && read.status < 300) this.#noteCare(person, this.places.ownersIn(context, sample), sample.value);
    if (relation === 'entrusted' && isForOthers(context.rule)) this.people.addGrant(person, 0, 0, GRANT.entrusts);
    if (relation === 'own') {
      this.lists.reached(person, resource, hi, lo);
      if (context.above === 0) this.places.stems.note(resource, reference.value, person);
    } else if (relation === 'unidentified' || relation === 'unknown') this.#noteOpening(read, context, sample, person, reference);
    this.places.reviewIfDue(context);
    return relation;
  }

  /** `owners`: pairs of value and kind, or else the object is the person of that name. */
  #noteCare(person: Person, owners: readonly number[], value: number): void {
    for (let i = 0; i < owners.length; i += 2) this.lists.carers.reachedShown(person, owners[i]);
    if (owners.length === 0) this.lists.carers.reachedShown(person, value);
  }

  /** Somebody reached an object of which nothing says whether it is theirs: whose it is may tell who they are. */
  #noteOpening(read: Reading, context: Context, sample: Sample, person: Person, { place }: Reference): void {
    const stance = context.rule?.stances.foreign.is;
    const isPrivate = stance === 'deny' || (context.mutates && place !== 'body');
    if (stance === 'allow' && !isPrivate) return;
    const owners = this.places.ownersIn(context, sample);
    const groups = owners.length === 0 ? this.places.groupsIn(context, sample) : [];
    const self = owners.length === 0 && groups.length === 0 && place === 'path' ? this.places.selfIn(context, sample) : [];
    if (owners.length + groups.length + self.length === 0) return;
    // Of people themselves the same one, asked for in several ways, says as much as several objects of theirs.
    const object = self.length > 0 ? this.known.valueHash(read.reading.route) : objectNumber(sample.hi, sample.lo);
    const named = owners.length > 0 ? owners : groups.length > 0 ? groups : self;
    // Who has a name of that sort is known.
    if (this.known.hasKind(person.id, named[1]) && person.guessed.length === 0) return;
    const scatter = this.people.voteByOpening(person, object, named, groups.length > 0, isPrivate);
    // Shared with somebody whose name nobody knows yet: it may well have been the caller.
    if (stance === 'deny' && !isSpecial(person.flags) && !this.#isAwaited(sample.hi, sample.lo)) read.signs.scatter = scatter;
  }

  /** What a route without ids answered, or created. */
  #learnList(read: Reading, person: Person, mutates: boolean, denied: boolean): void {
    const { service, reading } = read;
    const isBelow = reading.pathRoute.includes('{}');
    if (read.objects.length === 0 || reading.isCut || (read.status !== 201 && isBelow && reading.container === null)) return;
    const listed = read.objects.filter((object) => object.id !== null && (object.inList || object.isRoot) && !isNamed(reading, object));
    if (listed.length === 0) return;
    const created = isCreation(read);
    if (mutates && !created) return;
    const resource = this.known.resource(service, listed[0].resource);
    const context = this.places.make(service, reading.route, created ? 'answer!' : reading.answerSlot, resource.name, mutates);
    context.uses++;
    const samples: Sample[] = [];
    for (const object of listed.slice(0, MAX_OF_LIST)) {
      if (object.resource !== resource.name) continue;
      object.key(this.known, resource);
      if (!denied) this.places.hanging.note(resource, object.hi, object.lo, object, person);
      samples.push({ person: person.id, hi: object.hi, lo: object.lo, value: 0, fields: object.hashedFields(), denied, was: null });
    }
    this.places.add(context, samples);
    this.places.reviewIfDue(context);
  }

  #learnStaff(read: Reading, person: Person): void {
    for (const reference of firstOf(read.reading.references)) {
      const context = this.places.at(read.service, read.reading, reference, read.reading.mutates);
      if (context === null) continue;
      context.staffUses++;
      context.people.delete(person.id);
      if (context.staff.size < 100) context.staff.add(person.id);
      if (context.staffUses % 8 === 0) this.places.refresh(context);
    }
  }

  #learnObjects(read: Reading, person: Person | null, denied: boolean): void {
    if (read.objects.length === 0) return;
    const { service, reading } = read;
    const pathReference =
      reading.references.findLast((one) => one.place === 'path') ??
      reading.references.find((one) => one.place === 'query' || one.place === 'header' || one.place === 'body');
    const idFree = !reading.pathRoute.includes('{}');
    if (person !== null && (idFree || read.status === 201) && !denied) this.lists.voteByList(read, person);
    // Of a request that names more than is looked at nobody can tell what its answer hands out.
    const handsOut = idFree || (reading.container !== null && !denied && !reading.mutates);
    const handing = person !== null && handsOut && !reading.isCut ? this.lists.handing(read, person) : null;
    this.objects.details.nextAnswer();
    if (handing !== null && !denied) this.lists.carers.entrustNamed(handing);
    const isScoped = pathReference?.place === 'path' && (this.places.get(service, reading.route, pathReference.slot)?.above ?? 0) > 0;
    for (const object of read.objects) {
      if (object.id !== null) this.#learnObject(read, object, object.id, handing, denied);
      if (!object.isRoot || pathReference === undefined) continue;
      const context = this.places.get(service, reading.route, pathReference.slot);
      const isUnlike = object.id !== pathReference.value || isScoped || context?.resource !== object.resource;
      if (
        context === undefined ||
        !isUnlike ||
        !(pathReference.place === 'path' ? isAbout(object, pathReference, reading) : object.id === null)
      )
        continue;
      const resource = this.known.resource(service, context.resource);
      this.known.referenceKey(resource, pathReference, reading.references, context.above);
      const { hi, lo } = this.known.hash;
      this.objects.learn(hi, lo, resource, object);
    }
  }

  #learnObject(read: Reading, object: AnswerObject, id: string, handing: Handing | null, denied: boolean): void {
    const resource = this.known.resource(read.service, object.resource);
    object.key(this.known, resource);
    const { hi, lo } = object;
    const above = object.isMentioned || read.reading.container === null ? 0 : this.places.aboveBelow(read.service, read.reading);
    if (above > 0) {
      this.known.keyBelow(resource, id, read.reading.references, above);
      this.objects.learn(this.known.hash.hi, this.known.hash.lo, resource, object);
    }
    // Lists repeat what they embed (the same owner in every element): once is enough.
    if (!this.objects.learn(hi, lo, resource, object)) return;
    if (!denied) this.#aliases.note(object, read.reading);
    this.places.noteId(object.idHash(this.known), resource, isNamed(read.reading, object));
    if (handing === null || !(object.inList || object.isRoot) || object.isMentioned || isNamed(read.reading, object)) return;
    if (!denied) this.lists.handOut(handing, resource, id, hi, lo);
    else if (handing.person.owned === 0) this.lists.broad(handing, hi, lo);
  }

  /**
   * The object that a write made the caller a party to: the server's answer names them in a field that named nobody before, and it was not the request
   * that put the name there (a courier who takes an order on). An audit field (`changedBy`) names somebody before, mostly.
   */
  #takenOn({ service, reading, objects }: Reading, person: Person): ObjectKey | null {
    for (const reference of firstOf(reading.references)) {
      const object = objects.find((one) => one.id === reference.value);
      if (object === undefined) continue;
      const slot = this.known.sheet.slot(service, reading, reference.slot);
      this.known.referenceKey(this.known.resource(service, slot?.resource ?? reference.hint), reference, reading.references, slot?.above);
      const { hi, lo } = this.known.hash;
      const before = this.objects.details.of(hi, lo);
      if (before === null) continue;
      const { paths, values } = object.all;
      for (let i = object.from; i < object.to; i++) {
        if (!person.identities.has(object.valueAt(i, this.known)) || hasPath(before, paths[i])) continue;
        const id = canonicalId(values[i]);
        if (!reading.references.some((one) => one.value === id)) return { hi, lo };
      }
    }
    return null;
  }

  /** A write on an object names somebody in its body: the object was shared with them. */
  #learnGrants(read: Reading, person: Person, denied: boolean): void {
    const { reading } = read;
    const outside = subjectOutside(reading.references, (slot) => this.known.sheet.slot(read.service, reading, slot));
    const subject =
      outside ??
      reading.references.find((one) => this.#isThing(read, one, person, 'own')) ??
      reading.references.find((one) => this.#isThing(read, one, person, 'unknown'));
    if (subject === undefined) return;
    const relation = this.#standing(read, subject, person);
    // Whom an owner names belongs to somebody else by nature: that denies nothing.
    if (relation === 'foreign' || (denied && relation !== 'own')) return;
    const { hi, lo } = this.known.hash;
    const slot = this.known.sheet.slot(read.service, reading, subject.slot);
    const { rule } = this.known.resource(read.service, slot?.resource ?? subject.hint);
    const isOwn = this.known.relation(person.id, hi, lo, 0, rule) === 'own';
    for (const reference of firstOf(reading.references)) {
      if (reference.place !== 'body' || reference.value === subject.value) continue;
      const value = this.known.valueHash(reference.value);
      const strength = relation === 'own' ? GRANT.granted : GRANT.weak;
      const holder = this.people.holderOfAny(value, kindsBeside(reference, rule));
      // Nobody shares with themselves: that would be a way to make one's own what is not.
      if (holder === person) continue;
      if (holder !== undefined) this.give(holder, value, hi, lo, strength);
      // What stands beside an object in a body may be a thing as well: the other account of a payment.
      else if ((outside !== undefined && isGloballyUnique(reference.value)) || NAMES_PERSON.test(reference.name)) {
        this.await(value, hi, lo, strength);
        // Things are named beside an object as well.
        if (isOwn && NAMES_PERSON.test(reference.name) && !this.#namesThing(read, reference))
          this.people.awaits(hi, lo, kindsByShape(reference.value)[0] ?? 0);
        this.#awaited.add(objectNumber(hi, lo));
        if (this.#awaited.size > MAX_WAITING_GRANTS) this.#awaited.delete(this.#awaited.values().next().value as number);
      }
    }
  }

  /** Somebody who may took access back from somebody, or gave it up. */
  #learnRevoked(read: Reading, person: Person, { subject, named, isLeaving }: Revocation): void {
    const { service, status, reading } = read;
    const slot = this.known.sheet.slot(service, reading, subject.slot);
    const resource = this.known.resource(service, slot?.resource ?? subject.hint);
    const relation = relationAt(this.known, person.id, subject, resource, reading, { status, objects: [] }, slot?.above);
    if (relation === 'foreign' || relation === 'ungrouped') return;
    this.known.referenceKey(resource, subject, reading.references, slot?.above);
    const { hi, lo } = this.known.hash;
    if (isLeaving) this.people.dropGrant(person, hi, lo);
    for (const reference of named) {
      const value = this.known.valueHash(reference.value);
      const holder = this.people.holderOfAny(value, kindsByShape(reference.value));
      if (holder !== undefined) this.people.dropGrant(holder, hi, lo);
      const waiting = this.#waitingGrants.get(value) ?? [];
      for (let i = 0; i < waiting.length; i += 3) if (waiting[i] === hi && waiting[i + 1] === lo) waiting.splice(i, 3);
    }
  }

  /** Do answers show what stands there, and do they not show people? */
  #namesThing({ service, reading }: Reading, { slot }: Reference): boolean {
    const rule = this.known.sheet.slot(service, reading, slot);
    return rule !== undefined && (this.known.resource(service, rule.resource).rule?.selfKinds.length ?? 0) === 0;
  }

  /** Where all ids stand in the body, the object is one at a private place that is the caller's, or may be; people are none. */
  #isThing(read: Reading, reference: Reference, person: Person, relation: Relation): boolean {
    const rule = this.known.sheet.slot(read.service, read.reading, reference.slot);
    if (rule === undefined || (this.known.resource(read.service, rule.resource).rule?.selfKinds.length ?? 0) > 0) return false;
    return (relation === 'own' || rule.stances.foreign.is === 'deny') && this.#standing(read, reference, person) === relation;
  }

  /** How the person stands to what a request names, by the table alone; leaves the object's key in the hash. */
  #standing({ service, status, reading }: Reading, reference: Reference, person: Person): Relation {
    const rule = this.known.sheet.slot(service, reading, reference.slot);
    const resource = this.known.resource(service, rule?.resource ?? reference.hint);
    const relation: Relation =
      rule === undefined ? 'unknown' : relationAt(this.known, person.id, reference, resource, reading, { status, objects: [] }, rule.above);
    this.known.referenceKey(resource, reference, reading.references, rule?.above);
    return relation;
  }

  /** Gives somebody of that name a grant; nobody known has it for certain: it waits for who does. */
  give(holder: Person | undefined, value: number, hi: number, lo: number, grant: number): void {
    for (const carer of this.lists.carers.carersOf(value)) this.people.addGrant(carer, hi, lo, GRANT.weak);
    if (holder === undefined || isGuess(holder, value)) this.await(value, hi, lo, grant);
    if (holder !== undefined) this.people.give(holder, value, hi, lo, grant);
  }

  /** Keeps a grant for somebody whose identity has not been seen yet. */
  await(value: number, hi: number, lo: number, grant: number): void {
    const waiting = this.#waitingGrants.get(value) ?? [];
    for (let i = 0; i < waiting.length; i += 3) if (waiting[i] === hi && waiting[i + 1] === lo) return;
    if (this.#waitingGrants.size >= MAX_WAITING_GRANTS) return;
    this.#waitingGrants.set(value, [...waiting.slice(-297), hi, lo, grant]);
  }

  #isAwaited(hi: number, lo: number): boolean {
    return this.#awaited.has(objectNumber(hi, lo));
  }
}

const isAccessClass = (relation: Relation): relation is AccessClass => (CLASSES as readonly string[]).includes(relation);

/** `fields`: pairs of path and value. */
function hasPath(fields: readonly number[], path: number): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === path) return true;
  return false;
}

function firstOf(references: readonly Reference[]): readonly Reference[] {
  return references.length <= MAX_LEARNED ? references : references.slice(0, MAX_LEARNED);
}

/** The number of a JSON-RPC call is the client's own count, and no object. */
function withoutCallNumbers(read: Reading): Reading {
  const { reading } = read;
  if (!reading.references.some(({ isCallNumber }) => isCallNumber)) return read;
  return { ...read, reading: { ...reading, references: reading.references.filter(({ isCallNumber }) => !isCallNumber) } };
}
