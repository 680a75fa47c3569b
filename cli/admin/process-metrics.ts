import type { ProcessStatus } from '../shared-maps.js';

/** What goes up and down; all other numbers of a process only go up. */
const GAUGES = new Set([
  'exchangesPerSecond',
  'encryptedShare',
  'openFlows',
  'bufferedBytes',
  'connectionsOpen',
  'engineRunning',
  'streamBacklog',
  'streamLagMs',
  'stream.backlog',
  'stream.lagMs',
  'stream.filled',
  'uncommittedMs',
  'waitingForAssessment',
  'seenTwiceLastMinute',
  'inventory.endpoints',
]);
/** What a learner holds is a gauge, but for what it had to let go or pass over. */
const HELD = /^(?:ownership|detectors)\.(?!forgotten|failures|joins|unjudged)/;

const isGauge = (name: string): boolean => GAUGES.has(name) || HELD.test(name);

const MEANT: Readonly<Record<ProcessStatus['role'], string>> = {
  gateway: 'What a gateway counts beside its requests: what it handed to the stream, what was dropped and why, verdicts held back',
  engine: 'What an engine counts: exchanges, second looks left out, what it forgot, what failed',
  sensor: 'Packets, bytes and messages of a sensor, by the counter that they ended in',
  admin: 'What the admin process delivers: notices, retries, what was given up',
};

/**
 * The numbers with which a process reports itself, in the text format of Prometheus: `weir_ROLE_total{ROLE="ID",counter="NAME"}` for what only goes up, `weir_ROLE_now` for
 * rates and holdings, and `weir_capture_total` for each place that a sensor listens to.
 */
export function processMetrics(id: string, { role, counters, sources }: ProcessStatus): string {
  const label = `${role}=${JSON.stringify(id)}`;
  const total = `weir_${role}_total`;
  const now = `weir_${role}_now`;
  const numbers = Object.entries(counters);
  const captures = (sources ?? []).flatMap((one) =>
    Object.entries(one.counters).map(
      ([name, value]) => `weir_capture_total{${label},capture=${JSON.stringify(`${one.kind} ${one.name}`)},counter="${name}"} ${value}`,
    ),
  );
  return [
    ...family(
      total,
      'counter',
      MEANT[role],
      numbers.flatMap(([name, value]) => (isGauge(name) ? [] : [`${total}{${label},counter="${name}"} ${value}`])),
    ),
    ...family(
      now,
      'gauge',
      'Rates and holdings of a process; encryptedShare is the part of the bytes that is TLS, 0-1',
      numbers.flatMap(([name, value]) => (isGauge(name) ? [`${now}{${label},name="${name}"} ${value}`] : [])),
    ),
    ...family('weir_capture_total', 'counter', 'What came from each place that a sensor listens to', captures),
    '',
  ].join('\n');
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly string[]): string[] {
  return samples.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}
