import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const DEBIAN_ROOT = '/usr/lib/postgresql';
const START_TIMEOUT_MS = 20_000;

/** A PostgreSQL server of a test: a real one, on a free port of loopback, with its data in a temporary folder. */
export interface TestPostgres {
  /** URL of an empty database of its own; a new one each call. */
  database(): string;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts Debian's PostgreSQL. The server refuses to run as root: as root it is started as the user `postgres`.
 *
 * @throws when PostgreSQL is not installed, with what to install. Durability is off, as nothing here outlives the test.
 */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = binaries();
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-postgres-'));
  const asServerUser = process.getuid?.() === 0 ? serverUser(folder) : [];
  const run = (program: string, args: readonly string[]) => {
    const command = [...asServerUser, path.join(bin, program), ...args];
    return execFileSync(command[0]!, command.slice(1), { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const data = path.join(folder, 'data');
  run('initdb', ['-D', data, '-U', 'weir', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync']);
  const port = await freePort();
  const options = [
    '-D',
    data,
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-k',
    folder,
    '-c',
    'fsync=off',
    '-c',
    'full_page_writes=off',
    '-c',
    'shared_buffers=64MB',
  ];
  const command = [...asServerUser, path.join(bin, 'postgres'), ...options];
  const server = spawn(command[0]!, command.slice(1), { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-10_000);
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  // A test that dies must leave no server behind.
  const kill = () => server.kill('SIGQUIT');
  process.once('exit', kill);
  const stop = async () => {
    process.removeListener('exit', kill);
    // Fast shutdown: connections that a test forgot are cut.
    server.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const ask = (sql: string, database = 'postgres') =>
    run('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', 'weir', '-d', database, '-qAtc', sql]);
  for (const startedMs = Date.now(); ; ) {
    try {
      ask('select 1');
      break;
    } catch (error) {
      if (server.exitCode !== null || Date.now() - startedMs > START_TIMEOUT_MS) {
        await stop();
        throw new Error(`PostgreSQL did not start:\n${log}`, { cause: error });
      }
      await delay(50);
    }
  }
  let databases = 0;
  return {
    database() {
      databases += 1;
      ask(`create database test_${databases}`);
      return `postgres://weir@127.0.0.1:${port}/test_${databases}`;
    },
    stop,
  };
}

function binaries(): string {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => path.join(DEBIAN_ROOT, version, 'bin')).find((folder) => existsSync(path.join(folder, 'initdb')));
  if (found === undefined) throw new Error(`PostgreSQL is not installed below ${DEBIAN_ROOT}: apt-get install postgresql`);
  return found;
}

/** `setpriv` keeps the process id, so that signals reach the server itself. */
function serverUser(folder: string): readonly string[] {
  const uid = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
  const gid = Number(execFileSync('id', ['-g', 'postgres'], { encoding: 'utf8' }));
  chownSync(folder, uid, gid);
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
