import type { QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { isReadAgain, readAgain } from './queries.ts';

export type LiveState = 'connecting' | 'live' | 'away';

interface Notice {
  readonly seq: number;
  readonly topic: string;
  readonly change: string;
  readonly id: string;
}

/** Which lists (first parts of query keys) to read again for a topic. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  traffic: ['overview', 'services', 'endpoint-traffic', 'sources', 'policies'],
  endpoints: ['endpoints', 'overview', 'changes', 'services'],
  issues: ['issues', 'overview'],
  actors: ['actors', 'overview'],
  blocks: ['blocks', 'actors'],
  policies: ['policies'],
  services: ['services', 'overview'],
  scans: ['scans'],
  sources: ['sources'],
  settings: ['settings'],
};
const GATHER_MS = 250;
const COME_BACK_MS = 1_500;

let state: LiveState = 'connecting';
const watchers = new Set<() => void>();
function become(next: LiveState): void {
  if (next === state) return;
  state = next;
  for (const watcher of watchers) watcher();
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => state,
  );
}

/** Listens to weir's notices and marks what they are about as stale. After a break everything is read again. Returns how to stop. */
export function listen(client: QueryClient): () => void {
  const stale = new Set<string>();
  let source: EventSource | null = null;
  let gather: ReturnType<typeof setTimeout> | null = null;
  let comeBack: ReturnType<typeof setTimeout> | null = null;
  let lastSeq: number | null = null;
  let wasAway = false;

  const refresh = () => {
    gather = null;
    const keys = [...stale];
    stale.clear();
    void readAgain(client, (query) => keys.includes(String(query.queryKey[0])) && isReadAgain(query));
  };
  const take = (event: MessageEvent<string>) => {
    const notice = JSON.parse(event.data) as Notice;
    lastSeq = notice.seq;
    for (const key of LISTS[notice.topic] ?? []) stale.add(key);
    gather ??= setTimeout(refresh, GATHER_MS);
  };
  const open = () => {
    comeBack = null;
    source = new EventSource(`/api/v1/live${lastSeq === null ? '' : `?lastEventId=${lastSeq}`}`);
    source.onopen = () => {
      become('live');
      if (wasAway) void client.invalidateQueries();
      wasAway = false;
    };
    source.onerror = () => {
      // The browser's own reconnection gives up for good on an answer that is no stream; ours does not.
      source?.close();
      wasAway = true;
      become('away');
      comeBack ??= setTimeout(open, COME_BACK_MS);
    };
    for (const topic of Object.keys(LISTS)) source.addEventListener(topic, take);
  };
  open();
  return () => {
    source?.close();
    if (gather !== null) clearTimeout(gather);
    if (comeBack !== null) clearTimeout(comeBack);
    state = 'connecting';
  };
}
