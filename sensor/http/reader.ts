/**
 * Bytes of one direction of a connection to HTTP/1.x messages, with gaps in them (RFC 9112). One room: each state ends where the next one begins, at any byte or
 * hole, so none can be read without the others.
 */
import { emptyBody, type HeaderList } from '../../exchange/index.js';
import type { Counters } from '../counters.js';
import type { Limits } from '../types.js';
import { BodyBuilder } from './body-builder.js';
import { ByteBuilder, latin1 } from './bytes.js';
import { certainRequestLine, type Framing, fieldLines, type Head, requestLine, statusLine } from './head.js';
import type { Message } from './message.js';
import type { Rooms } from './rooms.js';

/** What a reader tells about the messages of its direction, and asks. */
export interface ReaderOwner {
  /** A head is there. Returns how its body is framed; 'switch' ends HTTP/1 in this direction behind the head. */
  onHead(message: Message): Framing | 'switch';
  onDone(message: Message): void;
  /** Bytes between messages were lost. */
  onLostBetween(): void;
  /** Bytes that are no message stand where one should start; `isHttp`: they begin as a message would. True: take them as the answer to an HTTP/0.9 request. */
  acceptsPlain(isHttp: boolean): boolean;
  /** Is another message due, so that a start line in a body begins it: one until close, one of which nothing came, one whose chunks break off? */
  expectsMore(): boolean;
}

export interface ReaderContext {
  readonly counters: Counters;
  readonly limits: Limits;
  readonly rooms: Rooms;
}

type State = 'start' | 'length' | 'close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'lost';

const NO_TRAILERS: HeaderList = Object.freeze([]);
const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
/** Value of a hexadecimal digit, -1 for other bytes. */
const HEX = Int8Array.from({ length: 256 }, (_, byte) => '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()));

/** HTTP/1 messages of one direction out of its bytes and holes (RFC 9112). Tolerant: it reads what others sent, it does not judge. */
export class MessageReader {
  readonly #kind: 'request' | 'response';
  readonly #owner: ReaderOwner;
  readonly #context: ReaderContext;
  readonly #pending = new ByteBuilder();
  #state: State = 'start';
  /** Bytes of `#pending` in which no head end was found. */
  #scanned = 0;
  #startedMs = 0;
  #remaining = 0;
  #firstChunk = false;
  #switched = false;
  /** The head being read breaks off. */
  #partial = false;
  #message: Message | null = null;
  #body: BodyBuilder | null = null;

  constructor(kind: 'request' | 'response', owner: ReaderOwner, context: ReaderContext, lost: boolean) {
    this.#kind = kind;
    this.#owner = owner;
    this.#context = context;
    if (lost) this.#state = 'lost';
  }

  get idle(): boolean {
    return this.#state === 'start' && this.#pending.length === 0;
  }

  get lost(): boolean {
    return this.#state === 'lost';
  }

  /** Reads on. Returns where it stopped: `end`, or behind a head that switched protocols. */
  push(bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    let at = start;
    if (this.#state === 'lost' && !this.#resync(bytes, start, end)) {
      this.#context.counters.skippedBytes += end - start;
      return end;
    }
    if ((this.#mayBreakOff() || this.#isBodyRefused()) && this.#startsMessage(bytes, start, end)) this.#breakOff(tsMs);
    while (at < end) {
      const before = at;
      const message = this.#message;
      switch (this.#state) {
        case 'start':
          at = this.#readHead(bytes, at, end, tsMs);
          break;
        case 'length':
          at = this.#readLength(bytes, at, end, tsMs);
          break;
        case 'close':
          this.#body?.append(bytes, at, end);
          at = end;
          break;
        case 'chunk-data':
          at = this.#readChunkData(bytes, at, end);
          break;
        case 'chunk-size':
        case 'chunk-end':
        case 'trailers':
          at = this.#readLine(bytes, at, end, tsMs);
          break;
        case 'lost':
          this.#context.counters.skippedBytes += end - at;
          return end;
      }
      this.#context.counters.httpBytes += at - before;
      if (this.#switched) {
        this.#switched = false;
        return at;
      }
      if (message !== null) message.endedMs = tsMs;
    }
    return end;
  }

  /** Is this a place where no start line can be what is read, and is another message due? */
  #mayBreakOff(): boolean {
    return (
      this.#state !== 'start' &&
      this.#state !== 'length' &&
      this.#state !== 'chunk-data' &&
      this.#state !== 'lost' &&
      this.#owner.expectsMore()
    );
  }

  /** Another message begins: what was read is all there is. Chunks end behind the last one only. */
  #breakOff(tsMs: number): void {
    const isWhole = this.#isBodyRefused() || this.#state === 'close' || this.#state === 'trailers';
    this.#pending.clear();
    if (!isWhole) this.#context.counters.badFraming++;
    this.#finish(isWhole, tsMs);
  }

  /** The request was answered before a byte of its body was sent: who asked for leave with `Expect: 100-continue` and got none never sends it. */
  #isBodyRefused(): boolean {
    if (this.#kind === 'response' || this.#message === null || this.#body === null || this.#body.totalLength > 0) return false;
    return (this.#state === 'length' || (this.#state === 'chunk-size' && this.#firstChunk)) && this.#owner.expectsMore();
  }

  #readHead(bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const pending = this.#pending;
    let at = start;
    if (pending.length === 0) {
      // Empty lines before a message are passed over (RFC 9112 §2.2), and blanks, which some clients send.
      // NUL too in front of an answer, which clients pass over.
      while (at < end && (isLineEndOrBlank(bytes[at]) || (bytes[at] === 0 && this.#kind === 'response'))) at++;
      if (at === end) return end;
      this.#startedMs = tsMs;
      this.#scanned = 0;
      const headEnd = endOfHead(bytes, at, end);
      if (headEnd > 0) return this.#head(latin1(bytes, at, headEnd), tsMs) ? headEnd : this.#noMessage(bytes, at, end);
    }
    const had = pending.length;
    pending.append(bytes, at, end);
    const headEnd = endOfHead(pending.bytes, Math.max(0, this.#scanned - 3), pending.length);
    if (headEnd > 0) {
      const text = latin1(pending.bytes, 0, headEnd);
      pending.clear();
      if (this.#head(text, tsMs)) return at + headEnd - had;
      return this.#noMessage(bytes, at, end);
    }
    this.#scanned = pending.length;
    if (!this.#plausible()) {
      const taken = Buffer.from(pending.bytes.subarray(0, pending.length));
      pending.clear();
      this.#noMessage(taken, 0, taken.length);
      return end;
    }
    if (pending.length > this.#context.limits.headerBytes) {
      this.#context.counters.tooBig++;
      this.#partialHead(tsMs);
      pending.clear();
      this.#lose();
    }
    return end;
  }

  /** Does what is pending still look like the beginning of a message? */
  #plausible(): boolean {
    const { bytes, length } = this.#pending;
    const lineEnd = bytes.subarray(0, length).indexOf(LF);
    if (this.#kind === 'response') {
      const text = latin1(bytes, 0, Math.min(length, 5)).toUpperCase();
      return 'HTTP/'.startsWith(text) && (lineEnd < 0 || statusLine(latin1(bytes, 0, lineEnd)) !== null);
    }
    if (lineEnd >= 0) return requestLine(withoutCr(latin1(bytes, 0, lineEnd))) !== null;
    const blank = bytes.subarray(0, length).indexOf(32);
    const method = latin1(bytes, 0, blank < 0 ? Math.min(length, 41) : blank);
    return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}$/.test(method);
  }

  /** Takes a whole head. False when its first line is none. */
  #head(text: string, tsMs: number): boolean {
    let lineEnd = text.indexOf('\n');
    if (lineEnd < 0) lineEnd = text.length;
    const line = withoutCr(text.slice(0, lineEnd));
    const head: Head | null = this.#kind === 'request' ? requestLine(line) : statusLine(line);
    if (head === null) return false;
    fieldLines(text, lineEnd + 1, head.headers);
    this.#begin(head, tsMs);
    return true;
  }

  #begin(head: Head, tsMs: number): void {
    const message: Message = {
      head,
      startedMs: this.#startedMs,
      endedMs: tsMs,
      body: emptyBody,
      keeps: null,
      trailers: NO_TRAILERS,
      whole: false,
      done: false,
    };
    this.#message = message;
    if (this.#kind === 'request') this.#context.counters.requests++;
    else this.#context.counters.responses++;
    const framing = this.#owner.onHead(message);
    if (framing === 'switch') {
      this.#switched = true;
      this.#finish(true, tsMs);
      return;
    }
    switch (framing.kind) {
      case 'none':
        this.#finish(true, tsMs);
        return;
      case 'length':
        this.#remaining = framing.length;
        this.#body = new BodyBuilder(this.#context.limits.bodyBytes, framing.length, this.#context.rooms);
        this.#state = 'length';
        return;
      case 'chunked':
        this.#body = new BodyBuilder(this.#context.limits.bodyBytes, 0, this.#context.rooms);
        this.#state = 'chunk-size';
        this.#firstChunk = true;
        return;
      case 'close':
        this.#body = new BodyBuilder(this.#context.limits.bodyBytes, 0, this.#context.rooms);
        this.#state = 'close';
    }
  }

  #noMessage(bytes: Uint8Array, start: number, end: number): number {
    if (this.#owner.acceptsPlain(/^HTTP\//i.test(latin1(bytes, start, Math.min(start + 5, end))))) {
      this.#begin({ method: '', target: '', version: '0.9', status: 0, headers: [] }, this.#startedMs);
      this.#body?.append(bytes, start, end);
      return end;
    }
    this.#lose();
    return end;
  }

  #readLength(bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const take = Math.min(end - start, this.#remaining);
    this.#body?.append(bytes, start, start + take);
    this.#remaining -= take;
    if (this.#remaining === 0) this.#finish(true, tsMs);
    return start + take;
  }

  #readChunkData(bytes: Uint8Array, start: number, end: number): number {
    const take = Math.min(end - start, this.#remaining);
    this.#body?.append(bytes, start, start + take);
    this.#remaining -= take;
    if (this.#remaining === 0) this.#state = 'chunk-end';
    return start + take;
  }

  /** Lines of chunked framing (RFC 9112 §7.1): a size, the end of a chunk, a trailer field. */
  #readLine(bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const plain = this.#plainChunkLine(bytes, start, end);
    if (plain > 0) return plain;
    let stop = start;
    while (stop < end && bytes[stop] !== LF) stop++;
    const pending = this.#pending;
    if (stop === end) {
      pending.append(bytes, start, end);
      const limit = this.#state === 'trailers' ? this.#context.limits.headerBytes : 4096;
      if (pending.length > limit) {
        if (this.#state !== 'trailers') return this.#badChunk('', bytes, start, end, tsMs);
        this.#context.counters.tooBig++;
        this.#giveUp(tsMs);
      }
      return end;
    }
    let line: string;
    if (pending.length > 0) {
      pending.append(bytes, start, stop);
      line = latin1(pending.bytes, 0, pending.length);
      pending.clear();
    } else line = latin1(bytes, start, stop);
    return this.#chunkLine(withoutCr(line), bytes, start, stop + 1, end, tsMs);
  }

  /** The usual lines of chunked framing, read from the bytes: digits and CRLF, or CRLF alone. Returns the index behind it, 0 for all others. */
  #plainChunkLine(bytes: Uint8Array, start: number, end: number): number {
    if (this.#pending.length > 0) return 0;
    let at = start;
    let size = 0;
    if (this.#state === 'chunk-size') {
      for (; at < end && at - start < 7; at++) {
        const digit = HEX[bytes[at]];
        if (digit < 0) break;
        size = size * 16 + digit;
      }
      if (at === start) return 0;
    } else if (this.#state !== 'chunk-end') return 0;
    if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return 0;
    if (this.#state === 'chunk-end') this.#state = 'chunk-size';
    else this.#beginChunk(size);
    return at + 2;
  }

  #beginChunk(length: number): void {
    this.#firstChunk = false;
    this.#remaining = length;
    this.#state = length === 0 ? 'trailers' : 'chunk-data';
  }

  #chunkLine(line: string, bytes: Uint8Array, start: number, after: number, end: number, tsMs: number): number {
    if (this.#kind === 'response' && statusLine(line) !== null && this.#owner.expectsMore()) {
      this.#breakOff(tsMs);
      this.#readHead(Buffer.from(`${line}\r\n`, 'latin1'), 0, line.length + 2, tsMs);
      return after;
    }
    if (this.#state === 'chunk-end') {
      this.#state = 'chunk-size';
      return line === '' ? after : this.#badChunk(line, bytes, start, end, tsMs);
    }
    if (this.#state === 'trailers') {
      if (line === '') this.#finish(true, tsMs);
      else if (this.#message !== null) {
        const trailers = [...this.#message.trailers];
        if (trailers.length < 512) fieldLines(line, 0, trailers);
        this.#message.trailers = trailers;
      }
      return after;
    }
    // An empty line too many between chunks costs nothing.
    if (line === '') return after;
    const size = /^[ \t]*([0-9a-f]{1,16})[ \t]*(?:;|$)/i.exec(line);
    const length = size === null ? Number.NaN : Number.parseInt(size[1], 16);
    if (!(length <= Number.MAX_SAFE_INTEGER)) return this.#badChunk(line, bytes, start, end, tsMs);
    this.#beginChunk(length);
    return after;
  }

  /** No chunk where one should be. An answer that was announced as chunked and is not even at its first chunk is taken as it is. */
  #badChunk(line: string, bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    this.#context.counters.badFraming++;
    this.#pending.clear();
    if (this.#kind === 'response' && this.#firstChunk && line !== '') {
      this.#state = 'close';
      this.#body?.append(bytes, start, end);
      return end;
    }
    this.#giveUp(tsMs);
    return end;
  }

  gap(length: number, tsMs: number): void {
    switch (this.#state) {
      case 'start':
        if (this.#pending.length > 0) this.#partialHead(tsMs);
        this.#lose();
        this.#owner.onLostBetween();
        return;
      case 'lost':
        this.#owner.onLostBetween();
        return;
      case 'close':
        this.#body?.gap(length);
        return;
      case 'length':
      case 'chunk-data':
        if (length <= this.#remaining) {
          this.#body?.gap(length);
          this.#remaining -= length;
          if (this.#remaining > 0) return;
          if (this.#state === 'length') this.#finish(true, tsMs);
          else this.#state = 'chunk-end';
          return;
        }
        this.#giveUp(tsMs);
        this.#owner.onLostBetween();
        return;
      default:
        this.#giveUp(tsMs);
        this.#owner.onLostBetween();
    }
  }

  /** The peer began to answer: an HTTP/0.9 request of one line, without an empty one behind it, is whole. */
  settlePlain(tsMs: number): void {
    if (this.#kind !== 'request' || this.#state !== 'start' || this.#pending.length === 0) return;
    const text = latin1(this.#pending.bytes, 0, this.#pending.length);
    const lineEnd = text.indexOf('\n');
    if (lineEnd < 0 || requestLine(withoutCr(text.slice(0, lineEnd)))?.version !== '0.9') return;
    this.#pending.clear();
    this.#head(text, tsMs);
  }

  /** The sender closed its direction. */
  fin(tsMs: number): void {
    if (this.#state === 'close') this.#finish(true, tsMs);
    else this.end(tsMs);
  }

  /** Nothing more will come: hands over what is there. */
  end(tsMs: number): void {
    if (this.#state === 'start' && this.#pending.length > 0) this.#partialHead(tsMs);
    this.#pending.clear();
    if (this.#message !== null) this.#giveUp(tsMs);
  }

  /** The connection speaks something else from here on: a message under way is cut off. */
  cut(tsMs: number): void {
    if (this.#message !== null) this.#giveUp(tsMs);
  }

  /** The answer comes although the request's head has no end: a client that forgot it, or a server that did not want to wait for it. */
  settle(tsMs: number): void {
    if (this.#kind !== 'request' || this.#state !== 'start' || this.#pending.length === 0) return;
    this.#partialHead(tsMs);
    this.#lose();
  }

  /** A head whose end is missing still tells what was asked for, if its first line is whole. */
  #partialHead(tsMs: number): void {
    const text = latin1(this.#pending.bytes, 0, this.#pending.length);
    const lineEnd = text.lastIndexOf('\n');
    this.#pending.clear();
    this.#partial = true;
    const begun = lineEnd >= 0 ? this.#head(text.slice(0, lineEnd + 1), tsMs) : this.#isWholeLine(text) && this.#head(text, tsMs);
    this.#partial = false;
    if (!begun) return;
    this.#switched = false;
    if (this.#message !== null) this.#giveUp(tsMs);
  }

  /** Does a first line without its end say all that matters? */
  #isWholeLine(text: string): boolean {
    if (this.#kind === 'response') return statusLine(text) !== null;
    const head = requestLine(text);
    return head !== null && head.version !== '0.9';
  }

  #giveUp(tsMs: number): void {
    if (this.#state === 'length' || this.#state === 'chunk-data') this.#body?.gap(this.#remaining);
    this.#finish(false, tsMs);
    this.#lose();
  }

  #finish(whole: boolean, tsMs: number): void {
    const message = this.#message;
    const body = this.#body;
    this.#message = null;
    this.#body = null;
    this.#state = 'start';
    if (message === null) return;
    message.endedMs = tsMs;
    message.whole = whole && !this.#partial;
    message.done = true;
    if (body !== null) {
      if (body.capped) this.#context.counters.bodiesCapped++;
      message.body = body.finish();
      message.keeps = body;
    }
    this.#owner.onDone(message);
  }

  #lose(): void {
    this.#state = 'lost';
    this.#pending.clear();
  }

  #resync(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#startsMessage(bytes, start, end)) return false;
    this.#state = 'start';
    this.#context.counters.resyncs++;
    return true;
  }

  #startsMessage(bytes: Uint8Array, start: number, end: number): boolean {
    const first = bytes[start];
    if (this.#kind === 'response')
      return end - start >= 9 && (first | 0x20) === 0x68 && statusLine(latin1(bytes, start, Math.min(end, start + 16))) !== null;
    if (first < 33 || first > 126) return false;
    let lineEnd = start;
    const limit = Math.min(end, start + 8192);
    while (lineEnd < limit && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd === limit) return false;
    return certainRequestLine(withoutCr(latin1(bytes, start, lineEnd)));
  }
}

function isLineEndOrBlank(byte: number): boolean {
  return byte === CR || byte === LF || byte === SPACE || byte === TAB;
}

function withoutCr(line: string): string {
  return line.charCodeAt(line.length - 1) === CR ? line.slice(0, -1) : line;
}

/**
 * Index behind the empty line that ends a head, -1 when it is not there. A line that is alone up to the end of an HTTP/0.9 request has none. Every second byte
 * is enough: an empty line is at least two bytes, all of them line ends.
 */
function endOfHead(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at += 2) {
    const byte = bytes[at];
    if (byte > CR) continue;
    if (byte === LF) {
      if (bytes[at - 1] === LF) return at + 1;
      if (bytes[at - 1] === CR && at - 2 >= start && bytes[at - 2] === LF) return at + 1;
      if (at + 1 < end && bytes[at + 1] === LF) return at + 2;
      if (at + 2 < end && bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
    } else if (byte === CR && bytes[at - 1] === LF && at + 1 < end && bytes[at + 1] === LF) return at + 2;
  }
  return -1;
}
