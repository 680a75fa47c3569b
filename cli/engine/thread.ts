/** Entry of the engine's worker thread in `weir up`. */
import { workerData } from 'node:worker_threads';
import { memoryConsumer, memoryFeedWriter, redisConsumer, redisFeedWriter, sharedStateFromPort } from '../../traffic/index.js';
import { runThread } from '../wiring/thread-entry.js';
import type { EngineThreadData } from '../wiring/threads.js';
import { runEngine } from './run.js';

const data = workerData as EngineThreadData;
const { redis } = data.config.stream;

await runThread(
  async (log) => {
    const shared = sharedStateFromPort(data.sharedPort);
    const stream = memoryConsumer(data.trafficPorts, { maxBatches: 64 });
    const running = await runEngine({
      id: 'engine',
      version: data.version,
      config: data.config,
      secret: data.secret,
      shared,
      consumer: redis === undefined ? stream : redisConsumer({ url: redis, consumer: 'engine' }),
      feed: (snapshot) =>
        redis === undefined ? memoryFeedWriter(data.ownershipPort, snapshot) : redisFeedWriter({ url: redis, name: 'ownership' }, snapshot),
      log,
    });
    return {
      ready: {},
      reload: (config) => running.reload(config),
      reconnect: (port) => stream.attach(port),
      async close() {
        await running.close();
        await shared.close();
      },
    };
  },
  { mayBeLate: false },
);
