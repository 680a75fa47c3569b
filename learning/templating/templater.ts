import { FewMap, pathSegments } from '../../exchange/index.js';
import { type Explanation, explainNode } from './explain.js';
import { shippedModel, type TemplateModel } from './model.js';
import { type Pin, pinTree } from './pins.js';
import { matches, parameterName, type ResolvedNode, resolveTrie } from './resolve.js';
import { segmentKey } from './shapes.js';
import { type AnswerKeys, DEEPEST, FOLDED, Trie, type TrieNode } from './trie.js';

/** A path under the templates of the moment. */
export interface Placed {
  readonly template: string;
  /** `METHOD template`, the same text each time: looking it up costs no new hash. */
  readonly key: string;
  /** Raw values of the parameters in order. */
  readonly parameters: string[];
}

/** A call for this many nodes makes folding worth its loss of detail. */
const FOLD_FROM = 20_000;
const LEAST_GROWTH = 6;

/**
 * The templates of one host: learns from paths, one at a time, and decides again from scratch when enough is new.
 *
 * Between decisions a new path is placed beside what is known (shaped values go to the parameter, words to the parameter where there are other
 * words, else to a static node of their own), so every path has a template at once and a later decision may rename it.
 */
export class HostTemplates {
  readonly trie: Trie;
  private resolved: ResolvedNode;
  private growth = 0;
  private callsAtResolve = 0;
  private nodesAtResolve = 0;
  private pins: readonly Pin[] = [];

  constructor(
    private readonly model: TemplateModel = shippedModel(),
    trie: Trie = new Trie(),
  ) {
    this.trie = trie;
    this.resolved = resolveTrie(trie, model, null);
  }

  get calls(): number {
    return this.trie.root.calls;
  }

  /** Counts a call that was answered well, and says where it belongs now. `path` is raw, without a query. */
  observe(method: string, path: string, keys: AnswerKeys = null): Placed {
    const segments = cleanSegments(path).slice(0, DEEPEST);
    const grew = this.trie.insert(method, segments, keys);
    const parameters: string[] = [];
    const known = find(this.resolved, null, segments, 0, parameters);
    // One more value where values are expected says little; a path without a place says most.
    if (grew) this.growth += known === null ? 1 : 0.15;
    if (known !== null) {
      if (!known.methods.has(method)) this.growth++;
      known.methods.set(method, (known.methods.get(method) ?? 0) + 1);
      return { template: known.template, key: keyOf(known, method), parameters };
    }
    parameters.length = 0;
    const node = extend(this.resolved, segments, parameters);
    node.methods.set(method, 1);
    return { template: node.template, key: keyOf(node, method), parameters };
  }

  /** Where a path belongs, without counting it; null when no template of this method takes it. */
  match(method: string, path: string): Placed | null {
    const parameters: string[] = [];
    const node = find(this.resolved, method, cleanSegments(path).slice(0, DEEPEST), 0, parameters);
    return node === null ? null : { template: node.template, key: keyOf(node, method), parameters };
  }

  /** True when enough is new to decide again: the tree grew by a quarter, or the calls doubled while anything was new. */
  get due(): boolean {
    if (this.growth === 0) return false;
    // Deciding costs tens of microseconds a node: a large tree waits for enough calls to pay for it.
    const { nodes } = this.trie;
    if (this.calls - this.callsAtResolve < nodes * Math.min(0.75, nodes / 2000)) return false;
    return this.growth >= Math.max(LEAST_GROWTH, this.nodesAtResolve / 4) || (this.calls >= 32 && this.calls >= 2 * this.callsAtResolve);
  }

  /** Decides again; returns false when nothing happened since the last time. */
  resolve(): boolean {
    if (this.growth === 0 && this.calls === this.callsAtResolve) return false;
    this.decide();
    if (this.trie.nodes > FOLD_FROM && this.fold(this.resolved) > 0) this.decide();
    return true;
  }

  /** Replaces all pins and decides again. */
  setPins(pins: readonly Pin[]): void {
    this.pins = pins;
    this.decide();
  }

  private decide(): void {
    this.resolved = resolveTrie(this.trie, this.model, pinTree(this.pins));
    this.growth = 0;
    this.callsAtResolve = this.calls;
    this.nodesAtResolve = this.trie.nodes;
  }

  private fold(node: ResolvedNode): number {
    let folded = 0;
    // Deepest first: a folded literal is gone from the tree, and what was decided below it with it.
    for (const child of childrenOf(node)) folded += this.fold(child);
    if (node.foldable.length > 0) for (const one of node.place) folded += this.trie.fold(one, node.foldable);
    return folded;
  }

  /** Every method and template with the calls counted for it; pinned ones that were never called have zero. */
  templates(): { method: string; template: string; calls: number }[] {
    const list: { method: string; template: string; calls: number }[] = [];
    const walk = (node: ResolvedNode): void => {
      for (const [method, calls] of node.methods) list.push({ method, template: node.template, calls });
      for (const method of node.pinned) if (!node.methods.has(method)) list.push({ method, template: node.template, calls: 0 });
      for (const child of childrenOf(node)) walk(child);
    };
    walk(this.resolved);
    return list;
  }

  /** Why each segment of a template is what it is; empty when there is no such template. */
  explain(template: string): Explanation[] {
    const explanations: Explanation[] = [];
    let node = this.resolved;
    for (const segment of cleanSegments(template)) {
      const next = childrenOf(node).find((child) => child.segment === segment);
      if (next === undefined) return explanations;
      explanations.push(explainNode(node, next, this.model));
      node = next;
    }
    return explanations;
  }
}

function keyOf(node: ResolvedNode, method: string): string {
  let key = node.keys.get(method);
  if (key === undefined) {
    key = `${method} ${node.template}`;
    node.keys.set(method, key);
  }
  return key;
}

/** Raw segments without empty ones: `/a//b/` is `/a/b`. */
export const cleanSegments = (path: string): string[] => {
  const segments = pathSegments(path);
  return segments.includes('') ? segments.filter((segment) => segment !== '') : segments;
};

export const childrenOf = (node: ResolvedNode): ResolvedNode[] => [
  ...node.statics.values(),
  ...node.patterns.map((pattern) => pattern.node),
  ...(node.parameter === null ? [] : [node.parameter]),
];

/** Static text before mixed text before a bare parameter, with backtracking; `method` null takes any end that has one. */
function find(node: ResolvedNode, method: string | null, segments: readonly string[], at: number, values: string[]): ResolvedNode | null {
  if (at === segments.length) {
    const ends = method === null ? node.methods.size > 0 || node.pinned.size > 0 : node.methods.has(method) || node.pinned.has(method);
    return ends ? node : null;
  }
  const text = segments[at];
  const mark = values.length;
  const fixed = node.statics.get(text);
  if (fixed !== undefined) {
    const found = find(fixed, method, segments, at + 1, values);
    if (found !== null) return found;
    values.length = mark;
  }
  for (const pattern of node.patterns) {
    const captured = capture(pattern.literals, text);
    if (captured === null) continue;
    values.push(...captured);
    const found = find(pattern.node, method, segments, at + 1, values);
    if (found !== null) return found;
    values.length = mark;
  }
  if (node.parameter === null) return null;
  values.push(text);
  const found = find(node.parameter, method, segments, at + 1, values);
  if (found === null) values.length = mark;
  return found;
}

function capture(literals: readonly string[], text: string): string[] | null {
  if (!matches(literals.join('{}'), text)) return null;
  const values: string[] = [];
  let at = literals[0].length;
  for (let index = 1; index < literals.length; index++) {
    const end = index === literals.length - 1 ? text.length - literals[index].length : text.indexOf(literals[index], at + 1);
    values.push(text.slice(at, end));
    at = end + literals[index].length;
  }
  return values;
}

/** Adds provisional nodes for a path that no template takes. */
function extend(root: ResolvedNode, segments: readonly string[], values: string[]): ResolvedNode {
  let node = root;
  let before = '';
  const names: string[] = [];
  for (const text of segments) {
    const pattern = node.patterns.find((one) => matches(one.literals.join('{}'), text));
    const fixed = node.statics.get(text);
    const key = segmentKey(text);
    if (fixed !== undefined) node = fixed;
    else if (pattern !== undefined) {
      values.push(...(capture(pattern.literals, text) ?? []));
      node = pattern.node;
    } else if ((key.shape !== null && key.tail === '') || (node.parameter !== null && takesWords(node.parameter))) {
      values.push(text);
      node.parameter ??= provisional(node, `{${parameterName(before, names)}}`);
      node = node.parameter;
    } else if (key.shape !== null || key.key.includes('{}')) {
      const form = key.shape === null ? key.key : `{}${key.tail}`;
      const literals = form.split('{}');
      const made = provisional(
        node,
        literals
          .map((literal, index) =>
            index === 0
              ? literal
              : `{${parameterName(before, [...names, ...Array.from({ length: index - 1 }, (_, n) => `${n}`)])}}${literal}`,
          )
          .join(''),
      );
      node.patterns.push({ literals, node: made });
      values.push(...(capture(literals, text) ?? []));
      node = made;
    } else {
      const made = provisional(node, text);
      node.statics.set(text, made);
      node = made;
    }
    if (!node.segment.includes('{')) before = node.segment;
    else for (const name of node.segment.matchAll(/\{([^{}]*)\}/g)) names.push(name[1]);
  }
  return node;
}

const takesWords = (parameter: ResolvedNode): boolean =>
  parameter.place.length === 0 || parameter.place.some((node: TrieNode) => node.shape === null || node.key === FOLDED);

function provisional(parent: ResolvedNode, segment: string): ResolvedNode {
  return {
    segment,
    template: `${parent.template === '/' ? '' : parent.template}/${segment}`,
    statics: new FewMap(),
    patterns: [],
    parameter: null,
    methods: new FewMap(),
    keys: new FewMap(),
    pinned: new Set(),
    place: [],
    values: 0,
    samples: [],
    verdicts: [],
    foldable: [],
  };
}
