import type { Kysely } from 'kysely';
import { newId } from '../exchange/index.js';
import { parsed } from './endpoint-rows.js';
import { type Page, type PageRequest, page } from './page.js';
import type { Tables } from './tables.js';

/** A notice that waits for delivery by one integration. */
export interface Delivery {
  readonly id: string;
  readonly integrationId: string;
  readonly createdMs: number;
  readonly nextTryMs: number;
  readonly attempts: number;
  readonly state: 'waiting' | 'delivered' | 'given-up';
  readonly lastError: string;
  readonly notice: unknown;
}

/** Notices outlive a restart and a receiver that is down. Delivery is at least once. */
export interface Outbox {
  add(notices: readonly { readonly integrationId: string; readonly notice: unknown }[], nowMs: number): Promise<void>;
  /**
   * Takes what is due and puts its next try off by `holdMs`, so that two admins do not send the same notice.
   *
   * @param integrationId takes only what is for this one, so that what waits for a slow receiver is not in the way of others
   */
  take(limit: number, nowMs: number, holdMs: number, integrationId?: string): Promise<readonly Delivery[]>;
  settle(id: string, result: { readonly state: Delivery['state']; readonly nextTryMs: number; readonly lastError: string }): Promise<void>;
  list(filter: { readonly integrationId?: string; readonly state?: Delivery['state'] }, request: PageRequest): Promise<Page<Delivery>>;
}

export function outboxOf(db: Kysely<Tables>): Outbox {
  const deliveryOf = ({ noticeJson, ...row }: Tables['outbox']): Delivery => ({
    ...row,
    state: row.state as Delivery['state'],
    notice: parsed(noticeJson),
  });
  return {
    async add(notices, nowMs) {
      if (notices.length === 0) return;
      const rows = notices.map(({ integrationId, notice }) => ({
        id: newId(nowMs),
        integrationId,
        createdMs: nowMs,
        nextTryMs: nowMs,
        attempts: 0,
        state: 'waiting',
        lastError: '',
        noticeJson: JSON.stringify(notice),
      }));
      await db.insertInto('outbox').values(rows).execute();
    },
    async take(limit, nowMs, holdMs, integrationId) {
      let waiting = db.selectFrom('outbox').select(['id', 'nextTryMs']).where('state', '=', 'waiting').where('nextTryMs', '<=', nowMs);
      if (integrationId !== undefined) waiting = waiting.where('integrationId', '=', integrationId);
      const due = await waiting.orderBy('nextTryMs').orderBy('id').limit(limit).execute();
      const taken: Delivery[] = [];
      for (const { id, nextTryMs } of due) {
        const row = await db
          .updateTable('outbox')
          .set((update) => ({ nextTryMs: nowMs + holdMs, attempts: update('attempts', '+', 1) }))
          .where('id', '=', id)
          .where('nextTryMs', '=', nextTryMs)
          .where('state', '=', 'waiting')
          .returningAll()
          .executeTakeFirst();
        if (row !== undefined) taken.push(deliveryOf(row));
      }
      return taken;
    },
    async settle(id, result) {
      await db.updateTable('outbox').set(result).where('id', '=', id).execute();
    },
    list(filter, request) {
      let query = db.selectFrom('outbox').selectAll();
      if (filter.integrationId) query = query.where('integrationId', '=', filter.integrationId);
      if (filter.state) query = query.where('state', '=', filter.state);
      return page(query, { columns: { created: 'createdMs' }, initial: '-created', id: 'id' }, request, deliveryOf);
    },
  };
}
