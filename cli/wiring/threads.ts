/** Threads of one `weir up`: how they are started, what they are handed, what they say. */
import { type MessagePort, type TransferListItem, Worker } from 'node:worker_threads';
import { WeirError } from '../../exchange/index.js';
import type { Config } from '../config.js';

/** What every thread gets. Ports are transferred: a thread owns its end. */
export interface ThreadData {
  readonly config: Config;
  readonly secret: string;
  readonly version: string;
  readonly sharedPort: MessagePort;
}

export interface EngineThreadData extends ThreadData {
  /** One a publisher: gateway, admin (imports), sensor. */
  readonly trafficPorts: readonly MessagePort[];
  readonly ownershipPort: MessagePort;
}

export interface AdminThreadData extends ThreadData {
  readonly importPort: MessagePort;
}

export interface SensorThreadData extends ThreadData {
  readonly trafficPort: MessagePort;
}

export type ToThread =
  | 'stop'
  | { readonly kind: 'reconnect'; readonly port: MessagePort }
  | { readonly kind: 'reload'; readonly config: Config };

export type FromThread<Ready> =
  | { readonly kind: 'ready'; readonly ready: Ready }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint?: string }
  | { readonly kind: 'log'; readonly message: string }
  | { readonly kind: 'closed' };

export interface RunningThread<Ready> {
  readonly ready: Ready;
  /** Joins the thread to one at the other end of a stream, which was started again. The port is transferred. */
  reconnect(port: MessagePort): void;
  /** The configuration was read again. */
  reload(config: Config): void;
  /** Asks the thread to finish; resolves when it has, or when it is cut after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/** Starts a thread and resolves when it says that it is ready. Rejects with the thread's own error. `onLost` is told when it ends by itself later. */
export function startThread<Ready>(
  entry: URL,
  data: ThreadData,
  transfer: readonly TransferListItem[],
  tell: { readonly log: (message: string) => void; readonly onLost: (error: Error) => void },
): Promise<RunningThread<Ready>> {
  const worker = new Worker(entry, { workerData: data, transferList: [...transfer] });
  const say = (message: ToThread, ports: readonly MessagePort[] = []) => worker.postMessage(message, ports);
  let stopping = false;
  return new Promise((resolve, reject) => {
    let isLost = false;
    let onLost = (error: Error) => reject(startFailed(error));
    // An error ends the thread, so both are heard of; the first says why.
    const lost = (error: Error) => {
      if (isLost) return;
      isLost = true;
      onLost(error);
    };
    const closed = new Promise<void>((done) => {
      worker.on('exit', (code) => {
        done();
        if (!stopping) lost(new Error(`the thread ended with code ${code}`));
      });
    });
    worker.on('error', (error: Error) => lost(error));
    worker.on('message', (message: FromThread<Ready>) => {
      if (message.kind === 'log') tell.log(message.message);
      else if (message.kind === 'failed') {
        stopping = true;
        void worker.terminate();
        reject(new WeirError(message.code, message.message, { hint: message.hint }));
      } else if (message.kind === 'ready') {
        onLost = tell.onLost;
        resolve({
          ready: message.ready,
          reconnect: (port) => say({ kind: 'reconnect', port }, [port]),
          reload: (config) => say({ kind: 'reload', config }),
          async stop(timeoutMs) {
            stopping = true;
            say('stop');
            const timer = setTimeout(() => void worker.terminate(), timeoutMs);
            await closed;
            clearTimeout(timer);
          },
        });
      }
    });
  });
}

/** An error that no code of ours foresaw: one line for the person who starts weir, the stack for who mends it. */
export function startFailed(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const shown = process.env.WEIR_DEBUG === '1' && stack !== undefined ? stack : message.split('\n')[0];
  return new WeirError('START_FAILED', `weir could not start: ${shown}`, {
    hint: 'Start it with WEIR_DEBUG=1 to see where this comes from.',
    cause: error,
  });
}
