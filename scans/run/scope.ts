import type { Value } from '../language/types.js';

const SUBSTITUTIONS = 20;

/** The variables of one run of a test. A list stands for each of its values in turn. */
export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #dynamic: (name: string) => Value | undefined;

  constructor(dynamic: (name: string) => Value | undefined, values: Iterable<readonly [string, Value]> = []) {
    this.#dynamic = dynamic;
    for (const [name, value] of values) this.#values.set(name, value);
  }

  with(values: Iterable<readonly [string, Value]>): Scope {
    return new Scope(this.#dynamic, [...this.#values, ...values]);
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  get(name: string): Value | undefined {
    const direct = this.#values.get(name);
    if (direct !== undefined) return direct;
    const member = /^(.+)\.(key|value|other)$/.exec(name);
    const pair = member === null ? undefined : this.#values.get(member[1]!);
    if (pair !== null && typeof pair === 'object' && !Array.isArray(pair)) return (pair as { [key: string]: Value })[member![2]!];
    return this.#dynamic(name);
  }

  /** Names used in a value that stand for lists. */
  lists(value: Value): readonly string[] {
    const names = new Set<string>();
    const visit = (one: Value): void => {
      if (typeof one === 'string') {
        for (const [, name] of one.matchAll(/\$\{([^{}]+)\}/g)) if (Array.isArray(this.get(name!.trim()))) names.add(name!.trim());
        if (Array.isArray(this.#values.get(one))) names.add(one);
      } else if (Array.isArray(one)) one.forEach(visit);
      else if (one !== null && typeof one === 'object')
        for (const [key, item] of Object.entries(one)) {
          visit(key);
          visit(item as Value);
        }
    };
    visit(value);
    return [...names];
  }

  /** `${…}` replaced; null when a variable is not bound. A text that is one variable alone keeps its type; `a * b` is calculated. */
  resolve(text: string): Value {
    let current = text;
    for (let turn = 0; turn < SUBSTITUTIONS; turn++) {
      const alone = /^\$\{([^{}]+)\}$/.exec(current);
      if (alone !== null) {
        const value = this.get(alone[1]!.trim());
        if (value === undefined) return null;
        if (typeof value !== 'string' || value === current) return value;
        current = value;
        continue;
      }
      let missing = false;
      const next = current.replace(/\$\{([^{}]+)\}/g, (whole, name: string) => {
        const value = this.get(name.trim());
        if (value === undefined) {
          missing ||= /^[\w.-]+$/.test(name) && !/^\d/.test(name);
          return whole;
        }
        return typeof value === 'object' ? JSON.stringify(value) : String(value);
      });
      if (missing) return null;
      if (next === current) break;
      current = next;
    }
    return current;
  }

  /** As `resolve`, for any value; a variable that stands for a list gives the list's values. */
  resolveAll(value: Value): readonly Value[] {
    const values = Array.isArray(value) ? (value as readonly Value[]) : [value];
    return values.flatMap((one): readonly Value[] => {
      const resolved = typeof one === 'string' ? this.resolve(one) : one;
      return Array.isArray(resolved) ? (resolved as readonly Value[]) : [resolved];
    });
  }

  /** A text or number after replacing and calculating products: `${x} * 2`. NaN when it is none. */
  number(value: Value): number {
    const resolved = typeof value === 'string' ? this.resolve(value) : value;
    if (typeof resolved === 'number') return resolved;
    if (typeof resolved !== 'string' || resolved.trim() === '') return Number.NaN;
    const factors = resolved.split('*').map((factor) => Number(factor.trim()));
    return factors.reduce((product, factor) => product * factor, 1);
  }

  /** A parameter name as written: `userKey` is the bound variable of that name, else itself. */
  name(text: string): string {
    const resolved = text.includes('${') ? this.resolve(text) : (this.get(text) ?? text);
    return resolved === null || typeof resolved === 'object' ? text : String(resolved);
  }
}
