import type { Knowledge, Resource } from './knowledge.js';
import type { People } from './people.js';
import type { Person } from './person.js';
import { stemOf } from './shape.js';
import { scoped } from './sheet.js';

/** So many people each name ids of one stem only, … */
const FEW_PEOPLE = 8;
/** … and so many of them more than one such id: else it says nothing that each has one. */
const FEW_WITH_MORE = 3;
/** Share of the people who may have several: those who act for others. */
const SEVERAL = 0.02;
/** Share of the stems that may be of several people: of somebody with two sessions of which nothing says yet that they are one's. */
const SHARED = 0.2;
/** The first of each are no reason to give up what may yet turn out. */
const FORGIVEN = 2;
/** Of one sort of objects; there is nothing to be learned from more. */
const MOST_PEOPLE = 5_000;
const MOST_SORTS = 1_000;

/** Of the sort of objects: person → stem of their ids, 0 for several, and who has more than one id. */
interface Sort {
  readonly stems: Map<number, number>;
  readonly firstId: Map<number, number>;
  readonly withMore: Set<number>;
  /** Stem → its person, 0 for several. */
  readonly people: Map<number, number>;
  withSeveral: number;
  shared: number;
}

/**
 * Do ids say whose they are? Of `acct-0042-1` and `acct-0042-2` what stands before the last part is the same for all of one person's, and no other's: then an id of which
 * nothing else is known is not the caller's when it begins otherwise.
 */
export class Stems {
  /** By `service␟resource`; null: known to be otherwise. */
  readonly #sorts = new Map<string, Sort | null>();

  constructor(
    private readonly known: Knowledge,
    private readonly people: People,
  ) {}

  /** An object of this person has that id. */
  note(resource: Resource, id: string, person: Person): void {
    const stem = stemOf(id);
    if (stem === null) return;
    const name = scoped(resource.service, resource.name);
    let sort = this.#sorts.get(name);
    if (sort === null) return;
    if (sort === undefined) {
      if (this.#sorts.size >= MOST_SORTS) return;
      sort = { stems: new Map(), firstId: new Map(), withMore: new Set(), people: new Map(), withSeveral: 0, shared: 0 };
      this.#sorts.set(name, sort);
    }
    const value = this.known.valueHash(stem) || 1;
    const before = sort.stems.get(person.id);
    if (before === undefined && sort.stems.size >= MOST_PEOPLE) return;
    const number = this.known.valueHash(id);
    if (before === undefined) sort.firstId.set(person.id, number);
    else if (sort.firstId.get(person.id) !== number) sort.withMore.add(person.id);
    const holder = sort.people.get(value);
    if (holder === undefined || (holder !== person.id && holder !== 0)) {
      const now = holder === undefined ? person.id : 0;
      sort.people.set(value, now);
      if (now === 0) sort.shared++;
      this.people.setHolderOfStem(resource, value, now);
    }
    if (before === undefined || (before !== value && before !== 0)) {
      sort.stems.set(person.id, before === undefined ? value : 0);
      if (before !== undefined) sort.withSeveral++;
      this.people.setStem(person, resource, before === undefined ? value : 0);
    }
    if (isOtherwise(sort, FORGIVEN)) this.#sorts.set(name, null);
  }

  /** Undefined: nothing says so yet, nor the contrary. */
  tellPeople(service: string, resource: string): boolean | undefined {
    const sort = this.#sorts.get(scoped(service, resource));
    if (sort === undefined) return undefined;
    if (sort === null || isOtherwise(sort, 0)) return false;
    return sort.stems.size >= FEW_PEOPLE && sort.withMore.size >= FEW_WITH_MORE ? true : undefined;
  }
}

const isOtherwise = ({ stems, people, withSeveral, shared }: Sort, forgiven: number): boolean =>
  withSeveral > forgiven + stems.size * SEVERAL || shared > forgiven + people.size * SHARED;
