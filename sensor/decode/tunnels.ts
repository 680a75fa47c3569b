import { type Layer, TYPE_ETHERNET, TYPE_IP_ANY, TYPE_MALFORMED, TYPE_PPP } from './layer.js';
import { linkPayload } from './link.js';

/**
 * Recognises a tunnel in a UDP datagram by its port and its own header. `start` is at the UDP header, which is whole.
 * On true, `layer` says what is inside. False: a plain datagram.
 */
export function udpTunnel(bytes: Uint8Array, start: number, end: number, layer: Layer): boolean {
  const source = (bytes[start] << 8) | bytes[start + 1];
  const destination = (bytes[start + 2] << 8) | bytes[start + 3];
  const at = start + 8;
  switch (destination) {
    case 4789:
    case 8472:
      return vxlan(bytes, at, end, layer);
    case 4790:
      return vxlanGpe(bytes, at, end, layer);
    case 6081:
      return geneve(bytes, at, end, layer);
    case 6635:
      // MPLS in UDP (RFC 7510).
      linkPayload(-0x8847, bytes, at, end, layer);
      return layer.type !== TYPE_MALFORMED;
    case 37008:
      return tzsp(bytes, at, end, layer);
    default:
  }
  if (destination === 2152 || source === 2152) return gtp(bytes, at, end, layer);
  if (destination === 3544 || source === 3544) return teredo(bytes, at, end, layer);
  if (destination === 1701 || source === 1701) return l2tp(bytes, at, end, layer);
  if (destination === 5072 || source === 5072) return ayiya(bytes, at, end, layer);
  return false;
}

/*  RFC 7348 §5
 *  |R|R|R|R|I|R|R|R|            Reserved                           |
 *  |                VXLAN Network Identifier (VNI) |   Reserved    |
 */
export function vxlan(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (end - at < 8 + 14 || (bytes[at] & 0x08) === 0) return false;
  layer.vni = (bytes[at + 4] << 16) | (bytes[at + 5] << 8) | bytes[at + 6];
  layer.start = at + 8;
  layer.type = TYPE_ETHERNET;
  return true;
}

/** draft-ietf-nvo3-vxlan-gpe: as VXLAN, the last reserved byte names the next protocol when P is set. */
function vxlanGpe(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (!vxlan(bytes, at, end, layer)) return false;
  const next = (bytes[at] & 0x04) !== 0 ? bytes[at + 3] : 3;
  if (next === 1 || next === 2) layer.type = TYPE_IP_ANY;
  if (next === 4) linkPayload(-0x894f, bytes, layer.start, end, layer);
  return layer.type !== TYPE_MALFORMED;
}

/*  RFC 8926 §3.4
 *  |Ver|  Opt Len  |O|C|    Rsvd.  |          Protocol Type        |
 *  |        Virtual Network Identifier (VNI)       |    Reserved   |
 *  ~                    Variable-Length Options                    ~
 */
export function geneve(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (end - at < 8 || bytes[at] >> 6 !== 0) return false;
  const start = at + 8 + (bytes[at] & 0x3f) * 4;
  const type = (bytes[at + 2] << 8) | bytes[at + 3];
  if (start >= end) return false;
  if (type !== 0x6558 && type !== 0x0800 && type !== 0x86dd) return false;
  layer.vni = (bytes[at + 4] << 16) | (bytes[at + 5] << 8) | bytes[at + 6];
  layer.start = start;
  layer.type = type === 0x6558 ? TYPE_ETHERNET : type;
  return true;
}

/*  3GPP TS 29.281 §5.1 (GTP-U version 1)
 *  |Version|PT|*|E|S|PN| Message Type |          Length            |
 *  |                Tunnel Endpoint Identifier                     |
 *  [sequence (2), N-PDU (1), next extension (1) when any of E, S, PN is set]
 */
function gtp(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (end - at < 8 || bytes[at] >> 5 !== 1 || (bytes[at] & 0x10) === 0 || bytes[at + 1] !== 0xff) return false;
  let start = at + 8;
  if ((bytes[at] & 0x07) !== 0) {
    start += 4;
    let extension = (bytes[at] & 0x04) !== 0 && start <= end ? bytes[start - 1] : 0;
    while (extension !== 0 && start < end) {
      const length = bytes[start] * 4;
      if (length === 0 || start + length > end) return false;
      extension = bytes[start + length - 1];
      start += length;
    }
  }
  return anyIp(bytes, start, end, layer);
}

/** RFC 4380 §5.1.1: optional authentication and origin indication, then an IPv6 packet. */
function teredo(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  let start = at;
  if (end - start >= 4 && bytes[start] === 0 && bytes[start + 1] === 1) start += 4 + bytes[start + 2] + bytes[start + 3] + 9;
  if (end - start >= 8 && bytes[start] === 0 && bytes[start + 1] === 0) start += 8;
  return start < end && bytes[start] >> 4 === 6 && anyIp(bytes, start, end, layer);
}

/*  draft-massar-v6ops-ayiya §3
 *  |IDLen |IDType|SigLen|HshMeth|AutMeth|OpCode | Next Header  |
 *  |                            Epoch Time                     |
 *  :  Identity (2^IDLen) : Signature (SigLen * 4)              :
 */
function ayiya(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (end - at < 8) return false;
  const start = at + 8 + 2 ** (bytes[at] >> 4) + (bytes[at + 1] >> 4) * 4;
  // Opcode 1 is "forward"; next header 4 or 41.
  if ((bytes[at + 2] & 15) !== 1 || (bytes[at + 3] !== 41 && bytes[at + 3] !== 4)) return false;
  return anyIp(bytes, start, end, layer);
}

/** TZSP, the mirror of MikroTik and others: version 1, type 0 or 1, encapsulated protocol, tagged fields up to the tag 1; tag 0 is padding. */
function tzsp(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (end - at < 5 || bytes[at] !== 1 || bytes[at + 1] > 1) return false;
  const protocol = (bytes[at + 2] << 8) | bytes[at + 3];
  let start = at + 4;
  while (start < end && bytes[start] !== 1) start += bytes[start] === 0 ? 1 : 2 + bytes[start + 1];
  start++;
  if (start >= end) return false;
  if (protocol === 18) {
    linkPayload(105, bytes, start, end, layer);
    return layer.type !== TYPE_MALFORMED;
  }
  layer.start = start;
  layer.type = TYPE_ETHERNET;
  return protocol === 1;
}

/*  RFC 2661 §3.1, data messages only
 *  |T|L|x|x|S|x|O|P|x|x|x|x|  Ver  |          Length (L)           |
 *  |           Tunnel ID           |           Session ID          |
 *  [Ns, Nr with S] [offset size and padding with O] then PPP
 */
function l2tp(bytes: Uint8Array, at: number, end: number, layer: Layer): boolean {
  if (end - at < 8 || (bytes[at] & 0x80) !== 0 || (bytes[at + 1] & 15) !== 2) return false;
  let start = at + 6 + ((bytes[at] & 0x40) !== 0 ? 2 : 0) + ((bytes[at] & 0x08) !== 0 ? 4 : 0);
  if ((bytes[at] & 0x02) !== 0) start += 2 + ((bytes[start] << 8) | bytes[start + 1]);
  if (start + 2 >= end) return false;
  layer.start = start;
  layer.type = TYPE_PPP;
  return true;
}

function anyIp(bytes: Uint8Array, start: number, end: number, layer: Layer): boolean {
  if (start + 20 > end) return false;
  const version = bytes[start] >> 4;
  if (version !== 4 && version !== 6) return false;
  layer.start = start;
  layer.type = TYPE_IP_ANY;
  return true;
}
