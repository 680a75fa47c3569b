import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Context } from './context.js';
import { AdminError } from './errors.js';
import type { Caller } from './route.js';
import { SESSION_COOKIE } from './routes/sessions.js';
import { hashOf } from './seal.js';

const TOUCH_MS = 60_000;

/** Somebody who has shown nothing: may use the operations for anyone. */
export const NOBODY: Caller = { name: 'nobody', role: 'viewer', userId: null, scopes: ['none'], sessionHash: null, csrf: null };

/** Who sends this request: the local token, an API token, or a session cookie. Null: nobody known. */
export async function identify(request: FastifyRequest, context: Context, localToken: string | null): Promise<Caller | null> {
  const nowMs = context.nowMs();
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) {
    if (localToken !== null && same(bearer, localToken))
      return { name: 'local', role: 'admin', userId: null, scopes: [], sessionHash: null, csrf: null };
    const token = await context.store.accounts.token(hashOf(bearer), nowMs);
    if (token === null) return null;
    if (token.userId !== null && (await context.store.accounts.user('id', token.userId))?.disabled !== false) return null;
    if (nowMs - token.lastUsedMs > TOUCH_MS) await context.store.accounts.touchToken(token.id, nowMs);
    return { name: `token:${token.name}`, role: token.role, userId: token.userId, scopes: token.scopes, sessionHash: null, csrf: null };
  }
  const cookie = request.cookies[SESSION_COOKIE];
  if (cookie === undefined || cookie === '') return null;
  const found = await context.store.accounts.session(hashOf(cookie), nowMs);
  if (found === null) return null;
  const { session, user } = found;
  if (nowMs - session.lastUsedMs > TOUCH_MS) await context.store.accounts.touchSession(session.hash, nowMs);
  return { name: `user:${user.name}`, role: user.role, userId: user.id, scopes: [], sessionHash: session.hash, csrf: session.csrf };
}

/**
 * A browser sends cookies with every request that any page makes it send. A write with a cookie therefore needs the session's own value in a
 * header, which other origins cannot set; and a write that names a foreign origin is refused whatever it carries.
 */
export function guardWrite(request: FastifyRequest, caller: Caller, context: Context): void {
  const { origin } = request.headers;
  if (origin !== undefined && !ownOrigin(origin, request, context))
    throw new AdminError('ADMIN_ORIGIN', `the origin ${origin} is not this server's`);
  if (request.headers['sec-fetch-site'] === 'cross-site') throw new AdminError('ADMIN_ORIGIN', 'the request comes from another site');
  if (caller.csrf === null) return;
  const given = request.headers['x-csrf-token'];
  if (typeof given !== 'string' || !same(given, caller.csrf))
    throw new AdminError('ADMIN_CSRF', 'the X-CSRF-Token header is missing or wrong');
}

function ownOrigin(origin: string, request: FastifyRequest, context: Context): boolean {
  if (!URL.canParse(origin)) return false;
  const { publicUrl } = context.options;
  if (publicUrl !== undefined && new URL(publicUrl).origin === origin) return true;
  return new URL(origin).host === request.headers.host;
}

function same(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(hashOf(a)), Buffer.from(hashOf(b))];
  return timingSafeEqual(one, other);
}
