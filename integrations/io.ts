import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { IntegrationError } from './errors.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The network as integrations see it. Everything has a deadline; errors are IntegrationError. */
export interface Io {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Opens a connection, sends the bytes, closes; resolves when the bytes have left this host. `tls` null: plain TCP. */
  readonly sendStream: (address: Address, bytes: Uint8Array, tls: { readonly ca: string | null } | null) => Promise<void>;
  /** One datagram. Nothing tells whether it arrived. */
  readonly sendDatagram: (address: Address, bytes: Uint8Array) => Promise<void>;
  readonly nowMs: () => number;
  /** For one whole delivery step. */
  readonly timeoutMs: number;
}

/** The real network. `timeoutMs` is for one request or connection. */
export function systemIo(options: { readonly timeoutMs?: number } = {}): Io {
  const timeoutMs = options.timeoutMs ?? 15_000;
  return {
    fetch: (url, init) => fetch(url, init),
    sendStream: (address, bytes, tls) =>
      sendStream(
        tls === null
          ? connect(address)
          : connectTls({
              ...address,
              // A server name must not be an address (RFC 6066 §3).
              ...(/[a-z]/i.test(address.host) && !isIPv6(address.host) ? { servername: address.host } : {}),
              ...(tls.ca === null ? {} : { ca: tls.ca }),
            }),
        tls === null ? 'connect' : 'secureConnect',
        address,
        bytes,
        timeoutMs,
      ),
    sendDatagram: ({ host, port }, bytes) =>
      new Promise((resolve, reject) => {
        const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
        const end = (error: Error | null): void => {
          socket.close();
          if (error === null) resolve();
          else reject(unreachable({ host, port }, error));
        };
        socket.once('error', end);
        socket.send(bytes, port, host, end);
      }),
    nowMs: Date.now,
    timeoutMs,
  };
}

function sendStream(socket: Socket, ready: string, address: Address, bytes: Uint8Array, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new IntegrationError('INTEGRATION_TIMEOUT', `${address.host}:${address.port} took longer than ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(deadline);
      socket.destroy();
      reject(unreachable(address, error));
    });
    socket.once(ready, () => socket.end(bytes));
    // Bytes the receiver sends are of no interest, but unread they would keep the connection from ending.
    socket.resume();
    socket.once('close', (hadError) => {
      clearTimeout(deadline);
      if (!hadError) resolve();
    });
  });
}

/** With the reason that a person can look up: ECONNREFUSED, ENOTFOUND, a certificate's fault. */
export function unreachable(address: Address | string, cause: unknown): IntegrationError {
  const where = typeof address === 'string' ? address : `${address.host}:${address.port}`;
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = (inner as NodeJS.ErrnoException).code ?? (inner instanceof Error ? inner.message : String(inner));
  return new IntegrationError('INTEGRATION_UNREACHABLE', `${where} cannot be reached: ${code}`, { cause });
}
