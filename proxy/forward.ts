import { randomFillSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type Body, bodyOf, emptyBody, type HeaderList } from '../exchange/index.js';
import type { Mutation } from '../policies/index.js';
import { accessLine } from './access-log.js';
import { faultRefusal, pageFor, type Refusal, titleOf } from './block-page.js';
import { forwardedNode } from './client-address.js';
import type { ClientConnection } from './connection.js';
import type { GatewayCore } from './core.js';
import { FAULTS, type FaultCode, faultOf } from './errors.js';
import { EventWindow } from './event-window.js';
import { captured, type Passage, type Verdict } from './passage.js';
import type { BlockVerdict } from './ports.js';
import type { RequestHead } from './request-head.js';
import { AnswerHead, readHeaders, withMutation } from './response-head.js';
import { changed, type Service } from './services.js';
import { Tunnel } from './tunnel.js';
import { Upload } from './upload.js';
import type { Upstream } from './upstreams.js';

/** Bodies up to this size are gathered and written in one go: decisions and a clean 502 stay possible until the last byte. */
const GATHER_BYTES = 65_536;
/** How long a request body of unknown length is waited for before it is streamed. */
const GATHER_MS = 25;
/** An unread rest of a request body up to this size is read to its end so that the connection can be used again. */
const DRAIN_BYTES = 1_048_576;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const MOST_TARPITS = 1000;
let tarpits = 0;

/**
 * One request on its way to an upstream and its answer on the way back: undici's low-level handler, one object a request, no Promise.
 *
 * The steps stand in the order in which they run: start → gather → decide → send → onHeaders → onData → onComplete → finish. Each may end early
 * in `refuse`. `GatewayCore.enter` makes it; it ends with exactly one call of `finish`.
 */
export class Forward implements Dispatcher.DispatchHandler {
  readonly passage: Passage;
  private readonly core: GatewayCore;
  private readonly service: Service;
  private readonly head: RequestHead;
  private readonly connection: ClientConnection;
  private readonly hops: readonly string[];
  private readonly req: IncomingMessage;
  private readonly res: ServerResponse;
  private readonly upgradeHead: Buffer | null;
  private readonly http2: boolean;

  private upstream: Upstream | null = null;
  private abort: ((error?: Error) => void) | null = null;
  private tries = 0;
  private ended = false;
  private answering = false;

  private requestChunks: Buffer[] = [];
  private requestBytes = 0;
  private requestComplete = false;
  private requestMutation: Mutation | null = null;
  private payload: Buffer | null = null;
  private uploading = false;
  private paceBytes = 0;
  private paceMs = 0;

  private answer: AnswerHead | null = null;
  private resume: (() => void) | null = null;
  private stage: 'head' | 'hold' | 'gather' | 'stream' | 'events' | 'dropped' = 'head';
  private events: EventWindow | null = null;
  private holdBytes = 0;
  private chunks: Buffer[] = [];
  private capturedBytes = 0;
  private responseBytes = 0;
  private responseStatus = 0;
  private traceparent = '';
  private tunnel: Tunnel | null = null;

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
  }

  /** `block`: what the blocklist says of the client's address. */
  start(block: BlockVerdict | null): void {
    const { core, head, passage, res, service } = this;
    core.running.add(this);
    service.entered();
    this.connection.current = this;
    res.on('close', () => this.clientGone());

    const stop = passage.stopped(block);
    if (stop !== null) {
      this.stop(stop);
      return;
    }
    if (head.expectOther) {
      this.fail('EXPECTATION_FAILED');
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

    if (!this.hasBody()) {
      this.requestComplete = true;
      this.decide(passage.requestHoldBytes > 0 ? emptyBody : null);
      return;
    }
    const hold = passage.requestHoldBytes;
    if (hold > 0 && head.contentLength > hold && passage.plan.requestOverflow === 'block' && passage.overflowed('request')) {
      this.refuseStatus(413, 0, null);
      return;
    }
    if (head.expectContinue) res.writeContinue();
    this.paceMs = performance.now();
    core.uploads.add(this);
    const grpc = isGrpc(passage.headers);
    if (hold === 0 && (grpc || head.contentLength > GATHER_BYTES)) {
      this.decide(null);
      return;
    }
    this.gather(Math.max(hold, hold > 0 ? 0 : GATHER_BYTES), hold > 0 || head.contentLength >= 0);
  }

  private hasBody(): boolean {
    if (this.http2) return !(this.req as IncomingMessage & { stream: { endAfterHeaders: boolean } }).stream.endAfterHeaders;
    return this.head.chunked || this.head.contentLength > 0;
  }

  /** Holds the body back until it is whole or larger than `limit`. `patient`: wait for it however long it takes. */
  private gather(limit: number, patient: boolean): void {
    const { req } = this;
    let timer: NodeJS.Timeout | null = null;
    const stop = () => {
      if (timer !== null) clearTimeout(timer);
      req.off('data', onData);
      req.off('end', onEnd);
      req.pause();
    };
    const onData = (chunk: Buffer) => {
      this.requestChunks.push(chunk);
      this.requestBytes += chunk.length;
      if (this.requestBytes <= limit) return;
      stop();
      this.gathered(false);
    };
    const onEnd = () => {
      stop();
      this.requestComplete = true;
      this.core.uploads.delete(this);
      this.gathered(true);
    };
    req.on('data', onData);
    req.on('end', onEnd);
    if (!patient) {
      timer = setTimeout(() => {
        stop();
        this.gathered(false);
      }, GATHER_MS);
    }
  }

  private gathered(whole: boolean): void {
    if (this.ended || this.answering) return;
    const { passage } = this;
    if (this.requestBytes > this.service.config.maxBodyBytes) {
      this.fail('BODY_TOO_LARGE');
      return;
    }
    const bytes = this.requestChunks.length === 1 ? this.requestChunks[0] : Buffer.concat(this.requestChunks);
    const hold = passage.requestHoldBytes;
    if (whole) {
      this.payload = bytes;
      this.decide(hold > 0 ? bodyOf(bytes) : null);
      return;
    }
    if (hold === 0) {
      this.decide(null);
      return;
    }
    const overflow = passage.plan.requestOverflow;
    if (overflow === 'block' && passage.overflowed('request')) {
      this.refuseStatus(413, 0, null);
      return;
    }
    const prefix = bytes.subarray(0, hold);
    this.decide(overflow === 'inspect-prefix' ? bodyOf(prefix, Math.max(this.head.contentLength, this.requestBytes)) : null);
  }

  /** A body for the record: no more of it than is to be kept. */
  private kept(chunks: readonly Buffer[], totalBytes: number): Body {
    const body = captured(chunks, totalBytes);
    const limit = this.core.limits.captureBytes;
    return body.bytes.length > limit ? bodyOf(body.bytes.subarray(0, limit), totalBytes) : body;
  }

  /** Request phase: the verdict, then the upstream. */
  private decide(body: Body | null): void {
    const verdict = this.passage.decideRequest(body);
    if (verdict === null) {
      this.send();
      return;
    }
    switch (verdict.action) {
      case 'pass':
      case 'redact':
        this.requestMutation = verdict.mutation;
        this.send();
        return;
      case 'tarpit':
        this.tarpit(verdict.delayMs, () => this.act(verdict));
        return;
      default:
        this.act(verdict);
        return;
    }
  }

  /** Does what an enforced verdict says, in either phase. */
  private act(verdict: NonNullable<Verdict>): void {
    if (verdict.action === 'close') {
      this.cut();
      return;
    }
    this.refuseStatus(
      verdict.status >= 400 ? verdict.status : verdict.action === 'throttle' ? 429 : 403,
      verdict.retryAfterS,
      verdict.template,
    );
  }

  private stop(block: BlockVerdict): void {
    if (block.action === 'close') {
      this.cut();
      return;
    }
    if (block.action === 'throttle') {
      this.refuseStatus(429, block.retryAfterS ?? 60, null);
      return;
    }
    if (block.action === 'tarpit') {
      this.tarpit(block.delayMs ?? 5000, () => this.refuseStatus(403, 0, null));
      return;
    }
    this.refuseStatus(403, 0, null);
  }

  /** Slow answers cost a socket each: past a thousand at once they are given at once. */
  private tarpit(delayMs: number, then: () => void): void {
    if (tarpits >= MOST_TARPITS) {
      this.core.counters.tarpitsFull++;
      then();
      return;
    }
    tarpits++;
    setTimeout(() => {
      tarpits--;
      if (!this.ended) then();
    }, delayMs);
  }

  private send(): void {
    if (this.ended) return;
    const { core, passage, service } = this;
    const upstream = service.upstreams.pick(performance.now(), this.tries > 0 ? this.upstream : null);
    this.upstream = upstream;
    upstream.inflight++;
    upstream.requests++;
    let body: Buffer | Upload | null = this.payload;
    if (this.requestMutation?.body !== undefined && this.requestMutation.body !== null) {
      body = Buffer.from(this.requestMutation.body);
    } else if (!this.requestComplete) {
      this.uploading = true;
      const first = this.requestChunks;
      this.requestChunks = [...first];
      body = new Upload(this.req, first, (chunk) => this.uploaded(chunk));
      this.req.once('end', () => {
        this.requestComplete = true;
        core.uploads.delete(this);
      });
    }
    // Without `servername` undici would take the name for TLS from the Host header: the client's choice, and a new connection with each change of it.
    const options: Dispatcher.DispatchOptions & { readonly servername: string } = {
      origin: upstream.origin,
      path: service.onwardPath(upstream.basePath, passage.target),
      method: passage.method as Dispatcher.HttpMethod,
      headers: this.onwardHeaders(upstream),
      body,
      servername: upstream.origin.hostname,
      upgrade: this.upgradeHead === null ? null : this.head.upgrade,
    };
    upstream.dispatcher.dispatch(options, this);
  }

  private onwardHeaders(upstream: Upstream): string[] {
    const { core, head, hops, passage, service } = this;
    const client = passage.client.ip;
    const { hostHeader } = service.config;
    const host = hostHeader === 'preserve' ? head.host : hostHeader === 'upstream' ? upstream.origin.host : hostHeader.value;
    let path = client;
    let forwarded = `for=${forwardedNode(client)};host=${quotedHost(head.host)};proto=${passage.scheme}`;
    for (const hop of hops) {
      path += `, ${hop}`;
      forwarded += `, for=${forwardedNode(hop)}`;
    }
    this.traceparent = head.traceparent === '' ? newTraceparent() : head.traceparent;
    const list = head.onward;
    const before = list.length;
    list.push(
      'host',
      host === '' ? upstream.origin.host : host,
      'x-forwarded-for',
      path,
      'x-forwarded-proto',
      passage.scheme,
      'x-forwarded-host',
      head.host,
      'forwarded',
      forwarded,
      'via',
      head.via === '' ? `1.1 ${core.via}` : `${head.via}, 1.1 ${core.via}`,
      'x-request-id',
      passage.requestId,
      'traceparent',
      this.traceparent,
    );
    if (head.acceptsTrailers) list.push('te', 'trailers');
    let out = list;
    if (this.requestMutation !== null) out = withMutation(out, this.requestMutation);
    out = changed(out, service.requestHeaders);
    // A second try starts from the same list.
    if (out === list) out = list.slice();
    list.length = before;
    return out;
  }

  private uploaded(chunk: Buffer): void {
    const room = this.core.limits.captureBytes - this.requestBytes;
    if (room > 0) this.requestChunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.requestBytes += chunk.length;
    if (this.requestBytes > this.service.config.maxBodyBytes) this.fail('BODY_TOO_LARGE');
  }

  /** Called once a second while the body is arriving. */
  checkPace(nowMs: number): void {
    const { bodyBytesPerSecond, bodyGraceMs } = this.core.limits;
    const elapsed = nowMs - this.paceMs;
    if (bodyBytesPerSecond === 0 || elapsed < bodyGraceMs) return;
    // Paused by a slow upstream: not the client's fault.
    const slow = !this.req.isPaused() && this.requestBytes - this.paceBytes < (bodyBytesPerSecond * elapsed) / 1000;
    this.paceBytes = this.requestBytes;
    this.paceMs = nowMs;
    if (slow) this.fail('BODY_SLOW');
  }

  /** The parser refused bytes of this connection: a broken body of this request, or what stands behind it. */
  malformed(code: FaultCode): void {
    const { socket } = this.req;
    if (!this.requestComplete) this.fail(code);
    else {
      this.core.counters.faults[code]++;
      this.res.once('close', () => socket.destroy());
    }
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.ended || this.answering) {
      abort();
      return;
    }
    this.abort = abort;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    if (this.answering || this.ended) return true;
    if (status < 200) {
      if (status === 103 && !this.http2) this.earlyHints(raw);
      return true;
    }
    const { passage } = this;
    if (passage.upstreamMs === null) passage.upstreamMs = performance.now() - passage.startedMs;
    this.service.upstreams.answered(this.upstream!);
    const answer = readHeaders(status, raw, passage.method);
    this.answer = answer;
    this.responseStatus = status;
    this.resume = resume;

    const hold = passage.responseHoldBytes;
    if (hold > 0 && answer.hasBody && !answer.streams) {
      this.holdBytes = hold;
      this.stage = 'hold';
      if (answer.contentLength > hold && passage.plan.responseOverflow !== 'inspect-prefix') this.overflow();
      return true;
    }
    const verdict = passage.decideResponse(status, answer.headers, hold > 0 && !answer.hasBody ? emptyBody : null);
    if (!this.settled(verdict)) return true;
    if (answer.contentLength >= 0 && answer.contentLength <= GATHER_BYTES) {
      this.stage = 'gather';
      return true;
    }
    this.stream();
    if (hold > 0 && answer.eventStream) {
      this.stage = 'events';
      this.events = new EventWindow(hold, (event, whole) => this.decideEvent(event, whole));
    }
    return true;
  }

  /** One server-sent event: its bytes, what replaces them, or null to end the stream. */
  private decideEvent(event: Buffer, whole: boolean): Buffer | null {
    const { answer, passage } = this;
    const how = passage.plan.responseOverflow;
    if (!whole && how === 'pass') return event;
    if (!whole && how === 'block' && passage.overflowed('response')) return null;
    const verdict = passage.decideResponse(answer!.status, answer!.headers, bodyOf(event));
    if (verdict === null) return event;
    if (verdict.action !== 'pass' && verdict.action !== 'redact') return null;
    const body = verdict.mutation?.body;
    return body === undefined || body === null ? event : Buffer.from(body);
  }

  /** Sends what an event window let through; null ends the stream, whose status has long been told. */
  private sendEvents(bytes: Buffer | null): boolean {
    if (bytes === null) {
      this.stage = 'dropped';
      this.cut();
      return true;
    }
    return bytes.length === 0 ? true : this.res.write(bytes);
  }

  /** Acts on a response verdict before anything was sent; true: go on with the answer, changed or not. */
  private settled(verdict: Verdict): boolean {
    if (verdict === null) return true;
    if (verdict.action === 'pass' || verdict.action === 'redact') {
      const { answer } = this;
      if (answer !== null && verdict.mutation !== null) answer.mutate(verdict.mutation);
      return true;
    }
    this.stage = 'dropped';
    if (verdict.action === 'tarpit') this.tarpit(verdict.delayMs, () => this.act(verdict));
    else this.act(verdict);
    return false;
  }

  private earlyHints(raw: Buffer[]): void {
    const links: string[] = [];
    for (let index = 0; index < raw.length; index += 2) if (String(raw[index]).toLowerCase() === 'link') links.push(String(raw[index + 1]));
    if (links.length === 0) return;
    try {
      this.res.writeEarlyHints({ link: links });
    } catch {
      // Node refuses link values it cannot parse; a hint that does not arrive costs nothing.
    }
  }

  /** The held body is larger than any rule looks at. */
  private overflow(): void {
    const { answer, passage } = this;
    const how = passage.plan.responseOverflow;
    if (how === 'block' && passage.overflowed('response')) {
      this.stage = 'dropped';
      this.refuseStatus(403, 0, null);
      return;
    }
    const held = this.chunks;
    const prefix =
      how === 'inspect-prefix'
        ? bodyOf(Buffer.concat(held).subarray(0, this.holdBytes), Math.max(answer!.contentLength, this.responseBytes))
        : null;
    const verdict = passage.decideResponse(answer!.status, answer!.headers, prefix);
    // A prefix cannot be replaced: what was decided on it may stop the answer or change its headers, not its body.
    if (
      !this.settled(verdict === null || verdict.mutation === null ? verdict : { ...verdict, mutation: { ...verdict.mutation, body: null } })
    )
      return;
    this.stream();
    for (const chunk of held) this.res.write(chunk);
  }

  private stream(): void {
    this.stage = 'stream';
    this.writeHead(this.answer!.contentLength);
    if (this.resume !== null) this.res.on('drain', this.resume);
  }

  onData(chunk: Buffer): boolean {
    switch (this.stage) {
      case 'gather':
        this.chunks.push(chunk);
        this.responseBytes += chunk.length;
        return true;
      case 'stream':
        this.responseBytes += chunk.length;
        this.capture(chunk);
        return this.res.write(chunk);
      case 'events':
        this.responseBytes += chunk.length;
        this.capture(chunk);
        return this.sendEvents(this.events!.push(chunk));
      case 'hold':
        this.chunks.push(chunk);
        this.responseBytes += chunk.length;
        if (this.responseBytes > this.holdBytes) {
          this.capturedBytes = this.responseBytes;
          this.overflow();
        }
        return true;
      default:
        return true;
    }
  }

  /** Keeps the first bytes of a streamed body for the record. */
  private capture(chunk: Buffer): void {
    const room = this.core.limits.captureBytes - this.capturedBytes;
    if (room <= 0) return;
    this.chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.capturedBytes += Math.min(room, chunk.length);
  }

  onComplete(rawTrailers: string[] | Buffer[] | Record<string, string> | null): void {
    if (this.answering || this.ended) return;
    const { answer, res } = this;
    const trailers = trailerList(rawTrailers);
    if (this.stage === 'events' && !this.ended) {
      this.sendEvents(this.events!.end());
      if (this.ended) return;
    }
    if (this.stage === 'stream' || this.stage === 'events') {
      if (trailers.length > 0) res.addTrailers(asRecord(trailers));
      res.end();
      this.finish(trailers);
      return;
    }
    const body = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    if (this.stage === 'hold' && !this.settled(this.passage.decideResponse(answer!.status, answer!.headers, bodyOf(body)))) return;
    const sent = answer!.replacement ?? body;
    if (trailers.length > 0) {
      this.writeHead(-1);
      res.addTrailers(asRecord(trailers));
    } else this.writeHead(answer!.hasBody ? sent.length : answer!.contentLength);
    res.end(sent.length === 0 || !answer!.hasBody ? undefined : sent);
    this.finish(trailers);
  }

  private writeHead(contentLength: number): void {
    const { answer, core, passage, res } = this;
    this.answering = this.stage !== 'stream';
    const headers = changed(answer!.onward(contentLength), this.service.responseHeaders);
    headers.push('x-request-id', passage.requestId);
    if (core.draining && !this.http2) headers.push('connection', 'close');
    res.writeHead(answer!.status, headers);
  }

  onError(error: Error): void {
    if (this.ended || this.answering) return;
    const code = faultOf(error);
    const { upstream } = this;
    // undici expects a body where a 304 tells the length of the one it stands for (RFC 9110 §15.4.5); there is none.
    if (this.answer?.status === 304 && code === 'UPSTREAM_PROTOCOL' && this.responseBytes === 0) {
      this.onComplete(null);
      return;
    }
    if (upstream !== null) this.service.upstreams.failed(upstream, performance.now());
    if (this.stage === 'head' && this.mayRetry(code)) {
      this.tries++;
      upstream!.inflight--;
      this.core.counters.service(this.service.name).retries++;
      this.send();
      return;
    }
    this.fail(code);
  }

  /** Nothing was sent (no connection), or sending it again changes nothing (RFC 9110 §9.2.2); and the body is still there. */
  private mayRetry(code: FaultCode): boolean {
    if (this.tries >= this.service.config.retries || this.uploading || this.upgradeHead !== null) return false;
    if (code === 'UPSTREAM_CONNECT' || code === 'UPSTREAM_CONNECT_TIMEOUT') return true;
    return code === 'UPSTREAM_RESET' && IDEMPOTENT.has(this.passage.method);
  }

  onUpgrade(status: number, raw: Buffer[] | string[] | null, upstreamSocket: Duplex): void {
    const answer = readHeaders(status, raw ?? [], this.passage.method, true);
    this.answer = answer;
    this.responseStatus = status;
    this.passage.upstreamMs = performance.now() - this.passage.startedMs;
    upstreamSocket.on('error', () => upstreamSocket.destroy());
    if (this.ended || !this.settled(this.passage.decideResponse(status, answer.headers, null))) {
      upstreamSocket.destroy();
      return;
    }
    this.answering = true;
    const client = this.req.socket;
    this.res.detachSocket(client);
    this.core.counters.service(this.service.name).upgrades++;
    this.finish([], false);
    this.tunnel = new Tunnel(client, upstreamSocket, answer, this.passage.requestId, this.upgradeHead!, () => this.leave());
  }

  /** The client closed its side. */
  private clientGone(): void {
    if (this.ended || this.tunnel !== null) return;
    this.passage.failed('CLIENT_ABORT');
    this.core.counters.faults.CLIENT_ABORT++;
    this.ended = true;
    this.abort?.();
    this.record([]);
    this.leave();
  }

  /** Ends the exchange because of a fault. */
  private fail(code: FaultCode): void {
    if (this.ended || this.answering) return;
    const { core, passage, res } = this;
    core.counters.faults[code]++;
    passage.failed(code);
    if (res.headersSent) {
      this.answering = true;
      this.abort?.();
      this.ended = true;
      res.destroy();
      this.record([]);
      this.leave();
      return;
    }
    this.answerWith(faultRefusal(code, passage.requestId, ''));
  }

  /** Answers with a status of weir's own, with an incident id. */
  private refuseStatus(status: number, retryAfterS: number, template: string | null): void {
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
    if (this.ended || this.answering) return;
    this.answering = true;
    const { passage, req, res, service } = this;
    this.abort?.();
    if (service.config.blockPage.reset && refusal.incident !== '') {
      this.cut();
      return;
    }
    const page = pageFor(refusal, passage.headers, service.config.blockPage);
    if (
      !this.http2 &&
      !this.requestComplete &&
      !(this.head.contentLength >= 0 && this.head.contentLength - this.requestBytes <= DRAIN_BYTES)
    ) {
      page.headers.push('connection', 'close');
    } else if (this.core.draining && !this.http2) page.headers.push('connection', 'close');
    if (!this.requestComplete) req.resume();
    res.writeHead(page.status, page.headers);
    res.end(passage.method === 'HEAD' ? undefined : page.body);
    this.responseStatus = page.status;
    if (this.answer === null) this.answer = new AnswerHead(page.status, page.headers, page.body.length, true);
    else this.chunks = this.stage === 'dropped' || this.stage === 'hold' ? this.chunks : [];
    this.finish([]);
  }

  /** Closes the client's connection without an answer. */
  private cut(): void {
    this.answering = true;
    this.ended = true;
    this.abort?.();
    if (this.http2) this.res.destroy();
    else this.req.socket.resetAndDestroy?.();
    this.record([]);
    this.leave();
  }

  private finish(trailers: HeaderList, leave = true): void {
    if (this.ended) return;
    this.ended = true;
    this.record(trailers);
    if (leave) this.leave();
  }

  private record(trailers: HeaderList): void {
    const { answer, core, passage, service } = this;
    const body = this.kept(this.chunks, this.responseBytes);
    passage.requestBody = this.kept(this.requestChunks, this.requestBytes);
    const durationMs = passage.finish(
      answer === null ? null : { status: answer.status, httpVersion: '1.1', headers: answer.headers, body, trailers },
    );
    const status = this.responseStatus === 0 && passage.failure !== null ? FAULTS[passage.failure].status : this.responseStatus;
    core.counters.service(service.name).answered(status, durationMs);
    if (core.ports.accessLog === null) return;
    core.ports.accessLog.write(
      accessLine({
        atMs: passage.nowMs,
        exchangeId: passage.exchangeId,
        requestId: passage.requestId,
        traceparent: this.traceparent,
        client: passage.client.ip,
        service: service.name,
        method: passage.method,
        host: passage.host,
        target: passage.target,
        version: this.req.httpVersion,
        status,
        requestBytes: this.requestBytes,
        responseBytes: this.responseBytes,
        durationMs,
        upstreamMs: passage.upstreamMs,
        upstream: this.upstream?.url ?? '',
        outcome: passage.outcome,
        incident: passage.incident,
        fault: passage.failure,
        principal: passage.principal?.key ?? null,
        rules: passage.firedRules.length === 0 ? '' : passage.firedRules.map((act) => `${act.policy}/${act.rule}`).join(' '),
      }),
    );
  }

  private leave(): void {
    const { core } = this;
    if (this.upstream !== null) this.upstream.inflight--;
    core.uploads.delete(this);
    core.running.delete(this);
    if (this.connection.current === this) this.connection.current = null;
    this.service.left();
  }

  /** Ends it now: the deadline of a drain. */
  destroy(): void {
    if (this.tunnel !== null) this.tunnel.destroy();
    else this.cut();
  }
}

function isGrpc(headers: HeaderList): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index].length === 12 && headers[index].toLowerCase() === 'content-type')
      return headers[index + 1].startsWith('application/grpc');
  }
  return false;
}

function quotedHost(host: string): string {
  return /^[\w.-]+$/.test(host) ? host : `"${host}"`;
}

function trailerList(raw: string[] | Buffer[] | Record<string, string> | null): string[] {
  if (raw === null) return [];
  if (Array.isArray(raw)) return raw.map((one) => one.toString('latin1'));
  return Object.entries(raw)
    .filter(([name]) => !name.startsWith(':'))
    .flatMap(([name, value]) => [value].flat().flatMap((one) => [name, String(one)]));
}

/** Trailers as an object, which HTTP/1.1 and HTTP/2 responses both take; repeated names become arrays. */
function asRecord(list: readonly string[]): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (let index = 0; index < list.length; index += 2) {
    out[list[index]] ??= [];
    out[list[index]].push(list[index + 1]);
  }
  return out;
}

const random = Buffer.alloc(6144);
let randomAt = random.length;

/** A new W3C trace context: random trace and span ids, sampled. */
function newTraceparent(): string {
  if (randomAt + 24 > random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  const hex = random.toString('hex', randomAt, randomAt + 24);
  randomAt += 24;
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}
