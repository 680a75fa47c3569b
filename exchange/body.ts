import { isAscii } from 'node:buffer';
import zlib from 'node:zlib';
import { header } from './headers.js';
import type { Body, HeaderList } from './types.js';

export const emptyBody: Body = Object.freeze({ bytes: new Uint8Array(0), totalLength: 0, missing: [] });

/** A body from captured bytes; `totalLength` larger than the bytes marks the rest as one missing tail. */
export function bodyOf(bytes: Uint8Array, totalLength: number = bytes.length): Body {
  if (totalLength <= bytes.length) return { bytes, totalLength: bytes.length, missing: [] };
  return { bytes, totalLength, missing: [{ offset: bytes.length, length: totalLength - bytes.length }] };
}

/** True when not every byte of the body was captured. */
export function isTruncated(body: Body): boolean {
  return body.missing.length > 0 || body.totalLength > body.bytes.length;
}

export interface DecodedBody {
  readonly bytes: Uint8Array;
  /** Why `bytes` is not the whole decoded body; null when it is. What could be decoded is kept in every case. */
  readonly problem: null | 'truncated' | 'too-big' | 'bad-encoding' | 'unsupported-encoding';
}

/** zlib takes no less, and more at once helps nobody. */
const MIN_ROOM_BYTES = 64;
const MAX_ROOM_BYTES = 262_144;

type Inflate = (bytes: Uint8Array, options: zlib.ZlibOptions) => Buffer;
const zstd = (zlib as { zstdDecompressSync?: Inflate }).zstdDecompressSync;

/**
 * Removes content codings (RFC 9110 §8.4: gzip, x-gzip, deflate with or without zlib header, br, zstd where the runtime has it), last applied
 * first, at most four of them. Output is capped at `maxBytes`, so a decompression bomb costs no more than that.
 */
export function decodeBody(headers: HeaderList, body: Body, maxBytes: number): DecodedBody {
  const truncated = isTruncated(body);
  const coding = header(headers, 'content-encoding');
  if (coding === null || coding === '' || coding.toLowerCase() === 'identity') {
    if (body.bytes.length > maxBytes) return { bytes: body.bytes.subarray(0, maxBytes), problem: 'too-big' };
    return { bytes: body.bytes, problem: truncated ? 'truncated' : null };
  }
  const codings = coding
    .toLowerCase()
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== 'identity');
  if (codings.length > 4) return { bytes: body.bytes, problem: 'unsupported-encoding' };
  let bytes = body.bytes;
  let problem: DecodedBody['problem'] = truncated ? 'truncated' : null;
  for (const one of codings.reverse()) {
    const step = inflate(one, bytes, maxBytes, truncated);
    bytes = step.bytes;
    problem = step.problem ?? problem;
    if (step.problem === 'bad-encoding' || step.problem === 'unsupported-encoding') break;
  }
  return { bytes, problem };
}

function inflate(coding: string, bytes: Uint8Array, maxBytes: number, truncated: boolean): DecodedBody {
  // A truncated body ends in the middle of a stream: SYNC_FLUSH returns what is there instead of failing.
  const options: zlib.ZlibOptions = { maxOutputLength: maxBytes, finishFlush: zlib.constants.Z_SYNC_FLUSH };
  const run = (decompress: Inflate, using: zlib.ZlibOptions | zlib.BrotliOptions): DecodedBody => {
    try {
      return { bytes: decompress(bytes, using as zlib.ZlibOptions), problem: null };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        return { bytes: prefixOf(coding, bytes, maxBytes), problem: 'too-big' };
      return { bytes: new Uint8Array(0), problem: truncated ? 'truncated' : 'bad-encoding' };
    }
  };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return run(zlib.gunzipSync, { ...options, chunkSize: outputBytesOf(bytes, maxBytes) });
    case 'deflate': {
      const wrapped = run(zlib.inflateSync, options);
      return wrapped.problem === 'bad-encoding' ? run(zlib.inflateRawSync, options) : wrapped;
    }
    case 'br':
      return run(zlib.brotliDecompressSync as Inflate, {
        maxOutputLength: maxBytes,
        ...(truncated ? { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH } : {}),
      });
    case 'zstd':
      return zstd === undefined ? { bytes, problem: 'unsupported-encoding' } : run(zstd, { maxOutputLength: maxBytes });
    default:
      return { bytes, problem: 'unsupported-encoding' };
  }
}

/**
 * Room for what a gzip member inflates to, by the length at its end (RFC 1952 §2.3.1): one buffer that fits costs half of what the usual 16 KiB does. It is a
 * guess, more room is made when it was too small.
 */
function outputBytesOf(bytes: Uint8Array, maxBytes: number): number {
  const end = bytes.length;
  if (end < 18) return MIN_ROOM_BYTES;
  const told = bytes[end - 4] | (bytes[end - 3] << 8) | (bytes[end - 2] << 16) | (bytes[end - 1] * 0x1000000);
  const believed = told < 0 || told > end * 64 ? end * 8 : told;
  return Math.max(MIN_ROOM_BYTES, Math.min(believed + 1, maxBytes, MAX_ROOM_BYTES));
}

/** The first bytes of a body that inflates past the cap: decodes ever smaller prefixes of the input until the output fits. */
function prefixOf(coding: string, bytes: Uint8Array, maxBytes: number): Uint8Array {
  for (let length = Math.floor(bytes.length / 4); length >= 64; length = Math.floor(length / 4)) {
    const attempt = inflate(coding, bytes.subarray(0, length), maxBytes, true);
    if (attempt.problem !== 'too-big' && attempt.bytes.length > 0) return attempt.bytes;
  }
  return new Uint8Array(0);
}

/**
 * A body as text: decoded as above, then by charset (parameter, byte order mark, or the zero bytes of UTF-16), UTF-8 by default. Bytes that are
 * not valid UTF-8 are read as latin1, so nothing is lost.
 */
export function bodyText(headers: HeaderList, body: Body, maxBytes: number): string {
  return textOf(headers, decodeBody(headers, body, maxBytes).bytes);
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Text of decoded bytes; see `bodyText`. */
export function textOf(headers: HeaderList, bytes: Uint8Array): string {
  const charset = /charset\s*=\s*"?([\w.:-]+)/i.exec(header(headers, 'content-type') ?? '')?.[1]?.toLowerCase();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 2) {
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return buffer.toString('utf16le', 2);
    if (bytes[0] === 0xfe && bytes[1] === 0xff) return bigEndian16(bytes.subarray(2));
    if (charset === 'utf-16le' || charset === 'utf-16' || (charset === undefined && bytes[1] === 0 && bytes[0] !== 0))
      return buffer.toString('utf16le');
    if (charset === 'utf-16be' || (charset === undefined && bytes[0] === 0 && bytes[1] !== 0)) return bigEndian16(bytes);
  }
  if (charset === 'iso-8859-1' || charset === 'latin1' || charset === 'windows-1252') return buffer.toString('latin1');
  if (isAscii(bytes)) return buffer.toString('latin1');
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return buffer.toString('latin1');
  }
}

function bigEndian16(bytes: Uint8Array): string {
  const swapped = Buffer.from(bytes.subarray(0, bytes.length & ~1));
  return swapped.swap16().toString('utf16le');
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface JsonResult {
  readonly value: Json | undefined;
  readonly problem: null | 'too-big' | 'too-deep' | 'invalid';
}

/** JSON.parse with a size and a nesting limit that are checked before anything is built. */
export function parseJson(text: string, limits: { readonly maxDepth?: number; readonly maxBytes?: number } = {}): JsonResult {
  if (text.length > (limits.maxBytes ?? 10_485_760)) return { value: undefined, problem: 'too-big' };
  if (depthOf(text, limits.maxDepth ?? 200) > (limits.maxDepth ?? 200)) return { value: undefined, problem: 'too-deep' };
  try {
    return { value: JSON.parse(text) as Json, problem: null };
  } catch {
    return { value: undefined, problem: 'invalid' };
  }
}

/** More opening brackets than `limit`, wherever they stand. Searching for a character is a tenth of the price of looking at each. */
function holdsMore(text: string, limit: number): boolean {
  let left = limit;
  for (const bracket of ['{', '['])
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (--left < 0) return true;
  return false;
}

/** Deepest nesting outside of strings; stops counting past `limit`. */
function depthOf(text: string, limit: number): number {
  // Text that does not hold this many brackets cannot nest that deep, and most bodies do not.
  if (text.length <= limit || !holdsMore(text, limit)) return 0;
  let depth = 0;
  let deepest = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 34) {
      for (index++; index < text.length; index++) {
        const inner = text.charCodeAt(index);
        if (inner === 92) index++;
        else if (inner === 34) break;
      }
    } else if (code === 123 || code === 91) {
      if (++depth > deepest) {
        deepest = depth;
        if (deepest > limit) return deepest;
      }
    } else if (code === 125 || code === 93) depth--;
  }
  return deepest;
}
