import { createHmac } from 'node:crypto';
import { cookies, header } from './headers.js';
import { LatestTexts } from './latest-texts.js';
import { queryPairs, splitTarget } from './target.js';
import type { CredentialKind, HeaderList, Principal } from './types.js';

export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

const MOST_REMEMBERED = 1_000;
const remembered = new Map<string, Jwt | null>();

/**
 * Header and claims of a compact JWS (RFC 7515 §7.1), unverified; null when the text is not one. Encrypted tokens (five parts) have no readable claims.
 * Clients send the same token again and again, and several parts of weir ask: the last thousand are remembered.
 */
export function readJwt(token: string): Jwt | null {
  if (!token.startsWith('eyJ') || token.length > 16_384) return null;
  let jwt = remembered.get(token);
  if (jwt === undefined) {
    jwt = parseJwt(token);
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    remembered.set(token, jwt);
  }
  return jwt;
}

function parseJwt(token: string): Jwt | null {
  const parts = token.split('.');
  if (parts.length !== 3) return null;
  const head = jsonPart(parts[0]);
  const claims = jsonPart(parts[1]);
  return head === null || claims === null ? null : { header: head, claims };
}

function jsonPart(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

const SUBJECT_CLAIMS = ['sub', 'user_id', 'userId', 'uid', 'username', 'preferred_username', 'email', 'client_id', 'azp', 'oid', 'id'];
const KEPT_CLAIMS = new Set([
  ...SUBJECT_CLAIMS,
  'iss',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'sid',
  'scope',
  'scp',
  'role',
  'roles',
  'groups',
  'permissions',
  'authorities',
  'tenant',
  'tenant_id',
  'tenantId',
  'tid',
  'org',
  'org_id',
  'orgId',
  'organization',
  'account_id',
  'accountId',
  'customer_id',
  'customerId',
  'realm_access',
]);
const SESSION_COOKIE =
  /^(?:__host-|__secure-)?(?:(?:[\w.-]*[._-])?(?:session(?:[._-]?id)?|sess(?:id)?|sid|auth(?:[._-]?token)?|token|access[._-]?token|jwt|id[._-]?token|identity|login|remember[._-]?(?:me|token))|connect\.sid|phpsessid|jsessionid|asp\.net_sessionid|laravel_session|ci_session|[\w-]*session[\w-]*)$/i;
const KEY_HEADERS = [
  'x-api-key',
  'api-key',
  'apikey',
  'x-apikey',
  'x-api-token',
  'x-auth-token',
  'x-access-token',
  'x-auth-key',
  'x-session-token',
  'x-session-id',
  'x-user-token',
  'x-token',
  'x-client-token',
  'private-token',
  'x-amz-security-token',
  'ocp-apim-subscription-key',
  'x-goog-api-key',
  'x-functions-key',
  'x-shopify-access-token',
];
const KEY_HEADER = /^(?:x-)?[a-z0-9-]*(?:api-?key|-token|auth-?key|access-?key|session(?:-?id)?|subscription-key)$/;
const NOT_CREDENTIAL = /csrf|xsrf|idempotency|request|trace|correlation|sec-websocket/;
const KEY_PARAMETER = /^(?:api[_-]?key|apikey|key|access[_-]?token|auth[_-]?token|token|auth|session(?:[_-]?id)?|sid)$/i;

const MOST_KNOWN = 50_000;
/** Of those who ask at one time. */
const LATEST = 4_096;

interface Known {
  readonly text: string;
  readonly principal: Principal;
}

/**
 * Reads who a request claims to be, from the request alone: bearer JWT (issuer and subject), opaque bearer, basic user, API-key header or query
 * parameter, session cookie, client certificate. The credential is hashed with a secret of this installation and never kept.
 *
 * The strongest of several wins: certificate, Authorization, key header, session cookie, key parameter.
 */
export class PrincipalReader {
  private readonly cache = new Map<string, Known>();
  private readonly latest = new LatestTexts<Known>(LATEST);

  constructor(private readonly secret: string) {}

  /** `clientCertificate` is the subject of a verified TLS client certificate. */
  read(headers: HeaderList, target: string, clientCertificate: string | null = null): Principal | null {
    if (clientCertificate !== null) return this.make('mtls', 'tls', clientCertificate, clientCertificate);
    const authorization = header(headers, 'authorization');
    if (authorization !== null && authorization !== '') {
      const read = this.fromAuthorization(authorization);
      if (read !== null) return read;
    }
    for (const name of KEY_HEADERS) {
      const value = header(headers, name);
      if (value !== null && value.length >= 4) return this.fromToken(value, `header:${name}`, 'api-key');
    }
    for (let index = 0; index < headers.length; index += 2) {
      if (headers[index].length < 5 || headers[index + 1].length < 8) continue;
      const name = headers[index].toLowerCase();
      if (KEY_HEADER.test(name) && !NOT_CREDENTIAL.test(name)) return this.fromToken(headers[index + 1], `header:${name}`, 'api-key');
    }
    if (header(headers, 'cookie') !== null) {
      for (const [name, value] of cookies(headers)) {
        if (value.length >= 8 && SESSION_COOKIE.test(name) && !NOT_CREDENTIAL.test(name.toLowerCase()))
          return this.fromToken(value, `cookie:${name}`, 'session-cookie');
      }
    }
    if (target.includes('?')) {
      for (const [name, value] of queryPairs(splitTarget(target).query)) {
        if (value.length >= 8 && KEY_PARAMETER.test(name)) return this.fromToken(value, `query:${name}`, 'api-key');
      }
    }
    return null;
  }

  private fromAuthorization(value: string): Principal | null {
    const latest = this.latest.get(value);
    if (latest !== undefined) return latest.principal;
    const known = this.cache.get(value);
    if (known !== undefined) {
      this.latest.put(known);
      return known.principal;
    }
    const space = value.indexOf(' ');
    const scheme = (space < 0 ? '' : value.slice(0, space)).toLowerCase();
    const rest = space < 0 ? value : value.slice(space + 1).trim();
    if (rest === '') return null;
    let principal: Principal | null;
    if (scheme === 'basic') {
      const decoded = Buffer.from(rest, 'base64').toString('utf8');
      const colon = decoded.indexOf(':');
      const user = colon < 0 ? decoded : decoded.slice(0, colon);
      principal = user === '' ? null : this.make('basic', 'header:authorization', user, user);
    } else if (scheme.startsWith('aws4-') || scheme === 'hmac' || scheme === 'signature' || scheme === 'digest' || scheme === 'hawk') {
      const id = /(?:credential|keyid|key_?id|username|id)\s*=\s*"?([^",/\s]+)/i.exec(rest)?.[1] ?? rest;
      principal = this.make('hmac', 'header:authorization', id, id);
    } else principal = this.fromToken(rest, 'header:authorization', 'bearer');
    if (principal !== null) this.remember(value, principal);
    return principal;
  }

  private fromToken(token: string, carrier: string, kind: CredentialKind): Principal {
    const cacheKey = `${carrier}\0${token}`;
    const known = this.cache.get(cacheKey);
    if (known !== undefined) return known.principal;
    const jwt = readJwt(token);
    let principal: Principal;
    if (jwt === null) principal = this.make(kind, carrier, token, '');
    else {
      const subject = SUBJECT_CLAIMS.map((name) => jwt.claims[name]).find(
        (value) => (typeof value === 'string' && value !== '') || typeof value === 'number',
      );
      const issuer = typeof jwt.claims.iss === 'string' ? jwt.claims.iss : '';
      const kept = Object.fromEntries(Object.entries(jwt.claims).filter(([name]) => KEPT_CLAIMS.has(name)));
      principal =
        subject === undefined
          ? { ...this.make('jwt', carrier, token, ''), claims: { ...kept, alg: jwt.header.alg } }
          : { ...this.make('jwt', carrier, `${issuer}\0${String(subject)}`, String(subject)), claims: { ...kept, alg: jwt.header.alg } };
    }
    this.remember(cacheKey, principal);
    return principal;
  }

  private remember(text: string, principal: Principal): void {
    if (this.cache.size >= MOST_KNOWN) {
      this.cache.clear();
      this.latest.clear();
    }
    this.cache.set(text, { text, principal });
  }

  private make(kind: CredentialKind, carrier: string, identity: string, name: string): Principal {
    const space = kind === 'jwt' || kind === 'basic' || kind === 'mtls' ? kind : 'credential';
    const key = `p_${createHmac('sha256', this.secret).update(`${space}\0${identity}`).digest('base64url').slice(0, 22)}`;
    return { key, kind, carrier, label: maskName(name) };
  }
}

/** A name that its owner recognises and a stranger cannot use: `al…@example.com`, `ali…`, `u-1042`. */
export function maskName(name: string): string {
  if (name === '') return '';
  const at = name.indexOf('@');
  if (at > 0) return `${name.slice(0, Math.min(2, at))}…${name.slice(at)}`;
  if (name.length <= 8) return name;
  return `${name.slice(0, 4)}…${name.slice(-3)}`;
}
