/** Addresses as numbers, for tables that are asked once a request. `exchange/address.ts` validates and prints; this reads fast and strictly. */

/** An IPv4 address as an unsigned 32-bit number; -1 when the text is not one. */
export function readIpv4(text: string): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 46) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else {
      if (code < 48 || code > 57 || octet === 0) return -1;
      octet = octet < 0 ? code - 48 : octet * 10 + code - 48;
      if (octet > 255) return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/** Reads an IPv6 address (RFC 4291 §2.2, no zone) into four 32-bit words; false when the text is not one. */
export function readIpv6(text: string, words: Uint32Array): boolean {
  let group = 0;
  let digits = 0;
  let groups = 0;
  let gapAt = -1;
  let start = 0;
  const end = text.length;
  for (let index = 0; index < end; index++) {
    const code = text.charCodeAt(index);
    const digit = code < 128 ? HEX[code] : -1;
    if (digit >= 0) {
      if (++digits > 4) return false;
      group = (group << 4) | digit;
    } else if (code === 58) {
      if (digits > 0) {
        if (groups === 8) return false;
        GROUPS[groups++] = group;
      } else if (index === 0) {
        if (text.charCodeAt(1) !== 58) return false;
      } else {
        if (gapAt >= 0) return false;
        gapAt = groups;
      }
      group = 0;
      digits = 0;
      start = index + 1;
    } else {
      const tail = code === 46 ? readIpv4(text.slice(start)) : -1;
      if (tail < 0 || groups > 6) return false;
      GROUPS[groups++] = tail >>> 16;
      GROUPS[groups++] = tail & 0xffff;
      return join(words, groups, gapAt);
    }
  }
  if (digits > 0) {
    if (groups === 8) return false;
    GROUPS[groups++] = group;
  } else if (gapAt !== groups || !text.endsWith('::')) return false;
  return join(words, groups, gapAt);
}

/** Of the address that is being read. */
const GROUPS = new Uint16Array(8);

/** The value of each ASCII character as a hexadecimal digit; -1 for the others. */
const HEX = Int8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? -1 : value;
});

/** Puts the groups that were read into words, those behind `::` at the end. */
function join(words: Uint32Array, groups: number, gapAt: number): boolean {
  if (gapAt < 0 ? groups !== 8 : groups === 8) return false;
  const gapEnd = gapAt < 0 ? 0 : gapAt + 8 - groups;
  for (let at = 0; at < 4; at++) words[at] = (groupAt(2 * at, gapAt, gapEnd) << 16) | groupAt(2 * at + 1, gapAt, gapEnd);
  return true;
}

function groupAt(at: number, gapAt: number, gapEnd: number): number {
  if (gapAt < 0 || at < gapAt) return GROUPS[at];
  return at < gapEnd ? 0 : GROUPS[at - gapEnd + gapAt];
}

/** True when the words are an IPv4-mapped address (::ffff:a.b.c.d), whose IPv4 part is `words[3]`. */
export function isMapped(words: Uint32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

/** A network as numbers: IPv4 in `words[3]` (family 4), or four words (family 6). Host bits are cleared. */
export interface Prefix {
  readonly family: 4 | 6;
  readonly words: Uint32Array;
  readonly length: number;
}

/** Reads an address or CIDR; null when it is neither. */
export function readPrefix(text: string): Prefix | null {
  const words = new Uint32Array(4);
  const code = readPrefixInto(text, words);
  return code < 0 ? null : { family: code < IPV6_CODE ? 4 : 6, words, length: code & LENGTH_MASK };
}

const IPV6_CODE = 256;
const LENGTH_MASK = 255;

/**
 * The same without an object for each: words go into `words`, host bits cleared. Returns the prefix length, plus 256 for IPv6; -1 when the text is neither an
 * address nor a CIDR.
 */
export function readPrefixInto(text: string, words: Uint32Array): number {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const v4 = readIpv4(address);
  let isIpv4 = true;
  let offset = 0;
  if (v4 >= 0) {
    words[0] = 0;
    words[1] = 0;
    words[2] = 0;
    words[3] = v4;
  } else {
    if (!readIpv6(address, words)) return -1;
    if (isMapped(words)) {
      offset = 96;
      words[2] = 0;
    } else isIpv4 = false;
  }
  const bits = isIpv4 ? 32 : 128;
  let length = bits;
  if (slash >= 0) {
    length = readLength(text, slash + 1) - offset;
    if (length < 0 || length > bits) return -1;
  }
  if (length < bits) mask(words, isIpv4 ? length + 96 : length);
  return isIpv4 ? length : length + IPV6_CODE;
}

/** One to three digits without a leading zero, up to the end of the text; -1 for anything else. */
function readLength(text: string, from: number): number {
  const digits = text.length - from;
  if (digits < 1 || digits > 3 || (digits > 1 && text.charCodeAt(from) === 48)) return -1;
  let value = 0;
  for (let at = from; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Does `outer` contain all of `inner` (or equal it)? */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  const bits = (outer.family === 4 ? 96 : 0) + outer.length;
  for (let word = 0; word * 32 < bits; word++) {
    if ((inner.words[word] & maskWord(bits - word * 32)) >>> 0 !== outer.words[word]) return false;
  }
  return true;
}

/** Clears the bits behind the first `length` of 128. */
export function mask(words: Uint32Array, length: number): void {
  for (let index = 0; index < 4; index++) words[index] = (words[index] & maskWord(length - 32 * index)) >>> 0;
}

/** The mask of a word of which the first `bits` count (below 0 none, above 32 all). */
export function maskWord(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

export function writeIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** RFC 5952: lower case, the longest run of two or more zero groups shortened. */
export function writeIpv6(w0: number, w1: number, w2: number, w3: number): string {
  const groups = [w0 >>> 16, w0 & 0xffff, w1 >>> 16, w1 & 0xffff, w2 >>> 16, w2 & 0xffff, w3 >>> 16, w3 & 0xffff];
  let best = -1;
  let bestLength = 1;
  for (let index = 0, length = 0; index < 8; index++) {
    length = groups[index] === 0 ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      best = index - length + 1;
    }
  }
  let text = '';
  for (let index = 0; index < 8; index++) {
    if (index === best) {
      text += '::';
      index += bestLength - 1;
    } else {
      text += index === 0 || index === best + bestLength ? groups[index].toString(16) : `:${groups[index].toString(16)}`;
    }
  }
  return text;
}

/** Canonical text: an address when all bits count, else with the prefix length. */
export function writePrefix({ family, words, length }: Prefix): string {
  const address = family === 4 ? writeIpv4(words[3]) : writeIpv6(words[0], words[1], words[2], words[3]);
  return length === (family === 4 ? 32 : 128) ? address : `${address}/${length}`;
}
