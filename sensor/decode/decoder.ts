import type { Counters } from '../counters.js';
import type { Packet } from '../types.js';
import { Defragmenter } from './fragments.js';
import { type Layer, TYPE_ETHERNET, TYPE_IP_ANY, TYPE_MALFORMED, TYPE_PPP, TYPE_UNKNOWN_LINK } from './layer.js';
import { frameRelay, linkPayload } from './link.js';
import { MAPPED, newSegment, type Segment } from './segment.js';
import { udpTunnel } from './tunnels.js';

export interface DecoderOptions {
  readonly tunnelDepth: number;
  /** Drops TCP segments and IPv4 headers whose checksum is wrong. Off by default: offloading leaves them unset on the sending host. */
  readonly verifyChecksums: boolean;
}

/**
 * Takes the headers off a packet down to the innermost TCP segment.
 *
 * Never throws: what cannot be read is counted and null is returned. The packet's bytes are borrowed, except for fragments, which are copied.
 */
export class Decoder {
  readonly #counters: Counters;
  readonly #options: DecoderOptions;
  readonly #segment = newSegment();
  readonly #layer: Layer = { type: 0, start: 0, vni: -1 };
  readonly #fragments: Defragmenter;
  #depth = 0;
  #frames = 0;

  constructor(counters: Counters, options: DecoderOptions) {
    this.#counters = counters;
    this.#options = options;
    this.#fragments = new Defragmenter(counters);
  }

  /** The segment is valid until the next call. */
  decode(packet: Packet): Segment | null {
    const counters = this.#counters;
    counters.captured++;
    counters.capturedBytes += packet.end - packet.start;
    if (packet.originalLength > packet.end - packet.start) counters.truncated++;
    this.#segment.tsMs = packet.tsMs;
    this.#layer.vni = packet.vni;
    this.#depth = 0;
    this.#frames = 0;
    linkPayload(packet.linkType, packet.bytes, packet.start, packet.end, this.#layer);
    return this.#next(packet.bytes, packet.end, packet.start + packet.originalLength);
  }

  /** Continues with what `#layer` says. `end` bounds the captured bytes, `wireEnd` those on the wire. */
  #next(bytes: Uint8Array, end: number, wireEnd: number): Segment | null {
    const layer = this.#layer;
    if (++this.#depth > this.#options.tunnelDepth) return this.#tooDeep();
    while (layer.type === TYPE_ETHERNET || layer.type === TYPE_PPP) {
      linkPayload(layer.type === TYPE_PPP ? 9 : 1, bytes, layer.start, end, layer);
      if (++this.#frames > this.#options.tunnelDepth) return this.#tooDeep();
    }
    switch (layer.type) {
      case 0x0800:
        return this.#ip4(bytes, layer.start, end, wireEnd);
      case 0x86dd:
        return this.#ip6(bytes, layer.start, end, wireEnd);
      case TYPE_IP_ANY:
        return bytes[layer.start] >> 4 === 6 ? this.#ip6(bytes, layer.start, end, wireEnd) : this.#ip4(bytes, layer.start, end, wireEnd);
      case TYPE_MALFORMED:
        this.#counters.malformed++;
        return null;
      case TYPE_UNKNOWN_LINK:
        this.#counters.unknownLink++;
        return null;
      default:
        this.#counters.notIp++;
        return null;
    }
  }

  /*  RFC 791 §3.1
   *  |Version|  IHL  |Type of Service|          Total Length         |
   *  |         Identification        |Flags|      Fragment Offset    |
   *  |  Time to Live |    Protocol   |         Header Checksum       |
   *  |                       Source Address                          |
   *  |                    Destination Address                        |
   */
  #ip4(bytes: Uint8Array, start: number, end: number, wireEnd: number): Segment | null {
    if (end - start < 20 || bytes[start] >> 4 !== 4) return this.#malformed();
    const headerLength = (bytes[start] & 15) * 4;
    if (headerLength < 20 || start + headerLength > end) return this.#malformed();
    const totalLength = (bytes[start + 2] << 8) | bytes[start + 3];
    // Segmentation offload leaves the length of an outgoing packet at zero.
    const ipEnd = totalLength === 0 ? Math.max(end, wireEnd) : start + totalLength;
    if (ipEnd < start + headerLength) return this.#malformed();
    if (this.#options.verifyChecksums && !headerChecksumGood(bytes, start, headerLength)) {
      this.#counters.checksumBad++;
      return null;
    }
    const segment = this.#segment;
    segment.source[0] = segment.source[1] = segment.destination[0] = segment.destination[1] = 0;
    segment.source[2] = segment.destination[2] = MAPPED;
    segment.source[3] = word(bytes, start + 12);
    segment.destination[3] = word(bytes, start + 16);
    const protocol = bytes[start + 9];
    const fragment = (bytes[start + 6] << 8) | bytes[start + 7];
    const payload = start + headerLength;
    const capturedEnd = Math.min(end, ipEnd);
    if ((fragment & 0x3fff) !== 0) {
      const key = `4${protocol}:${text(bytes, start + 4, start + 6)}${text(bytes, start + 12, start + 20)}`;
      return this.#fragment(key, protocol, (fragment & 0x1fff) * 8, (fragment & 0x2000) !== 0, bytes, payload, capturedEnd, ipEnd);
    }
    return this.#transport(protocol, bytes, payload, capturedEnd, ipEnd);
  }

  /*  RFC 8200 §3
   *  |Version| Traffic Class |           Flow Label                  |
   *  |         Payload Length        |  Next Header  |   Hop Limit   |
   *  |                      Source Address (16)                      |
   *  |                    Destination Address (16)                   |
   */
  #ip6(bytes: Uint8Array, start: number, end: number, wireEnd: number): Segment | null {
    if (end - start < 40 || bytes[start] >> 4 !== 6) return this.#malformed();
    const payloadLength = (bytes[start + 4] << 8) | bytes[start + 5];
    const ipEnd = payloadLength === 0 ? Math.max(end, wireEnd) : start + 40 + payloadLength;
    const capturedEnd = Math.min(end, ipEnd);
    const segment = this.#segment;
    for (let index = 0; index < 4; index++) {
      segment.source[index] = word(bytes, start + 8 + index * 4);
      segment.destination[index] = word(bytes, start + 24 + index * 4);
    }
    let next = bytes[start + 6];
    let at = start + 40;
    for (let headers = 0; ; headers++) {
      if (next === 44) {
        if (at + 8 > capturedEnd) return this.#malformed();
        const fragment = (bytes[at + 2] << 8) | bytes[at + 3];
        next = bytes[at];
        // An atomic fragment is a whole datagram (RFC 6946).
        if ((fragment & 0xfff9) === 0) {
          at += 8;
          continue;
        }
        const key = `6${text(bytes, at + 4, at + 8)}${text(bytes, start + 8, start + 40)}`;
        return this.#fragment(key, next, fragment & 0xfff8, (fragment & 1) !== 0, bytes, at + 8, capturedEnd, ipEnd);
      }
      if (!isExtension(next)) return this.#transport(next, bytes, at, capturedEnd, ipEnd);
      if (headers > 10 || at + 8 > capturedEnd) return this.#malformed();
      const length = next === 51 ? (bytes[at + 1] + 2) * 4 : (bytes[at + 1] + 1) * 8;
      next = bytes[at];
      at += length;
      if (at > capturedEnd) return this.#malformed();
    }
  }

  #fragment(
    key: string,
    protocol: number,
    offset: number,
    more: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
    wireEnd: number,
  ): Segment | null {
    this.#counters.fragments++;
    // A fragment whose end the capture cut off cannot be completed.
    if (end < wireEnd || start > end) {
      this.#counters.fragmentsDropped++;
      return null;
    }
    const whole = this.#fragments.add(key, offset, more, bytes.subarray(start, end), this.#segment.tsMs);
    if (whole === null) return null;
    this.#counters.reassembledDatagrams++;
    return this.#transport(protocol, whole, 0, whole.length, whole.length);
  }

  #transport(protocol: number, bytes: Uint8Array, start: number, end: number, wireEnd: number): Segment | null {
    const layer = this.#layer;
    switch (protocol) {
      case 6:
        return this.#tcp(bytes, start, end, wireEnd);
      case 17:
        if (end - start < 8) return this.#malformed();
        if (!udpTunnel(bytes, start, end, layer)) break;
        this.#counters.tunnels++;
        return this.#next(bytes, end, wireEnd);
      case 4:
        layer.type = 0x0800;
        layer.start = start;
        this.#counters.tunnels++;
        return this.#next(bytes, end, wireEnd);
      case 41:
        layer.type = 0x86dd;
        layer.start = start;
        this.#counters.tunnels++;
        return this.#next(bytes, end, wireEnd);
      case 47:
        if (!greTunnel(bytes, start, end, layer)) break;
        this.#counters.tunnels++;
        return this.#next(bytes, end, wireEnd);
      case 51: {
        if (start + 8 > end) return this.#malformed();
        const length = (bytes[start + 1] + 2) * 4;
        if (start + length > end || ++this.#depth > this.#options.tunnelDepth) return this.#malformed();
        return this.#transport(bytes[start], bytes, start + length, end, wireEnd);
      }
      case 97:
        // EtherIP (RFC 3378): two bytes, then an Ethernet frame.
        layer.type = TYPE_ETHERNET;
        layer.start = start + 2;
        this.#counters.tunnels++;
        return this.#next(bytes, end, wireEnd);
      default:
    }
    this.#counters.notTcp++;
    return null;
  }

  /*  RFC 9293 §3.1
   *  |          Source Port          |       Destination Port        |
   *  |                        Sequence Number                        |
   *  |                    Acknowledgment Number                      |
   *  | Data Offset | Rsrvd | Flags   |            Window             |
   *  |           Checksum            |         Urgent Pointer        |
   */
  #tcp(bytes: Uint8Array, start: number, end: number, wireEnd: number): Segment | null {
    if (end - start < 20) return this.#malformed();
    const headerLength = (bytes[start + 12] >> 4) * 4;
    if (headerLength < 20 || start + headerLength > wireEnd) return this.#malformed();
    const segment = this.#segment;
    if (this.#options.verifyChecksums && end === wireEnd && !tcpChecksumGood(segment, bytes, start, end)) {
      this.#counters.checksumBad++;
      return null;
    }
    this.#counters.tcp++;
    segment.vni = this.#layer.vni;
    segment.sourcePort = (bytes[start] << 8) | bytes[start + 1];
    segment.destinationPort = (bytes[start + 2] << 8) | bytes[start + 3];
    segment.sequence = word(bytes, start + 4);
    segment.acknowledgement = word(bytes, start + 8);
    segment.flags = bytes[start + 13];
    segment.bytes = bytes;
    segment.start = Math.min(start + headerLength, end);
    segment.end = end;
    segment.wireLength = wireEnd - start - headerLength;
    return segment;
  }

  #tooDeep(): null {
    this.#counters.tooDeep++;
    return null;
  }

  #malformed(): null {
    this.#counters.malformed++;
    return null;
  }
}

function isExtension(protocol: number): boolean {
  return (
    protocol === 0 || protocol === 43 || protocol === 60 || protocol === 51 || protocol === 135 || protocol === 139 || protocol === 140
  );
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function text(bytes: Uint8Array, start: number, end: number): string {
  let value = '';
  for (let at = start; at < end; at++) value += String.fromCharCode(bytes[at]);
  return value;
}

/** Ones' complement sum of 16-bit words (RFC 1071), folded; 0xffff when a checksum over it is right. */
function sum(bytes: Uint8Array, start: number, end: number, initial: number): number {
  let total = initial;
  for (let at = start; at + 1 < end; at += 2) total += (bytes[at] << 8) | bytes[at + 1];
  if ((end - start) % 2 === 1) total += bytes[end - 1] << 8;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

function headerChecksumGood(bytes: Uint8Array, start: number, length: number): boolean {
  return sum(bytes, start, start + length, 0) === 0xffff;
}

function tcpChecksumGood(segment: Segment, bytes: Uint8Array, start: number, end: number): boolean {
  let pseudo = 6 + (end - start);
  // The words of an IPv4-mapped prefix are not part of the pseudo header.
  const first = segment.source[0] === 0 && segment.source[1] === 0 && segment.source[2] === MAPPED ? 3 : 0;
  for (let index = first; index < 4; index++) {
    for (const value of [segment.source[index], segment.destination[index]]) pseudo += (value >>> 16) + (value & 0xffff);
  }
  return sum(bytes, start, end, pseudo) === 0xffff;
}

/*  RFC 2784, RFC 2890, RFC 2637 (PPTP, version 1)
 *  |C|R|K|S|s|Recur|A| Flags | Ver |         Protocol Type         |
 *  [checksum + offset, C or R] [key, K] [sequence, S] [acknowledgement, A]
 */
function greTunnel(bytes: Uint8Array, start: number, end: number, layer: Layer): boolean {
  if (end - start < 4) return false;
  const flags = (bytes[start] << 8) | bytes[start + 1];
  const type = (bytes[start + 2] << 8) | bytes[start + 3];
  const version = flags & 7;
  if (version > 1) return false;
  let at = start + 4;
  if ((flags & 0xc000) !== 0) at += 4;
  if ((flags & 0x2000) !== 0) at += 4;
  if ((flags & 0x1000) !== 0) at += 4;
  if (version === 1 && (flags & 0x0080) !== 0) at += 4;
  if (at >= end) return false;
  layer.start = at;
  layer.type = type;
  switch (type) {
    case 0x0800:
    case 0x86dd:
      return true;
    case 0x6558:
      layer.type = TYPE_ETHERNET;
      return true;
    case 0x880b:
      layer.type = TYPE_PPP;
      return true;
    case 0x88be:
      // ERSPAN type II has a sequence number and an 8-byte header of its own, type I has neither.
      layer.start = (flags & 0x1000) !== 0 ? at + 8 : at;
      layer.type = TYPE_ETHERNET;
      return layer.start < end;
    case 0x22eb:
      // ERSPAN type III: 12 bytes; the last bit announces 8 more.
      if (at + 12 > end) return false;
      layer.start = at + 12 + ((bytes[at + 11] & 1) !== 0 ? 8 : 0);
      layer.type = TYPE_ETHERNET;
      return layer.start < end;
    case 0x8100:
    case 0x88a8:
    case 0x8847:
    case 0x8848:
    case 0x894f:
      linkPayload(-type, bytes, at, end, layer);
      return layer.type !== TYPE_MALFORMED;
    case 0x6559:
      frameRelay(bytes, at, end, layer);
      return layer.type !== TYPE_MALFORMED;
    case 0x8200:
    case 0x9000:
      // Aruba access points: an 802.11 frame.
      linkPayload(105, bytes, at, end, layer);
      return layer.type !== TYPE_MALFORMED;
    case 0x883e:
      // WCCP: version 2 puts 4 bytes of its own before the IP packet.
      layer.start = bytes[at] >> 4 === 4 ? at : at + 4;
      layer.type = 0x0800;
      return layer.start < end;
    default:
      return false;
  }
}
