import type { Kysely } from 'kysely';
import { parsed } from './endpoint-rows.js';
import { StoreError } from './errors.js';
import { type Page, type PageRequest, page } from './page.js';
import type { Tables } from './tables.js';

/** One version of a text that people write: a policy, a scan test, an imported API description. Versions count from 1 and are never changed. */
export interface Document {
  readonly kind: string;
  readonly name: string;
  readonly version: number;
  readonly text: string;
  readonly author: string;
  readonly atMs: number;
  readonly note: string;
  readonly deleted: boolean;
}

export interface Documents {
  /** Latest versions of all that are not deleted, by name. */
  list(kind: string): Promise<readonly Document[]>;
  /** The latest version (null when there is none or it is deleted), or the one asked for. */
  get(kind: string, name: string, version?: number): Promise<Document | null>;
  /** Newest first. */
  history(kind: string, name: string): Promise<readonly Document[]>;
  /**
   * Writes the next version. A deletion is a version too (`text` null), so that it can be reverted.
   *
   * @param expectedVersion the version it was made from, 0 for a new document; undefined skips the check
   * @throws StoreError STORE_CONFLICT when somebody else wrote a version meanwhile
   */
  put(
    kind: string,
    name: string,
    text: string | null,
    by: { readonly author: string; readonly atMs: number; readonly note: string },
    expectedVersion?: number,
  ): Promise<Document>;
}

/** One small JSON object of configuration: an integration, a setting, a saved view, an auth context. Secrets in it are sealed by the caller. */
export interface StoredObject {
  readonly kind: string;
  readonly id: string;
  /** JSON. */
  readonly body: unknown;
  readonly version: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly updatedBy: string;
}

export interface Objects {
  list(kind: string, request?: PageRequest): Promise<Page<StoredObject>>;
  get(kind: string, id: string): Promise<StoredObject | null>;
  /** @throws StoreError STORE_CONFLICT as with documents; `expectedVersion` 0 means it must not exist yet. */
  put(
    kind: string,
    id: string,
    body: unknown,
    by: { readonly author: string; readonly atMs: number },
    expectedVersion?: number,
  ): Promise<StoredObject>;
  remove(kind: string, id: string): Promise<boolean>;
}

export function documentsOf(db: Kysely<Tables>): Documents {
  const documentOf = ({ latest: _latest, ...row }: Tables['documents']): Document => ({ ...row, deleted: row.deleted === 1 });
  return {
    async list(kind) {
      const rows = await db
        .selectFrom('documents')
        .selectAll()
        .where('kind', '=', kind)
        .where('latest', '=', 1)
        .where('deleted', '=', 0)
        .orderBy('name')
        .execute();
      return rows.map(documentOf);
    },
    async get(kind, name, version) {
      const query = db.selectFrom('documents').selectAll().where('kind', '=', kind).where('name', '=', name);
      const row = await (version === undefined
        ? query.where('latest', '=', 1).where('deleted', '=', 0)
        : query.where('version', '=', version)
      ).executeTakeFirst();
      return row === undefined ? null : documentOf(row);
    },
    async history(kind, name) {
      const rows = await db
        .selectFrom('documents')
        .selectAll()
        .where('kind', '=', kind)
        .where('name', '=', name)
        .orderBy('version', 'desc')
        .execute();
      return rows.map(documentOf);
    },
    put: (kind, name, text, by, expectedVersion) =>
      conflicts(() =>
        db.transaction().execute(async (trx) => {
          const last = await trx
            .selectFrom('documents')
            .select(['version', 'deleted', 'text'])
            .where('kind', '=', kind)
            .where('name', '=', name)
            .where('latest', '=', 1)
            .executeTakeFirst();
          const current = last === undefined || last.deleted === 1 ? 0 : last.version;
          if (expectedVersion !== undefined && expectedVersion !== current)
            throw changedMeanwhile(`${kind} "${name}"`, current, expectedVersion);
          await trx
            .updateTable('documents')
            .set({ latest: 0 })
            .where('kind', '=', kind)
            .where('name', '=', name)
            .where('latest', '=', 1)
            .execute();
          const row = {
            kind,
            name,
            version: (last?.version ?? 0) + 1,
            text: text ?? last?.text ?? '',
            ...by,
            deleted: Number(text === null),
            latest: 1,
          };
          await trx.insertInto('documents').values(row).execute();
          return documentOf(row);
        }),
      ),
  };
}

export function objectsOf(db: Kysely<Tables>): Objects {
  const objectOf = ({ bodyJson, ...row }: Tables['objects']): StoredObject => ({ ...row, body: parsed(bodyJson) });
  return {
    list: (kind, request = {}) =>
      page(
        db.selectFrom('objects').selectAll().where('kind', '=', kind),
        { columns: { id: 'id' }, initial: 'id', id: 'id' },
        { limit: 1000, ...request },
        objectOf,
      ),
    async get(kind, id) {
      const row = await db.selectFrom('objects').selectAll().where('kind', '=', kind).where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : objectOf(row);
    },
    put: (kind, id, body, by, expectedVersion) =>
      conflicts(() =>
        db.transaction().execute(async (trx) => {
          const last = await trx.selectFrom('objects').selectAll().where('kind', '=', kind).where('id', '=', id).executeTakeFirst();
          const current = last?.version ?? 0;
          if (expectedVersion !== undefined && expectedVersion !== current)
            throw changedMeanwhile(`${kind} "${id}"`, current, expectedVersion);
          const changed = { bodyJson: JSON.stringify(body), version: current + 1, updatedMs: by.atMs, updatedBy: by.author };
          if (last === undefined) {
            await trx
              .insertInto('objects')
              .values({ kind, id, createdMs: by.atMs, ...changed })
              .execute();
          } else {
            const written = await trx
              .updateTable('objects')
              .set(changed)
              .where('kind', '=', kind)
              .where('id', '=', id)
              .where('version', '=', current)
              .executeTakeFirst();
            if (written.numUpdatedRows === 0n) throw changedMeanwhile(`${kind} "${id}"`, current + 1, current);
          }
          return objectOf({ kind, id, createdMs: last?.createdMs ?? by.atMs, ...changed });
        }),
      ),
    async remove(kind, id) {
      const result = await db.deleteFrom('objects').where('kind', '=', kind).where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

const changedMeanwhile = (what: string, current: number, expected: number) =>
  new StoreError('STORE_CONFLICT', `${what} is at version ${current}, the change was made for version ${expected}`);

/** Two writers that insert the same version meet at the primary key; the second one learns that it lost. */
async function conflicts<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (isDuplicate(cause)) throw new StoreError('STORE_CONFLICT', 'somebody else wrote it at the same moment', cause);
    throw cause;
  }
}

/** Did a unique constraint refuse the row? */
export function isDuplicate(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '23505' || code.startsWith('SQLITE_CONSTRAINT_UNIQUE') || code.startsWith('SQLITE_CONSTRAINT_PRIMARYKEY');
}
