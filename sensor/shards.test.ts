import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { type Exchange, packageRoot } from '../exchange/index.js';
import { balance } from './counters.js';
import { readPcap } from './index.js';
import { type Ahead, Shards } from './shards.js';
import { ethernet, fragments4, pcapFile, type Timed, udp4, vxlan } from './testing/packets.js';
import { Talk } from './testing/talk.js';

const START_MS = 1_700_000_000_000;
const WHOLE = { packets: 0, bytes: 0, delivery: 0 };

/** A connection with one request, whose answer has `bytes`. */
function talk(index: number, bytes: number, startMs = START_MS + index): Talk {
  return new Talk({ client: { ip: [10, 5, 0, index], port: 32_000 + index }, startMs })
    .open()
    .client(`GET /b/${index} HTTP/1.1\r\nHost: api\r\n\r\n`)
    .server(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`);
}

function inOrder(talks: readonly Talk[]): Timed[] {
  return talks.flatMap(({ packets }) => packets).sort((a, b) => a.tsMs - b.tsMs);
}

/** Packets as they come from a mirror: some tagged, some in fragments, some in a tunnel, some fragments in a tunnel, and some twice. */
function framed(packets: readonly Timed[]): Timed[] {
  const ends = [
    { ip: [10, 0, 9, 1], port: 50_000 },
    { ip: [10, 0, 9, 2], port: 4_789 },
  ] as const;
  return packets.flatMap(({ bytes, tsMs }, index): Timed[] => {
    const frame = ethernet(0x0800, bytes);
    const outer = udp4(...ends, vxlan(7, frame));
    switch (index % 6) {
      case 0:
        return [{ tsMs, bytes: ethernet(0x8100, Buffer.concat([Buffer.from([0, 5, 8, 0]), bytes])) }];
      case 1:
        return fragments4(bytes, 512, index).map((part) => ({ tsMs, bytes: ethernet(0x0800, part) }));
      case 2:
        return [{ tsMs, bytes: ethernet(0x0800, outer) }];
      case 3:
        return fragments4(outer, 400, index).map((part) => ({ tsMs, bytes: ethernet(0x0800, part) }));
      case 4:
        return [
          { tsMs, bytes: frame },
          { tsMs, bytes: frame },
        ];
      default:
        return [{ tsMs, bytes: frame }];
    }
  });
}

const talks = Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? talk(index, 5_000) : talk(index, 5_000).close()));
const goldens = join(packageRoot(), 'sensor', 'goldens');
const MIXED = pcapFile(framed(inOrder(talks)), 1);
/** Inflates in several pieces. */
const LARGE = gzipSync(pcapFile(inOrder(Array.from({ length: 12 }, (_, index) => talk(index, 60_000))), 101));

/** What happened does not depend on how many threads looked at it. */
const CAPTURES: Readonly<Record<string, Buffer>> = {
  'VLAN, fragments, tunnels, fragments in tunnels, duplicates': MIXED,
  'cut off inside a record': MIXED.subarray(0, MIXED.length - 700),
  'corrupt in the middle': Buffer.concat([MIXED.subarray(0, 40_000), Buffer.alloc(64, 0xff)]),
  gzip: gzipSync(MIXED),
  'gzip, cut off': LARGE.subarray(0, LARGE.length >> 1),
  'gzip, corrupt': Buffer.from(LARGE).fill(0xff, LARGE.length >> 1, (LARGE.length >> 1) + 64),
  'with losses': pcapFile(
    inOrder(talks).filter((_, index) => index % 13 !== 5),
    101,
  ),
  // Nothing more comes on the first thirty: the packets of another one tell that they are idle.
  'idle for long': pcapFile([...inOrder(talks), ...talk(99, 10, START_MS + 700_000).packets], 101),
  ...Object.fromEntries(
    readdirSync(goldens)
      .filter((file) => file.endsWith('.pcap'))
      .map((file) => [file, readFileSync(join(goldens, file))]),
  ),
};

async function read(bytes: Buffer, workers: number) {
  const lines: string[] = [];
  const { counters, problem, packets } = await readPcap(
    Readable.from([bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]),
    ({ service, observer, kind, client, server, request, response, startedAtMs, durationMs, failure, tags }) =>
      lines.push(
        JSON.stringify([service, observer, kind, client, server, request, response, startedAtMs, Math.round(durationMs), failure, tags]),
      ),
    { workers, name: 'x', serviceOf: (host, vni) => `${host}:${vni}` },
  );
  return { lines: lines.sort(), counters, packets, problem: problem?.message ?? null };
}

t.test('any number of threads gives the same exchanges and counts the same', async (t) => {
  for (const [name, bytes] of Object.entries(CAPTURES)) {
    const alone = await read(bytes, 1);
    t.ok(alone.lines.length > 0, name);
    t.same(balance(alone.counters, 0), WHOLE);
    for (const workers of [2, 3]) t.same(await read(bytes, workers), alone, `${name}: ${workers} threads`);
  }
  t.equal((await read(CAPTURES['idle for long'], 1)).counters.flowsIdle, 10);
});

function sharded(ahead?: Ahead) {
  const here: string[] = [];
  const there: Exchange[] = [];
  const outlet = {
    observer: { kind: 'sensor', id: 'x' },
    ports: { serviceOf: (host: string) => host, principals: null },
    records: null,
    emit: (exchange: Exchange) => void there.push(exchange),
    emitted() {},
  } as const;
  const shards = new Shards(2, {}, ({ request }) => void here.push(request?.head.target ?? ''), outlet, ahead);
  const send = (packets: readonly Timed[]): void => {
    for (const { bytes, tsMs } of packets)
      shards.packet({ bytes, start: 0, end: bytes.length, originalLength: bytes.length, tsMs, linkType: 101, vni: -1 });
  };
  return { shards, here, there, send };
}

t.test('a thread that comes behind: what is dropped is counted', async (t) => {
  const packets = inOrder(Array.from({ length: 40 }, (_, index) => talk(index, 200_000).close()));
  for (const { name, ahead, drops } of [
    { name: 'within the bound', ahead: undefined, drops: false },
    { name: 'beyond it', ahead: { pause: 9, drop: 4 }, drops: true },
  ]) {
    const { shards, here, there, send } = sharded(ahead);
    send(packets);
    await shards.end();
    const { counters } = shards;
    const whole = there.filter(({ response }) => response?.body.totalLength === 200_000 && response.body.missing.length === 0);
    t.ok(here.length > 5 && here.length < 35, `${name}: each has a share`);
    t.equal(counters.overloaded > 0, drops, `${name}: dropped`);
    if (drops) t.ok(whole.length + here.length < 40, `${name}: what was dropped is no whole exchange`);
    else t.same([here.length + whole.length, there.length], [40, whole.length], `${name}: each exchange once`);
    t.same(balance(counters, 0), WHOLE, `${name}: the sums add up`);
    t.same([shards.bufferedBytes, shards.openFlows], [{ queued: 0, held: 0 }, 0], `${name}: nothing is held`);
  }
});

t.test('a thread that is lost', async (t) => {
  const started: Worker[] = [];
  const onWorker = (worker: Worker): void => void started.push(worker);
  process.on('worker', onWorker);
  t.teardown(() => process.off('worker', onWorker));
  const first = Array.from({ length: 20 }, (_, index) => talk(index, 3_000));
  const second = Array.from({ length: 20 }, (_, index) => talk(100 + index, 3_000, START_MS + 1_000 + index).close());

  const live = sharded();
  live.send(inOrder(first));
  while (live.there.length + live.here.length < 20) {
    live.shards.tick(START_MS + 500);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await started[0].terminate();
  live.send(inOrder(first.map((one) => one.client('GET /lost HTTP/1.1\r\n'))));
  t.ok(live.shards.counters.overloaded > 0, 'what comes meanwhile is counted');
  live.shards.tick(START_MS + 900);
  live.send(inOrder(second));
  await live.shards.end();
  t.equal(started.length, 2, 'is started again for a live source');
  const seen = [...live.here, ...live.there.map(({ request }) => request.target)];
  t.equal(seen.filter((target) => /^\/b\/1\d\d$/.test(target)).length, 20, 'and looks after new connections');
  t.same(balance(live.shards.counters, 0), WHOLE, 'the sums add up');

  const file = sharded();
  file.send(inOrder(first));
  await new Promise((resolve) => setImmediate(resolve));
  await started[2].terminate();
  await t.rejects(file.shards.ready(), { code: 'SENSOR_DRIVER_ENDED' }, 'ends the reading of a file');
  await t.rejects(file.shards.end(), { code: 'SENSOR_DRIVER_ENDED' });
  t.same(balance(file.shards.counters, 0), WHOLE);
});
