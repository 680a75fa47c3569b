import {
  type Body,
  type DecodedBody,
  decodeBody,
  type Exchange,
  type HeaderList,
  type Json,
  queryPairs,
  splitTarget,
} from '../../exchange/index.js';
import type { Classifier } from '../classify/index.js';
import type { DataMatch } from '../data-port.js';
import { classifiedBody } from './classified.js';

/** The JSON of both bodies of an exchange, for whoever has parsed it already; undefined where a body is not whole, valid JSON. */
export interface ParsedBodies {
  request(): Json | undefined;
  response(): Json | undefined;
}

/** What was read of one message before rules look at it. */
export interface MessageReading {
  /** Content coding removed; null where keeping it would take much room, so that who needs it decodes again. */
  readonly decoded: DecodedBody | null;
  /** Values of data types in the body; spans count bytes of it. */
  readonly matches: readonly DataMatch[];
  /** `matches` are those of the whole body, as far as it was captured. */
  readonly isWhole: boolean;
  readonly json: (() => Json | undefined) | null;
}

/** Decoded bytes of a body that are classified for everybody; a rule that wants to see more of a longer one reads it itself. */
const MAX_READ_BYTES = 1_048_576;
/** Inflated bodies up to this length are kept until rules have looked at their exchange. */
const MAX_KEPT_BYTES = 65_536;

/** A recorded exchange, decoded and classified once for everybody who looks at it: inventory, samples and rules. */
export interface ExchangeReading {
  readonly request: MessageReading;
  readonly response: MessageReading | null;
  /** Values of data types in the query; the path of a match is the parameter's name. */
  readonly query: readonly DataMatch[];
}

const NOTHING: readonly DataMatch[] = [];

/** Reads an exchange. `parsed`: where its JSON can be had without parsing it again. */
export function readExchange(
  exchange: Exchange,
  classifier: Pick<Classifier, 'classifyBody' | 'classifyPairs'>,
  parsed: ParsedBodies | null = null,
): ExchangeReading {
  const { request, response } = exchange;
  const read = (headers: HeaderList, body: Body, json: MessageReading['json']): MessageReading => {
    const decoded = decodeBody(headers, body, MAX_READ_BYTES);
    return {
      decoded: decoded.bytes.length <= Math.max(MAX_KEPT_BYTES, body.bytes.length) ? decoded : null,
      matches: decoded.bytes.length === 0 ? NOTHING : classifiedBody(classifier, headers, decoded.bytes),
      isWhole: decoded.problem !== 'too-big',
      json,
    };
  };
  const { query } = splitTarget(request.target);
  return {
    request: read(request.headers, request.body, parsed === null ? null : () => parsed.request()),
    response: response === null ? null : read(response.headers, response.body, parsed === null ? null : () => parsed.response()),
    query: query === '' ? NOTHING : classifier.classifyPairs(queryPairs(query)),
  };
}
