import {
  type Body,
  type DataHit,
  decodeBody,
  type Exchange,
  type HeaderList,
  type Phase,
  queryPairs,
  splitTarget,
} from '../../exchange/index.js';
import type { Classifier, DataMatch } from '../../policies/index.js';

const MAX_BODY_BYTES = 262_144;
/** Below this a match is a guess: it would make the inventory claim data that is not there. */
const MIN_CONFIDENCE = 0.5;

/** Data types at their places in both messages of an exchange; values of one type at one place are one hit with a count. */
export function dataHitsOf(exchange: Exchange, classifier: Classifier): DataHit[] {
  const hits = new Map<string, { hit: DataHit; count: number }>();
  const add = (matches: readonly DataMatch[], phase: Phase, place: DataHit['location']['in']) => {
    for (const match of matches) {
      if (match.confidence < MIN_CONFIDENCE) continue;
      const key = `${phase}\0${place}\0${match.path}\0${match.type}`;
      const known = hits.get(key);
      if (known !== undefined) known.count++;
      else
        hits.set(key, {
          hit: { type: match.type, location: { phase, in: place, path: match.path }, confidence: match.confidence, count: 1 },
          count: 1,
        });
    }
  };
  const { request, response } = exchange;
  const body = (headers: HeaderList, one: Body, phase: Phase) => {
    if (one.bytes.length > 0) add(classifier.classifyBody(headers, decodeBody(headers, one, MAX_BODY_BYTES).bytes), phase, 'body');
  };
  const { query } = splitTarget(request.target);
  if (query !== '') add(classifier.classifyPairs(queryPairs(query)), 'request', 'query');
  body(request.headers, request.body, 'request');
  if (response !== null) body(response.headers, response.body, 'response');
  return [...hits.values()].map(({ hit, count }) => ({ ...hit, count }));
}
