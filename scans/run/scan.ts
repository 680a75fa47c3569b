import { newId } from '../../exchange/index.js';
import { ScanError } from '../errors.js';
import type { TestDefinition } from '../language/types.js';
import { type CallbackOptions, listenForCallbacks } from './callback.js';
import { agreeOnCarriage } from './carriage.js';
import { deadline } from './deadline.js';
import type { KnownEndpoint } from './endpoints.js';
import { type ClientCertificate, guardFor } from './guard.js';
import { type AuthContext, CERTIFICATE_HEADER, type LoggedIn } from './identities.js';
import { logIn } from './logins.js';
import { runTests, type TestResult } from './runner.js';
import { makeSamples } from './samples.js';
import { SignedIn } from './signed-in.js';
import type { ScanRequest } from './types.js';
import { createWire } from './wire.js';

export interface ScanLimits {
  readonly requestsPerSecond: number;
  readonly concurrency: number;
  readonly maxMinutes: number;
  readonly maxRequests: number;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

export const DEFAULT_LIMITS: ScanLimits = {
  requestsPerSecond: 50,
  concurrency: 4,
  maxMinutes: 60,
  maxRequests: 100_000,
  timeoutMs: 10_000,
  maxBodyBytes: 2_000_000,
};

export interface ScanRequestOptions {
  readonly targetUrl: string;
  /** Host header of every request; null: as in the address. */
  readonly hostHeader?: string | null;
  /** Ids of the endpoints that tests run on; the others are still read, for ids. */
  readonly onlyEndpoints?: ReadonlySet<string> | undefined;
  readonly service: string;
  readonly allowHosts: readonly string[];
  readonly endpoints: readonly KnownEndpoint[];
  readonly authContexts: readonly AuthContext[];
  readonly tests: readonly TestDefinition[];
  readonly intrusive: boolean;
  readonly limits: ScanLimits;
  /** Where the target can call us back; null: tests that need it are skipped. */
  readonly callback: CallbackOptions | null;
  readonly runId?: string;
  /** Proves to gateways of this weir that a request is the scan's; without it the header only names the run. */
  readonly mark?: (runId: string, method: string, target: string) => string;
  readonly done?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly requests: number; readonly current: string }) => void;
  readonly onResult?: (result: TestResult, key: string) => Promise<void> | void;
}

export interface ScanOutcome {
  readonly results: readonly TestResult[];
  readonly samples: number;
  readonly requests: number;
  /** One sentence each: endpoints that could not be reached, a budget that ran out. */
  readonly problems: readonly string[];
  readonly complete: boolean;
}

/**
 * One scan from start to end: every identity logs in, samples are made, tests run, results are told as they come.
 *
 * @throws ScanError SCAN_AUTH_FAILED, SCAN_TARGET_DOWN, SCAN_TARGET_REFUSED before any test was run
 */
export async function performScan(options: ScanRequestOptions): Promise<ScanOutcome> {
  const { limits, targetUrl } = options;
  const runId = options.runId ?? newId();
  const problems: string[] = [];
  const budget = deadline(Math.max(1, Math.round(limits.maxMinutes * 60_000)), options.signal);
  const { signal } = budget;
  const guard = guardFor(targetUrl, options.allowHosts, {
    connections: limits.concurrency,
    timeoutMs: limits.timeoutMs,
    certificates: certificatesOf(options.authContexts),
  });
  const mark = options.mark ?? ((run: string) => run);
  const wire = createWire({
    guard,
    mark: (method, target) => mark(runId, method, target),
    signal,
    hostHeader: options.hostHeader ?? null,
    ...limits,
  });
  const callbacks = options.callback === null ? null : await listenForCallbacks(options.callback);
  const results: TestResult[] = [];
  try {
    const first = { method: 'GET', url: new URL('/', targetUrl).href, headers: {}, body: '', followRedirects: false };
    // A target that asks for a certificate ends the connection of whoever has none.
    const holder = options.authContexts.find(({ kind }) => kind === 'mtls');
    await wire
      .send(first)
      .catch((cause: unknown) => {
        if (holder === undefined || cause instanceof ScanError) throw cause;
        return wire.send({ ...first, headers: { [CERTIFICATE_HEADER]: holder.name } });
      })
      .catch((cause: unknown) => {
        if (cause instanceof ScanError) throw cause;
        throw new ScanError('SCAN_TARGET_DOWN', `${targetUrl} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        });
      });
    const identities: LoggedIn[] = [];
    for (const context of options.authContexts) identities.push(await logIn(context, targetUrl, (request) => wire.send(request)));
    await agreeOnCarriage(identities, options.endpoints, targetUrl, (request) => wire.send(request));
    const signedIn = new SignedIn(identities, (request) => wire.send(request), Date.now);
    const send = (request: ScanRequest) => signedIn.send(request);
    const samples = await makeSamples(options.endpoints, identities, send, {
      targetUrl,
      service: options.service,
      intrusive: options.intrusive,
      only: options.onlyEndpoints,
      concurrency: limits.concurrency,
      onProblem: (endpoint, reason) => problems.push(`${endpoint.method} ${endpoint.template}: ${reason}`),
    });
    await signedIn.prove(samples);
    let finished = 0;
    await runTests({
      tests: options.tests,
      samples,
      only: options.onlyEndpoints ?? null,
      identities,
      send,
      fresh: (sample) => signedIn.fresh(sample),
      callbacks,
      concurrency: limits.concurrency,
      intrusive: options.intrusive,
      signal,
      done: options.done ?? new Set(),
      nowMs: Date.now,
      async onResult(result, key) {
        results.push(result);
        finished++;
        await options.onResult?.(result, key);
        options.onProgress?.({
          done: finished,
          requests: wire.sent,
          current: `${result.test.name || result.test.id} on ${result.sample.request.method} ${result.sample.template}`,
        });
      },
    });
    if (budget.isOver) problems.push(`the time of ${limits.maxMinutes} minutes is over`);
    if (wire.sent >= limits.maxRequests) problems.push(`the budget of ${limits.maxRequests} requests is spent`);
    return {
      results,
      samples: samples.filter(({ isUnsent }) => !isUnsent).length,
      requests: wire.sent,
      problems,
      complete: !signal.aborted && wire.sent < limits.maxRequests,
    };
  } finally {
    budget.clear();
    await callbacks?.close();
    await guard.close();
  }
}

/** Client certificates of the auth contexts that log in with one. */
export const certificatesOf = (contexts: readonly AuthContext[]): readonly ClientCertificate[] =>
  contexts
    .filter(({ kind }) => kind === 'mtls')
    .map(({ name, config }) => ({
      name,
      certificate: String(config.certificate ?? ''),
      key: String(config.key ?? ''),
      authority: String(config.authority ?? ''),
    }));
