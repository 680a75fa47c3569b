import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, isIPv4 } from 'node:net';
import { type CallbackNames, listenForNames } from './callback-dns.js';

/** Our own listener for out-of-band tests: a target that calls an address with a correlation id, or only looks its name up, is proven to have done so. */
export interface CallbackListener {
  url(correlation: string): string;
  hit(correlation: string): boolean;
  newId(): string;
  /** Port of the name server; null when there is none. */
  readonly dnsPort: number | null;
  close(): Promise<void>;
}

export interface CallbackOptions {
  readonly host: string;
  readonly port: number;
  /** Name or address under which the target reaches this machine. */
  readonly publicHost: string;
  /** A zone that is delegated to this machine, and the UDP port that its name server listens on. `publicHost` must then be an IPv4 address. */
  readonly dns?: { readonly zone: string; readonly port: number };
}

const KEPT = 10_000;
const ID = /[0-9a-f]{24}/;

/** The HTTP answer holds the id, so that an echoed fetch shows as well. Rejects when a port cannot be taken. */
export async function listenForCallbacks({ host, port, publicHost, dns }: CallbackOptions): Promise<CallbackListener> {
  const seen = new Set<string>();
  const see = (text: string): string => {
    const id = ID.exec(text)?.[0] ?? '';
    if (id !== '' && seen.size < KEPT) seen.add(id);
    return id;
  };
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain').end(`weir-callback-${see(`${request.url ?? ''} ${request.headers.host ?? ''}`)}`);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const at = (server.address() as AddressInfo).port;
  const zone = dns?.zone.toLowerCase().replace(/\.$/, '');
  const names: CallbackNames | null =
    dns === undefined || zone === undefined
      ? null
      : await listenForNames({ host, port: dns.port, zone, address: isIPv4(publicHost) ? publicHost : '', onName: see });
  return {
    url: (correlation) =>
      names === null ? `http://${publicHost}:${at}/${correlation}` : `http://${correlation}.${zone}:${at}/${correlation}`,
    hit: (correlation) => seen.has(correlation),
    newId: () => randomBytes(12).toString('hex'),
    dnsPort: names?.port ?? null,
    async close() {
      await names?.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
