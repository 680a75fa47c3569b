import { type Block, blockId, blockKey } from '../attackers/index.js';
import { bodyOf, type Exchange, emptyBody, encodeExchange, type Finding, SEVERITIES } from '../exchange/index.js';
import type { ActorWrite, EndpointWrite, SampleWrite, Store } from '../store/index.js';
import type { SharedMap } from '../traffic/index.js';

const SERVICES = 20;
const RESOURCES = ['orders', 'users', 'invoices', 'carts', 'profiles', 'reports', 'messages', 'files', 'payments', 'devices'];
const KINDS = ['bola.foreign-object', 'data.exposed', 'attack.sql', 'auth.missing', 'inventory.new-endpoint'];
const DAY_MS = 86_400_000;
const BATCH = 5_000;

export interface SeedSizes {
  readonly endpoints: number;
  readonly issues: number;
}

const ref = (n: number) => ({
  id: `e${n}`,
  service: `service-${n % SERVICES}`,
  method: ['GET', 'POST', 'PUT', 'DELETE'][n % 4]!,
  template: `/v${1 + (n % 3)}/${RESOURCES[n % RESOURCES.length]}/${Math.floor(n / 40)}/{id}`,
});
const range = <T>(from: number, to: number, make: (n: number) => T) => Array.from({ length: to - from }, (_, at) => make(from + at));

/** Commits `count` rows in batches. */
async function inBatches(
  store: Store,
  nowMs: number,
  progress: (text: string) => void,
  name: string,
  count: number,
  writes: (from: number, to: number) => object,
): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    await store.commit({ batchIds: [`seed-${name}-${from}`], nowMs, ...writes(from, to) });
    progress(`${name} ${to.toLocaleString('en')} of ${count.toLocaleString('en')}`);
  }
}

/** Fills a store through its own `commit`, the way an engine does, in batches. The content is made up, but of the usual shapes and sizes. */
export async function seedStore(store: Store, sizes: SeedSizes, nowMs: number, progress: (text: string) => void): Promise<void> {
  const firstSeenMs = (n: number) => nowMs - (n % 90) * DAY_MS - (n % 86_400) * 1000;

  const endpoint = (n: number): EndpointWrite => ({
    ref: ref(n),
    firstSeenMs: firstSeenMs(n),
    lastSeenMs: nowMs - (n % 5000) * 1000,
    access: n % 7 === 0 ? 'public' : 'private',
    authRequired: n % 7 !== 0,
    auth: ['jwt'],
    tags: [...(n % 50 === 0 ? ['shadow'] : []), ...(n % 3 === 0 ? ['sensitive'] : [])],
    dataTypes: n % 3 === 0 ? ['email', ...(n % 30 === 0 ? ['us-ssn'] : [])] : [],
    fields: ['id', 'name', 'email', ...(n % 10_000 === 0 ? ['rare_field'] : [])],
    risk: (n * 37) % 100,
    riskReasons: ['returns personal data'],
    detail: {
      parameters: [
        { in: 'path', name: 'id', types: ['integer'], required: true, isId: true, seen: 100, firstSeenMs: nowMs, lastSeenMs: nowMs },
      ],
      why: ['41 values of the shape integer'],
    },
  });

  const finding = (n: number): Finding => ({
    id: `f${n}`,
    kind: KINDS[n % KINDS.length]!,
    atMs: nowMs - (n % (60 * 1440)) * 60_000,
    service: ref(n % sizes.endpoints).service,
    endpoint: ref(n % sizes.endpoints),
    actor: { kind: 'principal', value: `user-${n % 10_000}`, label: `user-${n % 10_000}` },
    client: '203.0.113.9',
    severity: SEVERITIES[(n * 7) % 5]!,
    confidence: 0.5 + (n % 50) / 100,
    title: 'A user opened an object of another user',
    explanation: `opened ${n % 90} objects of others in 40 s; the 99th percentile of users opens 4`,
    owasp: 'API1:2023',
    source: { kind: 'detector', id: 'bola' },
    effect: 'none',
    succeeded: n % 2 === 0,
    exchangeIds: [`x${n}`],
    requestIds: [`r${n}`],
    evidence: [{ location: { phase: 'request', in: 'path', path: '1' }, excerpt: '•••' }],
    remediation: 'Check on the server who owns the object.',
    fingerprint: `fingerprint-${n}`,
  });

  const actor = (n: number): ActorWrite => ({
    ref: { kind: 'principal', value: `user-${n}`, label: `user-${n}` },
    firstSeenMs: nowMs - DAY_MS,
    lastSeenMs: nowMs - n * 100,
    score: n % 100,
    state: 'active',
    requests: n,
    errors: 0,
    blocked: 0,
    findings: n % 9,
    detail: { reasons: [{ text: 'opened objects of others', points: 40 }] },
  });

  const commit = (name: string, count: number, writes: (from: number, to: number) => object) =>
    inBatches(store, nowMs, progress, name, count, writes);
  await commit('services', SERVICES, (from, to) => ({
    services: range(from, to, (n) => ({ name: `service-${n}`, firstSeenMs: nowMs - 90 * DAY_MS, lastSeenMs: nowMs, about: {} })),
  }));
  await commit('endpoints', sizes.endpoints, (from, to) => ({
    endpoints: range(from, to, endpoint),
    history: range(from, to, (n) => ({
      endpointId: `e${n}`,
      service: ref(n).service,
      atMs: firstSeenMs(n),
      kind: 'endpoint',
      text: 'first seen',
      before: null,
      after: null,
    })),
    dataSightings: range(from, to, endpoint).flatMap((one) =>
      one.dataTypes.map((type) => ({
        endpointId: one.ref.id,
        service: one.ref.service,
        phase: 'response' as const,
        place: 'body',
        path: `user.${type}`,
        type,
        firstSeenMs: one.firstSeenMs,
        lastSeenMs: one.lastSeenMs,
        count: 9,
      })),
    ),
  }));
  // A week by the hour for all services, the last day for a tenth of the endpoints.
  await commit('service counters', SERVICES * 7 * 24, (from, to) => ({
    counters: range(from, to, (n) => ({
      endpointId: null,
      service: `service-${n % SERVICES}`,
      atMs: nowMs - Math.floor(n / SERVICES) * 3_600_000,
      requests: 3000,
      status2xx: 2900,
      blocked: 3,
    })),
  }));
  await commit('endpoint counters', Math.floor(sizes.endpoints / 10) * 24, (from, to) => ({
    counters: range(from, to, (n) => ({
      endpointId: `e${Math.floor(n / 24) * 10}`,
      service: ref(Math.floor(n / 24) * 10).service,
      atMs: nowMs - (n % 24) * 3_600_000,
      requests: 40,
      status2xx: 40,
    })),
  }));
  await commit('actors', 100_000, (from, to) => ({ actors: range(from, to, actor) }));
  await commit('issues', sizes.issues, (from, to) => ({ findings: range(from, to, finding) }));
}

const SAMPLES = 50_000;
const AUDIT = 50_000;
const RUNS = 500;
const RESULTS_A_RUN = 400;
const NOTICES = 20_000;
const COMMENTS = 500;

/** What the lists beside endpoints and issues show: kept exchanges, actors by address, timelines, scans with their results, notices, the audit log. */
export async function seedMore(store: Store, sizes: SeedSizes, nowMs: number, progress: (text: string) => void): Promise<void> {
  await inBatches(store, nowMs, progress, 'actors by address', 20_000, (from, to) => ({
    actors: range(from, to, (n) => {
      const ip = `203.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
      return {
        ref: { kind: 'address', value: ip, label: ip },
        firstSeenMs: nowMs - DAY_MS,
        lastSeenMs: nowMs - n * 500,
        score: n % 90,
        state: n % 40 === 0 ? 'blocked' : 'active',
        requests: n,
        errors: n % 7,
        blocked: 0,
        findings: 0,
        detail: { reasons: [] },
      } satisfies ActorWrite;
    }),
  }));
  // One that was watched for long.
  await inBatches(store, nowMs, progress, 'events of an actor', 20_000, (from, to) => ({
    actors: [
      {
        ref: { kind: 'principal', value: 'user-1', label: 'user-1' },
        firstSeenMs: nowMs - DAY_MS,
        lastSeenMs: nowMs,
        score: 90,
        state: 'active',
        requests: 1,
        errors: 0,
        blocked: 0,
        findings: 0,
        detail: { reasons: [] },
        events: range(from, to, (n) => ({
          atMs: nowMs - n * 1000,
          kind: 'finding',
          endpointId: `e${n % sizes.endpoints}`,
          body: { text: 'x' },
        })),
      } satisfies ActorWrite,
    ],
  }));
  await inBatches(store, nowMs, progress, 'kept exchanges', SAMPLES, (from, to) => ({ samples: range(from, to, (n) => sample(n, nowMs)) }));

  const runIds: string[] = [];
  const scan = await store.scans.add({
    name: 'Every night',
    service: 'service-3',
    definition: {},
    cron: '0 3 * * *',
    zone: 'UTC',
    enabled: false,
    nextRunMs: null,
    createdMs: nowMs,
    createdBy: 'bench',
  });
  for (let run = 0; run < RUNS; run += 1) {
    const started = await store.scans.startRun({
      scanId: scan.id,
      service: 'service-3',
      trigger: 'schedule',
      startedMs: nowMs - run * DAY_MS,
    });
    await store.scans.saveRun(started.id, {
      state: 'finished',
      finishedMs: nowMs - run * DAY_MS + 60_000,
      progress: { done: 1, total: 1 },
      summary: {},
    });
    await store.scans.addResults(
      range(0, RESULTS_A_RUN, (n) => ({
        runId: started.id,
        testId: `test-${n % 40}`,
        endpointId: `e${(n % 10) * SERVICES + 3}`,
        verdict: n % 20 === 0 ? 'vulnerable' : 'safe',
        severity: SEVERITIES[n % 5]!,
        atMs: nowMs - run * DAY_MS + n,
        issueId: null,
        body: { why: 'the answer was the same' },
      })),
    );
    runIds.push(started.id);
    progress(`scan runs ${run + 1} of ${RUNS}`);
  }
  await store.objects.put(
    'integration',
    'webhook',
    { kind: 'webhook', name: 'webhook', config: {}, enabled: false },
    { author: 'bench', atMs: nowMs },
  );
  for (let from = 0; from < NOTICES; from += 2_000)
    await store.outbox.add(
      range(from, from + 2_000, (n) => ({ integrationId: 'webhook', notice: { n } })),
      nowMs - from,
    );
  for (let n = 0; n < AUDIT; n += 1) {
    await store.accounts.record({
      atMs: nowMs - n * 1000,
      actor: `user:${n % 12 === 0 ? 'ann' : 'bob'}`,
      action: ['issues.decide', 'blocks.add', 'policies.put'][n % 3]!,
      target: `thing-${n % 900}`,
      outcome: 'ok',
      address: '127.0.0.1',
      detail: null,
    });
    if (n % 5_000 === 0) progress(`audit log ${n.toLocaleString('en')} of ${AUDIT.toLocaleString('en')}`);
  }
  const issue = (await store.issues.list({}, { limit: 1, sort: 'filed' })).items[0]!;
  for (let n = 0; n < COMMENTS; n += 1) await store.issues.comment(issue.id, 'bench', `comment ${n}`, nowMs - n * 1000);
  for (let n = 0; n < COMMENTS; n += 1)
    await store.objects.put('inventory-edit', `edit-${n}`, editOf(n, nowMs), { author: 'bench', atMs: nowMs - n * 1000 });
  await store.objects.put('bench', 'ids', { run: runIds[0]!, issue: issue.id }, { author: 'bench', atMs: nowMs });
}

const editOf = (n: number, nowMs: number) => ({
  edit: { kind: 'pin', service: 'service-3', method: 'GET', template: `/pinned/${n}/{id}` },
  text: `GET /pinned/${n}/{id} is pinned`,
  by: 'bench',
  atMs: nowMs - n * 1000,
  undoneMs: null,
});

function sample(n: number, nowMs: number): SampleWrite {
  const { id: endpointId, service, method, template } = ref(n % 2_000);
  const atMs = nowMs - n * 1_500;
  const exchange: Exchange = {
    id: `x${n}`,
    requestId: `r${n}`,
    kind: 'http',
    observer: { kind: 'gateway', id: 'gateway' },
    service,
    client: { ip: '203.0.113.9', port: 1234 },
    server: { ip: '127.0.0.1', port: 9000 },
    startedAtMs: atMs,
    durationMs: 12,
    upstreamMs: 10,
    request: {
      method,
      scheme: 'http',
      host: 'shop.test',
      target: template.replace('{id}', String(n)),
      httpVersion: '1.1',
      headers: ['accept', '*/*'],
      body: emptyBody,
      trailers: [],
    },
    response: {
      status: 200,
      httpVersion: '1.1',
      headers: ['content-type', 'application/json'],
      body: bodyOf(Buffer.from(JSON.stringify({ id: n, name: '•••', items: range(0, 40, (at) => ({ at, text: 'some text' })) }))),
      trailers: [],
    },
    principal: null,
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    tags: [],
  };
  return {
    id: exchange.id,
    requestId: exchange.requestId,
    incidentId: null,
    endpointId,
    service,
    method,
    target: exchange.request.target,
    status: 200,
    atMs,
    actorId: `principal:user-${n % 500}`,
    client: '203.0.113.9',
    action: 'passed',
    evidence: n % 10 === 0,
    content: encodeExchange(exchange),
  };
}

const BLOCKS = 100_000;

/** A long blocklist; like every shared map it lies in memory. */
export async function seedBlocks(blocks: SharedMap<Block>, nowMs: number): Promise<void> {
  for (let n = 0; n < BLOCKS; n += 1) {
    const value = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    const scope = { kind: 'address', value } as const;
    await blocks.set(blockKey(scope, null), {
      id: blockId(scope, null),
      scope,
      service: null,
      reason: n % 100 === 0 ? 'scanned for backups' : 'score over 90',
      origin: n % 3 === 0 ? 'person' : 'detector',
      createdBy: 'bench',
      createdAtMs: nowMs - n * 1000,
      expiresAtMs: null,
    });
  }
}
