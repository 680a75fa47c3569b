/** The same exchange told by a gateway and by a sensor that listens to the gateway's traffic. */
import type { Exchange } from '../../exchange/index.js';

/** The two observers of one exchange tell it within this time; each generation lives for one to two of these. */
const GENERATION_MS = 30_000;
const MAX_A_GENERATION = 50_000;
const RECENT_MS = 60_000;

type Teller = 'gateway' | 'sensor';

/**
 * Recognises exchanges that came before from an observer of the other kind: same request id (the gateway hands it on, in the request and in the answer),
 * same request line and status. One of them may not have seen the answer: a sensor that stops listening in between, a client that went away.
 * Who repeats an id with another request is not a twin, so nothing can be hidden behind it. Bounded: what is forgotten counts twice.
 */
export class Twins {
  /** By request id and request line. */
  private young = new Map<string, Tellings>();
  private old = new Map<string, Tellings>();
  private bornAtMs = 0;
  private lastMs = Number.NEGATIVE_INFINITY;
  private recentCount = 0;
  total = 0;

  /** True when this exchange was told before by the other side, so that it must not count again. */
  isSecond(exchange: Exchange, nowMs: number): boolean {
    const { kind } = exchange.observer;
    if (kind !== 'gateway' && kind !== 'sensor') return false;
    this.age(nowMs);
    const request = `${exchange.requestId} ${exchange.request.method} ${exchange.request.target}`;
    const step = kind === ('gateway' satisfies Teller) ? 1 : -1;
    const isSecond = this.tell(request, exchange.response?.status ?? null, step);
    if (isSecond) this.count(nowMs);
    return isSecond;
  }

  /** Finds the other telling and takes note of this one. */
  private tell(request: string, status: number | null, step: number): boolean {
    const known = this.young.get(request) ?? this.old.get(request);
    const tellings = known ?? new Tellings();
    this.young.set(request, tellings);
    return tellings.tell(status, step);
  }

  /** How many were told twice within about the last minute. */
  recent(nowMs: number): number {
    return nowMs - this.lastMs > RECENT_MS ? 0 : this.recentCount;
  }

  private count(nowMs: number): void {
    this.recentCount = this.recent(nowMs) + 1;
    this.lastMs = nowMs;
    this.total++;
  }

  private age(nowMs: number): void {
    if (nowMs - this.bornAtMs < GENERATION_MS && this.young.size < MAX_A_GENERATION) return;
    this.old = this.young;
    this.young = new Map();
    this.bornAtMs = nowMs;
  }
}

/** Who told one request more often so far, by the status of the answer: gateways above zero, sensors below. */
class Tellings {
  /** Nearly every request has one answer: others make a map. */
  private status: number | null | undefined;
  private balance = 0;
  private others: Map<number | null, number> | null = null;
  /** Of all answered tellings, whatever the answer. */
  private answered = 0;

  /** True: the other side told it before. `status` null: without an answer, which goes with any. */
  tell(status: number | null, step: number): boolean {
    if (this.of(status) * step < 0) {
      this.add(status, step);
      if (status !== null) this.answered += step;
      return true;
    }
    if (status === null && this.answered * step < 0) {
      this.answered += step;
      return true;
    }
    if (status !== null && this.of(null) * step < 0) {
      this.add(null, step);
      return true;
    }
    this.add(status, step);
    if (status !== null) this.answered += step;
    return false;
  }

  private of(status: number | null): number {
    return status === this.status ? this.balance : (this.others?.get(status) ?? 0);
  }

  private add(status: number | null, step: number): void {
    this.status = this.status === undefined ? status : this.status;
    if (status === this.status) {
      this.balance += step;
      return;
    }
    this.others ??= new Map();
    this.others.set(status, (this.others.get(status) ?? 0) + step);
  }
}
