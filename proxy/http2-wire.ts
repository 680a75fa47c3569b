import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { errors } from 'undici';
import { type Carrier, HEALTH_AGENT, type OnwardHandler, type OnwardRequest } from './dispatch.js';
import { type CallOwner, Http2Call } from './http2-call.js';
import { isFieldText, type WireHandler } from './upstream-wire.js';

export interface Http2WireOptions {
  readonly origin: URL;
  /** How an https upstream is trusted and told who we are. `servername` empty: none is told. */
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly rejectUnauthorized: boolean;
    readonly servername: string;
  };
  /** For an upstream that chooses HTTP/1.1 in the TLS handshake; null: HTTP/2 is known to be spoken (h2c). */
  readonly http1: Carrier | null;
  /** Most connections that take requests at a time; requests beyond wait for room on one. */
  readonly connections: number;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly bodyMs: number;
  readonly idleMs: number;
}

/** Most requests at a time on a connection, where the upstream allows more; also what one is taken to allow before it has said so. */
const MOST_STREAMS = 128;
/** Stream ids end at 2^31; a connection goes before. */
const MOST_STREAM_ID = 2 ** 30;
/** How often a request may be sent that the upstream refused; and where it refused because the connection goes, which many in a row may do in a deploy. */
const MOST_SENDS = 2;
const MOST_SENDS_OF_MOVED = 10;
/** What one stream, and a connection, may have on its way to a client that reads slowly. */
const STREAM_WINDOW_BYTES = 262_144;
const CONNECTION_WINDOW_BYTES = 1_048_576;
/** Of an answer's head as HTTP/2 counts it, 32 bytes a field beside the text (RFC 9113 §6.5.2), and fields in it. */
const MOST_HEAD_BYTES = 32_768;
const MOST_FIELDS = 1_000;
/** More than the head of any request that the gateway takes. */
const MOST_SENT_HEAD_BYTES = 2_097_152;
/** Of whole bodies waiting to be written, MB; Node refuses streams beyond. */
const MOST_SESSION_MB = 64;
/** How long nothing may come for requests that wait before the upstream is asked whether it is there, and how long it has to say so. */
const SILENCE_MS = 10_000;
const PONG_MS = 5_000;
/** How long an upstream that chose HTTP/1.1 is asked in it without being offered HTTP/2 again. */
const HTTP1_MS = 60_000;
/** How long no further connection is tried after one failed, while another works. */
const PAUSE_MS = 1_000;
const TCP_KEEP_ALIVE_MS = 60_000;

/**
 * Connections to one HTTP/2 upstream. One is opened when those that there are have no room (SETTINGS_MAX_CONCURRENT_STREAMS); one that the upstream lets go
 * (GOAWAY) finishes what is on it while the next takes what is new. What was provably not processed (RFC 9113 §8.7) is sent again, nothing else: whether a
 * lost request may be repeated is judged by who knows its method.
 */
export class Http2Wire implements Carrier {
  private readonly all = new Set<Connection>();
  private readonly waiting: Http2Call[] = [];
  private timer: NodeJS.Timeout | null = null;
  private readonly sweepMs: number;
  private http1UntilMs = 0;
  private pausedUntilMs = 0;
  /** What a connection has room for, as the last one said. */
  private room = MOST_STREAMS;
  private closing = false;
  private closed: (() => void) | null = null;

  constructor(readonly options: Http2WireOptions) {
    this.sweepMs = Math.max(10, Math.min(500, options.connectMs / 4, options.headersMs / 4, options.bodyMs / 4, options.idleMs / 4));
  }

  dispatch(request: OnwardRequest, handler: OnwardHandler): void {
    const { http1 } = this.options;
    if (http1 !== null && performance.now() < this.http1UntilMs) {
      http1.dispatch(request, handler);
      return;
    }
    const call = new Http2Call(request, handler);
    handler.onConnect(() => call.abort());
    if (call.over) return;
    if (this.closing) call.fail(new errors.ClientClosedError());
    else if (request.upgrade !== null) call.fail(new errors.NotSupportedError('HTTP/2 has no upgrades'));
    else if (!request.isFieldText && !isFieldText(request.headers)) call.fail(new errors.InvalidArgumentError('a header is not valid'));
    else {
      this.waiting.push(call);
      this.settle();
    }
  }

  status(path: string, timeoutMs: number): Promise<number> {
    const { host } = this.options.origin;
    return new Promise((resolve, reject) => {
      const asked = new StatusOnly(timeoutMs, resolve, reject);
      const headers = ['host', host, 'user-agent', HEALTH_AGENT];
      this.dispatch({ method: 'GET', path, headers, body: null, upgrade: null, isFieldText: true }, asked);
    });
  }

  async close(): Promise<void> {
    this.closing = true;
    this.settle();
    const own = this.all.size === 0 ? undefined : new Promise<void>((resolve) => this.whenClosed(resolve));
    await Promise.all([own, this.options.http1?.close()]);
  }

  async destroy(): Promise<void> {
    this.closing = true;
    this.failWaiting(new errors.ClientDestroyedError());
    for (const connection of this.all) connection.fail(new errors.ClientDestroyedError());
    await this.options.http1?.destroy();
  }

  private whenClosed(resolve: () => void): void {
    const before = this.closed;
    this.closed = () => {
      before?.();
      resolve();
    };
  }

  /** Sends what waits where there is room, and makes room for the rest. */
  settle(): void {
    while (this.waiting.length > 0) {
      const call = this.waiting[0];
      const connection = call.over ? null : this.roomy();
      if (!call.over && connection === null) break;
      this.waiting.shift();
      if (connection !== null && !connection.send(call)) this.waiting.unshift(call);
    }
    if (this.waiting.length > 0) this.grow();
    else this.finish();
  }

  private roomy(): Connection | null {
    for (const connection of this.all) if (connection.hasRoom) return connection;
    return null;
  }

  /** Opens connections for what waits. */
  private grow(): void {
    let taking = 0;
    let coming = 0;
    for (const connection of this.all) {
      if (connection.isLeaving) continue;
      taking++;
      if (!connection.isOpen) coming += this.room;
    }
    const most = taking > 0 && performance.now() < this.pausedUntilMs ? taking : this.options.connections;
    for (; coming < this.waiting.length && taking < most; taking++, coming += this.room) this.open();
  }

  private open(): void {
    const connection = new Connection(this);
    this.all.add(connection);
    this.timer ??= setInterval(() => this.sweep(), this.sweepMs).unref();
    connection.open();
  }

  private finish(): void {
    if (this.closing) for (const connection of this.all) connection.leave();
  }

  /** `connection` takes requests: as many at a time as `room`. */
  opened(room: number): void {
    this.room = Math.max(1, room);
    this.settle();
  }

  /** The upstream chose HTTP/1.1. */
  speaksHttp1(): void {
    this.http1UntilMs = performance.now() + HTTP1_MS;
    for (const call of this.waiting.splice(0)) this.overHttp1(call);
  }

  private overHttp1(call: Http2Call): void {
    if (!call.over) this.options.http1!.dispatch(call.request, call.handler);
  }

  /** Back from a connection, not processed. False: it was sent too often. */
  again(call: Http2Call, moved: boolean): boolean {
    if (call.sends >= (moved ? MOST_SENDS_OF_MOVED : MOST_SENDS)) return false;
    this.waiting.unshift(call);
    return true;
  }

  /** The upstream wants this one over HTTP/1.1. False: it does not speak that. */
  againOverHttp1(call: Http2Call): boolean {
    if (this.options.http1 === null) return false;
    this.overHttp1(call);
    return true;
  }

  /** `connection` is no more; `failed`: why it never took a request. */
  left(connection: Connection, failed: Error | null): void {
    if (!this.all.delete(connection)) return;
    if (failed !== null) this.pausedUntilMs = performance.now() + PAUSE_MS;
    let others = false;
    for (const one of this.all) others ||= !one.isLeaving;
    if (failed !== null && !others) this.failWaiting(failed);
    else this.settle();
    if (this.all.size > 0) return;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.closed?.();
  }

  private failWaiting(error: Error): void {
    for (const call of this.waiting.splice(0)) call.fail(error);
  }

  private sweep(): void {
    const nowMs = performance.now();
    let open = false;
    for (const connection of this.all) {
      connection.check(nowMs);
      open ||= connection.isOpen && !connection.isLeaving;
    }
    const { waiting } = this;
    const { connectMs, headersMs } = this.options;
    // The upstream does not answer those before it: its client must not wait for each of them in turn. A first connection has its own time.
    const mostMs = open ? headersMs : headersMs + connectMs;
    while (waiting.length > 0 && (waiting[0].over || nowMs - waiting[0].sinceMs >= mostMs))
      waiting.shift()!.fail(new errors.HeadersTimeoutError());
  }
}

/** One connection to the upstream. */
class Connection implements CallOwner {
  isOpen = false;
  /** It takes no more requests. */
  isLeaving = false;
  private wasUsed = false;
  lastStreamId = Number.POSITIVE_INFINITY;
  private readonly calls = new Set<Http2Call>();
  private socket: Socket | null = null;
  private session: ClientHttp2Session | null = null;
  private most = 0;
  private gone = false;
  /** When a request last began on it or was over; before that, when it was begun itself. */
  private atMs = performance.now();
  /** When something of an answer last came. */
  private heardMs = 0;
  private pinged = false;
  /** Since when an answer to a ping is waited for; -1: none is. */
  private pingMs = -1;

  constructor(private readonly wire: Http2Wire) {}

  get hasRoom(): boolean {
    const { session } = this;
    return this.isOpen && !this.isLeaving && this.pingMs < 0 && this.calls.size < this.most && !session!.closed && !session!.destroyed;
  }

  open(): void {
    const { origin, tls } = this.wire.options;
    const host = origin.hostname.startsWith('[') ? origin.hostname.slice(1, -1) : origin.hostname;
    const secure = origin.protocol === 'https:';
    const port = origin.port === '' ? (secure ? 443 : 80) : Number(origin.port);
    const to = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
    const socket = secure ? connectTls({ ...to, ...tls, ALPNProtocols: ['h2', 'http/1.1'] }) : connectTcp(to);
    this.socket = socket;
    socket.on('error', (error: Error) => this.fail(error));
    socket.on('close', () => this.fail(new errors.SocketError('the upstream closed the connection')));
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      if (this.gone) return;
      if (!secure || (socket as TLSSocket).alpnProtocol === 'h2') {
        this.begin(socket);
        return;
      }
      this.wire.speaksHttp1();
      this.fail(new errors.SocketError('the upstream does not speak HTTP/2'));
    });
  }

  private begin(socket: Socket): void {
    const session = connectHttp2(this.wire.options.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: MOST_HEAD_BYTES },
      maxHeaderListPairs: MOST_FIELDS,
      maxSendHeaderBlockLength: MOST_SENT_HEAD_BYTES,
      maxSessionMemory: MOST_SESSION_MB,
    });
    this.session = session;
    session.once('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    });
    session.on('error', (error: Error) => this.fail(error));
    session.on('close', () => this.fail(new errors.SocketError('the upstream closed the connection')));
    session.on('goaway', (_code: number, lastStreamId: number) => {
      this.isLeaving = true;
      this.lastStreamId = lastStreamId;
      // Another would do the same, and so on.
      if (this.wasUsed) this.wire.settle();
      else this.fail(new errors.SocketError('the upstream takes no requests'));
    });
    // Nothing is sent before the upstream has said how many requests it takes; and an upstream that is none of HTTP/2 gets none.
    session.on('remoteSettings', ({ maxConcurrentStreams = MOST_STREAMS }) => {
      this.most = Math.min(MOST_STREAMS, maxConcurrentStreams);
      this.isOpen = true;
      this.wire.opened(this.most);
    });
  }

  /** False: it takes no more, and nothing was sent. */
  send(call: Http2Call): boolean {
    const session = this.session!;
    const { protocol } = this.wire.options.origin;
    let id: number;
    try {
      id = call.send(session, this, protocol.slice(0, -1));
    } catch (error) {
      if (session.closed || session.destroyed) return false;
      call.fail(new errors.InvalidArgumentError((error as Error).message));
      return true;
    }
    const nowMs = performance.now();
    if (this.calls.size === 0) this.heardAt(nowMs);
    this.calls.add(call);
    this.wasUsed = true;
    this.atMs = nowMs;
    if (id >= MOST_STREAM_ID) this.leave();
    return true;
  }

  heard(): void {
    this.heardAt(performance.now());
  }

  private heardAt(nowMs: number): void {
    this.heardMs = nowMs;
    this.pinged = false;
  }

  left(call: Http2Call, ending: 'over' | 'timeout'): void {
    this.calls.delete(call);
    this.atMs = performance.now();
    // It may be the upstream that is slow, or the way to it that is gone: nobody else is sent this way until that is known.
    if (ending === 'timeout') this.ping();
    this.wire.settle();
  }

  refused(call: Http2Call, code: number): boolean {
    this.calls.delete(call);
    this.atMs = performance.now();
    if (code === constants.NGHTTP2_HTTP_1_1_REQUIRED) return this.wire.againOverHttp1(call);
    if (!this.wire.again(call, this.isLeaving)) return false;
    this.wire.settle();
    return true;
  }

  /** Called now and then. */
  check(nowMs: number): void {
    const { connectMs, headersMs, bodyMs, idleMs } = this.wire.options;
    const quietMs = nowMs - this.atMs;
    if (!this.isOpen) {
      if (quietMs >= connectMs) this.fail(new errors.ConnectTimeoutError());
    } else if (this.pingMs >= 0 && nowMs - this.pingMs >= PONG_MS) {
      this.fail(new errors.SocketError('the upstream does not answer pings'));
    } else if (this.calls.size > 0) {
      for (const call of this.calls) call.check(nowMs, headersMs, bodyMs);
      if (!this.pinged && nowMs - this.heardMs >= SILENCE_MS) this.ping();
    } else if (!this.isLeaving) {
      if (quietMs >= idleMs) this.leave();
    } else if (quietMs >= connectMs) {
      // The upstream does not close its side.
      this.fail(new errors.SocketError('the connection did not close'));
    }
  }

  /** No new requests; it closes behind the last. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.atMs = performance.now();
    if (this.session === null) this.fail(new errors.ClientClosedError());
    else this.session.close();
  }

  fail(error: Error): void {
    if (this.gone) return;
    this.gone = true;
    this.isLeaving = true;
    this.session?.destroy();
    this.socket!.destroy();
    for (const call of this.calls) call.fail(error);
    this.wire.left(this, this.wasUsed ? null : error);
  }

  private ping(): void {
    if (this.pingMs >= 0 || this.gone || this.session!.destroyed) return;
    this.pinged = true;
    this.pingMs = performance.now();
    this.session!.ping((error) => {
      this.pingMs = -1;
      if (error === null && !this.gone) this.wire.settle();
    });
  }
}

/** Hears the status of an answer, and nothing else of it. */
class StatusOnly implements WireHandler {
  private readonly timer: NodeJS.Timeout;
  private abort: () => void = () => undefined;

  constructor(
    timeoutMs: number,
    private readonly resolve: (status: number) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.timer = setTimeout(() => {
      this.abort();
      this.onError(new errors.HeadersTimeoutError());
    }, timeoutMs).unref();
  }

  onConnect(abort: () => void): void {
    this.abort = abort;
  }

  onHeaders(status: number): boolean {
    if (status >= 200) this.resolve(status);
    return true;
  }

  onData(): boolean {
    return true;
  }

  onComplete(): void {
    clearTimeout(this.timer);
  }

  onError(error: Error): void {
    clearTimeout(this.timer);
    this.reject(error);
  }
}
