import { isCollection, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { SourceError } from './errors.js';
import { nearest } from './nearest.js';

type Path = readonly (string | number)[];

/** A parsed file: the validated value and where each of its parts stands. */
export interface YamlSource<T> {
  readonly value: T;
  /** Line and column (from 1) of the node at a path, or of the closest parent that exists. */
  placeOf(path: Path): { readonly file: string; readonly line: number; readonly column: number };
}

/**
 * Parses one YAML document against a schema. Throws the first SourceError (code `YAML_SYNTAX`, `YAML_UNKNOWN_KEY` or `YAML_INVALID`) with file, line,
 * column, what was expected, and the nearest valid name for an unknown key. Aliases are limited, so an alias bomb is refused.
 */
export function readYaml<T>(text: string, file: string, schema: z.ZodType<T>): YamlSource<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const [syntax] = document.errors;
  if (syntax !== undefined)
    throw new SourceError('YAML_SYNTAX', syntax.message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, ''), at(syntax.pos[0]));
  const placeOf = (path: Path) => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
      if (node?.range) return at(node.range[0]);
    }
    return at(document.contents?.range?.[0] ?? 0);
  };
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw new SourceError('YAML_SYNTAX', cause instanceof Error ? cause.message : 'cannot be resolved', at(0), { cause });
  }
  const parsed = schema.safeParse(plain);
  if (parsed.success) return { value: parsed.data, placeOf };
  const issues = parsed.error.issues.map(deepest);
  // A misspelt key also makes the right one missing: the misspelling is the cause.
  const issue = issues.find((one) => one.code === 'unrecognized_keys') ?? issues[0];
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0];
    const guess = nearest(key, keysAt(schema, path));
    const place = keyPlace(document.getIn(path, true) ?? document.contents, key, at) ?? placeOf(path);
    throw new SourceError(
      'YAML_UNKNOWN_KEY',
      `unknown key "${[...path, key].join('.')}"${guess === null ? '' : `; did you mean "${guess}"?`}`,
      place,
    );
  }
  throw new SourceError('YAML_INVALID', `${path.length === 0 ? '' : `${path.join('.')}: `}${issue.message}`, placeOf(path));
}

interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
}

/** Of a union's alternatives, the one that got furthest says best what is wrong. */
function deepest(issue: Issue): { code?: string; path: readonly PropertyKey[]; message: string; keys: readonly string[] } {
  if (issue.code === 'invalid_union' && issue.errors !== undefined && issue.errors.length > 0) {
    const candidates = issue.errors.flatMap((one) => (one.length === 0 ? [] : [deepest(one[0])]));
    const best = candidates.sort((a, b) => b.path.length - a.path.length)[0];
    if (best !== undefined && (best.path.length > 0 || best.code === 'unrecognized_keys'))
      return { ...best, path: [...issue.path, ...best.path] };
  }
  return { code: issue.code, path: issue.path, message: issue.message, keys: issue.keys ?? [] };
}

function keyPlace<P>(node: unknown, key: string, at: (offset: number) => P): P | null {
  if (!isCollection(node)) return null;
  for (const item of node.items) {
    const name = (item as { key?: { value?: unknown; range?: [number, number, number] } }).key;
    if (name?.value === key && name.range) return at(name.range[0]);
  }
  return null;
}

interface Shaped {
  readonly shape?: Record<string, z.ZodType>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly def?: { readonly innerType?: z.ZodType; readonly in?: z.ZodType };
}

/** Names that the schema allows at a path. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  const shaped = schema as Shaped;
  const inner = shaped.def?.innerType ?? shaped.def?.in;
  if (inner !== undefined) return keysAt(inner, path);
  if (shaped.options !== undefined) return shaped.options.flatMap((option) => keysAt(option, path));
  if (path.length === 0) return shaped.shape === undefined ? [] : Object.keys(shaped.shape);
  const [first, ...rest] = path;
  const next = shaped.shape?.[String(first)] ?? shaped.element ?? shaped.valueType;
  return next === undefined ? [] : keysAt(next, rest);
}
