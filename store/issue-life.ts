/**
 * The life of an issue, as values: what a first finding opens, what a further one changes, what a person may set.
 *
 * open → accepted (with a reason, perhaps until a date) | fixed → reopened when it is seen after the fix, or after the acceptance ran out.
 */
import { type Finding, kindOf, severityRank } from '../exchange/index.js';
import type { Tables } from './tables.js';
import { actorId, type IssueEvidence, type IssueStatus } from './types.js';

export type IssueRow = Tables['issues'];

const MAX_EVIDENCE = 5;
/** By severity rank, info to critical. */
const WEIGHT: readonly number[] = [10, 25, 50, 75, 100];

/** Severity × confidence, 0–100: a critical finding of confidence 0.5 comes level with a medium one that is certain. */
export function issuePriority(rank: number, confidence: number): number {
  return Math.round((WEIGHT[rank] ?? 0) * confidence);
}

/** Does it still want somebody's attention? */
export const isLive = (status: string): boolean => status === 'open' || status === 'reopened';

/** The issue that a group of findings of one fingerprint opens. `group` is in order of time and not empty. */
export function openedIssue(id: string, group: readonly Finding[]): IssueRow {
  const first = group[0]!;
  const last = group.at(-1)!;
  const named = naming(group);
  const severity = Math.max(...group.map((finding) => severityRank(finding.severity)));
  const confidence = Math.max(...group.map((finding) => finding.confidence));
  return {
    id,
    fingerprint: first.fingerprint,
    ...nameOf(named),
    severity,
    confidence,
    priority: issuePriority(severity, confidence),
    service: last.service,
    endpointId: last.endpoint?.id ?? null,
    method: last.endpoint?.method ?? '',
    template: last.endpoint?.template ?? '',
    actorId: last.actor && actorId(last.actor),
    status: 'open',
    live: 1,
    statusAtMs: first.atMs,
    statusBy: '',
    statusReason: '',
    acceptedUntilMs: null,
    assignee: '',
    firstSeenMs: first.atMs,
    lastSeenMs: last.atMs,
    occurrences: group.length,
    ...effects(group),
    bodyJson: texts(named),
    evidenceJson: JSON.stringify(withEvidence([], group)),
    version: 1,
  };
}

/** The issue after further findings. Severity and confidence only rise; findings that came late (older than the last) move no date forward. */
export function sightedIssue(issue: IssueRow, group: readonly Finding[]): IssueRow {
  const last = group.at(-1)!;
  const severity = Math.max(issue.severity, ...group.map((finding) => severityRank(finding.severity)));
  const confidence = Math.max(issue.confidence, ...group.map((finding) => finding.confidence));
  const { acted, succeeded } = effects(group);
  const newer = last.atMs >= issue.lastSeenMs;
  const named = naming(group);
  const saysMore = kindOf(issue.kind).lessThan === named.kind;
  const saysLess = kindOf(named.kind).lessThan === issue.kind;
  return {
    ...issue,
    ...(saysMore ? nameOf(named) : {}),
    severity,
    confidence,
    priority: issuePriority(severity, confidence),
    actorId: newer && last.actor ? actorId(last.actor) : issue.actorId,
    firstSeenMs: Math.min(issue.firstSeenMs, group[0]!.atMs),
    lastSeenMs: Math.max(issue.lastSeenMs, last.atMs),
    occurrences: issue.occurrences + group.length,
    acted: issue.acted + acted,
    succeeded: issue.succeeded + succeeded,
    bodyJson: saysMore || (newer && !saysLess) ? texts(named) : issue.bodyJson,
    evidenceJson: JSON.stringify(withEvidence(JSON.parse(issue.evidenceJson) as IssueEvidence[], group)),
    ...reopening(issue, last.atMs),
  };
}

function reopening(issue: IssueRow, seenMs: number): Partial<IssueRow> {
  const fixWasWrong = issue.status === 'fixed' && seenMs > issue.statusAtMs;
  const acceptanceOver = issue.status === 'accepted' && issue.acceptedUntilMs !== null && seenMs > issue.acceptedUntilMs;
  if (!fixWasWrong && !acceptanceOver) return {};
  return {
    status: 'reopened',
    live: 1,
    statusAtMs: seenMs,
    statusBy: '',
    statusReason: fixWasWrong ? 'Seen again after it was marked as fixed.' : 'Seen again after its acceptance ran out.',
    acceptedUntilMs: null,
  };
}

/** The issue after a person (or a scan that proved the fix) set its status. */
export function decidedIssue(
  issue: IssueRow,
  decision: {
    readonly status: IssueStatus;
    readonly by: string;
    readonly reason: string;
    readonly atMs: number;
    readonly untilMs: number | null;
  },
): IssueRow {
  return {
    ...issue,
    status: decision.status,
    live: Number(isLive(decision.status)),
    statusAtMs: decision.atMs,
    statusBy: decision.by,
    statusReason: decision.reason,
    acceptedUntilMs: decision.status === 'accepted' ? decision.untilMs : null,
    version: issue.version + 1,
  };
}

function effects(group: readonly Finding[]): { readonly acted: number; readonly succeeded: number } {
  return {
    acted: group.filter((finding) => finding.effect === 'acted').length,
    succeeded: group.filter((finding) => finding.succeeded === true).length,
  };
}

/** Of a group in order of time, the finding that says what its issue is: the last, unless one says more of the same flaw. */
function naming(group: readonly Finding[]): Finding {
  return group.findLast(({ kind }) => kindOf(kind).lessThan === undefined) ?? group.at(-1)!;
}

/** What an issue is called, found and filtered by. */
function nameOf({ kind, title, owasp, service, endpoint, source: { kind: from, id } }: Finding) {
  const source = `${from}:${id}`;
  const search = [title, kind, service, endpoint?.method, endpoint?.template, source].join(' ').toLowerCase();
  return { kind, title, owasp: owasp ?? '', source, search };
}

function texts(finding: Finding): string {
  return JSON.stringify({ explanation: finding.explanation, remediation: finding.remediation, cwe: finding.cwe ?? '' });
}

/** The first proof stays for ever, the others are the latest. */
function withEvidence(kept: readonly IssueEvidence[], group: readonly Finding[]): readonly IssueEvidence[] {
  const needed = group.length <= MAX_EVIDENCE ? group : [group[0]!, ...group.slice(-(MAX_EVIDENCE - 1))];
  const all = [...kept, ...needed.map(proofOf)];
  return all.length <= MAX_EVIDENCE ? all : [all[0]!, ...all.slice(-(MAX_EVIDENCE - 1))];
}

function proofOf(finding: Finding): IssueEvidence {
  const { id, atMs, explanation, actor, exchangeIds, requestIds, beforeIds = [], evidence } = finding;
  return { findingId: id, atMs, explanation, actor, exchangeIds, requestIds, beforeIds, evidence };
}
