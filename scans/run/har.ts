import { shortHash } from '../../exchange/index.js';
import { ScanError } from '../errors.js';
import { carriageOf } from './carriage.js';
import { isOwnHeader, type KnownEndpoint, readDocument } from './endpoints.js';
import { fieldsOf, type Json, parseBody } from './fields.js';

interface HarEntry {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers?: readonly { readonly name: string; readonly value: string }[];
    readonly postData?: { readonly text?: string; readonly mimeType?: string };
  };
  readonly response?: {
    readonly headers?: readonly { readonly name: string; readonly value: string }[];
    readonly content?: { readonly text?: string; readonly encoding?: string };
  };
}

const ID_SEGMENT = /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26})$/i;
/** Fields whose values name an object, so that the same value in a path is a parameter. */
const NAMES_OBJECT =
  /(^|[-_])(id|uuid|guid|pk|key|slug|ref|reference|number|no|code|token|hash|handle|user|username|user_name|email|login|name|title|iban|vin|sku)$|[a-z](Id|ID|Uuid|UUID|Key|Slug|Ref|Reference|Number|No|Code|Token|Hash|Name)$/;
const SHORTEST_NAME = 3;

/** Endpoints of a HAR file; what was an id in some answer, or looks like one, becomes a parameter of the path. @throws ScanError SCAN_OPTIONS */
export function endpointsOfHar(text: string, service: string): readonly KnownEndpoint[] {
  const entries = (readDocument(text) as { log?: { entries?: readonly HarEntry[] } } | null)?.log?.entries;
  if (!Array.isArray(entries)) throw new ScanError('SCAN_OPTIONS', 'the document has no "log.entries": it is no HAR file');
  const recorded = ofOneHost(
    (entries as readonly HarEntry[]).filter(
      ({ request }) =>
        !/^(CONNECT|OPTIONS)$/.test(request.method) && URL.canParse(request.url) && !STATIC.test(new URL(request.url).pathname),
    ),
  );
  const names = objectNames(recorded);
  const found = new Map<string, KnownEndpoint>();
  for (const { request } of recorded) {
    const url = new URL(request.url);
    const path: { [name: string]: string } = {};
    const template = url.pathname
      .split('/')
      .map((segment, index) => {
        const value = decoded(segment);
        // A number may be the id of several things: the path says of which.
        const name = index === 0 || segment === '' ? null : ID_SEGMENT.test(segment) ? 'id' : (names.get(value) ?? null);
        if (name === null) return segment;
        const count = Object.keys(path).filter((one) => one === name || one.startsWith(`${name}_`)).length;
        const unique = count === 0 ? name : `${name}_${count + 1}`;
        path[unique] = value;
        return `{${unique}}`;
      })
      .join('/');
    const key = `${request.method} ${template}`;
    if (found.has(key)) continue;
    const body = request.postData?.text;
    const read = body === undefined || body === '' ? null : safeJson(body);
    const given = [
      ...[...url.searchParams].map(([name, value]) => ({ name, value })),
      ...fieldsOf(read).map(({ name, value }) => ({ name, value: String(value) })),
    ];
    const [carriage] = (request.headers ?? []).map(({ name, value }) => carriageOf(name, value)).filter((one) => one !== null);
    found.set(key, {
      ...(carriage === undefined ? {} : { carriage }),
      id: shortHash(service, request.method, template),
      method: request.method,
      template,
      query: [...url.searchParams].map(([name, example]) => ({ name, example })),
      path,
      body: read,
      contentType: request.postData?.mimeType ?? '',
      headers: (request.headers ?? [])
        .filter(({ name }) => isOwnHeader(name))
        .map(({ name, value }) => ({ name: name.toLowerCase(), example: value })),
      references: given.filter(({ value }) => names.has(value)).map(({ name }) => name),
    });
  }
  return [...found.values()];
}

const STATIC = /\.(m?js|css|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp4|webm|wasm)$/i;

/** A browser talks to many: the API is where most data comes from and most changes go to. */
function ofOneHost(entries: readonly HarEntry[]): readonly HarEntry[] {
  const votes = new Map<string, number>();
  for (const { request, response } of entries) {
    const type = response?.headers?.find(({ name }) => /^content-type$/i.test(name))?.value ?? '';
    const vote = 1 + 10 * Number(/json|xml/i.test(type) || request.method !== 'GET');
    const { host } = new URL(request.url);
    votes.set(host, (votes.get(host) ?? 0) + vote);
  }
  const [winner] = [...votes].sort(([, a], [, b]) => b - a);
  return entries.filter(({ request }) => new URL(request.url).host === winner?.[0]);
}

/** Values that named an object in an answer (or its Location), and the name of the field. A segment that every path has is none of them. */
function objectNames(entries: readonly HarEntry[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { response } of entries) {
    const { text = '', encoding } = response?.content ?? {};
    const body = encoding === 'base64' ? Buffer.from(text, 'base64').toString('utf8') : text;
    for (const { name, value } of fieldsOf(parseBody(body))) {
      const id = String(value);
      if (typeof value === 'object' || typeof value === 'boolean' || !NAMES_OBJECT.test(name)) continue;
      // Words such as "orders" name a kind of thing: with a digit, capitals inside or a length of their own they name one thing.
      if (!names.has(id) && id.length >= SHORTEST_NAME && id.length <= 128 && (isNamelike(id) || isPathEnd(entries, id)))
        names.set(id, name);
    }
  }
  return names;
}

const isNamelike = (value: string): boolean => /\d|@|[a-z][A-Z]/.test(value) && !/^v\d+$/i.test(value) && !/^https?:/.test(value);
/** The value ends a path whose beginning was asked for as well: it is one of that collection. */
const isPathEnd = (entries: readonly HarEntry[], value: string): boolean =>
  entries.some(({ request }) => {
    const { pathname } = new URL(request.url);
    const before = pathname.slice(0, pathname.lastIndexOf('/'));
    return decoded(pathname.slice(before.length + 1)) === value && entries.some((other) => new URL(other.request.url).pathname === before);
  });

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function safeJson(text: string): Json | null {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return Object.fromEntries(new URLSearchParams(text));
  }
}
