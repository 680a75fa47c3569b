/** Upstreams over HTTP/2: connections that go, streams that are refused, limits, resets, timeouts, and answers that are none. Nothing is tried again by the method (`retries: 0`). One room: cases of a few lines over upstreams of the same kind. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connect, counted, LOCAL, type Running, start, until, untilClosed } from '../test/support/gateways.js';
import { certifier, frame, listening, literals } from '../test/support/servers.js';

const dir = mkdtempSync(join(tmpdir(), 'weir-http2-wire-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const own = certifier(dir)('own', '/CN=localhost', null);

type Service = Record<string, unknown>;

/** A gateway before one upstream over HTTP/2. */
const before = (t: Test, upstream: string, service: Service = {}): Promise<Running> =>
  start(t, {
    listeners: [LOCAL],
    services: [{ name: 'api', upstreams: [upstream], http2: true, retries: 0, health: { unhealthyAfter: 1_000 }, ...service }],
  });

/** All that comes back for one request over a connection of its own. */
async function ask({ ports }: Running, text = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'): Promise<string> {
  const socket = await connect('plain', ports[0]);
  socket.write(text, 'latin1');
  return untilClosed(socket);
}

const request = (method: string, body = '', path = '/', fields = '') =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}${body === '' ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

/** Asks `count` times, `atOnce` at a time; the statuses. */
async function load(running: Running, count: number, atOnce: number, text: (index: number) => string): Promise<number[]> {
  const statuses: number[] = [];
  let next = 0;
  const one = async () => {
    while (next < count) statuses.push(statusOf(await ask(running, text(next++))));
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return statuses;
}

/** Sessions of a server, all and those that are open. */
function sessionsOf(server: http2.Http2Server) {
  const all: http2.ServerHttp2Session[] = [];
  server.on('session', (session) => {
    all.push(session);
    session.on('error', () => undefined);
  });
  return all;
}

t.test('an upstream that lets its connections go fails no request', async (t) => {
  const server = http2.createServer();
  const sessions = sessionsOf(server);
  const served: string[] = [];
  const counts = new Map<http2.Http2Session, number>();
  server.on('stream', (stream, head) => {
    const session = stream.session as http2.ServerHttp2Session;
    const count = (counts.get(session) ?? 0) + 1;
    counts.set(session, count);
    served.push(String(head[':path']));
    let text = '';
    stream.on('error', () => undefined);
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('end', () =>
      setTimeout(() => {
        stream.respond({ ':status': 200 });
        stream.end(text);
      }, 5),
    );
    // GOAWAY with the last stream that it took; what is on the way behind it is refused.
    if (count === 20) session.close();
  });
  const running = await before(t, await listening(t, server));
  const large = 'x'.repeat(150_000);
  const statuses = await load(running, 400, 40, (index) => request('POST', index % 10 === 0 ? large : 'abc', `/${index}`));
  t.same(
    statuses.filter((status) => status !== 200),
    [],
  );
  t.equal(new Set(served).size, 400);
  t.equal(served.length, 400, 'each was processed once');
  t.ok(sessions.length >= 20, 'over many connections');
  t.equal(running.gateway.health().inflight, 0);
});

t.test('streams that are refused', async (t) => {
  const server = http2.createServer();
  const seen: string[] = [];
  server.on('stream', (stream, head) => {
    const path = String(head[':path']);
    const twice = seen.includes(path);
    seen.push(path);
    stream.on('error', () => undefined);
    if (path === '/huge') {
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > 500_000) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      });
    } else if (path === '/always' || (path !== '/never' && !twice)) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    else {
      stream.respond({ ':status': 200 });
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on('end', () => stream.end(`${head[':method']} ${bytes}`));
    }
  });
  const running = await before(t, await listening(t, server));
  const large = 'x'.repeat(100_000);
  const huge = 'x'.repeat(1_000_000);
  const cases: readonly (readonly [what: string, request: string, status: number, times: number])[] = [
    ['whole in memory', request('POST', 'abc', '/post'), 200, 2],
    ['without a body', request('GET', '', '/get'), 200, 2],
    ['again and again', request('POST', 'abc', '/always'), 502, 2],
    ['with an upload that was begun', request('POST', large, '/upload'), 200, 2],
    ['with one of which too much went out', request('POST', huge, '/huge'), 502, 1],
    ['not at all', request('POST', large, '/never'), 200, 1],
  ];
  for (const [what, text, status, times] of cases) {
    seen.length = 0;
    const answer = await ask(running, text);
    t.equal(statusOf(answer), status, what);
    if (text.startsWith('POST') && status === 200)
      t.equal(Number(/POST (\d+)/.exec(answer)?.[1]), Number(/Content-Length: (\d+)/.exec(text)?.[1]), `${what}: all of it`);
    t.equal(seen.length, times, `${what}: sent`);
  }
  t.match(counted(running.gateway, running.log, 'UPSTREAM_RESET'), { counter: 2, logged: true });
});

t.test('as many streams as the upstream takes', async (t) => {
  for (const [connections, most] of [
    [1, 1],
    [3, 1],
    [1, 5],
  ] as const) {
    const server = http2.createServer({ settings: { maxConcurrentStreams: most } });
    const sessions = sessionsOf(server);
    let now = 0;
    let peak = 0;
    server.on('stream', (stream) => {
      peak = Math.max(peak, ++now);
      setTimeout(() => {
        now--;
        stream.respond({ ':status': 200 });
        stream.end('ok');
      }, 5);
    });
    const running = await before(t, await listening(t, server), { connections });
    const statuses = await load(running, 40, 20, () => request('POST', 'abc'));
    t.same(
      statuses.filter((status) => status !== 200),
      [],
      `${connections} × ${most}`,
    );
    t.equal(peak, connections * most, 'at once');
    t.equal(sessions.length, connections);
  }
});

t.test('what a request and an answer say', async (t) => {
  const server = http2.createServer();
  const heads: http2.IncomingHttpHeaders[] = [];
  const lists: string[][] = [];
  server.on('stream', (stream: http2.ServerHttp2Stream, head: http2.IncomingHttpHeaders, _flags: number, list: string[]) => {
    heads.push(head);
    lists.push(list);
    stream.additionalHeaders({ ':status': 102 });
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
    stream.respond({ ':status': 201, 'x-latin': 'caf\xe9', 'set-cookie': ['a=1', 'b=2'] }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end('ok');
  });
  const running = await before(t, await listening(t, server));
  const answer = await ask(
    running,
    request(
      'GET',
      '',
      '/p?q=1',
      'X-Latin: caf\xe9\r\nX-List: a\r\nx-list: b\r\nUser-Agent: a\r\nUser-Agent: b\r\nconstructor: c\r\n__proto__: d\r\nTE: trailers, gzip\r\nKeep-Alive: timeout=5\r\n',
    ),
  );
  t.match(
    answer,
    /^HTTP\/1\.1 102 [^\r]*\r\n\r\nHTTP\/1\.1 103 [^\r]*\r\nlink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 201 /i,
    'interim answers',
  );
  t.match(answer, /x-latin: caf\xe9\r\n[\s\S]*set-cookie: a=1\r\nset-cookie: b=2\r\n/);
  t.match(answer, /2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
  t.match(heads[0], {
    ':method': 'GET',
    ':path': '/p?q=1',
    ':scheme': 'http',
    ':authority': 'a',
    'x-latin': 'caf\xe9',
    'x-list': 'a, b',
    'user-agent': 'a, b',
    te: 'trailers',
  });
  const names = lists[0].filter((_, index) => index % 2 === 0);
  for (const name of ['constructor', '__proto__']) t.ok(names.includes(name), name);
  for (const name of ['host', 'connection', 'keep-alive', 'transfer-encoding']) t.notOk(names.includes(name), name);
});

t.test('bodies larger than any buffer, and sides that do not read', async (t) => {
  const server = http2.createServer();
  const chunk = Buffer.alloc(65_536, 'x');
  let written = 0;
  let read = 0;
  let hold = false;
  server.on('stream', (stream, head) => {
    stream.on('error', () => undefined);
    if (head[':method'] === 'GET') {
      stream.respond({ ':status': 200 });
      const more = () => {
        while (written < 512 * chunk.length) {
          written += chunk.length;
          if (!stream.write(chunk)) {
            stream.once('drain', more);
            return;
          }
        }
        stream.end();
      };
      more();
      return;
    }
    if (hold) return;
    stream.on('data', (bytes: Buffer) => {
      read += bytes.length;
    });
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end(String(read));
    });
  });
  const running = await before(t, await listening(t, server));
  const slow = await connect('plain', running.ports[0]);
  slow.pause();
  slow.write(request('GET'));
  await until(() => written > 0);
  let seen = -1;
  while (seen !== written) {
    seen = written;
    await wait(100);
  }
  t.ok(written < 256 * chunk.length, `the upstream waits for a client that does not read (${written} bytes)`);
  let got = 0;
  slow.on('data', (bytes: Buffer) => {
    got += bytes.length;
  });
  slow.resume();
  await once(slow, 'close');
  t.ok(got > 512 * chunk.length, 'and goes on with it');

  const total = 512 * chunk.length;
  const send = async (socket: net.Socket) => {
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`);
    let sent = 0;
    const more = () => {
      while (sent < total) {
        sent += chunk.length;
        if (!socket.write(chunk)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
    return () => sent;
  };
  const whole = await connect('plain', running.ports[0]);
  await send(whole);
  t.match(await untilClosed(whole), new RegExp(`\r\n\r\n[\\s\\S]*${total}`), 'a large upload');
  hold = true;
  const stuck = await connect('plain', running.ports[0]);
  const sent = await send(stuck);
  for (seen = -1; seen !== sent(); ) {
    seen = sent();
    await wait(100);
  }
  t.ok(sent() < total / 2, `a client waits for an upstream that does not read (${sent()} bytes)`);
  stuck.destroy();
});

t.test('trailers that are announced, behind a body of told length or none', async (t) => {
  const large = 'x'.repeat(100_000);
  const server = http2.createServer();
  server.on('stream', (stream, head) => {
    const body = head[':path'] === '/large' ? large : 'ok';
    stream.respond({ ':status': 200, 'content-length': body.length, trailer: 'x-sum' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(head[':path'] === '/none' ? {} : { 'x-sum': '1' }));
    stream.end(head[':method'] === 'HEAD' ? undefined : body);
  });
  const running = await before(t, await listening(t, server));
  const announced = /^HTTP\/1\.1 200 [\s\S]*\r\ntrailer: x-sum\r\n[\s\S]*\r\n0\r\nx-sum: 1\r\n\r\n$/i;
  t.match(await ask(running, request('GET', '', '/small')), announced);
  t.match(await ask(running, request('GET', '', '/large')), announced);
  const none = await ask(running, request('GET', '', '/none'));
  t.match(none, /^HTTP\/1\.1 200 [\s\S]*content-length: 2\r\n[\s\S]*\r\n\r\nok$/i);
  t.notMatch(none, /trailer/i, 'what does not come is not announced');
  t.match(await ask(running, request('HEAD')), /^HTTP\/1\.1 200 [\s\S]*content-length: 2\r\n[\s\S]*\r\n\r\n$/i, 'nor where no body goes');
  t.match(await ask(running, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/, 'nor to HTTP/1.0');
});

t.test('an answer that breaks off is not taken for whole', async (t) => {
  const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = http2.constants;
  const ways: readonly (readonly [string, (at: Raw, stream: number) => void])[] = [
    ['internal', (at, stream) => at.reset(stream, NGHTTP2_INTERNAL_ERROR)],
    ['cancel', (at, stream) => at.reset(stream, NGHTTP2_CANCEL)],
    ['no error', (at, stream) => at.reset(stream, NGHTTP2_NO_ERROR)],
    ['half closed', (at) => at.socket.end()],
    ['closed', (at) => at.socket.destroy()],
    ['GOAWAY', (at) => at.goaway(0x7fffffff, NGHTTP2_INTERNAL_ERROR)],
  ];
  const server = raw((at, stream, index) => {
    at.head(stream, [[':status', '200']]);
    at.data(stream, 'part');
    setTimeout(() => ways[index][1](at, stream), 20);
  });
  const running = await before(t, await listening(t, server));
  for (const [way] of ways) t.match(await ask(running), /4\r\npart\r\n$/, way);
  t.match(counted(running.gateway, running.log, 'UPSTREAM_RESET'), { counter: 6, logged: false });
  t.equal(running.gateway.health().inflight, 0);
});

t.test('upstreams that cannot be reached, or do not answer', async (t) => {
  const closed = net.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  const silent = net.createServer((socket) => void socket.on('error', () => undefined).resume());
  const one = http.createServer((_req, res) => res.end('ok'));
  const leaving = raw(() => undefined).on('connection', (socket: net.Socket) => socket.write(frame(GOAWAY, 0, words(0, 0), 0)));
  const slow = http2.createServer();
  slow.on('stream', (stream, head) => {
    stream.on('error', () => undefined);
    if (head[':path'] === '/body') {
      stream.respond({ ':status': 200 });
      stream.write('part');
    }
  });
  const timeouts = { connectMs: 200, headersMs: 200, bodyMs: 200 };
  const slowly = await listening(t, slow);
  const cases = [
    ['nobody listens', `http://127.0.0.1:${port}`, '/', 'UPSTREAM_CONNECT'],
    ['no SETTINGS come', await listening(t, silent), '/', 'UPSTREAM_CONNECT_TIMEOUT'],
    ['it goes at once', await listening(t, leaving), '/', 'UPSTREAM_RESET'],
    ['it speaks HTTP/1.1', await listening(t, one), '/', 'UPSTREAM_PROTOCOL'],
    ['no answer comes', slowly, '/', 'UPSTREAM_HEADERS_TIMEOUT'],
    ['the answer stops', slowly, '/body', 'UPSTREAM_BODY_TIMEOUT'],
    ['its certificate is not trusted', await listening(t, http2.createSecureServer(pair()), 'https'), '/', 'UPSTREAM_TLS'],
  ] as const;
  for (const [what, upstream, path, code] of cases) {
    const running = await before(t, upstream, { timeouts });
    const answer = await ask(running, request('GET', '', path));
    if (code === 'UPSTREAM_BODY_TIMEOUT') t.match(answer, /part\r\n$/, what);
    else t.match(answer, new RegExp(`^HTTP/1\\.1 ${code.endsWith('TIMEOUT') ? 504 : 502} [\\s\\S]*${code}`), what);
    t.equal(running.gateway.stats().faults[code], 1, code);
    t.equal(running.gateway.health().inflight, 0);
  }
});

t.test('a client that leaves', async (t) => {
  const ends: string[] = [];
  const frames: number[] = [];
  const server = raw((_at, stream) => void ends.push(`${stream}`), {
    onReset: (stream, code) => ends.push(`${stream} reset ${code}`),
    onData: (_stream, flags) => frames.push(flags),
  });
  let connections = 0;
  server.on('connection', () => connections++);
  const running = await before(t, await listening(t, server));
  const leave = async (text: string) => {
    const socket = await connect('plain', running.ports[0]);
    const { length } = ends;
    socket.write(text);
    await until(() => ends.length > length);
    await wait(50);
    socket.destroy();
    await until(() => ends.length > length + 1);
  };
  await leave(request('GET', '', '/get'));
  await leave('POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  t.same(ends, ['1', '1 reset 8', '3', '3 reset 8'], 'takes its request with it');
  t.same(frames, [0], 'and the part that came of an upload never looks like the whole');
  t.equal(connections, 1, 'other requests keep their connection');
});

t.test('an upload that is answered before it was read', async (t) => {
  // It never lets more than its first window come: by then the upload stands still.
  const server = raw((at, stream) => {
    setTimeout(() => at.head(stream, [[':status', '200']], true), 50);
  });
  const running = await before(t, await listening(t, server));
  const length = 3_000_000;
  const body = 'x'.repeat(length);
  for (const framed of [
    `Content-Length: ${length}\r\n\r\n${body}`,
    `Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ]) {
    const socket = await connect('plain', running.ports[0]);
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${framed}`);
    const got = untilClosed(socket);
    await until(() => running.gateway.health().inflight === 0);
    socket.write(request('GET'));
    t.equal((await got).match(/HTTP\/1\.1 200 /g)?.length, 2, 'does not stand in the way of the next request');
  }
});

t.test('an upstream that chooses HTTP/1.1', async (t) => {
  let connections = 0;
  const server = https.createServer(pair(), (req, res) => {
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    req.on('end', () => res.end(`${req.httpVersion} ${req.method} ${req.headers['content-length'] ?? 'chunked'} ${bytes}`));
  });
  server.on('secureConnection', () => connections++);
  const running = await before(t, await listening(t, server, 'https'), {
    tls: { ca: own.cert, servername: 'localhost' },
    health: { path: '/' },
  });
  t.match(await ask(running, request('POST', 'abc')), /1\.1 POST 3 3/);
  t.match(await ask(running, request('POST', 'x'.repeat(100_000))), /1\.1 POST 100000 100000/);
  t.match(
    await ask(running, 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'),
    /1\.1 POST \d+ 3/,
  );
  t.match(await ask(running), /1\.1 GET chunked 0/);
  t.ok(connections <= 3, 'it is not asked for HTTP/2 each time');
});

t.test('connections that are idle, closed or dead', async (t) => {
  const server = http2.createServer((_req, res) => res.end('ok'));
  const sessions = sessionsOf(server);
  const sockets: net.Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  const running = await before(t, await listening(t, server), { timeouts: { idleMs: 300 } });
  for (const close of [
    (session: http2.Http2Session) => session.close(),
    (session: http2.Http2Session) => session.destroy(),
    () => sockets.at(-1)!.destroy(),
  ]) {
    t.equal(statusOf(await ask(running)), 200);
    const session = sessions.at(-1)!;
    const gone = once(session, 'close');
    close(session);
    await gone;
    await wait(20);
    t.equal(statusOf(await ask(running)), 200, 'the upstream closed it: the next request goes over another');
  }
  t.equal(sessions.length, 4);
  const idle = sessions.at(-1)!;
  let goaway = -1;
  idle.on('goaway', (code) => {
    goaway = code;
  });
  await once(idle, 'close');
  t.equal(goaway, 0, 'one that is not used is closed');

  let accepted = 0;
  const dead = raw(
    (at, stream) => {
      if (at.number > 1) at.head(stream, [[':status', '200']], true);
    },
    { mute: true },
  );
  dead.on('connection', () => accepted++);
  const other = await before(t, await listening(t, dead), { timeouts: { headersMs: 200 } });
  t.equal(statusOf(await ask(other)), 504);
  t.equal(statusOf(await ask(other)), 200, 'nothing is sent over one that does not even answer a ping');
  t.equal(accepted, 2);
});

t.test('answers that are not valid', async (t) => {
  const ok: Field = [':status', '200'];
  const many = Array.from({ length: 400 }, (_, index): Field => [`x-${index}`, 'x'.repeat(90)]);
  const refused: Record<string, readonly Field[]> = {
    'no status': [['x-a', 'b']],
    'no number': [[':status', 'abc']],
    'two statuses': [ok, ok],
    'below 100': [[':status', '099']],
    '101': [[':status', '101']],
    'a status behind a field': [['x-a', 'b'], ok],
    'a pseudo field of requests': [ok, [':path', '/']],
    'capitals in a name': [ok, ['X-A', 'b']],
    connection: [ok, ['connection', 'close']],
    'transfer-encoding': [ok, ['transfer-encoding', 'chunked']],
    'two lengths': [ok, ['content-length', '2'], ['content-length', '3']],
    'a length that is none': [ok, ['content-length', '2x']],
    'a length that is too short': [ok, ['content-length', '1']],
    'a length that is too long': [ok, ['content-length', '3']],
    'more than any head': [ok, ...many],
  };
  const cases: Record<string, readonly Field[]> = {
    ...refused,
    'a line end in a value': [ok, ['x-a', 'b\r\nx-c: d']],
    'a blank in a name': [ok, ['x a', 'b']],
    'a NUL': [ok, ['x-a', 'b\0c']],
  };
  const names = Object.keys(cases);
  const server = raw((at, stream, index) => {
    at.head(stream, index % 2 === 0 ? cases[names[index / 2]] : [ok]);
    at.data(stream, 'ok', true);
  });
  const running = await before(t, await listening(t, server), { timeouts: { headersMs: 500 } });
  for (const name of names) {
    const answer = await ask(running);
    if (name in refused) t.match(answer, /^HTTP\/1\.1 502 [\s\S]*UPSTREAM_PROTOCOL/, name);
    else {
      t.match(answer, /^HTTP\/1\.1 200 /, `${name}: nghttp2 leaves the field out`);
      t.notMatch(answer, /x-c|x a|x-a/, name);
    }
    t.equal(statusOf(await ask(running)), 200, 'the next is');
  }
});

const pair = () => ({ key: readFileSync(own.key), cert: readFileSync(own.cert) });

type Field = readonly [name: string, value: string];

/** An HTTP/2 connection of an upstream that says what it is told to, valid or not. */
interface Raw {
  /** From 1. */
  readonly number: number;
  readonly socket: net.Socket;
  head(stream: number, fields: readonly Field[], last?: boolean): void;
  data(stream: number, text: string, last?: boolean): void;
  reset(stream: number, code: number): void;
  goaway(last: number, code: number): void;
}

interface RawHooks {
  /** The first connection answers no ping. */
  readonly mute?: boolean;
  onReset?(stream: number, code: number): void;
  onData?(stream: number, flags: number): void;
}

const PREFACE_BYTES = 24;
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION] = [0, 1, 3, 4, 6, 7, 9];
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4];

/** `onRequest` gets each request with its number, from 0. */
function raw(onRequest: (at: Raw, stream: number, index: number) => void, { mute, onReset, onData }: RawHooks = {}): net.Server {
  let connections = 0;
  let requests = 0;
  return net.createServer({ noDelay: true }, (socket) => {
    const at: Raw = {
      number: ++connections,
      socket,
      head: (stream, fields, last = false) => {
        const block = literals(fields);
        for (let from = 0; from === 0 || from < block.length; from += 16_000) {
          const end = from + 16_000 >= block.length ? END_HEADERS : 0;
          socket.write(
            frame(
              from === 0 ? HEADERS : CONTINUATION,
              end | (last && from === 0 ? END_STREAM : 0),
              block.subarray(from, from + 16_000),
              stream,
            ),
          );
        }
      },
      data: (stream, text, last = false) => void socket.write(frame(DATA, last ? END_STREAM : 0, Buffer.from(text), stream)),
      reset: (stream, code) => void socket.write(frame(RST_STREAM, 0, words(code), stream)),
      goaway: (last, code) => void socket.write(frame(GOAWAY, 0, words(last, code), 0)),
    };
    socket.on('error', () => undefined);
    socket.write(frame(SETTINGS, 0, Buffer.alloc(0), 0));
    let left = Buffer.alloc(0);
    let skip = PREFACE_BYTES;
    socket.on('data', (chunk) => {
      left = Buffer.concat([left, chunk]);
      if (left.length < skip) return;
      left = left.subarray(skip);
      skip = 0;
      while (left.length >= 9 && left.length >= 9 + left.readUIntBE(0, 3)) {
        const length = left.readUIntBE(0, 3);
        const [type, flags, stream] = [left[3], left[4], left.readUInt32BE(5)];
        const payload = left.subarray(9, 9 + length);
        left = left.subarray(9 + length);
        if (type === HEADERS) onRequest(at, stream, requests++);
        else if (type === DATA) onData?.(stream, flags);
        else if (type === RST_STREAM) onReset?.(stream, payload.readUInt32BE(0));
        else if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, Buffer.alloc(0), 0));
        else if (type === PING && (flags & ACK) === 0 && !(mute === true && at.number === 1)) socket.write(frame(PING, ACK, payload, 0));
      }
    });
  });
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}
