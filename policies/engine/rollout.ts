import { createHash } from 'node:crypto';
import type { EvaluationContext } from '../types.js';
import type { CompiledRule } from './compile.js';

/** Is this exchange among the percentage on which the rule acts? The same policy and subject always give the same answer, in every process. */
export function inRollout(rule: CompiledRule, context: EvaluationContext): boolean {
  const { percent, by } = rule.rollout;
  if (percent >= 100) return true;
  if (percent <= 0) return false;
  const subject =
    by === 'request' ? context.exchangeId : by === 'principal' && context.principal !== null ? context.principal.key : context.client.ip;
  // Raising the percentage only adds subjects: the bucket does not depend on it.
  const bucket = createHash('sha256').update(`${rule.policy}\0${subject}`).digest().readUInt32BE(0) / 0x1_0000_0000;
  return bucket * 100 < percent;
}
