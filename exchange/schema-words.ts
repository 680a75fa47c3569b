import type { z } from 'zod';
import { nearest } from './nearest.js';

/** A place inside a value: keys and array indices from its root. */
export type Place = readonly (string | number)[];

/** One thing that is wrong with a value that a person wrote, in plain words: none of them are the schema library's. */
export interface SchemaProblem {
  /** Of what is wrong; of the mapping where a key is missing; of the key itself where it is unknown. */
  readonly place: Place;
  readonly isUnknownKey: boolean;
  /** The key that is missing at that place, where one is. */
  readonly missing?: string;
  readonly message: string;
  /** What would have been accepted. */
  readonly expected?: string;
  /** The known name that is nearest to what was written. */
  readonly nearest?: string;
}

type Issue = z.core.$ZodIssue;

/** `value`: what did not follow `schema`; `issues`: what `schema` said of it. */
export function schemaProblems(schema: z.ZodType, value: unknown, issues: readonly Issue[]): SchemaProblem[] {
  const problems = flatten(issues, [], value).flatMap((issue) => describe(issue, schema, value));
  // A misspelt key also makes the right one missing: the misspelling is the cause.
  const misspelt = new Set(problems.map(({ place, nearest }) => (nearest === undefined ? '' : dotted([...place.slice(0, -1), nearest]))));
  return problems.filter(({ place, missing }) => missing === undefined || !misspelt.has(dotted([...place, missing])));
}

/** The problem as one sentence, with what was expected and the nearest name. */
export function problemSentence(problem: { path: string; message: string; expected?: string; nearest?: string }): string {
  const expected = problem.expected === undefined ? '' : `; expected ${problem.expected}`;
  const near = problem.nearest === undefined ? '' : `; did you mean "${problem.nearest}"?`;
  return `${problem.path === '' ? '' : `${problem.path}: `}${problem.message}${expected}${near}`;
}

/** `rules[0].when.header`. */
export function dotted(place: Place): string {
  return place.reduce<string>((path, part) => (typeof part === 'number' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
}

/** Union issues replaced by those of the alternative that was meant: the one whose own type fits. */
function flatten(issues: readonly Issue[], prefix: readonly PropertyKey[], root: unknown): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const path = [...prefix, ...issue.path];
    if (issue.code !== 'invalid_union') return [{ ...issue, path }];
    const written = valueAt(root, path as Place);
    const meant = issue.errors.filter((branch) => !branch.some((one) => one.path.length === 0 && isOfAnotherType(one, written)));
    const branches = meant.length > 0 ? meant : issue.errors;
    const best = branches.reduce((a, b) => (depth(b) > depth(a) ? b : a), branches[0] ?? []);
    if (meant.length === 0 || best.length === 0) return [{ ...issue, path }];
    return flatten(best, path, root);
  });
}

const isOfAnotherType = (issue: Issue, written: unknown): boolean =>
  issue.code === 'invalid_type' || (issue.code === 'invalid_value' && !issue.values.some((one) => typeof one === typeof written));

const depth = (issues: readonly Issue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length));

function describe(issue: Issue, schema: z.ZodType, root: unknown): SchemaProblem[] {
  const place = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, root, place);
    return issue.keys.map((key) => {
      const near = nearest(key, known) ?? undefined;
      const expected = near === undefined && known.length > 0 ? `one of ${known.join(', ')}` : undefined;
      return { place: [...place, key], isUnknownKey: true, message: `"${key}" is not a key here`, expected, nearest: near };
    });
  }
  const schemas = schemasAt(schema, root, place);
  const written = valueAt(root, place);
  if (place.length > 0 && written === undefined)
    return [
      {
        place: place.slice(0, -1),
        isUnknownKey: false,
        message: `"${String(place.at(-1))}" is missing`,
        expected: isOwnWords(issue) && issue.code !== 'custom' ? undefined : wanted(issue, schemas),
        missing: String(place.at(-1)),
      },
    ];
  const said = (message: string, more: { expected?: string; nearest?: string } = {}): SchemaProblem[] => [
    { place, isUnknownKey: false, message, ...more },
  ];
  const subject = issue.code === 'invalid_key' ? JSON.stringify(place.at(-1)) : shown(written, place);
  const own = ownWords(issue);
  if (own !== null) {
    if (own.startsWith('expected ')) return said(`${subject} is not accepted`, { expected: own.slice('expected '.length) });
    return said(own.startsWith('not ') ? `${subject} is ${own}` : own);
  }
  if (issue.code === 'too_small' && issue.origin === 'array' && issue.minimum === 1)
    return said('the list is empty', { expected: 'one at least' });
  const expected = wanted(issue, schemas);
  const words = wordsOf(issue);
  const near = typeof written === 'string' && words.length > 0 ? (nearest(written, words) ?? undefined) : undefined;
  // A word that needs more said: `action: throttle`.
  const needsMore = typeof written === 'string' && words.length > 0 && keysAt(schema, root, place).includes(written);
  return said(`${subject} is not accepted`, { expected: needsMore ? `{${written}: …}, or ${expected}` : expected, nearest: near });
}

/** What the schema's author, not the library, says of it; null when nothing. */
function ownWords(issue: Issue): string | null {
  const inner = issue.code === 'invalid_key' || issue.code === 'invalid_element' ? issue.issues[0] : issue;
  if (inner === undefined || !isOwnWords(inner)) return null;
  return inner.message.charAt(0).toLowerCase() + inner.message.slice(1);
}

const isOwnWords = (issue: Issue): boolean => !/^(?:Invalid|Too (?:big|small)|Unrecognized|Expected)/.test(issue.message);

/** The words that are allowed at the place of an issue; empty where it is not about words. */
function wordsOf(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code === 'invalid_union') return ((issue as { options?: readonly unknown[] }).options ?? []).map(String);
  return [];
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  null: 'null',
};

/** What an issue says that it would take. */
function wanted(issue: Issue, schemas: readonly Def[]): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'number' || (issue.expected as string) === 'int'
        ? (numberIn(schemas) ?? KINDS[issue.expected])
        : KINDS[issue.expected];
    case 'invalid_value':
      return oneOf(wordsOf(issue));
    case 'invalid_union': {
      const words = wordsOf(issue);
      if (words.length > 0) return oneOf(words);
      const kinds = issue.errors.flatMap((branch) => branch.filter((one) => one.path.length === 0).map((one) => wanted(one, [])));
      return [...new Set(kinds.filter((kind) => kind !== undefined))].join(' or ') || undefined;
    }
    case 'too_small':
    case 'too_big': {
      const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
      const bound = `${issue.code === 'too_small' ? (issue.inclusive ? 'at least' : 'more than') : issue.inclusive ? 'at most' : 'less than'} ${limit}`;
      if (issue.origin === 'string')
        return issue.code === 'too_small' && limit === 1 ? 'text that is not empty' : `text of ${bound} characters`;
      if (issue.origin === 'array') return `a list of ${bound}`;
      return numberIn(schemas) ?? `a number, ${bound}`;
    }
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return formatIn(issue);
    case 'invalid_key':
      return issue.issues[0] === undefined ? undefined : wanted(issue.issues[0], []);
    default:
      return isOwnWords(issue) ? issue.message.replace(/^expected /i, '') : undefined;
  }
}

const oneOf = (words: readonly string[]): string => (words.length === 1 ? words[0] : `one of ${words.join(', ')}`);

function formatIn(issue: z.core.$ZodIssueInvalidStringFormat): string {
  switch (issue.format) {
    case 'url':
      return 'a URL such as https://example.com';
    case 'regex':
      return `text that matches ${issue.pattern}`;
    case 'starts_with':
      return `text that begins with "${(issue as { prefix?: string }).prefix}"`;
    case 'ends_with':
      return `text that ends with "${(issue as { suffix?: string }).suffix}"`;
    case 'datetime':
      return 'a date and time such as 2027-03-31T12:00:00Z';
    default:
      return `text of the form ${issue.format}`;
  }
}

/** `a whole number from 0 to 65535`, as the schema has it. */
function numberIn(schemas: readonly Def[]): string | null {
  const number = schemas.find(({ type }) => type === 'number')?.schema;
  if (number === undefined) return null;
  const { minValue, maxValue, isInt, def } = number as unknown as Numbers;
  const low = minValue !== null && minValue > Number.MIN_SAFE_INTEGER ? minValue : null;
  const high = maxValue !== null && maxValue < Number.MAX_SAFE_INTEGER ? maxValue : null;
  const isAbove = def.checks?.some(({ _zod: { def: one } }) => one.check === 'greater_than' && one.inclusive === false) ?? false;
  const kind = isInt ? 'a whole number' : 'a number';
  if (low !== null && high !== null) return `${kind} from ${low} to ${high}`;
  if (low !== null) return `${kind}, ${isAbove ? 'more than' : 'at least'} ${low}`;
  return high === null ? kind : `${kind}, at most ${high}`;
}

interface Numbers extends Pick<z.ZodNumber, 'minValue' | 'maxValue' | 'isInt'> {
  readonly def: {
    readonly checks?: readonly { readonly _zod: { readonly def: { readonly check: string; readonly inclusive?: boolean } } }[];
  };
}

interface Def {
  readonly type: string;
  readonly schema: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly valueType?: z.ZodType;
  readonly getter?: () => z.ZodType;
}

/** What a schema stands for at one place: without what only wraps it, each alternative by itself. */
function unwrapped(schema: z.ZodType): Def[] {
  const def = { ...(schema as unknown as { def: Omit<Def, 'schema'> }).def, schema };
  if (def.type === 'union') return (def.options ?? []).flatMap(unwrapped);
  const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined) ?? (def.type === 'lazy' ? def.getter?.() : undefined);
  return inner === undefined ? [def] : unwrapped(inner);
}

/** The schemas that are meant at a place. Of alternatives told apart by a word, the one whose word was written. */
function schemasAt(schema: z.ZodType, root: unknown, place: Place): Def[] {
  let defs = unwrapped(schema);
  let value = root;
  for (const part of place) {
    defs = meant(defs, value).flatMap((def) => step(def, part));
    value = valueAt(value, [part]);
  }
  return meant(defs, value);
}

function meant(defs: readonly Def[], value: unknown): Def[] {
  const fitting = defs.filter(({ shape }) =>
    Object.entries(shape ?? {}).every(([key, schema]) => {
      const { type, values } = (schema as unknown as { def: { type: string; values?: readonly unknown[] } }).def;
      return type !== 'literal' || values?.includes(valueAt(value, [key]));
    }),
  );
  return fitting.length > 0 ? fitting : [...defs];
}

function step(def: Def, part: string | number): Def[] {
  const next = typeof part === 'number' ? def.element : (def.shape?.[part] ?? def.valueType);
  return next === undefined ? [] : unwrapped(next);
}

/** Known keys of the mapping at a place, read from the schema itself. */
function keysAt(schema: z.ZodType, root: unknown, place: Place): string[] {
  return [...new Set(schemasAt(schema, root, place).flatMap(({ shape }) => Object.keys(shape ?? {})))];
}

function valueAt(root: unknown, place: Place): unknown {
  let value = root;
  for (const part of place) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** Whose values no message may show. */
const SECRET = /secret|passw|token|authorization|cookie|api-?key/i;

/** A value as messages name it. */
function shown(value: unknown, place: Place): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null || value === undefined) return 'an empty value';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  // What stands before an `@` may be a password.
  if (place.some((part) => SECRET.test(String(part))) || text.includes('@')) return 'what is written here';
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
