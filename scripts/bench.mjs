// `npm run bench [-- OPTIONS]`: what the gateway costs, beside bare forwarders. `npm run bench:choices [-- forwarders|redis|capture] [OPTIONS]`: the measurements
// behind docs/decisions. Results are printed and written to bench/results/. Only ratios within one run mean anything.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { makeReady, root } from './ready.mjs';

const CHOICES = {
  forwarders: { file: 'bench/choices/forwarders.ts', packages: { nginx: 'nginx-light', wrk: 'wrk' } },
  redis: { file: 'bench/choices/redis.ts', packages: { 'redis-server': 'redis-server' } },
  capture: { file: 'bench/choices/capture.ts', packages: { tcpdump: 'tcpdump' } },
};
const GATEWAY = { file: 'bench/gateway.bench.ts', packages: { nginx: 'nginx-light', wrk: 'wrk' } };
/** Without it a bench does something else instead, and says so. */
const OPTIONAL = new Set(['wrk']);

const onPath = (name) =>
  [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** As root on Debian installs the programs a bench drives; elsewhere says which to install. */
function ensurePrograms(packages) {
  const missing = () => Object.keys(packages).filter((program) => !onPath(program));
  const lacking = missing().map((program) => packages[program]);
  if (lacking.length === 0) return;
  if (process.getuid?.() === 0 && onPath('apt-get')) {
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 2, 2], env: environment });
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...lacking], { stdio: ['ignore', 2, 2], env: environment });
  }
  const needed = missing().filter((program) => !OPTIONAL.has(program));
  if (needed.length === 0) return;
  console.error(
    `bench: not installed: ${needed.join(', ')}\n  on Debian or Ubuntu: sudo apt-get install ${needed.map((program) => packages[program]).join(' ')}`,
  );
  process.exit(1);
}

function runBench({ file, packages }, args) {
  ensurePrograms(packages);
  console.log(`\n> ${file} ${args.join(' ')}`);
  const done = spawnSync(process.execPath, ['--import', 'tsx', path.join(root, file), ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, WEIR_SKIP_BUILD: '1' },
  });
  return done.status ?? 1;
}

const [first, ...rest] = process.argv.slice(2);
const load = Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
if (load > 1)
  console.log(`bench: the machine is busy (load ${load}): ratios of interleaved rounds still hold roughly, single figures do not`);
makeReady({ ui: false });
if (first !== 'choices') process.exit(runBench(GATEWAY, process.argv.slice(2)));
const [name, ...options] = rest;
if (name !== undefined && !name.startsWith('-')) {
  if (!Object.hasOwn(CHOICES, name)) {
    console.error(`bench: no choice "${name}"; there are ${Object.keys(CHOICES).join(', ')}`);
    process.exit(2);
  }
  process.exit(runBench(CHOICES[name], options));
}
if (name !== undefined) {
  console.error(`bench: name a choice before its options: ${Object.keys(CHOICES).join(', ')}`);
  process.exit(2);
}
const codes = Object.values(CHOICES).map((choice) => runBench(choice, []));
process.exit(Math.max(...codes));
