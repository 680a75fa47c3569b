// Makes a checkout ready to run: dependencies installed, TypeScript and the UI built, both only when something changed.
// Plain Node, because it runs before anything is installed. An installed package has no sources and is always ready.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const MODULES = [
  'exchange',
  'policies',
  'traffic',
  'store',
  'attackers',
  'learning',
  'scans',
  'integrations',
  'proxy',
  'sensor',
  'admin',
  'cli',
  'examples',
];
const inRoot = (...parts) => path.join(root, ...parts);

const modifiedMs = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

function newestMs(folder, accepts) {
  if (!existsSync(folder)) return 0;
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestMs(file, accepts));
    else if (accepts(entry.name)) newest = Math.max(newest, statSync(file).mtimeMs);
  }
  return newest;
}

function run(what, command, args) {
  process.stderr.write(`weir: ${what} …\n`);
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (done.status !== 0) {
    process.stderr.write(`weir: ${what} failed (${command} ${args.join(' ')}${done.error ? `: ${done.error.message}` : ''}).\n`);
    process.exit(2);
  }
}

/** One process prepares at a time; the others wait for it, at most five minutes. A lock whose owner is gone is taken over. */
function locked(work) {
  const lock = inRoot('node_modules', '.weir-lock');
  mkdirSync(inRoot('node_modules'), { recursive: true });
  const deadlineMs = Date.now() + 300_000;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!isAlive(Number(existsSync(lock) ? readFileSync(lock, 'utf8') : 0)) || Date.now() > deadlineMs) rmSync(lock, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

const needsInstall = () =>
  modifiedMs(inRoot('node_modules', '.package-lock.json')) === 0 ||
  modifiedMs(inRoot('package-lock.json')) > modifiedMs(inRoot('node_modules', '.package-lock.json'));

function needsServer() {
  const isSource = (name) => name.endsWith('.ts') && !name.endsWith('.test.ts');
  const newest = Math.max(
    modifiedMs(inRoot('scripts', 'build.mjs')),
    modifiedMs(inRoot('package-lock.json')),
    ...MODULES.map((name) => newestMs(inRoot(name), isSource)),
  );
  return newest > modifiedMs(inRoot('dist', '.built'));
}

function needsUi() {
  const newest = Math.max(
    newestMs(inRoot('admin-ui', 'src'), () => true),
    modifiedMs(inRoot('admin-ui', 'index.html')),
    modifiedMs(inRoot('admin-ui', 'vite.config.ts')),
  );
  return newest > modifiedMs(inRoot('admin-ui', 'dist', '.built'));
}

/** Installs and builds what is missing or older than its sources. Set WEIR_SKIP_BUILD=1 to run what is there. */
export function makeReady({ ui = true } = {}) {
  if (process.env.WEIR_SKIP_BUILD === '1' || !existsSync(inRoot('tsconfig.json'))) return;
  if (!needsInstall() && !needsServer() && !(ui && needsUi())) return;
  locked(() => {
    if (needsInstall()) {
      run('installing dependencies', 'npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
      writeFileSync(inRoot('node_modules', '.package-lock.json'), readFileSync(inRoot('node_modules', '.package-lock.json')));
    }
    if (needsServer()) {
      const startedMs = Date.now();
      run('building', process.execPath, [inRoot('scripts', 'build.mjs')]);
      stamp(inRoot('dist', '.built'), startedMs);
    }
    if (ui && existsSync(inRoot('admin-ui', 'index.html')) && needsUi()) {
      const startedMs = Date.now();
      run('building the admin UI', 'npm', ['run', '--silent', 'build', '--workspace', 'admin-ui', '--', '--logLevel', 'warn']);
      stamp(inRoot('admin-ui', 'dist', '.built'), startedMs);
    }
  });
}

/** The stamp carries the time the build began: an edit made during it makes the next one necessary. */
function stamp(file, atMs) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '');
  utimesSync(file, atMs / 1000, atMs / 1000);
}
