import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { syntaxWords } from '../../exchange/index.js';
import { importError } from './errors.js';

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
export type PlainObject = { [key: string]: Plain };

/** A parsed JSON or YAML file that knows where each of its parts stands. */
export interface Source {
  readonly file: string;
  readonly value: Plain;
  /** Line and column, from 1, of a path or its closest parent that exists. */
  placeOf(path: readonly (string | number)[]): { readonly file: string; readonly line: number; readonly column: number };
}

const MAX_BYTES = 64 * 1024 * 1024;

/** Parses JSON (which is YAML) or YAML. Throws IMPORT_SYNTAX with line and column. */
export function readSource(text: string, file: string): Source {
  if (text.length > MAX_BYTES)
    throw importError('IMPORT_SYNTAX', `the file is larger than ${MAX_BYTES} bytes`, { file, line: 1, column: 1 });
  const json = text.trimStart()[0] === '{' ? tryJson(text) : undefined;
  let parsed: { document: Document; lines: LineCounter } | null = null;
  const document = (): { document: Document; lines: LineCounter } => (parsed ??= parse(text));
  const placeOf = (path: readonly (string | number)[]): { file: string; line: number; column: number } => {
    const { document: tree, lines } = document();
    for (let length = path.length; length > 0; length--) {
      const offset = offsetOf(tree, path.slice(0, length));
      if (offset !== null) {
        const { line, col } = lines.linePos(offset);
        return { file, line, column: col };
      }
    }
    return { file, line: 1, column: 1 };
  };
  if (json !== undefined) return { file, value: json, placeOf };
  const { document: tree, lines } = document();
  const [error] = tree.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw importError('IMPORT_SYNTAX', syntaxWords(error), {
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
    });
  }
  try {
    return { file, value: (tree.toJS({ maxAliasCount: 1000 }) ?? null) as Plain, placeOf };
  } catch (cause) {
    throw importError(
      'IMPORT_SYNTAX',
      cause instanceof Error ? cause.message : 'the file cannot be resolved',
      { file, line: 1, column: 1 },
      cause,
    );
  }
}

/** Where a member begins: at its name in a mapping, at its value in a list. */
function offsetOf(tree: Document, path: readonly (string | number)[]): number | null {
  const parent: unknown = path.length === 1 ? tree.contents : tree.getIn(path.slice(0, -1), true);
  const last = path[path.length - 1];
  if (isMap(parent)) {
    const pair = parent.items.find((one) => isScalar(one.key) && String(one.key.value) === String(last));
    return pair !== undefined && isScalar(pair.key) ? (pair.key.range?.[0] ?? null) : null;
  }
  const item: unknown = isSeq(parent) ? parent.items[Number(last)] : null;
  return isNode(item) ? (item.range?.[0] ?? null) : null;
}

function parse(text: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines, uniqueKeys: true }), lines };
}

function tryJson(text: string): Plain | undefined {
  try {
    return JSON.parse(text) as Plain;
  } catch {
    return undefined;
  }
}

export const isObject = (value: Plain | undefined): value is PlainObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const textOr = (value: Plain | undefined, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
