import { FewMap } from '../../exchange/index.js';
import { type Shape, SIGILS, segmentKey } from './shapes.js';

const SAMPLES = 16;
const DISTINCT_TRACKED = 64;
const KEYS_TRACKED = 16;
/** Segments of a path that are looked at: what is deeper is the endpoint of the first ones. */
export const DEEPEST = 40;
const KEYS_FROM_CALLS = 6;

/** Top-level keys of an answer, or how to get them: asked for only while the path is young. */
export type AnswerKeys = readonly string[] | null | (() => readonly string[] | null);

/** What was seen at the end of a path, per method. */
export interface Term {
  calls: number;
  /** Top-level keys of JSON answers, with counts; at most 16. */
  keys: Map<string, number> | null;
  /** Calls from which a checkpoint writes it again. */
  keepFrom: number;
}

/** One segment value (or shape of values) below its parent. */
export interface TrieNode {
  readonly key: string;
  readonly shape: Shape | null;
  readonly tail: string;
  /** Calls that passed through or ended here. */
  calls: number;
  kids: Map<string, TrieNode> | null;
  terms: Map<string, Term> | null;
  /** Shaped and folded nodes only: some values and how many distinct ones (counted up to 64). */
  samples: string[] | null;
  distinct: Set<string> | null;
  /** Literal values that were folded into this node for good. */
  folded: number;
}

/** One end of a path: the keys from the root, and what was counted there. */
export interface Leaf {
  readonly method: string;
  readonly keys: readonly string[];
  readonly term: Term;
  readonly node: TrieNode;
}

/** Key of the child that takes folded literals. */
export const FOLDED = '<text>';

/** Key of the child that takes a literal where there is no room for more: handles keep their sigil. */
const overflowKey = (text: string): string => (text.length > 1 && SIGILS.includes(text[0]) ? `${text[0]}{}` : FOLDED);

function newNode(key: string, shape: Shape | null, tail: string): TrieNode {
  const collects = shape !== null || key === FOLDED;
  return {
    key,
    shape,
    tail,
    calls: 0,
    kids: null,
    terms: null,
    samples: collects ? [] : null,
    distinct: collects ? new Set() : null,
    folded: 0,
  };
}

/**
 * All paths of one host, shared by the methods. Grows by one node a new segment value; folding and the node budget keep it bounded.
 */
export class Trie {
  readonly root: TrieNode = newNode('', null, '');
  nodes = 0;
  /** Distinct values that went straight into a folded child because a limit was reached. */
  collapsed = 0;
  /** Ends of paths moved since `kept` was last called: what was kept of them has other keys now. */
  moved = false;
  private readonly due = new Map<Term, Leaf>();

  /** `fanOut`: most literal children of one node; `nodeLimit`: most nodes of the host. Past either, new words go to the folded child. */
  constructor(
    private readonly fanOut = 512,
    private readonly nodeLimit = 50_000,
  ) {}

  /** Counts one call. `segments` are raw (percent-encoded). Returns true when the tree got a new node or method. */
  insert(method: string, segments: readonly string[], keys: AnswerKeys): boolean {
    let node = this.root;
    node.calls++;
    let grew = false;
    const depth = Math.min(segments.length, DEEPEST);
    for (let index = 0; index < depth; index++) {
      const before = this.nodes;
      node = this.child(node, segments[index]);
      if (this.nodes !== before) grew = true;
      node.calls++;
    }
    const known = node.terms?.get(method);
    const term = this.end(node, method, keys, 1);
    if (term.calls >= term.keepFrom) this.due.set(term, { method, keys: this.keysOf(segments), term, node });
    return known === undefined || grew;
  }

  /** Ends of paths that are new, or whose calls doubled since they were last kept. */
  grown(): Iterable<Leaf> {
    return this.due.values();
  }

  /** What `grown`, or `leaves`, said is kept. */
  kept(): void {
    for (const { term } of this.moved ? this.leaves() : this.due.values()) term.keepFrom = term.calls * 2;
    this.due.clear();
    this.moved = false;
  }

  private keysOf(segments: readonly string[]): string[] {
    const keys: string[] = [];
    let node = this.root;
    for (const text of segments.slice(0, DEEPEST)) {
      const { kids } = node;
      if (kids === null) break;
      const literal = kids.get(text);
      const child = literal?.shape === null ? literal : (kids.get(segmentKey(text).key) ?? kids.get(overflowKey(text)));
      if (child === undefined) break;
      keys.push(child.key);
      node = child;
    }
    return keys;
  }

  private child(parent: TrieNode, text: string): TrieNode {
    parent.kids ??= new FewMap();
    const literal = parent.kids.get(text);
    if (literal !== undefined && literal.shape === null) return literal;
    const key = segmentKey(text);
    let child = parent.kids.get(key.key);
    if (
      child === undefined &&
      key.shape === null &&
      key.key !== FOLDED &&
      (parent.kids.size >= this.fanOut || this.nodes >= this.nodeLimit)
    ) {
      this.collapsed++;
      const overflow = overflowKey(text);
      child = parent.kids.get(overflow);
      if (child === undefined) child = this.add(parent, overflow, null, '');
    } else if (child === undefined) child = this.add(parent, key.key, key.shape, key.tail);
    if (child.distinct !== null) remember(child, text);
    return child;
  }

  private add(parent: TrieNode, key: string, shape: Shape | null, tail: string): TrieNode {
    const child = newNode(key, shape, tail);
    parent.kids ??= new FewMap();
    parent.kids.set(key, child);
    this.nodes++;
    return child;
  }

  private end(node: TrieNode, method: string, keys: AnswerKeys, calls: number): Term {
    node.terms ??= new FewMap();
    let term = node.terms.get(method);
    if (term === undefined) {
      term = { calls: 0, keys: null, keepFrom: 1 };
      node.terms.set(method, term);
    }
    term.calls += calls;
    const given = typeof keys === 'function' ? (term.calls <= KEYS_FROM_CALLS ? keys() : null) : keys;
    if (given !== null) for (const key of given) countKey(term, key, 1);
    return term;
  }

  /** Every end of a path, for checkpoints. */
  *leaves(): Generator<Leaf> {
    const keys: string[] = [];
    const walk = function* (node: TrieNode): Generator<Leaf> {
      for (const [method, term] of node.terms ?? []) yield { method, keys: [...keys], term, node };
      for (const kid of node.kids?.values() ?? []) {
        keys.push(kid.key);
        yield* walk(kid);
        keys.pop();
      }
    };
    yield* walk(this.root);
  }

  /** Puts back what a checkpoint kept of one end: counts are added along the path. `constant` is the only value a shaped last segment ever had. */
  restore(
    method: string,
    keys: readonly string[],
    calls: number,
    answerKeys: readonly string[],
    constants: readonly (string | null)[],
  ): void {
    let node = this.root;
    node.calls += calls;
    keys.forEach((key, index) => {
      let child = node.kids?.get(key);
      if (child === undefined) {
        const shaped = /^<(\w+)>(?:\|(.*))?$/.exec(key);
        child = this.add(node, key, shaped === null || key === FOLDED ? null : (shaped[1] as Shape), shaped?.[2] ?? '');
        // A value that is not kept still counts as more than one.
        if (child.shape !== null)
          for (const value of constants[index] == null ? ['', '\0'] : [constants[index]]) child.distinct!.add(value!);
        if (constants[index] != null) child.samples!.push(constants[index]!);
      }
      child.calls += calls;
      node = child;
    });
    const term = this.end(node, method, answerKeys, calls);
    term.keepFrom = term.calls * 2;
  }

  /** Moves literal children for good into the folded child of `parent`: counts, methods and subtrees are added. */
  fold(parent: TrieNode, keys: Iterable<string>): number {
    let folded = 0;
    for (const key of keys) {
      const literal = parent.kids?.get(key);
      if (literal === undefined || literal.shape !== null || key === FOLDED) continue;
      const target = parent.kids!.get(FOLDED) ?? this.add(parent, FOLDED, null, '');
      parent.kids!.delete(key);
      this.nodes--;
      remember(target, key);
      target.folded++;
      this.absorb(target, literal);
      this.moved = true;
      folded++;
    }
    return folded;
  }

  private absorb(target: TrieNode, from: TrieNode): void {
    target.calls += from.calls;
    target.folded += from.folded;
    if (from.samples !== null && target.samples !== null) for (const sample of from.samples) remember(target, sample);
    for (const [method, term] of from.terms ?? []) {
      target.terms ??= new FewMap();
      const known = target.terms.get(method);
      if (known === undefined) target.terms.set(method, term);
      else {
        known.calls += term.calls;
        for (const [key, count] of term.keys ?? []) countKey(known, key, count);
      }
    }
    for (const [key, kid] of from.kids ?? []) {
      target.kids ??= new FewMap();
      const known = target.kids.get(key);
      if (known === undefined) target.kids.set(key, kid);
      else {
        this.nodes--;
        this.absorb(known, kid);
      }
    }
  }
}

function remember(node: TrieNode, value: string): void {
  const distinct = node.distinct!;
  if (distinct.size >= DISTINCT_TRACKED || distinct.has(value)) return;
  distinct.add(value.length > 80 ? value.slice(0, 80) : value);
  if (node.samples!.length < SAMPLES) node.samples!.push(value.length > 80 ? value.slice(0, 80) : value);
}

function countKey(term: Term, key: string, count: number): void {
  term.keys ??= new FewMap();
  const known = term.keys.get(key);
  if (known !== undefined) term.keys.set(key, known + count);
  else if (term.keys.size < KEYS_TRACKED) term.keys.set(key, count);
}
