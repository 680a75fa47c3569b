import type { WeirError } from '../../exchange/index.js';
import { copyOf } from '../copy-of.js';
import { sensorError } from '../errors.js';
import type { OnPacket, Packet } from '../types.js';

/*
 * pcap (draft-ietf-opsawg-pcap): magic, version, snap length, link type (24 bytes), then records of
 *   seconds (4) | fraction (4) | captured length (4) | original length (4) | bytes
 * pcapng (draft-ietf-opsawg-pcapng): blocks of
 *   type (4) | total length (4) | body, padded to 4 | total length again (4)
 */
const PCAP_MICRO = 0xa1b2c3d4;
const PCAP_NANO = 0xa1b23c4d;
/** Kuznetzov's variant: eight more bytes in each record header. */
const PCAP_MODIFIED = 0xa1b2cd34;
const SECTION = 0x0a0d0d0a;
const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const JOIN_BYTES = 4_096;
const NOTHING = new Uint8Array(0);

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly ticksPerMs: number;
  readonly offsetMs: number;
}

/**
 * Reads capture bytes in pieces of any size and hands over packets.
 *
 * Packets point into the pushed piece wherever they lie wholly in it; only the rest of a piece is copied.
 */
export class PcapReader {
  readonly #onPacket: OnPacket;
  readonly #packet: Packet = { bytes: new Uint8Array(0), start: 0, end: 0, originalLength: 0, tsMs: 0, linkType: -1, vni: -1 };
  #rest: Uint8Array = NOTHING;
  /** File offset of the first byte of `#rest`. */
  #offset = 0;
  #format: 'unknown' | 'pcap' | 'pcapng' = 'unknown';
  #little = true;
  #recordHeader = 16;
  #ticksPerMs = 1000;
  #linkType = 1;
  #interfaces: Interface[] = [];
  packets = 0;

  constructor(onPacket: OnPacket) {
    this.#onPacket = onPacket;
  }

  /** Bytes consumed as whole records so far. */
  get offset(): number {
    return this.#offset;
  }

  /** @throws WeirError SENSOR_NOT_A_CAPTURE or SENSOR_CAPTURE_CORRUPT, naming the byte where reading stopped. */
  push(piece: Uint8Array): void {
    let from = 0;
    while (this.#rest.length > 0 && from < piece.length) {
      // Joins only as much as the record needs that the last piece cut in two.
      const before = this.#rest.length;
      const joined = Buffer.allocUnsafeSlow(before + Math.min(piece.length - from, Math.max(JOIN_BYTES, before)));
      joined.set(this.#rest);
      joined.set(piece.subarray(from, from + joined.length - before), before);
      const used = this.#read(joined);
      if (used < before) {
        from += joined.length - before;
        this.#rest = used === 0 ? joined : copyOf(joined, used);
      } else {
        from += used - before;
        this.#rest = NOTHING;
      }
    }
    if (from === piece.length) return;
    const bytes = from === 0 ? piece : piece.subarray(from);
    const used = this.#read(bytes);
    this.#rest = used === bytes.length ? NOTHING : copyOf(bytes, used);
  }

  /** Reads whole records; returns the bytes they took. */
  #read(bytes: Uint8Array): number {
    let at = 0;
    if (this.#format === 'unknown') at = this.#readMagic(bytes);
    if (this.#format === 'pcap') at = this.#readRecords(bytes, at);
    else if (this.#format === 'pcapng') at = this.#readBlocks(bytes, at);
    this.#offset += at;
    return at;
  }

  /** To be called once after the last piece. @throws WeirError when the capture ends inside a record. */
  end(): void {
    const left = this.#rest.length;
    if (this.#format === 'unknown') {
      if (left === 0 && this.#offset === 0) throw sensorError('SENSOR_NOT_A_CAPTURE', 'the capture is empty');
      throw sensorError('SENSOR_NOT_A_CAPTURE', `not a capture: only ${left} bytes and no known magic number`);
    }
    if (left > 0) {
      throw sensorError(
        'SENSOR_CAPTURE_TRUNCATED',
        `the capture ends inside a record that starts at byte ${this.#offset} (${left} bytes of it are there); ${this.packets} packets were read`,
      );
    }
  }

  #readMagic(bytes: Uint8Array): number {
    if (bytes.length < 4) return 0;
    const big = read32(bytes, 0, false);
    const little = read32(bytes, 0, true);
    if (big === SECTION) {
      this.#format = 'pcapng';
      return 0;
    }
    for (const [magic, isLittle] of [
      [big, false],
      [little, true],
    ] as const) {
      if (magic !== PCAP_MICRO && magic !== PCAP_NANO && magic !== PCAP_MODIFIED) continue;
      if (bytes.length < 24) return 0;
      this.#format = 'pcap';
      this.#little = isLittle;
      this.#ticksPerMs = magic === PCAP_NANO ? 1_000_000 : 1000;
      this.#recordHeader = magic === PCAP_MODIFIED ? 24 : 16;
      // The upper half of the field tells of the FCS: whether its length is known, and which it is.
      this.#linkType = read32(bytes, 20, isLittle) & 0xffff;
      return 24;
    }
    throw sensorError(
      'SENSOR_NOT_A_CAPTURE',
      `not a capture: it starts with ${Buffer.from(bytes.subarray(0, 4)).toString('hex')}, no known magic number`,
    );
  }

  #readRecords(bytes: Uint8Array, from: number): number {
    const packet = this.#packet;
    const little = this.#little;
    const header = this.#recordHeader;
    let at = from;
    packet.bytes = bytes;
    packet.linkType = this.#linkType;
    while (at + header <= bytes.length) {
      const captured = read32(bytes, at + 8, little);
      if (captured > MAX_RECORD_BYTES) throw this.#corrupt(at, `a record of ${captured} bytes`);
      const end = at + header + captured;
      if (end > bytes.length) break;
      const original = read32(bytes, at + 12, little);
      packet.tsMs = read32(bytes, at, little) * 1000 + read32(bytes, at + 4, little) / this.#ticksPerMs;
      packet.start = at + header;
      packet.end = end;
      packet.originalLength = Math.max(original, captured);
      at = end;
      this.packets++;
      this.#onPacket(packet);
    }
    return at;
  }

  #readBlocks(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at + 12 <= bytes.length) {
      const type = read32(bytes, at, this.#little);
      if (read32(bytes, at, false) === SECTION) {
        // The byte order of a section stands behind its length.
        const order = read32(bytes, at + 8, true);
        if (order === 0x1a2b3c4d) this.#little = true;
        else if (order === 0x4d3c2b1a) this.#little = false;
        else throw this.#corrupt(at, 'a section header without a byte order magic');
        this.#interfaces = [];
      }
      const length = read32(bytes, at + 4, this.#little);
      if (length < 12 || length % 4 !== 0 || length > MAX_RECORD_BYTES) throw this.#corrupt(at, `a block of ${length} bytes`);
      const end = at + length;
      if (end > bytes.length) break;
      if (read32(bytes, end - 4, this.#little) !== length) throw this.#corrupt(at, 'a block whose two lengths differ');
      this.#readBlock(type, bytes, at, end);
      at = end;
    }
    return at;
  }

  #readBlock(type: number, bytes: Uint8Array, at: number, end: number): void {
    const little = this.#little;
    switch (type) {
      case 1:
        if (end - at >= 20) this.#interfaces.push(this.#readInterface(bytes, at, end));
        return;
      case 6:
      case 2: {
        // Enhanced packet block, and the obsolete packet block that differs in the interface field only.
        if (end - at < 32) return;
        const index = type === 6 ? read32(bytes, at + 8, little) : read16(bytes, at + 8, little);
        const port = this.#interfaces[index];
        if (port === undefined) throw this.#corrupt(at, `a packet of interface ${index}, which was not described`);
        const ticks = read32(bytes, at + 12, little) * 4_294_967_296 + read32(bytes, at + 16, little);
        const captured = read32(bytes, at + 20, little);
        if (at + 28 + captured > end - 4) throw this.#corrupt(at, `a packet of ${captured} bytes in a block of ${end - at}`);
        this.#give(bytes, at + 28, captured, read32(bytes, at + 24, little), port.offsetMs + ticks / port.ticksPerMs, port.linkType);
        return;
      }
      case 3: {
        const port = this.#interfaces[0];
        if (port === undefined) throw this.#corrupt(at, 'a simple packet without an interface');
        const original = read32(bytes, at + 8, little);
        const room = end - at - 16;
        const captured = Math.min(original, room, port.snapLength === 0 ? room : port.snapLength);
        this.#give(bytes, at + 12, captured, original, 0, port.linkType);
        return;
      }
      default:
    }
  }

  #readInterface(bytes: Uint8Array, at: number, end: number): Interface {
    const little = this.#little;
    let ticksPerMs = 1000;
    let offsetMs = 0;
    for (let option = at + 16; option + 4 <= end - 4; ) {
      const code = read16(bytes, option, little);
      const length = read16(bytes, option + 2, little);
      if (code === 0 || option + 4 + length > end - 4) break;
      // if_tsresol: a power of ten, or of two when the top bit is set.
      if (code === 9 && length >= 1) {
        const value = bytes[option + 4];
        ticksPerMs = ((value & 0x80) === 0 ? 10 ** value : 2 ** (value & 0x7f)) / 1000;
      }
      if (code === 14 && length === 8)
        offsetMs =
          (read32(bytes, option + (little ? 4 : 8), little) + read32(bytes, option + (little ? 8 : 4), little) * 4_294_967_296) * 1000;
      option += 4 + ((length + 3) & ~3);
    }
    return { linkType: read16(bytes, at + 8, little), snapLength: read32(bytes, at + 12, little), ticksPerMs, offsetMs };
  }

  #give(bytes: Uint8Array, start: number, captured: number, original: number, tsMs: number, linkType: number): void {
    const packet = this.#packet;
    packet.bytes = bytes;
    packet.start = start;
    packet.end = start + captured;
    packet.originalLength = Math.max(original, captured);
    packet.tsMs = tsMs;
    packet.linkType = linkType;
    this.packets++;
    this.#onPacket(packet);
  }

  #corrupt(at: number, what: string): WeirError {
    const byte = this.#offset + at;
    return sensorError('SENSOR_CAPTURE_CORRUPT', `corrupt capture: ${what} at byte ${byte}; ${this.packets} packets were read before it`);
  }
}

function read32(bytes: Uint8Array, at: number, little: boolean): number {
  return (
    (little
      ? bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
      : (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
  );
}

function read16(bytes: Uint8Array, at: number, little: boolean): number {
  return little ? bytes[at] | (bytes[at + 1] << 8) : (bytes[at] << 8) | bytes[at + 1];
}
