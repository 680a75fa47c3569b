import type { ApiDocument } from '../import/index.js';
import type { Pin } from '../templating/index.js';
import type { Counts, EndpointState } from './endpoint.js';
import { inventoryError } from './errors.js';
import { pack, unpack } from '../pack.js';
import { newService, type ServiceState } from './service.js';
import type { CheckpointEntry } from './types.js';

/**
 * Learned state in small pieces, so that a checkpoint writes what changed and not all that is known. Keys:
 *
 * - `s|service`: times, pins, document;
 * - `t|service|method|segments`: one end of the path tree, written again when its calls doubled (the tree needs proportions, not exact sums);
 * - `e|endpoint id`: everything known of an endpoint, written when its shape changed or its calls grew by half;
 * - `c|endpoint id`: its exact counts, written whenever they changed.
 */
export interface Learned {
  readonly services: Map<string, ServiceState>;
  readonly byId: Map<string, EndpointState>;
  /** Endpoints that are gone since the last checkpoint. */
  readonly removed: Set<string>;
}

interface Mark {
  revision: number;
  bodyRequests: number;
  countRequests: number;
}

const marks = new WeakMap<EndpointState, Mark>();

export function checkpointOf(learned: Learned): CheckpointEntry[] {
  const entries: CheckpointEntry[] = [];
  for (const service of learned.services.values()) {
    if (service.dirty || service.calls !== service.callsAtCheckpoint) {
      entries.push({
        key: `s|${service.name}`,
        value: pack({
          firstSeenMs: service.firstSeenMs,
          lastSeenMs: service.lastSeenMs,
          calls: service.calls,
          hosts: [...service.hosts],
          pins: service.pins,
          document: service.document,
        }),
      });
      leavesOf(service, entries);
      service.callsAtCheckpoint = service.calls;
      service.dirty = false;
    }
  }
  for (const id of learned.removed) entries.push({ key: `e|${id}`, value: null }, { key: `c|${id}`, value: null });
  learned.removed.clear();
  for (const [id, state] of learned.byId) {
    const { requests } = state.counts;
    const mark = marks.get(state);
    if (mark !== undefined && mark.countRequests === requests && mark.revision === state.revision) continue;
    const grown = mark === undefined || mark.revision !== state.revision || requests > mark.bodyRequests * 1.5;
    if (grown) entries.push({ key: `e|${id}`, value: pack({ ...state, counts: null }) });
    entries.push({ key: `c|${id}`, value: pack(state.counts) });
    marks.set(state, { revision: state.revision, bodyRequests: grown ? requests : mark.bodyRequests, countRequests: requests });
  }
  return entries;
}

function leavesOf(service: ServiceState, entries: CheckpointEntry[]): void {
  const alive = new Set<string>();
  for (const { method, keys, term } of service.templates.trie.leaves()) {
    const key = `t|${service.name}|${method}|${keys.join('/')}`;
    alive.add(key);
    const before = service.saved.get(key);
    if (before !== undefined && term.calls < before * 2) continue;
    service.saved.set(key, term.calls);
    entries.push({ key, value: JSON.stringify([term.calls, [...(term.keys?.keys() ?? [])], constantsOf(service, keys)]) });
  }
  for (const key of service.saved.keys()) {
    if (alive.has(key)) continue;
    service.saved.delete(key);
    entries.push({ key, value: null });
  }
}

/** Values of shaped segments that never had another one and look like versions: they decide whether the segment is static. Other values are not kept. */
function constantsOf(service: ServiceState, keys: readonly string[]): (string | null)[] {
  let node = service.templates.trie.root;
  return keys.map((key) => {
    node = node.kids!.get(key)!;
    const only = node.distinct !== null && node.distinct.size === 1 ? [...node.distinct][0] : null;
    return only !== null && (node.shape === 'date' || node.shape === 'float' || (node.shape === 'int' && only.length <= 2)) ? only : null;
  });
}

export function restoreInto(learned: Learned, entries: Iterable<CheckpointEntry>): void {
  const counts = new Map<string, Counts>();
  const states: EndpointState[] = [];
  for (const { key, value } of entries) {
    if (value === null) continue;
    try {
      if (key.startsWith('s|')) restoreService(learned, key.slice(2), unpack(value) as SavedService);
      else if (key.startsWith('t|')) restoreLeaf(learned, key, JSON.parse(value) as [number, string[], (string | null)[]]);
      else if (key.startsWith('e|')) states.push(unpack(value) as EndpointState);
      else if (key.startsWith('c|')) counts.set(key.slice(2), unpack(value) as Counts);
    } catch (cause) {
      throw inventoryError('INVENTORY_BAD_CHECKPOINT', `the learned state under "${key.slice(0, 80)}" cannot be read`, cause);
    }
  }
  for (const saved of states) {
    const own = counts.get(saved.ref.id);
    if (own === undefined) continue;
    const state: EndpointState = { ...saved, counts: own };
    serviceOf(learned, saved.ref.service, saved.firstSeenMs).endpoints.set(`${saved.ref.method} ${saved.ref.template}`, state);
    learned.byId.set(saved.ref.id, state);
    marks.set(state, { revision: state.revision, bodyRequests: own.requests, countRequests: own.requests });
  }
  for (const service of learned.services.values()) service.templates.setPins(service.pins);
}

interface SavedService {
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly calls: number;
  readonly hosts: string[];
  readonly pins: Pin[];
  readonly document: ApiDocument | null;
}

function serviceOf(learned: Learned, name: string, nowMs: number): ServiceState {
  let service = learned.services.get(name);
  if (service === undefined) {
    service = newService(name, nowMs);
    learned.services.set(name, service);
  }
  return service;
}

function restoreService(learned: Learned, name: string, saved: SavedService): void {
  const service = serviceOf(learned, name, saved.firstSeenMs);
  service.firstSeenMs = saved.firstSeenMs;
  service.lastSeenMs = saved.lastSeenMs;
  service.calls = saved.calls;
  service.callsAtCheckpoint = saved.calls;
  for (const host of saved.hosts) service.hosts.add(host);
  service.pins = saved.pins;
  service.document = saved.document;
  service.dirty = false;
}

function restoreLeaf(learned: Learned, key: string, [calls, answerKeys, constants]: [number, string[], (string | null)[]]): void {
  const [, name, method, ...rest] = key.split('|');
  const service = serviceOf(learned, name, 0);
  const path = rest.join('|');
  service.templates.trie.restore(method, path === '' ? [] : path.split('/'), calls, answerKeys, constants);
  service.saved.set(key, calls);
}
