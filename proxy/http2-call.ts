import { type ClientHttp2Session, type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from 'node:http2';
import type { Readable } from 'node:stream';
import { errors } from 'undici';
import { AnswerFault } from './answer-reader.js';
import type { OnwardHandler, OnwardRequest, StreamedBody } from './dispatch.js';

/** The connection that a call is on. */
export interface CallOwner {
  /** Streams above it were not processed: the upstream said so (GOAWAY). */
  readonly lastStreamId: number;
  /** Something of an answer came. */
  heard(): void;
  /** The call is over, or was not processed: `code` is that of the stream. Its place is free. */
  left(call: Http2Call, ending: 'over' | 'timeout'): void;
  /** The upstream did not process the call. True: it is sent again, and nobody is to be told. */
  refused(call: Http2Call, code: number): boolean;
}

const {
  HTTP2_HEADER_AUTHORITY,
  HTTP2_HEADER_METHOD,
  HTTP2_HEADER_PATH,
  HTTP2_HEADER_SCHEME,
  NGHTTP2_CANCEL,
  NGHTTP2_COMPRESSION_ERROR,
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_FLOW_CONTROL_ERROR,
  NGHTTP2_FRAME_SIZE_ERROR,
  NGHTTP2_HTTP_1_1_REQUIRED,
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_REFUSED_STREAM,
} = constants;

/** Node gives the code alone: most often it was nghttp2 that did not take the answer. The last one is what Node says to headers beyond the limit. */
const OF_THE_MESSAGE: ReadonlySet<number> = new Set([
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_FLOW_CONTROL_ERROR,
  NGHTTP2_FRAME_SIZE_ERROR,
  NGHTTP2_COMPRESSION_ERROR,
  NGHTTP2_ENHANCE_YOUR_CALM,
]);

/**
 * What is kept of an upload until it is answered: what an upstream lets come before it has said anything (64 KiB, where it does not allow more) and what Node
 * takes on top of that.
 */
const MOST_KEPT_BYTES = 262_144;
/** What only HTTP/1 says of its connections (RFC 9113 §8.2.2). */
const OF_HTTP1: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** A request to an HTTP/2 upstream: waiting for a connection, or a stream on one. */
export class Http2Call {
  over = false;
  /** How often it was sent. */
  sends = 0;
  /** Since when it wants to be sent; monotonic ms. */
  readonly sinceMs = performance.now();
  private owner: CallOwner | null = null;
  private stream: ClientHttp2Stream | null = null;
  private answering = false;
  /** Something came back, of an interim answer too. */
  private seen = false;
  /** The upstream ended the answer, rather than the stream. */
  private whole = false;
  private uploading = false;
  /** What went out of an upload, so that it can be sent again; null: more than is kept, or it is answered. */
  private kept: Buffer[] | null = [];
  private keptBytes = 0;
  /** The upstream takes no more of the upload just now. */
  private stuck = false;
  private paused = false;
  private trailers: string[] = [];
  /** When something last happened. */
  private atMs = 0;

  constructor(
    readonly request: OnwardRequest,
    readonly handler: OnwardHandler,
  ) {}

  /** Nothing came back, and all that went out is still there. */
  private get isRepeatable(): boolean {
    return !this.seen && this.kept !== null;
  }

  /** Sends it; the number of its stream. Throws, and has sent nothing, when `session` takes no stream or the headers are none that HTTP/2 can carry. */
  send(session: ClientHttp2Session, owner: CallOwner, scheme: string): number {
    const { body } = this.request;
    const streams = body !== null && !(body instanceof Uint8Array);
    const hasBody = streams || (body !== null && body.byteLength > 0);
    const stream = session.request(http2Headers(this.request, scheme), {
      endStream: !hasBody,
      // Node ends the body of a stream that is closed in the middle of it, as if it were whole: only one that waits for trailers does not end by itself.
      ...(streams ? { waitForTrailers: true } : {}),
    });
    this.sends++;
    this.owner = owner;
    this.stream = stream;
    this.atMs = performance.now();
    this.listen(stream);
    if (streams) this.upload(stream, body);
    else if (hasBody) stream.end(body);
    // Without one it was not sent either, which its end will tell.
    return stream.id ?? 0;
  }

  private listen(stream: ClientHttp2Stream): void {
    // A stream that is reset with NO_ERROR ends like one whose answer is whole; only the order tells them apart: it is closed first.
    const push = stream.push;
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null && !stream.closed) this.whole = true;
      return push.call(stream, chunk, encoding);
    };
    let problem: Error | null = null;
    stream.on('headers', (_head: unknown, _flags: unknown, raw: string[]) => this.head(raw, true));
    stream.on('response', (_head: unknown, _flags: unknown, raw: string[]) => this.head(raw, false));
    stream.on('trailers', (_head: unknown, _flags: unknown, raw: string[]) => {
      this.trailers = raw;
    });
    stream.on('error', (error: Error) => {
      problem = error;
    });
    stream.on('close', () => this.closed(stream, problem));
  }

  /** Called now and then while it is on a connection. */
  check(nowMs: number, headersMs: number, bodyMs: number): void {
    if (this.paused) return;
    const waitedMs = nowMs - this.atMs;
    if (this.answering) {
      if (waitedMs >= bodyMs) this.timedOut(new errors.BodyTimeoutError());
    } else if (this.uploading && !this.stuck) {
      // The client is waited for; how slow it may be is judged elsewhere.
      return;
    } else if (waitedMs >= headersMs) this.timedOut(new errors.HeadersTimeoutError());
  }

  private timedOut(error: Error): void {
    if (this.over) return;
    this.leave('timeout');
    this.handler.onError(error);
  }

  /** Ends it; its handler is told. */
  fail(error: Error): void {
    if (this.over) return;
    this.leave('over');
    this.handler.onError(error);
  }

  /** Nobody wants it any more; the upstream is told at once. */
  abort(): void {
    if (!this.over) this.leave('over');
  }

  private leave(ending: 'over' | 'timeout'): void {
    this.over = true;
    const { owner, stream, whole } = this;
    const { body } = this.request;
    this.stream = null;
    if (body !== null && !(body instanceof Uint8Array)) body.stream.destroy();
    // A stream that both sides have ended closes by itself: a reset would be one too many for upstreams that count them.
    if (stream !== null && !stream.closed && !(whole && stream.writableFinished)) stream.close(NGHTTP2_CANCEL);
    owner?.left(this, ending);
  }

  private head(raw: readonly string[], interim: boolean): void {
    if (this.over) return;
    this.touch();
    this.seen = true;
    let status = 0;
    const headers: string[] = [];
    for (let index = 0; index < raw.length; index += 2) {
      if (raw[index] === ':status') status = Number(raw[index + 1]);
      else headers.push(raw[index], raw[index + 1]);
    }
    // Interim answers are those that nghttp2 takes for interim: a status that says otherwise, or none, is another reading.
    if (interim !== (status >= 100 && status < 200) || status < 100) {
      this.fail(new AnswerFault('the answer has no valid status'));
      return;
    }
    if (!interim) {
      this.answering = true;
      this.kept = null;
    }
    try {
      this.handler.onHeaders(status, headers, this.resume);
    } catch (error) {
      this.fail(error as Error);
    }
    if (interim || this.over || this.stream === null) return;
    this.stream.on('data', (chunk: Buffer) => this.data(chunk));
    this.stream.on('end', () => this.end());
  }

  private data(chunk: Buffer): void {
    if (this.over) return;
    this.touch();
    try {
      if (this.handler.onData(chunk) || this.over) return;
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    this.paused = true;
    this.stream?.pause();
  }

  private readonly resume = (): void => {
    if (!this.paused) return;
    this.paused = false;
    this.atMs = performance.now();
    this.stream?.resume();
  };

  private end(): void {
    if (this.over || !this.whole) return;
    this.leave('over');
    try {
      this.handler.onComplete(this.trailers);
    } catch (error) {
      // Nobody else would tell the client.
      this.handler.onError(error as Error);
    }
  }

  /** The stream is no more, and the answer was not whole. */
  private closed(stream: ClientHttp2Stream, problem: Error | null): void {
    if (this.over || this.stream !== stream) return;
    const { owner } = this;
    const code = stream.rstCode;
    const untouched =
      code === NGHTTP2_REFUSED_STREAM || code === NGHTTP2_HTTP_1_1_REQUIRED || (stream.id ?? Infinity) > owner!.lastStreamId;
    if (untouched && this.isRepeatable) {
      this.stream = null;
      this.owner = null;
      const { body } = this.request;
      if (this.uploading) (body as StreamedBody).stream.pause();
      if (owner!.refused(this, code)) return;
      this.owner = owner;
    }
    this.fail(errorOf(code, problem));
  }

  private upload(stream: ClientHttp2Stream, { stream: source, trailers }: StreamedBody): void {
    stream.on('drain', () => {
      if (this.stream === stream) this.flow(source);
    });
    stream.on('wantTrailers', () => {
      try {
        stream.sendTrailers(fields(trailers()));
      } catch (error) {
        this.fail(error as Error);
      }
    });
    if (this.sends === 1) this.read(source);
    for (const chunk of this.kept!) this.stuck = !stream.write(chunk);
    if (!this.uploading) stream.end();
    else if (!this.stuck) this.flow(source);
  }

  private read(source: Readable): void {
    this.uploading = true;
    source.on('data', (chunk: Buffer) => {
      this.keep(chunk);
      this.atMs = performance.now();
      if (this.stream === null || this.stream.write(chunk)) return;
      this.stuck = true;
      source.pause();
    });
    source.on('end', () => {
      this.uploading = false;
      this.atMs = performance.now();
      this.stream?.end();
    });
    source.on('error', (error: Error) => this.fail(error));
  }

  private flow(source: Readable): void {
    this.stuck = false;
    this.atMs = performance.now();
    source.resume();
  }

  private keep(chunk: Buffer): void {
    if (this.kept === null) return;
    this.kept.push(chunk);
    this.keptBytes += chunk.length;
    if (this.keptBytes > MOST_KEPT_BYTES) this.kept = null;
  }

  private touch(): void {
    this.atMs = performance.now();
    this.owner!.heard();
  }
}

/** What a stream that ended before its answer means. */
function errorOf(code: number, problem: Error | null): Error {
  const of = (problem as NodeJS.ErrnoException | null)?.code ?? '';
  // Of the connection itself: the socket's error, or that it does not speak HTTP/2.
  if (problem !== null && of !== 'ERR_HTTP2_STREAM_ERROR' && of !== 'ERR_HTTP2_SESSION_ERROR') return problem;
  if (problem !== null && of === 'ERR_HTTP2_STREAM_ERROR' && OF_THE_MESSAGE.has(code))
    return new AnswerFault(`the answer is not valid, or too large (${problem.message})`);
  return new errors.SocketError(problem?.message ?? 'the upstream closed the connection');
}

/** The head of a request in HTTP/2's form (RFC 9113 §8.3.1). */
function http2Headers({ method, path, headers, body }: OnwardRequest, scheme: string): OutgoingHttpHeaders {
  const out = fields(headers);
  out[HTTP2_HEADER_METHOD] = method;
  out[HTTP2_HEADER_SCHEME] = scheme;
  out[HTTP2_HEADER_AUTHORITY] = out.host;
  out[HTTP2_HEADER_PATH] = path;
  delete out.host;
  // Of a body that is whole the gateway knows better: a policy may have replaced it.
  if (body instanceof Uint8Array) out['content-length'] = String(body.byteLength);
  return out;
}

/** Flat fields by name, as Node wants them; a name that comes again becomes one list (RFC 9110 §5.3). Without what HTTP/2 has no place for. */
function fields(list: readonly string[]): Record<string, string> {
  // Without a prototype: a client may name a field `constructor`.
  const out = Object.create(null) as Record<string, string>;
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index].toLowerCase();
    const value = list[index + 1];
    if (OF_HTTP1.has(name) || (name === 'te' && value !== 'trailers')) continue;
    out[name] = name in out && name !== 'te' ? `${out[name]}, ${value}` : value;
  }
  return out;
}
