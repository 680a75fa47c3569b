/** Entry of the sensor's worker thread in `weir up`. */
import { workerData } from 'node:worker_threads';
import { memoryPublisher, redisPublisher, sharedStateFromPort } from '../../traffic/index.js';
import { openSharedMaps } from '../shared-maps.js';
import { runThread } from '../wiring/thread-entry.js';
import type { SensorThreadData } from '../wiring/threads.js';
import { runSensor } from './run.js';

const data = workerData as SensorThreadData;
const { redis } = data.config.stream;

await runThread(
  async (log) => {
    const shared = sharedStateFromPort(data.sharedPort);
    const stream = memoryPublisher(data.trafficPort);
    const publisher = redis === undefined ? stream : redisPublisher({ url: redis });
    const running = await runSensor({
      id: 'sensor',
      version: data.version,
      config: data.config,
      secret: data.secret,
      maps: await openSharedMaps(shared),
      publisher,
      log,
    });
    return {
      ready: {},
      reconnect: (port) => stream.attach(port),
      async close() {
        await running.close();
        await shared.close();
      },
    };
  },
  { mayBeLate: true },
);
