/** Data types that users write: an RE2 pattern, words that must or may stand nearby, and a named validator. */
import { RE2JS } from 're2js';
import { z } from 'zod';
import { compact, type DataType, digitsOf, isCard, isIban, luhn, mod97, verhoeff } from '../data-types/index.js';
import type { Collector } from './collect.js';
import { CustomTypeError } from './errors.js';
import { pathAt } from './json.js';

const MAX_TYPES = 100;
const MAX_PATTERN = 1000;
const MAX_WORDS = 200;
const CONTEXT_UNITS = 72;

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
  pattern: z.string().describe('RE2 pattern of the value'),
  fields: z.array(z.string()).default([]).describe('Field names under which a matching value is certain'),
  words: z.array(z.string()).default([]).describe('Words nearby that speak for a match'),
  requireWords: z.boolean().default(false).describe('Report only next to one of the words or under one of the fields'),
  validator: z.string().optional().describe('Named check that a match must pass'),
  caseSensitive: z.boolean().default(true),
});
export type CustomType = z.infer<typeof customTypeSchema>;

interface Compiled {
  readonly type: DataType;
  readonly pattern: RE2JS;
  readonly words: readonly string[];
  readonly requireWords: boolean;
  readonly valid: ((text: string) => boolean) | undefined;
}

/**
 * @throws CustomTypeError naming the type and the key.
 */
export function compileCustomTypes(
  custom: readonly CustomType[],
  taken: ReadonlySet<string>,
): {
  types: readonly DataType[];
  scan(collector: Collector, bytes: Buffer | Uint8Array, root: string, name?: string): void;
} {
  if (custom.length > MAX_TYPES)
    throw new CustomTypeError(
      'CUSTOM_TYPE_LIMIT',
      custom[MAX_TYPES].id,
      'id',
      `is one of ${custom.length} custom types, ${MAX_TYPES} are allowed`,
    );
  const seen = new Set(taken);
  const compiled = custom.map((entry): Compiled => {
    if (!/^[a-z][a-z0-9_]{1,63}$/.test(entry.id) || seen.has(entry.id))
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
    const pattern = compilePattern(entry);
    const words = [...entry.fields, ...entry.words].map(lettersOf).filter((word) => word !== '');
    return {
      pattern,
      words,
      valid,
      requireWords: entry.requireWords,
      type: {
        id: entry.id,
        title: entry.title ?? entry.id,
        family: 'identifier',
        sensitivity: entry.sensitivity,
        fields: [],
        find: [],
        examples: { match: [], ignore: [] },
      },
    };
  });

  return {
    types: compiled.map((entry) => entry.type),
    scan(collector, bytes, root, name = '') {
      if (compiled.length === 0) return;
      const { scan } = collector;
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
      const builtIn = scan.tables.types.length - compiled.length;
      compiled.forEach((entry, index) => {
        if (scan.enabled !== null && scan.enabled[builtIn + index] === 0) return;
        const matcher = entry.pattern.matcher(text);
        while (!collector.full && matcher.find()) {
          const [start, end] = [matcher.start(), matcher.end()];
          if (end === start) continue;
          if (entry.valid !== undefined && !entry.valid(text.slice(start, end))) continue;
          const around = lettersOf(
            `${name} ${text.slice(Math.max(0, start - CONTEXT_UNITS), start)} ${text.slice(end, end + CONTEXT_UNITS / 3)}`,
          );
          const spoken = entry.words.some((word) => around.includes(word));
          if (entry.requireWords && !spoken) continue;
          const confidence = spoken ? 0.95 : 0.75;
          if (confidence < scan.minConfidence) continue;
          collector.out.push({ type: entry.type.id, start, end, confidence, path: pathAt(bytes, start, root), via: null });
        }
      });
    },
  };
}

function compilePattern(entry: CustomType): RE2JS {
  if (entry.pattern === '' || entry.pattern.length > MAX_PATTERN)
    throw new CustomTypeError(
      'CUSTOM_TYPE_LIMIT',
      entry.id,
      'pattern',
      `has ${entry.pattern.length} characters, 1 to ${MAX_PATTERN} are allowed`,
    );
  try {
    return RE2JS.compile(entry.pattern, entry.caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    throw new CustomTypeError('CUSTOM_TYPE_PATTERN', entry.id, 'pattern', (error as Error).message, error);
  }
}

const lettersOf = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '');
