import { GRANT, type Knowledge, type Resource } from './knowledge.js';
import { pathName } from './paths.js';
import type { People } from './people.js';
import { isMadeUp, kindsByShape, NAMES_PERSON, namedKind, type Person } from './person.js';
import type { Reading as Read } from './reading.js';
import { canonicalId, isGloballyUnique } from './shape.js';
import { scoped } from './sheet.js';

const MAX_FIRST = 20_000;
const MAX_LISTS = 5_000;
/** Whom more callers are shown, nobody looks after. */
const FEW_LOOK_AFTER = 4;
/** So many callers must reach what belongs to those whom a list shows them, and this share of those whom it shows somebody, until that is what it is for. */
const FEW_CARE = 3;
/** The same where a list below something else shows them: who asked about an offer is nobody's to look after. */
const MANY_CARE = 6;
const CARE_SHARE = 0.2;
/** So many pairs of whom a list showed to whom without so small a share being reached, and it means nothing: people have contacts. */
const ENOUGH_SHOWN = 40;
const IDLE_SHARE = 0.05;
/** People whom one answer shows that are looked at. */
const MAX_SHOWN = 16;
/** What numbers and words may be the names of: other things are numbered as well. */
const OF_PEOPLE =
  /user|person|people|member|patient|client|customer|child|pupil|student|employee|account|profile|contact|friend|depend[ae]nt|ward|minor|relative|delegat|resident/;

/** A list of people: whom it shows to whom, and who of these reached what belongs to them. */
interface CareList {
  /** Value, kind and caller of each. */
  readonly shown: number[];
  readonly callers: Set<number>;
  readonly reached: Set<number>;
  /** Such pairs. */
  readonly pairs: Set<string>;
  readonly isBelow: boolean;
  isCare: boolean;
  isIdle: boolean;
}

/** One answer that shows people. */
export interface Showing {
  readonly person: Person;
  readonly read: Read;
  readonly isRead: boolean;
  /** Nothing was searched for. */
  readonly isWhole: boolean;
  /** It shows everybody everything. */
  readonly isPublic: boolean;
  /** Null where the request chose whom it wants to see. */
  readonly list: object | null;
}

/** What somebody was given holds for whoever looks after them. */
const PASSED_ON: ReadonlySet<number> = new Set([GRANT.party, GRANT.granted, GRANT.creator]);

/**
 * Who looks after whom: a child its parents, a patient their doctor. Lists of people that are shown to few callers each say so, where these callers reach
 * what belongs to those whom they are shown. Others are contacts, and say nothing.
 */
export class Carers {
  /** Name → who was shown somebody of that name. */
  readonly #shownTo = new Map<number, number[]>();
  readonly #careLists = new Map<string, CareList>();
  /** Name and caller → the list that showed the one to the other. */
  readonly #shownBy = new Map<string, CareList>();
  /** Resources whose ids are names of people. */
  readonly #ofPeople = new Set<string>();

  constructor(
    private readonly known: Knowledge,
    private readonly people: People,
  ) {}

  /** A list shows somebody to the caller: a child to a parent, a patient to a doctor. What is theirs may be the caller's to look after. */
  entrust(showing: Showing, resource: Resource, id: string): void {
    const { person } = showing;
    if (!showing.isWhole) return;
    const kinds = kindsByShape(id);
    if (!isGloballyUnique(id) && !isMadeUp(kinds[0]) && !OF_PEOPLE.test(resource.name)) return;
    const value = this.known.valueHash(id);
    const kind = kinds.find((one) => this.people.holder(value, one) !== undefined) ?? kinds[0];
    const holder = this.people.holder(value, kind);
    if (holder === person) return;
    // Whoever has not come yet has a name as well.
    const sort = scoped(resource.service, resource.name);
    if (holder === undefined) {
      if (!this.#ofPeople.has(sort)) return;
    } else if (this.#ofPeople.size < MAX_LISTS) this.#ofPeople.add(sort);
    this.#show(showing, value, kind);
  }

  /** The same of people whom an answer only names: `actsFor: ["p17"]`, or a list of `{ personId, name }`. */
  entrustNamed(showing: Showing): void {
    const { person, read } = showing;
    if (!showing.isRead || showing.isPublic || showing.list === null || !showing.isWhole) return;
    let shown = 0;
    for (const object of read.objects) {
      if (object.id !== null && !object.isRoot) continue;
      const { paths, values } = object.all;
      for (let i = object.from; i < object.to && shown < MAX_SHOWN; i++) {
        const path = pathName(paths[i]);
        if (path.startsWith('^') || path.includes('[]') === object.inList) continue;
        const text = canonicalId(values[i]);
        const value = object.valueAt(i, this.known);
        const kind = namedKind(text, path);
        if (person.identities.has(value)) continue;
        const isHeld = this.people.holder(value, kind) !== undefined;
        const isLike = isMadeUp(kind) || [...person.identities.values()].includes(kind);
        if (object.inList ? !NAMES_PERSON.test(path) || !(isHeld || isLike) : !isHeld && !isLike) continue;
        shown++;
        this.#show(showing, value, kind);
      }
    }
  }

  #show({ person, read }: Showing, value: number, kind: number): void {
    let shownTo = this.#shownTo.get(value);
    if (shownTo === undefined) {
      if (this.#shownTo.size >= MAX_FIRST) return;
      shownTo = [];
      this.#shownTo.set(value, shownTo);
    }
    if (shownTo.includes(person.id) || shownTo.length > FEW_LOOK_AFTER) return;
    shownTo.push(person.id);
    if (shownTo.length <= FEW_LOOK_AFTER) {
      const list = this.#careList(read);
      if (list === null || list.isIdle || list.shown.length >= MAX_FIRST) return;
      list.shown.push(value, kind, person.id);
      list.callers.add(person.id);
      if (this.#shownBy.size < MAX_FIRST) this.#shownBy.set(`${value} ${person.id}`, list);
      if (list.isCare) this.#care(person, value, kind);
      else this.people.addGrant(person, value, kind, GRANT.entrusts);
      const pairs = list.shown.length / 3;
      if (!list.isCare && pairs >= ENOUGH_SHOWN && list.pairs.size < pairs * IDLE_SHARE) this.#forget(list);
      return;
    }
    // Everybody knows them.
    for (const id of shownTo) {
      const one = this.people.get(id);
      if (one !== undefined) this.people.dropGrant(one, value, kind);
    }
  }

  #forget(list: CareList): void {
    list.isIdle = true;
    for (let i = 0; i < list.shown.length; i += 3) {
      const caller = this.people.get(list.shown[i + 2]);
      if (caller !== undefined) this.people.dropGrant(caller, list.shown[i], list.shown[i + 1]);
    }
    list.shown.length = 0;
  }

  #careList({ service, reading }: Read): CareList | null {
    const key = `${service} ${reading.route} ${reading.answerSlot}`;
    let list = this.#careLists.get(key);
    if (list === undefined) {
      if (this.#careLists.size >= MAX_LISTS) return null;
      list = {
        shown: [],
        callers: new Set(),
        reached: new Set(),
        pairs: new Set(),
        isBelow: reading.pathRoute.includes('{}'),
        isCare: false,
        isIdle: false,
      };
      this.#careLists.set(key, list);
    }
    return list;
  }

  /** The caller reached what belongs to somebody whom a list had shown to them. */
  reachedShown(person: Person, owner: number): void {
    const id = [person.id, ...person.aliases].find((one) => this.#shownBy.has(`${owner} ${one}`));
    const list = this.#shownBy.get(`${owner} ${id}`);
    if (list === undefined || list.isCare) return;
    list.reached.add(person.id);
    list.pairs.add(`${owner} ${person.id}`);
    if (list.reached.size < (list.isBelow ? MANY_CARE : FEW_CARE) || list.reached.size < list.callers.size * CARE_SHARE) return;
    if (list.pairs.size < (list.shown.length / 3) * CARE_SHARE) return;
    list.isCare = true;
    for (let i = 0; i < list.shown.length; i += 3) {
      const caller = this.people.get(list.shown[i + 2]);
      if (caller !== undefined && this.known.grant(list.shown[i], list.shown[i + 1], caller.id) === GRANT.entrusts)
        this.#care(caller, list.shown[i], list.shown[i + 1]);
    }
  }

  /** Who looks after somebody of that name. */
  carersOf(value: number): Person[] {
    const carers: Person[] = [];
    for (const id of this.#shownTo.get(value) ?? []) {
      const person = this.#shownBy.get(`${value} ${id}`)?.isCare === true ? this.people.get(id) : undefined;
      if (person !== undefined) carers.push(person);
    }
    return carers;
  }

  /** What belongs to somebody of that name is the person's to look after, and nobody else's. */
  #care(person: Person, value: number, kind: number): void {
    this.people.addGrant(person, value, kind, GRANT.cares);
    this.people.addGrant(person, 0, 0, GRANT.entrusts);
    const { grants = [] } = this.people.holder(value, kind) ?? {};
    for (let i = 0; i < grants.length; i += 3)
      if (PASSED_ON.has(grants[i + 2])) this.people.addGrant(person, grants[i], grants[i + 1], GRANT.weak);
  }
}
