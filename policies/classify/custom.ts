/** Data types that users write: an RE2 pattern, words that must or may stand nearby, and a named validator; or field names alone. */
import { isAscii } from 'node:buffer';
import { RE2JS } from 're2js';
import { z } from 'zod';
import { compact, type DataType, digitsOf, isCard, isIban, luhn, mod97, verhoeff } from '../data-types/index.js';
import { CustomTypeError } from './errors.js';

const MAX_TYPES = 100;
const MAX_PATTERN = 1000;
const MAX_WORDS = 200;
const WORDS_BEFORE = 72;
const WORDS_AFTER = 24;
/** Longest run of words that is compared as one: `staff member number` is three. */
const MAX_JOINED = 4;

/** Checks that a custom type may name. Each takes the matched text with its separators. */
export const VALIDATORS: Readonly<Record<string, (text: string) => boolean>> = {
  luhn: (text) => luhn(digitsOf(text)),
  mod97: (text) => mod97(compact(text)) === 1,
  verhoeff: (text) => verhoeff(digitsOf(text)),
  iban: isIban,
  card: isCard,
};

/** One entry under `dataTypes:` in YAML. */
export const customTypeSchema = z.strictObject({
  id: z.string().describe('Name that policies use'),
  title: z.string().optional(),
  sensitivity: z.enum(['low', 'medium', 'high', 'critical']).default('high'),
  pattern: z.string().optional().describe('RE2 pattern of the value; without one, every value under one of the fields is meant'),
  fields: z.array(z.string()).default([]).describe('Field names under which a matching value is certain'),
  words: z.array(z.string()).default([]).describe('Words nearby that speak for a match'),
  requireWords: z.boolean().default(false).describe('Report only next to one of the words or under one of the fields'),
  validator: z.string().optional().describe('Named check that a match must pass'),
  caseSensitive: z.boolean().default(true),
});
export type CustomType = z.infer<typeof customTypeSchema>;

interface Compiled {
  readonly id: string;
  readonly index: number;
  readonly pattern: RE2JS;
  readonly words: readonly string[];
  readonly requireWords: boolean;
  readonly valid: ((text: string) => boolean) | undefined;
}

/** A value that a pattern was found in. `start` and `end` are bytes of what was searched. */
export interface CustomHit {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

const NONE: readonly CustomHit[] = [];

/** Patterns of custom types, looked for in whole texts. */
export class CustomPatterns {
  readonly #patterns: readonly Compiled[];
  readonly isEmpty: boolean;

  constructor(patterns: readonly Compiled[]) {
    this.#patterns = patterns;
    this.isEmpty = patterns.length === 0;
  }

  /**
   * All hits in the order of their starts. `name` is what the text stands under. `enabled`: by index of the type; null: all. A pattern that is not
   * in the text costs one pass of a linear automaton.
   */
  find(bytes: Uint8Array, name: string, enabled: Uint8Array | null, minConfidence: number, most: number): readonly CustomHit[] {
    if (this.isEmpty || bytes.length === 0) return NONE;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const ascii = isAscii(buffer);
    const text = buffer.toString(ascii ? 'latin1' : 'utf8');
    const hits: CustomHit[] = [];
    for (const one of this.#patterns) {
      if ((enabled !== null && enabled[one.index] === 0) || !one.pattern.test(text)) continue;
      const matcher = one.pattern.matcher(text);
      while (hits.length < most && matcher.find()) {
        const [start, end] = [matcher.start(), matcher.end()];
        if (end === start || (one.valid !== undefined && !one.valid(text.slice(start, end)))) continue;
        const spoken = isSpoken(
          one.words,
          `${name} ${text.slice(Math.max(0, start - WORDS_BEFORE), start)}`,
          text.slice(end, end + WORDS_AFTER),
        );
        const confidence = spoken ? 0.95 : 0.75;
        if (confidence < minConfidence || (one.requireWords && !spoken)) continue;
        hits.push({ type: one.id, start, end, confidence });
      }
    }
    hits.sort((a, b) => a.start - b.start);
    return ascii ? hits : inBytes(hits, text);
  }
}

/**
 * @throws CustomTypeError naming the type and the key.
 */
export function compileCustomTypes(
  custom: readonly CustomType[],
  builtIn: readonly DataType[],
): { readonly types: readonly DataType[]; readonly patterns: CustomPatterns } {
  if (custom.length > MAX_TYPES)
    throw new CustomTypeError(
      'CUSTOM_TYPE_LIMIT',
      custom[MAX_TYPES].id,
      'id',
      `is one of ${custom.length} custom types, ${MAX_TYPES} are allowed`,
    );
  const seen = new Set(builtIn.map((type) => type.id));
  const types: DataType[] = [];
  const patterns: Compiled[] = [];
  for (const entry of custom) {
    if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(entry.id) || seen.has(entry.id))
      throw new CustomTypeError('CUSTOM_TYPE_ID', entry.id, 'id', seen.has(entry.id) ? 'is taken' : 'is not a valid id');
    seen.add(entry.id);
    const valid = entry.validator === undefined ? undefined : VALIDATORS[entry.validator];
    if (entry.validator !== undefined && valid === undefined)
      throw new CustomTypeError(
        'CUSTOM_TYPE_VALIDATOR',
        entry.id,
        'validator',
        `"${entry.validator}" is none of ${Object.keys(VALIDATORS).join(', ')}`,
      );
    if (entry.fields.length + entry.words.length > MAX_WORDS)
      throw new CustomTypeError('CUSTOM_TYPE_LIMIT', entry.id, 'words', `more than ${MAX_WORDS} words`);
    for (const key of ['fields', 'words'] as const)
      for (const word of entry[key])
        if (lettersOf(word) === '') throw new CustomTypeError('CUSTOM_TYPE_WORDS', entry.id, key, `"${word}" has no letter from a to z`);
    if (entry.pattern === undefined) refuseWithoutPattern(entry);
    else
      patterns.push({
        id: entry.id,
        index: builtIn.length + types.length,
        pattern: compilePattern(entry.id, entry.pattern, entry.caseSensitive),
        words: [...entry.fields, ...entry.words].map(lettersOf),
        requireWords: entry.requireWords,
        valid,
      });
    types.push({
      id: entry.id,
      title: entry.title ?? entry.id,
      family: 'identifier',
      sensitivity: entry.sensitivity,
      fields: entry.pattern === undefined ? entry.fields.map(lettersOf) : [],
      find: entry.pattern === undefined ? [{ by: 'field' }] : [],
      validate: valid,
      examples: { match: [], ignore: [] },
    });
  }
  return { types, patterns: new CustomPatterns(patterns) };
}

/** Without a pattern only a field name can tell a value: words nearby cannot say where it begins and ends. */
function refuseWithoutPattern(entry: CustomType): void {
  if (entry.fields.length === 0)
    throw new CustomTypeError('CUSTOM_TYPE_PATTERN', entry.id, 'pattern', 'is missing; a type without a pattern needs field names');
  for (const key of ['words', 'requireWords'] as const) {
    const given = entry[key];
    if (given === true || (given !== false && given.length > 0))
      throw new CustomTypeError('CUSTOM_TYPE_PATTERN', entry.id, 'pattern', `is missing, and ${key} mean nothing without one`);
  }
}

function compilePattern(id: string, pattern: string, caseSensitive: boolean): RE2JS {
  if (pattern === '' || pattern.length > MAX_PATTERN)
    throw new CustomTypeError('CUSTOM_TYPE_LIMIT', id, 'pattern', `has ${pattern.length} characters, 1 to ${MAX_PATTERN} are allowed`);
  try {
    return RE2JS.compile(pattern, caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    throw new CustomTypeError('CUSTOM_TYPE_PATTERN', id, 'pattern', (error as Error).message.replace(/^error parsing regexp: /, ''), error);
  }
}

const lettersOf = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '');

/** Is one of the words (letters only) among the words around a value? `orderNumber`, `order_number` and `order number` are all `ordernumber`. */
function isSpoken(wanted: readonly string[], before: string, after: string): boolean {
  if (wanted.length === 0) return false;
  const words = [...wordsOf(before), ...wordsOf(after)];
  for (let first = 0; first < words.length; first++) {
    let joined = '';
    for (let last = first; last < words.length && last < first + MAX_JOINED; last++) {
      joined += words[last];
      if (wanted.includes(joined) || (joined.endsWith('s') && wanted.includes(joined.slice(0, -1)))) return true;
    }
  }
  return false;
}

const wordsOf = (text: string): string[] =>
  text
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .match(/[a-z]+/g) ?? [];

/** Spans in UTF-16 units of a text as spans in the bytes of its UTF-8 form; hits stand in the order of their starts. */
function inBytes(hits: readonly CustomHit[], text: string): readonly CustomHit[] {
  let unit = 0;
  let byte = 0;
  return hits.map((hit) => {
    byte += Buffer.byteLength(text.slice(unit, hit.start));
    unit = hit.start;
    return { ...hit, start: byte, end: byte + Buffer.byteLength(text.slice(hit.start, hit.end)) };
  });
}
