/** A thread that is started again when it is lost. */
import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config.js';
import type { RunningThread } from './threads.js';

export interface KeptThreadOptions<Ready> {
  /** For the log: `engine`. */
  readonly name: string;
  /** Starts the thread with everything it needs, anew at each call; `onLost` is for when it ends by itself later. */
  readonly begin: (onLost: (error: Error) => void) => Promise<RunningThread<Ready>>;
  readonly log: (message: string) => void;
  /** First pause before a new start; it doubles while the thread is lost again soon. Default 250 ms. */
  readonly pauseMs?: number;
  /** Longest pause. Default 30 s. */
  readonly mostPauseMs?: number;
  /** A thread that ran this long was well: the next pause is the first again. Default 60 s. */
  readonly wellAfterMs?: number;
}

export interface KeptThread<Ready> {
  /** What the thread said of itself at its last good start. */
  readonly ready: Ready;
  /** How often it was lost. */
  readonly lost: number;
  /** False between a loss and the next good start. */
  readonly running: boolean;
  /**
   * Joins the thread to one at the other end of a stream, which was started again. While it is itself being started the port waits; one that comes
   * before is closed, since `begin` makes its own.
   */
  reconnect(port: MessagePort): void;
  /** Hands a configuration that was read again to the thread that runs now; `begin` gives it to later ones. */
  reload(config: Config): void;
  stop(timeoutMs: number): Promise<void>;
}

/** Starts it; rejects with the error of the first start. Later losses are logged, counted, and mended after a pause. */
export async function keepThread<Ready>(options: KeptThreadOptions<Ready>): Promise<KeptThread<Ready>> {
  const { name, begin, log, pauseMs = 250, mostPauseMs = 30_000, wellAfterMs = 60_000 } = options;
  let lost = 0;
  let stopped = false;
  let nextPauseMs = pauseMs;
  let timer: NodeJS.Timeout | null = null;
  let startedAtMs = performance.now();
  let current: RunningThread<Ready> | null = null;
  let ready: Ready;
  const waiting: MessagePort[] = [];
  let starting: Promise<unknown> | null = null;

  const onLost = (error: Error): void => {
    current = null;
    if (stopped) return;
    lost++;
    if (performance.now() - startedAtMs >= wellAfterMs) nextPauseMs = pauseMs;
    log(`the ${name} was lost: ${error.message}; the gateway goes on with what it has, and a new ${name} starts in ${nextPauseMs} ms`);
    timer = setTimeout(again, nextPauseMs);
    nextPauseMs = Math.min(nextPauseMs * 2, mostPauseMs);
  };
  const again = (): void => {
    timer = null;
    startedAtMs = performance.now();
    for (const port of waiting.splice(0)) port.close();
    starting = begin(onLost).then(
      (thread) => {
        current = thread;
        ready = thread.ready;
        for (const port of waiting.splice(0)) thread.reconnect(port);
        log(`the ${name} runs again`);
      },
      (error: unknown) => onLost(error instanceof Error ? error : new Error(String(error))),
    );
  };

  current = await begin(onLost);
  ready = current.ready;
  return {
    get ready() {
      return ready;
    },
    get lost() {
      return lost;
    },
    get running() {
      return current !== null;
    },
    reconnect(port) {
      if (current === null) waiting.push(port);
      else current.reconnect(port);
    },
    reload: (config) => current?.reload(config),
    async stop(timeoutMs) {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      await starting;
      for (const port of waiting) port.close();
      await current?.stop(timeoutMs);
    },
  };
}
