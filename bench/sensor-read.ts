/**
 * Child of sensor.bench.ts: reads a capture and prints what it cost, imports left out. `FILE exchanges` gives exchanges with decoded bodies; `FILE records
 * THREADS` gives what a sensor puts into the stream: encoded exchanges, bodies included.
 */
import { readFileSync } from 'node:fs';
import { decodeBody, type Exchange, encodeInto, recordLength } from '../exchange/index.js';
import { createSensor, openCapture, readPcap } from '../sensor/index.js';

const MAX_DECODED_BYTES = 4_194_304;

const [file, form, threads] = process.argv.slice(2);
let exchanges = 0;
let bodyBytes = 0;

async function asExchanges(): Promise<void> {
  await readPcap(
    openCapture(file),
    ({ request, response }) => {
      exchanges++;
      bodyBytes += decodeBody(request.headers, request.body, MAX_DECODED_BYTES).bytes.length;
      if (response !== null) bodyBytes += decodeBody(response.headers, response.body, MAX_DECODED_BYTES).bytes.length;
    },
    { borrowed: true },
  );
}

/** A stream takes records into batches: so does this, and starts over when one is full. */
async function asRecords(): Promise<void> {
  const batch = Buffer.alloc(1 << 20);
  let used = 0;
  const emit = (exchange: Exchange): void => {
    let written = encodeInto(exchange, batch, used);
    if (written < 0) {
      used = 0;
      written = encodeInto(exchange, batch, 0);
    }
    used += written;
    exchanges++;
    bodyBytes += exchange.request.body.bytes.length + (exchange.response?.body.bytes.length ?? 0);
  };
  const take = (records: Uint8Array, count: number): void => {
    batch.set(records);
    exchanges += count;
    let found = 0;
    for (let at = 0; at < records.length; at += recordLength(records, at)) found++;
    if (found !== count) throw new Error(`${found} records came as ${count}`);
  };
  const services = { vnis: {}, hosts: {}, servers: {}, others: null };
  const sensor = createSensor(
    { id: 'bench', sources: [{ kind: 'pcap', path: file }], workers: Number(threads ?? 1) },
    {
      emit,
      serviceOf: (host) => host,
      principals: null,
      records: { take, services, secret: null, apart: null },
      now: Date.now,
    },
  );
  await sensor.start();
  while (sensor.status().sources[0].state !== 'ended') await new Promise((resolve) => setTimeout(resolve, 20));
  await sensor.stop();
}

const cpuBefore = process.cpuUsage();
const startedAt = process.hrtime.bigint();
await (form === 'records' ? asRecords() : asExchanges());
const wallMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
const cpu = process.cpuUsage(cpuBefore);
// What getrusage says begins with the size of the process that started this one.
const peakMib = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) / 1024;
console.log(JSON.stringify({ exchanges, bodyBytes, wallMs, cpuMs: (cpu.user + cpu.system) / 1e3, peakMib }));
