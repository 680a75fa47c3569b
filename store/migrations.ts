import { type Kysely, sql, type Transaction } from 'kysely';
import { StoreError } from './errors.js';
import type { Engine, Tables } from './tables.js';

const COUNTS = `"requests" bigint not null default 0, "status2xx" bigint not null default 0, "status3xx" bigint not null default 0,
  "status4xx" bigint not null default 0, "status5xx" bigint not null default 0, "failed" bigint not null default 0, "blocked" bigint not null default 0,
  "wouldBlock" bigint not null default 0, "unmatched" bigint not null default 0, "bytesIn" bigint not null default 0, "bytesOut" bigint not null default 0,
  "latencySumMs" double precision not null default 0, "latencyMaxMs" double precision not null default 0`;

/**
 * Finds a word anywhere in the text of an issue, among a million, by the trigrams it has. SQLite keeps them by rowid, which only a full VACUUM
 * changes, and weir makes none. PostgreSQL needs an extension that its owner of the database may create; without it the search is slower.
 */
const ISSUE_SEARCH: Readonly<Record<Engine, readonly string[]>> = {
  sqlite: [
    `create virtual table issues_search using fts5("search", content='', contentless_delete=1, detail=none, tokenize='trigram')`,
    `insert into issues_search (rowid, "search") select rowid, "search" from issues`,
    `create trigger issues_search_insert after insert on issues begin
       insert into issues_search (rowid, "search") values (new.rowid, new."search"); end`,
    `create trigger issues_search_delete after delete on issues begin delete from issues_search where rowid = old.rowid; end`,
    `create trigger issues_search_update after update of "search" on issues when old."search" <> new."search" begin
       delete from issues_search where rowid = old.rowid;
       insert into issues_search (rowid, "search") values (new.rowid, new."search"); end`,
  ],
  postgres: [
    `do $$ begin
       create extension if not exists pg_trgm;
       create index issues_search on issues using gin ("search" gin_trgm_ops);
     exception when insufficient_privilege or undefined_file or feature_not_supported then
       raise notice 'weir: no pg_trgm, the search of issues reads them all';
     end $$`,
  ],
};

/** With two spaces behind the text each of its characters begins a trigram, so that words of one and two letters are found, too. */
const WORDS_OF_ANY_LENGTH: Readonly<Record<Engine, readonly string[]>> = {
  sqlite: [
    `drop trigger issues_search_insert`,
    `drop trigger issues_search_update`,
    `insert into issues_search (issues_search) values ('delete-all')`,
    `insert into issues_search (rowid, "search") select rowid, "search" || '  ' from issues`,
    `create trigger issues_search_insert after insert on issues begin
       insert into issues_search (rowid, "search") values (new.rowid, new."search" || '  '); end`,
    `create trigger issues_search_update after update of "search" on issues when old."search" <> new."search" begin
       delete from issues_search where rowid = old.rowid;
       insert into issues_search (rowid, "search") values (new.rowid, new."search" || '  '); end`,
    `create virtual table issues_search_terms using fts5vocab('issues_search', 'row')`,
  ],
  postgres: [],
};

/**
 * The schema, one entry a version, never edited after a release. Both engines run the same text where they can; `#bytes` stands for their blob type.
 *
 * Every list's sort orders have an index that ends in the unique column, so that a first page reads only its own rows.
 */
export const MIGRATIONS: readonly (string | Readonly<Record<Engine, readonly string[]>>)[] = [
  `
create table services ("name" text primary key, "firstSeenMs" bigint not null, "lastSeenMs" bigint not null, "aboutJson" text not null default '{}');

create table endpoints ("id" text primary key, "service" text not null, "method" text not null, "template" text not null,
  "firstSeenMs" bigint not null, "lastSeenMs" bigint not null, "access" text not null, "authRequired" integer, "risk" integer not null,
  "authJson" text not null, "tagsJson" text not null, "dataTypesJson" text not null, "fieldsJson" text not null, "riskReasonsJson" text not null,
  "detailJson" text not null, "search" text not null, "updatedMs" bigint not null, "version" integer not null, ${COUNTS});
create index endpoints_last on endpoints ("lastSeenMs", "id");
create index endpoints_first on endpoints ("firstSeenMs", "id");
create index endpoints_risk on endpoints ("risk", "id");
create index endpoints_requests on endpoints ("requests", "id");
create index endpoints_template on endpoints ("template", "id");
create index endpoints_service_last on endpoints ("service", "lastSeenMs", "id");
create index endpoints_service_risk on endpoints ("service", "risk", "id");
create index endpoints_service_template on endpoints ("service", "template", "id");
create table endpoint_marks ("kind" text not null, "value" text not null, "endpointId" text not null, primary key ("kind", "value", "endpointId"));
create index endpoint_marks_endpoint on endpoint_marks ("endpointId");
create table endpoint_history ("id" text primary key, "endpointId" text not null, "service" text not null, "atMs" bigint not null, "kind" text not null,
  "text" text not null, "beforeJson" text, "afterJson" text);
create index endpoint_history_endpoint on endpoint_history ("endpointId", "atMs", "id");
create index endpoint_history_at on endpoint_history ("atMs", "id");

create table endpoint_counters ("endpointId" text not null, "widthMs" bigint not null, "bucketMs" bigint not null, ${COUNTS},
  primary key ("endpointId", "widthMs", "bucketMs"));
create index endpoint_counters_age on endpoint_counters ("widthMs", "bucketMs");
create table service_counters ("service" text not null, "widthMs" bigint not null, "bucketMs" bigint not null, ${COUNTS},
  primary key ("widthMs", "bucketMs", "service"));

create table data_sightings ("endpointId" text not null, "phase" text not null, "place" text not null, "path" text not null, "type" text not null,
  "service" text not null, "firstSeenMs" bigint not null, "lastSeenMs" bigint not null, "resumedMs" bigint not null, "count" bigint not null,
  "id" text not null unique, primary key ("endpointId", "phase", "place", "path", "type"));
create index data_sightings_first on data_sightings ("firstSeenMs", "id");
create index data_sightings_resumed on data_sightings ("resumedMs", "id");
create index data_sightings_last on data_sightings ("lastSeenMs", "id");
create index data_sightings_type on data_sightings ("type", "phase", "lastSeenMs", "id");
create table data_counters ("service" text not null, "type" text not null, "phase" text not null, "dayMs" bigint not null, "count" bigint not null,
  primary key ("dayMs", "service", "type", "phase"));

create table findings ("id" text primary key, "atMs" bigint not null, "kind" text not null, "severity" integer not null,
  "confidence" double precision not null, "service" text not null, "endpointId" text, "actorId" text, "client" text, "issueId" text not null,
  "incidentId" text, "source" text not null, "effect" text not null, "bodyJson" text not null);
create index findings_at on findings ("atMs", "id");
create index findings_issue on findings ("issueId", "atMs", "id");
create index findings_actor on findings ("actorId", "atMs", "id");
create index findings_service on findings ("service", "atMs", "id");
create index findings_endpoint on findings ("endpointId", "atMs", "id");
create index findings_kind on findings ("kind", "atMs", "id");
create index findings_incident on findings ("incidentId");

create table issues ("id" text primary key, "fingerprint" text not null unique, "kind" text not null, "title" text not null, "severity" integer not null,
  "confidence" double precision not null, "priority" integer not null, "service" text not null, "endpointId" text, "method" text not null,
  "template" text not null, "actorId" text, "source" text not null, "owasp" text not null, "status" text not null, "live" integer not null,
  "statusAtMs" bigint not null, "statusBy" text not null, "statusReason" text not null, "acceptedUntilMs" bigint, "assignee" text not null,
  "firstSeenMs" bigint not null, "lastSeenMs" bigint not null, "occurrences" bigint not null, "acted" bigint not null, "succeeded" bigint not null,
  "bodyJson" text not null, "evidenceJson" text not null, "search" text not null, "version" integer not null);
create index issues_last on issues ("lastSeenMs", "id");
create index issues_first on issues ("firstSeenMs", "id");
create index issues_priority on issues ("priority", "id");
create index issues_occurrences on issues ("occurrences", "id");
create index issues_live_last on issues ("live", "lastSeenMs", "id");
create index issues_live_priority on issues ("live", "priority", "id");
create index issues_severity on issues ("live", "severity", "lastSeenMs", "id");
create index issues_service on issues ("service", "live", "lastSeenMs", "id");
create index issues_status on issues ("status", "lastSeenMs", "id");
create index issues_kind on issues ("kind", "lastSeenMs", "id");
create index issues_endpoint on issues ("endpointId", "lastSeenMs", "id");
create index issues_actor on issues ("actorId", "lastSeenMs", "id");
create index issues_assignee on issues ("assignee", "lastSeenMs", "id");
create index issues_accepted on issues ("acceptedUntilMs");
create table issue_events ("id" text primary key, "issueId" text not null, "atMs" bigint not null, "kind" text not null, "by" text not null,
  "text" text not null, "detailJson" text);
create index issue_events_issue on issue_events ("issueId", "atMs", "id");
create table issue_counts ("service" text not null, "status" text not null, "severity" integer not null, "count" bigint not null,
  primary key ("service", "status", "severity"));

create table actors ("id" text primary key, "kind" text not null, "value" text not null, "label" text not null, "firstSeenMs" bigint not null,
  "lastSeenMs" bigint not null, "score" integer not null, "state" text not null, "requests" bigint not null, "errors" bigint not null,
  "blocked" bigint not null, "findings" bigint not null, "detailJson" text not null, "search" text not null);
create index actors_score on actors ("score", "id", "search");
create index actors_last on actors ("lastSeenMs", "id");
create index actors_first on actors ("firstSeenMs", "id");
create index actors_requests on actors ("requests", "id");
create index actors_findings on actors ("findings", "id");
create index actors_state on actors ("state", "score", "id");
create table actor_events ("id" text primary key, "actorId" text not null, "atMs" bigint not null, "kind" text not null, "endpointId" text,
  "bodyJson" text not null);
create index actor_events_actor on actor_events ("actorId", "atMs", "id");
create index actor_events_at on actor_events ("atMs");
create table actor_links ("principal" text not null, "address" text not null, "firstSeenMs" bigint not null, "lastSeenMs" bigint not null,
  "count" bigint not null, primary key ("principal", "address"));
create index actor_links_address on actor_links ("address", "lastSeenMs");
create index actor_links_last on actor_links ("lastSeenMs");

create table samples ("id" text primary key, "requestId" text not null, "incidentId" text, "endpointId" text, "service" text not null,
  "method" text not null, "target" text not null, "status" integer not null, "atMs" bigint not null, "actorId" text, "client" text not null,
  "action" text not null, "evidence" integer not null, "bytes" bigint not null, "content" #bytes not null);
create index samples_at on samples ("atMs", "id");
create index samples_endpoint on samples ("endpointId", "atMs", "id");
create index samples_service on samples ("service", "atMs", "id");
create index samples_actor on samples ("actorId", "atMs", "id");
create index samples_request on samples ("requestId");
create index samples_incident on samples ("incidentId");

create table documents ("kind" text not null, "name" text not null, "version" integer not null, "text" text not null, "author" text not null,
  "atMs" bigint not null, "note" text not null, "deleted" integer not null, "latest" integer not null, primary key ("kind", "name", "version"));
create index documents_latest on documents ("kind", "latest", "name");
create table objects ("kind" text not null, "id" text not null, "bodyJson" text not null, "version" integer not null, "createdMs" bigint not null,
  "updatedMs" bigint not null, "updatedBy" text not null, primary key ("kind", "id"));

create table users ("id" text primary key, "name" text not null unique, "email" text not null, "role" text not null, "passwordHash" text,
  "oidcSubject" text unique, "disabled" integer not null, "createdMs" bigint not null, "lastLoginMs" bigint not null, "failedLogins" integer not null,
  "lockedUntilMs" bigint not null, "version" integer not null);
create table sessions ("hash" text primary key, "userId" text not null references users ("id") on delete cascade, "csrf" text not null,
  "createdMs" bigint not null, "expiresMs" bigint not null, "lastUsedMs" bigint not null, "address" text not null, "agent" text not null);
create index sessions_user on sessions ("userId");
create index sessions_expiry on sessions ("expiresMs");
create table sign_in_links ("hash" text primary key, "userName" text not null, "role" text not null, "createdMs" bigint not null,
  "expiresMs" bigint not null, "usedMs" bigint not null);
create table api_tokens ("id" text primary key, "hash" text not null unique, "name" text not null,
  "userId" text references users ("id") on delete cascade, "role" text not null, "scopesJson" text not null, "createdMs" bigint not null,
  "expiresMs" bigint, "lastUsedMs" bigint not null);
create table audit ("id" text primary key, "atMs" bigint not null, "actor" text not null, "action" text not null, "target" text not null,
  "outcome" text not null, "address" text not null, "detailJson" text not null);
create index audit_at on audit ("atMs", "id");
create index audit_actor on audit ("actor", "atMs", "id");
create index audit_target on audit ("target", "atMs", "id");
create table idempotency ("id" text primary key, "atMs" bigint not null, "fingerprint" text not null, "status" integer not null, "body" text not null);
create index idempotency_at on idempotency ("atMs");

create table scans ("id" text primary key, "name" text not null, "service" text not null, "definitionJson" text not null, "cron" text not null,
  "zone" text not null, "enabled" integer not null, "nextRunMs" bigint, "createdMs" bigint not null, "createdBy" text not null,
  "updatedMs" bigint not null, "version" integer not null);
create index scans_next on scans ("nextRunMs");
create index scans_name on scans ("name", "id");
create index scans_updated on scans ("updatedMs", "id");
create table scan_runs ("id" text primary key, "scanId" text not null, "service" text not null, "state" text not null, "trigger" text not null,
  "startedMs" bigint not null, "finishedMs" bigint, "stopRequested" integer not null, "progressJson" text not null, "summaryJson" text not null,
  "checkpoint" #bytes);
create index scan_runs_scan on scan_runs ("scanId", "startedMs", "id");
create index scan_runs_state on scan_runs ("state");
create index scan_runs_started on scan_runs ("startedMs", "id");
create table scan_results ("id" text primary key, "runId" text not null, "testId" text not null, "endpointId" text not null, "verdict" text not null,
  "severity" integer not null, "atMs" bigint not null, "issueId" text, "bodyJson" text not null);
create index scan_results_run on scan_results ("runId", "verdict", "severity", "id");
create index scan_results_severity on scan_results ("runId", "severity", "id");
create index scan_results_at on scan_results ("runId", "atMs", "id");
create table leases ("name" text primary key, "holder" text not null, "expiresMs" bigint not null, "term" bigint not null);
create table outbox ("id" text primary key, "integrationId" text not null, "createdMs" bigint not null, "nextTryMs" bigint not null,
  "attempts" integer not null, "state" text not null, "lastError" text not null, "noticeJson" text not null);
create index outbox_due on outbox ("state", "nextTryMs", "id");
create index outbox_integration on outbox ("integrationId", "createdMs", "id");

create table learned_state ("scope" text not null, "key" text not null, "value" #bytes not null, "updatedMs" bigint not null, primary key ("scope", "key"));
create table processed_batches ("id" text primary key, "atMs" bigint not null);
create index processed_batches_at on processed_batches ("atMs");
create table tallies ("name" text primary key, "value" bigint not null)
`,
  ISSUE_SEARCH,
  `
alter table samples add column "sealed" #bytes;
create index samples_sealed on samples ("atMs") where "sealed" is not null;
create index scan_results_endpoint on scan_results ("endpointId", "atMs", "id")
`,
  // A filter that few rows pass walks a sort order to its end: with the columns it looks at in the index that is a read of the index alone.
  `
drop index issues_priority;
drop index issues_last;
drop index issues_occurrences;
drop index issues_live_last;
drop index issues_live_priority;
drop index issues_severity;
create index issues_by_priority on issues ("priority", "id", "live", "status", "severity", "service", "owasp", "kind");
create index issues_by_last on issues ("lastSeenMs", "id", "live", "status", "severity", "service", "owasp", "kind");
create index issues_by_occurrences on issues ("occurrences", "id", "live", "status", "severity", "service", "owasp", "kind");
create index issues_by_severity on issues ("severity", "id", "live", "status", "service", "owasp", "kind");
drop index endpoints_last;
drop index endpoints_risk;
drop index endpoints_requests;
create index endpoints_by_last on endpoints ("lastSeenMs", "id", "service", "method", "access", "risk", "firstSeenMs");
create index endpoints_by_risk on endpoints ("risk", "id", "service", "method", "access", "firstSeenMs");
create index endpoints_by_requests on endpoints ("requests", "id", "service", "method", "access", "risk", "firstSeenMs");
drop index actors_score;
create index actors_by_score on actors ("score", "id", "kind", "state", "lastSeenMs", "search")
`,
  `
drop index issues_first;
drop index issues_by_priority;
drop index issues_by_last;
drop index issues_by_occurrences;
drop index issues_by_severity;
create index issues_by_first on issues ("firstSeenMs", "id", "live", "status", "severity", "service", "owasp", "kind", "assignee");
create index issues_by_priority on issues ("priority", "id", "live", "status", "severity", "service", "owasp", "kind", "assignee", "firstSeenMs");
create index issues_by_last on issues ("lastSeenMs", "id", "live", "status", "severity", "service", "owasp", "kind", "assignee", "firstSeenMs");
create index issues_by_occurrences on issues ("occurrences", "id", "live", "status", "severity", "service", "owasp", "kind", "assignee", "firstSeenMs");
create index issues_by_severity on issues ("severity", "id", "live", "status", "service", "owasp", "kind", "assignee", "firstSeenMs")
`,
  // The counts say beforehand how many issues a combination has: few are fetched by it, instead of walking a sort order to its end.
  `
drop table issue_counts;
create table issue_counts ("service" text not null, "status" text not null, "severity" integer not null, "kind" text not null, "owasp" text not null,
  "count" bigint not null, primary key ("service", "status", "severity", "kind", "owasp"));
insert into issue_counts select "service", "status", "severity", "kind", "owasp", count(*) from issues group by 1, 2, 3, 4, 5;
drop index issues_service;
drop index issues_status;
drop index issues_kind;
create index issues_facets on issues ("service", "status", "severity", "kind", "owasp", "id");
drop index findings_service;
drop index findings_kind;
create index findings_service on findings ("service", "atMs", "id", "severity", "kind");
create index findings_kind on findings ("kind", "atMs", "id", "severity", "service");
drop index findings_incident;
create index findings_incident on findings ("incidentId") where "incidentId" is not null;
drop index endpoints_first;
drop index endpoints_template;
create index endpoints_by_first on endpoints ("firstSeenMs", "id", "service", "method", "access", "risk");
create index endpoints_by_template on endpoints ("template", "id", "service", "method", "access", "risk", "firstSeenMs");
create index endpoints_by_words on endpoints ("search", "id")
`,
  WORDS_OF_ANY_LENGTH,
];

/** Version of the data this program writes. */
export const FORMAT_VERSION = MIGRATIONS.length;

/** Any number will do, as long as all of weir takes the same one. */
const MIGRATION_LOCK = 7_309_941;

/**
 * Brings the database to `FORMAT_VERSION`; several processes may start at once.
 *
 * @throws StoreError `STORE_NEWER_FORMAT` when a newer weir wrote it; nothing is changed then.
 */
export async function migrate(db: Kysely<Tables>, engine: Engine): Promise<void> {
  await db.transaction().execute(async (trx) => {
    if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(trx);
    await sql`create table if not exists meta ("name" text primary key, "value" text not null)`.execute(trx);
    const found = await currentFormat(trx);
    if (found > FORMAT_VERSION) {
      throw new StoreError(
        'STORE_NEWER_FORMAT',
        `the data has format ${found}, this version of weir knows formats up to ${FORMAT_VERSION}`,
      );
    }
    for (const step of MIGRATIONS.slice(found)) {
      for (const statement of typeof step === 'string' ? step.split(';') : step[engine])
        await sql.raw(statement.replaceAll('#bytes', engine === 'sqlite' ? 'blob' : 'bytea')).execute(trx);
    }
    await trx
      .insertInto('meta')
      .values({ name: 'format', value: String(FORMAT_VERSION) })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: String(FORMAT_VERSION) }))
      .execute();
  });
}

async function currentFormat(db: Transaction<Tables>): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('name', '=', 'format').executeTakeFirst();
  return row === undefined ? 0 : Number(row.value);
}
