import { RE2JS } from 're2js';
import { CidrSet, type WeirError } from '../../exchange/index.js';
import { escapeRegex } from '../body/select.js';
import type { ValueTests } from '../language/value-tests.js';
import type { Scope } from './scope.js';

/** Longest text that a regular expression of a policy looks at; the rest of a longer one is not searched. */
const MAX_REGEX_INPUT = 65_536;
/** Instructions of one compiled expression: bounds counted repetitions such as `(a{100}){100}`. */
const MAX_PROGRAM = 5000;

export type Predicate<T> = (value: T) => boolean;
export type Bounds = { above?: number; below?: number; atLeast?: number; atMost?: number };

export const always = (): boolean => true;
export const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : [value as T]);

/** A test of a number against bounds. */
export function compileBounds(bounds: Bounds): Predicate<number> {
  const {
    above = Number.NEGATIVE_INFINITY,
    below = Number.POSITIVE_INFINITY,
    atLeast = Number.NEGATIVE_INFINITY,
    atMost = Number.POSITIVE_INFINITY,
  } = bounds;
  const hasAbove = bounds.above !== undefined;
  const hasBelow = bounds.below !== undefined;
  return (value) => value >= atLeast && value <= atMost && (!hasAbove || value > above) && (!hasBelow || value < below);
}

/** Names or globs (`*` any text) as one test. */
export function compileGlobs(globs: string | readonly string[], ignoreCase: boolean): Predicate<string> {
  const list = asList(globs);
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const exact = new Set(list.filter((glob) => !glob.includes('*')).map(fold));
  const patterns = list.filter((glob) => glob.includes('*')).map((glob) => globMatcher(fold(glob)));
  if (patterns.length === 0) return (text) => exact.has(fold(text));
  return (text) => {
    const folded = fold(text);
    return exact.has(folded) || patterns.some((pattern) => pattern(folded));
  };
}

/** Linear: pieces between stars are searched left to right. */
function globMatcher(glob: string): Predicate<string> {
  const pieces = glob.split('*');
  const first = pieces[0];
  const last = pieces[pieces.length - 1];
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '');
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const piece of middle) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/** Compiles a user's regular expression with RE2 (linear time); null and a problem when RE2 or a limit refuses it. */
export function compileRegex(source: string, ignoreCase: boolean, scope: Scope): Predicate<string> | null {
  scope.budget.regexes++;
  try {
    const regex = RE2JS.compile(source, RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
    if (regex.programSize() > MAX_PROGRAM) {
      scope.fail('POLICY_REGEX', `the expression compiles to ${regex.programSize()} instructions`, {
        expected: `at most ${MAX_PROGRAM}; use smaller repetition counts`,
      });
      return null;
    }
    return (text) => regex.test(text.length > MAX_REGEX_INPUT ? text.slice(0, MAX_REGEX_INPUT) : text);
  } catch (error) {
    const message = (error as Error).message.split('\n')[0];
    scope.fail('POLICY_REGEX', `RE2 refuses this expression: ${message}`, {
      expected: 'RE2 syntax, which has no look-around and no back-references',
    });
    return null;
  }
}

/** Networks as one test; a problem for each that is malformed. */
export function compileNetworks(networks: string | readonly string[], scope: Scope): Predicate<string> {
  const good = asList(networks).filter((network) => {
    try {
      new CidrSet([network]);
      return true;
    } catch (error) {
      scope.fail('POLICY_VALUE', (error as WeirError).message, { expected: 'an address or CIDR such as 203.0.113.0/24' });
      return false;
    }
  });
  const set = new CidrSet(good);
  return (ip) => set.has(ip);
}

/** Tests of a selector's values. */
export interface CompiledTests {
  /** Whether values must be there at all; null: not asked. */
  readonly exists: boolean | null;
  /** A single value passes. Only called with values that are there. */
  readonly one: Predicate<unknown>;
  readonly count: Predicate<number> | null;
  /** True when only existence is asked for, so that no value needs to be looked at. */
  readonly trivial: boolean;
}

const MAX_REMEMBERED = 64;
const LONGEST_REMEMBERED = 256;

/** A costly test of values that come again and again, as headers do: the last verdicts are kept. */
export function remembering(test: Predicate<string>): Predicate<string> {
  const verdicts = new Map<string, boolean>();
  return (value) => {
    if (value.length > LONGEST_REMEMBERED) return test(value);
    let verdict = verdicts.get(value);
    if (verdict === undefined) {
      verdict = test(value);
      if (verdicts.size >= MAX_REMEMBERED) verdicts.clear();
      verdicts.set(value, verdict);
    }
    return verdict;
  };
}

const KINDS: Readonly<Record<string, Predicate<unknown>>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** The text of a scalar; null for containers, which text tests never match. */
export function textOfValue(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return null;
}

/** Compiles the tests of one selector; problems go to the scope. */
export function compileTests(tests: ValueTests, scope: Scope): CompiledTests {
  const fold = tests.ignoreCase === true ? (text: string) => text.toLowerCase() : (text: string) => text;
  const parts: Predicate<unknown>[] = [];
  const onText = (test: Predicate<string>): number =>
    parts.push((value) => {
      const text = textOfValue(value);
      return text !== null && test(text);
    }); // prettier-ignore
  const scalars = (values: readonly unknown[]): ReadonlySet<string> => new Set(values.map((value) => fold(String(value))));

  if (tests.type !== undefined) {
    const kinds = asList(tests.type).map((kind) => KINDS[kind]);
    parts.push((value) => kinds.some((kind) => kind(value)));
  }
  if (tests.equals !== undefined) {
    const wanted = fold(String(tests.equals));
    onText((text) => fold(text) === wanted);
  }
  if (tests.in !== undefined) {
    const wanted = scalars(tests.in);
    onText((text) => wanted.has(fold(text)));
  }
  if (tests.notIn !== undefined) {
    const unwanted = scalars(tests.notIn);
    onText((text) => !unwanted.has(fold(text)));
  }
  const pieces = (key: 'contains' | 'startsWith' | 'endsWith', test: (text: string, piece: string) => boolean): void => {
    const value = tests[key];
    if (value === undefined) return;
    const list = asList(value).map(fold);
    onText((text) => {
      const folded = fold(text);
      return list.some((piece) => test(folded, piece));
    }); // prettier-ignore
  };
  pieces('contains', (text, piece) => text.includes(piece));
  pieces('startsWith', (text, piece) => text.startsWith(piece));
  pieces('endsWith', (text, piece) => text.endsWith(piece));
  if (tests.matches !== undefined) {
    const regex = compileRegex(tests.matches, tests.ignoreCase === true, scope.at('matches'));
    if (regex !== null) onText(regex);
  }
  if (tests.notMatches !== undefined) {
    const regex = compileRegex(tests.notMatches, tests.ignoreCase === true, scope.at('notMatches'));
    if (regex !== null) onText((text) => !regex(text));
  }
  if (tests.cidr !== undefined) onText(compileNetworks(tests.cidr, scope.at('cidr')));
  if (tests.above !== undefined || tests.below !== undefined || tests.atLeast !== undefined || tests.atMost !== undefined) {
    const bounds = compileBounds(tests);
    onText((text) => text.trim() !== '' && bounds(Number(text)));
  }
  if (tests.length !== undefined) {
    const bounds = compileBounds(tests.length);
    parts.push((value) => bounds(lengthOf(value)));
  }
  return {
    exists: tests.exists ?? null,
    one: parts.length === 0 ? always : parts.length === 1 ? parts[0] : (value) => parts.every((part) => part(value)),
    count: tests.count === undefined ? null : compileBounds(tests.count),
    trivial: parts.length === 0,
  };
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  return Number.NaN;
}

/** A dotted glob (`user.*.email`) as a native expression without backtracking traps: `*` is one segment, a leading `*.` any number. */
export function dottedGlob(glob: string): RegExp {
  const anywhere = glob.startsWith('*.');
  const body = (anywhere ? glob.slice(2) : glob)
    .split('.')
    .map((part) => part.split('*').map(escapeRegex).join('[^.]*'))
    .join('\\.');
  return new RegExp(`^${anywhere ? '(?:.*\\.)?' : ''}${body}$`);
}
