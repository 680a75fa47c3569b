/** What publisher and consumer say over the port of one stream. */
export type ToConsumer = {
  readonly kind: 'batch';
  readonly seq: number;
  readonly id: string;
  readonly memory: SharedArrayBuffer;
  /** The batch is `memory[offset, offset + byteLength)`. */
  readonly offset: number;
  readonly byteLength: number;
  readonly exchanges: number;
  readonly firstAtMs: number;
  readonly filled: number;
};

export type ToPublisher =
  | { readonly kind: 'ack'; readonly seqs: readonly number[] }
  /** Read, and no longer behind; the memory stays in use until the acknowledgement. */
  | { readonly kind: 'taken'; readonly seqs: readonly number[] }
  /** A consumer that passes batches on to Redis says whether Redis is there: drops are then counted under the true reason. */
  | { readonly kind: 'link'; readonly connected: boolean };
