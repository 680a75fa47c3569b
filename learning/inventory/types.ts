import type { EndpointRef, Finding } from '../../exchange/index.js';
import type { CounterWrite, EndpointChange, EndpointFold, EndpointWrite, Service, SightingWrite } from '../../store/index.js';

export interface InventoryOptions {
  /** A service's changes are findings only after this many of its exchanges and this time; before, everything is new. Default 500 and one hour. */
  readonly warmUpCalls?: number;
  readonly warmUpMs?: number;
  /** Bodies of an endpoint's answer are all learned up to this count, then every `sampleEvery`-th. Defaults 20 and 16. */
  readonly learnAll?: number;
  readonly sampleEvery?: number;
  /** Most endpoints in memory; past it new ones are counted, not kept. Default 25,000. */
  readonly maxEndpoints?: number;
  /** Silence after which a formerly active endpoint counts as a zombie, ms. Default 30 days. */
  readonly zombieAfterMs?: number;
  /** An endpoint whose shape did not change is written again at most this often, ms. Default 5,000. */
  readonly rowEveryMs?: number;
  /** Requests to unknown or random names within ten minutes that make a client a scanner. Default 60. */
  readonly scanningAt?: number;
}

/** What is to be stored, since the last `drain`. Types are the store's own, so a step of the engine passes them on. */
export interface InventoryDelta {
  readonly services: readonly Service[];
  readonly folds: readonly EndpointFold[];
  readonly endpoints: readonly EndpointWrite[];
  readonly counters: readonly CounterWrite[];
  readonly dataSightings: readonly SightingWrite[];
  readonly history: readonly Omit<EndpointChange, 'id'>[];
  readonly findings: readonly Finding[];
  /** Endpoints that go on under another template; detectors and gateways that keep state by endpoint follow. */
  readonly renamed: readonly { readonly from: EndpointRef; readonly to: EndpointRef }[];
}

/** What gateways match with: feed it to `TemplateMatcher.of`. */
export interface TemplateForGateway {
  readonly service: string;
  readonly method: string;
  readonly template: string;
  readonly tags: readonly string[];
}

/** Piece of learned state; null deletes. */
export interface CheckpointEntry {
  readonly key: string;
  readonly value: string | null;
}

/** Exchanges that the inventory saw but did not learn from, by reason. */
export interface InventoryStats {
  readonly endpoints: number;
  readonly exchanges: number;
  /** No endpoint took them: not found, refused, never answered. */
  readonly unmatched: number;
  /** New endpoints that were not kept because `maxEndpoints` was reached. */
  readonly droppedEndpoints: number;
  readonly droppedParameters: number;
  /** Bodies that were not learned because the endpoint is stable and sampled. */
  readonly sampledOut: number;
  /** Bodies that could not be read, by reason. */
  readonly unreadable: Readonly<Record<string, number>>;
  /** Path values that went straight into a parameter because a limit of the tree was reached. */
  readonly collapsedPaths: number;
}
