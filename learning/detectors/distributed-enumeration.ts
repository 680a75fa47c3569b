import { findingOf } from '../../exchange/index.js';
import { type Detector, NOTHING_SHARED, statusOf, type Watched } from './types.js';
import { type Recent, see } from './window.js';

interface State {
  readonly actors: Recent;
  readonly ids: Recent;
  /** Where the walk stands, if the ids are numbers: enumerations share one counter. */
  last: number | null;
  /** Odd ids since then that were no step of it: somebody mistyped, or the walk went on elsewhere. Absent in what earlier builds kept. */
  astray?: number;
  steps: number;
  odd: number;
}

/** Odd ids away from the walk after which it is looked for where they are. */
const ASTRAY = 3;

const isForeign = ({ access }: Watched): boolean => access?.relation === 'foreign' && access.confidence >= 0.5;

/** Many actors share one walk over the ids of an endpoint, each of them with too few requests to stand out. */
export const distributedEnumeration: Detector<State> = {
  id: 'distributed-enumeration',
  title: 'Enumeration spread over many actors',
  settings: { windowMs: 1_800_000, actors: 6, ids: 15, walkShare: 0.6, walkStep: 30 },
  of: 'endpoint',
  concerns: (watched) =>
    watched.pathParameters.length > 0 && watched.access?.relation !== 'privileged' && (statusOf(watched) === 404 || isForeign(watched)),
  start: () => ({ actors: new Map(), ids: new Map(), last: null, astray: 0, steps: 0, odd: 0 }),
  keepAt: (state) => state.odd,
  common: NOTHING_SHARED,
  observe(state, watched, settings) {
    const { exchange, endpoint, pathParameters, actor } = watched;
    const id = pathParameters[pathParameters.length - 1];
    const number = Number(id);
    const isStep = state.last !== null && number > state.last && number - state.last <= settings.walkStep;
    state.odd++;
    if (isStep) state.steps++;
    state.astray = isStep ? 0 : (state.astray ?? 0) + 1;
    if ((isStep || state.last === null || state.astray >= ASTRAY) && Number.isSafeInteger(number)) {
      state.last = number;
      state.astray = 0;
    }
    see(state.actors, actor, exchange.startedAtMs, settings.windowMs);
    see(state.ids, id, exchange.startedAtMs, settings.windowMs);
    if (!isStep || state.actors.size < settings.actors || state.ids.size < settings.ids || state.steps < state.odd * settings.walkShare)
      return null;
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
