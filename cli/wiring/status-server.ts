/** Health and counters of one gateway, for balancers and Prometheus: `/healthz`, `/readyz`, `/metrics`. */
import http from 'node:http';
import type { Gateway } from '../../proxy/index.js';

export interface StatusServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Rejects with the error of `listen`. */
export async function startStatusServer(gateway: Gateway, host: string, port: number): Promise<StatusServer> {
  const server = http.createServer((req, res) => {
    const health = gateway.health();
    const say = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
      res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
    if (req.url === '/healthz') say(health.live ? 200 : 503, health.live ? 'ok\n' : `${health.state}\n`);
    else if (req.url === '/readyz') say(health.ready ? 200 : 503, health.ready ? 'ready\n' : `${health.state}\n`);
    else if (req.url === '/metrics') say(200, gateway.metrics(), 'text/plain; version=0.0.4; charset=utf-8');
    else say(404, 'There are /healthz, /readyz and /metrics here.\n');
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
