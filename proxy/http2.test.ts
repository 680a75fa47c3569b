/** HTTP/2 beside HTTP/1.1: what of one the other has no form for, refused or put into another; trailers both ways. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { connect, counted, LOCAL, sayer, start, untilClosed } from '../test/support/gateways.js';
import { certifier, listening } from '../test/support/servers.js';

const dir = mkdtempSync(join(tmpdir(), 'weir-http2-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const own = certifier(dir)('own', '/CN=localhost', null);

t.test('CONNECT, WebSocket and methods over HTTP/2', async (t) => {
  let reached = 0;
  const server = http.createServer((_req, res) => {
    reached++;
    res.end('ok');
  });
  const h2c = http2.createServer((_req, res) => {
    reached++;
    res.end('ok');
  });
  const { gateway, ports, log } = await start(t, {
    listeners: [{ ...LOCAL, tls: own }],
    services: [
      { name: 'api', upstreams: [await listening(t, server)] },
      { name: 'h2c', hosts: ['h2c.example'], upstreams: [await listening(t, h2c)], http2: true, health: { unhealthyAfter: 1 } },
    ],
  });
  const session = http2.connect(`https://127.0.0.1:${ports[0]}`, { rejectUnauthorized: false });
  t.teardown(() => session.destroy());
  await once(session, 'remoteSettings');
  t.equal(session.remoteSettings.enableConnectProtocol, false, 'WebSocket over HTTP/2 (RFC 8441) is not offered');
  const ask = async (headers: http2.OutgoingHttpHeaders) => {
    const stream = session.request(headers);
    let text = '';
    let status: unknown;
    stream.on('response', (head) => {
      status = head[':status'];
    });
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('error', (error) => {
      text += error.message;
    });
    await new Promise((resolve) => stream.once('close', resolve));
    return { status, text };
  };
  t.match(
    await ask({ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': '/ws', ':authority': 'a' }),
    { status: undefined, text: /PROTOCOL_ERROR/ },
    'whoever tries all the same is told so',
  );
  t.match(await ask({ ':method': 'CONNECT', ':authority': 'a:443' }), { status: 405, text: /^\{.*CONNECT_REFUSED/ });
  t.match(await ask({ ':method': 'FOO', ':path': '/' }), { status: 400, text: /MESSAGE_MALFORMED/ });
  t.match(await ask({ ':method': 'TRACE', ':path': '/' }), { status: 405, text: /TRACE_REFUSED/ });
  for (const code of ['CONNECT_REFUSED', 'MESSAGE_MALFORMED', 'TRACE_REFUSED'] as const)
    t.match(counted(gateway, log, code), { counter: 1, logged: true }, code);
  const upgrade = await connect('tls', ports[0]);
  upgrade.write('GET / HTTP/1.1\r\nHost: h2c.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n');
  t.match(await untilClosed(upgrade), /^HTTP\/1\.1 501 [\s\S]*UPGRADE_REFUSED/, 'an upstream over HTTP/2 has no upgrades either');
  t.ok(
    gateway.health().upstreams.every(({ up }) => up),
    'which is not its fault',
  );
  t.equal(reached, 0);
});

const chunked = (trailers: string) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`;

t.test('answers that HTTP/2 cannot carry as they are', async (t) => {
  const upstream = await listening(
    t,
    sayer({
      '/prototype': chunked('constructor: x\r\n__proto__: y\r\nX-Sum: 1\r\n'),
      '/connection': chunked('Connection: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\nSet-Cookie: a=b\r\nX-Sum: 1\r\n'),
      '/repeated': chunked('X-Sum: 1\r\nx-sum: 2\r\nETag: "a"\r\nETag: "b"\r\n'),
      '/600': 'HTTP/1.1 600 Odd\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\nSet-Cookie: a=b\r\n\r\nok',
      '/204': 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
      '/twice':
        'HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\nContent-Type: text/a\r\nContent-Type: text/b\r\nVary: a\r\nVary: b\r\nContent-Length: 2\r\n\r\nok',
      '/cookies': 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok',
    }),
  );
  const { gateway, ports } = await start(t, {
    listeners: [LOCAL, { ...LOCAL, tls: own }],
    services: [{ name: 'api', upstreams: [upstream] }],
  });
  const session = http2.connect(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false });
  t.teardown(() => session.destroy());
  const ask = async (path: string) => {
    const stream = session.request({ ':path': path });
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('trailers', (got) => {
      trailers = got;
    });
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { head, text, trailers: Object.fromEntries(Object.entries(trailers)) };
  };
  t.same(
    (await ask('/prototype')).trailers,
    Object.fromEntries([
      ['constructor', 'x'],
      ['__proto__', 'y'],
      ['x-sum', '1'],
    ]),
  );
  t.same((await ask('/connection')).trailers, { 'x-sum': '1' }, 'connection-specific trailers do not end the process');
  t.match((await ask('/repeated')).trailers, { 'x-sum': '1, 2', etag: '"a", "b"' });
  const odd = await ask('/600');
  t.match(odd, { head: { ':status': 502, 'content-encoding': undefined, 'set-cookie': undefined }, text: /UPSTREAM_PROTOCOL/ });
  t.match(await ask('/204'), { head: { ':status': 204, 'content-length': undefined }, text: '' });
  const twice = await ask('/twice');
  t.match(twice, { head: { ':status': 200, 'x-content-type-options': 'nosniff', 'content-type': 'text/a', vary: 'a, b' }, text: 'ok' });
  t.same((await ask('/cookies')).head['set-cookie'], ['a=1', 'b=2']);
  const plain = async (path: string) => {
    const socket = await connect('plain', ports[0]);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    return untilClosed(socket);
  };
  t.match(await plain('/prototype'), /0\r\nconstructor: x\r\n__proto__: y\r\nx-sum: 1\r\n\r\n$/);
  t.match(await plain('/connection'), /0\r\nx-sum: 1\r\n\r\n$/, 'nor do they reach a client over HTTP/1.1');
  t.notMatch(await plain('/204'), /content-length/i);
  t.match(await plain('/600'), /^HTTP\/1\.1 600 /, 'HTTP/1.1 has room for them');
  t.equal(gateway.health().inflight, 0, 'nothing hangs');
  t.match(
    gateway.metrics(),
    /weir_gateway_trailers_dropped_total\{service="api",direction="response"\} 8\n/,
    'four fields of two answers, counted',
  );
});

t.test('trailers both ways, between HTTP/1.1 and HTTP/2', async (t) => {
  const one = http.createServer((req, res) => {
    res.setHeader('trailer', 'x-sum');
    req.resume().on('end', () => {
      res.write(JSON.stringify(req.trailers));
      res.addTrailers({ 'x-sum': 'one' });
      res.end();
    });
  });
  const announced: unknown[] = [];
  const two = http2.createServer();
  two.on('stream', (stream, head) => {
    announced.push(head.trailer);
    let trailers = {};
    stream.on('trailers', (got) => {
      trailers = { ...got };
    });
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'two' }));
    stream.resume().on('end', () => stream.end(JSON.stringify(trailers)));
  });
  const { gateway, ports, exchanges } = await start(t, {
    listeners: [LOCAL, { ...LOCAL, tls: own }],
    services: [
      { name: 'one', hosts: ['one'], upstreams: [await listening(t, one)] },
      { name: 'two', hosts: ['two'], upstreams: [await listening(t, two)], http2: true },
    ],
  });
  const session = http2.connect(`https://127.0.0.1:${ports[1]}`, { rejectUnauthorized: false });
  t.teardown(() => session.destroy());
  const overOne = async (host: string) => {
    const socket = await connect('plain', ports[0]);
    socket.write(
      `POST / HTTP/1.1\r\nHost: ${host}\r\nTE: trailers\r\nTrailer: x-a\r\nTransfer-Encoding: chunked\r\nConnection: TE, close\r\n\r\n3\r\nabc\r\n0\r\nx-a: 1\r\n\r\n`,
    );
    const answer = await untilClosed(socket);
    return { body: /\{.*\}/.exec(answer)?.[0], sum: /x-sum: (\w+)\r\n\r\n$/.exec(answer)?.[1] };
  };
  const overTwo = async (host: string, sent = 'abc', head: http2.OutgoingHttpHeaders = {}) => {
    const stream = session.request({ ':path': '/', ':method': 'POST', ':authority': host, te: 'trailers', ...head }, {
      waitForTrailers: true,
    } as http2.ClientSessionRequestOptions);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-a': '1' }));
    let sum: unknown;
    stream.on('trailers', (got) => {
      sum = got['x-sum'];
    });
    stream.end(sent);
    let body = '';
    for await (const chunk of stream) body += chunk;
    return { body, sum };
  };
  const sent = '{"x-a":"1"}';
  t.same(await overOne('one'), { body: sent, sum: 'one' }, 'HTTP/1.1 to HTTP/1.1');
  t.same(await overTwo('one'), { body: sent, sum: 'one' }, 'HTTP/2 to HTTP/1.1');
  t.same(await overOne('two'), { body: sent, sum: 'two' }, 'HTTP/1.1 to HTTP/2');
  t.same(await overTwo('two'), { body: sent, sum: 'two' }, 'HTTP/2 to HTTP/2');
  t.same(
    exchanges.map(({ request, response }) => [request.trailers.join('='), response?.trailers.join('=')]),
    [
      ['x-a=1', 'x-sum=one'],
      ['x-a=1', 'x-sum=one'],
      ['x-a=1', 'x-sum=two'],
      ['x-a=1', 'x-sum=two'],
    ],
    'all are recorded',
  );
  t.same(announced, ['x-a', undefined], 'what was announced is announced');
  const dropped = () =>
    gateway
      .metrics()
      .split('\n')
      .filter((line) => /^weir_gateway_trailers_dropped_total.* [1-9]/.test(line));
  t.same(dropped(), []);
  const large = 'x'.repeat(100_000);
  const length = { 'content-length': large.length };
  t.same(await overTwo('one', large, { ...length, trailer: 'x-a' }), { body: sent, sum: 'one' }, 'behind a large body of told length');
  t.same(await overTwo('two', large, length), { body: sent, sum: 'two' }, 'which HTTP/2 does not even need to be told of');
  t.same(dropped(), []);
  t.same(await overTwo('one', large, length), { body: '{}', sum: 'one' }, 'not where they come as a surprise');
  t.same(dropped()[0], 'weir_gateway_trailers_dropped_total{service="one",direction="request"} 1');
});

t.test('bodies on their way to an upstream over HTTP/2', async (t) => {
  const server = http2.createServer((req, res) => {
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    req.on('end', () => {
      arrived.push(bytes);
      res.end(`got ${bytes}`);
    });
  });
  const arrived: number[] = [];
  const { gateway, ports } = await start(t, {
    listeners: [LOCAL],
    services: [{ name: 'api', upstreams: [await listening(t, server)], http2: true, health: { unhealthyAfter: 1 } }],
  });
  const ask = async (method: string, framed: string) => {
    const socket = await connect('plain', ports[0]);
    socket.write(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${framed}`);
    return untilClosed(socket);
  };
  const large = 'x'.repeat(100_000);
  const bodies: readonly (readonly [name: string, bytes: number, framed: string])[] = [
    ['nothing in chunks', 0, 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['of told length', 3, 'Content-Length: 3\r\n\r\nabc'],
    ['in chunks', 3, 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
    ['large', large.length, `Content-Length: ${large.length}\r\n\r\n${large}`],
    ['large, in chunks', large.length, `Transfer-Encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`],
  ];
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    for (const [name, bytes, framed] of bodies) {
      const answer = await ask(method, framed);
      t.match(answer, method === 'HEAD' ? /^HTTP\/1\.1 200 / : new RegExp(`^HTTP/1\\.1 200 [\\s\\S]*got ${bytes}\\b`), `${method} ${name}`);
      t.equal(arrived.pop(), bytes);
    }
  }
  t.equal(gateway.health().inflight, 0);
  t.ok(gateway.health().upstreams[0].up, 'no client takes the upstream out');
});
