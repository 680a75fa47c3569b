import { type AccessVerdict, type Finding, findingOf, type Observation } from '../../exchange/index.js';
import { PERSON } from './knowledge.js';
import type { Scatter } from './person.js';
import type { Reading, Signs } from './reading.js';

/** Of somebody of whom nothing is known yet, who may be staff as well as a thief, this share of the confidence is left while the service is young. */
const NEWCOMER = 0.55;
/** By how many ids of objects of unknown owners somebody stands out: with a name, and without one, when their own objects are unknown as well. */
const MANY = { named: 1, nameless: 4 };
/** The same of objects of others where some people do reach such ones, and what a single such access is less than. */
const MANY_FOREIGN = 2;
const FEW_FOREIGN = 0.5;
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
  if (verdict.relation === 'unknown' && signs.strange?.sort === 'unknown')
    return ofUnknown(verdict, signs.strange, (person.flags & PERSON.identified) === 0 ? MANY.nameless : MANY.named);
  if (verdict.relation === 'foreign' && verdict.confidence < FEW_FOREIGN && signs.strange?.sort === 'foreign')
    return ofForeign(verdict, signs.strange);
  const isYoung = exchangesSeen < YOUNG_UNTIL;
  const isNewcomer = isYoung && !verdict.enforceable && person.owned === 0 && (person.flags & PERSON.established) === 0;
  return isNewcomer ? { ...verdict, confidence: verdict.confidence * NEWCOMER } : verdict;
}

/**
 * Whether the next objects are to be refused sooner because of this alert. Staff without a name reach objects of many owners, too; a form of an id that nobody else
 * uses is no part of their job.
 */
export function castsSuspicion({ form }: AccessVerdict, { scatter }: Signs): boolean {
  return scatter === null || form !== undefined;
}

/** Nobody knows whose the object is; but hardly anybody names as many such objects here. */
function ofUnknown(verdict: AccessVerdict, { named, usual, people }: NonNullable<Signs['strange']>, many: number): AccessVerdict {
  if (named < usual + many) return verdict;
  return {
    ...verdict,
    relation: 'enumeration',
    confidence: 0.55,
    explanation: `this caller named ${named} ${verdict.resource} ids here that were never handed to anybody; nineteen of twenty of ${people} people name at most ${usual}`,
  };
}

/** Some people reach objects of others here, but hardly anybody as many. */
function ofForeign(verdict: AccessVerdict, { named, usual, people }: NonNullable<Signs['strange']>): AccessVerdict {
  if (named < usual + MANY_FOREIGN) return verdict;
  return {
    ...verdict,
    confidence: 0.55,
    explanation: `this caller reached ${named} ${verdict.resource} objects of others here; nineteen of twenty of ${people} people reach at most ${usual}`,
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
export function accessFinding({ exchange, endpoint }: Observation, mutates: boolean, verdict: AccessVerdict): Finding {
  const kind =
    verdict.form !== undefined
      ? 'bola.polluted-id'
      : mutates
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
