import { createHash } from 'node:crypto';
import { Lexer, Source, TokenKind } from 'graphql';
import { LatestMap } from '../exchange/index.js';

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
/** Far more than clients write, and read in some milliseconds. */
const MAX_TOKENS = 50_000;

/** Documents up to this length are remembered; a client sends the same few over and over. */
const REMEMBERED_LENGTH = 8_192;
const REMEMBERED_DOCUMENTS = 1_000;
const remembered = new LatestMap<GraphqlDocument>(REMEMBERED_DOCUMENTS);

/** Is a text that stands where documents stand one? */
export const looksLikeDocument = (text: string): boolean => text.includes('{');

/**
 * Reads a GraphQL document (October 2021, §2) in one pass over its tokens, without recursion over its selections: takes time and memory in proportion to its
 * length, up to bounds, however it is made; the library's parser recurses, and gives nothing of what it does not read to the end. Never throws: of a broken or cut
 * document what stands before the break counts.
 */
export function readDocument(text: string): GraphqlDocument {
  if (text.length > REMEMBERED_LENGTH) return new DocumentReader(text.slice(0, MAX_LENGTH)).read();
  let document = remembered.get(text);
  if (document === undefined) {
    document = new DocumentReader(text).read();
    remembered.set(text, document);
  }
  return document;
}

/** Documents that servers keep under their SHA-256 (automatic persisted queries): learned where a request names both, never believed unchecked. */
const persisted = new LatestMap<GraphqlDocument>(REMEMBERED_DOCUMENTS);

export function rememberPersisted(hash: string, text: string): void {
  if (text.length > REMEMBERED_LENGTH || persisted.get(hash) !== undefined) return;
  if (createHash('sha256').update(text).digest('hex') !== hash) return;
  persisted.set(hash, readDocument(text));
}

export const persistedDocument = (hash: string): GraphqlDocument | undefined => persisted.get(hash);

/** The operation that a request asks for: the named one, else the first. */
export function operationIn({ operations }: GraphqlDocument, operationName: string): GraphqlOperation | undefined {
  return (operationName === '' ? undefined : operations.find((one) => one.name === operationName)) ?? operations[0];
}

/** Goes over the tokens of a document; what the lexer refuses ends it. */
class DocumentReader {
  readonly #lexer: Lexer;
  readonly #operations: { kind: GraphqlOperation['kind']; name: string; field: string }[] = [];
  readonly #found: FieldArgument[] = [];
  readonly #defaults = new Map<string, Literal>();
  readonly #aliases = new Map<string, string>();
  readonly #unaliased = new Set<string>();
  #tokens = 0;
  /** The token to be looked at. */
  #kind: TokenKind = TokenKind.SOF;
  #text = '';

  constructor(text: string) {
    this.#lexer = new Lexer(new Source(text));
    this.#next();
  }

  read(): GraphqlDocument {
    while (!this.#isEnd) this.#definition();
    for (const name of this.#unaliased) if (this.#aliases.has(name) && this.#aliases.get(name) !== name) this.#aliases.set(name, AMBIGUOUS);
    return {
      operations: this.#operations,
      arguments: this.#found,
      defaults: this.#defaults,
      aliases: this.#aliases.size === 0 ? null : this.#aliases,
    };
  }

  get #isEnd(): boolean {
    return this.#is(TokenKind.EOF);
  }

  #is(kind: TokenKind): boolean {
    return this.#kind === kind;
  }

  #next(): void {
    if (++this.#tokens > MAX_TOKENS) {
      this.#kind = TokenKind.EOF;
      return;
    }
    try {
      const { kind, value } = this.#lexer.advance();
      this.#kind = kind;
      this.#text = value ?? '';
    } catch {
      this.#kind = TokenKind.EOF;
      this.#text = '';
    }
  }

  #take(kind: TokenKind): boolean {
    if (this.#kind !== kind) return false;
    this.#next();
    return true;
  }

  /** The name that stands here; empty when there is none. */
  #name(): string {
    if (this.#kind !== TokenKind.NAME) return '';
    const name = this.#text;
    this.#next();
    return name;
  }

  /** An operation or a fragment, or one token of something else. */
  #definition(): void {
    if (this.#is(TokenKind.BRACE_L)) {
      this.#selections(this.#operation('query', ''));
      return;
    }
    const word = this.#name();
    if (word === '') {
      this.#next();
      return;
    }
    if (word === 'query' || word === 'mutation' || word === 'subscription') {
      const operation = this.#operation(word, this.#name());
      if (this.#take(TokenKind.PAREN_L)) this.#variables();
      this.#directives();
      if (this.#is(TokenKind.BRACE_L)) this.#selections(operation);
    } else if (word === 'fragment') {
      // `Name on Type`, and directives.
      while (this.#name() !== '');
      this.#directives();
      if (this.#is(TokenKind.BRACE_L)) this.#selections(null);
    }
  }

  #operation(kind: GraphqlOperation['kind'], name: string): { field: string } | null {
    if (this.#operations.length >= MAX_OPERATIONS) return null;
    const operation = { kind, name, field: '' };
    this.#operations.push(operation);
    return operation;
  }

  /** From an opening brace to the one that closes it; fields are no nested calls, so that no depth is too much. */
  #selections(operation: { field: string } | null): void {
    let depth = 0;
    let isFirst = true;
    while (!this.#isEnd) {
      if (this.#take(TokenKind.BRACE_L)) depth++;
      else if (this.#take(TokenKind.BRACE_R)) {
        if (--depth <= 0) return;
      } else if (this.#is(TokenKind.AT)) this.#directives();
      else if (this.#take(TokenKind.SPREAD)) {
        isFirst = false;
        // `... on Type`, `... Name`, or a bare one.
        if (this.#name() === 'on') this.#name();
      } else if (this.#is(TokenKind.NAME)) {
        const field = this.#field(this.#name());
        if (isFirst && operation !== null) operation.field = field;
        isFirst = false;
      } else this.#next();
    }
  }

  /** A field after its first name; gives its own name. */
  #field(first: string): string {
    let field = first;
    if (this.#take(TokenKind.COLON)) {
      field = this.#name() || first;
      const before = this.#aliases.get(first);
      if (before !== undefined && before !== field) this.#aliases.set(first, AMBIGUOUS);
      else if (this.#aliases.size < MAX_ALIASES) this.#aliases.set(first, field);
    } else if (this.#unaliased.size < MAX_ALIASES) this.#unaliased.add(first);
    if (this.#take(TokenKind.PAREN_L))
      this.#arguments((argument, value) => this.#found.length < MAX_ARGUMENTS && this.#found.push({ field, argument, value }));
    return field;
  }

  #directives(): void {
    while (this.#take(TokenKind.AT)) {
      this.#name();
      if (this.#take(TokenKind.PAREN_L)) this.#arguments(() => undefined);
    }
  }

  /** `name: value …` up to the closing bracket. */
  #arguments(each: (name: string, value: Literal) => void): void {
    while (!this.#isEnd && !this.#take(TokenKind.PAREN_R)) {
      const name = this.#name();
      if (name === '') {
        // Nothing that belongs here: whatever it is, braces end it.
        if (this.#is(TokenKind.BRACE_L) || this.#is(TokenKind.BRACE_R)) return;
        this.#next();
      } else if (this.#take(TokenKind.COLON)) each(name, this.#value(0));
    }
  }

  /** `$name: Type = default …` up to the closing bracket. */
  #variables(): void {
    let name = '';
    while (!this.#isEnd && !this.#take(TokenKind.PAREN_R)) {
      if (this.#is(TokenKind.BRACE_L) || this.#is(TokenKind.BRACE_R)) return;
      if (this.#is(TokenKind.AT)) this.#directives();
      else if (this.#take(TokenKind.DOLLAR)) name = this.#name();
      else if (this.#take(TokenKind.EQUALS)) {
        const value = this.#value(0);
        if (this.#defaults.size < MAX_ARGUMENTS) this.#defaults.set(name, value);
      } else this.#next();
    }
  }

  #value(depth: number): Literal {
    const isBracket = this.#is(TokenKind.BRACKET_L) || this.#is(TokenKind.BRACE_L);
    if (isBracket && depth >= MAX_DEPTH) return this.#tooDeep();
    const text = this.#text;
    switch (this.#kind) {
      case TokenKind.DOLLAR:
        this.#next();
        return new VariableUse(this.#name());
      case TokenKind.BRACKET_L:
        this.#next();
        return this.#list(depth);
      case TokenKind.BRACE_L:
        this.#next();
        return this.#object(depth);
      case TokenKind.STRING:
      case TokenKind.BLOCK_STRING:
      case TokenKind.INT:
      case TokenKind.FLOAT:
        this.#next();
        return text;
      case TokenKind.NAME:
        this.#next();
        return null;
      default:
        return null;
    }
  }

  #list(depth: number): Literal {
    const list: Literal[] = [];
    while (!this.#isEnd && !this.#take(TokenKind.BRACKET_R)) {
      const at = this.#lexer.token;
      const value = this.#value(depth + 1);
      if (this.#lexer.token === at) return list;
      if (list.length < MAX_ARGUMENTS) list.push(value);
    }
    return list;
  }

  #object(depth: number): Literal {
    // Names may be anything, `__proto__` too.
    const record = Object.create(null) as Record<string, Literal>;
    while (!this.#isEnd && !this.#take(TokenKind.BRACE_R)) {
      const name = this.#name();
      if (name === '' || !this.#take(TokenKind.COLON)) return record;
      record[name] = this.#value(depth + 1);
    }
    return record;
  }

  /** Passes over a value by its brackets alone. */
  #tooDeep(): null {
    let open = 0;
    while (!this.#isEnd) {
      if (this.#is(TokenKind.BRACKET_L) || this.#is(TokenKind.BRACE_L)) open++;
      if (this.#is(TokenKind.BRACKET_R) || this.#is(TokenKind.BRACE_R)) open--;
      this.#next();
      if (open <= 0) return null;
    }
    return null;
  }
}
