/** The folder in which a weir keeps everything: its version, its secret, its lock, and where its admin API can be found. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemReason, WeirError } from '../exchange/index.js';

/** Raised when the layout of the folder changes in a way that an older weir would damage. */
const LAYOUT = 1;

/** What a running weir leaves for the command line. */
export interface RunFile {
  readonly pid: number;
  readonly gateways: readonly string[];
  readonly admin: string | null;
  readonly startedAtMs: number;
}

export interface DataDir {
  readonly path: string;
  /** 32 random bytes in hex, made once: the key of every hash. */
  readonly secret: string;
  /** Written when the addresses are known, removed by `release`. */
  publish(run: Omit<RunFile, 'pid' | 'startedAtMs'>): void;
  release(): void;
}

/**
 * Opens (and makes) the folder for one running weir. Throws WeirError DATA_UNWRITABLE, DATA_NEWER, DATA_IN_USE; nothing is changed in those cases.
 *
 * `role` lets the processes of one distributed weir share a folder: the lock is per role.
 */
export function openDataDir(folder: string, role: string, secret?: string): DataDir {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK | constants.R_OK | constants.X_OK);
    writeFileSync(path.join(folder, '.writable'), '');
    rmSync(path.join(folder, '.writable'), { force: true });
  } catch (cause) {
    const isFile = existsSync(folder) && !statSync(folder).isDirectory();
    throw new WeirError(
      'DATA_UNWRITABLE',
      isFile ? `The data folder ${folder} is a file.` : `The data folder ${folder} cannot be written: ${systemReason(cause)}.`,
      { hint: `Give another with --data DIR${isFile ? '' : ', or change its permissions'}.`, cause },
    );
  }
  const versionFile = path.join(folder, 'layout-version');
  if (existsSync(versionFile)) {
    const found = Number(readFileSync(versionFile, 'utf8'));
    if (!(found <= LAYOUT)) {
      throw new WeirError(
        'DATA_NEWER',
        `The data folder ${folder} was written by a newer weir (layout ${found}; this one knows ${LAYOUT}).`,
        {
          hint: 'Start the newer weir again, or give another folder with --data DIR.',
        },
      );
    }
  } else writeFileSync(versionFile, `${LAYOUT}\n`);
  const lock = path.join(folder, `${role}.pid`);
  takeLock(lock, folder, role);
  const runFile = path.join(folder, `${role}.run.json`);
  return {
    path: folder,
    secret: secret ?? keptSecret(folder),
    publish(run) {
      writeAtomically(runFile, JSON.stringify({ pid: process.pid, startedAtMs: Date.now(), ...run }));
    },
    release() {
      rmSync(runFile, { force: true });
      rmSync(lock, { force: true });
    },
  };
}

/** Like `mkdir -p`. Node's own recursive mkdir never returns where a parent exists and refuses children with ENOENT, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent);
  mkdirSync(folder);
}

function takeLock(lock: string, folder: string, role: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const owner = Number(readFileSync(lock, 'utf8'));
    if (owner !== process.pid && isAlive(owner)) {
      throw new WeirError('DATA_IN_USE', `Another weir (process ${owner}, role ${role}) uses the data folder ${folder}.`, {
        hint: 'Stop it, or give this one its own folder with --data DIR.',
      });
    }
    rmSync(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function keptSecret(folder: string): string {
  const file = path.join(folder, 'secret');
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  return readFileSync(file, 'utf8').trim();
}

export function writeAtomically(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

/** What runs on this folder in one of the roles (by default those with an admin API); null when nothing does. */
export function findRunning(folder: string, roles: readonly string[] = ['up', 'admin']): RunFile | null {
  for (const role of roles) {
    const file = path.join(folder, `${role}.run.json`);
    if (!existsSync(file)) continue;
    const run = JSON.parse(readFileSync(file, 'utf8')) as RunFile;
    if (isAlive(run.pid)) return run;
  }
  return null;
}
