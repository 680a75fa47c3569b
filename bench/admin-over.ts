import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'libsql';
import { type Admin, createAdmin } from '../admin/index.js';
import { type BlockHits, Blocklist, BlockTable, FeedBook } from '../attackers/index.js';
import { blocksPort } from '../cli/admin/blocks-port.js';
import { dataTypesPort } from '../cli/admin/data-types-port.js';
import { integrationsPort } from '../cli/admin/integrations-port.js';
import { lateScanner } from '../cli/admin/late-scanner.js';
import { policiesPort } from '../cli/admin/policies-port.js';
import { templatesPort } from '../cli/admin/templates-port.js';
import { configSchema } from '../cli/config.js';
import { openSharedMaps } from '../cli/shared-maps.js';
import { openPolicyBook } from '../cli/wiring/policies.js';
import { type RepeatCount, RepeatSums } from '../cli/wiring/repeat-counts.js';
import { Redactor } from '../exchange/index.js';
import { openStore, type Store } from '../store/index.js';
import { createSharedState } from '../traffic/index.js';
import { type SeedSizes, seedBlocks, seedMore, seedStore } from './admin-seed.js';

/** The moment that the seeded store was written for, which is "now" of the admin over it. */
const NOW_MS = Date.UTC(2026, 10, 20, 12);
const SECRET = '0'.repeat(64);

export interface AdminOver {
  readonly admin: Admin;
  readonly store: Store;
  readonly nowMs: number;
  close(): Promise<void>;
}

/** An admin as `weir up` runs it, but for its scheduler and its clock, over a store that is filled first unless it was before. */
export async function adminOver(folder: string, sizes: SeedSizes, postgres?: string): Promise<AdminOver> {
  mkdirSync(folder, { recursive: true });
  const file = postgres === undefined ? path.join(folder, 'weir.db') : null;
  const store = await openStore(file === null ? { postgres: postgres! } : { sqlite: file });
  const seeded = (await store.objects.get('bench', 'seed'))?.body;
  if (JSON.stringify(seeded) !== JSON.stringify(sizes)) {
    if ((await store.inventory.services()).length > 0) throw new Error(`${folder} is filled by half, or with other sizes: remove it`);
    const startedAt = performance.now();
    const progress = (text: string) => process.stderr.write(`\r${text}   `);
    const indexAgain = file === null ? () => undefined : withoutIndexes(file);
    await seedStore(store, sizes, NOW_MS, progress);
    await seedMore(store, sizes, NOW_MS, progress);
    progress('indexes');
    indexAgain();
    await store.analyze();
    await store.objects.put('bench', 'seed', { ...sizes }, { author: 'bench', atMs: NOW_MS });
    process.stderr.write(`\rseeded in ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
  }

  const config = configSchema.parse({ data: folder });
  const shared = createSharedState({ dir: null });
  const maps = await openSharedMaps(shared);
  await seedBlocks(await shared.open('blocks'), NOW_MS);
  const blocklist = await Blocklist.open(shared, { now: () => NOW_MS });
  const table = new BlockTable();
  table.follow(blocklist.blocks, blocklist.allowlist);
  const policies = await openPolicyBook({ config, secret: SECRET, maps, log: () => undefined });
  const scanner = lateScanner(
    { holder: 'bench' },
    { store, upstreamOf: () => null, openConfig: (opened) => opened, log: (text) => process.stderr.write(`${text}\n`) },
  );
  const admin = await createAdmin(
    { secret: SECRET, host: '127.0.0.1', port: 0, dataDir: folder, version: 'bench', nowMs: () => NOW_MS },
    {
      store,
      services: { list: () => [], mode: () => ({ request: 'observe', response: 'observe' }), setMode: async () => undefined },
      scans: scanner,
      blocks: blocksPort({
        blocklist,
        table,
        feeds: await FeedBook.open(shared),
        feedsSettled: async () => undefined,
        hits: await shared.open<BlockHits>('block-hits'),
        repeats: new RepeatSums(await shared.open<RepeatCount>('block-repeats')),
        modes: () => [],
      }),
      policies: policiesPort(policies, maps, new Redactor(SECRET)),
      dataTypes: dataTypesPort(maps),
      templates: templatesPort(maps),
      integrations: integrationsPort(null),
    },
  );
  return {
    admin,
    store,
    nowMs: NOW_MS,
    async close() {
      await scanner.close();
      policies.close();
      await admin.close();
      await shared.close();
      await store.close();
    },
  };
}

/** Drops the indexes of the tables that get the most rows, and gives what makes them again: sorting once is several times faster than a million insertions. */
function withoutIndexes(file: string): () => void {
  const over = <T>(work: (database: Database.Database) => T): T => {
    const database = new Database(file, { timeout: 10_000 });
    database.pragma('cache_size = -1048576');
    database.pragma('temp_store = memory');
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  const dropped = over((database) => {
    const rows = database
      .prepare(
        `select type, name, sql from sqlite_master where sql is not null and (type = 'index' and tbl_name in
         ('issues', 'findings', 'issue_events', 'samples', 'scan_results', 'audit', 'actor_events') or name = 'issues_search_insert')`,
      )
      .all() as { readonly type: string; readonly name: string; readonly sql: string }[];
    for (const { type, name } of rows) database.exec(`drop ${type} "${name}"`);
    return rows;
  });
  return () =>
    over((database) => {
      for (const { sql } of dropped) database.exec(sql);
      database.exec(`insert into issues_search (rowid, "search") select rowid, "search" || '  ' from issues`);
    });
}
