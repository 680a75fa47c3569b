import { bodyText, findingOf, parseJson, queryPairs } from '../../exchange/index.js';
import { type Detector, statusOf, type Watched } from './types.js';
import { DistinctWindow } from './window.js';

interface State {
  readonly accounts: DistinctWindow;
  failures: number;
  successes: number;
  reportedAt: number;
}

const SIGN_IN = /log-?in|sign-?in|auth|token|session|oauth/i;
const ACCOUNT = /^(?:user(?:name)?|e-?mail|login|account|phone|customer|member|identifier|handle)$/i;

/** One address tries many accounts at a sign-in, and mostly fails. */
export const credentialStuffing: Detector<State> = {
  id: 'credential-stuffing',
  title: 'Credential stuffing',
  settings: { windowMs: 900_000, accounts: 10, failures: 10, failureShare: 0.7, repeatMs: 60_000 },
  keyOf: (watched) =>
    watched.exchange.request.method === 'POST' && SIGN_IN.test(watched.endpoint.template)
      ? `${watched.exchange.service} ${watched.exchange.client.ip}`
      : null,
  start: () => ({
    accounts: new DistinctWindow(credentialStuffing.settings.windowMs),
    failures: 0,
    successes: 0,
    reportedAt: Number.NEGATIVE_INFINITY,
  }),
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    const status = statusOf(watched);
    if (status >= 200 && status < 400) state.successes++;
    if (status !== 401 && status !== 403 && status !== 400 && status !== 422) return null;
    state.failures++;
    state.accounts.add(accountOf(watched), exchange.startedAtMs);
    const share = state.failures / (state.failures + state.successes);
    if (
      state.accounts.size < settings.accounts ||
      state.failures < settings.failures ||
      share < settings.failureShare ||
      exchange.startedAtMs - state.reportedAt < settings.repeatMs
    )
      return null;
    state.reportedAt = exchange.startedAtMs;
    return findingOf({
      kind: 'auth.credential-stuffing',
      source: { kind: 'detector', id: 'credential-stuffing' },
      exchange,
      endpoint,
      confidence: 0.85,
      explanation: `${state.failures} failed sign-ins for ${state.accounts.size} different accounts from one address in ${Math.round(state.accounts.spanMs(exchange.startedAtMs) / 1000)} s, ${state.successes} succeeded`,
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
