import { setTimeout as delay } from 'node:timers/promises';
import type { ServicesPort, SourcesPort, SourceView } from '../../admin/index.js';
import { newId } from '../../exchange/index.js';
import type { Config } from '../config.js';
import type { ProcessStatus, SharedMaps } from '../shared-maps.js';
import { processMetrics } from './process-metrics.js';

/** A process that was silent for this long is shown as such before its status expires. */
const SILENT_AFTER_MS = 4_000;
/** A process that has lost nothing for this long is well again; the number of what it lost since its start stays. */
const DROPPED_LATELY_MS = 5 * 60_000;
/** A driver listens within this time, also on a busy machine, or there is no sensor at all. */
const LISTEN_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 50;
/** What a page shows is older than people take for live. */
const LATE_MS = 5_000;

/** Services as gateways report them, with what the configuration of this process adds, and their modes. */
export function servicesPort(config: Config, maps: SharedMaps): ServicesPort {
  const reported = () => [...maps.status.entries()].flatMap((entry) => entry.value.services ?? []);
  return {
    list() {
      const services = new Map<string, { name: string; upstreams: readonly string[]; hosts: readonly string[] }>();
      for (const { name, upstreams, hosts } of config.services) services.set(name, { name, upstreams, hosts });
      for (const { name, upstreams, hosts } of reported()) services.set(name, { name, upstreams: upstreams.map((one) => one.url), hosts });
      return [...services.values()];
    },
    mode(service) {
      const set = maps.modes.get(service);
      if (set !== undefined) return { request: set.request, response: set.response };
      const seen = reported().find((one) => one.name === service);
      return seen?.mode ?? { request: config.mode, response: config.mode };
    },
    setMode: (service, mode, by) => maps.modes.set(service, { ...mode, by, atMs: Date.now() }),
  };
}

/** An address at which a live gateway takes requests for a service, and the Host header that leads there. */
export function gatewayOf(maps: SharedMaps, service: string): { readonly url: string; readonly host: string | null } | null {
  for (const { value } of maps.status.entries()) {
    const served = value.role === 'gateway' ? value.services?.find(({ name }) => name === service) : undefined;
    const address = served === undefined ? undefined : value.addresses.find((one) => one.startsWith('http://'));
    if (served === undefined || address === undefined) continue;
    const url = address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
    return { url, host: served.hosts.find((one) => !one.includes('*')) ?? null };
  }
  return null;
}

type Import = SourcesPort['importTraffic'];
type SelfTests = Pick<SourcesPort, 'startSelfTest' | 'selfTest'>;

/** A process as it was when it was looked at last, for what is counted over time. */
interface Before {
  readonly atMs: number;
  readonly exchanges: number;
  readonly perSecond: number;
  readonly dropped: number;
  /** When its drops were seen to have grown. */
  readonly droppedAtMs: number | null;
}

/** Gateways, sensors and engines as they report themselves. */
export function sourcesPort(maps: SharedMaps, importTraffic: Import, selfTests: SelfTests, nowMs: () => number = Date.now): SourcesPort {
  const before = new Map<string, Before>();
  const follow = (id: string, status: ProcessStatus): Before => {
    const exchanges = status.counters.teePublished ?? status.counters.exchanges ?? 0;
    const dropped = droppedOf(status);
    const last = before.get(id);
    if (last !== undefined && status.atMs - last.atMs < 500) return last;
    const perSecond = last === undefined ? 0 : Math.max(0, ((exchanges - last.exchanges) * 1000) / (status.atMs - last.atMs));
    const isMore = dropped > (last?.dropped ?? 0);
    const next = { atMs: status.atMs, exchanges, perSecond, dropped, droppedAtMs: isMore ? status.atMs : (last?.droppedAtMs ?? null) };
    before.set(id, next);
    return next;
  };
  return {
    list: () => [...maps.status.entries()].map(({ key, value }) => sourceView(key, value, follow(key, value), nowMs())),
    metrics: () => [
      ...[...maps.metrics.entries()].map(({ key, value }) => withInstance(value.text, key)),
      ...[...maps.status.entries()].map(({ key, value }) => processMetrics(key, value)),
    ],
    sensor: () => ({ sources: maps.sensor.get('sources')?.sources ?? [] }),
    async setSensor({ sources }) {
      const revision = newId();
      await maps.sensor.set('sources', { sources, revision });
      if (sources.length > 0) await listening(maps, revision);
    },
    importTraffic,
    ...selfTests,
  };
}

/**
 * Waits until every sensor that is alive listens to this setting or says why it cannot, so that gateways may stop to record without a gap. One that was
 * never needed starts first.
 */
async function listening(maps: SharedMaps, revision: string): Promise<void> {
  const untilMs = performance.now() + LISTEN_WITHIN_MS;
  const isListening = ({ value }: { readonly value: ProcessStatus }): boolean =>
    value.revision === revision && (value.sources ?? []).every(({ state }) => state !== 'starting');
  while (performance.now() < untilMs) {
    const sensors = [...maps.status.entries()].filter(({ value }) => value.role === 'sensor');
    if (sensors.length > 0 && sensors.every(isListening)) return;
    await delay(LOOK_EVERY_MS);
  }
}

const droppedOf = ({ counters }: ProcessStatus): number =>
  (counters.teeDropped ?? 0) + (counters.droppedByKernel ?? 0) + (counters.overloaded ?? 0) + (counters['stream.dropped'] ?? 0);

function sourceView(id: string, status: ProcessStatus, { perSecond, droppedAtMs }: Before, nowMs: number): SourceView {
  const droppedBy = Object.fromEntries(
    Object.entries(status.counters).filter(
      ([name, value]) => value > 0 && /[dD]rop|malformed|skipped|[eE]victed|overloaded|failedExchanges/.test(name),
    ),
  );
  const dropped = droppedOf(status);
  const isDropping = droppedAtMs !== null && nowMs - droppedAtMs < DROPPED_LATELY_MS;
  const problems = [
    ...(status.configProblem == null
      ? []
      : [`The configuration as it was read last is not in force, the last good one is:\n${status.configProblem}`]),
    ...(status.sources ?? []).flatMap((source) => (source.problem === null ? [] : [source.problem])),
    ...(status.policies?.stale ?? []).map((one) => `${one.file}:${one.line}:${one.column} ${one.message}`),
  ];
  const seenTwice = status.counters.seenTwiceLastMinute ?? 0;
  if (seenTwice > 0)
    problems.push(
      `${seenTwice} exchanges of the last minute came from a gateway and from a sensor; each was counted once. Mirror only what does not pass the gateway.`,
    );
  const lagMs = status.counters.streamLagMs ?? status.counters['stream.lagMs'] ?? 0;
  if (lagMs > LATE_MS) problems.push(`It is ${Math.round(lagMs / 1000)} s behind the traffic.`);
  const isSilent = nowMs - status.atMs > SILENT_AFTER_MS;
  return {
    id,
    kind: status.role,
    host: status.addresses.join(', '),
    version: status.version,
    state: isSilent ? 'silent' : problems.length > 0 || isDropping ? 'degraded' : 'ok',
    startedAtMs: status.startedAtMs,
    seenAtMs: status.atMs,
    requestsPerSecond: perSecond,
    lagMs,
    dropped,
    droppedBy,
    counters: status.counters,
    problem: problems.length === 0 ? null : problems.join('\n'),
    detail: { sources: status.sources ?? [], services: status.services ?? [] },
  };
}

/** The same samples with the gateway's id as a label, so that several gateways stay apart. */
function withInstance(text: string, id: string): string {
  return text
    .split('\n')
    .map((line) =>
      line === '' || line.startsWith('#')
        ? line
        : line.includes('{')
          ? line.replace('{', `{gateway="${id}",`)
          : line.replace(' ', `{gateway="${id}"} `),
    )
    .join('\n');
}
