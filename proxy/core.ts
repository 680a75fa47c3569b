import { randomFillSync } from 'node:crypto';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CidrSet, canonicalIp, type HttpVersion, type Mode, type Peer, pathReadings } from '../exchange/index.js';
import { type AccessLine, accessLine, withoutSecrets } from './access-log.js';
import { faultRefusal, pageFor } from './block-page.js';
import { clientBehind } from './client-address.js';
import { ClientConnections } from './client-connections.js';
import { ClientConnection, connectionOf, knownConnection } from './connection.js';
import { Counters } from './counters.js';
import { FAULTS, type FaultCode } from './errors.js';
import { Forward } from './forward.js';
import { LearningWaits } from './learning-waits.js';
import { LiveList } from './live-list.js';
import type { GatewayConfig, Limits } from './options.js';
import { Passage } from './passage.js';
import type { BlockVerdict, GatewayPorts } from './ports.js';
import { isPlenty, Repeats } from './repeats.js';
import type { RequestBody } from './request-body.js';
import { RequestHead, readTarget } from './request-head.js';
import { authority, Service, ServiceRouter } from './services.js';
import { turnAway } from './turn-away.js';

/**
 * What all listeners of one process share: services, limits, ports, counters. `enter` is where a request starts; the order of its steps is the
 * order of a request's life.
 */
export class GatewayCore {
  readonly ports: GatewayPorts;
  readonly counters = new Counters();
  /** Uploads whose last byte has not come yet, for the slow-body check. */
  readonly uploads = new LiveList<RequestBody>();
  readonly learningWaits = new LearningWaits(this.counters);
  /** Requests and upgraded connections in progress, for the drain. */
  readonly running = new LiveList<Forward>();
  /** Those whose answer is written and did not leave yet. */
  readonly leaving = new LiveList<Forward>();
  readonly via: string;
  router: ServiceRouter;
  limits: Limits;
  trusted: CidrSet;
  draining = false;
  /** Real peers of connections that came with a PROXY header, by the address and port of the socket. */
  readonly proxied = new Map<string, Peer>();
  readonly clients = new ClientConnections();
  private readonly repeats = new Repeats();
  private readonly sweep: NodeJS.Timeout;

  /** Throws WeirError for services that cannot stand together and unreadable files. */
  constructor(config: GatewayConfig, ports: GatewayPorts) {
    this.ports = ports;
    this.limits = config.limits;
    this.trusted = new CidrSet(config.trustedProxies);
    this.router = new ServiceRouter(config.services.map((service) => new Service(service)));
    const random = Buffer.alloc(4);
    randomFillSync(random);
    this.via = `weir-${random.toString('hex')}`;
    this.sweep = setInterval(() => this.checkPaces(), 1000);
    this.sweep.unref();
  }

  /** Swaps services, limits and trusted proxies; requests in progress finish with what they started with. Throws and changes nothing when the new ones are wrong. */
  apply(config: Pick<GatewayConfig, 'services' | 'limits' | 'trustedProxies'>): void {
    const trusted = new CidrSet(config.trustedProxies);
    const old = new Map(this.router.services.map((service) => [service.name, service]));
    const fresh: Service[] = [];
    const next = config.services.map((service) => {
      const before = old.get(service.name);
      if (before !== undefined && JSON.stringify(before.config) === JSON.stringify(service)) {
        before.setMode(service.mode);
        return before;
      }
      const built = new Service(service);
      fresh.push(built);
      return built;
    });
    try {
      this.router = new ServiceRouter(next);
    } catch (error) {
      for (const service of fresh) service.retire();
      throw error;
    }
    this.trusted = trusted;
    this.limits = config.limits;
    for (const service of old.values()) if (!next.includes(service)) service.retire();
    this.counters.reloads++;
  }

  setMode(name: string, mode: Mode | { readonly request: Mode; readonly response: Mode }): boolean {
    const service = this.router.services.find((one) => one.name === name);
    service?.setMode(mode);
    return service !== undefined;
  }

  connection(socket: Socket): ClientConnection {
    return connectionOf(socket, (fresh) => {
      const socketIp = canonicalIp(fresh.remoteAddress ?? '') ?? '';
      const real = this.proxied.get(`${fresh.remoteAddress}:${fresh.remotePort}`);
      const peer = real ?? { ip: socketIp, port: fresh.remotePort ?? 0 };
      return new ClientConnection(fresh, peer, this.trusted.has(peer.ip));
    });
  }

  /** `enter`, and an answer where it throws: nobody else would give one. */
  enterSafely(req: IncomingMessage, res: ServerResponse, upgradeHead: Buffer | null = null): void {
    try {
      this.enter(req, res, upgradeHead);
    } catch (error) {
      this.counters.portFailed('request', error);
      if (res.headersSent) res.destroy();
      else this.refuse('INTERNAL', req, res, this.connection(req.socket).peer, '');
    }
  }

  /** A request of any listener. `res` is the HTTP/2 compatibility response for HTTP/2 clients. */
  enter(req: IncomingMessage, res: ServerResponse, upgradeHead: Buffer | null = null): void {
    const { limits, ports } = this;
    const connection = this.connection(req.socket);
    if (connection.refused) {
      res.destroy();
      return;
    }
    if (connection.endSession !== null) connection.activeMs = performance.now();
    // Over HTTP/2 the session sees to it.
    else if (connection.inflight >= limits.streamsPerConnection) {
      this.cut('PIPELINE_TOO_DEEP', connection);
      return;
    }
    const nowMs = ports.nowMs();
    if (limits.requestsPerConnectionPerSecond > 0 && connection.tooFast(limits.requestsPerConnectionPerSecond, nowMs)) {
      this.refuse('CONNECTION_RATE', req, res, connection.peer, '', 1);
      return;
    }

    const version: HttpVersion =
      req.httpVersion === '2.0' && req.httpVersionMajor === 2 && 'stream' in req ? '2' : req.httpVersion === '1.0' ? '1.0' : '1.1';
    const url = req.url ?? '/';
    if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0' && version !== '2') {
      this.refuse('MESSAGE_MALFORMED', req, res, connection.peer, '');
      return;
    }
    // Over HTTP/1.1 the parser sees to it.
    if (version === '2' && bytesOf(req.rawHeaders) > limits.headerBytes) {
      this.refuse('HEADERS_TOO_LARGE', req, res, connection.peer, '');
      return;
    }
    const head = new RequestHead(req.rawHeaders, version, limits.headerCount);
    const { target, fault } = readTarget(url, req.method ?? 'GET', head.host, limits.targetBytes);
    if (head.fault !== null || fault !== null) {
      this.refuse(head.fault ?? fault!, req, res, connection.peer, head.requestId);
      return;
    }

    let client = connection.peer;
    let hops: readonly string[] = NO_HOPS;
    if (connection.trusted && (head.forwardedFor !== '' || head.forwarded !== '')) {
      const chain = clientBehind(connection.peer.ip, head.forwardedFor, head.forwarded, this.trusted);
      hops = chain.hops;
      if (chain.ip !== client.ip) client = { ip: chain.ip, port: 0 };
    }
    if (target === '*' || (req.method === 'OPTIONS' && head.maxForwards !== '' && !head.spendForward())) {
      this.answerOptions(req, res, client, head, target);
      return;
    }
    if (req.method === 'TRACE') {
      this.refuse('TRACE_REFUSED', req, res, client, head.requestId);
      return;
    }
    const scheme = connection.secure || (connection.trusted && head.forwardedProto === 'https') ? 'https' : 'http';
    const name = authority(head.host, scheme);
    const service = this.serviceFor(name.hostname, target);
    if (service === null || service === 'ambiguous') {
      this.refuse(service === null ? 'NO_SERVICE' : 'MESSAGE_AMBIGUOUS', req, res, client, head.requestId);
      return;
    }
    const block = this.blockOf(connection, client, service);
    const repeat = block === null || (block.action ?? 'block') !== 'block' ? null : this.repeats.of(client.ip, block.id, nowMs);
    if (repeat !== null && isPlenty(repeat) && upgradeHead === null) {
      if (turnAway(this, { repeat, service, client, connection, head, target, req, res })) return;
    }

    const passage = new Passage(
      {
        service: service.name,
        requestMode: service.requestMode,
        responseMode: service.responseMode,
        client,
        server: connection.server,
        clientCertificate: connection.certificate,
        method: req.method ?? 'GET',
        scheme,
        host: name.host,
        target,
        httpVersion: version,
        headers: version === '2' ? withoutPseudo(req.rawHeaders, head.host) : head.seen(req.rawHeaders),
        requestId: head.requestId,
        scanMark: head.scanMark,
      },
      service.plans,
      ports,
      this.counters,
    );
    new Forward(this, service, passage, head, connection, hops, req, res, upgradeHead).start(block);
    if (repeat !== null && repeat.incident === '' && passage.incident !== undefined) repeat.incident = passage.incident;
  }

  /** An upgrade request: the same way as any other, with a response on the raw socket until the upstream agrees. */
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    // The client may keep its side open for ever.
    res.once('finish', () => socket.destroySoon());
    this.enterSafely(req, res, head);
  }

  private serviceFor(hostname: string, target: string): Service | 'ambiguous' | null {
    const found = this.router.find(hostname, target);
    const question = target.indexOf('?');
    const path = question < 0 ? target : target.slice(0, question);
    // `/public/../admin` belongs to /public for a strict reader and to /admin for a lenient one: only where all agree may it pass.
    const readings = pathReadings(path);
    for (let index = 1; index < readings.length; index++) if (this.router.find(hostname, readings[index]) !== found) return 'ambiguous';
    return found;
  }

  private blockOf(connection: ClientConnection, client: Peer, service: Service): BlockVerdict | null {
    const { blocklist } = this.ports;
    const direct = client === connection.peer;
    if (direct && connection.clearVersion === blocklist.version && connection.clearService === service.name) return null;
    let verdict: BlockVerdict | null = null;
    try {
      verdict = blocklist.check(client.ip, null, service.name);
    } catch (error) {
      this.counters.portFailed('blocklist', error);
    }
    if (verdict === null && direct) {
      connection.clearVersion = blocklist.version;
      connection.clearService = service.name;
    }
    return verdict;
  }

  /** Answers a request that cannot become a passage: no record is made, it is logged and counted. */
  refuse(code: FaultCode, req: IncomingMessage, res: ServerResponse, client: Peer, requestId: string, retryAfterS?: number): void {
    this.counters.faults[code]++;
    const page = pageFor(
      { ...faultRefusal(code, requestId, ''), ...(retryAfterS === undefined ? {} : { retryAfterS }) },
      req.rawHeaders,
      null,
    );
    const headers = req.httpVersionMajor >= 2 ? page.headers : [...page.headers, 'connection', 'close'];
    const connection = knownConnection(req.socket);
    if (connection !== undefined && req.httpVersionMajor < 2) connection.refused = true;
    res.writeHead(page.status, headers);
    res.end(page.body);
    this.logFault(code, client, req.method ?? '-', req.headers.host ?? '', req.url ?? '', requestId);
  }

  /** Ends an HTTP/1.1 connection with all that is asked over it. */
  private cut(code: FaultCode, connection: ClientConnection): void {
    connection.refused = true;
    this.counters.faults[code]++;
    this.logFault(code, connection.peer);
    connection.socket.destroy();
  }

  /** A client misuses HTTP/2: its connection goes. */
  flooded(connection: ClientConnection): void {
    this.counters.faults.HTTP2_FLOOD++;
    this.logFault('HTTP2_FLOOD', connection.peer);
    connection.endSession?.();
  }

  /**
   * `OPTIONS *` asks the server it reaches (RFC 9110 §9.3.7), and so does one with no hops left; that is this one, and no service is meant: no policy or block
   * of a service holds, and there is nothing to record. It is logged and counted.
   */
  private answerOptions(req: IncomingMessage, res: ServerResponse, client: Peer, head: RequestHead, target: string): void {
    this.counters.ownAnswers++;
    const answer = ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', 'content-length', '0'];
    // Nobody looks at the pace of a body that nobody reads.
    if (req.httpVersionMajor < 2 && (this.draining || head.chunked || head.contentLength > 0)) answer.push('connection', 'close');
    res.writeHead(200, answer);
    res.end();
    this.logOwn(client, {
      requestId: head.requestId,
      traceparent: head.traceparent,
      method: req.method ?? '-',
      host: head.host,
      target,
      version: req.httpVersion,
      status: 200,
      outcome: 'passed',
      fault: null,
    });
  }

  /** Logs what never became a passage. */
  logFault(code: FaultCode, client: Peer, method = '-', host = '', target = '', requestId = ''): void {
    this.logOwn(client, {
      requestId,
      traceparent: '',
      method,
      host,
      target: withoutSecrets(target.slice(0, 2048)),
      version: '',
      status: FAULTS[code].status,
      outcome: 'failed',
      fault: code,
    });
  }

  /** Logs what the gateway answered itself, for no service. */
  private logOwn(client: Peer, line: OwnLine): void {
    this.ports.accessLog?.write(
      accessLine({
        atMs: this.ports.nowMs(),
        exchangeId: '',
        client: client.ip,
        service: '',
        requestBytes: 0,
        responseBytes: 0,
        durationMs: 0,
        upstreamMs: null,
        upstream: '',
        incident: undefined,
        principal: null,
        rules: '',
        ...line,
      }),
    );
  }

  private checkPaces(): void {
    const nowMs = performance.now();
    for (const body of this.uploads.all()) if (!body.complete) body.checkPace(nowMs);
    for (const forward of this.leaving.all()) forward.checkLeaving();
  }

  /** Closes upstream connections; `now` does not wait for exchanges in progress. */
  async close(now: boolean): Promise<void> {
    clearInterval(this.sweep);
    await Promise.all(this.router.services.map((service) => (now ? service.upstreams.destroy() : service.upstreams.close())));
  }
}

type OwnLine = Pick<AccessLine, 'requestId' | 'traceparent' | 'method' | 'host' | 'target' | 'version' | 'status' | 'outcome' | 'fault'>;

const NO_HOPS: readonly string[] = [];

/** Of a header list as HTTP/2 counts it (RFC 9113 §6.5.2). */
function bytesOf(raw: readonly string[]): number {
  let bytes = 0;
  for (const text of raw) bytes += text.length + 16;
  return bytes;
}

function withoutPseudo(raw: readonly string[], host: string): string[] {
  const list = ['host', host];
  for (let index = 0; index < raw.length; index += 2) if (raw[index].charCodeAt(0) !== 58) list.push(raw[index], raw[index + 1]);
  return list;
}
