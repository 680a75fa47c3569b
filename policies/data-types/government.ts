/** Builder for numbers that states give to people and companies. */
import { type DataType, type Find, shape } from './type.js';

interface Numbered {
  readonly id: string;
  readonly title: string;
  readonly region: string;
  readonly fields: readonly string[];
  readonly words?: readonly string[];
  /** Outlines by the confidence that they deserve alone. Bare digits deserve little: one number in ten or eleven passes any check digit. */
  readonly shapes: readonly (readonly [alone: number, ...shapes: string[]])[];
  readonly validate: (text: string) => boolean;
  readonly match: readonly string[];
  readonly ignore: readonly string[];
  readonly sensitivity?: DataType['sensitivity'];
  readonly family?: DataType['family'];
  readonly candidate?: readonly string[];
  readonly find?: readonly Find[];
  readonly keepLast?: number;
  readonly hinted?: number;
}

export const numbered = (entry: Numbered): DataType => ({
  id: entry.id,
  title: entry.title,
  family: entry.family ?? 'government-id',
  sensitivity: entry.sensitivity ?? 'high',
  region: entry.region,
  fields: entry.fields,
  words: entry.words,
  find: [...entry.shapes.map(([alone, ...shapes]) => shape(alone, ...shapes)), ...(entry.find ?? [])],
  validate: entry.validate,
  hinted: entry.hinted,
  keep: entry.keepLast === undefined ? undefined : { last: entry.keepLast },
  examples: { match: entry.match, ignore: entry.ignore, candidate: entry.candidate },
});

/** Confidence of bare digits, of digits with the usual separators, and of a telling mix of letters and digits. */
export const BARE = 0.1;
export const SPACED = 0.35;
export const TELLING = 0.55;
