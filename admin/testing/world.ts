import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { InjectOptions, Response } from 'light-my-request';
import { bodyOf, type Exchange, emptyBody, encodeExchange, type Finding } from '../../exchange/index.js';
import { openStore, type Role, type SampleWrite, type Store } from '../../store/index.js';
import { type Admin, type AdminOptions, createAdmin } from '../index.js';
import { ROUTES } from '../routes/index.js';
import { hashOf } from '../seal.js';
import { type MemoryPorts, memoryPorts } from './ports.js';

export const NOW = Date.UTC(2026, 10, 20, 12);
export const SECRET = 'a'.repeat(64);

/** One admin server over a real store in a temporary folder, with ports in memory and a clock that stands still until it is moved. */
export interface World {
  readonly admin: Admin;
  readonly store: Store;
  readonly ports: MemoryPorts;
  readonly folder: string;
  nowMs: number;
  readonly warnings: string[];
  /** Calls as a token of that role; every JSON answer is checked against the operation's schema. */
  as(role: Role | null): (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Response['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export async function createWorld(options: Partial<AdminOptions> = {}): Promise<World> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-admin-'));
  const store = await openStore({ sqlite: path.join(folder, 'weir.db') });
  const ports = memoryPorts();
  const world = { nowMs: NOW };
  const warnings: string[] = [];
  const admin = await createAdmin(
    {
      secret: SECRET,
      host: '127.0.0.1',
      port: 0,
      dataDir: folder,
      uiDir: path.join(folder, 'ui'),
      version: 'test',
      nowMs: () => world.nowMs,
      log: (_level, message) => warnings.push(message),
      ...options,
    },
    { store, ...ports },
  );
  await admin.app.ready();
  const roles: readonly Role[] = ['viewer', 'analyst', 'admin'];
  for (const role of roles) {
    await store.accounts.addToken({
      hash: hashOf(`token-${role}`),
      name: role,
      userId: null,
      role,
      scopes: [],
      createdMs: NOW,
      expiresMs: null,
    });
  }
  return Object.assign(world, {
    admin,
    store,
    ports,
    folder,
    warnings,
    as:
      (role: Role | null) =>
      async (method: string, url: string, body?: unknown, headers: Record<string, string> = {}) => {
        const authorization: Record<string, string> = role === null ? {} : { authorization: `Bearer token-${role}` };
        return call(admin, {
          method: method as 'GET',
          url: url.startsWith('/api') ? url : `/api/v1${url}`,
          headers: { ...authorization, ...headers },
          ...(body === undefined ? {} : { payload: body as object }),
        });
      },
    async close() {
      await admin.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

/** One call; an answer that does not fit its own schema throws. */
export async function call(admin: Admin, options: InjectOptions): Promise<Answer> {
  const response = await admin.app.inject(options);
  const type = String(response.headers['content-type'] ?? '');
  const json = type.includes('json') && !type.includes('ndjson') && response.body !== '' ? (JSON.parse(response.body) as unknown) : null;
  const pathname = String(options.url).split('?')[0]!;
  const route = ROUTES.find(
    (one) =>
      one.method === options.method &&
      new RegExp(`^/api/v1${one.path.replaceAll(/:\w+/g, '[^/]+')}$`).test(pathname) &&
      !ROUTES.some((other) => other !== one && other.method === one.method && `/api/v1${other.path}` === pathname),
  );
  if (response.statusCode === 200 && route?.answer !== undefined && json !== null) {
    const checked = route.answer.safeParse(json);
    if (!checked.success) throw new Error(`the answer of ${route.id} does not fit its schema: ${checked.error.message}`);
  }
  return { status: response.statusCode, headers: response.headers, text: response.body, json };
}

export const ref = { id: 'e1', service: 'shop', method: 'GET', template: '/orders/{id}' };

export function finding(n: number, over: Partial<Finding> = {}): Finding {
  return {
    id: `f${n}`,
    kind: 'bola.foreign-object',
    atMs: NOW - 1000 + n,
    service: 'shop',
    endpoint: ref,
    actor: { kind: 'principal', value: 'mallory', label: 'mal…' },
    client: '203.0.113.9',
    severity: 'high',
    confidence: 0.8,
    title: 'A user opened an object of another user',
    explanation: `opened ${n} orders of others`,
    owasp: 'API1:2023',
    cwe: 'CWE-639',
    source: { kind: 'detector', id: 'bola' },
    effect: 'none',
    succeeded: true,
    exchangeIds: [`x${n}`],
    requestIds: [`r${n}`],
    beforeIds: [`x${n - 2}`, `x${n - 1}`],
    evidence: [{ location: { phase: 'request', in: 'path', path: '1' }, excerpt: '7' }],
    remediation: 'Check who owns it.',
    fingerprint: `fp-${n}`,
    ...over,
  };
}

export function exchange(id: string, over: Partial<Exchange> = {}): Exchange {
  return {
    id,
    requestId: `r-${id}`,
    kind: 'http',
    observer: { kind: 'gateway', id: 'gw' },
    service: 'shop',
    client: { ip: '203.0.113.9', port: 1234 },
    server: { ip: '127.0.0.1', port: 9000 },
    startedAtMs: NOW - 500,
    durationMs: 12,
    upstreamMs: 10,
    request: {
      method: 'GET',
      scheme: 'http',
      host: 'shop.test',
      target: '/orders/7',
      httpVersion: '1.1',
      headers: ['accept', '*/*'],
      body: emptyBody,
      trailers: [],
    },
    response: {
      status: 200,
      httpVersion: '1.1',
      headers: ['content-type', 'application/json'],
      body: bodyOf(Buffer.from('{"ssn":"•••-••-6789"}')),
      trailers: [],
    },
    principal: null,
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    tags: [],
    ...over,
  };
}

/** A kept exchange of endpoint e1, as evidence. */
export const sampleOf = (one: Exchange, over: Partial<SampleWrite> = {}): SampleWrite => ({
  id: one.id,
  requestId: one.requestId,
  incidentId: one.outcome.incidentId ?? null,
  endpointId: 'e1',
  service: 'shop',
  method: 'GET',
  target: one.request.target,
  status: 200,
  atMs: one.startedAtMs,
  actorId: 'principal:mallory',
  client: one.client.ip,
  action: one.outcome.action,
  evidence: true,
  content: encodeExchange(one),
  ...over,
});

/** A little of everything, as the engine would have written it. */
export async function seed(store: Store): Promise<void> {
  const blocked = exchange('x2', {
    outcome: {
      action: 'blocked',
      mode: 'enforce',
      phase: 'request',
      incidentId: 'W-7K3M-9QXD-2F',
      acts: [
        // It acted too, but is not why the client was stopped.
        {
          policy: 'no-secrets',
          rule: 'mask',
          phase: 'request',
          action: 'redact',
          acted: true,
          severity: 'low',
          confidence: 1,
          message: 'A secret was masked.',
          evidence: [],
        },
        {
          policy: 'object-access',
          rule: 'foreign-object',
          phase: 'request',
          action: 'block',
          acted: true,
          severity: 'high',
          confidence: 1,
          message: 'The object belongs to somebody else.',
          evidence: [],
        },
      ],
    },
  });
  await store.commit({
    batchIds: ['seed'],
    nowMs: NOW,
    services: [{ name: 'shop', firstSeenMs: NOW - 9000, lastSeenMs: NOW, about: {} }],
    endpoints: [
      {
        ref,
        firstSeenMs: NOW - 9000,
        lastSeenMs: NOW,
        access: 'private',
        authRequired: true,
        auth: ['jwt'],
        tags: ['sensitive'],
        dataTypes: ['us-ssn'],
        fields: ['ssn'],
        risk: 71,
        riskReasons: ['returns us-ssn'],
        detail: {
          parameters: [
            { in: 'path', name: 'id', types: ['integer'], required: true, isId: true, seen: 9, firstSeenMs: NOW, lastSeenMs: NOW },
          ],
          responses: [
            {
              status: '200',
              count: 9,
              contentTypes: ['application/json'],
              schema: { type: 'object', properties: { ssn: { type: 'string' } } },
            },
          ],
          why: ['9 values of the shape integer'],
        },
      },
    ],
    history: [
      {
        endpointId: 'e1',
        service: 'shop',
        atMs: NOW - 5000,
        kind: 'data-type',
        text: 'us-ssn first seen in user.ssn',
        before: null,
        after: 'us-ssn',
      },
    ],
    counters: [
      { endpointId: 'e1', service: 'shop', atMs: NOW - 60_000, requests: 87, status2xx: 87 },
      { endpointId: null, service: 'shop', atMs: NOW - 60_000, requests: 13, status4xx: 13, blocked: 6 },
    ],
    dataSightings: [
      {
        endpointId: 'e1',
        service: 'shop',
        phase: 'response',
        place: 'body',
        path: 'user.ssn',
        type: 'us-ssn',
        firstSeenMs: NOW - 5000,
        lastSeenMs: NOW,
        count: 4,
      },
    ],
    findings: [
      finding(1),
      finding(2, { incidentId: 'W-7K3M-9QXD-2F', severity: 'critical', effect: 'acted' }),
      finding(3, { kind: 'data.exposed', severity: 'low', actor: null }),
    ],
    actors: [
      {
        ref: { kind: 'principal', value: 'mallory', label: 'mal…' },
        firstSeenMs: NOW - 5000,
        lastSeenMs: NOW,
        score: 80,
        state: 'active',
        requests: 40,
        errors: 2,
        blocked: 0,
        findings: 2,
        detail: { reasons: [{ text: 'opened 31 orders in 40 s', points: 60 }] },
        events: [{ atMs: NOW, kind: 'finding', endpointId: 'e1', body: { findingId: 'f1' } }],
        links: [{ principal: 'mallory', address: '203.0.113.9', firstSeenMs: NOW, lastSeenMs: NOW, count: 40 }],
      },
    ],
    samples: [sampleOf(exchange('x1', { tags: ['data:us-ssn*3@response.body:ssn'] })), sampleOf(blocked)],
  });
}
