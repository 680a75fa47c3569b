import type { Kysely } from 'kysely';
import { newId } from '../exchange/index.js';
import { isDuplicate } from './documents.js';
import { parsed } from './endpoint-rows.js';
import { StoreError } from './errors.js';
import { type Page, type PageRequest, page } from './page.js';
import type { Tables } from './tables.js';
import type { Json } from './types.js';

export type Role = 'viewer' | 'analyst' | 'admin';

export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: Role;
  readonly passwordHash: string | null;
  readonly oidcSubject: string | null;
  readonly disabled: boolean;
  readonly createdMs: number;
  readonly lastLoginMs: number;
  readonly failedLogins: number;
  readonly lockedUntilMs: number;
  readonly version: number;
}

export interface Session {
  /** SHA-256 of the cookie: a stolen database opens no session. */
  readonly hash: string;
  readonly userId: string;
  readonly csrf: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly lastUsedMs: number;
  readonly address: string;
  readonly agent: string;
}

export interface ApiToken {
  readonly id: string;
  readonly hash: string;
  readonly name: string;
  /** Null for tokens that belong to no person (the local one). */
  readonly userId: string | null;
  readonly role: Role;
  /** `read`, `write:issues`, … ; empty means all that the role may do. */
  readonly scopes: readonly string[];
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly lastUsedMs: number;
}

export interface AuditEntry {
  readonly id: string;
  readonly atMs: number;
  /** `user:NAME`, `token:NAME`, `local`. */
  readonly actor: string;
  /** Operation id of the API, e.g. `blocks.create`. */
  readonly action: string;
  readonly target: string;
  readonly outcome: 'ok' | 'refused' | 'failed';
  readonly address: string;
  readonly detail: Json;
}

/** The answer to a write that carried an idempotency key. */
export interface StoredAnswer {
  readonly fingerprint: string;
  readonly status: number;
  readonly body: string;
}

export interface Accounts {
  users(): Promise<readonly User[]>;
  user(by: 'id' | 'name' | 'oidcSubject', value: string): Promise<User | null>;
  /** @throws StoreError STORE_DUPLICATE when the name is taken */
  addUser(user: Omit<User, 'id' | 'version' | 'lastLoginMs' | 'failedLogins' | 'lockedUntilMs'>): Promise<User>;
  changeUser(id: string, change: Partial<Omit<User, 'id' | 'version' | 'createdMs'>>): Promise<User>;
  removeUser(id: string): Promise<boolean>;

  addSession(session: Session): Promise<void>;
  session(hash: string, nowMs: number): Promise<{ readonly session: Session; readonly user: User } | null>;
  touchSession(hash: string, lastUsedMs: number): Promise<void>;
  /** One session, or all of a user. */
  endSessions(by: 'hash' | 'userId', value: string): Promise<number>;

  addSignInLink(link: {
    readonly hash: string;
    readonly userName: string;
    readonly role: Role;
    readonly createdMs: number;
    readonly expiresMs: number;
  }): Promise<void>;
  /** Takes the link: the second call with the same hash gets null. */
  useSignInLink(hash: string, nowMs: number): Promise<{ readonly userName: string; readonly role: Role } | null>;

  tokens(): Promise<readonly ApiToken[]>;
  token(hash: string, nowMs: number): Promise<ApiToken | null>;
  addToken(token: Omit<ApiToken, 'id' | 'lastUsedMs'>): Promise<ApiToken>;
  touchToken(id: string, lastUsedMs: number): Promise<void>;
  removeToken(id: string): Promise<boolean>;

  record(entry: Omit<AuditEntry, 'id'>): Promise<void>;
  /** Sorts: at. */
  audit(
    filter: { readonly actor?: string; readonly action?: string; readonly target?: string },
    request: PageRequest,
  ): Promise<Page<AuditEntry>>;

  answer(key: string): Promise<StoredAnswer | null>;
  /** False when another request with the key was faster. */
  reserveAnswer(key: string, fingerprint: string, nowMs: number): Promise<boolean>;
  keepAnswer(key: string, status: number, body: string): Promise<void>;
  dropAnswer(key: string): Promise<void>;
}

const userOf = (row: Tables['users']): User => ({ ...row, role: row.role as Role, disabled: row.disabled === 1 });
const tokenOf = ({ scopesJson, ...row }: Tables['api_tokens']): ApiToken => ({
  ...row,
  role: row.role as Role,
  scopes: JSON.parse(scopesJson) as string[],
});

export function accountsOf(db: Kysely<Tables>): Accounts {
  const readUser = async (by: 'id' | 'name' | 'oidcSubject', value: string) => {
    const row = await db.selectFrom('users').selectAll().where(by, '=', value).executeTakeFirst();
    return row === undefined ? null : userOf(row);
  };
  return {
    async users() {
      return (await db.selectFrom('users').selectAll().orderBy('name').execute()).map(userOf);
    },
    user: readUser,
    async addUser(user) {
      const row = {
        id: newId(user.createdMs),
        ...user,
        disabled: Number(user.disabled),
        lastLoginMs: 0,
        failedLogins: 0,
        lockedUntilMs: 0,
        version: 1,
      };
      try {
        await db.insertInto('users').values(row).execute();
      } catch (cause) {
        if (isDuplicate(cause)) throw new StoreError('STORE_DUPLICATE', `there is already a user "${user.name}"`, cause);
        throw cause;
      }
      return userOf(row);
    },
    async changeUser(id, { disabled, ...change }) {
      const row = await db
        .updateTable('users')
        .set((update) => ({
          ...change,
          ...(disabled === undefined ? {} : { disabled: Number(disabled) }),
          version: update('version', '+', 1),
        }))
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) throw new StoreError('STORE_NOT_FOUND', `there is no user ${id}`);
      return userOf(row);
    },
    async removeUser(id) {
      return (await db.deleteFrom('users').where('id', '=', id).executeTakeFirst()).numDeletedRows > 0n;
    },

    async addSession(session) {
      await db.insertInto('sessions').values(session).execute();
    },
    async session(hash, nowMs) {
      const session = await db
        .selectFrom('sessions')
        .selectAll()
        .where('hash', '=', hash)
        .where('expiresMs', '>', nowMs)
        .executeTakeFirst();
      if (session === undefined) return null;
      const user = await readUser('id', session.userId);
      return user === null || user.disabled ? null : { session, user };
    },
    async touchSession(hash, lastUsedMs) {
      await db.updateTable('sessions').set({ lastUsedMs }).where('hash', '=', hash).execute();
    },
    async endSessions(by, value) {
      return Number((await db.deleteFrom('sessions').where(by, '=', value).executeTakeFirst()).numDeletedRows);
    },

    async addSignInLink(link) {
      await db
        .insertInto('sign_in_links')
        .values({ ...link, usedMs: 0 })
        .execute();
    },
    async useSignInLink(hash, nowMs) {
      const row = await db
        .updateTable('sign_in_links')
        .set({ usedMs: nowMs })
        .where('hash', '=', hash)
        .where('usedMs', '=', 0)
        .where('expiresMs', '>', nowMs)
        .returning(['userName', 'role'])
        .executeTakeFirst();
      return row === undefined ? null : { userName: row.userName, role: row.role as Role };
    },

    async tokens() {
      return (await db.selectFrom('api_tokens').selectAll().orderBy('createdMs', 'desc').execute()).map(tokenOf);
    },
    async token(hash, nowMs) {
      const row = await db.selectFrom('api_tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
      return row === undefined || (row.expiresMs !== null && row.expiresMs <= nowMs) ? null : tokenOf(row);
    },
    async addToken({ scopes, ...token }) {
      const row = { id: newId(token.createdMs), ...token, scopesJson: JSON.stringify(scopes), lastUsedMs: 0 };
      await db.insertInto('api_tokens').values(row).execute();
      return tokenOf(row);
    },
    async touchToken(id, lastUsedMs) {
      await db.updateTable('api_tokens').set({ lastUsedMs }).where('id', '=', id).execute();
    },
    async removeToken(id) {
      return (await db.deleteFrom('api_tokens').where('id', '=', id).executeTakeFirst()).numDeletedRows > 0n;
    },

    async record({ detail, ...entry }) {
      await db
        .insertInto('audit')
        .values({ id: newId(entry.atMs), ...entry, detailJson: JSON.stringify(detail) })
        .execute();
    },
    audit(filter, request) {
      let query = db.selectFrom('audit').selectAll();
      for (const column of ['actor', 'action', 'target'] as const) {
        const value = filter[column];
        if (value) query = query.where(column, '=', value);
      }
      return page(query, { columns: { at: 'atMs' }, initial: '-at', id: 'id' }, request, ({ detailJson, ...row }) => ({
        ...row,
        outcome: row.outcome as AuditEntry['outcome'],
        detail: parsed(detailJson),
      }));
    },

    async answer(key) {
      const row = await db.selectFrom('idempotency').select(['fingerprint', 'status', 'body']).where('id', '=', key).executeTakeFirst();
      return row ?? null;
    },
    async reserveAnswer(key, fingerprint, nowMs) {
      const row = await db
        .insertInto('idempotency')
        .values({ id: key, atMs: nowMs, fingerprint, status: 0, body: '' })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .returning('id')
        .executeTakeFirst();
      return row !== undefined;
    },
    async keepAnswer(key, status, body) {
      await db.updateTable('idempotency').set({ status, body }).where('id', '=', key).execute();
    },
    async dropAnswer(key) {
      await db.deleteFrom('idempotency').where('id', '=', key).execute();
    },
  };
}
