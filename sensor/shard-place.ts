import { hashOfIp4 } from './reassembly/flows.js';
import type { Packet } from './types.js';

/** The place of a connection among all is its hash as an unsigned number, 0 up to this. */
export const PLACES = 2 ** 32;

/** The packet has to be decoded to know its place. */
export const UNKNOWN_PLACE = -1;

/** A frame of Ethernet, IPv4 without options and TCP up to its flags. */
const PLAIN_BYTES = 14 + 20 + 14;

/**
 * Place of the connection of a plain packet: TCP in unfragmented IPv4 without options in Ethernet, which nearly all are. So a thread passes over what is
 * another's without decoding it.
 */
export function plainPlace({ bytes, start, end, linkType }: Packet, keyByVni: boolean): number {
  if (keyByVni || linkType !== 1 || end - start < PLAIN_BYTES) return UNKNOWN_PLACE;
  const isPlain =
    bytes[start + 12] === 0x08 &&
    bytes[start + 13] === 0 &&
    bytes[start + 14] === 0x45 &&
    (bytes[start + 20] & 0x3f) === 0 &&
    bytes[start + 21] === 0 &&
    bytes[start + 23] === 6;
  if (!isPlain) return UNKNOWN_PLACE;
  const ports = start + 34;
  const hash = hashOfIp4(
    word(bytes, start + 26),
    (bytes[ports] << 8) | bytes[ports + 1],
    word(bytes, start + 30),
    (bytes[ports + 2] << 8) | bytes[ports + 3],
  );
  return hash >>> 0;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
