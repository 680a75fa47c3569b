/** A signal that ends after a time, or with another signal. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Did the time end it? */
  readonly isOver: boolean;
  /** Call it when the work is done: until then a timer waits. */
  clear(): void;
}

/**
 * As `AbortSignal.any([AbortSignal.timeout(ms), signal])`, which in Node 20 is collected as garbage while it is waited for and then never fires: a target
 * that sends a byte now and then would hold a scan for ever.
 */
export function deadline(timeoutMs: number, signal?: AbortSignal): Deadline {
  const controller = new AbortController();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    controller.abort(new Error(`no complete answer within ${timeoutMs} ms (timeout)`));
  }, timeoutMs);
  const stop = () => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return {
    signal: controller.signal,
    get isOver() {
      return isOver;
    },
    clear() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    },
  };
}
