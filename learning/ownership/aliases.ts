import { LatestMap } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import type { Knowledge } from './knowledge.js';
import { pathName } from './paths.js';
import type { People } from './people.js';
import { kindsByShape, namedKind, type Person } from './person.js';
import type { RouteReading } from './references.js';
import { canonicalId, isGloballyUnique } from './shape.js';

/** What objects that are people are called; others are, if their id is somebody's name. */
const IS_PERSON = /^(?:user|person|profile|patient|student|employee)$/;
/** Fields of a person that name them as well. */
const IS_NAME =
  /^(?:handle|username|login|email|mail|emailaddress|phone|phonenumber|mobile|(?:user|person|patient|student|employee)(?:id|uuid|no|number)?|uid)$/;
const isName: boolean[] = [];
/** Is a field of that path a name, read once. */
const names = (path: number): boolean => (isName[path] ??= IS_NAME.test(pathName(path)));

/** People whom answers showed before they came, the latest ones, and the names of each. */
const MOST = 20_000;
const MOST_NAMES = 6;

/** A name: its value and the kind under which people hold it. */
interface Name {
  readonly value: number;
  readonly kind: number;
}

/**
 * Other names of people, from answers that show one (`{ "id": "u_17", "handle": "ada" }` as the host of a flat): one object says whose it is by an id, another by what its owner is called.
 * A name that somebody has already goes to nobody else.
 */
export class Aliases {
  readonly #waiting = new LatestMap<Name[]>(MOST);

  constructor(
    private readonly known: Knowledge,
    private readonly people: People,
  ) {}

  /** An answer showed this object. What the request itself wrote names nobody. */
  note(object: AnswerObject, { references }: RouteReading): void {
    if (object.id === null || !this.#hasNames(object)) return;
    if (references.some(({ place, value }) => place === 'body' && this.#holds(object, value))) return;
    const told = this.#namesIn(object, object.id);
    if (told === null) return;
    const holders = told.map(({ value, kind }) => this.people.holder(value, kind));
    const holder = holders.find((one) => one !== undefined);
    if (holder === undefined) for (const { value, kind } of told) this.#waiting.set(`${kind} ${value}`, told);
    else if (holders.every((one) => one === undefined || one === holder)) this.#give(holder, told);
  }

  #holds({ all, from, to }: AnswerObject, text: string): boolean {
    for (let i = from; i < to; i++) if (names(all.paths[i]) && canonicalId(all.values[i]) === text) return true;
    return false;
  }

  /** Somebody turned out to have this name. */
  onIdentity(person: Person, value: number, kind: number): void {
    const told = this.#waiting.get(`${kind} ${value}`);
    if (told?.every((one) => (this.people.holder(one.value, one.kind) ?? person) === person) === true) this.#give(person, told);
  }

  #hasNames({ all, from, to }: AnswerObject): boolean {
    for (let i = from; i < to; i++) if (names(all.paths[i])) return true;
    return false;
  }

  #give(person: Person, told: readonly Name[]): void {
    for (const { value, kind } of told) this.people.addIdentity(person, value, kind);
  }

  /** All names that an object says a person has; null where it is none, or says one only. */
  #namesIn(object: AnswerObject, id: string): Name[] | null {
    const { paths, values } = object.all;
    const found = new Map<number, Name>();
    for (let i = object.from; i < object.to && found.size < MOST_NAMES; i++) {
      if (!names(paths[i])) continue;
      const value = object.valueAt(i, this.known);
      if (!found.has(value)) found.set(value, { value, kind: namedKind(canonicalId(values[i]), pathName(paths[i])) });
    }
    const own = object.idHash(this.known);
    if (found.size === 0 || (found.size === 1 && found.has(own))) return null;
    const kinds = kindsByShape(id);
    const held =
      isGloballyUnique(id) || IS_PERSON.test(object.resource)
        ? kinds.find((kind) => this.people.holder(own, kind) !== undefined)
        : undefined;
    if (held === undefined && !IS_PERSON.test(object.resource)) return null;
    if (!found.has(own)) found.set(own, { value: own, kind: held ?? kinds[0] });
    return [...found.values()];
  }
}
