/**
 * One TCP segment as the decoder found it, innermost headers only. The decoder reuses one object: fields are borrowed until its next call.
 *
 * Addresses are four 32-bit words in network order (signed, as bit operations give them); IPv4 addresses stand in the last word with the other
 * three as in an IPv4-mapped address, so both families compare the same way.
 */
export interface Segment {
  tsMs: number;
  /** Network id of the innermost VXLAN or Geneve header; -1 for none. */
  vni: number;
  readonly source: Int32Array;
  readonly destination: Int32Array;
  sourcePort: number;
  destinationPort: number;
  /** Signed 32 bits. */
  sequence: number;
  acknowledgement: number;
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16. */
  flags: number;
  bytes: Uint8Array;
  /** Payload as far as it was captured. */
  start: number;
  end: number;
  /** Payload length on the wire, at least `end - start`. */
  wireLength: number;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** Third word of an IPv4-mapped IPv6 address. */
export const MAPPED = 0x0000ffff;

export function newSegment(): Segment {
  return {
    tsMs: 0,
    vni: -1,
    source: new Int32Array(4),
    destination: new Int32Array(4),
    sourcePort: 0,
    destinationPort: 0,
    sequence: 0,
    acknowledgement: 0,
    flags: 0,
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
    wireLength: 0,
  };
}

/** Canonical text of an address in words: dotted quad for IPv4 (mapped too), RFC 5952 for IPv6. */
export function addressText(a: number, b: number, c: number, d: number): string {
  if (a === 0 && b === 0 && c === MAPPED) return `${d >>> 24}.${(d >>> 16) & 255}.${(d >>> 8) & 255}.${d & 255}`;
  const groups = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff];
  let bestStart = -1;
  let bestLength = 1;
  for (let index = 0; index < 8; index++) {
    let length = 0;
    while (index + length < 8 && groups[index + length] === 0) length++;
    if (length > bestLength) {
      bestStart = index;
      bestLength = length;
    }
    index += length;
  }
  const text = groups.map((group) => group.toString(16));
  if (bestStart < 0) return text.join(':');
  return `${text.slice(0, bestStart).join(':')}::${text.slice(bestStart + bestLength).join(':')}`;
}
