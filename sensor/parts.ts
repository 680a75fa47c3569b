import { WeirError } from '../exchange/index.js';
import { newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import { hashOf } from './reassembly/flows.js';
import type { CaptureBytes } from './sources/capture-bytes.js';
import { PcapSource } from './sources/pcap-file.js';
import { DEFAULT_LIMITS, type Packet } from './types.js';

export interface CapturePart {
  /** A pcap file. */
  readonly bytes: Buffer;
  /** Share of the capture that is handed over with this part, 0–1. */
  readonly done: number;
  /** Why the capture could not be read to its end; the same in every part. */
  readonly problem: WeirError | null;
}

const MAGIC_NANO = 0xa1b23c4d;
const SNAP_BYTES = 262_144;

/**
 * Cuts a capture into parts of about one size, each of which holds whole TCP connections in their order, so that parts may be read one after the other
 * in little memory. The capture is read once for each part. Packets that are no TCP are left out. null when it cannot be cut: connections whose packets are IP
 * fragments have no place before they are put together.
 *
 * @throws WeirError SENSOR_NOT_A_CAPTURE or SENSOR_FILE_UNREADABLE when nothing could be read at all
 */
export async function captureParts(name: string, open: () => CaptureBytes, parts: number): Promise<AsyncGenerator<CapturePart> | null> {
  const first = await partOf(name, open, 0, parts);
  if (first.fragments > 0) return null;
  return (async function* () {
    for (let index = 0; index < parts; index++) {
      const { files, problem } = index === 0 ? first : await partOf(name, open, index, parts);
      for (const bytes of files) yield { bytes, done: (index + 1) / parts, problem };
    }
  })();
}

async function partOf(name: string, open: () => CaptureBytes, index: number, parts: number) {
  const counters = newCounters();
  const decoder = new Decoder(counters, { tunnelDepth: DEFAULT_LIMITS.tunnelDepth, verifyChecksums: false });
  /** A pcap file has one link type; a pcapng file may have several. */
  const byLinkType = new Map<number, Buffer[]>();
  let problem: WeirError | null = null;
  try {
    await new PcapSource(name, open).run((packet) => {
      const segment = decoder.decode(packet);
      if (segment === null || (hashOf(segment, false) >>> 0) % parts !== index) return;
      const records = byLinkType.get(packet.linkType) ?? [fileHeader(packet.linkType)];
      byLinkType.set(packet.linkType, records);
      records.push(recordOf(packet));
    }, new AbortController().signal);
  } catch (error) {
    const isPartial = error instanceof WeirError && error.code !== 'SENSOR_NOT_A_CAPTURE' && error.code !== 'SENSOR_FILE_UNREADABLE';
    if (!isPartial) throw error;
    problem = error;
  }
  return { files: [...byLinkType.values()].map((records) => Buffer.concat(records)), fragments: counters.fragments, problem };
}

function fileHeader(linkType: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC_NANO, 0);
  header.writeUInt32LE(0x00040002, 4);
  header.writeUInt32LE(SNAP_BYTES, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

function recordOf(packet: Packet): Buffer {
  const length = packet.end - packet.start;
  const record = Buffer.allocUnsafe(16 + length);
  const seconds = Math.floor(packet.tsMs / 1_000);
  record.writeUInt32LE(seconds >>> 0, 0);
  record.writeUInt32LE(Math.min(999_999_999, Math.round((packet.tsMs - seconds * 1_000) * 1e6)), 4);
  record.writeUInt32LE(length, 8);
  record.writeUInt32LE(packet.originalLength, 12);
  record.set(packet.bytes.subarray(packet.start, packet.end), 16);
  return record;
}
