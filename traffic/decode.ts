import { decodeExchange, type Exchange, recordLength } from '../exchange/index.js';
import type { Counters } from './counters.js';

/**
 * The exchanges of a batch. A record that cannot be read (another version, damage) never will be: it is counted as a `decode` drop and stepped over,
 * because refusing the batch would stop the stream for ever.
 */
export function decodeRecords(bytes: Uint8Array, counters: Counters): Exchange[] {
  const exchanges: Exchange[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = recordLength(bytes, offset);
    try {
      exchanges.push(decodeExchange(bytes, offset));
    } catch {
      counters.drop('decode');
      if (length === 0) break;
    }
    offset += length;
  }
  return exchanges;
}
