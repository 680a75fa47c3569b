/** What a data type is, and the small language in which it says how it is found. */

export type Family =
  | 'payment'
  | 'government-id'
  | 'tax'
  | 'contact'
  | 'person'
  | 'network'
  | 'device'
  | 'vehicle'
  | 'place'
  | 'wallet'
  | 'credential'
  | 'health'
  | 'identifier';

export type Sensitivity = 'low' | 'medium' | 'high' | 'critical';

/**
 * A way in which a value is noticed. `alone` is the confidence (0–1) that a valid value found this way deserves when nothing around it
 * speaks for it; policies look at 0.5 and more, so anything below needs a field name or a neighbouring word.
 */
export type Find =
  /** Exact outlines, see {@link expandShape}. The candidate is a whole run of letters, digits and joiners, never a part of one. */
  | { readonly by: 'shape'; readonly shapes: readonly string[]; readonly alone: number }
  /** A run of letters and digits of some length; `start` is the outline of its first characters. `grouped` also reads it in groups of at most 7, parted by spaces. */
  | {
      readonly by: 'run';
      readonly min: number;
      readonly max: number;
      readonly start: string;
      readonly grouped?: boolean;
      readonly alone: number;
    }
  /** A literal start of at least three bytes, then as many bytes of the alphabet as there are. */
  | {
      readonly by: 'prefix';
      readonly prefixes: readonly string[];
      readonly min: number;
      readonly max: number;
      readonly alphabet: Alphabet;
      readonly alone: number;
    }
  /** One of the scanners built into the classifier. */
  | { readonly by: 'scanner'; readonly scanner: ScannerName; readonly alone: number }
  /** Only where a whole text is read as one value (`asValue`): `validate` alone decides. */
  | { readonly by: 'whole'; readonly alone: number }
  /** Only ever named by a field: `{"password": …}`. */
  | { readonly by: 'field' };

/** `base62` letters and digits; `token` also `_` and `-`; `dotted` also `.`; `base64` also `+ / =` (and `token`); `hex` digits and a–f. */
export type Alphabet = 'base62' | 'token' | 'dotted' | 'base64' | 'hex';

export type ScannerName =
  | 'email'
  | 'phone'
  | 'ipv4'
  | 'ipv6'
  | 'cidr'
  | 'mac'
  | 'url'
  | 'domain'
  | 'jwt'
  | 'pem'
  | 'credentials-url'
  | 'crypt-hash'
  | 'coordinates'
  | 'discord'
  | 'bot-token'
  | 'marker'
  | 'tilde-secret'
  | 'slack-webhook'
  | 'curl-user'
  | 'curl-header'
  | 'connection-string';

export interface DataType {
  /** Stable, lower case with underscores. Policies name it. */
  readonly id: string;
  readonly title: string;
  readonly family: Family;
  readonly sensitivity: Sensitivity;
  /** ISO 3166 alpha-2, lower case, for types that belong to a country. */
  readonly region?: string;
  /**
   * Field names in lower-case letters only (`credit_card` is `creditcard`). A value under such a name that passes `validate` is a match. The
   * same words near a value in running text speak for it too.
   */
  readonly fields: readonly string[];
  /** Further words that speak for it in running text, but are too common as a field name. */
  readonly words?: readonly string[];
  readonly find: readonly Find[];
  /** Confidence when a field name or a neighbour speaks for a valid value; 0.9 unless told. */
  readonly hinted?: number;
  /** Is this candidate, separators included, such a value? Checksum, range, structure. Pure, linear in its short input. Absent: the shape is enough. */
  readonly validate?: (text: string) => boolean;
  /** What format-preserving redaction may leave readable. Nothing unless told. */
  readonly keep?: { readonly first?: number; readonly last?: number; readonly domain?: boolean };
  /**
   * The type's tests. A text of `match` must be reported (as JSON body when it starts with `{`, else as text), one of `ignore` must not be
   * at the confidence that policies use. `candidate` are values which only the reading "this text is one value" reports.
   */
  readonly examples: { readonly match: readonly string[]; readonly ignore: readonly string[]; readonly candidate?: readonly string[] };
}

const MAX_EXPANSION = 8192;

/**
 * Spells an outline out: `A` is an ASCII letter of either case, `9` a digit, `#` either of the two, anything else itself. `X{m,n}` repeats,
 * `X?` may be absent, `[- ]` is one of several. `expandShape('9{2,3}[- ]?A')` gives six outlines of `A`, `9` and separators; `#` stays as it is
 * in outlines with more than four of them, which are looked up with letters and digits as one.
 */
export function expandShape(shape: string): string[] {
  const spelled = spellOut(shape);
  if (!shape.includes('#')) return [...new Set(spelled)];
  return [...new Set(spelled.flatMap((outline) => (outline.split('#').length > 5 ? [outline] : spellOut(outline, true))))];
}

function spellOut(shape: string, either = false): string[] {
  let done: string[] = [''];
  let i = 0;
  while (i < shape.length) {
    let options: string[];
    if (shape[i] === '[') {
      const close = shape.indexOf(']', i);
      options = [...shape.slice(i + 1, close)];
      i = close + 1;
    } else {
      options = either && shape[i] === '#' ? ['A', '9'] : [shape[i]];
      i++;
    }
    let min = 1;
    let max = 1;
    if (shape[i] === '?') {
      min = 0;
      i++;
    } else if (shape[i] === '{') {
      const close = shape.indexOf('}', i);
      const [low, high] = shape.slice(i + 1, close).split(',');
      min = Number(low);
      max = high === undefined ? min : Number(high);
      i = close + 1;
    }
    const next: string[] = [];
    let grown = done;
    for (let count = 0; count <= max; count++) {
      if (count >= min) next.push(...grown);
      if (count < max) grown = grown.flatMap((text) => options.map((option) => text + option));
      if (next.length + grown.length > MAX_EXPANSION)
        throw new RangeError(`outline ${shape} spells out to more than ${MAX_EXPANSION} forms`);
    }
    done = next;
  }
  return done;
}

export const shape = (alone: number, ...shapes: string[]): Find => ({ by: 'shape', shapes, alone });
export const scanner = (name: ScannerName, alone: number): Find => ({ by: 'scanner', scanner: name, alone });
export const field: Find = { by: 'field' };
export const whole: Find = { by: 'whole', alone: 0.2 };
