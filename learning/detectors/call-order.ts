import { findingOf } from '../../exchange/index.js';
import { actorKey, type Detector, succeeded } from './types.js';

interface State {
  readonly recent: Map<string, string[]>;
  /** Write endpoint → how often it was used, and which endpoints the caller had used just before. */
  readonly before: Map<string, { uses: number; callers: Set<string>; steps: Map<string, number> }>;
}

const MAX_CALLERS = 20_000;
const MAX_ENDPOINTS = 500;

/** A step of a flow is done without the step that nearly everybody does first (paying without a basket). */
export const callOrder: Detector<State> = {
  id: 'call-order',
  title: 'A step was skipped',
  settings: { uses: 60, callers: 15, share: 0.98, lookBack: 12 },
  keyOf: (watched) => (watched.exchange.principal === null ? null : watched.exchange.service),
  start: () => ({ recent: new Map(), before: new Map() }),
  observe(state, watched, settings) {
    if (!succeeded(watched)) return null;
    const { exchange, endpoint } = watched;
    const actor = actorKey(watched);
    const recent = state.recent.get(actor) ?? [];
    state.recent.delete(actor);
    state.recent.set(actor, [...recent, endpoint.id].slice(-settings.lookBack));
    if (state.recent.size > MAX_CALLERS) state.recent.delete(state.recent.keys().next().value as string);
    if (exchange.request.method !== 'POST' || recent.length === 0) return null;
    let entry = state.before.get(endpoint.id);
    if (entry === undefined) {
      if (state.before.size >= MAX_ENDPOINTS) return null;
      entry = { uses: 0, callers: new Set(), steps: new Map() };
      state.before.set(endpoint.id, entry);
    }
    const done = new Set(recent);
    let skipped: [string, number] | null = null;
    if (entry.uses >= settings.uses && entry.callers.size >= settings.callers && recent.length >= settings.lookBack / 2) {
      for (const [step, times] of entry.steps) if (times >= entry.uses * settings.share && !done.has(step)) skipped = [step, times];
    }
    entry.uses++;
    if (entry.callers.size < 200) entry.callers.add(actor);
    for (const step of done) if (entry.steps.size < 100 || entry.steps.has(step)) entry.steps.set(step, (entry.steps.get(step) ?? 0) + 1);
    if (skipped === null) return null;
    return findingOf({
      kind: 'abuse.call-order',
      source: { kind: 'detector', id: 'call-order' },
      exchange,
      endpoint,
      subject: skipped[0],
      confidence: 0.55,
      explanation: `done without an earlier step that came first in ${skipped[1]} of ${entry.uses - 1} cases by ${entry.callers.size} callers`,
    });
  },
};
