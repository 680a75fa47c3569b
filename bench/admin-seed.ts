import type { Finding } from '../exchange/index.js';
import { SEVERITIES } from '../exchange/index.js';
import type { ActorWrite, EndpointWrite, Store } from '../store/index.js';

const SERVICES = 20;
const RESOURCES = ['orders', 'users', 'invoices', 'carts', 'profiles', 'reports', 'messages', 'files', 'payments', 'devices'];
const KINDS = ['bola.foreign-object', 'data.exposed', 'attack.sql', 'auth.missing', 'inventory.new-endpoint'];
const DAY_MS = 86_400_000;
const BATCH = 5_000;

/** Fills a store through its own `commit`, the way an engine does, in batches. The content is made up, but of the usual shapes and sizes. */
export async function seedStore(
  store: Store,
  sizes: { readonly endpoints: number; readonly issues: number },
  nowMs: number,
  progress: (text: string) => void,
): Promise<void> {
  const ref = (n: number) => ({
    id: `e${n}`,
    service: `service-${n % SERVICES}`,
    method: ['GET', 'POST', 'PUT', 'DELETE'][n % 4]!,
    template: `/v${1 + (n % 3)}/${RESOURCES[n % RESOURCES.length]}/${Math.floor(n / 40)}/{id}`,
  });
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

  let batch = 0;
  const commit = async (name: string, count: number, writes: (from: number, to: number) => object) => {
    for (let from = 0; from < count; from += BATCH) {
      batch += 1;
      await store.commit({ batchIds: [`seed-${batch}`], nowMs, ...writes(from, Math.min(count, from + BATCH)) });
      progress(`${name} ${Math.min(count, from + BATCH).toLocaleString('en')} of ${count.toLocaleString('en')}`);
    }
  };
  const range = <T>(from: number, to: number, make: (n: number) => T) => Array.from({ length: to - from }, (_, at) => make(from + at));

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
  await store.analyze();
}
