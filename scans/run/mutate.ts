import { compilePattern } from '../language/pattern.js';
import type { Mutation, Value } from '../language/types.js';
import { cookiesIn } from './cookies.js';
import { changeFields, changeLeaves, fieldsOf, formOf, isJsonBody, type Json, parseBody } from './fields.js';
import { changeGraphql } from './graphql.js';
import { JWT_FORMS, jwtIn, replaceJwt, withClaims } from './jwt.js';
import type { Scope } from './scope.js';
import type { Identity, Sample, ScanRequest, TestContext } from './types.js';

/** Headers that carry credentials, beside those that an identity brings. */
const CREDENTIAL_HEADERS = [
  'authorization',
  'cookie',
  'x-api-key',
  'x-auth-token',
  'x-access-token',
  'access-token',
  'proxy-authorization',
];

export interface Mutable {
  readonly sample: Sample;
  readonly scope: Scope;
  readonly context: TestContext;
  /** Correlation ids of callback addresses that were put into requests are added here. */
  readonly callbacks: string[];
}

/** null: the operation finds nothing to change here, or a variable is not bound. */
export function mutate(request: ScanRequest, mutation: Mutation, run: Mutable): ScanRequest | null {
  const { scope } = run;
  const { operation, argument, inner } = mutation;
  if (operation.startsWith('${') || operation === 'for_all' || operation === 'for_one' || operation === 'for_each_combination')
    return repeat(request, mutation, run);
  const names = () => namesOf(argument, scope);
  const pairs = () => pairsOf(argument, scope);
  switch (operation) {
    case 'add_header':
    case 'modify_header':
      return changeHeaders(request, operation === 'add_header', argument, run);
    case 'delete_header':
      return {
        ...request,
        headers: without(
          request.headers,
          names().map((name) => name.toLowerCase()),
        ),
      };
    case 'add_query_param':
    case 'modify_query_param':
    case 'delete_query_param':
      return changeQuery(request, operation, operation === 'delete_query_param' ? names().map((name) => [name, null] as const) : pairs());
    case 'add_body_param':
    case 'modify_body_param':
      return changeBody(request, pairs(), operation === 'add_body_param');
    case 'modify_param': {
      const [entries] = [pairs()];
      return entries === null ? null : (changeBody(request, entries, false) ?? changeQuery(request, 'modify_query_param', entries));
    }
    case 'delete_body_param':
      return deleteBody(request, names());
    case 'replace_body':
      return replaceBody(request, argument, scope);
    case 'modify_url':
      return modifyUrl(request, argument, scope);
    case 'modify_method': {
      const method = textOf(argument, scope);
      return method === null
        ? null
        : { ...request, method: method.toUpperCase(), body: method === 'GET' || method === 'HEAD' ? '' : request.body };
    }
    case 'follow_redirect':
      return { ...request, followRedirects: String(argument) === 'true' };
    case 'remove_auth_header':
      return String(argument) === 'true' ? { ...request, headers: without(request.headers, credentialNames(run)) } : request;
    case 'replace_auth_header':
      return replaceAuth(request, argument, run);
    case 'jwt_replace_body':
      return changeJwt(request, (token) => {
        const claims = typeof argument === 'string' ? parseBody(String(scope.resolve(argument) ?? '')) : argument;
        return claims !== null && typeof claims === 'object' && !Array.isArray(claims)
          ? withClaims(token, claims as { readonly [claim: string]: unknown })
          : null;
      });
    case 'attach_file': {
      const text = textOf(argument, scope);
      return text === null ? null : attachFile(request, text, run.context.newId());
    }
    case 'replace_parent_ids':
      return String(argument) === 'true' ? replaceParents(request, run) : request;
    case 'modify_own_id': {
      const text = textOf(argument, scope);
      return text === null ? null : changeOwnId(request, text, run);
    }
    case 'modify_cookie':
      return changeCookies(request, pairs());
    case 'send_ssrf_req':
      return request;
    case 'conversations_list':
    case 'test_name':
    case 'label':
      return request;
    default:
      return operation.endsWith('_graphql_field') && inner === undefined ? changeGraphql(request, operation, argument, scope) : null;
  }
}

/** Every operation of a repetition, once for each value of its list, all on one request. */
function repeat(request: ScanRequest, { operation, inner = [] }: Mutation, run: Mutable): ScanRequest | null {
  const values = operation.startsWith('${') ? run.scope.resolveAll(operation) : [null];
  let current: ScanRequest | null = request;
  for (const value of values) {
    const scope = value === null ? run.scope : run.scope.with([['iteratorKey', value]]);
    for (const one of inner) current = current === null ? null : mutate(current, one, { ...run, scope });
    if (operation === 'for_one' && current !== request) break;
  }
  return current;
}

function textOf(value: Value, scope: Scope): string | null {
  const resolved = typeof value === 'string' ? scope.resolve(value) : value;
  if (resolved === null) return null;
  const one = Array.isArray(resolved) ? (resolved as readonly Value[])[0] : resolved;
  return one === undefined ? null : typeof one === 'object' ? JSON.stringify(one) : String(one);
}

function namesOf(value: Value, scope: Scope): string[] {
  const values = Array.isArray(value)
    ? (value as readonly Value[])
    : value !== null && typeof value === 'object'
      ? Object.keys(value)
      : [value];
  return values.flatMap((one) =>
    typeof one === 'string' && one.includes('${')
      ? scope
          .resolveAll(one)
          .filter((item) => item !== null)
          .map(String)
      : [scope.name(String(one))],
  );
}

/** null when a variable is not bound. */
function pairsOf(argument: Value, scope: Scope): readonly (readonly [string, Value])[] | null {
  const pairs: [string, Value][] = [];
  for (const [key, raw] of Object.entries(argument as { [key: string]: Value })) {
    const keys = scope.resolveAll(key.includes('${') ? key : (scope.get(key) ?? key));
    const value = typeof raw === 'string' ? scope.resolve(raw) : raw;
    if (value === null && raw !== null) return null;
    for (const one of keys) {
      if (one === null) return null;
      pairs.push([String(one), value]);
    }
  }
  return pairs;
}

const without = (headers: { readonly [name: string]: string }, names: readonly string[]) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

export const credentialNames = ({ context }: { readonly context: TestContext }): readonly string[] => [
  ...new Set([...CREDENTIAL_HEADERS, ...context.identities.flatMap((one) => Object.keys(one.headers))]),
];

function withIdentity(
  request: ScanRequest,
  identity: { readonly headers: { readonly [name: string]: string } },
  run: Mutable,
): ScanRequest {
  return { ...request, headers: { ...without(request.headers, credentialNames(run)), ...identity.headers } };
}

const ROLE_WORDS: readonly RegExp[] = [
  /guest|anonymous|public/i,
  /^$|user|customer|member|patient|student|buyer|client|basic|free/i,
  /mechanic|staff|support|seller|teacher|doctor|agent|editor|moderator|manager|operator|premium/i,
  /admin|root|owner|super/i,
];

/** Where a role stands among others: guests, users, staff, administrators. A word that says nothing counts as a user's. */
export const rankOf = (role: string): number => {
  const found = ROLE_WORDS.findLastIndex((words) => words.test(role));
  return found < 0 ? 1 : found;
};

/** Who tries what the sample's identity may do: somebody else with no more rights, else what is found proves nothing. The nearest rank first. */
export function attackerOf({ sample, context }: Pick<Mutable, 'sample' | 'context'>): Identity | null {
  const owner = context.identities.find((one) => one.name === sample.identity);
  const limit = owner === undefined ? Number.POSITIVE_INFINITY : rankOf(owner.role);
  const able = context.identities.filter(
    (one) => one.name !== sample.identity && rankOf(one.role) <= limit && Object.keys(one.headers).length > 0,
  );
  return able.reduce<Identity | null>((best, one) => (best === null || rankOf(one.role) > rankOf(best.role) ? one : best), null);
}

const ROLE = /^\$\{roles_access_context\.(.+)\}$/;

function changeHeaders(request: ScanRequest, add: boolean, argument: Value, run: Mutable): ScanRequest | null {
  const role = Object.keys(argument as object)
    .map((key) => ROLE.exec(key)?.[1])
    .find((one) => one !== undefined);
  if (role !== undefined) {
    const identity = run.context.identities.find((one) => one.role.toLowerCase() === role.toLowerCase());
    return identity === undefined ? null : withIdentity(request, identity, run);
  }
  const pairs = pairsOf(argument, run.scope);
  if (pairs === null) return null;
  const headers: { [name: string]: string } = { ...request.headers };
  let changes = 0;
  for (const [name, value] of pairs) {
    if (!add && headers[name.toLowerCase()] === undefined) continue;
    headers[name.toLowerCase()] = String(value);
    changes++;
  }
  return changes === 0 ? null : { ...request, headers };
}

function changeQuery(request: ScanRequest, operation: string, pairs: readonly (readonly [string, Value])[] | null): ScanRequest | null {
  if (pairs === null) return null;
  const url = new URL(request.url);
  let changes = 0;
  for (const [name, value] of pairs) {
    const present = url.searchParams.has(name);
    if (operation === 'add_query_param') url.searchParams.append(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
    else if (!present) continue;
    else if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
    changes++;
  }
  return changes === 0 ? null : { ...request, url: url.href };
}

function writeBody(request: ScanRequest, value: Json): ScanRequest {
  if (isJsonBody(request.body) || request.body.trim() === '') {
    const headers =
      request.headers['content-type'] === undefined ? { ...request.headers, 'content-type': 'application/json' } : request.headers;
    return { ...request, headers, body: JSON.stringify(value) };
  }
  return { ...request, body: formOf(value) };
}

function changeBody(request: ScanRequest, pairs: readonly (readonly [string, Value])[] | null, add: boolean): ScanRequest | null {
  if (pairs === null) return null;
  const body = parseBody(request.body) ?? (add && request.body.trim() === '' ? {} : null);
  if (body === null) return null;
  let changes = 0;
  for (const [name, value] of pairs) {
    const typed = (before: Json): Json =>
      typeof before === 'number' && typeof value === 'string' && value !== '' && Number.isFinite(Number(value))
        ? Number(value)
        : (value as Json);
    if (!add) {
      changes += changeFields(body, name, typed);
      continue;
    }
    const targets = (Array.isArray(body) ? body : [body]).map(unwrapped);
    for (const target of targets)
      if (target !== null && typeof target === 'object' && !Array.isArray(target)) {
        target[name] = value as Json;
        changes++;
      }
  }
  return changes === 0 ? null : writeBody(request, body);
}

/** `{"user": {…}}` and JSON:API's `{"data": {"attributes": {…}}}` hold in one member what others send as it is. */
function unwrapped(body: Json): Json {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return body;
  const [only, ...others] = Object.values(body);
  const inner = others.length === 0 ? only : 'type' in body ? body.attributes : undefined;
  return inner !== undefined && inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? unwrapped(inner) : body;
}

function deleteBody(request: ScanRequest, names: readonly string[]): ScanRequest | null {
  const body = parseBody(request.body);
  if (body === null) return null;
  const changes = names.reduce((sum, name) => sum + changeFields(body, name, () => undefined), 0);
  return changes === 0 ? null : writeBody(request, body);
}

function replaceBody(request: ScanRequest, argument: Value, scope: Scope): ScanRequest | null {
  if (argument !== null && typeof argument === 'object' && !Array.isArray(argument)) {
    const { regex, replace_with } = (argument as { regex_replace?: { regex?: Value; replace_with?: Value } }).regex_replace ?? {};
    const body = replaced(request.body, regex ?? null, replace_with ?? '', scope);
    return body === null ? null : { ...request, body };
  }
  const body = textOf(argument, scope);
  return body === null ? null : { ...request, body };
}

function replaced(text: string, regex: Value, by: Value, scope: Scope): string | null {
  const [source, replacement] = [textOf(regex, scope), textOf(by, scope)];
  const pattern = source === null ? 'no pattern' : compilePattern(source);
  if (typeof pattern === 'string' || replacement === null || !pattern.test(text)) return null;
  return pattern.replace(text, replacement.replaceAll('\\', '\\\\'));
}

function modifyUrl(request: ScanRequest, argument: Value, scope: Scope): ScanRequest | null {
  let next: string | null;
  if (argument !== null && typeof argument === 'object' && !Array.isArray(argument)) {
    const forms = argument as { [form: string]: { regex?: Value; replace_with?: Value; location?: Value } };
    next = request.url;
    if (forms.regex_replace) next = replaced(next, forms.regex_replace.regex ?? null, forms.regex_replace.replace_with ?? '', scope);
    for (const form of ['token_replace', 'token_insert'] as const)
      if (forms[form] && next !== null) next = changeToken(next, forms[form], form === 'token_insert', scope);
  } else next = textOf(argument, scope);
  if (next === null) return null;
  const base = new URL(request.url);
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(next) ? next : `${base.origin}${next.startsWith('/') ? '' : '/'}${next}`;
  return URL.canParse(url) ? { ...request, url: new URL(url).href } : null;
}

function changeToken(url: string, form: { replace_with?: Value; location?: Value }, insert: boolean, scope: Scope): string | null {
  const text = textOf(form.replace_with ?? null, scope);
  const at = scope.number(form.location ?? 1);
  if (text === null || !Number.isInteger(at)) return null;
  const target = new URL(url);
  const tokens = target.pathname.split('/').slice(1);
  // Locations count from 1; negative ones from the end.
  const index = at > 0 ? at - 1 : tokens.length + at;
  if (index < 0 || index >= tokens.length + (insert ? 1 : 0)) return null;
  tokens.splice(index, insert ? 0 : 1, text);
  return `${target.origin}/${tokens.join('/')}${target.search}`;
}

/** Ids on the way to the object become those of the attacker; the object itself, the last of the own values, stays: below them, or in the body. */
function replaceParents(request: ScanRequest, run: Mutable): ScanRequest | null {
  const { pathValues, template, ownValues } = run.sample;
  const object = ownValues.at(-1) ?? pathValues.at(-1)?.value;
  const other = attackerOf(run);
  const url = new URL(request.url);
  let changes = 0;
  for (const { name, value } of pathValues.filter((one) => one.value !== object)) {
    const own = other?.values[template.slice(0, template.indexOf(`{${name}}`) + name.length + 2)] ?? other?.values[name];
    if (own === undefined || own === value) continue;
    const before = url.pathname;
    url.pathname = before
      .split('/')
      .map((part) => (part === encodeURIComponent(value) ? encodeURIComponent(own) : part))
      .join('/');
    changes += Number(url.pathname !== before);
  }
  return changes === 0 ? null : { ...request, url: url.href };
}

/** Another value in place of the first own value, wherever the request holds it: path, query, headers, body. */
function changeOwnId(request: ScanRequest, by: string, { sample, context }: Mutable): ScanRequest | null {
  const [own] = sample.ownValues;
  if (own === undefined) return null;
  const url = new URL(request.url);
  let changes = 0;
  const inPath = sample.pathValues.map(({ value }) => (value === own ? by : value));
  if (inPath.some((value, index) => value !== sample.pathValues[index]!.value)) {
    const { pathname } = url;
    const prefix = pathname.slice(
      0,
      Math.max(
        0,
        pathname.length -
          pathOf(
            sample,
            sample.pathValues.map(({ value }) => value),
          ).length,
      ),
    );
    const next = `${prefix}${pathOf(sample, inPath)}`;
    changes += Number(next !== pathname);
    url.pathname = next;
  }
  for (const [name, value] of [...url.searchParams])
    if (value === own) {
      url.searchParams.set(name, by);
      changes++;
    }
  const credentials = credentialNames({ context });
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, value === own && !credentials.includes(name) ? by : value]),
  );
  changes += Object.entries(headers).filter(([name, value]) => request.headers[name] !== value).length;
  const body = parseBody(request.body);
  const inBody = body === null ? 0 : changeLeaves(body, own, by);
  const changed = { ...request, url: url.href, headers };
  if (changes + inBody === 0) return null;
  return inBody === 0 ? changed : writeBody(changed, body);
}

/** The path of a sample's template with these values in the place of its parameters. */
function pathOf({ template }: Sample, values: readonly string[]): string {
  let index = 0;
  return template.replace(/\{[^}]+\}/g, () => encodeURIComponent(values[index++] ?? ''));
}

/** Cookies that the request has, with other values. */
function changeCookies(request: ScanRequest, pairs: readonly (readonly [string, Value])[] | null): ScanRequest | null {
  const cookies = new Map(cookiesIn(request.headers.cookie ?? ''));
  const known = (pairs ?? []).filter(([name]) => cookies.has(name));
  for (const [name, value] of known) cookies.set(name, String(value));
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return known.length === 0 ? null : { ...request, headers: { ...request.headers, cookie } };
}

function changeJwt(request: ScanRequest, change: (token: string) => string | null): ScanRequest | null {
  for (const [name, value] of Object.entries(request.headers)) {
    const token = jwtIn(value);
    const next = token === null ? null : change(token);
    if (next !== null) return { ...request, headers: { ...request.headers, [name]: replaceJwt(value, next) } };
  }
  return null;
}

function replaceAuth(request: ScanRequest, argument: Value, run: Mutable): ScanRequest | null {
  const word = String(argument);
  if (word === 'false') return request;
  if (word === 'true') {
    const other = attackerOf(run);
    return other === null ? null : withIdentity(request, other, run);
  }
  const form = /^\$\{auth_context\.(\w+)\}$/.exec(word)?.[1];
  const make = form === undefined ? undefined : JWT_FORMS[form];
  if (make !== undefined)
    return changeJwt(request, (token) =>
      make(
        token,
        run.context.callbackUrl('jku') ?? 'https://jku.invalid/',
        run.context.nowMs(),
        String(run.scope.get('x1.response.body') ?? ''),
      ),
    );
  const role = ROLE.exec(word)?.[1];
  if (role !== undefined) return changeHeaders(request, false, { [word]: 1 }, run);
  const text = textOf(argument, run.scope);
  const [name] = Object.keys(request.headers).filter((header) => credentialNames(run).includes(header));
  return text === null || name === undefined ? null : { ...request, headers: { ...request.headers, [name]: text } };
}

function attachFile(request: ScanRequest, text: string, boundary: string): ScanRequest {
  const parts = [...fieldsOf(parseBody(request.body))]
    .filter((field) => typeof field.value !== 'object')
    .map((field) => `--${boundary}\r\ncontent-disposition: form-data; name="${field.name}"\r\n\r\n${String(field.value)}\r\n`);
  const file = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="weir.txt"\r\ncontent-type: text/plain\r\n\r\n${text}\r\n`;
  return {
    ...request,
    headers: { ...request.headers, 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: `${parts.join('')}${file}--${boundary}--\r\n`,
  };
}
