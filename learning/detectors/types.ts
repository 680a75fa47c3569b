import type { AccessVerdict, Finding, Observation } from '../../exchange/index.js';

/** What detectors see: an exchange, where it belongs, and what learned ownership said of it. */
export interface Watched extends Observation {
  readonly access: AccessVerdict | null;
}

/**
 * Recognises one kind of misbehaviour. Pure but for the state it is handed: the caller keeps states by key, bounds them, and forgets the least
 * recently used. Time is that of the exchange.
 */
export interface Detector<S> {
  /** Stable, part of fingerprints: `enumeration`. */
  readonly id: string;
  readonly title: string;
  /** Numbers that can be set, with their defaults; names carry units. */
  readonly settings: Readonly<Record<string, number>>;
  /** Whose state an exchange belongs to; null: not of interest. */
  keyOf(watched: Watched): string | null;
  start(): S;
  /** Changes the state; says what is wrong, if anything. */
  observe(state: S, watched: Watched, settings: Readonly<Record<string, number>>): Finding | null;
}

/** The actor of an exchange as a key: the principal, else the address. */
export function actorKey({ exchange }: Watched): string {
  return exchange.principal?.key ?? exchange.client.ip;
}

export function statusOf({ exchange }: Watched): number {
  return exchange.response?.status ?? 0;
}

export function succeeded(watched: Watched): boolean {
  const status = statusOf(watched);
  return status >= 200 && status < 300 && watched.exchange.outcome.action !== 'blocked';
}
