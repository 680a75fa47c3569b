import { z } from 'zod';
import { DURATION_PATTERN, SIZE_PATTERN } from './units.js';

/** One value or several. */
export const oneOrMany = <T extends z.ZodType>(one: T) => z.union([one, z.array(one).min(1)]);

export const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export const text = z.string().max(4096);
export const texts = oneOrMany(text);
export const duration = z
  .string()
  .regex(DURATION_PATTERN, 'not a duration such as 250ms, 30s, 5m, 4h, 7d')
  .meta({ examples: ['30s', '4h'] });
export const size = z
  .union([z.number().int().nonnegative(), z.string().regex(SIZE_PATTERN, 'not a size such as 512, 64KiB, 1MB')])
  .meta({ examples: ['64KiB', 4096] });

/** Bounds of a number; several are joined by and. */
export const range = z
  .strictObject({
    above: z.number().optional().describe('Greater than.'),
    below: z.number().optional().describe('Less than.'),
    atLeast: z.number().optional().describe('Greater than or equal to.'),
    atMost: z.number().optional().describe('Less than or equal to.'),
  })
  .meta({ id: 'Range', description: 'Bounds of a number, joined by and.' });

/** Bounds of a size in bytes. */
export const sizeRange = z
  .strictObject({
    above: size.optional().describe('More bytes than.'),
    below: size.optional().describe('Fewer bytes than.'),
    atLeast: size.optional().describe('At least so many bytes.'),
    atMost: size.optional().describe('At most so many bytes.'),
  })
  .meta({ id: 'SizeRange', description: 'Bounds of a size: a number of bytes, or text such as 64KiB.' });

/** Tests of one selected value. Several tests are joined by and; where a selector gives several values, one value must pass them all. */
export const valueTests = {
  exists: z.boolean().optional().describe('true: at least one value is there. false: none is.'),
  equals: scalar.optional().describe('The value is this. Numbers and their text are equal.'),
  in: z.array(scalar).min(1).optional().describe('The value is one of these.'),
  notIn: z.array(scalar).min(1).optional().describe('The value is none of these.'),
  contains: texts.optional().describe('The text holds one of these.'),
  startsWith: texts.optional().describe('The text begins with one of these.'),
  endsWith: texts.optional().describe('The text ends with one of these.'),
  matches: z.string().max(1000).optional().describe('RE2 regular expression, searched anywhere in the text; anchor it with ^ and $.'),
  notMatches: z.string().max(1000).optional().describe('RE2 regular expression that must not be found in the text.'),
  ignoreCase: z.boolean().optional().describe('Compare text without regard to case.'),
  cidr: oneOrMany(z.string()).optional().describe('The text is an address inside one of these networks.'),
  above: z.number().optional().describe('As a number, greater than.'),
  below: z.number().optional().describe('As a number, less than.'),
  atLeast: z.number().optional().describe('As a number, greater than or equal to.'),
  atMost: z.number().optional().describe('As a number, less than or equal to.'),
  length: range.optional().describe('Characters of a text, items of an array, fields of an object.'),
  count: range.optional().describe('How many values the selector gives.'),
  type: oneOrMany(z.enum(['string', 'number', 'integer', 'boolean', 'null', 'object', 'array']))
    .optional()
    .describe('JSON type of the value.'),
};
export type ValueTests = { -readonly [K in keyof typeof valueTests]?: z.infer<(typeof valueTests)[K]> };
