/** Worker thread of shards.ts: segments in, encoded exchanges out. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Exchange, header, PrincipalReader } from '../exchange/index.js';
import { Connections, type OnSeenPair } from './connections.js';
import { newCounters } from './counters.js';
import { newSegment } from './decode/segment.js';
import { exchangeOf } from './exchange-of.js';
import { RecordBatch } from './record-batch.js';
import { readRecords, viewsOf } from './segment-records.js';
import { serviceFinder } from './services.js';
import { BATCH_BYTES, type ShardOrder, type ShardRecords, type ShardReport, type ShardSettings } from './shards.js';

const COUNTERS_EVERY_MS = 100;
const MAX_SPARES = 8;

const { limits, keyByVni, observer, finish } = workerData as ShardSettings;
// Without what it takes to finish them, the thread that has it does that.
const ports =
  finish === null
    ? { serviceOf: () => '', principals: null }
    : { serviceOf: serviceFinder(finish.services), principals: finish.secret === null ? null : new PrincipalReader(finish.secret) };
const counters = newCounters();
const segment = newSegment();
let spares: ArrayBuffer[] = [];
const newBatch = () => new RecordBatch(() => spares.pop() ?? new ArrayBuffer(BATCH_BYTES));
const batch = newBatch();
let vnis: number[] = [];
let countedAtMs = 0;

const onPair: OnSeenPair = (pair, seen) => {
  const exchange = exchangeOf(pair, seen, observer, ports);
  if (exchange === null) return;
  if (finish?.apart != null && header(exchange.request.headers, finish.apart) !== null) {
    const alone = newBatch();
    alone.append(exchange);
    post(recordsOf(alone, true), null);
    return;
  }
  append(exchange);
  if (finish === null) vnis.push(seen.ends.vni);
};

const connections = new Connections(counters, limits, keyByVni, onPair);

function append(exchange: Exchange): void {
  if (batch.append(exchange)) return;
  post(recordsOf(batch, false), null);
  batch.append(exchange);
}

function recordsOf(from: RecordBatch, apart: boolean): ShardRecords | null {
  const taken = from.take();
  if (taken === null) return null;
  const records = { ...taken, apart, vnis: apart ? [] : vnis };
  if (!apart) vnis = [];
  return records;
}

function post(records: ShardRecords | null, state: ShardReport['state']): void {
  const memory: ArrayBuffer[] = [];
  if (records !== null) memory.push(records.bytes);
  if (state?.returned != null) memory.push(state.returned);
  parentPort?.postMessage({ records, state } satisfies ShardReport, memory);
}

function report(returned: ArrayBuffer | null, ended: boolean): void {
  const nowMs = performance.now();
  const isDue = ended || returned === null || nowMs - countedAtMs > COUNTERS_EVERY_MS;
  if (isDue) countedAtMs = nowMs;
  const { openFlows } = connections;
  post(recordsOf(batch, false), { counters: isDue ? counters : null, ...connections.bufferedBytes, openFlows, returned, ended });
}

parentPort?.on('message', (order: ShardOrder) => {
  switch (order.kind) {
    case 'segments':
      if (order.spares.length > 0) spares = [...spares, ...order.spares].slice(0, MAX_SPARES);
      readRecords(viewsOf(order.bytes), order.length, segment, connections);
      report(order.bytes, false);
      break;
    case 'report':
      report(null, false);
      break;
    case 'end':
      connections.end();
      report(null, true);
  }
});
