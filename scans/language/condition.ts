import { COMPARISONS, CONDITION_WORDS, CONTEXTS, MEASURES, OPERATORS, TERMS } from './names.js';
import { compilePattern } from './pattern.js';
import type { Source } from './source.js';
import type { Condition, Term, Value } from './types.js';

const oneOf = <T extends string>(names: readonly T[], word: string): word is T => (names as readonly string[]).includes(word);
const NUMERIC = ['gt', 'gte', 'lt', 'lte'];
const LIST_LIMIT = 5_000;
const DEPTH_LIMIT = 32;

/** Reads a filter or `validate`. A map and a list both mean "all of"; `or` means any. @throws ScanTestError at the first mistake */
export function readCondition(source: Source, node: unknown, depth = 0): Condition {
  if (depth > DEPTH_LIMIT) source.fail(`more than ${DEPTH_LIMIT} levels of conditions`, node);
  const items = source.items(node);
  if (items !== null) return all(items.map((item) => readCondition(source, item, depth + 1)));
  const parts: Condition[] = [];
  let pair: { key: Condition | null; value: Condition | null } | null = null;
  for (const [word, at, value] of source.entries(node, 'a condition')) {
    if (word === 'key' || word === 'value') {
      // Keys and values under one parent speak of the same pair.
      pair ??= { key: null, value: null };
      pair[word] = readCondition(source, value, depth + 1);
    } else parts.push(readWord(source, word, at, value, depth));
  }
  if (pair !== null) parts.unshift({ kind: 'each', every: false, ...pair, where: null });
  return all(parts);
}

const all = (of: readonly Condition[]): Condition => (of.length === 1 ? of[0]! : { kind: 'all', of });

function readWord(source: Source, word: string, at: unknown, node: unknown, depth: number): Condition {
  const inner = () => readCondition(source, node, depth + 1);
  if (word === 'and') return inner();
  if (word === 'or') {
    const items = source.items(node);
    const of =
      items === null
        ? source.entries(node, 'or').map(([name, place, value]) => readWord(source, name, place, value, depth + 1))
        : items.map((item) => readCondition(source, item, depth + 1));
    return of.length === 0 ? source.fail('or needs at least one condition', at) : { kind: 'any', of };
  }
  if (word === 'for_one' || word === 'for_all') return readEach(source, word === 'for_all', node, depth);
  if (word === 'key' || word === 'value')
    return { kind: 'each', every: false, key: word === 'key' ? inner() : null, value: word === 'value' ? inner() : null, where: null };
  if (word === 'extract' || word === 'extractMultiple') {
    const variable = source.text(node, word).replace(/^\$\{(.*)\}$/, '$1');
    return { kind: 'bind', variable, many: word === 'extractMultiple' };
  }
  if (oneOf(TERMS, word)) {
    // `method: GET` is a short form that the engine's own list of filters knows as eq.
    if (!source.isMap(node) && source.items(node) === null && source.value(node) !== null)
      return { kind: 'term', term: word as Term, where: { kind: 'test', operator: 'eq', value: source.value(node) } };
    if (source.value(node) === null) source.fail(`"${word}" says nothing`, at);
    return { kind: 'term', term: word as Term, where: inner() };
  }
  if (oneOf(MEASURES, word)) return { kind: 'measure', measure: word, where: inner() };
  if (oneOf(CONTEXTS, word)) return { kind: 'context', context: word, where: inner() };
  if (oneOf(COMPARISONS, word)) {
    const value = source.value(node);
    if (word === 'compare_greater' && (!Array.isArray(value) || value.length !== 2))
      source.fail('compare_greater needs two values', node ?? at);
    if (word.endsWith('_answer') && !/^x\d+$/.test(String(value)))
      source.fail(`"${word}" needs the request whose answer is meant, such as x1`, node ?? at);
    return { kind: 'compare', operator: word, value };
  }
  if (word === 'confidence' && source.isMap(node)) {
    // How sure a classifier is: compared like a number, by a service that is not here.
    inner();
    return { kind: 'test', operator: word, value: true };
  }
  if (oneOf(OPERATORS, word)) return { kind: 'test', operator: word, value: readOperand(source, word, at, node) };
  return source.unknown('filter operator', word, at, CONDITION_WORDS);
}

function readEach(source: Source, every: boolean, node: unknown, depth: number): Condition {
  const parts = { key: null as Condition | null, value: null as Condition | null };
  const others: Condition[] = [];
  for (const [word, at, value] of source.entries(node, every ? 'for_all' : 'for_one')) {
    if (word === 'key' || word === 'value') parts[word] = readCondition(source, value, depth + 1);
    else others.push(readWord(source, word, at, value, depth + 1));
  }
  return { kind: 'each', every, ...parts, where: others.length === 0 ? null : all(others) };
}

function readOperand(source: Source, word: string, at: unknown, node: unknown): Value {
  const value = source.value(node);
  if (value === null) return source.fail(`"${word}" needs a value`, at);
  if (Array.isArray(value) && value.length > LIST_LIMIT) source.fail(`more than ${LIST_LIMIT} values`, node);
  if (typeof value === 'object' && !Array.isArray(value) && !word.endsWith('magic_validate') && word !== 'conform_schema')
    return source.fail(`"${word}" needs a text, a number or a list`, node);
  if (NUMERIC.includes(word) && typeof value === 'string' && !value.includes('${') && !Number.isFinite(Number(value)))
    return source.fail(`"${word}" needs a number`, node);
  if (word === 'regex' || word === 'regex_extract')
    for (const one of Array.isArray(value) ? value : [value])
      if (!String(one).includes('${')) {
        const problem = compilePattern(String(one));
        if (typeof problem === 'string') source.warn(`the pattern cannot be used: ${problem}`, node);
      }
  return value;
}
