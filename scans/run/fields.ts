/** One leaf of a JSON document or form. `name` is the last member name on the way, `path` the whole way with dots, array places left out. */
export interface Field {
  readonly name: string;
  readonly path: string;
  readonly value: unknown;
}

const FIELD_LIMIT = 20_000;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A body as a value: JSON, else a form, else null. */
export function parseBody(body: string): Json | null {
  const text = body.trim();
  if (text === '') return null;
  if (text[0] === '{' || text[0] === '[') {
    try {
      return JSON.parse(text) as Json;
    } catch {
      return null;
    }
  }
  return /^[\w.[\]%+-]+=[^\s]*$/.test(text) ? nested(new URLSearchParams(text)) : null;
}

const FORM_DEPTH = 8;

/** `user[email]=a` is a member of `user`, as PHP, Rails and Express read it. */
function nested(pairs: Iterable<readonly [string, string]>): Json {
  const form: { [name: string]: Json } = {};
  for (const [key, value] of pairs) {
    const [, first = key, rest = ''] = /^([^[\]]+)((?:\[[^[\]]+\]){1,8})$/.exec(key) ?? [];
    const way = [first, ...[...rest.matchAll(/\[([^\]]+)\]/g)].map((part) => part[1]!)].slice(0, FORM_DEPTH);
    let at = form;
    for (const name of way.slice(0, -1)) {
      const inner = Object.hasOwn(at, name) ? at[name] : undefined;
      const next = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? inner : {};
      Object.defineProperty(at, name, { value: next, enumerable: true, writable: true, configurable: true });
      at = next;
    }
    Object.defineProperty(at, way.at(-1)!, { value, enumerable: true, writable: true, configurable: true });
  }
  return form;
}

/** A value as a form: members of members in brackets, lists as repeated names. */
export function formOf(value: Json): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return String(value ?? '');
  const form = new URLSearchParams();
  const put = (name: string, one: Json, depth: number): void => {
    if (one === null || typeof one !== 'object' || depth > FORM_DEPTH)
      form.append(name, typeof one === 'object' ? JSON.stringify(one) : String(one));
    else if (Array.isArray(one)) for (const item of one) put(typeof item === 'object' ? `${name}[]` : name, item, depth + 1);
    else for (const [key, item] of Object.entries(one)) put(`${name}[${key}]`, item, depth + 1);
  };
  for (const [name, one] of Object.entries(value)) put(name, one, 1);
  return form.toString();
}

export const isJsonBody = (body: string): boolean => /^\s*[[{]/.test(body);

/** Leaves first to last; containers appear too, so that keys of objects can be selected. */
export function fieldsOf(value: unknown): readonly Field[] {
  const found: Field[] = [];
  const stack: { value: unknown; name: string; path: string }[] = [{ value, name: '', path: '' }];
  while (stack.length > 0 && found.length < FIELD_LIMIT) {
    const top = stack.pop()!;
    if (top.name !== '' && (typeof top.value !== 'object' || top.value === null)) found.push(top);
    if (typeof top.value !== 'object' || top.value === null) continue;
    const entries = Array.isArray(top.value)
      ? top.value.map((item) => ({ value: item as unknown, name: top.name, path: top.path }))
      : Object.entries(top.value).map(([name, item]) => ({
          value: item as unknown,
          name,
          path: top.path === '' ? name : `${top.path}.${name}`,
        }));
    if (!Array.isArray(top.value) && top.name !== '') found.push(top);
    for (const entry of entries.reverse()) stack.push(entry);
  }
  return found;
}

/** Changes every member called `name` (or with that dotted path). `change` gives undefined to remove it. @returns how many were changed */
export function changeFields(value: Json, name: string, change: (before: Json) => Json | undefined, path = ''): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + changeFields(item, name, change, path), 0);
  if (value === null || typeof value !== 'object') return 0;
  let count = 0;
  for (const [key, item] of Object.entries(value)) {
    const here = path === '' ? key : `${path}.${key}`;
    if (key !== name && here !== name) {
      count += changeFields(item, name, change, here);
      continue;
    }
    const next = change(item);
    if (next === undefined) delete value[key];
    else value[key] = next;
    count++;
  }
  return count;
}

/** Leaves that are `before` become `after`, a number where it was one and `after` is one. @returns how many were changed */
export function changeLeaves(value: Json, before: string, after: string): number {
  if (value === null || typeof value !== 'object') return 0;
  let count = 0;
  const entries: readonly (readonly [string | number, Json])[] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  for (const [key, item] of entries) {
    if (item !== null && typeof item === 'object') {
      count += changeLeaves(item, before, after);
      continue;
    }
    if (typeof item === 'boolean' || item === null || String(item) !== before) continue;
    const next = typeof item === 'number' && Number.isFinite(Number(after)) ? Number(after) : after;
    (value as { [key: string | number]: Json })[key] = next;
    count++;
  }
  return count;
}

/** A date with a time, or seconds or milliseconds since 1970. */
const instantOf = (text: string): number | null => {
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)) return Date.parse(text);
  if (/^1[6-9]\d{8}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  return /^1[6-9]\d{11}$/.test(text) ? Number(text) : null;
};
const SAME_HOUR_MS = 3_600_000;
/** Times of the moment (`updatedAt`, `timestamp`) differ between two answers that say the same. */
function isSameMoment(left: Set<string>, right: Set<string>): boolean {
  if (left.size !== 1 || right.size !== 1) return false;
  const [a, b] = [instantOf([...left][0]!), instantOf([...right][0]!)];
  return a !== null && b !== null && Math.abs(a - b) < SAME_HOUR_MS;
}

const byPath = (value: unknown, mark: (value: unknown) => string): Map<string, Set<string>> => {
  const map = new Map<string, Set<string>>();
  for (const field of fieldsOf(value)) {
    if (typeof field.value === 'object' && field.value !== null) continue;
    const set = map.get(field.path) ?? new Set();
    map.set(field.path, set.add(mark(field.value)));
  }
  return map;
};

/** Share in percent of the flattened keys whose set of values is the same in both (or one time of the same hour in each); without JSON: 100 if equal, else the share of equal lines. */
export function percentageMatch(original: string, other: string): number {
  if (original === other) return 100;
  if (original === '' || other === '') return 0;
  const [a, b] = [parseBody(original), parseBody(other)];
  if (a === null || b === null) {
    const lines = new Set(original.split('\n'));
    const others = other.split('\n');
    return Math.floor((100 * others.filter((line) => lines.has(line)).length) / Math.max(lines.size, others.length));
  }
  return share(byPath(a, String), byPath(b, String));
}

/** The same of structure: paths and types. */
export function schemaMatch(original: string, other: string): number {
  const [a, b] = [parseBody(original), parseBody(other)];
  if (a === null || b === null) return original === other ? 100 : 0;
  const kind = (value: unknown) => (value === null ? 'null' : typeof value);
  return share(byPath(a, kind), byPath(b, kind));
}

function share(a: Map<string, Set<string>>, b: Map<string, Set<string>>): number {
  const keys = new Set([...a.keys(), ...b.keys()]);
  if (keys.size === 0) return 100;
  let same = 0;
  for (const key of keys) {
    const [left, right] = [a.get(key), b.get(key)];
    if (left === undefined || right === undefined) continue;
    if ((left.size === right.size && [...left].every((value) => right.has(value))) || isSameMoment(left, right)) same++;
  }
  return Math.floor((100 * same) / keys.size);
}
