import type { Exchange } from '../../exchange/index.js';
import { addDistinct, countDistinct, type Distinct, hash32, newDistinct } from './sketch.js';

const WINDOW_MS = 600_000;
const CLIENTS = 10_000;

type Named = Pick<Exchange, 'id' | 'requestId'>;

interface Suspect {
  sinceMs: number;
  misses: number;
  readonly names: Distinct;
  /** Findings raised in this window: one when the threshold is passed, one for each tenfold. */
  next: number;
  /** Of the first exchanges, without what they hold: ten thousand clients would keep their batches in memory. */
  readonly first: Named[];
}

export interface Scanning {
  readonly misses: number;
  readonly names: number;
  readonly sinceMs: number;
  readonly earlier: readonly Named[];
}

/**
 * Counts, per client address, names that lead nowhere: unknown paths, parameters and cookies nobody else uses. Bounded: 10,000 clients, the one that was
 * seen first is forgotten first; names are a sketch.
 */
export class ScanningWatch {
  private readonly suspects = new Map<string, Suspect>();
  forgotten = 0;

  constructor(private readonly threshold: number) {}

  /** Reports when a client passes the threshold, and again at each tenfold. */
  miss(exchange: Exchange, name: string): Scanning | null {
    const { ip } = exchange.client;
    const nowMs = exchange.startedAtMs;
    let suspect = this.suspects.get(ip);
    if (suspect === undefined || nowMs - suspect.sinceMs > WINDOW_MS) {
      suspect = { sinceMs: nowMs, misses: 0, names: newDistinct(), next: this.threshold, first: [] };
      this.suspects.delete(ip);
      this.suspects.set(ip, suspect);
      if (this.suspects.size > CLIENTS) {
        this.suspects.delete(this.suspects.keys().next().value!);
        this.forgotten++;
      }
    }
    suspect.misses++;
    addDistinct(suspect.names, String(hash32(name)));
    if (suspect.first.length < 4) suspect.first.push({ id: exchange.id, requestId: exchange.requestId });
    const names = countDistinct(suspect.names);
    if (names < suspect.next) return null;
    suspect.next *= 10;
    return { misses: suspect.misses, names, sinceMs: suspect.sinceMs, earlier: suspect.first.filter((one) => one.id !== exchange.id) };
  }
}
