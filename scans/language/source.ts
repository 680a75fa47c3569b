import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { nearest, syntaxWords } from '../../exchange/index.js';
import { ScanTestError } from '../errors.js';
import type { Value } from './types.js';

/** A template's text with its places: every reading error names file, line and column. */
export class Source {
  readonly file: string;
  readonly root: Node | null;
  /** What does not stop the test from running: a repeated key (the last counts), a pattern that cannot be used (it never matches). */
  readonly warnings: string[] = [];
  readonly #lines = new LineCounter();
  readonly #document;

  /** @throws ScanTestError when the text is no YAML */
  constructor(text: string, file: string) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: false });
    const [problem] = this.#document.errors;
    if (problem !== undefined) throw new ScanTestError('SCAN_TEST_SYNTAX', syntaxWords(problem), this.#at(problem.pos[0]));
    this.root = this.#document.contents;
  }

  #at(offset: number) {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  warn(message: string, node: unknown): void {
    const { line, column } = this.#at((node as { range?: readonly number[] } | null)?.range?.[0] ?? 0);
    this.warnings.push(`${line}:${column} ${message}`);
  }

  fail(message: string, node: unknown): never {
    const range = (node as { range?: readonly number[] } | null)?.range;
    throw new ScanTestError('SCAN_TEST_INVALID', message, this.#at(range?.[0] ?? 0));
  }

  unknown(what: string, word: string, node: unknown, known: Iterable<string>): never {
    const guess = nearest(word, known);
    return this.fail(`unknown ${what} "${word}"${guess === null ? '' : `; did you mean "${guess}"?`}`, node);
  }

  /** Key, key node, value node. @throws ScanTestError when it is no map */
  entries(node: unknown, what: string): readonly (readonly [string, Node, Node | null])[] {
    const target = this.resolve(node);
    if (!isMap(target)) return this.fail(`${what} must be a map`, node);
    return target.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), key as Node, this.resolve(value)] as const);
  }

  items(node: unknown): readonly (Node | null)[] | null {
    const target = this.resolve(node);
    return isSeq(target) ? target.items.map((item) => this.resolve(item)) : null;
  }

  isMap(node: unknown): boolean {
    return isMap(this.resolve(node));
  }

  text(node: unknown, what: string): string {
    const value = this.value(node);
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : this.fail(`${what} must be a text`, node);
  }

  value(node: unknown): Value {
    const target = this.resolve(node);
    if (target === null) return null;
    if (isScalar(target)) return target.value as Value;
    try {
      return (target as Node).toJS(this.#document, { maxAliasCount: 100 }) as Value;
    } catch (cause) {
      return this.fail(cause instanceof Error ? cause.message : 'cannot be resolved', node);
    }
  }

  /** Follows an alias. */
  resolve(node: unknown): Node | null {
    const alias = node as { resolve?: (document: unknown) => Node | undefined } | null | undefined;
    if (typeof alias?.resolve === 'function') return alias.resolve(this.#document) ?? null;
    return (node as Node | null | undefined) ?? null;
  }
}
