import type { FlowEnds } from './reassembly/flows.js';
import type { EndReason, Side, StreamHandler } from './reassembly/handler.js';

/*
 * What happens to the streams of connections, on its way to another thread. Words of 32 bits in the machine's own order, padded to 8 bytes:
 *    0  time (float64)   2  number of the connection   3  what happens, side (bit 8)   4  length   5  unused   6  payload
 */
const HEADER_WORDS = 6;
const HEADER_BYTES = HEADER_WORDS * 4;
/** `length` is that of the payload: who talks, as JSON; or bytes of the stream. Of a gap it is how much is missing, of an end its reason. */
const OPEN = 0;
const BYTES = 1;
const GAP = 2;
const FIN = 3;
const END = 4;
const REASONS: readonly EndReason[] = ['fin', 'reset', 'idle', 'evicted', 'reused', 'end-of-capture'];

/** A buffer that records are written to or read from, seen as what they are made of. */
export interface RecordViews {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly times: Float64Array;
}

export function viewsOf(buffer: ArrayBuffer): RecordViews {
  return { bytes: Buffer.from(buffer), words: new Int32Array(buffer), times: new Float64Array(buffer) };
}

/** Where records are put one behind the other. */
export interface RecordRoom {
  /** Whether bytes may still be put there; they count as lost if not. */
  readonly isOpen: boolean;
  /** Makes room for so many bytes, at an offset that is a multiple of 8. */
  reserve(bytes: number): number;
  /** Of the room reserved last. */
  readonly views: RecordViews;
  /** So many bytes of a stream had no room. */
  onLost(length: number): void;
}

/** One connection whose bytes another thread reads. */
export class DistantStream implements StreamHandler {
  readonly #room: RecordRoom;
  readonly #number: number;
  /** Bytes of each side that had no room and have not been told as a gap yet. */
  readonly #lost: [number, number] = [0, 0];

  /** `number` names the connection among all that go there. */
  constructor(room: RecordRoom, number: number, ends: FlowEnds) {
    this.#room = room;
    this.#number = number;
    const text = Buffer.from(JSON.stringify(ends));
    this.#write(OPEN, 0, text.length, 0, text, 0, text.length);
  }

  onBytes(side: Side, bytes: Uint8Array, start: number, end: number, tsMs: number): void {
    if (!this.#room.isOpen) {
      this.#lost[side] += end - start;
      this.#room.onLost(end - start);
      return;
    }
    this.#tellLost(side, tsMs);
    this.#write(BYTES, side, end - start, tsMs, bytes, start, end);
  }

  onGap(side: Side, length: number, tsMs: number): void {
    this.#lost[side] += length;
    this.#tellLost(side, tsMs);
  }

  onFin(side: Side, tsMs: number): void {
    this.#tellLost(side, tsMs);
    this.#write(FIN, side, 0, tsMs, NOTHING, 0, 0);
  }

  onEnd(reason: EndReason, tsMs: number): void {
    this.#tellLost(0, tsMs);
    this.#tellLost(1, tsMs);
    this.#write(END, 0, REASONS.indexOf(reason), tsMs, NOTHING, 0, 0);
  }

  #tellLost(side: Side, tsMs: number): void {
    if (this.#lost[side] === 0) return;
    this.#write(GAP, side, this.#lost[side], tsMs, NOTHING, 0, 0);
    this.#lost[side] = 0;
  }

  #write(what: number, side: Side, length: number, tsMs: number, payload: Uint8Array, start: number, end: number): void {
    const at = this.#room.reserve(HEADER_BYTES + padded(end - start));
    const { bytes, words, times } = this.#room.views;
    const word = at >> 2;
    times[at >> 3] = tsMs;
    words[word + 2] = this.#number;
    words[word + 3] = what | (side << 8);
    words[word + 4] = length;
    if (end > start) bytes.set(start === 0 && end === payload.length ? payload : payload.subarray(start, end), at + HEADER_BYTES);
  }
}

const NOTHING = new Uint8Array(0);

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

interface Near {
  readonly handler: StreamHandler;
  lastMs: number;
}

/** The other end: reads records, and hands them to handlers of this thread. */
export class NearStreams {
  readonly #open: (ends: FlowEnds) => StreamHandler;
  readonly #streams = new Map<number, Near>();

  constructor(open: (ends: FlowEnds) => StreamHandler) {
    this.#open = open;
  }

  /** Reads the records of the first `length` bytes. */
  read({ bytes, words, times }: RecordViews, length: number): void {
    for (let at = 0; at < length; ) {
      const word = at >> 2;
      const tsMs = times[at >> 3];
      const number = words[word + 2];
      const what = words[word + 3] & 0xff;
      const size = words[word + 4];
      const side: Side = words[word + 3] >> 8 === 0 ? 0 : 1;
      const start = at + HEADER_BYTES;
      at = start + (what === OPEN || what === BYTES ? padded(size) : 0);
      if (what === OPEN) {
        const ends = JSON.parse(bytes.toString('utf8', start, start + size)) as FlowEnds;
        this.#streams.set(number, { handler: this.#open(ends), lastMs: tsMs });
        continue;
      }
      const stream = this.#streams.get(number) as Near;
      stream.lastMs = tsMs;
      if (what === BYTES) stream.handler.onBytes(side, bytes, start, start + size, tsMs);
      else if (what === GAP) stream.handler.onGap(side, size, tsMs);
      else if (what === FIN) stream.handler.onFin(side, tsMs);
      else {
        stream.handler.onEnd(REASONS[size], tsMs);
        this.#streams.delete(number);
      }
    }
  }

  /** Ends connections, those idle for longest first, until `isEnough`. What still comes of them is passed over. Returns how many. */
  evict(isEnough: () => boolean): number {
    let ended = 0;
    for (const { handler, lastMs } of [...this.#streams.values()].sort((a, b) => a.lastMs - b.lastMs)) {
      if (isEnough()) break;
      handler.onEnd('evicted', lastMs);
      ended++;
    }
    return ended;
  }
}
