import {
  AMBIGUOUS,
  type GraphqlDocument,
  looksLikeDocument,
  operationIn,
  persistedDocument,
  readDocument,
  rememberPersisted,
  VariableUse,
} from '../graphql.js';
import type { Reference } from './references.js';
import { foldName, isIdentifier } from './shape.js';
import { type Specials, type ValueWalk, valueWalk } from './value-walk.js';

/** Objects that the fields of one request name, beyond which no more are looked at. */
const MAX_FIELD_REFERENCES = 1000;

/** How the places of variables begin, as part of a body. */
const VARIABLES = 'variable.';

/** A GraphQL call as clients send it (GraphQL over HTTP): a document, or the name that the server knows one by. */
interface Call {
  readonly query?: unknown;
  readonly variables?: unknown;
  readonly operationName?: unknown;
  readonly extensions?: unknown;
  readonly documentId?: unknown;
  readonly doc_id?: unknown;
  readonly queryId?: unknown;
}

/** Is a value a call whose fields can be read? */
export const isCall = (value: unknown): value is Call =>
  typeof value === 'object' && value !== null && (documentText(value) !== '' || persistedName(value) !== '');

const documentText = ({ query }: Call): string => (typeof query === 'string' && looksLikeDocument(query) ? query : '');

function persistedName({ variables, extensions, documentId, doc_id, queryId }: Call): string {
  if (variables === undefined || variables === null) return '';
  const hash = (extensions as { persistedQuery?: { sha256Hash?: unknown } } | null | undefined)?.persistedQuery?.sha256Hash;
  for (const name of [hash, documentId, doc_id, queryId]) if (typeof name === 'string' && name !== '' && name.length <= 200) return name;
  return '';
}

/**
 * The objects that GraphQL calls name, by the fields that they are given to: the client makes up operations and what they are called, but a field is what the server has it be. `order(id: 7)` and
 * `order(id: $x)` are the place `body:gql:order.id`, whatever the field is called in the answer and wherever it stands in the document; variables of a document that is
 * only named are places by that name, until it was seen.
 */
export class FieldCalls implements Specials {
  /** Some call was read. */
  any = false;
  /** A document of theirs changes something. */
  mutates = false;
  aliases: Map<string, string> | null = null;
  isBatch = false;
  isCut = false;
  #seen: Set<string> | null = null;
  #variables: Readonly<Record<string, unknown>> = {};
  #document: GraphqlDocument | null = null;
  #walk: ValueWalk | null = null;
  #field = '';
  /** Folded name of a variable → the field that it is given to. */
  #fields: Map<string, string> | null = null;

  constructor(private readonly references: Reference[]) {}

  /** A call in the parameters of a query or a form. */
  readPairs(pairs: readonly (readonly [string, string])[]): void {
    const named = (name: string): string | undefined => pairs.find((one) => one[0] === name)?.[1];
    const [query, variables] = [named('query'), named('variables')];
    if (query === undefined && variables === undefined) return;
    const extensions = parsed(named('extensions'));
    this.read({
      query,
      variables,
      extensions,
      operationName: named('operationName'),
      documentId: named('documentId'),
      queryId: named('queryId'),
    });
  }

  read(call: Call): void {
    const text = documentText(call);
    const name = persistedName(call);
    if (text === '' && name === '') return;
    this.any = true;
    this.#variables = recordOf(typeof call.variables === 'string' ? parsed(call.variables) : call.variables);
    if (text !== '' && name !== '') rememberPersisted(name, text);
    const document = text === '' ? persistedDocument(name) : readDocument(text);
    if (document !== undefined) this.#readDocument(document, typeof call.operationName === 'string' ? call.operationName : '');
    if (name === '') return;
    this.#document = null;
    this.#field = '';
    this.#walker()(this.#variables, `gql:#${name}`, '', '', 1, false);
  }

  resolve(node: object): { readonly value: unknown } | undefined {
    if (!(node instanceof VariableUse)) return undefined;
    if (this.#field !== '') {
      this.#fields ??= new Map();
      this.#fields.set(foldName(node.name), this.#field);
    }
    const given = Object.hasOwn(this.#variables, node.name) ? this.#variables[node.name] : undefined;
    return { value: given === undefined ? this.#document?.defaults.get(node.name) : given };
  }

  /** What a value at `variable.x…` of the body of a call is about, by the field that it is given to; empty for others. */
  hintAt(at: string): string {
    if (this.#fields === null || !at.startsWith(VARIABLES)) return '';
    const end = at.indexOf('.', VARIABLES.length);
    return this.#fields.get(at.slice(VARIABLES.length, end < 0 ? undefined : end)) ?? '';
  }

  cut(): void {
    this.isCut = true;
  }

  #readDocument(document: GraphqlDocument, operationName: string): void {
    if (operationIn(document, operationName)?.kind === 'mutation') this.mutates = true;
    if (document.aliases !== null) this.#join(document.aliases);
    this.#document = document;
    for (const { field, argument, value } of document.arguments) {
      this.#field = foldName(field);
      this.#walker()(value, `gql:${this.#field}.${foldName(argument)}`, argument, '', 1, true);
    }
  }

  #join(aliases: ReadonlyMap<string, string>): void {
    if (this.aliases === null) {
      this.aliases = new Map(aliases);
      return;
    }
    for (const [alias, field] of aliases) {
      const before = this.aliases.get(alias);
      this.aliases.set(alias, before === undefined || before === field ? field : AMBIGUOUS);
    }
  }

  #walker(): ValueWalk {
    this.#walk ??= valueWalk((at, name, value, hint, wrapping) => {
      if (!isIdentifier(value)) return;
      this.#seen ??= new Set();
      const slot = `body:${at}`;
      const key = `${slot} ${value}`;
      if (this.#seen.has(key)) return;
      if (this.#seen.size >= MAX_FIELD_REFERENCES) {
        this.cut();
        return;
      }
      this.#seen.add(key);
      this.references.push({
        slot,
        place: 'body',
        name,
        value,
        hint: hint || this.#field,
        wrapping,
        repeated: false,
        isCallNumber: false,
      });
    }, withoutCalls(this));
    return this.#walk;
  }
}

/** Arguments and variables hold no calls. */
const withoutCalls = (calls: FieldCalls): Specials => ({
  read: () => undefined,
  resolve: (node) => calls.resolve(node),
  cut: () => calls.cut(),
});

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

function parsed(text: string | undefined): unknown {
  if (text === undefined || text.length > 65_536) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
