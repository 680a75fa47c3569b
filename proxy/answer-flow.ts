import type { ServerResponse } from 'node:http';
import { type Body, bodyOf, emptyBody } from '../exchange/index.js';
import { streamed } from './collect.js';
import { EventWindow } from './event-window.js';
import type { Passage, Verdict } from './passage.js';
import { keptBody } from './request-body.js';
import { type AnswerHead, firstOfEach } from './response-head.js';
import { changed, type Service } from './services.js';
import { endTogether } from './together.js';
import { trailersByName } from './trailers.js';

/** Bodies up to this size are gathered and written in one go: decisions and a clean 502 stay possible until the last byte. */
export const GATHER_BYTES = 65_536;

/** The request an answer belongs to. */
export interface AnswerOwner {
  readonly passage: Passage;
  readonly service: Service;
  readonly res: ServerResponse;
  readonly captureBytes: number;
  /** How long a client may take nothing of a streamed answer before `stalled` is called. */
  readonly stallMs: number;
  /** Tell an HTTP/1.1 client not to use the connection again. */
  readonly closing: boolean;
  /** An enforced verdict stops the answer; nothing of it was sent. */
  stopped(verdict: NonNullable<Verdict>): void;
  /** It is larger than any rule looks at, and a rule says that such an answer must not pass; nothing of it was sent. */
  tooLong(): void;
  /** The client does not read. */
  stalled(): void;
  /** A trailer field does not go on. */
  trailerDropped(): void;
  /** A streamed answer must not go on: only closing the connection is left. */
  cut(): void;
}

/**
 * An upstream's answer on its way to the client, by one of four ways: `gather` (small, of known length: written in one go), `hold` (a rule sees
 * the whole body first), `events` (a rule sees each server-sent event first) or `stream`. `dropped`: something else was answered.
 */
export class AnswerFlow {
  readonly head: AnswerHead;
  bytes = 0;
  private stage: 'hold' | 'gather' | 'stream' | 'events' | 'dropped' = 'gather';
  private chunks: Buffer[] = [];
  private capturedBytes = 0;
  private readonly holdBytes: number;
  private events: EventWindow | null = null;
  /** What was written waits for the client. */
  private waits = false;
  private readonly owner: AnswerOwner;
  private readonly resume: () => void;

  /** `resume` makes the upstream go on after `onData` returned false. */
  constructor(owner: AnswerOwner, head: AnswerHead, resume: () => void) {
    this.owner = owner;
    this.head = head;
    this.resume = resume;
    this.holdBytes = owner.passage.responseHoldBytes;
  }

  /** Response phase, as far as the head allows. */
  begin(): void {
    const { head, holdBytes: hold, owner } = this;
    const { passage } = owner;
    if (hold > 0 && head.hasBody && !head.streams) {
      this.stage = 'hold';
      if (head.contentLength > hold && passage.plan.responseOverflow !== 'inspect-prefix') this.overflow();
      return;
    }
    if (!this.settled(passage.decideResponse(head.status, head.headers, hold > 0 && !head.hasBody ? emptyBody : null))) return;
    if (head.contentLength >= 0 && head.contentLength <= GATHER_BYTES) return;
    this.stream();
    if (hold > 0 && head.eventStream) {
      this.stage = 'events';
      this.events = new EventWindow(hold, (event, whole) => this.decideEvent(event, whole));
    }
  }

  /** False: the client is slow; `resume` will be called. */
  push(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    switch (this.stage) {
      case 'gather':
        this.chunks.push(chunk);
        return true;
      case 'stream':
        this.capture(chunk);
        streamed(chunk.length);
        return this.write(chunk);
      case 'events':
        this.capture(chunk);
        return this.sendEvents(this.events!.push(chunk));
      case 'hold':
        this.chunks.push(chunk);
        if (this.bytes > this.holdBytes) {
          this.capturedBytes = this.bytes;
          this.overflow();
        }
        return true;
      default:
        return true;
    }
  }

  /** The upstream is done; false when something else was answered instead. */
  end(trailers: readonly string[]): boolean {
    const { head, owner } = this;
    const { passage, res } = owner;
    if (this.stage === 'events') this.sendEvents(this.events!.end());
    if (this.stage === 'dropped') return false;
    if (this.stage === 'stream' || this.stage === 'events') {
      if (trailers.length > 0) res.addTrailers(trailersByName(trailers, owner));
      res.end();
      return true;
    }
    const body = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    if (this.stage === 'hold' && !this.settled(passage.decideResponse(head.status, head.headers, bodyOf(body)))) return false;
    const sent = head.replacement ?? body;
    if (trailers.length > 0) {
      this.writeHead(-1);
      res.addTrailers(trailersByName(trailers, owner));
    } else this.writeHead(head.hasBody ? sent.length : head.contentLength);
    endTogether(res, sent.length === 0 || !head.hasBody ? undefined : sent);
    return true;
  }

  /** Acts on a response verdict before anything was sent; true: go on with the answer, changed or not. */
  settled(verdict: Verdict): boolean {
    if (verdict === null) return true;
    if (verdict.action === 'pass' || verdict.action === 'redact') {
      if (verdict.mutation !== null) this.head.mutate(verdict.mutation);
      return true;
    }
    this.stage = 'dropped';
    this.owner.stopped(verdict);
    return false;
  }

  /** The body for the record. */
  kept(): Body {
    return keptBody(this.chunks, this.bytes, this.owner.captureBytes);
  }

  /** One server-sent event: its bytes, what replaces them, or null to end the stream. */
  private decideEvent(event: Buffer, whole: boolean): Buffer | null {
    const { head, owner } = this;
    const { passage } = owner;
    const how = passage.plan.responseOverflow;
    if (!whole && how === 'pass') return event;
    if (!whole && how === 'block' && passage.overflowed('response')) return null;
    const verdict = passage.decideResponse(head.status, head.headers, bodyOf(event));
    if (verdict === null) return event;
    if (verdict.action !== 'pass' && verdict.action !== 'redact') return null;
    const body = verdict.mutation?.body;
    return body === undefined || body === null ? event : Buffer.from(body);
  }

  /** Sends what an event window let through; null ends the stream, whose status has long been told. */
  private sendEvents(bytes: Buffer | null): boolean {
    if (bytes === null) {
      this.stage = 'dropped';
      this.owner.cut();
      return true;
    }
    streamed(bytes.length);
    return bytes.length === 0 ? true : this.write(bytes);
  }

  /** The held body is larger than any rule looks at. */
  private overflow(): void {
    const { head, owner } = this;
    const { passage, res } = owner;
    const how = passage.plan.responseOverflow;
    if (how === 'block' && passage.overflowed('response')) {
      this.stage = 'dropped';
      owner.tooLong();
      return;
    }
    const held = this.chunks;
    const prefix =
      how === 'inspect-prefix' ? bodyOf(Buffer.concat(held).subarray(0, this.holdBytes), Math.max(head.contentLength, this.bytes)) : null;
    const verdict = passage.decideResponse(head.status, head.headers, prefix);
    // A prefix cannot be replaced: what was decided on it may stop the answer or change its headers, not its body.
    if (
      !this.settled(verdict === null || verdict.mutation === null ? verdict : { ...verdict, mutation: { ...verdict.mutation, body: null } })
    )
      return;
    this.stream();
    for (const chunk of held) res.write(chunk);
  }

  private stream(): void {
    const { announces, contentLength, hasBody } = this.head;
    this.stage = 'stream';
    // Over HTTP/1.1 trailer fields come behind chunks only; an upstream over HTTP/2 has them behind a body of told length too.
    this.writeHead(announces && hasBody && this.owner.res.req.httpVersion === '1.1' ? -1 : contentLength);
    this.owner.res.on('drain', this.drained);
    this.owner.res.on('timeout', () => this.owner.stalled());
  }

  private write(chunk: Buffer): boolean {
    const { owner } = this;
    if (owner.res.write(chunk)) return true;
    if (!this.waits) {
      this.waits = true;
      // It begins anew with every byte that the client takes.
      owner.res.setTimeout(owner.stallMs);
    }
    return false;
  }

  private readonly drained = (): void => {
    if (this.waits) {
      this.waits = false;
      this.owner.res.setTimeout(0);
    }
    this.resume();
  };

  /** Keeps the first bytes of a streamed body for the record. */
  private capture(chunk: Buffer): void {
    const room = this.owner.captureBytes - this.capturedBytes;
    if (room <= 0) return;
    // A copy: a slice would keep the whole chunk.
    this.chunks.push(chunk.length > room ? Buffer.from(chunk.subarray(0, room)) : chunk);
    this.capturedBytes += Math.min(room, chunk.length);
  }

  private writeHead(contentLength: number): void {
    const { head, owner } = this;
    const { httpVersion } = owner.res.req;
    // Where no chunks go Node refuses the announcement, and with it the whole answer.
    const announced = httpVersion === '2.0' || (httpVersion === '1.1' && contentLength < 0 && head.hasBody);
    const headers = changed(head.onward(contentLength, announced), owner.service.responseHeaders);
    headers.push('x-request-id', owner.passage.requestId);
    if (owner.closing) headers.push('connection', 'close');
    try {
      owner.res.writeHead(head.status, headers);
    } catch (error) {
      // Over HTTP/2 Node takes some fields once only, which stacked middlewares repeat.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_HTTP2_HEADER_SINGLE_VALUE') throw error;
      owner.res.writeHead(head.status, firstOfEach(headers));
    }
  }
}
