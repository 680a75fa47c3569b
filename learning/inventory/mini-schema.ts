import type { Json } from '../../exchange/index.js';

/**
 * A schema reduced to what can be checked in microseconds: types, members, required members, closed lists. JSON-able and small: it travels to the gateways.
 * Letters: `s` string, `i` integer, `n` number, `b` boolean, `z` null, `o` object, `a` array; an empty text allows everything.
 */
export interface MiniSchema {
  readonly t: string;
  /** Members. */
  readonly p?: Readonly<Record<string, MiniSchema>>;
  /** Required members. */
  readonly r?: readonly string[];
  /** Are members that are not listed allowed? Left out: unless somebody is strict. */
  readonly x?: boolean;
  readonly e?: readonly (string | number | boolean | null)[];
  readonly i?: MiniSchema;
}

export interface Mismatch {
  /** Dotted, arrays as `[*]`. */
  readonly path: string;
  readonly code: 'wrong-type' | 'unknown-member' | 'missing-member' | 'not-in-list';
  readonly text: string;
}

const LETTERS: Readonly<Record<string, string>> = {
  string: 's',
  integer: 'i',
  number: 'n',
  boolean: 'b',
  null: 'z',
  object: 'o',
  array: 'a',
};
const NAMES: Readonly<Record<string, string>> = {
  s: 'a string',
  i: 'an integer',
  n: 'a number',
  b: 'a boolean',
  z: 'null',
  o: 'an object',
  a: 'a list',
};
const ANYTHING: MiniSchema = { t: '' };

/** From JSON Schema or the OpenAPI dialects of it. Alternatives (`oneOf`, `anyOf`) are not told apart: they allow everything. */
export function compileSchema(schema: Json | undefined, depth = 0): MiniSchema {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema) || depth > 16) return ANYTHING;
  if (schema.oneOf !== undefined || schema.anyOf !== undefined || schema.not !== undefined) return ANYTHING;
  if (Array.isArray(schema.allOf))
    return merged(
      schema.allOf.map((one) => compileSchema(one, depth + 1)),
      compileSchema({ ...schema, allOf: null }, depth + 1),
    );
  const listed = Array.isArray(schema.type) ? schema.type : schema.type === undefined ? [] : [schema.type];
  let t = listed.map((type) => LETTERS[String(type)] ?? '').join('');
  if (t === '' && schema.properties !== undefined) t = 'o';
  if (t !== '' && schema.nullable === true) t += 'z';
  const properties = schema.properties;
  const p =
    typeof properties === 'object' && properties !== null && !Array.isArray(properties)
      ? Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, compileSchema(one, depth + 1)]))
      : undefined;
  return {
    t,
    ...(p === undefined ? {} : { p }),
    ...(Array.isArray(schema.required) ? { r: schema.required.map(String) } : {}),
    ...(schema.additionalProperties === false ? { x: false } : typeof schema.additionalProperties === 'object' ? { x: true } : {}),
    ...(Array.isArray(schema.enum)
      ? { e: schema.enum.filter((one): one is string | number | boolean | null => typeof one !== 'object' || one === null) }
      : {}),
    ...(schema.items === undefined ? {} : { i: compileSchema(schema.items, depth + 1) }),
  };
}

function merged(parts: readonly MiniSchema[], own: MiniSchema): MiniSchema {
  const all = [...parts, own];
  const p = Object.assign({}, ...all.map((one) => one.p ?? {})) as Record<string, MiniSchema>;
  return { t: all.find((one) => one.t !== '')?.t ?? '', ...(Object.keys(p).length > 0 ? { p } : {}), r: all.flatMap((one) => one.r ?? []) };
}

/** The first place where a value does not fit; null when it does. `strict` refuses members that are not listed. */
export function firstMismatch(schema: MiniSchema, value: Json, path: string, strict = false): Mismatch | null {
  if (schema.t !== '' && !allows(schema.t, value)) {
    const expected = [...schema.t].map((letter) => NAMES[letter]).join(' or ');
    return { path, code: 'wrong-type', text: `is ${NAMES[letterOf(value)]} instead of ${expected}` };
  }
  if (schema.e !== undefined && (typeof value !== 'object' || value === null) && !schema.e.includes(value))
    return { path, code: 'not-in-list', text: 'is none of the listed values' };
  if (Array.isArray(value)) {
    if (schema.i === undefined) return null;
    for (let index = 0; index < value.length && index < 50; index++) {
      const found = firstMismatch(schema.i, value[index], `${path}[*]`, strict);
      if (found !== null) return found;
    }
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  for (const name of schema.r ?? []) if (!Object.hasOwn(value, name)) return { path: at(name), code: 'missing-member', text: 'is missing' };
  if (schema.p === undefined) return null;
  for (const name in value) {
    const member = Object.hasOwn(schema.p, name) ? schema.p[name] : undefined;
    if (member === undefined) {
      if (schema.x === false || (strict && schema.x !== true)) return { path: at(name), code: 'unknown-member', text: 'is not known' };
      continue;
    }
    const found = firstMismatch(member, value[name], at(name), strict);
    if (found !== null) return found;
  }
  return null;
}

const letterOf = (value: Json): string => {
  if (value === null) return 'z';
  if (Array.isArray(value)) return 'a';
  if (typeof value === 'number') return Number.isInteger(value) ? 'i' : 'n';
  return typeof value === 'object' ? 'o' : typeof value === 'string' ? 's' : 'b';
};

function allows(types: string, value: Json): boolean {
  const letter = letterOf(value);
  return types.includes(letter) || (letter === 'i' && types.includes('n'));
}
