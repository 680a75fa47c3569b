/**
 * Child process of the cap driver: captures with the `cap` addon and writes a pcap stream to stdout. Started by cap.ts with its options as JSON.
 */
import { createRequire } from 'node:module';
import type { CapFailure, CapOptions } from './cap.js';

interface CapHandle {
  open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
  setMinBytes?(bytes: number): void;
  on(event: 'packet', listener: (bytes: number, truncated: boolean) => void): void;
}

const LINK_TYPES: Readonly<Record<string, number>> = { ETHERNET: 1, NULL: 0, RAW: 101, LINKTYPE_LINUX_SLL: 113 };
const MAX_PACKET_BYTES = 65_535;

const options = JSON.parse(process.argv[2] ?? '{}') as CapOptions;

function fail(failure: CapFailure): never {
  process.send?.(failure);
  process.disconnect?.();
  process.exit(1);
}

function load(): new () => CapHandle {
  try {
    return (createRequire(import.meta.url)('cap') as { Cap: new () => CapHandle }).Cap;
  } catch (error) {
    return fail({
      code: 'SENSOR_NO_CAP',
      message: `the optional package cap is not installed or does not load (${(error as Error).message.split('\n')[0]})`,
    });
  }
}

const Cap = load();
const capture = new Cap();
// The addon keeps a pointer to this and no reference: it must live as long as the process.
const buffer = Buffer.alloc(MAX_PACKET_BYTES);
Object.assign(globalThis, { capBuffer: buffer });

let linkType = '';
try {
  linkType = capture.open(options.interface, options.filter ?? '', (options.bufferKib ?? 131_072) * 1024, buffer);
} catch (error) {
  const { message } = error as Error;
  const code = /permission/i.test(message)
    ? 'SENSOR_NO_PERMISSION'
    : /No such device/i.test(message)
      ? 'SENSOR_NO_INTERFACE'
      : 'SENSOR_BAD_FILTER';
  fail({ code, message: `cap on ${options.interface}: ${message}` });
}
capture.setMinBytes?.(0);

const head = Buffer.alloc(24);
head.writeUInt32LE(0xa1b2c3d4, 0);
head.writeUInt32LE(0x00040002, 4);
head.writeUInt32LE(MAX_PACKET_BYTES, 16);
head.writeUInt32LE(LINK_TYPES[linkType] ?? 1, 20);
process.stdout.write(head);

capture.on('packet', (bytes) => {
  const nowMs = Date.now();
  const record = Buffer.allocUnsafe(16 + bytes);
  record.writeUInt32LE(Math.floor(nowMs / 1000), 0);
  record.writeUInt32LE((nowMs % 1000) * 1000, 4);
  record.writeUInt32LE(bytes, 8);
  record.writeUInt32LE(bytes, 12);
  buffer.copy(record, 16, 0, bytes);
  process.stdout.write(record);
});
process.on('disconnect', () => process.exit(0));
