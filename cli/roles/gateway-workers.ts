/** `weir gateway --workers N`: N processes share the listening sockets; one that dies is replaced. */
import cluster from 'node:cluster';
import path from 'node:path';
import { packageRoot } from '../../exchange/index.js';
import { runWorkers } from '../../proxy/index.js';
import type { RoleFlags } from '../commands/options.js';
import type { Config } from '../config.js';
import { openDataDir } from '../data-dir.js';
import type { Output } from '../output.js';
import { untilSignal } from './signals.js';

/** What is for all workers together, or differs between them: each is told anew. */
const OWN = ['--workers', '--data'];
/** What a worker may take beyond its own drain to close files and connections. */
const CLOSING_MS = 5_000;

/** Each worker is a whole `weir gateway --workers 1` with a data folder of its own below the given one. */
export async function runGatewayWorkers(flags: RoleFlags, config: Config, output: Output): Promise<number> {
  const args = process.argv
    .slice(2)
    .filter((word, index, all) => !OWN.some((flag) => word === flag || all[index - 1] === flag || word.startsWith(`${flag}=`)));
  cluster.setupPrimary({ exec: path.join(packageRoot(), 'bin', 'weir'), args: [...args, '--workers', '1'], silent: false });
  const { workers: count, drainMs, readinessMs } = config.gateway;
  // All workers are one weir: what one blocks by its hash the others must know by the same.
  const data = openDataDir(config.data, 'gateway', config.secret);
  const workers = runWorkers({
    count,
    environment: (slot) => ({
      WEIR_DATA: path.join(data.path, `worker-${slot}`),
      WEIR_SECRET: data.secret,
      WEIR_SKIP_BUILD: '1',
      WEIR_WORKER: String(slot),
    }),
    onWorker: ({ kind, slot, reason }) => {
      if (kind === 'died') output.error(`weir: gateway worker ${slot} ended (${reason}); unless weir is stopping a new one starts\n`);
    },
  });
  // Each worker reads the configuration again; the file is watched by them, the signal comes here.
  process.on('SIGHUP', () => workers.signal('SIGHUP'));
  const ended = untilSignal();
  if (!flags.json) output.write(`weir gateway runs ${count} workers\n`);
  await ended;
  await workers.close(readinessMs + drainMs + CLOSING_MS);
  data.release();
  return 0;
}
