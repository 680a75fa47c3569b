import { RE2JS } from 're2js';

/** A pattern of a template, matched anywhere in a text. */
export interface Pattern {
  test(text: string): boolean;
  /** First match: the whole, then the groups. */
  exec(text: string): readonly string[] | null;
  /** Replaces every match; `$1` stands for a group. */
  replace(text: string, by: string): string;
}

const PATTERN_LIMIT = 4_096;
/** Native patterns (lookaround, back-references) see no more than this. */
const NATIVE_INPUT_LIMIT = 4_096;
/** Compiled patterns are large, and those with values of requests in them come once. */
const CACHE_LIMIT = 500;
const cache = new Map<string, Pattern | string>();

/**
 * A pattern, or a sentence why it cannot be used. Linear time (re2js); what only backtracking engines know (lookaround, back-references) runs
 * natively on short inputs and only without nested repetition, so that no pattern of a template can hang a scan.
 */
export function compilePattern(pattern: string): Pattern | string {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  const [oldest] = cache.keys();
  if (cache.size >= CACHE_LIMIT && oldest !== undefined) cache.delete(oldest);
  const made = make(pattern);
  cache.set(pattern, made);
  return made;
}

function make(pattern: string): Pattern | string {
  if (pattern.length > PATTERN_LIMIT) return `longer than ${PATTERN_LIMIT} characters`;
  try {
    const re2 = RE2JS.compile(pattern);
    return {
      test: (text) => re2.matcher(text).find(),
      exec(text) {
        const matcher = re2.matcher(text);
        if (!matcher.find()) return null;
        return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group) ?? '');
      },
      replace: (text: string, by: string) => re2.matcher(text).replaceAll(by),
    };
  } catch (cause) {
    if (!/\(\?<?[=!>]|\\[1-9]|[*+?}]\+/.test(pattern)) return cause instanceof Error ? cause.message : String(cause);
  }
  // Java's possessive quantifiers and atomic groups only make matching faster.
  const [flags] = /^(?:\(\?[ims]+\))*/.exec(pattern)!;
  const portable = pattern
    .slice(flags.length)
    .replace(/([*+?}])\+/g, '$1')
    .replace(/\(\?>/g, '(?:');
  if (/\((?:[^()\\]|\\.)*[*+](?:[^()\\]|\\.)*\)[*+{]/.test(portable))
    return 'nested repetition together with lookaround or back-references';
  try {
    const native = new RegExp(portable, ['i', 'm', 's'].filter((flag) => flags.includes(flag)).join(''));
    const all = new RegExp(portable, `g${native.flags}`);
    const cut = (text: string) => text.slice(0, NATIVE_INPUT_LIMIT);
    return {
      test: (text) => native.test(cut(text)),
      exec: (text) => native.exec(cut(text)),
      replace: (text: string, by: string) => cut(text).replace(all, by) + text.slice(NATIVE_INPUT_LIMIT),
    };
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
