import { setImmediate } from 'node:timers/promises';
import type { SourcesPort } from '../../admin/index.js';
import type { Exchange } from '../../exchange/index.js';
import type { TrafficPublisher } from '../../traffic/index.js';
import type { Config } from '../config.js';

const FULL_PAUSE_MS = 5;
const MAX_PROBLEMS = 20;
/** So that the rest of the admin goes on meanwhile, and hears that somebody cancels. */
const PAUSE_EVERY = 200;

/** Takes recorded traffic into the stream: what the engine learns from is the same as from a gateway. Waits where the stream is full, so an import loses nothing. */
export function importPort(config: Config, secret: string, publisher: TrafficPublisher): SourcesPort['importTraffic'] {
  return async (service, mediaType, bytes, signal) => {
    const problems: string[] = [];
    let refused = 0;
    let exchanges = 0;
    const send = async (exchange: Exchange): Promise<void> => {
      while (!publisher.publish(exchange)) {
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, FULL_PAUSE_MS));
      }
      exchanges++;
      if (exchanges % PAUSE_EVERY === 0) await setImmediate();
      signal.throwIfAborted();
    };
    const [{ readRecorded }, { serviceOfConfig }] = await Promise.all([import('../recorded.js'), import('../sensor/run.js')]);
    const how = { name: 'upload', service, secret, nowMs: Date.now(), serviceOf: serviceOfConfig(config) };
    try {
      await readRecorded(bytes, mediaType, how, send, (problem) => {
        refused++;
        if (problems.length < MAX_PROBLEMS) problems.push(problem);
      });
    } catch (error) {
      if (!signal.aborted) throw error;
      problems.push(`cancelled after ${exchanges} exchanges`);
    }
    return { exchanges, refused, problems };
  };
}
