import type { Observation } from '../../exchange/index.js';
import type { AnswerObject } from './answer.js';
import type { Strange } from './contexts.js';
import { pathName } from './paths.js';
import type { Person, Scatter } from './person.js';
import type { Reference, RouteReading } from './references.js';
import { canonicalId, foldName } from './shape.js';
import type { SlotRule } from './sheet.js';

/** One exchange as ownership sees it. */
export interface Reading {
  readonly observation: Observation;
  readonly service: string;
  readonly reading: RouteReading;
  /** What the answer showed, with hashed fields. */
  readonly objects: readonly AnswerObject[];
  readonly status: number;
  readonly person: Person | null;
  /** What learning from the exchange showed besides. */
  readonly signs: Signs;
}

/** Circumstances that are no verdict by themselves. */
export interface Signs {
  /** A caller without a name reached somebody's object at a private place. */
  scatter: Scatter | null;
  /** A caller named objects of unknown or other owners where people reach their own: how many lately, and how many nineteen of twenty people name at most. */
  strange: { readonly sort: Strange; readonly named: number; readonly usual: number; readonly people: number } | null;
}

/** The request named this object itself: the answer lists nothing. */
export function isNamed(reading: RouteReading, object: AnswerObject): boolean {
  return reading.references.some((one) => one.value === object.id);
}

/** A write that answered with one object whose id the request did not name. */
export function isCreation(read: Reading): boolean {
  if (!read.reading.mutates) return false;
  const object = read.objects.find((one) => one.id !== null);
  return (
    object !== undefined &&
    !object.inList &&
    (read.status === 201 || !read.reading.references.some((one) => one.value === object.id || one.place === 'path'))
  );
}

/** The answer has no id of its own, and names what the request named, under the same name (`x-wallet-ref` and `walletRef`): that is what it was asked for. */
export function isEchoed({ objects }: Reading, { hint, name, place, value }: Reference): boolean {
  // What a body says is mostly said again, and a plain name is that of a search.
  if ((place !== 'header' && place !== 'query') || foldName(name).endsWith(hint)) return false;
  const root = objects.find((object) => object.isRoot && !object.inList);
  const told = root ?? objects[0];
  if (told === undefined || (root === undefined ? objects.some((object) => object.id !== null) : root.id !== null)) return false;
  const { paths, values } = told.all;
  for (let i = told.from; i < told.to; i++) {
    if (canonicalId(values[i]) !== value) continue;
    const path = pathName(paths[i]);
    // What is said beside a list counts for what it holds, but not what its items say.
    if ((root === undefined) === path.startsWith('^') && isCalled(name, hint, path.replace('^', ''))) return true;
  }
  return false;
}

const isCalled = (name: string, hint: string, path: string): boolean => path === hint || foldName(name).endsWith(path);

/** The object of an answer that a reference is about. */
export function subjectOf(objects: readonly AnswerObject[], reference: Reference, reading: RouteReading): AnswerObject | null {
  for (const object of objects) if (object.id === reference.value) return object;
  for (const object of objects) if (isAbout(object, reference, reading)) return object;
  return null;
}

/**
 * Does an answer as a whole speak of what this reference names? Of a path that is what stands last in it: the author of a message is not the owner of its channel,
 * and whoever makes something below an object (`POST /channels/{id}/messages`) does not own that. What a query names, and then a header, counts where the path names nothing.
 */
export function isAbout(object: AnswerObject, { place, slot }: Reference, { references, pathRoute }: RouteReading): boolean {
  if (!object.isRoot || object.inList || place === 'body' || place === 'cookie') return false;
  if (place === 'path' && object.id !== null && !pathRoute.endsWith('}')) return false;
  for (let i = references.length - 1; i >= 0; i--) {
    const other = references[i];
    if (other.place === 'path') return slot === other.slot;
    if (other.place === 'query' && place === 'header') return false;
  }
  return true;
}

/** The object outside the body that a write is about; a query, header or cookie counts where it is known to name objects (`theme=dark` names none). */
export function subjectOutside(references: readonly Reference[], ruleOf: (slot: string) => SlotRule | undefined): Reference | undefined {
  return (
    references.findLast((one) => one.place === 'path') ??
    references.findLast((one) => one.place !== 'body' && ruleOf(one.slot) !== undefined)
  );
}
