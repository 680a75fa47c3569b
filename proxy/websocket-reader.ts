/* RFC 6455 §5.2
 *  |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *  |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
 *  |N|V|V|V|       |S|             |                               |
 *  [masking key (32) when M]
 */
import { constants, inflateRawSync } from 'node:zlib';

const WINDOW_BYTES = 32_768;
const MOST_INFLATED_BYTES = 1_048_576;
/** A sync flush leaves these bytes off (RFC 7692 §7.2.1). */
const FLUSH_TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const NONE = Buffer.alloc(0);

/** A message as far as it is kept: unmasked, not compressed any more. */
export interface SocketMessage {
  readonly text: boolean;
  readonly compressed: boolean;
  /** Null: it could not be read, being compressed with what is lost. */
  readonly payload: Buffer | null;
  /** Of the payload as sent; larger than `payload` when that was cut. */
  readonly totalBytes: number;
}

/** What a reader tells of one direction, in order. */
export interface MessageSink {
  /** Bytes that belong to no data message: control frames, and everything once the framing is lost. */
  other(bytes: Buffer): void;
  /** What comes now is no WebSocket framing, or none that was agreed on: no message is found any more. */
  lost(): void;
  /** Bytes of a message: its frames, as they came. */
  part(bytes: Buffer): void;
  /** The message is larger than what is kept of it; `part` goes on. */
  tooLong(start: SocketMessage): void;
  /** The last byte of the message was given to `part`. */
  message(message: SocketMessage): void;
}

interface Reading {
  readonly text: boolean;
  readonly compressed: boolean;
  readonly kept: Buffer[];
  keptBytes: number;
  totalBytes: number;
  tooLong: boolean;
}

/**
 * One direction of a WebSocket connection (RFC 6455 §5) with permessage-deflate (RFC 7692): bytes in, messages out. No socket, and it never throws:
 * what is no WebSocket framing is passed on as `other`.
 */
export class WebSocketReader {
  private head: Buffer = NONE;
  private remaining = -1;
  private opcode = 0;
  private final = false;
  private masked = false;
  private readonly mask = Buffer.alloc(4);
  private maskAt = 0;
  private reading: Reading | null = null;
  /** Last output, for messages that are compressed with what went before; null: lost. */
  private window: Buffer | null = NONE;
  private lost = false;
  private readonly sink: MessageSink;
  private readonly keepBytes: number;
  private readonly deflate: boolean;
  private readonly takeover: boolean;

  /** `extensions`: what the answer to the handshake agreed on. `keepBytes`: most of a message that is kept. */
  constructor(sink: MessageSink, sender: 'client' | 'server', extensions: string, keepBytes: number) {
    this.sink = sink;
    this.keepBytes = keepBytes;
    this.deflate = /permessage-deflate/i.test(extensions);
    this.takeover = !new RegExp(`${sender}_no_context_takeover`, 'i').test(extensions);
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.lost) at = this.remaining < 0 ? this.frameHead(chunk, at) : this.payload(chunk, at);
    if (at < chunk.length) this.sink.other(chunk.subarray(at));
  }

  private frameHead(chunk: Buffer, start: number): number {
    let at = start;
    for (;;) {
      const needed = this.head.length < 2 ? 2 : headLength(this.head);
      if (this.head.length >= needed) break;
      if (at === chunk.length) return at;
      const take = Math.min(needed - this.head.length, chunk.length - at);
      this.head = Buffer.concat([this.head, chunk.subarray(at, at + take)]);
      at += take;
    }
    const { head } = this;
    this.head = NONE;
    this.begin(head);
    if (!this.lost && this.remaining === 0) this.frameEnd();
    return at;
  }

  private begin(head: Buffer): void {
    const short = head[1] & 0x7f;
    const compressed = (head[0] & 0x40) !== 0;
    this.final = (head[0] & 0x80) !== 0;
    this.opcode = head[0] & 15;
    this.masked = (head[1] & 0x80) !== 0;
    this.remaining =
      short < 126 ? short : short === 126 ? head.readUInt16BE(2) : head.readUInt32BE(2) * 4_294_967_296 + head.readUInt32BE(6);
    if (this.masked) head.copy(this.mask, 0, headLength(head) - 4);
    this.maskAt = 0;
    const reserved = (head[0] & 0x30) !== 0 || (compressed && !this.deflate);
    const unknown = this.opcode > 10 || (this.opcode > 2 && this.opcode < 8);
    const outOfPlace = this.opcode === 0 ? this.reading === null : this.opcode < 8 && this.reading !== null;
    if (reserved || unknown || outOfPlace || !Number.isSafeInteger(this.remaining)) {
      this.lost = true;
      this.sink.lost();
      this.sink.other(head);
      return;
    }
    if (this.opcode === 1 || this.opcode === 2)
      this.reading = { text: this.opcode === 1, compressed, kept: [], keptBytes: 0, totalBytes: 0, tooLong: false };
    if (this.opcode < 8) this.sink.part(head);
    else this.sink.other(head);
  }

  private payload(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.remaining);
    const bytes = chunk.subarray(start, end);
    this.remaining -= bytes.length;
    // Control frames (opcode 8 and up) stand between the fragments of a message and are no part of it.
    if (this.opcode >= 8) this.sink.other(bytes);
    else {
      this.keep(this.reading!, bytes);
      this.sink.part(bytes);
      if (this.reading!.totalBytes > this.keepBytes && !this.reading!.tooLong) {
        this.reading!.tooLong = true;
        this.sink.tooLong(this.read(this.reading!));
      }
    }
    this.maskAt = (this.maskAt + bytes.length) & 3;
    if (this.remaining === 0) this.frameEnd();
    return end;
  }

  private keep(reading: Reading, bytes: Buffer): void {
    const room = Math.min(bytes.length, this.keepBytes - reading.keptBytes);
    if (room > 0) {
      // A copy: the chunk goes on as it came.
      const clear = Buffer.from(bytes.subarray(0, room));
      if (this.masked) for (let index = 0; index < room; index++) clear[index] ^= this.mask[(this.maskAt + index) & 3];
      reading.kept.push(clear);
      reading.keptBytes += room;
    }
    reading.totalBytes += bytes.length;
  }

  private frameEnd(): void {
    this.remaining = -1;
    if (!this.final || this.opcode >= 8) return;
    const reading = this.reading!;
    this.reading = null;
    const message = this.read(reading);
    if (reading.compressed && this.takeover) {
      if (message.payload === null || reading.tooLong) this.window = null;
      else if (this.window !== null) this.window = Buffer.concat([this.window, message.payload]).subarray(-WINDOW_BYTES);
    }
    this.sink.message(message);
  }

  private read(reading: Reading): SocketMessage {
    const bytes = reading.kept.length === 1 ? reading.kept[0] : Buffer.concat(reading.kept);
    const { text, compressed, totalBytes } = reading;
    if (!compressed) return { text, compressed, payload: bytes, totalBytes };
    const payload = this.inflate(bytes);
    const whole = payload !== null && !reading.tooLong;
    return { text, compressed, payload, totalBytes: whole ? payload.length : Math.max(totalBytes, (payload?.length ?? 0) + 1) };
  }

  private inflate(bytes: Buffer): Buffer | null {
    if (this.takeover && this.window === null) return null;
    try {
      return inflateRawSync(Buffer.concat([bytes, FLUSH_TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: MOST_INFLATED_BYTES,
        ...(this.takeover && this.window !== null && this.window.length > 0 ? { dictionary: this.window } : {}),
      });
    } catch {
      return null;
    }
  }
}

function headLength(head: Buffer): number {
  const short = head[1] & 0x7f;
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((head[1] & 0x80) !== 0 ? 4 : 0);
}

/** A message in one frame, not compressed. `mask`: from a client (RFC 6455 §5.3). */
export function frameOf(opcode: number, payload: Uint8Array, mask: Buffer | null): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = 0x80 | opcode;
  head[1] = (mask === null ? 0 : 0x80) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (mask === null) return Buffer.concat([head, payload]);
  const masked = Buffer.from(payload);
  for (let index = 0; index < length; index++) masked[index] ^= mask[index & 3];
  return Buffer.concat([head, mask, masked]);
}
