import { createHash } from 'node:crypto';

/** A value as a document writes it: numbers as their text, enums and `null` as null, variables by name. */
export type Literal = null | string | VariableUse | readonly Literal[] | { readonly [name: string]: Literal };

/** `$name` in a document: stands for what the request gives under that name. */
export class VariableUse {
  constructor(readonly name: string) {}
}

export interface GraphqlOperation {
  readonly kind: 'query' | 'mutation' | 'subscription';
  /** Empty for an unnamed one. */
  readonly name: string;
  /** Its first field, by its own name; empty when that is a fragment. */
  readonly field: string;
}

/** An argument of a field, whatever the field is called in the answer and however deep it stands. */
export interface FieldArgument {
  readonly field: string;
  readonly argument: string;
  readonly value: Literal;
}

/** What a document says, as far as it is of use here. Fragments need no unfolding: what they ask for stands in the document, too. */
export interface GraphqlDocument {
  readonly operations: readonly GraphqlOperation[];
  readonly arguments: readonly FieldArgument[];
  /** Values of variables that the request leaves out. */
  readonly defaults: ReadonlyMap<string, Literal>;
  /** Name in the answer → the field's own; {@link AMBIGUOUS} where one name stands for several fields. Null without aliases. */
  readonly aliases: ReadonlyMap<string, string> | null;
}

/** What an answer holds under a name that stands for several fields is taken for a field of this name. */
export const AMBIGUOUS = 'ambiguous';

/** Arguments of one document beyond these are left out. */
const MAX_ARGUMENTS = 1000;
const MAX_OPERATIONS = 50;
const MAX_ALIASES = 1000;
/** Values of arguments nested deeper are left out: input types are not. */
const MAX_DEPTH = 12;
const MAX_LENGTH = 262_144;

/** Documents up to this length are remembered; a client sends the same few over and over. */
const REMEMBERED_LENGTH = 8_192;
const REMEMBERED_DOCUMENTS = 1_000;
const remembered = new Map<string, GraphqlDocument>();

/** Is a text that stands where documents stand one? */
export const looksLikeDocument = (text: string): boolean => text.includes('{');

/**
 * Reads a GraphQL document (October 2021, §2) in one pass, without recursion over its selections: takes time and memory in proportion to its length, up to bounds,
 * however it is made. Never throws: of a broken or cut document what stands before the break counts.
 */
export function readDocument(text: string): GraphqlDocument {
  if (text.length > REMEMBERED_LENGTH) return new DocumentReader(text.slice(0, MAX_LENGTH)).read();
  let document = remembered.get(text);
  if (document === undefined) {
    document = new DocumentReader(text).read();
    if (remembered.size >= REMEMBERED_DOCUMENTS) remembered.clear();
    remembered.set(text, document);
  }
  return document;
}

/** Documents that servers keep under their SHA-256 (automatic persisted queries): learned where a request names both, never believed unchecked. */
const persisted = new Map<string, GraphqlDocument>();

export function rememberPersisted(hash: string, text: string): void {
  if (text.length > REMEMBERED_LENGTH || persisted.has(hash)) return;
  if (createHash('sha256').update(text).digest('hex') !== hash) return;
  if (persisted.size >= REMEMBERED_DOCUMENTS) persisted.clear();
  persisted.set(hash, readDocument(text));
}

export const persistedDocument = (hash: string): GraphqlDocument | undefined => persisted.get(hash);

/** The operation that a request asks for: the named one, else the first. */
export function operationIn({ operations }: GraphqlDocument, operationName: string): GraphqlOperation | undefined {
  return (operationName === '' ? undefined : operations.find((one) => one.name === operationName)) ?? operations[0];
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /-?[0-9][0-9A-Za-z_.+-]*/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

class DocumentReader {
  private at = 0;
  private readonly operations: { kind: GraphqlOperation['kind']; name: string; field: string }[] = [];
  private readonly found: FieldArgument[] = [];
  private readonly defaults = new Map<string, Literal>();
  private readonly aliases = new Map<string, string>();
  private readonly unaliased = new Set<string>();

  constructor(private readonly text: string) {}

  read(): GraphqlDocument {
    for (this.skip(); this.at < this.text.length; this.skip()) this.definition();
    for (const name of this.unaliased) if (this.aliases.has(name) && this.aliases.get(name) !== name) this.aliases.set(name, AMBIGUOUS);
    return {
      operations: this.operations,
      arguments: this.found,
      defaults: this.defaults,
      aliases: this.aliases.size === 0 ? null : this.aliases,
    };
  }

  /** An operation or a fragment, or one token of something else. */
  private definition(): void {
    if (this.peek() === '{') {
      this.selections(this.operation('query', ''));
      return;
    }
    const word = this.name();
    if (word === '') {
      if (this.peek() === '"') this.string();
      else this.at++;
      return;
    }
    if (word === 'query' || word === 'mutation' || word === 'subscription') {
      this.skip();
      const operation = this.operation(word, this.name());
      this.skip();
      if (this.take('(')) this.variables();
      this.directives();
      if (this.peek() === '{') this.selections(operation);
    } else if (word === 'fragment') {
      // `Name on Type`, and directives.
      for (this.skip(); this.name() !== ''; ) this.skip();
      this.directives();
      if (this.peek() === '{') this.selections(null);
    }
  }

  private operation(kind: GraphqlOperation['kind'], name: string): { field: string } | null {
    if (this.operations.length >= MAX_OPERATIONS) return null;
    const operation = { kind, name, field: '' };
    this.operations.push(operation);
    return operation;
  }

  /** From an opening brace to the one that closes it. */
  private selections(operation: { field: string } | null): void {
    let depth = 0;
    let isFirst = true;
    for (; this.at < this.text.length; this.skip()) {
      const token = this.peek();
      if (token === '{') {
        depth++;
        this.at++;
      } else if (token === '}') {
        this.at++;
        if (--depth <= 0) return;
      } else if (token === '@') {
        this.directives();
      } else if (this.text.startsWith('...', this.at)) {
        this.at += 3;
        this.skip();
        isFirst = false;
        // `... on Type`, `... Name`, or a bare one.
        if (this.name() === 'on') {
          this.skip();
          this.name();
        }
      } else {
        const name = this.name();
        if (name === '') {
          if (token === '"') this.string();
          else this.at++;
          continue;
        }
        const field = this.field(name);
        if (isFirst && operation !== null) operation.field = field;
        isFirst = false;
      }
    }
  }

  /** A field after its first name; gives its own name. */
  private field(first: string): string {
    let field = first;
    this.skip();
    if (this.take(':')) {
      this.skip();
      field = this.name() || first;
      const before = this.aliases.get(first);
      if (before !== undefined && before !== field) this.aliases.set(first, AMBIGUOUS);
      else if (this.aliases.size < MAX_ALIASES) this.aliases.set(first, field);
      this.skip();
    } else if (this.unaliased.size < MAX_ALIASES) this.unaliased.add(first);
    if (this.take('('))
      this.arguments((argument, value) => this.found.length < MAX_ARGUMENTS && this.found.push({ field, argument, value }));
    return field;
  }

  private directives(): void {
    for (this.skip(); this.take('@'); this.skip()) {
      this.name();
      this.skip();
      if (this.take('(')) this.arguments(() => undefined);
    }
  }

  /** `name: value …` up to the closing bracket. */
  private arguments(each: (name: string, value: Literal) => void): void {
    for (this.skip(); this.at < this.text.length && !this.take(')'); this.skip()) {
      const name = this.name();
      if (name === '') {
        // Nothing that belongs here: whatever it is, braces end it.
        if (/[{}]/.test(this.peek())) return;
        this.at++;
        continue;
      }
      this.skip();
      if (!this.take(':')) continue;
      each(name, this.value(0));
    }
  }

  /** `$name: Type = default …` up to the closing bracket. */
  private variables(): void {
    let name = '';
    for (this.skip(); this.at < this.text.length && !this.take(')'); this.skip()) {
      const token = this.peek();
      if (token === '{' || token === '}') return;
      if (token === '@') this.directives();
      else if (token === '$') {
        this.at++;
        name = this.name();
      } else if (token === '=') {
        this.at++;
        const value = this.value(0);
        if (this.defaults.size < MAX_ARGUMENTS) this.defaults.set(name, value);
      } else if (this.name() === '') this.at++;
    }
  }

  private value(depth: number): Literal {
    this.skip();
    const token = this.peek();
    if (token === '"') return this.string();
    if (token === '$') {
      this.at++;
      return new VariableUse(this.name());
    }
    if (token === '[' || token === '{') {
      if (depth >= MAX_DEPTH) return this.tooDeep();
      this.at++;
      return token === '[' ? this.list(depth) : this.object(depth);
    }
    if (this.name() !== '') return null;
    return this.match(NUMBER) ?? null;
  }

  private list(depth: number): Literal {
    const list: Literal[] = [];
    for (this.skip(); this.at < this.text.length && !this.take(']'); this.skip()) {
      const from = this.at;
      const value = this.value(depth + 1);
      if (this.at === from) return list;
      if (list.length < MAX_ARGUMENTS) list.push(value);
    }
    return list;
  }

  private object(depth: number): Literal {
    // Names may be anything, `__proto__` too.
    const record = Object.create(null) as Record<string, Literal>;
    for (this.skip(); this.at < this.text.length && !this.take('}'); this.skip()) {
      const name = this.name();
      this.skip();
      if (name === '' || !this.take(':')) return record;
      record[name] = this.value(depth + 1);
    }
    return record;
  }

  /** Passes over a value by its brackets alone. */
  private tooDeep(): null {
    let open = 0;
    for (; this.at < this.text.length; this.skip()) {
      const token = this.peek();
      if (token === '"') {
        this.string();
        continue;
      }
      if (token === '[' || token === '{') open++;
      if (token === ']' || token === '}') open--;
      this.at++;
      if (open <= 0) return null;
    }
    return null;
  }

  private string(): string {
    if (this.text.startsWith('"""', this.at)) {
      let end = this.text.indexOf('"""', this.at + 3);
      while (end > 0 && this.text.charCodeAt(end - 1) === 0x5c) end = this.text.indexOf('"""', end + 3);
      if (end < 0) end = this.text.length;
      const inside = this.text.slice(this.at + 3, end);
      this.at = end + 3;
      return inside.replaceAll('\\"""', '"""').trim();
    }
    const from = this.at + 1;
    let to = from;
    let isEscaped = false;
    for (; to < this.text.length; to++) {
      const code = this.text.charCodeAt(to);
      if (code === QUOTE || code === 0x0a || code === 0x0d) break;
      if (code !== BACKSLASH) continue;
      isEscaped = true;
      to++;
    }
    this.at = to + 1;
    const inside = this.text.slice(from, to);
    return isEscaped ? unescaped(inside) : inside;
  }

  private name(): string {
    return this.match(NAME) ?? '';
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return null;
    this.at += found[0].length;
    return found[0];
  }

  /** Past ignored tokens (§2.1.7): blanks, line ends, commas, byte order marks and comments. */
  private skip(): void {
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === 0x23) while (this.at < this.text.length && !isLineEnd(this.text.charCodeAt(this.at))) this.at++;
      else if (code > 0x20 && code !== 0x2c && code !== 0xfeff && code !== 0xa0) return;
    }
  }

  private peek(): string {
    return this.text.charAt(this.at);
  }

  private take(token: string): boolean {
    if (this.text.charAt(this.at) !== token) return false;
    this.at++;
    return true;
  }
}

const isLineEnd = (code: number): boolean => code === 0x0a || code === 0x0d;

/** Escapes of strings (§2.9.4): those of JSON, and code points in braces. */
function unescaped(text: string): string {
  const plain = text.replace(/\\u\{([0-9A-Fa-f]{1,6})\}/g, (whole, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff ? JSON.stringify(String.fromCodePoint(code)).slice(1, -1) : whole;
  });
  try {
    return JSON.parse(`"${plain.replaceAll('\t', '\\t')}"`) as string;
  } catch {
    return text;
  }
}
