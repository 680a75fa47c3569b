import type { Delivery, Outbox } from '../store/index.js';
import { IntegrationError } from './errors.js';
import type { Receiver } from './integration.js';
import type { Io } from './io.js';
import { cut, type Notice } from './notice.js';

/** One integration as people configured it, secrets opened. */
export interface Destination {
  readonly id: string;
  readonly kind: string;
  readonly config: unknown;
  /** Rises with each change of the settings; a change ends a pause. */
  readonly version: number;
}

export interface DelivererOptions {
  readonly outbox: Pick<Outbox, 'take' | 'settle'>;
  readonly io: Io;
  /** @throws IntegrationError INTEGRATION_CONFIG, INTEGRATION_KIND_UNKNOWN */
  readonly open: (destination: Destination, io: Io) => Receiver;
  /** The notice of a delivery. @throws IntegrationError INTEGRATION_NOTICE when there is none to be made of it */
  readonly noticeOf: (delivery: Delivery) => Notice | Promise<Notice>;
  /** 0–1, so that many weirs do not return at the same moment. */
  readonly random?: () => number;
  readonly log: (message: string) => void;
}

export interface DeliveryCounters {
  readonly delivered: number;
  /** Tries that failed and are repeated. */
  readonly retried: number;
  readonly givenUp: number;
  /** The store did not take or give; the notices come again. */
  readonly storeErrors: number;
  /** Destinations that are waited for now. */
  readonly paused: number;
}

interface Lane {
  readonly version: number;
  running: Promise<void> | null;
  /** Failures in a row, over all notices. */
  failures: number;
  pausedUntilMs: number;
}

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 15 * 60_000;
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
/** Longer than the slowest delivery of several requests: nobody else takes the notice meanwhile. */
const HOLD_MS = 120_000;
const ERROR_CHARACTERS = 500;

/**
 * When to try again after the n-th failure in a row: 5 s, doubled each time, at most 15 min, spread by a fifth either way; never before the
 * receiver's Retry-After.
 */
export function retryDelayMs(failures: number, retryAfterMs: number | null, random: number): number {
  const backOffMs = Math.min(FIRST_RETRY_MS * 2 ** (Math.max(1, failures) - 1), LONGEST_RETRY_MS);
  return Math.max(Math.round(backOffMs * (0.8 + 0.4 * random)), retryAfterMs ?? 0);
}

/**
 * Brings waiting notices to their receivers, in order, one at a time for each destination; destinations do not wait for one another.
 *
 * A receiver that is down or asks for patience is left alone for a while, with all that waits for it. A notice is given up when the receiver
 * refuses it for what it is, or after a day. At least once: a notice whose confirmation was lost is sent again, under the same id.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #counts = { delivered: 0, retried: 0, givenUp: 0, storeErrors: 0 };
  #closed = false;

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  get counters(): DeliveryCounters {
    const nowMs = this.#options.io.nowMs();
    return { ...this.#counts, paused: [...this.#lanes.values()].filter((lane) => lane.pausedUntilMs > nowMs).length };
  }

  /** Starts what is due. Returns at once; lanes that still run go on. Call it again and again, with the destinations as they are now. */
  start(destinations: readonly Destination[]): void {
    if (this.#closed) return;
    const nowMs = this.#options.io.nowMs();
    const wanted = new Set(destinations.map(({ id }) => id));
    for (const [id, lane] of this.#lanes) if (!wanted.has(id) && lane.running === null) this.#lanes.delete(id);
    for (const destination of destinations) {
      let lane = this.#lanes.get(destination.id);
      if (lane?.running) continue;
      if (lane === undefined || lane.version !== destination.version) {
        lane = { version: destination.version, running: null, failures: 0, pausedUntilMs: 0 };
        this.#lanes.set(destination.id, lane);
      }
      if (lane.pausedUntilMs > nowMs) continue;
      const started = lane;
      started.running = this.#drain(destination, started)
        .catch((error: unknown) => {
          this.#counts.storeErrors++;
          this.#options.log(`integrations: ${error instanceof Error ? error.message : String(error)}`);
        })
        .finally(() => {
          started.running = null;
        });
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    for (;;) {
      const running = [...this.#lanes.values()].flatMap((lane) => (lane.running === null ? [] : [lane.running]));
      if (running.length === 0) return;
      await Promise.all(running);
    }
  }

  /** Lets the deliveries under way end, takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #drain(destination: Destination, lane: Lane): Promise<void> {
    const { outbox, io } = this.#options;
    while (!this.#closed) {
      const [delivery] = await outbox.take(1, io.nowMs(), HOLD_MS, destination.id);
      if (delivery === undefined) return;
      const failure = await this.#deliver(destination, delivery);
      const nowMs = io.nowMs();
      if (failure === null) {
        lane.failures = 0;
        this.#counts.delivered++;
        await outbox.settle(delivery.id, { state: 'delivered', nextTryMs: nowMs, lastError: '' });
        continue;
      }
      const lastError = cut(failure.message, ERROR_CHARACTERS);
      if (failure.isFinal || nowMs - delivery.createdMs >= GIVE_UP_AFTER_MS) {
        this.#counts.givenUp++;
        this.#options.log(`integrations: gave up a notice for ${destination.kind} ${destination.id}: ${lastError}`);
        await outbox.settle(delivery.id, { state: 'given-up', nextTryMs: nowMs, lastError });
        continue;
      }
      lane.failures++;
      this.#counts.retried++;
      const delayMs = retryDelayMs(
        Math.max(lane.failures, delivery.attempts),
        failure.retryAfterMs,
        (this.#options.random ?? Math.random)(),
      );
      lane.pausedUntilMs = nowMs + delayMs;
      await outbox.settle(delivery.id, { state: 'waiting', nextTryMs: lane.pausedUntilMs, lastError });
      return;
    }
  }

  async #deliver(destination: Destination, delivery: Delivery): Promise<IntegrationError | null> {
    try {
      const notice = await this.#options.noticeOf(delivery);
      await this.#options.open(destination, this.#options.io).deliver(notice);
      return null;
    } catch (error) {
      if (error instanceof IntegrationError) return error;
      return new IntegrationError('INTEGRATION_FAILED', error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}
