/** The plugin in apps as people write them: encapsulated routes, parsers of their own, every kind of answer, hooks before and after, HTTP/2. */
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import Fastify, { type FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import type { Exchange } from '../exchange/index.js';
import type { PolicySet } from '../policies/index.js';
import { obedient } from '../test/support/policies.js';
import { certifier } from '../test/support/servers.js';
import { routeGuard } from './index.js';

/** {@link obedient} ones; `decided` is told of each decision. */
function policies(decided: (phase: string) => void): PolicySet {
  const told = obedient({});
  return {
    ...told,
    onRequest: (request, context) => {
      decided('request');
      return told.onRequest(request, context);
    },
    onResponse: (request, response, context) => {
      decided('response');
      return told.onResponse(request, response, context);
    },
  };
}

async function guarded(app: FastifyInstance): Promise<{ exchanges: Exchange[]; decided: string[] }> {
  const exchanges: Exchange[] = [];
  const decided: string[] = [];
  await app.register(routeGuard, {
    service: 'app',
    mode: 'enforce',
    ports: { policies: () => policies((phase) => decided.push(phase)), tee: { publish: (exchange) => exchanges.push(exchange) > 0 } },
  });
  return { exchanges, decided };
}

async function listening(t: Test, app: FastifyInstance): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

/** A stream that is none of Node's own, as those of the `readable-stream` package: it flows once somebody listens. */
function foreignStream(chunks: readonly string[]): NodeJS.ReadableStream {
  const inner = Readable.from(chunks);
  const outer = Object.assign(new EventEmitter(), {
    readable: true,
    pipe: (to: NodeJS.WritableStream) => inner.pipe(to),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
  });
  outer.on('newListener', (event: string) => {
    if (event !== 'data' || inner.listenerCount('data') > 0) return;
    for (const one of ['data', 'end', 'close', 'error']) inner.on(one, (...given: unknown[]) => outer.emit(one, ...given));
  });
  return outer as never;
}

t.test('the plugin protects the routes of an app', async (t) => {
  const exchanges: Exchange[] = [];
  let mode: 'enforce' | 'observe' = 'enforce';
  const app = Fastify();
  await app.register(routeGuard, {
    service: 'orders',
    mode: () => mode,
    ports: {
      policies: () => obedient({}),
      tee: { publish: (exchange) => exchanges.push(exchange) > 0 },
      blocklist: { version: 1, check: (ip) => (ip === '9.9.9.9' ? { id: 'b', reason: 'r' } : null) },
    },
    trustedProxies: ['127.0.0.1'],
  });
  app.post('/orders', async (request) => ({ made: request.body, by: request.weir?.clientIp }));
  app.get('/profile', async () => ({ ssn: '123-45-6789' }));
  app.get('/secret', async () => 'a secret');
  app.get('/stream', async (_request, reply) => {
    const { Readable } = await import('node:stream');
    return reply.type('text/plain').send(Readable.from(['one ', 'two']));
  });
  app.get('/boom', async () => {
    throw new Error('boom');
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, init);
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  const json = (body: unknown): RequestInit => ({
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });

  t.same(JSON.parse((await ask('/orders', json({ item: 1 }))).text), { made: { item: 1 }, by: '127.0.0.1' });
  t.match(exchanges[0], { service: 'orders', observer: { kind: 'plugin' }, request: { target: '/orders' }, response: { status: 200 } });
  t.equal(Buffer.from(exchanges[0]?.request.body.bytes ?? []).toString(), '{"item":1}');
  t.equal((await ask('/orders', json({ item: 'attack' }))).status, 403);
  t.match(exchanges.at(-1)?.outcome, { action: 'blocked', phase: 'request' });
  t.same(JSON.parse((await ask('/profile')).text), { ssn: '•••' }, 'redacted');
  const secret = await ask('/secret');
  t.match([secret.status, secret.headers.get('content-type')], [403, 'application/problem+json']);
  t.equal((await ask('/stream')).text, 'one two');
  t.equal((await ask('/boom')).status, 500, 'errors of the app stay its own');
  t.equal((await ask('/nowhere')).status, 404);
  t.equal((await ask('/profile', { headers: { 'x-forwarded-for': '9.9.9.9' } })).status, 403, 'blocked behind a trusted proxy');
  t.equal(
    (await ask('/profile', { headers: { 'x-forwarded-for': '8.8.8.8, 9.9.9.9' } })).status,
    403,
    'the rightmost untrusted address counts',
  );
  t.equal((await ask('/orders', json('x'.repeat(3000)))).status, 413);
  mode = 'observe';
  t.same(JSON.parse((await ask('/profile')).text), { ssn: '123-45-6789' });
  t.match(exchanges.at(-1)?.outcome, { action: 'passed', acts: [{ action: 'redact' }] });
  const injected = await app.inject({ method: 'POST', url: '/orders', payload: { a: 1 } });
  t.equal(injected.statusCode, 200, 'inject works as ever');
});

t.test('every kind of answer is judged', async (t) => {
  const app = Fastify();
  const { decided, exchanges } = await guarded(app);
  const web = (text: string) => new Blob([text]).stream();
  const kinds: Readonly<Record<string, (text: string) => unknown>> = {
    text: (text) => text,
    json: (text) => ({ text }),
    bytes: (text) => Buffer.from(text),
    'typed-array': (text) => new Uint8Array(Buffer.from(text)),
    stream: (text) => Readable.from([text.slice(0, 4), text.slice(4)]),
    'foreign-stream': (text) => foreignStream([text.slice(0, 4), text.slice(4)]),
    'web-stream': (text) => web(text),
    response: (text) => new Response(text, { status: 201, headers: { 'x-kind': 'response', 'content-type': 'text/plain' } }),
  };
  for (const [kind, of] of Object.entries(kinds))
    app.get(`/${kind}/:text`, async (request) => of((request.params as { text: string }).text));
  app.get('/error/:text', async (request) => {
    throw new Error((request.params as { text: string }).text);
  });
  app.get('/nothing', async (_request, reply) => reply.code(204).send());
  app.get('/empty-response', async () => new Response(null, { status: 202 }));
  app.get('/late', (_request, reply) => {
    setTimeout(() => reply.send('a secret'), 5);
  });
  const url = await listening(t, app);
  const ask = async (path: string) => {
    const answer = await fetch(url + path);
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  for (const kind of [...Object.keys(kinds), 'error']) {
    const path = `/${kind}`;
    const status = kind === 'error' ? 500 : kind === 'response' ? 201 : 200;
    t.match(await ask(`${path}/harmless`), { status, text: /harmless/ }, `${kind}: arrives`);
    t.match(await ask(`${path}/a-secret`), { status: 403, text: /"BLOCKED"/ }, `${kind}: blocked`);
    const masked = await ask(`${path}/ssn-123-45-6789`);
    t.match(masked, { status, text: /•••/ }, `${kind}: masked`);
    t.notMatch(masked.text, '123-45-6789');
  }
  t.equal((await ask('/response/x')).headers.get('x-kind'), 'response', 'headers of a Response too');
  t.match([(await ask('/nothing')).status, (await ask('/empty-response')).status, (await ask('/late')).status], [204, 202, 403]);
  t.equal((await ask('/response/x')).status, 201);
  t.equal(decided.filter((phase) => phase === 'request').length, exchanges.length, 'one decision of each phase for each request');
  t.equal(decided.filter((phase) => phase === 'response').length, exchanges.length);
  t.match(exchanges[0], { response: { status: 200 } });
});

t.test('bodies: parsers of the app get what was inspected, once', async (t) => {
  const app = Fastify({ bodyLimit: 2_000 });
  const { decided } = await guarded(app);
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => done(null, String(body).split(',')));
  app.addContentTypeParser('application/octet-stream', async (_request: unknown, payload: AsyncIterable<Buffer>) => {
    const chunks: Buffer[] = [];
    for await (const chunk of payload) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  });
  app.addHook('preParsing', async (request, _reply, payload) => {
    if (request.headers['content-encoding'] !== 'gzip') return payload;
    const chunks: Buffer[] = [];
    for await (const chunk of payload) chunks.push(chunk as Buffer);
    return Object.assign(Readable.from([gunzipSync(Buffer.concat(chunks))]), { receivedEncodedLength: Buffer.concat(chunks).length });
  });
  app.post('/echo', async (request) => ({ body: request.body ?? null }));
  app.get('/echo', async () => ({ body: null }));
  const url = await listening(t, app);
  const send = async (type: string, body: RequestInit['body'], headers: Record<string, string> = {}) => {
    const answer = await fetch(`${url}/echo`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, ...headers },
      duplex: 'half',
    } as RequestInit);
    return { status: answer.status, text: await answer.text() };
  };
  const table: readonly (readonly [
    type: string,
    body: RequestInit['body'],
    status: number,
    seen: unknown,
    headers?: Record<string, string>,
  ])[] = [
    ['application/json', '{"a":1}', 200, { a: 1 }],
    ['application/json', '{"a":"attack"}', 403, null],
    ['application/json', '{"a":', 400, null],
    ['text/csv', 'a,b', 200, ['a', 'b']],
    ['text/csv', 'a,attack', 403, null],
    ['application/octet-stream', 'raw', 200, 'raw'],
    ['application/octet-stream', 'raw attack', 403, null],
    ['application/octet-stream', new Blob(['in ', 'chunks']).stream(), 200, 'in chunks'],
    ['application/octet-stream', new Blob(['an att', 'ack']).stream(), 403, null],
    ['application/json', gzipSync('{"a":2}'), 200, { a: 2 }, { 'content-encoding': 'gzip' }],
    ['application/json', gzipSync('{"a":"attack"}'), 403, null, { 'content-encoding': 'gzip' }],
    ['text/unknown', 'x', 415, null],
    ['text/csv', 'x'.repeat(1_500), 413, null],
  ];
  for (const [type, body, status, seen, headers] of table) {
    decided.length = 0;
    const answer = await send(type, body, headers);
    t.equal(answer.status, status, `${type} ${status}`);
    if (status === 200) t.same(JSON.parse(answer.text), { body: seen });
    t.ok(decided.filter((phase) => phase === 'request').length <= 1, 'decided once');
  }
  decided.length = 0;
  t.equal((await fetch(`${url}/echo`)).status, 200);
  t.same(decided, ['request', 'response'], 'a request without a body is decided once too');
});

t.test('scopes, and hooks of the app before and after', async (t) => {
  const app = Fastify();
  const order: string[] = [];
  app.addHook('onRequest', async () => {
    order.push('before');
  });
  const { exchanges } = await guarded(app);
  app.addHook('onRequest', async (request) => {
    order.push(`after ${request.weir?.clientIp}`);
  });
  app.addHook('onSend', async (_request, _reply, payload) => (payload === 'plain' ? 'PLAIN' : payload));
  await app.register(
    async (child) => {
      child.addHook('preHandler', async (request, reply) => {
        if (request.headers['x-key'] !== 'k') return reply.code(401).send({ error: 'no key' });
      });
      child.setErrorHandler((error, _request, reply) => reply.code(418).send(`a secret: ${(error as Error).message}`));
      child.setNotFoundHandler((_request, reply) => reply.code(404).send('no secret here'));
      child.get('/data', async () => 'plain');
      child.get('/number', async () => ({ ssn: '123-45-6789' }));
      child.get('/boom', async () => {
        throw new Error('boom');
      });
      await child.register(async (grandchild) => {
        grandchild.get('/deep', async () => 'a secret');
      });
    },
    { prefix: '/child' },
  );
  const url = await listening(t, app);
  const ask = async (path: string, headers: Record<string, string> = { 'x-key': 'k' }) => {
    const answer = await fetch(url + path, { headers });
    return { status: answer.status, text: await answer.text() };
  };
  t.same(await ask('/child/data'), { status: 200, text: 'PLAIN' });
  t.same(order, ['before', 'after 127.0.0.1']);
  t.match(await ask('/child/data', {}), { status: 401, text: /no key/ });
  t.match(await ask('/child/number'), { status: 200, text: '{"ssn":"•••"}' });
  for (const path of ['/child/boom', '/child/nowhere', '/child/deep']) t.match(await ask(path), { status: 403, text: /BLOCKED/ }, path);
  t.equal(exchanges.length, 6, 'each is recorded');
  t.equal(exchanges[1].response?.status, 401);
  const half = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  half.write('POST /child/data HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
  await once(half, 'connect');
  half.destroy();
  for (const bytes of ['Authorization: a\r\nAuthorization: b\r\n', 'Content-Length: 3\r\nContent_Length: 4\r\n']) {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(`GET /child/data HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${bytes}\r\nabc`);
    t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 400 /, 'what can be read in two ways is refused here too');
  }
});

t.test('an app over HTTP/2', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'weir-plugin-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const { key, cert } = certifier(dir)('app', '/CN=a', null);
  const app = Fastify({ http2: true, https: { allowHTTP1: true, key: readFileSync(key), cert: readFileSync(cert) } });
  const { decided, exchanges } = await guarded(app as never);
  app.post('/echo', async (request) => request.body);
  app.get('/secret', async () => 'a secret');
  app.get('/web', async () => new Blob(['ssn 123-45-6789']).stream());
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  const session = http2.connect(`https://127.0.0.1:${(app.server.address() as AddressInfo).port}`, { rejectUnauthorized: false });
  t.teardown(() => session.destroy());
  const ask = async (path: string, body?: string) => {
    const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST', 'content-type': 'application/json' });
    // No length: nothing in the head says that a body follows.
    stream.end(body);
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { status: head[':status'], text };
  };
  t.same(await ask('/echo', '{"a":1}'), { status: 200, text: '{"a":1}' });
  t.same(decided, ['request', 'response']);
  t.equal((await ask('/echo', '{"a":"attack"}')).status, 403);
  t.equal((await ask('/secret')).status, 403);
  t.same(await ask('/web'), { status: 200, text: 'ssn •••' });
  t.match(exchanges[0].request, { httpVersion: '2', target: '/echo', scheme: 'https' });
});
