import type { Severity } from '../exchange/index.js';

interface NoticeBase {
  /** Unique; the same on every try, so that a receiver can tell a repetition. */
  readonly id: string;
  /** Unix epoch ms. */
  readonly atMs: number;
  readonly severity: Severity;
  /** Null: concerns no service in particular. */
  readonly service: string | null;
  /** One line. */
  readonly title: string;
  /** One to three sentences. */
  readonly text: string;
  /** Page of the admin UI; null when weir does not know its own address. */
  readonly url: string | null;
}

export interface NoticeEvidence {
  /** `response body items[*].ssn`. */
  readonly place: string;
  /** Redacted. */
  readonly excerpt: string;
  readonly type: string | null;
}

/** An issue was opened, came back, or was sent by a person. */
export interface IssueNotice extends NoticeBase {
  readonly kind: 'issue';
  readonly change: 'opened' | 'reopened' | 'sent';
  readonly issueId: string;
  /** Kind of the finding: `bola.foreign-object`. */
  readonly issueKind: string;
  readonly method: string;
  readonly template: string;
  readonly actor: string | null;
  readonly owasp: string;
  readonly cwe: string;
  /** 0–1. */
  readonly confidence: number;
  readonly occurrences: number;
  readonly remediation: string;
  readonly evidence: readonly NoticeEvidence[];
  /** Who sent it; empty for weir itself. */
  readonly by: string;
}

/** Somebody is kept out from now on. */
export interface BlockNotice extends NoticeBase {
  readonly kind: 'block';
  readonly blockId: string;
  readonly scopeKind: string;
  readonly scopeValue: string;
  readonly reason: string;
  readonly origin: string;
  readonly by: string;
  /** Null: until somebody removes it. */
  readonly expiresAtMs: number | null;
}

/** An actor's score rose over the threshold. */
export interface ActorNotice extends NoticeBase {
  readonly kind: 'actor';
  readonly actorId: string;
  /** 0–100. */
  readonly score: number;
}

/** A capture source or an upstream does not work as it should. */
export interface SourceNotice extends NoticeBase {
  readonly kind: 'source';
  readonly source: string;
  readonly problem: string;
}

/** Sent by a person to see whether it arrives. */
export interface TestNotice extends NoticeBase {
  readonly kind: 'test';
}

/**
 * What integrations deliver. Plain JSON, kept in the store until it is delivered. It holds no captured value: excerpts are redacted before they
 * come here, texts never hold what was matched.
 */
export type Notice = IssueNotice | BlockNotice | ActorNotice | SourceNotice | TestNotice;

/** What the notice is about: equal for all notices of one issue, block, actor or source. For tickets and alerts that are updated. */
export function subjectOf(notice: Notice): string {
  switch (notice.kind) {
    case 'issue':
      return `weir-issue-${notice.issueId}`;
    case 'block':
      return `weir-block-${notice.blockId}`;
    case 'actor':
      return `weir-actor-${notice.actorId}`;
    case 'source':
      return `weir-source-${notice.source}`;
    case 'test':
      return 'weir-test';
  }
}

const utc = (ms: number): string => new Date(ms).toISOString();

/** Label and value of what a person wants to see below the text, in order. */
export function factsOf(notice: Notice): readonly (readonly [label: string, value: string])[] {
  const facts: [string, string][] = [['Severity', notice.severity]];
  if (notice.service !== null) facts.push(['Service', notice.service]);
  switch (notice.kind) {
    case 'issue':
      facts.push(['Endpoint', `${notice.method} ${notice.template}`.trim()], ['Actor', notice.actor ?? '']);
      facts.push(['Kind', notice.issueKind], ['OWASP', notice.owasp], ['CWE', notice.cwe]);
      facts.push(['Confidence', `${Math.round(notice.confidence * 100)} %`], ['Seen', `${notice.occurrences}×`]);
      facts.push(['Sent by', notice.by]);
      break;
    case 'block':
      facts.push(
        ['Blocked', `${notice.scopeKind} ${notice.scopeValue}`],
        ['Reason', notice.reason],
        ['By', `${notice.origin} ${notice.by}`],
      );
      facts.push(['Until', notice.expiresAtMs === null ? 'removed by somebody' : utc(notice.expiresAtMs)]);
      break;
    case 'actor':
      facts.push(['Actor', notice.actorId], ['Score', `${notice.score} of 100`]);
      break;
    case 'source':
      facts.push(['Source', notice.source], ['Problem', notice.problem]);
      break;
    case 'test':
      break;
  }
  facts.push(['Time', utc(notice.atMs)]);
  return facts.filter(([, value]) => value !== '');
}

/** The whole notice as plain text: what tickets hold. */
export function plainText(notice: Notice): string {
  const parts = [
    notice.text,
    factsOf(notice)
      .map(([label, value]) => `${label}: ${value}`)
      .join('\n'),
  ];
  if (notice.kind === 'issue') {
    if (notice.evidence.length > 0) parts.push(`Evidence (redacted):\n${notice.evidence.map(evidenceLine).join('\n')}`);
    if (notice.remediation !== '') parts.push(`What to do: ${notice.remediation}`);
  }
  if (notice.url !== null) parts.push(notice.url);
  return parts.join('\n\n');
}

export const evidenceLine = (proof: NoticeEvidence): string =>
  `- ${proof.place}: ${proof.excerpt}${proof.type === null ? '' : ` (${proof.type})`}`;

/** At most `length` characters, with … where it was cut. */
export const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
