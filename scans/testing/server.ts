import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the routes of these small applications see it. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly cookies: ReadonlyMap<string, string>;
  /** Body as text, and as an object when it is JSON or a form. */
  readonly text: string;
  readonly body: { readonly [name: string]: unknown };
  /** Groups of the route's pattern, decoded. */
  readonly at: readonly string[];
}

export interface Answer {
  readonly status?: number;
  readonly headers?: { readonly [name: string]: string | readonly string[] };
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
}

export type Routes = readonly (readonly [route: string, handler: (ask: Ask) => Answer | Promise<Answer>])[];

/** Ends a request from anywhere below a route. */
export class Refused extends Error {
  constructor(
    readonly answer: Answer,
    message = 'refused',
  ) {
    super(message);
  }
}

export interface Application {
  readonly url: string;
  close(): Promise<void>;
}

export interface Serving {
  readonly routes: Routes;
  /** What an error that nobody expected looks like to the client. */
  readonly broken: (error: Error, ask: Ask) => Answer;
  /** What an address that no route has is answered. */
  readonly missing?: (ask: Ask) => Answer;
  /** Headers of every answer. */
  readonly always: (ask: Ask) => { readonly [name: string]: string };
}

/** Serves routes such as `GET /users/:` (`:` is one segment) on a free port of loopback. */
export async function serve({ routes, broken, missing, always }: Serving): Promise<Application> {
  const table = routes.map(([route, handler]) => {
    const [method, path] = route.split(' ');
    return { method, pattern: new RegExp(`^${path!.replaceAll('/:', '/([^/]+)')}/?$`), handler };
  });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void respond(Buffer.concat(chunks).toString('utf8')));
    const respond = async (text: string) => {
      const url = new URL(request.url ?? '/', 'http://here');
      const base = { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, headers: request.headers, text };
      let ask: Ask = { ...base, cookies: cookiesOf(request.headers.cookie ?? ''), body: {}, at: [] };
      let answer: Answer;
      try {
        const fitting = table.filter(({ pattern }) => pattern.test(url.pathname));
        const found = fitting.find(({ method }) => method === request.method);
        if (found === undefined && missing !== undefined && fitting.length === 0) answer = missing(ask);
        else if (found === undefined) answer = { status: fitting.length > 0 ? 405 : 404, body: { error: 'not found' } };
        else {
          const at = (found.pattern.exec(url.pathname) ?? []).slice(1).map(decodeURIComponent);
          ask = { ...ask, at, body: bodyOf(text, request.headers['content-type'] ?? '') };
          answer = await found.handler(ask);
        }
      } catch (cause) {
        answer = cause instanceof Refused ? cause.answer : broken(cause instanceof Error ? cause : new Error(String(cause)), ask);
      }
      const isText = typeof answer.body === 'string';
      const headers = { 'content-type': isText ? 'text/html; charset=utf-8' : 'application/json', ...always(ask), ...answer.headers };
      for (const [name, value] of Object.entries(headers))
        response.setHeader(name, typeof value === 'string' ? value.replace(/[\r\n]/g, '') : [...value]);
      response.statusCode = answer.status ?? 200;
      response.end(answer.body === undefined ? '' : isText ? (answer.body as string) : JSON.stringify(answer.body));
    };
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const cookiesOf = (header: string): ReadonlyMap<string, string> =>
  new Map(
    header.split(/; */).flatMap((one) => (one.includes('=') ? [[one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]] : [])),
  );

function bodyOf(text: string, contentType: string): { readonly [name: string]: unknown } {
  if (text === '') return {};
  if (contentType.includes('xml')) return {};
  if (contentType.includes('form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  return JSON.parse(text) as { readonly [name: string]: unknown };
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function issueJwt(claims: object, secret: string): string {
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** Claims of a token of these applications; null when it is not accepted. `checked: false` looks at no signature. */
export function claimsOf(token: string, secret: string, checked = true): { readonly [claim: string]: unknown } | null {
  const [head, body, signature = ''] = token.split('.');
  try {
    const expected = createHmac('sha256', secret).update(`${head}.${body}`).digest();
    const given = Buffer.from(signature, 'base64url');
    if (checked && (given.length !== expected.length || !timingSafeEqual(given, expected))) return null;
    const claims = JSON.parse(Buffer.from(body ?? '', 'base64url').toString('utf8')) as { readonly [claim: string]: unknown };
    return checked && Number(claims.exp ?? Number.POSITIVE_INFINITY) * 1000 < Date.now() ? null : claims;
  } catch {
    return null;
  }
}

export const HARDENED = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'",
  'x-frame-options': 'DENY',
  'strict-transport-security': 'max-age=31536000',
};
