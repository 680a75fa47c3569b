import type { Principal } from '../../exchange/index.js';

/** How much is known of whoever has a credential: nothing, that they were here, who they are, and that they own something. */
export type Standing = 'unknown' | 'seen' | 'named' | 'established';
const RANK: Readonly<Record<Standing, number>> = { unknown: 0, seen: 1, named: 2, established: 3 };

/** One request in so many is looked at for how people of a service come. */
const SAMPLED = 16;
/** So many people who own something, and this share of those who came the commonest way, are a way that the service heeds. */
const FEW = 5;
const RARE = 0.02;
/** People counted of each way; ways of a service, and services, that are told apart. */
const MOST_PEOPLE = 250;
const MOST_WAYS = 50;
const MOST_SERVICES = 1_000;
const NOBODY: readonly Principal[] = [];

/** Whose request it is, and who else it says to be of whom something is known. */
export interface Caller {
  readonly principal: Principal | null;
  readonly beside: readonly Principal[];
}

/**
 * Whose a request with several credentials is. Which of them the server heeds the request does not tell: whoever adds a made-up token to their cookie would be somebody else
 * with each request, and whoever adds a token that names another would be that one. So who is known by the way in which people of this service come goes first, then who owns
 * something, and the strongest credential only after them; what the request does is judged for the others, too ({@link Caller.beside}), unless many people of
 * the service send the same two.
 */
export class Credentials {
  /** Service → way (a carrier, or several that come together) → people who own something. */
  readonly #ways = new Map<string, Map<string, Set<string>>>();
  readonly #standingOf: (principalKey: string) => Standing;
  #requests = 0;

  constructor(standingOf: (principalKey: string) => Standing) {
    this.#standingOf = standingOf;
  }

  /** `presented`: the credentials of one request, the strongest first. */
  choose(service: string, presented: readonly Principal[]): Caller {
    if (presented.length === 0) return { principal: null, beside: NOBODY };
    if (presented.length === 1) {
      if (this.#requests++ % SAMPLED === 0) this.#note(service, presented[0].carrier, presented[0]);
      return { principal: presented[0], beside: NOBODY };
    }
    let chosen = presented[0];
    let best = -1;
    const known: Principal[] = [];
    for (const one of presented) {
      const standing = RANK[this.#standingOf(one.key)];
      if (standing > 0) known.push(one);
      const rank = standing + (this.#isCustomary(service, one.carrier) ? 4 : 0);
      if (rank > best) [chosen, best] = [one, rank];
    }
    const others = known.filter((one) => one !== chosen);
    if (others.length === 0) return { principal: chosen, beside: NOBODY };
    const together = presented
      .map(({ carrier }) => carrier)
      .sort()
      .join(' ');
    this.#note(service, together, chosen);
    return { principal: chosen, beside: this.#isCustomary(service, together) ? NOBODY : others };
  }

  #note(service: string, way: string, { key }: Principal): void {
    if (this.#standingOf(key) !== 'established') return;
    let ways = this.#ways.get(service);
    if (ways === undefined) {
      if (this.#ways.size >= MOST_SERVICES) return;
      ways = new Map();
      this.#ways.set(service, ways);
    }
    const people = ways.get(way);
    if (people !== undefined) {
      if (people.size < MOST_PEOPLE) people.add(key);
    } else if (ways.size < MOST_WAYS) ways.set(way, new Set([key]));
  }

  #isCustomary(service: string, way: string): boolean {
    const ways = this.#ways.get(service);
    const people = ways?.get(way)?.size ?? 0;
    if (ways === undefined || people < FEW) return false;
    let most = 0;
    for (const { size } of ways.values()) most = Math.max(most, size);
    return people >= most * RARE;
  }
}
