import type { AccessVerdict, Finding, Observation } from '../../exchange/index.js';
import type { Detector, Watched } from './types.js';

/** Overrides of one detector: `enabled: false` leaves it out; other numbers replace its defaults. */
export type DetectorOverride = { readonly enabled?: boolean } & { readonly [setting: string]: number | boolean | undefined };

interface Running {
  readonly observe: (watched: Watched) => Finding | null;
  readonly size: () => number;
  readonly id: string;
}

const MAX_STATES = 50_000;

/** Runs detectors: keeps their states by key, at most 50,000 each, forgetting the least recently used (counted). */
export class DetectorWatch {
  readonly #running: Running[] = [];
  forgotten = 0;
  /** Detectors that threw; the exchange is not lost for the others. */
  failures = 0;

  /** Takes any list of detectors; each keeps its own type of state. */
  add<S>(detector: Detector<S>, override: DetectorOverride = {}): this {
    if (override.enabled === false) return this;
    const numbers = Object.entries(override).filter((one): one is [string, number] => typeof one[1] === 'number');
    const settings = Object.freeze({ ...detector.settings, ...Object.fromEntries(numbers) });
    const states = new Map<string, S>();
    this.#running.push({
      id: detector.id,
      size: () => states.size,
      observe: (watched) => {
        const key = detector.keyOf(watched);
        if (key === null) return null;
        const state = states.get(key) ?? detector.start();
        states.delete(key);
        states.set(key, state);
        if (states.size > MAX_STATES) {
          states.delete(states.keys().next().value as string);
          this.forgotten++;
        }
        return detector.observe(state, watched, settings);
      },
    });
    return this;
  }

  /** `access`: what the ownership model said of the same exchange. */
  observe(observation: Observation, access: AccessVerdict | null): Finding[] {
    const watched: Watched = { ...observation, access };
    const found: Finding[] = [];
    for (const one of this.#running) {
      try {
        const finding = one.observe(watched);
        if (finding !== null) found.push(finding);
      } catch {
        this.failures++;
      }
    }
    return found;
  }

  /** States held, by detector. */
  stats(): Record<string, number> {
    return Object.fromEntries([
      ...this.#running.map((one) => [one.id, one.size()] as const),
      ['forgotten', this.forgotten],
      ['failures', this.failures],
    ]);
  }
}
