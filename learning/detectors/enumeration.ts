import { findingOf } from '../../exchange/index.js';
import { type Detector, NOTHING_SHARED, statusOf } from './types.js';
import { newVariety, type Recent, see, spanMs, type Variety, varietyOf, vary } from './window.js';

interface State {
  readonly ids: Variety;
  /** Ids that do not exist or belong to others. */
  odd: Recent | null;
  oddSeen: number;
  reportedAt: number;
}

/** One actor goes through ids of one endpoint that are not its own or do not exist, fast or slowly. */
export const enumeration: Detector<State> = {
  id: 'enumeration',
  title: 'Enumeration of object ids',
  settings: { windowMs: 3_600_000, oddIds: 6, oddShare: 0.5, repeatMs: 60_000 },
  of: 'actor-at-endpoint',
  concerns: (watched) => watched.pathParameters.length > 0 && watched.access?.relation !== 'privileged',
  start: () => ({ ids: newVariety(), odd: null, oddSeen: 0, reportedAt: 0 }),
  keepAt: (state) => state.oddSeen,
  common: NOTHING_SHARED,
  observe(state, watched, settings) {
    const { exchange, endpoint, access, pathParameters } = watched;
    const nowMs = exchange.startedAtMs;
    const id = pathParameters.length === 1 ? pathParameters[0] : pathParameters.join('/');
    vary(state.ids, id, nowMs, settings.windowMs);
    const status = statusOf(watched);
    const missing = status === 404 || status === 403 || status === 410;
    const foreign = access !== null && (access.relation === 'foreign' || access.relation === 'enumeration') && access.confidence >= 0.5;
    if (!missing && !foreign) return null;
    state.odd ??= new Map();
    see(state.odd, id, nowMs, settings.windowMs);
    state.oddSeen++;
    const { size } = state.odd;
    const ids = Math.max(size, varietyOf(state.ids, nowMs, settings.windowMs));
    if (size < settings.oddIds || size < ids * settings.oddShare || nowMs - state.reportedAt < settings.repeatMs) return null;
    state.reportedAt = nowMs;
    return findingOf({
      kind: 'bola.enumeration',
      source: { kind: 'detector', id: 'enumeration' },
      exchange,
      endpoint,
      confidence: Math.min(0.95, 0.5 + size / 40),
      explanation: `asked for ${ids} different ids within an hour; ${size} of them, in ${Math.round(spanMs(state.odd, nowMs) / 1000)} s, belong to others or do not exist`,
    });
  },
};
