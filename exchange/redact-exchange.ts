import { bodyOf, bodyText, emptyBody, isTruncated, type Json, parseJson } from './body.js';
import { isJsonType, mediaType } from './headers.js';
import type { Redactor } from './redact.js';
import type { Body, DataHit, Exchange, HeaderList, Phase } from './types.js';

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

/**
 * The exchange as it may be kept: credentials marked, secret-named fields marked, recognised values reduced to their shape, bodies cut at
 * `maxBodyBytes` and without content coding. Bodies that are not JSON or text are dropped (their length stays). What was recognised where
 * survives as tags, so that data conditions can be replayed.
 */
export function redactExchange(exchange: Exchange, hits: readonly DataHit[], redactor: Redactor, maxBodyBytes = 8_192): Exchange {
  const placesOf = (phase: Phase) =>
    new Set(hits.filter((hit) => hit.location.phase === phase && hit.location.in === 'body').map((hit) => hit.location.path));
  const hasHits = (phase: Phase) => hits.some((hit) => hit.location.phase === phase);
  const { request, response } = exchange;
  const clean = (headers: HeaderList, body: Body, phase: Phase) =>
    redactBody(headers, body, placesOf(phase), hasHits(phase), redactor, maxBodyBytes);
  return {
    ...exchange,
    request: {
      ...request,
      target: redactor.target(request.target),
      headers: withoutCoding(redactor.headers(request.headers)),
      body: clean(request.headers, request.body, 'request'),
    },
    response:
      response === null
        ? null
        : {
            ...response,
            headers: withoutCoding(redactor.headers(response.headers)),
            body: clean(response.headers, response.body, 'response'),
          },
    tags: [...exchange.tags, ...new Set(hits.slice(0, 50).map(hitTag))],
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
  if (parsed?.value !== undefined) kept = JSON.stringify(redactor.json(parsed.value as Json, (_, path) => places.has(path)));
  else if (hasHits || (looksJson && isTruncated(body))) kept = redactor.excerpt(text.slice(0, 120));
  else if (type === 'application/x-www-form-urlencoded') kept = redactor.target(`?${text}`).slice(1);
  else if (type.startsWith('text/') || type.endsWith('xml')) kept = text;
  else return { bytes: emptyBody.bytes, totalLength: body.totalLength, missing: [{ offset: 0, length: body.totalLength }] };
  const bytes = Buffer.from(kept);
  if (bytes.length <= maxBodyBytes) return bodyOf(bytes);
  return bodyOf(bytes.subarray(0, maxBodyBytes), bytes.length);
}
