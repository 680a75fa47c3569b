import {
  cookies,
  type DataHit,
  type Exchange,
  FewMap,
  type HeaderList,
  header,
  type Location,
  mediaType,
  queryPairs,
} from '../../exchange/index.js';
import type { ExchangeBodies } from './bodies.js';
import { type Credential, claimsOf, credentialsOf, rolesOf } from './credentials.js';
import { type EndpointState, MAX_SIGHTS, MAX_TYPES, type ParameterPlace, parameterOf, sight } from './endpoint.js';
import { learnBody, newBodySchema } from './schema.js';
import { addDistinct, record } from './sketch.js';
import { count, learnText } from './values.js';

/** What one exchange brought that was not known of its endpoint. */
export interface News {
  readonly parameters: { readonly in: ParameterPlace; readonly name: string }[];
  readonly data: DataHit[];
  /** Names that nobody sent before, and those that found no room; some of them. */
  readonly strange: Strange[];
  readonly anonymous: boolean;
}

/** A name that a client chose; `key`: one in a map of a body. */
export interface Strange {
  readonly in: 'query' | 'header' | 'cookie' | 'body' | 'key';
  readonly name: string;
}

/** Of one request, of a sort: what many requests bring counts, not what one of them holds. */
const STRANGE_AT_ONCE = 4;

function estrange(news: News, place: Strange['in'], name: string): void {
  let held = 0;
  for (const one of news.strange) if (one.in === place) held++;
  if (held < STRANGE_AT_ONCE) news.strange.push({ in: place, name });
}

export interface LearnRules {
  readonly learnAll: number;
  readonly sampleEvery: number;
}

/** Header fields that every client or proxy sends: they say nothing of the endpoint. */
const COMMON_HEADERS = new Set(
  'host connection user-agent accept accept-encoding accept-language accept-charset content-type content-length cookie authorization proxy-authorization origin referer cache-control pragma upgrade upgrade-insecure-requests dnt te trailer transfer-encoding via forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-real-ip x-request-id x-correlation-id traceparent tracestate b3 if-none-match if-modified-since if-match if-unmodified-since range expect date from keep-alive priority sec-websocket-key sec-websocket-version sec-websocket-extensions sec-websocket-protocol x-requested-with x-amzn-trace-id cf-ray cf-connecting-ip true-client-ip max-forwards'.split(
    ' ',
  ),
);

/** Answers of a status after which the shape hardly changes: a quarter as many are looked at. */
const WELL_KNOWN = 2_000;
const HEADER_NAMES = 30;
const COOKIE_NAMES = 30;

/** Content types as they came → as they are known. */
const types = new Map<string, string>();
const MOST_TYPES = 1_000;

function typeOf(headers: HeaderList): string {
  const raw = header(headers, 'content-type');
  if (raw === null || raw === '') return 'none';
  let type = types.get(raw);
  if (type === undefined) {
    type = mediaType(headers) || 'none';
    if (types.size < MOST_TYPES) types.set(raw, type);
  }
  return type;
}

/** Adds one exchange that the endpoint answered or refused. Counts are exact; bodies, headers and cookies are sampled once the endpoint is well known. */
export function learnExchange(
  state: EndpointState,
  exchange: Exchange,
  query: string,
  hits: readonly DataHit[],
  pathValues: readonly string[],
  bodies: ExchangeBodies,
  rules: LearnRules,
): { news: News; learned: boolean } {
  const nowMs = exchange.startedAtMs;
  const { counts } = state;
  const status = exchange.response?.status ?? 0;
  const blocked = exchange.outcome.action === 'blocked';
  const ok = status >= 100 && status < 400 && !blocked;
  counts.requests++;
  if (nowMs > counts.lastSeenMs) counts.lastSeenMs = nowMs;
  if (count(counts.statuses, status)) state.revision++;
  const credentials = credentialsOf(exchange, query);
  const anonymous = credentials.length === 0;
  const news: News = { parameters: [], data: [], strange: [], anonymous };
  if (exchange.principal !== null) addDistinct(state.principals, exchange.principal.key);
  addDistinct(state.addresses, exchange.client.ip);
  record(state.latencyMs, exchange.durationMs);
  record(state.requestBytes, exchange.request.body.totalLength);
  if (exchange.response !== null) record(state.responseBytes, exchange.response.body.totalLength);
  if (blocked) return { news, learned: false };

  learnAccess(state, exchange, status, credentials);
  learnData(state, hits, nowMs, news);
  if (!ok) {
    const learned = status >= 400 && learnResponse(state, exchange, status, bodies, rules, nowMs);
    return { news, learned };
  }
  for (let index = 0; index < pathValues.length; index++) {
    const found = parameterOf(state, 'path', state.parameterNames[index] ?? `p${index}`, nowMs);
    if (found !== null) learnText(found.parameter.values, pathValues[index]);
  }
  if (query !== '') learnPairs(state, 'query', queryPairs(query, 200), nowMs, news);
  const thorough = counts.requests <= rules.learnAll || counts.requests % rules.sampleEvery === 0;
  if (thorough) {
    learnHeaders(state, exchange, nowMs, news);
    for (const claim of claimsOf(exchange)) if (sight(state.claims, claim, nowMs)) state.revision++;
  }
  learnRequestBody(state, exchange, bodies, rules, nowMs, news);
  const learned = learnResponse(state, exchange, status, bodies, rules, nowMs);
  return { news, learned };
}

function learnAccess(state: EndpointState, exchange: Exchange, status: number, credentials: readonly Credential[]): void {
  const nowMs = exchange.startedAtMs;
  const { counts } = state;
  if (exchange.request.method === 'OPTIONS' || exchange.request.method === 'HEAD') return;
  const good = status >= 200 && status < 300;
  if (credentials.length === 0) {
    if (good) {
      counts.anonymousOk++;
      if (sight(state.auth, 'none', nowMs)) state.revision++;
    } else if (status === 401 || status === 403) counts.anonymousRefused++;
    return;
  }
  if (good) counts.authenticatedOk++;
  if (status === 401 || status === 403) return;
  for (const one of credentials) if (sight(state.auth, one, nowMs)) state.revision++;
  if (good) for (const role of rolesOf(exchange)) if (sight(state.roles, role, nowMs)) state.revision++;
}

function learnData(state: EndpointState, hits: readonly DataHit[], nowMs: number, news: News): void {
  for (const hit of hits) {
    const { phase, in: place, path } = hit.location;
    if (sight(state.data, `${phase}|${place}|${path}|${hit.type}`, nowMs, hit.count, MAX_SIGHTS)) {
      state.revision++;
      if (phase === 'response') news.data.push(hit);
    }
  }
}

function learnPairs(
  state: EndpointState,
  place: 'query' | 'body',
  pairs: readonly (readonly [string, string])[],
  nowMs: number,
  news: News,
): void {
  for (const [name, value] of pairs) {
    const found = parameterOf(state, place, name, nowMs);
    if (found === null || found.fresh) estrange(news, place, name);
    if (found === null) continue;
    if (learnText(found.parameter.values, value)) state.revision++;
    if (found.fresh) news.parameters.push({ in: place, name });
  }
}

function learnHeaders(state: EndpointState, exchange: Exchange, nowMs: number, news: News): void {
  const { headers } = exchange.request;
  let names = 0;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index].toLowerCase();
    if (COMMON_HEADERS.has(name) || name.startsWith('sec-')) continue;
    const found = ++names > HEADER_NAMES ? null : parameterOf(state, 'header', name, nowMs);
    if (found === null || found.fresh) estrange(news, 'header', name);
    if (found !== null) learnText(found.parameter.values, headers[index + 1]);
  }
  let taken = 0;
  for (const [name, value] of cookies(headers)) {
    const found = ++taken > COOKIE_NAMES ? null : parameterOf(state, 'cookie', name, nowMs);
    if (found === null || found.fresh) estrange(news, 'cookie', name);
    if (found !== null) learnText(found.parameter.values, value);
  }
}

function learnRequestBody(
  state: EndpointState,
  exchange: Exchange,
  bodies: ExchangeBodies,
  rules: LearnRules,
  nowMs: number,
  news: News,
): void {
  const { request } = exchange;
  if (request.body.totalLength === 0) return;
  const type = typeOf(request.headers);
  if (sight(state.requestTypes, type, nowMs, 1, MAX_TYPES)) state.revision++;
  if (type === 'application/x-www-form-urlencoded') {
    if (request.body.bytes.length <= 65_536)
      learnPairs(state, 'body', queryPairs(Buffer.from(request.body.bytes).toString('utf8'), 200), nowMs, news);
    return;
  }
  // Request bodies are small and a field nobody sent before matters, so they are learned twice as often as answers.
  if (state.requestLearned >= rules.learnAll && state.counts.requests % Math.max(1, rules.sampleEvery >> 1) !== 0) return;
  const value = bodies.request();
  if (value === undefined) return;
  state.requestLearned++;
  state.request ??= newBodySchema(nowMs);
  learnBody(state.request, value, nowMs, {
    fresh(path) {
      state.revision++;
      estrange(news, 'body', path);
      if (news.parameters.length < 20) news.parameters.push({ in: 'body', name: path });
    },
    keyed(path, name) {
      estrange(news, 'key', `${path} ${name}`);
    },
  });
}

function learnResponse(
  state: EndpointState,
  exchange: Exchange,
  status: number,
  bodies: ExchangeBodies,
  rules: LearnRules,
  nowMs: number,
): boolean {
  if (exchange.response === null) return false;
  let response = state.responses.get(status);
  if (response === undefined) {
    if (state.responses.size >= 20) return false;
    response = { count: 0, firstSeenMs: nowMs, lastSeenMs: nowMs, types: new FewMap(), schema: null, learned: 0 };
    state.responses.set(status, response);
    state.revision++;
  }
  response.count++;
  response.lastSeenMs = Math.max(response.lastSeenMs, nowMs);
  if (exchange.response.body.totalLength === 0) return true;
  if (sight(response.types, typeOf(exchange.response.headers), nowMs, 1, MAX_TYPES)) state.revision++;
  const every = response.count < WELL_KNOWN ? rules.sampleEvery : rules.sampleEvery * 4;
  if (response.learned >= rules.learnAll && response.count % every !== 0) return false;
  const value = bodies.response();
  if (value === undefined) return true;
  response.learned++;
  response.schema ??= newBodySchema(nowMs);
  learnBody(response.schema, value, nowMs, {
    fresh() {
      state.revision++;
    },
  });
  return true;
}

/** The place of a parameter as evidence names it. */
export const parameterLocation = (place: ParameterPlace, name: string): Location => ({ phase: 'request', in: place, path: name });
