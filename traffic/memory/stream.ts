import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type MemoryPublisher, type MemoryPublisherOptions, memoryPublisher } from './publisher.js';

/** An in-memory stream: `publisher` stays on this thread, `consumerPort` goes to the consumer's (in `workerData` and `transferList`). */
export interface MemoryStream {
  readonly publisher: MemoryPublisher;
  readonly consumerPort: MessagePort;
  /** After the consumer's thread died: a port for its successor, which then gets everything that was not acknowledged. */
  reconnect(): MessagePort;
}

export function createMemoryStream(options: MemoryPublisherOptions = {}): MemoryStream {
  const { port1, port2 } = new MessageChannel();
  const publisher = memoryPublisher(port1, options);
  return {
    publisher,
    consumerPort: port2,
    reconnect() {
      const channel = new MessageChannel();
      publisher.attach(channel.port1);
      return channel.port2;
    },
  };
}
