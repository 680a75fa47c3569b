import { Connections, type OnSeenPair } from './connections.js';
import { type Counters, newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import { hashOf } from './reassembly/flows.js';
import { DEFAULT_LIMITS, type Limits, type Packet } from './types.js';

export interface PipelineOptions {
  readonly limits?: Partial<Limits>;
  /** Tells connections with equal addresses apart by the mirror's network id. Off: one packet mirrored twice counts once. */
  readonly keyByVni?: boolean;
  readonly verifyChecksums?: boolean;
}

/** Packets in, pairs out: decoder and connections on this thread. For when pairs come out, and what is borrowed, see `Connections`. */
export class Pipeline {
  readonly counters: Counters = newCounters();
  readonly #decoder: Decoder;
  readonly #connections: Connections;
  readonly #keyByVni: boolean;

  constructor(options: PipelineOptions, onPair: OnSeenPair) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#keyByVni = options.keyByVni ?? false;
    this.#decoder = new Decoder(this.counters, { tunnelDepth: limits.tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
    this.#connections = new Connections(this.counters, limits, this.#keyByVni, onPair);
  }

  /** Bytes that wait out of order, and bytes of unfinished messages. */
  get bufferedBytes(): { readonly queued: number; readonly held: number } {
    return this.#connections.bufferedBytes;
  }

  get openFlows(): number {
    return this.#connections.openFlows;
  }

  packet(packet: Packet): void {
    const segment = this.#decoder.decode(packet);
    if (segment !== null) this.#connections.accept(segment, hashOf(segment, this.#keyByVni));
  }

  /** Time went on: gives up holes and idle connections. */
  tick(nowMs: number): void {
    this.#connections.tick(nowMs);
  }

  /** Nothing more will come: everything that is open is handed over as far as it was seen. */
  end(): void {
    this.#connections.end();
  }
}
