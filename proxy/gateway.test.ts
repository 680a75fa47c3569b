/** The gateway over real sockets: answers of every shape, what goes wrong, services and upstreams, upgrades, drain, reload. One room: cases of a few lines, all over one gateway and an upstream that misbehaves. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { Exchange } from '../exchange/index.js';
import { listening } from '../test/support/servers.js';
import { faultOf, isRepeatable } from './errors.js';
import { createGateway, type Gateway, type GatewayOptions, type GatewayPorts, type ServiceOptions, trivialPorts } from './index.js';

interface Running {
  readonly gateway: Gateway;
  readonly url: string;
  readonly port: number;
  readonly exchanges: Exchange[];
  readonly log: string[];
}

async function start(
  t: { teardown(end: () => unknown): void },
  services: readonly ServiceOptions[],
  ports: Partial<GatewayPorts> = {},
  options: Partial<GatewayOptions> = {},
): Promise<Running> {
  const exchanges: Exchange[] = [];
  const log: string[] = [];
  const gateway = await createGateway(
    { listeners: [{ host: '127.0.0.1', port: 0 }], services: [...services], ...options },
    trivialPorts({
      tee: { publish: (exchange) => exchanges.push(exchange) > 0 },
      accessLog: { write: (line) => log.push(line), stats: () => ({ written: 0, dropped: 0 }) },
      ...ports,
    }),
  );
  const [{ url, port }] = await gateway.listen();
  t.teardown(() => gateway.close(50));
  return { gateway, url, port, exchanges, log };
}

/** Writes raw bytes, waits for the close or for `until`, returns what came back. */
async function raw(port: number, bytes: string, until: RegExp | null = null): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  let answer = '';
  await new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, 3000);
    const done = () => {
      clearTimeout(patience);
      resolve();
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (until?.test(answer) === true) done();
    });
    socket.on('close', done);
  });
  socket.destroy();
  return answer;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < 300; tries++) await wait(10);
}

t.test('answers of every shape come through', async (t) => {
  const server = http.createServer((req, res) => {
    const path = req.url ?? '';
    if (path === '/chunked') {
      res.write('one ');
      setTimeout(() => res.end('two'), 20);
    } else if (path === '/cookies') res.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-CaSe', 'kept']).end('x');
    else if (path === '/204') res.writeHead(204).end();
    else if (path === '/304') res.writeHead(304, { etag: '"1"', 'content-length': '10' }).end();
    else if (path === '/range') res.writeHead(206, { 'content-range': 'bytes 0-1/4', 'content-length': '2' }).end('ab');
    else if (path === '/head') res.writeHead(200, { 'content-length': '1234' }).end();
    else if (path === '/trailers') {
      res.writeHead(200, { trailer: 'X-Sum' });
      res.write('body');
      res.addTrailers({ 'X-Sum': '42' });
      res.end();
    } else if (path === '/hints') {
      res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
      setTimeout(() => res.end('hinted'), 20);
    } else if (path === '/hop') {
      res
        .writeHead(200, { connection: 'keep-alive, X-Private', 'x-private': '1', 'keep-alive': 'timeout=3', 'proxy-authenticate': 'x' })
        .end('hop');
    } else if (path === '/large') res.end(Buffer.alloc(3_000_000, 'L'));
    else if (path === '/echo') req.pipe(res);
    else res.end(JSON.stringify(req.headers));
  });
  const upstream = await listening(t, server);
  const { url, port, exchanges, log } = await start(t, [
    {
      name: 'api',
      upstreams: [upstream],
      requestHeaders: { set: { 'x-added': 'yes' }, remove: ['x-secret'] },
      responseHeaders: { add: { 'x-out': '1' }, remove: ['date'] },
    },
  ]);
  const get = (path: string, init: RequestInit = {}) => fetch(url + path, init);

  t.equal(await (await get('/chunked')).text(), 'one two');
  const cookies = await get('/cookies');
  t.same(cookies.headers.getSetCookie(), ['a=1', 'b=2']);
  t.match(await raw(port, 'GET /cookies HTTP/1.1\r\nHost: a\r\n\r\n', /\nx/), /X-CaSe: kept/, 'spelling is kept');
  t.equal((await get('/204')).status, 204);
  t.equal((await get('/304')).status, 304);
  t.match(
    await raw(port, 'GET /304 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    /content-length: 10/,
    '304 keeps the length of what it did not send',
  );
  const range = await get('/range', { headers: { range: 'bytes=0-1' } });
  t.match([range.status, range.headers.get('content-range'), await range.text()], [206, 'bytes 0-1/4', 'ab']);
  const head = await get('/head', { method: 'HEAD' });
  t.equal(head.headers.get('content-length'), '1234', 'HEAD keeps the length');
  const trailers = await raw(port, 'GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n');
  t.match(trailers, /Transfer-Encoding: chunked[\s\S]*4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n$/i);
  t.match(
    await raw(port, 'GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1\.1 103 Early Hints\r\n[Ll]ink: <\/style\.css>[\s\S]*HTTP\/1\.1 200/,
  );
  const hop = await get('/hop');
  t.notOk(hop.headers.get('x-private') ?? hop.headers.get('proxy-authenticate'), 'hop-by-hop headers of the answer end here');
  t.equal((await (await get('/large')).arrayBuffer()).byteLength, 3_000_000);
  for (const size of [0, 5, 65_536, 65_537, 2_000_000]) {
    const back = await get('/echo', { method: 'POST', body: Buffer.alloc(size, 'E') });
    t.equal((await back.arrayBuffer()).byteLength, size, `${size} bytes up and down`);
  }
  const streamed = await get('/echo', { method: 'PUT', body: new Blob(['a', 'b', 'c']).stream(), duplex: 'half' } as RequestInit);
  t.equal(await streamed.text(), 'abc', 'a chunked upload');
  const seen = (await (
    await get('/headers', {
      headers: { 'x-secret': '1', 'x-request-id': 'client-id-1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    })
  ).json()) as Record<string, string>;
  t.match(seen, {
    'x-added': 'yes',
    'x-request-id': 'client-id-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    via: /^1\.1 weir-/,
  });
  t.notOk(seen['x-secret']);
  const secret = 'authorization: Bearer s3cret\r\nCookie: sid=s3cret\r\nX-Request-Id: client-id-2';
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const logged = async (target: string, headers = '') => {
    await raw(port, `GET ${target} HTTP/1.1\r\nHost: a\r\n${secret}${headers}\r\nConnection: close\r\n\r\n`);
    t.notMatch(log.at(-1), /s3cret/, `${target}: the log keeps no secret`);
    return JSON.parse(log.at(-1) ?? '') as Record<string, unknown>;
  };
  t.match(await logged('/headers?token=s3cret&s3cret&a=1;b=s3cret', `\r\ntraceparent: ${trace}\r\ntracestate: v=1`), {
    request: 'client-id-2',
    trace,
    method: 'GET',
    target: '/headers?token=&…&a=',
    status: 200,
    outcome: 'passed',
  });
  t.match(await logged('/headers#access_token=s3cret'), { target: '/headers#…', status: 400, fault: 'TARGET_INVALID' });
  t.match(await logged('http://user:s3cret@a/x?y=s3cret'), { target: 'http://…@a/x?y=', status: 400 });
  t.match(await logged('/headers', `\r\nExpect: x\r\ntraceparent: ${trace}`), { status: 417, trace }, 'also of what was not forwarded');
  for (const [traceparent, state] of [
    [trace, 'a=1,b=2'],
    ['00-0-0-0', undefined],
    [`ff${trace.slice(2)}`, undefined],
  ] as const) {
    const headers = { traceparent, tracestate: 'a=1,b=2' };
    const forwarded = (await (await get('/headers', { headers })).json()) as Record<string, string>;
    t.equal(forwarded.tracestate, state, `tracestate goes on with its own traceparent only (${traceparent})`);
  }
  const plain = await get('/headers', { headers: { 'x-request-id': 'bad id', traceparent: '00-0-0-0' } });
  t.match(
    await plain.json(),
    { traceparent: /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/, 'x-request-id': /^[0-9A-Z]{26}$/ },
    'what is no id is replaced',
  );
  t.match([plain.headers.get('x-out'), plain.headers.get('date')?.length], ['1', 29]);

  const expect = await raw(
    port,
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi',
  );
  t.match(expect, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200[\s\S]*hi/);
  await raw(
    port,
    'POST /echo?with=trailers HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n',
  );
  t.same(
    exchanges.find((one) => one.request.target === '/echo?with=trailers')?.request.trailers,
    ['X-Sum', '7'],
    'trailers of a request are recorded',
  );
  const large = exchanges.find((one) => one.request.target === '/large');
  t.match(
    [large?.response?.body.bytes.length, large?.response?.body.totalLength, large?.response?.body.missing],
    [65_536, 3_000_000, [{ offset: 65_536, length: 2_934_464 }]],
    'the record says that the body was cut',
  );
  const upload = exchanges.find((one) => one.request.body.totalLength === 2_000_000);
  t.equal(upload?.request.body.bytes.length, 65_536);
  const passed = exchanges.filter((one) => one.failure !== 'EXPECTATION_FAILED');
  t.ok(passed.every((one) => one.outcome.action === 'passed' && one.upstreamMs !== null));
});

t.test('a chunked upload reaches the upstream with its trailers', async (t) => {
  const seen: { body: number; trailers: string[]; announced: string | undefined; length: string | undefined }[] = [];
  let connections = 0;
  const server = http.createServer((req, res) => {
    let body = 0;
    req.on('data', (chunk: Buffer) => {
      body += chunk.length;
    });
    req.on('end', () => {
      seen.push({ body, trailers: req.rawTrailers, announced: req.headers.trailer, length: req.headers['content-length'] });
      res.end('ok');
    });
  });
  server.on('connection', () => connections++);
  const upstream = await listening(t, server);
  const { port, exchanges } = await start(t, [{ name: 'api', upstreams: [upstream], requestHeaders: { remove: ['x-secret'] } }]);
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: X-Sum, Host, X-Secret\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;
  const upload = async (pieces: readonly string[]) => {
    const socket = net.connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes;
    });
    const closed = once(socket, 'close');
    for (const piece of pieces) {
      socket.write(piece);
      // Longer than a body of unknown length is waited for.
      if (pieces.length > 1) await wait(40);
    }
    await closed;
    t.match(answer, /^HTTP\/1\.1 200 [\s\S]*ok$/);
    return seen.pop();
  };
  const table: readonly (readonly [what: string, pieces: readonly string[], body: number])[] = [
    ['small', [`${head}${chunk(5)}0\r\nX-Sum: 1\r\n`, '\r\n'], 5],
    ['whole at once', [`${head}${chunk(5)}0\r\nX-Sum: 1\r\n\r\n`], 5],
    ['empty', [`${head}0\r\nX-Sum: 1\r\n\r\n`], 0],
    ['slow', [head, chunk(3), chunk(4), '0\r\nX-Sum: 1\r\n\r\n'], 7],
    ['large', [`${head}${chunk(100_000).repeat(20)}0\r\nX-Sum: 1\r\n\r\n`], 2_000_000],
  ];
  for (const [what, pieces, body] of table)
    t.same(await upload(pieces), { body, trailers: ['X-Sum', '1'], announced: 'X-Sum', length: undefined }, what);
  t.same((await upload([`${head}${chunk(5)}0\r\n\r\n`]))?.length, '5', 'one without trailers goes with its length');
  const forged = [
    'X-Forwarded-For',
    'X_Forwarded_For',
    'Forwarded',
    'X-Real-IP',
    'Host',
    'Authorization',
    'Cookie',
    'TE',
    'X-Secret',
    'If-Match',
  ];
  for (const pieces of [[''], ['', chunk(3)]]) {
    const fields = forged.map((name) => `${name}: 6.6.6.6\r\n`).join('');
    const sent = await upload([`${head}${chunk(3)}${pieces.join('')}`, `0\r\n${fields}X-Sum: 2\r\n\r\n`]);
    t.same(sent?.trailers, ['X-Sum', '2'], 'what could not be said in the head cannot be said behind the body');
  }
  t.equal(connections, 1, 'and the connection is used again');
  t.match(exchanges.at(-1)?.request.trailers, ['X-Forwarded-For', '6.6.6.6'], 'the record has them all');
});

t.test('what goes wrong has a status, a code and a counter', async (t) => {
  const server = http.createServer((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end('late'), 3000).unref();
    else if (req.url === '/reset') req.socket.destroy();
    else if (req.url === '/half') {
      res.writeHead(200, { 'content-length': '100000' });
      res.write('x'.repeat(70_000), () => req.socket.destroy());
    } else if (req.url === '/short') {
      res.writeHead(200, { 'content-length': '100' });
      res.write('only this', () => req.socket.destroy());
    } else if (req.url === '/stops') {
      res.writeHead(200, { 'content-length': '100' });
      res.write('only this');
    } else res.end('ok');
  });
  const upstream = await listening(t, server);
  const garbage = await listening(
    t,
    net.createServer((socket) => socket.on('data', () => socket.write('NOT HTTP AT ALL\r\n\r\n')).on('error', () => undefined)),
  );
  const { url, gateway, exchanges, log, port } = await start(
    t,
    [
      { name: 'api', upstreams: [upstream], pathPrefix: '/', timeouts: { headersMs: 100, bodyMs: 100 }, maxBodyBytes: 1000, retries: 0 },
      { name: 'gone', upstreams: ['http://127.0.0.1:1'], pathPrefix: '/gone' },
      { name: 'garbage', upstreams: [garbage], pathPrefix: '/garbage', retries: 0 },
      { name: 'elsewhere', upstreams: [upstream], hosts: ['other.example'], pathPrefix: '/x' },
    ],
    {},
    { limits: { headersMs: 300, bodyBytesPerSecond: 1000, bodyGraceMs: 200, requestsPerConnectionPerSecond: 20 } },
  );
  const cases: readonly (readonly [path: string, status: number, code: string, init?: RequestInit])[] = [
    ['/reset', 502, 'UPSTREAM_RESET'],
    ['/short', 502, 'UPSTREAM_RESET'],
    ['/gone', 502, 'UPSTREAM_CONNECT'],
    ['/garbage', 502, 'UPSTREAM_PROTOCOL'],
    ['/', 413, 'BODY_TOO_LARGE', { method: 'POST', body: 'x'.repeat(1001) }],
    ['/', 413, 'BODY_TOO_LARGE', { method: 'POST', body: new Blob(['x'.repeat(200_000)]).stream(), duplex: 'half' } as RequestInit],
    ['/slow', 504, 'UPSTREAM_HEADERS_TIMEOUT'],
    ['/stops', 504, 'UPSTREAM_BODY_TIMEOUT'],
  ];
  for (const [path, status, code, init] of cases) {
    const before = gateway.stats().faults[code as 'LOOP'];
    const answer = await fetch(url + path, init);
    t.equal(answer.status, status, `${path} ${code}`);
    t.match(await answer.json(), { code, status }, 'problem document with the code');
    t.ok(gateway.stats().faults[code as 'LOOP'] > before, 'counted');
    t.equal(exchanges.at(-1)?.failure, code, 'in the record');
    t.match(log.at(-1), `"fault":"${code}"`, 'in the access log');
  }
  t.match(await raw(port, 'GET /half HTTP/1.1\r\nHost: a\r\n\r\n'), /x{1000}$/, 'an answer that breaks off is closed, not ended');
  t.match(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '), /^HTTP\/1\.1 408 [\s\S]*HEADERS_SLOW/);
  t.match(await raw(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nslow', /BODY_SLOW/), /^HTTP\/1\.1 408 /);
  t.match(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(25)), /HTTP\/1\.1 429 [\s\S]*CONNECTION_RATE/);
  t.equal((await fetch(`${url}/x`, { headers: { host: 'other.example' } })).status, 200);
  for (const code of ['HEADERS_SLOW', 'BODY_SLOW', 'CONNECTION_RATE', 'UPSTREAM_BODY_TIMEOUT'])
    t.match(gateway.metrics(), new RegExp(`weir_gateway_faults_total\\{code="${code}"\\} 1\n`));
  t.match(gateway.metrics(), /weir_gateway_requests_total\{service="api",status="5xx"\} \d+\n/);
});

t.test('a client that leaves takes the upstream request with it; back-pressure reaches the upstream', async (t) => {
  let aborted = 0;
  let written = 0;
  const server = http.createServer((req, res) => {
    res.on('close', () => {
      if (!res.writableFinished) aborted++;
    });
    if (req.url === '/endless') {
      const more = () => {
        while (res.write(Buffer.alloc(65_536)) && written < 512) written++;
        written++;
      };
      res.on('drain', more);
      more();
    } else if (req.method === 'POST' && req.url !== '/unread') req.resume();
  });
  const upstream = await listening(t, server);
  const { port, exchanges, gateway } = await start(t, [{ name: 'api', upstreams: [upstream] }]);
  const leave = async (bytes: string, afterMs: number) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(bytes);
    await wait(afterMs);
    socket.destroy();
  };
  await leave('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n', 50);
  await until(() => aborted === 1);
  t.equal(aborted, 1, 'before the answer');
  await leave(`POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(200_000)}`, 80);
  await until(() => aborted === 2);
  t.equal(aborted, 2, 'in the middle of an upload');
  await leave('POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 80);
  await until(() => aborted === 3);
  t.equal(aborted, 3, 'in the middle of one in chunks');
  const stalled = net.connect(port, '127.0.0.1');
  stalled.on('error', () => undefined);
  stalled.pause();
  stalled.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n');
  await wait(250);
  t.ok(written < 400, `a stalled client stops the upstream after ${written} × 64 KiB`);
  stalled.destroy();
  await until(() => aborted === 4 && exchanges.length === 4);
  t.same(
    exchanges.map((one) => one.failure),
    Array(4).fill('CLIENT_ABORT'),
  );
  for (const [framing, chunk] of [
    [`Content-Length: ${64 * 1024 ** 2}`, 'x'.repeat(65_536)],
    ['Transfer-Encoding: chunked', `10000\r\n${'x'.repeat(65_536)}\r\n`],
  ]) {
    const uploading = net.connect(port, '127.0.0.1');
    uploading.on('error', () => undefined);
    uploading.write(`POST /unread HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
    let sent = 0;
    const more = () => {
      while (sent < 1000 && uploading.write(chunk)) sent++;
      sent++;
    };
    uploading.on('drain', more);
    more();
    await wait(250);
    t.ok(sent < 600, `an upstream that does not read stops the client after ${sent} × 64 KiB (${framing})`);
    uploading.destroy();
  }
  server.closeAllConnections();
  await until(() => gateway.health().inflight === 0);
  t.equal(gateway.health().inflight, 0, 'nothing is left behind');
});

t.test('several services and upstreams: routing, balance, health, retries, rewrite', async (t) => {
  const named = (
    name: string,
    behave: (req: http.IncomingMessage, res: http.ServerResponse) => void = (req, res) => {
      if (req.url === '/later') setTimeout(() => res.end(`${name} later`), 150);
      else res.end(`${name} ${req.url}`);
    },
  ) => listening(t, http.createServer(behave));
  const [a, b, c] = [await named('a'), await named('b'), await named('c')];
  let flaky = 0;
  const reset = await named('flaky', (req, res) => {
    flaky++;
    if (flaky % 2 === 1) req.socket.destroy();
    else res.end(`flaky ${req.method}`);
  });
  let sick = true;
  const checked = await named('checked', (_req, res) => res.writeHead(sick ? 500 : 200).end('checked'));
  const { url, gateway } = await start(t, [
    { name: 'any', upstreams: [a], pathPrefix: '/' },
    { name: 'deep', upstreams: [`${b}/base/`], pathPrefix: '/deep', rewrite: { from: '/deep', to: '/v2' } },
    { name: 'host', upstreams: [c], hosts: ['api.example', '*.wild.example'] },
    { name: 'round', upstreams: [a, b], hosts: ['round.example'] },
    { name: 'least', upstreams: [a, b], hosts: ['least.example'], balance: 'least-connections' },
    { name: 'dead', upstreams: ['http://127.0.0.1:1', b], hosts: ['dead.example'], health: { unhealthyAfter: 2, ejectMs: 60_000 } },
    { name: 'flaky', upstreams: [reset], hosts: ['flaky.example'] },
    {
      name: 'checked',
      upstreams: [checked, b],
      hosts: ['checked.example'],
      health: { path: '/health', intervalMs: 30, unhealthyAfter: 1, healthyAfter: 1 },
    },
  ]);
  const ask = async (host: string, path = '/', init: RequestInit = {}) => {
    const answer = await new Promise<string>((resolve, reject) => {
      const req = http.request(`${url}${path}`, { method: init.method ?? 'GET', headers: { host }, agent: false }, (res) => {
        let body = '';
        res.on('data', (chunk) => {
          body += chunk;
        });
        res.on('end', () => resolve(`${res.statusCode} ${body}`));
      });
      req.on('error', reject);
      req.end(init.body as string | undefined);
    });
    return answer;
  };
  t.equal(await ask('any.example', '/x'), '200 a /x');
  t.equal(await ask('any.example', '/deep/x?y'), '200 b /base/v2/x?y', 'rewritten, under the path of the upstream');
  t.equal(await ask('any.example', '/deeper'), '200 a /deeper', 'a prefix ends at a segment');
  t.equal(await ask('API.example:8080'), '200 c /');
  t.equal(await ask('x.wild.example'), '200 c /');
  t.equal(await ask('wild.example'), '200 a /');
  const rounds = [await ask('round.example'), await ask('round.example'), await ask('round.example'), await ask('round.example')];
  t.same(rounds.sort(), ['200 a /', '200 a /', '200 b /', '200 b /'], 'round robin');
  const busy = ask('least.example', '/later');
  await until(() => gateway.health().upstreams.some((one) => one.service === 'least' && one.inflight === 1));
  const others = [await ask('least.example'), await ask('least.example'), await ask('least.example')];
  t.equal(new Set(others).size, 1, 'least connections: not the one that is busy');
  t.not((await busy).slice(0, 5), others[0].slice(0, 5));
  for (let index = 0; index < 6; index++) t.equal(await ask('dead.example'), '200 b /', 'a dead upstream is never seen by a client');
  t.equal(gateway.health().upstreams.find((one) => one.service === 'dead' && one.url.endsWith(':1'))?.up, false, 'and is taken out');
  t.equal(await ask('flaky.example'), '200 flaky GET', 'a reset GET is tried again');
  t.match(await ask('flaky.example', '/', { method: 'POST', body: '{}' }), /^502/, 'a reset POST is not');
  await until(() => gateway.health().upstreams.some((one) => one.service === 'checked' && !one.up));
  t.same([await ask('checked.example'), await ask('checked.example')], ['200 b /', '200 b /'], 'a sick upstream gets nothing');
  sick = false;
  await until(() => gateway.health().upstreams.every((one) => one.service !== 'checked' || one.up));
  t.ok([await ask('checked.example'), await ask('checked.example')].includes('200 checked'), 'until it is well');
  t.throws(
    () =>
      gateway.apply({
        services: [
          { name: 'x', upstreams: [a] },
          { name: 'x', upstreams: [b] },
        ],
      }),
    { code: 'GATEWAY_SERVICE_DUPLICATE' },
  );
  t.throws(
    () =>
      gateway.apply({
        services: [
          { name: 'x', upstreams: [a] },
          { name: 'y', upstreams: [b] },
        ],
      }),
    { code: 'GATEWAY_ROUTE_DUPLICATE' },
  );
  t.equal(await ask('any.example', '/x'), '200 a /x', 'a wrong configuration changes nothing');
});

t.test('what an upstream URL may hold: it is shown', async (t) => {
  const table: readonly (readonly [url: string, error: RegExp | null])[] = [
    ['http://127.0.0.1:9', null],
    ['https://[::1]:9/base/', null],
    ['http://a/b@c', null],
    ['http://ann:pa55@127.0.0.1:9', /name or password/],
    ['http://ann@127.0.0.1:9', /name or password/],
    ['http://:pa55@127.0.0.1:9', /name or password/],
    ['http://127.0.0.1:9/?key=pa55', /no query/],
    ['http://127.0.0.1:9/#pa55', /no query/],
    ['ann:pa55@127.0.0.1:9', /expected a URL/],
  ];
  for (const [url, error] of table) {
    const made = await createGateway({ services: [{ name: 'api', upstreams: [url] }] }, trivialPorts()).then(
      (gateway) => gateway.close(),
      (thrown: Error) => thrown,
    );
    t.match(made?.message ?? '', error ?? /^$/, url);
    t.notMatch(made?.message ?? '', /pa55/, 'and the error does not show it either');
  }
});

t.test('what may be sent again', async (t) => {
  const table: readonly (readonly [code: string, syscall: string | undefined, get: boolean, post: boolean])[] = [
    ['ECONNREFUSED', 'connect', true, true],
    ['ETIMEDOUT', 'connect', true, true],
    ['ETIMEDOUT', undefined, true, true],
    ['ENOTFOUND', 'getaddrinfo', true, true],
    ['UND_ERR_CONNECT_TIMEOUT', undefined, true, true],
    // On a connection that was open the upstream may have acted already.
    ['ETIMEDOUT', 'read', true, false],
    ['EHOSTUNREACH', 'read', true, false],
    ['ETIMEDOUT', 'write', true, false],
    ['ECONNRESET', 'read', true, false],
    ['EPIPE', 'write', true, false],
    ['UND_ERR_SOCKET', undefined, true, false],
    ['UND_ERR_HEADERS_TIMEOUT', undefined, false, false],
    ['UND_ERR_BODY_TIMEOUT', undefined, false, false],
    ['HPE_INVALID_CONSTANT', undefined, false, false],
    ['CERT_HAS_EXPIRED', undefined, false, false],
  ];
  for (const [code, syscall, get, post] of table) {
    const fault = faultOf(Object.assign(new Error(code), { code, syscall }));
    t.same([isRepeatable(fault, 'GET'), isRepeatable(fault, 'POST')], [get, post], `${code} in ${syscall}: ${fault}`);
  }
});

t.test('upgrades, server-sent events', async (t) => {
  const server = http.createServer((req, res) => {
    if (req.url === '/events') {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n');
      setTimeout(() => res.end('data: 2\n\n'), 150);
    } else res.writeHead(426).end('upgrade, please');
  });
  server.on('upgrade', (req, socket, head) => {
    if (req.url === '/no') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
      return;
    }
    const chosen = req.url === '/other' ? 'h2c' : req.headers.upgrade;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${chosen}\r\nSec-WebSocket-Accept: x\r\n\r\nhello`);
    if (head.length > 0) socket.write(head);
    socket.on('data', (chunk) => socket.write(`echo ${chunk}`));
    socket.on('error', () => undefined);
  });
  const upstream = await listening(t, server);
  const { port, url, exchanges, gateway } = await start(t, [{ name: 'api', upstreams: [upstream] }]);
  const ask = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n`;
  const socket = net.connect(port, '127.0.0.1');
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk;
  });
  socket.write(`${ask('/ws')}early`);
  await until(() => got.includes('early'));
  t.match(got, /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*Upgrade: websocket[\s\S]*\r\n\r\nhello(?:echo )?early/i);
  socket.write('ping');
  await until(() => got.includes('echo ping'));
  t.match(got, /echo ping/);
  t.equal(gateway.health().inflight, 1, 'an open WebSocket counts as in progress');
  socket.destroy();
  await until(() => gateway.health().inflight === 0);
  t.equal(gateway.health().inflight, 0);
  t.equal(exchanges.find((one) => one.request.target === '/ws')?.response?.status, 101);
  t.match(await raw(port, ask('/no'), /no$/), /^HTTP\/1\.1 401 Unauthorized[\s\S]*no$/, 'an upgrade that the upstream refuses');
  t.match(await raw(port, ask('/other')), /^HTTP\/1\.1 502 [\s\S]*UPSTREAM_PROTOCOL/, 'or answers with a protocol that nobody asked for');

  const events = await fetch(`${url}/events`);
  const reader = events.body!.getReader();
  const first = await reader.read();
  t.equal(Buffer.from(first.value!).toString(), 'data: 1\n\n', 'the first event does not wait for the second');
  await reader.cancel();
});

t.test('drain: readiness fails first, what runs may finish, the rest is cut', async (t) => {
  const server = http.createServer((req, res) => setTimeout(() => res.end('done'), req.url === '/long' ? 5000 : 200).unref());
  const upstream = await listening(t, server);
  const { gateway, url } = await start(t, [{ name: 'api', upstreams: [upstream] }]);
  t.match(gateway.health(), { live: true, ready: true, state: 'serving' });
  const running = fetch(`${url}/short`);
  const long = fetch(`${url}/long`).catch(() => 'cut');
  while (gateway.health().inflight < 2) await wait(5);
  const closed = gateway.close(400, 1_000);
  t.match(gateway.health(), { ready: false, state: 'draining', inflight: 2 });
  t.equal((await fetch(`${url}/short`).catch(() => null))?.status, 200, 'still accepting while balancers look');
  t.equal(await (await running).text(), 'done');
  t.equal(await long, 'cut');
  await closed;
  t.match(gateway.health(), { live: false, state: 'closed', inflight: 0 });
});

t.test('fifty reloads under load lose nothing', async (t) => {
  const upstream = await listening(
    t,
    http.createServer((_req, res) => setTimeout(() => res.end('ok'), 5)),
  );
  const { gateway, url, exchanges } = await start(t, [{ name: 'api', upstreams: [upstream] }]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  let failures = 0;
  let answers = 0;
  let running = true;
  const client = async () => {
    while (running) {
      await new Promise<void>((resolve) => {
        const req = http.request(url, { agent, method: answers % 2 === 0 ? 'GET' : 'POST' }, (res) => {
          if (res.statusCode !== 200) failures++;
          answers++;
          res.resume().on('end', resolve);
        });
        req.on('error', () => {
          failures++;
          resolve();
        });
        req.end();
      });
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let reload = 0; reload < 50; reload++) {
    gateway.apply({
      services: [{ name: 'api', upstreams: [upstream], mode: reload % 2 === 0 ? 'enforce' : 'observe', retries: reload % 3 }],
    });
    await wait(8);
  }
  running = false;
  await Promise.all(clients);
  agent.destroy();
  t.equal(failures, 0, `${answers} requests`);
  t.ok(answers > 20);
  t.equal(exchanges.length, answers, 'and each was recorded');
  t.ok(new Set(exchanges.map((one) => one.outcome.mode)).size === 2, 'under the mode of its time');
});
