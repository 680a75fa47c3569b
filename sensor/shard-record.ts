import { newSegment, type Segment } from './decode/segment.js';

/*
 * A segment on its way to a worker, in 32-bit words of the machine's own order, padded to 8 bytes:
 *    0  time (float64)     2  source     6  destination   10  ports      11  sequence
 *   12  acknowledgement   13  network id 14  wire length  15  flags (8 bits) and payload length (24 bits)   16  hash   17  unused   18  payload
 */
const HEADER_WORDS = 18;
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

/** Bytes that a segment takes. */
export function recordBytes(segment: Segment): number {
  return HEADER_BYTES + ((segment.end - segment.start + 7) & ~7);
}

/** Writes a segment at `at`, a multiple of 8, which has room for it. Returns the offset behind. */
export function writeSegment({ bytes, words, times }: RecordViews, at: number, segment: Segment, hash: number): number {
  const length = segment.end - segment.start;
  const word = at >> 2;
  times[at >> 3] = segment.tsMs;
  for (let index = 0; index < 4; index++) {
    words[word + 2 + index] = segment.source[index];
    words[word + 6 + index] = segment.destination[index];
  }
  words[word + 10] = (segment.sourcePort << 16) | segment.destinationPort;
  words[word + 11] = segment.sequence;
  words[word + 12] = segment.acknowledgement;
  words[word + 13] = segment.vni;
  words[word + 14] = segment.wireLength;
  words[word + 15] = (segment.flags << 24) | length;
  words[word + 16] = hash;
  if (length > 0) bytes.set(segment.bytes.subarray(segment.start, segment.end), at + HEADER_BYTES);
  return at + recordBytes(segment);
}

/** Reads the records of the first `length` bytes one after the other, into one segment that is reused. */
export function eachSegment({ bytes, words, times }: RecordViews, length: number, take: (segment: Segment, hash: number) => void): void {
  const segment = newSegment();
  segment.bytes = bytes;
  for (let at = 0; at < length; at += recordBytes(segment)) {
    const word = at >> 2;
    segment.tsMs = times[at >> 3];
    for (let index = 0; index < 4; index++) {
      segment.source[index] = words[word + 2 + index];
      segment.destination[index] = words[word + 6 + index];
    }
    segment.sourcePort = words[word + 10] >>> 16;
    segment.destinationPort = words[word + 10] & 0xffff;
    segment.sequence = words[word + 11];
    segment.acknowledgement = words[word + 12];
    segment.vni = words[word + 13];
    segment.wireLength = words[word + 14];
    segment.flags = words[word + 15] >>> 24;
    segment.start = at + HEADER_BYTES;
    segment.end = segment.start + (words[word + 15] & 0xffffff);
    take(segment, words[word + 16]);
  }
}
