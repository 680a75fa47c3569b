import { useSyncExternalStore } from 'react';
import { ago, dateTime, utc } from '../words.ts';

const TICK_MS = 5_000;
const watchers = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;
function watch(watcher: () => void) {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const one of watchers) one();
  }, TICK_MS);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** One clock for all relative times of the page. */
export const useNowMs = () => useSyncExternalStore(watch, () => now);

/** A time in the person's zone; UTC on hover. */
export function Time({ ms, relative = true }: { readonly ms: number | null; readonly relative?: boolean }) {
  const nowMs = useNowMs();
  if (ms === null || ms === 0) return <span className="dimmed">never</span>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={`${dateTime(ms)}\n${utc(ms)}`} className="nowrap">
      {relative ? ago(ms, Math.max(nowMs, ms <= Date.now() ? ms : nowMs)) : dateTime(ms)}
    </time>
  );
}
