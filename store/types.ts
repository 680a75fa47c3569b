/** What callers of the store see. Times are Unix epoch ms. All values are readonly. */
import type { ActorRef, EndpointRef, Evidence, Finding, Phase, Severity } from '../exchange/index.js';
import type { TrafficCounts } from './tables.js';

export type { Engine, TrafficCounts } from './tables.js';

/** A JSON value that the store keeps without looking inside. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Service {
  readonly name: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Upstreams, hosts, origin: whatever the configuration or learning knows. */
  readonly about: { readonly [key: string]: Json };
}

export type AccessType = 'public' | 'partner' | 'private' | 'unknown';

/** Who reaches whose objects at an endpoint: hardly anybody what others own (`owner-private`), members what other members of their group own (`tenant-shared`), … */
export type SharingRegime = 'owner-private' | 'tenant-shared' | 'role-visible' | 'public' | 'undecided';

/** The sharing regime of an endpoint as people are told of it. */
export interface Sharing {
  readonly regime: SharingRegime;
  /** 0–1; 0 while nothing is decided. */
  readonly confidence: number;
  /** What its objects are, with the numbers; no whole sentence. */
  readonly explanation: string;
}

/** What learning knows of an endpoint beside the columns that lists sort and filter by. Every member is optional: it grows with the traffic. */
export interface EndpointDetail {
  readonly parameters?: readonly ParameterFacts[];
  readonly request?: { readonly contentTypes: readonly string[]; readonly schema: Json };
  readonly responses?: readonly {
    readonly status: string;
    readonly count: number;
    readonly contentTypes: readonly string[];
    readonly schema: Json;
  }[];
  readonly latencyMs?: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly requestBytes?: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly responseBytes?: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly principals?: number;
  readonly roles?: readonly string[];
  /** When credentials, claims, roles, content types and statuses were first and last seen; parameters and data types say it themselves. */
  readonly seen?: readonly FactSeen[];
  readonly sharing?: Sharing;
  /** Sentences: why this template exists. */
  readonly why?: readonly string[];
  readonly pinned?: boolean;
  /** `learned`, `pinned`, or the document it was imported from. */
  readonly origin?: string;
}

/** `name`: `jwt header:authorization`, `sub`, `buyer`, `application/json`, `201`, `201 application/json`. */
export interface FactSeen {
  readonly what: 'auth' | 'claim' | 'role' | 'request-type' | 'status' | 'response-type';
  readonly name: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface ParameterFacts {
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'body';
  readonly name: string;
  readonly types: readonly string[];
  readonly format?: string;
  readonly required: boolean;
  readonly isId: boolean;
  readonly dataTypes?: readonly string[];
  /** Redacted. */
  readonly examples?: readonly string[];
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly seen: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface Endpoint extends EndpointRef {
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly access: AccessType;
  /** False when a request without credentials was answered with 2xx; null while unknown. */
  readonly authRequired: boolean | null;
  readonly auth: readonly string[];
  readonly tags: readonly string[];
  readonly dataTypes: readonly string[];
  /** 0–100. */
  readonly risk: number;
  readonly riskReasons: readonly string[];
  readonly counts: TrafficCounts;
  readonly detail: EndpointDetail;
  readonly version: number;
}

export type EndpointSummary = Omit<Endpoint, 'detail'>;

/** One change of an endpoint, for people: "`ssn` first seen", "auth became optional". */
export interface EndpointChange {
  readonly id: string;
  readonly endpointId: string;
  readonly service: string;
  readonly atMs: number;
  readonly kind: string;
  readonly text: string;
  readonly before: Json;
  readonly after: Json;
}

/** Traffic of one endpoint or service in the bucket that starts at `bucketMs`. */
export interface CounterPoint extends TrafficCounts {
  readonly bucketMs: number;
}

/** A data type at a place of an endpoint. `resumedMs` is when it came back after a silence of a week or more, else `firstSeenMs`. */
export interface DataSighting {
  readonly id: string;
  readonly endpointId: string;
  readonly service: string;
  readonly phase: Phase;
  readonly place: string;
  readonly path: string;
  readonly type: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly resumedMs: number;
  readonly count: number;
}

export type IssueStatus = 'open' | 'accepted' | 'fixed' | 'reopened';
export const ISSUE_STATUSES: readonly IssueStatus[] = ['open', 'accepted', 'fixed', 'reopened'];

/** One of up to five proofs that an issue keeps: the first, then the latest. */
export interface IssueEvidence {
  readonly findingId: string;
  readonly atMs: number;
  readonly explanation: string;
  readonly actor: ActorRef | null;
  readonly exchangeIds: readonly string[];
  readonly requestIds: readonly string[];
  /** Exchanges that the actor sent before, oldest first; where none was kept, empty. */
  readonly beforeIds: readonly string[];
  readonly evidence: readonly Evidence[];
}

export interface IssueSummary {
  readonly id: string;
  readonly fingerprint: string;
  readonly kind: string;
  readonly title: string;
  readonly severity: Severity;
  readonly confidence: number;
  /** Severity × confidence, 0–100: what to look at first. */
  readonly priority: number;
  readonly service: string;
  readonly endpointId: string | null;
  readonly method: string;
  readonly template: string;
  readonly actorId: string | null;
  readonly source: string;
  readonly owasp: string;
  readonly status: IssueStatus;
  readonly statusAtMs: number;
  readonly statusBy: string;
  readonly statusReason: string;
  readonly acceptedUntilMs: number | null;
  readonly assignee: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly occurrences: number;
  /** How many of them weir acted on, and how many got through. */
  readonly acted: number;
  readonly succeeded: number;
  readonly version: number;
}

export interface Issue extends IssueSummary {
  readonly explanation: string;
  readonly remediation: string;
  readonly cwe: string;
  readonly evidence: readonly IssueEvidence[];
}

export interface IssueEvent {
  readonly id: string;
  readonly issueId: string;
  readonly atMs: number;
  readonly kind: 'opened' | 'reopened' | 'status' | 'assigned' | 'comment' | 'linked';
  readonly by: string;
  readonly text: string;
  readonly detail: Json;
}

/** Told to live views and integrations after a commit. */
export interface IssueChange {
  readonly id: string;
  readonly change: 'opened' | 'reopened' | 'seen-again';
  readonly findings: number;
}

export interface StoredFinding extends Finding {
  readonly issueId: string;
}

export type ActorState = 'active' | 'watched' | 'allowed' | 'blocked';

export interface ActorDetail {
  readonly reasons?: readonly { readonly text: string; readonly points: number; readonly kind?: string }[];
  readonly endpoints?: readonly {
    readonly endpointId: string;
    readonly method: string;
    readonly template: string;
    readonly count: number;
  }[];
  /** Records obtained, by data type. */
  readonly records?: { readonly [type: string]: number };
  readonly statuses?: { readonly [status: string]: number };
}

export interface Actor {
  /** `principal:KEY` or `address:TEXT`. */
  readonly id: string;
  readonly kind: ActorRef['kind'];
  readonly value: string;
  readonly label: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** 0–100. */
  readonly score: number;
  readonly state: ActorState;
  readonly requests: number;
  readonly errors: number;
  readonly blocked: number;
  readonly findings: number;
  readonly detail: ActorDetail;
}

export interface ActorEvent {
  readonly id: string;
  readonly actorId: string;
  readonly atMs: number;
  readonly kind: string;
  readonly endpointId: string | null;
  readonly body: Json;
}

/** An address and a principal that were seen together. */
export interface ActorLink {
  readonly principal: string;
  readonly address: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly count: number;
}

/** A kept exchange without its bytes. */
export interface SampleSummary {
  /** Exchange id. */
  readonly id: string;
  readonly requestId: string;
  readonly incidentId: string | null;
  readonly endpointId: string | null;
  readonly service: string;
  readonly method: string;
  /** Redacted. */
  readonly target: string;
  readonly status: number;
  readonly atMs: number;
  readonly actorId: string | null;
  readonly client: string;
  /** Outcome action: `passed`, `blocked`, … */
  readonly action: string;
  /** True for exchanges that an issue shows: kept longer than the others. */
  readonly evidence: boolean;
}

export interface Sample extends SampleSummary {
  /** A redacted exchange in `exchange/` codec form. */
  readonly content: Uint8Array;
}

export const actorId = (actor: ActorRef): string => `${actor.kind}:${actor.value}`;

// What the engine writes.

/** The whole current state of an endpoint as learning knows it; counters are written apart, as deltas. */
export interface EndpointWrite {
  readonly ref: EndpointRef;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly access: AccessType;
  readonly authRequired: boolean | null;
  readonly auth: readonly string[];
  readonly tags: readonly string[];
  readonly dataTypes: readonly string[];
  /** Field names of bodies and parameters, for the search by field. */
  readonly fields: readonly string[];
  readonly risk: number;
  readonly riskReasons: readonly string[];
  readonly detail: EndpointDetail;
}

/** Traffic to add to the bucket that `atMs` falls in. Omitted counts are 0. */
export interface CounterWrite extends Partial<Omit<TrafficCounts, 'unmatched'>> {
  /** Null: traffic that matched no endpoint; it counts for the service only. */
  readonly endpointId: string | null;
  readonly service: string;
  readonly atMs: number;
}

export interface SightingWrite {
  readonly endpointId: string;
  readonly service: string;
  readonly phase: Phase;
  readonly place: string;
  readonly path: string;
  readonly type: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** To add. */
  readonly count: number;
}

export interface ActorWrite {
  readonly ref: ActorRef;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly score: number;
  readonly state: ActorState;
  /** To add. */
  readonly requests: number;
  readonly errors: number;
  readonly blocked: number;
  readonly findings: number;
  readonly detail: ActorDetail;
  readonly events?: readonly { readonly atMs: number; readonly kind: string; readonly endpointId?: string | null; readonly body: Json }[];
  readonly links?: readonly ActorLink[];
}

export interface SampleWrite extends Sample {
  /** The exchange with its real values in codec form, sealed; where the operator keeps those of evidence. */
  readonly sealed?: Uint8Array | null;
}

/** Old endpoints that a later insight folds into a template, or a person merged. */
export interface EndpointFold {
  readonly from: string;
  readonly into: string;
}

/**
 * Everything that one step of the engine wants kept, in one transaction.
 *
 * Order of effects: services, endpoints, folds, counters, sightings, findings, actors, samples, learned state.
 */
export interface Commit {
  /** Ids of the batches whose effects these are. */
  readonly batchIds: readonly string[];
  readonly nowMs: number;
  readonly services?: readonly Service[];
  readonly folds?: readonly EndpointFold[];
  readonly endpoints?: readonly EndpointWrite[];
  readonly history?: readonly Omit<EndpointChange, 'id'>[];
  readonly counters?: readonly CounterWrite[];
  readonly dataSightings?: readonly SightingWrite[];
  readonly findings?: readonly Finding[];
  readonly actors?: readonly ActorWrite[];
  readonly samples?: readonly SampleWrite[];
  /** Null deletes. */
  readonly learned?: readonly { readonly scope: string; readonly key: string; readonly value: Uint8Array | null }[];
}

/** Piece of learned state as text; null deletes. */
export interface LearnedEntry {
  readonly key: string;
  readonly value: string | null;
}

/** `applied` is false when one of the batches was processed before: then nothing at all was written, and `alreadyProcessed` names those batches. */
export interface CommitResult {
  readonly applied: boolean;
  readonly alreadyProcessed: readonly string[];
  readonly issues: readonly IssueChange[];
}
