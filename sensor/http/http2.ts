import { emptyBody } from '../../exchange/index.js';
import type { EndReason } from '../reassembly/handler.js';
import { BodyBuilder } from './body-builder.js';
import { ByteBuilder } from './bytes.js';
import { HTTP2_PREFACE } from './classify.js';
import type { OnPair, Protocol, Succession } from './connection.js';
import { type Fields, HpackDecoder } from './hpack.js';
import type { Message } from './message.js';
import type { ReaderContext } from './reader.js';

/* RFC 9113 §4.1
 *  |                 Length (24)                   |
 *  |   Type (8)    |   Flags (8)   |
 *  |R|                 Stream Identifier (31)                      |
 */
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const PUSH_PROMISE = 5;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 32;
const FRAME_HEADER_BYTES = 9;
/** Largest frame without a settings change (RFC 9113 §6.5.2); larger ones occur, but not often enough to find a start by. */
const USUAL_FRAME_BYTES = 16_384;

const RESET = 'the stream was reset';
/** How long the answer to a request that the client gave up is waited for. */
const LATE_ANSWER_MS = 1_000;

interface Half {
  message: Message | null;
  body: BodyBuilder | null;
  ended: boolean;
}

interface Stream {
  readonly request: Half;
  readonly response: Half;
  reset: boolean;
}

interface Direction {
  readonly client: boolean;
  readonly pending: ByteBuilder;
  readonly hpack: HpackDecoder;
  type: number;
  flags: number;
  streamId: number;
  /** Bytes of the current frame that are still to come; -1 between frames. */
  remaining: number;
  padding: number;
  /** Header block under way. */
  readonly block: ByteBuilder;
  blockStream: number;
  blockEnds: boolean;
  blockPromises: boolean;
  lost: boolean;
  prefaceLeft: number;
}

/**
 * HTTP/2 in the clear (RFC 9113), with prior knowledge, after an upgrade, or found in midstream; gRPC is HTTP/2 with trailers.
 *
 * Frames are not judged, only read. After a hole the direction looks for the next frame at the start of a segment.
 */
export class Http2 implements Protocol {
  readonly #context: ReaderContext;
  readonly #emit: OnPair;
  readonly #directions: readonly [Direction, Direction];
  readonly #streams = new Map<number, Stream>();
  /** When the client reset streams whose answer may be under way, by stream, oldest first. */
  readonly #cancelled = new Map<number, number>();

  /** `upgraded`: the HTTP/1 request that asked for the upgrade; it is stream 1, and the client's preface is still to come. */
  constructor(context: ReaderContext, emit: OnPair, start: { readonly upgraded?: Message; readonly midstream?: boolean }) {
    this.#context = context;
    this.#emit = emit;
    const midstream = start.midstream ?? false;
    this.#directions = [direction(true, midstream), direction(false, midstream)];
    if (start.upgraded !== undefined) {
      // The pair that asked for the upgrade is handed over before the answer is there, and takes its bytes along.
      const { body } = start.upgraded;
      const message = { ...start.upgraded, body: { ...body, bytes: Uint8Array.from(body.bytes) }, keeps: null, done: true };
      context.counters.requests++;
      this.#streams.set(1, {
        request: { message, body: null, ended: true },
        response: { message: null, body: null, ended: false },
        reset: false,
      });
    }
  }

  push(client: boolean, bytes: Uint8Array, start: number, end: number, tsMs: number): Succession | null {
    const side = this.#directions[client ? 0 : 1];
    const counters = this.#context.counters;
    if (side.lost) {
      if (!plausibleFrames(bytes, start, end)) {
        counters.skippedBytes += end - start;
        return null;
      }
      side.lost = false;
      counters.resyncs++;
    }
    counters.httpBytes += end - start;
    if (this.#cancelled.size > 0) this.#giveUpCancelled(tsMs);
    let at = start;
    while (at < end && !side.lost) {
      if (side.prefaceLeft > 0) {
        const take = Math.min(side.prefaceLeft, end - at);
        side.prefaceLeft -= take;
        at += take;
      } else if (side.remaining < 0) at = this.#frameHeader(side, bytes, at, end, tsMs);
      else at = this.#payload(side, bytes, at, end, tsMs);
    }
    return null;
  }

  #frameHeader(side: Direction, bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const take = Math.min(FRAME_HEADER_BYTES - side.pending.length, end - start);
    side.pending.append(bytes, start, start + take);
    if (side.pending.length < FRAME_HEADER_BYTES) return end;
    const header = side.pending.bytes;
    side.remaining = (header[0] << 16) | (header[1] << 8) | header[2];
    side.type = header[3];
    side.flags = header[4];
    side.streamId = ((header[5] & 0x7f) << 24) | (header[6] << 16) | (header[7] << 8) | header[8];
    side.padding = -1;
    side.pending.clear();
    if (side.type !== DATA && side.remaining > this.#context.limits.headerBytes) {
      this.#context.counters.tooBig++;
      this.#lose(side);
    } else if (side.remaining === 0) this.#frameEnd(side, tsMs);
    return start + take;
  }

  #payload(side: Direction, bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const take = Math.min(side.remaining, end - start);
    side.remaining -= take;
    if (side.type === DATA) this.#data(side, bytes, start, start + take, tsMs);
    else side.pending.append(bytes, start, start + take);
    if (side.remaining === 0) this.#frameEnd(side, tsMs);
    return start + take;
  }

  /** DATA is handed on as it comes, without its padding. */
  #data(side: Direction, bytes: Uint8Array, start: number, end: number, tsMs: number): void {
    let from = start;
    if ((side.flags & PADDED) !== 0 && side.padding < 0 && from < end) side.padding = bytes[from++];
    const paddingLeft = Math.max(0, Math.max(0, side.padding) - side.remaining);
    const until = Math.max(from, end - paddingLeft);
    const half = this.#half(side, side.streamId);
    // Behind the end of its half a stream says nothing more (RFC 9113 §5.1).
    if (half?.message == null || half.ended || until === from) return;
    half.message.endedMs = tsMs;
    half.body ??= new BodyBuilder(this.#context.limits.bodyBytes, 0, this.#context.rooms);
    half.body.append(bytes, from, until);
  }

  #frameEnd(side: Direction, tsMs: number): void {
    side.remaining = -1;
    const { pending, flags } = side;
    switch (side.type) {
      case DATA:
        if ((flags & END_STREAM) !== 0) this.#halfEnd(side, side.streamId, true, tsMs);
        break;
      case HEADERS:
      case PUSH_PROMISE: {
        let from = 0;
        let until = pending.length;
        if ((flags & PADDED) !== 0) until -= pending.bytes[from++];
        if (side.type === HEADERS && (flags & PRIORITY) !== 0) from += 5;
        side.blockStream = side.streamId;
        side.blockPromises = side.type === PUSH_PROMISE;
        if (side.blockPromises) {
          side.blockStream = pending.bytes.readUInt32BE(Math.min(from, Math.max(0, pending.bytes.length - 4))) & 0x7fffffff;
          from += 4;
        }
        side.blockEnds = !side.blockPromises && (flags & END_STREAM) !== 0;
        side.block.clear();
        if (from <= until) side.block.append(pending.bytes, from, until);
        if ((flags & END_HEADERS) !== 0) this.#blockEnd(side, tsMs);
        break;
      }
      case CONTINUATION:
        if (side.block.length + pending.length > this.#context.limits.headerBytes) {
          this.#context.counters.tooBig++;
          this.#lose(side);
          break;
        }
        side.block.append(pending.bytes, 0, pending.length);
        if ((flags & END_HEADERS) !== 0) this.#blockEnd(side, tsMs);
        break;
      case RST_STREAM:
        this.#reset(side, tsMs);
        break;
      default:
    }
    pending.clear();
  }

  #blockEnd(side: Direction, tsMs: number): void {
    const fields = side.hpack.decode(side.block.bytes, 0, side.block.length);
    side.block.clear();
    this.#context.counters.unknownHeaders += fields.unknown;
    const id = side.blockStream;
    const isRequest = side.client || side.blockPromises;
    const half = this.#half(side, id, isRequest);
    if (half === null) return;
    if (half.message === null) {
      const status = Number(pseudo(fields, ':status') || 0);
      if (!isRequest && status >= 100 && status < 200) {
        this.#context.counters.responses++;
        this.#context.counters.informational++;
        return;
      }
      half.message = messageOf(fields, status, tsMs);
      if (isRequest) this.#context.counters.requests++;
      else this.#context.counters.responses++;
    } else half.message.trailers = fields.headers.map(plain);
    half.message.endedMs = tsMs;
    if (side.blockPromises) this.#finishHalf(half, true);
    else if (side.blockEnds) this.#halfEnd(side, id, true, tsMs);
  }

  #half(side: Direction, id: number, isRequest: boolean = side.client): Half | null {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      if (id === 0 || side.type === DATA) return null;
      stream = {
        request: { message: null, body: null, ended: false },
        response: { message: null, body: null, ended: false },
        reset: false,
      };
      this.#streams.set(id, stream);
      if (this.#streams.size > this.#context.limits.outstanding)
        this.#finishStream(this.#streams.keys().next().value as number, 'too many streams without an answer');
    }
    return isRequest ? stream.request : stream.response;
  }

  #halfEnd(side: Direction, id: number, whole: boolean, tsMs: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const half = side.client ? stream.request : stream.response;
    if (half.message !== null) half.message.endedMs = tsMs;
    this.#finishHalf(half, whole);
    // An answer may be whole before the request is; a request that was never seen ends with its answer.
    if (stream.response.ended && (stream.request.ended || stream.request.message === null))
      this.#finishStream(id, stream.reset ? RESET : '');
  }

  #finishHalf(half: Half, whole: boolean): void {
    if (half.ended) return;
    half.ended = true;
    const { message, body } = half;
    half.body = null;
    if (message === null) {
      body?.drop();
      return;
    }
    message.whole = whole;
    message.done = true;
    if (body === null) return;
    if (body.capped) this.#context.counters.bodiesCapped++;
    message.body = body.finish();
    message.keeps = body;
  }

  /** A server does not know yet what the client gave up: its answer is on the way, and belongs to the request all the same. */
  #reset(side: Direction, tsMs: number): void {
    const id = side.streamId;
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const isFirst = !stream.reset;
    stream.reset = true;
    if (side.client && isFirst && stream.request.message !== null) {
      this.#finishHalf(stream.request, stream.request.ended);
      this.#cancelled.set(id, tsMs);
    } else this.#finishStream(id, RESET);
  }

  #giveUpCancelled(nowMs: number): void {
    for (const [id, sinceMs] of this.#cancelled) {
      if (nowMs - sinceMs < LATE_ANSWER_MS) return;
      this.#finishStream(id, RESET);
    }
  }

  #finishStream(id: number, failure: string): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    this.#cancelled.delete(id);
    this.#finishHalf(stream.request, stream.request.ended);
    this.#finishHalf(stream.response, stream.response.ended);
    const request = stream.request.message;
    const response = stream.response.message;
    const { counters } = this.#context;
    if (request !== null && response !== null) counters.paired++;
    else if (request !== null) counters.unpairedRequests++;
    else if (response !== null) counters.unpairedResponses++;
    else return;
    this.#emit({ request, response, failure: failure !== '' ? failure : request === null ? 'no request was seen' : '' });
  }

  gap(client: boolean, length: number, _tsMs: number): void {
    const side = this.#directions[client ? 0 : 1];
    const left = side.remaining;
    // A hole inside of a DATA frame costs body bytes only.
    if (!side.lost && side.type === DATA && left >= length && ((side.flags & PADDED) === 0 || side.padding >= 0)) {
      const half = this.#half(side, side.streamId);
      if (half?.message != null && !half.ended) {
        half.body ??= new BodyBuilder(this.#context.limits.bodyBytes, 0, this.#context.rooms);
        half.body.gap(Math.max(0, length - Math.max(0, Math.max(0, side.padding) - (left - length))));
      }
      side.remaining -= length;
      if (side.remaining === 0) this.#frameEnd(side, _tsMs);
      return;
    }
    this.#lose(side);
  }

  #lose(side: Direction): void {
    side.lost = true;
    side.remaining = -1;
    side.prefaceLeft = 0;
    side.pending.clear();
    side.block.clear();
    side.hpack.lose();
  }

  fin(): void {}

  end(reason: EndReason): void {
    for (const [id, stream] of [...this.#streams])
      this.#finishStream(id, stream.reset ? RESET : `the connection ended (${reason}) before the stream did`);
  }
}

function direction(client: boolean, lost: boolean): Direction {
  return {
    client,
    pending: new ByteBuilder(),
    hpack: new HpackDecoder(),
    type: 0,
    flags: 0,
    streamId: 0,
    remaining: -1,
    padding: -1,
    block: new ByteBuilder(),
    blockStream: 0,
    blockEnds: false,
    blockPromises: false,
    lost,
    prefaceLeft: client && !lost ? HTTP2_PREFACE.length : 0,
  };
}

function pseudo(fields: Fields, name: string): string {
  for (let index = 0; index < fields.headers.length; index += 2) if (fields.headers[index] === name) return fields.headers[index + 1];
  return '';
}

function plain(text: string): string {
  return /[\r\n\0]/.test(text) ? text.replace(/[\r\n\0]/g, ' ') : text;
}

/** Pseudo fields become the start line; `:authority` stays as `host` unless there is one (RFC 9113 §8.3.1). */
function messageOf(fields: Fields, status: number, tsMs: number): Message {
  const headers: string[] = [];
  const authority = pseudo(fields, ':authority');
  let hasHost = false;
  for (let index = 0; index < fields.headers.length; index += 2) {
    const name = fields.headers[index];
    if (name.startsWith(':')) continue;
    if (name === 'host') hasHost = true;
    // Line breaks are forbidden in field values (RFC 9113 §8.2.1) and would be read as structure further on.
    headers.push(plain(name), plain(fields.headers[index + 1]));
  }
  if (authority !== '' && !hasHost) headers.unshift('host', plain(authority));
  const head = { method: plain(pseudo(fields, ':method')), target: plain(pseudo(fields, ':path')), version: '2' as const, status, headers };
  if (head.method === 'CONNECT' && head.target === '') head.target = authority;
  return { head, startedMs: tsMs, endedMs: tsMs, body: emptyBody, keeps: null, trailers: [], whole: false, done: false };
}

/** Do bytes look like a row of frames? Length, type, stream and their combination must fit (RFC 9113 §6), to the end of what is there. */
export function plausibleFrames(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  let frames = 0;
  while (at + FRAME_HEADER_BYTES <= end) {
    const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    const type = bytes[at + 3];
    const id = ((bytes[at + 5] & 0x7f) << 24) | (bytes[at + 6] << 16) | (bytes[at + 7] << 8) | bytes[at + 8];
    if (length > USUAL_FRAME_BYTES || type > 9 || (bytes[at + 5] & 0x80) !== 0 || !fits(type, length, id)) return false;
    at += FRAME_HEADER_BYTES + length;
    frames++;
  }
  return frames > 0;
}

function fits(type: number, length: number, id: number): boolean {
  switch (type) {
    case 2:
      return id !== 0 && length === 5;
    case RST_STREAM:
      return id !== 0 && length === 4;
    case 4:
      return id === 0 && length % 6 === 0;
    case 6:
      return id === 0 && length === 8;
    case 7:
      return id === 0 && length >= 8;
    case 8:
      return length === 4;
    default:
      return id !== 0;
  }
}

/** Finds HTTP/2 in midstream: a row of frames with a HEADERS frame whose block says that it is a request or an answer. */
export function http2Midstream(bytes: Uint8Array, start: number, end: number): 'request' | 'response' | null {
  if (end - start < FRAME_HEADER_BYTES || !plausibleFrames(bytes, start, end)) return null;
  for (let at = start; at + FRAME_HEADER_BYTES <= end; ) {
    const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    const next = at + FRAME_HEADER_BYTES + length;
    if (bytes[at + 3] === HEADERS && next <= end) {
      const flags = bytes[at + 4];
      let from = at + FRAME_HEADER_BYTES;
      let until = next;
      if ((flags & PADDED) !== 0) until -= bytes[from++];
      if ((flags & PRIORITY) !== 0) from += 5;
      if (from < until) {
        const { headers, good } = new HpackDecoder().decode(bytes, from, until);
        if (good && (headers.includes(':method') || headers.includes(':path'))) return 'request';
        if (good && headers.includes(':status')) return 'response';
      }
    }
    at = next;
  }
  return null;
}
