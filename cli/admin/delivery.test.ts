/** From an issue in the store to a receiver on the loopback: who is told what, once. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { createSeal } from '../../admin/index.js';
import { type Block, Blocklist } from '../../attackers/index.js';
import { endpointRef, type Finding, type Severity } from '../../exchange/index.js';
import { systemIo } from '../../integrations/index.js';
import { openStore } from '../../store/index.js';
import { createSharedState } from '../../traffic/index.js';
import { openSharedMaps } from '../shared-maps.js';
import { runDelivery } from './delivery.js';
import { integrationsPort } from './integrations-port.js';

const START = Date.UTC(2026, 10, 21);
const seal = createSeal('a secret of thirty-two characters');

function finding(id: string, severity: Severity, atMs: number, service = 'shop'): Finding {
  return {
    id: `${id}-${atMs}`,
    kind: 'bola.foreign-object',
    atMs,
    service,
    endpoint: endpointRef(service, 'GET', `/${id}`),
    actor: null,
    client: null,
    severity,
    confidence: 0.9,
    title: `Title of ${id}`,
    explanation: `Explanation of ${id}`,
    source: { kind: 'detector', id: 'bola' },
    effect: 'none',
    succeeded: true,
    exchangeIds: [],
    requestIds: [],
    evidence: [],
    remediation: '',
    fingerprint: id,
  };
}

async function world(t: Test) {
  const received: { path: string; title: string; url: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { data } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { data: { title: string; url: string } };
      received.push({ path: request.url ?? '', title: data.title, url: data.url });
      response.writeHead(200, { connection: 'close' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const store = await openStore({ sqlite: ':memory:' });
  const shared = createSharedState({ dir: null });
  const maps = await openSharedMaps(shared);
  const blocklist = await Blocklist.open(shared);
  let nowMs = START;
  const begin = () =>
    runDelivery({
      store,
      maps,
      blocks: blocklist.blocks,
      seal,
      actorScore: 80,
      publicUrl: 'https://weir.example',
      log: (message) => t.comment(message),
      io: { ...systemIo(), nowMs: () => nowMs },
    });
  t.teardown(async () => {
    server.close();
    await shared.close();
    await store.close();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    store,
    maps,
    blocklist,
    begin,
    received,
    address,
    pass: (ms: number) => {
      nowMs += ms;
      return nowMs;
    },
    /** Filed now; the traffic may be older. */
    file: (...findings: Finding[]) => store.commit({ batchIds: [`b${Math.random()}`], nowMs, findings }),
    add: (id: string, about: { minSeverity?: Severity; services?: string[]; enabled?: boolean }) =>
      store.objects.put(
        'integration',
        id,
        {
          kind: 'webhook',
          name: id,
          enabled: true,
          minSeverity: 'medium',
          services: [],
          config: { url: `${address}/${id}`, secret: seal.close('k') },
          ...about,
        },
        { author: 'ann', atMs: nowMs },
      ),
  };
}

t.test('new and reopened issues, by severity and service, once, over restarts', async (t) => {
  const { store, begin, received, pass, file, add } = await world(t);
  await file(finding('old', 'critical', START));
  await add('all', {});
  await add('grave', { minSeverity: 'critical' });
  await add('pay', { services: ['pay'] });
  await add('off', { enabled: false });
  let delivery = begin();
  await delivery.round();
  t.same(received, [], 'what was there before is no news');
  pass(2_000);
  // Traffic of a month ago, read from a recording, is filed now.
  await file(finding('high', 'high', START - 30 * 86_400_000), finding('low', 'low', START), finding('paid', 'critical', START, 'pay'));
  await delivery.round();
  const told = () => received.map((one) => `${one.path} ${one.title}`).sort();
  const first = [
    '/all Title of high (GET /high)',
    '/all Title of paid (GET /paid)',
    '/grave Title of paid (GET /paid)',
    '/pay Title of paid (GET /paid)',
  ];
  t.same(told(), first);
  t.match(received[0].url, /^https:\/\/weir\.example\/issues\/01/);
  pass(2_000);
  await file(finding('high', 'high', START + 1_000));
  await delivery.round();
  t.equal(received.length, 4, 'seen again is no news');
  await delivery.close();

  const issue = (await store.issues.list({ search: 'high' }, {})).items[0];
  await store.issues.decide(issue.id, { status: 'fixed', by: 'ann', reason: 'fixed', atMs: pass(100), untilMs: null });
  await file(finding('high', 'high', pass(100)));
  pass(20_000);
  delivery = begin();
  const other = begin();
  await Promise.all([delivery.round(), other.round()]);
  await delivery.round();
  t.same(told(), ['/all Reopened: Title of high (GET /high)', ...first], 'while no admin ran; once, with two of them');
  pass(600_000);
  await delivery.round();
  t.equal(received.length, 5);
  t.equal(delivery.counters().delivered + other.counters().delivered, 1);

  await store.outbox.add([{ integrationId: 'grave', notice: { kind: 'issue', change: 'sent', issueId: issue.id, by: 'ann' } }], pass(1));
  await delivery.round();
  t.match(received.at(-1), { path: '/grave', title: 'Title of high (GET /high)' }, 'sent by hand, whatever its severity');
  await Promise.all([delivery.close(), other.close()]);
});

t.test('blocks, actors over the threshold, sources in trouble', async (t) => {
  const { maps, blocklist, begin, received, pass, add } = await world(t);
  await add('all', {});
  const delivery = begin();
  t.teardown(() => delivery.close());
  await delivery.round();
  const block: Block = {
    id: 'b1',
    scope: { kind: 'address', value: '203.0.113.7' },
    service: null,
    reason: 'score 91',
    origin: 'detector',
    createdBy: 'score',
    createdAtMs: pass(1_000),
    expiresAtMs: null,
  };
  await blocklist.blocks.set('address|203.0.113.7|', block);
  await maps.scores.set('principal:mallory', { score: 91 });
  await maps.scores.set('principal:alice', { score: 79 });
  await maps.status.set('gw', {
    role: 'gateway',
    version: '1',
    startedAtMs: START,
    atMs: START,
    addresses: [],
    counters: {},
    services: [
      {
        name: 'shop',
        hosts: [],
        pathPrefix: '/',
        mode: { request: 'enforce', response: 'enforce' },
        upstreams: [{ url: 'http://up', up: false }],
      },
    ],
  });
  await delivery.round();
  await delivery.round();
  t.same(received.map((one) => one.title).sort(), [
    'Actor principal:mallory reached score 91',
    'Blocked address 203.0.113.7',
    'upstream http://up is in trouble',
  ]);
});

t.test('the port of the settings page', async (t) => {
  const { address, received } = await world(t);
  const port = integrationsPort(null);
  t.ok(port.kinds().every((kind) => (kind.schema as { type: string }).type === 'object'));
  t.same(port.secrets('webhook'), ['secret', 'authorization']);
  t.throws(() => port.validate('webhook', {}), { code: 'INTEGRATION_CONFIG', message: /url/ });
  t.match(await port.test('webhook', { url: `${address}/try` }), { ok: true, text: 'answered 200' });
  t.match(received, [{ path: '/try', title: 'Test notice from weir' }]);
  t.match(await port.test('webhook', { url: 'http://127.0.0.1:1/' }), { ok: false, text: /127\.0\.0\.1:1/ });
});
