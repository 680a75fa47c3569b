import { type AccessVerdict, bodyText, type Finding, type Observation, type Principal } from '../../exchange/index.js';
import { accessFinding, alertOf } from './alerts.js';
import { type AnswerObject, type Field, readAnswer } from './answer.js';
import { Dirty, loadSegment, MAX_PIECES, type SavedEntry } from './checkpoint.js';
import {
  addSample,
  addTally,
  type Context,
  loadContext,
  newContext,
  REGIME,
  type RegimeSettings,
  type Sample,
  saveContext,
  stancesOf,
  type Tally,
  tallyOf,
} from './contexts.js';
import { OwnershipError } from './errors.js';
import { typeFields } from './fields.js';
import { KeyedHash } from './hash.js';
import { type Caller, JUDGE, type JudgedAnswer, type JudgeSettings, judge, relationAt } from './judge.js';
import { GRANT, Knowledge, PERSON, type Relation } from './knowledge.js';
import { Objects } from './objects.js';
import { namedKind, People, type Person } from './people.js';
import { type Reference, type RouteReading, readRequest } from './references.js';
import { foldRoute } from './routes.js';
import { isGloballyUnique, shapeOf } from './shape.js';
import { type AccessClass, type ResourceRule, type RouteRule, type SheetChange, type SlotRule, type Stance, scoped } from './sheet.js';
import { SignIns, type Told } from './signin.js';
import { Table } from './table.js';
import { answerObjects } from './view.js';
import { encodeDelta } from './wire.js';

export interface OwnershipSettings {
  /** The installation's secret, the one that principals are hashed with. */
  readonly secret: string;
  /** 8 bytes that key the ownership table's hash. */
  readonly seed: Uint8Array;
  readonly regime: RegimeSettings;
  readonly judge: JudgeSettings;
  /** Misses in a row (decaying) from which unknown ids are refused, and from which they are reported. */
  readonly guessesToBlock: number;
  readonly guessesToAlert: number;
  /** Confidence from which a verdict becomes a finding. */
  readonly alertConfidence: number;
  /** Entries of the table (objects, names, grants); beyond them new ones are counted and not kept. 24 bytes each. */
  readonly maxEntries: number;
}

export interface OwnershipStats {
  readonly people: number;
  readonly entries: number;
  readonly tableBytes: number;
  /** Entries that were not kept because the table is full. */
  readonly droppedEntries: number;
  readonly contexts: number;
  readonly objectsInDetail: number;
  readonly joins: number;
  readonly routes: number;
  readonly provenSlots: number;
}

export interface Judgement {
  readonly verdict: AccessVerdict | null;
  readonly finding: Finding | null;
}

const MAX_BODY = 262_144;
const MAX_CONTEXTS = 60_000;
const MAX_WAITING_GRANTS = 20_000;
const MAX_IDS = 200_000;
/** Too few people to be sure of this place, but the others of the service are private: worth an alert, and no more. */
const PRIVATE_BY_CUSTOM: Stance = { is: 'grey', confidence: 0.55, proven: false };
/** From so many people on a place speaks for itself. */
const ENOUGH_PEOPLE = 6;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

interface Reading {
  readonly observation: Observation;
  readonly reading: RouteReading;
  readonly objects: AnswerObject[];
  /** Fields of the objects as numbers, made at most once each. */
  readonly snapshots: Map<AnswerObject, Uint32Array>;
  readonly status: number;
  readonly person: Person | null;
}

/**
 * Learns from exchanges whose objects are whose: who is who ({@link People}), which fields name an owner, which places are private
 * ({@link Context}), who was given what. Judges each exchange before learning from it. Deterministic; no clock, no I/O.
 */
export class OwnershipModel {
  readonly known: Knowledge;
  readonly people: People;
  readonly #objects: Objects;
  readonly #signIns: SignIns;
  readonly #settings: OwnershipSettings;
  readonly #contexts = new Map<string, Context>();
  readonly #ofResource = new Map<string, Set<Context>>();
  /** Resources that answers have shown under that name. */
  readonly #shown = new Set<string>();
  /** Exchanges of known callers, since this process began or since the state it continues was young. */
  #calls = 0;
  #refused = 0;
  /** Id value → resources that answers showed it as; two generations, the older one is forgotten as a whole. */
  #ids = new Map<number, string[]>();
  #olderIds = new Map<number, string[]>();
  readonly #waitingGrants = new Map<number, number[]>();
  readonly #lists = new Map<string, { first: Map<number, number>; conflicts: number; mine: boolean; people: Set<number> }>();
  readonly #dirty = new Dirty();
  readonly #entryLog = new Map<number, number[]>();
  readonly #ruleLog = new Map<string, SheetChange>();
  readonly #typedAt = new Map<string, number>();
  readonly #broadLists = new Map<string, Set<number>>();

  constructor(settings: Partial<OwnershipSettings> & Pick<OwnershipSettings, 'secret' | 'seed'>) {
    this.#settings = {
      regime: REGIME,
      judge: JUDGE,
      alertConfidence: 0.5,
      guessesToBlock: 3.4,
      guessesToAlert: 2.4,
      maxEntries: 12_000_000,
      ...settings,
    };
    this.known = new Knowledge(new KeyedHash(settings.seed));
    this.people = new People(this.known, this.#write, this.#forget, (piece) => this.#dirty.pieces.add(piece));
    this.#objects = new Objects(this.known, this.#write, (hi, lo, value, kind) => {
      const holder = this.people.holder(value, kind);
      if (holder !== undefined) this.people.addGrant(holder, hi, lo, GRANT.party);
      else this.#await(value, hi, lo, GRANT.party);
    });
    this.#signIns = new SignIns(settings.secret);
    this.people.onIdentity = (person, value) => {
      const waiting = this.#waitingGrants.get(value) ?? [];
      this.#waitingGrants.delete(value);
      for (let i = 0; i < waiting.length; i += 3) this.people.addGrant(person, waiting[i], waiting[i + 1], waiting[i + 2]);
    };
  }

  /** Judges an exchange with what was known before it, then learns from it. `answer`: the parsed JSON of the answer, where somebody has parsed it. */
  judge(observation: Observation, answer?: () => unknown): Judgement {
    const read = this.#read(observation, answer);
    const verdict = this.#judge(read);
    this.#learn(read, verdict);
    const alert = alertOf(verdict, read.person, this.people, this.#calls, !SAFE.has(read.reading.method));
    const isFinding = alert !== null && alert.confidence >= this.#settings.alertConfidence;
    return { verdict, finding: isFinding ? accessFinding(read.observation, read.reading.method, alert) : null };
  }

  /** Learns from an exchange without a judgement (imports, warm-up). */
  observe(observation: Observation): void {
    const read = this.#read(observation);
    this.#learn(read, this.#judge(read));
  }

  /** Path templating found a better template: what was learned under the old one counts for the new one. */
  rename(service: string, method: string, from: string, to: string): void {
    const before = foldRoute(method, from);
    const after = foldRoute(method, to);
    if (before === after) return;
    for (const [key, context] of [...this.#contexts]) {
      if (context.service !== service || context.route !== before) continue;
      this.#contexts.delete(key);
      this.#ofResource.get(scoped(service, context.resource))?.delete(context);
      const target = this.#context(service, after, context.slot, context.resource, context.mutates);
      for (const sample of context.samples) addSample(target, sample);
      target.uses += context.uses;
      this.#refresh(target);
    }
    this.#change({ route: scoped(service, before), rule: null });
  }

  /** Everything a new view needs, in chunks of at most a few megabytes; the first one resets the view. */
  *snapshot(): Generator<Uint8Array> {
    yield encodeDelta({ snapshot: true, seed: this.#settings.seed, entries: new Uint32Array(0), changes: this.known.sheet.changes() });
    let batch: number[] = [];
    for (let segment = 0; segment < Table.segments; segment++) {
      const packed = this.known.table.packed(segment);
      for (let i = 0; i < packed.length; i += 4) batch.push(packed[i], packed[i + 1], packed[i + 2], packed[i + 3], 1);
      if (batch.length > 500_000 || (segment === Table.segments - 1 && batch.length > 0)) {
        yield encodeDelta({ snapshot: false, seed: this.#settings.seed, entries: Uint32Array.from(batch), changes: [] });
        batch = [];
      }
    }
  }

  /** What changed since the last call; null when nothing did. */
  deltas(): Uint8Array | null {
    if (this.#entryLog.size === 0 && this.#ruleLog.size === 0) return null;
    const entries = new Uint32Array(this.#entryLog.size * 5);
    let at = 0;
    for (const entry of this.#entryLog.values()) {
      entries.set(entry, at);
      at += 5;
    }
    const bytes = encodeDelta({ snapshot: false, seed: this.#settings.seed, entries, changes: [...this.#ruleLog.values()] });
    this.#entryLog.clear();
    this.#ruleLog.clear();
    return bytes;
  }

  /** Pieces of state that changed since the last call, at most a bounded number; what is left comes with the next call. */
  checkpoint(): SavedEntry[] {
    const entries = this.#dirty.table(this.known.table);
    for (const piece of this.#dirty.take(this.#dirty.pieces, MAX_PIECES)) entries.push({ key: piece, value: this.#save(piece) });
    return entries;
  }

  /** Continues from saved pieces, in any order. Throws {@link OwnershipError} when a piece cannot be read. */
  restore(entries: Iterable<SavedEntry>): void {
    for (const { key, value } of entries) {
      if (value === null) continue;
      try {
        if (key.startsWith('x|')) loadSegment(this.known.table, value);
        else if (key.startsWith('p|') || key.startsWith('s|')) this.people.load(key, value);
        else if (key.startsWith('place|')) this.#loadContext(value);
        else this.known.sheet.apply(JSON.parse(value) as SheetChange);
      } catch (error) {
        throw error instanceof OwnershipError
          ? error
          : new OwnershipError('WEIR_OWNERSHIP_SAVED', `the learned ownership under "${key.slice(0, 80)}" cannot be read`);
      }
    }
    for (const context of this.#contexts.values()) {
      this.#calls += context.uses;
      context.rule = this.known.sheet.routes.get(scoped(context.service, context.route))?.slots[context.slot] ?? null;
    }
  }

  #save(piece: string): string | null {
    if (piece.startsWith('p|') || piece.startsWith('s|')) return this.people.save(piece);
    const [sort, name] = [piece.slice(0, piece.indexOf('|')), piece.slice(piece.indexOf('|') + 1)];
    if (sort === 'route') return JSON.stringify({ route: name, rule: this.known.sheet.routes.get(name) ?? null });
    if (sort === 'resource') return JSON.stringify({ resource: name, rule: this.known.sheet.resources.get(name) ?? null });
    const context = this.#contexts.get(name);
    if (context === undefined) return null;
    const paths = this.#objects.pathOf;
    return JSON.stringify(saveContext(context, paths));
  }

  #loadContext(value: string): void {
    const context = loadContext(JSON.parse(value) as ReturnType<typeof saveContext>, (path) => this.#objects.pathId(path));
    this.#contexts.set(context.key, context);
    this.#joinResource(context);
  }

  stats(): OwnershipStats {
    let provenSlots = 0;
    for (const context of this.#contexts.values()) if (context.rule?.stances.foreign.proven === true) provenSlots++;
    return {
      people: this.people.size,
      entries: this.known.table.size,
      tableBytes: this.known.table.bytes,
      droppedEntries: this.#refused,
      contexts: this.#contexts.size,
      objectsInDetail: this.#objects.size,
      joins: this.people.joins,
      routes: this.known.sheet.routes.size,
      provenSlots,
    };
  }

  readonly #write = (hi: number, lo: number, a: number, b: number): void => {
    if (this.known.table.size >= this.#settings.maxEntries && !this.known.table.get(hi, lo)) {
      this.#refused++;
      return;
    }
    if (!this.known.table.set(hi, lo, a, b)) return;
    this.#dirty.segments.add(hi >>> 22);
    this.#entryLog.set(entryKey(hi, lo), [hi >>> 0, lo >>> 0, a >>> 0, b >>> 0, 1]);
  };

  readonly #forget = (hi: number, lo: number): void => {
    this.#dirty.segments.add(hi >>> 22);
    if (this.known.table.delete(hi, lo)) this.#entryLog.set(entryKey(hi, lo), [hi >>> 0, lo >>> 0, 0, 0, 0]);
  };

  #change(change: SheetChange): void {
    this.known.sheet.apply(change);
    const name = 'route' in change ? `route|${change.route}` : `resource|${change.resource}`;
    this.#ruleLog.set(name, change);
    this.#dirty.pieces.add(name);
  }

  #read(observation: Observation, answer?: () => unknown): Reading {
    const { exchange, endpoint } = observation;
    const { request, response } = exchange;
    const bodyless = request.body.bytes.length === 0;
    const reading = readRequest(
      {
        method: request.method,
        template: endpoint.template,
        target: request.target,
        headers: request.headers,
        bodyText: bodyless ? null : bodyText(request.headers, request.body, MAX_BODY),
      },
      exchange.principal?.carrier ?? '',
    );
    const status = response?.status ?? 0;
    const readable = response !== null && status >= 200 && status < 300 && response.body.bytes.length > 0;
    const objects = !readable
      ? []
      : answer !== undefined
        ? readAnswer(answer(), reading.collection)
        : answerObjects(bodyText(response.headers, response.body, MAX_BODY), reading.collection);
    const person = exchange.principal === null ? null : this.#personOf(exchange.principal, exchange.startedAtMs, exchange.service);
    return { observation, reading, objects, snapshots: new Map(), status, person };
  }

  #snapshot(read: Reading, object: AnswerObject): Uint32Array {
    let fields = read.snapshots.get(object);
    if (fields === undefined) {
      fields = this.#objects.snapshot(object);
      read.snapshots.set(object, fields);
    }
    return fields;
  }

  #personOf(principal: Principal, nowMs: number, service: string): Person {
    const isNew = !this.people.isKnown(principal.key);
    const pending = isNew ? this.#signIns.claim(principal.key) : undefined;
    if (pending !== undefined && pending.by !== 0) {
      const by = this.people.get(pending.by);
      if (by !== undefined) this.people.bind(principal.key, by);
    }
    let person = this.people.of(principal.key, nowMs);
    person.requests++;
    this.#calls++;
    if (pending !== undefined) {
      for (const told of pending.told) person = this.people.tell(told.source, told.path, person, told.text, true);
      if (pending.registered) this.people.setFlags(person, PERSON.established);
    }
    if (isNew && principal.claims !== undefined) person = this.#readClaims(principal, person, service);
    else if (isNew && principal.label !== '' && principal.kind !== 'jwt' && !principal.label.includes('…'))
      person = this.people.tell(`name:${principal.kind}`, 'username', person, principal.label, true);
    return person;
  }

  #readClaims(principal: Principal, person: Person, service: string): Person {
    let at = person;
    for (const [name, claim] of Object.entries(principal.claims ?? {})) {
      if (/^(?:exp|iat|nbf|jti|alg|sid|iss|aud)$/.test(name)) continue;
      // Roles are shared by many and may change; a group claim is read like any other.
      if (/role|permission|scope|scp|authorit/i.test(name)) continue;
      if (typeof claim === 'string' || typeof claim === 'number')
        at = this.people.tell(`claim:${service}:${name}`, name.toLowerCase(), at, String(claim), true);
    }
    return at;
  }

  #judge(read: Reading): AccessVerdict | null {
    const caller: Caller = { person: read.person?.id ?? 0, flags: read.person?.flags ?? 0 };
    if (read.person === null) return null;
    const answer: JudgedAnswer | null = read.objects.length > 0 ? { status: read.status, objects: read.objects } : null;
    return judge(this.known, read.observation.exchange.service, read.reading, caller, answer, this.#settings.judge);
  }

  // ------------------------------------------------------------------------------------------------ learning

  #learn(read: Reading, verdict: AccessVerdict | null): void {
    if (read.observation.exchange.outcome.action === 'blocked' && read.observation.exchange.outcome.phase === 'request') {
      if (read.person !== null && (read.person.flags & PERSON.privileged) === 0)
        this.#learnAccesses({ ...read, objects: [] }, read.person, true);
      return;
    }
    if (read.person !== null) this.#learnMisses(read, read.person);
    if (read.status < 200 || (read.status >= 300 && read.status !== 304)) return;
    const denied = verdict !== null && verdict.relation !== 'own' && verdict.confidence >= 0.5;
    this.#learnIdentity(read, denied);
    const person = read.person === null ? null : (this.people.get(read.person.id) ?? read.person);
    if (person !== null && (person.flags & PERSON.privileged) !== 0) this.#learnStaff(read, person);
    // What a proven regime denies is no example of what is normal, or an attack would argue for itself.
    else if (person !== null) this.#learnAccesses(read, person, verdict?.enforceable === true);
    this.#learnObjects(read, person, denied);
    if (person !== null && !SAFE.has(read.reading.method) && !denied) this.#learnGrants(read, person);
  }

  /** Ids that do not exist: one by one a mistake, several in a row a search. Each success takes some of the suspicion back. */
  #learnMisses(read: Reading, person: Person): void {
    const isMiss = read.status === 404 || read.status === 403 || read.status === 410 || read.status === 422;
    const service = read.observation.exchange.service;
    const route = this.known.sheet.routes.get(scoped(service, read.reading.route));
    if (route === undefined) return;
    if (!isMiss) {
      if (read.status >= 200 && read.status < 300) person.misses *= 0.85;
    } else {
      for (const reference of read.reading.references) {
        const rule = route.slots[reference.slot];
        if (rule === undefined) continue;
        this.known.objectKey(service, rule.resource, reference.value);
        const { hi, lo } = this.known.hash;
        if (this.known.table.get(hi, lo) || this.#objects.fieldsOf(hi, lo) !== null) continue;
        person.misses += 1;
        break;
      }
    }
    if (person.misses >= this.#settings.guessesToBlock) this.people.setFlags(person, PERSON.guessing);
    else if (person.misses < 1.5) this.people.clearFlags(person, PERSON.guessing);
  }

  #learnIdentity(read: Reading, denied: boolean): void {
    const { exchange } = read.observation;
    const { response } = exchange;
    if (response === null || denied) return;
    const fields = read.objects.flatMap((object) => (object.inList ? [] : object.fields)).slice(0, 60);
    const handed = this.#signIns.credentials(exchange.request.method, response.headers, fields);
    const method = read.reading.method;
    if (handed.length > 0) {
      const told: Told[] = [];
      const tell = (place: string, path: string, text: string): void => {
        if (text.length <= 100 && !/token|key|secret|pass|expire|type$/i.test(path))
          told.push({ source: `${place}:${exchange.service}:${read.reading.route}:${path}`, path, text });
      };
      for (const field of fields) if (!field.path.startsWith('^')) tell('answer', field.path, field.value);
      for (const reference of read.reading.references)
        if (reference.place === 'body') tell('asked', reference.name.toLowerCase(), reference.value);
      for (const principal of handed) {
        if (exchange.principal?.key === principal.key) continue;
        if (this.people.isKnown(principal.key)) continue;
        this.#signIns.expect(principal.key, {
          told,
          by: read.person?.id ?? 0,
          registered: /regist|sign-?up|join|enrol|create-?account|\/(?:users|accounts|members|customers)$/.test(read.reading.route),
        });
      }
    }
    if (read.person === null || method !== 'GET' || read.reading.references.some((one) => one.place === 'path' || one.place === 'query'))
      return;
    const roots = read.objects.filter((object) => object.isRoot && !object.inList);
    if (roots.length !== 1 || read.objects.some((object) => object.inList)) return;
    let person = read.person;
    for (const field of roots[0].fields) {
      if (field.path.includes('[]') || field.path.startsWith('^') || field.path.split('.').length > 2) continue;
      person = this.people.tell(`me:${exchange.service}:${read.reading.route}:${field.path}`, field.path, person, field.value, true);
    }
  }

  #learnAccesses(read: Reading, person: Person, denied: boolean): void {
    const service = read.observation.exchange.service;
    const { reading } = read;
    const mutates = !SAFE.has(reading.method);
    for (const reference of reading.references) {
      const context = this.#contextOf(service, reading, reference, mutates);
      if (context === null) continue;
      context.uses++;
      if (reference.repeated) context.repeated++;
      if (context.wrappings.size < 8) context.wrappings.set(reference.wrapping, (context.wrappings.get(reference.wrapping) ?? 0) + 1);
      this.known.objectKey(service, context.resource, reference.value);
      const { hi, lo } = this.known.hash;
      const about = subjectOf(read.objects, reference);
      const fields = about !== null ? this.#snapshot(read, about) : this.#objects.fieldsOf(hi, lo);
      const held = this.#objects.fieldsOf(hi, lo);
      const sample = {
        person: person.id,
        hi,
        lo,
        value: this.known.valueHash(reference.value),
        fields: mutates && held !== null ? held : fields,
        denied: false,
      };
      const relation = this.#relate(context, sample, person.id);
      // Whose access it was may come out later: somebody without a name is held against the regime as a stranger would be.
      const stance = context.rule?.stances[relation === 'unidentified' || relation === 'ungrouped' ? 'foreign' : (relation as AccessClass)];
      addSample(context, { ...sample, denied: denied || (stance?.is === 'deny' && stance.proven) });
      if (relation === 'own') this.#owns(person, this.known.resource(service, context.resource));
      else if (relation === 'unidentified' && (context.rule?.stances.foreign.is === 'deny' || mutates))
        this.people.voteByOpening(person, this.#ownersIn(context, sample));
      if (context.uses >= context.nextCheck) this.#review(context);
    }
    const lists = read.objects.filter((object) => object.id !== null && (object.inList || object.isRoot) && !isNamed(reading, object));
    if (lists.length === 0 || (reading.references.some((one) => one.place === 'path') && read.status !== 201)) return;
    const resource = lists[0].resource;
    const created = isCreation(read);
    if (mutates && !created) return;
    const context = this.#context(service, reading.route, created ? 'answer!' : reading.answerSlot, resource, mutates);
    context.uses++;
    for (const object of lists.slice(0, 12)) {
      if (object.resource !== resource) continue;
      this.known.objectKey(service, resource, object.id as string);
      const { hi, lo } = this.known.hash;
      addSample(context, { person: person.id, hi, lo, value: 0, fields: this.#snapshot(read, object), denied });
    }
    if (context.uses >= context.nextCheck) this.#review(context);
  }

  #learnStaff(read: Reading, person: Person): void {
    for (const reference of read.reading.references) {
      const context = this.#contextOf(read.observation.exchange.service, read.reading, reference, !SAFE.has(read.reading.method));
      if (context === null) continue;
      context.staffUses++;
      context.people.delete(person.id);
      if (context.staff.size < 100) context.staff.add(person.id);
      if (context.staffUses % 8 === 0) this.#refresh(context);
    }
  }

  #learnObjects(read: Reading, person: Person | null, denied: boolean): void {
    const service = read.observation.exchange.service;
    const { reading } = read;
    const pathReference =
      reading.references.findLast((one) => one.place === 'path') ??
      reading.references.find((one) => one.place === 'query' || one.place === 'header' || one.place === 'body');
    const idFree = !reading.references.some((one) => one.place === 'path');
    if (person !== null && (idFree || read.status === 201) && !denied && read.objects.length > 0) this.#voteByList(read, person);
    for (const object of read.objects) {
      const fields = this.#snapshot(read, object);
      if (object.id !== null) {
        const rule = this.known.resource(service, object.resource);
        this.known.objectKey(service, object.resource, object.id);
        const { hi, lo } = this.known.hash;
        this.#objects.learn(hi, lo, scoped(service, object.resource), fields, rule);
        this.#index(object.id, object.resource);
        if (this.#shown.size < 20_000) this.#shown.add(scoped(service, object.resource));
        if (person !== null && (object.inList || object.isRoot) && idFree && !isNamed(reading, object)) {
          if (!denied) this.#handOut(read, person, object, hi, lo);
          else if (person.owned === 0) this.#broad(read, person, hi, lo);
        }
      }
      if (object.isRoot && pathReference !== undefined && object.id !== pathReference.value) {
        const context = this.#contexts.get(contextKey(service, reading.route, pathReference.slot));
        if (context !== undefined && (pathReference.place === 'path' || object.id === null)) {
          this.known.objectKey(service, context.resource, pathReference.value);
          const { hi, lo } = this.known.hash;
          this.#objects.learn(hi, lo, scoped(service, context.resource), fields, this.known.resource(service, context.resource));
        }
      }
    }
  }

  /** An id-free route answered with this object: it may be the caller's own list, or somebody showed it to them. */
  #handOut(read: Reading, person: Person, object: AnswerObject, hi: number, lo: number): void {
    const service = read.observation.exchange.service;
    const rule = this.known.resource(service, object.resource);
    const relation = this.known.relation(person.id, hi, lo, this.known.valueHash(object.id as string), rule);
    if (relation === 'own') {
      this.#owns(person, rule);
      return;
    }
    if (relation === 'foreign' || relation === 'unidentified') this.#broad(read, person, hi, lo);
    if (!SAFE.has(read.reading.method)) {
      if (isCreation(read) && relation === 'unknown') this.people.addGrant(person, hi, lo, GRANT.creator);
      return;
    }
    if (relation === 'unknown') {
      this.#listed(service, `${read.reading.route} ${read.reading.answerSlot}`, person, hi, lo);
      return;
    }
    const context = this.#contexts.get(contextKey(service, read.reading.route, read.reading.answerSlot));
    if (context?.rule?.stances.foreign.is === 'allow') return;
    this.people.addGrant(person, hi, lo, GRANT.listed);
  }

  /** Somebody without a name gets a list that shows everybody only their own, or creates something: then the owner named there is this person. */
  #voteByList(read: Reading, person: Person): void {
    const service = read.observation.exchange.service;
    const created = isCreation(read);
    if (!created && !SAFE.has(read.reading.method)) return;
    const context = this.#contexts.get(contextKey(service, read.reading.route, created ? 'answer!' : read.reading.answerSlot));
    if (context?.rule?.stances.foreign.is !== 'deny') return;
    const rule = this.known.resource(service, context.resource);
    const named = new Map<number, [kind: number, times: number]>();
    let objects = 0;
    for (const object of read.objects) {
      if (object.id === null || object.resource !== context.resource || rule === undefined || isNamed(read.reading, object)) continue;
      const seen = new Set<number>();
      for (const field of rule.fields) {
        if (field.role !== 'owner' || field.path === '@') continue;
        if (this.known.hasKind(person.id, field.kind) && person.guessed.length === 0) return;
        for (const one of object.fields) {
          const value = one.path === field.path ? this.known.valueHash(one.value) : 0;
          if (value === 0 || seen.has(value)) continue;
          seen.add(value);
          named.set(value, [field.kind, (named.get(value)?.[1] ?? 0) + 1]);
        }
      }
      if (seen.size > 0) objects++;
    }
    const everywhere = [...named].filter(([, [, times]]) => times === objects).flatMap(([value, [kind]]) => [value, kind]);
    if (everywhere.length > 0) this.people.voteByList(person, everywhere, objects > 1 || created ? 3 : 2);
  }

  #owns(person: Person, rule: ResourceRule | undefined): void {
    if (rule?.fields.some((field) => field.path === '@') === true) return;
    person.owned++;
    if (person.owned === 1) this.people.setFlags(person, PERSON.established);
    if (person.owned === 3) this.people.clearFlags(person, PERSON.privileged);
  }

  /** Who owns nothing and is handed lists of many owners' objects by the server itself sees them as its job. */
  #broad(read: Reading, person: Person, hi: number, lo: number): void {
    if (!this.known.table.get(hi, lo)) return;
    const owner = this.known.table.a;
    const signature = `${read.observation.exchange.service} ${read.reading.route} ${read.reading.answerSlot}`;
    let seenBy = this.#broadLists.get(signature);
    if (seenBy === undefined) {
      seenBy = new Set();
      this.#broadLists.set(signature, seenBy);
    }
    if (seenBy.size < 1000) seenBy.add(person.id);
    const common = Math.max(3, this.people.size * 0.1);
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
    this.people.setFlags(person, PERSON.privileged);
  }

  #unprivilege(id: number, signature: string): void {
    const person = this.people.get(id);
    if (person !== undefined && person.privilegedBy === signature) this.people.clearFlags(person, PERSON.privileged);
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
    } else if (this.people.canon(before) !== person.id) list.conflicts++;
    list.people.add(person.id);
    const mine = list.people.size >= 4 && list.first.size >= 6 && list.conflicts <= list.first.size * 0.05;
    list.mine = mine;
    const name = mine ? [...person.identities][0] : undefined;
    if (name !== undefined) this.#objects.setListedOwner(hi, lo, name[0], name[1]);
  }

  #learnGrants(read: Reading, person: Person): void {
    const service = read.observation.exchange.service;
    const { reading } = read;
    const route = this.known.sheet.routes.get(scoped(service, reading.route));
    const subject = reading.references.findLast((one) => one.place === 'path' || one.place === 'query' || one.place === 'header');
    if (subject === undefined) return;
    const rule = route?.slots[subject.slot];
    const resourceName = rule?.resource ?? subject.hint;
    const resource = this.known.resource(service, resourceName);
    const answer: JudgedAnswer = { status: read.status, objects: [] };
    this.known.objectKey(service, resourceName, subject.value);
    const { hi, lo } = this.known.hash;
    const relation: Relation =
      rule === undefined ? 'unknown' : relationAt(this.known, service, person.id, subject, rule, resource, reading, answer);
    if (relation === 'foreign') return;
    for (const reference of reading.references) {
      if (reference.place !== 'body' || reference.value === subject.value) continue;
      const value = this.known.valueHash(reference.value);
      const strength = relation === 'own' ? GRANT.granted : GRANT.weak;
      const holder = this.people.holder(value, namedKind(reference.value));
      if (holder !== undefined) this.people.addGrant(holder, hi, lo, strength);
      else if (isGloballyUnique(reference.value) || /user|member|recipient|grantee|assignee|email|owner/i.test(reference.name)) {
        this.#await(value, hi, lo, strength);
      }
    }
  }

  /** Keeps a grant for somebody whose identity has not been seen yet. */
  #await(value: number, hi: number, lo: number, grant: number): void {
    const waiting = this.#waitingGrants.get(value) ?? [];
    for (let i = 0; i < waiting.length; i += 3) if (waiting[i] === hi && waiting[i + 1] === lo) return;
    if (this.#waitingGrants.size < MAX_WAITING_GRANTS) this.#waitingGrants.set(value, [...waiting.slice(-297), hi, lo, grant]);
  }

  // ------------------------------------------------------------------------------------------------ contexts and rules

  #index(id: string, resource: string): void {
    const value = this.known.valueHash(id);
    const held = this.#shownAs(value);
    if (held === undefined) this.#ids.set(value, [resource]);
    else if (held.length < 4 && !held.includes(resource)) held.push(resource);
    if (this.#ids.size < MAX_IDS / 2) return;
    this.#olderIds = this.#ids;
    this.#ids = new Map();
  }

  #shownAs(value: number): string[] | undefined {
    const held = this.#ids.get(value);
    if (held !== undefined) return held;
    const older = this.#olderIds.get(value);
    if (older !== undefined) this.#ids.set(value, older);
    return older;
  }

  #contextOf(service: string, reading: RouteReading, reference: Reference, mutates: boolean): Context | null {
    const key = contextKey(service, reading.route, reference.slot);
    let context = this.#contexts.get(key);
    const seenAs = this.#shownAs(this.known.valueHash(reference.value));
    if (context === undefined) {
      // Outside the path nearly everything is no reference: a place counts once its values are ids that answers have shown.
      if (
        reference.place !== 'path' &&
        seenAs === undefined &&
        this.people.holder(this.known.valueHash(reference.value), namedKind(reference.value)) === undefined
      )
        return null;
      context = this.#context(service, reading.route, reference.slot, reference.hint, mutates);
    }
    if (seenAs !== undefined && context.votes.size < 6) {
      const weight = isGloballyUnique(reference.value) ? 1 : 0.1;
      const resource =
        reference.hint !== '' && (seenAs.includes(reference.hint) || this.#shown.has(scoped(service, reference.hint)))
          ? reference.hint
          : seenAs[0];
      context.votes.set(resource, (context.votes.get(resource) ?? 0) + weight);
    }
    if (context.shapes.size < 6) context.shapes.add(shapeOf(reference.value));
    return context;
  }

  #context(service: string, route: string, slot: string, resource: string, mutates: boolean): Context {
    const key = contextKey(service, route, slot);
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = newContext(key, service, route, slot, resource, mutates);
      if (this.#contexts.size < MAX_CONTEXTS) this.#contexts.set(key, context);
      this.#joinResource(context);
    }
    return context;
  }

  #joinResource(context: Context): void {
    const name = scoped(context.service, context.resource);
    let members = this.#ofResource.get(name);
    if (members === undefined) {
      members = new Set();
      this.#ofResource.set(name, members);
    }
    members.add(context);
  }

  #review(context: Context): void {
    this.#dirty.pieces.add(`place|${context.key}`);
    context.nextCheck = Math.min(context.uses + 500, Math.ceil(context.uses * 1.35) + 2);
    this.#vote(context);
    const isRetyped = this.#typeResource(context.service, context.resource);
    const tallies = new Map<Context, Tally>();
    this.#refresh(context, tallies);
    // Places with too few people of their own lean on the others of the resource, so they follow these.
    for (const other of this.#ofResource.get(scoped(context.service, context.resource)) ?? [])
      if (other !== context && (isRetyped || (other.rule?.principals ?? 0) < ENOUGH_PEOPLE)) this.#refresh(other, tallies);
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
    this.#ofResource.get(scoped(context.service, context.resource))?.delete(context);
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
    const fields = typeFields(contexts, this.people, this.#objects.pathOf);
    const before = this.known.sheet.resources.get(name);
    if (JSON.stringify(before?.fields ?? []) === JSON.stringify(fields)) return false;
    const rule: ResourceRule = { fields };
    this.#change({ resource: name, rule: fields.length === 0 ? null : rule });
    this.#objects.reread(name, rule);
    return true;
  }

  /** `tallies`: those that were made already, for the same state of knowledge. */
  #refresh(context: Context, tallies: Map<Context, Tally> = new Map()): void {
    const counted = (one: Context): Tally => {
      let tally = tallies.get(one);
      if (tally === undefined) {
        tally = tallyOf(one, this.people, this.#relate);
        tallies.set(one, tally);
      }
      return tally;
    };
    const own = counted(context);
    const tally = { ...own, share: { ...own.share }, anybody: { ...own.anybody } };
    for (const other of this.#ofResource.get(scoped(context.service, context.resource)) ?? []) {
      if (context.slot.startsWith('answer')) break;
      if (other === context || other.mutates !== context.mutates || other.slot.startsWith('answer')) continue;
      if (tally.people >= ENOUGH_PEOPLE) break;
      addTally(tally, counted(other), 0.5);
    }
    const stances = stancesOf(tally, context.people.size, context.mutates, this.#settings.regime);
    if (stances.foreign.is === 'open' && isForStaff(context))
      stances.foreign = { is: 'deny', confidence: 0.75, proven: context.staffUses >= 12 && context.staff.size >= 3 };
    if (stances.foreign.is === 'grey' && context.mutates && this.#writesArePrivate(context.service)) stances.foreign = PRIVATE_BY_CUSTOM;
    const rule: SlotRule = {
      resource: context.resource,
      stances,
      principals: Math.round(tally.people),
      accesses: Math.round(tally.accesses),
      shapes: [...context.shapes].sort().join(''),
      wrappings: [...context.wrappings].filter(([, times]) => times >= 2).map(([wrapping]) => wrapping),
      repeats: context.uses === 0 ? 0 : Math.round((context.repeated / context.uses) * 1000) / 1000,
    };
    if (JSON.stringify(rule) === JSON.stringify(context.rule)) return;
    context.rule = rule;
    const name = scoped(context.service, context.route);
    const route: RouteRule = { slots: { ...(this.known.sheet.routes.get(name)?.slots ?? {}), [context.slot]: rule } };
    this.#change({ route: name, rule: route });
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
  #ownersIn(context: Context, sample: Sample): number[] {
    const out: number[] = [];
    for (const field of this.known.resource(context.service, context.resource)?.fields ?? []) {
      if (field.role !== 'owner' || sample.fields === null) continue;
      for (let i = 0; i < sample.fields.length; i += 2) {
        if (this.#objects.pathOf(sample.fields[i]) === field.path && !out.includes(sample.fields[i + 1]))
          out.push(sample.fields[i + 1], field.kind);
      }
    }
    if (out.length === 0 && this.known.table.get(sample.hi, sample.lo) && this.known.table.a !== 0)
      out.push(this.known.table.a, this.known.table.b & 0xff);
    return out;
  }

  /** Relation of a past access, by what the object said then and by the grants known now. */
  readonly #relate = (context: Context, sample: Sample, person: number, withoutGrants = false): Relation => {
    const rule = this.known.resource(context.service, context.resource);
    const held = this.known.relation(person, sample.hi, sample.lo, sample.value, rule, withoutGrants);
    if (held === 'own' || held === 'granted' || rule === undefined || sample.fields === null) return held;
    for (const field of rule.fields) {
      if (field.role !== 'owner') continue;
      for (let i = 0; i < sample.fields.length; i += 2) {
        if (this.#objects.pathOf(sample.fields[i]) === field.path && this.known.holds(person, sample.fields[i + 1], field.kind))
          return 'own';
      }
    }
    return held;
  };
}

/** Only those who see everything come here: ordinary people hardly ever do. */
function isForStaff(context: Context): boolean {
  return context.staff.size >= 2 && context.staffUses >= 8 && context.people.size <= Math.max(1, context.staff.size * 0.5);
}

/** The request named this object itself: the answer lists nothing. */
function isNamed(reading: RouteReading, object: AnswerObject): boolean {
  return reading.references.some((one) => one.value === object.id);
}

/** A write that answered with one object whose id the request did not name. */
function isCreation(read: Reading): boolean {
  if (SAFE.has(read.reading.method)) return false;
  const object = read.objects.find((one) => one.id !== null);
  return (
    object !== undefined &&
    !object.inList &&
    (read.status === 201 || !read.reading.references.some((one) => one.value === object.id || one.place === 'path'))
  );
}

/** 53 of the 64 bits: two entries of one delta that agree in them do not happen. */
const entryKey = (hi: number, lo: number): number => (hi >>> 11) * 4294967296 + (lo >>> 0);

const contextKey = (service: string, route: string, slot: string): string => `${service}\u001f${route}\u001f${slot}`;

/** The object of an answer that a reference is about. */
function subjectOf(objects: readonly AnswerObject[], reference: Reference): AnswerObject | null {
  for (const object of objects) if (object.id === reference.value) return object;
  if (reference.place === 'path' || reference.place === 'header' || reference.place === 'query')
    for (const object of objects) if (object.isRoot && !object.inList) return object;
  return null;
}

export type { Field };
