/** What rules and the blocklist do to requests and answers on their way: block, redact, hold back, in whatever form a body comes. One room: all cases ask one upstream, through policies that do as requests tell them. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { type Body, type Exchange, emptyBody, type Principal, TemplateMatcher } from '../exchange/index.js';
import { NEEDS_ALL, obedient } from '../test/support/policies.js';
import { EventWindow } from './event-window.js';
import {
  type BlockActorRequest,
  createGateway,
  type Gateway,
  type GatewayPorts,
  noPolicies,
  type ServiceOptions,
  trivialPorts,
} from './index.js';

interface Seen {
  readonly url: string;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
}

async function upstreamOf(t: { teardown(end: () => unknown): void }): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      seen.push({ url: req.url ?? '', body, headers: req.headers });
      const path = req.url ?? '';
      if (path.startsWith('/gzip')) {
        const bytes = gzipSync('{"ssn":"123-45-6789"}');
        res
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': bytes.length, etag: '"1"' })
          .end(bytes);
      } else if (path.startsWith('/ssn')) res.writeHead(200, { 'content-type': 'application/json' }).end('{"ssn":"123-45-6789"}');
      else if (path.startsWith('/secret')) res.writeHead(200, { 'content-type': 'text/plain' }).end('a secret');
      else if (path.startsWith('/powered')) res.writeHead(200, { 'x-powered-by': 'php' }).end('ok');
      else if (path.startsWith('/big')) res.end(`${'x'.repeat(5000)}${path.includes('late') ? 'secret' : ''}`);
      else if (path.startsWith('/early')) {
        res.write(`secret${'x'.repeat(3000)}`);
        res.end('y'.repeat(3000));
      } else if (path.startsWith('/events')) {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        const fourth = path.includes('bad') ? 'secret' : 'four';
        const events = ['data: one\n\n', 'data: 123-45', '-6789 ssn\r\n\r\ndata: th', `ree\n\ndata: ${fourth}\n\n`, 'data: five\n\n'];
        const next = () => {
          const event = events.shift();
          if (event === undefined) res.end();
          else res.write(event, () => setTimeout(next, 5));
        };
        next();
      } else if (path.startsWith('/chunked')) {
        res.write('some ');
        setImmediate(() => res.end('text'));
      } else res.end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function start(t: { teardown(end: () => unknown): void }, service: Partial<ServiceOptions>, ports: Partial<GatewayPorts>) {
  const { url: upstream, seen } = await upstreamOf(t);
  const exchanges: Exchange[] = [];
  const gateway: Gateway = await createGateway(
    { listeners: [{ host: '127.0.0.1', port: 0 }], services: [{ name: 'api', upstreams: [upstream], mode: 'enforce', ...service }] },
    trivialPorts({ tee: { publish: (exchange) => exchanges.push(exchange) > 0 }, ...ports }),
  );
  const [{ url }] = await gateway.listen();
  t.teardown(() => gateway.close(20));
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, { redirect: 'manual', ...init });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  return { gateway, ask, seen, exchanges };
}

t.test('enforce: request phase', async (t) => {
  const orders: BlockActorRequest[] = [];
  const { ask, seen, exchanges, gateway } = await start(t, {}, { policies: () => obedient({}), blockActor: (order) => orders.push(order) });

  const blocked = await ask('/login', { method: 'POST', body: 'an attack' });
  t.equal(blocked.status, 403);
  t.equal(blocked.headers.get('content-type'), 'application/problem+json');
  const problem = JSON.parse(blocked.text) as Record<string, string>;
  t.match(problem, { status: 403, title: 'Access denied', code: 'BLOCKED', incident: /^W-/ });
  t.notMatch(blocked.text, /attack|secret|test/, 'the page says nothing about rule or value');
  t.same(seen, [], 'a blocked request never reaches the upstream');
  t.match(exchanges[0], {
    outcome: { action: 'blocked', phase: 'request', mode: 'enforce', incidentId: problem.incident },
    response: { status: 403 },
    tags: ['seen'],
  });
  t.match(orders, [{ clientIp: '127.0.0.1', actor: { kind: 'address', value: '127.0.0.1' }, incidentId: problem.incident }]);

  const html = await ask('/login', {
    method: 'POST',
    body: 'attack',
    headers: { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' },
  });
  t.match([html.headers.get('content-type'), html.text], ['text/html; charset=utf-8', /<code>W-/], 'browsers get a page');
  t.notMatch(html.text, /attack|secret|test/, 'that says no more');
  const throttled = await ask('/throttle-me');
  t.same([throttled.status, throttled.headers.get('retry-after')], [429, '7']);
  const started = performance.now();
  t.equal((await ask('/tarpit-me')).status, 403);
  t.ok(performance.now() - started >= 50, 'a tarpit takes its time');
  await t.rejects(ask('/close-me'), 'closed without an answer');
  t.equal(exchanges.at(-1)?.outcome.action, 'closed');
  t.equal((await ask('/throw')).status, 200, 'a rule that throws fails open and harms nobody');
  t.equal(gateway.stats().portFailures.policies, 1);

  t.equal((await ask('/rewrite-me', { method: 'POST', body: 'original', headers: { 'x-drop': '1' } })).status, 200);
  t.match(seen.at(-1), { body: 'replaced', headers: { 'x-set': 'by policy', 'content-length': '8' } });
  t.notOk(seen.at(-1)?.headers['x-drop']);

  const before = seen.length;
  t.equal(
    (await ask('/up', { method: 'POST', body: 'x'.repeat(2000) })).status,
    413,
    'a body larger than rules inspect is refused where they say so',
  );
  t.equal(
    (await ask('/up', { method: 'POST', body: new Blob(['x'.repeat(2000)]).stream(), duplex: 'half' } as RequestInit)).status,
    413,
    'of unknown length too',
  );
  t.equal(seen.length, before);
  t.equal((await ask('/fine', { method: 'POST', body: 'fine' })).text, 'ok');
  t.equal(seen.at(-1)?.body, 'fine');
});

t.test('enforce: response phase', async (t) => {
  const { ask, exchanges, gateway } = await start(
    t,
    {},
    {
      policies: () => obedient({}),
      access: (phase, question) =>
        phase === 'response' && question.request.target.startsWith('/orders/') && question.response?.status === 200
          ? {
              relation: 'foreign',
              confidence: 0.99,
              enforceable: true,
              location: { phase: 'request', in: 'path', path: '1' },
              resource: 'orders',
              explanation: 'Order 7 belongs to another.',
            }
          : null,
    },
  );
  const secret = await ask('/secret');
  t.equal(secret.status, 403);
  t.notMatch(secret.text, /secret/);
  t.match(
    exchanges.at(-1),
    { outcome: { action: 'blocked', phase: 'response' }, response: { status: 200 } },
    'the record keeps what the upstream said',
  );
  t.equal(Buffer.from(exchanges.at(-1)?.response?.body.bytes ?? []).toString(), 'a secret');

  for (const path of ['/ssn', '/gzip']) {
    const redacted = await ask(path);
    t.same([redacted.status, redacted.text], [200, '{"ssn":"•••"}'], path);
    t.equal(redacted.headers.get('content-length'), String(Buffer.byteLength('{"ssn":"•••"}')));
    t.notOk(redacted.headers.get('content-encoding') ?? redacted.headers.get('etag'), 'headers that described the old bytes are gone');
    t.equal(exchanges.at(-1)?.outcome.action, 'redacted');
  }
  t.notOk((await ask('/powered')).headers.get('x-powered-by'));
  t.equal((await ask('/orders/7')).status, 404, 'a read is withheld after the upstream answered');
  t.equal((await ask('/chunked')).text, 'some text');
  t.equal((await ask('/big')).status, 403, 'too large to inspect: the plan says block');
  t.equal((await ask('/ssn', { method: 'HEAD' })).status, 200);
  t.ok(gateway.stats().overflows >= 1);
});

t.test('server-sent events are decided one by one', async (t) => {
  const { ask, gateway, exchanges } = await start(t, {}, { policies: () => obedient({}) });
  t.equal(
    (await ask('/events')).text,
    'data: one\n\ndata: ••• ssn\r\n\r\ndata: three\n\ndata: four\n\ndata: five\n\n',
    'one redacted, the others as they came',
  );
  t.equal(exchanges.at(-1)?.outcome.action, 'redacted');
  await t.rejects(ask('/events-bad'), 'a blocked event ends the stream');
  t.match(exchanges.at(-1)?.outcome, { action: 'blocked', phase: 'response' });
  gateway.setMode('api', 'observe');
  t.match((await ask('/events-bad')).text, /123-45-6789 ssn[\s\S]*secret[\s\S]*five/);

  const shown: string[] = [];
  const window = new EventWindow(20, (event, whole) => {
    shown.push(`${whole ? '' : 'cut '}${event}`);
    return event;
  });
  const source = 'a\n\nb\r\n\r\nc\r\rdata: d\ndata: d\n\nxxxxxxxxxxxxxxxxxxxxxxxxx\n\nrest';
  let out = '';
  for (const byte of Buffer.from(source)) out += window.push(Buffer.from([byte]));
  t.equal(out + window.end(), source, 'any segmentation gives the same bytes');
  t.same(shown, ['a\n\n', 'b\r\n\r\n', 'c\r\r', 'data: d\ndata: d\n\n', 'cut xxxxxxxxxxxxxxxxxxxxx', 'xxxx\n\n', 'rest']);
});

t.test('overflow: pass and inspect-prefix', async (t) => {
  const { ask, exchanges, seen } = await start(t, {}, { policies: () => obedient({ requestOverflow: 'pass', responseOverflow: 'pass' }) });
  t.equal((await ask('/biglate')).text.length, 5006, 'pass: streams through');
  t.equal((await ask('/up', { method: 'POST', body: `attack${'x'.repeat(3000)}` })).status, 200);
  t.equal(seen.at(-1)?.body.length, 3006, 'held part and rest arrive in order');
  t.equal(exchanges.at(-1)?.request.body.totalLength, 3006);

  const other = await start(t, {}, { policies: () => obedient({ requestOverflow: 'inspect-prefix', responseOverflow: 'inspect-prefix' }) });
  t.equal((await other.ask('/early')).status, 403, 'inspect-prefix: what is in the prefix counts');
  t.equal((await other.ask('/biglate')).text.length, 5006, 'what is behind it does not');
  t.equal((await other.ask('/up', { method: 'POST', body: `attack${'x'.repeat(300_000)}` })).status, 403);
  t.equal((await other.ask('/up', { method: 'POST', body: `${'x'.repeat(300_000)}attack` })).status, 200);
  t.equal(other.seen.at(-1)?.body.length, 300_006);
});

t.test('observe records and never touches; mirror does not even look', async (t) => {
  // The second set insists on acting: a service in observe must not let it.
  for (const policies of [obedient({}), obedient({}, 'enforce')]) {
    const { ask, exchanges, gateway } = await start(
      t,
      { mode: 'observe' },
      { policies: () => policies, blocklist: { version: 1, check: () => ({ id: 'b1', reason: 'r' }) } },
    );
    t.equal((await ask('/secret', { method: 'POST', body: 'attack' })).text, 'a secret');
    t.equal((await ask('/ssn')).text, '{"ssn":"123-45-6789"}');
    t.equal((await ask('/up', { method: 'POST', body: 'x'.repeat(2000) })).status, 200, 'not even a body that is too large');
    t.match(exchanges[0]?.outcome, { action: 'passed', phase: null, blockId: 'b1' });
    t.equal(exchanges[0]?.outcome.acts.length, 3, 'blocklist, request and response would have acted');
    t.equal(gateway.stats().blocklistWouldAct, 3);
    t.ok(gateway.stats().decisions.block.would >= 2);

    gateway.setMode('api', 'mirror');
    const before = exchanges.length;
    t.equal((await ask('/secret')).text, 'a secret');
    t.equal(exchanges.length, before, 'mirror: passed, not recorded');
    gateway.setMode('api', { request: 'observe', response: 'enforce' });
    t.equal((await ask('/ok', { method: 'POST', body: 'attack' })).status, 200, 'phases differ: the request is observed,');
    t.equal((await ask('/secret')).status, 403, 'the response enforced');
  }
});

t.test('blocklist', async (t) => {
  let version = 1;
  let blocks: Record<string, NonNullable<ReturnType<GatewayPorts['blocklist']['check']>>> = {};
  let asked = 0;
  const { ask, exchanges, seen } = await start(
    t,
    {},
    {
      blocklist: {
        get version() {
          return version;
        },
        check: (ip, principal) => {
          asked++;
          return blocks[principal ?? ip] ?? null;
        },
      },
      principals: {
        read: (headers) =>
          headers.includes('mallory') ? { key: 'p_mallory', kind: 'api-key', carrier: 'header:x-api-key', label: '' } : null,
      },
    },
  );
  for (let index = 0; index < 5; index++) await ask('/');
  t.ok(asked < 5, `a connection asks once per version of the list (${asked} of 5 requests)`);
  blocks = { '127.0.0.1': { id: 'b1', reason: 'scanning' } };
  version++;
  const stopped = await ask('/');
  t.match([stopped.status, JSON.parse(stopped.text)], [403, { incident: /^W-/ }]);
  t.notMatch(stopped.text, /scanning|b1/);
  t.equal(seen.length, 5);
  t.match(exchanges.at(-1)?.outcome, { action: 'blocked', phase: 'connection', blockId: 'b1' });
  blocks = { '127.0.0.1': { id: 'b2', reason: 'r', action: 'throttle', retryAfterS: 9 } };
  version++;
  t.equal((await ask('/')).headers.get('retry-after'), '9');
  blocks = { p_mallory: { id: 'b3', reason: 'r' } };
  version++;
  t.equal((await ask('/')).status, 200);
  t.equal((await ask('/', { headers: { 'x-api-key': 'mallory' } })).status, 403, 'by principal, on the same connection');
});

t.test('a block holds for everybody whom a request says to be, an address only for who is not allowed in spite of it', async (t) => {
  const named = (key: string): Principal => ({ key, kind: 'api-key', carrier: 'header:x-api-key', label: '' });
  const rows: readonly (readonly [principal: string, beside: readonly string[], addressIsBlocked: boolean, status: number])[] = [
    ['p_friend', [], false, 200],
    ['p_friend', ['p_other'], false, 200],
    ['p_friend', ['p_mallory'], false, 403],
    ['p_mallory', ['p_friend'], false, 403],
    ['p_friend', [], true, 200],
    ['p_friend', ['p_other'], true, 200],
    ['p_friend', ['p_mallory'], true, 403],
    ['p_other', ['p_friend'], true, 403],
  ];
  for (const [principal, beside, addressIsBlocked, status] of rows) {
    const { ask } = await start(
      t,
      {},
      {
        blocklist: {
          version: 1,
          check: (_, key) => {
            if (key === 'p_mallory') return { id: 'b1', reason: 'r' };
            return addressIsBlocked && key !== 'p_friend' ? { id: 'b2', reason: 'r' } : null;
          },
        },
        principals: { read: () => named(principal), beside: () => beside.map(named) },
      },
    );
    t.equal((await ask('/')).status, status, `${principal}, ${beside.join()}, ${addressIsBlocked}`);
  }
});

t.test('a blocked client that goes on asking is answered without a record', async (t) => {
  let nowMs = 1_000_000;
  let blockId = 'b1';
  const lines: string[] = [];
  const { ask, exchanges, gateway } = await start(
    t,
    {},
    {
      nowMs: () => nowMs,
      blocklist: { version: 1, check: (_ip, principal) => (principal === 'p_friend' ? null : { id: blockId, reason: 'r' }) },
      principals: {
        read: (headers) =>
          headers.includes('friend') ? { key: 'p_friend', kind: 'api-key', carrier: 'header:x-api-key', label: '' } : null,
      },
      accessLog: { write: (line) => void lines.push(line), stats: () => ({ written: lines.length, dropped: 0 }) },
    },
  );
  const incidents = new Set<string>();
  for (let index = 0; index < 15; index++) {
    const { status, text } = await ask('/');
    t.equal(status, 403);
    if (index === 0 || index >= 10) incidents.add(JSON.parse(text).incident);
  }
  t.equal(exchanges.length, 10, 'ten of a second are recorded');
  t.strictSame([...incidents], [exchanges[0].outcome.incidentId], 'all others name the incident of the first');
  t.match(gateway.stats(), { blocklistActed: 15, blocklistRepeats: 5 });
  t.match(JSON.parse(lines.at(-1)!), { status: 403, outcome: 'blocked', rules: 'blocklist/b1', incident: [...incidents][0] });
  t.match((await ask('/', { headers: { accept: 'text/html' } })).headers.get('content-type'), /html/, 'in the form it asks for');
  const posted = await ask('/', { method: 'POST', body: 'x'.repeat(100) });
  t.equal(posted.status, 403, 'with a body');
  t.equal((await ask('/', { headers: { 'x-api-key': 'friend' } })).status, 200, 'who may pass passes');
  const recorded = exchanges.length;
  blockId = 'b2';
  await ask('/');
  t.equal(exchanges.length, recorded + 1, 'another block is recorded');
  for (let index = 0; index < 12; index++) await ask('/');
  nowMs += 1_000;
  const before = exchanges.length;
  await ask('/');
  t.equal(exchanges.length, before + 1, 'so is the next second');
});

t.test('block pages of a service', async (t) => {
  const { ask } = await start(
    t,
    { blockPage: { json: '{"error":"{{title}}","ref":"{{incident}}","status":{{status}}}', html: '<b>{{ incident }}</b>' } },
    { policies: () => obedient({}) },
  );
  const template = await ask('/secret');
  t.match(JSON.parse(template.text), { error: 'Access denied', ref: /^W-/, status: 403 });
  t.notMatch(template.text + JSON.stringify([...template.headers]), /secret|test/, 'a template learns neither value nor rule');
  t.match((await ask('/secret', { headers: { accept: 'text/html' } })).text, /^<b>W-[\w-]+<\/b>$/);
  const silent = await start(t, { blockPage: { reset: true } }, { policies: () => obedient({}) });
  await t.rejects(silent.ask('/secret'), 'the connection is reset');
  t.equal((await silent.ask('/nothing')).status, 200);
});

t.test('ports that fail are counted and harm nobody', async (t) => {
  const broken = () => {
    throw new Error('broken');
  };
  const { ask, gateway } = await start(
    t,
    {},
    {
      policies: () => ({
        ...noPolicies,
        plan: () => NEEDS_ALL,
        onRequest: (request, context) => {
          context.access('request');
          context.rate('k', 1);
          context.actorScore();
          return noPolicies.onRequest(request, context);
        },
      }),
      blocklist: { version: 1, check: broken },
      tee: { publish: broken },
      match: broken,
      access: broken,
      principals: { read: broken },
      rate: broken,
      actorScore: broken,
    },
  );
  t.equal((await ask('/')).status, 200);
  t.match(gateway.stats(), { teeDrops: 1, portFailures: { tee: 1, match: 1, principal: 1, blocklist: 1, access: 1, rate: 1, score: 1 } });
  t.match(gateway.metrics(), /weir_gateway_port_failures_total\{port="tee"\} 1/);
});

t.test('an endpoint is found however its path is written', async (t) => {
  const templates = ['/api/orders/{id}', '/api/{kind}/{id}', '/files/{name}', '/admin/users', '/projects/{id}/issues'];
  const matcher = TemplateMatcher.of(templates.map((template) => ({ service: 'api', method: 'GET', template })));
  const found: (readonly string[] | null)[] = [];
  const { gateway } = await start(
    t,
    {},
    {
      match: (service, method, path) => {
        const match = matcher.match(service, method, path);
        return match === null ? null : { ...match, tags: [] };
      },
      access: (_phase, { match }) => {
        found.push(match === null ? null : [match.endpoint.template, ...match.parameters]);
        return null;
      },
      policies: () => ({
        ...noPolicies,
        plan: () => NEEDS_ALL,
        onRequest: (request, context) => {
          context.access('request');
          return noPolicies.onRequest(request, context);
        },
      }),
    },
  );
  const table: readonly (readonly [target: string, ...expected: string[]])[] = [
    ['/api/orders/7', '/api/orders/{id}', '7'],
    ['/api/orders/7/?x=..%2f', '/api/orders/{id}', '7'],
    ['/api/orders/caf%C3%A9%20', '/api/orders/{id}', 'café '],
    ['/%61pi/%6Frders/7', '/api/orders/{id}', '7'],
    ['//api///orders/7', '/api/orders/{id}', '7'],
    ['/api/./orders/7', '/api/orders/{id}', '7'],
    ['/x/../api/orders/7', '/api/orders/{id}', '7'],
    ['/x/%2e%2e/api/orders/7', '/api/orders/{id}', '7'],
    ['/api/orders;a=b/7;jsessionid=1', '/api/orders/{id}', '7'],
    ['/x/..;/api/orders/7', '/api/orders/{id}', '7'],
    ['/api%2forders%2f7', '/api/orders/{id}', '7'],
    ['/files/a%252Fb', '/files/{name}', 'a%2Fb'],
    ['/projects/group%2Fproject/issues', '/projects/{id}/issues', 'group/project'],
    ['/files/a%2Fb', '/files/{name}', 'a/b'],
    ['/files/..%2fadmin%2fusers', '/admin/users'],
    ['/files/..%5cadmin%5cusers', '/admin/users'],
    ['/files/%2e%2e%2fnowhere'],
  ];
  for (const [target, ...expected] of table) {
    found.length = 0;
    await new Promise<void>((resolve, reject) => {
      const { port } = new URL(gateway.addresses[0].url);
      http.get({ host: '127.0.0.1', port, path: target }, (res) => res.resume().on('end', resolve)).on('error', reject);
    });
    t.same(found, [expected.length === 0 ? null : expected], target);
  }
});

t.test('an empty body is not a missing one', async (t) => {
  const bodies: (Body | null)[] = [];
  const { ask } = await start(
    t,
    {},
    {
      policies: () => ({
        ...noPolicies,
        plan: () => NEEDS_ALL,
        onRequest: (request, context) => {
          bodies.push(request.body);
          return noPolicies.onRequest(request, context);
        },
        onResponse: (request, response, context) => {
          bodies.push(response.body);
          return noPolicies.onResponse(request, response, context);
        },
      }),
    },
  );
  await ask('/', { method: 'HEAD' });
  t.same(bodies, [emptyBody, emptyBody]);
});
