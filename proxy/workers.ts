import cluster, { type Worker } from 'node:cluster';

export interface WorkersOptions {
  /** Processes that share the listening ports. */
  readonly count: number;
  /** Told about starts and deaths, for the log. */
  readonly onWorker?: (event: {
    readonly kind: 'started' | 'died';
    readonly worker: number;
    readonly pid: number;
    readonly reason?: string;
  }) => void;
}

export interface Workers {
  /** Processes that run now. */
  readonly pids: readonly number[];
  /** Deaths that were made good so far. */
  readonly replaced: number;
  /** Asks every worker to drain; what is left after `drainMs` is killed. */
  close(drainMs: number): Promise<void>;
}

const QUICK_DEATH_MS = 2000;
const LONGEST_PAUSE_MS = 10_000;

/** True in a process that `runWorkers` started. */
export const isWorker: boolean = cluster.isWorker;

/**
 * Runs the same program in `count` processes that share its ports; a process that dies is replaced, at once or, when it keeps dying right after
 * its start, after a growing pause. The others go on undisturbed. Call it in the primary process; a worker (`isWorker`) starts its gateway and
 * closes it on SIGTERM.
 */
export function runWorkers(options: WorkersOptions): Workers {
  let closing = false;
  let replaced = 0;
  let quickDeaths = 0;
  const startedAt = new Map<number, number>();
  const timers = new Set<NodeJS.Timeout>();

  const start = () => {
    const worker = cluster.fork();
    startedAt.set(worker.id, performance.now());
    options.onWorker?.({ kind: 'started', worker: worker.id, pid: worker.process.pid ?? 0 });
    worker.once('exit', (code, signal) => died(worker, signal ?? `code ${code}`));
  };
  const died = (worker: Worker, reason: string) => {
    const livedMs = performance.now() - (startedAt.get(worker.id) ?? 0);
    startedAt.delete(worker.id);
    options.onWorker?.({ kind: 'died', worker: worker.id, pid: worker.process.pid ?? 0, reason });
    if (closing) return;
    replaced++;
    quickDeaths = livedMs < QUICK_DEATH_MS ? quickDeaths + 1 : 0;
    const pauseMs = quickDeaths === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, 100 * 2 ** quickDeaths);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!closing) start();
    }, pauseMs);
    timers.add(timer);
  };
  for (let index = 0; index < options.count; index++) start();

  const alive = () => Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker !== undefined && !worker.isDead());
  return {
    get pids() {
      return alive().flatMap((worker) => worker.process.pid ?? []);
    },
    get replaced() {
      return replaced;
    },
    close: async (drainMs) => {
      closing = true;
      for (const timer of timers) clearTimeout(timer);
      const workers = alive();
      const gone = Promise.all(workers.map((worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve()))));
      for (const worker of workers) worker.process.kill('SIGTERM');
      const killer = setTimeout(() => {
        for (const worker of workers) worker.process.kill('SIGKILL');
      }, drainMs);
      await gone;
      clearTimeout(killer);
    },
  };
}
