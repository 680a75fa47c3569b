import type { Page } from './block-page.js';

/** How many requests of one blocked client are recorded in full within a second. */
const RECORDED_PER_SECOND = 10;
const MOST_CLIENTS = 10_000;
const WINDOW_MS = 1_000;

/** What a blocked client was told within this second. */
export interface Repeat {
  seen: number;
  /** Of the block that is meant; another block starts anew. */
  readonly blockId: string;
  /** Of the first of its requests, which is recorded; all others of the second are answered with it. Empty until that one is answered. */
  incident: string;
  /** The answer, for clients that accept what `accept` says. */
  page: Page | null;
  accept: string | null;
}

/**
 * Blocked clients that go on asking. Ten requests a second of each are recorded like any other; those beyond are answered, counted and logged only: the same
 * again tells nobody anything, and being blocked must cost the blocked one, not the gateway and the engine behind it.
 */
export class Repeats {
  private readonly clients = new Map<string, Repeat>();
  private sinceMs = 0;

  /** One more request of a client behind a block; whether it is to be recorded is `seen` against `isPlenty`. */
  of(ip: string, blockId: string, nowMs: number): Repeat {
    if (nowMs - this.sinceMs >= WINDOW_MS || nowMs < this.sinceMs || this.clients.size >= MOST_CLIENTS) {
      this.clients.clear();
      this.sinceMs = nowMs;
    }
    let repeat = this.clients.get(ip);
    if (repeat === undefined || repeat.blockId !== blockId) {
      repeat = { seen: 0, blockId, incident: '', page: null, accept: null };
      this.clients.set(ip, repeat);
    }
    repeat.seen++;
    return repeat;
  }
}

/** Enough of them are recorded, and there is an incident to name. */
export function isPlenty(repeat: Repeat): boolean {
  return repeat.seen > RECORDED_PER_SECOND && repeat.incident !== '';
}
