import { hash32 } from '../inventory/sketch.js';

/**
 * Numbers for the paths of fields, the same for everything in one process: comparing and keeping numbers is what makes learning from long lists cheap.
 * Numbers never leave the process; what is saved or sent holds names.
 */
const MAX_PATHS = 20_000;
const MAX_NAMED = 40_000;
/** From here on a path must come a second time to get a number: answers that repeat what clients make up have others each time. */
const FREELY = 10_000;
const MAX_ONCE = 20_000;
const LONGEST = 400;

/** Number of the pseudo field that stands for the value in the request itself (`/users/{me}`). */
export const SELF_FIELD = 0;

/** What the paths of fields begin with that say what a collection hangs on (`^/account`). */
export const CONTAINER = '^/';

const names: string[] = ['@'];
const numbers = new Map<string, number>([['@', SELF_FIELD]]);
/** Paths that came once since there are many, by hash: the half that is being filled, and the one before. */
let once = new Set<number>();
let onceBefore = new Set<number>();
let refused = 0;
/** Number under which the elements of an object inherit one of its fields; -1: they do not, 0: not asked yet. */
const heirs: number[] = [-1];

/** The number of a path, made when new; -1 when there are too many already, or so many that it must come again first. */
export function pathNumber(name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  if (names.length < (cameBefore(name) ? MAX_PATHS : FREELY) && name.length <= LONGEST) return add(name);
  refused++;
  return -1;
}

/** How many paths have numbers, and how often a path was left without one. */
export const pathStats = (): { readonly numbered: number; readonly refused: number } => ({ numbered: names.length, refused });

function cameBefore(name: string): boolean {
  if (names.length < FREELY) return true;
  const hash = hash32(name);
  if (once.has(hash) || onceBefore.has(hash)) return true;
  if (once.size >= MAX_ONCE) {
    onceBefore = once;
    once = new Set();
  }
  once.add(hash);
  return false;
}

/** The same for a path that a rule names, which must have a number however many there are. */
export function ruledPath(name: string): number {
  return numbers.get(name) ?? (names.length < MAX_NAMED ? add(name) : -1);
}

export function pathName(number: number): string {
  return names[number];
}

/** What a list says of itself, and not of what it holds. */
const OF_LIST =
  /(?:^|\.)(?:meta|paging|pagination|(?:page|current|next|prev|previous|first|last)?(?:page|pages|cursor|offset)(?:no|num|number|index|size|count|limit)?|perpage|limit|skip|take|size|(?:page|item|result|record|row|hit)?(?:count|total)|total(?:count|items|pages|elements|results|records|rows|hits)?|has(?:more|next|prev|previous)(?:page)?|is(?:first|last)(?:page)?)$/;

/** The number of `^path`, as which elements inherit the field; -1 for fields that are lists or inherited themselves, or speak of the list. */
export function heirOf(number: number): number {
  if (heirs[number] !== 0) return heirs[number];
  const name = names[number];
  if (name.startsWith('^') || name.includes('[]') || OF_LIST.test(name)) heirs[number] = -1;
  else {
    const heir = pathNumber(`^${name}`);
    if (heir < 0) return heir;
    heirs[number] = heir;
  }
  return heirs[number];
}

function add(name: string): number {
  numbers.set(name, names.length);
  heirs.push(0);
  return names.push(name) - 1;
}
