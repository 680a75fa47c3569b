import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ApiCounters } from './api.js';
import type { Context } from './context.js';

/** Prometheus metrics of the admin process and, through the sources port, of what feeds weir. */
export function createMetrics(context: Context): { readonly counters: ApiCounters; text(): Promise<string>; readonly contentType: string } {
  const registry = new Registry();
  const requests = new Counter({
    name: 'weir_admin_requests_total',
    help: 'Calls of the admin API',
    labelNames: ['operation', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'weir_admin_request_seconds',
    help: 'Time to answer, by operation',
    labelNames: ['operation'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
    registers: [registry],
  });
  const live = new Gauge({ name: 'weir_admin_live_listeners', help: 'Open live views', registers: [registry] });
  const bytes = new Gauge({ name: 'weir_store_bytes', help: 'Bytes the store takes', registers: [registry] });
  const swept = new Gauge({
    name: 'weir_store_swept_rows',
    help: 'Rows removed by retention so far',
    labelNames: ['kind'],
    registers: [registry],
  });
  const openIssues = new Gauge({ name: 'weir_issues', help: 'Issues', labelNames: ['severity', 'status'], registers: [registry] });
  const lag = new Gauge({
    name: 'weir_source_lag_seconds',
    help: 'Age of the oldest exchange not yet learned',
    labelNames: ['source'],
    registers: [registry],
  });
  const dropped = new Gauge({
    name: 'weir_source_dropped_total',
    help: 'Exchanges dropped, by reason',
    labelNames: ['source', 'reason'],
    registers: [registry],
  });
  return {
    counters: {
      record(operation, status, took) {
        requests.inc({ operation, status });
        seconds.observe({ operation }, took);
      },
    },
    contentType: registry.contentType,
    async text() {
      live.set(context.live.listeners);
      const usage = await context.store.usage();
      bytes.set(usage.bytes);
      for (const [kind, rows] of Object.entries(usage.tallies)) swept.set({ kind }, rows);
      openIssues.reset();
      for (const { severity, status, count } of await context.store.issues.counts()) openIssues.inc({ severity, status }, count);
      for (const source of context.ports.sources?.list() ?? []) {
        lag.set({ source: source.id }, source.lagMs / 1000);
        for (const [reason, count] of Object.entries(source.droppedBy)) dropped.set({ source: source.id, reason }, count);
      }
      return mergeTexts([await registry.metrics(), ...(context.ports.sources?.metrics?.() ?? [])]);
    },
  };
}

/** Prometheus texts as one: a metric's HELP and TYPE stand once, above the samples of all. */
function mergeTexts(texts: readonly string[]): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  for (const text of texts) {
    let family = '';
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const head = /^# (?:HELP|TYPE) (\S+)/.exec(line);
      if (head !== null) family = head[1];
      const one = families.get(family) ?? { head: [], samples: [] };
      families.set(family, one);
      if (head === null) one.samples.push(line);
      else if (!one.head.some((known) => known.split(' ', 3).join(' ') === line.split(' ', 3).join(' '))) one.head.push(line);
    }
  }
  return `${[...families.values()].flatMap((one) => [...one.head, ...one.samples]).join('\n')}\n`;
}
