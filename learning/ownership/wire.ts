import { OwnershipError } from './errors.js';
import { KeyedHash } from './hash.js';
import { Knowledge } from './knowledge.js';
import type { SheetChange } from './sheet.js';

/**
 * Chunks between model and views. Layout, little endian: magic `WOWN`, version u8, flags u8 (1: begins a snapshot, with the seed), u16 zero,
 * seed 8 bytes, entry count u32, entries of five u32 (key, key, payload, payload, 1 set / 0 delete), rules length u32, rules as UTF-8 JSON array.
 */
const MAGIC = 0x4e574f57;
const VERSION = 1;
const HEADER = 20;
const ENTRY_WORDS = 5;
const encoder = new TextEncoder();
const NO_RULES = encoder.encode('[]');
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

export interface Delta {
  readonly snapshot: boolean;
  readonly seed: Uint8Array;
  /** Flat: key, key, payload, payload, 1 or 0. */
  readonly entries: Uint32Array;
  readonly changes: readonly SheetChange[];
}

export function encodeDelta(delta: Delta): Uint8Array {
  const rules = delta.changes.length === 0 ? NO_RULES : encoder.encode(JSON.stringify(delta.changes));
  const bytes = new Uint8Array(HEADER + delta.entries.byteLength + 4 + rules.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, delta.snapshot ? 1 : 0);
  bytes.set(delta.seed, 8);
  view.setUint32(16, delta.entries.length / ENTRY_WORDS, true);
  if (IS_LITTLE_ENDIAN) new Uint32Array(bytes.buffer, HEADER, delta.entries.length).set(delta.entries);
  else for (let i = 0; i < delta.entries.length; i++) view.setUint32(HEADER + i * 4, delta.entries[i], true);
  view.setUint32(HEADER + delta.entries.byteLength, rules.length, true);
  bytes.set(rules, HEADER + delta.entries.byteLength + 4);
  return bytes;
}

/** Applies a chunk; a snapshot's first chunk gives a new, empty {@link Knowledge} first. Throws {@link OwnershipError} on foreign or damaged bytes. */
export function applyDelta(known: Knowledge, bytes: Uint8Array): Knowledge {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER + 4 || view.getUint32(0, true) !== MAGIC)
    throw new OwnershipError('WEIR_OWNERSHIP_CHUNK', 'these bytes are not an ownership chunk');
  if (view.getUint8(4) !== VERSION)
    throw new OwnershipError(
      'WEIR_OWNERSHIP_VERSION',
      `ownership chunk of version ${view.getUint8(4)}, this process reads version ${VERSION}`,
    );
  const count = view.getUint32(16, true);
  const rulesAt = HEADER + count * ENTRY_WORDS * 4;
  if (rulesAt + 4 > bytes.length || rulesAt + 4 + view.getUint32(rulesAt, true) !== bytes.length)
    throw new OwnershipError('WEIR_OWNERSHIP_CHUNK', 'the ownership chunk is cut or damaged');
  const changes = JSON.parse(new TextDecoder().decode(bytes.subarray(rulesAt + 4))) as SheetChange[];
  const into = (view.getUint8(5) & 1) === 1 ? new Knowledge(new KeyedHash(bytes.slice(8, 16))) : known;
  for (let i = 0, at = HEADER; i < count; i++, at += ENTRY_WORDS * 4) {
    const hi = view.getUint32(at, true);
    const lo = view.getUint32(at + 4, true);
    if (view.getUint32(at + 16, true) === 1) into.table.set(hi, lo, view.getUint32(at + 8, true), view.getUint32(at + 12, true));
    else into.table.delete(hi, lo);
  }
  for (const change of changes) into.sheet.apply(change);
  return into;
}
