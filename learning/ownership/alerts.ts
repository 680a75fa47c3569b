import { type AccessVerdict, type Finding, findingOf, type Observation } from '../../exchange/index.js';
import { PERSON } from './knowledge.js';
import type { Scatter } from './person.js';
import type { Reading, Signs } from './reading.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Of somebody of whom nothing is known yet, who may be staff as well as a thief, this share of the confidence is left while the service is young. */
const NEWCOMER = 0.55;
/** By how many ids of objects of unknown owners somebody stands out. */
const MANY_UNKNOWN = 4;
/** Exchanges of known callers until the model no longer counts as young. */
const YOUNG_UNTIL = 1_500;

/**
 * The verdict as people should hear of it. What only alerts may rest on more than what blocks: on how scattered the objects of a nameless caller are.
 */
export function alertOf(
  verdict: AccessVerdict | null,
  { person, signs }: Pick<Reading, 'person' | 'signs'>,
  exchangesSeen: number,
): AccessVerdict | null {
  if (person === null || verdict === null || verdict.relation === 'privileged') return null;
  if (verdict.relation === 'own') return null;
  if (verdict.relation === 'unknown' && signs.scatter !== null) return ofNameless(verdict, signs.scatter);
  if (verdict.relation === 'unknown' && signs.unknowns !== null) return ofUnknown(verdict, signs.unknowns);
  const isYoung = exchangesSeen < YOUNG_UNTIL;
  const isNewcomer = isYoung && !verdict.enforceable && person.owned === 0 && (person.flags & PERSON.established) === 0;
  return isNewcomer ? { ...verdict, confidence: verdict.confidence * NEWCOMER } : verdict;
}

/** Nobody knows whose the object is; but hardly anybody names as many such objects here. */
function ofUnknown(verdict: AccessVerdict, { named, usual, people }: NonNullable<Signs['unknowns']>): AccessVerdict {
  if (named < usual + MANY_UNKNOWN) return verdict;
  return {
    ...verdict,
    relation: 'enumeration',
    confidence: 0.55,
    explanation: `this caller named ${named} ${verdict.resource} ids here that were never handed to anybody; nine of ten of ${people} people name at most ${usual}`,
  };
}

/** At a private place everybody mostly reaches objects of one owner, themselves. */
function ofNameless(verdict: AccessVerdict, { owners, top, isUsual }: Scatter): AccessVerdict {
  const scattered = owners >= 3 && top <= 0.5;
  if (!scattered && (owners < 2 || isUsual)) return verdict;
  const share = Math.round(top * 100);
  return {
    ...verdict,
    relation: 'foreign',
    confidence: scattered ? 0.6 : 0.55,
    explanation: scattered
      ? `this caller has no name, and reached ${verdict.resource} objects of ${owners} owners, the most frequent one in ${share} % of the cases`
      : `this caller has no name, and reached ${verdict.resource} objects of one owner in ${share} % of the cases, but this one is somebody else's`,
  };
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
