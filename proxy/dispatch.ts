import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ChunkedBody } from './chunked-upload.js';
import type { UpstreamWire, WireHandler } from './upstream-wire.js';

/** A request body that goes on while it arrives. */
export interface StreamedBody extends ChunkedBody {
  /** It has the length that the headers tell: over HTTP/1.1 it goes without chunks, and so without trailers. */
  readonly sized: boolean;
}

/** A request as it goes to an upstream. */
export interface OnwardRequest {
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  /** Flat; Host is among them. */
  readonly headers: string[];
  readonly body: Uint8Array | StreamedBody | null;
  /** Protocol asked for; null: none. */
  readonly upgrade: string | null;
  /** Names and values are known to be valid (`WireRequest.isFieldText`). */
  readonly isFieldText: boolean;
}

export type OnwardHandler = Dispatcher.DispatchHandler & WireHandler;

/** What carries requests to one upstream: its connections, in the protocol that it speaks. */
export interface Carrier {
  /** Never throws; what goes wrong is told to `handler`, whose `onConnect` may be called more than once. */
  dispatch(request: OnwardRequest, handler: OnwardHandler): void;
  /** Asks beside the traffic for the status of an answer to GET. Rejects when there is none in time. */
  status(path: string, timeoutMs: number): Promise<number>;
  /** Lets running requests finish, then closes the connections. */
  close(): Promise<void>;
  /** Cuts the connections now. */
  destroy(): Promise<void>;
}

export const HEALTH_AGENT = 'weir-health';

/** HTTP/1.1: over the gateway's own connections what is whole in memory or goes in chunks, by undici uploads of known length, upgrades and health checks. */
export class Http1Carrier implements Carrier {
  constructor(
    private readonly origin: URL,
    private readonly wire: UpstreamWire,
    private readonly dispatcher: Dispatcher,
  ) {}

  dispatch({ path, method, headers, body, upgrade, isFieldText }: OnwardRequest, handler: OnwardHandler): void {
    if (upgrade === null && (body === null || body instanceof Uint8Array || !body.sized)) {
      this.wire.dispatch({ method, path, headers, body, isFieldText }, handler);
      return;
    }
    // Without `servername` undici would take the name for TLS from the Host header: the client's choice, and a new connection with each change of it.
    const options: Dispatcher.DispatchOptions & { readonly servername: string } = {
      origin: this.origin,
      path,
      method: method as Dispatcher.HttpMethod,
      headers,
      body: streamOf(body),
      servername: this.origin.hostname,
      upgrade,
    };
    this.dispatcher.dispatch(options, handler);
  }

  async status(path: string, timeoutMs: number): Promise<number> {
    const answer = await this.dispatcher.request({
      origin: this.origin,
      method: 'GET',
      path,
      headers: { 'user-agent': HEALTH_AGENT },
      headersTimeout: timeoutMs,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.body.dump();
    return answer.statusCode;
  }

  async close(): Promise<void> {
    await Promise.all([this.dispatcher.close(), this.wire.close()]);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.dispatcher.destroy(), this.wire.destroy()]);
  }
}

function streamOf(body: OnwardRequest['body']): Uint8Array | Readable | null {
  return body === null || body instanceof Uint8Array ? body : body.stream;
}
