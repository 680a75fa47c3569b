/** From what weir keeps to what it tells, and whom. */
import { newId, type Severity, severityRank } from '../exchange/index.js';
import type { Issue } from '../store/index.js';
import type { IssueNotice, Notice, TestNotice } from './notice.js';

const MAX_EVIDENCE = 3;

/** The issue as it stands now, as a notice. `publicUrl` is the address of the admin UI. */
export function noticeOfIssue(
  issue: Issue,
  change: IssueNotice['change'],
  options: { readonly publicUrl: string | null; readonly nowMs: number; readonly by?: string },
): IssueNotice {
  const endpoint = `${issue.method} ${issue.template}`.trim();
  const latest = issue.evidence.at(-1);
  return {
    id: newId(options.nowMs),
    kind: 'issue',
    change,
    atMs: change === 'opened' ? issue.firstSeenMs : change === 'reopened' ? issue.statusAtMs : options.nowMs,
    severity: issue.severity,
    service: issue.service,
    title: `${change === 'reopened' ? 'Reopened: ' : ''}${issue.title}${endpoint === '' ? '' : ` (${endpoint})`}`,
    text: issue.explanation,
    url: options.publicUrl === null ? null : `${options.publicUrl.replace(/\/$/, '')}/issues/${issue.id}`,
    issueId: issue.id,
    issueKind: issue.kind,
    method: issue.method,
    template: issue.template,
    actor: latest?.actor?.label ?? issue.actorId,
    owasp: issue.owasp,
    cwe: issue.cwe,
    confidence: issue.confidence,
    occurrences: issue.occurrences,
    remediation: issue.remediation,
    evidence: (latest?.evidence ?? []).slice(0, MAX_EVIDENCE).map(({ location, excerpt, type }) => ({
      place: [location.phase, location.in, location.path].filter(Boolean).join(' '),
      excerpt,
      type: type ?? null,
    })),
    by: options.by ?? '',
  };
}

/** Which notices an integration is told. */
export interface NoticeFilter {
  readonly enabled: boolean;
  readonly minSeverity: Severity;
  /** Empty: all. */
  readonly services: readonly string[];
}

/** Notices that concern no service in particular go to everybody whose severity they reach. */
export function isWanted(filter: NoticeFilter, notice: Notice): boolean {
  if (!filter.enabled || severityRank(notice.severity) < severityRank(filter.minSeverity)) return false;
  return filter.services.length === 0 || notice.service === null || filter.services.includes(notice.service);
}

export function testNotice(options: { readonly publicUrl: string | null; readonly nowMs: number }): TestNotice {
  return {
    id: newId(options.nowMs),
    kind: 'test',
    atMs: options.nowMs,
    severity: 'info',
    service: null,
    title: 'Test notice from weir',
    text: 'This integration works: notices of weir arrive here.',
    url: options.publicUrl,
  };
}
