/**
 * One forwarder in a process of its own: `node gateway-peer.ts KIND PORT UPSTREAM_PORT DIR`. Started by gateway.bench.ts.
 */
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import httpProxyPlugin from '@fastify/http-proxy';
import Fastify from 'fastify';
import { type Dispatcher, Pool } from 'undici';
import { encodeInto, endpointRef, PrincipalReader, TemplateMatcher } from '../exchange/index.js';
import { AccessLogFile, createGateway, type GatewayPorts, trivialPorts } from '../proxy/index.js';
import { profileFor } from './gateway-profile.js';

const [kind, portText, upstreamPort, dir] = process.argv.slice(2);
const port = Number(portText);
const upstream = `http://127.0.0.1:${upstreamPort}`;

/** What a proxy has to do at the very least: hop-by-hop headers out, bytes across, back-pressure, abort. */
class BareHandler implements Dispatcher.DispatchHandler {
  private readonly res: http.ServerResponse;

  constructor(res: http.ServerResponse) {
    this.res = res;
  }

  onConnect(abort: () => void): void {
    this.res.on('close', () => {
      if (!this.res.writableEnded) abort();
    });
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    const headers: string[] = [];
    for (let index = 0; index < raw.length; index += 2) {
      const name = raw[index].toString('latin1');
      if (/^(?:connection|keep-alive|transfer-encoding)$/i.test(name)) continue;
      headers.push(name, raw[index + 1].toString('latin1'));
    }
    this.res.writeHead(status, headers);
    this.res.on('drain', resume);
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.res.write(chunk);
  }

  onComplete(): void {
    this.res.end();
  }

  onError(): void {
    if (this.res.headersSent) this.res.destroy();
    else this.res.writeHead(502).end();
  }
}

function bareForwarder(): (req: http.IncomingMessage, res: http.ServerResponse) => void {
  const pool = new Pool(upstream, { connections: 256, pipelining: 1 });
  return (req, res) => {
    const headers: string[] = [];
    for (let index = 0; index < req.rawHeaders.length; index += 2) {
      if (/^(?:connection|keep-alive|transfer-encoding|expect|upgrade)$/i.test(req.rawHeaders[index])) continue;
      headers.push(req.rawHeaders[index], req.rawHeaders[index + 1]);
    }
    const hasBody = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;
    pool.dispatch(
      { path: req.url ?? '/', method: (req.method ?? 'GET') as Dispatcher.HttpMethod, headers, body: hasBody ? req : null },
      new BareHandler(res),
    );
  };
}

/** The same forwarder behind a Fastify route: what routing alone costs. */
async function fastifyUndici(): Promise<void> {
  const forward = bareForwarder();
  const app = Fastify({ logger: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.all('/*', (request, reply) => {
    reply.hijack();
    forward(request.raw, reply.raw);
  });
  await app.listen({ port, host: '127.0.0.1' });
}

async function fastifyHttpProxy(): Promise<void> {
  const app = Fastify({ logger: false });
  await app.register(httpProxyPlugin, { upstream, undici: { connections: 256, pipelining: 1 } });
  await app.listen({ port, host: '127.0.0.1' });
}

/** What is used of `http-proxy`, which has no types. */
interface HttpProxy {
  createProxyServer(options: object): {
    web(req: http.IncomingMessage, res: http.ServerResponse): void;
    on(event: 'error', listener: (error: Error, req: http.IncomingMessage, res: http.ServerResponse) => void): void;
  };
}

function nodeHttpProxy(): void {
  const httpProxy = createRequire(import.meta.url)('http-proxy') as HttpProxy;
  const proxy = httpProxy.createProxyServer({ target: upstream, agent: new http.Agent({ keepAlive: true, maxSockets: 256 }) });
  proxy.on('error', (_error, _req, res) => res.destroy());
  http.createServer((req, res) => proxy.web(req, res)).listen(port, '127.0.0.1');
}

async function weirGateway(ports: GatewayPorts): Promise<void> {
  const gateway = await createGateway(
    { listeners: [{ host: '127.0.0.1', port }], services: [{ name: 'bench', upstreams: [upstream], mode: 'enforce' }] },
    ports,
  );
  await gateway.listen();
}

/** Real parts of weir that cost something, without threads: encoding to a ring of buffers, look-ups, the log file. */
function costlyPorts(): Partial<GatewayPorts> {
  const buffers = Array.from({ length: 4 }, () => Buffer.alloc(262_144));
  let current = 0;
  let offset = 0;
  const blocked = new Set(Array.from({ length: 100_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`));
  const matcher = TemplateMatcher.of([
    { service: 'bench', method: 'GET', template: '/{file}' },
    { service: 'bench', method: 'GET', template: '/users/{id}' },
  ]);
  const matches = new Map<string, NonNullable<ReturnType<GatewayPorts['match']>>>();
  return {
    tee: {
      publish: (exchange) => {
        let end = encodeInto(exchange, buffers[current], offset);
        if (end < 0) {
          current = (current + 1) % buffers.length;
          end = encodeInto(exchange, buffers[current], 0);
        }
        offset = end;
        return end >= 0;
      },
    },
    blocklist: { version: 1, check: (ip) => (blocked.has(ip) ? { id: 'b', reason: 'bench' } : null) },
    match: (service, method, path) => {
      const found = matcher.match(service, method, path);
      if (found === null) return null;
      let known = matches.get(found.endpoint.id);
      if (known === undefined || known.parameters[0] !== found.parameters[0]) {
        known = { endpoint: endpointRef(service, method, found.endpoint.template), parameters: found.parameters, tags: [] };
        matches.set(found.endpoint.id, known);
      }
      return known;
    },
    principals: new PrincipalReader('bench'),
    accessLog: new AccessLogFile(join(dir, 'access.log')),
  };
}

// A clean exit, so that `node --cpu-prof` writes its profile.
process.on('SIGTERM', () => process.exit(0));
// `gateway.bench.ts --profile` asks for it under load.
process.on('SIGUSR2', () => void profileFor(4).then((profile) => console.log(`PROFILE ${kind} ${JSON.stringify(profile)}`)));

if (kind === 'bare') http.createServer(bareForwarder()).listen(port, '127.0.0.1');
else if (kind === 'fastify-undici') await fastifyUndici();
else if (kind === 'fastify-http-proxy') await fastifyHttpProxy();
else if (kind === 'http-proxy') nodeHttpProxy();
else if (kind === 'weir-trivial') await weirGateway(trivialPorts());
else if (kind === 'weir-ports') await weirGateway(trivialPorts(costlyPorts()));
else throw new Error(`no such peer: ${kind}`);
