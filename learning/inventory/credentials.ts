import { cookies, type Exchange, header, queryPairs, readJwt, splitTarget } from '../../exchange/index.js';

/** One way in which a request proved who it is: kind and carrier, e.g. `jwt header:authorization`. */
export interface Credential {
  readonly kind: 'basic' | 'bearer' | 'jwt' | 'oauth2' | 'api-key' | 'session-cookie' | 'mtls' | 'hmac' | 'digest' | 'negotiate';
  readonly carrier: string;
}

const KEY_NAME =
  /^(?:x-)?(?:api-?key|apikey|auth-?token|access-?token|session-?token|api-?token|auth-?key|client-?token|subscription-key)$|^(?:private-token|ocp-apim-subscription-key|x-functions-key|x-goog-api-key|x-amz-security-token)$/;
const KEY_PARAMETER = /^(?:api[_-]?key|apikey|access[_-]?token|auth[_-]?token|token|key|sid)$/i;
const SESSION_COOKIE = /sess|^sid$|\.sid$|auth|token|jwt|remember|login|identity/i;
const NOT_SESSION = /csrf|xsrf|consent/i;
const SIGNED = /^(?:x-)?(?:(?:hub|amz|api|request|webhook)-)?signature(?:-256|-ed25519)?$|^x-amz-content-sha256$/;

/** All credentials of a request, at most eight; empty for an anonymous one. */
export function credentialsOf(exchange: Exchange): Credential[] {
  const found: Credential[] = [];
  const { headers, target } = exchange.request;
  if (exchange.principal?.kind === 'mtls') found.push({ kind: 'mtls', carrier: 'tls' });
  let cookieSeen = false;
  for (let index = 0; index < headers.length && found.length < 8; index += 2) {
    const raw = headers[index];
    // Most fields are none of these: length and first letter rule them out without making a new string.
    if (raw.length < 6) continue;
    const name = raw.toLowerCase();
    if (name === 'authorization' && headers[index + 1] !== '') found.push(fromAuthorization(headers[index + 1]));
    else if (name === 'cookie') cookieSeen = true;
    else if (KEY_NAME.test(name) && headers[index + 1].length >= 4)
      found.push({ kind: readJwt(headers[index + 1]) === null ? 'api-key' : 'jwt', carrier: `header:${name}` });
    else if (SIGNED.test(name)) found.push({ kind: 'hmac', carrier: `header:${name}` });
  }
  if (cookieSeen) {
    for (const [name, value] of cookies(headers)) {
      if (found.length >= 8) break;
      if (value.length >= 8 && SESSION_COOKIE.test(name) && !NOT_SESSION.test(name))
        found.push({ kind: 'session-cookie', carrier: `cookie:${name.slice(0, 64)}` });
    }
  }
  if (target.includes('?')) {
    for (const [name, value] of queryPairs(splitTarget(target).query, 50)) {
      if (value.length >= 8 && KEY_PARAMETER.test(name)) found.push({ kind: 'api-key', carrier: `query:${name}` });
    }
  }
  if (found.length === 0 && exchange.principal !== null) found.push(ofPrincipal(exchange));
  return found;
}

function ofPrincipal(exchange: Exchange): Credential {
  const { kind, carrier } = exchange.principal!;
  return { kind: kind === 'other' ? 'api-key' : kind, carrier };
}

function fromAuthorization(value: string): Credential {
  const carrier = 'header:authorization';
  const space = value.indexOf(' ');
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase();
  if (scheme === 'basic') return { kind: 'basic', carrier };
  if (scheme === 'digest') return { kind: 'digest', carrier };
  if (scheme === 'negotiate' || scheme === 'ntlm') return { kind: 'negotiate', carrier };
  if (scheme.startsWith('aws4-') || scheme === 'hmac' || scheme === 'signature' || scheme === 'hawk' || scheme.startsWith('hmac-'))
    return { kind: 'hmac', carrier };
  const jwt = readJwt(space < 0 ? value : value.slice(space + 1).trim());
  if (jwt === null) return { kind: space < 0 ? 'api-key' : 'bearer', carrier };
  return { kind: jwt.claims.scope !== undefined || jwt.claims.scp !== undefined ? 'oauth2' : 'jwt', carrier };
}

/** Role names in the principal's claims (`role`, `roles`, `groups`, `realm_access.roles`, `authorities`), at most eight. */
export function rolesOf(exchange: Exchange): string[] {
  const claims = exchange.principal?.claims;
  if (claims === undefined) return [];
  const roles: string[] = [];
  const take = (value: unknown): void => {
    if (typeof value === 'string' && value.length <= 64 && roles.length < 8) roles.push(value);
    else if (Array.isArray(value)) value.forEach(take);
  };
  take(claims.role);
  take(claims.roles);
  take(claims.groups);
  take(claims.authorities);
  const realm = claims.realm_access;
  if (typeof realm === 'object' && realm !== null && 'roles' in realm) take(realm.roles);
  return roles;
}

/** True when the answer says that the endpoint goes away (RFC 9745 Deprecation, RFC 8594 Sunset). */
export const announcesEnd = (exchange: Exchange): boolean =>
  exchange.response !== null &&
  (header(exchange.response.headers, 'deprecation') !== null || header(exchange.response.headers, 'sunset') !== null);
