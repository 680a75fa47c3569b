import type { IncomingMessage } from 'node:http';
import { PassThrough, Readable, Transform, type TransformCallback } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type Body, bodyOf, CidrSet, canonicalIp, emptyBody, type HeaderList, headersOf, type Mode } from '../exchange/index.js';
import { faultRefusal, type Page, pageFor, titleOf } from './block-page.js';
import { clientBehind } from './client-address.js';
import { ClientConnection, connectionOf } from './connection.js';
import { Counters } from './counters.js';
import type { FaultCode } from './errors.js';
import { LearningWaits } from './learning-waits.js';
import { limitsSchema, type ServiceOptions, serviceSchema } from './options.js';
import { Passage, type Verdict } from './passage.js';
import { type GatewayPorts, trivialPorts } from './ports.js';
import { RequestHead, readTarget } from './request-head.js';
import { withMutation } from './response-head.js';
import { authority, PlanCache } from './services.js';
import { TARPIT_MS, tarpit } from './tarpit.js';

/** Options of the plugin. Everything has a default: with no ports it does nothing but refuse malformed messages. */
export interface RouteGuardOptions {
  /** Name of this app in inventory, policies and metrics; default `app`. */
  readonly service?: string;
  /** Default `observe`: decisions are recorded, nothing is blocked. Read on every request, so a function may switch it at run time. */
  readonly mode?: Mode | (() => Mode);
  /** What the plugin asks: policies, blocklist, tee, …; what is left out is trivial. */
  readonly ports?: Partial<GatewayPorts>;
  /** Addresses and CIDRs whose forwarding headers are believed. */
  readonly trustedProxies?: readonly string[];
  readonly blockPage?: ServiceOptions['blockPage'];
  /** How much of each body is recorded; default 64 KiB. */
  readonly captureBytes?: number;
  /**
   * How long, ms, a request may wait that would be blocked or alert because of whose object it names, while the engine learns of what its caller did just before; default 100, at
   * most 1,000, 0: it does not.
   */
  readonly learningWaitMs?: number;
  /** Where to count; default: nowhere that can be read. */
  readonly counters?: Counters;
}

/** What a route can learn about its own request: `request.weir`. */
export interface WeirRequest {
  readonly exchangeId: string;
  readonly requestId: string;
  readonly clientIp: string;
  readonly principalKey: string | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    weir: WeirRequest | null;
  }
}

/** One request of the app while it is being served. */
class Visit {
  readonly passage: Passage;
  requestChunks: Uint8Array[] = [];
  requestBytes = 0;
  responseChunks: Uint8Array[] = [];
  responseBytes = 0;
  headers: HeaderList = [];
  /** The answer is weir's own: it is not judged again. */
  refused = false;
  /** The request phase is over. */
  decided = false;

  constructor(passage: Passage) {
    this.passage = passage;
  }
}

async function protect(app: FastifyInstance, options: RouteGuardOptions): Promise<void> {
  const ports = trivialPorts({ observer: { kind: 'plugin', id: `plugin-${process.pid}` }, ...options.ports });
  const service = options.service ?? 'app';
  const trusted = new CidrSet(options.trustedProxies ?? []);
  const blockPage = serviceSchema.shape.blockPage.parse(options.blockPage ?? {});
  const { captureBytes, learningWaitMs } = options;
  const limits = limitsSchema.parse({ captureBytes, learningWaitMs });
  const counters = options.counters ?? new Counters();
  const plans = new PlanCache(service);
  const mark = Symbol('weir visit');
  // On the request itself: what a WeakMap holds for a request outlives collections of the young generation.
  const visitOf = (request: FastifyRequest): Visit | undefined => (request as FastifyRequest & Record<symbol, Visit | undefined>)[mark];
  const modeNow = typeof options.mode === 'function' ? options.mode : () => (options.mode as Mode | undefined) ?? 'observe';

  app.decorateRequest('weir', null);
  app.decorateRequest(mark, undefined);

  const learningWaits = new LearningWaits(counters);
  const whenLearned = (passage: Passage, body: Body | null, goOn: () => void, failed: (error: unknown) => void): void => {
    const isStillLearning = () => passage.isStillLearning(body);
    if (
      limits.learningWaitMs === 0 ||
      !isStillLearning() ||
      !learningWaits.begin({ isStillLearning, longestMs: limits.learningWaitMs, goOn, failed })
    )
      goOn();
  };

  // 1. Who is it, may they come in at all?
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    const connection = connectionOf(raw.socket, (socket) => {
      const peer = { ip: canonicalIp(socket.remoteAddress ?? '') ?? '', port: socket.remotePort ?? 0 };
      return new ClientConnection(socket, peer, trusted.has(peer.ip));
    });
    const head = new RequestHead(raw.rawHeaders, raw.httpVersion, limits.headerCount);
    const { target, fault } = readTarget(request.originalUrl, request.method, head.host, limits.targetBytes);
    const wrong: FaultCode | null = head.fault ?? fault;
    if (wrong !== null) {
      counters.faults[wrong]++;
      return answer(reply, pageFor(faultRefusal(wrong, head.requestId, ''), raw.rawHeaders, null));
    }
    const scheme = connection.secure || (connection.trusted && head.forwardedProto === 'https') ? 'https' : 'http';
    let client = connection.peer;
    if (connection.trusted && (head.forwardedFor !== '' || head.forwarded !== '')) {
      const { ip } = clientBehind(client.ip, head.forwardedFor, head.forwarded, trusted);
      if (ip !== client.ip) client = { ip, port: 0 };
    }
    const mode = modeNow();
    const passage = new Passage(
      {
        service,
        requestMode: mode,
        responseMode: mode,
        client,
        server: connection.server,
        clientCertificate: connection.certificate,
        method: request.method,
        scheme,
        host: authority(head.host, scheme).host,
        target,
        httpVersion: raw.httpVersionMajor === 2 ? '2' : raw.httpVersion === '1.0' ? '1.0' : '1.1',
        headers: raw.rawHeaders,
        requestId: head.requestId,
        scanMark: head.scanMark,
      },
      plans,
      ports,
      counters,
    );
    const visit = new Visit(passage);
    Object.assign(request, { [mark]: visit });
    request.weir = passage.asRequest();
    const stop = passage.stopped(passage.blockOfAddress());
    if (stop !== null) {
      const say = () =>
        refuse(request, reply, visit, stop.action === 'throttle' ? 429 : 403, stop.retryAfterS ?? 0, stop.action === 'close');
      if (stop.action !== 'tarpit') return say();
      if (!tarpit(stop.delayMs ?? TARPIT_MS, say)) say();
      return;
    }
    if (passage.requestHoldBytes > 0 && hasBody(raw, head)) return done();
    visit.decided = true;
    const body = passage.requestHoldBytes > 0 ? emptyBody : null;
    const decide = () => {
      const verdict = passage.decideRequest(body);
      if (stops(verdict)) return act(request, reply, visit, verdict);
      changeHeaders(raw, verdict);
      done();
    };
    whenLearned(passage, body, decide, (error) => done(error as Error));
  });

  // 2. The request body: held back until it is decided where a rule asks for it, else counted as it streams by.
  app.addHook('preParsing', async (request, reply, payload) => {
    const visit = visitOf(request);
    if (visit === undefined) return payload;
    const hold = visit.passage.requestHoldBytes;
    if (visit.decided || hold === 0) return counted(payload, (chunk) => seen(visit, chunk, limits.captureBytes));
    const { chunks, whole, rest } = await gather(payload, hold);
    for (const chunk of chunks) seen(visit, chunk, limits.captureBytes);
    const overflow = visit.passage.plan.requestOverflow;
    if (!whole && overflow === 'block' && visit.passage.overflowed('request')) {
      refuse(request, reply, visit, 413, 0, false);
      return payload;
    }
    const bytes = Buffer.concat(chunks);
    const body = whole ? bodyOf(bytes) : overflow === 'inspect-prefix' ? bodyOf(bytes.subarray(0, hold), bytes.length) : null;
    await new Promise<void>((resolve, reject) => whenLearned(visit.passage, body, resolve, reject));
    const verdict = visit.passage.decideRequest(body);
    if (stops(verdict)) {
      act(request, reply, visit, verdict);
      return payload;
    }
    changeHeaders(request.raw, verdict);
    const replaced = verdict === null ? null : (verdict.mutation?.body ?? null);
    return withLength(replaced === null ? joined(chunks, rest) : joined([Buffer.from(replaced)], null), bytes.length);
  });

  // 3. The answer, before its first byte goes out.
  app.addHook('onSend', async (request, reply, answer: unknown) => {
    const visit = visitOf(request);
    if (visit === undefined || visit.refused) return answer;
    const { passage } = visit;
    const payload = nodeForm(answer, reply);
    reply.header('x-request-id', passage.requestId);
    visit.headers = headersOf(reply.getHeaders());
    const hold = passage.responseHoldBytes;
    let chunks: Buffer[] | null = bytesOf(payload);
    let rest: Readable | null = null;
    let whole = true;
    if (chunks === null && payload instanceof Readable && hold > 0) ({ chunks, whole, rest } = await gather(payload, hold));
    if (chunks !== null) for (const chunk of chunks) answered(visit, chunk, limits.captureBytes);
    const total = chunks === null ? null : Buffer.concat(chunks);
    const tooLong = !whole || (total !== null && hold > 0 && total.length > hold);
    const overflow = passage.plan.responseOverflow;
    if (tooLong && overflow === 'block' && passage.overflowed('response')) return replaceAnswer(reply, visit, 403, 0);
    const body =
      hold === 0 || total === null
        ? null
        : !tooLong
          ? bodyOf(total)
          : overflow === 'inspect-prefix'
            ? bodyOf(total.subarray(0, hold), total.length)
            : null;
    const verdict = passage.decideResponse(reply.statusCode, visit.headers, body);
    if (verdict !== null && verdict.action === 'close') {
      request.raw.socket.destroy();
      return '';
    }
    if (stops(verdict)) {
      if (verdict.action === 'tarpit') await new Promise((resolve) => setTimeout(resolve, verdict.delayMs));
      return replaceAnswer(reply, visit, verdict.status >= 400 ? verdict.status : 403, verdict.retryAfterS);
    }
    const mutation = verdict?.mutation ?? null;
    if (mutation !== null) {
      const kept = withMutation(visit.headers, tooLong ? { ...mutation, body: null } : mutation);
      for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
      for (let index = 0; index < kept.length; index += 2) reply.header(kept[index], kept[index + 1]);
      if (!tooLong && mutation.body !== undefined && mutation.body !== null) return Buffer.from(mutation.body);
    }
    if (rest !== null)
      return joined(
        chunks ?? [],
        counted(rest, (chunk) => answered(visit, chunk, limits.captureBytes)),
      );
    if (chunks !== null && payload instanceof Readable) return total;
    if (payload instanceof Readable) return counted(payload, (chunk) => answered(visit, chunk, limits.captureBytes));
    return payload;
  });

  // 4. The record.
  app.addHook('onRequestAbort', (request, done) => {
    visitOf(request)?.passage.failed('CLIENT_ABORT');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const visit = visitOf(request);
    if (visit !== undefined) finish(visit, reply);
    done();
  });

  function finish(visit: Visit, reply: FastifyReply): void {
    const { passage } = visit;
    passage.requestBody = captured(visit.requestChunks, visit.requestBytes);
    const durationMs = passage.finish({
      status: reply.statusCode,
      httpVersion: '1.1',
      headers: visit.headers.length > 0 ? visit.headers : headersOf(reply.getHeaders()),
      body: captured(visit.responseChunks, visit.responseBytes),
      trailers: [],
    });
    counters.service(service).answered(reply.statusCode, durationMs, visit.requestBytes, visit.responseBytes);
  }

  function act(request: FastifyRequest, reply: FastifyReply, visit: Visit, verdict: NonNullable<Verdict>): void {
    const status = verdict.status >= 400 ? verdict.status : verdict.action === 'throttle' ? 429 : 403;
    if (verdict.action !== 'tarpit') {
      refuse(request, reply, visit, status, verdict.retryAfterS, verdict.action === 'close');
      return;
    }
    const say = () => refuse(request, reply, visit, status, verdict.retryAfterS, false);
    if (!tarpit(verdict.delayMs, say)) say();
  }

  function refuse(request: FastifyRequest, reply: FastifyReply, visit: Visit, status: number, retryAfterS: number, close: boolean): void {
    visit.refused = true;
    if (close || blockPage.reset) {
      reply.hijack();
      finish(visit, reply);
      request.raw.socket.destroy();
      return;
    }
    answer(reply, refusalPage(visit, status, retryAfterS));
  }

  function refusalPage(visit: Visit, status: number, retryAfterS: number): Page {
    const { passage } = visit;
    return pageFor(
      {
        status,
        title: titleOf(status),
        code: status === 429 ? 'THROTTLED' : 'BLOCKED',
        incident: passage.incidentOf(),
        requestId: passage.requestId,
        retryAfterS,
      },
      passage.headers,
      blockPage,
    );
  }

  function replaceAnswer(reply: FastifyReply, visit: Visit, status: number, retryAfterS: number): Buffer {
    const page = refusalPage(visit, status, retryAfterS);
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
    for (let index = 0; index < page.headers.length; index += 2) reply.header(page.headers[index], page.headers[index + 1]);
    reply.code(page.status);
    return page.body;
  }
}

/**
 * Protects the routes of a Fastify 5 app without proxying, in the app's own process: hooks that ask the ports what the gateway asks them. The
 * package's own plugin (cli/) joins it with policies, blocks and a stream. Replies that a route hijacks are recorded by nothing and judged in the
 * request phase only.
 */
export const routeGuard: FastifyPluginAsync<RouteGuardOptions> = Object.assign(protect, {
  // Fastify's own mark for plugins that are not encapsulated: the hooks must hold for the whole app, not for a child of it.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'weir-route-guard',
});

/** A verdict that ends the exchange. */
type Stop = NonNullable<Verdict> & { readonly action: 'block' | 'throttle' | 'tarpit' | 'close' };

/** What a policy changes of the request's headers, as the routes of the app will read them. */
function changeHeaders(raw: IncomingMessage, verdict: Verdict): void {
  for (const name of verdict?.mutation?.removeHeaders ?? []) delete raw.headers[name.toLowerCase()];
  for (const [name, value] of verdict?.mutation?.setHeaders ?? []) raw.headers[name.toLowerCase()] = value;
}

function stops(verdict: Verdict): verdict is Stop {
  return verdict !== null && verdict.action !== 'pass' && verdict.action !== 'redact' && verdict.action !== 'challenge';
}

function answer(reply: FastifyReply, page: Page): void {
  for (let index = 0; index < page.headers.length; index += 2) reply.header(page.headers[index], page.headers[index + 1]);
  void reply.code(page.status).send(page.body);
}

function seen(visit: Visit, chunk: Buffer, limit: number): void {
  if (visit.requestBytes < limit) visit.requestChunks.push(chunk.subarray(0, limit - visit.requestBytes));
  visit.requestBytes += chunk.length;
}

function answered(visit: Visit, chunk: Buffer, limit: number): void {
  if (visit.responseBytes < limit) visit.responseChunks.push(chunk.subarray(0, limit - visit.responseBytes));
  visit.responseBytes += chunk.length;
}

/** Does a body follow the head? Over HTTP/2 it needs no length. */
function hasBody(raw: IncomingMessage, head: RequestHead): boolean {
  if (raw.httpVersionMajor < 2) return head.chunked || head.contentLength > 0;
  return !(raw as IncomingMessage & { stream: { endAfterHeaders: boolean } }).stream.endAfterHeaders;
}

/** Whatever else Fastify takes for an answer (a `Response`, a web stream, a stream of another library) as a stream of Node's own, so that none goes by unseen. */
function nodeForm(answer: unknown, reply: FastifyReply): unknown {
  let payload = answer;
  if (payload instanceof Response && !payload.bodyUsed) {
    reply.code(payload.status);
    for (const [name, value] of payload.headers) reply.header(name, value);
    payload = payload.body;
  }
  if (payload instanceof Readable || typeof payload !== 'object' || payload === null) return payload;
  if ('getReader' in payload) return Readable.fromWeb(payload as ReadableStream);
  return 'pipe' in payload ? new Readable().wrap(payload as NodeJS.ReadableStream) : payload;
}

function bytesOf(payload: unknown): Buffer[] | null {
  if (payload === null || payload === undefined) return [];
  if (typeof payload === 'string') return [Buffer.from(payload)];
  return payload instanceof Uint8Array ? [Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)] : null;
}

/** Reads a stream until it ends or holds more than `limit` bytes; `rest` is what is left of it. */
async function gather(stream: NodeJS.ReadableStream, limit: number): Promise<{ chunks: Buffer[]; whole: boolean; rest: Readable | null }> {
  const source = stream instanceof Readable ? stream : new Readable().wrap(stream);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
    chunks.push(buffer);
    bytes += buffer.length;
    if (bytes > limit) return { chunks, whole: false, rest: source };
  }
  return { chunks, whole: true, rest: null };
}

function joined(chunks: readonly Buffer[], rest: Readable | null): Readable {
  const out = new PassThrough();
  for (const chunk of chunks) out.write(chunk);
  if (rest === null) out.end();
  else {
    rest.on('error', (error) => out.destroy(error));
    rest.pipe(out);
  }
  return out;
}

/** A stream that shows each chunk to `look` on its way. `receivedEncodedLength` is what Fastify compares with Content-Length. */
class Counted extends Transform {
  receivedEncodedLength = 0;
  private readonly look: (chunk: Buffer) => void;

  constructor(look: (chunk: Buffer) => void) {
    super();
    this.look = look;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.receivedEncodedLength += chunk.length;
    this.look(chunk);
    callback(null, chunk);
  }
}

function counted(stream: NodeJS.ReadableStream, look: (chunk: Buffer) => void): Counted {
  const through = new Counted(look);
  stream.on('error', (error) => through.destroy(error));
  stream.pipe(through);
  return through;
}

function withLength(stream: Readable, bytes: number): Readable {
  return Object.assign(stream, { receivedEncodedLength: bytes });
}

/** A body for the record from chunks that may stop short of `totalBytes`. */
function captured(chunks: readonly Uint8Array[], totalBytes: number): Body {
  if (totalBytes === 0) return emptyBody;
  return bodyOf(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), totalBytes);
}
