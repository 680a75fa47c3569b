/** Worker thread of shards.ts: segments in, encoded exchanges out. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Exchange, encodeExchange, encodeInto } from '../exchange/index.js';
import { exchangeOf } from './exchange-of.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { eachSegment, viewsOf } from './shard-record.js';
import type { ShardOrder, ShardReport } from './shards.js';

const PORTS = { serviceOf: () => '', principals: null };
const OBSERVER = { kind: 'sensor', id: '' } as const;

const FIRST_BYTES = 1 << 20;

let encoded = Buffer.from(new ArrayBuffer(FIRST_BYTES));
let length = 0;
let vnis: number[] = [];
const pipeline = new Pipeline(workerData as PipelineOptions, (pair, seen) => {
  // Who observed, which service and whose identity: the thread that took the packets knows.
  const exchange: Exchange | null = exchangeOf(pair, seen, OBSERVER, PORTS);
  if (exchange === null) return;
  append(exchange);
  vnis.push(seen.ends.vni);
});

function append(exchange: Exchange): void {
  const written = encodeInto(exchange, encoded, length);
  if (written >= 0) {
    length += written;
    return;
  }
  const record = encodeExchange(exchange);
  const grown = Buffer.from(new ArrayBuffer(Math.max(encoded.length * 2, length + record.length)));
  grown.set(encoded.subarray(0, length));
  grown.set(record, length);
  encoded = grown;
  length += record.length;
}

function report(returned: ArrayBuffer | null, ended: boolean): void {
  const { queued, held } = pipeline.bufferedBytes;
  const exchanges = length === 0 ? null : (encoded.buffer as ArrayBuffer).slice(0, length);
  const message: ShardReport = {
    exchanges,
    vnis,
    counters: pipeline.counters,
    buffered: queued + held,
    openFlows: pipeline.openFlows,
    returned,
    ended,
  };
  length = 0;
  vnis = [];
  parentPort?.postMessage(
    message,
    [exchanges, returned].filter((one) => one !== null),
  );
}

parentPort?.on('message', (order: ShardOrder) => {
  if (order.kind === 'segments') {
    eachSegment(viewsOf(order.bytes), order.length, (segment) => pipeline.segment(segment));
    report(order.bytes, false);
  } else if (order.kind === 'tick') {
    pipeline.tick(order.nowMs);
    report(null, false);
  } else {
    pipeline.end();
    report(null, true);
  }
});
