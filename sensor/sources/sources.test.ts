/** Every source of packets against the same contract, and what is particular to each. One room: a source is a line in the table of the contract, and shares its servers and captures. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { parse, parseAllDocuments, type ScalarTag } from 'yaml';
import { decodeBatch, type Exchange, emptyBody, PrincipalReader, packageRoot, WeirError } from '../../exchange/index.js';
import {
  balance,
  captureParts,
  createSensor,
  openCapture,
  readPcap,
  runPcapCommand,
  type Sensor,
  type SensorPorts,
  type SourceOptions,
  serviceFinder,
} from '../index.js';
import { CAPTURES } from '../testing/captures.js';
import { ethernet, fragments4, geneve, pcapFile, pcapngFile, type Timed, vxlan } from '../testing/packets.js';
import { Talk } from '../testing/talk.js';
import { CapSource } from './cap.js';
import type { CaptureBytes } from './capture-bytes.js';
import { sourceContract } from './contract.js';
import { PcapSource } from './pcap-file.js';
import { PcapReader } from './pcap-format.js';
import { TcpdumpSource } from './tcpdump.js';
import { UdpMirrorSource } from './udp-mirror.js';

const packets = new Talk({ startMs: 1_700_000_000_123.456 })
  .open()
  .client(
    'POST /orders?x=1 HTTP/1.1\r\nHost: API.example.com:8080\r\nX-Request-Id: req-0001\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
  )
  .server('HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok')
  .close().packets;
const plain = pcapFile(packets, 101);
const folder = mkdtempSync(join(tmpdir(), 'weir-sensor-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

async function linesOf(bytes: Buffer): Promise<string[]> {
  const lines: string[] = [];
  await readPcap(Readable.from([bytes]), (exchange) =>
    lines.push(`${exchange.request.method} ${exchange.request.host} ${exchange.request.target} ${exchange.response?.status}`),
  );
  return lines;
}

/** Every piece in the same memory, as a file is read. */
function inOneBuffer(bytes: Buffer, size: number): CaptureBytes {
  return {
    async *[Symbol.asyncIterator]() {
      const memory = Buffer.alloc(size);
      for (let at = 0; at < bytes.length; at += size) {
        yield memory.subarray(0, bytes.copy(memory, 0, at, at + size));
        memory.fill(0xee);
      }
    },
    destroy() {},
  };
}

t.test('what is kept of a piece is a copy: the next one comes in the same memory', async (t) => {
  const whole = (bodies: Exchange[]) =>
    bodies.map(({ request, response }) =>
      [request.target, request.body, response?.status, response?.body].map((one) => JSON.stringify(one)),
    );
  for (const [name, { packets: some, linkType }] of Object.entries(CAPTURES)) {
    const bytes = pcapFile(some, linkType);
    const expected: Exchange[] = [];
    await readPcap(Readable.from([bytes]), (exchange) => expected.push(exchange));
    for (const size of [97, 1_000, 5_000]) {
      for (const capture of [bytes, gzipSync(bytes)]) {
        const found: Exchange[] = [];
        await readPcap(inOneBuffer(capture, size), (exchange) => found.push(exchange));
        t.same(whole(found), whole(expected), `${name}, ${size} bytes at a time`);
      }
    }
  }
});

t.test('capture formats', async (t) => {
  for (const nano of [false, true]) {
    for (const big of [false, true]) {
      const name = `${nano ? 'nano' : 'micro'}seconds, ${big ? 'big' : 'little'} endian`;
      t.same(await linesOf(pcapFile(packets, 101, { nano, big })), ['POST api.example.com:8080 /orders?x=1 201'], `pcap, ${name}`);
      t.same(await linesOf(pcapngFile(packets, 101, { nano, big })), ['POST api.example.com:8080 /orders?x=1 201'], `pcapng, ${name}`);
      const times: number[] = [];
      new PcapReader((packet) => times.push(packet.tsMs)).push(pcapngFile(packets, 101, { nano, big }));
      t.ok(Math.abs(times[0] - 1_700_000_000_123.456) < 0.01, `time, ${name}`);
    }
  }
  t.same(await linesOf(gzipSync(plain)), ['POST api.example.com:8080 /orders?x=1 201'], 'gzip');
  const checked = Buffer.from(plain);
  checked.writeUInt32LE(0x2400_0000 | 101, 20);
  t.same(await linesOf(checked), ['POST api.example.com:8080 /orders?x=1 201'], 'frames of which it is said that they end in a checksum');
  const half = packets.length / 2;
  const sections = [
    pcapngFile(packets.slice(0, half), 101),
    pcapngFile(
      packets.slice(half).map(({ tsMs, bytes }) => ({ tsMs, bytes: ethernet(0x0800, bytes) })),
      1,
      { big: true },
    ),
  ];
  t.same(await linesOf(Buffer.concat(sections)), ['POST api.example.com:8080 /orders?x=1 201'], 'sections of two machines');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }), fc.boolean(), (sizes, ng) => {
      const bytes = ng ? pcapngFile(packets, 101) : plain;
      let count = 0;
      const reader = new PcapReader(() => count++);
      for (let at = 0, turn = 0; at < bytes.length; at += sizes[turn++ % sizes.length])
        reader.push(bytes.subarray(at, at + sizes[turn % sizes.length]));
      t.ok(count <= packets.length);
      count = 0;
      const other = new PcapReader(() => count++);
      let at = 0;
      for (let turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length];
        other.push(bytes.subarray(at, at + size));
        at += size;
      }
      other.end();
      t.equal(count, packets.length, 'in pieces of any size');
    }),
    { numRuns: 60 },
  );
});

t.test('an exchange has all that is known', async (t) => {
  const found: Exchange[] = [];
  const summary = await readPcap(Readable.from([plain]), (exchange) => found.push(exchange), {
    name: 'a.pcap',
    serviceOf: (host) => host.split('.')[0],
  });
  t.equal(summary.problem, null);
  t.equal(summary.exchanges, 1);
  t.match(found[0], {
    kind: 'http',
    observer: { kind: 'import', id: 'a.pcap' },
    service: 'api',
    requestId: 'req-0001',
    client: { ip: '10.0.0.1', port: 40_000 },
    server: { ip: '10.0.0.2', port: 8_080 },
    request: { method: 'POST', target: '/orders?x=1', httpVersion: '1.1' },
    response: { status: 201 },
    outcome: { action: 'passed', mode: 'mirror', phase: null },
  });
  t.ok(Math.abs(found[0].startedAtMs - packets[3].tsMs) < 0.01, 'packet time is the clock');
});

async function run(
  file: string,
  format: 'table' | 'ndjson' | 'har' = 'ndjson',
  bodies = false,
): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runPcapCommand(
    file,
    { format, bodies },
    { stdout: { write: (text: string) => out.push(text) > 0 }, stderr: { write: (text: string) => err.push(text) > 0 } },
  );
  return { code, out: out.join(''), err: err.join('') };
}

function fileOf(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

t.test('weir pcap prints', async (t) => {
  const file = fileOf('good.pcap', plain);
  const line = JSON.parse((await run(file)).out);
  t.match(line, { method: 'POST', host: 'api.example.com:8080', uri: '/orders?x=1', status: 201 });
  t.match(JSON.parse((await run(file, 'ndjson', true)).out), { request: { body: '{"a":1}' }, response: { body: 'ok' } });
  const har = JSON.parse((await run(file, 'har', true)).out);
  t.match(har.log.entries, [
    {
      request: {
        method: 'POST',
        url: 'http://api.example.com:8080/orders?x=1',
        queryString: [{ name: 'x', value: '1' }],
        postData: { text: '{"a":1}' },
      },
      response: { status: 201, content: { text: 'ok' } },
    },
  ]);
  t.match((await run(file, 'table')).out, /201 +2 +\d+ +POST api.example.com:8080\/orders\?x=1/);
});

t.test('weir pcap shows targets as their sender meant them', async (t) => {
  const targets = ['/caf\xc3\xa9', '/caf\xe9', '/plain'];
  const talk = new Talk().open();
  for (const target of targets) talk.client(`GET ${target} HTTP/1.1\r\n\r\n`).server('HTTP/1.1 204 No\r\n\r\n');
  const file = join(folder, 'targets.pcap');
  writeFileSync(file, pcapFile(talk.close().packets, 101));
  const printed: string[] = [];
  const out = { write: (text: string) => printed.push(text) > 0 };
  await runPcapCommand(file, { format: 'ndjson' }, { stdout: out, stderr: out });
  const uris = printed
    .join('')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { uri: string }).uri);
  t.same(uris, ['/café', '/caf\xe9', '/plain'], 'UTF-8 where it is, else byte by byte');
});

t.test('what is wrong with a file is said in one line', async (t) => {
  const cases: { name: string; bytes: Buffer; code: number; out: RegExp; err: RegExp }[] = [
    {
      name: 'cut',
      bytes: plain.subarray(0, plain.length - 5),
      code: 1,
      out: /orders/,
      err: /ends inside a record that starts at byte \d+/,
    },
    {
      name: 'corrupt',
      bytes: Buffer.concat([plain, Buffer.alloc(16, 0xff)]),
      code: 1,
      out: /orders/,
      err: new RegExp(`corrupt capture: a record of 4294967295 bytes at byte ${plain.length}`),
    },
    {
      name: 'corrupt-ng',
      bytes: Buffer.concat([pcapngFile(packets, 101), Buffer.from([6, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0])]),
      code: 1,
      out: /orders/,
      err: /a block of 13 bytes at byte/,
    },
    { name: 'cut-gzip', bytes: gzipSync(plain).subarray(0, -40), code: 1, out: /./s, err: /gzip data/ },
    { name: 'text', bytes: Buffer.from('hello, world'), code: 2, out: /^$/, err: /not a capture: it starts with 68656c6c/ },
    { name: 'empty', bytes: Buffer.alloc(0), code: 2, out: /^$/, err: /the capture is empty/ },
    { name: 'three-bytes', bytes: Buffer.from([0xd4, 0xc3, 0xb2]), code: 2, out: /^$/, err: /only 3 bytes/ },
    {
      name: 'bluetooth',
      bytes: pcapFile(packets, 187),
      code: 1,
      out: /^$/,
      err: /link type 187, which weir cannot read\. docs\/mirroring\.md lists /,
    },
  ];
  for (const { name, bytes, code, out, err } of cases) {
    const result = await run(fileOf(name, bytes));
    t.equal(result.code, code, `${name}: exit code`);
    if (name !== 'cut-gzip') t.match(result.out, out, `${name}: what stands before is printed`);
    t.match(result.err, err, `${name}: says where`);
    t.equal(result.err.trim().split('\n').length, 1, `${name}: one line`);
  }
  const missing = await run(join(folder, 'nothing-here'));
  t.equal(missing.code, 2);
  t.match(missing.err, /there is no such file/);
  t.throws(() => openCapture(folder), { code: 'SENSOR_FILE_UNREADABLE' });
});

const vxlanSource = (): UdpMirrorSource => new UdpMirrorSource('vxlan', { host: '127.0.0.1', port: 0, now: () => 1 });

function isInstalled(name: string): boolean {
  try {
    return createRequire(import.meta.url).resolve(name) !== '';
  } catch {
    return false;
  }
}

t.test('sources keep their contract', async (t) => {
  t.test('pcap', async (t) => {
    const file = fileOf('contract.pcap', plain);
    await sourceContract(t, { open: async () => ({ source: PcapSource.file(file), send: async () => {}, close: async () => {} }) });
  });
  for (const kind of ['vxlan', 'geneve'] as const) {
    t.test(kind, async (t) => {
      const socket = createSocket('udp4');
      const source = kind === 'vxlan' ? vxlanSource() : new UdpMirrorSource('geneve', { host: '127.0.0.1', port: 0, now: () => 1 });
      const frame = ethernet(0x0800, packets[0].bytes);
      const datagram = kind === 'vxlan' ? vxlan(5, frame) : geneve(5, 0x0800, packets[0].bytes);
      const send = (): Promise<void> =>
        new Promise((resolve) => (source.port === 0 ? resolve() : socket.send(datagram, source.port, '127.0.0.1', () => resolve())));
      await sourceContract(t, { open: async () => ({ source, send, close: async () => void socket.close() }) });
    });
  }
  const live = { tcpdump: TcpdumpSource, cap: CapSource };
  for (const [driver, Source] of Object.entries(live))
    t.test(driver, { skip: driver === 'cap' && !isInstalled('cap') ? 'the optional package cap is not installed' : false }, async (t) => {
      const server = createServer((_, response) => response.end('x')).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      const send = (): Promise<void> =>
        new Promise((resolve) => request({ port, agent: false }, (response) => response.resume().on('close', () => resolve())).end());
      await sourceContract(t, {
        open: async () => ({
          source: new Source({ interface: 'lo', filter: `tcp port ${port}` }),
          send,
          close: async () => void server.close(),
        }),
        // A child of a loaded machine takes its time.
        tries: 400,
      });
    });
});

t.test('garbage on a mirror port is counted', async (t) => {
  for (const kind of ['vxlan', 'geneve'] as const) {
    const source = new UdpMirrorSource(kind, { host: '127.0.0.1', port: 0, now: () => 1 });
    const socket = createSocket('udp4');
    const stopping = new AbortController();
    const done = source.run(() => t.fail('this is no packet'), stopping.signal);
    while (source.port === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.from([8]),
      Buffer.alloc(7),
      Buffer.alloc(21, 8),
      Buffer.alloc(2_000, 0xf7),
    ]) {
      await new Promise<void>((resolve) => socket.send(bytes, source.port, '127.0.0.1', () => resolve()));
    }
    while (source.stats().malformed < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    const name = kind === 'vxlan' ? 'VXLAN' : 'Geneve';
    t.match(
      source.stats().remark,
      new RegExp(`6 datagrams on udp:127\\.0\\.0\\.1:\\d+ are no ${name}; the last: 2000 bytes from 127\\.0\\.0\\.1`),
    );
    const second = new UdpMirrorSource(kind, { host: '127.0.0.1', port: source.port, now: () => 1 });
    await t.rejects(
      second.run(() => {}, stopping.signal),
      { code: 'SENSOR_PORT_IN_USE' },
    );
    stopping.abort();
    await done;
    socket.close();
  }
});

t.test('live sources say why they cannot', async (t) => {
  const signal = new AbortController().signal;
  const rejects = async (source: TcpdumpSource | CapSource, code: string, message: RegExp): Promise<void> => {
    try {
      await source.run(() => {}, signal);
      t.fail('should not end');
    } catch (error) {
      t.ok(error instanceof WeirError);
      t.match(error, { code, message });
    }
  };
  await rejects(new TcpdumpSource({ interface: 'lo', program: 'tcpdump-that-is-not-there' }), 'SENSOR_NO_TCPDUMP', /is not installed/);
  await rejects(new TcpdumpSource({ interface: 'no-such-if0' }), 'SENSOR_NO_INTERFACE', /there is no interface no-such-if0/);
  await rejects(new TcpdumpSource({ interface: 'lo', filter: 'tcp port port' }), 'SENSOR_BAD_FILTER', /does not accept the filter: .+/);
  const forbidden = join(folder, 'forbidden-tcpdump');
  writeFileSync(
    forbidden,
    '#!/bin/sh\necho "tcpdump: lo: You don\'t have permission to perform this capture on that device" >&2\nexit 1\n',
  );
  chmodSync(forbidden, 0o755);
  await rejects(new TcpdumpSource({ interface: 'lo', program: forbidden }), 'SENSOR_NO_PERMISSION', /no permission to capture on lo/);
  if (!isInstalled('cap')) await rejects(new CapSource({ interface: 'lo' }), 'SENSOR_NO_CAP', /optional package cap is not installed/);
});

function sensorOf(sources: readonly SourceOptions[]): { sensor: ReturnType<typeof createSensor>; found: Exchange[] } {
  const found: Exchange[] = [];
  const ports: SensorPorts = {
    emit: (exchange) => found.push(exchange),
    serviceOf: (host, vni) => (vni === null ? host : `vni-${vni}`),
    principals: null,
    now: Date.now,
  };
  return { sensor: createSensor({ id: 'test', sources, restartMs: 50 }, ports), found };
}

const until = async (what: () => boolean): Promise<void> => {
  for (let round = 0; round < 400 && !what(); round++) await new Promise((resolve) => setTimeout(resolve, 25));
};

t.test('the sensor hears loopback live, and a mirror, and counts', async (t) => {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.end(JSON.stringify({ path: incoming.url })));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const get = (path: string): Promise<void> =>
    new Promise((resolve) =>
      request({ host: '127.0.0.1', port, path, agent: false }, (response) => response.resume().on('close', () => resolve())).end(),
    );
  const { sensor, found } = sensorOf([
    { kind: 'live', interface: 'lo', filter: `tcp port ${port}` },
    { kind: 'pcap', path: fileOf('also.pcap', plain) },
    { kind: 'live', interface: 'no-such-if0' },
  ]);
  await sensor.start();
  // The capture has begun once it sees a request; until then they are asked again.
  for (let round = 0; round < 100 && sensor.status().sources[0].packets === 0; round++)
    await get('/warm').then(() => new Promise((resolve) => setTimeout(resolve, 100)));
  for (let index = 0; index < 20; index++) await get(`/items/${index}`);
  const isItem = (exchange: Exchange): boolean => exchange.request.target.startsWith('/items/');
  await until(() => found.filter(isItem).length >= 20);
  t.equal(found.filter(isItem).length, 20);
  t.ok(
    found.some((exchange) => exchange.request.target === '/orders?x=1'),
    'the file too',
  );
  await until(() => sensor.status().sources[2].restarts > 0);
  const { sources, counters, running } = sensor.status();
  t.equal(running, true);
  t.match(
    sources.map((source) => [source.kind, source.state, source.problem?.code ?? null]),
    [
      ['live', 'running', null],
      ['pcap', 'ended', null],
      ['live', /waiting|starting/, 'SENSOR_NO_INTERFACE'],
    ],
  );
  t.ok(sources[2].restarts > 0, 'is tried again');
  t.equal(counters.captured, sources[0].packets + packets.length);
  await sensor.stop();
  await sensor.stop();
  t.equal(sensor.status().running, false);
  t.equal(sensor.status().droppedByKernel, 0);
  server.close();
  // Not by way of a shell: the processes that it forks carry these words as well.
  t.equal(spawnSync('pgrep', ['-f', `tcpdump.*tcp port ${port}`]).stdout.toString(), '', 'no child is left');
});

async function freePort(): Promise<number> {
  const free = createSocket('udp4');
  const port = await new Promise<number>((resolve) => free.bind(0, '127.0.0.1', () => resolve(free.address().port)));
  await new Promise<void>((resolve) => free.close(() => resolve()));
  return port;
}

t.test('a mirror names its service by network id', async (t) => {
  const socket = createSocket('udp4');
  const port = await freePort();
  const { sensor, found } = sensorOf([{ kind: 'vxlan', host: '127.0.0.1', port }]);
  await sensor.start();
  for (let round = 0; round < 100 && found.length === 0; round++) {
    for (const { bytes } of packets)
      await new Promise<void>((resolve) => socket.send(vxlan(77, ethernet(0x0800, bytes)), port, '127.0.0.1', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const heard = (): unknown => sensor.status().sources.map(({ packets, listening }) => [packets > 0, listening]);
  const other = { kind: 'vxlan', host: '127.0.0.1', port: await freePort() } as const;
  await sensor.listenTo([{ kind: 'vxlan', host: '127.0.0.1', port }, other]);
  await until(() => sensor.status().sources[1].listening);
  t.same(
    heard(),
    [
      [true, true],
      [false, true],
    ],
    'a place more: the one before goes on',
  );
  const { captured } = sensor.status().counters;
  await sensor.listenTo([other]);
  t.same(heard(), [[false, true]], 'a place less');
  t.equal(sensor.status().counters.captured, captured, 'what was counted stays counted');
  await sensor.stop();
  t.match(found[0], { service: 'vni-77', tags: ['vni:77'], observer: { kind: 'sensor', id: 'test' } });
  socket.close();
  t.throws(() => sensorOf([]), { code: 'SENSOR_BAD_OPTIONS' });
});

/** The indented block of the guide that has `line` in it. */
function commandsOfGuide(line: string): string {
  const guide = readFileSync(join(packageRoot(), 'docs/mirroring.md'), 'utf8');
  const block = guide.split(/\n(?! {4})/).find((one) => one.includes(line));
  if (block === undefined) throw new Error(`the guide does not say ${line}`);
  return block.replace(/^ {4}/gm, '');
}

const TC_NEEDS = ['id -u | grep -qx 0', 'command -v tc', 'ip netns add weir-probe && ip netns del weir-probe'];
const withoutTc = TC_NEEDS.find((need) => spawnSync('sh', ['-c', need]).status !== 0);

t.test(
  'a host mirrors with tc as the guide says',
  { skip: withoutTc === undefined ? false : `this fails here: ${withoutTc}` },
  async (t) => {
    const id = process.pid % 10_000;
    const host = `weir-host-${id}`;
    const shell = (script: string): void => void execFileSync('sh', ['-e', '-c', script], { stdio: 'pipe' });
    shell(`ip netns add ${host}
    ip link add weirc${id} type veth peer name eth0 netns ${host}
    ip link add weirm${id} type veth peer name eth1 netns ${host}
    ip addr add 198.18.76.1/24 dev weirc${id}; ip link set weirc${id} up
    ip addr add 198.18.77.9/24 dev weirm${id}; ip link set weirm${id} up
    ip -n ${host} addr add 198.18.76.2/24 dev eth0; ip -n ${host} link set eth0 up
    ip -n ${host} addr add 198.18.77.2/24 dev eth1; ip -n ${host} link set eth1 up`);
    t.teardown(() => shell(`ip netns del ${host}`));
    const commands = commandsOfGuide('ip link add weir0 type vxlan').replaceAll('10.0.0.9', '198.18.77.9');
    t.match(commands, /tc qdisc add dev eth0 clsact/);
    shell(`ip netns exec ${host} sh -e -c '${commands}'`);
    const serve = `require('http').createServer((q, r) => r.end('x'.repeat(5000))).listen(8080, '198.18.76.2', () => console.log('up'))`;
    const server = spawn('ip', ['netns', 'exec', host, process.execPath, '-e', serve]);
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const { sensor, found } = sensorOf([{ kind: 'vxlan', host: '198.18.77.9', port: 4_789 }]);
    await sensor.start();
    await until(() => sensor.status().sources[0].listening);
    for (let index = 0; index < 5; index++) {
      const answer = await fetch(`http://198.18.76.2:8080/items/${index}`, { headers: { connection: 'close' } });
      t.equal((await answer.text()).length, 5_000);
    }
    await until(() => found.length >= 5);
    t.same(
      found.map(({ service, request: { target }, response }) => [service, target, response?.status, response?.body.bytes.length]).sort(),
      [0, 1, 2, 3, 4].map((index) => ['vni-100', `/items/${index}`, 200, 5_000]),
    );
    await sensor.stop();
    const ended = new Promise((resolve) => server.once('close', resolve));
    server.kill();
    await ended;
  },
);

/** Names that a text of Terraform declares and refers to. */
function terraformNames(text: string): { declared: Set<string>; used: string[] } {
  const declared = new Set(
    [...text.matchAll(/^(resource|variable) "(\w+)"(?: "(\w+)")? \{$/gm)].map(([, kind, type, name]) =>
      kind === 'variable' ? `var.${type}` : `${type}.${name}`,
    ),
  );
  return { declared, used: [...text.matchAll(/\b(?:var|aws_\w+)\.\w+/g)].map(([name]) => name) };
}

t.test('the examples of mirrors hold together', async (t) => {
  const example = (path: string): string => readFileSync(join(packageRoot(), 'examples/mirroring', path), 'utf8');
  const reference = (tag: string): ScalarTag => ({ tag, resolve: (text: string) => ({ [tag]: text }) });
  const cloud = parse(example('cloudformation/mirror.yaml'), { customTags: [reference('!Ref'), reference('!Sub')] });
  const names = new Set([...Object.keys(cloud.Parameters), ...Object.keys(cloud.Resources)]);
  const refers: string[] = [];
  JSON.stringify(cloud, (key, value) => {
    if (key === '!Ref') refers.push(value);
    if (key === '!Sub') refers.push(...[...value.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    return value;
  });
  t.ok(refers.length > 8);
  t.same(
    refers.filter((name) => !names.has(name)),
    [],
    'CloudFormation refers to what it declares',
  );
  const rules = Object.values<{ Type: string; Properties: Record<string, unknown> }>(cloud.Resources);
  t.same(
    rules.filter(({ Type }) => Type === 'AWS::EC2::TrafficMirrorFilterRule').map(({ Properties }) => Properties.TrafficDirection),
    ['ingress', 'egress'],
    'both directions',
  );
  t.match(
    rules.find(({ Type }) => Type === 'AWS::EC2::SecurityGroupIngress'),
    { Properties: { IpProtocol: 'udp', FromPort: 4_789, ToPort: 4_789 } },
  );
  const terraform = example('terraform-aws/main.tf');
  const { declared, used } = terraformNames(terraform);
  t.ok(declared.size > 10 && used.length > 10);
  t.same(
    used.filter((name) => !declared.has(name)),
    [],
    'Terraform refers to what it declares',
  );
  t.equal(terraform.split('{').length, terraform.split('}').length);
  if (spawnSync('terraform', ['version']).status === 0)
    t.equal(spawnSync('terraform', ['fmt', '-check', '-'], { input: terraform }).status, 0, 'as terraform itself writes it');
  const [config, deployment] = parseAllDocuments(example('kubernetes/sidecar.yaml')).map((one) => one.toJS());
  t.match(parse(config.data['weir.yaml']), { mode: 'mirror', sensor: { sources: [{ kind: 'live', interface: 'eth0' }] } });
  const [, sidecar] = deployment.spec.template.spec.containers;
  t.match(sidecar, {
    args: ['sensor', '--config', '/etc/weir/weir.yaml', '--redis', /^redis:/],
    securityContext: { capabilities: { add: ['NET_RAW'] } },
  });
  t.equal(sidecar.volumeMounts[0].name, deployment.spec.template.spec.volumes[0].name);
  t.equal(deployment.spec.template.spec.volumes[0].configMap.name, config.metadata.name);
});

/** Forty connections of five turns each, mixed; one of them belongs to a scan. */
function mixedTalks(): Timed[] {
  const talks = Array.from({ length: 40 }, (_, index) => {
    const talk = new Talk({ client: { ip: [10, 3, 0, index], port: 30_000 + index }, startMs: 1_700_000_000_000 + index * 0.1 }).open();
    for (let turn = 0; turn < 5; turn++)
      talk
        .client(
          `GET /t/${index}/${turn} HTTP/1.1\r\nHost: api\r\n${index === 7 ? 'X-Scan: 1\r\n' : ''}Authorization: Bearer t${index}\r\n\r\n`,
        )
        .server(`HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n${'x'.repeat(3_000)}`);
    return talk.close();
  });
  return talks.flatMap((talk) => talk.packets).sort((a, b) => a.tsMs - b.tsMs);
}

/** The same in Ethernet: some packets tagged, some in fragments, and between them what is no TCP, or nothing at all. */
function framedTalks(): Timed[] {
  const frames = mixedTalks().flatMap(({ bytes, tsMs }, index): Timed[] => {
    if (index % 7 === 0) return [{ tsMs, bytes: ethernet(0x8100, Buffer.concat([Buffer.from([0, 5, 8, 0]), bytes])) }];
    if (index % 11 === 0) return fragments4(bytes, 512, index).map((part) => ({ tsMs, bytes: ethernet(0x0800, part) }));
    return [{ tsMs, bytes: ethernet(0x0800, bytes) }];
  });
  const { tsMs, bytes } = frames[frames.length - 1];
  const cut = bytes.subarray(0, 14 + 20 + 16);
  return [...frames, { tsMs, bytes: ethernet(0x0806, Buffer.alloc(28)) }, { tsMs, bytes: cut }, { tsMs, bytes: cut.subarray(0, 30) }];
}

t.test('threads of a sensor finish exchanges themselves, and give the same', async (t) => {
  const secret = 'of the sensor';
  const services = { vnis: { 9: 'mirrored' }, hosts: { api: 'orders' }, servers: {}, others: null };
  const file = join(folder, 'threads.pcap');
  writeFileSync(file, pcapFile(mixedTalks(), 101));
  const found = async (workers: number, source: SourceOptions, send: (sensor: Sensor) => Promise<void>) => {
    const whole: Exchange[] = [];
    const apart: string[] = [];
    const sensor = createSensor(
      { id: 'threads', sources: [source], workers },
      {
        emit(exchange) {
          if (workers > 1 && exchange.request.headers.includes('X-Scan')) apart.push(exchange.request.target);
          whole.push({ ...exchange, request: { ...exchange.request, body: emptyBody } });
        },
        serviceOf: serviceFinder(services),
        principals: new PrincipalReader(secret),
        records: { take: (records) => void whole.push(...decodeBatch(Buffer.from(records))), services, secret, apart: 'x-scan' },
        now: Date.now,
      },
    );
    await sensor.start();
    await send(sensor);
    await sensor.stop();
    const { counters } = sensor.status();
    const lines = whole.map(({ service, observer, principal, request, response }) =>
      [service, observer.id, principal?.key, request.target, response?.status, response?.body.totalLength].join(' '),
    );
    return { lines: lines.sort(), apart, counters };
  };
  const untilEnded = async (sensor: Sensor) => {
    while (sensor.status().sources[0].state !== 'ended') await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const alone = await found(1, { kind: 'pcap', path: file }, untilEnded);
  t.equal(alone.lines.length, 200);
  t.match(alone.lines.join('\n'), /^orders threads \S{10,} \/t\/0\/0 200 3000$/m);
  const shared = await found(2, { kind: 'pcap', path: file }, untilEnded);
  t.same(shared.lines, alone.lines, 'from a file');
  t.same(shared.counters, alone.counters, 'with the same counters');
  const framed = join(folder, 'threads-framed.pcap');
  writeFileSync(framed, pcapFile(framedTalks(), 1));
  const aloneFramed = await found(1, { kind: 'pcap', path: framed }, untilEnded);
  const sharedFramed = await found(3, { kind: 'pcap', path: framed }, untilEnded);
  t.same(aloneFramed.lines, alone.lines);
  t.same(sharedFramed.lines, alone.lines, 'packets of one connection with and without VLAN, whole and in fragments');
  t.same(sharedFramed.counters, aloneFramed.counters, 'each counted once');
  t.match(aloneFramed.counters, { notIp: 1, malformed: 2 });
  const socket = createSocket('udp4');
  const port = await freePort();
  const mirrored = await found(2, { kind: 'vxlan', host: '127.0.0.1', port }, async (sensor) => {
    for (const { bytes } of mixedTalks())
      await new Promise<void>((resolve) => socket.send(vxlan(9, ethernet(0x0800, bytes)), port, '127.0.0.1', () => setImmediate(resolve)));
    while (sensor.status().counters.captured < alone.counters.captured) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  socket.close();
  t.same(
    mirrored.lines,
    alone.lines.map((line) => line.replace('orders', 'mirrored')),
    'from a mirror whose packets are handed over',
  );
  t.same([...new Set(mirrored.apart.map((target) => target.slice(0, 4)))], ['/t/7'], 'what somebody must look at comes by itself');
  t.same(balance(mirrored.counters, 0), { packets: 0, bytes: 0, delivery: 0 }, 'and the sums add up');
});

/** Sends to a place that a sensor listens to; datagrams that were no packets. */
type Send = (sensor: Sensor) => Promise<number>;

async function toMirror(port: number, wrap: (frame: Buffer) => Buffer, sensor: Sensor): Promise<number> {
  await until(() => sensor.status().sources[0].listening);
  const socket = createSocket('udp4');
  const garbage = [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(900, 0xf7)];
  const datagrams = [...framedTalks().map(({ bytes }) => wrap(Buffer.from(bytes))), ...garbage];
  for (const bytes of datagrams) await new Promise<void>((resolve) => socket.send(bytes, port, '127.0.0.1', () => setImmediate(resolve)));
  await until(() => {
    const [{ packets: read, malformed }] = sensor.status().sources;
    return read + malformed >= datagrams.length;
  });
  socket.close();
  return garbage.length;
}

t.test('nothing vanishes uncounted, wherever packets come from and however many threads look at them', async (t) => {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.end('x'.repeat(3_000)));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port: httpPort } = server.address() as AddressInfo;
  const ports = { vxlan: await freePort(), geneve: await freePort() };
  const framed = pcapFile(framedTalks(), 1);
  const aFile =
    (problem: string | null): Send =>
    async (sensor) => {
      await until(() => sensor.status().sources[0].state === 'ended');
      t.equal(sensor.status().sources[0].problem?.code ?? null, problem);
      return 0;
    };
  const overLoopback: Send = async (sensor) => {
    await until(() => sensor.status().sources[0].listening);
    for (let index = 0; index < 20; index++)
      await fetch(`http://127.0.0.1:${httpPort}/l/${index}`, { headers: { connection: 'close' } }).then((answer) => answer.text());
    // The kernel hands packets on in blocks, up to a second late.
    await until(() => sensor.status().counters.paired >= 20);
    return 0;
  };
  const table: readonly [source: SourceOptions, exchanges: number, send: Send][] = [
    [{ kind: 'pcap', path: fileOf('sums.pcap', framed) }, 200, aFile(null)],
    [{ kind: 'pcap', path: fileOf('sums.pcap.gz', gzipSync(framed)) }, 200, aFile(null)],
    [{ kind: 'pcap', path: fileOf('sums-cut.pcap', framed.subarray(0, framed.length >> 1)) }, 80, aFile('SENSOR_CAPTURE_TRUNCATED')],
    [{ kind: 'pcap', path: fileOf('sums-link.pcap', pcapFile(framedTalks(), 187)) }, 0, aFile(null)],
    [{ kind: 'vxlan', host: '127.0.0.1', port: ports.vxlan }, 200, (sensor) => toMirror(ports.vxlan, (frame) => vxlan(9, frame), sensor)],
    [
      { kind: 'geneve', host: '127.0.0.1', port: ports.geneve },
      200,
      (sensor) => toMirror(ports.geneve, (frame) => geneve(9, 0x6558, frame), sensor),
    ],
    [{ kind: 'live', interface: 'lo', filter: `tcp port ${httpPort}` }, 20, overLoopback],
  ];
  for (const [source, atLeast, send] of table) {
    for (const workers of [1, 3]) {
      const name = `${source.kind} ${source.kind === 'pcap' ? source.path.split('/').at(-1) : ''}, ${workers} threads`;
      let handedOver = 0;
      const emit = (): void => void handedOver++;
      const records = {
        take: (bytes: Uint8Array, exchanges: number) => {
          t.equal(decodeBatch(Buffer.from(bytes)).length, exchanges);
          handedOver += exchanges;
        },
        services: { vnis: {}, hosts: {}, servers: {}, others: null },
        secret: null,
        apart: 'x-scan',
      };
      const sensor = createSensor(
        { id: 'sums', sources: [source], workers },
        { emit, serviceOf: (host) => host, principals: null, records, now: Date.now },
      );
      await sensor.start();
      const noPackets = await send(sensor);
      await sensor.stop();
      const { counters, sources, droppedByKernel } = sensor.status();
      t.same(balance(counters, 0), { packets: 0, bytes: 0, delivery: 0 }, `${name}: the sums add up`);
      t.equal(counters.captured, sources[0].packets, `${name}: each packet of the source`);
      t.equal(sources[0].malformed, noPackets, `${name}: each datagram that is none`);
      t.equal(handedOver, counters.exchanges, `${name}: each exchange`);
      t.equal(counters.exchanges, counters.paired + counters.unpairedRequests, `${name}: each request`);
      t.ok(handedOver >= atLeast, `${name}: ${handedOver} exchanges`);
      t.equal(droppedByKernel, 0, name);
    }
  }
});

t.test('parts of a capture hold whole connections', async (t) => {
  const talks = Array.from({ length: 30 }, (_, index) =>
    new Talk({ client: { ip: [10, 4, 0, index], port: 31_000 + index }, startMs: 1_700_000_000_000 + index * 0.5 })
      .open()
      .client(`GET /p/${index} HTTP/1.1\r\nHost: api\r\n\r\n`)
      .server(`HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(2_000)}`)
      .close(),
  );
  const whole = pcapFile(
    talks.flatMap((talk) => talk.packets).sort((a, b) => a.tsMs - b.tsMs),
    101,
  );
  const read = async (bytes: Buffer): Promise<string[]> => {
    const lines: string[] = [];
    await readPcap(Readable.from([bytes]), (one) =>
      lines.push(`${one.request.target} ${one.response?.body.totalLength} ${one.startedAtMs.toFixed(3)}`),
    );
    return lines;
  };
  for (const { name, bytes, problem } of [
    { name: 'whole', bytes: whole, problem: null },
    { name: 'cut off', bytes: whole.subarray(0, whole.length - 30), problem: /ends inside a record/ },
  ]) {
    const parts = await captureParts('x.pcap', () => Readable.from([bytes]), 4);
    const found: string[] = [];
    const dones: number[] = [];
    for await (const part of parts ?? []) {
      found.push(...(await read(part.bytes)));
      dones.push(part.done);
      if (problem === null) t.equal(part.problem, null);
      else t.match(part.problem?.message, problem);
    }
    t.same(found.toSorted(), (await read(bytes)).toSorted(), name);
    t.equal(dones.at(-1), 1);
    t.ok(dones.length > 2);
  }
  const fragments = fragments4(packets[3].bytes, 64, 1).map((bytes) => ({ tsMs: 1, bytes }));
  t.equal(await captureParts('x.pcap', () => Readable.from([pcapFile(fragments, 101)]), 4), null, 'fragments cannot be told apart');
  await t.rejects(
    captureParts('x.pcap', () => Readable.from([Buffer.from('no capture')]), 4),
    { code: 'SENSOR_NOT_A_CAPTURE' },
  );
});
