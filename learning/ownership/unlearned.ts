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

/** Whether the engine has not learned yet of an exchange that is in progress or has ended. */
export function isUnlearned({ beganAtMs, endedAtMs }: Passing, nowMs: number, learnedUpToMs: number): boolean {
  return endedAtMs === null ? nowMs - beganAtMs <= LONGEST_MS : endedAtMs + ON_ITS_WAY_MS >= learnedUpToMs;
}

/** What passed the gateway and may change whose object is whose, until the engine has learned of it. */
export class Unlearned {
  /** Caller or written object → the last exchange that may change what is known of it. */
  readonly #passing = new LatestMap<Passing>(MOST);
  /** Caller → its last exchange, whatever it was. */
  readonly #last = new LatestMap<Passing>(MOST);

  /** Notes an exchange of `caller` that begins; what it gives back is to be told when the answer has ended: then it is on its way to the engine. */
  began(caller: string, keys: readonly string[], exchangeId: string, nowMs: number): Passing {
    const passing: Passing = { exchangeId, beganAtMs: nowMs, endedAtMs: null };
    this.#last.set(caller, passing);
    for (const key of keys) this.#passing.set(key, passing);
    return passing;
  }

  /** The last exchange, other than this one, that may change what is known of `key`. */
  of(key: string, exchangeId: string): Passing | null {
    return other(this.#passing.get(key), exchangeId);
  }

  /** The last exchange of a caller, other than this one. */
  before(caller: string, exchangeId: string): Passing | null {
    return other(this.#last.get(caller), exchangeId);
  }

  /** Whether an exchange other than this one may have changed what is known of `key` after the engine learned last. */
  holds(key: string, exchangeId: string, nowMs: number, learnedUpToMs: number): boolean {
    const passing = this.of(key, exchangeId);
    return passing !== null && isUnlearned(passing, nowMs, learnedUpToMs);
  }
}

const other = (passing: Passing | undefined, exchangeId: string): Passing | null =>
  passing === undefined || passing.exchangeId === exchangeId ? null : passing;
