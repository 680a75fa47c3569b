import type { ApiDocument } from '../import/index.js';
import { HostTemplates, type Pin } from '../templating/index.js';
import type { EndpointState } from './endpoint.js';

/** Everything learned about one service. */
export interface ServiceState {
  readonly name: string;
  readonly templates: HostTemplates;
  /** By `METHOD template`. */
  readonly endpoints: Map<string, EndpointState>;
  readonly hosts: Set<string>;
  firstSeenMs: number;
  lastSeenMs: number;
  calls: number;
  /** Pins in the order they were made; undo takes the last. */
  pins: Pin[];
  document: ApiDocument | null;
  /** Ends of paths that checkpoints have written, by key. */
  readonly saved: Set<string>;
  callsAtCheckpoint: number;
  /** `lastSeenMs` as it was last handed out to be stored. */
  writtenMs: number;
  dirty: boolean;
}

export function newService(name: string, nowMs: number): ServiceState {
  return {
    name,
    templates: new HostTemplates(),
    endpoints: new Map(),
    hosts: new Set(),
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    calls: 0,
    pins: [],
    document: null,
    saved: new Set(),
    callsAtCheckpoint: 0,
    writtenMs: 0,
    dirty: true,
  };
}
