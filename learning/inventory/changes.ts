import {
  type DataHit,
  type EndpointRef,
  type Evidence,
  type Exchange,
  emptyBody,
  type Finding,
  findingOf,
  type Location,
} from '../../exchange/index.js';
import type { Wanderer } from './catch-all.js';
import type { EndpointState, ParameterPlace } from './endpoint.js';
import type { Scanning } from './scanning.js';
import { countDistinct } from './sketch.js';
import type { Stranger } from './strangers.js';

/** The findings of the inventory: one function a kind. Each says what was, what is, and the numbers. */

const source = (id: string): Finding['source'] => ({ kind: 'inventory', id });
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const days = (ms: number): string => `${Math.max(1, Math.round(ms / 86_400_000))} days`;

/** What was and what is at one place, as two lines of evidence. */
const change = (location: Location, before: string, after: string): Evidence[] => [
  { location, excerpt: before, type: 'before' },
  { location, excerpt: after, type: 'after' },
];
const atPath = ({ template }: EndpointRef): Location => ({ phase: 'request', in: 'path', path: template });
const atStatus: Location = { phase: 'response', in: 'status', path: '' };

export function newEndpointFinding(exchange: Exchange, state: EndpointState, known: number, serviceCalls: number): Finding {
  return findingOf({
    kind: 'inventory.new-endpoint',
    source: source('new-endpoint'),
    exchange,
    endpoint: state.ref,
    confidence: 0.8,
    explanation: `${state.ref.method} ${state.ref.template} answered ${exchange.response?.status ?? 0} for the first time after ${serviceCalls} exchanges on ${known} other endpoints of ${state.ref.service}.`,
    evidence: change(atPath(state.ref), `not answered in ${serviceCalls} exchanges`, `answered ${exchange.response?.status ?? 0}`),
  });
}

export function newParameterFinding(exchange: Exchange, state: EndpointState, place: ParameterPlace, name: string): Finding {
  return findingOf({
    kind: 'inventory.new-parameter',
    source: source('new-parameter'),
    exchange,
    endpoint: state.ref,
    confidence: 0.7,
    subject: `${place}:${name}`,
    explanation: `The ${place} parameter "${name}" was never sent in ${state.counts.requests - 1} earlier requests since ${day(state.firstSeenMs)}.`,
    evidence: change(
      { phase: 'request', in: place, path: name },
      `not sent in ${state.counts.requests - 1} requests since ${day(state.firstSeenMs)}`,
      `sent, and answered ${exchange.response?.status ?? 0}`,
    ),
  });
}

export function newDataFinding(
  exchange: Exchange,
  state: EndpointState,
  hit: DataHit,
  earlierAnswers: number,
  before: readonly string[],
): Finding {
  const was = before.length === 0 ? 'no sensitive data' : before.join(', ');
  return findingOf({
    kind: 'data.new-in-response',
    source: source('new-data'),
    exchange,
    endpoint: state.ref,
    confidence: Math.min(0.95, hit.confidence),
    subject: `${hit.type}:${hit.location.path}`,
    explanation: `Answers now hold ${hit.type} at ${hit.location.path}; ${earlierAnswers} earlier answers since ${day(state.firstSeenMs)} held ${was}.`,
    evidence: [
      { location: hit.location, excerpt: '', type: hit.type, count: hit.count },
      ...change(hit.location, `${earlierAnswers} answers since ${day(state.firstSeenMs)} held ${was}`, `${hit.count} × ${hit.type}`),
    ],
  });
}

export function weakAuthFinding(exchange: Exchange, state: EndpointState, confidence: number): Finding {
  const { counts } = state;
  const kinds = [...state.auth.keys()].map((key) => key.split(' ')[0]).filter((kind) => kind !== 'none');
  const refused = counts.anonymousRefused > 0 ? ` and ${counts.anonymousRefused} requests without were refused` : '';
  return findingOf({
    kind: 'auth.weakened',
    source: source('auth-weakened'),
    exchange,
    endpoint: state.ref,
    confidence,
    explanation: `A request without credentials was answered ${exchange.response?.status ?? 0}; before, ${counts.authenticatedOk} answers went to ${countDistinct(state.principals)} callers with ${[...new Set(kinds)].join(', ')}${refused}.`,
    evidence: change(
      atStatus,
      `${counts.authenticatedOk} answers with credentials, ${counts.anonymousRefused} refusals without`,
      `${exchange.response?.status ?? 0} without credentials`,
    ),
  });
}

export function deprecatedFinding(exchange: Exchange, state: EndpointState, why: string): Finding {
  return findingOf({
    kind: 'inventory.deprecated',
    source: source('deprecated'),
    exchange,
    endpoint: state.ref,
    confidence: 0.9,
    explanation: `${state.ref.method} ${state.ref.template} is in use (${state.counts.requests} requests) although ${why}.`,
    evidence: change(atPath(state.ref), why, `${state.counts.requests} requests, the last answered ${exchange.response?.status ?? 0}`),
  });
}

export function shadowFinding(exchange: Exchange, state: EndpointState, document: string): Finding {
  return findingOf({
    kind: 'inventory.shadow',
    source: source('shadow'),
    exchange,
    endpoint: state.ref,
    confidence: 0.85,
    explanation: `${state.ref.method} ${state.ref.template} answered ${exchange.response?.status ?? 0} ${state.counts.requests} times and is not in ${document}.`,
    evidence: change(atPath(state.ref), `not in ${document}`, `answered ${state.counts.requests} times since ${day(state.firstSeenMs)}`),
  });
}

export function driftFinding(exchange: Exchange, state: EndpointState, location: Location, text: string, document: string): Finding {
  return findingOf({
    kind: 'inventory.drift',
    source: source('drift'),
    exchange,
    endpoint: state.ref,
    confidence: 0.9,
    subject: `${location.in}:${location.path}:${text}`,
    explanation: `${text}, unlike ${document} says.`,
    evidence: change(location, `as ${document} says`, text),
  });
}

/** `what`: paths or operations, with why they are none of the service's own. */
export function scanningFinding(exchange: Exchange, kind: 'abuse.scanner' | 'abuse.learner', what: string, scanning: Scanning): Finding {
  return clientFinding(exchange, kind, scanning, `asked for about ${scanning.names} different ${what}`);
}

/** A client that makes up parameters, headers, cookies or body fields. */
export function strangerFinding(exchange: Exchange, stranger: Stranger): Finding {
  return clientFinding(
    exchange,
    'abuse.learner',
    stranger,
    `sent about ${stranger.names} different ${stranger.what} that nobody else sends`,
  );
}

/** A client that asks a service for paths which it answers whatever they are. */
export function wandererFinding(exchange: Exchange, wanderer: Wanderer): Finding {
  const { status, body } = exchange.response!;
  const answer = `${wanderer.samePercent} % of them got the same answer (${status}, ${body.totalLength} bytes)`;
  const what = `asked for about ${wanderer.names} different paths that nobody else asks for`;
  return clientFinding(exchange, 'abuse.learner', wanderer, what, `; ${answer}`);
}

function clientFinding(
  exchange: Exchange,
  kind: 'abuse.scanner' | 'abuse.learner',
  { requests, names, sinceMs, earlier }: Scanning,
  did: string,
  andThen = '',
): Finding {
  const seconds = Math.max(1, Math.round((exchange.startedAtMs - sinceMs) / 1000));
  return findingOf({
    kind,
    source: source('scanning'),
    exchange,
    endpoint: null,
    subject: exchange.client.ip,
    confidence: Math.min(0.95, 0.6 + names / 1000),
    explanation: `${exchange.client.ip} ${did}, in ${requests} requests within ${seconds} s${andThen}.`,
    also: earlier,
  });
}

/** An endpoint that fell silent (`zombie`) or a documented one that was never seen (`orphan`): there is no exchange to point at. */
export function silenceFinding(
  kind: 'inventory.zombie' | 'inventory.orphan',
  endpoint: EndpointRef,
  nowMs: number,
  explanation: string,
  before: string,
  after: string,
): Finding {
  const finding = findingOf({
    kind,
    source: source(kind.slice(10)),
    exchange: silence(endpoint, nowMs),
    endpoint,
    confidence: 0.8,
    explanation,
    evidence: change(atPath(endpoint), before, after),
  });
  return { ...finding, actor: null, client: null, succeeded: null, exchangeIds: [], requestIds: [] };
}

export const silentFor = days;
export const dayOf = day;

function silence(endpoint: EndpointRef, nowMs: number): Exchange {
  const nobody = { ip: '0.0.0.0', port: 0 };
  return {
    id: '',
    requestId: '',
    kind: 'http',
    observer: { kind: 'import', id: 'inventory' },
    service: endpoint.service,
    client: nobody,
    server: nobody,
    startedAtMs: nowMs,
    durationMs: 0,
    upstreamMs: null,
    request: {
      method: endpoint.method,
      scheme: 'http',
      host: '',
      target: endpoint.template,
      httpVersion: '1.1',
      headers: [],
      body: emptyBody,
      trailers: [],
    },
    response: null,
    principal: null,
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    tags: [],
  };
}
