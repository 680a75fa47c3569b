import type { Exchange } from '../../exchange/index.js';

/** Limits of {@link Selection}; tests set their own. */
export interface SelectionLimits {
  /** The oldest exchange that waits may be so old before anything is chosen, ms. */
  readonly behindMs: number;
  /** Of one endpoint, and of one actor, so many a second are looked at closely however far behind it is. */
  readonly ofOne: number;
}

/** A cold start, a pause of the collector or a burst makes an engine late by a second or two, and it catches up: that is no reason to pass anything over. */
const LIMITS: SelectionLimits = { behindMs: 3_000, ofOne: 16 };
/** From here on the room for what waits counts: at a high rate it is full, and exchanges are dropped unseen, before the oldest of them is old. */
const HALF_FULL = 0.5;

/** How late an engine counts as: by the age of what waits, or as much too late as the room for it is filled beyond its half. */
export function latenessMs({ lagMs, filled }: { readonly lagMs: number; readonly filled: number }): number {
  return filled < HALF_FULL ? lagMs : Math.max(lagMs, LIMITS.behindMs * (1 + (filled - HALF_FULL) * 4));
}

/** This many times too late, being from a rare actor alone is no reason any more: there may be more actors than can be looked at. */
const FAR_BEHIND = 2;
const SECOND_MS = 1_000;
const MOST_PATH_CHARS = 200;
/** Segments with a digit are values, or nearly all are. */
const VALUES = /[^/]*\d[^/]*/g;

/**
 * Chooses, while more traffic arrives than can be learned from closely, which exchanges are: the first of each endpoint and of each actor in every second,
 * fewer the further behind it is. The others are counted, and teach what costs nothing. So nothing rare is passed over, and what is common goes on being
 * seen.
 */
export class Selection {
  /** Exchanges that were not looked at closely. */
  passedOver = 0;
  private readonly seen = new Map<string, number>();
  private secondMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly limits: SelectionLimits = LIMITS) {}

  /** `lagMs`: age of the oldest exchange that waits; `actor`: who sent this one. */
  isClose(exchange: Exchange, actor: string, lagMs: number, nowMs: number): boolean {
    const { behindMs, ofOne } = this.limits;
    // What people import waits for nobody, and they want all of it learned.
    if (lagMs < behindMs || exchange.observer.kind === 'import') return true;
    if (nowMs - this.secondMs >= SECOND_MS) {
      this.secondMs = nowMs;
      this.seen.clear();
    }
    const { outcome, request, response, service } = exchange;
    const path = request.target.split('?', 1)[0].slice(0, MOST_PATH_CHARS).replace(VALUES, '*');
    const ofEndpoint = this.count(`${service} ${request.method} ${path} ${Math.floor((response?.status ?? 0) / 100)}`);
    const ofActor = this.count(actor);
    const limit = Math.max(1, Math.floor((ofOne * behindMs) / lagMs));
    const isRare = ofEndpoint <= limit || (ofActor <= limit && lagMs < behindMs * FAR_BEHIND);
    if (isRare || outcome.acts.length > 0 || outcome.incidentId !== undefined) return true;
    this.passedOver++;
    return false;
  }

  private count(subject: string): number {
    const count = (this.seen.get(subject) ?? 0) + 1;
    this.seen.set(subject, count);
    return count;
  }
}
