import { findingOf } from '../../exchange/index.js';
import { actorKey, type Detector } from './types.js';
import { Peers } from './window.js';

interface State {
  minute: number;
  requests: number;
  usual: number;
  reported: boolean;
}

const peers = new WeakMap<object, Peers>();

/** Requests a minute of one actor, far over its own past and over nearly all others. */
export const rateAnomaly: Detector<State> = {
  id: 'rate-anomaly',
  title: 'Far more requests than usual',
  settings: { atLeast: 300, timesPeers: 8, timesOwn: 8, peers: 20 },
  keyOf: (watched) => (watched.access?.relation === 'privileged' ? null : `${watched.exchange.service} ${actorKey(watched)}`),
  start: () => ({ minute: 0, requests: 0, usual: 0, reported: false }),
  observe(state, { exchange, endpoint }, settings) {
    let crowd = peers.get(settings);
    if (crowd === undefined) {
      crowd = new Peers();
      peers.set(settings, crowd);
    }
    const minute = Math.floor(exchange.startedAtMs / 60_000);
    if (minute !== state.minute) {
      if (state.requests > 0) {
        crowd.add(state.requests);
        state.usual = state.usual === 0 ? state.requests : state.usual * 0.8 + state.requests * 0.2;
      }
      state.minute = minute;
      state.requests = 0;
      state.reported = false;
    }
    state.requests++;
    if (state.reported || state.requests < settings.atLeast || crowd.count < settings.peers) return null;
    const typical = crowd.quantile(0.99);
    if (state.requests < typical * settings.timesPeers || state.requests < state.usual * settings.timesOwn) return null;
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
