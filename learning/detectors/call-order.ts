import { findingOf } from '../../exchange/index.js';
import { addDistinct, countDistinct, type Distinct, newDistinct } from '../inventory/sketch.js';
import { type Detector, growth, NOTHING_SHARED, succeeded } from './types.js';

interface State {
  uses: number;
  readonly callers: Distinct;
  /** Endpoint → how often its caller had used it just before. */
  readonly steps: Map<string, number>;
}

const MOST_STEPS = 100;

/** A step of a flow is done without the step that nearly everybody does first (paying without a basket). */
export const callOrder: Detector<State> = {
  id: 'call-order',
  title: 'A step was skipped',
  settings: { uses: 60, callers: 15, share: 0.98, before: 6 },
  of: 'endpoint',
  concerns: (watched) =>
    watched.exchange.request.method === 'POST' && watched.exchange.principal !== null && watched.before.length > 0 && succeeded(watched),
  start: () => ({ uses: 0, callers: newDistinct(), steps: new Map() }),
  keepAt: (state) => growth(state.uses),
  common: NOTHING_SHARED,
  rename(state, from, to) {
    const times = state.steps.get(from);
    if (times === undefined) return;
    state.steps.delete(from);
    state.steps.set(to, times + (state.steps.get(to) ?? 0));
  },
  observe(state, { exchange, endpoint, before, actor, nameOf }, settings) {
    const done = new Set(before);
    let skipped: [string, number] | null = null;
    if (state.uses >= settings.uses && before.length >= settings.before && countDistinct(state.callers) >= settings.callers) {
      let most = 0;
      for (const [step, times] of state.steps) {
        if (step === endpoint.id || times < state.uses * settings.share || done.has(step)) continue;
        // Of steps that are as usual, one that does something is missed rather than one that shows something.
        const weight = times + (nameOf(step)?.startsWith('GET ') === true ? 0 : 0.5);
        if (weight <= most) continue;
        most = weight;
        skipped = [step, times];
      }
    }
    const callers = skipped === null ? 0 : countDistinct(state.callers);
    state.uses++;
    addDistinct(state.callers, actor);
    for (const step of done) {
      const times = state.steps.get(step);
      if (times !== undefined || state.steps.size < MOST_STEPS) state.steps.set(step, (times ?? 0) + 1);
    }
    if (skipped === null) return null;
    return findingOf({
      kind: 'abuse.call-order',
      source: { kind: 'detector', id: 'call-order' },
      exchange,
      endpoint,
      subject: skipped[0],
      confidence: 0.55,
      explanation: `done without ${nameOf(skipped[0]) ?? 'an earlier step'}, which came before it in ${skipped[1]} of ${state.uses - 1} cases by ${callers} callers`,
    });
  },
};
