/** Writes packets and captures, for tests and benchmarks: the opposite of the decoder. */

export interface Endpoint {
  readonly ip: readonly [number, number, number, number];
  readonly port: number;
}

export const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** An IPv4 TCP packet without a link layer. Checksums are left at zero. */
export function tcp4(from: Endpoint, to: Endpoint, sequence: number, acknowledgement: number, flags: number, payload: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(40 + payload.length);
  packet.fill(0, 0, 40);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[6] = 0x40;
  packet[8] = 64;
  packet[9] = 6;
  packet.set(from.ip, 12);
  packet.set(to.ip, 16);
  writeTcp(packet, 20, from.port, to.port, sequence, acknowledgement, flags);
  packet.set(payload, 40);
  return packet;
}

/** The same over IPv6, in 2001:db8::/96; `extensions` stand between the headers and name each other. */
export function tcp6(
  from: Endpoint,
  to: Endpoint,
  sequence: number,
  acknowledgement: number,
  flags: number,
  payload: Uint8Array,
  extensions: Buffer = Buffer.alloc(0),
  first = 6,
): Buffer {
  const packet = Buffer.alloc(60 + extensions.length + payload.length);
  packet[0] = 0x60;
  packet.writeUInt16BE(20 + extensions.length + payload.length, 4);
  packet[6] = first;
  packet[7] = 64;
  for (const [end, at] of [
    [from, 8],
    [to, 24],
  ] as const) {
    packet.set([0x20, 0x01, 0x0d, 0xb8], at);
    packet.set(end.ip, at + 12);
  }
  packet.set(extensions, 40);
  writeTcp(packet, 40 + extensions.length, from.port, to.port, sequence, acknowledgement, flags);
  packet.set(payload, 60 + extensions.length);
  return packet;
}

function writeTcp(
  packet: Buffer,
  at: number,
  fromPort: number,
  toPort: number,
  sequence: number,
  acknowledgement: number,
  flags: number,
): void {
  packet.writeUInt16BE(fromPort, at);
  packet.writeUInt16BE(toPort, at + 2);
  packet.writeUInt32BE(sequence >>> 0, at + 4);
  packet.writeUInt32BE(acknowledgement >>> 0, at + 8);
  packet[at + 12] = 0x50;
  packet[at + 13] = flags;
  packet.writeUInt16BE(65_535, at + 14);
}

export function udp4(from: Endpoint, to: Endpoint, payload: Uint8Array): Buffer {
  const packet = Buffer.alloc(28 + payload.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 17;
  packet.set(from.ip, 12);
  packet.set(to.ip, 16);
  packet.writeUInt16BE(from.port, 20);
  packet.writeUInt16BE(to.port, 22);
  packet.writeUInt16BE(8 + payload.length, 24);
  packet.set(payload, 28);
  return packet;
}

/** An IPv4 packet around any payload. */
export function ip4(from: Endpoint, to: Endpoint, protocol: number, payload: Uint8Array): Buffer {
  const packet = Buffer.alloc(20 + payload.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = protocol;
  packet.set(from.ip, 12);
  packet.set(to.ip, 16);
  packet.set(payload, 20);
  return packet;
}

/** Cuts an IPv4 packet into fragments of `size` payload bytes (a multiple of 8). */
export function fragments4(packet: Buffer, size: number, id: number): Buffer[] {
  const payload = packet.subarray(20);
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const part = Buffer.concat([packet.subarray(0, 20), payload.subarray(at, at + size)]);
    part.writeUInt16BE(part.length, 2);
    part.writeUInt16BE(id, 4);
    part.writeUInt16BE((at / 8) | (at + size < payload.length ? 0x2000 : 0), 6);
    parts.push(part);
  }
  return parts;
}

export function ethernet(type: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(14 + payload.length);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
  frame.writeUInt16BE(type, 12);
  frame.set(payload, 14);
  return frame;
}

export function vxlan(vni: number, frame: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 8;
  header.writeUIntBE(vni, 4, 3);
  return Buffer.concat([header, frame]);
}

export function geneve(vni: number, type: number, payload: Uint8Array, options: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  header[0] = options.length / 4;
  header.writeUInt16BE(type, 2);
  header.writeUIntBE(vni, 4, 3);
  return Buffer.concat([header, options, payload]);
}

export interface Timed {
  readonly tsMs: number;
  readonly bytes: Buffer;
  /** Bytes that the capture cut off. */
  readonly cut?: number;
}

/** A pcap file. `nano` and `big` choose the magic number. */
export function pcapFile(
  packets: readonly Timed[],
  linkType: number,
  options: { readonly nano?: boolean; readonly big?: boolean } = {},
): Buffer {
  const { nano = false, big = false } = options;
  const write32 = (buffer: Buffer, value: number, at: number): void =>
    void (big ? buffer.writeUInt32BE(value, at) : buffer.writeUInt32LE(value, at));
  const head = Buffer.alloc(24);
  write32(head, nano ? 0xa1b23c4d : 0xa1b2c3d4, 0);
  if (big) head.writeUInt32BE(0x00020004, 4);
  else head.writeUInt32LE(0x00040002, 4);
  write32(head, 262_144, 16);
  write32(head, linkType, 20);
  const parts: Buffer[] = [head];
  for (const { tsMs, bytes, cut = 0 } of packets) {
    const record = Buffer.alloc(16);
    const seconds = Math.floor(tsMs / 1000);
    write32(record, seconds, 0);
    write32(record, Math.round((tsMs - seconds * 1000) * (nano ? 1e6 : 1e3)), 4);
    write32(record, bytes.length - cut, 8);
    write32(record, bytes.length, 12);
    parts.push(record, bytes.subarray(0, bytes.length - cut));
  }
  return Buffer.concat(parts);
}

/** A pcapng file with one interface of microsecond (or, `nano`, nanosecond) time. */
export function pcapngFile(
  packets: readonly Timed[],
  linkType: number,
  options: { readonly nano?: boolean; readonly big?: boolean } = {},
): Buffer {
  const { nano = false, big = false } = options;
  const u32 = (value: number): Buffer => {
    const buffer = Buffer.alloc(4);
    if (big) buffer.writeUInt32BE(value >>> 0);
    else buffer.writeUInt32LE(value >>> 0);
    return buffer;
  };
  const u16 = (value: number): Buffer => (big ? u32(value).subarray(2) : u32(value).subarray(0, 2));
  const block = (type: number, body: Buffer): Buffer => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
    const length = u32(padded.length + 12);
    return Buffer.concat([u32(type), length, padded, length]);
  };
  const parts = [block(0x0a0d0d0a, Buffer.concat([u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff)]))];
  const resolution = nano ? Buffer.concat([u16(9), u16(1), Buffer.from([9, 0, 0, 0]), u16(0), u16(0)]) : Buffer.alloc(0);
  parts.push(block(1, Buffer.concat([u16(linkType), u16(0), u32(0), resolution])));
  for (const { tsMs, bytes, cut = 0 } of packets) {
    const ticks = BigInt(Math.round(tsMs * 1000)) * (nano ? 1000n : 1n);
    const captured = bytes.subarray(0, bytes.length - cut);
    parts.push(
      block(
        6,
        Buffer.concat([
          u32(0),
          u32(Number(ticks >> 32n)),
          u32(Number(ticks & 0xffffffffn)),
          u32(captured.length),
          u32(bytes.length),
          captured,
        ]),
      ),
    );
  }
  return Buffer.concat(parts);
}
