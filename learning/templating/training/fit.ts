/**
 * Fits the model that tells static segments from values: `node --import tsx learning/templating/training/fit.ts [apis] [seed]` writes `model.json` beside
 * the templating code. Everything it learns from is made up by `apis.ts`, so the result depends on nothing but the seed.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../exchange/index.js';
import { FEATURES, GROUP_FEATURES, groupRows, type PlaceContext, type PlaceRows, placeLiterals, placeRows } from '../features.js';
import { logOdds, type ScoreModel, sigmoid, type TemplateModel } from '../model.js';
import { survey } from '../resolve.js';
import { FOLDED, Trie, type TrieNode } from '../trie.js';
import { makeApi, makeTraffic } from './apis.js';
import { fit, type Sample } from './boost.js';
import { Random } from './random.js';

interface LabelledPlace {
  readonly rows: PlaceRows;
  readonly labels: (0 | 1)[];
}

/** One API under one traffic, walked from the root with the truth deciding what is merged. */
function placesOf(random: Random): LabelledPlace[] {
  const endpoints = makeApi(random);
  const trie = new Trie();
  const valueCalls = new Map<TrieNode, number>();
  for (const call of makeTraffic(random, endpoints, random.pick([2, 3, 5, 5, 10, 20, 20, 50, 100, 100, 200]))) {
    trie.insert(call.method, call.segments, call.keys.length > 0 ? call.keys : null);
    let node = trie.root;
    call.segments.forEach((segment, index) => {
      const next = node.kids?.get(segment) ?? [...(node.kids?.values() ?? [])].find((kid) => kid.distinct?.has(segment) === true) ?? null;
      if (next === null) return;
      node = next;
      if (call.isValue[index]) valueCalls.set(node, (valueCalls.get(node) ?? 0) + 1);
    });
    if (trie.nodes > 12_000) break;
  }
  const { parentsOf, meanLeafCalls } = survey(trie.root);
  const places: LabelledPlace[] = [];
  const walk = (place: readonly TrieNode[], context: Omit<PlaceContext, 'parentsOf' | 'meanLeafCalls'>): void => {
    const { literals, shaped } = placeLiterals(place);
    const merged = shaped.filter((node) => node.key !== FOLDED);
    if (literals.length > 0) {
      const labels = literals.map((literal): 0 | 1 =>
        literal.nodes.reduce((sum, node) => sum + (valueCalls.get(node) ?? 0), 0) * 2 > literal.calls ? 1 : 0,
      );
      places.push({ rows: placeRows(literals, shaped, { ...context, parentsOf, meanLeafCalls }), labels });
      literals.forEach((literal, index) => {
        if (labels[index] === 1) merged.push(...literal.nodes);
        else walk(literal.nodes, { depth: context.depth + 1, parentIsParameter: false, parentText: literal.text });
      });
    }
    if (merged.length > 0) walk(merged, { depth: context.depth + 1, parentIsParameter: true, parentText: '' });
  };
  walk([trie.root], { depth: 0, parentIsParameter: false, parentText: '' });
  return places;
}

/** A place with hundreds of values says the same thing many times: its rows share a weight that grows with the logarithm. */
function samplesOf(places: readonly LabelledPlace[], rowsOf: (place: LabelledPlace) => readonly Float64Array[], random: Random): Sample[] {
  const samples: Sample[] = [];
  for (const place of places) {
    const rows = rowsOf(place);
    for (const label of [0, 1] as const) {
      const indices = rows.map((_, index) => index).filter((index) => place.labels[index] === label);
      if (indices.length === 0) continue;
      const taken = random.some(indices, 24);
      const weight = Math.min(indices.length, 6 + 6 * Math.log(indices.length)) / taken.length;
      for (const index of taken) samples.push({ row: rows[index], label, weight: Math.min(weight, 3) });
    }
  }
  return samples;
}

const apis = Number(process.argv[2] ?? 900);
const random = new Random(Number(process.argv[3] ?? 1));
const halves: [LabelledPlace[], LabelledPlace[]] = [[], []];
for (let index = 0; index < apis; index++) halves[index % 2].push(...placesOf(new Random(random.int(1, 2 ** 31 - 1))));
const places = [...halves[0], ...halves[1]];

const firstOf = (list: readonly LabelledPlace[]): ScoreModel =>
  fit(
    samplesOf(list, (place) => place.rows.rows, random),
    random,
    90,
    0.18,
  );
// The second pass must learn from probabilities of APIs that the first pass did not see.
const crossed = new Map<LabelledPlace, ScoreModel>();
for (const [mine, other] of [halves, [halves[1], halves[0]]]) {
  const model = firstOf(other);
  for (const place of mine) crossed.set(place, model);
}
const second = fit(
  samplesOf(
    places,
    (place) => {
      const odds = place.rows.rows.map((row) => logOdds(crossed.get(place)!, row));
      return groupRows(place.rows, odds, odds.map(sigmoid));
    },
    random,
  ),
  random,
  90,
  0.18,
);
/** Three digits are enough for a decision and keep the file small. */
const short = (key: string, value: unknown): unknown => (typeof value === 'number' && key !== 'f' ? Number(value.toPrecision(3)) : value);
const model: TemplateModel = { features: [...FEATURES, ...GROUP_FEATURES], first: firstOf(places), second };
writeFileSync(join(packageRoot(), 'learning/templating/model.json'), `${JSON.stringify(model, short)}\n`);
process.stdout.write(`${places.length} places of ${apis} APIs, ${JSON.stringify(model, short).length} bytes\n`);
