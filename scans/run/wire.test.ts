import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { guardFor, type Resolve } from './guard.js';
import { DEFAULT_LIMITS, performScan } from './scan.js';
import { isSlower, provenAgain } from './steady.js';
import type { ScanRequest, Verdict } from './types.js';
import { createWire, type Wire } from './wire.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function target(t: Test, handler: Handler): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function wireTo(
  t: Test,
  url: string,
  limits: { readonly maxBodyBytes?: number; readonly timeoutMs?: number; readonly resolve?: Resolve } = {},
): Wire {
  const { timeoutMs = 800, maxBodyBytes = 100_000, resolve } = limits;
  const guard = guardFor(url, [], { connections: 4, timeoutMs, ...(resolve === undefined ? {} : { resolve }) });
  t.teardown(() => guard.close());
  return createWire({
    ...DEFAULT_LIMITS,
    guard,
    mark: () => 'test',
    requestsPerSecond: 1_000,
    timeoutMs,
    maxBodyBytes,
    signal: new AbortController().signal,
  });
}

const get = (url: string, followRedirects = true) => ({ method: 'GET', url, headers: {}, body: '', followRedirects });

const BOMB = gzipSync(Buffer.alloc(50_000_000));

const hostile: { readonly [path: string]: Handler } = {
  '/endless': (_request, response) => {
    const timer = setInterval(() => response.write('x'.repeat(10_000)), 1);
    response.on('close', () => clearInterval(timer));
  },
  '/drip': (_request, response) => {
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  },
  '/bomb': (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB),
  '/circle': (_request, response) => response.writeHead(302, { location: '/circle' }).end(),
  '/away': (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  '/elsewhere': (_request, response) => response.writeHead(302, { location: 'http://other.example/' }).end(),
  '/silent': () => undefined,
  '/reset': (request) => request.socket.destroy(),
  '/always-busy': (_request, response) => response.writeHead(429, { 'retry-after': '0.05' }).end(),
  '/busy-for-days': (_request, response) => response.writeHead(429, { 'retry-after': '86400' }).end(),
  '/garbage': (request) => request.socket.end('HTTP/1.1 banana\r\n\r\n'),
};

t.test('hostile targets end in an answer or in a sentence, soon', async (t) => {
  const url = await target(t, (request, response) => (hostile[request.url ?? ''] ?? ((_, other) => other.end('ok')))(request, response));
  const wire = wireTo(t, url);
  const table: [path: string, expected: { readonly status: number; readonly maxBody?: number } | RegExp][] = [
    ['/endless', { status: 200, maxBody: 170_000 }],
    ['/drip', /timeout|aborted/i],
    ['/bomb', { status: 200, maxBody: 100_000 }],
    ['/circle', { status: 302 }],
    ['/away', /no scan may call|not an allowed host/],
    ['/elsewhere', /other\.example is not an allowed host/],
    ['/silent', /timeout|aborted/i],
    ['/reset', /closed|reset|hang up/i],
    ['/always-busy', { status: 429 }],
    ['/busy-for-days', { status: 429 }],
    ['/garbage', /./],
  ];
  for (const [path, expected] of table) {
    const startedMs = performance.now();
    const outcome = await wire
      .send(get(`${url}${path}`))
      .catch((cause: unknown) => (cause instanceof Error ? cause : new Error(String(cause))));
    if (expected instanceof RegExp) t.match(outcome instanceof Error ? outcome.message : 'an answer', expected, path);
    else if (outcome instanceof Error) t.fail(`${path}: ${outcome.message}`);
    else {
      t.equal(outcome.status, expected.status, path);
      t.ok(outcome.body.length <= (expected.maxBody ?? 100), `${path}: ${outcome.body.length} characters`);
    }
    t.ok(performance.now() - startedMs < 8_000, `${path} does not hang`);
  }
});

t.test('429 with Retry-After: every request waits, and the one is sent again', async (t) => {
  const atMs: number[] = [];
  const url = await target(t, (_request, response) => {
    atMs.push(performance.now());
    if (atMs.length === 1) response.writeHead(429, { 'retry-after': '1' }).end();
    else response.end('ok');
  });
  const wire = wireTo(t, url);
  t.equal((await wire.send(get(url))).status, 200);
  t.ok(atMs[1]! - atMs[0]! >= 950, 'not sooner than asked');
});

t.test('a connection that is given up as idle just when it is used again: the request is sent on another one', async (t) => {
  let connections = 0;
  let seen = 0;
  const server = createTcpServer((socket) => {
    const number = ++connections;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      seen++;
      if (number === 1 && seen === 2) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const wire = wireTo(t, url);
  for (let round = 0; round < 2; round++) {
    t.equal((await wire.send({ ...get(url), method: 'POST', body: 'x' })).body, 'ok');
    // The connection is free for the next request a turn after the answer has ended.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.same([connections, seen, wire.sent], [2, 3, 3]);
});

t.test('a name keeps the address that it had first, and never leads to a metadata service', async (t) => {
  const url = await target(t, (_request, response) => response.end('ours'));
  const { port } = new URL(url);
  let asked = 0;
  // What a rebinding name server does: ours first, then the inside of somebody's cloud.
  const rebinding: Resolve = (_hostname, answer) => answer(null, [{ address: ++asked === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]);
  const named = `http://rebind.example:${port}/`;
  const wire = wireTo(t, named, { resolve: rebinding });
  for (let round = 0; round < 3; round++) t.equal((await wire.send(get(named))).body, 'ours');
  t.equal(asked, 1, 'resolved once');
  const inside: readonly string[] = ['169.254.169.254', '::ffff:169.254.169.254', '100.100.100.200', 'fe80::1', '0.0.0.0'];
  for (const address of inside) {
    const bad = wireTo(t, named, { resolve: (_hostname, answer) => answer(null, [{ address, family: address.includes(':') ? 6 : 4 }]) });
    await t.rejects(bad.send(get(named)), { message: /no scan may call/ }, address);
  }
  for (const literal of ['http://169.254.169.254/', 'http://2852039166/', 'http://[::ffff:a9fe:a9fe]/', 'http://0xa9fea9fe/'])
    t.throws(() => guardFor(literal, [], { connections: 1, timeoutMs: 100 }).check(literal), { message: /no scan may call/ }, literal);
});

t.test('a scan of a hostile target ends, and tells what was wrong endpoint by endpoint', async (t) => {
  const url = await target(t, (request, response) =>
    (hostile[request.url ?? ''] ?? ((_, other) => other.end('{"id":1}')))(request, response),
  );
  const outcome = await performScan({
    targetUrl: url,
    service: 'hostile',
    allowHosts: [],
    endpoints: ['/silent', '/reset', '/drip', '/circle', '/bomb', '/fine'].map((template) => ({
      id: template,
      method: 'GET',
      template,
      query: [],
      path: {},
      body: null,
      contentType: '',
    })),
    authContexts: [],
    tests: [],
    intrusive: false,
    limits: { ...DEFAULT_LIMITS, requestsPerSecond: 1_000, timeoutMs: 2_500 },
    callback: null,
  });
  t.ok(outcome.complete);
  t.strictSame(
    outcome.problems.map((problem) => problem.split(':')[0]).sort(),
    ['GET /drip', 'GET /reset', 'GET /silent'],
    outcome.problems.join('\n'),
  );
});

t.test('what is slow by itself is told from what a busy machine makes slow', async (t) => {
  const table: [why: string, quickMs: readonly number[], slowMs: readonly number[], verdict: boolean | null][] = [
    ['too few', [5, 5, 5], [480, 480, 480], null],
    ['clearly apart', [5, 6, 5, 9], [480, 470, 490, 480], true],
    ['apart on a busy machine', [40, 120, 60, 210], [900, 700, 480, 650], true],
    ['the same', [5, 6, 7, 9], [5, 6, 7, 6], false],
    ['both slow while the machine is busy: more is asked', [480, 500, 470, 490], [490, 510, 480, 520], null],
    ['… until it is enough', Array<number>(15).fill(480), Array<number>(15).fill(900), false],
    ['one peak of four: more is asked', [5, 6, 300, 9], [480, 470, 490, 480], null],
    ['one peak of five', [5, 6, 300, 9, 5], [480, 470, 490, 480, 480], true],
    ['one slow answer of five that was quick', [5, 6, 5, 9, 5], [480, 470, 8, 480, 480], true],
    ['two peaks of nine: more is asked', [5, 300, 400, 9, 5, 5, 6, 7, 5], [480, 470, 490, 400, 480, 470, 410, 480, 470], null],
    ['peaks all over', [5, 300, 400, 9, 5, 600, 6, 7, 5], [480, 5, 7, 9, 480, 5, 10, 6, 470], null],
  ];
  for (const [why, quickMs, slowMs, verdict] of table) t.equal(isSlower({ quickMs, slowMs }), verdict, why);

  const request = (url: string): ScanRequest => ({ ...get(`http://target.test${url}`) });
  const exchange = (url: string, durationMs: number, note: string) => ({
    note,
    request: request(url),
    response: { status: 200, headers: {}, body: '', durationMs },
  });
  const found: Verdict = {
    verdict: 'vulnerable',
    severity: 'medium',
    explanation: 'It was slow.',
    exchanges: [exchange('/?q=a', 4, 'as usual'), exchange('/?q=short', 6, 'x1'), exchange('/?q=long', 480, 'x2')],
  };
  const sent: string[] = [];
  const answering = (slowMs: number) => async (one: ScanRequest) => {
    sent.push(new URL(one.url).search);
    return { status: 200, headers: {}, body: '', durationMs: one.url.endsWith('long') ? slowMs : 6 };
  };
  const proven = await provenAgain(found, answering(470));
  t.equal(proven.verdict, 'vulnerable');
  t.match(proven.explanation, /slow; sent 4 times more in turn: 6 to 6 ms without it, 470 to 470 ms with it\./);
  t.strictSame(sent.slice(0, 4), ['?q=short', '?q=long', '?q=short', '?q=long'], 'the control of the test itself, in turn');
  t.match(await provenAgain(found, answering(7)), { verdict: 'safe', explanation: /not by itself/ });
});
