import { PostgresDialect } from 'kysely';
import pg from 'pg';

const INT8 = 20;
const NUMERIC = 1700;

/** PostgreSQL through a pool. 64-bit integers and sums come back as numbers: every count and time of weir is below 2^53. */
export function postgresDialect(url: string, maxConnections: number, onError: (error: Error) => void): PostgresDialect {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, Number);
  types.setTypeParser(NUMERIC, Number);
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    types,
    connectionTimeoutMillis: 10_000,
    application_name: 'weir',
  });
  // An idle connection that the server closes raises here; without a listener it would end the process.
  pool.on('error', onError);
  return new PostgresDialect({ pool });
}
