/** Lines remembered at most; more different ones than this within the pause are a flood, in which an echo does not matter. */
const REMEMBERED = 100;

/**
 * A log that leaves out what was said word for word within the last `pauseMs`: gateway, engine and admin of one program read the same files, and each
 * says what is wrong with them.
 */
export function withoutEchoes(
  log: (message: string) => void,
  pauseMs = 5_000,
  now: () => number = () => performance.now(),
): (message: string) => void {
  const saidAtMs = new Map<string, number>();
  return (message) => {
    const nowMs = now();
    const before = saidAtMs.get(message);
    if (before !== undefined && nowMs - before < pauseMs) return;
    if (saidAtMs.size >= REMEMBERED) saidAtMs.clear();
    saidAtMs.set(message, nowMs);
    log(message);
  };
}
