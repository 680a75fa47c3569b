import { type Counters, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import type { Segment } from './decode/segment.js';
import type { Seen } from './exchange-of.js';
import { Connection } from './http/connection.js';
import { type Pair, release } from './http/message.js';
import { Rooms } from './http/rooms.js';
import { type FlowEnds, Flows } from './reassembly/flows.js';
import { DEFAULT_LIMITS, type Limits, type Packet } from './types.js';

export interface PipelineOptions {
  readonly limits?: Partial<Limits>;
  /** Tells connections with equal addresses apart by the mirror's network id. Off: one packet mirrored twice counts once. */
  readonly keyByVni?: boolean;
  readonly verifyChecksums?: boolean;
}

export type OnSeenPair = (pair: Pair, seen: Seen) => void;

/**
 * Packets in, pairs out: decoder, flows and HTTP of one shard, without I/O and without a clock of its own.
 *
 * Pairs come out synchronously, during the packet that completed them; `tick` and `end` also give some. The bytes of their bodies are borrowed for the call.
 */
export class Pipeline {
  readonly counters: Counters = newCounters();
  readonly #decoder: Decoder;
  readonly #flows: Flows;
  readonly #rooms = new Rooms();

  constructor(options: PipelineOptions, onPair: OnSeenPair) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const counters = this.counters;
    this.#decoder = new Decoder(counters, { tunnelDepth: limits.tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
    const context = { counters, limits, rooms: this.#rooms };
    const open = (ends: FlowEnds) =>
      new Connection(ends.opener === -1, context, (pair, client, proxied) => {
        onPair(pair, { ends, client, proxied });
        release(pair);
      });
    this.#flows = new Flows(counters, limits, options.keyByVni ?? false, open, () => this.#rooms.bytes);
  }

  /** Bytes that wait out of order, and bytes of unfinished messages. */
  get bufferedBytes(): { readonly queued: number; readonly held: number } {
    return { queued: this.#flows.queuedBytes, held: this.#rooms.bytes };
  }

  get openFlows(): number {
    return this.#flows.size;
  }

  packet(packet: Packet): void {
    const segment = this.#decoder.decode(packet);
    if (segment !== null) this.#flows.accept(segment);
  }

  /** For callers that decode themselves, to choose a shard. */
  segment(segment: Segment, hash: number): void {
    this.#flows.acceptHashed(segment, hash);
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
