import { MessageChannel, Worker } from 'node:worker_threads';
import { type MemoryPublisherOptions, memoryPublisher } from '../memory/publisher.js';
import type { RecordPublisher, TrafficStats } from '../types.js';
import type { PublishWorkerData } from './publish-worker.js';

export interface RedisPublisherOptions extends MemoryPublisherOptions {
  readonly url: string;
  /** First part of every key. Default `weir`. */
  readonly namespace?: string;
  /** About how much memory the stream may take in Redis before the oldest batches go. Default 512 MiB. */
  readonly maxStreamBytes?: number;
}

/**
 * Publishes to a Redis stream: one entry a batch, one thread of its own for the socket, so the gateway's thread only encodes.
 *
 * While Redis is away, batches wait in memory up to `limitBytes`, then exchanges are dropped and counted as `disconnected`.
 */
export function redisPublisher(options: RedisPublisherOptions): RecordPublisher {
  const { url, namespace, maxStreamBytes, ...rest } = options;
  const { port1, port2 } = new MessageChannel();
  const publisher = memoryPublisher(port1, { flushMs: 20, ...rest });
  const data: PublishWorkerData = { port: port2, url, key: trafficKey(namespace), maxStreamBytes: maxStreamBytes ?? 512 * 1024 * 1024 };
  const start = (workerData: PublishWorkerData): Worker => {
    const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './publish-worker.ts' : './publish-worker.js', import.meta.url), {
      workerData,
      transferList: [workerData.port],
    });
    worker.unref();
    worker.on('error', () => restart());
    return worker;
  };
  let closing = false;
  const restart = (): void => {
    if (closing) return;
    const channel = new MessageChannel();
    publisher.attach(channel.port1);
    worker = start({ ...data, port: channel.port2 });
  };
  let worker = start(data);
  return {
    publish: (exchange) => publisher.publish(exchange),
    publishRecords: (records) => publisher.publishRecords(records),
    stats: (): TrafficStats => publisher.stats(),
    async close(timeoutMs) {
      closing = true;
      await publisher.close(timeoutMs);
      await worker.terminate();
    },
  };
}

/** The braces make it one Cluster slot with weir's other keys. */
export function trafficKey(namespace = 'weir'): string {
  return `{${namespace}}:traffic`;
}
