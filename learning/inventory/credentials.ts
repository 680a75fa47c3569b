import { cookies, type Exchange, header, type Principal, queryPairs, readJwt } from '../../exchange/index.js';

/** One way in which a request proved who it is: kind and carrier, e.g. `jwt header:authorization`. */
export type Credential = `${Kind} ${string}`;
type Kind = 'basic' | 'bearer' | 'jwt' | 'oauth2' | 'api-key' | 'session-cookie' | 'mtls' | 'hmac' | 'digest' | 'negotiate';

const KEY_NAME =
  /^(?:x-)?(?:api-?key|apikey|auth-?token|access-?token|session-?token|api-?token|auth-?key|client-?token|subscription-key)$|^(?:private-token|ocp-apim-subscription-key|x-functions-key|x-goog-api-key|x-amz-security-token)$/;
const KEY_PARAMETER = /^(?:api[_-]?key|apikey|access[_-]?token|auth[_-]?token|token|key|sid)$/i;
/** Whether it is worth splitting a query. Names may be percent-encoded: those that are go the long way. */
const KEY_ANYWHERE = /key|token|sid|%/i;
const SESSION_COOKIE = /sess|^sid$|\.sid$|auth|token|jwt|remember|login|identity/i;
const NOT_SESSION = /csrf|xsrf|consent/i;
const SIGNED = /^(?:x-)?(?:(?:hub|amz|api|request|webhook)-)?signature(?:-256|-ed25519)?$|^x-amz-content-sha256$/;

const inAuthorization = <K extends Kind>(kind: K): Credential => `${kind} header:authorization`;
/** Texts that are looked up again and again are made once. */
const IN_AUTHORIZATION: Readonly<Record<Kind, Credential>> = {
  basic: inAuthorization('basic'),
  bearer: inAuthorization('bearer'),
  jwt: inAuthorization('jwt'),
  oauth2: inAuthorization('oauth2'),
  'api-key': inAuthorization('api-key'),
  'session-cookie': inAuthorization('session-cookie'),
  mtls: inAuthorization('mtls'),
  hmac: inAuthorization('hmac'),
  digest: inAuthorization('digest'),
  negotiate: inAuthorization('negotiate'),
};

type HeaderRole = 'authorization' | 'cookie' | 'key' | 'signature' | 'none';
/** Header names as they came, and what they mean here: the same few come with every request. */
const roles = new Map<string, HeaderRole>();
const MOST_NAMES = 2_000;
const MOST_CREDENTIALS = 8;

function roleOf(raw: string): HeaderRole {
  let role = roles.get(raw);
  if (role === undefined) {
    const name = raw.toLowerCase();
    if (name === 'authorization' || name === 'cookie') role = name;
    else role = KEY_NAME.test(name) ? 'key' : SIGNED.test(name) ? 'signature' : 'none';
    if (roles.size < MOST_NAMES) roles.set(raw, role);
  }
  return role;
}

/** All credentials of a request, at most eight; empty for an anonymous one. `query` is raw. */
export function credentialsOf(exchange: Exchange, query: string): Credential[] {
  const found: Credential[] = [];
  const { headers } = exchange.request;
  if (exchange.principal?.kind === 'mtls') found.push('mtls tls');
  let cookieSeen = false;
  for (let index = 0; index < headers.length && found.length < MOST_CREDENTIALS; index += 2) {
    const role = roleOf(headers[index]);
    if (role === 'none') continue;
    const value = headers[index + 1];
    if (role === 'cookie') cookieSeen = true;
    else if (role === 'authorization') {
      if (value !== '') found.push(IN_AUTHORIZATION[kindOfAuthorization(value, exchange.principal)]);
    } else if (role === 'signature') found.push(`hmac header:${headers[index].toLowerCase()}`);
    else if (value.length >= 4) found.push(`${readJwt(value) === null ? 'api-key' : 'jwt'} header:${headers[index].toLowerCase()}`);
  }
  if (cookieSeen) {
    for (const [name, value] of cookies(headers)) {
      if (found.length >= MOST_CREDENTIALS) break;
      if (value.length >= 8 && SESSION_COOKIE.test(name) && !NOT_SESSION.test(name))
        found.push(`session-cookie cookie:${name.slice(0, 64)}`);
    }
  }
  if (query !== '' && KEY_ANYWHERE.test(query)) {
    for (const [name, value] of queryPairs(query, 50))
      if (value.length >= 8 && KEY_PARAMETER.test(name)) found.push(`api-key query:${name}`);
  }
  if (found.length === 0 && exchange.principal !== null) found.push(ofPrincipal(exchange.principal));
  return found;
}

function ofPrincipal({ kind, carrier }: Principal): Credential {
  return `${kind === 'other' ? 'api-key' : kind} ${carrier}`;
}

function kindOfAuthorization(value: string, principal: Principal | null): Kind {
  // The reader of principals has read the token already, where it stood here.
  if (principal?.carrier === 'header:authorization' && principal.claims !== undefined) return kindOfToken(principal.claims);
  const space = value.indexOf(' ');
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase();
  if (scheme === 'bearer' && !value.startsWith('eyJ', space + 1)) return 'bearer';
  if (scheme === 'basic') return 'basic';
  if (scheme === 'digest') return 'digest';
  if (scheme === 'negotiate' || scheme === 'ntlm') return 'negotiate';
  if (scheme.startsWith('aws4-') || scheme === 'hmac' || scheme === 'signature' || scheme === 'hawk' || scheme.startsWith('hmac-'))
    return 'hmac';
  const jwt = readJwt(space < 0 ? value : value.slice(space + 1).trim());
  if (jwt === null) return space < 0 ? 'api-key' : 'bearer';
  return kindOfToken(jwt.claims);
}

const kindOfToken = (claims: Readonly<Record<string, unknown>>): Kind =>
  claims.scope !== undefined || claims.scp !== undefined ? 'oauth2' : 'jwt';

const LONGEST_CLAIM = 64;

/** Names of all claims of the principal's token, never their values; empty for other credentials. */
export function claimsOf({ principal, request: { headers } }: Exchange): string[] {
  if (principal?.kind !== 'jwt') return [];
  const [place, name] = [
    principal.carrier.slice(0, principal.carrier.indexOf(':')),
    principal.carrier.slice(principal.carrier.indexOf(':') + 1),
  ];
  const text = place === 'cookie' ? cookies(headers).get(name) : header(headers, name);
  const claims = readJwt(text?.slice(text.lastIndexOf(' ') + 1) ?? '')?.claims ?? {};
  return Object.keys(claims).filter((claim) => claim.length <= LONGEST_CLAIM);
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
