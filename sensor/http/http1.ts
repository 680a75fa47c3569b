import { header } from '../../exchange/index.js';
import type { EndReason } from '../reassembly/handler.js';
import type { OnPair, Protocol, Succession } from './connection.js';
import { announcedFraming, type Framing, NO_BODY, UNTIL_CLOSE } from './head.js';
import { Http2 } from './http2.js';
import type { Message } from './message.js';
import { MessageReader, type ReaderContext } from './reader.js';
import { WebSocket } from './websocket.js';

interface Waiting {
  readonly request: Message;
  response: Message | null;
  /** The answer may have been in a hole. */
  doubtful: boolean;
  /** A hole may have swallowed a request in front of it while others waited: the answer may be that one's. */
  readonly behindHole: boolean;
}

/**
 * HTTP/1 on one connection: a reader for each direction, and requests paired with answers first in, first out (RFC 9112 §9.3).
 *
 * Because both streams arrive in causal order, an answer belongs to the oldest request that has none; after a hole between answers, requests
 * that were followed by another one, or by a hole between requests, are taken as answered in the hole.
 */
export class Http1 implements Protocol {
  readonly #context: ReaderContext;
  readonly #emit: OnPair;
  readonly #requests: MessageReader;
  readonly #responses: MessageReader;
  /** Requests without an answer head, oldest first. */
  readonly #waiting: Waiting[] = [];
  /** The request that the answer being read belongs to. */
  #answered: Waiting | null = null;
  /** Requests that were answered before they were whole. */
  readonly #early = new Set<Waiting>();
  #succession: Succession['protocol'] | null = null;
  #foreignAnswer = false;
  /** Requests may have been lost since the last one that was seen. */
  #holeInRequests = false;

  constructor(context: ReaderContext, emit: OnPair, requestsLost: boolean, responsesLost: boolean) {
    this.#context = context;
    this.#emit = emit;
    this.#requests = new MessageReader('request', this.#requestOwner(), context, requestsLost);
    this.#responses = new MessageReader('response', this.#responseOwner(), context, responsesLost);
  }

  push(client: boolean, bytes: Uint8Array, start: number, end: number, tsMs: number): Succession | null {
    if (!client) this.#requests.settlePlain(tsMs);
    const reader = client ? this.#requests : this.#responses;
    const at = reader.push(bytes, start, end, tsMs);
    const successor = this.#succession;
    if (successor === null) return null;
    this.#succession = null;
    this.#requests.cut(tsMs);
    this.#responses.cut(tsMs);
    this.#flush('tunnel', tsMs);
    return { at, protocol: successor };
  }

  gap(client: boolean, length: number, tsMs: number): void {
    (client ? this.#requests : this.#responses).gap(length, tsMs);
  }

  fin(client: boolean, tsMs: number): void {
    (client ? this.#requests : this.#responses).fin(tsMs);
  }

  end(reason: EndReason, tsMs: number): void {
    this.#requests.end(tsMs);
    this.#responses.end(tsMs);
    this.#flush(reason, tsMs);
  }

  #requestOwner() {
    return {
      onHead: (request: Message): Framing => {
        this.#dropDoubtful();
        const behindHole = this.#waiting.length > 0 && (this.#holeInRequests || this.#waiting[this.#waiting.length - 1].behindHole);
        this.#holeInRequests = false;
        this.#waiting.push({ request, response: null, doubtful: false, behindHole });
        if (this.#waiting.length > this.#context.limits.outstanding)
          this.#unanswered(this.#waiting.shift() as Waiting, 'too many requests without an answer');
        const found = announcedFraming(request.head.headers);
        if (found.contradictory) this.#context.counters.badFraming++;
        return found.framing ?? NO_BODY;
      },
      onDone: (request: Message): void => {
        for (const waiting of this.#early) {
          if (waiting.request !== request) continue;
          this.#early.delete(waiting);
          this.#pair(waiting);
        }
      },
      onLostBetween: (): void => {
        this.#holeInRequests = true;
        this.#dropDoubtful();
      },
      acceptsPlain: (): boolean => false,
      expectsMore: (): boolean => this.#early.size > 0,
    };
  }

  #responseOwner() {
    return {
      onHead: (response: Message): Framing | 'switch' => this.#onResponseHead(response),
      onDone: (response: Message): void => this.#onResponseDone(response),
      onLostBetween: (): void => {
        for (const waiting of this.#waiting) waiting.doubtful = true;
        if (this.#holeInRequests) this.#dropDoubtful();
      },
      acceptsPlain: (isHttp: boolean): boolean => {
        const plain = this.#waiting[0]?.request.head.version === '0.9';
        if (plain || this.#waiting.length === 0) return plain;
        // An answer that nobody can read is one all the same: the next one is not for this request.
        if (isHttp && this.#waiting[0].request.done) this.#unanswered(this.#waiting.shift() as Waiting, NOT_HTTP);
        else this.#foreignAnswer = true;
        return false;
      },
      expectsMore: (): boolean => this.#waiting.length > 0,
    };
  }

  #onResponseHead(response: Message): Framing | 'switch' {
    const { status, version, headers } = response.head;
    if (status >= 100 && status < 200 && status !== 101) {
      this.#context.counters.informational++;
      return NO_BODY;
    }
    if (this.#waiting.length === 0) this.#requests.settle(response.startedMs);
    const waiting = this.#waiting.shift() ?? null;
    this.#answered = waiting;
    const method = waiting?.request.head.method ?? '';
    if (status === 101) {
      this.#succession = this.#upgradedTo(waiting?.request ?? null, response);
      return 'switch';
    }
    if (method === 'CONNECT' && status >= 200 && status < 300) {
      // Who did not wait for leave sent HTTP/1 already, which goes on.
      if (this.#waiting.length > 0 && !this.#requests.lost) return NO_BODY;
      this.#succession = 'sniff';
      return 'switch';
    }
    if (method === 'HEAD' || status === 204 || status === 304) return NO_BODY;
    if (version === '0.9') return UNTIL_CLOSE;
    const found = announcedFraming(headers);
    if (found.contradictory) this.#context.counters.badFraming++;
    return found.framing ?? UNTIL_CLOSE;
  }

  /** What a connection speaks behind 101 (RFC 9110 §7.8). */
  #upgradedTo(request: Message | null, response: Message): Succession['protocol'] {
    const upgrade = (header(response.head.headers, 'upgrade') ?? '').toLowerCase();
    if (request === null) return 'sniff';
    if (upgrade === 'websocket') return new WebSocket(this.#context, this.#emit, request, response);
    if (upgrade === 'h2c') return new Http2(this.#context, this.#emit, { upgraded: request });
    return 'sniff';
  }

  #onResponseDone(response: Message): void {
    const { status } = response.head;
    if (status >= 100 && status < 200 && status !== 101) return;
    const waiting = this.#answered;
    this.#answered = null;
    if (waiting === null) {
      this.#context.counters.unpairedResponses++;
      this.#emit({ request: null, response, failure: 'no request was seen' });
      return;
    }
    waiting.response = response;
    if (waiting.request.done) this.#pair(waiting);
    else this.#early.add(waiting);
  }

  #pair(waiting: Waiting): void {
    const { request, response, behindHole } = waiting;
    this.#context.counters.paired++;
    const failure =
      response !== null && !response.whole
        ? 'the answer was cut off'
        : !request.whole
          ? 'the request was cut off'
          : behindHole
            ? 'a request before it is missing from the capture, whose answer this may be'
            : '';
    this.#emit({ request, response, failure });
  }

  #unanswered(waiting: Waiting, failure: string): void {
    this.#context.counters.unpairedRequests++;
    this.#emit({ request: waiting.request, response: null, failure });
  }

  #dropDoubtful(): void {
    if (!this.#responses.lost) return;
    while (this.#waiting.length > 0 && this.#waiting[0].doubtful)
      this.#unanswered(this.#waiting.shift() as Waiting, 'the answer is missing from the capture');
  }

  #flush(reason: EndReason | 'tunnel', _tsMs: number): void {
    for (const waiting of this.#early) this.#pair(waiting);
    this.#early.clear();
    const failure = this.#foreignAnswer ? NOT_HTTP : FAILURES[reason];
    for (const waiting of this.#waiting) this.#unanswered(waiting, failure);
    this.#waiting.length = 0;
  }
}

const NOT_HTTP = 'the answer is not HTTP';

const FAILURES: Readonly<Record<EndReason | 'tunnel', string>> = {
  fin: 'closed without an answer',
  reset: 'reset without an answer',
  idle: 'no answer came',
  evicted: 'given up to stay within the memory bound',
  reused: 'the connection was replaced without an answer',
  'end-of-capture': 'the capture ended before an answer',
  tunnel: 'the connection switched protocols before an answer',
};
