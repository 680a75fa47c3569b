import { FewMap } from '../../exchange/index.js';
import { collectionOf, crowdOf } from './crowd.js';
import { groupRows, isPlural, type Literal, type PlaceContext, placeLiterals, placeRows } from './features.js';
import { logOdds, sigmoid, type TemplateModel } from './model.js';
import { formatStems, type Member, splitByPattern } from './partials.js';
import type { PinNode } from './pins.js';
import { SIGILS } from './shapes.js';
import { FOLDED, type Trie, type TrieNode } from './trie.js';

/** Why a literal is static or a value. `probability` is the model's; `guard` names the rule that overrode it. */
export interface Verdict {
  readonly text: string;
  readonly calls: number;
  readonly parameter: boolean;
  readonly probability: number;
  readonly guard: string | null;
}

/** A node of the decided tree: one template segment. */
export interface ResolvedNode {
  /** Template text of this segment: `users`, `{userId}`, `report-{id}.pdf`; empty for the root. */
  readonly segment: string;
  readonly template: string;
  readonly statics: Map<string, ResolvedNode>;
  readonly patterns: { readonly literals: readonly string[]; readonly node: ResolvedNode }[];
  parameter: ResolvedNode | null;
  readonly methods: Map<string, number>;
  /** `METHOD template` by method, made when asked for. */
  readonly keys: Map<string, string>;
  /** Methods that a pin names here. */
  readonly pinned: Set<string>;
  readonly place: readonly TrieNode[];
  /** Number of values known (a lower bound) and some of them; 0 for statics. */
  readonly values: number;
  readonly samples: readonly string[];
  readonly verdicts: Verdict[];
  /** Literal values of the bare parameter below that may be merged for good. */
  readonly foldable: string[];
}

/** A place with this many values may have those folded whose probability is at least `FOLD_AT`. */
const FOLD_VALUES = 24;
const FOLD_AT = 0.95;
/** Least probability for a word without children to join a large group that it behaves like. */
const LEAST_WITH_GROUP = 0.2;
const VERSION = /^v\d+(?:[._]\d+)*(?:(?:alpha|beta|rc)\d*)?$/i;
/** A version in front of an API, `/1.0.3/hosts`: near its root, and one of few. */
const DOTTED_VERSION = /^\d+\.\d+\.\d+$/;
/** System resources of OData (`$metadata`, `$count`) and operations of FHIR (`$everything`). */
const OPERATION = /^\$[a-z][A-Za-z-]*$/;
/** More versions or operations than these at one place are values. */
const FEW = 3;
/** Fewest names with one sigil that make handles of them: `/@me` alone is a word. */
const LEAST_HANDLES = 3;
const LANGUAGE = /^[a-z]{2}$/;
const UPPER_CODE = /^[A-Z]{2,3}$/;
const LOCALE = /^[a-z]{2}[-_][A-Z]{2}$/;

interface Job {
  readonly model: TemplateModel;
  readonly parentsOf: Map<string, number>;
  readonly meanLeafCalls: number;
}

/** Decides the whole tree of a host, top down: at each place the values of a parameter are merged before what stands below is judged. */
export function resolveTrie(trie: Trie, model: TemplateModel, pins: PinNode | null): ResolvedNode {
  const job: Job = { model, ...survey(trie.root) };
  return build(job, '', '', [trie.root], pins === null ? [] : [pins], 0, 0, [], [], null);
}

/** Host-wide counts that the features refer to. */
export function survey(root: TrieNode): { parentsOf: Map<string, number>; meanLeafCalls: number } {
  const parentsOf = new Map<string, number>();
  let leaves = 0;
  let calls = 0;
  const walk = (node: TrieNode): void => {
    if (node.terms !== null) {
      leaves++;
      for (const term of node.terms.values()) calls += term.calls;
    }
    for (const kid of node.kids?.values() ?? []) {
      if (kid.shape === null) parentsOf.set(kid.key, (parentsOf.get(kid.key) ?? 0) + 1);
      walk(kid);
    }
  };
  walk(root);
  return { parentsOf, meanLeafCalls: Math.max(1, calls / Math.max(1, leaves)) };
}

function build(
  job: Job,
  segment: string,
  template: string,
  place: readonly TrieNode[],
  pins: readonly PinNode[],
  depth: number,
  values: number,
  samples: readonly string[],
  names: readonly string[],
  parent: { readonly segment: string } | null,
): ResolvedNode {
  const node: ResolvedNode = {
    segment,
    template: template === '' ? '/' : template,
    statics: new FewMap(),
    patterns: [],
    parameter: null,
    methods: new FewMap(),
    keys: new FewMap(),
    pinned: new Set(pins.flatMap((pin) => [...pin.methods])),
    place,
    values,
    samples,
    verdicts: [],
    foldable: [],
  };
  for (const one of place)
    for (const [method, term] of one.terms ?? []) node.methods.set(method, (node.methods.get(method) ?? 0) + term.calls);
  const { literals, shaped } = placeLiterals(place);
  const pinnedStatics = new Set(pins.flatMap((pin) => [...pin.statics.keys()]));
  const pinnedPatterns = [...new Set(pins.flatMap((pin) => [...pin.patterns.keys()]))];
  const pinnedParameter = pins.find((pin) => pin.parameter !== null)?.parameter ?? null;
  if (literals.length === 0 && shaped.length === 0 && pinnedStatics.size === 0 && pinnedPatterns.length === 0 && pinnedParameter === null)
    return node;

  const parentText = segment.startsWith('{') ? (parent?.segment ?? '') : segment;
  const context: PlaceContext = {
    depth,
    parentIsParameter: segment.includes('{'),
    parentText: segment.includes('{') ? '' : segment,
    meanLeafCalls: job.meanLeafCalls,
    parentsOf: job.parentsOf,
  };
  const statics: Literal[] = [];
  const members: (Member & { nodes: TrieNode[] })[] = [];
  const free: Literal[] = [];
  const byPattern = new Map<string, TrieNode[]>(pinnedPatterns.map((pattern) => [pattern, []]));
  for (const literal of literals) {
    const pattern = pinnedPatterns.find((one) => matches(one, literal.text));
    if (pinnedStatics.has(literal.text)) {
      statics.push(literal);
      node.verdicts.push({ text: literal.text, calls: literal.calls, parameter: false, probability: 0, guard: 'pinned' });
    } else if (pattern !== undefined) byPattern.get(pattern)!.push(...literal.nodes);
    else if (pinnedParameter !== null) {
      members.push({ text: literal.text, calls: literal.calls, nodes: literal.nodes });
      node.verdicts.push({ text: literal.text, calls: literal.calls, parameter: true, probability: 1, guard: 'pinned' });
    } else free.push(literal);
  }
  const down = (
    text: string,
    nodes: readonly TrieNode[],
    below: readonly PinNode[],
    count: number,
    some: readonly string[],
    used: readonly string[],
  ): ResolvedNode => build(job, text, `${template}/${text}`, nodes, below, depth + 1, count, some, used, { segment: parentText });

  const handles = handlesOf(free);
  for (const [sigil, named] of handles) {
    for (const { text, calls } of named) node.verdicts.push({ text, calls, parameter: true, probability: 1, guard: 'handle' });
    const texts = named.map(({ text }) => text);
    addPattern(node, `${sigil}{}`, names, parentText, (text, used) =>
      down(
        text,
        named.flatMap(({ nodes }) => nodes),
        [],
        texts.length,
        texts.slice(0, 16),
        used,
      ),
    );
  }
  const words = free.filter(({ text }) => !handles.has(text[0]));
  judge(words, shaped, context, job.model).forEach((verdict, index) => {
    node.verdicts.push(verdict);
    const literal = words[index];
    if (verdict.parameter) members.push({ text: literal.text, calls: literal.calls, nodes: literal.nodes });
    else statics.push(literal);
  });
  for (const one of shaped) {
    const constant = constantValue(one, context, pinnedParameter !== null, pinnedStatics);
    if (constant !== null) statics.push({ text: constant, nodes: [one], calls: one.calls });
    else members.push({ text: one.key === FOLDED ? '<text>' : `<${one.shape}>${one.tail}`, calls: one.calls, nodes: [one] });
  }

  const stems = formatStems(statics.filter((literal) => !pinnedStatics.has(literal.text)).map((literal) => literal.text));
  const stemmed = new Set([...stems.values()].flat());
  for (const literal of statics) {
    if (stemmed.has(literal.text)) continue;
    const below = pins.flatMap((pin) => pin.statics.get(literal.text) ?? []);
    pinnedStatics.delete(literal.text);
    if (literal.text.includes('{}'))
      addPattern(node, literal.text, names, parentText, (text, used) => down(text, literal.nodes, below, 1, [], used));
    else node.statics.set(literal.text, down(escapeBraces(literal.text), literal.nodes, below, 0, [], names));
  }
  for (const text of pinnedStatics)
    node.statics.set(
      text,
      down(
        text,
        [],
        pins.flatMap((pin) => pin.statics.get(text) ?? []),
        0,
        [],
        names,
      ),
    );
  for (const [stem, texts] of stems) {
    const nodes = statics.filter((literal) => texts.includes(literal.text)).flatMap((literal) => literal.nodes);
    addPattern(node, `${stem}.{}`, names, parentText, (text, used) => down(text, nodes, [], texts.length, texts, used));
  }
  for (const [pattern, nodes] of byPattern) {
    const below = pins.flatMap((pin) => pin.patterns.get(pattern) ?? []);
    const named = below[0].segment;
    node.patterns.push({
      literals: pattern.split('{}'),
      node: down(named, nodes, below, nodes.length, nodes.map((one) => one.key).slice(0, 8), names),
    });
  }
  const groups = members.length > 0 ? splitByPattern(members) : [];
  for (const group of groups) {
    const nodes = group.members.flatMap((member) => member.nodes);
    const some = group.members.flatMap((member) => (member.nodes[0].samples ?? [member.text]).slice(0, 6)).slice(0, 16);
    const count = group.members.reduce(
      (sum, member) => sum + member.nodes.reduce((inner, one) => Math.max(inner, one.distinct?.size ?? 1) + one.folded, 0),
      0,
    );
    if (group.pattern !== '{}')
      addPattern(node, group.pattern, names, parentText, (text, used) => down(text, nodes, [], count, some, used));
    else {
      const sure = new Set(
        node.verdicts.filter((verdict) => verdict.parameter && verdict.probability >= FOLD_AT).map((verdict) => verdict.text),
      );
      if (count >= FOLD_VALUES) node.foldable.push(...group.members.filter((member) => sure.has(member.text)).map((member) => member.text));
      const name = pinnedParameter === null ? parameterName(parentText, names) : null;
      const text = name === null ? pinnedParameter!.segment : `{${name}}`;
      const below = pins.flatMap((pin) => pin.parameter ?? []);
      node.parameter = down(text, nodes, below, count, some, name === null ? names : [...names, name]);
    }
  }
  if (node.parameter === null && pinnedParameter !== null)
    node.parameter = down(
      pinnedParameter.segment,
      [],
      pins.flatMap((pin) => pin.parameter ?? []),
      0,
      [],
      names,
    );
  node.patterns.sort((a, b) => b.literals.join('').length - a.literals.join('').length);
  return node;
}

/** Names behind one sigil, by the sigil, where there are enough of them. */
function handlesOf(literals: readonly Literal[]): Map<string, Literal[]> {
  const bySigil = new Map<string, Literal[]>();
  for (const literal of literals) {
    const sigil = literal.text[0];
    if (literal.text.length > 1 && SIGILS.includes(sigil)) bySigil.set(sigil, [...(bySigil.get(sigil) ?? []), literal]);
  }
  for (const [sigil, named] of bySigil)
    if (named.length < LEAST_HANDLES && !named.some(({ text }) => text.endsWith('{}'))) bySigil.delete(sigil);
  return bySigil;
}

function addPattern(
  node: ResolvedNode,
  pattern: string,
  names: readonly string[],
  parentText: string,
  make: (text: string, used: readonly string[]) => ResolvedNode,
): void {
  const used = [...names];
  let text = '';
  const literals = pattern.split('{}');
  literals.forEach((literal, index) => {
    if (index > 0) {
      // Only formats vary behind a last dot.
      const isFormat = index === literals.length - 1 && literal === '' && literals[index - 1].endsWith('.');
      const name = isFormat ? numbered('format', used) : parameterName(parentText, used);
      used.push(name);
      text += `{${name}}`;
    }
    text += literal;
  });
  node.patterns.push({ literals, node: make(text, used) });
}

/** `users` gives `userId`; a name that is taken gets a number, so the names of one template differ. */
export function parameterName(parentText: string, used: readonly string[]): string {
  const words = /[^\x20-\x7e]|%/.test(parentText) ? null : parentText.replace(/\.[a-z]+$/i, '').match(/[A-Za-z][A-Za-z0-9]*/g);
  let base = 'id';
  if (words !== null && !VERSION.test(parentText)) {
    const last = words[words.length - 1].replace(/^[A-Z]+/, (upper) => upper.toLowerCase());
    base = `${singular(last)}Id`;
  }
  return numbered(base, used);
}

function numbered(base: string, used: readonly string[]): string {
  let name = base;
  for (let number = 2; used.includes(name); number++) name = `${base}${number}`;
  return name;
}

function singular(word: string): string {
  if (/ies$/.test(word) && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  return isPlural(word) ? word.slice(0, -1) : word;
}

const escapeBraces = (text: string): string =>
  text.includes('{') || text.includes('}') ? text.replaceAll('{', '%7B').replaceAll('}', '%7D') : text;

/** Anchored match of `a{}b` against a value: every hole takes at least one character. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('{}');
  let at = 0;
  for (let index = 0; index < parts.length; index++) {
    const found =
      index === 0
        ? text.startsWith(parts[0])
          ? 0
          : -1
        : index === parts.length - 1
          ? text.length - parts[index].length
          : text.indexOf(parts[index], at + 1);
    if (found < 0 || (index > 0 && found <= at - (index === 0 ? 1 : 0)) || !text.startsWith(parts[index], found)) return false;
    at = found + parts[index].length;
  }
  return at === text.length;
}

/** A shaped child that only ever had one value is a constant when it looks like a version: `/1.1/statuses`, `/2010-04-01/Accounts`. */
function constantValue(node: TrieNode, context: PlaceContext, pinned: boolean, pinnedStatics: ReadonlySet<string>): string | null {
  if (node.distinct === null || node.distinct.size !== 1 || node.key === FOLDED || node.kids === null || node.tail !== '') return null;
  const value = node.samples![0];
  if (pinnedStatics.has(value)) return value;
  if (pinned || context.depth > 3 || context.parentIsParameter) return null;
  const dated = node.shape === 'date' || (node.shape === 'float' && value.length <= 5);
  const versionLike = dated || (node.shape === 'int' && value.length <= 2 && !isPlural(context.parentText));
  const words = [...node.kids.values()].filter((kid) => kid.shape === null).length;
  return versionLike && (node.calls >= 12 || words >= 2) ? value : null;
}

/** Static or value, for every literal of a place. */
export function judge(literals: readonly Literal[], shaped: readonly TrieNode[], context: PlaceContext, model: TemplateModel): Verdict[] {
  if (literals.length === 0) return [];
  const rows = placeRows(literals, shaped, context);
  let odds = rows.rows.map((row) => logOdds(model.first, row));
  let probabilities = odds.map(sigmoid);
  for (let round = 0; round < 2; round++) {
    odds = groupRows(rows, odds, probabilities).map((row) => logOdds(model.second, row));
    probabilities = odds.map(sigmoid);
  }
  const dotted = fewOf(context.depth <= 1 && !context.parentIsParameter ? literals.filter(isDottedVersion) : []);
  const operations = fewOf(literals.filter(({ text }) => OPERATION.test(text)));
  const guards = literals.map((literal): string | null => {
    if (literal.text.includes('{}')) return 'pattern';
    if (literals.length === 1 && shaped.length === 0 && literal.calls >= 8) return 'only value';
    if (VERSION.test(literal.text) && context.depth <= 2 && literal.nodes.some((node) => node.kids !== null)) return 'version';
    if (dotted.has(literal)) return 'version';
    if (operations.has(literal)) return 'operation';
    return shaped.length > 0 && SIGILS.includes(literal.text[0]) ? 'a handle alone beside ids' : null;
  });
  const parameter = literals.map((_, index) => guards[index] === null && probabilities[index] > 0.5);
  const keys = rows.profiles.map((profile) => profile.keys);
  for (const [found, guard] of [
    [crowdOf(literals, keys), 'answers like the words beside it'],
    [collectionOf(literals, keys), 'one of many words that are deleted one by one'],
  ] as const)
    for (const index of found) {
      if (parameter[index] || guards[index] !== null) continue;
      parameter[index] = true;
      guards[index] = guard;
    }
  codeSet(literals, guards, parameter);
  coherence(literals, shaped, probabilities, guards, parameter);
  return literals.map((literal, index) => ({
    text: literal.text,
    calls: literal.calls,
    parameter: parameter[index],
    probability: probabilities[index],
    guard: guards[index],
  }));
}

const fewOf = (literals: readonly Literal[]): Set<Literal> => new Set(literals.length <= FEW ? literals : []);

const isDottedVersion = ({ text, nodes }: Literal): boolean =>
  DOTTED_VERSION.test(text) && nodes.some(({ kids }) => [...(kids?.values() ?? [])].some(({ shape }) => shape === null));

/** Language, country and locale codes are values even when they are few. */
function codeSet(literals: readonly Literal[], guards: (string | null)[], parameter: boolean[]): void {
  for (const [form, least] of [
    [LANGUAGE, 4],
    [UPPER_CODE, 3],
    [LOCALE, 2],
  ] as const) {
    const hits = literals.map((literal) => form.test(literal.text));
    const count = hits.filter(Boolean).length;
    if (count < least || count < literals.length * 0.6) continue;
    hits.forEach((hit, index) => {
      if (hit) {
        guards[index] = 'code set';
        parameter[index] = true;
      }
    });
  }
}

/** Beside a large group a literal that has the group's own methods, answers and children is one of its values unless its spelling speaks clearly against it. */
function coherence(
  literals: readonly Literal[],
  shaped: readonly TrieNode[],
  probabilities: readonly number[],
  guards: (string | null)[],
  parameter: boolean[],
): void {
  const group = literals.filter((_, index) => parameter[index]);
  const merged = shaped.filter((node) => node.folded > 0);
  const size = group.length + merged.reduce((sum, node) => sum + node.folded, 0);
  if (size < 12 || size < (literals.length - group.length + size) * 0.7) return;
  const seen = new Map<string, number>();
  for (const literal of group) for (const item of behaviour(literal.nodes)) seen.set(item, (seen.get(item) ?? 0) + 1);
  for (const item of behaviour(merged)) seen.set(item, (seen.get(item) ?? 0) + 2);
  literals.forEach((literal, index) => {
    if (parameter[index] || guards[index] !== null) return;
    const items = behaviour(literal.nodes);
    const words = items.filter((item) => item.startsWith('>')).length;
    if (words < 2 && probabilities[index] < LEAST_WITH_GROUP) return;
    if (items.filter((item) => (seen.get(item) ?? 0) >= 2).length < items.length * 0.75) return;
    parameter[index] = true;
    guards[index] = 'behaves as the values beside it';
  });
}

/** Methods, answer keys and child words. */
function behaviour(nodes: readonly TrieNode[]): string[] {
  const items = new Set<string>();
  for (const node of nodes) {
    for (const [method, term] of node.terms ?? []) {
      items.add(method);
      for (const key of term.keys?.keys() ?? []) items.add(`${method}.${key}`);
    }
    for (const kid of node.kids?.values() ?? []) if (kid.shape === null) items.add(`>${kid.key}`);
  }
  return [...items];
}
