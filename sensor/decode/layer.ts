/** What stands behind a header: a protocol family and where it starts. Reused by the functions that take headers off. */
export interface Layer {
  /** ETHERTYPE_ value, or one of the pseudo types below. */
  type: number;
  start: number;
  vni: number;
}

/** Pseudo ether types, above 16 bits. */
export const TYPE_ETHERNET = 0x10001;
export const TYPE_IP_ANY = 0x10002;
export const TYPE_NOT_IP = 0x10003;
export const TYPE_MALFORMED = 0x10004;
export const TYPE_UNKNOWN_LINK = 0x10005;
export const TYPE_PPP = 0x10006;
