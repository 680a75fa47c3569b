import cluster, { type Worker } from 'node:cluster';

export interface WorkersOptions {
  /** Processes that share the listening ports. */
  readonly count: number;
  /** Environment of the process in a slot (1 to `count`), beside the one of this process; a replacement gets the slot of the one that died. */
  readonly environment?: (slot: number) => Readonly<Record<string, string>>;
  /** Told about starts and deaths, for the log. */
  readonly onWorker?: (event: {
    readonly kind: 'started' | 'died';
    readonly slot: number;
    readonly pid: number;
    readonly reason?: string;
  }) => void;
}

export interface Workers {
  /** Processes that run now. */
  readonly pids: readonly number[];
  /** Deaths that were made good so far. */
  readonly replaced: number;
  /** Sends a signal to every worker. */
  signal(name: NodeJS.Signals): void;
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
  const timers = new Set<NodeJS.Timeout>();

  const start = (slot: number) => {
    const worker = cluster.fork(options.environment?.(slot) ?? {});
    closeWhatItNeverTook(worker);
    const startedMs = performance.now();
    const pid = worker.process.pid ?? 0;
    options.onWorker?.({ kind: 'started', slot, pid });
    worker.once('exit', (code, signal) => {
      options.onWorker?.({ kind: 'died', slot, pid, reason: signal ?? `code ${code}` });
      replace(slot, performance.now() - startedMs);
    });
  };
  const replace = (slot: number, livedMs: number) => {
    if (closing) return;
    replaced++;
    quickDeaths = livedMs < QUICK_DEATH_MS ? quickDeaths + 1 : 0;
    const pauseMs = quickDeaths === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, 100 * 2 ** quickDeaths);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!closing) start(slot);
    }, pauseMs);
    timers.add(timer);
  };
  for (let slot = 1; slot <= options.count; slot++) start(slot);

  const alive = () => Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker !== undefined && !worker.isDead());
  return {
    get pids() {
      return alive().flatMap((worker) => worker.process.pid ?? []);
    },
    get replaced() {
      return replaced;
    },
    signal: (name) => {
      for (const worker of alive()) worker.process.kill(name);
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

/** The part of cluster's messages that is looked at: `newconn` hands a connection to a worker, which answers with `ack`, the `seq` of that message. */
interface ClusterMessage {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

/**
 * Node keeps no account of connections that it is handing to a worker: when that one dies before it took them, they stay open and unanswered for ever.
 * They are closed here, so that their clients may ask again.
 */
function closeWhatItNeverTook(worker: Worker): void {
  const { process: child } = worker;
  const offered = new Map<number, { close(): void }>();
  const send = child.send.bind(child) as (...words: unknown[]) => boolean;
  const counted = (message: ClusterMessage, connection?: { close(): void }, ...rest: unknown[]): boolean => {
    if (message.act === 'newconn' && message.seq !== undefined && typeof connection?.close === 'function')
      offered.set(message.seq, connection);
    return send(message, connection, ...rest);
  };
  child.send = counted as typeof child.send;
  child.on('internalMessage', ({ ack }: ClusterMessage) => {
    if (ack !== undefined) offered.delete(ack);
  });
  child.once('exit', () => {
    for (const connection of offered.values()) connection.close();
    offered.clear();
  });
}
