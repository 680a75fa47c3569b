import { type EndpointRef, type Exchange, endpointRef } from '../../exchange/index.js';
import { splitOperation } from '../operations.js';
import { documentedEndpoints } from './documented.js';
import { type EndpointState, mergeEndpoints, newEndpoint } from './endpoint.js';
import { Pending } from './pending.js';
import { newService, type ServiceState } from './service.js';

/** Lines of history that one drain hands out at most. */
const HISTORY_AT_ONCE = 5000;
/** New endpoints that may wait for a decision of the templates before they are called new. */
const MOST_NEWCOMERS = 500;

/** A new endpoint, as it was first seen: the endpoints and calls its service had before. */
export interface Newcomer {
  readonly exchange: Exchange;
  readonly known: number;
  readonly calls: number;
}

/**
 * Which endpoints there are, service by service, and what of them is to be stored. When the templates of a service are decided again, its endpoints follow:
 * what was learned, and what waits to be stored, moves with them.
 */
export class Catalogue {
  readonly services = new Map<string, ServiceState>();
  readonly byId = new Map<string, EndpointState>();
  /** Endpoints that are gone since the last checkpoint. */
  readonly removed = new Set<string>();
  /** Endpoints whose row is to be written again, and endpoints used since the last checkpoint. */
  readonly dirty = new Set<string>();
  readonly used = new Set<string>();
  readonly newcomers = new Map<string, Newcomer>();
  pending = new Pending();
  /** Grows with every change of the templates. */
  version = 0;
  droppedEndpoints = 0;
  lastMs = 0;

  constructor(private readonly maxEndpoints: number) {}

  /** The service of an exchange, counted. */
  visited(exchange: Exchange): ServiceState {
    const service = this.serviceOf(exchange.service, exchange.startedAtMs);
    service.calls++;
    if (exchange.startedAtMs > service.lastSeenMs) service.lastSeenMs = exchange.startedAtMs;
    if (exchange.startedAtMs > this.lastMs) this.lastMs = exchange.startedAtMs;
    if (service.hosts.size < 50 && !service.hosts.has(exchange.request.host)) {
      service.hosts.add(exchange.request.host);
      service.dirty = true;
    }
    return service;
  }

  serviceOf(name: string, nowMs: number): ServiceState {
    let service = this.services.get(name);
    if (service === undefined) {
      service = newService(name, nowMs);
      this.services.set(name, service);
    }
    return service;
  }

  /** A new endpoint; null when there are too many. `warm`: its service is known well enough for this to be news. */
  found(service: ServiceState, exchange: Exchange, method: string, template: string, path: string, warm: boolean): EndpointState | null {
    if (this.byId.size >= this.maxEndpoints) {
      this.droppedEndpoints++;
      return null;
    }
    const state = newEndpoint(endpointRef(service.name, method, template), exchange.request.host, path, exchange.startedAtMs);
    this.add(service, state);
    if (warm && this.newcomers.size < MOST_NEWCOMERS)
      this.newcomers.set(state.ref.id, { exchange, known: service.endpoints.size - 1, calls: service.calls - 1 });
    this.note({
      endpointId: state.ref.id,
      service: service.name,
      atMs: exchange.startedAtMs,
      kind: 'new-endpoint',
      text: `${method} ${template} was first seen`,
      before: null,
      after: template,
    });
    return state;
  }

  /** Something of this endpoint changed. */
  touch(id: string): void {
    this.dirty.add(id);
    this.used.add(id);
  }

  note(change: Pending['history'][number]): void {
    if (this.pending.history.length < HISTORY_AT_ONCE) this.pending.history.push(change);
  }

  /** What waits to be stored; from now on something new does. */
  take(): Pending {
    const { pending } = this;
    this.pending = new Pending();
    return pending;
  }

  /** Endpoints follow the templates of their service. */
  rehome(service: ServiceState): void {
    const present = new Set(service.templates.templates().map((one) => `${one.method} ${one.template}`));
    for (const [key, state] of [...service.endpoints]) {
      const [base, operation] = splitOperation(state.ref.template);
      if (present.has(`${state.ref.method} ${base}`)) continue;
      const placed = service.templates.match(state.ref.method, state.samplePath);
      if (placed === null) continue;
      const template = operation === null ? placed.template : `${placed.template}#${operation}`;
      if (template === state.ref.template) continue;
      service.endpoints.delete(key);
      this.move(service, state, endpointRef(service.name, state.ref.method, template));
    }
    this.version++;
  }

  /** The endpoint that a state went on as, or itself. */
  successor(service: ServiceState, state: EndpointState): EndpointState {
    if (this.byId.get(state.ref.id) === state) return state;
    const [, operation] = splitOperation(state.ref.template);
    const placed = service.templates.match(state.ref.method, state.samplePath);
    if (placed === null) return state;
    return service.endpoints.get(`${state.ref.method} ${placed.template}${operation === null ? '' : `#${operation}`}`) ?? state;
  }

  private add(service: ServiceState, state: EndpointState): void {
    service.endpoints.set(`${state.ref.method} ${state.ref.template}`, state);
    this.byId.set(state.ref.id, state);
    this.removed.delete(state.ref.id);
    this.touch(state.ref.id);
    this.version++;
    if (service.document !== null) documentedEndpoints(service.document, [state]);
  }

  private move(service: ServiceState, state: EndpointState, ref: EndpointRef): void {
    let target = service.endpoints.get(`${ref.method} ${ref.template}`);
    if (target === undefined) {
      target = newEndpoint(ref, state.host, state.samplePath, state.firstSeenMs);
      target.origin = state.origin;
      this.add(service, target);
    }
    mergeEndpoints(target, state);
    this.byId.delete(state.ref.id);
    this.dirty.delete(state.ref.id);
    this.removed.add(state.ref.id);
    this.touch(ref.id);
    this.pending.fold(state.ref, ref);
    const newcomer = this.newcomers.get(state.ref.id);
    this.newcomers.delete(state.ref.id);
    // Only what became a new endpoint as a whole is still news; what joined a known one never was.
    if (newcomer !== undefined && target.counts.requests === state.counts.requests) this.newcomers.set(ref.id, newcomer);
  }
}
