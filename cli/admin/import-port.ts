import { setImmediate } from 'node:timers/promises';
import type { SourcesPort } from '../../admin/index.js';
import type { Exchange } from '../../exchange/index.js';
import type { TrafficPublisher } from '../../traffic/index.js';
import type { Config } from '../config.js';

const FULL_PAUSE_MS = 5;
/** From here on a stream prefers what is rare, and drops the rest. */
const ROOM = 0.5;
/** Reasons to drop an exchange that are reasons the next time as well. */
const FOR_GOOD = ['too-large', 'encode', 'closed'];
const MAX_PROBLEMS = 20;
/** So that the rest of the admin goes on meanwhile, and hears that somebody cancels. */
const PAUSE_EVERY = 200;

/** Takes recorded traffic into the stream: what the engine learns from is the same as from a gateway. Waits where the stream is full, so an import loses nothing. */
export function importPort(config: Config, secret: string, publisher: TrafficPublisher): SourcesPort['importTraffic'] {
  return async (service, mediaType, bytes, signal) => {
    const problems: string[] = [];
    let refused = 0;
    let exchanges = 0;
    const refuse = (problem: string): void => {
      refused++;
      if (problems.length < MAX_PROBLEMS) problems.push(problem);
    };
    const pause = async (): Promise<void> => {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, FULL_PAUSE_MS));
    };
    const hopeless = (): number => FOR_GOOD.reduce((sum, reason) => sum + (publisher.stats().droppedBy[reason] ?? 0), 0);
    const send = async (exchange: Exchange): Promise<void> => {
      while (publisher.stats().filled >= ROOM) await pause();
      for (const before = hopeless(); !publisher.publish(exchange); await pause())
        if (hopeless() > before) {
          const { method, target } = exchange.request;
          refuse(`${method} ${target.slice(0, 200)}: its bodies are larger than what the stream takes, or it cannot be recorded`);
          return;
        }
      exchanges++;
      if (exchanges % PAUSE_EVERY === 0) await setImmediate();
      signal.throwIfAborted();
    };
    const [{ readRecorded }, { serviceOfConfig }] = await Promise.all([import('../recorded.js'), import('../sensor/run.js')]);
    const how = { name: 'upload', service, secret, nowMs: Date.now(), serviceOf: serviceOfConfig(config) };
    try {
      await readRecorded(bytes, mediaType, how, send, refuse);
    } catch (error) {
      if (!signal.aborted) throw error;
      problems.push(`cancelled after ${exchanges} exchanges`);
    }
    return { exchanges, refused, problems };
  };
}
