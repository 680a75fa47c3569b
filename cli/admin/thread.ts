/** Entry of the admin's worker thread in `weir up`. */
import { workerData } from 'node:worker_threads';
import { memoryPublisher, redisPublisher, sharedStateFromPort } from '../../traffic/index.js';
import { runThread } from '../wiring/thread-entry.js';
import type { AdminThreadData } from '../wiring/threads.js';
import { runAdmin } from './run.js';

const data = workerData as AdminThreadData;
const { redis } = data.config.stream;

await runThread(
  async (log) => {
    const shared = sharedStateFromPort(data.sharedPort);
    const stream = memoryPublisher(data.importPort);
    const publisher = redis === undefined ? stream : redisPublisher({ url: redis });
    const running = await runAdmin({
      id: 'admin',
      version: data.version,
      config: data.config,
      secret: data.secret,
      shared,
      publisher,
      log,
    });
    return {
      ready: { url: running.url, signIn: running.signIn },
      reconnect: (port) => stream.attach(port),
      async close() {
        await running.close();
        await shared.close();
      },
    };
  },
  { mayBeLate: true },
);
