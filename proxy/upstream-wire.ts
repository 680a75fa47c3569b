import { connect as connectTcp, type Socket } from 'node:net';
import { type buildConnector, errors } from 'undici';
import { AnswerReader, type AnswerSink } from './answer-reader.js';
import { type ChunkedBody, ChunkedUpload } from './chunked-upload.js';
import { writeTogether } from './together.js';

export interface WireOptions {
  readonly origin: URL;
  /** Opens TLS connections. */
  readonly connect: buildConnector.connector;
  /** Most connections at a time; requests beyond wait for one. */
  readonly connections: number;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly bodyMs: number;
  readonly idleMs: number;
}

/** A request that is whole in memory, or whose body goes out in chunks. */
export interface WireRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat; Host is among them, framing is not: Content-Length or Transfer-Encoding is made from `body`, Connection is the wire's own. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | ChunkedBody | null;
  /** All of it came through Node's HTTP/1.1 parser or from fixed text. Else each name and value is looked at before it is sent. */
  readonly isFieldText: boolean;
}

/** The same calls as undici's low-level handler, with text for headers. After `abort` nothing more is called. */
export interface WireHandler {
  onConnect(abort: () => void): void;
  onHeaders(status: number, headers: string[], resume: () => void): void;
  /** False: no more until `resume`. */
  onData(chunk: Buffer): boolean;
  onComplete(trailers: string[]): void;
  onError(error: Error): void;
}

const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const NO_FIELD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** Of the wire itself: nobody else may say how a message is framed. */
const OWN = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection']);
/** How much sooner than the upstream said an idle connection is given up: its own clock has run since it sent the answer. */
const IDLE_MARGIN_MS = 1_000;

const TCP_KEEP_ALIVE_MS = 60_000;
/** What is read from any upstream passes through here: a buffer of its own for each read would be 64 KiB for the few that are needed. */
const READ_BUFFER = Buffer.alloc(65_536);

function copyOf(bytes: number): Buffer {
  const copy = Buffer.allocUnsafe(bytes);
  READ_BUFFER.copy(copy, 0, 0, bytes);
  return copy;
}

/** A request under way: waiting for a connection, or on one. */
class Call {
  connection: Connection | null = null;
  over = false;
  /** Since when it waits for a connection. */
  waitsSinceMs = 0;

  constructor(
    readonly request: WireRequest,
    readonly handler: WireHandler,
  ) {}
}

/**
 * Connections to one HTTP/1.1 upstream, for requests that are whole in memory and want no upgrade: nearly all of them, at about half of what undici's general
 * client takes for one. One request at a time on a connection, no stream and no timer a request. Uploads in chunks come here too: undici sends no trailers.
 * It remains for the rest.
 */
export class UpstreamWire {
  private readonly all = new Set<Connection>();
  private readonly idle: Connection[] = [];
  private readonly waiting: Call[] = [];
  private timer: NodeJS.Timeout | null = null;
  private readonly sweepMs: number;
  private closed: (() => void) | null = null;
  private closing = false;

  constructor(readonly options: WireOptions) {
    this.sweepMs = Math.max(10, Math.min(500, options.connectMs / 4, options.headersMs / 4, options.bodyMs / 4, options.idleMs / 4));
  }

  dispatch(request: WireRequest, handler: WireHandler): void {
    const call = new Call(request, handler);
    handler.onConnect(() => this.abort(call));
    if (call.over) return;
    if (this.closing) this.fail(call, new errors.ClientClosedError());
    else if (!request.isFieldText && !isFieldText(request.headers))
      this.fail(call, new errors.InvalidArgumentError('a header is not valid'));
    else this.place(call);
  }

  /** Lets requests under way finish, then closes the connections. */
  close(): Promise<void> {
    this.closing = true;
    while (this.idle.length > 0) this.idle.pop()!.destroy();
    return this.all.size === 0 ? Promise.resolve() : new Promise((resolve) => this.whenClosed(resolve));
  }

  /** Cuts the connections now. */
  async destroy(): Promise<void> {
    this.closing = true;
    for (const call of this.waiting.splice(0)) this.fail(call, new errors.ClientDestroyedError());
    for (const connection of this.all) connection.fail(new errors.ClientDestroyedError());
  }

  private whenClosed(resolve: () => void): void {
    const before = this.closed;
    this.closed = () => {
      before?.();
      resolve();
    };
  }

  private place(call: Call): void {
    const nowMs = performance.now();
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      if (connection.isFresh(nowMs)) {
        connection.send(call);
        return;
      }
      connection.destroy();
    }
    if (this.all.size < this.options.connections) {
      this.open(call);
      return;
    }
    call.waitsSinceMs = nowMs;
    this.waiting.push(call);
  }

  private open(call: Call): void {
    const connection = new Connection(this);
    this.all.add(connection);
    this.timer ??= setInterval(() => this.sweep(), this.sweepMs).unref();
    connection.open(call);
  }

  /** `connection` has nothing to do. */
  released(connection: Connection): void {
    let next = this.waiting.shift();
    while (next?.over === true) next = this.waiting.shift();
    if (next !== undefined) connection.send(next);
    else if (this.closing) connection.destroy();
    else this.idle.push(connection);
  }

  /** `connection` is no more. */
  left(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
    let next = this.waiting.shift();
    while (next?.over === true) next = this.waiting.shift();
    if (next !== undefined) this.open(next);
    if (this.all.size > 0) return;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.closed?.();
  }

  private abort(call: Call): void {
    if (call.over) return;
    call.over = true;
    call.connection?.abandon();
  }

  fail(call: Call, error: Error): void {
    if (call.over) return;
    call.over = true;
    call.handler.onError(error);
  }

  private sweep(): void {
    const nowMs = performance.now();
    const { waiting } = this;
    // The upstream does not answer those before it: its client must not wait for each of them in turn.
    while (waiting.length > 0 && (waiting[0].over || nowMs - waiting[0].waitsSinceMs >= this.options.headersMs))
      this.fail(waiting.shift()!, new errors.HeadersTimeoutError());
    for (const connection of this.all) connection.check(nowMs);
  }
}

/** One connection to the upstream. */
class Connection implements AnswerSink {
  private socket: Socket | null = null;
  private call: Call | null = null;
  private readonly reader = new AnswerReader();
  private gone = false;
  private isOpen = false;
  private paused = false;
  private answering = false;
  /** A body in chunks whose end was not written yet. */
  private upload: ChunkedUpload | null = null;
  /** When something last happened on it. */
  private atMs = performance.now();

  constructor(private readonly wire: UpstreamWire) {}

  open(call: Call): void {
    const { origin, connect } = this.wire.options;
    const { host, protocol, port } = origin;
    const hostname = origin.hostname.startsWith('[') ? origin.hostname.slice(1, -1) : origin.hostname;
    this.call = call;
    call.connection = this;
    if (protocol === 'https:') {
      connect({ host, hostname, protocol, port }, (error, socket) => {
        if (error !== null) {
          this.fail(error);
          return;
        }
        socket.on('data', (chunk: Buffer) => this.arrived(chunk));
        this.attach(socket);
        this.opened(socket);
      });
      return;
    }
    const socket = connectTcp({
      host: hostname,
      port: port === '' ? 80 : Number(port),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      onread: {
        buffer: READ_BUFFER,
        callback: (bytes) => {
          this.arrived(copyOf(bytes));
          return !this.paused;
        },
      },
    });
    this.attach(socket);
    socket.once('connect', () => this.opened(socket));
  }

  private attach(socket: Socket): void {
    this.socket = socket;
    socket.on('end', () => this.ended());
    socket.on('error', (problem: Error) => this.fail(problem));
    socket.on('close', () => this.fail(new errors.SocketError('the upstream closed the connection')));
  }

  private opened(socket: Socket): void {
    this.isOpen = true;
    if (this.gone) socket.destroy();
    else if (this.call === null) this.release();
    else this.write(this.call.request);
  }

  send(call: Call): void {
    this.call = call;
    call.connection = this;
    this.write(call.request);
  }

  /** Is it likely that the upstream still listens? */
  isFresh(nowMs: number): boolean {
    return !this.gone && nowMs - this.atMs < this.idleLimitMs();
  }

  private idleLimitMs(): number {
    const { idleMs } = this.wire.options;
    const { idleS } = this.reader;
    return idleS < 0 ? idleMs : Math.min(idleMs, idleS * 1000 - IDLE_MARGIN_MS);
  }

  /** Its request is no longer wanted. A connection that is only being opened is kept for the next. */
  abandon(): void {
    this.call = null;
    if (this.isOpen) this.destroy();
  }

  destroy(): void {
    this.gone = true;
    this.upload?.stop();
    this.upload = null;
    this.socket?.destroy();
    this.wire.left(this);
  }

  fail(error: Error): void {
    const { call } = this;
    this.call = null;
    this.destroy();
    if (call !== null) this.wire.fail(call, error);
  }

  /** Called now and then. */
  check(nowMs: number): void {
    const { connectMs, headersMs, bodyMs } = this.wire.options;
    const waitedMs = nowMs - this.atMs;
    if (this.paused) return;
    if (!this.isOpen) {
      if (waitedMs >= connectMs) this.fail(new errors.ConnectTimeoutError());
    } else if (this.call === null) {
      if (waitedMs >= this.idleLimitMs()) this.destroy();
    } else if (this.answering) {
      if (waitedMs >= bodyMs) this.fail(new errors.BodyTimeoutError());
    } else if (this.upload !== null && !this.upload.isStuck) {
      // The client is waited for; how slow it may be is judged elsewhere.
      return;
    } else if (waitedMs >= headersMs) this.fail(new errors.HeadersTimeoutError());
  }

  private write({ method, path, headers, body }: WireRequest): void {
    const socket = this.socket!;
    this.reader.expect(method, this);
    this.answering = false;
    this.atMs = performance.now();
    let text = `${method} ${path} HTTP/1.1\r\n`;
    let framed = false;
    for (let index = 0; index < headers.length; index += 2) {
      const name = headers[index];
      if (name.length === 14 && name.toLowerCase() === 'content-length') {
        if (body !== null) continue;
        framed = true;
      }
      text += `${name}: ${headers[index + 1]}\r\n`;
    }
    if (body === null) {
      if (!framed && (method === 'POST' || method === 'PUT' || method === 'PATCH')) text += 'content-length: 0\r\n';
    } else if (body instanceof Uint8Array) text += `content-length: ${body.byteLength}\r\n`;
    else text += 'transfer-encoding: chunked\r\n';
    text += 'connection: keep-alive\r\n\r\n';
    writeTogether(socket);
    if (body === null) socket.write(text, 'latin1');
    else if (body instanceof Uint8Array) {
      socket.cork();
      socket.write(text, 'latin1');
      if (body.byteLength > 0) socket.write(body);
      socket.uncork();
    } else {
      socket.write(text, 'latin1');
      this.upload = new ChunkedUpload(socket, body, this.uploaded, (error) => this.fail(error));
    }
  }

  private readonly uploaded = (): void => {
    this.upload = null;
    this.atMs = performance.now();
  };

  private arrived(chunk: Buffer): void {
    this.atMs = performance.now();
    if (this.call === null) {
      // Nobody asked: whatever this is, it must not become the answer to the next request.
      this.destroy();
      return;
    }
    let read: number;
    try {
      read = this.reader.read(chunk);
    } catch (error) {
      this.fail(error instanceof Error ? error : new errors.SocketError(String(error)));
      return;
    }
    if (this.call === null && !this.gone) this.settle(read === chunk.length);
  }

  /** The answer is whole. `clean`: nothing came behind it. */
  private settle(clean: boolean): void {
    if (clean && this.reader.persistent && this.upload === null && this.socket!.writableLength === 0) this.release();
    else this.destroy();
  }

  private release(): void {
    if (this.paused) this.resume();
    this.wire.released(this);
  }

  private ended(): void {
    if (this.call !== null && this.reader.closed()) this.destroy();
    else this.fail(new errors.SocketError('the upstream closed the connection'));
  }

  head(status: number, headers: string[]): void {
    if (status >= 200) this.answering = true;
    this.call?.handler.onHeaders(status, headers, this.resume);
  }

  body(chunk: Buffer): void {
    if (this.call === null || this.call.handler.onData(chunk)) return;
    if (this.call === null || this.gone) return;
    this.paused = true;
    this.socket!.pause();
  }

  end(trailers: string[]): void {
    const { call } = this;
    this.call = null;
    if (call === null || call.over) return;
    call.over = true;
    try {
      call.handler.onComplete(trailers);
    } catch (error) {
      // The call is over for this connection: nobody else would tell its client.
      call.handler.onError(error instanceof Error ? error : new errors.SocketError(String(error)));
    }
  }

  private readonly resume = (): void => {
    if (!this.paused) return;
    this.paused = false;
    this.atMs = performance.now();
    this.socket?.resume();
  };
}

/** Names and values that cannot end their line or change the framing. */
export function isFieldText(headers: readonly string[]): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (!NAME.test(headers[index]) || NO_FIELD_VALUE.test(headers[index + 1]) || OWN.has(headers[index].toLowerCase())) return false;
  }
  return true;
}
