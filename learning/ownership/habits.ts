import { LatestMap } from '../../exchange/index.js';
import type { Reference } from './references.js';
import { canonicalId } from './shape.js';

/** So often the same, and in four of five cases: what a client sends by itself. */
const OFTEN = 3;
const MOSTLY = 0.8;
/** Names that callers gave, the latest ones; of one request so many. */
const MOST = 50_000;
const MOST_NAMED = 8;
const MOST_SERVICES = 1_000;
const MOST_HEADERS = 100;

/** `/users/5/orders` and `/users/5/addresses` name the same sort of thing. */
const keyOf = (person: number, { place, slot, hint }: Reference): string => `${person} ${place === 'path' ? `path:${hint}` : slot}`;

interface Habit {
  value: string;
  times: number;
  others: number;
}

/**
 * What callers say of themselves in headers and cookies, with whatever they ask for (their organisation). A server that repeats it says nothing: whoever names
 * somebody else's once is not of theirs.
 */
export class Habits {
  readonly #habits = new LatestMap<Habit>(MOST);
  /** Service → requests, and how many of them had each header that may name something. */
  readonly #headers = new LatestMap<{ requests: number; readonly named: Map<string, number> }>(MOST_SERVICES);

  note(person: number, service: string, references: readonly Reference[]): void {
    this.#countHeaders(service, references);
    const count = Math.min(references.length, MOST_NAMED);
    for (let at = 0; at < count; at++) {
      const { value } = references[at];
      const key = keyOf(person, references[at]);
      const habit = this.#habits.get(key) ?? { value, times: 0, others: 0 };
      if (habit.value === value) habit.times++;
      else if (habit.times <= habit.others) Object.assign(habit, { value, times: 1 });
      else habit.others++;
      this.#habits.set(key, habit);
    }
  }

  #countHeaders(service: string, references: readonly Reference[]): void {
    let held = this.#headers.get(service);
    if (held === undefined) {
      held = { requests: 0, named: new Map<string, number>() };
      this.#headers.set(service, held);
    }
    held.requests++;
    for (const { place, slot } of references)
      if (place === 'header' && (held.named.size < MOST_HEADERS || held.named.has(slot)))
        held.named.set(slot, (held.named.get(slot) ?? 0) + 1);
  }

  /** Does such a header come with every other request of the service, whatever is asked for? */
  isAlways(service: string, { slot }: Reference): boolean {
    const held = this.#headers.get(service);
    return held !== undefined && (held.named.get(slot) ?? 0) * 2 >= held.requests;
  }

  /** Did the caller name this itself, and not as it always does? */
  isChosen(person: number, references: readonly Reference[], value: string): boolean {
    const id = canonicalId(value);
    const named = references.find((one) => one.value === id);
    if (named === undefined) return false;
    const habit = this.#habits.get(keyOf(person, named));
    return habit === undefined || habit.value !== id || habit.times < OFTEN || habit.times < (habit.times + habit.others) * MOSTLY;
  }
}
