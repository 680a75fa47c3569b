import { findingOf } from '../../exchange/index.js';
import { actorKey, type Detector, statusOf } from './types.js';
import { DistinctWindow } from './window.js';

interface State {
  readonly actors: DistinctWindow;
  readonly ids: DistinctWindow;
  /** Last odd id that was a number: enumerations share one counter. */
  last: number;
  steps: number;
  odd: number;
}

/** Many actors share one walk over the ids of an endpoint, each of them with too few requests to stand out. */
export const distributedEnumeration: Detector<State> = {
  id: 'distributed-enumeration',
  title: 'Enumeration spread over many actors',
  settings: { windowMs: 1_800_000, actors: 6, ids: 15, walkShare: 0.6, walkStep: 30 },
  keyOf: (watched) => (watched.pathParameters.length === 0 || watched.access?.relation === 'privileged' ? null : watched.endpoint.id),
  start: () => ({
    actors: new DistinctWindow(distributedEnumeration.settings.windowMs),
    ids: new DistinctWindow(distributedEnumeration.settings.windowMs),
    last: Number.NaN,
    steps: 0,
    odd: 0,
  }),
  observe(state, watched, settings) {
    const status = statusOf(watched);
    const foreign = watched.access?.relation === 'foreign' && watched.access.confidence >= 0.5;
    if (!foreign && status !== 404) return null;
    const { exchange, endpoint } = watched;
    const id = watched.pathParameters[watched.pathParameters.length - 1];
    const number = Number(id);
    state.odd++;
    if (Number.isSafeInteger(number)) {
      if (number > state.last && number - state.last <= settings.walkStep) state.steps++;
      state.last = number;
    }
    state.actors.add(actorKey(watched), exchange.startedAtMs);
    state.ids.add(id, exchange.startedAtMs);
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
