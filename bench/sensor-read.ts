/** Child of sensor.bench.ts: reads a capture with decoded bodies kept and prints what it cost, imports left out. `FILE THREADS` */
import { decodeBody } from '../exchange/index.js';
import { openCapture, readPcap } from '../sensor/index.js';

const [file, threads] = process.argv.slice(2);
let exchanges = 0;
let decodedBytes = 0;
const cpuBefore = process.cpuUsage();
const startedAt = process.hrtime.bigint();
const summary = await readPcap(
  openCapture(file),
  (exchange) => {
    exchanges++;
    decodedBytes += decodeBody(exchange.request.headers, exchange.request.body, 4_194_304).bytes.length;
    if (exchange.response !== null) decodedBytes += decodeBody(exchange.response.headers, exchange.response.body, 4_194_304).bytes.length;
  },
  { workers: Number(threads ?? 1), borrowed: true },
);
const wallMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
const cpu = process.cpuUsage(cpuBefore);
const peakMib = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ exchanges, decodedBytes, packets: summary.packets, wallMs, cpuMs: (cpu.user + cpu.system) / 1e3, peakMib }));
