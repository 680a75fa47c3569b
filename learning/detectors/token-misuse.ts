import { type Exchange, findingOf, header } from '../../exchange/index.js';
import { hash32 } from '../inventory/sketch.js';
import { type Detector, NOTHING_SHARED, succeeded } from './types.js';

interface State {
  /** The token of a person with several (hash), and where its last use came from: address, its network (/16, or /48 for IPv6), and client program. */
  token: number;
  ip: string;
  network: string;
  program: string;
  /** When it went to another network and another program at once, newest last. */
  turnsAtMs: number[];
  reportedAt: number;
}

const MOST_TURNS = 12;

/** One session is used from two networks with two client programs in turn, or a token without a signature is accepted. */
export const tokenMisuse: Detector<State> = {
  id: 'token-misuse',
  title: 'A credential is used in an impossible way',
  settings: { windowMs: 120_000, turns: 3, repeatMs: 600_000 },
  of: 'actor',
  concerns: (watched) => {
    const { principal } = watched.exchange;
    return principal !== null && principal.kind !== 'mtls' && succeeded(watched);
  },
  start: () => ({ token: 0, ip: '', network: '', program: '', turnsAtMs: [], reportedAt: 0 }),
  // Turns are a matter of two minutes: what is kept is that it has been told.
  keepAt: (state) => state.reportedAt,
  common: NOTHING_SHARED,
  observe(state, { exchange, endpoint }, settings) {
    const { principal, client, request } = exchange;
    const base = { source: { kind: 'detector', id: 'token-misuse' } as const, exchange, endpoint };
    const algorithm = principal?.claims?.alg;
    if (typeof algorithm === 'string' && algorithm.toLowerCase() === 'none')
      return findingOf({
        ...base,
        kind: 'auth.jwt-weak',
        confidence: 0.95,
        subject: 'alg-none',
        explanation: `a token with the algorithm "none" was answered ${exchange.response?.status}`,
      });
    // API keys are shared between machines; only sessions of one person are bound to a place.
    if (principal?.kind !== 'session-cookie' && principal?.kind !== 'bearer' && principal?.kind !== 'jwt') return null;
    const nowMs = exchange.startedAtMs;
    const program = header(request.headers, 'user-agent') ?? '';
    const network = client.ip === state.ip ? state.network : networkOf(client.ip);
    const token = tokenOf(exchange);
    const isTurn = state.ip !== '' && token === state.token && network !== state.network && program !== state.program;
    state.token = token;
    state.ip = client.ip;
    state.network = network;
    state.program = program;
    if (!isTurn) return null;
    state.turnsAtMs = [...state.turnsAtMs.filter((atMs) => atMs >= nowMs - settings.windowMs), nowMs].slice(-MOST_TURNS);
    const turns = state.turnsAtMs.length;
    if (turns < settings.turns || nowMs - state.reportedAt < settings.repeatMs) return null;
    state.reportedAt = nowMs;
    return findingOf({
      ...base,
      kind: 'auth.token-misuse',
      confidence: 0.7,
      explanation: `one session changed ${turns} times between networks and client programs within ${Math.round((nowMs - state.turnsAtMs[0]) / 1000)} s`,
    });
  },
};

/** Tells the tokens of one person apart: each device has its own. Other credentials are the principal themselves. */
function tokenOf({ principal, request }: Exchange): number {
  if (principal?.kind !== 'jwt') return 0;
  const name = principal.carrier.startsWith('cookie:') ? 'cookie' : principal.carrier.replace('header:', '');
  return hash32(header(request.headers, name) ?? '');
}

function networkOf(ip: string): string {
  return ip.includes(':') ? ip.split(':').slice(0, 3).join(':') : ip.split('.').slice(0, 2).join('.');
}
