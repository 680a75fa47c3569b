import type { AccessVerdict, Finding, Observation } from '../../exchange/index.js';

/** What detectors see: an exchange, where it belongs, and what learned ownership said of it. */
export interface Watched extends Observation {
  readonly access: AccessVerdict | null;
  /** Who acts: the key of the principal, else the address. */
  readonly actor: string;
  /** Ids of the endpoints that this actor used with success just before, oldest first, at most 12. */
  readonly before: readonly string[];
  /** Method and template of an endpoint; null when nothing came from it since this process began. */
  nameOf(endpointId: string): string | null;
}

/** Whose behaviour a detector remembers. */
export type Subject = 'actor' | 'endpoint' | 'actor-at-endpoint' | 'address';

export type Settings = Readonly<Record<string, number>>;

/**
 * Recognises one kind of misbehaviour. Pure but for the state it is handed: the caller keeps a state for each subject, bounds them, forgets the least
 * recently used, and keeps over restarts what `keepAt` asks for. States are plain: numbers, texts, arrays, Maps, Sets. Time is that of the exchange.
 */
export interface Detector<S, C = null> {
  /** Stable, part of fingerprints: `enumeration`. */
  readonly id: string;
  readonly title: string;
  /** Numbers that can be set, with their defaults; names carry units. */
  readonly settings: Settings;
  readonly of: Subject;
  /** False: this exchange tells it nothing, and no state is made for it. Called for every exchange. */
  concerns(watched: Watched): boolean;
  start(): S;
  /** A number that changes when the state is worth keeping again: with each step of what is grave, seldom for what only grows. Left out: not kept. */
  keepAt?(state: S, settings: Settings): number;
  /** An endpoint goes on under another id: where states name endpoints. */
  rename?(state: S, from: string, to: string): void;
  /** What all subjects share, and when to keep it. */
  readonly common: Common<C>;
  /** Changes the states; says what is wrong, if anything. */
  observe(state: S, watched: Watched, settings: Settings, common: C): Finding | null;
}

export interface Common<C> {
  start(): C;
  keepAt?(common: C): number;
}

/** For detectors whose subjects share nothing. */
export const NOTHING_SHARED: Common<null> = { start: () => null };

/** Grows with each of the first 64, then by one each time a count grew by a tenth: baselines are kept that seldom. */
export const growth = (count: number): number => (count <= 64 ? count : 64 + Math.floor(8 * Math.log2(count / 64)));

export function statusOf({ exchange }: Watched): number {
  return exchange.response?.status ?? 0;
}

export function succeeded(watched: Watched): boolean {
  const status = statusOf(watched);
  return status >= 200 && status < 300 && watched.exchange.outcome.action !== 'blocked';
}
