import type { Severity } from '../../exchange/index.js';

/** A request of a scan. Header names are lower case; the URL is absolute; the body is text. */
export interface ScanRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly followRedirects: boolean;
}

export interface ScanResponse {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly durationMs: number;
}

export interface ScanExchange {
  readonly request: ScanRequest;
  readonly response: ScanResponse;
}

/** A working request of one endpoint, as one identity sent it, and its answer: what tests change. */
export interface Sample extends ScanExchange {
  readonly endpointId: string;
  readonly service: string;
  readonly template: string;
  /** Name of the identity whose credentials the request carries; null when it was sent without. */
  readonly identity: string | null;
  /** Values in the request that belong to its identity and to none of the others: ids of own objects. */
  readonly ownValues: readonly string[];
  /** What stands in the parameters of the path. */
  readonly pathValues: readonly { readonly name: string; readonly value: string }[];
  /** Does the API's description ask for credentials here? null: it says nothing. */
  readonly isSecured: boolean | null;
  /** The request sets what its identity logs in with: another value in it would lock the identity out. */
  readonly setsLogin: boolean;
  /** It would end the session, so it was not sent: tests only read where it is. */
  readonly isUnsent?: boolean;
}

/** Who a scan can be. `headers` are the credentials, fresh. */
export interface Identity {
  readonly name: string;
  readonly role: string;
  readonly headers: { readonly [name: string]: string };
  /** Values by parameter name that only this identity has, for param_context. */
  readonly values: { readonly [parameter: string]: string };
}

/** What a test may know beside its sample. */
export interface TestContext {
  /** The first is the usual user, then others; roles by `role`. */
  readonly identities: readonly Identity[];
  readonly samples: readonly Sample[];
  /** Address of the callback listener for a correlation id; null when there is none. */
  callbackUrl(correlation: string): string | null;
  newId(): string;
  nowMs(): number;
}

/** What a test asks of its runner. */
export type Probe =
  /** Sent `times` times; stats are over all of them. */
  | { readonly kind: 'send'; readonly request: ScanRequest; readonly times: number }
  /** Was the callback address of this correlation id called? */
  | { readonly kind: 'callback'; readonly correlation: string }
  | { readonly kind: 'wait'; readonly durationMs: number };

export type ProbeResult =
  | { readonly kind: 'responses'; readonly responses: readonly ScanResponse[] }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'callback'; readonly hit: boolean }
  | { readonly kind: 'waited' };

export interface Verdict {
  readonly verdict: 'vulnerable' | 'safe' | 'skipped' | 'error';
  readonly severity: Severity;
  /** One sentence: why. */
  readonly explanation: string;
  /** The proof: the unchanged exchange first, then what the test sent. */
  readonly exchanges: readonly (ScanExchange & { readonly note: string })[];
}

/** One test of the library, ready to run. No network: it asks for probes and is given results. */
export interface ScanTest {
  readonly id: string;
  applies(sample: Sample, context: TestContext): boolean;
  run(sample: Sample, context: TestContext): Generator<Probe, Verdict, ProbeResult>;
}
