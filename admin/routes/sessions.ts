import { z } from 'zod';
import type { User } from '../../store/index.js';
import type { Context } from '../context.js';
import { AdminError } from '../errors.js';
import { hashPassword, passwordFits } from '../password.js';
import { type Call, type Caller, Reply, type Route, route } from '../route.js';
import { session } from '../schema/operations.js';
import { hashOf, newSecret } from '../seal.js';
import { password } from './accounts.js';

export const SESSION_COOKIE = 'weir_session';
const HOUR_MS = 3_600_000;
const DEFAULT_SESSION_HOURS = 12;
const FAILURES_TO_LOCK = 8;
const LOCK_MS = 15 * 60_000;

const isSecure = (context: Context) => context.options.behindTls === true || context.options.tls !== undefined;

function cookie(context: Context, value: string, maxAgeS: number): string {
  return `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeS}${isSecure(context) ? '; Secure' : ''}`;
}

function view(context: Context, caller: Caller, passwordSet: boolean) {
  return {
    name: caller.name.replace(/^(?:user|token):/, ''),
    role: caller.role,
    kind: caller.name.startsWith('user:') ? ('user' as const) : caller.name.startsWith('token:') ? ('token' as const) : ('local' as const),
    csrf: caller.csrf,
    scopes: caller.scopes,
    passwordSet,
    version: context.options.version,
  };
}

/** Opens a session and answers with its cookie. The old one of the browser ends, so that nobody can plant a session. */
export async function signIn(context: Context, call: Call, user: User): Promise<Reply> {
  const secret = newSecret();
  const csrf = newSecret();
  const hours = context.options.sessionHours ?? DEFAULT_SESSION_HOURS;
  if (call.caller.sessionHash !== null) await context.store.accounts.endSessions('hash', call.caller.sessionHash);
  const { nowMs, address, agent } = call;
  await context.store.accounts.addSession({
    hash: hashOf(secret),
    userId: user.id,
    csrf,
    createdMs: nowMs,
    expiresMs: nowMs + hours * HOUR_MS,
    lastUsedMs: nowMs,
    address,
    agent,
  });
  await context.store.accounts.changeUser(user.id, { lastLoginMs: nowMs, failedLogins: 0, lockedUntilMs: 0 });
  const caller: Caller = { name: `user:${user.name}`, role: user.role, userId: user.id, scopes: [], sessionHash: hashOf(secret), csrf };
  return new Reply(JSON.stringify(view(context, caller, user.passwordHash !== null)), {
    type: 'application/json; charset=utf-8',
    headers: { 'set-cookie': cookie(context, secret, hours * 3600), 'cache-control': 'no-store' },
  });
}

export const sessionRoutes: readonly Route[] = [
  route({
    id: 'session.methods',
    method: 'GET',
    path: '/session/methods',
    summary: 'How one can sign in here',
    role: 'anyone',
    answer: z.object({
      password: z.boolean(),
      singleSignOn: z.object({ name: z.string(), path: z.string() }).nullable(),
      version: z.string(),
    }),
    async handle(_input, _call, context) {
      const users = await context.store.accounts.users();
      const { oidc, version } = context.options;
      return {
        password: users.some((user) => user.passwordHash !== null),
        singleSignOn: oidc === undefined ? null : { name: oidc.name, path: '/api/v1/session/oidc' },
        version,
      };
    },
  }),
  route({
    id: 'session.get',
    method: 'GET',
    path: '/session',
    summary: 'Who am I, and the value for X-CSRF-Token',
    role: 'viewer',
    answer: session,
    async handle(_input, { caller }, context) {
      const user = caller.userId === null ? null : await context.store.accounts.user('id', caller.userId);
      return view(context, caller, user?.passwordHash != null);
    },
  }),
  route({
    id: 'session.signIn',
    method: 'POST',
    path: '/session',
    summary: 'Sign in with name and password',
    role: 'anyone',
    body: z.strictObject({ name: z.string().min(1).max(200), password: z.string().min(1).max(1000) }),
    answer: session,
    async handle({ body }, call, context) {
      call.target(body.name);
      const user = await context.store.accounts.user('name', body.name);
      if (user !== null && user.lockedUntilMs > call.nowMs)
        throw new AdminError('ADMIN_LOCKED', 'this account is locked for a while after too many failed sign-ins');
      if (await passwordFits(user?.passwordHash ?? null, body.password)) {
        if (user !== null && !user.disabled) return signIn(context, call, user);
      } else if (user !== null) {
        const failedLogins = user.failedLogins + 1;
        await context.store.accounts.changeUser(user.id, {
          failedLogins,
          ...(failedLogins % FAILURES_TO_LOCK === 0 ? { lockedUntilMs: call.nowMs + LOCK_MS } : {}),
        });
      }
      throw new AdminError('ADMIN_SIGN_IN_FAILED', 'name or password is wrong');
    },
  }),
  route({
    id: 'session.useLink',
    method: 'POST',
    path: '/session/link',
    summary: 'Sign in with a one-time link',
    role: 'anyone',
    body: z.strictObject({ secret: z.string().min(10).max(200) }),
    answer: session,
    async handle({ body }, call, context) {
      const link = await context.store.accounts.useSignInLink(hashOf(body.secret), call.nowMs);
      if (link === null) throw new AdminError('ADMIN_LINK_USED', 'this link was used before, or is too old');
      call.target(link.userName);
      const known = await context.store.accounts.user('name', link.userName);
      if (known?.disabled) throw new AdminError('ADMIN_SIGN_IN_FAILED', 'this user is disabled');
      const user =
        known ??
        (await context.store.accounts.addUser({
          name: link.userName,
          email: '',
          role: link.role,
          passwordHash: null,
          oidcSubject: null,
          disabled: false,
          createdMs: call.nowMs,
        }));
      return signIn(context, call, user);
    },
  }),
  route({
    id: 'session.signOut',
    method: 'DELETE',
    path: '/session',
    summary: 'Sign out',
    role: 'viewer',
    async handle(_input, { caller }, context) {
      if (caller.sessionHash !== null) await context.store.accounts.endSessions('hash', caller.sessionHash);
      return new Reply(null, { status: 204, headers: { 'set-cookie': cookie(context, '', 0) } });
    },
  }),
  route({
    id: 'session.setPassword',
    method: 'PUT',
    path: '/session/password',
    summary: 'Set your password; the present one is needed where there is one. Other sessions end',
    role: 'viewer',
    body: z.strictObject({ present: z.string().max(1000).optional(), password }),
    answer: session,
    async handle({ body }, call, context) {
      const user = call.caller.userId === null ? null : await context.store.accounts.user('id', call.caller.userId);
      if (user === null || call.caller.sessionHash === null)
        throw new AdminError('ADMIN_FORBIDDEN', 'only a signed-in user has a password');
      if (user.passwordHash !== null && !(await passwordFits(user.passwordHash, body.present ?? ''))) {
        throw new AdminError('ADMIN_SIGN_IN_FAILED', 'the present password is wrong');
      }
      const changed = await context.store.accounts.changeUser(user.id, { passwordHash: await hashPassword(body.password) });
      await context.store.accounts.endSessions('userId', user.id);
      return signIn(context, call, changed);
    },
  }),
];
