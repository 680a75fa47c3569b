import { findingOf } from '../../exchange/index.js';
import { type Detector, statusOf } from './types.js';
import { DistinctWindow } from './window.js';

interface State {
  readonly keys: DistinctWindow;
  reportedAt: number;
}

/** One address presents many different credentials that are refused. */
export const tokenGuessing: Detector<State> = {
  id: 'token-guessing',
  title: 'Credentials are guessed',
  settings: { windowMs: 600_000, credentials: 8, repeatMs: 60_000 },
  keyOf: (watched) =>
    watched.exchange.principal !== null && statusOf(watched) === 401 ? `${watched.exchange.service} ${watched.exchange.client.ip}` : null,
  start: () => ({ keys: new DistinctWindow(tokenGuessing.settings.windowMs), reportedAt: Number.NEGATIVE_INFINITY }),
  observe(state, { exchange, endpoint }, settings) {
    state.keys.add(exchange.principal?.key ?? '', exchange.startedAtMs);
    if (state.keys.size < settings.credentials || exchange.startedAtMs - state.reportedAt < settings.repeatMs) return null;
    state.reportedAt = exchange.startedAtMs;
    return findingOf({
      kind: 'auth.token-guessing',
      source: { kind: 'detector', id: 'token-guessing' },
      exchange,
      endpoint,
      confidence: 0.85,
      explanation: `${state.keys.size} different credentials from one address were refused within ${Math.round(state.keys.spanMs(exchange.startedAtMs) / 1000)} s`,
    });
  },
};
