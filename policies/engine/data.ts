import type { Condition } from '../language/conditions.js';
import type { Check, Needs } from './checks.js';
import type { DataArea, PlacedMatch } from './facts.js';
import { NO, type Scope, YES } from './scope.js';
import { checkNames, undecidedBytes } from './selectors.js';
import { asList, compileGlobs } from './values.js';

const DEFAULT_CONFIDENCE = 0.5;
const NOTHING_FOUND: PlacedMatch[] = [];

/** Compiles a condition on data types. */
export function compileData(source: NonNullable<Condition['data']>, phase: 'request' | 'response', scope: Scope, needs: Needs): Check {
  const { classifier } = scope.tools;
  const ids = classifier.types.map((type) => type.id);
  if (source.types !== undefined) checkNames(source.types, ids, 'data type', scope.at('types'));
  if (source.notTypes !== undefined) checkNames(source.notTypes, ids, 'data type', scope.at('notTypes'));
  if (source.classes !== undefined)
    checkNames(source.classes, [...new Set(classifier.types.map((type) => type.family))], 'class of data types', scope.at('classes'));
  const named = source.types === undefined ? null : compileGlobs(source.types, false);
  const left = source.notTypes === undefined ? null : compileGlobs(source.notTypes, false);
  const classed = source.classes === undefined ? null : compileGlobs(source.classes, false);
  const sensitivities = source.sensitivity === undefined ? null : new Set<string>(asList(source.sensitivity));
  const wanted = new Set(
    classifier.types
      .filter((type) => (named === null && classed === null) || named?.(type.id) === true || classed?.(type.family) === true)
      .filter((type) => sensitivities === null || sensitivities.has(type.sensitivity))
      .filter((type) => left === null || !left(type.id))
      .map((type) => type.id),
  );
  const areas: readonly DataArea[] = source.in === undefined ? ['body'] : asList(source.in);
  if (areas.includes('body')) {
    if (phase === 'request') needs.requestBody = true;
    else needs.responseBody = true;
  }
  const least = source.atLeast ?? 1;
  const distinct = source.distinct ?? 1;
  const confidence = source.confidence ?? DEFAULT_CONFIDENCE;

  return (facts, hit) => {
    let found: PlacedMatch[] = NOTHING_FOUND;
    for (const area of areas) {
      for (const one of facts.data(area)) {
        if (one.match.confidence < confidence || !wanted.has(one.match.type)) continue;
        if (found === NOTHING_FOUND) found = [];
        found.push(one);
      }
    }
    if (found === NOTHING_FOUND) return (areas.includes('body') ? undecidedText(facts) : null) ?? NO;
    const total = found.reduce((sum, one) => sum + one.count, 0);
    const enough = total >= least && (distinct === 1 || differentValues(found, total) >= distinct);
    if (!enough) return (areas.includes('body') ? undecidedText(facts) : null) ?? NO;
    for (const one of found) {
      hit.add({
        in: one.in,
        path: one.path,
        value: one.value,
        type: one.match.type,
        ...(one.in === 'query' || one.in === 'path' ? { phase: 'request' as const } : {}),
      });
      if (one.in === 'body') hit.spans.push({ start: one.match.start, end: one.match.end, wrapped: one.match.via !== null });
      else if (one.in === 'header') hit.headers.push(one.path);
    }
    // The surest of the matches says how sure it is that there is such data at all.
    hit.trust(found.reduce((best, one) => Math.max(best, one.match.confidence), 0));
    return YES;
  };
}

/** A recording holds counts and no values; its counts are then taken for different ones. */
function differentValues(found: readonly PlacedMatch[], total: number): number {
  return found.some((one) => one.value === '') ? total : new Set(found.map((one) => one.value)).size;
}

/** The search reads text, so a body that does not parse is searched all the same; one that cannot be decoded is not. */
function undecidedText(facts: Parameters<Check>[0]): ReturnType<typeof undecidedBytes> {
  return facts.isRecording ? null : undecidedBytes(facts);
}
