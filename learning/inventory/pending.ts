import type { EndpointRef, Exchange } from '../../exchange/index.js';
import { type CounterWrite, type EndpointChange, type EndpointFold, NO_TRAFFIC, type SightingWrite } from '../../store/index.js';

const MINUTE_MS = 60_000;

type Sums = { -readonly [K in keyof CounterWrite]-?: NonNullable<CounterWrite[K]> | (K extends 'endpointId' ? null : never) };

const minuteKey = ({ endpointId, service, atMs }: Sums): string => `${endpointId ?? service}|${atMs}`;

const newSums = (endpointId: string | null, service: string, atMs: number): Sums => ({ ...NO_TRAFFIC, endpointId, service, atMs });

/** What waits to be stored: sums by minute, sightings, folds. When an endpoint goes on under another template, what waits goes with it. */
export class Pending {
  /** Of the last minute that was counted, by endpoint and, for what belongs to none, by service. */
  private readonly now = new Map<string, Sums>();
  private readonly nowhere = new Map<string, Sums>();
  /** Of other minutes, by endpoint or service, and minute. */
  private readonly earlier = new Map<string, Sums>();
  sightings = new Map<string, { -readonly [K in keyof SightingWrite]: SightingWrite[K] }>();
  folds: EndpointFold[] = [];
  renamed: { from: EndpointRef; to: EndpointRef }[] = [];
  history: Omit<EndpointChange, 'id'>[] = [];

  count(exchange: Exchange, endpointId: string | null): void {
    const minute = exchange.startedAtMs - (exchange.startedAtMs % MINUTE_MS);
    const open = endpointId === null ? this.nowhere : this.now;
    const key = endpointId ?? exchange.service;
    let sums = open.get(key);
    if (sums === undefined || sums.atMs !== minute) {
      if (sums !== undefined) this.earlier.set(minuteKey(sums), sums);
      sums = this.earlier.get(`${key}|${minute}`) ?? newSums(endpointId, exchange.service, minute);
      this.earlier.delete(`${key}|${minute}`);
      open.set(key, sums);
    }
    const { response, outcome } = exchange;
    sums.requests++;
    if (response === null) sums.failed++;
    else if (response.status < 300) sums.status2xx++;
    else if (response.status < 400) sums.status3xx++;
    else if (response.status < 500) sums.status4xx++;
    else sums.status5xx++;
    if (outcome.action === 'blocked') sums.blocked++;
    else if (outcome.mode !== 'enforce' && outcome.acts.some((act) => act.action === 'block' && !act.acted)) sums.wouldBlock++;
    sums.bytesIn += exchange.request.body.totalLength;
    sums.bytesOut += response?.body.totalLength ?? 0;
    sums.latencySumMs += exchange.durationMs;
    if (exchange.durationMs > sums.latencyMaxMs) sums.latencyMaxMs = exchange.durationMs;
  }

  counters(): Sums[] {
    return [...this.now.values(), ...this.nowhere.values(), ...this.earlier.values()];
  }

  sighting(
    endpointId: string,
    service: string,
    phase: SightingWrite['phase'],
    place: string,
    path: string,
    type: string,
    nowMs: number,
    count: number,
  ): void {
    const key = `${endpointId}|${phase}|${place}|${path}|${type}`;
    const known = this.sightings.get(key);
    if (known === undefined)
      this.sightings.set(key, { endpointId, service, phase, place, path, type, firstSeenMs: nowMs, lastSeenMs: nowMs, count });
    else {
      known.count += count;
      known.lastSeenMs = Math.max(known.lastSeenMs, nowMs);
    }
  }

  /** `from` goes on as `to`. Chains are shortened, so each fold leads to an endpoint that is there. */
  fold(from: EndpointRef, to: EndpointRef): void {
    this.renamed.push({ from, to });
    this.folds = this.folds
      .map((fold) => (fold.into === from.id ? { from: fold.from, into: to.id } : fold))
      .filter((fold) => fold.from !== fold.into && fold.from !== to.id);
    this.folds.push({ from: from.id, into: to.id });
    for (const sums of this.counters()) {
      if (sums.endpointId !== from.id) continue;
      this.now.delete(from.id);
      this.earlier.delete(minuteKey(sums));
      const moved = { ...sums, endpointId: to.id };
      const current = this.now.get(to.id);
      const known = current?.atMs === moved.atMs ? current : this.earlier.get(minuteKey(moved));
      if (known !== undefined) add(known, moved);
      else this.earlier.set(minuteKey(moved), moved);
    }
    const sightings = [...this.sightings.values()];
    this.sightings = new Map();
    for (const one of sightings) {
      const id = one.endpointId === from.id ? to.id : one.endpointId;
      this.sighting(id, one.service, one.phase, one.place, one.path, one.type, one.firstSeenMs, one.count);
      this.sighting(id, one.service, one.phase, one.place, one.path, one.type, one.lastSeenMs, 0);
    }
    for (const change of this.history) if (change.endpointId === from.id) (change as { endpointId: string }).endpointId = to.id;
  }
}

function add(to: Sums, from: Sums): void {
  for (const key of [
    'requests',
    'status2xx',
    'status3xx',
    'status4xx',
    'status5xx',
    'failed',
    'blocked',
    'wouldBlock',
    'bytesIn',
    'bytesOut',
    'latencySumMs',
  ] as const)
    to[key] += from[key];
  to.latencyMaxMs = Math.max(to.latencyMaxMs, from.latencyMaxMs);
}
