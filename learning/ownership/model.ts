import { type AccessVerdict, bodyText, type Finding, type Observation, type Principal } from '../../exchange/index.js';
import { accessFinding, alertOf } from './alerts.js';
import { type AnswerObject, readAnswer } from './answer.js';
import { Dirty, loadSegment, MAX_PIECES, type SavedEntry } from './checkpoint.js';
import { addSample, type Context, REGIME, type RegimeSettings } from './contexts.js';
import { OwnershipError } from './errors.js';
import { KeyedHash } from './hash.js';
import { type Caller, JUDGE, type JudgedAnswer, type JudgeSettings, judge, relationAt } from './judge.js';
import { GRANT, Knowledge, PERSON, type Relation } from './knowledge.js';
import { Lists } from './lists.js';
import { Objects } from './objects.js';
import { namedKind, People, type Person } from './people.js';
import { Places } from './places.js';
import { isCreation, isNamed, type Reading, SAFE, subjectOf } from './reading.js';
import { readRequest } from './references.js';
import { Roles } from './roles.js';
import { foldRoute } from './routes.js';
import { isGloballyUnique } from './shape.js';
import { type AccessClass, type SheetChange, scoped } from './sheet.js';
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
const MAX_WAITING_GRANTS = 20_000;

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
  /** Exchanges of known callers, since this process began or since the state it continues was young. */
  #calls = 0;
  #refused = 0;
  readonly #waitingGrants = new Map<number, number[]>();
  readonly #places: Places;
  readonly #lists: Lists;
  readonly #roles: Roles;
  readonly #dirty = new Dirty();
  readonly #entryLog = new Map<number, number[]>();
  readonly #ruleLog = new Map<string, SheetChange>();

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
    this.#places = new Places(this.known, this.people, this.#objects, this.#settings.regime, {
      change: (change) => this.#change(change),
      touched: (piece) => this.#dirty.pieces.add(piece),
    });
    this.#lists = new Lists(this.known, this.people, this.#objects, this.#places);
    this.#roles = new Roles(this.people);
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
    return { verdict: alert ?? verdict, finding: isFinding ? accessFinding(read.observation, read.reading.method, alert) : null };
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
    this.#places.rename(service, before, after);
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
        else if (key.startsWith('place|')) this.#places.load(value);
        else this.known.sheet.apply(JSON.parse(value) as SheetChange);
      } catch (error) {
        throw error instanceof OwnershipError
          ? error
          : new OwnershipError('WEIR_OWNERSHIP_SAVED', `the learned ownership under "${key.slice(0, 80)}" cannot be read`);
      }
    }
    this.#places.readRules();
    this.#calls = this.#places.uses;
  }

  #save(piece: string): string | null {
    if (piece.startsWith('p|') || piece.startsWith('s|')) return this.people.save(piece);
    const [sort, name] = [piece.slice(0, piece.indexOf('|')), piece.slice(piece.indexOf('|') + 1)];
    if (sort === 'route') return JSON.stringify({ route: name, rule: this.known.sheet.routes.get(name) ?? null });
    if (sort === 'resource') return JSON.stringify({ resource: name, rule: this.known.sheet.resources.get(name) ?? null });
    return this.#places.save(name);
  }

  stats(): OwnershipStats {
    return {
      people: this.people.size,
      entries: this.known.table.size,
      tableBytes: this.known.table.bytes,
      droppedEntries: this.#refused,
      contexts: this.#places.size,
      objectsInDetail: this.#objects.size,
      joins: this.people.joins,
      routes: this.known.sheet.routes.size,
      provenSlots: this.#places.provenSlots,
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
    if (principal.claims !== undefined && person.role === '') this.#roles.note(service, person, principal.claims);
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
      const context = this.#places.at(service, reading, reference, mutates);
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
      const relation = this.#places.relate(context, sample, person.id);
      // Whose access it was may come out later: somebody without a name is held against the regime as a stranger would be.
      const stance = context.rule?.stances[relation === 'unidentified' || relation === 'ungrouped' ? 'foreign' : (relation as AccessClass)];
      addSample(context, { ...sample, denied: denied || (stance?.is === 'deny' && stance.proven) });
      if (relation === 'foreign' && read.status < 300) this.#roles.reached(person, this.#places.ownersIn(context, sample)[0] ?? 0);
      if (relation === 'own') this.#lists.owns(person, this.known.resource(service, context.resource));
      else if (relation === 'unidentified' && (context.rule?.stances.foreign.is === 'deny' || mutates))
        this.people.voteByOpening(person, this.#places.ownersIn(context, sample));
      this.#places.reviewIfDue(context);
    }
    const lists = read.objects.filter((object) => object.id !== null && (object.inList || object.isRoot) && !isNamed(reading, object));
    if (lists.length === 0 || (reading.references.some((one) => one.place === 'path') && read.status !== 201)) return;
    const resource = lists[0].resource;
    const created = isCreation(read);
    if (mutates && !created) return;
    const context = this.#places.make(service, reading.route, created ? 'answer!' : reading.answerSlot, resource, mutates);
    context.uses++;
    for (const object of lists.slice(0, 12)) {
      if (object.resource !== resource) continue;
      this.known.objectKey(service, resource, object.id as string);
      const { hi, lo } = this.known.hash;
      addSample(context, { person: person.id, hi, lo, value: 0, fields: this.#snapshot(read, object), denied });
    }
    this.#places.reviewIfDue(context);
  }

  #learnStaff(read: Reading, person: Person): void {
    for (const reference of read.reading.references) {
      const context = this.#places.at(read.observation.exchange.service, read.reading, reference, !SAFE.has(read.reading.method));
      if (context === null) continue;
      context.staffUses++;
      context.people.delete(person.id);
      if (context.staff.size < 100) context.staff.add(person.id);
      if (context.staffUses % 8 === 0) this.#places.refresh(context);
    }
  }

  #learnObjects(read: Reading, person: Person | null, denied: boolean): void {
    const service = read.observation.exchange.service;
    const { reading } = read;
    const pathReference =
      reading.references.findLast((one) => one.place === 'path') ??
      reading.references.find((one) => one.place === 'query' || one.place === 'header' || one.place === 'body');
    const idFree = !reading.references.some((one) => one.place === 'path');
    if (person !== null && (idFree || read.status === 201) && !denied && read.objects.length > 0) this.#lists.voteByList(read, person);
    for (const object of read.objects) {
      const fields = this.#snapshot(read, object);
      if (object.id !== null) {
        const rule = this.known.resource(service, object.resource);
        this.known.objectKey(service, object.resource, object.id);
        const { hi, lo } = this.known.hash;
        this.#objects.learn(hi, lo, scoped(service, object.resource), fields, rule);
        this.#places.noteId(service, object.id, object.resource);
        if (person !== null && (object.inList || object.isRoot) && idFree && !isNamed(reading, object)) {
          if (!denied) this.#lists.handOut(read, person, object, hi, lo);
          else if (person.owned === 0) this.#lists.broad(read, person, hi, lo);
        }
      }
      if (object.isRoot && pathReference !== undefined && object.id !== pathReference.value) {
        const context = this.#places.get(service, reading.route, pathReference.slot);
        if (context !== undefined && (pathReference.place === 'path' || object.id === null)) {
          this.known.objectKey(service, context.resource, pathReference.value);
          const { hi, lo } = this.known.hash;
          this.#objects.learn(hi, lo, scoped(service, context.resource), fields, this.known.resource(service, context.resource));
        }
      }
    }
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
}

/** 53 of the 64 bits: two entries of one delta that agree in them do not happen. */
const entryKey = (hi: number, lo: number): number => (hi >>> 11) * 4294967296 + (lo >>> 0);
