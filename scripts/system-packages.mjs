// The programs that tests drive for real. As root on Debian they are installed; elsewhere the list of what is missing is printed and the run fails.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const onPath = (name) =>
  [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const hasPostgres = () =>
  existsSync('/usr/lib/postgresql') &&
  readdirSync('/usr/lib/postgresql').some((version) => existsSync(`/usr/lib/postgresql/${version}/bin/postgres`));

const NEEDED = [
  { package: 'redis-server', present: () => onPath('redis-server') },
  { package: 'postgresql', present: () => hasPostgres() || onPath('postgres') },
  { package: 'chromium', present: () => onPath('chromium') || onPath('chromium-browser') || onPath('google-chrome') },
  { package: 'tcpdump', present: () => onPath('tcpdump') },
  { package: 'nftables', present: () => onPath('nft') },
  { package: 'iproute2', present: () => onPath('ip') },
];

/** Returns when everything is there; ends the process with code 1 and a list otherwise. */
export function ensureSystemPackages() {
  const missing = () => NEEDED.filter((one) => !one.present()).map((one) => one.package);
  let lacking = missing();
  if (lacking.length === 0) return;
  if (process.getuid?.() === 0 && onPath('apt-get')) {
    process.stderr.write(`test: installing ${lacking.join(', ')} …\n`);
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 2, 2], env: environment });
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...lacking], { stdio: ['ignore', 2, 2], env: environment });
    lacking = missing();
    if (lacking.length === 0) return;
  }
  process.stderr.write(
    `test: the tests drive real programs, and these are not installed: ${lacking.join(', ')}\n  on Debian or Ubuntu: sudo apt-get install ${lacking.join(' ')}\n`,
  );
  process.exit(1);
}
