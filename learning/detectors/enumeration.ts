import { findingOf } from '../../exchange/index.js';
import { actorKey, type Detector, statusOf } from './types.js';
import { DistinctWindow } from './window.js';

interface State {
  readonly ids: DistinctWindow;
  readonly odd: DistinctWindow;
  reportedAt: number;
}

/** One actor goes through ids of one endpoint that are not its own or do not exist, fast or slowly. */
export const enumeration: Detector<State> = {
  id: 'enumeration',
  title: 'Enumeration of object ids',
  settings: { windowMs: 3_600_000, oddIds: 6, oddShare: 0.5, repeatMs: 60_000 },
  keyOf: (watched) =>
    watched.pathParameters.length === 0 || watched.access?.relation === 'privileged' ? null : `${watched.endpoint.id} ${actorKey(watched)}`,
  start: () => ({
    ids: new DistinctWindow(enumeration.settings.windowMs),
    odd: new DistinctWindow(enumeration.settings.windowMs),
    reportedAt: Number.NEGATIVE_INFINITY,
  }),
  observe(state, watched, settings) {
    const { exchange, endpoint, access } = watched;
    const nowMs = exchange.startedAtMs;
    const id = watched.pathParameters.join('/');
    state.ids.add(id, nowMs);
    const status = statusOf(watched);
    const missing = status === 404 || status === 403 || status === 410;
    const foreign = access !== null && (access.relation === 'foreign' || access.relation === 'enumeration') && access.confidence >= 0.5;
    if (!missing && !foreign) return null;
    state.odd.add(id, nowMs);
    if (
      state.odd.size < settings.oddIds ||
      state.odd.size < state.ids.size * settings.oddShare ||
      nowMs - state.reportedAt < settings.repeatMs
    )
      return null;
    state.reportedAt = nowMs;
    return findingOf({
      kind: 'bola.enumeration',
      source: { kind: 'detector', id: 'enumeration' },
      exchange,
      endpoint,
      confidence: Math.min(0.95, 0.5 + state.odd.size / 40),
      explanation: `asked for ${state.ids.size} different ids in ${Math.round(state.ids.spanMs(nowMs) / 1000)} s; ${state.odd.size} of them belong to others or do not exist`,
    });
  },
};
