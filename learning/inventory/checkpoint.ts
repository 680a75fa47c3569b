import { NumberJournal } from '../../store/index.js';
import type { ApiDocument } from '../import/index.js';
import { pack, unpack } from '../pack.js';
import type { Pin } from '../templating/index.js';
import type { Catalogue } from './catalogue.js';
import { type Counts, type EndpointState, newCounts, parameterNamesOf, type Sight } from './endpoint.js';
import { inventoryError } from './errors.js';
import type { ServiceState } from './service.js';
import type { CheckpointEntry } from './types.js';

/** Until so many calls nearly each of them changes the shape of an endpoint. */
const YOUNG_CALLS = 50;

interface Mark {
  revision: number;
  requests: number;
}

/**
 * Learned state in small pieces, so that a checkpoint writes what changed and not all that is known. Keys:
 *
 * - `s|service`: its times and calls;
 * - `d|service`: its hosts, pins and document, when they changed;
 * - `t|service|method|segments`: one end of the path tree, written again when its calls doubled (the tree needs proportions, not exact sums);
 * - `e|endpoint id`: everything known of an endpoint, written when its calls grew by half, and once it is known, when its shape changed;
 * - `j|number`: exact counts of the endpoints that were used since the page before.
 */
export class Checkpoints {
  private readonly marks = new WeakMap<EndpointState, Mark>();
  private readonly journal = new NumberJournal('j|');

  constructor(private readonly catalogue: Catalogue) {}

  /** What changed since the last call. */
  take(): CheckpointEntry[] {
    const { services, byId, removed, used } = this.catalogue;
    const entries: CheckpointEntry[] = [];
    for (const service of services.values()) {
      if (!service.dirty && service.calls === service.callsAtCheckpoint) continue;
      const { name, firstSeenMs, lastSeenMs, calls, hosts, pins, document } = service;
      entries.push({ key: `s|${name}`, value: JSON.stringify({ firstSeenMs, lastSeenMs, calls }) });
      if (service.dirty) entries.push({ key: `d|${name}`, value: JSON.stringify({ hosts: [...hosts], pins, document }) });
      leavesOf(service, entries);
      service.callsAtCheckpoint = calls;
      service.dirty = false;
    }
    for (const id of removed) entries.push({ key: `e|${id}`, value: null });
    const counted: string[] = [];
    for (const id of used) {
      const state = byId.get(id);
      if (state === undefined) continue;
      const { requests } = state.counts;
      const mark = this.marks.get(state);
      const grown = mark === undefined || requests > mark.requests * 1.5 || (requests > YOUNG_CALLS && mark.revision !== state.revision);
      if (grown) {
        entries.push({ key: `e|${id}`, value: pack({ ...state, counts: null }) });
        this.marks.set(state, { revision: state.revision, requests });
      }
      counted.push(id);
    }
    entries.push(...this.journal.write(counted, removed, (id) => numbersOf(byId.get(id)?.counts)));
    removed.clear();
    used.clear();
    return entries;
  }

  /** Throws INVENTORY_BAD_CHECKPOINT. */
  restore(entries: Iterable<CheckpointEntry>): void {
    const states: EndpointState[] = [];
    const pages: { key: string; value: string }[] = [];
    for (const { key, value } of entries) {
      if (value === null) continue;
      reading(key, () => {
        if (key.startsWith('s|')) restoreTimes(this.catalogue.serviceOf(key.slice(2), 0), JSON.parse(value) as SavedTimes);
        else if (key.startsWith('d|')) restoreDecided(this.catalogue.serviceOf(key.slice(2), 0), JSON.parse(value) as SavedDecided);
        else if (key.startsWith('t|')) this.restoreLeaf(key, JSON.parse(value) as [number, string[], (string | null)[]]);
        else if (key.startsWith('e|')) states.push(unpack(value) as EndpointState);
        else if (key.startsWith('j|')) pages.push({ key, value });
      });
    }
    pages.sort((a, b) => (a.key < b.key ? -1 : 1));
    const counts = reading('j|', () => this.journal.read(pages));
    for (const saved of states) {
      const numbers = counts.get(saved.ref.id);
      if (numbers === undefined) continue;
      const own = countsOf(numbers);
      upgrade(saved);
      const state: EndpointState = {
        ...saved,
        claims: saved.claims ?? new Map(),
        parameterNames: parameterNamesOf(saved.ref),
        counts: own,
      };
      this.catalogue.serviceOf(saved.ref.service, saved.firstSeenMs).endpoints.set(`${saved.ref.method} ${saved.ref.template}`, state);
      this.catalogue.byId.set(saved.ref.id, state);
      this.marks.set(state, { revision: state.revision, requests: own.requests });
    }
    for (const service of this.catalogue.services.values()) service.templates.setPins(service.pins);
  }

  private restoreLeaf(key: string, [calls, answerKeys, constants]: [number, string[], (string | null)[]]): void {
    const [, name, method, ...rest] = key.split('|');
    const service = this.catalogue.serviceOf(name, 0);
    const path = rest.join('|');
    service.templates.trie.restore(method, path === '' ? [] : path.split('/'), calls, answerKeys, constants);
    service.saved.add(key);
  }
}

/** Earlier builds counted content types and statuses without their times. */
function upgrade({ requestTypes, responses, firstSeenMs }: EndpointState): void {
  const dated = (types: Map<string, Sight | number>): void => {
    for (const [type, sight] of types)
      if (typeof sight === 'number') types.set(type, { count: sight, firstSeenMs, lastSeenMs: firstSeenMs });
  };
  dated(requestTypes);
  for (const answers of responses.values()) {
    answers.firstSeenMs ??= firstSeenMs;
    answers.lastSeenMs ??= firstSeenMs;
    dated(answers.types);
  }
}

interface SavedTimes {
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly calls: number;
}

interface SavedDecided {
  readonly hosts: readonly string[];
  readonly pins: Pin[];
  readonly document: ApiDocument | null;
}

function reading<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw inventoryError('INVENTORY_BAD_CHECKPOINT', `the learned state under "${key.slice(0, 80)}" cannot be read`, cause);
  }
}

function restoreTimes(service: ServiceState, { firstSeenMs, lastSeenMs, calls }: SavedTimes): void {
  service.firstSeenMs = firstSeenMs;
  service.lastSeenMs = lastSeenMs;
  service.calls = calls;
  service.callsAtCheckpoint = calls;
  service.dirty = false;
}

function restoreDecided(service: ServiceState, { hosts, pins, document }: SavedDecided): void {
  for (const host of hosts) service.hosts.add(host);
  service.pins = pins;
  service.document = document;
  service.dirty = false;
}

function numbersOf(counts: Counts | undefined): number[] {
  if (counts === undefined) return [];
  const { requests, lastSeenMs, authenticatedOk, anonymousOk, anonymousRefused, statuses } = counts;
  const numbers = [requests, lastSeenMs, authenticatedOk, anonymousOk, anonymousRefused];
  for (const [status, count] of statuses) numbers.push(status, count);
  return numbers;
}

function countsOf([requests, lastSeenMs, authenticatedOk, anonymousOk, anonymousRefused, ...statuses]: readonly number[]): Counts {
  const counts: Counts = { ...newCounts(lastSeenMs), requests, authenticatedOk, anonymousOk, anonymousRefused };
  for (let index = 0; index < statuses.length; index += 2) counts.statuses.set(statuses[index], statuses[index + 1]);
  return counts;
}

/** Ends of paths whose calls doubled; all of them when some moved. */
function leavesOf(service: ServiceState, entries: CheckpointEntry[]): void {
  const { trie } = service.templates;
  const moved = trie.moved;
  const alive = new Set<string>();
  for (const { method, keys, term } of moved ? trie.leaves() : trie.grown()) {
    const key = `t|${service.name}|${method}|${keys.join('/')}`;
    alive.add(key);
    service.saved.add(key);
    entries.push({ key, value: JSON.stringify([term.calls, [...(term.keys?.keys() ?? [])], constantsOf(service, keys)]) });
  }
  trie.kept();
  if (!moved) return;
  for (const key of service.saved) {
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
