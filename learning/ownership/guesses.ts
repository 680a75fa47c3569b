import { LatestMap } from '../../exchange/index.js';

/** Ids that were named and do not exist, less with every success since: from so many on somebody is guessing, and until fewer than so many remain. */
export const GUESSES = { toBlock: 3.4, toForgive: 1.5 } as const;
const KEPT_BY_SUCCESS = 0.85;
/** Callers of a gateway that named an id which does not exist, the latest ones. */
const MOST = 20_000;

export const isMiss = (status: number): boolean => status === 404 || status === 403 || status === 410 || status === 422;

/** What is left of earlier misses after an answer that was none. */
export const afterSuccess = (misses: number, status: number): number => (status >= 200 && status < 300 ? misses * KEPT_BY_SUCCESS : misses);

interface Guesser {
  misses: number;
  isGuessing: boolean;
}

/** Who seems to guess ids, as one gateway sees it: the engine says the same of all gateways together, but some milliseconds later, and a guess takes less. */
export class Guesses {
  readonly #callers = new LatestMap<Guesser>(MOST);
  #isEmpty = true;

  missed(principalKey: string): void {
    const caller = this.#callers.get(principalKey) ?? { misses: 0, isGuessing: false };
    caller.misses++;
    caller.isGuessing ||= caller.misses >= GUESSES.toBlock;
    this.#callers.set(principalKey, caller);
    this.#isEmpty = false;
  }

  succeeded(principalKey: string, status: number): void {
    const caller = this.#isEmpty ? undefined : this.#callers.get(principalKey);
    if (caller === undefined) return;
    caller.misses = afterSuccess(caller.misses, status);
    if (caller.misses < GUESSES.toForgive) caller.isGuessing = false;
  }

  holds(principalKey: string): boolean {
    return !this.#isEmpty && this.#callers.get(principalKey)?.isGuessing === true;
  }
}
