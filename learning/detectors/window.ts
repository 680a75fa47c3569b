/** Distinct values seen within a time, with the moment of their last sighting. At most `cap` values: the oldest goes first. */
export class DistinctWindow {
  readonly #seen = new Map<string, number>();

  constructor(
    private readonly windowMs: number,
    private readonly cap = 512,
  ) {}

  add(value: string, nowMs: number): void {
    this.#seen.delete(value);
    this.#seen.set(value, nowMs);
    for (const [oldest, atMs] of this.#seen) {
      if (atMs >= nowMs - this.windowMs && this.#seen.size <= this.cap) break;
      this.#seen.delete(oldest);
    }
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Time since the oldest value that still counts, ms. */
  spanMs(nowMs: number): number {
    const first = this.#seen.values().next();
    return first.done === true ? 0 : nowMs - first.value;
  }
}

/** Running quantile of peers: a bounded sample of values, the newest replacing the oldest. */
export class Peers {
  readonly #values: number[] = [];
  #at = 0;

  add(value: number): void {
    if (this.#values.length < 400) this.#values.push(value);
    else {
      this.#values[this.#at] = value;
      this.#at = (this.#at + 1) % 400;
    }
  }

  get count(): number {
    return this.#values.length;
  }

  /** 0 when nothing was seen. */
  quantile(q: number): number {
    if (this.#values.length === 0) return 0;
    const sorted = [...this.#values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
  }
}
