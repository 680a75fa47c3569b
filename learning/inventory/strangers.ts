import type { Exchange } from '../../exchange/index.js';
import type { EndpointState } from './endpoint.js';
import type { Strange } from './learn.js';
import { type Scanning, ScanningWatch } from './scanning.js';
import { countDistinct, hash32 } from './sketch.js';

/** Clients that bring names of their own to a place, from which on names are free there. */
const OPEN_FROM = 3;
/** Where names are free, one client must stand out by so many times as many. */
const OPEN_TIMES = 10;
/** Requests of an endpoint in which everything is new. */
const BEGINNING = 20;
/** Whoever brings less than so many times what another client brings is one of several of the same sort: two balancers in front of everybody. */
const STANDS_OUT = 4;
const MOST_PLACES = 20_000;
const ENOUGH_FRESH = 20;

/** How a sentence names what was made up. */
const CALLED: Readonly<Record<Strange['in'], string>> = {
  query: 'query parameters',
  header: 'headers',
  cookie: 'cookies',
  body: 'body fields',
  key: 'keys in bodies',
};

/** A client that makes up names, and the sort of them. */
export interface Stranger extends Scanning {
  readonly what: string;
}

/**
 * Finds clients that send names which nobody else sends. New names alone say little: analytics name cookies after their visitors, carts are maps by article,
 * searches have rare filters. So the endpoint must have other clients, and they must not bring names of their own as well; whoever repeats the names
 * has not made them up. Bounded by the number of clients and of places that are remembered.
 */
export class Strangers {
  private readonly suspects: ScanningWatch;
  /** Endpoint and sort of name → clients that brought some (hashes), and how many; at most one more than it takes. */
  private readonly places = new Map<string, Map<number, number>>();

  constructor(private readonly threshold: number) {
    this.suspects = new ScanningWatch(threshold);
  }

  /** `isSettled`: the endpoint is known well enough that a new name is news. Null: nothing to say. */
  see(state: EndpointState, exchange: Exchange, strange: readonly Strange[], isSettled: boolean): Stranger | null {
    let found: Stranger | null = null;
    for (const sort of new Set(strange.map((one) => one.in))) {
      const names = strange.filter((one) => one.in === sort).map((one) => one.name);
      const { others, standsOut } = this.brought(state, exchange, sort, names.length);
      if (!isSettled || countDistinct(state.addresses) < 2) continue;
      const isOpen = others >= OPEN_FROM;
      // A map has as many keys as there are things: where several clients fill one, a large one is a large order.
      if (isOpen && sort === 'key') continue;
      const scanning = this.suspects.miss(
        exchange,
        names,
        sort,
        this.threshold * (isOpen ? OPEN_TIMES : 1),
        (suspect) => !standsOut || suspect.names * 2 < suspect.sights || !areMadeUp(state, sort, suspect.sinceMs),
      );
      if (scanning !== null) found = { ...scanning, what: CALLED[sort] };
    }
    return found;
  }

  /** Notes what this client brings; how many others brought some, and whether it brings far more than each of them. */
  private brought(
    { ref, counts }: EndpointState,
    { client }: Exchange,
    sort: Strange['in'],
    names: number,
  ): { others: number; standsOut: boolean } {
    if (counts.requests <= BEGINNING && sort !== 'key') return { others: 0, standsOut: true };
    const place = `${ref.id} ${sort}`;
    let clients = this.places.get(place);
    if (clients === undefined) {
      clients = new Map();
      if (this.places.size >= MOST_PLACES) this.places.delete(this.places.keys().next().value!);
      this.places.set(place, clients);
    }
    const own = hash32(client.ip);
    const before = clients.get(own);
    if (before !== undefined || clients.size <= OPEN_FROM) clients.set(own, (before ?? 0) + names);
    let others = 0;
    let most = 0;
    for (const [one, brought] of clients) {
      if (one === own) continue;
      others++;
      if (brought > most) most = brought;
    }
    return { others, standsOut: before === undefined || before >= most * STANDS_OUT };
  }
}

/** Of the names that came up since then most were sent once. */
function areMadeUp({ parameters }: EndpointState, sort: Strange['in'], sinceMs: number): boolean {
  let fresh = 0;
  let once = 0;
  for (const one of parameters.values()) {
    if (one.in !== sort || one.firstSeenMs < sinceMs) continue;
    fresh++;
    if (one.count === 1) once++;
  }
  return fresh < ENOUGH_FRESH || once >= fresh * 0.6;
}
