import { shortHash } from './ids.js';
import { decodeSegment, pathSegments } from './target.js';
import type { EndpointRef } from './types.js';

export interface TemplateEntry {
  readonly service: string;
  readonly method: string;
  readonly template: string;
}

export interface TemplateMatch {
  readonly endpoint: EndpointRef;
  /** Decoded values of the template's parameters in order. */
  readonly parameters: readonly string[];
}

/** The reference of an endpoint; its id is a hash of the three parts, so every process names it alike. */
export function endpointRef(service: string, method: string, template: string): EndpointRef {
  return { id: shortHash(service, method, template), service, method, template };
}

/** Names of the parameters of a template in order: `/users/{id}/report-{name}.pdf` gives `['id', 'name']`. */
export function templateParameters(template: string): string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]);
}

interface Pattern {
  readonly source: string;
  /** Literal text around the parameters: `report-{id}.pdf` is `['report-', '.pdf']`. */
  readonly literals: readonly string[];
  readonly node: Node;
}

interface Node {
  readonly statics: Map<string, Node>;
  /** Segments that mix text and parameters, most literal text first. */
  patterns: Pattern[];
  parameter: Node | null;
  /** `{rest*}` or `**`: takes all that is left. */
  rest: EndpointRef | null;
  endpoint: EndpointRef | null;
}

const newNode = (): Node => ({ statics: new Map(), patterns: [], parameter: null, rest: null, endpoint: null });

/**
 * Finds the endpoint of a method and path among path templates. Immutable: build a new one when templates change and swap it.
 *
 * At each segment static text wins over mixed text, mixed text over a bare parameter, and a bare parameter over a trailing `{name*}`; the search
 * backtracks, so `/users/me/avatar` reaches `/users/{id}/avatar` where only `/users/me` is static. A method of `*` stands for every method
 * that has no entry of its own.
 */
export class TemplateMatcher {
  private readonly roots = new Map<string, Node>();
  readonly size: number;

  private constructor(entries: Iterable<TemplateEntry>) {
    let size = 0;
    for (const entry of entries) {
      this.insert(entry);
      size++;
    }
    this.size = size;
  }

  static of(entries: Iterable<TemplateEntry>): TemplateMatcher {
    return new TemplateMatcher(entries);
  }

  /** `path` is raw (percent-encoded) and without a query. */
  match(service: string, method: string, path: string): TemplateMatch | null {
    return this.find(service, method, path) ?? this.find(service, '*', path);
  }

  private find(service: string, method: string, path: string): TemplateMatch | null {
    const root = this.roots.get(`${service}\0${method}`);
    if (root === undefined) return null;
    const values: string[] = [];
    const endpoint = walk(root, pathSegments(path), 0, values);
    return endpoint === null ? null : { endpoint, parameters: values.map(decodeSegment) };
  }

  private insert(entry: TemplateEntry): void {
    const key = `${entry.service}\0${entry.method}`;
    let node = this.roots.get(key);
    if (node === undefined) {
      node = newNode();
      this.roots.set(key, node);
    }
    const reference = endpointRef(entry.service, entry.method, entry.template);
    for (const segment of pathSegments(entry.template)) {
      if (segment === '**' || /^\{[^{}]*\*\}$/.test(segment)) {
        node.rest = reference;
        return;
      }
      node = childFor(node, segment);
    }
    node.endpoint = reference;
  }
}

function childFor(node: Node, segment: string): Node {
  if (!segment.includes('{')) {
    let child = node.statics.get(segment);
    if (child === undefined) {
      child = newNode();
      node.statics.set(segment, child);
    }
    return child;
  }
  if (/^\{[^{}]*\}$/.test(segment)) {
    node.parameter ??= newNode();
    return node.parameter;
  }
  const source = segment.replace(/\{[^{}]*\}/g, '{}');
  const known = node.patterns.find((pattern) => pattern.source === source);
  if (known !== undefined) return known.node;
  const pattern: Pattern = { source, literals: source.split('{}'), node: newNode() };
  node.patterns.push(pattern);
  node.patterns.sort((a, b) => literalLength(b) - literalLength(a));
  return pattern.node;
}

const literalLength = (pattern: Pattern): number => pattern.literals.reduce((sum, text) => sum + text.length, 0);

function walk(node: Node, segments: readonly string[], at: number, values: string[]): EndpointRef | null {
  if (at === segments.length) return node.endpoint;
  const segment = segments[at];
  const fixed = node.statics.get(segment);
  if (fixed !== undefined) {
    const found = walk(fixed, segments, at + 1, values);
    if (found !== null) return found;
  }
  const mark = values.length;
  for (const pattern of node.patterns) {
    if (!capture(pattern.literals, segment, values)) continue;
    const found = walk(pattern.node, segments, at + 1, values);
    if (found !== null) return found;
    values.length = mark;
  }
  if (node.parameter !== null && segment !== '') {
    values.push(segment);
    const found = walk(node.parameter, segments, at + 1, values);
    if (found !== null) return found;
    values.length = mark;
  }
  if (node.rest !== null) values.push(segments.slice(at).join('/'));
  return node.rest;
}

/** Matches `a{}b{}c` against text, shortest parameter values first; pushes the values. */
function capture(literals: readonly string[], text: string, values: string[]): boolean {
  const mark = values.length;
  const last = literals.length - 1;
  if (!text.startsWith(literals[0]) || !text.endsWith(literals[last])) return false;
  let at = literals[0].length;
  for (let index = 1; index <= last; index++) {
    const end = index === last ? text.length - literals[last].length : text.indexOf(literals[index], at + 1);
    if (end <= at) {
      values.length = mark;
      return false;
    }
    values.push(text.slice(at, end));
    at = end + literals[index].length;
  }
  return true;
}
