import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Our own listener for out-of-band tests: a target that calls an address with a correlation id is proven to have done so. */
export interface CallbackListener {
  url(correlation: string): string;
  hit(correlation: string): boolean;
  newId(): string;
  close(): Promise<void>;
}

const KEPT = 10_000;

/** `publicHost` is the name under which the target reaches this machine. The answer holds the id, so that an echoed fetch shows as well. */
export async function listenForCallbacks(options: {
  readonly host: string;
  readonly port: number;
  readonly publicHost: string;
}): Promise<CallbackListener> {
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    const id = /[0-9a-f]{24}/.exec(request.url ?? '')?.[0];
    if (id !== undefined && seen.size < KEPT) seen.add(id);
    response.setHeader('content-type', 'text/plain').end(`weir-callback-${id ?? ''}`);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, options.host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (correlation) => `http://${options.publicHost}:${port}/${correlation}`,
    hit: (correlation) => seen.has(correlation),
    newId: () => randomBytes(12).toString('hex'),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
