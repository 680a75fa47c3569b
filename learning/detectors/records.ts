import type { ResponseMessage } from '../../exchange/index.js';

/** Of an endpoint: its JSON answers, and of those that were counted the bytes and the objects. */
export type RecordSizes = Map<string, { answers: number; bytes: number; records: number }>;

const COUNT_ALL = 16;
const COUNT_EVERY = 16;
const MOST_ENDPOINTS = 25_000;

/**
 * Objects in the JSON answers of an endpoint: counted in the first sixteen and in every sixteenth, else estimated from their size. The estimate also
 * tells what a body holds that was captured only in part. 0 for what is no JSON.
 */
export function recordsIn(sizes: RecordSizes, endpointId: string, response: ResponseMessage | null): number {
  if (response === null) return 0;
  const { bytes, totalLength } = response.body;
  if (bytes[0] !== 0x5b && bytes[0] !== 0x7b) return 0;
  let known = sizes.get(endpointId);
  if (known === undefined) {
    if (sizes.size >= MOST_ENDPOINTS) sizes.clear();
    known = { answers: 0, bytes: 0, records: 0 };
    sizes.set(endpointId, known);
  }
  known.answers++;
  if (known.answers <= COUNT_ALL || known.answers % COUNT_EVERY === 0) {
    const records = objectsIn(bytes);
    known.bytes += bytes.length;
    known.records += records;
    if (bytes.length === totalLength) return records;
  }
  return Math.round((totalLength * known.records) / known.bytes);
}

/** Objects counted by `{` outside of texts: cheap, and right enough for comparing callers. */
function objectsIn(bytes: Uint8Array): number {
  let count = 0;
  let inText = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === 0x5c) index++;
    else if (byte === 0x22) inText = !inText;
    else if (byte === 0x7b && !inText) count++;
  }
  return count;
}
