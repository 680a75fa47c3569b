import { type EndpointRef, FewMap, templateParameters } from '../../exchange/index.js';
import { type BodySchema, mergeBodies } from './schema.js';
import { type Distinct, type Distribution, mergeDistinct, mergeDistribution, newDistinct, newDistribution } from './sketch.js';
import { mergeValues, newValueFacts, type ValueFacts } from './values.js';

/** When something was seen, and how often. */
export interface Sight {
  count: number;
  firstSeenMs: number;
  lastSeenMs: number;
}

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie' | 'body';

export interface Parameter extends Sight {
  readonly in: ParameterPlace;
  readonly name: string;
  readonly values: ValueFacts;
}

/** What an endpoint answered with one status. */
export interface Answers extends Sight {
  readonly types: Map<string, Sight>;
  schema: BodySchema | null;
  /** Bodies that the schema was learned from. */
  learned: number;
}

/** Exact sums; small, so they are checkpointed each time the rest is not. */
export interface Counts {
  requests: number;
  lastSeenMs: number;
  /** Answered 2xx with and without credentials, and refused (401, 403) without. */
  authenticatedOk: number;
  anonymousOk: number;
  anonymousRefused: number;
  readonly statuses: Map<number, number>;
}

/** Everything that is known of one endpoint. Plain values, Maps and Sets: `pack` writes it as it is. */
export interface EndpointState {
  readonly ref: EndpointRef;
  /** Names of the template's parameters in order. */
  readonly parameterNames: readonly string[];
  readonly host: string;
  firstSeenMs: number;
  /** A path that led here: after a later decision it leads to where this endpoint went. */
  samplePath: string;
  /** `learned`, `pinned`, or the document it came from. */
  origin: string;
  documented: boolean;
  deprecated: boolean;
  readonly counts: Counts;
  readonly parameters: Map<string, Parameter>;
  /** Parameters that were not kept, or not any longer, because there were too many. */
  droppedParameters: number;
  readonly requestTypes: Map<string, Sight>;
  request: BodySchema | null;
  /** By status. */
  readonly responses: Map<number, Answers>;
  requestLearned: number;
  /** `jwt header:authorization` to sight; `none` for answers to requests without any. */
  readonly auth: Map<string, Sight>;
  /** Names of the claims of its tokens, sampled like headers. */
  readonly claims: Map<string, Sight>;
  readonly roles: Map<string, Sight>;
  readonly principals: Distinct;
  readonly addresses: Distinct;
  readonly latencyMs: Distribution;
  readonly requestBytes: Distribution;
  readonly responseBytes: Distribution;
  /** `phase|place|path|type` to sight. */
  readonly data: Map<string, Sight>;
  /** Findings that were raised once: `auth`, `deprecated`, … to when. */
  readonly raised: Map<string, number>;
  /** Grows with every change of shape (not of counts). */
  revision: number;
}

export const MAX_PARAMETERS = 200;
export const MAX_SIGHTS = 300;
export const MAX_TYPES = 12;
const MAX_NAMES = 40;

export const parameterNamesOf = ({ template }: EndpointRef): readonly string[] => templateParameters(template);

export function newCounts(nowMs: number): Counts {
  return { requests: 0, lastSeenMs: nowMs, authenticatedOk: 0, anonymousOk: 0, anonymousRefused: 0, statuses: new FewMap() };
}

export function newEndpoint(ref: EndpointRef, host: string, samplePath: string, nowMs: number): EndpointState {
  return {
    ref,
    parameterNames: parameterNamesOf(ref),
    host,
    firstSeenMs: nowMs,
    samplePath,
    origin: 'learned',
    documented: false,
    deprecated: false,
    counts: newCounts(nowMs),
    parameters: new FewMap(),
    droppedParameters: 0,
    requestTypes: new FewMap(),
    request: null,
    responses: new FewMap(),
    requestLearned: 0,
    auth: new FewMap(),
    claims: new FewMap(),
    roles: new FewMap(),
    principals: newDistinct(),
    addresses: newDistinct(),
    latencyMs: newDistribution(),
    requestBytes: newDistribution(),
    responseBytes: newDistribution(),
    data: new FewMap(),
    raised: new FewMap(),
    revision: 0,
  };
}

/** Notes one sight under a key; true when the key is new and was kept (at most `limit` keys). */
export function sight(map: Map<string, Sight>, key: string, nowMs: number, count = 1, limit = MAX_NAMES): boolean {
  const known = map.get(key);
  if (known !== undefined) {
    known.count += count;
    if (nowMs > known.lastSeenMs) known.lastSeenMs = nowMs;
    return false;
  }
  if (map.size >= limit) return false;
  map.set(key, { count, firstSeenMs: nowMs, lastSeenMs: nowMs });
  return true;
}

/** Names are the same few again and again: a key that was made before needs no new hash. */
const keys: Readonly<Record<ParameterPlace, Map<string, string>>> = {
  path: new Map(),
  query: new Map(),
  header: new Map(),
  cookie: new Map(),
  body: new Map(),
};
const MOST_KEYS = 5_000;

function parameterKey(place: ParameterPlace, name: string): string {
  let key = keys[place].get(name);
  if (key === undefined) {
    key = `${place}:${name}`;
    if (keys[place].size < MOST_KEYS && name.length <= 64) keys[place].set(name, key);
  }
  return key;
}

/**
 * The parameter's record. When the endpoint has too many, the oldest that was sent only once gives way: a flood of made-up names must not keep out what
 * comes after it. Null when there is none of those.
 */
export function parameterOf(
  state: EndpointState,
  place: ParameterPlace,
  name: string,
  nowMs: number,
): { parameter: Parameter; fresh: boolean } | null {
  const key = parameterKey(place, name);
  const known = state.parameters.get(key);
  if (known !== undefined) {
    known.count++;
    known.lastSeenMs = nowMs;
    return { parameter: known, fresh: false };
  }
  if (name.length > 200 || state.parameters.size >= MAX_PARAMETERS) {
    state.droppedParameters++;
    if (name.length > 200 || !forgetOne(state.parameters)) return null;
  }
  const parameter: Parameter = { in: place, name, values: newValueFacts(), count: 1, firstSeenMs: nowMs, lastSeenMs: nowMs };
  state.parameters.set(key, parameter);
  state.revision++;
  return { parameter, fresh: true };
}

function forgetOne(parameters: Map<string, Parameter>): boolean {
  for (const [key, one] of parameters) if (one.count === 1 && one.in !== 'path') return parameters.delete(key);
  return false;
}

/** Adds all that `from` knows to `to`: a later decision found that they are one endpoint. Path parameters follow the new template. */
export function mergeEndpoints(to: EndpointState, from: EndpointState): void {
  to.firstSeenMs = Math.min(to.firstSeenMs, from.firstSeenMs);
  to.documented ||= from.documented;
  to.deprecated ||= from.deprecated;
  mergeCounts(to.counts, from.counts);
  for (const [key, parameter] of from.parameters) {
    if (parameter.in === 'path') continue;
    const known = to.parameters.get(key);
    if (known === undefined) {
      if (to.parameters.size < MAX_PARAMETERS) to.parameters.set(key, parameter);
      else to.droppedParameters++;
    } else {
      mergeSight(known, parameter);
      mergeValues(known.values, parameter.values);
    }
  }
  to.droppedParameters += from.droppedParameters;
  mergeSights(to.requestTypes, from.requestTypes, MAX_TYPES);
  to.requestLearned += from.requestLearned;
  to.request = mergedBody(to.request, from.request);
  for (const [status, response] of from.responses) {
    const known = to.responses.get(status);
    if (known === undefined) to.responses.set(status, response);
    else {
      mergeSight(known, response);
      known.learned += response.learned;
      mergeSights(known.types, response.types, MAX_TYPES);
      known.schema = mergedBody(known.schema, response.schema);
    }
  }
  mergeSights(to.auth, from.auth, MAX_NAMES);
  mergeSights(to.claims, from.claims, MAX_NAMES);
  mergeSights(to.roles, from.roles, MAX_NAMES);
  mergeSights(to.data, from.data, MAX_SIGHTS);
  mergeDistinct(to.principals, from.principals);
  mergeDistinct(to.addresses, from.addresses);
  mergeDistribution(to.latencyMs, from.latencyMs);
  mergeDistribution(to.requestBytes, from.requestBytes);
  mergeDistribution(to.responseBytes, from.responseBytes);
  for (const [key, atMs] of from.raised) to.raised.set(key, Math.max(atMs, to.raised.get(key) ?? 0));
  to.revision++;
}

export function mergeCounts(to: Counts, from: Counts): void {
  to.requests += from.requests;
  to.lastSeenMs = Math.max(to.lastSeenMs, from.lastSeenMs);
  to.authenticatedOk += from.authenticatedOk;
  to.anonymousOk += from.anonymousOk;
  to.anonymousRefused += from.anonymousRefused;
  for (const [status, count] of from.statuses) to.statuses.set(status, (to.statuses.get(status) ?? 0) + count);
}

function mergedBody(to: BodySchema | null, from: BodySchema | null): BodySchema | null {
  if (to === null || from === null) return to ?? from;
  mergeBodies(to, from);
  return to;
}

function mergeSight(to: Sight, from: Sight): void {
  to.count += from.count;
  to.firstSeenMs = Math.min(to.firstSeenMs, from.firstSeenMs);
  to.lastSeenMs = Math.max(to.lastSeenMs, from.lastSeenMs);
}

function mergeSights(to: Map<string, Sight>, from: Map<string, Sight>, limit: number): void {
  for (const [key, one] of from) {
    const known = to.get(key);
    if (known !== undefined) mergeSight(known, one);
    else if (to.size < limit) to.set(key, one);
  }
}
