import { constants, inflateRawSync } from 'node:zlib';
import { type Body, bodyOf, emptyBody, header } from '../../exchange/index.js';
import type { EndReason } from '../reassembly/handler.js';
import { BodyBuilder } from './body-builder.js';
import { ByteBuilder } from './bytes.js';
import type { OnPair, Protocol, Succession } from './connection.js';
import type { Message } from './message.js';
import type { ReaderContext } from './reader.js';

/* RFC 6455 §5.2
 *  |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *  |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
 *  |N|V|V|V|       |S|             |                               |
 *  [masking key (32) when M]
 */
const CONTINUATION = 0;
const TEXT = 1;
const WINDOW_BYTES = 32_768;
/** A sync flush leaves these bytes off (RFC 7692 §7.2.1). */
const FLUSH_TAIL = Buffer.from([0, 0, 0xff, 0xff]);

interface Direction {
  readonly client: boolean;
  readonly header: ByteBuilder;
  remaining: number;
  opcode: number;
  final: boolean;
  readonly mask: [number, number, number, number];
  masked: boolean;
  maskAt: number;
  /** Message under way. */
  body: BodyBuilder | null;
  text: boolean;
  compressed: boolean;
  startedMs: number;
  /** Last output, for messages that are compressed with what went before; null: without context, or lost. */
  window: Buffer | null;
  readonly takeover: boolean;
  lost: boolean;
}

/**
 * WebSocket messages (RFC 6455) with permessage-deflate (RFC 7692). Each message is a pair of its own, kind `websocket`, under the target of the
 * handshake: a message of the client is the request's body and has no answer, one of the server is the answer's body to an empty request.
 */
export class WebSocket implements Protocol {
  readonly #context: ReaderContext;
  readonly #emit: OnPair;
  readonly #handshake: Message;
  readonly #deflate: boolean;
  readonly #directions: readonly [Direction, Direction];

  constructor(context: ReaderContext, emit: OnPair, request: Message, response: Message) {
    this.#context = context;
    this.#emit = emit;
    this.#handshake = request;
    const extensions = header(response.head.headers, 'sec-websocket-extensions') ?? '';
    this.#deflate = /permessage-deflate/i.test(extensions);
    this.#directions = [
      direction(true, !/client_no_context_takeover/i.test(extensions)),
      direction(false, !/server_no_context_takeover/i.test(extensions)),
    ];
  }

  push(client: boolean, bytes: Uint8Array, start: number, end: number, tsMs: number): Succession | null {
    const side = this.#directions[client ? 0 : 1];
    if (side.lost) {
      this.#context.counters.skippedBytes += end - start;
      return null;
    }
    this.#context.counters.httpBytes += end - start;
    let at = start;
    while (at < end && !side.lost)
      at = side.remaining < 0 ? this.#frameHeader(side, bytes, at, end, tsMs) : this.#payload(side, bytes, at, end, tsMs);
    return null;
  }

  #frameHeader(side: Direction, bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const { header: head } = side;
    let at = start;
    for (;;) {
      const needed = head.length < 2 ? 2 : headerLength(head.bytes);
      if (head.length >= needed) break;
      if (at === end) return end;
      const take = Math.min(needed - head.length, end - at);
      head.append(bytes, at, at + take);
      at += take;
    }
    this.#begin(side, head.bytes, tsMs);
    head.clear();
    if (side.remaining === 0) this.#frameEnd(side, tsMs);
    return at;
  }

  #begin(side: Direction, head: Buffer, tsMs: number): void {
    const short = head[1] & 0x7f;
    side.final = (head[0] & 0x80) !== 0;
    side.opcode = head[0] & 15;
    side.masked = (head[1] & 0x80) !== 0;
    side.remaining =
      short < 126 ? short : short === 126 ? head.readUInt16BE(2) : head.readUInt32BE(2) * 4_294_967_296 + head.readUInt32BE(6);
    if (side.masked) for (let index = 0; index < 4; index++) side.mask[index] = head[headerLength(head) - 4 + index];
    side.maskAt = 0;
    const reserved = (head[0] & 0x30) !== 0 || ((head[0] & 0x40) !== 0 && !this.#deflate);
    const unknown = side.opcode > 10 || (side.opcode > 2 && side.opcode < 8);
    if (reserved || unknown || !Number.isSafeInteger(side.remaining)) {
      this.#lose(side);
      return;
    }
    if (side.opcode === CONTINUATION || side.opcode > 2) return;
    side.body?.drop();
    side.body = new BodyBuilder(this.#context.limits.bodyBytes, side.remaining, this.#context.rooms);
    side.text = side.opcode === TEXT;
    side.compressed = (head[0] & 0x40) !== 0;
    side.startedMs = tsMs;
  }

  #payload(side: Direction, bytes: Uint8Array, start: number, end: number, tsMs: number): number {
    const take = Math.min(side.remaining, end - start);
    side.remaining -= take;
    // Control frames (opcode 8 and up) stand between the fragments of a message and are no part of it.
    if (side.opcode < 8 && side.body !== null) {
      if (side.masked) {
        const clear = Buffer.from(bytes.subarray(start, start + take));
        for (let index = 0; index < take; index++) clear[index] ^= side.mask[(side.maskAt + index) & 3];
        side.body.append(clear, 0, take);
      } else side.body.append(bytes, start, start + take);
    }
    side.maskAt = (side.maskAt + take) & 3;
    if (side.remaining === 0) this.#frameEnd(side, tsMs);
    return start + take;
  }

  #frameEnd(side: Direction, tsMs: number): void {
    side.remaining = -1;
    if (!side.final || side.opcode >= 8 || side.body === null) return;
    const keeps = side.body;
    side.body = null;
    const body = keeps.finish();
    this.#message(side, side.compressed ? this.#inflate(side, body) : body, keeps, tsMs);
  }

  #inflate(side: Direction, body: Body): Body {
    const whole = body.missing.length === 0;
    const limit = this.#context.limits.decompressedBytes;
    if (!whole || (side.takeover && side.window === null)) {
      side.window = null;
      return { bytes: emptyBody.bytes, totalLength: body.totalLength, missing: [{ offset: 0, length: body.totalLength }] };
    }
    try {
      const output = inflateRawSync(Buffer.concat([body.bytes, FLUSH_TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: limit,
        ...(side.takeover && side.window !== null && side.window.length > 0 ? { dictionary: side.window } : {}),
      });
      if (side.takeover) side.window = Buffer.concat([side.window ?? Buffer.alloc(0), output]).subarray(-WINDOW_BYTES);
      return bodyOf(output);
    } catch {
      this.#context.counters.tooBig++;
      side.window = null;
      return { bytes: emptyBody.bytes, totalLength: body.totalLength, missing: [{ offset: 0, length: body.totalLength }] };
    }
  }

  #message(side: Direction, body: Body, keeps: BodyBuilder, tsMs: number): void {
    this.#context.counters.webSocketMessages++;
    const { head } = this.#handshake;
    const base = { startedMs: side.startedMs, endedMs: tsMs, keeps: null, trailers: [], whole: body.missing.length === 0, done: true };
    const type = ['content-type', side.text ? 'text/plain; charset=utf-8' : 'application/octet-stream'];
    const request: Message = { ...base, head, body: side.client ? body : emptyBody, keeps };
    const response: Message | null = side.client
      ? null
      : { ...base, head: { method: '', target: '', version: '1.1', status: 101, headers: type }, body };
    this.#emit({
      request,
      response,
      failure: '',
      kind: 'websocket',
      tags: [side.text ? 'websocket:text' : 'websocket:binary', side.client ? 'from:client' : 'from:server'],
    });
  }

  gap(client: boolean, length: number, tsMs: number): void {
    const side = this.#directions[client ? 0 : 1];
    if (side.lost) return;
    if (side.remaining >= length) {
      if (side.opcode < 8) side.body?.gap(length);
      side.remaining -= length;
      side.maskAt = (side.maskAt + length) & 3;
      if (side.remaining === 0) this.#frameEnd(side, tsMs);
      return;
    }
    this.#lose(side);
  }

  /** Frame boundaries cannot be found again: a masked stream looks like noise. */
  #lose(side: Direction): void {
    side.lost = true;
    side.body?.drop();
    side.body = null;
  }

  fin(): void {}

  end(_reason: EndReason, _tsMs: number): void {
    for (const side of this.#directions) {
      side.body?.drop();
      side.body = null;
    }
  }
}

function headerLength(head: Uint8Array): number {
  const short = head[1] & 0x7f;
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((head[1] & 0x80) !== 0 ? 4 : 0);
}

function direction(client: boolean, takeover: boolean): Direction {
  return {
    client,
    header: new ByteBuilder(),
    remaining: -1,
    opcode: 0,
    final: false,
    mask: [0, 0, 0, 0],
    masked: false,
    maskAt: 0,
    body: null,
    text: false,
    compressed: false,
    startedMs: 0,
    window: Buffer.alloc(0),
    takeover,
    lost: false,
  };
}
