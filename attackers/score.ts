import { type Finding, KINDS, type KindId, type Severity } from '../exchange/index.js';

/**
 * The actor score, 0–100. The formula stands here and, in words, in docs/actor-score.md.
 *
 *     points(finding) = weight(severity) × confidence × success × 2^(−age / 24 h)
 *     points(kind)    = Σ points(finding, strongest first) ÷ position
 *     total           = Σ points(kind) × (1 + 0.15 × (families − 1), at most 1.6)
 *     score           = 100 × (1 − e^(−total / 60))
 *
 * Strongest first, divided by position: the hundredth probe of one kind says little more than the tenth. Diversity: somebody who tries SQL
 * injection, other people's orders and an admin route is no user with a broken client.
 */
export const SCORE = {
  severityPoints: { info: 1, low: 5, medium: 15, high: 35, critical: 60 } satisfies Record<Severity, number>,
  /** The attempt got through, cannot be said, or did not. */
  success: { yes: 1.5, unknown: 1, no: 0.6 },
  halfLifeMs: 24 * 3_600_000,
  diversityStep: 0.15,
  diversityMost: 1.6,
  scale: 60,
} as const;

/** What the formula needs of a finding. */
export type ScoredFinding = Pick<Finding, 'id' | 'kind' | 'atMs' | 'severity' | 'confidence' | 'succeeded'>;

export interface ScoreReason {
  readonly kind: string;
  readonly findings: number;
  readonly points: number;
  /** One sentence with the numbers. */
  readonly text: string;
}

export interface ActorScore {
  /** Whole number, 0–100. */
  readonly score: number;
  /** Strongest first. */
  readonly reasons: readonly ScoreReason[];
}

/** Findings that are the API's fault and not the caller's: they say nothing about the actor. */
const NOT_THE_ACTOR = /^(data|inventory|scan|error)\.|^auth\.(missing|weakened|jwt-weak)$|^policy\.response$/;

export function countsAgainstActor(kind: string): boolean {
  return !NOT_THE_ACTOR.test(kind);
}

/** Pure: the same findings and time give the same score, in any order. */
export function scoreActor(findings: readonly ScoredFinding[], nowMs: number): ActorScore {
  const byKind = new Map<string, { points: number[]; succeeded: number; lastMs: number }>();
  for (const finding of findings) {
    if (!countsAgainstActor(finding.kind)) continue;
    const kind = byKind.get(finding.kind) ?? { points: [], succeeded: 0, lastMs: 0 };
    byKind.set(finding.kind, kind);
    kind.points.push(pointsOf(finding, nowMs));
    if (finding.succeeded === true) kind.succeeded++;
    kind.lastMs = Math.max(kind.lastMs, finding.atMs);
  }
  const families = new Set([...byKind.keys()].map((kind) => kind.split('.')[0])).size;
  const diversity = Math.min(SCORE.diversityMost, 1 + SCORE.diversityStep * Math.max(0, families - 1));
  let total = 0;
  const reasons: ScoreReason[] = [];
  for (const [kind, { points, succeeded, lastMs }] of byKind) {
    const sum = points.sort((a, b) => b - a).reduce((soFar, one, index) => soFar + one / (index + 1), 0) * diversity;
    total += sum;
    const ageMin = Math.max(0, Math.round((nowMs - lastMs) / 60_000));
    const text = `${points.length} × ${titleOf(kind)}, ${succeeded === 0 ? 'none' : succeeded} got through, last ${ageMin === 0 ? 'just now' : `${ageMin} min ago`}`;
    reasons.push({ kind, findings: points.length, points: Math.round(sum * 10) / 10, text });
  }
  reasons.sort((a, b) => b.points - a.points || (a.kind < b.kind ? -1 : 1));
  return { score: Math.round(100 * (1 - Math.exp(-total / SCORE.scale))), reasons };
}

/** What people call it; kinds of one's own are called by their id. */
export const titleOf = (kind: string): string => (Object.hasOwn(KINDS, kind) ? KINDS[kind as KindId].title : kind);

function pointsOf(finding: ScoredFinding, nowMs: number): number {
  const success = finding.succeeded === null ? SCORE.success.unknown : finding.succeeded ? SCORE.success.yes : SCORE.success.no;
  const confidence = Math.min(1, Math.max(0, finding.confidence));
  const ageMs = Math.max(0, nowMs - finding.atMs);
  return SCORE.severityPoints[finding.severity] * confidence * success * 2 ** (-ageMs / SCORE.halfLifeMs);
}
