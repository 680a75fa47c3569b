import type { AttackInput } from '../attack-port.js';
import { Repeated } from '../body/json-walk.js';
import type { Place } from './patterns.js';

/** Called with each value: what it is, where it stood, and the name of its field. */
export type Visit = (value: string, place: Place, path: string, name: string) => void;
/** Called with each key of an object that could change how the object is read. */
export type VisitKey = (key: string, value: unknown, path: string) => void;

const MAX_VALUES = 5000;
const MAX_DEPTH = 40;
const PLAIN_NAME = /^[\w.\-:@]{0,64}$/;

/** Values of query and cookies, with names that are more than names. */
export function visitPairs(pairs: Iterable<readonly [string, string]>, place: Place, visit: Visit, visitKey: VisitKey): void {
  for (const [name, value] of pairs) {
    if (!PLAIN_NAME.test(name)) {
      visitKey(name, value, name);
      visit(name, place, name, '');
    }
    visit(value, place, name, name);
  }
}

/** The path as a whole and, where it is more than words, segment by segment. */
export function visitPath(path: string, visit: Visit): void {
  const whole = path.startsWith('/') ? path.slice(1) : path;
  visit(whole, 'path', '', '');
  if (!whole.includes('/')) return;
  let index = 0;
  for (const segment of whole.split('/')) visit(segment, 'path', String(index++), '');
}

/** All texts of the parsed body; keys in `visitKey`. */
export function visitBody(input: AttackInput, visit: Visit, visitKey: VisitKey): void {
  const body = input.body();
  if (body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)) {
    const text = input.text();
    if (text !== '') visit(text, 'body', '', '');
    return;
  }
  visitParsed(body, 'body', '', '', visit, visitKey);
}

/** All texts of a parsed value that stands under `name` at `root`; keys in `visitKey`. */
export function visitParsed(parsed: unknown, place: Place, root: string, field: string, visit: Visit, visitKey: VisitKey): void {
  let left = MAX_VALUES;
  const walk = (value: unknown, path: string, name: string, depth: number): void => {
    if (left <= 0 || depth > MAX_DEPTH) return;
    if (typeof value === 'string') {
      left--;
      visit(value, place, path, name);
    } else if (Array.isArray(value)) {
      const inner = `${path}[*]`;
      for (const one of value) walk(one, inner, name, depth + 1);
    } else if (value instanceof Repeated) {
      for (const one of value.values) walk(one, path, name, depth + 1);
    } else if (typeof value === 'object' && value !== null) {
      for (const key of Object.keys(value)) {
        left--;
        const one = (value as Record<string, unknown>)[key];
        const inner = path === '' ? key : `${path}.${key}`;
        if (key.charCodeAt(0) === 36 || key.length > 8) visitKey(key, one, inner);
        if (!PLAIN_NAME.test(key)) visit(key, place, inner, '');
        walk(one, inner, key, depth + 1);
      }
    }
  };
  walk(parsed, root, field, 0);
}

const GRAPHQL = /^\s*(?:query|mutation|subscription|fragment)\b|^\s*\{\s*[A-Za-z_]/;
const GRAPHQL_TEXT = /(?:([A-Za-z_]\w{0,63})\s{0,8}:\s{0,8})?(?:"""([\s\S]{0,4000}?)"""|"((?:[^"\\\n]|\\.){1,4000})")/g;
const MAX_GRAPHQL_CHARS = 65_536;
const MAX_GRAPHQL_TEXTS = 500;

/** Texts that stand in a GraphQL document itself instead of its variables (GraphQL specification, 2.9.4), each with its argument's name. */
export function* graphqlTexts(document: string): Generator<readonly [name: string, text: string]> {
  if (document.length > MAX_GRAPHQL_CHARS || !document.includes('"') || !GRAPHQL.test(document)) return;
  let left = MAX_GRAPHQL_TEXTS;
  for (const [, name, block, text] of document.matchAll(GRAPHQL_TEXT)) {
    if (--left < 0) return;
    yield [name ?? '', block ?? text.replace(/\\(["\\/])/g, '$1')];
  }
}

/** Headers whose grammar leaves no room for anything else, or that hold credentials: only lookups are searched there. */
const KNOWN_HEADERS = new Set(
  (
    'host accept accept-encoding accept-language accept-charset connection content-length content-type content-encoding date cache-control pragma authorization ' +
    'proxy-authorization origin range if-match if-none-match if-modified-since if-unmodified-since if-range te trailer transfer-encoding upgrade ' +
    'upgrade-insecure-requests dnt expect keep-alive traceparent tracestate via forwarded set-cookie cookie user-agent referer ' +
    'x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-request-id x-correlation-id x-real-ip content-disposition soapaction etag vary link'
  ).split(' '),
);

export const isKnownHeader = (name: string): boolean =>
  KNOWN_HEADERS.has(name) || name.startsWith('sec-') || name.startsWith('access-control-');
