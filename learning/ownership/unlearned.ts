import { LatestMap } from '../../exchange/index.js';

/** Most callers and written objects that are remembered, the latest ones. */
const MOST = 20_000;
/** An exchange that goes on for longer than this is no reason to hold anything back: it may be kept open on purpose. */
const LONGEST_MS = 1_000;
/** What was learned still has to reach the view. */
const ON_ITS_WAY_MS = 8;

export interface Passing {
  readonly exchangeId: string;
  readonly beganAtMs: number;
  /** Null while it has no answer yet. */
  endedAtMs: number | null;
}

/** What passed the gateway and may change whose object is whose, until the engine has learned of it. */
export class Unlearned {
  /** Caller or written object → the last exchange that may change what is known of it. */
  readonly #passing = new LatestMap<Passing>(MOST);

  /** Notes an exchange that begins; what it gives back is to be told when the answer has ended: then it is on its way to the engine. */
  began(keys: readonly string[], exchangeId: string, nowMs: number): Passing | null {
    if (keys.length === 0) return null;
    const passing: Passing = { exchangeId, beganAtMs: nowMs, endedAtMs: null };
    for (const key of keys) this.#passing.set(key, passing);
    return passing;
  }

  /** Whether an exchange other than this one may have changed what is known of `key` after the engine learned last. */
  holds(key: string, exchangeId: string, nowMs: number, learnedUpToMs: number): boolean {
    const passing = this.#passing.get(key);
    if (passing === undefined || passing.exchangeId === exchangeId) return false;
    if (passing.endedAtMs === null) return nowMs - passing.beganAtMs <= LONGEST_MS;
    return passing.endedAtMs + ON_ITS_WAY_MS >= learnedUpToMs;
  }
}
