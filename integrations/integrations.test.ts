/** Every kind against a real server on the loopback: what goes over the wire, and what an answer means. */
import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { packageRoot } from '../exchange/index.js';
import { retryAfterMs } from './http.js';
import {
  configSchema,
  type IntegrationError,
  type IssueNotice,
  integrationNamed,
  integrationReference,
  integrations,
  isWanted,
  type Notice,
  readNotice,
  secretFields,
  subjectOf,
  systemIo,
  testNotice,
} from './index.js';
import { signature } from './kinds/webhook.js';
import { SYSLOG_FORMATS, syslogLine } from './syslog-format.js';

const AT = Date.UTC(2026, 10, 21, 4, 30);

const issue: IssueNotice = {
  id: '01KAXXXXXXXXXXXXXXXXXXXXXX',
  kind: 'issue',
  change: 'opened',
  atMs: AT,
  severity: 'critical',
  service: 'shop',
  title: 'Reads <other> users’ orders (GET /orders/{id})',
  text: 'alice read 14 orders of 9 others & got <!here>.',
  url: 'https://weir.example/issues/I1',
  issueId: 'I1',
  issueKind: 'bola.foreign-object',
  method: 'GET',
  template: '/orders/{id}',
  actor: 'alice',
  owasp: 'API1:2023',
  cwe: 'CWE-639',
  confidence: 0.9,
  occurrences: 14,
  remediation: 'Compare the owner.',
  evidence: [{ place: 'response body card', excerpt: '•••• 1111', type: 'credit-card' }],
  by: '',
};
const block: Notice = {
  id: 'B',
  kind: 'block',
  atMs: AT,
  severity: 'high',
  service: null,
  title: 'Blocked address 203.0.113.7',
  text: 'The detector blocked it: a=b|c\nnext',
  url: null,
  blockId: 'b1',
  scopeKind: 'address',
  scopeValue: '203.0.113.7',
  reason: 'a=b|c\nnext',
  origin: 'detector',
  by: 'score',
  expiresAtMs: null,
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown };

/** Answers as told, in order; the last one again and again. */
async function receiver(t: Test, answers: readonly Answer[]): Promise<{ readonly url: string; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const { status = 200, headers: sent = {}, body = '' } = answers[Math.min(seen.length, answers.length - 1)];
      seen.push({ method, url, headers, body: Buffer.concat(parts).toString('utf8') });
      response.writeHead(status, { connection: 'close', ...sent }).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const io = { ...systemIo({ timeoutMs: 5_000 }), nowMs: () => AT };
const deliver = (kind: string, config: unknown, notice: Notice = issue) => integrationNamed(kind).open(config, io).deliver(notice);

t.test('the folder is the list', async (t) => {
  const files = readdirSync(path.join(packageRoot(), 'integrations', 'kinds'))
    .filter((name) => name.endsWith('.ts') && name !== 'index.ts')
    .map((name) => name.replace('.ts', ''));
  t.same([...files].sort(), integrations.map((one) => one.kind).sort());
});

t.test('docs/integrations.md is made from the schemas', async (t) => {
  const file = path.join(packageRoot(), 'docs', 'integrations.md');
  t.equal(
    readFileSync(file, 'utf8'),
    integrationReference(integrations),
    'write integrationReference(integrations) to docs/integrations.md',
  );
});

t.test('every setting is described; secrets are optional or required texts at the top', async (t) => {
  for (const one of integrations) {
    const { properties = {} } = configSchema(one) as {
      properties?: Record<string, { description?: string; type?: string; writeOnly?: boolean }>;
    };
    for (const [name, field] of Object.entries(properties)) {
      t.ok(field.description, `${one.kind}.${name} has a description`);
      if (field.writeOnly) t.equal(field.type, 'string', `${one.kind}.${name}`);
      if (/token|password|secret|key$/i.test(name)) t.equal(field.writeOnly, true, `${one.kind}.${name} is a secret`);
    }
  }
  t.same(secretFields(integrationNamed('slack')), ['url'], 'whoever knows the address can post');
});

t.test('a config that does not fit names the field', async (t) => {
  const cases: [kind: string, config: unknown, RegExp][] = [
    ['webhook', {}, /url/],
    ['webhook', { url: 'ftp://x' }, /url: must be an address/],
    ['webhook', { url: 'https://' }, /url/],
    ['webhook', { url: 'https://x', scret: 'a' }, /scret/],
    ['syslog', { host: 'a b' }, /host: is a host name/],
    ['syslog', { host: 'x', port: 70_000 }, /port/],
    ['jira', { url: 'https://x', project: 'SEC', token: 't', labels: ['a b'] }, /labels\.0/],
    ['elasticsearch', { url: 'https://x', index: 'Upper' }, /index: is an index/],
    ['slack', null, /./],
  ];
  for (const [kind, config, message] of cases)
    t.throws(() => integrationNamed(kind).check(config), { code: 'INTEGRATION_CONFIG', status: 422, message });
  t.throws(() => integrationNamed('slak'), { code: 'INTEGRATION_KIND_UNKNOWN', message: /did you mean "slack"/ });
});

t.test('webhook: signed JSON', async (t) => {
  const { url, seen } = await receiver(t, [{ status: 204 }]);
  t.equal(await deliver('webhook', { url: `${url}/hook`, secret: 'whsec_c2VjcmV0', authorization: 'Bearer x' }), 'answered 204');
  const [{ headers, body }] = seen;
  t.match(headers, {
    'webhook-id': issue.id,
    'webhook-timestamp': String(AT / 1000),
    authorization: 'Bearer x',
    'content-type': 'application/json',
  });
  const expected = createHmac('sha256', 'secret')
    .update(`${issue.id}.${AT / 1000}.${body}`)
    .digest('base64');
  t.equal(headers['webhook-signature'], `v1,${expected}`);
  t.same(JSON.parse(body), { type: 'weir.issue', timestamp: '2026-11-21T04:30:00.000Z', data: issue });
  // The example of the Standard Webhooks specification.
  t.equal(
    signature('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}'),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});

t.test('what an answer means', async (t) => {
  const cases: [Answer, code: string, isFinal: boolean, retryAfterMs: number | null][] = [
    [{ status: 400, body: 'bad field' }, 'INTEGRATION_REFUSED', true, null],
    [{ status: 413 }, 'INTEGRATION_REFUSED', true, null],
    [{ status: 401 }, 'INTEGRATION_DENIED', false, null],
    [{ status: 404 }, 'INTEGRATION_DENIED', false, null],
    [{ status: 302, headers: { location: 'http://169.254.169.254/' } }, 'INTEGRATION_DENIED', false, null],
    [{ status: 429, headers: { 'retry-after': '30' } }, 'INTEGRATION_BUSY', false, 30_000],
    [{ status: 503, headers: { 'retry-after': new Date(AT + 60_000).toUTCString() } }, 'INTEGRATION_BUSY', false, 60_000],
    [{ status: 500 }, 'INTEGRATION_FAILED', false, null],
  ];
  for (const [answer, code, isFinal, waitMs] of cases) {
    const { url, seen } = await receiver(t, [answer]);
    const error = await deliver('slack', { url: `${url}/services/TOPSECRET` }).then(
      () => null,
      (cause: unknown) => cause as IntegrationError,
    );
    t.match(error, { code, isFinal, retryAfterMs: waitMs }, `${answer.status}`);
    t.notMatch(error?.message, /TOPSECRET/, 'the address is a secret');
    t.equal(seen.length, 1, 'redirects are not followed');
  }
  t.equal(retryAfterMs('soon', AT), null);
  t.equal(retryAfterMs(new Date(AT - 5_000).toUTCString(), AT), 0);
});

t.test('a receiver that is away, or silent', async (t) => {
  const free = createTcpServer((socket) => t.teardown(() => socket.destroy()));
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  const hung = { ...io, timeoutMs: 50 };
  await t.rejects(
    integrationNamed('webhook')
      .open({ url: `http://127.0.0.1:${port}` }, hung)
      .deliver(issue),
    { code: 'INTEGRATION_TIMEOUT' },
  );
  free.close();
  await t.rejects(deliver('webhook', { url: `http://127.0.0.1:${port}` }), { code: 'INTEGRATION_UNREACHABLE', message: /ECONNREFUSED/ });
  await t.rejects(deliver('syslog', { host: '127.0.0.1', port }), { code: 'INTEGRATION_UNREACHABLE', message: /ECONNREFUSED/ });
  await t.rejects(deliver('syslog', { host: '127.0.0.1', port, transport: 'tls' }), { code: 'INTEGRATION_UNREACHABLE' });
});

t.test('slack and teams: messages', async (t) => {
  const { url, seen } = await receiver(t, [{ body: 'ok' }]);
  t.equal(await deliver('slack', { url }), 'posted');
  t.match(JSON.parse(seen[0].body), { attachments: [{ blocks: [{ type: 'header' }, { type: 'section' }, {}, {}, { type: 'actions' }] }] });
  t.notMatch(seen[0].body, /"mrkdwn","text":"[^"]*<!here>/, 'no mention or link can be smuggled in');
  t.match(seen[0].body, /9 others &amp; got &lt;!here&gt;/);
  t.equal(await deliver('slack', { url }, { ...block, title: 'x'.repeat(500), text: 'y'.repeat(9000) }), 'posted');
  const [{ blocks }] = (JSON.parse(seen[1].body) as { attachments: { blocks: { text?: { text: string } }[] }[] }).attachments;
  t.ok(blocks.every((one) => (one.text?.text.length ?? 0) <= 3000));
  t.ok((blocks[0].text?.text.length ?? 0) <= 150);

  const teams = await receiver(t, [
    { status: 202 },
    { body: 'Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429' },
  ]);
  t.equal(await deliver('microsoft-teams', { url: teams.url }), 'posted');
  t.match(JSON.parse(teams.seen[0].body), {
    type: 'message',
    attachments: [
      { contentType: 'application/vnd.microsoft.card.adaptive', content: { body: [{ color: 'attention' }, {}, { type: 'FactSet' }] } },
    ],
  });
  await t.rejects(deliver('microsoft-teams', { url: teams.url }), { code: 'INTEGRATION_BUSY' });
});

t.test('jira: a ticket, then a comment on it', async (t) => {
  const config = (url: string, more = {}) => ({ url: `${url}/`, project: 'SEC', user: 'bot@x.example', token: 'tok', ...more });
  const fresh = await receiver(t, [{ body: { issues: [] } }, { status: 201, body: { id: '1', key: 'SEC-7' } }]);
  t.equal(await deliver('jira', config(fresh.url, { priorities: true, labels: ['api'] })), 'opened SEC-7');
  t.same(
    fresh.seen.map(({ method, url }) => `${method} ${url}`),
    ['POST /rest/api/2/search/jql', 'POST /rest/api/2/issue'],
  );
  t.match(JSON.parse(fresh.seen[0].body), { jql: /project = "SEC" AND labels = "weir-issue-I1" AND statusCategory != Done/ });
  t.equal(fresh.seen[0].headers.authorization, `Basic ${Buffer.from('bot@x.example:tok').toString('base64')}`);
  const { fields } = JSON.parse(fresh.seen[1].body) as { fields: { description: string } };
  t.match(fields, {
    project: { key: 'SEC' },
    issuetype: { name: 'Task' },
    summary: issue.title,
    labels: ['weir', 'weir-issue-I1', 'api'],
    priority: { name: 'Highest' },
  });
  t.match(fields.description, /Endpoint: GET \/orders\/\{id\}[\s\S]*•••• 1111[\s\S]*Compare the owner[\s\S]*https:\/\/weir\.example/);

  const known = await receiver(t, [{ body: { issues: [{ key: 'SEC-7' }] } }, { status: 201, body: {} }]);
  t.equal(
    await deliver('jira', config(known.url, { deployment: 'data-center', user: '' }), { ...issue, change: 'reopened' }),
    'commented on SEC-7',
  );
  t.same(
    known.seen.map(({ url, headers }) => [url, headers.authorization]),
    [
      ['/rest/api/2/search', 'Bearer tok'],
      ['/rest/api/2/issue/SEC-7/comment', 'Bearer tok'],
    ],
  );
  const odd = await receiver(t, [{ body: '<html>sign in</html>' }]);
  await t.rejects(deliver('jira', config(odd.url)), { code: 'INTEGRATION_FAILED', message: /something unexpected/ });
});

t.test('servicenow: an incident, then a work note on it', async (t) => {
  const config = (url: string) => ({ url, user: 'weir', password: 'pw', assignmentGroup: 'AppSec', category: 'security' });
  const fresh = await receiver(t, [{ body: { result: [] } }, { status: 201, body: { result: { sys_id: 'abc', number: 'INC1' } } }]);
  t.equal(await deliver('servicenow', config(fresh.url)), 'opened INC1');
  t.match(decodeURIComponent(fresh.seen[0].url), '/api/now/table/incident?sysparm_query=correlation_id=weir-issue-I1^active=true');
  t.match(JSON.parse(fresh.seen[1].body), {
    correlation_id: 'weir-issue-I1',
    impact: '1',
    urgency: '1',
    assignment_group: 'AppSec',
    category: 'security',
  });
  const known = await receiver(t, [{ body: { result: [{ sys_id: 'abc', number: 'INC1' }] } }, { body: { result: {} } }]);
  t.equal(await deliver('servicenow', config(known.url)), 'noted on INC1');
  t.match(known.seen[1], { method: 'PATCH', url: '/api/now/table/incident/abc' });
});

t.test('splunk, elasticsearch, pagerduty', async (t) => {
  const splunk = await receiver(t, [{ body: { text: 'Success', code: 0 } }]);
  t.equal(await deliver('splunk', { url: `${splunk.url}/`, token: 'T', index: 'sec' }), 'indexed');
  t.match(splunk.seen[0], { url: '/services/collector/event', headers: { authorization: 'Splunk T' } });
  t.match(JSON.parse(splunk.seen[0].body), { time: AT / 1000, index: 'sec', sourcetype: 'weir:notice', event: issue });

  const item = (status: number) => ({ body: { errors: status > 201, items: [{ create: { status, error: { type: 'x' } } }] } });
  const elastic = await receiver(t, [item(201), item(409), item(429), item(400)]);
  const config = { url: elastic.url, apiKey: 'K' };
  t.equal(await deliver('elasticsearch', config), 'indexed');
  const [action, document, end] = elastic.seen[0].body.split('\n');
  t.same(JSON.parse(action), { create: { _index: 'weir-notices', _id: issue.id } });
  t.match(JSON.parse(document), { '@timestamp': '2026-11-21T04:30:00.000Z', issueId: 'I1' });
  t.equal(end, '');
  t.match(elastic.seen[0], { url: '/_bulk', headers: { 'content-type': 'application/x-ndjson', authorization: 'ApiKey K' } });
  t.equal(await deliver('elasticsearch', config), 'indexed', 'it was there already');
  await t.rejects(deliver('elasticsearch', config), { code: 'INTEGRATION_BUSY' });
  await t.rejects(deliver('elasticsearch', config), { code: 'INTEGRATION_REFUSED' });

  const pager = await receiver(t, [{ status: 202, body: { status: 'success' } }]);
  t.equal(await deliver('pagerduty', { routingKey: 'R', url: pager.url }), 'accepted');
  t.match(JSON.parse(pager.seen[0].body), {
    routing_key: 'R',
    event_action: 'trigger',
    dedup_key: 'weir-issue-I1',
    client_url: issue.url,
    payload: { severity: 'critical', source: 'shop', component: 'GET /orders/{id}', class: 'bola.foreign-object' },
  });
});

t.test('syslog over UDP and TCP', async (t) => {
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const datagram = new Promise<Buffer>((resolve) => udp.once('message', resolve));
  await deliver('syslog', { host: '127.0.0.1', port: udp.address().port, transport: 'udp', hostname: 'gate 1', facility: 'auth' });
  const line = (await datagram).toString('utf8');
  t.match(
    line,
    /^<34>1 2026-11-21T04:30:00\.000Z gate1 weir - issue \[weir@32473 id="01KA[^"]*" kind="bola\.foreign-object" severity="critical" service="shop"\] \[critical\] /,
  );
  const big = new Promise<Buffer>((resolve) => udp.once('message', resolve));
  await deliver('syslog', { host: '127.0.0.1', port: udp.address().port, transport: 'udp' }, { ...issue, text: 'x'.repeat(9_000) });
  t.equal((await big).length, 2048);
  udp.close();

  const received: string[] = [];
  let arrived: () => void = () => undefined;
  const tcp = createTcpServer((socket) => {
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => {
      received.push(Buffer.concat(parts).toString('utf8'));
      arrived();
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as AddressInfo;
  for (const framing of ['octet-counting', 'newline']) {
    const came = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await deliver('syslog', { host: '127.0.0.1', port, framing, format: 'cef' });
    await came;
  }
  tcp.close();
  const [counted, newline] = received;
  const [, length, rest] = /^(\d+) ([\s\S]*)$/.exec(counted) ?? [];
  t.equal(Number(length), Buffer.byteLength(rest), 'RFC 6587: octets, not characters');
  t.equal(newline, `${rest}\n`);
});

t.test('CEF, LEEF and JSON lines', async (t) => {
  const line = (notice: Notice, format: (typeof SYSLOG_FORMATS)[number]) => syslogLine(notice, { facility: 16, hostname: '', format });
  const body = (notice: Notice, format: (typeof SYSLOG_FORMATS)[number]) => line(notice, format).replace(/^.*?"\] /, '');
  t.match(line(block, 'cef'), /^<131>1 \S+ - weir - block \[/);
  t.equal(
    body(block, 'cef'),
    `CEF:0|weir|weir|1|block|Blocked address 203.0.113.7|8|rt=${AT} externalId=B msg=The detector blocked it: a\\=b|c\\nnext src=203.0.113.7 reason=a\\=b|c\\nnext act=blocked`,
  );
  t.match(body({ ...issue, title: 'a|b\\c' }, 'cef'), /^CEF:0\|weir\|weir\|1\|bola\.foreign-object\|a\\\|b\\\\c\|10\|/);
  t.match(
    body(issue, 'leef'),
    /^LEEF:2\.0\|weir\|weir\|1\|bola\.foreign-object\|x09\|cat=bola\.foreign-object\tsev=10\ttitle=[^\t]*\tdevTime=2026/,
  );
  t.same(JSON.parse(body(issue, 'json')), issue);
  t.match(line({ ...issue, service: 'a"]\\' }, 'plain'), /service="a\\"\\\]\\\\"\]/);
});

t.test('no text breaks out of its line', async (t) => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.constantFrom(...SYSLOG_FORMATS), (title, text, format) => {
      const line = syslogLine({ ...issue, title, text, actor: text, service: title }, { facility: 16, hostname: text, format });
      return !/[\r\n]/.test(line) && line.startsWith('<130>1 ');
    }),
  );
  t.pass();
});

t.test('who is told', async (t) => {
  const all = { enabled: true, minSeverity: 'info', services: [] } as const;
  const cases: [string, Parameters<typeof isWanted>[0], Notice, boolean][] = [
    ['everything', all, issue, true],
    ['switched off', { ...all, enabled: false }, issue, false],
    ['at the threshold', { ...all, minSeverity: 'critical' }, issue, true],
    ['below it', { ...all, minSeverity: 'critical' }, block, false],
    ['its service', { ...all, services: ['shop'] }, issue, true],
    ['another service', { ...all, services: ['pay'] }, issue, false],
    ['no service in particular', { ...all, services: ['pay'] }, block, true],
  ];
  for (const [name, filter, notice, expected] of cases) t.equal(isWanted(filter, notice), expected, name);
});

t.test('what the store gives back', async (t) => {
  for (const notice of [issue, block, testNotice({ publicUrl: null, nowMs: AT })])
    t.same(readNotice(JSON.parse(JSON.stringify(notice))), notice);
  for (const odd of [null, 'text', {}, { ...issue, severity: 'huge' }, { ...issue, kind: 'party' }])
    t.throws(() => readNotice(odd), { code: 'INTEGRATION_NOTICE', isFinal: true });
  t.equal(subjectOf(issue), subjectOf({ ...issue, id: 'other', change: 'reopened' }), 'one subject, one ticket');
});
