import { bodyText, findingOf, parseJson, queryPairs } from '../../exchange/index.js';
import { type Detector, NOTHING_SHARED, statusOf, type Watched } from './types.js';
import { type Recent, see, spanMs } from './window.js';

interface State {
  readonly accounts: Recent;
  failures: number;
  successes: number;
  lastMs: number;
  reportedAt: number;
}

const SIGN_IN = /log-?in|sign-?in|auth|token|session|oauth/i;
const ACCOUNT = /^(?:user(?:name)?|e-?mail|login|account|phone|customer|member|identifier|handle)$/i;

/** One address tries many accounts at a sign-in, and mostly fails. */
export const credentialStuffing: Detector<State> = {
  id: 'credential-stuffing',
  title: 'Credential stuffing',
  settings: { windowMs: 900_000, accounts: 10, failures: 10, failureShare: 0.7, repeatMs: 60_000 },
  of: 'address',
  concerns: (watched) => watched.exchange.request.method === 'POST' && SIGN_IN.test(watched.endpoint.template),
  start: () => ({ accounts: new Map(), failures: 0, successes: 0, lastMs: 0, reportedAt: 0 }),
  keepAt: (state) => state.failures,
  common: NOTHING_SHARED,
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    const nowMs = exchange.startedAtMs;
    const status = statusOf(watched);
    if (nowMs - state.lastMs > settings.windowMs) state.failures = state.successes = 0;
    state.lastMs = nowMs;
    if (status >= 200 && status < 400) state.successes++;
    if (status !== 401 && status !== 403 && status !== 400 && status !== 422) return null;
    state.failures++;
    see(state.accounts, accountOf(watched), nowMs, settings.windowMs);
    const share = state.failures / (state.failures + state.successes);
    const { size } = state.accounts;
    if (
      size < settings.accounts ||
      state.failures < settings.failures ||
      share < settings.failureShare ||
      nowMs - state.reportedAt < settings.repeatMs
    )
      return null;
    state.reportedAt = nowMs;
    return findingOf({
      kind: 'auth.credential-stuffing',
      source: { kind: 'detector', id: 'credential-stuffing' },
      exchange,
      endpoint,
      confidence: 0.85,
      explanation: `${state.failures} failed sign-ins for ${size} different accounts from one address in ${Math.round(spanMs(state.accounts, nowMs) / 1000)} s, ${state.successes} succeeded`,
    });
  },
};

function accountOf({ exchange }: Watched): string {
  const text = bodyText(exchange.request.headers, exchange.request.body, 8192);
  if (text.startsWith('{')) {
    const { value } = parseJson(text, { maxDepth: 16, maxBytes: 8192 });
    if (typeof value === 'object' && value !== null && value !== undefined)
      for (const [name, one] of Object.entries(value)) if (ACCOUNT.test(name)) return String(one);
  }
  for (const [name, one] of queryPairs(text)) if (ACCOUNT.test(name)) return one;
  return text;
}
