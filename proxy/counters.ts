import { FAULT_CODES, type FaultCode } from './errors.js';

/** Upper bounds of the latency histogram, seconds. */
export const LATENCY_BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Counters of one service. */
export class ServiceCounters {
  requests = 0;
  /** By first digit of the status: index 1–5; 0: no answer. */
  readonly statuses = [0, 0, 0, 0, 0, 0];
  readonly latency = new Float64Array(LATENCY_BOUNDS_S.length + 1);
  latencySumMs = 0;
  upgrades = 0;
  webSocketMessages = 0;
  retries = 0;
  /** Trailer fields that came and did not go on. */
  requestTrailersDropped = 0;
  answerTrailersDropped = 0;
  requestBytes = 0;
  responseBytes = 0;

  answered(status: number, durationMs: number, requestBytes: number, responseBytes: number): void {
    this.requests++;
    this.requestBytes += requestBytes;
    this.responseBytes += responseBytes;
    this.statuses[status >= 100 && status < 600 ? Math.floor(status / 100) : 0]++;
    this.latencySumMs += durationMs;
    let index = 0;
    while (index < LATENCY_BOUNDS_S.length && durationMs > LATENCY_BOUNDS_S[index] * 1000) index++;
    this.latency[index]++;
  }
}

/** Everything a gateway process counts. Plain numbers: nothing here may cost the hot path more than an addition. */
export class Counters {
  readonly faults = Object.fromEntries(FAULT_CODES.map((code) => [code, 0])) as Record<FaultCode, number>;
  readonly decisions: Record<string, { acted: number; would: number }> = {};
  readonly portFailures: Record<string, number> = {};
  readonly services = new Map<string, ServiceCounters>();
  /** What a port threw last; its stack is formatted only when somebody reads it. */
  lastPortError: unknown = null;
  connections = 0;
  connectionsOpen = 0;
  blocklistActed = 0;
  /** Of those, answered without a record: the same client, again and again. */
  blocklistRepeats = 0;
  blocklistWouldAct = 0;
  teeDrops = 0;
  /** OPTIONS that the gateway answered itself. */
  ownAnswers = 0;
  overflows = 0;
  tarpitsFull = 0;
  /** Requests that waited for what was being learned, how long in all, and how many of them until no longer. */
  learningWaits = 0;
  learningWaitedMs = 0;
  learningWaitsLate = 0;
  /** Did not wait because too many did. */
  learningWaitsFull = 0;
  reloads = 0;

  service(name: string): ServiceCounters {
    let counters = this.services.get(name);
    if (counters === undefined) {
      counters = new ServiceCounters();
      this.services.set(name, counters);
    }
    return counters;
  }

  decided(action: string, acted: boolean): void {
    this.decisions[action] ??= { acted: 0, would: 0 };
    if (acted) this.decisions[action].acted++;
    else this.decisions[action].would++;
  }

  portFailed(port: string, error: unknown): void {
    this.portFailures[port] = (this.portFailures[port] ?? 0) + 1;
    this.lastPortError = error;
  }
}
