import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import cookie from '@fastify/cookie';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance } from 'fastify';
import { newId } from '../exchange/index.js';
import type { Store } from '../store/index.js';
import { refuse, registerApi } from './api.js';
import type { Context } from './context.js';
import { AdminError } from './errors.js';
import { LiveFeed, type LiveTopic } from './live.js';
import { createMetrics } from './metrics.js';
import { registerOidc } from './oidc.js';
import { openApiDocument } from './openapi.js';
import type { AdminOptions } from './options.js';
import type { Ports } from './ports.js';
import { publishPolicies } from './routes/policies.js';
import { publishScanTests } from './routes/scans.js';
import { publishDataTypes, retentionOf } from './routes/settings.js';
import { createSeal, hashOf, newSecret } from './seal.js';
import { contentPolicy, registerUi } from './ui.js';

const LINK_MS = 24 * 3_600_000;
const SWEEP_MS = 5 * 60_000;

/** A running (or, before `listen`, injectable) admin server. */
export interface Admin {
  /** For tests: `app.inject()` needs no port. */
  readonly app: FastifyInstance;
  /** Binds; resolves with the address for people, e.g. `http://127.0.0.1:9090`. @throws when the port is taken */
  listen(): Promise<string>;
  /** A link that signs in as `admin`, once, within a day. `listen` first, or give the base. */
  signInLink(base?: string): Promise<string>;
  /** Tells live views of something that this process learned from elsewhere: a shared map changed, an engine committed. */
  announce(topic: LiveTopic, change: string, id: string, about?: unknown): void;
  /** Forgets what retention says; runs by itself every five minutes after `listen`. */
  sweep(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/**
 * The admin API and UI over a store and the ports that `cli/` joins. Policies, data types and scan tests that are kept in the store are
 * published to their ports before it resolves.
 */
export async function createAdmin(options: AdminOptions, ports: Ports & { readonly store: Store }): Promise<Admin> {
  const { store, ...rest } = ports;
  const nowMs = options.nowMs ?? Date.now;
  const context: Context = { store, ports: rest, options, live: new LiveFeed(store, nowMs), seal: createSeal(options.secret), nowMs };
  const localToken = options.dataDir === null ? null : writeLocalToken(options.dataDir);
  const streams = new Set<() => void>();
  const app = Fastify({
    logger: false,
    // A machine that has much else to do is slow, not broken.
    pluginTimeout: 60_000,
    ...(options.tls === undefined ? {} : { https: options.tls }),
    trustProxy: options.behindTls ? 'loopback' : false,
    genReqId: () => newId(nowMs()),
    routerOptions: { maxParamLength: 1000 },
    // Open live views are ended by `close` itself; idle keep-alive sockets must not hold it up.
    forceCloseConnections: true,
  });
  const metrics = createMetrics(context);
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply, context));
  app.setNotFoundHandler((request, reply) =>
    refuse(new AdminError('ADMIN_NOT_FOUND', `there is nothing at ${request.url.split('?')[0]}`), request, reply, context),
  );
  await app.register(cookie);
  await app.register(rateLimit, {
    global: false,
    errorResponseBuilder: () => new AdminError('ADMIN_RATE_LIMITED', 'too many sign-ins from this address'),
  });
  acceptBodies(app);
  addHeaders(app, options);
  registerApi(app, context, localToken, metrics.counters, streams);
  registerOidc(app, context, (error, request, reply) => refuse(error, request, reply, context));
  registerHealth(app, context, metrics);
  app.all('/api/*', (_request, reply) => reply.callNotFound());
  registerUi(app, options.uiDir);
  await publishPolicies(context);
  await publishDataTypes(context);
  await publishScanTests(context);

  let sweeping: NodeJS.Timeout | null = null;
  const sweep = async () => store.sweep(await retentionOf(context), nowMs());
  let base: string | null = null;
  return {
    app,
    async listen() {
      warnAboutBinding(options);
      await app.listen({ host: options.host, port: options.port });
      const { port } = app.server.address() as AddressInfo;
      const host = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host;
      base = options.publicUrl ?? `${options.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
      sweeping = setInterval(() => {
        sweep().catch((error: unknown) =>
          options.log?.('error', `retention failed: ${error instanceof Error ? error.message : String(error)}`),
        );
      }, SWEEP_MS);
      sweeping.unref();
      return base;
    },
    async signInLink(from) {
      const secret = newSecret();
      await store.accounts.addSignInLink({
        hash: hashOf(secret),
        userName: 'admin',
        role: 'admin',
        createdMs: nowMs(),
        expiresMs: nowMs() + LINK_MS,
      });
      // After the #: a fragment reaches no server log and no Referer.
      return `${from ?? base ?? ''}/welcome#${secret}`;
    },
    announce: (topic, change, id, about = null) => context.live.tell(topic, change, id, about),
    sweep,
    async close() {
      if (sweeping !== null) clearInterval(sweeping);
      context.live.close();
      for (const end of [...streams]) end();
      await app.close();
    },
  };
}

/** Lets the command line of the same user on the same machine in. A new one each start; only the owner can read it. */
function writeLocalToken(folder: string): string {
  const token = randomBytes(32).toString('base64url');
  const file = path.join(folder, 'admin-token');
  writeFileSync(`${file}.new`, `${token}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return token;
}

/** Texts and recorded traffic come as they are; everything else must be JSON. */
function acceptBodies(app: FastifyInstance): void {
  const text = ['text/plain', 'application/yaml', 'text/yaml', 'application/x-yaml'];
  app.addContentTypeParser(text, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const binary = ['application/x-ndjson', 'application/har+json', 'application/vnd.tcpdump.pcap', 'application/octet-stream'];
  app.addContentTypeParser(binary, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const json = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // A document that is to be imported is wanted as the text it is.
    if (request.routeOptions.url === '/api/v1/services/:name/openapi' || body === '') done(null, body === '' ? undefined : body);
    else json(request, String(body), done);
  });
}

/** No inline script or style, no framing, no sniffing; the same for API, UI and errors. */
function addHeaders(app: FastifyInstance, options: AdminOptions): void {
  const policy = contentPolicy(null);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', policy);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('x-frame-options', 'DENY');
    reply.header('referrer-policy', 'no-referrer');
    reply.header('cross-origin-opener-policy', 'same-origin');
    reply.header('cross-origin-resource-policy', 'same-origin');
    reply.header('x-request-id', request.id);
    if (options.behindTls || options.tls !== undefined) reply.header('strict-transport-security', 'max-age=31536000');
  });
}

function registerHealth(app: FastifyInstance, context: Context, metrics: ReturnType<typeof createMetrics>): void {
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_request, reply) => {
    try {
      await context.store.ping();
      return reply.type('text/plain').send('ready\n');
    } catch {
      return reply.code(503).type('text/plain').send('the store does not answer\n');
    }
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  // Made when first asked for: it takes longer than the rest of the start.
  let document: string | null = null;
  app.get('/api/v1/openapi.json', async (_request, reply) => {
    document ??= JSON.stringify(openApiDocument());
    return reply.type('application/json; charset=utf-8').send(document);
  });
}

function warnAboutBinding(options: AdminOptions): void {
  const isLoopback = options.host === 'localhost' || options.host === '::1' || options.host.startsWith('127.');
  if (isLoopback || options.tls !== undefined || options.behindTls) return;
  options.log?.(
    'warn',
    `THE ADMIN API IS REACHABLE FROM OTHER MACHINES WITHOUT TLS (bound to ${options.host}): passwords and tokens can be read on the wire. Bind it to 127.0.0.1, give it a certificate, or put a TLS proxy in front and say so (admin.behindTls in weir.yaml).`,
  );
}
