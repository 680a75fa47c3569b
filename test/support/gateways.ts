/** What tests of connections share: a gateway on some listeners, upstreams that say given bytes, and clients over each kind of wire. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import type { Test } from 'tap';
import type { Exchange } from '../../exchange/index.js';
import {
  createGateway,
  FAULTS,
  type FaultCode,
  type Gateway,
  type GatewayOptions,
  type GatewayPorts,
  trivialPorts,
} from '../../proxy/index.js';

/** An upstream that answers every request with the same bytes, by path. */
export function sayer(answers: Readonly<Record<string, string>> = {}): net.Server {
  return net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const path = /^\S+ (\S+)/.exec(chunk.toString('latin1'))?.[1] ?? '';
      socket.write(answers[path] ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
}

export interface Running {
  readonly gateway: Gateway;
  /** Of the listeners in order. */
  readonly ports: readonly number[];
  readonly exchanges: Exchange[];
  readonly log: string[];
}

export async function start(t: Test, options: GatewayOptions, ports: Partial<GatewayPorts> = {}): Promise<Running> {
  const exchanges: Exchange[] = [];
  const log: string[] = [];
  const gateway = await createGateway(
    options,
    trivialPorts({
      tee: { publish: (exchange) => exchanges.push(exchange) > 0 },
      accessLog: { write: (line) => log.push(line), stats: () => ({ written: 0, dropped: 0 }) },
      ...ports,
    }),
  );
  const addresses = await gateway.listen();
  t.teardown(() => gateway.close(20));
  return { gateway, ports: addresses.map(({ port }) => port), exchanges, log };
}

export const LOCAL = { host: '127.0.0.1', port: 0 } as const;

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < 500; tries++) await wait(10);
}

export type Wire = 'plain' | 'tls' | 'proxied';

export async function connect(wire: Wire, port: number, alpn = 'http/1.1'): Promise<net.Socket> {
  const socket =
    wire === 'tls'
      ? tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [alpn] })
      : net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, wire === 'tls' ? 'secureConnect' : 'connect');
  if (wire === 'proxied') socket.write('PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n');
  return socket;
}

/** Everything that comes back until the other side closes. */
export async function untilClosed(socket: net.Socket): Promise<string> {
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1');
  });
  // A socket that ends in an error closes too: what it was is of no interest here.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return got;
}

export const counted = (gateway: Gateway, log: readonly string[], code: FaultCode) => ({
  counter: gateway.stats().faults[code],
  logged: log.some((line) => line.includes(`"fault":"${code}"`) && line.includes(`"status":${FAULTS[code].status}`)),
});
