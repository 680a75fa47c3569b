import type { IncomingMessage } from 'node:http';
import { type Body, bodyOf, emptyBody, type HeaderList } from '../exchange/index.js';
import { streamed } from './collect.js';
import type { FaultCode } from './errors.js';
import type { Limits } from './options.js';
import { Upload } from './upload.js';

/** How long a body of unknown length is waited for before it is streamed. */
const GATHER_MS = 25;
const NO_TRAILERS: HeaderList = [];

/** The body of a request while it arrives: gathered up to a limit, then streamed, with a part kept for the record. */
export class RequestBody {
  bytes = 0;
  complete = false;
  listedAt = -1;
  private chunks: Buffer[] = [];
  private paceBytes = 0;
  private paceMs = performance.now();
  private readonly req: IncomingMessage;
  private readonly limits: Limits;
  private readonly maxBytes: number;
  private readonly fail: (code: FaultCode) => void;

  /** `fail` is told when the body grows past `maxBytes` while it streams, or arrives too slowly. */
  constructor(req: IncomingMessage, limits: Limits, maxBytes: number, fail: (code: FaultCode) => void) {
    this.req = req;
    this.limits = limits;
    this.maxBytes = maxBytes;
    this.fail = fail;
    req.once('end', () => {
      this.complete = true;
    });
  }

  /** Holds the body back until it is whole or larger than `limitBytes`. `patient`: wait for it however long it takes. */
  gather(limitBytes: number, patient: boolean, done: (whole: boolean) => void): void {
    const { req } = this;
    let timer: NodeJS.Timeout | null = null;
    const stop = (whole: boolean) => {
      if (timer !== null) clearTimeout(timer);
      req.off('data', onData);
      req.off('end', onEnd);
      req.pause();
      done(whole);
    };
    const onData = (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.bytes += chunk.length;
      if (this.bytes > limitBytes) stop(false);
    };
    const onEnd = () => stop(true);
    req.on('data', onData);
    req.on('end', onEnd);
    if (!patient) timer = setTimeout(() => stop(false), GATHER_MS);
  }

  get tooLarge(): boolean {
    return this.bytes > this.maxBytes;
  }

  /** What was gathered, in one piece. */
  gathered(): Buffer {
    return this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
  }

  /** The body as a stream for the upstream: what was gathered, then the rest as it comes. */
  upload(): Upload {
    const first = this.chunks;
    this.chunks = [...first];
    return new Upload(this.req, first, (chunk) => this.passed(chunk));
  }

  private passed(chunk: Buffer): void {
    const room = this.limits.captureBytes - this.bytes;
    // A copy: a slice would keep the whole chunk.
    if (room > 0) this.chunks.push(chunk.length > room ? Buffer.from(chunk.subarray(0, room)) : chunk);
    this.bytes += chunk.length;
    streamed(chunk.length);
    if (this.tooLarge) this.fail('BODY_TOO_LARGE');
  }

  /** Called once a second while the body is arriving. */
  checkPace(nowMs: number): void {
    const { bodyBytesPerSecond, bodyGraceMs } = this.limits;
    const elapsedMs = nowMs - this.paceMs;
    if (bodyBytesPerSecond === 0 || elapsedMs < bodyGraceMs) return;
    // Paused by a slow upstream: not the client's fault.
    const slow = !this.req.isPaused() && this.bytes - this.paceBytes < (bodyBytesPerSecond * elapsedMs) / 1000;
    this.paceBytes = this.bytes;
    this.paceMs = nowMs;
    if (slow) this.fail('BODY_SLOW');
  }

  /** The body for the record: no more of it than is to be kept. */
  kept(): Body {
    return keptBody(this.chunks, this.bytes, this.limits.captureBytes);
  }

  get hasTrailers(): boolean {
    return this.req.rawTrailers.length > 0;
  }

  /** Trailer fields that came behind a chunked body (RFC 9110 §6.5); HTTP/2 ones too. */
  trailers(): HeaderList {
    const { rawTrailers } = this.req;
    return rawTrailers.length === 0 ? NO_TRAILERS : rawTrailers.slice();
  }
}

/** A body for the record from chunks that may stop short of `totalBytes`, cut at `limitBytes`. */
export function keptBody(chunks: readonly Buffer[], totalBytes: number, limitBytes: number): Body {
  if (totalBytes === 0) return emptyBody;
  const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  return bodyOf(bytes.length > limitBytes ? bytes.subarray(0, limitBytes) : bytes, totalBytes);
}
