import { type AccessVerdict, type Finding, findingOf, type KindId, type Observation } from '../../exchange/index.js';
import { PERSON } from './knowledge.js';
import type { Scatter } from './person.js';
import type { Reading, Signs } from './reading.js';

/** Of somebody of whom nothing is known yet, who may be staff as well as a thief, this share of the confidence is left while the service is young. */
const NEWCOMER = 0.55;
/** By how many ids of objects of unknown owners somebody stands out: with a name, and without one, when their own objects are unknown as well. */
const MANY = { named: 1, nameless: 4 };
/** No more than so many are counted of one person. */
const MOST_COUNTED = 8;
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
  if (verdict.relation === 'enumeration') return ofGuess(verdict, person.misses);
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

const atMost = (count: number): string => (count === 0 ? 'none' : `at most ${count}`);

/** The caller is guessing: `misses` are its misses in a row, less what successes between them took back. */
function ofGuess(verdict: AccessVerdict, misses: number): AccessVerdict {
  const tried = Math.max(2, Math.round(misses));
  return {
    ...verdict,
    explanation: `this caller just tried about ${tried} ids that do not exist or were never handed to anybody, this ${verdict.resource} among them`,
  };
}

/** Nobody knows whose the object is; but hardly anybody names as many such objects here. */
function ofUnknown(verdict: AccessVerdict, { named, usual, people }: NonNullable<Signs['strange']>, many: number): AccessVerdict {
  // Where people often do, chance alone makes some name one more.
  if (named < Math.min(usual + many + Math.floor(usual / 4), Math.max(usual + 1, MOST_COUNTED))) return verdict;
  return {
    ...verdict,
    relation: 'enumeration',
    confidence: 0.55,
    explanation: `this caller named ${named} ${verdict.resource} ${named === 1 ? 'id here that was' : 'ids here that were'} never handed to anybody; of ${people} people nineteen in twenty name ${atMost(usual)}`,
  };
}

/** Some people reach objects of others here, but hardly anybody as many. */
function ofForeign(verdict: AccessVerdict, { named, usual, people }: NonNullable<Signs['strange']>): AccessVerdict {
  if (named < usual + MANY_FOREIGN) return verdict;
  return {
    ...verdict,
    confidence: 0.55,
    explanation: `this caller reached ${named} ${verdict.resource} ${named === 1 ? 'object' : 'objects'} of others here; of ${people} people nineteen in twenty reach ${atMost(usual)}`,
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

/** What of an access says what to call it. */
export interface AccessFacts {
  readonly mutates: boolean;
  /** The path leads to the object through one of the caller's own. */
  readonly isBelowOwn: boolean;
  /** The caller goes through ids. */
  readonly isGuess: boolean;
}

/** A verdict as a finding. */
export function accessFinding({ exchange, endpoint }: Observation, verdict: AccessVerdict, facts: AccessFacts): Finding {
  const kind = kindOf(verdict, facts);
  return findingOf({
    kind,
    source: { kind: 'detector', id: 'foreign-object' },
    exchange,
    endpoint,
    explanation: verdict.explanation,
    confidence: verdict.confidence,
    // Ids that are gone through are one matter, whatever they are ids of; the detector of enumeration tells of it as well.
    ...(kind === 'bola.enumeration' ? {} : { subject: verdict.resource }),
    evidence: [{ location: verdict.location, excerpt: verdict.resource }],
    effect: exchange.outcome.action === 'blocked' ? 'acted' : verdict.enforceable ? 'would-act' : 'none',
  });
}

function kindOf({ form, relation, location }: AccessVerdict, { mutates, isBelowOwn, isGuess }: AccessFacts): KindId {
  if (form !== undefined) return 'bola.polluted-id';
  if (isGuess) return 'bola.enumeration';
  // Nobody said that it is somebody else's.
  if (relation === 'enumeration') return 'bola.unlisted-id';
  if (mutates) return 'bola.foreign-write';
  if (relation === 'unknown') return 'bola.unlisted-id';
  if (location.in !== 'path') return 'bola.swapped-id';
  return isBelowOwn ? 'bola.nested-mismatch' : 'bola.foreign-object';
}
