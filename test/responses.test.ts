/** What a policy can answer with besides a block, through the real program: throttle, tarpit, challenge, close; and a throttle that two gateways share. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { eventually, startRole, startWeir, temporaryFolder } from './support/processes.js';
import { startRedis } from './support/redis.js';

process.env.WEIR_SECRET = 'the same for all processes';
t.setTimeout(300_000);

/** An application that shows which headers reached it. */
async function startEcho(t: Test): Promise<string> {
  const server = createServer((request: IncomingMessage, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ headers: request.headers }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function policyFolder(t: Test, rules: readonly object[]): string {
  const folder = path.join(temporaryFolder(t), 'policies');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'responses.yaml'), JSON.stringify({ policy: 'responses', mode: 'enforce', rules }));
  return folder;
}

const get = (base: string, where: string, headers: Record<string, string> = {}) => fetch(`${base}${where}`, { headers });

/** An application that sends what the path says, in pieces of a few bytes. */
async function startPieces(
  t: Test,
  bodies: Readonly<Record<string, { readonly headers: Record<string, string>; readonly bytes: Buffer }>>,
) {
  const server = createServer(async (request, response) => {
    const { headers, bytes } = bodies[request.url?.slice(1) ?? ''] ?? { headers: {}, bytes: Buffer.from('{}') };
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    for (let at = 0; at < bytes.length; at += 5) {
      response.write(bytes.subarray(at, at + 5));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('forbidden data is found over the borders of pieces, whatever they are packed in', async (t) => {
  const ssn = Buffer.from('{"customer":{"name":"Jo","ssn":"536-22-8726"}}');
  const order = Buffer.from('{"order":{"number":"4111111111111112","reference":"536228726"}}');
  const packings: Readonly<Record<string, { readonly headers: Record<string, string>; readonly pack: (bytes: Buffer) => Buffer }>> = {
    plain: { headers: {}, pack: (bytes) => bytes },
    gzip: { headers: { 'content-encoding': 'gzip' }, pack: (bytes) => gzipSync(bytes) },
    br: { headers: { 'content-encoding': 'br' }, pack: (bytes) => brotliCompressSync(bytes) },
    utf16: { headers: { 'content-type': 'application/json; charset=utf-16le' }, pack: (bytes) => Buffer.from(bytes.toString(), 'utf16le') },
  };
  const bodies = Object.fromEntries(
    Object.entries(packings).flatMap(([name, { headers, pack }]) => [
      [`${name}-ssn`, { headers, bytes: pack(ssn) }],
      [`${name}-order`, { headers, bytes: pack(order) }],
    ]),
  );
  const { gateway } = await startWeir(t, ['--upstream', await startPieces(t, bodies), '--mode', 'enforce']);
  for (const name of Object.keys(packings)) {
    const stopped = await get(gateway, `/${name}-ssn`);
    t.notMatch(await stopped.text(), '536-22-8726', `${name}: the number stays inside`);
    t.equal((await get(gateway, `/${name}-order`)).status, 200, `${name}: an order is no card and no SSN`);
  }
});

t.test('throttle, tarpit, challenge and close act on the traffic', async (t) => {
  const policies = policyFolder(t, [
    { rule: 'slow-down', match: { path: '/limited/**' }, action: { throttle: { limit: 3, window: '1h', by: ['client', 'path'] } } },
    { rule: 'bog', match: { path: '/bog' }, action: { tarpit: { delay: '400ms' } } },
    { rule: 'prove', match: { path: '/prove' }, action: 'challenge' },
    { rule: 'hang-up', match: { path: '/hang-up' }, action: 'close' },
  ]);
  const { gateway } = await startWeir(t, [
    '--upstream',
    await startEcho(t),
    '--mode',
    'enforce',
    '--policies',
    policies,
    '--trusted-proxies',
    '127.0.0.0/8',
  ]);

  const from = (ip: string) => ({ 'x-forwarded-for': ip });
  const statuses: number[] = [];
  for (let time = 0; time < 5; time++) statuses.push((await get(gateway, '/limited/a', from('203.0.113.9'))).status);
  t.strictSame(statuses, [200, 200, 200, 429, 429], 'three tokens, then none');
  const refused = await get(gateway, '/limited/a', from('203.0.113.9'));
  const retryAfterS = Number(refused.headers.get('retry-after'));
  t.ok(retryAfterS > 1000 && retryAfterS <= 1200, `the next token in ${retryAfterS} s: a third of an hour`);
  t.equal((await get(gateway, '/limited/a', from('203.0.113.10'))).status, 200, 'another client has a bucket of its own');
  t.equal((await get(gateway, '/limited/b', from('203.0.113.9'))).status, 200, 'and so has another path');

  const startedMs = performance.now();
  const bogged = await get(gateway, '/bog');
  t.ok(performance.now() - startedMs >= 390, 'held back');
  t.equal(bogged.status, 403);

  const proven = (await (await get(gateway, '/prove')).json()) as { headers: Record<string, string> };
  t.equal(proven.headers['x-weir-challenge'], 'responses/prove', 'the application is told to ask for more proof');

  await t.rejects(get(gateway, '/hang-up'), 'the connection ends without an answer');
  t.equal((await get(gateway, '/free')).status, 200, 'and the gateway goes on');
});

t.test('two gateways share one throttle over Redis', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const upstream = await startEcho(t);
  const policies = policyFolder(t, [{ rule: 'slow-down', action: { throttle: { limit: 40, window: '1h', by: 'client' } } }]);
  const start = async () => {
    const { ready } = await startRole(t, 'gateway', [
      '--data',
      temporaryFolder(t),
      '--port',
      '0',
      '--host',
      '127.0.0.1',
      '--upstream',
      upstream,
      '--mode',
      'enforce',
      '--policies',
      policies,
      '--redis',
      redis.url,
    ]); // prettier-ignore
    return ready.gateway;
  };
  const gateways = await Promise.all([start(), start()]);
  let passed = 0;
  for (let round = 0; round < 60; round++) {
    for (const gateway of gateways) if ((await get(gateway, '/')).status === 200) passed++;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  t.ok(
    passed >= 40 && passed <= 56,
    `${passed} of 120 passed with 40 tokens: what both take before they hear of each other is let through`,
  );
});

t.test('requests that break the imported description of their endpoint', async (t) => {
  const policies = policyFolder(t, [
    { rule: 'strict', when: { schema: ['unknown-endpoint', 'unknown-parameter:*', 'unknown-field:*', 'wrong-type:*'] }, action: 'block' },
  ]);
  const { gateway, admin, data } = await startWeir(t, ['--upstream', await startEcho(t), '--mode', 'enforce', '--policies', policies]);
  const description = {
    openapi: '3.0.3',
    info: { title: 'Shop', version: '1' },
    paths: {
      '/orders/{id}': {
        get: {
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
            { name: 'page', in: 'query', schema: { type: 'integer' } },
          ],
          responses: { 200: { description: 'ok' } },
        },
        put: {
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          requestBody: {
            content: {
              'application/json': { schema: { type: 'object', properties: { note: { type: 'string' }, qty: { type: 'integer' } } } },
            },
          },
          responses: { 200: { description: 'ok' } },
        },
      },
    },
  }; // prettier-ignore
  const authorization = `Bearer ${readFileSync(path.join(data, 'admin-token'), 'utf8').trim()}`;
  const imported = await fetch(`${admin}/api/v1/services/api/openapi`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'text/plain' },
    body: JSON.stringify(description),
  }); // prettier-ignore
  t.equal(imported.status, 200, await imported.text());
  const ask = async (where: string, body?: object): Promise<number> => {
    const sent = body === undefined ? {} : { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(`${gateway}${where}`, sent);
    await answer.arrayBuffer();
    return answer.status;
  };
  await eventually('the rules to reach the gateway', async () => (await ask('/nowhere')) === 403, 60_000);
  const table: [where: string, body: object | undefined, status: number][] = [
    ['/orders/7', undefined, 200],
    ['/orders/7?page=2', undefined, 200],
    ['/orders/7?page=two', undefined, 403],
    ['/orders/7?debug=1', undefined, 403],
    ['/orders/7', { note: 'x', qty: 2 }, 200],
    ['/orders/7', { note: 'x', role: 'admin' }, 403],
    ['/orders/7', { qty: 'many' }, 403],
    ['/orders', undefined, 403],
  ];
  for (const [where, body, status] of table) t.equal(await ask(where, body), status, `${where} ${JSON.stringify(body) ?? ''}`);
});
