import { type Document, isCollection, isMap, isScalar, LineCounter, type Node, parseDocument, visit, type YAMLError } from 'yaml';
import type { z } from 'zod';
import { SourceError } from './errors.js';
import { dotted, type Place, problemSentence, type SchemaProblem, schemaProblems } from './schema-words.js';

/** Anchors expanded at most: a document that needs more is a YAML bomb. */
const MAX_ALIASES = 100;
const MAX_PROBLEMS = 100;
/** A level of a mapping is two nodes: the pair and its value. */
const MAX_NODES_DEEP = 200;
const TOO_DEEP = 'the document is nested too deeply';

export type YamlProblemKind = 'syntax' | 'unknown-key' | 'value';

/** One thing that is wrong in a YAML document. */
export interface YamlProblem {
  readonly kind: YamlProblemKind;
  /** Characters from the beginning of the text. */
  readonly offset: number;
  /** Dotted path inside the document: `rules[0].when.header.name`; empty for its syntax. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly nearest?: string;
}

/**
 * Checks one parsed document, and resolves what is in it. Either all that is wrong (at most a hundred), in the order of the text, or the value that
 * the schema made; `empty` when nothing is in it. Endless, too deep and exploding documents are refused.
 */
export function checkDocument<T>(
  document: Document,
  schema: z.ZodType<T>,
  also: (plain: unknown) => readonly { readonly place: Place; readonly message: string; readonly expected?: string }[] = () => [],
):
  | { readonly kind: 'good'; readonly value: T }
  | { readonly kind: 'bad'; readonly problems: readonly YamlProblem[] }
  | { readonly kind: 'empty' } {
  const syntax = (offset: number, message: string, expected?: string): YamlProblem => ({
    kind: 'syntax',
    offset,
    path: '',
    message,
    ...(expected === undefined ? {} : { expected }),
  });
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, MAX_PROBLEMS).map((error) => syntax(error.pos[0], syntaxWords(error)));
    return { kind: 'bad', problems };
  }
  if (document.contents === null) return { kind: 'empty' };
  const wrong = unfit(document);
  if (wrong !== null) return { kind: 'bad', problems: [syntax(wrong.node.range?.[0] ?? 0, wrong.message, wrong.expected)] };
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return { kind: 'bad', problems: [syntax(0, firstLine((error as Error).message), `at most ${MAX_ALIASES} expansions of anchors`)] };
  }
  if (plain === null) return { kind: 'empty' };
  const result = schema.safeParse(plain);
  const found: SchemaProblem[] = result.success ? [] : schemaProblems(schema, plain, result.error.issues);
  for (const one of also(plain)) found.push({ ...one, isUnknownKey: false });
  const problems = found.map(({ place, isUnknownKey, missing: _, ...said }): YamlProblem => {
    const offset = isUnknownKey ? keyOffset(document, place) : offsetOf(document, place);
    return { kind: isUnknownKey ? 'unknown-key' : 'value', offset, path: dotted(place), ...said };
  });
  if (result.success && problems.length === 0) return { kind: 'good', value: result.data };
  return { kind: 'bad', problems: problems.sort((a, b) => a.offset - b.offset).slice(0, MAX_PROBLEMS) };
}

/** Where the node at a place begins, or the closest parent that exists; characters from the beginning of the text. */
export function offsetOf(document: Document, place: Place): number {
  return nodeAt(document, place)?.range?.[0] ?? 0;
}

/** One thing that is wrong at a place in a file that a person wrote. Line and column count from 1. */
export interface SourceProblem extends Omit<YamlProblem, 'kind' | 'offset'> {
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Everything that is wrong in one or several files; place and message are those of the first problem. */
export class SourceErrors extends SourceError {
  override readonly name: string = 'SourceErrors';
  readonly problems: readonly SourceProblem[];

  /** `problems` holds at least one entry. */
  constructor(problems: readonly SourceProblem[], hint?: string) {
    const [first] = problems;
    super(first.code, problemSentence(first), first, hint === undefined ? {} : { hint });
    this.problems = problems;
  }

  /** One line a problem, `file:line:column message`. */
  override toString(): string {
    return this.problems.map((problem) => `${problem.file}:${problem.line}:${problem.column} ${problemSentence(problem)}`).join('\n');
  }
}

const CODES: Readonly<Record<YamlProblemKind, string>> = {
  syntax: 'YAML_SYNTAX',
  'unknown-key': 'YAML_UNKNOWN_KEY',
  value: 'YAML_INVALID',
};

/**
 * Parses one YAML document against a schema; nothing in it is an empty mapping. `also` says what a schema cannot: it gets what was written, which may
 * have any shape.
 *
 * Throws SourceErrors (codes `YAML_SYNTAX`, `YAML_UNKNOWN_KEY`, `YAML_INVALID`) with all that is wrong: file, line, column, what was expected, and the
 * nearest valid name for an unknown key.
 */
export function readYaml<T>(text: string, file: string, schema: z.ZodType<T>, also?: Parameters<typeof checkDocument>[2]): T {
  const lines = new LineCounter();
  const checked = checkDocument(parseDocument(text, { lineCounter: lines, prettyErrors: false }), schema, also);
  if (checked.kind === 'good') return checked.value;
  if (checked.kind === 'empty') return readYaml('{}', file, schema, also);
  throw new SourceErrors(
    checked.problems.map(({ kind, offset, ...said }) => {
      const { line, col } = lines.linePos(offset);
      return { code: CODES[kind], file, line: Math.max(1, line), column: Math.max(1, col), ...said };
    }),
  );
}

interface Unfit {
  readonly node: Node;
  readonly message: string;
  readonly expected: string;
}

/** The first node that makes a document endless or too deep to walk, and the first alias of an anchor that is not set before it. */
function unfit(document: Document): Unfit | null {
  const anchors = new Set<string>();
  let found: Unfit | null = null;
  const wrong = (node: Node, message: string, expected: string): symbol => {
    found = { node, message, expected };
    return visit.BREAK;
  };
  visit(document, {
    Node(_key, node, path) {
      if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
      return path.length > MAX_NODES_DEEP ? wrong(node, TOO_DEEP, `at most ${MAX_NODES_DEEP / 2} levels`) : undefined;
    },
    Alias(_key, alias, path) {
      if (path.some((above) => isCollection(above) && above.anchor === alias.source))
        return wrong(alias, `the anchor "${alias.source}" is used inside itself`, 'a document that ends');
      if (!anchors.has(alias.source))
        return wrong(alias, `there is no anchor "${alias.source}" before this`, `&${alias.source} at a node above`);
      return undefined;
    },
  });
  return found;
}

function nodeAt(document: Document, place: Place): Node | null {
  for (let length = place.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(place.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node) return node as Node;
  }
  return null;
}

/** Where the last key of a place stands itself, not its value. */
function keyOffset(document: Document, place: Place): number {
  const parent = nodeAt(document, place.slice(0, -1));
  if (isMap(parent)) {
    for (const pair of parent.items) if (isScalar(pair.key) && String(pair.key.value) === place.at(-1)) return pair.key.range?.[0] ?? 0;
  }
  return offsetOf(document, place);
}

/** What people meet most, in their words; the parser's for the rest. */
const SYNTAX: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  DUPLICATE_KEY: 'this key is in the mapping twice',
  TAB_AS_INDENT: 'this line is indented with a tab; use spaces',
  BAD_INDENT: 'this is not indented as what is around it, or a bracket before it is not closed',
  MULTIPLE_DOCS: 'a second document begins here; the file may hold one',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot begin here; text that holds ": " needs quotes',
  MISSING_CHAR: 'a ":", a ",", a bracket or a quote is missing here',
  MULTILINE_IMPLICIT_KEY: 'this is neither a key with ":" after it nor part of what is above',
};

/** What the YAML parser found wrong, in words for a person; without the place. */
export function syntaxWords({ code, message }: YAMLError): string {
  return /call stack/.test(message) ? TOO_DEEP : (SYNTAX[code] ?? firstLine(message));
}

const firstLine = (message: string): string => {
  const [line] = message.split('\n');
  return `${line.charAt(0).toLowerCase()}${line.slice(1).replace(/ at line \d+, column \d+:?$/, '')}`;
};
