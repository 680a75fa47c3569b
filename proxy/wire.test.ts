/** What passes on the wire between client, gateway and upstream: protocols, TLS, addresses, limits, trailers. One room: cases of a few lines that share certificate, gateway and upstreams. */
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import t from 'tap';
import { CidrSet, type Exchange } from '../exchange/index.js';
import { certifier, frame, listening, literals } from '../test/support/servers.js';
import { clientBehind } from './client-address.js';
import { createGateway, type Gateway, type GatewayOptions, type GatewayPorts, trivialPorts } from './index.js';
import { readProxyHeader } from './proxy-protocol.js';

const dir = mkdtempSync(join(tmpdir(), 'weir-wire-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

const certificate = certifier(dir);

async function start(
  t: { teardown(end: () => unknown): void },
  options: GatewayOptions,
  ports: Partial<GatewayPorts> = {},
): Promise<{ gateway: Gateway; port: number; url: string; exchanges: Exchange[] }> {
  const exchanges: Exchange[] = [];
  const gateway = await createGateway(options, trivialPorts({ tee: { publish: (exchange) => exchanges.push(exchange) > 0 }, ...ports }));
  const [{ port, url }] = await gateway.listen();
  t.teardown(() => gateway.close(20));
  return { gateway, port, url, exchanges };
}

/** A server that tells what it saw. */
function mirror(): http.Server {
  return http.createServer((req, res) => {
    let body = '';
    if (req.url === '/hinted') res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body, trailers: req.trailers })));
  });
}

interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  let answer = '';
  await new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, 2000);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('close', () => {
      clearTimeout(patience);
      resolve();
    });
  });
  return answer;
}

const FORGED: readonly (readonly [string, string])[] = [
  ['X-Forwarded-For', '6.6.6.6'],
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-Forwarded-Host', 'evil.example'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Port', '443'],
  ['X-Forwarded-Prefix', '/admin'],
  ['X-Forwarded-Client-Cert', 'Subject="CN=admin"'],
  ['X-Forwarded-User', 'admin'],
  ['X-Real-IP', '6.6.6.6'],
  ['CF-Connecting-IP', '6.6.6.6'],
  ['True-Client-IP', '6.6.6.6'],
  ['X-Client-IP', '6.6.6.6'],
  ['Client-IP', '6.6.6.6'],
  ['X-Cluster-Client-IP', '6.6.6.6'],
  ['Fastly-Client-IP', '6.6.6.6'],
  ['X-Original-Forwarded-For', '6.6.6.6'],
  ['X-Envoy-External-Address', '6.6.6.6'],
  ['X-Azure-ClientIP', '6.6.6.6'],
  ['X-Remote-IP', '6.6.6.6'],
  ['X-Originating-IP', '6.6.6.6'],
  ['X_Forwarded_For', '6.6.6.6'],
  ['X_Real_IP', '6.6.6.6'],
  ['Forwarded', 'for=6.6.6.6;host=evil.example;proto=https'],
];

t.test('forged addresses', async (t) => {
  const upstream = await listening(t, mirror());
  const plain = await start(t, { listeners: [{ host: '127.0.0.1', port: 0 }], services: [{ name: 'api', upstreams: [upstream] }] });
  for (const [name, value] of FORGED) {
    const seen = (await (await fetch(plain.url, { headers: { [name]: value } })).json()) as Mirrored;
    t.notMatch(JSON.stringify(seen.headers), /6\.6\.6\.6|evil|"admin|\/admin|"https"|"443"/, `${name}: ${value} reaches nobody`);
    t.match(seen.headers, {
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      forwarded: /^for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=http$/,
    });
    t.equal(plain.exchanges.at(-1)?.client.ip, '127.0.0.1');
  }

  let blocked = '';
  const guarded = await start(
    t,
    { listeners: [{ host: '127.0.0.1', port: 0 }], services: [{ name: 'api', upstreams: [upstream], mode: 'enforce' }] },
    {
      blocklist: {
        get version() {
          return blocked.length;
        },
        check: (ip) => (ip === blocked ? { id: 'b', reason: 'r' } : null),
      },
    },
  );
  for (const [ip, status] of [
    ['127.0.0.1', 403],
    ['6.6.6.6', 200],
  ] as const) {
    blocked = ip;
    for (const [name, value] of FORGED) {
      const answer = await fetch(guarded.url, { headers: { [name]: value } });
      await answer.arrayBuffer();
      t.equal(answer.status, status, `${ip} is blocked, ${name}: ${value} neither evades it nor takes the blame`);
    }
  }

  const proxied = await start(t, {
    listeners: [{ host: '127.0.0.1', port: 0 }],
    services: [{ name: 'api', upstreams: [upstream] }],
    trustedProxies: ['127.0.0.1', '10.0.0.0/8'],
  });
  const cases: readonly (readonly [headers: Record<string, string>, client: string, chain: string])[] = [
    [{ 'x-forwarded-for': '6.6.6.6, 5.5.5.5' }, '5.5.5.5', '5.5.5.5, 127.0.0.1'],
    [{ 'x-forwarded-for': '6.6.6.6, 5.5.5.5, 10.0.0.7' }, '5.5.5.5', '5.5.5.5, 10.0.0.7, 127.0.0.1'],
    [{ 'x-forwarded-for': 'nonsense, 10.0.0.7' }, '10.0.0.7', '10.0.0.7, 127.0.0.1'],
    [{ 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1', '2001:db8::1, 127.0.0.1'],
    [{ 'x-forwarded-for': '[2001:DB8::1]:443' }, '2001:db8::1', '2001:db8::1, 127.0.0.1'],
    [{ 'x-forwarded-for': '5.5.5.5:1234' }, '5.5.5.5', '5.5.5.5, 127.0.0.1'],
    [{ 'x-forwarded-for': '::ffff:5.5.5.5' }, '5.5.5.5', '5.5.5.5, 127.0.0.1'],
    [{ forwarded: 'for=6.6.6.6, for="[2001:db8::2]:80";proto=https' }, '2001:db8::2', '2001:db8::2, 127.0.0.1'],
    [{ forwarded: 'for=6.6.6.6', 'x-forwarded-for': '5.5.5.5' }, '5.5.5.5', '5.5.5.5, 127.0.0.1'],
    [{ 'x-real-ip': '6.6.6.6', 'cf-connecting-ip': '6.6.6.6' }, '127.0.0.1', '127.0.0.1'],
  ];
  for (const [headers, client, chain] of cases) {
    const seen = (await (await fetch(proxied.url, { headers })).json()) as Mirrored;
    t.equal(proxied.exchanges.at(-1)?.client.ip, client, JSON.stringify(headers));
    t.equal(seen.headers['x-forwarded-for'], chain);
    t.notOk(seen.headers['x-real-ip'] ?? seen.headers['cf-connecting-ip']);
  }
  t.equal(
    ((await (await fetch(proxied.url, { headers: { 'x-forwarded-for': '5.5.5.5', 'x-forwarded-proto': 'https' } })).json()) as Mirrored)
      .headers['x-forwarded-proto'],
    'https',
  );
  t.same(
    clientBehind('1.1.1.1', '2.2.2.2', '', new CidrSet(['10.0.0.0/8'])),
    { ip: '1.1.1.1', hops: [] },
    'an untrusted peer is the client',
  );
});

t.test('PROXY protocol', async (t) => {
  const v2 = (command: number, family: number, payload: readonly number[]) =>
    Buffer.from([
      0x0d,
      0x0a,
      0x0d,
      0x0a,
      0,
      0x0d,
      0x0a,
      0x51,
      0x55,
      0x49,
      0x54,
      0x0a,
      0x20 | command,
      family,
      payload.length >> 8,
      payload.length & 255,
      ...payload,
    ]);
  const ipv4 = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0, 80];
  const ipv6 = [0x20, 1, 0x0d, 0xb8, ...Array(11).fill(0), 9, ...Array(16).fill(0), 0x30, 0x39, 0, 80];
  const table: readonly (readonly [name: string, bytes: Buffer, expected: unknown])[] = [
    [
      'v1 TCP4',
      Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\nGET'),
      { kind: 'header', peer: { ip: '203.0.113.9', port: 12345 }, bytes: 42 },
    ],
    ['v1 TCP6', Buffer.from('PROXY TCP6 2001:DB8::9 ::1 12345 80\r\n'), { kind: 'header', peer: { ip: '2001:db8::9', port: 12345 } }],
    ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), { kind: 'header', peer: null, bytes: 15 }],
    ['v1 in pieces', Buffer.from('PROX'), { kind: 'more' }],
    ['v1 no end', Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`), { kind: 'invalid' }],
    ['v1 bad address', Buffer.from('PROXY TCP4 203.0.113.999 10.0.0.1 1 2\r\n'), { kind: 'invalid' }],
    ['v1 wrong family', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'), { kind: 'invalid' }],
    ['v1 bad port', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 99999 80\r\n'), { kind: 'invalid' }],
    ['v1 missing field', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 1\r\n'), { kind: 'invalid' }],
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n'), { kind: 'invalid' }],
    ['v2 IPv4', v2(1, 0x11, ipv4), { kind: 'header', peer: { ip: '203.0.113.9', port: 12345 }, bytes: 28 }],
    ['v2 IPv4 with TLVs', v2(1, 0x11, [...ipv4, 4, 0, 1, 0]), { kind: 'header', peer: { ip: '203.0.113.9', port: 12345 }, bytes: 32 }],
    ['v2 IPv6', v2(1, 0x21, ipv6), { kind: 'header', peer: { ip: '2001:db8::9', port: 12345 }, bytes: 52 }],
    ['v2 LOCAL', v2(0, 0, []), { kind: 'header', peer: null, bytes: 16 }],
    ['v2 in pieces', v2(1, 0x11, ipv4).subarray(0, 20), { kind: 'more' }],
    ['v2 too short for its family', v2(1, 0x11, ipv4.slice(0, 6)), { kind: 'invalid' }],
    ['v2 unknown command', v2(7, 0x11, ipv4), { kind: 'invalid' }],
    ['v2 wrong version', Buffer.concat([v2(1, 0x11, ipv4).subarray(0, 12), Buffer.from([0x31, 0x11, 0, 0])]), { kind: 'invalid' }],
  ];
  for (const [name, bytes, expected] of table) t.match(readProxyHeader(bytes), expected, name);

  const upstream = await listening(t, mirror());
  const service = { name: 'api', upstreams: [upstream] };
  const trusted = await start(t, {
    listeners: [{ host: '127.0.0.1', port: 0, proxyProtocol: true }],
    services: [service],
    trustedProxies: ['127.0.0.1'],
  });
  const request = 'GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  t.match(await raw(trusted.port, `PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n${request}`), /"x-forwarded-for":"203\.0\.113\.9"/);
  t.match(trusted.exchanges.at(-1)?.client, { ip: '203.0.113.9', port: 12345 });
  t.match(await raw(trusted.port, Buffer.concat([v2(1, 0x21, ipv6), Buffer.from(request)])), /"x-forwarded-for":"2001:db8::9"/);
  t.match(
    await raw(
      trusted.port,
      `PROXY TCP4 203.0.113.9 10.0.0.1 1 80\r\nGET /p HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n`,
    ),
    /"x-forwarded-for":"203\.0\.113\.9"/,
    'the address in the header is the peer, and is not trusted itself',
  );
  t.equal(await raw(trusted.port, request), '', 'a trusted peer must send the header');
  t.equal(trusted.gateway.stats().faults.PROXY_HEADER_INVALID, 1);
  const untrusted = await start(t, { listeners: [{ host: '127.0.0.1', port: 0, proxyProtocol: true }], services: [service] });
  t.match(await raw(untrusted.port, `PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n${request}`), /^HTTP\/1\.1 400/, 'anybody else must not');
  t.match(await raw(untrusted.port, Buffer.concat([v2(1, 0x11, ipv4), Buffer.from(request)])), /^HTTP\/1\.1 400/, 'in neither version');
  t.match(await raw(untrusted.port, request), /"x-forwarded-for":"127\.0\.0\.1"/);
});

t.test('too many connections from one client', async (t) => {
  const upstream = await listening(t, mirror());
  const { port, gateway } = await start(t, {
    listeners: [{ host: '127.0.0.1', port: 0 }],
    services: [{ name: 'api', upstreams: [upstream] }],
    limits: { connectionsPerClient: 2 },
  });
  const held = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await wait(30);
  t.match(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 503 [\s\S]*CLIENT_CONNECTIONS/);
  for (const socket of held) socket.destroy();
  await wait(50);
  t.match(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 200/);
  t.equal(gateway.stats().faults.CLIENT_CONNECTIONS, 1);
});

t.test('too many connections from one client behind PROXY headers', async (t) => {
  const own = certificate('proxied', '/CN=localhost', null);
  const upstream = await listening(t, mirror());
  const log: string[] = [];
  const { gateway, port } = await start(
    t,
    {
      listeners: [
        { host: '127.0.0.1', port: 0, proxyProtocol: true },
        { host: '127.0.0.1', port: 0, proxyProtocol: true, tls: own },
      ],
      services: [{ name: 'api', upstreams: [upstream] }],
      trustedProxies: ['127.0.0.1', '10.9.0.0/16'],
      limits: { connectionsPerClient: 2 },
    },
    { accessLog: { write: (line) => log.push(line), stats: () => ({ written: 0, dropped: 0 }) } },
  );
  const request = 'GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const from = (ip: string) => `PROXY ${ip.includes(':') ? 'TCP6' : 'TCP4'} ${ip} ${ip.includes(':') ? '::1' : '10.0.0.1'} 12345 80\r\n`;
  const hold = async (header: string) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`${header}GET /hold HTTP/1.1\r\nHost: a\r\n\r\n`);
    await once(socket, 'data');
    return socket;
  };
  const held = await Promise.all([from('203.0.113.9'), from('203.0.113.9'), from('2001:db8::1'), from('2001:db8::2')].map(hold));
  const table: readonly (readonly [what: string, header: string, answer: RegExp])[] = [
    ['a third of one address', from('203.0.113.9'), /^HTTP\/1\.1 503 [\s\S]*CLIENT_CONNECTIONS/],
    ['a third of one /64', from('2001:db8::3'), /^HTTP\/1\.1 503 [\s\S]*CLIENT_CONNECTIONS/],
    ['another address', from('203.0.113.10'), /^HTTP\/1\.1 200/],
    ['the proxy itself', 'PROXY UNKNOWN\r\n', /^HTTP\/1\.1 200/],
    ['a proxy before the proxy', from('10.9.0.1'), /^HTTP\/1\.1 200/],
  ];
  for (const [what, header, answer] of table) t.match(await raw(port, header + request), answer, what);
  t.equal(await raw(gateway.addresses[1].port, from('203.0.113.9')), '', 'over TLS nothing can be said; all listeners count together');
  t.equal(gateway.stats().faults.CLIENT_CONNECTIONS, 3);
  t.same(
    log.filter((line) => line.includes('CLIENT_CONNECTIONS')).map((line) => JSON.parse(line).client),
    ['203.0.113.9', '2001:db8::3', '203.0.113.9'],
  );
  for (const socket of held) socket.destroy();
  await wait(50);
  t.match(await raw(port, from('203.0.113.9') + request), /^HTTP\/1\.1 200/);
});

t.test('what the gateway answers itself is logged and counted, for the client that asks', async (t) => {
  const upstream = await listening(t, mirror());
  const log: string[] = [];
  const { gateway, port, exchanges } = await start(
    t,
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [{ name: 'api', hosts: ['a'], upstreams: [upstream] }],
      trustedProxies: ['127.0.0.1'],
    },
    { accessLog: { write: (line) => log.push(line), stats: () => ({ written: 0, dropped: 0 }) } },
  );
  const head = 'Host: a\r\nX-Request-Id: abcd-1234\r\nX-Forwarded-For: 203.0.113.9\r\n';
  const line = { request: 'abcd-1234', client: '203.0.113.9', service: '', host: 'a', version: '1.1', status: 200, outcome: 'passed' };
  const table: readonly (readonly [bytes: string, logged: Record<string, unknown>])[] = [
    [`OPTIONS * HTTP/1.1\r\n${head}\r\n`, { ...line, method: 'OPTIONS', target: '*' }],
    [`OPTIONS /x?key=secret HTTP/1.1\r\n${head}Max-Forwards: 0\r\n\r\n`, { ...line, method: 'OPTIONS', target: '/x?key=' }],
    [`TRACE / HTTP/1.1\r\n${head}\r\n`, { request: 'abcd-1234', client: '203.0.113.9', fault: 'TRACE_REFUSED', status: 405 }],
    [`GET / HTTP/1.1\r\n${head.replace('Host: a', 'Host: b')}\r\n`, { client: '203.0.113.9', fault: 'NO_SERVICE', host: 'b' }],
  ];
  for (const [bytes, logged] of table) {
    log.length = 0;
    await raw(port, bytes.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    t.equal(log.length, 1);
    t.match(JSON.parse(log[0]), logged, bytes.split('\r\n')[0]);
  }
  t.match(gateway.metrics(), /weir_gateway_own_answers_total 2\n/);
  const slow = await raw(port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
  t.match(slow, /^HTTP\/1\.1 200 [\s\S]*connection: close/i, 'a body that nobody reads costs the connection');
  t.same(exchanges, [], 'no service was meant: there is nothing to learn');
});

t.test('TLS: HTTP/2 by ALPN, certificate reload, client certificates', async (t) => {
  const ca = certificate('ca', '/CN=Test CA', null);
  const server = certificate('server', '/CN=localhost', null);
  const next = certificate('next', '/CN=next.localhost', null);
  const alice = certificate('alice', '/O=Example/CN=alice', 'ca');
  const upstream = await listening(t, mirror());
  const principals: (string | undefined)[] = [];
  const { port, gateway, exchanges } = await start(
    t,
    {
      listeners: [{ host: '127.0.0.1', port: 0, tls: { cert: server.cert, key: server.key, clientCa: ca.cert } }],
      services: [{ name: 'api', upstreams: [upstream] }],
    },
    {
      principals: {
        read: (_headers, _target, subject) =>
          principals.push(subject) > 0 && subject !== undefined ? { key: subject, kind: 'mtls', carrier: 'tls', label: subject } : null,
      },
    },
  );

  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.teardown(() => session.destroy());
  const ask = async (headers: http2.OutgoingHttpHeaders, body?: string) => {
    const stream = session.request(headers);
    stream.end(body);
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { answer, text };
  };
  const one = await ask({ ':path': '/h2?x', ':method': 'POST', cookie: ['a=1', 'b=2'] }, 'body over h2');
  t.equal(one.answer[':status'], 200);
  t.match(JSON.parse(one.text), {
    method: 'POST',
    url: '/h2?x',
    body: 'body over h2',
    headers: { cookie: 'a=1; b=2', 'x-forwarded-proto': 'https', host: `127.0.0.1:${port}` },
  });
  const bodies = await Promise.all(Array.from({ length: 20 }, (_, index) => ask({ ':path': `/${index}` })));
  t.same(
    bodies.map((answer) => (JSON.parse(answer.text) as Mirrored).url),
    bodies.map((_, index) => `/${index}`),
    'twenty at once on one connection',
  );
  t.match(exchanges[0], { request: { httpVersion: '2', scheme: 'https', headers: ['host', `127.0.0.1:${port}`] } });
  t.equal((await ask({ ':path': '/bad%zz' })).answer[':status'], 400);
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, 'a']));
  for (const [what, headers, code] of [
    ['many fields', many, 'HEADERS_TOO_MANY'],
    ['large fields', { x: 'a'.repeat(20_000) }, 'HEADERS_TOO_LARGE'],
    ['a long path', { ':path': `/${'a'.repeat(9_000)}` }, 'TARGET_TOO_LONG'],
  ] as const) {
    const limited = await ask({ ':path': '/', ...headers });
    t.match(limited.text, code, `${what} over HTTP/2`);
    t.equal(gateway.stats().faults[code], 1);
  }
  const trailing = session.request({ ':path': '/t', ':method': 'POST' }, { waitForTrailers: true } as http2.ClientSessionRequestOptions);
  trailing.on('wantTrailers', () => trailing.sendTrailers({ 'x-sum': '9', 'x-real-ip': '6.6.6.6' }));
  trailing.end('body');
  let mirrored = '';
  for await (const chunk of trailing) mirrored += chunk;
  t.match(
    JSON.parse(mirrored),
    { body: 'body', trailers: { 'x-sum': '9', 'x-real-ip': undefined } },
    'trailers of HTTP/2 go on over HTTP/1.1',
  );
  const hinted = session.request({ ':path': '/hinted' });
  const informed = once(hinted, 'headers') as Promise<[http2.IncomingHttpHeaders]>;
  hinted.resume();
  t.match((await informed)[0], { ':status': 103, link: '</style.css>; rel=preload; as=style' }, 'early hints over HTTP/2');
  await once(hinted, 'end');

  const fallback = await new Promise<Mirrored>((resolve, reject) => {
    https
      .get({ host: '127.0.0.1', port, path: '/h1', rejectUnauthorized: false, cert: undefined }, (res) => {
        let text = '';
        res.on('data', (chunk) => {
          text += chunk;
        });
        res.on('end', () => resolve(JSON.parse(text) as Mirrored));
      })
      .on('error', reject);
  });
  t.equal(fallback.url, '/h1', 'HTTP/1.1 for who does not speak HTTP/2');
  t.same(new Set(principals), new Set([undefined]), 'no certificate, no principal');

  const { readFileSync } = await import('node:fs');
  const mutual = http2.connect(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    cert: readFileSync(alice.cert),
    key: readFileSync(alice.key),
  });
  const stream = mutual.request({ ':path': '/mtls' });
  stream.resume();
  await once(stream, 'end');
  mutual.destroy();
  t.equal(exchanges.at(-1)?.principal?.key, 'O=Example,CN=alice', 'the verified subject is the principal');

  const subject = () =>
    new Promise<string>((resolve, reject) => {
      const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  t.equal(await subject(), 'localhost');
  copyFileSync(next.cert, server.cert);
  copyFileSync(next.key, server.key);
  let now = '';
  for (let tries = 0; tries < 60 && now !== 'next.localhost'; tries++) {
    await wait(50);
    now = await subject();
  }
  t.equal(now, 'next.localhost', 'a changed certificate is taken up by itself');
  t.equal((await ask({ ':path': '/still' })).answer[':status'], 200, 'and the old connection lives on');
  copyFileSync(alice.cert, server.cert);
  t.throws(() => gateway.reloadTls(), { code: 'GATEWAY_TLS_INVALID' });
  t.equal(await subject(), 'next.localhost', 'a pair that does not match changes nothing');
});

const H2: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'a'],
  [':path', '/'],
];
const h2With = (...fields: readonly (readonly [string, string])[]) => [...H2, ...fields];
const h2But = (name: string, value: string) => H2.map((field) => (field[0] === name ? ([name, value] as const) : field));

/** Fields that no HTTP/1.1 message could carry: the rest of the message goes on without them. */
const LEFT_OUT: readonly (readonly [what: string, field: readonly [string, string]])[] = [
  ['CR LF in a value', ['x', 'a\r\nTransfer-Encoding: chunked']],
  ['LF in a value', ['x', 'a\nContent-Length: 3']],
  ['CR in a value', ['x', 'a\rb']],
  ['NUL in a value', ['x', 'a\0b']],
  ['CR LF in a name', ['x: y\r\nz', 'a']],
  ['colon in a name', ['transfer-encoding: chunked', 'a']],
  ['blank in a name', ['content-length ', '3']],
  ['empty name', ['', 'a']],
];

/** Messages that would be something else once they are written as HTTP/1.1 (RFC 9113 §8.2, §8.3, §10.3). */
const DOWNGRADES: readonly (readonly [what: string, fields: readonly (readonly [string, string])[], body?: string])[] = [
  ['capitals in a name', h2With(['X-Upper', 'a'])],
  ['Transfer-Encoding', h2With(['transfer-encoding', 'chunked']), '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['Connection', h2With(['connection', 'content-length'])],
  ['Keep-Alive', h2With(['keep-alive', 'timeout=5'])],
  ['Proxy-Connection', h2With(['proxy-connection', 'keep-alive'])],
  ['Upgrade', h2With(['upgrade', 'websocket'])],
  ['TE other than trailers', h2With(['te', 'chunked'])],
  ['length shorter than the body', h2With(['content-length', '3']), 'abcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['length longer than the body', h2With(['content-length', '30']), 'abc'],
  ['length of no body', h2With(['content-length', '3'])],
  ['two lengths', h2With(['content-length', '3'], ['content-length', '4']), 'abc'],
  ['length with plus', h2With(['content-length', '+3']), 'abc'],
  ['length list', h2With(['content-length', '3, 3']), 'abc'],
  ['path with blank', h2But(':path', '/ HTTP/1.1\r\nX: y')],
  ['path with a version', h2But(':path', '/x HTTP/1.1')],
  ['path with CR LF', h2But(':path', '/\r\nTransfer-Encoding: chunked')],
  ['path with tab', h2But(':path', '/\tx')],
  ['path without slash', h2But(':path', 'x')],
  ['path that is a URL', h2But(':path', 'http://evil/')],
  ['empty path', h2But(':path', '')],
  ['method with blank', h2But(':method', 'GET / HTTP/1.1')],
  ['method with CR LF', h2But(':method', 'GET / HTTP/1.1\r\nX: y\r\n\r\nGET')],
  ['unknown method', h2But(':method', 'FOO')],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'a:443'],
    ],
  ],
  ['authority with path', h2But(':authority', 'a/b')],
  ['authority with user', h2But(':authority', 'u@a')],
  ['authority with CR LF', h2But(':authority', 'a\r\nX: y')],
  ['authority and another Host', h2With(['host', 'b'])],
  ['scheme with CR LF', h2But(':scheme', 'https\r\nX: y')],
  ['no path', H2.filter(([name]) => name !== ':path')],
  ['two paths', h2With([':path', '/b'])],
  ['unknown pseudo field', h2With([':x', 'a'])],
  ['pseudo field behind a field', [...H2.slice(0, 3), ['x', 'y'], [':path', '/']]],
  ['two Hosts', h2With(['host', 'a'], ['host', 'a'])],
  ['underscored length', h2With(['content_length', '3'])],
  ['no authority', H2.filter(([name]) => name !== ':authority')],
];

t.test('what HTTP/2 may not carry into HTTP/1.1', async (t) => {
  const reached: string[] = [];
  const upstream = await listening(
    t,
    net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        reached.push(chunk.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    }),
  );
  const { port } = await start(t, {
    listeners: [{ host: '127.0.0.1', port: 0, tls: certificate('downgrade', '/CN=localhost', null) }],
    services: [{ name: 'api', upstreams: [upstream] }],
  });
  /** Sends one request; resolves once it was answered or refused. */
  const send = async (fields: readonly (readonly [string, string])[], body: string | undefined): Promise<void> => {
    const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    let got = Buffer.alloc(0);
    const over = new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, 2000);
      socket.on('close', resolve);
      socket.on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
        for (let at = 0; at + 9 <= got.length; at += 9 + got.readUIntBE(at, 3)) {
          const type = got.readUInt8(at + 3);
          const ends = (type === 0 || type === 1) && (got.readUInt8(at + 4) & 1) === 1;
          // RST_STREAM or GOAWAY, or the end of the answer.
          if (ends || type === 3 || type === 7) {
            clearTimeout(patience);
            resolve();
          }
        }
      });
    });
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, Buffer.alloc(0), 0)]));
    socket.write(frame(1, body === undefined ? 5 : 4, literals(fields)));
    if (body !== undefined) socket.write(frame(0, 1, Buffer.from(body, 'latin1')));
    await over;
    socket.destroy();
  };
  await send(H2, 'abc');
  t.match(reached.join(''), /^POST \/ HTTP\/1\.1\r\n[\s\S]*content-length: 3\r\n[\s\S]*\r\n\r\nabc$/, 'a valid one arrives');
  const sent = () =>
    reached
      .splice(0)
      .join('')
      .replace(/^(x-request-id|traceparent): .*$/gm, '$1');
  reached.length = 0;
  await send(H2, undefined);
  const plain = sent();
  for (const [what, field] of LEFT_OUT) {
    await send(h2With(field), undefined);
    t.equal(sent(), plain, what);
  }
  for (const [what, fields, body] of DOWNGRADES) {
    reached.length = 0;
    await send(fields, body);
    t.same(reached, [], `${what}: nothing reached the upstream`);
  }
});

t.test('upstreams over TLS, h2 and h2c; gRPC with trailers', async (t) => {
  const own = certificate('own', '/CN=localhost', null);
  const ca = certificate('upca', '/CN=Up CA', null);
  const client = certificate('client', '/CN=weir', 'upca');
  const { readFileSync } = await import('node:fs');
  const key = readFileSync(own.key);
  const cert = readFileSync(own.cert);
  const grpc = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    if (headers[':path'] === '/plain') {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(JSON.stringify(headers));
      return;
    }
    if (headers[':path'] === '/fail') {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
    stream.on('data', (chunk) => stream.write(chunk));
    stream.on('end', () => stream.end());
  };
  const h2c = http2.createServer();
  h2c.on('stream', grpc);
  const h2 = http2.createSecureServer({ key, cert });
  h2.on('stream', grpc);
  const verified = https.createServer({ key, cert, ca: readFileSync(ca.cert), requestCert: true, rejectUnauthorized: true }, (req, res) => {
    res.end((req.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN);
  });
  const [clear, secure, mutual] = [await listening(t, h2c), await listening(t, h2, 'https'), await listening(t, verified, 'https')];
  const front = certificate('front', '/CN=localhost', null);
  const { port, gateway } = await start(t, {
    listeners: [{ host: '127.0.0.1', port: 0, tls: front }],
    services: [
      { name: 'h2c', upstreams: [clear], hosts: ['h2c.example'], http2: true },
      { name: 'h2', upstreams: [secure], hosts: ['h2.example'], http2: true, tls: { ca: own.cert, servername: 'localhost' } },
      {
        name: 'mutual',
        upstreams: [mutual],
        hosts: ['mutual.example'],
        tls: { ca: own.cert, cert: client.cert, key: client.key, servername: 'localhost' },
      },
      { name: 'unverified', upstreams: [mutual], hosts: ['unverified.example'], tls: { cert: client.cert, key: client.key } },
      { name: 'careless', upstreams: [mutual], hosts: ['careless.example'], tls: { cert: client.cert, key: client.key, verify: false } },
    ],
  });
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.teardown(() => session.destroy());
  const call = async (host: string, path: string, messages: readonly string[] = []) => {
    const stream = session.request({
      ':path': path,
      ':authority': host,
      ':method': messages.length > 0 ? 'POST' : 'GET',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('trailers', (got) => {
      trailers = got;
    });
    const answered = once(stream, 'response') as Promise<[http2.IncomingHttpHeaders]>;
    for (const message of messages) {
      stream.write(message);
      await wait(20);
    }
    stream.end();
    const [headers] = await answered;
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { status: headers[':status'], headers, text, trailers };
  };
  for (const host of ['h2c.example', 'h2.example']) {
    t.match(JSON.parse((await call(host, '/plain')).text), { ':path': '/plain', ':authority': host, te: 'trailers' }, host);
    t.match(
      await call(host, '/echo', ['one', 'two', 'three']),
      { status: 200, text: 'onetwothree', trailers: { 'grpc-status': '0', 'grpc-message': 'fine' } },
      `${host}: gRPC`,
    );
    t.match((await call(host, '/fail', ['x'])).headers, { 'grpc-status': '5' }, 'trailers-only');
  }
  t.equal((await call('mutual.example', '/')).text, 'weir', 'CA, SNI and client certificate');
  const refused = await call('unverified.example', '/');
  t.match([refused.status, refused.text], [502, /UPSTREAM_TLS/]);
  t.equal((await call('careless.example', '/')).text, 'weir');
  t.equal(gateway.stats().faults.UPSTREAM_TLS, 1);
});
