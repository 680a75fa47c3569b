import { type FSWatcher, watch } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { dirname } from 'node:path';
import { createSecureContext, type TLSSocket } from 'node:tls';
import Fastify from 'fastify';
import { canonicalIp } from '../exchange/index.js';
import { knownConnection } from './connection.js';
import type { GatewayCore } from './core.js';
import { FAULTS, type FaultCode, gatewayErrors } from './errors.js';
import { Http2Sessions } from './http2-sessions.js';
import type { ListenerConfig } from './options.js';
import { readProxyHeader } from './proxy-protocol.js';
import { pemText } from './upstreams.js';

/** A listening socket of the gateway, and the Fastify app behind it. */
export interface Listener {
  readonly config: ListenerConfig;
  listen(): Promise<{ readonly host: string; readonly port: number; readonly tls: boolean }>;
  /** Reads certificate and key again. Throws, and keeps the old ones, when they cannot be used. */
  reloadTls(): void;
  /** Takes up what `GatewayCore.limits` says by now, for connections that come; how long a TLS handshake may take stays. */
  applyLimits(): void;
  /** Stops accepting and closes idle connections; resolves when the last connection has ended. */
  close(): Promise<void>;
  /** Cuts every connection. */
  destroy(): void;
}

const MOST_HTTP2_FIELDS = 2_000;

/** Methods that are routed: all that Node's parser knows, but CONNECT. */
const METHODS = http.METHODS.filter((method) => method !== 'CONNECT');

/** Builds the Fastify app of a listener and its server: HTTP/1.1, or TLS with HTTP/2 and HTTP/1.1 by ALPN. Nothing listens yet. */
export function createListener(config: ListenerConfig, core: GatewayCore): Listener {
  const { limits } = core;
  const options: https.ServerOptions = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    // Bodies may take long; their pace is checked instead (`checkPace`).
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, limits.headersMs),
    // The gateway looks for itself, and says what is wrong.
    requireHostHeader: false,
    // A TLS handshake is waited for no longer than headers are.
    handshakeTimeout: limits.headersMs,
    ...tlsOptions(config),
  };
  const sockets = new Set<net.Socket>();
  const app = Fastify({
    logger: false,
    // Every target goes to the one route: find-my-way would decode and refuse some, and routing by host and prefix is the gateway's own.
    rewriteUrl: () => '/',
    clientErrorHandler: (error, socket) => onClientError(core, config, error, socket),
    serverFactory: (handler) => serverOf(config, options, core, handler),
  });
  // "Without body" makes Fastify leave the body alone: the gateway reads it, or does not.
  for (const method of METHODS) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  app.route({
    method: METHODS,
    url: '/',
    exposeHeadRoute: false,
    handler: (request, reply) => {
      reply.hijack();
      request.raw.url = request.originalUrl;
      core.enterSafely(request.raw, reply.raw);
    },
  });
  const { server } = app;
  // Node drops headers beyond its own limit without a word, which would hide part of a message: the gateway counts them itself.
  server.maxHeadersCount = 0;

  const onSocket = (socket: net.Socket) => {
    sockets.add(socket);
    core.counters.connections++;
    core.counters.connectionsOpen++;
    socket.once('close', () => {
      sockets.delete(socket);
      core.counters.connectionsOpen--;
    });
    admit(core, socket, canonicalIp(socket.remoteAddress ?? '') ?? '', config);
  };

  server.on('connect', (req: http.IncomingMessage, socket: unknown) => {
    // Over HTTP/2 a response comes instead of the socket.
    if (socket instanceof http2.Http2ServerResponse)
      core.refuse('CONNECT_REFUSED', req, socket as never, core.connection(req.socket).peer, '');
    else reject(core, socket as net.Socket, 'CONNECT_REFUSED', true);
  });
  // Node would answer an Expect header before anything was decided; both kinds take the ordinary way, and `Forward` answers.
  for (const expectation of ['checkContinue', 'checkExpectation']) {
    server.on(expectation, (req: http.IncomingMessage, res: http.ServerResponse) => server.emit('request', req, res));
  }
  server.on('upgrade', (req: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding, upgrade = '' } = req.headers;
    // The upstream may choose any protocol of the list. In these HTTP would go on, unseen.
    // HTTP/1.0 has no upgrades (RFC 9110 §7.8).
    if (/h2|http|tls/i.test(upgrade) || req.httpVersion === '1.0') reject(core, socket, 'UPGRADE_REFUSED', true);
    // The parser takes a body for the first bytes of the new protocol.
    else if (length !== '0' || coding !== undefined) reject(core, socket, 'MESSAGE_AMBIGUOUS', true);
    else core.upgrade(req, socket, head);
  });

  const front = config.proxyProtocol
    ? net.createServer({ noDelay: true }, (socket) => acceptProxied(core, socket, server, config))
    : server;
  front.on('connection', onSocket);
  // A server that never listens itself never looks for slow headers and idle connections.
  if (front !== server) front.on('listening', () => server.emit('listening'));
  const sessions = server instanceof http.Server || config.tls?.http2 !== true ? null : new Http2Sessions(core);
  if (sessions !== null) (server as net.Server).on('session', (session: http2.ServerHttp2Session) => sessions.add(session));
  const watcher = config.tls === undefined ? null : watchTls(config, () => reload());
  const reload = () => {
    const fresh = tlsOptions(config);
    try {
      createSecureContext(fresh);
    } catch (error) {
      throw gatewayErrors.badTls(`the certificate of ${config.host}:${config.port}`, error);
    }
    (server as https.Server).setSecureContext(fresh);
  };

  return {
    config,
    listen: async () => {
      await app.ready();
      await new Promise<void>((resolve, refuse) => {
        front.once('error', (error: NodeJS.ErrnoException) =>
          refuse(
            error.code === 'EADDRINUSE'
              ? gatewayErrors.portInUse(config.host, config.port, error)
              : gatewayErrors.cannotListen(config.host, config.port, error),
          ),
        );
        front.listen(config.port, config.host, () => resolve());
      });
      const address = front.address() as net.AddressInfo;
      return { host: config.host, port: address.port, tls: config.tls !== undefined };
    },
    reloadTls: reload,
    applyLimits: () => {
      const { headerBytes, headersMs, keepAliveMs, streamsPerConnection } = core.limits;
      Object.assign(server, { maxHeaderSize: headerBytes, headersTimeout: headersMs, keepAliveTimeout: keepAliveMs });
      if (speaksHttp2(server)) server.updateSettings({ maxConcurrentStreams: streamsPerConnection });
    },
    close: async () => {
      watcher?.close();
      sessions?.close();
      await new Promise<void>((resolve) => {
        front.close(() => resolve());
        if ('closeIdleConnections' in server) server.closeIdleConnections();
      });
      await app.close();
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function serverOf(config: ListenerConfig, options: https.ServerOptions, core: GatewayCore, handler: http.RequestListener): http.Server {
  if (config.tls === undefined) return http.createServer(options, handler);
  if (!config.tls.http2) return https.createServer(options, handler);
  // Beyond these Node resets the stream without a word; what is below is counted and answered by the gateway.
  const limits = { maxHeaderListPairs: MOST_HTTP2_FIELDS };
  const settings = { enableConnectProtocol: false, maxConcurrentStreams: core.limits.streamsPerConnection };
  const known = new Set(METHODS);
  const onRequest = (req: http.IncomingMessage, res: http.ServerResponse) => {
    // Over HTTP/1.1 the parser refuses them.
    if (known.has(req.method ?? '')) handler(req, res);
    else core.refuse('MESSAGE_MALFORMED', req, res, core.connection(req.socket).peer, '');
  };
  // The compatibility layer gives HTTP/2 requests the HTTP/1 interface; the two servers differ in type only.
  const server = http2.createSecureServer({ ...options, ...limits, allowHTTP1: true, noDelay: true, settings }, onRequest as never);
  // For its HTTP/1.1 clients it takes none of these as options, and would cut an upload after five minutes.
  const { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval, maxHeaderSize } = options;
  return Object.assign(server, { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval, maxHeaderSize }) as never;
}

function tlsOptions(config: ListenerConfig): https.ServerOptions {
  const { tls } = config;
  if (tls === undefined) return {};
  return {
    cert: pemText('certificate', tls.cert),
    key: pemText('key', tls.key),
    ...(tls.clientCa === undefined
      ? {}
      : { ca: pemText('client CA', tls.clientCa), requestCert: true, rejectUnauthorized: tls.clientCertificate === 'required' }),
    minVersion: 'TLSv1.2',
  };
}

/** Calls `changed` soon after a certificate file was replaced; a set that cannot be used is left alone until the next change. */
function watchTls(config: ListenerConfig, changed: () => void): { close(): void } {
  const { cert, key, clientCa } = config.tls!;
  const files = [cert, key, clientCa].filter((file) => file !== undefined && !file.includes('-----BEGIN')) as string[];
  let timer: NodeJS.Timeout | null = null;
  // The folder is watched: renewals replace files by rename, and a watch on the file would stay with the old one.
  const watchers: FSWatcher[] = [...new Set(files.map((file) => dirname(file)))].map((folder) =>
    watch(folder, { persistent: false }, () => {
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(() => {
        try {
          changed();
        } catch {
          // Certificate and key are written one after the other: in between they do not match, and the second write comes back here.
        }
      }, 200);
    }),
  );
  return {
    close: () => {
      if (timer !== null) clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}

const CLIENT_ERRORS: Readonly<Record<string, FaultCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'HEADERS_SLOW',
};

/** Of OpenSSL and of Node: the handshake came to an end, because of what the client said or did not say. */
const TLS_ERROR = /^ERR_SSL_|^ERR_TLS_/;

/** What the parser refused, or a socket that broke. */
function onClientError(core: GatewayCore, config: ListenerConfig, error: NodeJS.ErrnoException, socket: net.Socket): void {
  const { code: reason = '' } = error;
  // The client closed in the middle of a message: it went away, and said nothing wrong.
  const said = reason.startsWith('HPE_') && reason !== 'HPE_INVALID_EOF_STATE';
  // Node closes the connection of a certificate that it does not accept, and says no more than that it was closed.
  const unauthorized = config.tls?.clientCertificate === 'required' && Boolean((socket as TLSSocket).authorizationError);
  if (unauthorized || TLS_ERROR.test(reason)) {
    reject(core, socket, 'CLIENT_TLS', false);
    return;
  }
  const code = CLIENT_ERRORS[reason] ?? (said ? 'MESSAGE_MALFORMED' : null);
  if (code === null) {
    socket.destroy();
    return;
  }
  const connection = knownConnection(socket);
  if (connection?.refused === true) {
    socket.destroySoon();
    return;
  }
  const current = connection?.current ?? null;
  if (current !== null) {
    // Bytes of an answer may be on the wire already: nothing can be said without breaking it.
    current.malformed(code);
    return;
  }
  reject(core, socket, code, true);
}

const speaksHttp2 = (server: object): server is http2.Http2SecureServer => 'updateSettings' in server;

/** Counts a connection for its client; false: it is one too many, and was refused. A trusted proxy has connections of many clients. */
function admit(core: GatewayCore, socket: net.Socket, ip: string, config: ListenerConfig): boolean {
  const limit = core.limits.connectionsPerClient;
  if (limit === 0 || core.trusted.has(ip) || core.clients.admit(socket, ip, limit)) return true;
  reject(core, socket, 'CLIENT_CONNECTIONS', config.tls === undefined);
  return false;
}

/** Says no on a raw socket and closes it. `plain` false: the client expects TLS and could not read it. */
function reject(core: GatewayCore, socket: net.Socket, code: FaultCode, plain: boolean): void {
  const connection = core.connection(socket);
  connection.refused = true;
  core.counters.faults[code]++;
  core.logFault(code, connection.peer);
  if (!plain || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, title } = FAULTS[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, code });
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Error'}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  socket.setTimeout(2000, () => socket.destroy());
}

/** Reads the PROXY header of a trusted peer, then hands the connection to the HTTP server; a header from anyone else is refused. */
function acceptProxied(core: GatewayCore, socket: net.Socket, server: net.Server, config: ListenerConfig): void {
  const peerIp = canonicalIp(socket.remoteAddress ?? '') ?? '';
  const key = `${socket.remoteAddress}:${socket.remotePort}`;
  if (!core.trusted.has(peerIp)) {
    server.emit('connection', socket);
    return;
  }
  let gathered: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => reject(core, socket, 'PROXY_HEADER_INVALID', false), core.limits.headersMs);
  const onError = () => socket.destroy();
  socket.on('error', onError);
  const onData = (chunk: Buffer) => {
    gathered = gathered.length === 0 ? chunk : Buffer.concat([gathered, chunk]);
    const read = readProxyHeader(gathered);
    if (read.kind === 'more' && gathered.length < 4096) return;
    clearTimeout(timer);
    socket.off('data', onData);
    if (read.kind !== 'header') {
      reject(core, socket, 'PROXY_HEADER_INVALID', false);
      return;
    }
    socket.off('error', onError);
    if (read.peer !== null) {
      core.proxied.set(key, read.peer);
      socket.once('close', () => core.proxied.delete(key));
      if (!admit(core, socket, read.peer.ip, config)) return;
    }
    socket.pause();
    const rest = gathered.subarray(read.bytes);
    if (rest.length > 0) socket.unshift(rest);
    server.emit('connection', socket);
    process.nextTick(() => socket.resume());
  };
  socket.on('data', onData);
  socket.once('close', () => clearTimeout(timer));
}
