import { FEATURES } from './features.js';
import type { TemplateModel } from './model.js';
import type { ResolvedNode } from './resolve.js';
import { FOLDED } from './trie.js';

/** Why one segment of a template is static text or a parameter. */
export interface Explanation {
  readonly segment: string;
  readonly parameter: boolean;
  /** The model's probability that it is a value (parameters: mean over its words); null where a shape or a pin decided. */
  readonly probability: number | null;
  /** One sentence with the numbers. */
  readonly text: string;
  readonly samples: readonly string[];
}

/** Explains `node`, a child of `parent`. */
export function explainNode(parent: ResolvedNode, node: ResolvedNode, model: TemplateModel): Explanation {
  if (!node.segment.includes('{')) return explainStatic(parent, node);
  const shapes = [...new Set(node.place.filter((one) => one.shape !== null).map((one) => one.shape as string))];
  const words = parent.verdicts.filter((verdict) => verdict.parameter);
  const calls = node.place.reduce((sum, one) => sum + one.calls, 0);
  const folded = node.place.filter((one) => one.key === FOLDED).reduce((sum, one) => sum + one.folded, 0);
  const once = words.filter((verdict) => verdict.calls === 1).length;
  const parts = [calls === 0 ? 'Fixed by a pin or new since the last decision' : `${node.values} distinct values in ${calls} calls`];
  if (shapes.length > 0) parts.push(`shaped as ${shapes.join(', ')}`);
  if (words.length > 0) parts.push(`${words.length} words, ${once} of them seen once`);
  if (folded > 0) parts.push(`${folded} words merged for good`);
  const guards = [...new Set(words.map((verdict) => verdict.guard).filter((guard) => guard !== null))];
  if (guards.length > 0) parts.push(`decided by: ${guards.join(', ')}`);
  const children = [...node.statics.keys()].slice(0, 4);
  if (children.length > 0) parts.push(`they share the children ${children.join(', ')}`);
  const probability =
    words.length === 0 || shapes.length > 0 ? null : words.reduce((sum, verdict) => sum + verdict.probability, 0) / words.length;
  if (probability !== null)
    parts.push(
      `mean probability ${probability.toFixed(2)} by a model of ${model.first.trees.length + model.second.trees.length} trees over ${FEATURES.length} figures`,
    );
  return { segment: node.segment, parameter: true, probability, text: `${parts.join('; ')}.`, samples: node.samples.slice(0, 8) };
}

function explainStatic(parent: ResolvedNode, node: ResolvedNode): Explanation {
  const verdict = parent.verdicts.find((one) => one.text === node.segment);
  const siblings = parent.statics.size - 1;
  if (verdict === undefined) {
    const text =
      node.place.length === 0
        ? 'Fixed by a pin or new since the last decision.'
        : 'A constant: it looks like a value but never had another one.';
    return { segment: node.segment, parameter: false, probability: null, text, samples: [] };
  }
  const why = verdict.guard === null ? `probability of being a value ${verdict.probability.toFixed(2)}` : `decided by: ${verdict.guard}`;
  const others =
    siblings === 0 ? 'no other static segment' : siblings === 1 ? '1 other static segment' : `${siblings} other static segments`;
  const beside =
    parent.parameter === null ? `${others} beside it` : `${others} and a parameter with ${parent.parameter.values} values beside it`;
  return {
    segment: node.segment,
    parameter: false,
    probability: verdict.probability,
    text: `Called ${verdict.calls} times; ${beside}; ${why}.`,
    samples: [],
  };
}
