import type { Condition } from '../language/conditions.js';
import { ASKS_NOTHING, type Asks, HAS_BODY, HAS_QUERY, HAS_TOKEN, type HeaderNames } from './presence.js';
import { asList } from './values.js';

type Bounds = { above?: number; below?: number; atLeast?: number; atMost?: number };

/** Holds only of numbers above zero. */
const isPositive = ({ above, atLeast }: Bounds): boolean => (above !== undefined && above >= 0) || (atLeast !== undefined && atLeast > 0);

/** A selector that holds where its values are absent asks for nothing. */
function holdsOfNothing(tests: object): boolean {
  const { exists, count } = tests as { exists?: boolean; count?: Bounds };
  return exists === false || (count !== undefined && !isPositive(count));
}

type Named = NonNullable<Condition['header']>;
const namesOf = (named: Named): readonly string[] => (typeof named === 'string' ? [named] : asList(named.name));
const holdsWithout = (named: Named): boolean => typeof named !== 'string' && holdsOfNothing(named);

/**
 * What a message must have for one key of a condition to hold: never more than the condition itself wants, or rules would be passed over that
 * fire. Keys that are not named here ask for nothing.
 */
export function asksOf(key: keyof Condition, condition: Condition, phase: 'request' | 'response', names: HeaderNames): Asks {
  switch (key) {
    case 'header':
      return holdsWithout(condition.header!) ? ASKS_NOTHING : [names.bit(namesOf(condition.header!))];
    case 'requestHeader':
      return phase === 'response' || holdsWithout(condition.requestHeader!) ? ASKS_NOTHING : [names.bit(namesOf(condition.requestHeader!))];
    case 'cookie':
      return holdsWithout(condition.cookie!) ? ASKS_NOTHING : [names.bit([phase === 'request' ? 'cookie' : 'set-cookie'])];
    case 'query':
      return holdsWithout(condition.query!) ? ASKS_NOTHING : [HAS_QUERY];
    case 'body':
      return typeof condition.body !== 'string' && holdsOfNothing(condition.body!) ? ASKS_NOTHING : [HAS_BODY];
    case 'bodyProblem':
      return [HAS_BODY];
    case 'graphql':
      return phase === 'request' ? [HAS_BODY | HAS_QUERY] : ASKS_NOTHING;
    case 'data':
      return asksOfData(condition.data!, phase, names);
    case 'number': {
      const { of, ...bounds } = condition.number!;
      if (!isPositive(bounds)) return ASKS_NOTHING;
      return of === 'records' || of === 'body-fields' ? [HAS_BODY] : of === 'query-parameters' ? [HAS_QUERY] : ASKS_NOTHING;
    }
    case 'jwt': {
      const { from, present, malformed, ...tests } = condition.jwt!;
      if (from !== undefined) return ASKS_NOTHING;
      return present === true || malformed === true || Object.keys(tests).length > 0 ? [HAS_TOKEN] : ASKS_NOTHING;
    }
    default:
      return ASKS_NOTHING;
  }
}

function asksOfData(data: NonNullable<Condition['data']>, phase: 'request' | 'response', names: HeaderNames): Asks {
  let mask = 0;
  for (const area of data.in === undefined ? ['body'] : asList(data.in)) {
    if (area === 'body') mask |= HAS_BODY;
    else if (area === 'query') mask |= HAS_QUERY;
    else if (area === 'cookies') mask |= names.bit([phase === 'request' ? 'cookie' : 'set-cookie']);
    else return ASKS_NOTHING;
  }
  return mask === 0 ? ASKS_NOTHING : [mask];
}
