import { findingOf, header } from '../../exchange/index.js';
import { type Detector, succeeded } from './types.js';

interface State {
  /** Network (/16, or /48 for IPv6) and client program of the last uses, newest last. */
  places: { place: string; program: string; atMs: number }[];
  reportedAt: number;
}

/** One session is used from two networks with two client programs in turn, or a token without a signature is accepted. */
export const tokenMisuse: Detector<State> = {
  id: 'token-misuse',
  title: 'A credential is used in an impossible way',
  settings: { windowMs: 120_000, turns: 3, repeatMs: 600_000 },
  keyOf: ({ exchange }) => (exchange.principal === null || exchange.principal.kind === 'mtls' ? null : exchange.principal.key),
  start: () => ({ places: [], reportedAt: Number.NEGATIVE_INFINITY }),
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    if (!succeeded(watched)) return null;
    const base = { source: { kind: 'detector', id: 'token-misuse' } as const, exchange, endpoint };
    if (String(exchange.principal?.claims?.alg ?? '').toLowerCase() === 'none')
      return findingOf({
        ...base,
        kind: 'auth.jwt-weak',
        confidence: 0.95,
        subject: 'alg-none',
        explanation: `a token with the algorithm "none" was answered ${exchange.response?.status}`,
      });
    // API keys are shared between machines; only sessions of one person are bound to a place.
    if (exchange.principal?.kind !== 'session-cookie' && exchange.principal?.kind !== 'bearer') return null;
    const nowMs = exchange.startedAtMs;
    const now = { place: networkOf(exchange.client.ip), program: header(exchange.request.headers, 'user-agent') ?? '', atMs: nowMs };
    state.places = [...state.places.filter((one) => one.atMs >= nowMs - settings.windowMs), now].slice(-12);
    let turns = 0;
    for (let i = 1; i < state.places.length; i++)
      if (state.places[i].place !== state.places[i - 1].place && state.places[i].program !== state.places[i - 1].program) turns++;
    if (turns < settings.turns || nowMs - state.reportedAt < settings.repeatMs) return null;
    state.reportedAt = nowMs;
    return findingOf({
      ...base,
      kind: 'auth.token-misuse',
      confidence: 0.7,
      explanation: `one session changed ${turns} times between networks and client programs within ${Math.round((nowMs - state.places[0].atMs) / 1000)} s`,
    });
  },
};

function networkOf(ip: string): string {
  return ip.includes(':') ? ip.split(':').slice(0, 3).join(':') : ip.split('.').slice(0, 2).join('.');
}
