/**
 * The rows as they lie in the database. Times are Unix epoch ms, JSON is text, flags are 0 or 1, in both engines.
 * Columns that end in `Json` hold JSON text. Nothing here leaves the store; `types.ts` is what callers see.
 */
export type Engine = 'sqlite' | 'postgres';

export interface TrafficCounts {
  requests: number;
  status2xx: number;
  status3xx: number;
  status4xx: number;
  status5xx: number;
  failed: number;
  blocked: number;
  wouldBlock: number;
  /** Requests that matched no endpoint; only of services. */
  unmatched: number;
  bytesIn: number;
  bytesOut: number;
  latencySumMs: number;
  latencyMaxMs: number;
}

export interface EndpointRow extends TrafficCounts {
  id: string;
  service: string;
  method: string;
  template: string;
  firstSeenMs: number;
  lastSeenMs: number;
  access: string;
  authRequired: number | null;
  risk: number;
  authJson: string;
  tagsJson: string;
  dataTypesJson: string;
  fieldsJson: string;
  riskReasonsJson: string;
  detailJson: string;
  search: string;
  updatedMs: number;
  version: number;
}

export interface Tables {
  meta: { name: string; value: string };
  services: { name: string; firstSeenMs: number; lastSeenMs: number; aboutJson: string };
  endpoints: EndpointRow;
  endpoint_marks: { kind: string; value: string; endpointId: string };
  endpoint_history: {
    id: string;
    endpointId: string;
    service: string;
    atMs: number;
    kind: string;
    text: string;
    beforeJson: string | null;
    afterJson: string | null;
  };
  endpoint_counters: TrafficCounts & { endpointId: string; widthMs: number; bucketMs: number };
  service_counters: TrafficCounts & { service: string; widthMs: number; bucketMs: number };
  data_sightings: {
    endpointId: string;
    phase: string;
    place: string;
    path: string;
    type: string;
    service: string;
    firstSeenMs: number;
    lastSeenMs: number;
    resumedMs: number;
    count: number;
    id: string;
  };
  data_counters: { service: string; type: string; phase: string; dayMs: number; count: number };
  findings: {
    id: string;
    atMs: number;
    kind: string;
    severity: number;
    confidence: number;
    service: string;
    endpointId: string | null;
    actorId: string | null;
    client: string | null;
    issueId: string;
    incidentId: string | null;
    source: string;
    effect: string;
    bodyJson: string;
  };
  issues: {
    id: string;
    fingerprint: string;
    kind: string;
    title: string;
    severity: number;
    confidence: number;
    priority: number;
    service: string;
    endpointId: string | null;
    method: string;
    template: string;
    actorId: string | null;
    source: string;
    owasp: string;
    status: string;
    live: number;
    statusAtMs: number;
    statusBy: string;
    statusReason: string;
    acceptedUntilMs: number | null;
    assignee: string;
    firstSeenMs: number;
    lastSeenMs: number;
    occurrences: number;
    acted: number;
    succeeded: number;
    bodyJson: string;
    evidenceJson: string;
    search: string;
    version: number;
  };
  issue_events: { id: string; issueId: string; atMs: number; kind: string; by: string; text: string; detailJson: string | null };
  issue_counts: { service: string; status: string; severity: number; kind: string; owasp: string; count: number };
  /** A view of the words index, in SQLite only: each trigram and the number of issues that have it. */
  issues_search_terms: { term: string; doc: number };
  actors: {
    id: string;
    kind: string;
    value: string;
    label: string;
    firstSeenMs: number;
    lastSeenMs: number;
    score: number;
    state: string;
    requests: number;
    errors: number;
    blocked: number;
    findings: number;
    detailJson: string;
    search: string;
  };
  actor_events: { id: string; actorId: string; atMs: number; kind: string; endpointId: string | null; bodyJson: string };
  actor_links: { principal: string; address: string; firstSeenMs: number; lastSeenMs: number; count: number };
  samples: {
    id: string;
    requestId: string;
    incidentId: string | null;
    endpointId: string | null;
    service: string;
    method: string;
    target: string;
    status: number;
    atMs: number;
    actorId: string | null;
    client: string;
    action: string;
    evidence: number;
    bytes: number;
    content: Uint8Array;
    sealed: Uint8Array | null;
  };
  documents: {
    kind: string;
    name: string;
    version: number;
    text: string;
    author: string;
    atMs: number;
    note: string;
    deleted: number;
    latest: number;
  };
  objects: { kind: string; id: string; bodyJson: string; version: number; createdMs: number; updatedMs: number; updatedBy: string };
  users: {
    id: string;
    name: string;
    email: string;
    role: string;
    passwordHash: string | null;
    oidcSubject: string | null;
    disabled: number;
    createdMs: number;
    lastLoginMs: number;
    failedLogins: number;
    lockedUntilMs: number;
    version: number;
  };
  sessions: {
    hash: string;
    userId: string;
    csrf: string;
    createdMs: number;
    expiresMs: number;
    lastUsedMs: number;
    address: string;
    agent: string;
  };
  sign_in_links: { hash: string; userName: string; role: string; createdMs: number; expiresMs: number; usedMs: number };
  api_tokens: {
    id: string;
    hash: string;
    name: string;
    userId: string | null;
    role: string;
    scopesJson: string;
    createdMs: number;
    expiresMs: number | null;
    lastUsedMs: number;
  };
  audit: { id: string; atMs: number; actor: string; action: string; target: string; outcome: string; address: string; detailJson: string };
  idempotency: { id: string; atMs: number; fingerprint: string; status: number; body: string };
  scans: {
    id: string;
    name: string;
    service: string;
    definitionJson: string;
    cron: string;
    zone: string;
    enabled: number;
    nextRunMs: number | null;
    createdMs: number;
    createdBy: string;
    updatedMs: number;
    version: number;
  };
  scan_runs: {
    id: string;
    scanId: string;
    service: string;
    state: string;
    trigger: string;
    startedMs: number;
    finishedMs: number | null;
    stopRequested: number;
    progressJson: string;
    summaryJson: string;
    checkpoint: Uint8Array | null;
  };
  scan_results: {
    id: string;
    runId: string;
    testId: string;
    endpointId: string;
    verdict: string;
    severity: number;
    atMs: number;
    issueId: string | null;
    bodyJson: string;
  };
  leases: { name: string; holder: string; expiresMs: number; term: number };
  outbox: {
    id: string;
    integrationId: string;
    createdMs: number;
    nextTryMs: number;
    attempts: number;
    state: string;
    lastError: string;
    noticeJson: string;
  };
  learned_state: { scope: string; key: string; value: Uint8Array; updatedMs: number };
  processed_batches: { id: string; atMs: number };
  tallies: { name: string; value: number };
}

export const NO_TRAFFIC: Readonly<TrafficCounts> = {
  requests: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  failed: 0,
  blocked: 0,
  wouldBlock: 0,
  unmatched: 0,
  bytesIn: 0,
  bytesOut: 0,
  latencySumMs: 0,
  latencyMaxMs: 0,
};
export const TRAFFIC_COUNTS = Object.keys(NO_TRAFFIC) as readonly (keyof TrafficCounts)[];
