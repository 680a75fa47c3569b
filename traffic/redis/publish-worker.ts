import { type MessagePort, workerData } from 'node:worker_threads';
import { memoryConsumer, type RawBatch } from '../memory/consumer.js';
import { RedisLink } from './link.js';

export interface PublishWorkerData {
  readonly port: MessagePort;
  readonly url: string;
  readonly key: string;
  readonly maxStreamBytes: number;
}

const { port, url, key, maxStreamBytes } = workerData as PublishWorkerData;
const consumer = memoryConsumer([port]);
const link = new RedisLink({ url, name: 'weir-publish', onUp: () => consumer.setLink(true), onDown: () => consumer.setLink(false) });
consumer.setLink(false);
let meanEntryBytes = 16 * 1024;

/**
 * MAXLEN counts entries and an operator thinks in bytes, so the bound follows the mean size of what is sent. Entries carry the batch id: when an
 * answer is lost and the batch is sent again, readers can tell that it is the same one.
 */
async function send(batches: readonly RawBatch[]): Promise<void> {
  await link.whenUp(1000);
  await Promise.all(
    batches.map((batch) => {
      meanEntryBytes += (batch.bytes.length - meanEntryBytes) / 64;
      const entries = Math.min(1_000_000, Math.max(256, Math.round(maxStreamBytes / meanEntryBytes)));
      const payload = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength);
      return link.command(['XADD', key, 'MAXLEN', '~', String(entries), '*', 'i', batch.id, 'n', String(batch.exchanges), 'b', payload]);
    }),
  );
}

await consumer.consumeRaw(send, new AbortController().signal);
