/** What every engine of the store must do, one case for each promise; one room, because it is one contract. Times are small numbers on purpose: the store has no clock of its own. */
import type { Test } from 'tap';
import type { Finding } from '../exchange/index.js';
import type { EndpointWrite, IssueStatus, Page, Sample } from './index.js';
import { DEFAULT_RETENTION, openStore, type Store, type StoreLocation } from './index.js';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 20, 12);

type Contract = (t: Test, store: Store, location: StoreLocation) => Promise<void>;

export async function storeContract(t: Test, location: () => StoreLocation): Promise<void> {
  for (const [name, contract] of Object.entries(contracts)) {
    await t.test(name, async (t) => {
      const place = location();
      const store = await openStore(place);
      t.teardown(() => store.close());
      await contract(t, store, place);
    });
  }
}

const ref = (n: number) => ({
  id: `e${n}`,
  service: 'shop',
  method: n % 2 ? 'POST' : 'GET',
  template: `/orders/${String(n).padStart(4, '0')}/{id}`,
});

function endpoint(n: number, over: Partial<EndpointWrite> = {}): EndpointWrite {
  return {
    ref: ref(n),
    firstSeenMs: NOW,
    lastSeenMs: NOW + n,
    access: 'private',
    authRequired: true,
    auth: ['jwt'],
    tags: [],
    dataTypes: [],
    fields: [],
    risk: n % 100,
    riskReasons: [],
    detail: { why: ['ids vary'] },
    ...over,
  };
}

function finding(n: number, over: Partial<Finding> = {}): Finding {
  return {
    id: `f${n}`,
    kind: 'bola.foreign-object',
    atMs: NOW + n + 0.25,
    service: 'shop',
    endpoint: ref(2),
    actor: { kind: 'principal', value: 'mallory', label: 'mallory' },
    client: '203.0.113.9',
    severity: 'high',
    confidence: 0.8,
    title: 'A user opened an object of another user',
    explanation: `opened ${n} orders of others`,
    owasp: 'API1:2023',
    source: { kind: 'detector', id: 'bola' },
    effect: 'none',
    succeeded: true,
    exchangeIds: [`x${n}`],
    requestIds: [`r${n}`],
    evidence: [],
    remediation: 'Check who owns it.',
    fingerprint: 'fp-1',
    ...over,
  };
}

function sample(n: number, over: Partial<Sample> = {}): Sample {
  return {
    id: `x${n}`,
    requestId: `r${n}`,
    incidentId: null,
    endpointId: 'e2',
    service: 'shop',
    method: 'GET',
    target: '/orders/7',
    status: 200,
    atMs: NOW + n,
    actorId: 'principal:mallory',
    client: '203.0.113.9',
    action: 'passed',
    evidence: false,
    content: new Uint8Array(64).fill(n % 256),
    ...over,
  };
}

let batches = 0;
const step = (writes: object) => ({ batchIds: [`batch-${++batches}`], nowMs: NOW, ...writes });

async function everything<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}

const contracts: Record<string, Contract> = {
  'a commit counts each batch once, also when batches meet again in another mix': async (t, store) => {
    const write = (batchIds: string[], requests: number) =>
      store.commit({
        batchIds,
        nowMs: NOW,
        endpoints: [endpoint(2)],
        counters: [{ endpointId: 'e2', service: 'shop', atMs: NOW, requests }],
        learned: [{ scope: 's', key: 'k', value: new Uint8Array([requests]) }],
      });
    t.match(await write(['a', 'b'], 10), { applied: true });
    t.match(await write(['a', 'b'], 10), { applied: false, alreadyProcessed: ['a', 'b'] });
    t.match(await write(['b', 'c'], 5), { applied: false, alreadyProcessed: ['b'] });
    t.same(await store.unprocessed(['a', 'b', 'c']), ['c']);
    t.match(await write(['c'], 5), { applied: true });
    t.equal((await store.inventory.get('e2'))?.counts.requests, 15);
    t.same([...(await store.learned.get('s', 'k'))!], [5]);
  },

  'a commit that fails half way leaves nothing': async (t, store) => {
    const broken = { ...finding(1), severity: 'high' as const, evidence: [1n as never] };
    await t.rejects(store.commit({ batchIds: ['half'], nowMs: NOW, endpoints: [endpoint(1)], findings: [broken] }));
    t.equal(await store.inventory.get('e1'), null);
    t.same(await store.unprocessed(['half']), ['half']);
  },

  'commits of two connections at once all count': async (t, store, location) => {
    const other = await openStore(location);
    t.teardown(() => other.close());
    await store.commit(step({ endpoints: [endpoint(1), endpoint(2)] }));
    const write = (by: Store, n: number) =>
      by.commit({
        batchIds: [`both-${n}`],
        nowMs: NOW,
        counters: [n % 2, 1 - (n % 2)].map((e) => ({ endpointId: `e${e + 1}`, service: 'shop', atMs: NOW + n * 60_000, requests: 1 })),
        findings: [finding(n, { id: `c${n}` })],
      });
    await Promise.all(Array.from({ length: 40 }, (_, n) => write(n % 2 ? store : other, Math.floor(n / 2))));
    t.equal((await store.inventory.get('e1'))?.counts.requests, 20, 'each batch once, though both tried it');
    const issues = await store.issues.list({}, {});
    t.match(issues.items, [{ occurrences: 20 }]);
    t.match(await store.issues.counts(), [{ service: 'shop', status: 'open', severity: 'high', count: 1 }]);
  },

  'findings of one fingerprint are one issue, with its life': async (t, store) => {
    const opened = await store.commit(step({ findings: [finding(2), finding(1)] }));
    t.match(opened.issues, [{ change: 'opened', findings: 2 }]);
    const id = opened.issues[0]!.id;
    t.match(await store.issues.get(id), {
      occurrences: 2,
      firstSeenMs: NOW + 1,
      lastSeenMs: NOW + 2,
      severity: 'high',
      priority: 60,
      succeeded: 2,
      explanation: 'opened 2 orders of others',
    });

    const again = await store.commit(step({ findings: [finding(3, { severity: 'critical', confidence: 0.5, effect: 'acted' })] }));
    t.match(again.issues, [{ id, change: 'seen-again' }]);
    t.match(await store.issues.get(id), { severity: 'critical', confidence: 0.8, priority: 80, occurrences: 3, acted: 1 });
    t.match(await store.issues.counts('shop'), [{ severity: 'critical', status: 'open', count: 1 }]);

    const life: [IssueStatus, number, number | null, number, IssueStatus][] = [
      // status set, at, until, next finding seen at → status then
      ['accepted', 10, null, 20, 'accepted'],
      ['accepted', 30, NOW + 50, 40, 'accepted'],
      ['accepted', 41, NOW + 50, 60, 'reopened'],
      ['fixed', 70, null, 65, 'fixed'],
      ['fixed', 80, null, 90, 'reopened'],
    ];
    for (const [status, at, untilMs, seen, expected] of life) {
      await store.issues.decide(id, { status, by: 'ann', reason: 'because', atMs: NOW + at, untilMs });
      await store.commit(step({ findings: [finding(seen, { id: `life-${seen}` })] }));
      t.equal((await store.issues.get(id))?.status, expected, `${status} at ${at}, seen at ${seen}`);
      t.match(await store.issues.counts(), [{ status: expected, count: 1 }]);
    }
    const events = await everything((cursor) => store.issues.events(id, { cursor, limit: 3 }));
    t.same(
      events.map((event) => event.kind),
      ['opened', 'status', 'status', 'status', 'reopened', 'status', 'status', 'reopened'],
    );
  },

  'findings of one flaw under two names are one issue, called by the one that says more, in whatever order they come': async (t, store) => {
    const less = (n: number, fingerprint: string) =>
      finding(n, { id: `${fingerprint}-${n}`, fingerprint, kind: 'auth.missing', title: 'It is open', explanation: 'open' });
    const more = (n: number, fingerprint: string) =>
      finding(n, { id: `${fingerprint}-${n}`, fingerprint, kind: 'auth.weakened', title: 'It was opened', explanation: 'opened' });
    const orders: [name: string, steps: Finding[][]][] = [
      ['less, then more', [[less(1, 'a')], [more(2, 'a')]]],
      ['more, then less', [[more(1, 'b')], [less(2, 'b')]]],
      ['more came late', [[less(2, 'c')], [more(1, 'c')]]],
      ['less at both sides', [[less(1, 'd')], [more(2, 'd')], [less(3, 'd')]]],
      ['in one step', [[less(1, 'e'), more(2, 'e'), less(3, 'e')]]],
    ];
    const named = { kind: 'auth.weakened', title: 'It was opened', explanation: 'opened', status: 'open' } as const;
    for (const [name, steps] of orders) {
      const changes = [];
      for (const findings of steps) changes.push(...(await store.commit(step({ findings }))).issues);
      t.equal(new Set(changes.map(({ id }) => id)).size, 1, name);
      t.match(await store.issues.get(changes[0]!.id), { ...named, occurrences: steps.flat().length }, name);
    }
    t.equal((await store.issues.list({ kind: 'auth.missing' }, {})).items.length, 0);
    t.equal((await store.issues.list({ search: 'was opened' }, {})).items.length, orders.length);
    t.equal((await store.issues.list({ search: 'is open' }, {})).items.length, 0);

    const [one] = (await store.commit(step({ findings: [less(1, 'f')] }))).issues;
    t.match(await store.issues.get(one!.id), { kind: 'auth.missing', title: 'It is open' }, 'alone it keeps its own name');
    await store.issues.decide(one!.id, { status: 'accepted', by: 'ann', reason: 'public', atMs: NOW + 1, untilMs: null });
    await store.commit(step({ findings: [more(2, 'f')] }));
    t.match(await store.issues.get(one!.id), { ...named, status: 'accepted' }, 'what was decided stands');
    await store.issues.decide(one!.id, { status: 'fixed', by: 'ann', reason: 'closed', atMs: NOW + 3, untilMs: null });
    await store.commit(step({ findings: [less(4, 'f')] }));
    t.match(await store.issues.get(one!.id), { ...named, status: 'reopened' }, 'either opens it again');
  },

  'an issue keeps its first proof and the latest four': async (t, store) => {
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) await store.commit(step({ findings: [finding(n)] }));
    const [issue] = (await store.issues.list({}, {})).items;
    t.same(
      (await store.issues.get(issue!.id))?.evidence.map((one) => one.findingId),
      ['f1', 'f5', 'f6', 'f7', 'f8'],
    );
    t.equal((await everything((cursor) => store.issues.findings({ issueId: issue!.id }, { cursor, limit: 3 }))).length, 8);
  },

  'issues are found by every filter': async (t, store) => {
    const kinds = ['bola.foreign-object', 'bola.enumeration', 'data.exposed'];
    const severities = ['low', 'high', 'critical'] as const;
    await store.commit(
      step({
        findings: Array.from({ length: 9 }, (_, n) =>
          finding(n, {
            fingerprint: `fp-${n}`,
            kind: kinds[n % 3],
            severity: severities[Math.floor(n / 3)],
            service: n < 5 ? 'shop' : 'bank',
            title: `Title ${n}`,
          }),
        ),
      }),
    );
    const [first] = (await store.issues.list({}, { sort: 'firstSeen', limit: 1 })).items;
    await store.issues.decide(first!.id, { status: 'accepted', by: 'ann', reason: 'ok', atMs: NOW, untilMs: null });
    const cases: [object, number][] = [
      [{}, 9],
      [{ status: ['open', 'reopened'] }, 8],
      [{ status: ['open', 'accepted', 'fixed'] }, 9],
      [{ status: ['accepted'] }, 1],
      [{ severity: ['high', 'critical'] }, 6],
      [{ severity: ['low'], status: ['open', 'reopened'] }, 2],
      [{ kind: 'bola' }, 6],
      [{ kind: 'data.exposed' }, 3],
      [{ service: 'bank', kind: 'bola.enumeration' }, 1],
      [{ actorId: 'principal:mallory', endpointId: 'e2' }, 9],
      [{ search: 'TITLE 7' }, 1],
      [{ search: 'itl 7' }, 1],
      [{ search: '7' }, 1],
      [{ search: 'e8' }, 0],
      [{ search: '8 bo' }, 1],
      [{ search: 'a 8' }, 1],
      [{ search: 'zq' }, 0],
      [{ search: '%' }, 0],
      [{ status: ['fixed'] }, 0],
      [{ kind: 'bol' }, 0],
      [{ kind: 'bola', severity: ['low'], status: ['open'], service: 'shop', owasp: 'none' }, 0],
      [{ kind: 'bola', severity: ['low'], status: ['accepted'] }, 1],
      [{ assignee: 'nobody' }, 0],
      [{ firstSeenAfterMs: NOW + 5, kind: 'data.exposed' }, 2],
      [{ search: 'no-such-word' }, 0],
      [{ search: `itle "7" ' or` }, 0],
      [{ search: '100%' }, 0],
      [{ firstSeenAfterMs: NOW + 5 }, 4],
    ];
    for (const [filter, count] of cases) {
      for (const sort of ['-lastSeen', 'firstSeen', '-priority', 'severity', '-occurrences']) {
        t.equal(
          (await everything((cursor) => store.issues.list(filter, { cursor, sort, limit: 2 }))).length,
          count,
          `${JSON.stringify(filter)} by ${sort}`,
        );
      }
    }
    t.equal((await store.issues.findings({ severity: ['high', 'low'], service: 'shop' }, {})).items.length, 5);
  },

  'decisions on an old version are refused': async (t, store) => {
    const { issues } = await store.commit(step({ findings: [finding(1)] }));
    const id = issues[0]!.id;
    const decision = { status: 'fixed' as const, by: 'ann', reason: '', atMs: NOW, untilMs: null };
    t.equal((await store.issues.decide(id, decision, 1)).version, 2);
    await t.rejects(store.issues.decide(id, decision, 1), { code: 'STORE_CONFLICT' });
    await t.rejects(store.issues.decide('nothing', decision), { code: 'STORE_NOT_FOUND' });
    t.equal((await store.issues.assign(id, 'bob', 'ann', NOW, 2)).assignee, 'bob');
    t.match(await store.issues.comment(id, 'bob', 'on it', NOW), { kind: 'comment', by: 'bob' });
  },

  'lists page, sort and filter': async (t, store) => {
    const writes = Array.from({ length: 57 }, (_, n) =>
      endpoint(n, {
        tags: n % 10 === 0 ? ['Shadow'] : [],
        dataTypes: n === 3 ? ['ssn'] : [],
        fields: n === 4 ? ['user.email'] : [],
        access: n < 5 ? 'public' : 'private',
      }),
    );
    await store.commit(step({ endpoints: writes }));
    const ids = async (filter: object, sort?: string) =>
      (await everything((cursor) => store.inventory.list(filter, { cursor, limit: 10, sort }))).map((one) => one.id);
    const all = await ids({}, 'risk');
    t.same(
      all,
      writes.map((one) => one.ref.id).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))),
      'every row once, in order',
    );
    t.same(await ids({}, '-risk'), [...all].reverse());
    t.same(await ids({ tag: 'shadow' }, 'risk'), ['e0', 'e10', 'e20', 'e30', 'e40', 'e50']);
    t.same(await ids({ dataType: 'ssn' }), ['e3']);
    t.same(await ids({ field: 'User.Email' }), ['e4']);
    t.same(await ids({ access: 'public', method: 'get' }, 'template'), ['e0', 'e2', 'e4']);
    t.same(await ids({ search: 'POST 0007' }), ['e7']);
    t.same(await ids({ search: '100%' }), []);
    t.equal(await store.inventory.count({ service: 'shop' }), 57);
    await t.rejects(store.inventory.list({}, { sort: 'detailJson' }), { code: 'STORE_BAD_SORT' });
    await t.rejects(store.inventory.list({}, { cursor: 'rubbish' }), { code: 'STORE_BAD_CURSOR' });
    const { nextCursor } = await store.inventory.list({}, { sort: 'risk', limit: 1 });
    await t.rejects(store.inventory.list({}, { sort: '-risk', cursor: nextCursor }), { code: 'STORE_BAD_CURSOR' });
    await store.commit(step({ endpoints: [endpoint(0, { tags: [] })] }));
    t.same((await ids({ tag: 'shadow' })).length, 5, 'a tag that is gone finds nothing');
    t.match(await store.inventory.get('e0'), { version: 2, authRequired: true, detail: { why: ['ids vary'] } });
  },

  'what does it leak that it did not leak last week': async (t, store) => {
    const sighting = (type: string, atMs: number) => ({
      endpointId: 'e2',
      service: 'shop',
      phase: 'response' as const,
      place: 'body',
      path: `user.${type}`,
      type,
      firstSeenMs: atMs,
      lastSeenMs: atMs,
      count: 2,
    });
    await store.commit(
      step({ dataSightings: [sighting('email', NOW - 30 * DAY), sighting('ssn', NOW - 30 * DAY), sighting('iban', NOW - 30 * DAY)] }),
    );
    await store.commit(step({ dataSightings: [sighting('email', NOW - 25 * DAY), sighting('iban', NOW - 25 * DAY)] }));
    await store.commit(
      step({ dataSightings: [sighting('email', NOW - 20 * DAY), sighting('email', NOW - 15 * DAY), sighting('email', NOW - 9 * DAY)] }),
    );
    await store.commit(
      step({ dataSightings: [sighting('email', NOW - 3 * DAY), sighting('ssn', NOW - DAY), sighting('card', NOW - DAY)] }),
    );
    const fresh = await store.inventory.sightings({ phase: 'response', newSinceMs: NOW - 7 * DAY }, { sort: 'resumed' });
    t.same(fresh.items.map((one) => one.type).sort(), ['card', 'ssn'], 'ssn came back after a silence, email never stopped');
    t.match(
      fresh.items.find((one) => one.type === 'ssn'),
      { firstSeenMs: NOW - 30 * DAY, resumedMs: NOW - DAY, count: 4 },
    );
    t.same(
      await store.inventory.dataTotals({ fromMs: NOW - 4 * DAY }),
      [
        { type: 'card', phase: 'response', count: 2 },
        { type: 'email', phase: 'response', count: 2 },
        { type: 'ssn', phase: 'response', count: 2 },
      ].sort(() => 0),
      'counts of the last days only',
    );
  },

  'endpoints fold into the template that stands for them': async (t, store) => {
    const counters = [1, 2].map((n) => ({ endpointId: `e${n}`, service: 'shop', atMs: NOW, requests: n, latencyMaxMs: n * 1.5 }));
    const place = {
      service: 'shop',
      phase: 'response' as const,
      place: 'body',
      path: 'ssn',
      type: 'ssn',
      firstSeenMs: NOW,
      lastSeenMs: NOW,
      count: 1,
    };
    await store.commit(
      step({
        endpoints: [endpoint(1), endpoint(2, { firstSeenMs: NOW - 5 })],
        counters,
        dataSightings: [
          { ...place, endpointId: 'e1' },
          { ...place, endpointId: 'e2' },
        ],
        findings: [finding(1)],
        samples: [sample(1)],
      }),
    );
    await store.commit(
      step({
        endpoints: [endpoint(3)],
        folds: [
          { from: 'e1', into: 'e3' },
          { from: 'e2', into: 'e3' },
        ],
      }),
    );
    t.equal(await store.inventory.get('e2'), null);
    t.match(await store.inventory.get('e3'), { firstSeenMs: NOW - 5, counts: { requests: 3, latencyMaxMs: 3 } });
    t.match((await store.inventory.sightings({ endpointId: 'e3' }, {})).items, [{ count: 2 }]);
    t.match(await store.inventory.endpointTraffic('e3', NOW - DAY, NOW + DAY, 60_000), [{ requests: 3 }]);
    t.match((await store.issues.list({ endpointId: 'e3' }, {})).items, [{ occurrences: 1 }]);
    t.match((await store.samples.list({ endpointId: 'e3' }, {})).items, [{ id: 'x1' }]);
  },

  'traffic is kept by the minute, then by the hour, and sums to what was written': async (t, store) => {
    const counters = Array.from({ length: 180 }, (_, n) => ({
      endpointId: n % 2 ? 'e1' : null,
      service: 'shop',
      atMs: NOW - 12 * 3_600_000 + n * 60_000 + 0.5,
      requests: 2,
      latencyMaxMs: n,
    }));
    await store.commit(step({ endpoints: [endpoint(1)], counters }));
    const total = async () =>
      (await store.inventory.serviceTraffic(null, NOW - DAY, NOW, 3_600_000)).map((point) => [point.requests, point.latencyMaxMs]);
    const expected = [
      [120, 59],
      [120, 119],
      [120, 179],
    ];
    t.same(await total(), expected);
    t.match(await store.sweep(DEFAULT_RETENTION, NOW), { 'minute-buckets': 270 });
    t.same(await total(), expected, 'the same after the roll-up');
    t.equal((await store.inventory.endpointTraffic('e1', NOW - DAY, NOW, 60_000)).length, 3);
    t.equal((await store.inventory.sparklines(['e1', 'none'], NOW - DAY)).get('e1')!.length, 3);
    t.match(await store.sweep(DEFAULT_RETENTION, NOW + 91 * DAY), { 'hour-buckets': 6 });
    t.match((await store.usage()).tallies, { 'swept-minute-buckets': 270, 'swept-hour-buckets': 6 });
  },

  'samples are bounded per endpoint, in all and by the disk cap; evidence goes last': async (t, store) => {
    const samples = Array.from({ length: 60 }, (_, n) =>
      sample(n, { endpointId: `e${n % 2}`, evidence: n < 3, content: new Uint8Array(20_000).fill(n) }),
    );
    await store.commit(step({ samples, endpoints: [endpoint(0), endpoint(1)] }));
    const kept = async () =>
      (await everything((cursor) => store.samples.list({}, { cursor, sort: 'at' }))).map((one) => Number(one.id.slice(1)));
    await store.sweep({ ...DEFAULT_RETENTION, samplesPerEndpoint: 10 }, NOW);
    t.same(await kept(), [0, 1, 2, ...Array.from({ length: 20 }, (_, n) => 40 + n)]);
    await store.sweep({ ...DEFAULT_RETENTION, samplesInAll: 5 }, NOW);
    t.same(await kept(), [0, 1, 2, 55, 56, 57, 58, 59]);
    const swept = await store.sweep({ ...DEFAULT_RETENTION, diskCapBytes: 0 }, NOW);
    t.match(swept, { 'samples-over-disk-cap': 8 });
    t.same(await kept(), []);
    t.equal(await store.samples.get('r7'), null);
    await store.commit(step({ samples: [sample(7), { ...sample(7), evidence: true }] }));
    const kept7 = await store.samples.get('r7');
    t.match(kept7, { id: 'x7', evidence: true });
    t.same([...kept7!.content], Array(64).fill(7));
  },

  'actors add up, with their timeline and links': async (t, store) => {
    const write = (n: number, score: number) => ({
      ref: { kind: 'principal' as const, value: 'mallory', label: 'mal…' },
      firstSeenMs: NOW + n,
      lastSeenMs: NOW + n,
      score,
      state: 'active' as const,
      requests: 5,
      errors: 1,
      blocked: 0,
      findings: 2,
      detail: { reasons: [{ text: 'opened 31 orders', points: 40 }] },
      events: [{ atMs: NOW + n + 0.5, kind: 'finding', body: { n } }],
      links: [{ principal: 'mallory', address: '203.0.113.9', firstSeenMs: NOW + n, lastSeenMs: NOW + n, count: 5 }],
    });
    await store.commit(step({ actors: [write(1, 10)] }));
    await store.commit(step({ actors: [write(2, 71.6), write(3, 72)] }));
    t.match(await store.actors.get('principal:mallory'), {
      score: 72,
      requests: 15,
      findings: 6,
      firstSeenMs: NOW + 1,
      lastSeenMs: NOW + 3,
      detail: { reasons: [{ points: 40 }] },
    });
    t.same(
      (await store.actors.timeline('principal:mallory', {})).items.map((event) => event.body),
      [{ n: 3 }, { n: 2 }, { n: 1 }],
    );
    t.match(await store.actors.links('203.0.113.9'), [{ principal: 'mallory', count: 15 }]);
    await store.actors.setState('principal:mallory', 'blocked');
    t.match((await store.actors.list({ state: 'blocked', minScore: 50, search: 'MAL' }, {})).items, [{ value: 'mallory' }]);
  },

  'documents and objects have versions, and the second of two writers loses': async (t, store) => {
    const by = { author: 'ann', atMs: NOW, note: '' };
    t.match(await store.documents.put('policy', 'p', 'one', by, 0), { version: 1 });
    t.match(await store.documents.put('policy', 'p', 'two', by, 1), { version: 2 });
    await t.rejects(store.documents.put('policy', 'p', 'three', by, 1), { code: 'STORE_CONFLICT' });
    t.match(await store.documents.get('policy', 'p', 1), { text: 'one' });
    await store.documents.put('policy', 'p', null, by);
    t.equal(await store.documents.get('policy', 'p'), null);
    t.same(await store.documents.list('policy'), []);
    t.match(await store.documents.put('policy', 'p', 'four', by, 0), { version: 4 });
    t.same(
      (await store.documents.history('policy', 'p')).map((one) => one.deleted),
      [false, true, false, false],
    );

    const author = { author: 'ann', atMs: NOW };
    const races = await Promise.allSettled([1, 2, 3].map((n) => store.objects.put('setting', 'retention', { n }, author, 0)));
    t.equal(races.filter((race) => race.status === 'fulfilled').length, 1);
    t.match(await store.objects.put('setting', 'retention', { days: 3 }, author, 1), { version: 2, body: { days: 3 } });
    t.equal((await store.objects.list('setting')).items.length, 1);
    t.equal(await store.objects.remove('setting', 'retention'), true);
  },

  'accounts: users, sessions, links, tokens, audit, answers': async (t, store) => {
    const { accounts } = store;
    const user = await accounts.addUser({
      name: 'ann',
      email: '',
      role: 'admin',
      passwordHash: 'h',
      oidcSubject: null,
      disabled: false,
      createdMs: NOW,
    });
    await t.rejects(accounts.addUser({ ...user }), { code: 'STORE_DUPLICATE' });
    await accounts.addSession({
      hash: 's',
      userId: user.id,
      csrf: 'c',
      createdMs: NOW,
      expiresMs: NOW + 10,
      lastUsedMs: NOW,
      address: '',
      agent: '',
    });
    t.match(await accounts.session('s', NOW), { user: { name: 'ann' }, session: { csrf: 'c' } });
    t.equal(await accounts.session('s', NOW + 10), null, 'expired');
    await accounts.changeUser(user.id, { disabled: true });
    t.equal(await accounts.session('s', NOW), null, 'disabled users have no session');
    await accounts.addSignInLink({ hash: 'l', userName: 'ann', role: 'admin', createdMs: NOW, expiresMs: NOW + 10 });
    t.same(await accounts.useSignInLink('l', NOW), { userName: 'ann', role: 'admin' });
    t.equal(await accounts.useSignInLink('l', NOW), null, 'a link opens once');
    const token = await accounts.addToken({
      hash: 't',
      name: 'ci',
      userId: user.id,
      role: 'viewer',
      scopes: ['read'],
      createdMs: NOW,
      expiresMs: NOW + 10,
    });
    t.match(await accounts.token('t', NOW), { id: token.id, scopes: ['read'] });
    t.equal(await accounts.token('t', NOW + 11), null);
    await accounts.record({
      atMs: NOW,
      actor: 'user:ann',
      action: 'blocks.create',
      target: '203.0.113.9',
      outcome: 'ok',
      address: '127.0.0.1',
      detail: { forMs: 5 },
    });
    t.match((await accounts.audit({ actor: 'user:ann' }, {})).items, [{ action: 'blocks.create', detail: { forMs: 5 } }]);
    t.equal(await accounts.reserveAnswer('key', 'fp', NOW), true);
    t.equal(await accounts.reserveAnswer('key', 'fp', NOW), false);
    await accounts.keepAnswer('key', 201, '{}');
    t.same(await accounts.answer('key'), { fingerprint: 'fp', status: 201, body: '{}' });
    t.equal(await accounts.removeUser(user.id), true);
    t.equal(await accounts.token('t', NOW), null, 'tokens go with their user');
  },

  'scans: schedule, runs, results, and one holder of the lease': async (t, store) => {
    const { scans } = store;
    const scan = await scans.add({
      name: 'nightly',
      service: 'shop',
      definition: { tests: ['bola'] },
      cron: '0 3 * * *',
      zone: 'Europe/Berlin',
      enabled: true,
      nextRunMs: NOW,
      createdMs: NOW,
      createdBy: 'ann',
    });
    t.match(await scans.due(NOW), [{ id: scan.id }]);
    await scans.change(scan.id, { nextRunMs: NOW + DAY, updatedMs: NOW }, 1);
    t.same(await scans.due(NOW), []);
    await t.rejects(scans.change(scan.id, { updatedMs: NOW }, 1), { code: 'STORE_CONFLICT' });
    const run = await scans.startRun({ scanId: scan.id, service: 'shop', trigger: 'schedule', startedMs: NOW });
    await scans.saveRun(run.id, { state: 'running', progress: { done: 1 }, checkpoint: new Uint8Array([9]) });
    t.match(await scans.run(run.id), { state: 'running', progress: { done: 1 }, stopRequested: false });
    t.same([...(await scans.checkpoint(run.id))!], [9]);
    await scans.addResults([
      { runId: run.id, testId: 'a', endpointId: 'e1', verdict: 'vulnerable', severity: 'high', atMs: NOW, issueId: null, body: {} },
      { runId: run.id, testId: 'b', endpointId: 'e1', verdict: 'safe', severity: 'info', atMs: NOW, issueId: null, body: {} },
    ]);
    t.match((await scans.results(run.id, { verdict: 'vulnerable' }, {})).items, [{ testId: 'a', severity: 'high' }]);

    t.equal(await scans.lease('scheduler', 'one', 100, NOW), 1);
    t.equal(await scans.lease('scheduler', 'two', 100, NOW + 99), null);
    t.equal(await scans.lease('scheduler', 'one', 100, NOW + 99), 1, 'the holder extends');
    t.equal(await scans.lease('scheduler', 'two', 100, NOW + 199), 2, 'the holder is gone');
    t.equal(await scans.lease('scheduler', 'one', 100, NOW + 200), null);
    await scans.release('scheduler', 'two');
    t.equal(await scans.lease('scheduler', 'one', 100, NOW + 201), 3);
  },

  'the outbox hands a notice to one taker at a time': async (t, store) => {
    const { outbox } = store;
    await outbox.add([{ integrationId: 'slack', notice: { text: 'hi' } }], NOW);
    t.match(await outbox.take(10, NOW, 50), [{ attempts: 1, notice: { text: 'hi' } }]);
    t.same(await outbox.take(10, NOW + 49, 50), []);
    const [again] = await outbox.take(10, NOW + 50, 50);
    t.match(again, { attempts: 2 }, 'the first taker died');
    await outbox.settle(again!.id, { state: 'delivered', nextTryMs: NOW, lastError: '' });
    t.match((await outbox.list({ state: 'delivered' }, {})).items, [{ integrationId: 'slack' }]);
  },

  'learned state is read back in pieces, in order': async (t, store) => {
    const key = (n: number) => String(n).padStart(5, '0');
    await store.commit(
      step({ learned: Array.from({ length: 1100 }, (_, n) => ({ scope: 'svc', key: key(n), value: new Uint8Array([n % 256]) })) }),
    );
    await store.commit(
      step({
        learned: [
          { scope: 'svc', key: key(5), value: null },
          { scope: 'other', key: '', value: new Uint8Array(0) },
        ],
      }),
    );
    const keys = [];
    for await (const entry of store.learned.scan('svc')) keys.push(entry.key);
    t.equal(keys.length, 1099);
    t.same(keys.slice(4, 6), [key(4), key(6)]);
    t.equal((await store.learned.get('other', ''))?.length, 0);
  },
};
