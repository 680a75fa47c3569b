import { SEVERITIES } from '../../exchange/index.js';
import { isLive, type Service } from '../../store/index.js';
import type { Context } from '../context.js';
import type { SourceView } from '../ports.js';
import { type Route, route } from '../route.js';
import { spanQuery } from '../schema/common.js';
import { overview } from '../schema/operations.js';
import { spanOf, sumOf } from './span.js';

const HOUR_MS = 3_600_000;

function whyNotOk(source: SourceView): string {
  const who = source.kind === source.id ? `the ${source.kind}` : `${source.kind} ${source.id}`;
  if (source.state === 'silent') return `${who} has not reported lately`;
  return `${who}: ${source.problem ?? `${source.dropped.toLocaleString('en')} dropped`}`;
}

/** Names of services: configured ones and those that were only ever seen. */
export async function serviceNames(
  context: Context,
): Promise<{ readonly names: readonly string[]; readonly seen: ReadonlyMap<string, Service> }> {
  const seen = new Map((await context.store.inventory.services()).map((service) => [service.name, service]));
  const names = new Set([...context.ports.services.list().map((service) => service.name), ...seen.keys()]);
  return { names: [...names].sort(), seen };
}

export const overviewRoutes: readonly Route[] = [
  route({
    id: 'overview.get',
    method: 'GET',
    path: '/overview',
    summary: 'The state of everything, for one span of time',
    role: 'viewer',
    query: spanQuery.strict(),
    answer: overview,
    async handle({ query }, call, context) {
      const span = spanOf(query, call.nowMs);
      const { inventory, issues, actors } = context.store;
      const { names } = await serviceNames(context);
      const [traffic, total, added, newest, counts, topActors, sensitiveData] = await Promise.all([
        inventory.serviceTraffic(null, span.fromMs, span.toMs, span.stepMs),
        inventory.count({}),
        inventory.count({ firstSeenAfterMs: span.fromMs }),
        inventory.list({ firstSeenAfterMs: span.fromMs }, { sort: '-firstSeen', limit: 10 }),
        issues.counts(),
        actors.list({ seenAfterMs: span.fromMs }, { sort: '-score', limit: 10 }),
        inventory.dataTotals({ fromMs: span.fromMs }),
      ]);
      const live = counts.filter((count) => isLive(count.status));
      const services = await Promise.all(
        names.map(async (name) => {
          const sum = sumOf(await inventory.serviceTraffic(name, span.fromMs, span.toMs, 24 * HOUR_MS));
          const openIssues = live.filter((count) => count.service === name).reduce((all, count) => all + count.count, 0);
          return {
            name,
            mode: context.ports.services.mode(name),
            requests: sum.requests,
            blocked: sum.blocked,
            wouldBlock: sum.wouldBlock,
            openIssues,
          };
        }),
      );
      const totals = sumOf(traffic);
      const sources = context.ports.sources?.list() ?? [];
      const dropped = sources.reduce((sum, source) => sum + source.dropped, 0);
      const lagMs = Math.max(0, ...sources.map((source) => source.lagMs));
      const silent = sources.filter((source) => source.state === 'silent').length;
      const matched = totals.requests - totals.unmatched;
      return {
        ...span,
        traffic,
        totals,
        services,
        endpoints: { total, added },
        newEndpoints: newest.items.map(({ id, service, method, template, firstSeenMs, risk }) => ({
          id,
          service,
          method,
          template,
          firstSeenMs,
          risk,
        })),
        openIssues: SEVERITIES.map((severity) => ({
          severity,
          count: live.filter((count) => count.severity === severity).reduce((all, count) => all + count.count, 0),
        })),
        topActors: topActors.items,
        sensitiveData,
        coverage: {
          matched,
          unmatched: totals.unmatched,
          percent: totals.requests === 0 ? null : Math.round((matched / totals.requests) * 1000) / 10,
        },
        health: {
          state: silent > 0 || sources.some((source) => source.state !== 'ok') ? ('degraded' as const) : ('ok' as const),
          dropped,
          lagMs,
          sources: sources.length,
          silentSources: silent,
          reasons: sources.filter((source) => source.state !== 'ok').map(whyNotOk),
          text: `${dropped.toLocaleString('en')} dropped, stream lag ${(lagMs / 1000).toFixed(1)} s`,
        },
      };
    },
  }),
];
