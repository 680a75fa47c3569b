import { findingOf } from '../../exchange/index.js';
import { type Detector, growth, NOTHING_SHARED, statusOf, succeeded } from './types.js';

interface State {
  authenticated: number;
  refused: number;
  open: number;
}

/** An endpoint that refuses callers without a credential answers one. */
export const unauthenticatedSuccess: Detector<State> = {
  id: 'unauthenticated-success',
  title: 'Answered without authentication',
  settings: { authenticated: 20, refused: 1 },
  of: 'endpoint',
  concerns: (watched) => watched.exchange.request.method !== 'OPTIONS',
  start: () => ({ authenticated: 0, refused: 0, open: 0 }),
  keepAt: (state) => growth(state.authenticated) * 1e6 + growth(state.refused) * 1e3 + growth(state.open),
  common: NOTHING_SHARED,
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    if (exchange.principal !== null) {
      if (succeeded(watched)) state.authenticated++;
      return null;
    }
    if (statusOf(watched) === 401) state.refused++;
    if (!succeeded(watched)) return null;
    state.open++;
    if (state.authenticated < settings.authenticated || state.refused < settings.refused || state.open > state.refused) return null;
    return findingOf({
      kind: 'auth.missing',
      source: { kind: 'detector', id: 'unauthenticated-success' },
      exchange,
      endpoint,
      confidence: 0.8,
      explanation: `answered ${statusOf(watched)} without a credential; ${state.authenticated} earlier answers went to authenticated callers and ${state.refused} callers without a credential were refused`,
    });
  },
};
