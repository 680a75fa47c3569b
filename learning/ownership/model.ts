import {
  type AccessVerdict,
  type EndpointRef,
  type Finding,
  isJsonType,
  isTruncated,
  mediaType,
  type Observation,
} from '../../exchange/index.js';
import type { Sharing } from '../../store/index.js';
import { accessFinding, alertOf, castsSuspicion } from './alerts.js';
import { readAnswer } from './answer.js';
import { objectText } from './body-text.js';
import { Dirty, loadSegment, MAX_PIECES, type SavedEntry } from './checkpoint.js';
import { REGIME, type RegimeSettings } from './contexts.js';
import type { Standing } from './credentials.js';
import { EntryLog } from './entries.js';
import { OwnershipError } from './errors.js';
import { GUESSES } from './guesses.js';
import { Habits } from './habits.js';
import { KeyedHash } from './hash.js';
import { Identify } from './identify.js';
import { type Caller, JUDGE, type JudgedAnswer, type JudgeSettings, judge, relationAt } from './judge.js';
import { Knowledge, PERSON } from './knowledge.js';
import { Learning } from './learn.js';
import { Lists } from './lists.js';
import { Objects } from './objects.js';
import { pathStats } from './paths.js';
import { People } from './people.js';
import type { Person } from './person.js';
import { Places } from './places.js';
import type { Reading } from './reading.js';
import { readRequest } from './references.js';
import { Roles } from './roles.js';
import { foldRoute } from './routes.js';
import { sharingOf } from './sharing.js';
import { type SheetChange, savedChange, scoped } from './sheet.js';
import { SignIns } from './signin.js';
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
  /** Entries of the table (objects, names, grants), 24 bytes each; beyond them the longest unused and least useful ones are forgotten. */
  readonly maxEntries: number;
}

export interface OwnershipStats {
  readonly people: number;
  readonly entries: number;
  readonly tableBytes: number;
  /** Entries that were forgotten because the table was full. */
  readonly forgottenEntries: number;
  readonly contexts: number;
  /** Places that were forgotten because there were too many. */
  readonly forgottenContexts: number;
  /** Sorts of objects that are held, and those that were forgotten because there were too many. */
  readonly resources: number;
  readonly forgottenResources: number;
  /** Paths of fields that have a number, and how often one was passed over because there were too many. Of the whole process. */
  readonly fieldPaths: number;
  readonly forgottenFieldPaths: number;
  readonly objectsInDetail: number;
  readonly joins: number;
  /** Bodies of known callers that were too long for all that they name to be looked at: requests, and JSON answers of which only the beginning was captured. */
  readonly unjudgedRequestBodies: number;
  readonly unjudgedAnswers: number;
  readonly routes: number;
  readonly provenSlots: number;
}

export interface Judgement {
  readonly verdict: AccessVerdict | null;
  readonly finding: Finding | null;
}

/** Two different objects with little between them make a suspect; some twenty ordinary requests an ordinary caller again. */
const SUSPICION = { from: 1.8, until: 0.3, kept: 0.9, remembered: 8 };

/**
 * Learns from exchanges whose objects are whose: who is who ({@link People}), which fields name an owner, which places are private
 * ({@link Places}), who was given what. Judges each exchange before learning from it. Deterministic; no clock, no I/O.
 */
export class OwnershipModel {
  readonly known: Knowledge;
  readonly people: People;
  readonly #objects: Objects;
  readonly #settings: OwnershipSettings;
  /** Exchanges of known callers, since this process began or since the state it continues was young. */
  #calls = 0;
  #unjudgedRequestBodies = 0;
  #unjudgedAnswers = 0;
  readonly #places: Places;
  readonly #identify: Identify;
  readonly #learning: Learning;
  readonly #dirty = new Dirty();
  readonly #entries: EntryLog;
  readonly #ruleLog = new Map<string, SheetChange>();

  constructor(settings: Partial<OwnershipSettings> & Pick<OwnershipSettings, 'secret' | 'seed'>) {
    this.#settings = {
      regime: REGIME,
      judge: JUDGE,
      alertConfidence: 0.5,
      guessesToBlock: GUESSES.toBlock,
      guessesToAlert: 2.4,
      maxEntries: 12_000_000,
      ...settings,
    };
    this.known = new Knowledge(new KeyedHash(settings.seed));
    this.#entries = new EntryLog(this.known.table, this.#settings.maxEntries, this.#dirty.segments);
    const { write, forget } = this.#entries;
    this.people = new People(this.known, write, forget, (piece) => this.#dirty.pieces.add(piece));
    this.#objects = new Objects(this.known, write, (hi, lo, value, kind, grant) => {
      this.#learning.give(this.people.holder(value, kind), value, hi, lo, grant);
    });
    this.#places = new Places(this.known, this.people, this.#objects, this.#settings.regime, {
      change: (change) => this.#change(change),
      touched: (piece) => this.#dirty.pieces.add(piece),
    });
    this.known.onForgotten = (numbers) => {
      this.#objects.details.forget(numbers);
      this.#places.forgetResources(numbers);
    };
    const roles = new Roles(this.people);
    const habits = new Habits();
    this.#identify = new Identify(this.people, new SignIns(settings.secret), roles, habits);
    this.#learning = new Learning(
      this.known,
      this.people,
      this.#objects,
      this.#places,
      new Lists(this.known, this.people, this.#objects, this.#places, habits),
      roles,
      this.#identify,
      this.#settings,
    );
  }

  /** Judges an exchange with what was known before it, then learns from it. `answer`: the parsed JSON of the answer, where somebody has parsed it. */
  judge(observation: Observation, answer?: () => unknown): Judgement {
    const read = this.#read(observation, answer);
    const verdict = this.#judge(read);
    this.#learning.learn(read, verdict);
    const alert = alertOf(verdict, read, this.#calls);
    const isFinding = alert !== null && alert.confidence >= this.#settings.alertConfidence;
    if (read.person !== null)
      this.#suspect(this.people.get(read.person.id) ?? read.person, read, isFinding && castsSuspicion(alert, read.signs));
    if (!isFinding) return { verdict: alert ?? verdict, finding: null };
    const facts = {
      mutates: read.reading.mutates,
      isBelowOwn: this.#isBelowOwn(read, alert),
      isGuess: verdict?.relation === 'enumeration',
    };
    return { verdict: alert, finding: accessFinding(read.observation, alert, facts) };
  }

  /** How much is known of whoever has a credential. */
  standingOf(principalKey: string): Standing {
    return this.known.standingOf(principalKey);
  }

  /** Learns from an exchange without a judgement (imports, warm-up). */
  observe(observation: Observation): void {
    const read = this.#read(observation);
    this.#learning.learn(read, this.#judge(read));
  }

  /** Path templating found a better template: what was learned under the old one counts for the new one. */
  rename(service: string, method: string, from: string, to: string): void {
    const before = foldRoute(method, from);
    const after = foldRoute(method, to);
    if (before === after) return;
    this.#places.rename(service, before, after);
    this.#change({ route: scoped(service, before), rule: null });
  }

  /** Who reaches whose objects at an endpoint; null while nothing is known of it. */
  sharing({ service, method, template }: EndpointRef): Sharing | null {
    const route = this.known.sheet.route(service, foldRoute(method, template));
    const isRead = method === 'GET' || method === 'HEAD';
    return route === undefined
      ? null
      : sharingOf(route, (name) => (isRead ? this.known.sheet.resources.get(scoped(service, name)) : undefined));
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
    if (this.#entries.isEmpty && this.#ruleLog.size === 0) return null;
    const changes = [...this.#ruleLog.values()];
    this.#ruleLog.clear();
    return encodeDelta({ snapshot: false, seed: this.#settings.seed, entries: this.#entries.take(), changes });
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
        if (key.startsWith('x|')) loadSegment(this.known.table, key, value);
        else if (key.startsWith('p|') || key.startsWith('s|')) this.people.load(key, value);
        else if (key.startsWith('place|')) this.#places.load(value);
        else this.known.sheet.apply(savedChange(value));
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
      forgottenEntries: this.#entries.forgotten,
      contexts: this.#places.size,
      forgottenContexts: this.#places.forgotten,
      resources: this.known.resources,
      forgottenResources: this.known.forgottenResources,
      fieldPaths: pathStats().numbered,
      forgottenFieldPaths: pathStats().refused,
      objectsInDetail: this.#objects.details.size,
      joins: this.people.joins,
      unjudgedRequestBodies: this.#unjudgedRequestBodies,
      unjudgedAnswers: this.#unjudgedAnswers,
      routes: this.known.sheet.routes.size,
      provenSlots: this.#places.provenSlots,
    };
  }

  #change(change: SheetChange): void {
    this.known.sheet.apply(change);
    const name = 'route' in change ? `route|${change.route}` : `resource|${change.resource}`;
    this.#ruleLog.set(name, change);
    this.#dirty.pieces.add(name);
  }

  #read(observation: Observation, answer?: () => unknown): Reading {
    const { exchange, endpoint } = observation;
    const { request, response } = exchange;
    const sent = request.body.bytes.length === 0 ? null : objectText(request.headers, request.body);
    const isKnownCaller = exchange.principal !== null;
    if (sent?.isCut === true && isKnownCaller) this.#unjudgedRequestBodies++;
    const reading = readRequest(
      {
        method: request.method,
        template: endpoint.template,
        target: request.target,
        headers: request.headers,
        bodyText: sent?.text ?? null,
        isBodyCut: sent?.isCut === true,
      },
      exchange.principal?.carrier ?? '',
    );
    const status = response?.status ?? 0;
    const readable = response !== null && status >= 200 && status < 300 && response.body.bytes.length > 0;
    if (readable && isKnownCaller && isTruncated(response.body) && isJsonType(mediaType(response.headers))) this.#unjudgedAnswers++;
    const objects = !readable
      ? []
      : answer !== undefined
        ? readAnswer(answer(), reading.collection, reading.container, reading)
        : answerObjects(objectText(response.headers, response.body).text, reading);
    this.#learning.hash(objects);
    if (exchange.principal !== null) this.#calls++;
    const person = exchange.principal === null ? null : this.#identify.personOf(exchange.principal, exchange.startedAtMs);
    return { observation, service: exchange.service, reading, objects, status, person, signs: { scatter: null, strange: null } };
  }

  /** Does the path name something of the caller's own before what the verdict is about? */
  #isBelowOwn({ service, reading, person }: Reading, { location }: AccessVerdict): boolean {
    if (person === null || location.in !== 'path') return false;
    for (const reference of reading.references) {
      if (reference.place !== 'path') continue;
      if (reference.name === location.path) return false;
      const rule = this.known.sheet.slot(service, reading, reference.slot);
      if (rule === undefined) continue;
      const resource = this.known.resource(service, rule.resource);
      if (relationAt(this.known, person.id, reference, resource, reading, null, rule.above) === 'own') return true;
    }
    return false;
  }

  /** Whoever was alerted of is let do less: a place where nothing is proven yet is no place to go on at. */
  #suspect(person: Person, { reading }: Reading, isAlerted: boolean): void {
    if (!isAlerted) person.suspicion *= SUSPICION.kept;
    else {
      const object = this.known.valueHash(reading.references.map(({ value }) => value).join(' '));
      if (person.suspectedOf.includes(object)) return;
      person.suspicion++;
      person.suspectedOf = [...person.suspectedOf.slice(-SUSPICION.remembered), object];
    }
    if (person.suspicion >= SUSPICION.from) this.people.setFlags(person, PERSON.suspect);
    else if (person.suspicion < SUSPICION.until) this.people.clearFlags(person, PERSON.suspect);
  }

  #judge(read: Reading): AccessVerdict | null {
    if (read.person === null) return null;
    const caller: Caller = { person: read.person.id, flags: read.person.flags };
    const answer: JudgedAnswer | null = read.objects.length > 0 ? { status: read.status, objects: read.objects } : null;
    return judge(this.known, read.service, read.reading, caller, answer, this.#settings.judge);
  }
}
