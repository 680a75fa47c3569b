import { type ActorRef, type EndpointRef, type Finding, type Observation, severityRank } from '../exchange/index.js';
import type { ScoredFinding } from './score.js';

/** Limits that keep one actor under some 30 KB whatever they do. What does not fit is counted in `beyond`. */
const KEPT = { endpoints: 100, findings: 60, types: 40, companions: 50, moments: 80 };

export type ActorState = 'active' | 'watched' | 'allowed' | 'blocked';

export interface ActorEndpoint {
  readonly id: string;
  readonly name: string;
  count: number;
  lastMs: number;
}

export interface KeptFinding extends ScoredFinding {
  readonly title: string;
  readonly endpoint: string | null;
  readonly effect: Finding['effect'];
  readonly requestId: string | null;
}

/** A line of the timeline. */
export interface Moment {
  readonly atMs: number;
  readonly what: 'first-seen' | 'endpoint' | 'finding' | 'data' | 'status' | 'companion' | 'block' | 'would-block';
  readonly text: string;
  readonly findingId?: string;
}

/** Everything kept about one actor; plain JSON, so that it is stored as it is. */
export interface ActorRecord {
  readonly kind: ActorRef['kind'];
  readonly value: string;
  label: string;
  readonly firstMs: number;
  lastMs: number;
  requests: number;
  blockedRequests: number;
  /** By class: `2xx`, `4xx`, `none`. */
  readonly statuses: Record<string, number>;
  readonly endpoints: ActorEndpoint[];
  readonly findings: KeptFinding[];
  /** Values of each data type that answers gave to this actor. */
  readonly data: Record<string, number>;
  /** Sum of `data`. */
  records: number;
  /** For a principal the addresses it came from, for an address the principals seen there. */
  readonly companions: { readonly value: string; label: string; count: number; lastMs: number }[];
  readonly moments: Moment[];
  /** What did not fit any more, by list. */
  readonly beyond: Record<string, number>;
  /** The score is over the threshold: that it would have been blocked is said once, until it fell below. */
  isOver: boolean;
  /** When its score last blocked it; 0: never. */
  blockedAtMs: number;
}

export function newActor({ kind, value, label }: ActorRef, atMs: number): ActorRecord {
  return {
    kind,
    value,
    label,
    firstMs: atMs,
    lastMs: atMs,
    requests: 0,
    blockedRequests: 0,
    statuses: {},
    endpoints: [],
    findings: [],
    data: {},
    records: 0,
    companions: [],
    moments: [{ atMs, what: 'first-seen', text: 'First seen' }],
    beyond: {},
    isOver: false,
    blockedAtMs: 0,
  };
}

const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'];

/** The sums of a record, in an order that is kept. */
export function numbersOf(actor: ActorRecord | undefined): number[] {
  if (actor === undefined) return [];
  return [actor.lastMs, actor.requests, actor.blockedRequests, actor.records, ...STATUS_CLASSES.map((one) => actor.statuses[one] ?? 0)];
}

/** Puts back what `numbersOf` said, where that is later than the record. */
export function setNumbers(actor: ActorRecord, [lastMs, requests, blockedRequests, records, ...statuses]: readonly number[]): void {
  if (lastMs === undefined || requests < actor.requests) return;
  actor.lastMs = lastMs;
  actor.requests = requests;
  actor.blockedRequests = blockedRequests;
  actor.records = records;
  for (const [index, count] of statuses.entries()) if (count > 0) actor.statuses[STATUS_CLASSES[index]] = count;
}

/** Changes whenever something is in the record that must not be lost: a finding, a companion. What it uses and gets comes with its growth. */
export function shapeOf({ beyond, findings, companions, isOver }: ActorRecord): number {
  return (findings.length + (beyond.findings ?? 0) + companions.length) * 2 + (isOver ? 1 : 0);
}

/** A record as it was kept; what it did not have when it was kept, it has as a new one. */
export function readActor(text: string): ActorRecord {
  const kept = JSON.parse(text) as ActorRecord;
  return { ...newActor(kept, kept.firstMs), ...kept };
}

/** Adds one exchange. `companion`: the address of a principal, or the principal at an address. */
export function addObservation(actor: ActorRecord, { exchange, endpoint, dataHits }: Observation, companion: ActorRef | null): void {
  const atMs = exchange.startedAtMs;
  actor.lastMs = Math.max(actor.lastMs, atMs);
  actor.requests++;
  const { action } = exchange.outcome;
  if (action !== 'passed' && action !== 'redacted' && action !== 'failed') actor.blockedRequests++;
  const status = exchange.response?.status;
  const statusClass = status === undefined ? 'none' : STATUS_CLASSES[Math.floor(status / 100)];
  const alike = (actor.statuses[statusClass] ?? 0) + 1;
  actor.statuses[statusClass] = alike;
  addEndpoint(actor, endpoint, atMs);
  if (status !== undefined && status >= 400 && isRound(alike - 1, alike)) {
    const where = `${endpoint.method} ${endpoint.template}`;
    const text =
      alike === 1 ? `First answer ${statusClass}: ${status} from ${where}` : `${alike.toLocaleString('en')} answers ${statusClass} by now`;
    addMoment(actor, { atMs, what: 'status', text });
  }
  if (companion !== null) addCompanion(actor, companion, atMs);
  if (status === undefined || status >= 300) return;
  for (const hit of dataHits) {
    if (hit.location.phase !== 'response') continue;
    if (actor.data[hit.type] === undefined) {
      if (Object.keys(actor.data).length >= KEPT.types) {
        actor.beyond.data = (actor.beyond.data ?? 0) + hit.count;
        continue;
      }
      const text = `First got ${hit.type} from ${endpoint.method} ${endpoint.template}: ${hit.count === 1 ? '1 value' : `${hit.count} values`}`;
      addMoment(actor, { atMs, what: 'data', text });
      actor.data[hit.type] = 0;
    }
    const before = actor.data[hit.type];
    actor.data[hit.type] = before + hit.count;
    actor.records += hit.count;
    if (before > 0 && isRound(before, before + hit.count))
      addMoment(actor, { atMs, what: 'data', text: `Has got ${(before + hit.count).toLocaleString('en')} values of ${hit.type} by now` });
  }
}

/** The first one, and each tenfold: a line of a timeline for what goes on and on. */
function isRound(before: number, after: number): boolean {
  return before === 0 || (after >= 10 && Math.floor(Math.log10(after)) > Math.floor(Math.log10(before)));
}

/** What an actor's record keeps of a finding. */
export type ActorFinding = Pick<
  Finding,
  'id' | 'kind' | 'atMs' | 'severity' | 'confidence' | 'succeeded' | 'title' | 'effect' | 'actor' | 'endpoint' | 'requestIds'
>;

export function addFinding(actor: ActorRecord, finding: ActorFinding): void {
  const { id, kind, atMs, severity, confidence, succeeded, title, effect } = finding;
  actor.lastMs = Math.max(actor.lastMs, atMs);
  const endpoint = finding.endpoint === null ? null : `${finding.endpoint.method} ${finding.endpoint.template}`;
  actor.findings.push({
    id,
    kind,
    atMs,
    severity,
    confidence,
    succeeded,
    title,
    endpoint,
    effect,
    requestId: finding.requestIds[0] ?? null,
  });
  if (actor.findings.length > KEPT.findings) {
    actor.findings.splice(leastGrave(actor.findings), 1);
    actor.beyond.findings = (actor.beyond.findings ?? 0) + 1;
  }
  addMoment(actor, { atMs, what: 'finding', text: `${title}${endpoint === null ? '' : ` (${endpoint})`}`, findingId: id });
}

/** The oldest of the lowest severity: an attacker must not be able to wash out a grave finding with many small ones. */
function leastGrave(findings: readonly KeptFinding[]): number {
  let least = 0;
  for (const [index, { severity }] of findings.entries())
    if (severityRank(severity) < severityRank(findings[least].severity)) least = index;
  return least;
}

export function addMoment(actor: ActorRecord, moment: Moment): void {
  actor.moments.push(moment);
  if (actor.moments.length <= KEPT.moments) return;
  actor.moments.splice(1, 1);
  actor.beyond.moments = (actor.beyond.moments ?? 0) + 1;
}

function addEndpoint(actor: ActorRecord, { id, method, template }: EndpointRef, atMs: number): void {
  for (const known of actor.endpoints) {
    if (known.id !== id) continue;
    known.count++;
    known.lastMs = atMs;
    return;
  }
  if (actor.endpoints.length >= KEPT.endpoints) {
    actor.beyond.endpoints = (actor.beyond.endpoints ?? 0) + 1;
    return;
  }
  const name = `${method} ${template}`;
  actor.endpoints.push({ id, name, count: 1, lastMs: atMs });
  addMoment(actor, { atMs, what: 'endpoint', text: `First used ${name}` });
}

function addCompanion(actor: ActorRecord, { value, label }: ActorRef, atMs: number): void {
  for (const known of actor.companions) {
    if (known.value !== value) continue;
    known.count++;
    known.lastMs = atMs;
    return;
  }
  if (actor.companions.length >= KEPT.companions) {
    actor.beyond.companions = (actor.beyond.companions ?? 0) + 1;
    return;
  }
  actor.companions.push({ value, label, count: 1, lastMs: atMs });
  const text = actor.kind === 'principal' ? `First came from ${label}` : `First seen as ${label}`;
  addMoment(actor, { atMs, what: 'companion', text });
}
