import { z } from 'zod';
import type { User } from '../../store/index.js';
import type { Context } from '../context.js';
import { AdminError, notFound } from '../errors.js';
import { hashPassword } from '../password.js';
import { ROLE_RANK } from '../roles.js';
import { Reply, type Route, route } from '../route.js';
import { idParams, listOf, listQuery, role } from '../schema/common.js';
import { token, user } from '../schema/operations.js';
import { hashOf, newSecret } from '../seal.js';
import { shortList } from './arrays.js';

const MAX_TOKEN_DAYS = 3650;
const DAY_MS = 86_400_000;

const view = (one: User) => ({
  id: one.id,
  name: one.name,
  email: one.email,
  role: one.role,
  disabled: one.disabled,
  hasPassword: one.passwordHash !== null,
  singleSignOn: one.oidcSubject !== null,
  createdMs: one.createdMs,
  lastLoginMs: one.lastLoginMs,
  lockedUntilMs: one.lockedUntilMs,
  version: one.version,
});

async function userById(context: Context, id: string): Promise<User> {
  const found = await context.store.accounts.user('id', id);
  if (found === null) throw notFound('user', id);
  return found;
}

/** Somebody must remain who can change users. */
async function keepAnAdmin(context: Context, without: string): Promise<void> {
  const users = await context.store.accounts.users();
  if (!users.some((one) => one.id !== without && one.role === 'admin' && !one.disabled)) {
    throw new AdminError('ADMIN_LAST_ADMIN', 'this is the last enabled user with the role admin');
  }
}

export const password = z.string().min(10, 'at least 10 characters').max(1000);
const userName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, 'letters, digits, ".", "_", "@" and "-"');

export const accountRoutes: readonly Route[] = [
  route({
    id: 'users.list',
    method: 'GET',
    path: '/users',
    summary: 'Who may sign in',
    role: 'admin',
    query: listQuery(['name', 'email', 'role', 'created', 'lastLogin', 'disabled'], {}),
    answer: listOf(user),
    handle: async ({ query }, _call, context) => shortList((await context.store.accounts.users()).map(view), query, (one) => one.id),
  }),
  route({
    id: 'users.names',
    method: 'GET',
    path: '/user-names',
    summary: 'Names for assignment',
    role: 'viewer',
    answer: z.object({ items: z.array(z.string()) }),
    handle: async (_input, _call, context) => ({
      items: (await context.store.accounts.users()).filter((one) => !one.disabled).map((one) => one.name),
    }),
  }),
  route({
    id: 'users.add',
    method: 'POST',
    path: '/users',
    summary: 'A new user; without a password they sign in with a link or single sign-on',
    role: 'admin',
    body: z.strictObject({ name: userName, email: z.string().max(200).default(''), role, password: password.optional() }),
    answer: user,
    async handle({ body }, call, context) {
      call.target(body.name);
      const passwordHash = body.password === undefined ? null : await hashPassword(body.password);
      const { name, email, role } = body;
      return view(
        await context.store.accounts.addUser({
          name,
          email,
          role,
          passwordHash,
          oidcSubject: null,
          disabled: false,
          createdMs: call.nowMs,
        }),
      );
    },
  }),
  route({
    id: 'users.change',
    method: 'PATCH',
    path: '/users/:id',
    summary: 'Change role, e-mail or password, disable or unlock; every change ends the user’s sessions',
    role: 'admin',
    params: idParams,
    body: z.strictObject({
      email: z.string().max(200).optional(),
      role: role.optional(),
      disabled: z.boolean().optional(),
      password: password.optional(),
      unlock: z.literal(true).optional(),
    }),
    answer: user,
    async handle({ params, body }, call, context) {
      const before = await userById(context, params.id);
      call.target(before.name);
      if ((body.role !== undefined && body.role !== 'admin') || body.disabled === true) await keepAnAdmin(context, params.id);
      const { password, unlock, ...change } = body;
      const changed = await context.store.accounts.changeUser(params.id, {
        ...change,
        ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
        ...(unlock ? { failedLogins: 0, lockedUntilMs: 0 } : {}),
      });
      if (body.role !== undefined || body.disabled || password !== undefined) await context.store.accounts.endSessions('userId', params.id);
      return view(changed);
    },
  }),
  route({
    id: 'users.link',
    method: 'POST',
    path: '/users/:id/sign-in-link',
    summary: 'A link that signs this user in once, for 24 hours',
    role: 'admin',
    params: idParams,
    answer: z.object({ path: z.string(), expiresMs: z.number() }),
    async handle({ params }, call, context) {
      const one = await userById(context, params.id);
      call.target(one.name);
      const secret = newSecret();
      const expiresMs = call.nowMs + DAY_MS;
      await context.store.accounts.addSignInLink({
        hash: hashOf(secret),
        userName: one.name,
        role: one.role,
        createdMs: call.nowMs,
        expiresMs,
      });
      return { path: `/welcome#${secret}`, expiresMs };
    },
  }),
  route({
    id: 'users.remove',
    method: 'DELETE',
    path: '/users/:id',
    summary: 'Remove a user with their sessions and tokens',
    role: 'admin',
    params: idParams,
    async handle({ params }, call, context) {
      call.target((await userById(context, params.id)).name);
      await keepAnAdmin(context, params.id);
      await context.store.accounts.removeUser(params.id);
      return new Reply(null, { status: 204 });
    },
  }),
  route({
    id: 'tokens.list',
    method: 'GET',
    path: '/tokens',
    summary: 'API tokens; admins see all, others their own',
    role: 'viewer',
    query: listQuery(['name', 'role', 'created', 'expires', 'lastUsed', 'owner'], {}),
    answer: listOf(token),
    async handle({ query }, call, context) {
      const names = new Map((await context.store.accounts.users()).map((one) => [one.id, one.name]));
      const tokens = (await context.store.accounts.tokens()).filter(
        (one) => call.caller.role === 'admin' || (one.userId !== null && one.userId === call.caller.userId),
      );
      const shown = tokens.map(({ hash: _hash, userId, ...one }) => ({
        ...one,
        owner: userId === null ? null : (names.get(userId) ?? null),
      }));
      return shortList(shown, query, (one) => one.id);
    },
  }),
  route({
    id: 'tokens.add',
    method: 'POST',
    path: '/tokens',
    summary: 'A new API token; its secret is shown this once',
    role: 'viewer',
    body: z.strictObject({
      name: z.string().trim().min(1).max(100),
      role: role.optional().describe('At most your own, which is the default'),
      scopes: z
        .array(z.string().regex(/^(?:read|write|write:[a-zA-Z]+)$/, 'read, write, or write:RESOURCE such as write:blocks'))
        .max(50)
        .default([])
        .describe('Empty: everything the role may do'),
      days: z.number().positive().max(MAX_TOKEN_DAYS).nullable().default(90).describe('null: until it is removed'),
    }),
    answer: z.object({ token, secret: z.string() }),
    async handle({ body }, call, context) {
      call.target(body.name);
      const wanted = body.role ?? call.caller.role;
      if (ROLE_RANK[wanted] > ROLE_RANK[call.caller.role])
        throw new AdminError('ADMIN_FORBIDDEN', `your role is ${call.caller.role}: a token cannot have the role ${wanted}`);
      // A token must not give rise to a stronger one.
      if (call.caller.scopes.length > 0) throw new AdminError('ADMIN_FORBIDDEN', 'a token with scopes cannot make tokens');
      const secret = `weir_${newSecret()}`;
      const {
        hash: _hash,
        userId,
        ...made
      } = await context.store.accounts.addToken({
        hash: hashOf(secret),
        name: body.name,
        userId: call.caller.userId,
        role: wanted,
        scopes: body.scopes,
        createdMs: call.nowMs,
        expiresMs: body.days === null ? null : call.nowMs + body.days * DAY_MS,
      });
      return { token: { ...made, owner: userId === null ? null : call.caller.name.replace(/^user:/, '') }, secret };
    },
  }),
  route({
    id: 'tokens.remove',
    method: 'DELETE',
    path: '/tokens/:id',
    summary: 'Revoke a token',
    role: 'viewer',
    params: idParams,
    async handle({ params }, call, context) {
      const found = (await context.store.accounts.tokens()).find((one) => one.id === params.id);
      if (found === undefined || (call.caller.role !== 'admin' && found.userId !== call.caller.userId)) throw notFound('token', params.id);
      call.target(found.name);
      await context.store.accounts.removeToken(params.id);
      return new Reply(null, { status: 204 });
    },
  }),
];
