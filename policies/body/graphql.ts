import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { mediaType } from '../../exchange/index.js';
import type { Content } from './content.js';

/** What one GraphQL request asks for. Counts are over all operations of the request, fragments expanded. */
export interface GraphqlFacts {
  readonly operations: readonly { readonly kind: 'query' | 'mutation' | 'subscription'; readonly name: string }[];
  /** Dotted paths of selected fields by their own names, at most some thousands. */
  readonly fields: readonly string[];
  readonly fieldCount: number;
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly cost: number;
  readonly batch: number;
  readonly introspection: boolean;
  /** The document did not parse, or went past a limit. */
  readonly malformed: boolean;
}

const MAX_TOKENS = 10_000;
/** Fields expanded at most: fragments that spread one another can name billions. */
const MAX_FIELDS = 20_000;
const MAX_PATHS = 5000;
const MAX_BATCH = 100;

/** Reads the GraphQL documents of a request (GraphQL over HTTP: JSON body, `application/graphql` body, or `query` parameter); null when there is none. */
export function readGraphql(content: Content, query: readonly (readonly [string, string])[]): GraphqlFacts | null {
  const type = mediaType(content.headers);
  const sources: { text: string; variables: Readonly<Record<string, unknown>> }[] = [];
  let batch = 0;
  if (type === 'application/graphql') sources.push({ text: content.text(), variables: {} });
  else {
    const { value, format } = content.parsed();
    const requests: readonly unknown[] = format === 'json' ? (Array.isArray(value) ? (value as unknown[]) : [value]) : [];
    batch = requests.length;
    for (const one of requests.slice(0, MAX_BATCH)) {
      if (typeof one !== 'object' || one === null) continue;
      const { query: text, variables } = one as { query?: unknown; variables?: unknown };
      if (typeof text === 'string' && looksLikeGraphql(text))
        sources.push({
          text,
          variables: typeof variables === 'object' && variables !== null ? (variables as Record<string, unknown>) : {},
        });
    }
    const parameter = query.find(([name]) => name === 'query')?.[1];
    if (parameter !== undefined && looksLikeGraphql(parameter)) sources.push({ text: parameter, variables: {} });
  }
  if (sources.length === 0) return null;
  const tally = new Tally();
  for (const source of sources) {
    try {
      tally.add(parse(source.text, { noLocation: true, maxTokens: MAX_TOKENS }), source.variables);
    } catch {
      tally.malformed = true;
    }
  }
  return { ...tally.facts(), batch: Math.max(batch, sources.length) };
}

const looksLikeGraphql = (text: string): boolean =>
  /^(?:\s|#[^\n]*\n|,|\ufeff)*(?:\{|(?:query|mutation|subscription|fragment)\b)/.test(text.slice(0, 4096));

class Tally {
  malformed = false;
  private readonly operations: { kind: 'query' | 'mutation' | 'subscription'; name: string }[] = [];
  private readonly paths = new Set<string>();
  private fieldCount = 0;
  private depth = 0;
  private aliases = 0;
  private directives = 0;
  private cost = 0;
  private introspection = false;

  add(document: DocumentNode, variables: Readonly<Record<string, unknown>>): void {
    const fragments = new Map<string, FragmentDefinitionNode>();
    const operations: OperationDefinitionNode[] = [];
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
      else if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    }
    for (const operation of operations) {
      this.operations.push({ kind: operation.operation, name: operation.name?.value ?? '' });
      this.directives += operation.directives?.length ?? 0;
      this.walk(operation.selectionSet, '', 1, 1, fragments, new Set(), variables);
    }
  }

  facts(): Omit<GraphqlFacts, 'batch'> {
    const { operations, fieldCount, depth, aliases, directives, cost, introspection, malformed } = this;
    return { operations, fields: [...this.paths], fieldCount, depth, aliases, directives, cost, introspection, malformed };
  }

  private walk(
    set: SelectionSetNode,
    path: string,
    depth: number,
    weight: number,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    open: Set<string>,
    variables: Readonly<Record<string, unknown>>,
  ): void {
    for (const selection of set.selections) {
      if (this.fieldCount >= MAX_FIELDS) {
        this.malformed = true;
        return;
      }
      this.directives += selection.directives?.length ?? 0;
      this.step(selection, path, depth, weight, fragments, open, variables);
    }
  }

  private step(
    selection: SelectionNode,
    path: string,
    depth: number,
    weight: number,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    open: Set<string>,
    variables: Readonly<Record<string, unknown>>,
  ): void {
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      this.walk(selection.selectionSet, path, depth, weight, fragments, open, variables);
      return;
    }
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const name = selection.name.value;
      const fragment = fragments.get(name);
      // A fragment that spreads itself is invalid (GraphQL §5.5.2.2) and would never end.
      if (fragment === undefined || open.has(name)) {
        this.malformed = true;
        return;
      }
      open.add(name);
      this.fieldCount++;
      this.walk(fragment.selectionSet, path, depth, weight, fragments, open, variables);
      open.delete(name);
      return;
    }
    const name = selection.name.value;
    const here = path === '' ? name : `${path}.${name}`;
    this.fieldCount++;
    this.cost += weight;
    if (depth > this.depth) this.depth = depth;
    if (selection.alias !== undefined) this.aliases++;
    if (name === '__schema' || name === '__type') this.introspection = true;
    if (this.paths.size < MAX_PATHS) this.paths.add(here);
    if (selection.selectionSet === undefined) return;
    let factor = 1;
    for (const argument of selection.arguments ?? [])
      if (/^(?:first|last|limit|pageSize|take|count)$/.test(argument.name.value))
        factor = Math.max(factor, numberOf(argument.value, variables));
    this.walk(selection.selectionSet, here, depth + 1, Math.min(weight * factor, 1e12), fragments, open, variables);
  }
}

function numberOf(value: ValueNode, variables: Readonly<Record<string, unknown>>): number {
  if (value.kind === Kind.INT) return Number(value.value);
  if (value.kind === Kind.VARIABLE) {
    const given = variables[value.name.value];
    return typeof given === 'number' && Number.isFinite(given) ? given : 1;
  }
  return 1;
}
