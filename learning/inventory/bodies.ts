import {
  type Body,
  decodeBody,
  type Exchange,
  type HeaderList,
  header,
  isJsonType,
  type Json,
  mediaType,
  parseJson,
  Repeated,
  textOf,
} from '../../exchange/index.js';

/** The two bodies of an exchange as JSON, parsed at most once and only when asked for. Share one over all that look at the exchange. */
export interface ExchangeBodies {
  /** Undefined when the body is not JSON, is cut, too big, too deep or broken. */
  request(): Json | undefined;
  response(): Json | undefined;
  /** Bodies that claimed to be JSON and were not, or the reverse: `request-invalid`, `response-too-deep`, `request-mislabelled`, … */
  readonly problems: readonly string[];
}

const MAX_BYTES = 1_048_576;
const MAX_DEPTH = 64;

/** Bodies are looked at when their type says JSON, or when they begin like it (content types lie). Limits: 1 MiB decoded, 64 levels. */
export function bodiesOf(exchange: Exchange): ExchangeBodies {
  const problems: string[] = [];
  let request: { value: Json | undefined } | null = null;
  let response: { value: Json | undefined } | null = null;
  return {
    problems,
    request() {
      request ??= { value: read(exchange.request.headers, exchange.request.body, 'request', problems) };
      return request.value;
    },
    response() {
      response ??= {
        value: exchange.response === null ? undefined : read(exchange.response.headers, exchange.response.body, 'response', problems),
      };
      return response.value;
    },
  };
}

function read(headers: HeaderList, body: Body, phase: string, problems: string[]): Json | undefined {
  if (body.bytes.length === 0) return undefined;
  const labelled = isJsonType(mediaType(headers));
  if (!labelled && !beginsLikeJson(body.bytes)) return undefined;
  if (body.missing.length > 0) {
    problems.push(`${phase}-truncated`);
    return undefined;
  }
  const sort = labelled ? sortOf(headers) : null;
  const known = sort === null ? undefined : repeated.get(body.bytes, sort);
  if (known !== undefined) return known;
  const decoded = decodeBody(headers, body, MAX_BYTES);
  if (decoded.problem !== null) {
    problems.push(`${phase}-${decoded.problem}`);
    return undefined;
  }
  const parsed = parseJson(textOf(headers, decoded.bytes), { maxDepth: MAX_DEPTH, maxBytes: MAX_BYTES });
  if (parsed.problem !== null) {
    if (labelled) problems.push(`${phase}-${parsed.problem}`);
    return undefined;
  }
  if (!labelled) problems.push(`${phase}-mislabelled`);
  if (sort !== null && parsed.value !== undefined) repeated.put(body.bytes, sort, parsed.value);
  return parsed.value;
}

/** JSON of bodies that came before. */
const repeated = new Repeated<Json>();

/** What says how the bytes of a body are to be read. */
function sortOf(headers: HeaderList): string {
  const type = header(headers, 'content-type') ?? '';
  const coding = header(headers, 'content-encoding');
  return coding === null ? type : `${type}\0${coding}`;
}

function beginsLikeJson(bytes: Uint8Array): boolean {
  for (let index = 0; index < 32 && index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
    return byte === 0x7b || byte === 0x5b;
  }
  return false;
}

/** Keys by which answers of one endpoint are alike: top-level members, through an array or a thin envelope (`data`, `result`) one level down. */
export function answerKeys(value: Json | undefined): string[] | null {
  if (typeof value !== 'object' || value === null) return null;
  if (Array.isArray(value)) {
    const first = value[0];
    return typeof first === 'object' && first !== null && !Array.isArray(first) ? few(first, '[]') : null;
  }
  const keys = few(value, '');
  if (keys.length <= 4) {
    for (const envelope of ['data', 'result', 'response', 'items', 'results']) {
      const inner = value[envelope];
      if (typeof inner !== 'object' || inner === null) continue;
      const one = Array.isArray(inner) ? inner[0] : inner;
      if (typeof one === 'object' && one !== null && !Array.isArray(one)) return [...keys, ...few(one, `${envelope}.`)].slice(0, 16);
    }
  }
  return keys;
}

function few(value: { [key: string]: Json }, prefix: string): string[] {
  const keys: string[] = [];
  for (const key in value) {
    if (keys.length >= 16) break;
    keys.push(prefix + key.slice(0, 64));
  }
  return keys;
}
