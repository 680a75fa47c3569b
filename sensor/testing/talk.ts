import { type Endpoint, FLAG, type Timed, tcp4 } from './packets.js';

export interface TalkOptions {
  readonly client?: Endpoint;
  readonly server?: Endpoint;
  readonly clientIsn?: number;
  readonly serverIsn?: number;
  readonly startMs?: number;
  readonly stepMs?: number;
  /** Builds a packet; IPv4 without a link layer when absent. */
  readonly packet?: typeof tcp4;
}

const DEFAULT_CLIENT: Endpoint = { ip: [10, 0, 0, 1], port: 40_000 };
const DEFAULT_SERVER: Endpoint = { ip: [10, 0, 0, 2], port: 8_080 };
const NOTHING = Buffer.alloc(0);

/** One TCP connection, spoken by hand: each call adds the packets that a capture would hold, in order. */
export class Talk {
  readonly packets: Timed[] = [];
  readonly #ends: readonly [Endpoint, Endpoint];
  readonly #next: [number, number];
  readonly #sent: [Buffer, Buffer] = [NOTHING, NOTHING];
  readonly #stepMs: number;
  readonly #packet: typeof tcp4;
  nowMs: number;

  constructor(options: TalkOptions = {}) {
    this.#ends = [options.client ?? DEFAULT_CLIENT, options.server ?? DEFAULT_SERVER];
    this.#next = [options.clientIsn ?? 1_000, options.serverIsn ?? 9_000];
    this.nowMs = options.startMs ?? 1_700_000_000_000;
    this.#stepMs = options.stepMs ?? 1;
    this.#packet = options.packet ?? tcp4;
  }

  open(): this {
    this.#add(0, FLAG.syn, NOTHING);
    this.#next[0]++;
    this.#add(1, FLAG.syn | FLAG.ack, NOTHING);
    this.#next[1]++;
    return this.#ack(0);
  }

  client(bytes: string | Uint8Array, sizes?: readonly number[]): this {
    return this.#send(0, bytes, sizes);
  }

  server(bytes: string | Uint8Array, sizes?: readonly number[]): this {
    return this.#send(1, bytes, sizes);
  }

  close(): this {
    for (const side of [0, 1] as const) {
      this.#add(side, FLAG.fin | FLAG.ack, NOTHING);
      this.#next[side]++;
      this.#ack(side === 0 ? 1 : 0);
    }
    return this;
  }

  reset(side: 0 | 1 = 1): this {
    return this.#add(side, FLAG.rst | FLAG.ack, NOTHING);
  }

  /** Removes the packet at an index, as if the capture had lost it. */
  drop(index: number): this {
    this.packets.splice(index, 1);
    return this;
  }

  /** Retransmits the last `length` bytes of a side in one segment, however they were cut before. */
  again(side: 0 | 1, length: number): this {
    const bytes = this.#sent[side].subarray(-length);
    if (length === 0 || bytes.length === 0) return this;
    return this.#add(side, FLAG.ack | FLAG.psh, bytes, (this.#next[side] - bytes.length) >>> 0);
  }

  /** `sizes` of the segments, repeated as needed; whole segments of 1,448 bytes when absent. The other side acknowledges each send. */
  #send(side: 0 | 1, content: string | Uint8Array, sizes: readonly number[] = [1_448]): this {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : Buffer.from(content);
    this.#sent[side] = Buffer.concat([this.#sent[side], bytes]);
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = Math.max(1, sizes[turn % sizes.length]);
      const part = bytes.subarray(at, at + size);
      this.#add(side, FLAG.ack | FLAG.psh, part);
      this.#next[side] = (this.#next[side] + part.length) >>> 0;
      at += part.length;
    }
    return this.#ack(side === 0 ? 1 : 0);
  }

  #ack(side: 0 | 1): this {
    return this.#add(side, FLAG.ack, NOTHING);
  }

  #add(side: 0 | 1, flags: number, payload: Uint8Array, sequence = this.#next[side]): this {
    const other = side === 0 ? 1 : 0;
    const acknowledgement = (flags & FLAG.ack) === 0 ? 0 : this.#next[other];
    this.packets.push({
      tsMs: this.nowMs,
      bytes: this.#packet(this.#ends[side], this.#ends[other], sequence, acknowledgement, flags, payload),
    });
    this.nowMs += this.#stepMs;
    return this;
  }
}
