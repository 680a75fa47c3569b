import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import { newId } from '../exchange/index.js';
import { parsed } from './endpoint-rows.js';
import { among, containing, type Page, type PageRequest, page, pageByIds, type Sorting, walked } from './page.js';
import type { Engine, Tables } from './tables.js';
import type { Actor, ActorDetail, ActorEvent, ActorLink, ActorState, Json } from './types.js';

export interface ActorFilter {
  readonly kind?: Actor['kind'];
  readonly state?: ActorState;
  readonly minScore?: number;
  /** Part of value or label. */
  readonly search?: string;
  readonly seenAfterMs?: number;
}

export interface Actors {
  /** Sorts: score, lastSeen, firstSeen, requests, findings. */
  list(filter: ActorFilter, request: PageRequest): Promise<Page<Actor>>;
  get(id: string): Promise<Actor | null>;
  /** Sorts: at. */
  timeline(id: string, request: PageRequest & { readonly kind?: string }): Promise<Page<ActorEvent>>;
  /** Addresses of a principal, or principals of an address; the latest 200. */
  links(value: string): Promise<readonly ActorLink[]>;
  setState(id: string, state: ActorState): Promise<void>;
  note(id: string, event: { readonly atMs: number; readonly kind: string; readonly body: Json }): Promise<void>;
}

const ACTOR_SORTING: Sorting = {
  columns: { score: 'score', lastSeen: 'lastSeenMs', firstSeen: 'firstSeenMs', requests: 'requests', findings: 'findings' },
  initial: '-score',
  id: 'id',
};
const MAX_LINKS = 200;
/** Fewer are found by the index of scores alone, which has all that can be asked for, before their order is looked at. */
const FEW_ACTORS = 1_000;

export function actorsOf(db: Kysely<Tables>, engine: Engine): Actors {
  const filtered = (filter: ActorFilter): SelectQueryBuilder<Tables, 'actors', object> => {
    let query: SelectQueryBuilder<Tables, 'actors', object> = db.selectFrom('actors');
    if (filter.kind) query = query.where(walked('kind', [filter.kind]));
    if (filter.state) query = query.where(walked('state', [filter.state]));
    if (filter.minScore !== undefined) query = query.where(sql<boolean>`coalesce(${sql.ref('score')}, null) >= ${filter.minScore}`);
    if (filter.seenAfterMs !== undefined)
      query = query.where(sql<boolean>`coalesce(${sql.ref('lastSeenMs')}, null) >= ${filter.seenAfterMs}`);
    if (filter.search) query = query.where(sql<boolean>`${sql.ref('search')} like ${containing(filter.search)} escape '\\'`);
    return query;
  };

  return {
    async list(filter, request) {
      let query = filtered(filter);
      if (Object.values(filter).some((value) => value !== undefined && value !== '')) {
        const few = await query
          .select('id')
          .limit(FEW_ACTORS + 1)
          .execute();
        if (few.length <= FEW_ACTORS)
          query = db.selectFrom('actors').where(
            among(
              engine,
              'id',
              few.map((row) => row.id),
            ),
          );
      }
      const rows = (ids: readonly string[]) =>
        db
          .selectFrom('actors')
          .selectAll()
          .where('id', 'in', [...ids])
          .execute();
      return pageByIds(query, ACTOR_SORTING, request, rows, actorOf);
    },
    async get(id) {
      const row = await db.selectFrom('actors').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : actorOf(row);
    },
    timeline: (id, { kind, ...request }) =>
      page(
        db
          .selectFrom('actor_events')
          .selectAll()
          .where('actorId', '=', id)
          .$if(kind !== undefined, (query) => query.where('kind', '=', kind!)),
        { columns: { at: 'atMs' }, initial: '-at', id: 'id' },
        request,
        ({ bodyJson, ...row }) => ({ ...row, body: parsed(bodyJson) }),
      ),
    links: (value) =>
      db
        .selectFrom('actor_links')
        .selectAll()
        .where((where) => where.or([where('principal', '=', value), where('address', '=', value)]))
        .orderBy('lastSeenMs', 'desc')
        .limit(MAX_LINKS)
        .execute(),
    async setState(id, state) {
      await db.updateTable('actors').set({ state }).where('id', '=', id).execute();
    },
    async note(id, event) {
      await db
        .insertInto('actor_events')
        .values({
          id: newId(event.atMs),
          actorId: id,
          atMs: event.atMs,
          kind: event.kind,
          endpointId: null,
          bodyJson: JSON.stringify(event.body),
        })
        .execute();
    },
  };
}

function actorOf(row: Tables['actors']): Actor {
  const { detailJson, search: _search, ...rest } = row;
  return { ...rest, kind: row.kind as Actor['kind'], state: row.state as ActorState, detail: JSON.parse(detailJson) as ActorDetail };
}
