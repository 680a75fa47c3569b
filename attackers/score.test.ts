import t from 'tap';
import { type Exchange, endpointRef, type Finding, type Observation, type Principal, type Severity } from '../exchange/index.js';
import type { TokenLimit } from '../policies/index.js';
import { exchangeOf } from '../test/support/exchange.js';
import type { SharedCounters } from '../traffic/index.js';
import { ActorBook, type ActorRecord, type ScoredFinding, SharedRates, scoreActor, Throttle } from './index.js';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

function scored(kind: string, severity: Severity, confidence: number, succeeded: boolean | null, ageHours = 0): ScoredFinding {
  return { id: 'f', kind, severity, confidence, succeeded, atMs: NOW - ageHours * HOUR };
}

const repeat = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

t.test('the score: a table (the rows of docs/actor-score.md among them)', async (t) => {
  const cases: [string, ScoredFinding[], number][] = [
    ['nothing', [], 0],
    ['one medium, half sure', [scored('abuse.scanner', 'medium', 0.5, null)], 12],
    ['one refused injection', [scored('attack.sql', 'high', 0.9, false)], 27],
    ['one that got through', [scored('attack.sql', 'high', 0.9, true)], 55],
    ['the same a day ago', [scored('attack.sql', 'high', 0.9, true, 24)], 33],
    ['the same a week ago', [scored('attack.sql', 'high', 0.9, true, 24 * 7)], 1],
    ['twenty refused', repeat(20, () => scored('attack.sql', 'high', 0.9, false)), 68],
    ['a hundred refused: little more', repeat(100, () => scored('attack.sql', 'high', 0.9, false)), 80],
    ['a hundred harmless ones', repeat(100, () => scored('abuse.size', 'info', 1, false)), 5],
    ['critical, sure, got through', [scored('bola.foreign-write', 'critical', 1, true)], 78],
    [
      'three families',
      [
        scored('attack.sql', 'high', 0.9, true),
        scored('bola.foreign-object', 'high', 0.9, true),
        scored('auth.token-guessing', 'high', 0.9, true),
      ],
      95,
    ],
    [
      'three kinds of one family',
      [scored('attack.sql', 'high', 0.9, true), scored('attack.xss', 'high', 0.9, true), scored('attack.ssrf', 'high', 0.9, true)],
      91,
    ],
    [
      "what is the API's fault",
      ['data.exposed', 'inventory.new-endpoint', 'auth.missing', 'error.leak'].map((kind) => scored(kind, 'critical', 1, true)),
      0,
    ],
    ['a finding from the future counts as now', [scored('attack.sql', 'high', 0.9, true, -5)], 55],
    ['a confidence out of range', [scored('attack.sql', 'high', 7, true)], 58],
  ];
  for (const [what, findings, expected] of cases) {
    t.equal(scoreActor(findings, NOW).score, expected, what);
    t.strictSame(scoreActor([...findings].reverse(), NOW), scoreActor(findings, NOW), 'in any order');
  }
  t.strictSame(scoreActor([scored('attack.sql', 'high', 0.5, true, 1), scored('attack.sql', 'high', 0.5, false, 0.5)], NOW).reasons, [
    { kind: 'attack.sql', findings: 2, points: 30.7, text: '2 × SQL injection attempt, 1 got through, last 30 min ago' },
  ]);
  const [fresh] = scoreActor([scored('attack.sql', 'high', 0.5, true, 0)], NOW).reasons;
  t.match(fresh?.text, 'got through, last just now', 'no minute has passed');
});

const ann: Principal = { key: 'p-ann', kind: 'jwt', carrier: 'header:authorization', label: 'an…' };

function observation(
  n: number,
  more: {
    principal?: Principal | null;
    ip?: string;
    path?: string;
    status?: number;
    ssn?: number;
    action?: Exchange['outcome']['action'];
  } = {},
): Observation {
  const { principal = null, ip = '203.0.113.7', path = '/orders/{id}', status = 200, ssn = 0, action = 'passed' } = more;
  return {
    endpoint: endpointRef('shop', 'GET', path),
    pathParameters: [],
    dataHits:
      ssn === 0 ? [] : [{ type: 'us-ssn', confidence: 1, count: ssn, location: { phase: 'response', in: 'body', path: '[*].ssn' } }],
    exchange: exchangeOf({
      id: `x${n}`,
      client: { ip, port: 1 },
      startedAtMs: NOW + n,
      request: { target: '/orders/1' },
      response: { status },
      principal,
      outcome: { action, mode: 'observe', phase: null, acts: [] },
    }),
  };
}

function finding(n: number, actor: Finding['actor'], kind = 'attack.sql', severity: Severity = 'high'): Finding {
  return {
    id: `f${n}`,
    kind,
    atMs: NOW + n,
    service: 'shop',
    endpoint: endpointRef('shop', 'GET', '/orders/{id}'),
    actor,
    client: '203.0.113.7',
    severity,
    confidence: 0.9,
    title: 'SQL injection',
    explanation: '',
    source: { kind: 'detector', id: 'd' },
    effect: 'none',
    succeeded: true,
    exchangeIds: [],
    requestIds: [`x${n}`],
    evidence: [],
    remediation: '',
    fingerprint: 'x',
  };
}

const annRef = { kind: 'principal', value: 'p-ann', label: 'an…' } as const;
const address = { kind: 'address', value: '203.0.113.7', label: '203.0.113.7' } as const;

t.test('actors: what they did, who they were seen with; a principal’s deeds stay its own', async (t) => {
  const book = new ActorBook({ isBlocked: ({ value }) => value === '198.51.100.1' });
  book.observe(observation(1, { principal: ann }));
  book.observe(observation(2, { principal: ann, ssn: 3, path: '/profile' }));
  book.observe(observation(3, { principal: ann, status: 404, ssn: 9 }));
  book.observe(observation(4, { principal: { ...ann, key: 'p-bob', label: 'bo…' } }));
  book.observe(observation(5, { ip: '198.51.100.1', status: 403, action: 'blocked' }));
  book.observe(observation(6, { ip: '2001:db8::1' }));
  book.observe(observation(7, { ip: '2001:db8::2' }));
  book.report(finding(8, annRef));
  t.match(book.view(annRef, NOW + 10), {
    state: 'active',
    requests: 3,
    firstMs: NOW + 1,
    lastMs: NOW + 8,
    statuses: { '2xx': 2, '4xx': 1 },
    data: { 'us-ssn': 3 },
    records: 3,
    score: 55,
    reasons: [{ kind: 'attack.sql', findings: 1 }],
    endpoints: [
      { name: 'GET /orders/{id}', count: 2, lastMs: NOW + 3 },
      { name: 'GET /profile', count: 1 },
    ],
    companions: [{ value: '203.0.113.7', count: 3 }],
    moments: [
      { what: 'first-seen' },
      { what: 'endpoint' },
      { what: 'companion', text: 'First came from 203.0.113.7' },
      { what: 'endpoint' },
      { what: 'data', text: 'First got us-ssn from GET /profile: 3 values' },
      { what: 'status', text: 'First answer 4xx: 404 from GET /orders/{id}' },
      { what: 'finding', findingId: 'f8' },
    ],
  });
  t.match(
    book.view(address, NOW),
    { requests: 4, score: 0, companions: [{ value: 'p-ann' }, { value: 'p-bob' }] },
    'others at the address are not blamed',
  );
  t.match(book.view({ kind: 'address', value: '198.51.100.1' }, NOW), { state: 'blocked', blockedRequests: 1 });
  t.match(book.view({ kind: 'address', value: '2001:db8::/64' }, NOW), { requests: 2 }, 'IPv6 by /64');
  t.equal(book.view({ kind: 'address', value: '192.0.2.200' }, NOW), null);
  t.strictSame(
    book
      .list(NOW + 10)
      .map(({ value }) => value)
      .slice(0, 2),
    ['p-ann', '2001:db8::/64'],
    'by score, then last seen',
  );
  for (let n = 0; n < 12; n++)
    book.observe(observation(40 + n, { principal: { ...ann, key: 'p-eve' }, ssn: 10, status: n < 11 ? 200 : 500 }));
  t.match(
    book.view({ kind: 'principal', value: 'p-eve' }, NOW)?.moments.map(({ text }) => text),
    [
      'First seen',
      'First used GET /orders/{id}',
      'First came from 203.0.113.7',
      'First got us-ssn from GET /orders/{id}: 10 values',
      'Has got 100 values of us-ssn by now',
      'First answer 5xx: 500 from GET /orders/{id}',
    ],
    'what goes on is told each time it has grown tenfold',
  );
});

t.test('actors: automatic block, simulated first, once each time the score passes the threshold', async (t) => {
  const acts = (book: ActorBook, count: number) => Array.from({ length: count }, (_, n) => book.report(finding(n, address))?.act);
  t.strictSame(acts(new ActorBook(), 5), ['none', 'none', 'none', 'none', 'none'], 'off by default');
  const book = new ActorBook({ autoBlockFrom: 60 });
  t.strictSame(acts(book, 4), ['none', 'would-block', 'none', 'none'], 'simulated by default');
  t.match(
    book.view(address, NOW)?.moments.find(({ what }) => what === 'would-block')?.text,
    /^Would have been blocked: score 69: 2 × SQL injection attempt$/,
  );
  t.strictSame(acts(new ActorBook({ autoBlockFrom: 60, isSimulated: false }), 3), ['none', 'block', 'none']);
  let isBlocked = false;
  const strict = new ActorBook({ autoBlockFrom: 60, isBlocked: () => isBlocked });
  t.strictSame(acts(strict, 2), ['none', 'would-block']);
  strict.configure({ autoBlockFrom: 60, isSimulated: false });
  const next = (n: number) => strict.report({ ...finding(n, address), atMs: NOW + n * 60_000 })?.act;
  t.equal(next(2), 'block', 'whoever was over before blocks were meant in earnest is blocked by the next thing it does');
  isBlocked = true;
  t.strictSame([next(3), next(4)], ['none', 'none'], 'one block at a time');
  isBlocked = false;
  const older = new ActorBook({ autoBlockFrom: 60, isSimulated: false });
  older.restore([
    { key: `actor:address:${address.value}`, value: JSON.stringify({ ...strict.view(address, NOW), blockedAtMs: undefined }) },
  ]);
  t.equal(older.report({ ...finding(9, address), atMs: NOW + 540_000 })?.act, 'block', 'a record kept before blocks were dated');
  t.equal(next(5), 'block', 'it went on while it was blocked, and goes on after that ended');
  t.strictSame([next(6), next(7)], ['none', 'block'], 'ended by a person: what led to that block does not count again');
  const later = { ...finding(1, address), atMs: NOW + 200 * HOUR };
  t.equal(book.report(later)?.act, 'none', 'fell below');
  t.equal(book.report({ ...later, id: 'f2' })?.act, 'would-block', 'and passed it again');
  const listed = new ActorBook({ autoBlockFrom: 10, isAllowed: ({ value }) => value === address.value });
  t.strictSame(acts(listed, 3), ['none', 'none', 'none'], 'one on the allowlist never, not even in words');
  const api = new ActorBook({ autoBlockFrom: 1, isSimulated: false });
  t.equal(api.report(finding(1, address, 'data.exposed', 'critical')), null);
  t.equal(api.report(finding(1, null)), null);
});

t.test('actors: memory is bounded, and everything survives a restart', async (t) => {
  const book = new ActorBook({ maxActors: 50 });
  book.report(finding(0, address));
  for (let n = 1; n < 400; n++) book.observe(observation(n, { ip: `198.51.100.${n % 200}` }));
  t.ok(book.size <= 50, `${book.size} are kept`);
  t.ok(book.view(address, NOW), 'who has findings stays');
  t.ok(book.view({ kind: 'address', value: '198.51.100.199' }, NOW), 'who was just here is known');
  t.ok(book.evicted > 300, 'longest unseen first, counted');
  t.strictSame(
    book
      .dirty()
      .filter(({ key }) => key.startsWith('actor:'))
      .map(({ key }) => key),
    ['actor:address|203.0.113.7'],
    'of who came once and did nothing only sums are kept',
  );

  const late = new ActorBook();
  late.report(finding(0, address));
  const entries = late.dirty();
  late.report({ ...finding(0, address), id: 'late' });
  const found = new ActorBook();
  found.restore([...entries, ...late.dirtyReports()].flatMap(({ key, value }) => (value === null ? [] : [{ key, value }])));
  t.strictSame(found.view(address, NOW), late.view(address, NOW), 'what was reported after the records were written');
  t.match(found.dirty(), [{ key: 'actor:address|203.0.113.7' }, {}], 'it is in the record now');
  t.strictSame(found.dirtyReports(), [{ key: 'reports', value: null }], 'and nowhere else');
  t.strictSame(found.dirtyReports(), []);

  const kept = new Map<string, string>();
  const save = (from: ActorBook): ActorBook => {
    for (const { key, value } of from.dirty()) {
      if (value === null) kept.delete(key);
      else kept.set(key, value);
    }
    const again = new ActorBook({ maxActors: 400 });
    again.restore([...kept].map(([key, value]) => ({ key, value })));
    return again;
  };
  let restarted = new ActorBook({ maxActors: 400 });
  const straight = new ActorBook({ maxActors: 400 });
  for (let n = 0; n < 900; n++) {
    const sketch = observation(n, {
      principal: { ...ann, key: `p-${n % 11}` },
      ip: `198.51.100.${n % 7}`,
      ssn: n % 3,
      status: n % 5 === 0 ? 404 : 200,
    });
    for (const one of [restarted, straight]) {
      one.observe(sketch);
      if (n % 100 === 0) one.report(finding(n, annRef));
    }
    if (n % 9 === 0) restarted = save(restarted);
  }
  restarted = save(restarted);
  const sums = (of: ActorBook) =>
    of.list(NOW, 100).map(({ id, score, requests, records, statuses, findings }) => ({
      id,
      score,
      requests,
      records,
      statuses,
      findings: findings.length,
    }));
  t.same(sums(restarted), sums(straight), 'restarted a hundred times: every sum as if it never had been');
  t.strictSame(restarted.dirty(), [], 'nothing changed since');
  t.ok(kept.size < 120, `${kept.size} entries are kept`);

  const busy = new ActorBook();
  busy.report(finding(0, annRef, 'bola.foreign-write', 'critical'));
  for (let n = 0; n < 3000; n++) {
    busy.observe(observation(n, { principal: ann, ip: `198.51.${n % 200}.1`, path: `/p${n}`, ssn: 1 }));
    busy.report(finding(n, annRef));
  }
  t.match(busy.view(annRef, NOW)?.findings[0], { severity: 'critical' }, 'a flood of lesser findings does not wash out a grave one');
  const [stored] = busy.dirty().filter(({ key }) => key.includes('p-ann'));
  const record = JSON.parse(stored.value ?? '') as ActorRecord;
  t.ok((stored.value ?? '').length < 50_000, `${stored.value?.length} bytes`);
  t.match(record, {
    requests: 3000,
    records: 3000,
    beyond: { endpoints: 2900, findings: 2941 },
    moments: { length: 80, 0: { what: 'first-seen' } },
  });
});

/** Counters of all gateways, in this process. */
function counters(): { shared: SharedCounters; keys: ReadonlyMap<string, number>; goAway(): void } {
  const totals = new Map<string, number>();
  let isAway = false;
  const shared: SharedCounters = {
    async add(entries) {
      if (isAway) throw new Error('away');
      return entries.map(({ key, count }) => {
        totals.set(key, (totals.get(key) ?? 0) + count);
        return totals.get(key) ?? 0;
      });
    },
    close: async () => undefined,
  };
  return {
    shared,
    keys: totals,
    goAway: () => {
      isAway = true;
    },
  };
}

t.test('rates: a sliding window, different values, and several gateways together', async (t) => {
  const alone = new SharedRates();
  const hits: [atMs: number, count: number][] = [
    [0, 1],
    [100, 2],
    [999, 3],
    [1000, 4],
    [1500, 4],
    [1999, 4],
    [2000, 4],
    [5000, 1],
  ]; // prettier-ignore
  for (const [atMs, count] of hits) t.equal(alone.hit('a', 1000, NOW + atMs), count, `at ${atMs} ms`);
  const values: [atMs: number, value: string, count: number | null][] = [
    [0, 'x', 1],
    [1, 'x', null],
    [2, 'y', 2],
    [999, 'x', null],
    [1000, 'x', null],
    [1000, 'z', 3],
    [4000, 'x', 1],
  ]; // prettier-ignore
  for (const [atMs, value, count] of values) t.equal(alone.distinct('d', value, 1000, NOW + atMs), count, `${value} at ${atMs} ms`);

  const { shared, keys, goAway } = counters();
  const [one, two] = [new SharedRates(shared), new SharedRates(shared)];
  const sync = async (atMs: number): Promise<void> => {
    for (const gateway of [one, two, one, two]) await gateway.sync(NOW + atMs);
  };
  let last = 0;
  for (let ms = 0; ms < 1000; ms += 10) {
    last = (ms % 20 === 0 ? one : two).hit('both', 60_000, NOW + ms);
    if (ms % 100 === 90) await sync(ms);
  }
  t.ok(last > 90 && last <= 100, `100 hits at two gateways count as ${last} and not as 50`);
  for (let value = 0; value < 40; value++) {
    one.distinct('paths', `v${value}`, 60_000, NOW + value);
    two.distinct('paths', `v${value}`, 60_000, NOW + value);
    if (value % 10 === 9) await sync(value);
  }
  two.distinct('paths', 'only here', 60_000, NOW + 50);
  await sync(51);
  one.distinct('paths', 'last', 60_000, NOW + 52);
  await sync(53);
  t.equal(one.distinct('paths', 'later', 60_000, NOW + 54), 43, 'a value that both saw counts once');
  t.equal([...keys.keys()].filter((key) => /paths|v1|both/.test(key)).length, 0, 'no key tells what it counts');
  goAway();
  for (let hit = 0; hit < 5; hit++) one.hit('alone', 60_000, NOW + 60);
  one.distinct('alone values', 'v', 60_000, NOW + 60);
  await sync(60);
  t.ok(one.syncFailures > 0, 'counted');
  t.equal(one.hit('alone', 60_000, NOW + 61), 6, 'goes on alone');
  t.equal(one.distinct('alone values', 'w', 60_000, NOW + 61), 2);
  const small = new SharedRates(null, 2);
  for (const key of ['a', 'b', 'c']) small.hit(key, 1000, NOW);
  t.equal(small.hit('a', 1000, NOW), 1, 'the oldest was forgotten');
});

t.test('throttle: tokens, refill, and several gateways together', async (t) => {
  const limit: TokenLimit = { tokens: 10, windowMs: 1000, burst: 3 };
  const alone = new Throttle();
  const cases: [number, boolean, number][] = [
    [0, true, 0],
    [0, true, 0],
    [0, true, 0],
    [0, false, 100],
    [50, false, 50],
    [100, true, 0],
    [100, false, 100],
    [10_000, true, 0],
    [10_000, true, 0],
    [10_000, true, 0],
    [10_000, false, 100],
    [9000, false, 100],
  ];
  for (const [atMs, allowed, retryAfterMs] of cases)
    t.strictSame(alone.take('a', limit, NOW + atMs), { allowed, retryAfterMs }, `at ${atMs} ms`);
  t.ok(alone.take('b', limit, NOW).allowed, 'another key');

  const { shared, goAway } = counters();
  const run = async (gateways: Throttle[]) => {
    let passed = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      for (const gateway of gateways) if (gateway.take('actor', { tokens: 20, windowMs: 1000 }, NOW + ms).allowed) passed++;
      if (ms % 100 === 0) for (const gateway of gateways) await gateway.sync(NOW + ms);
    }
    return passed;
  };
  const together = await run([new Throttle(shared), new Throttle(shared)]);
  t.ok(together >= 200 && together <= 260, `two gateways let ${together} through in 10 s at 20/s (220 with the burst)`);
  const apart = await run([new Throttle(), new Throttle()]);
  t.ok(apart >= 420 && apart <= 440, `without Redis each enforces alone: ${apart}`);
  goAway();
  const broken = new Throttle(shared);
  await run([broken]);
  t.ok(broken.syncFailures > 50, 'counted');
  const small = new Throttle(null, 2);
  for (const key of ['a', 'b', 'c']) for (let n = 0; n < 3; n++) small.take(key, limit, NOW);
  t.ok(small.take('a', limit, NOW).allowed, 'the oldest bucket was forgotten');
  t.notOk(small.take('c', limit, NOW).allowed);
});
