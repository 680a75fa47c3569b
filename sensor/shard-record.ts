import { newSegment, type Segment } from './decode/segment.js';

/** Bytes of a record before its payload: time 8 · addresses 32 · ports 4 · sequence 4 · acknowledgement 4 · network id 4 · wire length 4 · length 4 · flags 1. */
export const SEGMENT_HEADER_BYTES = 65;

/** Writes a segment at `at`, which has room for it. Returns the offset behind. */
export function writeSegment(into: Buffer, at: number, segment: Segment): number {
  const length = segment.end - segment.start;
  into.writeDoubleLE(segment.tsMs, at);
  for (let index = 0; index < 4; index++) {
    into.writeInt32LE(segment.source[index], at + 8 + index * 4);
    into.writeInt32LE(segment.destination[index], at + 24 + index * 4);
  }
  into.writeUInt16LE(segment.sourcePort, at + 40);
  into.writeUInt16LE(segment.destinationPort, at + 42);
  into.writeInt32LE(segment.sequence, at + 44);
  into.writeInt32LE(segment.acknowledgement, at + 48);
  into.writeInt32LE(segment.vni, at + 52);
  into.writeInt32LE(segment.wireLength, at + 56);
  into.writeInt32LE(length, at + 60);
  into[at + 64] = segment.flags;
  into.set(segment.bytes.subarray(segment.start, segment.end), at + SEGMENT_HEADER_BYTES);
  return at + SEGMENT_HEADER_BYTES + length;
}

/** Reads records one after the other into one segment that is reused. */
export function eachSegment(bytes: Buffer, length: number, take: (segment: Segment) => void): void {
  const segment = newSegment();
  segment.bytes = bytes;
  for (let at = 0; at < length; ) {
    segment.tsMs = bytes.readDoubleLE(at);
    for (let index = 0; index < 4; index++) {
      segment.source[index] = bytes.readInt32LE(at + 8 + index * 4);
      segment.destination[index] = bytes.readInt32LE(at + 24 + index * 4);
    }
    segment.sourcePort = bytes.readUInt16LE(at + 40);
    segment.destinationPort = bytes.readUInt16LE(at + 42);
    segment.sequence = bytes.readInt32LE(at + 44);
    segment.acknowledgement = bytes.readInt32LE(at + 48);
    segment.vni = bytes.readInt32LE(at + 52);
    segment.wireLength = bytes.readInt32LE(at + 56);
    segment.flags = bytes[at + 64];
    segment.start = at + SEGMENT_HEADER_BYTES;
    segment.end = segment.start + bytes.readInt32LE(at + 60);
    take(segment);
    at = segment.end;
  }
}
