import { type Finding, newId, severityRank } from '../exchange/index.js';
import { add, type BulkShape, bulkWrite, type Db, insertOnce } from './bulk.js';
import { type IssueRow, openedIssue, sightedIssue } from './issue-life.js';
import type { Engine, Tables } from './tables.js';
import { actorId, type IssueChange } from './types.js';

/**
 * Keeps findings and files them under their issues, one issue a fingerprint. Safe for several engines at once: an issue's row is locked
 * before it is read.
 */
export async function fileFindings(db: Db, engine: Engine, findings: readonly Finding[], nowMs: number): Promise<readonly IssueChange[]> {
  const groups = new Map<string, Finding[]>();
  for (const raw of findings) {
    const finding = { ...raw, atMs: Math.floor(raw.atMs) };
    const group = groups.get(finding.fingerprint);
    if (group === undefined) groups.set(finding.fingerprint, [finding]);
    else group.push(finding);
  }
  const changes: IssueChange[] = [];
  const tally = new IssueTally();
  const rows = [];
  const opened: Tables['issue_events'][] = [];
  for (const fingerprint of [...groups.keys()].sort()) {
    const group = groups.get(fingerprint)!.sort((a, b) => a.atMs - b.atMs);
    const change = await fileGroup(db, engine, group, nowMs, tally, opened);
    changes.push(change);
    rows.push(...group.map((finding) => findingRow(finding, change.id)));
  }
  await bulkWrite(db, engine, FINDINGS, rows);
  await bulkWrite(db, engine, ISSUE_EVENTS, opened);
  await tally.write(db, engine);
  return changes;
}

async function fileGroup(
  db: Db,
  engine: Engine,
  group: readonly Finding[],
  nowMs: number,
  tally: IssueTally,
  opened: Tables['issue_events'][],
): Promise<IssueChange> {
  const fresh = openedIssue(newId(nowMs), group);
  if (await insertOnce(db, engine, ISSUES, fresh)) {
    tally.add(fresh, 1);
    opened.push({
      id: newId(fresh.firstSeenMs),
      issueId: fresh.id,
      atMs: fresh.firstSeenMs,
      kind: 'opened',
      by: '',
      text: group[0]!.explanation,
      detailJson: null,
    });
    return { id: fresh.id, change: 'opened', findings: group.length };
  }
  const before = await lockIssue(db, 'fingerprint', fresh.fingerprint);
  const after = sightedIssue(before, group);
  await saveIssue(db, before, after, tally);
  const reopened = after.status !== before.status;
  if (reopened) await noteIssue(db, { issueId: after.id, atMs: after.statusAtMs, kind: 'reopened', by: '', text: after.statusReason });
  return { id: after.id, change: reopened ? 'reopened' : 'seen-again', findings: group.length };
}

/** Reads an issue and keeps it locked until the end of the transaction: the update is what locks, in both engines. Undefined rows throw. */
export async function lockIssue(db: Db, by: 'id' | 'fingerprint', value: string): Promise<IssueRow> {
  return db
    .updateTable('issues')
    .set((update) => ({ version: update('version', '+', 0) }))
    .where(by, '=', value)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function saveIssue(db: Db, before: IssueRow, after: IssueRow, tally: IssueTally): Promise<void> {
  const changed = Object.fromEntries(Object.entries(after).filter(([column, value]) => before[column as keyof IssueRow] !== value));
  if (Object.keys(changed).length === 0) return;
  await db.updateTable('issues').set(changed).where('id', '=', after.id).execute();
  tally.add(before, -1);
  tally.add(after, 1);
}

export async function noteIssue(
  db: Db,
  event: {
    readonly issueId: string;
    readonly atMs: number;
    readonly kind: string;
    readonly by: string;
    readonly text: string;
    readonly detail?: unknown;
  },
): Promise<string> {
  const { detail, ...row } = event;
  const id = newId(event.atMs);
  await db
    .insertInto('issue_events')
    .values({ id, ...row, detailJson: detail === undefined ? null : JSON.stringify(detail) })
    .execute();
  return id;
}

/** What issues are counted by, and found by where few have the same. */
export const ISSUE_FACETS = ['service', 'status', 'severity', 'kind', 'owasp'] as const;

/** Changes to the table of issue counts, gathered over a transaction: counting a million rows for every overview would be too slow. */
export class IssueTally {
  readonly #changes = new Map<string, Tables['issue_counts']>();

  add(issue: Pick<IssueRow, (typeof ISSUE_FACETS)[number]>, by: number): void {
    const key = ISSUE_FACETS.map((column) => issue[column]).join('\u0000');
    const change = this.#changes.get(key);
    const { service, status, severity, kind, owasp } = issue;
    if (change) change.count += by;
    else this.#changes.set(key, { service, status, severity, kind, owasp, count: by });
  }

  async write(db: Db, engine: Engine): Promise<void> {
    const rows = [...this.#changes.values()].filter((change) => change.count !== 0);
    await bulkWrite(
      db,
      engine,
      {
        table: 'issue_counts',
        columns: [...ISSUE_FACETS, 'count'],
        key: ISSUE_FACETS,
        onConflict: `do update set ${add('issue_counts', 'count')}`,
      },
      rows,
    );
  }
}

const ISSUES: BulkShape<'issues'> = {
  table: 'issues',
  columns: [
    'id',
    'fingerprint',
    'kind',
    'title',
    'severity',
    'confidence',
    'priority',
    'service',
    'endpointId',
    'method',
    'template',
    'actorId',
    'source',
    'owasp',
    'status',
    'live',
    'statusAtMs',
    'statusBy',
    'statusReason',
    'acceptedUntilMs',
    'assignee',
    'firstSeenMs',
    'lastSeenMs',
    'occurrences',
    'acted',
    'succeeded',
    'bodyJson',
    'evidenceJson',
    'search',
    'version',
  ],
  key: ['fingerprint'],
  onConflict: 'do nothing',
};

const ISSUE_EVENTS: BulkShape<'issue_events'> = {
  table: 'issue_events',
  columns: ['id', 'issueId', 'atMs', 'kind', 'by', 'text', 'detailJson'],
  key: ['id'],
  onConflict: 'do nothing',
};

const FINDINGS: BulkShape<'findings'> = {
  table: 'findings',
  columns: [
    'id',
    'atMs',
    'kind',
    'severity',
    'confidence',
    'service',
    'endpointId',
    'actorId',
    'client',
    'issueId',
    'incidentId',
    'source',
    'effect',
    'bodyJson',
  ],
  key: ['id'],
  onConflict: 'do nothing',
};

function findingRow(finding: Finding, issueId: string) {
  return {
    id: finding.id,
    atMs: finding.atMs,
    kind: finding.kind,
    severity: severityRank(finding.severity),
    confidence: finding.confidence,
    service: finding.service,
    endpointId: finding.endpoint?.id ?? null,
    actorId: finding.actor && actorId(finding.actor),
    client: finding.client,
    issueId,
    incidentId: finding.incidentId ?? null,
    source: `${finding.source.kind}:${finding.source.id}`,
    effect: finding.effect,
    bodyJson: JSON.stringify(finding),
  };
}
