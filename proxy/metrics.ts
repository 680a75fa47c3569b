import type { GatewayCore } from './core.js';
import { type Counters, LATENCY_BOUNDS_S } from './counters.js';
import type { GatewayPorts } from './ports.js';
import type { Service } from './services.js';

/** What is counted about the traffic, and what is asked when it is read. */
interface Counted {
  readonly counters: Counters;
  readonly ports: Pick<GatewayPorts, 'accessLog' | 'policies'>;
  readonly services: readonly Service[];
}

/** The counters of a gateway in Prometheus' text format (version 0.0.4). */
export function gatewayMetrics(core: GatewayCore): string {
  return countersText({ counters: core.counters, ports: core.ports, services: core.router.services });
}

/** As `gatewayMetrics`, of anything that counts: without services there are no upstreams to tell of. */
export function countersText({ counters, ports, services }: Counted): string {
  const out: string[] = [];
  const family = (name: string, kind: 'counter' | 'gauge' | 'histogram', help: string) =>
    out.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
  const line = (name: string, labels: Readonly<Record<string, string>>, value: number) => {
    const text = Object.entries(labels)
      .map(([label, content]) => `${label}="${escapeLabel(content)}"`)
      .join(',');
    out.push(`${name}${text === '' ? '' : `{${text}}`} ${value}`);
  };

  family('weir_gateway_requests_total', 'counter', 'Requests answered, by service and class of status.');
  for (const [service, one] of counters.services) {
    one.statuses.forEach((count, digit) => {
      if (count > 0) line('weir_gateway_requests_total', { service, status: digit === 0 ? 'none' : `${digit}xx` }, count);
    });
  }
  family('weir_gateway_request_seconds', 'histogram', 'From the request head to the last byte of the answer.');
  for (const [service, one] of counters.services) {
    let sum = 0;
    LATENCY_BOUNDS_S.forEach((bound, index) => {
      sum += one.latency[index];
      line('weir_gateway_request_seconds_bucket', { service, le: String(bound) }, sum);
    });
    line('weir_gateway_request_seconds_bucket', { service, le: '+Inf' }, one.requests);
    line('weir_gateway_request_seconds_sum', { service }, one.latencySumMs / 1000);
    line('weir_gateway_request_seconds_count', { service }, one.requests);
  }
  family('weir_gateway_upgrades_total', 'counter', 'Connections upgraded (WebSocket and others).');
  for (const [service, one] of counters.services) line('weir_gateway_upgrades_total', { service }, one.upgrades);
  family('weir_gateway_websocket_messages_total', 'counter', 'WebSocket messages recorded.');
  for (const [service, one] of counters.services) line('weir_gateway_websocket_messages_total', { service }, one.webSocketMessages);
  family('weir_gateway_body_bytes_total', 'counter', 'Bytes of bodies, by direction.');
  for (const [service, one] of counters.services) {
    line('weir_gateway_body_bytes_total', { service, direction: 'request' }, one.requestBytes);
    line('weir_gateway_body_bytes_total', { service, direction: 'response' }, one.responseBytes);
  }
  family('weir_gateway_retries_total', 'counter', 'Requests tried again on an upstream.');
  for (const [service, one] of counters.services) line('weir_gateway_retries_total', { service }, one.retries);

  family(
    'weir_gateway_trailers_dropped_total',
    'counter',
    'Trailer fields that did not go on: not allowed behind a body, or no way for them.',
  );
  for (const [service, one] of counters.services) {
    line('weir_gateway_trailers_dropped_total', { service, direction: 'request' }, one.requestTrailersDropped);
    line('weir_gateway_trailers_dropped_total', { service, direction: 'response' }, one.answerTrailersDropped);
  }

  family('weir_gateway_faults_total', 'counter', 'Requests, connections and upstreams that failed, by code.');
  for (const [code, count] of Object.entries(counters.faults)) line('weir_gateway_faults_total', { code }, count);
  family('weir_gateway_decisions_total', 'counter', 'Decisions of policies, by action, and whether they acted.');
  for (const [action, { acted, would }] of Object.entries(counters.decisions)) {
    line('weir_gateway_decisions_total', { action, acted: 'true' }, acted);
    line('weir_gateway_decisions_total', { action, acted: 'false' }, would);
  }
  single(counters, family, line);

  family('weir_gateway_upstream_up', 'gauge', '1 when requests may go to the upstream.');
  family('weir_gateway_upstream_inflight', 'gauge', 'Requests in progress.');
  const nowMs = performance.now();
  for (const service of services) {
    for (const upstream of service.upstreams.upstreams) {
      const labels = { service: service.name, upstream: upstream.url };
      line('weir_gateway_upstream_up', labels, upstream.healthy && upstream.ejectedUntilMs <= nowMs ? 1 : 0);
      line('weir_gateway_upstream_inflight', labels, upstream.inflight);
    }
  }
  const log = ports.accessLog?.stats();
  if (log !== undefined) {
    family('weir_gateway_access_log_lines_total', 'counter', 'Lines written to the access log.');
    line('weir_gateway_access_log_lines_total', {}, log.written);
    family('weir_gateway_access_log_dropped_total', 'counter', 'Lines dropped because the log could not keep up.');
    line('weir_gateway_access_log_dropped_total', {}, log.dropped);
  }
  rules(ports, family, line);
  return `${out.join('\n')}\n`;
}

type Family = (name: string, kind: 'counter' | 'gauge' | 'histogram', help: string) => void;
type Line = (name: string, labels: Readonly<Record<string, string>>, value: number) => void;

function single(counters: Counters, family: Family, line: Line): void {
  const values: readonly (readonly [string, 'counter' | 'gauge', string, number])[] = [
    ['weir_gateway_connections_total', 'counter', 'Client connections accepted.', counters.connections],
    ['weir_gateway_connections_open', 'gauge', 'Client connections open now.', counters.connectionsOpen],
    ['weir_gateway_blocklist_acted_total', 'counter', 'Requests stopped by the blocklist.', counters.blocklistActed],
    [
      'weir_gateway_blocklist_repeats_total',
      'counter',
      'Of those, answered and logged, not recorded: more than ten a second of one client.',
      counters.blocklistRepeats,
    ],
    ['weir_gateway_blocklist_would_act_total', 'counter', 'Requests the blocklist would have stopped.', counters.blocklistWouldAct],
    ['weir_gateway_own_answers_total', 'counter', 'OPTIONS that the gateway answered itself: `*`, or no hops left.', counters.ownAnswers],
    ['weir_gateway_tee_drops_total', 'counter', 'Exchanges that were not recorded because the stream was full.', counters.teeDrops],
    ['weir_gateway_body_overflows_total', 'counter', 'Bodies larger than a blocking rule inspects.', counters.overflows],
    ['weir_gateway_tarpits_full_total', 'counter', 'Tarpits that were skipped because too many were waiting.', counters.tarpitsFull],
    [
      'weir_gateway_learning_waits_total',
      'counter',
      'Requests that waited because what their callers did just before was still being learned and decides whether they pass.',
      counters.learningWaits,
    ],
    ['weir_gateway_learning_wait_seconds_total', 'counter', 'How long they waited in all.', counters.learningWaitedMs / 1000],
    [
      'weir_gateway_learning_waits_late_total',
      'counter',
      'Of them, judged when the time was over and it was not learned.',
      counters.learningWaitsLate,
    ],
    ['weir_gateway_learning_waits_full_total', 'counter', 'Requests that did not wait because too many did.', counters.learningWaitsFull],
    ['weir_gateway_reloads_total', 'counter', 'Configurations applied while running.', counters.reloads],
  ];
  for (const [name, kind, help, value] of values) {
    family(name, kind, help);
    line(name, {}, value);
  }
  family('weir_gateway_port_failures_total', 'counter', 'Calls of other parts of weir that threw, by part.');
  for (const [port, count] of Object.entries(counters.portFailures)) line('weir_gateway_port_failures_total', { port }, count);
}

function rules(ports: Counted['ports'], family: Family, line: Line): void {
  const stats = ports.policies().stats();
  if (stats.length === 0) return;
  const families: readonly (readonly [string, string, (one: (typeof stats)[number]) => number])[] = [
    ['weir_rule_evaluations_total', 'Evaluations of a rule.', (one) => one.evaluations],
    ['weir_rule_hits_total', 'Times a rule fired.', (one) => one.hits],
    ['weir_rule_would_act_total', 'Times a rule would have acted.', (one) => one.wouldAct],
    ['weir_rule_errors_total', 'Times a rule threw.', (one) => one.errors],
    ['weir_rule_seconds_total', 'Time spent in a rule.', (one) => one.totalNs / 1e9],
  ];
  for (const [name, help, value] of families) {
    family(name, 'counter', help);
    for (const one of stats) line(name, { policy: one.policy, rule: one.rule }, value(one));
  }
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
