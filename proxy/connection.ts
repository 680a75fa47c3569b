import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { canonicalIp, type Peer } from '../exchange/index.js';
import type { Forward } from './forward.js';

const CONNECTION = Symbol('weir.connection');

/** A socket that carries what is known about its client. */
export interface ClientSocket extends Socket {
  [CONNECTION]?: ClientConnection;
}

/** What a gateway knows about one client connection; made once, read on each of its requests. */
export class ClientConnection {
  readonly peer: Peer;
  readonly server: Peer;
  readonly secure: boolean;
  /** The peer is in `trustedProxies`: its forwarding headers count. */
  readonly trusted: boolean;
  /** Subject of the verified client certificate. */
  readonly certificate: string | undefined;
  readonly socket: Socket;
  /** "Not blocked" as of this version of the blocklist, for this service. */
  clearVersion = -1;
  clearService = '';
  /** Requests in the running second. */
  windowStartMs = 0;
  windowRequests = 0;
  /** The request whose answer is on its way (HTTP/1.1). */
  current: Forward | null = null;
  /** Ends an HTTP/2 connection as a whole; its requests hold sockets that end themselves only. */
  endSession: (() => void) | null = null;
  /** Requests that wait for the answer of one before them (HTTP/1.1). Node tells only the first that its client went away. */
  private queue: Set<Forward> | null = null;
  /** Requests in progress, and, over HTTP/2, when the last one came or ended (monotonic ms); 0: none came. */
  inflight = 0;
  activeMs = 0;
  /** Streams that the client reset in the running second (HTTP/2). */
  private resetsStartMs = 0;
  private resets = 0;
  /** A request was refused and the connection is about to close: what else comes over it gets no answer. */
  refused = false;

  constructor(socket: Socket, peer: Peer, trusted: boolean) {
    this.socket = socket;
    this.peer = peer;
    this.trusted = trusted;
    this.server = { ip: canonicalIp(socket.localAddress ?? '') ?? '', port: socket.localPort ?? 0 };
    this.secure = 'encrypted' in socket;
    this.certificate = this.secure ? subjectOf(socket as TLSSocket) : undefined;
  }

  /** Counts a request; true when there were more than `limit` within this second. */
  tooFast(limit: number, nowMs: number): boolean {
    if (nowMs - this.windowStartMs >= 1000) {
      this.windowStartMs = nowMs;
      this.windowRequests = 0;
    }
    return ++this.windowRequests > limit;
  }

  /** `forward` begins while others are in progress (HTTP/1.1): it is told when the client goes. */
  enqueue(forward: Forward): void {
    if (this.queue === null) {
      const queue = new Set<Forward>();
      this.queue = queue;
      this.socket.once('close', () => {
        for (const one of queue) one.clientGone();
      });
    }
    this.queue.add(forward);
  }

  dequeue(forward: Forward): void {
    this.queue?.delete(forward);
  }

  /** Counts a stream that the client reset; true once, when there were more than `limit` within this second. */
  resetsTooOften(limit: number, nowMs: number): boolean {
    if (nowMs - this.resetsStartMs >= 1000) {
      this.resetsStartMs = nowMs;
      this.resets = 0;
    }
    return ++this.resets === limit + 1;
  }
}

/** Subject of a verified client certificate in one line: `CN=alice,O=Example`. */
function subjectOf(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const subject = socket.getPeerCertificate()?.subject as Record<string, string | string[]> | undefined;
  if (subject === undefined) return undefined;
  return Object.entries(subject)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}=${escaped(one)}`))
    .join(',');
}

/** A name may hold what separates names: `CN=alice,O=Admins` must not pass for two of them (RFC 4514 §2.4). */
function escaped(value: string): string {
  return value.replace(/[,+"\\<>;=]/g, '\\$&');
}

/** The connection of a socket, made by `make` at its first request. */
export function connectionOf(socket: ClientSocket, make: (socket: Socket) => ClientConnection): ClientConnection {
  let connection = socket[CONNECTION];
  if (connection === undefined) {
    connection = make(socket);
    socket[CONNECTION] = connection;
  }
  return connection;
}

/** The connection of a socket that had a request. */
export function knownConnection(socket: ClientSocket): ClientConnection | undefined {
  return socket[CONNECTION];
}
