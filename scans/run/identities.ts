import { ScanError } from '../errors.js';
import { CookieJar } from './cookies.js';
import { fieldsOf, parseBody } from './fields.js';
import { nobody, type Self } from './harvest.js';
import { jwtIn } from './jwt.js';
import type { Identity, ScanRequest, ScanResponse } from './types.js';

export const AUTH_KINDS = ['none', 'header', 'login', 'form', 'oauth2', 'cookies', 'basic', 'mtls', 'learned'] as const;

/** An auth context as given; secrets are open here. `config` by kind: see docs/scans.md. */
export interface AuthContext {
  readonly name: string;
  readonly role: string;
  readonly kind: (typeof AUTH_KINDS)[number];
  readonly config: { readonly [name: string]: unknown };
}

/** Header that names the client certificate of an identity inside a scan; it is never sent. */
export const CERTIFICATE_HEADER = ':certificate';

type Headers = { readonly [name: string]: string };
type Send = (request: ScanRequest) => Promise<ScanResponse>;

interface Login {
  readonly headers: Headers;
  /** What the target said on login. */
  readonly answer: string;
  readonly refreshToken: string | null;
}

/** A login request as it was sent, for samples of the login endpoint itself. */
export interface LoginRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly contentType: string;
}

/** One identity during a scan: who it is, and credentials that are renewed when they run out. */
export class LoggedIn implements Identity {
  readonly name: string;
  readonly role: string;
  readonly values: { readonly [parameter: string]: string } = {};
  readonly self: Self = nobody();
  readonly loginRequest: LoginRequest | null;
  /** Secret of the user, as the login uses it; empty when there is none. */
  readonly password: string;
  #login: Login;
  /** Credentials of before, so that requests made with them can be brought up to date. */
  readonly #older: Headers[] = [];
  #renewing: Promise<boolean> | null = null;
  #renewedAtMs = 0;

  constructor(
    readonly context: AuthContext,
    login: Login,
    private readonly again: (refreshToken: string | null) => Promise<Login>,
    loginRequest: LoginRequest | null = null,
  ) {
    this.name = context.name;
    this.role = context.role;
    this.#login = login;
    this.loginRequest = loginRequest;
    const known = loginRequest === null ? [] : fieldsOf(parseBody(loginRequest.body));
    this.password = String(known.find(({ name }) => /^(password|passwd|pwd|pass)$/i.test(name))?.value ?? context.config.password ?? '');
    for (const { name, value } of known) if (/^(user_?name|login|e?mail|user)$/i.test(name)) this.#isCalled(String(value));
    if (typeof context.config.username === 'string') this.#isCalled(context.config.username);
    this.#learn();
  }

  get headers(): Headers {
    return this.#login.headers;
  }

  #isCalled(text: string): void {
    (text.includes('@') ? this.self.emails : this.self.names).add(text);
  }

  #learn(): void {
    for (const value of Object.values(this.#login.headers)) {
      const claims = claimsIn(value);
      if (claims !== null) this.learn({ ...claims, id: claims.sub ?? claims.id ?? claims.user_id ?? claims.userId ?? claims.uid }, true);
    }
    const answer = parseBody(this.#login.answer);
    if (answer !== null && typeof answer === 'object' && !Array.isArray(answer)) this.learn(answer, true);
  }

  /** Takes ids, names and addresses from a profile or from claims. */
  learn(profile: object, isTop: boolean): void {
    for (const [name, value] of Object.entries(profile)) {
      if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
        if (isTop && /^(user|data|profile|account|me|claims|authentication|result)$/i.test(name)) this.learn(value, true);
        continue;
      }
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      const text = String(value);
      if (text === '' || text.length > 128) continue;
      if (/^_?(id|uuid|sub)$/i.test(name) || /^(user|account|customer|member)_?(id|uuid)$/i.test(name)) {
        if (text.includes('@')) this.self.emails.add(text);
        else if (/^[a-z][a-z0-9_.-]{0,40}$/i.test(text) && !/^[0-9a-f-]{20,}$/i.test(text)) this.self.names.add(text);
        else this.self.ids.add(text);
      } else if (/^e?mail$|^umail$/i.test(name)) this.self.emails.add(text);
      else if (/^(user_?name|login|handle)$/i.test(name)) this.#isCalled(text);
    }
  }

  /** Ids in the answer to the login: `bid: 6` gives `b` and `6`. */
  get givenIds(): readonly (readonly [word: string, value: string])[] {
    return fieldsOf(parseBody(this.#login.answer)).flatMap(({ name, value }) => {
      const word = /^(.+?)[-_]?id$/i.exec(name)?.[1];
      return word === undefined ||
        typeof value === 'object' ||
        typeof value === 'boolean' ||
        /^(user|account|session|request|trace|client)$/i.test(word)
        ? []
        : [[word, String(value)] as const];
    });
  }

  /** Do the credentials say themselves that they end before `atMs`? */
  endsBefore(atMs: number): boolean {
    return Object.values(this.headers).some((value) => {
      const expiry = Number(claimsIn(value)?.exp);
      return Number.isFinite(expiry) && expiry * 1000 < atMs;
    });
  }

  get canRenew(): boolean {
    return ['login', 'form', 'oauth2'].includes(this.context.kind);
  }

  /** Logs in again; several who ask at once share one login. False: it was refused, or was done a moment ago. */
  renew(nowMs: number): Promise<boolean> {
    if (!this.canRenew || nowMs - this.#renewedAtMs < RENEW_EVERY_MS) return this.#renewing ?? Promise.resolve(false);
    this.#renewing ??= this.again(this.#login.refreshToken)
      .then(
        (login) => {
          this.#older.push(this.#login.headers);
          if (this.#older.length > OLDER_KEPT) this.#older.shift();
          this.#login = login;
          return true;
        },
        () => false,
      )
      .finally(() => {
        this.#renewedAtMs = nowMs;
        this.#renewing = null;
      });
    return this.#renewing;
  }

  /** The request with credentials of before replaced by those of now. */
  refreshed(request: ScanRequest): ScanRequest {
    if (!this.#older.some((older) => carries(request, older))) return request;
    return { ...request, headers: { ...request.headers, ...this.headers } };
  }

  /** Does the request carry exactly what this identity has now? */
  isOf(request: ScanRequest): boolean {
    return carries(request, this.headers);
  }
}

const RENEW_EVERY_MS = 2_000;
const OLDER_KEPT = 20;

const carries = (request: ScanRequest, headers: Headers): boolean => {
  const names = Object.keys(headers);
  return names.length > 0 && names.every((name) => request.headers[name] === headers[name]);
};

function claimsIn(value: string): { readonly [claim: string]: unknown } | null {
  const token = jwtIn(value);
  if (token === null) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'));
    return claims !== null && typeof claims === 'object' ? (claims as { readonly [claim: string]: unknown }) : null;
  } catch {
    // An opaque token that only looks like one says nothing of its user.
    return null;
  }
}

/** Logs in. @throws ScanError SCAN_AUTH_FAILED that says what the target answered */
export async function logIn(context: AuthContext, targetUrl: string, send: Send): Promise<LoggedIn> {
  const text = (name: string, otherwise = '') => (context.config[name] === undefined ? otherwise : String(context.config[name]));
  const fixed = (headers: Headers) => {
    const login = { headers, answer: '', refreshToken: null };
    return new LoggedIn(context, login, async () => login);
  };
  switch (context.kind) {
    case 'none':
      return fixed({});
    case 'header':
    case 'learned':
      return fixed({ [text('name', 'authorization').toLowerCase()]: text('value') || text('token') });
    case 'cookies':
      return fixed({ cookie: text('cookie') });
    case 'basic':
      return fixed({ authorization: `Basic ${Buffer.from(`${text('username')}:${text('password')}`).toString('base64')}` });
    case 'mtls':
      return fixed({ [CERTIFICATE_HEADER]: context.name });
    case 'oauth2': {
      const again = (refreshToken: string | null) => oauth(context, targetUrl, send, text, refreshToken);
      return new LoggedIn(context, await again(null), again);
    }
    case 'form': {
      const again = () => formLogin(context, targetUrl, send, text);
      return new LoggedIn(context, await again(), again);
    }
    case 'login': {
      const request = loginRequestOf(context, text);
      const again = () => jsonLogin(context, targetUrl, send, text, request);
      return new LoggedIn(context, await again(), again, request);
    }
  }
}

type Text = (name: string, otherwise?: string) => string;

async function oauth(context: AuthContext, targetUrl: string, send: Send, text: Text, refreshToken: string | null): Promise<Login> {
  const form = new URLSearchParams({ grant_type: refreshToken === null ? text('grantType', 'client_credentials') : 'refresh_token' });
  const members = {
    scope: 'scope',
    client_id: 'clientId',
    client_secret: 'clientSecret',
    username: 'username',
    password: 'password',
    refresh_token: 'refreshToken',
  };
  for (const [field, name] of Object.entries(members)) if (text(name) !== '') form.set(field, text(name));
  if (refreshToken !== null) form.set('refresh_token', refreshToken);
  const request = {
    method: 'POST',
    url: new URL(text('tokenUrl'), targetUrl).href,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
    followRedirects: false,
  };
  const answer = await send(request);
  // A refresh token that is no longer good: begin anew.
  if (answer.status >= 400 && refreshToken !== null) return oauth(context, targetUrl, send, text, null);
  if (answer.status >= 400) throw refused(context, request, answer);
  const next = fieldsOf(parseBody(answer.body)).find((field) => field.name === 'refresh_token')?.value;
  return {
    headers: { authorization: `Bearer ${extracted(context, answer.body, '$.access_token')}` },
    answer: answer.body,
    refreshToken: typeof next === 'string' ? next : refreshToken,
  };
}

function loginRequestOf({ config }: AuthContext, text: Text): LoginRequest {
  const headers = lowerCase((config.headers as object | undefined) ?? {});
  const body = config.body;
  return {
    method: text('method', 'POST').toUpperCase(),
    path: text('path', '/login'),
    contentType:
      headers['content-type'] ??
      (typeof body === 'string' && !/^\s*[[{]/.test(body) ? 'application/x-www-form-urlencoded' : 'application/json'),
    body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
  };
}

async function jsonLogin(context: AuthContext, targetUrl: string, send: Send, text: Text, login: LoginRequest): Promise<Login> {
  const request = {
    method: login.method,
    url: new URL(login.path, targetUrl).href,
    headers: { ...lowerCase((context.config.headers as object | undefined) ?? {}), 'content-type': login.contentType },
    body: login.body,
    followRedirects: false,
  };
  const answer = await send(request);
  if (answer.status >= 400) throw refused(context, request, answer);
  if (text('extract') === 'cookies' || (text('extract') === '' && tokenIn(answer) === null)) {
    const jar = new CookieJar();
    jar.take(answer);
    if (jar.isEmpty) throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}" got no cookie and no token from ${login.path}`);
    return { headers: { cookie: jar.header, ...csrfHeaders(jar, answer.body) }, answer: answer.body, refreshToken: null };
  }
  const token = text('extract') === '' ? tokenIn(answer)! : extractedFrom(context, answer, text('extract'));
  const header = text('header', 'authorization').toLowerCase();
  const prefix = text('prefix', header === 'authorization' ? 'Bearer ' : '');
  return { headers: { [header]: token.startsWith(prefix) ? token : `${prefix}${token}` }, answer: answer.body, refreshToken: null };
}

/**
 * A login page as browsers use it: read the form, send it back filled with its hidden fields (the CSRF token is one), keep the cookies, follow the
 * redirects, and take the CSRF token of the page after login for requests that change something.
 */
async function formLogin(context: AuthContext, targetUrl: string, send: Send, text: Text): Promise<Login> {
  const jar = new CookieJar();
  const at = new URL(text('path', '/login'), targetUrl);
  const browse = async (method: string, url: URL, body = ''): Promise<{ readonly answer: ScanResponse; readonly url: URL }> => {
    let [now, verb, form] = [url, method, body];
    for (let hop = 0; ; hop++) {
      const headers = {
        accept: 'text/html,application/xhtml+xml,*/*',
        ...(jar.isEmpty ? {} : { cookie: jar.header }),
        ...(form === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded', origin: now.origin, referer: url.href }),
      };
      const answer = await send({ method: verb, url: now.href, headers, body: form, followRedirects: false });
      jar.take(answer);
      const { location } = answer.headers;
      if (answer.status < 300 || answer.status >= 400 || location === undefined || hop >= FORM_HOPS) return { answer, url: now };
      [now, verb, form] = [new URL(location, now), 'GET', ''];
    }
  };
  const { answer: page, url } = await browse('GET', at);
  const form = formIn(page.body, text);
  if (form === null) throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}": ${at.pathname} has no form with a password field`);
  form.fields.set(form.userField, text('username'));
  form.fields.set(form.passwordField, text('password'));
  const before = jar.header;
  const { answer } = await browse('POST', new URL(form.action === '' ? url : form.action, url), form.fields.toString());
  if (answer.status >= 400 || jar.header === before || formIn(answer.body, text) !== null)
    throw new ScanError(
      'SCAN_AUTH_FAILED',
      `"${context.name}" cannot log in: the form at ${at.pathname} was sent and answered with ${answer.status}, without a new session`,
    );
  const tokenPage = text('csrfPath') === '' ? answer : (await browse('GET', new URL(text('csrfPath'), targetUrl))).answer;
  return { headers: { cookie: jar.header, ...csrfHeaders(jar, tokenPage.body) }, answer: answer.body, refreshToken: null };
}

const FORM_HOPS = 5;
const attribute = (tag: string, name: string): string | undefined => {
  const found = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'i').exec(tag);
  return found?.[1] ?? found?.[2] ?? found?.[3];
};

function formIn(html: string, text: Text) {
  for (const [whole] of html.slice(0, PAGE_LIMIT).matchAll(/<form\b[\s\S]*?(?:<\/form>|$)/gi)) {
    const inputs = [...whole.matchAll(/<(?:input|button)\b[^>]*>/gi)].map(([tag]) => ({
      name: attribute(tag, 'name'),
      type: attribute(tag, 'type')?.toLowerCase() ?? 'text',
      value: attribute(tag, 'value') ?? '',
    }));
    const passwordField = text('passwordField') || inputs.find(({ type }) => type === 'password')?.name;
    if (passwordField === undefined) continue;
    const named = inputs.filter(({ name }) => name !== undefined && name !== passwordField);
    const userField =
      text('usernameField') ||
      (named.find(({ type }) => type === 'email' || type === 'text') ?? named.find(({ type }) => type !== 'hidden'))?.name;
    if (userField === undefined) continue;
    const fields = new URLSearchParams(
      named.filter(({ type }) => type === 'hidden').map(({ name, value }): [string, string] => [name!, value]),
    );
    return { action: attribute(/<form\b[^>]*>/i.exec(whole)?.[0] ?? '', 'action') ?? '', fields, userField, passwordField };
  }
  return null;
}

const PAGE_LIMIT = 500_000;

/** Tokens that a session wants to see again with whatever changes something: from a meta element, or doubled from a cookie. */
function csrfHeaders(jar: CookieJar, page: string): Headers {
  const meta = [...page.slice(0, PAGE_LIMIT).matchAll(/<meta\b[^>]*>/gi)].find(([tag]) =>
    /csrf[-_]?token/i.test(attribute(tag, 'name') ?? ''),
  )?.[0];
  const token = meta === undefined ? undefined : attribute(meta, 'content');
  const doubled = jar.find(/^(xsrf-token|csrftoken|_csrf|csrf_token)$/i);
  return {
    ...(token === undefined ? {} : { 'x-csrf-token': token }),
    ...(doubled === null
      ? {}
      : /^csrftoken$/i.test(doubled.name)
        ? { 'x-csrftoken': doubled.value }
        : { 'x-xsrf-token': decodeURIComponent(doubled.value) }),
  };
}

const lowerCase = (headers: object): { readonly [name: string]: string } =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));

const refused = (context: AuthContext, request: ScanRequest, answer: ScanResponse) =>
  new ScanError(
    'SCAN_AUTH_FAILED',
    `"${context.name}" cannot log in: ${request.method} ${new URL(request.url).pathname} answers ${answer.status}`,
  );

const TOKEN_FIELD = /^(access_?token|auth_?token|id_?token|jwt|token|bearer|api_?token|session_?token)$/i;

/** The token of a login answer when nobody said where it is. */
function tokenIn(answer: ScanResponse): string | null {
  const found = fieldsOf(parseBody(answer.body)).find(
    ({ name, value }) => TOKEN_FIELD.test(name) && typeof value === 'string' && value !== '',
  );
  return found === undefined ? jwtIn(answer.headers.authorization ?? '') : String(found.value);
}

/** `header:NAME`, or as in `extracted`. */
function extractedFrom(context: AuthContext, answer: ScanResponse, path: string): string {
  if (!path.startsWith('header:')) return extracted(context, answer.body, path);
  const value = answer.headers[path.slice('header:'.length).trim().toLowerCase()];
  if (value === undefined) throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}" logged in, but the answer has no ${path}`);
  return value;
}

/** `$.a.b` or a member name anywhere in the answer. */
function extracted(context: AuthContext, body: string, path: string): string {
  const wanted = path.replace(/^\$\.?/, '').replace(/\[\d+\]/g, '');
  const fields = fieldsOf(parseBody(body));
  const found = fields.find((field) => field.path === wanted) ?? fields.find((field) => field.name === wanted);
  if (found === undefined || typeof found.value === 'object')
    throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}" logged in, but the answer has no ${path}`);
  return String(found.value);
}
