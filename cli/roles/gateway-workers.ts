/** `weir gateway --workers N`: N processes share the listening sockets; one that dies is replaced. */
import cluster from 'node:cluster';
import path from 'node:path';
import { packageRoot } from '../../exchange/index.js';
import type { RoleFlags } from '../commands/options.js';
import type { Config } from '../config.js';
import type { Output } from '../output.js';
import { untilSignal } from './signals.js';

/** Restarts are spaced, so that a worker which cannot start does not spin. */
const RESTART_MS = 1_000;

/** Each worker is a whole `weir gateway --workers 1` with a data folder of its own below the given one. */
export async function runGatewayWorkers(flags: RoleFlags, config: Config, output: Output): Promise<number> {
  const args = process.argv
    .slice(2)
    .filter((word, index, all) => word !== '--workers' && all[index - 1] !== '--workers' && !word.startsWith('--workers='));
  cluster.setupPrimary({ exec: path.join(packageRoot(), 'bin', 'weir'), args, silent: false });
  let stopping = false;
  const fork = (slot: number): void => {
    const worker = cluster.fork({ WEIR_DATA: path.join(config.data, `worker-${slot}`), WEIR_SKIP_BUILD: '1', WEIR_WORKER: String(slot) });
    worker.once('exit', (code) => {
      if (stopping) return;
      output.error(`weir: gateway worker ${slot} ended with code ${code}; a new one starts\n`);
      setTimeout(() => fork(slot), RESTART_MS);
    });
  };
  for (let slot = 1; slot <= config.gateway.workers; slot++) fork(slot);
  if (!flags.json) output.write(`weir gateway runs ${config.gateway.workers} workers\n`);
  await untilSignal();
  stopping = true;
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  const ended = workers.map((worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())));
  for (const worker of workers) worker.process.kill('SIGTERM');
  await Promise.all(ended);
  return 0;
}
