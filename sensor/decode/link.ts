import { type Layer, TYPE_ETHERNET, TYPE_IP_ANY, TYPE_MALFORMED, TYPE_NOT_IP, TYPE_UNKNOWN_LINK } from './layer.js';

/** LINKTYPE_ values that can be read, with their names for messages. */
export const LINK_TYPES: Readonly<Record<number, string>> = {
  0: 'NULL',
  1: 'ETHERNET',
  9: 'PPP',
  10: 'FDDI',
  11: 'ATM_RFC1483',
  12: 'RAW',
  14: 'RAW',
  50: 'PPP_HDLC',
  51: 'PPPOE',
  100: 'ATM_RFC1483',
  101: 'RAW',
  104: 'C_HDLC',
  105: 'IEEE802_11',
  107: 'FRELAY',
  108: 'LOOP',
  109: 'ENC',
  113: 'LINUX_SLL',
  119: 'IEEE802_11_PRISM',
  127: 'IEEE802_11_RADIOTAP',
  138: 'APPLE_IP_OVER_IEEE1394',
  163: 'IEEE802_11_AVS',
  166: 'PPP_PPPD',
  192: 'PPI',
  204: 'PPP_WITH_DIR',
  205: 'C_HDLC_WITH_DIR',
  206: 'FRELAY_WITH_DIR',
  228: 'IPV4',
  229: 'IPV6',
  239: 'NFLOG',
  240: 'NETANALYZER',
  241: 'NETANALYZER_TRANSPARENT',
  258: 'PKTAP',
  276: 'LINUX_SLL2',
};

/**
 * Takes the link layer off: Ethernet with any stack of VLAN, MPLS, PPPoE and LLC/SNAP headers, and the other link types above. `layer`, which is returned, gets
 * the network protocol and where it starts. A negative link type is an ether type to start with.
 */
export function linkPayload(linkType: number, bytes: Uint8Array, start: number, end: number, layer: Layer): Layer {
  switch (linkType) {
    case 1:
      if (end - start < 14) return set(layer, TYPE_MALFORMED, start);
      return etherType((bytes[start + 12] << 8) | bytes[start + 13], bytes, start + 14, end, layer);
    case 0:
    case 108: {
      if (end - start < 4) return set(layer, TYPE_MALFORMED, start);
      // The family stands in the byte order of the machine that captured; one of its outer bytes is zero.
      const family = bytes[start] === 0 ? bytes[start + 3] : bytes[start];
      if (family === 2) return set(layer, 0x0800, start + 4);
      return set(layer, family === 10 || family === 24 || family === 28 || family === 30 ? 0x86dd : TYPE_NOT_IP, start + 4);
    }
    case 9:
    case 50:
      return ppp(bytes, start, end, layer);
    case 51:
      return pppoe(bytes, start, end, layer);
    case 12:
    case 14:
    case 101:
      return set(layer, end > start ? TYPE_IP_ANY : TYPE_MALFORMED, start);
    case 228:
      return set(layer, 0x0800, start);
    case 229:
      return set(layer, 0x86dd, start);
    case 104:
      if (end - start < 4) return set(layer, TYPE_MALFORMED, start);
      return etherType((bytes[start + 2] << 8) | bytes[start + 3], bytes, start + 4, end, layer);
    case 109:
      return set(layer, end - start > 12 ? TYPE_IP_ANY : TYPE_MALFORMED, start + 12);
    case 113:
      if (end - start < 16) return set(layer, TYPE_MALFORMED, start);
      return etherType((bytes[start + 14] << 8) | bytes[start + 15], bytes, start + 16, end, layer);
    case 276:
      if (end - start < 20) return set(layer, TYPE_MALFORMED, start);
      return etherType((bytes[start] << 8) | bytes[start + 1], bytes, start + 20, end, layer);
    case 127: {
      if (end - start < 8) return set(layer, TYPE_MALFORMED, start);
      const header = bytes[start + 2] | (bytes[start + 3] << 8);
      return wireless(bytes, start + header, end, layer);
    }
    case 105:
      return wireless(bytes, start, end, layer);
    case 239:
      return nflog(bytes, start, end, layer);
    case 10:
      return etherType(0, bytes, start + 13, end, layer);
    case 11:
    case 100:
      return etherType(0, bytes, start, end, layer);
    case 107:
      return frameRelay(bytes, start, end, layer);
    case 119:
      // The length of the Prism header stands behind its message code, in the capturing machine's order.
      if (end - start < 8) return set(layer, TYPE_MALFORMED, start);
      return wireless(bytes, start + (bytes[start + 4] === 0 ? (bytes[start + 6] << 8) | bytes[start + 7] : bytes[start + 4]), end, layer);
    case 163:
      if (end - start < 8) return set(layer, TYPE_MALFORMED, start);
      return wireless(bytes, start + ((bytes[start + 6] << 8) | bytes[start + 7]), end, layer);
    case 138:
      if (end - start < 18) return set(layer, TYPE_MALFORMED, start);
      return etherType((bytes[start + 16] << 8) | bytes[start + 17], bytes, start + 18, end, layer);
    case 166:
      // Direction and, behind the PPP protocol, no address or control bytes.
      return ppp(bytes, start + 2, end, layer);
    case 204:
      return ppp(bytes, start + 1, end, layer);
    case 205:
      return linkPayload(104, bytes, start + 1, end, layer);
    case 206:
      return frameRelay(bytes, start + 1, end, layer);
    case 192:
    case 258:
      return prefixed(linkType, bytes, start, end, layer);
    case 240:
      return linkPayload(1, bytes, start + 4, end, layer);
    case 241:
      // Behind the same header the preamble of the frame.
      return linkPayload(1, bytes, start + 12, end, layer);
    default:
      if (linkType < 0) return etherType(-linkType, bytes, start, end, layer);
      return set(layer, TYPE_UNKNOWN_LINK, start);
  }
}

function set(layer: Layer, type: number, start: number): Layer {
  layer.type = type;
  layer.start = start;
  return layer;
}

function etherType(first: number, bytes: Uint8Array, from: number, end: number, layer: Layer): Layer {
  let type = first;
  let at = from;
  // A frame of 1500 bytes has room for no more stacked headers than this that mean anything.
  for (let headers = 0; headers < 16; headers++) {
    if (type < 1536) {
      // IEEE 802.3 length: LLC, with SNAP when both service access points are 0xaa.
      if (end - at > 3 && bytes[at] === 0x06 && bytes[at + 1] === 0x06) return set(layer, 0x0800, at + 3);
      if (end - at < 8 || bytes[at] !== 0xaa || bytes[at + 1] !== 0xaa) return set(layer, TYPE_NOT_IP, at);
      type = (bytes[at + 6] << 8) | bytes[at + 7];
      at += 8;
      if (type < 1536) return set(layer, TYPE_NOT_IP, at);
      continue;
    }
    switch (type) {
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200:
      case 0x8926:
      case 0x893f: {
        // VLAN tags have 4 bytes, VN-Tag 6, E-Tag 8, counted with the type that follows.
        const length = type === 0x893f ? 8 : type === 0x8926 ? 6 : 4;
        if (end - at < length) return set(layer, TYPE_MALFORMED, at);
        type = (bytes[at + length - 2] << 8) | bytes[at + length - 1];
        at += length;
        continue;
      }
      case 0x8847:
      case 0x8848:
        return mpls(bytes, at, end, layer);
      case 0x6558:
        return set(layer, end - at > 14 ? TYPE_ETHERNET : TYPE_MALFORMED, at);
      case 0x8903:
        // Cisco FabricPath: two bytes of tag, then the frame that it carries.
        return set(layer, end - at > 16 ? TYPE_ETHERNET : TYPE_MALFORMED, at + 2);
      case 0x8909: {
        // Cisco MetaData: version, length in words of 4, options; the type stands at the end.
        const length = bytes[at + 1] * 4 + 4;
        if (end - at < length + 2) return set(layer, TYPE_MALFORMED, at);
        type = (bytes[at + length - 2] << 8) | bytes[at + length - 1];
        at += length;
        continue;
      }
      case 0x8864:
        return pppoe(bytes, at, end, layer);
      case 0x88e7:
        return set(layer, end - at > 18 ? TYPE_ETHERNET : TYPE_MALFORMED, at + 4);
      case 0x894f: {
        // Network service header (RFC 8300 §2.2): length in words, next protocol.
        if (end - at < 8) return set(layer, TYPE_MALFORMED, at);
        const next = bytes[at + 3];
        return set(
          layer,
          next === 1 ? 0x0800 : next === 2 ? 0x86dd : next === 3 ? TYPE_ETHERNET : TYPE_NOT_IP,
          at + (bytes[at + 1] & 0x3f) * 4,
        );
      }
      case 0x880b:
        return ppp(bytes, at, end, layer);
      default:
        return set(layer, type, at);
    }
  }
  return set(layer, TYPE_MALFORMED, at);
}

/** RFC 3032 §2.1: four bytes a label, the bit 0x01 of the third ends the stack. What follows is not named; its first nibble tells. */
function mpls(bytes: Uint8Array, from: number, end: number, layer: Layer): Layer {
  let at = from;
  while (at + 4 <= end) {
    const bottom = (bytes[at + 2] & 1) !== 0;
    at += 4;
    if (!bottom) continue;
    if (at >= end) break;
    const nibble = bytes[at] >> 4;
    if (nibble === 4) return set(layer, 0x0800, at);
    if (nibble === 6) return set(layer, 0x86dd, at);
    // A pseudowire. With a control word (RFC 4385) the nibble is zero; so it is in half of all addresses, with which the frame else begins.
    return set(layer, TYPE_ETHERNET, nibble === 0 && !isFrameAt(bytes, at, end) ? at + 4 : at);
  }
  return set(layer, TYPE_MALFORMED, at);
}

/** Does an Ethernet frame begin here, as far as its type tells? */
function isFrameAt(bytes: Uint8Array, at: number, end: number): boolean {
  const type = end - at < 14 ? 0 : (bytes[at + 12] << 8) | bytes[at + 13];
  return type === 0x0800 || type === 0x86dd || type === 0x8100 || type === 0x88a8;
}

/** RFC 2516 §4: version/type, code (0 for a session), session (2), length (2), then PPP. */
function pppoe(bytes: Uint8Array, start: number, end: number, layer: Layer): Layer {
  if (end - start < 8 || bytes[start + 1] !== 0) return set(layer, end - start < 8 ? TYPE_MALFORMED : TYPE_NOT_IP, start);
  return ppp(bytes, start + 6, end, layer);
}

/** RFC 1661 §2, with the HDLC-like address and control bytes of RFC 1662 where they stand, and protocol field compression. */
function ppp(bytes: Uint8Array, from: number, end: number, layer: Layer): Layer {
  let at = from;
  if (end - at >= 2 && bytes[at] === 0xff && bytes[at + 1] === 0x03) at += 2;
  if (end - at < 2) return set(layer, TYPE_MALFORMED, at);
  const compressed = (bytes[at] & 1) === 1;
  const protocol = compressed ? bytes[at] : (bytes[at] << 8) | bytes[at + 1];
  at += compressed ? 1 : 2;
  if (protocol === 0x21) return set(layer, 0x0800, at);
  if (protocol === 0x57) return set(layer, 0x86dd, at);
  if (protocol === 0x281 || protocol === 0x283) return mpls(bytes, at, end, layer);
  return set(layer, TYPE_NOT_IP, at);
}

/** IEEE 802.11 data frames that are not encrypted: header of 24 bytes, 6 more between access points, 2 more with QoS, then LLC/SNAP. */
function wireless(bytes: Uint8Array, start: number, end: number, layer: Layer): Layer {
  if (end - start < 24) return set(layer, TYPE_MALFORMED, start);
  const type = (bytes[start] >> 2) & 3;
  const subtype = bytes[start] >> 4;
  if (type !== 2 || (subtype & 4) !== 0 || (bytes[start + 1] & 0x40) !== 0) return set(layer, TYPE_NOT_IP, start);
  const qos = (subtype & 8) !== 0;
  let at = start + 24 + ((bytes[start + 1] & 3) === 3 ? 6 : 0);
  const aggregated = qos && (bytes[at] & 0x80) !== 0;
  if (qos) at += 2;
  // An A-MSDU holds frames of its own; the first one follows its addresses and length.
  if (aggregated) at += 14;
  if (end - at < 8) return set(layer, TYPE_NOT_IP, at);
  return etherType(0, bytes, at, end, layer);
}

/** https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html: family, version, resource id, then TLVs; type 9 is the packet. */
function nflog(bytes: Uint8Array, start: number, end: number, layer: Layer): Layer {
  for (let at = start + 4; at + 4 <= end; ) {
    const length = bytes[at] | (bytes[at + 1] << 8);
    const type = bytes[at + 2] | (bytes[at + 3] << 8);
    if (length < 4) break;
    if (type === 9) return set(layer, TYPE_IP_ANY, at + 4);
    at += (length + 3) & ~3;
  }
  return set(layer, TYPE_MALFORMED, start);
}

/** RFC 2427 §4: two address bytes, control, and the network protocol: 0xcc IPv4, 0x8e IPv6, 0x80 SNAP; or an ether type, as Cisco has it. */
export function frameRelay(bytes: Uint8Array, start: number, end: number, layer: Layer): Layer {
  if (end - start < 4) return set(layer, TYPE_MALFORMED, start);
  const protocol = bytes[start + 3];
  if (bytes[start + 2] === 0x03) {
    if (protocol === 0xcc) return set(layer, 0x0800, start + 4);
    if (protocol === 0x8e) return set(layer, 0x86dd, start + 4);
    if (protocol === 0x00 && bytes[start + 4] === 0x80 && end - start > 10)
      return etherType((bytes[start + 8] << 8) | bytes[start + 9], bytes, start + 10, end, layer);
  }
  return etherType((bytes[start + 2] << 8) | protocol, bytes, start + 4, end, layer);
}

/** Headers that name their own length and the link type behind them: PPI (16 bits and 32 bits at 2 and 4) and PKTAP (32 bits each at 0 and 8), little endian. */
function prefixed(linkType: number, bytes: Uint8Array, start: number, end: number, layer: Layer): Layer {
  if (end - start < 12) return set(layer, TYPE_MALFORMED, start);
  const length = linkType === 192 ? bytes[start + 2] | (bytes[start + 3] << 8) : bytes[start] | (bytes[start + 1] << 8);
  const inner = linkType === 192 ? bytes[start + 4] | (bytes[start + 5] << 8) : bytes[start + 8] | (bytes[start + 9] << 8);
  if (inner === 192 || inner === 258 || length < 8 || start + length > end) return set(layer, TYPE_MALFORMED, start);
  return linkPayload(inner, bytes, start + length, end, layer);
}
