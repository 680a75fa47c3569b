import { type Document, isCollection, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../../exchange/index.js';
import type { PolicyCode, PolicyProblem } from '../errors.js';
import { type PolicyDocument, policy } from './schema.js';

/** Text of one policy file. `file` is what errors name; it need not exist. */
export interface PolicySource {
  readonly file: string;
  readonly text: string;
  readonly origin: 'library' | 'folder' | 'ui';
}

/** A place inside a document: keys and array indices from its root. */
export type Place = readonly (string | number)[];

/** One document that follows the schema, and a way to report problems at places in it. */
export interface ParsedPolicy {
  readonly source: PolicySource;
  readonly document: PolicyDocument;
  problem(code: PolicyCode, place: Place, message: string, more?: { expected?: string; nearest?: string }): PolicyProblem;
}

export const MAX_FILE_BYTES = 1_000_000;
/** Anchors expanded at most: a document that needs more is a YAML bomb. */
const MAX_ALIASES = 100;
const MAX_PROBLEMS = 100;
/** A level of a mapping is two nodes: the pair and its value. */
const MAX_NODES_DEEP = 200;
const TOO_DEEP = 'the document is nested too deeply';

/** Parses and validates every document of a file. Problems are pushed; documents without problems are returned. */
export function parseSource(source: PolicySource, problems: PolicyProblem[]): ParsedPolicy[] {
  const lines = new LineCounter();
  const bytes = Buffer.byteLength(source.text);
  if (bytes > MAX_FILE_BYTES) {
    const message = `the file has ${(bytes / 1e6).toFixed(1)} MB`;
    problems.push({
      code: 'POLICY_FILE_TOO_BIG',
      file: source.file,
      line: 1,
      column: 1,
      path: '',
      message,
      expected: 'at most 1 MB; split it',
    });
    return [];
  }
  const documents = parseAllDocuments(source.text, { lineCounter: lines, prettyErrors: false });
  const parsed: ParsedPolicy[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const at = (
      offset: number,
      code: PolicyCode,
      path: string,
      message: string,
      more: { expected?: string; nearest?: string } = {},
    ): PolicyProblem => {
      const { line, col } = lines.linePos(offset);
      return { code, file: source.file, line: Math.max(1, line), column: Math.max(1, col), path, message, ...more };
    };
    if (document.errors.length > 0) {
      for (const error of document.errors.slice(0, MAX_PROBLEMS))
        problems.push(at(error.pos[0], 'POLICY_YAML', '', yamlMessage(error.message)));
      continue;
    }
    if (document.contents === null) continue;
    const wrong = unfit(document);
    if (wrong !== null) {
      problems.push(at(wrong.node.range?.[0] ?? 0, 'POLICY_YAML', '', wrong.message, { expected: wrong.expected }));
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      problems.push(
        at(0, 'POLICY_YAML', '', yamlMessage((error as Error).message), { expected: `at most ${MAX_ALIASES} expansions of anchors` }),
      );
      continue;
    }
    if (value === null) continue;
    const problem: ParsedPolicy['problem'] = (code, place, message, more) =>
      at(offsetOf(document, place), code, dotted(place), message, more);
    const result = policy.safeParse(value);
    if (result.success) parsed.push({ source, document: result.data, problem });
    else
      for (const issue of flatten(result.error.issues, []).slice(0, MAX_PROBLEMS))
        problems.push(describe(issue, document, value, problem, at));
  }
  return parsed;
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

type Issue = z.core.$ZodIssue;

/** Union issues replaced by those of the alternative that was meant: the one whose own type fits. */
function flatten(issues: readonly Issue[], prefix: readonly PropertyKey[]): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const path = [...prefix, ...issue.path];
    if (issue.code !== 'invalid_union') return [{ ...issue, path }];
    const meant = issue.errors.filter((branch) => !branch.some((one) => one.code === 'invalid_type' && one.path.length === 0));
    const branches = meant.length > 0 ? meant : issue.errors;
    const best = branches.reduce((a, b) => (depth(b) > depth(a) ? b : a), branches[0] ?? []);
    if (meant.length === 0 || best.length === 0) return [{ ...issue, path }];
    return flatten(best, path);
  });
}

const depth = (issues: readonly Issue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length));

function describe(
  issue: Issue,
  document: Document,
  root: unknown,
  problem: ParsedPolicy['problem'],
  at: (offset: number, code: PolicyCode, path: string, message: string, more?: { expected?: string; nearest?: string }) => PolicyProblem,
): PolicyProblem {
  const place = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (place.length > 0 && issue.code !== 'unrecognized_keys' && valueAt(root, place) === undefined) {
    return problem('POLICY_SCHEMA', place.slice(0, -1), `"${String(place.at(-1))}" is missing`, {
      expected: issue.code === 'invalid_type' ? inWords(issue.expected) : undefined,
    });
  }
  switch (issue.code) {
    case 'unrecognized_keys': {
      const key = issue.keys[0];
      const known = keysAt(place);
      const near = nearest(key, known) ?? undefined;
      const expected = near === undefined && known.length > 0 ? `one of ${known.join(', ')}` : undefined;
      return at(keyOffset(document, place, key), 'POLICY_UNKNOWN_KEY', dotted([...place, key]), `"${key}" is not a key here`, {
        expected,
        nearest: near,
      });
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const written = valueAt(root, place);
      const near = typeof written === 'string' ? (nearest(written, values) ?? undefined) : undefined;
      const expected = values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
      return problem('POLICY_SCHEMA', place, `${shown(written)} is not accepted`, {
        // A word that needs more said: `action: throttle`.
        expected: typeof written === 'string' && keysAt(place).includes(written) ? `{${written}: …}, or ${expected}` : expected,
        nearest: near,
      });
    }
    case 'invalid_type':
      return problem('POLICY_SCHEMA', place, `${shown(valueAt(root, place))} is not accepted`, { expected: inWords(issue.expected) });
    case 'invalid_union': {
      const kinds = new Set(issue.errors.flatMap((branch) => branch.filter((one) => one.path.length === 0).map(expectedOf)));
      return problem('POLICY_SCHEMA', place, `${shown(valueAt(root, place))} is not accepted`, {
        expected: [...kinds].join(' or ') || undefined,
      });
    }
    default:
      return problem(
        'POLICY_SCHEMA',
        place,
        `${shown(valueAt(root, place))} ${lowerFirst(issue.message.replace(/^Invalid string: /, ''))}`,
      );
  }
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
};
const inWords = (type: string): string => KINDS[type] ?? type;

function expectedOf(issue: Issue): string {
  if (issue.code === 'invalid_type') return inWords(issue.expected);
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`;
  return lowerFirst(issue.message);
}

/** Known keys of the mapping at a place, read from the schema itself. */
function keysAt(place: Place): string[] {
  let schemas: unknown[] = [policy];
  for (const part of place) schemas = schemas.flatMap((schema) => step(schema, part));
  return [...new Set(schemas.flatMap((schema) => objectsIn(schema)).flatMap((object) => Object.keys(object)))];
}

type Def = {
  type: string;
  innerType?: unknown;
  options?: unknown[];
  element?: unknown;
  shape?: Record<string, unknown>;
  getter?: () => unknown;
};
const defOf = (schema: unknown): Def => (schema as { def: Def }).def;

function objectsIn(schema: unknown): Record<string, unknown>[] {
  const def = defOf(schema);
  if (def.type === 'object') return [def.shape ?? {}];
  if (def.type === 'optional' || def.type === 'nullable') return objectsIn(def.innerType);
  if (def.type === 'union') return (def.options ?? []).flatMap(objectsIn);
  if (def.type === 'lazy' && def.getter !== undefined) return objectsIn(def.getter());
  return [];
}

function step(schema: unknown, part: string | number): unknown[] {
  const def = defOf(schema);
  if (def.type === 'optional' || def.type === 'nullable') return step(def.innerType, part);
  if (def.type === 'union') return (def.options ?? []).flatMap((option) => step(option, part));
  if (def.type === 'lazy' && def.getter !== undefined) return step(def.getter(), part);
  if (def.type === 'array') return typeof part === 'number' ? [def.element] : [];
  if (def.type === 'object' && typeof part === 'string' && def.shape?.[part] !== undefined) return [def.shape[part]];
  return [];
}

function valueAt(root: unknown, place: Place): unknown {
  let value = root;
  for (const part of place) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function nodeAt(document: Document, place: Place): Node | null {
  for (let length = place.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(place.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node) return node as Node;
  }
  return null;
}

function offsetOf(document: Document, place: Place): number {
  const node = nodeAt(document, place);
  return node?.range?.[0] ?? 0;
}

function keyOffset(document: Document, place: Place, key: string): number {
  const parent = nodeAt(document, place);
  if (isMap(parent)) {
    for (const pair of parent.items) if (isScalar(pair.key) && pair.key.value === key) return pair.key.range?.[0] ?? 0;
  }
  return offsetOf(document, place);
}

function dotted(place: Place): string {
  return place.reduce<string>((path, part) => (typeof part === 'number' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
}

function shown(value: unknown): string {
  if (isSeq(value) || Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
const yamlMessage = (message: string): string =>
  /call stack/.test(message) ? TOO_DEEP : lowerFirst(message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, ''));
