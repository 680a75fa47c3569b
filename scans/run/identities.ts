import { ScanError } from '../errors.js';
import { fieldsOf, parseBody } from './fields.js';
import { jwtIn } from './jwt.js';
import type { Identity, ScanRequest, ScanResponse } from './types.js';

/** An auth context as given; secrets are open here. `config` by kind: see docs/scans.md. */
export interface AuthContext {
  readonly name: string;
  readonly role: string;
  readonly kind: 'none' | 'header' | 'login' | 'oauth2' | 'cookies' | 'basic';
  readonly config: { readonly [name: string]: unknown };
}

export interface LoggedIn extends Identity {
  /** What the login and the token say of the user: `user` ids, for parameters that name it. */
  readonly self: readonly string[];
}

type Send = (request: ScanRequest) => Promise<ScanResponse>;

/** Logs in. @throws ScanError SCAN_AUTH_FAILED that says what the target answered */
export async function logIn(context: AuthContext, targetUrl: string, send: Send): Promise<LoggedIn> {
  const text = (name: string, otherwise = '') => (context.config[name] === undefined ? otherwise : String(context.config[name]));
  const identity = (headers: { readonly [name: string]: string }, answer = ''): LoggedIn => ({
    name: context.name,
    role: context.role,
    headers,
    values: {},
    self: selfIds(headers, answer),
  });
  switch (context.kind) {
    case 'none':
      return identity({});
    case 'header':
      return identity({ [text('name', 'authorization').toLowerCase()]: text('value') || text('token') });
    case 'cookies':
      return identity({ cookie: text('cookie') });
    case 'basic':
      return identity({ authorization: `Basic ${Buffer.from(`${text('username')}:${text('password')}`).toString('base64')}` });
    case 'oauth2': {
      const form = new URLSearchParams({ grant_type: text('grantType', 'client_credentials') });
      const members = {
        scope: 'scope',
        client_id: 'clientId',
        client_secret: 'clientSecret',
        username: 'username',
        password: 'password',
        refresh_token: 'refreshToken',
      };
      for (const [field, name] of Object.entries(members)) if (text(name) !== '') form.set(field, text(name));
      const answer = await ask(context, send, {
        method: 'POST',
        url: new URL(text('tokenUrl'), targetUrl).href,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: form.toString(),
        followRedirects: false,
      });
      return identity({ authorization: `Bearer ${extracted(context, answer.body, '$.access_token')}` }, answer.body);
    }
    case 'login': {
      const body = context.config.body;
      const answer = await ask(context, send, {
        method: text('method', 'POST'),
        url: new URL(text('path', '/login'), targetUrl).href,
        headers: lowerCase({ 'content-type': 'application/json', ...((context.config.headers as object | undefined) ?? {}) }),
        body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
        followRedirects: false,
      });
      if (text('extract') === '' || text('extract') === 'cookies') {
        const cookie = (answer.headers['set-cookie'] ?? '')
          .split(/, (?=[^ ;]+=)/)
          .map((one) => one.split(';')[0])
          .join('; ');
        if (cookie === '') throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}" got no cookie from ${text('path', '/login')}`);
        return identity({ cookie }, answer.body);
      }
      const token = extracted(context, answer.body, text('extract'));
      return identity({ [text('header', 'authorization').toLowerCase()]: `${text('prefix', 'Bearer ')}${token}` }, answer.body);
    }
  }
}

const lowerCase = (headers: object) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));

async function ask(context: AuthContext, send: Send, request: ScanRequest): Promise<ScanResponse> {
  const answer = await send(request);
  if (answer.status < 400) return answer;
  throw new ScanError(
    'SCAN_AUTH_FAILED',
    `"${context.name}" cannot log in: ${request.method} ${new URL(request.url).pathname} answers ${answer.status}`,
  );
}

/** `$.a.b` or a member name anywhere in the answer. */
function extracted(context: AuthContext, body: string, path: string): string {
  const wanted = path.replace(/^\$\.?/, '').replace(/\[\d+\]/g, '');
  const found = fieldsOf(parseBody(body)).find((field) => field.path === wanted || field.name === wanted);
  if (found === undefined || typeof found.value === 'object')
    throw new ScanError('SCAN_AUTH_FAILED', `"${context.name}" logged in, but the answer has no ${path}`);
  return String(found.value);
}

function selfIds(headers: { readonly [name: string]: string }, answer: string): readonly string[] {
  const ids = new Set<string>();
  for (const value of Object.values(headers)) {
    const token = jwtIn(value);
    if (token === null) continue;
    try {
      const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8')) as { [claim: string]: unknown };
      for (const claim of ['sub', 'user_id', 'userId', 'uid', 'id']) if (claims[claim] !== undefined) ids.add(String(claims[claim]));
    } catch {
      // An opaque token that only looks like one says nothing of its user.
    }
  }
  for (const field of fieldsOf(parseBody(answer)))
    if (/^(user\.)?(id|user_?id|uid)$/i.test(field.path) && typeof field.value !== 'object') ids.add(String(field.value));
  return [...ids];
}
