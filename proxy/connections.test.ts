import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import t from 'tap';
import { connect, counted, LOCAL, sayer, start, until, untilClosed, type Wire } from '../test/support/gateways.js';
import { certifier, frame, listening, literals } from '../test/support/servers.js';
import { frameOf } from './websocket-reader.js';

const dir = mkdtempSync(join(tmpdir(), 'weir-connections-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

const certificate = certifier(dir);
const own = certificate('own', '/CN=localhost', null);

t.test('slow and idle connections end, whatever they are carried by', async (t) => {
  const upstream = await listening(t, sayer());
  const { gateway, ports, log } = await start(t, {
    listeners: [LOCAL, { ...LOCAL, tls: own }, { ...LOCAL, proxyProtocol: true }],
    services: [{ name: 'api', upstreams: [upstream] }],
    trustedProxies: ['127.0.0.1'],
    limits: { headersMs: 300, keepAliveMs: 300, bodyBytesPerSecond: 1000, bodyGraceMs: 300 },
  });
  const wires: readonly Wire[] = ['plain', 'tls', 'proxied'];
  const says = async (index: number, bytes: string) => {
    const socket = await connect(wires[index], ports[index]);
    socket.write(bytes);
    return untilClosed(socket);
  };
  await Promise.all(
    wires.map(async (wire, index) => {
      const [headers, body, idle] = await Promise.all([
        says(index, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '),
        says(index, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nslow'),
        says(index, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
      ]);
      t.match(headers, /^HTTP\/1\.1 408 [\s\S]*HEADERS_SLOW/, `${wire}: slow headers`);
      t.match(body, /^HTTP\/1\.1 408 [\s\S]*BODY_SLOW/, `${wire}: slow body`);
      t.match(idle, /^HTTP\/1\.1 200 [\s\S]*ok$/, `${wire}: idle`);
    }),
  );
  t.equal(gateway.stats().faults.BODY_SLOW, 3);
  t.match(counted(gateway, log, 'HEADERS_SLOW'), { counter: 3, logged: true });

  const session = http2.connect(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false });
  let goaway = -1;
  session.on('goaway', (code) => {
    goaway = code;
  });
  const stream = session.request({ ':path': '/' }).resume();
  await once(stream, 'end');
  await once(session, 'close');
  t.equal(goaway, http2.constants.NGHTTP2_NO_ERROR, 'HTTP/2: idle');
  const silent = await connect('tls', ports[1], 'h2');
  await untilClosed(silent);
  t.equal(gateway.stats().faults.HEADERS_SLOW, 4, 'HTTP/2: never asks for anything');
});

t.test('limits that change while the gateway runs hold for connections that come', async (t) => {
  const upstream = await listening(t, sayer());
  const options = { listeners: [LOCAL, { ...LOCAL, tls: own }], services: [{ name: 'api', upstreams: [upstream] }] };
  const { gateway, ports } = await start(t, options);
  const says = async (index: number, bytes: string) => {
    const socket = await connect((['plain', 'tls'] as const)[index], ports[index]);
    socket.write(bytes);
    return untilClosed(socket);
  };
  const large = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`;
  const streams = async () => {
    const session = http2.connect(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false });
    const [{ maxConcurrentStreams }] = (await once(session, 'remoteSettings')) as [http2.Settings];
    session.destroy();
    return maxConcurrentStreams;
  };
  for (const index of [0, 1]) t.match(await says(index, large), /^HTTP\/1\.1 200 /);
  t.equal(await streams(), 128);
  gateway.apply({ ...options, limits: { headerBytes: 4_096, headersMs: 300, keepAliveMs: 300, streamsPerConnection: 7 } });
  for (const index of [0, 1]) {
    t.match(await says(index, large), /^HTTP\/1\.1 431 [\s\S]*HEADERS_TOO_LARGE/);
    t.match(await says(index, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '), /^HTTP\/1\.1 408 [\s\S]*HEADERS_SLOW/);
    t.match(await says(index, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 200 [\s\S]*ok$/, 'idle');
  }
  t.equal(await streams(), 7);
});

t.test('many idle HTTP/2 connections; a request in progress keeps its own', async (t) => {
  const server = http.createServer((_req, res) => setTimeout(() => res.end('late'), 1_500));
  const upstream = await listening(t, server);
  const { gateway, ports } = await start(t, {
    listeners: [{ ...LOCAL, tls: own }],
    services: [{ name: 'api', upstreams: [upstream] }],
    limits: { keepAliveMs: 300, headersMs: 5_000 },
  });
  const sessions = Array.from({ length: 50 }, () => http2.connect(`https://127.0.0.1:${ports[0]}`, { rejectUnauthorized: false }));
  const closed = sessions.map((session) => once(session, 'close'));
  const answers = sessions.map(async (session, index) => {
    const stream = session.request({ ':path': index === 0 ? '/late' : '/bad%zz' });
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let text = '';
    for await (const chunk of stream) text += chunk;
    return [head[':status'], index === 0 ? text : ''];
  });
  t.same(new Set((await Promise.all(answers)).slice(1).map(([status]) => status)), new Set([400]));
  t.same(await answers[0], [200, 'late'], 'it takes longer than an idle connection may');
  await Promise.all(closed);
  await until(() => gateway.stats().connectionsOpen === 0);
  t.equal(gateway.stats().connectionsOpen, 0, 'all of them are closed');
});

t.test('a drain tells HTTP/2 clients to go, and waits for their requests only', async (t) => {
  const server = http.createServer((_req, res) => setTimeout(() => res.end('done'), 200));
  const upstream = await listening(t, server);
  const { gateway, ports } = await start(t, { listeners: [{ ...LOCAL, tls: own }], services: [{ name: 'api', upstreams: [upstream] }] });
  const [busy, idle] = [0, 1].map(() => http2.connect(`https://127.0.0.1:${ports[0]}`, { rejectUnauthorized: false }));
  const gone = [busy, idle].map((session) => once(session, 'goaway'));
  const stream = busy.request({ ':path': '/' });
  await until(() => gateway.health().inflight === 1);
  await once(idle.request({ ':path': '/bad%zz' }).resume(), 'end');
  const closing = gateway.close(60_000);
  await Promise.all(gone);
  let text = '';
  for await (const chunk of stream) text += chunk;
  t.equal(text, 'done', 'what runs may finish');
  await closing;
  t.equal(gateway.health().state, 'closed', 'long before the deadline');
});

const GET = literals([
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a'],
  [':path', '/'],
]);
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION] = [0, 1, 3, 4, 6, 9];
const CANCEL = Buffer.from([0, 0, 0, 8]);
const streams = (count: number, frames: (id: number) => readonly Buffer[]) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => frames(2 * index + 1)).flat());
const NOTHING = Buffer.alloc(0);

const FLOODS: Readonly<Record<string, Buffer>> = {
  'rapid reset': streams(3_000, (id) => [frame(HEADERS, 5, GET, id), frame(RST_STREAM, 0, CANCEL, id)]),
  'CONTINUATION without end': Buffer.concat([
    frame(HEADERS, 1, GET, 1),
    ...Array.from({ length: 2_000 }, (_, index) => frame(CONTINUATION, 0, literals([[`x${index}`, 'y']]), 1)),
  ]),
  PING: Buffer.concat(Array.from({ length: 20_000 }, () => frame(PING, 0, Buffer.alloc(8), 0))),
  SETTINGS: Buffer.concat(Array.from({ length: 20_000 }, () => frame(SETTINGS, 0, NOTHING, 0))),
  'DATA of nothing': Buffer.concat([frame(HEADERS, 4, GET, 1), ...Array.from({ length: 20_000 }, () => frame(DATA, 0, NOTHING, 1))]),
};

t.test('HTTP/2 that is abused', async (t) => {
  let reached = 0;
  const held: http.ServerResponse[] = [];
  const server = http.createServer((_req, res) => {
    reached++;
    held.push(res);
  });
  const upstream = await listening(t, server);
  const { gateway, ports, log } = await start(t, {
    listeners: [{ ...LOCAL, tls: own }],
    services: [{ name: 'api', upstreams: [upstream] }],
    limits: { streamsPerConnection: 10, resetsPerConnectionPerSecond: 50 },
  });
  const open = async () => {
    const socket = await connect('tls', ports[0], 'h2');
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, NOTHING, 0)]));
    return socket;
  };
  for (const [index, [name, bytes]] of Object.entries(FLOODS).entries()) {
    const socket = await open();
    const closed = untilClosed(socket);
    socket.write(bytes);
    await closed;
    t.match(counted(gateway, log, 'HTTP2_FLOOD'), { counter: index + 1, logged: true }, `${name} costs the connection`);
  }
  t.ok(reached < 100, `${reached} of thousands of requests reached the upstream`);
  await until(() => gateway.health().inflight === 0);
  t.equal(gateway.health().inflight, 0, 'and nothing is left of them');

  reached = 0;
  const socket = await open();
  let got = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
  });
  socket.write(streams(30, (id) => [frame(HEADERS, 5, GET, id)]));
  const refused = () => {
    let count = 0;
    for (let at = 0; at + 9 <= got.length; at += 9 + got.readUIntBE(at, 3))
      if (got[at + 3] === RST_STREAM && got.length >= at + 13 && got.readUInt32BE(at + 9) === http2.constants.NGHTTP2_REFUSED_STREAM)
        count++;
    return count;
  };
  await until(() => refused() === 20 && reached === 10);
  t.same([refused(), reached], [20, 10], 'streams beyond the limit are refused one by one, the others go on');
  held.pop()!.end();
  await until(() => gateway.health().inflight === 9);
  socket.write(frame(HEADERS, 5, GET, 61));
  await until(() => reached === 11);
  t.match(counted(gateway, log, 'HTTP2_STREAM_REFUSED'), { counter: 20, logged: true }, 'and the next that comes shows how many they were');
  socket.destroy();

  const odd = await open();
  const upperCase = literals([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'a'],
    [':path', '/'],
    ['X-Upper', 'y'],
  ]);
  for (const [id, fields] of [
    [15, GET],
    [17, GET],
    [19, upperCase],
    [21, GET],
  ] as const)
    odd.write(frame(HEADERS, 5, fields, id));
  await until(() => reached === 14);
  t.equal(gateway.stats().faults.HTTP2_STREAM_REFUSED, 21, 'so does one that Node takes for malformed, wherever a client begins to count');
  odd.destroy();
  for (const res of held) res.destroy();
});

t.test('upgraded connections over which nothing comes', async (t) => {
  const server = http.createServer();
  server.on('upgrade', (req, socket) => {
    socket.on('error', () => undefined);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${req.headers.upgrade}\r\n\r\n`);
    if (!req.url?.startsWith('/chatty')) return;
    // The client of this one only listens.
    const chat = setInterval(() => socket.write(frameOf(1, Buffer.from('hi'), null)), 50);
    socket.on('close', () => clearInterval(chat));
  });
  const { gateway, ports, log } = await start(t, {
    listeners: [LOCAL, { ...LOCAL, tls: own }, { ...LOCAL, proxyProtocol: true }],
    services: [{ name: 'api', upstreams: [await listening(t, server)], timeouts: { upgradedIdleMs: 400 } }],
    trustedProxies: ['127.0.0.1'],
  });
  const goingAway = Buffer.from([0x88, 2, 0x03, 0xe9]).toString('latin1');
  const opens = async (index: number, path: string, protocol: string) => {
    const socket = await connect((['plain', 'tls', 'proxied'] as const)[index], ports[index]);
    socket.write(`GET ${path}?key=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Key: k\r\n\r\n`);
    return socket;
  };
  const chatty = await opens(0, '/chatty', 'websocket');
  let heard = '';
  chatty.on('data', (chunk) => {
    heard += chunk.toString('latin1');
  });
  for (const index of [0, 1, 2]) {
    const [webSocket, other] = await Promise.all(
      ['websocket', 'chat'].map(async (protocol) => untilClosed(await opens(index, '/quiet', protocol))),
    );
    t.equal(webSocket.split('\r\n\r\n')[1], goingAway, 'a WebSocket client is told that the gateway goes away');
    t.match(other, /^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/, 'where the protocol is unknown the connection closes');
  }
  t.match(counted(gateway, log, 'UPGRADE_IDLE'), { counter: 6, logged: true });
  t.match(
    log.filter((line) => line.includes('UPGRADE_IDLE')).map((line) => JSON.parse(line).target),
    Array(6).fill('/quiet?key='),
  );
  t.equal(gateway.health().inflight, 1, 'nothing is left of them');
  t.notOk(heard.includes(goingAway), 'one that speaks goes on, also where one side only listens');
  chatty.destroy();
});

t.test('an upgrade that is refused ends the connection, also of a client that keeps its side open', async (t) => {
  const server = http.createServer();
  server.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno'));
  const { gateway, ports } = await start(t, {
    listeners: [LOCAL],
    services: [{ name: 'api', hosts: ['a'], upstreams: [await listening(t, server)] }],
  });
  for (const [host, status] of [
    ['a', 401],
    ['b', 404],
  ] as const) {
    const socket = net.connect({ host: '127.0.0.1', port: ports[0], allowHalfOpen: true });
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk;
    });
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await once(socket, 'end');
    t.match(got, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*(?:no|NO_SERVICE.*\\})$`));
    await until(() => gateway.stats().connectionsOpen === 0);
    t.equal(gateway.stats().connectionsOpen, 0, `${status}`);
    socket.destroy();
  }
});

t.test('a client that does not read its answer', async (t) => {
  let aborted = 0;
  const server = http.createServer((_req, res) => {
    const more = () => {
      while (res.write(Buffer.alloc(65_536)));
    };
    res.on('drain', more);
    res.on('close', () => aborted++);
    more();
  });
  const upstream = await listening(t, server);
  const { gateway, ports, exchanges } = await start(t, {
    listeners: [LOCAL, { ...LOCAL, tls: own }],
    services: [{ name: 'api', upstreams: [upstream] }],
    limits: { answerStallMs: 300 },
  });
  const stalled = await connect('plain', ports[0]);
  stalled.pause();
  stalled.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => aborted === 1);
  const session = http2.connect(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false });
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  stream.pause();
  await until(() => aborted === 2);
  t.equal(aborted, 2, 'takes the upstream request with it, over HTTP/1.1 and HTTP/2');
  t.same(
    exchanges.map((one) => one.failure),
    ['CLIENT_STALLED', 'CLIENT_STALLED'],
  );
  t.equal(gateway.stats().faults.CLIENT_STALLED, 2);
  t.equal(gateway.health().inflight, 0);
  stalled.destroy();
  session.destroy();
});

t.test('a client that does not read answers that were written at once', async (t) => {
  const server = http.createServer((_req, res) => res.end(Buffer.alloc(60_000)));
  const upstream = await listening(t, server);
  const { gateway, ports, log } = await start(t, {
    listeners: [LOCAL, { ...LOCAL, tls: own }],
    services: [{ name: 'api', upstreams: [upstream] }],
    limits: { answerStallMs: 300, keepAliveMs: 60_000 },
  });
  const idle = await connect('plain', ports[0]);
  let heard = 0;
  idle.on('data', (chunk) => {
    heard += chunk.length;
  });
  const ask = 'GET /?key=1 HTTP/1.1\r\nHost: a\r\n\r\n';
  idle.write(ask);
  for (const [index, wire] of (['plain', 'tls'] as const).entries()) {
    const socket = await connect(wire, ports[index]);
    socket.pause();
    // More than the buffers of both kernels hold.
    socket.write(ask.repeat(120));
    await until(() => gateway.stats().faults.CLIENT_STALLED === index + 1);
    t.equal(gateway.stats().faults.CLIENT_STALLED, index + 1, wire);
    socket.destroy();
  }
  t.match(counted(gateway, log, 'CLIENT_STALLED'), { logged: true });
  t.equal(JSON.parse(log.find((line) => line.includes('CLIENT_STALLED'))!).target, '/?key=');
  const session = http2.connect(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false, settings: { initialWindowSize: 0 } });
  await once(session, 'remoteSettings');
  const streams = Array.from({ length: 3 }, () => session.request({ ':path': '/' }));
  await Promise.all(streams.map((stream) => new Promise((resolve) => stream.on('error', () => undefined).once('close', resolve))));
  t.equal(gateway.stats().faults.CLIENT_STALLED, 5, 'HTTP/2, stream by stream');
  session.destroy();
  t.ok(heard > 60_000);
  idle.write(ask);
  await until(() => heard > 120_000);
  t.ok(heard > 120_000, 'a client that has read all is only idle');
  idle.destroy();
});

t.test('requests one behind the other, before the first is answered', async (t) => {
  const held = new Set<http.ServerResponse>();
  const server = http.createServer((req, res) => {
    if (req.url !== '/held') {
      res.end('ok');
      return;
    }
    held.add(res);
    res.on('close', () => held.delete(res));
  });
  const upstream = await listening(t, server);
  const { gateway, ports, log, exchanges } = await start(t, {
    listeners: [LOCAL],
    services: [{ name: 'api', upstreams: [upstream] }],
    limits: { streamsPerConnection: 10 },
  });
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const socket = await connect('plain', ports[0]);
  socket.write(`${ask('/').repeat(9)}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  t.equal((await untilClosed(socket)).split('HTTP/1.1 200 OK').length, 11, 'as many as there may be are answered');

  const leaver = await connect('plain', ports[0]);
  leaver.write(ask('/held').repeat(5));
  await until(() => held.size === 5);
  exchanges.length = 0;
  leaver.destroy();
  await until(() => held.size === 0 && gateway.health().inflight === 0);
  t.same([held.size, gateway.health().inflight], [0, 0], 'a client that goes takes all of them along');
  t.same(new Set(exchanges.map((one) => one.failure)), new Set(['CLIENT_ABORT']));

  const flood = await connect('plain', ports[0]);
  flood.write(ask('/held').repeat(5_000));
  t.equal(await untilClosed(flood), '');
  await until(() => held.size === 0 && gateway.health().inflight === 0);
  t.same([held.size, gateway.health().inflight], [0, 0], 'who asks for more than may be loses the connection');
  t.match(counted(gateway, log, 'PIPELINE_TOO_DEEP'), { counter: 1, logged: true });
});

t.test('requests that wait for a connection to a hung upstream are not left waiting', async (t) => {
  const upstream = await listening(
    t,
    net.createServer((socket) => socket.on('error', () => undefined).resume()),
  );
  const { gateway, ports } = await start(t, {
    listeners: [LOCAL],
    services: [{ name: 'api', upstreams: [upstream], connections: 1, retries: 0, timeouts: { headersMs: 500 } }],
  });
  const startedMs = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const socket = await connect('plain', ports[0]);
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      return untilClosed(socket);
    }),
  );
  t.ok(answers.every((answer) => /^HTTP\/1\.1 504 [\s\S]*UPSTREAM_HEADERS_TIMEOUT/.test(answer)));
  t.ok(performance.now() - startedMs < 3_500, 'together, not one after the other');
  t.equal(gateway.stats().faults.UPSTREAM_HEADERS_TIMEOUT, 8);
});

t.test('client certificates that are required', async (t) => {
  const ca = certificate('ca', '/CN=Clients', null);
  const other = certificate('other', '/CN=Others', null);
  certificate('stranger', '/CN=mallory', 'other');
  certificate('alice', '/O=Example/CN=alice', 'ca');
  certificate('sly', '/CN=alice,O=Example', 'ca');
  // Made for no time at all: it ends as it begins.
  certificate('late', '/CN=late', 'ca', 0);
  const folder = mkdtempSync(join(dir, 'served-'));
  const clientCa = join(folder, 'clients.pem');
  copyFileSync(ca.cert, clientCa);
  const upstream = await listening(t, sayer());
  const { gateway, ports, log, exchanges } = await start(
    t,
    {
      listeners: [{ ...LOCAL, tls: { ...own, clientCa, clientCertificate: 'required' } }],
      services: [{ name: 'api', upstreams: [upstream] }],
    },
    {
      principals: {
        read: (_headers, _target, subject) =>
          subject === undefined ? null : { key: subject, kind: 'mtls', carrier: 'tls', label: subject },
      },
    },
  );
  await wait(1_100);
  /** The status, or `refused`. */
  const ask = async (name: string | null, alpn: 'h2' | 'http/1.1'): Promise<string> => {
    const pair = name === null ? {} : { cert: readFileSync(join(dir, `${name}.pem`)), key: readFileSync(join(dir, `${name}.key`)) };
    const options = { host: '127.0.0.1', port: ports[0], rejectUnauthorized: false, ALPNProtocols: [alpn], ...pair };
    const socket: TLSSocket = tlsConnect(options);
    socket.on('error', () => undefined);
    if (alpn === 'http/1.1') {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      return /^HTTP\/1\.1 (\d+)/.exec(await untilClosed(socket))?.[1] ?? 'refused';
    }
    const session = http2.connect(`https://127.0.0.1:${ports[0]}`, { createConnection: () => socket });
    const status = await new Promise<string>((resolve) => {
      session.on('error', () => resolve('refused'));
      session.on('close', () => resolve('refused'));
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => resolve('refused'));
      stream.on('response', (head) => resolve(String(head[':status'])));
      stream.resume();
    });
    session.destroy();
    return status;
  };
  const table: readonly (readonly [name: string | null, what: string, status: string, principal?: string])[] = [
    [null, 'no certificate', 'refused'],
    ['stranger', 'of another CA', 'refused'],
    ['late', 'expired', 'refused'],
    ['alice', 'the right one', '200', 'O=Example,CN=alice'],
    ['sly', 'a name that looks like two', '200', 'CN=alice\\,O\\=Example'],
  ];
  let refusals = 0;
  for (const [name, what, status, principal] of table) {
    for (const alpn of ['http/1.1', 'h2'] as const) {
      exchanges.length = 0;
      t.equal(await ask(name, alpn), status, `${what} over ${alpn}`);
      if (status === 'refused') refusals++;
      await until(() => gateway.stats().faults.CLIENT_TLS === refusals);
      t.equal(gateway.stats().faults.CLIENT_TLS, refusals, 'counted');
      t.equal(exchanges[0]?.principal?.key, principal);
    }
  }
  t.match(counted(gateway, log, 'CLIENT_TLS'), { logged: true });

  copyFileSync(other.cert, clientCa);
  let before = 'refused';
  for (let tries = 0; tries < 100 && before === 'refused'; tries++) {
    await wait(50);
    before = await ask('stranger', 'http/1.1');
  }
  t.equal(before, '200', 'a changed CA is taken up by itself');
  t.equal(await ask('alice', 'h2'), 'refused', 'and the old one counts no more');
});
