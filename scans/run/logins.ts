import { ScanError } from '../errors.js';
import { CookieJar } from './cookies.js';
import { fieldsOf, parseBody } from './fields.js';
import { type AuthContext, CERTIFICATE_HEADER, type Headers, LoggedIn, type Login, type LoginRequest } from './identities.js';
import { jwtIn } from './jwt.js';
import type { ScanRequest, ScanResponse } from './types.js';

type Send = (request: ScanRequest) => Promise<ScanResponse>;

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
      return new LoggedIn(context, await again(), again, await formRequestOf(context, targetUrl, send, text));
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
  const asked = text('extract') === '' ? (headerToken(answer)?.name ?? 'authorization') : 'authorization';
  const header = text('header', asked).toLowerCase();
  const prefix = text('prefix', header === 'authorization' ? 'Bearer ' : '').replace(/(?<=\w)$/, ' ');
  return { headers: { [header]: token.startsWith(prefix) ? token : `${prefix}${token}` }, answer: answer.body, refreshToken: null };
}

/**
 * A login page as browsers use it: read the form, send it back filled with its hidden fields (the CSRF token is one), keep the cookies, follow the
 * redirects, and take the CSRF token of the page after login for requests that change something.
 */
async function formLogin(context: AuthContext, targetUrl: string, send: Send, text: Text): Promise<Login> {
  const jar = new CookieJar();
  const { at, browse } = browserOf(targetUrl, send, text, jar);
  const form = await filledForm(context, browse, at, text);
  const before = jar.header;
  const { answer } = await browse('POST', form.action, form.fields.toString());
  if (answer.status >= 400 || jar.header === before || formIn(answer.body, text) !== null)
    throw new ScanError(
      'SCAN_AUTH_FAILED',
      `"${context.name}" cannot log in: the form at ${at.pathname} was sent and answered with ${answer.status}, without a new session`,
    );
  const tokenPage = text('csrfPath') === '' ? answer : (await browse('GET', new URL(text('csrfPath'), targetUrl))).answer;
  return { headers: { cookie: jar.header, ...csrfHeaders(jar, tokenPage.body) }, answer: answer.body, refreshToken: null };
}

/** The form as somebody sends it who has just opened the page: the usual request to the login itself. */
async function formRequestOf(context: AuthContext, targetUrl: string, send: Send, text: Text): Promise<LoginRequest> {
  const jar = new CookieJar();
  const { at, browse } = browserOf(targetUrl, send, text, jar);
  const { action, fields } = await filledForm(context, browse, at, text);
  return {
    method: 'POST',
    path: action.pathname,
    contentType: 'application/x-www-form-urlencoded',
    body: fields.toString(),
    headers: { origin: action.origin, referer: at.href, ...(jar.isEmpty ? {} : { cookie: jar.header }) },
  };
}

type Browse = (method: string, url: URL, body?: string) => Promise<{ readonly answer: ScanResponse; readonly url: URL }>;

async function filledForm(context: AuthContext, browse: Browse, at: URL, text: Text) {
  const { answer: page, url } = await browse('GET', at);
  const form = formIn(page.body, text);
  if (form === null) throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}": ${at.pathname} has no form with a password field`);
  form.fields.set(form.userField, text('username'));
  form.fields.set(form.passwordField, text('password'));
  return { fields: form.fields, action: new URL(form.action === '' ? url : form.action, url) };
}

function browserOf(targetUrl: string, send: Send, text: Text, jar: CookieJar): { readonly at: URL; readonly browse: Browse } {
  const at = new URL(text('path', '/login'), targetUrl);
  const browse: Browse = async (method, url, body = '') => {
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
  return { at, browse };
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

/** A header of the answer that carries a token, and so names the header of requests. */
function headerToken({ headers }: ScanResponse): { readonly name: string; readonly token: string } | null {
  const name = TOKEN_HEADERS.find((one) => (headers[one] ?? '') !== '');
  return name === undefined ? null : { name, token: headers[name]! };
}
const TOKEN_HEADERS = [
  'x-auth-token',
  'x-access-token',
  'x-session-token',
  'x-api-token',
  'x-token',
  'access-token',
  'auth-token',
  'token',
];

/** The token of a login answer when nobody said where it is. */
function tokenIn(answer: ScanResponse): string | null {
  const carried = headerToken(answer);
  if (carried !== null) return carried.token;
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
