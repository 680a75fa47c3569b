import { findingOf } from '../../exchange/index.js';
import { type Detector, growth } from './types.js';
import { addPeer, mostDo, newPeers, type Peers, peersKeepAt } from './window.js';

interface State {
  minute: number;
  requests: number;
  usual: number;
  reported: boolean;
}

/** Requests a minute of one actor, far over its own past and over nearly all others. */
export const rateAnomaly: Detector<State, Peers> = {
  id: 'rate-anomaly',
  title: 'Far more requests than usual',
  settings: { atLeast: 300, timesPeers: 8, timesOwn: 8, peers: 20 },
  of: 'actor',
  concerns: (watched) => watched.access?.relation !== 'privileged',
  start: () => ({ minute: 0, requests: 0, usual: 0, reported: false }),
  // Only who usually sends much is wronged when that is forgotten.
  keepAt: (state, settings) => (state.usual * settings.timesOwn < settings.atLeast ? 0 : growth(state.usual)),
  common: { start: newPeers, keepAt: peersKeepAt },
  observe(state, { exchange, endpoint }, settings, crowd) {
    const minute = Math.floor(exchange.startedAtMs / 60_000);
    if (minute !== state.minute) {
      if (state.requests > 0) {
        addPeer(crowd, state.requests);
        state.usual = state.usual === 0 ? state.requests : state.usual * 0.8 + state.requests * 0.2;
      }
      state.minute = minute;
      state.requests = 0;
      state.reported = false;
    }
    state.requests++;
    if (state.reported || state.requests < settings.atLeast || crowd.added < settings.peers) return null;
    if (state.requests < state.usual * settings.timesOwn) return null;
    const typical = mostDo(crowd);
    if (state.requests < typical * settings.timesPeers) return null;
    state.reported = true;
    return findingOf({
      kind: 'abuse.rate',
      source: { kind: 'detector', id: 'rate-anomaly' },
      exchange,
      endpoint,
      subject: 'rate',
      confidence: 0.6,
      explanation: `sent ${state.requests} requests within a minute; 99 % of callers send at most ${typical}, this one usually ${Math.round(state.usual)}`,
    });
  },
};
