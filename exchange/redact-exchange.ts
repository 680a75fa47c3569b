import { bodyOf, bodyText, emptyBody, isTruncated, type Json, parseJson } from './body.js';
import { isJsonType, mediaType } from './headers.js';
import type { Redactor } from './redact.js';
import type { Body, DataHit, Exchange, HeaderList, Phase } from './types.js';

const EXCERPT_CHARACTERS = 120;

/** Tag under which a redacted exchange remembers what was recognised where, and how often when not once: `data:ssn*3@response.body:user.ssn`. */
const hitTag = (hit: DataHit): string =>
  `data:${hit.type}${hit.count === 1 ? '' : `*${hit.count}`}@${hit.location.phase}.${hit.location.in}:${hit.location.path}`;

/** What was recognised in an exchange before it was redacted; see `redactExchange`. */
export function hitsOfTags(tags: readonly string[]): DataHit[] {
  return tags.flatMap((tag) => {
    const match = /^data:([^@*]+)(?:\*(\d+))?@(request|response)\.([a-z]+):(.*)$/s.exec(tag);
    if (match === null) return [];
    return [
      {
        type: match[1],
        location: { phase: match[3] as Phase, in: match[4] as DataHit['location']['in'], path: match[5] },
        confidence: 1,
        count: match[2] === undefined ? 1 : Number(match[2]),
      },
    ];
  });
}

/** Tag under which a redacted exchange remembers how long a body was on the wire, where what is kept of it has another length: `length:5123@response`. */
const lengthTag = (phase: Phase, sent: Body | undefined, kept: Body | undefined): string[] =>
  sent === undefined || sent.totalLength === kept?.totalLength ? [] : [`length:${sent.totalLength}@${phase}`];

/** How many bytes the body of a phase had on the wire, as a redacted exchange remembers it; null where the kept body says so itself. */
export function sentLength(tags: readonly string[], phase: Phase): number | null {
  const tag = tags.findLast((one) => one.startsWith('length:') && one.endsWith(`@${phase}`));
  return tag === undefined ? null : Number.parseInt(tag.slice('length:'.length), 10);
}

/**
 * The exchange as it may be kept: credentials marked, secret-named fields marked, recognised values reduced to their shape, bodies cut at
 * `maxBodyBytes` and without content coding. Bodies that are not JSON or text are dropped (their length stays). What was recognised where,
 * and how long bodies were, survives as tags: see `hitsOfTags` and `sentLength`.
 */
export function redactExchange(exchange: Exchange, hits: readonly DataHit[], redactor: Redactor, maxBodyBytes = 8_192): Exchange {
  const placesOf = (phase: Phase) =>
    new Set(hits.filter((hit) => hit.location.phase === phase && hit.location.in === 'body').map((hit) => hit.location.path));
  const hasHits = (phase: Phase) => hits.some((hit) => hit.location.phase === phase);
  const { request, response } = exchange;
  const clean = (headers: HeaderList, body: Body, phase: Phase) =>
    redactBody(headers, body, placesOf(phase), hasHits(phase), redactor, maxBodyBytes);
  const requestBody = clean(request.headers, request.body, 'request');
  const responseBody = response === null ? undefined : clean(response.headers, response.body, 'response');
  return {
    ...exchange,
    request: {
      ...request,
      target: redactor.target(request.target),
      headers: withoutCoding(redactor.headers(request.headers)),
      body: requestBody,
    },
    response:
      response === null || responseBody === undefined
        ? null
        : { ...response, headers: withoutCoding(redactor.headers(response.headers)), body: responseBody },
    tags: [
      ...exchange.tags,
      ...new Set(hits.slice(0, 50).map(hitTag)),
      ...lengthTag('request', request.body, requestBody),
      ...lengthTag('response', response?.body, responseBody),
    ],
  };
}

function withoutCoding(headers: HeaderList): HeaderList {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index].toLowerCase() !== 'content-encoding') kept.push(headers[index], headers[index + 1]);
  return kept;
}

function redactBody(
  headers: HeaderList,
  body: Body,
  places: ReadonlySet<string>,
  hasHits: boolean,
  redactor: Redactor,
  maxBodyBytes: number,
): Body {
  if (body.totalLength === 0) return emptyBody;
  const type = mediaType(headers);
  const text = bodyText(headers, body, 262_144);
  const looksJson = isJsonType(type) || /^\s*[[{]/.test(text.slice(0, 40));
  const parsed = looksJson ? parseJson(text) : null;
  let kept: string;
  let isCut = isTruncated(body);
  if (parsed?.value !== undefined) kept = JSON.stringify(redactor.json(parsed.value as Json, (_, path) => places.has(path)));
  else if (hasHits || (looksJson && isCut)) {
    kept = redactor.excerpt(text.slice(0, EXCERPT_CHARACTERS));
    isCut ||= text.length > EXCERPT_CHARACTERS;
  } else if (type === 'application/x-www-form-urlencoded') kept = redactor.target(`?${text}`).slice(1);
  else if (type.startsWith('text/') || type.endsWith('xml')) kept = text;
  else return { bytes: emptyBody.bytes, totalLength: body.totalLength, missing: [{ offset: 0, length: body.totalLength }] };
  const bytes = Buffer.from(kept);
  if (bytes.length > maxBodyBytes) return bodyOf(bytes.subarray(0, maxBodyBytes), bytes.length);
  // What was cut says so, also where the codes of masked text are longer than all of it was on the wire.
  return isCut ? bodyOf(bytes, Math.max(body.totalLength, bytes.length + 1)) : bodyOf(bytes);
}
