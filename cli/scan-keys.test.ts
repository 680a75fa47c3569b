import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { type Exchange, SCAN_MARK_HEADER } from '../exchange/index.js';
import type { Plan } from '../policies/index.js';
import { createGateway, noPolicies, trivialPorts } from '../proxy/index.js';
import { createSharedState } from '../traffic/index.js';
import { ensureScanKey, publishScanKey, scanMarker, scanMarks } from './scan-keys.js';
import { openSharedMaps } from './shared-maps.js';

const NOW = 1_800_000_000_000;

/** A gateway on which everybody is on the blocklist and a policy asks to block whoever comes. */
async function world(t: { teardown(end: () => unknown): void }) {
  const upstreamSaw: http.IncomingHttpHeaders[] = [];
  const upstream = http.createServer((request, response) => {
    upstreamSaw.push(request.headers);
    response.end('ok');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  await ensureScanKey(maps);
  let nowMs = NOW;
  const marks = scanMarks(maps, () => nowMs);
  const exchanges: Exchange[] = [];
  const blocked: string[] = [];
  const order = { policy: 'p', rule: 'r', reason: 'x', durationMs: 1000, escalate: false, acted: true };
  const plan: Plan = {
    request: true,
    response: false,
    requestBodyBytes: 0,
    responseBodyBytes: 0,
    requestOverflow: 'pass',
    responseOverflow: 'pass',
    ownership: false,
  };
  const asksToBlock = {
    ...noPolicies,
    plan: () => plan,
    onRequest: (...given: Parameters<typeof noPolicies.onRequest>) => ({ ...noPolicies.onRequest(...given), blockActor: order }),
  };
  const ports = trivialPorts({
    nowMs: () => nowMs,
    policies: () => asksToBlock,
    blocklist: { version: 1, check: () => ({ id: 'b1', reason: 'everybody' }) },
    tee: { publish: (exchange) => exchanges.push(exchange) > 0 },
    blockActor: (request) => void blocked.push(request.exchangeId),
    scanRun: (mark, method, target) => marks.read(mark, { method, target }),
  });
  const { port } = upstream.address() as AddressInfo;
  const gateway = await createGateway(
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [{ name: 'shop', upstreams: [`http://127.0.0.1:${port}`], mode: 'enforce' }],
    },
    ports,
  );
  const [{ url }] = await gateway.listen();
  t.teardown(async () => {
    await gateway.close(50);
    upstream.closeAllConnections();
    upstream.close();
  });
  return { url, maps, marks, exchanges, blocked, upstreamSaw, later: (ms: number) => (nowMs += ms) };
}

t.test('a proven scan is spared the blocklist and teaches nothing; a forged mark does nothing', async (t) => {
  const { url, marks, exchanges, blocked, upstreamSaw, later } = await world(t);
  const get = (target: string, mark: string) => fetch(`${url}${target}`, { headers: { [SCAN_MARK_HEADER]: mark } });
  const good = () => marks.write('run-1', { method: 'GET', target: '/orders/7?a=1' });

  t.equal((await get('/orders/7?a=1', good())).status, 200);
  t.strictSame(exchanges.at(-1)?.tags, ['scan'], 'the engine keeps what is tagged scan out of learning and scores');
  t.equal(upstreamSaw.at(-1)?.[SCAN_MARK_HEADER], undefined, 'the mark stays inside');
  t.strictSame(blocked, [], 'no policy makes the scan an attacker');

  const other = scanMarks({ scanKeys: (await openSharedMaps(createSharedState({ dir: null }))).scanKeys }, () => NOW);
  const forged: [what: string, target: string, mark: string][] = [
    ['another target', '/orders/8?a=1', good()],
    ['an altered run', '/orders/7?a=1', good().replace('run-1', 'run-2')],
    ['an altered expiry', '/orders/7?a=1', good().replace(/\.\d{13}\./, `.${NOW + 110_000}.`)],
    ['the empty key', '/orders/7?a=1', other.write('run-1', { method: 'GET', target: '/orders/7?a=1' })],
    ['a bare run id', '/orders/7?a=1', 'run-1'],
    ['nothing', '/orders/7?a=1', ''],
  ];
  for (const [what, target, mark] of forged) {
    t.equal((await get(target, mark)).status, 403, what);
    t.strictSame(exchanges.at(-1)?.tags, [], what);
  }
  const old = good();
  later(61_000);
  t.equal((await get('/orders/7?a=1', old)).status, 403, 'expired');
});

t.test('what a sensor hears of a scan is tagged by the same key', async (t) => {
  const { url, marks, exchanges } = await world(t);
  await fetch(`${url}/x`);
  const heard = exchanges[0]!;
  const marked = (mark: string): Exchange => ({ ...heard, request: { ...heard.request, headers: [SCAN_MARK_HEADER, mark] } });
  t.strictSame(marks.tagged(marked(marks.write('run-1', heard.request))).tags, ['scan']);
  t.strictSame(marks.tagged(marked('run-1')).tags, []);
  t.strictSame(marks.tagged(heard).tags, []);
});

t.test('a scan from the command line marks its requests with the key that the running weir left in its folder', async (t) => {
  const maps = await openSharedMaps(createSharedState({ dir: null }));
  await ensureScanKey(maps);
  const folder = t.testdir();
  t.equal(scanMarker(folder), null, 'no weir ran here');
  publishScanKey(maps, folder);
  const mark = scanMarker(folder, () => NOW)!('run-1', 'GET', '/orders?page=1');
  const marks = scanMarks(maps, () => NOW);
  t.equal(marks.read(mark, { method: 'GET', target: '/orders?page=1' }), 'run-1');
  t.equal(marks.read(mark, { method: 'DELETE', target: '/orders/1' }), null, 'good for its own request alone');
});
