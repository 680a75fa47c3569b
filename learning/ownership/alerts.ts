import { type AccessVerdict, type Finding, findingOf, type Observation } from '../../exchange/index.js';
import { NAMELESS_CONFIDENCE } from './judge.js';
import { PERSON } from './knowledge.js';
import type { People, Person } from './people.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Of somebody of whom nothing is known yet, who may be staff as well as a thief, this share of the confidence is left while the service is young. */
const NEWCOMER = 0.55;
/** Exchanges of known callers until the model no longer counts as young. */
const YOUNG_UNTIL = 1_500;

/**
 * The verdict as people should hear of it. What only alerts may rest on more than what blocks: on how scattered the objects of a nameless caller are.
 */
export function alertOf(
  verdict: AccessVerdict | null,
  person: Person | null,
  people: People,
  exchangesSeen: number,
  isWrite: boolean,
): AccessVerdict | null {
  if (person === null) return null;
  if (verdict !== null && (verdict.relation === 'own' || verdict.relation === 'privileged')) return null;
  if (verdict !== null && (verdict.confidence === NAMELESS_CONFIDENCE || (isWrite && verdict.relation === 'unknown'))) {
    const { owners, top } = people.scatter(person);
    if (owners >= 4 && top < 0.5)
      return {
        ...verdict,
        relation: 'foreign',
        confidence: 0.6,
        explanation: `this caller has no name, and reached ${verdict.resource} objects of ${owners} owners, the most frequent one in ${Math.round(top * 100)} % of the cases`,
      };
  }
  const isYoung = exchangesSeen < YOUNG_UNTIL;
  const isNewcomer = isYoung && verdict !== null && !verdict.enforceable && person.owned === 0 && (person.flags & PERSON.established) === 0;
  return isNewcomer ? { ...verdict, confidence: verdict.confidence * NEWCOMER } : verdict;
}

/** A verdict as a finding. */
export function accessFinding({ exchange, endpoint }: Observation, method: string, verdict: AccessVerdict): Finding {
  const kind =
    verdict.form !== undefined
      ? 'bola.polluted-id'
      : !SAFE.has(method)
        ? 'bola.foreign-write'
        : verdict.location.in === 'path'
          ? 'bola.foreign-object'
          : 'bola.swapped-id';
  return findingOf({
    kind,
    source: { kind: 'detector', id: 'foreign-object' },
    exchange,
    endpoint,
    explanation: verdict.explanation,
    confidence: verdict.confidence,
    subject: verdict.resource,
    evidence: [{ location: verdict.location, excerpt: verdict.resource }],
    effect: exchange.outcome.action === 'blocked' ? 'acted' : verdict.enforceable ? 'would-act' : 'none',
  });
}
