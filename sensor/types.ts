import type { Exchange, Principal } from '../exchange/index.js';
import type { ServiceNames, ServiceOf } from './services.js';

/**
 * One captured packet. A source reuses one object for all its packets: bytes and fields are borrowed for the call, whoever keeps them copies.
 */
export interface Packet {
  bytes: Uint8Array;
  /** First byte of the packet in `bytes`. */
  start: number;
  /** One past the last captured byte. */
  end: number;
  /** Length on the wire; larger than `end - start` when the capture cut the packet. */
  originalLength: number;
  /** Capture time, Unix epoch in fractional milliseconds. */
  tsMs: number;
  /** LINKTYPE_ value, https://www.tcpdump.org/linktypes.html */
  linkType: number;
  /** Network id of a tunnel header that the source took off itself; -1 for none. */
  vni: number;
}

export type OnPacket = (packet: Packet) => void;

/** What a source counted so far. Numbers only grow. */
export interface SourceStats {
  readonly packets: number;
  readonly bytes: number;
  /** Packets the kernel or the driver lost, as far as it tells; null when it cannot tell. */
  readonly droppedByKernel: number | null;
  /** Datagrams or records that could not be read as a packet. */
  readonly malformed: number;
  /** The driver has begun: from now on nothing goes by unheard. */
  readonly listening: boolean;
  /** One sentence about what is odd, for people; null when nothing is. */
  readonly remark: string | null;
}

/**
 * Where packets come from.
 *
 * `run` resolves when the source has ended (a file) or `signal` aborted, and rejects with a WeirError when it failed. It does not retry: the
 * caller supervises. Packets are handed over synchronously and in order; nothing is handed over after it settled. It may be run again
 * after it settled; counters go on.
 */
export interface CaptureSource {
  readonly kind: 'tcpdump' | 'cap' | 'vxlan' | 'geneve' | 'pcap';
  /** For people and metrics: interface, address or file. */
  readonly name: string;
  stats(): SourceStats;
  run(onPacket: OnPacket, signal: AbortSignal): Promise<void>;
}

/** What the sensor needs from the rest of weir. */
export interface SensorPorts {
  /** Takes a finished exchange. Must not wait and must not throw. The bytes of its bodies are borrowed for the call: whoever keeps them copies. */
  emit(exchange: Exchange): void;
  /** Service that a host belongs to. `vni` is the mirror's network id or null. */
  readonly serviceOf: ServiceOf;
  /** Identity in a request; null for none. */
  readonly principals: PrincipalPort | null;
  /** For more than one thread; without it everything goes through `emit`. */
  readonly records?: RecordsPort;
  /** Wall clock in Unix milliseconds. */
  now(): number;
}

/**
 * Lets further threads of a sensor finish what they find: what they encode is handed on as it is, instead of being read and encoded again by one thread. It
 * says as data what `serviceOf` and `principals` do.
 */
export interface RecordsPort {
  /** Takes records of the exchange codec, one behind the other. Bytes are borrowed for the call; must not wait and must not throw. */
  take(records: Uint8Array, exchanges: number): void;
  readonly services: ServiceNames;
  /** Key under which identities are hashed; null: they are not looked for. */
  readonly secret: string | null;
  /** Exchanges whose request has this field go through `emit` one by one, for somebody has to look at them first; null: none. */
  readonly apart: string | null;
}

export interface PrincipalPort {
  read(headers: readonly string[], target: string): Principal | null;
}

/** Bounds of a sensor; threads divide `flows` and `totalBytes` between them. Every one has a counter for what it turned away. */
export interface Limits {
  /** Out-of-order bytes and segments held per direction. */
  readonly outOfOrderBytes: number;
  readonly outOfOrderSegments: number;
  readonly headerBytes: number;
  /** Bytes of a body that are kept; framing goes on beyond. */
  readonly bodyBytes: number;
  /** Bytes that permessage-deflate may inflate one message to. */
  readonly decompressedBytes: number;
  readonly flows: number;
  /** Buffered bytes over all flows. */
  readonly totalBytes: number;
  /** Pipelined requests without an answer, and HTTP/2 streams open at once, per connection. */
  readonly outstanding: number;
  readonly tunnelDepth: number;
}

export const DEFAULT_LIMITS: Limits = {
  outOfOrderBytes: 1_048_576,
  outOfOrderSegments: 256,
  headerBytes: 65_536,
  bodyBytes: 1_048_576,
  decompressedBytes: 4_194_304,
  flows: 200_000,
  totalBytes: 536_870_912,
  outstanding: 1_024,
  tunnelDepth: 8,
};
