import { findingOf } from '../../exchange/index.js';
import { type Detector, NOTHING_SHARED, statusOf, type Watched } from './types.js';
import { type Recent, see } from './window.js';

interface State {
  readonly actors: Recent;
  readonly ids: Recent;
  /** Last odd id that was a number: enumerations share one counter. */
  last: number | null;
  steps: number;
  odd: number;
}

const isForeign = ({ access }: Watched): boolean => access?.relation === 'foreign' && access.confidence >= 0.5;

/** Many actors share one walk over the ids of an endpoint, each of them with too few requests to stand out. */
export const distributedEnumeration: Detector<State> = {
  id: 'distributed-enumeration',
  title: 'Enumeration spread over many actors',
  settings: { windowMs: 1_800_000, actors: 6, ids: 15, walkShare: 0.6, walkStep: 30 },
  of: 'endpoint',
  concerns: (watched) =>
    watched.pathParameters.length > 0 && watched.access?.relation !== 'privileged' && (statusOf(watched) === 404 || isForeign(watched)),
  start: () => ({ actors: new Map(), ids: new Map(), last: null, steps: 0, odd: 0 }),
  keepAt: (state) => state.odd,
  common: NOTHING_SHARED,
  observe(state, watched, settings) {
    const { exchange, endpoint, pathParameters, actor } = watched;
    const id = pathParameters[pathParameters.length - 1];
    const number = Number(id);
    state.odd++;
    if (Number.isSafeInteger(number)) {
      if (state.last !== null && number > state.last && number - state.last <= settings.walkStep) state.steps++;
      state.last = number;
    }
    see(state.actors, actor, exchange.startedAtMs, settings.windowMs);
    see(state.ids, id, exchange.startedAtMs, settings.windowMs);
    if (state.actors.size < settings.actors || state.ids.size < settings.ids || state.steps < state.odd * settings.walkShare) return null;
    return findingOf({
      kind: 'bola.enumeration',
      source: { kind: 'detector', id: 'distributed-enumeration' },
      exchange,
      endpoint,
      subject: 'distributed',
      confidence: 0.75,
      explanation: `${state.actors.size} actors together walked over ${state.ids.size} ids that are not theirs, ${Math.round((100 * state.steps) / state.odd)} % of them in ascending order`,
    });
  },
};
