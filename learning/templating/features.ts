import { decodeSegment } from '../../exchange/index.js';
import { classChanges, digitCount } from './shapes.js';
import { FOLDED, type Term, type TrieNode } from './trie.js';

/**
 * Numbers that describe one literal segment among its siblings. Three groups: how it is spelled, how often it is called, and what stands below it
 * compared with what stands below its siblings.
 */

/** Several tree nodes that were already decided to be one place (values of one parameter). */
export type Place = readonly TrieNode[];

export interface PlaceContext {
  readonly depth: number;
  readonly parentIsParameter: boolean;
  readonly parentText: string;
  /** Calls of the host divided by its literal leaves. */
  readonly meanLeafCalls: number;
  /** Under how many parents of the host a literal appears. */
  readonly parentsOf: ReadonlyMap<string, number>;
}

/** One literal at a place, with all its tree nodes. */
export interface Literal {
  readonly text: string;
  readonly nodes: TrieNode[];
  calls: number;
}

export const FEATURES = [
  'length',
  'digitShare',
  'digits',
  'trailingDigits',
  'dash',
  'underscore',
  'dot',
  'separators',
  'upper',
  'allUpper',
  'camel',
  'capital',
  'plural',
  'consonants',
  'changes',
  'verb',
  'reserved',
  'apiWord',
  'escaped',
  'sigil',
  'vowels',
  'lengthDeviation',
  'styleAgreement',
  'extension',
  'logCalls',
  'once',
  'share',
  'logSiblings',
  'onceShare',
  'siblingsPerCall',
  'entropy',
  'callsOverLeafMean',
  'rank',
  'gap',
  'logTotal',
  'methods',
  'leaf',
  'hasTerm',
  'logKids',
  'depth',
  'parentParameter',
  'parentPlural',
  'parentVerb',
  'root',
  'shapedSibling',
  'shapedShare',
  'shapedProfile',
  'otherParents',
  'profileSize',
  'profileShared',
  'profileCommon',
  'profileBest',
  'keysKnown',
  'keysShared',
  'keysOwn',
  'methodAgreement',
  'leafAgreement',
  'siblingKidless',
  'kidsShared',
  'familyLikeness',
  'keyVariety',
  'parentEqualsPrefix',
  'foldedSibling',
  'bareFirst',
] as const;
export const GROUP_FEATURES = [
  'ownFirst',
  'groupSize',
  'groupShare',
  'groupCallShare',
  'groupLikeness',
  'groupMeanLogCalls',
  'groupStyle',
  'groupProfile',
] as const;

const VERB =
  /^(?:get|set|list|create|update|delete|remove|add|find|search|fetch|post|put|send|cancel|check|verify|validate|generate|start|stop|run|do|make|is|has|can|upload|download|export|import|enable|disable|reset|sync|refresh|approve|reject|close|open|query|lookup|register|revoke|assign|copy|move|batch|bulk|merge|retry|resend|subscribe|unsubscribe|activate|deactivate|confirm|preview|calculate|process|submit|execute|publish|login|logout|archive|restore|clone|invite|join|leave)(?=$|[A-Z_\-.])/;
const RESERVED = new Set(
  'me self search count all new current latest stats status health info config settings login logout auth token refresh summary export import bulk batch default list lookup query find available recent popular trending top mine active pending history public types schema metadata meta version validate verify check preview upload download feed totals report overview dashboard home index root ping'.split(
    ' ',
  ),
);
const API_WORD =
  /^(?:api|apis|rest|v\d+(?:\.\d+)*(?:(?:alpha|beta)\d*)?|services?|public|private|internal|admin|web|app|mobile|open|graphql|rpc|odata|cgi-bin|resources)$/i;
const EXTENSION = /\.(?:json|xml|html?|csv|php|aspx?|jsp|do|pdf|png|jpg|txt|svg|js|css|zip|yaml)$/i;

export const isReserved = (text: string): boolean => RESERVED.has(text.toLowerCase());
export const isVerb = (text: string): boolean => VERB.test(text);
export const isPlural = (text: string): boolean => text.length > 3 && /[^s]s$/i.test(text);

const PROFILE_ITEMS = 96;
const SIBLINGS_COMPARED = 24;

interface Profile {
  /** `GET`, `>comments`, `>comments:GET`, … with the answer keys apart. */
  readonly items: Set<string>;
  readonly keys: Set<string>;
}

/** Below one literal: methods, child words and their methods to two levels. Values are not looked at twice: `{}` stands for every shaped child. */
function profileOf(nodes: readonly TrieNode[]): Profile {
  const items = new Set<string>();
  const keys = new Set<string>();
  for (const node of nodes) collect(node, '', 0, items, keys);
  return { items, keys };
}

function collect(node: TrieNode, path: string, level: number, items: Set<string>, keys: Set<string>): void {
  if (items.size > PROFILE_ITEMS) return;
  for (const [method, term] of node.terms ?? []) {
    items.add(`${path}:${method}`);
    collectKeys(term, `${path}:${method}`, keys);
  }
  if (level === 2 || node.kids === null) return;
  let taken = 0;
  for (const kid of node.kids.values()) {
    if (++taken > 24) break;
    const name = kid.shape !== null || kid.key === FOLDED ? '{}' : kid.key;
    const inner = `${path}>${name}`;
    items.add(inner);
    collect(kid, inner, level + 1, items, keys);
  }
}

function collectKeys(term: Term, path: string, keys: Set<string>): void {
  if (term.keys === null || keys.size > 48) return;
  for (const key of term.keys.keys()) keys.add(`${path}.${key}`);
}

const PLAIN = /^[\x20-\x24\x26-\x7e]*$/;

/**
 * A segment as the model reads it: decoded, accents off, letters of other scripts as some of the Latin ones it was fitted on, so that their words are
 * words too.
 */
function spellingOf(raw: string): string {
  if (PLAIN.test(raw)) return raw;
  return decodeSegment(raw)
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]/gu, (letter, at: number) => (/\p{L}/u.test(letter) ? 'en'[at % 2] : letter));
}

const style = (text: string): number =>
  (digitCount(text) > 0 ? 1 : 0) |
  (text.includes('-') ? 2 : 0) |
  (text.includes('_') ? 4 : 0) |
  (text.includes('.') ? 8 : 0) |
  (/[A-Z]/.test(text) ? 16 : 0);

function consonantRun(text: string): number {
  let longest = 0;
  for (const run of text.toLowerCase().match(/[bcdfghjklmnpqrstvwxz]+/g) ?? []) if (run.length > longest) longest = run.length;
  return longest;
}

const overlap = (own: Set<string>, counts: ReadonlyMap<string, number>, least: number): number => {
  if (own.size === 0) return 0;
  let shared = 0;
  for (const item of own) if ((counts.get(item) ?? 0) >= least) shared++;
  return shared / own.size;
};

const likeness = (a: Set<string>, b: Set<string>): number => {
  if (a.size === 0 && b.size === 0) return 1;
  let both = 0;
  for (const item of a) if (b.has(item)) both++;
  return both / (a.size + b.size - both);
};

/** All numbers of a place: one row a literal, in `FEATURES` order, and what the group pass needs. */
export interface PlaceRows {
  readonly literals: readonly Literal[];
  readonly spellings: readonly string[];
  readonly rows: Float64Array[];
  readonly profiles: readonly Profile[];
  readonly total: number;
}

export function placeLiterals(place: Place): { literals: Literal[]; shaped: TrieNode[] } {
  const byText = new Map<string, Literal>();
  const shaped: TrieNode[] = [];
  for (const node of place) {
    for (const kid of node.kids?.values() ?? []) {
      if (kid.shape !== null || kid.key === FOLDED) shaped.push(kid);
      else {
        const known = byText.get(kid.key);
        if (known === undefined) byText.set(kid.key, { text: kid.key, nodes: [kid], calls: kid.calls });
        else {
          known.nodes.push(kid);
          known.calls += kid.calls;
        }
      }
    }
  }
  return { literals: [...byText.values()].sort((a, b) => b.calls - a.calls || (a.text < b.text ? -1 : 1)), shaped };
}

export function placeRows(literals: readonly Literal[], shaped: readonly TrieNode[], context: PlaceContext): PlaceRows {
  const count = literals.length;
  const profiles = literals.map((literal) => profileOf(literal.nodes));
  const itemCounts = new Map<string, number>();
  const keyCounts = new Map<string, number>();
  const styles = new Map<number, number>();
  const methodSets = new Map<string, number>();
  let calls = 0;
  let once = 0;
  let leaves = 0;
  let lengthSum = 0;
  let lengthSquares = 0;
  let entropySum = 0;
  const signatures: string[] = [];
  const spellings = literals.map(({ text }) => spellingOf(text));
  literals.forEach((literal, index) => {
    calls += literal.calls;
    if (literal.calls === 1) once++;
    if (literal.nodes.every((node) => node.kids === null)) leaves++;
    lengthSum += spellings[index].length;
    lengthSquares += spellings[index].length ** 2;
    for (const item of profiles[index].items) itemCounts.set(item, (itemCounts.get(item) ?? 0) + 1);
    for (const key of profiles[index].keys) keyCounts.set(key, (keyCounts.get(key) ?? 0) + 1);
    const own = style(spellings[index]);
    styles.set(own, (styles.get(own) ?? 0) + 1);
    const signature = methodsOf(literal).sort().join();
    signatures.push(signature);
    methodSets.set(signature, (methodSets.get(signature) ?? 0) + 1);
  });
  for (const literal of literals) entropySum -= (literal.calls / calls) * Math.log(literal.calls / calls);
  const shapedCalls = shaped.reduce((sum, node) => sum + node.calls, 0);
  const shapedProfile = shaped.length === 0 ? null : profileOf(shaped);
  const meanLength = lengthSum / count;
  const deviation = Math.sqrt(Math.max(0.25, lengthSquares / count - meanLength ** 2));
  const total = calls + shapedCalls;
  const parentPlural = isPlural(context.parentText) ? 1 : 0;
  const parentVerb = isVerb(context.parentText) ? 1 : 0;
  const folded = shaped.some((node) => node.key === FOLDED) ? 1 : 0;
  const distinctKeys = keyCounts.size;
  const meanKeys = count === 0 ? 0 : profiles.reduce((sum, profile) => sum + profile.keys.size, 0) / count;
  const keyVariety = meanKeys === 0 ? 0 : Math.log(1 + distinctKeys / meanKeys) / Math.log(1 + count);

  const rows = literals.map((literal, index) => {
    const text = spellings[index];
    const profile = profiles[index];
    const leaf = literal.nodes.every((node) => node.kids === null);
    const kids = new Set(
      literal.nodes.flatMap((node) => [...(node.kids?.values() ?? [])].map((kid) => (kid.shape !== null ? '{}' : kid.key))),
    );
    const kidItems = new Set([...kids].map((kid) => `>${kid}`));
    const digits = digitCount(text);
    const letters = text.replace(/[^A-Za-z]/g, '');
    const hasTerm = literal.nodes.some((node) => node.terms !== null);
    const sample = siblingSample(count, index);
    let best = 0;
    let family = 0;
    for (const other of sample) {
      const like = likeness(profile.items, profiles[other].items);
      if (like > best) best = like;
      family += like;
    }
    const others = Math.max(1, count - 1);
    let keysShared = 0;
    for (const key of profile.keys) keysShared += ((keyCounts.get(key) ?? 1) - 1) / others;
    const before = index > 0 ? literals[index - 1].calls : literal.calls;
    const values: number[] = [
      Math.min(text.length, 60),
      digits / Math.max(1, text.length),
      Math.min(digits, 8),
      /\d$/.test(text) ? 1 : 0,
      text.includes('-') ? 1 : 0,
      text.includes('_') ? 1 : 0,
      text.includes('.') ? 1 : 0,
      Math.min(6, (text.match(/[-_. ]/g) ?? []).length),
      /[A-Z]/.test(text) ? 1 : 0,
      letters.length > 0 && letters === letters.toUpperCase() ? 1 : 0,
      /[a-z][A-Z]/.test(text) ? 1 : 0,
      /^[A-Z][a-z]/.test(text) ? 1 : 0,
      isPlural(text) ? 1 : 0,
      Math.min(8, consonantRun(text)),
      Math.min(10, classChanges(text)),
      isVerb(text) ? 1 : 0,
      isReserved(text) ? 1 : 0,
      API_WORD.test(text) ? 1 : 0,
      /[^\x21-\x7e]/.test(text) ? 1 : 0,
      /^[@~$!*+]/.test(text) ? 1 : 0,
      letters.length === 0 ? 0 : (letters.match(/[aeiou]/gi) ?? []).length / letters.length,
      Math.min(5, Math.abs(text.length - meanLength) / deviation),
      count < 2 ? 0 : ((styles.get(style(text)) ?? 1) - 1) / others,
      EXTENSION.test(text) ? 1 : 0,
      Math.log(literal.calls),
      literal.calls === 1 ? 1 : 0,
      literal.calls / total,
      Math.log(count),
      once / count,
      count / calls,
      count < 2 ? 0 : entropySum / Math.log(count),
      Math.log(literal.calls / context.meanLeafCalls),
      index / count,
      Math.log(before / literal.calls),
      Math.log(total),
      methodsOf(literal).length,
      leaf ? 1 : 0,
      hasTerm ? 1 : 0,
      Math.log(1 + kids.size),
      Math.min(context.depth, 10),
      context.parentIsParameter ? 1 : 0,
      parentPlural,
      parentVerb,
      context.depth === 0 ? 1 : 0,
      shaped.length > 0 ? 1 : 0,
      shapedCalls / total,
      shapedProfile === null ? -1 : likeness(profile.items, shapedProfile.items),
      Math.min(8, (context.parentsOf.get(literal.text) ?? 1) - 1),
      Math.log(1 + profile.items.size),
      overlap(profile.items, itemCounts, 2),
      overlap(profile.items, itemCounts, Math.max(2, count / 2)),
      best,
      profile.keys.size > 0 ? 1 : 0,
      profile.keys.size === 0 ? -1 : keysShared / profile.keys.size,
      profile.keys.size === 0 ? -1 : 1 - overlap(profile.keys, keyCounts, 2),
      count < 2 ? -1 : ((methodSets.get(signatures[index]) ?? 1) - 1) / others,
      count < 2 ? -1 : ((leaf ? leaves : count - leaves) - 1) / others,
      leaves / count,
      kids.size === 0 ? -1 : overlap(kidItems, itemCounts, 2),
      sample.length === 0 ? -1 : family / sample.length,
      keyVariety,
      context.parentText.length > 3 && literal.text.startsWith(context.parentText.slice(0, 4)) ? 1 : 0,
      folded,
      /^[a-z]+$/.test(text) ? 1 : 0,
    ];
    return Float64Array.from(values);
  });
  return { literals, spellings, rows, profiles, total };
}

/** Siblings to compare a literal with: all of a few, else some spread over the ranks. */
function siblingSample(count: number, own: number): number[] {
  const sample: number[] = [];
  const step = Math.max(1, count / SIBLINGS_COMPARED);
  for (let at = 0; at < count; at += step) {
    const index = Math.floor(at);
    if (index !== own) sample.push(index);
  }
  return sample;
}

export function methodsOf(literal: Literal): string[] {
  const methods = new Set<string>();
  for (const node of literal.nodes) for (const method of node.terms?.keys() ?? []) methods.add(method);
  return [...methods];
}

/** The rows of the second pass: the first pass's numbers, its log-odds, and what the likely values around look like. */
export function groupRows(first: PlaceRows, odds: readonly number[], probabilities: readonly number[]): Float64Array[] {
  const { literals, spellings, rows, profiles } = first;
  let size = 0;
  let calls = 0;
  let all = 0;
  let logs = 0;
  const itemWeights = new Map<string, number>();
  const keyWeights = new Map<string, number>();
  const styleWeights = new Map<number, number>();
  literals.forEach((literal, index) => {
    const p = probabilities[index];
    size += p;
    calls += p * literal.calls;
    all += literal.calls;
    logs += p * Math.log(literal.calls);
    for (const item of profiles[index].items) itemWeights.set(item, (itemWeights.get(item) ?? 0) + p);
    for (const key of profiles[index].keys) keyWeights.set(key, (keyWeights.get(key) ?? 0) + p);
    const own = style(spellings[index]);
    styleWeights.set(own, (styleWeights.get(own) ?? 0) + p);
  });
  return literals.map((literal, index) => {
    const p = probabilities[index];
    const rest = Math.max(0.01, size - p);
    const weight = (own: Set<string>, weights: ReadonlyMap<string, number>): number => {
      if (own.size === 0) return -1;
      let sum = 0;
      for (const item of own) sum += Math.max(0, (weights.get(item) ?? 0) - p) / rest;
      return sum / own.size;
    };
    const row = new Float64Array(FEATURES.length + GROUP_FEATURES.length);
    row.set(rows[index]);
    row.set(
      [
        odds[index],
        Math.log(1 + size - p),
        literals.length < 2 ? 0 : (size - p) / (literals.length - 1),
        (calls - p * literal.calls) / Math.max(1, all - literal.calls),
        weight(profiles[index].items, itemWeights),
        Math.log(literal.calls) - logs / Math.max(0.01, size),
        ((styleWeights.get(style(spellings[index])) ?? 0) - p) / rest,
        weight(profiles[index].keys, keyWeights),
      ],
      FEATURES.length,
    );
    return row;
  });
}
