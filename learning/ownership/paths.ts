/**
 * Numbers for the paths of fields, the same for everything in one process: comparing and keeping numbers is what makes learning from long lists cheap.
 * Numbers never leave the process; what is saved or sent holds names.
 */
const MAX_PATHS = 20_000;
const MAX_NAMED = 40_000;

/** Number of the pseudo field that stands for the value in the request itself (`/users/{me}`). */
export const SELF_FIELD = 0;

/** What the paths of fields begin with that say what a collection hangs on (`^/account`). */
export const CONTAINER = '^/';

const names: string[] = ['@'];
const numbers = new Map<string, number>([['@', SELF_FIELD]]);
/** Number under which the elements of an object inherit one of its fields; -1: they do not, 0: not asked yet. */
const heirs: number[] = [-1];

/** The number of a path, made when new; -1 when there are too many already. */
export function pathNumber(name: string): number {
  return numbers.get(name) ?? (names.length < MAX_PATHS ? add(name) : -1);
}

/** The same for a path that a rule names, which must have a number however many there are. */
export function ruledPath(name: string): number {
  return numbers.get(name) ?? (names.length < MAX_NAMED ? add(name) : -1);
}

export function pathName(number: number): string {
  return names[number];
}

/** The number of `^path`, as which elements inherit the field; -1 for fields that are lists or inherited themselves. */
export function heirOf(number: number): number {
  if (heirs[number] === 0) {
    const name = names[number];
    heirs[number] = name.startsWith('^') || name.includes('[]') ? -1 : pathNumber(`^${name}`);
  }
  return heirs[number];
}

function add(name: string): number {
  numbers.set(name, names.length);
  heirs.push(0);
  return names.push(name) - 1;
}
