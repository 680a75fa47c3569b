import type { Segment } from './decode/segment.js';

/*
 * TCP segments on their way to the thread that looks after their connection. Words of 32 bits in the machine's own order, padded to 8 bytes:
 *    0  time (float64)   2  hash   3  captured length; -1: time went on, and nothing follows
 *    4  source (4)   8  destination (4)   12  ports   13  sequence   14  acknowledgement   15  flags   16  network id   17  length on the wire   18  payload
 */
const TIME_WORDS = 4;
const HEADER_WORDS = 18;
const ONLY_TIME = -1;

/** Bytes that a record without a segment takes. */
export const TIME_BYTES = TIME_WORDS * 4;
const HEADER_BYTES = HEADER_WORDS * 4;

/** A buffer that records are written to or read from, seen as what they are made of. */
export interface RecordViews {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly times: Float64Array;
}

export function viewsOf(buffer: ArrayBuffer): RecordViews {
  return { bytes: Buffer.from(buffer), words: new Int32Array(buffer), times: new Float64Array(buffer) };
}

/** Bytes that the record of a segment takes. */
export function segmentBytes(segment: Segment): number {
  return HEADER_BYTES + ((segment.end - segment.start + 7) & ~7);
}

/** `at` is a multiple of 8 with `segmentBytes` behind it. The payload is copied. */
export function writeSegment({ bytes, words, times }: RecordViews, at: number, segment: Segment, hash: number): void {
  const word = at >> 2;
  const { source, destination, start } = segment;
  const length = segment.end - start;
  times[at >> 3] = segment.tsMs;
  words[word + 2] = hash;
  words[word + 3] = length;
  words[word + 4] = source[0];
  words[word + 5] = source[1];
  words[word + 6] = source[2];
  words[word + 7] = source[3];
  words[word + 8] = destination[0];
  words[word + 9] = destination[1];
  words[word + 10] = destination[2];
  words[word + 11] = destination[3];
  words[word + 12] = (segment.sourcePort << 16) | segment.destinationPort;
  words[word + 13] = segment.sequence;
  words[word + 14] = segment.acknowledgement;
  words[word + 15] = segment.flags;
  words[word + 16] = segment.vni;
  words[word + 17] = segment.wireLength;
  // A plain view: that of a Buffer costs twice as much to make.
  if (length > 0) bytes.set(new Uint8Array(segment.bytes.buffer, segment.bytes.byteOffset + start, length), at + HEADER_BYTES);
}

/** `at` is a multiple of 8 with `TIME_BYTES` behind it. */
export function writeTime({ words, times }: RecordViews, at: number, nowMs: number): void {
  times[at >> 3] = nowMs;
  words[(at >> 2) + 3] = ONLY_TIME;
}

/** What takes segments, and is told the time between them. */
export interface SegmentReader {
  /** The segment is borrowed for the call. */
  accept(segment: Segment, hash: number): void;
  tick(nowMs: number): void;
}

/** Reads the records of the first `length` bytes. `segment` is what they are read into. */
export function readRecords({ bytes, words, times }: RecordViews, length: number, segment: Segment, reader: SegmentReader): void {
  const { source, destination } = segment;
  segment.bytes = bytes;
  for (let at = 0; at < length; ) {
    const word = at >> 2;
    const captured = words[word + 3];
    if (captured === ONLY_TIME) {
      reader.tick(times[at >> 3]);
      at += TIME_BYTES;
      continue;
    }
    segment.tsMs = times[at >> 3];
    source[0] = words[word + 4];
    source[1] = words[word + 5];
    source[2] = words[word + 6];
    source[3] = words[word + 7];
    destination[0] = words[word + 8];
    destination[1] = words[word + 9];
    destination[2] = words[word + 10];
    destination[3] = words[word + 11];
    segment.sourcePort = words[word + 12] >>> 16;
    segment.destinationPort = words[word + 12] & 0xffff;
    segment.sequence = words[word + 13];
    segment.acknowledgement = words[word + 14];
    segment.flags = words[word + 15];
    segment.vni = words[word + 16];
    segment.wireLength = words[word + 17];
    segment.start = at + HEADER_BYTES;
    segment.end = segment.start + captured;
    at = segment.start + ((captured + 7) & ~7);
    reader.accept(segment, words[word + 2]);
  }
}
