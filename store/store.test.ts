import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'libsql';
import t from 'tap';
import { startPostgres } from '../test/support/postgres.js';
import { openStore, type StoreLocation } from './index.js';
import { storeContract } from './store.contract.js';

const folder = mkdtempSync(path.join(tmpdir(), 'weir-store-'));
const postgres = await startPostgres();
t.teardown(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
const engines: Record<string, () => StoreLocation> = {
  sqlite: () => ({ sqlite: path.join(folder, `store-${++files}.db`) }),
  postgres: () => ({ postgres: postgres.database() }),
};
for (const [name, location] of Object.entries(engines)) t.test(name, (t) => storeContract(t, location));

t.test('what cannot be opened says so', async (t) => {
  const file = path.join(folder, 'newer.db');
  await (await openStore({ sqlite: file })).close();
  const database = new Database(file);
  database.exec(`update meta set "value" = '999' where "name" = 'format'`);
  database.close();
  await t.rejects(openStore({ sqlite: file }), { code: 'STORE_NEWER_FORMAT', message: /format 999/ });
  await t.rejects(openStore({ sqlite: path.join(file, 'below-a-file.db') }), { code: 'STORE_UNWRITABLE' });
  await t.rejects(openStore({ postgres: 'postgres://weir:secret@127.0.0.1:1/weir' }), {
    code: 'STORE_UNREACHABLE',
    message: /^(?!.*secret)/,
  });
});
