import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const EVERY_BYTES = 8 * 1024 * 1024;
let bytesSince = 0;

/**
 * Tells that bytes of a body were passed on and are garbage now. V8 lets about 32 MiB of buffers wait for a collection, because a stream of them
 * makes few objects; a collection of the young generation after every 8 MiB (about 1 ms) keeps a transfer of any size small.
 */
export function streamed(bytes: number): void {
  bytesSince += bytes;
  if (bytesSince < EVERY_BYTES) return;
  bytesSince = 0;
  collectYoung?.({ type: 'minor' });
}

const collectYoung = youngCollector();

/** V8's own collector; undefined where the runtime does not give it away. */
function youngCollector(): ((options: { readonly type: 'minor' }) => void) | undefined {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  return typeof collect === 'function' ? (options) => void collect(options) : undefined;
}
