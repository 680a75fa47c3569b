interface Item {
  readonly atMs: number;
  readonly key: string;
  readonly version: string;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A binary heap of what expires next, and one timer for its head: expiry costs nothing until it happens. */
export class ExpiryQueue {
  private readonly heap: Item[] = [];
  private timer: NodeJS.Timeout | null = null;
  private timerAtMs = Number.POSITIVE_INFINITY;

  /** `due` is told the key and the version that was scheduled; it decides whether that version is still there. */
  constructor(
    private readonly now: () => number,
    private readonly due: (key: string, version: string) => void,
  ) {}

  add(atMs: number, key: string, version: string): void {
    const { heap } = this;
    heap.push({ atMs, key, version });
    for (let index = heap.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (heap[parent].atMs <= heap[index].atMs) break;
      [heap[parent], heap[index]] = [heap[index], heap[parent]];
      index = parent;
    }
    if (heap[0].atMs < this.timerAtMs) this.arm();
  }

  get length(): number {
    return this.heap.length;
  }

  /** Forgets everything: the caller adds again what still counts. */
  clear(): void {
    this.heap.length = 0;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.timerAtMs = Number.POSITIVE_INFINITY;
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.timerAtMs = Number.POSITIVE_INFINITY;
    if (this.heap.length === 0) return;
    this.timerAtMs = this.heap[0].atMs;
    this.timer = setTimeout(() => this.run(), Math.min(Math.max(0, this.timerAtMs - this.now()), LONGEST_TIMER_MS));
    this.timer.unref();
  }

  private run(): void {
    const nowMs = this.now();
    while (this.heap.length > 0 && this.heap[0].atMs <= nowMs) {
      const { key, version } = this.pop();
      this.due(key, version);
    }
    this.arm();
  }

  private pop(): Item {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      let least = index;
      if (left < heap.length && heap[left].atMs < heap[least].atMs) least = left;
      if (left + 1 < heap.length && heap[left + 1].atMs < heap[least].atMs) least = left + 1;
      if (least === index) return top;
      [heap[least], heap[index]] = [heap[index], heap[least]];
      index = least;
    }
  }
}
