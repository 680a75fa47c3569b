import type { EndReason, Side, StreamHandler } from '../reassembly/handler.js';
import { ByteBuilder, latin1 } from './bytes.js';
import { classify, proxyHeader } from './classify.js';
import { requestLine } from './head.js';
import { Http1 } from './http1.js';
import { Http2, http2Midstream } from './http2.js';
import type { Pair } from './message.js';
import type { ReaderContext } from './reader.js';

/** What a protocol layer gives: pairs, as they become complete. */
export type OnPair = (pair: Pair) => void;

/** A protocol on one connection, once it is known which side asks. */
export interface Protocol {
  /** Reads on. Returns a successor that takes over at `at`, or null. */
  push(client: boolean, bytes: Uint8Array, start: number, end: number, tsMs: number): Succession | null;
  gap(client: boolean, length: number, tsMs: number): void;
  fin(client: boolean, tsMs: number): void;
  end(reason: EndReason, tsMs: number): void;
}

export interface Succession {
  /** Index of the first byte that belongs to the successor. */
  readonly at: number;
  readonly protocol: Protocol | 'sniff' | 'opaque';
}

interface Sniffed {
  readonly pending: ByteBuilder;
  firstMs: number;
  /** Bytes of this side were no HTTP, or there was a hole before anything was recognised. */
  foreign: boolean;
}

/**
 * The application layer of one TCP connection: finds out what it carries and which side is the client, then hands on to that protocol.
 *
 * Ports mean nothing here. A side whose bytes are not HTTP is looked at again with each segment, because what precedes HTTP may be a SOCKS
 * handshake or the middle of a message.
 */
export class Connection implements StreamHandler {
  readonly #midstream: boolean;
  readonly #context: ReaderContext;
  readonly #emit: (pair: Pair, client: Side, proxied: { ip: string; port: number } | null) => void;
  #sides: [Sniffed, Sniffed] | null;
  #protocol: Protocol | null = null;
  #client: Side = 0;
  #proxied: { ip: string; port: number } | null = null;
  #opaque: 'no' | 'encrypted' | 'tunnel' = 'no';
  #tunnelled = false;
  #foreignCounted = false;

  /** `midstream`: the connection was open when the capture began. */
  constructor(
    midstream: boolean,
    context: ReaderContext,
    emit: (pair: Pair, client: Side, proxied: { ip: string; port: number } | null) => void,
  ) {
    this.#midstream = midstream;
    this.#context = context;
    this.#emit = emit;
    this.#sides = newSides();
  }

  onBytes(side: Side, bytes: Uint8Array, start: number, end: number, tsMs: number): void {
    const counters = this.#context.counters;
    if (this.#opaque !== 'no') {
      if (this.#opaque === 'encrypted') counters.encryptedBytes += end - start;
      else counters.tunnelledBytes += end - start;
      return;
    }
    if (this.#protocol === null) {
      this.#sniff(side, bytes, start, end, tsMs);
      return;
    }
    const next = this.#protocol.push(side === this.#client, bytes, start, end, tsMs);
    if (next !== null) this.#succeed(next, side, bytes, end, tsMs);
  }

  #succeed(next: Succession, side: Side, bytes: Uint8Array, end: number, tsMs: number): void {
    if (next.protocol === 'opaque') this.#opaque = 'tunnel';
    else if (next.protocol === 'sniff') {
      this.#protocol = null;
      this.#tunnelled = true;
      this.#sides = newSides();
    } else this.#protocol = next.protocol;
    if (next.at < end) this.onBytes(side, bytes, next.at, end, tsMs);
  }

  #sniff(side: Side, bytes: Uint8Array, start: number, end: number, tsMs: number): void {
    const sides = this.#sides as [Sniffed, Sniffed];
    const own = sides[side];
    if (own.pending.length === 0) {
      own.firstMs = tsMs;
      const beginning = classify(bytes, start, end, this.#midstream || own.foreign);
      if (beginning !== 'more') {
        this.#recognised(beginning, side, bytes, start, end, tsMs);
        return;
      }
    }
    if (own.pending.length === 0) own.firstMs = tsMs;
    own.pending.append(bytes, start, end);
    const all = Buffer.from(own.pending.bytes.subarray(0, own.pending.length));
    const beginning = classify(all, 0, all.length, this.#midstream || own.foreign);
    if (beginning === 'more') return;
    own.pending.clear();
    this.#recognised(beginning, side, all, 0, all.length, own.firstMs);
  }

  #recognised(
    beginning: Exclude<ReturnType<typeof classify>, 'more'>,
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    tsMs: number,
  ): void {
    const counters = this.#context.counters;
    switch (beginning) {
      case 'tls':
        this.#opaque = 'encrypted';
        counters.encryptedFlows++;
        this.#flushPending('encrypted');
        this.onBytes(side, bytes, start, end, tsMs);
        return;
      case 'proxy':
        this.#proxyHeader(side, bytes, start, end, tsMs);
        return;
      case 'http2':
        this.#start(side, side, bytes, start, end, tsMs, (emit) => new Http2(this.#context, emit, {}));
        return;
      case 'request':
      case 'response': {
        const client = beginning === 'request' ? side : ((1 - side) as Side);
        this.#start(client, side, bytes, start, end, tsMs);
        return;
      }
      case 'other': {
        const midstream = http2Midstream(bytes, start, end);
        if (midstream === null) this.#foreign(side, end - start);
        else
          this.#start(
            midstream === 'request' ? side : ((1 - side) as Side),
            side,
            bytes,
            start,
            end,
            tsMs,
            (emit) => new Http2(this.#context, emit, { midstream: true }),
          );
      }
    }
  }

  #proxyHeader(side: Side, bytes: Uint8Array, start: number, end: number, tsMs: number): void {
    const header = proxyHeader(bytes, start, end);
    if (header.length < 0) {
      (this.#sides as [Sniffed, Sniffed])[side].pending.append(bytes, start, end);
      return;
    }
    if (header.length === 0) {
      this.#foreign(side, end - start);
      return;
    }
    this.#proxied = header.client;
    this.#context.counters.httpBytes += header.length;
    if (start + header.length < end) this.onBytes(side, bytes, start + header.length, end, tsMs);
  }

  #start(client: Side, side: Side, bytes: Uint8Array, start: number, end: number, tsMs: number, open?: (emit: OnPair) => Protocol): void {
    const sides = this.#sides as [Sniffed, Sniffed];
    this.#client = client;
    this.#sides = null;
    const emit: OnPair = (pair) => this.#emit(pair, this.#client, this.#proxied);
    const other = (1 - side) as Side;
    const lost: [boolean, boolean] = [sides[client].foreign, sides[1 - client].foreign];
    lost[side === client ? 0 : 1] = false;
    this.#protocol = open === undefined ? new Http1(this.#context, emit, lost[0], lost[1]) : open(emit);
    const waiting = sides[other].pending;
    if (waiting.length > 0)
      this.onBytes(other, Buffer.from(waiting.bytes.subarray(0, waiting.length)), 0, waiting.length, sides[other].firstMs);
    this.onBytes(side, bytes, start, end, tsMs);
  }

  #foreign(side: Side, length: number): void {
    const own = (this.#sides as [Sniffed, Sniffed])[side];
    own.foreign = true;
    own.pending.clear();
    if (this.#tunnelled) {
      this.#context.counters.tunnelledBytes += length;
      return;
    }
    this.#context.counters.notHttpBytes += length;
    if (this.#foreignCounted) return;
    this.#foreignCounted = true;
    this.#context.counters.notHttpFlows++;
  }

  #flushPending(as: 'encrypted' | 'foreign'): void {
    for (const own of this.#sides ?? []) {
      if (as === 'encrypted') this.#context.counters.encryptedBytes += own.pending.length;
      else if (this.#tunnelled) this.#context.counters.tunnelledBytes += own.pending.length;
      else this.#context.counters.notHttpBytes += own.pending.length;
      own.pending.clear();
    }
  }

  onGap(side: Side, length: number, tsMs: number): void {
    if (this.#protocol !== null) this.#protocol.gap(side === this.#client, length, tsMs);
    else if (this.#sides !== null) {
      const own = this.#sides[side];
      own.foreign = true;
      this.#context.counters.notHttpBytes += own.pending.length;
      own.pending.clear();
    }
  }

  onFin(side: Side, tsMs: number): void {
    this.#settle(side, tsMs);
    this.#protocol?.fin(side === this.#client, tsMs);
  }

  /** A request line that waits for its end when nothing more comes is one all the same. */
  #settle(side: Side, tsMs: number): void {
    const pending = this.#sides?.[side].pending;
    if (pending === undefined || pending.length === 0) return;
    const line = Buffer.from(pending.bytes.subarray(0, pending.length));
    const head = requestLine(latin1(line, 0, line.length));
    if (head === null || head.version === '0.9') return;
    pending.clear();
    this.#recognised('request', side, line, 0, line.length, tsMs);
  }

  onEnd(reason: EndReason, tsMs: number): void {
    this.#settle(0, tsMs);
    this.#settle(1, tsMs);
    this.#flushPending('foreign');
    this.#sides = null;
    this.#protocol?.end(reason, tsMs);
    this.#protocol = null;
    this.#opaque = 'tunnel';
  }
}

function newSides(): [Sniffed, Sniffed] {
  return [
    { pending: new ByteBuilder(), firstMs: 0, foreign: false },
    { pending: new ByteBuilder(), firstMs: 0, foreign: false },
  ];
}
