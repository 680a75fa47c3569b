import type { MessagePort } from 'node:worker_threads';
import type { FeedReader, FeedWriter } from '../types.js';

/** The writer's side of a feed between two threads. The reader's hello asks for a snapshot, so either side may start first or again. */
export function memoryFeedWriter(port: MessagePort, snapshot: () => Iterable<Uint8Array>): FeedWriter {
  let wanted = false;
  const send = (bytes: Uint8Array) => {
    // Only a buffer of its own can be transferred; a view into a pool is copied by the clone.
    const isWhole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
    port.postMessage(bytes, isWhole ? [bytes.buffer as ArrayBuffer] : []);
  };
  port.on('message', () => {
    wanted = true;
    for (const chunk of snapshot()) send(chunk);
  });
  port.unref();
  return {
    append(bytes) {
      if (wanted) send(bytes);
    },
    close: async () => port.close(),
  };
}

/** The reader's side: says hello, then gets a snapshot and every later change. */
export function memoryFeedReader(port: MessagePort, onBytes: (bytes: Uint8Array) => void): FeedReader {
  port.on('message', onBytes);
  port.postMessage('hello');
  port.unref();
  return { connected: true, close: async () => port.close() };
}
