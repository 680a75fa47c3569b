/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const first = () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.off(signal, first);
        process.on(signal, () => process.exit(130));
      }
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, first);
  });
}
