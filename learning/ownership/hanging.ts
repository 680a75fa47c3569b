import { FewMap } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import { GROUP_BITS, type Knowledge, type Resource } from './knowledge.js';
import type { Objects } from './objects.js';
import { CONTAINER, pathName } from './paths.js';
import type { Person } from './person.js';
import { canonicalId } from './shape.js';
import { type ParentRule, scoped } from './sheet.js';

const MAX_RESOURCES = 2_000;
const MAX_FIELDS = 24;
const MAX_PEOPLE = 200;
/** Objects of which is kept what they would hang on, until that is known to matter; four words each. */
const MAX_PENDING_WORDS = 4 * 500;
/** Of all candidates together: these words, and people that are counted. */
const ALL_PENDING_WORDS = 400_000;
const ALL_PEOPLE = 200_000;
/** People who must mostly reach what hangs on something of their own. */
const ENOUGH = 3;
/** Their share of all of whom it is known. */
const SHARE = 0.5;
/** The share of what one person reaches that hangs on something of theirs. */
const MOSTLY = 0.6;
/** So many different parents there must be for each of them: what all of them have in common is no owner. */
const APART = 0.4;
/** A field that was found gives way to one for which so many times the people speak, and falls when less than this share of people speak for it. */
const BETTER = 1.5;
const LEAST_SHARE = 0.35;

/** One field of a resource's objects that holds ids of other objects. */
interface Candidate {
  readonly resource: string;
  readonly people: Map<number, { own: number; total: number; parent: number }>;
  readonly pending: number[];
  nextCheck: number;
}

/**
 * Finds what objects hang on: the receipt on its order, the payment on its lease. A field with the id of another object says whose an object is, if
 * most people mostly reach such in which it names something of their own. The objects then are whose that is, also when it changes hands.
 */
export class Hanging {
  readonly #resources = new Map<string, Map<number, Candidate>>();
  readonly #rules = new Map<string, ParentRule>();
  #pendingWords = 0;
  #people = 0;

  constructor(
    private readonly known: Knowledge,
    private readonly objects: Objects,
    /** What the id in a field is an id of, as far as answers have shown; null for what is none. */
    private readonly idOf: (path: string, text: string, value: number) => string | null,
    /** Is a value the name of a person? */
    private readonly isSomebody: (value: number, text: string) => boolean,
    /** Another field was found for a resource, or none is left. */
    private readonly changed: (service: string, resource: string) => void,
  ) {}

  /** What the objects of a resource hang on. */
  of(service: string, resource: string): ParentRule | undefined {
    return this.#rules.get(scoped(service, resource));
  }

  /** Somebody reached an object, or was shown it in a list. `hi`, `lo`: its key. */
  note(resource: Resource, hi: number, lo: number, object: AnswerObject, person: Person): void {
    if (resource.number === 0 || (resource.rule?.selfKinds.length ?? 0) > 0) return;
    // Who owns nothing says nothing of whose things are.
    if (person.owned === 0 && !person.hasPresumed) return;
    const name = scoped(resource.service, resource.name);
    const { all, from, to } = object;
    for (let i = from; i < to; i++) {
      const text = canonicalId(all.values[i]);
      const field = all.paths[i];
      const path = pathName(field);
      if (text === object.id || (path.startsWith('^') && !path.startsWith(CONTAINER))) continue;
      const value = object.valueAt(i, this.known);
      const parent = this.idOf(path, text, value);
      // Whom a field names owns the object or does not; a person is nothing to hang on, and a group no owner.
      if (parent === null || parent === resource.name || this.isSomebody(value, text) || person.groups.has(value & GROUP_BITS)) continue;
      const above = this.known.resource(resource.service, parent);
      const { rule } = above;
      if (rule === undefined || rule.selfKinds.length > 0 || rule.hangsOn?.resource === resource.name) continue;
      if (!rule.hasOwner && rule.hangsOn === null) continue;
      const candidate = this.#candidate(name, field, parent);
      if (candidate === null || candidate.resource !== parent) continue;
      this.known.objectKey(above, text);
      this.#count(resource, candidate, hi, lo, this.known.hash.hi, this.known.hash.lo, person.id, above);
    }
  }

  #candidate(name: string, field: number, resource: string): Candidate | null {
    let fields = this.#resources.get(name);
    if (fields === undefined) {
      if (this.#resources.size >= MAX_RESOURCES) return null;
      fields = new FewMap();
      this.#resources.set(name, fields);
    }
    let candidate = fields.get(field);
    if (candidate === undefined) {
      if (fields.size >= MAX_FIELDS) return null;
      candidate = { resource, people: new FewMap(), pending: [], nextCheck: ENOUGH };
      fields.set(field, candidate);
    }
    return candidate;
  }

  #count(
    { service, name }: Resource,
    candidate: Candidate,
    hi: number,
    lo: number,
    aboveHi: number,
    aboveLo: number,
    person: number,
    above: Resource,
  ): void {
    const { people, pending } = candidate;
    const isOpen = !this.#rules.has(scoped(service, name)) && pending.length < MAX_PENDING_WORDS;
    if (isOpen && this.#pendingWords < ALL_PENDING_WORDS) {
      pending.push(hi, lo, aboveHi, aboveLo);
      this.#pendingWords += 4;
    }
    const relation = this.known.relation(person, aboveHi, aboveLo, 0, above.rule);
    const isOwn = relation === 'own' || relation === 'granted';
    if (!isOwn && relation !== 'foreign' && relation !== 'ungrouped' && relation !== 'public') return;
    let counted = people.get(person);
    if (counted === undefined) {
      if (people.size >= MAX_PEOPLE || this.#people >= ALL_PEOPLE) return;
      this.#people++;
      counted = { own: 0, total: 0, parent: 0 };
      people.set(person, counted);
    }
    counted.total++;
    if (isOwn) {
      counted.own++;
      counted.parent = aboveLo;
    }
    if (people.size < candidate.nextCheck) return;
    candidate.nextCheck = Math.ceil(people.size * 1.2) + 1;
    this.#decide(service, name);
  }

  /** Takes the field for which most people speak. */
  #decide(service: string, resource: string): void {
    const name = scoped(service, resource);
    const before = this.#rules.get(name);
    let best: [field: number, candidate: Candidate] | null = null;
    let most = 0;
    for (const [field, candidate] of this.#resources.get(name) ?? []) {
      const isHeld = before?.path === pathName(field);
      const good = peopleFor(candidate, isHeld ? LEAST_SHARE : SHARE) * (isHeld ? BETTER : 1);
      if (good > most) [best, most] = [[field, candidate], good];
    }
    const path = best === null ? undefined : pathName(best[0]);
    if (before?.path === path) return;
    if (best === null || path === undefined) this.#rules.delete(name);
    else this.#rules.set(name, { path, resource: best[1].resource });
    this.changed(service, resource);
    const pending = best?.[1].pending.splice(0) ?? [];
    this.#pendingWords -= pending.length;
    for (let i = 0; i < pending.length; i += 4) this.objects.hang(pending[i], pending[i + 1], pending[i + 2], pending[i + 3]);
  }
}

/** How many people speak for a field; 0 where too many speak against it. */
function peopleFor({ people }: Candidate, share: number): number {
  let good = 0;
  const parents = new Set<number>();
  for (const { own, total, parent } of people.values()) {
    if (own < total * MOSTLY) continue;
    good++;
    parents.add(parent);
  }
  return good >= ENOUGH && good >= people.size * share && parents.size >= Math.max(ENOUGH, good * APART) ? good : 0;
}
