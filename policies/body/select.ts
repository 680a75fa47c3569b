import type { JsonPath } from './json-walk.js';
import { Repeated } from './json-walk.js';

/** One step of a selector. `names` ignore case, `_` and `-` when `loose`. */
type Step =
  | { readonly kind: 'name'; readonly test: (name: string) => boolean; readonly name: string | null }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'descend' };

/** A compiled JSONPath subset or field name. */
export interface Selector {
  readonly source: string;
  readonly steps: readonly Step[];
}

/** Values looked at by one selection at most; beyond it the selection is undecided. */
const MAX_VISITS = 200_000;

/** Thrown by `parseSelector`; the offset counts characters from the start of the text. */
export class SelectorSyntax extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  } // prettier-ignore
}

/**
 * Parses `$.a.b`, `$['a b']`, `$.items[0]`, `$.items[*].id`, `$..name`, `$.*` (RFC 9535 without filters, slices and unions). Negative indices
 * and anything else are refused with SelectorSyntax.
 */
export function parseSelector(source: string): Selector {
  const steps: Step[] = [];
  if (!source.startsWith('$')) throw new SelectorSyntax('a JSONPath begins with $', 0);
  let at = 1;
  while (at < source.length) {
    if (source.startsWith('..', at)) {
      steps.push({ kind: 'descend' });
      at += 2;
      if (source[at] === '[') continue;
      at = member(at);
    } else if (source[at] === '.') at = member(at + 1);
    else if (source[at] === '[') at = bracket(at);
    else throw new SelectorSyntax(`"${source[at]}" cannot stand here`, at);
  }
  return { source, steps };

  function member(start: number): number {
    const name = /^[^.[\]'"\s]+/.exec(source.slice(start))?.[0];
    if (name === undefined) throw new SelectorSyntax('a name or * is missing', start);
    steps.push(name === '*' ? { kind: 'any' } : exactly(name));
    return start + name.length;
  }

  function bracket(start: number): number {
    const found = /^\[\s*(?:\*|(\d{1,9})|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/.exec(source.slice(start));
    if (found === null) throw new SelectorSyntax("expected [*], [0] or ['name']", start);
    const quoted = found[2] ?? found[3];
    if (found[1] !== undefined) steps.push({ kind: 'index', index: Number(found[1]) });
    else if (quoted !== undefined) steps.push(exactly(quoted.replace(/\\(.)/g, '$1')));
    else steps.push({ kind: 'any' });
    return start + found[0].length;
  }
}

const exactly = (name: string): Step => ({ kind: 'name', name, test: (candidate) => candidate === name });

/** A field name at any depth, or a glob with `*`; case, `_` and `-` are ignored: `card_number` finds `cardNumber`. */
export function fieldSelector(name: string): Selector {
  const loose = (text: string): string => text.toLowerCase().replace(/[_-]/g, '');
  if (name.includes('*')) {
    const pattern = new RegExp(`^${loose(name).split('*').map(escapeRegex).join('.*')}$`, 's');
    return {
      source: name,
      steps: [{ kind: 'descend' }, { kind: 'name', name: null, test: (candidate) => pattern.test(loose(candidate)) }],
    };
  }
  const wanted = loose(name);
  const test = (candidate: string): boolean => candidate === name || (candidate.length >= wanted.length && loose(candidate) === wanted);
  return { source: name, steps: [{ kind: 'descend' }, { kind: 'name', name: null, test }] };
}

export const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A path as evidence shows it: `user.cards[*].number`. */
export function shownPath(path: JsonPath): string {
  let shown = '';
  for (const part of path) shown += typeof part === 'number' ? '[*]' : shown === '' ? part : `.${part}`;
  return shown;
}

/**
 * Visits every value that the selector selects, in document order, until `visit` returns true. `path` is borrowed. Returns true when `visit`
 * did, false at the end, null when the tree was too large to finish.
 */
export function select(root: unknown, selector: Selector, visit: (value: unknown, path: JsonPath) => boolean): boolean | null {
  const path: (string | number)[] = [];
  let visits = 0;
  let gaveUp = false;
  const { steps } = selector;
  const found = walk(root, 0);
  return found ? true : gaveUp ? null : false;

  function walk(value: unknown, at: number): boolean {
    if (value instanceof Repeated) return value.values.some((one) => walk(one, at));
    if (++visits > MAX_VISITS) {
      gaveUp = true;
      return false;
    }
    if (at === steps.length) return visit(value, path);
    const step = steps[at];
    if (step.kind === 'descend') {
      const next = steps[at + 1];
      // The last named step under a descent is tested while descending: each object is then listed once.
      return next.kind === 'name' ? descend(value, next, at + 2) : descendAny(value, at + 1);
    }
    if (typeof value !== 'object' || value === null) return false;
    if (Array.isArray(value)) {
      if (step.kind === 'index') return step.index < value.length && enter(value[step.index], step.index, at + 1);
      if (step.kind === 'any') return value.some((item, index) => enter(item, index, at + 1));
      return false;
    }
    const record = value as Record<string, unknown>;
    if (step.kind === 'name' && step.name !== null) return Object.hasOwn(record, step.name) && enter(record[step.name], step.name, at + 1);
    if (step.kind === 'index') return false;
    for (const name in record) if ((step.kind === 'any' || step.test(name)) && enter(record[name], name, at + 1)) return true;
    return false;
  }

  function enter(value: unknown, key: string | number, at: number): boolean {
    path.push(key);
    const found = walk(value, at);
    path.pop();
    return found;
  }

  function descend(value: unknown, step: Step & { kind: 'name' }, at: number): boolean {
    if (value instanceof Repeated) return value.values.some((one) => descend(one, step, at));
    if (typeof value !== 'object' || value === null) return false;
    if (++visits > MAX_VISITS) {
      gaveUp = true;
      return false;
    }
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const item: unknown = value[index];
        if (typeof item !== 'object' || item === null) continue;
        path.push(index);
        const found = descend(item, step, at);
        path.pop();
        if (found) return true;
      }
      return false;
    }
    const record = value as Record<string, unknown>;
    for (const name in record) {
      const inner = record[name];
      const hit = step.test(name);
      if (!hit && (typeof inner !== 'object' || inner === null)) continue;
      path.push(name);
      const found = (hit && walk(inner, at)) || descend(inner, step, at);
      path.pop();
      if (found) return true;
    }
    return false;
  }

  function descendAny(value: unknown, at: number): boolean {
    if (value instanceof Repeated) return value.values.some((one) => descendAny(one, at));
    if (typeof value !== 'object' || value === null) return false;
    if (walk(value, at)) return true;
    if (gaveUp) return false;
    if (Array.isArray(value)) return value.some((item, index) => inside(item, index));
    for (const name in value) if (inside((value as Record<string, unknown>)[name], name)) return true;
    return false;

    function inside(item: unknown, key: string | number): boolean {
      path.push(key);
      const found = descendAny(item, at);
      path.pop();
      return found;
    }
  }
}

/** Does the selector select the value at this path? Used where only the path is at hand. */
export function selects(selector: Selector, path: JsonPath): boolean {
  const { steps } = selector;
  return from(0, 0);

  function from(step: number, at: number): boolean {
    if (step === steps.length) return at === path.length;
    const one = steps[step];
    if (one.kind === 'descend') {
      for (let start = at; start < path.length; start++) if (from(step + 1, start)) return true;
      return false;
    }
    if (at >= path.length) return false;
    const part = path[at];
    if (one.kind === 'any') return from(step + 1, at + 1);
    if (one.kind === 'index') return part === one.index && from(step + 1, at + 1);
    return typeof part === 'string' && one.test(part) && from(step + 1, at + 1);
  }
}
