/**
 * Which Redis client? `redis` and `ioredis` against a real redis-server: XADD of 1 KB of random bytes in pipelines of 500, then XREADGROUP of 500 with XACK.
 * Each round of each client is a process of its own; rounds are interleaved. Every entry is compared with what was sent.
 *
 * `npm run bench:choices -- redis [--entries 100000] [--rounds 3] [--pipeline 500] [--bytes 1024]`
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { createClient, RESP_TYPES } from 'redis';
import { startRedis } from '../../test/support/redis.js';
import { median, report, round } from './report.js';

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    pipeline: { type: 'string', default: '500' },
    bytes: { type: 'string', default: '1024' },
    client: { type: 'string' },
    url: { type: 'string' },
  },
});
const entries = Number(values.entries);
const pipeline = Number(values.pipeline);

interface Round {
  readonly client: string;
  readonly addsPerSecond: number;
  readonly addCpuMicros: number;
  readonly readsPerSecond: number;
  readonly readCpuMicros: number;
  readonly rssMb: number;
}

/** The same three operations on either client. `read` gives the payloads. */
interface Client {
  createGroup(): Promise<void>;
  add(payload: Buffer, count: number): Promise<void>;
  /** Reads and acknowledges. */
  read(count: number): Promise<readonly Buffer[]>;
  close(): void;
}

const KEY = 'bench';
const GROUP = 'readers';

async function nodeRedis(url: string): Promise<Client> {
  const client = createClient({ url });
  await client.connect();
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  return {
    async createGroup() {
      await client.xGroupCreate(KEY, GROUP, '0', { MKSTREAM: true });
    },
    async add(payload, count) {
      const batch = client.multi();
      for (let index = 0; index < count; index++) batch.xAdd(KEY, '*', { b: payload });
      await batch.execAsPipeline();
    },
    async read(count) {
      const args = ['XREADGROUP', 'GROUP', GROUP, 'one', 'COUNT', String(count), 'STREAMS', KEY, '>'];
      const messages = messagesOf(await binary.sendCommand<unknown>(args));
      await client.xAck(
        KEY,
        GROUP,
        messages.map(([id]) => id.toString()),
      );
      return messages.map(([, fields]) => fields[1]);
    },
    close: () => client.destroy(),
  };
}

async function ioRedis(url: string): Promise<Client> {
  const client = new Redis(url);
  return {
    async createGroup() {
      await client.xgroup('CREATE', KEY, GROUP, '0', 'MKSTREAM');
    },
    async add(payload, count) {
      const batch = client.pipeline();
      for (let index = 0; index < count; index++) batch.xadd(KEY, '*', 'b', payload);
      await batch.exec();
    },
    async read(count) {
      const messages = messagesOf(await client.callBuffer('XREADGROUP', 'GROUP', GROUP, 'one', 'COUNT', count, 'STREAMS', KEY, '>'));
      await client.xack(KEY, GROUP, ...messages.map(([id]) => id.toString()));
      return messages.map(([, fields]) => fields[1]);
    },
    close: () => client.disconnect(),
  };
}

/** RESP2 answers with lists, RESP3 with a map from the stream's name; its client shows that as an object, a Map or a flat list. */
function messagesOf(reply: unknown): [Buffer, Buffer[]][] {
  if (reply === null) return [];
  let messages: unknown;
  if (reply instanceof Map) messages = [...reply.values()][0];
  else if (!Array.isArray(reply)) messages = Object.values(reply as object)[0];
  else messages = Array.isArray(reply[0]) ? reply[0][1] : reply[1];
  return messages as [Buffer, Buffer[]][];
}

async function measure(name: string, url: string): Promise<Round> {
  const client = await (name === 'redis' ? nodeRedis(url) : ioRedis(url));
  const payload = randomBytes(Number(values.bytes));
  await client.createGroup();
  // Compiled code, not the first run of it.
  await client.add(payload, pipeline);
  await client.read(pipeline);
  const adds = await timed(async () => {
    for (let sent = 0; sent < entries; sent += pipeline) await client.add(payload, Math.min(pipeline, entries - sent));
  });
  let received = 0;
  const reads = await timed(async () => {
    for (;;) {
      const payloads = await client.read(pipeline);
      for (const one of payloads) if (!payload.equals(one)) throw new Error(`${name} changed the bytes of an entry`);
      received += payloads.length;
      if (payloads.length === 0 || received >= entries) break;
    }
  });
  client.close();
  if (received !== entries) throw new Error(`${name} read ${received} of ${entries} entries`);
  return {
    client: name,
    addsPerSecond: entries / adds.seconds,
    addCpuMicros: adds.cpuMicros / entries,
    readsPerSecond: entries / reads.seconds,
    readCpuMicros: reads.cpuMicros / entries,
    rssMb: process.memoryUsage.rss() / 1024 / 1024,
  };
}

async function timed(work: () => Promise<void>): Promise<{ seconds: number; cpuMicros: number }> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const used = process.cpuUsage(cpu);
  return { seconds: (performance.now() - startedMs) / 1000, cpuMicros: used.user + used.system };
}

if (values.client !== undefined && values.url !== undefined) console.log(JSON.stringify(await measure(values.client, values.url)));
else {
  const server = await startRedis();
  const results: Round[] = [];
  try {
    for (let count = 0; count < Number(values.rounds); count++) {
      for (const client of ['redis', 'ioredis']) {
        await server.run('FLUSHALL');
        const args = ['--import', 'tsx', import.meta.filename, ...process.argv.slice(2), '--client', client, '--url', server.url];
        results.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Round);
      }
    }
  } finally {
    await server.stop();
  }
  const rows = ['redis', 'ioredis'].map((client) => {
    const mine = results.filter((one) => one.client === client);
    const of = (pick: (one: Round) => number) => median(mine.map(pick));
    return {
      client,
      'XADD/s': Math.round(of((one) => one.addsPerSecond)),
      'CPU µs each': round(of((one) => one.addCpuMicros)),
      'XREADGROUP+XACK/s': Math.round(of((one) => one.readsPerSecond)),
      'CPU µs each (read)': round(of((one) => one.readCpuMicros)),
      'RSS MB': Math.round(of((one) => one.rssMb)),
    };
  });
  report('redis', { entries, pipeline, bytes: Number(values.bytes), rounds: Number(values.rounds) }, rows);
}
