/** Worker thread of shards.ts: segments, or a file that it reads itself, in; encoded exchanges out. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Exchange, header, PrincipalReader } from '../exchange/index.js';
import { newCounters } from './counters.js';
import { Decoder } from './decode/decoder.js';
import { exchangeOf } from './exchange-of.js';
import { Pipeline } from './pipeline.js';
import { hashOf } from './reassembly/flows.js';
import { RecordBatch } from './record-batch.js';
import { serviceFinder } from './services.js';
import { plainPlace, UNKNOWN_PLACE } from './shard-place.js';
import { eachSegment, viewsOf } from './shard-record.js';
import { RECORDS_BYTES, type ShardOrder, type ShardReport, type ShardSettings } from './shards.js';
import { PcapSource } from './sources/pcap-file.js';
import { DEFAULT_LIMITS } from './types.js';

const COUNTERS_EVERY_MS = 100;
/** Batches of records that nobody has read yet before reading a file pauses. */
const MOST_UNREAD = 32;

const { pipeline: options, observer, finish, file } = workerData as ShardSettings;
// Without what it takes to finish them, the thread that has it does that.
const ports =
  finish === null
    ? { serviceOf: () => '', principals: null }
    : { serviceOf: serviceFinder(finish.services), principals: finish.secret === null ? null : new PrincipalReader(finish.secret) };
const spares: ArrayBuffer[] = [];
const newBatch = () => new RecordBatch(() => spares.pop() ?? new ArrayBuffer(RECORDS_BYTES));
const batch = newBatch();
let unread = 0;
let onRead = (): void => {};
let vnis: number[] = [];
let countedAtMs = 0;

function post(report: ShardReport, memory: ArrayBuffer | null): void {
  parentPort?.postMessage(report, memory === null ? [] : [memory]);
}

const pipeline = new Pipeline(options, (pair, seen) => {
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
});

function append(exchange: Exchange): void {
  if (batch.append(exchange)) return;
  handOver(batch, false);
  batch.append(exchange);
}

function handOver(from: RecordBatch, apart: boolean): void {
  const taken = from.take();
  if (taken === null) return;
  unread++;
  post({ kind: 'records', ...taken, apart, vnis }, taken.bytes);
  if (!apart) vnis = [];
}

function report(returned: ArrayBuffer | null, ended: boolean): void {
  handOver(batch, false);
  const nowMs = performance.now();
  const isDue = ended || returned === null || nowMs - countedAtMs > COUNTERS_EVERY_MS;
  if (isDue) countedAtMs = nowMs;
  const { queued, held } = pipeline.bufferedBytes;
  const counters = isDue ? pipeline.counters : null;
  post({ kind: 'state', counters, buffered: queued + held, openFlows: pipeline.openFlows, returned, ended }, returned);
}

function untilRead(): Promise<void> {
  return new Promise((resolve) => {
    onRead = resolve;
  });
}

const stopping = new AbortController();
let packets = 0;
let lastPacket = Number.POSITIVE_INFINITY;

/** What is wrong with the file, and how many packets are not plain, the thread says that reads it too. */
async function readFile({ path, from, to }: NonNullable<ShardSettings['file']>): Promise<void> {
  const { tunnelDepth } = { ...DEFAULT_LIMITS, ...options.limits };
  const decoder = new Decoder(newCounters(), { tunnelDepth, verifyChecksums: options.verifyChecksums ?? false });
  const keyByVni = options.keyByVni ?? false;
  const isMine = (place: number): boolean => place >= from && place < to;
  const source = PcapSource.file(path, () => {
    if (performance.now() - countedAtMs > COUNTERS_EVERY_MS) report(null, false);
    return unread > MOST_UNREAD ? untilRead() : undefined;
  });
  await source
    .run((packet) => {
      if (++packets > lastPacket) {
        stopping.abort();
        return;
      }
      const place = plainPlace(packet, keyByVni);
      if (place !== UNKNOWN_PLACE) {
        if (isMine(place)) pipeline.packet(packet);
        return;
      }
      const segment = decoder.decode(packet);
      if (segment === null) return;
      const hash = hashOf(segment, keyByVni);
      if (isMine(hash >>> 0)) pipeline.segment(segment, hash);
    }, stopping.signal)
    .catch(() => {});
}

const reading = file === null ? Promise.resolve() : readFile(file);

async function end(afterPackets: number): Promise<void> {
  lastPacket = afterPackets;
  await reading;
  pipeline.end();
  report(null, true);
}

parentPort?.on('message', (order: ShardOrder) => {
  switch (order.kind) {
    case 'segments':
      eachSegment(viewsOf(order.bytes), order.length, (segment, hash) => pipeline.segment(segment, hash));
      report(order.bytes, false);
      break;
    case 'spare':
      if (order.bytes.byteLength === RECORDS_BYTES) spares.push(order.bytes);
      if (--unread <= MOST_UNREAD) onRead();
      break;
    case 'tick':
      pipeline.tick(order.nowMs);
      report(null, false);
      break;
    case 'end':
      void end(order.packets);
  }
});
