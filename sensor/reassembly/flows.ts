import type { Counters } from '../counters.js';
import { ACK, addressText, RST, type Segment, SYN } from '../decode/segment.js';
import type { Limits } from '../types.js';
import { Flow, type FlowContext, type HandlerOwner } from './flow.js';
import type { EndReason, Side, StreamHandler } from './handler.js';

/** Who talks: side 0 sent the first packet. `opener` is the side that opened the connection, -1 when that was not seen. */
export interface FlowEnds {
  readonly ip: readonly [string, string];
  readonly port: readonly [number, number];
  readonly opener: Side | -1;
  readonly vni: number;
}

export type HandlerFactory = (ends: FlowEnds) => StreamHandler;

/** What is known of one connection. A flood makes many of these, so they are small: texts and the handler are made when payload comes. */
class Entry implements HandlerOwner {
  readonly hash: number;
  /** Addresses of side 0 and side 1, four words each. */
  readonly addresses: Int32Array;
  readonly portA: number;
  readonly portB: number;
  readonly opener: Side | -1;
  readonly vni: number;
  readonly flow: Flow;
  readonly #open: HandlerFactory;
  chained: Entry | null;
  lastMs: number;
  /** When a reset was seen; the flow ends when nothing contradicts it for a while. -1: none. */
  resetMs = -1;
  list: List;
  newer: Entry | null = null;
  older: Entry | null = null;

  constructor(
    hash: number,
    segment: Segment,
    chained: Entry | null,
    list: List,
    open: HandlerFactory,
    context: FlowContext,
    nowMs: number,
  ) {
    const isSyn = (segment.flags & SYN) !== 0;
    this.hash = hash;
    this.addresses = new Int32Array(8);
    this.addresses.set(segment.source);
    this.addresses.set(segment.destination, 4);
    this.portA = segment.sourcePort;
    this.portB = segment.destinationPort;
    this.opener = isSyn ? ((segment.flags & ACK) === 0 ? 0 : 1) : -1;
    this.vni = segment.vni;
    this.#open = open;
    this.chained = chained;
    this.lastMs = nowMs;
    this.list = list;
    this.flow = new Flow(this, context);
  }

  openHandler(): StreamHandler {
    const [a, b, c, d, e, f, g, h] = this.addresses;
    return this.#open({
      ip: [addressText(a, b, c, d), addressText(e, f, g, h)],
      port: [this.portA, this.portB],
      opener: this.opener,
      vni: this.vni,
    });
  }

  /** Side that sent the segment; -1 when it belongs to another connection. */
  sideOf(segment: Segment): Side | -1 {
    const { addresses, portA, portB } = this;
    const { source, destination, sourcePort, destinationPort } = segment;
    if (portA === sourcePort && portB === destinationPort && matches(addresses, 0, source) && matches(addresses, 4, destination)) return 0;
    if (portB === sourcePort && portA === destinationPort && matches(addresses, 4, source) && matches(addresses, 0, destination)) return 1;
    return -1;
  }
}

/** Entries by time of their last packet, oldest first. */
class List {
  oldest: Entry | null = null;
  newest: Entry | null = null;
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  append(entry: Entry): void {
    entry.list = this;
    entry.older = this.newest;
    entry.newer = null;
    if (this.newest === null) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  remove(entry: Entry): void {
    if (entry.older === null) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === null) this.newest = entry.older;
    else entry.newer.older = entry.older;
  }
}

const EMBRYONIC_MS = 30_000;
/** As long as Suricata's; answers that long polls wait for come within. */
const ESTABLISHED_MS = 600_000;
/** Late retransmissions of a closed connection must not look like a new one. */
const LINGER_MS = 5_000;
/** Holes and idle connections are judged when so much time went by, not with every packet. */
export const SWEEP_MS = 100;
/** Bytes that nothing of a closed connection is away from where it ended. */
const FAR_AHEAD = 65_536;
const FAR_BEHIND = 2 ** 26;

/**
 * All TCP connections of a shard: finds the flow of a segment, opens, ends and forgets flows, and keeps them within the bounds.
 *
 * Time is that of the packets and only moves forward. The key has no network id unless `keyByVni`, so that a packet which both ends
 * mirror counts as a retransmission.
 */
export class Flows {
  readonly #counters: Counters;
  readonly #limits: Limits;
  readonly #open: HandlerFactory;
  readonly #keyByVni: boolean;
  readonly #context: FlowContext;
  readonly #held: () => number;
  readonly #table = new Map<number, Entry>();
  readonly #embryonic = new List(EMBRYONIC_MS);
  readonly #established = new List(ESTABLISHED_MS);
  readonly #closed = new List(LINGER_MS);
  readonly #waiting = new Set<Entry>();
  #size = 0;
  #nowMs = 0;
  #sweptMs = 0;

  /** `held` tells the bytes that handlers hold, which count towards the total bound. */
  constructor(counters: Counters, limits: Limits, keyByVni: boolean, open: HandlerFactory, held: () => number) {
    this.#counters = counters;
    this.#limits = limits;
    this.#keyByVni = keyByVni;
    this.#open = open;
    this.#held = held;
    this.#context = { counters, limits, queuedBytes: 0 };
  }

  get size(): number {
    return this.#size;
  }

  get queuedBytes(): number {
    return this.#context.queuedBytes;
  }

  /** `hash` is `hashOf` the segment. */
  accept(segment: Segment, hash: number): void {
    if (segment.tsMs > this.#nowMs) this.#advance(segment.tsMs);
    let entry = this.#find(hash, segment);
    const flags = segment.flags;
    if (entry !== null && this.#reuses(entry, segment)) {
      this.#end(entry, entry.resetMs >= 0 ? 'reset' : 'reused');
      this.#forget(entry);
      entry = null;
    }
    if (entry === null) {
      // Nothing can follow from these, and nothing can be in them.
      if ((flags & RST) !== 0 || ((flags & SYN) === 0 && segment.wireLength === 0)) {
        this.#ignore(segment);
        return;
      }
      entry = this.#add(hash, segment);
    }
    entry.lastMs = this.#nowMs;
    if (entry.flow.ended) {
      this.#ignore(segment);
      this.#touch(entry, this.#closed);
      return;
    }
    this.#deliver(entry, segment);
  }

  #deliver(entry: Entry, segment: Segment): void {
    const flow = entry.flow;
    const side = entry.sideOf(segment) === 1 ? 1 : 0;
    const flags = segment.flags;
    if ((flags & RST) !== 0) {
      this.#reset(entry, side, segment);
      return;
    }
    let sequence = segment.sequence;
    if ((flags & SYN) !== 0) {
      sequence = (sequence + 1) | 0;
      const half = flow.halves[side];
      if (!half.used) half.sync(sequence);
    }
    if (entry.resetMs >= 0 && !this.#contradicts(flow, side, segment, sequence)) {
      this.#ignore(segment);
      return;
    }
    entry.resetMs = -1;
    flow.accept(side, segment, sequence, (flags & ACK) !== 0);
    if (flow.bothFinished && !flow.waiting) {
      this.#counters.flowsClosed++;
      this.#end(entry, 'fin');
      return;
    }
    if (flow.waiting) this.#waiting.add(entry);
    else if (this.#waiting.size > 0) this.#waiting.delete(entry);
    this.#touch(entry, segment.wireLength > 0 || (flags & SYN) === 0 ? this.#established : entry.list);
    if (this.#context.queuedBytes + this.#held() > this.#limits.totalBytes) this.#makeRoom();
  }

  /** A reset counts at the sequence number that is expected next, or behind the last byte that was sent; others may be forged (RFC 5961 §3). */
  #reset(entry: Entry, side: Side, segment: Segment): void {
    const half = entry.flow.halves[side];
    const peer = entry.flow.halves[1 - side];
    this.#counters.payloadBytes += segment.end - segment.start;
    this.#counters.ignoredBytes += segment.end - segment.start;
    let accepted: boolean;
    if (half.synced) {
      const at = half.offsetOf(segment.sequence);
      const last = half.queue.length > 0 ? half.queue[half.queue.length - 1].end : half.next;
      accepted = at === half.next || at === last || at === half.acknowledged || (half.finished && at === half.next - 1);
    } else {
      // The answer to a SYN: it must acknowledge exactly that.
      accepted = (segment.flags & ACK) !== 0 && (!peer.synced || peer.offsetOf(segment.acknowledgement) <= peer.next);
    }
    if (!accepted) {
      this.#counters.resetsRefused++;
      return;
    }
    if (entry.resetMs < 0) this.#counters.flowsReset++;
    entry.resetMs = segment.tsMs;
    this.#touch(entry, this.#closed);
  }

  /**
   * The other end may not have believed a reset that looked good (a forged one, a wrong checksum): a handshake that goes on, or payload exactly at
   * the expected place from the end that should have been silenced, shows that the connection lives.
   */
  #contradicts(flow: Flow, side: Side, segment: Segment, sequence: number): boolean {
    if ((segment.flags & SYN) !== 0) return true;
    const half = flow.halves[side];
    if (segment.wireLength === 0 || !half.synced) return false;
    return half.offsetOf(sequence) === half.next;
  }

  /**
   * A SYN with another initial sequence number on known addresses and ports is a new connection; so is payload far from everything that a closed one
   * can have sent, whose SYN is not in the capture.
   */
  #reuses(entry: Entry, segment: Segment): boolean {
    if ((segment.flags & (SYN | ACK | RST)) !== SYN) {
      if (!entry.flow.ended || segment.wireLength === 0 || (segment.flags & (SYN | RST)) !== 0) return false;
      const half = entry.flow.halves[entry.sideOf(segment) === 1 ? 1 : 0];
      const distance = half.synced ? half.offsetOf(segment.sequence) - half.next : 0;
      return distance > FAR_AHEAD || distance < -FAR_BEHIND;
    }
    const side = entry.sideOf(segment) === 1 ? 1 : 0;
    const half = entry.flow.halves[side];
    const isn = (segment.sequence + 1) | 0;
    if (entry.flow.ended) return !half.synced || half.base !== isn;
    return half.synced && half.base !== isn;
  }

  #ignore(segment: Segment): void {
    const captured = segment.end - segment.start;
    this.#counters.payloadBytes += captured;
    this.#counters.ignoredBytes += captured;
  }

  #find(hash: number, segment: Segment): Entry | null {
    let entry = this.#table.get(hash) ?? null;
    while (entry !== null) {
      if ((!this.#keyByVni || entry.vni === segment.vni) && entry.sideOf(segment) >= 0) return entry;
      entry = entry.chained;
    }
    return null;
  }

  #add(hash: number, segment: Segment): Entry {
    if (this.#size >= this.#limits.flows) this.#evictOne();
    const syn = (segment.flags & SYN) !== 0;
    const list = syn ? this.#embryonic : this.#established;
    const entry = new Entry(hash, segment, this.#table.get(hash) ?? null, list, this.#open, this.#context, this.#nowMs);
    this.#table.set(hash, entry);
    list.append(entry);
    this.#size++;
    this.#counters.flows++;
    if (!syn) this.#counters.midstreamFlows++;
    return entry;
  }

  #touch(entry: Entry, list: List): void {
    if (list.newest === entry) return;
    entry.list.remove(entry);
    list.append(entry);
  }

  #end(entry: Entry, reason: EndReason): void {
    if (entry.flow.ended) return;
    entry.flow.end(reason, this.#nowMs);
    this.#waiting.delete(entry);
    this.#touch(entry, this.#closed);
  }

  #forget(entry: Entry): void {
    entry.list.remove(entry);
    this.#size--;
    const first = this.#table.get(entry.hash) as Entry;
    if (first === entry) {
      if (entry.chained === null) this.#table.delete(entry.hash);
      else this.#table.set(entry.hash, entry.chained);
      return;
    }
    let before = first;
    while (before.chained !== entry) before = before.chained as Entry;
    before.chained = entry.chained;
  }

  /** Closed flows go first, then half-open ones, then the one that was idle longest. */
  #evictOne(): boolean {
    const entry = this.#closed.oldest ?? this.#embryonic.oldest ?? this.#established.oldest;
    if (entry === null) return false;
    if (!entry.flow.ended) {
      if (entry.resetMs < 0) this.#counters.flowsEvicted++;
      this.#end(entry, entry.resetMs < 0 ? 'evicted' : 'reset');
    }
    this.#forget(entry);
    return true;
  }

  #makeRoom(): void {
    // A tenth at once, so that a full table does not evict with every packet.
    const goal = this.#limits.totalBytes * 0.9;
    while (this.#context.queuedBytes + this.#held() > goal) if (!this.#evictOne()) return;
  }

  /** Moves time forward: judges holes and ends what was idle for too long. Called with packet time, and by live sources with wall time. */
  tick(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#advance(nowMs);
  }

  #advance(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const entry of this.#waiting) {
      entry.flow.tick(nowMs);
      if (entry.flow.waiting) continue;
      this.#waiting.delete(entry);
      if (entry.flow.bothFinished) {
        this.#counters.flowsClosed++;
        this.#end(entry, 'fin');
      }
    }
    for (const list of [this.#closed, this.#embryonic, this.#established]) {
      for (let entry = list.oldest; entry !== null && nowMs - entry.lastMs > list.timeoutMs; entry = list.oldest) {
        if (!entry.flow.ended) {
          if (entry.resetMs < 0) this.#counters.flowsIdle++;
          entry.flow.end(entry.resetMs < 0 ? 'idle' : 'reset', entry.lastMs);
          this.#waiting.delete(entry);
        }
        this.#forget(entry);
      }
    }
  }

  /** The capture is over: hands over everything that is left. */
  endAll(): void {
    for (const list of [this.#established, this.#embryonic, this.#closed]) {
      for (let entry = list.oldest; entry !== null; entry = list.oldest) {
        entry.flow.end(entry.resetMs < 0 ? 'end-of-capture' : 'reset', this.#nowMs);
        this.#forget(entry);
      }
    }
    this.#waiting.clear();
  }
}

function matches(addresses: Int32Array, at: number, other: Int32Array): boolean {
  return addresses[at + 3] === other[3] && addresses[at + 2] === other[2] && addresses[at + 1] === other[1] && addresses[at] === other[0];
}

/** Hash of a connection, the same for both directions: decides which shard looks after it. */
export function hashOf(segment: Segment, keyByVni: boolean): number {
  const { source, destination } = segment;
  const from = endHash(source[0], source[1], source[2], source[3], segment.sourcePort);
  const to = endHash(destination[0], destination[1], destination[2], destination[3], segment.destinationPort);
  return mixed(keyByVni ? (from + to) ^ (segment.vni * 0x27d4eb2f) : from + to);
}

function mixed(sum: number): number {
  const product = Math.imul(sum, 0x9e3779b1);
  return product ^ (product >>> 15);
}

function endHash(a: number, b: number, c: number, d: number, port: number): number {
  let hash = Math.imul(d ^ Math.imul(port, 0x85ebca6b), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 13) ^ b, 0x27d4eb2f);
  return (hash ^ (hash >>> 16) ^ a ^ Math.imul(c, 0x165667b1)) | 0;
}
