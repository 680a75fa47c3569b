/** The same exchange told by a gateway and by a sensor that listens to the gateway's traffic. */
import type { Exchange } from '../../exchange/index.js';

/** The two observers of one exchange tell it within this time; each generation lives for one to two of these. */
const GENERATION_MS = 30_000;
/** Of keys; an exchange has two. */
const MAX_A_GENERATION = 100_000;
const RECENT_MS = 60_000;

type Teller = 'gateway' | 'sensor';

/**
 * Recognises exchanges that came before from an observer of the other kind: same request id (the gateway hands it on, in the request and in the answer),
 * same request line and status. One of them may not have seen the answer: a sensor that stops listening in between, a client that went away.
 * Who repeats an id with another request is not a twin, so nothing can be hidden behind it. Bounded: what is forgotten counts twice.
 */
export class Twins {
  /** Key → who told it more often so far: gateway above zero, sensor below. */
  private young = new Map<string, number>();
  private old = new Map<string, number>();
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
    const exact = `${request} ${status}`;
    const unanswered = `${request} null`;
    // Counts every answered telling, whatever the answer.
    const answered = `${request} answered`;
    const partner = [exact, status === null ? answered : unanswered].find((key) => this.balance(key) * step < 0);
    const own = partner ?? exact;
    this.add(own, step);
    if (own === exact && status !== null) this.add(answered, step);
    return partner !== undefined;
  }

  /** Above zero: gateways told it more often. */
  private balance(key: string): number {
    return this.young.get(key) ?? this.old.get(key) ?? 0;
  }

  private add(key: string, step: number): void {
    this.young.set(key, this.balance(key) + step);
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
