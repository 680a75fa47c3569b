import {
  climbsByEscapes,
  cookies,
  decodeSegment,
  type HeaderList,
  header,
  isJsonType,
  isPlainPath,
  lenientPath,
  mediaType,
  plainPath,
  queryPairs,
  splitTarget,
} from '../../exchange/index.js';
import { boundaryOf, parseMultipart, readXml } from '../../policies/index.js';
import { operationOf, splitOperation } from '../operations.js';
import { FieldCalls, isCall } from './field-calls.js';
import { SAFE, withOperation } from './routes.js';
import { canonicalId, foldName, hasTail, isIdentifier, lenientId, looksLikeValue, referentOf } from './shape.js';
import { CREDENTIAL_NAME, valueWalk } from './value-walk.js';

/** A value of a request that may name an object, and where it stood. */
export interface Reference {
  /** Stable name of the place within the route: `path:1`, `query:id`, `header:x-account-id`, `cookie:acct`, `body:transfer.from`. */
  readonly slot: string;
  readonly place: 'path' | 'query' | 'header' | 'cookie' | 'body';
  /** Name as the client wrote it; the index for path segments. */
  readonly name: string;
  readonly value: string;
  /** What the name suggests the value points at; empty when it says nothing. */
  readonly hint: string;
  /** The same place was named more than once with different values (arrays are not meant). */
  readonly repeated: boolean;
  /** JSON structure around the value beyond what the slot name says: `[` and `{` in order; empty for a plain value. */
  readonly wrapping: string;
  /** A JSON-RPC call is numbered so, by what the client says: it is judged where the place is known to name objects, and teaches nothing. */
  readonly isCallNumber: boolean;
}

/** What the extraction needs of a request. `template` null: unknown endpoint, the path's own shape is used. */
export interface RequestFacts {
  readonly method: string;
  readonly template: string | null;
  readonly target: string;
  readonly headers: HeaderList;
  /** Decoded text of the body; null when it was not captured. */
  readonly bodyText: string | null;
  /** The body may name more than is in that text. */
  readonly isBodyCut?: boolean;
}

export interface RouteReading {
  /** Method and template with every parameter written `{}`, so that renamed parameters and early literal ids give one route. */
  readonly route: string;
  /** The same without the operation. The client alone says which operation it means, so what is known of the path counts as well. */
  readonly pathRoute: string;
  /** Where fields of GraphQL documents have their places, in whatever operation they stand and however the document came; {@link pathRoute} without one. */
  readonly fieldRoute: string;
  /** Names in the answer that the client chose → those of the fields; null where there are none. */
  readonly aliases: ReadonlyMap<string, string> | null;
  /** Several calls in one array, answered by an array that is no list. */
  readonly isBatch: boolean;
  /** It names more than was looked at, or may. */
  readonly isCut: boolean;
  /** Folded name of what the route is about: its last static segment before the end. */
  readonly collection: string;
  readonly references: readonly Reference[];
  /** Slot of what the route answers with: `answer`, or with the words that choose another list, `answer?scope=team`. */
  readonly answerSlot: string;
  /** The method as the upstream will understand it. */
  readonly method: string;
  /** What a collection below an object hangs on (`/accounts/{a}/recordings`: the account); null elsewhere. */
  readonly container: { readonly name: string; readonly value: string } | null;
  /** What is done, as the path says: its last word (`leave`), or that behind an id (`revoke` of `/plans/{}:revoke`). */
  readonly action: string;
  /** It may change something: not a safe method, nor a call that only asks. */
  readonly mutates: boolean;
}

/** First or last word of what a call is named after that asks and changes nothing (`files.get`, `GetQuote`, `messages/search`). */
const ASKING = /^(?:get|list|search|find|query|lookup|read|fetch|view|show|describe|count|check|preview|print|download|export)$/;
const MAX_NAMES = 5_000;
const asking = new Map<string, boolean>();

/** The last segment of a route that is no parameter. */
function lastWord(route: string): string {
  let end = route.length;
  while (route.endsWith('/{}', end)) end -= 3;
  return route.slice(route.lastIndexOf('/', end - 1) + 1, end);
}

function actionOf(path: string, route: string): string {
  return /:([a-z][\w-]*)\/?$/i.exec(path)?.[1].toLowerCase() ?? lastWord(route);
}

/** Does a `POST` by that name only ask? Names are all there is to tell it by; remembered. */
function asksOnly(name: string): boolean {
  const known = asking.get(name);
  if (known !== undefined) return known;
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  const asks = words[0] !== 'mutation' && (ASKING.test(words[0]) || ASKING.test(words[words.length - 1]));
  if (asking.size >= MAX_NAMES) asking.clear();
  asking.set(name, asks);
  return asks;
}

/** Enough that what nobody asks for cannot push out what a server reads. */
const MAX_REFERENCES = 2000;
/** From so many on a place is looked up, not looked for. */
const MANY = 16;
/** Fields of one form that are looked at. */
const MAX_FIELDS = 200;
/** XML is read at a tenth of the speed of JSON. */
export const MAX_XML = 65_536;
const MAX_XML_DEPTH = 50;
/** Calls of one GraphQL request that are looked at. */
const MAX_CALLS = 1000;

/** Standard and transport headers that never name an object. */
const PLAIN_HEADERS = new Set(
  (
    'accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method authorization baggage cache-control ' +
    'connection content-encoding content-language content-length content-type cookie date dnt expect forwarded from host idempotency-key if-match if-modified-since ' +
    'if-none-match if-range if-unmodified-since keep-alive max-forwards origin pragma prefer priority proxy-authorization range referer save-data sec-fetch-dest sec-fetch-mode ' +
    'sec-fetch-site sec-fetch-user sec-gpc te trailer transfer-encoding traceparent tracestate upgrade upgrade-insecure-requests user-agent via viewport-width warning ' +
    'x-amzn-trace-id x-api-key x-b3-sampled x-b3-spanid x-b3-traceid x-client-ip x-correlation-id x-csrf-token x-forwarded-for x-forwarded-host x-forwarded-port ' +
    'x-forwarded-proto x-real-ip x-request-id x-requested-with x-xsrf-token x-http-method-override x-method-override x-http-method x-trace-id x-request-start x-idempotency-key'
  ).split(' '),
);
/** Parameters that page and sort: their small numbers would pass for ids. */
const PAGING_NAME =
  /^(?:page(?:\[\w+\])?|limit|offset|size|count|skip|take|top|start|first|last|per|per_?page|cursor|after|before|page_?(?:size|no|num|number|index)|sort|order|order_?by|sort_?by|\$(?:top|skip|count|orderby))$/i;

/** Does a request ask for all there is, a page of it at most, and search for nothing? */
export function asksForAll(target: string): boolean {
  const { query } = splitTarget(target);
  return query === '' || queryPairs(query, 100).every(([name]) => PAGING_NAME.test(name));
}

const MAX_HEADER_NAMES = 2000;
const headerNames = new Map<string, string | null>();

/** Lower-case name of a header that may carry an object, or `cookie`; null for standard headers and credentials. Remembered by spelling. */
function ownHeader(spelling: string): string | null {
  const known = headerNames.get(spelling);
  if (known !== undefined) return known;
  const name = spelling.toLowerCase();
  const own = name === 'cookie' || !(PLAIN_HEADERS.has(name) || name.startsWith('sec-') || CREDENTIAL_NAME.test(name)) ? name : null;
  if (headerNames.size >= MAX_HEADER_NAMES) headerNames.clear();
  headerNames.set(spelling, own);
  return own;
}

/** Reads route and object references of one request. Never throws; a malformed body gives no body references. */
export function readRequest(request: RequestFacts, carrier: string): RouteReading {
  const { path, query } = splitTarget(request.target);
  const json = bodyJson(request);
  const [template, named] = request.template === null ? [null, null] : splitOperation(request.template);
  const operation =
    named ??
    (request.method === 'POST' || query !== ''
      ? operationOf({
          method: request.method,
          headers: request.headers,
          path,
          query,
          bodyStart: () => request.bodyText?.slice(0, 4096) ?? '',
          json,
        })
      : null);
  const method = effectiveMethod(request, query);
  const references: Reference[] = [];
  let plainReferences = 0;
  const calls = new FieldCalls(references);
  let repeatedSlots: Set<string> | null = null;
  let last: Map<string, string> | null = null;
  const add = (
    place: Reference['place'],
    slotName: string,
    name: string,
    spelled: string,
    hint: string,
    wrapping: string,
    listed: boolean,
    isCallNumber = false,
  ): void => {
    let value = canonicalId(spelled);
    if (!isIdentifier(value)) {
      const read = place === 'path' && hasTail(value) ? lenientId(value) : null;
      if (read === null || !isIdentifier(read)) return;
      value = read;
    }
    if (plainReferences++ >= MAX_REFERENCES) {
      calls.cut();
      return;
    }
    const slot = `${place}:${slotName}`;
    if (references.length >= MANY) last ??= new Map(references.map((one) => [one.slot, one.value]));
    const before = last === null ? references.findLast((one) => one.slot === slot)?.value : last.get(slot);
    last?.set(slot, value);
    if (!listed && before !== undefined && before !== value) {
      repeatedSlots ??= new Set();
      repeatedSlots.add(slot);
    }
    references.push({ slot, place, name, value, hint, wrapping, repeated: false, isCallNumber });
  };

  const { route, collection, routes } = readPath(path, template, add);
  if (query !== '') {
    const pairs = queryPairs(query, 100);
    calls.readPairs(pairs);
    for (const [name, value] of pairs) {
      const bare = name.replace(/\[\d*\]$/, '');
      if (carrier === `query:${name}` || CREDENTIAL_NAME.test(bare) || PAGING_NAME.test(bare)) continue;
      // `filter[tenant]` names a tenant.
      const hint = referentOf(lastStep(bare)) || collection;
      const parts = value.includes(',') ? value.split(',') : [value];
      for (const part of parts) add('query', foldName(bare), bare, part.trim(), hint, '', parts.length > 1 || bare !== name);
    }
  }
  let hasCookies = false;
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = ownHeader(request.headers[i]);
    if (name === null) continue;
    if (name === 'cookie') hasCookies = true;
    else if (carrier !== `header:${name}`)
      add('header', name, name, request.headers[i + 1], referentOf(name.startsWith('x-') ? name.slice(2) : name) || collection, '', false);
  }
  for (const [name, value] of hasCookies ? cookies(request.headers) : []) {
    if (carrier === `cookie:${name}` || CREDENTIAL_NAME.test(name)) continue;
    add('cookie', name, name, decodeSegment(value), referentOf(name) || collection, '', false);
  }
  if (request.bodyText !== null && request.bodyText !== '') readBody(request, json, collection, add, calls);
  const marked = markedAs(references, repeatedSlots);
  const verb = method === 'HEAD' ? 'GET' : method;
  const plain = routes?.get(verb) ?? remembered(routes, verb, `${verb} ${route}`);
  const mutates = !(SAFE.has(method) || (method === 'POST' && !calls.mutates && asksOnly(operation ?? lastWord(plain))));
  return {
    route: operation === null ? plain : withOperation(plain, operation),
    pathRoute: plain,
    fieldRoute: calls.any ? remembered(routes, 'POST', `POST ${route}`) : plain,
    aliases: calls.aliases,
    isBatch: calls.isBatch,
    isCut: calls.isCut || request.isBodyCut === true,
    collection,
    references: marked,
    answerSlot: answerSlotOf(references, !mutates && !SAFE.has(method) && operation === null),
    method,
    action: actionOf(template ?? path, plain),
    container: plain.endsWith('}') ? null : containerOf(references),
    mutates,
  };
}

function markedAs(references: readonly Reference[], repeated: ReadonlySet<string> | null): readonly Reference[] {
  return repeated === null ? references : references.map((one) => (repeated.has(one.slot) ? { ...one, repeated: true } : one));
}

function remembered(routes: Map<string, string> | null, verb: string, route: string): string {
  if (routes !== null && routes.size < 20) routes.set(verb, route);
  return route;
}

/**
 * Parameters with a word choose what is listed (`scope=team`, `filter=mine`); numbers, ids and free text only page or search in it. A call that asks by `POST` has
 * them in its body as well (`alsoInBody`).
 */
function answerSlotOf(references: readonly Reference[], alsoInBody: boolean): string {
  const chooses = ({ place }: Reference): boolean => place === 'query' || (alsoInBody && place === 'body');
  if (!references.some(chooses)) return 'answer';
  const words = references.filter(
    (one) =>
      chooses(one) &&
      /^[a-z][a-z_-]{1,15}$/i.test(one.value) &&
      !/^(?:q|query|search|sort|order|sortby|orderby|lang|locale|field|fields|expand|include|name|title)$/i.test(one.name),
  );
  if (words.length === 0) return 'answer';
  return `answer?${words
    .map((one) => `${one.name}=${one.value}`.toLowerCase())
    .sort()
    .slice(0, 3)
    .join('&')}`;
}

type Add = (
  place: Reference['place'],
  slotName: string,
  name: string,
  value: string,
  hint: string,
  wrapping: string,
  listed: boolean,
  isCallNumber?: boolean,
) => void;

/** `POST` with a method override is what the override says (a common way around method-based checks). */
function effectiveMethod(request: RequestFacts, query: string): string {
  let method = request.method.toUpperCase();
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = request.headers[i];
    if (name.length < 13 || name.length > 22) continue;
    if (/^x-(?:http-)?method(?:-override)?$/i.test(name)) method = request.headers[i + 1].toUpperCase();
  }
  if (query.includes('_method=')) method = (queryPairs(query).find(([name]) => name === '_method')?.[1] ?? method).toUpperCase();
  return /^[A-Z]{3,10}$/.test(method) ? method : request.method.toUpperCase();
}

function readPath(
  path: string,
  template: string | null,
  add: Add,
): Pick<PathPlan, 'route' | 'collection'> & { routes: PathPlan['routes'] | null } {
  let raw = segmentsOf(isPlainPath(path) ? path : plainPath(path));
  if (template !== null) {
    const known = planOf(template);
    // The template may be that of the path as the most lenient servers read it; nobody else has a use for what climbs by escaped slashes.
    if (!isPlainPath(path) && (known.length !== raw.length || climbsByEscapes(path))) {
      const lenient = segmentsOf(lenientPath(path));
      if (lenient.length === known.length) raw = lenient;
    }
    if (known.length === raw.length) {
      for (let i = 0; i < known.parameters.length; i++) {
        const { at, owner, shape } = known.parameters[i];
        const segment = decodeSegment(raw[at]);
        addValues(add, String(i), innerValue(shape, segment), owner);
      }
      return known;
    }
  }
  const plan = template === null ? null : template.split('/').filter((segment) => segment !== '');
  const aligned = plan !== null && plan.length === raw.length ? plan : null;
  const out: string[] = [];
  const parameters: { at: number; owner: string; value: string }[] = [];
  let last = '';
  for (let i = 0; i < raw.length; i++) {
    const segment = decodeSegment(raw[i]);
    const shape = aligned?.[i] ?? null;
    const isParameter = shape !== null ? shape.includes('{') || looksLikeValue(shape) : looksLikeValue(segment);
    if (!isParameter) {
      out.push((shape ?? segment).toLowerCase());
      last = collectionOf(segment, last);
      continue;
    }
    parameters.push({ at: i, owner: last, value: shape === null ? segment : innerValue(shape, segment) });
    out.push('{}');
  }
  nameOuter(parameters);
  for (const [index, { owner, value }] of parameters.entries()) addValues(add, String(index), value, owner);
  return { route: `/${out.join('/')}`, collection: last, routes: null };
}

/** Of a path in which nothing can be read in two ways. */
function segmentsOf(path: string): string[] {
  const all = path.split('/');
  if (all.at(-1) === '') all.pop();
  if (all[0] === '') all.shift();
  return all;
}

interface PathPlan {
  readonly route: string;
  /** The route with each method that was seen, so that one text stands for it everywhere. */
  readonly routes: Map<string, string>;
  readonly collection: string;
  /** Segments of the template, and which of them are parameters. */
  readonly length: number;
  readonly parameters: readonly { readonly at: number; readonly owner: string; readonly shape: string }[];
}

const MAX_PLANS = 50_000;
const plans = new Map<string, PathPlan>();

/** Folded segments that say what is done, or with which of them, and not with what: `/trips/get`, `/claims/detail`, `/orders/mine`. */
const ACTION =
  /^(?:batch|bulk)?(?:get|list|search|find|query|lookup|read|fetch|view|show|describe|detail|info|count|check|preview|print|download|export|create|add|new|update|edit|change|modify|save|set|delete|remove|cancel|archive|all|mine|batch|bulk)(?:all|many|mine|batch|bulk)?$/;
const NO_COLLECTION = /^(?:|v\d[\d.]*|api|rest|rpc)$/;

/** What a path is about once this segment was read, and `before` so far. */
function collectionOf(segment: string, before: string): string {
  const word = foldName(segment);
  return ACTION.test(word) && !NO_COLLECTION.test(before) ? before : word;
}

/** What a template says about its paths, worked out once. */
function planOf(template: string): PathPlan {
  const known = plans.get(template);
  if (known !== undefined) return known;
  const segments = template.split('/').filter((segment) => segment !== '' && segment !== '.');
  const parameters: { at: number; owner: string; shape: string }[] = [];
  const out: string[] = [];
  let owner = '';
  segments.forEach((shape, at) => {
    if (shape.includes('{') || looksLikeValue(shape)) {
      parameters.push({ at, owner, shape });
      out.push('{}');
    } else {
      owner = collectionOf(decodeSegment(shape), owner);
      out.push(shape.toLowerCase());
    }
  });
  nameOuter(parameters);
  const plan: PathPlan = { route: `/${out.join('/')}`, routes: new Map(), collection: owner, length: segments.length, parameters };
  if (plans.size >= MAX_PLANS) plans.clear();
  plans.set(template, plan);
  return plan;
}

/** `/repos/{owner}/{name}`: only the last of several in a row is named by the word before them. */
function nameOuter(parameters: { readonly at: number; owner: string }[]): void {
  for (let i = parameters.length - 2; i >= 0; i--)
    if (parameters[i + 1].at === parameters[i].at + 1 && parameters[i].owner !== '') parameters[i].owner = `${parameters[i + 1].owner}/`;
}

function addValues(add: Add, index: string, value: string, owner: string): void {
  if (!value.includes(',')) add('path', index, index, unwrapped(value), owner, '', false);
  else for (const part of value.split(',')) add('path', index, index, unwrapped(part), owner, '', true);
}

/** `/report-{id}.pdf` matched with `report-17.pdf` → `17`; a plain `{id}` gives the whole segment. */
function innerValue(shape: string, segment: string): string {
  const open = shape.indexOf('{');
  const close = shape.lastIndexOf('}');
  if (open < 0 || (open === 0 && close === shape.length - 1 && shape.indexOf('{', 1) < 0)) return segment;
  const before = shape.slice(0, open);
  const after = shape.slice(close + 1);
  return segment.startsWith(before) && segment.endsWith(after) && segment.length > before.length + after.length
    ? segment.slice(before.length, segment.length - after.length)
    : segment;
}

/** OData and matrix style `(42)`, `'42'` → `42`. */
function unwrapped(value: string): string {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  if (first > 41 && last > 41) return value;
  return value.replace(/^[('"]+|[)'"]+$/g, '') || value;
}

function readBody(request: RequestFacts, json: () => unknown, collection: string, add: Add, calls: FieldCalls): void {
  const text = request.bodyText ?? '';
  const type = mediaType(request.headers);
  if (type === 'application/x-www-form-urlencoded') {
    const pairs = queryPairs(text, MAX_FIELDS);
    calls.readPairs(pairs);
    for (const [name, value] of pairs) addField(add, name, value, collection);
    return;
  }
  if (type.startsWith('multipart/')) {
    const boundary = boundaryOf(header(request.headers, 'content-type') ?? '');
    const { parts } = boundary === null ? { parts: [] } : parseMultipart(text, boundary);
    for (const { filename, name, text: value } of parts.slice(0, MAX_FIELDS)) if (filename === null) addField(add, name, value, collection);
    return;
  }
  if (isXml(type, text)) {
    const fields = valueWalk(
      (at, name, one, hint, wrapping, inList) => add('body', at, name, one, hint || collection, wrapping, inList),
      calls,
    );
    fields(xmlFields(text), '', '', '', 0, false);
    return;
  }
  if (type === 'application/graphql') {
    calls.read({ query: text });
    return;
  }
  const first = text.charCodeAt(0);
  if (!isJsonType(type) && first !== 0x7b && first !== 0x5b) return;
  const value = json();
  if (value === undefined) return;
  const isRpc = claimsRpc(value);
  const walk = valueWalk(
    (at, name, one, hint, wrapping, inList) =>
      add('body', at, name, one, hint || calls.hintAt(at) || collection, wrapping, inList, isRpc && at === 'id'),
    calls,
  );
  if (!Array.isArray(value) || !isCall(value[0])) {
    walk(value, '', '', '', 0, false);
    return;
  }
  calls.isBatch = true;
  // Several calls in one request are no structure around their ids, and the route is named after the first.
  walk(value[0], '', '', '', 0, false);
  for (const one of value.slice(1, MAX_CALLS) as unknown[]) {
    if (isCall(one)) calls.read(one);
    else walk(one, '', '', '[', 1, true);
  }
}

/** The innermost name of `order[buyer][id]`. */
const lastStep = (name: string): string => (name.endsWith(']') ? name.slice(name.lastIndexOf('[') + 1, -1) : name);

/** A field of a form: `order[id]` is at the same place as `id` of `order` in JSON, so that another type of body is no way around what is known of it. */
function addField(add: Add, name: string, value: string, collection: string): void {
  const bare = name.replace(/\[\d*\]$/, '');
  if (CREDENTIAL_NAME.test(bare)) return;
  const steps = bare.split(/[[\].]+/).filter((step) => step !== '');
  const last = steps.at(-1) ?? '';
  add(
    'body',
    steps.map(foldName).join('.'),
    last,
    value,
    referentOf(last) || referentOf(steps.at(-2) ?? '') || collection,
    '',
    bare !== name,
  );
}

/** Whether a body is read as XML. */
export function isXml(type: string, text: string): boolean {
  return (type.endsWith('/xml') || type.endsWith('+xml')) && /^\s*</.test(text);
}

/** What stands in the root element of XML, or in the operation that SOAP calls: at the same places as the fields of JSON. */
function xmlFields(text: string): unknown {
  let value = text.length > MAX_XML ? undefined : readXml(text, MAX_XML_DEPTH).value;
  const levels = isRecord(value) && 'Envelope' in value ? 3 : 1;
  for (let level = 0; level < levels && isRecord(value); level++) {
    const inner = Object.entries(value).filter(([name]) => !name.startsWith('@') && name !== 'Header');
    value = inner.length === 1 ? inner[0][1] : value;
  }
  return value;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON-RPC call, or a list that begins with one, by its own word. */
function claimsRpc(body: unknown): boolean {
  const first: unknown = Array.isArray(body) ? body[0] : body;
  return typeof first === 'object' && first !== null && 'jsonrpc' in first;
}

function containerOf(references: readonly Reference[]): RouteReading['container'] {
  const above = references.findLast((one) => one.place === 'path');
  return above === undefined || above.hint === '' ? null : { name: above.hint, value: above.value };
}

/** The parsed body, parsed once and only when asked for; undefined when it is not JSON. */
function bodyJson({ bodyText }: RequestFacts): () => unknown {
  let isParsed = false;
  let value: unknown;
  return () => {
    if (isParsed) return value;
    isParsed = true;
    try {
      value = bodyText === null ? undefined : JSON.parse(bodyText);
    } catch {
      value = undefined;
    }
    return value;
  };
}
