import { type Counters, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import type { Seen } from './exchange-of.js';
import { Connection } from './http/connection.js';
import { type Pair, release } from './http/message.js';
import type { ReaderContext } from './http/reader.js';
import { Rooms } from './http/rooms.js';
import { type FlowEnds, Flows } from './reassembly/flows.js';
import type { StreamHandler } from './reassembly/handler.js';
import { DEFAULT_LIMITS, type Limits, type Packet } from './types.js';

export interface PipelineOptions {
  readonly limits?: Partial<Limits>;
  /** Tells connections with equal addresses apart by the mirror's network id. Off: one packet mirrored twice counts once. */
  readonly keyByVni?: boolean;
  readonly verifyChecksums?: boolean;
}

export type OnSeenPair = (pair: Pair, seen: Seen) => void;

/** The application layer of a connection that is looked after in this thread. */
export function connectionOf(ends: FlowEnds, context: ReaderContext, onPair: OnSeenPair): StreamHandler {
  return new Connection(ends.opener === -1, context, (pair, client, proxied) => {
    onPair(pair, { ends, client, proxied });
    release(pair);
  });
}

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

  /** `elsewhere` gives the handler of a connection that another thread looks after, or null. */
  constructor(options: PipelineOptions, onPair: OnSeenPair, elsewhere: (ends: FlowEnds) => StreamHandler | null = () => null) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const counters = this.counters;
    this.#decoder = new Decoder(counters, { tunnelDepth: limits.tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
    const context = { counters, limits, rooms: this.#rooms };
    const open = (ends: FlowEnds) => elsewhere(ends) ?? connectionOf(ends, context, onPair);
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

  /** Time went on: gives up holes and idle connections. */
  tick(nowMs: number): void {
    this.#flows.tick(nowMs);
  }

  /** Nothing more will come: everything that is open is handed over as far as it was seen. */
  end(): void {
    this.#flows.endAll();
  }
}
