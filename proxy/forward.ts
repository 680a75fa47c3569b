/**
 * The way to the upstream and back: the body gathered or streamed, a try and what may be tried again, the answer handed to the passage. One room: it is one state
 * machine, of which upstream, client and timers each turn a wheel.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type Body, bodyOf, emptyBody, type HeaderList, header } from '../exchange/index.js';
import type { Mutation } from '../policies/index.js';
import { passageLine } from './access-log.js';
import { AnswerFlow, type AnswerOwner, GATHER_BYTES } from './answer-flow.js';
import { faultRefusal, pageFor, type Refusal, titleOf } from './block-page.js';
import type { ClientConnection } from './connection.js';
import type { GatewayCore } from './core.js';
import type { OnwardRequest } from './dispatch.js';
import { FAULTS, type FaultCode, faultOf, isRepeatable } from './errors.js';
import { passInterim } from './interim.js';
import { newTraceparent, onwardHeaders } from './onward.js';
import { type Obedient, obeyBlock, obeyVerdict } from './orders.js';
import type { Answer, Passage, Verdict } from './passage.js';
import type { BlockVerdict } from './ports.js';
import { RequestBody } from './request-body.js';
import { isGrpc, type RequestHead } from './request-head.js';
import { type AnswerHead, readHeaders, withMutation } from './response-head.js';
import { changed, type Service } from './services.js';
import { tarpit } from './tarpit.js';
import { announcement, onwardTrailers, trailerList } from './trailers.js';
import { Tunnel } from './tunnel.js';
import type { WireHandler } from './upstream-wire.js';
import type { Upstream } from './upstreams.js';

/** An unread rest of a request body up to this size is read to its end so that the connection can be used again. */
const DRAIN_BYTES = 1_048_576;
const NO_TRAILERS: HeaderList = [];
/** Messages that rules may have to replace must not be compressed with what went before: the offer is not handed on. */
const UNCOMPRESSED: Mutation = { removeHeaders: ['sec-websocket-extensions'] };

/**
 * One request on its way to an upstream: undici's low-level handler, one object a request, no Promise.
 *
 * The steps stand in the order in which they run: start → gathered → decide → send → onHeaders → onData → onComplete → finish. Each may end early
 * in `refuse`, `fail` or `cut`. `GatewayCore.enter` makes it; it ends with exactly one record.
 */
export class Forward implements Dispatcher.DispatchHandler, WireHandler, AnswerOwner, Obedient {
  readonly passage: Passage;
  readonly service: Service;
  readonly res: ServerResponse;
  readonly captureBytes: number;
  private readonly core: GatewayCore;
  private readonly head: RequestHead;
  private readonly connection: ClientConnection;
  private readonly hops: readonly string[];
  private readonly req: IncomingMessage;
  private readonly upgradeHead: Buffer | null;
  private readonly http2: boolean;

  private body: RequestBody | null = null;
  private payload: Uint8Array | null = null;
  private mutation: Mutation | null = null;
  private uploading = false;
  /** Trailer fields that went on to the upstream. */
  private trailersSent = 0;

  private upstream: Upstream | null = null;
  private abort: ((error?: Error) => void) | null = null;
  private tries = 0;
  private traceparent = '';
  private flow: AnswerFlow | null = null;
  private tunnel: Tunnel | null = null;
  /** Something of weir's own was answered: what the upstream says from here on is not heard. */
  private answered = false;
  private ended = false;
  /** Nothing more can be said to the client. */
  private closed = false;
  /** Its answer is written and did not leave yet; looked after once it stays. */
  private isLeaving = false;
  private isWatched = false;
  listedAt = -1;

  constructor(
    core: GatewayCore,
    service: Service,
    passage: Passage,
    head: RequestHead,
    connection: ClientConnection,
    hops: readonly string[],
    req: IncomingMessage,
    res: ServerResponse,
    upgradeHead: Buffer | null,
  ) {
    this.core = core;
    this.service = service;
    this.passage = passage;
    this.head = head;
    this.connection = connection;
    this.hops = hops;
    this.req = req;
    this.res = res;
    this.upgradeHead = upgradeHead;
    this.http2 = req.httpVersionMajor === 2;
    this.captureBytes = core.limits.captureBytes;
  }

  /** `block`: what the blocklist says of the client's address. */
  start(block: BlockVerdict | null): void {
    const { core, head, passage, res, service } = this;
    core.running.add(this);
    service.entered();
    this.connection.current = this;
    if (++this.connection.inflight > 1 && !this.http2) this.connection.enqueue(this);
    res.on('close', () => this.clientGone());

    const stop = passage.stopped(block);
    if (stop !== null) {
      obeyBlock(stop, this);
      return;
    }
    if (head.expectOther) {
      this.fail('EXPECTATION_FAILED');
      return;
    }
    if (this.upgradeHead !== null && service.config.http2) {
      // WebSocket over HTTP/2 (RFC 8441) is not spoken.
      this.fail('UPGRADE_REFUSED');
      return;
    }
    if (head.contentLength > service.config.maxBodyBytes) {
      this.fail('BODY_TOO_LARGE');
      return;
    }
    if (head.via !== '' && head.via.includes(core.via)) {
      this.fail('LOOP');
      return;
    }
    const hold = passage.requestHoldBytes;
    if (!this.hasBody()) {
      this.decide(hold > 0 ? emptyBody : null);
      return;
    }
    if (hold > 0 && head.contentLength > hold && passage.plan.requestOverflow === 'block' && passage.overflowed('request')) {
      this.tooLong();
      return;
    }
    if (head.expectContinue) res.writeContinue();
    const body = new RequestBody(this.req, core.limits, service.config.maxBodyBytes, (code) => this.fail(code));
    this.body = body;
    core.uploads.add(body);
    if (hold === 0 && (head.contentLength > GATHER_BYTES || isGrpc(passage.headers))) this.decide(null);
    else body.gather(hold > 0 ? hold : GATHER_BYTES, hold > 0 || head.contentLength >= 0, (whole) => this.gathered(body, whole));
  }

  private hasBody(): boolean {
    if (this.http2) return !(this.req as IncomingMessage & { stream: { endAfterHeaders: boolean } }).stream.endAfterHeaders;
    return this.head.chunked || this.head.contentLength > 0;
  }

  private gathered(body: RequestBody, whole: boolean): void {
    if (this.ended || this.answered) return;
    const { passage } = this;
    if (body.tooLarge) {
      this.fail('BODY_TOO_LARGE');
      return;
    }
    const hold = passage.requestHoldBytes;
    if (whole) {
      const bytes = body.gathered();
      this.payload = bytes;
      this.decide(hold > 0 ? bodyOf(bytes) : null);
      return;
    }
    const overflow = passage.plan.requestOverflow;
    if (hold > 0 && overflow === 'block' && passage.overflowed('request')) this.tooLong();
    else if (hold === 0 || overflow !== 'inspect-prefix') this.decide(null);
    else this.decide(bodyOf(body.gathered().subarray(0, hold), Math.max(this.head.contentLength, body.bytes)));
  }

  /** Request phase: the verdict, at once or when what decides it is learned, then the upstream. */
  private decide(body: Body | null): void {
    const { core, passage } = this;
    const longestMs = core.limits.learningWaitMs;
    if (longestMs > 0 && passage.isStillLearning(body)) {
      const isStillLearning = () => !this.ended && passage.isStillLearning(body);
      const goOn = () => {
        if (!this.ended && !this.answered) this.decideNow(body);
      };
      const failed = () => this.fail('INTERNAL');
      if (core.learningWaits.begin({ isStillLearning, longestMs, goOn, failed })) return;
    }
    this.decideNow(body);
  }

  private decideNow(body: Body | null): void {
    const verdict = this.passage.decideRequest(body);
    // A challenge goes on too: the application is told by a header to ask for more proof.
    if (verdict !== null && verdict.action !== 'pass' && verdict.action !== 'redact' && verdict.action !== 'challenge') {
      this.stopped(verdict);
      return;
    }
    if (verdict !== null) this.mutation = verdict.mutation;
    this.send();
  }

  /** Does what an enforced verdict says, in either phase. */
  stopped(verdict: NonNullable<Verdict>): void {
    obeyVerdict(verdict, this);
  }

  /** Slow answers are given at once when too many wait already. */
  after(delayMs: number, then: () => void): void {
    const waits = tarpit(delayMs, () => {
      if (!this.ended) then();
    });
    if (waits) return;
    this.core.counters.tarpitsFull++;
    then();
  }

  tooLong(): void {
    this.refuse(this.flow === null ? 413 : 403, 0, null);
  }

  stalled(): void {
    if (!this.ended) {
      this.fail('CLIENT_STALLED');
      return;
    }
    if (!this.isLeaving) return;
    const { client, host, method, requestId, target } = this.passage;
    this.core.counters.faults.CLIENT_STALLED++;
    this.core.logFault('CLIENT_STALLED', client, method, host, target, requestId);
    this.left();
    this.res.destroy();
  }

  /** Called now and then while its answer waits for the client: the time that it may stand still begins. */
  checkLeaving(): void {
    const { res } = this;
    if (this.connection.socket.destroyed) this.left();
    // Without a socket it waits for the answers before it, which are looked after themselves.
    if (this.isWatched || !this.isLeaving || !res.socket) return;
    this.isWatched = true;
    res.on('timeout', () => this.stalled());
    // Before Node sets the time that an idle connection has.
    res.prependOnceListener('finish', () => res.setTimeout(0));
    res.setTimeout(this.stallMs);
  }

  private left(): void {
    this.isLeaving = false;
    this.core.leaving.delete(this);
  }

  private send(): void {
    if (this.ended) return;
    const { passage, service } = this;
    const upstream = service.upstreams.pick(performance.now(), this.tries > 0 ? this.upstream : null);
    this.upstream = upstream;
    upstream.inflight++;
    upstream.requests++;
    const body = this.onwardBody();
    const headers = this.onwardHeaders(upstream);
    // The names that were announced may go on only with the fields.
    if (this.head.trailer !== '' && body !== null && 'trailers' in body && !body.sized)
      headers.push(...announcement(this.head.trailer, service.requestHeaders));
    upstream.carrier.dispatch(
      {
        path: service.onwardPath(upstream.basePath, passage.target),
        method: passage.method,
        headers,
        body,
        upgrade: this.upgradeHead === null ? null : this.head.upgrade,
        // What neither came over HTTP/1.1 nor is the gateway's own is looked at again: it must not end its line.
        isFieldText: !this.http2 && this.mutation === null && service.requestHeaders === null,
      },
      this,
    );
  }

  private onwardBody(): OnwardRequest['body'] {
    const { body, head, service } = this;
    const whole = this.mutation?.body ?? this.payload;
    if (body === null) return whole;
    // Trailers speak of the message that the client sent: one that a policy changed has none.
    const trailers = () => {
      const sent = this.mutation === null ? onwardTrailers(body.trailers(), service.requestHeaders) : NO_TRAILERS;
      this.trailersSent = sent.length / 2;
      return sent;
    };
    if (whole === null) {
      this.uploading = true;
      // Over HTTP/2 trailers may follow a body of told length; over HTTP/1.1 they follow chunks only, which are made for those that were announced.
      return { stream: body.upload(), trailers, sized: head.contentLength >= 0 && (!this.http2 || head.trailer === '') };
    }
    if (this.mutation !== null || !body.hasTrailers) return whole;
    return { stream: Readable.from([whole], { objectMode: false }), trailers, sized: false };
  }

  private onwardHeaders(upstream: Upstream): string[] {
    const { core, head, hops, mutation, passage, service } = this;
    if (this.traceparent === '') this.traceparent = head.traceparent === '' ? newTraceparent() : head.traceparent;
    const list = onwardHeaders({
      head,
      service,
      upstreamHost: upstream.host,
      clientIp: passage.client.ip,
      hops,
      scheme: passage.scheme,
      via: core.via,
      requestId: passage.requestId,
      traceparent: this.traceparent,
    });
    const sent = this.upgradeHead !== null && passage.holdsBodies ? withMutation(list, UNCOMPRESSED) : list;
    return changed(mutation === null ? sent : withMutation(sent, mutation), service.requestHeaders);
  }

  /** The parser refused bytes of this connection: a broken body of this request, or what stands behind it. */
  malformed(code: FaultCode): void {
    const { socket } = this.req;
    if (this.body !== null && !this.body.complete) this.fail(code);
    else {
      this.core.counters.faults[code]++;
      this.res.once('close', () => socket.destroy());
    }
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.ended || this.answered) abort();
    else this.abort = abort;
  }

  onHeaders(status: number, raw: readonly (Buffer | string)[], resume: () => void): boolean {
    if (this.answered || this.ended) return true;
    if (status < 200) {
      passInterim(this.res, status, raw);
      return true;
    }
    this.answerBegins();
    this.flow = new AnswerFlow(this, readHeaders(status, raw, this.passage.method), resume);
    this.flow.begin();
    return true;
  }

  private answerBegins(): void {
    this.passage.upstreamMs ??= performance.now() - this.passage.startedMs;
    this.service.upstreams.answered(this.upstream!);
  }

  onData(chunk: Buffer): boolean {
    return this.answered || this.ended ? true : this.flow!.push(chunk);
  }

  onComplete(rawTrailers: string[] | Buffer[] | null): void {
    if (this.answered || this.ended) return;
    const trailers = trailerList(rawTrailers);
    if (this.flow!.end(trailers)) this.finish(trailers);
  }

  onError(error: Error): void {
    if (this.ended || this.answered) return;
    const { flow, upstream } = this;
    const code = faultOf(error);
    // undici expects a body where a 304 tells the length of the one it stands for (RFC 9110 §15.4.5); there is none.
    if (flow?.head.status === 304 && code === 'UPSTREAM_PROTOCOL' && flow.bytes === 0) {
      this.onComplete(null);
      return;
    }
    if (upstream !== null && code.startsWith('UPSTREAM_')) this.service.upstreams.failed(upstream, performance.now());
    if (flow === null && this.mayRetry(code)) {
      this.tries++;
      upstream!.inflight--;
      this.core.counters.service(this.service.name).retries++;
      this.send();
      return;
    }
    this.fail(code);
  }

  private mayRetry(code: FaultCode): boolean {
    if (this.tries >= this.service.config.retries || this.uploading || this.upgradeHead !== null) return false;
    return isRepeatable(code, this.passage.method);
  }

  onUpgrade(status: number, raw: Buffer[] | string[] | null, upstreamSocket: Duplex): void {
    upstreamSocket.on('error', () => upstreamSocket.destroy());
    if (this.ended) {
      upstreamSocket.destroy();
      return;
    }
    const head = readHeaders(status, raw ?? [], this.passage.method, true);
    const chosen = (header(head.headers, 'upgrade') ?? '').trim().toLowerCase();
    if (!this.head.upgrade.split(',').some((asked) => asked.trim() === chosen)) {
      upstreamSocket.destroy();
      this.fail('UPSTREAM_PROTOCOL');
      return;
    }
    this.answerBegins();
    this.flow = new AnswerFlow(this, head, () => undefined);
    if (!this.flow.settled(this.passage.decideResponse(status, head.headers, null))) {
      upstreamSocket.destroy();
      return;
    }
    this.openTunnel(head, upstreamSocket);
  }

  private openTunnel(head: AnswerHead, upstreamSocket: Duplex): void {
    const { core, req, service } = this;
    this.answered = true;
    this.res.detachSocket(req.socket);
    this.ended = true;
    this.record(NO_TRAILERS);
    const counters = core.counters.service(service.name);
    counters.upgrades++;
    this.tunnel = new Tunnel({
      passage: this.passage,
      service,
      captureBytes: this.captureBytes,
      onMessage: () => {
        counters.webSocketMessages++;
      },
      onLost: () => {
        core.counters.faults.MESSAGE_MALFORMED++;
      },
      idleMs: service.config.timeouts.upgradedIdleMs,
      onIdle: () => {
        const { client, host, method, requestId, target } = this.passage;
        core.counters.faults.UPGRADE_IDLE++;
        core.logFault('UPGRADE_IDLE', client, method, host, target, requestId);
      },
      client: req.socket,
      upstream: upstreamSocket,
      answer: head,
      head: this.upgradeHead!,
      done: () => this.leave(),
    });
  }

  /** The answer has left, or the client has. */
  clientGone(): void {
    this.closed = true;
    if (this.isLeaving) this.left();
    if (this.ended || this.tunnel !== null) return;
    this.core.counters.faults.CLIENT_ABORT++;
    this.endWith('CLIENT_ABORT');
    const { resetsPerConnectionPerSecond: limit } = this.core.limits;
    if (this.http2 && limit > 0 && this.connection.resetsTooOften(limit, performance.now())) this.core.flooded(this.connection);
  }

  /** Ends the exchange because of a fault. */
  private fail(code: FaultCode): void {
    if (this.ended || this.answered) return;
    this.core.counters.faults[code]++;
    if (this.res.headersSent) {
      this.endWith(code);
      this.res.destroy();
      return;
    }
    this.passage.failed(code);
    this.answerWith(faultRefusal(code, this.passage.requestId, ''));
  }

  private endWith(code: FaultCode): void {
    this.passage.failed(code);
    this.ended = true;
    this.abort?.();
    this.record(NO_TRAILERS);
    this.leave();
  }

  /** Answers with a status of weir's own, with an incident id. */
  refuse(status: number, retryAfterS: number, template: string | null): void {
    if (this.res.headersSent) {
      this.cut();
      return;
    }
    this.answerWith({
      status,
      title: titleOf(status),
      code: template ?? (status === 429 ? 'THROTTLED' : 'BLOCKED'),
      incident: this.passage.incidentOf(),
      requestId: this.passage.requestId,
      retryAfterS,
    });
  }

  private answerWith(refusal: Refusal): void {
    if (this.ended || this.answered) return;
    const { body, passage, req, res, service } = this;
    this.answered = true;
    this.abort?.();
    if (service.config.blockPage.reset && refusal.incident !== '') {
      this.cut();
      return;
    }
    const page = pageFor(refusal, passage.headers, service.config.blockPage);
    if (this.closing || (!this.http2 && this.hasBody() && !this.drains())) page.headers.push('connection', 'close');
    if (body === null || !body.complete) req.resume();
    // Over HTTP/2 a head that could not be written has left its fields behind.
    if (this.http2 && this.flow !== null) for (const name of res.getHeaderNames()) res.removeHeader(name);
    res.writeHead(page.status, page.headers);
    res.end(passage.method === 'HEAD' ? undefined : page.body);
    this.ended = true;
    this.record(NO_TRAILERS, { status: page.status, httpVersion: '1.1', headers: page.headers, body: emptyBody, trailers: NO_TRAILERS });
    this.leave();
  }

  /** What is left of the request body is little enough to be read. */
  private drains(): boolean {
    const { body, head } = this;
    return body?.complete === true || (head.contentLength >= 0 && head.contentLength - (body?.bytes ?? 0) <= DRAIN_BYTES);
  }

  trailerDropped(): void {
    this.core.counters.service(this.service.name).answerTrailersDropped++;
  }

  get stallMs(): number {
    return this.core.limits.answerStallMs;
  }

  get closing(): boolean {
    return this.core.draining && !this.http2;
  }

  /** Closes the client's connection without an answer. */
  cut(): void {
    this.answered = true;
    if (this.ended) return;
    this.ended = true;
    this.abort?.();
    if (this.http2) this.res.destroy();
    else this.req.socket.resetAndDestroy?.();
    this.record(NO_TRAILERS);
    this.leave();
  }

  private finish(trailers: HeaderList): void {
    if (this.ended) return;
    this.ended = true;
    this.record(trailers);
    this.leave();
  }

  /** `own`: what was answered instead of the upstream's answer, which is what the record keeps where there is one. */
  private record(trailers: HeaderList, own: Answer | null = null): void {
    const { body, core, flow, passage, service } = this;
    if (body !== null) {
      passage.requestBody = body.kept();
      passage.requestTrailers = body.trailers();
    }
    const durationMs = passage.finish(
      flow === null ? own : { status: flow.head.status, httpVersion: '1.1', headers: flow.head.headers, body: flow.kept(), trailers },
    );
    const sent = own?.status ?? flow?.head.status ?? 0;
    const status = sent === 0 && passage.failure !== null ? FAULTS[passage.failure].status : sent;
    const responseBytes = flow?.bytes ?? 0;
    const requestBytes = body?.bytes ?? 0;
    const counters = core.counters.service(service.name);
    counters.answered(status, durationMs, requestBytes, responseBytes);
    if (passage.requestTrailers.length > 0 && this.upstream !== null && passage.failure === null)
      counters.requestTrailersDropped += passage.requestTrailers.length / 2 - this.trailersSent;
    core.ports.accessLog?.write(
      passageLine(passage, {
        status,
        requestBytes,
        responseBytes,
        durationMs,
        version: this.req.httpVersion,
        traceparent: this.traceparent === '' ? this.head.traceparent : this.traceparent,
        upstream: this.upstream?.url ?? '',
      }),
    );
  }

  private leave(): void {
    const { body, core } = this;
    if (this.upstream !== null) this.upstream.inflight--;
    if (body !== null) core.uploads.delete(body);
    core.running.delete(this);
    const { connection } = this;
    if (connection.current === this) connection.current = null;
    connection.inflight--;
    connection.dequeue(this);
    if (!this.closed && this.tunnel === null) {
      this.isLeaving = true;
      core.leaving.add(this);
    }
    if (this.http2) connection.activeMs = performance.now();
    this.service.left();
  }

  /** Ends it now: the deadline of a drain. */
  destroy(): void {
    if (this.tunnel !== null) this.tunnel.destroy();
    else this.cut();
  }
}
