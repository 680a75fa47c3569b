import { findingOf } from '../../exchange/index.js';
import { type Detector, succeeded } from './types.js';
import { Peers } from './window.js';

interface State {
  readonly sizes: Peers;
  seen: number;
}

/** An answer far larger than this endpoint ever gives. */
export const sizeAnomaly: Detector<State> = {
  id: 'size-anomaly',
  title: 'A far larger answer than usual',
  settings: { seen: 50, times: 20, atLeastBytes: 65_536 },
  keyOf: (watched) => (succeeded(watched) && watched.access?.relation !== 'privileged' ? watched.endpoint.id : null),
  start: () => ({ sizes: new Peers(), seen: 0 }),
  observe(state, { exchange, endpoint }, settings) {
    const bytes = exchange.response?.body.totalLength ?? 0;
    state.seen++;
    const unusual = state.seen > settings.seen && bytes >= settings.atLeastBytes;
    const typical = unusual ? state.sizes.quantile(0.99) : 0;
    state.sizes.add(bytes);
    if (!unusual || bytes < typical * settings.times) return null;
    return findingOf({
      kind: 'abuse.size',
      source: { kind: 'detector', id: 'size-anomaly' },
      exchange,
      endpoint,
      confidence: 0.6,
      explanation: `answered ${bytes} bytes; 99 % of ${state.seen - 1} earlier answers had at most ${typical}`,
    });
  },
};
