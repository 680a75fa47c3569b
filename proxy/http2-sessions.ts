import { constants, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { type ClientConnection, knownConnection } from './connection.js';
import type { GatewayCore } from './core.js';

const SWEEP_MS = 1_000;
/** Node gives a session up after as many refused frames (`maxSessionInvalidFrames`): a larger gap is a client that numbers its streams as it likes. */
const MOST_REFUSED = 1_000;

/**
 * The HTTP/2 connections of a listener: closes those that are idle and those that never ask for anything, which Node keeps for ever, and counts those that it
 * gives up itself (floods of PING, SETTINGS, CONTINUATION, frames without meaning), and the streams that it refuses without a word.
 */
export class Http2Sessions {
  /** Open sessions, and since when. */
  private readonly open = new Map<ServerHttp2Session, number>();
  private closing = false;
  private readonly core: GatewayCore;
  private readonly sweep: NodeJS.Timeout;

  constructor(core: GatewayCore) {
    this.core = core;
    const { headersMs, keepAliveMs } = core.limits;
    this.sweep = setInterval(() => this.check(performance.now()), Math.min(SWEEP_MS, headersMs, keepAliveMs)).unref();
  }

  add(session: ServerHttp2Session): void {
    const connection = this.core.connection(session.socket as Socket);
    connection.endSession = () => session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.open.set(session, performance.now());
    session.once('close', () => this.open.delete(session));
    let lastId = 0;
    session.on('stream', ({ id = 0 }) => {
      // Clients number their streams in steps of two (RFC 9113 §5.1.1); where they begin is their own choice.
      if (lastId > 0 && id > lastId + 2) this.refused(connection, Math.min((id - lastId) / 2 - 1, MOST_REFUSED));
      lastId = id;
    });
    // Its handshake was under way when the listener closed.
    if (this.closing) session.close();
    session.on('error', (error: NodeJS.ErrnoException) => {
      // What else breaks a session is a client that went away.
      if (error.code !== 'ERR_HTTP2_ERROR' && error.code !== 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES') return;
      this.core.flooded(connection);
    });
  }

  /** Every client is told to ask elsewhere from now on (GOAWAY); requests in progress finish. */
  close(): void {
    this.closing = true;
    clearInterval(this.sweep);
    for (const session of this.open.keys()) session.close();
  }

  private refused(connection: ClientConnection, count: number): void {
    this.core.counters.faults.HTTP2_STREAM_REFUSED += count;
    this.core.logFault('HTTP2_STREAM_REFUSED', connection.peer);
  }

  private check(nowMs: number): void {
    const { headersMs, keepAliveMs } = this.core.limits;
    for (const [session, sinceMs] of this.open) {
      if (session.closed || session.destroyed) continue;
      const connection = knownConnection(session.socket as Socket);
      if (connection === undefined || connection.inflight > 0) continue;
      if (connection.activeMs === 0) {
        if (nowMs - sinceMs < headersMs) continue;
        this.core.counters.faults.HEADERS_SLOW++;
        this.core.logFault('HEADERS_SLOW', connection.peer);
        session.destroy();
      } else if (nowMs - connection.activeMs >= keepAliveMs) session.close();
    }
  }
}
