import { createHmac } from 'node:crypto';
import { cookiePairs } from './headers.js';
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
/** Last part of a claim that names whose token it is where none of the usual ones is there; namespaced ones (`https://example.com/person_no`) too. */
const SUBJECT_CLAIM =
  /^(?:user|person|people|customer|member|client|subject|profile|account|acct|contact|party|patient|employee|staff|student|owner|holder|login)(?:[_-]?(?:id|uuid|uid|no|nr|num|number|key|ref|code|name))?$/i;
/** Claims about the token itself, and what is nobody's business. */
const TOKEN_CLAIM =
  /^(?:auth_time|acr|amr|at_hash|c_hash|s_hash|nonce|cnf|act|typ|ver|zoneinfo|locale|updated_at)$|verified|secret|passw|token|hash|picture|phone|mobile|birth|gender|address|ssn|salary/i;
/** Claims that are kept although they are no plain values. */
const LIST_CLAIM = /role|scope|scp|group|permission|authorit|aud$|realm_access/i;
const MOST_CLAIMS = 32;
const LONGEST_CLAIM = 128;
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
/** What names of credentials have in them, whoever chose the name: believed where the value looks like one, too. */
const CREDENTIAL_NAME = /sess|sid$|auth(?!or)|tok(?:en)?|tkn|jwt|log[io]n|passport|credential|ticket|secret|(?:^|[-_.])(?:key|at|rt)$/;
const NOT_CREDENTIAL_NAME =
  /csrf|xsrf|idempot|request|trace|correlation|^sec-|cache|partition|surrogate|encrypt|public|routing|signature|checksum|nonce|^if-|etag|digest|^_ga|^_gid|consent|track|analytics|authenticate$/;
/** Cookies of load balancers and firewalls, and those of visitors. */
const NOT_SESSION_NAME =
  /affinity|sticky|balanc|route|server|node|backend|upstream|^(?:aws|lb|gclb|bigip|ts[\da-f]{6,}|incap|visid|nlbi|ak_|bm_|_abck|_?_?cf_|datadome|dt|rx)|visit|device|anon|guest|cart|basket|pref|lang|locale|theme|test|exper|flash|return|state|pkce|verifier/;
const LONGEST_COOKIE_NAME = 100;
/** Names of cookies that servers may make sessions of, told apart by a reader. */
const MOST_SESSION_NAMES = 100;
/** RFC 9110 §11.2 token68, percent-encoded or not, long enough and mixed enough that nobody guesses it. */
const SECRET = /^(?=.*\d)(?=.*[a-z])[\w.~+/=:%-]{16,4096}$/i;
/** What a target has in it where a parameter may carry a key. */
const MAY_CARRY_KEY = /[?&](?:[^=&]*%|api|key|access|auth|token|sess|sid)/i;
const KEY_PARAMETER = /^(?:api[_-]?key|apikey|key|access[_-]?token|auth[_-]?token|token|auth|session(?:[_-]?id)?|sid)$/i;

const MOST_KNOWN = 50_000;
/** Of those who ask at one time. */
const LATEST = 4_096;

interface Known {
  readonly text: string;
  readonly principal: Principal;
}

const SET_COOKIE = 'set-cookie';
const NO_NAMES: readonly string[] = [];

/** Credentials of one request that are told apart. */
const MOST_CREDENTIALS = 64;
const NO_CREDENTIAL = -1;
const AUTHORIZATION = -2;
const COOKIE = -3;
/** After the names that are known to carry keys. */
const UNLISTED_KEY = KEY_HEADERS.length;
const MAYBE_KEY = UNLISTED_KEY + 1;
/** Any other header may carry a token that says so itself. */
const MAYBE_JWT = MAYBE_KEY + 1;
const MAX_HEADER_NAMES = 2_000;
const NOWHERE: readonly number[] = [];
const ranks = new Map<string, number>();

/** What a header of that name carries; remembered by spelling. */
function rankOf(spelling: string): number {
  const known = ranks.get(spelling);
  if (known !== undefined) return known;
  const name = spelling.toLowerCase();
  const listed = KEY_HEADERS.indexOf(name);
  let rank = NO_CREDENTIAL;
  if (name === 'authorization') rank = AUTHORIZATION;
  else if (name === 'cookie') rank = COOKIE;
  else if (listed >= 0) rank = listed;
  else if (name.length >= 5 && KEY_HEADER.test(name) && !NOT_CREDENTIAL.test(name)) rank = UNLISTED_KEY;
  else if (!NOT_CREDENTIAL_NAME.test(name)) rank = CREDENTIAL_NAME.test(name) ? MAYBE_KEY : MAYBE_JWT;
  if (ranks.size >= MAX_HEADER_NAMES) ranks.clear();
  ranks.set(spelling, rank);
  return rank;
}

/** Is this the value of a header that carries a credential? */
function isKey(rank: number, value: string): boolean {
  if (rank < UNLISTED_KEY) return value.length >= 4;
  if (rank === UNLISTED_KEY) return value.length >= 8;
  return (rank === MAYBE_KEY && SECRET.test(value)) || readJwt(value) !== null;
}

/** Is this a cookie that says who somebody is? `isTold`: a server sets it as such. */
function isSession(name: string, value: string, isTold: boolean): boolean {
  if (value.length < 8) return false;
  const lower = name.toLowerCase();
  if (SESSION_COOKIE.test(name)) return !NOT_CREDENTIAL.test(lower);
  if (NOT_CREDENTIAL_NAME.test(lower)) return false;
  // Browsers guard names with such a prefix (RFC 6265bis §4.1.3), mostly because they are sessions.
  const isGuarded = (lower.startsWith('__host-') || lower.startsWith('__secure-')) && !NOT_SESSION_NAME.test(lower);
  const mayBe = isTold || isGuarded || CREDENTIAL_NAME.test(lower);
  return (mayBe && SECRET.test(value)) || readJwt(value) !== null;
}

/**
 * The name of the cookie that a `Set-Cookie` line makes the session of whoever gets it, whatever it is called: no script may read it (`HttpOnly`), and nobody guesses its value. What
 * balances load and tells visitors apart is set likewise. Null for others.
 */
function sessionSetBy(line: string): string | null {
  const [pair, ...attributes] = line.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals).trim();
  const lower = name.toLowerCase();
  if (equals < 1 || name.length > LONGEST_COOKIE_NAME || NOT_CREDENTIAL_NAME.test(lower) || NOT_SESSION_NAME.test(lower)) return null;
  if (!attributes.some((one) => one.trim().toLowerCase() === 'httponly')) return null;
  return SECRET.test(pair.slice(equals + 1).trim()) ? name : null;
}

/** Whose token it is: by one of the usual claims, or by one that is called like a person. */
function subjectOf(claims: Jwt['claims']): string | null {
  const isText = (value: unknown): boolean => (typeof value === 'string' && value !== '') || typeof value === 'number';
  const usual = SUBJECT_CLAIMS.find((name) => isText(claims[name]));
  const name = usual ?? Object.keys(claims).find((one) => SUBJECT_CLAIM.test(lastPart(one)) && isText(claims[one]));
  return name === undefined ? null : String(claims[name]);
}

/** The name of a claim without its namespace. */
function lastPart(claim: string): string {
  return claim.slice(Math.max(claim.lastIndexOf('/'), claim.lastIndexOf(':')) + 1);
}

/** What a token says of whoever has it, as one word or number; namespaces are left out, and what it says of itself. */
function keptClaims(claims: Jwt['claims']): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  let count = 0;
  for (const [name, value] of Object.entries(claims)) {
    if (count >= MOST_CLAIMS) break;
    const short = lastPart(name);
    const isPlain = typeof value === 'number' || (typeof value === 'string' && value.length <= LONGEST_CLAIM && !/\s/.test(value));
    const isWanted = isPlain || SUBJECT_CLAIMS.includes(short) || LIST_CLAIM.test(short);
    if (short === '' || short in kept || TOKEN_CLAIM.test(short) || !isWanted) continue;
    kept[short] = value;
    count++;
  }
  return kept;
}

function add(found: Principal[], one: Principal | null): void {
  if (one !== null && found.length < MOST_CREDENTIALS && !found.some(({ key }) => key === one.key)) found.push(one);
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
  private readonly sessions = new Set<string>();
  private readonly latestCookies = new LatestTexts<{ readonly text: string; readonly principals: readonly Principal[] }>(LATEST);

  constructor(private readonly secret: string) {}

  /** The strongest credential of a request. `clientCertificate` is the subject of a verified TLS client certificate. */
  read(headers: HeaderList, target: string, clientCertificate: string | null = null): Principal | null {
    return this.all(headers, target, clientCertificate)[0] ?? null;
  }

  /**
   * Every credential of a request, the strongest first, at most {@link MOST_CREDENTIALS}: which of them a server heeds, the request alone does not tell. One that
   * comes again is there once.
   */
  all(headers: HeaderList, target: string, clientCertificate: string | null = null): readonly Principal[] {
    const found: Principal[] = clientCertificate === null ? [] : [this.make('mtls', 'tls', clientCertificate, clientCertificate)];
    let keysAt = NOWHERE;
    let cookiesAt = NOWHERE;
    for (let at = 0; at < headers.length; at += 2) {
      const rank = rankOf(headers[at]);
      if (rank === NO_CREDENTIAL) continue;
      const value = headers[at + 1];
      if (rank === AUTHORIZATION) add(found, value === '' ? null : this.fromAuthorization(value));
      else if (rank === COOKIE) cookiesAt = [...cookiesAt, at];
      else if (isKey(rank, value)) keysAt = [...keysAt, at];
    }
    for (const at of keysAt.length < 2 ? keysAt : [...keysAt].sort((one, other) => rankOf(headers[one]) - rankOf(headers[other])))
      add(found, this.fromToken(headers[at + 1], `header:${headers[at].toLowerCase()}`, 'api-key'));
    for (const at of cookiesAt) for (const one of this.fromCookies(headers[at + 1])) add(found, one);
    if (target.includes('?') && (found.length === 0 || MAY_CARRY_KEY.test(target))) {
      for (const [name, value] of queryPairs(splitTarget(target).query))
        if (value.length >= 8 && KEY_PARAMETER.test(name)) add(found, this.fromToken(value, `query:${name}`, 'api-key'));
    }
    return found;
  }

  /**
   * An answer sets cookies: what it makes a session counts as a credential from now on, under any name (RFC 6265 §4.1). Returns the names that are new, for others to
   * {@link know}.
   */
  noteAnswer(headers: HeaderList): readonly string[] {
    let told = NO_NAMES;
    for (let at = 0; at < headers.length; at += 2) {
      if (headers[at].length !== SET_COOKIE.length || headers[at].toLowerCase() !== SET_COOKIE) continue;
      const name = sessionSetBy(headers[at + 1]);
      if (name !== null && this.know(name)) told = [...told, name];
    }
    return told;
  }

  /** A server makes cookies of that name sessions. False when that was known, or there are too many. */
  know(name: string): boolean {
    if (this.sessions.has(name) || this.sessions.size >= MOST_SESSION_NAMES) return false;
    this.sessions.add(name);
    this.latestCookies.clear();
    return true;
  }

  private fromCookies(line: string): readonly Principal[] {
    const latest = this.latestCookies.get(line);
    if (latest !== undefined) return latest.principals;
    const principals: Principal[] = [];
    for (const [name, value] of cookiePairs(line))
      if (isSession(name, value, this.sessions.has(name))) add(principals, this.fromToken(value, `cookie:${name}`, 'session-cookie'));
    this.latestCookies.put({ text: line, principals });
    return principals;
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
      const subject = subjectOf(jwt.claims);
      const issuer = typeof jwt.claims.iss === 'string' ? jwt.claims.iss : '';
      const claims = { ...keptClaims(jwt.claims), alg: jwt.header.alg };
      principal =
        subject === null
          ? { ...this.make('jwt', carrier, token, ''), claims }
          : { ...this.make('jwt', carrier, `${issuer}\0${subject}`, subject), claims };
    }
    this.remember(cacheKey, principal);
    return principal;
  }

  private remember(text: string, principal: Principal): void {
    if (this.cache.size >= MOST_KNOWN) {
      this.cache.clear();
      this.latest.clear();
      this.latestCookies.clear();
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
