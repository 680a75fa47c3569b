import type { BoostedTree, ScoreModel } from '../model.js';
import type { Random } from './random.js';

export interface Sample {
  readonly row: Float64Array;
  readonly label: 0 | 1;
  readonly weight: number;
}

const BINS = 48;
const DEPTH = 3;

/** Fits a logistic model: the linear part by gradient descent with L2, then boosted trees of depth 3 on histograms (Friedman 2001). */
export function fit(samples: readonly Sample[], random: Random, treeCount: number, rate: number): ScoreModel {
  const width = samples[0].row.length;
  const linear = fitLinear(samples, width, random);
  return { ...linear, ...fitTrees(samples, width, random, treeCount, rate) };
}

function fitLinear(samples: readonly Sample[], width: number, random: Random): Pick<ScoreModel, 'mean' | 'scale' | 'weights' | 'bias'> {
  const mean = new Float64Array(width);
  const scale = new Float64Array(width);
  for (const { row } of samples) for (let f = 0; f < width; f++) mean[f] += row[f] / samples.length;
  for (const { row } of samples) for (let f = 0; f < width; f++) scale[f] += (row[f] - mean[f]) ** 2 / samples.length;
  for (let f = 0; f < width; f++) scale[f] = Math.max(0.05, Math.sqrt(scale[f]));
  const weights = new Float64Array(width);
  const squares = new Float64Array(width).fill(1e-6);
  let bias = 0;
  let biasSquares = 1e-6;
  const epochs = Math.max(3, Math.ceil(600_000 / samples.length));
  for (let step = 0; step < epochs * samples.length; step++) {
    const { row, label, weight } = samples[random.int(0, samples.length - 1)];
    let x = bias;
    for (let f = 0; f < width; f++) x += (weights[f] * (row[f] - mean[f])) / scale[f];
    const gradient = weight * (1 / (1 + Math.exp(-x)) - label);
    biasSquares += gradient ** 2;
    bias -= (0.1 * gradient) / Math.sqrt(biasSquares);
    for (let f = 0; f < width; f++) {
      const g = (gradient * (row[f] - mean[f])) / scale[f] + 0.0005 * weights[f];
      squares[f] += g * g;
      weights[f] -= (0.1 * g) / Math.sqrt(squares[f]);
    }
  }
  return { mean: rounded(mean), scale: rounded(scale), weights: rounded(weights), bias: round(bias) };
}

function fitTrees(
  samples: readonly Sample[],
  width: number,
  random: Random,
  treeCount: number,
  rate: number,
): Pick<ScoreModel, 'base' | 'trees'> {
  const edges = Array.from({ length: width }, (_, f) => quantiles(samples, f));
  const binned = Array.from({ length: width }, (_, f) => Uint8Array.from(samples, ({ row }) => binOf(edges[f], row[f])));
  const count = samples.length;
  const odds = new Float64Array(count);
  let positive = 0;
  let total = 0;
  for (const { label, weight } of samples) {
    positive += label * weight;
    total += weight;
  }
  const base = Math.log(positive / (total - positive));
  odds.fill(base);
  const trees: BoostedTree[] = [];
  const gradient = new Float64Array(count);
  const hessian = new Float64Array(count);
  const place = new Uint8Array(count);
  for (let round = 0; round < treeCount; round++) {
    for (let i = 0; i < count; i++) {
      const p = 1 / (1 + Math.exp(-odds[i]));
      const w = samples[i].weight * (random.chance(0.7) ? 1 : 0);
      gradient[i] = w * (samples[i].label - p);
      hessian[i] = w * p * (1 - p);
    }
    const columns = random.some(
      Array.from({ length: width }, (_, f) => f),
      Math.ceil(width * 0.6),
    );
    const tree = growTree(binned, edges, gradient, hessian, place, columns, rate);
    for (let i = 0; i < count; i++) odds[i] += tree.v[place[i] - 7];
    trees.push(tree);
  }
  return { base: round(base), trees };
}

function growTree(
  binned: readonly Uint8Array[],
  edges: readonly number[][],
  gradient: Float64Array,
  hessian: Float64Array,
  place: Uint8Array,
  columns: readonly number[],
  rate: number,
): BoostedTree {
  const f = new Array<number>(7).fill(0);
  const t = new Array<number>(7).fill(0);
  place.fill(0);
  const count = place.length;
  for (let level = 0; level < DEPTH; level++) {
    const first = 2 ** level - 1;
    const nodes = 2 ** level;
    const best = Array.from({ length: nodes }, () => ({ gain: 0, feature: -1, bin: 0 }));
    const g = new Float64Array(nodes * BINS);
    const h = new Float64Array(nodes * BINS);
    for (const feature of columns) {
      g.fill(0);
      h.fill(0);
      const bins = binned[feature];
      for (let i = 0; i < count; i++) {
        const at = (place[i] - first) * BINS + bins[i];
        g[at] += gradient[i];
        h[at] += hessian[i];
      }
      for (let node = 0; node < nodes; node++) bestSplit(g, h, node, feature, best[node]);
    }
    for (let node = 0; node < nodes; node++) {
      const { feature, bin } = best[node];
      f[first + node] = Math.max(0, feature);
      t[first + node] = feature < 0 ? Number.MAX_VALUE : (edges[feature][bin] ?? Number.MAX_VALUE);
    }
    for (let i = 0; i < count; i++) {
      const choice = best[place[i] - first];
      place[i] = 2 * place[i] + (choice.feature < 0 || binned[choice.feature][i] <= choice.bin ? 1 : 2);
    }
  }
  const sums = new Float64Array(16);
  for (let i = 0; i < count; i++) {
    sums[place[i] - 7] += gradient[i];
    sums[place[i] + 1] += hessian[i];
  }
  const v = Array.from({ length: 8 }, (_, leaf) => round((rate * sums[leaf]) / (sums[8 + leaf] + 3)));
  return { f, t: t.map(round), v };
}

function bestSplit(
  g: Float64Array,
  h: Float64Array,
  node: number,
  feature: number,
  best: { gain: number; feature: number; bin: number },
): void {
  let allG = 0;
  let allH = 0;
  for (let bin = 0; bin < BINS; bin++) {
    allG += g[node * BINS + bin];
    allH += h[node * BINS + bin];
  }
  let leftG = 0;
  let leftH = 0;
  for (let bin = 0; bin < BINS - 1; bin++) {
    leftG += g[node * BINS + bin];
    leftH += h[node * BINS + bin];
    if (leftH < 2 || allH - leftH < 2) continue;
    const gain = leftG ** 2 / (leftH + 3) + (allG - leftG) ** 2 / (allH - leftH + 3) - allG ** 2 / (allH + 3);
    if (gain > best.gain) {
      best.gain = gain;
      best.feature = feature;
      best.bin = bin;
    }
  }
}

/** Upper edges of at most 48 bins; a value belongs to the first bin whose edge is not below it. */
function quantiles(samples: readonly Sample[], feature: number): number[] {
  const values = samples.map(({ row }) => row[feature]).sort((a, b) => a - b);
  const edges: number[] = [];
  for (let bin = 1; bin < BINS; bin++) {
    const value = round(values[Math.floor((bin * values.length) / BINS)]);
    if (edges.length === 0 || value > edges[edges.length - 1]) edges.push(value);
  }
  return edges;
}

function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

const round = (value: number): number => (value === Number.MAX_VALUE ? 1e9 : Number(value.toPrecision(4)));
const rounded = (values: Float64Array): number[] => Array.from(values, round);
