import { canonicalIp, type Peer } from '../exchange/index.js';

/**
 * What a PROXY protocol header says (HAProxy's specification, versions 1 and 2). `peer` null: the proxy speaks for itself (`LOCAL`, `UNKNOWN`).
 */
export type ProxyHeader =
  | { readonly kind: 'header'; readonly peer: Peer | null; readonly bytes: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid' };

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V1_MOST_BYTES = 107;
const MORE: ProxyHeader = { kind: 'more' };
const INVALID: ProxyHeader = { kind: 'invalid' };

/** Reads the header at the start of a connection; `more` asks to call again with more bytes. Never throws. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return MORE;
  if (bytes[0] === SIGNATURE[0]) return readV2(bytes);
  return readV1(bytes);
}

function readV1(bytes: Buffer): ProxyHeader {
  const prefix = 'PROXY ';
  const start = bytes.toString('latin1', 0, Math.min(prefix.length, bytes.length));
  if (!prefix.startsWith(start)) return INVALID;
  const end = bytes.subarray(0, V1_MOST_BYTES).indexOf('\r\n');
  if (end < 0) return bytes.length >= V1_MOST_BYTES ? INVALID : MORE;
  const parts = bytes.toString('latin1', 0, end).split(' ');
  if (parts[1] === 'UNKNOWN') return { kind: 'header', peer: null, bytes: end + 2 };
  if (parts.length !== 6 || (parts[1] !== 'TCP4' && parts[1] !== 'TCP6')) return INVALID;
  const ip = canonicalIp(parts[2]);
  const port = Number(parts[4]);
  if (ip === null || canonicalIp(parts[3]) === null || !/^\d{1,5}$/.test(parts[4]) || port > 65_535) return INVALID;
  if (parts[1] === 'TCP4' && parts[2].includes(':')) return INVALID;
  return { kind: 'header', peer: { ip, port }, bytes: end + 2 };
}

/**
 * ```text
 *  0..11 signature | 12 version(4) command(4) | 13 family(4) transport(4) | 14..15 length of what follows
 *  IPv4: src 4, dst 4, src port 2, dst port 2     IPv6: src 16, dst 16, src port 2, dst port 2     then TLVs
 * ```
 */
function readV2(bytes: Buffer): ProxyHeader {
  const have = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, have).equals(SIGNATURE.subarray(0, have))) return INVALID;
  if (bytes.length < 16) return MORE;
  if (bytes[12] >> 4 !== 2) return INVALID;
  const command = bytes[12] & 0x0f;
  const length = bytes.readUInt16BE(14);
  const total = 16 + length;
  if (bytes.length < total) return MORE;
  if (command === 0) return { kind: 'header', peer: null, bytes: total };
  if (command !== 1) return INVALID;
  const family = bytes[13] >> 4;
  if (family === 1 && length >= 12) {
    return { kind: 'header', peer: { ip: [...bytes.subarray(16, 20)].join('.'), port: bytes.readUInt16BE(24) }, bytes: total };
  }
  if (family === 2 && length >= 36) {
    const groups: string[] = [];
    for (let at = 16; at < 32; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
    const ip = canonicalIp(groups.join(':'));
    return ip === null ? INVALID : { kind: 'header', peer: { ip, port: bytes.readUInt16BE(48) }, bytes: total };
  }
  // Unix sockets and unspecified families carry no address that could be used.
  return family === 0 || family === 3 ? { kind: 'header', peer: null, bytes: total } : INVALID;
}
