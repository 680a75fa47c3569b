import type { Counters } from '../counters.js';
import { FIN, type Segment } from '../decode/segment.js';
import type { Limits } from '../types.js';
import { Half, type Piece } from './half.js';
import type { EndReason, Side, StreamHandler } from './handler.js';

/** Segments and time that a hole is waited for after the peer acknowledged past it: captures reorder, across directions too. */
const PATIENCE_SEGMENTS = 64;
const PATIENCE_MS = 1_000;
/** The same without an acknowledgement: the peer may not be in the capture, or the segment is still to be retransmitted. */
const UNACKNOWLEDGED_MS = 5_000;
/** Sequence numbers further away than this belong to nothing that is under way. */
const WINDOW = 2 ** 30;

export interface FlowContext {
  readonly counters: Counters;
  readonly limits: Limits;
  /** Bytes queued over all flows of the shard. */
  queuedBytes: number;
}

export interface HandlerOwner {
  openHandler(): StreamHandler;
}

/** One TCP connection: two halves, joined so that both streams are handed over in causal order. */
export class Flow {
  readonly halves: readonly [Half, Half] = [new Half(), new Half()];
  readonly #owner: HandlerOwner;
  #handler: StreamHandler | null = null;
  readonly #context: FlowContext;
  #segments = 0;
  /** When and at which segment the flow began to wait for the hole of that name; -1 while it does not wait. */
  #waitingSinceMs = -1;
  #waitingSinceSegment = 0;
  #waitingFor = -1;
  ended = false;

  constructor(owner: HandlerOwner, context: FlowContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** Made with the first payload: a flood of connections that are never used costs no more than it must. */
  get #stream(): StreamHandler {
    this.#handler ??= this.#owner.openHandler();
    return this.#handler;
  }

  get waiting(): boolean {
    return this.#waitingSinceMs >= 0;
  }

  get bothFinished(): boolean {
    return this.halves[0].finished && this.halves[1].finished;
  }

  /** Takes a segment's acknowledgement, payload and FIN. `ack` is false when the segment carries no acknowledgement. */
  accept(side: Side, segment: Segment, sequence: number, ack: boolean): void {
    const half = this.halves[side];
    const peer = this.halves[1 - side];
    this.#segments++;
    let acknowledges = -1;
    if (ack) {
      peer.peerAck = segment.acknowledgement;
      peer.peerAckSeen = true;
      if (peer.synced) {
        acknowledges = peer.offsetOf(segment.acknowledgement);
        // Nobody acknowledges what nobody sent, except to make those who listen believe in a hole.
        if (acknowledges > peer.seenEnd + this.#context.limits.outOfOrderBytes) acknowledges = -1;
        else if (acknowledges > peer.acknowledged) peer.acknowledged = acknowledges;
      }
    }
    const captured = segment.end - segment.start;
    if (segment.wireLength > 0 || (segment.flags & FIN) !== 0) {
      if (!half.synced) this.#syncInMidstream(half, sequence);
      const at = half.offsetOf(sequence);
      const end = at + segment.wireLength;
      if ((segment.flags & FIN) !== 0 && (half.finAt < 0 || end < half.finAt) && end >= half.next) half.finAt = end;
      if (captured > 0 || segment.wireLength > 0) this.#payload(side, half, peer, segment, at, end, acknowledges);
    }
    if (half.queue.length === 0 && peer.queue.length === 0) {
      this.#finish(side, segment.tsMs);
      if (half.tailUnseen || peer.tailUnseen) this.#judge(segment.tsMs);
      else this.#waitingSinceMs = -1;
    } else {
      this.#drain(segment.tsMs);
      this.#judge(segment.tsMs);
    }
  }

  #payload(side: Side, half: Half, peer: Half, segment: Segment, at: number, end: number, acknowledges: number): void {
    const context = this.#context;
    const { counters } = context;
    const captured = segment.end - segment.start;
    counters.payloadBytes += captured;
    half.used = true;
    if (at > half.next + WINDOW || half.finished || (half.finAt >= 0 && at >= half.finAt && at > half.next)) {
      counters.ignoredBytes += captured;
      return;
    }
    if (end <= half.next) {
      counters.duplicateBytes += captured;
      return;
    }
    const late = at > half.next || half.queue.length > 0 || (peer.synced && acknowledges > peer.next);
    if (!late && captured === segment.wireLength) {
      const skip = half.next - at;
      counters.duplicateBytes += skip;
      counters.deliveredBytes += captured - skip;
      half.next = end;
      this.#stream.onBytes(side, segment.bytes, segment.start + skip, segment.end, segment.tsMs);
      return;
    }
    counters.outOfOrder++;
    const bytes = segment.bytes.subarray(segment.start, segment.end);
    const taken = half.insert(at, at + captured, bytes, segment.tsMs, acknowledges, counters);
    if (captured < segment.wireLength) half.insert(at + captured, end, null, segment.tsMs, acknowledges, counters);
    counters.duplicateBytes += captured - taken;
    context.queuedBytes += taken;
  }

  /** Without a SYN the stream starts at what the peer acknowledged last, if that lies shortly before, else at this segment. */
  #syncInMidstream(half: Half, sequence: number): void {
    half.sync(sequence);
    if (!half.peerAckSeen) return;
    const behind = (sequence - half.peerAck) | 0;
    if (behind > 0 && behind <= this.#context.limits.outOfOrderBytes) half.sync(half.peerAck);
  }

  /** Hands over what can be handed over, alternating between the sides as their acknowledgements allow. */
  #drain(nowMs: number): void {
    for (let progressed = true; progressed; ) {
      progressed = false;
      for (const side of [0, 1] as const) {
        while (this.#deliverHead(side)) progressed = true;
        if (this.#finish(side, nowMs)) progressed = true;
      }
    }
  }

  #deliverHead(side: Side): boolean {
    const half = this.halves[side];
    const peer = this.halves[1 - side];
    const piece = half.queue[0];
    if (piece === undefined || piece.at > half.next) return false;
    if (peer.synced && !peer.finished && piece.acknowledges > peer.next) return false;
    half.queue.shift();
    this.#handOver(side, half, piece);
    return true;
  }

  #handOver(side: Side, half: Half, piece: Piece): void {
    const context = this.#context;
    half.next = piece.end;
    if (piece.bytes === null) {
      this.#lost(side, piece.end - piece.at, piece.tsMs);
      return;
    }
    half.queuedBytes -= piece.bytes.length;
    context.queuedBytes -= piece.bytes.length;
    context.counters.deliveredBytes += piece.bytes.length;
    this.#stream.onBytes(side, piece.bytes, 0, piece.bytes.length, piece.tsMs);
  }

  #lost(side: Side, length: number, tsMs: number): void {
    this.#context.counters.gaps++;
    this.#context.counters.gapBytes += length;
    this.#stream.onGap(side, length, tsMs);
  }

  #finish(side: Side, tsMs: number): boolean {
    const half = this.halves[side];
    if (half.finished || half.finAt < 0 || half.next < half.finAt) return false;
    half.finished = true;
    // FIN counts one sequence number.
    half.next = half.finAt + 1;
    this.#handler?.onFin(side, tsMs);
    return true;
  }

  /** Decides whether to go on waiting. Each hole has a wait of its own: a stream that is reordered all the time has one hole after the other. */
  #judge(nowMs: number): void {
    for (let rounds = 0; rounds < 4096; rounds++) {
      const [first, second] = this.halves;
      const isQueued = first.queue.length > 0 || second.queue.length > 0;
      if (!isQueued && !first.tailUnseen && !second.tailUnseen) {
        this.#waitingSinceMs = -1;
        return;
      }
      const side = isQueued ? this.#blockedSide() : first.tailUnseen ? 0 : 1;
      const name = this.halves[side].next * 2 + side;
      if (this.#waitingSinceMs < 0 || this.#waitingFor !== name) {
        this.#waitingSinceMs = nowMs;
        this.#waitingSinceSegment = this.#segments;
        this.#waitingFor = name;
      }
      const { limits } = this.#context;
      const waitedMs = nowMs - this.#waitingSinceMs;
      const full = first.overLimit(limits) || second.overLimit(limits);
      const patient = waitedMs < PATIENCE_MS && this.#segments - this.#waitingSinceSegment < PATIENCE_SEGMENTS;
      if (!full && (patient || (!this.#holeAcknowledged() && waitedMs < UNACKNOWLEDGED_MS))) return;
      if (isQueued) this.#skipHole(nowMs);
      else this.#advance(side, this.halves[side].tailEnd, nowMs);
      this.#waitingSinceMs = -1;
      this.#drain(nowMs);
    }
  }

  #holeAcknowledged(): boolean {
    const [first, second] = this.halves;
    return first.acknowledged > first.next || second.acknowledged > second.next;
  }

  /** Side of the segment that has waited longest. */
  #oldestSide(): Side {
    const [first, second] = this.halves;
    return second.queue.length === 0 || (first.queue.length > 0 && first.queue[0].tsMs <= second.queue[0].tsMs) ? 0 : 1;
  }

  /** Side with the hole that the oldest waiting segment waits for: its own, or the other one when it acknowledges what was not seen there. */
  #blockedSide(): Side {
    const side = this.#oldestSide();
    const half = this.halves[side];
    return half.queue[0].at > half.next ? side : ((1 - side) as Side);
  }

  /** Declares the hole that the oldest waiting segment waits for as lost. */
  #skipHole(nowMs: number): void {
    const side = this.#oldestSide();
    const half = this.halves[side];
    const piece = half.queue[0];
    const blocked = this.#blockedSide();
    const peerHead = this.halves[1 - side].queue[0];
    if (blocked === side) {
      // What the peer sent when it had only the first part of what is lost goes in front of the second part.
      const isBetween = peerHead !== undefined && peerHead.acknowledges > half.next && peerHead.acknowledges < piece.at;
      this.#advance(side, isBetween ? peerHead.acknowledges : piece.at, nowMs);
      return;
    }
    const peer = this.halves[blocked];
    const until = peerHead !== undefined && peerHead.at > peer.next ? Math.min(peerHead.at, piece.acknowledges) : piece.acknowledges;
    if (until > peer.next && !(peerHead !== undefined && peerHead.at <= peer.next)) {
      this.#advance(blocked, until, nowMs);
      return;
    }
    // Both wait for each other: the oldest goes first.
    half.queue.shift();
    this.#handOver(side, half, piece);
  }

  #advance(side: Side, until: number, nowMs: number): void {
    const half = this.halves[side];
    const length = until - half.next;
    half.next = until;
    this.#lost(side, length, nowMs);
  }

  /** Time went on without a segment. */
  tick(nowMs: number): void {
    if (this.waiting) this.#judge(nowMs);
  }

  /** Hands over everything that is left, with its holes, and ends the streams. */
  end(reason: EndReason, tsMs: number): void {
    if (this.ended) return;
    this.ended = true;
    if (reason === 'evicted') this.#drop();
    while (this.halves[0].queue.length > 0 || this.halves[1].queue.length > 0) {
      this.#skipHole(tsMs);
      this.#drain(tsMs);
    }
    for (const side of [0, 1] as const) this.#missingTail(side, tsMs);
    this.#handler?.onEnd(reason, tsMs);
  }

  /** What the peer acknowledged and nobody saw: the tail of the stream is missing. */
  #missingTail(side: Side, tsMs: number): void {
    const half = this.halves[side];
    if (!half.synced || half.finished) return;
    const until = half.finAt >= 0 ? half.finAt : half.acknowledged - 1;
    if (until > half.next && until - half.next < WINDOW) this.#advance(side, until, tsMs);
    this.#finish(side, tsMs);
  }

  #drop(): void {
    for (const half of this.halves) {
      this.#context.counters.evictedBytes += half.queuedBytes;
      this.#context.queuedBytes -= half.queuedBytes;
      half.queuedBytes = 0;
      half.queue.length = 0;
    }
  }
}
