/** Worker thread of shards.ts: segments in, encoded exchanges out. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Exchange, encodeExchange } from '../exchange/index.js';
import { exchangeOf } from './exchange-of.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { eachSegment } from './shard-record.js';
import type { ShardOrder, ShardReport } from './shards.js';

const PORTS = { serviceOf: () => '', principals: null };
const OBSERVER = { kind: 'sensor', id: '' } as const;

let encoded: Uint8Array[] = [];
let vnis: number[] = [];
const pipeline = new Pipeline(workerData as PipelineOptions, (pair, seen) => {
  // Who observed, which service and whose identity: the thread that took the packets knows.
  const exchange: Exchange | null = exchangeOf(pair, seen, OBSERVER, PORTS);
  if (exchange === null) return;
  encoded.push(encodeExchange(exchange));
  vnis.push(seen.ends.vni);
});

function report(returned: ArrayBuffer | null, ended: boolean): void {
  const { queued, held } = pipeline.bufferedBytes;
  const exchanges = encoded.length === 0 ? null : joined(encoded);
  const message: ShardReport = {
    exchanges,
    vnis,
    counters: pipeline.counters,
    buffered: queued + held,
    openFlows: pipeline.openFlows,
    returned,
    ended,
  };
  encoded = [];
  vnis = [];
  parentPort?.postMessage(
    message,
    [exchanges, returned].filter((one) => one !== null),
  );
}

function joined(parts: readonly Uint8Array[]): ArrayBuffer {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
}

parentPort?.on('message', (order: ShardOrder) => {
  if (order.kind === 'segments') {
    eachSegment(Buffer.from(order.bytes), order.length, (segment) => pipeline.segment(segment));
    report(order.bytes, false);
  } else if (order.kind === 'tick') {
    pipeline.tick(order.nowMs);
    report(null, false);
  } else {
    pipeline.end();
    report(null, true);
  }
});
