import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { errors, request as send } from 'undici';
import { bodyOf, decodeBody, SCAN_MARK_HEADER } from '../../exchange/index.js';
import { ScanError } from '../errors.js';
import { deadline } from './deadline.js';
import type { TargetGuard } from './guard.js';
import { CERTIFICATE_HEADER } from './identities.js';
import type { ScanRequest, ScanResponse } from './types.js';

const REDIRECT_LIMIT = 5;
const RETRY_AFTER_LIMIT_MS = 30_000;
const RETRIES = 1;
/** A scan stops within this time, so no wait is longer. */
const NAP_MS = 250;

export interface WireOptions {
  readonly guard: TargetGuard;
  /** Value of `x-weir-scan`: gateways of this weir learn nothing from a request with a good mark, and block nobody for it. */
  readonly mark: (method: string, target: string) => string;
  /** Host header of every request; null: as in the address. */
  readonly hostHeader?: string | null;
  readonly requestsPerSecond: number;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxRequests: number;
  readonly signal: AbortSignal;
}

/** Sends requests of one run within its limits. */
export interface Wire {
  readonly sent: number;
  /** @throws ScanError for a host that is not allowed, a spent budget; Error when the target does not answer */
  send(request: ScanRequest): Promise<ScanResponse>;
}

export function createWire(options: WireOptions): Wire {
  const { guard, signal } = options;
  // Every request in progress listens for the end of the scan.
  setMaxListeners(0, signal);
  const gapMs = 1000 / options.requestsPerSecond;
  let nextAtMs = 0;
  let sent = 0;

  const pause = async (durationMs: number) => {
    for (let left = durationMs; left > 0; left -= NAP_MS) await sleep(Math.min(left, NAP_MS), undefined, { signal });
  };
  const turn = async () => {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs, nextAtMs);
    nextAtMs = atMs + gapMs;
    if (atMs - nowMs > 1) await pause(atMs - nowMs);
  };

  const attempt = async (one: ScanRequest): Promise<ScanResponse> => {
    guard.check(one.url);
    if (sent >= options.maxRequests) throw new ScanError('SCAN_BUDGET', `the budget of ${options.maxRequests} requests is spent`);
    await turn();
    signal.throwIfAborted();
    sent++;
    const limit = deadline(options.timeoutMs, signal);
    try {
      return await exchange(one, limit.signal);
    } finally {
      limit.clear();
    }
  };

  const once = (one: ScanRequest): Promise<ScanResponse> =>
    attempt(one).catch((cause: unknown) => {
      if (!isIdleClose(cause)) throw cause;
      return attempt(one);
    });

  const exchange = async (one: ScanRequest, until: AbortSignal): Promise<ScanResponse> => {
    const startedMs = performance.now();
    const hasBody = one.body !== '' && one.method !== 'GET' && one.method !== 'HEAD';
    const { pathname, search } = new URL(one.url);
    // undici refuses these names: the connection is its own.
    const {
      host: _host,
      connection: _connection,
      'content-length': _length,
      'transfer-encoding': _coding,
      [CERTIFICATE_HEADER]: certificate = null,
      ...headers
    } = one.headers;
    const answer = await send(one.url, {
      method: one.method as 'GET',
      headers: {
        ...(options.hostHeader ? { host: options.hostHeader } : {}),
        'user-agent': 'weir-scan',
        accept: '*/*',
        ...headers,
        [SCAN_MARK_HEADER]: options.mark(one.method, `${pathname}${search}`),
      },
      body: hasBody ? one.body : null,
      dispatcher: guard.agentFor(certificate),
      signal: until,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      // An endless answer ends here; what came is enough to judge.
      if (size >= options.maxBodyBytes) break;
    }
    const flat = Object.entries(answer.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [name, Array.isArray(value) ? value.join(', ') : value],
    );
    const { bytes } = decodeBody(flat, bodyOf(Buffer.concat(chunks)), options.maxBodyBytes);
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(
        Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index]!.toLowerCase(), flat[2 * index + 1]!]),
      ),
      body: Buffer.from(bytes).toString('utf8'),
      durationMs: performance.now() - startedMs,
    };
  };

  const patient = async (one: ScanRequest): Promise<ScanResponse> => {
    const response = await once(one);
    const asked = response.headers['retry-after'];
    if (response.status !== 429 || asked === undefined) return response;
    const waitMs = Number.isFinite(Number(asked)) ? Number(asked) * 1000 : Date.parse(asked) - Date.now();
    if (!(waitMs > 0) || waitMs > RETRY_AFTER_LIMIT_MS) return response;
    nextAtMs = Math.max(nextAtMs, performance.now() + waitMs);
    return RETRIES > 0 ? once(one) : response;
  };

  return {
    get sent() {
      return sent;
    },
    async send(first) {
      let one = first;
      for (let hop = 0; ; hop++) {
        const response = await patient(one);
        const location = response.headers.location;
        if (!first.followRedirects || response.status < 300 || response.status >= 400 || location === undefined || hop >= REDIRECT_LIMIT)
          return response;
        one = {
          ...one,
          url: new URL(location, one.url).href,
          ...(response.status === 307 || response.status === 308 ? {} : { method: 'GET', body: '' }),
        };
      }
    },
  };
}

/**
 * Whether a connection seems to have been given up as idle just when a request was put on it: it had served before and was closed without an answer, or was reset,
 * of which nothing more is known. Browsers send such a request again, whatever its method, though only one without effects is sure to be safe (RFC 9112 §9.3.1).
 */
const isIdleClose = (cause: unknown): boolean =>
  cause instanceof errors.SocketError
    ? (cause.socket?.bytesRead ?? 0) > 0
    : cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
