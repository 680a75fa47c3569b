import type { AnswerObject } from './answer.js';
import { pathName } from './paths.js';

/** Fields that stay what they are for as long as an object lives. */
const STEADY = /(?:^|\.)(?:id|uuid|guid|login|email|created|createdat|\w+id|\w+uuid)$/;
const MAX_PLACES = 4_000;
const MAX_VALUES = 300;
/** Of all places together. */
const MAX_HELD = 100_000;
/** People who must reach another object by the same id below another parent. */
const ENOUGH = 3;
/** So much rarer must it be that the objects are the same. */
const TIMES = 4;

interface Place {
  /** Value of the parameter → what stood before it, and the fields of the object then. */
  readonly values: Map<number, { readonly parent: number; readonly fields: readonly number[] }>;
  readonly apart: Set<number>;
  together: number;
  isScoped: boolean;
}

/**
 * Which parameters of paths are ids only together with what stands before them: `/repos/{owner}/{name}`, `/projects/{key}/tickets/{number}`. The same value below another
 * parent then is another object, which the answers show: what never changes of an object differs.
 */
export class Scopes {
  readonly #places = new Map<string, Place>();
  #held = 0;

  /** How many of the parameters before it belong to the id of this one. `prefix`: the path up to and with it. */
  above(service: string, prefix: string): number {
    let count = 0;
    for (let at = prefix; this.#places.get(`${service} ${at}`)?.isScoped === true; at = prefixBefore(at)) count++;
    return count;
  }

  /** Somebody was shown an object by this id; true when it turned out just now that the id is none by itself. */
  note(
    service: string,
    prefix: string,
    value: number,
    parent: number,
    object: Pick<AnswerObject, 'hashedFields'>,
    person: number,
  ): boolean {
    const key = `${service} ${prefix}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      if (this.#places.size >= MAX_PLACES) return false;
      place = { values: new Map(), apart: new Set(), together: 0, isScoped: false };
      this.#places.set(key, place);
    }
    if (place.isScoped) return false;
    const before = place.values.get(value);
    if (before?.parent === parent || (before === undefined && (place.values.size >= MAX_VALUES || this.#held >= MAX_HELD))) return false;
    const fields = object.hashedFields();
    if (fields === null) return false;
    if (before === undefined) {
      this.#held++;
      place.values.set(value, { parent, fields });
      return false;
    }
    const isSame = sameObject(before.fields, fields);
    if (isSame === true) place.together++;
    else if (isSame === false) place.apart.add(person);
    if (place.apart.size < ENOUGH || place.apart.size < place.together * TIMES) return false;
    place.isScoped = true;
    this.#held -= place.values.size;
    place.values.clear();
    return true;
  }

  /** After a restart: what the rules of places say. */
  restore(service: string, prefix: string, above: number): void {
    for (let [at, left] = [prefix, above]; left > 0; [at, left] = [prefixBefore(at), left - 1])
      this.#places.set(`${service} ${at}`, { values: new Map(), apart: new Set(), together: 0, isScoped: true });
  }
}

/** The path up to and with the last parameter before the one that this ends with; empty without one. */
function prefixBefore(prefix: string): string {
  const end = prefix.lastIndexOf('{}', prefix.length - 3);
  return end < 0 ? '' : prefix.slice(0, end + 2);
}

/** The path of a route up to and with its parameter of that index. */
export function prefixOf(pathRoute: string, index: number): string {
  let end = pathRoute.indexOf('/');
  const start = end;
  for (let i = 0; i <= index; i++) {
    end = pathRoute.indexOf('{}', end);
    if (end < 0) return '';
    end += 2;
  }
  return pathRoute.slice(start, end);
}

/** Undefined when the fields do not tell. */
function sameObject(one: readonly number[], other: readonly number[]): boolean | undefined {
  let same: boolean | undefined;
  for (let i = 0; i < one.length; i += 2) {
    const name = pathName(one[i]);
    if (name.startsWith('^') || !STEADY.test(name)) continue;
    for (let j = 0; j < other.length; j += 2) {
      if (other[j] !== one[i]) continue;
      if (other[j + 1] !== one[i + 1]) return false;
      same = true;
      break;
    }
  }
  return same;
}
