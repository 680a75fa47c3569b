import { type MessagePort, parentPort } from 'node:worker_threads';
import type { Config } from '../config.js';
import { yieldToGateway } from './priority.js';
import { type FromThread, startFailed, type ToThread } from './threads.js';

/** A role that runs in a thread: what it tells when it is ready, and how it ends. */
export interface ThreadRole<Ready> {
  readonly ready: Ready;
  /** The other side of a stream was started again: a new consumer of what it publishes, or a new publisher of what it consumes. */
  reconnect?(port: MessagePort): void;
  /** The configuration was read again. Absent: what it takes of it stays as it is until the next start. */
  reload?(config: Config): void;
  close(): Promise<void>;
}

/**
 * The body of a thread's entry file: runs the role, reports, waits for the word to stop, closes and lets the thread end. `mayBeLate`: where there are fewer
 * cores than work, it comes behind the gateway.
 */
export async function runThread<Ready>(
  start: (log: (message: string) => void) => Promise<ThreadRole<Ready>>,
  { mayBeLate }: { readonly mayBeLate: boolean },
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this file runs in a worker thread only');
  const say = (message: FromThread<Ready>) => port.postMessage(message);
  try {
    const role = await start((message) => say({ kind: 'log', message }));
    port.on('message', (message: ToThread) => {
      if (message !== 'stop') {
        if (message.kind === 'reload') role.reload?.(message.config);
        else role.reconnect?.(message.port);
        return;
      }
      port.removeAllListeners('message');
      void role.close().finally(() => {
        say({ kind: 'closed' });
        process.exit(0);
      });
    });
    say({ kind: 'ready', ready: role.ready });
    // Only now: until all is ready nobody is served, and a start needs every thread.
    if (mayBeLate) yieldToGateway();
  } catch (error) {
    const { code, message, hint } = startFailed(error);
    say({ kind: 'failed', code, message, hint });
  }
}
