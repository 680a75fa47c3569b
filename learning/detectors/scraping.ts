import { findingOf } from '../../exchange/index.js';
import { actorKey, type Detector, succeeded } from './types.js';
import { Peers } from './window.js';

interface State {
  windowStart: number;
  records: number;
  usual: number;
  reported: boolean;
}

const peers = new WeakMap<object, Peers>();

/** Records that one actor receives, against its own past and its peers': counts objects in JSON arrays of answers. */
export const scraping: Detector<State> = {
  id: 'scraping',
  title: 'Records are harvested',
  settings: { windowMs: 300_000, timesPeers: 10, timesOwn: 10, atLeast: 1000 },
  keyOf: (watched) =>
    watched.exchange.request.method === 'GET' && succeeded(watched) && watched.access?.relation !== 'privileged'
      ? `${watched.exchange.service} ${actorKey(watched)}`
      : null,
  start: () => ({ windowStart: 0, records: 0, usual: 0, reported: false }),
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    let crowd = peers.get(settings);
    if (crowd === undefined) {
      crowd = new Peers();
      peers.set(settings, crowd);
    }
    if (exchange.startedAtMs - state.windowStart > settings.windowMs) {
      if (state.records > 0) {
        crowd.add(state.records);
        state.usual = state.usual === 0 ? state.records : state.usual * 0.7 + state.records * 0.3;
      }
      state.windowStart = exchange.startedAtMs;
      state.records = 0;
      state.reported = false;
    }
    state.records += recordsIn(exchange.response?.body.bytes);
    const typical = crowd.quantile(0.99);
    const limit = Math.max(settings.atLeast, typical * settings.timesPeers, state.usual * settings.timesOwn);
    if (state.reported || crowd.count < 10 || state.records < limit) return null;
    state.reported = true;
    return findingOf({
      kind: 'abuse.scraping',
      source: { kind: 'detector', id: 'scraping' },
      exchange,
      endpoint,
      confidence: 0.7,
      explanation: `received ${state.records} records in ${Math.round((exchange.startedAtMs - state.windowStart) / 1000)} s; the 99th percentile of callers receives ${typical} in ${settings.windowMs / 1000} s, this one usually ${Math.round(state.usual)}`,
    });
  },
};

/** Objects in an answer, counted by `{` outside of strings: cheap, and right enough for comparing callers. */
function recordsIn(bytes: Uint8Array | undefined): number {
  if (bytes === undefined || (bytes[0] !== 0x5b && bytes[0] !== 0x7b)) return 0;
  let count = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0x5c) i++;
    else if (byte === 0x22) inText = !inText;
    else if (byte === 0x7b && !inText) count++;
  }
  return count;
}
