import { findingOf } from '../../exchange/index.js';
import { type RecordSizes, recordsIn } from './records.js';
import { type Detector, growth, succeeded } from './types.js';
import { addPeer, mostDo, newPeers, type Peers, peersKeepAt } from './window.js';

interface State {
  windowStart: number;
  records: number;
  usual: number;
  reported: boolean;
}

interface Shared {
  readonly crowd: Peers;
  readonly sizes: RecordSizes;
}

/** Records that one actor receives, against its own past and its peers': counts objects in JSON answers. */
export const scraping: Detector<State, Shared> = {
  id: 'scraping',
  title: 'Records are harvested',
  settings: { windowMs: 300_000, timesPeers: 10, timesOwn: 10, atLeast: 1000, peers: 10 },
  of: 'actor',
  concerns: (watched) => watched.exchange.request.method === 'GET' && watched.access?.relation !== 'privileged' && succeeded(watched),
  start: () => ({ windowStart: 0, records: 0, usual: 0, reported: false }),
  // Only who usually takes much is wronged when that is forgotten.
  keepAt: (state, settings) => (state.usual * settings.timesOwn < settings.atLeast ? 0 : growth(state.usual)),
  common: { start: () => ({ crowd: newPeers(), sizes: new Map() }), keepAt: ({ crowd }) => peersKeepAt(crowd) },
  observe(state, { exchange, endpoint }, settings, { crowd, sizes }) {
    if (exchange.startedAtMs - state.windowStart > settings.windowMs) {
      if (state.records > 0) {
        addPeer(crowd, state.records);
        state.usual = state.usual === 0 ? state.records : state.usual * 0.7 + state.records * 0.3;
      }
      state.windowStart = exchange.startedAtMs;
      state.records = 0;
      state.reported = false;
    }
    state.records += recordsIn(sizes, endpoint.id, exchange.response);
    if (state.reported || state.records < settings.atLeast || crowd.added < settings.peers) return null;
    const typical = mostDo(crowd);
    if (state.records < typical * settings.timesPeers || state.records < state.usual * settings.timesOwn) return null;
    state.reported = true;
    return findingOf({
      kind: 'abuse.scraping',
      source: { kind: 'detector', id: 'scraping' },
      exchange,
      endpoint,
      confidence: 0.7,
      explanation: `received about ${state.records} records in ${Math.round((exchange.startedAtMs - state.windowStart) / 1000)} s; the 99th percentile of callers receives ${typical} in ${settings.windowMs / 1000} s, this one usually ${Math.round(state.usual)}`,
    });
  },
};
