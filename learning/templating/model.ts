import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../exchange/index.js';

/** One boosted tree of depth 3 as arrays: seven splits (feature, threshold) in level order, eight leaf values. */
export interface BoostedTree {
  readonly f: readonly number[];
  readonly t: readonly number[];
  readonly v: readonly number[];
}

/** Logistic model: a linear part over standardised numbers and boosted trees; the log-odds is the mean of both. */
export interface ScoreModel {
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly weights: readonly number[];
  readonly bias: number;
  readonly base: number;
  readonly trees: readonly BoostedTree[];
}

export interface TemplateModel {
  readonly features: readonly string[];
  readonly first: ScoreModel;
  readonly second: ScoreModel;
}

/** Log-odds that the row describes a parameter value. */
export function logOdds(model: ScoreModel, row: Float64Array): number {
  let linear = model.bias;
  for (let index = 0; index < model.weights.length; index++)
    linear += (model.weights[index] * (row[index] - model.mean[index])) / model.scale[index];
  return (linear + treeOdds(model, row)) / 2;
}

export function treeOdds(model: ScoreModel, row: Float64Array): number {
  let sum = model.base;
  for (const tree of model.trees) {
    let at = 0;
    while (at < 7) at = 2 * at + (row[tree.f[at]] <= tree.t[at] ? 1 : 2);
    sum += tree.v[at - 7];
  }
  return sum;
}

/** The linear terms of a row, largest first: the part of the score that can be said in words. */
export function linearTerms(model: ScoreModel, row: Float64Array): { index: number; value: number }[] {
  return model.weights
    .map((weight, index) => ({ index, value: (weight * (row[index] - model.mean[index])) / model.scale[index] }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

let shipped: TemplateModel | null = null;

/** The model that ships with weir, fitted by `training/fit.ts` on made-up API descriptions. */
export function shippedModel(): TemplateModel {
  shipped ??= JSON.parse(readFileSync(join(packageRoot(), 'learning/templating/model.json'), 'utf8')) as TemplateModel;
  return shipped;
}
