import { actorAddress, decodeHead, type ExchangeHead } from '../../exchange/index.js';

/** From this share of the room on, what is common is dropped, so that there is some left for what is rare. */
const CHOOSE_FROM = 0.75;
/** From here on being from a rare actor alone is no reason any more: there may be more actors than there is room. */
const NEARLY_FULL = 0.9;
/** Of one endpoint, and of one actor, so many a second are taken when choosing begins; one when the room is nearly full. */
const OF_ONE = 16;
const SECOND_MS = 1_000;
/** Beyond so many in a second there is no telling what is rare. */
const MOST_SUBJECTS = 50_000;
const MOST_PATH_CHARS = 200;
/** Segments with a digit are values, or nearly all are. */
const VALUES = /[^/]*\d[^/]*/g;

/**
 * Chooses what a stream takes that fills faster than it is read: the first exchanges of each endpoint and of each actor in every second, the fewer the fuller
 * it is, and whatever was acted on. Dropping blindly instead would lose what is rare as often as what is common.
 */
export class Spare {
  readonly #seen = new Map<string, number>();
  #secondMs = Number.NEGATIVE_INFINITY;

  get subjects(): number {
    return this.#seen.size;
  }

  /** `filled`: share of the room in use. A record is read only when there is something to choose. False: drop it. @throws when it cannot be read */
  takes(exchange: ExchangeHead | Uint8Array, filled: number, nowMs: number): boolean {
    if (filled < CHOOSE_FROM) return true;
    const { client, outcome, principal, request, service } = exchange instanceof Uint8Array ? decodeHead(exchange) : exchange;
    if (outcome.acts.length > 0 || outcome.incidentId !== undefined) return true;
    if (nowMs - this.#secondMs >= SECOND_MS || nowMs < this.#secondMs) {
      this.#secondMs = nowMs;
      this.#seen.clear();
    }
    const limit = Math.max(1, Math.floor((OF_ONE * (1 - filled)) / (1 - CHOOSE_FROM)));
    const path = request.target.split('?', 1)[0].slice(0, MOST_PATH_CHARS).replace(VALUES, '*');
    const ofEndpoint = this.#count(`${service} ${request.method} ${path}`);
    const ofActor = this.#count(principal?.key ?? actorAddress(client.ip));
    return ofEndpoint <= limit || (ofActor <= limit && filled < NEARLY_FULL);
  }

  #count(subject: string): number {
    const before = this.#seen.get(subject);
    if (before === undefined && this.#seen.size >= MOST_SUBJECTS) return Number.POSITIVE_INFINITY;
    this.#seen.set(subject, (before ?? 0) + 1);
    return (before ?? 0) + 1;
  }
}
