import { findingOf } from '../../exchange/index.js';
import { type Detector, NOTHING_SHARED, statusOf } from './types.js';
import { type Recent, see, spanMs } from './window.js';

interface State {
  readonly credentials: Recent;
  refused: number;
  reportedAt: number;
}

/** One address presents many different credentials that are refused. */
export const tokenGuessing: Detector<State> = {
  id: 'token-guessing',
  title: 'Credentials are guessed',
  settings: { windowMs: 600_000, credentials: 8, repeatMs: 60_000 },
  of: 'address',
  concerns: (watched) => watched.exchange.principal !== null && statusOf(watched) === 401,
  start: () => ({ credentials: new Map(), refused: 0, reportedAt: 0 }),
  keepAt: (state) => state.refused,
  common: NOTHING_SHARED,
  observe(state, { exchange, endpoint, actor }, settings) {
    const nowMs = exchange.startedAtMs;
    state.refused++;
    see(state.credentials, actor, nowMs, settings.windowMs);
    const { size } = state.credentials;
    if (size < settings.credentials || nowMs - state.reportedAt < settings.repeatMs) return null;
    state.reportedAt = nowMs;
    return findingOf({
      kind: 'auth.token-guessing',
      source: { kind: 'detector', id: 'token-guessing' },
      exchange,
      endpoint,
      confidence: 0.85,
      explanation: `${size} different credentials from one address were refused within ${Math.round(spanMs(state.credentials, nowMs) / 1000)} s`,
    });
  },
};
