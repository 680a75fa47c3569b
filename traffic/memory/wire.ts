/** What publisher and consumer say over the port of one stream. */
export type ToConsumer = {
  readonly kind: 'batch';
  readonly seq: number;
  readonly id: string;
  readonly memory: SharedArrayBuffer;
  readonly byteLength: number;
  readonly exchanges: number;
  readonly firstAtMs: number;
};

export type ToPublisher =
  | { readonly kind: 'ack'; readonly seqs: readonly number[] }
  /** A consumer that passes batches on to Redis says whether Redis is there: drops are then counted under the true reason. */
  | { readonly kind: 'link'; readonly connected: boolean };
