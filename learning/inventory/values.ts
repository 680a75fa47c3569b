import { FewMap } from '../../exchange/index.js';
import { shapeOf } from '../templating/shapes.js';

/** What is known of the scalar values at one place. All text that is kept here is short words and numbers; anything longer leaves only its shape. */
export interface ValueFacts {
  seen: number;
  /** JSON type to count: string, integer, number, boolean, null. */
  readonly types: Map<string, number>;
  /** Format to count: uuid, date, date-time, email, uri, ipv4, ulid, hex, token, phone, `''` for none. */
  readonly formats: Map<string, number>;
  /** Of numbers. */
  min: number | null;
  max: number | null;
  /** Of strings, in characters. */
  minLength: number | null;
  maxLength: number | null;
  /** Different values while they are few and short; null once they were not. */
  values: Map<string, number> | null;
}

const ENUM_VALUES = 16;
/** Formats are looked for in the first values, then in some: the expressions cost more than all the rest. */
const FORMATS_ALL = 48;
const FORMATS_EVERY = 16;
const ENUM_NUMBER = /^\d{1,3}$/;
const ENUM_WORD = /^[A-Za-z][A-Za-z0-9_.:-]{0,31}$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const FORMAT_OF: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  date: 'date',
  datetime: 'date-time',
  email: 'email',
  ulid: 'ulid',
  hex: 'hex',
  token: 'token',
  prefixed: 'token',
  phone: 'phone',
  ip: 'ip',
};

export const newValueFacts = (): ValueFacts => ({
  seen: 0,
  types: new FewMap(),
  formats: new FewMap(),
  min: null,
  max: null,
  minLength: null,
  maxLength: null,
  values: new FewMap(),
});

export type Scalar = string | number | boolean | null;

/** Learns one value. Returns true when it brought a type or format that was not seen here before. */
export function learnValue(facts: ValueFacts, value: Scalar): boolean {
  facts.seen++;
  const type = value === null ? 'null' : typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value;
  let fresh = count(facts.types, type);
  if (typeof value === 'number') {
    if (facts.min === null || value < facts.min) facts.min = value;
    if (facts.max === null || value > facts.max) facts.max = value;
  } else if (typeof value === 'string') {
    if (facts.minLength === null || value.length < facts.minLength) facts.minLength = value.length;
    if (facts.maxLength === null || value.length > facts.maxLength) facts.maxLength = value.length;
    if (value !== '' && (facts.seen <= FORMATS_ALL || facts.seen % FORMATS_EVERY === 0))
      fresh = count(facts.formats, formatOf(value)) || fresh;
  }
  if (facts.values !== null && value !== null) learnEnum(facts, String(value));
  return fresh;
}

/** Learns a value that travels as text (query, path, header, cookie): numbers and booleans are recognised by their spelling. */
export function learnText(facts: ValueFacts, text: string): boolean {
  const first = text.charCodeAt(0);
  const mayBeNumber = (first >= 48 && first <= 57) || first === 45;
  if (mayBeNumber && text.length < 16 && NUMBER.test(text)) return learnValue(facts, Number(text));
  if (text === 'true' || text === 'false') return learnValue(facts, text === 'true');
  return learnValue(facts, text);
}

function learnEnum(facts: ValueFacts, text: string): void {
  const values = facts.values!;
  const known = values.get(text);
  if (known !== undefined) values.set(text, known + 1);
  else if (values.size >= ENUM_VALUES || !(ENUM_WORD.test(text) || ENUM_NUMBER.test(text)) || (text.length >= 8 && shapeOf(text) !== null))
    facts.values = null;
  else values.set(text, 1);
}

function formatOf(text: string): string {
  if (text.length < 6 || text.length > 2048) return '';
  if (text.startsWith('http://') || text.startsWith('https://')) return 'uri';
  const shape = shapeOf(text);
  return shape === null ? '' : (FORMAT_OF[shape] ?? '');
}

export function mergeValues(to: ValueFacts, from: ValueFacts): void {
  to.seen += from.seen;
  for (const [type, seen] of from.types) to.types.set(type, (to.types.get(type) ?? 0) + seen);
  for (const [format, seen] of from.formats) to.formats.set(format, (to.formats.get(format) ?? 0) + seen);
  to.min = least(to.min, from.min);
  to.max = most(to.max, from.max);
  to.minLength = least(to.minLength, from.minLength);
  to.maxLength = most(to.maxLength, from.maxLength);
  if (from.values === null || to.values === null) to.values = null;
  else for (const [value, seen] of from.values) to.values.set(value, (to.values.get(value) ?? 0) + seen);
  if (to.values !== null && to.values.size > ENUM_VALUES) to.values = null;
}

const least = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b));
const most = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.max(a, b));

/** The values when they are a closed list: at least 20 seen, each about four times or more, no rare stragglers. */
export function enumOf(facts: ValueFacts): string[] | null {
  const { values } = facts;
  if (
    values === null ||
    values.size === 0 ||
    facts.seen < 20 ||
    facts.seen < values.size * 4 ||
    facts.types.has('boolean') ||
    facts.types.has('number')
  )
    return null;
  if (values.size === 1 && facts.seen < 50) return null;
  return [...values.keys()].sort();
}

/** The format that nearly all strings have; null when there is none. */
export function dominantFormat(facts: ValueFacts): string | null {
  let strings = 0;
  for (const seen of facts.formats.values()) strings += seen;
  for (const [format, seen] of facts.formats) if (format !== '' && seen >= strings * 0.95) return format;
  return null;
}

/** A name or format that names one object among many. */
export function looksLikeId(name: string, facts: ValueFacts | null): boolean {
  if (/(?:^id$|[_-]id$|[a-z]I[dD]$|uuid|guid|[_-]key$|[_-]ref$|^slug$)/.test(name)) return true;
  const format = facts === null ? null : dominantFormat(facts);
  return format === 'uuid' || format === 'ulid' || format === 'hex';
}

/** Adds one to a counter; true when it is new. */
export function count<K>(counters: Map<K, number>, key: K, by = 1): boolean {
  const known = counters.get(key);
  counters.set(key, (known ?? 0) + by);
  return known === undefined;
}
