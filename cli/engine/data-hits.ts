import type { DataHit } from '../../exchange/index.js';
import { foldPath } from '../../learning/index.js';
import type { DataMatch, ExchangeReading } from '../../policies/index.js';

/** Below this a match is a guess: it would make the inventory claim data that is not there. */
const MIN_CONFIDENCE = 0.5;

const NO_HITS: readonly DataHit[] = [];

/** Data types at their places in both messages of an exchange, ids in paths written `{key}`; values of one type at one place are one hit with a count. */
export function dataHitsOf({ query, request, response }: ExchangeReading): readonly DataHit[] {
  const found = query.length + request.matches.length + (response?.matches.length ?? 0);
  if (found === 0) return NO_HITS;
  const hits = new Map<string, { -readonly [Key in keyof DataHit]: DataHit[Key] }>();
  const add = (matches: readonly DataMatch[], phase: DataHit['location']['phase'], place: DataHit['location']['in']): void => {
    for (const { type, path: at, confidence } of matches) {
      if (confidence < MIN_CONFIDENCE) continue;
      const path = foldPath(at);
      const key = `${phase}\0${place}\0${path}\0${type}`;
      const known = hits.get(key);
      if (known !== undefined) known.count++;
      else hits.set(key, { type, location: { phase, in: place, path }, confidence, count: 1 });
    }
  };
  add(query, 'request', 'query');
  add(request.matches, 'request', 'body');
  if (response !== null) add(response.matches, 'response', 'body');
  return [...hits.values()];
}
