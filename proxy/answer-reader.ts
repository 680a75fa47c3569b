/** What gets an answer while it is read. */
export interface AnswerSink {
  /** Once for each interim answer (1xx) and once for the final one; `headers` is flat, in wire order. */
  head(status: number, headers: string[]): void;
  body(chunk: Buffer): void;
  end(trailers: string[]): void;
}

/** The upstream sent something that is not an HTTP/1.x answer, or one that can be read in more than one way. */
export class AnswerFault extends Error {
  override readonly name = 'HTTPParserError';
}

/** Fields of a head, or of a trailer section, together. */
const MOST_HEAD_BYTES = 16_384;
/** A chunk's size with its extensions. */
const MOST_CHUNK_LINE_BYTES = 1_024;
const CR = 13;
const LF = 10;
const COLON = 58;
const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const NO_TRAILERS: string[] = [];

const NAME = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") NAME[char.charCodeAt(0)] = 1;
const VALUE = new Uint8Array(256).fill(1, 32);
VALUE[9] = 1;
VALUE[127] = 0;

/** Node's own fast path, which its types leave out. */
interface FastBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
}

type Stage = 'head' | 'length' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close' | 'done';

/**
 * Reads the answers of one HTTP/1.x connection, bytes in, calls out (RFC 9112). It knows one reading of everything: bare LF, folded lines, blanks
 * before a colon, Content-Length beside Transfer-Encoding, repeated lengths and codings other than `chunked` are faults, because the next in line
 * might read them another way.
 */
export class AnswerReader {
  /** After the answer: the connection may carry another. */
  persistent = false;
  /** Seconds that the upstream keeps an idle connection, as its Keep-Alive says; -1: it says nothing. */
  idleS = -1;
  private stage: Stage = 'done';
  private left = 0;
  private held: Buffer | null = null;
  private method = '';
  private sink: AnswerSink | null = null;

  /** The next bytes answer a request with this method. */
  expect(method: string, sink: AnswerSink): void {
    this.method = method;
    this.sink = sink;
    this.stage = 'head';
    this.held = null;
  }

  /** How many bytes of `chunk` belonged to the answer: all, or fewer where it ended before. Throws AnswerFault. */
  read(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.stage !== 'done') at = this.step(chunk, at);
    return at;
  }

  /** The upstream closed its side: true when that was the end of the answer. */
  closed(): boolean {
    if (this.stage !== 'until-close') return false;
    this.finish(NO_TRAILERS);
    return true;
  }

  private step(chunk: Buffer, at: number): number {
    switch (this.stage) {
      case 'head':
        return this.readHead(chunk, at);
      case 'length':
      case 'chunk': {
        const end = Math.min(chunk.length, at + this.left);
        this.left -= end - at;
        this.sink!.body(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
        if (this.left === 0 && this.stage === 'length') this.finish(NO_TRAILERS);
        else if (this.left === 0) this.stage = 'chunk-end';
        return end;
      }
      case 'until-close':
        this.sink!.body(at === 0 ? chunk : chunk.subarray(at));
        return chunk.length;
      case 'chunk-line':
        return this.readChunkLine(chunk, at);
      case 'chunk-end':
        if (chunk[at] !== (this.left === 0 ? CR : LF)) throw new AnswerFault('a chunk does not end where it said');
        this.left--;
        if (this.left === -2) this.stage = 'chunk-line';
        return at + 1;
      default:
        return this.readTrailers(chunk, at);
    }
  }

  /** `chunk` from `at`, behind what was held back of an earlier one; and where `chunk` begins in it. */
  private joined(chunk: Buffer, at: number): { readonly bytes: Buffer; readonly before: number } {
    const { held } = this;
    if (held === null) return { bytes: chunk.subarray(at), before: 0 };
    this.held = null;
    return { bytes: Buffer.concat([held, chunk.subarray(at)]), before: held.length };
  }

  private hold(bytes: Buffer, most: number): void {
    if (bytes.length > most) throw new AnswerFault('a head or a line of the answer is too long');
    this.held = bytes;
  }

  private readHead(chunk: Buffer, at: number): number {
    const { bytes, before } = this.joined(chunk, at);
    const end = bytes.indexOf(HEAD_END);
    if (end > MOST_HEAD_BYTES) throw new AnswerFault('the head of the answer is too long');
    if (end < 0) {
      this.hold(bytes, MOST_HEAD_BYTES);
      return chunk.length;
    }
    // With the line end of the last field, so that each line has one.
    this.begin((bytes as FastBuffer).latin1Slice(0, end + 2));
    return at + end + 4 - before;
  }

  private begin(text: string): void {
    const minor = text.charCodeAt(7) - 48;
    const status = Number(text.slice(9, 12));
    const after = text.charCodeAt(12);
    if (!text.startsWith('HTTP/1.') || (minor !== 0 && minor !== 1) || text.charCodeAt(8) !== 32 || !(status >= 100 && status <= 999))
      throw new AnswerFault('the answer has no status line');
    if (after !== 32 && after !== CR) throw new AnswerFault('the answer has no status line');
    let at = 12;
    while (VALUE[text.charCodeAt(at)] === 1) at++;
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) throw new AnswerFault('the status line is not valid');
    const headers: string[] = [];
    readFields(text, at + 2, headers);
    this.frame(status, minor, headers);
  }

  /** Where the body ends (RFC 9112 §6.3), and whether the connection may be used again. */
  private frame(status: number, minor: number, headers: string[]): void {
    let length = -1;
    let chunked = false;
    let persistent = minor === 1;
    this.idleS = -1;
    for (let index = 0; index < headers.length; index += 2) {
      const name = headers[index];
      if (name.length === 14) {
        if (name.toLowerCase() !== 'content-length') continue;
        if (length >= 0 || !/^\d{1,15}$/.test(headers[index + 1])) throw new AnswerFault('the length of the answer is not clear');
        length = Number(headers[index + 1]);
      } else if (name.length === 17) {
        if (name.toLowerCase() !== 'transfer-encoding') continue;
        if (chunked || minor === 0 || headers[index + 1].toLowerCase() !== 'chunked')
          throw new AnswerFault('the transfer coding of the answer is not known');
        chunked = true;
      } else if (name.length === 10) {
        const lower = name.toLowerCase();
        if (lower === 'connection') {
          const tokens = headers[index + 1].toLowerCase();
          if (tokens.includes('close')) persistent = false;
          else if (minor === 0 && tokens.includes('keep-alive')) persistent = true;
        } else if (lower === 'keep-alive') this.idleS = Number(/timeout=(\d{1,6})/i.exec(headers[index + 1])?.[1] ?? -1);
      }
    }
    if (chunked && length >= 0) throw new AnswerFault('the answer has two lengths');
    if (status === 101) throw new AnswerFault('the upstream changed to another protocol without being asked');
    const sink = this.sink!;
    if (status < 200) {
      sink.head(status, headers);
      return;
    }
    this.persistent = persistent;
    const empty = status === 204 || status === 304 || this.method === 'HEAD' || (length === 0 && !chunked);
    if (empty) this.stage = 'done';
    else if (chunked) this.stage = 'chunk-line';
    else if (length > 0) {
      this.stage = 'length';
      this.left = length;
    } else {
      this.stage = 'until-close';
      this.persistent = false;
    }
    sink.head(status, headers);
    if (empty) this.finish(NO_TRAILERS);
  }

  private readChunkLine(chunk: Buffer, at: number): number {
    const { bytes, before } = this.joined(chunk, at);
    const end = bytes.indexOf(LINE_END);
    if (end > MOST_CHUNK_LINE_BYTES) throw new AnswerFault('the size of a chunk is too long');
    if (end < 0) {
      this.hold(bytes, MOST_CHUNK_LINE_BYTES);
      return chunk.length;
    }
    const line = (bytes as FastBuffer).latin1Slice(0, end);
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n\0]*)?$/.exec(line)?.[1];
    if (size === undefined) throw new AnswerFault('the size of a chunk is not valid');
    this.left = Number.parseInt(size, 16);
    this.stage = this.left === 0 ? 'trailers' : 'chunk';
    return at + end + 2 - before;
  }

  /** Lines up to an empty one. */
  private readTrailers(chunk: Buffer, at: number): number {
    const { bytes, before } = this.joined(chunk, at);
    const none = bytes[0] === CR && (bytes.length === 1 || bytes[1] === LF);
    const end = none ? (bytes.length === 1 ? -1 : -2) : bytes.indexOf(HEAD_END);
    if (end === -1) {
      this.hold(bytes, MOST_HEAD_BYTES);
      return chunk.length;
    }
    const trailers: string[] = [];
    if (end >= 0) readFields((bytes as FastBuffer).latin1Slice(0, end + 2), 0, trailers);
    const next = at + end + 4 - before;
    this.finish(trailers);
    return next;
  }

  private finish(trailers: string[]): void {
    const { sink } = this;
    this.stage = 'done';
    this.sink = null;
    sink!.end(trailers);
  }
}

/** Reads `name: value` lines from `at` to the end of `text`, each with its CRLF. */
function readFields(text: string, from: number, list: string[]): void {
  let at = from;
  while (at < text.length) {
    const nameAt = at;
    while (NAME[text.charCodeAt(at)] === 1) at++;
    if (at === nameAt || text.charCodeAt(at) !== COLON) throw new AnswerFault('a header of the answer has no valid name');
    const name = text.slice(nameAt, at++);
    while (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9) at++;
    const valueAt = at;
    while (VALUE[text.charCodeAt(at)] === 1) at++;
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) throw new AnswerFault('a header of the answer has no valid value');
    let end = at;
    while (end > valueAt && (text.charCodeAt(end - 1) === 32 || text.charCodeAt(end - 1) === 9)) end--;
    list.push(name, text.slice(valueAt, end));
    at += 2;
  }
}
