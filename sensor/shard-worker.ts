/** Worker thread of shards.ts: what happens to streams in, encoded exchanges out. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Exchange, header, PrincipalReader } from '../exchange/index.js';
import { newCounters } from './counters.js';
import { exchangeOf } from './exchange-of.js';
import { Rooms } from './http/rooms.js';
import { connectionOf, type OnSeenPair } from './pipeline.js';
import { RecordBatch } from './record-batch.js';
import { serviceFinder } from './services.js';
import { BATCH_BYTES, type ShardOrder, type ShardReport, type ShardSettings } from './shards.js';
import { NearStreams, viewsOf } from './stream-records.js';

const COUNTERS_EVERY_MS = 100;

const { limits, observer, finish } = workerData as ShardSettings;
// Without what it takes to finish them, the thread that has it does that.
const ports =
  finish === null
    ? { serviceOf: () => '', principals: null }
    : { serviceOf: serviceFinder(finish.services), principals: finish.secret === null ? null : new PrincipalReader(finish.secret) };
const counters = newCounters();
const rooms = new Rooms();
const spares: ArrayBuffer[] = [];
const newBatch = () => new RecordBatch(() => spares.pop() ?? new ArrayBuffer(BATCH_BYTES));
const batch = newBatch();
let vnis: number[] = [];
let countedAtMs = 0;

function post(report: ShardReport, memory: ArrayBuffer | null): void {
  parentPort?.postMessage(report, memory === null ? [] : [memory]);
}

const onPair: OnSeenPair = (pair, seen) => {
  const exchange = exchangeOf(pair, seen, observer, ports);
  if (exchange === null) return;
  if (finish?.apart != null && header(exchange.request.headers, finish.apart) !== null) {
    const alone = newBatch();
    alone.append(exchange);
    handOver(alone, true);
    return;
  }
  append(exchange);
  if (finish === null) vnis.push(seen.ends.vni);
};

const context = { counters, limits, rooms };
const streams = new NearStreams((ends) => connectionOf(ends, context, onPair));

function append(exchange: Exchange): void {
  if (batch.append(exchange)) return;
  handOver(batch, false);
  batch.append(exchange);
}

function handOver(from: RecordBatch, apart: boolean): void {
  const taken = from.take();
  if (taken === null) return;
  post({ kind: 'records', ...taken, apart, vnis: apart ? [] : vnis }, taken.bytes);
  if (!apart) vnis = [];
}

function report(returned: ArrayBuffer | null, ended: boolean): void {
  handOver(batch, false);
  const nowMs = performance.now();
  const isDue = ended || returned === null || nowMs - countedAtMs > COUNTERS_EVERY_MS;
  if (isDue) countedAtMs = nowMs;
  post({ kind: 'state', counters: isDue ? counters : null, buffered: rooms.bytes, returned, ended }, returned);
}

parentPort?.on('message', (order: ShardOrder) => {
  switch (order.kind) {
    case 'streams':
      streams.read(viewsOf(order.bytes), order.length);
      // A tenth at once, so that what is full does not evict with every batch.
      if (rooms.bytes > limits.totalBytes) counters.flowsEvicted += streams.evict(() => rooms.bytes <= limits.totalBytes * 0.9);
      report(order.bytes, false);
      break;
    case 'spare':
      if (order.bytes.byteLength === BATCH_BYTES) spares.push(order.bytes);
      break;
    case 'report':
      report(null, false);
      break;
    case 'end':
      report(null, true);
  }
});
