import type { Counters } from './counters.js';
import type { Segment } from './decode/segment.js';
import type { Seen } from './exchange-of.js';
import { Connection } from './http/connection.js';
import { type Pair, release } from './http/message.js';
import { Rooms } from './http/rooms.js';
import { Flows } from './reassembly/flows.js';
import type { Limits } from './types.js';

export type OnSeenPair = (pair: Pair, seen: Seen) => void;

/**
 * Segments in, pairs out: the TCP connections of one shard and the HTTP in them, without I/O and without a clock of its own.
 *
 * Pairs come out synchronously, during the segment that completed them; `tick` and `end` also give some. The bytes of their bodies are borrowed for the call.
 */
export class Connections {
  readonly #flows: Flows;
  readonly #rooms = new Rooms();

  /** `keyByVni` tells connections with equal addresses apart by the mirror's network id. */
  constructor(counters: Counters, limits: Limits, keyByVni: boolean, onPair: OnSeenPair) {
    const context = { counters, limits, rooms: this.#rooms };
    this.#flows = new Flows(
      counters,
      limits,
      keyByVni,
      (ends) =>
        new Connection(ends.opener === -1, context, (pair, client, proxied) => {
          onPair(pair, { ends, client, proxied });
          release(pair);
        }),
      () => this.#rooms.bytes,
    );
  }

  /** Bytes that wait out of order, and bytes of unfinished messages. */
  get bufferedBytes(): { readonly queued: number; readonly held: number } {
    return { queued: this.#flows.queuedBytes, held: this.#rooms.bytes };
  }

  get openFlows(): number {
    return this.#flows.size;
  }

  /** `hash` is `hashOf` the segment. */
  accept(segment: Segment, hash: number): void {
    this.#flows.accept(segment, hash);
  }

  /** Time went on: gives up holes and idle connections. */
  tick(nowMs: number): void {
    this.#flows.tick(nowMs);
  }

  /** Nothing more will come: everything that is open is handed over as far as it was seen. */
  end(): void {
    this.#flows.endAll();
  }
}
