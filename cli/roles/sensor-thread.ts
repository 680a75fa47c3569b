/** Starts the sensor's thread of a `weir up` the first time there is something to listen to. The thread itself follows the sources from then on. */
import type { Config } from '../config.js';
import type { SharedMaps } from '../shared-maps.js';
import type { KeptThread } from '../wiring/kept-thread.js';

export interface SensorSupervision {
  readonly config: Config;
  readonly maps: SharedMaps;
  readonly start: () => Promise<KeptThread<object>>;
  readonly log: (message: string) => void;
}

export function superviseSensor({ config, maps, start, log }: SensorSupervision): { close(): Promise<void> } {
  let thread: Promise<KeptThread<object>> | null = null;
  const wanted = () => config.sensor.sources.length > 0 || (maps.sensor.get('sources')?.sources.length ?? 0) > 0;
  const look = () => {
    if (thread !== null || !wanted()) return;
    thread = start();
    thread.catch((error: unknown) => log(`the sensor did not start: ${error instanceof Error ? error.message : String(error)}`));
  };
  look();
  const unsubscribe = maps.sensor.subscribe(look);
  return {
    async close() {
      unsubscribe();
      await (await thread?.catch(() => undefined))?.stop(5_000);
    },
  };
}
