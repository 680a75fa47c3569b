import type { Exchange } from '../../exchange/index.js';
import { addDistinct, countDistinct, type Distinct, newDistinct } from './sketch.js';

/** Names are counted within this time, ms. */
export const WINDOW_MS = 600_000;
const CLIENTS = 10_000;
const FIRST = 4;

type Named = Pick<Exchange, 'id' | 'requestId'>;

interface Suspect {
  sinceMs: number;
  requests: number;
  /** Every time such a name was sent. */
  sights: number;
  readonly names: Distinct;
  /** Findings raised in this window: one when the threshold is passed, one for each tenfold. */
  next: number;
  /** Of the first exchanges, without what they hold: ten thousand clients would keep their batches in memory. */
  readonly first: Named[];
}

export interface Scanning {
  /** Requests that held such names, and about how many different names those were. */
  readonly requests: number;
  readonly names: number;
  readonly sinceMs: number;
  readonly earlier: readonly Named[];
}

/** What keeps a client from being reported although it passed the threshold: it is asked again when there are half as many names more. */
export type Excuse = (suspect: { readonly sinceMs: number; readonly names: number; readonly sights: number }) => boolean;

/**
 * Counts, per client address and sort of name, names that lead nowhere: unknown paths, parameters and cookies nobody else uses. Bounded: 10,000 clients,
 * the one that was seen first is forgotten first; names are a sketch.
 */
export class ScanningWatch {
  private readonly suspects = new Map<string, Suspect>();
  forgotten = 0;

  constructor(private readonly threshold: number) {}

  /** Reports when a client passes `threshold` different names, and again at each tenfold. `sort`: names are counted apart by it. */
  miss(
    exchange: Exchange,
    names: readonly string[],
    sort = '',
    threshold = this.threshold,
    isExcused: Excuse = () => false,
  ): Scanning | null {
    const nowMs = exchange.startedAtMs;
    const key = `${sort} ${exchange.client.ip}`;
    let suspect = this.suspects.get(key);
    if (suspect === undefined || nowMs - suspect.sinceMs > WINDOW_MS) {
      suspect = { sinceMs: nowMs, requests: 0, sights: 0, names: newDistinct(), next: 0, first: [] };
      this.suspects.delete(key);
      this.suspects.set(key, suspect);
      if (this.suspects.size > CLIENTS) {
        this.suspects.delete(this.suspects.keys().next().value!);
        this.forgotten++;
      }
    }
    suspect.requests++;
    suspect.sights += names.length;
    for (const name of names) addDistinct(suspect.names, name);
    if (suspect.first.length < FIRST) suspect.first.push({ id: exchange.id, requestId: exchange.requestId });
    const distinct = countDistinct(suspect.names);
    if (distinct < Math.max(threshold, suspect.next)) return null;
    if (isExcused({ sinceMs: suspect.sinceMs, names: distinct, sights: suspect.sights })) {
      suspect.next = distinct * 1.5;
      return null;
    }
    suspect.next = Math.max(threshold, suspect.next) * 10;
    const earlier = suspect.first.filter((one) => one.id !== exchange.id);
    return { requests: suspect.requests, names: distinct, sinceMs: suspect.sinceMs, earlier };
  }
}
