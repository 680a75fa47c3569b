/** Side of a flow: 0 sent the first packet that was seen, 1 is the other. */
export type Side = 0 | 1;

export type EndReason = 'fin' | 'reset' | 'idle' | 'evicted' | 'reused' | 'end-of-capture';

/**
 * Takes the two byte streams of one TCP connection, in an order in which they can have been sent: bytes that a segment acknowledges were handed
 * over (or declared lost) before that segment's own. A hole is an event, not an error. Bytes are borrowed for the call.
 */
export interface StreamHandler {
  onBytes(side: Side, bytes: Uint8Array, start: number, end: number, tsMs: number): void;
  /** `length` bytes of the stream were on the wire and are not in the capture. */
  onGap(side: Side, length: number, tsMs: number): void;
  /** The side has sent everything it had to send. */
  onFin(side: Side, tsMs: number): void;
  /** Nothing more will come, for either side. Called once. */
  onEnd(reason: EndReason, tsMs: number): void;
}
