const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;
const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|KB|KiB|MB|MiB|GB|GiB)?$/;
const SIZE_BYTES: Readonly<Record<string, number>> = { B: 1, KB: 1000, KiB: 1024, MB: 1e6, MiB: 1_048_576, GB: 1e9, GiB: 1_073_741_824 };

/** Patterns of the two spellings, for the schema. */
export const DURATION_PATTERN = DURATION;
export const SIZE_PATTERN = SIZE;

/** Milliseconds of `250ms`, `30s`, `5m`, `4h`, `7d`; NaN for anything else (the schema has refused it before). */
export function durationMs(text: string): number {
  const match = DURATION.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * DURATION_MS[match[2]];
}

/** Bytes of `64KiB`, `1MB`, `512`; KB is 1000, KiB is 1024. */
export function sizeBytes(size: string | number): number {
  if (typeof size === 'number') return size;
  const match = SIZE.exec(size);
  return match === null ? Number.NaN : Math.floor(Number(match[1]) * SIZE_BYTES[match[2] ?? 'B']);
}
