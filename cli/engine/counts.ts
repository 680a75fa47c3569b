import type { Exchange } from '../../exchange/index.js';
import type { CounterWrite } from '../../store/index.js';

const MINUTE_MS = 60_000;

interface Sums {
  readonly endpointId: string | null;
  readonly service: string;
  readonly atMs: number;
  requests: number;
  blocked: number;
  wouldBlock: number;
}

/** Counts what the inventory does not see: clients that the blocklist stopped, and what the engine's own rules would have blocked. */
export class ExtraCounts {
  private readonly open = new Map<string, Sums>();

  stopped(exchange: Exchange): void {
    const sums = this.of(exchange, null);
    sums.requests++;
    sums.blocked++;
  }

  wouldBlock(exchange: Exchange, endpointId: string): void {
    this.of(exchange, endpointId).wouldBlock++;
  }

  /** What was added since the last call. */
  take(): CounterWrite[] {
    const taken = [...this.open.values()];
    this.open.clear();
    return taken;
  }

  private of(exchange: Exchange, endpointId: string | null): Sums {
    const atMs = Math.floor(exchange.startedAtMs / MINUTE_MS) * MINUTE_MS;
    const key = `${endpointId ?? ''}\0${exchange.service}\0${atMs}`;
    let sums = this.open.get(key);
    if (sums === undefined) {
      sums = { endpointId, service: exchange.service, atMs, requests: 0, blocked: 0, wouldBlock: 0 };
      this.open.set(key, sums);
    }
    return sums;
  }
}
