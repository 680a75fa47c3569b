import { findingOf } from '../../exchange/index.js';
import { type Distribution, newDistribution, quantile, record } from '../inventory/sketch.js';
import { type Detector, growth, NOTHING_SHARED, succeeded } from './types.js';

/** An answer far larger than this endpoint ever gives. */
export const sizeAnomaly: Detector<Distribution> = {
  id: 'size-anomaly',
  title: 'A far larger answer than usual',
  settings: { seen: 50, times: 20, atLeastBytes: 65_536 },
  of: 'endpoint',
  concerns: (watched) => watched.access?.relation !== 'privileged' && succeeded(watched),
  start: newDistribution,
  keepAt: (sizes) => growth(sizes.count),
  common: NOTHING_SHARED,
  observe(sizes, { exchange, endpoint }, settings) {
    const bytes = exchange.response?.body.totalLength ?? 0;
    const earlier = sizes.count;
    const unusual = earlier >= settings.seen && bytes >= settings.atLeastBytes;
    const typical = unusual ? quantile(sizes, 0.99) : 0;
    record(sizes, bytes);
    if (!unusual || bytes < typical * settings.times) return null;
    return findingOf({
      kind: 'abuse.size',
      source: { kind: 'detector', id: 'size-anomaly' },
      exchange,
      endpoint,
      confidence: 0.6,
      explanation: `answered ${bytes} bytes; 99 % of ${earlier} earlier answers had at most about ${typical}`,
    });
  },
};
